"""The tensors of a model: parameters, which are learned, and buffers, which are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import as_array
from autograd_lite.copies import depends_on_differentiated
from autograd_lite.errors import ArgumentError, AutogradError, UnsupportedError, describe_one
from autograd_lite.foreign import admit, is_on_card
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.trees import map_tree
from nn.configuration import opened

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class Parameter(Tensor):
    """A tensor that a module learns. It requires grad, and has a copy of the data it is given.

    >>> Parameter([1.0, 2.0], name="bias")
    Tensor([1., 2.], name='bias', requires_grad=True)
    """

    __slots__ = ()

    @explains_keywords
    def __init__(
        self, data: Any, *, name: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(_copied(data, "Parameter", dtype), requires_grad=True, name=name)
        self.lent = False


class Buffer(Tensor):
    """A tensor that belongs to a module's state and is not learned, such as a running mean.

    It does not require grad, and has a copy of the data it is given.

    >>> Buffer([0.0, 1.0])
    Tensor([0., 1.])
    """

    __slots__ = ()

    @explains_keywords
    def __init__(self, data: Any, *, dtype: DTypeLike | None = None) -> None:
        super().__init__(_copied(data, "Buffer", dtype))


TENSORS = (Parameter, Buffer)


def _copied(data: Any, kind: str, dtype: DTypeLike | None) -> Any:
    try:
        admitted = admit(data, f"{kind} of")
        if is_on_card(admitted):
            return admitted.astype(dtype or admitted.dtype)
        return np.array(admitted, dtype)
    except AutogradError:
        raise
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"{kind}({describe_one(data)}) with dtype={dtype!r}",
            str(error).rstrip("."),
            "Give numbers, or nested lists of one shape, and a dtype of floats",
        ) from error


def is_computed(value: Any) -> bool:
    """Whether it is a tensor that was computed, with or without recording."""
    computed = isinstance(value, Tensor) and (value.operation is not None or value.created > 0)
    return computed and not isinstance(value, TENSORS)


def require_kept(kind: str, name: str, tensor: Tensor) -> None:
    """Raise unless a module trains and saves a tensor, or it was computed or is a constant."""
    if tensor.requires_grad and tensor.operation is None and not isinstance(tensor, Parameter):
        raise UnsupportedError(
            f"{kind}.{name} = {describe_one(tensor)}",
            "it requires grad, but would not be among the parameters",
            "Write nn.Parameter(data)",
        )


def require_assignable(kind: str, name: str, before: Any, value: Any) -> None:
    """Raise if an attribute of a module would lose what is trained or saved, or never had it."""
    place = next((part for part in TENSORS if isinstance(before, part)), None)
    if place is not None and not isinstance(value, place | None):
        what = place.__name__
        raise UnsupportedError(
            f"{kind}.{name} = {describe_one(value)}",
            f"a {what.lower()} is there, in whose place it would be neither trained nor saved",
            f"Write {name}.data = array, or give an nn.{what}; or set it to None first",
        )
    if isinstance(value, Tensor):
        require_kept(kind, name, value)


def without_record(value: Any) -> Any:
    """The value of an attribute, with detached tensors in place of computed ones."""
    if isinstance(value, list | tuple | dict):
        recorded = any(is_computed(item) for _, item in opened([("", value)]))
        return map_tree(without_record, value) if recorded else value
    return value.detach() if is_computed(value) and value.operation is not None else value


def fitting_arrays(
    own: Mapping[str, Tensor], state: Any, attempted: str
) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays for tensors of the same names. An error says what is missing or does not fit."""
    if not isinstance(state, Mapping):
        raise UnsupportedError(
            attempted,
            f"{type(state).__name__} is no mapping from names to arrays",
            "Give model.state_dict()",
        )
    arrays = {name: _loaded(value, f"{attempted} of {name!r},") for name, value in state.items()}
    problems = [f"{name} is missing" for name in own.keys() - arrays.keys()]
    problems += [f"{name} is unknown" for name in arrays.keys() - own.keys()]
    for name in own.keys() & arrays.keys():
        array, shape = arrays[name], own[name].shape
        if array.shape != shape:
            problems.append(f"{name} has shape {array.shape} instead of {shape}")
        if array.dtype.kind not in "fiub":
            problems.append(f"{name} has dtype {array.dtype}")
    if problems:
        raise ArgumentError(
            attempted,
            "; ".join(sorted(problems)),
            "Give a state_dict() of a model built the same way; nothing was loaded",
        )
    return arrays


def _loaded(value: Any, attempted: str) -> Any:
    """The array that is copied; a tensor whose derivative would be lost by that is refused."""
    if isinstance(value, Tensor) and value.requires_grad and depends_on_differentiated(value):
        raise UnsupportedError(
            f"{attempted} {describe_one(value)}",
            "it depends on what is being differentiated in, and parameters take copies of numbers",
            "Write nn.functional_call(model, parameters, x), or give tensor.detach()",
        )
    return as_array(plain(value), attempted)
