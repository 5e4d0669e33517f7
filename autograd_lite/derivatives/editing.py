"""What the functions that leave out, put in, choose, arrange and sort entries are made of."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.derivatives.shaping import as_operand, astype
from autograd_lite.foreign import beside
from autograd_lite.modes import decisive
from autograd_lite.node import Array, plain
from autograd_lite.precision import require_numbers
from autograd_lite.table import composed, define, without_derivative
from autograd_lite.trees import map_tree


def _on_axis(array: Any, axis: int | None) -> tuple[Array, int]:
    """An array and one of its axes; all entries in one where no axis is named."""
    array = as_operand(array)
    if axis is None:
        return np.ravel(array), 0
    return array, normalize_axis_index(axis, array.ndim)


@composed(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Array:
    """The array and the values joined, in the order that inserting makes of their numbers."""
    arr, axis = _on_axis(arr, axis)
    obj, values = decisive(obj), as_operand(values)
    values = np.reshape(values, (*[1] * (arr.ndim - values.ndim), *values.shape))
    n, index = arr.shape[axis], obj if isinstance(obj, slice) else np.asarray(obj)
    if isinstance(index, slice):
        count = len(range(*index.indices(n)))
    elif index.dtype == bool:
        count = int(index.sum())
    elif index.ndim:
        count = index.size
    else:
        values = np.moveaxis(values, 0, axis)
        count = values.shape[axis]
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    values = astype(np.broadcast_to(values, shape), arr.dtype)
    order = np.insert(np.arange(n), obj, n + np.arange(count))
    return np.take(np.concatenate([arr, values], axis), order, axis)


@composed(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Array:
    """Those entries along an axis that are left."""
    arr, axis = _on_axis(arr, axis)
    return np.take(arr, np.delete(np.arange(arr.shape[axis]), decisive(obj)), axis)


@composed(np.resize)
def resize(a: Any, new_shape: Any) -> Array:
    """The entries again and again, until the shape is filled."""
    shape = (new_shape,) if np.ndim(new_shape) == 0 else tuple(new_shape)
    if any(length < 0 for length in shape):
        raise ValueError(f"the lengths of a shape are 0 or more, not {shape}")
    entries, size = np.ravel(as_operand(a)), math.prod(shape)
    if entries.size == 0 and size:
        return np.zeros(shape, entries.dtype)
    return np.reshape(entries[np.arange(size) % max(entries.size, 1)], shape)


@composed(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None) -> Array:
    """Those entries along an axis for which a condition holds."""
    a, axis = _on_axis(a, axis)
    if np.ndim(condition) != 1:
        raise ValueError("condition must be a 1-d array")
    return np.take(a, _places(condition), axis)


@composed(np.extract)
def extract(condition: Any, arr: Any) -> Array:
    """The entries for which a condition holds."""
    return np.ravel(as_operand(arr))[_places(condition)]


def _places(condition: Any) -> Array:
    """Where a condition holds."""
    holds = np.asarray(decisive(condition))
    require_numbers("condition", holds)
    return np.flatnonzero(holds)


@composed(np.choose)
def choose(a: Any, choices: Any, *, mode: str = "raise") -> Array:
    """At each place the entry of that choice whose number stands there."""
    number = np.asarray(decisive(a)).astype(np.intp, casting="safe")
    count = len(choices)
    if mode == "wrap":
        number = number % count
    elif mode == "clip":
        number = np.clip(number, 0, count - 1)
    elif np.any((number < 0) | (number >= count)):
        raise ValueError("invalid entry in choice array")
    values = [x if isinstance(x, int | float) else as_operand(x) for x in choices]
    number, *arrays = np.broadcast_arrays(number, *map(as_operand, values))
    chosen = np.take_along_axis(np.stack(arrays), plain(number)[None], 0)[0]
    dtype = np.result_type(*values)
    return chosen if chosen.dtype == dtype else astype(chosen, dtype)


@composed(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Array:
    """Each function at the entries for which its condition is the last that holds; else 0."""
    x, condlist = as_operand(x), decisive(condlist)
    if np.ndim(condlist) <= x.ndim and (np.ndim(condlist) == 0 or np.ndim(condlist[0]) == 0):
        condlist = [condlist]
    conditions = [np.broadcast_to(np.asarray(decisive(c), bool), x.shape) for c in condlist]
    functions = list(funclist)
    if len(functions) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    elif len(functions) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or "
            f"{len(conditions) + 1} functions are expected"
        )
    result, taken = np.zeros_like(x), np.full(x.shape, False)
    for condition, function in list(zip(conditions, functions))[::-1]:
        here = condition & ~taken
        taken = taken | condition
        if callable(function):
            values = function(x[here], *args, **kw) + np.zeros(int(here.sum()), x.dtype)
            result = result + scatter(values, here, x.shape)
        else:
            result = np.where(here, function, result)
    return astype(result, x.dtype)


@composed(np.apply_along_axis)
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Array:
    """What a function makes of each vector along an axis, in the place of the vector."""
    arr = as_operand(arr)
    axis = normalize_axis_index(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    kept = rows.shape[:-1]
    results = [as_operand(func1d(rows[index], *args, **kwargs)) for index in np.ndindex(*kept)]
    if not results:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    made = results[0].shape
    joined = np.reshape(np.stack(results), (*kept, *made))
    return np.moveaxis(joined, range(len(kept), joined.ndim), range(axis, axis + len(made)))


def _depth(arrays: Any) -> int:
    return 1 + max(map(_depth, arrays), default=0) if isinstance(arrays, list) else 0


def _blocks(arrays: Any, depth: int, ndim: int) -> Array:
    if not isinstance(arrays, list):
        array = as_operand(arrays)
        return np.reshape(array, (*[1] * (ndim - array.ndim), *array.shape))
    return np.concatenate([_blocks(part, depth - 1, ndim) for part in arrays], axis=-depth)


@composed(np.block)
def block(arrays: Any) -> Array:
    """Nested lists joined: the innermost along the last axis, those around along the one before."""
    ndims: list[int] = []
    map_tree(lambda part: ndims.append(np.ndim(part)), arrays)
    depth = _depth(arrays)
    return _blocks(arrays, depth, max(depth, *ndims))


@composed(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Array:
    """The sum of the weights of each number, or how often it occurs."""
    x = decisive(x)
    if weights is None:
        return np.bincount(x, minlength=minlength)
    weights = as_operand(weights)
    counts = np.bincount(x, minlength=operator.index(minlength))
    if weights.shape != np.shape(x):
        raise ValueError("The weights and list don't have the same length.")
    return scatter(astype(weights, np.dtype(float)), np.asarray(x, np.intp), counts.shape)


def _shared(g: Array, ordered: Array) -> Array:
    """g averaged, along the last axis, over each run of equal entries of an ordered array."""
    first = beside(np.full(ordered.shape, True), ordered)
    first[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    if first.all():
        return g
    run = np.cumsum(first) - 1
    sums = scatter(g.reshape(-1), run, (int(run[-1]) + 1,))
    return (sums / np.bincount(run))[run].reshape(g.shape)


def _rearranged(g: Array, y: Array, a: Array, axis: int | None) -> Array:
    """The cotangent of an argument of which the output has the same entries in another order."""
    if axis is None:
        return _rearranged(g, y, a.reshape(-1), 0).reshape(a.shape)
    g, y, x = (np.moveaxis(array, axis, -1) for array in (g, y, a))
    order = np.argsort(y)
    g, y = np.take_along_axis(g, order, -1), np.take_along_axis(y, order, -1)
    rank = np.argsort(np.argsort(x))
    return np.moveaxis(np.take_along_axis(_shared(g, y), rank, -1), -1, axis)


define(np.sort, lambda g, y, a, axis=-1, *_, **kind: _rearranged(g, y, a, axis))
define(np.partition, lambda g, y, a, kth, axis=-1, *_, **kind: _rearranged(g, y, a, axis))

without_derivative("argpartition digitize isin lexsort searchsorted")
