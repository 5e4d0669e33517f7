"""A model as ONNX (https://onnx.ai), which runs without Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autograd_lite.errors import UnsupportedError, describe_one, needed
from autograd_lite.names import explains_keywords
from autograd_lite.operation import Operation
from autograd_lite.program.program import Step
from autograd_lite.textbook.spellings import Count, function_written_out
from nn.export import onnx_images, onnx_operators, onnx_sequences
from nn.export.forward import Forward, traced
from nn.export.onnx_operators import ARITHMETIC, DTYPES, kind_of
from nn.export.onnx_sequences import PARTLY

CONVERTERS = {
    **onnx_operators.CONVERTERS,
    **onnx_images.CONVERTERS,
    **onnx_sequences.CONVERTERS,
}
OPSET, VERSION = 20, 9
"""Of the operators, and of the format: ONNX 1.15, which every newer runtime reads."""


@explains_keywords
def to_onnx(model: Callable[..., Any], example: Any) -> Any:
    """A model as an `onnx.ModelProto`, in float32, for any number of samples.

    It computes what the model computes in evaluation mode. Inputs and outputs are called "x" and
    "output", several of them by their keys, or "x_0" and so on; where an output has the key of an
    input, "output_" is before it. Parameters have their names. Inputs of whole numbers keep their
    dtype. What can be written are all layers of `nn`, with masks and lengths that are inputs or
    come from them; and functions of arithmetic, exponentials and logarithms, trigonometry,
    comparisons and logic, reductions, products of matrices, shapes, joins, slices, and indices of
    whole numbers; of an LSTM's cells those after the last step. Write it to a file by
    `onnx.save(nn.to_onnx(model, X), "model.onnx")`.

    Args:
        model: what to write, a module or a function of one tensor.
        example: samples (n, ...), as `nn.predict` takes them; of several inputs a tuple or a dict.

    Raises:
        MissingPackageError: the package onnx is not installed.
        UnsupportedError: entries decide on what the model computes, or it was not recorded, or
            ONNX has no operator for a function.
        ShapeError: there are no samples.

    >>> from nn import Dense, to_onnx
    >>> proto = to_onnx(Dense(2, 3, "relu"), np.ones((4, 2)))
    >>> [node.op_type for node in proto.graph.node]
    ['MatMul', 'Add', 'Relu', 'Identity']
    """
    with needed("nn.to_onnx", "onnx", "autograd-lite[onnx]"):
        import onnx
    forward = traced("nn.to_onnx", model, example, _written_out)
    writer = _Writer(onnx.helper, forward)
    for step in forward.steps:
        writer.step(step)
    for name, step in writer.outputs.items():
        writer.output(name, step)
    nodes = _needed(writer.written, writer.outputs)
    used = {name for node in nodes for name in node.input}
    arrays = {name: array for name, array in writer.arrays.items() if name in used}
    graph = onnx.helper.make_graph(
        nodes,
        type(model).__name__,
        [writer.info(name, step, _given_as(step)) for name, step in forward.inputs.items()],
        [writer.info(name, step, DTYPES[kind_of(step)]) for name, step in writer.outputs.items()],
        [onnx.numpy_helper.from_array(x, name) for name, x in arrays.items()],
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    proto = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=VERSION)
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


def _given_as(step: Step) -> Any:
    """The dtype of an input: whole numbers are given as they are."""
    return step.dtype if step.dtype.kind in "iu" else DTYPES[kind_of(step)]


def _wraps(step: Step) -> bool:
    """Whether whole numbers are computed that are held in fewer bits than ONNX has them in here."""
    is_narrow = step.dtype is not None and step.dtype.kind in "iu" and step.dtype != np.int64
    return is_narrow and step.function in (*ARITHMETIC, np.sum, np.prod, np.cumsum)


def _needed(nodes: list[Any], outputs: Iterable[str]) -> list[Any]:
    """The nodes that some outputs come from."""
    needed, found = {*outputs}, []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            found.append(node)
    return found[::-1]


def _refused(
    step: Step, reason: str, remedy: str = "Write it with other functions of NumPy"
) -> UnsupportedError:
    name = getattr(step.function, "__name__", "?")
    return UnsupportedError(f"nn.to_onnx of a model that calls {name}", reason, remedy)


class _Writer:
    """The nodes and the constants of a graph."""

    def __init__(self, helper: Any, forward: Forward) -> None:
        self.helper = helper
        self.forward = forward
        self.written: list[Any] = []
        self.arrays: dict[str, Any] = {}
        self.names: dict[Step, Any] = {step: name for name, step in forward.inputs.items()}
        self.count = 0
        self.known = {*forward.inputs, *forward.weights.values()}
        self.outputs = {
            f"output_{name}" if name in self.known else name: step
            for name, step in forward.outputs.items()
        }
        self.known.update(self.outputs)
        for step in forward.inputs.values():
            if _given_as(step) not in DTYPES.values():
                self.names[step] = self.cast(step, np.int64)

    def step(self, step: Step) -> None:
        """Write a step, after those of its arguments."""
        if step in self.names:
            return
        if step.function is None:
            name = self.forward.weights.get(step) or self._new("constant")
            self.names[step] = self._constant(step.arguments[0], name)
            return
        convert = CONVERTERS.get(step.function)
        if convert is None:
            raise _refused(step, "ONNX has no operator for it")
        if _wraps(step):
            reason = f"its result is of dtype {step.dtype}, and large numbers would not wrap around"
            raise _refused(step, reason, "Write x.astype(int) before")
        try:
            self.names[step] = convert(self, *step.arguments, **step.keywords)
        except TypeError as error:
            raise _refused(step, f"it is not written with such arguments: {error}") from error

    def node(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """A node of values: steps, names of results, arrays and numbers."""
        return self.nodes(kind, 1, *inputs, **attributes)[0]

    def nodes(self, kind: str, count: int, *inputs: Any, **attributes: Any) -> list[str]:
        """The results of a node that has several."""
        names = [self._new(kind.lower()) for _ in range(count)]
        given = [self._value(x) for x in inputs]
        self.written.append(self.helper.make_node(kind, given, names, **attributes))
        return names

    def output(self, name: str, step: Step) -> None:
        """Give a result its name."""
        self.written.append(self.helper.make_node("Identity", [self._value(step)], [name]))

    def cast(self, x: Any, dtype: Any) -> str:
        """The values in another dtype."""
        return self.node("Cast", x, to=self._type(dtype))

    def integers(self, values: Sequence[Any]) -> str:
        """A vector of whole numbers; of the number of samples where one is a `Count`."""
        counted = [place for place, value in enumerate(values) if isinstance(value, Count)]
        if not counted:
            return self._constant(np.array(values, np.int64), self._new("integers"))
        first = next(iter(self.forward.inputs.values()))
        samples = self.node("Shape", first, start=0, end=1)
        parts = []
        for value in values:
            if isinstance(value, Count):
                times = self.integers([self.forward.counts[int(value)]])
                parts.append(self.node("Mul", samples, times))
            else:
                parts.append(self._constant(np.array([value], np.int64), self._new("integer")))
        return self.node("Concat", *parts, axis=0)

    def info(self, name: str, step: Step, dtype: Any) -> Any:
        """What an input or an output is: its dtype and shape, with any number of samples."""
        names = {self.forward.samples: "n"}
        shape = [names.get(x) if isinstance(x, Count) else x for x in step.shape]
        return self.helper.make_tensor_value_info(name, self._type(dtype), shape)

    def _type(self, dtype: Any) -> Any:
        return self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def _value(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        if type(value) is Step:
            name = self.names[value]
            if not isinstance(name, str):
                raise _refused(value, PARTLY)
            return name
        return self._constant(np.asarray(value), self._new("constant"))

    def _constant(self, array: Any, name: str) -> str:
        self.arrays[name] = np.asarray(array, DTYPES[kind_of(array)], order="C")
        return name

    def _new(self, kind: str) -> str:
        self.count += 1
        name = f"{kind}_{self.count}"
        return name if name not in self.known else self._new(kind)
