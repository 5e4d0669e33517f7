"""The methods of a tensor: those of ndarray that have a row of the table, and activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from autograd_lite.arguments import require_flag
from autograd_lite.derivatives.reductions import Axis
from autograd_lite.derivatives.shaping import astype
from autograd_lite.engine import apply, computed
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.modes import take_entries
from autograd_lite.names import ATTRIBUTES, explains_keywords, tell_of
from autograd_lite.node import FIRST, NO_KEYWORDS, NONE, Node
from autograd_lite.operators import Operators
from autograd_lite.refusals import raise_explained
from autograd_lite.table import TABLE, activations

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_lite.tensor import Tensor
    from autograd_lite.typing import Array

_apply: Callable[..., Tensor] = apply
_computed: Callable[..., Tensor] = computed
Method = TypeVar("Method", bound=Callable[..., Any])

HIDDEN = {*Node.__slots__, "tensor_class"} - {"grad", "name"}
"""What completion leaves out: the record."""


def _named(method: Method, function: Callable[..., Any]) -> Method:
    method.__name__ = function.__name__
    method.__doc__ = f"`{function.__name__}` of this tensor."
    return method


def _method(function: Callable[..., Any]) -> Any:
    """The method that calls a NumPy function with the tensor as its first argument."""

    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        try:
            return function(self, *arguments, **keywords)
        except TypeError as error:  # of NumPy's own, before it asks the tensor
            raise_explained(error, function.__name__, (self, *arguments), keywords)

    return _named(method, function)


def _row(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """The method that applies a row of the table, without NumPy's detour."""
    operation, called = TABLE[function], _method(function)
    is_unary = isinstance(function, np.ufunc)

    def method(self: Any, *options: Any, **keywords: Any) -> Tensor:
        if keywords or (options and is_unary):
            return called(self, *options, **keywords)  # type: ignore[no-any-return] # of the methods that give tensors
        return _apply(operation, (self, *options), NO_KEYWORDS)

    return _named(method, function)


