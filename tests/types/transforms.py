"""Derivatives of functions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import grad, hessian, hvp, jacobian, jvp, ravel, value_and_grad, vjp
from autograd_lite.typing import Array


def rosenbrock(x: Array) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def steepness(x: Array, power: int) -> Any:
    return (x**power).sum()


of_f: Callable[[Array, int], Any] = grad(steepness)  # takes what the function does
x = np.array([0.5, 0.2])
print(of_f(x, 3), value_and_grad(steepness)(x, power=2)[1])
value, gradient = value_and_grad(rosenbrock)(x)
print(float(value), gradient.shape, grad(rosenbrock)(x), hessian(rosenbrock)(x))
print(jacobian(lambda v: v**2)(x), hvp(rosenbrock, [x], [x]), jvp(np.sin, [x], [x]))
y, pullback = vjp(np.sin, x)
print(pullback(np.ones(2))[0], y)
vector, unravel = ravel({"a": 1.0, "b": np.ones(2)})
print(unravel(vector)["b"])
