"""MultiHeadAttention: of queries, keys and values that are learned projections of sequences.

Sequences are (n, length, features), as samples come first in all of nn; `batch_first=False` takes
(length, n, features), which is PyTorch's default. Names, shapes and order of parameters are
PyTorch's, and masks mean what they mean there: True hides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor, affine
from autograd_lite.arguments import COUNT, FLAG, FLOATING, FRACTION, optional
from autograd_lite.derivatives.layers import attention_weights, scaled_dot_product_attention
from autograd_lite.errors import ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import admit, beside
from nn.architecture import register
from nn.configuration import heading
from nn.declared import declared, product
from nn.init import initializer
from nn.layers.dense import Dense
from nn.layers.dropout import dropped
from nn.layers.inputs import in_dtype_of, require_multiple, require_sequences, require_shape
from nn.members import Parameter
from nn.module import Module
from nn.random_state import generator


@register
class MultiHeadAttention(Module):
    """Each query's mean of the values, weighted by how well their keys match; in several heads.

    Queries, keys and values are projected to embed_dim / num_heads features in each head; the
    results of the heads are concatenated and projected. Vaswani et al., "Attention is all you
    need", 2017.

    Args:
        embed_dim: features of queries and of the result.
        num_heads: how many heads these are divided into.
        dropout: the probability of dropping attention weights in training.
        bias: whether projections have a bias; it starts at zero.
        kdim: features of keys, embed_dim by default.
        vdim: features of values, embed_dim by default.
        batch_first: whether sequences are (n, length, features) rather than (length, n, features).
        rng: a `numpy.random.Generator`, or a seed for one; by default that of `nn.manual_seed`.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, the features are not a multiple of the heads,
            or the dtype is not floating.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> layer, x = MultiHeadAttention(8, 2, rng=0), np.ones((4, 5, 8))
    >>> y, weights = layer(x, x, x)
    >>> y.shape, weights.shape
    ((4, 5, 8), (4, 5, 5))
    """

    embed_dim: int = declared(COUNT)
    num_heads: int = declared(COUNT)
    dropout: float = declared(FRACTION, default=0.0)
    bias: bool = declared(FLAG, default=True)
    kdim: int | None = declared(optional(COUNT), default=None)
    vdim: int | None = declared(optional(COUNT), default=None)
    batch_first: bool = declared(FLAG, default=True)
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        require_multiple(self, values, "embed_dim", "num_heads", "features")

    def _set_up(self, rng: Any, dtype: Any) -> None:
        embed_dim, bias = self.embed_dim, self.bias
        self.rng = generator(rng, "MultiHeadAttention")
        glorot: Any = initializer("xavier_uniform")
        sizes = {"q": embed_dim, "k": self.kdim or embed_dim, "v": self.vdim or embed_dim}
        if set(sizes.values()) == {embed_dim}:
            whole = glorot(self.rng, embed_dim, 3 * embed_dim)
            self.in_proj_weight = Parameter(np.ascontiguousarray(whole.T), dtype=dtype)
        else:
            for name, size in sizes.items():
                weight = np.ascontiguousarray(glorot(self.rng, size, embed_dim).T)
                setattr(self, f"{name}_proj_weight", Parameter(weight, dtype=dtype))
        if bias:
            self.in_proj_bias = Parameter(np.zeros(3 * embed_dim), dtype=dtype)
        self.out_proj = Dense(embed_dim, embed_dim, None, bias, rng=self.rng, dtype=dtype)

    @classmethod
    def _least_entries(cls, given: Mapping[str, Any]) -> float:
        return product([given["embed_dim"], given["embed_dim"]])

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Any]:
        """The result for each query, and its attention weights.

        Args:
            query: (n, queries, embed_dim).
            key: (n, keys, kdim).
            value: (n, keys, vdim).
            key_padding_mask: booleans (n, keys), True for keys that no query may see; or numbers
                that are added to the products of queries and keys.
            need_weights: whether to return weights; without them it takes less time and memory.
            attn_mask: booleans (queries, keys), True where a query may not see a key; or numbers to
                add. Also (n * num_heads, queries, keys).
            average_attn_weights: whether the weights are averaged over all heads.
            is_causal: whether query i may see only keys up to i.

        Returns:
            The result (n, queries, embed_dim), and the weights (n, queries, keys), or (n,
            num_heads, queries, keys) of each head, or None. For a query that may see no key, the
            weights are zeros, and the result is the last projection of zeros.

        Raises:
            ShapeError: shapes do not fit together.
            UnsupportedError: something is not an array of real numbers.
        """
        kdim, vdim = self.kdim or self.embed_dim, self.vdim or self.embed_dim
        query = self._sequences("query", query, self.embed_dim)
        key = self._sequences("key", key, kdim, query)
        value = self._sequences("value", value, vdim, key, key.shape[1])
        if key.shape[1] == 0:
            raise ShapeError(
                f"{heading(self)} of query {describe_one(query)} and key {describe_one(key)}",
                "there is no key, of which nothing is a mean",
                "Give at least one key",
            )
        mask = self._mask(query, key, key_padding_mask, attn_mask)
        q, k, v = (self._in_heads(x) for x in self._projected(query, key, value))
        if need_weights or (self.training and self.dropout):
            weights = attention_weights(q, k, mask, is_causal)
            shares = weights
            if self.training and self.dropout:
                shares = dropped(weights, self.dropout, self.rng, weights.shape)
            found = shares @ v
        else:
            weights = None
            found = scaled_dot_product_attention(q, k, v, mask, is_causal, None)
        y = self.out_proj(np.swapaxes(found, 1, 2).reshape(query.shape))
        y = y if self.batch_first else y.swapaxes(0, 1)
        if not need_weights:
            return y, None
        return y, weights.mean(axis=1) if average_attn_weights else weights

    def _projected(self, query: Any, key: Any, value: Any) -> list[Any]:
        """Queries, keys and values, each times its weights."""
        size = self.embed_dim
        whole = getattr(self, "in_proj_weight", None)
        bias = getattr(self, "in_proj_bias", None)
        if whole is not None and query is key and key is value:
            z = query @ whole.T if bias is None else affine(query, whole.T, bias)
            return [z[..., k * size : (k + 1) * size] for k in range(3)]
        found = []
        for k, (name, x) in enumerate(zip("qkv", (query, key, value))):
            part = slice(k * size, (k + 1) * size)
            weight = getattr(self, f"{name}_proj_weight") if whole is None else whole[part]
            found.append(x @ weight.T if bias is None else affine(x, weight.T, bias[part]))
        return found

    def _in_heads(self, x: Any) -> Any:
        """(n, length, embed_dim) as (n, heads, length, features)."""
        return np.swapaxes(
            x.reshape(*x.shape[:2], self.num_heads, x.shape[2] // self.num_heads), 1, 2
        )

    def _sequences(self, name: str, x: Any, *wanted: Any) -> Any:
        """What is given as query, key or value, with samples first."""
        x = in_dtype_of(self.out_proj.weight, require_sequences(self, name, x, *wanted))
        return x if self.batch_first else np.swapaxes(x, 0, 1)

    def _mask(self, query: Any, key: Any, padding: Any, between: Any) -> Any:
        """One mask of both, as attention takes them: True where a query sees a key, or numbers."""
        (n, queries), keys = query.shape[:2], key.shape[1]
        masks = []
        if between is not None:
            allowed = ((queries, keys), (n * self.num_heads, queries, keys))
            mask = beside(self._checked_mask("attn_mask", between, allowed), query)
            masks.append(mask if mask.ndim == 2 else mask.reshape(n, self.num_heads, queries, keys))
        if padding is not None:
            mask = beside(self._checked_mask("key_padding_mask", padding, ((n, keys),)), query)
            masks.append(mask.reshape(n, 1, 1, keys))
        if len(masks) == 2 and masks[0].dtype == masks[1].dtype == bool:
            return masks[0] & masks[1]
        if len(masks) == 2:
            return _as_numbers(masks[0], query) + _as_numbers(masks[1], query)
        return masks[0] if masks else None

    def _checked_mask(self, name: str, mask: Any, allowed: tuple[tuple[int, ...], ...]) -> Any:
        """A mask of one of some shapes; of booleans those of what is seen."""
        mask = admit(mask, f"{heading(self)} with {name}")
        mask = np.asarray(mask) if isinstance(mask, list) else mask
        mask = require_shape(self, mask, *allowed, name=name, hint="True where nothing is seen")
        reason = None
        if mask.dtype.kind in "iu":
            reason = f"its dtype {mask.dtype} is neither of booleans nor of floats"
        elif isinstance(mask, np.ndarray) and mask.dtype != bool and _are_flags(mask):
            reason = "floats are added to scores, and these are 0 and 1, as flags are"
        if reason is not None:
            raise UnsupportedError(
                f"{heading(self)} with {name} {describe_one(mask)}",
                reason,
                "Write mask.astype(bool), True where nothing is seen",
            )
        return ~mask if mask.dtype == bool else in_dtype_of(self.out_proj.weight, mask)


def _are_flags(mask: Any) -> bool:
    return bool((mask == 1).any() and ((mask == 0) | (mask == 1)).all())


def _as_numbers(mask: Any, like: Any) -> Any:
    """A mask as numbers that are added: -inf for what is not seen."""
    return np.where(mask, 0.0, -np.inf).astype(like.dtype) if mask.dtype == bool else mask
