"""Models over a plane: what one decides for each point, and its loss around its parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import softmax
from autograd_lite.arguments import (
    COUNT,
    NUMBER,
    POSITIVE,
    decision_threshold,
    generator,
    optional,
    require,
    require_function,
)
from autograd_lite.errors import ArgumentError, ShapeError, describe_one
from autograd_lite.names import explains_keywords
from viz.figures import (
    classes_of,
    drawing,
    grid_around,
    legend_beside,
    numbers_of,
    require_finite,
    scatter_classes,
    style_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from autograd_lite.typing import Labels, Samples
    from nn.module import Module


FEW = 50
"""Points up to which larger ones do not cover each other."""
RESOLUTION = 300
"""Grid points along each side."""
OPACITIES = (0.15, 0.25, 0.35, 0.45, 0.55)
"""Of a class's region, from where it is hardly ahead to where it is sure."""
WIDEST = 4
"""Axes have one scale unless one is more than so many times as long as the other."""


@explains_keywords
def plot_decision_boundary(
    model: Module | Callable[[Any], Any],
    X: Samples,
    y: Labels,
    *,
    threshold: float | None = None,
    loss: Any = None,
    ax: Axes | None = None,
) -> Figure:
    """Fill the regions where a model decides for each class, with the samples as points.

    Args:
        model: a module, applied in evaluation mode; or a function of points (n, 2) that returns one
            column per class, scores of class 1 (n,) or (n, 1), or classes as whole numbers (n,).
        X: samples (n, 2).
        y: their classes, whole numbers from 0 up, or one column per class.
        threshold: the score above which a sample is of class 1: 0.5 for probabilities, 0 for
            logits. The default is 0.5, and scores outside 0 to 1 are then refused.
        loss: instead of a threshold, the loss of `nn` that the model was trained with, or its name.
        ax: where to draw.

    Raises:
        ShapeError: X is not (n, 2), y has another length, or the model does not give a score
            for each sample.
        ArgumentError: y holds something other than classes, X or the scores contain NaN, or the
            threshold is not a number, or is needed.
        UnsupportedError: the model is not a function, X or the scores are not numbers, or `ax` is
            not an Axes.

    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> figure = plot_decision_boundary(lambda points: points[:, 0], X, [0, 1], threshold=0.5)
    >>> figure.axes[0].get_title()
    '100.0% of 2 points right'
    """
    require("plot_decision_boundary", "threshold", threshold, optional(NUMBER))
    remedy = "Give a model, or a function from (n, 2) to (n,)"
    require_function(model, "plot_decision_boundary of", remedy)
    X, y = numbers_of(X, "X"), classes_of(y, "y")
    require_plane("plot_decision_boundary", X, y)
    require_finite(X, "X", or_infinite=True)
    plane = grid_around(X, 0.1, RESOLUTION)
    grid = np.stack(plane, axis=-1).reshape(-1, 2).astype(X.dtype)
    n_classes = max(2, int(y.max()) + 1)
    outputs = [_outputs(model, points) for points in (grid, X)]
    if all(output.ndim == 1 and output.dtype.kind == "f" for output in outputs):
        # One for the samples and the whole plane.
        threshold = decision_threshold(
            "plot_decision_boundary", np.concatenate(outputs), threshold, loss_named(loss)
        )
    shares, of_samples = (_shares(output, threshold, n_classes) for output in outputs)
    right = float(np.mean(of_samples.argmax(axis=1) == y))

    figure, ax = drawing(ax, (6.0, 4.5))
    _fill(ax, plane, shares)
    scatter_classes(ax, X, y, 18 if len(X) > FEW else 54)
    ax.set(xlabel="x1", ylabel="x2", title=f"{right:.1%} of {len(X)} points right")
    width, height = np.ptp(plane[0]), np.ptp(plane[1])
    if max(width, height) <= WIDEST * min(width, height):
        ax.set_aspect("equal")
    legend_beside(ax)
    return figure


