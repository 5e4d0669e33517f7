"""The traversal, piece by piece: order, one rule, the sum over paths, undoing broadcasts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from autograd_lite import Tensor, differentiable
from autograd_lite.engine import apply_rule, backpropagate, backward_order, match
from autograd_lite.errors import ShapeError
from autograd_lite.table import TABLE

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


@pytest.fixture
def restored_table():
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)


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


def test_the_order_of_a_leaf_is_the_leaf():
    leaf = Tensor(1.0, requires_grad=True)
    assert backward_order(leaf) == [leaf]


# apply_rule


def test_a_rule_gives_each_input_its_contribution():
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 5.0], requires_grad=True)
    (first, to_a), (second, to_b) = apply_rule(a * b, np.array([10.0, 100.0]))
    assert first is a
    assert second is b
    np.testing.assert_array_equal(to_a, [30, 500])
    np.testing.assert_array_equal(to_b, [10, 200])


def test_an_input_used_twice_gets_two_contributions():
    a = Tensor(3.0, requires_grad=True)
    contributions = apply_rule(a * a, np.float64(2.0))
    assert [(node is a, float(c)) for node, c in contributions] == [(True, 6.0), (True, 6.0)]


def test_a_leaf_has_no_contributions():
    assert apply_rule(Tensor(3.0, requires_grad=True), np.float64(1.0)) == []


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
    (node, contribution), *others = apply_rule(product(Tensor(3.0), b), np.float64(2.0))
    assert node is b
    assert contribution == 6.0
    assert others == []
    assert called == ["b"]


def test_contributions_have_the_shape_and_dtype_of_their_inputs():
    a = Tensor(np.ones((3, 1), np.float32), requires_grad=True)
    b = Tensor(np.ones(4), requires_grad=True)
    (_, to_a), (_, to_b) = apply_rule(a + b, np.ones((3, 4)))
    assert (to_a.shape, to_a.dtype) == ((3, 1), np.float32)
    assert (to_b.shape, to_b.dtype) == ((4,), np.float64)
    np.testing.assert_array_equal(to_a, np.full((3, 1), 4))
    np.testing.assert_array_equal(to_b, np.full(4, 3))


def test_a_rule_for_all_arguments_knows_which_one_it_is_asked_for():
    a, b = Tensor([1.0], requires_grad=True), Tensor([2.0, 3.0], requires_grad=True)
    node = np.concatenate([a, np.array([9.0]), b])
    (first, to_a), (second, to_b) = apply_rule(node, np.array([1.0, 2.0, 3.0, 4.0]))
    assert (first is a, second is b) == (True, True)
    np.testing.assert_array_equal(to_a, [1])
    np.testing.assert_array_equal(to_b, [3, 4])


def test_contributions_are_recorded_where_that_is_asked_for():
    a = Tensor([1.0, 2.0], requires_grad=True)
    ((_, contribution),) = apply_rule(a**3, np.ones(2), create_graph=True)
    assert isinstance(contribution, Tensor)
    contribution.sum().backward()
    np.testing.assert_array_equal(contribution.data, [3, 12])
    np.testing.assert_array_equal(a.grad, [6, 12])


def test_applying_a_rule_stores_nothing():
    a = Tensor(3.0, requires_grad=True)
    node = a * a
    apply_rule(node, np.float64(1.0))
    assert a.grad is None
    assert node.grad is None


# backpropagate


@given(programs)
def test_cotangents_of_leaves_equal_derivatives_carried_forward(program):
    values = record(program)
    cotangents = dict(backpropagate(values[-1], np.float64(1.0)))
    for leaf in range(LEAVES):
        expected = tangent(program, leaf)
        computed = float(cotangents.get(values[leaf], 0.0))
        assert computed == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(programs)
def test_nodes_come_in_backward_order_each_with_one_cotangent(program):
    root = record(program)[-1]
    nodes = [node for node, _ in backpropagate(root, np.float64(1.0))]
    assert len(nodes) == len(set(nodes))
    assert all(one is other for one, other in zip(nodes, backward_order(root), strict=True))


def test_contributions_along_all_paths_are_summed():
    x = Tensor(2.0, requires_grad=True)
    left, right = x * 3, x * 5
    root = left * right + x
    cotangents = dict(backpropagate(root, np.float64(10.0)))
    assert cotangents[root] == 10
    assert cotangents[left] == 10 * 10
    assert cotangents[right] == 10 * 6
    assert cotangents[x] == 10 * (3 * 10 + 5 * 6 + 1)


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
    cotangents = dict(backpropagate(root, np.float64(1.0)))
    assert len(calls) == 60
    assert cotangents[x] == 1


def test_the_seed_is_not_written_to():
    x = Tensor([1.0, 2.0], requires_grad=True)
    seed = np.array([1.0, 1.0])
    seed.flags.writeable = False
    cotangents = dict(backpropagate(x + x + x, seed))
    np.testing.assert_array_equal(cotangents[x], [3, 3])


# match


def matched_by_hand(cotangent, shape):
    """Broadcast with the argument, then sum over the axes along which the argument repeats."""
    common = np.broadcast_shapes(cotangent.shape, shape)
    result = np.broadcast_to(cotangent, common)
    padded = (1,) * (len(common) - len(shape)) + shape
    repeated = tuple(i for i, (n, m) in enumerate(zip(padded, common, strict=True)) if n == 1 != m)
    return result.sum(axis=repeated, keepdims=True).reshape(shape)


@given(
    mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=4),
    st.sampled_from([np.float32, np.float64]),
)
def test_match_sums_and_expands_to_the_shape_and_dtype_of_the_argument(shapes, dtype):
    cotangent_shape, shape = shapes.input_shapes
    cotangent = np.random.default_rng(0).integers(-9, 9, cotangent_shape).astype(float)
    result = match(np.asarray(cotangent), np.zeros(shape, dtype), TABLE[np.add])
    assert result.shape == shape
    assert result.dtype == dtype
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
    assert match(cotangent, np.zeros((2, 3)), TABLE[np.add]) is cotangent


@pytest.mark.parametrize(
    ("cotangent", "argument"), [((2,), (3,)), ((3, 2), (3,)), ((2, 3), (2, 2)), ((0,), (3,))]
)
def test_match_refuses_shapes_that_cannot_broadcast_and_names_the_operation(cotangent, argument):
    with pytest.raises(ShapeError, match="backward of add: its vjp returned shape"):
        match(np.ones(cotangent), np.zeros(argument), TABLE[np.add])


def test_match_records_when_it_is_given_a_tensor():
    cotangent = Tensor(np.ones((4, 3)), requires_grad=True)
    result = match(cotangent, np.zeros((1, 3)), TABLE[np.add])
    assert isinstance(result, Tensor)
    result.sum().backward()
    np.testing.assert_array_equal(cotangent.grad, np.ones((4, 3)))
