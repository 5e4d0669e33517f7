"""Initial weights. Each function takes a generator, fan_in and fan_out: weights (fan_in, fan_out).

The numbers come from the generator alone: the same seed gives the same weights, bit for bit.
Sizes below 1, other numbers out of their ranges, and a generator that is none, are refused with an
ArgumentError or an UnsupportedError. A function with further arguments, as `normal` has
`mean` and `standard_deviation`, takes others by `functools.partial`:

>>> from functools import partial
>>> import nn
>>> nn.Dense(2, 2, weight_init=partial(constant, value=0.5)).weight.data
array([[0.5, 0.5],
       [0.5, 0.5]])

Glorot and Bengio (Xavier), "Understanding the difficulty of training deep feedforward neural
networks", 2010; He et al., "Delving deep into rectifiers", 2015; LeCun et al., "Efficient
BackProp", 1998; Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks", 2013.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import numpy as np

from autograd_lite.arguments import COUNT, NOT_NEGATIVE, NUMBER, Range, function_named, require
from autograd_lite.errors import ShapeError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords, parameters_of
from nn.random_state import drawing, generator

__all__ = ["Initializer", "initializer"]
__all__ += ["he_normal", "he_uniform", "lecun_normal", "lecun_uniform"]
__all__ += ["xavier_normal", "xavier_uniform"]
__all__ += ["constant", "normal", "orthogonal", "uniform", "zeros"]

Initializer: TypeAlias = "Callable[[np.random.Generator, int, int], Any]"
Function = TypeVar("Function", bound=Callable[..., Any])

INITIALIZERS: dict[str, Initializer] = {}
"""The functions below, by name."""


def _checked(function: Function) -> Function:
    """The function with its sizes and its generator checked, among `INITIALIZERS`."""
    name = function.__name__
    explained = explains_keywords(function)
    options = [f", {own}=..." for own in parameters_of(function)[3:]]

    @functools.wraps(function)
    def checked(
        rng: Any = None, fan_in: Any = None, fan_out: Any = None, *rest: Any, **named: Any
    ) -> Any:
        if fan_out is None:
            partial = f"functools.partial(nn.init.{name}{''.join(options)})"
            raise UnsupportedError(
                f"{name} without rng, fan_in and fan_out",
                "it is called by the layer, which gives them",
                f"Write weight_init={partial if options else repr(name)}",
            )
        require(name, "fan_in", fan_in, COUNT)
        require(name, "fan_out", fan_out, COUNT)
        if not isinstance(rng, np.random.Generator):
            raise UnsupportedError(
                f"{name} with rng={describe_one(rng)}",
                "it is no generator",
                "Give numpy.random.default_rng(0)",
            )
        if not drawing.get():
            return np.zeros((fan_in, fan_out))
        return explained(rng, fan_in, fan_out, *rest, **named)

    INITIALIZERS[name] = checked
    return cast(Function, checked)


@_checked
def zeros(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Zeros, with which all units of a layer learn the same.

    >>> zeros(np.random.default_rng(0), 1, 2)
    array([[0., 0.]])
    """
    return np.zeros((fan_in, fan_out))


@_checked
def constant(rng: np.random.Generator, fan_in: int, fan_out: int, value: float = 1.0) -> Any:
    """One number everywhere.

    >>> constant(np.random.default_rng(0), 1, 2, value=0.5)
    array([[0.5, 0.5]])
    """
    require("constant", "value", value, NUMBER)
    return np.full((fan_in, fan_out), float(value))


@_checked
def normal(
    rng: np.random.Generator,
    fan_in: int,
    fan_out: int,
    mean: float = 0.0,
    standard_deviation: float = 0.01,
) -> Any:
    """Normal, with a width that does not depend on the layer.

    >>> normal(np.random.default_rng(0), 1, 2).round(4)
    array([[ 0.0013, -0.0013]])
    """
    require("normal", "mean", mean, NUMBER)
    require("normal", "standard_deviation", standard_deviation, NOT_NEGATIVE)
    return rng.normal(mean, standard_deviation, (fan_in, fan_out))


