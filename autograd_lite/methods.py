"""The methods of a tensor: those of ndarray that have a row of the table, and activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.derivatives.reductions import Axis
from autograd_lite.derivatives.shaping import astype
from autograd_lite.engine import apply
from autograd_lite.node import NO_KEYWORDS
from autograd_lite.operators import Operators
from autograd_lite.refusals import explained
from autograd_lite.table import TABLE, activations

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_lite.tensor import Tensor

_apply: Callable[..., Tensor] = apply


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method that calls a NumPy function with the tensor as its first argument."""

    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return function(self, *arguments, **keywords)

    method.__name__ = function.__name__
    method.__doc__ = f"`np.{function.__name__}` of this tensor."
    return method


def _row(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """The method that applies a row of the table, without NumPy's detour."""
    operation = TABLE[function]

    def method(self: Any, *arguments: Any, **keywords: Any) -> Tensor:
        return _apply(operation, (self, *arguments), keywords)

    method.__name__ = function.__name__
    method.__doc__ = f"`{function.__name__}` of this tensor."
    return method


class Methods(Operators):
    """A node with the methods of its array."""

    __slots__ = ()

    # Those of training loops call the engine without NumPy's detour.

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """`np.sum` of this tensor."""
        return _apply(TABLE[np.sum], (self,), {"axis": axis, "keepdims": keepdims})

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """`np.mean` of this tensor."""
        return _apply(TABLE[np.mean], (self,), {"axis": axis, "keepdims": keepdims})

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """`np.max` of this tensor."""
        return _apply(TABLE[np.max], (self,), {"axis": axis, "keepdims": keepdims})

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """`np.min` of this tensor."""
        return _apply(TABLE[np.min], (self,), {"axis": axis, "keepdims": keepdims})

    def dot(self, other: Any) -> Tensor:
        """`np.dot` of this tensor and another."""
        return _apply(TABLE[np.dot], (self, other), NO_KEYWORDS)

    def reshape(self, *shape: Any) -> Tensor:
        """`np.reshape` of this tensor; takes a shape, or its lengths one by one."""
        return _apply(TABLE[np.reshape], (self, _unpacked(shape)), NO_KEYWORDS)

    def ravel(self) -> Tensor:
        """The entries in one axis."""
        return self.reshape(-1)

    def transpose(self, *axes: Any) -> Tensor:
        """`np.transpose` of this tensor; takes a tuple of axes, or them one by one."""
        order = _unpacked(axes) if axes else None
        return _apply(TABLE[np.transpose], (self, order), NO_KEYWORDS)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """`np.swapaxes` of this tensor."""
        return _apply(TABLE[np.swapaxes], (self, axis1, axis2), NO_KEYWORDS)

    def copy(self) -> Tensor:
        """A tensor with memory of its own, through which gradients flow."""
        return _apply(TABLE[np.copy], (self,), NO_KEYWORDS)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """A tensor of another floating dtype, through which gradients flow."""
        try:
            wanted = np.dtype(dtype)
        except TypeError as error:
            raise explained(error, "astype", (self, dtype), NO_KEYWORDS) from error
        return _apply(TABLE[astype], (self, wanted), NO_KEYWORDS)

    prod = _method(np.prod)
    var = _method(np.var)
    std = _method(np.std)
    cumsum = _method(np.cumsum)
    cumprod = _method(np.cumprod)
    clip = _method(np.clip)
    round = _method(np.round)
    squeeze = _method(np.squeeze)
    repeat = _method(np.repeat)
    take = _method(np.take)
    diagonal = _method(np.diagonal)
    trace = _method(np.trace)
    argmax = _method(np.argmax)
    argmin = _method(np.argmin)
    argsort = _method(np.argsort)
    all = _method(np.all)
    any = _method(np.any)
    nonzero = _method(np.nonzero)

    def flatten(self) -> Tensor:
        """The entries in one axis, in memory of their own."""
        return self.ravel().copy()

    def tolist(self) -> Any:
        """The entries as nested lists of Python numbers."""
        return self._data.tolist()

    if TYPE_CHECKING:  # the activations of the table, which are added below

        def __getattr__(self, name: str) -> Callable[..., Tensor]: ...


_FUNCTIONS: list[Any] = [np.exp, np.log, *activations().values()]
for _function in _FUNCTIONS:
    setattr(Methods, _function.__name__, _row(_function))


def _unpacked(sequence: tuple[Any, ...]) -> Any:
    """Both spellings of a shape or of axes: reshape(2, 3) and reshape((2, 3))."""
    return sequence[0] if len(sequence) == 1 and not isinstance(sequence[0], int) else sequence
