"""What recurrent layers and their cells have in common: parameters of gates, and states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import affine
from autograd_lite.errors import ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import beside
from nn.configuration import heading
from nn.init import uniform
from nn.layers.inputs import in_dtype_of, require_input
from nn.members import Parameter
from nn.module import Module


def gate_parameters(
    rng: np.random.Generator,
    gates: int,
    inputs: int,
    hidden: int,
    states: int,
    bias: bool,
    dtype: DTypeLike,
) -> dict[str, Any]:
    """The parameters of one layer and direction, uniform within 1 / sqrt(hidden), as PyTorch's.

    Those of a projection are there where states have fewer features than are hidden.
    """
    bound, rows = hidden**-0.5, gates * hidden
    shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, states)}
    shapes |= {"bias_ih": (rows, 1), "bias_hh": (rows, 1)}
    if states < hidden:
        shapes["weight_hr"] = (states, hidden)
    found: dict[str, Any] = {}
    for name, shape in shapes.items():
        values = uniform(rng, *shape, -bound, bound)
        is_bias = name.startswith("bias")
        values = values[:, 0] if is_bias else values
        found[name] = None if is_bias and not bias else Parameter(values, dtype=dtype)
    return found


def of_inputs(x: Any, weight: Any, *biases: Any) -> Any:
    """What inputs give to the gates, and the biases that are added to it."""
    if biases[0] is None:
        return x @ weight.T
    return affine(x, weight.T, biases[0] if len(biases) == 1 else biases[0] + biases[1])


def first_states(
    layer: Module,
    names: Sequence[str],
    hx: Any,
    shapes: Iterable[tuple[int, ...]],
    x: Any,
    weight: Any,
) -> list[Any]:
    """The states to begin with, of so many kinds as there are names; zeros where none are given.

    They are in the dtype of a weight, once they have the shapes that go with x.
    """
    given = [hx] * len(names) if hx is None or len(names) == 1 else hx
    if not isinstance(given, tuple | list) or len(given) != len(names):
        raise UnsupportedError(
            f"{heading(layer)} with hx of {describe_one(hx)}",
            f"it begins with {len(names)} kinds of states",
            f"Give a tuple ({', '.join(names)}), or None to begin with zeros",
        )
    found = []
    for name, state, shape in zip(names, given, shapes):
        if state is None:
            found.append(beside(np.zeros(shape, weight.dtype), weight))
            continue
        state = require_input(layer, state)
        if state.shape != shape:
            raise ShapeError(
                f"{heading(layer)} of {describe_one(x)} with {name} {describe_one(state)}",
                f"states for these inputs have shape {shape}",
                "Give one of that shape, or None to begin with zeros",
            )
        found.append(in_dtype_of(weight, state))
    return found