@_checked
def uniform(
    rng: np.random.Generator, fan_in: int, fan_out: int, low: float = -0.05, high: float = 0.05
) -> Any:
    """Uniform between bounds that do not depend on the layer's width.

    >>> uniform(np.random.default_rng(0), 1, 2, low=0, high=1).round(4)
    array([[0.637 , 0.2698]])
    """
    require("uniform", "low", low, NUMBER)
    above = Range(lambda x: NUMBER.holds(x) and bool(x >= low), f"a number, {low} or more")
    require("uniform", "high", high, above)
    return rng.uniform(low, high, (fan_in, fan_out))


@_checked
def xavier_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Normal with variance 2 / (fan_in + fan_out), for sigmoid, tanh and linear layers.

    >>> xavier_normal(np.random.default_rng(0), 2, 3).shape
    (2, 3)
    """
    return rng.normal(0.0, np.sqrt(2 / (fan_in + fan_out)), (fan_in, fan_out))


@_checked
def xavier_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Uniform within sqrt(6 / (fan_in + fan_out)), for sigmoid, tanh and linear layers.

    >>> bool((abs(xavier_uniform(np.random.default_rng(0), 3, 3)) < 1).all())
    True
    """
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out))


@_checked
def he_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Normal with variance 2 / fan_in, for ReLU and similar activations.

    >>> he_normal(np.random.default_rng(0), 2, 3).shape
    (2, 3)
    """
    return rng.normal(0.0, np.sqrt(2 / fan_in), (fan_in, fan_out))


@_checked
def he_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Uniform within sqrt(6 / fan_in), for ReLU and similar activations.

    >>> bool((abs(he_uniform(np.random.default_rng(0), 6, 3)) < 1).all())
    True
    """
    limit = np.sqrt(6 / fan_in)
    return rng.uniform(-limit, limit, (fan_in, fan_out))


@_checked
def lecun_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Normal with variance 1 / fan_in, for sigmoid, tanh and SELU.

    >>> lecun_normal(np.random.default_rng(0), 2, 3).shape
    (2, 3)
    """
    return rng.normal(0.0, np.sqrt(1 / fan_in), (fan_in, fan_out))


@_checked
def lecun_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
    """Uniform within sqrt(3 / fan_in), for sigmoid, tanh and SELU.

    >>> bool((abs(lecun_uniform(np.random.default_rng(0), 3, 3)) < 1).all())
    True
    """
    limit = np.sqrt(3 / fan_in)
    return rng.uniform(-limit, limit, (fan_in, fan_out))


@_checked
def orthogonal(rng: np.random.Generator, fan_in: int, fan_out: int, gain: float = 1.0) -> Any:
    """Rows or columns, whichever are fewer, of length `gain` and orthogonal to each other.

    All such matrices are equally likely: they come from the QR decomposition of a normal matrix,
    with the signs of R's diagonal (Mezzadri, "How to generate random matrices from the classical
    compact groups", 2007).

    >>> weight = orthogonal(np.random.default_rng(0), 3, 2)
    >>> bool(np.allclose(weight.T @ weight, np.eye(2)))
    True
    """
    require("orthogonal", "gain", gain, NUMBER)
    tall = rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q *= np.where(np.diagonal(r) < 0, -1, 1)
    return gain * (q if fan_in >= fan_out else q.T)


def initializer(weight_init: str | Initializer) -> Initializer:
    """The function with that name; a function is returned as it is.

    Raises:
        ArgumentError: there is none with that name, or it is a class.

    >>> initializer("he_normal") is he_normal
    True
    """
    others = "a function of (rng, fan_in, fan_out)"
    return function_named("weight_init", weight_init, INITIALIZERS, others)


def initial_weight(
    layer: str, weight_init: str | Initializer, rng: Any, fan_in: int, fan_out: int
) -> Any:
    """Weights (fan_in, fan_out); a ShapeError if a function of the caller's makes others."""
    weight = initializer(weight_init)(generator(rng, layer), fan_in, fan_out)
    if np.shape(weight) != (fan_in, fan_out):
        raise ShapeError(
            f"{layer} with weight_init={weight_init}",
            f"it returned shape {np.shape(weight)}",
            f"Return ({fan_in}, {fan_out}), fan_in first",
        )
    return weight


if not TYPE_CHECKING:  # or type checkers would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # of Python's own, which asks for them at each import
            raise AttributeError(name)
        from nn.elsewhere import missing_initializer

        raise missing_initializer(name, INITIALIZERS)
