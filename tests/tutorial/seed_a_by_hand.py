"""Seed A in plain NumPy: its data, its network of any depth and the derivatives by hand.

Samples are columns: Z = W A + b. A network is a dict of "W1", "b1", "W2" and so on; the hidden
layers are all ReLU or all sigmoid, the output is a sigmoid. Everything that is random comes from
NumPy's global generator, as in the tutorial.
"""

from functools import partial
from itertools import pairwise

import numpy as np

import nn

EPSILON = 1e-8


def two_blobs(n_samples=1000):
    np.random.seed(42)
    half = n_samples // 2
    first = np.random.randn(2, half) - 2
    second = np.random.randn(2, half) + 2
    order = np.random.permutation(n_samples)
    X = np.concatenate([first, second], axis=1)[:, order]
    Y = np.repeat([[0.0, 1.0]], half, axis=1)[:, order]
    return X, Y


def initial_parameters(sizes, hidden="relu"):
    """Weights from N(0, 2/fan_in) before ReLU or N(0, 1/fan_in) before sigmoid, biases of 0."""
    parameters = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), 1):
        scale = np.sqrt((2 if hidden == "relu" else 1) / fan_in)
        parameters[f"W{layer}"] = np.random.randn(fan_out, fan_in) * scale
        parameters[f"b{layer}"] = np.zeros((fan_out, 1))
    return parameters


def random_samples(sizes, n_samples):
    """Normal inputs, and targets of 0 and 1."""
    X = np.random.randn(sizes[0], n_samples)
    return X, np.random.randint(0, 2, (sizes[-1], n_samples)).astype(float)


def logistic(z):
    return 1 / (1 + np.exp(-z))


def activate(z, hidden):
    return np.maximum(z, 0) if hidden == "relu" else logistic(z)


def slope(z, hidden):
    return (z > 0).astype(float) if hidden == "relu" else logistic(z) * (1 - logistic(z))


def forward(X, parameters, hidden="relu", masks=(), keep=1.0):
    """Z1, A1 and so on, with A0 = X. Hidden activations are multiplied by their mask / keep."""
    n_layers = len(parameters) // 2
    values = {"A0": X}
    for layer in range(1, n_layers + 1):
        Z = parameters[f"W{layer}"] @ values[f"A{layer - 1}"] + parameters[f"b{layer}"]
        A = activate(Z, hidden) if layer < n_layers else logistic(Z)
        if layer <= len(masks):
            A = A * masks[layer - 1] / keep
        values |= {f"Z{layer}": Z, f"A{layer}": A}
    return values


def cost(AL, Y, parameters, epsilon=EPSILON, strength=0.0):
    """Cross-entropy with epsilon in its logarithms, and strength/(2m) times the squared weights."""
    m = Y.shape[1]
    entropy = -np.sum(Y * np.log(AL + epsilon) + (1 - Y) * np.log(1 - AL + epsilon)) / m
    squares = sum(np.sum(parameters[name] ** 2) for name in parameters if name.startswith("W"))
    return entropy + strength / (2 * m) * squares


def gradients(X, Y, parameters, hidden="relu", epsilon=EPSILON, strength=0.0, masks=(), keep=1.0):
    """Of the cost: dZ, dW and db of each layer, and dA of all but the input."""
    values = forward(X, parameters, hidden, masks, keep)
    n_layers, m = len(parameters) // 2, Y.shape[1]
    AL = values[f"A{n_layers}"]
    dA = -(Y / (AL + epsilon) - (1 - Y) / (1 - AL + epsilon)) / m
    found = {}
    for layer in range(n_layers, 0, -1):
        found[f"dA{layer}"] = dA
        if layer <= len(masks):
            dA = dA * masks[layer - 1] / keep
        kind = hidden if layer < n_layers else "sigmoid"
        dZ = dA * slope(values[f"Z{layer}"], kind)
        W = parameters[f"W{layer}"]
        found[f"dZ{layer}"] = dZ
        found[f"dW{layer}"] = dZ @ values[f"A{layer - 1}"].T + strength / m * W
        found[f"db{layer}"] = dZ.sum(axis=1, keepdims=True)
        dA = W.T @ dZ
    return found


def of_parameters(found):
    """The gradients of weights and biases, by the parameters' names."""
    return {name[1:]: array for name, array in found.items() if name[1] in "Wb"}


# The same network made of the library's layers, whose samples are rows


def as_model(parameters, hidden="relu", dropout=0.0, rng=None):
    """A model that begins with the same weights and biases, with Dropout after hidden layers."""
    n_layers = len(parameters) // 2
    rng = np.random.default_rng(rng)
    model = nn.Sequential()
    for layer in range(1, n_layers + 1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        kind = hidden if layer < n_layers else "sigmoid"
        dense = nn.Dense(W.shape[1], W.shape[0], kind, weight_init=partial(_given, W))
        dense.bias.data = b[:, 0].copy()
        model.append(dense)
        if dropout and layer < n_layers:
            model.append(nn.Dropout(dropout, rng=rng))
    return model


def _given(W, rng, fan_in, fan_out):
    return W.T


def in_columns(model, of=lambda parameter: parameter.data):
    """The parameters of such a model, or what `of` takes of them, by the seed's names."""
    layers = [layer for layer in model.layers if isinstance(layer, nn.Dense)]
    weights = {f"W{i}": of(layer.weight).T for i, layer in enumerate(layers, 1)}
    return weights | {f"b{i}": of(layer.bias)[:, None] for i, layer in enumerate(layers, 1)}


def gradients_in_columns(model):
    return in_columns(model, of=lambda parameter: parameter.grad)
