"""The traversal, piece by piece: order, one rule, the sum over paths, undoing broadcasts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from looping import looped

from autograd_lite import Tensor, differentiable
from autograd_lite.cotangents import match
from autograd_lite.engine import (
    apply_rule,
    backpropagate,
    backward_order,
    carry_back,
    computed_and_leaves,
)
from autograd_lite.errors import ShapeError
from autograd_lite.node import Pass

LEAVES = 4
OPERATIONS = {
    "add": (lambda a, b: a + b, lambda a, b, da, db: da + db),
    "multiply": (lambda a, b: a * b, lambda a, b, da, db: da * b + a * db),
    "tanh": (lambda a, b: np.tanh(a), lambda a, b, da, db: da * (1 - np.tanh(a) ** 2)),
}

# A program is a list of operations on two earlier values; the first values are the leaves.
programs = st.lists(
    st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=25,
).map(lambda steps: [(f, i % (LEAVES + n), j % (LEAVES + n)) for n, (f, i, j) in enumerate(steps)])


def record(program, requires_grad=(True,) * LEAVES):
    """Every value of a program as a tensor, leaves first."""
    values = [Tensor(0.3 * n - 0.5, requires_grad=r) for n, r in enumerate(requires_grad)]
    for name, i, j in program:
        compute, _ = OPERATIONS[name]
        values.append(compute(values[i], values[j]))
    return values


def tangent(program, leaf):
    """Derivative of a program's last value in a leaf, carried forward with the values."""
    values = [0.3 * n - 0.5 for n in range(LEAVES)]
    tangents = [float(n == leaf) for n in range(LEAVES)]
    for name, i, j in program:
        compute, differentiate = OPERATIONS[name]
        values.append(compute(values[i], values[j]))
        tangents.append(differentiate(values[i], values[j], tangents[i], tangents[j]))
    return tangents[-1]


def inputs_requiring_grad(node):
    return [a for a in node.arguments if isinstance(a, Tensor) and a.requires_grad]


def ancestors(node):
    """The node and all that it depends on, found recursively."""
    found = {node}
    for argument in inputs_requiring_grad(node):
        if argument not in found:
            found |= ancestors(argument)
    return found


# backward_order


@given(programs, st.tuples(*[st.booleans()] * LEAVES))
def test_every_node_comes_once_and_before_its_inputs(program, requires_grad):
    root = record(program, requires_grad)[-1]
    order = backward_order(root)
    place = {node: number for number, node in enumerate(order)}
    assert order[0] is root
    assert len(place) == len(order)
    for node in order:
        for argument in inputs_requiring_grad(node):
            assert place[node] < place[argument]


@given(programs)
def test_the_order_holds_exactly_what_the_root_depends_on(program):
    values = record(program)
    assert set(backward_order(values[-1])) == ancestors(values[-1])


def test_nodes_that_do_not_require_grad_are_left_out():
    a, constant = Tensor(2.0, requires_grad=True), Tensor(3.0)
    unrecorded = constant * 2
    root = a * unrecorded + constant
    order = backward_order(root)
    assert constant not in order
    assert unrecorded not in order
    assert order[-1] is a
    assert len(order) == 3


def test_the_order_goes_from_what_was_made_last_to_what_was_made_first():
    a = Tensor(2.0, requires_grad=True)
    first, second, third = a * 2, a * 3, a * 4
    root = third + first * second
    assert backward_order(root)[1:] == [root.arguments[1], third, second, first, a]


def test_the_order_of_a_leaf_is_the_leaf():
    leaf = Tensor(1.0, requires_grad=True)
    assert backward_order(leaf) == [leaf]


def test_leaves_are_the_last_also_one_that_was_detached_from_what_was_computed():
    a = Tensor(2.0, requires_grad=True)
    b = (a * a).detach()
    b.requires_grad = True
    first = a * 3
    root = first + b
    assert backward_order(root)[:2] == [root, first]
    assert set(backward_order(root)[2:]) == {a, b}


def test_an_input_that_is_frozen_after_it_was_used_gets_no_gradient():
    a, b = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    root = a * b
    a.requires_grad = False
    root.backward()
    assert (a.grad, b.grad) == (None, 2.0)


def test_an_input_that_requires_grad_after_it_was_used_gets_one():
    a, b = Tensor(2.0), Tensor(3.0, requires_grad=True)
    root = a * b
    a.requires_grad, b.requires_grad = True, False
    root.backward()
    assert (a.grad, b.grad) == (3.0, None)
    b.requires_grad = True
    root.backward()
    assert (a.grad, b.grad) == (6.0, 2.0)


