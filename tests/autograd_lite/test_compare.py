"""compare_gradients: what agrees, what differs, and what the report says."""

import re

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor, compare_gradients, derive
from autograd_lite.errors import ArgumentError


def named(**arrays):
    return [Tensor(array, requires_grad=True, name=name) for name, array in arrays.items()]


def test_a_right_derivation_agrees_with_errors_of_rounding_only():
    W, b = named(W=np.array([[1.0, 2.0], [3.0, 4.0]]), b=np.array([0.1, 0.2]))
    x = np.array([[0.3, 0.7]])
    z = np.tanh(x @ W + b)
    d = 2 * z.data * (1 - z.data**2)
    report = compare_gradients((z**2).sum(), {W: x.T @ d, b: d[0]})
    assert report
    assert len(report) == 2
    assert all(row.agrees and row.reason == "" and row.relative_error < 1e-15 for row in report)


def test_the_worst_entry_is_named_with_both_values_and_errors():
    (W,) = named(W=np.array([[1.0, 2.0, 3.0]]))
    (row,) = report = compare_gradients((W**2).sum(), {W: np.array([[2.0, 4.5, 8.0]])})
    assert not report
    assert row.worst_index == (0, 2)
    assert row.max_error == 2.0
    assert row.relative_error == 2.0 / 8.0
    assert row.reason == "differs most at (0, 2): 8 by hand, 6 automatic"
    np.testing.assert_array_equal(row.automatic, [[2, 4, 6]])
    np.testing.assert_array_equal(row.manual, [[2, 4.5, 8]])


def test_the_table_has_one_line_a_tensor_under_a_header():
    a, b = named(alpha=np.ones(2), b=np.ones((2, 3)))
    report = compare_gradients((a.sum() * b).sum(), {a: np.zeros(2), b: np.full((2, 3), 2.0)})
    table, diagnosis = str(report).split("\n\n", maxsplit=1)
    header, first, second = table.splitlines()
    assert re.split(r"\s{2,}", header) == [
        "gradient of",
        "shape",
        "max error",
        "relative",
        "verdict",
    ]
    assert re.split(r"\s{2,}", first)[:2] == ["alpha", "(2,)"]
    assert "differs most at (0,): 0 by hand, 6 automatic" in first
    assert re.split(r"\s{2,}", second) == ["b", "(2, 3)", "0.0e+00", "0.0e+00", "agrees"]
    assert header.index("verdict") == first.index("differs") == second.index("agrees")
    assert diagnosis
    assert repr(report) == str(report)


def test_one_wrong_tensor_makes_the_report_false_and_leaves_the_others_agreeing():
    a, b = named(a=1.0, b=2.0)
    report = compare_gradients(a * b, {a: 2.0, b: -1.0})
    assert not report
    assert [row.agrees for row in report] == [True, False]
    assert report[1].reason == "differs: -1 by hand, 1 automatic"


