"""Rows E1, E2 and E6: neurons and networks with samples in rows, and XOR without biases."""

import numpy as np
import pytest
from agreement import assert_agree
from looping import looped

import nn
from autograd_lite import Tensor, compare_gradients, differentiable, sigmoid

X, Y = nn.datasets.xor()


def logistic(z):
    return 1 / (1 + np.exp(-z))


# --- E1: a neuron with a step


@differentiable(lambda g, y, z: 0 * g)
def step(z):
    return np.where(z > 0, 1.0, 0.0)


def neuron(weights, bias):
    layer = nn.Dense(len(weights), 1, activation=step)
    layer.weight.data, layer.bias.data = np.array(weights)[:, np.newaxis], np.array([bias])
    return layer


@looped(
    ("weights", "bias", "fires"),
    [
        ([1.0, 1.0], -1.5, [0, 0, 0, 1]),
        ([1.0, 1.0], -0.5, [0, 1, 1, 1]),
        ([-1.0, -1.0], 1.5, [1, 1, 1, 0]),
        ([1.0, 1.0], -1.0, [0, 0, 0, 1]),  # a weighted sum of 0 is not above 0
    ],
    ids=["and", "or", "nand", "and at the threshold"],
)
def test_e1_a_neuron_with_a_step_fires_where_the_weighted_sum_is_above_0(weights, bias, fires):
    assert nn.predict(neuron(weights, bias), X).ravel().tolist() == fires
    sums = [sum(w * x for w, x in zip(weights, sample, strict=True)) + bias for sample in X]
    assert fires == [1 if z > 0 else 0 for z in sums]


def test_e1_a_step_passes_no_gradient_to_its_weights():
    layer = neuron([0.3, -0.2], 0.1)
    nn.MSELoss()(layer(X), Y).backward()
    assert not layer.weight.grad.any()
    assert not layer.bias.grad.any()


# --- E2: forward pass


def test_e2_a_layer_of_samples_in_rows_gives_the_sums_worked_out():
    x = np.array([[0.5, 0.6], [0.3, 0.8], [0.2, 0.9]])
    layer = nn.Dense(2, 3)
    layer.weight.data = np.array([[0.5, 0.2, 0.1], [0.1, 0.7, 0.3]])
    layer.bias.data = np.array([0.1, 0.2, 0.3])
    z = np.array([[0.41, 0.72, 0.53], [0.33, 0.82, 0.57], [0.29, 0.87, 0.59]])
    assert_agree(layer(x).data, z)
    layer.activation = sigmoid
    assert_agree(layer(x).data, logistic(z))


def test_e2_forward_pass_of_a_deep_network_equals_the_formulas_sample_by_sample():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(6, 4))
    model = nn.Sequential(
        nn.Dense(4, 5, "tanh", rng=rng), nn.Dense(5, 4, "tanh", rng=rng), nn.Dense(4, 1, rng=rng)
    )
    for layer in model:
        layer.bias.data = rng.normal(size=layer.bias.shape)
    model.append(nn.Sigmoid())

    outputs = nn.predict(model, x)
    assert outputs.shape == (6, 1)
    for sample, output in zip(x, outputs, strict=True):
        a1 = np.tanh(sample @ model[0].weight.data + model[0].bias.data)
        a2 = np.tanh(a1 @ model[1].weight.data + model[1].bias.data)
        assert_agree(output, logistic(a2 @ model[2].weight.data + model[2].bias.data))


# --- E6: a 2-2-1 sigmoid net without biases on XOR, cost ½Σ(y - a2)²


def seed_weights(seed=42):
    """W1 and W2, uniform from 0 to 1, as after np.random.seed."""
    generator = np.random.RandomState(seed)
    return generator.uniform(size=(2, 2)), generator.uniform(size=(2, 1))


def as_parameters(W1, W2):
    return (
        Tensor(W1, requires_grad=True, name="W1"),
        Tensor(W2, requires_grad=True, name="W2"),
    )


def outputs(x, W1, W2, b1=0, b2=0):
    return sigmoid(sigmoid(x @ W1 + b1) @ W2 + b2)


def loss(x, y, *parameters):
    return 0.5 * ((y - outputs(x, *parameters)) ** 2).sum()


def slope(a):
    """Derivative of the sigmoid, from its value a."""
    return a * (1 - a)


def gradients_by_hand(x, y, W1, W2):
    a1 = logistic(x @ W1)
    a2 = logistic(a1 @ W2)
    error = (a2 - y) * slope(a2)
    return x.T @ (error @ W2.T * slope(a1)), a1.T @ error


def gradients_with_slopes_at_pre_activations(x, y, W1, W2, output_too):
    """The mistake: z1, and `output_too` z2, goes where the activation belongs."""
    z1 = x @ W1
    a1 = logistic(z1)
    z2 = a1 @ W2
    a2 = logistic(z2)
    error = (a2 - y) * slope(z2 if output_too else a2)
    return x.T @ (error @ W2.T * slope(z1)), a1.T @ error


def test_e6_gradients_from_the_seeds_weights_equal_the_hand_derived_ones():
    arrays = seed_weights()
    W1, W2 = as_parameters(*arrays)
    loss(X, Y, W1, W2).backward()
    dW1, dW2 = gradients_by_hand(X, Y, *arrays)
    assert_agree(W1.grad, dW1)
    assert_agree(W2.grad, dW2)
    assert W1.grad[0, 0] == pytest.approx(-0.000157, abs=5e-7)


