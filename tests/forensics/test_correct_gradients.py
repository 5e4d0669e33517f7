"""A right derivation is never called wrong, however it is written and whatever the numbers."""

import numpy as np
import pytest
from by_hand import Mistake, derive, sigmoid
from by_hand_dense import Network, backward, forward, random_values
from recorded import dense

from autograd_lite import compare_gradients, sigmoid_cross_entropy, softmax_cross_entropy

LOSSES = {
    "sigmoid": ("cross-entropy", "half squares", "squares"),
    "softmax": ("categorical",),
    "tanh": ("half squares", "squares"),
    "relu": ("half squares", "squares"),
}


def random_network(rng):
    depth = rng.integers(1, 5)
    output = str(rng.choice(list(LOSSES)))
    loss = str(rng.choice(LOSSES[output]))
    return Network(
        "random",
        tuple(int(size) for size in rng.integers(1, 5, depth + 1)),
        str(rng.choice(["relu", "tanh", "sigmoid"])),
        output,
        loss,
        epsilon=1e-8 if loss in ("cross-entropy", "categorical") else 0.0,
        samples=str(rng.choice(["columns", "rows"])),
        mean=str(rng.choice(["parameters", "loss"])),
        biases=bool(rng.integers(4)),
        scale=10 ** rng.uniform(-1.5, 1),
    )


def scaled_values(network, rng):
    """Inputs of any size: some activations are far out where they are flat."""
    dtype = rng.choice([np.float32, np.float64])
    values = random_values(network, int(rng.integers(1, 7)), rng.integers(2**32), dtype)
    values["A0"] *= dtype(10 ** rng.uniform(-3, 2))
    return forward(network, values)


def in_other_words(network, rng):
    """Some of the right formulas, each written in another right way."""
    columns = network.samples == "columns"
    found = []
    for layer in range(1, network.depth + 1):
        W, b, Z, A, before = f"W{layer}", f"b{layer}", f"Z{layer}", f"A{layer}", f"A{layer - 1}"
        words = [
            (W, _by_samples(Z, before, columns)),
            (W, _by_einsum(Z, before, columns)),
            (b, _by_ones(Z, columns)),
            (before, _transposed_twice(W, Z, columns)),
        ]
        if not (network.shortcut and layer == network.depth):
            slopes = OTHER_SLOPES.get(network.activation(layer), [])
            words += [(Z, _with_slope(slope, A)) for slope in slopes]
        found += [Mistake("", place, formula) for place, formula in words if rng.integers(2)]
    return found


def _by_samples(Z, A, columns):
    def formula(v, g):
        errors, inputs = (g[Z].T, v[A].T) if columns else (v[A], g[Z])
        products = [np.outer(e, a) for e, a in zip(errors, inputs, strict=True)]
        return np.sum(products, axis=0) / v["parameters over"]

    return formula


def _by_einsum(Z, A, columns):
    if columns:
        return lambda v, g: np.einsum("oi,pi->op", g[Z], v[A]) / v["parameters over"]
    return lambda v, g: np.einsum("io,ip->op", v[A], g[Z]) / v["parameters over"]


def _by_ones(Z, columns):
    def formula(v, g):
        ones = np.ones((v["m"], 1), g[Z].dtype)
        return (g[Z] @ ones if columns else ones.T @ g[Z]) / v["parameters over"]

    return formula


def _transposed_twice(W, Z, columns):
    if columns:
        return lambda v, g: (g[Z].T @ v[W]).T
    return lambda v, g: (v[W] @ g[Z].T).T


def _with_slope(slope, A):
    Z = f"Z{A[1:]}"
    return lambda v, g: g[A] * slope(v[A], v[Z])


OTHER_SLOPES = {
    "sigmoid": [
        lambda A, Z: A * (1 - A),
        lambda A, Z: sigmoid(Z) * sigmoid(-Z),
    ],
    "tanh": [
        lambda A, Z: (1 + A) * (1 - A),
        lambda A, Z: 1 / np.cosh(np.clip(Z, -40, 40)) ** 2,
    ],
    "relu": [lambda A, Z: np.where(A > 0, A.dtype.type(1), A.dtype.type(0))],
}


def as_table_row(network, tensors, values):
    """The loss of the last Z in one stable function, and the network as that derives it."""
    Z, Y = tensors[f"Z{network.depth}"], values["Y"]
    network = network._replace(shortcut=True)
    if network.loss == "cross-entropy":
        return network, sigmoid_cross_entropy(Z, Y) * Y.size / values["m"]
    if network.samples == "columns":
        Z, Y = Z.T, Y.T
    return network, softmax_cross_entropy(Z, Y.argmax(axis=1))


def random_case(rng):
    """A loss, and the gradients of its tensors by hand."""
    network = random_network(rng)
    values = scaled_values(network, rng)
    tensors, loss = dense(network, values)
    if network.epsilon and rng.integers(2):
        network, loss = as_table_row(network, tensors, values)
    words = in_other_words(network, rng) if rng.integers(2) else []
    gradients = derive(backward(network, values["m"]), values, words)
    names = network.parameters
    if network.mean == "loss" and rng.integers(2):
        names = list(gradients)
    return loss, {tensors[name]: gradients[name] for name in names}


@pytest.mark.parametrize("cases", [300, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_random_correct_gradients_are_never_called_wrong(cases):
    rng = np.random.default_rng(0)
    for number in range(cases):
        loss, gradients = random_case(rng)
        assert all(a.dtype == loss.dtype for a in gradients.values())
        report = compare_gradients(loss, gradients)
        assert report, f"case {number}\n{report}"
        assert not report.explanations


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_random_networks_reach_the_flat_parts_of_the_activations(dtype):
    rng = np.random.default_rng(0)
    flat = 0
    for _ in range(200):
        network = random_network(rng)
        values = scaled_values(network, rng)
        flat += (np.abs(values["Z1"]) > 20).any() and values["Z1"].dtype == dtype
    assert flat >= 15
