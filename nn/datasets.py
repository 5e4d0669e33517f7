"""Data sets to try a network on, drawn from a generator: points in a plane, of two classes.

Each function returns samples X (n, 2) and their classes y (n, 1), 0.0 or 1.0, in the shape that
the losses take for a network with one output; `y.ravel().astype(int)` are labels (n,). Half of the
points are of each class, give or take a few. Moons, circles, and real data are scikit-learn's.

`noise` is a standard deviation, and `rng` a `numpy.random.Generator` or a seed for one, by default
that of `nn.manual_seed`: the same seed gives the same points, bit for bit. An ArgumentError is
raised where a number is out of its range, and an UnsupportedError where `rng` is no generator and
no seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from autograd_lite.arguments import COUNT, NOT_NEGATIVE, require
from autograd_lite.names import explains_keywords
from nn.random_state import generator

__all__ = ["blobs", "disc_in_ring", "spirals", "xor"]

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])

Generator: TypeAlias = "np.random.Generator | int | None"


@explains_keywords
def disc_in_ring(n: int, noise: float = 0.1, rng: Generator = None) -> tuple[Any, Any]:
    """Points within a disc of radius 0.5, class 0, and in the ring around it, class 1.

    x = r (cos φ, sin φ) + noise N(0, 1), with r uniform in [0, 1) and φ in [0, 2π). The class is 1
    where r >= 0.5, before the noise, which puts a share of 0.8 noise of all points on the wrong
    side of that circle: with noise 0.1 the best rule, a circle, gets 92% right.

    >>> X, y = disc_in_ring(400, noise=0.0, rng=0)
    >>> X.shape, y.shape
    ((400, 2), (400, 1))
    >>> bool(np.all((np.linalg.norm(X, axis=1) >= 0.5) == (y[:, 0] == 1)))
    True
    """
    rng = _checked("disc_in_ring", n, noise, rng)
    radius = rng.random(n)
    angle = 2 * np.pi * rng.random(n)
    return _on_a_circle(radius, angle) + rng.normal(0.0, noise, (n, 2)), _column(radius >= 0.5)


@explains_keywords
def spirals(n: int, noise: float = 0.5, rng: Generator = None) -> tuple[Any, Any]:
    """Two interleaved spiral arms of one turn each, with class 1 further out by π.

    x = r (cos θ, sin θ), with θ = 2π √u, u uniform in [0, 1), and r = 2θ + π y + noise N(0, 1).
    The classes y are 0, 1, 0, 1, and so on.

    >>> X, y = spirals(1000, noise=0.0, rng=0)
    >>> y[:3].ravel()
    array([0., 1., 0.])
    >>> np.linalg.norm(X[y[:, 0] == 1], axis=1).min() >= np.pi
    np.True_
    """
    rng = _checked("spirals", n, noise, rng)
    y = np.arange(n) % 2
    theta = 2 * np.pi * np.sqrt(rng.random(n))
    return _on_a_circle(rng.normal(2 * theta + np.pi * y, noise), theta), _column(y)


@explains_keywords
def xor(n: int = 4, noise: float = 0.0, rng: Generator = None) -> tuple[Any, Any]:
    """Corners of the unit square, class 1 where one coordinate is 1 and the other 0.

    The corners are (0, 0), (0, 1), (1, 0) and (1, 1), and then again from the first.

    >>> X, y = xor()
    >>> X.tolist(), y.ravel().tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0])
    """
    rng = _checked("xor", n, noise, rng)
    corners = CORNERS[np.arange(n) % 4]
    return corners + rng.normal(0.0, noise, (n, 2)), _column(corners[:, 0] != corners[:, 1])


@explains_keywords
def blobs(n: int, noise: float = 1.0, rng: Generator = None) -> tuple[Any, Any]:
    """Two normal clouds of points, class 0 around (-2, -2) and class 1 around (2, 2).

    The classes are 0, 1, 0, 1, and so on.

    >>> X, y = blobs(1000, rng=0)
    >>> X[y[:, 0] == 0].mean(axis=0).round(), X[y[:, 0] == 1].mean(axis=0).round()
    (array([-2., -2.]), array([2., 2.]))
    """
    rng = _checked("blobs", n, noise, rng)
    y = _column(np.arange(n) % 2)
    return rng.normal(4 * y - 2, noise, (n, 2)), y


def _on_a_circle(radius: Any, angle: Any) -> Any:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _column(classes: Any) -> Any:
    return classes.astype(float)[:, None]


def _checked(function: str, n: Any, noise: Any, rng: Any) -> np.random.Generator:
    """The generator to draw from, once all arguments are what they may be."""
    require(function, "n", n, COUNT)
    require(function, "noise", noise, NOT_NEGATIVE)
    return generator(rng, function)


if not TYPE_CHECKING:  # or type checkers would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # of Python's own, which asks for them at each import
            raise AttributeError(name)
        from nn.elsewhere import missing_data

        raise missing_data(name, ["blobs", "disc_in_ring", "spirals", "xor"])
