"""What steps, operands and numbers are called in an explanation, and how formulas compare."""

import numpy as np
from naming import assert_named_first, leaf, planted_in

from autograd_lite import softmax

CASES = []
planted = planted_in(CASES)


def named(tensor, name):
    tensor.name = name
    return tensor


@planted("as where each takes its own values for those of the other factor")
def two_factors_that_take_themselves():
    rng = np.random.default_rng(1)
    p, q = leaf(rng, 4, name="p"), leaf(rng, 4, name="q")
    error = 3 - p @ q
    return error**2, {p: -2 * error.data * p.data, q: -2 * error.data * q.data}


@planted("two gradients are swapped, as where each takes its own")
def rows_of_two_tables_that_take_themselves():
    rng = np.random.default_rng(2)
    U, V, i = leaf(rng, 4, 3, name="U"), leaf(rng, 4, 3, name="V"), [0, 2, 1, 3]
    error = (U[i] * V[i]).sum(axis=1) - rng.normal(size=4)
    dU, dV = np.zeros((4, 3)), np.zeros((4, 3))
    dU[i], dV[i] = 2 * error.data[:, None] * U.data[i], 2 * error.data[:, None] * V.data[i]
    return (error**2).sum(), {U: dU, V: dV}


@planted("dB, dA: two gradients are swapped. The")
def the_gradients_of_two_layers():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    A, B = leaf(rng, 3, 3, name="A"), leaf(rng, 3, 3, name="B")
    h = np.tanh(X @ A)
    d = 2 * (h.data @ B.data - y)
    dA = X.T @ (d @ B.data.T * (1 - h.data**2))
    return ((h @ B - y) ** 2).sum(), {B: dA, A: h.data.T @ d}


@planted("a term of the product rule is left out, that of gate")
def a_gate_is_taken_as_a_constant():
    rng = np.random.default_rng(4)
    X, y, W = rng.normal(size=(5, 3)), rng.normal(size=(5, 4)), leaf(rng, 3, 4, name="W")
    h = named(np.tanh(X @ W), "h")
    gate = named(1 - h**2, "gate")
    out = h * gate
    dh = 2 * (out.data - y) * gate.data
    return ((out - y) ** 2).sum(), {W: X.T @ (dh * (1 - h.data**2))}


@planted("it is multiplied by error, which is")
def a_penalty_within_the_parentheses_of_the_error():
    rng = np.random.default_rng(5)
    p, q = leaf(rng, 6, name="p"), leaf(rng, 6, name="q")
    error = named(4.0 - p @ q, "error")
    e = error.data
    dp, dq = 2 * e * (0.3 * p.data - q.data), 2 * e * (0.3 * q.data - p.data)
    return error**2 + 0.3 * (p @ p) + 0.3 * (q @ q), {p: dp, q: dq}


@planted("a constant factor is wrong, it is multiplied by c, ", "once too often")
def the_vertex_of_a_parabola_is_multiplied_in():
    x, y = np.arange(-5.0, 6.0), (np.arange(-5.0, 6.0) - 1.2) ** 2
    a, c = leaf(np.random.default_rng(6), name="a"), leaf(np.random.default_rng(7), name="c")
    u = x - c
    error = a * u**2 - y
    da = 2 * (error.data * u.data**2).sum()
    dc = 2 * (error.data * -2 * a.data * u.data).sum() * c.data
    return (error**2).sum(), {a: da, c: dc}


@planted(
    "dS.T for dS, or dS for dS.T",
    "by hand:  dt1 = Q.T @ (A * (dA - (dA * A).sum(axis=1, keepdims=True))).T",
    "right:    dt1 = Q.T @ (A * (dA - (dA * A).sum(axis=1, keepdims=True)))",
)
def what_arrives_at_scores_is_transposed_in_the_formula_as_a_whole():
    rng = np.random.default_rng(8)
    X, Y, V = rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    Wq, Wk = leaf(rng, 3, 2, name="Wq"), leaf(rng, 3, 2, name="Wk")
    Q, K = named(X @ Wq, "Q"), named(X @ Wk, "K")
    A = named(softmax(Q @ K.T, axis=1), "A")
    C = A @ V
    dA = 2 * (C.data - Y) @ V.T
    dS = A.data * (dA - (dA * A.data).sum(axis=1, keepdims=True))
    return ((C - Y) ** 2).sum(), {Wq: X.T @ (dS @ K.data), Wk: X.T @ (dS @ Q.data)}


@planted("dW += 2 * (Z.T @ dk)", "dW += Z.T @ dk", "dX, dZ are right")
def both_uses_of_weights_are_doubled():
    rng = np.random.default_rng(9)
    X, Z, W = leaf(rng, 4, 3, name="X"), leaf(rng, 4, 3, name="Z"), leaf(rng, 3, 2, name="W")
    h, k = named(X @ W, "h"), named(Z @ W, "k")
    dh, dk = 2 * h.data * k.data**2, 2 * k.data * h.data**2
    dW = 2 * (X.data.T @ dh + Z.data.T @ dk)
    return ((h * k) ** 2).sum(), {W: dW, X: dh @ W.data.T, Z: dk @ W.data.T}


def test_what_is_said_names_what_the_caller_knows():
    assert_named_first(CASES)
