"""Derivatives of the functions of signals: convolutions, windows, phases, Fourier transforms.

There are no complex tensors. What `np.fft.rfft` and `np.fft.fft` make of a tensor is a `Spectrum`,
which can be added to, multiplied and divided by numbers, arrays and other spectra, complex ones
too; indexed; given to `np.abs`, `np.angle`, `np.conj`, `np.real` and `np.imag`; and transformed
back by `np.fft.irfft` and `np.fft.ifft`. That is enough for power spectra and for filters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.lib.stride_tricks import sliding_window_view

from autograd_lite.derivatives.indexing import moved
from autograd_lite.derivatives.reductions import axes_of
from autograd_lite.derivatives.shaping import MOVES, along, as_operand, in_floats_of_all, on_axis
from autograd_lite.errors import MissingNameError, UnsupportedError, describe
from autograd_lite.node import Array
from autograd_lite.operation import ELEMENTWISE, Traits
from autograd_lite.precision import in_floats, in_single, rule_in_single
from autograd_lite.refusals import FAILURES, raise_explained
from autograd_lite.table import composed, define, differentiable


@differentiable(
    lambda g, y, a, v: np.correlate(g, v, "valid"),
    lambda g, y, a, v: np.correlate(g, a, "valid"),
    traits=Traits(product=True, linear=(0, 1)),
)
def full_convolution(a: Array, v: Array) -> Array:
    """The convolution of two vectors, wherever they overlap.

    >>> full_convolution(np.array([1.0, 2.0]), np.array([1.0, 0.0, 3.0]))
    array([1., 2., 3., 6.])
    """
    return np.convolve(a, v)


@composed(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Array:
    """The part of the whole convolution that a mode names."""
    a, v = np.atleast_1d(as_operand(a), as_operand(v))
    if not (a.size and v.size):
        raise ValueError("neither vector can be empty")
    short, long = sorted([a.size, v.size])
    parts = {
        "full": (0, short + long - 1),
        "same": ((short - 1) // 2, long),
        "valid": (short - 1, long - short + 1),
    }
    if mode not in parts:
        raise ValueError(f"mode must be one of {', '.join(map(repr, parts))}")
    start, length = parts[mode]
    return full_convolution(a, v)[start : start + length]


@composed(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Array:
    """The convolution with the second vector reversed."""
    a, v = np.atleast_1d(as_operand(a), as_operand(v))
    if mode == "same" and v.size > a.size:
        # NumPy takes the middle of it from the other end.
        return np.flip(np.convolve(np.flip(a), v, mode))
    return np.convolve(a, np.flip(v), mode)


define(
    sliding_window_view,
    moved(sliding_window_view),
    compute=lambda x, window_shape, axis=None: sliding_window_view(x, window_shape, axis),
    traits=MOVES._replace(read_only=True),
)
define(
    np.unwrap,
    lambda g, y, p, *_, **__: g,
    compute=lambda p, discont=None, axis=-1, *, period=2 * math.pi: np.unwrap(
        p, discont, axis, period=period
    ),
)


# The modified Bessel function of Kaiser's windows, and its derivative, which NumPy lacks

COSINES = np.cos((np.arange(96) + 0.5) * (math.pi / 192)).tolist()


def _i1_vjp(g: Array, y: Array, x: Array) -> Array:
    """The mean of cosh(x cos t) cos² t; by i0 and i1 / x it would have no third order at 0.

    That of cos² t alone is a half.
    """
    return g * (0.5 + sum((np.cosh(x * c) - 1) * (c * c) for c in COSINES) / len(COSINES))


@differentiable(rule_in_single(_i1_vjp), traits=ELEMENTWISE)
@in_floats
@in_single
def i1(x: Array) -> Array:
    """The modified Bessel function of the first kind, of order 1: the derivative of `np.i0`.

    It is the mean of sinh(x cos t) cos t over a quarter of a circle.

    >>> i1(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.565159])
    """
    return sum(np.sinh(x * c) * c for c in COSINES) / len(COSINES)


define(np.i0, lambda g, y, x: g * i1(x), traits=ELEMENTWISE)


# Fourier transforms


def _shifted(sign: int, x: Any, axes: Any = None) -> Array:
    """By half its length along axes, toward their ends or their beginnings."""
    x = as_operand(x)
    axes = axes_of(x, axes)
    return np.roll(x, tuple(sign * (x.shape[axis] // 2) for axis in axes), axes)


composed(np.fft.fftshift)(partial(_shifted, 1))
composed(np.fft.ifftshift)(partial(_shifted, -1))


def _transform_vjp(g: Array, y: Array, x: Array, axis: int, inverse: bool = False) -> Array:
    return transform(g, axis, not inverse)


@differentiable(_transform_vjp, traits=Traits(linear=(0,)))
def transform(x: Array, axis: int, inverse: bool = False) -> Array:
    """The discrete Fourier transform of x[0] + i x[1] without a factor, as real and imaginary part.

    Its transpose is the inverse one: exp(+ij...) in place of exp(-ij...).

    >>> transform(np.array([[1.0, 0.0], [0.0, 0.0]]), axis=-1)
    array([[1., 1.],
           [0., 0.]])
    """
    function = np.fft.ifft if inverse else np.fft.fft
    values = function(x[0] + 1j * x[1], axis=axis, norm="forward" if inverse else "backward")
    dtype = np.promote_types(x.dtype, np.float32)  # as NumPy's: sums of float16 leave its range
    return np.stack([values.real, values.imag]).astype(dtype)


class Spectrum(NDArrayOperatorsMixin):
    """A complex result of a Fourier transform, as two tensors.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0, 0.0, 2.0, 0.0], requires_grad=True)
    >>> power = np.abs(np.fft.rfft(x)) ** 2
    >>> power.data
    array([9., 1., 9.])
    >>> power.sum().backward()
    >>> x.grad
    array([10.,  0., 14.,  0.])
    """

    __slots__ = ("imag", "real")
    __hash__ = None  # type: ignore[assignment] # refused by Python

    def __init__(self, real: Any, imag: Any) -> None:
        self.real, self.imag = real, imag

    @property
    def shape(self) -> tuple[int, ...]:
        """That of both parts."""
        shape: tuple[int, ...] = self.real.shape
        return shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.real)

    def __bool__(self) -> bool:
        # Python would ask for the length, which is true of zeros, too.
        raise UnsupportedError(
            f"truth value of a spectrum {self.shape}",
            "complex numbers have some functions only",
            "Write (np.abs(spectrum) > 0).any(), or spectrum is not None",
        )

    def conj(self) -> Spectrum:
        """The spectrum with the other sign of its imaginary part."""
        return Spectrum(self.real, -self.imag)

    def __getattr__(self, name: str) -> Any:
        raise MissingNameError(
            f"spectrum.{name}",
            "complex numbers have some functions only",
            "Compute with spectrum.real and spectrum.imag, which are tensors",
        )

    def __getitem__(self, index: Any) -> Spectrum:
        return Spectrum(self.real[index], self.imag[index])

    def __repr__(self) -> str:
        return f"Spectrum(real={self.real!r}, imag={self.imag!r})"

    def __array__(self, *arguments: Any, **keywords: Any) -> Any:
        raise UnsupportedError(
            f"conversion of a spectrum {self.shape} to an array",
            "its gradient would be lost",
            "Compute with spectrum.real and spectrum.imag, which are tensors",
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        function = UFUNCS.get(ufunc) if method == "__call__" and not keywords else None
        return self._computed(function, ufunc.__name__, inputs)

    def __array_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        return self._computed(FUNCTIONS.get(function), function.__name__, arguments, **keywords)

    def _computed(self, function: Any, name: str, arguments: Any, **keywords: Any) -> Any:
        if function is None:
            raise UnsupportedError(
                f"np.{name}{describe(arguments, keywords)} of a spectrum",
                "complex numbers are differentiated in some functions only",
                "Compute with spectrum.real and spectrum.imag, which are tensors",
            )
        try:
            return function(*arguments, **keywords)
        except FAILURES as error:
            raise_explained(error, f"np.{name}", arguments, keywords)


def _parts(value: Any) -> tuple[Any, Any]:
    """The real and the imaginary part of a number, an array, a tensor or a spectrum."""
    if isinstance(value, Spectrum | complex):
        return value.real, value.imag
    if isinstance(value, int | float):
        return value, 0.0
    value = as_operand(value)
    return (value.real, value.imag) if value.dtype.kind == "c" else (value, 0.0)


def _product(a: Any, b: Any) -> Spectrum:
    (ar, ai), (br, bi) = _parts(a), _parts(b)
    return Spectrum(ar * br - ai * bi, ar * bi + ai * br)


def _quotient(a: Any, b: Any) -> Spectrum:
    (ar, ai), (br, bi) = _parts(a), _parts(b)
    size = br * br + bi * bi
    return Spectrum((ar * br + ai * bi) / size, (ai * br - ar * bi) / size)


def _sum(a: Any, b: Any) -> Spectrum:
    (ar, ai), (br, bi) = _parts(a), _parts(b)
    return Spectrum(ar + br, ai + bi)


def _negative(x: Any) -> Spectrum:
    return Spectrum(-x.real, -x.imag)


UFUNCS: dict[Any, Callable[..., Any]] = {
    np.add: _sum,
    np.subtract: lambda a, b: _sum(a, _product(-1.0, b)),
    np.multiply: _product,
    np.divide: _quotient,
    np.negative: _negative,
    np.positive: lambda x: x,
    np.conjugate: Spectrum.conj,
    np.absolute: lambda x: np.hypot(x.real, x.imag),
}


def _factor(n: int, norm: str | None, inverse: bool) -> float:
    """What a transform is multiplied by."""
    powers = {None: 0.0, "backward": 0.0, "ortho": 0.5, "forward": 1.0}
    if norm not in powers:
        raise ValueError(f"norm is one of backward, ortho and forward, not {norm!r}")
    return float(n ** (powers[norm] - 1 if inverse else -powers[norm]))


def _of_length(x: Array, n: int, axis: int) -> Array:
    """The first n entries along an axis, or all with zeros behind."""
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    have = x.shape[axis]
    if n <= have:
        return along(x, axis, slice(n))
    widths = [(0, n - have if i == axis % x.ndim else 0) for i in range(x.ndim)]
    return np.pad(x, widths)


def _transformed(a: Any, n: int | None, axis: int, norm: str | None, inverse: bool) -> Spectrum:
    real, imag = in_floats_of_all(*_parts(a))
    n = real.shape[axis] if n is None else n
    pair = np.stack([_of_length(x, n, axis) for x in np.broadcast_arrays(real, imag)])
    # The axis is counted from the end, where the pair has none more.
    result = transform(pair, axis % real.ndim - real.ndim, inverse) * _factor(n, norm, inverse)
    return Spectrum(result[0], result[1])


@composed(np.fft.fft)
def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Spectrum:
    """The transform of tensors, or of a spectrum."""
    return _transformed(a, n, axis, norm, inverse=False)


@composed(np.fft.ifft)
def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Spectrum:
    """The inverse transform of tensors, or of a spectrum."""
    return _transformed(a, n, axis, norm, inverse=True)


@composed(np.fft.rfft)
def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Spectrum:
    """The first half of the transform of real numbers; the other mirrors it."""
    whole = fft(a, n, axis, norm)
    half = slice(whole.shape[axis] // 2 + 1)
    return Spectrum(along(whole.real, axis, half), along(whole.imag, axis, half))


@composed(np.fft.irfft)
def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """The real numbers whose transform begins with a half."""
    real, imag = in_floats_of_all(*_parts(a))
    n = 2 * (real.shape[axis] - 1) if n is None else n
    half = n // 2 + 1 if n > 0 else n
    real, imag = (_of_length(x, half, axis) for x in np.broadcast_arrays(real, imag))
    mirrored = slice((n - 1) // 2, 0, -1)
    # That of the first, and of the middle of an even number, is taken to be real.
    imag = imag * on_axis(np.arange(n // 2 + 1) * 2 % n != 0, axis, real.ndim)
    real = np.concatenate([real, along(real, axis, mirrored)], axis)
    imag = np.concatenate([imag, -along(imag, axis, mirrored)], axis)
    return _transformed(Spectrum(real, imag), n, axis, norm, inverse=True).real


def _of_parts(function: Callable[..., Any]) -> Callable[..., Spectrum]:
    """What moves or adds up entries, of both parts."""
    return lambda x, *arguments, **keywords: Spectrum(
        function(x.real, *arguments, **keywords), function(x.imag, *arguments, **keywords)
    )


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.real: lambda x: x.real,
    np.imag: lambda x: x.imag,
    np.angle: lambda x, deg=False: np.arctan2(x.imag, x.real) * (180 / math.pi if deg else 1.0),
    np.fft.fft: fft,
    np.fft.ifft: ifft,
    np.fft.irfft: irfft,
    **{
        f: _of_parts(f)
        for f in (np.sum, np.mean, np.reshape, np.transpose, np.fft.fftshift, np.fft.ifftshift)
    },
}
