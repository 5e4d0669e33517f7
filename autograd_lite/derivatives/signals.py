"""Derivatives of convolutions, windows and phases, and what others of signals are made of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from autograd_lite.derivatives.indexing import moved
from autograd_lite.derivatives.shaping import MOVES, as_operand
from autograd_lite.node import Array
from autograd_lite.operation import Traits
from autograd_lite.table import composed, define, differentiable


@differentiable(
    lambda g, y, a, v: np.correlate(g, v, "valid"),
    lambda g, y, a, v: np.correlate(g, a, "valid"),
    traits=Traits(product=True, linear=(0, 1)),
)
def full_convolution(a: Array, v: Array) -> Array:
    """The convolution of two vectors, wherever they overlap.

    >>> full_convolution(np.array([1.0, 2.0]), np.array([1.0, 0.0, 3.0]))
    array([1., 2., 3., 6.])
    """
    return np.convolve(a, v)


@composed(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Array:
    """The part of the whole convolution that a mode names."""
    a, v = np.atleast_1d(as_operand(a), as_operand(v))
    if not (a.size and v.size):
        raise ValueError("neither vector can be empty")
    short, long = sorted([a.size, v.size])
    parts = {
        "full": (0, short + long - 1),
        "same": ((short - 1) // 2, long),
        "valid": (short - 1, long - short + 1),
    }
    if mode not in parts:
        raise ValueError(f"mode must be one of {', '.join(map(repr, parts))}")
    start, length = parts[mode]
    return full_convolution(a, v)[start : start + length]


@composed(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Array:
    """The convolution with the second vector reversed."""
    a, v = np.atleast_1d(as_operand(a), as_operand(v))
    if mode == "same" and v.size > a.size:
        # NumPy takes the middle of it from the other end.
        return np.flip(np.convolve(np.flip(a), v, mode))
    return np.convolve(a, np.flip(v), mode)


define(
    sliding_window_view,
    moved(sliding_window_view),
    compute=lambda x, window_shape, axis=None: sliding_window_view(x, window_shape, axis),
    traits=MOVES._replace(read_only=True),
)
define(
    np.unwrap,
    lambda g, y, p, *_, **__: g,
    compute=lambda p, discont=None, axis=-1, *, period=2 * math.pi: np.unwrap(
        p, discont, axis, period=period
    ),
)


def _shifted(toward_end: bool) -> Any:
    """By half its length along axes."""

    def shifted(x: Any, axes: Any = None) -> Array:
        x = as_operand(x)
        axes = normalize_axis_tuple(range(x.ndim) if axes is None else axes, x.ndim)
        sign = 1 if toward_end else -1
        return np.roll(x, tuple(sign * (x.shape[axis] // 2) for axis in axes), axes)

    return shifted


composed(np.fft.fftshift)(_shifted(toward_end=True))
composed(np.fft.ifftshift)(_shifted(toward_end=False))
