"""Optimizers: the steps that they take, penalties, groups, missing gradients."""

import inspect
import json

import numpy as np
import pytest
from looping import looped
from trajectories import (
    CASES,
    GOLDEN,
    KEPT,
    STEPS,
    leaf,
    leaves,
    make,
    torch_in_float64,
    torch_path,
    train,
)

import nn
from autograd_lite import Tensor
from autograd_lite.arguments import POSITIVE
from autograd_lite.errors import ArgumentError, GradientError
from nn import SGD
from nn.declared import declared

EVERY = looped("case", CASES)
CLASSES = looped("name", ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW", "NAdam"])
PATHS = json.loads((GOLDEN / "optimizers.json").read_text())


def descend(optimizer, x, steps=20):
    """The path of the square of x."""
    path = [x.item()]
    for _ in range(steps):
        optimizer.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
        path.append(x.item())
    return path


# The tutorials' rules, written out


def test_the_average_of_gradients_takes_the_first_20_steps_of_its_rule():
    theta, v, expected = 5.0, 0.0, [5.0]
    for _ in range(20):
        v = 0.9 * v + (1 - 0.9) * 2 * theta
        theta -= 0.1 * v
        expected.append(theta)
    x = leaf(5.0)
    path = descend(nn.SGD([x], learning_rate=0.1, momentum=0.9, average=True), x)
    np.testing.assert_allclose(path, expected, rtol=1e-13)


def test_classical_momentum_takes_the_first_20_steps_of_its_rule():
    theta, v, expected = 5.0, 0.0, [5.0]
    for _ in range(20):
        v = 0.9 * v - 0.1 * 2 * theta
        theta += v
        expected.append(theta)
    x = leaf(5.0)
    path = descend(nn.SGD([x], learning_rate=0.1, momentum=0.9), x)
    np.testing.assert_allclose(path, expected, rtol=1e-12)
    assert round(path[-1], 6) == -1.746263


def test_gradient_descent_takes_the_first_20_steps_of_its_rule():
    x = leaf(5.0)
    path = descend(nn.SGD([x], learning_rate=0.1), x)
    np.testing.assert_allclose(path, 5 * 0.8 ** np.arange(21), rtol=1e-13)
    assert round(path[-1], 6) == 0.057646


def test_adam_takes_the_first_20_steps_of_its_rule():
    theta, m, v, expected = 5.0, 0.0, 0.0, [5.0]
    for t in range(1, 21):
        g = 2 * theta
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        m_corrected, v_corrected = m / (1 - 0.9**t), v / (1 - 0.999**t)
        theta -= 0.1 * m_corrected / (np.sqrt(v_corrected) + 1e-8)
        expected.append(theta)
    x = leaf(5.0)
    path = descend(nn.Adam([x], learning_rate=0.1), x)
    np.testing.assert_allclose(path, expected, rtol=1e-12)
    assert round(path[-1], 6) == 3.060339


def test_the_two_momentums_agree_when_the_learning_rate_is_rescaled():
    x, y = leaf(5.0), leaf(5.0)
    average = descend(nn.SGD([x], learning_rate=0.1, momentum=0.75, average=True), x)
    classical = descend(nn.SGD([y], learning_rate=0.025, momentum=0.75), y)
    np.testing.assert_allclose(average, classical, rtol=1e-13)


# Against PyTorch


@EVERY
def test_fifty_steps_arrive_at_the_kept_numbers(case):
    parameters = leaves()
    path = train(make(case, parameters), parameters, STEPS)
    for step in KEPT:
        np.testing.assert_allclose(path[step - 1], PATHS[case][str(step)], rtol=1e-10, atol=1e-10)


@EVERY
def test_fifty_steps_agree_with_pytorch(case):
    pytest.importorskip("torch", reason="compares with PyTorch itself, where it is installed")
    parameters = leaves()
    path = train(make(case, parameters), parameters, STEPS)
    np.testing.assert_allclose(path, torch_path(case), rtol=1e-10, atol=1e-10)


@looped("name", ["Adagrad", "RMSprop", "Adam", "AdamW", "NAdam"])
def test_the_defaults_are_those_of_pytorch(name):
    pytest.importorskip("torch", reason="compares with PyTorch's defaults")
    x, expected = leaf(5.0), [5.0]
    path = descend(getattr(nn, name)([x]), x)
    with torch_in_float64() as torch:
        other = torch.tensor([5.0], requires_grad=True)
        optimizer = getattr(torch.optim, name)([other])
        for _ in range(20):
            optimizer.zero_grad()
            (other * other).sum().backward()
            optimizer.step()
            expected.append(other.item())
    np.testing.assert_allclose(path, expected, rtol=1e-12)


@EVERY
def test_float32_follows_float64_and_stays_float32(case):
    parameters, exact = leaves(np.float32), leaves()
    optimizer = make(case, parameters)
    optimizer.learning_rate = np.float64(optimizer.learning_rate)
    path = train(optimizer, parameters, 10)
    np.testing.assert_allclose(path, train(make(case, exact), exact, 10), rtol=2e-3, atol=2e-4)
    assert {p.dtype for p in parameters} == {np.dtype(np.float32)}
    entries = optimizer.state_dict()["state"]
    arrays = [a for entry in entries for name, a in entry.items() if name != "steps"]
    assert all(array.dtype == np.float32 for array in arrays)


@EVERY
def test_two_hundred_layers_take_the_steps_of_two(case):
    rng = np.random.default_rng(1)
    values, gradients = rng.normal(size=400), rng.normal(size=(5, 400))
    ends = []
    for layers in (2, 200):
        tensors = [nn.Parameter(part) for part in np.split(values, layers)]
        optimizer = make(case, tensors)
        for gradient in gradients:
            for tensor, part in zip(tensors, np.split(gradient, layers), strict=True):
                tensor.grad = part
            optimizer.step()
        ends.append(np.concatenate([tensor.data for tensor in tensors]))
    np.testing.assert_array_equal(ends[0], ends[1])


# Keeping weights small


@CLASSES
def test_l1_and_l2_are_parts_of_the_gradient(name):
    penalized, plain = leaf([2.0, -3.0, 0.0]), leaf([2.0, -3.0, 0.0])
    first = getattr(nn, name)([penalized], learning_rate=0.1, l1=0.3, l2=0.2)
    second = getattr(nn, name)([plain], learning_rate=0.1)
    for _ in range(5):
        penalized.grad = np.array([0.5, 0.25, 1.0])
        plain.grad = penalized.grad + 0.3 * np.sign(plain.data) + 0.2 * plain.data
        first.step()
        second.step()
        np.testing.assert_allclose(penalized.data, plain.data, rtol=1e-13)


@CLASSES
def test_weight_decay_is_past_the_gradient(name):
    decayed, plain = leaf([2.0, -3.0]), leaf([2.0, -3.0])
    first = getattr(nn, name)([decayed], learning_rate=0.1, weight_decay=0.5)
    second = getattr(nn, name)([plain], learning_rate=0.1, weight_decay=0.0)
    for _ in range(5):
        decayed.grad = np.array([0.5, 0.25])
        plain.grad = np.array([0.5, 0.25])
        plain.data = plain.data * (1 - 0.1 * 0.5)
        first.step()
        second.step()
        np.testing.assert_allclose(decayed.data, plain.data, rtol=1e-13)


def test_l2_on_the_weights_is_the_penalty_of_the_cost():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    strength, ends = 0.7, []
    for penalty_in_cost in (True, False):
        layer = nn.Dense(3, 1, rng=0)
        l2 = 0.0 if penalty_in_cost else strength / len(X)
        groups = [{"parameters": [layer.weight], "l2": l2}, {"parameters": [layer.bias]}]
        optimizer = nn.SGD(groups, learning_rate=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            cost = ((layer(X) - y) ** 2).mean()
            if penalty_in_cost:
                cost = cost + strength / (2 * len(X)) * (layer.weight**2).sum()
            cost.backward()
            optimizer.step()
        ends.append(np.append(layer.weight.data, layer.bias.data))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


# Groups


@CLASSES
def test_groups_take_the_steps_of_an_optimizer_each(name):
    make_one = getattr(nn, name)
    a, b, c = leaf([1.0, 2.0]), leaf([3.0]), leaf([4.0])
    x, y, z = leaf([1.0, 2.0]), leaf([3.0]), leaf([4.0])
    groups = [
        {"parameters": [a, b]},
        {"parameters": [c], "learning_rate": 0.01, "l2": 0.5},
    ]
    grouped = make_one(groups, learning_rate=0.1)
    apart = [make_one([x, y], learning_rate=0.1), make_one([z], learning_rate=0.01, l2=0.5)]
    for _ in range(4):
        for tensor in (a, b, c, x, y, z):
            tensor.grad = np.cos(tensor.data)
        grouped.step()
        for optimizer in apart:
            optimizer.step()
    for tensor, expected in [(a, x), (b, y), (c, z)]:
        np.testing.assert_array_equal(tensor.data, expected.data)


def test_the_learning_rate_is_that_of_the_first_group_and_is_assigned_to_all():
    optimizer = nn.SGD(
        [{"parameters": [leaf(1.0)], "learning_rate": 0.5}, {"parameters": [leaf(2.0)]}], 0.1
    )
    assert optimizer.learning_rate == 0.5
    optimizer.learning_rate = 0.25
    assert [group["learning_rate"] for group in optimizer.groups] == [0.25, 0.25]


def test_hyper_parameters_changed_in_a_group_count_from_the_next_step():
    x, y = leaf(1.0, 1.0), leaf(1.0, 1.0)
    optimizer = nn.SGD([{"parameters": [x]}, {"parameters": [y]}], learning_rate=0.5)
    optimizer.groups[1]["learning_rate"] = 0.25
    optimizer.groups[0]["momentum"] = 0.5
    optimizer.step()
    optimizer.step()
    assert (x.item(), y.item()) == (1 - 0.5 - 0.75, 0.5)


def test_hyper_parameters_are_attributes_for_all_groups():
    optimizer = nn.SGD(
        [{"parameters": [leaf(1.0)], "momentum": 0.5}, {"parameters": [leaf(2.0)]}], 0.1
    )
    assert (optimizer.momentum, optimizer.l2, optimizer.nesterov) == (0.5, 0.0, False)
    optimizer.momentum = 0.75
    assert [group["momentum"] for group in optimizer.groups] == [0.75, 0.75]
    optimizer.nesterov = True
    with pytest.raises(ArgumentError, match="nesterov=True and momentum=0"):
        optimizer.momentum = 0.0
    with pytest.raises(ArgumentError, match="momentum=1"):
        optimizer.momentum = 1
    assert [group["momentum"] for group in optimizer.groups] == [0.75, 0.75]


def test_an_optimizer_is_shown_with_its_hyper_parameters():
    text = repr(nn.Adagrad([{"parameters": [leaf(1.0)], "l2": 1}, {"parameters": []}], 0.5))
    first = "parameters=1, learning_rate=0.5, epsilon=1e-10, l1=0.0, l2=1.0, weight_decay=0.0"
    second = first.replace("parameters=1", "parameters=0").replace("l2=1.0", "l2=0.0")
    assert text == f"Adagrad({first}; {second})"


def test_a_subclass_declares_hyper_parameters_of_its_own():
    class Clipped(nn.Optimizer):
        limit: float = declared(POSITIVE, default=1.0)

        def update(self, options, step, scratch, values, gradient):
            limit = options["limit"]
            values -= options["learning_rate"] * np.clip(gradient, -limit, limit)

    x, y = leaf(1.0, 4.0), leaf(1.0, 4.0)
    optimizer = Clipped([{"parameters": [x]}, {"parameters": [y], "limit": 2.0}], 0.25)
    optimizer.step()
    assert (x.item(), y.item()) == (0.75, 0.5)
    with pytest.raises(ArgumentError, match="limit=0"):
        Clipped([x], 0.25, limit=0)


SIGNATURES = {
    "SGD": "parameters, learning_rate, momentum, nesterov, weight_decay",
    "Adagrad": "parameters, learning_rate, epsilon",
    "RMSprop": "parameters, learning_rate, alpha, epsilon",
    "Adam": "parameters, learning_rate, betas, epsilon",
    "AdamW": "parameters, learning_rate, betas, epsilon",
    "NAdam": "parameters, learning_rate, betas, epsilon, momentum_decay",
}


@CLASSES
def test_hyper_parameters_are_given_by_position_or_by_name_as_the_signature_says(name):
    kind = getattr(nn, name)
    parameters = inspect.signature(kind).parameters.values()
    assert ", ".join(p.name for p in parameters if p.kind < p.KEYWORD_ONLY) == SIGNATURES[name]
    given = {"parameters": [leaf(1.0)], "learning_rate": 0.5, "momentum": 0.5, "nesterov": True}
    given |= {"betas": (0.5, 0.25), "alpha": 0.75, "epsilon": 0.125, "momentum_decay": 2.0}
    given["weight_decay"] = 3.0
    optimizer = kind(*(given[option] for option in SIGNATURES[name].split(", ")), l1=7.0)
    for option in SIGNATURES[name].split(", ")[1:]:
        assert getattr(optimizer, option) == given[option]
    assert optimizer.l1 == 7.0
    with pytest.raises(TypeError, match=f"{name}.*lr"):
        kind([leaf(1.0)], lr=0.1)


@looped(
    "change",
    [
        lambda groups, y: groups.append({"parameters": [y], "learning_rate": 0.1}),
        lambda groups, y: groups[0].update(parameters=[y]),
        lambda groups, y: groups[0].update(parameters=(*groups[0]["parameters"], y)),
        lambda groups, y: groups[0].pop("parameters"),
        lambda groups, y: groups.clear(),
    ],
)
def test_other_groups_and_parameters_than_at_the_beginning_are_refused(change):
    x, y = leaf(1.0), leaf(2.0)
    optimizer = nn.SGD([x], learning_rate=0.1)
    x.grad = y.grad = np.ones(1)
    change(optimizer.groups, y)
    with pytest.raises(ArgumentError, match="SGD with other groups or parameters"):
        optimizer.step()
    assert (x.item(), y.item()) == (1.0, 2.0)
    with pytest.raises(AttributeError):
        nn.SGD([x], learning_rate=0.1).groups[0]["parameters"].append(y)


def test_a_group_may_be_empty():
    x = leaf(1.0, 1.0)
    nn.SGD([{"parameters": []}, {"parameters": [x]}], learning_rate=0.5).step()
    assert x.item() == 0.5


# Gradients that are missing


@CLASSES
def test_a_parameter_that_was_frozen_goes_on_from_its_own_step_number(name):
    frozen, free, alone = leaf([1.0]), leaf([1.0]), leaf([1.0])
    both = getattr(nn, name)([frozen, free], learning_rate=0.1)
    one = getattr(nn, name)([alone], learning_rate=0.1)
    for step in range(6):
        free.grad = np.array([0.5])
        frozen.grad = alone.grad = None if step in (1, 2, 4) else np.array([step + 1.0])
        both.step()
        one.step()
        np.testing.assert_array_equal(frozen.data, alone.data)
    assert [entry["steps"] for entry in both.state_dict()["state"]] == [3, 6]


def test_parameters_frozen_in_turn_do_not_fall_into_ever_more_runs():
    tensors = [nn.Parameter([1.0]) for _ in range(100)]
    optimizer = nn.Adam(tensors)
    for step in range(10):
        for index, tensor in enumerate(tensors):
            tensor.grad = np.ones(1) if (index + step) % 2 else None
        optimizer.step()
    assert len(optimizer._runs) == 2


@looped("bad", [np.nan, np.inf, -np.inf])
def test_a_step_that_requires_finite_gradients_changes_nothing_when_one_is_not(bad):
    first, second = (Tensor([1.0, 2.0], requires_grad=True, name=name) for name in "ab")
    optimizer = SGD([first, second], learning_rate=0.1, momentum=0.9)
    first.grad, second.grad = np.array([1.0, 1.0]), np.array([1.0, bad])
    with pytest.raises(GradientError, match=r"'b' \(2,\): 1 of the 2 entries .* index \(1,\)"):
        optimizer.step(require_finite=True)
    assert first.data.tolist() == second.data.tolist() == [1.0, 2.0]
    assert optimizer.state_dict()["state"][0]["steps"] == 0


@looped("dtype", [np.float16, np.float32, np.float64])
def test_gradients_whose_squares_overflow_are_finite(dtype):
    largest = np.finfo(dtype).max
    x = Tensor(np.ones(2, dtype), requires_grad=True)
    x.grad = np.full(2, largest, dtype)
    SGD([x], learning_rate=1 / float(largest)).step(require_finite=True)
    assert np.allclose(x.data, 0, atol=1e-3)
