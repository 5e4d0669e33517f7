"""Arrays that were changed between forward and backward, and changes in place."""

import operator

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import AutogradError, MutationError, Tensor, no_grad, relu, sigmoid


def leaf(data, name=None):
    return Tensor(np.array(data, dtype=np.float64), requires_grad=True, name=name)


def by_item(t):
    with no_grad():
        t[0] = 5.0


def by_ellipsis(t):
    with no_grad():
        t[...] = 5.0


def by_iadd(t):
    with no_grad():
        t += 1.0


def by_imul(t):
    with no_grad():
        t *= 2.0


def by_data(t):
    t.data -= 0.5


def by_optimizer(t):
    kept, t.grad = t.grad, np.ones(t.shape)
    nn.SGD([t], learning_rate=0.5).step()
    t.grad = kept


CHANGES = [by_item, by_ellipsis, by_iadd, by_imul, by_data, by_optimizer]

NEEDED = {
    "multiply": lambda w, x: w * x,
    "square": lambda w, x: w**2,
    "divide": lambda w, x: x / w,
    "log": lambda w, x: np.log(w),
    "matmul": lambda w, x: x @ w,
    "maximum": lambda w, x: np.maximum(w, x),
    "abs": lambda w, x: np.abs(w),
}

NOT_NEEDED = {
    "add": (lambda w, x: w + x, 1.0),
    "multiply by a constant": (lambda w, x: w * 3.0, 3.0),
    "divide by a constant": (lambda w, x: w / 2.0, 0.5),
    "sum": (lambda w, x: w.sum(), 1.0),
    "mean": (lambda w, x: w.mean(), 0.5),
    "reshape": (lambda w, x: w.reshape(2, 1), 1.0),
    "concatenate": (lambda w, x: np.concatenate([w, w]), 2.0),
    "index": (lambda w, x: w[[0, 1]], 1.0),
    "exp, whose rule uses the output": (lambda w, x: np.exp(w), np.exp([1.0, 2.0])),
    "tanh": (lambda w, x: np.tanh(w), 1 - np.tanh([1.0, 2.0]) ** 2),
    "sqrt": (lambda w, x: np.sqrt(w), 0.5 / np.sqrt([1.0, 2.0])),
}


@looped("change", CHANGES)
@looped("name", NEEDED)
def test_a_change_of_an_array_that_a_rule_needs_raises_at_backward(name, change):
    w, x = leaf([1.0, 2.0], "w"), leaf([3.0, 4.0], "x")
    loss = NEEDED[name](w, x).sum()
    change(w)
    with pytest.raises(AutogradError, match="'w'") as caught:
        loss.backward()
    assert isinstance(caught.value, RuntimeError)
    assert w.grad is None
    assert x.grad is None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("log", "log"),
        ("matmul", "matmul"),
        ("abs", "abs"),
        ("multiply", "multiply"),
        ("divide", "divide"),
        ("maximum", "maximum"),
        ("square", "power"),
    ],
)
def test_the_error_names_the_operation_whose_array_was_changed(name, word):
    w, x = leaf([1.0, 2.0], "w"), leaf([3.0, 4.0], "x")
    loss = NEEDED[name](w, x).sum()
    by_ellipsis(w)
    with pytest.raises(AutogradError, match=word):
        loss.backward()


@looped("change", CHANGES)
@looped("name", NOT_NEEDED)
def test_a_change_of_an_array_that_no_rule_needs_raises_nothing(name, change):
    function, expected = NOT_NEEDED[name]
    w, x = leaf([1.0, 2.0], "w"), Tensor([3.0, 4.0])
    loss = function(w, x).sum()
    change(w)
    loss.backward()
    np.testing.assert_allclose(w.grad, np.broadcast_to(expected, 2), rtol=1e-14)


def test_what_was_changed_is_named_and_what_changes_parameters_of_a_model():
    model = nn.Sequential(nn.Dense(2, 3, "tanh", rng=0), nn.Dense(3, 1, rng=1))
    loss = model(np.ones((4, 2))).sum()
    loss.backward()
    nn.SGD(model.parameters(), 0.1).step()
    told = r"'1.weight' \(3, 1\) and '1.bias' \(1,\) were changed after .* optimizer\.step\(\)"
    with pytest.raises(MutationError, match=told):
        loss.backward()


def test_only_the_operand_that_a_needed_derivative_uses_counts():
    w, x = leaf([1.0, 2.0], "w"), Tensor([3.0, 4.0])
    loss = (w * x).sum()
    by_ellipsis(w)
    loss.backward()
    np.testing.assert_array_equal(w.grad, [3.0, 4.0])


