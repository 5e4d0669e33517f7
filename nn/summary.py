"""A table of a model's layers, the shapes of what they return, and their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNTS, require
from autograd_lite.cells import aligned
from autograd_lite.errors import ShapeError, UnsupportedError
from autograd_lite.modes import setting
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.trees import leaves_of
from nn.calls import watching_calls
from nn.configuration import heading
from nn.members import Parameter
from nn.module import Module, require_model
from nn.training.evaluation import predict
from nn.training.inputs import as_arrays, shown

HEADINGS = ("name", "layer", "output shape", "parameters")


@dataclass(frozen=True)
class Row:
    """A call of a layer: its parameters are its own, without those of layers inside of it."""

    name: str
    layer: str
    output_shape: tuple[int, ...] | list[tuple[int, ...]]
    """A list of several where the layer returns several arrays."""
    parameters: int

    def cells(self) -> tuple[str, ...]:
        """The text of each column, with n for the number of samples."""
        several = isinstance(self.output_shape, list)
        shapes: Any = self.output_shape if several else [self.output_shape]
        return (self.name, self.layer, ", ".join(map(_of_n, shapes)), f"{self.parameters:,}")


def _of_n(shape: tuple[int, ...]) -> str:
    text = ", ".join(["n", *map(str, shape[1:])])
    return f"({text},)" if len(shape) == 1 else f"({text})"


@dataclass(frozen=True, repr=False)
class Summary:
    """What `summary` returns: the table's rows, in the order of the calls, and the totals."""

    rows: list[Row]
    parameters: int
    trainable: int

    def __str__(self) -> str:
        table = [HEADINGS, *(row.cells() for row in self.rows)]
        width = max(len(count) for *_, count in table)
        lines = aligned([(*texts, count.rjust(width)) for *texts, count in table])
        rule = "-" * len(lines[0])
        frozen = self.parameters - self.trainable
        total = f"total: {self.parameters:,} parameters"
        if frozen:
            total += f", {frozen:,} of them frozen"
        return "\n".join([lines[0], rule, *lines[1:], rule, total])

    __repr__ = __str__


@explains_keywords
def summary(model: Module, input_shape: Any, *others: Any) -> Summary:
    """Call a model on one sample, and list its layers that have parameters or no parts.

    A layer that is called twice is listed twice; its parameters, like shared ones, are counted
    once. The sample consists of ones, and the model computes in evaluation mode.

    Args:
        model: what to list; it is not changed.
        input_shape: the shape of one sample, without the axis of samples: 2 or (2,) for inputs (n,
            2). Or an example, an array (n, ...), such as one of whole numbers. For several inputs,
            a tuple or a dict, as for `nn.predict`.
        others: the shapes, or examples, of further inputs.

    Raises:
        ShapeError: the model does not take inputs of that shape.
        UnsupportedError: that is not a module, or its `forward` does not take ones.
        ArgumentError: the shape is not of whole numbers of at least 1.

    >>> from nn import Dense, ReLU, Sequential
    >>> print(summary(Sequential(Dense(2, 16), ReLU(), Dense(16, 1)), 2))
    name  layer         output shape  parameters
    --------------------------------------------
    0     Dense(2, 16)  (n, 16)               48
    1     ReLU()        (n, 16)                0
    2     Dense(16, 1)  (n, 1)                17
    --------------------------------------------
    total: 65 parameters
    """
    require_model(model, "summary of")
    parameters = model.parameters()
    dtype = parameters[0].dtype if parameters else np.dtype(float)
    first, *further = (_example(given, dtype) for given in (input_shape, *others))
    inputs = (first, *further) if further else first
    rows: list[Row] = []
    counted: set[Parameter] = set()

    names = {module: name for name, module in model.named_modules()}

    def note(module: Module, result: Any) -> None:
        if module not in names:
            return
        own = {value for _, value in module._members() if isinstance(value, Parameter)}
        if own or not any(module.children()):
            size = sum(parameter.size for parameter in own - counted)
            shapes = [np.shape(plain(leaf)) for leaf in leaves_of(result)]
            shape = shapes[0] if isinstance(result, Tensor | np.ndarray) else shapes
            rows.append(Row(names[module], heading(module), shape, size))
            counted.update(own)

    try:
        with setting(watching_calls, note), np.errstate(all="ignore"):
            predict(model, inputs)
    except ShapeError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnsupportedError(
            f"summary of {type(model).__name__} with {shown(inputs)}",
            f"calling it raised {type(error).__name__}: {error}".rstrip("."),
            "Give an example of its inputs in place of their shapes: "
            "nn.summary(model, np.zeros((1, 3), int))",
        ) from error
    return Summary(
        rows,
        sum(parameter.size for parameter in parameters),
        sum(parameter.size for parameter in parameters if parameter.requires_grad),
    )


def _example(given: Any, dtype: Any) -> Any:
    """Ones in the shapes that are given, and the examples that are given themselves."""
    if isinstance(given, Mapping):
        return {name: _example(each, dtype) for name, each in given.items()}
    if len(getattr(given, "shape", ())):
        return as_arrays(given, "summary of")
    shape = given if isinstance(given, tuple | list) else (given,)
    if any(isinstance(each, tuple | list | Mapping) or getattr(each, "ndim", 0) for each in shape):
        return tuple(_example(each, dtype) for each in shape)
    require("summary", "input_shape", shape, COUNTS)
    return np.ones((1, *shape), dtype)
