"""Losses that are computed in a loop, for the tests of what finds it again."""

import numpy as np

import autograd_lite as al
from autograd_lite import Tensor


def parameter(rng, *shape):
    return Tensor(0.3 * rng.normal(size=shape), requires_grad=True)


def rnn(steps, x, at):
    """A plain RNN that reads a slice of x at each step; its last state counts."""
    rng = np.random.default_rng(0)
    W, U, b = parameter(rng, 4, 4), parameter(rng, 4, 3), parameter(rng, 4)
    h = np.zeros(4)
    for t in range(steps):
        h = np.tanh(W @ h + U @ at(x, t) + b)
    return (h**2).sum(), [W, U, b]


def rnn_rows(steps=50):
    x = np.random.default_rng(1).normal(size=(steps, 3))
    return *rnn(steps, x, lambda x, t: x[t]), {"x": x}


def rnn_columns(steps=50):
    x = np.random.default_rng(1).normal(size=(3, steps))
    return *rnn(steps, x, lambda x, t: x[:, t]), {"x": x}


def rnn_of_a_parameter(steps=50):
    x = parameter(np.random.default_rng(1), steps, 3)
    loss, parameters = rnn(steps, x, lambda x, t: x[t])
    return loss, [*parameters, x], {}


def rnn_with_a_loss_at_each_step(steps=50):
    """A batch, samples in rows; each state predicts a target."""
    rng = np.random.default_rng(0)
    W, U, V = parameter(rng, 4, 4), parameter(rng, 3, 4), parameter(rng, 4, 1)
    x, y = rng.normal(size=(5, steps, 3)), rng.normal(size=(5, steps))
    h, loss = np.zeros((5, 4)), 0.0
    for t in range(steps):
        h = np.tanh(h @ W + x[:, t] @ U)
        loss = loss + (((h @ V)[:, 0] - y[:, t]) ** 2).mean()
    return loss / steps, [W, U, V], {"x": x, "y": y}


def lstm(steps=50):
    """Four gates, each with its own weights, on the state and the input in one column."""
    rng = np.random.default_rng(0)
    Wf, Wi, Wo, Wg = (parameter(rng, 3, 5) for _ in range(4))
    x = rng.normal(size=(steps, 2, 1))
    h = c = np.zeros((3, 1))
    for t in range(steps):
        z = np.concatenate([h, x[t]])
        f, i, o = (al.sigmoid(gate @ z) for gate in (Wf, Wi, Wo))
        c = f * c + i * np.tanh(Wg @ z)
        h = o * np.tanh(c)
    return (h**2).sum(), [Wf, Wi, Wo, Wg], {"x": x}


def lstm_of_one_product(steps=50):
    """The gates are parts of one product, samples in rows."""
    rng = np.random.default_rng(0)
    W, U, b = parameter(rng, 2, 12), parameter(rng, 3, 12), parameter(rng, 12)
    x = rng.normal(size=(4, steps, 2))
    h = c = np.zeros((4, 3))
    for t in range(steps):
        z = x[:, t] @ W + h @ U + b
        i, f, o, g = z[:, :3], z[:, 3:6], z[:, 6:9], z[:, 9:]
        c = al.sigmoid(f) * c + al.sigmoid(i) * np.tanh(g)
        h = al.sigmoid(o) * np.tanh(c)
    return (h**2).mean(), [W, U, b], {"x": x}


def gru(steps=50):
    """Two gates and a candidate, of samples in rows."""
    rng = np.random.default_rng(0)
    Wz, Wr, Wn = (parameter(rng, 2, 3) for _ in range(3))
    Uz, Ur, Un = (parameter(rng, 3, 3) for _ in range(3))
    x = rng.normal(size=(steps, 4, 2))
    h = np.zeros((4, 3))
    for t in range(steps):
        z = al.sigmoid(x[t] @ Wz + h @ Uz)
        r = al.sigmoid(x[t] @ Wr + h @ Ur)
        h = (1 - z) * np.tanh(x[t] @ Wn + (r * h) @ Un) + z * h
    return (h**2).mean(), [Wz, Wr, Wn, Uz, Ur, Un], {"x": x}


def euler(steps=1000):
    """Predators and prey after some steps of Euler's."""
    a, b, c, d = (Tensor(value, requires_grad=True) for value in (1.1, 0.4, 0.4, 0.1))
    x, y = 1.0, 1.0
    for _ in range(steps):
        x, y = x + 0.01 * (a * x - b * x * y), y + 0.01 * (d * x * y - c * y)
    return (x - 2.0) ** 2 + y**2, [a, b, c, d], {}


def trajectory(steps=60):
    """A pendulum, each of whose places is compared with a measurement."""
    k = Tensor(1.3, requires_grad=True)
    x, v, places = 1.0, 0.0, []
    for _ in range(steps):
        x, v = x + 0.1 * v, v - 0.1 * k * np.sin(x)
        places.append(x)
    measured = np.random.default_rng(0).normal(size=steps)
    return ((np.stack(places) - measured) ** 2).mean(), [k], {"measured": measured}


RECURRENCES = (
    *(rnn_rows, rnn_columns, rnn_of_a_parameter, rnn_with_a_loss_at_each_step),
    *(lstm, lstm_of_one_product, gru, euler, trajectory),
)
