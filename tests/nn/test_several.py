"""Models of several inputs and outputs in fit, predict and summary."""

import itertools
from collections import namedtuple

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import AutogradError, Tensor
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError
from nn.losses.loss_function import loss_function

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(12, 2)), RNG.normal(size=(12, 3))
Heads = namedtuple("Heads", "mean deviation")


class Two(nn.Module):
    """Two inputs, two outputs, in whatever they are kept."""

    def __init__(self, kept=tuple):
        self.left, self.right = nn.Dense(2, 1, rng=0), nn.Dense(3, 1, rng=1)
        self.kept = kept

    def forward(self, a, b):
        outputs = self.left(a), self.right(b)
        if self.kept is dict:
            return dict(zip("xy", outputs))
        return Heads(*outputs) if self.kept is Heads else self.kept(outputs)


class OfPair(Two):
    """The same in one argument."""

    def forward(self, pair):
        return super().forward(*(pair.values() if isinstance(pair, dict) else pair))


GIVEN = {"tuple": (A, B), "dict": {"a": A, "b": B}, "named tuple": namedtuple("Pair", "a b")(A, B)}


@looped("kind", [Two, OfPair])
@looped("given", GIVEN.values(), ids=GIVEN)
@looped("kept", [tuple, list, dict, Heads])
def test_predictions_keep_their_structure_and_do_not_depend_on_the_batch_size(kept, given, kind):
    model = kind(kept)
    whole, parts = nn.predict(model, given), nn.predict(model, given, batch_size=5)
    assert type(whole) is type(parts) is kept
    pairs = zip(whole.values(), parts.values()) if kept is dict else zip(whole, parts)
    for (one, other), layer, x in zip(pairs, (model.left, model.right), (A, B)):
        np.testing.assert_allclose(one, x @ layer.weight.data, rtol=1e-13)
        np.testing.assert_allclose(other, one, rtol=1e-13)


def squares(predictions, targets):
    predictions = predictions.values() if isinstance(predictions, dict) else predictions
    targets = targets.values() if isinstance(targets, dict) else targets
    return sum(((p - t) ** 2).mean() for p, t in zip(predictions, targets))


FEW = [("tuple", tuple, None), ("dict", dict, 0.25), ("named tuple", tuple, "pair")]
ALL = [*itertools.product(GIVEN, [tuple, dict], [None, 0.25, "pair"])]


@looped(("given", "kept", "validation"), FEW)
def test_training_learns_all_outputs_from_all_inputs(given, kept, validation):
    assert_all_outputs_are_learned(GIVEN[given], kept, validation)


@pytest.mark.exhaustive
@looped(("given", "kept", "validation"), ALL)
def test_training_learns_all_outputs_from_all_inputs_however_they_are_kept(given, kept, validation):
    assert_all_outputs_are_learned(GIVEN[given], kept, validation)


def assert_all_outputs_are_learned(given, kept, validation):
    targets = A @ [[1.0], [2.0]], B @ [[1.0], [-1.0], [0.5]]
    y = dict(zip("xy", targets)) if kept is dict else targets
    validation = (given, y) if validation == "pair" else validation
    model = Two(kept)
    history = nn.fit(
        model, given, y, loss=squares, optimizer=nn.Adam(model.parameters(), 0.1), epochs=150,
        batch_size=5, validation=validation, metrics={"count": lambda p, t: len(list(p))},
        rng=0, progress=False,
    )  # fmt: skip
    assert history["loss"][-1] < 1e-3
    assert set(history["count"]) == {2.0}
    np.testing.assert_allclose(model.left.weight.data, [[1.0], [2.0]], atol=0.1)


