"""What is looked at while anomalies are detected, and the line of code that it came from."""

from __future__ import annotations

import functools
import os
import sys
import weakref
from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.anomaly.report import (
    CodeLine,
    backward_error,
    bad_inputs,
    forward_error,
    is_computed,
    is_finite,
    made_by,
    origin_of,
    seed_error,
    severity,
)
from autograd_lite.errors import AnomalyError
from autograd_lite.modes import Rule
from autograd_lite.node import Array, Node, plain
from autograd_lite.protocol import full_name
from autograd_lite.read_only import hold, release
from autograd_lite.trees import leaves_of

_INSTALLED = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
LIBRARY = tuple(
    folder + os.sep
    for folder in (
        *(os.path.join(_INSTALLED, package) for package in ("autograd_lite", "nn", "viz")),
        os.path.dirname(np.__file__),
    )
)
"""Whose lines are not the user's: the three packages, which are installed together, and NumPy."""


class _Entered(NamedTuple):
    """What was entered on the way to an operation: a function made of others, or a rule."""

    frame: FrameType
    through: str  # "np.diff", "backward of log"
    node: Node | None  # whose rule it is


_inside: ContextVar[tuple[_Entered, ...]] = ContextVar("inside", default=())
"""What runs now, the innermost last."""


def _enter(through: str, node: Node | None = None) -> Token[tuple[_Entered, ...]]:
    """Note that the caller runs a rule, or a function made of others, until it resets this."""
    return _inside.set((*_inside.get(), _Entered(sys._getframe(1), through, node)))


def _current_line() -> CodeLine | None:
    """The innermost line that is none of the library's; in a rule that of the rule's node."""
    frame: FrameType | None = sys._getframe()
    entered = list(_inside.get())
    through = ""
    while frame is not None:
        if entered and entered[-1].frame is frame:
            last = entered.pop()
            through = last.through
            if last.node is not None:
                code_line = code_line_of(last.node)
                return code_line and code_line._replace(through=through)
        code = frame.f_code
        if not code.co_filename.startswith(LIBRARY):
            return CodeLine(code.co_filename, frame.f_lineno, code.co_name, through)
        frame = frame.f_back
    return None


@dataclass(slots=True)
class _Watched:
    """What is known of a node that was recorded."""

    reference: weakref.ref[Node]
    code_line: CodeLine | None
    watch: Anomalies
    held: list[Array]

    def release(self) -> None:
        held, self.held = self.held, []
        release(held)


_watched: dict[int, _Watched] = {}  # by id of the node, as long as it lives


def _remember(node: Node, watch: Anomalies) -> None:
    """Keep the line that a node comes from, and hold what its rule may read."""
    operation = node.operation
    given = map(plain, leaves_of([node.arguments, node.keywords]))
    held = hold(given, node._data, inherits=not operation.traits.read_only)
    reference = weakref.ref(node, functools.partial(_forget, id(node)))
    _watched[id(node)] = _Watched(reference, _current_line(), watch, held)


def _forget(key: int, reference: weakref.ref[Node]) -> None:
    _watched.pop(key).release()


def code_line_of(node: Node) -> CodeLine | None:
    """The line that a node comes from, if it was recorded within `detect_anomaly`.

    >>> from autograd_lite import Tensor, detect_anomaly
    >>> with detect_anomaly():
    ...     y = np.exp(Tensor([1.0], requires_grad=True))
    >>> code_line_of(y).line
    2
    """
    watched = _watched.get(id(node))
    return watched.code_line if watched else None


class Anomalies:
    """The watch of one context."""

    def recorded(self, node: Node) -> None:
        """Remember a node, and look at its value."""
        _remember(node, self)
        if is_finite(node._data) or any(e.node is not None for e in _inside.get()):
            return
        # What was looked at when it was recorded has been let through.
        given = [value for value in bad_inputs(node) if id(value) not in _watched]
        made = made_by(node)
        if given and not all(_is_ignored(severity(value)) for value in given):
            culprit = origin_of(given[0]) if is_computed(given[0]) else node
            raise forward_error(culprit, code_line_of(culprit))
        if made.any() and not _is_ignored(severity(node)[made]):
            raise forward_error(node, code_line_of(node))

    def around(self, rule: Rule) -> Rule:
        """The rule, and looking at the cotangents that it gives."""
        return _Pass(rule)

    def within(self, function: Any, made_of: Callable[..., Any]) -> Callable[..., Any]:
        """What a function is made of, called so that its lines are found to be of the function."""

        def call(*arguments: Any, **keywords: Any) -> Any:
            token = _enter(full_name(function))
            try:
                return made_of(*arguments, **keywords)
            finally:
                _inside.reset(token)

        return call

    def release(self) -> None:
        """Make the arrays writable that are still held."""
        for watched in list(_watched.values()):
            if watched.watch is self:
                watched.release()


class _Pass:
    """The steps of one backward pass."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.started = False
        self.first: AnomalyError | None = None

    def __call__(
        self, node: Node, cotangents: dict[Node, Array], create_graph: bool, careful: bool
    ) -> None:
        if not self.started:
            self.started = True
            _check_start(node, cotangents[node])
        token = _enter(f"backward of {node.operation.name}", node)
        try:
            self.rule(node, cotangents, create_graph, careful)
        finally:
            _inside.reset(token)
        for argument in node.arguments:
            if isinstance(argument, Node) and argument._requires_grad:
                if not is_finite(cotangents[argument]):
                    self.found(node, argument, cotangents)
        if not create_graph and id(node) in _watched:
            _watched[id(node)].release()

    def found(self, node: Node, argument: Node, cotangents: dict[Node, Array]) -> None:
        """Raise for the first cotangent that is not finite, unless all are to be let through."""
        if self.first is None:
            self.first = backward_error(node, argument, cotangents, code_line_of(node))
        if argument.operation is None or not _is_ignored(severity(cotangents[argument])):
            raise self.first


def _check_start(root: Node, seed: Array) -> None:
    """Raise if backward starts from a scalar, or with a gradient, that is not finite."""
    if root._data.size == 1 and not is_finite(root):
        culprit = origin_of(root)
        reached = "" if culprit is root else ", which has reached what backward() starts from"
        raise forward_error(culprit, code_line_of(culprit), reached)
    if not is_finite(seed):
        raise seed_error(root, seed, code_line_of(root))


def _is_ignored(severities: Array) -> bool:
    """Whether NumPy is told to ignore what gives infinities, or NaN, where there are such."""
    state = np.geterr()
    infinity = "ignore" in (state["divide"], state["over"])
    return (infinity or not np.any(severities == 1)) and (
        state["invalid"] == "ignore" or not np.any(severities == 2)
    )
