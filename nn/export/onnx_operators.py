"""What each function is in ONNX (https://onnx.ai/onnx/operators, opset 20)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from functools import partial
from types import EllipsisType
from typing import Any

import numpy as np

import autograd_lite as al
from autograd_lite.derivatives.linear_algebra import affine
from autograd_lite.derivatives.shaping import astype
from autograd_lite.program.program import Step
from autograd_lite.textbook.spellings import Count
from autograd_lite.textbook.terms import several
from nn.export.onnx_graph import DTYPES, Graph, kind_of

Converter = Callable[..., Any]
"""Of a graph and the arguments of a function, the name of its result."""

ARITHMETIC = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.power: "Pow",
    np.positive: "Identity",
    np.copy: "Identity",
    np.negative: "Neg",
    np.absolute: "Abs",
    np.sign: "Sign",
    np.maximum: "Max",
    np.minimum: "Min",
    np.matmul: "MatMul",
    np.greater: "Greater",
    np.greater_equal: "GreaterOrEqual",
    np.less: "Less",
    np.less_equal: "LessOrEqual",
    np.equal: "Equal",
    np.invert: "Not",
    np.bitwise_and: "And",
    np.bitwise_or: "Or",
    np.bitwise_xor: "Xor",
}
"""Functions that ONNX has for operands of one dtype, whichever that is."""

OF_FLOATS = {
    np.divide: "Div",
    np.reciprocal: "Reciprocal",
    np.exp: "Exp",
    np.log: "Log",
    np.sqrt: "Sqrt",
    np.sin: "Sin",
    np.cos: "Cos",
    np.tan: "Tan",
    np.arcsin: "Asin",
    np.arccos: "Acos",
    np.arctan: "Atan",
    np.sinh: "Sinh",
    np.cosh: "Cosh",
    np.tanh: "Tanh",
    np.arcsinh: "Asinh",
    np.arccosh: "Acosh",
    np.arctanh: "Atanh",
    np.floor: "Floor",
    np.ceil: "Ceil",
    np.rint: "Round",
    np.isnan: "IsNaN",
    np.isinf: "IsInf",
    al.erf: "Erf",
    al.relu: "Relu",
    al.sigmoid: "Sigmoid",
    al.softplus: "Softplus",
    al.gelu: "Gelu",
}
"""Functions that ONNX has for floats."""

LOGICAL = {np.logical_and: "And", np.logical_or: "Or", np.logical_xor: "Xor", np.logical_not: "Not"}
"""Functions of truth values, as which other numbers are taken."""

REDUCTIONS = {
    np.sum: ("ReduceSum", "i"),
    np.prod: ("ReduceProd", "i"),
    np.max: ("ReduceMax", "i"),
    np.min: ("ReduceMin", "i"),
    np.mean: ("ReduceMean", "f"),
    al.logsumexp: ("ReduceLogSumExp", "f"),
}
"""By function: what ONNX has, and of which kind of numbers at the least."""


def alike(graph: Graph, *operands: Any, least: str = "b") -> list[Any]:
    """Operands in one dtype, as NumPy makes them before it computes."""
    kind = max(least, *map(kind_of, operands), key=[*DTYPES].index)
    return [_as_kind(graph, x, kind) for x in operands]


def _as_kind(graph: Graph, x: Any, kind: str) -> Any:
    if kind_of(x) == kind:
        return x
    if type(x) is Step or isinstance(x, Count):
        return graph.cast(x, DTYPES[kind])
    return np.asarray(x, DTYPES[kind])


def _node(kind: str, least: str, graph: Graph, *operands: Any) -> str:
    return graph.node(kind, *alike(graph, *operands, least=least))


def _logical(kind: str, graph: Graph, *operands: Any) -> str:
    return graph.node(kind, *[_as_kind(graph, x, "b") for x in operands])


def _axes(graph: Graph, x: Any, axis: Any) -> str:
    return graph.integers([*range(len(x.shape))] if axis is None else several(axis))


def _reduction(kind: str, least: str) -> Converter:
    def convert(graph: Graph, x: Any, axis: Any = None, *, keepdims: bool = False) -> str:
        (operand,) = alike(graph, x, least=least)
        return graph.node(kind, operand, _axes(graph, x, axis), keepdims=int(keepdims))

    return convert


def _tested(kind: str) -> Converter:
    """np.all and np.any, as the least and the largest of 0 and 1."""

    def convert(graph: Graph, x: Any, axis: Any = None, *, keepdims: bool = False) -> str:
        truths = graph.cast(_as_kind(graph, x, "b"), np.int64)
        found = graph.node(kind, truths, _axes(graph, x, axis), keepdims=int(keepdims))
        return graph.cast(found, np.bool_)

    return convert


def _along(graph: Graph, x: Any, axis: Any) -> Any:
    """What a function goes along the only axis of, where it is given none."""
    return graph.node("Reshape", x, graph.integers([-1])) if axis is None else x


def _argument(kind: str) -> Converter:
    def convert(graph: Graph, x: Any, axis: Any = None, *, keepdims: bool = False) -> str:
        return graph.node(kind, _along(graph, x, axis), axis=axis or 0, keepdims=int(keepdims))

    return convert


def _where(graph: Graph, condition: Any, x: Any, y: Any) -> str:
    return graph.node("Where", _as_kind(graph, condition, "b"), *alike(graph, x, y))


def _filled_like(value: int) -> Converter:
    def convert(graph: Graph, x: Any, dtype: Any = None) -> str:
        return graph.node("Expand", np.array(value, dtype or x.dtype), graph.node("Shape", x))

    return convert


def _range(graph: Graph, stop: Any) -> str:
    last = graph.node("Squeeze", graph.integers([stop]))
    return graph.node("Range", np.array(0), last, np.array(1))


def _logarithm(base: float) -> Converter:
    return lambda graph, x: graph.node("Div", graph.node("Log", x), math.log(base))


def _expm1(graph: Graph, x: Any) -> str:
    # 2 tanh(x / 2) / (1 - tanh(x / 2)) loses nothing where x is small.
    t = graph.node("Tanh", graph.node("Mul", x, 0.5))
    return graph.node("Div", graph.node("Mul", t, 2.0), graph.node("Sub", 1.0, t))


def _log1p(graph: Graph, x: Any) -> str:
    # log(1 + x) = 2 artanh(x / (2 + x)), likewise.
    half = graph.node("Atanh", graph.node("Div", x, graph.node("Add", x, 2.0)))
    return graph.node("Mul", half, 2.0)


def _logaddexp(graph: Graph, a: Any, b: Any) -> str:
    a, b = alike(graph, a, b, least="f")
    apart = graph.node("Neg", graph.node("Abs", graph.node("Sub", a, b)))
    return graph.node("Add", graph.node("Max", a, b), graph.node("Softplus", apart))


def _variance(graph: Graph, x: Any, axis: Any = None, *, keepdims: bool = False) -> str:
    axes, (x,) = _axes(graph, x, axis), alike(graph, x, least="f")
    difference = graph.node("Sub", x, graph.node("ReduceMean", x, axes, keepdims=1))
    squares = graph.node("Mul", difference, difference)
    return graph.node("ReduceMean", squares, axes, keepdims=int(keepdims))


def _clip(graph: Graph, x: Any, low: Any, high: Any) -> str:
    x, low, high = alike(graph, x, low, high)
    return graph.node("Min", graph.node("Max", x, low), high)


def _reshape(graph: Graph, x: Any, shape: Any, order: str = "C") -> str:
    if order != "C":
        raise TypeError(f"order={order!r}")
    return graph.node("Reshape", x, graph.integers(several(shape)))


def _transpose(graph: Graph, x: Any, axes: Any = None) -> str:
    order = range(len(x.shape))[::-1] if axes is None else [axis % len(x.shape) for axis in axes]
    return graph.node("Transpose", x, perm=[*order])


def _swapaxes(graph: Graph, x: Any, first: int, second: int) -> str:
    order = [*range(len(x.shape))]
    order[first], order[second] = order[second], order[first]
    return graph.node("Transpose", x, perm=order)


def _squeeze(graph: Graph, x: Any, axis: Any = None) -> str:
    axes = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else several(axis)
    return graph.node("Squeeze", x, graph.integers(axes))


def _stack(graph: Graph, arrays: Any, axis: int = 0) -> str:
    axes = graph.integers([axis])
    return graph.node("Concat", *[graph.node("Unsqueeze", x, axes) for x in arrays], axis=axis)


def _expand(graph: Graph, x: Any, shape: Any) -> str:
    return graph.node("Expand", x, graph.integers(several(shape)))


def _gathered(graph: Graph, x: Any, places: list[Any]) -> str:
    """What lies at the places that arrays name, one for each of the first axes."""
    if any(
        isinstance(place, slice | EllipsisType | None) or kind_of(place) != "i" for place in places
    ):
        raise TypeError("an index of arrays beside slices, or of truth values")
    if len(places) == 1:
        return graph.node("Gather", x, places[0], axis=0)
    zeros = [graph.node("Mul", place, 0) for place in places]
    zero = functools.reduce(partial(graph.node, "Add"), zeros)  # in the shape of all of them
    last = graph.integers([-1])
    rows = [graph.node("Unsqueeze", graph.node("Add", place, zero), last) for place in places]
    return graph.node("GatherND", x, graph.node("Concat", *rows, axis=-1))


def getitem(graph: Graph, x: Any, index: Any) -> str:
    """Slices, numbers, None and Ellipsis; or arrays of whole numbers for the first axes."""
    parts = [*index] if isinstance(index, tuple) else [index]
    if any(type(part) is Step or isinstance(part, np.ndarray | list) for part in parts):
        return _gathered(graph, x, parts)
    used = sum(part is not None and part is not Ellipsis for part in parts)
    whole = [slice(None)] * (len(x.shape) - used)
    place = parts.index(Ellipsis) if Ellipsis in parts else len(parts)
    parts[place : place + 1] = whole
    slices: list[tuple[int, int, int, int]] = []
    numbers, new, axis = list[int](), list[int](), 0
    for part in parts:
        if part is None:
            new.append(axis - len(numbers) + len(new))
            continue
        if not isinstance(part, slice):
            numbers.append(axis)
            part = slice(part, part + 1 if part != -1 else None)
        if part != slice(None):
            step = part.step or 1
            first, last = (0, 2**31) if step > 0 else (-1, -(2**31))
            start = first if part.start is None else part.start
            slices.append((start, last if part.stop is None else part.stop, axis, step))
        axis += 1
    if slices:
        x = graph.node("Slice", x, *map(graph.integers, zip(*slices)))
    if numbers:
        x = graph.node("Squeeze", x, graph.integers(numbers))
    return graph.node("Unsqueeze", x, graph.integers(new)) if new else graph.node("Identity", x)


CONVERTERS: dict[Any, Converter] = {
    **{function: partial(_node, kind, "b") for function, kind in ARITHMETIC.items()},
    **{function: partial(_node, kind, "f") for function, kind in OF_FLOATS.items()},
    **{function: partial(_logical, kind) for function, kind in LOGICAL.items()},
    **{function: _reduction(*how) for function, how in REDUCTIONS.items()},
    np.all: _tested("ReduceMin"),
    np.any: _tested("ReduceMax"),
    np.argmax: _argument("ArgMax"),
    np.argmin: _argument("ArgMin"),
    np.where: _where,
    np.not_equal: lambda graph, a, b: graph.node("Not", graph.node("Equal", *alike(graph, a, b))),
    np.isfinite: lambda graph, x: graph.node("Less", graph.node("Abs", x), np.inf),
    np.zeros_like: _filled_like(0),
    np.ones_like: _filled_like(1),
    np.arange: _range,
    np.square: lambda graph, x: graph.node("Mul", x, x),
    np.exp2: lambda graph, x: graph.node("Pow", 2.0, x),
    np.logaddexp: _logaddexp,
    np.log2: _logarithm(2),
    np.log10: _logarithm(10),
    np.log1p: _log1p,
    np.expm1: _expm1,
    np.var: _variance,
    np.std: lambda graph, *given, **named: graph.node("Sqrt", _variance(graph, *given, **named)),
    al.leaky_relu: lambda graph, x, slope=0.01: graph.node("LeakyRelu", x, alpha=float(slope)),
    al.elu: lambda graph, x, alpha=1.0: graph.node("Elu", x, alpha=float(alpha)),
    al.swish: lambda graph, x: graph.node("Mul", x, graph.node("Sigmoid", x)),
    al.softmax: lambda graph, x, axis=-1: graph.node("Softmax", x, axis=axis),
    al.log_softmax: lambda graph, x, axis=-1: graph.node("LogSoftmax", x, axis=axis),
    affine: lambda graph, x, weight, b: graph.node("Add", graph.node("MatMul", x, weight), b),
    np.clip: _clip,
    np.reshape: _reshape,
    np.transpose: _transpose,
    np.swapaxes: _swapaxes,
    np.expand_dims: lambda graph, x, axis: graph.node(
        "Unsqueeze", x, graph.integers(several(axis))
    ),
    np.squeeze: _squeeze,
    np.concatenate: lambda graph, arrays, axis=0: graph.node("Concat", *arrays, axis=axis),
    np.stack: _stack,
    np.broadcast_to: _expand,
    np.full: lambda graph, shape, value: _expand(graph, value, shape),
    np.cumsum: lambda graph, x, axis=None: graph.node(
        "CumSum", _along(graph, x, axis), np.array(axis or 0)
    ),
    np.einsum: lambda graph, equation, *operands: graph.node(
        "Einsum", *alike(graph, *operands), equation=equation
    ),
    astype: lambda graph, x, dtype: graph.cast(x, DTYPES[kind_of(np.empty(0, dtype))]),
}
"""How functions are written; what is none of these is written out, where it consists of them."""
