"""Training in mini-batches, and what it recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from autograd_lite import Tensor, no_grad
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from nn.module import Module
from nn.optim import Optimizer

Metric = Callable[[Any, Any], float]


class History(dict[str, list[float]]):
    """The figures of each epoch, by name: "loss", "validation_loss" and the metrics.

    "loss" is the mean over the epoch's samples while they were trained on; the others are
    computed at the end of the epoch, in evaluation mode.
    """

    def __str__(self) -> str:
        return ", ".join(f"{name} {values[-1]:.4f}" for name, values in self.items())


def fit(
    model: Module,
    X: Any,  # noqa: N803
    y: Any,
    *,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: tuple[Any, Any] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    progress: bool = True,
    rng: np.random.Generator | int | None = None,
) -> History:
    """Train a model in shuffled mini-batches, the last one of an epoch smaller.

    Args:
        model: what to train; it is in training mode while it learns, and afterwards in the mode
            that it was in before.
        X: samples (n, ...), finite.
        y: targets (n, ...).
        loss: function of predictions and targets, such as `nn.MSELoss()`.
        optimizer: holds the model's parameters.
        epochs: how many times to go through the samples.
        batch_size: samples a step.
        validation: samples and targets that are not trained on.
        metrics: functions of predictions and targets by name, such as `{"accuracy": nn.accuracy}`.
        progress: show one line that is updated.
        rng: a `numpy.random.Generator`, or a seed for one, that shuffles.

    Raises:
        ShapeError: X and y differ in length.
        ArgumentError: X or y contain NaN or infinity, a number is out of its range, or the
            optimizer holds none of the model's parameters.
        UnsupportedError: an argument is of the wrong kind.

    >>> from nn import Adam, Dense, MSELoss
    >>> model = Dense(1, 1, rng=0)
    >>> X = np.linspace(-1, 1, 64).reshape(64, 1)
    >>> history = fit(model, X, 2 * X + 1, loss=MSELoss(), epochs=50, progress=False, rng=0,
    ...               optimizer=Adam(model.parameters(), learning_rate=0.1))
    >>> history["loss"][-1] < 1e-4
    True
    """
    X, y = _checked(X, y, "X", "y")  # noqa: N806
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise UnsupportedError(
                "fit with validation", "it is no pair of samples and targets", "Give (X, y)"
            )
        validation = _checked(*validation, "validation X", "validation y")
    if isinstance(loss, type):
        raise UnsupportedError(
            f"fit with loss={loss.__name__}", "it is a class", f"Write loss={loss.__name__}()"
        )
    if metrics is not None and not isinstance(metrics, Mapping):
        raise UnsupportedError(
            "fit with metrics", f"{metrics!r} is no dict", 'Write {"accuracy": nn.accuracy}'
        )
    if not set(model.parameters()) & set(optimizer.parameters):
        raise ArgumentError(
            f"fit of {type(model).__name__}",
            "the optimizer holds none of its parameters, so that nothing would be learned",
            f"Write {type(optimizer).__name__}(model.parameters(), ...)",
        )
    reserved = {"loss"} & set(metrics or {})
    if reserved:
        raise ArgumentError("fit with a metric 'loss'", "that name is the loss's", "Rename it")
    counts = {"epochs": epochs, "batch_size": batch_size}
    for name, count in counts.items():
        if not isinstance(count, int | np.integer) or count < 1:
            raise ArgumentError(
                f"fit with {name}={count}", "there is nothing to train", "Give at least 1, whole"
            )
    rng = np.random.default_rng(rng)
    history = History()
    with _mode(model, training=True), tqdm(total=epochs, disable=not progress) as bar:
        for _ in range(epochs):
            figures = {"loss": _epoch(model, X, y, loss, optimizer, batch_size, rng)}
            figures |= _evaluate(model, X, y, {}, metrics or {})
            if validation is not None:
                figures |= _evaluate(
                    model, *validation, {"loss": loss}, metrics or {}, "validation_"
                )
            for name, value in figures.items():
                history.setdefault(name, []).append(value)
            bar.set_postfix_str(str(history))
            bar.update()
    return history


def predict(model: Module, X: Any, batch_size: int | None = None) -> Any:  # noqa: N803
    """The model's outputs as an array, computed in evaluation mode without recording.

    Args:
        model: what to apply; its mode is as before afterwards.
        X: samples (n, ...).
        batch_size: samples at a time, to save memory; all by default.

    >>> from nn import Dense
    >>> predict(Dense(2, 3, weight_init="zeros"), np.ones((4, 2))).shape
    (4, 3)
    """
    X = np.asarray(X)  # noqa: N806
    if batch_size is not None and batch_size < 1:
        raise ArgumentError(
            f"predict with batch_size={batch_size}", "it counts samples", "Give at least 1"
        )
    batches = [X] if batch_size is None else np.split(X, range(batch_size, len(X), batch_size))
    with no_grad(), _mode(model, training=False):
        return np.concatenate([_array(model(batch)) for batch in batches])


def _array(result: Any) -> Any:
    return result.data if isinstance(result, Tensor) else result


def _epoch(
    model: Module,
    X: Any,  # noqa: N803
    y: Any,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Optimizer,
    batch_size: int,
    rng: np.random.Generator,
) -> float:
    """Train on every sample once. Returns the mean loss."""
    order = rng.permutation(len(X))
    total = 0.0
    for start in range(0, len(X), batch_size):
        batch = order[start : start + batch_size]
        batch_loss = loss(model(X[batch]), y[batch])
        optimizer.zero_grad()
        batch_loss.backward(leaves_only=True)
        optimizer.step()
        total += batch_loss.item() * len(batch)
    return total / len(X)


def _evaluate(
    model: Module,
    X: Any,  # noqa: N803
    y: Any,
    losses: Mapping[str, Callable[[Any, Any], Tensor]],
    metrics: Mapping[str, Metric],
    prefix: str = "",
) -> dict[str, float]:
    if not losses and not metrics:
        return {}
    predictions = predict(model, X)
    figures = {name: loss(Tensor(predictions), y).item() for name, loss in losses.items()}
    figures |= {name: float(metric(predictions, y)) for name, metric in metrics.items()}
    return {prefix + name: value for name, value in figures.items()}


@contextmanager
def _mode(model: Module, training: bool) -> Iterator[None]:
    """Switch the mode, and restore that of every module inside afterwards."""
    before = [(module, module.training) for _, module in model.named_modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


def _checked(X: Any, y: Any, X_name: str, y_name: str) -> tuple[Any, Any]:  # noqa: N803
    X, y = np.asarray(X), np.asarray(y)  # noqa: N806
    for name, array in ((X_name, X), (y_name, y)):
        if array.dtype.kind not in "fiub":
            raise UnsupportedError(
                f"fit with {name} {describe_one(array)}",
                f"its dtype {array.dtype} is none of real numbers",
                "Encode it as numbers",
            )
    if X.ndim == 0 or X.shape[:1] != y.shape[:1] or len(X) == 0:
        raise ShapeError(
            f"fit with {X_name} {describe_one(X)} and {y_name} {describe_one(y)}",
            "there are no samples, or the numbers of samples, the lengths of axis 0, differ",
            "Give one target for each sample",
        )
    for name, array in ((X_name, X), (y_name, y)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise ArgumentError(
                f"fit with {name} {describe_one(array)}",
                f"{len(bad)} of its entries are NaN or infinite, "
                f"the first at index {tuple(bad[0].tolist())}",
                "Remove those samples, or fill in numbers",
            )
    return X, y
