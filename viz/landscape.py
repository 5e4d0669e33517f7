"""The loss of a model around its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.arguments import COUNT, POSITIVE, generator, require
from autograd_lite.errors import ArgumentError
from autograd_lite.names import explains_keywords
from viz.figures import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from autograd_lite.typing import Labels, Samples
    from nn.module import Module

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
