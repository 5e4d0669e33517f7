"""Trainings that are only tried: what learning rate, and whether a batch can be learned at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, POSITIVE, require
from autograd_lite.errors import ArgumentError, GradientError
from autograd_lite.names import explains_keywords
from autograd_lite.read_only import refusing_writes
from autograd_lite.trees import leaves_of
from nn.left_alone import call_left_alone
from nn.losses.loss_function import loss_function
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.random_state import generator
from nn.training.comparing import (
    require_distributions,
    require_own_targets,
    require_predictions_first,
)
from nn.training.evaluation import require_scalar
from nn.training.fit_arguments import require_depending, trained_parameters
from nn.training.inputs import called
from nn.training.samples import Samples, prepared, shared_dtype

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from autograd_lite.typing import Labels
    from autograd_lite.typing import Samples as GivenSamples

SMOOTHING = 0.9
"""How much of the mean of the losses before goes into the next one."""
DIVERGED = 4.0
"""By what factor of the lowest loss a trial has gone too far."""


class LearningRateCurve:
    """The losses of steps with rising learning rates: what `nn.find_learning_rate` returns."""

    def __init__(self, learning_rates: list[float], losses: list[float]) -> None:
        self.learning_rates = learning_rates
        """Of the steps, up to where the loss has become much larger than the lowest."""
        self.losses = losses
        """Before the steps."""
        self.smoothed = _smoothed(losses)
        """Means of each loss and those before it, with weights that fall by a tenth a step."""

    @property
    def suggestion(self) -> float:
        """The learning rate from which on the smoothed loss falls most in a tenth of the steps.

        The first tenth is left out, in which the means are of few losses, and what comes after the
        lowest one. NaN if it never falls.
        """
        tenth = len(self.smoothed) // 10
        reliable = np.array(self.smoothed[tenth:])
        falling = reliable[: int(reliable.argmin()) + 1]
        span = max(tenth, 1)
        falls = falling[:-span] - falling[span:]
        return self.learning_rates[tenth + int(falls.argmax())] if len(falls) else math.nan

    def __repr__(self) -> str:
        return (
            f"LearningRateCurve({len(self.losses)} steps from {self.learning_rates[0]:.3g} to "
            f"{self.learning_rates[-1]:.3g}, suggestion={self.suggestion:.3g})"
        )

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the losses over the learning rates, and the suggestion.

        Raises:
            UnsupportedError: `ax` is no axes.
            RenderingError: matplotlib is not installed.
        """
        from viz.figures import drawing

        figure, ax = drawing(ax)
        ax.plot(self.learning_rates, self.losses, color="0.7", label="loss")
        ax.plot(self.learning_rates, self.smoothed, label="smoothed")
        if not math.isnan(self.suggestion):
            label = f"suggestion: {self.suggestion:.2g}"
            ax.axvline(self.suggestion, color="C1", linestyle="--", label=label)
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        ax.set_ylim(top=1.1 * max(self.smoothed))  # the last loss may be many times as large
        ax.legend()
        return figure


def _smoothed(losses: list[float]) -> list[float]:
    """Exponential means, each divided by the sum of its weights."""
    found, total, weight = [], 0.0, 0.0
    for loss in losses:
        total = SMOOTHING * total + (1 - SMOOTHING) * loss
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        found.append(total / weight)
    return found


@explains_keywords
def find_learning_rate(
    model: Module,
    X: GivenSamples,
    y: Labels,
    *,
    loss: str | Callable[..., Tensor],
    optimizer: Optimizer,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    rng: np.random.Generator | int | None = None,
) -> LearningRateCurve:
    """Try steps with rising learning rates, and restore everything.

    After L. Smith, "Cyclical learning rates for training neural networks", 2017. It ends early when
    the smoothed loss exceeds four times its minimum or is no longer finite. The model, the
    optimizer and all generators are restored afterwards.

    Args:
        model, X, y, loss, batch_size: as for `nn.fit`.
        optimizer: takes the steps; its own learning rate is not used.
        lowest, highest: the first and the last learning rate.
        steps: how many there are, 2 or more.
        rng: shuffles, as for `nn.fit`.

    Returns:
        The curve, with its `suggestion`; `plot()` draws it.

    Raises:
        ArgumentError, ShapeError, UnsupportedError: as `nn.fit` does; or the range is empty, or the
            first loss NaN or infinite.
        GradientError: nothing is learned, or the first gradient is NaN or infinite.

    >>> from nn import SGD, Dense
    >>> X = np.linspace(-1, 1, 64).reshape(64, 1)
    >>> model = Dense(1, 1, rng=0)
    >>> curve = find_learning_rate(model, X, 2 * X, loss="mse", rng=0,
    ...                            optimizer=SGD(model.parameters(), 0.1))
    >>> 0.01 < curve.suggestion < 5
    True
    """
    samples = _prepared("find_learning_rate", model, X, y, loss, optimizer)
    require("find_learning_rate", "lowest", lowest, POSITIVE)
    require("find_learning_rate", "highest", highest, POSITIVE)
    require("find_learning_rate", "steps", steps, COUNT)
    require("find_learning_rate", "batch_size", batch_size, COUNT)
    if not lowest < highest or steps < 2:
        raise ArgumentError(
            f"find_learning_rate from lowest={lowest} to highest={highest} in steps={steps}",
            "there is nothing between the first and the last",
            "Give a lowest below the highest, and at least 2 steps",
        )
    rng = generator(rng, "find_learning_rate")
    rates = np.geomspace(lowest, highest, int(steps)).tolist()

    def rise(rewind: object) -> list[float]:
        """The losses before steps with these rates, up to where they diverge."""
        model.train()
        losses: list[float] = []
        epochs = (samples.batches(rng, int(batch_size)) for _ in count())
        for rate, (inputs, targets, *_) in zip(rates, chain.from_iterable(epochs)):
            optimizer.learning_rate = rate
            try:
                losses.append(_stepped(samples, model, optimizer, inputs, targets))
            except GradientError:
                if not losses:
                    raise
                break
            smoothed = _smoothed(losses)
            if not math.isfinite(losses[-1]):
                losses.pop()
                break
            if smoothed[-1] > DIVERGED * min(smoothed):
                break
        return losses

    losses = call_left_alone(rise, model, optimizer, loss, rng)
    if not losses:
        raise ArgumentError(
            f"find_learning_rate of {type(model).__name__}",
            "the loss is NaN or infinite from the first step on",
            "Look for a logarithm or a division of 0 with detect_anomaly()",
        )
    return LearningRateCurve(rates[: len(losses)], losses)


