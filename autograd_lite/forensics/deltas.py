"""The delta of the last layer, p - y times a number, by another formula.

Each kind is one row or one `yield`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.forensics.candidate import (
    Always,
    Candidate,
    instead_of_all,
    joint,
    scaled,
    with_strength,
)
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import factor_between
from autograd_lite.forensics.place import Place, index_parts, is_array
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def _for_error(p: Array, y: Array, z: Array) -> Iterator[tuple[str, str, Array]]:
    """What people write for p - y, with p made of z: kinds, words, values."""
    y = np.asarray(y, p.dtype)  # Unsigned numbers have no negative ones.
    largest = np.equal(p, p.max(axis=-1, keepdims=True))
    if not (y == 1).all():
        yield "softmax cross terms", "the targets are not subtracted: p, and not p - y", p
    else:  # 1 need not be a target.
        words = "the label is 0 where it is 1: p stands for 1 - p, as if for -log(1 - p)"
        yield "wrong place", words, p
        yield "wrong place", f"{words}, and the sign is wrong", -p
    yield "labels", "1 is subtracted in every class, not only in that of the label", p - 1
    for words, value in (
        ("what arrives at the label's class is left out: p * (1 - y)", p * (1 - y)),
        ("only what arrives at the label's class is kept: (p - y) * y", (p - y) * y),
    ):
        yield "labels", f"{words}, and not p - y", value
    words = "the number of the label is subtracted in every class, not 1 in that of the label"
    yield "labels", words, p - y.argmax(axis=-1, keepdims=True)
    words = "-1 is assigned at the label, where it is to be subtracted: p is lost there"
    yield "labels", words, p * (1 - y) - y
    words = "1 is subtracted in the columns of all labels: p[:, labels] for p[range(m), labels]"
    yield "labels", words, p - np.any(y != 0, axis=0, keepdims=True)
    words = "the largest p of a row stands for the label, the prediction for the target"
    yield "labels", words, p - largest
    words = "the largest p of a row counts as 1 and the others as 0: the predicted label stands "
    yield "labels", words + "for p", largest - y
    words = "the prediction is rounded to a label, (p > 0.5) - y, and not p - y"
    yield "labels", words, (p > 0.5) - y
    yield "labels", "the targets are added: p + y, and not p - y", p + y
    if p.size == len(p):
        words = "the mean of the predictions stands for each, as where (m,) - (m, 1) gives (m, m)"
        yield "labels", words, np.full_like(p, p.mean()) - y
    yield "wrong formula", "p is left out: -y, and not p - y", -y
    yield "wrong formula", "the error is squared: (p - y) ** 2", (p - y) ** 2
    words = "the value of the cross-entropy itself is taken, entry by entry, not its derivative"
    yield "wrong place", words, -(y * np.log(p) + (1 - y) * np.log(1 - p))
    yield "other values", "the error is multiplied by p", (p - y) * p
    yield "wrong formula", "the sign of the error is lost: abs(p - y), and not p - y", abs(p - y)
    yield "wrong place", "1 - p stands for p: 1 - p - y, and not p - y", 1 - p - y
    yield "wrong place", "the logarithm of p stands for p: log(p) - y", np.log(p) - y
    axis = next((a for a in (-1, 0) if p.ndim > 1 and np.allclose(p.sum(axis=a), 1)), None)
    if p is not z:
        yield from _for_probability(p, y) if axis is None else _for_shares(p, y, z, axis)
    yield from _for_labels_beside(p, y, axis)
    for what, slope in (("p * (1 - p)", p * (1 - p)), ("1 - p * p", 1 - p * p)):
        words = f"the error is multiplied by {what}, the derivative of an activation which p - y "
        words += "contains already, or which is not in the loss"
        yield "derivative twice", words, (p - y) * slope


def _for_labels_beside(p: Array, y: Array, axis: int | None) -> Iterator[tuple[str, str, Array]]:
    """The same with labels of the sample beside; of the class beside, where an axis has these."""
    for along, length in enumerate(p.shape):
        of_class = axis is not None and along == axis % p.ndim
        if length > 1 and (axis is not None or length == p.size):
            for shift, sample, label in ((1, "before", "after"), (-1, "after", "before")):
                words = f"the labels are off by one sample: those of the one {sample}"
                words = f"the labels are off by one: those of the class {label}" * of_class or words
                yield "labels", words, p - np.roll(y, shift, along)


def _for_probability(p: Array, y: Array) -> Iterator[tuple[str, str, Array]]:
    """The same for a probability of each entry, as sigmoid gives it."""
    yield "wrong place", "sigmoid is applied once more: sigmoid(p) - y", neural.sigmoid(p) - y
    words = "it is the loss's derivative by p, (p - y) / (p * (1 - p)): that of p is left out"
    yield "derivative forgotten", words, (p - y) / (p * (1 - p))


def _for_shares(p: Array, y: Array, z: Array, axis: int) -> Iterator[tuple[str, str, Array]]:
    """The same for probabilities that add up to 1 along an axis, as softmax gives them."""
    yield "wrong place", "softmax is applied once more: softmax(p) - y", neural.softmax(p, axis) - y
    words = "it is the loss's derivative by p, -y / p: that of softmax is left out"
    yield "derivative forgotten", words, -y / p
    words = "the derivative of softmax is multiplied in twice: p - y contains it already"
    total = ((p - y) * p).sum(axis=axis, keepdims=True)
    yield "derivative twice", words, p * (p - y - total)
    exponentials = np.exp(z - z.max())
    words = "the exponentials are divided by the sum over all axes, not over the classes"
    yield "wrong axis", words, exponentials / exponentials.sum() - y


def _to_scores(graph: Graph) -> Iterator[Place]:
    """The steps to arrays that p - y may arrive at: of some entries, and with few uses."""
    for place in graph.places:
        z = place.argument
        if z.ndim and 2 <= z.size <= LARGEST and len(graph.consumers[z]) <= MOST_USES:
            yield place


def other_deltas(case: Case) -> Iterator[Candidate]:
    """Another formula in p and y where p - y arrives, but for a number."""
    graph = case.graph
    for place in _to_scores(graph):
        predictions = [*_predictions(graph, place)]
        yield from _of_predictions(case, place, predictions)
        for p in _of_logits(place.argument) if graph.consumers[place.argument][0] is place else ():
            if not predictions and np.ptp(p) > 1e-6:
                yield from _of_predictions(case, place, [(p, "")])


def _of_predictions(
    case: Case, place: Place, predictions: list[tuple[Array, str]]
) -> Iterator[Candidate]:
    graph, z = case.graph, place.argument
    is_given = z.operation is not None and z.operation.traits.activation
    for number, (p, made_by) in enumerate(predictions):
        for y, c in _fitting(graph, p, graph.right[z]):
            for kind, words, value in _for_error(p, y, z._array):
                # What an activation gives is differentiated twice in its own step.
                if kind != "derivative twice" or not is_given:
                    yield from _delta(graph, place, kind, words, c * value, y)
            yield from _smoothed(graph, place, c * (p - y), c * y)
            for name, array in case.arrays.items():
                if array.shape == p.shape:
                    words = f"{name} stands for the targets y in p - y"
                    yield from _delta(graph, place, "other arrays", words, c * (p - array), y)
            for others, (other, its) in enumerate(predictions):
                where = f"before {made_by}" if others < number else f"after {its}"
                words = f"the prediction is the one {where}, which is not the loss's"
                words += f": {made_by} is left out" * (others < number)
                yield from _delta(graph, place, "wrong place", words, c * (other - y), y)
            break


def _smoothed(graph: Graph, place: Place, delta: Array, labels: Array) -> Iterator[Candidate]:
    """The delta with labels that are smoothed by some number, which is to be found."""
    to_scores = graph.consumers[place.argument]
    if labels.ndim == 2 and delta.shape == place.argument.shape:
        apart = labels - labels.mean(axis=-1, keepdims=True)
        words = "in what arrives there, and not in the loss, the labels are smoothed"
        by = lambda share: instead_of_all(to_scores, delta + share * apart)
        yield with_strength("labels", words, by, neutral=0.0, number="by {}", joint=True)


def _of_logits(z: Tensor) -> Iterator[Array]:
    """What predictions are where the loss is one of logits."""
    yield neural.sigmoid(z._array)
    for axis in range(z.ndim):
        yield neural.softmax(z._array, axis)


def missing_parentheses(case: Case) -> Iterator[Candidate]:
    """A factor stands at one term of p - y only, or one of the terms is no part of a product."""
    graph = case.graph
    for place in _to_scores(graph):
        for p, slope in _predictions_and_slopes(place):
            for y, c in _fitting(graph, p, graph.right[place.argument], slope):
                by = c * slope
                for words, value in _at_one_term(graph, p, y, c, slope):
                    what = f"parentheses are missing: {words}, where all of p - y is multiplied"
                    if factor_between(value, by * (p - y)) is None:  # One term may be 0.
                        yield from _delta(graph, place, "wrong place", what, value, y)
                for below in _products_below(graph, place.argument):
                    if below.argument.shape == np.shape(y):
                        words = "parentheses are missing: in X.T @ p - y the product is with p only"
                        for off in (by * y, y):
                            less = partial(_less, below, by * p, off)
                            yield Candidate("wrong place", words, {below: less})


def _less(place: Place, arriving: Array, off: Array, *given: Any, **keywords: Any) -> Array:
    """What a step gives for something else than what arrives, less an array."""
    return np.asarray(place.vjp(arriving, *given[1:], **keywords) - off)


def _predictions_and_slopes(place: Place) -> Iterator[tuple[Array, Any]]:
    """What the delta of a step's argument may be the error of, times a derivative."""
    z, of = place.argument, place.traits.probabilities
    if of is not None:
        yield of(place.node._array, z._array), 1.0
    if place.operation.function is np.subtract and place.node.shape == z.shape:
        yield z._array, 1.0
    if place.activates and place.traits.elementwise:
        yield place.node._array, place.slopes