def test_tensors_without_a_name_are_called_as_their_variables_are():
    a, b = Tensor(1.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    report = compare_gradients(a * b, {a: 2.0, b: 1.0})
    assert [row.name for row in report] == ["a", "b"]


def test_the_tensors_of_an_object_are_called_as_in_the_explanation():
    class Network:
        def __init__(self):
            self.weight, self.bias = (Tensor(np.ones(n), requires_grad=True) for n in [(2, 3), 3])

    network, X = Network(), np.ones((4, 2))
    z = X @ network.weight + network.bias
    dz = 2 * z.data / z.size
    manual = {network.weight: X.T @ dz, network.bias: 2 * dz.sum(axis=0)}
    report = compare_gradients((z**2).mean(), manual)
    assert [row.name for row in report] == ["W1", "b1"]
    assert "db1 is wrong because of it; dW1 is right." in str(report)


def test_parameters_of_one_name_are_told_apart_as_in_derivations():
    first, second = nn.Dense(4, 5, "tanh", rng=0), nn.Dense(5, 2, rng=1)
    X = np.random.default_rng(0).normal(size=(6, 4))
    loss = (second(first(X)) ** 2).mean()
    loss.backward()
    right = {x: x.grad for x in (first.weight, second.weight, second.bias)}
    report = compare_gradients(loss, {**right, first.weight: 2 * first.weight.grad})
    assert [row.name for row in report] == ["first.weight", "second.weight", "bias"]
    text = str(report)
    assert "dW1 (of first.weight) is wrong because of it; dW2 (of second.weight), " in text
    derivation = str(derive(loss))
    assert "dW1 = Xᵀ δ1" in derivation
    assert "db2 = Σ₀ δ2" in derivation


def test_another_shape_is_a_difference_even_if_it_would_broadcast():
    (b,) = named(b=np.ones(3))
    (row,) = report = compare_gradients(b.sum(), {b: np.ones((1, 3))})
    assert not report
    assert row.reason == "has shape (1, 3) instead of (3,)"
    assert row.max_error == row.relative_error == np.inf
    assert row.reason in str(report)


@looped("bad", [np.nan, np.inf])
def test_nan_or_infinity_by_hand_is_a_difference_at_its_place(bad):
    (w,) = named(w=np.ones(3))
    (row,) = report = compare_gradients(w.sum(), {w: np.array([1.0, bad, 1.0])})
    assert not report
    assert row.worst_index == (1,)
    assert row.reason == f"differs most at (1,): {bad} by hand, 1 automatic"


def test_nan_on_both_sides_is_a_difference():
    (w,) = named(w=np.ones(2))
    loss = (w * np.array([1.0, np.nan])).sum()
    (row,) = compare_gradients(loss, {w: np.array([1.0, np.nan])})
    assert not row.agrees
    assert row.worst_index == (1,)


def test_zero_on_both_sides_agrees():
    (w,) = named(w=np.ones(2))
    (row,) = compare_gradients((0 * w).sum(), {w: np.zeros(2)})
    assert row.agrees
    assert row.relative_error == 0


def test_empty_tensors_agree():
    (w,) = named(w=np.ones((0, 3)))
    assert compare_gradients(w.sum(), {w: np.zeros((0, 3))})


def test_errors_are_relative_to_the_largest_entry():
    (w,) = named(w=np.array([1e6, 1.0]))
    loss = (0.5 * w**2).sum()
    assert compare_gradients(loss, {w: np.array([1e6, 1.0 + 1e-3])})
    assert not compare_gradients(loss, {w: np.array([1e6, 1.0 + 1e-1])})


@looped(
    ("tensor_dtype", "manual_dtype", "error", "agrees"),
    [
        (np.float64, np.float64, 1e-8, True),
        (np.float64, np.float64, 2e-8, False),
        (np.float32, np.float32, 3e-4, True),
        (np.float32, np.float32, 4e-4, False),
        (np.float32, np.float64, 3e-4, True),
        (np.float64, np.float32, 3e-4, True),
    ],
)
def test_the_less_precise_dtype_sets_the_tolerance(tensor_dtype, manual_dtype, error, agrees):
    w = Tensor(np.ones(2, tensor_dtype), requires_grad=True)
    manual = np.array([1.0, 1.0 + error], manual_dtype)
    assert bool(compare_gradients(w.sum(), {w: manual})) is agrees


def test_a_tolerance_can_be_given():
    (w,) = named(w=np.ones(2))
    assert compare_gradients(w.sum(), {w: np.array([1.0, 1.05])}, tolerance=0.1)
    assert not compare_gradients(w.sum(), {w: np.array([1.0, 1.0 + 1e-10])}, tolerance=1e-12)


@looped("manual", [[2, 4], (2.0, 4.0), Tensor([2.0, 4.0]), np.array([2, 4])])
def test_lists_tensors_and_integers_by_hand_are_compared(manual):
    (w,) = named(w=np.array([1.0, 2.0]))
    assert compare_gradients((w**2).sum(), {w: manual})


def test_gradients_of_computed_tensors_can_be_compared():
    (w,) = named(w=np.array([1.0, 2.0]))
    z = 3 * w
    assert compare_gradients((z**2).sum(), {z: 2 * z.data, w: 6 * z.data})


def test_no_grad_is_changed_and_the_graph_stays_usable():
    (w,) = named(w=np.array([1.0, 2.0]))
    loss = (w**2).sum()
    compare_gradients(loss, {w: w.data})
    assert w.grad is None
    assert loss.grad is None
    loss.backward()
    compare_gradients(loss, {w: w.data})
    np.testing.assert_array_equal(w.grad, [2, 4])


def test_nothing_to_compare_is_refused():
    (w,) = named(w=np.ones(2))
    with pytest.raises(ArgumentError, match="no hand-derived gradient"):
        compare_gradients(w.sum(), {})


def test_names_in_place_of_tensors_are_refused():
    (w,) = named(w=np.ones(2))
    with pytest.raises(ArgumentError, match="keys of the dict are tensors"):
        compare_gradients(w.sum(), {"w": np.ones(2)})


def test_a_difference_in_the_last_digits_is_shown():
    (w,) = named(w=np.array([0.2]))
    report = compare_gradients((w * 0.201276).sum(), {w: np.array([0.201276 + 1e-8])})
    assert "0.20127601 by hand, 0.201276 automatic" in str(report)


def test_a_tensor_that_the_loss_does_not_depend_on_is_named():
    w, other = named(w=np.ones(2), other=np.ones(3))
    with pytest.raises(ArgumentError, match=r"compare_gradients of 'other' \(3,\)"):
        compare_gradients(w.sum(), {w: np.ones(2), other: np.ones(3)})


def test_a_tensor_that_does_not_require_grad_is_named():
    (w,) = named(w=np.ones(2))
    x = Tensor(np.ones(2), name="x")
    with pytest.raises(ArgumentError, match=r"'x'.*requires_grad=True"):
        compare_gradients((w * x).sum(), {x: np.ones(2)})


def test_a_loss_that_is_no_scalar_is_refused():
    (w,) = named(w=np.ones(2))
    with pytest.raises(ArgumentError, match="no scalar tensor"):
        compare_gradients(w * 2, {w: np.ones(2)})
