"""Plots of models: that what is drawn is what the model computes."""

import math
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from looping import looped
from matplotlib import pyplot as plt
from plot_samples import X, Y, legend, xy

import nn
import viz
from autograd_lite import relu
from autograd_lite.errors import ArgumentError, ShapeError


def test_rows_with_several_ones_have_no_class():
    for call in (
        viz.plot_confusion_matrix,
        lambda a, b: viz.plot_decision_boundary(relu, a[:, :2], b),
    ):
        with pytest.raises(ArgumentError, match="several ones"):
            call(np.array([[1, 1, 0], [0, 1, 0]]), np.array([[1, 1, 0], [0, 1, 0]]))


@pytest.mark.parametrize("loss", [nn.BCEWithLogitsLoss(), "bce_with_logits"])
def test_the_boundary_of_logits_is_that_of_their_loss(loss):
    logits = lambda points: points[:, 0]
    with pytest.raises(ArgumentError, match=r"no probabilities.*BCEWithLogitsLoss"):
        viz.plot_decision_boundary(logits, X, Y)
    figure = viz.plot_decision_boundary(logits, X, Y, loss=loss)
    other = viz.plot_decision_boundary(logits, X, Y, threshold=0.0)
    assert figure.axes[0].get_title() == other.axes[0].get_title()


# --- decision boundary


def test_few_points_are_drawn_larger_than_many():
    sizes = []
    for count in (4, 400):
        points, classes = np.arange(2.0 * count).reshape(count, 2), np.arange(count) % 2
        (ax,) = viz.plot_decision_boundary(lambda x: x[:, 0], points, classes, threshold=3).axes
        markers = [each for each in ax.collections if each.get_label().startswith("class")]
        sizes += [each.get_sizes()[0] for each in markers]
    assert sizes[0] == sizes[1] > 2 * sizes[2] == 2 * sizes[3]


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
    x = np.linspace(-5, 5, 501)
    s = 1 / (1 + np.exp(-x))
    normal = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    below = (1 + np.array([math.erf(value / math.sqrt(2)) for value in x])) / 2
    positive = x > 0
    expected = {
        "tanh": (np.tanh(x), 1 - np.tanh(x) ** 2),
        "relu": (np.maximum(x, 0), positive * 1.0),
        "leaky_relu": (np.where(positive, x, 0.01 * x), np.where(positive, 1, 0.01)),
        "elu": (np.where(positive, x, np.expm1(x)), np.where(positive, 1, np.exp(x))),
        "sigmoid": (s, s * (1 - s)),
        "swish": (x * s, s + x * s * (1 - s)),
        "softplus": (np.log1p(np.exp(x)), s),
        "gelu": (x * below, below + x * normal),
    }
    axes = np.array(figure.axes).reshape(2, -1)
    titles = [ax.get_title() for ax in axes[0]]
    assert titles == list(expected), "give the values and derivatives of the new one above"
    for (upper, lower), (value, derivative) in zip(axes.T, expected.values(), strict=True):
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


@pytest.mark.parametrize(
    ("names", "turned"),
    [(["malignant", "benign"], 0), (["0"] * 10, 0), (["a" * 20, "b"], 90), (["class"] * 10, 90)],
)
def test_names_are_turned_where_they_would_overlap(names, turned):
    figure = viz.plot_confusion_matrix([0, 1], [1, 1], names=names)
    figure.canvas.draw()
    labels = figure.axes[0].get_xticklabels()
    assert {label.get_rotation() for label in labels} == {turned}
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))


def test_classes_have_names_those_without_samples_too():
    names = ["cat", "dog", "elephant"]
    for given in (names, np.array(names)):
        ax = viz.plot_confusion_matrix([0, 1], [0, 1], names=given).axes[0]
        for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
            assert [label.get_text() for label in labels] == names
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
    (image,) = figure.axes[0].images
    assert image.get_clim() == (-19.0, 19.0)
    mosaic = image.get_array().filled(np.nan)
    assert mosaic.shape == (3 * 3 - 1, 2 * 4 - 1)
    for unit in range(5):
        top, left = 3 * (unit // 2), 4 * (unit % 2)
        np.testing.assert_array_equal(
            mosaic[top : top + 2, left : left + 3], weights[:, unit].reshape(2, 3)
        )
    assert np.isnan(mosaic).sum() == mosaic.size - weights.size
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["0 to 1", "2 to 3", "4"]


@looped(
    ("image_shape", "columns", "named"),
    [((8, 8), 7, 6), ((2, 98), 2, 20), ((98, 2), 20, 2), ((1, 999), 1, 40)],
)
def test_a_mosaic_is_about_square_whatever_its_images_are(image_shape, columns, named):
    figure = viz.plot_weight_images(np.ones((math.prod(image_shape), 40)), image_shape)
    (image,) = figure.axes[0].images
    assert image.get_array().shape[1] == columns * (image_shape[1] + 1) - 1
    assert len(figure.axes[0].get_yticks()) == named
    plt.close(figure)


def test_the_weight_of_a_layer_can_be_given_as_it_is():
    layer = nn.Dense(4, 2, rng=0)
    figure = viz.plot_weight_images(layer.weight, (2, 2))
    mosaic = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(mosaic[:, 3:], layer.weight.data[:, 1].reshape(2, 2))


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


def test_counts_begin_below_one_so_that_few_are_not_drawn_as_none():
    outputs = np.repeat([0.0, 0.5], [60, 440])[:, None]
    (ax,) = viz.plot_activation_histograms({"a": outputs}).axes
    low, high = ax.get_ylim()
    assert 0.5 < low < 1 < 440 < high


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
