"""Rules of calculus taken for others, of quotients, inverses, Jacobians; axes that are lost."""

import itertools

import numpy as np
from naming import assert_named_first, leaf, planted_in

from autograd_lite import logsumexp, sigmoid

CASES = []
planted = planted_in(CASES)


def of_rows(normalized, back):
    """The rows of X W divided by their size; `back(g, x, size)` for the derivative of that."""
    rng = np.random.default_rng(4)
    X, y, W = rng.normal(size=(5, 3)), rng.normal(size=(5, 4)), leaf(rng, 3, 4, name="W")
    x = X @ W
    z, size = normalized(x)
    dx = back(2 * (z.data - y), x.data, size.data)
    return ((z - y) ** 2).sum(), {W: X.T @ dx}


def by_sum(x):
    size = np.exp(x).sum(axis=1, keepdims=True)
    return x / size, size


def by_norm(x):
    size = np.linalg.norm(x, axis=1, keepdims=True)
    return x / size, size


def by_deviation(x):
    size = x.std(axis=1, keepdims=True)
    return (x - x.mean(axis=1, keepdims=True)) / size, size


@planted("the quotient a / b is differentiated as 1 / b is")
def a_unit_vector_by_the_rule_for_reciprocals():
    return of_rows(by_norm, lambda g, x, size: -g * x / size**2)


@planted("the quotient a / b is differentiated as 1 / b is")
def a_share_by_the_rule_for_reciprocals():
    return of_rows(by_sum, lambda g, x, size: -g * x / size**2)


@planted("the Jacobian is taken as diagonal")
def a_normalized_row_with_the_diagonal_of_its_jacobian():
    def back(g, x, size):
        z = (x - x.mean(axis=1, keepdims=True)) / size
        return g * (1 - 1 / 4 - z**2 / 4) / size

    return of_rows(by_deviation, back)


def of_inverse(back, symmetric):
    """trace(S⁻¹ A) + 2 log |S|; `back(P, A)` for the derivative of the trace."""
    rng = np.random.default_rng(6)
    A, S = rng.normal(size=(3, 3)), leaf(rng, 3, 3, name="S")
    S = S @ S.T + 2 * np.eye(3) if symmetric else S + 3 * np.eye(3)
    P = np.linalg.inv(S)
    A = A @ A.T if symmetric else A
    dS = 2 * P.data.T + back(P.data, A)
    return (P * A.T).sum() + 2 * np.linalg.slogdet(S)[1], {S: dS}


@planted("both inverses are on one side of what arrives")
def a_symmetric_matrix_with_both_inverses_on_the_left():
    return of_inverse(lambda P, A: -P @ P @ A, True)


@planted("both inverses are on one side of what arrives")
def both_inverses_on_the_right():
    return of_inverse(lambda P, A: -A.T @ P.T @ P.T, False)


# Axes that are lost


def labels_without_an_axis(whole, labels, logistic=True):
    """p - y for all pairs of samples, whose mean has the mean label; `labels(Y)` for the loss."""
    rng = np.random.default_rng(9)
    X, Y = rng.normal(size=(12, 3)), rng.integers(2, size=12) if whole else rng.random(12)
    w, b = leaf(rng, 3, 1, name="w"), leaf(rng, 1, name="b")
    p = sigmoid(X @ w + b) if logistic else X @ w + b
    errors = (p.data - Y).mean(axis=1, keepdims=True) / 12
    if logistic:
        loss = -(labels(Y) * np.log(p) + (1 - labels(Y)) * np.log(1 - p)).mean()
    else:
        loss = ((p - labels(Y)) ** 2).sum() / 24
    return loss, {w: X.T @ errors, b: errors.sum(axis=0)}


MEAN_LABEL = "the mean of the targets stands for each, as where (m, 1) - (m,) gives (m, m)"


@planted(MEAN_LABEL)
def labels_of_the_logistic_loss_without_their_axis():
    return labels_without_an_axis(True, lambda Y: Y[:, None])


@planted(MEAN_LABEL)
def shares_that_are_reshaped_for_the_loss_alone():
    return labels_without_an_axis(False, lambda Y: Y.reshape(-1, 1))


@planted(MEAN_LABEL)
def whole_targets_of_a_regression_without_their_axis():
    return labels_without_an_axis(True, lambda Y: Y[:, None], logistic=False)


