"""Samples and targets, as arrays, tuples and dicts: what they have to be, and batches of them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, as_array, require, require_flag, require_real
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import admit
from autograd_lite.names import explains_keywords
from autograd_lite.read_only import read_only
from autograd_lite.trees import leaves_of, map_tree, matched, rebuilt
from nn.layers.containers import Sequential
from nn.random_state import generator

if TYPE_CHECKING:
    from autograd_lite.typing import Array


def is_tree(values: Any) -> bool:
    """Whether they are several arrays: a mapping, or a tuple with arrays in it.

    A list is one array, of samples, and so is a tuple of numbers or lists.
    """
    if type(values) is np.ndarray:
        return False
    if isinstance(values, tuple):
        return any(getattr(each, "ndim", 0) > 0 or is_tree(each) for each in values)
    return isinstance(values, Mapping)


def as_arrays(
    values: Any, attempted: str, stays: Callable[[Any], bool] = lambda values: False
) -> Any:
    """An array, or several, but for what stays as it is; the error for what is none says which one.

    >>> as_arrays({"a": [1, 2], "b": np.array([3])}, "fit with X")
    {'a': array([1, 2]), 'b': array([3])}
    """
    if type(values) is np.ndarray:
        return values
    if not is_tree(values):
        if not stays(values):
            return _as_one_array(values, attempted)
        return admit(values, attempted) if is_dask(values) else values
    leaves_of(values)  # an error where they hold themselves
    if isinstance(values, Mapping):
        items = values.items()
        return {key: as_arrays(each, f"{attempted}[{key!r}]", stays) for key, each in items}
    parts = [as_arrays(each, f"{attempted}[{place}]", stays) for place, each in enumerate(values)]
    return type(values)(*parts) if hasattr(values, "_fields") else tuple(parts)


def _as_one_array(values: Any, attempted: str) -> Any:
    try:
        return as_array(values, attempted)
    except UnsupportedError as error:
        if error.__cause__ is None or not isinstance(values, list | tuple):
            raise
        remedy = (
            "Give several arrays, not lists, in a tuple, (a, b), or by name, {'a': a, 'b': b}; one "
            "array may be nested lists of one shape"
        )
        raise UnsupportedError(error.args[0], error.args[1], remedy) from error.__cause__


def named_leaves(arrays: Any, name: str) -> list[tuple[str, Any]]:
    """Each of several arrays, with its name, such as X['left'] or X[0].

    >>> named_leaves({"a": np.array([1]), "b": (np.array([2]),)}, "X")
    [("X['a']", array([1])), ("X['b'][0]", array([2]))]
    """
    return [(name + path, array) for path, array, _ in matched(name, arrays, arrays)]


def shown(values: Any) -> str:
    """The names and shapes of one array, or of several."""
    return ", ".join(map(describe_one, leaves_of(values))) or "nothing"


def count(values: Any, attempted: str) -> int:
    """How many samples there are; a ShapeError unless all arrays have an entry for each."""
    if getattr(values, "ndim", 0):
        return len(values)
    lengths = {leaf.shape[:1] for leaf in leaves_of(values)}
    if len(lengths) != 1 or () in lengths:
        raise ShapeError(
            f"{attempted} {shown(values)}",
            "there are no samples, or their numbers, the lengths of axis 0, differ",
            "Give arrays with an entry for each sample: (n, ...)",
        )
    return int(lengths.pop()[0])


def at(values: Any, index: Any) -> Any:
    """Some samples of each of several arrays."""
    return map_tree(lambda array: array[index], values) if is_tree(values) else values[index]


def joined(parts: list[Any]) -> Any:
    """Several arrays, or structures of arrays, put together; the parts are given up.

    Raises a ShapeError where other axes than the first differ.
    """
    if len(parts) == 1:
        return parts.pop()
    first = parts[0]
    leaves = [leaves_of(parts.pop(0)) for _ in range(len(parts))]
    for several in zip(*leaves):
        if odd := [each for each in several if each.shape[1:] != several[0].shape[1:]]:
            raise ShapeError(
                f"batches put together, {describe_one(several[0])} and {describe_one(odd[0])}",
                "they differ in more than the number of samples",
                "Give samples, and return predictions, whose other axes are as long in all batches",
            )
    return rebuilt(first, map(np.concatenate, zip(*leaves)))


def called(model: Callable[..., Any], values: Any) -> Any:
    """A model of some samples: several are its arguments, of a dict by name.

    Where `forward` does not take them so, as it has one argument, it is given all in that.
    """
    if not is_tree(values):
        return model(values)
    first: Any = model
    while isinstance(first, Sequential) and first.layers:
        first = first.layers[0]
    positions, names = ((), values) if isinstance(values, Mapping) else (values, {})
    signature = inspect.signature(getattr(first, "forward", first))
    if _binds(signature, *positions, **names):
        return model(*positions, **names)
    if _binds(signature, values):
        return model(values)
    given = ", ".join(map(repr, names)) if names else len(positions)
    raise UnsupportedError(
        f"{type(model).__name__} of inputs {given}: {shown(values)}",
        f"forward{signature} of {type(first).__name__} does not take them",
        "Give its arguments, in their order in a tuple, or by their names in a dict",
    )


def _binds(signature: inspect.Signature, *positions: Any, **names: Any) -> bool:
    try:
        signature.bind(*positions, **names)
    except TypeError:
        return False
    return True


# What is checked


def matching(X: Any, y: Any, kind: str) -> tuple[Any, Any, int]:
    """Arrays of real numbers, with a target for each sample; those that are read later stay.

    They are the caller's, and read in every epoch: no function that is given them may write there.
    """
    X, y = (
        map_tree(read_only, as_arrays(x, f"fit with {kind}{name}", is_read_later))
        for name, x in (("X", X), ("y", y))
    )
    for name, array in named_parts((X, y), kind):
        require_real(array, f"fit with {name}")
        require_known_blocks(array, f"fit with {name}")
    lengths = {array.shape[:1] for array in leaves_of((X, y))}
    if not leaves_of(X) or len(lengths) != 1 or lengths <= {(), (0,)}:
        raise ShapeError(
            f"fit with {kind}X {shown(X)} and y {shown(y)}",
            "there are no samples, or the numbers of samples, the lengths of axis 0, differ",
            "Give one target for each sample",
        )
    return X, y, int(lengths.pop()[0])


def checked(dtype: Any, X: Any, y: Any, kind: str) -> tuple[Any, Any, int]:
    """Arrays of finite numbers, with a target for each sample, as the model computes with them."""
    X, y, n = matching(X, y, kind)
    X = map_tree(lambda array: floats_in(dtype, array), X)
    for name, array in named_parts((X, y), kind):
        require_finite(name, array)
    return X, y, n


def named_parts(batch: tuple[Any, ...], kind: str) -> list[tuple[str, Any]]:
    """The arrays of samples and targets, with their names."""
    named = [named_leaves(x, kind + name) for name, x in zip("Xy", batch)]
    return [pair for pairs in named for pair in pairs]


def are_one_hot(rows: Any) -> bool:
    """Whether each row of an array has a single 1, and 0 elsewhere."""
    return bool(np.isin(rows, (0, 1)).all() and (rows.sum(axis=-1) == 1).all())


def require_finite(name: str, array: Any, numbers: Any = None) -> None:
    """Raise an ArgumentError where an entry is NaN or infinite; rows may have other numbers."""
    finite = np.isfinite(array)
    if finite.all():
        return
    bad = np.argwhere(~finite)
    row, *rest = bad[0].tolist()
    place = row if numbers is None else int(numbers[row])
    raise ArgumentError(
        f"fit with {name} {describe_one(array)}",
        f"{len(bad)} of its entries are NaN or infinite as {array.dtype}, "
        f"the first at index {(place, *rest)}",
        "Remove those samples, or fill in numbers",
    )


def floats_in(dtype: Any, X: Any) -> Any:
    """Samples in that dtype, if there is one and they are floats."""
    if X.dtype.kind != "f" or dtype is None:
        return X
    with np.errstate(over="ignore"):
        return X.astype(dtype, copy=False)


# Arrays that are not in memory


def is_read_later(values: Any) -> bool:
    """Whether some of those arrays are memory maps or Dask arrays."""
    if type(values) is np.ndarray:  # as for a single prediction, which takes 20 microseconds
        return False
    leaves = leaves_of(values) if is_tree(values) else [values]
    return any(is_mapped(leaf) or is_dask(leaf) for leaf in leaves)


def is_mapped(values: Any) -> bool:
    """Whether it is a memory map."""
    return isinstance(values, np.memmap) and values.ndim > 0


def is_dask(values: Any) -> bool:
    """Whether it is an array of Dask's."""
    module = sys.modules.get("dask.array")
    return module is not None and isinstance(values, module.Array)


