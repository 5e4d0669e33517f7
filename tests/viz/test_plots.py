"""Plots: that what is drawn are the numbers that were given, and where it is drawn."""

import sys

import numpy as np
import pytest

import nn
import viz
from autograd_lite import relu
from autograd_lite.errors import ArgumentError, ShapeError
from viz.render import RenderingError

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)
HISTORY = {
    "loss": [3.0, 2.0, 1.0, 0.5],
    "accuracy": [0.5, 0.6, 0.7, 0.8],
    "validation_loss": [3.0, 1.0, 2.0, 4.0],
    "validation_accuracy": [0.4, 0.6, 0.6, 0.5],
}
NORMS = {"first": [0.01, 0.02, 0.03], "second": [1.0, 2.0, 3.0]}


@pytest.fixture(autouse=True)
def close_figures():
    plt.close("all")  # those of doctests
    yield
    plt.close("all")


def xy(line):
    return np.array(line.get_xydata())


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def data_lines(ax):
    """The lines of a panel by label, as the legend names them."""
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def halving():
    return 5 * 0.5 ** np.arange(6)


# Each plot that draws one axes, with arguments that fit.
SINGLE = {
    "history": lambda ax=None: viz.plot_history({"loss": [2.0, 1.0]}, ax=ax),
    "boundary": lambda ax=None: viz.plot_decision_boundary(lambda p: p[:, 0], X, Y, ax=ax),
    "paths": lambda ax=None: viz.plot_optimizer_paths(
        lambda x, y: x**2 + y**2, {"a": [[1.0, 2.0], [0.5, 1.0]]}, ax=ax
    ),
    "confusion": lambda ax=None: viz.plot_confusion_matrix([0, 1], [1, 1], ax=ax),
}
FIGURES = {
    **SINGLE,
    "gradient flow": lambda: viz.plot_gradient_flow(NORMS),
    "activations": lambda: viz.plot_activations(),
    "weights": lambda: viz.plot_weight_images(np.eye(4), (2, 2)),
    "histograms": lambda: viz.plot_activation_histograms({"a": np.eye(4)}),
}


# --- all of them


@pytest.mark.parametrize("draw", SINGLE.values(), ids=SINGLE)
def test_a_plot_draws_into_the_axes_it_is_given(draw):
    figure, (left, right) = plt.subplots(1, 2)
    assert draw(ax=right) is figure
    assert right.has_data()
    assert not left.has_data()
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("draw", SINGLE.values(), ids=SINGLE)
def test_a_plot_draws_into_the_axes_of_a_part_of_a_figure(draw):
    figure = plt.figure()
    ax = figure.subfigures(1, 2)[0].subplots()
    assert draw(ax=ax) is figure


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_plot_makes_one_figure_is_not_shown_and_can_be_saved(draw, monkeypatch, tmp_path):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("it was shown"))
    figure = draw()
    assert isinstance(figure, matplotlib.figure.Figure)
    assert plt.get_fignums() == [figure.number]
    figure.savefig(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_no_text_of_a_plot_is_cut_off(draw):
    figure = draw()
    figure.canvas.draw()
    inside = figure.bbox
    for ax in figure.axes:
        for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts):
            if text.get_text() and text.get_visible() and ax.axison:
                box = text.get_window_extent()
                assert inside.x0 <= box.x0, text
                assert box.x1 <= inside.x1, text
                assert inside.y0 <= box.y0, text
                assert box.y1 <= inside.y1, text


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_without_matplotlib_the_error_says_what_to_install(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RenderingError, match=r"pip install 'autograd-lite\[plots\]'"):
        draw()


# --- history


def test_history_has_a_panel_for_each_quantity_with_training_and_validation():
    figure = viz.plot_history(HISTORY)
    assert [ax.get_title() for ax in figure.axes] == ["loss", "accuracy"]
    for ax, quantity in zip(figure.axes, ("loss", "accuracy"), strict=True):
        lines = data_lines(ax)
        np.testing.assert_array_equal(
            xy(lines["training"]), np.column_stack([[1, 2, 3, 4], HISTORY[quantity]])
        )
        np.testing.assert_array_equal(
            lines["validation"].get_ydata(), HISTORY["validation_" + quantity]
        )
        assert legend(ax) == ["training", "validation", "best epoch: 2"]
        assert ax.get_xlabel() == "epoch"
        assert ax.get_ylabel() == quantity


