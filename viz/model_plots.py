"""Plots of models: how often they are right, what is inside of them, and what they attend to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNTS, as_array, is_number
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords
from autograd_lite.table import activations, traits_of
from viz.figures import (
    COLORS,
    LEGIBLE,
    classes_of,
    drawing,
    is_first_of_row,
    is_list,
    label_decades,
    legend_beside,
    names_of,
    numbers_of,
    panels_of,
    require_finite,
    require_mapping,
    scatter_classes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


GAP = 1
"""Pixels between the images of a mosaic."""


@explains_keywords
def plot_activations(
    functions: Mapping[str, Callable[[Any], Any]] | None = None,
    x_range: tuple[float, float] = (-5.0, 5.0),
) -> Figure:
    """Plot activations above their derivatives, which are computed automatically.

    Args:
        functions: elementwise functions by name; by default the elementwise activations of the
            table.
        x_range: the first and the last x.

    Raises:
        ArgumentError: there are no functions, or the range is empty or not finite.
        ShapeError: a function does not return one entry for each entry of its argument.
        UnsupportedError: that is not a dict of functions, or one does not return a tensor.

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
    figure, panels = panels_of(len(curves), (2.6, 2.2), levels=2)
    pairs = zip(panels, panels[len(curves) :])
    for (name, (x, y, slopes)), (upper, lower) in zip(curves.items(), pairs):
        upper.plot(x, y, color=COLORS[0])
        lower.plot(x, slopes, color=COLORS[1])
        upper.set_title(name)
        lower.set_xlabel("x")
        for ax in (upper, lower):
            ax.axhline(0, color="0.7", linewidth=0.8, zorder=0)
            ax.axvline(0, color="0.7", linewidth=0.8, zorder=0)
            ax.grid(alpha=0.3)
        if is_first_of_row(upper):
            upper.set_ylabel("f(x)")
            lower.set_ylabel("f'(x)")
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
    """Show how many samples of each class were predicted as each class.

    Args:
        targets: the true classes (n,), whole numbers from 0 up, or rows with a column a class.
        predictions: likewise, or scores with a column a class, of which the highest decides.
        names: of the classes; by default their numbers.
        ax: where to draw.

    Raises:
        ShapeError: the numbers of predictions and targets differ, or those of names and classes.
        ArgumentError: there are no samples, they hold something other than classes, or targets are
            scores.
        UnsupportedError: the names are not a list, or `ax` is not an Axes.

    >>> figure = plot_confusion_matrix([0, 0, 1], [0, 1, 1])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '0', '1']
    """
    targets = _classes_of_targets(targets)
    predictions = classes_of(predictions, "predictions")
    if len(targets) != len(predictions) or not len(targets):
        both = f"targets {describe_one(targets)} and predictions {describe_one(predictions)}"
        reason = "there is one prediction for each sample, and at least one sample"
        remedy = "Give arrays of the same length"
        raise ShapeError(f"plot_confusion_matrix of {both}", reason, remedy)
    n_classes = int(max(targets.max(), predictions.max())) + 1
    if names is not None and is_list(names):
        n_classes = max(n_classes, len(names))  # some may be of no sample
    names = names_of(names, n_classes, "classes", "plot_confusion_matrix")
    counts = np.bincount(targets * n_classes + predictions, minlength=n_classes**2)
    counts = counts.reshape(n_classes, n_classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    side = max(4.0, 1.0 + 0.35 * n_classes)
    longest = 0.09 * max(map(len, names))  # inches, as a letter takes about 0.09
    turned = longest > 0.7 * side / n_classes
    figure, ax = drawing(ax, (side + 1 + longest, side + turned * longest))
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=ax, label="share of the true class")
    size = "medium" if n_classes <= 5 else "small" if n_classes <= 10 else "x-small"
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
        ax.text(column, row, str(count), ha="center", va="center", color=color, fontsize=size)
    ax.set_xticks(range(n_classes), names, rotation=90 if turned else 0)
    ax.set_yticks(range(n_classes), names)
    right = float(np.mean(targets == predictions))
    title = f"{right:.1%} of {len(targets)} samples right"
    ax.set(xlabel="predicted class", ylabel="true class", title=title)
    return figure


def _classes_of_targets(targets: Any) -> Any:
    """The classes of targets; scores, as of predictions that are given first, are refused."""
    classes = classes_of(targets, "targets")
    rows = as_array(targets.data if isinstance(targets, Tensor) else targets, "plot of targets")
    if rows.ndim == 2 and rows.shape[1] > 1 and not ((rows >= 0) & (rows <= 1)).all():
        raise ArgumentError(
            f"plot of targets {describe_one(rows)}",
            "these are scores, below 0 or above 1, and not the true classes",
            "Write plot_confusion_matrix(targets, predictions)",
        )
    return classes


