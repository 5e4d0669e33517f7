"""What NumPy refuses to compute is refused of tensors too, and in the library's words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor
from autograd_lite.errors import AutogradError

ROWS = np.array([[1.0, 2.0, 4.0], [3.0, 1.0, 5.0]])
VECTOR = np.array([1.0, 2.0, 4.0])

CASES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "cov, a negative weight": (ROWS, lambda x: np.cov(x, aweights=[1.0, -1.0, 2.0])),
    "cov, a negative frequency": (ROWS, lambda x: np.cov(x, fweights=[1, -1, 2])),
    "cov, a fraction of a frequency": (ROWS, lambda x: np.cov(x, fweights=[0.5, 1, 2])),
    "cov, weights in rows": (ROWS, lambda x: np.cov(x, aweights=np.ones((2, 3)))),
    "cov, too few weights": (ROWS, lambda x: np.cov(x, aweights=[1.0, 2.0])),
    "cov, a fraction of a degree": (ROWS, lambda x: np.cov(x, ddof=0.5)),
    "cov, weights of 0": (ROWS, lambda x: np.cov(x, aweights=np.zeros(3))),
    "average, weights of 0": (VECTOR, lambda x: np.average(x, weights=np.zeros(3))),
    "split into none": (VECTOR, lambda x: np.split(x, 0)),
    "resize to a negative length": (VECTOR, lambda x: np.resize(x, (-1, 2))),
    "vander of negative columns": (VECTOR, lambda x: np.vander(x, -1)),
    "polyfit of a negative degree": (VECTOR, lambda x: np.polyfit(x, VECTOR, -1)),
    "irfft of no points": (VECTOR, lambda x: np.fft.irfft(np.fft.rfft(x), 0)),
    "irfft of negative points": (VECTOR, lambda x: np.fft.irfft(np.fft.rfft(x), -2)),
    "irfft of a word": (VECTOR, lambda x: np.fft.irfft(np.fft.rfft(x), "n")),
    "irfft of one": (VECTOR[:1], lambda x: np.fft.irfft(np.fft.rfft(x))),
}


@looped(("array", "function"), CASES.values(), ids=CASES.keys())
def test_what_numpy_refuses_is_refused_in_words(array: Any, function: Callable[[Any], Any]) -> None:
    with pytest.raises((ValueError, TypeError, ZeroDivisionError, RuntimeError)):
        function(array)
    with pytest.raises(AutogradError):
        function(Tensor(array, requires_grad=True))


@looped("lost", [np.nan, np.inf])
def test_a_knot_keeps_its_value_beside_one_that_is_not_finite(lost: float) -> None:
    xp, heights = np.arange(4.0), np.array([1.0, lost, 3.0, lost])
    x, fp = np.array([0.0, 2.0]), Tensor(heights, requires_grad=True)
    points = Tensor(x, requires_grad=True)
    y = np.interp(points, xp, fp)
    assert np.array_equal(y.data, np.interp(x, xp, heights))
    y.sum().backward()
    assert np.array_equal(fp.grad, [1.0, 0.0, 1.0, 0.0])
    assert np.array_equal(points.grad, [0.0, 0.0])


def test_the_last_knot_keeps_its_value_too() -> None:
    xp, fp = np.arange(3.0), Tensor([1.0, np.nan, 3.0], requires_grad=True)
    y = np.interp(2.0, xp, fp)
    assert float(y.data) == 3.0
    y.backward()
    assert np.array_equal(fp.grad, [0.0, 0.0, 1.0])
