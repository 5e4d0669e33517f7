"""Rows C7, C8 and C9: activations, losses and optimizers, each with its formula by hand."""

import numpy as np
import pytest
from agreement import assert_agree
from looping import looped

import nn
import viz
from autograd_lite import Tensor, elu, leaky_relu, relu, sigmoid, softmax, swish

# --- C7: activations

POINTS = np.concatenate([np.linspace(-5, 5, 100), [-2.0, -1.0, 0.0, 1.0, 2.0]])


def logistic(z):
    return 1 / (1 + np.exp(-z))


ACTIVATIONS = {
    "sigmoid": (sigmoid, nn.Sigmoid(), logistic, lambda z: logistic(z) * (1 - logistic(z))),
    "tanh": (np.tanh, nn.Tanh(), np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (relu, nn.ReLU(), lambda z: np.maximum(0, z), lambda z: (z > 0).astype(float)),
    "leaky_relu": (
        leaky_relu,
        nn.LeakyReLU(),
        lambda z: np.where(z > 0, z, 0.01 * z),
        lambda z: np.where(z > 0, 1, 0.01),
    ),
    "elu": (
        elu,
        nn.ELU(),
        lambda z: np.where(z > 0, z, np.exp(z) - 1),
        lambda z: np.where(z > 0, 1, np.exp(z)),
    ),
    "swish": (
        swish,
        nn.Swish(),
        lambda z: z / (1 + np.exp(-z)),
        lambda z: logistic(z) + z * logistic(z) * (1 - logistic(z)),
    ),
}


@looped("name", ACTIVATIONS)
def test_c7_activation_and_derivative_equal_the_formulas(name):
    function, module, by_hand, derivative = ACTIVATIONS[name]
    for activation in (function, module):
        z = Tensor(POINTS, requires_grad=True)
        a = activation(z)
        a.sum().backward()
        assert_agree(a.data, by_hand(POINTS))
        assert_agree(z.grad, derivative(POINTS))


@looped("name", ACTIVATIONS)
def test_c7_a_layer_takes_the_activation_by_name(name):
    _, _, by_hand, _ = ACTIVATIONS[name]
    layer = nn.Dense(2, 3, activation=name, rng=0)
    x = np.random.default_rng(0).normal(size=(5, 2))
    assert_agree(nn.predict(layer, x), by_hand(x @ layer.weight.data))


@looped("alpha", [0.1, 0.5])
def test_c7_alpha_is_the_callers_choice(alpha):
    z = Tensor([-2.0, 3.0], requires_grad=True)
    (nn.LeakyReLU(alpha)(z) + nn.ELU(alpha)(z)).sum().backward()
    assert_agree(z.grad, np.array([alpha + alpha * np.exp(-2.0), 2.0]))


# --- C8: losses

ANSWERS = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
PROBABILITIES = np.array([0.9, 0.2, 0.8, 0.6, 0.1])
LABELS = np.array([0, 1, 2])
CLASS_PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
EPSILON = 1e-8


def loss_and_gradient(loss, predictions, targets):
    p = Tensor(predictions, requires_grad=True)
    value = loss(p, targets)
    value.backward()
    return value.item(), p.grad


@looped(
    ("loss", "printed"),
    [
        (nn.MSELoss(), 0.052),
        (nn.MAELoss(), 0.2),
        (nn.BCELoss(), 0.233567),
        (nn.BCELoss(epsilon=EPSILON), 0.233567),
    ],
    ids=["mse", "mae", "bce", "bce with epsilon"],
)
def test_c8_losses_of_the_worked_example_are_the_seeds_numbers(loss, printed):
    value, _ = loss_and_gradient(loss, PROBABILITIES, ANSWERS)
    assert value == pytest.approx(printed, abs=5e-7)


@pytest.mark.parametrize("targets", [LABELS, np.eye(3)[LABELS]], ids=["class indices", "one-hot"])
@pytest.mark.parametrize("epsilon", [0.0, EPSILON])
def test_c8_categorical_cross_entropy_of_the_worked_example_is_the_seeds_number(targets, epsilon):
    loss = nn.CategoricalCrossEntropyLoss(epsilon=epsilon)
    value, gradient = loss_and_gradient(loss, CLASS_PROBABILITIES, targets)
    assert value == pytest.approx(0.267654, abs=5e-7)
    assert_agree(gradient, -np.eye(3)[LABELS] / (CLASS_PROBABILITIES + epsilon) / 3)


DERIVATIVES = {
    "mse": lambda p, y: 2 * (p - y) / y.size,
    "mae": lambda p, y: np.sign(p - y) / y.size,
    "bce": lambda p, y: (p - y) / (p * (1 - p) * y.size),
}


@looped("name", DERIVATIVES)
def test_c8_derivatives_of_losses_equal_the_formulas(name):
    rng = np.random.default_rng(8)
    examples = [(PROBABILITIES, ANSWERS)]
    examples += [(rng.uniform(0.05, 0.95, (6, 2)), rng.integers(0, 2, (6, 2)).astype(float))]
    for p, y in examples:
        _, gradient = loss_and_gradient(nn.loss_function(name), p, y)
        assert_agree(gradient, DERIVATIVES[name](p, y))


def test_c8_binary_losses_of_the_second_worked_example_have_the_derivatives_worked_out():
    p, y = np.array([0.9, 0.1, 0.8, 0.2]), np.array([1.0, 0.0, 1.0, 0.0])
    value, gradient = loss_and_gradient(nn.MSELoss(), p, y)
    assert value == pytest.approx(0.025)
    np.testing.assert_allclose(gradient, [-0.05, 0.05, -0.1, 0.1], rtol=1e-12)
    value, gradient = loss_and_gradient(nn.BCELoss(), p, y)
    assert value == pytest.approx(0.1643, abs=5e-5)
    np.testing.assert_allclose(gradient, [-1 / 3.6, 1 / 3.6, -1 / 3.2, 1 / 3.2], rtol=1e-12)


@looped("one_hot", [False, True])
def test_c8_p_minus_y_over_n_is_the_derivative_by_the_logits_and_not_by_the_probabilities(one_hot):
    rng = np.random.default_rng(9)
    logits, labels = rng.normal(size=(4, 3)), np.array([0, 1, 2, 0])
    rows = np.eye(3)[labels]
    targets = rows if one_hot else labels
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    by_probability = nn.CategoricalCrossEntropyLoss()
    for loss in (nn.CrossEntropyLoss(), lambda z, t: by_probability(softmax(z), t)):
        value, gradient = loss_and_gradient(loss, logits, targets)
        assert value == pytest.approx(-np.mean(np.log(p[np.arange(4), labels])), rel=1e-12)
        assert_agree(gradient, (p - rows) / 4)

    _, gradient = loss_and_gradient(by_probability, p, targets)
    assert_agree(gradient, -rows / p / 4)


# --- C9: optimizers on f(x) = x²

START, LEARNING_RATE, STEPS = 5.0, 0.1, 20


def gradient_descent_by_hand(x):
    while True:
        x = x - LEARNING_RATE * 2 * x
        yield x


def momentum_by_hand(x):
    v = 0.0
    while True:
        v = 0.9 * v - LEARNING_RATE * 2 * x
        x = x + v
        yield x


def adam_by_hand(x):
    m = v = 0.0
    t = 0
    while True:
        t += 1
        g = 2 * x
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        x = x - LEARNING_RATE * m_hat / (np.sqrt(v_hat) + 1e-8)
        yield x


OPTIMIZERS = pytest.mark.parametrize(
    ("make", "steps_by_hand", "end"),
    [
        (lambda p: nn.SGD(p, LEARNING_RATE), gradient_descent_by_hand, 0.057646),
        (lambda p: nn.SGD(p, LEARNING_RATE, momentum=0.9), momentum_by_hand, -1.746263),
        (lambda p: nn.Adam(p, LEARNING_RATE), adam_by_hand, 3.060339),
    ],
    ids=["gradient descent", "momentum", "Adam"],
)


@OPTIMIZERS
def test_c9_each_of_20_steps_is_the_one_written_out_and_ends_at_the_seeds_number(
    make, steps_by_hand, end
):
    x = Tensor([START], requires_grad=True)
    optimizer = make([x])
    for _, by_hand in zip(range(STEPS), steps_by_hand(START), strict=False):
        optimizer.zero_grad()
        (x**2).sum().backward()
        optimizer.step()
        assert_agree(x.data, np.array([by_hand]))
    assert x.item() == pytest.approx(end, abs=5e-7)


@pytest.fixture
def pyplot():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.mark.usefixtures("pyplot")
def test_c9_picture_shows_the_paths_on_the_parabola_and_their_values_on_a_logarithmic_axis():
    rules = {"gradient descent": gradient_descent_by_hand, "Adam": adam_by_hand}
    paths = {
        name: [START, *(x for _, x in zip(range(STEPS), rule(START), strict=False))]
        for name, rule in rules.items()
    }
    on_the_curve, by_step = viz.plot_optimizer_paths(lambda x: x**2, paths).axes
    assert by_step.get_yscale() == "log"
    for path, below, beside in zip(
        paths.values(), on_the_curve.lines[1:], by_step.lines, strict=True
    ):
        assert_agree(below.get_xdata(), np.array(path))
        assert_agree(below.get_ydata(), np.square(path))
        assert_agree(beside.get_ydata(), np.square(path))