def _at_one_term(
    graph: Graph, p: Array, y: Array, c: Any, slope: Any
) -> Iterator[tuple[str, Array]]:
    """A factor of c slope (p - y) that is one of p alone, or of y: how it is written, values."""
    whole = c * slope
    of_products = [p for p in graph.places if p.multiplies_entries]
    constants = {abs(n) for place in of_products for n in place.numbers} - {0.0}
    rates = [2.0, *(by / n for n in graph.lengths for by in (1.0, 2.0))]
    rates += [by for n in sorted(constants)[:MOST_CONSTANTS] for by in (n, 1 / n)]
    factors: list[Any] = [whole, *[slope] * np.ndim(slope), *(f for f in rates if np.all(f != c))]
    factors += [whole / rate for rate in rates] if np.ndim(whole) else []
    what = "the derivative" if np.ndim(slope) else "the weights"
    for factor in factors:
        name = what if np.ndim(factor) else _written(factor)
        if np.all(factor != 0) and not (np.ndim(factor) == 0 and factor == 1):
            yield f"{name} * p - y", whole * p - whole / factor * y
            yield f"p - {name} * y", whole / factor * p - whole * y


MOST_CONSTANTS = 4
"""Numbers of a record that may stand at one term only."""


def _written(factor: float) -> str:
    """A number, or 1 over a whole one."""
    over = round(1 / factor) if 1e-9 < abs(factor) < 1 else 1
    return f"1/{over}" if abs(over) > 1 and np.isclose(factor * over, 1) else f"{factor:.6g}"


