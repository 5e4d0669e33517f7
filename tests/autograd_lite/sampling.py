"""How sample inputs of a row of the table are declared; `samples` gathers those of all rows.

A row is exercised by a list of samples: a function that applies it to tensors, the arrays that it
is applied to. `kink` marks samples at a point where the function has one-sided derivatives only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import all_rows
from autograd_lite.table import COMPOSED

all_rows()


class Sample(NamedTuple):
    """A function of tensors, the arrays it is applied to, and the row whose sample it is."""

    function: Callable[..., Any]
    arrays: tuple[Any, ...]
    kink: bool = False
    row: Callable[..., Any] | None = None


def sample(function: Callable[..., Any], *arrays: Any, kink: bool = False) -> Sample:
    return Sample(function, tuple(np.asarray(array, float) for array in arrays), kink)


def of_this_numpy(by_name: dict[str, Any]) -> dict[Callable[..., Any], Any]:
    """What is declared of functions that not every supported NumPy has, for those of this one."""
    found = {getattr(np, name, None): declared for name, declared in by_name.items()}
    return {function: declared for function, declared in found.items() if function in COMPOSED}


def normal(*shape: int) -> Any:
    """Standard normal numbers, all different, none within 1e-3 of 0."""
    rng = np.random.default_rng(sum(shape) + 10 * len(shape))
    numbers = rng.normal(size=shape)
    return numbers + 1e-3 * np.sign(numbers)


def positive(*shape: int) -> Any:
    """Numbers from 0.5 to 2.5."""
    return np.random.default_rng(len(shape)).uniform(0.5, 2.5, shape)


UNARY_SHAPES = [(), (1,), (4,), (2, 3), (2, 1, 3), (0,), (0, 3)]

BINARY_SHAPES = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((1, 1), (3,)),
    ((2, 1, 3), (4, 1)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((), ()),
    ((0, 3), (3,)),
    ((1,), (0,)),
]


def unary(f: Any, numbers: Any = normal) -> list[Sample]:
    return [sample(f, numbers(*shape)) for shape in UNARY_SHAPES]


def binary(f: Any, left: Any = normal, right: Any = normal) -> list[Sample]:
    """Broadcasting both ways, numbers on either side, plain arrays, one tensor twice."""
    shapes = [sample(f, left(*a), 1.1 * right(*b)) for a, b in BINARY_SHAPES]
    integers, floats = np.array([1, 2, 3]), np.array([[0.3], [1.7]])
    return [
        *shapes,
        sample(lambda a: f(a, 2.5), left(2, 3)),
        sample(lambda b: f(2, b), right(2, 3)),
        sample(lambda a: f(a, integers), left(2, 3)),
        sample(lambda b: f(floats, b), right(3)),
        sample(lambda a, b: f(a, b) + f(b, a), positive(3), 1 + positive(2, 1)),
    ]


def reducing(f: Any) -> list[Sample]:
    axes = [None, 0, 1, -1, (0,), (0, 1), (-1, 0), (0, 1, 2), ()]
    kept = itertools.product(axes, [False, True])
    return [
        *(
            sample(lambda x, axis=axis, keep=keep: f(x, axis=axis, keepdims=keep), normal(2, 3, 4))
            for axis, keep in kept
        ),
        sample(f, normal()),
        sample(f, normal(1)),
        sample(lambda x: f(x, 1), normal(3, 1)),
        sample(lambda x: f(x, axis=(0, 2)), normal(1, 3, 1)),
        sample(lambda x: f(x, axis=1), normal(0, 3)),
    ]


def along_axis(f: Any) -> list[Sample]:
    return [
        sample(f, normal(4)),
        sample(f, normal(1)),
        sample(f, normal(2, 3)),
        sample(f, normal(0, 3)),
        sample(lambda x: f(x, axis=0), normal(2, 3)),
        sample(lambda x: f(x, 1), normal(2, 3, 4)),
        sample(lambda x: f(x, axis=-2), normal(2, 3, 4)),
    ]
