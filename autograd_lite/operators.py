"""Python's operators on tensors. Each is a row of the table; there is no mathematics here."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from autograd_lite.derivatives.indexing import is_basic
from autograd_lite.engine import apply, computed, record
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.foreign import admit, is_labelled
from autograd_lite.modes import give, take
from autograd_lite.mutation import remember, remember_part, sample
from autograd_lite.node import BOTH, FIRST, NO_KEYWORDS, NONE, SECOND, Node, arrays_in, plain
from autograd_lite.protocol import NumPyProtocol, operand
from autograd_lite.refusals import FAILURES, raise_explained
from autograd_lite.table import TABLE
from autograd_lite.trees import nested_without_end

if TYPE_CHECKING:
    from autograd_lite.operation import Operation
    from autograd_lite.tensor import Tensor
    from autograd_lite.typing import Array

NUMBERS = (float, int)
_GETITEM = TABLE[operator.getitem]
_apply: Callable[..., Tensor] = apply
_computed: Callable[..., Tensor] = computed
_record: Callable[..., Tensor] = record


def _operator(function: Any) -> tuple[Callable[[Any, Any], Tensor], Callable[[Any, Any], Tensor]]:
    """The methods of a binary operator: of its left operand, and of its right one."""
    operation = TABLE[function]
    compute = operation.compute
    additive = operation.additive

    def left(self: Node, other: Any) -> Tensor:
        if not isinstance(other, Node):
            if type(other) in NUMBERS:
                wanted = FIRST if self._requires_grad else NONE
                operands = self._array, other
                return _computed(operation, (self, other), operands, NO_KEYWORDS, wanted, self.lent)
            return _with_array(operation, self, other)
        # What `apply` would do, without its loop: graphs of scalars are made of these.
        a, b = self._array, other._array
        try:
            data = compute(a, b)
        except FAILURES as error:
            raise_explained(error, operation.name, (self, other), NO_KEYWORDS)
        wanted = (
            (BOTH if other._requires_grad else FIRST)
            if self._requires_grad
            else (SECOND if other._requires_grad else NONE)
        )
        node = _record(data, operation, (self, other), (a, b), NO_KEYWORDS, wanted)
        if (
            not additive
            and (type(a) is ndarray or type(b) is ndarray)
            and node._requires_grad
            and (self.lent or other.lent or wanted is not BOTH)
        ):
            constant = b if wanted is FIRST else a
            known = wanted is BOTH or type(constant) is not ndarray
            remember(node, () if known else (constant,), True)
        return node

    def right(self: Node, other: Any) -> Tensor:
        if type(other) in NUMBERS:
            wanted = SECOND if self._requires_grad else NONE
            operands = other, self._array
            return _computed(operation, (other, self), operands, NO_KEYWORDS, wanted, self.lent)
        return _apply(operation, (operand(other), self), NO_KEYWORDS)

    return left, right


def _of_one(function: Any) -> Callable[[Any], Tensor]:
    """The method of an operator of one operand."""
    operation = TABLE[function]

    def method(self: Node) -> Tensor:
        wanted = FIRST if self._requires_grad else NONE
        return _computed(operation, (self,), (self._array,), NO_KEYWORDS, wanted, self.lent)

    return method


def _with_array(operation: Operation, tensor: Node, other: Any) -> Tensor:
    """What a left operand gives with what is neither a tensor nor a number."""
    try:
        return _apply(operation, (tensor, operand(other)), NO_KEYWORDS)
    except UnsupportedError:
        if operation.traits.elementwise and is_labelled(other):
            return NotImplemented  # type: ignore[no-any-return] # as Python asks for
        raise


def _comparison(compare: Callable[[Any, Any], Any], ufunc: Any) -> Callable[[Any, Any], Array]:
    """The method of a comparison, or of bits, which gives a plain array."""

    def method(self: Node, other: Any) -> Any:
        try:
            other = admit(other, f"{ufunc.__name__} of")
            outcome = compare(self._array, plain(other))
        except UnsupportedError:
            if is_labelled(other):
                return NotImplemented
            raise
        except FAILURES as error:
            raise_explained(error, ufunc.__name__, (self, other), NO_KEYWORDS)
        return give(ufunc, (self, other), NO_KEYWORDS, outcome)

    return method


class Operators(NumPyProtocol):
    """A node that can be computed with as if it were its array."""

    __slots__ = ()
    __hash__ = Node.__hash__

    __add__, __radd__ = _operator(np.add)
    __sub__, __rsub__ = _operator(np.subtract)
    __mul__, __rmul__ = _operator(np.multiply)
    __truediv__, __rtruediv__ = _operator(np.divide)
    __pow__, __rpow__ = _operator(np.power)
    __matmul__, __rmatmul__ = _operator(np.matmul)

    __mod__, __rmod__ = _operator(np.remainder)
    __floordiv__, __rfloordiv__ = _operator(np.floor_divide)

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __round__(self, decimals: int | None = None) -> Tensor:
        return np.round(self, decimals or 0)  # type: ignore[call-overload, no-any-return] # NumPy does not know tensors

    def __trunc__(self) -> int:
        return math.trunc(float(self))  # type: ignore[arg-type] # as `Tensor` says, or refuses

    __neg__ = _of_one(np.negative)
    __pos__ = _of_one(np.positive)
    __abs__ = _of_one(np.absolute)

    __lt__ = _comparison(operator.lt, np.less)
    __le__ = _comparison(operator.le, np.less_equal)
    __gt__ = _comparison(operator.gt, np.greater)
    __ge__ = _comparison(operator.ge, np.greater_equal)
    __and__ = __rand__ = _comparison(operator.and_, np.bitwise_and)
    __or__ = __ror__ = _comparison(operator.or_, np.bitwise_or)
    __xor__ = __rxor__ = _comparison(operator.xor, np.bitwise_xor)

    def __invert__(self) -> Array:
        return np.invert(self)  # type: ignore[no-any-return] # NumPy says Any

    if TYPE_CHECKING:  # of an object they are truth values

        def __eq__(self, other: Any) -> Array: ...  # type: ignore[override] # as ndarray's
        def __ne__(self, other: Any) -> Array: ...  # type: ignore[override] # likewise

    else:
        __eq__ = _comparison(operator.eq, np.equal)
        __ne__ = _comparison(operator.ne, np.not_equal)

    def __getitem__(self, index: Any) -> Tensor:
        basic = is_basic(index)
        if basic:
            wanted, operands = FIRST if self._requires_grad else NONE, (self._array, index)
            part = _computed(_GETITEM, (self, index), operands, NO_KEYWORDS, wanted, self.lent)
        else:
            index = plain_index(index)
            part = _apply(_GETITEM, (self, index), NO_KEYWORDS)
        if part.operation is not None:
            if not basic:
                arrays = [x for x in arrays_in(index) if type(x) is ndarray]
                part.seen = [(x, sample(x)) for x in arrays]
        elif type(part._array) is ndarray:
            remember_part(part)
        return part

    def __len__(self) -> int:
        shape = self._array.shape
        if not shape:
            raise UnsupportedError(
                f"length of {describe_one(self)}, or a loop over it",
                "it is one number, and has no axis",
                "Write np.reshape(tensor, 1) for an array of it, or tensor.item() for the number",
            )
        return shape[0]  # type: ignore[no-any-return] # arrays are Any

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())


def plain_index(index: Any) -> Any:
    """An index with arrays in place of tensors, and copies of lists, which may be changed later."""
    if type(index) is list:
        try:
            return [plain_index(part) for part in index]
        except RecursionError:
            raise nested_without_end(index) from None
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, Node):
        take(plain, (index,), NO_KEYWORDS, index)
    return plain(index)
