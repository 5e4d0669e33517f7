"""Calls of functions on arrays in C, and the names by which functions go."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives.cross_entropies import are_shares
from autograd_lite.derivatives.indexing import _repeats
from autograd_lite.derivatives.special import density, gelu, gelu_slope, normal_cdf
from autograd_lite.errors import AutogradError
from autograd_lite.program.c_arrays import Array, Kept, Moving
from autograd_lite.program.expressions import Tape, Template
from autograd_lite.program.program import mapped, row_of
from autograd_lite.program.templates import definition_of
from autograd_lite.table import TABLE


class Call(NamedTuple):
    """A call of a function, with arrays in C in place of steps, and what it gives."""

    function: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    shape: Any
    dtype: Any

    def values(self, *kinds: type) -> list[Any]:
        """The arguments of some kinds, within lists and tuples too, in order."""
        found: list[Any] = []
        mapped(found.append, [*self.arguments, *self.keywords.values()])
        return [x for x in found if isinstance(x, kinds)]

    @property
    def alone(self) -> bool:
        """Whether its first argument is the only array."""
        return len(self.values(Array, Kept)) == 1 and isinstance(self.arguments[0], Array)


def named_call(call: Call) -> Call:
    """The call of the function that has a form, where it is called by another name."""
    if isinstance(call.function, functools.partial) and not call.function.args:
        return call._replace(function=call.function.func)
    row = row_of(call.function)
    if row is None or row.function is call.function:
        return call
    arguments = ([*call.arguments],) if row.sequence else call.arguments
    return call._replace(function=row.function, arguments=arguments)


def reduced_axes(call: Call) -> tuple[tuple[int, ...], bool] | None:
    """The axes over which a call reduces, and whether it keeps them; None if it does otherwise."""
    keywords = dict(call.keywords)
    keywords.update(zip(("axis",), call.arguments[1:]))
    if keywords.pop("dtype", None) not in (None, call.dtype) or len(call.arguments) > 2:
        return None
    axis, keep = keywords.pop("axis", None), keywords.pop("keepdims", False)
    if keywords:
        return None
    ndim = len(call.arguments[0].shape)
    chosen = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(int(x) % ndim for x in chosen if ndim), keep


def chooses(index: Any) -> bool:
    """Whether arrays in an index name entries twice, or are of booleans."""
    one = index[0] if isinstance(index, Moving) else index
    parts = one if isinstance(one, tuple) else (one,)
    masks = any(getattr(part, "dtype", type(part)) in (bool, np.dtype(bool)) for part in parts)
    return masks or _repeats(one)


# Functions as others of the table make them up


def _mean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    a = a if a.dtype.kind == "f" else a.astype(float)  # of whole numbers the sum may be too large
    total = np.sum(a, axis=axis, keepdims=keepdims)
    return total / (a.size // max(total.size, 1))


def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    a = a if a_min is None else np.maximum(a, a_min)
    return a if a_max is None else np.minimum(a, a_max)


def _gelu(x: Any) -> Any:
    return np.maximum(x, -40) * normal_cdf(x), _gelu_slope(x)


def _gelu_slope(x: Any) -> Any:
    return normal_cdf(x) + np.clip(x, -40, 40) * density(x)


WRITTEN_OUT: dict[Any, Callable[..., Any]] = {
    # With what they keep for their rules, where they do.
    np.mean: _mean,
    np.clip: _clip,
    are_shares: lambda x: np.logical_not((x.min() < 0) | (x.max() > 1)),
    gelu: _gelu,
    gelu_slope: _gelu_slope,
}


def simpler_of(function: Any) -> Callable[..., Any] | None:
    """What a function does, in simpler ones, if that is known."""
    row = TABLE.get(function)
    return WRITTEN_OUT.get(function) or (definition_of(row) if row else None)


def template_of(call: Call, definition: Callable[..., Any]) -> Template | None:
    """The calls that a function makes, given arrays like those of a call."""
    arrays = [np.ones(x.shape, x.dtype) for x in call.values(Array)]
    tape = Tape(call.function.__name__, arrays)
    rest = iter(tape.given)

    def own(value: Any) -> Any:
        return next(rest) if isinstance(value, Array) else value

    arguments, keywords = mapped(own, call.arguments), mapped(own, call.keywords)
    try:
        result = tape.run(lambda *_: definition(*arguments, **keywords))
        whole = call.shape is None or not isinstance(result, tuple)
        if whole and isinstance(result, tuple) and any(x is None for x in result):
            return None  # It keeps nothing here, and something for its rules when it is called.
        template = tape.template({0: result if whole else result[0]})
    except (AutogradError, TypeError, ValueError, AttributeError):
        return None  # It changes arrays in place, or asks for more than an array within a rule has.
    is_simpler = all(step.function is not call.function for step in template.steps)
    return template if is_simpler and not template.looks else None


def kind_of(value: Any) -> Any:
    """What tells arguments apart for which a function may do otherwise."""
    return (value.shape, value.dtype) if isinstance(value, Array) else (type(value), value)
