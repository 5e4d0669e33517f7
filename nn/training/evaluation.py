"""Using a model as it is: predictions and figures, in evaluation mode and without recording."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_lite import Tensor, no_grad
from autograd_lite.arguments import COUNT, as_array, require
from autograd_lite.errors import (
    ArgumentError,
    AutogradError,
    ShapeError,
    UnsupportedError,
    describe_one,
)
from autograd_lite.node import plain
from nn.left_alone import call_left_alone
from nn.losses.loss import Loss
from nn.module import Module, require_model
from nn.training.metrics import Metric
from nn.training.samples import Samples, floats_in, shared_dtype

EVALUATED_AT_ONCE = 1024
"""Samples that go through the model together at the end of an epoch: few, as their intermediate
results are to stay in the processor's cache."""
REHEARSED = 8
"""Training samples that go through the model before training, to see whether all fits together."""


def predict(model: Module, X: Any, batch_size: int | None = None) -> Any:  # noqa: N803
    """The model's outputs as an array, computed in evaluation mode without recording.

    Args:
        model: what to apply; its mode is as before afterwards.
        X: samples (n, ...). Floats are converted to the dtype of the model's parameters, if all
            have the same.
        batch_size: samples at a time, to save memory; all by default.

    Raises:
        UnsupportedError: the model is no module, or X no array.
        ArgumentError: the batch size is no whole number of at least 1.
        ShapeError: X has no axis of samples, or what the model returns.

    >>> from nn import Dense
    >>> predict(Dense(2, 3, weight_init="zeros"), np.ones((4, 2))).shape
    (4, 3)
    """
    require_model(model, "predict of")
    if batch_size is not None:
        require("predict", "batch_size", batch_size, COUNT)
    X = as_array(X, "predict of X")  # noqa: N806
    if X.ndim == 0:
        raise ShapeError(f"predict of X {describe_one(X)}", "it has no samples", "Give (n, ...)")
    X = floats_in(shared_dtype(model.parameters()), X)  # noqa: N806
    with no_grad(), mode(model, training=False):
        return _outputs(model, X, batch_size or len(X))


def figures(model: Module, samples: Samples) -> dict[str, float]:
    """The figures of the training samples, and those of the validation samples."""
    found: dict[str, float] = {}
    with no_grad(), mode(model, training=False):
        for kind, (X, y, weights) in samples.parts.items():  # noqa: N806
            predictions = _outputs(model, X, EVALUATED_AT_ONCE)
            loss = samples.loss_of(Tensor(predictions), y, weights)
            measured = _measured(samples, loss, predictions, y)
            found |= {kind + name: figure for name, figure in measured.items()}
    return found


def rehearse(model: Module, samples: Samples) -> None:
    """Compute all figures before training, so that what does not fit together is found now.

    The predictions of a few training samples stand for those of all, so that loss and metrics see
    all targets. Nothing is changed.
    """

    def measure(rewind: object) -> None:
        model.eval()
        for kind, (X, y, weights) in samples.parts.items():  # noqa: N806
            few = X if kind else X[:REHEARSED]
            predictions = _outputs(model, few, EVALUATED_AT_ONCE)
            if len(predictions) == len(few) < len(y):
                predictions = np.resize(predictions, (len(y), *predictions.shape[1:]))
            if np.isfinite(predictions).all():  # otherwise the first batch is named
                loss = _rehearsed_loss(samples, Tensor(predictions), y, weights)
                _measured(samples, loss, predictions, y)

    with no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call_left_alone(measure, model, samples.loss, samples.metrics)


def _rehearsed_loss(samples: Samples, predictions: Tensor, y: Any, weights: Any) -> Any:
    loss = samples.loss
    if weights is None and isinstance(loss, Loss) and loss.reduction == "mean" and predictions.size:
        if type(loss).__call__ is Loss.__call__:
            # Some means of their own look at targets only when they become negative.
            return Loss.mean(loss, predictions, y)
    return samples.loss_of(predictions, y, weights)


def _measured(samples: Samples, loss: Any, predictions: Any, y: Any) -> dict[str, float]:
    require_scalar(loss)
    measured = {"loss": samples.per_sample(loss.item(), len(y))}
    for name, metric in samples.metrics.items():
        measured[name] = _figure(name, metric, predictions, y)
    return measured


def _figure(name: str, metric: Metric, predictions: Any, y: Any) -> float:
    try:
        return float(metric(predictions, y))
    except AutogradError:
        raise
    except (TypeError, ValueError) as error:
        kind = UnsupportedError if isinstance(error, TypeError) else ArgumentError
        raise kind(
            f"fit with the metric {name!r} of predictions {describe_one(predictions)} and "
            f"targets {describe_one(y)}",
            f"{type(error).__name__}: {error}".rstrip(".\n"),
            "Give a function that makes one number of what the model returns and the targets, "
            "such as lambda predictions, targets: abs(predictions - targets).mean()",
        ) from error


def require_scalar(loss: Any) -> None:
    """Raise an UnsupportedError unless what a loss returned can be differentiated."""
    if not isinstance(loss, Tensor) or loss.size != 1:
        raise UnsupportedError(
            f"fit with a loss that returned {describe_one(loss)}",
            "what is differentiated is a tensor with a single entry",
            "Return the mean over the batch, computed from the predictions as they are; a loss of "
            'nn with reduction="none" is for weights',
        )


def _outputs(model: Module, X: Any, batch_size: int) -> Any:  # noqa: N803
    starts = range(0, max(len(X), 1), max(batch_size, 1))
    outputs = [plain(model(X[start : start + batch_size])) for start in starts]
    if np.ndim(outputs[0]) == 0:
        raise ShapeError(
            f"{type(model).__name__} of {describe_one(X)}",
            f"it returned {describe_one(outputs[0])}, and no array with a row for each sample",
            "Return predictions (n, ...) from forward",
        )
    return np.concatenate(outputs)


@contextmanager
def mode(model: Module, training: bool) -> Iterator[list[Module]]:
    """Switch the mode, and restore that of every module inside, which it gives, afterwards."""
    before = [(module, module.training) for _, module in model.named_modules()]
    model.train(training)
    try:
        yield [module for module, _ in before]
    finally:
        for module, was_training in before:
            # Past Module.__setattr__, which looks for parameters.
            vars(module)["training"] = was_training
