"""Layers that go through sequences step by step, with a state: RNN, GRU and LSTM.

Sequences are (n, length, features), as samples come first in all of nn; `batch_first=False` takes
(length, n, features), which is PyTorch's default. States are (layers * directions, n, features) in
both. Names, shapes and order of parameters, and the order of gates, are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLAG, FLOATING, FRACTION, WHOLE, one_of
from autograd_lite.derivatives.recurrences import gru_sequence, lstm_sequence, rnn_sequence
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.foreign import admit, beside, on_host
from autograd_lite.modes import entries_of
from autograd_lite.node import plain
from nn.architecture import register
from nn.configuration import heading
from nn.declared import declared, product
from nn.layers.dropout import dropped
from nn.layers.inputs import in_dtype_of, require_sequences
from nn.layers.recurrent_cells import first_states, gate_parameters, of_inputs
from nn.module import Module
from nn.random_state import generator

Last = TypeVar("Last")
"""What comes of the last step: states, or states and cells."""


def _own_steps(steps: Any, counts: Any) -> Any:
    """Which steps of each sample are its own, (length, n, 1)."""
    return beside((np.arange(len(steps))[:, None] < counts)[:, :, None], steps)


def _turned(steps: Any, counts: Any) -> Any:
    """Sequences from their ends to their beginnings; what is behind them stays there."""
    if counts is None:
        return steps[::-1]
    times = np.arange(len(steps))[:, None]
    return steps[np.where(times < counts, counts - 1 - times, times), np.arange(len(counts))]


def _joined(outputs: list[Any]) -> Any:
    """The states of both directions side by side."""
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)


class _Sizes(Module):
    """What recurrent layers are given first."""

    input_size: int = declared(COUNT)
    hidden_size: int = declared(COUNT)
    num_layers: int = declared(COUNT, default=1)


class _Nonlinear(_Sizes):
    """What an `RNN` is given next, before the options that all have."""

    nonlinearity: str = declared(one_of("tanh", "relu"), default="tanh")


class _Recurrent(_Sizes, Generic[Last]):
    """What layers have in common that go through sequences."""

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h_0",)

    bias: bool = declared(FLAG, default=True)
    batch_first: bool = declared(FLAG, default=True)
    dropout: float = declared(FRACTION, default=0.0)
    bidirectional: bool = declared(FLAG, default=False)

    def _set_up(self, rng: Any, dtype: Any) -> None:
        self.rng = generator(rng, type(self).__name__)
        for layer, name in self._directions():
            states = self._sizes()[0]
            inputs = states * (1 + self.bidirectional) if layer else self.input_size
            sizes = inputs, self.hidden_size, states
            own = gate_parameters(self.rng, self.gates, *sizes, self.bias, dtype)
            for kind, parameter in own.items():
                if parameter is not None:
                    setattr(self, f"{kind}{name}", parameter)

    @classmethod
    def _least_entries(cls, given: Mapping[str, Any]) -> float:
        inputs, hidden = given["input_size"], given["hidden_size"]
        return product([inputs, hidden]) + product([hidden, hidden, given["num_layers"]])

    def _sizes(self) -> tuple[int, ...]:
        """The features of each kind of states."""
        return (self.hidden_size,)

    def _directions(self) -> Iterator[tuple[int, str]]:
        """Each layer's number and the end of its parameters' names, once for each direction."""
        for layer in range(self.num_layers):
            for direction in ("", "_reverse")[: 1 + self.bidirectional]:
                yield layer, f"_l{layer}{direction}"

    def forward(self, x: Any, hx: Any = None, lengths: Any = None) -> tuple[Tensor, Last]:
        """The states of the last layer after each step, and those of all layers after the last.

        Args:
            x: (n, length, input_size).
            hx: the states to begin with, (layers * directions, n, hidden_size); zeros by default.
                Of an LSTM a pair of these, states and cells; states have proj_size features where
                they are projected.
            lengths: how many steps of each sample are its own, (n,), 1 or more; the others, with
                which short sequences are filled up behind, change no state, and there the result
                is 0. By default all are.

        Returns:
            The states of the last layer, (n, length, directions * hidden_size), backward ones
            behind forward ones; and of each layer and direction the last ones, in the shape of hx.

        Raises:
            ShapeError: x has other axes or features, or states or lengths do not go with it.
            ArgumentError: a length is below 1, or larger than x is long.
            UnsupportedError: x is not an array of real numbers.
        """
        first = getattr(self, "weight_ih_l0")  # noqa: B009 # the constructor makes it
        x = in_dtype_of(first, self._sequences(x))
        counts = self._lengths(x, lengths)
        n = x.shape[0 if self.batch_first else 1]
        count = self.num_layers * (1 + self.bidirectional)
        shapes = [(count, n, size) for size in self._sizes()]
        states = first_states(self, self.states, hx, shapes, x, first)
        steps = np.swapaxes(x, 0, 1) if self.batch_first else x
        if counts is not None:
            steps = np.where(_own_steps(steps, counts), steps, 0)
        ends: list[list[Any]] = [[] for _ in self.states]
        outputs: list[Any] = []
        for index, (layer, name) in enumerate(self._directions()):
            backward = name.endswith("_reverse")
            if layer and not backward:
                steps, outputs = self._between(outputs), []
            begun = [each[index] for each in states]
            taken = _turned(steps, counts) if backward else steps
            found = self._run(taken, name, begun)
            for kept, each in zip(ends, found):
                kept.append(each[-1] if counts is None else each[counts - 1, np.arange(n)])
            outputs.append(_turned(found[0], counts) if backward else found[0])
        y = _joined(outputs)
        if counts is not None:
            y = np.where(_own_steps(y, counts), y, 0)
        states = [np.stack(each) for each in ends]
        last: Any = states[0] if len(states) == 1 else tuple(states)
        return np.swapaxes(y, 0, 1) if self.batch_first else y, last

    def _run(self, steps: Any, name: str, states: list[Any]) -> tuple[Any, ...]:
        """What one layer computes in one direction: for each kind of states all, by time."""
        raise NotImplementedError(type(self).__name__)

    def _own(self, name: str) -> list[Any]:
        """The parameters of a layer and direction; None for biases that it has not."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, f"{kind}{name}", None) for kind in kinds]

    def _between(self, outputs: list[Any]) -> Any:
        x = _joined(outputs)
        if not self.training or self.dropout == 0:
            return x
        return dropped(x, self.dropout, self.rng, x.shape)

    def _sequences(self, x: Any) -> Any:
        x = require_sequences(self, "x", x, self.input_size)
        if x.shape[1 if self.batch_first else 0] == 0:
            raise ShapeError(
                f"{heading(self)} of {describe_one(x)}",
                f"axis {1 if self.batch_first else 0} has length 0",
                "Give sequences of at least one step",
            )
        return x

    def _lengths(self, x: Any, lengths: Any) -> Any:
        """How many steps of each sample are its own, (n,); None where all are."""
        if lengths is None:
            return None
        length, n = x.shape[:2][::-1] if self.batch_first else x.shape[:2]
        attempted = f"{heading(self)} of {describe_one(x)} with lengths {describe_one(lengths)}"
        lengths = entries_of(admit(lengths, attempted))  # which decide on what is computed
        counts = on_host(plain(lengths))
        if counts.shape != (n,):
            raise ShapeError(
                attempted,
                f"lengths have shape {counts.shape}, and there are {n} samples along axis "
                f"{0 if self.batch_first else 1}",
                f"Give one length for each sample, in an array ({n},)",
            )
        if counts.dtype.kind not in "iu":
            raise UnsupportedError(
                attempted, f"they have dtype {counts.dtype}", "Give whole numbers"
            )
        if n and not 1 <= counts.min() <= counts.max() <= length:
            raise ArgumentError(
                attempted,
                f"they range from {counts.min()} to {counts.max()}, and axis "
                f"{1 if self.batch_first else 0} of the input has {length} steps",
                f"Give lengths from 1 to {length}",
            )
        return lengths if isinstance(lengths, Tensor) else counts