# apply_rule


def contributions(node, cotangent, create_graph=False):
    """What one rule gives to each input of its node."""
    cotangents = {node: cotangent}
    apply_rule(node, cotangents, Pass(create_graph), careful=False)
    del cotangents[node]
    return cotangents


def test_a_rule_gives_each_input_its_contribution():
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 5.0], requires_grad=True)
    given_to = contributions(a * b, np.array([10.0, 100.0]))
    assert set(given_to) == {a, b}
    np.testing.assert_array_equal(given_to[a], [30, 500])
    np.testing.assert_array_equal(given_to[b], [10, 200])


def test_contributions_are_added_to_what_is_there():
    a = Tensor(3.0, requires_grad=True)
    node = a * 5
    cotangents = {node: np.float64(2.0), a: np.float64(100.0)}
    apply_rule(node, cotangents, Pass(), careful=False)
    assert cotangents[a] == 110


def test_an_input_used_twice_gets_both_contributions():
    a = Tensor(3.0, requires_grad=True)
    assert contributions(a * a, np.float64(2.0)) == {a: 12.0}


def test_only_inputs_that_require_grad_get_contributions_and_only_their_vjps_are_called(
    restored_table,
):
    called = []

    @differentiable(
        lambda g, y, a, b: called.append("a") or g * b,
        lambda g, y, a, b: called.append("b") or g * a,
    )
    def product(a, b):
        return a * b

    b = Tensor(4.0, requires_grad=True)
    assert contributions(product(Tensor(3.0), b), np.float64(2.0)) == {b: 6.0}
    assert called == ["b"]


def test_contributions_have_the_shape_and_dtype_of_their_inputs():
    a = Tensor(np.ones((3, 1), np.float32), requires_grad=True)
    b = Tensor(np.ones(4), requires_grad=True)
    given_to = contributions(a + b, np.ones((3, 4)))
    assert (given_to[a].shape, given_to[a].dtype) == ((3, 1), np.float32)
    assert (given_to[b].shape, given_to[b].dtype) == ((4,), np.float64)
    np.testing.assert_array_equal(given_to[a], np.full((3, 1), 4))
    np.testing.assert_array_equal(given_to[b], np.full(4, 3))


def test_a_rule_for_all_arguments_knows_which_one_it_is_asked_for():
    a, b = Tensor([1.0], requires_grad=True), Tensor([2.0, 3.0], requires_grad=True)
    node = np.concatenate([a, np.array([9.0]), b])
    given_to = contributions(node, np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(given_to[a], [1])
    np.testing.assert_array_equal(given_to[b], [3, 4])


def test_contributions_are_recorded_where_that_is_asked_for():
    a = Tensor([1.0, 2.0], requires_grad=True)
    contribution = contributions(a**3, np.ones(2), create_graph=True)[a]
    assert isinstance(contribution, Tensor)
    contribution.sum().backward()
    np.testing.assert_array_equal(contribution.data, [3, 12])
    np.testing.assert_array_equal(a.grad, [6, 12])


def test_applying_a_rule_stores_nothing_in_tensors():
    a = Tensor(3.0, requires_grad=True)
    node = a * a
    contributions(node, np.float64(1.0))
    assert a.grad is None
    assert node.grad is None


# backpropagate


@given(programs)
def test_cotangents_of_leaves_equal_derivatives_carried_forward(program):
    values = record(program)
    cotangents = backpropagate(values[-1], np.float64(1.0))
    for leaf in range(LEAVES):
        expected = tangent(program, leaf)
        computed = float(cotangents.get(values[leaf], 0.0))
        assert computed == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(programs)
def test_exactly_what_the_root_depends_on_gets_a_cotangent(program):
    root = record(program)[-1]
    assert set(backpropagate(root, np.float64(1.0))) == set(backward_order(root))


@given(programs)
def test_leaves_alone_get_the_same_cotangents(program):
    root = record(program)[-1]
    cotangents = backpropagate(root, np.float64(1.0))
    leaves = {node: c for node, c in cotangents.items() if node.operation is None}
    alone = {root: np.float64(1.0)}
    carry_back(alone, computed_and_leaves([root])[0], Pass(leaves_only=True))
    assert alone == leaves


def test_contributions_along_all_paths_are_summed():
    x = Tensor(2.0, requires_grad=True)
    left, right = x * 3, x * 5
    product = left * right
    root = product + x
    assert backpropagate(root, np.float64(10.0)) == {
        root: 10,
        product: 10,
        left: 10 * 10,
        right: 10 * 6,
        x: 10 * (3 * 10 + 5 * 6 + 1),
    }


def test_each_rule_is_applied_once_however_many_paths_lead_to_its_node(restored_table):
    calls = []

    @differentiable(lambda g, y, x: calls.append(1) or g)
    def same(x):
        return x * 1.0

    x = Tensor(1.0, requires_grad=True)
    root = x
    for _ in range(60):
        step = same(root)
        root = (step + step) / 2
    assert backpropagate(root, np.float64(1.0))[x] == 1
    assert len(calls) == 60


def test_the_seed_is_not_written_to():
    x = Tensor([1.0, 2.0], requires_grad=True)
    seed = np.array([1.0, 1.0])
    seed.flags.writeable = False
    np.testing.assert_array_equal(backpropagate(x + x + x, seed)[x], [3, 3])


# match


def matched_by_hand(cotangent, shape):
    """Broadcast with the argument, then sum over the axes along which the argument repeats."""
    common = np.broadcast_shapes(cotangent.shape, shape)
    result = np.broadcast_to(cotangent, common)
    padded = (1,) * (len(common) - len(shape)) + shape
    repeated = tuple(i for i, (n, m) in enumerate(zip(padded, common, strict=True)) if n == 1 != m)
    return result.sum(axis=repeated, keepdims=True).reshape(shape)


def matched(cotangent_shape, shape, dtype):
    """A cotangent of random integers, and what `match` makes of it for an argument."""
    numbers = np.random.default_rng(0).integers(-9, 9, cotangent_shape)
    cotangent = np.asarray(numbers, float)
    node = Tensor(np.zeros(cotangent_shape), requires_grad=True) + 0.0
    return cotangent, match(cotangent, np.zeros(shape, dtype), node)


two_shapes = mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=4)
dtypes = st.sampled_from([np.float32, np.float64])


