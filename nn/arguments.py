"""What people give besides numbers, and the errors for what cannot be used."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import AutogradError, ShapeError, UnsupportedError, describe_one


def as_array(values: Any, attempted: str) -> Any:
    """An array of numbers, lists, or of a tensor that does not require grad.

    Raises:
        UnsupportedError: nested lists are of different lengths.

    >>> as_array([1.0, 2.0], "predict")
    array([1., 2.])
    """
    try:
        return np.asarray(values)
    except AutogradError:
        raise
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"{attempted} {describe_one(values)}",
            "it is no array, and no lists of one length",
            "Give a NumPy array, or nested lists of one shape",
        ) from error


def require_real(array: Any, attempted: str) -> None:
    """Raise an UnsupportedError unless an array is of real numbers."""
    if array.dtype.kind not in "fiub":
        raise UnsupportedError(
            f"{attempted} {describe_one(array)}",
            f"its dtype {array.dtype} is none of real numbers",
            "Encode it as numbers",
        )


def require_input(layer: object, x: Any) -> None:
    """Raise an UnsupportedError unless a layer is given an array or a tensor of real numbers."""
    attempted = f"{type(layer).__name__} of"
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise UnsupportedError(
            f"{attempted} {describe_one(x)}",
            "it is no array and no tensor",
            "Give a NumPy array: numpy.array(x)",
        )
    require_real(x, attempted)


def require_loss(loss: Any, attempted: str) -> None:
    """Raise an UnsupportedError unless it is a function of predictions and targets."""
    if isinstance(loss, type) or not callable(loss):
        raise UnsupportedError(
            f"{attempted} with loss={describe_one(loss)}",
            "it is no function of predictions and targets",
            f"Write loss={loss.__name__}()" if isinstance(loss, type) else "Write nn.MSELoss()",
        )


def require_path(path: Any, attempted: str) -> None:
    """Raise an UnsupportedError unless it can be the name of a file."""
    if not isinstance(path, str | os.PathLike):
        raise UnsupportedError(
            f"{attempted} {describe_one(path)}",
            "it is no name of a file",
            'Give text, or a pathlib.Path: "model.safetensors"',
        )


def checked_gradient(tensor: Tensor, attempted: str) -> Any:
    """The array of a tensor's `.grad`.

    Raises:
        UnsupportedError: it is none of real numbers.
        ShapeError: it has another shape than the tensor.
    """
    gradient = tensor.grad.data if isinstance(tensor.grad, Tensor) else tensor.grad
    attempted = f"{attempted} {describe_one(tensor)}"
    if not hasattr(gradient, "shape") or not hasattr(gradient, "dtype"):
        raise UnsupportedError(
            attempted,
            f"its .grad is {describe_one(gradient)}, and no array",
            f"Assign an array of the shape {tensor.shape}",
        )
    require_real(gradient, f"{attempted} with .grad")
    if gradient.shape != tensor.shape:
        raise ShapeError(
            attempted,
            f"its .grad has shape {gradient.shape}",
            f"Assign gradients of the shape {tensor.shape}",
        )
    return gradient


def generator(rng: Any, attempted: str) -> np.random.Generator:
    """The generator itself, or one that is made from a seed, or from None.

    Raises:
        UnsupportedError: it is no generator, and no seed.

    >>> generator(0, "Dropout").random() == generator(0, "Dense").random()
    True
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"{attempted} with rng={describe_one(rng)}",
            "it is no generator, and no seed for one",
            "Give numpy.random.default_rng(0), or 0",
        ) from error
