"""What a graph of tensors and its backward pass must do."""

import gc
import weakref
from itertools import combinations

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor, relu


def leaf(data, name=None):
    return Tensor(np.array(data, dtype=np.float64), requires_grad=True, name=name)


def test_a_tensor_times_itself_gets_the_derivative_of_the_square():
    x = leaf([3.0, -4.0])
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [6.0, -8.0])


def test_a_tensor_plus_itself_gets_two():
    x = leaf(3.0)
    (x + x).backward()
    assert x.grad == 2.0


def test_a_tensor_minus_itself_gets_zero():
    x = leaf(3.0)
    (x - x).backward()
    assert x.grad == 0.0


def test_a_shared_node_collects_from_all_its_consumers():
    x = leaf(2.0)
    shared = x * 3
    (shared * shared + np.exp(shared) + shared).backward()
    assert shared.grad == pytest.approx(12.0 + np.exp(6.0) + 1.0, rel=1e-15)
    assert x.grad == pytest.approx(3 * (13.0 + np.exp(6.0)), rel=1e-15)


def test_a_diamond_waits_for_both_sides():
    x = leaf(2.0)
    top = x * x
    left, right = top * 3, top**2
    (left * right).backward()
    assert top.grad == 9 * 4.0**2
    assert x.grad == 9 * 4.0**2 * 4.0


def test_branches_of_unequal_depth_meet_in_order():
    x = leaf(2.0)
    short = x * 1
    long = x
    for _ in range(10):
        long = long * 2
    (short * long).backward()
    assert x.grad == 2 * 1024.0 * 2.0


def test_nodes_are_visited_once_however_many_paths_lead_to_them():
    x = leaf(1.0)
    y = x
    for _ in range(200):
        y = y + y
    y.backward()
    assert x.grad == 2.0**200


def test_a_wide_fan_out_adds_up():
    x = leaf(1.5)
    total = Tensor(0.0)
    for k in range(20_000):
        total = total + x * float(k)
    total.backward()
    assert x.grad == 20_000 * 19_999 / 2


def test_nodes_that_compare_equal_are_not_confused():
    a, b = leaf([1.0, 1.0]), leaf([1.0, 1.0])
    (a * 2 + b * 3).sum().backward()
    np.testing.assert_array_equal(a.grad, [2.0, 2.0])
    np.testing.assert_array_equal(b.grad, [3.0, 3.0])


def test_backward_twice_gives_exactly_twice_on_leaves_and_intermediates():
    x, w = leaf([0.3, -0.7]), leaf([[1.1, 0.2], [0.5, -2.0]])
    hidden = np.tanh(x @ w)
    loss = (hidden * hidden + hidden).sum()
    loss.backward()
    once = [t.grad.copy() for t in (x, w, hidden, loss)]
    loss.backward()
    for tensor, first in zip((x, w, hidden, loss), once, strict=True):
        np.testing.assert_array_equal(tensor.grad, 2 * first)


def test_backward_three_times_gives_three_times_and_zero_grad_starts_again():
    x = leaf(3.0)
    y = x * x * x
    for _ in range(3):
        y.backward()
    assert x.grad == 3 * 27.0
    x.zero_grad()
    assert x.grad is None
    y.backward()
    assert x.grad == 27.0


def test_two_losses_on_a_shared_trunk_add_up():
    x = leaf(2.0)
    trunk = x * x
    (trunk * 3).backward()
    (trunk * 5).backward()
    assert x.grad == 8 * 4.0
    assert trunk.grad == 8.0


def test_a_graph_can_be_extended_after_backward():
    x = leaf(2.0)
    y = x * x
    y.backward()
    x.zero_grad()
    (y * y).backward()
    assert x.grad == 4 * 2.0**3


def test_intermediates_have_gradients_and_leaves_only_leaves_them_out():
    x = leaf([1.0, 2.0])
    square = x * x
    loss = square.sum()
    loss.backward()
    np.testing.assert_array_equal(square.grad, [1.0, 1.0])
    assert loss.grad == 1.0

    z = leaf([1.0, 2.0])
    square = z * z
    loss = square.sum()
    loss.backward(leaves_only=True)
    np.testing.assert_array_equal(z.grad, [2.0, 4.0])
    assert square.grad is None
    assert loss.grad is None


