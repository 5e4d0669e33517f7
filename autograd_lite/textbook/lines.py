"""The record of a loss, read into lines: those of its forward and of its backward pass."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite.cotangents import seed_of
from autograd_lite.errors import GradientError, UnsupportedError, describe_one
from autograd_lite.node import Node
from autograd_lite.program.loops import Uneven
from autograd_lite.program.program import Step, needed_for
from autograd_lite.program.recordings import uncollected
from autograd_lite.tensor import Tensor
from autograd_lite.textbook.blocks import Block, Line
from autograd_lite.textbook.cotangents import cotangents
from autograd_lite.textbook.factors import value_of
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.listing import Listing
from autograd_lite.textbook.numpy_source import NumpySource
from autograd_lite.textbook.reading import Reader
from autograd_lite.textbook.spellings import Count, Reduced, Share
from autograd_lite.textbook.terms import is_broadcast, is_one_number

Batch = tuple[str, int, str]
"""The number of samples: m is 100, which is X.shape[1]."""


class Lines:
    """A forward and a backward pass.

    Attributes:
        listing: their lines.
        loss: its name.
        inputs: plain arrays by name, data first.
        data: the names of inputs that are no parameters.
        counts: what numbers are written as where something is divided by so many.
        batch: the number of samples, if that is seen.
        few: numbers of what was averaged that do not stay as they are.
        needed: the terms that gradients need, and their parts.
        gradients: the names of the results, in order.
        forward: the names in lines of the forward pass.
        notes: what holds in the record that some lines rely on.
    """

    def __init__(
        self, reader: Reader, found: Mapping[Node, Any], loss: Any, wrt: Any, with_loss: bool
    ) -> None:
        given, data, terms = reader.given, reader.data(), reader.terms
        self.loss, self.few = given[loss], reader.few
        results, result_names = {}, {}
        for tensor in wrt:
            name = result_names[tensor] = reader.identifiers.unique(f"d{given.get(tensor, 'x')}")
            results[name] = finished(reader, tensor, found[tensor])
        self.gradients = [*results]
        self.needed = needed = needed_for(results.values(), parts=reader.parts)
        computed = {self.loss: reader.term(loss)} if with_loss else {}
        recorded = {term for term in needed if term.number <= terms.values and term.function}
        of_values = {*reader.names, *itertools.chain(*map(needed.__getitem__, recorded))}
        backward = needed.keys() - recorded | (recorded - of_values)
        named, symbols = reader.named_cotangents(found, result_names, backward)
        of = reader.names, reader.identifiers, named, of_values
        self.listing = Listing(results, needed, *of, computed, reader, symbols)
        inputs = sorted(self.listing.inputs, key=lambda term: term not in data)
        names = self.listing.names
        self.inputs = {names[term]: term.arguments[0] for term in inputs}
        known = [term for term in inputs if term in data]
        self.data = [names[term] for term in known]
        self.counts, self.batch = _counts(self.listing, known, reader)
        written = {names.get(about): note for about, note in reader.notes.items()}
        self.notes = [f"As in the record, {x}'s {note}." for x, note in written.items() if x]
        single = [line for line in self.listing.lines if not isinstance(line, Block)]
        early = [x for x, term in single if isinstance(term, Step) and term.number <= terms.values]
        self.forward = {*early, *computed} - results.keys() - {*named.values()}
        self._last_value = terms.values

    def source(self) -> NumpySource:
        """What writes terms as NumPy source."""
        return NumpySource(self.listing.names, self.counts)

    def is_forward(self, line: Line | Block) -> bool:
        """Whether it is of the forward pass."""
        if isinstance(line, Block):
            return line.loop.body[0].number <= self._last_value
        return line[0] in self.forward

    def is_for_loss(self, line: Line | Block) -> bool:
        """Whether no gradient needs it."""
        if isinstance(line, Block):
            return self.needed.keys().isdisjoint(line.loop.body)
        return line[1] not in self.needed and line[0] not in self.gradients


@uncollected()
def lines_of(
    loss: Any, wrt: Sequence[Node] | None, variables: Mapping[str, Any], with_loss: bool = False
) -> Lines:
    """The lines that compute the gradients of a loss in some of its tensors, and the loss too."""
    if not isinstance(loss, Tensor):
        raise UnsupportedError(
            f"derivation of {describe_one(loss)}",
            "it is no tensor, so that nothing was recorded",
            "Give the loss as it was computed from tensors",
        )
    seed_of(loss, attempted="derivation of")  # refuses what has no gradient
    if wrt is not None:
        _require_list(wrt)
    reader, found = _read(loss, variables, {x for x in wrt or () if isinstance(x, Node)})
    if wrt is None:
        wrt = [x for x in reader.inputs.values() if isinstance(x, Node) and x in found]
    for tensor in wrt:
        if not isinstance(tensor, Node) or tensor not in found:
            raise GradientError(
                f"derivation of the gradient in {describe_one(tensor)}",
                "the loss does not depend on it, or it does not require grad",
                "Give tensors that the loss was computed from",
            )
    return Lines(reader, found, loss, wrt, with_loss)


def _read(
    loss: Node, variables: Mapping[str, Any], wanted: Collection[Node]
) -> tuple[Reader, dict[Node, Any]]:
    """What reads a loss, and the terms of cotangents; with as much in loops as is alike."""
    ends: set[Node] = set()
    while True:
        try:
            reader = Reader(loss, variables, ends)
            return reader, cotangents(reader, wanted)
        except Uneven as uneven:
            ends.update(uneven.nodes)


def _require_list(wrt: Any) -> None:
    is_list = isinstance(wrt, Iterable) and not isinstance(wrt, Node)
    if not is_list or getattr(wrt, "ndim", 1) == 0 or not len([*wrt]):
        raise UnsupportedError(
            f"derivation of the gradient in {describe_one(wrt)}",
            "they are no list of tensors",
            "Write wrt=[tensor]",
        )


def finished(formulas: Formulas, tensor: Node, term: Any) -> Any:
    """The term of a gradient, with the shape and the dtype of its tensor where it is constant."""
    if is_broadcast(term):
        own = formulas.term(tensor)
        target = formulas.terms.build(np.shape, (own,), {}, (len(term.shape),))
        return formulas.terms.build(np.broadcast_to, (term.arguments[0], target), {}, term.shape)
    dtype = tensor._array.dtype
    value = value_of(term)
    if value is None or (dtype == np.float64 and isinstance(term, Step)):
        return term
    return float(value) if dtype == np.float64 else dtype.type(value)


def _counts(
    listing: Listing, data: list[Step], reader: Reader
) -> tuple[dict[int, str], Batch | None]:
    """What to write where something is divided by a number, and the number of samples.

    That is the length of an axis of the data which no parameter has, and which no number indexes,
    as the steps of a loop do; or else a number is the size of something that is averaged.
    """
    indexed = _indexed_axes(listing.terms)
    shapes = {
        listing.names[term]: tuple(
            1 if (term, axis) in indexed else length for axis, length in enumerate(term.shape)
        )
        for term in data
    }
    leaves = [node._array.shape for node in reader.nodes if node.operation is None]
    lengths = {*itertools.chain(*leaves)}
    numbers = [x for x in _counted(listing.terms) if x > 2]
    counts: dict[int, str] = {}
    batch: Batch | None = None
    for number in dict.fromkeys(numbers):
        has_axis = [name for name in shapes if number in shapes[name] and number not in lengths]
        axes = [f"{name}.shape[{shapes[name].index(number)}]" for name in has_axis]
        means = [name for name, shape in shapes.items() if shape in reader.averaged]
        sizes = [f"{name}.size" for name in means if math.prod(shapes[name]) == number]
        if axes and not batch:
            batch = reader.identifiers.unique("m"), number, axes[0]
        if batch and number in batch:
            counts[number] = batch[0]
        elif axes or sizes:
            counts[number] = (axes + sizes)[0]
    samples = {n for shape in shapes.values() for n in shape if n not in lengths}
    samples = {n for n in samples if any(number % n == 0 for number in counts)}
    if any(_is_written_otherwise(n, listing, counts) for n in samples if n > 1):
        return {}, None
    return counts, batch


def _indexed_axes(terms: Iterable[Step]) -> set[tuple[Any, int]]:
    """Terms, and their axes of which entries are taken by a number."""
    found = set()
    for term in terms:
        if term.function is operator.getitem:
            of, index = term.arguments
            parts = index if isinstance(index, tuple) else (index,)
            found |= {(of, axis) for axis, part in enumerate(parts) if is_one_number(part)}
    return found


def _is_written_otherwise(length: int, listing: Listing, counts: Mapping[int, str]) -> bool:
    """Whether a number of samples is in a divisor that is no count, such as 3 m, or in a shape."""
    for term in listing.terms:
        if term.function is np.broadcast_to and type(term.arguments[1]) is tuple:
            if length in term.arguments[1]:
                return True
        rest = [int(x) for x in term.arguments if isinstance(x, Reduced)]
        rest += [number for number in _counted([term]) if number > 2 and number not in counts]
        if any(math.gcd(number, length) > 1 for number in rest):
            return True
    return False


def _counted(terms: Iterable[Step]) -> list[int]:
    """The numbers in terms that may be so many of something."""
    numbers = [x for term in terms for x in term.arguments if type(x) in (Share, Count)]
    return [x.count if isinstance(x, Share) else int(x) for x in numbers]
