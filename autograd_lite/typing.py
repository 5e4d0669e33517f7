"""What functions are given and return, by role: for annotations, and for type checkers.

>>> from autograd_lite import Tensor
>>> from autograd_lite.typing import Array, Samples
>>> def distances(points: Samples, centre: Tensor) -> Array:
...     return ((points - centre) ** 2).sum(axis=1).data
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

import numpy.typing as npt

from autograd_lite.tensor import Tensor

Array: TypeAlias = npt.NDArray[Any]
"""An array without a record, NumPy's or another library's."""
ArrayLike: TypeAlias = Tensor | npt.ArrayLike
"""A tensor, or whatever NumPy makes an array of."""
Samples: TypeAlias = ArrayLike | Mapping[str, Any] | Iterable[Any] | Callable[..., Iterable[Any]]
"""One sample an entry along axis 0: an array, a table, or a tuple or dict of them for a model of
several inputs; where it is said, also what gives batches of them."""
Labels: TypeAlias = ArrayLike | Mapping[Any, Any] | tuple[Any, ...]
"""Targets or classes, an entry a sample: an array, or a tuple or dict for several outputs."""

Kind = TypeVar("Kind", Tensor, Array, float)
"""A tensor, an array or a number: a function that gives what it was given."""
Parameters = ParamSpec("Parameters")
Result_co = TypeVar("Result_co", covariant=True)


class OfFirst(Protocol[Parameters]):
    """A function that gives a tensor of a tensor, an array of an array, a number of a number."""

    def __call__(  # noqa: D102 - as the class says
        self, x: Kind, /, *others: Parameters.args, **keywords: Parameters.kwargs
    ) -> Kind: ...


class Forward(Protocol[Parameters, Result_co]):
    """What has a forward computation: calling it takes and returns what that does."""

    def forward(  # noqa: D102 - as the class says
        self, *inputs: Parameters.args, **named: Parameters.kwargs
    ) -> Result_co: ...
