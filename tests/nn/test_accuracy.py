"""What fraction of predictions is right, and what has none."""

import math

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError

SCORES = np.array([[0.1, 2.0, 0.0], [3.0, 0.2, 0.0]])


@looped(
    ("predictions", "targets", "options", "right"),
    [
        (SCORES, [1, 0], {}, 1.0),
        (SCORES, np.eye(3)[[1, 0]], {}, 1.0),
        (SCORES, [1, 2], {}, 0.5),
        ([0.9, 0.5, 0.2, 0.8], [1, 0, 0, 0], {}, 0.75),
        ([[0.9], [0.6], [0.2], [0.8]], [[1], [1], [0], [0]], {}, 0.75),
        ([2.0, 0.0, -1.0, 0.3], [1, 0, 0, 0], {"threshold": 0}, 0.75),
        ([2.0, 0.0, -1.0, 0.3], [1, 0, 0, 0], {"loss": "bce_with_logits"}, 0.75),
        ([2, 0, 1, 1], [2, 0, 1, 0], {}, 0.75),
        ([[0.1, 0.9], [np.nan, 0.9], [0.1, 0.9], [0.2, 0.8]], [1, 1, 1, 1], {}, 0.75),
    ],
)
def test_accuracy_is_the_share_of_samples_whose_class_is_right(
    predictions, targets, options, right
):
    assert nn.accuracy(np.array(predictions), np.array(targets), **options) == right


@looped("row", [[1, 1, 0], [0, 0, 0], [0.5, 0.5, 0.0]])
def test_accuracy_refuses_rows_that_are_not_of_one_class(row):
    targets = np.array([[1, 0, 0], row])
    with pytest.raises(ArgumentError, match=r"row 1 of the targets.*\(predictions > threshold\)"):
        nn.accuracy(targets, targets)
    assert nn.accuracy(targets, np.array([[0.9, 0.05, 0.05], [-1, -1, 1]])) == 0.5


@looped("given", [{"threshold": 0, "loss": "mse"}, {"loss": lambda p, t: p}])
def test_accuracy_asks_a_loss_that_knows_or_is_given_a_threshold(given):
    with pytest.raises(ArgumentError, match="threshold"):
        nn.accuracy(np.array([0.2]), np.array([1]), **given)


@looped("labels", [[1, 3], [0, -1], [1.5, 0.0], [1, 2**40]])
def test_labels_without_a_column_of_predictions_are_refused(labels):
    with pytest.raises(ArgumentError, match=r"is no class: .* 0 to 2.*unique"):
        nn.accuracy(SCORES, np.array(labels))


def test_rows_of_targets_have_the_columns_of_predictions():
    with pytest.raises(ShapeError, match="3 columns, and targets 2"):
        nn.accuracy(SCORES, np.eye(2))
    assert nn.accuracy(SCORES, np.eye(3)[[1, 2]]) == 0.5
    assert nn.accuracy(np.array([1, 0]), np.eye(3)[[1, 2]]) == 0.5


@pytest.mark.parametrize("several", [lambda x: (x, x), lambda x: {"a": x}, lambda x: (x, 0.5)])
@pytest.mark.parametrize("kind", [np.array, Tensor])
def test_several_outputs_have_no_accuracy_together(several, kind):
    outputs = several(kind([1.0, 0.0]))
    one = r"\['a'\]" if isinstance(outputs, dict) else r"\[0\]"
    for given in ((outputs, np.array([1, 0])), (np.array([1.0, 0.0]), outputs)):
        with pytest.raises(UnsupportedError, match=f"several.*predictions{one}, targets{one}"):
            nn.accuracy(*given)


@looped("metric", [nn.accuracy, lambda p, t: nn.accuracy(p, t)])
def test_accuracy_is_nan_where_a_loss_of_ones_own_leads_beyond_0_and_1(metric):
    X = np.random.default_rng(0).normal(size=(20, 2))
    y = (X[:, :1] > 0).astype(float)

    def train(weight_init):
        model = nn.Dense(2, 1, weight_init=weight_init, rng=0)
        return nn.fit(
            model,
            X,
            y,
            loss=lambda p, t: ((p - t) ** 2).mean(),
            epochs=2,
            progress=False,
            optimizer=nn.SGD(model.parameters(), 0.5),
            metrics={"right": metric},
            rng=0,
        )

    with pytest.raises(ArgumentError, match="without a threshold"):
        train("xavier_uniform")
    with pytest.warns(RuntimeWarning, match="'right' is NaN.* threshold=0 for logits"):
        history = train("zeros")
    assert all(map(math.isnan, history["right"]))
    assert history["loss"][1] < 0.25
