"""A model as ONNX (https://onnx.ai), which runs without Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autograd_lite.errors import UnsupportedError, describe_one, needed
from autograd_lite.names import explains_keywords
from autograd_lite.operation import Operation
from autograd_lite.program.program import Step
from autograd_lite.textbook.spellings import function_written_out
from nn.export import onnx_layers, onnx_operators
from nn.export.forward import traced
from nn.export.onnx_graph import DTYPES, Graph, given_as, kind_of, refused
from nn.export.onnx_operators import ARITHMETIC

CONVERTERS = onnx_operators.CONVERTERS | onnx_layers.CONVERTERS
OPSET, VERSION = 20, 9
"""Of the operators, and of the format: ONNX 1.15, which every newer runtime reads."""


@explains_keywords
def to_onnx(model: Callable[..., Any], example: Any) -> Any:
    """A model as an `onnx.ModelProto`, in float32, for any number of samples.

    It computes what the model computes in evaluation mode. Inputs and outputs are called "x" and
    "output"; several are called by their keys, or "x_0" and so on; an output with the key of an
    input is prefixed by "output_". Parameters keep their names, prefixed by "own_" if an input has
    the same one, and inputs of whole numbers their dtype. All layers of `nn` can be exported, with
    masks and lengths that are inputs or computed from them, as can arithmetic, exponentials and
    logarithms, trigonometry, comparisons and logic, reductions, matrix products, shapes, joins,
    slices, and indices of whole numbers; of an LSTM's cells only those after the last step. Write
    it to a file by `onnx.save(nn.to_onnx(model, X), "model.onnx")`.

    Args:
        model: what to export, a module or a function of one tensor.
        example: samples (n, ...), as `nn.predict` takes them; for several inputs a tuple or a dict.

    Raises:
        MissingPackageError: the package onnx is not installed.
        ArgumentError: two inputs, or outputs, have keys that differ in punctuation only.
        UnsupportedError: entries decide what the model computes, or it was not recorded, or ONNX
            has no operator for a function.
        ShapeError: there are no samples.

    >>> from nn import Dense, to_onnx
    >>> proto = to_onnx(Dense(2, 3, "relu"), np.ones((4, 2)))
    >>> [node.op_type for node in proto.graph.node]
    ['MatMul', 'Add', 'Relu', 'Identity']
    """
    with needed("nn.to_onnx", "onnx", "autograd-lite[onnx]"):
        import onnx
    forward = traced("nn.to_onnx", model, example, _written_out)
    graph = Graph(onnx.helper, forward)
    for step in forward.steps:
        _write(graph, step)
    for name, step in graph.outputs.items():
        graph.output(name, step)
    nodes = _needed(graph.written, graph.outputs)
    used = {name for node in nodes for name in node.input}
    arrays = {name: array for name, array in graph.arrays.items() if name in used}
    made = onnx.helper.make_graph(
        nodes,
        type(model).__name__,
        [graph.info(name, step, given_as(step)) for name, step in forward.inputs.items()],
        [graph.info(name, step, DTYPES[kind_of(step)]) for name, step in graph.outputs.items()],
        [onnx.numpy_helper.from_array(x, name) for name, x in arrays.items()],
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    proto = onnx.helper.make_model(made, opset_imports=[opset], ir_version=VERSION)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise UnsupportedError(
            f"nn.to_onnx of {describe_one(model)}",
            f"ONNX takes no such arguments: {error}",
            "Compute with floats: x.astype(float) of truth values and whole numbers",
        ) from error
    return proto


def _written_out(operation: Operation) -> Any:
    """The function that an operation is written out as, unless ONNX has one for it."""
    return None if operation.function in CONVERTERS else function_written_out(operation)


def _needed(nodes: list[Any], outputs: Iterable[str]) -> list[Any]:
    """The nodes that some outputs come from."""
    needed, found = {*outputs}, []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            found.append(node)
    return found[::-1]


def _write(graph: Graph, step: Step) -> None:
    """Write a step, after those of its arguments."""
    if step in graph.names:
        return
    if step.function is None:
        weight = graph.weights.get(step)
        graph.names[step] = graph.constant(step.arguments[0], weight)
        return
    convert = CONVERTERS.get(step.function)
    if convert is None:
        raise refused(step, "ONNX has no operator for it")
    if _wraps(step):
        reason = f"its result is of dtype {step.dtype}, and large numbers would not wrap around"
        raise refused(step, reason, "Write x.astype(int) before")
    try:
        graph.names[step] = convert(graph, *step.arguments, **step.keywords)
    except TypeError as error:
        raise refused(step, f"it is not written with such arguments: {error}") from error


def _wraps(step: Step) -> bool:
    """Whether whole numbers are computed that are held in fewer bits than ONNX has them in here."""
    is_narrow = step.dtype is not None and step.dtype.kind in "iu" and step.dtype != np.int64
    return is_narrow and step.function in (*ARITHMETIC, np.sum, np.prod, np.cumsum)
