"""The time of training as a whole: what `nn.fit` adds to a loop, and a pipeline's epoch.

Three questions: how much longer does `nn.fit` take than the same loop written out; does a step of
the optimizer take longer with more layers of the same total size; and how long is an epoch of a
whole pipeline (mini-batches, dropout, L2, Adam, validation, accuracy, early stopping) against the
tutorial's algorithm in hand-written NumPy. Before anything is timed, both sides of a comparison
have to arrive at the same weights.

Run it: python benchmarks/fit.py
"""

from __future__ import annotations

from itertools import pairwise

from timing import interleaved, print_table, verdict  # isort: split

import numpy as np

import nn
from autograd_lite import no_grad

SIZES = (2, 32, 16, 8, 1)
BATCH_SIZE = 32
LEARNING_RATE = 1e-3
EPOCHS = 10
ROUNDS = 30
DROPOUT = 0.2
L2 = 0.01
PATIENCE = 30


def disc_in_ring(n):
    rng = np.random.default_rng(0)
    radius, angle = rng.random(n), 2 * np.pi * rng.random(n)
    X = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return X + 0.1 * rng.standard_normal((n, 2)), (radius[:, None] >= 0.5).astype(float)


def network(dropout=0.0):
    rng = np.random.default_rng(1)
    layers = []
    for n_in, n_out in pairwise(SIZES[:-1]):
        layers.append(nn.Dense(n_in, n_out, activation="relu", rng=rng))
        if dropout:
            layers.append(nn.Dropout(dropout, rng=2))
    return nn.Sequential(*layers, nn.Dense(*SIZES[-2:], rng=rng))


# fit against the loop


class Fit:
    """nn.fit, time after time."""

    def __init__(self, X, y):
        self.X, self.y = X, y
        self.model = network()
        self.optimizer = nn.Adam(self.model.parameters(), learning_rate=LEARNING_RATE)
        self.rng = np.random.default_rng(0)

    def __call__(self):
        return nn.fit(
            self.model,
            self.X,
            self.y,
            loss=nn.BCEWithLogitsLoss(),
            optimizer=self.optimizer,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            progress=False,
            rng=self.rng,
        )["loss"]


