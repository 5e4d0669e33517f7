"""What can be done in the course of training: stop, save, watch, change the learning rate.

A callback is a subclass of `Callback`, given to `nn.fit(..., callbacks=[...])`. Its hooks are
called in the order of the list, except that a `Checkpoint` comes last, so that it saves what the
others have done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, NOT_NEGATIVE, TEXT, WHOLE, one_of, optional
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from nn.declared import Declared, Field, declared
from nn.optimizers.clipping import LIMIT, clip_gradient_norm, clip_gradient_value
from nn.optimizers.plateau import MODE, ReduceOnPlateau, is_better, worst
from nn.optimizers.schedules import Schedule, Warmup
from nn.schema import ARRAY, FLOAT, equal_to, misfits, require_fitting
from nn.training.callback import (
    Callback,
    Training,
    newest,
    require_figure,
    require_same_model,
)
from nn.training.history import Means

LOSSES = ("loss", "running_loss", "validation_loss")
"""The figures of each training, which it makes lower."""


class EarlyStopping(Declared, Callback):
    """Stop when a figure no longer improves, and always restore the best weights.

    Training stops after `patience` epochs in a row without progress; progress is a figure that is
    better by more than `min_delta` than that of the last progress. At the end, whether or not it
    was stopped, the model gets back the parameters and buffers of the epoch with the best figure,
    even after Ctrl-C or an error. NaN is neither progress nor the best; if all figures are NaN,
    nothing is restored. Assigning `monitor`, `min_delta` or `mode` forgets the best.

    Args:
        patience: epochs to wait, 1 or more; only epochs whose figures are measured count.
        monitor: the figure's name in the history.
        min_delta: what progress has to exceed, 0 or more.
        mode: "min" if lower is better, "max" if higher is. The default is "min" for a figure whose
            name ends in "loss"; for others it has to be given.

    Raises:
        ArgumentError: an option is out of its range, or the mode is missing, or contradicts the
            figure's name; at the start of training, the history has no figure of that name.

    >>> import nn
    >>> model = nn.Dense(1, 1, rng=0)
    >>> X = np.linspace(-1, 1, 32).reshape(32, 1)
    >>> history = nn.fit(model, X, 2 * X, loss=nn.MSELoss(), epochs=100, progress=False, rng=0,
    ...                  optimizer=nn.SGD(model.parameters(), 0.1),
    ...                  callbacks=[EarlyStopping(patience=2, monitor="loss", min_delta=0.01)])
    >>> history.best_epoch, history.stop_reason
    (22, 'for 2 epochs loss was not lower than 0.0375126 by more than 0.01')
    """

    patience: int = declared(COUNT, default=10)
    monitor: str = declared(TEXT, default="validation_loss")
    min_delta: float = declared(NOT_NEGATIVE, default=0.0)
    mode: Field[str, str | None] = declared(optional(MODE), default=None)

    state_ranges: ClassVar = {
        "monitor": TEXT,  # these two first, as assigning them forgets the others
        "mode": MODE,
        "best_value": FLOAT,
        "progress_value": FLOAT,
        "waited": WHOLE,
        "best_epoch": optional(WHOLE),
        "best_weights": {...: ARRAY},
    }

    def _set_up(self) -> None:
        self._reset()

    def _assign(self, name: str, value: Any) -> None:
        super()._assign(name, value)
        if name != "patience":
            self._reset()

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        checked = super()._checked(values)
        monitor, mode = checked["monitor"], checked["mode"]
        if mode is None and not monitor.endswith("loss"):
            raise ArgumentError(
                f"EarlyStopping with monitor={monitor!r}",
                "that name does not tell whether lower or higher is better",
                'Write mode="max" if higher is better, else mode="min"',
            )
        _require_agreement(self, monitor, mode or "min")
        return {**checked, "mode": mode or "min"}

    def _reset(self) -> None:
        self.best_epoch: int | None = None
        """Counted from 0; None before there is one."""
        self.best_weights: dict[str, Any] = {}
        self.reason: str | None = None
        """Why it stopped the training; None if it did not."""
        self.best_value = self.progress_value = worst(self.mode)
        """Of the figure in the best epoch, and in the one that was progress."""
        self.waited = 0
        """For how many epochs in a row there was no progress."""

    def fit_start(self, training: Training) -> None:
        """Forget an earlier training; one that goes on may have to stop at once."""
        self.reason = None
        if training.epoch == 0:
            self._reset()
        elif self.best_epoch is not None:
            own = training.model.state_dict()
            require_same_model(self, "best weights", self.best_weights, own)
        require_figure(self, self.monitor, training, later=True)
        self._stop_if_waited_enough(training)

    def epoch_end(self, training: Training) -> None:
        """Compare, and keep the weights if they are the best so far."""
        value = newest(self, self.monitor, training)
        if value is None:
            return
        if is_better(value, self.best_value, self.mode):
            self.best_epoch, self.best_weights = training.epoch, training.model.state_dict()
            self.best_value = value
        if is_better(value, self.progress_value, self.mode, self.min_delta):
            self.progress_value, self.waited = value, 0
        else:
            self.waited += 1
            self._stop_if_waited_enough(training)

    def _stop_if_waited_enough(self, training: Training) -> None:
        if self.waited < self.patience or training.stop_reason is not None:
            return
        better = "lower" if self.mode == "min" else "higher"
        margin = f" by more than {self.min_delta:g}" if self.min_delta else ""
        failing = f"not {better} than {self.progress_value:.6g}{margin}"
        if self.best_epoch is None:
            failing = "NaN or infinite"
        epochs = "1 epoch" if self.waited == 1 else f"{self.waited} epochs"
        self.reason = f"for {epochs} {self.monitor} was {failing}"
        training.stop_reason = self.reason

    def fit_end(self, training: Training) -> None:
        """Restore the best weights."""
        if self.best_epoch is not None:
            training.model.load_state_dict(self.best_weights)
            training.history.best_epoch = self.best_epoch

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; an ArgumentError if it is of something else."""
        own = {name: equal_to(getattr(self, name)) for name in ("monitor", "mode")}
        require_fitting(self, misfits(state, self.state_ranges | own))
        super().load_state_dict(state)


