"""Masks that are left out, numbers within loops, weights that were updated too early."""

import numpy as np
from naming import assert_named_first, leaf, planted_in

from autograd_lite import Tensor, compare_gradients, relu, softmax

CASES = []
planted = planted_in(CASES)


def dropout_net(back, activation=relu, p=0.3):
    """A layer with inverted dropout, whose scale is a step of its own; `back(g, keep, p)`."""
    rng = np.random.default_rng(1)
    X, y, keep = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.random((8, 6)) > p
    W, V = leaf(rng, 3, 6, name="W"), leaf(rng, 6, 2, name="V")
    z = X @ W
    h = activation(z)
    d = h * keep / (1 - p)
    out = d @ V
    dout = (out.data - y) / 8
    dh = back(dout @ V.data.T, keep, p)
    slope = z.data > 0 if activation is relu else 1 - h.data**2
    return ((out - y) ** 2).sum() / 16, {V: d.data.T @ dout, W: X.T @ (dh * slope)}


@planted("dropout, its mask and its scale, is missing")
def dropout_is_ignored_after_relu():
    return dropout_net(lambda g, keep, p: g)


@planted("dropout, its mask and its scale, is missing")
def dropout_is_ignored_after_tanh():
    return dropout_net(lambda g, keep, p: g, np.tanh)


@planted("the mask of dropout is missing")
def the_scale_of_dropout_alone_after_relu():
    return dropout_net(lambda g, keep, p: g / (1 - p))


