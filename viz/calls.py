"""Which calls of modules, and which parts that a user named, what was recorded belongs to."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd_lite.arguments import TEXT, require
from autograd_lite.modes import SetForAWhile, recording
from autograd_lite.names import explains_keywords
from autograd_lite.node import Node, Scope, begun, plain
from autograd_lite.trees import leaves_of

Path = tuple["Call", ...]
"""The calls that something was computed in, the outermost first."""


class Call:
    """One call of a module, or a part of a computation that was given a name."""

    def __init__(self, scope: Scope) -> None:
        self.module, given, self.number, _ = scope
        self.is_named = given is None
        self.given = leaves_of(given)
        self.results: list[Any] = []
        self.label = self.module if self.is_named else type(self.module).__name__

    def computed(self, paths: dict[int, Path]) -> list[Any]:
        """The tensors that it computed: those between what it was given and what it returned.

        The paths tell those apart that calls before it computed, which a module may have kept.
        """
        if self.is_named:
            return self.results
        base, given = paths[id(self.results[0])], {id(leaf) for leaf in self.given}
        found: dict[int, Any] = {}
        waiting = list(self.results)
        while waiting:
            node = waiting.pop()
            if id(node) in given or id(node) in found or paths.get(id(node)) != base:
                continue
            found[id(node)] = node
            waiting += [argument for argument in node.arguments if isinstance(argument, Node)]
        return [*found.values()]


def paths_of(nodes: Iterable[Any]) -> dict[int, Path]:
    """The calls that each computed tensor belongs to, by its id."""
    paths: dict[int, Path] = {}
    calls: dict[int, Call] = {}
    for node in nodes:
        paths[id(node)] = ()
        scope = node.scope
        while scope is not None:
            number = scope[2]
            if number not in calls:
                calls[number] = Call(scope)
            calls[number].results.append(node)
            scope = scope[3]
    # A call that began later is inside of one that began before it, or comes after it.
    for call in sorted(calls.values(), key=lambda call: call.number):
        for node in call.computed(paths):
            paths[id(node)] += (call,)
    _name(paths.values())
    return paths


def _name(paths: Iterable[Path]) -> None:
    """Label calls as `named_modules` of the outermost module does."""
    names: dict[int, dict[int, str]] = {}
    for path in set(paths):
        modules = [call for call in path if not call.is_named]
        for call in modules[1:]:
            outermost = modules[0].module
            if id(outermost) not in names:
                named = outermost.named_modules()
                names[id(outermost)] = {id(module): name for name, module in named}
            name = names[id(outermost)].get(id(call.module))
            kind = type(call.module).__name__
            call.label = f"{name}: {kind}" if name else kind


def place_of(array: Any, users: Sequence[Path]) -> Path:
    """The calls that an array belongs to which was not computed: those of all its users.

    It is outside of calls that it was given to.
    """
    shared = []
    for calls in zip(*users):
        if any(call is not calls[0] for call in calls) or _was_given(calls[0], array):
            break
        shared.append(calls[0])
    return tuple(shared)


def _was_given(call: Call, array: Any) -> bool:
    """Whether it is what a call was given, a view of that, or that in the dtype of a layer."""
    return any(leaf is array or _shows(array, leaf) for leaf in call.given)


def _shows(array: Any, given: Any) -> bool:
    if any(isinstance(each, Node) and each._requires_grad for each in (given, array)):
        return False
    given, array = plain(given), plain(array)
    if not isinstance(given, np.ndarray) or not isinstance(array, np.ndarray):
        return False
    if np.may_share_memory(given, array):
        return True
    return given.shape == array.shape and bool(np.all(given.astype(array.dtype) == array))


def common(paths: Iterable[Path]) -> Path:
    """What several paths begin with."""
    together = zip(*paths)
    return tuple(
        calls[0] for calls in itertools.takewhile(lambda calls: len(set(calls)) == 1, together)
    )


class scope(SetForAWhile):  # noqa: N801 - used like no_grad
    """Draw what is computed inside as one part with a name, as for a module.

    Args:
        name: what to call it.

    Raises:
        ArgumentError: the name is not text.

    >>> import viz
    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> with viz.scope("energy"):
    ...     y = (x**2).sum()
    >>> [group.label for group in viz.graph(y).groups]
    ['energy']
    """

    @explains_keywords
    def __init__(self, name: str) -> None:
        super().__init__()
        require("viz.scope", "name", name, TEXT)
        self._name = name

    def _settings(self, key: Any) -> Iterable[tuple[ContextVar[Any], Any]]:
        outer = recording.get()
        around = outer.scope if isinstance(outer, _Naming) else None
        return ((recording, outer and _Naming((self._name, None, next(begun), around), outer)),)


class _Naming:
    """Gives all that is recorded a scope."""

    def __init__(self, own: Scope, outer: Any) -> None:
        self.scope = own
        self._outer = outer

    def recorded(self, node: Node) -> None:
        if self._outer is not True:
            self._outer.recorded(node)
        node.scope = self.scope
