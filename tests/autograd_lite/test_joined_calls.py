"""Calls of compiled NumPy that are made as one, on arrays that lie one behind the other."""

import numpy as np
import pytest
from looping import looped
from program_runs import compiled_beside_eager

import autograd_lite as al
from autograd_lite.program import joining


def drawing(*shapes):
    rng = np.random.default_rng(0)
    return lambda: [rng.normal(size=shape) for shape in shapes]


def layers(activation):
    def loss(x, *weights):
        for weight in weights:
            x = activation(x @ weight)
        return (x * x).sum()

    return loss


SHAPES = (20, 16), (16, 14), (14, 13), (13, 18)  # 224 to 320 entries: lines are not always full


def test_slopes_of_several_layers_are_one_call():
    source = compiled_beside_eager(layers(al.relu), drawing(*SHAPES))
    assert source.count(" ceil(") == source.count(" minimum(") == 1


def test_steps_that_are_computed_from_each_other_are_calls_of_their_own():
    source = compiled_beside_eager(layers(np.tanh), drawing(*SHAPES))
    assert source.count(" tanh(") == 3


def test_numbers_may_be_others_in_each_of_the_joined():
    def f(a, b):
        return sum((np.exp(-c * x) / (d + x * x)).sum() for c, d, x in ((2, 0.5, a), (3.0, 7, b)))

    source = compiled_beside_eager(lambda a, b: f(2 * a, a + b), drawing((5, 7), (5, 7)))
    assert "np.array([0.5, 7], np.float64).repeat([40, 40])" in source


def test_arrays_beyond_a_part_of_the_cache_are_not_joined(monkeypatch):
    monkeypatch.setattr(joining, "MOST", 5000)  # of 2880, 2080 and 2240 bytes
    source = compiled_beside_eager(layers(al.relu), drawing(*SHAPES))
    assert source.count(" ceil(") == 2


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: (np.exp(a) * np.exp(b) + np.exp(b) / np.exp(a)).sum(),
        lambda a, b: (np.sin(a) * np.sin(b) * (np.sin(b) + np.sin(a))).sum(),
        lambda a, b: sum((np.exp(-x) * np.cos(2 * x)).sum() for x in (a + b, a - b, a * b)),
        lambda a, b: sum((np.exp(x) @ np.exp(x).T).sum() for x in (a + b, a - b, b - a)),
        lambda a, b: ((a + b) * (a - b) + (a - b) * (a + b)).sum() + ((a + 1) * (b + 1)).sum(),
        lambda a, b: (np.ldexp(a + b, 2) * np.ldexp(a - b, 3) / (np.abs(a) + np.abs(b))).sum(),
        lambda a, b: ((0.0 * (a + b) - 0.0) / (np.exp(a - b) - 0.0) + (2 - a) * (3 - b)).sum(),
        lambda a, b: (np.tanh(a + b) * np.tanh(a - b) ** 2 + np.tanh(b + a * a)).sum(),
        lambda a, b: sum((np.sqrt(1 + x * x) * x).sum() for x in (a * 2, b * 3, a + b, b + 1)),
    ],
)
@pytest.mark.parametrize("shape", [(3, 5), (8, 8), (1, 1), (300,)])
def test_what_is_joined_has_the_bits_of_the_engine(f, shape):
    compiled_beside_eager(f, drawing(shape, shape))
    compiled_beside_eager(lambda b, a: f(a, b), drawing(shape, shape))


@looped("pick", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_zeros_have_the_signs_that_the_engine_gives_them_in_any_place(pick):
    def f(*arrays):
        turned = [-x for x in arrays]
        others = [x * 0.5 for x in turned]
        picked = [pick(x, 0.0) for x in turned] + [pick(*pair) for pair in zip(turned, others)]
        return tuple(1 / x for x in picked + [pick(x, -0.0) for x in others])

    fast, rng = al.compile(f), np.random.default_rng(0)
    with np.errstate(divide="ignore"):
        for _ in range(4):
            arrays = [rng.choice([0.0, -0.0, 1.0], size=size) for size in (1, 3, 7, 12)]
            for found, expected in zip(fast(*arrays), f(*arrays), strict=True):
                assert found.tobytes() == expected.tobytes()
    assert fast.backend == "numpy"
