"""Recurrent networks over a whole sequence, each layer and direction as one operation.

Sequences are (time, n, features). What a layer computes of its inputs alone, x[t] = W i[t] + b, is
one product of matrices and comes from outside; here is what goes from step to step, through the
weights of the states. The derivative is backpropagation through time (Werbos, 1990): the cotangent
of a state is what comes from outside, and what is carried back from the step after it,

    dh[t] = g[t] + da[t+1] W + keep[t+1] dh[t+1],    da[t] = slopes[t] dh[t].

All that does not go from step to step, the slopes and the derivative in W among it, is computed
for all steps at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.derivatives.neural import sigmoid
from autograd_lite.operation import Traits
from autograd_lite.table import differentiable

TRAITS = Traits(product=True, accumulates=True)
REMEDY = "Give x (time, n, gates * hidden), states (n, hidden), weights (gates * hidden, hidden)"


def require_shapes(gates: int, x: Any, w: Any, *states: Any) -> None:
    """Raise unless sequences, weights and states belong together."""
    hidden = w.shape[-1]
    wanted = (x.shape[1:2] + (hidden,)) if x.ndim == 3 else ()
    if w.shape != (gates * hidden, hidden) or x.shape[2:] != w.shape[:1]:
        raise ValueError(
            f"x has shape {x.shape} and the weights {w.shape}, for {gates} gates", REMEDY
        )
    for h in states:
        if h.shape != wanted:
            raise ValueError(f"x has shape {x.shape} and a state {h.shape}", REMEDY)


def _steps(x: Any, reverse: bool) -> range:
    """The steps in the order in which they are computed."""
    return range(len(x) - 1, -1, -1) if reverse else range(len(x))


def _before(states: Any, first: Any, reverse: bool) -> Any:
    """The state that each step begins with."""
    first = first[None]
    return np.concatenate([states[1:], first] if reverse else [first, states[:-1]])


def _others_kept(new: Any, before: Any, live: Any, step: int) -> Any:
    """A new state, and that before it where the sequence of a sample is over."""
    return new if live is None else np.where(live[step][:, None], new, before)


def _beside(live: Any, slopes: Any, otherwise: float) -> Any:
    """Slopes where a sequence has a step, another number where it is over."""
    if live is None:
        return slopes
    return np.where(live.reshape(live.shape + (1,) * (slopes.ndim - 2)), slopes, otherwise)


def _in_order(found: list[Any], reverse: bool) -> Any:
    """What was found from the last step to the first, along an axis of time."""
    return np.stack(found if reverse else found[::-1])


def _product(da: Any, before: Any) -> Any:
    """The derivative in weights that states before each step are multiplied by."""
    return da.reshape(-1, da.shape[-1]).T @ before.reshape(-1, before.shape[-1])


def _carried_back(g: Any, slopes: Any, keep: Any, w: Any, reverse: bool) -> tuple[Any, Any]:
    """The cotangents of the state after each step, and of the first one.

    Slopes are (time, n, gates, hidden): of what is multiplied by w, in the state after it. `keep`
    is the share of the state before it that is in it, None for nothing.
    """
    found = []
    dh: Any = 0
    for t in _steps(g, not reverse):
        dh = g[t] + dh
        found.append(dh)
        da = slopes[t] * dh[:, None]
        carried = da.reshape(da.shape[0], -1) @ w
        dh = carried if keep is None else carried + keep[t] * dh
    return _in_order(found, reverse), dh


# Elman's


ACTIVATIONS = {
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "relu": (lambda x: np.maximum(x, 0), np.sign),
}


def _rnn_vjp(
    g: Any, y: Any, x: Any, w: Any, h: Any, live: Any, activation: str, reverse: bool
) -> Any:
    before = _before(y, h, reverse)
    slopes = _beside(live, ACTIVATIONS[activation][1](y), 0)
    keep = None if live is None else _beside(live, np.zeros_like(slopes), 1)
    dh, dfirst = _carried_back(g, slopes[:, :, None], keep, w, reverse)
    da = slopes * dh
    return da, _product(da, before), dfirst, None


@differentiable(_rnn_vjp, variadic=True, traits=TRAITS)
def rnn_sequence(x: Any, w: Any, h: Any, live: Any, activation: str, reverse: bool) -> Any:
    """The states h[t] = activation(x[t] + w h[t-1]) of a recurrent network.

    Elman, "Finding structure in time", 1990.

    Args:
        x: what enters each step, (time, n, hidden).
        w: weights of the state before, (hidden, hidden).
        h: the first state, (n, hidden).
        live: where a sample has a step, (time, n) booleans; elsewhere its state stays. None for all.
        activation: "tanh" or "relu".
        reverse: whether the last step comes first.

    >>> x, w, h = np.zeros((2, 1, 1)), np.array([[0.5]]), np.array([[1.0]])
    >>> rnn_sequence(x, w, h, None, "tanh", False)[:, 0, 0].round(3)
    array([0.462, 0.227])
    """
    require_shapes(1, x, w, h)
    bend, _ = ACTIVATIONS[activation]
    y = np.empty_like(x)
    for t in _steps(x, reverse):
        y[t] = h = _others_kept(bend(x[t] + h @ w.T), h, live, t)
    return y


# GRU


def _gru_gates(x: Any, states: Any) -> tuple[Any, ...]:
    """Reset, update and candidate, and what the state gives to the last, before the reset."""
    hidden = x.shape[-1] // 3
    both = sigmoid(x[..., : 2 * hidden] + states[..., : 2 * hidden])
    reset, update = both[..., :hidden], both[..., hidden:]
    given = states[..., 2 * hidden :]
    return reset, update, np.tanh(x[..., 2 * hidden :] + reset * given), given


def _gru_vjp(g: Any, y: Any, x: Any, w: Any, b: Any, h: Any, live: Any, reverse: bool) -> Any:
    before = _before(y, h, reverse)
    reset, update, candidate, given = _gru_gates(x, before @ w.T + b)
    to_candidate = (1 - update) * (1 - candidate * candidate)
    to_reset = to_candidate * given * reset * (1 - reset)
    to_update = (before - candidate) * update * (1 - update)
    slopes = _beside(live, np.stack([to_reset, to_update, to_candidate], axis=2), 0)
    of_states = _beside(live, np.stack([to_reset, to_update, to_candidate * reset], axis=2), 0)
    dh, dfirst = _carried_back(g, of_states, _beside(live, update, 1), w, reverse)
    dx, da = ((each * dh[:, :, None]).reshape(x.shape) for each in (slopes, of_states))
    return dx, _product(da, before), da.sum(axis=(0, 1)), dfirst, None


@differentiable(_gru_vjp, variadic=True, traits=TRAITS)
def gru_sequence(x: Any, w: Any, b: Any, h: Any, live: Any, reverse: bool) -> Any:
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
        live: where a sample has a step, (time, n) booleans; elsewhere its state stays. None for all.
        reverse: whether the last step comes first.

    >>> x, w, b = np.zeros((2, 1, 3)), np.zeros((3, 1)), np.zeros(3)
    >>> gru_sequence(x, w, b, np.array([[1.0]]), None, False)[:, 0, 0]
    array([0.5 , 0.25])
    """
    require_shapes(3, x, w, h)
    y = np.empty_like(x, shape=(*x.shape[:2], w.shape[1]))
    for t in _steps(x, reverse):
        _, update, candidate, _ = _gru_gates(x[t], h @ w.T + b)
        y[t] = h = _others_kept(candidate + update * (h - candidate), h, live, t)
    return y