@pytest.mark.parametrize(
    ("history", "best"),
    [
        (HISTORY, 2),
        ({"loss": [3.0, 1.0, 0.5, 2.0]}, 3),
        ({"loss": [np.nan, 2.0, 1.0, np.nan]}, 3),
        ({"loss": [1.0, 1.0]}, 1),
    ],
)
def test_the_best_epoch_has_the_lowest_validation_loss_or_else_loss(history, best):
    ax = viz.plot_history(history).axes[0]
    line = data_lines(ax)[f"best epoch: {best}"]
    assert set(line.get_xdata()) == {best}


def test_the_best_epoch_can_be_given():
    figure = viz.plot_history(HISTORY, best_epoch=4)
    assert all(set(ax.lines[-1].get_xdata()) == {4} for ax in figure.axes)


@pytest.mark.parametrize("history", [{"accuracy": [0.1, 0.2]}, {"loss": [np.nan, np.nan]}])
def test_without_a_finite_loss_no_epoch_is_the_best(history):
    assert legend(viz.plot_history(history).axes[0]) == ["training"]


def test_a_history_of_fit_is_plotted():
    model = nn.Dense(2, 1, activation="sigmoid", rng=0)
    history = nn.fit(
        model,
        X,
        Y[:, None].astype(float),
        loss=nn.BCELoss(),
        optimizer=nn.SGD(model.parameters(), learning_rate=0.1),
        epochs=3,
        metrics={"accuracy": nn.accuracy},
        progress=False,
        rng=0,
    )
    figure = viz.plot_history(history)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), history["loss"])
    assert figure.axes[1].get_title() == "accuracy"


def test_epochs_are_numbered_in_whole_numbers():
    figure = viz.plot_history({"loss": [2.0, 1.0]})
    figure.canvas.draw()
    ticks = figure.axes[0].get_xticks()
    np.testing.assert_array_equal(ticks, ticks.round())


def test_a_single_epoch_is_a_visible_point():
    figure = viz.plot_history({"loss": [2.0]})
    assert figure.axes[0].lines[0].get_marker() == "o"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: viz.plot_history({}), ArgumentError),
        (lambda: viz.plot_history({"loss": []}), ShapeError),
        (lambda: viz.plot_history({"loss": [[1.0]]}), ShapeError),
        (lambda: viz.plot_history(HISTORY, best_epoch=0), ArgumentError),
        (lambda: viz.plot_history(HISTORY, best_epoch=5), ArgumentError),
    ],
)
def test_history_that_cannot_be_drawn_is_refused_without_a_figure(call, error):
    with pytest.raises(error):
        call()
    assert plt.get_fignums() == []


def test_one_axes_for_two_quantities_is_refused_with_the_line_to_write():
    ax = plt.subplots()[1]
    with pytest.raises(ArgumentError, match=r'history\["loss"\]'):
        viz.plot_history(HISTORY, ax=ax)
    assert not ax.has_data()


# --- decision boundary


def inside(collection, point):
    """Whether one of a collection's filled areas covers a point."""
    return any(path.contains_point(point) for path in collection.get_paths())


def boundary_parts(figure):
    """The filled regions, boundary lines and points of a decision boundary."""
    kinds = {"fill": [], "line": [], "points": []}
    for collection in figure.axes[0].collections:
        if isinstance(collection, matplotlib.collections.PathCollection):
            kinds["points"].append(collection)
        else:
            kinds["fill" if collection.filled else "line"].append(collection)
    return kinds


SCORES = {
    "probability": (lambda p: 1 / (1 + np.exp(-9 * p[:, 0])), 0.5),
    "column": (lambda p: 1 / (1 + np.exp(-9 * p[:, :1])), 0.5),
    "logit": (lambda p: 9 * p[:, 0], 0.0),
    "labels": (lambda p: (p[:, 0] > 0).astype(int), 0.5),
    "booleans": (lambda p: p[:, 0] > 0, 0.5),
    "two columns": (lambda p: np.column_stack([-p[:, 0], p[:, 0]]), 0.5),
}


