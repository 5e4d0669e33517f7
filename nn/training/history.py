"""What training recorded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.cells import html_table
from autograd_lite.errors import MissingKeyError, UnsupportedError, describe_one, needed
from autograd_lite.names import tell_of

ENDS = 3
"""Epochs that a table shows of the beginning and of the end."""


class Means:
    """Means of figures over the samples of an epoch, of which batches have different numbers."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, figure: float, n: int) -> None:
        """Take in the mean over n samples."""
        self._sums[name] = self._sums.get(name, 0.0) + figure * n
        self._counts[name] = self._counts.get(name, 0) + n

    def values(self) -> dict[str, float]:
        """The means, by name."""
        return {name: total / self._counts[name] for name, total in self._sums.items()}


class History(dict[str, list[float]]):
    """The figures of each epoch, by name, in lists with one entry per epoch.

    - "running_loss": the mean of the batches' losses over the epoch's samples, taken while the
      weights were changing. A loss that is a sum over samples is divided by their number, here and
      below.
    - "loss": the loss of all training samples at the end of the epoch, in evaluation mode; and
      "validation_loss", likewise, if there are validation samples.
    - the metrics of the training samples at the end of the epoch, by name; and those of the
      validation samples, with "validation_" before the name.

    Code counts epochs from 0, as the entries of these lists: `best_epoch`, `training.epoch`,
    `best_epoch=` of `viz.plot_history`. What is printed or drawn counts from 1. `stop_reason` says
    why training ended, `backend` how steps were run, and `best_epoch` which epoch's weights
    `nn.EarlyStopping` restored, if it did.

    An interrupted epoch has no entries. If `evaluate_every` is above 1, figures that were not
    measured are NaN.

    >>> history = History(loss=[3.0, 1.0], accuracy=[0.5, 0.75])
    >>> print(history)
    loss 1, accuracy 0.75
    """

    stop_reason: str = ""
    """Why training ended, in words: "every epoch done", or what cut it short."""

    backend: str = "eager"
    """What the steps ran in: "numpy" or "c" where they were compiled, or "eager: " and why not."""

    best_epoch: int | None = None
    """With `EarlyStopping` the epoch, counted from 0, whose weights were restored; else None."""

    def __missing__(self, name: str) -> list[float]:
        known = ", ".join(map(repr, self)) or "none yet"
        validation = str(name).replace("val_", "validation_")
        raise MissingKeyError(
            f"history[{name!r}]",
            f"there is no such figure, but {known}",
            f"Write history[{validation!r}]"
            if validation in self
            else "Give fit what it is measured of: validation=, metrics=",
        )

    def __str__(self) -> str:
        return ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.items() if values)

    def record(self, **figures: float) -> None:
        """Add an epoch; missing figures, then or before, are NaN.

        >>> history = History()
        >>> history.record(loss=3.0)
        >>> history.record(loss=1.0, accuracy=0.5)
        >>> history
        {'loss': [3.0, 1.0], 'accuracy': [nan, 0.5]}
        """
        values = {name: _as_figure(name, figure) for name, figure in figures.items()}
        epochs = self.epochs
        for name in values:
            self.setdefault(name, [math.nan] * epochs)
        for name in self:
            self[name].append(values.get(name, math.nan))

    @property
    def epochs(self) -> int:
        """How many are recorded."""
        return max(map(len, self.values()), default=0)

    def frame(self) -> Any:
        """A pandas data frame, with a row for each epoch, counted from 0, and a column per figure.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        with needed("frame of a History", "pandas", "pandas"):
            import pandas as pd
        return pd.DataFrame(dict(self)).rename_axis("epoch")

    def _repr_html_(self) -> str:
        """A table for notebooks: the first epochs and the last, and why training ended."""
        rows = [
            [f"{epoch + 1}", *(f"{values[epoch]:.4g}" for values in self.values())]
            for epoch in range(self.epochs)
        ]
        if self.epochs > 2 * ENDS + 1:
            rows[ENDS:-ENDS] = [["…"] * (1 + len(self))]
        return html_table(["epoch", *self], rows, caption=self.stop_reason)

    def as_arrays(self) -> dict[str, Any]:
        """The lists as arrays, in a plain dict.

        >>> History(loss=[3.0, 1.0]).as_arrays()
        {'loss': array([3., 1.])}
        """
        return {name: np.array(values, dtype=float) for name, values in self.items()}


def _as_figure(name: str, figure: Any) -> float:
    """A number as Python's; NaN and infinities are numbers here."""
    number = number_in(figure)
    if number is None:
        raise UnsupportedError(
            f"record of {name}={describe_one(figure)}",
            "that is no number",
            f"Give one, such as {name}=loss.item()",
        )
    return number


def number_in(figure: Any) -> float | None:
    """A number, also of NumPy's, or an array or tensor with one entry, as Python's; else None."""
    value = getattr(figure, "item", lambda: figure)() if getattr(figure, "size", 1) == 1 else figure
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


tell_of(
    History,
    {
        **dict.fromkeys(["history", "loss"], 'history["loss"]'),
        "val_loss": 'history["validation_loss"]',
        "epoch": "range(history.epochs)",
        "to_frame": "history.frame()",
    },
    "a history",
)
