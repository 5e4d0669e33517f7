"""Long runs: memory stays flat over many steps, and a large record goes as it came."""

import gc
import sys

import numpy as np
import pytest

import nn
from autograd_lite import Tensor

STEPS, NODES = 4_000, 100_000
"""By hand, a million and ten million: minutes, and 3 GB for 300 bytes a node."""


@pytest.fixture
def uncollected():
    """Nothing that a circle holds is found."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.exhaustive
@pytest.mark.usefixtures("uncollected")
def test_memory_stays_flat_over_many_steps():
    model = nn.Sequential(nn.Dense(2, 4, activation="tanh", rng=0), nn.Dense(4, 1, rng=1))
    optimizer, loss = nn.Adam(model.parameters()), nn.MSELoss()
    X = np.linspace(-1, 1, 8).reshape(4, 2)

    def train(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model(X), X[:, :1]).backward()
            optimizer.step()
        return sys.getallocatedblocks()

    before = train(STEPS // 10)
    grown = train(STEPS) - before
    print(f"{STEPS:,} steps: {grown} blocks more than after a tenth of them")
    assert grown < 50


@pytest.mark.exhaustive
@pytest.mark.usefixtures("uncollected")
def test_a_large_record_is_built_differentiated_and_dropped():
    x = Tensor(1.0, requires_grad=True)

    def blocks_of(nodes):
        before, y = sys.getallocatedblocks(), x
        for _ in range(nodes):
            y = y * 1.0
        y.backward(leaves_only=True)
        blocks = sys.getallocatedblocks() - before
        del y
        return blocks, sys.getallocatedblocks() - before

    blocks_of(NODES // 10)
    blocks, left = blocks_of(NODES)
    print(f"{NODES:,} nodes: {blocks / NODES:.1f} blocks each, {left} left")
    assert float(x.grad) == 2.0
    assert left < 50
