"""Plots of attention, of vectors, and of the loss around parameters."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

import nn
import viz
from autograd_lite import ArgumentError, ShapeError


def test_each_head_is_a_panel_with_names_along_its_axes():
    weights = np.random.default_rng(0).dirichlet(np.ones(4), size=(2, 3))
    figure = viz.plot_attention(weights, queries="a b", keys=["k0", "k1", "k2", "k3"])
    first, second = (ax for ax in figure.axes if ax.get_title())
    assert (first.get_title(), second.get_title()) == ("weights[0]", "weights[1]")
    np.testing.assert_array_equal(second.images[0].get_array(), weights[1])
    assert second.images[0].get_clim() == (0, weights.max())
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", " ", "b"]
    assert [label.get_text() for label in first.get_xticklabels()] == ["k0", "k1", "k2", "k3"]


def test_vectors_keep_their_distances_in_the_plane_that_they_lie_in():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 2))
    turned = points @ np.linalg.qr(rng.normal(size=(5, 2)))[0].T
    figure = viz.plot_embedding(turned, [0, 0, 0, 1, 1, 1], names="abcdef")
    (ax,) = figure.axes
    assert ax.get_title() == "100.0% of the variance"
    drawn = np.concatenate([collection.get_offsets() for collection in ax.collections])
    distances = [np.linalg.norm(x[:, None] - x, axis=-1) for x in (points, drawn)]
    np.testing.assert_allclose(*distances, rtol=1e-10, atol=1e-12)
    assert [text.get_text() for text in ax.texts] == [*"abcdef"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["class 0", "class 1"]


def test_a_landscape_is_the_loss_of_moved_parameters_and_leaves_the_model_alone():
    model = nn.Sequential(nn.Dense(2, 1, rng=0), nn.Dropout(0.5, rng=0))
    X, y = np.eye(2), np.ones((2, 1))
    before = {name: x.data.copy() for name, x in model.named_parameters()}
    figure = viz.plot_loss_landscape(model, X, y, "mse", resolution=3, rng=1)
    for name, x in model.named_parameters():
        np.testing.assert_array_equal(x.data, before[name])
        assert x.grad is None
    assert model.training
    center = float(np.mean((nn.predict(model, X) - y) ** 2))
    assert figure.axes[0].get_title() == f"loss {center:.4g} at the parameters"
    assert len(figure.axes) == 2


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: viz.plot_attention(np.ones(3)), ShapeError),
        (lambda: viz.plot_attention(-np.eye(2)), ArgumentError),
        (lambda: viz.plot_attention(np.eye(2), queries="abc"), ShapeError),
        (lambda: viz.plot_embedding(np.ones(3)), ShapeError),
        (lambda: viz.plot_embedding(np.eye(3), [0, 1]), ShapeError),
        (lambda: viz.plot_embedding(np.eye(3) * np.nan), ArgumentError),
        (lambda: viz.plot_loss_landscape(nn.ReLU(), np.eye(2), np.eye(2), "mse"), ArgumentError),
    ],
)
def test_what_cannot_be_drawn_is_refused_without_a_figure(call, error):
    with pytest.raises(error):
        call()
    assert plt.get_fignums() == []


def test_many_classes_have_colors_and_markers_of_their_own():
    from viz.figures import COLORS, style_of

    assert len({style_of(number)["color"] for number in range(12)}) == 12 == len(COLORS)
    assert len({tuple(style_of(number).values()) for number in range(60)}) == 60


def test_losses_that_fall_over_decades_have_a_logarithmic_axis():
    assert viz.plot_history({"loss": [10.0, 0.05]}).axes[0].get_yscale() == "log"
    assert viz.plot_history({"loss": [1.0, 0.05]}).axes[0].get_yscale() == "linear"
    assert viz.plot_history({"loss": [10.0, 0.0]}).axes[0].get_yscale() == "linear"
    assert viz.plot_history({"accuracy": [0.001, 1.0]}).axes[0].get_yscale() == "linear"
