"""Sample inputs of the functions of numerical calculus."""

from typing import Any

import numpy as np
from sampling import along_axis, normal, positive, sample

X = np.array([0.0, 0.5, 2.0, 2.5])


def ordered(*shape: int) -> Any:
    """Ascending numbers along the last axis."""
    return np.cumsum(positive(*shape), axis=-1)


SAMPLES = {
    np.diff: [
        *along_axis(lambda x, axis=-1: np.diff(x, axis=axis)),
        sample(lambda x: np.diff(x, 2), normal(2, 5)),
        sample(lambda x: np.diff(x, n=0), normal(3)),
        sample(lambda x: np.diff(x, 4), normal(3)),
        sample(lambda x: np.diff(x, prepend=0.5, append=x[-1:]), normal(3)),
        sample(lambda x, a: np.diff(x, axis=0, append=a), normal(2, 3), normal(1, 3)),
        sample(lambda a: np.diff([[1.0, 2.0]], 1, -1, a), normal()),
    ],
    np.ediff1d: [
        sample(np.ediff1d, normal(2, 3)),
        sample(lambda x, a: np.ediff1d(x, to_end=a, to_begin=[1.0, 2.0]), normal(4), normal()),
    ],
    np.trapezoid: [
        *along_axis(lambda y, axis=-1: np.trapezoid(y, axis=axis)),
        sample(lambda y: np.trapezoid(y, dx=0.5), normal(2, 3)),
        sample(lambda y: np.trapezoid(y, X, axis=0), normal(4, 2)),
        sample(lambda y, x: np.trapezoid(y, x, axis=-2), normal(2, 3, 2), ordered(3)),
        sample(lambda y, x: np.trapezoid(y, x=x), normal(2, 3), ordered(2, 3)),
        sample(lambda x: np.trapezoid([1.0, 2.0, 4.0], x), ordered(3)),
        sample(lambda y, h: np.trapezoid(y, None, h), normal(3), positive()),
    ],
    np.gradient: [
        sample(np.gradient, normal(2)),
        sample(np.gradient, normal(5)),
        sample(lambda f: np.gradient(f, edge_order=2), normal(3)),
        sample(lambda f: np.gradient(f, 0.5, edge_order=2), normal(5)),
        sample(lambda f: np.gradient(f, X), normal(4)),
        sample(lambda f: np.gradient(f, X, edge_order=2), normal(4)),
        sample(lambda f: np.gradient(f, X, axis=-2, edge_order=2), normal(2, 4, 2)),
        sample(lambda f: np.add(*np.gradient(f)), normal(3, 4)),
        sample(lambda f: np.add(*np.gradient(f, 0.5, X, edge_order=2)), normal(3, 4)),
        sample(lambda f: np.add(*np.gradient(f, 2.0, axis=(-1, 0))), normal(2, 3, 2)),
        sample(lambda f, x: np.gradient(f, x, edge_order=2), normal(4), ordered(4)),
        sample(lambda f, h: np.gradient(f, h), normal(4), positive()),
        sample(lambda x: np.gradient([1.0, 2.0, 4.0], x), ordered(3)),
    ],
    np.interp: [
        sample(lambda x, y: np.interp(x, X, y), [0.2, 0.7, 2.1, 3.0, -1.0], normal(4)),
        sample(lambda x: np.interp(x, X, [1.0, 2.0, 0.0, 3.0]), [[0.2, 0.7], [2.1, 2.4]]),
        sample(lambda y: np.interp(1.0, X, y), normal(4)),
        sample(lambda y: np.interp([0.5, 1.0, 1.0, 2.5], X, y), normal(4)),
        sample(lambda x, xp, y: np.interp(x, xp, y), [0.8, 1.9], ordered(3), normal(3)),
        sample(lambda x, y: np.interp(x, X, y, left=5.0, right=-1.0), [-1.0, 1.0, 3.0], normal(4)),
        sample(lambda a: np.interp([-1.0, 1.0], X, a * X, left=a), normal()),
        sample(lambda y: np.interp([1.0, 3.0, 4.0], [3.0], y, right=2.0), normal(1)),
        sample(lambda x, y: np.interp(x, X, y, period=2.2), [-1.1, 0.2, 7.3], normal(4)),
        sample(lambda x: np.interp(x, X, [1.0, 2.0, 0.0, 3.0]), [0.5, 2.0], kink=True),
    ],
}
