"""From one neuron to networks put together by name: forward, backward, losses, optimizers.

Prints what the formulas give for numbers small enough to follow, next to what the library gives,
and trains networks on spirals, on digits and on XOR. Writes pictures into
output/seed_c_from_neuron_to_framework, or into the folder given as argument.
"""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import nn
import viz
from autograd_lite import Tensor, compare_gradients, relu, sigmoid

OPTIMIZERS = {
    "sgd": lambda parameters, rate: nn.SGD(parameters, rate),
    "momentum": lambda parameters, rate: nn.SGD(parameters, rate, momentum=0.9),
    "adam": lambda parameters, rate: nn.Adam(parameters, rate),
}


def build(sizes, activation, output, rng):
    """Layers added one by one, with activations by name."""
    model = nn.Sequential()
    for fan_in, fan_out in pairwise(sizes[:-1]):
        model.append(nn.Dense(fan_in, fan_out, activation=activation, rng=rng))
    return model.append(nn.Dense(*sizes[-2:], activation=output, rng=rng))


def train(model, X, y, loss, optimizer, rate, **options):
    """Loss and optimizer by name."""
    optimizer = OPTIMIZERS[optimizer](model.parameters(), rate)
    options |= {"metrics": {"accuracy": nn.accuracy}, "progress": False, "rng": 0}
    return nn.fit(model, X, y, loss=loss, optimizer=optimizer, **options)


def spirals(rng):
    """What a linear model cannot separate, and a deep one can."""
    X, y = nn.datasets.spirals(1000, rng=rng)
    X = StandardScaler().fit_transform(X)
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for sizes, ax in zip(([2, 1], [2, 64, 32, 1]), axes):
        model = build(sizes, "relu", "sigmoid", rng)
        history = train(model, X, y, "bce", "adam", 0.01, epochs=100)
        print(f"spirals, {sizes}: {history['accuracy'][-1]:.1%} right")
        viz.plot_decision_boundary(model, X, y, ax=ax)
        ax.set_title(f"{sizes}: {ax.get_title()}")
    return figure


def neuron(rng):
    unit = nn.Dense(3, 1, activation="sigmoid", weight_init="lecun_normal", rng=rng)
    x = np.array([[1.5, -0.5, 2.0], [0.0, 1.0, 0.0]])
    print(f"one neuron, one sample: {unit(x[0]).data}; a batch: {unit(x).data.ravel()}")


def backpropagate_by_hand():
    """A sample in a column through 2-3-1 sigmoids, and the errors δ back from ½(a - y)²."""
    W1 = Tensor([[0.5, -0.3], [0.8, 0.2], [-0.1, 0.9]], requires_grad=True, name="W1")
    b1 = Tensor([[0.1], [0.2], [-0.1]], requires_grad=True, name="b1")
    W2 = Tensor([[-0.2, 0.4, 0.6]], requires_grad=True, name="W2")
    b2 = Tensor([[0.3]], requires_grad=True, name="b2")
    x, y = np.array([[1.0], [2.0]]), np.array([[0.5]])

    z1 = W1 @ x + b1
    a1 = sigmoid(z1)
    z2 = W2 @ a1 + b2
    a2 = sigmoid(z2)
    loss = nn.HalfSquaredErrorLoss()(a2, y)
    for name, tensor in {"z1": z1, "a1": a1, "z2": z2, "output": a2, "loss": loss}.items():
        print(f"{name} = {tensor.data.ravel()}")

    delta2 = (a2.data - y) * a2.data * (1 - a2.data)
    delta1 = (W2.data.T @ delta2) * a1.data * (1 - a1.data)
    by_hand = {W2: delta2 @ a1.data.T, b2: delta2, W1: delta1 @ x.T, b1: delta1}
    print(f"δ² = {delta2.ravel()}, δ¹ = {delta1.ravel()}")
    for parameter, gradient in by_hand.items():
        print(f"d{parameter.name} = {gradient.tolist()}")
    print(compare_gradients(loss, by_hand))


