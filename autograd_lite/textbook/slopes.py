"""Activations that are written out, such as 1/(1 + exp(-z)), and slopes as books have them.

What reaches z is the slope of the activation; of a cross-entropy of probabilities it is p - y,
where the terms prove it. For p = sigmoid(z) the slope (1 - y)/(1 - p) - y/p, times p (1 - p), is
p - y. For p = softmax(z) the slope -t/p, taken through the softmax, is p - t where the entries of t
sum to 1. (Bishop, "Pattern Recognition and Machine Learning", 4.3.)
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.derivatives.indexing import scatter
from autograd_lite.node import Node, inputs_of
from autograd_lite.program.program import Step
from autograd_lite.table import TABLE, traits_of
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.terms import (
    Terms,
    is_broadcast,
    is_call,
    is_number,
    is_one,
    is_one_number,
    shape_of,
)

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


# Of cross-entropies


Found = tuple[Any, ...]
"""The parts of a slope but for its node."""
Divided = list[tuple[int, Any, Any]]
"""Quotients that are added up: sign, what is above, what is below."""


def slope_in_logits(
    formulas: Formulas, node: Node, g: Any, parameters: Collection[Any], kept: Collection[Node]
) -> Slope | None:
    """p - y, where a node is probabilities p, or log(p), and g the slope of their cross-entropy.

    None of those that are `kept` is left out.
    """
    p = formulas.known[node]
    if not isinstance(p, Step) or p.function not in _OUTERMOST:
        return None
    z, axis = input_of(p, neural.sigmoid), None
    if z is None:
        z, axis = logits_of_softmax(p)
    divided = _divided(g) if z is not None else []
    if not divided:
        return None
    if axis is None:
        found = _binary(formulas.terms, p, divided)
    else:
        found = _categorical(formulas, node, axis, divided, parameters)
    before = node_of(formulas, node, z, kept) if found else None
    return Slope(before, *found) if found and before is not None else None


_OUTERMOST = (np.divide, neural.sigmoid, neural.softmax, neural.log_softmax)
"""What probabilities, or their logarithms, are calls of, also where they are written out."""


def _divided(g: Any) -> Divided:
    """The quotients that a term is the sum of; none of more than two."""
    stack, found = [(1, g)], Divided()
    while stack:
        if len(stack) + len(found) > 2:
            return []
        sign, term = stack.pop()
        if is_call(term, np.negative):
            stack.append((-sign, term.arguments[0]))
        elif is_call(term, np.add) or is_call(term, np.subtract):
            other = sign if term.function is np.add else -sign
            stack += [(other, term.arguments[1]), (sign, term.arguments[0])]
        else:
            quotient = term.arguments if is_call(term, np.divide) else (term, 1)
            found.append((sign, *quotient))
    return found


def _is_variance(term: Any, p: Step) -> bool:
    """Whether it is p (1 - p)."""
    return is_call(term, np.multiply) and term.arguments[0] is p and _is_rest(term.arguments[1], p)


def _binary(terms: Terms, p: Step, divided: Divided) -> Found | None:
    """What reaches z of p = sigmoid(z): p - y of (1 - y)/(1 - p) - y/p, or its parts."""
    above = {below: (sign, x) for sign, x, below in divided}
    others = [below for below in above if below is not p]
    if len(divided) == 2 and p in above and len(others) == 1 and _is_rest(others[0], p):
        (sign, y), (other_sign, rest) = above[p], above[others[0]]
        if sign == -other_sign and _is_rest(rest, y):
            alike = all(shape_of(x) == p.shape for _, x, _ in divided)
            return (-sign, terms.call(np.subtract, p, y)) if alike else None
    slope = _of_logarithms(terms, p, divided)
    return None if slope is None else (1, slope)


def _of_logarithms(terms: Terms, p: Step, divided: Divided) -> Any:
    """What reaches z from quotients by p and 1 - p, as log(p) and log(1 - p) have; else None.

    With the slope p (1 - p) of a sigmoid that is x (1 - p) for x/p, x p for x/(1 - p), and x for
    x/(p (1 - p)).
    """
    total = None
    for sign, x, below in divided:
        if below is p:
            part = terms.call(np.multiply, x, terms.call(np.subtract, 1, p))
        elif _is_rest(below, p):
            part = terms.call(np.multiply, x, p)
        elif _is_variance(below, p):
            part = x
        else:
            return None
        part = part if sign > 0 else terms.call(np.negative, part)
        total = part if total is None else terms.call(np.add, total, part)
    return total


def _categorical(
    formulas: Formulas, node: Node, axis: int, divided: Divided, parameters: Collection[Any]
) -> Found | None:
    """What reaches z of p = softmax(z): p - t of -t/p, for targets t."""
    terms, p, (sign, targets, below) = formulas.terms, formulas.known[node], divided[0]
    if len(divided) != 1 or shape_of(targets) != p.shape:
        return None
    note, about, is_log = "", None, is_call(p, neural.log_softmax)
    indices = _picked(p, axis, targets, below)
    if indices is not None:
        classes = formulas.plain(np.eye(p.shape[axis], dtype=node._array.dtype))
        targets = terms.build(operator.getitem, (classes, indices), {}, p.shape)
    else:
        about, axis = _sliced(targets, axis)
        note, whole = f"sums over axis {axis} are 1", is_one(below) if is_log else below is p
        if not (whole and _sums_to_one(about, axis, parameters)):
            return None
    p = terms.call(np.exp, p) if is_log else p
    return -sign, terms.call(np.subtract, p, targets), note, about


def _sliced(targets: Any, axis: int) -> tuple[Any, int]:
    """Of what targets are a slice at a number, and an axis of them in it."""
    if is_call(targets, operator.getitem) and is_one_number(targets.arguments[1]):
        return targets.arguments[0], axis + 1
    return targets, axis


def _is_rest(term: Any, of: Any) -> bool:
    """Whether it is 1 minus something."""
    return is_call(term, np.subtract) and is_one(term.arguments[0]) and term.arguments[1] is of


def _sums_to_one(targets: Any, axis: int, parameters: Collection[Any]) -> bool:
    """Whether they are data, such as one-hot rows, that sum to 1 in the record."""
    if not is_call(targets, None) or targets in parameters:
        return False
    return bool(np.allclose(np.sum(targets.arguments[0], axis=axis), 1, rtol=0, atol=1e-12))


def _picked(p: Step, axis: int, above: Any, below: Any) -> Any:
    """The indices of classes, one a row, where above/below is 1/p there and 0 elsewhere."""
    if not is_call(above, scatter) or len(p.shape) != 2 or axis != 1:
        return None
    ones, index = above.arguments[:2]
    if not isinstance(index, tuple) or len(index) != 2 or not all(is_call(x, None) for x in index):
        return None
    rows, labels = index
    if rows.shape != labels.shape or not np.array_equal(rows.arguments[0], range(p.shape[0])):
        return None
    if is_one(below) and is_call(ones, np.divide):  # of log(p[rows, labels])
        ones, picked = ones.arguments
        if not is_call(picked, operator.getitem) or picked.arguments != (p, index):
            return None
    elif below is not (1 if is_call(p, neural.log_softmax) else p):
        return None
    ones = ones.arguments[0] if is_broadcast(ones) else ones
    return labels if is_one(ones) else None
