"""The slope of a cross-entropy in the logits: p - y where it is that, else as it was written."""

import re

import numpy as np
from generated import assert_same, generated

import autograd_lite as al
import nn
import viz
from autograd_lite import Tensor
from autograd_lite.derivatives.cross_entropies import are_shares

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 2))
LABELS = np.array([0, 1, 2, 0, 1, 2])
T, Y = np.eye(3)[LABELS], RNG.integers(0, 2, (6, 3)) * 1.0


def logistic(z):
    return 1 / (1 + np.exp(-z))


def softmax(z, axis=1):
    powers = np.exp(z - z.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def binary(p, y=Y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / 6


P_MINUS_Y = [
    *(lambda z: binary(al.sigmoid(z)), lambda z: binary(logistic(z))),
    lambda z: binary(np.exp(z) / (1 + np.exp(z))),
    lambda z: -binary(al.sigmoid(z)),
    *(lambda z: -(T * np.log(al.softmax(z))).sum() / 6, lambda z: -(T * np.log(softmax(z))).sum()),
    lambda z: -np.mean(np.sum(T * np.log(np.exp(z) / np.exp(z).sum(axis=1)[:, None]), axis=1)),
    lambda z: -(T * al.log_softmax(z)).sum() / 6,
    *(lambda z: -np.log(al.softmax(z))[np.arange(6), LABELS].mean(),),
    lambda z: -np.log(softmax(z)[np.arange(6), LABELS]).mean(),
    lambda z: -al.log_softmax(z)[np.arange(6), LABELS].mean(),
]
BOUNDED = [
    lambda z: nn.BCELoss()(al.sigmoid(z), Y),
    lambda z: nn.BCELoss(reduction="sum")(al.sigmoid(z), Y),
    lambda z: nn.CategoricalCrossEntropyLoss()(al.softmax(z), T),
    lambda z: nn.CategoricalCrossEntropyLoss()(al.softmax(z), LABELS),
]
OTHERS = [
    lambda z: binary(al.sigmoid(z) + 1e-8),
    lambda z: binary(al.sigmoid(z), 1 - Y) + al.sigmoid(z).sum(),
    lambda z: -(2 * T * np.log(al.softmax(z))).sum() / 6,
    lambda z: -(Y * np.log(al.softmax(z))).sum() / 6,
    lambda z: -(T * np.log(softmax(z, axis=0))).sum() / 6,
    lambda z: -np.log(al.softmax(z))[LABELS[:3], LABELS[:3]].mean(),
    lambda z: -(T * np.log(1 - al.softmax(z))).sum() / 6,
]
SLOPE = re.compile(r"(?<!\(1) - (Y|T|np\.eye\(3\)\[LABELS\])(\)|\n)")


def source_of(loss, dtype=float):
    W = Tensor(RNG.normal(size=(2, 3)).astype(dtype), requires_grad=True, name="W")
    value = loss(X.astype(dtype) @ W)
    source, gradients = generated(value, [W], {"T": T, "Y": Y, "LABELS": LABELS})
    value.backward()
    assert_same(gradients, [W], relative=1e-13 if dtype is float else 1e-5)
    return source


def test_it_is_the_probabilities_minus_the_targets_where_the_terms_prove_it():
    for number, loss in enumerate(P_MINUS_Y):
        source = source_of(loss)
        assert SLOPE.search(source), (number, source)


def test_it_is_right_and_as_written_where_they_do_not():
    for number, loss in enumerate(OTHERS):
        source = source_of(loss)
        assert not SLOPE.search(source), (number, source)


def test_the_source_says_that_it_relies_on_rows_that_sum_to_one():
    assert "# As in the record, T's sums over axis 1 are 1." in source_of(P_MINUS_Y[4])
    assert "# As in the record" not in source_of(P_MINUS_Y[0])


def test_the_source_says_which_numbers_are_those_of_the_recorded_samples():
    by_hand = source_of(lambda z: -1 / 6 * (Y * np.log(al.sigmoid(z))).sum())
    assert "# As in the record, and right for no other number of samples: 0.1666" in by_hand
    whole = source_of(lambda z: ((z - Y) ** 2).sum(axis=1).mean())
    assert "# As in" not in whole


def test_shares_are_from_0_to_1_whatever_their_bits():
    shares = [0.0, -0.0, 1.0, 5e-324, np.nan, -np.nan]
    others = [np.nextafter(1.0, 2.0), -5e-324, np.inf, -np.inf]
    for value in (*shares, *others):
        for x in (np.array([0.5, value]), np.array([[0.5, 0.2], [value, 0.5]])[:, :1]):
            assert are_shares(x) is any(value is each for each in shares), x
    for dtype in (np.float32, np.int64, bool):
        assert are_shares(np.array([0, 1], dtype))
    assert not are_shares(np.array([0, 2], np.float32))


def test_of_losses_whose_logarithms_are_bounded_the_slope_is_p_minus_y_where_none_is():
    for place, loss in enumerate(BOUNDED):
        source = source_of(loss)
        assert re.search(r"\w - (\w+|np\.eye\(3\)\[\w+\])\)", source), (place, source)
        assert "entries are above 0" in source, place
        assert "where(" not in source, place
        assert "(1 - " not in source, place  # the slope of sigmoid is cancelled
        saturated = source_of(lambda z, loss=loss: loss(1e6 * z))
        assert "where(" in saturated, (place, saturated)
        assert "entries are above 0" not in saturated, place


def test_a_step_by_step_page_divides_by_p_1_minus_p_where_no_logarithm_is_bounded():
    y = np.array([[1.0], [0.0]])
    for factor, is_bounded in ((1.0, False), (1e6, True)):
        w = Tensor([[factor], [-factor]], requires_grad=True, name="w")
        p = al.sigmoid(np.array([[0.3, 0.2], [0.5, -1.0]]) @ w)
        found = {x.name: x.formula for x in viz.step_through(nn.BCELoss()(p, y)).passages}
        assert ("where(" in found["dp"]) is is_bounded, found
        assert "p ⊙ (1 - p)" in found["dp"]
