"""The graph of a model in ONNX: its nodes, its constants, and the names of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.errors import UnsupportedError
from autograd_lite.program.program import Step
from autograd_lite.textbook.spellings import Count
from nn.export.forward import Forward

DTYPES = {"b": np.bool_, "i": np.int64, "f": np.float32}
"""By kind of numbers, each of which holds those before it: what they are in ONNX."""
PARTLY = "of an LSTM ONNX gives the states after all steps, cells after the last one only"


def kind_of(x: Any) -> str:
    """The kind of the numbers of a step, an array or a number."""
    kind: str = x.dtype.kind if type(x) is Step else np.asarray(x).dtype.kind
    return kind.replace("u", "i")


def given_as(step: Step) -> Any:
    """The dtype of an input: whole numbers are given as they are."""
    return step.dtype if step.dtype.kind in "iu" else DTYPES[kind_of(step)]


def refused(
    step: Step, reason: str, remedy: str = "Write it with other functions of NumPy"
) -> UnsupportedError:
    """The error of a function that is not written."""
    name = getattr(step.function, "__name__", "?")
    return UnsupportedError(f"nn.to_onnx of a model that calls {name}", reason, remedy)


class Graph:
    """Nodes and constants, as they are written; each node gives the name of its result.

    Attributes:
        names: of the results of steps; of a step of several results a dict, by index.
        weights: the names of parameters and buffers, which no input has.
    """

    def __init__(self, helper: Any, forward: Forward) -> None:
        self.helper = helper
        self.forward = forward
        self.written: list[Any] = []
        self.arrays: dict[str, Any] = {}
        self.names: dict[Step, Any] = {step: name for name, step in forward.inputs.items()}
        self.count = 0
        self.known = {*forward.inputs}
        self.weights = {step: self._free(name, "own") for step, name in forward.weights.items()}
        self.outputs = {self._free(name, "output"): step for name, step in forward.outputs.items()}
        for step in forward.inputs.values():
            if given_as(step) not in DTYPES.values():
                self.names[step] = self.cast(step, np.int64)

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
        if not any(isinstance(value, Count) for value in values):
            return self.constant(np.array(values, np.int64))
        first = next(iter(self.forward.inputs.values()))
        samples = self.node("Shape", first, start=0, end=1)
        parts = []
        for value in values:
            if isinstance(value, Count):
                times = self.integers([self.forward.counts[int(value)]])
                parts.append(self.node("Mul", samples, times))
            else:
                parts.append(self.constant(np.array([value], np.int64)))
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
                raise refused(value, PARTLY)
            return name
        if isinstance(value, Count):
            return self.node("Squeeze", self.integers([value]))
        return self.constant(np.asarray(value))

    def constant(self, array: Any, name: str | None = None) -> str:
        """An array, under a name of its own."""
        name = name or self._new("constant")
        self.arrays[name] = np.asarray(array, DTYPES[kind_of(array)], order="C")
        return name

    def _free(self, name: str, prefix: str) -> str:
        """A name that nothing else has, by the prefix if need be; it is known from now on."""
        while name in self.known:
            name = f"{prefix}_{name}"
        self.known.add(name)
        return name

    def _new(self, kind: str) -> str:
        self.count += 1
        name = f"{kind}_{self.count}"
        return name if name not in self.known else self._new(kind)
