"""Derivatives of the functions that join arrays, and of those that take them apart."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import along, as_operand
from autograd_lite.node import Array
from autograd_lite.operation import Traits
from autograd_lite.table import composed, define


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


def _each(at_least: Any, arrays: Any) -> list[Array]:
    return [at_least(array) for array in arrays]


composed(np.vstack)(lambda tup: np.concatenate(_each(np.atleast_2d, tup), axis=0))
composed(np.dstack)(lambda tup: np.concatenate(_each(np.atleast_3d, tup), axis=2))


@composed(np.hstack)
def hstack(tup: Any) -> Array:
    """Joined along the second axis, vectors along their only one."""
    arrays = _each(np.atleast_1d, tup)
    return np.concatenate(arrays, axis=0 if arrays and arrays[0].ndim == 1 else 1)


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


# NumPy's own code checks, and calls np.array_split, which is recorded.
for function in (np.split, np.hsplit, np.vsplit, np.dsplit):
    composed(function)(inspect.unwrap(function))
