"""The program of a loss, read into terms and names."""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from autograd_lite.node import Array, Node, arrays_in, plain
from autograd_lite.program.program import Step
from autograd_lite.program.trace import trace
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.layout import needed_for
from autograd_lite.textbook.naming import (
    Identifiers,
    given_names,
    key_of,
    leaves_of,
    visible_arrays,
)
from autograd_lite.textbook.numpy_source import is_short
from autograd_lite.textbook.origins import recognized
from autograd_lite.textbook.spellings import TEXTBOOK


class Reader:
    """Reads the program of a loss into terms and names.

    Attributes:
        given: the names of nodes and arrays.
        own: those of them that the user or a network has names for, as keys of `given`.
        inputs: the terms that are not computed, and what they stand for.
        visible: the terms of data that variables hold, and their values.
        users: the ids of all tensors and arrays that variables hold.
        averaged: the shapes of what is averaged.
        factors: plain arrays by the functions of what they multiply.
    """

    def __init__(self, loss: Node, variables: Mapping[str, Any]) -> None:
        self.program = program = trace(loss, TEXTBOOK)
        self.formulas = Formulas(program)
        self.identifiers = Identifiers()
        nodes = [*program.values]
        self.given = given_names(nodes, variables, self.identifiers)
        self.inputs: dict[Step, Any] = {}
        self.visible: list[tuple[Step, Array]] = []
        self.users: set[int] = set()
        for name, array in visible_arrays(variables):
            self.users.add(id(array))
            if not getattr(array, "requires_grad", False):
                if key_of(array) not in self.given:
                    self.given[key_of(array)] = self.identifiers.unique(name)
                self.visible.append((self._enter(array), plain(array)))
        self.own = frozenset(self.given)
        means = [node for node in nodes if node.operation and node.operation.traits.averages]
        self.averaged = {node.arguments[0].shape for node in means}
        self.factors = _factors(nodes)
        for leaf in leaves_of(nodes):
            if leaf in self.given:
                self._enter(leaf)
        for node, given in program.given.items():
            if not all(step in self.formulas.known for step in given):
                self._meet_inputs(node)
            self._enter(node)

    def data(self) -> set[Step]:
        """The inputs of the loss that are no parameters."""
        used = {*needed_for(map(self.formulas.term, self.program.inputs.values()))}
        fixed = {t for t, x in self.inputs.items() if not getattr(x, "requires_grad", False)}
        return used & fixed

    def lengths(self, data: Iterable[Step]) -> set[int]:
        """The lengths of the axes of data, and the sizes of what is averaged like them."""
        shapes = {term.shape for term in data}
        sizes = {math.prod(shape) for shape in shapes & self.averaged}
        return {n for n in {*itertools.chain(*shapes), *sizes} if n > 2}

    def named_cotangents(
        self, found: Mapping[Node, Any], results: Mapping[str, Any], first: int
    ) -> tuple[dict[Step, str], dict[str, str]]:
        """Names for the cotangents of nodes with names, and what mathematics calls them."""
        named: dict[Step, str] = {}
        symbols = {name: f"∂{name[1:]}" for name in results}
        for node, term in found.items():
            new = isinstance(term, Step) and term.number >= first and term not in named
            if new and node in self.given:
                name = f"d{self.given[node]}"
                named[term] = name = name if name in results else self.identifiers.unique(name)
                structural = not (node.name or id(node) in self.users)
                delta = re.fullmatch(r"[zZ](\d*)", self.given[node]) if structural else None
                symbols[name] = f"δ{delta[1]}" if delta else f"∂{name[1:]}"
        return named, symbols

    def _step(self, value: Any) -> Step | None:
        """The step of a node or an array, if the program has one."""
        key = key_of(value)
        return self.program.inputs.get(key) or self.program.values.get(key)

    def _enter(self, value: Any) -> Any:
        """Find the term of a node or an array, and name it."""
        name, step = self.given.get(key_of(value)), self._step(value)
        named = name is not None and isinstance(value, np.ndarray)
        if step is None or (named and step not in self.formulas.known):
            array = plain(value)
            term = self.formulas.terms.leaf(array.shape, array)
            if step is not None:
                self.formulas.known[step] = term
        else:
            term = self.formulas.term(step)
        if name is not None and isinstance(term, Step):
            self.formulas.names.setdefault(term, name)
            if term.function is None:
                self.inputs.setdefault(term, value)
        return term

    def _meet_inputs(self, node: Node) -> None:
        """Enter the inputs of a node that were not met before."""
        for position, value in enumerate(node.arguments):
            for array in arrays_in(value):
                step = self._step(array)
                if step and step not in self.formulas.known:
                    self._meet(array, step, node, position)

    def _meet(self, value: Any, step: Step, node: Node, position: int) -> None:
        """Enter an input of a node, with a name unless it is recognized, or short enough."""
        if key_of(value) not in self.given:
            array = plain(value)
            twins = self.factors.get(_others(node), ())
            operands, twins = map(self._known, (arrays_in(node.arguments), twins))
            term = recognized(self.formulas.terms, array, operands, twins, self.visible)
            if term is not None:
                self.formulas.known[step] = term
                return
            role = _role(node, position)
            if role or not is_short(array):
                self.given[key_of(value)] = self.identifiers.unique(role or "data")
        self._enter(value)

    def _known(self, values: Iterable[Any]) -> list[tuple[Step, Any]]:
        """The terms of those that have one, and their values."""
        steps = [(self._step(value), plain(value)) for value in values]
        known = self.formulas.known
        return [(known[step], x) for step, x in steps if step in known]


def _others(node: Node) -> tuple[Any, ...]:
    """The functions of what a product multiplies, such as a logarithm; empty for what is none."""
    if node.operation is None or node.operation.function is not np.multiply:
        return ()
    inner = [x.operation for x in node.arguments if isinstance(x, Node) and x.operation]
    return tuple(operation.function for operation in inner)


def _factors(nodes: Iterable[Node]) -> dict[tuple[Any, ...], list[Any]]:
    """Plain arrays by the functions of what they multiply."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for node in nodes:
        others = _others(node)
        if others:
            fixed = [x for x in arrays_in(node.arguments) if not getattr(x, "_requires_grad", 0)]
            found.setdefault(others, []).extend(fixed)
    return found


def _role(node: Node, position: int) -> str | None:
    """What the function of a node calls an argument, if that says anything."""
    try:
        names = list(inspect.signature(node.operation.compute).parameters)
    except ValueError:
        return None
    name = names[position] if position < len(names) and not node.operation.variadic else ""
    return {"condition": "mask"}.get(name, name) if len(name) > 1 else None