@register
class RNN(_Recurrent[Tensor], _Nonlinear):
    """Elman's recurrent network: h[t] = tanh(W x[t] + b + U h[t-1] + c), in each layer.

    Elman, "Finding structure in time", 1990. See `LSTM` for arguments and results.

    Args:
        nonlinearity: "tanh" or "relu".

    >>> y, last = RNN(2, 3, rng=0)(np.ones((4, 5, 2)))
    >>> y.shape, last.shape
    ((4, 5, 3), (1, 4, 3))
    """

    gates = 1
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _run(self, steps: Any, name: str, states: list[Any]) -> tuple[Any, ...]:
        weight, recurrent, *biases = self._own(name)
        x = of_inputs(steps, weight, *biases)
        return (rnn_sequence(x, recurrent, states[0], self.nonlinearity),)


@register
class GRU(_Recurrent[Tensor]):
    """Gated recurrent units, whose gates say how much of the state is kept.

    r = sigmoid(W_r x + b_r + U_r h + c_r), z = sigmoid(W_z x + b_z + U_z h + c_z), n = tanh(W_n x +
    b_n + r (U_n h + c_n)), and the new state is (1 - z) n + z h; the weights of the gates are
    stacked in the order r, z, n. Cho et al., "Learning phrase representations using RNN
    encoder-decoder", 2014. See `LSTM` for arguments and results.

    >>> y, last = GRU(2, 3, num_layers=2, rng=0)(np.ones((4, 5, 2)))
    >>> y.shape, last.shape
    ((4, 5, 3), (2, 4, 3))
    """

    gates = 3
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _run(self, steps: Any, name: str, states: list[Any]) -> tuple[Any, ...]:
        weight, recurrent, bias, of_state = self._own(name)
        if of_state is None:
            of_state = beside(np.zeros(len(recurrent), recurrent.dtype), recurrent)
        x = of_inputs(steps, weight, bias)
        return (gru_sequence(x, recurrent, of_state, states[0]),)


