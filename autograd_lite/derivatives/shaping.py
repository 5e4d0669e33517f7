"""Derivatives of what changes the shape, the order of axes or the dtype, joins, and takes apart."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_lite.errors import ShapeError, describe_one
from autograd_lite.foreign import admit
from autograd_lite.node import Array, Node
from autograd_lite.operation import Traits
from autograd_lite.table import composed, define, differentiable, without_derivative
from autograd_lite.trees import nested_without_end

MOVES = Traits(moves=True, linear=(0,))


def as_operand(value: Any) -> Array:
    """Nested lists and numbers as the array they mean; an array or a tensor as it is.

    >>> as_operand([1, 2])
    array([1, 2])
    """
    return value if hasattr(value, "shape") else array_of(value)


def array_of(values: Any) -> Array:
    """The array that nested lists mean, in which there may be tensors."""
    values = admit(values, "array of")
    try:
        if isinstance(values, list | tuple) and _hold_nodes(values):
            return np.stack([as_operand(part) for part in values])
        return np.asarray(values)
    except RecursionError:
        raise nested_without_end(values) from None
    except ValueError as error:
        raise ShapeError(
            f"array of {describe_one(values)}",
            "its lists are of several lengths",
            "Give lists of one length each, or compute with each of them",
        ) from error


def _hold_nodes(values: Any) -> bool:
    kinds = set(map(type, values))
    if any(issubclass(kind, Node) for kind in kinds):
        return True
    return not kinds.isdisjoint((list, tuple)) and any(
        _hold_nodes(part) for part in values if isinstance(part, list | tuple)
    )


def in_floats_of_all(*values: Any) -> list[Array]:
    """Operands in the floating dtype that NumPy makes of all; plain numbers do not widen it.

    >>> in_floats_of_all(np.ones(1, np.float32), 2.0)
    [array([1.], dtype=float32), array(2., dtype=float32)]
    """
    kinds = [x if isinstance(x, int | float) else as_operand(x).dtype for x in values]
    dtype = np.result_type(1.0, *kinds)
    operands = map(as_operand, values)
    return [x if x.dtype == dtype else astype(x, dtype) for x in operands]


def along(x: Array, axis: int, part: Any) -> Array:
    """x indexed along one of its axes.

    >>> along(np.array([[1, 2], [3, 4]]), axis=-1, part=0)
    array([1, 3])
    """
    return x[(slice(None),) * normalize_axis_index(axis, x.ndim) + (part,)]


def on_axis(x: Array, axis: int, ndim: int) -> Array:
    """A vector in a shape that broadcasts along one axis of an array of some dimension.

    >>> on_axis(np.ones(2), axis=-2, ndim=3).shape
    (1, 2, 1)
    """
    return np.reshape(x, [-1 if i == axis % ndim else 1 for i in range(ndim)])


# Shape


def reshape(a: Array, shape: Any, order: str = "C") -> Array:
    """`np.reshape`, in an order that does not depend on how the array lies in memory."""
    if order not in ("C", "F"):
        raise ValueError(
            f"order={order!r} depends on how the array lies in memory",
            "Write order='C' or order='F'",
        )
    return a.reshape(shape) if order == "C" else np.reshape(a, shape, order="F")


define(
    np.reshape,
    lambda g, y, a, shape, order="C": reshape(g, a.shape, order),
    compute=reshape,
    traits=MOVES,
)
define(np.expand_dims, lambda g, y, a, axis: g.reshape(a.shape), traits=MOVES)
define(np.squeeze, lambda g, y, a, axis=None: g.reshape(a.shape), traits=MOVES)


def _at_least(function: Any, *arys: Any) -> Any:
    """Each array in the shape that NumPy gives to one of its shape."""
    shapes = [function(np.broadcast_to(0, np.shape(array))).shape for array in arys]
    reshaped = tuple(map(np.reshape, arys, shapes))
    return reshaped if len(reshaped) > 1 else reshaped[0]


for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    composed(function)(partial(_at_least, function))


@composed(np.ravel)
def ravel(a: Array, order: str = "C") -> Array:
    """A reshape to one axis."""
    return np.reshape(a, -1, order)  # type: ignore[call-overload] # the order is a plain string


define(
    np.broadcast_to,
    lambda g, y, array, shape: g,
    compute=lambda array, shape: np.broadcast_to(array, shape),
    traits=MOVES._replace(read_only=True),
)


@composed(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Array, ...]:
    """Each array broadcast to the shape of all."""
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(array, shape) for array in args)


# Order of the axes

define(
    np.transpose,
    lambda g, y, a, axes=None: g.transpose(
        None if axes is None else tuple(np.argsort(np.mod(axes, a.ndim)).tolist())
    ),
    traits=MOVES,
)
define(np.swapaxes, lambda g, y, a, axis1, axis2: g.swapaxes(axis1, axis2), traits=MOVES)
composed(np.matrix_transpose)(lambda x: np.swapaxes(x, -1, -2))
# NumPy's own code transposes, which is recorded.
composed(np.moveaxis)(inspect.unwrap(np.moveaxis))
composed(np.rollaxis)(inspect.unwrap(np.rollaxis))

# Order of the entries

define(np.flip, lambda g, y, m, axis=None: np.flip(g, axis), traits=MOVES)
define(np.fliplr, lambda g, y, m: np.fliplr(g), traits=MOVES)
define(np.flipud, lambda g, y, m: np.flipud(g), traits=MOVES)
define(
    np.roll,
    lambda g, y, a, shift, axis=None: np.roll(g, np.negative(shift), axis),
    traits=MOVES,
)
define(np.rot90, lambda g, y, m, k=1, axes=(0, 1): np.rot90(g, -k, axes), traits=MOVES)

# Copies

define(np.copy, lambda g, y, a: g, compute=lambda a: a.copy(), traits=MOVES)


@differentiable(lambda g, y, x, dtype: g, traits=MOVES._replace(elementwise=True))
def astype(x: Array, dtype: Any) -> Array:
    """Copy of x with another dtype."""
    return x.astype(dtype)


composed(np.astype)(lambda x, dtype: astype(x, np.dtype(dtype)))


without_derivative(
    "can_cast common_type iscomplexobj isrealobj may_share_memory result_type shares_memory"
)


def _concatenate_vjp(
    g: Array, y: Array, *arrays: Array, axis: int | None = 0
) -> Callable[[int], Array]:
    """Each array gets the part of the cotangent that lies where it was put."""
    sizes = [array.size if axis is None else array.shape[axis] for array in arrays]
    stops = list(itertools.accumulate(sizes))

    def contribution_to(index: int) -> Array:
        part = slice(stops[index] - sizes[index], stops[index])
        return g[part].reshape(arrays[index].shape) if axis is None else along(g, axis, part)

    return contribution_to


define(
    np.concatenate,
    _concatenate_vjp,
    compute=lambda *arrays, axis=0: np.concatenate(arrays, axis=axis),
    sequence=True,
    traits=Traits(additive=True),
)
define(
    np.stack,
    lambda g, y, *arrays, axis=0: lambda index: along(g, axis, index),
    compute=lambda *arrays, axis=0: np.stack(arrays, axis=axis),
    sequence=True,
    traits=Traits(additive=True),
)


@composed(np.column_stack)
def column_stack(tup: Any) -> Array:
    """Joined along the second axis, vectors as columns."""
    columns = [x if np.ndim(x) > 1 else np.reshape(x, (-1, 1)) for x in tup]
    return np.concatenate(columns, axis=1)


@composed(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Array:
    """A concatenation of two."""
    return np.concatenate([as_operand(arr), as_operand(values)], axis=axis)


@composed(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Slices along an axis, where NumPy splits the numbers of its entries."""
    split = inspect.unwrap(np.array_split)
    places = split(np.arange(ary.shape[axis]), indices_or_sections)
    ends = [(part[0], part[-1] + 1) if part.size else (0, 0) for part in places]
    return [along(ary, axis, slice(int(start), int(stop))) for start, stop in ends]


# NumPy's own code calls np.concatenate, or checks and calls np.array_split, which are recorded.
for written_out in (np.hstack, np.vstack, np.dstack, np.split, np.hsplit, np.vsplit, np.dsplit):
    composed(written_out)(inspect.unwrap(written_out))
