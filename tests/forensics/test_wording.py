"""What is said of mistakes: whose name, which step, which values, and nothing twice."""

import numpy as np
import pytest
from looping import looped
from naming import leaf

import nn
from autograd_lite import Tensor, compare_gradients, logsumexp, relu, sigmoid, softmax


def first(report):
    """The first explanation."""
    assert report.explanations, str(report)
    return report.explanations[0]


# Names


def test_parameters_of_two_layers_that_are_called_alike_have_the_names_of_their_layers():
    rng = np.random.default_rng(0)
    hidden, norm, output = nn.Dense(3, 4), nn.LayerNorm(4), nn.Dense(4, 2)
    parameters = [p for layer in (hidden, norm, output) for p in layer.parameters()]
    loss = (output(np.tanh(norm(hidden(rng.normal(size=(5, 3)))))) ** 2).sum()
    loss.backward()
    gradients = {p: p.grad for p in parameters}
    report = compare_gradients(loss, gradients | {norm.weight: 3 * norm.weight.grad})
    assert [row.name for row in report] == [
        *("hidden.weight", "hidden.bias", "norm.weight", "norm.bias"),
        *("output.weight", "output.bias"),
    ]
    assert report.explanations[0].mistakes[0].tensor == "norm.weight"
    assert report.explanations[0].consequences == (
        "dgamma1 (of norm.weight) is wrong because of it; dW1 (of hidden.weight), "
        "db1 (of hidden.bias), dbeta1 (of norm.bias), dW2 (of output.weight), "
        "db2 (of output.bias) are right."
    )


def test_a_layer_without_a_bias_takes_none_of_the_next_one():
    hidden, output = nn.Dense(3, 4, bias=False), nn.Dense(4, 2)
    loss = (output(np.tanh(hidden(np.ones((5, 3))))) ** 2).sum()
    loss.backward()
    report = compare_gradients(loss, {output.bias: 3 * output.bias.grad})
    assert "db2 (of bias) is wrong" in first(report).consequences


class Network:
    def __init__(self):
        self.first = nn.Dense(3, 4)
        self.second = nn.Dense(4, 2)

    def __call__(self, x):
        return self.second(np.tanh(self.first(x)))


def test_layers_in_an_object_or_a_list_are_called_as_they_are_written():
    X, net, layers = np.ones((5, 3)), Network(), [nn.Dense(3, 4), nn.Dense(4, 2)]
    for loss, weights, name in (
        ((net(X) ** 2).sum(), [net.first.weight, net.second.weight], "net.second.weight"),
        (
            (layers[1](np.tanh(layers[0](X))) ** 2).sum(),
            [layers[0].weight, layers[1].weight],
            "layers[1].weight",
        ),
    ):
        loss.backward()
        one, other = weights
        report = compare_gradients(loss, {one: one.grad, other: 3 * other.grad})
        assert report.rows[1].name == name
        assert f"(of {name}) is wrong" in report.explanations[0].consequences


def test_tensors_that_are_called_alike_and_held_by_nothing_are_told_by_their_shapes():
    rng = np.random.default_rng(0)
    weights = {1: leaf(rng, 3, 4, name="weight"), 2: leaf(rng, 4, 2, name="weight")}
    loss = (np.tanh(rng.normal(size=(5, 3)) @ weights[1]) @ weights[2]).sum()
    loss.backward()
    report = compare_gradients(loss, {w: w.grad for w in weights.values()})
    names = [row.name for row in report]
    assert names == ["weight of shape (3, 4)", "weight of shape (4, 2)"]


class Answering:
    """What computes its attributes, or fails at that."""

    __slots__ = ()

    def __getattr__(self, name):
        raise RuntimeError(name)


class Reading:
    """What has the method of a model, for something else."""

    def named_parameters(self, path):
        raise RuntimeError(path)


@looped("other", [Answering(), Reading(), [Reading()], {"__dict__": Reading()}])
def test_names_of_layers_are_asked_of_models_only(other):
    hidden, output = nn.Dense(3, 4), nn.Dense(4, 2)
    loss = (output(np.tanh(hidden(np.ones((5, 3))))) ** 2).sum()
    loss.backward()
    report = compare_gradients(loss, {p: p.grad for p in (hidden.weight, output.weight)})
    assert [row.name for row in report] == ["hidden.weight", "output.weight"]


# Factors


def scaled(factor, divides=False):
    """The sum of squares of tanh(X W), times or over a factor, which is forgotten by hand."""
    rng = np.random.default_rng(1)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    h = np.tanh(X @ W)
    out = h / factor if divides else h * factor
    delta = 2 * (out.data - y)
    return ((out - y) ** 2).sum(), {W: X.T @ (delta * (1 - h.data**2))}


