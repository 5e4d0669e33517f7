"""The record of a loss, read into lines: those of its forward and of its backward pass."""

from __future__ import annotations

import itertools
import math
import operator
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.errors import GradientError, UnsupportedError, describe_one
from autograd_lite.node import Node
from autograd_lite.program.loops import Loop
from autograd_lite.program.program import Step, steps_in
from autograd_lite.table import traits_of
from autograd_lite.tensor import Tensor
from autograd_lite.textbook.factors import cotangents, value_of
from autograd_lite.textbook.naming import Identifiers
from autograd_lite.textbook.numpy_source import NumpySource, is_short
from autograd_lite.textbook.reading import Formulas, Reader
from autograd_lite.textbook.repeated import Block, Line, Repeater, with_loops
from autograd_lite.textbook.spellings import Count, Reduced, Share
from autograd_lite.textbook.terms import is_broadcast, is_number, needed_for, written_out

SHORT, LONG, LONG_LOSS = 2, 8, 12
"""A cotangent of at most so many operations is written where it is used, if that is one place;
anything of more gets a line, and a part of the loss later."""


class Layout(NamedTuple):
    """Formulas line by line, each using only names of inputs and of lines before it."""

    inputs: list[Step]  # in the order of their first use
    lines: list[Line | Block]
    names: dict[Step, str]
    terms: Collection[Step]  # all that are needed


def laid_out(
    gradients: Mapping[str, Any],
    values: Mapping[Step, str],
    cotangents: Mapping[Step, str],
    identifiers: Identifiers,
    of_values: Collection[Step],
    loss: Mapping[str, Any],
    first: int,
) -> Layout:
    """Lines that compute results: values get some if they are needed, cotangents if long too.

    What is of the forward pass alone gets no name of a cotangent.
    """
    results = {**loss, **gradients}
    for_gradients = needed_for(gradients.values())
    needed = needed_for(results.values())
    uses = Counter(results.values())
    for term, parts in needed.items():
        # What the loss uses too is written out in it again.
        again = term not in for_gradients
        uses.update([part for part in parts if not (again and part in for_gradients)])
    leaves = [term for term in needed if term.function is None]
    large = [leaf for leaf in leaves if leaf not in values and not is_short(leaf.arguments[0])]
    values = {**values, **{leaf: identifiers.unique("constant") for leaf in large}}
    inputs = {leaf: values[leaf] for leaf in leaves if leaf in values}
    temporaries = (identifiers.unique(f"t{count}") for count in itertools.count(1))
    aliases: dict[Any, list[str]] = {}
    for result, term in results.items():
        aliases.setdefault(term, []).append(result)
    names: dict[Step, str] = {}
    weights = dict.fromkeys(inputs, 0)

    def wish(term: Step) -> str | None:
        """The name that was given to a term."""
        return values.get(term) or cotangents.get(term) or next(iter(aliases.get(term, ())), None)

    repeater = Repeater(identifiers, wish, temporaries, _is_long)
    blocks: dict[Step, Block] = {}
    order: list[Any] = [*needed]
    computed = [term for term in needed if term.function]
    parts_in_order = with_loops(computed, first, results.values(), _is_view)
    if any(isinstance(part, Loop) for part in parts_in_order):
        order = leaves + parts_in_order
    for term in order:
        if isinstance(term, Loop):
            block = repeater.block(term)
            here = Step(None, (), {}, None, -1)
            blocks[here], names[here] = block, ""
            names |= repeater.names
            weights |= dict.fromkeys(itertools.chain(*term.originals), 0)
            continue
        if term in inputs:
            continue
        parts = needed[term]
        name, own = values.get(term), aliases.get(term)
        if own and not name and term not in of_values:
            # That of the cotangent of another tensor, or the first of its own.
            name = own[0] if cotangents.get(term) in (None, *own) else cotangents[term]
        weight = sum(map(weights.__getitem__, parts)) + _weight(term)
        if not name and term in cotangents and (weight > SHORT or uses[term] > 1):
            name = cotangents[term]
        longest = LONG if term in for_gradients else LONG_LOSS
        if not name and (weight > longest or (uses[term] > 1 and not _is_trivial(term, weight))):
            name = next(temporaries)
        weights[term] = 0 if name else weight
        if name:
            names[term] = name
    lines: dict[str, Any] = {}
    inside = repeater.names.keys()
    for term, name in names.items():
        if term in blocks:
            lines[f"block {len(lines)}"] = blocks[term]
        if term in blocks or term in inside:
            continue
        lines[name] = term
        if term in aliases and term not in values:
            lines |= dict.fromkeys(aliases[term], term)
    names |= repeater.names
    lines |= {
        name: term
        for name, term in results.items()
        if name not in lines and not (term in inside and names[term] == name)
    }
    final = {name for name, term in results.items() if uses[term] == len(aliases.get(term, ()))}
    final |= {name for name, term in results.items() if names.get(term) != name}
    # Each run of final ones, which no other line uses, is in the order of the results.
    place = {name: position for position, name in enumerate(results)}
    ordered: list[Any] = []
    for is_final, run in itertools.groupby(lines.items(), lambda line: line[0] in final):
        group = [*run]
        ordered += sorted(group, key=lambda line: place[line[0]]) if is_final else group
    names = inputs | names
    used: dict[Step, str] = {}
    for term in lines.values():
        if len(used) < len(inputs):
            used |= {x: inputs[x] for x in _written_in(term, names) if x in inputs}
    ordered = [line[1] if isinstance(line[1], Block) else line for line in ordered]
    return Layout([*(used | inputs)], ordered, names, needed)