@explains_keywords
def plot_weight_images(weights: Any, image_shape: tuple[int, int]) -> Figure:
    """Show what each unit of a layer responds to, as images with a common scale.

    Args:
        weights: (n_pixels, n_units), such as the weight of a Dense layer on images; `weights[:,
            :16]` selects some of the units.
        image_shape: (height, width), with height * width = n_pixels.

    Raises:
        ShapeError: the weights are not a matrix, or its rows do not fill an image.
        ArgumentError: the weights are not finite.
        UnsupportedError: they are not numbers, or the shape is not a pair of whole numbers.

    >>> figure = plot_weight_images(np.ones((6, 4)), (2, 3))
    >>> figure.axes[0].get_title()
    '4 units'
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
    down, across = (length + GAP for length in image_shape)
    rows = math.ceil(n_units / math.ceil(math.sqrt(n_units * down / across)))
    columns = math.ceil(n_units / rows)
    ratio = down * rows / (across * columns)
    size = min(10.0, max(4.0, 1.1 * columns, 0.9 + 0.2 * rows / ratio))
    height = (size - 0.9) * min(ratio, 3)
    figure, ax = drawing(None, (size + 1, 0.6 + max(height, 1.2)))
    figure.set_layout_engine("compressed")
    limit = float(np.abs(weights).max())
    mosaic = _mosaic(weights, (down, across), rows, columns)
    image = ax.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ends = [(first, min(first + columns, n_units) - 1) for first in range(0, n_units, columns)]
    names = [" to ".join(dict.fromkeys(map(str, pair))) for pair in ends]
    some = slice(None, None, math.ceil(rows / LEGIBLE))
    ax.set_xticks([])
    ax.set_yticks((down * np.arange(rows) + (down - GAP - 1) / 2)[some], names[some])
    ax.tick_params(length=0, labelsize="small")
    ax.spines[:].set_visible(False)
    ax.set(title="1 unit" if n_units == 1 else f"{n_units} units", ylabel="unit")
    figure.colorbar(image, ax=ax, label="weight", shrink=0.8)
    return figure


def _mosaic(weights: Any, apart: tuple[int, int], rows: int, columns: int) -> Any:
    """All images in one, which begin so far apart, down and across."""
    down, across = apart
    images = np.full((rows * columns, down, across), np.nan)
    shape = down - GAP, across - GAP
    images[: weights.shape[1], :-GAP, :-GAP] = weights.T.reshape(-1, *shape)
    mosaic = images.reshape(rows, columns, down, across).swapaxes(1, 2)
    return mosaic.reshape(rows * down, -1)[:-GAP, :-GAP]


@explains_keywords
def plot_activation_histograms(activations: Mapping[str, Any]) -> Figure:
    """Plot the distribution of each layer's outputs, and count dead units.

    A unit is dead if it gives 0 for every sample, as a ReLU does that no sample reaches any more;
    no gradient flows through it.

    Args:
        activations: arrays (n_samples, ..., n_units) by layer, in the order of layers, such as
            `nn.predict(model[:1], X)` for the first layer.

    Raises:
        ArgumentError: there are no layers, or an output is not finite.
        ShapeError: an array is not of samples and units.
        UnsupportedError: that is not a dict of arrays of numbers.

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
    figure, panels = panels_of(len(layers), (3.2, 3.2))
    for (name, values), ax in zip(layers.items(), panels):
        units = values.reshape(-1, values.shape[-1])
        dead = int((units == 0).all(axis=0).sum())
        ax.hist(units.ravel(), bins=40, color=COLORS[0], log=True)
        ax.set_ylim(bottom=0.7)  # one output is seen, and few are not lower than they are
        label_decades(ax.yaxis)
        ax.set_title(f"{name}\n{dead} of {units.shape[1]} units dead")
        if dead:
            ax.title.set_color(COLORS[1])
        ax.set_xlabel("output")
        if is_first_of_row(ax):
            ax.set_ylabel("count")
    return figure


