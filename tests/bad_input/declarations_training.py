"""Bad input of training, of what looks at models, and of figures."""

import numpy as np
from declaring import Spreads, bad, declare, nothing, number
from world import COMPLEX, LABELS, NAN, RAGGED, X, Y, nans

import autograd_lite as ag
import nn
from autograd_lite.errors import ArgumentError, ShapeError, TrainingError, UnsupportedError


def fit(w, model=None, samples=X, targets=Y, **options):
    """Train the world's model, with its generator, and with a split that draws from it."""
    given = {"loss": nn.MSELoss(), "optimizer": w.optimizer, "epochs": 1, "batch_size": 4}
    given |= {"progress": False, "rng": w.rng, "validation": 1 / 3}
    nn.fit(w.model if model is None else model, samples, targets, **{**given, **options})


def data(spoil, kind, error, *words):
    """A refusal of samples or targets, with and without a split."""
    return [
        bad(kind, lambda w, share=share: fit(w, **spoil, validation=share), error, *words)
        for share in (None, 1 / 3)
    ]


def option(kind, error, *words, named=None, **options):
    return bad(kind, lambda w: fit(w, **options), error, *words, named=named)


def column(value):
    """A function of predictions and targets that is wrong about what it returns."""
    return lambda predictions, targets: value


def log_of_negative(predictions, targets):
    with np.errstate(invalid="ignore"):
        return np.log(predictions * 0 - 1).mean()


@ag.differentiable(lambda g, y, x: g * NAN)
def without_slope(x):
    return x * 1.0


def nan_slope(predictions, targets):
    return without_slope(predictions).mean()


def written_out(training, batch):
    loss = nn.MSELoss()(training.model(batch[0]), batch[1])
    training.optimizer.zero_grad()
    loss.backward()
    training.optimizer.step()
    return loss


HELD_OUT = (X[:4], Y[:4])

