"""A film of a training shows the model before it, and after so many epochs each."""

import re

import numpy as np
import pytest
from plot_samples import X, Y

import nn
import viz
from autograd_lite.errors import ArgumentError, ShapeError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr("viz.planes.RESOLUTION", 30)


def trained(film, epochs=4):
    model = nn.Dense(2, 2, rng=0)
    nn.fit(
        model,
        X,
        Y,
        loss="cross_entropy",
        optimizer=nn.SGD(model.parameters(), learning_rate=0.5),
        epochs=epochs,
        callbacks=[film],
        progress=False,
        rng=0,
    )
    return model


def test_frames_are_copies_of_the_model_as_it_was():
    film = viz.TrainingAnimation(X, Y, every=2)
    model = trained(film)
    assert [epoch for epoch, _ in film.frames] == [0, 2, 4]
    assert np.array_equal(film.frames[0][1].weight.data, nn.Dense(2, 2, rng=0).weight.data)
    assert np.array_equal(film.frames[-1][1].weight.data, model.weight.data)
    trained(film)
    assert len(film.frames) == 3


def test_a_gif_has_a_picture_a_frame_of_which_none_is_another(tmp_path):
    film = viz.TrainingAnimation(X, Y)
    model = nn.Dense(2, 2, rng=0)
    for shift in (0.0, 1.0):
        model.bias.data += np.array([shift, 0.0])
        film.add(model)
    with Image.open(film.save(tmp_path / "film.gif")) as gif:
        assert gif.n_frames == 2
        first = np.asarray(gif.convert("RGB"), int)
        gif.seek(1)
        second = np.asarray(gif.convert("RGB"), int)
    assert np.abs(second - first).max() > 100
    # The frame around the panel stays where it is.
    edges = [(np.abs(image).sum(axis=2) < 100).mean(axis=0) > 0.7 for image in (first, second)]
    assert edges[0].any()
    assert np.array_equal(*edges)


def test_a_page_has_each_frame_and_needs_no_network(tmp_path):
    film = viz.TrainingAnimation(X, Y)
    film.add(nn.Dense(2, 2, rng=0))
    film.add(nn.Dense(2, 2, rng=1))
    page = film.save(tmp_path / "film.html").read_text(encoding="utf-8")
    assert len(re.findall(r"frames\[\d+\] = \"data:image/png", page)) == 2
    assert "http" not in page
    assert "fa-" not in page


def test_nothing_is_written_of_no_frames(tmp_path):
    with pytest.raises(ArgumentError, match="no frames"):
        viz.TrainingAnimation(X, Y).save(tmp_path / "film.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["film.gif", "film.html"])
def test_what_cannot_be_drawn_is_refused_in_the_words_of_the_picture(tmp_path, name):
    film = viz.TrainingAnimation(X, Y)
    film.add(nn.Sequential(nn.Dense(2, 1, rng=0), nn.Lambda(lambda x: 2 + x**2)))
    with pytest.raises(ArgumentError, match=r"without a threshold: they range from"):
        film.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_samples_that_are_no_plane_are_refused_before_training():
    with pytest.raises(
        ShapeError, match=r"TrainingAnimation of X array \(3, 3\) .*Give X \(n, 2\)"
    ):
        viz.TrainingAnimation(np.ones((3, 3)), [0, 1, 1])
