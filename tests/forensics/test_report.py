"""What `compare_gradients` returns: verdict, rows, text, HTML, JSON; and what it says of chaos."""

import inspect
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from autograd_lite import (
    Tensor,
    checkpoint,
    compare_gradients,
    detect_anomaly,
    differentiable,
    grad,
)
from autograd_lite.errors import GradientCheckError


def network(names=("W", "b"), shape=(4, 3), seed=0):
    """tanh(X W + b), summed with weights: a loss, its tensors, their right gradients."""
    rng = np.random.default_rng(seed)
    X, C = rng.normal(size=(6, shape[0])), rng.normal(size=(6, shape[1]))
    W = Tensor(rng.normal(size=shape), requires_grad=True, name=names[0])
    b = Tensor(rng.normal(size=shape[1]), requires_grad=True, name=names[1])
    loss = (np.tanh(X @ W + b) * C).sum()
    dZ = (1 - np.tanh(X @ W.data + b.data) ** 2) * C
    return loss, {W: X.T @ dZ, b: dZ.sum(axis=0)}


def with_weights(change, **of_network):
    """The report of the network where the weights' gradient is changed."""
    loss, manual = network(**of_network)
    W, b = manual
    return compare_gradients(loss, {W: change(manual[W].copy()), b: manual[b]})


def in_one_line(text):
    return " ".join(text.split())


def test_right_gradients_give_a_true_report_without_explanations():
    report = compare_gradients(*network())
    assert bool(report) is True
    assert report.explanations == []
    assert [row.name for row in report.rows] == ["W", "b"]
    assert all(row.agrees and row.reason == "" for row in report.rows)
    report.raise_if_wrong()


def test_rows_hold_both_gradients_and_the_worst_entry():
    def change(dW):
        dW[2, 1] += 5.0
        return dW

    report = with_weights(change)
    first, second = report.rows
    assert bool(report) is False
    assert (first.agrees, second.agrees) == (False, True)
    assert first.worst_index == (2, 1)
    assert first.max_error == pytest.approx(5.0)
    assert first.manual[2, 1] == pytest.approx(first.automatic[2, 1] + 5.0)
    scale = max(np.abs(first.manual).max(), np.abs(first.automatic).max())
    assert first.relative_error == pytest.approx(5.0 / scale)
    assert "(2, 1)" in first.reason
    assert second.verdict != first.verdict


def test_text_is_a_table_with_the_diagnosis_below():
    report = with_weights(np.negative)
    text = str(report)
    lines = text.splitlines()
    assert lines[1].split()[0] == "W"
    assert lines[2].split()[0] == "b"
    below = in_one_line("\n".join(lines[3:]))
    assert in_one_line(report.explanations[0].sentence) in below


def test_raise_if_wrong_raises_with_the_text():
    report = with_weights(np.negative)
    with pytest.raises(GradientCheckError) as raised:
        report.raise_if_wrong()
    assert in_one_line(report.explanations[0].sentence) in in_one_line(str(raised.value))


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.names, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def test_html_is_a_table_that_escapes_names():
    html = with_weights(np.negative, names=("<script>W</script>", "a&b"))._repr_html_()
    tags = Tags(html)
    assert "table" in tags.names
    assert "script" not in tags.names
    assert "<script>W</script>" in "".join(tags.text)
    assert "&amp;" in html


def test_json_holds_rows_and_explanations():
    report = with_weights(np.negative)
    read = json.loads(report.to_json())
    text = json.dumps(read)
    assert '"W"' in text
    assert '"sign"' in text
    assert json.dumps(report.explanations[0].sentence) in text


def test_json_of_gradients_that_are_not_finite_can_be_read_anywhere():
    report = with_weights(lambda dW: dW * np.nan)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads(report.to_json(), parse_constant=refuse)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_wrong_and_not_explained_by_a_derivation(bad):
    def change(dW):
        dW[0, 0] = bad
        return dW

    report = with_weights(change)
    assert not report
    assert not report.rows[0].agrees
    assert report.explanations == []


def test_one_explanation_says_what_is_right_given_the_mistake():
    report = with_weights(lambda dW: 3 * dW)
    explanation = report.explanations[0]
    (mistake,) = explanation.mistakes
    assert (mistake.kind, mistake.tensor) == ("factor", "W")
    assert mistake.factor == pytest.approx(3.0)
    assert "W" in explanation.explained
    assert explanation.error < 1e-9
    assert explanation.sentence.strip().endswith(".")


