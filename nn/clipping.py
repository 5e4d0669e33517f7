"""Gradients that are too long, made shorter between `backward()` and the optimizer's step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, GradientError, UnsupportedError, describe_one
from nn.ranges import POSITIVE


def clip_gradient_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients by one factor, so that their joint Euclidean norm is at most `max_norm`.

    g = g min(1, max_norm / ‖g‖), where ‖g‖² sums over all entries of all gradients (Pascanu,
    Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013).

    Args:
        parameters: tensors, such as `model.parameters()`; those without a gradient are left out.
        max_norm: above 0.

    Returns:
        The norm before clipping, 0 if there is no gradient.

    Raises:
        ArgumentError: max_norm is not above 0.
        GradientError: a gradient is NaN or infinite; nothing is changed.
        UnsupportedError: something is no tensor.

    >>> x = Tensor([1.0, 1.0], requires_grad=True)
    >>> (x * np.array([3.0, 4.0])).sum().backward()
    >>> clip_gradient_norm([x], max_norm=1.0)
    5.0
    >>> x.grad
    array([0.6, 0.8])
    """
    tensors = _with_gradients("clip_gradient_norm", parameters, "max_norm", max_norm)
    largest = max((_largest(tensor) for tensor in tensors), default=0.0)
    if largest == 0:
        return 0.0
    # Dividing by the largest entry keeps the squares from overflowing.
    squares = (np.square(_array(tensor) / largest).sum(dtype=float) for tensor in tensors)
    norm = largest * math.sqrt(sum(squares))
    if norm > max_norm:
        for tensor in tensors:
            tensor.grad = _array(tensor) * (max_norm / norm)
    return norm


def clip_gradient_value(parameters: Iterable[Tensor], max_value: float) -> None:
    """Bring each entry of the gradients into [-max_value, max_value].

    Args:
        parameters: tensors, such as `model.parameters()`; those without a gradient are left out.
        max_value: above 0.

    Raises:
        ArgumentError: max_value is not above 0.
        UnsupportedError: something is no tensor.

    >>> x = Tensor([1.0, 1.0], requires_grad=True)
    >>> (x * np.array([-3.0, 0.5])).sum().backward()
    >>> clip_gradient_value([x], max_value=1.0)
    >>> x.grad
    array([-1. ,  0.5])
    """
    for tensor in _with_gradients("clip_gradient_value", parameters, "max_value", max_value):
        tensor.grad = np.clip(_array(tensor), -max_value, max_value)


def _with_gradients(function: str, parameters: Any, name: str, limit: float) -> list[Tensor]:
    """The tensors that have a gradient, each once."""
    if isinstance(parameters, Tensor) or not isinstance(parameters, Iterable):
        raise UnsupportedError(
            f"{function} of {describe_one(parameters)}",
            "parameters are a list of tensors",
            "Give model.parameters(), or write [tensor]",
        )
    tensors = list(parameters)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise UnsupportedError(
                f"{function} of {describe_one(tensor)}",
                "it is no tensor",
                "Give model.parameters()",
            )
    if not POSITIVE.holds(limit):
        raise ArgumentError(
            f"{function} with {name}={limit!r}", "out of range", f"Give {POSITIVE.wanted}"
        )
    return [tensor for tensor in dict.fromkeys(tensors) if tensor.grad is not None]


def _array(tensor: Tensor) -> Any:
    return tensor.grad.data if isinstance(tensor.grad, Tensor) else tensor.grad


def _largest(tensor: Tensor) -> float:
    largest = float(np.max(np.abs(_array(tensor)), initial=0.0))
    if not math.isfinite(largest):
        raise GradientError(
            f"clip_gradient_norm of {describe_one(tensor)}",
            "its gradient is NaN or infinite, and so is the norm",
            "Lower the learning rate, or clip with clip_gradient_value",
        )
    return largest
