"""What functions of images are in ONNX (https://onnx.ai/onnx/operators, opset 20)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.derivatives import convolutions, pooling
from autograd_lite.derivatives.windows import Layout, layout
from nn.export.onnx_graph import Graph
from nn.export.onnx_operators import Converter


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


CONVERTERS: dict[Any, Converter] = {
    convolutions.convolution: _convolution,
    convolutions.transposed_convolution: _transposed_convolution,
    pooling.max_pool: _max_pool,
    pooling.average_pool: _by_matrices(pooling.window_means),
    pooling.adaptive_average_pool: _by_matrices(pooling.shares_in),
    pooling.interpolate_nearest: _by_matrices(pooling.nearest_weights),
    pooling.interpolate_linear: _by_matrices(pooling.linear_weights),
}
"""How functions of images are written."""
