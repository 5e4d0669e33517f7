"""How a training goes: one epoch after another, and how it learns from one batch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Never

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import (
    ArgumentError,
    GradientError,
    TrainingError,
    UnsupportedError,
    describe_one,
)
from autograd_lite.interruption import whole
from autograd_lite.modes import setting
from autograd_lite.node import plain
from autograd_lite.trees import leaves_of
from nn.module import Module
from nn.optimizers.optimizer import Optimizer, watching_steps
from nn.random_state import Generator, generators, set_state, state_of
from nn.training.callback import Training, place_of
from nn.training.cluster import ClusterLostError
from nn.training.compiling import EagerSteps, overrides
from nn.training.evaluation import figures, require_scalar
from nn.training.fit_arguments import (
    require_depending,
    require_known_parameters,
    require_none_exchanged,
)
from nn.training.history import Means, number_in
from nn.training.inputs import at, called
from nn.training.progress import ProgressBar
from nn.training.samples import Samples

Step = Callable[[Training, tuple[Any, ...]], Any]
"""A step of one's own: of a training and a batch, to its loss, or its losses by name."""


class UsualStep:
    """One forward and one backward pass, compiled where that can be, and one update."""

    def __init__(self, training: Training, samples: Samples, steps: Any, parts: int) -> None:
        self._training, self._samples, self.steps = training, samples, steps
        self._in_parts = parts > 1
        self._changed = [buffer for _, buffer in training.model.named_buffers()]
        self._drawing = generators_of(training.model)

    def __call__(self, batch: tuple[Any, ...], region: whole) -> Mapping[str, float]:
        """Learn from one batch, whose loss is put into the training; give other losses by name."""
        training, steps = self._training, self.steps
        inputs, *targets = batch
        size = self._samples.trained.size or training.arguments["batch_size"]
        in_parts = self._in_parts and len(leaves_of(inputs)[0]) > size
        are_looked_at = overrides(training.callbacks, "gradients")
        put_back = kept(self._changed, self._drawing)
        try:
            if steps.are_whole and not in_parts and not are_looked_at:
                # Ctrl-C waits for it: it changes what is learned at once.
                loss = steps.loss(inputs, targets, update=True)
                if loss is not None:
                    training.batch_loss = loss
                    return {}
            with region.opened():
                if in_parts:
                    self._go_through_parts(inputs, targets, size)
                else:
                    self._go_through(inputs, targets, 1.0)
                steps.show_gradients()
                for callback in training.callbacks if are_looked_at else ():
                    callback.gradients(training)
            training.optimizer.step(require_finite=True)
        except BaseException as error:
            put_back()
            if isinstance(error, GradientError):
                raise_not_finite_gradients(training, error)
            raise
        return {}

    def _go_through_parts(self, inputs: Any, targets: Sequence[Any], size: int) -> None:
        """Compute the loss of a batch and its gradients, of some samples at a time."""
        n = len(leaves_of(inputs)[0])
        total, gradients = 0.0, dict[Tensor, Any]()
        optimizer = self._training.optimizer
        for start in range(0, n, size):
            part = slice(start, start + size)
            share = 1.0 if self._samples.is_sum else min(size, n - start) / n
            optimizer.zero_grad()
            self._go_through(at(inputs, part), [at(each, part) for each in targets], share)
            self.steps.show_gradients()
            total += share * self._training.batch_loss
            for tensor in optimizer.parameters:
                if (gradient := tensor.grad) is not None:
                    known = gradients.get(tensor)
                    gradients[tensor] = gradient if known is None else known + gradient
        for tensor, gradient in gradients.items():
            tensor.grad = gradient
        self._training.batch_loss = total

    def _go_through(self, inputs: Any, targets: Sequence[Any], share: float) -> None:
        """The same for what is computed at once, whose loss counts for a share of the batch's."""
        training, steps = self._training, self.steps
        loss = steps.loss(inputs, targets, share)
        if loss is not None:
            _take_loss(training, loss)
            return
        steps.record()
        batch_loss = self._loss(inputs, targets)
        _take_loss(training, batch_loss.item())
        training.optimizer.zero_grad()
        seed = None if share == 1.0 else np.full(batch_loss.shape, share, batch_loss.dtype)
        batch_loss.backward(seed, leaves_only=True)
        steps.agree(training.batch_loss)

    def _loss(self, inputs: Any, targets: Sequence[Any]) -> Tensor:
        training = self._training
        predictions = called(training.model, inputs)
        first = training.epoch == training.batch == 0
        if first:
            optimizers = training.optimizers.values()
            require_known_parameters("fit", training.model, optimizers, predictions, inputs)
        batch_loss = self._samples.loss_of(predictions, *targets)
        require_scalar(batch_loss)
        if first:
            require_depending("fit", training.model, batch_loss)
        return batch_loss