@pytest.mark.parametrize(("model", "threshold"), SCORES.values(), ids=SCORES)
def test_each_kind_of_output_gives_the_same_regions_boundary_and_points(model, threshold):
    figure = viz.plot_decision_boundary(model, X, Y, threshold=threshold)
    parts = boundary_parts(figure)
    left, right = parts["fill"]
    assert inside(left, (-1, 0))
    assert not inside(left, (1, 0))
    assert inside(right, (1, 0))
    assert not inside(right, (-1, 0))
    for line in parts["line"]:
        (path,) = (path for path in line.get_paths() if len(path.vertices))
        assert np.abs(path.vertices[:, 0]).max() < 0.02
    for label, points in enumerate(parts["points"]):
        np.testing.assert_array_equal(points.get_offsets(), X[label == Y])
    assert figure.axes[0].get_title() == "100.0% of 40 points right"
    assert legend(figure.axes[0]) == ["class 0", "class 1"]


def test_regions_and_points_of_a_class_have_the_same_color():
    parts = boundary_parts(viz.plot_decision_boundary(lambda p: p[:, 0], X, Y, threshold=0))
    for fill, points in zip(parts["fill"], parts["points"], strict=True):
        np.testing.assert_array_equal(fill.get_facecolor()[0, :3], points.get_facecolor()[0, :3])


def test_three_classes_have_three_regions():
    centers = np.array([[0.0, 3.0], [3.0, -2.0], [-3.0, -2.0]])
    y = np.arange(3)

    def distances(points):
        return -((points[:, None] - centers) ** 2).sum(axis=-1)

    for model in (distances, lambda points: distances(points).argmax(axis=1)):
        parts = boundary_parts(viz.plot_decision_boundary(model, centers, y))
        covered = [[inside(fill, center) for center in centers] for fill in parts["fill"]]
        assert covered == np.eye(3, dtype=bool).tolist()


def test_a_module_is_applied_in_evaluation_mode_and_left_in_its_mode():
    model = nn.Sequential(nn.Dropout(0.9, rng=0), nn.Dense(2, 1, rng=0))
    model[1].weight.data = np.array([[1.0], [0.0]])
    figure = viz.plot_decision_boundary(model, X, Y[:, None], threshold=0.0)
    assert figure.axes[0].get_title() == "100.0% of 40 points right"
    assert model.training
    assert model[1].weight.grad is None


def test_the_title_says_how_many_points_are_right():
    figure = viz.plot_decision_boundary(
        lambda p: np.zeros(len(p)), np.eye(2).repeat(2, 0), [0, 0, 0, 1]
    )
    assert figure.axes[0].get_title() == "75.0% of 4 points right"
    assert boundary_parts(figure)["line"] == []


def test_labels_may_be_one_hot():
    figure = viz.plot_decision_boundary(lambda p: p[:, 0], X, np.eye(2)[Y], threshold=0.0)
    assert figure.axes[0].get_title() == "100.0% of 40 points right"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((lambda p: p[:, 0], X[:, :1], Y), ShapeError),
        ((lambda p: p[:, 0], X, Y[:-1]), ShapeError),
        ((lambda p: p[:, 0], X[:0], Y[:0]), ShapeError),
        ((lambda p: p[:, 0], X, 2 * Y - 1), ArgumentError),
        ((lambda p: p[:, 0], X, Y + 0.5), ArgumentError),
        ((lambda p: p[:, 0], X, np.array(["a"] * 40)), ArgumentError),
        ((lambda p: p[:3, 0], X, Y), ShapeError),
        ((lambda p: 1.0, X, Y), ShapeError),
    ],
)
def test_points_classes_and_outputs_that_do_not_fit_are_refused(arguments, error):
    with pytest.raises(error):
        viz.plot_decision_boundary(*arguments)
    assert plt.get_fignums() == []


# --- activations


