"""What the plots share: figures and axes of matplotlib, colours, and checks of plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import as_array, require_real
from autograd_lite.errors import (
    ArgumentError,
    RenderingError,
    ShapeError,
    UnsupportedError,
    describe_one,
    needed,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from autograd_lite.typing import Array

COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#882255",
    "#999933",
    "#44AA99",
    "#6A51A3",
    "#A6761D",
    "#8C8C8C",
)
"""Told apart with any colour vision, on light and on dark: those of Okabe and Ito ("Color universal
design", 2008) first, then others, of which Tol's ("Colour schemes", 2021) are the first three."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


LEGIBLE = 40
"""So many names stand along an axis at most."""
IN_A_ROW, WIDEST = 4, 16.0
"""How many panels stand beside each other at most, and in how many inches."""


def panels_of(count: int, size: tuple[float, float], levels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with some panels of a size in inches, in rows as long as each other.

    On several levels so many panels are below each of them; the upper ones come first.
    """
    with needed("drawing a plot", "matplotlib", "autograd-lite[plots]", RenderingError):
        from matplotlib import pyplot
    width, height = size
    rows = -(-count // max(1, min(IN_A_ROW, int(WIDEST // width))))
    columns = -(-count // rows)
    figure = pyplot.figure(figsize=(width * columns, height * rows * levels), layout="constrained")
    if "inline" in pyplot.get_backend():
        pyplot.close(figure)  # or a notebook shows it once as a result, and once as left open
    places = figure.add_gridspec(rows * levels, columns)
    at = [
        (n // columns * levels + level, n % columns)
        for level in range(levels)
        for n in range(count)
    ]
    return figure, [figure.add_subplot(places[place]) for place in at]


def is_first_of_row(ax: Axes) -> bool:
    """Whether a panel is the leftmost of its row."""
    place = ax.get_subplotspec()
    return place is not None and place.is_first_col()


def legend_beside(ax: Axes) -> None:
    """The legend at the right of a panel, where it hides nothing."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)


def figure_of(ax: Axes) -> Figure:
    """The figure that axes are in."""
    if not hasattr(ax, "get_figure"):
        reason = "it is no axes of matplotlib"
        remedy = "Write figure, ax = matplotlib.pyplot.subplots(); of several axes give one"
        raise UnsupportedError(f"plot with ax={describe_one(ax)}", reason, remedy)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def drawing(ax: Axes | None, size: tuple[float, float] = (5.0, 4.0)) -> tuple[Figure, Axes]:
    """The axes to draw in, with their figure; new ones of a size in inches if none are given."""
    if ax is not None:
        return figure_of(ax), ax
    figure, (panel,) = panels_of(1, size)
    return figure, panel


def numbers_of(values: Any, what: str) -> Array:
    """A NumPy array of what may be a tensor."""
    array = _array_of(values, what)
    require_real(array, f"plot of {what}")
    return array


def _array_of(values: Any, what: str) -> Array:
    return as_array(values.data if isinstance(values, Tensor) else values, f"plot of {what}")


def require_mapping(given: Any, attempted: str) -> None:
    """Raise an UnsupportedError unless it is a dict, an ArgumentError if it is empty."""
    remedy = 'Give each its name: {"name": ...}'
    if not isinstance(given, Mapping):
        raise UnsupportedError(f"{attempted} {describe_one(given)}", "it is no dict", remedy)
    if not given:
        raise ArgumentError(f"{attempted} {given}", "it is empty", remedy)


def names_of(names: Any, count: int, of: str, owner: str, argument: str = "names") -> list[str]:
    """The texts that stand for so many things, by default their numbers.

    >>> names_of("ab", 2, "classes", "plot_confusion_matrix")
    ['a', 'b']
    """
    if names is None:
        return [*map(str, range(count))]
    remedy = "Give a list, one for each; or a text for its characters"
    if not is_list(names):
        attempted = f"{owner} with {argument}={describe_one(names)}"
        raise UnsupportedError(attempted, "they are no list", remedy)
    if len(names) != count:
        attempted = f"{owner} with {len(names)} {argument}"
        raise ShapeError(attempted, f"there are {count} {of}", remedy)
    return [repr(name)[1:-1] if str(name).isspace() else str(name) for name in names]


def is_list(names: Any) -> bool:
    """Whether they are in an order, and have a number: a list, a text, or an array (n,)."""
    return isinstance(names, Sequence) or getattr(names, "ndim", 0) == 1


def require_finite(array: Any, what: str, or_infinite: bool = False) -> None:
    """Raise an ArgumentError if an array of real numbers has NaN in it, or infinity."""
    bad, kind = ~np.isfinite(array), "NaN or infinite"
    if or_infinite:
        bad, kind = np.isnan(array), "NaN"
    if bad.any():
        reason = f"{bad.sum()} of its {array.size} entries are {kind}"
        remedy = "Leave these out, or look for what made them"
        raise ArgumentError(f"plot of {what} {describe_one(array)}", reason, remedy)


def classes_of(given: Any, what: str) -> Array:
    """Classes (n,) from 0 up, of labels (n,) or (n, 1), or of one column a class.

    >>> classes_of([[0.1, 0.9], [0.8, 0.2]], "predictions")
    array([1, 0])
    """
    labels = _array_of(given, what)
    if labels.ndim == 2 and labels.shape[1] > 1:
        require_real(labels, f"plot of {what}")
        require_finite(labels, what, or_infinite=True)
        if np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) != 1).any():
            raise ArgumentError(
                f"plot of {what} {describe_one(labels)}",
                "a row has several ones, or none, and so no class",
                "Plot one column at a time: labels[:, 0]",
            )
        classes: Array = labels.argmax(axis=1)
        return classes
    if labels.ndim not in (1, 2):
        reason = "labels have one entry for each sample, or one column for each class"
        remedy = "Give an array (n_samples,) or (n_samples, n_classes)"
        raise ShapeError(f"plot of {what} {describe_one(labels)}", reason, remedy)
    labels = labels.reshape(-1)
    finite = labels.dtype.kind in "fiub" and bool(np.isfinite(labels).all())
    if not finite or not np.all((labels >= 0) & (labels % 1 == 0)):
        reason = "classes are whole numbers from 0 up"
        remedy = "Write numpy.unique(labels, return_inverse=True)[1]; for probabilities, p > 0.5"
        raise ArgumentError(f"plot of {what} {describe_one(labels)}", reason, remedy)
    return labels.astype(int)