def test_inputs_that_require_no_grad_get_none():
    x, constant = leaf([1.0, 2.0]), Tensor([3.0, 4.0])
    product = constant * 2
    (x * product).sum().backward()
    np.testing.assert_array_equal(x.grad, [6.0, 8.0])
    assert constant.grad is None
    assert product.grad is None
    assert not product.requires_grad


def test_a_leaf_that_the_loss_does_not_use_keeps_none():
    x, unused = leaf(1.0), leaf(1.0)
    (x * 2).backward()
    assert unused.grad is None


def test_backward_from_a_leaf_is_one():
    x = leaf(5.0)
    x.backward()
    assert x.grad == 1.0


def test_backward_of_a_one_element_tensor_needs_no_gradient():
    x = leaf([[5.0]])
    (x * 3).sum(axis=0).sum(axis=0).backward()
    np.testing.assert_array_equal(x.grad, [[3.0]])


def test_backward_with_a_gradient_is_the_vector_jacobian_product():
    x = leaf([1.0, 2.0, 3.0])
    y = x * x
    y.backward(np.array([1.0, 10.0, 100.0]))
    np.testing.assert_array_equal(x.grad, [2.0, 40.0, 600.0])


def test_detach_stops_the_gradient_and_shares_the_memory():
    x = leaf([2.0])
    d = (x * 3).detach()
    assert not d.requires_grad
    (x * d).sum().backward()
    np.testing.assert_array_equal(x.grad, [6.0])
    assert x.detach().data is x.data or np.shares_memory(x.detach().data, x.data)


@pytest.mark.parametrize("count", [3 * 10**4, pytest.param(10**6, marks=pytest.mark.exhaustive)])
def test_very_many_nodes_go_forward_backward_and_are_dropped(count):
    x = leaf(1.0)
    y = x
    for _ in range(count):
        y = y + x
    assert y.item() == count + 1.0
    y.backward(leaves_only=True)
    assert x.grad == count + 1.0
    head = weakref.ref(y)
    del y
    assert head() is None


def test_a_chain_too_deep_for_recursion_goes_backward_with_all_gradients():
    x = leaf(1.0)
    y = first = x * 1.0
    for _ in range(20_000):
        y = y * 1.0
    y.backward()
    assert first.grad == 1.0
    assert x.grad == 1.0


def test_a_dropped_loss_frees_its_graph_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x, w = leaf(np.ones((3, 2))), leaf(np.ones((2, 2)))
        hidden = relu(x @ w)
        loss = (np.concatenate([hidden, hidden[0:1]]) ** 2).mean()
        loss.backward()
        watched = [weakref.ref(hidden), weakref.ref(loss)]
        del hidden, loss
        assert [ref() for ref in watched] == [None, None]
        del x
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_dropped_graph_is_freed_after_create_graph_too():
    gc.collect()
    gc.disable()
    try:
        x = leaf([1.0, 2.0])
        y = (x * x * x).sum()
        y.backward(create_graph=True)
        gradient = x.grad
        x.grad = None
        gradient.sum().backward()
        watched = weakref.ref(y)
        del y, gradient
        assert watched() is None
        np.testing.assert_allclose(x.grad, [6.0, 12.0], rtol=1e-15)
    finally:
        gc.enable()


def test_consumers_are_not_held_by_what_they_consume():
    x = leaf([1.0])
    kept = x * 2
    gc.disable()
    try:
        consumer = kept * 3
        watched = weakref.ref(consumer)
        del consumer
        assert watched() is None
    finally:
        gc.enable()


ALIASING = {
    "add": lambda a, b: a + b,
    "add to itself": lambda a, b: (a + a) + b,
    "subtract": lambda a, b: a - b,
    "positive": lambda a, b: (+a) + (+b),
    "reshape": lambda a, b: a.reshape(4) + b.reshape(4),
    "ravel": lambda a, b: a.ravel() + b.ravel(),
    "transpose": lambda a, b: a.T + b,
    "swapaxes": lambda a, b: a.swapaxes(0, 1) + b.T,
    "broadcast_to": lambda a, b: np.broadcast_to(a, (3, 2, 2)) + b,
    "concatenate": lambda a, b: np.concatenate([a, b, a]),
    "stack": lambda a, b: np.stack([a, b]),
    "index": lambda a, b: a[0:2] + b[::-1],
    "sum": lambda a, b: a.sum() + b.sum(),
    "sum over an axis": lambda a, b: a.sum(axis=0) + b.sum(axis=1),
    "mean": lambda a, b: a.mean() + b.mean(axis=0),
    "copy": lambda a, b: a.copy() + b.astype(np.float64),
    "where": lambda a, b: np.where(a.data > 0, a, b),
    "maximum": lambda a, b: np.maximum(a, b) + a,
    "matmul": lambda a, b: a @ b,
}


