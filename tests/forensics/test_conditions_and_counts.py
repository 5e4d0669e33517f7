"""Conditions of choices taken elsewhere, and other mistakes that one formula says.

Each derivation is in NumPy alone, with its mistake in it.
"""

import numpy as np
from naming import assert_named_first, leaf, planted_in

from autograd_lite import Tensor, compare_gradients, sigmoid, softmax

CASES = []
planted = planted_in(CASES)


def choice(ask, chosen, slope=-0.4):
    """A choice between z and slope z; what each branch gets is what `chosen` says of z and out."""
    rng = np.random.default_rng(0)
    X, target, W = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), leaf(rng, 3, 2, name="W")
    a = Tensor(np.array(slope), requires_grad=True, name="a")
    z = X @ W
    out = np.where(ask(z.data), z, a * z)
    d = 2 * (out.data - target)
    first = chosen(z.data, out.data, d)
    dz, da = np.where(first, d, slope * d), (np.where(first, 0, d) * z.data).sum()
    return ((out - target) ** 2).sum(), {W: X.T @ dz, a: da}


@planted("the condition of where is the sign of its result, which is True everywhere")
def condition_at_an_output_that_has_one_sign():
    return choice(lambda z: z > 0, lambda z, out, d: out > 0)


@planted("the condition of where is the sign of its result, not that of its input")
def condition_at_an_output_of_both_signs():
    rng = np.random.default_rng(1)
    X, target, W = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), leaf(rng, 3, 2, name="W")
    z = X @ W
    out = np.where(z.data < 0, 0.1 * z, z - 1)
    d = 2 * (out.data - target)
    return ((out - target) ** 2).sum(), {W: X.T @ np.where(out.data < 0, 0.1 * d, d)}


@planted("the condition of where is the sign of what arrives")
def condition_at_what_arrives():
    return choice(lambda z: z > 0, lambda z, out, d: d > 0, slope=0.2)


@planted("the condition of where is the sign of what arrives", ", in all 2 choices")
def conditions_of_two_layers_at_what_arrives():
    rng = np.random.default_rng(9)
    X, target = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    W, V = leaf(rng, 3, 4, name="W"), leaf(rng, 4, 2, name="V")
    a = Tensor(np.array(0.3), requires_grad=True, name="a")
    z = X @ W
    h = np.where(z.data > 0, z, a * z)
    s = h @ V
    out = np.where(s.data > 0, s, a * s)
    d = 2 * (out.data - target)
    ds = np.where(d > 0, d, 0.3 * d)
    dh = ds @ V.data.T
    da = (np.where(d > 0, 0, d) * s.data).sum() + (np.where(dh > 0, 0, dh) * z.data).sum()
    dW = X.T @ np.where(dh > 0, dh, 0.3 * dh)
    return ((out - target) ** 2).sum(), {V: h.data.T @ ds, W: dW, a: da}


@planted("the condition of where is forgotten: the second branch gets all that arrives")
def condition_forgotten():
    return choice(lambda z: abs(z) < 1, lambda z, out, d: 0 * d, slope=0.3)


def test_numbers_that_are_not_truth_values_are_no_condition():
    loss, gradients = condition_at_an_output_that_has_one_sign()
    target, always = np.random.default_rng(7).normal(size=(9, 2)), np.ones((9, 2), bool)
    report = compare_gradients(loss, gradients)
    assert target.all()
    assert always.all()
    said = "\n".join(map(str, report.explanations))
    assert "the condition of where" in said
    assert "target" not in said
    assert "always" not in said


def test_a_condition_of_the_callers_own_may_stand_for_another():
    rng = np.random.default_rng(2)
    X, target, W = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), leaf(rng, 3, 2, name="W")
    chosen, seen = rng.random((9, 2)) > 0.4, rng.random((9, 2)) > 0.4
    z = X @ W
    out = np.where(chosen, z, 0.0)
    d = 2 * (out.data - target)
    gradients = {W: X.T @ np.where(seen, d, 0)}
    report = compare_gradients(((out - target) ** 2).sum(), gradients)
    assert "it is computed with seen, the loss with chosen" in str(report.explanations[0])


