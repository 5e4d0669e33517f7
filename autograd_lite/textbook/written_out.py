"""Activations that are written out, such as 1/(1 + exp(-z)), and their own slopes."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.node import Node, inputs_of
from autograd_lite.program.program import Step
from autograd_lite.table import TABLE, traits_of
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.terms import is_call, is_number

PARTS = 8
"""Operations that what is written out consists of, at most."""

Z = object()
_UP, _DOWN, _TWICE = (np.exp, Z), (np.exp, (np.negative, Z)), (np.exp, (np.multiply, 2, Z))
FORMS: dict[Any, list[Any]] = {
    neural.sigmoid: [(np.divide, 1, (np.add, 1, _DOWN)), (np.divide, _UP, (np.add, 1, _UP))],
    np.tanh: [
        (np.divide, (np.subtract, _UP, _DOWN), (np.add, _UP, _DOWN)),
        (np.divide, (np.subtract, _TWICE, 1), (np.add, _TWICE, 1)),
    ],
    neural.softplus: [(np.log, (np.add, 1, _UP))],
}
"""Activations of Z as they are written out: a function, and its arguments."""
SLOPES: dict[Any, Callable[..., Any]] = {
    neural.sigmoid: TABLE[neural.sigmoid].vjps[0],
    np.tanh: TABLE[np.tanh].vjps[0],
    neural.softplus: lambda g, y, z: g * (1 / (1 + np.exp(-z))),
}
"""What then reaches Z."""


class Slope(NamedTuple):
    """What a node contributes to one before it, up to a sign."""

    node: Node
    sign: int
    term: Any
    note: str = ""  # what holds in the record that the term relies on
    about: Any = None  # the term that it holds for


def slope_of_written_out(
    formulas: Formulas, node: Node, g: Any, kept: Collection[Node]
) -> Slope | None:
    """What reaches z, where a node is σ(z), tanh(z), softmax(z) or log(1 + exp(z)) written out.

    None of those that are `kept` is left out.
    """
    y = formulas.known[node]
    if not (is_call(y, np.divide) or is_call(y, np.log)):
        return None
    logits, axis = logits_of_softmax(y)
    softmax = functools.partial(TABLE[neural.softmax].vjps[0], axis=axis)
    found: list[tuple[Any, Callable[..., Any]]] = [(logits, softmax)]
    found += [(input_of(y, function), slope) for function, slope in SLOPES.items()]
    for z, slope in found:
        before = node_of(formulas, node, z, kept) if z is not None else None
        if before is not None:
            arrays = [np.ones_like(node._array), node._array, before._array]
            return Slope(before, 1, formulas.formula(slope, arrays, [g, y, z]))
    return None


def input_of(y: Any, function: Any) -> Any:
    """z, where y is a function of z, also written out; or None.

    >>> from autograd_lite.textbook.terms import Terms
    >>> terms = Terms()
    >>> z = terms.leaf(())
    >>> power = terms.call(np.exp, terms.call(np.negative, z))
    >>> input_of(terms.call(np.divide, 1, terms.call(np.add, power, 1)), neural.sigmoid) is z
    True
    """
    if is_call(y, function):
        return y.arguments[0]
    return next((z for form in FORMS[function] for z in _matching(form, y, None)), None)


def _matching(form: Any, term: Any, z: Any) -> Iterator[Any]:
    """z, where a term is a form of it; as it is known, or None where the form has none."""
    if form is Z:
        yield from (term,) if z is None or z is term else ()
    elif type(form) is not tuple:
        yield from (z,) if is_number(term) and term == form else ()
    elif is_call(term, form[0]):
        parts = form[1:]
        for order in (parts, parts[::-1]) if traits_of(form[0]).commutative else (parts,):
            found = [z]
            for part, own in zip(order, term.arguments):
                found = [new for known in found for new in _matching(part, own, known)]
            yield from found


def logits_of_softmax(p: Step) -> tuple[Any, int]:
    """z and the axis, where p is softmax(z), also written out."""
    last = len(p.shape) - 1
    if is_call(p, neural.softmax) or is_call(p, neural.log_softmax):
        axis = p.keywords.get("axis", [*p.arguments, -1][1])
        return p.arguments[0], axis % (last + 1)
    if not is_call(p, np.divide):
        return None, 0
    above, divisor = p.arguments
    sums = divisor.arguments[0] if _adds_axes(divisor) else divisor
    if not is_call(above, np.exp) or not is_call(sums, np.sum) or sums.arguments[0] is not above:
        return None, 0
    long = [i for i, length in enumerate(p.shape) if length > 1]
    axis = sums.keywords.get("axis", long[0] if len(long) == 1 else None)
    if not isinstance(axis, int) or not _is_along(divisor, axis, p):
        return None, 0
    (power,) = above.arguments
    if is_call(power, np.subtract):
        z, shift = power.arguments
        if is_call(shift, np.max) and shift.arguments[0] is z and _is_along(shift, axis, p):
            power = z
    return power, axis


def _adds_axes(term: Any) -> bool:
    """Whether it is another array with more axes, as x[:, None] is."""
    if is_call(term, operator.getitem) and isinstance(term.arguments[1], tuple):
        return all(part is None or part == slice(None) for part in term.arguments[1])
    return is_call(term, np.expand_dims)


def _is_along(term: Step, axis: int, p: Step) -> bool:
    """Whether it is the same for all entries of p along an axis."""
    return term.shape == () or (len(term.shape) == len(p.shape) and term.shape[axis] == 1)


def input_of_activation(y: Step) -> Any:
    """z, where y is an activation of z, also one that is written out; or None."""
    if y.function is not None and traits_of(y.function).activation:
        return y.arguments[0]
    z = input_of(y, neural.sigmoid)
    return z if z is not None else input_of(y, np.tanh)


def node_of(formulas: Formulas, node: Node, term: Any, kept: Collection[Node]) -> Node | None:
    """The node behind another that has a term, if none of those between is kept."""
    stack, seen = [*inputs_of(node)], set[Node]()
    while stack and len(seen) < PARTS:
        before = stack.pop()
        if formulas.known.get(before) is term:
            return before if before._array.shape == node._array.shape else None
        if before in kept:
            return None
        if before not in seen:
            seen.add(before)
            stack += inputs_of(before)
    return None
