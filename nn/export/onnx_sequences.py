"""What functions of sequences are in ONNX (https://onnx.ai/onnx/operators, opset 20)."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd_lite.derivatives.embedding import embedding
from autograd_lite.derivatives.linear_algebra import affine
from autograd_lite.derivatives.recurrences import gru_sequence, lstm_sequence, rnn_sequence
from nn.export.onnx_graph import PARTLY, Graph
from nn.export.onnx_operators import Converter, getitem


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
    rnn_sequence: _rnn,
    gru_sequence: _gru,
    lstm_sequence: _lstm,
    operator.getitem: _part,
    embedding: lambda graph, weight, numbers, padding=None: graph.node(
        "Gather", weight, numbers, axis=0
    ),
}
"""How functions of sequences are written; an LSTM by its parts, of which there may be parts."""
