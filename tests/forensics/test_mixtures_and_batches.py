"""Mistakes with mixtures, masks, signs, means and batches, each derived by hand."""

import itertools

import numpy as np
import pytest
from naming import assert_named_first, leaf, planted_in, said_first
from tiers import in_second_tier

from autograd_lite import Tensor, compare_gradients, leaky_relu, sigmoid, softmax

CASES = []
planted = planted_in(CASES)


def highway(seed, weights):
    """t a + (1 - t) x, with what `weights(t)` gives for t, 1 - t, and the sign of what t gets."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    W, T, V = (leaf(rng, 4, 4, name=name) for name in "WTV")
    a, b, t = np.tanh(x @ W), np.tanh(x @ V), sigmoid(x @ T)
    mixed = t * a + (1 - t) * b
    of_a, of_b, sign = weights(t.data)
    d = 2 * (mixed.data - y)
    dt = sign * d * (a.data - b.data) * t.data * (1 - t.data)
    dW, dV = x.T @ (d * of_a * (1 - a.data**2)), x.T @ (d * of_b * (1 - b.data**2))
    return ((mixed - y) ** 2).sum(), {W: dW, V: dV, T: x.T @ dt}


EXCHANGED = "the weights of a mixture, u and 1 - u, are exchanged"


@planted(EXCHANGED)
def the_weights_of_a_mixture_are_exchanged():
    return highway(0, lambda t: (1 - t, t, 1))


@planted(EXCHANGED, "the sign of what they get is wrong")
def a_mixture_is_differentiated_in_the_other_convention():
    return highway(1, lambda t: (1 - t, t, -1))


@planted(EXCHANGED, "in all 3 of them")
def the_weights_are_exchanged_in_each_step_of_a_loop():
    rng = np.random.default_rng(2)
    x, y, w, u = rng.normal(size=(3, 5)), rng.normal(size=5), leaf(rng, 5, name="w"), 0.3
    z = np.array([0.2, 0.7, 0.4, 0.9, 0.6])
    h, states = leaf(rng, 5, name="h0"), []
    start = h
    for t in range(3):
        states.append(h.data)
        h = z * h + (1 - z) * np.tanh(w * x[t] + u * h)
    d, dw = 2 * (h.data - y), 0
    for t in reversed(range(3)):
        c = np.tanh(w.data * x[t] + u * states[t])
        dc = d * z * (1 - c**2)
        dw = dw + dc * x[t]
        d = d * (1 - z) + u * dc
    return ((h - y) ** 2).sum(), {w: dw, start: d}


@planted(EXCHANGED, "label stands where 1 minus that belongs")
def the_bits_of_a_path_are_taken_the_other_way_round():
    rng = np.random.default_rng(3)
    v, N = leaf(rng, 4, name="v"), leaf(rng, 3, 4, name="N")
    label = np.array([1.0, 0.0, 0.0])
    p = sigmoid(N @ v)
    loss = -(label * np.log(p) + (1 - label) * np.log(1 - p)).sum()
    g = p.data - (1 - label)
    return compare_gradients(loss, {v: N.data.T @ g, N: np.outer(g, v.data)})


@planted("the parts of the index are exchanged", "goes to [j, i]")
def transitions_are_counted_from_the_next_state():
    rng = np.random.default_rng(4)
    T, path = leaf(rng, 3, 3, name="T"), [0, 2, 1, 1]
    steps = [*itertools.pairwise(path)]
    dT = np.exp(T.data)
    for i, j in steps:
        dT[j, i] -= 1
    return np.exp(T).sum() - sum(T[i, j] for i, j in steps), {T: dT}


@planted("the parts of the index are exchanged")
def pairs_of_an_array_of_indices_are_exchanged():
    rng = np.random.default_rng(5)
    A, y = leaf(rng, 4, 4, name="A"), rng.normal(size=5)
    i, j = np.array([0, 1, 3, 2, 0]), np.array([1, 2, 0, 2, 3])
    d = 2 * (A.data[i, j] - y)
    dA = np.zeros((4, 4))
    np.add.at(dA, (j, i), d)
    return ((A[i, j] - y) ** 2).sum(), {A: dA}


@planted("it is computed with event taken for an index, the loss with event")
def a_mask_of_numbers_picks_entries():
    rng = np.random.default_rng(6)
    X, w, event = rng.normal(size=(7, 3)), leaf(rng, 3, name="w"), np.array([1, 0, 1, 1, 0, 1, 1])
    loss = (event * np.exp(X @ w)).sum()
    return compare_gradients(loss, {w: X[event].T @ np.exp(X @ w.data)[event]})


def normalized(seed, given, of_mean, of_along):
    """Batch norm with gamma, and what is taken for gamma in each of the derivative's terms."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 4))
    W, gamma = leaf(rng, 3, 4, name="W"), Tensor(rng.uniform(0.5, 2, size=4), requires_grad=True)
    x = X @ W
    n = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    d, by = 2 * (gamma.data * n.data - y), gamma.data
    own, mean, along = (d * (by if each else 1) for each in (given, of_mean, of_along))
    dx = own - mean.mean(0) - n.data * (along * n.data).mean(0)
    dx /= np.sqrt(x.data.var(0) + 1e-5)
    return ((gamma * n - y) ** 2).sum(), {W: X.T @ dx, gamma: (d * n.data).sum(0)}


