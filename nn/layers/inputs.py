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


def require_shape(
    layer: Any,
    x: Any,
    *shapes: tuple[Any, ...],
    name: str = "inputs",
    hint: str = "",
    beside: Any = None,
) -> Tensor:
    """What a layer is given, once it is real numbers of one of some shapes.

    A shape has for each axis its length, or a name where that may be any, and `...` where there may
    be any number of axes. It may be that of what goes `beside` something else.

    Raises:
        ShapeError: it has another shape.
        UnsupportedError: it is no array of real numbers.
    """
    given = require_input(layer, x)
    wrong = [_wrong_axes(given.shape, shape) for shape in shapes]
    if [] in wrong:
        return given
    axis = next((axes[0] for axes in wrong if axes), None)
    found = (
        f"{given.ndim} axes" if axis is None else f"length {given.shape[axis]} along axis {axis}"
    )
    texts = (", ".join("..." if each is ... else str(each) for each in shape) for shape in shapes)
    other = "" if beside is None else f" beside {describe_one(beside)}"
    raise ShapeError(
        f"{called(layer, given)}{other}",
        f"it takes {name} of shape {' or '.join(f'({text})' for text in texts)}, and this has "
        f"{found}",
        f"Give {name} of that shape{hint and ', '}{hint}",
    )


def _wrong_axes(have: tuple[int, ...], wanted: tuple[Any, ...]) -> list[int] | None:
    """The axes whose lengths differ; None where there are more or fewer."""
    first = wanted.index(...) if ... in wanted else len(wanted)
    last = wanted[first + 1 :]
    others = len(have) - first - len(last)
    if others < 0 or (others > 0 and first == len(wanted)):
        return None
    lengths = [*wanted[:first], *have[first : first + others], *last]
    pairs = enumerate(zip(have, lengths))
    return [axis for axis, (one, two) in pairs if one != two and type(two) is not str]


def require_images(layer: Any, x: Any, axes: int | None, channels: int | None = None) -> Tensor:
    """What a layer is given, once it is images (n, channels, ...) of so many axes and channels."""
    names: tuple[Any, ...] = ("length", ...)
    if axes is not None:
        names = ("length",) if axes == 1 else ("depth", "height", "width")[-axes:]
    hint = "as x[None] of a single image and x[:, None] of images of one channel, or make the "
    hint += "layer for others"
    shape: Any = getattr(x, "shape", ())
    if len(shape) == len(names) + 2 and shape[-1] == channels:
        hint = "as np.moveaxis(x, -1, 1), which puts the channels there"
    return require_shape(layer, x, ("n", channels or "channels", *names), hint=hint)


def require_sequences(
    layer: Any, name: str, x: Any, features: int, beside: Any = None, length: Any = "length"
) -> Any:
    """What a layer is given as its argument of that name, once it is sequences of such features.

    There are as many as samples beside them, and they may have to be of one length.
    """
    n = "n" if beside is None else beside.shape[0]
    axes = (n, length) if layer.batch_first else (length, n)
    hint = "as x[None] of a single sequence and x[:, :, None] of one feature, or make the layer "
    hint += "for others"
    return require_shape(layer, x, (*axes, features), name=name, hint=hint, beside=beside)


def in_place(features: Any, x: Any) -> Any:
    """A vector in the shape that is broadcast along axis 1 of x."""
    return features if x.ndim == 2 else features.reshape(-1, *(1,) * (x.ndim - 2))
