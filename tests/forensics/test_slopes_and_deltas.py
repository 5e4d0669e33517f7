"""Mistakes in slopes, in the last layer's delta, and in what of a product or a sum counts.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in
from tiers import in_second_tier

from autograd_lite import compare_gradients, leaky_relu, logsumexp, relu, sigmoid, softmax

CASES = []
planted = planted_in(CASES)


def hidden(seed, function, slope):
    """Two layers, with `slope(z, a, g)` for the derivative of the hidden one's function."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    W, V = leaf(rng, 3, 4, name="W"), leaf(rng, 4, 2, name="V")
    z = X @ W
    a = function(z)
    d = 2 * (a.data @ V.data - y)
    dz = slope(z.data, a.data, d @ V.data.T)
    return ((a @ V - y) ** 2).sum(), {W: X.T @ dz, V: a.data.T @ d}


@planted("tanh", "(1 - a) ** 2")
def the_difference_is_squared():
    return hidden(0, np.tanh, lambda z, a, g: g * (1 - a) ** 2)


@planted("relu", "a, the value itself")
def the_value_of_relu():
    return hidden(1, relu, lambda z, a, g: g * a)


@planted("1 is written there")
def ones_are_written_where_z_is_positive():
    return hidden(2, relu, lambda z, a, g: np.where(z > 0, 1, g))


@planted("relu is used for that of power")
def the_slope_of_relu_for_that_of_a_cube():
    return hidden(3, lambda z: z**3, lambda z, a, g: g * (z > 0))


@planted("leaky_relu", "another number where z > 0", "0.7")
def another_slope_on_the_right():
    return hidden(4, lambda z: leaky_relu(z, 0.2), lambda z, a, g: g * np.where(z > 0, 0.7, 0.2))


@planted("leaky_relu", "another number where z < 0", "0.01")
def another_leak_that_is_the_square_of_the_right_one():
    return hidden(5, lambda z: leaky_relu(z, 0.1), lambda z, a, g: g * np.where(z > 0, 1, 0.01))


@planted("exp", "multiplied in twice")
def exp_is_differentiated_twice():
    return hidden(6, np.exp, lambda z, a, g: g * a * a)


@planted("relu", "evaluated at what add makes of its output")
def the_mask_of_a_residual_sum():
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 4))
    W = leaf(rng, 4, 4, name="W")
    out = X + relu(X @ W)
    d = 2 * (out.data - y)
    return ((out - y) ** 2).sum(), {W: X.T @ (d * (out.data > 0))}


@planted("sqrt", "division by the root is left out")
def a_norm_is_not_divided_by():
    rng = np.random.default_rng(8)
    A, y, w = rng.normal(size=(6, 3)), rng.normal(size=6), leaf(rng, 3, name="w")
    r = A @ w - y
    return np.sqrt((r**2).sum()), {w: A.T @ r.data}


@planted("the division by the denominator is left out")
def the_squared_denominator_is_forgotten():
    rng = np.random.default_rng(9)
    X, t = rng.normal(size=(8, 3)), rng.integers(2, size=8)
    w = leaf(rng, 3, name="w")
    p = sigmoid(X @ w)
    top, bottom = 2 * (p * t).sum(), p.sum() + 3
    dp = 2 * t * bottom.data - top.data
    return top / bottom, {w: X.T @ (dp * p.data * (1 - p.data))}


# The delta of the last layer


def classes(seed, delta):
    """Softmax and cross-entropy, with `delta(p, hot, labels)` for p - y."""
    rng = np.random.default_rng(seed)
    X, labels = rng.normal(size=(8, 3)), rng.integers(4, size=8)
    W = leaf(rng, 3, 4, name="W")
    p = softmax(X @ W, axis=1)
    loss = -np.log(p[np.arange(8), labels]).mean()
    return loss, {W: X.T @ delta(p.data, np.eye(4)[labels], labels) / 8}


@planted("the number of the label is subtracted in every class")
def labels_are_no_one_hot_rows():
    return classes(10, lambda p, hot, labels: p - labels[:, None])