@planted("such as gamma, is left out of g itself.")
def gamma_is_in_both_means_only():
    return normalized(7, False, True, True)


@planted("such as gamma, is left out of the mean of g.")
def gamma_is_missing_in_the_first_mean():
    return normalized(8, True, False, True)


@planted("such as gamma, is left out of the mean of g * y.")
def gamma_is_missing_in_the_second_mean():
    return normalized(9, True, True, False)


@planted("such as gamma, is left out of the mean of g * y and of the mean of g.")
def gamma_is_missing_in_both_means():
    return normalized(10, True, False, False)


@planted("such as gamma, is left out of g itself and of the mean of g.")
def gamma_is_in_the_last_term_only():
    return normalized(11, False, False, True)


@planted("the derivative of log1p is taken at y, not at pred")
def a_derivative_is_taken_at_the_targets():
    rng = np.random.default_rng(12)
    X, y, w = rng.uniform(size=(8, 3)), rng.uniform(1, 4, size=8), leaf(rng, 3, name="w")
    w.data[...] = abs(w.data)
    pred = X @ w
    g = 2 * (np.log1p(pred.data) - np.log1p(y)) / (1 + y)
    return compare_gradients(((np.log1p(pred) - np.log1p(y)) ** 2).sum(), {w: X.T @ g})


@planted("the product is taken with draft, where", "belongs")
def a_product_is_with_an_array_that_is_not_in_the_loss():
    rng = np.random.default_rng(13)
    X, y, draft = rng.normal(size=(6, 3)), rng.normal(size=6), rng.normal(size=(6, 4))
    W, v = leaf(rng, 3, 4, name="W"), leaf(rng, 4, name="v")
    h = np.tanh(X @ W)
    d = 2 * (h.data @ v.data - y)
    dW = X.T @ (np.outer(d, v.data) * (1 - h.data**2))
    return compare_gradients(((h @ v - y) ** 2).sum(), {v: draft.T @ d, W: dW})


@planted("through cos: the sign is wrong")
def the_minus_of_the_cosine_is_forgotten():
    rng = np.random.default_rng(14)
    t, y, a, w = np.linspace(0, 3, 9), rng.normal(size=9), leaf(rng, name="a"), leaf(rng, name="w")
    u = w * t
    c = np.cos(u)
    d = 2 * (a.data * c.data - y)
    dw = (d * a.data * np.sin(u.data) * t).sum()
    return ((a * c - y) ** 2).sum(), {a: (d * c.data).sum(), w: dw}


@planted("the derivative of arccos is forgotten, but for its minus")
def only_the_minus_of_the_arc_cosine_is_left():
    rng = np.random.default_rng(15)
    X, w = rng.normal(size=(6, 3)) / 4, leaf(rng, 3, name="w", scale=0.3)
    return np.sin(np.arccos(X @ w)).sum(), {w: -X.T @ np.cos(np.arccos(X @ w.data))}


@planted("the cumulative sum is taken from the start")
def a_sum_from_the_end_is_not_turned_on_the_way_back():
    rng = np.random.default_rng(16)
    X, w, c = rng.normal(size=(7, 3)), leaf(rng, 3, name="w"), rng.normal(size=7)
    r = np.exp(X @ w)
    back = np.cumsum(c[::-1])[::-1]
    return (c * np.cumsum(r[::-1])[::-1]).sum(), {w: X.T @ (r.data * back)}


@planted("the product is taken with other data, X")
def features_stand_for_their_squares():
    rng = np.random.default_rng(17)
    X, y = rng.normal(size=(7, 4)), rng.normal(size=7)
    V, w = leaf(rng, 4, name="V"), leaf(rng, 4, name="w")
    t = np.tanh(X**2 @ V)
    pred = X @ w + t
    d = 2 * (pred.data - y)
    return compare_gradients(((pred - y) ** 2).sum(), {w: X.T @ d, V: X.T @ (d * (1 - t.data**2))})


