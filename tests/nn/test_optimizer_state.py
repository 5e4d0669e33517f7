"""Optimizers: resuming from a state, copies, bad arguments, steps that fail."""

import copy
import pickle

import numpy as np
import pytest
from looping import looped
from trajectories import CASES, leaf, leaves, make, train

import nn
from autograd_lite import AutogradError, Tensor
from autograd_lite.errors import ArgumentError, MutationError, ShapeError

EVERY = looped("case", CASES)


@EVERY
def test_a_run_resumed_from_state_dicts_is_the_run_that_went_on(case):
    parameters = leaves()
    optimizer = make(case, parameters)
    train(optimizer, parameters, 7)
    values = [p.data.copy() for p in parameters]
    state = pickle.loads(pickle.dumps(optimizer.state_dict()))
    expected = train(optimizer, parameters, 10)

    resumed = leaves()
    for parameter, array in zip(resumed, values, strict=True):
        parameter.data = array
    other = make(case, resumed)
    other.learning_rate = 99.0
    other.load_state_dict(state)
    np.testing.assert_array_equal(train(other, resumed, 10), expected)


@EVERY
def test_a_deep_copy_goes_on_alike_and_by_itself(case):
    parameters = leaves()
    optimizer = make(case, parameters)
    train(optimizer, parameters, 3)
    other, copies = copy.deepcopy((optimizer, parameters))
    expected = train(optimizer, parameters, 5)
    np.testing.assert_array_equal(train(other, copies, 5), expected)


def test_state_of_parameters_at_different_steps_is_resumed():
    x, y = leaf([1.0, 2.0]), leaf([3.0])
    optimizer = nn.Adam([x, y], learning_rate=0.1)
    x.grad = np.ones(2)
    optimizer.step()
    x.grad, y.grad = np.array([1.0, -1.0]), np.ones(1)
    optimizer.step()
    a, b = leaf(x.data, x.grad), leaf(y.data, y.grad)
    other = nn.Adam([a, b])
    other.load_state_dict(optimizer.state_dict())
    optimizer.step()
    other.step()
    np.testing.assert_array_equal(a.data, x.data)
    np.testing.assert_array_equal(b.data, y.data)
    assert [entry["steps"] for entry in other.state_dict()["state"]] == [3, 2]


def test_a_state_dict_holds_copies():
    x = leaf([1.0], [2.0])
    optimizer = nn.SGD([x], learning_rate=0.1, momentum=0.5)
    optimizer.step()
    state = optimizer.state_dict()
    assert state["groups"][0]["momentum"] == 0.5
    assert state["groups"][0]["parameters"] == 1
    np.testing.assert_array_equal(state["state"][0]["velocity"], [2.0])
    optimizer.step()
    np.testing.assert_array_equal(state["state"][0]["velocity"], [2.0])
    optimizer.load_state_dict(state)
    state["state"][0]["velocity"][:] = 7.0
    np.testing.assert_array_equal(optimizer.state_dict()["state"][0]["velocity"], [2.0])


def spoil(change):
    state = adam_after_a_step()[0].state_dict()
    spoilt = change(state)
    return state if spoilt is None else spoilt


def adam_after_a_step():
    x, y = leaf([1.0, 2.0], [1.0, 1.0]), leaf([3.0], [1.0])
    optimizer = nn.Adam([x, y], learning_rate=0.5)
    optimizer.step()
    return optimizer, x


BAD_STATES = {
    "no dict": lambda s: [1],
    "nothing": lambda s: {},
    "no lists": lambda s: {"groups": 1, "state": 2},
    "missing part": lambda s: {"groups": s["groups"]},
    "of another optimizer": lambda s: nn.RMSprop([leaf([1.0, 2.0]), leaf([3.0])]).state_dict(),
    "of fewer parameters": lambda s: nn.Adam([leaf([1.0, 2.0])]).state_dict(),
    "of other shapes": lambda s: nn.Adam([leaf([1.0, 2.0]), leaf([3.0, 4.0])]).state_dict(),
    "of more groups": lambda s: s["groups"].append({"parameters": 0}),
    "state lost": lambda s: s["state"].pop() and None,
    "array lost": lambda s: s["state"][1].pop("first_moment") and None,
    "strings": lambda s: s["state"][1].update(first_moment=np.array(["a"])),
    "negative steps": lambda s: s["state"][1].update(steps=-1),
    "half a step": lambda s: s["state"][1].update(steps=0.5),
    "bad learning rate": lambda s: s["groups"][0].update(learning_rate=float("nan")),
    "unknown hyper-parameter": lambda s: s["groups"][0].update(momentum=0.9),
}


@looped("name", BAD_STATES)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_loaded(name):
    optimizer, x = adam_after_a_step()
    before, data = optimizer.state_dict(), x.data.copy()
    with pytest.raises(ArgumentError):
        optimizer.load_state_dict(spoil(BAD_STATES[name]))
    after = optimizer.state_dict()
    assert after["groups"] == before["groups"]
    for entry, expected in zip(after["state"], before["state"], strict=True):
        assert entry["steps"] == expected["steps"] == 1
        np.testing.assert_array_equal(entry["first_moment"], expected["first_moment"])
        np.testing.assert_array_equal(entry["second_moment"], expected["second_moment"])
    np.testing.assert_array_equal(x.data, data)


# Errors


