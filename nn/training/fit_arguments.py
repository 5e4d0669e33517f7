"""What `nn.fit` is given besides samples, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import require_takes
from autograd_lite.engine import backward_order
from autograd_lite.errors import ArgumentError, GradientError, UnsupportedError, describe_one
from autograd_lite.names import parameters_of
from autograd_lite.node import plain
from autograd_lite.pullback import is_live_leaf, requires_grad
from autograd_lite.trees import leaves_of
from nn.layers.normalization import BatchNorm1d
from nn.losses.loss import Loss
from nn.losses.loss_function import is_of_the_whole, losses_in
from nn.members import Parameter
from nn.module import Module, named_by
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.schedules import Schedule
from nn.training.callback import HOOKS, Callback
from nn.training.checkpoint import Checkpoint
from nn.training.comparing import takes_targets_first, targets_first
from nn.training.metrics import Metric, accuracy

OWN_STEP = "Write def step(training, batch), and return the loss"
RESERVED = ("loss", "running_loss")
"""The figures of each training, which no metric may be called."""


def optimizers_of(optimizer: Any, step: Any) -> Any:
    """Optimizers by name, or what is none; several are for a step of one's own."""
    if not isinstance(optimizer, Mapping):
        return {"": optimizer}
    reason = ""
    if step is None:
        reason = "several optimizers are for a step that says when each takes its own"
    elif not optimizer or not all(isinstance(name, str) for name in optimizer):
        reason = "there is none, or a name is no text"
    if reason:
        raise UnsupportedError(
            f"fit with optimizer={describe_one(optimizer)}",
            reason,
            "Give one optimizer; or several by name, and step=function of (training, batch)",
        )
    return dict(optimizer)


def require_accumulated(loss: Any, accumulate: int) -> None:
    """Raise if batches cannot be put together to what their loss is of them all."""
    if accumulate > 1 and is_of_the_whole(loss):
        raise UnsupportedError(
            f"fit with {describe_one(loss)} and accumulate={accumulate}",
            "the loss of several batches together is not the mean of their losses: it is a root, "
            "or labels do not count alike",
            'Give it reduction="sum", or MSELoss for RMSELoss; or give fit class_weight, or a '
            "larger batch_size",
        )


def require_step(step: Any, accumulate: int, client: Any) -> None:
    """Raise unless it is None, or a function and there is nothing that it would have to do."""
    if client is not None and (step is not None or accumulate > 1):
        raise UnsupportedError(
            "fit with a client, and step or accumulate",
            "workers compute the usual step, in parts",
            "Leave out one of them",
        )
    if step is None:
        return
    attempted = f"fit with step={describe_one(step)}"
    require_takes(step, 2, attempted, OWN_STEP)
    if accumulate > 1:
        raise ArgumentError(
            f"fit with a step and accumulate={accumulate}",
            "a step of one's own says itself when an optimizer takes its step",
            "Leave out accumulate, and call optimizer.step() in every so many batches",
        )


def trained_parameters(
    model: Any, loss: Any, optimizer: Any, attempted: str = "fit"
) -> list[Parameter]:
    """The model's parameters; an error unless there is something to learn."""
    if not isinstance(model, Module) or not isinstance(optimizer, Optimizer):
        wrong = "optimizer" if isinstance(model, Module) else "module"
        raise UnsupportedError(
            f"{attempted} of {describe_one(model)} with optimizer={describe_one(optimizer)}",
            f"it trains a module with an optimizer, and that is no {wrong}",
            "Give an nn.Module, and an optimizer such as nn.Adam(model.parameters())",
        )
    for each in losses_in(loss):
        if parameters_of(each)[:1] == ["y_true"]:
            raise targets_first(attempted, each)
    if callable(loss) and "weights" not in parameters_of(loss):
        described = f"{attempted} with loss={describe_one(loss)}"
        require_takes(loss, 2, described, "Write def loss(predictions, targets)")
    parameters = model.parameters()
    if set(parameters).isdisjoint(optimizer.parameters):
        kind = type(optimizer).__name__
        raise ArgumentError(
            f"{attempted} of {type(model).__name__}",
            f"{kind} holds none of its parameters, so that nothing would be learned",
            f"Write {kind}(model.parameters(), ...)",
        )
    require_none_exchanged(attempted, model, optimizer)
    return parameters


