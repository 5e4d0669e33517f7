"""Arrays of samples, cut into mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, require, require_flag
from autograd_lite.names import explains_keywords
from autograd_lite.trees import map_tree
from nn.random_state import generator
from nn.training.inputs import as_arrays, at, count

if TYPE_CHECKING:
    from autograd_lite.typing import Array


@overload
def batches(
    samples: Array,
    targets: Array,
    /,
    *,
    batch_size: int,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
) -> Iterator[tuple[Array, Array]]: ...
@overload
def batches(
    *arrays: Any,
    batch_size: int,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
) -> Iterator[tuple[Any, ...]]: ...
@explains_keywords
def batches(
    *arrays: Any,
    batch_size: int,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
) -> Iterator[tuple[Any, ...]]:
    """Go through arrays together, in mini-batches, of which the last one may be smaller.

    Args:
        arrays: of one length n along axis 0; or tuples or dicts of such arrays, which are cut
            alike.
        batch_size: samples in each batch.
        rng: a `numpy.random.Generator`, or a seed for one, of which one permutation is drawn; by
            default that of `nn.manual_seed`.
        shuffle: draw the samples in random order, each once. Otherwise they come in the order of
            the arrays, and the batches are views of them.

    Raises:
        ShapeError: there are no arrays, or their lengths differ.
        ArgumentError: the batch size is no whole number of at least 1, or `shuffle` no flag.
        UnsupportedError: rng is no generator and no seed.

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
    n = count(arrays, "batches of")
    require("batches", "batch_size", batch_size, COUNT)
    shuffle = require_flag("batches", "shuffle", shuffle)
    parts = (slice(start, start + batch_size) for start in range(0, n, batch_size))
    if not shuffle:
        return (tuple(at(array, part) for array in arrays) for part in parts)
    order = generator(rng, "batches").permutation(n)
    return (tuple([_taken(array, order[part]) for array in arrays]) for part in parts)


def _taken(array: Any, index: Any) -> Any:
    if type(array) is np.ndarray:
        return array.take(index, axis=0)
    return map_tree(lambda leaf: leaf.take(index, axis=0), array)
