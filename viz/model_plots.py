"""Plots of models: what they decide, how often they are right, and what is inside of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNTS, NUMBER, is_number, require, require_function
from autograd_lite.decisions import decision_threshold
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords
from autograd_lite.table import activations, traits_of
from viz.figures import (
    COLORS,
    classes_of,
    drawing,
    grid_around,
    new_figure,
    numbers_of,
    require_finite,
    require_mapping,
    style_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nn.module import Module

RESOLUTION = 300
"""Grid points along each side of a decision boundary's picture."""


@explains_keywords
def plot_decision_boundary(
    model: Module | Callable[[Any], Any],
    X: Any,  # noqa: N803
    y: Any,
    *,
    threshold: float | None = None,
    loss: Any = None,
    ax: Axes | None = None,
) -> Figure:
    """Fill the regions where a model decides for each class, with the samples as points.

    Args:
        model: a module, applied in evaluation mode; or a function of points (n, 2) that returns
            one column a class, or (n,) or (n, 1) scores of class 1, or (n,) whole numbers:
            classes.
        X: samples (n, 2).
        y: their classes, whole numbers from 0 up, or one column a class.
        threshold: score above which a sample is of class 1: 0.5 for probabilities, 0 for logits. By
            default it is 0.5, and scores beyond 0 and 1 are refused.
        loss: in place of a threshold, the loss of `nn` that the model was trained with, or its
            name.
        ax: where to draw.

    Raises:
        ShapeError: X is not (n, 2), y has another length, or the model does not give a score
            for each sample.
        ArgumentError: y holds something else than classes, X or the scores have NaN in them, or
            the threshold is no number, or needed.
        UnsupportedError: the model is no function, X or the scores are no numbers, or `ax` is no
            axes.

    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> figure = plot_decision_boundary(lambda points: points[:, 0], X, [0, 1], threshold=0.5)
    >>> figure.axes[0].get_title()
    '100.0% of 2 points right'
    """
    if threshold is not None:
        require("plot_decision_boundary", "threshold", threshold, NUMBER)
    remedy = "Give a model, or a function from (n, 2) to (n,)"
    require_function(model, "plot_decision_boundary of", remedy)
    X, y = numbers_of(X, "X"), classes_of(y, "y")  # noqa: N806
    if X.ndim != 2 or X.shape[1] != 2 or len(X) != len(y) or not len(X):
        attempted = f"plot_decision_boundary of X {describe_one(X)} and y {describe_one(y)}"
        reason = "a plane has two axes, and each point has one class"
        remedy = "Give X (n, 2) and y (n,)"
        raise ShapeError(attempted, reason, remedy)
    require_finite(X, "X", or_infinite=True)
    plane = grid_around(X, 0.1, RESOLUTION)
    grid = np.stack(plane, axis=-1).reshape(-1, 2).astype(X.dtype)
    n_classes = max(2, int(y.max()) + 1)
    outputs = [_outputs(model, points) for points in (grid, X)]
    if all(output.ndim == 1 and output.dtype.kind == "f" for output in outputs):
        # One for the samples and the whole plane.
        threshold = decision_threshold(
            "plot_decision_boundary", np.concatenate(outputs), threshold, _loss_named(loss)
        )
    scores, of_samples = (_scores(output, threshold, n_classes) for output in outputs)
    right = float(np.mean(of_samples.argmax(axis=1) == y))

    figure, ax = drawing(ax)
    for label in range(scores.shape[1]):
        # How far a class is ahead of the best other: the boundary is where it is 0.
        ahead = scores[:, label] - np.delete(scores, label, axis=1).max(axis=1)
        surface = ahead.reshape(RESOLUTION, RESOLUTION)
        if (surface > 0).any():
            levels = [0, float(surface.max())]
            ax.contourf(*plane, surface, levels, colors=[style_of(label)["color"]], alpha=0.25)
        if (surface > 0).any() and (surface < 0).any():
            ax.contour(*plane, surface, [0], colors="black", linewidths=1)
    for label in np.unique(y):
        look = {**style_of(label), "s": 18, "edgecolor": "white", "linewidth": 0.5}
        ax.scatter(*X[y == label].T, label=f"class {label}", **look)
    ax.set(xlabel="x1", ylabel="x2", title=f"{right:.1%} of {len(X)} points right")
    ax.legend()
    return figure


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


def _scores(output: Any, threshold: float | None, n_classes: int) -> Any:
    """One column a class, the highest of which is the class that the model decides for."""
    if output.ndim == 2:
        return output
    if output.dtype.kind in "iub":
        classes = classes_of(output, "the model's classes")
        return np.eye(max(n_classes, int(classes.max()) + 1))[classes]
    return np.stack([threshold - output, output - threshold], axis=1)


def _loss_named(loss: Any) -> Any:
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


