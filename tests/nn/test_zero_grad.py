"""Gradients of a model are forgotten, wherever its parameters lie."""

from collections import ChainMap, OrderedDict, UserDict, UserList, deque, namedtuple
from types import MappingProxyType

import numpy as np

import nn
from autograd_lite import Tensor

Pair = namedtuple("Pair", "first second")
X = np.random.default_rng(0).normal(size=(5, 2))


def test_gradients_are_forgotten_wherever_parameters_lie():
    def parameter():
        return nn.Parameter([1.0])

    model = nn.Sequential(nn.Dense(1, 1), nn.Residual(nn.Dense(1, 1)))
    model.own = model.again = parameter()
    model.held = OrderedDict(a=[parameter(), (parameter(), nn.Dense(1, 1))])
    model.kinds = [UserDict(a=parameter()), UserList([parameter()]), deque([parameter()])]
    model.views = (MappingProxyType({"a": parameter()}), ChainMap({"a": parameter()}))
    model.held["itself"] = model.held
    parameters = model.parameters()
    assert len(parameters) == 6 + 1 + 2 + 3 + 2
    for each in parameters:
        each.grad = np.ones(each.shape)
    model.zero_grad()
    assert [each.grad for each in parameters] == [None] * len(parameters)


def test_gradients_of_what_a_model_says_its_parameters_are_are_forgotten():
    outside = Tensor([1.0], requires_grad=True)

    class Model(nn.Module):
        def parameters(self):
            return [*super().parameters(), outside]

    outside.grad = np.ones(1)
    Model().zero_grad()
    assert outside.grad is None
