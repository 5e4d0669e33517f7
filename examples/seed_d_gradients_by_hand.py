"""Gradients derived by hand, checked and trained with, from weights that are almost zero.

One hidden layer of ReLUs and a sigmoid, samples in columns. The gradients by hand are compared with
the automatic ones, and gradient descent with them takes the same path as `nn.fit`. From weights of
N(0, 0.01²) the loss stays where it is for hundreds of steps; from He's it does not. Writes
learning_curves.png into output/seed_d_gradients_by_hand, or into the folder given as argument.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nn
from autograd_lite import Tensor, compare_gradients, relu, sigmoid

HIDDEN = 8
LEARNING_RATE = 0.01
STEPS = 1000


def initial_weights(rng):
    """W1, b1, W2, b2 for samples in columns."""
    return {
        "W1": 0.01 * rng.standard_normal((HIDDEN, 2)),
        "b1": np.zeros((HIDDEN, 1)),
        "W2": 0.01 * rng.standard_normal((1, HIDDEN)),
        "b2": np.zeros((1, 1)),
    }


def gradients_by_hand(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0)
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
    dZ2 = A2 - Y
    dZ1 = (W2.T @ dZ2) * (Z1 > 0)
    return {
        "W1": dZ1 @ X.T / m,
        "b1": dZ1.sum(axis=1, keepdims=True) / m,
        "W2": dZ2 @ A1.T / m,
        "b2": dZ2.sum(axis=1, keepdims=True) / m,
    }


def compare(X, Y, weights):
    """The automatic gradients of the same forward pass, next to those by hand."""
    tensors = {name: Tensor(w, requires_grad=True, name=name) for name, w in weights.items()}
    W1, b1, W2, b2 = tensors.values()
    A2 = sigmoid(W2 @ relu(W1 @ X + b1) + b2)
    cost = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    by_hand = gradients_by_hand(X, Y, **weights)
    return compare_gradients(cost, {tensors[name]: by_hand[name] for name in tensors})


def descend_by_hand(X, Y, weights):
    for _ in range(STEPS):
        gradients = gradients_by_hand(X, Y, **weights)
        weights = {name: w - LEARNING_RATE * gradients[name] for name, w in weights.items()}
    return weights


def network(rng, weight_init=None):
    return nn.Sequential(
        nn.Dense(2, HIDDEN, activation="relu", weight_init=weight_init, rng=rng),
        nn.Dense(HIDDEN, 1, activation="sigmoid", weight_init=weight_init, rng=rng),
    )


def train(model, X, y):
    optimizer = nn.SGD(model.parameters(), LEARNING_RATE)
    options = {"epochs": STEPS, "batch_size": len(X)}
    return nn.fit(model, X, y, loss=nn.BCELoss(), optimizer=optimizer, **options)


def plot_curves(losses):
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, values in losses.items():
        ax.plot(range(1, STEPS + 1), values, label=f"weights of {name}")
    ax.set(title="loss", xlabel="step", ylabel="binary cross-entropy")
    ax.legend()
    return figure


def main(folder="output/seed_d_gradients_by_hand"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    X, y = nn.datasets.blobs(1000, rng=0)
    weights = initial_weights(np.random.default_rng(0))
    report = compare(X.T, y.T, weights)
    print(report)
    if not report:
        sys.exit("the gradients derived by hand are wrong")

    model = network(np.random.default_rng(0), "zeros")
    model.load_state_dict(
        {
            "0.weight": weights["W1"].T,
            "0.bias": weights["b1"].ravel(),
            "1.weight": weights["W2"].T,
            "1.bias": weights["b2"].ravel(),
        }
    )
    losses = {"N(0, 0.01²)": train(model, X, y)["loss"]}
    by_hand = descend_by_hand(X.T, y.T, weights)
    apart = np.abs(model[0].weight.data - by_hand["W1"].T).max()
    print(f"after {STEPS} steps by hand and by nn.fit the weights are {apart:.0e} apart")
    losses["He"] = train(network(np.random.default_rng(0), "he_normal"), X, y)["loss"]
    for name, values in losses.items():
        halved = next(step for step, loss in enumerate(values, 1) if loss < np.log(2) / 2)
        print(f"weights of {name}: the loss is below log(2) / 2 after {halved} steps")
    plot_curves(losses).savefig(folder / "learning_curves.png", dpi=150)
    print("picture:", folder / "learning_curves.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
