"""Plots of training: history, gradient norms, and the paths of optimizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.arguments import WHOLE
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords
from viz.figures import (
    COLORS,
    curves_of,
    figure_of,
    grid_around,
    label_decades,
    numbers_of,
    over_counts,
    panels_of,
    plot_by_epoch,
    require_mapping,
    style_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES: dict[str, dict[str, Any]] = {
    "": {"label": "training", "linestyle": "-", "color": COLORS[0]},
    "validation_": {"label": "validation", "linestyle": "--", "color": COLORS[1]},
    "running_": {"label": "while training", "linestyle": "-", "color": "0.75", "zorder": 1},
}
"""How the curves of a quantity are drawn, by what their names begin with."""
THIN: dict[str, Any] = {"markersize": 4, "linewidth": 1.2}


@explains_keywords
def plot_history(
    history: Mapping[str, Any], *, best_epoch: int | None = None, ax: Axes | None = None
) -> Figure:
    """Plot the figures of each epoch, a panel for each quantity, with the best epoch marked.

    Args:
        history: of `nn.fit`, or any dict of lists by name; "validation_loss" and "running_loss"
            go into the panel of "loss", and so on.
        best_epoch: counted from 0, as `history.best_epoch` and the entries of the lists are; the
            axis and the legend count from 1. The default is the epoch that `nn.EarlyStopping`
            restored, else the one with the lowest "validation_loss" or, without validation data,
            "loss".
        ax: where to draw, if the history has only one quantity.

    Raises:
        ArgumentError: there is nothing to draw, an epoch is out of range, or there is more than one
            quantity for `ax`.
        ShapeError: a list is empty, or of lists.
        UnsupportedError: that is not a dict of lists of numbers, or `ax` is not an Axes.

    >>> figure = plot_history({"loss": [3.0, 1.0, 2.0], "accuracy": [0.5, 0.6, 0.8]})
    >>> [ax.get_title() for ax in figure.axes]
    ['loss', 'accuracy']
    """
    curves = curves_of(history, "history")
    n_epochs = max(map(len, curves.values()))
    restored = getattr(history, "best_epoch", None)
    if best_epoch is None and restored is not None:
        best_epoch = restored
    elif best_epoch is None:
        losses = curves.get("validation_loss", curves.get("loss", np.array(np.nan)))
        best_epoch = None if np.isnan(losses).all() else int(np.nanargmin(losses))
    elif not WHOLE.holds(best_epoch) or best_epoch >= n_epochs:
        attempted = f"plot_history with best_epoch={describe_one(best_epoch)}"
        reason = f"the history has {n_epochs} epochs, counted from 0"
        remedy = f"Give 0 to {n_epochs - 1}, such as history.best_epoch"
        raise ArgumentError(attempted, reason, remedy)
    quantities = list(dict.fromkeys(map(_quantity, curves)))
    if ax is None:
        figure, panels = panels_of(len(quantities), (5.0, 4.0))
    elif len(quantities) == 1:
        figure, panels = figure_of(ax), [ax]
    else:
        reason = "axes show one quantity"
        remedy = 'Give a part: {"loss": history["loss"]}'
        raise ArgumentError(f"plot_history of {', '.join(quantities)} with ax", reason, remedy)
    for panel, quantity in zip(panels, quantities):
        for prefix, line in LINES.items():
            if prefix + quantity in curves:
                plot_by_epoch(panel, curves[prefix + quantity], **line)
        if quantity.endswith("loss"):
            _over_decades(panel)
        if best_epoch is not None:
            label = f"best epoch: {best_epoch + 1}"
            panel.axvline(best_epoch + 1, color="0.5", linestyle=":", label=label)
        over_counts(panel, quantity.replace("_", " "), "epoch", quantity.replace("_", " "))
        panel.legend()
    return figure


def _over_decades(ax: Axes) -> None:
    """A logarithmic axis, where what is drawn is above 0 and falls, or rises, a hundredfold."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.lines])
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size and drawn.min() > 0 and drawn.max() >= 100 * drawn.min():
        ax.set_yscale("log")
        label_decades(ax.yaxis)


def _quantity(name: str) -> str:
    """What a curve is of, without what says when it was measured."""
    for prefix in LINES:
        name = name.removeprefix(prefix)
    return name


@explains_keywords
def plot_gradient_flow(norms: Mapping[str, Any]) -> Figure:
    """Plot the norm of each layer's gradient by epoch, and the last epoch's as bars.

    Where gradients vanish on the way back to the first layer, the upper bars are much shorter than
    the lower ones; where they explode, much longer. The axes are logarithmic if any two norms
    differ by a factor of 10 or more.

    Args:
        norms: for each layer, in the order of layers, a list of norms, one per epoch.

    Raises:
        ArgumentError: there are no layers, or a norm is below 0.
        ShapeError: there are no epochs.
        UnsupportedError: that is not a dict of lists of numbers.

    >>> figure = plot_gradient_flow({"layer 1": [0.1, 0.2], "layer 2": [1.0, 2.0]})
    >>> [float(bar.get_width()) for bar in figure.axes[1].patches]
    [0.2, 2.0]
    """
    curves = curves_of(norms, "gradient norms")
    for name, values in curves.items():
        if (values < 0).any():
            attempted = f"plot of gradient norms with {name!r} {values.shape}"
            reason = f"one of them is {values.min()}, and no norm is below 0"
            remedy = "Give numpy.linalg.norm(parameter.grad)"
            raise ArgumentError(attempted, reason, remedy)
    figure, (by_epoch, last) = panels_of(2, (5.0, max(4.0, 1.0 + 0.25 * len(curves))))
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    is_dark = sum(to_rgb(by_epoch.get_facecolor())) < 1.5
    ends = (0.35, 1.0) if is_dark else (0.15, 0.85)  # both are seen there
    colors = colormaps["viridis"](np.linspace(*ends, len(curves)))
    for (name, values), color in zip(curves.items(), colors):
        plot_by_epoch(by_epoch, values, color=color, label=name)
    over_counts(by_epoch, "gradient norms", "epoch", "norm")
    final = np.array([values[-1] for values in curves.values()])
    last.barh(range(len(final)), final, color=colors)
    names = [f"{name}: {value:.2g}" for name, value in zip(curves, final)]
    last.set_yticks(range(len(final)), names)
    last.invert_yaxis()
    last.set(title="last epoch, in the same colors", xlabel="norm")
    values = np.concatenate(list(curves.values()))
    positive = values[values > 0]
    if positive.size and positive.max() >= 10 * positive.min():
        # Zero and NaN have no place on a logarithmic axis, and are left out.
        by_epoch.set_yscale("log", nonpositive="mask")
        label_decades(by_epoch.yaxis)
        if (final > 0).any():
            last.set_xscale("log")
            last.set_xlim(left=10 ** np.floor(np.log10(positive.min() / 2)))  # no bar is nothing
            label_decades(last.xaxis)
    last.grid(alpha=0.3, axis="x")
    last.set_axisbelow(True)
    return figure