@given(two_shapes, dtypes)
def test_match_sums_where_the_argument_was_broadcast(shapes, dtype):
    shape = shapes.input_shapes[0]
    cotangent, result = matched(shapes.result_shape, shape, dtype)
    assert (result.shape, result.dtype) == (shape, dtype)
    np.testing.assert_array_equal(result, matched_by_hand(cotangent, shape))


@given(two_shapes, dtypes)
def test_match_expands_where_the_contribution_is_smaller_than_the_argument(shapes, dtype):
    shape = shapes.result_shape
    cotangent, result = matched(shapes.input_shapes[0], shape, dtype)
    assert (result.shape, result.dtype) == (shape, dtype)
    np.testing.assert_array_equal(result, np.broadcast_to(cotangent, shape))


@given(two_shapes, dtypes)
def test_match_is_right_or_refuses_for_any_shapes_that_broadcast(shapes, dtype):
    cotangent_shape, shape = shapes.input_shapes
    try:
        cotangent, result = matched(cotangent_shape, shape, dtype)
    except ShapeError:
        return
    assert (result.shape, result.dtype) == (shape, dtype)
    np.testing.assert_array_equal(result, matched_by_hand(cotangent, shape))


def test_a_rule_may_leave_out_leading_axes_of_its_argument(restored_table):
    @differentiable(lambda g, y, x: g)
    def sum_of_rows(x):
        return x.sum(axis=0)

    for n_rows in (1, 2, 3):
        x = Tensor(np.ones((n_rows, 3)), requires_grad=True)
        sum_of_rows(x).backward(np.array([1.0, 2.0, 3.0]))
        np.testing.assert_array_equal(x.grad, [[1, 2, 3]] * n_rows)


def test_match_leaves_what_fits_as_it_is():
    cotangent = np.ones((2, 3))
    node = Tensor(np.ones((2, 3)), requires_grad=True) + 0.0
    assert match(cotangent, np.zeros((2, 3)), node) is cotangent


@looped(("cotangent", "argument"), [((2,), (3,)), ((3, 2), (3,)), ((2, 3), (2, 2)), ((0,), (3,))])
def test_match_refuses_shapes_that_cannot_broadcast_and_names_operation_and_shape(
    cotangent, argument
):
    with pytest.raises(ShapeError, match="backward of add") as caught:
        matched(cotangent, argument, float)
    assert str(cotangent) in str(caught.value)
    assert str(argument) in str(caught.value)


def test_match_records_when_it_is_given_a_tensor():
    cotangent = Tensor(np.ones((4, 3)), requires_grad=True)
    result = match(cotangent, np.zeros((1, 3)), cotangent + 0.0)
    assert isinstance(result, Tensor)
    result.sum().backward()
    np.testing.assert_array_equal(cotangent.grad, np.ones((4, 3)))
