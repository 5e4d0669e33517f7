"""Seed B in plain NumPy: its row-wise network of any depth and the derivatives by hand.

Samples are rows: Z = A W + b. The hidden layers are all ReLU, tanh or sigmoid; one output unit is a
sigmoid, several are a softmax.
"""

from itertools import pairwise

import numpy as np

import nn


def logistic(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": logistic}
SLOPES = {
    "relu": lambda z: (z > 0).astype(float),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: logistic(z) * (1 - logistic(z)),
}


def initial_weights(sizes, hidden, rng):
    """N(0, 2/fan_in) with ReLU, N(0, 1/fan_in) with tanh and sigmoid."""
    variance = 2 if hidden == "relu" else 1
    return [rng.normal(size=ends) * np.sqrt(variance / ends[0]) for ends in pairwise(sizes)]


def forward(X, weights, biases, hidden):
    """Pre-activations, and activations with the input as the first."""
    zs, activations = [], [X]
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True), 1):
        zs.append(activations[-1] @ W + b)
        if layer < len(weights):
            activations.append(ACTIVATIONS[hidden](zs[-1]))
        else:
            activations.append(logistic(zs[-1]) if W.shape[1] == 1 else softmax(zs[-1]))
    return zs, activations


def gradients(X, y, weights, biases, hidden):
    """dW and db of each layer for the mean cross-entropy; y has the output's shape."""
    zs, activations = forward(X, weights, biases, hidden)
    delta = (activations[-1] - y) / len(X)
    dW, db = [], []
    for layer in range(len(weights) - 1, -1, -1):
        dW.insert(0, activations[layer].T @ delta)
        db.insert(0, delta.sum(axis=0))
        if layer:
            delta = delta @ weights[layer].T * SLOPES[hidden](zs[layer - 1])
    return dW, db


def network(sizes, hidden, rng=0):
    """The same network of the library's layers, with the seed's choice of initial weights."""
    rng = np.random.default_rng(rng)
    weight_init = "he_normal" if hidden == "relu" else "lecun_normal"
    activations = [hidden] * (len(sizes) - 2) + ["sigmoid" if sizes[-1] == 1 else "softmax"]
    return nn.Sequential(
        *(
            nn.Dense(*ends, activation, weight_init=weight_init, rng=rng)
            for ends, activation in zip(pairwise(sizes), activations, strict=True)
        )
    )


def arrays_of(model):
    """Copies of the weights, and of the biases."""
    return (
        [layer.weight.data.copy() for layer in model.layers],
        [layer.bias.data.copy() for layer in model.layers],
    )
