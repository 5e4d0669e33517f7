"""Initial weights. Each function takes a generator, fan_in and fan_out: weights (fan_in, fan_out).

He et al., "Delving deep into rectifiers", 2015; Glorot and Bengio (Xavier), "Understanding the
difficulty of training deep feedforward neural networks", 2010.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.errors import ArgumentError

Initializer = Callable[[np.random.Generator, int, int], Any]


def he_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Normal with variance 2 / fan_in, for ReLU and its kin.

    >>> he_normal(np.random.default_rng(0), 2, 3).shape
    (2, 3)
    """
    return rng.normal(0.0, np.sqrt(2 / fan_in), (fan_in, fan_out))


def he_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Uniform within sqrt(6 / fan_in), for ReLU and its kin.

    >>> bool((abs(he_uniform(np.random.default_rng(0), 6, 3)) < 1).all())
    True
    """
    limit = np.sqrt(6 / fan_in)
    return rng.uniform(-limit, limit, (fan_in, fan_out))


def xavier_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Normal with variance 2 / (fan_in + fan_out), for sigmoid, tanh and linear layers.

    >>> xavier_normal(np.random.default_rng(0), 2, 3).shape
    (2, 3)
    """
    return rng.normal(0.0, np.sqrt(2 / (fan_in + fan_out)), (fan_in, fan_out))


def xavier_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Uniform within sqrt(6 / (fan_in + fan_out)), for sigmoid, tanh and linear layers.

    >>> bool((abs(xavier_uniform(np.random.default_rng(0), 3, 3)) < 1).all())
    True
    """
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out))


def zeros(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Zeros.

    >>> zeros(np.random.default_rng(0), 1, 2)
    array([[0., 0.]])
    """
    return np.zeros((fan_in, fan_out))


INITIALIZERS: dict[str, Initializer] = {
    function.__name__: function
    for function in (he_normal, he_uniform, xavier_normal, xavier_uniform, zeros)
}


def initializer(weight_init: str | Initializer) -> Initializer:
    """The function of that name, or the function itself.

    Raises:
        ArgumentError: there is none of that name.

    >>> initializer("he_normal") is he_normal
    True
    """
    if callable(weight_init):
        return weight_init
    if weight_init not in INITIALIZERS:
        raise ArgumentError(
            f"weight_init={weight_init!r}",
            "there is no initialization of that name",
            f"Give one of {', '.join(INITIALIZERS)}, or a function of (rng, fan_in, fan_out)",
        )
    return INITIALIZERS[weight_init]
