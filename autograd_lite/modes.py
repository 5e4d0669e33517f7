"""Switches that hold for the current thread or task: whether operations are recorded."""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from typing import Self

recording: ContextVar[bool] = ContextVar("recording", default=True)


class _SetRecording(ContextDecorator):
    """Set `recording` on entry and restore it on exit, whatever happened inside."""

    on: bool

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> Self:
        self._tokens.append(recording.set(self.on))
        return self

    def __exit__(self, *exception: object) -> None:
        recording.reset(self._tokens.pop())

    def _recreate_cm(self) -> Self:
        # A decorated function may run in several threads at once: each call gets tokens of its own.
        return type(self)()


class no_grad(_SetRecording):  # noqa: N801 - its name in PyTorch
    """Compute without recording, as a context or a decorator, in this thread or task only.

    >>> from autograd_lite import Tensor
    >>> weight = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     (weight * 2).requires_grad
    False
    """

    on = False


class enable_grad(_SetRecording):  # noqa: N801 - its name in PyTorch
    """Record again inside a `no_grad`, as a context or a decorator.

    >>> from autograd_lite import Tensor
    >>> weight = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad(), enable_grad():
    ...     (weight * 2).requires_grad
    True
    """

    on = True
