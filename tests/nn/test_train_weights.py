"""fit with weights of samples and of classes."""

import numpy as np
import pytest
from looping import looped
from training_runs import LABELS, Spy, X, Y, assert_same, fit, line, parameters

import nn
from autograd_lite import AutogradError, Tensor
from autograd_lite.errors import ArgumentError, ShapeError


def descent(weights, epochs=5):
    """Gradient descent on mean(w e²) by hand."""
    model = line()
    w, b = model.weight.data.copy(), model.bias.data.copy()
    for _ in range(epochs):
        d = weights[:, None] * (X @ w + b - Y)
        w, b = w - 0.05 * X.T @ d * 2 / 12, b - 0.05 * d.sum(0) * 2 / 12
    return [w, b]


def weighted(loss=None, **options):
    model = line()
    history = fit(model, loss=loss, batch_size=12, epochs=5, **options)
    return model, history


def assert_close(arrays, others):
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-12)


WEIGHTS = np.arange(12.0)


@looped("factor", [1.0, 1e-3, 1e6])
@looped("reduction", ["mean", "sum", "none"])
def test_sample_weights_are_scaled_to_mean_1_and_multiply_each_loss(factor, reduction):
    learning_rate = 0.05 / 12 if reduction == "sum" else 0.05
    loss = nn.MSELoss(reduction=reduction)
    model, _ = weighted(loss, sample_weight=factor * WEIGHTS, learning_rate=learning_rate)
    assert_close(parameters(model), descent(WEIGHTS / WEIGHTS.mean()))


REAL = np.random.default_rng(1).normal(size=(12, 3))
SHARES = np.exp(REAL) / np.exp(REAL).sum(axis=1, keepdims=True)
CLASSES = np.arange(12) % 3
ALL_LOSSES = {
    "mse": (nn.MSELoss, REAL, {}),
    "half": (nn.HalfSquaredErrorLoss, REAL, {}),
    "mae": (nn.MAELoss, REAL, {}),
    "huber": (nn.HuberLoss, REAL, {}),
    "hinge": (nn.HingeLoss, np.sign(REAL), {}),
    "bce": (nn.BCEWithLogitsLoss, SHARES, {}),
    "bce pos_weight": (nn.BCEWithLogitsLoss, SHARES, {"pos_weight": 3.0}),
    "labels": (nn.CrossEntropyLoss, CLASSES, {}),
    "labels, weighted": (nn.CrossEntropyLoss, CLASSES, {"weight": [1.0, 2.0, 5.0]}),
    "labels, smoothed": (
        nn.CrossEntropyLoss,
        CLASSES,
        {"weight": [1.0, 2.0, 5.0], "label_smoothing": 0.1},
    ),
    "rows": (nn.CrossEntropyLoss, SHARES, {"weight": [1.0, 2.0, 5.0]}),
    "divergence": (nn.KLDivLoss, SHARES, {}),
    "rmse": (nn.RMSELoss, REAL, {}),
}


REDUCED = [
    (name, reduction)
    for name, (kind, *_) in ALL_LOSSES.items()
    for reduction in ("mean", "sum", "batchmean")
    if kind._fields["reduction"].allowed.holds(reduction)
]


@looped(("name", "reduction"), REDUCED)
def test_weights_of_1_change_nothing(name, reduction):
    kind, targets, options = ALL_LOSSES[name]
    loss = kind(reduction=reduction, **options)
    last = [nn.LogSoftmax()] if kind is nn.KLDivLoss else []
    plain, ones = (nn.Sequential(nn.Dense(3, 3, rng=0), *last) for _ in range(2))
    options = {"y": targets, "loss": loss, "validation": (X[:5], targets[:5])}
    history = fit(plain, **options)
    of_ones = fit(ones, sample_weight=np.ones(12), **options)
    for array, other in zip(parameters(plain), parameters(ones), strict=True):
        np.testing.assert_allclose(other, array, rtol=1e-13, atol=1e-15)
    assert of_ones.keys() == history.keys()
    for figure, values in history.items():
        np.testing.assert_allclose(of_ones[figure], values, rtol=1e-13)


def test_weights_multiply_the_losses_of_a_loss_with_class_weights():
    weight, weights = np.array([1.0, 2.0, 5.0]), np.arange(1.0, 13.0)
    loss = nn.CrossEntropyLoss(weight=weight)
    losses = nn.CrossEntropyLoss(reduction="none")(Tensor(REAL), CLASSES).data
    of_class = weight[CLASSES]
    expected = np.sum(weights * of_class * losses) / np.sum(of_class)
    assert loss(Tensor(REAL), CLASSES, weights).item() == pytest.approx(expected)


