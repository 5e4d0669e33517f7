"""What functions of images and sequences are in ONNX (https://onnx.ai/onnx/operators, opset 20)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.derivatives import convolutions, pooling
from autograd_lite.derivatives.layers import embedding
from autograd_lite.derivatives.linear_algebra import affine
from autograd_lite.derivatives.recurrences import gru_sequence, lstm_sequence, rnn_sequence
from autograd_lite.derivatives.windows import Layout, layout
from nn.export.onnx_graph import PARTLY, Graph
from nn.export.onnx_operators import Converter, getitem


def _attributes(placed: Layout) -> dict[str, Any]:
    """Those that say where windows are."""
    strides, borders, dilations = placed
    if any(width < 0 for border in borders for width in border):
        raise TypeError("borders of negative width")
    pads = [border[0] for border in borders] + [border[1] for border in borders]
    return {"strides": [*strides], "pads": pads, "dilations": [*dilations]}


def _of_kernels(
    w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> tuple[Layout, dict[str, Any]]:
    """Where kernels are placed, and the attributes that say so."""
    placed = layout(w.shape[2:], stride, padding, dilation)
    return placed, {"group": groups, **_attributes(placed)}


def _convolution(graph: Graph, x: Any, w: Any, *how: Any, **named: Any) -> str:
    return graph.node("Conv", x, w, **_of_kernels(w, *how, **named)[1])


def _transposed_convolution(
    graph: Graph, x: Any, w: Any, lengths: Sequence[int], *how: Any, **named: Any
) -> str:
    placed, attributes = _of_kernels(w, *how, **named)
    behind = [
        length - ((n - 1) * step + (k - 1) * apart + 1 - before - after)
        for length, n, k, step, (before, after), apart in zip(
            lengths, x.shape[2:], w.shape[2:], *placed
        )
    ]
    return graph.node("ConvTranspose", x, w, output_padding=behind, **attributes)


def _max_pool(graph: Graph, x: Any, kernel: Sequence[int], placed: Layout) -> str:
    return graph.node("MaxPool", x, kernel_shape=[*kernel], **_attributes(placed))


def _by_matrices(weights: Callable[..., list[Any]]) -> Converter:
    """A function that is one matrix for each axis after the first two."""

    def convert(graph: Graph, x: Any, *how: Any) -> str:
        axes = len(x.shape)
        for axis, matrix in enumerate(weights(x.shape[2:], *how), 2):
            order = [*range(axes)]
            order[axis], order[-1] = order[-1], order[axis]
            matrix = np.asarray(matrix, float).T
            moved = x if axis == axes - 1 else graph.node("Transpose", x, perm=order)
            x = graph.node("MatMul", moved, matrix)
            x = x if axis == axes - 1 else graph.node("Transpose", x, perm=order)
        return x  # type: ignore[no-any-return] # names are Any

    return convert


def _entering(x: Any) -> tuple[Any, ...]:
    """Of what enters the gates the inputs, and the weights and the bias that made it of them."""
    gates = x.shape[-1]
    if x.function is affine:
        return tuple(x.arguments)
    if x.function is np.matmul:
        return *x.arguments, np.zeros(gates)
    return x, np.eye(gates), np.zeros(gates)


def _recurrent(
    graph: Graph, kind: str, order: list[int], x: Any, w: Any, b: Any, *states: Any, **named: Any
) -> tuple[str, list[str]]:
    """The states of each step, and behind them what else a layer ends with.

    The rows of its weights are gates, whose order in ONNX is given; parameters are of one
    direction, which has an axis.
    """
    hidden = w.shape[1]
    rows = np.arange(len(order) * hidden).reshape(-1, hidden)[order].reshape(-1)
    first = graph.integers([0])

    def of_gates(values: Any) -> str:
        return graph.node("Gather", values, rows, axis=0)

    inputs, weight, bias = _entering(x)
    weight = of_gates(graph.node("Transpose", weight, perm=[1, 0]))
    biases = graph.node("Concat", of_gates(bias), of_gates(b), axis=0)
    weights = [graph.node("Unsqueeze", each, first) for each in (weight, of_gates(w), biases)]
    begun = [graph.node("Unsqueeze", state, first) for state in states]
    # The empty name is that of lengths, which are those of all sequences.
    all_states, *last = graph.nodes(
        kind, 1 + len(states), inputs, *weights, "", *begun, hidden_size=hidden, **named
    )
    axis = graph.integers([1])
    return graph.node("Squeeze", all_states, axis), [
        graph.node("Squeeze", each, first) for each in last
    ]


def _rnn(graph: Graph, x: Any, w: Any, h: Any, activation: str) -> str:
    named = {"activations": [activation.capitalize()]}
    return _recurrent(graph, "RNN", [0], x, w, np.zeros(w.shape[0]), h, **named)[0]


def _gru(graph: Graph, x: Any, w: Any, b: Any, h: Any) -> str:
    return _recurrent(graph, "GRU", [1, 0, 2], x, w, b, h, linear_before_reset=1)[0]


def _lstm(graph: Graph, x: Any, w: Any, h: Any, c: Any) -> dict[int, Any]:
    zeros = np.zeros(w.shape[0])
    states, last = _recurrent(graph, "LSTM", [0, 3, 1, 2], x, w, zeros, h, c)
    return {0: states, 1: {-1: last[1]}}


def _part(graph: Graph, x: Any, index: Any) -> Any:
    """Also of what has several results, of which some are written."""
    written = graph.names.get(x)
    if not isinstance(written, dict):
        return getitem(graph, x, index)
    if type(index) is not int or index not in written:
        raise TypeError(PARTLY)
    return written[index]


CONVERTERS: dict[Any, Converter] = {
    convolutions.convolution: _convolution,
    convolutions.transposed_convolution: _transposed_convolution,
    pooling.max_pool: _max_pool,
    pooling.average_pool: _by_matrices(pooling.window_means),
    pooling.adaptive_average_pool: _by_matrices(pooling.shares_in),
    pooling.interpolate_nearest: _by_matrices(pooling.nearest_weights),
    pooling.interpolate_linear: _by_matrices(pooling.linear_weights),
    rnn_sequence: _rnn,
    gru_sequence: _gru,
    lstm_sequence: _lstm,
    operator.getitem: _part,
    embedding: lambda graph, weight, numbers, padding=None: graph.node(
        "Gather", weight, numbers, axis=0
    ),
}
"""How they are written; an LSTM by its parts, of which there may be parts."""