def test_activations_are_drawn_over_their_derivatives():
    figure = viz.plot_activations()
    axes = np.array(figure.axes).reshape(2, 6)
    names = ["sigmoid", "tanh", "ReLU", "leaky ReLU", "ELU", "swish"]
    assert [ax.get_title() for ax in axes[0]] == names
    x = np.linspace(-5, 5, 501)
    s = 1 / (1 + np.exp(-x))
    positive = x > 0
    expected = [
        (s, s * (1 - s)),
        (np.tanh(x), 1 - np.tanh(x) ** 2),
        (np.maximum(x, 0), positive * 1.0),
        (np.where(positive, x, 0.01 * x), np.where(positive, 1, 0.01)),
        (np.where(positive, x, np.expm1(x)), np.where(positive, 1, np.exp(x))),
        (x * s, s + x * s * (1 - s)),
    ]
    for (upper, lower), (value, derivative) in zip(axes.T, expected, strict=True):
        np.testing.assert_array_equal(upper.lines[0].get_xdata(), x)
        np.testing.assert_allclose(upper.lines[0].get_ydata(), value, atol=1e-12)
        away = np.abs(x) > 1e-9
        np.testing.assert_allclose(lower.lines[0].get_ydata()[away], derivative[away], atol=1e-12)


def test_activations_of_ones_own_are_drawn_in_a_range():
    figure = viz.plot_activations({"cube": lambda x: x**3, "relu": relu}, (0.0, 2.0))
    assert len(figure.axes) == 4
    upper, _, lower, _ = figure.axes
    assert xy(upper.lines[0])[-1].tolist() == [2.0, 8.0]
    assert xy(lower.lines[0])[-1].tolist() == [2.0, 12.0]


@pytest.mark.parametrize("arguments", [({},), (None, (1.0, 1.0)), (None, (2.0, 1.0))])
def test_no_activations_and_empty_ranges_are_refused(arguments):
    with pytest.raises(ArgumentError):
        viz.plot_activations(*arguments)


# --- gradient flow


def test_gradient_norms_are_lines_by_epoch_and_bars_of_the_last():
    by_epoch, last = viz.plot_gradient_flow(NORMS).axes
    for line, (name, values) in zip(by_epoch.lines, NORMS.items(), strict=True):
        assert line.get_label() == name
        np.testing.assert_array_equal(xy(line), np.column_stack([[1, 2, 3], values]))
    assert [bar.get_width() for bar in last.patches] == [0.03, 3.0]
    assert [tick.get_text() for tick in last.get_yticklabels()] == ["first: 0.03", "second: 3"]
    assert by_epoch.get_yscale() == last.get_xscale() == "log"
    assert last.yaxis_inverted(), "the first layer is on top"


def test_a_layer_has_the_same_color_as_line_and_bar():
    by_epoch, last = viz.plot_gradient_flow(NORMS).axes
    colors = [matplotlib.colors.to_rgba(line.get_color()) for line in by_epoch.lines]
    assert colors == [bar.get_facecolor() for bar in last.patches]
    assert len(set(colors)) == 2


def test_gradients_of_zero_are_drawn_and_written():
    figure = viz.plot_gradient_flow({"dead": [1.0, 0.0], "alive": [1.0, 2.0]})
    figure.canvas.draw()
    assert [tick.get_text() for tick in figure.axes[1].get_yticklabels()] == ["dead: 0", "alive: 2"]
    figure = viz.plot_gradient_flow({"dead": [0.0, 0.0]})
    figure.canvas.draw()
    assert figure.axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("norms", [{}, {"a": []}, {"a": 1.0}])
def test_no_gradient_norms_are_refused(norms):
    with pytest.raises(ArgumentError):
        viz.plot_gradient_flow(norms)


# --- optimizer paths


def test_paths_on_a_line_lie_on_the_curve_and_converge_by_step():
    path = halving()
    on_curve, by_step = viz.plot_optimizer_paths(lambda x: x**2, {"halving": path}).axes
    np.testing.assert_array_equal(
        xy(data_lines(on_curve)["halving"]), np.column_stack([path, path**2])
    )
    curve = xy(data_lines(on_curve)["f"])
    np.testing.assert_array_equal(curve[:, 1], curve[:, 0] ** 2)
    assert curve[:, 0].min() < path.min() < path.max() < curve[:, 0].max()
    np.testing.assert_array_equal(
        xy(data_lines(by_step)["halving"]), np.column_stack([range(6), path**2])
    )
    assert by_step.get_yscale() == "log"


