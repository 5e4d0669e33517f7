"""The gate for other libraries' arrays: what stays, what becomes an array, what is refused."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, MappingView, Set
from typing import Any

import numpy as np

from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.trees import nested_without_end

_REFUSED = {
    "torch": "x.detach().numpy()",
    "jax": "np.asarray(x)",
    "jaxlib": "np.asarray(x)",
    "tensorflow": "x.numpy()",
    "mygrad": "x.data",
    "autograd": "np.asarray(x._value)",
    "tinygrad": "x.numpy()",
    "mxnet": "x.asnumpy()",
    "micrograd": "x.data",
    "scipy.sparse": "x.toarray()",
    "sparse": "x.todense()",
    "numpy.ma": "x.filled(0)",
    "xarray": "x.to_numpy()",
    "pyarrow": "x.to_numpy()",
}
"""By the module of a type: how its values are made arrays, by whoever knows what they are."""

_FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "jaxlib")
"""Whose functions take no other tensors than their own."""

_ENCODE = {
    "pandas": "pandas.get_dummies(frame), pandas.factorize(labels)[0], series.astype(float)",
    "polars": "frame.to_dummies(), series.cast(float)",
}
"""Whose columns are arrays, whatever their labels, and what makes numbers of others there."""

_ARRAYS = (np.matrix, np.memmap, np.recarray, memoryview)
"""Arrays that calculate, or are kept, otherwise than all others."""


_OBJECTS = (Iterator, MappingView, Set)
"""What holds numbers, of which NumPy makes no array of them."""


PLAIN = {np.ndarray, np.float64, np.float32, float, int, bool, str, type(None)}
"""Types of what stays as it is, to be asked first: most of what is given. Tensors are added."""


def admit(value: Any, attempted: str) -> Any:
    """What is to be computed with: the value itself, or the plain array that it means.

    The columns of pandas and polars count by position, never by label, and what is missing in
    them is NaN. What speaks NumPy's protocols otherwise stays what it is, as a Dask or CuPy array.
    Lists and tuples are looked through: NumPy would make numbers of whatever is in them.

    Raises:
        UnsupportedError: it is masked or sparse, another framework's, or no numbers.

    >>> admit(np.array([[1.0, 2.0]]).view(np.matrix), "multiply of")
    array([[1., 2.]])
    >>> admit(np.ma.masked_array([1.0, 2.0], [False, True]), "multiply of")
    Traceback (most recent call last):
        ...
    autograd_lite.errors.UnsupportedError: multiply of numpy.ma.MaskedArray (2,): what it knows \
besides its numbers would be lost. Write x.filled(0) in place of x
    """
    if type(value) in PLAIN:
        return value
    if isinstance(value, list | tuple):
        return _admitted_parts(value, attempted)
    make = _gate(type(value))  # type: ignore[arg-type] # mypy: a type is not hashable
    return value if make is None else make(value, attempted)


def _admitted_parts(values: Any, attempted: str) -> Any:
    kinds = set(map(type, values))
    if kinds.isdisjoint((list, tuple)) and all(_gate(kind) is None for kind in kinds):
        return values
    try:
        parts = [admit(part, attempted) for part in values]
    except RecursionError:
        _, reason, remedy = nested_without_end(values).args
        attempted = f"{attempted} {type(values).__name__}"
        raise UnsupportedError(attempted, f"it is no array: {reason}", remedy) from None
    return parts if isinstance(values, list) else tuple(parts)


def require_unmasked(value: Any, attempted: str) -> None:
    """Raise an UnsupportedError for a masked array, or a list of them; all else is let through."""
    parts = value if isinstance(value, list | tuple) else [value]
    if any(map(np.ma.isMaskedArray, parts)):
        admit(value, attempted)


@functools.lru_cache(maxsize=512)
def _gate(kind: type) -> Callable[[Any, str], Any] | None:
    """What makes plain arrays of the values of a type; None if they stay what they are."""
    if issubclass(kind, int | float | tuple | list | dict | str | np.generic):
        return None
    if issubclass(kind, _OBJECTS):
        return functools.partial(_refuse_object, "list(x)")
    for base in kind.__mro__:
        package, _, rest = base.__module__.partition(".")
        subpackage = f"{package}.{rest.partition('.')[0]}"
        remedy = _REFUSED.get(package) or _REFUSED.get(subpackage)
        if remedy and hasattr(base, "__mul__"):
            return functools.partial(_refuse, base, remedy)
        if package in _ENCODE and hasattr(base, "collect"):
            return functools.partial(_refuse_object, "x.collect()")
        if package in _ENCODE and hasattr(base, "to_numpy") and hasattr(base, "shape"):
            return _from_columns
        if package == "dask" and hasattr(base, "_meta"):
            return _require_plain_blocks
        if base in _ARRAYS:
            return lambda value, attempted: np.asarray(value)
    return None


@functools.lru_cache(maxsize=512)
def is_sequence(kind: Any) -> bool:
    """Whether values of a type are no arrays, and NumPy makes one of their items.

    >>> is_sequence(list), is_sequence(range), is_sequence(str), is_sequence(np.ndarray)
    (True, True, False, False)
    """
    if issubclass(kind, str | bytes) or hasattr(kind, "dtype") or hasattr(kind, "keys"):
        return False
    return hasattr(kind, "__getitem__") and hasattr(kind, "__len__") and _gate(kind) is None


def comes_by_number(value: Any) -> bool:
    """Whether its items come by their numbers alone, of which Python may find no end.

    >>> comes_by_number([1.0]), comes_by_number(type("", (), {"__getitem__": 1, "__len__": 1})())
    (False, True)
    """
    # Arrays of C have the last one.
    told = "__iter__", "__array__", "__array_interface__", "shape", "_type_"
    by_number = hasattr(value, "__getitem__") and hasattr(value, "__len__")
    return by_number and not any(hasattr(value, name) for name in told)


_HERE = {np.ndarray, np.float64, np.float32}
"""Types of what is on no graphics card, to be asked first."""


def is_on_card(array: Any) -> bool:
    """Whether an array, or that of a tensor, lies on a graphics card, as CuPy's do."""
    if type(array) in _HERE:
        return False
    held = getattr(array, "_array", array)
    return type(held) not in _HERE and hasattr(held, "__cuda_array_interface__")


