"""Rows A1, A2, A3, A5, A11 and A12: hand-derived formulas against backward()."""

import numpy as np
import pytest
import seed_a_by_hand as by_hand
from agreement import assert_agree
from looping import looped

import autograd_lite as al
import nn
from autograd_lite import Tensor

EPSILON = by_hand.EPSILON
Z = np.array([-30.0, -1.5, -1e-9, 0.0, 1e-9, 0.7, 30.0])

# dZ = A - Y at the output is the derivative of the cross-entropy without an epsilon inside its
# logarithms. With the epsilon both are off by up to epsilon / (A (1 - A)).
EPSILONS = looped("epsilon", [0.0, EPSILON])


def as_tensors(arrays):
    return {name: Tensor(array, requires_grad=True, name=name) for name, array in arrays.items()}


def forward(X, parameters, hidden="relu", masks=(), keep=1.0):
    """The seed's forward pass as it stands, on tensors: every Z and A by name."""
    functions = {"relu": al.relu, "sigmoid": al.sigmoid}
    n_layers = len(parameters) // 2
    values, A = {}, X
    for layer in range(1, n_layers + 1):
        Z = parameters[f"W{layer}"] @ A + parameters[f"b{layer}"]
        A = functions[hidden](Z) if layer < n_layers else al.sigmoid(Z)
        values |= {f"Z{layer}": Z, f"A{layer}": A}
        if layer <= len(masks):
            A = A * masks[layer - 1] / keep
    return values | {"AL": A}


def entropy(AL, Y, epsilon):
    terms = Y * np.log(AL + epsilon) + (1 - Y) * np.log(1 - AL + epsilon)
    return -terms.sum() / Y.shape[1]


def penalty(parameters, strength, m):
    squares = [(W**2).sum() for name, W in parameters.items() if name.startswith("W")]
    return strength / (2 * m) * sum(squares[1:], squares[0])


# --- A1: activations


def test_a1_the_sigmoid_and_its_derivative_follow_the_formulas():
    z = Tensor(Z, requires_grad=True)
    al.sigmoid(z).sum().backward()
    s = 1 / (1 + np.exp(-Z))
    assert_agree(al.sigmoid(z).data, s)
    assert_agree(z.grad, s * (1 - s))
    assert_agree(nn.Sigmoid()(z).data, s)


def test_a1_relu_has_slope_1_above_zero_and_0_elsewhere_zero_included():
    z = Tensor(Z, requires_grad=True)
    al.relu(z).sum().backward()
    assert al.relu(z).data.tolist() == [0, 0, 0, 0, 1e-9, 0.7, 30]
    assert z.grad.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert nn.ReLU()(z).data.tolist() == al.relu(z).data.tolist()


# --- A2: initial weights


@looped(("activation", "name", "variance"), [("relu", None, 2), ("sigmoid", "lecun_normal", 1)])
def test_a2_weights_are_normal_draws_scaled_by_the_fan_in_and_biases_are_zero(
    activation, name, variance
):
    layer = nn.Dense(50, 400, activation, weight_init=name, rng=42)
    draws = np.random.default_rng(42).standard_normal((50, 400))
    assert_agree(layer.weight.data, draws * np.sqrt(variance / 50))
    assert not layer.bias.data.any()
    # The variance of 20,000 draws is within 5% of its expectation except once in a million.
    assert np.var(layer.weight.data) == pytest.approx(variance / 50, rel=0.05)


# --- A3 and A5: backward through any number of layers

NETWORKS = looped(
    ("sizes", "hidden", "batch"),
    [
        ([2, 4, 1], "relu", 100),
        ([3, 5, 1], "relu", 7),
        ([10, 6, 3], "relu", 1),
        ([2, 1], "relu", 20),
        ([2, 16, 8, 1], "relu", 50),
        ([2, 16, 8, 1], "sigmoid", 50),
        ([4, 5, 6, 5, 4, 2], "relu", 8),
        ([4, 5, 6, 5, 4, 2], "sigmoid", 8),
        ([1, 1, 1, 1], "sigmoid", 1),
    ],
    ids=str,
)


@EPSILONS
@NETWORKS
def test_a5_every_gradient_of_a_network_of_any_depth_equals_the_one_carried_back_by_hand(
    sizes, hidden, batch, epsilon
):
    np.random.seed(sum(sizes) + batch)
    parameters = by_hand.initial_parameters(sizes, hidden)
    X, Y = by_hand.random_samples(sizes, batch)
    tensors = as_tensors(parameters)
    values = tensors | forward(X, tensors, hidden)
    loss = entropy(values["AL"], Y, epsilon)
    loss.backward()

    assert loss.item() == pytest.approx(
        by_hand.cost(values["AL"].data, Y, parameters, epsilon), rel=1e-12
    )
    expected = by_hand.gradients(X, Y, parameters, hidden, epsilon)
    assert_agree({name: values[name[1:]].grad for name in expected}, expected)


@EPSILONS
@NETWORKS
def test_a5_the_librarys_layers_have_the_hand_derived_gradients(sizes, hidden, batch, epsilon):
    np.random.seed(sum(sizes) + batch)
    parameters = by_hand.initial_parameters(sizes, hidden)
    X, Y = by_hand.random_samples(sizes, batch)
    model = by_hand.as_model(parameters, hidden)
    # The library's mean is over all entries of the output, the seed's over the samples.
    (sizes[-1] * nn.BCELoss(epsilon=epsilon)(model(X.T), Y.T)).backward()
    expected = by_hand.gradients(X, Y, parameters, hidden, epsilon)
    assert_agree(by_hand.gradients_in_columns(model), by_hand.of_parameters(expected))


