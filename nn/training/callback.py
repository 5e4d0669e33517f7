"""What all callbacks share: the hooks of a training, and how far it has come."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.names import tell_of
from nn.declared import Closed, unknown_attribute
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.schema import Schema, misfits, require_fitting
from nn.training.history import History


@dataclass(eq=False, slots=True)
class Training:
    """The state of a training: what `nn.fit` gives to callbacks, and to a step of your own.

    - `model`, `optimizer` (or several, in `optimizers`, by name), `history`, `callbacks`, and
      `rng`, which shuffles.
    - `epoch` and `batch`: where it is, both counted from 0; `epochs`: how many are to be done.
      In `fit_start` and `fit_end`, `epoch` is how many are done.
    - `batch_loss`: the loss of the last batch.
    - `evaluated`: in `epoch_end`, whether the epoch's figures were measured.
    - `stop_reason`: text that stops the training after this batch or epoch, once it is set, as in
      `training.stop_reason = "good enough"`; in `fit_end`, why it ended.
    - `interrupted`: whether Ctrl-C ended it.
    """

    model: Module
    optimizer: Optimizer
    rng: np.random.Generator
    """What shuffles."""
    history: History
    """The epochs done; before the first one each figure has an empty list."""
    epochs: int
    """How many are to be done, in all."""
    callbacks: Sequence[Callback] = ()
    arguments: dict[str, Any] = field(default_factory=dict)
    """Those of `fit` that a run which goes on from a checkpoint has to share."""
    epoch: int = 0
    """Of the batch or epoch that a hook is called for, counted from 0; in `fit_start` and
    `fit_end` how many epochs are done."""
    batch: int = 0
    """Within its epoch, counted from 0."""
    evaluated: bool = True
    """In `epoch_end`, whether the epoch's figures were measured; else all but "running_loss" are
    NaN, see `evaluate_every` of `nn.fit`."""
    batch_loss: float = math.nan
    """Of the last batch, as the loss function reduces it."""
    stop_reason: str | None = None
    """A callback that sets it stops the training after the batch, or the epoch. In `fit_end` it
    says why training ended."""
    interrupted: bool = False
    """By Ctrl-C, or a KeyboardInterrupt."""
    optimizers: Mapping[str, Optimizer] = field(default_factory=dict)
    """Those that `fit` was given, by name. `optimizer` is the first one, and in `gradients` that
    whose step it is."""
    reserved: frozenset[str] | None = None
    """With a step of one's own, the figures that `fit` measures: the history may get others. Else
    None."""

    def __post_init__(self) -> None:
        if not self.optimizers:
            self.optimizers = {"": self.optimizer}

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            object.__setattr__(self, name, value)
        except AttributeError:
            raise unknown_attribute(self, name, value) from None


STOP = 'training.stop_reason = "good enough"'
ATTRIBUTES = {
    **dict.fromkeys(("stop_training", "should_stop", "should_training_stop", "terminate"), STOP),
    **dict.fromkeys(("current_epoch", "epoch_index"), "training.epoch, which counts from 0"),
    **dict.fromkeys(("max_epochs", "n_epochs", "num_epochs"), "training.epochs"),
    **dict.fromkeys(("logs", "metrics", "callback_metrics"), 'training.history["loss"][-1]'),
    **dict.fromkeys(("lr", "learning_rate"), "training.optimizer.learning_rate"),
    **dict.fromkeys(("net", "network", "module"), "training.model"),
    "loss": "training.batch_loss",
}
"""Attributes of other libraries' trainers, and what to write for each."""
tell_of(Training, ATTRIBUTES, "a training")


def place_of(training: Training) -> str:
    """The epoch and the batch that it is in, in words."""
    return f"epoch {training.epoch + 1}, batch {training.batch + 1}"


HOOKS = ("fit_start", "gradients", "batch_end", "epoch_end", "fit_end")
ELSEWHERE = {
    **dict.fromkeys(("on_train_begin", "on_train_start", "on_fit_start", "setup"), "fit_start"),
    **dict.fromkeys(("on_after_backward", "on_before_optimizer_step"), "gradients"),
    **dict.fromkeys(("on_batch_end", "on_train_batch_end"), "batch_end"),
    **dict.fromkeys(("on_epoch_end", "on_train_epoch_end", "on_validation_epoch_end"), "epoch_end"),
    **dict.fromkeys(("on_train_end", "on_fit_end", "teardown"), "fit_end"),
}
"""What hooks are called in Keras, Lightning and skorch."""


