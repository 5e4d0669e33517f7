"""What layers are given: real numbers, taken into the dtype of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import Range, require_real
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import admit
from nn.configuration import heading


def in_dtype_of(parameter: Tensor, x: Tensor) -> Tensor:
    """An array or a tensor of real numbers in the dtype of a layer's parameter.

    So a float32 model stays float32.
    """
    dtype, wanted = getattr(x, "dtype", None), parameter._array.dtype
    if dtype is wanted or getattr(dtype, "kind", "") not in ("f", "i", "u", "b"):
        return x
    with np.errstate(over="ignore"):
        return x.astype(wanted)


def require_input(layer: object, x: Any) -> Tensor:
    """What a layer is given, as an array or a tensor, once it is one of real numbers.

    Raises:
        UnsupportedError: it is none, or another library's that does not become one.
    """
    attempted = f"{type(layer).__name__} of"
    given: Tensor = admit(x, attempted)
    if not hasattr(given, "shape") or not hasattr(given, "dtype"):
        remedy = "Give a NumPy array: numpy.array(x)"
        if isinstance(given, tuple):
            remedy = "Give one of its entries, as of states, last = lstm(x)"
        raise UnsupportedError(
            f"{attempted} {describe_one(given)}", "it is no array and no tensor", remedy
        )
    require_real(given, attempted)
    return given


def called(layer: Any, x: Any) -> str:
    """A layer, its weight and what it is called with, as errors show them."""
    weight = getattr(layer, "weight", None)
    with_weight = "" if weight is None else f" with weight {describe_one(weight)}"
    return f"{heading(layer)}{with_weight} of {describe_one(x)}"


def require_multiple(
    layer: Any, values: Mapping[str, Any], whole: str, parts: str, of: str
) -> None:
    """Raise an ArgumentError unless one field is a multiple of another, the number of parts."""
    if values[whole] % values[parts]:
        given = ", ".join(f"{n}={values[n]}" for n in layer._fields if n in (whole, parts))
        raise ArgumentError(
            f"{type(layer).__name__} with {given}",
            f"all {parts.removeprefix('num_')} have as many {of}",
            f"Give a multiple of {values[parts]}",
        )


def each_axis(allowed: Range, *names: str) -> Range:
    """The range of one value for all axes of an image, or a tuple of one each; or of a name."""

    def holds(value: Any) -> bool:
        if isinstance(value, tuple):
            return len(value) > 0 and all(map(allowed.holds, value))
        return (isinstance(value, str) and value in names) or allowed.holds(value)

    wanted = [f"{allowed.wanted}, or a tuple of one for each axis of an image", *map(repr, names)]
    return Range(holds, ", or ".join(wanted))


def require_images(layer: Any, x: Any, axes: int | None, channels: int | None = None) -> Tensor:
    """What a layer is given, once it is images (n, channels, ...) of so many axes and channels.

    Raises:
        ShapeError: it has another shape.
        UnsupportedError: it is no array of real numbers.
    """
    images = require_input(layer, x)
    wanted = channels or "channels"
    if axes is None:
        shape, fits = f"(n, {wanted}, ...)", images.ndim > 2
    else:
        names = ("length",) if axes == 1 else ("depth", "height", "width")[-axes:]
        shape, fits = f"(n, {wanted}, {', '.join(names)})", images.ndim == axes + 2
    if not fits:
        raise ShapeError(
            f"{heading(layer)} of {describe_one(images)}",
            f"it takes images of shape {shape}, and this has {images.ndim} axes",
            "Write x[None] for a single image, x[:, None] for images of one channel",
        )
    if channels is not None and images.shape[1] != channels:
        remedy = f"Give inputs of shape {shape}, or make the layer for {images.shape[1]} channels"
        if images.shape[-1] == channels:
            remedy = f"Give inputs of shape {shape}: np.moveaxis(x, -1, 1) puts the channels there"
        raise ShapeError(
            called(layer, images),
            f"axis 1 of the input has {images.shape[1]} channels, and the layer takes {channels}",
            remedy,
        )
    return images


def require_sequences(layer: Any, name: str, x: Any, features: int) -> Any:
    """What a layer is given as its argument of that name, once it is sequences of such features.

    Raises:
        ShapeError: it has another shape.
        UnsupportedError: it is no array of real numbers.
    """
    x = require_input(layer, x)
    if x.ndim != 3 or x.shape[2] != features:
        axes = "n, length" if layer.batch_first else "length, n"
        found = f"axis 2 has {x.shape[2]} features" if x.ndim == 3 else f"this has {x.ndim} axes"
        raise ShapeError(
            f"{heading(layer)} of {name} {describe_one(x)}",
            f"it takes {name} of shape ({axes}, {features}), and {found}",
            f"Give {name} of that shape, as x[None] of a single sequence and x[:, :, None] of one "
            "feature, or make the layer for others",
        )
    return x


def in_place(features: Any, x: Any) -> Any:
    """A vector in the shape that is broadcast along axis 1 of x."""
    return features if x.ndim == 2 else features.reshape(-1, *(1,) * (x.ndim - 2))
