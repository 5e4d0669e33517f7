"""Recurrent networks over a whole sequence, each layer and direction as one operation.

Sequences are (time, n, features). What a layer computes of its inputs alone, x[t] = W i[t] + b, is
one product of matrices and comes from outside; here is what goes from step to step, through the
weights of the states. The derivative is backpropagation through time (Werbos, 1990): what reaches
a state comes from outside, and from the step after it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.derivatives.neural import relu, sigmoid
from autograd_lite.operation import Traits
from autograd_lite.table import differentiable

TRAITS = Traits(product=True, accumulates=True)
REMEDY = "Give x (time, n, gates * hidden), states (n, hidden), weights (gates * hidden, hidden)"


def require_shapes(gates: int, x: Any, w: Any, *states: Any) -> None:
    """Raise unless sequences, weights and states belong together."""
    hidden = w.shape[-1]
    wanted = (*x.shape[1:2], hidden) if x.ndim == 3 else ()
    if w.shape != (gates * hidden, hidden) or x.shape[2:] != w.shape[:1]:
        raise ValueError(
            f"x has shape {x.shape} and the weights {w.shape}, for {gates} gates", REMEDY
        )
    for h in states:
        if h.shape != wanted:
            raise ValueError(f"x has shape {x.shape} and a state {h.shape}", REMEDY)


def _before(states: Any, first: Any) -> Any:
    """The state that each step begins with."""
    return np.concatenate([first[None], states[:-1]])


def _parts(gates: Any, count: int) -> list[Any]:
    """Gates that are side by side."""
    size = gates.shape[-1] // count
    return [gates[..., k * size : (k + 1) * size] for k in range(count)]


def _product(da: Any, before: Any) -> Any:
    """The derivative in weights that the states before each step are multiplied by."""
    return da.reshape(-1, da.shape[-1]).T @ before.reshape(-1, before.shape[-1])


# Elman's


def _rnn_vjp(g: Any, y: Any, x: Any, w: Any, h: Any, activation: str) -> Any:
    slopes = 1 - y * y if activation == "tanh" else np.sign(y)
    found = []
    dh: Any = 0
    for t in reversed(range(len(x))):
        found.append(slopes[t] * (g[t] + dh))
        dh = found[-1] @ w
    dx = np.stack(found[::-1])
    return dx, _product(dx, _before(y, h)), dh


@differentiable(_rnn_vjp, variadic=True, traits=TRAITS)
def rnn_sequence(x: Any, w: Any, h: Any, activation: str) -> Any:
    """The states h[t] = activation(x[t] + w h[t-1]) of a recurrent network.

    Elman, "Finding structure in time", 1990.

    Args:
        x: what enters each step, (time, n, hidden).
        w: weights of the state before, (hidden, hidden).
        h: the first state, (n, hidden).
        activation: "tanh" or "relu".

    >>> x, w, h = np.zeros((2, 1, 1)), np.array([[0.5]]), np.array([[1.0]])
    >>> rnn_sequence(x, w, h, "tanh")[:, 0, 0].round(3)
    array([0.462, 0.227])
    """
    require_shapes(1, x, w, h)
    bend = np.tanh if activation == "tanh" else relu
    y = np.empty_like(x)
    for t in range(len(x)):
        y[t] = h = bend(x[t] + h @ w.T)
    return y


# GRU


def _gru_gates(x: Any, states: Any) -> tuple[Any, ...]:
    """Reset, update and candidate, and what the state gives to the last, before the reset."""
    (x_r, x_z, x_n), (h_r, h_z, h_n) = _parts(x, 3), _parts(states, 3)
    reset = sigmoid(x_r + h_r)
    return reset, sigmoid(x_z + h_z), np.tanh(x_n + reset * h_n), h_n


def _gru_vjp(g: Any, y: Any, x: Any, w: Any, b: Any, h: Any) -> Any:
    before = _before(y, h)
    states = before @ w.T + b
    of_x, of_states = [], []
    dh: Any = 0
    for t in reversed(range(len(x))):
        reset, update, candidate, given = _gru_gates(x[t], states[t])
        dh = g[t] + dh
        dn = dh * (1 - update) * (1 - candidate * candidate)
        dz = dh * (before[t] - candidate) * update * (1 - update)
        dr = dn * given * reset * (1 - reset)
        of_x.append(np.concatenate([dr, dz, dn], axis=-1))
        of_states.append(np.concatenate([dr, dz, dn * reset], axis=-1))
        dh = of_states[-1] @ w + update * dh
    da = np.stack(of_states[::-1])
    return np.stack(of_x[::-1]), _product(da, before), da.sum(axis=(0, 1)), dh


@differentiable(_gru_vjp, variadic=True, traits=TRAITS)
def gru_sequence(x: Any, w: Any, b: Any, h: Any) -> Any:
    """The states of gated recurrent units, with gates in PyTorch's order.

    With a = w h[t-1] + b, of which each is in three parts as x[t] is: the reset
    r = sigmoid(x_r + a_r), the update z = sigmoid(x_z + a_z), the candidate
    n = tanh(x_n + r a_n), and the state h[t] = (1 - z) n + z h[t-1]. Cho et al., "Learning phrase
    representations using RNN encoder-decoder", 2014.

    Args:
        x: what enters the gates at each step, (time, n, 3 hidden).
        w: weights of the state before, (3 hidden, hidden).
        b: what is added to these, (3 hidden,).
        h: the first state, (n, hidden).

    >>> x, w, b = np.zeros((2, 1, 3)), np.zeros((3, 1)), np.zeros(3)
    >>> gru_sequence(x, w, b, np.array([[1.0]]))[:, 0, 0]
    array([0.5 , 0.25])
    """
    require_shapes(3, x, w, h)
    y = np.empty_like(x, shape=(*x.shape[:2], w.shape[1]))
    for t in range(len(x)):
        _, update, candidate, _ = _gru_gates(x[t], h @ w.T + b)
        y[t] = h = candidate + update * (h - candidate)
    return y


# LSTM


def _lstm_gates(z: Any) -> Any:
    """Input, forget, candidate and output gates of each step, (time, 4, n, hidden)."""
    enter, forget, candidate, leave = _parts(z, 4)
    return np.stack([sigmoid(enter), sigmoid(forget), np.tanh(candidate), sigmoid(leave)], axis=1)


def _lstm_vjp(g: Any, y: Any, x: Any, w: Any, h: Any, c: Any, gates: Any = None) -> Any:
    states, cells = _before(y[0], h), _before(y[1], c)
    if gates is None:
        gates = _lstm_gates(x + states @ w.T)
    found = []
    dh: Any = 0
    dc: Any = 0
    for t in reversed(range(len(x))):
        enter, forget, candidate, leave = gates[t]
        bent = np.tanh(y[1][t])
        dh = g[0][t] + dh
        dc = g[1][t] + dc + dh * leave * (1 - bent * bent)
        of_gates = [
            dc * candidate * enter * (1 - enter),
            dc * cells[t] * forget * (1 - forget),
            dc * enter * (1 - candidate * candidate),
            dh * bent * leave * (1 - leave),
        ]
        found.append(np.concatenate(of_gates, axis=-1))
        dh, dc = found[-1] @ w, dc * forget
    dx = np.stack(found[::-1])
    return dx, _product(dx, states), dh, dc


@differentiable(_lstm_vjp, variadic=True, residual=True, traits=TRAITS)
def lstm_sequence(x: Any, w: Any, h: Any, c: Any) -> Any:
    """The states and the cells of long short-term memory, with gates in PyTorch's order.

    Of z = x[t] + w h[t-1] in four parts: the input gate i = sigmoid(z_i), the forget gate
    f = sigmoid(z_f), the candidate n = tanh(z_n), the output gate o = sigmoid(z_o); the cell
    c[t] = f c[t-1] + i n and the state h[t] = o tanh(c[t]). Hochreiter and Schmidhuber, "Long
    short-term memory", 1997; Gers et al., "Learning to forget", 2000.

    Args:
        x: what enters the gates at each step, (time, n, 4 hidden).
        w: weights of the state before, (4 hidden, hidden).
        h: the first state, (n, hidden).
        c: the first cell, (n, hidden).

    Returns:
        States and cells after each step, (2, time, n, hidden).

    >>> x, w = np.zeros((2, 1, 4)), np.zeros((4, 1))
    >>> lstm_sequence(x, w, np.array([[0.0]]), np.array([[1.0]]))[1, :, 0, 0]
    array([0.5 , 0.25])
    """
    require_shapes(4, x, w, h, c)
    y = np.empty_like(x, shape=(2, *x.shape[:2], w.shape[1]))
    length, n, hidden = y.shape[1:]
    # By gate, as what is contiguous is computed faster.
    by_gate = w.reshape(4, hidden, hidden).swapaxes(1, 2).copy()
    entering = x.reshape(length, n, 4, hidden).swapaxes(1, 2)
    gates = np.empty_like(x, shape=entering.shape)
    with np.errstate(over="ignore"):
        for t in range(length):
            z = h @ by_gate
            z += entering[t]
            # The sigmoid of all, in place, and the tanh of the candidate instead.
            np.exp(np.negative(z, out=gates[t]), out=gates[t])
            gates[t] += 1
            np.divide(1, gates[t], out=gates[t])
            enter, forget, candidate, leave = gates[t]
            np.tanh(z[2], out=candidate)
            y[1, t] = c = forget * c + enter * candidate
            y[0, t] = h = leave * np.tanh(c)
    return y, gates
