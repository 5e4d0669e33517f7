"""A table of a model's layers, the shapes of what they return, and their parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.arguments import COUNTS, require
from nn.configuration import heading
from nn.module import Module, Parameter, require_model
from nn.training.evaluation import predict

HEADINGS = ("name", "layer", "output shape", "parameters")


@dataclass(frozen=True)
class Row:
    """A call of a layer: its parameters are its own, without those of layers inside of it."""

    name: str
    layer: str
    output_shape: tuple[int, ...]
    parameters: int

    def cells(self) -> tuple[str, ...]:
        """The text of each column, with n for the number of samples."""
        shape = ", ".join(["n", *map(str, self.output_shape[1:])])
        shape = f"({shape},)" if len(self.output_shape) == 1 else f"({shape})"
        return (self.name, self.layer, shape, f"{self.parameters:,}")


@dataclass(frozen=True, repr=False)
class Summary:
    """What `summary` returns: the table's rows, in the order of the calls, and the totals."""

    rows: list[Row]
    parameters: int
    trainable: int

    def __str__(self) -> str:
        table = [HEADINGS, *(row.cells() for row in self.rows)]
        widths = [max(len(cells[column]) for cells in table) for column in range(len(HEADINGS))]
        lines = []
        for *texts, count in table:
            columns = [text.ljust(width) for text, width in zip(texts, widths)]
            lines.append("  ".join([*columns, count.rjust(widths[-1])]))
        rule = "-" * len(lines[0])
        frozen = self.parameters - self.trainable
        total = f"total: {self.parameters:,} parameters"
        if frozen:
            total += f", {frozen:,} of them frozen"
        return "\n".join([lines[0], rule, *lines[1:], rule, total])

    __repr__ = __str__


def summary(model: Module, input_shape: int | tuple[int, ...]) -> Summary:
    """Call a model on one sample, and list its layers: those with parameters or without parts.

    A layer that is called twice is listed twice, its parameters and shared ones are counted once.
    The sample is of ones, and the model is in evaluation mode while it is called.

    Args:
        model: what to list; its mode is as before afterwards.
        input_shape: that of one sample, without the axis of samples: 2 or (2,) for inputs (n, 2).

    Raises:
        ShapeError: the model does not take inputs of that shape.
        UnsupportedError: that is no module.
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
    shape = input_shape if isinstance(input_shape, tuple | list) else (input_shape,)
    require("summary", "input_shape", shape, COUNTS)
    parameters = model.parameters()
    dtype = parameters[0].dtype if parameters else np.dtype(float)
    rows: list[Row] = []
    counted: set[Parameter] = set()

    def note(name: str, module: Module, result: Any) -> None:
        own = {value for _, value in module._members() if isinstance(value, Parameter)}
        if own or not any(module.children()):
            size = sum(parameter.size for parameter in own - counted)
            rows.append(Row(name, heading(module), result.shape, size))
            counted.update(own)

    with _watching(model, note), np.errstate(all="ignore"):
        predict(model, np.ones((1, *shape), dtype))
    return Summary(
        rows,
        sum(parameter.size for parameter in parameters),
        sum(parameter.size for parameter in parameters if parameter.requires_grad),
    )


@contextmanager
def _watching(model: Module, note: Callable[[str, Module, Any], None]) -> Iterator[None]:
    """Call `note(name, module, result)` after each call of the model and of modules inside."""
    modules = {module: name for name, module in model.named_modules()}
    assigned = {module: vars(module)["forward"] for module in modules if "forward" in vars(module)}

    def watched(name: str, module: Module) -> Callable[[Any], Any]:
        forward = module.forward

        def call(x: Any) -> Any:
            result = forward(x)
            note(name, module, result)
            return result

        return call

    try:
        for module, name in modules.items():
            vars(module)["forward"] = watched(name, module)
        yield
    finally:
        for module in modules:
            vars(module).pop("forward", None)
        for module, forward in assigned.items():
            vars(module)["forward"] = forward
