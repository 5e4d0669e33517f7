"""The class that people use: its state, its gradient, changes in place, text."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import float64, ndarray

import autograd_lite.growth as growth
from autograd_lite.arguments import TEXT, optional, require, require_flag
from autograd_lite.copies import deep_copy, restore, shallow_copy, state_of
from autograd_lite.cotangents import hand_out, seed_of, separate
from autograd_lite.engine import carry_back, computed_and_leaves
from autograd_lite.errors import GradientError, MutationError, ShapeError, describe_one
from autograd_lite.foreign import PLAIN, admit
from autograd_lite.methods import Methods
from autograd_lite.modes import enable_grad, recording, take, take_entries
from autograd_lite.mutation import (
    disown,
    handed_out,
    mark_mutated,
    note_change,
    require_from_now,
    shown,
)
from autograd_lite.names import explains_keywords
from autograd_lite.node import NO_KEYWORDS, Cotangents, Node, Pass, arrays_in, held_array, plain
from autograd_lite.operators import plain_index
from autograd_lite.read_only import writable
from autograd_lite.refusals import (
    FAILURES,
    only_entry,
    raise_explained,
    refuse_exchange,
    refused_conversion,
    refused_format,
    require_fitting_gradients,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike as Plain
    from numpy.typing import DTypeLike

    from autograd_lite.typing import Array


def _add_gradients(gradients: Cotangents) -> None:
    for node, gradient in gradients.items():
        node.grad = gradient if node.grad is None else node.grad + gradient


def _in_place(symbol: str, in_place: Any, compute: Any) -> Callable[[Tensor, Any], Tensor]:
    """The method of an operator such as `+=`."""
    return lambda self, other: self._change(symbol, in_place, compute, other)


class Tensor(Methods):
    """An array that records what is computed with it.

    Args:
        data: an array, whose memory is shared if it holds floats; a number; or nested lists.
        requires_grad: whether `backward()` computes a gradient for it.
        name: what errors, reports and pictures call it.
        dtype: convert to this dtype.

    Raises:
        UnsupportedError: for complex numbers and objects, or integers that require grad.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ()
    # Above ndarray subclasses and numpy scalars: `array * tensor` is the tensor's business.
    __array_priority__ = 1000
    # Above pandas' DataFrame: `series * tensor` likewise.
    __pandas_priority__ = 5000

    @explains_keywords
    def __init__(
        self,
        data: Plain,
        requires_grad: bool = False,
        *,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if name is not None and not isinstance(name, str):
            require(self, "name", name, optional(TEXT))
        if requires_grad is not False and requires_grad is not True:
            requires_grad = require_flag(self, "requires_grad", requires_grad)
        self._array = held_array(data, requires_grad, name, dtype)
        self._grad = None
        self._requires_grad = requires_grad
        self.name = name
        self.operation = None  # type: ignore[assignment] # None at leaves
        self.arguments = self.wanted = ()
        self.lent = True
        self.created = 0
        self.mutated = 0

    __copy__ = shallow_copy
    __deepcopy__ = deep_copy
    __getstate__ = state_of
    __setstate__ = restore

    # State

    @property
    def data(self) -> Array:
        """The array itself. Assigning replaces it, as in `p.data -= 0.1 * p.grad`.

        An array of another shape or dtype makes the tensor forget its gradient.

        The array of a computed tensor is read by backward, so it is a read-only view: changing it
        in place raises NumPy's `ValueError: assignment destination is read-only`. Write `d =
        p.data.copy()` before `d[range(n), labels] -= 1`.
        """
        array: Array = handed_out(self) if self.operation is None else shown(self)
        return array

    @data.setter
    def data(self, array: Plain) -> None:
        if self.operation is not None:
            raise MutationError(
                f"assignment to the data of {describe_one(self)}",
                "it was computed, and what it was computed to is what backward reads",
                "Change a copy, as in d = p.data.copy(); or a tensor of its own: p.detach().copy()",
            )
        held = held_array(array, self.requires_grad, self.name, None)
        if held is not self._array:
            disown(self)
        self._array = held
        mark_mutated([self], [held])

    @property
    def requires_grad(self) -> bool:
        """Whether backward computes a gradient for it; set False to freeze a parameter.

        Setting it affects every later backward.
        """
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, required: bool) -> None:
        if self.operation is not None:
            raise GradientError(
                f"requires_grad = {required} of {describe_one(self)}",
                "it was computed, and what was recorded decides",
                "Set it where the tensor is made, or write tensor.detach()",
            )
        required = require_flag(self, "requires_grad", required)
        held_array(self._array, required, self.name, None)
        self._requires_grad = required
        note_change()
        if required:
            require_from_now()

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._array.shape  # type: ignore[no-any-return] # arrays are Any

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._array.ndim  # type: ignore[no-any-return] # arrays are Any

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._array.size  # type: ignore[no-any-return] # arrays are Any

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries."""
        return self._array.dtype  # type: ignore[no-any-return] # arrays are Any

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return self.transpose()

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped."""
        return self.swapaxes(-1, -2)

    @explains_keywords
    def item(self) -> float:
        """The only entry, as a Python number."""
        array = self._array
        if array.size != 1:
            raise ShapeError(
                f"item() of {describe_one(self)}",
                f"it has {array.size} entries",
                "Index one of them, or reduce it; tensor.data has all",
            )
        take_entries(self)
        if type(array) is float64:
            return float(array)
        plain_array = array if hasattr(array, "item") else np.asarray(array)
        return plain_array.item()  # type: ignore[no-any-return] # arrays are Any

    @explains_keywords
    def numpy(self) -> Array:
        """The array itself, without the record; a read-only view if the tensor was computed."""
        take_entries(self)
        return self.data

    @explains_keywords
    def detach(self) -> Tensor:
        """A tensor that does not require grad; it shares the memory of a leaf.

        Backward reads the memory of a computed tensor, so that is copied.
        """
        array = self.data if self.operation is None else self._array.copy()
        detached = Tensor(array, name=self.name)
        detached.created = self.created  # of a computed tensor it is one, too
        take(plain, (self,), NO_KEYWORDS, detached)
        return detached

    @explains_keywords
    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    # Differentiation

    @explains_keywords
    def backward(
        self, gradient: Any = None, *, create_graph: bool = False, leaves_only: bool = False
    ) -> None:
        """Add to the `.grad` of every tensor that this one was computed from.

        Args:
            gradient: the cotangent of this tensor, of the same shape; by default 1, for a scalar.
            create_graph: record the backward pass too. The gradients, of leaves only, are then
                tensors that can be differentiated again; a further backward adds to them.
            leaves_only: give computed tensors no `.grad`, as suits a training loop.

        Raises:
            GradientError: nothing was recorded, or this is not a scalar and `gradient` is missing.
            MutationError: an array that a rule needs has been changed since.

        >>> weight = Tensor([1.0, 2.0], requires_grad=True)
        >>> (weight**2).sum().backward()
        >>> weight.grad
        array([2., 4.])
        """
        if create_graph is not False:
            create_graph = require_flag("backward", "create_graph", create_graph)
        if leaves_only is not False:
            leaves_only = require_flag("backward", "leaves_only", leaves_only)
        cotangents: Cotangents = {self: seed_of(self, gradient, create_graph)}
        nodes, leaves = computed_and_leaves([self])
        require_fitting_gradients(leaves)
        way = Pass(create_graph, leaves_only or create_graph)
        carry_back(cotangents, nodes, way)
        if create_graph:
            separate(cotangents, lent=plain(gradient))
            enable_grad()(_add_gradients)(cotangents)
        else:
            hand_out(cotangents, lent=plain(gradient))
        if nodes and not create_graph:
            growth.notice(self, nodes)

    __iadd__ = _in_place("+", operator.iadd, operator.add)
    __isub__ = _in_place("-", operator.isub, operator.sub)
    __imul__ = _in_place("*", operator.imul, operator.mul)
    __itruediv__ = _in_place("/", operator.itruediv, operator.truediv)
    __ipow__ = _in_place("**", operator.ipow, operator.pow)
    __imod__ = _in_place("%", operator.imod, operator.mod)
    __ifloordiv__ = _in_place("//", operator.ifloordiv, operator.floordiv)

    def _change(self, symbol: str, in_place: Any, compute: Any, other: Any) -> Tensor:
        """`x += other`: x + other where that is recorded, else a change of the array.

        A computed tensor may be replaced by the sum, which is what Python does with numbers. A
        leaf may not: its name would no longer stand for what gets the gradient.
        """
        if recording.get():
            if self._requires_grad and self.operation is None:
                name = self.name or "x"
                remedy = f"Write {name}.data {symbol}= ..., which updates a parameter"
                if self.grad is None:  # it is no update
                    remedy = (
                        f"Write {name} = {name} {symbol} ..., which makes a new tensor; "
                        "or, to update a parameter, change it inside no_grad()"
                    )
                raise MutationError(
                    f"{name} {symbol}= ... of {describe_one(self)}",
                    "it is a leaf that requires grad, and a change in place is not recorded",
                    remedy,
                )
            if self._requires_grad or (isinstance(other, Tensor) and other._requires_grad):
                result: Tensor = compute(self, other)
                return result
        try:
            with writable(self._array):
                data = in_place(self._array, plain(admit(other, f"{symbol}= with")))
        except FAILURES as error:
            raise_explained(error, f"{symbol}=", (self, other), {})
        if data.shape != self.shape:
            raise ShapeError(
                f"{self.name or 'x'} {symbol}= ... of {describe_one(self)}",
                f"the result has shape {data.shape}",
                f"Write y = x {symbol} ..., which makes a new tensor",
            )
        self._array = data
        mark_mutated([self], [self._array])
        take_entries(self, other)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        changed = self if self._requires_grad else value
        if recording.get() and isinstance(changed, Tensor) and changed._requires_grad:
            raise MutationError(
                f"assignment to an index of {describe_one(self)}",
                f"{describe_one(changed)} requires grad, and a change in place is not recorded",
                "Write np.where(mask, value, tensor), np.stack or np.concatenate; or, to update "
                "a parameter, change it inside no_grad()",
            )
        # A number has no memory to write to: it is replaced.
        array = np.array(self._array) if isinstance(self._array, np.generic) else self._array
        try:
            if isinstance(value, Tensor) and np.may_share_memory(array, value._array):
                refuse_exchange(self, array[plain_index(index)], value)
            with writable(array):
                array[plain_index(index)] = plain(admit(value, "assignment of"))
        except FAILURES as error:
            raise_explained(error, "setitem", (self, index, value), {})
        self._array = array[()] if isinstance(self._array, np.generic) else array
        mark_mutated([self], [self._array])
        take_entries(self, value, *arrays_in(index))

    if not TYPE_CHECKING:  # or checkers take what NumPy computes of a tensor for an array

        def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Any:
            self._refuse_conversion("an array", _FOR_ARRAYS)
            take_entries(self)
            return np.array(self._array, dtype, copy=copy)

    def __float__(self) -> float:
        self._refuse_conversion("a number", _FOR_NUMBERS)
        take(float, (self,), NO_KEYWORDS, self._array)
        return float(self._array)

    def __int__(self) -> int:
        self._refuse_conversion("a number", _FOR_NUMBERS)
        take(int, (self,), NO_KEYWORDS, int(self._array))
        return int(self._array)

    def _refuse_conversion(self, what: str, remedy: str) -> None:
        if self._requires_grad:
            raise refused_conversion(self, what, remedy)

    def __bool__(self) -> bool:
        outcome = bool(only_entry(self))
        take(bool, (self,), NO_KEYWORDS, outcome)
        return outcome

    # Text

    def __repr__(self) -> str:
        take_entries(self)
        if isinstance(self._array, ndarray):
            text = np.array2string(self._array, separator=", ", prefix="Tensor(")
        else:
            text = str(self._array)
        text += "" if self.name is None else f", name={self.name!r}"
        if self._requires_grad:
            text += ", requires_grad=True"
        return f"Tensor({text})"

    def __format__(self, specification: str) -> str:
        try:
            return format(self.item() if self.size == 1 else str(self), specification)
        except ValueError as error:
            raise refused_format(self, specification, error) from error


_FOR_NUMBERS = (
    "Write loss.item() for a plain number; to keep the gradient compute with NumPy's functions, "
    "np.sin for math.sin, and put tensors together with np.stack"
)
_FOR_ARRAYS = (
    "Write np.stack([x, y]) or np.block([[x, 0.0], [0.0, y]]) for np.array; X @ W for X.dot(W); "
    "tensor.data for plain numbers, as in plots; np.stack of a list that is filled, or np.where, "
    "for y[t] = x; np.sin for math.sin; np.asarray(frame) @ tensor for another library's frame"
)

Node.tensor_class = Tensor
PLAIN.add(Tensor)