def _products_below(graph: Graph, node: Tensor) -> Iterator[Place]:
    """The products that give a parameter its gradient of what arrives at a node."""
    steps = [*graph.places_of.get(node, ())]
    for step in steps:
        steps += graph.places_of.get(step.argument, ()) if step.traits.additive else ()
        if step.multiplies_matrices and step.argument.operation is None:
            yield step


MOST_USES = 3
"""Uses of logits, as in mu - y eta, with mu the exponential of eta."""
LARGEST = 100_000
"""Entries of a delta, or of pairs, that another formula is looked for."""


def _delta(
    graph: Graph, place: Place, kind: str, words: str, value: Array, y: Array
) -> Iterator[Candidate]:
    right = graph.right[place.argument]
    alike = np.shape(value) == right.shape and np.isfinite(value).all()
    if alike and not np.allclose(value, right):
        what = f"in what arrives there {words}"
        wrong = scaled(graph.consumers[place.argument], 0.0)
        yield joint(kind, what, wrong | {place: Always(value, "", y)})


def _predictions(graph: Graph, place: Place) -> Iterator[tuple[Array, str]]:
    """What the delta of a step's argument may be the error of, and the function that gives it."""
    z, of = place.argument, place.traits.probabilities
    if of is not None:
        yield of(place.node._array, z._array), place.operation.name
        return
    if place.node.operation.function is np.subtract and place.slot == 0:
        yield z._array, z.operation.name if z.operation else ""
    node = place.node
    for _ in range(STEPS if place.bends and place.traits.elementwise else 0):
        if node.shape == z.shape:
            yield node._array, node.operation.name
        uses = [use for use in graph.consumers.get(node, ()) if use.traits.elementwise]
        if not uses or uses[-1].traits.additive:
            return
        node = uses[-1].node


