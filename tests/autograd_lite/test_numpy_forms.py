"""How steps are written in NumPy: other calls than the engine's, with the same bits."""

import numpy as np
import pytest
from program_runs import compiled_beside_eager

import autograd_lite as al


@pytest.mark.parametrize(
    "shapes",
    [
        [(6, 1), (1,)],
        [(6, 4), (1, 1)],
        [(1, 1), (6, 4)],
        [(6,), (1, 1)],
        [(1, 1, 1), (6, 4)],
        [(1,), (1, 1)],
        [(6, 1), (1, 4)],
        [(), (6, 1)],
    ],
)
@pytest.mark.parametrize("dtypes", ["dd", "ff", "df", "fd"])
def test_a_single_entry_meets_arrays_as_in_the_engine(shapes, dtypes):
    rng = np.random.default_rng(0)

    def draw():
        return [np.asarray(rng.normal(size=shape), kind) for shape, kind in zip(shapes, dtypes)]

    compiled_beside_eager(lambda a, b: (np.tanh(a + b) * b / (2 + a * a)).sum(), draw)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "uint64"])
@pytest.mark.parametrize("pick", [np.max, np.min])
def test_the_largest_and_the_smallest_of_whole_numbers_are_the_engine_s(pick, kind):
    rng = np.random.default_rng(0)

    def draw():
        return rng.normal(size=5).astype(np.float32), rng.integers(0, 100, 7).astype(kind)

    compiled_beside_eager(lambda x, n: (x * pick(n)).sum(), draw)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 5), (300, 300)])
def test_bounds_are_those_of_the_engine_in_any_layout(shape, kind, order):
    rng = np.random.default_rng(0)

    def draw():
        x = rng.normal(size=shape).astype(kind, order=order)
        x[0, :4] = 0.0, -0.0, np.inf, -np.inf
        return (x,)

    compiled_beside_eager(lambda x: np.minimum(np.maximum(x, -0.5), 0.25).sum(), draw)


def test_views_of_inputs_are_those_of_each_run():
    rng = np.random.default_rng(0)
    compiled_beside_eager(
        lambda x, w: (np.tanh(x @ w.T) @ w[1:].T).sum(),
        lambda: (rng.normal(size=(3, 4)), rng.normal(size=(4, 4))),
    )


@pytest.mark.parametrize("base", [-2.0, -2, -0.0, -0.5])
def test_a_negative_number_is_raised_to_a_power_with_its_sign(base):
    def f(x):
        return np.power(base, x) * base ** x.sum()

    fast = al.compile(f)
    for x in np.array([[1.0, 3.0], [3.0, 5.0], [1.0, 7.0], [2.0, 4.0], [3.0, 2.0]]):
        assert fast(x).tobytes() == f(x).tobytes()
    assert fast.backend == "numpy"
