"""Gradients that are too long, made shorter between `backward()` and the optimizer's step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import POSITIVE, Range, require
from autograd_lite.errors import GradientError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords
from nn.optimizers.flat import checked_gradient
from nn.optimizers.groups import listed

LIMIT = Range(POSITIVE.holds, "a finite number above 0")


@explains_keywords
def clip_gradient_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients by one factor so that their joint Euclidean norm is at most `max_norm`.

    g = g min(1, max_norm / ‖g‖), where ‖g‖² sums over all entries of all gradients (Pascanu,
    Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013).

    Args:
        parameters: tensors, such as `model.parameters()`; those without a gradient are left out.
        max_norm: above 0, finite.

    Returns:
        The norm before clipping, 0 if there is no gradient.

    Raises:
        ArgumentError: max_norm is not above 0.
        GradientError: a gradient is NaN or infinite; nothing is changed.
        UnsupportedError: something is not a tensor, or its gradient not an array of real numbers.
        ShapeError: a gradient has another shape than its tensor; nothing is changed.

    >>> x = Tensor([1.0, 1.0], requires_grad=True)
    >>> (x * np.array([3.0, 4.0])).sum().backward()
    >>> clip_gradient_norm([x], max_norm=1.0)
    5.0
    >>> x.grad
    array([0.6, 0.8])
    """
    gradients = _gradients("clip_gradient_norm", parameters, "max_norm", max_norm)
    largest = 0.0
    for tensor, array in gradients.items():
        entry = float(np.abs(array).max()) if array.size else 0.0
        if not math.isfinite(entry):
            raise GradientError(
                f"clip_gradient_norm of {describe_one(tensor)}",
                "its gradient is NaN or infinite, and so is the norm",
                "Lower the learning rate, or clip with clip_gradient_value",
            )
        largest = max(largest, entry)
    if largest == 0:
        return 0.0
    # Dividing by the largest entry keeps the squares from overflowing.
    squares = (np.square(array / largest, dtype=float).sum() for array in gradients.values())
    norm = largest * math.sqrt(sum(squares))
    if norm > max_norm:
        for tensor, array in gradients.items():
            tensor.grad = array * (max_norm / norm)
    return norm


@explains_keywords
def clip_gradient_value(parameters: Iterable[Tensor], max_value: float) -> None:
    """Clip each entry of the gradients to [-max_value, max_value]; NaN stays NaN.

    `max_value` is above 0; other arguments and errors are those of `clip_gradient_norm`.

    >>> x = Tensor([1.0, 1.0], requires_grad=True)
    >>> (x * np.array([-3.0, 0.5])).sum().backward()
    >>> clip_gradient_value([x], max_value=1.0)
    >>> x.grad
    array([-1. ,  0.5])
    """
    gradients = _gradients("clip_gradient_value", parameters, "max_value", max_value)
    for tensor, array in gradients.items():
        tensor.grad = np.clip(array, -max_value, max_value)


def _gradients(function: str, parameters: Any, name: str, limit: float) -> dict[Tensor, Any]:
    """The tensors that have a gradient, each once, and its array."""
    tensors = listed(function, parameters, "tensors")
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise UnsupportedError(
                f"{function} of {describe_one(tensor)}",
                "it is no tensor",
                "Give model.parameters()",
            )
    require(function, name, limit, LIMIT)
    return {
        tensor: checked_gradient(tensor, f"{function} of")
        for tensor in tensors
        if tensor.grad is not None
    }
