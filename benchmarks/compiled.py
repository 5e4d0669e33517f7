"""The CPU time of compiled training steps and gradients against hand-written NumPy.

A training step is forward pass, loss, backward pass and Adam update on one mini-batch, see
`training.py`; the gradients are those of a loop of 50 steps, an LSTM. Ratios are of CPU time, taken
by turns in one run, one thread. Beside them stand how long recording takes, and the most memory
that a step needs beside what it keeps.

Run it: python benchmarks/compiled.py
"""

from __future__ import annotations

import itertools
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from timing import print_table, verdict  # isort: split

import numpy as np
import training

import autograd_lite
import nn
from autograd_lite import sigmoid, value_and_grad

TARGETS = (0.27, 0.28, 0.47, 0.50, 0.68)
"""Of the networks of `training.py`."""
ROUNDS = 15
SECONDS = 0.03


def cpu_seconds(contenders: dict[str, Callable[[], object]]) -> dict[str, float]:
    """CPU seconds of one call of each: the minimum over rounds of blocks, which take turns."""
    calls = {}
    for name, call in contenders.items():
        start = time.process_time()
        for _ in range(3):
            call()
        calls[name] = max(1, round(SECONDS * 3 / max(time.process_time() - start, 1e-5)))
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            start = time.process_time()
            for _ in range(calls[name]):
                call()
            best[name] = min(best[name], (time.process_time() - start) / calls[name])
    return best


def peak(call: Callable[[], object]) -> int:
    """The most memory that a call needs beside what there is before it, in bytes."""
    call()
    tracemalloc.start()
    call()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most - before


def row(name: str, contenders: dict[str, Callable[[], object]], target: float) -> list[str]:
    """A line of the table: a contender is the first, which the others are compared with."""
    seconds = cpu_seconds(contenders)
    base, ratio = seconds["hand-written"], seconds["compiled"] / seconds["hand-written"]
    texts = [f"{base * 1e6:.0f}"]
    texts += [f"{time * 1e6:.0f} = {time / base:.2f}" for time in [*seconds.values()][1:]]
    memory = [f"{peak(contenders[who]) / 1024:.0f}" for who in ("hand-written", "compiled")]
    return [name, *texts, " / ".join(memory), verdict(ratio, target)]


# Training steps


def compiled_step(initial: Any, batches: Any) -> tuple[Any, Callable[[], object], float]:
    """A compiled step, what takes the next one, and the milliseconds of the first three."""
    layers = []
    for i, (weight, bias) in enumerate(initial):
        activation = "relu" if i < len(initial) - 1 else None
        layer = nn.Dense(*weight.shape, activation=activation, dtype=weight.dtype)
        layer.weight.data, layer.bias.data = weight.copy(), bias.copy()
        layers.append(layer)
    model = nn.Sequential(*layers)
    binary = initial[-1][1].size == 1
    loss = nn.BCEWithLogitsLoss() if binary else nn.CrossEntropyLoss()
    optimizer = nn.Adam(model.parameters(), learning_rate=training.LEARNING_RATE)
    step = nn.compile(model, loss, optimizer)
    endless = itertools.cycle(batches if binary else training.with_labels(batches))
    start = time.process_time()
    for _ in range(3):
        step(*next(endless))
    assert step.backend == "numpy", step.backend
    return step, lambda: step(*next(endless)), (time.process_time() - start) * 1e3


def training_rows() -> list[list[str]]:
    rows = []
    for network, target in zip(training.NETWORKS, TARGETS, strict=True):
        rng = np.random.default_rng(0)
        initial = training.initial_parameters(network, rng)
        batches = training.make_batches(network, rng)
        _, call, first = compiled_step(initial, batches)
        contenders = {
            "hand-written": training.hand_written(initial, batches).stepper(),
            "eager": training.this_project(initial, batches).stepper(),
            "compiled": call,
        }
        rows.append([*row(str(network), contenders, target), f"{first:.1f}"])
    return rows


# Gradients

STEPS, BATCH, UNITS = 50, 16, 16


def lstm(x: Any, weight: Any, bias: Any) -> Any:
    """The sum of squares of the last state of an LSTM (Hochreiter and Schmidhuber, 1997)."""
    h = c = np.zeros((BATCH, UNITS))
    for t in range(STEPS):
        z = np.concatenate([x[t], h], axis=1) @ weight + bias
        i, f, o = [sigmoid(z[:, k * UNITS : (k + 1) * UNITS]) for k in range(3)]
        c = f * c + i * np.tanh(z[:, 3 * UNITS :])
        h = o * np.tanh(c)
    return (h * h).sum()


def lstm_by_hand(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Any:
    """The same, and its gradient in weight and bias."""
    h = c = np.zeros((BATCH, UNITS))
    kept = []
    for t in range(STEPS):
        inputs = np.concatenate([x[t], h], axis=1)
        z = inputs @ weight + bias
        gates = 1 / (1 + np.exp(-z[:, : 3 * UNITS]))
        i, f, o = gates[:, :UNITS], gates[:, UNITS : 2 * UNITS], gates[:, 2 * UNITS :]
        g = np.tanh(z[:, 3 * UNITS :])
        before, c = c, f * c + i * g
        bent = np.tanh(c)
        h = o * bent
        kept.append((inputs, i, f, o, g, before, bent))
    dh, dc = 2 * h, np.zeros_like(c)
    d_weight, d_bias = np.zeros_like(weight), np.zeros_like(bias)
    for inputs, i, f, o, g, before, bent in reversed(kept):
        dc = dc + dh * o * (1 - bent * bent)
        parts = dc * g * i * (1 - i), dc * before * f * (1 - f), dh * bent * o * (1 - o)
        dz = np.concatenate([*parts, dc * i * (1 - g * g)], axis=1)
        d_weight += inputs.T @ dz
        d_bias += dz.sum(axis=0)
        dh, dc = (dz @ weight.T)[:, x.shape[2] :], dc * f
    return (h * h).sum(), (d_weight, d_bias)


def gradient_row(
    name: str, f: Any, by_hand: Any, arguments: Any, argnums: Any, target: float
) -> list[str]:
    compiled, eager = value_and_grad(autograd_lite.compile(f), argnums), value_and_grad(f, argnums)
    start = time.process_time()
    for _ in range(2):
        found = compiled(*arguments)
    first = (time.process_time() - start) * 1e3
    assert compiled.backend == "numpy", compiled.backend
    for a, b in zip(found[1], by_hand(*arguments)[1], strict=True):
        np.testing.assert_allclose(a, b, 1e-9, 1e-12)
    contenders = {
        "hand-written": lambda: by_hand(*arguments),
        "eager": lambda: eager(*arguments),
        "compiled": lambda: compiled(*arguments),
    }
    return [*row(name, contenders, target), f"{first:.1f}"]


def main() -> None:
    """Check, time, print."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS, BATCH, 8))
    weight, bias = rng.normal(size=(8 + UNITS, 4 * UNITS)) / 5, np.zeros(4 * UNITS)
    rows = training_rows()
    rows.append(gradient_row("LSTM, 50 steps", lstm, lstm_by_hand, (x, weight, bias), (1, 2), 0.95))
    print("microseconds of CPU time = ratio to hand-written NumPy; KiB by hand / compiled;")
    print("the last column: milliseconds of the first three steps, or two gradients")
    header = ["", "by hand", "eager", "compiled", "peak KiB", "compiled, target", "first"]
    print_table(header, rows)


if __name__ == "__main__":
    main()