# LSTM


def _parts(gates: Any) -> list[Any]:
    """Input, forget, candidate and output gates, which are side by side."""
    hidden = gates.shape[-1] // 4
    return [gates[..., k * hidden : (k + 1) * hidden] for k in range(4)]


def _lstm_gates(z: Any) -> Any:
    enter, forget, candidate, leave = _parts(z)
    gates = [sigmoid(enter), sigmoid(forget), np.tanh(candidate), sigmoid(leave)]
    return np.concatenate(gates, axis=-1)


def _lstm_vjp(
    g: Any,
    y: Any,
    x: Any,
    w: Any,
    h: Any,
    c: Any,
    live: Any,
    reverse: bool,
    gates: Any = None,
) -> Any:
    before, cells_before = _before(y[0], h, reverse), _before(y[1], c, reverse)
    if gates is None:
        gates = _lstm_gates(x + before @ w.T)
    found = []
    dh: Any = 0
    dc: Any = 0
    for t in _steps(x, not reverse):
        enter, forget, candidate, leave = _parts(gates[t])
        bent = np.tanh(y[1][t])
        dh = g[0][t] + dh
        dc = g[1][t] + dc
        over = None if live is None else ~live[t][:, None]
        stepped = dh if live is None else np.where(over, 0, dh)
        cell = (dc if live is None else np.where(over, 0, dc)) + stepped * leave * (1 - bent * bent)
        da = [
            cell * candidate * enter * (1 - enter),
            cell * cells_before[t] * forget * (1 - forget),
            cell * enter * (1 - candidate * candidate),
            stepped * bent * leave * (1 - leave),
        ]
        found.append(np.concatenate(da, axis=-1))
        dc = cell * forget if live is None else np.where(over, dc, cell * forget)
        dh = found[-1] @ w if live is None else np.where(over, dh, found[-1] @ w)
    dx = _in_order(found, reverse)
    return dx, _product(dx, before), dh, dc, None


@differentiable(_lstm_vjp, variadic=True, residual=True, traits=TRAITS)
def lstm_sequence(x: Any, w: Any, h: Any, c: Any, live: Any, reverse: bool) -> Any:
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
        live: where a sample has a step, (time, n) booleans; elsewhere its state and cell
            stay. None for all.
        reverse: whether the last step comes first.

    Returns:
        States and cells after each step, (2, time, n, hidden).

    >>> x, w = np.zeros((2, 1, 4)), np.zeros((4, 1))
    >>> lstm_sequence(x, w, np.array([[0.0]]), np.array([[1.0]]), None, False)[1, :, 0, 0]
    array([0.5 , 0.25])
    """
    require_shapes(4, x, w, h, c)
    y = np.empty_like(x, shape=(2, *x.shape[:2], w.shape[1]))
    gates = np.empty_like(x)
    for t in _steps(x, reverse):
        z = x[t] + h @ w.T
        with np.errstate(over="ignore"):
            gates[t] = 1 / (1 + np.exp(-z))
        enter, forget, candidate, leave = _parts(gates[t])
        np.tanh(_parts(z)[2], out=candidate)
        y[1, t] = cell = _others_kept(forget * c + enter * candidate, c, live, t)
        y[0, t] = h = _others_kept(leave * np.tanh(cell), h, live, t)
        c = cell
    return y, gates
