"""`gradient_difference`: the number, what it is computed in, and what it refuses."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import differentiable, no_grad
from autograd_lite.errors import ArgumentError, UnsupportedError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3))
Y = RNG.normal(size=(6, 2))
LOSS = nn.MSELoss()
MISTAKES = {
    "doubled": lambda g, y, x: 2 * g,
    "opposite": lambda g, y, x: -g,
    "missing": lambda g, y, x: 0 * g,
}


class Mistaken(nn.Module):
    """A layer, and a mistake in the derivative of what it returns."""

    def __init__(self, mistake, layer):
        self.copy = differentiable(MISTAKES[mistake])(np.copy)
        self.layer = layer

    def forward(self, x):
        return self.copy(self.layer(x))


def network(*between, dtype=np.float64):
    first, last = nn.Dense(3, 5, "tanh", rng=0, dtype=dtype), nn.Dense(5, 2, rng=1, dtype=dtype)
    return nn.Sequential(first, *between, last)


def test_a_right_gradient_differs_by_rounding_alone():
    assert 0 < nn.gradient_difference(network(), X, Y, loss=LOSS) < 1e-8


# With every entry a times the right one it is |a - 1| / (|a| + 1).
@looped(("mistake", "value"), [("doubled", 1 / 3), ("opposite", 1), ("missing", 1)])
def test_it_is_the_norm_of_the_difference_over_the_sum_of_the_norms(mistake, value):
    wrong = Mistaken(mistake, network())
    np.testing.assert_allclose(nn.gradient_difference(wrong, X, Y, loss=LOSS), value, rtol=1e-7)


def test_all_parameters_count_together():
    first = nn.Dense(3, 5, "tanh", rng=0)
    right, wrong = (nn.Sequential(layer, nn.Dense(5, 2, rng=1)) for layer in (first, first))
    wrong.layers[0] = Mistaken("doubled", first)
    LOSS(right(X), Y).backward()
    g1, g2 = (
        np.concatenate([p.grad.ravel() for p in layer.parameters()]) for layer in right.layers
    )
    whole = np.hypot(np.linalg.norm(g1), np.linalg.norm(g2))
    with_mistake = np.hypot(2 * np.linalg.norm(g1), np.linalg.norm(g2))
    expected = np.linalg.norm(g1) / (whole + with_mistake)
    difference = nn.gradient_difference(wrong, X, Y, loss=LOSS)
    np.testing.assert_allclose(difference, expected, rtol=1e-7)


def test_frozen_parameters_are_left_out():
    first = nn.Dense(3, 5, "tanh", rng=0)
    model = nn.Sequential(Mistaken("doubled", first), nn.Dense(5, 2, rng=1))
    assert nn.gradient_difference(model, X, Y, loss=LOSS) > 0.01
    first.weight.requires_grad = first.bias.requires_grad = False
    assert nn.gradient_difference(model, X, Y, loss=LOSS) < 1e-8


def test_parameters_that_the_loss_does_not_depend_on_have_no_slope():
    model = network()
    model.unused = nn.Parameter(np.ones(3))
    assert nn.gradient_difference(model, X, Y, loss=LOSS) < 1e-8
    assert nn.gradient_difference(model, X, Y, loss=lambda p, y: (0 * p).sum()) == 0.0
    assert nn.gradient_difference(model, X, Y, loss=lambda p, y: 1.0) == 0.0


def test_a_part_that_the_record_lost_is_a_difference():
    def detached(predictions, y):
        return LOSS(predictions, y) + (predictions.data**2).sum()

    assert nn.gradient_difference(network(), X, Y, loss=detached) > 0.5


@looped("training", [True, False])
def test_dropout_and_batch_normalization_are_checked_in_the_mode_that_they_are_in(training):
    model = network(nn.Dropout(0.5, rng=3), nn.BatchNorm1d(5)).train(training)
    assert nn.gradient_difference(model, X, Y, loss=LOSS) < 1e-7
    assert {module.training for _, module in model.named_modules()} == {training}


def test_a_network_of_float32_is_checked_in_float64():
    model = network(nn.BatchNorm1d(5, dtype=np.float32), dtype=np.float32)
    single = X.astype(np.float32), Y.astype(np.float32)
    assert nn.gradient_difference(model, *single, loss=LOSS) < 1e-8
    assert {array.dtype for array in model.state_dict().values()} == {np.dtype(np.float32)}


def test_the_step_is_that_of_the_differences():
    model = nn.Dense(3, 2, rng=0)

    def cubes(predictions, y):
        return ((predictions - y) ** 3).mean()

    errors = [nn.gradient_difference(model, X, Y, loss=cubes, step=h) for h in (0.2, 0.1)]
    np.testing.assert_allclose(errors[0] / errors[1], 4, rtol=1e-2)  # the error is of order step²


def test_labels_lists_and_no_grad_do_as_well():
    labels = [0, 1, 1, 0, 1, 0]
    with no_grad():
        value = nn.gradient_difference(network(), X.tolist(), labels, loss=nn.CrossEntropyLoss())
    assert value < 1e-8


@looped(
    ("arguments", "error", "match"),
    [
        ({"model": nn.Dense}, UnsupportedError, "no module"),
        ({"model": nn.ReLU()}, ArgumentError, "no parameter that is learned"),
        ({"loss": nn.MSELoss(reduction="none")}, ArgumentError, "not one number"),
        ({"loss": lambda p, y: np.log(0 * p).sum()}, ArgumentError, "the loss is -inf"),
        ({"step": 0}, ArgumentError, "step=0"),
        ({"step": "small"}, ArgumentError, "step='small'"),
        ({"X": [[1.0], [1.0, 2.0]]}, UnsupportedError, "no lists of one length"),
    ],
)
def test_what_cannot_be_checked_is_refused(arguments, error, match):
    given = {"model": network(), "X": X, "y": Y, "loss": LOSS, **arguments}
    with pytest.raises(error, match=match) as caught, np.errstate(all="ignore"):
        nn.gradient_difference(**given)
    assert len(caught.value.args) == 3
    assert "gradient_difference" in caught.value.args[0]


def test_a_class_is_no_loss():
    with pytest.raises(ArgumentError, match=r"loss=MSELoss: it is no function.*MSELoss\(\)"):
        nn.gradient_difference(network(), X, Y, loss=nn.MSELoss)


@looped("padding", [None, 0, 3])
def test_vectors_that_stand_for_padding_are_left_out_as_nothing_reaches_them(padding):
    numbers = np.array([[0, 3, 1], [2, 3, 0], [1, 1, 3]])
    model = nn.Sequential(
        nn.Embedding(4, 2, padding_idx=padding, rng=0), nn.Flatten(), nn.Dense(6, 1, rng=1)
    )
    model[0].weight.data += 0.5
    targets = np.array([[0.5], [1.0], [-1.0]])
    assert nn.gradient_difference(model, numbers, targets, loss="mse") < 1e-8

    def halved(predictions, y):
        return nn.MSELoss()(predictions + model[0].weight.detach().sum(), y)

    assert nn.gradient_difference(model, numbers, targets, loss=halved) > 1e-3
