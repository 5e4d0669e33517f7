"""Steps on trial: what a model would show after some more of them, which it does not take."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite.node import Node
from nn.diagnosis.evidence import Evidence, observe
from nn.optimizers.optimizer import Optimizer

STEPS = 10
"""How many are tried: what they end is no fault of the model, but its beginning."""
STEP = 0.1
"""Largest entry of a step of descent: it shows in float32, and makes a weight of 0 one of a usual
size, but revives no dead unit."""


def changes(seen: Evidence) -> dict[str, Any]:
    """What a step of the optimizer would add to each parameter; nothing without an optimizer."""
    stepped = _stepped(seen, copy.deepcopy(seen.optimizer))
    return {seen.names[node]: value - node._array for node, value in stepped.items()}


def optimized(seen: Evidence) -> Iterator[Evidence]:
    """What a model shows after each of the optimizer's next steps, while gradients are finite.

    What is drawn at random is the same in each pass.
    """
    twin = copy.deepcopy(seen.optimizer)
    for _ in range(STEPS):
        values = _stepped(seen, twin)
        if not values:
            return
        seen = _passed(seen, values)
        yield seen


def descended(seen: Evidence) -> Iterator[Evidence]:
    """What a model shows after each of some steps of gradient descent.

    The steps are of one length, so that neither the learning rate matters nor the loss's scale.
    They move what the optimizer holds, and without one all that is learned.
    """
    learned = set(seen.learned_parameters.values())
    if seen.optimizer is not None:
        learned &= set(seen.optimizer.parameters)
    values: dict[Node, Any] = {}
    for _ in range(STEPS):
        gradients = {node: seen.gradients[node] for node in learned if node in seen.gradients}
        largest = (float(np.max(np.abs(slope), initial=0)) for slope in gradients.values())
        steepest = max(largest, default=0.0)
        if not 0 < steepest < np.inf:
            return
        rate = STEP / steepest
        for node, slope in gradients.items():
            values[node] = values.get(node, node._array) - rate * slope
        seen = _passed(seen, values)
        yield seen


def _passed(seen: Evidence, values: Mapping[Node, Any]) -> Evidence:
    return observe(seen.model, seen.X, seen.y, seen.loss_function, seen.optimizer, values)


def _stepped(seen: Evidence, twin: Optimizer | None) -> dict[Node, Any]:
    """The values of the model's parameters after a step of a copy of its optimizer.

    There are none without an optimizer, and where a gradient is not finite.
    """
    if seen.optimizer is None or twin is None:
        return {}
    pairs = list(zip(seen.optimizer.parameters, twin.parameters))
    for parameter, its_copy in pairs:
        its_copy.grad = seen.gradients.get(parameter)
        if its_copy.grad is not None and not np.isfinite(its_copy.grad).all():
            return {}
    twin.step()
    return {node: its_copy._array for node, its_copy in pairs if node in seen.names}
