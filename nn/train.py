"""Training in mini-batches, and using what was trained."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from autograd_lite import Tensor, no_grad
from autograd_lite.errors import (
    ArgumentError,
    GradientError,
    TrainingError,
    UnsupportedError,
    describe_one,
)
from nn import checkpoint
from nn.callback_base import Callback, Training
from nn.data import batches
from nn.fit_arguments import Metric, checked_callbacks, checked_metrics, require_trainable
from nn.history import History
from nn.io import FileName
from nn.module import Buffer, Module
from nn.optim import Optimizer
from nn.ranges import is_number
from nn.samples import Samples, prepared

Hook = Callable[[Training], None]

EVALUATED_AT_ONCE = 1024
"""Samples that go through the model together at the end of an epoch: few, as their intermediate
results are to stay in the processor's cache."""


def fit(
    model: Module,
    X: Any,  # noqa: N803
    y: Any,
    *,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: tuple[Any, Any] | float | None = None,
    metrics: Mapping[str, Metric] | None = None,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | str | None = None,
    callbacks: Sequence[Callback] = (),
    resume_from: FileName | None = None,
    progress: bool = True,
    rng: np.random.Generator | int | None = None,
) -> History:
    """Train a model in shuffled mini-batches, the last one of an epoch smaller.

    Ctrl-C ends the training after the batch that it comes in, and what was learned so far is
    returned; a second one raises KeyboardInterrupt. `history.stop_reason` says which it was.

    Args:
        model: what to train; it is in training mode while it learns, and afterwards in the mode
            that it was in before.
        X: samples (n, ...), finite.
        y: targets (n, ...).
        loss: function of predictions and targets, such as `nn.MSELoss()`.
        optimizer: holds the model's parameters.
        epochs: how many times to go through the samples; in all, if training was resumed.
        batch_size: samples a step.
        validation: samples and targets that are not trained on; or the share of X and y, between
            0 and 1, that is drawn for it.
        metrics: functions of predictions and targets by name, such as `{"accuracy": nn.accuracy}`.
        sample_weight: how much each sample counts (n,), 0 or more.
        class_weight: how much each label counts, as a dict, or "balanced" for
            n / (classes * samples of the class). It multiplies the samples' weights, which are
            scaled to a mean of 1 over the training samples. With weights the loss is the mean of
            weight times loss over the samples of a batch: those of `nn` give it whatever their
            reduction, and a function of your own has to return the loss of each sample.
            Validation samples all count the same.
        callbacks: what else to do meanwhile, such as `nn.EarlyStopping()`; see `nn.callbacks`.
        resume_from: a file that `nn.Checkpoint` wrote in a training with the same arguments, to go
            on from there: bit for bit as if it had not been interrupted.
        progress: show one line that is updated.
        rng: a `numpy.random.Generator`, or a seed for one, that shuffles.

    Returns:
        The figures of each epoch, see `nn.History`.

    Raises:
        ShapeError: arrays differ in length.
        ArgumentError: X or y contain NaN or infinity, a number is out of its range, the optimizer
            holds none of the model's parameters, or the checkpoint does not fit.
        UnsupportedError: an argument is of the wrong kind.
        TrainingError: the loss of a batch, or a gradient, became NaN or infinite. Parameters and
            buffers are those before that batch, or with `EarlyStopping` the best ones.

    >>> from nn import Adam, Dense, MSELoss
    >>> model = Dense(1, 1, rng=0)
    >>> X = np.linspace(-1, 1, 64).reshape(64, 1)
    >>> history = fit(model, X, 2 * X + 1, loss=MSELoss(), epochs=50, progress=False, rng=0,
    ...               optimizer=Adam(model.parameters(), learning_rate=0.1))
    >>> history["loss"][-1] < 1e-4
    True
    """
    require_trainable(model, loss, optimizer, {"epochs": epochs, "batch_size": batch_size})
    metrics = checked_metrics(metrics)
    callbacks = checked_callbacks(callbacks)
    saved = None if resume_from is None else checkpoint.read(resume_from)
    rng = np.random.default_rng(rng)
    split_seed = saved.split_seed if saved else _split_seed(validation, rng)
    samples = prepared(X, y, loss, validation, sample_weight, class_weight, split_seed)
    history = History({name: [] for name in _figure_names(samples, metrics)})
    arguments = {"samples": len(samples.X), "batch_size": int(batch_size), "figures": list(history)}
    arguments["split_seed"] = split_seed
    training = Training(model, optimizer, rng, history, epochs, callbacks, arguments)
    if saved:
        saved.restore(training)
    hooks = _hooks(callbacks)
    buffers = [buffer for _, buffer in model.named_buffers()]
    with (
        _mode(model, training=True),
        _ctrl_c(training),
        tqdm(total=epochs, disable=not progress) as bar,
    ):
        bar.update(training.epoch)
        try:
            _call(hooks["fit_start"], training)
            while training.epoch < epochs and training.stop_reason is None:
                running_loss = _train_epoch(training, samples, hooks, buffers)
                if running_loss is None:
                    break
                _record(training, running_loss, _evaluate(model, samples, metrics))
                _call(hooks["epoch_end"], training)
                training.epoch += 1
                if progress:
                    bar.set_postfix_str(str(training.history), refresh=False)
                    bar.update()
        except KeyboardInterrupt:
            _interrupt(training)
        finally:
            _call(hooks["fit_end"], training)
    training.history.stop_reason = training.stop_reason or "every epoch done"
    return training.history


