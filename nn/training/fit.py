"""Training in mini-batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.arguments import COUNT, is_number, require
from autograd_lite.interruption import whole
from autograd_lite.names import explains_keywords
from autograd_lite.read_only import refusing_writes
from autograd_lite.whole_files import FileName
from nn.losses.loss_function import AnyLoss, loss_function
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.random_state import generator
from nn.training.agreement import require_listed, terms
from nn.training.callback import Callback, Training
from nn.training.checkpoint import Checkpoint, read, restored
from nn.training.cluster import on_cluster
from nn.training.compiling import COMPILED, steps_of
from nn.training.evaluation import rehearse, training_mode
from nn.training.fit_arguments import (
    RESERVED,
    checked_callbacks,
    checked_metrics,
    optimizers_of,
    require_accumulated,
    require_no_single_sample,
    require_step,
    trained_parameters,
)
from nn.training.history import History
from nn.training.metrics import Metric
from nn.training.progress import SHOWN, ProgressBar
from nn.training.samples import prepared, shared_dtype
from nn.training.sources import is_stream
from nn.training.steps import OwnStep, Step, UsualStep, interrupt, train_epochs
from nn.training.weights import Weighing

if TYPE_CHECKING:
    from autograd_lite.typing import Labels, Samples


@contextmanager
def _carrying_history() -> Iterator[list[Training]]:
    """Gives whatever is raised inside of it the history of the training that is put in the list."""
    begun: list[Training] = []
    try:
        yield begun
    except BaseException as error:
        if begun:
            vars(error)["history"] = begun[0].history
        else:
            vars(error).setdefault("history", History())
        raise


@_carrying_history()
@explains_keywords
def fit(
    model: Module,
    X: Samples,
    y: Labels | None = None,
    *,
    loss: AnyLoss | None = None,
    optimizer: Optimizer | Mapping[str, Optimizer],
    epochs: int,
    batch_size: int = 32,
    accumulate: int = 1,
    step: Step | None = None,
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
    progress: bool | str = "auto",
    rng: np.random.Generator | int | None = None,
    compile: bool | str = True,
    client: Any = None,
) -> History:
    """Train a model in shuffled mini-batches; the last one of an epoch may be smaller.

    Ctrl-C ends the training after the current batch, and what was learned so far is returned; a
    second one raises KeyboardInterrupt. `history.stop_reason` says which it was.

    Before the first batch, loss and metrics are called once to check that everything fits together.

    Args:
        model: what to train. In each epoch all its modules are put into training mode, including
            those that were in evaluation mode; afterwards each returns to its mode from before. To
            leave out parameters, set their `requires_grad` to False.
        X: samples (n, ...), finite. Floats are converted to the dtype of the model's parameters, if
            they all have the same one. For a model of several inputs, a tuple of arrays that are
            its arguments, or a dict of its named arguments. Memory maps and Dask arrays are read a
            block at a time and checked as they are read; blocks, and the samples in each, come in
            random order. Without y, batches: an iterable of pairs (X, y), or (X, y, weights); an
            object with a length that gives them by number, as Keras's sequences do; or a function
            that makes an iterable for each epoch and is given `rng` if it has a parameter. An
            iterator lasts for one epoch, and its only figure is "running_loss".
        y: targets (n, ...), or a tuple or dict of them for a loss of your own.
        loss: a function of predictions and targets, such as `nn.MSELoss()`, or a name, such as
            "mse". If it is a sum over samples, as with reduction "sum", steps grow with the batch,
            and the figures in the history are divided by the number of samples. For several
            outputs, a dict or tuple of losses, which are added up. With a step of your own it is
            only measured, and may be omitted.
        optimizer: holds the model's parameters. With a step of your own, there can be several, by
            name: {"generator": ..., "discriminator": ...}.
        epochs: how many times to go through the samples, counting those before a resumed training.
        batch_size: how many samples go through the model together, unless X consists of batches.
        accumulate: how many batches make a step: their gradients are combined as if they were one
            batch, while only one batch of samples goes through the model at a time. A mean that
            leaves labels out, or weights them by options of the loss, is refused, because the mean
            of all is not the mean of the batches' means. `training.batch` then counts steps.
        step: a function of (training, batch) in place of the usual step. It computes losses, calls
            `zero_grad`, `backward` and the `step` of `training.optimizer`, or of
            `training.optimizers[name]`, and returns the loss of the batch, or a dict of losses by
            name, whose means over the samples become figures of the history; "running_loss" is that
            of their sum. A batch is like one of `nn.batches`: (X, y), or (X, y, weights). Losses
            and gradients must be finite; otherwise, and after any error, all changes of the step to
            the model and the optimizers are undone. y may then be None, and is X.
        validation: samples and targets that are not trained on, or a function that makes batches of
            them; or the share of X and y, between 0 and 1, to set aside at random.
        metrics: functions of predictions and targets by name, such as `{"accuracy": nn.accuracy}`.
            Predictions are what the model returns. `nn.accuracy` uses the threshold of a loss of
            `nn`, which is 0 for logits; with a loss of your own it becomes NaN, with a warning,
            once predictions leave the range from 0 to 1. A function whose parameters are called
            (y_true, y_pred), as in scikit-learn, or (targets, predictions) and the like, is given
            the targets first.
        sample_weight: how much each sample counts (n,), 0 or more.
        class_weight: how much each label counts, as a dict, or "balanced" for n / (classes *
            samples of the class). It multiplies the samples' weights, which are scaled to a mean of
            1 over the training samples and given to the loss; its reduction "none" becomes "mean".
            A function of your own that does not take `weights` must return the loss of each sample;
            the mean of these times the weights is taken. Validation samples all count the same.
        sampling: how likely each sample is to be drawn (n,), 0 or more, or "balanced" for classes
            that are equally likely. An epoch draws as many samples as there are, with replacement.
        augment: a function of the samples and targets of a batch, and of `rng`, that returns the
            samples and targets to learn from. Figures are measured on unchanged samples.
        callbacks: what else to do during training, such as `nn.EarlyStopping()`; see `nn.Callback`.
            Each `fit_end` is called, even after an error.
        resume_from: a file that `nn.Checkpoint` wrote in a training with the same arguments, to
            resume from: bit for bit as if it had not been interrupted, within the limits that
            `nn.Checkpoint` states.
        may_differ: names of what may differ from the training that wrote the file, such as
            ["learning_rate"], "batch_size", "X" or "loss": an error names what does. More epochs
            are always allowed.
        evaluate_every: measure the figures every so many epochs, and after the last one. Measuring
            goes through all samples once more, which takes about a third of the time; the figures
            of the other epochs are NaN, except for "running_loss".
        progress: show the progress wherever it can be written, see `nn.ProgressBar`; "auto" does,
            except in tests that pytest runs.
        rng: a `numpy.random.Generator`, or a seed for one, for shuffling; by default that of
            `nn.manual_seed`.
        compile: whether steps are recorded and run as one function wherever possible, see
            `nn.compile`. The results are the same to the last bit; `history.backend` says what ran.
            "c" asks for C, which rounds differently; without a compiler there is a warning.
            Compiled steps do not show NumPy's warnings about numbers that stay finite in the end.
        client: a `dask.distributed.Client` whose workers hold the blocks of X and y, which are Dask
            arrays. The workers compute the gradient of each batch in parts, one for each block that
            it has samples from. Figures equal those of one process up to rounding, so the loss must
            be a mean over samples, and layers may neither draw random numbers nor normalize over a
            batch. If a worker dies, its parts are computed again; if the cluster is lost, training
            ends with a warning and keeps what was learned.

    Returns:
        The figures of each epoch, see `nn.History`.

    Raises:
        ShapeError: arrays differ in length.
        ArgumentError: X or y contain NaN or infinity, a number is out of its range, the optimizer
            holds none of the model's parameters, a batch would have one sample where the model
            needs several, or the checkpoint does not fit.
        UnsupportedError: an argument is of the wrong kind, a metric does not return a number, or
            predictions depend on a tensor that requires grad and is not a parameter of the model.
        TrainingError: the loss of a batch, or a gradient, became NaN or infinite. Parameters and
            buffers are those before that batch or, with `EarlyStopping`, the best ones.

    Whatever is raised, even by a callback or as KeyboardInterrupt, has the figures of the previous
    epochs in its attribute `history`. An unfinished batch is undone.

    >>> from nn import Adam, Dense, MSELoss
    >>> model = Dense(1, 1, rng=0)
    >>> X = np.linspace(-1, 1, 64).reshape(64, 1)
    >>> history = fit(model, X, 2 * X + 1, loss=MSELoss(), epochs=50, progress=False, rng=0,
    ...               optimizer=Adam(model.parameters(), learning_rate=0.1))
    >>> history["loss"][-1] < 1e-4
    True
    """
    with _carrying_history() as begun, whole() as region:
        with region.opened():
            if loss is not None or step is None:
                loss = loss_function(loss)  # type: ignore[arg-type] # which refuses None
            optimizers = optimizers_of(optimizer, step)
            for each in optimizers.values():
                parameters = trained_parameters(model, loss, each)
            require("fit", "epochs", epochs, COUNT)
            require("fit", "batch_size", batch_size, COUNT)
            require("fit", "accumulate", accumulate, COUNT)
            require_step(step, accumulate, client)
            require("fit", "evaluate_every", evaluate_every, COUNT)
            require("fit", "compile", compile, COMPILED)
            require("fit", "progress", progress, SHOWN)
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
            targets: Any = X if y is None and step is not None and not is_stream(X) else y
            samples = prepared(
                dtype,
                X,
                targets,
                loss,
                metrics,
                validation,
                split_seed,
                Weighing(sample_weight, class_weight, sampling),
                augment,
            )
            n = samples.trained.n
            if n is not None:
                require_no_single_sample(model, n, batch_size)
            if epochs > 1 or saved:
                samples.trained.require_replay()
            rehearse(model, samples)
            if client is not None:
                samples = on_cluster(client, samples, model, optimizers[""])
            measured = (*(() if loss is None else ("loss",)), *metrics)
            names = [kind + name for kind in samples.parts for name in measured]
            history = History({name: [] for name in ("running_loss", *names)})
            arguments = {"samples": n, "batch_size": int(batch_size), "split_seed": split_seed}
            usual = {"accumulate": accumulate, "evaluate_every": evaluate_every}
            arguments |= {name: int(number) for name, number in usual.items() if number > 1}
            if saved or any(isinstance(callback, Checkpoint) for callback in callbacks):
                arguments |= terms(model, optimizers, loss, step, samples, callbacks)
            require_accumulated(samples.loss, int(accumulate))
            first = next(iter(optimizers.values()))
            training = Training(model, first, rng, history, int(epochs), callbacks, arguments)
            training.optimizers = optimizers
            training.reserved = None if step is None else frozenset(history) | set(RESERVED)
            begun.append(training)
        told = f"fit of {type(model).__name__}"
        with training_mode(model), refusing_writes(lambda: told):
            with restored(training, saved, may_differ) if saved else nullcontext(), region.opened():
                for callback in callbacks:
                    callback.fit_start(training)
            if is_number(validation) and not saved:
                rng.integers(2**63)
            region.instead(partial(interrupt, training))
            steps_an_epoch = samples.trained.steps(int(batch_size), int(accumulate))
            done = training.epoch
            with ProgressBar(training.epochs, steps_an_epoch, done=done, shown=progress) as bar:
                take: UsualStep | OwnStep
                if step is None:
                    steps = steps_of(training, samples, compile)
                    take = UsualStep(training, samples, steps, accumulate)
                else:
                    take = OwnStep(training, step)
                train_epochs(training, samples, take, bar, region)
    return training.history


def _next_seed(rng: np.random.Generator) -> int:
    """What the generator will draw, which it does only when nothing is refused any more."""
    return int(np.random.Generator(copy.deepcopy(rng.bit_generator)).integers(2**63))
