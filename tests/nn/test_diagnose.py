"""Each finding of `diagnose`, on a network built to have it and on one built not to."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

import autograd_lite as al
import nn

LARGE = partial(nn.init.normal, standard_deviation=1.0)
SMALL = nn.init.normal
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 8))
LABELS = RNG.integers(0, 10, 64)
YES = (X[:, :1] > 0).astype(float)
ONE_HOT = np.eye(10)[LABELS]
YES_OR_NO, CLASSES = nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()


def network(sizes, activation="relu", output=None, weight_init=None):
    """Dense layers by the names 0, 1, ...; the activation belongs to its layer."""
    rng = np.random.default_rng(1)
    activations = [*[activation] * (len(sizes) - 2), output]
    return nn.Sequential(
        *(
            nn.Dense(*pair, activation=function, weight_init=weight_init, rng=rng)
            for pair, function in zip(pairwise(sizes), activations)
        )
    )


def found(model, X, y, loss, **options):
    return {f.name: f for f in nn.diagnose(model, X, y, loss=loss, **options).findings}


def names(model, X, y, loss, **options):
    return list(found(model, X, y, loss, **options))


# Gradients


@pytest.mark.parametrize(("activation", "init"), [("sigmoid", None), ("tanh", SMALL)])
def test_gradients_that_vanish_are_found_in_the_first_layers(activation, init):
    model = network([8, *[32] * 7, 10], activation, weight_init=init)
    finding = found(model, X, LABELS, CLASSES)["vanishing gradients"]
    assert finding.where[:2] == ("0", "1")
    assert "6" not in finding.where
    CLASSES(model(X), LABELS).backward()
    # The gradient of a bias is the sum over samples of what is measured.
    by_bias = np.linalg.norm(model[0].bias.grad) / np.linalg.norm(model[7].bias.grad)
    assert finding.threshold == 1e-3 > finding.figure
    assert by_bias / 30 < finding.figure < by_bias * 30
    assert "ReLU" in finding.remedy


def test_gradients_that_vanish_through_time_are_found_where_weights_are_shared():
    class Recurrent(nn.Module):
        def __init__(self, weight_init):
            self.cell = nn.Dense(4, 4, weight_init=weight_init, rng=0)
            self.out = nn.Dense(4, 1, rng=1)

        def forward(self, x):
            state = np.zeros((len(x), 4))
            for step in range(8):
                state = np.tanh(self.cell(state) + x[:, step : step + 1])
            return self.out(state)

    small = partial(nn.init.orthogonal, gain=0.2)
    finding = found(Recurrent(small), X, YES, YES_OR_NO)["vanishing gradients"]
    assert finding.where == ("cell",)
    assert names(Recurrent("orthogonal"), X, YES, YES_OR_NO) == []


def test_gradients_that_vanish_are_found_where_weights_are_written_in_rows():
    class Rows(nn.Module):
        def __init__(self):
            rng = np.random.default_rng(0)
            sizes = [8, *[16] * 6, 1]
            self.W = [nn.Parameter(rng.normal(0, 0.3, (b, a))) for a, b in pairwise(sizes)]

        def forward(self, x):
            for weight in self.W[:-1]:
                x = al.sigmoid(x @ weight.T)
            return x @ self.W[-1].T

    finding = found(Rows(), X, YES, YES_OR_NO)["vanishing gradients"]
    assert finding.where == ("W.0",)


def test_gradients_that_explode_are_found_with_the_factor():
    model = network([8, *[64] * 6, 10], weight_init=LARGE)
    finding = found(model, X, LABELS, CLASSES)["exploding gradients"]
    # He's weights of variance 2/64 keep the norm; these have variance 1, so sqrt(32) a layer.
    assert 32**3 / 4 < finding.figure < 32**3 * 4
    assert finding.where == ("0", "1", "2")
    assert "clip" in finding.remedy


class Detached(nn.Module):
    def __init__(self):
        self.used = nn.Dense(8, 4, rng=0)
        self.unused = nn.Dense(8, 4, rng=0)
        self.out = nn.Dense(4, 1, rng=0)

    def forward(self, x):
        return self.out(np.tanh(self.used(x).data))


def test_parameters_that_the_loss_was_not_computed_from_are_found():
    model = Detached()
    finding = found(model, X, YES, YES_OR_NO)["no gradient"]
    assert finding.where == ("used.weight", "used.bias", "unused.weight", "unused.bias")
    assert finding.figure == 4
    assert ".data" in finding.remedy
    for layer in (model.used, model.unused):
        layer.weight.requires_grad = layer.bias.requires_grad = False
    assert names(model, X, YES, YES_OR_NO) == []


def test_a_model_that_returns_arrays_has_no_gradient_anywhere():
    model = nn.Dense(8, 1, rng=0)
    model.activation = lambda z: z.data
    assert found(model, X, YES, YES_OR_NO)["no gradient"].where == ("weight", "bias")


def test_gradients_of_zero_are_found_behind_weights_of_zero():
    model = network([8, 16, 1], "tanh")
    model[1].weight.data[...] = 0
    finding = found(model, X, YES, YES_OR_NO)["no gradient"]
    assert finding.where == ("0.weight", "0.bias")
    assert "saturated" in finding.remedy


def test_a_gradient_that_sums_to_zero_or_is_zero_at_the_minimum_is_no_finding():
    balanced = np.tile([[0.0], [1.0]], (32, 1))
    model = nn.Dense(8, 1, weight_init="zeros")
    seen = found(model, X, balanced, YES_OR_NO)
    assert "no gradient" not in seen  # the bias's is 0
    model = network([8, 16, 1])
    assert names(model, X, nn.predict(model, X), nn.MSELoss()) == []


def test_a_penalty_on_weights_hides_no_dead_layer_and_may_have_parameters_of_its_own():
    model = network([8, 16, 1])
    model.strength = nn.Parameter(0.01)

    def penalized(predictions, y):
        return YES_OR_NO(predictions, y) + model.strength * (model[0].weight ** 2).sum()

    assert names(model, X, YES, penalized) == []
    model[0].bias.data -= 99
    assert found(model, X, YES, penalized)["no gradient"].where == ("0.weight", "0.bias")


# Units


def test_dead_relus_are_counted():
    model = network([8, 20, 20, 1])
    model[1].bias.data[:17] = -100
    finding = found(model, X, YES, YES_OR_NO)["dead ReLUs"]
    assert (finding.where, finding.figure, finding.threshold) == (("1",), 17 / 20, 0.75)
    assert "17 of 20 units after layer 1" in finding.meaning
    assert "LeakyReLU" in finding.remedy
    model[1].bias.data[14:17] = 0
    assert names(model, X, YES, YES_OR_NO) == []


def test_dead_relus_written_as_maximum_are_found_and_leaky_ones_are_not_dead():
    class Two(nn.Module):
        def __init__(self, function):
            self.W1, self.b1 = (
                nn.Parameter(RNG.normal(size=(8, 6))),
                nn.Parameter(np.full(6, -99.0)),
            )
            self.W2 = nn.Parameter(RNG.normal(size=(6, 1)))
            self.function = function

        def forward(self, x):
            return self.function(x @ self.W1 + self.b1) @ self.W2

    dead = found(Two(lambda z: np.maximum(z, 0)), X, YES, YES_OR_NO)["dead ReLUs"]
    assert dead.where == ("b1",)
    inside = nn.Sequential(Two(lambda z: np.maximum(z, 0)))
    assert found(inside, X, YES, YES_OR_NO)["dead ReLUs"].where == ("0.b1",)
    assert "dead ReLUs" not in names(Two(al.leaky_relu), X, YES, YES_OR_NO)


def test_few_samples_make_no_unit_dead():
    model = network([8, 20, 1])
    assert names(model, X[:1], YES[:1], YES_OR_NO) == []


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_saturated_units_are_found(activation):
    wide = partial(nn.init.normal, standard_deviation=10.0)
    model = network([8, 32, 32, 10], activation, weight_init=wide)
    finding = found(model, X, LABELS, CLASSES)["saturated units"]
    assert finding.where == ("0", "1")
    assert finding.figure > finding.threshold == 0.6
    assert "Xavier" in finding.remedy


def test_sure_outputs_and_units_of_a_network_that_has_learned_are_not_saturated():
    model = network([8, 1], output="sigmoid")
    model[0].weight.data = 1000.0 * np.eye(8)[:, :1]
    assert names(model, X, YES, nn.BCELoss()) == []
    model = network([8, 4, 1], "tanh")
    model[0].weight.data = 1000.0 * np.eye(8)[:, :1] * np.ones(4)
    model[1].weight.data = np.ones((4, 1))
    assert names(model, X, YES, YES_OR_NO) == []
    assert "saturated units" in names(model, X, 1 - YES, YES_OR_NO)


# Outputs and loss


def test_constant_outputs_are_found_unless_samples_or_targets_are_constant():
    model = network([8, 16, 1], weight_init="zeros")
    finding = found(model, X, YES, YES_OR_NO)["constant outputs"]
    assert (finding.figure, finding.threshold) == (0.0, 1e-6)
    assert "constant outputs" not in names(model, X, np.ones((64, 1)), YES_OR_NO)
    assert "constant outputs" not in names(model, np.ones((64, 8)), YES, YES_OR_NO)
    assert "constant outputs" in names(network([8, 4, 1], output="softmax"), X, YES, nn.BCELoss())


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weight", [None, np.linspace(1, 50, 10)])
@pytest.mark.parametrize("targets", [LABELS, ONE_HOT], ids=["labels", "rows"])
def test_a_loss_above_chance_is_found_whatever_the_loss_s_options(reduction, weight, targets):
    loss = nn.CrossEntropyLoss(reduction=reduction, weight=weight)
    sizes = [8, 16, 10]
    finding = found(network(sizes, weight_init=LARGE), X, targets, loss)["loss above chance"]
    if weight is None:
        of_sample = nn.CrossEntropyLoss()(network(sizes, weight_init=LARGE)(X), LABELS).item()
        np.testing.assert_allclose(finding.figure, of_sample - np.log(10))
    assert finding.figure > finding.threshold == 6
    assert names(network(sizes), X, targets, loss) == []


def by_hand(p, t):
    return -(t * np.log(p + 1e-8)).sum(axis=1).mean()


def yes_or_no_by_hand(p, t):
    return -(t * np.log(p + 1e-30) + (1 - t) * np.log(1 - p + 1e-30)).mean()


@pytest.mark.parametrize(
    ("output", "loss", "targets", "chance"),
    [
        (None, nn.BCEWithLogitsLoss(pos_weight=2.0), YES, None),
        (None, nn.BCEWithLogitsLoss(), YES, np.log(2)),
        ("sigmoid", nn.BCELoss(), YES, np.log(2)),
        ("softmax", nn.CategoricalCrossEntropyLoss(), ONE_HOT, np.log(10)),
        ("softmax", by_hand, ONE_HOT, np.log(10)),
        ("sigmoid", yes_or_no_by_hand, YES, np.log(2)),
        ("log_softmax", nn.NLLLoss(), LABELS, None),
    ],
)
def test_chance_is_that_of_each_cross_entropy(output, loss, targets, chance):
    sizes = [8, 32, 32, targets.shape[1] if targets.ndim > 1 else 10]
    model = network(sizes, output=output, weight_init=LARGE)
    model[2].weight.data *= 3
    if output == "log_softmax":
        assert "loss above chance" not in names(model, X, targets, loss)  # it is unknown
    else:
        finding = found(model, X, targets, loss)["loss above chance"]
        if chance is not None:
            excess = loss(model(X), targets).item() - chance
            np.testing.assert_allclose(finding.figure, excess, rtol=1e-6)
    assert names(network(sizes, output=output), X, targets, loss) == []


def test_a_regression_has_no_chance():
    assert names(network([8, 16, 1]), X, 1000 * YES, nn.MSELoss()) == []


@pytest.mark.parametrize(
    ("output", "loss", "targets"),
    [
        ("softmax", CLASSES, LABELS),
        ("softmax", nn.CrossEntropyLoss(label_smoothing=0.1), ONE_HOT),
        ("sigmoid", YES_OR_NO, YES),
        ("sigmoid", nn.BCEWithLogitsLoss(reduction="sum"), YES),
        ("sigmoid", CLASSES, LABELS),
        ("softmax", nn.BCEWithLogitsLoss(), ONE_HOT),
    ],
)
def test_softmax_and_sigmoid_before_a_loss_that_applies_them_are_found(output, loss, targets):
    sizes = [8, 16, targets.shape[1] if targets.ndim > 1 else 10]
    finding = found(network(sizes, output=output), X, targets, loss)[
        "probabilities given as logits"
    ]
    assert output in finding.meaning
    assert names(network(sizes), X, targets, loss) == []


def test_the_price_of_a_softmax_too_many_is_the_loss_of_a_right_answer():
    model = network([8, 16, 10], output="softmax")
    finding = found(model, X, LABELS, CLASSES)["probabilities given as logits"]
    np.testing.assert_allclose(finding.figure, CLASSES(ONE_HOT, LABELS).item())


def test_a_softmax_by_hand_is_found_and_log_softmax_twice_does_no_harm():
    class Last(nn.Module):
        def forward(self, z):
            scores = np.exp(z)
            return scores / scores.sum(axis=1, keepdims=True)

    hidden = nn.Dense(8, 10, rng=0)
    assert names(nn.Sequential(hidden, Last()), X, LABELS, CLASSES) == [
        "probabilities given as logits"
    ]
    assert names(nn.Sequential(hidden, nn.LogSoftmax()), X, LABELS, CLASSES) == []
    yes = nn.Sequential(nn.Dense(8, 1, rng=0), nn.Sigmoid())
    assert names(yes, X, YES, nn.MSELoss()) == []
    assert names(yes, X, YES, lambda p, t: np.logaddexp(p, -p).mean()) == []


def test_a_softmax_of_one_output_in_the_loss_is_found():
    assert names(network([8, 4, 1]), X, YES, CLASSES) == ["softmax of one output"]


# Inputs


def test_inputs_that_are_not_standardized_are_found_with_the_feature():
    raw = X.copy()
    raw[:, 3] = 1990 + 10 * X[:, 3]
    model = network([8, 4, 1])
    finding = found(model, raw, YES, YES_OR_NO)["inputs not standardized"]
    assert finding.where == ("what enters layer 0",)
    np.testing.assert_allclose(finding.figure, raw[:, 3].mean())
    assert "Feature 3" in finding.meaning
    assert names(model, (raw - raw.mean(axis=0)) / raw.std(axis=0), YES, YES_OR_NO) == []
    assert "inputs not standardized" in names(model, X * 1e-3, YES, YES_OR_NO)


def test_inputs_that_the_model_standardizes_itself_are_no_finding():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(8), nn.Dense(8, 1, rng=0))
    images = (255 * RNG.random((64, 2, 4))).astype(np.uint8)
    assert names(model, images, YES, YES_OR_NO) == []
    assert names(nn.Sequential(nn.Flatten(), nn.Dense(8, 1, rng=0)), images, YES, YES_OR_NO)[0] == (
        "inputs not standardized"
    )


def test_indices_that_pick_rows_of_an_embedding_need_no_standardizing():
    class Words(nn.Module):
        def __init__(self):
            self.vectors = nn.Parameter(np.random.default_rng(0).normal(size=(1000, 4)))
            self.out = nn.Dense(4, 1, rng=0)

        def forward(self, x):
            return self.out(self.vectors[x])

    words = np.arange(64) * 10
    assert names(Words(), words, YES, YES_OR_NO) == []


# Steps


@pytest.mark.parametrize("rate", [1e-3, 0.1])
@pytest.mark.parametrize("make", [nn.SGD, nn.Adam])
def test_steps_of_usual_rates_are_no_finding(make, rate):
    model = network([8, 16, 1])
    assert names(model, X, YES, YES_OR_NO, optimizer=make(model.parameters(), rate)) == []


def test_large_and_small_steps_are_found_relative_to_the_weights():
    model = network([8, 16, 1])
    optimizer = nn.SGD(model.parameters(), 100.0)
    finding = found(model, X, YES, YES_OR_NO, optimizer=optimizer)["large steps"]
    YES_OR_NO(model(X), YES).backward()
    weight = model[1].weight
    ratio = 100 * np.linalg.norm(weight.grad) / np.linalg.norm(weight.data)
    np.testing.assert_allclose(finding.figure, ratio)
    assert finding.where == ("0.weight", "1.weight")
    optimizer.learning_rate = 1e-5
    finding = found(model, X, YES, YES_OR_NO, optimizer=optimizer)["small steps"]
    np.testing.assert_allclose(finding.figure, 1e-7 * ratio)
    assert "Raise the learning rate" in finding.remedy


def test_weights_that_begin_near_zero_may_take_steps_beyond_their_size():
    model = network([8, 16, 1], "tanh", weight_init=partial(SMALL, standard_deviation=1e-3))
    assert names(model, X, YES, YES_OR_NO, optimizer=nn.Adam(model.parameters(), 0.01)) == []
