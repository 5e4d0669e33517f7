"""What several steps are together: forgotten, or done wrongly in the formula for the whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from autograd_lite.forensics.candidate import Candidate, joint, times
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import distinct_masks, is_one_number
from autograd_lite.forensics.normalized import NORMALIZATIONS, as_a_whole, normalizations
from autograd_lite.forensics.place import Place, is_bounded, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.step_mistakes import vjp_of
from autograd_lite.node import Array, Node, plain
from autograd_lite.recognition import behind
from autograd_lite.table import activations
from autograd_lite.tensor import Tensor


def differentiated_as_a_whole(case: Case) -> Iterator[Candidate]:
    """What lies between two nodes is forgotten, or done wrongly in the formula for the whole."""
    graph = case.graph
    position: dict[Node, int] = {node: -number for node, number in graph.position.items()}
    for node in graph.places_of:
        if node.operation.function in NORMALIZATIONS:
            yield from normalizations(case, graph.places_of[node][:1], node, node.arguments[0])
        if not node.operation.traits.elementwise or node.ndim < 1:
            continue
        for found, parts in behind(node, position, frozenset()):
            x = cast(Tensor, found)
            chain = graph.way(node, x)
            if len(parts) < 2 or not chain or not any(map(_bends, parts)):
                continue
            # A sum that passes on what arrives is no part of what is forgotten.
            same = np.array_equal(graph.sent(chain[0]), graph.right[node])
            if not (chain[0].traits.additive and same):
                names = ", ".join(dict.fromkeys(part.operation.name for part in parts[::-1]))
                words = f"what is computed in between, {names}, is not differentiated: "
                words += "the inner derivative of the chain rule is forgotten"
                if is_bounded(node) and all(map(_is_straight, parts)):
                    yield from _of_bounded(graph, chain, parts)
                if all(map(is_bounded, parts)):
                    yield from _of_clip(graph, chain, node, x)
                    words = "the mask of clip is forgotten: its derivative is 0 beyond the bounds"
                lost = is_one_number(graph.right[node])
                kind = "cotangent lost" if lost else "derivative forgotten"
                # A step that others lead on from as well would be another mistake on these.
                inner, within = [place.argument for place in chain[:-1]], {*parts}
                if all(use.node in within for each in inner for use in graph.consumers[each]):
                    yield joint(kind, words, as_a_whole(graph, chain))
                    yield from _of_derivatives(graph, chain, parts, names)
            if node.ndim > 1:
                yield from normalizations(case, chain, node, x)


def _of_derivatives(
    graph: Graph, chain: list[Place], parts: list[Node], names: str
) -> Iterator[Candidate]:
    """The derivative of several functions together, by a rule that is none of derivatives."""
    node, x = chain[0].node, chain[-1].argument
    whole = _slope(graph, node, x, parts)
    if whole is not None and np.all(whole) and not np.allclose(whole, 1):
        words = f"the derivative of what is computed in between, {names}, is taken to be 1 over "
        words += "what it is"
        yield joint("wrong formula", words, as_a_whole(graph, chain, times(1 / whole)))
    steps = graph.places_of[node]
    inner = [_slope(graph, step.argument, x, parts) for step in steps]
    for words, slope in _by_another_rule(steps, inner):
        yield joint("wrong formula", words, as_a_whole(graph, chain, times(slope)))


def _by_another_rule(steps: list[Place], inner: list[Any]) -> Iterator[tuple[str, Array]]:
    """What people make of the derivatives of what a function is of, where these are known.

    With nothing but 0, 1 and -1 in them they say nothing.
    """
    if any(each is None for each in inner) or np.isin(inner, (0, 1, -1)).all():
        return
    first, rest = steps[0], inner[1:]
    if first.bends and first.traits.elementwise:
        given = [*map(plain, first.node.arguments)]
        given[first.slot] = inner[0]
        value = first.operation.value(*given, **first.node.keywords)
        words = "the inner derivative is put into {operation}, where it is to be a factor: "
        yield words + "f(g') for f'(g) g'", value
        yield words + "f'(g') for f'(g) g'", first.vjp(1.0, value, *given, **first.node.keywords)
    elif rest and first.operation.function is np.multiply:
        words = "the product of the derivatives stands for the derivative of the product: f' g'"
        yield words, inner[0] * rest[0]
    elif rest and first.operation.function is np.divide:
        words = "the quotient of the derivatives stands for the derivative of the quotient: f' / g'"
        yield words, inner[0] / rest[0]


def _slope(graph: Graph, node: Tensor, x: Tensor, parts: list[Node]) -> Array | None:
    """The derivative of a node by one before it, entry by entry; None if it is none of entries."""
    slopes: dict[Node, Array] = {node: np.ones_like(x._array)}
    for part in parts:
        for place in graph.places_of[cast(Tensor, part)] if part in slopes else ():
            if not place.traits.elementwise or place.argument.shape != x.shape:
                return None
            more = place.unmatched(slopes[part])
            slopes[place.argument] = slopes.get(place.argument, 0.0) + more
    return slopes.get(x)


def _of_clip(graph: Graph, chain: list[Place], node: Tensor, x: Tensor) -> Iterator[Candidate]:
    words, beyond = "the derivative of clip is taken to be ", node._array != x._array
    for kind, what, slope in (
        ("wrong formula", "the clipped value, not a mask", node._array),
        ("wrong formula", "what was clipped, not a mask", x._array),
        ("branches", "1 beyond the bounds and 0 between them: the mask is inverted", beyond),
    ):
        yield joint(kind, words + what, as_a_whole(graph, chain, times(slope)))


def _of_bounded(graph: Graph, chain: list[Place], parts: list[Node]) -> Iterator[Candidate]:
    """A function of straight parts, such as a hard sigmoid, with other bounds, or a smooth one."""
    node, x = chain[0].node, chain[-1].argument._array
    bounds = {number for place in chain for number in place.numbers if is_bounded(place.node)}
    arriving, sent = graph.right[node], graph.sent(chain[-1])
    slopes = (sent / arriving)[(sent != 0) & (arriving != 0)]
    if not is_one_number(slopes, within=1e-9):
        return
    inner = slopes.flat[0]
    name = "clip" if all(map(is_bounded, parts)) else "what is bounded"
    words = f"the derivative of {name} is "
    own = {*itertools.product({*bounds, -np.inf}, {*bounds, np.inf})}
    # Of windows with the same mask the one with the own bounds is said.
    windows = [*own, *itertools.product({0.0, -np.inf} - bounds, {*bounds, np.inf})]
    arrays = ("its input", x), ("what is bounded", node._array)
    ways = [(what, at, low, high) for low, high in windows for what, at in arrays]
    masks = ((_between(what, low, high), (at > low) & (at < high)) for what, at, low, high in ways)
    for own_mask, mask in distinct_masks(np.ones(x.shape, bool), masks):
        wrong = as_a_whole(graph, chain, times(inner * mask))
        yield joint("branches", words + own_mask, wrong)
    if inner != 1:
        what = f"the mask of {name} is forgotten: its derivative is 0 beyond the bounds"
        wrong = as_a_whole(graph, chain, times(inner * np.ones_like(x)))
        yield joint("derivative forgotten", what, wrong)
    for other, function in activations().items():
        wrong = as_a_whole(graph, chain, times(vjp_of(function, True, np.ones_like(x), x, x)))
        yield joint("another derivative", f"{words}that of {other}", wrong)


def _between(what: str, low: float, high: float) -> str:
    if np.isfinite((low, high)).all():
        words = f"not 0 where {what} is between {low:g} and {high:g}"
        return f"{words}: another mask than its own"
    if np.isfinite(low):
        return f"0 only where {what} is below {low:g}: the upper bound is forgotten"
    return f"0 only where {what} is above {high:g}: the lower bound is forgotten"


def _is_straight(node: Node) -> bool:
    """Whether an operation is a maximum or a minimum, entry by entry, or linear, and no mask."""
    if node.operation.traits.product and any(np.size(plain(a)) > 1 for a in _fixed(node)):
        return False
    return node.operation.traits.elementwise and (is_bounded(node) or not _bends(node))


def _fixed(node: Node) -> list[Any]:
    """The arguments of a node that are not differentiated."""
    return [argument for argument in node.arguments if not is_recorded(argument)]


def _bends(node: Node) -> bool:
    """Whether an operation is not linear in what is recorded."""
    traits = node.operation.traits
    recorded = [slot for slot, a in enumerate(node.arguments) if is_recorded(a)]
    return not traits.additive and not (len(recorded) == 1 and recorded[0] in traits.linear)
