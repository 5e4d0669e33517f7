"""Which network for which data: architectures, activations, and gradients looked at closely.

Four architectures on three data sets; activations over their derivatives, and trained with; one
step of backpropagation with every number; gradients layer by layer; and three classes with batch
normalization, a skip connection, a schedule, clipping and weight decay. Writes pictures into
output/seed_b_comparing_networks, or into the folder given as argument.
"""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_circles, make_classification, make_gaussian_quantiles, make_moons
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import nn
import viz
from autograd_lite import Tensor, compare_gradients, sigmoid

ARCHITECTURES = ([2, 1], [2, 4, 1], [2, 8, 4, 1], [2, 16, 8, 4, 1])
DATA_SETS = {
    "linear": make_classification(
        200, n_features=2, n_redundant=0, n_clusters_per_class=1, random_state=42
    ),
    "moons": make_moons(200, noise=0.2, random_state=42),
    "circles": make_circles(200, noise=0.1, factor=0.5, random_state=42),
}


def split(X, y):
    """Standardized samples and their classes: for training, and 30% held out."""
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=42)
    scaler = StandardScaler().fit(X)
    return (scaler.transform(X), y), (scaler.transform(X_test), y_test)


def network(sizes, activation):
    rng = np.random.default_rng(0)
    layers = [nn.Dense(*ends, activation=activation, rng=rng) for ends in pairwise(sizes[:-1])]
    return nn.Sequential(*layers, nn.Dense(*sizes[-2:], activation="sigmoid", rng=rng))


def train(model, training, held_out, epochs):
    """The history of training, and what share of the held-out points was right at its end."""
    optimizer = nn.SGD(model.parameters(), learning_rate=0.1)
    options = {"metrics": {"accuracy": nn.accuracy}, "progress": False, "rng": 0}
    options |= {"epochs": epochs, "validation": held_out}
    history = nn.fit(model, *training, loss=nn.BCELoss(), optimizer=optimizer, **options)
    return history, history["validation_accuracy"][-1]


def compare_architectures():
    figure, axes = plt.subplots(3, 4, figsize=(16, 11), layout="constrained")
    for (name, (X, y)), row in zip(DATA_SETS.items(), axes, strict=True):
        training, held_out = split(X, y[:, None])
        for sizes, ax in zip(ARCHITECTURES, row, strict=True):
            model = network(sizes, "relu")
            _, right = train(model, training, held_out, epochs=300)
            print(f"{name}, {sizes}: {right:.1%} of the held-out points right")
            viz.plot_decision_boundary(model, *map(np.vstack, zip(training, held_out)), ax=ax)
            ax.set_title(f"{name}, {sizes}:\n{right:.1%} of those held out")
    return figure


def compare_activations():
    """Learning curves over decision boundaries."""
    X, y = make_moons(500, noise=0.2, random_state=42)
    training, held_out = split(X, y[:, None])
    figure, axes = plt.subplots(2, 3, figsize=(14, 8), layout="constrained")
    for name, (upper, lower) in zip(("sigmoid", "tanh", "relu"), axes.T, strict=True):
        model = network([2, 16, 8, 1], name)
        history, right = train(model, training, held_out, epochs=100)
        print(f"{name} on moons: {right:.1%} of the held-out points right")
        losses = {curve: history[curve] for curve in ("loss", "validation_loss")}
        viz.plot_history(losses, ax=upper)
        upper.set_title(name)
        viz.plot_decision_boundary(model, *held_out, ax=lower)
    return figure


