"""Read handwritten digits: train, derive the gradients by hand, compare, draw.

Writes digits.svg (the graph of a small instance of the network) and digits.png (the training
curves) into the current folder, or into the one given as argument.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import nn
import viz
from autograd_lite import compare_gradients

EPOCHS = 60
BATCH_SIZE = 32


def load():
    """Standardized images and labels: for training, and the fifth that is held out."""
    images, labels = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        images, labels, test_size=0.2, stratify=labels, random_state=0
    )
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test), y, y_test


def network(n_inputs, n_hidden, n_classes, rng):
    return nn.Sequential(
        nn.Dense(n_inputs, n_hidden, activation="relu", rng=rng),
        nn.Dropout(0.2, rng=rng),
        nn.Dense(n_hidden, n_classes, rng=rng),
    )


def train(model, X, y, X_test, y_test, rng):
    """Returns the mean loss and the held-out accuracy of each epoch."""
    loss_function, history = nn.CrossEntropyLoss(), nn.History()
    optimizer = nn.Adam(model.parameters(), learning_rate=2e-3)
    with nn.ProgressBar(EPOCHS) as progress:
        for _ in range(EPOCHS):
            total = 0.0
            for images, labels in nn.batches(X, y, batch_size=BATCH_SIZE, rng=rng):
                loss = loss_function(model(images), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(images)
            history.record(
                loss=total / len(X),
                accuracy=nn.accuracy(nn.predict(model, X_test), y_test),
            )
            progress.update(history)
    return history["loss"], history["accuracy"]


def gradients_by_hand(model, X, y):
    """The gradient of the mean cross-entropy in each parameter, without dropout."""
    hidden, _, output = model.layers
    W1, b1, W2, b2 = (p.data for p in (hidden.weight, hidden.bias, output.weight, output.bias))
    m = len(X)

    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ W2 + b2
    P = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)

    dZ2 = (P - np.eye(P.shape[1])[y]) / m
    dZ1 = (dZ2 @ W2.T) * (Z1 > 0)
    return {
        hidden.weight: X.T @ dZ1,
        hidden.bias: dZ1.sum(axis=0),
        output.weight: A1.T @ dZ2,
        output.bias: dZ2.sum(axis=0),
    }


def compare(model, X, y):
    """Hand-derived against automatic gradients on one batch."""
    model.eval()
    loss = nn.CrossEntropyLoss()(model(X), y)
    report = compare_gradients(loss, gradients_by_hand(model, X, y), tolerance=1e-10)
    print(report)
    if not report:
        sys.exit("the gradients derived by hand are wrong")
    return max(row.relative_error for row in report)


def draw_graph(path, rng):
    """A small instance of the same network, small enough to show its numbers."""
    model = network(n_inputs=3, n_hidden=2, n_classes=2, rng=rng)
    X, y = rng.normal(size=(2, 3)), np.array([0, 1])
    loss = nn.CrossEntropyLoss()(model(X), y)
    loss.backward()
    return viz.graph(loss, names={"X": X, "y": y, "loss": loss}).save(path)


def plot_curves(path, losses, accuracies):
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    epochs = range(1, len(losses) + 1)
    left.plot(epochs, losses)
    left.set(xlabel="epoch", ylabel="mean cross-entropy", title="training loss", yscale="log")
    right.plot(epochs, accuracies, color="tab:green")
    right.set(xlabel="epoch", ylabel="accuracy", title="held-out accuracy")
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path


def main(folder="."):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    X, X_test, y, y_test = load()
    model = network(n_inputs=64, n_hidden=32, n_classes=10, rng=rng)
    losses, accuracies = train(model, X, y, X_test, y_test, rng)
    error = compare(model, X[:BATCH_SIZE], y[:BATCH_SIZE])
    print("graph:", draw_graph(folder / "digits.svg", rng))
    print("curves:", plot_curves(folder / "digits.png", losses, accuracies))
    print(
        f"{accuracies[-1]:.2%} of {len(X_test)} held-out digits right; "
        f"gradients by hand and automatic agree {f'to {error:.0e}' if error else 'exactly'}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
