"""What `diagnose` finds in outputs and losses, each where it is and where it is not."""

import numpy as np
from diagnosed import CLASSES, LABELS, LARGE, ONE_HOT, YES, YES_OR_NO, X, found, names, network
from looping import looped

import autograd_lite as al
import nn


def test_constant_outputs_are_found_unless_samples_or_targets_are_constant():
    model = network([8, 16, 1], weight_init="zeros")
    finding = found(model, X, YES, YES_OR_NO)["constant outputs"]
    assert (finding.figure, finding.threshold) == (0.0, 1e-6)
    assert "constant outputs" not in names(model, X, np.ones((64, 1)), YES_OR_NO)
    assert "constant outputs" not in names(model, np.ones((64, 8)), YES, YES_OR_NO)
    assert "constant outputs" in names(network([8, 4, 1], output="softmax"), X, YES, nn.BCELoss())


@looped("reduction", ["mean", "sum"])
@looped("weight", [None, np.linspace(1, 50, 10)])
@looped("targets", [LABELS, ONE_HOT], ids=["labels", "rows"])
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


@looped(
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


@looped(
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


# Log-probabilities


def picked(p, y):
    return -p[np.arange(len(y)), y].mean()


def multiplied(p, y):
    return -(y * p).sum() / len(y)


def penalized(p, y):
    return nn.NLLLoss()(p, y) + 1e-3


WANT_LOGARITHMS = [
    (nn.NLLLoss(), LABELS),
    (nn.NLLLoss(reduction="sum"), LABELS),
    (nn.NLLLoss(weight=np.linspace(1, 5, 10)), LABELS),
    (nn.NLLLoss(label_smoothing=0.1), LABELS),
    (nn.NLLLoss(), ONE_HOT),
    (nn.KLDivLoss(reduction="batchmean"), ONE_HOT),
    (nn.KLDivLoss(), 0.9 * ONE_HOT + 0.01),
    (picked, LABELS),
    (multiplied, ONE_HOT),
    (penalized, LABELS),
]


@looped(("loss", "targets"), WANT_LOGARITHMS)
@looped(("output", "kind"), [("softmax", "probabilities"), (None, "logits"), ("sigmoid", "logits")])
def test_what_is_no_logarithm_of_probabilities_is_found(loss, targets, output, kind):
    finding = found(network([8, 16, 10], output=output), X, targets, loss)[
        "log-probabilities wanted"
    ]
    assert f"they are {kind}" in finding.meaning
    assert finding.figure > finding.threshold == 0.01
    assert "nn.LogSoftmax" in finding.remedy
    assert names(network([8, 16, 10], output="log_softmax"), X, targets, loss) == []


def test_the_figure_is_how_far_the_sum_of_probabilities_is_from_one():
    model = network([8, 16, 10], weight_init="zeros")
    finding = found(model, X, LABELS, nn.NLLLoss())["log-probabilities wanted"]
    np.testing.assert_allclose(finding.figure, np.log(10))


def test_logarithms_written_by_hand_are_log_probabilities():
    class Last(nn.Module):
        def forward(self, z):
            return np.log(al.softmax(z) + 1e-8)

    model = nn.Sequential(nn.Dense(8, 10, rng=0), Last())
    assert names(model, X, LABELS, nn.NLLLoss()) == []
    assert names(model, X, LABELS, picked) == []


@looped(
    ("output", "loss"),
    [
        ("softmax", lambda p, y: (1 - p[np.arange(64), y]).mean()),
        ("softmax", lambda p, y: -np.log(p[np.arange(64), y]).mean()),
        ("softmax", lambda p, y: ((p - ONE_HOT) ** 2).mean()),
        (None, lambda z, y: np.maximum(0, 1 + z - z[np.arange(64), y][:, None]).mean()),
        (None, lambda z, y: (1 / z[np.arange(64), y]).mean()),
        (None, lambda z, y: (z * z).sum()),
        (None, lambda z, y: -z.mean()),
        (None, lambda z, y: (z * np.linspace(-1, 1, 10)).mean()),
    ],
    ids=["1 - p", "log", "squares", "hinge", "inverse", "product", "mean", "both signs"],
)
def test_other_losses_want_no_logarithms(output, loss):
    model = network([8, 16, 10], output=output)
    assert "log-probabilities wanted" not in names(model, X, LABELS, loss)


# ReLU


@looped(
    ("layers", "targets", "loss"),
    [
        ([nn.ReLU()], LABELS, CLASSES),
        ([nn.ReLU()], ONE_HOT, nn.CrossEntropyLoss(label_smoothing=0.1)),
        ([nn.ReLU()], ONE_HOT, nn.BCEWithLogitsLoss()),
        ([nn.ReLU(), nn.LogSoftmax()], LABELS, nn.NLLLoss()),
        ([nn.ReLU(), nn.Softmax()], ONE_HOT, nn.CategoricalCrossEntropyLoss()),
        ([nn.ReLU(), nn.Sigmoid()], ONE_HOT, nn.BCELoss()),
    ],
)
def test_a_relu_on_the_logits_is_found(layers, targets, loss):
    hidden, last = nn.Dense(8, 16, "relu", rng=0), nn.Dense(16, 10, rng=1)
    finding = found(nn.Sequential(hidden, last, *layers), X, targets, loss)["ReLU on the logits"]
    np.testing.assert_allclose(finding.figure, (last(hidden(X)).data <= 0).mean())
    assert 0.3 < finding.figure < 0.7
    assert names(nn.Sequential(hidden, last, *layers[1:]), X, targets, loss) == []


def test_a_relu_by_hand_is_found_and_one_that_gives_numbers_is_right():
    class Last(nn.Module):
        def forward(self, z):
            return np.maximum(z, 0)

    model = nn.Sequential(nn.Dense(8, 1, rng=0), Last())
    assert names(model, X, YES, YES_OR_NO) == ["ReLU on the logits"]
    assert names(model, X, np.abs(X[:, :1]), nn.MSELoss()) == []
    assert names(nn.Sequential(nn.Dense(8, 1, rng=0), nn.LeakyReLU()), X, YES, YES_OR_NO) == []
