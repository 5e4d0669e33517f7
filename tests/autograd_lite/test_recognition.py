"""Activations that were written out are the functions that they are, and nothing else is."""

import numpy as np
import pytest
from looping import looped

import autograd_lite as al
from autograd_lite import Tensor, differentiable
from autograd_lite.engine import backpropagate, backward_order
from autograd_lite.recognition import recorded_again, written_out
from autograd_lite.table import activations

# The exponential of a large number overflows, and the sigmoid is 0 there all the same.
pytestmark = pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")


FORMS = {
    "sigmoid": [
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: np.exp(z) / (1 + np.exp(z)),
        lambda z: np.where(z > 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z))),
        lambda z: (1 + np.exp(-z)) ** -1,
        lambda z: 0.5 * (1 + np.tanh(z / 2)),
    ],
    "tanh": [
        lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
        lambda z: 2 / (1 + np.exp(-2 * z)) - 1,
        lambda z: np.sinh(z) / np.cosh(z),
    ],
    "relu": [
        lambda z: np.maximum(z, 0),
        lambda z: np.maximum(0, z),
        lambda z: z * (z > 0),
        lambda z: np.where(z > 0, z, 0),
        lambda z: np.clip(z, 0, None),
        lambda z: (z + np.abs(z)) / 2,
    ],
    "leaky_relu": [lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.maximum(z, 0.01 * z)],
    "elu": [lambda z: np.where(z > 0, z, np.exp(z) - 1)],
    "swish": [lambda z: z / (1 + np.exp(-z)), lambda z: z * al.sigmoid(z)],
    "gelu": [lambda z: 0.5 * z * (1 + al.erf(z / np.sqrt(2)))],
    "softplus": [
        lambda z: np.log(1 + np.exp(z)),
        lambda z: np.log1p(np.exp(z)),
        lambda z: np.logaddexp(z, 0),
        lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))),
    ],
    "softmax": [
        lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
        lambda z: np.exp(z) / np.exp(z).sum(axis=1)[:, None],
        lambda z: (
            np.exp(z - z.max(axis=1, keepdims=True))
            / np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
        ),
    ],
    "log_softmax": [lambda z: z - np.log(np.exp(z).sum(axis=1, keepdims=True))],
}
CASES = [(name, form) for name, forms in FORMS.items() for form in forms]
each_form = looped(
    ("name", "form"), CASES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(CASES)]
)


def logits(scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(0)
    x, W = (Tensor(rng.normal(size=s).astype(dtype), requires_grad=True) for s in ((6, 5), (5, 4)))
    return x @ (scale * W)


def found_in(root, keep=()):
    cotangents = backpropagate(root, np.ones_like(root.data))
    return written_out(backward_order(root)[::-1], cotangents, keep)


def test_every_activation_of_the_table_has_a_form():
    assert FORMS.keys() <= activations().keys()
    missing = activations().keys() - FORMS.keys()
    assert not missing, "add how they are written out to FORMS in this file"


@each_form
@looped("scale", [1.0, 8.0])
@looped("dtype", [np.float64, np.float32])
def test_an_activation_written_out_is_recognized(name, form, scale, dtype):
    if (name, scale, dtype) == ("tanh", 8.0, np.float32):
        scale = 4.0  # exp(2 z) overflows, which no tanh does
    z = logits(scale, dtype)
    y = form(z)
    found = found_in(y)[y]
    assert found.function is activations()[name]
    assert found.argument is z


@each_form
def test_a_graph_with_it_as_a_single_node_has_the_same_values_and_gradients(name, form):
    y = form(logits())
    loss = (y * np.arange(24.0).reshape(6, 4)).sum()
    nodes = backward_order(loss)[::-1]
    again = recorded_again(nodes, found_in(loss))
    assert again[y].operation.name == name
    expected, gradients = backpropagate(loss, 1.0), backpropagate(again[loss], 1.0)
    for node in nodes:
        assert again[node]._array is node._array
        if node.operation is None:
            assert again[node] is node
            np.testing.assert_allclose(gradients[node], expected[node], rtol=1e-11, atol=1e-13)


VALUES = {
    "zeros": np.zeros((4, 3)),
    "ones": np.ones((4, 3)),
    "equal rows": np.repeat([[1.0], [-2.0], [0.5], [3.0]], 3, axis=1),
    "tiny": 1e-9 * np.arange(-5.5, 6.5).reshape(4, 3),
    "above 0": np.arange(0.1, 1.3, 0.1).reshape(4, 3),
    "below -40": -np.arange(40.0, 52.0).reshape(4, 3),
    "below -200": -np.arange(200.0, 212.0).reshape(4, 3),
    "above 200": np.arange(200.0, 212.0).reshape(4, 3),
}
RESEMBLING = [
    lambda z: z * (1 / (1 + np.exp(-z.data))),
    lambda z: z.data * (1 / (1 + np.exp(-z))),
    lambda z: 1 / (1 + np.exp(-z.detach())) * (1 + 0 * z),
    lambda z: np.exp(z) / np.exp(z.data).sum(axis=1, keepdims=True),
    lambda z: np.exp(z) / np.exp(z).sum(axis=0),
    lambda z: z / z.sum(axis=1, keepdims=True),
    lambda z: np.clip(z / 6 + 0.5, 0, 1),
    lambda z: -np.maximum(-z, 0),
    lambda z: np.minimum(np.maximum(z, 0), 6),
    lambda z: -np.logaddexp(-z, 0),
    lambda z: np.exp(z) * 1,
    lambda z: np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi),
]


