"""Arrays of samples, cut into mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, require, require_flag
from autograd_lite.names import explains_keywords
from autograd_lite.trees import map_tree
from nn.random_state import generator
from nn.training.inputs import as_arrays, at, count

if TYPE_CHECKING:
    from autograd_lite.typing import Array

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
        ArgumentError: the batch size is no whole number of at least 1, or `shuffle` no flag.
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
