"""Which rows of the table compute with the functions of the array API standard alone.

https://data-apis.org/array-api; the arrays are those of array-api-strict, which has nothing else.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import array_api_strict as standard
import numpy as np

from autograd_lite import Tensor
from autograd_lite.node import plain
from autograd_lite.textbook.numpy_source import full_name

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "autograd_lite"))
from samples import SAMPLES
from sampling import Sample

NAMES = {
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "tan2")},
    **{"absolute": "abs", "power": "pow", "invert": "bitwise_invert", "rint": "round"},
    **{"concatenate": "concat", "conjugate": "conj", "true_divide": "divide"},
}
"""What functions of NumPy are called there, where that differs."""


KEYWORD = inspect.Parameter.KEYWORD_ONLY


class Lacking(TypeError):
    """What NumPy's function is given has no counterpart there."""


def there(value: Any) -> Any:
    """Arrays as those of the standard, also in lists and tuples."""
    if isinstance(value, StandardArray):
        return value.array
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return standard.asarray(value)
    return type(value)(map(there, value)) if isinstance(value, list | tuple) else value


def here(value: Any) -> Any:
    """The other way: as arrays that NumPy's functions are called with."""
    if isinstance(value, type(standard.asarray(0))):
        return StandardArray(value)
    if not isinstance(value, list | tuple):
        return value
    parts = [*map(here, value)]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def _along(name: str) -> Callable[..., Any]:
    return lambda x, axis=None, **named: getattr(standard, name)(
        standard.reshape(x, (-1,)) if axis is None else x, axis=0 if axis is None else axis, **named
    )


def _spread(name: str) -> Callable[..., Any]:
    return lambda x, axis=None, ddof=0, **named: getattr(standard, name)(
        x, axis=axis, correction=ddof, **named
    )