@pytest.mark.filterwarnings("ignore:(divide|invalid):RuntimeWarning")
@looped("values", VALUES)
def test_what_is_recognized_passes_back_what_its_parts_do(values):
    rng = np.random.default_rng(0)
    for form in [*(form for _, form in CASES), *RESEMBLING]:
        z = Tensor(VALUES[values], requires_grad=True)
        y = form(1.5 * z)
        loss = (y * rng.normal(size=y.shape)).sum()
        found = found_in(loss)
        again = recorded_again(backward_order(loss)[::-1], found)
        expected, passed = (backpropagate(root, 1.0)[z] for root in (loss, again[loss]))
        if np.isfinite(expected).all() and not any(each.ties.any() for each in found.values()):
            error = np.abs(passed - expected).max()
            assert error <= 1e-6 * np.abs(expected).max() + 1e-14


def test_at_0_a_sigmoid_is_that_of_the_argument_whose_slope_it_has():
    z = Tensor(np.zeros((2, 3)), requires_grad=True)
    a = 1 / (1 + np.exp(-z))
    assert found_in(a)[a].argument is z


@looped("form", RESEMBLING[:4])
def test_what_holds_a_factor_fixed_is_no_activation(form):
    y = form(logits())
    assert y not in found_in(y)


@looped("dtype", [np.float64, np.float32])
def test_small_values_are_not_0_where_nothing_rounds_them_off(dtype):
    z = Tensor(np.linspace(-40, -30, 6).astype(dtype), requires_grad=True)
    for p in (np.exp(-0.05 * z**2), np.exp(-0.05 * z**2) / 3):
        assert found_in(p) == {}
    a = 1 / (1 + np.exp(-z))
    assert found_in(a)[a] == (al.sigmoid, z, {})


def test_at_a_kink_one_slope_is_as_right_as_another():
    z = Tensor(np.array([-1.0, 0.0, 2.0]), requires_grad=True)
    a = np.maximum(z, 0)
    found = found_in(a)[a]
    assert found.function is al.relu
    assert found.ties.tolist() == [False, True, False]
    z = Tensor(np.array([-1.0, 0.0, -1.0]), requires_grad=True)
    y = 17 * z * (z + 1) ** 2  # 0 at -1 and at 0, with the slopes 0 and 17
    assert y not in found_in(y)


@looped("axis", [0, 1, 2])
def test_the_axis_of_a_softmax_is_found(axis):
    z = Tensor(np.random.default_rng(0).normal(size=(3, 4, 5)), requires_grad=True)
    p = np.exp(z) / np.exp(z).sum(axis=axis, keepdims=True)
    assert found_in(p)[p] == (al.softmax, z, {"axis": axis})


def test_what_only_resembles_an_activation_is_none():
    z = logits()
    slope, slopes = Tensor(0.01, requires_grad=True), np.linspace(0.1, 0.2, z.size).reshape(z.shape)
    for y in (
        np.where(z > 0, z, slope * z),  # a slope that is learned
        np.maximum(z, 1.5 * z),  # which is 1.5 z above 0
        np.maximum(z, slopes * z),
        np.maximum(z, 0.1 * logits()[::-1]),
        np.clip(z, 0, 1),
        1 / (1 + np.exp(-2 * z)) - 0.5,
        np.exp(z) / np.exp(z).sum(),
        np.maximum(z + 100, 0),  # does nothing
        np.tanh(z),
    ):
        assert y not in found_in(y)


def test_steps_after_an_activation_stay_steps():
    p, q = (1 / (1 + np.exp(-logits())) for _ in range(2))
    for y in (p + 1e-14, np.clip(p, 1e-9, 1 - 1e-9), 1 - p, -np.log(p), -np.log(1 - p), p * q):
        found = found_in(y)
        assert y not in found
        assert p in found
    s = al.softmax(logits())
    assert found_in(np.log(s)) == {}


def test_nothing_that_is_to_be_kept_is_inside_of_one():
    z = logits()
    e = np.exp(-z)
    y = 1 / (1 + e)
    assert y in found_in(y, [z])
    assert y not in found_in(y, [e])


def test_an_operation_of_a_user_s_own_is_no_part_whatever_its_values_are():
    @differentiable(lambda g, y, x: 7 * g)
    def exponential(x):
        return np.exp(x)

    y = 1 / (1 + exponential(-logits()))
    assert found_in(y) == {}
    del al.table.TABLE[exponential]