FIT = declare(
    bad("type", lambda w: fit(w, model=3), UnsupportedError, "3"),
    bad("type", lambda w: fit(w, model=nn.Dense), UnsupportedError, "Dense"),
    option("type", UnsupportedError, "optimizer=3", optimizer=3),
    option("type", ArgumentError, "loss=3", "mse", named="loss", loss=3),
    option("type", ArgumentError, "MSELoss()", named="loss", loss=nn.MSELoss),
    option("range", ArgumentError, "loss='square'", "mse", named="loss", loss="square"),
    option("type", UnsupportedError, "3.0", loss=column(3.0)),
    option("type", UnsupportedError, "None", loss=column(None)),
    option("shape", UnsupportedError, "(12, 1)", loss=lambda p, t: p - t, validation=None),
    number("epochs", lambda w, v: fit(w, epochs=v), 0, -1, 1.5, True),
    number("batch_size", lambda w, v: fit(w, batch_size=v), 0, -1, 2.5),
    option("range", ArgumentError, "compile='x'", compile="x"),
    number("evaluate_every", lambda w, v: fit(w, evaluate_every=v), 0, -1, 2.5),
    number("accumulate", lambda w, v: fit(w, accumulate=v), 0, -1, 2.5, True),
    option("range", ArgumentError, "progress='x'", progress="x"),
    # a step of one's own
    option("type", UnsupportedError, "step=3", step=3),
    option("range", ArgumentError, "accumulate=2", step=written_out, accumulate=2),
    bad("type", lambda w: fit(w, optimizer={"a": w.optimizer}), UnsupportedError, "optimizer=dict"),
    bad("type", lambda w: fit(w, optimizer={3: w.optimizer}, step=written_out), UnsupportedError,
        "no text"),
    option("length", UnsupportedError, "optimizer={}", optimizer={}, step=written_out),
    option("type", UnsupportedError, "optimizer=3", optimizer={"a": 3}, step=written_out),
    *(
        bad(kind, lambda w, value=value: fit(w, step=lambda training, batch: value), error, word,
            changes=("generators",))
        for kind, error, value, word in (
            ("type", UnsupportedError, None, "returned None"),
            ("shape", UnsupportedError, np.ones(2), "no number"),
            ("range", ArgumentError, {"loss": 1.0}, "'loss'"),
            ("nan", TrainingError, NAN, "epoch 1, batch 1"),
        )
    ),
    # samples and targets
    data({"samples": "abc"}, "type", UnsupportedError, "X", "<U3"),
    data({"samples": None}, "type", UnsupportedError, "X", "object"),
    data({"samples": X.astype(str)}, "type", UnsupportedError, "X array (12, 2)", "<U"),
    data({"samples": X * 1j}, "type", UnsupportedError, "X array (12, 2)", "complex128"),
    data({"targets": Y.astype(str)}, "type", UnsupportedError, "y array (12, 1)", "<U"),
    data({"samples": RAGGED}, "length", UnsupportedError, "X"),
    data({"targets": Y[:4]}, "length", ShapeError, "(12, 2)", "(4, 1)"),
    data({"samples": X[:0], "targets": Y[:0]}, "length", ShapeError, "(0, 2)"),
    data({"targets": 3.0}, "shape", ShapeError, "(12, 2)", "()"),
    data({"samples": X * NAN}, "nan", ArgumentError, "X array (12, 2)", "24"),
    data({"targets": Y * NAN}, "nan", ArgumentError, "y array (12, 1)", "12"),
    bad("shape", lambda w: fit(w, samples=np.ones((12, 5))), ShapeError, "5)", "(2, 3)",
        named="Dense"),
    bad("shape", lambda w: fit(w, targets=Y[:, 0]), ShapeError, "(8, 1)", "(8,)",
        named="MSELoss"),
    # validation
    option("type", UnsupportedError, "validation 'a'", validation="a"),
    option("type", UnsupportedError, "validation True", validation=True),
    option("type", UnsupportedError, "validation array (2,)", validation=np.ones(2)),
    option("nan", UnsupportedError, "nan", validation=NAN),
    option("range", ArgumentError, "validation=2.0", validation=2.0),
    option("range", ArgumentError, "validation=0.01", "12 samples", validation=0.01),
    option("length", UnsupportedError, "tuple", validation=(X,)),
    option("length", ShapeError, "(12, 2)", "(3, 1)", validation=(X, Y[:3])),
    option("shape", ShapeError, "(12, 2)", "(4, 1)", validation=(X[:4, :1], Y[:4])),
    option("nan", ArgumentError, "validation X array (4, 2)", validation=(nans(4, 2), Y[:4])),
    # metrics, weights, callbacks
    option("type", UnsupportedError, "metrics", "3", metrics=3),
    option("type", UnsupportedError, "metrics", "'a'", metrics={"a": 3}),
    option("type", ArgumentError, "metric", "3", metrics={3: nn.accuracy}),
    option("range", ArgumentError, "metric", "'loss'", metrics={"loss": nn.accuracy}),
    option("type", ArgumentError, "metric 'a'", "abc", metrics={"a": column("abc")}),
    option("type", UnsupportedError, "metric 'a'", "None", metrics={"a": column(None)}),
    option("shape", UnsupportedError, "metric 'a'", metrics={"a": column(np.ones(3))}),
    option("type", UnsupportedError, "sample_weight", "<U1", sample_weight="a"),
    option("shape", ShapeError, "sample_weight", "()", sample_weight=1.0),
    option("length", ShapeError, "sample_weight", "(3,)", "12", sample_weight=np.ones(3)),
    option("range", ArgumentError, "sample_weight", "-1.0", sample_weight=-np.ones(12)),
    option("range", ArgumentError, "sample_weight", "zero", sample_weight=np.zeros(12)),
    option("nan", ArgumentError, "sample_weight", "12", sample_weight=nans(12)),
    option("type", UnsupportedError, "sampling='a'", sampling="a"),
    option("type", UnsupportedError, "sampling", "<U1", sampling=["a"] * 12),
    option("length", ShapeError, "sampling", "(3,)", "12", sampling=np.ones(3)),
    option("range", ArgumentError, "sampling", "-1.0", sampling=-np.ones(12)),
    option("range", ArgumentError, "sampling", "zero", sampling=np.zeros(12)),
    option("nan", ArgumentError, "sampling", "12", sampling=nans(12)),
    option("type", UnsupportedError, "augment=3", "no function", augment=3),
    option("type", UnsupportedError, "client=3", "autograd-lite[distributed]", client=3),
    option("type", UnsupportedError, "class_weight='a'", class_weight="a"),
    option("type", UnsupportedError, "class_weight=[1.0]", class_weight=[1.0]),
    option("type", ArgumentError, "class_weight", "'a'", class_weight={0: 1.0, 1: "a"}),
    option("range", ArgumentError, "class_weight", "-1", class_weight={0: 1.0, 1: -1}),
    option("nan", ArgumentError, "class_weight", "nan", class_weight={0: 1.0, 1: NAN}),
    option("length", ArgumentError, "class_weight", "1.0", class_weight={0: 1.0}),
    option("type", UnsupportedError, "callbacks=3", callbacks=3),
    option("type", UnsupportedError, "EarlyStopping", callbacks=[nn.EarlyStopping]),
    option("type", UnsupportedError, "EarlyStopping", callbacks=nn.EarlyStopping()),
    option("length", ArgumentError, "running_loss", callbacks=[nn.EarlyStopping()],
           validation=None, named="validation_loss"),
    option("type", UnsupportedError, "resume_from 3", resume_from=3),
    option("type", UnsupportedError, "resume_from", "b'a'", resume_from=b"a"),
    bad("range", lambda w: fit(w, resume_from=w.saved("nowhere")), FileNotFoundError,
        named="nowhere"),
    bad("range", lambda w: fit(w, resume_from=w.saved("model")), ArgumentError, "resume_from"),
    bad("shape", lambda w: fit(w, resume_from=w.saved("run")), ArgumentError, "resume_from"),
    option("type", UnsupportedError, "may_differ=3", may_differ=3),
    option("type", UnsupportedError, "may_differ", "'loss'", may_differ="loss"),
    option("type", UnsupportedError, "rng='a'", rng="a"),
    option("type", UnsupportedError, "rng=1.5", rng=1.5),
    option("range", UnsupportedError, "rng=-1", rng=-1),
    option("nan", UnsupportedError, "rng=nan", rng=NAN),
    bad("length", lambda w: fit(w, optimizer=nn.SGD([w.w], 0.1)), ArgumentError, "Sequential"),
    # batches from elsewhere
    *(
        bad(kind, lambda w, x=x: fit(w, samples=x, targets=None, validation=None), error, *words)
        for kind, x, error, *words in (
            ("type", [3], UnsupportedError, "batch 1", "no pair"),
            ("type", lambda: 3, UnsupportedError, "returned 3"),
            ("type", [(X.astype(str), Y)], UnsupportedError, "batch 1", "<U"),
            ("length", [], ArgumentError, "no batch"),
            ("length", [(X, Y[:4])], ShapeError, "batch 1", "(12, 2)", "(4, 1)"),
            ("shape", [(X, 3.0)], ShapeError, "batch 1", "(12, 2)", "()"),
            ("nan", [(X * NAN, Y)], ArgumentError, "batch 1", "24"),
            ("range", [(X, Y, -np.ones(12))], ArgumentError, "batch 1", "weights", "-1.0"),
        )
    ),
    option("range", ArgumentError, "only once", samples=iter([(X, Y)]), targets=None, epochs=2,
           validation=None),
    # in the first batch: nothing is learned from it, and the samples were shuffled
    bad("nan", lambda w: fit(w, loss=log_of_negative), TrainingError, "epoch 1, batch 1", "nan",
        changes=("generators",)),
    bad("nan", lambda w: fit(w, loss=nan_slope), TrainingError, "epoch 1, batch 1",
        changes=("generators", "gradients")),
)  # fmt: skip