def require_known_blocks(array: Any, attempted: str) -> None:
    """Raise an ArgumentError where it is a Dask array whose blocks have lengths not known yet."""
    if is_dask(array) and np.isnan(array.shape).any():
        raise ArgumentError(
            f"{attempted} {describe_one(array)}",
            "the lengths of its blocks are not known",
            "Call its method compute_chunk_sizes() first",
        )


Batch = TypeVar("Batch")


class Batches(Generic[Batch]):
    """Batches of arrays, that can be gone through again: in another order each time."""

    def __init__(
        self, arrays: tuple[Any, ...], size: int, rng: np.random.Generator | None, shuffle: bool
    ) -> None:
        self._arrays, self._size, self._rng, self._shuffle = arrays, size, rng, shuffle
        self._n = count(arrays, "batches of")

    def __len__(self) -> int:
        return -(-self._n // self._size)

    def __iter__(self) -> Iterator[Batch]:
        order: Any = None
        if self._shuffle:
            order = generator(self._rng, "batches").permutation(self._n)
        return map(partial(self._cut, order), range(0, self._n, self._size))

    def _cut(self, order: Any, start: int) -> Batch:
        part = slice(start, start + self._size)
        if order is None:
            cut: Any = tuple([at(array, part) for array in self._arrays])
        else:
            cut = tuple([_taken(array, order[part]) for array in self._arrays])
        return cut  # type: ignore[no-any-return] # as `batches` says

    def __repr__(self) -> str:
        return f"{len(self)} batches of up to {self._size} of {self._n} samples"


@overload
def batches(
    samples: Array,
    targets: Array,
    /,
    *,
    batch_size: int,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
) -> Batches[tuple[Array, Array]]: ...
@overload
def batches(
    *arrays: Any,
    batch_size: int,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
) -> Batches[tuple[Any, ...]]: ...
@explains_keywords
def batches(
    *arrays: Any,
    batch_size: int,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
) -> Batches[tuple[Any, ...]]:
    """Go through arrays together in mini-batches; the last one may be smaller.

    The result can be iterated over repeatedly, in a new order each time; its length is the number
    of batches.

    Args:
        arrays: arrays of one length n along axis 0; or tuples or dicts of such arrays, which are
            cut alike.
        batch_size: samples in each batch.
        rng: a `numpy.random.Generator`, or a seed for one, from which a permutation is drawn each
            time; by default that of `nn.manual_seed`.
        shuffle: take the samples in random order, each once. Otherwise they come in the order of
            the arrays, and the batches are views of them.

    Raises:
        ShapeError: there are no arrays, or their lengths differ.
        ArgumentError: the batch size is not a whole number of at least 1, or `shuffle` not a flag.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> X, y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> for samples, targets in batches(X, y, batch_size=2, shuffle=False):
    ...     print(samples.tolist(), targets.tolist())
    [[0, 1], [2, 3]] [0, 1]
    [[4, 5], [6, 7]] [2, 3]
    [[8, 9]] [4]
    >>> [targets.tolist() for _, targets in batches(X, y, batch_size=2, rng=0)]
    [[2, 4], [3, 0], [1]]
    """
    arrays = tuple(
        array if isinstance(array, Tensor) else as_arrays(array, "batches of") for array in arrays
    )
    require("batches", "batch_size", batch_size, COUNT)
    shuffle = require_flag("batches", "shuffle", shuffle)
    own = generator(rng, "batches") if rng is not None and shuffle else None
    return Batches(arrays, batch_size, own, shuffle)


def _taken(array: Any, index: Any) -> Any:
    if type(array) is np.ndarray:
        return array.take(index, axis=0)
    return map_tree(lambda leaf: leaf.take(index, axis=0), array)