def _transpose(x: Any, axes: Any = None) -> Any:
    return standard.permute_dims(x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


def _swapaxes(x: Any, first: int, second: int) -> Any:
    order = [*range(x.ndim)]
    order[first], order[second] = order[second], order[first]
    return _transpose(x, order)


def _dot(a: Any, b: Any) -> Any:
    if not a.ndim or not b.ndim or b.ndim > 2:
        raise Lacking("dot of such arrays")
    return standard.matmul(a, b)


def _numpy_dtype(given: Any) -> Any:
    return np.dtype(str(given.dtype).rpartition(".")[2]) if hasattr(given, "dtype") else given


def _filled(number: Any) -> Callable[..., Any]:
    def filled(x: Any, dtype: Any = None, shape: Any = None) -> Any:
        kind = x.dtype if dtype is None else getattr(standard, np.dtype(dtype).name)
        return standard.full(x.shape if shape is None else shape, number, dtype=kind)

    return filled


OTHERWISE = {
    "transpose": _transpose,
    "swapaxes": _swapaxes,
    "dot": _dot,
    "cumsum": _along("cumulative_sum"),
    "cumprod": _along("cumulative_prod"),
    "var": _spread("var"),
    "std": _spread("std"),
    "zeros_like": _filled(0),
    "ones_like": _filled(1),
    "empty_like": _filled(0),
    "astype": lambda x, dtype, **_: standard.astype(x, getattr(standard, np.dtype(dtype).name)),
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
    "reshape": lambda x, shape, order="C": standard.reshape(
        x, (shape,) if isinstance(shape, int) else tuple(shape)
    ),
    "tile": lambda x, reps: standard.tile(x, (reps,) if isinstance(reps, int) else tuple(reps)),
    "result_type": lambda *given: np.result_type(*map(_numpy_dtype, given)),
    "copy": lambda x, order="K": standard.asarray(x, copy=True),
    "ravel": lambda x: standard.reshape(x, (-1,)),
    "squeeze": lambda x, axis=None: standard.squeeze(
        x, tuple(i for i, n in enumerate(x.shape) if n == 1) if axis is None else axis
    ),
}
"""What functions with other arguments there are made of."""


def counterpart(function: Any) -> Any:
    """The function there that does what NumPy's does."""
    name = function.__name__
    if name in OTHERWISE:
        return OTHERWISE[name]
    module = standard
    for part in getattr(function, "__module__", "numpy").split(".")[1:]:
        module = getattr(module, part, standard)
    found = getattr(module, NAMES.get(name, name), None)
    if found is None:
        raise Lacking(f"the standard lacks {full_name(function)}")
    return found


def _whole(index: Any) -> Any:
    """An index that says that further axes are whole."""
    parts = index if isinstance(index, tuple) else (index,)
    if not any(part is Ellipsis or hasattr(part, "dtype") for part in parts):
        parts = (*parts, Ellipsis)
    return there(parts)


def called(function: Any, given: Any, named: dict[str, Any]) -> Any:
    """What the counterpart of NumPy's function gives, with arguments by keyword where it wants so.

    Those that say what holds anyway are left out.
    """
    found = counterpart(function)
    given, named = there([*given]), {name: there(value) for name, value in named.items()}
    if function.__name__ not in OTHERWISE and not isinstance(function, np.ufunc):
        kinds = inspect.signature(found).parameters
        bound = inspect.signature(function).bind(*given, **named).arguments
        usual = inspect.signature(function).parameters
        told = {k: v for k, v in bound.items() if v is not usual[k].default}
        named = {k: v for k, v in told.items() if k in kinds and kinds[k].kind == KEYWORD}
        given = [value for name, value in told.items() if name not in named]
    return here(found(*given, **named))


class StandardArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the standard's, to whose functions NumPy's are handed on."""

    __hash__ = None

    def __init__(self, array: Any) -> None:
        self.array = array

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    T = property(lambda self: np.transpose(self))
    dtype = property(lambda self: _numpy_dtype(self.array))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise Lacking("arrays of the standard become none of NumPy's here")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        if any(isinstance(x, Tensor) for x in inputs):
            return NotImplemented
        if method != "__call__":
            raise Lacking(f"the standard lacks {ufunc.__name__}.{method}")
        (out,) = named.pop("out", (None,))
        result = called(ufunc, inputs, named)
        if out is None:
            return result
        out[...] = result
        return out

    def __array_function__(self, function: Any, types: Any, given: Any, named: Any) -> Any:
        if any(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        return called(function, given, named)

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name, None)
        if name == "real":
            return self
        if function is None or not callable(getattr(np.ndarray, name, None)):
            raise AttributeError(f"the standard's arrays have no {name}")
        if name == "reshape":
            return lambda *shape: np.reshape(self, shape[0] if len(shape) == 1 else shape)
        if name == "transpose":
            return lambda *axes: np.transpose(self, axes[0] if len(axes) == 1 else axes or None)
        return lambda *given, **named: function(self, *given, **named)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        return StandardArray(OTHERWISE["astype"](self.array, dtype))

    def item(self) -> Any:
        return np.asarray(self.array).item()

    def __getitem__(self, index: Any) -> Any:
        return StandardArray(self.array[_whole(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.array[_whole(index)] = there(value)

    def __len__(self) -> int:
        return self.array.shape[0]

    def __bool__(self) -> bool:
        return bool(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __iter__(self) -> Any:
        return (self[k] for k in range(len(self)))


class Outcome(NamedTuple):
    """Whether some sample of a row is computed, forward and backward, and else why not."""

    runs: bool
    reason: str = ""


def outcome(samples: Iterable[Sample]) -> Outcome:
    """What becomes of the samples of a row; an AssertionError if numbers are others."""
    reason = ""
    for sample in samples:
        try:
            found = _computed(sample, lambda array: StandardArray(standard.asarray(array)))
        except Exception as error:
            while error.__cause__ is not None:
                error = error.__cause__
            reason = reason or f"{type(error).__name__}: {error}"
            continue
        for one, other in zip(found, _computed(sample, np.array), strict=True):
            np.testing.assert_allclose(_numbers(one), other, rtol=1e-9, atol=1e-12)
        return Outcome(True)
    return Outcome(False, re.sub(r"\s+", " ", reason).replace("|", "or")[:120])


def _numbers(value: Any) -> Any:
    return np.asarray(value.array if isinstance(value, StandardArray) else value)


def _computed(sample: Sample, make: Callable[[Any], Any]) -> list[Any]:
    """The result, and the gradients of the sum of its squares."""
    tensors = [Tensor(make(array), requires_grad=True) for array in sample.arrays]
    result = sample.function(*tensors)
    results = result if isinstance(result, tuple | list) else [result]
    sum((each * each).sum() for each in results).backward()
    return [*map(plain, results), *[tensor.grad for tensor in tensors]]


def outcomes() -> dict[Any, Outcome]:
    """By function."""
    with np.errstate(all="ignore"):
        return {function: outcome(samples) for function, samples in SAMPLES.items()}


def pages() -> dict[str, str]:
    """One page with both lists."""
    found = outcomes()
    by_name = sorted(found, key=full_name)
    names = dict.fromkeys(full_name(function) for function in by_name if found[function].runs)
    runs = ", ".join(f"`{name}`" for name in names)
    rest = [
        f"| `{full_name(function)}` | {found[function].reason} |"
        for function in by_name
        if not found[function].runs
    ]
    text = [
        "# The array API standard",
        "Rules are NumPy code, so they compute with any array that implements NumPy's protocols. "
        "Here they are given arrays of array-api-strict, which have only "
        f"[the standard's functions](https://data-apis.org/array-api): {len(found) - len(rest)} of "
        f"{len(found)} functions compute a result and its gradients. "
        "`Tensor` converts an array of array-api-strict itself to NumPy.",
        f"## {len(found) - len(rest)} that do",
        f"{runs}.",
        f"## {len(rest)} that do not, with the first obstacle",
        "\n".join(["| function | reason |", "|---|---|", *rest]),
    ]
    return {"array_api": "\n\n".join(text) + "\n"}
