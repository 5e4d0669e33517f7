"""What differs from the automatic gradient and is not wrong: an epsilon, the slope at a kink."""

import numpy as np
import pytest
from by_hand import derive
from by_hand_dense import Network, backward, forward, random_values
from by_hand_kinks import relu_at_zero
from recorded import dense

from autograd_lite import Tensor, compare_gradients, leaky_relu, relu, sigmoid


def shortcut_against_epsilon(epsilon, samples, output, dtype=np.float64, scale=0.8):
    """dZ = A - Y by hand, where the loss has epsilon in its logarithms."""
    network = Network(
        "epsilon",
        (3, 4, 1 if output == "sigmoid" else 3),
        "relu",
        output,
        "cross-entropy" if output == "sigmoid" else "categorical",
        epsilon=epsilon,
        samples=samples,
        shortcut=True,
        scale=scale,
    )
    values = forward(network, random_values(network, 6, 0, dtype))
    tensors, loss = dense(network, values)
    gradients = derive(backward(network, 6), values)
    return compare_gradients(loss, {tensors[name]: gradients[name] for name in network.parameters})


@pytest.mark.parametrize("epsilon", [1e-8, 1e-7, 1e-5])
@pytest.mark.parametrize("samples", ["columns", "rows"])
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_a_gradient_without_the_logarithms_epsilon_is_equal_up_to_it(epsilon, samples, output):
    report = shortcut_against_epsilon(epsilon, samples, output)
    assert report
    assert all(row.agrees for row in report)
    report.raise_if_wrong()
    assert report.explanations == []
    assert "epsilon" in str(report)


def test_an_epsilon_below_the_tolerance_is_not_mentioned():
    report = shortcut_against_epsilon(1e-12, "columns", "sigmoid")
    assert report
    assert "epsilon" not in str(report)


@pytest.mark.parametrize("scale", [3.0, 10.0])
def test_the_shortcut_of_a_saturated_output_is_equal_up_to_epsilon(scale):
    assert shortcut_against_epsilon(1e-8, "columns", "sigmoid", scale=scale)


def test_a_division_without_its_epsilon_is_equal_up_to_it():
    rng = np.random.default_rng(0)
    x, c = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    w = Tensor(rng.normal(size=3), requires_grad=True, name="w")
    loss = (x * w / (np.sqrt((w**2).sum()) + 1e-6) * c).sum()
    norm = np.sqrt((w.data**2).sum())
    dy = (x * c).sum(axis=0)
    dw = dy / norm - w.data * (dy @ w.data) / norm**3
    report = compare_gradients(loss, {w: dw})
    assert report
    assert "epsilon" in str(report)


def test_a_mistake_that_is_larger_than_the_epsilon_is_still_wrong():
    z = Tensor([[0.3, -1.2, 2.0]], requires_grad=True, name="z")
    y = np.array([[1.0, 0.0, 1.0]])
    a = sigmoid(z)
    loss = -(y * np.log(a + 1e-8) + (1 - y) * np.log(1 - a + 1e-8)).sum()
    assert compare_gradients(loss, {z: a.data - y})
    assert not compare_gradients(loss, {z: (a.data - y) * (1 + 1e-5)})


@pytest.mark.parametrize("function", [lambda z: np.maximum(z, 0), lambda z: np.maximum(0, z)])
def test_the_seeds_relu_slope_is_not_wrong_where_np_maximum_ties(function):
    group = relu_at_zero(function=function)
    assert (group.values["Z1"] == 0).any()
    right = {group.tensors[name]: gradient for name, gradient in group.right.items()}
    assert compare_gradients(group.loss, right)


def pooled(x, mask, first):
    """Images with an empty background and a bias of 0: gradients by two conventions on one path."""
    rng = np.random.default_rng(0)
    K = Tensor(rng.normal(size=(2, 2)), requires_grad=True, name="K")
    b = Tensor(0.0, requires_grad=True, name="b")
    z = sum(K[i, j] * x[:, i : i + 4, j : j + 4] for i in range(2) for j in range(2)) + b
    windows = relu(z).reshape(len(x), 2, 2, 2, 2).swapaxes(2, 3).reshape(-1, 4)
    c = rng.normal(size=len(windows))
    loss = (c * windows.max(axis=1)).sum()
    order = windows.data if first else windows.data[:, ::-1]
    chosen = np.eye(4)[order.argmax(axis=1) if first else 3 - order.argmax(axis=1)]
    da = (chosen * c[:, None]).reshape(-1, 2, 2, 2, 2).swapaxes(2, 3).reshape(z.shape)
    dz = da * mask(z.data)
    dK = [[(dz * x[:, i : i + 4, j : j + 4]).sum() for j in range(2)] for i in range(2)]
    return loss, {K: np.array(dK), b: dz.sum()}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("mask", [lambda z: z >= 0, lambda z: z > 0])
