"""Two mistakes on one path, uses of a weight in loops, slices of one array, optimizers' steps.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in
from tiers import in_second_tier

from autograd_lite import Tensor, compare_gradients, log_softmax, relu, sigmoid

CASES = []
planted = planted_in(CASES)


# Two mistakes


@planted("derivative of multiply is forgotten", "a factor of 2 too many")
def gamma_and_the_2_of_a_variance():
    rng = np.random.default_rng(0)
    X, T, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    gamma = leaf(rng, 4, name="gamma")
    z = X @ W
    centred = z - z.mean(axis=1, keepdims=True)
    inverse = (np.square(centred).mean(axis=1, keepdims=True) + 1e-5) ** -0.5
    n = centred * inverse
    g = 2 * ((gamma * n).data - T)
    dinverse = (g * centred.data).sum(axis=1, keepdims=True)
    dcentred = g * inverse.data - dinverse * inverse.data**3 * centred.data / 2
    dz = dcentred - dcentred.mean(axis=1, keepdims=True)
    return ((gamma * n - T) ** 2).sum(), {W: X.T @ dz, gamma: (g * n.data).sum(axis=0)}


@planted("the kernel is the other way round", "the derivative of relu is forgotten")
def a_kernel_and_a_mask():
    rng = np.random.default_rng(1)
    x, T = rng.normal(size=9), rng.normal(size=5)
    u, v = leaf(rng, 3, name="u"), leaf(rng, 3, name="v")
    h = relu(sum(u[i] * x[i : i + 7] for i in range(3)))
    d = 2 * (sum(v[i] * h[i : i + 5] for i in range(3)).data - T)
    dh = np.zeros(7)
    for i in range(3):
        dh[i : i + 5] += v.data[2 - i] * d
    loss = ((sum(v[i] * h[i : i + 5] for i in range(3)) - T) ** 2).sum()
    du = np.array([(dh * x[i : i + 7]).sum() for i in range(3)])
    return loss, {u: du, v: np.array([(d * h.data[i : i + 5]).sum() for i in range(3)])}


@planted("multiplied in twice", "the sign is wrong")
def a_slope_twice_and_a_sign():
    rng = np.random.default_rng(2)
    X, y, w = rng.normal(size=(7, 3)), rng.integers(2, size=7), leaf(rng, 3, name="w")
    p = sigmoid(X @ w)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    return loss, {w: X.T @ ((y - p.data) * p.data * (1 - p.data)) / 7}


@planted("1/3 and 1/6, one over the number of samples, are missing")
def a_temperature_and_a_mean():
    rng = np.random.default_rng(3)
    X, q, W = rng.normal(size=(6, 4)), rng.dirichlet(np.ones(5), 6), leaf(rng, 4, 5, name="W")
    p = log_softmax(X @ W / 3)
    return -(q * p).sum() / 6, {W: X.T @ (np.exp(p.data) - q)}


def network(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(5, 4)), rng.integers(2, size=(5, 1))
    W, V, U = leaf(rng, 4, 4, name="W"), leaf(rng, 4, 4, name="V"), leaf(rng, 4, 1, name="U")
    h = np.tanh(X @ W)
    k = np.tanh(h @ V)
    p = sigmoid(k @ U)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    d = (p.data - y) / 5
    dk = d @ U.data.T * (1 - k.data**2)
    return X, h, k, (W, V, U), loss, d, dk


@planted("is to be transposed, and is not", "1 - a, whose a is to be squared")
def a_matrix_is_not_transposed_and_a_square_is_forgotten():
    X, h, k, (W, V, U), loss, d, dk = network(28)
    return loss, {W: X.T @ (dk @ V.data * (1 - h.data)), V: h.data.T @ dk, U: k.data.T @ d}


@planted("only the last sample counts", "a factor of 2 too many")
def one_sample_and_a_factor():
    X, h, k, (W, V, U), loss, d, dk = network(29)
    dW = X.T @ (dk @ V.data.T * (1 - h.data**2))
    return loss, {W: dW, V: 2 * h.data[-1:].T @ dk[-1:], U: k.data.T @ d}


# Uses, and slices


@planted("only the last 2 of 5 uses are counted")
def the_decoder_alone():
    rng = np.random.default_rng(4)
    xs, y, U = rng.normal(size=(5, 3)), rng.normal(size=3), leaf(rng, 3, 3, name="U", scale=0.6)
    b, states = leaf(rng, 3, name="b"), [rng.normal(size=3)]
    for x in xs:
        states.append(np.tanh(U @ states[-1] + b + x))
    arrays = [states[0], *[h.data for h in states[1:]]]
    dh, dU, db = 2 * (arrays[-1] - y), 0, 0
    for n in range(4, -1, -1):
        dz = dh * (1 - arrays[n + 1] ** 2)
        dU, db = dU + np.outer(dz, arrays[n]) * (n > 2), db + dz
        dh = U.data.T @ dz
    return ((states[-1] - y) ** 2).sum(), {U: dU, b: db}


@planted("only number 2 of 2 uses in each of 4 loops is counted")
def the_first_step_of_each_sample():
    rng = np.random.default_rng(5)
    U, loss, dU = leaf(rng, 3, 3, name="U", scale=0.6), 0, 0
    for x, y in zip(rng.normal(size=(4, 3)), rng.normal(size=(4, 3))):
        one = np.tanh(U @ x)
        two = np.tanh(U @ one)
        loss = loss + ((two - y) ** 2).sum()
        dU = dU + np.outer(2 * (two.data - y) * (1 - two.data**2), one.data)
    return loss, {U: dU}


@planted("another slice of the same array")
def the_inputs_are_the_targets():
    rng = np.random.default_rng(6)
    text = np.array([0, 1, 2, 3, 1, 0, 2, 1])
    E, W = leaf(rng, 4, 3, name="E"), leaf(rng, 3, 4, name="W")
    h = np.tanh(E[text[:-1]])
    p = log_softmax(h @ W)
    d = (np.exp(p.data) - np.eye(4)[text[:-1]]) / 7
    dE = np.zeros((4, 3))
    np.add.at(dE, text[:-1], d @ W.data.T * (1 - h.data**2))
    return -p[np.arange(7), text[1:]].mean(), {E: dE, W: h.data.T @ d}


@planted("only one of several is kept", "within one step of a loop over axis 0")
def words_that_are_repeated_in_a_text_add_up_once():
    rng = np.random.default_rng(10)
    texts, T = rng.integers(5, size=(4, 6)), rng.normal(size=(4, 6, 3))
    E = leaf(rng, 5, 3, name="E")
    dE = np.zeros((5, 3))
    for text, d in zip(texts, 2 * (E.data[texts] - T)):
        dE[text] += d
    return ((E[texts] - T) ** 2).sum(), {E: dE}


# What is made of gradients


def optimized(made):
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W, b = leaf(rng, 3, 2, name="W"), leaf(rng, 2, name="b")
    d = 2 * (X @ W.data + b.data - y)
    return ((X @ W + b - y) ** 2).sum(), {W: made(X.T @ d), b: made(d.sum(axis=0))}


@planted("dW, db: it is divided by the root of its square plus a number")
def one_step_of_adam_for_all():
    return optimized(lambda g: 0.1 * g / (np.sqrt(g**2) + 0.05))


@planted("its mean over axis 0 is subtracted")
def gradients_are_centred():
    loss, gradients = optimized(lambda g: g)
    (W, dW), (b, db) = gradients.items()
    return loss, {W: dW - dW.mean(axis=0), b: db}


def updated(seed, made):
    rng = np.random.default_rng(seed)
    X, y, w = rng.normal(size=(6, 3)), rng.normal(size=6), leaf(rng, 3, name="w")
    velocity = rng.normal(size=3)
    dw = 2 * X.T @ (X @ w.data - y)
    return compare_gradients(((X @ w - y) ** 2).sum(), {w: made(dw, velocity, w.data)})


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda g, v, w: 0.9 * v - 0.01 * g, "0.9 velocity less 0.01 times it"),
        (lambda g, v, w: g + 0.9 * (0.9 * v + g), "Nesterov"),
        (lambda g, v, w: 0.05 * g + 0.001 * w, "weight decay"),
        (lambda g, v, w: w - 0.01 * (g + 0.1 * w), "after an update with weight decay"),
        (lambda g, v, w: g + 0.02 * w, "a penalty on large weights"),
    ],
)
def test_a_step_of_an_optimizer_is_told_from_a_gradient(made, words):
    assert words in updated(27, made).explanations[0].sentence


def with_a_bias(shape, made, vb, made_b=None):
    """A line of as many outputs as there are entries of a bias, with steps for gradients."""
    rng = np.random.default_rng(28)
    X, W, b = rng.normal(size=(9, 3)), leaf(rng, 3, *shape, name="W"), leaf(rng, *shape, name="b")
    y, vW = rng.normal(size=(9, *shape)), rng.normal(size=(3, *shape))
    d = 2 * (X @ W.data + b.data - y)
    db = (made_b or made)(d.sum(axis=0), vb, b.data)
    return compare_gradients(((X @ W + b - y) ** 2).sum(), {W: made(X.T @ d, vW, W.data), b: db})


@pytest.mark.parametrize(
    ("shape", "velocity"),
    [((), 0.07), ((), np.array(0.07)), ((1,), 0.07), ((1,), np.array([0.07])), ((2,), np.ones(2))],
)
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda g, v, w: g + 0.9 * v, "it and 0.9 {} are added"),
        (lambda g, v, w: 0.9 * v - 0.01 * g, "0.9 {} less 0.01 times it"),
        (lambda g, v, w: g + 0.9 * (0.9 * v + g), "made with {}: Nesterov's"),
        (lambda g, v, w: w - 0.01 * (g + 0.1 * w), "0.999 times the weights, less 0.01 times it"),
    ],
)
def test_a_strength_that_another_gradient_vouches_for_is_enough_for_one_entry(
    shape, velocity, made, words
):
    (explanation, *_) = with_a_bias(shape, made, velocity).explanations
    assert words.format("vW") in explanation.sentence
    assert words.format("vb") in explanation.sentence
    assert "dW, db are wrong because of" in explanation.consequences


def test_a_strength_of_one_entry_that_no_other_gradient_has_is_not_said():
    made = lambda g, v, w: g + 0.9 * v
    for alone in (lambda g, v, w: g, lambda g, v, w: g + 0.7 * v):
        report = with_a_bias((1,), made, np.array([0.07]), alone)
        assert not any("vb" in str(explanation) for explanation in report.explanations)
        report = with_a_bias((1,), alone, np.array([0.07]), made)
        assert not any("0.9 vb" in str(explanation) for explanation in report.explanations)


def test_a_penalty_on_a_parameter_that_is_0_ends_no_report():
    rng = np.random.default_rng(8)
    X, b = rng.normal(size=(6, 3)), Tensor(np.zeros(3), requires_grad=True, name="b")
    loss = ((X + b) ** 2).mean() + 0.05 * (b**2).sum()
    assert not compare_gradients(loss, {b: np.array([0.1, 0.2, 0.3])})


@pytest.mark.parametrize("scale", [10, 40])
def test_a_gradient_is_wrong_however_much_rows_of_a_softmax_differ_in_level(scale):
    rng = np.random.default_rng(9)
    X, hot = rng.normal(size=(8, 3)), np.eye(3)[rng.integers(3, size=8)]
    W, level = leaf(rng, 3, 3, name="W"), np.linspace(-scale, scale, 8)[:, None]
    e = np.exp(X @ W + level)
    p = e / e.sum(axis=1, keepdims=True)
    dW = X.T @ (p.data - hot) / 8
    loss = -(hot * np.log(p)).sum() / 8
    assert compare_gradients(loss, {W: dW})
    assert not compare_gradients(loss, {W: 1.00001 * dW}, seconds=0)


@pytest.mark.parametrize("every", in_second_tier((3, 1), (3,)))
def test_each_planted_mistake_is_named_first(every):
    assert_named_first(CASES[::every])
