"""Switches that hold for the current thread or task: are operations recorded, and watched?"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.node import NO_KEYWORDS, Cotangents, Node

Rule = Callable[[Node, Cotangents, bool, bool], None]
"""What is done at each node of a backward pass, see `engine.apply_rule`."""


class Recorder(Protocol):
    """Looks at every operation that is recorded."""

    def recorded(self, node: Node) -> None:
        """Called with each node that was just recorded."""


class Watch(Recorder, Protocol):
    """Looks also at every step of a backward pass, and knows through what an operation came."""

    def around(self, rule: Rule) -> Rule:
        """What is done at each node of one backward pass: the rule, and looking at what it gave."""

    def within(self, function: Any, made_of: Callable[..., Any]) -> Callable[..., Any]:
        """What is called in place of what a function is made of, see `table.composed`."""


recording: ContextVar[bool | Recorder] = ContextVar("recording", default=True)
"""False, True, or what looks; one variable, so that looking costs nothing when it is off."""
watching: ContextVar[Watch | None] = ContextVar("watching", default=None)
"""What watches whenever something is recorded."""


class Taken(NamedTuple):
    """What was computed from tensors beside the record: the call, and what it gave."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    outcome: Any


taken: ContextVar[list[Taken] | None] = ContextVar("taken", default=None)
"""Where what is computed from tensors beside the record is noted, if anywhere."""


def take(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any], outcome: Any
) -> None:
    """Note what was computed from tensors: a plain value, or a tensor that has no record."""
    noted = taken.get()
    if noted is not None:
        # Entries that are seen may be changed in place; tensors tell so themselves.
        outcome = outcome if isinstance(outcome, Node) else copy.deepcopy(outcome)
        noted.append(Taken(function, arguments, keywords, outcome))


def take_entries(*values: Any) -> None:
    """Note that the entries of tensors were used as they are."""
    for value in values:
        if isinstance(value, Node):
            take(np.copy, (value,), NO_KEYWORDS, value._array)


class _Set(NamedTuple):
    """A variable that something has set for a while, and its value before."""

    variable: ContextVar[Any]
    before: Any
    key: object


_set_now: ContextVar[tuple[_Set, ...]] = ContextVar("set_now", default=())


def set_for_a_while(variable: ContextVar[Any], value: Any) -> object:
    """Set a variable until `set_back` is given what is returned, in whatever order.

    Generators that pause inside of a context leave it in another order than they entered it.
    """
    entry = _Set(variable, variable.get(), object())
    _set_now.set((*_set_now.get(), entry))
    variable.set(value)
    return entry.key


def set_back(key: object) -> None:
    """Undo one `set_for_a_while`; what was set after it, and still is, stays.

    In another thread or task than that which set it nothing is to be undone.
    """
    remaining: list[_Set] = []
    undone = None
    for entry in _set_now.get():
        if entry.key is key:
            undone = entry
        elif undone and entry.variable is undone.variable:
            # What it will be set back to is what it was before both.
            remaining.append(entry._replace(before=undone.before))
            undone = None
        else:
            remaining.append(entry)
    _set_now.set(tuple(remaining))
    if undone:
        undone.variable.set(undone.before)


class SetRecording(ContextDecorator):
    """Set `recording` on entry and restore it on exit, whatever happened inside."""

    on: bool

    def __init__(self) -> None:
        self._keys: list[object] = []

    def __enter__(self) -> Self:
        self._keys.append(set_for_a_while(recording, self.on and (watching.get() or True)))
        return self

    def __exit__(self, *exception: object) -> None:
        set_back(self._keys.pop())

    def __call__(self, function: Any) -> Any:
        """The function, in this context whenever it is called."""
        if not callable(function):
            raise UnsupportedError(
                f"@{type(self).__name__}() of {describe_one(function)}",
                "it is no function",
                f"Write `with {type(self).__name__}():` around what is computed",
            )
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise UnsupportedError(
                f"@{type(self).__name__}() of {function.__name__}",
                "it runs after its call has returned",
                f"Write `with {type(self).__name__}():` inside of it",
            )
        return super().__call__(function)

    def _recreate_cm(self) -> Self:
        # A decorated function may run in several threads at once: each call gets a key of its own.
        return type(self)()


class no_grad(SetRecording):  # noqa: N801 - its name in PyTorch
    """Compute without recording, as a context or a decorator, in this thread or task only.

    >>> from autograd_lite import Tensor
    >>> weight = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     (weight * 2).requires_grad
    False
    """

    on = False


class enable_grad(SetRecording):  # noqa: N801 - its name in PyTorch
    """Record again inside a `no_grad`, as a context or a decorator.

    >>> from autograd_lite import Tensor
    >>> weight = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad(), enable_grad():
    ...     (weight * 2).requires_grad
    True
    """

    on = True
