"""A step of training for loops of one's own, which is compiled."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.node import plain
from autograd_lite.trees import leaves_of, map_tree
from nn.left_alone import call_left_alone
from nn.losses.loss import Loss
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.training.compiled import CompiledSteps
from nn.training.distributions import require_distributions
from nn.training.evaluation import require_scalar
from nn.training.fit_arguments import (
    require_depending,
    require_known_parameters,
    require_none_exchanged,
)
from nn.training.inputs import as_arrays, called
from nn.training.pairing import require_own_targets

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
            pair = map_tree(plain, predictions), targets
            looking = partial(require_own_targets, _ATTEMPTED, self._loss, *pair)
            call_left_alone(lambda rewind: looking(), self._loss)
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
