"""What goes wrong when a network is trained, how it shows, and what helps.

One neuron with a step, and a network that learns XOR; then failures next to what cures them:
gradients that vanish, gradients that explode, units that die, overfitting; and last k-fold
cross-validation, which says what size of network is right. Writes pictures into
output/seed_e_diagnosing_training, or into the folder given as argument.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.datasets import make_moons
from sklearn.model_selection import KFold

import nn
import viz
from autograd_lite import AutogradError


def network(sizes, activation, output="sigmoid", seed=0):
    rng = np.random.default_rng(seed)
    layers = [nn.Dense(*ends, activation=activation, rng=rng) for ends in pairwise(sizes[:-1])]
    return nn.Sequential(*layers, nn.Dense(*sizes[-2:], activation=output, rng=rng))


def fit(model, X, y, optimizer, loss=None, **options):
    """Of classes by default, with their accuracy."""
    options |= {} if loss else {"metrics": {"accuracy": nn.accuracy}}
    loss = loss or nn.BCELoss()
    return nn.fit(model, X, y, loss=loss, optimizer=optimizer, progress=False, rng=0, **options)


def moons(n, noise):
    X, y = make_moons(n, noise=noise, random_state=0)
    return X, y[:, None]


def step_neuron():
    """A neuron that fires above a threshold computes AND, and no choice of weights gives XOR."""
    X, _ = nn.datasets.xor()
    weights, bias = np.array([1.0, 1.0]), -1.5
    print(f"a neuron with a step: {(X @ weights + bias > 0).astype(int)} for {X.tolist()}")


def xor():
    """A network 2-2-1 of sigmoids without biases, from weights uniform in [0, 1)."""
    X, y = nn.datasets.xor()
    generator = np.random.RandomState(42)

    def uniform(rng, fan_in, fan_out):
        return generator.uniform(size=(fan_in, fan_out))

    model = nn.Sequential(
        nn.Dense(2, 2, activation="sigmoid", bias=False, weight_init=uniform),
        nn.Dense(2, 1, activation="sigmoid", bias=False, weight_init=uniform),
    )
    optimizer = nn.SGD(model.parameters(), learning_rate=0.1)
    fit(model, X, y, optimizer, nn.HalfSquaredErrorLoss(), epochs=10_000, batch_size=4)
    probabilities = nn.predict(model, X).ravel()
    print(f"XOR, probabilities {probabilities.round(3)}, classes {(probabilities > 0.5) * 1}")
    return viz.plot_decision_boundary(model, X, y)


def vanishing_gradients():
    """Behind five layers of sigmoids nothing arrives; behind ReLUs it does."""
    X, y = moons(500, noise=0.2)
    figures = {}
    for activation in ("sigmoid", "relu"):
        model = network([2, 16, 16, 16, 16, 16, 1], activation)
        monitor = nn.GradientMonitor()
        optimizer = nn.SGD(model.parameters(), learning_rate=0.1)
        history = fit(model, X, y, optimizer, epochs=50, callbacks=[monitor])
        print(f"five layers of {activation}: {history['accuracy'][-1]:.1%} right")
        norms = {name: norm for name, norm in monitor.norms.items() if name.endswith("weight")}
        figures[f"gradient_flow_{activation}"] = viz.plot_gradient_flow(norms)
    return figures


def exploding_gradients():
    """Large targets, and steps that overshoot further each time, unless gradients are clipped."""
    X = np.linspace(-3, 3, 200)[:, None]
    y = 10 * np.sin(X)
    for max_norm in (None, 1.0):
        model = network([1, 32, 32, 1], "relu", output=None)
        optimizer = nn.SGD(model.parameters(), learning_rate=0.2)
        callbacks = [] if max_norm is None else [nn.GradientClipping(max_norm)]
        try:
            with np.errstate(over="ignore"):
                history = fit(model, X, y, optimizer, nn.MSELoss(), epochs=50, callbacks=callbacks)
            print(
                f"clipped at {max_norm}: the mean squared error ends at {history['loss'][-1]:.3f}"
            )
        except AutogradError as error:
            print(f"not clipped: {error}")


def dead_units():
    """Steps that are too long leave ReLUs that no sample reaches; leaky ones come back."""
    X, y = moons(500, noise=0.2)
    figures = {}
    for activation in ("relu", "leaky_relu"):
        model = network([2, 32, 32, 1], activation, seed=3)
        history = fit(model, X, y, nn.Adam(model.parameters(), learning_rate=0.5), epochs=30)
        print(f"{activation} at a learning rate of 0.5: {history['accuracy'][-1]:.1%} right")
        outputs, values = {}, X
        for name, layer in model.children():
            values = outputs[f"layer {name}"] = nn.predict(layer, values)
        figures[f"activations_{activation}"] = viz.plot_activation_histograms(outputs)
    return figures


def overfitting():
    """Few noisy points, many weights: early stopping gives those of an early epoch."""
    X, y = moons(120, noise=0.3)
    model = network([2, 64, 64, 1], "relu")
    optimizer = nn.Adam(model.parameters(), learning_rate=0.003)
    # With as much patience as epochs, training goes on to the end, for the picture.
    stopping = nn.EarlyStopping(patience=300)
    history = fit(model, X, y, optimizer, epochs=300, validation=0.5, callbacks=[stopping])
    for name, epoch in {
        "last epoch": -1,
        f"epoch {history.best_epoch + 1}": history.best_epoch,
    }.items():
        training, validation = history["loss"][epoch], history["validation_loss"][epoch]
        print(f"{name}: training loss {training:.3f}, validation loss {validation:.3f}")
    return viz.plot_history(history)


def cross_validate():
    """Each fifth of the points is held out once."""
    X, y = moons(300, noise=0.3)
    for sizes in ([2, 1], [2, 8, 1], [2, 64, 64, 1]):
        scores = []
        for training, held_out in KFold(5, shuffle=True, random_state=0).split(X):
            model = network(sizes, "relu")
            optimizer = nn.Adam(model.parameters(), learning_rate=0.01)
            fit(model, X[training], y[training], optimizer, epochs=60)
            scores.append(nn.accuracy(nn.predict(model, X[held_out]), y[held_out]))
        print(f"5 folds, {sizes}: {np.mean(scores):.1%} ± {np.std(scores):.1%}")


def main(folder="output/seed_e_diagnosing_training"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    step_neuron()
    figures = {"xor": xor(), **vanishing_gradients()}
    exploding_gradients()
    figures |= {**dead_units(), "overfitting": overfitting()}
    cross_validate()
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=150)
    print(f"{len(figures)} pictures in {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
