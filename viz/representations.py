"""What a network attends to, and where it puts what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.errors import ArgumentError, ShapeError, describe_one
from autograd_lite.names import explains_keywords
from viz.figures import (
    LEGIBLE,
    classes_of,
    drawing,
    legend_beside,
    names_of,
    numbers_of,
    panels_of,
    require_finite,
    scatter_classes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
