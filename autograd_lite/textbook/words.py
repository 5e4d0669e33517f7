"""What a node contributes, or a cotangent is, as a formula in the words of a graph."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.engine import backward_order
from autograd_lite.node import Node, arrays_in, plain
from autograd_lite.program.program import Step, needed_for
from autograd_lite.textbook.cotangents import cotangents
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.lines import finished
from autograd_lite.textbook.naming import Identifiers, given_names, key_of
from autograd_lite.textbook.numpy_source import NumpySource, is_made
from autograd_lite.textbook.reading import Reader
from autograd_lite.textbook.recognized import recognized
from autograd_lite.textbook.spellings import RULES
from autograd_lite.textbook.terms import parts_written


def contribution_formula(
    node: Node, index: int, names: Mapping[Any, str], vjp: Callable[..., Any] | None = None
) -> str:
    """What a node contributes to the cotangent of one of its arguments, as NumPy source.

    An array that has no name is written as `in_words` says, or as x > 0 if it says where x is
    positive. `vjp` takes the place of the rule for this argument.
    """
    rules = {node.operation.function: [vjp] * len(node.arguments)} if vjp else RULES
    formulas = Formulas(rules)
    arrays = [*arrays_in(node.arguments), node]
    named = [x for x in arrays if key_of(x) in names]
    known = [(formulas.name(x, names[key_of(x)]), plain(x)) for x in named]
    for x in [x for x in arrays if key_of(x) not in names]:
        term = recognized(formulas.terms, plain(x), known, (), ())
        if term is not None:
            formulas.known[formulas.key(x)] = term
    g = formulas.terms.leaf(np.shape(node._array))
    formulas.names[g] = f"d{names[node]}"
    return in_words(formulas.contributions(node, g, False, (index,))[index], formulas.names)


def in_words(term: Any, names: Mapping[Step, str]) -> str:
    """A term as NumPy source, with a word for each plain array without a name.

    It is labels for integers, indices where they alone are an index, mask for booleans and for
    zeros and ones, constant for all others; a second array of a kind is constant_2. What NumPy has
    a call for, such as ones, is written so.
    """
    names = dict(names)
    identifiers = Identifiers()
    identifiers.taken.update(names.values())
    parts = (term, *parts_written(term, names)) if isinstance(term, Step) else ()
    indices = [part.arguments[1] for part in parts if _takes_by_index(part)]
    for part in parts:
        if part not in names and part.function is None and not is_made(part.arguments[0]):
            array = part.arguments[0]
            word = "mask" if np.isin(array, (0, 1)).all() else "constant"
            whole = "indices" if part in indices else "labels"
            names[part] = identifiers.unique(whole if array.dtype.kind in "iu" else word)
    return NumpySource(names).text(term)


def _takes_by_index(part: Step) -> bool:
    """Whether entries are taken, or put, by an index that is no label of rows of np.eye."""
    if part.function not in (operator.getitem, scatter):
        return False
    (whole, *_) = part.arguments
    is_plain = isinstance(whole, Step) and whole.function is None
    return not (is_plain and whole.arguments and is_made(whole.arguments[0]))


LONGEST = 20
"""A formula of more operations uses temporaries, or is not written."""


def value_formula(loss: Node, node: Node, variables: Mapping[str, Any]) -> str:
    """What a node is computed by, as NumPy source, in the words of the caller.

    It is empty where it would be too long, as that of a recurrence without names is.

    >>> from autograd_lite import Tensor
    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> loss = w.sum() + 3 * (w**2).sum()
    >>> value_formula(loss, loss.arguments[1], {})
    '3 * (w ** 2).sum()'
    """
    reader = Reader(loss, variables)
    term = reader.known[node]
    names = {known: name for known, name in reader.names.items() if known != term}
    return in_words(term, names) if _operations(term, names) <= LONGEST else ""


def cotangent_formula(
    loss: Node, tensor: Node, names: Mapping[Any, str], variables: Mapping[str, Any]
) -> str:
    """The cotangent of a tensor as NumPy source, from cotangents and values that have names.

    Only what the user or a network has a name for is called by it, with a d in front for its
    cotangent; the rest is written out. Where that is too long, all names are used, those of
    temporaries too. Numbers such as that of the samples are written as numbers.
    """
    own = given_names(backward_order(loss)[::-1], variables, Identifiers())
    for chosen in (own, names):
        chosen_names = {x: name for x, name in names.items() if x in chosen}
        term, known = _cotangent(Reader(loss, variables), tensor, chosen_names)
        if _operations(term, known) <= LONGEST:
            break
    return in_words(term, known)


def _cotangent(
    reader: Reader, tensor: Node, names: Mapping[Any, str]
) -> tuple[Any, dict[Step, str]]:
    """The term of the cotangent of a tensor, and the terms that have names in its formula."""
    given = reader.given
    known = {t: given[key_of(x)] for t, x in reader.inputs.items() if key_of(x) in reader.own}
    for node, name in names.items():
        term = reader.known.get(node)
        if isinstance(term, Step) and name not in known.values():
            known.setdefault(term, name)
    first = reader.terms.count + 1
    found = cotangents(reader, named=names)
    for node, term in found.items():
        if node is tensor:
            break
        new = isinstance(term, Step) and term.function is not None and term.number >= first
        if new and node in names:
            known.setdefault(term, f"d{names[node]}")
    if reader.term(tensor) in known:
        return finished(reader, tensor, found[tensor]), known
    return found[tensor], known


def _operations(term: Any, names: Mapping[Step, str]) -> int:
    """How many calls a formula has in which terms with names are not written out."""
    counts: dict[Step, int] = {}
    for needed, parts in needed_for([term]).items():
        known = needed in names or needed.function is None
        counts[needed] = 0 if known else 1 + sum(map(counts.__getitem__, parts))
    return counts.get(term, 0)