def test_whole_weights_are_repetitions():
    counts = np.array([1, 2, 3] * 4)
    model, _ = weighted(sample_weight=counts)
    repeated = line()
    rows = np.repeat(np.arange(12), counts)
    fit(repeated, X[rows], Y[rows], batch_size=len(rows), epochs=5)
    assert_close(parameters(model), parameters(repeated))


def test_weights_are_taken_along_by_mini_batches():
    model, same = line(), line()
    seen = []
    loss = nn.MSELoss(reduction="none")

    def spy(predictions, targets):
        losses = loss(predictions, targets)
        seen.append(targets[:, 0])
        return losses

    fit(model, loss=spy, sample_weight=WEIGHTS, epochs=1)
    w, b = same.weight.data.copy(), same.bias.data.copy()
    scaled = WEIGHTS / WEIGHTS.mean()
    for targets in seen[1:4]:  # the first call is before training
        rows = [Y[:, 0].tolist().index(value) for value in targets]
        d = scaled[rows, None] * (X[rows] @ w + b - Y[rows])
        w, b = w - 0.05 * X[rows].T @ d * 2 / len(d), b - 0.05 * d.sum(0) * 2 / len(d)
    assert_close(parameters(model), [w, b])


def classifier():
    return nn.Dense(3, 2, rng=0)


def test_balanced_classes_have_equal_sums_of_weights():
    balanced, explicit = classifier(), classifier()
    options = {"loss": nn.CrossEntropyLoss(), "y": LABELS}
    fit(balanced, class_weight="balanced", **options)
    fit(explicit, sample_weight=np.array([12 / (2 * 8)] * 8 + [12 / (2 * 4)] * 4), **options)
    assert_same(parameters(balanced), parameters(explicit))


@looped(
    ("targets", "loss", "outputs"),
    [
        (LABELS, nn.CrossEntropyLoss(), 2),
        (np.eye(2)[LABELS], nn.CrossEntropyLoss(), 2),
        (LABELS[:, None], nn.BCEWithLogitsLoss(), 1),
        (LABELS[:, None].astype(float), nn.BCEWithLogitsLoss(), 1),
        (LABELS[:, None].astype(bool), nn.BCEWithLogitsLoss(), 1),
    ],
    ids=["labels", "one-hot", "column", "floats", "booleans"],
)
def test_class_weights_are_the_weights_of_their_samples(targets, loss, outputs):
    by_class, by_sample = nn.Dense(3, outputs, rng=0), nn.Dense(3, outputs, rng=0)
    fit(by_class, y=targets, loss=loss, class_weight={0: 1.0, 1: 5.0})
    fit(by_sample, y=targets, loss=loss, sample_weight=np.where(LABELS == 1, 5.0, 1.0))
    assert_same(parameters(by_class), parameters(by_sample))
    unweighted = nn.Dense(3, outputs, rng=0)
    fit(unweighted, y=targets, loss=loss)
    assert not np.array_equal(unweighted.weight.data, by_class.weight.data)


IGNORED = np.where(np.arange(12) % 3 == 2, -1, LABELS)


@looped(
    "given",
    [
        {"class_weight": {0: 1.0, 1: 5.0}},
        {"class_weight": "balanced"},
        {"sample_weight": WEIGHTS},
        {"class_weight": "balanced", "sample_weight": WEIGHTS},
    ],
)
@looped("read_later", [False, True])
def test_an_ignored_label_is_no_class_and_weighs_nothing(given, read_later, tmp_path):
    def trained(X, y, loss, **options):
        model = classifier()
        fit(model, X, y, loss=loss, batch_size=12, rng=np.random.default_rng(0), **options)
        return parameters(model)

    counted = IGNORED != -1
    alone = {
        name: each[counted] if name == "sample_weight" else each for name, each in given.items()
    }
    expected = trained(X[counted], IGNORED[counted], nn.CrossEntropyLoss(), **alone)
    labels = IGNORED
    if read_later:
        np.save(tmp_path / "labels.npy", IGNORED)
        labels = np.load(tmp_path / "labels.npy", mmap_mode="r")
    found = trained(X, labels, nn.CrossEntropyLoss(ignore_index=-1), **given)
    assert_close(found, expected)


def test_balanced_sampling_draws_no_ignored_labels():
    drawn = []

    def augment(X, y, rng):
        drawn.extend(y.tolist())
        return X, y

    options = {"y": IGNORED, "loss": nn.CrossEntropyLoss(ignore_index=-1), "augment": augment}
    fit(classifier(), sampling="balanced", epochs=30, **options)
    assert set(drawn) == {0, 1}
    assert abs(np.mean(drawn) - 0.5) < 0.1