@register
class LSTM(_Recurrent[tuple[Tensor, Tensor]]):
    """Long short-term memory: gates control what enters, stays in and leaves a cell.

    i = sigmoid(W_i x + b_i + U_i h + c_i), likewise f and o with weights of their own, n = tanh(W_n
    x + b_n + U_n h + c_n); the new cell is c = f c + i n and the new state o tanh(c). The weights
    of the gates are stacked in the order i, f, n, o. Hochreiter and Schmidhuber, "Long short-term
    memory", 1997.

    Args:
        input_size: features of x.
        hidden_size: features of the states.
        num_layers: number of layers, each of which takes the states of the one before.
        bias: whether to add both biases.
        batch_first: whether sequences are (n, length, features) rather than (length, n, features).
        dropout: the probability of dropping states between layers in training.
        bidirectional: whether each layer also runs from the end to the beginning.
        proj_size: features onto which states, but not cells, are projected by separate weights,
            fewer than hidden_size; 0 for no projection. Sak et al., "Long short-term memory based
            recurrent neural network architectures", 2014.
        rng: a `numpy.random.Generator`, or a seed for one; by default that of `nn.manual_seed`.
        dtype: of the parameters.

    Raises:
        ArgumentError: a number is out of its range, proj_size is not below hidden_size, or the
            dtype is not floating.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> layer = LSTM(2, 3, bidirectional=True, rng=0)
    >>> y, (states, cells) = layer(np.ones((4, 5, 2)), lengths=[5, 1, 2, 3])
    >>> y.shape, states.shape, cells.shape
    ((4, 5, 6), (2, 4, 3), (2, 4, 3))
    """

    gates = 4
    states = ("h_0", "c_0")
    proj_size: int = declared(WHOLE, default=0)
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")
    _dtype: DTypeLike = declared(FLOATING, default=np.float64, alias="dtype")

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        hidden_size, proj_size = values["hidden_size"], values["proj_size"]
        if proj_size >= hidden_size:
            raise ArgumentError(
                f"LSTM with proj_size={proj_size}, hidden_size={hidden_size}",
                "a projection leaves fewer features than there are",
                "Give a smaller proj_size, or 0 for no projection",
            )

    def _sizes(self) -> tuple[int, ...]:
        return self.proj_size or self.hidden_size, self.hidden_size

    def _run(self, steps: Any, name: str, states: list[Any]) -> tuple[Any, ...]:
        weight, recurrent, *biases = self._own(name)
        x, (h, c) = of_inputs(steps, weight, *biases), states
        if not self.proj_size:
            found: Tensor = lstm_sequence(x, recurrent, h, c)
            return found[0], found[1]
        # As the weights of projected states are those of a matrix product, and the first is given.
        projection = getattr(self, f"weight_hr{name}")
        x = np.concatenate([x[:1] + h @ recurrent.T, x[1:]])
        found = lstm_sequence(x, recurrent @ projection, np.zeros_like(c), c)
        return found[0] @ projection.T, found[1]
