"""The time of a gradient through a loop: an LSTM of 50 steps.

It is written in NumPy once, and differentiated by this project; what it is compared with computes
value and gradient as derived by hand. Nothing is timed before both agree.

Run it: python benchmarks/loops.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timing import interleaved, print_table, verdict  # isort: split

import numpy as np

from autograd_lite import Tensor

STEPS, BATCH, FEATURES, HIDDEN = 50, 16, 4, 16
TARGET = 2.5
ROUNDS = 15
SECONDS_PER_BLOCK = 0.05

Gradients = list[np.ndarray]


# The LSTM


def lstm_parameters(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights and biases by name; the gates lie side by side: input, forget, output, cell."""
    return {
        "Wx": rng.standard_normal((FEATURES, 4 * HIDDEN)) / 2,
        "Wh": rng.standard_normal((HIDDEN, 4 * HIDDEN)) / 4,
        "b": np.zeros(4 * HIDDEN),
        "Wo": rng.standard_normal((HIDDEN, 1)) / 4,
        "bo": np.zeros(1),
    }


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_loss(X, y, Wx, Wh, b, Wo, bo):
    """The mean squared error of what is read out after the last step."""
    h = c = np.zeros((BATCH, HIDDEN))
    for x in X:
        z = x @ Wx + h @ Wh + b
        i, f, o = (sigmoid(z[:, k * HIDDEN : (k + 1) * HIDDEN]) for k in range(3))
        c = f * c + i * np.tanh(z[:, 3 * HIDDEN :])
        h = o * np.tanh(c)
    error = h @ Wo + bo - y
    return (error * error).mean()


def lstm_by_hand(X, y, Wx, Wh, b, Wo, bo):
    """The loss and its gradients, derived by hand."""
    h = c = np.zeros((BATCH, HIDDEN))
    saved = []
    for x in X:
        z = x @ Wx + h @ Wh + b
        gates = sigmoid(z[:, : 3 * HIDDEN])
        i, f, o = (gates[:, k * HIDDEN : (k + 1) * HIDDEN] for k in range(3))
        g = np.tanh(z[:, 3 * HIDDEN :])
        tanh_c = np.tanh(f * c + i * g)
        saved.append((x, h, c, i, f, o, g, tanh_c))
        h, c = o * tanh_c, f * c + i * g
    error = h @ Wo + bo - y
    d_error = 2 * error / error.size
    dWo, dbo, dh = h.T @ d_error, d_error.sum(axis=0), d_error @ Wo.T
    dWx, dWh, db, dc = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b), np.zeros_like(c)
    for x, h, c, i, f, o, g, tanh_c in reversed(saved):
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        parts = [
            dc * g * i * (1 - i),
            dc * c * f * (1 - f),
            dh * tanh_c * o * (1 - o),
            dc * i * (1 - g * g),
        ]
        dz = np.concatenate(parts, axis=1)
        dWx += x.T @ dz
        dWh += h.T @ dz
        db += dz.sum(axis=0)
        dh, dc = dz @ Wh.T, dc * f
    return (error * error).mean(), [dWx, dWh, db, dWo, dbo]


def lstm() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """By hand, and as a user writes it."""
    rng = np.random.default_rng(0)
    arrays = lstm_parameters(rng)
    X, y = rng.standard_normal((STEPS, BATCH, FEATURES)), rng.standard_normal((BATCH, 1))
    tensors = {name: Tensor(a, requires_grad=True, name=name) for name, a in arrays.items()}

    def automatic():
        for tensor in tensors.values():
            tensor.zero_grad()
        loss = lstm_loss(X, y, **tensors)
        loss.backward()
        return loss.item(), [tensor.grad for tensor in tensors.values()]

    return lambda: lstm_by_hand(X, y, **arrays), automatic


# The comparison


def check_agreement(expected: tuple[Any, Gradients], found: tuple[Any, Gradients]):
    """Raise unless values and gradients agree to 1e-12."""
    for own, other in zip([expected[0], *expected[1]], [found[0], *found[1]], strict=True):
        error = np.max(np.abs(other - own)) / np.max(np.abs(own))
        assert error <= 1e-12, f"they differ by {error:.1e}"


def main() -> None:
    """Check, time, print."""
    by_hand, automatic = lstm()
    check_agreement(by_hand(), automatic())
    contenders = {"by hand": by_hand, "autograd_lite": automatic}
    estimate = max(interleaved(contenders, rounds=3).values())
    block = max(1, round(SECONDS_PER_BLOCK / estimate))
    base, ours = interleaved(contenders, ROUNDS, block).values()
    found = f"{ours * 1e6:.0f} = {ours / base:.2f}"
    row = [f"LSTM, {STEPS} steps", f"{base * 1e6:.0f}", found, verdict(ours / base, TARGET)]
    print("microseconds for a value and its gradients = ratio to the ones derived by hand")
    print_table(["", "by hand", "autograd_lite", "against target"], [row])


if __name__ == "__main__":
    main()