def test_a3_the_output_error_on_the_seeds_blobs_is_a2_minus_y():
    X, Y = by_hand.two_blobs()
    tensors = as_tensors(by_hand.initial_parameters([2, 4, 1]))
    values = forward(X, tensors)
    entropy(values["AL"], Y, epsilon=0.0).backward()
    m = 1000
    dZ2 = values["A2"].data - Y
    dZ1 = tensors["W2"].data.T @ dZ2 * (values["Z1"].data > 0)
    assert_agree(values["Z2"].grad, dZ2 / m)
    assert_agree(tensors["W2"].grad, dZ2 @ values["A1"].data.T / m)
    assert_agree(tensors["b2"].grad, dZ2.sum(axis=1, keepdims=True) / m)
    assert_agree(values["Z1"].grad, dZ1 / m)
    assert_agree(tensors["W1"].grad, dZ1 @ X.T / m)
    assert_agree(tensors["b1"].grad, dZ1.sum(axis=1, keepdims=True) / m)


def test_a3_the_librarys_loss_has_the_seeds_epsilon_also_where_a_probability_is_0_or_1():
    p, y = np.array([[1.0], [0.0], [0.0], [1.0], [0.3]]), np.array([[1.0], [0], [1], [0], [1]])
    terms = y * np.log(p + EPSILON) + (1 - y) * np.log(1 - p + EPSILON)
    assert nn.BCELoss(epsilon=EPSILON)(Tensor(p), y).item() == pytest.approx(-terms.mean())


# --- A11: L2


@looped("strength", [0.01, 0.7])
def test_a11_cost_and_gradients_with_l2_equal_the_hand_derived_ones(strength):
    np.random.seed(11)
    sizes = [2, 16, 8, 1]
    parameters = by_hand.initial_parameters(sizes)
    X, Y = by_hand.random_samples(sizes, 40)
    tensors = as_tensors(parameters)
    AL = forward(X, tensors)["AL"]
    loss = entropy(AL, Y, EPSILON) + penalty(tensors, strength, 40)
    loss.backward()
    assert loss.item() == pytest.approx(
        by_hand.cost(AL.data, Y, parameters, strength=strength), rel=1e-12
    )
    expected = by_hand.of_parameters(by_hand.gradients(X, Y, parameters, strength=strength))
    assert_agree({name: tensor.grad for name, tensor in tensors.items()}, expected)


def test_a11_l2_of_a_group_of_weights_adds_lambda_over_m_times_w_and_leaves_the_biases():
    np.random.seed(12)
    sizes, strength, m = [2, 16, 8, 1], 0.7, 40
    parameters = by_hand.initial_parameters(sizes)
    parameters = {name: array + 0.1 for name, array in parameters.items()}
    X, Y = by_hand.random_samples(sizes, m)
    model = by_hand.as_model(parameters)
    weights = [layer.weight for layer in model.layers]
    biases = [layer.bias for layer in model.layers]
    optimizer = nn.SGD(
        [{"parameters": weights, "l2": strength / m}, {"parameters": biases}], learning_rate=0.5
    )
    nn.BCELoss(epsilon=EPSILON)(model(X.T), Y.T).backward()
    optimizer.step()
    steps = by_hand.of_parameters(by_hand.gradients(X, Y, parameters, strength=strength))
    expected = {name: array - 0.5 * steps[name] for name, array in parameters.items()}
    assert_agree(by_hand.in_columns(model), expected)


# --- A12: inverted dropout


def test_a12_dropout_with_a_known_mask_scales_what_is_kept_forward_and_backward():
    rng = np.random.default_rng(0)
    A, upstream = rng.normal(size=(2, 5, 30))
    mask, keep = rng.random((5, 30)) < 0.8, 0.8
    x = Tensor(A, requires_grad=True)
    y = al.dropout(x, mask, 1 - keep)
    y.backward(upstream)
    assert_agree(y.data, A * mask / keep)
    assert_agree(x.grad, upstream * mask / keep)


@looped("hidden", ["relu", "sigmoid"])
def test_a12_gradients_of_a_network_with_dropout_equal_those_by_hand_with_the_same_masks(hidden):
    np.random.seed(12)
    sizes, keep = [2, 32, 16, 8, 1], 0.8
    parameters = by_hand.initial_parameters(sizes, hidden)
    X, Y = by_hand.random_samples(sizes, 32)
    model = by_hand.as_model(parameters, hidden, dropout=1 - keep, rng=5)
    output = model(X.T)
    nn.BCELoss(epsilon=EPSILON)(output, Y.T).backward()

    # A layer keeps where a draw in [0, 1), one for each sample and unit, is p or more.
    draws = np.random.default_rng(5)
    masks = [(draws.random((32, n)) >= 1 - keep).T for n in sizes[1:-1]]
    assert 0.7 < np.mean(np.concatenate(masks)) < 0.9
    assert_agree(output.data.T, by_hand.forward(X, parameters, hidden, masks, keep)["A4"])
    expected = by_hand.gradients(X, Y, parameters, hidden, masks=masks, keep=keep)
    assert_agree(by_hand.gradients_in_columns(model), by_hand.of_parameters(expected))


def test_a12_predictions_are_those_of_the_network_without_dropout_and_unscaled():
    np.random.seed(12)
    parameters = by_hand.initial_parameters([2, 32, 16, 8, 1])
    X, _ = by_hand.random_samples([2, 1], 100)
    model = by_hand.as_model(parameters, dropout=0.2, rng=5)
    assert_agree(nn.predict(model, X.T).T, by_hand.forward(X, parameters)["A4"])


def test_a12_training_keeps_the_mean_of_the_activations():
    layer = nn.Dropout(0.2, rng=0)
    assert np.mean(layer(Tensor(np.full(100_000, 3.0))).data) == pytest.approx(3.0, rel=0.01)