def test_grad_and_loss_are_left_as_they_were():
    loss, manual = network()
    W, b = manual
    loss.backward()
    before = W.grad.copy(), b.grad.copy(), loss.item()
    compare_gradients(loss, {W: -manual[W], b: manual[b].sum()})
    assert (W.grad == before[0]).all()
    assert (b.grad == before[1]).all()
    assert loss.item() == before[2]
    assert (manual[W] == before[0]).all()


# When nothing explains it


@pytest.mark.parametrize("seeds", [2, pytest.param(8, marks=pytest.mark.exhaustive)])
def test_random_numbers_are_not_explained(seeds):
    rng = np.random.default_rng(1)
    for seed in range(seeds):
        report = with_weights(lambda dW: rng.normal(size=dW.shape), seed=seed)
        assert not report
        assert report.explanations == [], str(report)
        assert report.pattern


@pytest.mark.parametrize("seeds", [2, pytest.param(8, marks=pytest.mark.exhaustive)])
def test_random_numbers_for_all_gradients_are_not_explained(seeds):
    rng = np.random.default_rng(1)
    for seed in range(seeds):
        loss, manual = network(seed=seed)
        noise = {t: rng.normal(size=g.shape) for t, g in manual.items()}
        report = compare_gradients(loss, noise)
        assert report.explanations == [], str(report)
        assert report.pattern


def test_pattern_names_the_row_that_is_wrong():
    def change(dW):
        dW[2] = [0.3, -7.0, 1.1]
        return dW

    report = with_weights(change)
    assert report.explanations == []
    assert "row" in report.pattern
    assert "2" in report.pattern
    assert "W" in report.pattern
    assert in_one_line(report.pattern) in in_one_line(str(report))


def test_pattern_names_the_column_that_is_wrong():
    def change(dW):
        dW[:, 1] = [0.3, -7.0, 1.1, 0.4]
        return dW

    report = with_weights(change)
    assert report.explanations == []
    assert "column" in report.pattern
    assert "1" in report.pattern


def test_pattern_counts_the_entries_that_are_wrong():
    def change(dW):
        dW[0, 2] += 1.0
        dW[3, 1] -= 0.7
        return dW

    report = with_weights(change)
    assert report.explanations == []
    assert "2 of 12 entries" in report.pattern


@pytest.mark.parametrize(("error", "off"), [(1e-7, 11), (2e-7, 11), (9e-6, 12)])
def test_what_is_hardly_wrong_is_no_mistake_in_a_derivation(error, off):
    report = with_weights(lambda dW: dW * (1 + error))
    assert not report
    assert report.explanations == []
    assert report.pattern == (
        f"dW: {off} of 12 entries are off by up to {error:.0e} of the largest, as finite "
        "differences, float32 or constants of few digits are."
    )


def test_pattern_says_that_the_automatic_gradient_is_not_finite():
    W = Tensor([0.0, 4.0], requires_grad=True, name="W")
    with np.errstate(divide="ignore"):
        report = compare_gradients(np.sqrt(W).sum(), {W: np.array([1.0, 0.25])})
    assert report.pattern == (
        "dW: 1 of 2 entries are NaN or infinite in the automatic gradient, the first at (0,)."
    )


def test_pattern_says_that_only_signs_are_wrong():
    def change(dW):
        flip = np.ones(dW.shape)
        flip[0, 0] = flip[1, 2] = flip[2, 1] = flip[3, 0] = flip[2, 2] = -1
        return dW * flip

    report = with_weights(change)
    assert report.explanations == []
    assert "sign" in report.pattern


def test_pattern_says_that_the_error_has_rank_one():
    rng = np.random.default_rng(2)

    def change(dW):
        return dW + np.outer(rng.normal(size=dW.shape[0]), rng.normal(size=dW.shape[1]))

    report = with_weights(change)
    assert report.explanations == []
    assert "rank" in report.pattern


def test_the_line_of_the_forward_operation_is_named_where_anomalies_are_looked_for():
    x = np.array([[0.5, -1.0], [2.0, 0.1]])
    W = Tensor([[0.3], [-0.2]], requires_grad=True, name="W")
    with detect_anomaly():
        z = x @ W
        a = np.tanh(z)
    line = inspect.currentframe().f_lineno - 1
    forgotten = x.T @ (a.data / 2)
    mistake = compare_gradients((a**2).sum() / 4, {W: forgotten}).explanations[0].mistakes[0]
    assert mistake.kind == "derivative forgotten"
    assert mistake.source == f"{__file__}, line {line}"
    outside = compare_gradients((np.tanh(x @ W) ** 2).sum() / 4, {W: forgotten}).explanations[0]
    assert outside.mistakes[0].source == ""


