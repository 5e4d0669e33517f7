"""What fit finds before anything is trained, and that it changes nothing to find it."""

from functools import partial

import numpy as np
import pytest
from looping import looped
from training_runs import (
    LABELS,
    X,
    Y,
    assert_refused,
    assert_same,
    classifier,
    condition,
    fit,
    hook,
    line,
    normalized,
    parameters,
)

import nn
from autograd_lite import AutogradError
from autograd_lite.errors import ArgumentError, ShapeError, TrainingError, UnsupportedError

# Targets


@looped("index", [0, 11])
def test_a_label_that_is_no_class_is_found_wherever_it_is(index):
    labels = LABELS.copy()
    labels[index] = 2
    assert_refused(ArgumentError, "2", y=labels)
    assert_refused(ArgumentError, "2", validation=(X, labels))


def test_targets_that_are_no_probabilities_are_found_also_where_the_loss_is_positive():
    signs = 2.0 * LABELS[:, None] - 1
    options = {"loss": nn.BCEWithLogitsLoss(), "model": line()}
    assert_refused(ArgumentError, "range from -1", y=signs, **options)
    assert_refused(
        ArgumentError, "range from -1", y=LABELS[:, None], validation=(X, signs), **options
    )


def test_targets_of_another_shape_are_found():
    assert_refused(ShapeError, "MSELoss", y=Y, loss=nn.MSELoss())
    assert_refused(ShapeError, "CrossEntropyLoss", y=Y[:, [0, 0, 0]])


@looped("result", [1.0, np.float64(1.0), None, np.ones(2)])
def test_a_loss_that_cannot_be_differentiated_is_found(result):
    assert_refused(UnsupportedError, "single entry", loss=lambda p, t: result)


def test_a_model_that_returns_one_number_for_all_samples_is_found():
    class Total(nn.Module):
        def __init__(self):
            self.inner = line()

        def forward(self, x):
            return self.inner(x).sum()

    assert_refused(ShapeError, "Total.*row for each sample", model=Total())


# Metrics


@looped(
    ("metric", "error"),
    [
        (lambda predictions: 0.0, UnsupportedError),
        (lambda predictions, targets: None, UnsupportedError),
        (lambda predictions, targets: "high", ArgumentError),
        (lambda predictions, targets: (predictions - targets).mean(), ArgumentError),
    ],
    ids=["of one argument", "None", "text", "shapes that do not fit"],
)
def test_a_metric_that_fails_is_named(metric, error):
    metrics = {"fine": nn.accuracy, "odd": metric}
    assert_refused(
        error, r"fit with the metric 'odd' of predictions array \(12, 2\)", metrics=metrics
    )


def test_a_metric_that_fails_later_is_named_too():
    results = iter([0.0, 0.0, None])
    with pytest.raises(UnsupportedError, match="the metric 'odd'"):
        fit(line(), metrics={"odd": lambda predictions, targets: next(results)})


def test_metrics_see_all_targets_and_as_many_predictions_before_training():
    seen = []

    def metric(predictions, targets):
        seen.append((predictions.shape, sorted(set(targets.tolist()))))
        return 0.0

    fit(classifier(), y=LABELS, loss=nn.CrossEntropyLoss(), metrics={"m": metric}, epochs=1)
    assert seen == [((12, 2), [0, 1])] * 2


def test_warnings_of_metrics_come_in_training_only():
    calls = []

    def metric(predictions, targets):
        calls.append(1)
        if len(calls) == 1:
            np.log(np.zeros(1))
        return 0.0

    fit(line(), metrics={"m": metric}, epochs=1)
    assert len(calls) == 2


class Counter:
    """A metric with a state."""

    def __init__(self):
        self.calls = []

    def count(self, predictions, targets):
        self.calls.append(predictions.shape)
        return len(self.calls)

    def of_true(self, y_true, y_pred):
        return self.count(y_pred, y_true)


REACHED = {
    "a method": lambda counter: counter.count,
    "a partial of a method": lambda counter: partial(counter.count),
    "a partial with an object": lambda counter: partial(Counter.count, counter),
    "a method of y_true": lambda counter: counter.of_true,
}


@looped("reached", REACHED.values(), ids=REACHED)
def test_what_metrics_are_bound_to_is_as_before_when_training_begins(reached):
    counter = Counter()
    history = fit(line(), metrics={"m": reached(counter)}, epochs=2)
    assert history["m"] == [1, 2]


