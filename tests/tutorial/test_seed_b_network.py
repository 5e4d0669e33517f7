"""Row B1: a network of any depth, samples in rows, by hand and of the library's layers."""

import numpy as np
import pytest
import seed_b_by_hand as by_hand
from agreement import assert_agree
from looping import looped
from sklearn.datasets import make_moons
from sklearn.preprocessing import StandardScaler

import nn

NETWORKS = looped(
    ("sizes", "batch"),
    [([2, 1], 9), ([3, 5, 1], 1), ([2, 16, 8, 1], 32), ([4, 6, 5, 6, 3], 10), ([5, 2], 7)],
    ids=str,
)
HIDDEN = looped("hidden", ["relu", "tanh", "sigmoid"])


def example(sizes, batch, hidden):
    """A network with biases that are not 0, samples, and targets in the shape of the output."""
    rng = np.random.default_rng(sum(sizes) + batch)
    model = by_hand.network(sizes, hidden, rng)
    for layer in model.layers:
        layer.bias.data = rng.normal(size=layer.bias.shape)
    X = rng.normal(size=(batch, sizes[0]))
    if sizes[-1] == 1:
        return model, X, rng.integers(0, 2, (batch, 1)).astype(float)
    return model, X, np.eye(sizes[-1])[rng.integers(0, sizes[-1], batch)]


def cross_entropy(model):
    one_unit = model[-1].weight.shape[1] == 1
    return nn.BCELoss() if one_unit else nn.CategoricalCrossEntropyLoss()


def gradients_of(model):
    weights = [layer.weight.grad for layer in model.layers]
    return weights, [layer.bias.grad for layer in model.layers]


def assert_layers_agree(computed, expected, tolerance=1e-12):
    for arrays, arrays_by_hand in zip(computed, expected, strict=True):
        for array, array_by_hand in zip(arrays, arrays_by_hand, strict=True):
            assert_agree(array, array_by_hand, tolerance)


@HIDDEN
@NETWORKS
def test_b1_outputs_are_those_by_hand(sizes, batch, hidden):
    model, X, _ = example(sizes, batch, hidden)
    _, activations = by_hand.forward(X, *by_hand.arrays_of(model), hidden)
    assert_agree(nn.predict(model, X), activations[-1])


@HIDDEN
@NETWORKS
def test_b1_gradients_of_every_layer_equal_those_by_hand(sizes, batch, hidden):
    model, X, y = example(sizes, batch, hidden)
    cross_entropy(model)(model(X), y).backward()
    expected = by_hand.gradients(X, y, *by_hand.arrays_of(model), hidden)
    assert_layers_agree(gradients_of(model), expected)


@looped("hidden", ["relu", "tanh"])
def test_b1_gradients_through_logits_equal_those_by_hand_as_well(hidden):
    model, X, y = example([4, 6, 5, 3], 10, hidden)
    expected = by_hand.gradients(X, y, *by_hand.arrays_of(model), hidden)
    model[-1].activation = None
    for targets in (y, y.argmax(axis=1)):
        model.zero_grad()
        nn.CrossEntropyLoss()(model(X), targets).backward()
        assert_layers_agree(gradients_of(model), expected)


@HIDDEN
def test_b1_weights_have_the_spread_of_he_with_relu_and_of_one_over_fan_in_otherwise(hidden):
    (first, *_), biases = by_hand.arrays_of(by_hand.network([100, 400, 1], hidden, rng=1))
    variance = 2 if hidden == "relu" else 1
    # 40,000 draws: a deviation of 5% would be 7 standard deviations.
    assert np.var(first) == pytest.approx(variance / 100, rel=0.05)
    assert abs(np.mean(first)) < 5 * np.sqrt(variance / 100 / 40_000)
    assert not any(bias.any() for bias in biases)


@HIDDEN
@pytest.mark.parametrize(("sizes", "batch"), [([2, 16, 8, 1], 100), ([4, 6, 5, 3], 70)], ids=str)
def test_b1_training_in_mini_batches_is_gradient_descent_by_hand_on_the_same_batches(
    sizes, batch, hidden
):
    model, X, y = example(sizes, batch, hidden)
    weights, biases = by_hand.arrays_of(model)
    rng = np.random.default_rng(5)
    losses = []
    for _ in range(3):
        epoch = []
        for x_batch, y_batch in nn.batches(X, y, batch_size=32, rng=rng):
            p = by_hand.forward(x_batch, weights, biases, hidden)[1][-1]
            right = np.where(y_batch == 1, p, 1 - p) if sizes[-1] == 1 else p[y_batch == 1]
            epoch.append(-np.log(right).mean() * len(x_batch) / len(X))
            dW, db = by_hand.gradients(x_batch, y_batch, weights, biases, hidden)
            weights = [W - 0.1 * d for W, d in zip(weights, dW, strict=True)]
            biases = [b - 0.1 * d for b, d in zip(biases, db, strict=True)]
        losses.append(sum(epoch))
    history = nn.fit(
        model,
        X,
        y,
        loss=cross_entropy(model),
        optimizer=nn.SGD(model.parameters(), learning_rate=0.1),
        epochs=3,
        batch_size=32,
        progress=False,
        rng=5,
    )
    assert_layers_agree(by_hand.arrays_of(model), (weights, biases), tolerance=1e-11)
    np.testing.assert_allclose(history["running_loss"], losses, rtol=1e-11)


def test_b1_probabilities_of_one_unit_become_classes_at_one_half():
    X, labels = make_moons(200, noise=0.2, random_state=42)
    X = StandardScaler().fit_transform(X)
    model = by_hand.network([2, 8, 4, 1], "relu")
    nn.fit(
        model,
        X,
        labels[:, None],
        loss=nn.BCELoss(),
        optimizer=nn.Adam(model.parameters(), learning_rate=0.02),
        epochs=30,
        progress=False,
        rng=0,
    )
    probabilities = nn.predict(model, X)
    assert probabilities.shape == (200, 1)
    assert np.all((probabilities > 0) & (probabilities < 1))
    classes = (probabilities > 0.5).astype(int).ravel()
    assert set(classes) == {0, 1}
    assert nn.accuracy(probabilities, labels) == np.mean(classes == labels)
    assert nn.accuracy(probabilities, labels) > 0.9


def test_b1_probabilities_of_several_units_add_up_to_1_and_the_largest_is_the_class():
    model, X, y = example([4, 6, 5, 3], 50, "tanh")
    probabilities = nn.predict(model, X)
    assert probabilities.shape == (50, 3)
    assert probabilities.min() > 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    right = np.mean(probabilities.argmax(axis=1) == y.argmax(axis=1))
    assert nn.accuracy(probabilities, y) == nn.accuracy(probabilities, y.argmax(axis=1)) == right
