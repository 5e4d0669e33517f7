"""A function is recorded once."""

from typing import Any, assert_type

import numpy as np

import autograd_lite
from autograd_lite import value_and_grad
from autograd_lite.program.functions import Compiled
from autograd_lite.typing import Array


def energy(x: Array) -> Any:
    return (np.sin(x) ** 2).sum()


@autograd_lite.compile
def squares(x: Array) -> Any:
    return (x**2).sum()


fast = value_and_grad(autograd_lite.compile(energy))
assert_type(fast, Compiled)
print(fast(np.ones(3)), fast.backend, squares(np.ones(3)), squares.backend)