def test_a_factor_that_is_forgotten_is_called_by_its_name():
    rng = np.random.default_rng(2)
    gamma = leaf(rng, 4, name="gamma")
    tau = Tensor(0.7, requires_grad=True, name="tau")
    scale = rng.uniform(1, 2, size=4)
    assert "gamma is forgotten" in first(compare_gradients(*scaled(gamma))).sentence
    assert "which is 1 / tau" in first(compare_gradients(*scaled(tau, divides=True))).sentence
    assert "scale is forgotten" in first(compare_gradients(*scaled(scale))).sentence
    del scale
    nameless = first(compare_gradients(*scaled(rng.uniform(1, 2, size=4)))).sentence
    assert "the derivative of multiply is forgotten." in nameless


def test_a_factor_of_ones_is_not_forgotten_where_the_sign_is_wrong():
    rng = np.random.default_rng(1)
    X, W = rng.normal(size=(6, 3)), leaf(rng, 3, 4, name="W")
    gamma = Tensor(np.ones(4), requires_grad=True, name="gamma")
    h = np.tanh(X @ W)
    delta = 2 * h.data * (1 - h.data**2)
    report = compare_gradients(((gamma * h) ** 2).sum(), {W: -X.T @ delta})
    assert first(report).mistakes[0].kind == "sign"


def test_a_constant_without_a_name_has_one_name_by_hand_and_in_what_is_right():
    rng = np.random.default_rng(3)
    X, y, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), leaf(rng, 3, 4, name="W")
    h = np.tanh(X @ W)
    out = h @ rng.normal(size=(4, 4))
    delta = 2 * (out.data - y) @ out.arguments[1]
    report = compare_gradients(((out - y) ** 2).sum(), {W: X.T @ (delta * (1 - h.data**2))})
    mistake = first(report).mistakes[0]
    assert (mistake.used, mistake.right) == ("dh = dout @ constant", "dh = dout @ constant.T")


# Steps


@looped("activation", [sigmoid, np.tanh, relu])
def test_a_sign_is_said_of_the_activation_and_not_of_the_product_before_it(activation):
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W1, W2 = leaf(rng, 3, 4, name="W1"), leaf(rng, 4, 2, name="W2")
    z1 = X @ W1
    h = activation(z1)
    loss = ((h @ W2 - y) ** 2).sum()
    loss.backward()
    mistake = first(compare_gradients(loss, {W1: -W1.grad, W2: W2.grad})).mistakes[0]
    assert (mistake.kind, mistake.operation) == ("sign", h.operation.name)
    assert mistake.sentence == "Step from dh to dz1: the sign is wrong."


def test_of_a_system_that_one_gradient_is_wrong_through_the_step_to_it_is_said():
    rng = np.random.default_rng(5)
    A, b = leaf(rng, 3, 3, name="A"), leaf(rng, 3, name="b")
    u = np.linalg.solve(A, b)
    right = np.linalg.solve(A.data.T, 2 * u.data)
    wrong = np.linalg.solve(A.data, 2 * u.data)
    report = compare_gradients((u**2).sum(), {A: -np.outer(right, u.data), b: wrong})
    explanation = first(report)
    assert "Step from du to db: the matrix is to be transposed" in explanation.sentence
    assert explanation.consequences == "db is wrong because of it; dA is right."


# Values


def test_the_values_of_a_product_are_said_with_what_they_are_to_it():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    W1, W2, W3 = leaf(rng, 4, 6, name="W1"), leaf(rng, 6, 4, name="W2"), leaf(rng, 4, 4, name="W3")
    h1 = np.tanh(X @ W1)
    h2 = np.tanh(h1 @ W2)
    d = 2 * ((h2 @ W3).data - y)

    def gradients(earlier=None, itself=None):
        d2 = d @ (W3.data.T if itself is None else itself) * (1 - h2.data**2)
        d1 = d2 @ W2.data.T * (1 - h1.data**2)
        return {
            W1: X.T @ d1,
            W2: h1.data.T @ d2,
            W3: (h2.data if earlier is None else earlier).T @ d,
        }

    loss = ((h2 @ W3 - y) ** 2).sum()
    assert compare_gradients(loss, gradients())
    report = compare_gradients(loss, gradients(earlier=X))
    assert "values of an earlier layer" in first(report).sentence
    report = compare_gradients(loss, gradients(itself=h2.data.T))
    assert "h2 itself, where the other factor belongs" in first(report).sentence