@looped(("sizes", "batch"), [((2, 2, 1), 4), ((3, 7, 2), 1), ((10, 4, 5), 24)])
def test_e6_gradients_of_random_networks_equal_the_hand_derived_ones(sizes, batch):
    rng = np.random.default_rng(batch)
    arrays = rng.normal(size=sizes[:2]), rng.normal(size=sizes[1:])
    x, y = rng.normal(size=(batch, sizes[0])), rng.uniform(size=(batch, sizes[2]))
    W1, W2 = as_parameters(*arrays)
    loss(x, y, W1, W2).backward()
    dW1, dW2 = gradients_by_hand(x, y, *arrays)
    assert_agree(W1.grad, dW1)
    assert_agree(W2.grad, dW2)


def test_e6_comparison_finds_nothing_wrong_with_the_right_derivation():
    arrays = seed_weights()
    W1, W2 = as_parameters(*arrays)
    dW1, dW2 = gradients_by_hand(X, Y, *arrays)
    report = compare_gradients(loss(X, Y, W1, W2), {W1: dW1, W2: dW2}, tolerance=1e-12)
    assert report
    assert [row.name for row in report] == ["W1", "W2"]


def compare_with_slopes_at_pre_activations(output_too):
    arrays = seed_weights()
    W1, W2 = as_parameters(*arrays)
    dW1, dW2 = gradients_with_slopes_at_pre_activations(X, Y, *arrays, output_too)
    return compare_gradients(loss(X, Y, W1, W2), {W1: dW1, W2: dW2})


def test_e6_comparison_flags_w1_and_not_w2_when_the_hidden_slope_is_at_the_pre_activation():
    report = compare_with_slopes_at_pre_activations(output_too=False)
    assert not report
    first, second = report
    assert (first.name, first.agrees) == ("W1", False)
    assert (second.name, second.agrees, second.reason) == ("W2", True, "")
    assert first.manual[0, 0] == pytest.approx(-0.0066, abs=5e-5)
    assert first.automatic[0, 0] == pytest.approx(-0.000157, abs=5e-7)
    assert first.worst_index == (1, 1)
    assert "differs most at (1, 1)" in str(report)


def test_e6_comparison_flags_both_when_both_slopes_are_at_the_pre_activation():
    report = compare_with_slopes_at_pre_activations(output_too=True)
    assert [(row.name, row.agrees) for row in report] == [("W1", False), ("W2", False)]


def train(parameters, epochs, learning_rate):
    """Gradient descent, on one network or on several, stacked along the first axis."""
    optimizer = nn.SGD(parameters, learning_rate)
    for _ in range(epochs):
        optimizer.zero_grad()
        loss(X, Y, *parameters).backward(leaves_only=True)
        optimizer.step()


@pytest.mark.exhaustive
def test_e6_ten_thousand_epochs_end_at_the_seeds_outputs():
    parameters = as_parameters(*seed_weights())
    train(parameters, 10_000, learning_rate=0.1)
    np.testing.assert_allclose(
        outputs(X, *parameters).data.ravel(), [0.204, 0.736, 0.736, 0.344], atol=5e-4
    )


# 1,000 epochs at learning rate 1 end where the tutorial's 10,000 at 0.1 do.


def stacked(draws):
    return as_parameters(*(np.stack(arrays) for arrays in zip(*draws, strict=True)))


def solved(parameters):
    """Which of the stacked networks get XOR right."""
    return np.all((outputs(X, *parameters).data > 0.5) == Y, axis=(1, 2)).tolist()


def test_e6_solves_xor_from_each_of_ten_seeds_though_one_takes_twice_as_long():
    """After 1,000 epochs seed 9 is still near a saddle, at outputs near ½ for all samples.

    Of the seeds below 100, 41 and 48 never solve XOR. They leave that saddle with weights of both
    signs into one unit, and there, without biases, the loss has a valley with three outputs at
    0.39 to 0.44, down which the weights grow forever.
    """
    parameters = stacked([seed_weights(seed) for seed in [*range(10), 41, 48]])
    train(parameters, 1_000, learning_rate=1.0)
    assert solved(parameters) == [*9 * [True], False, False, False]
    train(parameters, 1_000, learning_rate=1.0)
    assert solved(parameters) == [*10 * [True], False, False]


@pytest.mark.parametrize(
    ("low", "biases", "n_solved"), [(0, True, 10), (-1, True, 7), (-1, False, 3)]
)
def test_e6_solves_xor_from_fewer_seeds_where_weights_have_both_signs(low, biases, n_solved):
    """Many end in such valleys, and stay there for ten times as long too; with biases not as many.

    With positive weights both units count the inputs, and learn to tell one from two.
    """

    def draw(seed):
        generator = np.random.RandomState(seed)
        return generator.uniform(low, 1, (2, 2)), generator.uniform(low, 1, (2, 1))

    parameters = list(stacked([draw(seed) for seed in range(10)]))
    if biases:
        parameters += [Tensor(np.zeros((10, 1, n)), requires_grad=True) for n in (2, 1)]
    train(parameters, 1_000, learning_rate=1.0)
    assert sum(solved(parameters)) == n_solved
