"""Which trainings are compiled: those of which all is known that a step depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from autograd_lite import Tensor
from autograd_lite.arguments import Range, one_of, require
from autograd_lite.modes import raises_errors
from autograd_lite.names import explains_keywords
from nn.losses.loss_function import loss_function
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.training.callback import Callback, Training
from nn.training.cluster import ClusterRows, ClusterSteps
from nn.training.fit_arguments import trained_parameters
from nn.training.inputs import called
from nn.training.samples import Samples

if TYPE_CHECKING:
    from nn.training.compiled_step import CompiledStep

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
    from nn.training.compiled_step import CompiledStep

    return CompiledStep(model, loss, optimizer, backend, why_not(optimizer))


def overrides(callbacks: Sequence[Callback], hook: str) -> bool:
    """Whether a callback does something in a hook."""
    for callback in callbacks:  # in a loop, as it is asked for each batch, mostly of none
        method = getattr(callback, hook)
        if getattr(method, "__func__", method) is not getattr(Callback, hook):
            return True
    return False