def two_rectifiers(through_output, through_hidden, mean):
    """Both layers end in relu; what they let through is 1 where their derivative is forgotten."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(10, 3)), rng.uniform(0, 4, size=10)
    W, v = leaf(rng, 4, 3, name="W"), leaf(rng, 4, name="v")
    h = relu(W @ x.T)
    out = relu(v @ h)
    d = (out.data - y) * (out.data > 0 if through_output else 1) / mean
    dh = np.outer(v.data, d) * (h.data > 0 if through_hidden else 1)
    return ((out - y) ** 2).sum() / 20, {W: dh @ x, v: d @ h.data.T}


@planted("and likewise to", "the derivative of relu is forgotten")
def both_masks_of_relu_are_forgotten():
    return two_rectifiers(False, False, 10)


@planted("the derivative of relu is forgotten", "1/10 is missing")
def both_masks_of_relu_and_the_mean_are_forgotten():
    return two_rectifiers(False, False, 1)


@planted("the derivative of relu is forgotten", "1/10 is missing")
def the_mask_of_the_output_and_the_mean_are_forgotten():
    return two_rectifiers(False, True, 1)


@planted("the derivative of relu is forgotten.")
def the_mask_of_the_output_is_forgotten():
    return two_rectifiers(False, True, 10)


def slope_of_one(activation, slope, which):
    """The derivative of an activation at one sample stands for that at all; samples are rows."""
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W, b, V = leaf(rng, 3, 4, name="W"), leaf(rng, 4, name="b"), leaf(rng, 4, 2, name="V")
    h = activation(X @ W + b)
    out = h @ V
    d = (out.data - y) / 6
    dz = d @ V.data.T * slope(h.data[which])
    return ((out - y) ** 2).sum() / 12, {W: X.T @ dz, b: dz.sum(axis=0), V: h.data.T @ d}


@planted("the derivative of tanh is evaluated at the first sample, for all")
def the_slope_of_the_first_sample():
    return slope_of_one(np.tanh, lambda h: 1 - h**2, 0)


@planted("the derivative of relu is evaluated at the last sample, for all")
def the_mask_of_the_last_sample():
    return slope_of_one(relu, lambda h: h > 0, -1)


# Numbers within loops


def euler(h, forgotten, tanh=True):
    """z + h f(A z + c) in four steps, whose h is forgotten in some of the gradients."""
    rng = np.random.default_rng(2)
    A, c, z = leaf(rng, 3, 3, name="A"), leaf(rng, 3, name="c"), leaf(rng, 3, name="z")
    states = [z]
    for _ in range(4):
        rate = A @ states[-1] + c
        states.append(states[-1] + h * (np.tanh(rate) if tanh else rate))
    adjoint, dA, dc = 2 * states[-1].data, 0, 0
    for state in states[-2::-1]:
        slope = 1 - np.tanh(A.data @ state.data + c.data) ** 2 if tanh else 1
        dA = dA + (1 if "A" in forgotten else h) * np.outer(adjoint * slope, state.data)
        dc = dc + (1 if "c" in forgotten else h) * adjoint * slope
        adjoint = adjoint + h * A.data.T @ (adjoint * slope)
    return (states[-1] ** 2).sum(), {A: dA, c: dc, z: adjoint}


@planted("dA: a constant factor", "the factor 0.1 is missing")
def the_step_size_is_forgotten_for_the_weights():
    return euler(0.1, "A", tanh=False)


@planted("Step to dc through add", "the factor 0.07 is missing")
def the_step_size_is_forgotten_for_the_bias():
    return euler(0.07, "c")


@planted("and likewise to dA", "the factor 0.05 is missing")
def the_step_size_is_forgotten_past_an_activation():
    return euler(0.05, "Ac")


@planted("and likewise to", "the factor 0.3 is missing")
def the_scale_of_residual_blocks_is_forgotten_for_the_weights():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    Ws, states = [leaf(rng, 4, 4, name=f"W{n}") for n in range(3)], [Tensor(x)]
    for W in Ws:
        states.append(states[-1] + 0.3 * np.tanh(states[-1] @ W))
    g, gradients = 2 * (states[-1].data - y) / 24, {}
    for W, state in zip(Ws[::-1], states[-2::-1]):
        dz = g * (1 - np.tanh(state.data @ W.data) ** 2)
        gradients[W] = state.data.T @ dz
        g = g + 0.3 * dz @ W.data.T
    return ((states[-1] - y) ** 2).mean(), gradients


@planted("Step to dk", "the division by 0.09 is left out")
def the_width_of_a_grid_is_forgotten_for_its_conductivity():
    rng = np.random.default_rng(3)
    k, u = leaf(rng, 6, name="k"), leaf(rng, 6, name="u")
    laplacian = np.eye(6, k=1) + np.eye(6, k=-1) - 2 * np.eye(6)
    states = [u]
    for _ in range(3):
        states.append(states[-1] + 0.1 * k * (laplacian @ states[-1]) / 0.09)
    adjoint, dk = 2 * states[-1].data, 0
    for state in states[-2::-1]:
        dk = dk + 0.1 * adjoint * (laplacian @ state.data)
        adjoint = adjoint + 0.1 * laplacian.T @ (adjoint * k.data) / 0.09
    return (states[-1] ** 2).sum(), {k: dk, u: adjoint}


@planted("to dWk", "1/np.sqrt(3) is missing: the division by np.sqrt(3) is left out")
def the_scale_of_attention_is_forgotten_for_the_keys():
    rng = np.random.default_rng(6)
    X, Y = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    Wq, Wk, Wv = (leaf(rng, 4, 3, name=name) for name in ("Wq", "Wk", "Wv"))
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    A = softmax(Q @ K.T / np.sqrt(3), axis=1)
    out = A @ V
    d = 2 * (out.data - Y)
    dA = d @ V.data.T
    dS = A.data * (dA - (dA * A.data).sum(axis=1, keepdims=True))
    dQ, dK = dS @ K.data / np.sqrt(3), dS.T @ Q.data
    return ((out - Y) ** 2).sum(), {Wq: X.T @ dQ, Wk: X.T @ dK, Wv: X.T @ (A.data.T @ d)}


# Parameters updated one after the other


def line(m, c, x):
    return m * x + c


def growth(m, c, x):
    return c * np.exp(m * x)


def one_after_the_other(model, order, rate):
    """Squared errors of a model of two numbers, whose gradients come of one forward pass each."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=30)
    y = 2 * x + 1 + rng.normal(size=30)
    m, c = leaf(rng, name="m"), leaf(rng, name="c")
    at, gradients = {m: m.data, c: c.data}, {}
    for number in order:
        chosen = (m, c)[number]
        error = model(at[m], at[c], x) - y
        by = np.exp(at[m] * x) if model is growth else 1.0
        slope = (at[c] * by if model is growth else 1.0) * x if chosen is m else by
        gradients[chosen] = 2 * (error * slope).mean()
        at[chosen] = at[chosen] - rate * gradients[chosen]
    return ((model(m, c, x) - y) ** 2).mean(), {t: gradients[t] for t in (m, c)}


