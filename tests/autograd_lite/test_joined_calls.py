"""Calls of compiled NumPy that are made as one, on arrays that lie one behind the other."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import value_and_grad
from autograd_lite.program import joining


def compiled_beside_eager(f, *shapes, calls=4):
    """The source of a function, whose values and gradients have the bits of the eager ones."""
    rng = np.random.default_rng(0)
    everything = tuple(range(len(shapes)))
    fast, eager = value_and_grad(al.compile(f), everything), value_and_grad(f, everything)
    for _ in range(calls):
        given = [rng.normal(size=shape) for shape in shapes]
        (value, found), (right, expected) = fast(*given), eager(*given)
        for a, b in zip([value, *found], [right, *expected], strict=True):
            assert a.tobytes() == b.tobytes()
    assert fast.backend == "numpy"
    return fast.source


def layers(activation):
    def loss(x, *weights):
        for weight in weights:
            x = activation(x @ weight)
        return (x * x).sum()

    return loss


SHAPES = (20, 16), (16, 14), (14, 13), (13, 18)  # 224 to 320 entries: lines are not always full


def test_slopes_of_several_layers_are_one_call():
    source = compiled_beside_eager(layers(al.relu), *SHAPES)
    assert source.count(" ceil(") == source.count(" minimum(") == 1


def test_steps_that_are_computed_from_each_other_are_calls_of_their_own():
    source = compiled_beside_eager(layers(np.tanh), *SHAPES)
    assert source.count(" tanh(") == 3


def test_arrays_beyond_a_part_of_the_cache_are_not_joined(monkeypatch):
    monkeypatch.setattr(joining, "MOST", 5000)  # of 2880, 2080 and 2240 bytes
    source = compiled_beside_eager(layers(al.relu), *SHAPES)
    assert source.count(" ceil(") == 2


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: (np.exp(a) * np.exp(b) + np.exp(b) / np.exp(a)).sum(),
        lambda a, b: (np.sin(a) * np.sin(b) * (np.sin(b) + np.sin(a))).sum(),
        lambda a, b: sum((np.exp(-x) * np.cos(2 * x)).sum() for x in (a + b, a - b, a * b)),
        lambda a, b: sum((np.exp(x) @ np.exp(x).T).sum() for x in (a + b, a - b, b - a)),
        lambda a, b: ((a + b) * (a - b) + (a - b) * (a + b)).sum() + ((a + 1) * (b + 1)).sum(),
        lambda a, b: (np.tanh(a + b) * np.tanh(a - b) ** 2 + np.tanh(b + a * a)).sum(),
        lambda a, b: sum((np.sqrt(1 + x * x) * x).sum() for x in (a * 2, b * 3, a + b, b + 1)),
    ],
)
@pytest.mark.parametrize("shape", [(3, 5), (8, 8), (1, 1), (300,)])
def test_what_is_joined_has_the_bits_of_the_engine(f, shape):
    compiled_beside_eager(f, shape, shape)