class Callback(Closed):
    """Base of callbacks: hooks that do nothing, of which a subclass defines those it needs.

    >>> import nn
    >>> class TimeOfBest(Callback):
    ...     def epoch_end(self, training):
    ...         losses = training.history["loss"]
    ...         self.epoch = losses.index(min(losses))
    >>> model, callback = nn.Dense(1, 1, rng=0), TimeOfBest()
    >>> X = np.linspace(-1, 1, 32).reshape(32, 1)
    >>> history = nn.fit(model, X, 2 * X, loss=nn.MSELoss(), epochs=5, progress=False, rng=0,
    ...                  optimizer=nn.SGD(model.parameters(), 0.1), callbacks=[callback])
    >>> callback.epoch
    4
    """

    state_ranges: ClassVar[dict[str, Schema]] = {}
    """The attributes that a state has, and what each may be there: a range, such as
    `autograd_lite.arguments.WHOLE`; in a list for lists of those; in a dict for dicts, by name, or
    under `...` for all names."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name in ELSEWHERE.keys() & vars(cls):
            hook = ELSEWHERE[name]
            raise UnsupportedError(
                f"class {cls.__name__} with a method {name}",
                "nothing would call it: that is the name of a hook of other libraries",
                f"Write def {hook}(self, training)",
            )

    def fit_start(self, training: Training) -> None:
        """Before the first batch; an error refuses the training, and `fit_end` is not called.

        When a run resumes from a checkpoint, the state is loaded and `training.epoch` is not 0.
        """

    def gradients(self, training: Training) -> None:
        """After backward, and before each step of `training.optimizer`."""

    def batch_end(self, training: Training) -> None:
        """After the optimizer's step."""

    def epoch_end(self, training: Training) -> None:
        """After an epoch, whose figures are in the history."""

    def fit_end(self, training: Training) -> None:
        """At the end, even after an interruption or an error, also of another `fit_end`."""

    def __repr__(self) -> str:
        names = inspect.signature(type(self)).parameters
        kept = [name for name in names if name in vars(self)]
        arguments = ", ".join(f"{name}={describe_one(getattr(self, name))}" for name in kept)
        return f"{type(self).__name__}({arguments})"

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on needs: numbers, text, arrays, and lists and dicts of them."""
        return {name: copy.deepcopy(getattr(self, name)) for name in self.state_ranges}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; an ArgumentError if it is of something else."""
        if self.state_ranges:
            require_fitting(self, misfits(state, self.state_ranges))
        for name in self.state_ranges:
            setattr(self, name, copy.deepcopy(state[name]))


def newest(callback: Callback, monitor: str, training: Training) -> float | None:
    """The epoch's figure of that name, which the history has to record; None if not measured."""
    require_figure(callback, monitor, training)
    measured = training.evaluated or monitor == "running_loss"
    return training.history[monitor][-1] if measured else None


def require_same_model(callback: Callback, what: str, kept: Any, own: Any) -> None:
    """Raise an ArgumentError unless arrays by name are of a model with those."""
    shapes, shapes_kept = ({name: each.shape for name, each in x.items()} for x in (own, kept))
    if shapes != shapes_kept:
        raise ArgumentError(
            f"{type(callback).__name__} of a training that goes on",
            f"its {what} are {shapes_kept}, and the model's are {shapes}",
            "Give a checkpoint of a model built the same way",
        )


def require_figure(
    callback: Callback, monitor: str, training: Training, later: bool = False
) -> None:
    """Raise an ArgumentError unless the history records what is monitored.

    If that may come `later`, it need not, with a step of one's own, before the first epoch.
    """
    if monitor not in training.history and not (later and training.reserved):
        remedy, here = "Monitor one of them", monitor.replace("val_", "validation_")
        if here in training.history:
            remedy = f"Write monitor={here!r}"
        elif here.startswith("validation_"):
            remedy += ", or give fit validation data"
        raise ArgumentError(
            f"{type(callback).__name__} with monitor={monitor!r}",
            f"the figures of this training are {', '.join(training.history)}",
            remedy,
        )
