"""Optimizers: how a step changes parameters, given their gradients.

The update of an optimizer is written for flat arrays. Parameters of one dtype lie in one buffer,
so that a step takes a handful of NumPy calls however many layers there are; long buffers are
treated in blocks that stay in the processor's cache.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.engine import mark_mutated
from autograd_lite.errors import (
    ArgumentError,
    MutationError,
    ShapeError,
    UnsupportedError,
    describe_one,
)
from nn.module import Parameter

BLOCK = 65536
"""Entries that are updated at a time."""


class _Run:
    """Tensors of one dtype that take their steps together.

    Their values, gradients and optimizer state lie each in one flat array. The array of a
    `Parameter` is moved there for good; a plain tensor may share its memory with an array of the
    user's, so its values are copied in and out.
    """

    def __init__(self, tensors: list[Tensor], arrays: list[Any], steps: int = 0) -> None:
        self.tensors = tensors
        self.arrays = arrays
        self.steps = steps
        self.bounds = np.cumsum([0, *(tensor.size for tensor in tensors)]).tolist()
        self.value_views = self._views(arrays[0])
        self.gradient_views = self._views(arrays[1])
        self.plain = [
            (tensor, view)
            for tensor, view in zip(tensors, self.value_views)
            if not isinstance(tensor, Parameter)
        ]
        scratch = np.empty_like(arrays[0][:BLOCK])
        self.blocks = []
        for start in range(0, self.bounds[-1], BLOCK):
            block = [array[start : start + BLOCK] for array in arrays]
            self.blocks.append((scratch[: len(block[0])], *block))

    def _views(self, flat: Any) -> list[Any]:
        return [
            flat[start:stop].reshape(tensor.shape)
            for tensor, start, stop in zip(self.tensors, self.bounds, self.bounds[1:])
        ]

    def __reduce__(self) -> Any:
        # A copy shares no memory with its views, so they are made anew.
        return _Run, (self.tensors, self.arrays, self.steps)

    def parts(self) -> list[_Run]:
        """This run, or if some tensors have a gradient and others none, runs of neighbours."""
        missing = [tensor for tensor in self.tensors if tensor.grad is None]
        if not missing or len(missing) == len(self.tensors):
            return [self]
        parts, first = [], 0
        for _, group in itertools.groupby(self.tensors, key=lambda tensor: tensor.grad is None):
            tensors = list(group)
            start, stop = self.bounds[first], self.bounds[first + len(tensors)]
            parts.append(_Run(tensors, [array[start:stop] for array in self.arrays], self.steps))
            first += len(tensors)
        return parts

    def elsewhere(self) -> list[tuple[Tensor, Any, Any]]:
        """Tensors whose arrays are not in the buffer, their views in it, copies of their arrays."""
        found = []
        for tensor, view in zip(self.tensors, self.value_views):
            array = tensor._data
            if array is not view:
                if array.shape != view.shape or array.dtype != view.dtype:
                    raise MutationError(
                        f"optimizer step of {describe_one(tensor)}",
                        f"when the optimizer was made it had shape {view.shape} and dtype "
                        f"{view.dtype}, now shape {tensor.shape} and dtype {tensor.dtype}",
                        "Make a new optimizer after changing the shape or dtype of a parameter",
                    )
                found.append((tensor, view, array.copy()))
        return found

    def collect_gradients(self) -> None:
        """Copy the tensors' gradients into the flat one."""
        for tensor, view in zip(self.tensors, self.gradient_views):
            gradient = tensor.grad.data if isinstance(tensor.grad, Tensor) else tensor.grad
            if gradient.shape != view.shape:
                raise ShapeError(
                    f"optimizer step of {describe_one(tensor)}",
                    f"its .grad has shape {gradient.shape}",
                    f"Assign gradients of the shape {view.shape}",
                )
            view[...] = gradient

    def copy_out(self) -> None:
        """Give plain tensors their values back."""
        for tensor, view in self.plain:
            if isinstance(tensor._data, np.generic):
                tensor._data = view[()]
            else:
                tensor._data[...] = view


