"""What losses refuse: options out of range, shapes that would broadcast, values that are none."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import ArgumentError, AutogradError, ShapeError, Tensor, UnsupportedError
from nn.losses.loss_function import LOSSES, loss_function

RNG = np.random.default_rng(0)
N, CLASSES = 6, 4
PREDICTIONS = RNG.normal(size=(N, CLASSES))
PROBABILITIES = RNG.uniform(0.05, 0.95, size=(N, CLASSES))
BINARY = RNG.integers(0, 2, size=(N, CLASSES)).astype(float)
LABELS = np.array([0, 3, 1, 1, 2, 0])
ONE_HOT = np.eye(CLASSES)[LABELS]


@looped(
    ("loss", "options", "named"),
    [
        *((loss, {"reduction": "average"}, "average") for loss in LOSSES.values()),
        (nn.MSELoss, {"reduction": None}, "None"),
        (nn.MSELoss, {"reduction": "batchmean"}, "batchmean"),
        (nn.RMSELoss, {"reduction": "none"}, "none"),
        *((nn.HuberLoss, {"delta": x}, "delta") for x in (0, -1.0, np.nan, np.inf, "1")),
        *((nn.BCELoss, {"epsilon": x}, "epsilon") for x in (-1e-8, 1, np.nan, None)),
        (nn.CategoricalCrossEntropyLoss, {"epsilon": -1}, "epsilon"),
        *((nn.CrossEntropyLoss, {"label_smoothing": x}, "label_smoothing") for x in (-0.1, 1.1)),
        (nn.BCELoss, {"label_smoothing": "0.1"}, "label_smoothing"),
        *((nn.CrossEntropyLoss, {"weight": x}, "weight") for x in ([1, 0], [1, -1], ["a"])),
        (nn.NLLLoss, {"weight": [1.0, np.nan]}, "weight"),
        (nn.BCEWithLogitsLoss, {"pos_weight": -2}, "pos_weight"),
    ],
)
def test_options_out_of_range_are_refused_by_name(loss, options, named):
    with pytest.raises(AutogradError, match=named) as caught:
        loss(**options)
    assert loss.__name__ in str(caught.value)


ELEMENTWISE = [
    nn.HalfSquaredErrorLoss,
    nn.RMSELoss,
    nn.HuberLoss,
    nn.HingeLoss,
    nn.KLDivLoss,
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
]


@looped("loss", ELEMENTWISE)
@looped("shapes", [((6,), (6, 1)), ((6, 1), (6,)), ((6, 4), (4,)), ((6,), ()), ((1, 6), (6, 1))])
def test_shapes_that_would_broadcast_are_refused_with_both(loss, shapes):
    predictions, targets = (np.ones(shape) for shape in shapes)
    with pytest.raises(AutogradError) as caught:
        loss()(Tensor(predictions), targets)
    assert all(str(shape) in str(caught.value) for shape in shapes)
    assert loss.__name__ in str(caught.value)


@looped("loss", ELEMENTWISE)
def test_arrays_without_entries_are_refused(loss):
    with pytest.raises(AutogradError, match="no entries"):
        loss()(Tensor(np.ones((0, 2))), np.ones((0, 2)))


@looped("loss", ELEMENTWISE)
@looped("targets", [np.array(["a", "b"]), np.array([1j, 2])])
def test_targets_that_are_no_real_numbers_are_refused(loss, targets):
    with pytest.raises(AutogradError, match="dtypes"):
        loss()(Tensor([0.5, 0.5]), targets)


def test_whole_predictions_do_not_round_the_targets():
    with pytest.raises(AutogradError, match="int64"):
        nn.MSELoss()(np.array([1, 2]), np.array([1.5, 2.5]))


@looped("loss", [nn.CategoricalCrossEntropyLoss, nn.NLLLoss, nn.CrossEntropyLoss])
@looped(
    "labels",
    [
        LABELS[:5],
        LABELS.reshape(N, 1),
        ONE_HOT[:, :3],
        LABELS.astype(float),
        LABELS - 1,
        LABELS + 1,
        np.array(["a"] * N),
    ],
    ids=["too few", "column", "too few classes", "floats", "negative", "too large", "text"],
)
@looped("reduction", ["mean", "sum"])
def test_labels_of_the_wrong_kind_are_refused(loss, labels, reduction):
    with pytest.raises(AutogradError, match=r"\(6, 4\)"):
        loss(reduction=reduction)(Tensor(np.full((N, CLASSES), 0.25)), labels)


@looped("loss", [nn.CategoricalCrossEntropyLoss, nn.NLLLoss, nn.CrossEntropyLoss])
def test_a_batch_without_samples_is_refused(loss):
    with pytest.raises(AutogradError, match="no entries"):
        loss()(Tensor(np.ones((0, 3))), np.ones(0, int))


def test_weights_that_do_not_fit_the_classes_are_refused():
    with pytest.raises(AutogradError, match=r"\(3,\), and there are 4 classes"):
        nn.CrossEntropyLoss(weight=[1, 2, 3])(Tensor(PREDICTIONS), LABELS)
    with pytest.raises(AutogradError, match=r"pos_weight has shape \(3,\)"):
        nn.BCELoss(pos_weight=[1, 2, 3])(Tensor(PROBABILITIES), BINARY)


@looped("wrong", [-0.1, 1.5, np.nan])
def test_logits_in_place_of_probabilities_are_refused(wrong):
    predictions = Tensor([[0.5, wrong]])
    with pytest.raises(AutogradError, match="give logits to CrossEntropyLoss"):
        nn.CategoricalCrossEntropyLoss()(predictions, np.array([0]))
    with pytest.raises(AutogradError, match="give logits to BCEWithLogitsLoss"):
        nn.BCELoss()(predictions, np.array([[0, 1]]))


@looped(
    ("weights", "reason"),
    [
        (np.ones(N - 1), r"array \(5,\): there are 6 samples"),
        (np.ones((N, 1)), "there are 6 samples"),
        (2.0, "there are 6 samples"),
        (-np.ones(N), "the weight at index 0 is -1"),
        ([1.0] * (N - 1) + [np.nan], "the weight at index 5 is nan"),
        ([np.inf] * N, "the weight at index 0 is inf"),
        (["a"] * N, "none of real numbers"),
    ],
)
@looped("loss", [nn.MSELoss(), nn.CrossEntropyLoss(), nn.RMSELoss()])
def test_weights_that_are_none_of_the_samples_are_refused(loss, weights, reason):
    targets = LABELS if isinstance(loss, nn.CrossEntropyLoss) else PREDICTIONS + 1
    with pytest.raises(AutogradError, match=reason) as caught:
        loss(Tensor(PREDICTIONS), targets, weights)
    assert f"{type(loss).__name__} of predictions" in str(caught.value)


@looped("loss", [nn.BCEWithLogitsLoss(), nn.BCEWithLogitsLoss(reduction="sum"), nn.BCELoss()])
@looped("targets", [[1.0, -1.0], [0.0, -1.0], [0.0, 2.0], [0.0, 1.0 + 1e-12]])
def test_binary_targets_beyond_0_and_1_are_refused_also_where_the_loss_is_positive(loss, targets):
    with pytest.raises(AutogradError, match=r"\(targets \+ 1\) / 2"):
        loss(Tensor([0.5, 0.5], requires_grad=True), np.array(targets))


def test_hinge_targets_are_minus_one_or_one_and_kl_targets_not_negative():
    with pytest.raises(AutogradError, match=r"2 \* targets - 1"):
        nn.HingeLoss()(Tensor([1.0, 2.0]), np.array([0, 1]))
    with pytest.raises(AutogradError, match="probabilities"):
        nn.KLDivLoss()(Tensor([-1.0]), np.array([-0.5]))


@looped(("rates", "counts", "reason"), [([-0.1], [1.0], "softplus"), ([0.1], [-1.0], "events")])
def test_rates_and_counts_of_events_are_not_negative(rates, counts, reason):
    with pytest.raises(AutogradError, match=reason):
        nn.PoissonNLLLoss(log_input=False)(Tensor(rates), np.array(counts))
    assert nn.PoissonNLLLoss()(Tensor([-0.1]), np.abs(counts)).item() > 0


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(AutogradError, match="rmse"):
        loss_function("root")


def test_rows_of_another_number_of_classes_are_told_as_such():
    for loss in (nn.CrossEntropyLoss(), nn.CategoricalCrossEntropyLoss(), nn.MSELoss()):
        with pytest.raises(ShapeError, match="4 outputs for 3 columns of targets"):
            loss(Tensor(np.full((6, 4), 0.25)), np.eye(3)[[0, 1, 2, 0, 1, 2]])
    images = Tensor(np.zeros((6, 4, 2, 2)))
    with pytest.raises(ShapeError, match="4 outputs for 3 columns"):
        nn.CrossEntropyLoss()(images, np.zeros((6, 3, 2, 2)))


def test_a_number_of_another_type_is_told_from_one_out_of_range():
    for value, told in (("0.1", "no number"), (None, "no number"), (True, "no number")):
        with pytest.raises(ArgumentError, match=told):
            nn.Dropout(value)
    for value, told in ((10.0, "that is a float"), (1.5, "out of range"), (0, "out of range")):
        with pytest.raises(ArgumentError, match=told):
            nn.StepDecay(0.1, every=value)


def test_a_label_to_ignore_is_refused_where_targets_are_rows():
    losses = {nn.CrossEntropyLoss: PREDICTIONS, nn.CategoricalCrossEntropyLoss: ONE_HOT}
    for loss, predictions in losses.items():
        with pytest.raises(UnsupportedError, match=r"ignore_index=1 is a label.*argmax"):
            loss(ignore_index=1)(Tensor(predictions), ONE_HOT)
        found = loss(ignore_index=-100)(Tensor(predictions), ONE_HOT).item()
        assert found == loss()(Tensor(predictions), ONE_HOT).item()
