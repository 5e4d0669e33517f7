"""The time of layers of sequences, against PyTorch's eager mode: forward and backward.

An LSTM also compiled, with its update.

Both compute from the same weights and inputs, and have to agree before anything is timed. CPU time,
one thread; ratios of interleaved rounds.

Run it: python benchmarks/sequences.py
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

from timing import print_table, verdict  # isort: split

import numpy as np
import torch

import nn
from autograd_lite import Tensor

ROUNDS = 25
DTYPES = {"float64": (np.float64, torch.float64), "float32": (np.float32, torch.float32)}
TOLERANCE = {"float64": 1e-9, "float32": 1e-3}


def lstm(dtype, torch_dtype):
    ours = nn.LSTM(64, 128, dtype=dtype)
    theirs = torch.nn.LSTM(64, 128, batch_first=True, dtype=torch_dtype)
    return ours, theirs, lambda layer, x: layer(x)[0], (32, 50, 64)


def attention(dtype, torch_dtype):
    ours = nn.MultiHeadAttention(256, 8, dtype=dtype)
    theirs = torch.nn.MultiheadAttention(256, 8, batch_first=True, dtype=torch_dtype)
    return ours, theirs, lambda layer, x: layer(x, x, x, need_weights=False)[0], (8, 128, 256)


def embedding(dtype, torch_dtype):
    ours = nn.Embedding(10_000, 64, dtype=dtype)
    theirs = torch.nn.Embedding(10_000, 64, dtype=torch_dtype)
    return ours, theirs, lambda layer, x: layer(x), (32, 50)


# Name, what makes both, the ratio aimed at.
CASES = (
    ("LSTM 64->128, 50 steps b32", lstm, 1.5),
    ("attention 8 heads, 128x256 b8", attention, 1.3),
    ("embedding 10,000 x 64, 32x50", embedding, 1.0),
    ("the LSTM, compiled", lstm, 1.0),
)


def steps(make: Callable[..., Any], name: str) -> list[Callable[[], list[Any]]]:
    """A step of each, forward and backward, which returns the gradients of the parameters."""
    dtype, torch_dtype = DTYPES[name]
    nn.manual_seed(0)
    ours, theirs, call, shape = make(dtype, torch_dtype)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in nn.to_torch(ours).items()})
    rng = np.random.default_rng(0)
    if len(shape) == 2:
        x: Any = rng.integers(0, 10_000, shape)
        mine, other = x, torch.from_numpy(x)
    else:
        x = rng.normal(size=shape).astype(dtype)
        mine, other = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    weights = rng.normal(size=call(theirs, other).shape).astype(dtype)
    torch_weights = torch.from_numpy(weights)

    def our_step():
        ours.zero_grad()
        (call(ours, mine) * weights).sum().backward()
        return [x.grad for x in ours.parameters()]

    def their_step():
        theirs.zero_grad()
        (call(theirs, other) * torch_weights).sum().backward()
        return [x.grad.numpy() for x in theirs.parameters()]

    for mine_found, other_found in zip(our_step(), their_step(), strict=True):
        scale = np.abs(other_found).max()
        other_found = other_found.reshape(mine_found.shape, order="A")
        if mine_found.ndim == 2 and mine_found.shape[0] == mine_found.shape[1]:
            # A projection, whose weight is transposed there.
            other_found = min(
                (other_found, other_found.T), key=lambda o: np.abs(o - mine_found).max()
            )
        if np.abs(mine_found - other_found).max() > TOLERANCE[name] * scale:
            raise SystemExit(f"{make.__name__}, {name}: the gradients differ")
    return [our_step, their_step]


class States(nn.Module):
    """Those of an LSTM after each step."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


def compiled_steps(make: Callable[..., Any], name: str) -> list[Callable[[], Any]]:
    """A step of each with its update: compiled here, eager there; both return the loss."""
    dtype, torch_dtype = DTYPES[name]
    ours, theirs, call, shape = make(dtype, torch_dtype)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in nn.to_torch(ours).items()})
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(dtype)
    y = rng.normal(size=call(theirs, torch.from_numpy(x)).shape).astype(dtype)
    model, loss = States(ours), torch.nn.MSELoss()
    step = nn.compile(model, nn.MSELoss(), nn.SGD(model.parameters(), 0.01))
    optimizer = torch.optim.SGD(theirs.parameters(), 0.01)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def their_step():
        optimizer.zero_grad()
        value = loss(call(theirs, inputs), targets)
        value.backward()
        optimizer.step()
        return value.item()

    for scale in (1.0, 1.1, 1.2, 1.0):
        mine = step(scale * x, y)
        inputs = torch.from_numpy(scale * x)
        assert abs(mine - their_step()) < TOLERANCE[name]
    return [lambda: step(x, y), their_step]


def measured(both: list[Callable[[], Any]]) -> tuple[float, float]:
    """Milliseconds of a step here, and the median of its ratio to PyTorch's."""
    times = np.empty((ROUNDS, 2))
    gc.disable()
    for row in times:
        for index, step in enumerate(both):
            start = time.process_time()
            step()
            row[index] = time.process_time() - start
    gc.enable()
    return 1000 * float(times[:, 0].min()), float(np.median(times[:, 0] / times[:, 1]))


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for title, make, aim in CASES:
        for name in DTYPES:
            made = compiled_steps if title.endswith("compiled") else steps
            milliseconds, ratio = measured(made(make, name))
            rows.append([title, name, f"{milliseconds:.1f} ms", verdict(ratio, aim)])
    print_table(["step", "dtype", "here", "of PyTorch's time"], rows)


if __name__ == "__main__":
    main()