STEPS = 3
"""Steps from a linear predictor to a prediction."""


def _fitting(graph: Graph, p: Array, right: Array, slope: Any = 1.0) -> Iterator[tuple[Array, Any]]:
    """The targets y and the number, or samples' weights, c with which c slope (p - y) arrives."""
    weights = [w for w in graph.plain_arrays if w.dtype.kind == "f" and w.shape[:1] == p.shape[:1]]
    weights = [w for w in weights if w.size == len(w) and w.ndim == p.ndim]
    for y in _targets(graph, p):
        for w in (1.0, *weights):
            c = factor_between(right, w * slope * (p - y))
            if c is not None:
                yield y, c * w


def _targets(graph: Graph, p: Array) -> Iterator[Array]:
    """Arrays of the record that may be the targets: of the shape of p, or labels of its rows."""
    arrays = [*graph.plain_arrays]
    for node in graph.places_of:
        for argument in node.arguments if node.operation.traits.indexes else ():
            parts = index_parts(argument) if isinstance(argument, tuple) else ()
            arrays += [part for part in parts if is_array(part)]
        if node.operation.function is np.where:
            arrays.append(np.asarray(plain(node.arguments[0]), p.dtype))
    for array in arrays:
        yield from like_predictions(array, p)
        if array.dtype.kind == "f" and array.shape == p.shape:
            yield -array  # The loss may begin with -y * log(p).
    yield np.ones_like(p)


def like_predictions(array: Array, p: Array) -> Iterator[Array]:
    """An array of the shape of p; labels of its rows, or columns, as what they stand for."""
    if np.size(array) == p.size and np.squeeze(array).shape == np.squeeze(p).shape:
        yield (own := np.reshape(array, p.shape))
        if np.all(abs(own) == 1) and np.any(own < 0):
            yield (own + 1) / 2
            yield (1 - own) / 2
    elif np.ndim(array) == 1 and p.ndim == 2 and array.dtype.kind in "iu":
        for axis in (0, 1):
            if len(array) == p.shape[axis]:
                hot = np.equal(array[:, None], np.arange(p.shape[1 - axis])).astype(p.dtype)
                yield hot if axis == 0 else hot.T