def _reduction(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """The method that reduces axes, without NumPy's detour.

    By position it takes what PyTorch's takes, axis and keepdims, or else what an array's takes.
    """
    operation, called = TABLE[function], _method(function)

    def method(
        self: Any, axis: Axis = None, keepdims: bool = False, *rest: Any, **others: Any
    ) -> Tensor:
        if rest or (type(keepdims) is not bool and not isinstance(keepdims, int | np.bool_)):
            return called(self, axis, keepdims, *rest, **others)  # type: ignore[no-any-return] # likewise
        if others:
            return called(self, axis=axis, keepdims=keepdims, **others)  # type: ignore[no-any-return] # likewise
        keywords = {"axis": axis, "keepdims": keepdims}
        wanted = FIRST if self._requires_grad else NONE
        return _computed(operation, (self,), (self._array,), keywords, wanted, self.lent)

    return _named(method, function)


class Methods(Operators):
    """A node with the methods of its array."""

    __slots__ = ()

    # Those of training loops call the engine without NumPy's detour.

    sum = _reduction(np.sum)
    mean = _reduction(np.mean)
    max = _reduction(np.max)
    min = _reduction(np.min)
    dot = _row(np.dot)
    swapaxes = _row(np.swapaxes)

    def reshape(self, *shape: Any, order: str = "C") -> Tensor:
        """`np.reshape` of this tensor; takes a shape, or its lengths one by one."""
        in_rows = isinstance(order, str) and order == "C"
        keywords = NO_KEYWORDS if in_rows else {"order": order}
        return _apply(TABLE[np.reshape], (self, unpacked(shape)), keywords)

    @explains_keywords
    def ravel(self, order: str = "C") -> Tensor:
        """The entries in one axis."""
        return self.reshape(-1, order=order)

    def transpose(self, *axes: Any) -> Tensor:
        """`np.transpose` of this tensor; takes a tuple of axes, or them one by one."""
        order = unpacked(axes) if axes else None
        return _apply(TABLE[np.transpose], (self, order), NO_KEYWORDS)

    def __dlpack__(self, **options: Any) -> Any:
        """The array for other libraries, on the same memory; of what has no history alone."""
        if self._requires_grad:
            raise UnsupportedError(
                f"__dlpack__ of {describe_one(self)}",
                "another library would compute with it beside the record",
                "Give tensor.detach()",
            )
        take_entries(self)
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()

    @explains_keywords
    def copy(self, order: str = "C") -> Tensor:
        """A tensor with memory of its own, in the order "C"."""
        in_rows = isinstance(order, str) and order == "C"
        return _apply(TABLE[np.copy], (self,), NO_KEYWORDS if in_rows else {"order": order})

    @explains_keywords
    def astype(self, dtype: DTypeLike, copy: bool = True) -> Tensor:
        """A tensor of another floating dtype, through which gradients flow.

        With `copy=False` the tensor itself where it has that dtype.
        """
        try:
            wanted = np.dtype(dtype)
        except TypeError as error:
            raise_explained(error, "astype", (self, dtype), NO_KEYWORDS)
        if not require_flag("astype", "copy", copy) and self._array.dtype == wanted:
            return self  # type: ignore[return-value] # it is a tensor
        return _apply(TABLE[astype], (self, wanted), NO_KEYWORDS)

    prod: Callable[..., Tensor] = _method(np.prod)
    var: Callable[..., Tensor] = _method(np.var)
    std: Callable[..., Tensor] = _method(np.std)
    cumsum: Callable[..., Tensor] = _method(np.cumsum)
    cumprod: Callable[..., Tensor] = _method(np.cumprod)
    clip: Callable[..., Tensor] = _method(np.clip)
    round: Callable[..., Tensor] = _method(np.round)
    squeeze: Callable[..., Tensor] = _method(np.squeeze)
    repeat: Callable[..., Tensor] = _method(np.repeat)
    take: Callable[..., Tensor] = _method(np.take)
    conj: Callable[..., Tensor] = _method(np.conj)
    conjugate: Callable[..., Tensor] = _method(np.conj)
    real = property(np.real, doc="The tensor itself: it is of real numbers.")
    imag = property(np.imag, doc="Zeros: it is of real numbers.")
    diagonal: Callable[..., Tensor] = _method(np.diagonal)
    trace: Callable[..., Tensor] = _method(np.trace)
    argmax: Callable[..., Array] = _method(np.argmax)
    argmin: Callable[..., Array] = _method(np.argmin)
    argsort: Callable[..., Array] = _method(np.argsort)
    all: Callable[..., Array] = _method(np.all)
    any: Callable[..., Array] = _method(np.any)
    nonzero: Callable[[], tuple[Array, ...]] = _method(np.nonzero)
    searchsorted: Callable[..., Array] = _method(np.searchsorted)

    @explains_keywords
    def compress(self, condition: Any, axis: int | None = None) -> Tensor:
        """The parts along an axis for which a condition holds."""
        compress: Any = np.compress
        return compress(condition, self, axis)  # type: ignore[no-any-return] # a tensor, as self is

    @explains_keywords
    def flatten(self, order: str = "C") -> Tensor:
        """The entries in one axis, in memory of their own."""
        return self.ravel(order).copy()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__()} - HIDDEN)

    @explains_keywords
    def tolist(self) -> Any:
        """The entries as nested lists of Python numbers."""
        take_entries(self)
        return self._array.tolist()

    if TYPE_CHECKING:  # the functions that are added below
        exp: Callable[[], Tensor]
        log: Callable[[], Tensor]
        elu: Callable[..., Tensor]
        gelu: Callable[[], Tensor]
        leaky_relu: Callable[..., Tensor]
        log_softmax: Callable[..., Tensor]
        relu: Callable[[], Tensor]
        sigmoid: Callable[[], Tensor]
        softmax: Callable[..., Tensor]
        softplus: Callable[[], Tensor]
        swish: Callable[[], Tensor]
        tanh: Callable[[], Tensor]


_FUNCTIONS: list[Any] = [np.exp, np.log, *activations().values()]
for _function in _FUNCTIONS:
    setattr(Methods, _function.__name__, _row(_function))


tell_of(Methods, ATTRIBUTES)


def unpacked(sequence: tuple[Any, ...]) -> Any:
    """Both spellings of a shape or of axes: reshape(2, 3) and reshape((2, 3))."""
    alone = len(sequence) == 1 and not isinstance(sequence[0], int | np.integer)
    return sequence[0] if alone else sequence
