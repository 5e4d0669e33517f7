"""Switches that hold for the current thread or task: are operations recorded, and watched?"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np

from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.interruption import whole
from autograd_lite.names import explains_keywords
from autograd_lite.node import NO_KEYWORDS, Cotangents, Node, Pass, plain
from autograd_lite.read_only import OURS
from autograd_lite.trees import map_tree

Rule = Callable[[Node, Cotangents, Pass, bool], None]
"""What is done at each node of a backward pass, see `engine.apply_rule`."""


if TYPE_CHECKING:

    class Recorder(Protocol):
        """Looks at every operation that is recorded."""

        def recorded(self, node: Node) -> None:
            """Called with each node that was just recorded."""

    class Watch(Recorder, Protocol):
        """Looks also at every step of a backward pass, and knows through what an operation came."""

        def around(self, rule: Rule) -> Rule:
            """What is done at each node of a backward pass: the rule, and a look at it."""

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


draws: ContextVar[list[tuple[Any, Callable[[], Any]]] | None] = ContextVar("draws", default=None)
"""Where what modules draw at random is noted, and how it is drawn again, if anywhere."""
redraws: ContextVar[Iterator[Any] | None] = ContextVar("redraws", default=None)
"""What modules take in place of what they would draw, in the order of the draws, if anything."""
moves: ContextVar[dict[Any, Any] | None] = ContextVar("moves", default=None)
"""What buffers of modules would be assigned, by buffer, where it is noted instead."""
modes: ContextVar[dict[Any, bool] | None] = ContextVar("modes", default=None)
"""In evaluation, the modes that modules were given meanwhile; all others are in evaluation."""
taken: ContextVar[list[Taken] | None] = ContextVar("taken", default=None)
"""Where what is computed from tensors beside the record is noted, if anywhere."""
noted_now = taken.get
"""Bound once, as are others: to look for the method takes three times as long as to call it."""


def take(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any], outcome: Any
) -> None:
    """Note what was computed from tensors: a plain value, or a tensor that has no record."""
    noted = noted_now()
    if noted is not None:
        # Entries that are seen may be changed in place; tensors tell so themselves.
        if not isinstance(outcome, Node):
            from copy import deepcopy

            outcome = deepcopy(outcome)
        noted.append(Taken(function, arguments, keywords, outcome))


class Followed(list[Taken]):
    """What was taken, where all arrays that are computed from tensors are tensors as well."""


def give(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any], outcome: Any
) -> Any:
    """What a function without a derivative gives, as callers get it, once that is noted."""
    if isinstance(taken.get(), Followed) and isinstance(outcome, np.ndarray | np.generic):
        outcome = Node.tensor_class(outcome)  # type: ignore[call-arg] # that of the subclass Tensor
    take(function, arguments, keywords, outcome)
    return outcome


def take_entries(*values: Any) -> None:
    """Note that the entries of tensors were used as they are."""
    for value in values if noted_now() is not None else ():
        if isinstance(value, Node):
            take(np.copy, (value,), NO_KEYWORDS, value._array)


def entries_of(value: Any) -> Any:
    """The array of a tensor of which the entries are used as they are; followed, the tensor."""
    if isinstance(taken.get(), Followed):
        return value
    take_entries(value)
    return plain(value)


def decisive(value: Any) -> Any:
    """The array of a tensor whose entries decide what is computed."""
    take_entries(value)
    return plain(value)


def condition(function: Callable[..., Any]) -> Callable[..., bool]:
    """Let a condition on arrays take tensors as well, and note its outcome.

    While a rule is traced it is given what takes the place of arrays, and remembers itself.
    """

    @functools.wraps(function)
    def holds(*values: Any) -> bool:
        if not any(isinstance(value, Node.tensor_class) for value in values):
            return bool(function(*values))
        outcome = bool(function(*map(plain, values)))
        take(function, values, NO_KEYWORDS, outcome)
        return outcome

    return holds


class _Set(NamedTuple):
    """A variable that something has set for a while, and its value before."""

    variable: ContextVar[Any]
    before: Any
    key: object


set_now: ContextVar[tuple[_Set, ...]] = ContextVar("set_now", default=())
"""What contexts have set, and not yet set back."""


def set_for_a_while(variable: ContextVar[Any], value: Any, key: object) -> None:
    """Set a variable until `set_back` is given the key, in whatever order.

    Generators that pause inside of a context leave it in another order than they entered it.
    """
    set_now.set((*set_now.get(), _Set(variable, variable.get(), key)))
    variable.set(value)


def set_back(key: object) -> None:
    """Undo all of `set_for_a_while` with a key; what was set after it, and still is, stays.

    In another thread or task than that which set it nothing is to be undone. Called once more it
    completes a call that was interrupted.
    """
    remaining: list[_Set] = []
    undone: dict[ContextVar[Any], _Set] = {}
    for entry in set_now.get():
        if entry.key is key:
            undone.setdefault(entry.variable, entry)
        elif entry.variable in undone:
            # What it will be set back to is what it was before both.
            before = undone.pop(entry.variable).before
            remaining.append(_Set(entry.variable, before, entry.key))
        else:
            remaining.append(entry)
    for entry in undone.values():
        entry.variable.set(entry.before)
    set_now.set(tuple(remaining))


class SetForAWhile:
    """A context that sets variables on entry, and restores them on exit, whatever happened inside.

    Ctrl-C can come before Python has called `__exit__`, or when that begins: then they are restored
    when nothing refers to the context any more.
    """

    _keys: list[Any] = []  # noqa: RUF012 - of what was interrupted before it had its own

    def __init__(self) -> None:
        self._keys = []

    def _settings(self, key: Any) -> Iterable[tuple[ContextVar[Any], Any]]:
        """Variables, and what to set them to."""
        raise NotImplementedError

    def _key(self) -> Any:
        """By what one time that the context is entered is told from others."""
        return object()

    def _end(self, key: Any) -> None:
        """What else there is to restore; if it is interrupted it is called once more."""

    def __enter__(self) -> Any:
        key = self._key()
        self._keys.append(key)
        for variable, value in self._settings(key):
            set_for_a_while(variable, value, key)
        return self

    def __exit__(self, *exception: object) -> None:
        key = self._keys[-1]
        self._end(key)
        set_back(key)
        self._keys.pop()

    def __del__(self) -> None:
        if self._keys:
            with whole():
                while self._keys:
                    SetForAWhile.__exit__(self)


class setting(SetForAWhile):  # noqa: N801 - used like no_grad
    """Set one variable.

    >>> with setting(recording, False):
    ...     recording.get()
    False
    """

    def __init__(self, variable: ContextVar[Any], value: Any) -> None:
        super().__init__()
        self._setting = variable, value

    def _settings(self, key: Any) -> Iterable[tuple[ContextVar[Any], Any]]:
        return (self._setting,)


_RUN_LATER = (
    inspect.isgeneratorfunction,
    inspect.iscoroutinefunction,
    inspect.isasyncgenfunction,
)


class SetRecording(SetForAWhile, ContextDecorator):
    """Set `recording` on entry and restore it on exit, whatever happened inside."""

    on: bool

    def __new__(cls, *decorated: Any, **named: Any) -> Any:
        """An instance; of a function that function in it, as `@no_grad` without parentheses."""
        return cls()(*decorated) if len(decorated) == 1 and not named else super().__new__(cls)

    @explains_keywords
    def __init__(self) -> None:
        super().__init__()

    def _settings(self, key: Any) -> Iterable[tuple[ContextVar[Any], Any]]:
        return ((recording, self.on and (watching.get() or True)),)

    def __call__(self, function: Any) -> Any:
        """The function, in this context whenever it is called."""
        if not callable(function):
            raise UnsupportedError(
                f"@{type(self).__name__}() of {describe_one(function)}",
                "it is no function",
                f"Write `with {type(self).__name__}():` around what is computed",
            )
        if isinstance(function, type) or any(later(function) for later in _RUN_LATER):
            raise UnsupportedError(
                f"@{type(self).__name__}() of {function.__name__}",
                "what it computes, it computes after its call has returned",
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


def unrecorded(vjp: Any) -> Any:
    """A rule of somebody else's, which gives arrays, and records nothing, unless handed tensors."""

    def call(g: Any, *given: Any, **keywords: Any) -> Any:
        if isinstance(g, Node):
            return vjp(g, *given, **keywords)
        # What is set in a copy of the context ends with it, wherever an interruption comes.
        context = copy_context()
        context.run(recording.set, False)
        result = context.run(vjp, g, *given, **keywords)
        if callable(result):  # what a variadic rule returns, from an argument's index
            return lambda index: plain(context.run(result, index))
        return map_tree(plain, result)

    package = str(getattr(vjp, "__module__", "")).partition(".")[0]
    return vjp if vjp is None or package in OURS else functools.update_wrapper(call, vjp)


