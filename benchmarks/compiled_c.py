"""The CPU time of programs in C against hand-written NumPy, and of programs of numbers.

Adam's whole step of the networks of `training.py` by `nn.compile(..., backend="c")`, with all that
is looked at in each step; beside it as one program, update and all, that the back end is given by
itself. Gradients are those of `compiled.py`. micrograd's demo, see `scalar.py`, is a program of
65,000 numbers; its ratio is to micrograd, the collector off. Ratios are of CPU time, taken by turns
in one run, one thread.

Run it: python benchmarks/compiled_c.py
"""

from __future__ import annotations

import gc
import itertools
import os
import resource
import tempfile
from collections.abc import Callable
from typing import Any

from timing import print_table, verdict  # isort: split

import compiled
import numpy as np
import scalar
import training

import autograd_lite
import nn
from autograd_lite import value_and_grad
from autograd_lite.derivatives.shaping import astype
from autograd_lite.program.backends import Task
from autograd_lite.program.c_backend import c_backend
from autograd_lite.program.program import Step
from autograd_lite.program.scalars import scalar_backend
from autograd_lite.program.trace import trace

TARGETS = (0.045, 0.085, 0.16, 0.21, 0.58)
"""Of the networks of `training.py`."""
FIRST = 1.5
"""Seconds, compilation included, until the first result."""


