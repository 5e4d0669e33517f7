"""Layers compute in the dtype of their parameters."""

from functools import partial

import numpy as np
from looping import looped

import autograd_lite
import nn
from autograd_lite import Tensor
from autograd_lite.node import plain

RNG = np.random.default_rng(0)
LAYERS = {
    "Dense": partial(nn.Dense, 3, 2, rng=0),
    "Dense without bias": partial(nn.Dense, 3, 2, bias=False, rng=0),
    "BatchNorm1d": partial(nn.BatchNorm1d, 3),
    "LayerNorm": partial(nn.LayerNorm, 3),
}
INPUTS = [np.float64, np.float32, np.float16, np.int64, np.uint8, bool, ">f8"]


@looped("training", [True, False])
@looped("given", INPUTS)
@looped("own", [np.float64, np.float32, np.float16])
@looped("make", LAYERS.values(), ids=LAYERS)
def test_layers_give_the_dtype_of_their_parameters(make, own, given, training):
    layer = make(dtype=own).train(training)
    x = RNG.integers(0, 2, size=(4, 3)).astype(given)
    expected = layer(x.astype(own)).data
    for inputs in (x, Tensor(x)):
        y = layer(inputs)
        assert y.dtype == own
        np.testing.assert_array_equal(y.data, expected)
    assert {array.dtype for array in layer.state_dict().values()} == {np.dtype(own)}


def test_gradients_come_back_in_the_dtype_of_the_input():
    x = Tensor(RNG.normal(size=(4, 3)), requires_grad=True)
    layer = nn.Dense(3, 2, rng=0, dtype=np.float32)
    layer(x).sum().backward()
    assert (x.grad.dtype, layer.weight.grad.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(x.grad, np.tile(layer.weight.data.sum(axis=1), (4, 1)), rtol=1e-6)


def test_a_float32_model_stays_float32_in_a_loop_of_ones_own():
    model = nn.Sequential(
        nn.Dense(2, 4, rng=0), nn.BatchNorm1d(4), nn.Tanh(), nn.LayerNorm(4), nn.Dense(4, 1, rng=1)
    ).astype(np.float32)
    X, y = RNG.normal(size=(8, 2)), RNG.normal(size=(8, 1))
    optimizer = nn.Adam(model.parameters())
    for _ in range(2):
        loss = nn.MSELoss()(model(X), y)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.dtype == np.float32
        assert {parameter.grad.dtype for parameter in model.parameters()} == {np.dtype("f4")}


RECTIFIERS = [
    nn.ReLU(),
    nn.LeakyReLU(0.2),
    nn.GELU(),
    nn.Function(autograd_lite.relu),
    autograd_lite.relu,
    partial(autograd_lite.leaky_relu, negative_slope=0.2),
]


@looped("activation", RECTIFIERS)
def test_a_rectifier_gets_the_weights_of_relu_in_whatever_form(activation):
    expected = nn.Dense(5, 4, activation="relu", rng=0).weight.data
    np.testing.assert_array_equal(
        nn.Dense(5, 4, activation=activation, rng=0).weight.data, expected
    )


@looped("activation", [None, nn.Tanh(), nn.Softmax(), np.tanh, lambda x: x])
def test_other_activations_get_xavier(activation):
    expected = nn.Dense(5, 4, activation="tanh", rng=0).weight.data
    np.testing.assert_array_equal(
        nn.Dense(5, 4, activation=activation, rng=0).weight.data, expected
    )


@looped("dtype", [np.uint8, np.int8, bool])
def test_activations_of_whole_numbers_are_those_of_floats(dtype):
    x = np.array([[0, 1, 3], [100, 7, 2]]).astype(dtype)
    kinds = (nn.Tanh, nn.Sigmoid, nn.Swish, nn.GELU, nn.Softplus, nn.ELU, nn.LeakyReLU, nn.ReLU)
    for kind in (*kinds, nn.Softmax, nn.LogSoftmax):
        for given in (x, Tensor(x)):
            found = plain(kind()(given))
            np.testing.assert_array_equal(found, plain(kind()(x.astype(float))), kind.__name__)