@planted("-1 is assigned at the label")
def the_label_overwrites_the_probability():
    return classes(11, lambda p, hot, labels: np.where(hot == 1, -1, p))


@planted("the label is 0 where it is 1", "the sign is wrong")
def the_generator_descends_on_the_other_loss():
    rng = np.random.default_rng(12)
    Z, G, D = rng.normal(size=(8, 3)), leaf(rng, 3, 2, name="G"), rng.normal(size=2)
    fake = np.tanh(Z @ G)
    p = sigmoid(fake @ D)
    dfake = np.outer(-p.data / 8, D)
    return -np.log(p).mean(), {G: Z.T @ (dfake * (1 - fake.data**2))}


@planted("multiplied by p * (1 - p)", "not in the loss")
def the_slope_of_an_activation_that_is_not_there():
    rng = np.random.default_rng(13)
    X, y, W = rng.normal(size=(7, 3)), rng.random((7, 2)), leaf(rng, 3, 2, name="W")
    p = X @ W
    d = (p.data - y) * p.data * (1 - p.data)
    return ((p - y) ** 2).sum() / 2, {W: X.T @ d}


@planted("cross-entropy after softmax")
def probabilities_of_softmax_where_each_class_is_its_own():
    rng = np.random.default_rng(14)
    X, y, W = rng.normal(size=(7, 3)), rng.integers(2, size=(7, 4)), leaf(rng, 3, 4, name="W")
    p = sigmoid(X @ W)
    e = np.exp(X @ W.data)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()
    return loss, {W: X.T @ (e / e.sum(axis=1, keepdims=True) - y)}


@planted("p is left out")
def labels_of_unsigned_numbers_alone():
    rng = np.random.default_rng(16)
    X, y = rng.normal(size=(8, 3)), rng.integers(2, size=8).astype(np.uint8)
    w = leaf(rng, 3, name="w")
    p = sigmoid(X @ w)
    return ((p - y) ** 2).sum() / 2, {w: X.T @ (-1.0 * y)}


@planted("the sign is wrong")
def one_of_the_signs_of_binary_cross_entropy():
    rng = np.random.default_rng(15)
    X, y, w = rng.normal(size=(8, 3)), rng.integers(2, size=8), leaf(rng, 3, name="w")
    p = sigmoid(X @ w)
    dp = -y / p.data - (1 - y) / (1 - p.data)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()
    return loss, {w: X.T @ (dp * p.data * (1 - p.data))}


@planted("the sum of the predictions themselves")
def the_output_is_differentiated_and_not_its_loss():
    rng = np.random.default_rng(16)
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    w, b = leaf(rng, 2, name="w"), leaf(rng, name="b")
    r = y - (X @ w + b)
    return (r**2).sum() / 2, {w: X.sum(axis=0), b: 5.0}


# What counts of a product, of a sum, of what is repeated


def two_layers(seed, back):
    """Columns of samples; `back(W, d)` is what arrives at the hidden layer."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 5)), rng.normal(size=(3, 5))
    V, W = leaf(rng, 4, 2, name="V"), leaf(rng, 3, 4, name="W")
    h = np.tanh(V @ x)
    d = 2 * (W.data @ h.data - y)
    dh = back(W.data, d)
    loss = ((W @ h - y) ** 2).sum()
    return loss, {W: d @ h.data.T, V: (dh * (1 - h.data**2)) @ x.T}


@planted("is left out, as if it were 1")
def the_weights_are_left_out_on_the_way_back():
    return two_layers(17, lambda W, d: np.ones_like(W).T @ d)


@planted("only the first row counts")
def the_errors_of_other_outputs_are_lost():
    return two_layers(18, lambda W, d: W[:1].T @ d[:1])


@planted("one term of a sum: the others are left out")
def an_entropy_is_left_out_of_a_divergence():
    rng = np.random.default_rng(19)
    a, b = leaf(rng, 5, name="a"), leaf(rng, 5, name="b")
    p, q = softmax(a), softmax(b)
    dp = -np.log(q.data)
    da = p.data * (dp - dp @ p.data)
    return (p * (np.log(p) - np.log(q))).sum(), {a: da, b: q.data - p.data}


@planted("rows of the other factor are in reverse order")
def states_are_read_backwards():
    rng = np.random.default_rng(20)
    X, y = rng.normal(size=(4, 2)), rng.normal(size=4)
    W, v = leaf(rng, 2, 3, name="W"), leaf(rng, 3, name="v")
    h = np.tanh(X @ W)
    r = h @ v - y
    dW = X.T @ (np.outer(2 * r.data, v.data) * (1 - h.data**2))
    return (r**2).sum(), {W: dW, v: 2 * h.data[::-1].T @ r.data}


def gates(seed, give_back):
    """h = o tanh(c), with `give_back(o, t)` for the derivative by o but for its own slope."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    U, V = leaf(rng, 3, 4, name="U"), leaf(rng, 3, 4, name="V")
    o, t = sigmoid(x @ U), np.tanh(x @ V)
    h = o * t
    d = 2 * (h.data - y)
    do = d * give_back(o.data, t.data) * o.data * (1 - o.data)
    return ((h - y) ** 2).sum(), {U: x.T @ do, V: x.T @ (d * o.data * (1 - t.data**2))}


