"""Watch over a training loop that keeps the record of all its steps, as `total += loss` does."""

from __future__ import annotations

import gc
from itertools import pairwise
from typing import Any

from autograd_lite.engine import backward_order
from autograd_lite.errors import describe_one
from autograd_lite.node import Node
from nn.diagnosis.evidence import inputs
from nn.diagnosis.report import Diagnosis, Finding

GROWTH_STEPS = 20
"""Steps in a row each of which leaves more recorded tensors than the one before it. Loops that sum
the losses of a few batches before they go backward do so for fewer steps."""


class GraphWatch:
    """Counts the tensors with a record that are alive after each step of a loop.

    A loop that drops its loss frees the record, and the count stays the same. It grows at each step
    where something holds on to all losses or predictions with their records: `total += loss`
    instead of `total += loss.item()`, a list of predictions, a state that is carried along without
    `detach()`. A call takes some milliseconds, as it looks at all objects.

    >>> from autograd_lite import Tensor
    >>> weight, watch, total = Tensor(1.0, requires_grad=True), GraphWatch(), 0.0
    >>> for step in range(25):
    ...     loss = (weight - step) ** 2
    ...     loss.backward()
    ...     total += loss
    ...     watch.step()
    >>> [finding.name for finding in watch.diagnosis().findings]
    ['growing graph']
    """

    def __init__(self) -> None:
        self.counts: list[int] = []
        """Recorded tensors alive after each step."""
        self._findings: list[Finding] = []

    def step(self) -> None:
        """Count; call it at the end of each step."""
        recorded = _recorded()
        self.counts.append(len(recorded))
        latest = self.counts[-GROWTH_STEPS - 1 :]
        grew = all(before < after for before, after in pairwise(latest))
        if len(latest) > GROWTH_STEPS and grew and not self._findings:
            self._findings.append(_growth(recorded, (latest[-1] - latest[0]) / GROWTH_STEPS))

    def diagnosis(self) -> Diagnosis:
        """The finding, once the count grew at each of 20 steps in a row; or none."""
        return Diagnosis(list(self._findings))


def _recorded() -> list[Any]:
    # By type(), as isinstance() asks the object, and some import a library when they are asked.
    objects = gc.get_objects()
    return [o for o in objects if issubclass(type(o), Node) and o.operation is not None]


def _growth(recorded: list[Any], a_step: float) -> Finding:
    """The finding, with the tensor that the longest record ends in."""
    inner = {each for node in recorded for each in inputs(node)}
    lengths = {node: len(backward_order(node)) for node in recorded if node not in inner}
    longest = max(lengths, key=lengths.__getitem__)
    return Finding(
        "growing graph",
        (f"{describe_one(longest)}, computed by {longest.operation.name}",),
        a_step,
        0,
        f"Each of {GROWTH_STEPS} steps left more recorded tensors in memory than the one before, "
        f"{a_step:g} on average, and {len(recorded)} by now. The longest record, of "
        f"{lengths[longest]} tensors, ends in the one named above.",
        "Add numbers up rather than tensors, total += loss.item(); keep predictions.data instead "
        "of predictions, and state.detach() instead of a state.",
    )
