"""The tensors of a model: parameters, which are learned, and buffers, which are not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor
from autograd_lite.errors import AutogradError, UnsupportedError, describe_one
from autograd_lite.foreign import admit
from autograd_lite.names import explains_keywords


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
        return np.array(admit(data, f"{kind} of"), dtype)
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
