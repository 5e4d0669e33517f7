"""The time of a value and its gradient against JAX jit: Rosenbrock's function, and Euler steps.

Both are asked for as SciPy's L-BFGS asks: arrays of NumPy's go in, a number and an array come out.
1000 Euler steps of Lorenz' system with friction end somewhere; the gradient of the squared distance
to where they should is in its four rates. They are written with three numbers, and with a vector of
three; here in a loop of Python's, for JAX in `lax.scan`. Nothing is timed before both agree.

Run it: python benchmarks/against_jax.py
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from timing import print_table, verdict  # isort: split

import numpy as np
from compiled import cpu_seconds

from autograd_lite import compile, value_and_grad

try:
    import jax
except ImportError:
    jax = None

STEPS, STEP = 1000, 0.0005
RATES = np.array([9.8, 27.44, 2.6, 0.1])
START, END = np.ones(3), np.array([2.0, 3.0, 20.0])


def rosenbrock(x: Any) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def with_numbers(rates: Any, state: Any) -> Any:
    """One step, of three numbers."""
    sigma, rho, beta, friction = rates
    x, y, z = state
    dx = sigma * (y - x) - friction * x
    dy = x * (rho - z) - y - friction * y
    dz = x * y - beta * z - friction * z
    return x + STEP * dx, y + STEP * dy, z + STEP * dz


def with_vectors(rates: Any, state: Any, stack: Any = np.stack) -> Any:
    """One step, of a vector."""
    sigma, rho, beta, friction = rates
    x, y, z = state
    slopes = stack([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])
    return state + STEP * (slopes - friction * state)


def distance(state: Any) -> Any:
    return sum((a - b) ** 2 for a, b in zip(state, END, strict=True))


def unrolled(step: Any, state: Any) -> Callable[[Any], Any]:
    def f(rates: Any) -> Any:
        now = state
        for _ in range(STEPS):
            now = step(rates, now)
        return distance(now)

    return f


def scanned(step: Any, state: Any) -> Callable[[Any], Any]:
    def f(rates: Any) -> Any:
        end, _ = jax.lax.scan(lambda now, _: (step(rates, now), None), state, length=STEPS)
        return distance(end)

    return f


def jitted(f: Any) -> Callable[[Any], tuple[float, np.ndarray]]:
    """Value and gradient by JAX, as NumPy's, which waits for them."""
    compiled = jax.jit(jax.value_and_grad(f))

    def evaluate(x: Any) -> tuple[float, np.ndarray]:
        value, gradient = compiled(x)
        return float(value), np.asarray(gradient)

    return evaluate


def rows(name: str, x: np.ndarray, f: Any, theirs: Any, targets: dict[str, float]) -> list[Any]:
    """A line for each way in which this project computes value and gradient."""
    ours = {
        way: value_and_grad(f if way == "eager" else compile(f, backend=way)) for way in targets
    }
    contenders = {"JAX": jitted(theirs), **ours}
    value, gradient = contenders["JAX"](x)
    for way, evaluate in ours.items():
        found = [evaluate(x) for _ in range(3)][-1]
        assert getattr(evaluate, "backend", "eager") == way, evaluate.backend
        np.testing.assert_allclose(found[0], value, 1e-9)
        np.testing.assert_allclose(found[1], gradient, 1e-9)
    seconds = cpu_seconds({way: lambda each=each: each(x) for way, each in contenders.items()})
    base = seconds.pop("JAX")
    return [
        [name, way, f"{base * 1e6:.1f}", f"{time * 1e6:.1f}", verdict(time / base, targets[way])]
        for way, time in seconds.items()
    ]


def main() -> None:
    """Check, time, print."""
    if jax is None:
        print("jax is not installed: left out")
        return
    point = np.random.default_rng(0).normal(size=20)
    targets = {"eager": 2.5, "numpy": 0.45, "c": 0.05}
    lines = rows("Rosenbrock, 20 variables", point, rosenbrock, rosenbrock, targets)
    end = {"c": 0.25}
    ours, theirs = unrolled(with_numbers, START), scanned(with_numbers, tuple(START))
    lines += rows("1000 Euler steps, numbers", RATES, ours, theirs, end)
    step = functools.partial(with_vectors, stack=jax.numpy.stack)
    ours, theirs = unrolled(with_vectors, START), scanned(step, jax.numpy.asarray(START))
    lines += rows("1000 Euler steps, vectors", RATES, ours, theirs, end)
    print("microseconds of CPU time for a value and its gradient")
    print_table(["", "", "JAX jit", "here", "of JAX's time"], lines)


if __name__ == "__main__":
    main()
