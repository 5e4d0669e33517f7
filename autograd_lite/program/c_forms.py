"""How C writes the functions that compute entry by entry, and the types they compute in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.derivatives.special import erf, normal_cdf

C_TYPES: dict[np.dtype[Any], str] = {
    np.dtype(name): f"{name}_t"
    for name in ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
}
C_TYPES |= {np.dtype(float): "double", np.dtype(np.float32): "float", np.dtype(bool): "uint8_t"}
"""What entries of each dtype are in C; arrays of others are left to NumPy."""

_ANY = "biuf"
_ORDERED = "({0} < {1})", "({0} <= {1})", "({0} > {1})", "({0} >= {1})"

# By function: the kinds of entries it is written for, and how, `{0}` its first argument. `S` ends
# the names of functions, which is f for float.
ENTRY_BY_ENTRY: dict[Any, tuple[str, str]] = {
    np.add: ("iuf", "({0} + {1})"),
    np.subtract: ("iuf", "({0} - {1})"),
    np.multiply: ("biuf", "({0} * {1})"),
    np.divide: ("f", "({0} / {1})"),
    np.negative: ("if", "(-{0})"),
    np.positive: ("iuf", "{0}"),
    np.conjugate: ("iuf", "{0}"),
    np.square: ("iuf", "({0} * {0})"),
    np.reciprocal: ("f", "(1 / {0})"),
    np.absolute: ("f", "fabsS({0})"),
    np.sign: ("f", "({0} > 0 ? 1 : {0} < 0 ? -1 : {0} + 0)"),
    np.heaviside: ("f", "({0} > 0 ? 1 : {0} < 0 ? 0 : {0} == 0 ? {1} : {0})"),
    np.maximum: ("f", "LARGER({0}, {1})"),
    np.minimum: ("f", "SMALLER({0}, {1})"),
    np.power: ("f", "powS({0}, {1})"),
    np.float_power: ("f", "powS({0}, {1})"),
    np.arctan2: ("f", "atan2S({0}, {1})"),
    np.hypot: ("f", "hypotS({0}, {1})"),
    np.copysign: ("f", "copysignS({0}, {1})"),
    np.fmod: ("f", "fmodS({0}, {1})"),
    np.logaddexp: ("f", "logaddexpS({0}, {1})"),
    np.deg2rad: ("f", "({0} * TYPE(M_PI / 180))"),
    np.radians: ("f", "({0} * TYPE(M_PI / 180))"),
    np.rad2deg: ("f", "({0} * TYPE(180 / M_PI))"),
    np.degrees: ("f", "({0} * TYPE(180 / M_PI))"),
    np.isnan: ("f", "({0} != {0})"),
    np.isinf: ("f", "(fabsS({0}) == INFINITY)"),
    np.isfinite: ("f", "(fabsS({0}) < INFINITY)"),
    np.signbit: ("f", "(signbit({0}) != 0)"),
    np.equal: (_ANY, "({0} == {1})"),
    np.not_equal: (_ANY, "({0} != {1})"),
    np.bitwise_and: ("biu", "({0} & {1})"),
    np.bitwise_or: ("biu", "({0} | {1})"),
    np.bitwise_xor: ("biu", "({0} ^ {1})"),
    np.invert: ("b", "(!{0})"),
    np.logical_and: (_ANY, "({0} != 0 && {1} != 0)"),
    np.logical_or: (_ANY, "({0} != 0 || {1} != 0)"),
    np.logical_not: (_ANY, "({0} == 0)"),
}
ENTRY_BY_ENTRY |= {
    ufunc: (_ANY, form)
    for ufunc, form in zip((np.less, np.less_equal, np.greater, np.greater_equal), _ORDERED)
}
# Functions of the standard library of C, by NumPy's names where these are others.
_LIBRARY = "exp exp2 expm1 log log2 log10 log1p sqrt cbrt sin cos tan sinh cosh tanh floor ceil"
_LIBRARY += " trunc rint fabs fmax fmin"
_RENAMED = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}
_RENAMED |= {"arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh"}
for _name, _c_name in (_RENAMED | {name: name for name in _LIBRARY.split()}).items():
    _arguments = ", ".join(f"{{{i}}}" for i in range(getattr(np, _name).nin))
    ENTRY_BY_ENTRY[getattr(np, _name)] = ("f", f"{_c_name}S({_arguments})")

ENTRY_BY_ENTRY[erf] = ("f", "erfS({0})")
ENTRY_BY_ENTRY[normal_cdf] = ("f", "(erfcS({0} / TYPE(-1.4142135623730951)) / 2)")

PRELUDE = r"""#include <math.h>
#include <stdint.h>
#include <string.h>
#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif
#define NOINLINE __attribute__((noinline))
#define INLINE inline __attribute__((always_inline))
#define ALIGNED __attribute__((aligned(64)))
/* One comparison, where b is a constant. */
#define LARGER(a, b) ((a) < (b) || (b) != (b) ? (b) : (a))
#define SMALLER(a, b) ((a) > (b) || (b) != (b) ? (b) : (a))
/* Products of matrices multiply and add at once, as BLAS does. */
#ifdef __clang__
#define PRODUCT
#define CONTRACTED _Pragma("clang fp contract(fast)")
#else
#define PRODUCT __attribute__((optimize("fp-contract=fast")))
#define CONTRACTED
#endif
#define VECTORS(real, size, n) \
  typedef real real##n __attribute__((vector_size(n * size), aligned(size), may_alias));
