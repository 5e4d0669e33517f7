"""The time of one training step: hand-written NumPy, this project, PyTorch, JAX.

A step is forward pass, loss, backward pass and Adam update on one mini-batch, in the loop as users
write it: `model.zero_grad()`, `loss.backward()`, `optimizer.step()`, `loss.item()`. Before
anything is timed, all contenders take a few steps from the same weights on the same batches, and
have to arrive at the same weights.

Run it: python benchmarks/training.py
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from timing import interleaved, print_table, verdict  # isort: split

import numpy as np

import nn

try:
    import torch
except ImportError:
    torch = None
try:
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree
except ImportError:
    jax = None

LEARNING_RATE = 1e-3
BATCHES = 8
ROUNDS = 15
SECONDS_PER_BLOCK = 0.02

Parameters = list[tuple[np.ndarray, np.ndarray]]
"""A weight (in, out) and a bias (out,) for each layer."""


@dataclass(frozen=True)
class Network:
    """What is trained: layer sizes, dtype, batch size; the ratio aimed at."""

    sizes: tuple[int, ...]
    dtype: type
    batch: int
    target: float

    def __str__(self) -> str:
        sizes = ",".join(map(str, self.sizes))
        return f"[{sizes}] {np.dtype(self.dtype).name} b{self.batch}"


NETWORKS = (
    Network((2, 16, 8, 1), np.float64, 32, 0.70),
    Network((2, 32, 16, 8, 1), np.float64, 32, 0.67),
    Network((64, 32, 10), np.float64, 32, 0.88),
    Network((784, 30, 10), np.float32, 10, 0.82),
    Network((784, 512, 512, 10), np.float32, 128, 0.74),
)


@dataclass(frozen=True)
class Contender:
    """One way to train: a step on one batch, and a copy of the parameters reached so far."""

    step: Callable[[Any, Any], object]
    parameters: Callable[[], Parameters]
    batches: list[tuple[Any, Any]]

    def stepper(self) -> Callable[[], object]:
        """A call without arguments that takes a step on the next batch, round and round."""
        batches = itertools.cycle(self.batches)
        return lambda: self.step(*next(batches))


# The tutorial's algorithm


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    exponentials = np.exp(z - np.max(z, axis=1, keepdims=True))
    return exponentials / np.sum(exponentials, axis=1, keepdims=True)


class HandWritten:
    """A dense network with its gradients derived by hand: ReLU, then sigmoid or softmax."""

    def __init__(self, parameters):
        self.weights = [weight.copy() for weight, _ in parameters]
        self.biases = [bias.reshape(1, -1).copy() for _, bias in parameters]
        self.binary = self.biases[-1].size == 1
        self.m = {}
        self.v = {}
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            self.m[f"W{i}"], self.v[f"W{i}"] = np.zeros_like(weight), np.zeros_like(weight)
            self.m[f"b{i}"], self.v[f"b{i}"] = np.zeros_like(bias), np.zeros_like(bias)
        self.t = 0

    def forward(self, X):
        self.z = []
        self.a = [X]
        last = len(self.weights) - 1
        for i in range(len(self.weights)):
            z = np.dot(self.a[-1], self.weights[i]) + self.biases[i]
            if i < last:
                a = np.maximum(0, z)
            elif self.binary:
                a = sigmoid(z)
            else:
                a = softmax(z)
            self.z.append(z)
            self.a.append(a)
        return a

    def cost(self, A, Y):
        m = Y.shape[0]
        if self.binary:
            return -np.sum(Y * np.log(A + 1e-8) + (1 - Y) * np.log(1 - A + 1e-8)) / m
        return -np.sum(Y * np.log(A + 1e-8)) / m

    def backward(self, Y):
        m = Y.shape[0]
        gradients = {}
        dZ = self.a[-1] - Y
        for i in reversed(range(len(self.weights))):
            gradients[f"W{i}"] = np.dot(self.a[i].T, dZ) / m
            gradients[f"b{i}"] = np.sum(dZ, axis=0, keepdims=True) / m
            if i > 0:
                dA = np.dot(dZ, self.weights[i].T)
                dZ = dA * (self.z[i - 1] > 0)
        return gradients

    def update(self, gradients, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.t += 1
        for i in range(len(self.weights)):
            for key, parameter in ((f"W{i}", self.weights[i]), (f"b{i}", self.biases[i])):
                gradient = gradients[key]
                self.m[key] = beta1 * self.m[key] + (1 - beta1) * gradient
                self.v[key] = beta2 * self.v[key] + (1 - beta2) * np.square(gradient)
                m_corrected = self.m[key] / (1 - beta1**self.t)
                v_corrected = self.v[key] / (1 - beta2**self.t)
                parameter -= learning_rate * m_corrected / (np.sqrt(v_corrected) + epsilon)

    def step(self, X, Y):
        A = self.forward(X)
        cost = self.cost(A, Y)
        self.update(self.backward(Y), LEARNING_RATE)
        return cost


# The contenders


def hand_written(initial, batches):
    model = HandWritten(initial)

    def parameters():
        return [(w.copy(), b[0].copy()) for w, b in zip(model.weights, model.biases, strict=True)]

    return Contender(model.step, parameters, batches)


def this_project(initial, batches):
    layers = []
    for i, (weight, bias) in enumerate(initial):
        activation = "relu" if i < len(initial) - 1 else None
        layer = nn.Dense(*weight.shape, activation=activation, dtype=weight.dtype)
        layer.weight.data = weight.copy()
        layer.bias.data = bias.copy()
        layers.append(layer)
    model = nn.Sequential(*layers)
    binary = initial[-1][1].size == 1
    loss_function = nn.BCEWithLogitsLoss() if binary else nn.CrossEntropyLoss()
    optimizer = nn.Adam(model.parameters(), learning_rate=LEARNING_RATE)

    def step(X, y):
        model.zero_grad()
        loss = loss_function(model(X), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def parameters():
        return [(layer.weight.data.copy(), layer.bias.data.copy()) for layer in layers]

    return Contender(step, parameters, batches if binary else with_labels(batches))


def pytorch(initial, batches, fused):
    torch.set_num_threads(1)
    layers, linear = [], []
    for weight, bias in initial:
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data = torch.from_numpy(weight.T.copy())
        layer.bias.data = torch.from_numpy(bias.copy())
        linear.append(layer)
        layers += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    binary = initial[-1][1].size == 1
    loss_function = torch.nn.BCEWithLogitsLoss() if binary else torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=fused)

    def step(X, y):
        model.zero_grad()
        loss = loss_function(model(X), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def parameters():
        return [
            (x.weight.detach().numpy().T.copy(), x.bias.detach().numpy().copy()) for x in linear
        ]

    chosen = batches if binary else with_labels(batches)
    return Contender(step, parameters, [tuple(map(torch.from_numpy, pair)) for pair in chosen])


def jitted(initial, batches, flat):
    """The whole step by JAX, which may reuse the memory of what it updates.

    The parameters are a list of pairs, or one flat vector.
    """
    binary = initial[-1][1].size == 1

    def loss_of(layers, X, y):
        *hidden, (weight, bias) = layers
        for w, b in hidden:
            X = jnp.maximum(X @ w + b, 0)
        z = X @ weight + bias
        if binary:
            return jnp.mean(jnp.logaddexp(z, 0) - z * y)
        return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(len(y)), y])

    vector, unravel = ravel_pytree(initial)
    start, layers_of = (vector, unravel) if flat else (jax.tree.map(jnp.array, initial), list)

    @functools.partial(jax.jit, donate_argnums=0)
    def update(state, X, y):
        x, m, v, t = state
        loss, g = jax.value_and_grad(lambda x: loss_of(layers_of(x), X, y))(x)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        a, b, t = LEARNING_RATE / (1 - 0.9**t), 1 - 0.999**t, t + 1
        x = jax.tree.map(lambda x, m, v: x - a * m / (jnp.sqrt(v / b) + 1e-8), x, m, v)
        return (x, m, v, t), loss

    m, v = (jax.tree.map(jnp.zeros_like, start) for _ in range(2))
    state = start, m, v, jnp.ones((), vector.dtype)

    def step(X, y):
        nonlocal state
        state, loss = update(state, X, y)
        return loss.item()  # waits for the step, which is one program

    def parameters():
        return [(np.array(w), np.array(b)) for w, b in layers_of(state[0])]

    chosen = batches if binary else with_labels(batches)
    return Contender(step, parameters, [tuple(map(jnp.asarray, pair)) for pair in chosen])


def with_labels(batches):
    """The batches with integer labels in place of one-hot rows."""
    return [(X, Y.argmax(axis=1)) for X, Y in batches]


# The comparison


def initial_parameters(network: Network, rng: np.random.Generator) -> Parameters:
    """He-initialized weights and zero biases."""
    return [
        (
            (rng.standard_normal((n_in, n_out)) * np.sqrt(2 / n_in)).astype(network.dtype),
            np.zeros(n_out, network.dtype),
        )
        for n_in, n_out in itertools.pairwise(network.sizes)
    ]


def make_batches(network: Network, rng: np.random.Generator) -> list[tuple[Any, Any]]:
    """Normal features, and random targets: 0 or 1, (n, 1), for one output, else one-hot rows."""
    batches = []
    for _ in range(BATCHES):
        X = rng.standard_normal((network.batch, network.sizes[0])).astype(network.dtype)
        if network.sizes[-1] == 1:
            Y = rng.integers(2, size=(network.batch, 1)).astype(network.dtype)
        else:
            labels = rng.integers(network.sizes[-1], size=network.batch)
            Y = np.eye(network.sizes[-1], dtype=network.dtype)[labels]
        batches.append((X, Y))
    return batches


def make_contenders(network: Network) -> dict[str, Contender]:
    """Everybody, at the same weights."""
    rng = np.random.default_rng(0)
    initial = initial_parameters(network, rng)
    batches = make_batches(network, rng)
    contenders = {
        "hand-written": hand_written(initial, batches),
        "autograd_lite": this_project(initial, batches),
    }
    if torch is not None:
        contenders["torch Adam"] = pytorch(initial, batches, fused=False)
        contenders["torch fused"] = pytorch(initial, batches, fused=True)
    if jax is not None:
        contenders["JAX jit"] = jitted(initial, batches, flat=False)
        contenders["JAX, flat"] = jitted(initial, batches, flat=True)
    return contenders


def check_agreement(network: Network) -> None:
    """Raise unless everybody moves every parameter by the same amount in a few steps."""
    contenders = make_contenders(network)
    start = contenders["hand-written"].parameters()
    for contender in contenders.values():
        for batch in contender.batches:
            contender.step(*batch)
    reference = contenders.pop("hand-written").parameters()
    tolerance = 1e-10 if network.dtype is np.float64 else 1e-3
    for name, contender in contenders.items():
        for before, expected, actual in zip(start, reference, contender.parameters(), strict=True):
            for x0, x, other in zip(before, expected, actual, strict=True):
                assert x.dtype == other.dtype == network.dtype, f"{network}: {name} is {x.dtype}"
                error = np.linalg.norm(other - x) / np.linalg.norm(x - x0)
                assert error <= tolerance, f"{network}: {name} moved otherwise, by {error:.1e}"


def time_steps(network: Network) -> dict[str, float]:
    """Seconds of one step of each contender."""
    steppers = {name: each.stepper() for name, each in make_contenders(network).items()}
    estimate = min(interleaved(steppers, rounds=3).values())
    return interleaved(steppers, ROUNDS, block=max(1, round(SECONDS_PER_BLOCK / estimate)))


def main() -> None:
    """Check, time, print."""
    for name, library in (("torch", torch), ("jax", jax)):
        if library is None:
            print(f"{name} is not installed: left out")
    rows = []
    for network in NETWORKS:
        check_agreement(network)
        seconds = time_steps(network)
        base = seconds["hand-written"]
        row = [str(network), f"{base * 1e6:.0f}"]
        row += [
            f"{time * 1e6:.0f} = {time / base:.2f}"
            for name, time in seconds.items()
            if name != "hand-written"
        ]
        rows.append([*row, verdict(seconds["autograd_lite"] / base, network.target)])
    print("microseconds for one training step = ratio to hand-written NumPy")
    print_table(["network", *seconds, "autograd_lite against target"], rows)


if __name__ == "__main__":
    main()
