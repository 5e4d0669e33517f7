"""Derivatives of the functions that pick, repeat or mask entries."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import MOVES, as_operand
from autograd_lite.foreign import beside, is_on_card
from autograd_lite.node import Array, plain
from autograd_lite.operation import Traits
from autograd_lite.precision import widened
from autograd_lite.table import TABLE, composed, define, differentiable, without_derivative
from autograd_lite.trees import map_tree

INDEXES = MOVES._replace(indexes=True)

# Indices


BASIC = {int, slice, type(None), type(Ellipsis)}


def is_basic(index: Any) -> bool:
    """Whether an index is of Python's numbers and slices, in which there is no array.

    >>> is_basic((0, slice(2))), is_basic([0])
    (True, False)
    """
    if type(index) is not tuple:
        return type(index) in BASIC
    for part in index:  # noqa: SIM110 - with all() it takes three times as long
        if type(part) not in BASIC:
            return False
    return True


def _repeats(index: Any) -> bool:
    """Whether an index could name an entry twice: only integer arrays and lists can."""
    if is_basic(index):
        return False
    parts = index if isinstance(index, tuple) else (index,)
    basic = (int, np.integer, slice, type(None), type(Ellipsis))
    return any(not isinstance(part, basic) and np.ravel(part).dtype != bool for part in parts)


SORTED = 1024
"""From how many entries on rows are sorted before they are added, if these are not short."""
ROW = 16
"""From how many entries on a row is not short."""
FEW = 4
"""How often a row is there that is added by itself, not with all that are for it."""


@differentiable(lambda g, y, x, index, shape: g[index], traits=Traits(linear=(0,)))
def scatter(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape, with x added at an index: the transpose of indexing."""
    simple = type(x) is np.ndarray and x.flags.c_contiguous
    repeats = _repeats(index)
    parts = _whole_parts(index) if repeats and simple else ()
    if repeats and not (parts and _are_sorted(x, shape[len(parts) :])):
        sums = np.zeros_like(widened(x), shape=shape)
        np.add.at(sums, index, x)
        return sums.astype(x.dtype, copy=False)
    # Memory that nothing touches stays untouched, which zeros_like would write to.
    result = np.zeros(shape, x.dtype) if simple else np.zeros_like(x, shape=shape)
    if parts:
        index, x = _named_and_sums(x, parts, shape)
    result[index] = x
    return result


_scatter = inspect.unwrap(scatter)


def _counted(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """What `np.add.at` adds to zeros, by counting with weights."""
    places = beside(np.arange(math.prod(shape)).reshape(shape), x)[index]
    weights = np.broadcast_to(x, places.shape).reshape(-1)
    sums = np.bincount(places.reshape(-1), weights, minlength=math.prod(shape))
    return sums.reshape(shape).astype(x.dtype)


def _scatter_plain(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """`scatter` at an index in which there may be nodes: while a rule is traced, they are.

    On a graphics card ufuncs have no `at`.
    """
    index = index if is_basic(index) else map_tree(plain, index)
    if is_on_card(x) and _repeats(index):
        return _counted(x, index, shape)
    return _scatter(x, index, shape)


TABLE[scatter].compute = _scatter_plain


def add_at_index(total: Array, g: Array, y: Array, x: Array, index: Any) -> None:
    """What `scatter` would add, without zeros for the entries that the index leaves out."""
    if not _repeats(index):
        total[index] += g
    elif parts := _whole_parts(index):
        places, sums = _named_and_sums(g, parts, total.shape)
        total[places] += sums
    else:
        total += _scatter(g, index, total.shape)


def _whole_parts(index: Any) -> tuple[Any, ...]:
    """The arrays of an index that is of whole numbers alone."""
    parts = index if isinstance(index, tuple) else (index,)
    found = (not isinstance(part, slice) and np.ravel(part).dtype.kind in "iu" for part in parts)
    return parts if all(found) else ()


def _are_sorted(g: Array, row: tuple[int, ...]) -> bool:
    """Whether what is added to rows is sorted before: where they are long, and not few."""
    return math.prod(row) >= ROW and g.size >= SORTED


def _named_and_sums(g: Array, parts: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, Array]:
    """The index of what numbers for the first axes name, each once, and what is added there."""
    lengths, others = shape[: len(parts)], shape[len(parts) :]
    numbers = np.ravel_multi_index(tuple(map(np.mod, parts, lengths)), lengths)
    flat = numbers.reshape(-1)
    rows = np.broadcast_to(g, (*numbers.shape, *others)).reshape(len(flat), *others)
    if _are_sorted(g, others):
        named, sums = _sums_of_sorted(flat, widened(rows))
    else:
        named, where = np.unique(flat, return_inverse=True)
        sums = np.zeros_like(widened(g), shape=(len(named), *others))
        np.add.at(sums, where, rows)
    return np.unravel_index(named, lengths), sums


def _sums_of_sorted(numbers: Any, rows: Array) -> tuple[Any, Array]:
    """Numbers, each once and in order, and the sum of the rows of each.

    `np.add.at` takes as long for each entry of a row as sorting takes for ten, and
    `np.add.reduceat` as long for a row alone as for one of hundreds of entries.
    """
    if numbers.max(initial=0) < 2**16:
        numbers = numbers.astype(np.uint16)  # which are sorted by counting
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    first = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1]))
    counts = np.diff(np.append(first, len(numbers)))
    sums, many = rows.take(order[first], axis=0), counts > FEW
    if many.any():
        repeated = rows.take(order[np.repeat(many, counts)], axis=0)
        starts = np.cumsum(counts[many]) - counts[many]
        sums[many] = np.add.reduceat(repeated, starts, axis=0)
    few = np.flatnonzero((counts > 1) & ~many)
    for again in range(1, FEW):
        few = few[counts[few] > again]
        if not len(few):
            break
        sums[few] += rows.take(order[first[few] + again], axis=0)
    return numbers[first].astype(np.intp), sums


