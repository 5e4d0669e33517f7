"""Optimizers of float16 parameters, and of arrays that cannot be written to."""

import copy

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor
from autograd_lite.errors import MutationError

OPTIMIZERS = {
    "SGD": lambda p: nn.SGD(p, 0.1),
    "momentum": lambda p: nn.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "Adam": nn.Adam,
    "AdamW": nn.AdamW,
    "NAdam": nn.NAdam,
    "RMSprop": nn.RMSprop,
    "Adagrad": nn.Adagrad,
}
GRADIENTS = np.array([0.0, 1e-4, 1.0, -300.0], np.float16)  # the last one's square is infinite


def kinds(values):
    return [
        nn.Parameter(np.array(values, np.float16)),
        Tensor(np.array(values, np.float16), requires_grad=True),
    ]


@looped("kind", [0, 1])
@looped("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_float16_takes_the_steps_of_float32(make, kind):
    weight = kinds([1.0, 2.0, 0.5, 4.0])[kind]
    exact = nn.Parameter(weight.data, dtype=np.float32)
    optimizer, reference = make([weight]), make([exact])
    for _ in range(3):
        weight.grad, exact.grad = GRADIENTS, GRADIENTS.astype(np.float32)
        optimizer.step()
        reference.step()
        assert weight.dtype == np.float16
        np.testing.assert_array_equal(weight.data, exact.data.astype(np.float16))
        exact.data = weight.data.astype(np.float32)
    for name, array in optimizer.state_dict()["state"][0].items():
        assert name == "steps" or array.dtype == np.float32


@looped("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_state_of_float16_parameters_goes_on_where_it_was(make):
    weight = nn.Parameter(np.ones(4, np.float16))
    optimizer = make([weight])

    def step(optimizer):
        optimizer.parameters[0].grad = GRADIENTS
        optimizer.step()
        return optimizer.parameters[0].data.copy()

    step(optimizer)
    twin = make([nn.Parameter(weight.data)])
    twin.load_state_dict(optimizer.state_dict())
    copied = copy.deepcopy(optimizer)
    expected = step(optimizer)
    np.testing.assert_array_equal(step(twin), expected)
    np.testing.assert_array_equal(step(copied), expected)


def test_numbers_of_float16_are_replaced_by_numbers_of_float16():
    point = Tensor(np.float16(1.0), requires_grad=True)
    point.grad = np.float16(0.0)
    nn.Adam([point]).step()
    assert (point.data, point.dtype) == (1.0, np.float16)


def test_a_network_of_float16_learns():
    model = nn.Dense(1, 1, rng=0, dtype=np.float16)
    X = np.linspace(-1, 1, 64).reshape(64, 1)
    history = nn.fit(
        model, X, 2 * X + 1, loss="mse", optimizer=nn.Adam(model.parameters(), 0.05), epochs=60,
        rng=0, progress=False,
    )  # fmt: skip
    assert model.weight.dtype == np.float16
    assert history["loss"][-1] < 1e-3


def read_only(tmp_path):
    array = np.array([1.0, -2.0])
    array.flags.writeable = False
    yield array
    yield np.broadcast_to(1.0, (2,))
    np.save(tmp_path / "weights.npy", np.array([1.0, -2.0]))
    yield np.load(tmp_path / "weights.npy", mmap_mode="r")
    yield np.frombuffer(np.array([1.0, -2.0]).tobytes())


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_that_cannot_be_written_changes_nothing(make, tmp_path):
    for array in read_only(tmp_path):
        first, last = nn.Parameter([1.0]), nn.Parameter([2.0], dtype=np.float32)
        fixed = Tensor(array, requires_grad=True, name="fixed")
        optimizer = make([first, fixed, last])
        for tensor in (first, fixed, last):
            tensor.grad = np.ones(tensor.shape, tensor.dtype)
        before = optimizer.state_dict()
        values = [tensor.data.copy() for tensor in (first, fixed, last)]
        with pytest.raises(MutationError, match=r"'fixed' \(2,\).*read-only.*tensor\.data = "):
            optimizer.step()
        np.testing.assert_equal(optimizer.state_dict(), before)
        for tensor, value in zip((first, fixed, last), values):
            np.testing.assert_array_equal(tensor.data, value)
        fixed.data = fixed.data.copy()
        optimizer.step()
        assert optimizer.steps == 1
        assert (fixed.data != values[1]).all()
