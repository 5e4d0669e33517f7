"""Dense networks in plain NumPy, samples in columns or in rows, with every mistake of a step.

Layer l computes Zl = Wl A(l-1) + bl, or A(l-1) Wl + bl in rows, and Al from Zl; A0 is the input.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from by_hand import (
    ACTIVATIONS,
    SLOPES,
    Slip,
    all_scaled,
    derive,
    leaky_relu_slope,
    relu_slope,
    reshaped,
    sigmoid_slope,
    softmax,
    step,
    swapped,
    tanh_slope,
)

RATE = 0.1


class Network(NamedTuple):
    """How a seed writes a network, and where it divides by the number of samples m.

    `mean` is at the "parameters" (dW = dZ Aᵀ / m), in the "loss" (dA = ... / m) or "nowhere". With
    `shortcut` the derivation starts at dZ = A - Y of the last layer. `handed` names what is
    compared: the gradients of "parameters", or "all".
    """

    title: str
    sizes: tuple
    hidden: str
    output: str = "sigmoid"
    loss: str = "cross-entropy"
    epsilon: float = 0.0
    samples: str = "columns"
    shortcut: bool = False
    mean: str = "parameters"
    biases: bool = True
    handed: str = "parameters"
    scale: float = 0.8

    @property
    def depth(self):
        return len(self.sizes) - 1

    def activation(self, layer):
        return self.output if layer == self.depth else self.hidden

    @property
    def feature_axis(self):
        return 0 if self.samples == "columns" else 1

    @property
    def parameters(self):
        letters = "Wb" if self.biases else "W"
        return [f"{letter}{layer}" for layer in range(1, self.depth + 1) for letter in letters]


def random_values(network, m, seed, dtype=np.float64):
    """The parameters, the input A0 and the targets Y, and by what gradients are divided."""
    rng = np.random.default_rng(seed)
    columns = network.samples == "columns"
    arrays = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(network.sizes), 1):
        W = rng.normal(0.0, network.scale, (fan_out, fan_in))
        b = rng.normal(0.2, 0.5, (fan_out, 1))
        arrays[f"W{layer}"] = W if columns else W.T
        if network.biases:
            arrays[f"b{layer}"] = b if columns else b.T
    arrays["A0"] = rng.normal(size=(network.sizes[0], m))
    arrays["Y"] = _targets(network, m, rng)
    if not columns:
        arrays |= {name: arrays[name].T for name in ("A0", "Y")}
    arrays = {name: np.ascontiguousarray(array, dtype) for name, array in arrays.items()}
    mean = arrays["Y"].size if network.loss == "squares" else m
    over = {"parameters": (mean, 1), "loss": (1, mean), "nowhere": (1, 1)}[network.mean]
    return arrays | {"m": m, "parameters over": over[0], "loss over": over[1]}


def _targets(network, m, rng):
    outputs = network.sizes[-1]
    if network.output == "softmax":
        return np.eye(outputs)[:, rng.integers(outputs, size=m)]
    if network.loss == "cross-entropy":
        first = rng.integers(0, 2, (outputs, 1))
        return (np.arange(m) + first) % 2
    return rng.uniform(size=(outputs, m))


def forward(network, values):
    """The values with all Z and A."""
    values = dict(values)
    for layer in range(1, network.depth + 1):
        W, A = values[f"W{layer}"], values[f"A{layer - 1}"]
        Z = W @ A if network.samples == "columns" else A @ W
        if network.biases:
            Z = Z + values[f"b{layer}"]
        kind = network.activation(layer)
        axis = network.feature_axis
        values[f"Z{layer}"] = Z
        values[f"A{layer}"] = softmax(Z, axis) if kind == "softmax" else ACTIVATIONS[kind](Z)
    return values


def backward(network, m):
    """The steps from the loss to the first layer's parameters."""
    layer_steps = columns if network.samples == "columns" else rows
    steps = []
    for layer in range(network.depth, 0, -1):
        weights, bias, inputs = layer_steps(network, layer, m)
        if layer == network.depth:
            steps += [shortcut(network, m)] if network.shortcut else output(network, m)
        else:
            steps.append(hidden(network, layer, m))
        steps.append(weights)
        if network.biases:
            steps.append(bias)
        if layer > 1:
            steps.append(inputs)
    return steps


# The loss and the activation of the last layer

LOSS_SLOPES = {
    "cross-entropy": lambda A, Y, e: -(Y / (A + e) - (1 - Y) / (1 - A + e)),
    "categorical": lambda A, Y, e: -Y / (A + e),
    "half squares": lambda A, Y, e: A - Y,
    "squares": lambda A, Y, e: 2 * (A - Y),
    "absolute": lambda A, Y, e: np.sign(A - Y),
}