@planted("the derivative of tanh", "besides its value")
def the_slope_of_the_other_factor_counts_too():
    return gates(30, lambda o, t: t * (1 - t**2))


@planted("the derivative of tanh", "not with its value")
def the_slope_of_the_other_factor_stands_for_it():
    return gates(31, lambda o, t: 1 - t**2)


@planted("divided by the sums over axis 0")
def errors_are_split_by_shares_of_the_weights():
    return two_layers(32, lambda W, d: (W / W.sum(axis=0)).T @ d)


@planted("the right db is added")
def a_bias_gets_the_sum_of_the_next_one_too():
    rng = np.random.default_rng(33)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), leaf(rng, 3, 3, name="W")
    a, b = leaf(rng, 3, name="a"), leaf(rng, 3, name="b")
    h = np.tanh(X + a)
    d = 2 * (h.data @ W.data + b.data - y)
    da = (d @ W.data.T * (1 - h.data**2)).sum(axis=0)
    loss = ((h @ W + b - y) ** 2).sum()
    return loss, {W: h.data.T @ d, b: d.sum(axis=0), a: da + d.sum(axis=0)}


@planted("the reshape is undone in the wrong order of entries")
def channels_come_last_on_the_way_back():
    rng = np.random.default_rng(34)
    x, y = rng.normal(size=(2, 3, 4)), rng.normal(size=5)
    c, W = leaf(rng, 2, 1, 1, name="c"), leaf(rng, 24, 5, name="W")
    h = np.tanh(c * x)
    flat = h.reshape(24)
    r = flat @ W - y
    dh = (W.data @ (2 * r.data)).reshape(3, 4, 2).transpose(2, 0, 1)
    dc = (dh * (1 - h.data**2) * x).sum(axis=(1, 2), keepdims=True)
    return (r**2).sum(), {W: np.outer(flat.data, 2 * r.data), c: dc}


@planted("one use is counted twice")
def a_quadratic_form_beside_a_linear_one():
    rng = np.random.default_rng(21)
    A, b, x = rng.normal(size=(4, 4)), rng.normal(size=4), leaf(rng, 4, name="x")
    return x @ A @ x / 2 - b @ x, {x: A @ x.data - b}


@planted("at an index that is repeated")
def overlapping_windows_whose_largest_entry_is_assigned():
    rng = np.random.default_rng(22)
    X, y, w = rng.normal(size=(10, 3)), rng.normal(size=7), leaf(rng, 3, name="w")
    h = X @ w
    p = h[np.arange(7)[:, None] + np.arange(4)].max(axis=1)
    dh = np.zeros(10)
    for i in range(7):
        dh[i + np.argmax(h.data[i : i + 4])] = 2 * (p.data - y)[i]
    return ((p - y) ** 2).sum(), {w: X.T @ dh}


