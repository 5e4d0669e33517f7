"""Evaluation by context: modules compute as in use, while their own modes stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

modes: ContextVar[dict[Any, bool] | None] = ContextVar("modes", default=None)
"""In evaluation, the modes that modules were given meanwhile; all others are in evaluation."""


@contextmanager
def evaluation() -> Iterator[None]:
    """Have all modules compute as in evaluation mode, in this thread or task only.

    A mode that is set inside holds inside: a model that several threads use is not changed.

    >>> from nn import Dropout
    >>> layer = Dropout(0.5)
    >>> with evaluation():
    ...     layer.training
    False
    >>> layer.training
    True
    """
    token = modes.set({})
    try:
        yield
    finally:
        modes.reset(token)
