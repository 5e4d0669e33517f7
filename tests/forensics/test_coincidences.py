"""What nothing is said of: short numbers met by chance, bounds of one entry, huge numbers."""

import numpy as np
import pytest
from naming import leaf
from tiers import in_second_tier

from autograd_lite import Tensor, compare_gradients


def of_a_line(seed):
    """The loss of a line, its parameters, and their right gradients."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=7), rng.normal(size=7)
    a, b = leaf(rng, name="a"), leaf(rng, name="b")
    error = a.data * x + b.data - y
    return ((a * x + b - y) ** 2).sum(), a, b, 2 * (error * x).sum(), 2 * error.sum()


@pytest.mark.parametrize("seed", [1, 2])
def test_whole_numbers_beside_the_right_ones_are_explained_by_nothing(seed):
    loss, a, b, right_of_a, right_of_b = of_a_line(seed)
    whole = {a: np.round(right_of_a) + 1, b: np.round(right_of_b) - 2}
    assert compare_gradients(loss, whole).explanations == []


@pytest.mark.parametrize(
    ("factors", "words"),
    [((3, 3), "1/3 is missing"), ((-1, -1), "sign"), ((0.5, 0.5), "factor"), ((1, 3), "1/3")],
)
def test_what_is_wrong_with_the_whole_numbers_of_a_lesson_is_named(factors, words):
    x, y = np.array([1.0, 0.0, 3.0]), np.array([2.0, 4.0, 5.0])
    w, b = (Tensor(n, requires_grad=True, name=name) for n, name in ((1.5, "w"), (-0.5, "b")))
    error = 1.5 * x - 0.5 - y
    by_hand = {w: factors[0] * 2 * (error * x).mean(), b: factors[1] * 2 * error.mean()}
    report = compare_gradients(((x * w + b - y) ** 2).mean(), by_hand)
    assert words in str(report.explanations[0])


def test_one_number_is_not_said_to_be_clipped_or_rounded():
    loss, a, b, right_of_a, right_of_b = of_a_line(3)
    for number in (np.sign(right_of_b) * 0.5, np.round(right_of_b, 1)):
        assert compare_gradients(loss, {a: right_of_a, b: number}).explanations == []


def test_a_left_out_term_is_said_though_it_leaves_a_whole_number():
    rng = np.random.default_rng(4)
    y = rng.normal(size=9)
    m, s = leaf(rng, name="m"), leaf(rng, name="s")
    loss = (s + (y - m) ** 2 / (2 * np.exp(2 * s))).mean()
    right = -((y - m.data) / np.exp(2 * s.data)).mean()
    said = compare_gradients(loss, {m: right, s: 1.0}).explanations[0].sentence
    assert "left out" in said or "forgotten" in said


def linear(scale=5.0):
    rng = np.random.default_rng(6)
    X, y = scale * rng.normal(size=(8, 3)), scale * rng.normal(size=(8, 2))
    W, b = leaf(rng, 3, 2, name="W"), leaf(rng, 2, name="b")
    error = X @ W.data + b.data - y
    return ((X @ W + b - y) ** 2).mean(), W, b, X.T @ error / 8, error.sum(axis=0) / 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: g.clip(-1, 1), "clipped at 1"),
        (lambda g: g.round(2), "rounded to 2 decimals"),
        (lambda g: g.astype(int), "cut off to whole numbers"),
        (np.rint, "rounded to whole numbers"),
        (lambda g: g // 1, "rounded down to whole numbers"),
    ],
)
def test_what_is_done_to_all_entries_is_named(change, words):
    loss, W, b, dW, db = linear()
    said = compare_gradients(loss, {W: change(dW), b: change(db)}).explanations[0].sentence
    assert "dW, db: " in said
    assert words in said


@pytest.mark.parametrize("seed", range(3))
def test_random_gradients_of_large_data_are_explained_by_nothing(seed):
    rng = np.random.default_rng(seed)
    X, y, W = 10 * rng.normal(size=(8, 3)), 10 * rng.normal(size=(8, 2)), leaf(rng, 3, 2, name="W")
    report = compare_gradients(((X @ W - y) ** 2).mean(), {W: rng.normal(size=(3, 2))})
    assert not report
    assert report.explanations == []


@pytest.mark.parametrize("number", [1e200, 1e-200, 1e308, 5e-324, np.inf])
def test_numbers_whose_squares_are_none_are_no_factors(number):
    rng = np.random.default_rng(8)
    X, y, W = rng.normal(size=(8, 3)), rng.normal(size=8), leaf(rng, 3, name="W")
    with np.errstate(all="ignore"):
        for loss in (((X @ W - y) ** 2).mean() / number, ((X @ W - y) ** 2).mean() * number):
            assert not compare_gradients(loss, {W: rng.normal(size=3)})


@pytest.mark.parametrize("index", [(2, 3), (0, 1)])
def test_one_entry_that_is_left_at_0_is_called_an_entry(index):
    rng = np.random.default_rng(9)
    X, y, W = rng.normal(size=(8, 3)), rng.normal(size=(8, 4)), leaf(rng, 3, 4, name="W")
    dW = X.T @ (X @ W.data - y) / 16
    dW[index] = 0
    said = compare_gradients(((X @ W - y) ** 2).mean(), {W: dW}).explanations[0].sentence
    assert f"its entry {index} is left at 0" in said


def test_a_column_in_part_is_not_called_a_column():
    rng = np.random.default_rng(9)
    X, y, W = rng.normal(size=(8, 3)), rng.normal(size=(8, 4)), leaf(rng, 3, 4, name="W")
    loss, dW = ((X @ W - y) ** 2).mean(), X.T @ (X @ W.data - y) / 16
    dW[:2, 2] = 0
    said = compare_gradients(loss, {W: dW}).explanations[0].sentence
    assert "2 of its 12 entries are left at 0" in said
    dW[2, 2] = 0
    said = compare_gradients(loss, {W: dW}).explanations[0].sentence
    assert "its column 2 is left at 0" in said


@pytest.mark.parametrize(("shift", "which"), [(1, "before"), (-1, "after")])
@pytest.mark.parametrize("is_held", [True, False])
def test_labels_of_the_sample_beside_are_said_to_be_on_their_side(shift, which, is_held):
    rng = np.random.default_rng(10)
    X, t = rng.normal(size=(8, 4)), np.array([0, 2, 1, 1, 0, 2, 0, 1])
    W = Tensor(rng.normal(size=(4, 3)), requires_grad=True, name="W")
    rows = np.arange(8)
    scores = X @ W
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    loss = -log_p[rows if is_held else np.arange(8), t].mean()
    delta = np.exp(log_p.data)
    delta[rows, np.roll(t, shift)] -= 1
    said = compare_gradients(loss, {W: X.T @ delta / 8}).explanations[0].sentence
    assert f"the labels are off by one sample: those of the one {which}" in said


def test_labels_in_reverse_order_are_named():
    rng = np.random.default_rng(11)
    X, t, W = rng.normal(size=(8, 4)), np.array([0, 2, 1, 1, 0, 2, 0, 1]), leaf(rng, 4, 3, name="W")
    scores = X @ W
    loss = (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(8), t]).sum()
    e = np.exp(scores.data)
    delta = e / e.sum(axis=1, keepdims=True) - np.eye(3)[t[::-1]]
    said = compare_gradients(loss, {W: X.T @ delta}).explanations[0].sentence
    assert "the labels are in reverse order" in said


@pytest.mark.parametrize(
    ("index", "words"),
    [((1, 2), "its entry (1, 2) is"), (1, "its row 1 is"), ((slice(None), 0), "its column 0 is")],
)
def test_entries_of_the_wrong_sign_are_named(index, words):
    X = np.random.default_rng(12).normal(size=(8, 3))
    V = leaf(np.random.default_rng(13), 3, 4, name="V")
    loss, dV = ((X @ V) ** 2).sum() / 2, X.T @ X @ V.data
    dV[index] *= -1
    said = compare_gradients(loss, {V: dV}).explanations[0].sentence
    assert f"{words} of the wrong sign" in said


def test_gradients_that_are_cut_off_after_some_decimals_are_named():
    loss, W, b, dW, db = linear()
    cut = {W: np.trunc(100 * dW) / 100, b: np.trunc(100 * db) / 100}
    said = compare_gradients(loss, cut).explanations[0].sentence
    assert "cut off after 2 decimals" in said


@pytest.mark.parametrize("number", in_second_tier((-1.0, 1.0, 2.0), but=(1.0,)))
def test_zeros_beside_a_whole_number_are_no_evidence_for_it(number):
    rng = np.random.default_rng(70001)
    X, t = rng.normal(size=(8, 2)), rng.integers(2, size=8)
    w, b = leaf(rng, 2, name="w"), leaf(rng, name="b")
    p = 1 / (1 + np.exp(-(X @ w + b)))
    loss = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    for each in compare_gradients(loss, {w: np.zeros(2), b: number}).explanations:
        assert "nothing explains that" in each.sentence


def test_one_number_is_no_penalty_whose_strength_was_solved_for():
    loss, a, b, right_of_a, right_of_b = of_a_line(9)
    for more in (0.5 * b.data, 0.02 * b.data):
        assert compare_gradients(loss, {a: right_of_a, b: right_of_b + more}).explanations == []


def test_one_number_is_a_penalty_whose_strength_the_caller_has():
    loss, a, b, right_of_a, right_of_b = of_a_line(10)
    decay = 0.02
    report = compare_gradients(loss, {a: right_of_a, b: right_of_b + decay * b.data})
    assert "penalty" in str(report.explanations[0])


def test_gradients_at_which_others_saturate_are_not_those_of_the_previous_step():
    rng = np.random.default_rng(11)
    X, y = 3 * rng.normal(size=(8, 3)), rng.integers(4, size=8)
    W, v = leaf(rng, 3, 4, name="W"), leaf(rng, 4, name="v")
    z = X @ W + v
    loss = (np.log(np.exp(z).sum(axis=1)) - z[np.arange(8), y]).sum()
    best = np.eye(4)[z.data.argmax(axis=1)] - np.eye(4)[y]
    assert "previous step" not in str(compare_gradients(loss, {W: X.T @ best, v: best.sum(axis=0)}))


def test_two_mistakes_explain_no_single_short_number():
    b = Tensor(2.2, requires_grad=True, name="b")
    error = np.array([1.0, 2.0, 3.0, 4.0]) - b
    for number in (-0.35, 0.1 + 0.2):
        report = compare_gradients(np.maximum(0.7 * error, -0.3 * error).sum(), {b: number})
        assert all(len(explanation.mistakes) == 1 for explanation in report.explanations)
