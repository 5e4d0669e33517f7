"""NumPy's protocols: what a function of NumPy's, or of another library, does with a tensor.

Of keywords those at their defaults say nothing, and dtype= is a conversion before.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from autograd_lite.derivatives import is_of_scipy, row_of
from autograd_lite.derivatives.shaping import array_of, astype
from autograd_lite.engine import apply, computed
from autograd_lite.errors import AutogradError, MutationError, UnsupportedError, describe
from autograd_lite.foreign import admit, is_labelled, is_sequence
from autograd_lite.modes import give, take, taken, watching
from autograd_lite.node import FIRST, NO_KEYWORDS, NONE, Array, Node, plain
from autograd_lite.operation import Operation
from autograd_lite.refusals import (
    FAILURES,
    asking_function,
    raise_explained,
    refused_conversion,
)
from autograd_lite.table import COMPOSED, TABLE, WITHOUT_DERIVATIVE, positional
from autograd_lite.trees import leaves_of, map_tree


class NumPyProtocol(Node):
    """A node that functions can be given in place of an array."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if not keywords and len(inputs) == 1 and method == "__call__" and ufunc in TABLE:
            wanted = FIRST if self._requires_grad else NONE
            return computed(TABLE[ufunc], inputs, (self._array,), NO_KEYWORDS, wanted, self.lent)
        if "out" in keywords:
            raise MutationError(
                f"np.{ufunc.__name__}{describe(inputs)} into an existing array",
                "a change in place is not recorded",
                f"Write array = np.{ufunc.__name__}(...), which makes a new one",
            )
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        try:
            if (operation := TABLE.get(function)) and not keywords:
                return apply(operation, (*map(operand, inputs),), NO_KEYWORDS)
            return _dispatch(function, inputs, keywords)
        except UnsupportedError:
            if ufunc.signature is None and method == "__call__" and any(map(is_labelled, inputs)):
                return NotImplemented
            raise

    def __array_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        return _dispatch(function, arguments, keywords)