class LRSchedule(Declared, Callback):
    """Step a learning-rate schedule after each epoch, or each batch.

    Args:
        schedule: a schedule of the optimizer that is used in training.
        every: "epoch" or "batch".
        monitor: the figure in the history that `ReduceOnPlateau` watches; others need none.

    Raises:
        UnsupportedError: that is not a schedule.
        ArgumentError: `every` is neither; the schedule needs a figure, which belongs to an epoch,
            after each batch; or its mode contradicts the figure's name. At the start of training:
            the schedule belongs to another optimizer, or the history lacks the figure.

    >>> import nn
    >>> model = nn.Dense(1, 1, rng=0)
    >>> optimizer = nn.SGD(model.parameters(), learning_rate=0.5)
    >>> X = np.linspace(-1, 1, 32).reshape(32, 1)
    >>> history = nn.fit(model, X, 2 * X, loss=nn.MSELoss(), epochs=3, progress=False, rng=0,
    ...                  optimizer=optimizer,
    ...                  callbacks=[LRSchedule(nn.ExponentialDecay(optimizer, factor=0.5))])
    >>> optimizer.learning_rate
    0.0625
    """

    schedule: Schedule = declared()
    every: str = declared(one_of("epoch", "batch"), default="epoch")
    monitor: str = declared(TEXT, default="validation_loss")

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        schedule = values["schedule"]
        if not isinstance(schedule, Schedule):
            raise UnsupportedError(
                f"LRSchedule of {describe_one(schedule)}",
                "it is no schedule",
                "Give one, such as nn.CosineAnnealing(optimizer, steps=100)",
            )
        plateau = _plateau(schedule)
        if plateau is not None:
            if values["every"] == "batch":
                raise ArgumentError(
                    "LRSchedule of ReduceOnPlateau with every='batch'",
                    "it looks at a figure of the epoch",
                    "Leave out every='batch'",
                )
            _require_agreement(self, values["monitor"], plateau.mode)

    def told(self) -> str:
        """What it does to learning rates, in words."""
        figure = "" if _plateau(self.schedule) is None else f" by {self.monitor}"
        return f"{self.schedule.told()} each {self.every}{figure}"

    def fit_start(self, training: Training) -> None:
        """Refuse what cannot work."""
        if all(self.schedule.optimizer is not each for each in training.optimizers.values()):
            raise ArgumentError(
                f"fit with LRSchedule of {type(self.schedule).__name__}",
                "the schedule is of another optimizer",
                "Make it from the one that fit is given",
            )
        if _plateau(self.schedule) is not None:
            require_figure(self, self.monitor, training, later=True)

    def batch_end(self, training: Training) -> None:
        """Step, if that is after each batch."""
        if self.every == "batch":
            self.schedule.step()

    def epoch_end(self, training: Training) -> None:
        """Step, if that is after each epoch."""
        if self.every == "batch":
            return
        if _plateau(self.schedule) is None:
            self.schedule.step()
        elif (value := newest(self, self.monitor, training)) is not None:
            self.schedule.step(value)

    def state_dict(self) -> dict[str, Any]:
        """That of the schedule."""
        return self.schedule.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.schedule.load_state_dict(state)