def look(function, named="Dense"):
    """Refusals of what is no model, and of its samples."""
    return [
        bad("type", lambda w: function(w, 3, X), UnsupportedError, "3"),
        bad("type", lambda w: function(w, nn.Dense, X), UnsupportedError, "Dense(...)"),
        bad("type", lambda w: function(w, None, X), UnsupportedError, "None"),
        bad("length", lambda w: function(w, w.model, RAGGED), UnsupportedError, "lists"),
        bad("type", lambda w: function(w, w.model, X.astype(str)), UnsupportedError, "(12, 2)",
            named=named),
        bad("type", lambda w: function(w, w.model, X * 1j), UnsupportedError, "complex128",
            named=named),
        bad("shape", lambda w: function(w, w.model, np.ones((4, 5))), ShapeError, "5)", "(2, 3)",
            named="Dense"),
    ]  # fmt: skip


def diagnose(w, *model, samples=X, targets=Y, **options):
    given = {"loss": nn.MSELoss(), "optimizer": w.optimizer} | options
    return nn.diagnose(*(model or [w.model]), samples, targets, **given)


def difference(w, *model, samples=X, targets=Y, **options):
    given = {"loss": nn.MSELoss()} | options
    return nn.gradient_difference(*(model or [w.model]), samples, targets, **given)