def output(network, m):
    """dA of the loss, and dZ from it."""
    L, epsilon = network.depth, network.epsilon
    A = f"A{L}"

    def by(loss):
        slope = LOSS_SLOPES[loss]
        return lambda v, g: slope(v[A], v["Y"], epsilon) / v["loss over"]

    others = [("another loss", by(loss)) for loss in LOSS_SLOPES if loss != network.loss]
    if network.loss == "cross-entropy":
        others += [
            ("derivative forgotten", lambda v, g: (1 - 2 * v["Y"]) / v["loss over"]),
            ("dropped path", by("categorical")),
            ("dropped path", lambda v, g: (1 - v["Y"]) / (1 - v[A] + epsilon) / v["loss over"]),
        ]
    first = step(A, by(network.loss), others, _output_factors(network, m))
    if network.output == "softmax":
        return [first, softmax_step(network, m)]
    return [first, hidden(network, L, m)]


def softmax_step(network, m):
    Z, A = f"Z{network.depth}", f"A{network.depth}"
    axis = network.feature_axis

    def right(v, g):
        return v[A] * (g[A] - (g[A] * v[A]).sum(axis=axis, keepdims=True))

    def again(v, g):
        return right(v, g | {A: (v[A] - v["Y"]) / v["loss over"]})

    mistakes = [
        ("softmax cross terms", lambda v, g: g[A] * v[A] * (1 - v[A])),
        ("derivative forgotten", lambda v, g: g[A]),
        ("derivative twice", lambda v, g: (v[A] - v["Y"]) / v["loss over"] * v[A] * (1 - v[A])),
        ("derivative twice", again),
        ("wrong axis", lambda v, g: v[A] * (g[A] - (g[A] * v[A]).sum(1 - axis, keepdims=True))),
    ]
    return step(Z, right, mistakes, _output_factors(network, m))


def _output_factors(network, m):
    return (1 / m, 2, 0.5, RATE, *([m] if network.mean == "loss" else []))


def shortcut(network, m):
    """dZ = A - Y, where the loss and the last activation belong together."""
    Z, A = f"Z{network.depth}", f"A{network.depth}"
    e = network.epsilon

    def error(v):
        return (v[A] - v["Y"]) / v["loss over"]

    if network.output == "softmax":
        mistakes = [
            ("derivative twice", lambda v, g: error(v) * v[A] * (1 - v[A])),
            ("softmax cross terms", lambda v, g: -v["Y"] * (1 - v[A]) / v["loss over"]),
            ("derivative forgotten", lambda v, g: -v["Y"] / (v[A] + e) / v["loss over"]),
        ]
    else:
        mistakes = [
            ("derivative twice", lambda v, g: error(v) * sigmoid_slope(v[Z])),
            ("another loss", lambda v, g: error(v) * sigmoid_slope(v[Z])),
            ("another loss", lambda v, g: 2 * error(v) * sigmoid_slope(v[Z])),
        ]
    found = step(Z, lambda v, g: error(v), mistakes, _output_factors(network, m))
    # What is wrong with A - Y as a whole may be said of either of the two functions it comes from.
    either = [mistake._replace(places=mistake.places | {A}) for mistake in found.mistakes]
    return found._replace(mistakes=tuple(either))


# The activations


WRONG_SLOPES = {
    "sigmoid": [
        ("derivative twice", lambda Z, A: sigmoid_slope(Z) ** 2),
        ("wrong place", lambda Z, A: sigmoid_slope(A)),
        ("wrong place", lambda Z, A: Z * (1 - Z)),
        ("another derivative", lambda Z, A: tanh_slope(Z)),
        ("another derivative", lambda Z, A: 1 - A**2),
        ("another derivative", lambda Z, A: relu_slope(Z)),
    ],
    "tanh": [
        ("derivative twice", lambda Z, A: tanh_slope(Z) ** 2),
        ("wrong place", lambda Z, A: tanh_slope(A)),
        ("wrong place", lambda Z, A: 1 - Z**2),
        ("another derivative", lambda Z, A: sigmoid_slope(Z)),
        ("another derivative", lambda Z, A: A * (1 - A)),
        ("another derivative", lambda Z, A: relu_slope(Z)),
    ],
    "relu": [
        ("branches", lambda Z, A: (Z <= 0).astype(Z.dtype)),
        ("another derivative", lambda Z, A: sigmoid_slope(Z)),
        ("another derivative", lambda Z, A: tanh_slope(Z)),
        ("another derivative", lambda Z, A: leaky_relu_slope(Z)),
    ],
}