def test_of_several_mistakes_in_one_step_that_do_the_same_one_is_told():
    x = np.array([[0.5, 1.0], [2.0, 0.1]])
    W = Tensor([[0.3], [0.2]], requires_grad=True, name="W")
    a = np.tanh(x @ W)
    # The slopes of relu, leaky_relu and elu are 1 at all of these values.
    report = compare_gradients((a**2).sum(), {W: x.T @ (2 * a.data)})
    assert [e.mistakes[0].kind for e in report.explanations] == ["derivative forgotten"]


def test_what_is_equal_to_its_input_is_not_taken_for_normalized():
    w = Tensor(np.ones((4, 3)), requires_grad=True)
    report = compare_gradients((w**2).sum(), {w: np.ones((4, 3))})
    assert "a factor of 2 is missing" in str(report)
    assert "normalized" not in str(report)


def test_a_mistake_beside_a_checkpoint_is_named():
    x = np.array([[0.5, 1.0], [2.0, 0.1], [0.3, -0.4]])
    W = Tensor([[0.3], [0.2]], requires_grad=True, name="W")
    b = Tensor([0.1], requires_grad=True, name="b")
    h = checkpoint(lambda W: np.tanh(x @ W))(W)
    loss = ((h + b) ** 2).mean()
    loss.backward()
    report = compare_gradients(loss, {W: W.grad, b: 3 * b.grad})
    mistake = report.explanations[0].mistakes[0]
    assert (mistake.kind, mistake.tensor, mistake.factor) == ("factor", "b", 3.0)


def test_a_mistake_beside_a_rule_that_computes_with_arrays_only_is_named():
    @differentiable(lambda g, y, x: g * 3 * np.asarray(x, float) ** 2)
    def cube(x):
        return x**3

    W = Tensor([0.3, 0.2], requires_grad=True, name="W")
    report = compare_gradients((cube(W) * 2).sum(), {W: -6 * W.data**2})
    assert report.explanations[0].mistakes[0].kind == "sign"


def test_a_mistake_through_a_checkpoint_is_named_without_its_formula():
    W = Tensor([0.1, 0.2, 0.3], requires_grad=True, name="W")
    loss = checkpoint(lambda w: np.tanh(w).sum())(W)
    report = compare_gradients(loss, {W: 2 * (1 - np.tanh(W.data) ** 2)})
    mistake = report.explanations[0].mistakes[0]
    assert (mistake.factor, mistake.used, mistake.right) == (2.0, "", "")


def _of_arrays(g, y, x):
    if type(x) is not np.ndarray:
        raise TypeError("arrays only")
    return g * 2 * x


def _asserting(g, y, x):
    assert np.array_equal(y, x * x)
    return g * 2 * x


def _assigning(g, y, x):
    slope = np.zeros_like(x)
    slope[...] = 2 * x
    return g * slope


def _into(g, y, x):
    slope = np.empty_like(x)
    np.multiply(g, 2 * x, out=slope)
    return slope


RULES = {
    "grad": lambda g, y, x: g * grad(lambda t: (t * t).sum())(x),
    "real": lambda g, y, x: g * 2 * x.real,
    "flat": lambda g, y, x: g * 2 * np.array([*x.flat]),
    "entries": lambda g, y, x: g * 2 * np.array([x[0], x[1], x[2]]),
    "index": lambda g, y, x: g * 2 * x if type(x) is np.ndarray else [][0],
    "dtype": lambda g, y, x: np.multiply(g, 2 * x, dtype=np.float64),
    "types": _of_arrays,
    "assert": _asserting,
    "assigned": _assigning,
    "out": _into,
}


@pytest.mark.parametrize("rule", RULES)
def test_whatever_a_rule_does_its_mistakes_are_reported(rule):
    @differentiable(RULES[rule])
    def square(x):
        return x * x

    W = Tensor([0.3, -0.2, 0.7], requires_grad=True, name="W")
    report = compare_gradients((np.tanh(square(W)) * 2).sum(), {W: np.array([1.0, -2, 5])})
    assert not report
    assert report.pattern
    report = compare_gradients(square(W).sum(), {W: -2 * W.data})
    assert "sign" in [e.mistakes[0].kind for e in report.explanations]
    assert "by hand" in str(report) or report.explanations[0].mistakes[0].used == ""


def test_what_only_passes_on_is_written_out_as_what_it_is():
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(10, 3)), rng.normal(size=10)
    w = Tensor(rng.normal(size=3), requires_grad=True, name="w")
    r = X @ w - t
    report = compare_gradients(np.log(np.cosh(r)).mean(), {w: X.T @ r.data / 10})
    (mistake,) = report.explanations[0].mistakes
    assert "squared errors" in mistake.sentence
    assert mistake.right == "dr = 1 / np.cosh(r) * np.sinh(r) / 10"
