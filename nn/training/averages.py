"""Callbacks that leave a model with averages of its weights, instead of the last ones."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from autograd_lite.arguments import FRACTION, WHOLE
from autograd_lite.foreign import beside, is_on_card
from autograd_lite.interruption import whole
from autograd_lite.node import plain
from nn.declared import Declared, declared
from nn.module import Module
from nn.schema import ARRAY
from nn.training.callback import Callback, Training, require_same_model


class _Average(Declared, Callback):
    """What averages share: the parameters' averages, by name, in float64.

    `averages` has them; while training goes on the model has its own weights, and in `fit_end` it
    gets the averages. Buffers, such as running statistics, are those of the last weights, also
    after an `EarlyStopping` that is before in the list, and has restored the best ones.
    """

    state_ranges: ClassVar = {"averages": {...: ARRAY}, "count": WHOLE}

    def _set_up(self) -> None:
        self.averages: dict[str, Any] = {}
        """By the parameters' names; empty before the first."""
        self.count = 0
        """Of how many they are."""
        self._buffers: dict[str, Any] = {}

    def fit_start(self, training: Training) -> None:
        """Forget an earlier training."""
        self._buffers = _buffers_of(training.model)
        if training.epoch == 0:
            self.averages, self.count = {}, 0
        if self.averages:
            own = dict(training.model.named_parameters())
            require_same_model(self, "averages", self.averages, own)

    def _take(self, model: Module, share: float) -> None:
        """Move the averages towards the weights, by a share of the difference."""
        with whole():
            for name, parameter in model.named_parameters():
                weights = plain(parameter).astype(float)
                before = self.averages.get(name)
                moved = weights
                if before is not None:
                    before = beside(before, weights)
                    moved = before + share * (weights - before)
                self.averages[name] = moved if is_on_card(moved) else np.array(moved)
            self._buffers = _buffers_of(model)
            self.count += 1

    def fit_end(self, training: Training) -> None:
        """Give the model the averages."""
        if self.averages:
            with whole():
                for name, parameter in training.model.named_parameters():
                    average = self.averages[name].astype(parameter.dtype)
                    parameter.data = beside(average, parameter)
                for name, buffer in training.model.named_buffers():
                    buffer.data = self._buffers.get(name, buffer.data)
            training.history.best_epoch = None


def _buffers_of(model: Module) -> dict[str, Any]:
    return {name: plain(each).copy() for name, each in model.named_buffers()}


class StochasticWeightAveraging(_Average):
    """Leave the model with the mean of its weights after each epoch, from one epoch on.

    Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018.
    Running statistics are not averaged: afterwards call a model with BatchNorm on training data in
    training mode.

    Args:
        first_epoch: the first epoch whose weights count, from 0.

    Raises:
        ArgumentError: it is not a whole number of at least 0.

    >>> import nn
    >>> model, average = nn.Dense(1, 1, rng=0), StochasticWeightAveraging(3)
    >>> X = np.linspace(-1, 1, 32).reshape(32, 1)
    >>> history = nn.fit(model, X, 2 * X, loss=nn.MSELoss(), epochs=5, progress=False, rng=0,
    ...                  optimizer=nn.SGD(model.parameters(), 0.1), callbacks=[average])
    >>> average.count, bool(model.weight.data == average.averages["weight"])
    (2, True)
    """

    first_epoch: int = declared(WHOLE, default=0)

    def epoch_end(self, training: Training) -> None:
        """Take the weights into the mean."""
        if training.epoch >= self.first_epoch:
            self._take(training.model, 1 / (self.count + 1))


class ExponentialMovingAverage(_Average):
    """Leave the model with a moving average of its weights, updated after each step.

    average = decay average + (1 - decay) weights, beginning with those after the first step. Polyak
    and Juditsky, "Acceleration of stochastic approximation by averaging", 1992. Running statistics
    are not averaged.

    Args:
        decay: the share that is kept, from 0 to below 1.

    Raises:
        ArgumentError: it is out of its range.

    >>> import nn
    >>> model, average = nn.Dense(1, 1, rng=0), ExponentialMovingAverage(0.9)
    >>> X = np.linspace(-1, 1, 32).reshape(32, 1)
    >>> history = nn.fit(model, X, 2 * X, loss=nn.MSELoss(), epochs=5, progress=False, rng=0,
    ...                  optimizer=nn.SGD(model.parameters(), 0.1), callbacks=[average])
    >>> average.count, bool(model.weight.data == average.averages["weight"])
    (5, True)
    """

    decay: float = declared(FRACTION, default=0.999)

    def batch_end(self, training: Training) -> None:
        """Move towards the weights."""
        self._take(training.model, 1 - self.decay)