@looped("name", ALIASING)
def test_no_two_gradients_share_memory_that_can_be_written(name):
    a, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[0.5, -2.0], [1.5, 1.0]])
    middle = ALIASING[name](a, b)
    total = middle.sum()
    total.backward()
    holders = [a, b, middle, total]
    for left, right in combinations(holders, 2):
        if np.shares_memory(left.grad, right.grad):
            assert not left.grad.flags.writeable
            assert not right.grad.flags.writeable
    for parameter in (a, b):
        expected = parameter.grad + 1
        parameter.grad += 1
        np.testing.assert_array_equal(parameter.grad, expected)


@looped("name", ALIASING)
def test_a_second_backward_leaves_the_gradients_apart(name):
    a, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[0.5, -2.0], [1.5, 1.0]])
    total = ALIASING[name](a, b).sum()
    total.backward()
    kept = [a.grad, b.grad]
    before = [g.copy() for g in kept]
    total.backward()
    assert not np.shares_memory(a.grad, b.grad)
    np.testing.assert_array_equal(a.grad, 2 * before[0])
    np.testing.assert_array_equal(b.grad, 2 * before[1])


def test_a_gradient_given_by_the_user_is_copied():
    x, seed = leaf([1.0, 2.0]), np.array([1.0, 1.0])
    y = x + 0.0
    y.backward(seed)
    z = leaf([1.0, 2.0])
    z.backward(seed)
    for holder in (x, y, z):
        assert not np.shares_memory(holder.grad, seed)
    seed[:] = 99.0
    for holder in (x, y, z):
        np.testing.assert_array_equal(holder.grad, [1.0, 1.0])


def test_no_gradient_shares_memory_with_data():
    x, scale = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    (x * scale).sum().backward()
    assert not np.shares_memory(x.grad, scale)
    x.grad *= 0
    np.testing.assert_array_equal(scale, [3.0, 4.0])


def test_create_graph_gives_second_and_third_derivatives():
    x = leaf(2.0)
    (x**4).backward(create_graph=True)
    first = x.grad
    assert isinstance(first, Tensor)
    assert first.item() == 4 * 8.0
    x.zero_grad()
    first.backward(create_graph=True)
    second = x.grad
    assert second.item() == 12 * 4.0
    x.zero_grad()
    second.backward()
    assert x.grad == 24 * 2.0


def test_create_graph_allows_a_gradient_penalty():
    x, w = Tensor([1.0, 2.0]), leaf([0.5, -0.25])
    y = np.tanh((x * w).sum())
    y.backward(create_graph=True)
    penalty = (w.grad**2).sum()
    w.zero_grad()
    penalty.backward()
    t = np.tanh(np.dot(x.data, w.data))
    expected = 5.0 * 2 * (1 - t * t) * (-2 * t * (1 - t * t)) * x.data
    np.testing.assert_allclose(w.grad, expected, rtol=1e-13)


@looped("dtype", [np.float32, np.float64])
@looped("shape", [(), (1,), (3,), (1, 3), (2, 1), (2, 3)])
def test_a_gradient_has_the_tensor_s_shape_and_dtype(shape, dtype):
    x = Tensor(np.ones(shape, dtype), requires_grad=True)
    middle = x * 2.0
    (middle * np.ones((4, 2, 3)) + middle).sum().backward()
    for tensor in (x, middle):
        assert not isinstance(tensor.grad, Tensor)
        assert tensor.grad.shape == tensor.shape
        assert tensor.grad.dtype == tensor.dtype == dtype
    np.testing.assert_array_equal(x.grad, np.full(shape, 4.0 * 24 / max(1, x.size)))


def test_a_float32_tensor_keeps_its_dtype_when_gradients_add_up_over_two_losses():
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    (x * np.array([1.0, 2.0])).sum().backward()
    (x * np.array([1.0, 2.0])).sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_a_gradient_is_a_plain_array(shape):
    x = Tensor(np.ones(shape), requires_grad=True)
    (x * 2).sum().backward()
    # 0-d tensors hold NumPy scalars, which are computed with ten times as fast as 0-d arrays.
    assert isinstance(x.grad, np.ndarray if shape else np.float64)
    assert x.grad.shape == shape