def losses(function, named="MSELoss"):
    """Refusals of what is no loss, and of what it does not take."""
    return [
        bad("type", lambda w: function(w, loss=3), ArgumentError, "loss=3", named="loss"),
        bad("type", lambda w: function(w, loss=nn.MSELoss), ArgumentError, "MSELoss()",
            named="loss"),
        bad("range", lambda w: function(w, loss="square"), ArgumentError, "loss='square'", "mse",
            named="loss"),
        bad("type", lambda w: function(w, loss=column(None)), ArgumentError, "None"),
        bad("type", lambda w: function(w, loss=column("abc")), ArgumentError, "'abc'"),
        bad("shape", lambda w: function(w, loss=lambda p, t: p - t), ArgumentError, "(12, 1)"),
        bad("length", lambda w: function(w, targets=Y[:3]), ShapeError, "(12, 1)", "(3, 1)",
            named="MSELoss"),
        bad("shape", lambda w: function(w, targets=Y[:, 0]), ShapeError, "(12, 1)", "(12,)",
            named="MSELoss"),
        bad("type", lambda w: function(w, targets=Y.astype(str)), UnsupportedError, "<U",
            named=named),
    ]  # fmt: skip


def step(w, model=None, loss="mse", samples=X, targets=Y, **options):
    """A step of the world's model that is to be compiled."""
    nn.compile(w.model if model is None else model, loss, w.optimizer, **options)(samples, targets)


COMPILE = declare(
    bad("type", lambda w: step(w, model=3), UnsupportedError, "3"),
    bad("type", lambda w: step(w, loss=3), ArgumentError, "loss=3", named="loss"),
    bad("type", lambda w: step(w, samples="abc"), UnsupportedError, "<U3", named="Dense"),
    bad("range", lambda w: step(w, backend="x"), ArgumentError, "backend='x'"),
    bad("shape", lambda w: step(w, samples=X[:, :1]), ShapeError, "(12, 1)", named="Dense"),
    bad(
        "length",
        lambda w: step(w, targets=Y[:3]),
        ShapeError,
        "(3, 1)",
        named="MSELoss",
        changes=("generators",),
    ),
    nan="a loss that is NaN is returned, as a loop of one's own has it",
)


def trial(function):
    """Refusals of what is to be trained on, but not for long."""

    def call(w, model=None, samples=X, targets=Y, **options):
        given = {"loss": nn.MSELoss(), "optimizer": w.optimizer, "steps": 5} | options
        return function(w.model if model is None else model, samples, targets, **given)

    return [
        bad("type", lambda w: call(w, model=3), UnsupportedError, "3"),
        bad("type", lambda w: call(w, optimizer=3), UnsupportedError, "optimizer=3"),
        bad("type", lambda w: call(w, loss=3), ArgumentError, "loss=3", named="loss"),
        bad("type", lambda w: call(w, samples="abc"), UnsupportedError, "X", "<U3", named="fit"),
        bad("length", lambda w: call(w, targets=Y[:3]), ShapeError, "(3, 1)", named="fit"),
        bad("length", lambda w: call(w, optimizer=nn.SGD([w.w], 0.1)), ArgumentError, "SGD"),
        bad("shape", lambda w: call(w, targets=Y[:, 0]), ShapeError, ",):", named="MSELoss"),
        bad("nan", lambda w: call(w, samples=nans(12, 2)), ArgumentError, "24", named="fit"),
        number("steps", lambda w, v: call(w, steps=v), 0, -1, 1.5),
        number("batch_size", lambda w, v: call(w, batch_size=v), 0, -1, 1.5),
    ], call


FINDING, find = trial(nn.find_learning_rate)
OVERFITTING, overfit = trial(nn.overfit_one_batch)

