"""Steps of optimizers that divide by a curvature: Newton's, Gauss and Newton's, natural gradients.

A step d is one if the product of the curvature with it is the gradient, perhaps with a damping:
C d + damping d = factor g. No matrix is made: products come out of one tangent and one cotangent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite.engine import backpropagate
from autograd_lite.forensics.candidate import Always
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import closest_factor, flat, is_round, multiples, rounded
from autograd_lite.forensics.place import Wrong
from autograd_lite.forensics.projection import tangents
from autograd_lite.forensics.replay import Graph
from autograd_lite.held import seed_of
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

MOST_STEPS = 1000
"""Steps of a graph whose backward pass is recorded for products with curvatures."""
MOST_NODES = 6
"""Nodes, such as predictions, that a curvature is taken at."""
FEWEST_FOR_TWO = 3
"""Entries of a step from which on a damping is solved for."""
Products = Iterator[tuple[str, list[Array]]]
"""What a curvature is called, and its products with steps."""


def curved_step(case: Case) -> str:
    """What the wrong gradients are, if they are steps that divide by a curvature; else empty."""
    graph, wrong = case.graph, case.wrong_ones
    fits = case.are_usable(wrong) and all(tensor.operation is None for tensor in wrong)
    if not fits or len(graph.places) > MOST_STEPS:
        return ""
    steps = {tensor: case.manual[tensor] for tensor in wrong}
    given, right = flat(steps.values()), flat(graph.right[tensor] for tensor in wrong)
    if not given.any():
        return ""
    try:
        for what, products in _products(graph, steps):
            damping = _damping(case, right, flat(products), given)
            if damping is not None:
                return what + (f", with {damping}" if damping else "")
    except Exception:  # A rule of the user's own may not be one that can be differentiated.
        return ""
    return ""


def _damping(case: Case, right: Array, product: Array, step: Array) -> str | None:
    """A factor or a damping in words, empty if there is none; None if it is no such step."""
    close = max(1e-6, case.tolerance) * abs(right).max()
    if not np.isfinite(product).all():
        return None
    factor = closest_factor(right, product)
    known = math.isclose(factor, 1, rel_tol=1e-6) or (len(step) > 1 and is_round(rounded(factor)))
    known = known or (len(step) > 2 and bool(case.usual_words(factor)))
    if known and abs(right - factor * product).max() <= close:
        if math.isclose(factor, 1, rel_tol=1e-6):
            return ""
        return f"{1 / factor:.6g} times it"
    if len(step) < FEWEST_FOR_TWO:
        return None
    share, damping = multiples([product, step], right)
    found = abs(right - share * product - damping * step).max() <= close
    if found and is_round(share) and is_round(damping / share) and damping / share > 0:
        return f"a damping of {rounded(damping / share):g}"
    return None


def _products(graph: Graph, steps: Mapping[Tensor, Array]) -> Products:
    gradients = backpropagate(graph.loss, seed_of(graph.loss), create_graph=True)
    along: Any = sum((gradients[t] * step).sum() for t, step in steps.items())
    if isinstance(along, Tensor) and along.requires_grad:
        of_all = backpropagate(along, seed_of(along))
        if all(tensor in of_all for tensor in steps):
            words = "the step of Newton's method: the inverse Hessian times the gradient"
            yield words, [np.asarray(of_all[tensor]) for tensor in steps]
    moved = [tangents(graph, tensor, step) for tensor, step in steps.items()]
    for node in [node for node in graph.bottlenecks if node.size > 1][:MOST_NODES]:
        if not all(node in found for found in moved):
            continue
        tangent: Array = sum(found[node] for found in moved)
        arriving: Any = (gradients[node] * tangent).sum()
        if isinstance(arriving, Tensor) and arriving.requires_grad:
            curved = backpropagate(arriving, seed_of(arriving)).get(node)
            if curved is not None:
                words = "the step of Gauss and Newton, or the natural gradient: the inverse of "
                words += "J.T @ H @ J, of the predictions' derivatives, times the gradient"
                yield words, _sent_from(graph, node, np.asarray(curved), steps)
        if len(node._array) < 2:
            continue  # One sample's product with any step is a multiple of the gradient.
        g = graph.right[node]
        own = (g * tangent).sum(axis=tuple(range(1, node.ndim)), keepdims=True)
        words = "the natural gradient: the inverse of the samples' products g @ g.T, the empirical "
        yield words + "Fisher matrix, times the gradient", _sent_from(graph, node, g * own, steps)


def _sent_from(
    graph: Graph, node: Tensor, cotangent: Array, tensors: Mapping[Tensor, Array]
) -> list[Array]:
    """What arrives at tensors where this arrives at a node."""
    first, *others = graph.consumers[node]
    wrong: Wrong = {place: Always(0.0 * cotangent) for place in others}
    replay = graph.replay({first: Always(cotangent), **wrong})
    return [] if replay is None else [replay[tensor] for tensor in tensors]


def for_a_root(case: Case, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """Newton's step for a root, f / f', entry by entry; Polyak's, f / |f'|² times f'."""
    graph, right = case.graph, case.graph.right[tensor]
    loss = float(np.sum(graph.loss._array))
    words = "it is the step of Newton's method for a root: the value divided by the derivative"
    if right.all() and loss:
        yield words, loss / right
        for node in [
            node for node in graph.bottlenecks if node.shape == right.shape and right.size > 1
        ]:
            shares = np.broadcast_to(graph.right[node], right.shape)
            yield words, node._array * shares / right
    square = float(np.vdot(right, right))
    if right.size > 1 and square:
        what = "it is Polyak's step: the gradient times the loss over the square of its norm"
        yield what, loss / square * right
        yield "it is divided by the square of its norm", right / square
