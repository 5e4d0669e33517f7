"""The record of a loss, read into lines: those of its forward and of its backward pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine import backward_order
from autograd_lite.errors import GradientError, UnsupportedError, describe_one
from autograd_lite.node import Node
from autograd_lite.program.program import Step
from autograd_lite.tensor import Tensor
from autograd_lite.textbook.factors import cotangents, value_of
from autograd_lite.textbook.formulas import Formulas, in_words
from autograd_lite.textbook.layout import Layout, laid_out, needed_for
from autograd_lite.textbook.naming import Identifiers, given_names, key_of
from autograd_lite.textbook.reading import Reader
from autograd_lite.textbook.spellings import Count, Reduced, Share
from autograd_lite.textbook.terms import is_broadcast


class Batch(NamedTuple):
    """The number of samples: m = X.shape[1], which is 100."""

    name: str
    number: int
    source: str


@dataclass(frozen=True)
class Lines:
    """A forward and a backward pass.

    Attributes:
        gradients: the names of the results, in order.
        inputs: plain arrays by name, data first.
        counts: what numbers are written as where something is divided by so many.
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
    reader = Reader(loss, variables)
    formulas, given, unique = reader.formulas, reader.given, reader.identifiers.unique
    data = reader.data()
    first = formulas.terms.count + 1
    found = cotangents(formulas, given, reader.lengths(data))
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
    counts, batch = _counts(layout, [term for term in inputs if term in data], reader)
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
        own = formulas.term(formulas.program.values[tensor])
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
    of something that is averaged. 1 and 2 are in formulas for other reasons.
    """
    shapes = {layout.names[term]: term.shape for term in data}
    leaves = [node._array for node in reader.program.values if node.operation is None]
    lengths = {length for array in leaves for length in np.shape(array)}
    numbers = [x for term in layout.terms for x in _counted(term)]
    counts: dict[int, str] = {}
    batch = None
    for number in dict.fromkeys(numbers):
        if number <= 2:
            continue
        has_axis = [name for name in shapes if number in shapes[name] and number not in lengths]
        axes = [f"{name}.shape[{shapes[name].index(number)}]" for name in has_axis]
        means = [name for name, shape in shapes.items() if shape in reader.averaged]
        sizes = [f"{name}.size" for name in means if math.prod(shapes[name]) == number]
        if axes and not batch:
            batch = Batch(reader.identifiers.unique("m"), number, axes[0])
        if batch and batch.number == number:
            counts[number] = batch.name
        elif axes or sizes:
            counts[number] = (axes + sizes)[0]
    samples = {n for shape in shapes.values() for n in shape if n not in lengths}
    samples = {n for n in samples if any(number % n == 0 for number in counts)}
    if any(_is_written_otherwise(n, layout, counts) for n in samples if n > 1):
        return {}, None
    return counts, batch


def _is_written_otherwise(length: int, layout: Layout, counts: Mapping[int, str]) -> bool:
    """Whether a number of samples is in a divisor that is no count, such as 3 m, or in a shape.

    There it stays a number, and then it does so everywhere.
    """
    for term in layout.terms:
        if term.function is np.broadcast_to and type(term.arguments[1]) is tuple:
            if length in term.arguments[1]:
                return True
        rest = [int(x) for x in term.arguments if isinstance(x, Reduced)]
        rest += [number for number in _counted(term) if number > 2 and number not in counts]
        if any(math.gcd(number, length) > 1 for number in rest):
            return True
    return False


def _counted(term: Step) -> list[int]:
    """The numbers in a term that may be so many of something."""
    numbers = [x for x in term.arguments if isinstance(x, Share | Count)]
    return [x.count if isinstance(x, Share) else int(x) for x in numbers]


LONGEST = 20
"""A formula of more operations uses temporaries."""


def cotangent_formula(
    loss: Node, tensor: Node, names: Mapping[Any, str], variables: Mapping[str, Any]
) -> str:
    """The cotangent of a tensor as NumPy source, from cotangents and values that have names.

    Only what the user or a network has a name for is called by it, with a d in front for its
    cotangent; the rest is written out. Where that has more than 20 operations, all names are used,
    those of temporaries too. Numbers such as that of the samples are written as numbers, arrays
    without a name as `formulas.in_words` does. The names are those of `naming.names_of`, but that
    two temporaries may share one.

    Raises:
        UnsupportedError: as `lines_of`.

    >>> import numpy as np
    >>> from autograd_lite import Tensor
    >>> from autograd_lite.textbook.naming import names_of
    >>> x, W = np.ones((2, 5)), Tensor([[0.5, -0.5]], requires_grad=True, name="W")
    >>> z = W @ x
    >>> loss = np.exp(3 * z).mean()
    >>> variables = {"x": x, "z": z}
    >>> names = names_of(loss, variables)
    >>> cotangent_formula(loss, z, names, variables)
    '3 * np.exp(3 * z) / 5'
    >>> cotangent_formula(loss, W, names, variables)
    'dz @ x.T'
    """
    own = given_names(backward_order(loss)[::-1], variables, Identifiers())
    for chosen in (own, names):
        reader = Reader(loss, variables)
        chosen_names = {x: name for x, name in names.items() if x in chosen}
        term, known = _cotangent(reader, loss, tensor, chosen_names)
        if _operations(term, known) <= LONGEST:
            break
    return in_words(term, known)


def _cotangent(
    reader: Reader, loss: Node, tensor: Node, names: Mapping[Any, str]
) -> tuple[Any, dict[Step, str]]:
    """The term of the cotangent of a tensor, and the terms that have names in its formula."""
    formulas, given = reader.formulas, reader.given
    known = {t: given[key_of(x)] for t, x in reader.inputs.items() if key_of(x) in reader.own}
    taken = set(known.values())
    for node, name in names.items():
        step = formulas.program.values.get(node)
        term = formulas.term(step) if step else None
        if isinstance(term, Step) and term not in known and name not in taken:
            known[term] = name
            taken.add(name)
    first = formulas.terms.count + 1
    found = cotangents(formulas, names, reader.lengths(reader.data()))
    for node, term in found.items():
        if node is tensor:
            break
        new = isinstance(term, Step) and term.function is not None and term.number >= first
        if new and node in names:
            known.setdefault(term, f"d{names[node]}")
    if formulas.term(formulas.program.values[tensor]) in known:
        return _finished(formulas, tensor, found[tensor]), known
    return found[tensor], known


def _operations(term: Any, names: Mapping[Step, str]) -> int:
    """How many calls a formula has in which terms with names are not written out."""
    counts: dict[Step, int] = {}
    for needed, parts in needed_for([term]).items():
        known = needed in names or needed.function is None
        counts[needed] = 0 if known else 1 + sum(map(counts.__getitem__, parts))
    return counts.get(term, 0)