@planted("the first sample is left out")
def each_risk_set_without_its_own_subject():
    rng = np.random.default_rng(23)
    X, w = rng.normal(size=(6, 2)), leaf(rng, 2, name="w")
    e = np.exp(X @ w)
    loss, dw = 0, np.zeros(2)
    for i in range(5):
        total = e[i:].sum()
        loss = loss - np.log(e[i] / total)
        dw -= X[i] - e.data[i + 1 :] @ X[i + 1 :] / total.data
    return loss, {w: dw}


@planted("1 stands for the probabilities")
def each_component_counts_wholly():
    rng = np.random.default_rng(24)
    x, m = rng.normal(size=(7, 1)), leaf(rng, 3, name="m")
    return logsumexp(-((x - m) ** 2), axis=1).sum(), {m: 2 * (x - m.data).sum(axis=0)}


@planted("rows at 2 are copies of those at 0")
def a_row_is_copied():
    rng = np.random.default_rng(25)
    X, y, W = rng.normal(size=(6, 4)), rng.normal(size=(6, 2)), leaf(rng, 4, 2, name="W")
    dW = 2 * X.T @ (X @ W.data - y)
    dW[2] = dW[0]
    return ((X @ W - y) ** 2).sum(), {W: dW}


# Numbers, and means


@planted("the factor 0.3 is missing")
def a_step_size_is_forgotten_in_one_term():
    rng = np.random.default_rng(26)
    A, x, y = rng.normal(size=(2, 2)), rng.normal(size=2), rng.normal(size=2)
    k = leaf(rng, 2, name="k")
    one = x + 0.3 * (A @ x - k * x)
    two = one + 0.3 * (A @ one - k * one)
    d2 = 2 * (two.data - y)
    d1 = d2 + 0.3 * (A.T @ d2 - k.data * d2)
    return ((two - y) ** 2).sum(), {k: -d2 * one.data - d1 * x}


@planted("divided by 3, where the mean is over 16 entries")
def a_mean_over_positions_is_divided_by_the_channels():
    rng = np.random.default_rng(27)
    x, y, c = rng.normal(size=(3, 4, 4)), rng.normal(size=3), leaf(rng, 3, 1, 1, name="c")
    h = np.tanh(c * x)
    p = h.mean(axis=(1, 2))
    d = (2 * (p.data - y) / 3)[:, None, None] * (1 - h.data**2)
    return ((p - y) ** 2).sum(), {c: (d * x).sum(axis=(1, 2), keepdims=True)}


def normalized(seed, count):
    """Rows that are normalized; their means are sums divided by a count."""
    rng = np.random.default_rng(seed)
    X, y, W = rng.normal(size=(7, 3)), rng.normal(size=(7, 5)), leaf(rng, 3, 5, name="W")
    z = X @ W
    centred = z - z.mean(axis=1, keepdims=True)
    scale = ((centred**2).mean(axis=1, keepdims=True) + 1e-5) ** 0.5
    n = centred / scale
    d = 2 * (n.data - y)
    sums = [(each).sum(axis=1, keepdims=True) / count for each in (d, d * n.data)]
    return ((n - y) ** 2).sum(), {W: X.T @ ((d - sums[0] - n.data * sums[1]) / scale.data)}


@planted("the sums are divided by 7, where the means are over 5 entries")
def means_over_features_are_divided_by_the_samples():
    return normalized(28, 7)


@planted("the mean of A * dA is subtracted, not their sum")
def a_mean_in_the_derivative_of_softmax():
    rng = np.random.default_rng(29)
    X, y, W = rng.normal(size=(6, 3)), rng.random((6, 4)), leaf(rng, 3, 4, name="W")
    p = softmax(X @ W, axis=1)
    d = 2 * (p.data - y)
    dz = p.data * (d - (d * p.data).mean(axis=1, keepdims=True))
    return ((p - y) ** 2).sum(), {W: X.T @ dz}


@pytest.mark.parametrize("every", in_second_tier((4, 1), (4,)))
def test_each_planted_mistake_is_named_first(every):
    assert_named_first(CASES[::every])


def test_means_over_the_right_length_are_right():
    assert compare_gradients(*normalized(28, 5))
