"""Right gradients in forms that one would not expect: none of them is called wrong."""

import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients, sigmoid, softmax

RNG = np.random.default_rng(0)


def parameter(values):
    return Tensor(values, requires_grad=True)


def p_minus_y_for_exponentials_over_their_sum():
    X, Y, W = RNG.normal(size=(20, 4)), np.eye(3)[RNG.integers(3, size=20)], RNG.normal(size=(4, 3))
    w = parameter(W)
    e = np.exp(X @ w)
    p = e / e.sum(axis=1, keepdims=True)
    return -(Y * np.log(p)).mean(), {w: X.T @ (p.data - Y) / 60}


def p_minus_y_of_saturated_sigmoids():
    X = np.c_[np.ones(6), RNG.normal(size=6) * 12]
    y, w = (X[:, 1] > 0).astype(float), parameter([0.2, 2.4])
    a = sigmoid(X @ w)
    loss = -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum()
    return loss, {w: X.T @ (a.data - y)}


def samples_in_a_loop_in_float32():
    X, y = RNG.normal(size=(300, 5)).astype("f"), RNG.normal(size=300).astype("f")
    w = parameter(RNG.normal(size=5).astype("f"))
    total = np.zeros(5, "f")
    for x, target in zip(X, y, strict=True):
        a = np.tanh(x @ w.data)
        total += 2 * (a - target) * (1 - a * a) * x
    return ((np.tanh(X @ w) - y) ** 2).sum(), {w: total}


def the_first_of_equal_maxima():
    w = parameter([1.0, 3.0, 3.0])
    return (w.max() + 1) ** 2, {w: np.array([0.0, 8.0, 0.0])}


def a_clip_with_values_on_its_bounds():
    w, c = parameter([-2.0, -1.0, 0.5, 1.0, 3.0]), np.arange(1.0, 6.0)
    return (c * np.clip(w, -1, 1)).sum(), {w: c * (abs(w.data) <= 1)}


def a_shift_by_the_maximum_that_is_recorded():
    X, y, w = (
        RNG.normal(size=(7, 3)) * 20,
        RNG.integers(4, size=7),
        parameter(RNG.normal(size=(3, 4))),
    )
    z = X @ w
    s = z - z.max(axis=1, keepdims=True)
    e = np.exp(s.data)
    loss = (np.log(np.exp(s).sum(axis=1)) - s[np.arange(7), y]).sum()
    return loss, {w: X.T @ (e / e.sum(axis=1, keepdims=True) - np.eye(4)[y])}


def integers():
    w = parameter([1.0, -2.0])
    return (w * np.array([3, -4])).sum(), {w: np.array([3, -4])}


def the_normal_equations_at_their_solution():
    X, y = RNG.normal(size=(40, 3)), RNG.normal(size=40)
    w = parameter(np.linalg.lstsq(X, y)[0])
    return ((X @ w - y) ** 2).mean(), {w: (X.T @ X @ w.data - X.T @ y) / 20}


def a_variance_that_cancels():
    x = parameter(RNG.normal(size=40) + 1e4)
    return (x**2).mean() - x.mean() ** 2, {x: (x.data - x.data.mean()) / 20}


def attention_without_its_mask_in_the_backward_pass():
    X, Y, W = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3)), parameter(RNG.normal(size=(3, 3)))
    S = np.where(np.tri(5) == 1, X @ W @ X.T, -np.inf)
    A = softmax(S, axis=1)
    dA = 2 * (A.data @ X - Y) @ X.T
    dS = A.data * (dA - np.einsum("ij,ij->i", dA, A.data)[:, None])
    return ((A @ X - Y) ** 2).sum(), {W: X.T @ dS @ X}


def terms_of_batch_norm_that_are_zero():
    X, y, w = RNG.normal(size=(9, 3)), RNG.normal(size=(9, 2)), parameter(RNG.normal(size=(3, 2)))
    x = X @ w
    centred = x - x.mean(axis=0)
    std = np.sqrt((centred**2).mean(axis=0) + 1e-5)
    n, d = (centred / std).data, 2 * ((centred / std).data - y)
    dx = (d - d.mean(0) - n * (d * n).mean(0) + n.mean(0) * d) / std.data
    return ((centred / std - y) ** 2).sum(), {w: X.T @ dx}


FORMS = [
    p_minus_y_for_exponentials_over_their_sum,
    p_minus_y_of_saturated_sigmoids,
    samples_in_a_loop_in_float32,
    the_first_of_equal_maxima,
    a_clip_with_values_on_its_bounds,
    a_shift_by_the_maximum_that_is_recorded,
    integers,
    the_normal_equations_at_their_solution,
    a_variance_that_cancels,
    attention_without_its_mask_in_the_backward_pass,
    terms_of_batch_norm_that_are_zero,
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_an_unusual_form_of_a_right_gradient_is_not_called_wrong(form):
    report = compare_gradients(*form())
    assert report, str(report)
    assert report.explanations == []