@planted("dc: computed anew after m was updated, to m - 0.1 dm")
def the_intercept_after_the_slope():
    return one_after_the_other(line, (0, 1), 0.1)


@planted("dm: computed anew after c was updated, to c - 0.01 dc")
def the_exponent_after_the_factor():
    return one_after_the_other(growth, (1, 0), 0.01)


@planted("db, dv: computed anew after W was updated, to W - 0.1 dW", "db, dv are wrong")
def each_parameter_of_a_network_after_those_before():
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=9)
    W, b, v = leaf(rng, 3, 4, name="W"), leaf(rng, 4, name="b"), leaf(rng, 4, name="v")
    at, gradients = {t: t.data for t in (W, b, v)}, {}
    for chosen in (W, b, v):
        h = np.tanh(X @ at[W] + at[b])
        d = 2 * (h @ at[v] - y) / 9
        dz = np.outer(d, at[v]) * (1 - h**2)
        gradients[chosen] = {W: X.T @ dz, b: dz.sum(axis=0), v: h.T @ d}[chosen]
        at[chosen] = at[chosen] - 0.1 * gradients[chosen]
    return ((np.tanh(X @ W + b) @ v - y) ** 2).mean(), gradients


# Masks of other layers, behind rows whose units are all dead: their sums are exactly 0


def with_dead_rows(own, masks, activation=relu):
    """Layers whose sums are exactly 0 in two rows; `masks` are the numbers of those taken."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    Ws = [leaf(rng, 3, 3, name=f"W{number}") for number in range(len(masks))]
    V = leaf(rng, 3, 2, name="V")
    X[:2] = [[-1, -1, -2], [-2, -1, -1]] @ np.linalg.inv(Ws[0].data)
    h, sums, inputs = X, [], []
    for W in Ws:
        inputs.append(h)
        sums.append(h @ W)
        h = activation(sums[-1])
    d = 2 * ((h @ V).data - y) / 18
    gradients = {V: h.data.T @ d}
    back = d @ V.data.T
    for W, given, number in [*zip(Ws, inputs, masks)][::-1]:
        dz = back * own(sums[number].data)
        gradients[W] = (given if given is X else given.data).T @ dz
        back = dz @ W.data.T
    return ((h @ V - y) ** 2).mean(), gradients


AT_0 = "and is that beyond 0 where they are exactly 0: z >= 0 for z > 0"


@planted("dW0 is wrong", "the derivative of relu is evaluated at the values of the one after", AT_0)
def the_mask_of_the_second_layer_with_0_in_it():
    return with_dead_rows(lambda z: z >= 0, [1, 1])


@planted("dW0 is wrong", "the values of the one after", AT_0)
def the_same_with_a_maximum_written_out():
    return with_dead_rows(lambda z: z >= 0, [1, 1], activation=lambda z: np.maximum(z, 0))


@planted("dW1, dW0 are wrong", "the values of the one after", AT_0)
def the_mask_of_the_last_of_three_layers_at_the_second():
    return with_dead_rows(lambda z: z >= 0, [0, 2, 2])


@planted("dW0 is wrong", "another layer's values", AT_0)
def the_mask_of_the_last_of_three_layers_at_the_first():
    return with_dead_rows(lambda z: z >= 0, [2, 1, 2])


@planted("dW0 is wrong", "the derivative of relu is evaluated at the values of the one after.")
def the_mask_of_the_second_layer_without_0_in_it():
    return with_dead_rows(lambda z: z > 0, [1, 1])


def test_either_choice_at_exactly_0_is_right():
    for own in (np.greater, np.greater_equal):
        loss, gradients = with_dead_rows(lambda z, own=own: own(z, 0), [0, 1])
        assert compare_gradients(loss, gradients)


def test_masks_and_updates_are_named_first():
    assert_named_first(CASES)
