"""The time of one step of micrograd's demo, with micrograd and with this project.

The demo: two moons of 100 points, a perceptron 2-16-16-1 with ReLU whose every number is a node,
the max-margin loss with a squared penalty on the parameters, one step on all points. The network
is micrograd's own `MLP` for both; only the class of the numbers changes.

Run it: python benchmarks/scalar.py
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from typing import Any

from timing import interleaved, print_table, verdict  # isort: split

import numpy as np

from autograd_lite import Tensor
from autograd_lite.engine import backward_order

try:
    import micrograd.engine
    import micrograd.nn
except ImportError:
    micrograd = None

TARGET = 1.2
ROUNDS = 6
NODES = 65_818
"""The nodes of one loss with micrograd, which makes one of every constant as well."""
PENALTY = 1e-4
LEARNING_RATE = 0.1


def two_moons(points: int, noise: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """Two interleaved half circles, (points, 2), and their labels, 1 and -1."""
    angle = np.linspace(0, np.pi, points // 2)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X = np.concatenate([upper, [1, 0.5] - upper]) + noise * rng.standard_normal((points, 2))
    return X.tolist(), [1] * (points // 2) + [-1] * (points // 2)


class Demo:
    """The demo with one class of numbers, made by `value(number)`."""

    def __init__(self, value: Callable[[float], Any]) -> None:
        self.value = value
        random.seed(1337)
        micrograd.nn.Value = value
        self.model = micrograd.nn.MLP(2, [16, 16, 1])
        self.parameters = self.model.parameters()
        self.X, self.y = two_moons(100, 0.1, np.random.default_rng(1337))

    def forward(self) -> Any:
        inputs = [[self.value(x) for x in row] for row in self.X]
        scores = [self.model(row) for row in inputs]
        losses = [(1 + -y * score).relu() for y, score in zip(self.y, scores, strict=True)]
        penalty = PENALTY * sum(p * p for p in self.parameters)
        return sum(losses) * (1.0 / len(losses)) + penalty

    def update(self) -> None:
        for p in self.parameters:
            p.data -= LEARNING_RATE * p.grad

    def step(self) -> Any:
        loss = self.forward()
        self.model.zero_grad()
        loss.backward()
        self.update()
        return loss

    def gradients(self) -> np.ndarray:
        """The gradients of all parameters at the weights as they are, which they stay."""
        self.model.zero_grad()
        self.forward().backward()
        return np.array([p.grad for p in self.parameters])

    def phases(self) -> dict[str, float]:
        """Seconds of the parts of one step."""
        gc.collect()
        times = [time.perf_counter()]
        loss = self.forward()
        times.append(time.perf_counter())
        backward_order(loss)
        times.append(time.perf_counter())
        self.model.zero_grad()
        loss.backward()
        times.append(time.perf_counter())
        self.update()
        times.append(time.perf_counter())
        del loss
        times.append(time.perf_counter())
        names = ("forward", "order of the nodes", "backward", "update", "dropping the graph")
        return dict(zip(names, np.diff(times).tolist(), strict=True))


def value(number: float) -> Tensor:
    """What takes the place of micrograd's `Value(number)`."""
    return Tensor(float(number), requires_grad=True)


def count_nodes(loss: Any) -> int:
    """The nodes of micrograd's graph."""
    seen, stack = {loss}, [loss]
    while stack:
        new = stack.pop()._prev - seen
        seen |= new
        stack += new
    return len(seen)


def fastest_phases(demo: Demo) -> dict[str, float]:
    """Seconds of the parts of a step: of each the minimum over the rounds."""
    rounds = [demo.phases() for _ in range(ROUNDS)]
    return {name: min(each[name] for each in rounds) for name in rounds[0]}


def main() -> None:
    """Check, time, print."""
    if micrograd is None:
        print("micrograd is not installed: left out")
        return
    theirs, ours = Demo(micrograd.engine.Value), Demo(value)
    nodes = count_nodes(theirs.forward())
    assert nodes == NODES, f"the graph has {nodes} nodes, not {NODES}"
    expected = theirs.gradients()
    error = np.max(np.abs(ours.gradients() - expected) / np.abs(expected).max())
    assert error <= 1e-12, f"the gradients differ by {error:.1e}"

    contenders = {"micrograd": theirs.step, "autograd_lite": ours.step}
    with_collector = fastest_phases(ours)
    gc.disable()
    seconds = interleaved(contenders, ROUNDS)
    without_collector = fastest_phases(ours)
    gc.enable()
    print(f"one step of micrograd's demo, {nodes} nodes, collector off")
    print_table(["", "ms"], [[name, f"{time * 1e3:.1f}"] for name, time in seconds.items()])
    ratio = seconds["autograd_lite"] / seconds["micrograd"]
    print(f"autograd_lite / micrograd: {verdict(ratio, TARGET)}\n")
    print("the parts of a step with autograd_lite, ms")
    rows = [
        [name, f"{with_collector[name] * 1e3:.1f}", f"{without_collector[name] * 1e3:.1f}"]
        for name in with_collector
    ]
    print_table(["part", "collector on", "collector off"], rows)


if __name__ == "__main__":
    main()