def curves_of(series: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Arrays (n,) by name."""
    require_mapping(series, f"plot of {what}")
    curves = {
        str(name): numbers_of(values, f"{what} with {name!r}").astype(float)
        for name, values in series.items()
    }
    for name, values in curves.items():
        if values.ndim != 1 or not values.size:
            reason = "a curve is a list of at least one number"
            remedy = "Give a list of numbers, one an epoch"
            raise ShapeError(f"plot of {what} with {name!r} {values.shape}", reason, remedy)
    return curves


def grid_around(points: Any, margin: float, count: int) -> tuple[Any, ...]:
    """Coordinates (count, ...) of a grid over points (n, d), a share of their range beyond them."""
    low, high = points.min(axis=0), points.max(axis=0)
    beyond = np.where(high > low, margin * (high - low), 1.0)
    return np.meshgrid(*np.linspace(low - beyond, high + beyond, count, axis=1))


def style_of(number: int) -> dict[str, Any]:
    """Colour and marker of a curve or a class, by its number."""
    marker = MARKERS[(number + number // len(COLORS)) % len(MARKERS)]
    return {"color": COLORS[number % len(COLORS)], "marker": marker}


def scatter_classes(ax: Axes, points: Any, classes: Any, size: float) -> None:
    """Draw points (n, 2), those of each class in its colour."""
    for label in np.unique(classes):
        look = {**style_of(label), "s": size, "edgecolor": "white", "linewidth": 0.5}
        ax.scatter(*points[classes == label].T, label=f"class {label}", **look)


def plot_by_epoch(ax: Axes, values: Any, **style: Any) -> None:
    """Draw a curve over epochs that are counted from 1, past those whose figure is NaN.

    A single figure is drawn as a point.
    """
    (measured,) = np.nonzero(~np.isnan(values))
    marker = "o" if len(measured) == 1 else ""
    ax.plot(measured + 1, np.asarray(values)[measured], marker=marker, **style)


def label_decades(axis: Axis) -> None:
    """Few labels on a logarithmic axis: powers of ten, and 2 and 5 where these are few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_minor_formatter(NullFormatter())
    if high <= 200 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))


def over_counts(ax: Axes, title: str, xlabel: str, ylabel: str) -> None:
    """Title and labels of a plot over whole numbers, such as epochs, with a grid."""
    from matplotlib.ticker import MaxNLocator

    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.grid(alpha=0.3)
    whole = MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    ax.xaxis.set_major_locator(whole)
