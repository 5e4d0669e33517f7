"""From a first network to a training pipeline, one part at a time.

Two layers and gradient descent on two blobs; more layers on a disc in a ring; mini-batches with
three optimizers; then dropout, L2, Adam and early stopping together; and last the automatic
gradient against differences. Writes pictures into output/seed_a_training_pipeline, or into the
folder given as argument.
"""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nn
import viz

LOSS = nn.BCELoss(epsilon=1e-8)
OPTIMIZERS = {
    "gradient descent": lambda parameters: nn.SGD(parameters, 0.5),
    "momentum": lambda parameters: nn.SGD(parameters, 0.5, momentum=0.9, average=True),
    "Adam": lambda parameters: nn.Adam(parameters, 0.01),
}


def network(sizes, rng, dropout=0.0):
    """Layers of ReLUs with dropout after each, then one of sigmoids; He's weights throughout."""
    layers = []
    for fan_in, fan_out in pairwise(sizes[:-1]):
        layers.append(nn.Dense(fan_in, fan_out, activation="relu", rng=rng))
        if dropout:
            layers.append(nn.Dropout(dropout, rng=rng))
    output = nn.Dense(*sizes[-2:], activation="sigmoid", weight_init="he_normal", rng=rng)
    return nn.Sequential(*layers, output)


def fit(model, X, y, optimizer, **options):
    metrics = {"accuracy": nn.accuracy}
    return nn.fit(model, X, y, loss=LOSS, optimizer=optimizer, metrics=metrics, rng=0, **options)


def two_blobs(rng):
    X, y = nn.datasets.blobs(1000, rng=rng)
    model = network([2, 4, 1], rng)
    optimizer = nn.SGD(model.parameters(), learning_rate=0.5)
    history = fit(model, X, y, optimizer, epochs=1000, batch_size=len(X))
    print(f"two blobs, [2, 4, 1]: {history['accuracy'][-1]:.1%} right")
    return viz.plot_decision_boundary(model, X, y)


def disc_in_ring(X, y, rng):
    model = network([2, 16, 8, 1], rng)
    optimizer = nn.SGD(model.parameters(), learning_rate=0.5)
    fit(model, X, y, optimizer, epochs=2000, batch_size=len(X))
    report("disc in ring, [2, 16, 8, 1]", model)
    return viz.plot_decision_boundary(model, X, y)


def report(name, model):
    """How well new points are told apart: with the noise, which no rule can undo, and without."""
    noisy_X, noisy_y = nn.datasets.disc_in_ring(5000, rng=1)
    clean_X, clean_y = nn.datasets.disc_in_ring(5000, noise=0.0, rng=2)
    noisy = nn.accuracy(nn.predict(model, noisy_X), noisy_y)
    clean = nn.accuracy(nn.predict(model, clean_X), clean_y)
    circle = np.mean((np.linalg.norm(noisy_X, axis=1) >= 0.5) == noisy_y[:, 0])
    print(
        f"{name}: {noisy:.1%} of new points right, where the circle itself gets {circle:.1%}; "
        f"{clean:.1%} of points without noise"
    )


def compare_optimizers(X, y):
    """Learning curves in mini-batches from the same weights, and what was learned."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 8.4), layout="constrained")
    curves, *boundaries = axes.flat
    for (name, optimizer), ax in zip(OPTIMIZERS.items(), boundaries, strict=True):
        model = network([2, 16, 8, 1], np.random.default_rng(0))
        history = fit(model, X, y, optimizer(model.parameters()), epochs=100)
        report(f"100 epochs of {name}", model)
        curves.plot(range(1, len(history["loss"]) + 1), history["loss"], label=name)
        viz.plot_decision_boundary(model, X, y, ax=ax)
        ax.set_title(f"{name}: {ax.get_title()}")
    curves.set(title="loss", xlabel="epoch", ylabel="binary cross-entropy")
    curves.legend()
    return figure


def pipeline(X, y, rng):
    """Dropout, L2 on the weights alone, Adam, and the weights of the best epoch."""
    model = network([2, 32, 16, 8, 1], rng, dropout=0.2)
    print(nn.summary(model, (2,)))
    weights = [parameter for parameter in model.parameters() if parameter.name.endswith("weight")]
    biases = [parameter for parameter in model.parameters() if parameter.name.endswith("bias")]
    groups = [{"parameters": weights, "l2": 0.01 / 32}, {"parameters": biases}]
    optimizer = nn.Adam(groups, learning_rate=1e-3)
    stopping = nn.EarlyStopping(patience=30)
    film = viz.TrainingAnimation(X, y, every=10)
    history = fit(model, X, y, optimizer, epochs=500, validation=0.2, callbacks=[stopping, film])
    best = history.best_epoch
    print(
        f"pipeline: best epoch {best + 1} of {len(history['loss'])}, "
        f"{history['validation_accuracy'][best]:.1%} of validation right; {history.stop_reason}"
    )
    report("pipeline, [2, 32, 16, 8, 1]", model)
    return model, viz.plot_history(history), film


def main(folder="output/seed_a_training_pipeline"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    figures = {"two_blobs": two_blobs(rng)}
    X, y = nn.datasets.disc_in_ring(1000, rng=rng)
    figures |= {"disc_in_ring": disc_in_ring(X, y, rng), "optimizers": compare_optimizers(X, y)}
    X, y = nn.datasets.disc_in_ring(2000, rng=rng)
    model, figures["pipeline_history"], film = pipeline(X, y, rng)
    film.save(folder / "pipeline.gif")
    figures["pipeline_boundary"] = viz.plot_decision_boundary(model, X, y)
    difference = nn.gradient_difference(model.eval(), X[:10], y[:10], loss=LOSS)
    print(f"gradient check of the pipeline: {difference:.0e}")
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=150)
    print(f"{len(figures)} pictures and a film in {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