def unusual(recorded: bool = False) -> str:
    """Why a program is not run now in place of what is computed, in words; empty if it may be.

    Where it is to be `recorded` as well, that has to be on.
    """
    how = recording.get()
    if watching.get() is not None or not (how is True or (how is False and not recorded)):
        return "what is computed is watched"
    if modes.get() is not None:
        return "modules are evaluated meanwhile"
    if raises_errors():
        return "np.errstate asks for more than warnings"
    return "it is being recorded" if taken.get() is not None else ""


def nothing_unusual(names: dict[str, Any]) -> str:
    """A condition in Python under which `unusual(recorded=True)` is empty, and what it reads.

    In line, as to call that takes as long as a small program.
    """
    names |= {"recording": recording.get, "set_now": set_now.get}
    names |= {"numpy_settings": numpy_settings, "raises_errors": raises_errors}
    errors = "(numpy_settings(None) is None or not raises_errors())"
    return f"recording() is True and not set_now() and {errors}"


def _found_settings() -> Callable[[Any], Any]:
    with np.errstate():
        variables = [x for x in copy_context() if x.name == "numpy.ufunc.extobj"]
    return variables[0].get if variables else lambda absent: variables


numpy_settings = _found_settings()
"""What was set of NumPy's treatment of errors; what it is given where nothing was."""


def raises_errors() -> bool:
    """Whether NumPy is to do more than warn of errors, which it does not in what is compiled."""
    # Of most, who have set nothing, np.geterr() takes as long as a small program.
    return numpy_settings(None) is not None and any(
        how not in ("warn", "ignore") for how in np.geterr().values()
    )
