"""The record of a loss, read into lines: those of its forward and of its backward pass."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivation.backward import cotangents
from autograd_lite.derivation.formulas import Formulas
from autograd_lite.derivation.layout import Layout, laid_out
from autograd_lite.derivation.naming import (
    Identifiers,
    arrays_in,
    given_names,
    key_of,
    leaves_of,
    visible_arrays,
)
from autograd_lite.derivation.notation import is_short
from autograd_lite.derivation.recognition import recognized
from autograd_lite.derivation.spellings import Count, Share
from autograd_lite.derivation.terms import Term, is_broadcast, is_number
from autograd_lite.engine import Node, backward_order
from autograd_lite.errors import GradientError, UnsupportedError, describe, describe_one
from autograd_lite.table import TABLE
from autograd_lite.tensor import Tensor


class Batch(NamedTuple):
    """The number of samples: m = X.shape[1], which is 100."""

    name: str
    number: int
    source: str


@dataclass(frozen=True)
class Lines:
    """A forward and a backward pass.

    Attributes:
        layout: the lines, and the names in them.
        gradients: the names of the results, in order.
        inputs: plain arrays by name, data first.
        counts: what numbers are written as where something is divided by so many.
        batch: the number of samples, if something is divided by it.
        first: the number of the first term of the backward pass.
        symbols: by name of a cotangent, what mathematics calls it: ∂W1, or δ1 for that of a
            pre-activation z1 that the user has no name for.
    """

    layout: Layout
    gradients: list[str]
    inputs: dict[str, Any]
    counts: dict[int, str]
    batch: Batch | None
    first: int
    symbols: dict[str, str]


def lines_of(loss: Any, wrt: Sequence[Node] | None, variables: Mapping[str, Any]) -> Lines:
    """The lines that compute the gradients of a loss in some of its tensors.

    Raises:
        GradientError: the loss has no gradient, or does not depend on one of the tensors.
        UnsupportedError: it is no tensor, or was computed by a function that is not in the table.
    """
    if not isinstance(loss, Tensor):
        raise UnsupportedError(
            f"derivation of {describe_one(loss)}",
            "it is no tensor, so that nothing was recorded",
            "Give the loss as it was computed from tensors",
        )
    loss._seed(None)  # refuses what has no gradient
    reader = _Reader(loss, variables)
    formulas, given, unique = reader.formulas, reader.given, reader.identifiers.unique
    data = {t for t, x in reader.inputs.items() if not getattr(x, "requires_grad", False)}
    lengths = {n for term in data for n in (*term.shape, math.prod(term.shape)) if n > 2}
    first = formulas.terms.count + 1
    found = cotangents(formulas, loss, given, lengths)
    if wrt is None:
        wrt = [x for x in reader.inputs.values() if isinstance(x, Node) and x in found]
    _require(wrt, found)
    results = {
        unique(f"d{given.get(tensor, 'x')}"): _finished(formulas, tensor, found[tensor])
        for tensor in wrt
    }
    named, symbols = reader.named_cotangents(found, results, first)
    layout = laid_out(results, formulas.names, named, reader.identifiers)
    inputs = sorted(layout.inputs, key=lambda term: term not in data)
    arrays = {layout.names[term]: term.arguments[0] for term in inputs}
    counts, batch = _counts(layout, [term for term in inputs if term in data], found, unique)
    return Lines(layout, [*results], arrays, counts, batch, first, symbols)


def _require(wrt: Sequence[Node], found: Mapping[Node, Any]) -> None:
    for tensor in wrt:
        if not isinstance(tensor, Node) or tensor not in found:
            raise GradientError(
                f"derivation of the gradient in {describe_one(tensor)}",
                "the loss does not depend on it, or it does not require grad",
                "Give tensors that the loss was computed from",
            )


def _finished(formulas: Formulas, tensor: Node, term: Any) -> Any:
    """The term of a gradient, with the shape and the dtype of its tensor where it is constant."""
    if is_broadcast(term):
        target = formulas.terms.build(np.shape, (formulas.term(tensor),), {}, (len(term.shape),))
        return formulas.terms.build(np.broadcast_to, (term.arguments[0], target), {}, term.shape)
    dtype = tensor._data.dtype
    value = _value(term)
    if value is None or (dtype == np.float64 and isinstance(term, Term)):
        return term
    return float(value) if dtype == np.float64 else dtype.type(value)


def _value(term: Any) -> Any:
    """The value of a term of numbers alone, else None."""
    if isinstance(term, Term) and term.function in (np.negative, np.divide):
        parts = [_value(part) for part in term.arguments]
        return None if None in parts else term.function(*parts)
    return term if is_number(term) else None


def _counts(
    layout: Layout, data: list[Term], nodes: Iterable[Node], unique: Callable[[str], str]
) -> tuple[dict[int, str], Batch | None]:
    """What to write where something is divided by a number, and the number of samples."""
    shapes = {layout.names[term]: term.shape for term in data}
    numbers = [x for term in layout.terms for x in term.arguments if isinstance(x, Share | Count)]
    counts: dict[int, str] = {}
    batch = None
    for number in dict.fromkeys(x.count if isinstance(x, Share) else int(x) for x in numbers):
        axis, size = _batch_axis(number, shapes, nodes), _size(number, shapes, nodes)
        if axis and not batch:
            batch = Batch(unique("m"), number, axis)
        if batch and batch.number == number:
            counts[number] = batch.name
        elif axis or size:
            counts[number] = axis or size or ""
    return counts, batch


def _batch_axis(
    number: int, shapes: Mapping[str, tuple[int, ...]], nodes: Iterable[Node]
) -> str | None:
    """The axis of the data that has this length, which no axis of a parameter has: the samples'.

    1 and 2 are in formulas for other reasons.
    """
    parameters = [np.shape(node._data) for node in nodes if node.operation is None]
    if number > 2 and not any(number in shape for shape in parameters):
        for name, shape in shapes.items():
            if number in shape:
                return f"{name}.shape[{shape.index(number)}]"
    return None


def _size(number: int, shapes: Mapping[str, tuple[int, ...]], nodes: Iterable[Node]) -> str | None:
    """The data that have so many entries, and the shape of something that is averaged."""
    means = [x for x in nodes if x.operation is not None and x.operation.function is np.mean]
    averaged = {node.arguments[0].shape for node in means}
    for name, shape in shapes.items():
        if number == math.prod(shape) > 2 and shape in averaged:
            return f"{name}.size"
    return None


class _Reader:
    """Reads the record of a loss into terms and names.

    Attributes:
        given: the names of nodes and arrays.
        inputs: the terms that are not computed, and what they stand for.
        visible: data that variables hold.
        users: the ids of all tensors and arrays that variables hold.
    """

    def __init__(self, loss: Node, variables: Mapping[str, Any]) -> None:
        self.formulas = Formulas()
        self.identifiers = Identifiers()
        self.given = given_names(loss, variables, self.identifiers)
        self.inputs: dict[Term, Any] = {}
        self.visible: list[Any] = []
        self.users: set[int] = set()
        for name, array in visible_arrays(variables):
            self.users.add(id(array))
            if not getattr(array, "requires_grad", False):
                if key_of(array) not in self.given:
                    self.given[key_of(array)] = self.identifiers.unique(name)
                self._enter(array)
                self.visible.append(array)
        order = backward_order(loss)[::-1]
        for leaf in leaves_of(order):
            if leaf in self.given:
                self._enter(leaf)
        for node in [node for node in order if node.operation is not None] or order:
            _require_row(node)
            for position, value in enumerate(node.arguments):
                for array in arrays_in(value):
                    if not self.formulas.knows(array):
                        self._meet(array, node, position)
            self._enter(node)

    def named_cotangents(
        self, found: Mapping[Node, Any], results: Mapping[str, Any], first: int
    ) -> tuple[dict[Term, str], dict[str, str]]:
        """Names for the cotangents of nodes with names, and what mathematics calls them."""
        named: dict[Term, str] = {}
        symbols = {name: f"∂{name[1:]}" for name in results}
        for node, term in found.items():
            new = isinstance(term, Term) and term.number >= first and term not in named
            if new and node in self.given:
                name = f"d{self.given[node]}"
                named[term] = name = name if name in results else self.identifiers.unique(name)
                structural = not (node.name or id(node) in self.users)
                delta = re.fullmatch(r"[zZ](\d*)", self.given[node]) if structural else None
                symbols[name] = f"δ{delta[1]}" if delta else f"∂{name[1:]}"
        return named, symbols

    def _enter(self, value: Any) -> None:
        """Find the term of a node or an array, and name it."""
        name = self.given.get(key_of(value))
        if name is not None and isinstance(value, np.ndarray) and not self.formulas.knows(value):
            self.formulas.let(value, self.formulas.terms.leaf(value.shape, value))
        term = self.formulas.term(value)
        if name is not None and isinstance(term, Term):
            self.formulas.names.setdefault(term, name)
            if term.function is None:
                self.inputs.setdefault(term, value)

    def _meet(self, value: Any, node: Node, position: int) -> None:
        """Enter an input of a node, with a name unless it is recognized, or short enough."""
        if key_of(value) not in self.given:
            array = value._data if isinstance(value, Node) else value
            siblings = [x for x in arrays_in(node.arguments) if self.formulas.knows(x)]
            candidates = [*siblings, *self.visible]
            known = [(self.formulas.term(x), getattr(x, "_data", x)) for x in candidates]
            term = recognized(self.formulas.terms, array, known)
            if term is not None:
                self.formulas.let(value, term)
                return
            role = _role(node, position)
            if role or not is_short(array):
                self.given[key_of(value)] = self.identifiers.unique(role or "data")
        self._enter(value)


def _require_row(node: Node) -> None:
    if node.operation is not None and TABLE.get(node.operation.function) is not node.operation:
        raise UnsupportedError(
            f"derivation of {node.operation.name}{describe(node.arguments)}",
            "it has no row in the table of derivatives",
            "Compute the loss without checkpoint",
        )


def _role(node: Node, position: int) -> str | None:
    """What the function of a node calls an argument, if that says anything."""
    assert node.operation is not None
    try:
        names = list(inspect.signature(node.operation.compute).parameters)
    except ValueError:
        return None
    name = names[position] if position < len(names) and not node.operation.variadic else ""
    return {"condition": "mask"}.get(name, name) if len(name) > 1 else None
