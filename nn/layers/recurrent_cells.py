"""One step of recurrent layers: gates, and cells for loops of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor, affine, relu, sigmoid
from autograd_lite.arguments import COUNT, FLAG, FLOATING, one_of
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.foreign import beside
from nn.architecture import register
from nn.configuration import heading
from nn.declared import declared
from nn.init import uniform
from nn.layers.inputs import in_dtype_of, require_shape
from nn.members import Parameter
from nn.module import Module
from nn.random_state import generator


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
        hint = "or None to begin with zeros"
        state = require_shape(layer, state, shape, name=name, hint=hint, beside=x)
        found.append(in_dtype_of(weight, state))
    return found


class _Cell(Module):
    """What cells have in common."""

    gates: ClassVar[int]

    input_size: int = declared(COUNT, size=True)
    hidden_size: int = declared(COUNT, size=True)
    bias: bool = declared(FLAG, default=True)

    def _set_up(self, rng: Any, dtype: Any) -> None:
        source, sizes = generator(rng, type(self).__name__), (self.input_size, self.hidden_size)
        own = gate_parameters(source, self.gates, *sizes, self.hidden_size, self.bias, dtype)
        self.weight_ih: Parameter = own["weight_ih"]
        self.weight_hh: Parameter = own["weight_hh"]
        self.bias_ih: Parameter | None = own["bias_ih"]
        self.bias_hh: Parameter | None = own["bias_hh"]

    def _inputs(self, x: Any) -> Any:
        x = require_shape(self, x, ("n", self.input_size), hint="as x[:, t] of sequences")
        return in_dtype_of(self.weight_ih, x)

    def _begun(self, hx: Any, x: Any, *names: str) -> list[Any]:
        shapes = [(x.shape[0], self.hidden_size)] * len(names)
        return first_states(self, names, hx, shapes, x, self.weight_hh)

    def _given(self, x: Any, h: Any) -> tuple[Any, Any]:
        """What inputs and state give to the gates."""
        of_input = of_inputs(x, self.weight_ih, self.bias_ih)
        return of_input, of_inputs(h, self.weight_hh, self.bias_hh)

    def _gates(self, z: Any) -> list[Any]:
        """The gates that are side by side."""
        size = self.hidden_size
        return [z[:, k * size : (k + 1) * size] for k in range(self.gates)]


@register
class RNNCell(_Cell):
    """One step of `RNN`: the state after inputs (n, input_size) and a state (n, hidden_size).

    >>> cell, state = RNNCell(2, 3, rng=0), None
    >>> for t in range(5):
    ...     state = cell(np.ones((4, 2)), state)
    >>> state.shape
    (4, 3)
    """

    gates = 1
    nonlinearity: str = declared(one_of("tanh", "relu"), default="tanh")
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def forward(self, x: Any, hx: Any = None) -> Tensor:
        """The new state.

        Raises:
            ShapeError: x has other axes or features, or the state does not go with it.
            UnsupportedError: x is not an array of real numbers.
        """
        x = self._inputs(x)
        of_input, of_state = self._given(x, *self._begun(hx, x, "hx"))
        z = of_input + of_state
        state: Tensor = np.tanh(z) if self.nonlinearity == "tanh" else relu(z)
        return state


@register
class GRUCell(_Cell):
    """One step of `GRU`: the state after inputs (n, input_size) and a state (n, hidden_size).

    >>> GRUCell(2, 3, rng=0)(np.ones((4, 2))).shape
    (4, 3)
    """

    gates = 3
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def forward(self, x: Any, hx: Any = None) -> Tensor:
        """The new state.

        Raises:
            ShapeError: x has other axes or features, or the state does not go with it.
            UnsupportedError: x is not an array of real numbers.
        """
        x = self._inputs(x)
        (h,) = self._begun(hx, x, "hx")
        of_input, of_state = self._given(x, h)
        (x_r, x_z, x_n), (h_r, h_z, h_n) = self._gates(of_input), self._gates(of_state)
        update = sigmoid(x_z + h_z)
        candidate = np.tanh(x_n + sigmoid(x_r + h_r) * h_n)
        state: Tensor = (1 - update) * candidate + update * h
        return state


@register
class LSTMCell(_Cell):
    """One step of `LSTM`: state and cell after inputs (n, input_size), a state and a cell.

    >>> state, cell = LSTMCell(2, 3, rng=0)(np.ones((4, 2)))
    >>> state.shape, cell.shape
    ((4, 3), (4, 3))
    """

    gates = 4
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def forward(self, x: Any, hx: Any = None) -> tuple[Tensor, Tensor]:
        """The new state and the new cell.

        Raises:
            ShapeError: x has other axes or features, or state and cell do not go with it.
            UnsupportedError: x is not an array of real numbers, or hx not a pair.
        """
        x = self._inputs(x)
        h, c = self._begun(hx, x, "h_0", "c_0")
        of_input, of_state = self._given(x, h)
        enter, forget, candidate, leave = self._gates(of_input + of_state)
        cell = sigmoid(forget) * c + sigmoid(enter) * np.tanh(candidate)
        return sigmoid(leave) * np.tanh(cell), cell