class Update:
    """Adam's update as steps, behind those of a loss."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def __call__(self, function: Any, *arguments: Any) -> Step:
        given = [x.arguments[0] if type(x) is Step and not x.function else x for x in arguments]
        arrays = [x for x in given if type(x) is Step or hasattr(x, "shape")]
        shape = np.broadcast_shapes(*[x.shape for x in arrays])
        dtype = arguments[1] if function is astype else arrays[0].dtype
        return self.add(function, arguments, shape, dtype)

    def add(self, function: Any, arguments: Any, shape: Any, dtype: Any) -> Step:
        step = Step(function, tuple(arguments), {}, shape, len(self.steps), dtype)
        self.steps.append(step)
        return step

    def input(self, array: np.ndarray) -> Step:
        return self.add(None, (array,), array.shape, array.dtype)


def whole_step(model: Any, loss: Any, X: Any, y: Any) -> Callable[[Any, Any], Any]:
    """A training step, with the formulas of `nn.Adam`, as one function in C."""
    value = loss(model(X), y)
    program = trace(value)
    do, rate, beta1, beta2 = Update(program.steps), training.LEARNING_RATE, 0.9, 0.999
    steps_taken = do.input(np.array(0.0))
    t = do(np.add, steps_taken, 1.0)
    outputs: list[Any] = [(program.values[value], None), (t, steps_taken)]
    root = do(np.divide, do(np.subtract, 1.0, do(np.power, beta2, t)), 1 - beta2)
    root = do(np.sqrt, root)
    bias = do(np.subtract, 1.0, do(np.power, beta1, t))
    a, b = (
        do(np.divide, do(np.multiply, root, rate * (1 - beta1)), bias),
        do(np.multiply, root, 1e-8),
    )
    inputs = [program.inputs[id(X)], program.inputs[id(y)], steps_taken]
    for parameter in model.parameters():
        place, gradient = program.inputs[parameter], program.cotangents[parameter]
        factor, small = (do(astype, x, parameter.dtype) for x in (a, b))
        m, v = (do.input(np.zeros_like(parameter.data)) for _ in range(2))
        first = do(np.add, do(np.multiply, m, beta1), gradient)
        second = do(np.add, do(np.multiply, v, beta2), do(np.multiply, gradient, gradient))
        quotient = do(np.divide, first, do(np.add, do(np.sqrt, second), small))
        moved = do(np.subtract, place, do(np.multiply, quotient, factor))
        inputs += [place, m, v]
        outputs += [(moved, place), (first, m), (second, v)]
    run = c_backend(Task(do.steps, inputs, outputs))
    arrays = [step.arguments[0] for step in inputs[2:]]
    return lambda X, y: run([X, y, *arrays])[0]


def model_of(initial: Any) -> Any:
    layers = []
    for i, (weight, bias) in enumerate(initial):
        activation = "relu" if i < len(initial) - 1 else None
        layer = nn.Dense(*weight.shape, activation=activation, dtype=weight.dtype)
        layer.weight.data, layer.bias.data = weight.copy(), bias.copy()
        layers.append(layer)
    return nn.Sequential(*layers)


def seconds_of(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of a call, those of a compiler included, and what it returns."""

    def now() -> float:
        used = [resource.getrusage(x) for x in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(x.ru_utime + x.ru_stime for x in used)

    start = now()
    found = call()
    return now() - start, found


def training_row(network: training.Network, target: float) -> list[str]:
    rng = np.random.default_rng(0)
    initial = training.initial_parameters(network, rng)
    batches = training.make_batches(network, rng)
    binary = initial[-1][1].size == 1
    given = batches if binary else training.with_labels(batches)
    loss = nn.BCEWithLogitsLoss() if binary else nn.CrossEntropyLoss()
    model, by_hand = model_of(initial), training.hand_written(initial, batches)
    first, step = seconds_of(lambda: whole_step(model, loss, *given[0]))
    again, _ = seconds_of(lambda: whole_step(model_of(initial), loss, *given[0]))
    for (X, y), batch in zip(given, batches, strict=True):
        step(X, y)
        by_hand.step(*batch)
    tolerance = 1e-10 if network.dtype is np.float64 else 2e-3
    for layer, (weight, _), (start, _) in zip(model, by_hand.parameters(), initial, strict=True):
        error = np.linalg.norm(layer.weight.data - weight) / np.linalg.norm(weight - start)
        assert error <= tolerance, f"{network}: moved otherwise, by {error:.1e}"
    other = model_of(initial)
    optimizer = nn.Adam(other.parameters(), learning_rate=training.LEARNING_RATE)
    of_library = nn.compile(other, loss, optimizer, backend="c")
    endless = itertools.cycle(given)
    for _ in range(4):
        of_library(*next(endless))
    assert of_library.backend == "c", of_library.backend
    contenders = {
        "hand-written": by_hand.stepper(),
        "one program": lambda: step(*next(endless)),
        "nn.compile": lambda: of_library(*next(endless)),
    }
    return [*line(str(network), contenders, target), f"{first:.2f}", f"{again * 1e3:.0f}"]


def line(name: str, contenders: dict[str, Callable[[], object]], target: float) -> list[str]:
    seconds = compiled.cpu_seconds(contenders)
    base = next(iter(seconds.values()))
    texts = [f"{base * 1e6:.1f}"]
    texts += [f"{time * 1e6:.1f} = {time / base:.4f}" for time in [*seconds.values()][1:]]
    texts += ["-"] * (3 - len(texts))
    ratio = [*seconds.values()][-1] / base
    return [name, *texts, verdict(ratio, target)]


def gradient_row(
    name: str, f: Any, by_hand: Any, arguments: Any, argnums: Any, target: float
) -> list[str]:
    fast = value_and_grad(autograd_lite.compile(f, backend="c"), argnums)
    first, found = seconds_of(lambda: [fast(*arguments) for _ in range(3)][-1])
    assert fast.backend == "c", fast.backend
    for a, b in zip(found[1], by_hand(*arguments)[1], strict=True):
        np.testing.assert_allclose(a, b, 1e-9, 1e-12)
    contenders = {"by hand": lambda: by_hand(*arguments), "C": lambda: fast(*arguments)}
    return [*line(name, contenders, target), f"{first:.2f}", "-"]


def demo_rows() -> list[list[str]]:
    """micrograd's demo: loss and gradients, with micrograd, and in groups."""
    if scalar.micrograd is None:
        print("micrograd is not installed: left out")
        return []
    theirs, ours = scalar.Demo(scalar.micrograd.engine.Value), scalar.Demo(scalar.value)
    expected = theirs.gradients()
    loss = ours.forward()
    program = trace(loss)
    inputs = [program.inputs[x] for x in ours.parameters]
    outputs = [(program.values[loss], None)]
    outputs += [(program.cotangents[x], None) for x in ours.parameters]
    task = Task(program.steps, inputs, outputs)
    arrays = [np.array(x.data) for x in ours.parameters]
    rows = []
    gc.collect()
    gc.disable()
    for name, backend, target in (("NumPy", scalar_backend, 0.005), ("C", c_backend, 0.002)):
        first, run = seconds_of(lambda backend=backend: backend(task))
        error = np.abs(np.array(run(arrays)[1:]) - expected).max() / np.abs(expected).max()
        assert error <= 1e-12, f"the gradients differ by {error:.1e}"
        contenders = {"micrograd": theirs.gradients, name: lambda run=run: run(arrays)}
        rows.append([*line(f"micrograd's demo, {name}", contenders, target), f"{first:.2f}", "-"])
    gc.enable()
    return rows


def main() -> None:
    """Check, time, print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        rng = np.random.default_rng(0)
        x = rng.normal(size=(compiled.STEPS, compiled.BATCH, 8))
        weight = rng.normal(size=(8 + compiled.UNITS, 4 * compiled.UNITS)) / 5
        data = x, weight, np.zeros(4 * compiled.UNITS)
        rows = [training_row(*pair) for pair in zip(training.NETWORKS, TARGETS, strict=True)]
        lstm = compiled.lstm, compiled.lstm_by_hand, data, (1, 2), 0.36
        rows.append(gradient_row("LSTM, 50 steps", *lstm))
        rows += demo_rows()
    print("microseconds of CPU time = ratio to what is written by hand, or to micrograd;")
    print(f"first: CPU seconds until it is compiled, at most {FIRST}; kept: ms, compiled before")
    print_table(["", "by hand", "in C", "nn.compile", "against target", "first", "kept"], rows)


if __name__ == "__main__":
    main()
