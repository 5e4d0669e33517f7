"""What is looked at while anomalies are detected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.anomaly.report import (
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
from autograd_lite.anomaly.watched import entered, entering, remember, watched_nodes
from autograd_lite.engine import Cotangents
from autograd_lite.modes import Rule
from autograd_lite.node import Array, Node, inputs_of
from autograd_lite.protocol import full_name


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
            culprit = origin_of(given[0]) if is_computed(given[0]) else node
            raise forward_error(culprit)
        if made.any() and not _is_ignored(severity(node)[made]):
            raise forward_error(node)

    def around(self, rule: Rule) -> Rule:
        """The rule, and looking at the cotangents that it gives in one backward pass."""
        started, first = False, None

        def step(node: Node, cotangents: Cotangents, create_graph: bool, careful: bool) -> None:
            nonlocal started, first
            if not started:
                started = True
                _require_finite_start(node, cotangents[node])
            with entering(f"backward of {node.operation.name}", node):
                rule(node, cotangents, create_graph, careful)
            for argument in inputs_of(node):
                found = cotangents.get(argument)
                if found is not None and not is_finite(found):
                    first = first or backward_error(node, argument, cotangents)
                    if argument.operation is None or not _is_ignored(severity(found)):
                        raise first
            if not create_graph and id(node) in watched_nodes:
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
        culprit = origin_of(root)
        reached = "" if culprit is root else ", which has reached what backward() starts from"
        raise forward_error(culprit, reached)
    if not is_finite(seed):
        raise seed_error(root, seed)


def _is_ignored(severities: Array) -> bool:
    """Whether NumPy is told to ignore what gives infinities, or NaN, where there are such."""
    told = np.geterr()
    infinity = "ignore" in (told["divide"], told["over"])
    return (infinity or not np.any(severities == 1)) and (
        told["invalid"] == "ignore" or not np.any(severities == 2)
    )