class OwnStep:
    """A function that computes losses and has optimizers take their steps."""

    def __init__(self, training: Training, step: Step) -> None:
        self._training, self._step = training, step
        self.steps = EagerSteps("the step is your own")
        inside = {*_learned(training)}
        self._changed = [each for each in training.model._state().values() if each not in inside]
        self._drawing = generators_of(training.model)

    def __call__(self, batch: tuple[Any, ...], region: whole) -> Mapping[str, float]:
        """Learn from one batch; after an error, all is as before."""
        training = self._training
        put_back = kept(self._changed, self._drawing, training.optimizers.values())
        first = training.optimizer
        try:
            with region.opened(), setting(watching_steps, self._before):
                returned = self._step(training, batch)
            losses = self._losses(returned, batch)
        except BaseException as error:
            put_back()
            if isinstance(error, GradientError):
                raise_not_finite_gradients(training, error)
            raise
        finally:
            training.optimizer = first
        training.batch_loss = sum(losses.values())
        return losses if isinstance(returned, Mapping) else {}

    def _before(self, optimizer: Optimizer) -> None:
        """What comes before each step of an optimizer."""
        training = self._training
        if not any(optimizer is each for each in training.optimizers.values()):
            raise UnsupportedError(
                f"fit with a step that lets {type(optimizer).__name__} take a step",
                "that optimizer is none of those that fit was given: what it does would be "
                "neither saved nor undone",
                'Give fit all of them, as optimizer={"first": ..., "second": ...}',
            )
        training.optimizer = optimizer
        for callback in training.callbacks:
            callback.gradients(training)

    def _losses(self, returned: Any, batch: tuple[Any, ...]) -> dict[str, float]:
        """Numbers by name; an error unless they are, and finite."""
        training = self._training
        losses = returned if isinstance(returned, Mapping) else {"loss": returned}
        if training.epoch == training.batch == 0:
            optimizers, computed = training.optimizers.values(), list(losses.values())
            require_known_parameters("fit", training.model, optimizers, computed, batch)
        found = {}
        for name, loss in losses.items():
            value = number_in(loss)
            if value is None:
                raise UnsupportedError(
                    f"fit with a step that returned {describe_one(returned)}",
                    f"{name} is {describe_one(loss)}, and no number",
                    "Return the loss of the batch, or a dict of losses by name",
                )
            if not math.isfinite(value):
                named = f"the loss {name!r}" if isinstance(returned, Mapping) else "the loss"
                raise not_finite(training, f"{named} is {value}")
            reserved = training.reserved if isinstance(returned, Mapping) else None
            if name in (reserved or ()) or not isinstance(name, str):
                raise ArgumentError(
                    f"fit with a step that returned a loss {name!r}",
                    "that is the name of another figure, or no text",
                    "Rename it, or return a single loss by itself",
                )
            found[name] = value
        return found


def _learned(training: Training) -> list[Tensor]:
    """The parameters that the optimizers hold."""
    return [each for optimizer in training.optimizers.values() for each in optimizer.parameters]


def generators_of(model: Module) -> list[Generator]:
    """The generators that a model draws from, each once."""
    return list(dict.fromkeys(generators(model).values()))


def kept(
    tensors: Iterable[Tensor], drawing: Iterable[Generator], optimizers: Iterable[Optimizer] = ()
) -> Callable[[], None]:
    """What puts tensors, generators and optimizers back to what they are now."""
    arrays = [(tensor, tensor.data.copy()) for tensor in tensors]
    states = [(generator, state_of(generator)) for generator in drawing]
    others = [optimizer.kept() for optimizer in optimizers]

    def put_back() -> None:
        for each in others:
            each()
        for tensor, values in arrays:
            tensor.data = values
        for generator, state in states:
            set_state(generator, state)

    return put_back


def _take_loss(training: Training, loss: float) -> None:
    """Put the loss of a batch into the training; a TrainingError unless it is finite."""
    training.batch_loss = loss
    if not math.isfinite(loss):
        raise not_finite(training, f"the loss is {loss}")


def raise_not_finite_gradients(training: Training, error: GradientError) -> Never:
    """Raise a TrainingError that names the parameters, or the error if there are none."""
    named = training.model.named_parameters()
    names: dict[Tensor, str] = {parameter: name for name, parameter in named}
    found = ", ".join(
        names.get(parameter, describe_one(parameter))
        for parameter in _learned(training)
        if parameter.grad is not None and not np.isfinite(plain(parameter.grad)).all()
    )
    if not found:
        raise error
    raise not_finite(training, f"the gradient of {found} is NaN or infinite") from error


def not_finite(training: Training, reason: str) -> TrainingError:
    """The error for numbers that end a training."""
    return TrainingError(
        f"fit in {place_of(training)}",
        reason,
        "Lower the learning rate, clip gradients, or look for a logarithm or a division of 0 with "
        "detect_anomaly(); nothing was learned from that batch",
    )


def train_epochs(
    training: Training, samples: Samples, take: UsualStep | OwnStep, bar: ProgressBar, region: whole
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
    training: Training, samples: Samples, take: UsualStep | OwnStep, bar: ProgressBar, region: whole
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