def _stepped(
    samples: Samples, model: Module, optimizer: Optimizer, inputs: Any, targets: Any
) -> float:
    """The loss of a batch before a step that learns from it."""
    predictions, attempted = called(model, inputs), f"a trial of {type(model).__name__}"
    require_own_targets(attempted, samples.loss_of, predictions, targets)
    require_distributions(attempted, samples.loss, predictions)
    require_predictions_first(attempted, samples.loss, predictions, targets)
    loss = samples.loss_of(predictions, targets)
    require_scalar(loss)
    require_depending(attempted, model, loss)
    value: float = loss.item()
    if math.isfinite(value):
        optimizer.zero_grad()
        loss.backward(leaves_only=True)
        optimizer.step(require_finite=True)
    return samples.per_sample(value, len(leaves_of(targets)[0]))


class OverfitReport:
    """Whether a batch was learned: what `nn.overfit_one_batch` returns. True if it was."""

    def __init__(self, losses: list[float], share: float) -> None:
        self.losses = losses
        """Before each step."""
        self.share = share
        """Of the first loss, at which the batch counts as learned."""

    def __bool__(self) -> bool:
        return self.losses[-1] <= self.share * self.losses[0]

    def __repr__(self) -> str:
        first, last = self.losses[0], self.losses[-1]
        went = f"from {first:.4g} to {last:.4g} in {len(self.losses) - 1} steps"
        if self:
            return f"learned: the loss of one batch fell {went}"
        return (
            f"not learned: the loss of one batch went {went}. Look at nn.diagnose(...), at the "
            "learning rate, and whether the targets belong to the samples"
        )


@explains_keywords
def overfit_one_batch(
    model: Module,
    X: GivenSamples,
    y: Labels,
    *,
    loss: str | Callable[..., Tensor],
    optimizer: Optimizer,
    steps: int = 300,
    batch_size: int = 8,
    share: float = 0.1,
) -> OverfitReport:
    """Test whether a model can memorize its first few samples, and restore everything.

    A model that cannot has a fault in its layers, loss, learning rate or data: worth a test before
    a long training. The model, the optimizer and all generators are restored afterwards.

    Args:
        model, X, y, loss, optimizer: as for `nn.fit`.
        steps: the maximum number; it ends as soon as the batch is learned.
        batch_size: how many samples to take from the beginning.
        share: of the initial loss, above 0, at which they count as learned.

    Returns:
        A report that is true if the batch was learned, and says what happened.

    Raises:
        ArgumentError, ShapeError, UnsupportedError: as `nn.fit` does.
        GradientError: nothing is learned, or a gradient is NaN or infinite.

    >>> from nn import Adam, Dense, Sequential
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> model = Sequential(Dense(3, 16, "tanh", rng=0), Dense(16, 1, rng=1))
    >>> bool(overfit_one_batch(model, X, X[:, :1] * X[:, 1:2], loss="mse",
    ...                        optimizer=Adam(model.parameters(), 0.01)))
    True
    """
    samples = _prepared("overfit_one_batch", model, X, y, loss, optimizer)
    require("overfit_one_batch", "steps", steps, COUNT)
    require("overfit_one_batch", "batch_size", batch_size, COUNT)
    require("overfit_one_batch", "share", share, POSITIVE)
    inputs, targets, *_ = next(samples.trained.in_order(int(batch_size)))

    def learn(rewind: object) -> list[float]:
        model.train()
        losses: list[float] = []
        for _ in range(int(steps) + 1):
            losses.append(_stepped(samples, model, optimizer, inputs, targets))
            if not math.isfinite(losses[-1]) or losses[-1] <= share * losses[0]:
                break
        return losses

    with refusing_writes(lambda: f"overfit_one_batch of {type(model).__name__}"):
        losses = call_left_alone(learn, model, optimizer, loss)
    return OverfitReport(losses, float(share))


def _prepared(
    name: str, model: Module, X: GivenSamples, y: Labels, loss: Any, optimizer: Any
) -> Samples:
    loss = loss_function(loss)
    dtype = shared_dtype(trained_parameters(model, loss, optimizer, name))
    return prepared(dtype, X, y, loss)
