"""Layers for words and their places: Embedding and PositionalEncoding."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLAG, FLOATING, WHOLE, optional
from autograd_lite.derivatives.layers import embedding
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import admit, beside
from autograd_lite.modes import entries_of
from autograd_lite.node import plain
from nn.architecture import register
from nn.configuration import heading
from nn.declared import declared
from nn.init import normal
from nn.layers.inputs import called, in_dtype_of, require_input, require_shape
from nn.members import Parameter
from nn.module import Module
from nn.random_state import generator

if TYPE_CHECKING:
    from autograd_lite.typing import ArrayLike


@register
class Embedding(Module):
    """A learned vector for each whole number, such as the number of a word.

    Names, order and shapes are PyTorch's. Bengio et al., "A neural probabilistic language model",
    2003.

    Args:
        num_embeddings: how many numbers there are, counted from 0.
        embedding_dim: length of the vectors.
        padding_idx: the number that pads short sequences; its vector starts at zero and gets no
            gradient.
        rng: a `numpy.random.Generator`, or a seed for one; by default that of `nn.manual_seed`.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is not floating.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> layer = Embedding(10, 3, padding_idx=0, rng=0)
    >>> layer([[4, 2, 0, 0]]).shape
    (1, 4, 3)
    """

    num_embeddings: int = declared(COUNT, size=True)
    embedding_dim: int = declared(COUNT, size=True)
    padding_idx: int | None = declared(optional(WHOLE), default=None)
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        count, padding = values["num_embeddings"], values["padding_idx"]
        if padding is not None and padding >= count:
            raise ArgumentError(
                f"Embedding with num_embeddings={count}, padding_idx={padding}",
                "there is no vector of that number",
                f"Give a number from 0 to {count - 1}",
            )

    def _set_up(self, rng: Any, dtype: Any) -> None:
        source = generator(rng, "Embedding")
        sizes = self.num_embeddings, self.embedding_dim
        weight = normal(source, *sizes, standard_deviation=1.0)
        if self.padding_idx is not None:
            weight[self.padding_idx] = 0
        self.weight = Parameter(weight, dtype=dtype)

    def forward(self, x: ArrayLike) -> Tensor:
        """The vectors (..., embedding_dim) of whole numbers of any shape.

        Raises:
            ArgumentError: a number is below 0, or has no vector.
            UnsupportedError: x is not an array of whole numbers.
        """
        if isinstance(x, list | tuple):
            x = np.asarray(admit(x, f"{heading(self)} of"))
        x = require_input(self, x)
        if x.dtype.kind == "f":
            x = entries_of(x)
        numbers = plain(x)
        # As data sets are floats; whole ones say what is meant.
        is_whole = numbers.dtype.kind in "iu" or (
            numbers.dtype.kind == "f" and bool(np.equal(numbers, np.rint(numbers)).all())
        )
        if not is_whole:
            raise UnsupportedError(
                called(self, x),
                f"these of dtype {numbers.dtype} are no whole numbers",
                "Give the numbers of what is embedded: x.astype(int)",
            )
        count = self.weight.shape[0]
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < count:
            raise ArgumentError(
                called(self, x),
                f"its numbers range from {numbers.min()} to {numbers.max()}, and axis 0 of the "
                f"weight has {count} vectors, from 0 to {count - 1}",
                "Number what is embedded from 0, or make the layer Embedding(n, ...) larger",
            )
        if numbers.dtype.kind == "f":
            x = (x.detach() if isinstance(x, Tensor) else numbers).astype(np.int64)
        return embedding(self.weight, x, self.padding_idx)  # type: ignore[no-any-return] # functions of tensors give Any


@functools.lru_cache(maxsize=8)
def sinusoids(length: int, features: int) -> Any:
    """sin(p / 10000^(2i / features)) for even features 2i, and cosines of the same for odd ones.

    >>> sinusoids(2, 4).round(3)
    array([[0.   , 1.   , 0.   , 1.   ],
           [0.841, 0.54 , 0.01 , 1.   ]])
    """
    pairs = np.arange(features) // 2
    angles = np.arange(length)[:, None] / 10000 ** (2 * pairs / features)
    return np.where(np.arange(features) % 2, np.cos(angles), np.sin(angles))


@register
class PositionalEncoding(Module):
    """Add to each position of sequences (n, length, embedding_dim) its own vector.

    Sines and cosines, as in Vaswani et al., "Attention is all you need", 2017, or learned vectors,
    for at most `max_length` positions.

    Args:
        embedding_dim: features of each position.
        max_length: the maximum number of positions.
        learned: whether the vectors are parameters, which start small.
        rng: a `numpy.random.Generator`, or a seed for one; by default that of `nn.manual_seed`.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, or the dtype is not floating.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> PositionalEncoding(2)(np.zeros((1, 3, 2))).round(3)
    array([[[ 0.   ,  1.   ],
            [ 0.841,  0.54 ],
            [ 0.909, -0.416]]])
    """

    embedding_dim: int = declared(COUNT, size=True)
    max_length: int = declared(COUNT, default=5000, size=True)
    learned: bool = declared(FLAG, default=False, size=True)
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _set_up(self, rng: Any, dtype: Any) -> None:
        self.weight = None
        if self.learned:
            sizes = self.max_length, self.embedding_dim
            initial = normal(generator(rng, "PositionalEncoding"), *sizes, standard_deviation=0.02)
            self.weight = Parameter(initial, dtype=dtype)

    def forward(self, x: Any) -> Any:
        """Apply to x of shape (n, length, embedding_dim).

        Raises:
            ShapeError: x has other axes or features, or is longer than `max_length`.
            UnsupportedError: x is not an array of real numbers.
        """
        hint = f"as Embedding(n, {self.embedding_dim}) makes them"
        x = require_shape(self, x, ("n", "length", self.embedding_dim), hint=hint)
        if x.shape[1] > self.max_length:
            raise ShapeError(
                f"{heading(self)} of {describe_one(x)}",
                f"axis 1 of the input has {x.shape[1]} positions, and max_length is "
                f"{self.max_length}",
                "Give shorter sequences, or a larger max_length",
            )
        if self.weight is None:
            x = x if x.dtype.kind == "f" else x.astype(float)
            places = sinusoids(x.shape[1], self.embedding_dim)
            return x + beside(places.astype(x.dtype), x)
        return in_dtype_of(self.weight, x) + self.weight[: x.shape[1]]
