"""Networks as users write them: activations written out, clips, batch sizes, other arrays."""

import dask.array
import numpy as np
import pytest

from autograd_lite import Tensor, compare_gradients, detect_anomaly
from autograd_lite.errors import ArgumentError


def leaves(rng, **shapes):
    return [
        Tensor(rng.normal(size=shape), requires_grad=True, name=n) for n, shape in shapes.items()
    ]


def written_out(clip=0.0, m=6):
    """A network of maximum(z, 0) and 1 / (1 + exp(-z)), and its gradients as a function."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(m, 3)), (rng.random((m, 1)) > 0.5).astype(float)
    W1, b1, W2 = leaves(rng, W1=(3, 4), b1=4, W2=(4, 1))
    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ W2
    A2 = 1 / (1 + np.exp(-Z2))
    p = np.clip(A2, clip, 1 - clip) if clip else A2
    loss = -(Y * np.log(p) + (1 - Y) * np.log(1 - p)).mean()
    for name, tensor in {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}.items():
        tensor.name = name
    z1, a1, z2, a2 = (tensor.data for tensor in (Z1, A1, Z2, A2))

    def by_hand(dz2=(a2 - Y) / m, slope1=z1 > 0):
        dz1 = dz2 @ W2.data.T * slope1
        return {W1: X.T @ dz1, b1: dz1.sum(axis=0), W2: a1.T @ dz2}

    return loss, by_hand, {"z1": z1, "a1": a1, "z2": z2, "a2": a2, "Y": Y, "m": m}


def first(report):
    mistakes = report.explanations[0].mistakes
    assert len(mistakes) == 1
    return mistakes[0]


@pytest.mark.parametrize("clip", [0.0, 1e-7])
def test_activations_written_out_are_right_when_they_are(clip):
    loss, by_hand, _ = written_out(clip)
    assert compare_gradients(loss, by_hand())


@pytest.mark.parametrize("clip", [0.0, 1e-7])
def test_the_shortcut_times_the_derivative_of_a_sigmoid_written_out_is_named(clip):
    loss, by_hand, v = written_out(clip)
    mistake = first(
        compare_gradients(loss, by_hand(dz2=(v["a2"] - v["Y"]) / 6 * v["a2"] * (1 - v["a2"])))
    )
    assert (mistake.kind, mistake.operation) == ("derivative twice", "sigmoid")


def test_the_derivative_of_a_sigmoid_written_out_at_its_input_is_named():
    loss, by_hand, v = written_out()
    slope = (v["a2"] - v["Y"]) / (v["a2"] * (1 - v["a2"])) / 6
    mistake = first(compare_gradients(loss, by_hand(dz2=slope * v["z2"] * (1 - v["z2"]))))
    assert (mistake.kind, mistake.operation) == ("wrong place", "sigmoid")
    assert mistake.used == "dZ2 = dA2 * Z2 * (1 - Z2)"
    assert mistake.right == "dZ2 = dA2 * A2 * (1 - A2)"


def test_a_maximum_with_0_is_a_relu():
    loss, by_hand, v = written_out()
    forgotten = first(compare_gradients(loss, by_hand(slope1=1.0)))
    assert (forgotten.kind, forgotten.operation) == ("derivative forgotten", "relu")
    another = first(compare_gradients(loss, by_hand(slope1=v["a1"] * (1 - v["a1"]))))
    assert (another.kind, another.operation) == ("another derivative", "relu")


def test_softmax_written_out_and_multiplied_by_its_derivative_again_is_named():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(6, 3)), np.eye(3)[[0, 1, 2, 1, 0, 2]]
    (W,) = leaves(rng, W=(3, 3))
    Z = X @ W
    e = np.exp(Z - Z.data.max(axis=1, keepdims=True))
    P = e / e.sum(axis=1, keepdims=True)
    loss = -(Y * np.log(P)).sum() / 6
    error = (P.data - Y) / 6
    assert compare_gradients(loss, {W: X.T @ error})
    mistake = first(compare_gradients(loss, {W: X.T @ (error * P.data * (1 - P.data))}))
    assert (mistake.kind, mistake.operation) == ("derivative twice", "softmax")


@pytest.mark.parametrize(
    "m", [7, 569, *(pytest.param(m, marks=pytest.mark.exhaustive) for m in (12, 30, 150))]
)
def test_a_second_division_by_the_batch_size_is_named_whatever_that_is(m):
    loss, by_hand, _ = written_out(m=m)
    mistake = first(compare_gradients(loss, {t: g / m for t, g in by_hand().items()}))
    assert mistake.kind == "factor"
    assert mistake.factor == pytest.approx(1 / m, rel=1e-9)
    assert f"divided by {m}, the number of samples, once too often" in mistake.sentence


def logistic_regression():
    """From zeros: a loss, its weights, and their gradient."""
    x = np.random.default_rng(0).normal(size=(5, 3))
    y = np.array([[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 3)
    W = Tensor(np.zeros((3, 2)), requires_grad=True, name="W")
    a = 1 / (1 + np.exp(-(x @ W)))
    loss = -(y * np.log(a) + (1 - y) * np.log(1 - a)).mean()
    return loss, W, x.T @ (a.data - y) / 10


def test_what_is_right_from_zeros_is_the_graph_s_gradient():
    loss, W, right = logistic_regression()
    assert compare_gradients(loss, {W: right})
    assert first(compare_gradients(loss, {W: -right})).kind == "sign"
    for explanation in compare_gradients(loss, {W: 2 * right}).explanations:
        assert "sign" not in str(explanation)


def densities():
    """The negative logarithm of normal densities far from the mean."""
    x = np.random.default_rng(0).normal(size=6)
    mu = Tensor(9.0, requires_grad=True, name="mu")
    p = np.exp(-0.5 * (x - mu) ** 2) / np.sqrt(2 * np.pi)
    return -np.log(p).mean(), mu, np.array(9.0 - x.mean())


def sure(offset=-40.0, dtype=np.float64):
    """A sigmoid at logits far below 0."""
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(dtype)
    W = Tensor(np.full((3, 2), dtype(0.3)), requires_grad=True, name="W")
    a = 1 / (1 + np.exp(-(x @ W + dtype(offset))))
    return -np.log(a).mean(), W, x.T @ (a.data - 1) / dtype(10)


@pytest.mark.parametrize("case", [densities, sure, lambda: sure(-20.0, np.float32)])
def test_no_gradient_but_the_right_one_agrees_where_values_are_tiny(case):
    loss, tensor, right = case()
    assert compare_gradients(loss, {tensor: right})
    for factor in (2.0, 8.0, -1.0):
        report = compare_gradients(loss, {tensor: right.dtype.type(factor) * right})
        assert not report
        assert first(report).factor == factor
    assert not compare_gradients(loss, {tensor: right + right.dtype.type(17)})


def test_the_derivative_of_the_whole_is_wrong_where_a_gate_is_detached():
    x, (W,) = (
        np.random.default_rng(0).normal(size=(5, 3)),
        leaves(np.random.default_rng(1), W=(3, 2)),
    )
    z = x @ W
    gate = 1 / (1 + np.exp(-z.data))
    a = z * gate
    loss = (a * a).sum()
    assert compare_gradients(loss, {W: x.T @ (2 * a.data * gate)})
    assert not compare_gradients(
        loss, {W: x.T @ (2 * a.data * (gate + z.data * gate * (1 - gate)))}
    )


@pytest.mark.parametrize(
    "rectified", [lambda z: np.maximum(z, 0), lambda z: np.clip(z, 0, None), lambda z: z * (z > 0)]
)
def test_mistakes_are_named_beside_a_slope_at_a_kink(rectified):
    X, Y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    W1, W2 = leaves(np.random.default_rng(0), W1=(2, 5), W2=(5, 1))
    b1 = Tensor(np.zeros(5), requires_grad=True, name="b1")
    z1 = X @ W1 + b1
    a1 = rectified(z1)
    a2 = 1 / (1 + np.exp(-(a1 @ W2)))
    loss = -(Y * np.log(a2) + (1 - Y) * np.log(1 - a2)).mean()

    def by_hand(dz2):
        dz1 = dz2 @ W2.data.T * (z1.data > 0)
        return {W1: X.T @ dz1, b1: dz1.sum(axis=0), W2: a1.data.T @ dz2}

    error = (a2.data - Y) / 4
    assert compare_gradients(loss, by_hand(error))
    mistake = first(compare_gradients(loss, by_hand(error * a2.data * (1 - a2.data))))
    assert (mistake.kind, mistake.operation) == ("derivative twice", "sigmoid")


def test_an_infinite_cotangent_elsewhere_excuses_nothing():
    x, w = Tensor([0.0, 1.0], requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        loss = np.sqrt(x * 1.0).sum() + (w**2).sum()
        assert not compare_gradients(loss, {w: np.array([100.0, -2.0])})
        assert compare_gradients(loss, {w: np.array([2.0, 4.0])})


def test_a_number_that_fits_a_single_entry_by_chance_explains_nothing():
    w = Tensor([3.0], requires_grad=True)
    report = compare_gradients((w**2).sum() * 4, {w: np.array([1234.5])})
    assert report.explanations == []
    assert first(compare_gradients((w**2).sum() * 4, {w: np.array([-24.0])})).kind == "sign"


@pytest.mark.parametrize("gradient", [None, [None, 2.0], [[1, 2], [3]], np.array([1j, 2j])])
def test_what_is_no_array_of_real_numbers_is_refused_by_name(gradient):
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    with pytest.raises(ArgumentError, match=r"'w'.*no array of real numbers.*None before"):
        compare_gradients((w**2).sum(), {w: gradient})


def test_dask_arrays_are_compared_and_not_searched():
    rng = np.random.default_rng(0)
    X = dask.array.from_array(rng.normal(size=(6, 3)), chunks=3)
    w = Tensor(rng.normal(size=3), requires_grad=True, name="w")
    loss = ((X @ w) ** 2).sum()
    right = 2 * (X.T @ (X @ w.data)).compute()
    assert compare_gradients(loss, {w: right})
    report = compare_gradients(loss, {w: 2 * right})
    assert not report
    assert "NumPy arrays only" in report.pattern


def test_where_an_array_has_no_entries_gradients_are_compared_and_not_searched():
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="w")
    loss = ((np.zeros((0, 3)) @ w) ** 2).sum() + (w**2).sum()
    assert compare_gradients(loss, {w: 2 * w.data})
    report = compare_gradients(loss, {w: w.data})
    assert not report
    assert "no entries" in report.pattern


def test_arrays_of_the_caller_that_are_no_numbers_are_left_out():
    words, parts, none = np.array(["a", "b", "c"]), np.full(3, 1j), np.array([None] * 3)
    dates, records = np.zeros(3, "datetime64[s]"), np.zeros(3, "f8,i4")
    w, y = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="w"), np.array([0.3, 0.1, 0.7])
    for given in (np.array([0.2, 5.0, -3.0]), y * 1.5):
        report = compare_gradients((np.tanh(w) * y).sum(), {w: given})
        assert not report
        assert len({len(x) for x in (words, parts, none, dates, records, given)}) == 1


def test_a_mask_of_the_caller_is_no_gradient_of_a_step():
    w, y, mask = (
        Tensor([1.0, 2.0, 3.0], requires_grad=True),
        np.zeros(3),
        np.array([True, False] * 2)[1:],
    )
    report = compare_gradients(((y - np.cos(w)) ** 2).sum(), {w: np.array([0.2, 5.0, -3.0])})
    assert not report
    assert mask.shape == w.shape


def test_a_search_inside_of_detect_anomaly_raises_nothing():
    loss, by_hand, _ = written_out()
    with detect_anomaly():
        report = compare_gradients(loss, by_hand(slope1=1.0))
    assert first(report).kind == "derivative forgotten"