def backpropagate_step_by_step():
    """A network 2-2-1 of sigmoids: all that is computed, forward and backward, and one update."""
    draw = np.random.RandomState(42).randn
    X, y = np.array([[0.5, 0.3]]), np.array([[1.0]])
    W1 = Tensor(0.5 * draw(2, 2), requires_grad=True, name="W1")
    b1 = Tensor(np.zeros((1, 2)), requires_grad=True, name="b1")
    W2 = Tensor(0.5 * draw(2, 1), requires_grad=True, name="W2")
    b2 = Tensor(np.zeros((1, 1)), requires_grad=True, name="b2")

    z1 = X @ W1 + b1
    a1 = sigmoid(z1)
    z2 = a1 @ W2 + b2
    a2 = sigmoid(z2)
    loss = -np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2))
    for name, tensor in {"z1": z1, "a1": a1, "z2": z2, "a2": a2, "loss": loss}.items():
        tensor.name = name
        print(f"{name} = {tensor.data.tolist()}")

    da2 = -(y / a2.data - (1 - y) / (1 - a2.data))
    dz2 = da2 * a2.data * (1 - a2.data)
    da1 = dz2 @ W2.data.T
    dz1 = da1 * a1.data * (1 - a1.data)
    by_hand = {a2: da2, z2: dz2, W2: a1.data.T @ dz2, b2: dz2.sum(axis=0, keepdims=True)}
    by_hand |= {a1: da1, z1: dz1, W1: X.T @ dz1, b1: dz1.sum(axis=0, keepdims=True)}
    for tensor, gradient in by_hand.items():
        print(f"d{tensor.name} = {gradient.tolist()}")
    print(compare_gradients(loss, by_hand))

    loss.backward()
    graph = viz.graph(loss, names={"X": X, "y": y})
    nn.SGD([W1, b1, W2, b2], learning_rate=0.1).step()
    for parameter in (W1, b1, W2, b2):
        print(f"updated {parameter.name} = {parameter.data.tolist()}")
    return graph


def gradient_flow(rng):
    X = rng.normal(size=(100, 2))
    y = X.sum(axis=1, keepdims=True) > 0
    model, monitor = network([2, 4, 3, 1], "relu"), nn.GradientMonitor()
    optimizer = nn.SGD(model.parameters(), learning_rate=0.01)
    options = {"epochs": 50, "batch_size": len(X), "callbacks": [monitor]}
    nn.fit(model, X, y, loss=nn.BCELoss(), optimizer=optimizer, **options)
    weights = {name: norms for name, norms in monitor.norms.items() if name.endswith("weight")}
    return viz.plot_gradient_flow(weights)


def three_classes(rng):
    """Batch normalization, a skip connection, a schedule, clipping, weight decay."""
    X, y = make_gaussian_quantiles(n_samples=900, n_classes=3, random_state=0)
    training, held_out = split(X, y)
    model = nn.Sequential(
        nn.Dense(2, 32, rng=rng),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Residual(nn.Dense(32, 32, activation="relu", rng=rng)),
        nn.Dense(32, 3, rng=rng),
    )
    optimizer = nn.AdamW(model.parameters(), learning_rate=0.01, weight_decay=0.01)
    history = nn.fit(
        model,
        *training,
        loss=nn.CrossEntropyLoss(label_smoothing=0.05),
        optimizer=optimizer,
        epochs=60,
        validation=held_out,
        metrics={"accuracy": nn.accuracy},
        callbacks=[
            nn.LRSchedule(nn.CosineAnnealing(optimizer, steps=60)),
            nn.GradientClipping(max_norm=1.0),
            nn.EarlyStopping(patience=20),
        ],
        rng=rng,
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    viz.plot_decision_boundary(model, *held_out, ax=left)
    viz.plot_confusion_matrix(held_out[1], nn.predict(model, held_out[0]), ax=right)
    print(f"three classes: {left.get_title()}; {history.stop_reason}")
    return {"three_classes": figure, "three_classes_history": viz.plot_history(history)}


def main(folder="output/seed_b_comparing_networks"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "architectures": compare_architectures(),
        "activations": viz.plot_activations(),
        "activations_compared": compare_activations(),
        "gradient_flow": gradient_flow(np.random.default_rng(0)),
        **three_classes(np.random.default_rng(0)),
    }
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=150)
    backpropagate_step_by_step().save(folder / "backpropagation.svg")
    print(f"{len(figures) + 1} pictures in {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
