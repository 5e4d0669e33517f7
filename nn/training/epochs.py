"""One epoch after another, until all are done or something ends the training."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import count
from typing import Any

from autograd_lite.interruption import whole
from autograd_lite.trees import leaves_of
from nn.training.callback import Training, place_of
from nn.training.cluster import ClusterLostError
from nn.training.compiling import overrides
from nn.training.evaluation import figures
from nn.training.fit_arguments import require_none_exchanged
from nn.training.history import Means
from nn.training.progress import ProgressBar
from nn.training.samples import Samples
from nn.training.steps import TakesSteps


def train_epochs(
    training: Training, samples: Samples, take: TakesSteps, bar: ProgressBar, region: whole
) -> None:
    """Train until something ends it, call each `fit_end`, and raise the first of all errors."""
    errors: list[BaseException] = []
    try:
        _each_epoch(training, samples, take, bar, region)
    except KeyboardInterrupt as interruption:
        if training.interrupted:
            errors.append(interruption)
        else:
            interrupt(training)
    except ClusterLostError as lost:
        training.stop_reason = f"in {place_of(training)} {lost}"
        warnings.warn(f"fit ended {training.stop_reason}", RuntimeWarning, stacklevel=5)
    except BaseException as error:  # raised again when all is ended
        errors.append(error)
    if training.stop_reason is None:
        ended = f"ended by {type(errors[0]).__name__}" if errors else "every epoch done"
        training.stop_reason = ended
    training.history.stop_reason = training.stop_reason
    take.steps.show_gradients()
    training.history.backend = take.steps.ran
    for callback in training.callbacks:
        try:
            with region.opened():
                callback.fit_end(training)
        except BaseException as error:  # raised again when the others are called
            errors.append(error)
    for other in errors[1:]:
        errors[0].add_note(f"fit_end raised as well: {other!r}")
    if training.interrupted:
        bar.say(_kept(training))
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # Tracebacks hold this list: a circle, which would keep them alive.


def _each_epoch(
    training: Training, samples: Samples, take: TakesSteps, bar: ProgressBar, region: whole
) -> None:
    """Train for one epoch after another."""
    modules = [module for _, module in training.model.named_modules()]
    learned = [*map(id, training.model._unnamed_parameters())]
    size, together = training.arguments["batch_size"], training.arguments.get("accumulate", 1)
    while training.epoch < training.epochs and training.stop_reason is None:
        if not all(module.training for module in modules):  # a callback has switched one
            training.model.train()
        training.batch, means = 0, Means()
        shuffled = samples.batches(training.rng, size, together)
        numbered = enumerate(shuffled) if samples.are_at_hand else _awaited(shuffled, region)
        for training.batch, batch in numbered:
            if training.stop_reason is not None:
                return
            n = len(leaves_of(batch[0])[0])
            given = [batch]
            del batch  # The next batch may be as large as memory allows.
            losses = take(given.pop(), region)
            means.add("running_loss", samples.per_sample(training.batch_loss, n), n)
            for name, loss in losses.items():
                means.add(name, loss, n)
            with region.opened():
                if overrides(training.callbacks, "batch_end"):
                    take.steps.show_gradients()
                for callback in training.callbacks:
                    callback.batch_end(training)
            bar.step()
        take.steps.show_gradients()
        done, every = training.epoch + 1, training.arguments.get("evaluate_every", 1)
        training.evaluated = done % every == 0 or done == training.epochs
        measured = means.values()
        if training.evaluated:
            with region.opened():
                measured |= figures(training.model, samples)
        training.history.record(**measured)
        with region.opened():
            for callback in training.callbacks:
                callback.epoch_end(training)
        if training.callbacks and [*map(id, training.model._unnamed_parameters())] != learned:
            for optimizer in training.optimizers.values():
                require_none_exchanged("fit", training.model, optimizer)
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


# Ctrl-C


def _kept(training: Training) -> str:
    """What an interrupted training leaves behind, in words."""
    history = training.history
    weights = "what was learned so far is kept"
    if history.best_epoch is not None:
        weights = f"the weights are the best ones, those of epoch {history.best_epoch + 1}"
    epochs = "1 epoch" if history.epochs == 1 else f"{history.epochs} epochs"
    return f"fit: {training.stop_reason}; {weights}, with the figures of {epochs}"


def interrupt(training: Training) -> None:
    """Have the training stop; raise KeyboardInterrupt if it was already asked to."""
    if training.interrupted:
        raise KeyboardInterrupt
    training.interrupted = True
    if training.stop_reason is None and training.epoch < training.epochs:
        training.stop_reason = f"interrupted in {place_of(training)}"
