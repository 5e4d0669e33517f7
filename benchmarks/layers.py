"""The time and the memory of layers of images, against PyTorch's eager mode: forward and backward.

Both compute from the same weights and images, in float32, and have to agree before anything is
timed. So do GELU's two, in both precisions. CPU time, one thread.

Run it: python benchmarks/layers.py
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from timing import print_table, verdict  # isort: split

import numpy as np
import torch

import nn
from autograd_lite import Tensor

ROUNDS = 30
TOLERANCE = 1e-3


def lenet(dtype):
    """LeCun's, with ReLU and maxima, for images of 28 by 28 pixels."""
    ours = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool(2),
        nn.Conv2d(6, 16, 5, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool(2),
        nn.Flatten(),
        nn.Dense(400, 120, activation="relu", dtype=dtype),
        nn.Dense(120, 84, activation="relu", dtype=dtype),
        nn.Dense(84, 10, dtype=dtype),
    )
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 5, padding=2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 16, 5),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(400, 120),
        torch.nn.ReLU(),
        torch.nn.Linear(120, 84),
        torch.nn.ReLU(),
        torch.nn.Linear(84, 10),
    )
    return ours, theirs


def convolution(dtype):
    ours = nn.Conv2d(32, 64, 3, padding=1, dtype=dtype)
    return ours, torch.nn.Conv2d(32, 64, 3, padding=1)


def gelu(dtype):
    return nn.GELU(), torch.nn.GELU()


# Name, layers, the shape of images, whether these want a gradient, their dtype, the ratio aimed at.
CASES = (
    ("LeNet, 28x28 b64", lenet, (64, 1, 28, 28), False, np.float32, 1.6),
    ("Conv2d 3x3 32->64, 32x32 b16", convolution, (16, 32, 32, 32), True, np.float32, 1.5),
    ("GELU of 100,000, float32", gelu, (100_000,), True, np.float32, 1.5),
    ("GELU of 100,000, float64", gelu, (100_000,), True, np.float64, 1.5),
)


def contenders(
    make: Callable[[Any], Any], shape: tuple[int, ...], wanted: bool, dtype: Any
) -> dict[str, Any]:
    """A step of each, forward and backward, which returns the gradients."""
    rng = np.random.default_rng(0)
    nn.manual_seed(0)
    ours, theirs = make(dtype)
    pairs = list(zip(ours.parameters(), theirs.parameters(), strict=True))
    for mine, other in pairs:
        values = mine.data.T if mine.ndim == 2 else mine.data
        other.data = torch.tensor(values.copy())
    images = rng.normal(size=shape).astype(dtype)
    x = Tensor(images, requires_grad=True) if wanted else images
    t = torch.tensor(images, requires_grad=wanted)
    cotangent = rng.normal(size=ours(x).shape).astype(dtype)
    other_cotangent = torch.tensor(cotangent)
    inputs = ([x], [t]) if wanted else ([], [])

    def step():
        ours.zero_grad()
        if wanted:
            x.zero_grad()
        ours(x).backward(cotangent, leaves_only=True)
        return [p.grad.T if p.ndim == 2 else p.grad for p in [*ours.parameters(), *inputs[0]]]

    def other_step():
        theirs.zero_grad()
        if wanted:
            t.grad = None
        theirs(t).backward(other_cotangent)
        return [p.grad.numpy() for p in [*theirs.parameters(), *inputs[1]]]

    return {"autograd_lite": step, "torch": other_step}


def check_agreement(steps: dict[str, Callable[[], Any]]) -> None:
    """Raise unless the gradients are the same."""
    for found, expected in zip(*(step() for step in steps.values()), strict=True):
        error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        assert error <= TOLERANCE, f"gradients differ by {error:.1e}"


def cpu_seconds(steps: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The least CPU time of one step of each, by turns."""
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(ROUNDS):
        for name, step in steps.items():
            gc.collect()
            start = time.process_time()
            step()
            best[name] = min(best[name], time.process_time() - start)
    return best


def peak_growth(step: Callable[[], Any]) -> int:
    """By how many bytes the largest memory of the process grows, in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


def main() -> None:
    """Check, time, print."""
    torch.set_num_threads(1)
    rows = []
    for name, make, shape, wanted, dtype, target in CASES:
        steps = contenders(make, shape, wanted, dtype)
        check_agreement(steps)
        seconds = cpu_seconds(steps)
        ratio = seconds["autograd_lite"] / seconds["torch"]
        times = [f"{seconds[step] * 1e3:.2f}" for step in steps]
        rows.append([name, *times, verdict(ratio, target)])
    print("milliseconds of CPU time for forward and backward")
    print_table(["layers", "autograd_lite", "torch", "ratio"], rows)


def print_peak(name: str) -> None:
    """The growth of memory in steps of one contender, on images that are large."""
    torch.set_num_threads(1)
    step = contenders(convolution, (64, 32, 64, 64), True, np.float32)[name]
    print(f"{name}: {peak_growth(step) / 2**20:.0f} MiB")


if __name__ == "__main__":
    print_peak(sys.argv[1]) if sys.argv[1:] else main()