def _add_along(total: Array, g: Array, indices: Any, axis: int) -> None:
    """Add to entries along an axis; to one that is named twice their sum, as `scatter` does."""
    rows, places = np.unique(np.mod(indices, total.shape[axis]), return_inverse=True)
    axes = (slice(None),) * axis
    shape = (*total.shape[:axis], len(rows), *total.shape[axis + 1 :])
    sums = np.zeros_like(widened(total[:0]), shape=shape)
    np.add.at(sums, (*axes, places.reshape(np.shape(indices))), g)  # type: ignore[arg-type] # g is Any
    total[(*axes, rows)] += sums


define(operator.getitem, lambda g, y, x, index: scatter(g, index, x.shape), traits=INDEXES)
TABLE[operator.getitem].adds_by(add_at_index)


def moved(function: Any) -> Callable[..., Array]:
    """The vjp of a function that only moves entries.

    The function itself, applied to the positions of the entries, says where the cotangents go.
    """

    def vjp(g: Array, y: Array, x: Array, *arguments: Any, **keywords: Any) -> Array:
        numbers = beside(np.arange(x.size).reshape(x.shape), x)
        positions = function(numbers, *arguments, **keywords)
        return scatter(g.reshape(-1), positions.reshape(-1), (x.size,)).reshape(x.shape)

    return vjp


for function in (np.repeat, np.tile):
    define(function, moved(function), traits=MOVES)
define(np.take_along_axis, moved(np.take_along_axis), traits=INDEXES)
define(np.diagonal, moved(np.diagonal), traits=MOVES._replace(read_only=True))
define(
    np.take,
    moved(np.take),
    compute=lambda a, indices, axis=None, *, mode="raise": np.take(a, indices, axis, mode=mode),
    traits=INDEXES,
)


def _add_taken(
    total: Array, g: Array, y: Array, a: Array, indices: Any, axis: int | None = None, **mode: Any
) -> None:
    if axis is None and a.ndim == 1:
        axis = 0
    if axis is None or mode.get("mode", "raise") != "raise":
        total += moved(np.take)(g, y, a, indices, axis, **mode)
    else:
        _add_along(total, g, indices, axis % a.ndim)


TABLE[np.take].adds_by(_add_taken)

# Borders


def pad(array: Array, pad_width: Any, mode: str = "constant", **constant_values: Any) -> Array:
    """`np.pad` with constants, or with entries of the array."""
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise ValueError(
            f"mode={mode!r} has no derivative here",
            "Use constant, edge, reflect, symmetric or wrap; for others join parts by "
            "np.concatenate",
        )
    if "reflect_type" in constant_values:
        raise TypeError("pad() got an unexpected keyword argument 'reflect_type'")
    return np.pad(array, pad_width, mode, **constant_values)  # type: ignore[call-overload] # the mode is a plain string


def _pad_vjp(
    g: Array, y: Array, array: Array, pad_width: Any, mode: str = "constant", **_: Any
) -> Array:
    if mode != "constant":
        return moved(np.pad)(g, y, array, pad_width, mode)
    return g[np.pad(np.full(array.shape, True), pad_width)].reshape(array.shape)


define(np.pad, _pad_vjp, compute=pad, traits=Traits(masks=True, fills=True))

# Diagonals and triangles

define(
    np.diag,
    lambda g, y, v, k=0: np.diag(g, k) if v.ndim == 1 else moved(np.diag)(g, y, v, k),
    traits=Traits(linear=(0,), read_only=True),
)
composed(np.diagflat)(lambda v, k=0: np.diag(np.ravel(v), k))
for triangle in (np.tril, np.triu):
    define(
        triangle,
        lambda g, y, m, k=0, triangle=triangle: triangle(g, k),
        traits=Traits(selects=True, linear=(0,)),
    )

# Conditions

define(
    np.where,
    None,
    lambda g, y, condition, a, b: np.where(condition, g, 0),
    lambda g, y, condition, a, b: np.where(condition, 0, g),
    compute=lambda condition, a, b: np.where(condition, a, b),
    traits=Traits(elementwise=True, selects=True, masks=True, fills=True),
)


@composed(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Array:
    """The choice of the first condition that holds."""
    if not 0 < len(condlist) == len(choicelist):
        raise ValueError("np.select takes as many choices as conditions, at least one")
    values = (*choicelist, default)
    choices = [x if isinstance(x, int | float) else as_operand(x) for x in values]
    result: Array = choices[-1]
    for condition, choice in zip(condlist[::-1], choices[-2::-1]):
        result = np.where(condition, choice, result)
    return result.astype(np.result_type(*choices))


without_derivative(
    "argwhere count_nonzero diag_indices_from flatnonzero nonzero tril_indices_from"
    " triu_indices_from"
)
