"""Activations that are written out, such as 1/(1 + exp(-z)), and their own slopes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.node import Node, inputs_of
from autograd_lite.program.program import Step
from autograd_lite.table import traits_of
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.terms import Terms, is_call, is_number, is_one

PARTS = 8
"""Operations that what is written out consists of, at most."""


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
    y, terms = formulas.known[node], formulas.terms
    if not (is_call(y, np.divide) or is_call(y, np.log)):
        return None
    for read, slope in _SLOPES:
        z, axis = read(y)
        before = node_of(formulas, node, z, kept) if z is not None else None
        if before is not None:
            return Slope(before, 1, slope(terms, g, y, z, axis))
    return None


def _of_sigmoid(terms: Terms, g: Any, y: Any, z: Any, axis: int) -> Any:
    return terms.call(np.multiply, terms.call(np.multiply, g, y), terms.call(np.subtract, 1, y))


def _of_tanh(terms: Terms, g: Any, y: Any, z: Any, axis: int) -> Any:
    square = terms.call(np.multiply, y, y)
    return terms.call(np.multiply, g, terms.call(np.subtract, 1, square))


def _of_softmax(terms: Terms, g: Any, y: Any, z: Any, axis: int) -> Any:
    shape = tuple(1 if i == axis else length for i, length in enumerate(y.shape))
    keywords = {"axis": axis, "keepdims": True}
    total = terms.build(np.sum, (terms.call(np.multiply, g, y),), keywords, shape)
    return terms.call(np.multiply, y, terms.call(np.subtract, g, total))


def _of_softplus(terms: Terms, g: Any, y: Any, z: Any, axis: int) -> Any:
    power = terms.call(np.exp, terms.call(np.negative, z))
    sigmoid = terms.call(np.divide, 1, terms.call(np.add, 1, power))
    return terms.call(np.multiply, g, sigmoid)


def _input_of_tanh(y: Step) -> tuple[Any, int]:
    """z, where y is (exp(z) - exp(-z))/(exp(z) + exp(-z)), or (exp(2 z) - 1)/(exp(2 z) + 1)."""
    above, below = y.arguments if is_call(y, np.divide) else (None, None)
    if not (is_call(above, np.subtract) and is_call(below, np.add)):
        return None, 0
    up, down = above.arguments
    if {up, down} != {*below.arguments} or not is_call(up, np.exp):
        return None, 0
    (power,) = up.arguments
    if is_one(down) and is_call(power, np.multiply):
        z = [x for x in power.arguments if not is_number(x)]
        return (z[0], 0) if len(z) == 1 and 2 in power.arguments else (None, 0)
    is_mirrored = is_call(down, np.exp) and is_call(down.arguments[0], np.negative)
    return (power, 0) if is_mirrored and down.arguments[0].arguments[0] is power else (None, 0)


def _input_of_softplus(y: Step) -> tuple[Any, int]:
    """z, where y is log(1 + exp(z))."""
    if not (is_call(y, np.log) and is_call(y.arguments[0], np.add)):
        return None, 0
    parts = y.arguments[0].arguments
    powers = [x for x in parts if is_call(x, np.exp)]
    return (powers[0].arguments[0] if len(powers) == 1 and any(map(is_one, parts)) else None), 0


def logits_of_sigmoid(p: Step) -> Any:
    """z, where p is sigmoid(z), also written out."""
    if is_call(p, neural.sigmoid):
        return p.arguments[0]
    if not is_call(p, np.divide):
        return None
    above, below = p.arguments
    if not is_call(below, np.add):
        return None
    inside = [x for x in below.arguments if is_call(x, np.exp)]
    if len(inside) != 1 or not any(map(is_one, below.arguments)):
        return None
    power = inside[0].arguments[0]
    if is_one(above) and is_call(power, np.negative):
        return power.arguments[0]
    return power if above is inside[0] else None


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
    z = logits_of_sigmoid(y)
    return z if z is not None else _input_of_tanh(y)[0]


_SLOPES: tuple[tuple[Callable[[Step], tuple[Any, int]], Callable[..., Any]], ...] = (
    (lambda y: (logits_of_sigmoid(y), 0), _of_sigmoid),
    (_input_of_tanh, _of_tanh),
    (logits_of_softmax, _of_softmax),
    (_input_of_softplus, _of_softplus),
)
"""How z and an axis are read from a term, and what then reaches z."""


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