@explains_keywords
def plot_optimizer_paths(
    function: Callable[..., Any], paths: Mapping[str, Any], ax: Axes | None = None
) -> Figure:
    """Plot the paths of optimizers on the contours, or the curve, of what they minimize.

    Args:
        function: a function of one array per coordinate, elementwise, such as `lambda x, y: x**2 +
            10 * y**2`.
        paths: by name, points (n_steps + 1, 2), or (n_steps + 1,) for a function of one number.
        ax: where to draw only the paths. By default a second panel shows the function's value after
            each step, on a logarithmic axis if all values are above 0.

    Raises:
        ArgumentError: there are no paths, or a coordinate is not finite.
        ShapeError: a path is not of one or of two coordinates, the paths differ in that, or the
            function does not return a value for each point.
        UnsupportedError: the function takes other coordinates, or returns no numbers; paths are
            no dict of arrays of numbers.

    >>> figure = plot_optimizer_paths(lambda x: x**2, {"halving": [4.0, 2.0, 1.0]})
    >>> figure.axes[0].lines[1].get_ydata()
    array([16.,  4.,  1.])
    """
    points = _points(paths)
    grid = grid_around(np.concatenate(list(points.values())), 0.15, 200)
    surface = _evaluated(function, grid)
    values = {name: _evaluated(function, list(path.T)) for name, path in points.items()}
    if ax is None:
        figure, (ax, by_step) = panels_of(2, (5.0, 4.0))
        for number, (name, curve) in enumerate(values.items()):
            by_step.plot(curve, label=name, **style_of(number), **THIN)
        if all((curve > 0).all() for curve in values.values()):
            by_step.set_yscale("log")
            label_decades(by_step.yaxis)
        over_counts(by_step, "convergence", "step", "f")
        by_step.legend()
    else:
        figure = figure_of(ax)
    if len(grid) == 1:
        ax.plot(grid[0], surface, color="0.6", label="f")
        ax.set(xlabel="x", ylabel="f(x)", title="paths")
    else:
        filled = ax.contourf(*grid, surface, 20, cmap="Greys", alpha=0.6)
        figure.colorbar(filled, ax=ax).ax.set_title("f(x, y)", fontsize="medium")
        ax.set(xlabel="x", ylabel="y", title="paths")
    for number, (name, path) in enumerate(points.items()):
        drawn = path if path.shape[1] == 2 else np.column_stack([path, values[name]])
        ax.plot(*drawn.T, label=name, **style_of(number), **THIN)
    ax.legend()
    return figure


def _evaluated(function: Callable[..., Any], coordinates: Sequence[Any]) -> Any:
    attempted = f"plot_optimizer_paths of a function of {len(coordinates)} coordinates"
    try:
        values = function(*coordinates)
    except TypeError as error:
        reason = str(error)
        remedy = "Give a function of as many arrays as the points have coordinates"
        raise UnsupportedError(attempted, reason, remedy) from error
    values = numbers_of(values, "a function's value")
    if values.shape != coordinates[0].shape:
        reason = f"for arrays {coordinates[0].shape} it returned {describe_one(values)}"
        remedy = "Give an elementwise function, such as lambda x, y: x**2 + y**2"
        raise ShapeError(attempted, reason, remedy)
    return values


def _points(paths: Mapping[str, Any]) -> dict[str, Any]:
    """Paths as arrays (n_steps + 1, n_coordinates)."""
    require_mapping(paths, "plot_optimizer_paths of")
    points = {
        name: numbers_of(path, f"the path {name!r}").astype(float) for name, path in paths.items()
    }
    points = {name: path[:, None] if path.ndim == 1 else path for name, path in points.items()}
    shapes = {name: path.shape for name, path in points.items()}
    n_coordinates = {shape[1] if len(shape) == 2 and shape[0] else 0 for shape in shapes.values()}
    if n_coordinates not in ({1}, {2}):
        given = ", ".join(f"{name!r} {shape}" for name, shape in shapes.items())
        reason = "paths lie all on a line, or all in a plane"
        remedy = "Give points (n_steps + 1,), or (n_steps + 1, 2)"
        raise ShapeError(f"plot_optimizer_paths of {given}", reason, remedy)
    for name, path in points.items():
        if not np.isfinite(path).all():
            reason = f"step {int((~np.isfinite(path)).any(axis=1).argmax())} is NaN or infinite"
            remedy = "Give the steps before it"
            raise ArgumentError(f"plot_optimizer_paths of {name!r}", reason, remedy)
    return points