class Loop(Fit):
    """The same without nn.fit."""

    def __call__(self):
        X, y, model, optimizer = self.X, self.y, self.model, self.optimizer
        loss_function = nn.BCEWithLogitsLoss()
        running_losses, losses = [], []
        for _ in range(EPOCHS):
            order = self.rng.permutation(len(X))
            total = 0.0
            for start in range(0, len(X), BATCH_SIZE):
                batch = order[start : start + BATCH_SIZE]
                loss = loss_function(model(X[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward(leaves_only=True)
                optimizer.step()
                total += loss.item() * len(batch)
            running_losses.append(total / len(X))
            model.eval()
            with no_grad():
                losses.append(loss_function(model(X), y).item())
            model.train()
        return losses


def time_fit():
    X, y = disc_in_ring(25 * BATCH_SIZE)
    contenders = {"loop": Loop(X, y), "fit": Fit(X, y)}
    assert contenders["loop"]() == contenders["fit"]()
    seconds = interleaved(contenders, ROUNDS)
    ratio = seconds["fit"] / seconds["loop"]
    print("milliseconds an epoch of 25 batches, [2,32,16,8,1] with Adam")
    row = ["loop, nn.fit", *(f"{each / EPOCHS * 1e3:.2f}" for each in seconds.values())]
    print_table(["", "loop", "fit", "fit against loop"], [[*row, verdict(ratio, 1.05)]])


# A step on few layers and on many


def time_steps():
    """Square weights and biases of 200,000 entries in all, with gradients."""
    rng = np.random.default_rng(0)
    optimizers = {}
    for n_layers in (2, 20, 200):
        width = round((200_000 / n_layers) ** 0.5)
        parameters = []
        for _ in range(n_layers):
            for shape in ((width, width), (width,)):
                parameter = nn.Parameter(rng.standard_normal(shape))
                parameter.grad = rng.standard_normal(shape)
                parameters.append(parameter)
        optimizers[n_layers] = nn.Adam(parameters, learning_rate=LEARNING_RATE)
    seconds = interleaved({n: each.step for n, each in optimizers.items()}, ROUNDS, block=20)
    print("microseconds of a step of Adam on 200,000 parameters")
    rows = [
        [f"{n} layers", f"{each * 1e6:.0f}", f"{each / seconds[2]:.2f}"]
        for n, each in seconds.items()
    ]
    print_table(["", "step", "against 2 layers"], rows)


# A pipeline against the tutorial's


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class HandWritten:
    """Samples in columns, gradients derived by hand, Adam parameter by parameter."""

    def __init__(self, model, dropout):
        self.layers = len(SIZES) - 1
        self.keep = 1 - dropout
        self.theta, self.m, self.v, self.t = {}, {}, {}, 0
        dense = [layer for _, layer in model.named_modules() if isinstance(layer, nn.Dense)]
        for i, layer in enumerate(dense, start=1):
            self.theta[f"W{i}"] = layer.weight.data.T.copy()
            self.theta[f"b{i}"] = layer.bias.data[:, None].copy()
        for name, value in self.theta.items():
            self.m[name], self.v[name] = np.zeros_like(value), np.zeros_like(value)
        self.random = np.random.RandomState(2)

    def forward(self, X, training):
        caches, masks = [], []
        A = X
        for i in range(1, self.layers):
            W, b = self.theta[f"W{i}"], self.theta[f"b{i}"]
            Z = np.dot(W, A) + b
            caches.append((A, Z, W))
            A = np.maximum(0, Z)
            if training and self.keep < 1:
                mask = self.random.rand(*A.shape) < self.keep
                A = A * mask / self.keep
                masks.append(mask)
        W, b = self.theta[f"W{self.layers}"], self.theta[f"b{self.layers}"]
        Z = np.dot(W, A) + b
        caches.append((A, Z, W))
        return sigmoid(Z), caches, masks

    def cost(self, A, Y):
        m = Y.shape[1]
        entropy = -np.sum(Y * np.log(A + 1e-8) + (1 - Y) * np.log(1 - A + 1e-8)) / m
        squares = 0
        for i in range(1, self.layers + 1):
            squares += np.sum(np.square(self.theta[f"W{i}"]))
        return entropy + L2 / (2 * m) * squares

    def backward(self, A, Y, caches, masks):
        gradients = {}
        m = Y.shape[1]
        dA = -(np.divide(Y, A + 1e-8) - np.divide(1 - Y, 1 - A + 1e-8))
        for i in reversed(range(1, self.layers + 1)):
            A_before, Z, W = caches[i - 1]
            if i == self.layers:
                s = sigmoid(Z)
                dZ = dA * (s * (1 - s))
            else:
                if masks:
                    dA = dA * masks[i - 1] / self.keep
                dZ = dA * (Z > 0).astype(float)
            gradients[f"W{i}"] = np.dot(dZ, A_before.T) / m + (L2 / m) * W
            gradients[f"b{i}"] = np.sum(dZ, axis=1, keepdims=True) / m
            dA = np.dot(W.T, dZ)
        return gradients

    def update(self, gradients, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.t += 1
        for name, g in gradients.items():
            self.m[name] = beta1 * self.m[name] + (1 - beta1) * g
            self.v[name] = beta2 * self.v[name] + (1 - beta2) * np.square(g)
            m = self.m[name] / (1 - beta1**self.t)
            v = self.v[name] / (1 - beta2**self.t)
            self.theta[name] -= LEARNING_RATE * m / (np.sqrt(v) + epsilon)

    def mini_batches(self, X, Y, rng):
        order = rng.permutation(X.shape[1])
        X, Y = X[:, order], Y[:, order]
        starts = range(0, X.shape[1], BATCH_SIZE)
        return [(X[:, s : s + BATCH_SIZE], Y[:, s : s + BATCH_SIZE]) for s in starts]

    def accuracy(self, X, Y):
        return np.mean((self.forward(X, training=False)[0] > 0.5).astype(int) == Y)

    def train(self, X, Y, X_validation, Y_validation, rng):
        history = {"loss": [], "validation_loss": [], "accuracy": [], "validation_accuracy": []}
        lowest, waited = float("inf"), 0
        for _ in range(EPOCHS):
            total = 0
            mini_batches = self.mini_batches(X, Y, rng)
            for x, y in mini_batches:
                A, caches, masks = self.forward(x, training=True)
                total += self.cost(A, y)
                self.update(self.backward(A, y, caches, masks))
            A, _, _ = self.forward(X_validation, training=False)
            cost = self.cost(A, Y_validation)
            history["loss"].append(total / len(mini_batches))
            history["accuracy"].append(self.accuracy(X, Y))
            history["validation_loss"].append(cost)
            history["validation_accuracy"].append(self.accuracy(X_validation, Y_validation))
            if cost < lowest:
                lowest, waited = cost, 0
                self.best = {name: value.copy() for name, value in self.theta.items()}
            else:
                waited += 1
            if waited >= PATIENCE:
                break
        return history


class Pipeline:
    """The same with nn.fit."""

    def __init__(self, dropout):
        self.model = network(dropout)
        named = list(self.model.named_parameters())
        groups = [
            {"parameters": [p for name, p in named if "weight" in name], "l2": L2 / BATCH_SIZE},
            {"parameters": [p for name, p in named if "bias" in name]},
        ]
        self.optimizer = nn.Adam(groups, learning_rate=LEARNING_RATE)

    def train(self, X, y, X_validation, y_validation, rng, callbacks):
        return nn.fit(
            self.model,
            X,
            y,
            loss=nn.BCEWithLogitsLoss(),
            optimizer=self.optimizer,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            validation=(X_validation, y_validation),
            metrics={"accuracy": lambda z, y: nn.accuracy(z, y, threshold=0)},
            callbacks=callbacks,
            progress=False,
            rng=rng,
        )


def pipelines(dropout, callbacks):
    """Both, from the same weights, as calls that train on 1600 samples and validate on 400."""
    X, y = disc_in_ring(2000)
    ours = Pipeline(dropout)
    by_hand = HandWritten(ours.model, dropout)
    rows = (X[:1600], y[:1600], X[1600:], y[1600:])
    columns = tuple(np.ascontiguousarray(part.T) for part in rows)
    rng, rng_by_hand = np.random.default_rng(0), np.random.default_rng(0)
    return (
        by_hand,
        ours,
        {
            "hand-written": lambda: by_hand.train(*columns, rng_by_hand),
            "nn.fit": lambda: ours.train(*rows, rng, callbacks),
        },
    )


def check_pipelines():
    """Without dropout, whose masks lie otherwise in memory, both have to learn the same."""
    by_hand, ours, contenders = pipelines(dropout=0.0, callbacks=[])
    theirs = contenders["hand-written"]()
    history = contenders["nn.fit"]()
    learned = [by_hand.theta[f"{kind}{i}"].T.ravel() for i in range(1, 5) for kind in "Wb"]
    expected = np.concatenate(learned)
    found = np.concatenate([parameter.data.ravel() for parameter in ours.model.parameters()])
    # 1e-8 is added in other places: inside of logarithms and divisions there, to none here.
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert error < 1e-5, f"the pipelines differ by {error:.1e}"
    assert theirs["accuracy"] == history["accuracy"]


def time_pipelines():
    check_pipelines()
    _, _, contenders = pipelines(DROPOUT, [nn.EarlyStopping(patience=PATIENCE)])
    seconds = interleaved(contenders, ROUNDS)
    ratio = seconds["nn.fit"] / seconds["hand-written"]
    print("milliseconds an epoch of the pipeline")
    row = ["pipeline", *(f"{each / EPOCHS * 1e3:.2f}" for each in seconds.values())]
    print_table(["", *seconds, "nn.fit against target"], [[*row, verdict(ratio, 0.6)]])


def main():
    """Check, time, print."""
    time_fit()
    print()
    time_steps()
    print()
    time_pipelines()


if __name__ == "__main__":
    main()
