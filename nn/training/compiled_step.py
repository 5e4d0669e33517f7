"""A step of training for loops of one's own, which is compiled."""

from __future__ import annotations

from typing import Any

from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.training.compiled import CompiledSteps
from nn.training.evaluation import require_scalar
from nn.training.inputs import as_arrays, called


class CompiledStep:
    """A step of training: what `nn.compile` returns.

    Attributes:
        backend: what ran in the last call: "numpy", "c", or "eager: " and why.
    """

    def __init__(
        self, model: Module, loss: Any, optimizer: Optimizer, backend: str, reason: str
    ) -> None:
        def loss_of(inputs: Any, targets: Any) -> Any:
            return loss(called(model, inputs), *targets)

        self.optimizer, self._loss_of = optimizer, loss_of
        self._steps = CompiledSteps(model, loss, loss_of, optimizer, backend)
        self._steps.reason = reason or self._steps.reason
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
            self.backend = self._steps.name
            self._steps.update(require_finite=False)
            return loss
        why = self._steps.reason or self._steps.hooked or "it is being recorded"
        self.backend = f"eager: {why}"
        computed = self._loss_of(inputs, [targets])
        require_scalar(computed)
        self.optimizer.zero_grad()
        computed.backward(leaves_only=True)
        self._steps.agree(computed.item())
        self.optimizer.step()
        self.optimizer.zero_grad()
        return computed.item()  # type: ignore[no-any-return]
