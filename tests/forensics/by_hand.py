"""What a derivation by hand is made of, and how it can be mistaken.

A backward pass is a list of steps. Each computes the gradient of one array, named by the place,
from the values of the forward pass and the gradients found so far, and it has a right formula and
mistaken ones. Nothing here uses the library.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np


class Mistake(NamedTuple):
    """A wrong formula of one step: `formula(values, gradients)`, in place of the right one.

    `places` are the names that a diagnosis may give for it, `factor` is wrong / right where that
    is constant, and `step` the place of the step that it spoils.
    """

    kind: str
    step: str
    formula: object
    factor: float | None = None
    places: frozenset = frozenset()


class Slip(NamedTuple):
    """Right gradients that are handed in wrongly: `change(gradients)` returns others."""

    kind: str
    places: frozenset
    change: object
    factor: float | None = None


class Step(NamedTuple):
    """The right formula of one gradient, and the mistakes that can be made in it."""

    place: str
    right: object
    mistakes: tuple = ()


def derive(steps, values, mistakes=()):
    """The gradients by place, with these mistakes made on the way.

    Raises:
        ValueError: a mistake gives an array inside of the network another shape: whoever makes
            it notices.
    """
    mistaken = {mistake.step: mistake.formula for mistake in mistakes}
    gradients = {}
    for place, right, _ in steps:
        gradient = np.asarray(mistaken.get(place, right)(values, gradients))
        if is_computed(place) and gradient.shape != values[place].shape:
            raise ValueError(f"{place} has shape {values[place].shape}, not {gradient.shape}")
        gradients[place] = gradient
    return gradients


def is_computed(place):
    """Whether a name is that of an array inside of the network: not of a parameter."""
    return place[0] not in "Wbgs"


def step(place, right, mistakes=(), factors=()):
    """A step with its mistaken formulas, (kind, formula) each, a wrong sign and wrong factors."""
    found = [Mistake(kind, place, formula, places=frozenset([place])) for kind, formula in mistakes]
    found.append(scaled(place, right, -1.0))
    found += [scaled(place, right, factor) for factor in dict.fromkeys(factors) if factor != 1]
    return Step(place, right, tuple(found))


def affine(W, b, Z, A):
    """The steps of Z = A W + b, samples in rows: dW, db, dA."""
    return [
        step(W, lambda v, g: v[A].T @ g[Z]),
        step(b, lambda v, g: g[Z].sum(axis=0)),
        step(A, lambda v, g: g[Z] @ v[W].T, [], (2,)),
    ]


def scaled(place, right, factor):
    kind = "sign" if factor == -1 else "factor"
    places = frozenset([place])
    return Mistake(kind, place, lambda v, g: factor * right(v, g), factor, places)


# What goes wrong after the derivation


def swapped(gradients, names):
    """Two gradients of one shape, each handed in as the other."""
    for first, second in combinations(names, 2):
        if gradients[first].shape == gradients[second].shape:
            places = frozenset([first, second])
            yield Slip("swapped", places, _swap(first, second))


def _swap(first, second):
    return lambda g: g | {first: g[second], second: g[first]}


def reshaped(gradients, names):
    """Flattened column by column, and put back row by row."""
    for name in names:
        if min(gradients[name].shape, default=1) > 1:
            yield Slip("reshaped", frozenset([name]), _refold(name))


def _refold(name):
    return lambda g: g | {name: g[name].ravel(order="F").reshape(g[name].shape)}


def all_scaled(factor, names, places):
    """Every gradient multiplied, as by a learning rate that belongs to the update."""
    return Slip(
        "factor",
        frozenset(places),
        lambda g: g | {name: factor * g[name] for name in names},
        factor,
    )


# Functions of neural networks, and their slopes by argument


def sigmoid(z):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def sigmoid_slope(z):
    return sigmoid(z) * (1 - sigmoid(z))


def tanh_slope(z):
    return 1 - np.tanh(z) ** 2


def relu(z):
    return np.maximum(z, 0)


def relu_slope(z):
    return (z > 0).astype(z.dtype)


def leaky_relu_slope(z):
    return np.where(z > 0, 1.0, 0.01)


def softmax(z, axis):
    scores = np.exp(z - z.max(axis=axis, keepdims=True))
    return scores / scores.sum(axis=axis, keepdims=True)


ACTIVATIONS = {"sigmoid": sigmoid, "tanh": np.tanh, "relu": relu}
SLOPES = {"sigmoid": sigmoid_slope, "tanh": tanh_slope, "relu": relu_slope}