class Optimizer:
    """Base of optimizers: a subclass says how it updates a flat array.

    The arrays of parameters move into buffers of the optimizer's: an array that was taken from
    `parameter.data` before is no longer the parameter's.

    Args:
        parameters: leaf tensors, such as `model.parameters()`; those without a gradient, such as
            frozen ones, are left alone.
        learning_rate: factor of the step, above 0.

    Raises:
        ArgumentError: there are no parameters, or a number is out of its range.
        UnsupportedError: a parameter is no leaf tensor of floats.
    """

    state_arrays = 0
    """How many arrays of the parameters' size `update` keeps."""

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float) -> None:
        if isinstance(parameters, Tensor):
            raise UnsupportedError(
                f"{type(self).__name__} of {describe_one(parameters)}",
                "parameters are a list, and this is a tensor",
                "Write [tensor]",
            )
        parameters = list(parameters)
        self.learning_rate = learning_rate
        self._require(learning_rate > 0, f"learning_rate={learning_rate}", "above 0")
        self._require(bool(parameters), "no parameters", "at least one tensor")
        for parameter in parameters:
            leaf = isinstance(parameter, Tensor) and parameter.operation is None
            if not leaf or parameter.dtype.kind != "f":
                raise UnsupportedError(
                    f"{type(self).__name__} of {describe_one(parameter)}",
                    "it is no tensor of floats that was made rather than computed",
                    "Give model.parameters(), or tensors made with requires_grad=True",
                )
        self.parameters = list(dict.fromkeys(parameters))
        groups: dict[Any, list[Tensor]] = {}
        for parameter in self.parameters:
            groups.setdefault(parameter.dtype, []).append(parameter)
        self._runs = []
        for dtype, tensors in groups.items():
            size = sum(tensor.size for tensor in tensors)
            arrays = [np.zeros(size, dtype) for _ in range(2 + self.state_arrays)]
            self._runs.append(_Run(tensors, arrays))
        self._copy_in()

    def _copy_in(self) -> None:
        """Take in the arrays of plain tensors, and those newly assigned to parameters."""
        found = [entry for run in self._runs for entry in run.elsewhere()]
        for tensor, view, values in found:
            view[...] = values
            if isinstance(tensor, Parameter):
                tensor._data = view

    def _require(self, holds: bool, given: str, wanted: str) -> None:
        if not holds:
            raise ArgumentError(
                f"{type(self).__name__} with {given}", "out of range", f"Give {wanted}"
            )

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Change each parameter that has a gradient.

        Raises:
            MutationError: the shape or dtype of a parameter was changed.
            ShapeError: a gradient has another shape than its parameter.

        After an error nothing is updated.
        """
        self._runs = [part for run in self._runs for part in run.parts()]
        self._copy_in()
        runs = [run for run in self._runs if run.tensors[0].grad is not None]
        for run in runs:
            run.collect_gradients()
        for run in runs:
            run.steps += 1
            for block in run.blocks:
                self.update(run.steps, *block)
            run.copy_out()
            mark_mutated(*run.tensors)

    def update(self, step: int, scratch: Any, values: Any, gradient: Any, *state: Any) -> None:
        """Change flat values in place, in their step number `step`, counted from 1.

        The gradient and the scratch array may be overwritten; the state begins as zeros.
        """
        raise NotImplementedError


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    v = momentum v + g
    θ = θ - learning_rate v, or with nesterov: θ - learning_rate (g + momentum v)

    (Sutskever et al., "On the importance of initialization and momentum", 2013.) Weight decay is
    decoupled from the gradient: θ is first multiplied by 1 - learning_rate weight_decay.

    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data
    array([0.8])
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.state_arrays = 1 if momentum else 0
        self._require(0 <= momentum < 1, f"momentum={momentum}", "0 <= momentum < 1")
        self._require(weight_decay >= 0, f"weight_decay={weight_decay}", "0 or more")
        self._require(
            momentum > 0 or not nesterov, "nesterov=True and momentum=0", "a momentum above 0"
        )
        super().__init__(parameters, learning_rate)

    def update(self, step: int, scratch: Any, values: Any, gradient: Any, *state: Any) -> None:
        """The equations above."""
        if self.weight_decay:
            values *= 1 - self.learning_rate * self.weight_decay
        if state:
            (velocity,) = state
            velocity *= self.momentum
            velocity += gradient
            if self.nesterov:
                np.multiply(velocity, self.momentum, out=scratch)
                gradient += scratch
            else:
                gradient = velocity
        np.multiply(gradient, self.learning_rate, out=scratch)
        values -= scratch


class Adam(Optimizer):
    """Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015).

    m = β1 m + (1 - β1) g;  v = β2 v + (1 - β2) g²
    θ = θ - learning_rate (m / (1 - β1ᵗ)) / (√(v / (1 - β2ᵗ)) + epsilon)

    >>> x = Tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([x], learning_rate=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([0.9])
    """

    state_arrays = 2

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self.betas = betas
        self.epsilon = epsilon
        self._require(all(0 <= beta < 1 for beta in betas), f"betas={betas}", "0 <= beta < 1")
        self._require(epsilon > 0, f"epsilon={epsilon}", "above 0")
        super().__init__(parameters, learning_rate)

    def update(self, step: int, scratch: Any, values: Any, gradient: Any, *state: Any) -> None:
        """The equations above; the state holds m / (1 - β1) and v / (1 - β2)."""
        first, second = state
        beta1, beta2 = self.betas
        first *= beta1
        first += gradient
        second *= beta2
        np.multiply(gradient, gradient, out=gradient)
        second += gradient
        # θ -= a m' / (√v' + b), with what is constant in a step gathered in a and b.
        root = math.sqrt((1 - beta2**step) / (1 - beta2))
        np.sqrt(second, out=scratch)
        scratch += self.epsilon * root
        np.divide(first, scratch, out=scratch)
        scratch *= self.learning_rate * root * (1 - beta1) / (1 - beta1**step)
        values -= scratch
