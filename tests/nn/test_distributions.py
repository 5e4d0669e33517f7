"""What a loss takes for the probabilities of classes adds up to 1, or nothing is trained on it."""

import numpy as np
import pytest
from card_arrays import on_card
from looping import looped
from training_runs import X, assert_refused, fit, parameters

import nn
from autograd_lite import Tensor, softmax
from autograd_lite.errors import ArgumentError, ShapeError
from nn.training.comparing import require_distributions

LABELS = np.arange(12) % 3
ROWS = np.eye(3)[LABELS]
LOG = r"exponentials.*not to 1.*nn\.LogSoftmax\(\), or give logits to nn\.CrossEntropyLoss"
PLAIN = r"probabilities of classes.*not to 1.*nn\.Softmax\(\).*do not exclude.*nn\.BCELoss"
WRONG = [
    (None, nn.NLLLoss(), LABELS, LOG),
    (nn.Softmax(), nn.NLLLoss(), LABELS, LOG),
    (nn.Sigmoid(), nn.NLLLoss(weight=[1.0, 2.0, 3.0], ignore_index=-1), LABELS, LOG),
    (lambda z: -abs(z), nn.NLLLoss(label_smoothing=0.1), ROWS, LOG),
    (None, nn.KLDivLoss(), ROWS, LOG),
    (nn.Softmax(), nn.KLDivLoss(reduction="batchmean"), ROWS, LOG),
    (nn.Sigmoid(), nn.CategoricalCrossEntropyLoss(), LABELS, PLAIN),
    (nn.Sigmoid(), nn.CategoricalCrossEntropyLoss(epsilon=1e-8), ROWS, PLAIN),
]
RIGHT = [
    (nn.LogSoftmax(), nn.NLLLoss(), LABELS),
    (lambda z: np.log(softmax(z) + 1e-8), nn.NLLLoss(), ROWS),
    (nn.LogSoftmax(), nn.KLDivLoss(), ROWS),
    (nn.Softmax(), nn.CategoricalCrossEntropyLoss(), LABELS),
    (nn.Sigmoid(), nn.BCELoss(), ROWS),
    (None, nn.CrossEntropyLoss(), LABELS),
    (None, lambda z, y: -z[np.arange(len(y)), y].mean(), LABELS),
]


def network(last):
    return nn.Sequential(nn.Dense(3, 3, rng=0), *([] if last is None else [last]))


@looped(("last", "loss", "targets", "told"), WRONG)
def test_a_loss_of_probabilities_is_not_trained_on_anything_else(last, loss, targets, told):
    assert_refused(ArgumentError, "fit with .*" + told, y=targets, loss=loss, model=network(last))


@looped(("last", "loss", "targets", "told"), WRONG)
def test_nor_by_a_trial_or_a_compiled_step_which_change_nothing(last, loss, targets, told):
    model = network(last)
    before, optimizer = parameters(model), nn.SGD(model.parameters(), 0.1)
    for trial in (nn.overfit_one_batch, nn.find_learning_rate):
        with pytest.raises(ArgumentError, match="a trial of Sequential with .*" + told):
            trial(model, X, targets, loss=loss, optimizer=optimizer)
    with pytest.raises(ArgumentError, match="a compiled step with .*" + told):
        nn.compile(model, loss, optimizer)(X, targets)
    assert all((old == new).all() for old, new in zip(before, parameters(model), strict=True))


@looped(("last", "loss", "targets"), RIGHT)
@looped("dtype", [np.float64, np.float16])
def test_what_adds_up_to_one_and_other_losses_are_trained(last, loss, targets, dtype):
    model = network(last).astype(dtype)
    assert np.isfinite(fit(model, y=targets, loss=loss)["loss"]).all()


@looped(
    "last", [nn.LogSoftmax(axis=1), lambda z: nn.LogSoftmax()(z.reshape(-1, 6)).reshape(-1, 3, 2)]
)
def test_the_classes_are_along_any_axis_or_all_but_that_of_the_samples(last):
    inner = nn.Dense(3, 6, rng=0)
    model = nn.Sequential(inner, lambda x: x.reshape(-1, 3, 2), last)
    targets = np.full((12, 3, 2), 1 / 6)
    options = {"y": targets, "loss": nn.KLDivLoss(), "batch_size": 12, "validation": (X, targets)}
    assert np.isfinite(fit(model, **options)["loss"]).all()


def test_of_several_outputs_each_loss_has_its_own():
    model = nn.Sequential(nn.Dense(3, 3, rng=0), lambda z: {"kind": z, "value": z[:, :1]})
    targets = {"kind": LABELS, "value": ROWS[:, :1]}
    assert_refused(
        ArgumentError, LOG, y=targets, loss={"kind": nn.NLLLoss(), "value": "mse"}, model=model
    )
    losses = {"kind": "cross_entropy", "value": "mse"}
    assert np.isfinite(fit(model, y=targets, loss=losses)["loss"]).all()


def test_what_is_on_a_graphics_card_is_looked_at_too():
    loss = nn.CategoricalCrossEntropyLoss()
    require_distributions("fit", loss, Tensor(on_card([[0.5, 0.5], [0.1, 0.9]])))
    with pytest.raises(ArgumentError, match=PLAIN):
        require_distributions("fit", loss, Tensor(on_card([[0.5, 0.9], [0.1, 0.2]])))


def test_predictions_without_classes_are_told_their_shape():
    model = nn.Sequential(nn.Dense(3, 1, rng=0), lambda z: z[:, 0])
    for loss in (nn.NLLLoss(), nn.CategoricalCrossEntropyLoss()):
        assert_refused(ShapeError, "predictions are .n, classes.", model=model, y=LABELS, loss=loss)