def require_none_exchanged(attempted: str, model: Module, optimizer: Optimizer) -> None:
    """Raise if an optimizer has a parameter that the model had, and not the one in its place."""
    own, held = dict(model.named_parameters()), {*optimizer.parameters}
    modules = {id(module) for _, module in model.named_modules()}  # A dataclass has no hash.
    had = [x for x in held - {*own.values()} if id(named_by.get(id(x))) in modules]
    exchanged = [x.name for x in had if x.name in own and own[x.name] not in held]
    if exchanged:
        kind = type(optimizer).__name__
        raise ArgumentError(
            f"{attempted} of {type(model).__name__}",
            f"{kind} has {', '.join(sorted(map(str, exchanged)))} as it was before another one was "
            "put in its place, which would not be trained",
            f"Make the optimizer afterwards: {kind}(model.parameters(), ...)",
        )


def require_no_single_sample(model: Module, n: int, batch_size: int) -> None:
    """Raise if a batch will have one sample where its variance is needed."""
    if (n % batch_size or batch_size) != 1:
        return
    layers = [name for name, module in model.named_modules() if isinstance(module, BatchNorm1d)]
    if layers:
        named = ", ".join(filter(None, layers))
        raise ArgumentError(
            f"fit with {n} training samples and batch_size={batch_size}",
            "the last batch of an epoch would have a single sample, which has no variance for "
            f"BatchNorm1d {named}".rstrip(),
            "Choose a batch size of 2 or more that leaves no single sample over",
        )


def require_known_parameters(
    attempted: str, model: Module, optimizers: Iterable[Optimizer], computed: Any, batch: Any
) -> None:
    """Raise if what is computed depends on what could be trained, and is neither trained nor saved.

    The samples, and the variables of derivatives that are a part of the computation, need not be.
    """
    known: set[Tensor] = {*model.parameters()}
    known.update(*[each.parameters for each in optimizers])
    samples = [plain(leaf) for leaf in leaves_of(batch)]
    for node in backward_order(*filter(requires_grad, leaves_of(computed))):
        is_known = node in known or not is_live_leaf(node)
        if not is_known and not any(np.may_share_memory(node._array, leaf) for leaf in samples):
            raise UnsupportedError(
                f"{attempted} of {type(model).__name__}",
                f"its predictions, or its loss, depend on {describe_one(node)}, which requires "
                "grad, and is none of its parameters: it would be neither trained nor saved",
                "Keep the module that it is in among the attributes of the model, or in lists, "
                "tuples and dicts there; or freeze it, by requires_grad = False. Of what is only "
                "differentiated in, write the gradient as autograd_lite.grad(f)(x)",
            )


def require_depending(attempted: str, model: Module, loss: Tensor) -> None:
    """Raise if a loss depends on nothing that could be trained."""
    if not loss.requires_grad:
        raise GradientError(
            f"{attempted} of {type(model).__name__}",
            "its loss depends on no parameter that requires grad: all are frozen, or what is "
            "computed in `forward` or the loss is detached from them",
            "Set parameter.requires_grad = True, and compute with tensors, outside of no_grad()",
        )


def checked_metrics(metrics: Any, loss: Any) -> dict[str, Metric]:
    """Functions of predictions and targets by name, none by default.

    The threshold of `accuracy` is that of a loss of `nn`.
    """
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
    return {name: _as_called(metric, loss) for name, metric in metrics.items()}


def _as_called(metric: Metric, loss: Any) -> Metric:
    if metric is accuracy and isinstance(loss, Loss):
        return partial(accuracy, threshold=loss.threshold)
    if takes_targets_first(metric):
        return partial(_with_targets_first, metric)
    return metric


def _with_targets_first(metric: Metric, predictions: Any, targets: Any) -> float:
    return metric(targets, predictions)


def checked_callbacks(callbacks: Any) -> list[Callback]:
    """The callbacks, checkpoints last: they save what the others have done."""
    listed = callbacks if isinstance(callbacks, list | tuple) else [None]
    others = [callback for callback in listed if not isinstance(callback, Callback)]
    if others:
        remedy = "Write callbacks=[nn.EarlyStopping()]"
        if isinstance(others[0], Schedule):
            remedy = "Give it to the optimizer as its learning rate, or nn.LRSchedule(schedule)"
        elif callable(others[0]) and not isinstance(others[0], type):
            remedy = "Write a class of nn.Callback, with def epoch_end(self, training)"
        raise UnsupportedError(
            f"fit with callbacks={callbacks!r}",
            "that is no list of instances of nn.Callback",
            remedy,
        )
    for callback in callbacks:
        for hook in HOOKS:
            attempted = f"fit with {type(callback).__name__}.{hook}"
            require_takes(
                getattr(callback, hook), 1, attempted, f"Write def {hook}(self, training)"
            )
    if len({id(callback) for callback in callbacks}) < len(callbacks):
        raise ArgumentError(
            f"fit with callbacks={callbacks!r}",
            "one of them is in the list twice, and each of its hooks would be called twice",
            "Give each callback once",
        )
    return sorted(callbacks, key=lambda callback: isinstance(callback, Checkpoint))