@planted("the factor 0.1 is once too often there")
def a_number_of_the_loss_is_no_learning_rate():
    rng = np.random.default_rng(18)
    X, y, W = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), leaf(rng, 4, 4, name="W")
    V = leaf(rng, 4, 4, name="V")
    h = np.tanh(X @ V)
    t = np.tanh(h @ W)
    d = 2 * (h.data + 0.1 * t.data - y)
    dt = 0.1 * d * (1 - t.data**2)
    dh = 0.1 * d + dt @ W.data.T
    loss = ((h + 0.1 * t - y) ** 2).sum()
    return loss, {W: h.data.T @ dt, V: X.T @ (dh * (1 - h.data**2))}


@planted("is taken at each entry, and not at their mean")
def a_function_of_mean_activations_is_differentiated_at_each():
    rng = np.random.default_rng(19)
    X, W = rng.uniform(size=(7, 4)), leaf(rng, 4, 3, name="W")
    a = sigmoid(X @ W)
    mean = a.mean(axis=0)
    loss = -(0.1 * np.log(mean) + 0.9 * np.log(1 - mean)).sum()
    da = (0.9 / (1 - a.data) - 0.1 / a.data) / 7
    return loss, {W: X.T @ (da * a.data * (1 - a.data))}


@planted("two gradients are added", "one is computed with X1 and y1")
def the_gradients_of_the_batch_before_are_not_reset():
    rng = np.random.default_rng(20)
    X1, y1, X2, y2 = rng.normal(size=(5, 3)), rng.normal(size=5), *rng.normal(size=(2, 5, 3))
    w, b, y2 = leaf(rng, 3, name="w"), leaf(rng, name="b"), y2[:, 0].copy()
    r1, r2 = X1 @ w.data + b.data - y1, X2 @ w.data + b.data - y2
    dw, db = 2 * (X1.T @ r1 + X2.T @ r2), 2 * (r1.sum() + r2.sum())
    return compare_gradients(((X2 @ w + b - y2) ** 2).sum(), {w: dw, b: db})


@planted("y stands for the targets y in p - y")
def scores_stand_for_their_shares():
    rng = np.random.default_rng(23)
    X, y, w = rng.normal(size=(4, 5, 3)), rng.uniform(0, 3, size=(4, 5)), leaf(rng, 3, name="w")
    shares = softmax(y, axis=1)
    q = softmax(X @ w, axis=1)
    dw = np.einsum("ni,nid->d", q.data - y, X)
    return compare_gradients(-(shares * np.log(q)).sum(), {w: dw})


@planted("the derivative of relu is used for that of leaky_relu")
def weights_of_attention_have_the_mask_of_a_relu():
    rng = np.random.default_rng(24)
    h, y, a = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), leaf(rng, 3, name="a")
    e = (h @ a)[:, None] - h[:, 0]
    share = softmax(leaky_relu(e, 0.2), axis=1)
    d = 2 * (share.data @ h - y) @ h.T
    de = share.data * (d - (d * share.data).sum(axis=1, keepdims=True)) * (e.data > 0)
    return ((share @ h - y) ** 2).sum(), {a: h.T @ de.sum(axis=1)}


@planted("the product is taken with what sigmoid makes of the other factor, which it has given")
def an_activation_is_applied_once_more_on_the_way_back():
    rng = np.random.default_rng(26)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W, V = leaf(rng, 3, 4, name="W"), leaf(rng, 4, 2, name="V")
    h = sigmoid(X @ W)
    d = 2 * (h.data @ V.data - y)
    dh = d @ V.data.T * h.data * (1 - h.data)
    return ((h @ V - y) ** 2).sum(), {V: sigmoid(h.data).T @ d, W: X.T @ dh}


@planted("what is computed in between, power, sum, sqrt, divide, is not differentiated")
def a_vector_that_is_normalized_is_taken_for_one_that_was():
    rng = np.random.default_rng(27)
    q, c = leaf(rng, 4, name="q"), rng.normal(size=4)
    n = q / np.sqrt((q**2).sum())
    return (c * n**2).sum(), {q: 2 * c * n.data}