@explains_keywords
def plot_attention(
    weights: Any, queries: Sequence[str] | None = None, keys: Sequence[str] | None = None
) -> Figure:
    """Show how much each query attends to each key, in a panel for each head or sample.

    Args:
        weights: (queries, keys), or (heads, queries, keys) of one sample, or (samples, queries,
            keys) as `nn.MultiHeadAttention` returns the mean of its heads; 0 or more, and each row
            sums to 1.
        queries: what to write beside the rows, such as characters; by default their numbers.
        keys: what to write below the columns; by default as the queries, if there are equally many.

    Raises:
        ShapeError: the weights have other axes, or the number of names differs.
        ArgumentError: a weight is negative, or not finite.
        UnsupportedError: they are not numbers, or names are not a list.

    >>> figure = plot_attention(np.eye(2), queries="ab")
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['a', 'b']
    """
    weights = numbers_of(weights, "attention")
    if weights.ndim not in (2, 3) or not weights.size:
        raise ShapeError(
            f"plot_attention of {describe_one(weights)}",
            "each query has a weight for each key",
            "Give (queries, keys), or as many of them as panels; of one sample: weights[0]",
        )
    require_finite(weights, "attention")
    if (weights < 0).any():
        reason = f"the smallest is {weights.min()}"
        remedy = "Give what softmax returns"
        raise ArgumentError(f"plot_attention of {describe_one(weights)}", reason, remedy)
    heads = weights.reshape(-1, *weights.shape[-2:])
    rows = names_of(queries, heads.shape[1], "queries", "plot_attention", "queries")
    same = keys is None and heads.shape[1] == heads.shape[2]
    columns = rows if same else names_of(keys, heads.shape[2], "keys", "plot_attention", "keys")
    side = min(6.0, max(3.2, 0.22 * max(heads.shape[1:])))
    figure, panels = panels_of(len(heads), (side, side))
    for number, (head, ax) in enumerate(zip(heads, panels)):
        image = ax.imshow(head, cmap="viridis", vmin=0, vmax=float(weights.max()))
        _label(ax, rows, columns)
        ax.set(title=f"weights[{number}]" if len(heads) > 1 else "attention")
        ax.set(xlabel="key", ylabel="query")
    figure.colorbar(image, ax=panels, label="weight", shrink=0.8)
    return figure


def _label(ax: Axes, rows: list[str], columns: list[str]) -> None:
    """Names along the axes; of many only some."""
    for names, put in ((columns, ax.set_xticks), (rows, ax.set_yticks)):
        every = -(-len(names) // LEGIBLE)
        put(range(0, len(names), every), names[::every], fontsize="small")
    if max(map(len, columns)) > 2:
        ax.tick_params(axis="x", rotation=90)


@explains_keywords
def plot_embedding(
    vectors: Any,
    classes: Any = None,
    *,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Show vectors in the plane of their first two principal components.

    Args:
        vectors: (n, features), such as the weight of an embedding, or what a layer returns.
        classes: the class of each, whole numbers from 0 up, or one column per class: they color the
            points.
        names: what to write beside each point.
        ax: where to draw.

    Raises:
        ShapeError: the vectors are not a matrix, or the number of classes or names differs.
        ArgumentError: a vector is not finite.
        UnsupportedError: they are not numbers, names are not a list, or `ax` is not an Axes.

    >>> figure = plot_embedding(np.array([[0.0, 3.0, 0.0], [0.0, -3.0, 0.0], [0.0, 0.0, 0.0]]))
    >>> figure.axes[0].get_title()
    '100.0% of the variance'
    """
    vectors = numbers_of(vectors, "vectors").astype(float)
    if vectors.ndim != 2 or not vectors.size:
        reason = "each row is a vector, a point in the picture"
        remedy = "Give (n, features)"
        raise ShapeError(f"plot_embedding of {describe_one(vectors)}", reason, remedy)
    require_finite(vectors, "vectors")
    n = len(vectors)
    groups = np.zeros(n, int) if classes is None else classes_of(classes, "classes")
    if len(groups) != n:
        attempted = f"plot_embedding with {len(groups)} classes"
        raise ShapeError(attempted, f"there are {n} vectors", "Give one for each")
    texts = [] if names is None else names_of(names, n, "vectors", "plot_embedding")
    centered = vectors - vectors.mean(axis=0)
    left, lengths, _ = np.linalg.svd(centered, full_matrices=False)
    points = np.zeros((n, 2))
    points[:, : len(lengths)] = (left * lengths)[:, :2]
    total = float((lengths**2).sum())
    share = float((lengths[:2] ** 2).sum()) / total if total else 1.0

    figure, ax = drawing(ax, (6.0, 4.5))
    scatter_classes(ax, points, groups, 24)
    for (x, y), name in zip(points, texts):
        shift, side = (4, "left") if x <= points[:, 0].mean() else (-4, "right")  # to the middle
        ax.annotate(name, (x, y), (shift, 3), textcoords="offset points", fontsize="small", ha=side)
    ax.set(xlabel="first component", ylabel="second component")
    ax.set_title(f"{share:.1%} of the variance")
    if classes is not None:
        legend_beside(ax)
    return figure