DECLARED = {
    "nn.fit": FIT,
    "nn.find_learning_rate": declare(
        FINDING,
        number("lowest", lambda w, v: find(w, lowest=v), 0, -1, float("inf")),
        number("highest", lambda w, v: find(w, highest=v), 0, -1),
        bad("range", lambda w: find(w, lowest=1.0, highest=0.5), ArgumentError, "lowest=1.0"),
        bad("range", lambda w: find(w, steps=1), ArgumentError, "steps=1"),
        bad("type", lambda w: find(w, rng="a"), UnsupportedError, "rng='a'"),
        bad("nan", lambda w: find(w, loss=log_of_negative), ArgumentError, "the first step"),
    ),
    "nn.overfit_one_batch": declare(
        OVERFITTING, number("share", lambda w, v: overfit(w, share=v), 0, -1, float("inf"))
    ),
    "nn.ProgressBar": declare(
        number("epochs", lambda w, v: nn.ProgressBar(v, shown=False), 0, -1, 1.5),
        number("batches", lambda w, v: nn.ProgressBar(2, v, shown=False), 0, -1, 1.5),
        number("done", lambda w, v: nn.ProgressBar(2, done=v, shown=False), -1, 1.5),
        bad("range", lambda w: nn.ProgressBar(2, shown="x"), ArgumentError, "shown='x'"),
        shape="it takes no array",
        length="it takes no list",
    ),
    "nn.compile": COMPILE,
    "nn.predict": declare(
        look(lambda w, model, samples: nn.predict(model, samples)),
        bad("shape", lambda w: nn.predict(w.model, 3.0), ShapeError, "()"),
        bad("shape", lambda w: nn.predict(w.model, "abc"), ShapeError, "()"),
        number("batch_size", lambda w, v: nn.predict(w.model, X, batch_size=v), 0, -1, 1.5, True),
        Spreads(lambda w: nn.predict(w.model, nans(3, 2))),
    ),
    "nn.manual_seed": declare(
        number("seed", lambda w, v: nn.manual_seed(v), -1, 1.5, True),
        **dict.fromkeys(("shape", "length"), "it takes one number"),
    ),
    "nn.summary": declare(
        bad("type", lambda w: nn.summary(3, 2), UnsupportedError, "3"),
        bad("type", lambda w: nn.summary(nn.Dense, 2), UnsupportedError, "Dense(...)"),
        *(
            bad(kind, lambda w, v=v: nn.summary(w.model, v), ArgumentError, f"input_shape=({v!r},)")
            for kind, v in (("type", "a"), ("type", 2.5), ("nan", NAN), ("range", 0), ("range", -1))
        ),
        bad("type", lambda w: nn.summary(w.model, None), ArgumentError, "input_shape=(None,)"),
        bad("type", lambda w: nn.summary(w.model, (2, "a")), ArgumentError, "input_shape=(2, 'a')"),
        bad("shape", lambda w: nn.summary(w.model, 3), ShapeError, "(1, 3)", "(2, 3)",
            named="Dense"),
        bad("length", lambda w: nn.summary(w.model, (2, 3)), ShapeError, "(1, 2, 3)",
            named="Dense"),
    ),
    "nn.diagnose": declare(
        look(lambda w, model, samples: diagnose(w, model, samples=samples), named="diagnose"),
        losses(diagnose, named="diagnose"),
        bad("type", lambda w: diagnose(w, optimizer=3), UnsupportedError, "3"),
        bad("length", lambda w: diagnose(w, optimizer=nn.SGD([w.w], 0.1)), ArgumentError, "SGD"),
        bad("length", lambda w: diagnose(w, samples=X[:0], targets=Y[:0]), ArgumentError, "(0, 2)"),
        bad("shape", lambda w: diagnose(w, samples=3.0), ShapeError, "array ()", named="Dense"),
        nan="NaN is what it finds",
    ),
    "nn.gradient_difference": declare(
        look(lambda w, model, samples: difference(w, model, samples=samples)),
        losses(difference),
        number("step", lambda w, v: difference(w, step=v), 0, -1e-6),
        bad("nan", lambda w: difference(w, samples=nans(12, 2)), ArgumentError, "Sequential"),
    ),
    "nn.to_numpy_source": declare(
        bad("type", lambda w: nn.to_numpy_source(3.0, w.X), UnsupportedError, "no module"),
        bad("type", lambda w: nn.to_numpy_source(w.model, [["a"]]), UnsupportedError, "<U1"),
        bad("shape", lambda w: nn.to_numpy_source(w.model, np.ones(())), ShapeError, "()"),
        bad("shape", lambda w: nn.to_numpy_source(w.model, np.ones((2, 3))), ShapeError, "(2, 3)",
            named="Dense"),
        bad("length", lambda w: nn.to_numpy_source(w.model, w.X[:0]), ShapeError, "no samples"),
        range="it takes no number",
        nan="it only looks at shapes",
    ),
    "nn.to_onnx": declare(
        bad("type", lambda w: nn.to_onnx(3.0, w.X), UnsupportedError, "no module"),
        bad("type", lambda w: nn.to_onnx(w.model, [["a"]]), UnsupportedError, "<U1"),
        bad("shape", lambda w: nn.to_onnx(w.model, np.ones(())), ShapeError, "()"),
        bad("shape", lambda w: nn.to_onnx(w.model, np.ones((2, 3))), ShapeError, "(2, 3)",
            named="Dense"),
        bad("length", lambda w: nn.to_onnx(w.model, w.X[:0]), ShapeError, "no samples"),
        range="it takes no number",
        nan="it only looks at shapes",
    ),
    "nn.Diagnosis": nothing("what diagnose returns: a list of findings, and its text"),
    "nn.Finding": nothing("what a diagnosis consists of: made by the project, a plain record"),
    "nn.History": nothing("what fit returns: a dict, which takes what dicts take"),
    "nn.GraphWatch": nothing("it takes no argument, and neither do its methods"),
    "nn.accuracy": declare(
        number("threshold", lambda w, v: nn.accuracy(w.Y, w.labels, threshold=v), float("inf")),
        *(
            bad("type", lambda w, x=x: nn.accuracy(x, LABELS[:2]), UnsupportedError, word)
            for x, word in (("abc", "<U3"), (None, "object"), (COMPLEX, "complex128"))
        ),
        bad("type", lambda w: nn.accuracy(Y, LABELS.astype(str)), UnsupportedError, "(12,)", "<U"),
        bad("shape", lambda w: nn.accuracy(3.0, 1), ShapeError, "()"),
        bad("shape", lambda w: nn.accuracy(np.ones((2, 2, 2)), LABELS), ShapeError, "(axis=1)"),
        bad("shape", lambda w: nn.accuracy(np.ones((12, 0)), LABELS), ShapeError, "(12, 0)"),
        bad("length", lambda w: nn.accuracy(Y, LABELS[:3]), ShapeError, "(12, 1)", "(3, 1)"),
        bad("length", lambda w: nn.accuracy(Y[:0], LABELS[:0]), ShapeError, "0 predictions"),
        bad("length", lambda w: nn.accuracy(RAGGED, LABELS[:2]), UnsupportedError, "lists"),
    ),
    "nn.batches": declare(
        number("batch_size", lambda w, v: nn.batches(w.X, batch_size=v, rng=w.rng), 0, -1, 2.5),
        bad("type", lambda w: nn.batches(w.X, batch_size=2, rng="a"), UnsupportedError, "rng='a'"),
        bad("type", lambda w: nn.batches(w.X, batch_size=2, rng=1.5), UnsupportedError, "rng=1.5"),
        bad("range", lambda w: nn.batches(w.X, batch_size=2, rng=-1), UnsupportedError, "rng=-1"),
        bad("type", lambda w: nn.batches("abc", batch_size=2, rng=w.rng), ShapeError, "()"),
        bad("shape", lambda w: nn.batches(3.0, batch_size=2, rng=w.rng), ShapeError, "()"),
        bad("length", lambda w: nn.batches(w.X, w.Y[:3], batch_size=2, rng=w.rng), ShapeError,
            "(12, 2)", "(3, 1)"),
        bad("length", lambda w: nn.batches(batch_size=2, rng=w.rng), ShapeError, "no samples"),
        bad("length", lambda w: nn.batches(RAGGED, batch_size=2), UnsupportedError, "lists"),
    ),
}  # fmt: skip