def test_inputs_are_converted_and_their_samples_stay_together():
    seen = []

    class Probe(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter([1.0], dtype=np.float32)

        def forward(self, number, x):
            seen.append((x.dtype, number.dtype))
            np.testing.assert_array_equal(x[:, 0], number)
            return x * self.weight

    numbers = np.arange(12)
    probe = Probe()
    nn.fit(
        probe, {"x": numbers[:, None].astype(float), "number": numbers}, numbers[:, None],
        loss="mse", optimizer=nn.SGD(probe.parameters(), 0.0), epochs=1, batch_size=5, rng=0,
        progress=False,
    )  # fmt: skip
    assert set(seen) == {(np.dtype(np.float32), np.dtype(int))}


def test_weights_of_samples_count_with_several_outputs():
    targets = np.zeros((12, 1)), np.ones((12, 1))

    def of_samples(predictions, targets):
        return sum(((p - t) ** 2).sum(axis=1) for p, t in zip(predictions, targets))

    weights = np.where(np.arange(12) < 6, 2.0, 0.0)
    model = Two()
    history = nn.fit(
        model, (A, B), targets, loss=of_samples, optimizer=nn.SGD(model.parameters(), 0.0),
        epochs=1, sample_weight=weights, progress=False,
    )  # fmt: skip
    left, right = nn.predict(model, (A, B))
    expected = (left[:6] ** 2 + (right[:6] - 1) ** 2).mean()
    assert history["loss"][0] == pytest.approx(expected, rel=1e-12)


def fit(X, y, model=None, **options):
    model = model or Two()
    options = {"loss": squares, "epochs": 1, "progress": False} | options
    return nn.fit(model, X, y, optimizer=nn.SGD(model.parameters(), 0.0), **options)


@looped(
    ("call", "kind", "words"),
    [
        (lambda: fit((A, B[:5]), (A, B)), ShapeError, r"\(12, 2\).*\(5, 3\)"),
        (lambda: fit((A, B), (A, B[:5])), ShapeError, "one target for each sample"),
        (lambda: fit((A, B), {}), UnsupportedError, "."),
        (lambda: fit((A, B * np.nan), (A, B)), ArgumentError, r"X\[1\].*NaN"),
        (lambda: fit({"a": A, "b": np.full((12, 1), "a")}, A), UnsupportedError, r"X\['b'\]"),
        (lambda: fit((A, B), (A, B), loss="mse"), UnsupportedError, "MSELoss of a tuple"),
        (lambda: fit((A, B), (A, B), class_weight="balanced"), ArgumentError, "several targets"),
        (lambda: fit((A, B), A, validation=((A, A), A)), ShapeError, r"X\[1\]"),
        (lambda: fit({"a": A, "b": B}, A, validation=({"a": A}, A)), ShapeError, "lacks 'b'"),
        (lambda: nn.predict(Two(), (A, B[:3])), ShapeError, r"\(12, 2\), array \(3, 3\)"),
        (lambda: nn.predict(Two(), (A, B), batch_size=0), ArgumentError, "batch_size=0"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(call, kind, words):
    with pytest.raises(AutogradError, match=words) as caught:
        call()
    assert isinstance(caught.value, kind) or words == "."


def test_outputs_that_are_no_rows_are_refused_in_batches():
    class Mean(nn.Module):
        def forward(self, x):
            return x.mean(axis=0, keepdims=True)

    assert nn.predict(Mean(), A).shape == (1, 2)
    with pytest.raises(ShapeError, match=r"5 samples at a time.*all samples at once"):
        nn.predict(Mean(), A, batch_size=5)


def test_outputs_whose_other_axes_are_those_of_the_batch_are_refused_in_batches():
    class Similarities(nn.Module):
        def __init__(self):
            self.part = nn.Dense(2, 3, rng=0)

        def forward(self, x):
            y = self.part(x)
            return {"all": y @ y.T, "own": y}

    assert nn.predict(Similarities(), A)["all"].shape == (12, 12)
    with pytest.raises(ShapeError, match=r"\(5, 5\) and array \(2, 2\).*other axes are as long"):
        nn.predict(Similarities(), A, batch_size=5)


def test_batches_cut_several_arrays_alike():
    cut = list(nn.batches((A, B), {"y": A}, batch_size=5, rng=0))
    assert [len(y["y"]) for _, y in cut] == [5, 5, 2]
    for (a, b), y in cut:
        np.testing.assert_array_equal(a, y["y"])
        assert all(any((row == other).all() for other in B) for row in b)


# summary


class Words(nn.Module):
    def __init__(self):
        self.table, self.last = nn.Parameter(np.ones((10, 4))), nn.Dense(4, 2, rng=0)

    def forward(self, x):
        return self.last(self.table[x].mean(axis=1))


def test_summary_takes_several_shapes_and_examples():
    for call in (
        lambda: nn.summary(Two(), 2, 3),
        lambda: nn.summary(Two(), (2,), (3,)),
        lambda: nn.summary(Two(), ((2,), (3,))),
        lambda: nn.summary(Two(), {"a": 2, "b": 3}),
        lambda: nn.summary(Two(), A[:1], 3),
        lambda: nn.summary(Two(), (A, B)),
    ):
        table = call()
        assert [row.name for row in table.rows] == ["left", "right"]
        assert table.parameters == 7
    table = nn.summary(nn.Sequential(Two(), lambda pair: pair[0] + pair[1]), 2, 3)
    assert [row.output_shape for row in table.rows] == [(1, 1)] * 3


def test_summary_shows_each_of_several_outputs():
    class Own(Two):
        def __init__(self):
            super().__init__(dict)
            self.scale = nn.Parameter(1.0)

    table = nn.summary(Own(), 2, 3)
    assert table.rows[-1].output_shape == [(1, 1), (1, 1)]
    assert "(n, 1), (n, 1)" in str(table)


def test_summary_of_whole_numbers_takes_an_example_and_says_so():
    table = nn.summary(Words(), np.zeros((1, 3), int))
    assert [(row.name, row.parameters) for row in table.rows] == [("last", 10), ("", 40)]
    with pytest.raises(UnsupportedError, match=r"summary of Words.*\(1, 3\).*np\.zeros"):
        nn.summary(Words(), 3)


WRONG = {
    "one of two": (A,),
    "three of two": (A, B, B),
    "a name that is none": {"a": A, "c": B},
    "a list": [A, B],
    "lists": (A.tolist(), B.tolist()),
    "tensors": [Tensor(A), Tensor(B)],
}


@looped("given", WRONG.values(), ids=WRONG)
def test_inputs_that_forward_does_not_take_are_refused_in_words(given):
    model = Two()
    for call in (
        lambda: nn.predict(model, given),
        lambda: nn.fit(
            model, given, A, loss=squares, optimizer=nn.SGD(model.parameters(), 0.1), epochs=1
        ),
        lambda: nn.diagnose(model, given, A, loss="mse"),
    ):
        with pytest.raises(UnsupportedError, match=r"in their order|Give several arrays"):
            call()


@pytest.mark.parametrize("nothing", [None, (), {"a": None}])
@pytest.mark.parametrize("batch_size", [None, 5])
def test_a_model_that_returns_nothing_is_refused(nothing, batch_size):
    class Forgetful(nn.Module):
        def forward(self, x):
            return nothing

    with pytest.raises(ShapeError, match=r"Forgetful of .*Return predictions"):
        nn.predict(Forgetful(), A, batch_size=batch_size)


def test_several_targets_of_one_output_are_refused_in_words():
    model = nn.Dense(2, 1)
    for y in ((A[:, :1],), {"y": A[:, :1]}):
        with pytest.raises((ShapeError, UnsupportedError), match="MSELoss of"):
            nn.fit(model, A, y, loss="mse", optimizer=nn.SGD(model.parameters(), 0.1), epochs=1)


def test_metrics_are_computed_on_the_whole_and_not_as_means_over_batches():
    from sklearn.metrics import f1_score, roc_auc_score

    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 2))
    y = (X[:, :1] + rng.normal(size=(1200, 1)) > 1.5).astype(float)
    model = nn.Dense(2, 1, rng=0)
    history = nn.fit(
        model, X, y, loss="bce_with_logits", optimizer=nn.Adam(model.parameters(), 0.1), epochs=3,
        batch_size=16, rng=0, validation=(X[:600], y[:600]), metrics={
            "auc": roc_auc_score,
            "f1": lambda scores, targets: f1_score(targets, scores > 0),
        },
    )  # fmt: skip
    scores = nn.predict(model, X)
    assert history["auc"][-1] == roc_auc_score(y, scores)
    assert history["f1"][-1] == f1_score(y, scores > 0)
    assert history["validation_auc"][-1] == roc_auc_score(y[:600], scores[:600])
    batches = [slice(start, start + 16) for start in range(0, 1200, 16)]
    means = np.mean([f1_score(y[b], scores[b] > 0, zero_division=0) for b in batches])
    assert abs(means - history["f1"][-1]) > 0.01


TARGETS = A @ [[1.0], [2.0]], (B[:, :1] > 0).astype(float)


@pytest.mark.parametrize("kept", [tuple, dict])
@pytest.mark.parametrize("weights", [None, np.arange(12.0)])
def test_a_loss_for_each_output_is_the_sum_of_all(kept, weights):
    y = dict(zip("xy", TARGETS)) if kept is dict else TARGETS
    losses = {"x": "mse", "y": nn.BCEWithLogitsLoss()}
    losses = losses if kept is dict else tuple(losses.values())

    def written_out(predictions, targets, weights=None):
        p, t = ([*each.values()] if kept is dict else each for each in (predictions, targets))
        first = nn.MSELoss()(p[0], t[0], weights=weights)
        return first + nn.BCEWithLogitsLoss()(p[1], t[1], weights=weights)

    def run(loss, compiled):
        model = Two(kept)
        given = {"sample_weight": weights, "epochs": 30, "batch_size": 5, "rng": 0}
        optimizer = nn.SGD(model.parameters(), 0.1)
        history = nn.fit(
            model, (A, B), y, loss=loss, optimizer=optimizer, compile=compiled, **given
        )  # fmt: skip
        return history, [p.data.tobytes() for p in model.parameters()]

    expected = run(written_out, False)
    history, learned = run(losses, True)
    assert (history, learned) == expected
    assert history.backend == "numpy"


@looped(
    ("loss", "words"),
    [
        ({"x": "mse"}, "'x': the predictions, or the targets, are 'x', 'y'"),
        (("mse", "mse"), "0, 1: the predictions, or the targets, are 'x', 'y'"),
        ({"x": "mse", "y": "nothing"}, "loss='nothing'"),
        ({"x": "mse", "y": nn.MSELoss(reduction="sum")}, "of the output 'y'"),
    ],
)
def test_losses_that_fit_no_outputs_are_refused(loss, words):
    model = Two(dict)
    with pytest.raises(AutogradError, match=words):
        nn.fit(
            model, (A, B), dict(zip("xy", TARGETS)), loss=loss, epochs=1,
            optimizer=nn.SGD(model.parameters(), 0.1),
        )  # fmt: skip


def test_an_error_names_the_output_that_it_is_of():
    losses = loss_function({"kind": "cross_entropy", "size": "mse"})
    predictions = {"kind": Tensor(np.zeros((4, 3))), "size": Tensor(np.zeros((4, 1)))}
    targets = {"kind": np.zeros(4, int), "size": np.zeros(4)}
    with pytest.raises(ShapeError, match=r"the output 'size': MSELoss of .* broadcasting"):
        losses(predictions, targets)
    with pytest.raises(ShapeError, match="the output 'size': MSELoss"):
        losses(predictions, targets, weights=np.ones(4))