def test_a_slope_and_a_choice_of_equals_on_one_path_are_each_a_convention(mask, first):
    x = np.zeros((3, 5, 5))
    x[:, 1:4, 1:3] = np.random.default_rng(1).normal(size=(3, 3, 2))
    assert compare_gradients(*pooled(x, mask, first), seconds=0)


def test_nodes_of_one_function_may_each_have_their_convention():
    x = Tensor([1.0, -2.0, 0.5], requires_grad=True, name="x")
    c = np.array([1.0, 2.0, 4.0])
    y = np.maximum(x, x.data)
    loss = (c * y).sum() + (y.max() + 1) ** 2 + (c[::-1] * np.maximum(x, x.data)).sum()
    assert compare_gradients(loss, {x: c + np.array([4.0, 0.0, 0.0]) + 0 * c[::-1]}, seconds=0)
    assert not compare_gradients(loss, {x: c + np.array([4.0, 0.0, 0.0]) - c[::-1]}, seconds=0)


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0])
def test_an_absolute_value_has_the_slope_of_either_side_at_0(slope):
    x, c = Tensor([0.0, -0.5, 2.0, 0.0], requires_grad=True, name="x"), np.arange(1.0, 5.0)
    slopes = np.where(x.data == 0, slope, np.sign(x.data))
    assert compare_gradients((c * np.abs(x)).sum(), {x: c * slopes}, seconds=0)
    assert compare_gradients((c * (x + np.abs(x))).sum(), {x: c * (1 + slopes)}, seconds=0)
    assert not compare_gradients((c * np.abs(x)).sum(), {x: -c * slopes + (slope == 0)}, seconds=0)


@pytest.mark.parametrize("slope", [0.3, 1.0])
def test_a_leaky_unit_has_the_slope_of_either_side_at_0(slope):
    x, c = Tensor([0.0, -0.5, 2.0], requires_grad=True, name="x"), np.arange(1.0, 4.0)
    slopes = np.array([slope, 0.3, 1.0])
    assert compare_gradients((c * leaky_relu(x, 0.3)).sum(), {x: c * slopes}, seconds=0)


@pytest.mark.parametrize("order", [1, -1], ids=["as they stand", "in reverse"])
def test_equal_entries_may_be_sorted_in_any_order(order):
    w = Tensor([1.0, 3, 3, 2], requires_grad=True, name="w")
    c, dw = np.array([0.5, -1, 2, 3]), np.zeros(4)
    dw[[0, 3, 1, 2][:2] + [1, 2][::order]] = c
    assert compare_gradients((np.sort(w) * c).sum(), {w: dw})


def test_ties_of_two_functions_may_be_broken_each_in_its_way():
    x = Tensor([2.0, 2, 0], requires_grad=True, name="x")
    c = np.array([0.5, -1, 2])
    loss = 3 * x.max() + (relu(x) * c).sum()
    assert compare_gradients(
        loss, {x: c + np.array([3, 0, 0])}
    )  # All to the first, and slope 1 at 0.
    assert not compare_gradients(loss, {x: c + np.array([4, 0, 0])})


@pytest.mark.parametrize("at_zero", [0.9, -0.1])
def test_a_choice_of_the_larger_has_the_slope_of_either_where_both_are_equal(at_zero):
    q, y = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="q"), np.array([1.0, 3.0, 2.0])
    e = y - q
    pinball = np.where(e > 0, 0.9 * e, -0.1 * e).sum()
    assert compare_gradients(pinball, {q: -np.array([at_zero, 0.9, -0.1])})
    assert not compare_gradients(pinball, {q: -np.array([at_zero, 0.9, 0.9])})


def test_branches_that_are_equal_by_chance_have_the_slope_of_the_one_that_is_chosen():
    w, chosen = Tensor([0.0, 1.0, 2.0], requires_grad=True, name="w"), [True, True, False]
    loss = np.where(chosen, 2 * w, 5 * w).sum() + np.where(chosen, -w, w).sum()
    assert compare_gradients(loss, {w: [1.0, 1.0, 6.0]})
    assert not compare_gradients(loss, {w: [4.0, 1.0, 6.0]})