def _dispatch(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Apply a NumPy function that was given a tensor somewhere."""
    operation = TABLE.get(function) or row_of(function)
    if operation is None or operation.sequence or keywords:
        attempted = f"{function.__name__} of"
        arguments = tuple(admit(value, attempted) for value in arguments)
        keywords = {name: admit(value, attempted) for name, value in keywords.items()}
    if operation is None and function in WITHOUT_DERIVATIVE:
        return give(function, arguments, keywords, _by_numpy(function, arguments, keywords))
    if keywords or len(arguments) > 2:
        arguments, keywords = understood(function, arguments, keywords)
    implementation = COMPOSED.get(function)
    if operation is None and implementation is not None:
        return _composed(function, implementation, arguments, keywords)
    if keywords:
        # Arrays and lists too: what they are changed to before backward is noticed at positions.
        moved = (Node, np.ndarray, list)
        arguments, keywords = positional(function, arguments, keywords, moved)
    if operation is None:
        if _changes_arrays(function) or _have_floats(arguments):
            raise _without_row(function, arguments)
        return give(function, arguments, keywords, _by_numpy(function, arguments, keywords))
    differentiable = len(operation.vjps)
    if operation.sequence:
        arguments, keywords = _spread(function, operation, arguments, keywords)
        differentiable = len(arguments)
    arguments = (*map(operand, arguments[:differentiable]), *arguments[differentiable:])
    return apply(operation, arguments, keywords)


def _composed(function: Any, implementation: Any, arguments: Any, keywords: Any) -> Any:
    """What a function of NumPy's gives that is made of others."""
    if not _have_floats((arguments, keywords)):
        # Nothing is differentiated; and it knows which count as floats, and which wrap around.
        outcome = _by_numpy(function, arguments, keywords)
        if not any(map(np.iscomplexobj, leaves_of(outcome))):
            return _as_tensors(outcome, function, arguments, keywords)
    if taken.get() is not None:
        arguments, keywords = map_tree(_noted, (arguments, keywords))
    watch = watching.get()
    if watch:
        implementation = watch.within(function, implementation)
    try:
        return implementation(*arguments, **keywords)
    except FAILURES as error:
        raise_explained(error, function.__name__, arguments, keywords)


def _by_numpy(function: Any, arguments: Any, keywords: Any) -> Any:
    """What it gives of the arrays of tensors."""
    plain_keywords = map_tree(plain, keywords)
    try:
        return function(*map_tree(plain, arguments), **plain_keywords)
    except FAILURES as error:
        raise_explained(error, function.__name__, arguments, keywords)


def _have_floats(values: Any) -> bool:
    """Whether there are tensors of floats among what a function is given."""
    kinds = [x._array.dtype.kind for x in leaves_of(values) if isinstance(x, Node)]
    return "f" in kinds


def _as_tensors(outcome: Any, function: Any, arguments: Any, keywords: Any) -> Any:
    """What a function gives of plain arrays, as if it were computed from tensors."""
    tensors = map_tree(Node.tensor_class, outcome)
    for place, tensor in enumerate(leaves_of(tensors)):
        one = function if tensor is tensors else _part(function, place)
        take(one, arguments, keywords, tensor)
    return tensors


def _part(function: Any, place: int) -> Any:
    """One of several results of a function."""
    return lambda *arguments, **keywords: function(*arguments, **keywords)[place]


def _spread(
    function: Any, operation: Operation, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """np.stack(tensors, axis) becomes stack(*tensors, axis=axis)."""
    names = operation.compute.__kwdefaults__ or {}
    if len(arguments) > 1 + len(names):
        raise UnsupportedError(
            f"{full_name(function)}{describe(arguments, keywords)}",
            f"only {', '.join(names)} may follow the arrays",
            "Leave the others out; out= cannot be differentiated",
        )
    return tuple(arguments[0]), {**dict(zip(names, arguments[1:])), **keywords}


def _noted(value: Any) -> Any:
    """An array as a tensor: what is computed from that is noted where it is not recorded."""
    floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return Node.tensor_class(value) if floats else value  # type: ignore[call-arg] # that of the subclass Tensor


def full_name(function: Any) -> str:
    """np.tanh, np.linalg.inv; other libraries' functions with the names of their modules.

    >>> full_name(np.linalg.inv)
    'np.linalg.inv'
    """
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{full_name(owner)}.{function.__name__}"
    of_numpy = getattr(function, "__module__", None) or "numpy"
    module = "scipy.special" if is_of_scipy(function) else of_numpy
    return f"{module}.{function.__name__}".replace("numpy.", "np.", 1)


_IN_PLACE = {np.put, np.place, np.putmask, np.copyto, np.fill_diagonal, np.put_along_axis}

_OF_METHODS = {
    "reduce": "functools.reduce({}, x), which takes the entries along the first axis in turn",
    "accumulate": "np.stack([*itertools.accumulate(x, {})])",
    "reduceat": "np.stack([{}.reduce(x[a:b]) for a, b in zip(places, [*places[1:], len(x)])]), for "
    "growing places",
    "outer": "{}(a[:, None], b)",
}
"""Methods of ufuncs, and what to write for those of a ufunc."""


def _changes_arrays(function: Any) -> bool:
    return function in _IN_PLACE or full_name(function).endswith(".at")


def _without_row(function: Any, arguments: tuple[Any, ...]) -> AutogradError:
    for tensor in leaves_of(arguments):
        if isinstance(tensor, Node) and asking_function():
            return refused_conversion(tensor, "an array", "")
    name = full_name(function)
    if _changes_arrays(function):
        return MutationError(
            f"{name}{describe(arguments)}",
            "it changes an array in place, which is not recorded",
            "Write what makes a new one, np.where(mask, values, x) or x + np.where(...); to update "
            f"a parameter, {name}(x.data, ...)",
        )
    ufunc, _, method = name.rpartition(".")
    if method in _OF_METHODS:
        return UnsupportedError(
            f"{name}{describe(arguments)}",
            f"{method} is differentiated of some functions only",
            f"Write {_OF_METHODS[method].format(ufunc)}",
        )
    return UnsupportedError(
        f"{name}{describe(arguments)}",
        "it has no row in the table of derivatives",
        "Give it tensor.data if no gradient is to flow, or add a row: "
        f"autograd_lite.define({name}, vjp)",
    )


def operand(value: Any) -> Any:
    """Sequences, also nested and of tensors, as the array they mean."""
    if type(value) is ndarray:
        return value
    return array_of(value) if is_sequence(type(value)) else value  # type: ignore[arg-type] # mypy: a type is not hashable


_UNSIGNED: dict[Callable[..., Any], Callable[..., Any]] = {
    np.dot: lambda a, b, out=None: ...,
    np.concatenate: lambda arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind": ...,
}
"""Functions that had no signature before NumPy 2.4, and the signature that they have since."""

_UNNAMED: dict[Callable[..., Any], dict[str, Any]] = {
    np.einsum: {"dtype": None, "order": "K", "casting": "safe"},
}
"""Keywords that a signature has no names for, and their defaults."""

# Those of ufuncs and their methods, which had no signature before NumPy 2.4.
_OF_UFUNCS: dict[str, Any] = {
    "where": True,
    "casting": "same_kind",
    "order": "K",
    "subok": True,
    "dtype": None,
    "signature": None,
    "out": None,
}
_LAST = frozenset({"dtype", "out", "copy", "subok", "order", "kind", "casting", "where", "initial"})


_Signature = tuple[tuple[str, ...], dict[str, Any], int]
"""What NumPy says of the arguments of a function: their names, none where positions do not tell
them; defaults; and the position of the first argument that may not matter to a derivative."""


@functools.cache
def _signature(function: Callable[..., Any]) -> _Signature:
    owner = getattr(function, "__self__", function)
    if isinstance(owner, np.ufunc):
        of_methods = ("array", "axis", "dtype", "out", "keepdims")
        names = of_methods if function in (owner.reduce, owner.accumulate) else ()
        return names, _OF_UFUNCS | {"keepdims": False}, 2
    try:
        parameters = inspect.signature(_UNSIGNED.get(function, function)).parameters
    except ValueError:
        return (), _OF_UFUNCS, 0
    by_position = all(p.kind is not p.VAR_POSITIONAL for p in parameters.values())
    optional = [i for i, name in enumerate(parameters) if i and name in _LAST]
    defaults = {
        name: _OF_UFUNCS.get(name) if p.default is np._NoValue else p.default
        for name, p in parameters.items()
        if p.default is not p.empty
    }
    defaults |= _UNNAMED.get(function, {})
    return tuple(parameters) if by_position else (), defaults, min(optional, default=99)


def _is_default(value: Any, default: Any) -> bool:
    """Whether a value is the default; arrays are compared with nothing."""
    same = isinstance(value, str | int) and value == default
    return value is default or value is np._NoValue or same


def understood(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call without what NumPy would do anyway, the first argument at its position.

    And with dtype= as a conversion.

    >>> understood(np.sum, (np.ones(2), 0, None), {"out": None, "keepdims": True})
    ((array([1., 1.]), 0), {'keepdims': True})
    """
    names, defaults, optional = _signature(function)
    if not arguments and names and names[0] in keywords:
        # Rows and what functions are made of may call it otherwise, and dtype= is to convert it.
        arguments = (keywords[names[0]],)
        keywords = {name: value for name, value in keywords.items() if name != names[0]}
    if optional < len(arguments) <= len(names):
        keywords = {**dict(zip(names[optional:], arguments[optional:])), **keywords}
        arguments = arguments[:optional]
    keywords = {
        name: value
        for name, value in keywords.items()
        if name not in defaults or not _is_default(value, defaults[name])
    }
    made_of = None if function in TABLE else COMPOSED.get(function)
    if "dtype" in keywords and not _has_dtype(made_of):
        try:
            dtype = np.dtype(keywords.pop("dtype"))
        except TypeError as error:
            raise_explained(error, function.__name__, arguments, keywords)
        if dtype.kind != "f":
            raise UnsupportedError(
                f"{function.__name__}{describe(arguments)} with dtype={dtype}",
                "what is not of floats cannot be differentiated",
                "Leave dtype= out, or give it tensor.data",
            )
        if isinstance(function, np.ufunc):
            arguments = tuple(np.asarray(x) if isinstance(x, list) else x for x in arguments)
        arguments = map_tree(lambda value: _converted(value, dtype), arguments)
    if keywords and isinstance(function, np.ufunc) and function.signature is None:
        raise UnsupportedError(
            f"np.{function.__name__}{describe(arguments)} with {', '.join(keywords)}=",
            "these keyword arguments of elementwise functions are not recorded",
            "Leave them out; np.where selects entries",
        )
    return arguments, keywords


@functools.cache
def _has_dtype(implementation: Callable[..., Any] | None) -> bool:
    return implementation is not None and "dtype" in inspect.signature(implementation).parameters


def _converted(value: Any, dtype: np.dtype) -> Array:
    """An array or a tensor of numbers with another dtype, anything else as it is."""
    numbers = getattr(getattr(value, "dtype", None), "kind", "") == "f"
    return astype(value, dtype) if numbers else value
