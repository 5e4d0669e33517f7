"""Which trainings are compiled: those of which all is known that a step depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import Range, one_of, require
from autograd_lite.names import explains_keywords
from nn.losses.loss_function import loss_function
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.training.callback import Callback, Training
from nn.training.compiled import CompiledSteps, surroundings_of
from nn.training.evaluation import require_scalar
from nn.training.fit_arguments import trained_parameters
from nn.training.inputs import as_arrays, called
from nn.training.samples import Samples

FEWEST = 20
"""Steps from which on recording them takes less time than it saves."""
BACKENDS = Range(lambda x: x in (True, False, "numpy"), 'True, False or "numpy"')


def steps_of(training: Training, samples: Samples, compile: Any) -> CompiledSteps:  # noqa: A002
    """The steps of a training; they say why they are not compiled."""
    require("fit", "compile", compile, BACKENDS)

    def loss_of(inputs: Any, targets: Any) -> Any:
        return samples.loss_of(called(training.model, inputs), *targets)

    steps = CompiledSteps(training.model, samples.loss, loss_of, training.optimizer)
    size = training.arguments["batch_size"]
    count = (training.epochs - training.epoch) * -(-samples.n // size)
    if not compile:
        steps.reason = "it was asked for"
    elif count < FEWEST:
        steps.reason = f"{count} steps are fewer than {FEWEST}"
    else:
        steps.reason = why_not(training.model, samples.loss, training.optimizer)
    return steps


def why_not(model: Module, loss: Any, optimizer: Optimizer) -> str:
    """What is in the way of compiling steps, in words; nothing where nothing is."""
    if type(optimizer).step is not Optimizer.step:
        return f"{type(optimizer).__name__} takes its steps in its own way"
    if any(how not in ("warn", "ignore") for how in np.geterr().values()):
        return "np.errstate asks for more than warnings"
    return surroundings_of(model, loss).acts


class CompiledStep:
    """A step of training: what `nn.compile` returns.

    Attributes:
        backend: what ran in the last call: "numpy", or "eager: " and why.
    """

    def __init__(self, model: Module, loss: Any, optimizer: Optimizer) -> None:
        def loss_of(inputs: Any, targets: Any) -> Any:
            return loss(called(model, inputs), *targets)

        self.optimizer, self._loss_of = optimizer, loss_of
        self._steps = CompiledSteps(model, loss, loss_of, optimizer)
        self._steps.reason = why_not(model, loss, optimizer)
        self.backend = "eager: it was not called"

    @property
    def source(self) -> str:
        """The text of what ran in the last call; empty if that was not compiled."""
        return self._steps.source

    def __call__(self, X: Any, y: Any) -> float:  # noqa: N803
        """Take a step on a batch; its loss, before the step."""
        inputs, targets = as_arrays(X, "a step with X"), as_arrays(y, "a step with y")
        loss = self._steps.loss(inputs, [targets])
        if loss is not None:
            self.backend = "numpy"
            self._steps.update(require_finite=False)
            return loss
        self.backend = f"eager: {self._steps.reason or 'it is being recorded'}"
        self.optimizer.zero_grad()
        computed = self._loss_of(inputs, [targets])
        require_scalar(computed)
        computed.backward(leaves_only=True)
        self._steps.agree(computed.item())
        self.optimizer.step()
        self.optimizer.zero_grad()
        return computed.item()  # type: ignore[no-any-return]


@explains_keywords
def compile(  # noqa: A001 - its name everywhere
    model: Module,
    loss: str | Callable[..., Tensor],
    optimizer: Optimizer,
    backend: str = "numpy",
) -> CompiledStep:
    """A step of training as one function: forward pass, loss, backward pass and update.

    `step(X, y)` takes a step on a batch, and returns the loss before it, a number. For each shape
    of a batch the first two steps are taken eagerly, and recorded; the others are run as one
    function, with the same results to the last bit. It is recorded again, a few times, where
    something changes that a step depends on: modes, attributes, parameters that are frozen. Where a
    step cannot be compiled it is taken eagerly, and `step.backend` says why. Gradients are not kept
    in `.grad`.

    Args:
        model: in the mode that it is in.
        loss: a function of predictions and targets, or a name, such as "mse".
        optimizer: holds the model's parameters.
        backend: "numpy".

    Raises:
        ArgumentError: the loss or the back end is unknown, or nothing would be learned.
        UnsupportedError: the model is no module, or the optimizer none.

    >>> import nn
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
    trained_parameters(model, loss, optimizer)
    require("compile", "backend", backend, one_of("numpy"))
    return CompiledStep(model, loss, optimizer)


def overrides(callbacks: Sequence[Callback], hook: str) -> bool:
    """Whether a callback does something in a hook."""
    methods = [getattr(callback, hook) for callback in callbacks]
    return any(getattr(x, "__func__", x) is not getattr(Callback, hook) for x in methods)