def require_plane(owner: str, X: Any, y: Any) -> None:
    """Raise an error unless these are points of a plane, and the class of each.

    Raises:
        ShapeError: X is not (n, 2), or y has another length.
    """
    if X.ndim != 2 or X.shape[1] != 2 or len(X) != len(y) or not len(X):
        attempted = f"{owner} of X {describe_one(X)} and y {describe_one(y)}"
        reason = "a plane has two axes, and each point has one class"
        raise ShapeError(attempted, reason, "Give X (n, 2) and y (n,)")


def _fill(ax: Axes, plane: Sequence[Any], shares: Any) -> None:
    """The region of each class, the darker the surer, and the lines between them."""
    from matplotlib import rcParams
    from matplotlib.colors import to_rgb

    for label in range(shares.shape[1]):
        # How far a class is ahead of the best other: the boundary is where it is 0.
        ahead = shares[:, label] - np.delete(shares, label, axis=1).max(axis=1)
        surface = ahead.reshape(RESOLUTION, RESOLUTION)
        if (surface > 0).any():
            shades = [(*to_rgb(style_of(label)["color"]), opacity) for opacity in OPACITIES]
            levels = np.linspace(0, 1, len(shades) + 1)
            ax.contourf(*plane, surface, levels, colors=shades)
        if (surface > 0).any() and (surface < 0).any():
            ax.contour(*plane, surface, [0], colors=rcParams["text.color"], linewidths=1)


def _outputs(model: Module | Callable[[Any], Any], points: Any) -> Any:
    """What a model gives for points: (n, classes), or a number for each, (n,)."""
    output = numbers_of(_predicted(model, points), "the model's scores")
    require_finite(output, "the model's scores", or_infinite=True)
    if output.ndim == 2 and output.shape[1] > 1 and len(output) == len(points):
        return output
    if output.shape not in ((len(points),), (len(points), 1)):
        ends = f"{describe_one(points)} to {describe_one(output)}"
        reason = "it has to give one score for each point, or one for each class"
        remedy = "Give a function from (n, 2) to (n,) or (n, n_classes)"
        raise ShapeError(f"plot_decision_boundary of a model from {ends}", reason, remedy)
    return output.reshape(-1)


def _shares(output: Any, threshold: float | None, n_classes: int) -> Any:
    """One column a class, of which the highest is what the model decides for; they sum to 1.

    They are probabilities where the model gives those, or logits.
    """
    if output.ndim == 2:
        sums = output.sum(axis=1)
        shares = (output >= 0).all() and np.allclose(sums, 1, atol=1e-3)
        return output if shares else softmax(output)
    if output.dtype.kind in "iub":
        classes = classes_of(output, "the model's classes")
        return np.eye(max(n_classes, int(classes.max()) + 1))[classes]
    if threshold is None:
        raise AssertionError("numbers have a threshold")
    above = output - threshold
    if threshold == 0.5 and (output >= 0).all() and (output <= 1).all():
        above = 2 * above
    else:
        above = np.tanh(above / 2)  # 2 sigmoid(x) - 1
    return np.stack([(1 - above) / 2, (1 + above) / 2], axis=1)


def loss_named(loss: Any) -> Any:
    """The loss of that name, or the loss itself."""
    losses = sys.modules.get("nn.losses.loss_function")
    return losses.loss_function(loss) if losses is not None and isinstance(loss, str) else loss


def _predicted(model: Module | Callable[[Any], Any], points: Any) -> Any:
    """What a model gives for points, in evaluation mode if it is a module."""
    # Who has a module has imported `nn`; importing it here might find a user's own nn.py.
    evaluation = sys.modules.get("nn.training.evaluation")
    if evaluation is not None and isinstance(model, evaluation.Module):
        return evaluation.predict(model, points)
    return model(points)


LEVELS = 20