def _written_in(line: Any, names: Collection[Step]) -> Iterator[Step]:
    """What stands in a line, or in those of a block."""
    if not isinstance(line, Block):
        yield from written_out(line, names) if isinstance(line, Step) else ()
        return
    for _, term in (*line.before, *line.lines):
        yield from (term, *written_out(term, names)) if isinstance(term, Step) else ()
    for _, slices in line.slices:
        yield from slices


def _is_long(term: Step, weights: dict[Step, int], uses: int) -> bool:
    """Whether a term in a loop gets a line; its weight is noted."""
    weight = sum(weights.get(part, 0) for part in steps_in(term)) + _weight(term)
    weights[term] = weight
    return weight > LONG or (uses > 1 and not _is_trivial(term, weight))


def _weight(term: Step) -> int:
    """How much a call, or an array without a name, adds to the length of a line."""
    if _is_view(term):
        return int(len(term.arguments) > 1 and term.function in (np.transpose, np.flip, np.reshape))
    return 1 if term.function and traits_of(term.function).elementwise else 2


_VIEWS = {operator.getitem, np.negative, np.shape}


def _is_view(term: Step) -> bool:
    """Whether it is written out each time that it is used: an index, or another way to look."""
    function = term.function
    if function is None or function in _VIEWS:
        return function is not None
    return traits_of(function).moves and len(steps_in(term)) == 1


def _is_trivial(term: Step, weight: int) -> bool:
    """Whether a person writes it again rather than give it a name: 1 - a, x > 0, -x, x.T."""
    if weight != _weight(term) or weight > 1:
        return False
    numbers = [x for x in term.arguments if is_number(x) and not isinstance(x, Count)]
    return _is_view(term) or (term.function in NumpySource.infix and len(numbers) > 0)


Batch = tuple[str, int, str]
"""The number of samples: m is 100, which is X.shape[1]."""


