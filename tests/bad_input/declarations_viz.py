"""Bad input of pictures: no figure is left behind, nothing is drawn, no file is written."""

import numpy as np
from declaring import bad, declare, nothing, number
from matplotlib import pyplot
from world import COMPLEX, NAN, RAGGED, TEXT, X, Y, nans

import nn
import viz
from autograd_lite.errors import ArgumentError, GradientError, ShapeError, UnsupportedError

CURVE = {"loss": [3.0, 2.0, 1.0]}
PATHS = {"a": np.ones((3, 2))}


def bowl(x, y):
    return x**2 + y**2


def first(points):
    return points[:, 0]


def axes(draw):
    """Refusals of axes; `draw(ax)`."""
    return [
        bad("type", lambda w: draw(3), UnsupportedError, "ax=3", named="plot"),
        bad("type", lambda w: draw(np.array([w.ax, w.ax])), UnsupportedError, "array (2,)",
            named="plot"),
        bad("type", lambda w: draw(pyplot), UnsupportedError, "module", named="plot"),
    ]  # fmt: skip


def curves(draw, what):
    """Refusals of lists by name; `draw(lists, ax)`."""

    def refusal(kind, lists, error, *words):
        return bad(kind, lambda w: draw(lists), error, *words, named=what)

    return [
        refusal("type", 3, UnsupportedError, "3"),
        refusal("type", None, UnsupportedError, "None"),
        refusal("type", [1.0, 2.0], UnsupportedError, "[1.0, 2.0]"),
        refusal("type", {"a": ["b"]}, UnsupportedError, "'a'", "<U1"),
        refusal("type", {"a": [None]}, UnsupportedError, "'a'", "object"),
        refusal("type", {"a": [1j]}, UnsupportedError, "'a'", "complex128"),
        refusal("length", {}, ArgumentError, "empty"),
        refusal("length", {"a": []}, ShapeError, "'a'", "(0,)"),
        refusal("length", {"a": RAGGED}, UnsupportedError, "'a'"),
        refusal("shape", {"a": 3.0}, ShapeError, "'a'", "()"),
        refusal("shape", {"a": [[1.0]]}, ShapeError, "'a'", "(1, 1)"),
    ]


def paths(kind, given, error, *words, function=bowl):
    return bad(kind, lambda w: viz.plot_optimizer_paths(function, given), error, *words,
               named="path")  # fmt: skip


def function(kind, given, error, *words):
    call = lambda w: viz.plot_optimizer_paths(given, PATHS, ax=w.ax)
    return bad(kind, call, error, *words, named="function")


def boundary(w, model=first, samples=X, targets=Y, **options):
    options = {"ax": w.ax, "threshold": 0.5} | options
    return viz.plot_decision_boundary(model, samples, targets, **options)


def decided(kind, error, *words, named="plot", **spoilt):
    return bad(kind, lambda w: boundary(w, **spoilt), error, *words, named=named)


def stepped(kind, loss, manual, error, *words, named=None):
    call = lambda w: viz.step_through(loss(w), manual)
    return bad(kind, call, error, *words, named=named)


def activations(kind, functions, error, *words):
    return bad(kind, lambda w: viz.plot_activations(functions), error, *words)


def x_range(kind, given):
    call = lambda w: viz.plot_activations(x_range=given)
    return bad(kind, call, ArgumentError, repr(given))


def confusion(kind, targets, predictions, error, *words, **options):
    def call(w):
        viz.plot_confusion_matrix(targets, predictions, **{"ax": w.ax, **options})

    return bad(kind, call, error, *words, named="plot")


def images(kind, weights, shape, error, *words):
    return bad(kind, lambda w: viz.plot_weight_images(weights, shape), error, *words, named="plot")


def histograms(kind, given, error, *words):
    call = lambda w: viz.plot_activation_histograms(given)
    return bad(kind, call, error, *words, named="plot")


def attention(kind, weights, error, *words, queries=None):
    return bad(kind, lambda w: viz.plot_attention(weights, queries), error, *words, named="plot")


def embedding(kind, vectors, error, *words, classes=None, names=None):
    call = lambda w: viz.plot_embedding(vectors, classes, names=names)
    return bad(kind, call, error, *words, named="plot")