def attention(seed, d_scores):
    """Self-attention, and what `d_scores(dP, P)` makes of what arrives at the probabilities."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    Q, K, V = (leaf(rng, 3, 4, name=name) for name in "QKV")
    q, k, v = X @ Q, X @ K, X @ V
    P = softmax(q @ k.T, axis=1)
    d = 2 * (P.data @ v.data - y)
    dS = d_scores(d @ v.data.T, P.data)
    right = {Q: X.T @ dS @ k.data, K: X.T @ dS.T @ q.data, V: X.T @ P.data.T @ d}
    return ((P @ v - y) ** 2).sum(), right


@planted("the subtracted sum is that of another row, as when keepdims is left out")
def the_sum_of_softmax_is_subtracted_along_the_other_axis():
    return attention(28, lambda dP, P: P * (dP - (dP * P).sum(axis=1)))


@planted("the result is transposed")
def what_arrives_at_the_probabilities_is_transposed():
    return attention(29, lambda dP, P: P * (dP.T - (dP.T * P).sum(axis=1, keepdims=True)))


@planted("what arrives over it is not multiplied by the derivative of tanh", "and likewise to")
def parentheses_are_missing_around_what_arrives_at_each_state():
    rng = np.random.default_rng(30)
    x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    W, U, V = leaf(rng, 3, 3, name="W"), leaf(rng, 3, 2, name="U"), leaf(rng, 2, 3, name="V")
    h, states, loss = np.zeros(3), [np.zeros(3)], 0
    for t in range(4):
        h = np.tanh(W @ h + U @ x[t])
        states.append(h.data)
        loss = loss + ((V @ h - y[t]) ** 2).sum()
    dW, dU, dV, dh = 0, 0, 0, np.zeros(3)
    for t in reversed(range(4)):
        d = 2 * (V.data @ states[t + 1] - y[t])
        dz = V.data.T @ d + dh * (1 - states[t + 1] ** 2)
        dW, dU = dW + np.outer(dz, states[t]), dU + np.outer(dz, x[t])
        dV, dh = dV + np.outer(d, states[t + 1]), W.data.T @ dz
    return loss, {W: dW, U: dU, V: dV}


def regularized(seed, decay, smoothed=0.0, change=lambda X: X):
    """Softmax of X W with a penalty: what is done to labels and inputs, and for the penalty."""
    rng = np.random.default_rng(seed)
    X, labels, W = rng.normal(size=(8, 3)), rng.integers(4, size=8), leaf(rng, 3, 4, name="W")
    p, y = softmax(X @ W, axis=1), np.eye(4)[labels]
    d = (p.data - (1 - smoothed) * y - smoothed / 4) / 8
    loss = -(y * np.log(p)).sum() / 8 + 0.05 * (W**2).sum()
    return loss, {W: change(X).T @ d + decay(W.data)}


@planted("the derivative of the norm, not of its square,")
def the_penalty_is_differentiated_as_a_norm():
    return regularized(31, lambda w: 0.05 * w / np.sqrt((w**2).sum()))


@planted("the penalty's derivative without its signs")
def the_absolute_values_of_the_weights_are_added():
    return regularized(32, lambda w: 0.1 * abs(w))


@planted("there, and not in the loss, the labels are smoothed, by 0.1")
def labels_are_smoothed_in_the_backward_pass():
    return regularized(33, lambda w: 0.1 * w, smoothed=0.1)


@planted("its other factor less its mean over axis 0.")
def the_inputs_are_centred_in_the_backward_pass():
    return regularized(34, lambda w: 0.1 * w, change=lambda X: X - X.mean(0))


@planted("over the standard deviation: it is standardized")
def the_inputs_are_standardized_in_the_backward_pass():
    return regularized(35, lambda w: 0.1 * w, change=lambda X: (X - X.mean(0)) / X.std(0))


@pytest.mark.parametrize("every", in_second_tier(range(4), (0, 1)))
def test_each_is_named_first(every):
    assert_named_first(CASES[every::4])


def test_a_kernel_whose_largest_entries_are_on_its_diagonal_is_no_table_of_labels():
    rng = np.random.default_rng(21)
    x, y, alpha = rng.normal(size=6), rng.normal(size=6), leaf(rng, 6, name="alpha")
    K = np.exp(-((x[:, None] - x) ** 2))
    loss = ((K @ alpha - y) ** 2).sum() + 0.1 * (alpha @ K @ alpha)
    report = compare_gradients(loss, {alpha: 2 * (K @ alpha.data - y) + 0.2 * alpha.data})
    assert not report
    assert "label" not in str(report)


def test_gradients_of_samples_that_are_clipped_are_no_data_of_the_loss():
    rng = np.random.default_rng(22)
    X, y, w = rng.normal(size=(8, 4)), rng.normal(size=8), leaf(rng, 4, name="w")
    clipped = 2 * (X @ w.data - y)[:, None] * X
    clipped /= np.maximum(1, np.sqrt((clipped**2).sum(axis=1, keepdims=True)))
    report = compare_gradients(((X @ w - y) ** 2).mean(), {w: clipped.mean(axis=0)})
    assert not report
    assert "clipped" not in str(report)


def test_of_two_equal_matrices_one_that_is_not_differentiated_is_no_factor_of_2():
    rng = np.random.default_rng(25)
    W, C = leaf(rng, 3, 3, name="W"), rng.normal(size=(3, 3))
    said = said_first((C * (W @ W)).sum(), {W: C @ W.data.T})
    assert "one of two equal factors is not differentiated." in said
