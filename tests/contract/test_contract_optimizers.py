"""SGD and Adam against their equations, written in NumPy, one parameter at a time."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import AutogradError, Tensor, no_grad


class PlainSGD:
    def __init__(self, lr, momentum=0.0, nesterov=False):
        self.lr, self.momentum, self.nesterov, self.v = lr, momentum, nesterov, 0.0

    def step(self, theta, g):
        self.v = self.momentum * self.v + g
        direction = g + self.momentum * self.v if self.nesterov else self.v
        return theta - self.lr * direction


class PlainAdam:
    def __init__(self, lr=0.001, b1=0.9, b2=0.999, eps=1e-8):
        self.lr, self.b1, self.b2, self.eps = lr, b1, b2, eps
        self.m, self.v, self.t = 0.0, 0.0, 0

    def step(self, theta, g):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * g * g
        m, v = self.m / (1 - self.b1**self.t), self.v / (1 - self.b2**self.t)
        return theta - self.lr * m / (np.sqrt(v) + self.eps)


CASES = {
    "SGD": (lambda p: nn.SGD(p, 0.1), lambda: PlainSGD(0.1)),
    "momentum": (lambda p: nn.SGD(p, 0.1, momentum=0.9), lambda: PlainSGD(0.1, 0.9)),
    "nesterov": (
        lambda p: nn.SGD(p, 0.1, momentum=0.9, nesterov=True),
        lambda: PlainSGD(0.1, 0.9, nesterov=True),
    ),
    "Adam": (lambda p: nn.Adam(p), PlainAdam),
    "Adam with other constants": (
        lambda p: nn.Adam(p, learning_rate=0.05, betas=(0.8, 0.95), epsilon=1e-3),
        lambda: PlainAdam(0.05, 0.8, 0.95, 1e-3),
    ),
}
EVERY = looped("case", CASES)
SHAPES = [(2, 3), (3,), (), (40, 50)]


def make(case, dtype=np.float64):
    rng = np.random.default_rng(0)
    tensors = [Tensor(rng.normal(size=s).astype(dtype), requires_grad=True) for s in SHAPES]
    build, plain = CASES[case]
    return tensors, build(tensors), [plain() for _ in tensors], rng


def compare_steps(tensors, optimizer, plain, rng, present):
    """Give some tensors a gradient, step, and compare all with the equations."""
    expected = []
    for k, (tensor, equations) in enumerate(zip(tensors, plain, strict=True)):
        theta = np.array(tensor.data, np.float64)
        tensor.grad = None
        if k in present:
            g = rng.normal(size=tensor.shape)
            tensor.grad = np.asarray(g, tensor.dtype)
            theta = equations.step(theta, g)
        expected.append(theta)
    optimizer.step()
    for tensor, theta in zip(tensors, expected, strict=True):
        np.testing.assert_allclose(tensor.data, theta, rtol=1e-12, atol=1e-14)


@EVERY
def test_ten_steps_follow_the_equations(case):
    tensors, optimizer, plain, rng = make(case)
    for _ in range(10):
        compare_steps(tensors, optimizer, plain, rng, present=range(4))


@EVERY
def test_parameters_without_a_gradient_keep_their_value_state_and_step_number(case):
    tensors, optimizer, plain, rng = make(case)
    for present in ([0, 1, 2, 3], [0, 2], [1], [], [3, 0], [0, 1, 2, 3], [2], [1, 3]):
        compare_steps(tensors, optimizer, plain, rng, present)


@EVERY
def test_a_gradient_of_zeros_is_a_gradient(case):
    tensors, optimizer, plain, rng = make(case)
    compare_steps(tensors, optimizer, plain, rng, range(4))
    before = [
        equations.step(np.array(t.data), 0.0) for t, equations in zip(tensors, plain, strict=True)
    ]
    for tensor in tensors:
        tensor.grad = np.zeros(tensor.shape)
    optimizer.step()
    for tensor, theta in zip(tensors, before, strict=True):
        np.testing.assert_allclose(tensor.data, theta, rtol=1e-12, atol=1e-14)


@EVERY
def test_data_replaced_between_steps_is_what_the_next_step_starts_from(case):
    tensors, optimizer, plain, rng = make(case)
    compare_steps(tensors, optimizer, plain, rng, range(4))
    tensors[0].data = np.full((2, 3), 5.0)
    tensors[1].data -= 1.0
    with no_grad():
        tensors[3][0] = 7.0
    compare_steps(tensors, optimizer, plain, rng, range(4))
    assert tensors[0].data[0, 0] == pytest.approx(5.0, abs=0.5)


@EVERY
def test_a_step_leaves_the_gradients_as_they_were(case):
    tensors, optimizer, _, rng = make(case)
    for tensor in tensors:
        tensor.grad = rng.normal(size=tensor.shape)
    kept = [np.array(t.grad) for t in tensors]
    optimizer.step()
    for tensor, gradient in zip(tensors, kept, strict=True):
        np.testing.assert_array_equal(tensor.grad, gradient)


@EVERY
def test_zero_grad_forgets_all_gradients(case):
    tensors, optimizer, _, rng = make(case)
    for tensor in tensors:
        tensor.grad = rng.normal(size=tensor.shape)
    optimizer.zero_grad()
    assert [t.grad for t in tensors] == [None] * 4


@EVERY
def test_float32_stays_float32(case):
    tensors, optimizer, _, rng = make(case, np.float32)
    for _ in range(3):
        for tensor in tensors:
            tensor.grad = rng.normal(size=tensor.shape).astype(np.float32)
        optimizer.step()
    assert {t.dtype for t in tensors} == {np.dtype(np.float32)}


@EVERY
def test_gradients_scaled_or_replaced_before_the_step_count(case):
    tensors, optimizer, plain, _ = make(case)
    (tensors[0] * 3.0).sum().backward()
    tensors[0].grad *= 0.5
    expected = plain[0].step(np.array(tensors[0].data), np.full((2, 3), 1.5))
    optimizer.step()
    np.testing.assert_allclose(tensors[0].data, expected, rtol=1e-12)


@EVERY
def test_a_tensor_given_twice_moves_once_or_is_refused(case):
    x = Tensor([1.0, 2.0], requires_grad=True)
    build, plain = CASES[case]
    try:
        optimizer = build([x, x])
    except AutogradError:
        return
    x.grad = np.array([1.0, -1.0])
    optimizer.step()
    np.testing.assert_allclose(x.data, plain().step(np.array([1.0, 2.0]), x.grad), rtol=1e-12)


@EVERY
def test_a_layer_added_later_is_not_moved_and_the_old_ones_are(case):
    model = nn.Sequential(nn.Dense(2, 2, rng=0))
    build, plain = CASES[case]
    optimizer = build(model.parameters())
    model.append(nn.Dense(2, 1, rng=1))
    before = model.state_dict()
    model(np.array([[1.0, 2.0]])).sum().backward()
    optimizer.step()
    after = model.state_dict()
    for name, parameter in model.named_parameters():
        expected = before[name]
        if name.startswith("0."):
            expected = plain().step(before[name], parameter.grad)
        np.testing.assert_allclose(after[name], expected, rtol=1e-12)


@EVERY
def test_a_second_optimizer_on_a_larger_model_does_not_disturb_the_first(case):
    build, plain = CASES[case]
    x, y = (Tensor(np.ones(3), requires_grad=True) for _ in range(2))
    first, equations = build([x]), plain()
    second = build([x, y])
    x.grad = np.array([1.0, 2.0, 3.0])
    expected = equations.step(np.ones(3), x.grad)
    first.step()
    np.testing.assert_allclose(x.data, expected, rtol=1e-12)
    x.grad, y.grad = None, np.ones(3)
    second.step()
    np.testing.assert_allclose(x.data, expected, rtol=1e-12)
    np.testing.assert_allclose(y.data, plain().step(np.ones(3), np.ones(3)), rtol=1e-12)


@EVERY
def test_the_learning_rate_can_be_changed(case):
    x = Tensor([1.0], requires_grad=True)
    optimizer = CASES[case][0]([x])
    optimizer.learning_rate = 0.0625
    x.grad = np.array([1.0])
    optimizer.step()
    factor = 1.9 if case == "nesterov" else 1.0
    assert x.data[0] == pytest.approx(1.0 - 0.0625 * factor, rel=1e-4)


def test_parameters_may_come_from_a_generator():
    model = nn.Dense(2, 1, rng=0)
    optimizer = nn.SGD((p for p in model.parameters()), learning_rate=1.0)
    model.bias.grad = np.array([2.0])
    optimizer.step()
    np.testing.assert_array_equal(model.bias.data, [-2.0])


def test_weight_decay_shrinks_the_parameters():
    x = Tensor([2.0, -4.0], requires_grad=True)
    optimizer = nn.SGD([x], learning_rate=0.1, weight_decay=0.5)
    x.grad = np.array([1.0, 1.0])
    optimizer.step()
    np.testing.assert_allclose(x.data, np.array([2.0, -4.0]) * 0.95 - 0.1, rtol=1e-14)


@EVERY
def test_a_parameter_whose_shape_was_changed_raises_and_nothing_moves(case):
    tensors, optimizer, _, rng = make(case)
    tensors[1].data = np.ones(7)
    for tensor in tensors:
        tensor.grad = rng.normal(size=tensor.shape)
    before = [np.array(t.data) for t in tensors]
    with pytest.raises(AutogradError, match=r"\(7,\)"):
        optimizer.step()
    for tensor, data in zip(tensors, before, strict=True):
        np.testing.assert_array_equal(tensor.data, data)


@EVERY
def test_a_parameter_shared_with_an_array_of_the_user_behaves_alike(case):
    array = np.array([1.0, 2.0])
    x = Tensor(array, requires_grad=True)
    build, plain = CASES[case]
    optimizer = build([x])
    x.grad = np.array([1.0, 1.0])
    optimizer.step()
    np.testing.assert_allclose(x.data, plain().step(np.array([1.0, 2.0]), 1.0), rtol=1e-12)


OTHERS = {
    "a number": lambda optimizer, _: setattr(optimizer, "learning_rate", 0.3),
    "a group": lambda optimizer, _: optimizer.groups[0].update(learning_rate=0.3),
    "another schedule": lambda optimizer, _: nn.StepDecay(optimizer, every=1).step(),
    "a state without that of the schedule": lambda optimizer, state: optimizer.load_state_dict(
        state
    ),
}


@looped("change", OTHERS.values(), ids=OTHERS)
@looped("of", [lambda o: nn.ExponentialDecay(o, 0.5), lambda o: nn.ReduceOnPlateau(o)])
def test_a_schedule_does_not_overwrite_what_something_else_has_set(change, of):
    optimizer = nn.SGD([nn.Parameter([1.0])], learning_rate=0.4)
    before = nn.SGD([nn.Parameter([1.0])], learning_rate=0.1).state_dict()
    schedule = of(optimizer)
    schedule.step(1.0)
    kept = schedule.state_dict()
    change(optimizer, before)
    rate = optimizer.learning_rate
    with pytest.raises(AutogradError, match="something else sets them, too"):
        schedule.step(1.0)
    assert optimizer.learning_rate == rate
    assert schedule.state_dict() == kept
    schedule.load_state_dict(kept)
    schedule.step(1.0)
