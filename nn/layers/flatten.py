"""Flatten: a layer that makes samples into rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autograd_lite import Tensor
from autograd_lite.errors import ShapeError, describe_one
from nn.architecture import register
from nn.declared import without_options
from nn.layers.inputs import require_input
from nn.module import Module

if TYPE_CHECKING:
    from autograd_lite.typing import ArrayLike


@register
@without_options
class Flatten(Module):
    """All axes but the first as one: (n, ...) becomes (n, features).

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, ...).

        Raises:
            ShapeError: x is a single number.
        """
        x = require_input(self, x)
        if x.ndim == 0:
            raise ShapeError(
                f"Flatten of {describe_one(x)}", "it has no axis of samples", "Give (n, ...)"
            )
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))