@explains_keywords
def plot_activations(
    functions: Mapping[str, Callable[[Any], Any]] | None = None,
    x_range: tuple[float, float] = (-5.0, 5.0),
) -> Figure:
    """Plot activations over their derivatives, which automatic differentiation computes.

    Args:
        functions: by name, elementwise; by default the elementwise activations of the table of
            derivatives.
        x_range: from where to where.

    Raises:
        ArgumentError: there are no functions, or the range is empty or not finite.
        ShapeError: a function does not return an entry for each of its argument's.
        UnsupportedError: there is no dict of functions, or one returns no tensor.

    >>> figure = plot_activations({"square": lambda x: x**2}, (0.0, 4.0))
    >>> [float(ax.lines[0].get_ydata()[-1]) for ax in figure.axes]
    [16.0, 8.0]
    """
    if functions is None:
        known = activations()
        functions = {name: f for name, f in known.items() if traits_of(f).elementwise}
    require_mapping(functions, "plot_activations of")
    pair = isinstance(x_range, tuple | list) and len(x_range) == 2 and all(map(is_number, x_range))
    if not pair or not x_range[0] < x_range[1]:
        reason = "there is nothing to draw"
        remedy = "Give a range from low to high"
        raise ArgumentError(f"plot_activations over x_range={x_range!r}", reason, remedy)
    curves = {name: _with_slopes(name, f, x_range) for name, f in functions.items()}
    figure, axes = new_figure(2, len(functions), (2.6, 2.4), sharex=True)
    for (name, (x, y, slopes)), (upper, lower) in zip(curves.items(), axes.T):
        upper.plot(x, y, color=COLORS[0])
        lower.plot(x, slopes, color=COLORS[1])
        upper.set_title(name)
        lower.set_xlabel("x")
        for ax in (upper, lower):
            ax.axhline(0, color="0.7", linewidth=0.8, zorder=0)
            ax.axvline(0, color="0.7", linewidth=0.8, zorder=0)
            ax.grid(alpha=0.3)
    axes[0, 0].set_ylabel("f(x)")
    axes[1, 0].set_ylabel("f'(x)")
    return figure


def _with_slopes(
    name: str, function: Callable[[Any], Any], x_range: tuple[float, float]
) -> tuple[Any, Any, Any]:
    attempted = f"plot_activations of {name!r}"
    x = Tensor(np.linspace(*x_range, 501), requires_grad=True)
    y = function(x) if callable(function) else function
    if not isinstance(y, Tensor):
        reason = f"{describe_one(function)} gives {describe_one(y)}, and no tensor"
        remedy = "Give a function of NumPy or autograd_lite, such as numpy.tanh"
        raise UnsupportedError(attempted, reason, remedy)
    if y.shape != x.shape:
        reason = f"for {x.shape} it returned {y.shape}"
        remedy = "Give an elementwise function"
        raise ShapeError(attempted, reason, remedy)
    y.sum().backward()
    return x.data, y.data, x.grad


@explains_keywords
def plot_confusion_matrix(
    targets: Any, predictions: Any, *, names: Sequence[str] | None = None, ax: Axes | None = None
) -> Figure:
    """Count how many samples of each class were taken for each class.

    Args:
        targets: classes (n,), whole numbers from 0 up, or one column a class.
        predictions: likewise; of scores in columns the highest decides.
        names: of the classes; by default their numbers.
        ax: where to draw.

    Raises:
        ShapeError: there are not as many predictions as targets, or not as many names as classes.
        ArgumentError: there are no samples, or they hold something else than classes.
        UnsupportedError: the names are no list, or `ax` is no axes.

    >>> figure = plot_confusion_matrix([0, 0, 1], [0, 1, 1])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '0', '1']
    """
    targets = classes_of(targets, "targets")
    predictions = classes_of(predictions, "predictions")
    if len(targets) != len(predictions) or not len(targets):
        both = f"targets {describe_one(targets)} and predictions {describe_one(predictions)}"
        reason = "there is one prediction for each sample, and at least one sample"
        remedy = "Give arrays of the same length"
        raise ShapeError(f"plot_confusion_matrix of {both}", reason, remedy)
    n_classes = int(max(targets.max(), predictions.max())) + 1
    if names is None:
        names = [str(label) for label in range(n_classes)]
    if not isinstance(names, Sequence) or isinstance(names, str | bytes):
        attempted = f"plot_confusion_matrix with names={describe_one(names)}"
        reason = "they are no list"
        remedy = "Give a name for each class"
        raise UnsupportedError(attempted, reason, remedy)
    names = list(map(str, names))
    if len(names) < n_classes:
        reason = f"there are {n_classes} classes"
        remedy = "Give a name for each class"
        raise ShapeError(f"plot_confusion_matrix with {len(names)} names", reason, remedy)
    n_classes = len(names)
    counts = np.bincount(targets * n_classes + predictions, minlength=n_classes**2)
    counts = counts.reshape(n_classes, n_classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    side = max(4.0, 1.0 + 0.35 * n_classes)
    figure, ax = drawing(ax, (side + 1, side))
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=ax, label="share of the true class")
    size = "medium" if n_classes <= 5 else "small" if n_classes <= 10 else "x-small"
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
        ax.text(column, row, str(count), ha="center", va="center", color=color, fontsize=size)
    room = 0.7 * side / n_classes  # inches, of which a letter takes about 0.09
    turned = 0.09 * max(map(len, names)) > room
    ax.set_xticks(range(n_classes), names, rotation=90 if turned else 0)
    ax.set_yticks(range(n_classes), names)
    right = float(np.mean(targets == predictions))
    title = f"{right:.1%} of {len(targets)} samples right"
    ax.set(xlabel="predicted class", ylabel="true class", title=title)
    return figure


