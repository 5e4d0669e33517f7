"""Find the first value that is not finite, and writes to what backward has to read."""

from __future__ import annotations

import functools
import os
import sys
import weakref
from contextvars import Token
from dataclasses import dataclass
from types import FrameType
from typing import Self

import numpy as np

from autograd_lite.anomaly_report import (
    Source,
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
from autograd_lite.engine import apply_rule
from autograd_lite.errors import AnomalyError, AutogradError
from autograd_lite.modes import Rule, SetRecording, Watch, recording, watching
from autograd_lite.node import Array, Node
from autograd_lite.operators import _dispatch, _full_name, plain
from autograd_lite.read_only import hold, release
from autograd_lite.table import COMPOSED
from autograd_lite.trees import leaves_of

_PACKAGE = os.path.dirname(__file__)
_LIBRARY = tuple(
    folder + os.sep
    for folder in (
        _PACKAGE,
        os.path.join(os.path.dirname(_PACKAGE), "nn"),
        os.path.dirname(np.__file__),
    )
)
"""Whose lines are not the user's."""


class detect_anomaly(SetRecording):  # noqa: N801 - its name in PyTorch
    """Raise at the first value that is not finite, as a context or a decorator.

    It looks at the result of each operation that is recorded, and in backward at the gradient of
    each of its inputs. The error names the operation, the entries and what they were computed
    from, the line of code that ran the operation, and the way up to a parameter.

    What is let through:

    - NaN and infinity that an operation is given and leaves out of its result.
    - Infinity in a constant that masks or bounds: one given to `np.where`, `np.maximum`,
      `np.minimum`, `np.fmax`, `np.fmin`, `np.pad` or an addition; a single NaN given to `np.where`
      or `np.pad`; and what other operations make of such infinities, unless it is NaN.
    - What NumPy is told to ignore, as in `with np.errstate(invalid="ignore")`: "invalid" for
      NaN, "divide" or "over" for infinity. It raises where it reaches the scalar that `backward`
      starts from, or the gradient of a leaf.

    Inside, the arrays that an operation was given and has returned are read-only, until a
    backward pass has gone through it, it is dropped, or the context ends: writing to one through
    NumPy raises NumPy's own ValueError at that line. Backward passes with `create_graph` leave
    them so. A view that is taken of such an array stays read-only.

    It holds for the current thread or task, as `no_grad` does, and costs nothing elsewhere.

    Raises:
        AnomalyError: a value is not finite.

    >>> from autograd_lite import AutogradError, Tensor
    >>> weight = Tensor([1.0, 2.0], requires_grad=True, name="weight")
    >>> x = np.array([3.0, np.nan])
    >>> try:
    ...     with detect_anomaly():
    ...         loss = np.sum(weight * x)
    ... except AutogradError as error:
    ...     print(error)
    forward of multiply('weight' (2,), array (2,)): its input array (2,) was not finite already
      array (2,): 1 of 2 entries not finite, at [1]: nan
      File "<doctest autograd_lite.anomaly.detect_anomaly[3]>", line 3, in <module>
        loss = np.sum(weight * x)
      Computed from: multiply (2,) <- 'weight' (2,)
    Clean the data, or leave the entries out by np.where before
    """

    def __init__(self) -> None:
        super().__init__()
        self._entered: list[tuple[Token[Watch | None], _Anomalies | None]] = []

    def __enter__(self) -> Self:
        # A context inside of another goes on with the watch of that.
        outer = watching.get()
        own = None if isinstance(outer, _Anomalies) else _Anomalies()
        self._entered.append((watching.set(own or outer), own))
        self.on = bool(recording.get())
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        token, own = self._entered.pop()
        watching.reset(token)
        if own:
            own.release()
            error = exception[1]
            if isinstance(error, ValueError) and not isinstance(error, AutogradError):
                if "read-only" in str(error):
                    error.add_note(_READ_ONLY)


_READ_ONLY = (
    "Inside of detect_anomaly() the arrays that a recorded operation may read in backward are "
    "read-only until then. Change the array after backward(), change a copy, or compute what "
    "needs no backward inside of no_grad()."
)


@dataclass(slots=True)
class _Record:
    """What is known of a node that was recorded."""

    reference: weakref.ref[Node]
    source: Source | None
    watch: _Anomalies
    held: list[Array]

    def release(self) -> None:
        held, self.held = self.held, []
        release(held)


_records: dict[int, _Record] = {}  # by id of the node, as long as it lives


def _remember(node: Node, watch: _Anomalies) -> None:
    """Keep the line that a node comes from, and hold what its rule may read."""
    operation = node.operation
    assert operation is not None
    given = map(plain, leaves_of([node.arguments, node.keywords]))
    held = hold(given, node._data, inherits=not operation.traits.read_only)
    reference = weakref.ref(node, functools.partial(_forget, id(node)))
    _records[id(node)] = _Record(reference, _find_source(), watch, held)


def _forget(key: int, reference: weakref.ref[Node]) -> None:
    _records.pop(key).release()


def source_of(node: Node) -> Source | None:
    """The line that a node comes from, if it was recorded within `detect_anomaly`.

    >>> from autograd_lite import Tensor
    >>> with detect_anomaly():
    ...     y = np.exp(Tensor([1.0], requires_grad=True))
    >>> source_of(y).line
    2
    """
    record = _records.get(id(node))
    return record.source if record else None


class _Anomalies:
    """The watch of one context."""

    def recorded(self, node: Node) -> None:
        """Remember a node, and look at its value."""
        _remember(node, self)
        if is_finite(node._data) or _is_inside_rule():
            return
        # What was looked at when it was recorded has been let through.
        given = [value for value in bad_inputs(node) if id(value) not in _records]
        made = made_by(node)
        if given and not all(_is_ignored(severity(value)) for value in given):
            culprit = origin_of(given[0]) if is_computed(given[0]) else node
            raise forward_error(culprit, source_of(culprit))
        if made.any() and not _is_ignored(severity(node)[made]):
            raise forward_error(node, source_of(node))

    def around(self, rule: Rule) -> Rule:
        """The rule, and looking at the cotangents that it gives."""
        # Another rule is no backward pass, but a trial of what it would be.
        return _Pass(rule) if rule is apply_rule else rule

    def release(self) -> None:
        """Make the arrays writable that are still held."""
        for record in list(_records.values()):
            if record.watch is self:
                record.release()


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
        self.rule(node, cotangents, create_graph, careful)
        for argument in node.arguments:
            if isinstance(argument, Node) and argument._requires_grad:
                if not is_finite(cotangents[argument]):
                    self.found(node, argument, cotangents)
        if not create_graph and id(node) in _records:
            _records[id(node)].release()

    def found(self, node: Node, argument: Node, cotangents: dict[Node, Array]) -> None:
        """Raise for the first cotangent that is not finite, unless all are to be let through."""
        if self.first is None:
            self.first = backward_error(node, argument, cotangents, source_of(node))
        if argument.operation is None or not _is_ignored(severity(cotangents[argument])):
            raise self.first


def _check_start(root: Node, seed: Array) -> None:
    """Raise if backward starts from a scalar, or with a gradient, that is not finite."""
    if root._data.size == 1 and not is_finite(root):
        culprit = origin_of(root)
        reached = "" if culprit is root else ", which has reached what backward() starts from"
        raise forward_error(culprit, source_of(culprit), reached)
    if not is_finite(seed):
        raise seed_error(root, seed, source_of(root))


def _is_ignored(severities: Array) -> bool:
    """Whether NumPy is told to ignore what gives infinities, or NaN, where there are such."""
    state = np.geterr()
    infinity = "ignore" in (state["divide"], state["over"])
    return (infinity or not np.any(severities == 1)) and (
        state["invalid"] == "ignore" or not np.any(severities == 2)
    )


# Whose line it was


def _find_source() -> Source | None:
    """The innermost line that is none of the library's."""
    frame: FrameType | None = sys._getframe()
    through = ""
    while frame is not None:
        code = frame.f_code
        if code is _Pass.__call__.__code__:
            # What a rule records comes from the line of what the rule belongs to.
            node = frame.f_locals["node"]
            source = source_of(node)
            return source and source._replace(through=f"backward of {node.operation.name}")
        if code is _dispatch.__code__ and frame.f_locals["function"] in COMPOSED:
            through = _full_name(frame.f_locals["function"])
        if not code.co_filename.startswith(_LIBRARY):
            return Source(code.co_filename, frame.f_lineno, code.co_name, through)
        frame = frame.f_back
    return None


def _is_inside_rule() -> bool:
    """Whether a rule computes now, whose results are looked at after it."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code is not _Pass.__call__.__code__:
        frame = frame.f_back
    return frame is not None