NAN, INF = float("nan"), float("inf")
BAD_ARGUMENTS = [
    *[
        (n, {"learning_rate": v})
        for n in ("SGD", "Adam")
        for v in (-1, NAN, INF, "0.1", None, True)
    ],
    *[("SGD", {"momentum": v}) for v in (-0.1, 1.0, NAN, "a", None)],
    ("SGD", {"nesterov": True}),
    ("SGD", {"average": True}),
    ("SGD", {"momentum": 0.9, "nesterov": 1}),
    *[("SGD", {name: v}) for name in ("l1", "l2", "weight_decay") for v in (-1e-9, NAN, INF, "a")],
    *[("Adagrad", {"epsilon": v}) for v in (0, -1, NAN)],
    *[("RMSprop", {"alpha": v}) for v in (-0.1, 1, NAN)],
    *[("RMSprop", {"epsilon": v}) for v in (0, "a")],
    *[(n, {"betas": v}) for n in ("Adam", "AdamW", "NAdam") for v in ((0.9, 1.0), (-0.1, 0.9))],
    *[("Adam", {"betas": v}) for v in (0.9, (0.9,), (0.9, 0.9, 0.9), (NAN, 0.9), ("a", "b"), None)],
    *[("Adam", {"epsilon": v}) for v in (0, -1, NAN, INF)],
    *[("NAdam", {"momentum_decay": v}) for v in (-1, NAN)],
]


@looped(("name", "options"), BAD_ARGUMENTS, ids=str)
def test_a_bad_hyper_parameter_is_refused_by_name(name, options):
    x = nn.Parameter([1.0])
    array = x.data
    with pytest.raises(ArgumentError, match=next(reversed(options))):
        getattr(nn, name)([x], **{"learning_rate": 0.1, **options})
    with pytest.raises(ArgumentError, match=next(reversed(options))):
        getattr(nn, name)([{"parameters": [x], **options}], learning_rate=0.1)
    assert x.data is array


BAD_PARAMETERS = {
    "tensor": lambda x: x,
    "number": lambda x: 3,
    "string": lambda x: "parameters",
    "module": lambda x: nn.Sequential(nn.Dense(1, 1)),
    "one group": lambda x: {"parameters": [x]},
    "empty": lambda x: [],
    "empty groups": lambda x: [{"parameters": []}],
    "array": lambda x: [x, np.ones(2)],
    "computed": lambda x: [x * 2],
    "integers": lambda x: [Tensor([1, 2])],
    "tensor as a group": lambda x: [{"parameters": x}],
    "group without parameters": lambda x: [{"learning_rate": 0.1}],
    "group and tensor": lambda x: [{"parameters": [x]}, leaf(2.0)],
    "groups in a group": lambda x: [{"parameters": [{"parameters": [x]}]}],
    "unknown hyper-parameter": lambda x: [{"parameters": [x], "lr": 0.1}],
    "set": lambda x: {x},
    "set in a group": lambda x: [{"parameters": frozenset([x])}],
    "in two groups": lambda x: [{"parameters": [x]}, {"parameters": [x]}],
}


@looped("name", BAD_PARAMETERS)
def test_wrong_parameters_are_refused(name):
    with pytest.raises(AutogradError):
        nn.SGD(BAD_PARAMETERS[name](leaf(1.0)), learning_rate=0.1)


@looped("rate", [-0.1, NAN, INF, "a", None, True])
def test_a_bad_learning_rate_is_not_assigned(rate):
    optimizer = nn.SGD([leaf(1.0)], learning_rate=0.1)
    with pytest.raises(ArgumentError, match="learning_rate"):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == 0.1


@EVERY
@looped("error", [ShapeError, MutationError])
def test_nothing_is_changed_by_a_step_that_fails(case, error):
    parameters = leaves()
    optimizer = make(case, parameters)
    train(optimizer, parameters, 2)
    if error is ShapeError:
        parameters[2].grad = np.ones((1, 3))
    else:
        parameters[2].data = np.ones((1, 3))
        parameters[2].grad = np.ones((1, 3))
    parameters[0].grad = None
    before, state = [p.data.copy() for p in parameters], optimizer.state_dict()["state"]
    with pytest.raises(error):
        optimizer.step()
    for parameter, array in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(parameter.data, array)
    for entry, expected in zip(optimizer.state_dict()["state"], state, strict=True):
        assert entry.keys() == expected.keys()
        for name in entry:
            np.testing.assert_array_equal(entry[name], expected[name])


@looped("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_the_groups_of_a_copy_may_be_changed(duplicate):
    optimizer = duplicate(nn.SGD([leaf([1.0])], learning_rate=0.5))
    optimizer.groups[0]["learning_rate"] = 0.25
    optimizer.parameters[0].grad = np.ones(1)
    optimizer.step()
    assert optimizer.parameters[0].item() == 0.75


class Failing(nn.Optimizer):
    state_names = ("seen",)

    def update(self, options, step, scratch, values, gradient, seen):
        values -= gradient
        seen += 1
        if gradient[-1] > 1:
            raise ZeroDivisionError


@looped("kind", [nn.SGD, nn.Adam, nn.NAdam, nn.AMSGrad, nn.RMSprop, nn.Adagrad, Failing])
@looped("size", [3, 9_000])
def test_a_step_in_which_numpy_or_an_update_of_ones_own_raises_changes_nothing(kind, size):
    large, small = nn.Parameter(np.ones(size)), nn.Parameter(np.ones(3))
    momentum = {"momentum": 0.9} if kind is nn.SGD else {}
    optimizer = kind([small, large], 0.1, **momentum)
    for parameter in (small, large):
        parameter.grad = np.ones(parameter.shape)
    optimizer.step()
    values, state = [small.data.copy(), large.data.copy()], optimizer.state_dict()
    small.grad, large.grad = np.ones(3), np.ones(size)
    large.grad[-1] = 1e300
    optimizer.learning_rate = 1e200
    with np.errstate(all="raise"), pytest.raises(ArithmeticError):
        optimizer.step()
    np.testing.assert_equal([small.data, large.data], values)
    np.testing.assert_equal(optimizer.state_dict()["state"], state["state"])
    assert optimizer.steps == 1