@explains_keywords
def plot_weight_images(weights: Any, image_shape: tuple[int, int]) -> Figure:
    """Show what each unit of a layer responds to, as images with a common scale.

    Args:
        weights: (n_pixels, n_units), such as the weight of a Dense layer on images; a part of the
            units is `weights[:, :16]`.
        image_shape: (height, width), with height * width = n_pixels.

    Raises:
        ShapeError: the weights are no matrix, or its rows do not fill an image.
        ArgumentError: the weights are not finite.
        UnsupportedError: they are no numbers, or the shape is no pair of whole numbers.

    >>> figure = plot_weight_images(np.ones((6, 4)), (2, 3))
    >>> [ax.get_title() for ax in figure.axes if ax.images]
    ['unit 0', 'unit 1', 'unit 2', 'unit 3']
    """
    weights = numbers_of(weights, "weights")
    if not COUNTS.holds(image_shape) or len(image_shape) != 2:
        raise UnsupportedError(
            f"plot_weight_images of {describe_one(weights)} as images {describe_one(image_shape)}",
            "an image has a height and a width, whole numbers of 1 or more",
            "Give (height, width)",
        )
    if weights.ndim != 2 or not weights.size or weights.shape[0] != math.prod(image_shape):
        attempted = f"plot_weight_images of {describe_one(weights)} as images {tuple(image_shape)}"
        reason = "each column has to fill one image"
        remedy = "Give weights (height * width, n_units); for (n_units, n_pixels), weights.T"
        raise ShapeError(attempted, reason, remedy)
    require_finite(weights, "weights")
    n_units = weights.shape[1]
    columns = math.ceil(math.sqrt(n_units))
    rows = math.ceil(n_units / columns)
    height, width = image_shape
    panel = 1.2 + 1.2 / columns, 0.3 + 1.2 * min(max(height / width, 0.25), 4)  # with the scale
    figure, axes = new_figure(rows, columns, panel)
    limit = float(np.abs(weights).max())
    for ax in axes.flat:
        ax.axis("off")
    for unit, ax in zip(range(n_units), axes.flat):
        pixels = weights[:, unit].reshape(image_shape)
        image = ax.imshow(pixels, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set_title(f"unit {unit}", fontsize="small")
    figure.colorbar(image, ax=axes, label="weight", shrink=0.8)
    return figure


@explains_keywords
def plot_activation_histograms(activations: Mapping[str, Any]) -> Figure:
    """Plot how the outputs of each layer are distributed, with dead units counted.

    A unit is dead when it gives 0 for every sample, as a ReLU does that no sample reaches any
    more; no gradient flows through it.

    Args:
        activations: by layer, in the order of layers, arrays (n_samples, ..., n_units).

    Raises:
        ArgumentError: there are no layers, or an output is not finite.
        ShapeError: an array is not of samples and units.
        UnsupportedError: there is no dict of arrays of numbers.

    >>> figure = plot_activation_histograms({"hidden": np.array([[0.0, 1.0], [0.0, 0.0]])})
    >>> print(figure.axes[0].get_title())
    hidden
    1 of 2 units dead
    """
    require_mapping(activations, "plot_activation_histograms of")
    layers = {name: numbers_of(values, repr(name)) for name, values in activations.items()}
    for name, values in layers.items():
        if values.ndim < 2 or not values.size:
            attempted = f"plot_activation_histograms of {name!r} {values.shape}"
            reason = "samples and units take two axes"
            remedy = "Give an array (n_samples, n_units)"
            raise ShapeError(attempted, reason, remedy)
        require_finite(values, f"activations of {name!r}")
    figure, axes = new_figure(1, len(layers), (3.2, 3.2))
    for (name, values), ax in zip(layers.items(), axes[0]):
        units = values.reshape(-1, values.shape[-1])
        dead = int((units == 0).all(axis=0).sum())
        ax.hist(units.ravel(), bins=40, color=COLORS[0], log=True)
        ax.set_title(f"{name}\n{dead} of {units.shape[1]} units dead")
        ax.title.set_color(COLORS[1] if dead else "black")
        ax.set_xlabel("output")
    axes[0, 0].set_ylabel("count")
    return figure
