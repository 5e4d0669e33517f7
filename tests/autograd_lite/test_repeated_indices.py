"""What reaches entries that an index names several times, in short rows and in long ones."""

import numpy as np
from looping import looped

import autograd_lite
from autograd_lite import Tensor

CASES = [
    ((50,), (2000,), np.float64),
    ((50, 3), (600,), np.float64),
    ((50, 40), (7,), np.float64),
    ((50, 40), (90, 2), np.float64),
    ((2000, 40), (90, 2), np.float64),
    ((50, 40), (90, 2), np.float32),
    ((50, 40), (90, 2), np.float16),
    ((6, 9, 4, 5), (30, 3), np.float64),
]


@looped("case", CASES)
def test_all_that_reaches_an_entry_adds_up_in_each_way_of_adding(case):
    shape, places, dtype = case
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape).astype(dtype)
    axes = 2 if len(shape) == 4 else 1
    index = tuple(rng.integers(-n, n, places) for n in shape[:axes])
    index = index if axes == 2 else index[0]
    weights = rng.normal(size=values[index].shape).astype(dtype)
    expected = np.zeros(shape)
    np.add.at(expected, index, weights.astype(float))

    def loss(x):
        return (x[index] * weights).sum()

    x = Tensor(values, requires_grad=True)
    (loss(x) + loss(x)).backward()
    assert x.grad.dtype == dtype
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(x.grad, 2 * expected, rtol=tolerance, atol=10 * tolerance)
    compiled = autograd_lite.grad(autograd_lite.compile(loss))
    for factor in (1, 2, 3):
        given = factor * values
        np.testing.assert_array_equal(compiled(given), autograd_lite.grad(loss)(given))
