"""Transformer layers: attention and a network of two layers, around which inputs are added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLAG, FLOATING, FRACTION, POSITIVE
from nn.architecture import register
from nn.declared import declared, product
from nn.layers.activations import ActivationField, activation_function
from nn.layers.attention import MultiHeadAttention
from nn.layers.dense import Dense
from nn.layers.dropout import Dropout
from nn.layers.inputs import require_sequences
from nn.layers.normalization import LayerNorm
from nn.module import Module
from nn.random_state import generator


class _TransformerLayer(Module):
    """What encoder and decoder layers have in common."""

    d_model: int = declared(COUNT)
    nhead: int = declared(COUNT)
    dim_feedforward: int = declared(COUNT, default=2048)
    dropout: float = declared(FRACTION, default=0.1)
    _activation: str | Callable[..., Any] = declared(default="relu", alias="activation")
    activation = ActivationField()
    layer_norm_eps: float = declared(POSITIVE, default=1e-5)
    batch_first: bool = declared(FLAG, default=True)
    norm_first: bool = declared(FLAG, default=False)
    bias: bool = declared(FLAG, default=True)
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _set_up(self, activation: Any, rng: Any, dtype: Any) -> None:
        self.activation = activation_function(activation)
        self.rng = generator(rng, type(self).__name__)
        self.self_attn = self._attention(dtype)
        sizes = self.d_model, self.dim_feedforward
        self.linear1 = Dense(*sizes, bias=self.bias, rng=self.rng, dtype=dtype)
        self.linear2 = Dense(*sizes[::-1], bias=self.bias, rng=self.rng, dtype=dtype)
        self.norm1, self.norm2 = self._norm(dtype), self._norm(dtype)
        self.drop = Dropout(self.dropout, self.rng)

    def _norm(self, dtype: DTypeLike) -> LayerNorm:
        return LayerNorm(self.d_model, self.layer_norm_eps, dtype, bias=self.bias)

    @classmethod
    def _least_entries(cls, given: Mapping[str, Any]) -> float:
        size = given["d_model"]
        return product([size, size]) + product([size, given["dim_feedforward"]])

    def _attention(self, dtype: DTypeLike) -> MultiHeadAttention:
        return MultiHeadAttention(
            self.d_model,
            self.nhead,
            self.dropout,
            self.bias,
            batch_first=self.batch_first,
            rng=self.rng,
            dtype=dtype,
        )

    def _added(self, x: Any, norm: LayerNorm, part: Callable[[Any], Any]) -> Any:
        """x and what a part makes of it, one of them normalized."""
        if self.norm_first:
            return x + self.drop(part(norm(x)))
        return norm(x + self.drop(part(x)))

    def _attending(
        self, attention: MultiHeadAttention, memory: Any, padding: Any, mask: Any, causal: bool
    ) -> Callable[[Any], Any]:
        """Attention to a sequence, or without one to what attends itself."""

        def part(x: Any) -> Any:
            other = x if memory is None else memory
            return attention(
                x, other, other, padding, need_weights=False, attn_mask=mask, is_causal=causal
            )[0]

        return part

    def _forward_network(self, x: Any) -> Any:
        return self.linear2(self.drop(self.activation(self.linear1(x))))


@register
class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention and a network of two layers, each with a skip connection.

    Sequences are (n, length, d_model). Names, order and parameters are PyTorch's. Vaswani et al.,
    "Attention is all you need", 2017.

    Args:
        d_model: features of each position.
        nhead: heads of the attention.
        dim_feedforward: units between the two layers.
        dropout: the probability of dropping, for attention weights and for what is added.
        activation: a name or a function, applied between the two layers.
        layer_norm_eps: epsilon of the normalization.
        batch_first: whether sequences are (n, length, d_model) rather than (length, n, d_model).
        norm_first: whether the input of each part is normalized, instead of the sum after it.
        bias: whether projections, layers and normalizations have a bias.
        rng: a `numpy.random.Generator`, or a seed for one; by default that of `nn.manual_seed`.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, the features are not a multiple of the heads,
            there is no such activation, or the dtype is not floating.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> TransformerEncoderLayer(8, 2, 16, rng=0)(np.ones((4, 5, 8)), is_causal=True).shape
    (4, 5, 8)
    """

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Apply to (n, length, d_model); masks are those of `MultiHeadAttention`.

        Raises:
            ShapeError: shapes do not fit together.
            UnsupportedError: something is not an array of real numbers.
        """
        x = require_sequences(self, "src", src, self.d_model)
        masks = src_key_padding_mask, src_mask, is_causal
        x = self._added(x, self.norm1, self._attending(self.self_attn, None, *masks))
        return self._added(x, self.norm2, self._forward_network)  # type: ignore[no-any-return] # functions of tensors give Any


@register
class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to another sequence, and a network of two layers.

    See `TransformerEncoderLayer` for the arguments.

    >>> layer = TransformerDecoderLayer(8, 2, 16, rng=0)
    >>> layer(np.ones((4, 5, 8)), np.ones((4, 7, 8)), tgt_is_causal=True).shape
    (4, 5, 8)
    """

    def _set_up(self, activation: Any, rng: Any, dtype: Any) -> None:
        super()._set_up(activation, rng, dtype)
        self.multihead_attn, self.norm3 = self._attention(dtype), self._norm(dtype)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Apply to (n, length, d_model) and an encoder's output, (n, other length, d_model).

        Masks are those of `MultiHeadAttention`.

        Raises:
            ShapeError: shapes do not fit together.
            UnsupportedError: something is not an array of real numbers.
        """
        x = require_sequences(self, "tgt", tgt, self.d_model)
        memory = require_sequences(self, "memory", memory, self.d_model)
        masks = tgt_key_padding_mask, tgt_mask, tgt_is_causal
        x = self._added(x, self.norm1, self._attending(self.self_attn, None, *masks))
        masks = memory_key_padding_mask, memory_mask, memory_is_causal
        x = self._added(x, self.norm2, self._attending(self.multihead_attn, memory, *masks))
        return self._added(x, self.norm3, self._forward_network)  # type: ignore[no-any-return] # functions of tensors give Any
