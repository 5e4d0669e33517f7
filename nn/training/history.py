"""What training recorded."""

from __future__ import annotations

from typing import Any

import numpy as np


class History(dict[str, list[float]]):
    """The figures of each epoch, by name, in lists with one entry an epoch.

    - "running_loss": the mean over the epoch's samples of the losses of their batches, taken while
      the weights were changing. A loss that is a sum over samples is divided by their number, here
      and below.
    - "loss": of all training samples at the end of the epoch, in evaluation mode; and
      "validation_loss", likewise, if there are validation samples.
    - the metrics, by their names, of the training samples at the end of the epoch; and with
      "validation_" before the name, of the validation samples.

    An epoch that was cut short has no entries. Where `evaluate_every` is above 1, the figures
    that were not measured are NaN.

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

    def __str__(self) -> str:
        return ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.items() if values)

    def as_arrays(self) -> dict[str, Any]:
        """The lists as arrays, in a plain dict.

        >>> History(loss=[3.0, 1.0]).as_arrays()
        {'loss': array([3., 1.])}
        """
        return {name: np.array(values, dtype=float) for name, values in self.items()}