@explains_keywords
def plot_loss_landscape(
    model: Module,
    X: Samples,
    y: Labels,
    loss: str | Callable[..., Any],
    *,
    span: float = 1.0,
    resolution: int = 25,
    rng: np.random.Generator | int | None = 0,
    ax: Axes | None = None,
) -> Figure:
    """Plot the loss on a plane through the parameters, along two random directions.

    In each direction, every column of a weight matrix is as long as that of the model, so that 1
    means the same for all layers: Li et al., "Visualizing the loss landscape of neural nets", 2018.
    The model computes in evaluation mode and is not changed.

    Args:
        model: the trained model; the plane goes through its parameters.
        X: samples, as `nn.fit` takes them.
        y: their targets.
        loss: function of predictions and targets, or its name.
        span: how far to go in each direction.
        resolution: points along each side; the loss is computed at resolution² points.
        rng: draws the directions.
        ax: where to draw.

    Raises:
        ArgumentError: a number is out of its range, the model has no parameters, or the loss is
            NaN or infinite at the parameters themselves.
        AutogradError: what the model or the loss raises.

    >>> from nn import Dense
    >>> X, model = np.array([[0.0], [1.0]]), Dense(1, 1, rng=0)
    >>> figure = plot_loss_landscape(model, X, model(X).data + 2.0, "mse", resolution=5)
    >>> figure.axes[0].get_title()
    'loss 4 at the parameters'
    """
    from nn.calls import evaluation
    from nn.functional_call import functional_call
    from nn.losses.loss_function import loss_function
    from nn.module import require_model
    from nn.training.inputs import as_arrays

    require_model(model, "plot_loss_landscape of")
    require("plot_loss_landscape", "span", span, POSITIVE)
    require("plot_loss_landscape", "resolution", resolution, COUNT)
    X, y = as_arrays(X, "plot_loss_landscape of X"), as_arrays(y, "plot_loss_landscape of y")
    measure, draw = loss_function(loss), generator(rng, "plot_loss_landscape")
    parameters = {name: parameter.data for name, parameter in model.named_parameters()}
    if not parameters:
        reason, remedy = "it has no parameters", "Give a model that was trained"
        raise ArgumentError(f"plot_loss_landscape of {type(model).__name__}", reason, remedy)
    first, second = (
        {name: _as_long(draw.standard_normal(x.shape), x) for name, x in parameters.items()}
        for _ in range(2)
    )

    def at(a: float, b: float) -> float:
        moved = {name: x + a * first[name] + b * second[name] for name, x in parameters.items()}
        with evaluation():
            return float(measure(functional_call(model, moved, X), y).item())

    center = at(0.0, 0.0)
    if not np.isfinite(center):
        reason, remedy = f"the loss at its parameters is {center}", "Give a model that was trained"
        raise ArgumentError(f"plot_loss_landscape of {type(model).__name__}", reason, remedy)
    along = np.linspace(-span, span, resolution)
    with np.errstate(all="ignore"):
        losses = np.array([[at(a, b) for a in along] for b in along])

    figure, ax = drawing(ax, (6.6, 4.8))
    shown = np.ma.masked_invalid(losses)
    levels: Any = LEVELS
    scale, labels = None, {}
    if losses.min() > 0 and shown.max() >= 100 * losses.min():
        from matplotlib.colors import LogNorm

        levels = np.geomspace(losses.min(), shown.max(), LEVELS)
        scale, labels = LogNorm(), {"ticks": levels[::4], "format": "%.2g"}
    drawn = ax.contourf(along, along, shown, levels, norm=scale, cmap="viridis")
    ax.plot(0, 0, marker="+", color="white", markersize=12)
    figure.colorbar(drawn, ax=ax, label="loss", **labels)
    ax.set(xlabel="first direction", ylabel="second direction")
    ax.set_title(f"loss {center:.4g} at the parameters")
    ax.set_aspect("equal")
    return figure


def _as_long(direction: Any, parameter: Any) -> Any:
    """A direction whose columns, or which itself, is as long as what it changes."""
    axes = tuple(range(parameter.ndim - 1)) if parameter.ndim > 1 else None
    lengths = [np.sqrt((x**2).sum(axis=axes, keepdims=True)) for x in (direction, parameter)]
    return direction * (lengths[1] / np.maximum(lengths[0], np.finfo(float).tiny))