def require_here(attempted: str, *arrays: Any) -> None:
    """Raise an UnsupportedError if an array, or that of a tensor, lies on a graphics card."""
    for array in arrays:
        if is_on_card(array):
            raise UnsupportedError(
                f"{attempted} {describe_one(array)}",
                "it lies on a graphics card, and this computes with NumPy's arrays alone",
                "Give x.get(); of a model, write tensor.data = tensor.data.get() for its "
                "parameters and buffers",
            )


def on_host(array: Any) -> Any:
    """The array as one of NumPy's."""
    return array.get() if is_on_card(array) else np.asarray(array)


def beside(array: Any, other: Any) -> Any:
    """An array of NumPy's, or a number, on the card on which another array, or a tensor's, lies.

    There, arrays compute with each other only. Others are returned as they are.
    """
    if not is_on_card(other):
        return array
    return np.asarray(array, like=getattr(other, "_array", other))


def framework_of(function: Any) -> str | None:
    """The framework with whose tensors alone a function computes; None for those of others."""
    owner = getattr(function, "__self__", None)
    kinds = [*type(function).__mro__, *(owner if isinstance(owner, type) else type(owner)).__mro__]
    modules = [getattr(function, "__module__", None) or "", *[kind.__module__ for kind in kinds]]
    packages = [module.partition(".")[0] for module in modules]
    return next((package for package in packages if package in _FRAMEWORKS), None)


def is_labelled(value: Any) -> bool:
    """Whether it is refused for its labels, but computes entry by entry with tensors itself."""
    return any(base.__module__.partition(".")[0] == "xarray" for base in type(value).__mro__)


def _refuse(kind: type, remedy: str, value: Any, attempted: str) -> Any:
    package = kind.__module__.partition("._")[0].removesuffix(".core")
    shape = tuple(getattr(value, "shape", ()))
    raise UnsupportedError(
        f"{attempted} {package}.{type(value).__name__} {shape}",
        "what it knows besides its numbers would be lost",
        f"Write {remedy} in place of x",
    )


def _require_plain_blocks(value: Any, attempted: str) -> Any:
    """A Dask array itself; an UnsupportedError if its blocks are masked or sparse."""
    make = _gate(type(value._meta))  # type: ignore[arg-type] # mypy: a type is not hashable
    if isinstance(make, functools.partial) and make.func is _refuse:
        raise UnsupportedError(
            f"{attempted} a Dask array {value.shape} with blocks of {type(value._meta).__name__}",
            "what they know besides their numbers would be lost",
            f"Write x.map_blocks(lambda x: {make.args[1]}) in place of x",
        )
    return value


def _refuse_object(remedy: str, value: Any, attempted: str) -> Any:
    raise UnsupportedError(
        f"{attempted} {type(value).__name__}",
        "it is no array, and NumPy would take it for a single object",
        f"Write {remedy} in place of x",
    )


def _is_numeric(kind: Any) -> bool:
    return re.match(r"u?int\d|float|bool", str(kind), re.IGNORECASE) is not None


def _is_time(kind: Any) -> bool:
    """Of polars, which makes whole numbers of dates, of some unit, beside others."""
    return re.match("Date|Duration|Time", str(kind)) is not None


def _from_columns(value: Any, attempted: str) -> Any:
    """The array of a pandas or polars object, with NaN where something is missing."""
    package = type(value).__module__.partition(".")[0]
    described = f"{attempted} {package}.{type(value).__name__}"
    kinds = np.atleast_1d(value.dtypes if hasattr(value, "dtypes") else value.dtype)
    numeric = all(map(_is_numeric, kinds))
    try:
        array = np.empty(0, object) if any(map(_is_time, kinds)) else value.to_numpy()
    except Exception as error:  # as of whole numbers of 128 bits, in words of its own
        reason, remedy = f"{error}".rstrip("."), f"Encode it as numbers: {_ENCODE[package]}"
        raise UnsupportedError(described, reason, remedy) from error
    if array.dtype.kind == "O" and numeric and getattr(value, "nlevels", 1) == 1:
        # Columns of several types, or with gaps among whole numbers.
        of_pandas = package == "pandas"
        array = value.to_numpy(dtype=float, na_value=np.nan) if of_pandas else array.astype(float)
    if array.dtype.kind not in "fiub":
        odd = [name for name, k in zip(getattr(value, "columns", ()), kinds) if not _is_numeric(k)]
        columns = f": not so {', '.join(map(repr, odd[:5]))}" if odd else ""
        raise UnsupportedError(
            f"{described} {value.shape}",
            f"it is of {array.dtype}, not of numbers alone{columns}",
            f"Leave out the columns that are no numbers, or encode them: {_ENCODE[package]}",
        )
    return array
