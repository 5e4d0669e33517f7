"""The record of a loss, read into lines: those of its forward and of its backward pass."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.backward import cotangents
from autograd_lite.engine import Node, backward_order
from autograd_lite.errors import GradientError, UnsupportedError, describe, describe_one
from autograd_lite.formulas import Formulas
from autograd_lite.layout import Layout, laid_out
from autograd_lite.naming import (
    Identifiers,
    arrays_in,
    given_names,
    key_of,
    leaves_of,
    visible_arrays,
)
from autograd_lite.notation import is_short
from autograd_lite.recognition import recognized
from autograd_lite.spellings import Count, Share
from autograd_lite.table import TABLE
from autograd_lite.terms import Term, is_broadcast, is_number


class Batch(NamedTuple):
    """The number of samples: m = X.shape[1], which is 100."""

    name: str
    source: str
    number: int


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
        deltas: the names of cotangents of pre-activations that the user has no name for.
    """

    layout: Layout
    gradients: list[str]
    inputs: dict[str, Any]
    counts: dict[int, str]
    batch: Batch | None
    first: int
    deltas: set[str]


def lines_of(loss: Any, wrt: Sequence[Node] | None, variables: Mapping[str, Any]) -> Lines:
    """The lines that compute the gradients of a loss in some of its tensors.

    Raises:
        GradientError: the loss has no gradient, or does not depend on one of the tensors.
        UnsupportedError: it was computed by a function that is not in the table.
    """
    loss._seed(None)
    reader = _Reader(loss, variables)
    formulas, given, unique = reader.formulas, reader.given, reader.identifiers.unique
    data = {t: x for t, x in reader.inputs.items() if not getattr(x, "requires_grad", False)}
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
    named: dict[Term, str] = {}
    deltas = set()
    users = {id(array) for _, array in visible_arrays(variables)}
    for node, term in found.items():
        if node in given and isinstance(term, Term) and term.number >= first and term not in named:
            name = f"d{given[node]}"
            named[term] = name if name in results else unique(name)
            if re.fullmatch(r"[zZ]\d*", given[node]) and not (node.name or id(node) in users):
                deltas.add(named[term])
    layout = laid_out(results, formulas.names, named, reader.identifiers)
    inputs = sorted(layout.inputs, key=lambda term: (term not in data, term.number))
    shapes = {layout.names[term]: term.shape for term in inputs if term in data}
    counts = {n: source for n in _counts(layout.terms) if (source := _length(n, shapes))}
    samples = [n for n in counts if not counts[n].endswith("size")]
    batch = Batch(unique("m"), counts[samples[0]], samples[0]) if samples else None
    if batch:
        counts[batch.number] = batch.name
    arrays = {layout.names[term]: term.arguments[0] for term in inputs}
    return Lines(layout, list(results), arrays, counts, batch, first, deltas)


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
    if value is None or (dtype == float and isinstance(term, Term)):
        return term
    return float(value) if dtype == float else dtype.type(value)


def _value(term: Any) -> Any:
    """The value of a term of numbers alone, else None."""
    if isinstance(term, Term) and term.function in (np.negative, np.divide):
        parts = [_value(part) for part in term.arguments]
        return None if None in parts else term.function(*parts)
    return term if is_number(term) else None


def _counts(terms: Iterable[Term]) -> list[int]:
    """The counts that something is divided by."""
    numbers = [x for term in terms for x in term.arguments if isinstance(x, Share | Count)]
    return [x.count if isinstance(x, Share) else int(x) for x in numbers]


def _length(number: int, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The axis of an array of which a number is the length, or the array of which it is the size.

    >>> _length(5, {"X": (5, 2), "Y": (5, 1)}), _length(10, {"X": (5, 2), "Y": (5, 1)})
    ('X.shape[0]', 'X.size')
    """
    if number > 2:  # 1 and 2 are in formulas for other reasons
        for name, shape in shapes.items():
            if number in shape:
                return f"{name}.shape[{shape.index(number)}]"
        for name, shape in shapes.items():
            if number == math.prod(shape):
                return f"{name}.size"
    return None


class _Reader:
    """Reads the record of a loss into terms and names.

    Attributes:
        given: the names of nodes and arrays.
        inputs: the terms that are not computed, and what they stand for.
    """

    def __init__(self, loss: Node, variables: Mapping[str, Any]) -> None:
        self.formulas = Formulas()
        self.identifiers = Identifiers()
        self.given = given_names(loss, variables, self.identifiers)
        self.inputs: dict[Term, Any] = {}
        self.visible: list[Any] = []
        for name, array in visible_arrays(variables):
            if isinstance(array, np.ndarray):
                if id(array) not in self.given:
                    self.given[id(array)] = self.identifiers.unique(name)
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
