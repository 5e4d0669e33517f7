"""Which trainings are compiled: those of which all is known that a step depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.arguments import Range, require
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.training.callback import Callback, Training
from nn.training.compiled import CompiledSteps
from nn.training.inputs import called
from nn.training.samples import Samples

FEWEST = 20
"""Steps from which on recording them takes less time than it saves."""
BACKENDS = Range(lambda x: x in (True, False, "numpy"), 'True, False or "numpy"')
PACKAGES = ("nn", "autograd_lite", "numpy")


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
    for name, module in model.named_modules():
        if not _is_own(type(module)):
            return f"{type(module).__name__} is a module of your own"
        for held in vars(module).values():
            if callable(held) and not isinstance(held, Module) and not _is_own(held):
                return f"{name or 'the model'} calls a function of your own"
    if not _is_own(type(loss)):
        return "the loss is a function of your own"
    if type(optimizer).step is not Optimizer.step:
        return f"{type(optimizer).__name__} takes its steps in its own way"
    settings = np.geterr()
    if any(how not in ("warn", "ignore") for how in settings.values()):
        return "np.errstate asks for more than warnings"
    return ""


def _is_own(kind: Any) -> bool:
    module = getattr(kind, "__module__", None) or ""
    return module.partition(".")[0] in PACKAGES or isinstance(kind, np.ufunc)


def overrides(callbacks: Sequence[Callback], hook: str) -> bool:
    """Whether a callback does something in a hook."""
    methods = [getattr(callback, hook) for callback in callbacks]
    return any(getattr(x, "__func__", x) is not getattr(Callback, hook) for x in methods)
