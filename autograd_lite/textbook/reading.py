"""The record of a loss, read into terms and names."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite.derivatives.neural import log_softmax
from autograd_lite.engine import backward_order
from autograd_lite.node import Array, Node, arrays_in, plain
from autograd_lite.program.program import Program, Step, needed_for
from autograd_lite.program.templates import arrays_of
from autograd_lite.program.trace import outline
from autograd_lite.table import traits_of
from autograd_lite.textbook import naming
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.iterations import Iterations
from autograd_lite.textbook.numpy_source import is_short
from autograd_lite.textbook.recognized import begun, recognized, sliced
from autograd_lite.textbook.record import Record


class Reader(Formulas):
    """Reads the record of a loss into terms and names."""

    def __init__(
        self, loss: Node, variables: Mapping[str, Any], ends: Collection[Node] | None = None
    ) -> None:
        """Read it; loops end behind the nodes `ends`; where that is None there are none."""
        super().__init__()
        self.record = Record(self)
        self.nodes = nodes = backward_order(loss)[::-1]
        self.identifiers = naming.Identifiers()
        # What the loss was computed from besides tensors that require grad.
        self.used: list[Any] = []
        # The names of nodes and arrays.
        self.given = naming.given_names(nodes, variables, self.identifiers)
        self.inputs: dict[Step, Any] = {}  # what is not computed, by term
        self.visible: list[tuple[Step, Array]] = []  # the data that variables hold
        self.users: set[int] = set()  # the ids of all that variables hold
        self.own = {*self.given}
        # Data that the record does not have by name: it gets its name when it is recognized.
        self.unused: dict[Step, tuple[str, Any]] = {}
        for name, array in naming.visible_arrays(variables):
            self.users.add(id(array))
            if not getattr(array, "requires_grad", False):
                if naming.key_of(array) in self.given:
                    self._enter(array)
                elif self.key(array) not in self.known:
                    term = self.known[self.key(array)] = self.terms.leaf(
                        np.shape(array), plain(array)
                    )
                    self.unused[term] = name, array
                self.visible.append((self.term(array), plain(array)))
        means = [node for node in nodes if node.operation and node.operation.traits.averages]
        self.averaged = {node.arguments[0].shape for node in means}
        sizes = [(node.arguments[0].size, node._array.size) for node in means]
        shares = {all_entries // max(size, 1): size for all_entries, size in sizes}
        fixed = {n for node in nodes if node.operation is None for n in node._array.shape}
        # Others stay as they are in lines; an axis that a parameter has is none of samples.
        self.few = {n for n in shares if n in (1, 2) and (shares[n] == 1 or n not in fixed)}
        self.factors = _factors(nodes)
        self.joins = [x for x in nodes if x.operation and x.operation.function is np.concatenate]
        for leaf in naming.leaves_in_order(nodes):
            if leaf in self.given:
                self._enter(leaf)
        self.passes: Sequence[Node | Iterations] = self._recorded(ends)
        for part in self.passes:
            self._find_terms(part)

    def _find_terms(self, part: Node | Iterations) -> None:
        """Find the terms of a node, or of those that repeat."""
        if isinstance(part, Iterations):
            self.record.read(part)
        else:
            for key in map(self.key, arrays_of(part)):
                if isinstance(key, int) and key in self.known:
                    self.known[key] = self.record.settle(self.known[key])
            self.compute(part)
        for node in part.nodes() if isinstance(part, Iterations) else (part,):
            if node in self.given:
                self._enter(node)

    def _recorded(self, ends: Collection[Node] | None) -> Sequence[Node | Iterations]:
        """The computed nodes, those that repeat as one; what they were computed from is met."""
        computed = [node for node in self.nodes if node.operation is not None]
        for node in computed:
            self._meet_inputs(node)
            self.record.add(node)
        parts = computed if ends is None else self.record.parts(self.given, ends)
        for node in computed:
            self.known.pop(node)
        return parts

    @functools.cached_property
    def _outline(self) -> Program:
        return outline(self.nodes[-1])

    def cotangent_of(self, node: Node) -> Array:
        return self._outline.recorded[self._outline.cotangents[node].number]

    def data(self) -> set[Step]:
        """The inputs of the loss that are no parameters."""
        used = {*needed_for(map(self.term, self.used))}
        fixed = {t for t, x in self.inputs.items() if not getattr(x, "requires_grad", False)}
        return used & fixed

    def lengths(self, data: Iterable[Step]) -> set[int]:
        """The lengths of the axes of data, and the sizes of what is averaged like them."""
        shapes = {term.shape for term in data}
        sizes = {math.prod(shape) for shape in shapes & self.averaged}
        return {n for n in {*itertools.chain(*shapes), *sizes} if n > 2}

    def named_cotangents(
        self, found: Mapping[Node, Any], results: Mapping[Node, str], backward: Collection[Step]
    ) -> tuple[dict[Step, str], dict[str, str]]:
        """Names for terms that are cotangents of nodes with names; what mathematics calls them."""
        named: dict[Step, str] = {}
        symbols = {name: f"∂{name[1:]}" for name in results.values()}
        for node, term in found.items():
            if node in self.given and term in backward and term not in named:
                name = results.get(node) or self.identifiers.unique(f"d{self.given[node]}")
                named[term] = name
                structural = not (node.name or id(node) in self.users)
                delta = re.fullmatch(r"[zZ](\d*)", self.given[node]) if structural else None
                symbols[name] = f"δ{delta[1]}" if delta else f"∂{name[1:]}"
        return named, symbols

    def _enter(self, value: Any) -> None:
        """Find the term of a node or an array, and name it."""
        name = self.given.get(naming.key_of(value))
        term = self.term(value) if name is None else self.name(value, name)
        if name is not None and isinstance(term, Step) and not term.function and term.arguments:
            self.inputs.setdefault(term, value)

    def _meet_inputs(self, node: Node) -> None:
        known = self.known
        for position, value in enumerate(node.arguments):
            if not (isinstance(value, Node) and value in known):
                for array in arrays_in(value):
                    self.used.append(array)
                    if self.key(array) not in known:
                        self._meet(array, node, position)
        self.used += arrays_in(node.keywords) if node.keywords else ()

    def _meet(self, value: Any, node: Node, position: int) -> None:
        """Enter an input of a node, with a name unless it is recognized, or short enough."""
        if naming.key_of(value) not in self.given:
            array = plain(value)
            twins = self.factors.get(_others(node), ())
            # The last one that was used first, as others may be equal by chance.
            known = self._known(arrays_in(node.arguments)), self._known(twins[::-1])
            term = sliced(self.terms, array, self.visible)
            if term is None:
                term = recognized(self.terms, array, *known, self.visible)
            if term is None:
                joins = (node for node in self.joins if node._array.shape == array.shape)
                term = begun(self, array, joins, self.visible)
            if term is not None:
                self.known[self.key(value)] = term
                for part in needed_for([term], parts=self.record.data_in):
                    self._name_unused(part)
                return
            role = _role(node, position)
            if role or not is_short(array):
                wish = role or _by_place(node, array)
                visible = {name for name, _ in self.unused.values()}
                wish = f"{wish}0" if wish in visible else wish
                self.given[naming.key_of(value)] = self.identifiers.unique(wish)
        self._enter(value)

    def _name_unused(self, term: Step) -> None:
        """Give data its name, now that the record turns out to use it."""
        if term in self.unused:
            name, array = self.unused.pop(term)
            self.given[naming.key_of(array)] = self.identifiers.unique(name)
            self.own.add(naming.key_of(array))
            self._enter(array)

    def _known(self, values: Iterable[Any]) -> Iterator[tuple[Step, Any]]:
        """The terms of those that have one, and their values."""
        return ((self.known[self.key(x)], plain(x)) for x in values if self.key(x) in self.known)


def _others(node: Node) -> tuple[Any, ...]:
    """The functions of what a product multiplies, such as a logarithm; empty for what is none."""
    if node.operation is None or not node.operation.traits.product:
        return ()
    inner = []
    for x in node.arguments:
        while isinstance(x, Node) and x.operation and x.operation.traits.moves:
            x = x.arguments[0]  # log(A).T in a product of matrices
        if isinstance(x, Node) and x.operation:
            inner.append(x.operation.function)
    return tuple(inner)


def _factors(nodes: Iterable[Node]) -> dict[tuple[Any, ...], list[Any]]:
    """Plain arrays by the functions of what they multiply."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for node in nodes:
        others = _others(node)
        if others:
            fixed = [x for x in arrays_in(node.arguments) if not getattr(x, "_requires_grad", 0)]
            found.setdefault(others, []).extend(fixed)
    return found


_LOGARITHMS = (np.log1p, log_softmax)
"""What targets are multiplied by in a cross-entropy, besides logarithms of what is given."""


def _by_place(node: Node, array: Array) -> str:
    """What an array without a name is called, by what it meets: x, y, a mask, labels."""
    traits = node.operation.traits
    if traits.indexes and array.dtype.kind in "iu":
        return "labels" if isinstance(node.arguments[1], tuple) else "indices"
    if traits.product and not traits.elementwise:
        return "x"
    if traits.product and array.size > 1 and np.isin(array, (0, array.max())).all():
        others = _others(node)
        is_entropy = any(traits_of(f).logarithm or f in _LOGARITHMS for f in others)
        return "y" if is_entropy else "mask"
    is_like_result = array.shape == np.shape(node._array)
    return "y" if node.operation.function is np.subtract and is_like_result else "data"


def _role(node: Node, position: int) -> str | None:
    """What the function of a node calls an argument, if that says anything."""
    try:
        names = list(inspect.signature(node.operation.compute).parameters)
    except ValueError:
        return None
    name = names[position] if position < len(names) and not node.operation.variadic else ""
    return {"condition": "mask"}.get(name, name) if len(name) > 1 else None