def test_a_constant_that_was_changed_raises_too():
    w, x = leaf([1.0, 2.0], "w"), Tensor([3.0, 4.0], name="x")
    loss = (w * x).sum()
    x[0] = 7.0
    with pytest.raises(AutogradError, match="'x'"):
        loss.backward()


@pytest.mark.parametrize("function", [np.exp, np.tanh, sigmoid])
def test_a_changed_output_raises_where_the_rule_uses_the_output(function):
    x = leaf([1.0, 2.0], "x")
    y = function(x)
    y.name = "y"
    with no_grad():
        y *= 2.0
    with pytest.raises(AutogradError, match="'y'"):
        y.sum().backward()


def test_a_change_before_the_forward_pass_is_no_matter():
    w = leaf([1.0, 2.0])
    (w * w).sum().backward()
    w.data -= 0.5 * w.grad
    w.zero_grad()
    (w * w).sum().backward()
    np.testing.assert_array_equal(w.grad, [0.0, 0.0])


def test_the_idiom_of_training_loops_changes_the_array_in_place():
    w = leaf([1.0, 2.0])
    array = w.data
    for _ in range(3):
        w.zero_grad()
        (w * w).sum().backward()
        w.data -= 0.25 * w.grad
    np.testing.assert_array_equal(w.data, [0.125, 0.25])
    assert w.data is array
    assert w.requires_grad


def test_replacing_the_array_does_not_falsify_a_gradient():
    w = leaf([1.0, 2.0], "w")
    loss = (w * w).sum()
    w.data = np.array([10.0, 20.0])
    try:
        loss.backward()
    except AutogradError:
        assert w.grad is None
    else:
        np.testing.assert_array_equal(w.grad, [2.0, 4.0])


IN_PLACE = {
    "+": operator.iadd,
    "-": operator.isub,
    "*": operator.imul,
    "/": operator.itruediv,
    "**": operator.ipow,
}


@pytest.mark.parametrize("symbol", IN_PLACE)
def test_in_place_operators_on_tensors_that_require_grad_are_refused_with_the_line(symbol):
    w = leaf([1.0, 2.0], "w")
    with pytest.raises(AutogradError) as caught:
        IN_PLACE[symbol](w, 3.0)
    assert f"w = w {symbol} " in str(caught.value)
    assert "(2,)" in str(caught.value)
    np.testing.assert_array_equal(w.data, [1.0, 2.0])


@pytest.mark.parametrize("symbol", IN_PLACE)
def test_in_place_operators_are_allowed_inside_of_no_grad(symbol):
    w = leaf([1.0, 2.0])
    array, expected = w.data, IN_PLACE[symbol](np.array([1.0, 2.0]), 3.0)
    with no_grad():
        same = IN_PLACE[symbol](w, 3.0)
    assert same is w
    assert w.data is array
    assert w.requires_grad
    np.testing.assert_array_equal(array, expected)


def test_in_place_operators_on_plain_tensors_change_the_array():
    array = np.array([1.0, 2.0])
    t = Tensor(array)
    t += 1
    np.testing.assert_array_equal(array, [2.0, 3.0])
    assert not t.requires_grad


def test_adding_a_recorded_tensor_in_place_to_a_plain_one_does_not_detach():
    total, x = Tensor([0.0]), leaf([2.0])
    try:
        total += x * x
    except AutogradError:
        np.testing.assert_array_equal(total.data, [0.0])
    else:
        total.sum().backward()
        np.testing.assert_array_equal(x.grad, [4.0])


def test_adding_in_place_to_a_part_of_a_computed_tensor_makes_a_new_one():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    doubled = 2 * x
    row = doubled[0]
    row *= 3
    np.testing.assert_array_equal(row.data, [6.0, 12.0])
    np.testing.assert_array_equal(doubled.data, [[2.0, 4.0], [6.0, 8.0]])
    (row.sum() + doubled.sum()).backward()
    np.testing.assert_array_equal(x.grad, [[8.0, 8.0], [2.0, 2.0]])


def test_item_assignment_on_a_tensor_that_requires_grad_is_refused():
    w = leaf([1.0, 2.0], "w")
    with pytest.raises(AutogradError, match=r"np\.where|no_grad|stack|concatenate"):
        w[0] = 3.0
    np.testing.assert_array_equal(w.data, [1.0, 2.0])


def test_item_assignment_of_a_recorded_tensor_to_a_plain_one_does_not_detach():
    target, x = Tensor([0.0, 0.0]), leaf([2.0])
    with pytest.raises(AutogradError):
        target[0] = x[0]
    np.testing.assert_array_equal(target.data, [0.0, 0.0])


def test_an_in_place_operator_that_fails_changes_nothing():
    w = leaf([1.0, 2.0])
    with no_grad(), pytest.raises((AutogradError, ValueError)):
        w += np.ones((3, 2))
    np.testing.assert_array_equal(w.data, [1.0, 2.0])
    assert w.shape == (2,)