def weights_for_inputs(shape):
    """Weights v of a last layer that stand in its gradient where each sample's h belongs."""
    rng = np.random.default_rng(3)
    X, W, v = rng.normal(size=(7, 3)), leaf(rng, 3, 4, name="W"), leaf(rng, *shape, name="v")
    h = sigmoid(X @ W)
    p = v @ h.T if len(shape) > 1 and shape[1] == 4 else h @ v
    target = rng.normal(size=p.shape)
    delta = 2 * (p.data - target)
    dh = delta.reshape(7, 1) * v.data.reshape(1, 4)
    dW = X.T @ (dh * h.data * (1 - h.data))
    return ((p - target) ** 2).sum(), {W: dW, v: delta.sum() * v.data}


@planted(
    "the product is taken with v itself, where the other factor", "np.broadcast_to(v, a.shape)"
)
def weights_for_the_input():
    return weights_for_inputs((4,))


@planted("the product is taken with v itself, where the other factor")
def weights_of_one_column_for_the_input():
    return weights_for_inputs((4, 1))


@planted("the product is taken with v itself, where the other factor")
def weights_of_one_row_for_the_input():
    return weights_for_inputs((1, 4))


def diagonal_of_softmax(slope):
    rng = np.random.default_rng(5)
    X, target, W = rng.normal(size=(6, 3)), rng.random((6, 4)), leaf(rng, 3, 4, name="W")
    z = X @ W
    p = softmax(z, axis=1)
    d = 2 * (p.data - target)
    return ((p - target) ** 2).sum(), {W: X.T @ (d * slope(p.data, z.data))}


@planted("the cross terms are left out, and the input stands for the output: y (1 - x)")
def diagonal_of_softmax_with_the_input():
    return diagonal_of_softmax(lambda p, z: p * (1 - z))


@planted("the cross terms are left out, and the input stands for the output: x (1 - y)")
def diagonal_of_softmax_with_the_input_in_front():
    return diagonal_of_softmax(lambda p, z: z * (1 - p))


@planted("the cross terms are left out, and the input stands for the output: x (1 - x)")
def diagonal_of_softmax_of_the_input_alone():
    return diagonal_of_softmax(lambda p, z: z * (1 - z))


INDEX = np.array([0, 3, 3, 1, 0, 3, 2, 1])


@planted("divided by its count, as by np.bincount of the index, where 8, the number of samples")
def prototypes_divided_by_their_counts():
    rng = np.random.default_rng(6)
    x, P = rng.normal(size=(8, 2)), leaf(rng, 4, 2, name="P")
    apart = P[INDEX] - x
    d = np.zeros((4, 2))
    np.add.at(d, INDEX, 2 * apart.data)
    return (apart**2).sum() / 8, {P: d / np.bincount(INDEX)[:, None]}


@planted("divided by its count, as by np.bincount of the index, where 8, the number of samples")
def offsets_of_groups_divided_by_their_counts():
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    w, offset = leaf(rng, 3, name="w"), leaf(rng, 4, name="offset")
    error = X @ w + offset[INDEX] - y
    sums = np.bincount(INDEX, weights=2 * error.data)
    gradients = {w: X.T @ error.data / 4, offset: sums / np.bincount(INDEX)}
    return (error**2).mean(), gradients


@planted("what arrives for a repeated index is averaged, where all accumulate")
def offsets_of_groups_averaged_besides():
    rng = np.random.default_rng(8)
    y, offset = rng.normal(size=8), leaf(rng, 4, name="offset")
    error = offset[INDEX] - y
    sums = np.bincount(INDEX, weights=2 * error.data / 8)
    return (error**2).mean(), {offset: sums / np.bincount(INDEX)}


def test_mistakes_are_named_first():
    assert_named_first(CASES)
