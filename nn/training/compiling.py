"""Training steps that are compiled: which ones are, and one for loops of one's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import Range, one_of, require
from autograd_lite.modes import raises_errors
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.trees import leaves_of, map_tree
from nn.losses.loss import Loss
from nn.losses.loss_function import loss_function
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.training.callback import Callback, Training
from nn.training.cluster import ClusterRows, ClusterSteps
from nn.training.comparing import (
    require_distributions,
    require_own_targets,
    require_predictions_first,
)
from nn.training.evaluation import require_scalar
from nn.training.fit_arguments import (
    require_depending,
    require_known_parameters,
    require_none_exchanged,
    trained_parameters,
)
from nn.training.inputs import as_arrays, called
from nn.training.samples import Samples

FEWEST = 20
"""Steps from which on recording them takes less time than it saves."""
COMPILED = Range(
    lambda x: isinstance(x, bool) or one_of("numpy", "c").holds(x), 'True, False, "numpy" or "c"'
)


class EagerSteps:
    """Steps that are not compiled, and why."""

    are_whole = False

    def __init__(self, reason: str) -> None:
        self.ran = f"eager: {reason}"

    def loss(self, inputs: Any, targets: Any, share: float) -> None:
        """None, as each step is taken eagerly."""

    def record(self) -> None:
        """Nothing is recorded."""

    def agree(self, loss: float) -> None:
        """Nothing has to."""

    def show_gradients(self) -> None:
        """They are shown."""


def steps_of(training: Training, samples: Samples, compile: Any) -> Any:
    """The steps of a training; they say why they are not compiled."""
    if isinstance(samples.trained, ClusterRows):
        return ClusterSteps(samples.trained, samples, training.model)
    size = training.arguments["batch_size"]
    steps = samples.trained.steps(size)
    if not compile:
        return EagerSteps("it was asked for")
    if steps is not None and (count := (training.epochs - training.epoch) * steps) < FEWEST:
        return EagerSteps(f"{count} steps are fewer than {FEWEST}")
    if reason := why_not(training.optimizer):
        return EagerSteps(reason)
    from nn.training.compiled import CompiledSteps

    def loss_of(inputs: Any, targets: Any) -> Any:
        return samples.loss_of(called(training.model, inputs), *targets)

    backend = "numpy" if compile is True else compile
    return CompiledSteps(
        training.model, samples.loss, loss_of, training.optimizer, backend, in_fit=True
    )


def why_not(optimizer: Optimizer) -> str:
    """What is in the way of compiling steps, in words; nothing where nothing is."""
    if type(optimizer).step is not Optimizer.step:
        return f"{type(optimizer).__name__} takes its steps in its own way"
    if raises_errors():
        return "np.errstate asks for more than warnings"
    return ""


def overrides(callbacks: Sequence[Callback], hook: str) -> bool:
    """Whether a callback does something in a hook."""
    for callback in callbacks:  # in a loop, as it is asked for each batch, mostly of none
        method = getattr(callback, hook)
        if getattr(method, "__func__", method) is not getattr(Callback, hook):
            return True
    return False


_ATTEMPTED = "a compiled step"


class CompiledStep:
    """A step of training: what `nn.compile` returns.

    Attributes:
        backend: what ran in the last call: "numpy", "c", or "eager: " and why.
    """

    def __init__(
        self, model: Module, loss: Any, optimizer: Optimizer, backend: str, reason: str
    ) -> None:
        self._made_of = model, loss, optimizer, backend, reason
        self._model, self._loss, self.optimizer = model, loss, optimizer
        from nn.training.compiled import CompiledSteps

        self._steps = CompiledSteps(model, loss, self._loss_of, optimizer, backend, given_up=reason)
        self._lock = threading.RLock()  # the buffers, and the gradients, are those of one step
        self._looked_at = False
        self._learned: list[int] = []  # the ids of the model's parameters, when they were looked at
        self.backend = "eager: it was not called"

    def __reduce__(self) -> Any:
        # A copy trains its own model, and is compiled anew.
        return CompiledStep, self._made_of

    @property
    def source(self) -> str:
        """The text of what gave the last loss and its gradients; empty if that was not compiled."""
        return self._steps.source

    def __call__(self, X: Any, y: Any) -> float:
        """Take a step on a batch; its loss, before the step."""
        with self._lock:
            usual = self._steps.usual
            loss = usual(X, y) if usual else None
            return self._otherwise(X, y) if loss is None else loss

    def _otherwise(self, X: Any, y: Any) -> float:
        """The same where something is not as it was in the last step."""
        inputs = X if type(X) is np.ndarray else as_arrays(X, "a step with X")
        targets = y if type(y) is np.ndarray else as_arrays(y, "a step with y")
        loss = self._steps.loss(inputs, [targets], update=True)
        if loss is None:
            return self._eager(inputs, targets)
        self.backend = self._steps.backend.name
        return loss

    def _look_at(self, inputs: Any, predictions: Any, targets: Any) -> None:
        """Raise as `nn.fit` does; once, and of what a loss compares where samples are several."""
        made_of = _ATTEMPTED, self._model, [self.optimizer]
        require_known_parameters(*made_of, predictions, inputs)
        require_distributions(_ATTEMPTED, self._loss, predictions)
        if not isinstance(self._loss, Loss):
            from nn.left_alone import call_left_alone

            compared = _ATTEMPTED, self._loss, map_tree(plain, predictions), targets

            def look(rewind: object) -> None:
                require_own_targets(*compared)
                require_predictions_first(*compared)

            call_left_alone(look, self._loss)
        self._looked_at = len(leaves_of(targets)[0]) > 1

    def _loss_of(self, inputs: Any, targets: Any) -> Any:
        return self._loss(called(self._model, inputs), *targets)

    def _eager(self, inputs: Any, targets: Any) -> float:
        learned = [*map(id, self._model._unnamed_parameters())]
        if learned != self._learned:
            require_none_exchanged(_ATTEMPTED, self._model, self.optimizer)
            self._learned = learned
        self._steps.record()
        self.backend = f"eager: {self._steps.reason}"
        predictions = called(self._model, inputs)
        if not self._looked_at:
            self._look_at(inputs, predictions, targets)
        computed = self._loss(predictions, targets)
        require_scalar(computed)
        require_depending(_ATTEMPTED, self._model, computed)
        self.optimizer.zero_grad()
        computed.backward(leaves_only=True)
        self._steps.agree(computed.item())
        self.optimizer.step()
        self.optimizer.zero_grad()
        return computed.item()  # type: ignore[no-any-return] # NumPy says Any


@explains_keywords
def compile(
    model: Module,
    loss: str | Callable[..., Tensor],
    optimizer: Optimizer,
    backend: str = "numpy",
) -> CompiledStep:
    """A step of training as one function: forward pass, loss, backward pass and update.

    `step(X, y)` takes a step on a batch and returns the loss before it, a number. For each shape of
    a batch the first two steps are taken eagerly and recorded; the others run as one function, with
    the same results to the last bit. It is recorded again, a few times, when something changes that
    a step depends on: modes, attributes, frozen parameters. A step that cannot be compiled is taken
    eagerly, and `step.backend` says why. Gradients are not kept in `.grad`.

    Args:
        model: the model, in its current mode.
        loss: a function of predictions and targets, or a name, such as "mse".
        optimizer: holds the model's parameters.
        backend: "numpy", or "c", which needs a compiler and rounds differently.

    Raises:
        ArgumentError: the loss or the back end is unknown, or nothing would be learned.
        UnsupportedError: the model is not a module, or the optimizer not an optimizer.

    >>> import nn
    >>> import numpy as np
    >>> model = nn.Dense(1, 1, rng=0)
    >>> step = nn.compile(model, "mse", nn.SGD(model.parameters(), learning_rate=0.1))
    >>> rng = np.random.default_rng(0)
    >>> for _ in range(300):
    ...     X = rng.normal(size=(8, 1))
    ...     loss = step(X, 3 * X + 1)
    >>> loss < 1e-6, step.backend
    (True, 'numpy')
    """
    loss = loss_function(loss)
    trained_parameters(model, loss, optimizer, "compile")
    require("compile", "backend", backend, one_of("numpy", "c"))
    return CompiledStep(model, loss, optimizer, backend, why_not(optimizer))