def test_class_and_sample_weights_multiply():
    both, one = classifier(), classifier()
    options = {"loss": nn.CrossEntropyLoss(), "y": LABELS}
    fit(both, class_weight={0: 2, 1: 3}, sample_weight=WEIGHTS, **options)
    fit(one, sample_weight=WEIGHTS * np.where(LABELS == 1, 3, 2), **options)
    assert_same(parameters(both), parameters(one))


def test_loss_is_weighted_and_validation_loss_is_not():
    model, history = weighted(sample_weight=WEIGHTS, validation=(X, Y))
    squares = (nn.predict(model, X) - Y)[:, 0] ** 2
    expected = np.mean(squares * WEIGHTS / WEIGHTS.mean())
    assert history["loss"][-1] == pytest.approx(expected, rel=1e-12)
    assert history["validation_loss"][-1] == pytest.approx(np.mean(squares), rel=1e-12)


def test_the_weights_of_held_out_samples_are_left_out():
    weights = np.ones(12)
    first, second = line(), line()
    spy = Spy()
    fit(spy, validation=0.25, epochs=1)
    out = [X[:, 0].tolist().index(value) for value in set(X[:, 0]) - set(spy.seen[True])]
    fit(first, validation=0.25, sample_weight=weights)
    weights[out] = 100.0
    fit(second, validation=0.25, sample_weight=weights)
    assert_same(parameters(first), parameters(second))


def test_a_loss_of_several_entries_a_sample_counts_as_their_mean():
    two = np.concatenate([Y, 2 * Y], axis=1)
    model = nn.Dense(3, 2, rng=0)
    history = fit(model, y=two, sample_weight=WEIGHTS)
    losses = ((nn.predict(model, X) - two) ** 2).mean(axis=1)
    expected = np.mean(losses * WEIGHTS / WEIGHTS.mean())
    assert history["loss"][-1] == pytest.approx(expected, rel=1e-12)


def test_float32_stays_float32_with_weights():
    predictions, targets = Tensor(X[:, :1].astype(np.float32)), Y.astype(np.float32)
    assert nn.MSELoss()(predictions, targets, WEIGHTS).dtype == np.float32


def test_a_function_that_returns_one_loss_for_all_samples_cannot_be_weighted():
    with pytest.raises(ShapeError, match="loss of each sample"):
        fit(line(), loss=lambda p, t: np.square(p - t).mean(), sample_weight=WEIGHTS)


def test_a_function_of_ones_own_that_takes_weights_is_given_them():
    def loss(predictions, targets, scale=1.0, *, weights=None):
        assert scale == 1
        losses = np.square(predictions - targets).mean(axis=1)
        return (losses if weights is None else losses * weights).mean()

    options = {"sample_weight": WEIGHTS, "validation": (X, Y)}
    (model, history), (other, of_other) = weighted(loss, **options), weighted(**options)
    assert_close(parameters(model), parameters(other))
    for figure, values in history.items():
        np.testing.assert_allclose(of_other[figure], values, rtol=1e-12)


@looped("class_weight", ["balanced", {0: 1.0, 1: 2.0, 0.5: 1.0}])
def test_classes_of_targets_that_are_not_whole_are_refused(class_weight):
    targets = np.where(LABELS == 1, 0.5, 0.0)[:, None]
    with pytest.raises(ArgumentError, match=r"y is no label where it is 0\.5"):
        fit(line(), y=targets, class_weight=class_weight)


@looped(
    "options",
    [
        {"sample_weight": WEIGHTS[:5]},
        {"sample_weight": WEIGHTS[:, None]},
        {"sample_weight": -WEIGHTS},
        {"sample_weight": 0 * WEIGHTS},
        {"sample_weight": WEIGHTS + np.nan},
        {"sample_weight": WEIGHTS + np.inf},
        {"sample_weight": ["1"] * 12},
        {"sample_weight": WEIGHTS + 1j},
        {"class_weight": {0: 1.0}},
        {"class_weight": {0: 1.0, 1: -1.0}},
        {"class_weight": {0: 1.0, 1: np.nan}},
        {"class_weight": {0: 1.0, 1: "2"}},
        {"class_weight": {0: 0.0, 1: 0.0}},
        {"class_weight": "even"},
        {"class_weight": [1.0, 2.0]},
        {"class_weight": np.ones(2)},
        {"class_weight": "balanced", "y": np.full((12, 2), 0.5)},
    ],
)
def test_weights_that_make_no_sense_are_refused_before_training(options):
    model = classifier()
    before = parameters(model)
    with pytest.raises(AutogradError):
        fit(model, **{"y": LABELS, "loss": nn.CrossEntropyLoss(), **options})
    assert_same(parameters(model), before)