class Lines(NamedTuple):
    """A forward and a backward pass."""

    layout: Layout
    loss: str  # its name
    gradients: list[str]  # the names of the results, in order
    inputs: dict[str, Any]  # plain arrays by name, data first
    counts: dict[int, str]  # what numbers are written as where something is divided by so many
    batch: Batch | None
    forward: set[str]  # the names in lines of the forward pass
    for_loss: Collection[str]  # those that no gradient needs
    first: int  # the number of the first term of the backward pass
    needed: set[Step]  # the terms that gradients need
    # By name of a cotangent, what mathematics calls it: ∂W1, or δ1 for that of a pre-activation z1
    # that the user has no name for.
    symbols: dict[str, str]
    data: list[str]  # the names of inputs that are no parameters
    notes: list[str]  # what holds in the record that some lines rely on

    def is_forward(self, line: Line | Block) -> bool:
        """Whether it is of the forward pass."""
        if isinstance(line, Block):
            return line.loop.body[0].number < self.first
        return line[0] in self.forward

    def is_for_loss(self, line: Line | Block) -> bool:
        """Whether no gradient needs it."""
        if isinstance(line, Block):
            return self.needed.isdisjoint(itertools.chain(*line.loop.originals))
        return line[0] in self.for_loss


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
    loss._seed(None)  # refuses what has no gradient
    if wrt is not None:
        _require_list(wrt)
    reader = Reader(loss, variables)
    given, unique, data = reader.given, reader.identifiers.unique, reader.data()
    first = reader.terms.count + 1
    wanted = {x for x in wrt or () if isinstance(x, Node)}
    found = cotangents(reader, reader.nodes, given, reader.lengths(data), wanted)
    if wrt is None:
        wrt = [x for x in reader.inputs.values() if isinstance(x, Node) and x in found]
    results, result_names = {}, {}
    for tensor in wrt:
        if not isinstance(tensor, Node) or tensor not in found:
            raise GradientError(
                f"derivation of the gradient in {describe_one(tensor)}",
                "the loss does not depend on it, or it does not require grad",
                "Give tensors that the loss was computed from",
            )
        name = result_names[tensor] = unique(f"d{given.get(tensor, 'x')}")
        results[name] = finished(reader, tensor, found[tensor])
    needed = needed_for(results.values())
    computed = {given[loss]: reader.term(loss)} if with_loss else {}
    recorded = {term for term in needed if term.number < first and term.function is not None}
    of_values = {*reader.names, *itertools.chain(*map(needed.__getitem__, recorded))}
    backward = needed.keys() - recorded | (recorded - of_values)
    named, symbols = reader.named_cotangents(found, result_names, backward)
    layout = laid_out(results, reader.names, named, reader.identifiers, of_values, computed, first)
    inputs = sorted(layout.inputs, key=lambda term: term not in data)
    arrays = {layout.names[term]: term.arguments[0] for term in inputs}
    counts, batch = _counts(layout, [term for term in inputs if term in data], reader)
    written = {layout.names.get(about): note for about, note in reader.notes.items()}
    notes = [f"As in the record, {name}'s {note}." for name, note in written.items() if name]
    single = [line for line in layout.lines if not isinstance(line, Block)]
    early = [x for x, term in single if isinstance(term, Step) and term.number < first]
    forward = {*early, *computed} - results.keys() - {*named.values()}
    for_loss = {x for x, term in single if term not in needed} - results.keys()
    return Lines(
        *(layout, given[loss], [*results], arrays, counts, batch),
        *(forward, for_loss, first, {*needed}, symbols),
        *([layout.names[term] for term in inputs if term in data], notes),
    )


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
    layout: Layout, data: list[Step], reader: Reader
) -> tuple[dict[int, str], Batch | None]:
    """What to write where something is divided by a number, and the number of samples.

    That is the length of an axis of the data which no parameter has; or else a number is the size
    of something that is averaged.
    """
    shapes = {layout.names[term]: term.shape for term in data}
    leaves = [node._array.shape for node in reader.nodes if node.operation is None]
    lengths = {*itertools.chain(*leaves)}
    numbers = [x for term in layout.terms for x in _counted(term) if x > 2]
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
    if any(_is_written_otherwise(n, layout, counts) for n in samples if n > 1):
        return {}, None
    return counts, batch


def _is_written_otherwise(length: int, layout: Layout, counts: Mapping[int, str]) -> bool:
    """Whether a number of samples is in a divisor that is no count, such as 3 m, or in a shape."""
    for term in layout.terms:
        if term.function is np.broadcast_to and type(term.arguments[1]) is tuple:
            if length in term.arguments[1]:
                return True
        rest = [int(x) for x in term.arguments if isinstance(x, Reduced)]
        rest += [number for number in _counted(term) if number > 2 and number not in counts]
        if any(math.gcd(number, length) > 1 for number in rest):
            return True
    return False


_OF_SAMPLES = (Share, Count)


def _counted(term: Step) -> list[int]:
    """The numbers in a term that may be so many of something."""
    numbers = [x for x in term.arguments if isinstance(x, _OF_SAMPLES)]
    return [x.count if isinstance(x, Share) else int(x) for x in numbers]