def _plateau(schedule: Schedule | None) -> ReduceOnPlateau | None:
    """The schedule, or the one after a warm-up, if it looks at a figure."""
    if isinstance(schedule, Warmup):
        return _plateau(schedule.then)
    return schedule if isinstance(schedule, ReduceOnPlateau) else None


def _require_agreement(callback: Callback, monitor: str, mode: str) -> None:
    """Raise if the figure's name tells that the other mode is meant."""
    if monitor in LOSSES and mode == "max":
        better = "lower"
    elif monitor.split("_")[-1] == "accuracy" and mode == "min":
        better = "higher"
    else:
        return
    raise ArgumentError(
        f"{type(callback).__name__} with monitor={monitor!r} and mode={mode!r}",
        f"of that figure {better} is better",
        f"Write mode={'min' if mode == 'max' else 'max'!r}, or monitor another figure",
    )


class GradientMonitor(Callback):
    """Record the Euclidean norm of each parameter's gradient, averaged over an epoch's steps.

    `norms` has a list for each learned parameter of the model, by its dotted name, with one entry
    per epoch: what `viz.plot_gradient_flow` draws. A parameter without a gradient in some batch has
    the norm 0 there. Put it before `GradientClipping` to see what is clipped.

    >>> import nn
    >>> model, monitor = nn.Dense(1, 1, rng=0), GradientMonitor()
    >>> X = np.linspace(-1, 1, 32).reshape(32, 1)
    >>> history = nn.fit(model, X, 2 * X, loss=nn.MSELoss(), epochs=3, progress=False, rng=0,
    ...                  optimizer=nn.SGD(model.parameters(), 0.1), callbacks=[monitor])
    >>> {name: len(norms) for name, norms in monitor.norms.items()}
    {'weight': 3, 'bias': 3}
    """

    state_ranges: ClassVar = {"norms": {...: [FLOAT]}}

    @explains_keywords
    def __init__(self) -> None:
        self.norms: dict[str, list[float]] = {}
        self._parameters: dict[str, Tensor] = {}
        self._means = Means()

    def fit_start(self, training: Training) -> None:
        """Find the parameters, and forget an earlier training."""
        optimizers = training.optimizers.values()
        learned = {parameter for each in optimizers for parameter in each.parameters}
        named = training.model.named_parameters()
        self._parameters = {name: parameter for name, parameter in named if parameter in learned}
        self._means = Means()
        if training.epoch == 0:
            self.norms = {name: [] for name in self._parameters}
        schema = {name: [FLOAT] for name in self._parameters}
        require_fitting(self, misfits(self.state_dict(), {"norms": schema}))

    def gradients(self, training: Training) -> None:
        """Add up the norms of a batch."""
        stepped = set(training.optimizer.parameters)
        for name, parameter in self._parameters.items():
            if parameter in stepped:
                gradient = 0.0 if parameter.grad is None else plain(parameter.grad).astype(float)
                self._means.add(name, float(np.linalg.norm(gradient)), 1)

    def epoch_end(self, training: Training) -> None:
        """Record the means."""
        means, self._means = self._means.values(), Means()
        for name in self._parameters:
            self.norms[name].append(means.get(name, 0.0))


class GradientClipping(Declared, Callback):
    """Clip the gradients before each step: see `clip_gradient_norm`, `clip_gradient_value`.

    Args:
        max_norm: of all gradients together, above 0.
        max_value: of each entry, above 0.

    Raises:
        ArgumentError: both or neither of them are given, or it is out of range.

    >>> import nn
    >>> model = nn.Dense(1, 1, weight_init="zeros")
    >>> X = np.ones((4, 1))
    >>> history = nn.fit(model, X, 100 * X, loss=nn.MSELoss(), epochs=1, progress=False,
    ...                  optimizer=nn.SGD(model.parameters(), learning_rate=1.0),
    ...                  callbacks=[GradientClipping(max_value=0.5)])
    >>> model.weight.data
    array([[0.5]])
    """

    max_norm: float | None = declared(optional(LIMIT), default=None)
    max_value: float | None = declared(optional(LIMIT), default=None)

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        max_norm, max_value = values["max_norm"], values["max_value"]
        if (max_norm is None) == (max_value is None):
            raise ArgumentError(
                f"GradientClipping(max_norm={max_norm!r}, max_value={max_value!r})",
                "it clips by the norm or by the value",
                "Give one of them",
            )

    def gradients(self, training: Training) -> None:
        """Clip."""
        if self.max_norm is not None:
            clip_gradient_norm(training.optimizer.parameters, self.max_norm)
        if self.max_value is not None:
            clip_gradient_value(training.optimizer.parameters, self.max_value)
