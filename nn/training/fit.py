"""Training in mini-batches."""

from __future__ import annotations

import copy
import functools
import math
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import count
from typing import Any, ParamSpec, TypeVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, is_number, require, require_flag
from autograd_lite.errors import GradientError, TrainingError, describe_one
from autograd_lite.interruption import whole
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.trees import leaves_of
from autograd_lite.whole_files import FileName
from nn.losses.loss_function import loss_function
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.parameters import Buffer
from nn.random_state import Generator, generator, generators, set_state, state_of
from nn.training.agreement import require_listed, terms
from nn.training.callback import Callback, Training
from nn.training.checkpoint import Checkpoint, read, restored
from nn.training.cluster import ClusterLostError, on_cluster
from nn.training.compiling import COMPILED, overrides, steps_of
from nn.training.evaluation import figures, rehearse, require_scalar, training_mode
from nn.training.fit_arguments import (
    checked_callbacks,
    checked_metrics,
    require_known_parameters,
    require_no_single_sample,
    trained_parameters,
)
from nn.training.history import History
from nn.training.inputs import called
from nn.training.metrics import Metric
from nn.training.progress import ProgressBar
from nn.training.samples import Samples, prepared, shared_dtype

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def _with_history(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function; what is raised before it begins has an empty history."""

    @functools.wraps(function)
    def call(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
        try:
            return function(*arguments, **keywords)
        except BaseException as error:
            vars(error).setdefault("history", History())
            raise

    return call


@_with_history
@explains_keywords
def fit(
    model: Module,
    X: Any,  # noqa: N803
    y: Any = None,
    *,
    loss: str | Callable[..., Tensor],
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: tuple[Any, Any] | float | None = None,
    metrics: Mapping[str, Metric] | None = None,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | str | None = None,
    sampling: Any = None,
    augment: Callable[..., tuple[Any, Any]] | None = None,
    callbacks: Sequence[Callback] = (),
    resume_from: FileName | None = None,
    may_differ: Collection[str] = (),
    evaluate_every: int = 1,
    progress: bool = True,
    rng: np.random.Generator | int | None = None,
    compile: bool | str = True,  # noqa: A002 - what it is called everywhere
    client: Any = None,
) -> History:
    """Train a model in shuffled mini-batches, the last one of an epoch smaller.

    Ctrl-C ends the training after the batch that it comes in, and what was learned so far is
    returned; a second one raises KeyboardInterrupt. `history.stop_reason` says which it was.

    Before the first batch loss and metrics are called once, to see whether all fits together.

    Args:
        model: what to train: in each epoch all modules inside are put in training mode, also
            those that were in evaluation mode, and afterwards each in the mode that it was in
            before. To leave out parameters set their `requires_grad` to False.
        X: samples (n, ...), finite. Floats are converted to the dtype of the model's parameters,
            if all have the same. For a model of several inputs, a tuple of arrays that are its
            arguments, or a dict of its named arguments. Memory maps and Dask arrays are read a
            block at a time, and checked as they are read; blocks, and the samples of each, come in
            random order. Without y, batches: an iterable of pairs (X, y), or (X, y, weights), or a
            function that makes one for each epoch, to be given `rng` if it has a parameter. An
            iterator lasts for one epoch, and has no figures but "running_loss".
        y: targets (n, ...), or a tuple or dict of them, for a loss of one's own.
        loss: function of predictions and targets, such as `nn.MSELoss()`, or a name, such as
            "mse". If it is a sum over samples, as with reduction "sum", steps grow with the batch,
            and the figures in the history are divided by the number of samples.
        optimizer: holds the model's parameters.
        epochs: how many times to go through the samples; in all, if training was resumed.
        batch_size: samples a step, where X is no batches.
        validation: samples and targets that are not trained on, or a function that makes batches
            of them; or the share of X and y, between 0 and 1, that is drawn for it.
        metrics: functions of predictions and targets by name, such as `{"accuracy": nn.accuracy}`.
            Predictions are what the model returns. `nn.accuracy` has the threshold of a loss of
            `nn`, 0 for logits; with a loss of your own it is NaN, and a warning says so, where
            training has led predictions beyond 0 and 1. A function whose first parameter is called
            y_true, as in scikit-learn, is given the targets first.
        sample_weight: how much each sample counts (n,), 0 or more.
        class_weight: how much each label counts, as a dict, or "balanced" for
            n / (classes * samples of the class). It multiplies the samples' weights, which are
            scaled to a mean of 1 over the training samples, and given to the loss, whose reduction
            "none" becomes "mean". A function of your own that does not take `weights` has to
            return the loss of each sample; the mean is taken of these times the weights.
            Validation samples all count the same.
        sampling: how likely each sample is drawn (n,), 0 or more, or "balanced" for each class as
            likely as any other. An epoch draws as many samples as there are, with replacement.
        augment: a function of the samples and the targets of a batch, and of `rng`, that returns
            those to learn from. Figures are of samples as they are.
        callbacks: what else to do meanwhile, such as `nn.EarlyStopping()`; see `nn.Callback`. Each
            `fit_end` is called, also after an error.
        resume_from: a file that `nn.Checkpoint` wrote in a training with the same arguments, to go
            on from there: bit for bit as if it had not been interrupted, as far as `nn.Checkpoint`
            says.
        may_differ: names of what may differ from the training that wrote the file, such as
            ["learning_rate"], or "batch_size", "X" and "loss": an error names what does. More
            epochs may be asked for anyway.
        evaluate_every: epochs from one measuring of the figures to the next, besides the last
            epoch. Each goes through all samples once more, which takes about a third of the time;
            the figures of the epochs between are NaN, but for "running_loss".
        progress: show one line that is updated, as long as it can be written.
        rng: a `numpy.random.Generator`, or a seed for one, that shuffles; by default that of
            `nn.manual_seed`.
        compile: whether steps are recorded and run as one function, see `nn.compile`, wherever
            that can be. The results are the same to the last bit; `history.backend` says what ran.
            "c" asks for C, which rounds otherwise; without a compiler a warning says so. NumPy's
            warnings of numbers that stay finite in the end are not shown in compiled steps.
        client: a `dask.distributed.Client`, whose workers hold the blocks of X and y, Dask arrays,
            and compute the gradient of each batch in parts, one for each block that it has samples
            of. Figures are those of one process, but for rounding, so that a loss has to be a mean
            over samples, and nothing may be drawn, or normalized over a batch. A worker that dies
            costs the parts that it had; if the cluster is lost, training ends with a warning, and
            with what was learned.

    Returns:
        The figures of each epoch, see `nn.History`.

    Raises:
        ShapeError: arrays differ in length.
        ArgumentError: X or y contain NaN or infinity, a number is out of its range, the optimizer
            holds none of the model's parameters, a batch would have one sample where the model
            needs several, or the checkpoint does not fit.
        UnsupportedError: an argument is of the wrong kind, a metric does not give a number, or
            predictions depend on a tensor that requires grad and is no parameter of the model.
        TrainingError: the loss of a batch, or a gradient, became NaN or infinite. Parameters and
            buffers are those before that batch, or with `EarlyStopping` the best ones.

    Whatever is raised, also by a callback or as KeyboardInterrupt, has the figures of the epochs
    before as its attribute `history`. A batch that is broken off is undone.

    >>> from nn import Adam, Dense, MSELoss
    >>> model = Dense(1, 1, rng=0)
    >>> X = np.linspace(-1, 1, 64).reshape(64, 1)
    >>> history = fit(model, X, 2 * X + 1, loss=MSELoss(), epochs=50, progress=False, rng=0,
    ...               optimizer=Adam(model.parameters(), learning_rate=0.1))
    >>> history["loss"][-1] < 1e-4
    True
    """
    carrying = _CarryingHistory()
    with carrying, whole() as region, carrying:
        with region.opened():
            loss = loss_function(loss)
            parameters = trained_parameters(model, loss, optimizer)
            require("fit", "epochs", epochs, COUNT)
            require("fit", "batch_size", batch_size, COUNT)
            require("fit", "evaluate_every", evaluate_every, COUNT)
            require("fit", "compile", compile, COMPILED)
            progress = require_flag("fit", "progress", progress)
            metrics = checked_metrics(metrics, loss)
            callbacks = checked_callbacks(callbacks)
            require_listed(may_differ)
            rng = generator(rng, "fit")
            saved, split_seed = None, 0
            if resume_from is not None:
                saved = read(resume_from)
                split_seed = saved["arguments"]["split_seed"]
            elif is_number(validation):
                split_seed = _next_seed(rng)
            dtype = shared_dtype(parameters)
            samples = prepared(
                dtype,
                X,
                y,
                loss,
                metrics,
                validation,
                sample_weight,
                class_weight,
                split_seed,
                sampling,
                augment,
            )
            if samples.n is not None:
                require_no_single_sample(model, samples.n, batch_size)
            if epochs > 1 or saved:
                samples.require_replay()
            rehearse(model, samples)
            if client is not None:
                samples = on_cluster(client, samples, model, optimizer)
            names = [kind + name for kind in samples.parts for name in ("loss", *metrics)]
            history = History({name: [] for name in ("running_loss", *names)})
            arguments = {"samples": samples.n, "batch_size": int(batch_size)}
            arguments["split_seed"] = split_seed
            if evaluate_every > 1:
                arguments["evaluate_every"] = int(evaluate_every)
            if saved or any(isinstance(callback, Checkpoint) for callback in callbacks):
                arguments |= terms(model, optimizer, loss, samples)
            training = Training(model, optimizer, rng, history, int(epochs), callbacks, arguments)
            carrying.training = training
        with training_mode(model) as modules:
            with restored(training, saved, may_differ) if saved else nullcontext(), region.opened():
                for callback in callbacks:
                    callback.fit_start(training)
            if is_number(validation) and not saved:
                rng.integers(2**63)
            region.instead(partial(_interrupt, training))
            with ProgressBar(training.epochs, training.epoch, progress) as bar:
                steps = steps_of(training, samples, compile)
                _train(training, samples, modules, steps, bar, region)
    return training.history


class _CarryingHistory:
    """Gives whatever is raised inside of it the history of a training, as an attribute."""

    training: Training | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            history = History() if self.training is None else self.training.history
            vars(error)["history"] = history


def _next_seed(rng: np.random.Generator) -> int:
    """What the generator will draw, which it does only when nothing is refused any more."""
    return int(np.random.Generator(copy.deepcopy(rng.bit_generator)).integers(2**63))


def _train(
    training: Training,
    samples: Samples,
    modules: Sequence[Module],
    steps: Any,
    bar: ProgressBar,
    region: whole,
) -> None:
    """Train until something ends it, call each `fit_end`, and raise the first of all errors."""
    errors: list[BaseException] = []
    try:
        _train_epochs(training, samples, modules, steps, bar, region)
    except KeyboardInterrupt as interruption:
        if training.interrupted:
            errors.append(interruption)
        else:
            _interrupt(training)
    except ClusterLostError as lost:
        place = f"epoch {training.epoch + 1}, batch {training.batch + 1}"
        training.stop_reason = f"in {place} {lost}"
        warnings.warn(f"fit ended {training.stop_reason}", RuntimeWarning, stacklevel=5)
    except BaseException as error:  # raised again when all is ended
        errors.append(error)
    if training.stop_reason is None:
        ended = f"ended by {type(errors[0]).__name__}" if errors else "every epoch done"
        training.stop_reason = ended
    training.history.stop_reason = training.stop_reason
    steps.show_gradients()
    training.history.backend = steps.ran
    for callback in training.callbacks:
        try:
            with region.opened():
                callback.fit_end(training)
        except BaseException as error:  # raised again when the others are called
            errors.append(error)
    for other in errors[1:]:
        errors[0].add_note(f"fit_end raised as well: {other!r}")
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # Tracebacks hold this list: a circle, which would keep them alive.


def _train_epochs(
    training: Training,
    samples: Samples,
    modules: Sequence[Module],
    steps: Any,
    bar: ProgressBar,
    region: whole,
) -> None:
    buffers = [buffer for _, buffer in training.model.named_buffers()]
    drawing = list(dict.fromkeys(generators(training.model).values()))
    size = training.arguments["batch_size"]
    while training.epoch < training.epochs and training.stop_reason is None:
        if not all(module.training for module in modules):  # a callback has switched one
            training.model.train()
        training.batch, total, seen = 0, 0.0, 0
        shuffled = samples.batches(training.rng, size)
        numbered = enumerate(shuffled) if samples.are_at_hand else _awaited(shuffled, region)
        for training.batch, (inputs, *targets) in numbered:
            if training.stop_reason is not None:
                return
            with _undone_unless_whole(buffers, drawing):
                _step(training, samples, inputs, targets, steps, region)
            n = len(leaves_of(inputs)[0])
            del inputs, targets  # The next batch may be as large as memory allows.
            total += samples.per_sample(training.batch_loss, n) * n
            seen += n
            with region.opened():
                if overrides(training.callbacks, "batch_end"):
                    steps.show_gradients()
                for callback in training.callbacks:
                    callback.batch_end(training)
        steps.show_gradients()
        every = training.arguments.get("evaluate_every", 1)
        training.evaluated = (
            training.epoch + 1
        ) % every == 0 or training.epoch + 1 == training.epochs
        measured = {"running_loss": total / seen}
        if training.evaluated:
            with region.opened():
                measured |= figures(training.model, samples)
        for name, values in training.history.items():
            values.append(measured.get(name, math.nan))
        with region.opened():
            for callback in training.callbacks:
                callback.epoch_end(training)
        training.epoch += 1
        bar.update(training.history)


def _awaited(batches: Iterator[Any], region: whole) -> Iterator[tuple[int, Any]]:
    """The batches and their numbers; Ctrl-C may come while one is awaited."""
    for number in count():
        with region.opened():
            batch = next(batches, None)
        if batch is None:
            return
        given = [batch]
        del batch
        yield number, given.pop()


def _step(
    training: Training,
    samples: Samples,
    inputs: Any,
    targets: Sequence[Any],
    steps: Any,
    region: whole,
) -> None:
    """Learn from one batch."""
    try:
        with region.opened():
            loss = steps.loss(inputs, targets)
            if loss is None:
                _go_through(training, samples, inputs, targets)
                steps.agree(training.batch_loss)
            else:
                training.batch_loss = loss
                _require_finite_loss(training)
            if overrides(training.callbacks, "gradients"):
                steps.show_gradients()
                for callback in training.callbacks:
                    callback.gradients(training)
                loss = None
        if loss is None:
            training.optimizer.step(require_finite=True)
        else:
            steps.update(require_finite=True)
    except GradientError as error:
        steps.show_gradients()
        names = _not_finite_gradients(training)
        if not names:
            raise
        raise _not_finite(training, f"the gradient of {names} is NaN or infinite") from error


def _go_through(training: Training, samples: Samples, inputs: Any, targets: Sequence[Any]) -> None:
    """Compute the loss of a batch and its gradients."""
    predictions = called(training.model, inputs)
    if training.epoch == training.batch == 0:
        require_known_parameters(training, predictions)
    batch_loss = samples.loss_of(predictions, *targets)
    require_scalar(batch_loss)
    training.batch_loss = batch_loss.item()
    _require_finite_loss(training)
    training.optimizer.zero_grad()
    batch_loss.backward(leaves_only=True)


def _require_finite_loss(training: Training) -> None:
    if not math.isfinite(training.batch_loss):
        raise _not_finite(training, f"the loss is {training.batch_loss}")


@contextmanager
def _undone_unless_whole(buffers: Sequence[Buffer], drawing: Sequence[Generator]) -> Iterator[None]:
    """Put back what a batch has changed in buffers and generators if it is broken off."""
    arrays, states = [buffer.data.copy() for buffer in buffers], [*map(state_of, drawing)]
    try:
        yield
    except BaseException:
        for buffer, values in zip(buffers, arrays):
            buffer.data = values
        for generator, state in zip(drawing, states):
            set_state(generator, state)
        raise


def _not_finite_gradients(training: Training) -> str:
    named = training.model.named_parameters()
    names: dict[Tensor, str] = {parameter: name for name, parameter in named}
    return ", ".join(
        names.get(parameter, describe_one(parameter))
        for parameter in training.optimizer.parameters
        if parameter.grad is not None and not np.isfinite(plain(parameter.grad)).all()
    )


def _not_finite(training: Training, reason: str) -> TrainingError:
    return TrainingError(
        f"fit in epoch {training.epoch + 1}, batch {training.batch + 1}",
        reason,
        "Lower the learning rate, clip gradients, or look for a logarithm or a division of 0 with "
        "detect_anomaly(); nothing was learned from that batch",
    )


# Ctrl-C


def _interrupt(training: Training) -> None:
    """Have the training stop; raise KeyboardInterrupt if it was already asked to."""
    if training.interrupted:
        raise KeyboardInterrupt
    training.interrupted = True
    if training.stop_reason is None and training.epoch < training.epochs:
        place = f"epoch {training.epoch + 1}, batch {training.batch + 1}"
        training.stop_reason = f"interrupted in {place}"