def test_scikit_learns_metrics_are_given_the_targets_first():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    noisy = Y + rng.normal(size=Y.shape)
    model = line()
    history = fit(model, y=noisy, validation=(X[:8], noisy[:8]), metrics={"r2": metrics.r2_score})
    predictions = nn.predict(model, X)
    expected = 1 - np.sum((noisy - predictions) ** 2) / np.sum((noisy - noisy.mean()) ** 2)
    assert history["r2"][-1] == pytest.approx(expected, rel=1e-12)
    assert history["r2"][-1] != pytest.approx(metrics.r2_score(predictions, noisy), rel=1e-3)
    assert history["validation_r2"][-1] == metrics.r2_score(noisy[:8], predictions[:8])


class Decided(nn.Module):
    """Returns classes in evaluation mode."""

    def __init__(self):
        self.inner = line()

    def forward(self, x):
        scores = self.inner(x)
        return scores if self.training else (scores.data > 0).astype(float)


def test_recall_is_of_the_targets():
    recall_score = pytest.importorskip("sklearn.metrics").recall_score
    targets = (Y > 0.5).astype(float)
    model = Decided()
    history = fit(model, y=targets, metrics={"recall": recall_score}, epochs=1)
    predicted = nn.predict(model, X)
    both = np.sum((predicted == 1) & (targets == 1))
    assert history["recall"] == [both / targets.sum()]
    assert both / targets.sum() != both / predicted.sum()


def test_a_loss_that_takes_the_targets_first_is_refused_with_what_to_write():
    def squares(y_true, y_pred):
        return np.square(y_true - y_pred).mean()

    remedy = r"loss=lambda predictions, targets: squares\(targets, predictions\)"
    assert_refused(ArgumentError, remedy, model=line(), y=Y, loss=squares)
    fit(line(), loss=lambda predictions, targets: squares(targets, predictions))


# Batches


@looped(
    ("n", "batch_size", "validation", "named"),
    [
        (11, 5, None, "11 training samples and batch_size=5"),
        (12, 1, None, "12 training samples and batch_size=1"),
        (1, 32, None, "1 training samples and batch_size=32"),
        (12, 4, 0.25, "9 training samples and batch_size=4"),
    ],
)
def test_a_last_batch_of_one_sample_is_refused_where_its_variance_is_needed(
    n, batch_size, validation, named
):
    options = {"batch_size": batch_size, "validation": validation}
    model = normalized()
    match = f"{named}.*BatchNorm1d 1"
    assert_refused(ArgumentError, match, model, X=X[:n], y=Y[:n], loss=nn.MSELoss(), **options)
    fit(line(), X[:n], Y[:n], **options)


def test_other_last_batches_are_normalized():
    for batch_size in (2, 5, 7, 12, 32):
        fit(normalized(), batch_size=batch_size)


# Callbacks


def test_a_callback_that_is_given_twice_is_refused():
    monitor = nn.GradientMonitor()
    assert_refused(ArgumentError, "twice", callbacks=[monitor, nn.EarlyStopping(), monitor])
    fit(line(), callbacks=[nn.GradientMonitor(), nn.GradientMonitor()])


def test_the_folder_of_a_checkpoint_has_to_exist(tmp_path):
    pytest.importorskip("safetensors")
    folder = tmp_path / "runs"
    assert_refused(
        ArgumentError, f"no folder {folder}", callbacks=[nn.Checkpoint(folder / "run.safetensors")]
    )
    folder.mkdir()
    fit(line(), callbacks=[nn.Checkpoint(folder / "run.safetensors")])


def test_a_state_that_no_file_can_hold_is_refused_before_training(tmp_path):
    pytest.importorskip("safetensors")

    class Bad(nn.Callback):
        def state_dict(self):
            return {"function": print}

    bad = [nn.Checkpoint(tmp_path / "run.safetensors"), Bad()]
    assert_refused(UnsupportedError, r"callbacks\.0\.state\.function", callbacks=bad)


# Nothing is changed


class Restless(nn.Module):
    """Draws, counts and moves a buffer whenever it is called."""

    def __init__(self):
        self.inner = classifier()
        self.mean = nn.Buffer([0.0])
        self.draws = {"rngs": [np.random.default_rng(0), np.random.RandomState(0)]}
        self.calls = 0
        self.modes = []

    def forward(self, x):
        self.calls += 1
        self.modes.append(self.training)
        noise = [rng.normal() for rng in self.draws["rngs"]]
        self.mean.data = self.mean.data + np.random.normal() + sum(noise)
        return self.inner(x) + self.mean.data


