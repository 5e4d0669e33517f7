"""Find the first value that is not finite, and writes to what backward has to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd_lite.anomaly import report
from autograd_lite.anomaly.report import bad_inputs, is_computed, is_finite, made_by, severity
from autograd_lite.anomaly.watched import entered, entering, remember, watched_nodes
from autograd_lite.modes import Rule, SetRecording, recording, watching
from autograd_lite.node import Array, Cotangents, Node, Pass, inputs_of
from autograd_lite.protocol import full_name
from autograd_lite.read_only import is_of_writing


class detect_anomaly(SetRecording):  # noqa: N801 - its name in PyTorch
    """Raise at the first value that is not finite, as a context or a decorator.

    It looks at the result of each recorded operation and, in backward, at the gradient of each of
    its inputs. The error names the operation, the entries and what they were computed from, the
    line of code that ran the operation, and the path to a parameter.

    What is allowed:

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

    >>> import numpy as np
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
      File "<doctest autograd_lite.anomaly.detect_anomaly[4]>", line 3, in <module>
        loss = np.sum(weight * x)
      Computed from: multiply (2,) <- 'weight' (2,)
    Clean the data, or leave the entries out by np.where before
    """

    def _key(self) -> Anomalies:
        return Anomalies()

    def _settings(self, key: Anomalies) -> Iterable[tuple[ContextVar[Any], Any]]:
        # A context inside of another goes on with the watch of that.
        outer = watching.get()
        watch = outer if isinstance(outer, Anomalies) else key
        return (watching, watch), (recording, recording.get() and watch)

    def _end(self, key: Anomalies) -> None:
        key.release()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        error = exception[1]
        if isinstance(error, ValueError) and is_of_writing(error):
            if not isinstance(watching.get(), Anomalies):
                error.add_note(_READ_ONLY)


_READ_ONLY = (
    "Inside of detect_anomaly() the arrays that a recorded operation may read in backward are "
    "read-only until then. Change the array after backward(), change a copy, or compute what "
    "needs no backward inside of no_grad()."
)


class Anomalies:
    """The watch of one context."""

    def recorded(self, node: Node) -> None:
        """Remember a node, and look at its value."""
        remember(node, self)
        if is_finite(node._array) or any(e.node is not None for e in entered.get()):
            return
        # What was looked at when it was recorded has been let through.
        given = [value for value in bad_inputs(node) if id(value) not in watched_nodes]
        made = made_by(node)
        if given and not all(_is_ignored(severity(value)) for value in given):
            culprit = report.origin_of(given[0]) if is_computed(given[0]) else node
            raise report.forward_error(culprit)
        if made.any() and not _is_ignored(severity(node)[made]):
            raise report.forward_error(node)

    def around(self, rule: Rule) -> Rule:
        """The rule, and looking at the cotangents that it gives in one backward pass."""
        started, first = False, None

        def step(node: Node, cotangents: Cotangents, way: Pass, careful: bool) -> None:
            nonlocal started, first
            if not started:
                started = True
                _require_finite_start(node, cotangents[node])
            with entering(f"backward of {node.operation.name}", node):
                rule(node, cotangents, way, careful)
            for argument in inputs_of(node):
                found = cotangents.get(argument)
                if found is not None and not is_finite(found):
                    first = first or report.backward_error(node, argument, cotangents)
                    if argument.operation is None or not _is_ignored(severity(found)):
                        raise first
            if not way.create_graph and id(node) in watched_nodes:
                watched_nodes[id(node)].release()

        return step

    def within(self, function: Any, made_of: Callable[..., Any]) -> Callable[..., Any]:
        """What a function is made of, called so that its lines are found to be of the function."""

        def call(*arguments: Any, **keywords: Any) -> Any:
            with entering(full_name(function)):
                return made_of(*arguments, **keywords)

        return call

    def release(self) -> None:
        """Make the arrays writable that are still held."""
        for watched in list(watched_nodes.values()):
            if watched.watch is self:
                watched.release()


def _require_finite_start(root: Node, seed: Array) -> None:
    """Raise if backward starts from a scalar, or with a gradient, that is not finite."""
    if root._array.size == 1 and not is_finite(root):
        culprit = report.origin_of(root)
        reached = "" if culprit is root else ", which has reached what backward() starts from"
        raise report.forward_error(culprit, reached)
    if not is_finite(seed):
        raise report.seed_error(root, seed)


def _is_ignored(severities: Array) -> bool:
    """Whether NumPy is told to ignore what gives infinities, or NaN, where there are such."""
    told = np.geterr()
    infinity = "ignore" in (told["divide"], told["over"])
    return (infinity or not np.any(severities == 1)) and (
        told["invalid"] == "ignore" or not np.any(severities == 2)
    )
