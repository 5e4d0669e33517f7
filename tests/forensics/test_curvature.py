"""Steps of optimizers that divide by a curvature, handed in for gradients.

Each is computed in NumPy alone, with matrices that are written out.
"""

import numpy as np
import pytest
from looping import looped
from naming import assert_named_first, leaf, planted_in

from autograd_lite import Tensor, compare_gradients, sigmoid, softmax
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.updates import curved_step

CASES = []
planted = planted_in(CASES)
GAUSS_NEWTON = "the step of Gauss and Newton, or the natural gradient"
NEWTON = "the step of Newton's method: the inverse Hessian times the gradient"


def regression(seed, function, slope, step):
    """Squared errors of f(X w), with `step(J, r)` handed in."""
    rng = np.random.default_rng(seed)
    X, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), leaf(rng, 3, name="w", scale=0.5)
    z = X @ w
    r = function(z) - y
    return 0.5 * (r**2).sum(), {w: step(slope(z.data)[:, None] * X, r.data)}


def of_tanh(seed, step):
    return regression(seed, np.tanh, lambda z: 1 - np.tanh(z) ** 2, step)


@planted(GAUSS_NEWTON)
def the_step_of_gauss_and_newton():
    return of_tanh(0, lambda J, r: np.linalg.solve(J.T @ J, J.T @ r))


@planted(GAUSS_NEWTON, "-1 times it")
def the_step_of_gauss_and_newton_with_its_sign():
    return regression(1, np.exp, np.exp, lambda J, r: -np.linalg.solve(J.T @ J, J.T @ r))


@planted(GAUSS_NEWTON, "a damping of 0.1")
def the_step_of_levenberg_and_marquardt():
    return of_tanh(2, lambda J, r: np.linalg.solve(J.T @ J + 0.1 * np.eye(3), J.T @ r))


@planted(GAUSS_NEWTON)
def the_step_for_two_layers_at_once():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    W, v = leaf(rng, 2, 3, name="W"), leaf(rng, 3, name="v")
    h = np.tanh(X @ W)
    r = h @ v - y
    dz = v.data * (1 - h.data**2)
    J = np.hstack([(X[:, :, None] * dz[:, None]).reshape(20, 6), h.data])
    step = np.linalg.solve(J.T @ J, J.T @ r.data)
    return (r**2).mean(), {W: step[:6].reshape(2, 3), v: step[6:]}


def classification(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(12, 3)), (rng.random(12) > 0.5) * 1.0
    w = leaf(rng, 3, name="w", scale=0.5)
    p = sigmoid(X @ w)
    return X, y, w, p, -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()


@planted(NEWTON)
def the_natural_gradient_of_a_logistic_regression_is_its_newton_step():
    X, y, w, p, loss = classification(4)
    H = X.T @ (X * (p.data * (1 - p.data))[:, None])
    return loss, {w: np.linalg.solve(H, X.T @ (p.data - y))}


@planted(NEWTON, "a damping of 0.01")
def a_damped_newton_step():
    X, y, w, p, loss = classification(5)
    H = X.T @ (X * (p.data * (1 - p.data))[:, None])
    return loss, {w: np.linalg.solve(H + 0.01 * np.eye(3), X.T @ (p.data - y))}


@planted("the empirical Fisher matrix")
def the_empirical_natural_gradient():
    X, y, w, p, loss = classification(6)
    G = X * (p.data - y)[:, None]
    return loss, {w: np.linalg.solve(G.T @ G, G.sum(axis=0))}


@planted("the natural gradient")
def the_natural_gradient_of_a_network():
    rng = np.random.default_rng(7)
    X, Y = rng.normal(size=(30, 2)), np.eye(3)[rng.integers(3, size=30)]
    W = leaf(rng, 2, 3, name="W")
    A = np.tanh(X @ W)
    p = softmax(2 * A)
    J = np.einsum("ni,nj->nij", X, 2 * (1 - A.data**2))
    F, g = np.zeros((6, 6)), np.zeros(6)
    for own, q, y in zip(J, p.data, Y, strict=True):
        rows = np.zeros((3, 2, 3))
        rows[range(3), :, range(3)] = own.T
        rows = rows.reshape(3, 6)
        F += rows.T @ (np.diag(q) - np.outer(q, q)) @ rows
        g += rows.T @ (q - y)
    step = np.linalg.solve(F + 0.05 * np.eye(6), g)
    return -(Y * np.log(p)).sum(), {W: step.reshape(2, 3)}


# Roots


@planted("Newton's method for a root: the value divided by the derivative")
def a_step_for_the_root_of_a_polynomial():
    x = Tensor(1.7, requires_grad=True, name="x")
    return x**3 - 2 * x - 1, {x: (1.7**3 - 2 * 1.7 - 1) / (3 * 1.7**2 - 2)}


@planted("Newton's method for a root")
def steps_for_many_roots():
    rng = np.random.default_rng(8)
    x = leaf(rng, 5, name="x")
    v = x.data
    return (np.exp(x) + x**2).sum(), {x: (np.exp(v) + v**2) / (np.exp(v) + 2 * v)}


@planted(NEWTON)
def a_step_for_the_minimum_in_one_number():
    x = Tensor([1.7], requires_grad=True, name="x")
    return (x**4 - 2 * x - 1).sum(), {x: np.array([(4 * 1.7**3 - 2) / (12 * 1.7**2)])}


@planted("Polyak's step")
def a_step_by_the_loss_over_the_square_of_the_norm():
    rng = np.random.default_rng(9)
    X, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), leaf(rng, 3, name="w")
    r = X @ w - y
    g = 2 * X.T @ r.data
    return (r**2).sum(), {w: (r.data @ r.data) / (g @ g) * g}


def test_steps_are_named_first():
    assert_named_first(CASES)


@looped("seed", range(40))
def test_a_step_at_random_is_none(seed):
    *_, w, _, loss = classification(seed)
    step = np.random.default_rng(seed + 100).normal(size=3)
    assert curved_step(Case(Graph(loss), {w: step}, 1e-7, {w: "w"}, {})) == ""


@pytest.mark.parametrize("seed", range(3))
def test_a_number_at_random_is_no_step_for_one_sample(seed):
    rng = np.random.default_rng(seed)
    w = leaf(rng, 2, name="w")
    report = compare_gradients((np.tanh(w @ rng.normal(size=2)) - 1) ** 2, {w: rng.normal(size=2)})
    assert not report
    assert report.explanations == []