def _train_epoch(
    training: Training,
    samples: Samples,
    hooks: Mapping[str, Sequence[Hook]],
    buffers: Sequence[Buffer],
) -> float | None:
    """Train on every sample once. Returns the mean loss, or None if something cut it short."""
    size = training.arguments["batch_size"]
    shuffled = batches(*samples.training, batch_size=size, rng=training.rng)
    total = 0.0
    for training.batch, (inputs, *targets) in enumerate(shuffled):
        if training.stop_reason is not None:
            return None
        values = [buffer.data.copy() for buffer in buffers]
        try:
            _step(training, samples.loss, inputs, targets, hooks["gradients"])
        except TrainingError:
            for buffer, value in zip(buffers, values):
                buffer.data = value
            raise
        total += training.batch_loss * len(inputs)
        for hook in hooks["batch_end"]:
            hook(training)
    return total / len(samples.X)


def _step(
    training: Training,
    loss: Callable[..., Tensor],
    inputs: Any,
    targets: Sequence[Any],
    hooks: Sequence[Hook],
) -> None:
    """Learn from one batch."""
    batch_loss = loss(training.model(inputs), *targets)
    if not isinstance(batch_loss, Tensor) or batch_loss.size != 1:
        raise _no_scalar(batch_loss)
    training.batch_loss = batch_loss.item()
    if not math.isfinite(training.batch_loss):
        raise _not_finite(training, f"the loss is {training.batch_loss}")
    training.optimizer.zero_grad()
    batch_loss.backward(leaves_only=True)
    try:
        for hook in hooks:
            hook(training)
        training.optimizer.step(require_finite=True)
    except GradientError as error:
        names = _not_finite_gradients(training)
        if not names:
            raise
        raise _not_finite(training, f"the gradient of {names} is NaN or infinite") from error


def _no_scalar(batch_loss: Any) -> UnsupportedError:
    return UnsupportedError(
        f"fit with a loss that returned {describe_one(batch_loss)}",
        "what is differentiated is a tensor with a single entry",
        "Return the mean over the batch, computed from the predictions as they are; a loss of nn "
        'with reduction="none" is for weights',
    )


def _not_finite_gradients(training: Training) -> str:
    """The dotted names of the parameters whose gradients are not finite."""
    names: dict[Tensor, str] = {
        parameter: name for name, parameter in training.model.named_parameters()
    }
    return ", ".join(
        names.get(parameter, describe_one(parameter))
        for parameter in training.optimizer.parameters
        if parameter.grad is not None and not np.isfinite(_array(parameter.grad)).all()
    )


def _not_finite(training: Training, reason: str) -> TrainingError:
    return TrainingError(
        f"fit in epoch {training.epoch + 1}, batch {training.batch + 1}",
        reason,
        "Lower the learning rate, clip gradients, or look for a logarithm or a division of 0 with "
        "detect_anomaly(); nothing was learned from that batch",
    )


def _evaluate(model: Module, samples: Samples, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """The figures of the training samples, and those of the validation samples."""
    parts: dict[str, Any] = {"": samples.training}
    if samples.validation is not None:
        parts["validation_"] = samples.validation
    figures = {}
    with no_grad(), _mode(model, training=False):
        for prefix, (X, y, *weights) in parts.items():  # noqa: N806
            predictions = _outputs(model, X, EVALUATED_AT_ONCE)
            figures[prefix + "loss"] = samples.loss(Tensor(predictions), y, *weights).item()
            for name, metric in metrics.items():
                figures[prefix + name] = float(metric(predictions, y))
    return figures


def _record(training: Training, running_loss: float, figures: Mapping[str, float]) -> None:
    for name, figure in {"running_loss": running_loss, **figures}.items():
        training.history[name].append(figure)


def _figure_names(samples: Samples, metrics: Iterable[str]) -> list[str]:
    names = ["loss", *metrics]
    validated = [f"validation_{name}" for name in names] if samples.validation else []
    return ["running_loss", *names, *validated]


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
    with no_grad(), _mode(model, training=False):
        return _outputs(model, X, len(X) if batch_size is None else batch_size)


def _outputs(model: Module, X: Any, batch_size: int) -> Any:  # noqa: N803
    starts = range(0, max(len(X), 1), max(batch_size, 1))
    return np.concatenate([_array(model(X[start : start + batch_size])) for start in starts])


def _array(result: Any) -> Any:
    return result.data if isinstance(result, Tensor) else result


def _split_seed(validation: Any, rng: np.random.Generator) -> int:
    """What shuffles before a share is held out: drawn only then."""
    return int(rng.integers(2**63)) if is_number(validation) else 0


# Modes, hooks and interruptions


@contextmanager
def _mode(model: Module, training: bool) -> Iterator[None]:
    """Switch the mode, and restore that of every module inside afterwards."""
    before = [(module, module.training) for _, module in model.named_modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before:
            # Past Module.__setattr__, which looks for parameters.
            vars(module)["training"] = mode


@contextmanager
def _ctrl_c(training: Training) -> Iterator[None]:
    """Let Ctrl-C end the training between two batches, where it would raise KeyboardInterrupt."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: _interrupt(training))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(training: Training) -> None:
    """Have the training stop; raise KeyboardInterrupt if it was already asked to."""
    if training.interrupted:
        raise KeyboardInterrupt
    training.interrupted = True
    training.stop_reason = f"interrupted in epoch {training.epoch + 1}, batch {training.batch + 1}"


def _hooks(callbacks: Sequence[Callback]) -> dict[str, list[Hook]]:
    """The hooks of each kind that the callbacks define."""
    return {
        name: [
            getattr(callback, name)
            for callback in callbacks
            if getattr(type(callback), name) is not getattr(Callback, name)
        ]
        for name in ("fit_start", "gradients", "batch_end", "epoch_end", "fit_end")
    }


def _call(hooks: Iterable[Hook], training: Training) -> None:
    for hook in hooks:
        hook(training)