def test_paths_in_a_plane_lie_on_filled_contours_that_cover_them():
    path = np.column_stack([halving(), -halving()])
    paths = {"a": path, "b": path / 2}
    figure = viz.plot_optimizer_paths(lambda x, y: x**2 + 10 * y**2, paths)
    on_contour, by_step = figure.axes[:2]
    np.testing.assert_array_equal(xy(data_lines(on_contour)["a"]), path)
    np.testing.assert_array_equal(xy(data_lines(on_contour)["b"]), path / 2)
    assert legend(on_contour) == ["a", "b"]
    (contours,) = on_contour.collections
    assert len(contours.levels) > 10
    extent = np.concatenate([area.vertices for area in contours.get_paths()])
    assert (extent.min(axis=0) < path.min(axis=0)).all()
    assert (extent.max(axis=0) > path.max(axis=0)).all()
    np.testing.assert_allclose(data_lines(by_step)["a"].get_ydata(), 11 * halving() ** 2)


def test_paths_differ_in_color_and_in_marker():
    paths = {name: [1.0, 2.0] for name in "abc"}
    lines = viz.plot_optimizer_paths(lambda x: x, paths).axes[1].lines
    assert len({line.get_color() for line in lines}) == 3
    assert len({line.get_marker() for line in lines}) == 3


def test_values_that_are_not_all_positive_are_on_a_linear_axis():
    figure = viz.plot_optimizer_paths(lambda x: x, {"a": [1.0, -1.0]})
    assert figure.axes[1].get_yscale() == "linear"


@pytest.mark.parametrize(
    ("paths", "error", "reason"),
    [
        ({}, ArgumentError, "no paths"),
        ({"a": []}, ShapeError, "'a'"),
        ({"a": 1.0}, ShapeError, "'a'"),
        ({"a": np.ones((3, 3))}, ShapeError, r"\(3, 3\)"),
        ({"a": [1.0], "b": [[1.0, 2.0]]}, ShapeError, "'b'"),
        ({"a": [1.0, np.nan]}, ArgumentError, "step 1"),
        ({"a": [[1.0, 1.0], [1.0, 2.0], [np.inf, 1.0]]}, ArgumentError, "step 2"),
    ],
)
def test_paths_that_cannot_be_drawn_are_refused(paths, error, reason):
    with pytest.raises(error, match=reason):
        viz.plot_optimizer_paths(lambda *x: x[0], paths)
    assert plt.get_fignums() == []


# --- confusion matrix


def test_a_confusion_matrix_counts_true_classes_in_rows_and_predicted_in_columns():
    figure = viz.plot_confusion_matrix([0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 0, 2])
    ax = figure.axes[0]
    counts = np.array([int(text.get_text()) for text in ax.texts]).reshape(3, 3)
    np.testing.assert_array_equal(counts, [[2, 1, 0], [0, 1, 0], [1, 0, 1]])
    assert [text.get_position() for text in ax.texts[:2]] == [(0, 0), (1, 0)]
    np.testing.assert_allclose(
        ax.images[0].get_array(), [[2 / 3, 1 / 3, 0], [0, 1, 0], [0.5, 0, 0.5]]
    )
    assert ax.get_title() == "66.7% of 6 samples right"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")


def test_scores_and_one_hot_targets_count_as_their_classes():
    figure = viz.plot_confusion_matrix(np.eye(2)[[0, 1]], np.array([[0.9, 0.1], [0.8, 0.2]]))
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "0", "1", "0"]


def test_counts_are_white_on_dark_and_black_on_light():
    ax = viz.plot_confusion_matrix([0, 1, 1], [0, 1, 1]).axes[0]
    assert [text.get_color() for text in ax.texts] == ["white", "black", "black", "white"]


