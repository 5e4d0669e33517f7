"""What tensors are called, by the user where possible."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import numpy as np

from autograd_lite.anomaly.watched import code_line_of
from autograd_lite.engine import backward_order
from autograd_lite.forensics.place import Place, is_array, is_usual
from autograd_lite.forensics.replay import DEPTH, Graph
from autograd_lite.tensor import Tensor
from autograd_lite.textbook.naming import (
    Identifiers,
    distinct_names,
    given_names,
    key_of,
    names_of,
    variables_of,
    visible_arrays,
)
from autograd_lite.textbook.words import cotangent_formula, value_formula

LONGEST_OPERAND = 80
"""Characters of the formula of an operand that has no name."""
MOST_NUMBERS = 30
"""Numbers of the caller's that a factor may be."""
MOST_NODES = 1000
"""Nodes of a record that is read as formulas to name one of them."""


class Names:
    """What tensors are called: by the user where possible."""

    def __init__(self, graph: Graph, frame: FrameType) -> None:
        self.loss = graph.loss
        self.frame = frame
        self.variables = variables = variables_of(frame)
        # Those with a name of the user's or of a layer's.
        self.given = frozenset(given_names(graph.order[::-1], variables, Identifiers()))
        self.of = names_of(graph.loss, variables)
        self.distinct = distinct_names(graph.leaves, variables)
        self.known = set(self.given)
        self.originals: dict[Any, Tensor] = {}
        self.passed_on: set[Any] = set()  # what is called as the node is that has its cotangent
        for node in graph.order:
            consumer = _passed_on(graph, node) if node not in self.given else None
            if consumer is not None:
                self.of[node] = self.of[consumer]
                self.known.add(node)
                self.passed_on.add(node)
        self._name_parts(graph)
        self._name_states(graph)

    def _name_parts(self, graph: Graph) -> None:
        """Call the parts of the caller's arrays x[0], x[1], as a loop takes them."""
        whole = [(name, a) for name, a in visible_arrays(self.variables) if is_array(a) and a.ndim]
        for name, array in whole:
            self.of.setdefault(id(array), name)
        for part in graph.plain_arrays:
            if id(part) in self.of or not isinstance(part, np.ndarray) or part.base is None:
                continue
            for name, array in whole:
                step, start = array.strides[0], array.__array_interface__["data"][0]
                offset = part.__array_interface__["data"][0] - start
                number = offset // step if step else 0
                if part.shape == array.shape[1:] and 0 <= number < len(array):
                    if np.shares_memory(part, array[number]) and offset == number * step:
                        self.of.setdefault(id(part), f"{name}[{number}]")

    def _name_states(self, graph: Graph) -> None:
        """Call what a variable of a loop held before h1, h2, as the last of them is called h."""
        same: dict[Any, list[Tensor]] = {}
        for place, role in graph.roles[DEPTH // 2].items():
            if role not in same or same[role][-1] is not place.node:
                same.setdefault(role, []).append(place.node)
        taken = {*self.of.values()}
        for nodes in same.values():
            named = [node for node in nodes if node in self.given]
            if len(named) == 1 < len(nodes) and named[0] is nodes[0]:
                for number, node in enumerate(nodes[:0:-1], 1):
                    name = f"{self.of[named[0]]}{number}"
                    if name not in taken and node not in self.known:
                        self.of[node] = name
                        self.known.add(node)

    def numbers(self) -> dict[str, float]:
        """The caller's numbers that are no whole ones, by the names of their variables."""
        visible = [(name, n) for name, n in self.variables.items() if not name.startswith("_")]
        held = {name: float(n) for name, n in visible if isinstance(n, float | np.floating)}
        found = {name: n for name, n in held.items() if is_usual(n) and not n.is_integer()}
        return dict(itertools.islice(found.items(), MOST_NUMBERS))

    def move(self, again: Mapping[Any, Tensor]) -> None:
        """Take over the names for the counterparts of nodes in a graph recorded again."""
        self.originals = {counterpart: node for node, counterpart in again.items()}
        self.of |= {again[node]: name for node, name in self.of.items() if node in again}
        self.distinct |= {again[n]: name for n, name in self.distinct.items() if n in again}
        self.given |= {again[node] for node in self.given if node in again}
        self.known |= {again[node] for node in self.known if node in again}
        self.passed_on |= {again[node] for node in self.passed_on if node in again}

    def source(self, node: Tensor) -> str:
        """File and line of the operation: as it ran, or where a variable of its name is set."""
        ran_at = code_line_of(node)
        if ran_at:
            return f"{ran_at.file}, line {ran_at.line}"
        node = self.originals.get(node, node)
        if self.variables.get(self.of[node]) is not node:
            return ""
        try:
            lines, first = inspect.getsourcelines(self.frame)
        except (OSError, TypeError):
            return ""
        pattern = re.compile(rf"\s*{re.escape(self.of[node])}\s*=[^=]")
        numbers = [number for number, line in enumerate(lines) if pattern.match(line)]
        before = [n + max(first, 1) for n in numbers if n + first <= self.frame.f_lineno]
        return f"{self.frame.f_code.co_filename}, line {before[-1]}" if before else ""

    def own(self, tensor: Tensor) -> str:
        """The name that the user knows: a parameter's is the one in its module."""
        return self.distinct.get(tensor) or self.of[tensor]

    def cotangent(self, tensor: Tensor) -> str:
        """dW1 for W1, with the parameter's own name where it is another."""
        own = self.own(tensor)
        return f"d{self.of[tensor]}" + (f" (of {own})" if own != self.of[tensor] else "")

    def step(self, place: Place, end: Tensor) -> str:
        """Where a step starts, and where it or others that follow it end."""
        target = self.cotangent(end if end in self.given else place.argument)
        if place.node in self.known:
            start = self.cotangent(place.node)
            return f"Step from {start} to {self.operand(place) if start == target else target}"
        return f"Step to {target} through {place.operation.name}"

    def operand(self, place: Place) -> str:
        """The operand that a step leads to, by its name, its formula or its number."""
        if place.argument in self.given:
            return self.of[place.argument]
        formula = self._formula(place.argument)
        short = f"the operand {formula}" if formula else ""
        row = place.argument.operation
        given = f", which {row.name} gives" if row else ""
        return short or f"operand {place.slot + 1} of {place.operation.name}{given}"

    def value(self, node: Any, unknown: str = "") -> str:
        """What the values of a node, or array, are called: by a name, or by their formula."""
        name = self.of.get(key_of(node), unknown)
        formula = self._formula(node) if key_of(node) in self.passed_on else ""
        is_sum = re.search(r" [+-] ", formula)
        return (f"({formula})" if is_sum else formula) or name

    def described(self, node: Any, unknown: str) -> str:
        """What values are called in words: by a name of the caller's, or by their formula."""
        is_unnamed = isinstance(node, Tensor) and node not in self.known
        return (self._formula(node) if is_unnamed else "") or self.value(node, unknown)

    def _formula(self, node: Tensor) -> str:
        """What a node is computed by; empty where that is long."""
        if len(backward_order(self.loss)) > MOST_NODES:
            return ""
        original = self.originals.get(node, node)
        formula = written(value_formula, self.loss, original, self.variables)
        return formula if len(formula) <= LONGEST_OPERAND else ""

    def function(self, place: Place) -> str:
        """The function of a step, and whether it is one that is written out with others."""
        original = self.originals.get(place.node, place.node)
        is_own = original.operation is place.operation
        return place.operation.name + ", written out," * (not is_own)

    def whole_cotangent(self, tensor: Tensor) -> str:
        """The formula of a cotangent from named ones; empty if the loss has parts without one."""
        original = self.originals.get(tensor, tensor)
        return written(cotangent_formula, self.loss, original, self.of, self.variables)


def written(formula: Callable[..., str], *given: Any) -> str:
    """A formula; empty where it cannot be written, which is no reason to report nothing."""
    try:
        return formula(*given)
    except Exception:  # A rule of the user's own may not stand what it is traced with.
        return ""


def _passed_on(graph: Graph, node: Tensor) -> Tensor | None:
    """The node whose cotangent a node has too, as that of z in z + b."""
    consumers = graph.consumers.get(node, [])
    if len(consumers) != 1:
        return None
    same = graph.unmatched[consumers[0]] is graph.right[consumers[0].node]
    return consumers[0].node if same and consumers[0].node.shape == node.shape else None
