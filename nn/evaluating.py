"""Evaluation by context: modules compute as in use, while their own modes stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from autograd_lite.modes import SetForAWhile, draws, modes, recording, redraws

watching_calls: ContextVar[Callable[[Any, Any], None] | None]
watching_calls = ContextVar("watching_calls", default=None)
"""Called with each module that is called in this thread or task, and what that returned."""


def drawn(draw: Callable[[], Any]) -> Any:
    """What a function draws, an array: a compiled step draws it anew, a checkpoint keeps it."""
    kept = redraws.get()
    array = None if kept is None else next(kept, None)
    if array is None:
        array = draw()
    if (noted := draws.get()) is not None:
        noted.append((array, draw))
    return array


class evaluation(SetForAWhile):  # noqa: N801 - used like no_grad
    """Record nothing, and have all modules compute as in evaluation mode, in this thread or task.

    A mode that is set inside holds inside: a model that several threads use is not changed.

    >>> from nn import Dropout
    >>> layer = Dropout(0.5)
    >>> with evaluation():
    ...     layer.training
    False
    >>> layer.training
    True
    """

    def _settings(self, key: Any) -> Iterable[tuple[ContextVar[Any], Any]]:
        return (modes, {}), (recording, False)