def test_when_training_begins_all_is_as_it_was():
    model = Restless().eval()
    np.random.seed(0)
    before, draws = condition(model), [1.0, 1.0]
    seen = []

    def note(training):
        training.model.eval()
        seen.append((condition(model), model.calls, list(model.modes)))
        draws[:] = [rng.normal() for rng in model.draws["rngs"]]

    options = {"validation": (X, LABELS), "metrics": {"accuracy": nn.accuracy}, "epochs": 1}
    options |= {"y": LABELS, "loss": nn.CrossEntropyLoss(), "callbacks": [hook("fit_start", note)]}
    fit(model, **options)
    assert seen == [(before, 0, [])]
    assert draws == [rng.normal() for rng in Restless().draws["rngs"]]


def test_loss_and_metrics_are_called_once_without_recording_before_training():
    recorded = []

    def loss(predictions, targets):
        recorded.append(predictions.requires_grad)
        return np.square(predictions - targets).mean()

    fit(line(), loss=loss, epochs=1, batch_size=12)
    assert recorded == [False, True, False]


def test_predictions_that_are_not_finite_are_left_to_the_first_batch():
    model = line()
    model.weight.data = model.weight.data * np.nan

    def metric(predictions, targets):
        raise ValueError("Input contains NaN")

    with pytest.raises(TrainingError, match="epoch 1, batch 1"):
        fit(model, metrics={"strict": metric})


# Dtypes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("given", [np.float16, np.float32, np.float64])
def test_samples_are_converted_to_the_dtype_of_the_parameters(dtype, given):
    seen = set()

    class Watched(nn.Module):
        def __init__(self):
            self.inner = nn.Dense(3, 1, rng=0, dtype=dtype)

        def forward(self, x):
            seen.add(x.dtype)
            return self.inner(x)

    model = Watched()
    fit(model, X.astype(given), Y, validation=(X.astype(given), Y))
    assert nn.predict(model, X.astype(given)).dtype == dtype
    assert seen == {np.dtype(dtype)}


def test_integers_and_models_of_several_dtypes_are_left_as_they_are():
    mixed = nn.Sequential(nn.Dense(3, 2, dtype=np.float32), nn.Dense(2, 1))
    assert nn.predict(mixed, X).dtype == np.float64
    seen = []

    class Rows(nn.Module):
        def __init__(self):
            self.table = nn.Parameter(np.eye(3), dtype=np.float32)

        def forward(self, x):
            seen.append(x.dtype.kind)
            return self.table[x]

    assert nn.predict(Rows(), LABELS).dtype == np.float32
    assert seen == ["i"]


def test_what_float32_cannot_hold_is_refused():
    large = X.copy()
    large[4, 1] = 1e300
    model = line().astype(np.float32)
    assert_refused(ArgumentError, r"infinite as float32.*\(4, 1\)", model, X=large, y=Y)


# Other arguments


@looped("batch_size", [2.5, 0, -1, "2", True])
def test_predict_refuses_batch_sizes_that_count_nothing(batch_size):
    with pytest.raises(ArgumentError, match="predict with batch_size"):
        nn.predict(line(), X, batch_size=batch_size)
    assert_same([nn.predict(line(), X, batch_size=np.int64(12))], [nn.predict(line(), X)])


def test_numpys_integers_count_as_pythons():
    two, model, same = np.int64(2), line(), line()
    optimizer = nn.SGD(model.parameters(), 0.05)
    stopping = nn.EarlyStopping(patience=two, monitor="loss")
    schedule = nn.LRSchedule(nn.StepDecay(optimizer, every=two))
    options = {"epochs": np.int64(3), "batch_size": np.int64(5)}
    fit(model, optimizer=optimizer, callbacks=[stopping, schedule], **options)
    optimizer = nn.SGD(same.parameters(), 0.05)
    stopping = nn.EarlyStopping(patience=2, monitor="loss")
    schedule = nn.LRSchedule(nn.StepDecay(optimizer, every=2))
    fit(same, optimizer=optimizer, callbacks=[stopping, schedule])
    assert_same(parameters(model), parameters(same))


@looped("targets", [2 * LABELS - 1, LABELS + 1, LABELS + 0.5])
def test_accuracy_of_one_number_a_sample_is_of_targets_0_and_1(targets):
    scores = np.linspace(-1.0, 1.0, 12)
    with pytest.raises(ArgumentError, match=r"HingeLoss.*\(targets \+ 1\) / 2, threshold=0"):
        nn.accuracy(scores[:, None], targets[:, None])
    with pytest.raises(AutogradError):
        fit(line(), y=targets[:, None], metrics={"accuracy": nn.accuracy})
    assert nn.accuracy(scores, LABELS.astype(float), threshold=0) == 10 / 12
    assert nn.accuracy(np.array([2, 5]), np.array([2, 4])) == 0.5
