"""Declared fields: what a class is given, in its constructor and later."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import autograd_lite
import nn
from autograd_lite.arguments import COUNT, POSITIVE
from autograd_lite.errors import ArgumentError
from nn.declared import Declared, declared


class Decay(Declared):
    every: int = declared(COUNT)
    factor: float = declared(POSITIVE, default=0.5)
    name: str = declared(default="decay", kw_only=True)


class Slow(Decay):
    factor: float = declared(POSITIVE, default=0.75)
    offset: float = declared(POSITIVE, default=1.0)


def test_the_constructor_takes_the_fields_in_order_and_says_so():
    assert str(inspect.signature(Decay)) == "(every, factor=0.5, *, name='decay')"
    assert repr(Decay(3, name="a")) == "Decay(every=3, factor=0.5, name='a')"
    with pytest.raises(TypeError, match=r"^Decay: missing a required argument: 'every'"):
        Decay()
    with pytest.raises(TypeError, match=r"^Decay: too many positional arguments"):
        Decay(1, 2.0, "a")


def test_a_subclass_adds_fields_and_changes_defaults():
    assert str(inspect.signature(Slow)) == "(every, factor=0.75, offset=1.0, *, name='decay')"
    assert (Slow(1).factor, Decay(1).factor) == (0.75, 0.5)


def test_a_constructor_of_a_class_s_own_may_give_all_fields_to_the_shared_one():
    class Own(Slow):
        last: float = declared(POSITIVE, default=1.0)

        def __init__(self, every, last=2.0):
            super().__init__(every, last=last)

    assert str(inspect.signature(Own)) == "(every, last=2.0)"
    assert repr(Own(1)) == "Own(every=1, factor=0.75, name='decay', offset=1.0, last=2.0)"


def test_numbers_of_numpy_become_those_of_python():
    decay = Decay(np.int64(3), np.float32(0.5))
    assert (type(decay.every), type(decay.factor)) == (int, float)


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (lambda: Decay(1), "factor", 0),
        (nn.MSELoss, "reduction", "avg"),
        (nn.RMSELoss, "reduction", "sum"),
        (nn.HuberLoss, "delta", 0),
        (nn.BCELoss, "pos_weight", -1.0),
        (lambda: nn.StepDecay(0.1, every=2), "every", 0),
        (nn.EarlyStopping, "patience", 0),
        (lambda: nn.SGD([autograd_lite.Tensor([1.0])], 0.1), "momentum", 1),
        (lambda: nn.Dropout(0.5), "p", 1),
    ],
)
def test_what_is_out_of_its_range_is_refused_at_assignment_and_the_value_stays(make, name, value):
    owner = make()
    before = getattr(owner, name)
    with pytest.raises(ArgumentError, match=f"^{type(owner).__name__} with {name}"):
        setattr(owner, name, value)
    assert getattr(owner, name) == before


def test_fields_that_have_to_fit_together_are_checked_together():
    schedule = nn.OneCycle(0.1, steps=10, rise=0.5)
    with pytest.raises(ArgumentError, match="no time to rise"):
        schedule.steps = 2
    assert schedule.steps == 10


def test_a_loss_whose_option_was_assigned_uses_it():
    loss = nn.HuberLoss()
    loss.delta, loss.reduction = 2, "sum"
    assert loss(np.array([3.0, 0.0]), np.zeros(2)).item() == 2 * (3 - 1)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_have_fields_of_their_own(duplicate):
    decay = Decay(3)
    other = duplicate(decay)
    other.every = 5
    assert (decay.every, other.every) == (3, 5)
    with pytest.raises(ArgumentError):
        other.every = 0


@pytest.mark.parametrize("kind", [nn.LeakyReLU, nn.ELU, nn.Softmax, nn.LogSoftmax])
def test_an_activation_has_the_parameters_and_defaults_of_its_function(kind):
    parameters = list(inspect.signature(kind.function).parameters.values())[1:]
    assert [(p.name, p.default) for p in inspect.signature(kind).parameters.values()] == [
        (p.name, p.default) for p in parameters
    ]


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (nn.EarlyStopping(), "mode", "max"),
        (nn.EarlyStopping(), "min_delta", 0.5),
        (nn.ReduceOnPlateau(nn.SGD([autograd_lite.Tensor([1.0])], 0.1)), "mode", "max"),
        (nn.ReduceOnPlateau(nn.SGD([autograd_lite.Tensor([1.0])], 0.1)), "threshold", 0.5),
    ],
)
def test_what_figures_were_compared_with_cannot_be_assigned_later(owner, name, value):
    before = getattr(owner, name)
    with pytest.raises(ArgumentError, match="Make a new one"):
        setattr(owner, name, value)
    assert getattr(owner, name) == before