def landscape(kind, error, *words, model=None, **options):
    def call(w):
        return viz.plot_loss_landscape(model or w.model, w.X, w.Y, "mse", **options)

    return bad(kind, call, error, *words)


def film(kind, error, *words, named=None, **spoilt):
    call = lambda w: viz.TrainingAnimation(**{"X": X, "y": Y} | spoilt)
    return bad(kind, call, error, *words, named=named)


WEIGHTS = np.ones((4, 2))

DECLARED = {
    "viz.Graph": declare(
        bad("type", lambda w: viz.graph(w.w).save(3), UnsupportedError, "3", named="graph.save"),
        bad("type", lambda w: viz.graph(w.w).save(None), UnsupportedError, "None",
            named="graph.save"),
        bad("range", lambda w: viz.graph(w.w).save(w.folder / "graph.jpg"), ArgumentError, ".jpg",
            named="graph.save"),
        bad("range", lambda w: viz.graph(w.w).save(w.folder / "graph"), ArgumentError, "''",
            named="graph.save"),
        bad("range", lambda w: viz.graph(w.w).save(w.folder / "nowhere" / "graph.dot"),
            FileNotFoundError, "no folder", "nowhere", named="graph.save"),
        bad("range", lambda w: viz.graph(w.w).save("a\0b.dot"), ArgumentError, "null character",
            named="graph.save"),
        shape="it is made by viz.graph, of tensors of any shape",
        length="it is made by viz.graph",
        nan="it shows NaN as any number",
    ),
    "viz.graph": declare(
        bad("type", lambda w: viz.graph(3), UnsupportedError, "3"),
        bad("type", lambda w: viz.graph(w.X), UnsupportedError, "array (12, 2)"),
        bad("type", lambda w: viz.graph(w.model), UnsupportedError, "Sequential"),
        bad("type", lambda w: viz.graph(w.w, names=3), UnsupportedError, "names=3"),
        bad("type", lambda w: viz.graph(w.w, names=["w"]), UnsupportedError, "names=['w']"),
        bad("type", lambda w: viz.graph(w.w, names={w.w: "w"}), UnsupportedError, "'w' (2, 3)"),
        bad("type", lambda w: viz.graph(w.w, names={"w": 3}), UnsupportedError, "'w'", "3"),
        bad("type", lambda w: viz.graph(w.w, highlight=w.w), UnsupportedError, "(2, 3)"),
        bad("type", lambda w: viz.graph(w.w, highlight=3), UnsupportedError, "highlight=3"),
        bad("type", lambda w: viz.graph(w.w, before=w.w), UnsupportedError, "no graph"),
        bad("range", lambda w: viz.graph(w.w, highlight=["v"]), ArgumentError, "'v'"),
        bad("range", lambda w: viz.graph(w.w, highlight=[w.w + 1]), ArgumentError, "highlighted"),
        bad("range", lambda w: viz.graph(w.w, direction="up"), ArgumentError, "'up'"),
        [bad("type", lambda w, name=name: viz.graph(w.w, **{name: 1}), ArgumentError, f"{name}=1")
         for name in ("values", "gradients", "legend")],
        number("depth", lambda w, v: viz.graph(w.w, depth=v), 0, 1.5, -1, True),
        bad("shape", lambda w: viz.graph(w.model, w.X[:, :1]), ShapeError, "(12, 1)",
            named="Dense"),
        length="it takes one tensor",
    ),
    "viz.scope": declare(
        bad("type", lambda w: viz.scope(3), ArgumentError, "name=3"),
        shape="it takes a name", length="it takes a name", range="it takes a name",
        nan="it takes a name",
    ),
    "viz.plot_history": declare(
        curves(viz.plot_history, "history"),
        axes(lambda ax: viz.plot_history(CURVE, ax=ax)),
        number("best_epoch", lambda w, v: viz.plot_history(CURVE, best_epoch=v, ax=w.ax),
               -1, 3, 1.5, True),
        bad("length", lambda w: viz.plot_history({**CURVE, "accuracy": [0.5]}, ax=w.ax),
            ArgumentError, "loss, accuracy"),
    ),
    "viz.plot_gradient_flow": declare(
        curves(viz.plot_gradient_flow, "gradient norms"),
        bad("range", lambda w: viz.plot_gradient_flow({"a": [1.0, -2.0]}), ArgumentError, "'a'",
            "-2.0", named="gradient norms"),
        nan="NaN is left out, as other plots do",
    ),
    "viz.plot_optimizer_paths": declare(
        paths("type", 3, UnsupportedError, "3"),
        paths("type", PATHS["a"], UnsupportedError, "array (3, 2)"),
        paths("type", {"a": TEXT}, UnsupportedError, "'a'", "<U1"),
        paths("type", {"a": COMPLEX}, UnsupportedError, "'a'", "complex128"),
        paths("shape", {"a": np.ones((2, 3))}, ShapeError, "'a' (2, 3)"),
        paths("shape", {"a": np.ones((2, 2, 2))}, ShapeError, "'a' (2, 2, 2)"),
        paths("shape", {"a": np.ones(3), **{"b": np.ones((3, 2))}}, ShapeError, "'b' (3, 2)"),
        paths("length", {}, ArgumentError, "empty"),
        paths("length", {"a": []}, ShapeError, "'a'"),
        paths("length", {"a": RAGGED}, UnsupportedError, "'a'"),
        paths("nan", {"a": [[1.0, 1.0], [NAN, 1.0]]}, ArgumentError, "'a'", "step 1"),
        paths("range", {"a": [[1.0, float("inf")]]}, ArgumentError, "'a'", "step 0"),
        function("type", 3, UnsupportedError, "not callable"),
        function("type", lambda x: x, UnsupportedError, "2 coordinates"),
        function("type", lambda x, y: None, UnsupportedError, "object"),
        function("type", lambda x, y: "abc", UnsupportedError, "<U3"),
        function("shape", lambda x, y: 3.0, ShapeError, "()", "(200, 200)"),
        axes(lambda ax: viz.plot_optimizer_paths(bowl, PATHS, ax=ax)),
    ),
    "viz.plot_decision_boundary": declare(
        number("threshold", lambda w, v: boundary(w, threshold=v), float("inf")),
        axes(lambda ax: viz.plot_decision_boundary(first, X, Y, threshold=0, ax=ax)),
        decided("range", ArgumentError, "no probabilities", "threshold=0", threshold=None),
        decided("type", ArgumentError, "loss", threshold=None, loss=first),
        decided("type", ArgumentError, "threshold=0.5", "MSELoss", loss=nn.MSELoss()),
        decided("type", UnsupportedError, "3", model=3),
        decided("type", UnsupportedError, "X", "<U3", samples="abc"),
        decided("type", UnsupportedError, "X array (12, 2)", samples=X.astype(str)),
        decided("type", UnsupportedError, "X array (12, 2)", "complex", samples=X * 1j),
        decided("type", ArgumentError, "y array (12,)", targets=Y.astype(str)),
        decided("type", UnsupportedError, "scores", "object", model=lambda points: None),
        decided("type", UnsupportedError, "scores", model=lambda points: points.astype(str)),
        decided("shape", ShapeError, "X array (12, 1)", samples=X[:, :1]),
        decided("shape", ShapeError, "y", "()", targets=1.0),
        decided("shape", ShapeError, "(90000, 2)", "(3,)", model=lambda points: points[:3, 0]),
        decided("shape", ShapeError, "(90000, 2)", model=nn.Dense(3, 1), named="Dense"),
        decided("length", ShapeError, "X array (12, 2)", "(3,)", targets=Y[:3]),
        decided("length", ShapeError, "X array (0, 2)", samples=X[:0], targets=Y[:0]),
        decided("length", UnsupportedError, "X", samples=RAGGED),
        decided("range", ArgumentError, "y array (12,)", targets=Y - 1),
        decided("range", ArgumentError, "y array (12,)", targets=Y + 0.5),
        decided("range", ArgumentError, "classes", model=lambda p: p[:, 0].astype(int) - 9),
        decided("nan", ArgumentError, "X array (12, 2)", "24", samples=X * NAN),
        decided("nan", ArgumentError, "y array (12,)", targets=Y * NAN),
        decided("nan", ArgumentError, "scores", "90000", model=lambda points: points[:, 0] * NAN),
    ),
    "viz.plot_activations": declare(
        activations("type", 3, UnsupportedError, "3"),
        activations("type", ["relu"], UnsupportedError, "['relu']"),
        activations("type", {"a": 3}, UnsupportedError, "'a'", "3"),
        activations("type", {"a": lambda x: 3.0}, UnsupportedError, "'a'", "3.0"),
        activations("type", {"a": lambda x: x.data}, UnsupportedError, "'a'", "(501,)"),
        activations("shape", {"a": np.sum}, ShapeError, "'a'", "(501,)", "()"),
        activations("length", {}, ArgumentError, "empty"),
        x_range("type", 3),
        x_range("type", ("a", "b")),
        x_range("length", (1, 2, 3)),
        x_range("range", (2, 1)),
        x_range("range", (0, float("inf"))),
        x_range("nan", (NAN, 1)),
    ),
    "viz.step_through": declare(
        stepped("type", lambda w: 3.0, {}, UnsupportedError, "3.0"),
        stepped("type", lambda w: w.w.sum(), {"W": 1.0}, ArgumentError, "'W'", named="compare"),
        stepped("shape", lambda w: w.w * 2, None, GradientError, "(2, 3)", named="step_through"),
        stepped("length", lambda w: w.w.sum(), {}, ArgumentError, "no hand", named="compare"),
        range="it takes no number",
        nan="it shows NaN as any number",
    ),
    "viz.Steps": declare(
        bad("type", lambda w: viz.step_through(w.w.sum()).save(3), UnsupportedError, "3",
            named="steps.save"),
        bad("range", lambda w: viz.step_through(w.w.sum()).save(w.folder / "steps.svg"),
            ArgumentError, ".svg", named="steps.save"),
        shape="it is made by viz.step_through",
        length="it is made by viz.step_through",
        nan="it shows NaN as any number",
    ),
    "viz.Passage": nothing("it is made by viz.step_through"),
    "viz.TrainingAnimation": declare(
        film("type", UnsupportedError, "X", X=TEXT, named="plot"),
        film("type", ArgumentError, "threshold='a'", threshold="a"),
        film("shape", ShapeError, "y", y=np.ones((2, 2, 2)), named="plot"),
        film("range", ArgumentError, "every=0", every=0),
        film("nan", ArgumentError, "threshold=nan", threshold=NAN),
        bad("type", lambda w: viz.TrainingAnimation(X, Y).add(np.tanh), UnsupportedError,
            "no module", named="TrainingAnimation.add"),
        bad("length", lambda w: viz.TrainingAnimation(X, Y).save(w.folder / "a.gif"),
            ArgumentError, "no frames", named="TrainingAnimation"),
        bad("range", lambda w: viz.TrainingAnimation(X, Y).save(w.folder / "a.mp4"),
            ArgumentError, ".mp4", named="TrainingAnimation.save"),
    ),
    "viz.plot_confusion_matrix": declare(
        axes(lambda ax: viz.plot_confusion_matrix([0, 1], [0, 1], ax=ax)),
        confusion("type", "abc", [0, 1], ShapeError, "targets", "()"),
        confusion("type", ["a", "b"], [0, 1], ArgumentError, "targets", "(2,)"),
        confusion("type", [0, 1], [None, 1], ArgumentError, "predictions", "(2,)"),
        confusion("type", [0, 1], TEXT, UnsupportedError, "predictions", "<U1"),
        confusion("type", [0, 1], [0, 1], UnsupportedError, "names=3", names=3),
        confusion("shape", np.zeros((2, 2, 2)), [0, 1], ShapeError, "targets", "(2, 2, 2)"),
        confusion("length", [0, 1], [0], ShapeError, "(2,)", "(1,)"),
        confusion("length", [], [], ShapeError, "(0,)"),
        confusion("length", [0, 1], [0, 1], ShapeError, "1 names", "2 classes", names=["a"]),
        confusion("length", RAGGED, [0, 1], UnsupportedError, "targets"),
        confusion("range", [[2.0, -1.0], [0.5, 3.0]], [0, 1], ArgumentError, "targets", "scores"),
        confusion("range", [0, -1], [0, 1], ArgumentError, "targets", "(2,)"),
        confusion("range", [0, 1], [0, 0.5], ArgumentError, "predictions", "(2,)"),
        confusion("range", [0, float("inf")], [0, 1], ArgumentError, "targets"),
        confusion("nan", [0, NAN], [0, 1], ArgumentError, "targets"),
        confusion("nan", [0, 1], [[0.5, NAN], [0.5, 0.5]], ArgumentError, "predictions", "1"),
    ),
    "viz.plot_weight_images": declare(
        images("type", "abc", (2, 2), UnsupportedError, "weights", "<U3"),
        images("type", None, (2, 2), UnsupportedError, "weights", "object"),
        images("type", COMPLEX, (1, 2), UnsupportedError, "weights array (2, 2)", "complex128"),
        images("type", WEIGHTS, 4, UnsupportedError, "array (4, 2)", "4"),
        images("type", WEIGHTS, (2.0, 2.0), UnsupportedError, "(2.0, 2.0)"),
        images("shape", WEIGHTS, (3, 2), ShapeError, "array (4, 2)", "(3, 2)"),
        images("shape", np.ones(4), (2, 2), ShapeError, "array (4,)"),
        images("length", WEIGHTS, (4,), UnsupportedError, "(4,)"),
        images("length", WEIGHTS, (2, 2, 1), UnsupportedError, "(2, 2, 1)"),
        images("range", WEIGHTS, (-2, -2), UnsupportedError, "(-2, -2)"),
        images("range", np.full((4, 2), np.inf), (2, 2), ArgumentError,
               "array (4, 2)", "8"),
        images("nan", nans(4, 2), (2, 2), ArgumentError, "array (4, 2)", "8"),
    ),
    "viz.plot_attention": declare(
        attention("type", "abc", UnsupportedError, "attention", "<U3"),
        attention("type", np.eye(2), UnsupportedError, "queries=3", queries=3),
        attention("shape", np.ones(3), ShapeError, "array (3,)"),
        attention("length", np.eye(2), ShapeError, "3 queries", queries="abc"),
        attention("range", -np.eye(2), ArgumentError, "-1"),
        attention("nan", nans(2, 2), ArgumentError, "attention array (2, 2)"),
    ),
    "viz.plot_embedding": declare(
        embedding("type", TEXT, UnsupportedError, "vectors", "<U1"),
        embedding("type", WEIGHTS, UnsupportedError, "names=3", names=3),
        embedding("shape", np.ones(3), ShapeError, "array (3,)"),
        embedding("length", WEIGHTS, ShapeError, "3 classes", classes=[0, 1, 1]),
        embedding("length", WEIGHTS, ShapeError, "1 names", names=["a"]),
        embedding("range", WEIGHTS, ArgumentError, "classes", classes=[0, -1, 0, 0]),
        embedding("nan", nans(2, 2), ArgumentError, "vectors array (2, 2)"),
    ),
    "viz.plot_loss_landscape": declare(
        landscape("type", UnsupportedError, "no module", model=np.tanh),
        landscape("type", UnsupportedError, "rng='a'", rng="a"),
        landscape("range", ArgumentError, "span=0", span=0),
        landscape("range", ArgumentError, "resolution=2.5", resolution=2.5),
        landscape("range", ArgumentError, "no parameters", model=nn.ReLU()),
        landscape("nan", ArgumentError, "span=nan", span=NAN),
        shape="samples and targets are checked by the loss",
        length="samples and targets are checked by the loss",
    ),
    "viz.plot_activation_histograms": declare(
        histograms("type", 3, UnsupportedError, "3"),
        histograms("type", [WEIGHTS], UnsupportedError, "histograms"),
        histograms("type", {"a": "b"}, UnsupportedError, "'a'", "<U1"),
        histograms("type", {"a": TEXT}, UnsupportedError, "'a'", "<U1"),
        histograms("type", {"a": COMPLEX}, UnsupportedError, "'a'", "complex128"),
        histograms("shape", {"a": np.ones(3)}, ShapeError, "'a'", "(3,)"),
        histograms("length", {}, ArgumentError, "empty"),
        histograms("length", {"a": np.ones((0, 3))}, ShapeError, "'a'", "(0, 3)"),
        histograms("range", {"a": np.full((2, 2), np.inf)}, ArgumentError, "'a'", "4"),
        histograms("nan", {"a": nans(2, 2)}, ArgumentError, "'a'", "(2, 2)"),
    ),
}  # fmt: skip
