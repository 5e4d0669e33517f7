"""fit of batches that come from elsewhere."""

import numpy as np
import pytest
from looping import looped
from training_runs import X, Y, assert_same, fit, hook, line, parameters

import nn
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError

PAIRS = [(X[:5], Y[:5]), (X[5:10], Y[5:10]), (X[10:], Y[10:])]


class Loader:
    """An iterable of batches, with or without a length."""

    def __init__(self, pairs):
        self.pairs = pairs

    def __iter__(self):
        return iter(self.pairs)


class Numbered:
    """Batches by their numbers, as Keras and PyTorch have them; Python finds no end of them."""

    def __len__(self):
        return len(PAIRS)

    def __getitem__(self, number):
        return X[5 * number : 5 * number + 5], Y[5 * number : 5 * number + 5]


def by_hand(epochs=3, batches=PAIRS):
    model = line()
    optimizer = nn.SGD(model.parameters(), 0.05)
    for _ in range(epochs):
        for X_batch, y_batch in batches:
            optimizer.zero_grad()
            nn.MSELoss()(model(X_batch), y_batch).backward()
            optimizer.step()
    return model


def test_batches_are_learned_from_in_their_order_however_they_come():
    sources = {
        "a list": PAIRS,
        "an iterable": Loader(PAIRS),
        "numbered": Numbered(),
        "a function": lambda: iter(PAIRS),
        "a generator function": lambda: (pair for pair in PAIRS),
        "a function of a generator": lambda rng: PAIRS,
    }
    for name, source in sources.items():
        model = line()
        history = fit(model, source, None, validation=source)
        assert_same(parameters(model), parameters(by_hand()))
        p = model(X).numpy()
        assert history["loss"][-1] == pytest.approx(np.mean((p - Y) ** 2), rel=1e-12), name
        assert history["validation_loss"] == history["loss"], name
        assert len(history["running_loss"]) == 3, name


def test_numbered_batches_with_targets_beside_them_are_refused():
    told = "fit with X Numbered: it is no array, and no lists of one length"
    with pytest.raises(UnsupportedError, match=told):
        fit(line(), Numbered(), Y)
    with pytest.raises(UnsupportedError, match=r"predict.* Numbered: it is no array"):
        nn.predict(line(), Numbered())


def test_samples_that_come_by_their_numbers_are_an_array():
    class Rows(Numbered):
        def __getitem__(self, number):
            return X[number]

    np.testing.assert_array_equal(nn.predict(line(), Rows()), nn.predict(line(), X[: len(PAIRS)]))


def test_a_function_shuffles_with_the_generator_of_fit_as_fit_does():
    model, array = line(), line()
    fit(model, lambda rng: nn.batches(X, Y, batch_size=5, rng=rng), None, epochs=30)
    fit(array, X, Y, batch_size=5, epochs=30)
    assert_same(parameters(model), parameters(array))


def test_an_iterator_lasts_for_one_epoch_without_figures_of_the_whole():
    model = line()
    history = fit(model, iter(PAIRS), None, epochs=1)
    assert_same(parameters(model), parameters(by_hand(1)))
    assert np.isnan(history["loss"]).all()
    assert np.isfinite(history["running_loss"]).all()
    with pytest.raises(ArgumentError, match="only once"):
        fit(model, iter(PAIRS), None, epochs=2)
    with pytest.raises(ArgumentError, match="only once"):
        fit(model, PAIRS, None, validation=iter(PAIRS), epochs=1)


def test_weights_come_with_the_batches():
    weights = np.arange(12.0)
    triples = [(X[:5], Y[:5], weights[:5]), (X[5:], Y[5:], weights[5:])]
    for loss in (nn.MSELoss(), lambda p, t: (p - t) ** 2):
        model = line()
        history = fit(model, triples, None, epochs=1, loss=loss)
        errors = (model(X).numpy() - Y)[:, 0] ** 2
        assert history["loss"][0] == pytest.approx(np.mean(weights * errors), rel=1e-12)


def test_batches_of_several_inputs_and_of_float32():
    class Sum(nn.Module):
        def __init__(self):
            self.layer = nn.Dense(3, 1, rng=0, dtype=np.float32)

        def forward(self, a, b):
            return self.layer(a) + self.layer(b)

    model = Sum()
    history = fit(model, lambda: [((a, a), b) for a, b in PAIRS], None, epochs=20)
    assert model.layer.weight.dtype == np.float32
    assert history["loss"][-1] < history["loss"][0]


def test_resuming_replays_the_batches_and_refuses_what_cannot_be_replayed(tmp_path):
    path = tmp_path / "run.safetensors"
    source = lambda rng: nn.batches(X, Y, batch_size=5, rng=rng)
    whole, resumed = line(), line()
    fit(whole, source, None, epochs=4)
    fit(line(), source, None, epochs=2, callbacks=[nn.Checkpoint(path)])
    fit(resumed, source, None, epochs=4, resume_from=path)
    assert_same(parameters(resumed), parameters(whole))
    with pytest.raises(ArgumentError, match="only once"):
        fit(line(), iter(PAIRS), None, epochs=4, resume_from=path)
    with pytest.raises(ArgumentError, match="X is"):
        fit(line(), lambda rng: PAIRS, None, epochs=4, resume_from=path)


