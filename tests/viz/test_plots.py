"""Plots of training: that what is drawn are the numbers that were given, and where."""

import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from plot_samples import FIGURES, HISTORY, NORMS, SINGLE, X, Y, data_lines, halving, legend, xy

import nn
import viz
from autograd_lite.errors import ArgumentError, ShapeError
from viz import RenderingError
from viz.figures import is_first_of_row, panels_of

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


def test_panels_are_in_even_rows_that_fit_a_page():
    for count, width, grid in [(4, 5.0, (2, 2)), (5, 2.6, (2, 3)), (2, 20.0, (2, 1))]:
        figure, axes = panels_of(count, (width, 2.0))
        assert axes[0].get_subplotspec().get_gridspec().get_geometry() == grid
        assert figure.get_figwidth() <= max(16.0, width)
        assert sum(map(is_first_of_row, axes)) == grid[0]


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_plot_makes_one_figure_that_is_not_shown_and_has_room_for_all_of_its_text(
    draw, monkeypatch
):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("it was shown"))
    figure = draw()
    assert isinstance(figure, matplotlib.figure.Figure)
    assert plt.get_fignums() == [figure.number]
    figure.draw_without_rendering()
    assert_no_text_is_cut_off(figure)


def test_a_logarithmic_axis_of_few_decades_has_labels_that_do_not_touch():
    figure = viz.plot_history({"loss": [2.0, 0.02]})
    axis = figure.axes[0].yaxis
    figure.draw_without_rendering()
    shown = [tick.label1 for tick in axis.get_major_ticks() if tick.label1.get_text()]
    assert {"0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"} <= {text.get_text() for text in shown}
    assert not any(tick.label1.get_text() for tick in axis.get_minor_ticks())
    boxes = sorted((text.get_window_extent() for text in shown), key=lambda box: box.y0)
    assert all(lower.y1 < upper.y0 for lower, upper in pairwise(boxes))


@pytest.mark.parametrize(
    "names", [["history"], pytest.param(FIGURES, marks=pytest.mark.exhaustive)], ids=len
)
def test_a_plot_can_be_saved(names, tmp_path):
    for name in names:
        FIGURES[name]().savefig(tmp_path / "plot.png")
        assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG"), name


def assert_no_text_is_cut_off(figure):
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
    figure = viz.plot_history(HISTORY, best_epoch=3)
    assert all(set(ax.lines[-1].get_xdata()) == {4} for ax in figure.axes)


def test_the_loss_while_training_is_in_the_panel_of_the_loss_and_below_its_curves():
    figure = viz.plot_history({"running_loss": [4.0, 2.0], "loss": [3.0, 1.0]})
    (ax,) = figure.axes
    assert ax.get_title() == "loss"
    assert legend(ax) == ["training", "while training", "best epoch: 2"]
    lines = data_lines(ax)
    np.testing.assert_array_equal(lines["training"].get_ydata(), [3.0, 1.0])
    np.testing.assert_array_equal(lines["while training"].get_ydata(), [4.0, 2.0])
    assert lines["while training"].get_zorder() < lines["training"].get_zorder()


def test_the_epoch_that_early_stopping_restored_is_the_best():
    history = nn.History(HISTORY)
    history.best_epoch = 2
    assert legend(viz.plot_history(history).axes[1])[-1] == "best epoch: 3"
    given = viz.plot_history(history, best_epoch=history.best_epoch)
    assert legend(given.axes[1])[-1] == "best epoch: 3"


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
        (lambda: viz.plot_history(HISTORY, best_epoch=-1), ArgumentError),
        (lambda: viz.plot_history(HISTORY, best_epoch=4), ArgumentError),
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


def test_norms_are_on_logarithmic_axes_only_if_they_differ_by_a_factor_of_ten():
    near = viz.plot_gradient_flow({"first": [0.2, 0.3], "second": [1.0, 1.9]})
    assert [near.axes[0].get_yscale(), near.axes[1].get_xscale()] == ["linear", "linear"]
    assert near.axes[1].get_xlim()[0] == 0
    far = viz.plot_gradient_flow({"first": [0.2, 0.3], "second": [1.0, 2.0]})
    assert [far.axes[0].get_yscale(), far.axes[1].get_xscale()] == ["log", "log"]


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_each_line_of_a_gradient_flow_is_seen_on_light_and_on_dark(style):
    with plt.style.context(style):
        by_epoch, _ = viz.plot_gradient_flow(NORMS | {"third": [1.0, 2.0, 3.0]}).axes
        light = np.array([np.mean(to_rgb(line.get_color())) for line in by_epoch.lines])
        assert min(abs(light - np.mean(to_rgb(by_epoch.get_facecolor())))) > 0.35


def test_logarithmic_bars_begin_at_the_power_of_ten_below_all_norms():
    _, last = viz.plot_gradient_flow({"first": [0.02, 0.5], "second": [1.0, 7.0]}).axes
    assert last.get_xlim()[0] == pytest.approx(0.01)


def test_norms_that_vanished_in_the_last_epoch_are_drawn():
    figure = viz.plot_gradient_flow({"first": [0.02, 0.0], "second": [1.0, 0.0]})
    figure.canvas.draw()
    assert [figure.axes[0].get_yscale(), figure.axes[1].get_xscale()] == ["log", "linear"]


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
        ({}, ArgumentError, "empty"),
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