def hidden(network, layer, m):
    """dZ from dA."""
    Z, A = f"Z{layer}", f"A{layer}"
    slope = SLOPES[network.activation(layer)]

    def with_slope(wrong):
        return lambda v, g: g[A] * wrong(v[Z], v[A])

    mistakes = [("derivative forgotten", lambda v, g: g[A])]
    mistakes += [
        (kind, with_slope(wrong)) for kind, wrong in WRONG_SLOPES[network.activation(layer)]
    ]
    for other in (layer - 1, layer + 1):
        if 0 < other <= network.depth and network.sizes[other] == network.sizes[layer]:
            mistakes.append(("wrong place", _with_slope_of_layer(A, slope, other)))
    factors = _output_factors(network, m) if layer == network.depth else (1 / m, 2)
    return step(Z, lambda v, g: g[A] * slope(v[Z]), mistakes, factors)


def _with_slope_of_layer(A, slope, other):
    return lambda v, g: g[A] * slope(v[f"Z{other}"])


# The products


def bias(network, layer, m, axis):
    """db from dZ, whose samples lie along an axis."""
    Z = f"Z{layer}"

    def summed(**over):
        return lambda v, g: g[Z].sum(**over) / v["parameters over"]

    mistakes = [
        ("wrong axis", summed(axis=1 - axis, keepdims=True)),
        ("wrong axis", summed()),
        ("not summed", lambda v, g: g[Z] / v["parameters over"]),
        ("not summed", summed(axis=axis)),
        *only_if(network.sizes[layer] == 1, ("not summed", summed())),
    ]
    right = summed(axis=axis, keepdims=True)
    return step(f"b{layer}", right, mistakes, _parameter_factors(network, m))


def columns(network, layer, m):
    """dW, db and the dA of the layer before, from dZ."""
    W, Z, A = (f"{letter}{layer}" for letter in "WZA")
    A_before, Z_before = f"A{layer - 1}", f"Z{layer - 1}"
    mistakes = [
        ("transposed", lambda v, g: v[A_before] @ g[Z].T / v["parameters over"]),
        ("transposed", lambda v, g: g[Z] @ v[A_before] / v["parameters over"]),
        ("wrong place", lambda v, g: g[Z] @ v[A].T / v["parameters over"]),
    ]
    if layer > 1:
        mistakes.append(("wrong place", lambda v, g: g[Z] @ v[Z_before].T / v["parameters over"]))
    weights = step(
        W,
        lambda v, g: g[Z] @ v[A_before].T / v["parameters over"],
        mistakes,
        _parameter_factors(network, m),
    )
    inputs = step(
        A_before,
        lambda v, g: v[W].T @ g[Z],
        [
            ("transposed", lambda v, g: v[W] @ g[Z]),
            ("stale weights", lambda v, g: (v[W] - RATE * g[W]).T @ g[Z]),
            ("wrong place", lambda v, g: v[f"W{layer - 1}"].T @ g[Z]),
        ],
        (1 / m, 2),
    )
    return weights, bias(network, layer, m, 1), inputs


def rows(network, layer, m):
    """dW, db and the dA of the layer before, from dZ."""
    W, Z, A = (f"{letter}{layer}" for letter in "WZA")
    A_before, Z_before = f"A{layer - 1}", f"Z{layer - 1}"
    mistakes = [
        ("transposed", lambda v, g: g[Z].T @ v[A_before] / v["parameters over"]),
        ("transposed", lambda v, g: v[A_before] @ g[Z] / v["parameters over"]),
        ("wrong place", lambda v, g: v[A].T @ g[Z] / v["parameters over"]),
    ]
    if layer > 1:
        mistakes.append(("wrong place", lambda v, g: v[Z_before].T @ g[Z] / v["parameters over"]))
    weights = step(
        W,
        lambda v, g: v[A_before].T @ g[Z] / v["parameters over"],
        mistakes,
        _parameter_factors(network, m),
    )
    inputs = step(
        A_before,
        lambda v, g: g[Z] @ v[W].T,
        [
            ("transposed", lambda v, g: g[Z] @ v[W]),
            ("stale weights", lambda v, g: g[Z] @ (v[W] - RATE * g[W]).T),
            ("wrong place", lambda v, g: g[Z] @ v[f"W{layer - 1}"].T),
        ],
        (1 / m, 2),
    )
    return weights, bias(network, layer, m, 0), inputs


def only_if(condition, mistake):
    return [mistake] if condition else []


def _parameter_factors(network, m):
    return (1 / m, 2, m if network.mean == "parameters" else RATE)


# One step of training, and what goes wrong around it


def trained_once(network, values):
    """The values after one step of gradient descent, and the gradients of that step."""
    gradients = derive(backward(network, values["m"]), forward(network, values))
    moved = {name: values[name] - RATE * gradients[name] for name in network.parameters}
    return forward(network, values | moved), gradients


def slips(network, previous, gradients, names):
    """What can go wrong with the right gradients of these names."""
    L = network.depth
    if network.handed == "parameters":
        yield all_scaled(RATE, names, [f"A{L}", f"Z{L}"])
    yield Slip("previous step", frozenset(names), lambda g: previous)
    yield from swapped(gradients, names)
    yield from reshaped(gradients, [name for name in names if name[0] == "W"])
