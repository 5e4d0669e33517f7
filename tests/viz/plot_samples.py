"""What the tests of plots share: data, and what is read off a figure."""

import numpy as np
import pytest

import nn
import viz

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)
HISTORY = {
    "loss": [3.0, 2.0, 1.0, 0.5],
    "accuracy": [0.5, 0.6, 0.7, 0.8],
    "validation_loss": [3.0, 1.0, 2.0, 4.0],
    "validation_accuracy": [0.4, 0.6, 0.6, 0.5],
}
NORMS = {"first": [0.01, 0.02, 0.03], "second": [1.0, 2.0, 3.0]}


def xy(line):
    return np.array(line.get_xydata())


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def data_lines(ax):
    """The lines of a panel by label, as the legend names them."""
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def halving():
    return 5 * 0.5 ** np.arange(6)


# Each plot that draws one axes, with arguments that fit.
SINGLE = {
    "history": lambda ax=None: viz.plot_history({"loss": [2.0, 1.0]}, ax=ax),
    "boundary": lambda ax=None: viz.plot_decision_boundary(
        lambda p: p[:, 0], X, Y, threshold=0.5, ax=ax
    ),
    "paths": lambda ax=None: viz.plot_optimizer_paths(
        lambda x, y: x**2 + y**2, {"a": [[1.0, 2.0], [0.5, 1.0]]}, ax=ax
    ),
    "confusion": lambda ax=None: viz.plot_confusion_matrix([0, 1], [1, 1], ax=ax),
}
FIGURES = {
    **SINGLE,
    "gradient flow": lambda: viz.plot_gradient_flow(NORMS),
    "activations": lambda: viz.plot_activations(),
    "weights": lambda: viz.plot_weight_images(np.eye(4), (2, 2)),
    "many weights": lambda: viz.plot_weight_images(np.eye(16), (4, 4)),
    "attention": lambda: viz.plot_attention(
        np.full((2, 3, 3), 1 / 3), queries=["a", "few", "words"]
    ),
    "embedding": lambda: viz.plot_embedding(X, Y, names=[str(n) for n in range(40)]),
    "landscape": lambda: viz.plot_loss_landscape(
        nn.Dense(2, 1, rng=0), X, Y[:, None], "mse", resolution=5
    ),
    "steep landscape": lambda: viz.plot_loss_landscape(
        nn.Dense(2, 1, rng=0), X, X[:, :1], "mse", resolution=5, span=20.0
    ),
    "histograms": lambda: viz.plot_activation_histograms({"a": np.eye(4)}),
}
