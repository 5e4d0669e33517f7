"""What `nn.fit` is given besides samples, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from nn.callback_base import Callback
from nn.checkpoint import Checkpoint
from nn.layers import COUNT
from nn.module import Module
from nn.optim import Optimizer

Metric = Callable[[Any, Any], float]

RESERVED = ("loss", "running_loss")
"""The figures of each training, which no metric may be called."""


def require_trainable(model: Any, loss: Any, optimizer: Any, counts: Mapping[str, Any]) -> None:
    """Raise unless there is something to learn."""
    if not isinstance(model, Module) or not isinstance(optimizer, Optimizer):
        raise UnsupportedError(
            f"fit of {describe_one(model)} with optimizer={describe_one(optimizer)}",
            "it trains a module with an optimizer, and one of them is something else",
            "Give an nn.Module, and an optimizer such as nn.Adam(model.parameters())",
        )
    if isinstance(loss, type) or not callable(loss):
        raise UnsupportedError(
            f"fit with loss={describe_one(loss)}",
            "it is no function of predictions and targets",
            f"Write loss={loss.__name__}()" if isinstance(loss, type) else "Write nn.MSELoss()",
        )
    if not set(model.parameters()) & set(optimizer.parameters):
        raise ArgumentError(
            f"fit of {type(model).__name__}",
            "the optimizer holds none of its parameters, so that nothing would be learned",
            f"Write {type(optimizer).__name__}(model.parameters(), ...)",
        )
    for name, count in counts.items():
        if not COUNT.holds(count):
            raise ArgumentError(
                f"fit with {name}={count!r}", "there is nothing to train", f"Give {COUNT.wanted}"
            )


def checked_metrics(metrics: Any) -> Mapping[str, Metric]:
    """Functions by name, none by default."""
    metrics = {} if metrics is None else metrics
    if not isinstance(metrics, Mapping) or not all(map(callable, metrics.values())):
        raise UnsupportedError(
            "fit with metrics",
            f"{metrics!r} is no dict of functions",
            'Write {"accuracy": nn.accuracy}',
        )
    for name in metrics:
        if not isinstance(name, str) or name in RESERVED or name.startswith("validation_"):
            raise ArgumentError(
                f"fit with a metric {name!r}", "that is the name of another figure", "Rename it"
            )
    return metrics


def checked_callbacks(callbacks: Any) -> list[Callback]:
    """The callbacks, checkpoints last: they save what the others have done."""
    listed = isinstance(callbacks, list | tuple)
    if not listed or not all(isinstance(callback, Callback) for callback in callbacks):
        raise UnsupportedError(
            f"fit with callbacks={callbacks!r}",
            "that is no list of instances of nn.Callback",
            "Write callbacks=[nn.EarlyStopping()]",
        )
    return sorted(callbacks, key=lambda callback: isinstance(callback, Checkpoint))
