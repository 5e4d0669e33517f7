"""fit and predict of memory maps and Dask arrays, read a block at a time."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from training_runs import LABELS, X, Y, assert_same, fit, line, normalized, parameters, stop

import nn
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError
from nn.training import evaluation, sources

da = pytest.importorskip("dask.array")
DASK = {
    "X": da.from_array(X, chunks=(5, 2)),
    "y": da.from_array(Y, chunks=(3, 1)),
}


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """Makes a memory map of an array, or two that are used together, in blocks of some rows."""

    made = []

    def make(array, block_rows=5, mode="r"):
        made.append(array[:1].nbytes)
        path = tmp_path / f"{len(made)}.npy"
        np.save(path, array)
        monkeypatch.setattr(sources, "BLOCK", block_rows * sum(made[-2:]))
        return np.load(path, mmap_mode=mode)

    return make


class Noted(nn.Module):
    """A model that notes the batches that it learns from."""

    def __init__(self):
        self.inner, self.seen = line(), []

    def forward(self, x):
        if self.training:
            self.seen.append(np.array(x))
        return self.inner(x)


def trained(X, y=None, **options):
    model = Noted()
    history = fit(model, X, y, **options)
    return model, history


def numbers(batch):
    """Which samples are in a batch."""
    return [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in batch]


def test_a_memory_map_of_one_block_is_learned_from_as_an_array_to_the_last_bit(mapped):
    model, history = trained(mapped(X, 12), mapped(Y, 12))
    array, expected = trained(X, Y)
    assert_same(parameters(model), parameters(array))
    assert history["running_loss"] == expected["running_loss"]
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-14)


@pytest.mark.parametrize("kind", ["memory map", "writable", "private copy", "Dask", "mixed"])
def test_an_epoch_has_each_sample_once_block_after_block(mapped, kind):
    modes = {"memory map": "r", "writable": "r+", "private copy": "c"}
    given = (mapped(X, mode=modes[kind]), Y) if kind in modes else (DASK["X"], DASK["y"])
    given = (X, DASK["y"].rechunk(5)) if kind == "mixed" else given
    model, history = trained(*given, epochs=2, batch_size=4, compile=False)
    again, _ = trained(*given, epochs=2, batch_size=4, compile=False)
    assert_same(parameters(model), parameters(again))
    assert [len(batch) for batch in model.seen] == [4, 4, 4] * 2
    for epoch in range(2):
        order = numbers(np.concatenate(model.seen[3 * epoch : 3 * epoch + 3]))
        assert sorted(order) == list(range(12))
        blocks = [number // 5 for number in order]
        assert sum(a != b for a, b in pairwise(blocks)) == 2, "a block is left for good"
    assert numbers(np.concatenate(model.seen[:3])) != numbers(np.concatenate(model.seen[3:]))
    predictions = model.inner(X).numpy()
    assert history["loss"][-1] == pytest.approx(np.mean((predictions - Y) ** 2), rel=1e-12)


def test_figures_of_metrics_and_losses_of_the_whole_are_of_all_samples(mapped):
    metrics = {"largest": lambda p, t: abs(p - t).max()}
    for loss in ("rmse", lambda p, t: abs(p - t).mean() ** 0.5, nn.MSELoss(reduction="sum")):
        model, history = trained(
            *(mapped(X), mapped(Y)),
            **{"loss": loss, "metrics": metrics, "validation": (DASK["X"], DASK["y"]), "epochs": 1},
        )
        expected = fit(line(), X, Y, loss=loss, metrics=metrics, epochs=1, validation=(X, Y))
        assert list(history) == list(expected)
        p = model.inner(X).numpy()
        assert history["largest"][-1] == pytest.approx(abs(p - Y).max(), rel=1e-12)
        assert history["validation_largest"][-1] == history["largest"][-1]
        assert history["validation_loss"][-1] == pytest.approx(history["loss"][-1], rel=1e-12)


def test_a_share_for_validation_is_never_learned_from(mapped):
    model, history = trained(mapped(X), Y, validation=0.25, epochs=1, compile=False)
    learned = numbers(np.concatenate(model.seen))
    held_out = [number for number in range(12) if number not in learned]
    assert len(learned) == len(set(learned)) == 9
    p = model.inner(X[held_out]).numpy()
    assert history["validation_loss"][-1] == pytest.approx(np.mean((p - Y[held_out]) ** 2))


def test_weights_of_samples_and_classes_count_as_in_memory(mapped):
    labels = LABELS.reshape(-1, 1)
    options = {"sample_weight": np.arange(12), "class_weight": "balanced", "batch_size": 12}
    model, history = trained(mapped(X, 12), mapped(labels, 12), loss="bce_with_logits", **options)
    array, expected = trained(X, labels, loss="bce_with_logits", **options)
    assert_same(parameters(model), parameters(array))
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-12)
    trained(mapped(X), labels, loss="bce_with_logits", validation=0.25, **options)


def test_predictions_are_those_of_an_array(mapped):
    model = normalized()
    expected = nn.predict(model, X)
    for given in (mapped(X), DASK["X"]):
        assert np.allclose(nn.predict(model, given), expected, rtol=1e-14, atol=0)
        assert np.allclose(nn.predict(model, given, batch_size=2), expected, rtol=1e-13, atol=0)
    single = model.astype(np.float32)
    assert nn.predict(single, DASK["X"]).dtype == np.float32
    assert nn.predict(single, mapped(X)[:0]).shape == (0, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_batch_with_a_number_that_is_not_finite_is_refused(mapped, value):
    spoiled = X.copy()
    spoiled[9, 1] = value
    model = line()
    with pytest.raises(
        ArgumentError, match=r"fit with X array .* the first at index \(9, 1\)"
    ) as e:
        fit(model, mapped(spoiled), Y, batch_size=1, epochs=1)
    assert np.isfinite(model.weight.data).all()
    assert e.value.history["loss"] == []


def test_losses_by_how_much_labels_count_are_those_of_all_samples(monkeypatch):
    monkeypatch.setattr(evaluation, "EVALUATED_AT_ONCE", 4)
    labels = np.where(np.isin(np.arange(12), [0, 4, 8, 9, 10]), LABELS, -1)
    for options in ({"ignore_index": -1}, {"ignore_index": -1, "weight": [1.0, 9.0]}):
        loss, model = nn.CrossEntropyLoss(**options), nn.Dense(3, 2, rng=0)
        chosen = {"loss": loss, "batch_size": 12, "epochs": 1, "learning_rate": 0.0}
        history = fit(model, DASK["X"].rechunk((4, 3)), labels, **chosen)
        np.testing.assert_allclose(history["loss"], loss(model(X), labels).item(), rtol=1e-12)


def test_what_does_not_fit_together_is_refused_before(mapped):
    with pytest.raises(ShapeError, match=r"X array \(12, 3\) and y array \(4, 1\)"):
        fit(line(), mapped(X), Y[:4])
    unknown = DASK["X"][DASK["X"][:, 0] > 0]
    for refused in (lambda: fit(line(), unknown, Y), lambda: nn.predict(line(), unknown)):
        with pytest.raises(ArgumentError, match="compute_chunk_sizes"):
            refused()
    with pytest.raises(ArgumentError, match="BatchNorm1d"):
        fit(normalized(), mapped(X), Y, batch_size=11)


def test_a_checkpoint_resumes_to_the_last_bit_and_tells_other_data_apart(mapped, tmp_path):
    path, other = tmp_path / "run.safetensors", mapped(X + 1)
    for given in (mapped(X), DASK["X"]):
        whole, resumed = line(), line()
        fit(whole, given, Y, epochs=4)
        fit(line(), given, Y, epochs=2, callbacks=[nn.Checkpoint(path)])
        fit(resumed, given, Y, epochs=4, resume_from=path)
        assert_same(parameters(resumed), parameters(whole))
    for unlike, named in ((other, "X is 'float64"), (DASK["X"].rechunk((4, 3)), "blocks is")):
        with pytest.raises(ArgumentError, match=named):
            fit(line(), unlike, Y, epochs=4, resume_from=path)


MANY = {"epochs": 50, "evaluate_every": 50, "compile": False}
"""Epochs, of which only what they draw counts."""


def test_samples_are_drawn_by_their_odds(mapped):
    odds = np.arange(12.0)
    for given in (X, mapped(X)):
        model, _ = trained(given, Y, sampling=odds, batch_size=12, **MANY)
        drawn = np.bincount(numbers(np.concatenate(model.seen)), minlength=12)
        assert drawn.sum() == 600
        expected = 600 * odds / odds.sum()
        assert drawn[0] == 0
        assert (abs(drawn - expected) <= 4 * np.sqrt(expected)).all(), "four standard deviations"


def test_balanced_sampling_draws_the_classes_alike(mapped):
    labels = LABELS.reshape(-1, 1)
    options = {"loss": "bce_with_logits", "sampling": "balanced", "batch_size": 12, **MANY}
    for given in (X, mapped(X)):
        model, _ = trained(given, labels, **options)
        drawn = LABELS[numbers(np.concatenate(model.seen))]
        assert abs(drawn.mean() - 0.5) < 4 * 0.5 / np.sqrt(600)
        model, _ = trained(given, labels, **options, validation=0.25)
        assert abs(LABELS[numbers(np.concatenate(model.seen))].mean() - 0.5) < 0.09


def test_each_batch_is_augmented_and_figures_are_of_samples_as_they_are(mapped):
    def shifted(X, y, rng):
        X += rng.integers(1, 3)
        return X, 0 * y

    for given in (X, mapped(X), DASK["X"]):
        before = np.array(given)
        model, history = trained(given, Y, augment=shifted, epochs=1, batch_size=12, compile=False)
        assert sorted(np.round(model.seen[0] % 1, 9).ravel()) == sorted(np.round(X % 1, 9).ravel())
        assert len(set(numbers_or_none(model.seen[0]))) == 1
        assert (np.array(given) == before).all()
        p = model.inner(X).numpy()
        assert history["loss"][-1] == pytest.approx(np.mean((p - Y) ** 2), rel=1e-12)


def numbers_or_none(batch):
    return [(row == X).all(axis=1).any() for row in batch]


def test_memory_holds_no_more_than_three_batches_where_steps_are_compiled(mapped, monkeypatch):
    monkeypatch.setattr(evaluation, "EVALUATED_AT_ONCE", 250)
    samples = np.random.default_rng(0).normal(size=(5000, 1000))
    given = mapped(samples, 5000)
    targets = samples[:, :1].copy()
    for _ in range(2):  # what is imported the first time is not counted
        model = nn.Dense(1000, 1, rng=0)
        optimizer = nn.SGD(model.parameters(), 0.01)
        tracemalloc.start()
        history = nn.fit(model, given, targets, loss="mse", optimizer=optimizer, epochs=1,
                         batch_size=250, progress=False, rng=0)  # fmt: skip
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert history.backend == "numpy"
    assert peak < 3 * samples[:250].nbytes


def test_a_callback_stops_within_an_epoch(mapped):
    history = fit(line(), mapped(X), Y, callbacks=[_Stops()])
    assert history.stop_reason == "enough"


class _Stops(nn.Callback):
    def batch_end(self, training):
        stop(training)


def test_batches_from_elsewhere_may_be_of_dask_arrays():
    lazy, plain = line(), line()
    slices = [slice(0, 5), slice(5, 12)]
    fit(lazy, [(DASK["X"][part], DASK["y"][part]) for part in slices], None)
    fit(plain, [(X[part], Y[part]) for part in slices], None)
    assert_same(parameters(lazy), parameters(plain))


@pytest.mark.parametrize("use", [lambda x: fit(line(), x, Y), lambda x: nn.predict(line(), x)])
def test_masked_blocks_are_refused(use):
    with pytest.raises(UnsupportedError, match=r"X a Dask array.*x\.filled\(0\)"):
        use(da.ma.masked_greater(DASK["X"], 0.5))