@planted("the mean of the predictions stands for each, as where (m,) - (m, 1) gives (m, m)")
def targets_with_an_axis_too_many():
    rng = np.random.default_rng(10)
    X, Y, w = rng.normal(size=(10, 3)), rng.normal(size=(10, 1)), leaf(rng, 3, name="w")
    predicted = X @ w
    errors = 2 * (predicted.data - Y).mean(axis=1) / 10
    return ((predicted - Y[:, 0]) ** 2).mean(), {w: X.T @ errors}


def divided_by_widths(sizes, inputs):
    """tanh layers, in each of which m is the number of its inputs or outputs; 9 samples."""
    rng = np.random.default_rng(12)
    X, Y = rng.normal(size=(9, sizes[0])), rng.normal(size=(9, sizes[-1]))
    Ws = [leaf(rng, *pair, name=f"W{n}") for n, pair in enumerate(itertools.pairwise(sizes))]
    bs = [leaf(rng, size, name=f"b{n}") for n, size in enumerate(sizes[1:])]
    layers = [X]
    for W, b in zip(Ws, bs):
        layers.append(np.tanh(layers[-1] @ W + b))
    values = [X, *[h.data for h in layers[1:]]]
    g, gradients = values[-1] - Y, {}
    for n in range(len(Ws) - 1, -1, -1):
        g = g * (1 - values[n + 1] ** 2)
        m = sizes[n] if inputs else sizes[n + 1]
        gradients |= {Ws[n]: values[n].T @ g / m, bs[n]: g.sum(axis=0) / m}
        g = g @ Ws[n].data.T
    return ((layers[-1] - Y) ** 2).sum() / 18, gradients


@planted("in each layer it is divided by the number of its inputs, 4, 7, where 9")
def the_number_of_inputs_for_that_of_samples():
    return divided_by_widths((4, 7, 2), True)


@planted("in each layer it is divided by the number of its outputs, 6, 5, 2, where 9")
def the_number_of_outputs_for_that_of_samples():
    return divided_by_widths((4, 6, 5, 2), False)


@planted("through mean", "1/4 is missing, of the mean over 4 entries")
def the_mean_of_the_words_around_one():
    rng = np.random.default_rng(1)
    C, W, around = leaf(rng, 10, 7, name="C"), leaf(rng, 7, 10, name="W"), np.array([3, 8, 0, 5])
    h = C[around].mean(axis=0)
    scores = h @ W
    d = np.exp(scores.data) / np.exp(scores.data).sum() - np.eye(10)[6]
    dC = np.zeros((10, 7))
    dC[around] = W.data @ d
    return logsumexp(scores) - scores[6], {C: dC, W: np.outer(h.data, d)}


@planted("through mean", "1/8 is missing, of the mean over 8 entries")
def the_mean_of_positions_after_an_activation():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=2)
    W, V = leaf(rng, 3, 4, name="W"), leaf(rng, 4, 2, name="V")
    h = np.tanh(X @ W)
    p = h.mean(axis=0)
    d = 2 * (p.data @ V.data - y)
    dW = X.T @ (V.data @ d * (1 - h.data**2))
    return ((p @ V - y) ** 2).sum(), {W: dW, V: np.outer(p.data, d)}


@planted("through mean", "1/8 is missing, one over the number of samples")
def the_mean_that_is_taken_off_all_samples():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    W, V = leaf(rng, 3, 4, name="W"), leaf(rng, 4, 2, name="V")
    h = X @ W
    a = np.tanh(h - h.mean(axis=0))
    d = 2 * (a.data @ V.data - y)
    dc = d @ V.data.T * (1 - a.data**2)
    return ((a @ V - y) ** 2).sum(), {W: X.T @ (dc - dc.sum(axis=0)), V: a.data.T @ d}


@planted("Step from da to dz", "the factor 0.3 is missing")
def the_factor_of_a_sum_is_forgotten_in_one_of_its_terms():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W, V = leaf(rng, 3, 4, name="W"), leaf(rng, 3, 4, name="V")
    a, b = np.tanh(X @ W), np.tanh(X @ V)
    o = 0.3 * (a + b)
    d = 2 * (o.data - y)
    dW, dV = X.T @ (d * (1 - a.data**2)), X.T @ (0.3 * d * (1 - b.data**2))
    return ((o - y) ** 2).sum(), {W: dW, V: dV}


def test_rules_that_are_taken_for_others_are_named_first():
    assert_named_first(CASES)
