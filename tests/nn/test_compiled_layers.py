"""Layers of images and of sequences in compiled steps, beside eager ones."""

import copy

import numpy as np
import pytest
from looping import raise_named
from model_files import layers_of_images, layers_of_sequences
from trained import assert_same_bits

import nn


class Applied(nn.Module):
    """The first result of a layer, times a parameter; other arrays that it takes are constants."""

    def __init__(self, layer, others):
        self.layer, self.others, self.scale = layer, others, nn.Parameter(np.ones(1))

    def forward(self, x):
        y = self.layer(x, *self.others)
        return (y[0] if isinstance(y, tuple) else y) * self.scale


def cases():
    rng = np.random.default_rng(0)
    images = [(layer, [rng.normal(size=s) for s in shapes]) for layer, shapes in layers_of_images()]
    for layer, arrays in [*images, *layers_of_sequences()]:
        yield layer, arrays[0], arrays[1:]


def batches(x, count):
    """The same with other numbers."""
    if x.dtype.kind == "f":
        return [x + 0.01 * step for step in range(count)]
    return [np.roll(x, step) for step in range(count)]


def steps(layer, x, others, backend):
    """The losses of some steps, the weights that they leave, and what ran the last one."""
    nn.manual_seed(0)
    model = Applied(copy.deepcopy(layer), others)
    optimizer = nn.SGD(model.parameters(), learning_rate=0.01)
    targets = np.zeros(model(x).shape)
    loss = nn.MSELoss()
    nn.manual_seed(0)
    if backend is not None:
        step = nn.compile(model, loss, optimizer, backend=backend)
        losses = [float(step(batch, targets)) for batch in batches(x, 6)]
        return losses, model.state_dict(), step.backend
    losses = []
    for batch in batches(x, 6):
        model.zero_grad()
        value = loss(model(batch), targets)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses, model.state_dict(), None


def assert_compiled(backend, same):
    failures = []
    for layer, x, others in cases():
        try:
            *found, ran = steps(layer, x, others, backend)
            assert ran == backend
            same(found, [*steps(layer, x, others, None)[:2]])
        except Exception as error:
            failures.append((f"{layer}: {error}", error))
    raise_named(failures)


def test_every_layer_is_compiled_with_numpy_to_the_last_bit():
    assert_compiled("numpy", assert_same_bits)


def assert_close(found, expected):
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-10)
    for name, array in expected[1].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.exhaustive
def test_every_layer_is_compiled_in_c_up_to_rounding():
    assert_compiled("c", assert_close)