def test_classes_have_names_those_without_samples_too():
    ax = viz.plot_confusion_matrix([0, 1], [0, 1], names=["cat", "dog", "elephant"]).axes[0]
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog", "elephant"]
    assert len(ax.texts) == 9


@pytest.mark.parametrize(
    ("targets", "predictions", "names", "error"),
    [
        ([0, 1], [0], None, ShapeError),
        ([], [], None, ShapeError),
        ([0, 1], [0, 1], ["one"], ShapeError),
        ([0, 1], [0.2, 0.9], None, ArgumentError),
        ([-1, 1], [0, 1], None, ArgumentError),
        ([0, np.nan], [0, 1], None, ArgumentError),
        (np.zeros((2, 2, 2)), [0, 1], None, ShapeError),
    ],
)
def test_classes_that_do_not_fit_are_refused(targets, predictions, names, error):
    with pytest.raises(error):
        viz.plot_confusion_matrix(targets, predictions, names=names)
    assert plt.get_fignums() == []


# --- weight images


def test_each_column_of_the_weights_is_an_image_on_one_scale_around_zero():
    weights = np.arange(-10.0, 20.0).reshape(6, 5)
    figure = viz.plot_weight_images(weights, (2, 3))
    panels = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in panels] == [f"unit {unit}" for unit in range(5)]
    for unit, ax in enumerate(panels):
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), weights[:, unit].reshape(2, 3))
        assert image.get_clim() == (-19.0, 19.0)


def test_the_weight_of_a_layer_can_be_given_as_it_is():
    layer = nn.Dense(4, 2, rng=0)
    figure = viz.plot_weight_images(layer.weight, (2, 2))
    np.testing.assert_array_equal(
        figure.axes[1].images[0].get_array(), layer.weight.data[:, 1].reshape(2, 2)
    )


@pytest.mark.parametrize("weights", [np.ones((5, 2)), np.ones(4), np.ones((4, 0))])
def test_weights_that_fill_no_image_are_refused(weights):
    with pytest.raises(ShapeError, match="fill one image"):
        viz.plot_weight_images(weights, (2, 2))


# --- activation histograms


def test_histograms_hold_all_outputs_and_dead_units_are_counted():
    outputs = np.maximum(np.random.default_rng(0).normal(size=(50, 6)), 0)
    outputs[:, [1, 4]] = 0
    outputs[:, 2] = 0
    outputs[7, 2] = 0.5  # one sample reaches it
    figure = viz.plot_activation_histograms({"hidden": outputs, "tanh": np.tanh(X)})
    hidden, tanh = figure.axes
    assert hidden.get_title() == "hidden\n2 of 6 units dead"
    assert tanh.get_title() == "tanh\n0 of 2 units dead"
    assert sum(bar.get_height() for bar in hidden.patches) == 300
    assert sum(bar.get_height() for bar in tanh.patches) == 80
    assert hidden.patches[0].get_height() >= (outputs == 0).sum()
    assert hidden.patches[0].get_x() == pytest.approx(0.0)
    assert hidden.title.get_color() != tanh.title.get_color() == "black"


def test_a_layer_that_is_dead_altogether_is_drawn():
    figure = viz.plot_activation_histograms({"a": np.zeros((3, 4))})
    figure.canvas.draw()
    assert figure.axes[0].get_title() == "a\n4 of 4 units dead"


def test_axes_between_samples_and_units_count_as_samples():
    outputs = np.zeros((2, 3, 2))
    outputs[1, 2, 0] = 1.0
    figure = viz.plot_activation_histograms({"a": outputs})
    assert figure.axes[0].get_title() == "a\n1 of 2 units dead"


@pytest.mark.parametrize(
    ("activations", "error"),
    [
        ({}, ArgumentError),
        ({"a": np.ones(3)}, ShapeError),
        ({"a": np.ones((0, 3))}, ShapeError),
        ({"a": np.array([[np.nan, 1.0]])}, ArgumentError),
    ],
)
def test_outputs_that_cannot_be_counted_are_refused(activations, error):
    with pytest.raises(error):
        viz.plot_activation_histograms(activations)
    assert plt.get_fignums() == []
