"""Training refuses models that compute with what would not be trained, though it could."""

from types import SimpleNamespace

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor, enable_grad, grad
from autograd_lite.errors import GradientError, UnsupportedError

X = np.random.default_rng(0).normal(size=(40, 2))
HIDDEN = nn.Dense(2, 2, rng=3)


class Model(nn.Module):
    def __init__(self, apply):
        self.norm, self.apply, self.last = nn.BatchNorm1d(2), apply, nn.Dense(2, 1, rng=0)

    def forward(self, x):
        return self.last(self.apply(self.norm(x)))


def namespace(layer):
    held = SimpleNamespace(layer=layer)
    return lambda x: held.layer(x)


WAYS = {
    "a global": lambda layer: lambda x: HIDDEN(x),
    "a closure": lambda layer: lambda x: layer(x),
    "a method": lambda layer: layer.forward,
    "a function as a layer": lambda layer: nn.Sequential(layer.forward, np.tanh),
    "an object": namespace,
    "a bare tensor": lambda layer: (
        lambda x: x * Tensor([1.0, 2.0], requires_grad=True, name="bare")
    ),
}


def fit(model, parameters):
    optimizer = nn.SGD(parameters, 0.1)
    return nn.fit(
        model, X, X[:, :1], loss="mse", optimizer=optimizer, epochs=1, progress=False, rng=0
    )


@looped("way", WAYS.values(), ids=WAYS)
def test_what_predictions_depend_on_is_a_parameter_of_the_model(way):
    model = Model(way(nn.Dense(2, 2, rng=1)))
    before = model.state_dict()
    with pytest.raises(UnsupportedError, match=r"depend on .* neither trained nor saved.* freeze"):
        fit(model, model.parameters())
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_what_is_frozen_or_the_optimizers_may_be_anywhere():
    layer = nn.Dense(2, 2, rng=1)
    model = Model(layer.forward)
    before = layer.weight.data.copy()
    fit(model, [*model.parameters(), *layer.parameters()])
    assert (layer.weight.data != before).any()
    for parameter in layer.parameters():
        parameter.requires_grad = False
    fit(model, model.parameters())
    shared = Model(lambda x: shared.other(x))
    shared.other = nn.Dense(2, 2)
    fit(shared, shared.parameters())


@looped("cut", [None, Tensor.detach, lambda y: Tensor(y.data)])
def test_a_loss_that_depends_on_no_parameter_is_refused(cut):
    layer = nn.Dense(2, 1, rng=0)
    for parameter in layer.parameters() if cut is None else ():
        parameter.requires_grad = False
    model = nn.Sequential(layer) if cut is None else nn.Sequential(layer, cut)
    with pytest.raises(GradientError, match=r"depends on no parameter .* frozen.* detached"):
        fit(model, model.parameters())


class WithSlope(nn.Module):
    """Predicts a value and its derivative in the sample."""

    def __init__(self, slope):
        self.net, self.slope = nn.Sequential(nn.Dense(1, 8, "tanh", rng=0), nn.Dense(8, 1)), slope

    def forward(self, x):
        return np.concatenate([self.net(x), self.slope(self.net, x)], axis=1)


def by_grad(net, x):
    return grad(lambda z: net(z).sum())(x)


def by_a_leaf(net, x):
    with enable_grad():  # where it is only predicted, too
        z = Tensor(x, requires_grad=True)
        net(z).sum().backward(create_graph=True)
    return z.grad


@looped("slope", [by_grad, by_a_leaf])
def test_predictions_may_depend_on_derivatives_in_the_samples(slope):
    x = np.linspace(-1, 1, 32)[:, None]
    for compile in (False, True):
        nn.manual_seed(0)
        model = WithSlope(slope)
        history = nn.fit(
            *(model, x, np.concatenate([x**2, 2 * x], axis=1)),
            loss="mse",
            optimizer=nn.Adam(model.parameters(), 0.1),
            epochs=40,
            progress=False,
            rng=0,
            compile=compile,
        )
        assert history["loss"][-1] < 0.1 * history["loss"][0]


@looped("made", [lambda x: x, lambda x: Tensor(x, requires_grad=True)])
def test_a_step_may_penalize_gradients_in_the_samples(made):
    model = nn.Sequential(nn.Dense(2, 8, "tanh", rng=0), nn.Dense(8, 1, rng=1))

    def step(training, batch):
        inputs, targets = made(batch[0]), batch[1]
        penalty = (grad(lambda z: model(z).sum())(inputs) ** 2).mean()
        loss = ((model(inputs) - targets) ** 2).mean() + 0.01 * penalty
        training.optimizer.zero_grad()
        loss.backward()
        training.optimizer.step()
        return loss

    optimizer = nn.Adam(model.parameters(), 0.02)
    options = {"optimizer": optimizer, "step": step, "loss": "mse", "progress": False, "rng": 0}
    history = nn.fit(model, X, X[:, :1], epochs=20, **options)
    assert history["loss"][-1] < 0.2 * history["loss"][0]


@looped("way", WAYS.values(), ids=WAYS)
def test_so_it_is_in_compiled_steps(way):
    model = Model(way(nn.Dense(2, 2, rng=1)))
    before = model.last.weight.data.copy()
    step = nn.compile(model, "mse", nn.SGD(model.parameters(), 0.1))
    for _ in range(2):
        with pytest.raises(UnsupportedError, match=r"compiled step of Model.*nor saved.* freeze"):
            step(X, X[:, :1])
    np.testing.assert_array_equal(model.last.weight.data, before)