VECTORS(double, 8, 2) VECTORS(double, 8, 4) VECTORS(double, 8, 8)
VECTORS(float, 4, 2) VECTORS(float, 4, 4) VECTORS(float, 4, 8) VECTORS(float, 4, 16)
/* Where libm has versions for vectors, loops use them; these are within 4 units in the last
   place. */
#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__clang__)
#if __GLIBC_PREREQ(2, 35)
#define IN_VECTORS(name) \
  __attribute__((simd("notinbranch"), const)) double name(double); \
  __attribute__((simd("notinbranch"), const)) float name##f(float);
IN_VECTORS(exp) IN_VECTORS(exp2) IN_VECTORS(expm1) IN_VECTORS(log) IN_VECTORS(log2)
IN_VECTORS(log10) IN_VECTORS(log1p) IN_VECTORS(sin) IN_VECTORS(cos) IN_VECTORS(tan)
IN_VECTORS(sinh) IN_VECTORS(cosh) IN_VECTORS(tanh) IN_VECTORS(asin) IN_VECTORS(acos)
IN_VECTORS(atan) IN_VECTORS(asinh) IN_VECTORS(acosh) IN_VECTORS(atanh)
#endif
#endif
static inline double logaddexp(double a, double b) {
  const double gap = a - b;
  return a == b ? a + M_LN2 : gap > 0 ? a + log1p(exp(-gap)) : b + log1p(exp(gap));
}
static inline float logaddexpf(float a, float b) {
  const float gap = a - b;
  return a == b ? a + (float)M_LN2 : gap > 0 ? a + log1pf(expf(-gap)) : b + log1pf(expf(gap));
}
"""
"""What a file in C begins with."""

Form = tuple[str, tuple[np.dtype[Any], ...]]
"""An expression in `{0}`, `{1}`, ..., and the dtypes that these are given in."""


def form_of(function: Any, arguments: tuple[Any, ...], dtype: np.dtype[Any]) -> Form | None:
    """How C writes a function of arguments with a dtype, or of numbers; None if it does not.

    >>> class array:
    ...     dtype = np.dtype(np.float32)
    >>> form_of(np.exp, (array,), array.dtype)
    ('expf({0})', (dtype('float32'),))
    """
    if function is np.where and len(arguments) == 3:
        condition = np.result_type(arguments[0])
        known = condition in C_TYPES
        return ("({0} != 0 ? {1} : {2})", (condition, dtype, dtype)) if known else None
    if function in (astype, np.copy):
        return _cast(arguments[0].dtype, dtype)
    if function not in ENTRY_BY_ENTRY or len(arguments) != getattr(function, "nin", 1):
        return None
    kinds, text = ENTRY_BY_ENTRY[function]
    given: list[Any] = [x.dtype if hasattr(x, "dtype") else type(x) for x in arguments]
    loop, result = given, given[0]
    if isinstance(function, np.ufunc):
        try:
            *loop, result = function.resolve_dtypes((*given, None))
        except TypeError:
            return None
    if len({*loop}) > 1 or not all(_fits(x, loop[0]) for x in arguments):
        return None
    if result != dtype or any(x not in C_TYPES or x.kind not in kinds for x in loop):
        return None
    if function is np.power:
        text = _power(arguments[1]) or text
    single = loop[0] == np.float32
    text = text.replace("S(", "f(" if single else "(").replace("TYPE", "(float)" if single else "")
    return text, tuple(loop)


def _fits(value: Any, dtype: Any) -> bool:
    """Whether a dtype has a number; what is compared with one that it has not, NumPy knows."""
    if dtype.kind not in "iu" or not isinstance(value, int):
        return True
    return bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)


def _cast(have: np.dtype[Any], want: np.dtype[Any]) -> Form | None:
    if want.kind == "b":
        return "({0} != 0)", (have,)
    # What is too large for a whole number is undefined in C.
    return ("{0}", (want,)) if want.kind == "f" or have.kind in "biu" else None


def _power(exponent: Any) -> str | None:
    """A small power as products; as NumPy has it, a square root and a reciprocal."""
    if not isinstance(exponent, int | float):
        return None
    if exponent in (2, 3, 4):
        return "(" + " * ".join(["{0}"] * int(exponent)) + ")"
    return {1: "{0}", -1: "(1 / {0})", 0.5: "sqrtS({0})"}.get(exponent)


def literal(value: Any, dtype: np.dtype[Any]) -> str:
    """A number as C writes it, exactly.

    >>> literal(0.1, np.dtype(np.float32)), literal(-np.inf, np.dtype(float))
    ('0x1.99999a0000000p-4f', '(-INFINITY)')
    """
    if dtype.kind != "f":
        whole = int(dtype.type(value))
        return f"({whole})" if whole < 0 else f"{whole}"
    with np.errstate(over="ignore"):
        number = float(dtype.type(value))
    if math.isfinite(number):
        text = number.hex() + ("f" if dtype == np.float32 else "")
        return f"({text})" if text[0] == "-" else text
    return "NAN" if math.isnan(number) else "INFINITY" if number > 0 else "(-INFINITY)"


REDUCTIONS: dict[Any, tuple[str, str, str]] = {
    np.sum: ("iuf", "0", "{0} + {1}"),
    np.prod: ("iuf", "1", "{0} * {1}"),
    np.max: ("iuf", "-INFINITY", "LARGER({1}, {0})"),
    np.min: ("iuf", "INFINITY", "SMALLER({1}, {0})"),
    np.any: ("b", "0", "{0} | {1}"),
    np.all: ("b", "1", "{0} & {1}"),
}
"""By function: the kinds of entries it is written for, what it starts from, and a step of it."""
REDUCTIONS |= {np.amax: REDUCTIONS[np.max], np.amin: REDUCTIONS[np.min]}