SPELLINGS = {
    "number": lambda E, i: E[i],
    "number and slice": lambda E, i: E[i, :],
    "slice": lambda E, i: E[i : i + 1],
    "list": lambda E, i: E[[i]],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_rows_that_are_used_again_repeat_an_index_and_are_no_windows(spelling):
    rng = np.random.default_rng(7)
    E, words, Y = leaf(rng, 5, 3, name="E"), [1, 3, 1, 4, 1], rng.normal(size=(5, 3))
    loss, gradient = 0, np.zeros((5, 3))
    for word, y in zip(words, Y):
        loss = loss + ((np.tanh(SPELLINGS[spelling](E, word)) - y) ** 2).sum()
        a = np.tanh(E.data[word])
        gradient[word] = 2 * (a - y) * (1 - a**2)
    sentence = first(compare_gradients(loss, {E: gradient})).sentence
    assert "an index repeats" in sentence
    assert "window" not in sentence


def test_windows_that_share_some_entries_overlap():
    rng = np.random.default_rng(7)
    x, k, gradient = leaf(rng, 8, name="x"), rng.normal(size=3), np.zeros(8)
    loss = sum(((x[i : i + 3] * k).sum() - 1) ** 2 for i in range(6))
    for i in range(6):
        gradient[i : i + 3] = 2 * ((x.data[i : i + 3] * k).sum() - 1) * k
    assert "the windows overlap" in first(compare_gradients(loss, {x: gradient})).sentence


@looped(
    ("strength", "words"), [(-1, "sign of the penalty"), (0, "penalty on large weights is left")]
)
def test_of_a_penalty_that_is_subtracted_or_left_out_that_is_said_once(strength, words):
    rng = np.random.default_rng(8)
    X, y, W = rng.normal(size=(6, 3)), rng.integers(2, size=6), leaf(rng, 3, name="W")
    p = sigmoid(X @ W)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() + 0.2 * (W**2).sum()
    report = compare_gradients(loss, {W: X.T @ (p.data - y) + strength * 0.4 * W.data})
    mistake = first(report).mistakes[0]
    assert words in mistake.sentence
    assert "times" not in mistake.sentence
    assert mistake.sentence.count("wrong") == (strength == -1)


# Formulas and numbers


def test_an_index_of_windows_is_not_called_labels():
    rng = np.random.default_rng(9)
    x, k = leaf(rng, 6, name="x"), rng.normal(size=3)
    first_ones, gradient = np.arange(4)[:, None], np.zeros(6)
    response = np.tanh(x[first_ones + np.arange(3)] * k)
    gradient[first_ones + np.arange(3)] = 2 * response.data * (1 - response.data**2) * k
    mistake = first(compare_gradients((response**2).sum(), {x: gradient})).mistakes[0]
    assert "labels" not in mistake.used + mistake.right
    assert ", indices, x.shape)" in mistake.right


def test_probabilities_over_another_axis_are_written_as_the_right_ones_are():
    rng = np.random.default_rng(10)
    X, Y, W = rng.normal(size=(5, 3)), np.eye(4)[[0, 3, 2, 2, 1]], leaf(rng, 3, 4, name="W")
    z = X @ W
    loss = (logsumexp(z, axis=1) - (Y * z).sum(axis=1)).sum()
    gradient = X.T @ (softmax(z.data, axis=0) - Y)
    mistake = first(compare_gradients(loss, {W: gradient})).mistakes[0]
    assert "axis=1" in mistake.right
    assert mistake.used == mistake.right.replace("axis=1", "axis=0")


@looped(
    ("factor", "written"),
    [
        (1 / 18, "1/18 * "),
        (-1 / 18, "-1/18 * "),
        (7**0.5, "np.sqrt(7) * "),
        (7**-0.5, "1/np.sqrt(7) * "),
        (0.04, "0.04 * "),
        (0.2857, "0.2857 * "),
    ],
)
def test_a_factor_is_written_as_people_write_it(factor, written):
    rng = np.random.default_rng(11)
    X, y, W = rng.normal(size=(5, 3)), rng.normal(size=5), leaf(rng, 3, name="W")
    error = np.tanh(X @ W) - y
    delta = error.data * (1 - (error.data + y) ** 2)
    report = compare_gradients((error**2).sum() / 2, {W: factor * X.T @ delta})
    assert f"= {written}" in first(report).mistakes[0].used


def test_a_root_that_is_divided_by_is_called_one():
    rng = np.random.default_rng(12)
    x, W = rng.normal(size=5), leaf(rng, 5, 5, name="W")
    y = np.tanh(W @ x / np.sqrt(5))
    gradient = np.outer(2 * y.data * (1 - y.data**2), x)
    sentence = first(compare_gradients((y**2).sum(), {W: gradient})).mistakes[0].sentence
    assert "1/np.sqrt(5) is missing: the division by np.sqrt(5) is left out" in sentence