def digits(rng):
    """Sigmoids throughout, half squared error, batches of 10 and a learning rate of 3."""
    images, labels = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        images / 16, np.eye(10)[labels], test_size=0.2, stratify=labels, random_state=0
    )
    model = build([64, 30, 10], "sigmoid", "sigmoid", rng)
    loss = nn.HalfSquaredErrorLoss(reduction="mean")
    options = {"epochs": 30, "batch_size": 10, "validation": (X_test, y_test)}
    history = train(model, X, y, loss, "sgd", 3.0, **options)
    print(f"digits, [64, 30, 10]: {history['validation_accuracy'][-1]:.1%} of the held-out right")
    return {
        "digits": viz.plot_confusion_matrix(y_test, nn.predict(model, X_test)),
        "digits_weights": viz.plot_weight_images(model[0].weight, (8, 8)),
    }


def activations():
    for function in (sigmoid, relu):
        x = Tensor([-2.0, -1.0, 0.0, 1.0, 2.0], requires_grad=True)
        y = function(x)
        y.sum().backward()
        print(f"{function.__name__} of {x.data}: {y.data.round(4)}, slope {x.grad.round(4)}")
    return viz.plot_activations()


def losses():
    """Each loss, and its derivative with respect to the predictions."""
    classes, probabilities = [1, 0, 1, 1, 0], [0.9, 0.2, 0.8, 0.6, 0.1]
    labels, rows = [0, 1, 2], [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
    for name, predictions, targets in (
        ("mse", probabilities, classes),
        ("mae", probabilities, classes),
        ("bce", probabilities, classes),
        ("categorical_cross_entropy", rows, labels),
        ("categorical_cross_entropy", rows, np.eye(3)[labels]),
    ):
        p = Tensor(predictions, requires_grad=True)
        loss = nn.loss_function(name)(p, np.array(targets))
        loss.backward()
        print(f"{name} = {loss.item():.6f}, derivative {p.grad.round(4).tolist()}")


def optimizer_paths():
    """x² from 5 in 20 steps."""
    paths = {}
    for name, optimizer in OPTIMIZERS.items():
        x = Tensor(5.0, requires_grad=True)
        step = optimizer([x], 0.1)
        paths[name] = [x.item()]
        for _ in range(20):
            step.zero_grad()
            (x**2).backward()
            step.step()
            paths[name].append(x.item())
        print(f"{name} ends at x = {x.item():.6f}, x² = {x.item() ** 2:.6f}")
    return viz.plot_optimizer_paths(lambda x: x**2, paths)


def xor():
    """Configurations by name; an output ReLU that falls below 0 has no gradient to come back."""
    X, y = nn.datasets.xor(400)
    figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for activation, output, loss, optimizer, rate in (
        ("relu", "relu", "mse", "adam", 0.03),
        ("tanh", "sigmoid", "bce", "adam", 0.03),
        ("tanh", "tanh", "mse", "momentum", 0.03),
        ("sigmoid", "sigmoid", "bce", "sgd", 2.0),
    ):
        name = f"{activation}, {output}, {loss}, {optimizer}"
        histories = []
        for seed in range(10):
            model = build([2, 4, 1], activation, output, np.random.default_rng(seed))
            options = {"epochs": 8, "batch_size": 4}
            histories.append(train(model, X, y, loss, optimizer, rate, **options))
        solved = sum(history["accuracy"][-1] == 1 for history in histories)
        print(f"XOR, {name}: solved from {solved} of 10 seeds")
        median = np.median([history["loss"] for history in histories], axis=0)
        ax.plot(range(1, len(median) + 1), median, label=name)
    ax.set(title="XOR, median of ten seeds", xlabel="epoch", ylabel="loss", yscale="log")
    figure.legend(loc="outside right upper")
    return figure


def main(folder="output/seed_c_from_neuron_to_framework"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    figures = {"spirals": spirals(rng)}
    neuron(rng)
    backpropagate_by_hand()
    figures |= {**digits(rng), "activations": activations()}
    losses()
    figures |= {"optimizer_paths": optimizer_paths(), "xor": xor()}
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=150)
    print(f"{len(figures)} pictures in {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