def raising(after):
    def source():
        yield from PAIRS[:after]
        raise OSError("the disk is gone")

    return source


@looped("after", [0, 1, 2])
def test_an_iterable_that_raises_ends_training_with_all_that_was_learned(after):
    ended = []
    model = line()
    # The rehearsal takes the first batch.
    callbacks = [hook("fit_end", lambda training: ended.append(training.stop_reason))]
    with pytest.raises(OSError, match="the disk is gone") as error:
        fit(model, raising(after), None, callbacks=callbacks)
    assert_same(parameters(model), parameters(by_hand(1, PAIRS[:after])))
    assert not error.value.history.get("running_loss")
    assert ended == (["ended by OSError"] if after else [])


REFUSED = {
    "another shape": ((X[:4, :2], Y[:4]), ShapeError, r"batch 2 of an epoch, X array \(4, 2\)"),
    "targets of another shape": ((X[:4], Y[:4, 0]), ShapeError, "batch 2"),
    "lengths that differ": ((X[:4], Y[:3]), ShapeError, r"batch 2 .*\(4, 3\).*\(3, 1\)"),
    "no samples": ((X[:0], Y[:0]), ShapeError, "batch 2"),
    "NaN": ((X[:4] * np.nan, Y[:4]), ArgumentError, "12 of its entries are NaN"),
    "texts": ((X[:4].astype(str), Y[:4]), UnsupportedError, "batch 2"),
    "no pair": (X[:4], UnsupportedError, "no pair"),
    "weights besides": ((X[:4], Y[:4], np.ones(4)), ShapeError, "batch 2"),
}


@looped("name", REFUSED)
def test_a_batch_that_does_not_fit_ends_training_in_words(name):
    batch, error, words = REFUSED[name]
    model = line()
    with pytest.raises(error, match=words) as raised:
        fit(model, lambda: [PAIRS[0], batch], None)
    assert_same(parameters(model), parameters(by_hand(1, PAIRS[:1])))
    assert raised.value.history["running_loss"] == []


def test_what_is_refused_before_training():
    for source, error, words in [
        (lambda: [], ArgumentError, "no batch"),
        (lambda: 3, UnsupportedError, "returned 3"),
        ([3], UnsupportedError, "no pair"),
        ([], ArgumentError, "no batch"),
        (X, ArgumentError, "and no y"),
    ]:
        with pytest.raises(error, match=words):
            fit(line(), source, None)
    for options in (
        {"sampling": "balanced"},
        {"sample_weight": np.ones(12)},
        {"class_weight": "balanced"},
        {"validation": 0.5},
    ):
        with pytest.raises(UnsupportedError, match="batches from elsewhere"):
            fit(line(), PAIRS, None, **options)


def test_an_augmentation_that_is_wrong_ends_training_in_words():
    for wrong, error, words in [
        (lambda X, y: (X, y), UnsupportedError, r"3 arguments.*def augment\(X, y, rng\)"),
        (lambda X, y, rng: X, UnsupportedError, "no pair"),
        (lambda X, y, rng: (X[:1], y[:1]), ShapeError, "it made 1"),
        (lambda X, y, rng: (X * np.inf, y), ArgumentError, "infinite"),
    ]:
        with pytest.raises(error, match=words):
            fit(line(), X + 1, Y, augment=wrong)


def test_an_augmentation_changes_no_batch_of_ours():
    def emptied(X, y, rng):
        X[:] = 0
        return X, y

    before = [pair[0].copy() for pair in PAIRS]
    fit(line(), PAIRS, None, augment=emptied)
    assert_same([pair[0] for pair in PAIRS], before)


def refilled(weighted):
    """Batches that are all in the same arrays, one after the other."""
    inputs, targets, weights = np.empty((5, 3)), np.empty((5, 1)), np.empty(5)
    for X_batch, y_batch in PAIRS:
        n = len(X_batch)
        inputs[:n], targets[:n], weights[:n] = X_batch, y_batch, np.arange(1.0, n + 1)
        yield (inputs[:n], targets[:n], weights[:n]) if weighted else (inputs[:n], targets[:n])


@looped("weighted", [False, True])
@looped("accumulate", [1, 2])
def test_batches_may_come_in_arrays_that_are_filled_again(weighted, accumulate):
    histories = []
    batches = [tuple(map(np.copy, batch)) for batch in refilled(weighted)]
    for source in (batches, lambda: refilled(weighted)):
        options = {"validation": source, "accumulate": accumulate, "epochs": 2}
        metrics = {"error": lambda p, t: (p - t).mean()}
        histories.append(fit(line(), source, None, metrics=metrics, **options))
    assert histories[0] == histories[1]
