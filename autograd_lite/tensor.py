"""The class that people use: state, operators, methods, repr. The mathematics is in the table."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

import autograd_lite.derivatives.neural as neural
from autograd_lite.derivatives.reductions import Axis
from autograd_lite.derivatives.shaping import astype
from autograd_lite.engine import (
    TABLE,
    WITHOUT_DERIVATIVE,
    Array,
    Node,
    apply,
    backpropagate,
    mark_mutated,
)
from autograd_lite.errors import (
    GradientError,
    MutationError,
    ShapeError,
    UnsupportedError,
    describe,
    describe_one,
)
from autograd_lite.modes import enable_grad, recording


class Tensor(Node):
    """An array that records what is computed with it.

    Args:
        data: an array, whose memory is shared if it is of floats; a number or nested lists.
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

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._data = _as_array(data, requires_grad, name, dtype)
        self.grad = None
        self.requires_grad = requires_grad
        self.name = name
        self.operation = None
        self.arguments = ()
        self.created = 0
        self.mutated = 0

    # State

    @property
    def data(self) -> Any:
        """The array itself. Assigning replaces it, as in `p.data -= 0.1 * p.grad`."""
        return self._data

    @data.setter
    def data(self, array: Any) -> None:
        self._data = _as_array(array, self.requires_grad, self.name, None)
        mark_mutated(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries."""
        return self._data.dtype  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:  # noqa: N802
        """The axes in reverse order."""
        return self.transpose()

    def item(self) -> float:
        """The only entry, as a Python number."""
        return self._data.item()  # type: ignore[no-any-return]

    def numpy(self) -> Any:
        """The array itself, without the record."""
        return self._data

    def detach(self) -> Tensor:
        """A tensor on the same memory that does not require grad."""
        return Tensor(self._data, name=self.name)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    # Differentiation

    def backward(
        self,
        gradient: Any = None,
        *,
        create_graph: bool = False,
        leaves_only: bool = False,
    ) -> None:
        """Add to `.grad` of every tensor that this one was computed from.

        Args:
            gradient: the cotangent of this tensor, of its shape; 1 by default, for a scalar.
            create_graph: record the backward pass too; the gradients are then tensors, which can
                be differentiated again.
            leaves_only: leave out the tensors that were computed, as a training loop may.

        Raises:
            GradientError: nothing was recorded, or this is no scalar and `gradient` is missing.
            MutationError: an array that a rule needs was changed since.

        >>> weight = Tensor([1.0, 2.0], requires_grad=True)
        >>> (weight**2).sum().backward()
        >>> weight.grad
        array([2., 4.])
        """
        seed = self._seed(gradient)
        with enable_grad() if create_graph else nullcontext():
            pairs = [
                (node, cotangent)
                for node, cotangent in backpropagate(self, seed, create_graph)
                if not leaves_only or node.operation is None
            ]
        handed_out = {id(gradient)}
        for node, cotangent in pairs:
            if node.grad is not None:
                node.grad = node.grad + cotangent
                continue
            array = cotangent._data if isinstance(cotangent, Node) else cotangent
            if id(array) in handed_out or getattr(array, "base", None) is not None:
                cotangent = cotangent.copy()
            handed_out.add(id(array))
            node.grad = cotangent

    def _seed(self, gradient: Any) -> Any:
        if not self.requires_grad:
            raise GradientError(
                f"backward() from {describe_one(self)}",
                "nothing that requires grad was recorded in it",
                "Make the parameters with requires_grad=True and compute outside of no_grad()",
            )
        if gradient is None:
            if self.size != 1:
                raise GradientError(
                    f"backward() from {describe_one(self)}",
                    "only a scalar has a gradient without further ado",
                    "Reduce it, as in tensor.sum().backward(), or give its cotangent: "
                    "tensor.backward(gradient)",
                )
            return self.dtype.type(1) if self.ndim == 0 else np.ones_like(self._data)
        gradient = _plain(gradient)
        if np.shape(gradient) != self.shape:
            raise ShapeError(
                f"backward() from {describe_one(self)}",
                f"the given gradient has shape {np.shape(gradient)}",
                f"Give one of shape {self.shape}",
            )
        return np.asarray(gradient, self.dtype) if np.isscalar(gradient) else gradient

    # Operators

    def __add__(self, other: Any) -> Tensor:
        return _apply(_add, (self, other), _NO_KEYWORDS)

    def __radd__(self, other: Any) -> Tensor:
        return _apply(_add, (other, self), _NO_KEYWORDS)

    def __sub__(self, other: Any) -> Tensor:
        return _apply(_subtract, (self, other), _NO_KEYWORDS)

    def __rsub__(self, other: Any) -> Tensor:
        return _apply(_subtract, (other, self), _NO_KEYWORDS)

    def __mul__(self, other: Any) -> Tensor:
        return _apply(_multiply, (self, other), _NO_KEYWORDS)

    def __rmul__(self, other: Any) -> Tensor:
        return _apply(_multiply, (other, self), _NO_KEYWORDS)

    def __truediv__(self, other: Any) -> Tensor:
        return _apply(_divide, (self, other), _NO_KEYWORDS)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _apply(_divide, (other, self), _NO_KEYWORDS)

    def __pow__(self, other: Any) -> Tensor:
        return _apply(_power, (self, other), _NO_KEYWORDS)

    def __rpow__(self, other: Any) -> Tensor:
        return _apply(_power, (other, self), _NO_KEYWORDS)

    def __matmul__(self, other: Any) -> Tensor:
        return _apply(_matmul, (self, other), _NO_KEYWORDS)

    def __rmatmul__(self, other: Any) -> Tensor:
        return _apply(_matmul, (other, self), _NO_KEYWORDS)

    def __neg__(self) -> Tensor:
        return _apply(_negative, (self,), _NO_KEYWORDS)

    def __pos__(self) -> Tensor:
        return np.positive(self)  # type: ignore[return-value]

    def __abs__(self) -> Tensor:
        return _apply(_absolute, (self,), _NO_KEYWORDS)

    def __lt__(self, other: Any) -> Any:
        return self._data < _plain(other)

    def __le__(self, other: Any) -> Any:
        return self._data <= _plain(other)

    def __gt__(self, other: Any) -> Any:
        return self._data > _plain(other)

    def __ge__(self, other: Any) -> Any:
        return self._data >= _plain(other)

    def __eq__(self, other: object) -> Any:
        return self._data == _plain(other)

    def __ne__(self, other: object) -> Any:
        return self._data != _plain(other)

    __hash__ = Node.__hash__

    def __iadd__(self, other: Any) -> Tensor:
        return self._change("+", operator.iadd, other)

    def __isub__(self, other: Any) -> Tensor:
        return self._change("-", operator.isub, other)

    def __imul__(self, other: Any) -> Tensor:
        return self._change("*", operator.imul, other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._change("/", operator.itruediv, other)

    def __ipow__(self, other: Any) -> Tensor:
        return self._change("**", operator.ipow, other)

    def _change(self, symbol: str, compute: Callable[[Any, Any], Any], other: Any) -> Tensor:
        name = self.name or "x"
        self._refuse_recorded_change(
            f"{name} {symbol}= ...", other, f"{name} = {name} {symbol} ..."
        )
        self._data = compute(self._data, _plain(other))
        mark_mutated(self)
        return self

    def _refuse_recorded_change(self, attempted: str, other: Any, remedy: str) -> None:
        """Raise if a change in place would escape the record."""
        other_requires_grad = isinstance(other, Tensor) and other.requires_grad
        if recording.get() and (self.requires_grad or other_requires_grad):
            changed = self if self.requires_grad else other
            raise MutationError(
                f"{attempted} with {describe_one(self)}",
                f"{describe_one(changed)} requires grad, and a change in place is not recorded",
                f"Write {remedy}; or, to update a parameter, change it inside no_grad()",
            )

    # Indexing

    def __getitem__(self, index: Any) -> Tensor:
        return _apply(_getitem, (self, _plain_index(index)), _NO_KEYWORDS)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._refuse_recorded_change(
            "assignment to an index", value, "np.where(mask, value, tensor)"
        )
        self._data[_plain_index(index)] = _plain(value)
        mark_mutated(self)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self._data == _plain(value)).any())

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if "out" in keywords:
            raise MutationError(
                f"np.{ufunc.__name__}{describe(inputs)} into an existing array",
                "a change in place is not recorded",
                "Write the operation out: array = array + tensor",
            )
        if method != "__call__":
            raise _without_row(f"{ufunc.__name__}.{method}", inputs)
        return _dispatch(ufunc, inputs, keywords)

    def __array_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        return _dispatch(function, arguments, keywords)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Any:
        self._refuse_conversion("an array")
        return np.asarray(self._data, dtype)

    def __float__(self) -> float:
        self._refuse_conversion("a number")
        return float(self._data)

    def __int__(self) -> int:
        self._refuse_conversion("a number")
        return int(self._data)

    def _refuse_conversion(self, what: str) -> None:
        if self.requires_grad:
            raise UnsupportedError(
                f"conversion of {describe_one(self)} to {what}, or assignment into one",
                "it requires grad, and its gradient would be lost",
                "Put tensors together with np.stack, np.concatenate or np.where; "
                "for the plain numbers write tensor.data or tensor.item()",
            )

    def __bool__(self) -> bool:
        return bool(self._data)

    # Methods of ndarray

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """`np.sum` of this tensor."""
        return _apply(_sum, (self,), {"axis": axis, "keepdims": keepdims})

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """`np.mean` of this tensor."""
        return _apply(_mean, (self,), {"axis": axis, "keepdims": keepdims})

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """`np.max` of this tensor."""
        return _apply(_max, (self,), {"axis": axis, "keepdims": keepdims})

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """`np.min` of this tensor."""
        return _apply(_min, (self,), {"axis": axis, "keepdims": keepdims})

    def dot(self, other: Any) -> Tensor:
        """`np.dot` of this tensor and another."""
        return _apply(_dot, (self, other), _NO_KEYWORDS)

    def reshape(self, *shape: Any) -> Tensor:
        """`np.reshape` of this tensor; takes a shape, or its lengths one by one."""
        return _apply(_reshape, (self, _unpacked(shape)), _NO_KEYWORDS)

    def ravel(self) -> Tensor:
        """The entries in one axis."""
        return self.reshape(-1)

    def transpose(self, *axes: Any) -> Tensor:
        """`np.transpose` of this tensor; takes a tuple of axes, or them one by one."""
        return _apply(_transpose, (self, _unpacked(axes) or None), _NO_KEYWORDS)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """`np.swapaxes` of this tensor."""
        return _apply(_swapaxes, (self, axis1, axis2), _NO_KEYWORDS)

    def copy(self) -> Tensor:
        """A tensor with memory of its own, through which gradients flow."""
        return _apply(_copy, (self,), _NO_KEYWORDS)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """A tensor of another floating dtype, through which gradients flow."""
        return astype(self, np.dtype(dtype))

    # Activations

    def exp(self) -> Tensor:
        """`np.exp` of this tensor."""
        return np.exp(self)  # type: ignore[return-value]

    def log(self) -> Tensor:
        """`np.log` of this tensor."""
        return np.log(self)  # type: ignore[return-value]

    def tanh(self) -> Tensor:
        """`np.tanh` of this tensor."""
        return np.tanh(self)  # type: ignore[return-value]

    def relu(self) -> Tensor:
        """`autograd_lite.relu` of this tensor."""
        return neural.relu(self)

    def leaky_relu(self, negative_slope: float = 0.01) -> Tensor:
        """`autograd_lite.leaky_relu` of this tensor."""
        return neural.leaky_relu(self, negative_slope)

    def elu(self, alpha: float = 1.0) -> Tensor:
        """`autograd_lite.elu` of this tensor."""
        return neural.elu(self, alpha)

    def sigmoid(self) -> Tensor:
        """`autograd_lite.sigmoid` of this tensor."""
        return neural.sigmoid(self)

    def swish(self) -> Tensor:
        """`autograd_lite.swish` of this tensor."""
        return neural.swish(self)

    def softplus(self) -> Tensor:
        """`autograd_lite.softplus` of this tensor."""
        return neural.softplus(self)

    def softmax(self, axis: int = -1) -> Tensor:
        """`autograd_lite.softmax` of this tensor."""
        return neural.softmax(self, axis)

    def log_softmax(self, axis: int = -1) -> Tensor:
        """`autograd_lite.log_softmax` of this tensor."""
        return neural.log_softmax(self, axis)

    # Text

    def __repr__(self) -> str:
        if isinstance(self._data, np.ndarray):
            text = np.array2string(self._data, separator=", ", prefix="Tensor(")
        else:
            text = str(self._data)
        if self.name is not None:
            text += f", name={self.name!r}"
        if self.requires_grad:
            text += ", requires_grad=True"
        return f"Tensor({text})"

    def __format__(self, specification: str) -> str:
        return format(self.item() if self.size == 1 else str(self), specification)


Node.tensor_class = Tensor

_apply: Callable[..., Tensor] = apply
_NO_KEYWORDS: dict[str, Any] = {}
_add, _subtract, _multiply, _divide, _power, _matmul = (
    TABLE[function]
    for function in (np.add, np.subtract, np.multiply, np.divide, np.power, np.matmul)
)
_negative, _absolute, _getitem = TABLE[np.negative], TABLE[np.absolute], TABLE[operator.getitem]
_sum, _mean, _max, _min = (TABLE[function] for function in (np.sum, np.mean, np.max, np.min))
_reshape, _transpose, _swapaxes, _copy, _dot = (
    TABLE[function] for function in (np.reshape, np.transpose, np.swapaxes, np.copy, np.dot)
)


def _as_array(data: Any, requires_grad: bool, name: str | None, dtype: DTypeLike | None) -> Any:
    """The array, or for a number the NumPy scalar, that a tensor holds."""
    attempted = f"Tensor({describe_one(data)}{f', name={name!r}' if name else ''})"
    if isinstance(data, Tensor):
        raise UnsupportedError(
            attempted,
            "the data are a tensor already, and its record would be lost",
            "Write tensor.detach(), or tensor.copy() to keep the record",
        )
    # Anything that speaks NumPy's protocol stays what it is: a Dask or CuPy array as well.
    if not hasattr(data, "__array_function__") or isinstance(data, np.generic):
        data = np.asarray(data)[()]
    if dtype is not None:
        data = data.astype(dtype, copy=False)
    kind = data.dtype.kind
    if kind not in "fiub":
        raise UnsupportedError(
            attempted,
            f"data of dtype {data.dtype} cannot be differentiated",
            "Give real numbers; for complex ones compute with real and imaginary parts",
        )
    if requires_grad and kind != "f":
        raise UnsupportedError(
            attempted,
            f"data of dtype {data.dtype} cannot require grad",
            "Give floats: write 1.0 for 1, or dtype=float",
        )
    return data


def _plain(value: Any) -> Any:
    return value._data if isinstance(value, Tensor) else value


def _plain_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_plain(part) for part in index)
    return _plain(index)


def _unpacked(sequence: tuple[Any, ...]) -> Any:
    """Both spellings of a shape or of axes: reshape(2, 3) and reshape((2, 3))."""
    return sequence[0] if len(sequence) == 1 and not isinstance(sequence[0], int) else sequence


def _dispatch(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Apply a NumPy function that was given a tensor somewhere."""
    if function in WITHOUT_DERIVATIVE:
        plain = {name: _plain(value) for name, value in keywords.items()}
        return function(*(_plain(argument) for argument in arguments), **plain)
    operation = TABLE.get(function)
    if operation is None:
        raise _without_row(function.__name__, arguments)
    if operation.sequence:
        # np.stack(tensors, axis) becomes stack(*tensors, axis=axis).
        names = operation.compute.__kwdefaults__
        keywords = {**dict(zip(names, arguments[1:], strict=False)), **keywords}
        arguments = tuple(arguments[0])
    for name, value in keywords.items():
        if isinstance(value, Tensor):
            raise UnsupportedError(
                f"np.{operation.name}{describe(arguments)} with {name}={describe_one(value)}",
                "a tensor given by keyword is not recorded",
                "Give it by position",
            )
    return apply(operation, arguments, keywords)


def _without_row(name: str, arguments: tuple[Any, ...]) -> UnsupportedError:
    return UnsupportedError(
        f"np.{name}{describe(arguments)}",
        "it has no row in the table of derivatives",
        "Give it tensor.data if no gradient is to flow, or add a row: "
        f"autograd_lite.define(np.{name}, vjp)",
    )