def test_a_state_that_an_earlier_step_left_is_refused_with_how_it_goes_on():
    w, h = Tensor([0.5], requires_grad=True, name="w"), Tensor([1.0])
    for _ in range(2):
        h = np.tanh(h * w)
        w.data -= 0.1
    with pytest.raises(MutationError, match=r"goes on as state.detach\(\)") as caught:
        h.sum().backward()
    assert caught.value.__cause__ is None


def test_an_optimizer_step_between_forward_and_backward_names_the_weight():
    model = nn.Sequential(nn.Dense(2, 3, rng=0), nn.ReLU(), nn.Dense(3, 1, rng=1))
    optimizer = nn.Adam(model.parameters())
    X = np.array([[0.5, -1.0], [1.0, 2.0]])
    model(X).sum().backward()
    loss = model(X).sum()
    optimizer.step()
    with pytest.raises(AutogradError, match="weight"):
        loss.backward()


def test_relu_in_the_middle_of_a_loop_that_updates_works():
    w = leaf([[0.5, -0.5]])
    for _ in range(2):
        loss = (relu(w) ** 2).sum()
        loss.backward()
        with no_grad():
            w -= 0.25 * w.grad
            w.grad = None
    np.testing.assert_array_equal(w.data, [[0.125, -0.5]])


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.T,
        lambda x: x[:2],
        lambda x: x.reshape(-1),
        lambda x: np.broadcast_to(x, (2, 3, 2)),
    ],
    ids=["transpose", "slice", "reshape", "broadcast_to"],
)
def test_a_change_is_seen_through_a_view_of_what_was_changed(view):
    x = leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "x")
    y = (view(x) ** 2).sum()
    with no_grad():
        x *= 2.0
    with pytest.raises(AutogradError, match="power"):
        y.backward()


@pytest.mark.parametrize("symbol", IN_PLACE)
def test_an_update_in_place_is_told_to_change_the_data_and_nothing_else(symbol):
    w = leaf([1.0, 2.0], "w")
    (w * w).sum().backward()
    with pytest.raises(MutationError) as caught:
        IN_PLACE[symbol](w, 0.1 * w.grad)
    assert f"Write w.data {symbol}= ..." in str(caught.value)
    assert "w = w" not in str(caught.value)


# The array of a computed tensor


COMPUTED = {
    "product": lambda w: w * 2.0,
    "activation": sigmoid,
    "view": lambda w: w.reshape(3, 2),
    "row": lambda w: w[0],
    "transposed": lambda w: w.T,
    "broadcast": lambda w: np.broadcast_to(w, (2, 2, 3)),
}


def change_item(d):
    d[0] -= 1


def change_by_function(d):
    np.multiply(d, 2.0, out=d)


@looped("way", [operator.isub, operator.imul, change_item, change_by_function, np.ndarray.sort])
@looped("function", COMPUTED.values(), ids=COMPUTED)
def test_the_array_of_a_computed_tensor_is_read_only(function, way):
    w = leaf([[1.0, -2.0, 3.0], [4.0, 0.5, 6.0]])
    y = function(w)
    for array in (y.data, y.numpy()):
        arguments = () if way in (change_item, change_by_function, np.ndarray.sort) else (1.0,)
        with pytest.raises(ValueError, match="read-only"):
            way(array, *arguments)
    assert type(y.data) is np.ndarray
    assert w.data.flags.writeable


def test_a_derivation_by_hand_changes_a_copy():
    z = leaf(np.random.default_rng(0).normal(size=(4, 3)), "z")
    labels = np.array([0, 2, 1, 1])
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.log(p[range(4), labels]).mean()
    with pytest.raises(ValueError, match="read-only"):
        p.data[range(4), labels] -= 1
    for copied in (p.data.copy(), p.detach().data, p.detach().numpy()):
        copied[range(4), labels] -= 1
        z.zero_grad()
        loss.backward()
        np.testing.assert_allclose(z.grad, copied / 4, atol=1e-15)


def test_the_data_of_a_computed_tensor_are_not_replaced():
    y = leaf([1.0, 2.0], "w") * 2.0
    with pytest.raises(MutationError, match=r"p\.data\.copy\(\)"):
        y.data = np.zeros(2)
    total = y.sum()
    with pytest.raises(MutationError, match="computed"):
        total.data -= 1.0
    np.testing.assert_array_equal(y.data, [2.0, 4.0])
    with no_grad():
        free = leaf([1.0, 2.0]) * 2.0
    free.data -= 1.0
    np.testing.assert_array_equal(free.data, [1.0, 3.0])
