"""Flatten: a layer that makes samples into rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autograd_lite import Tensor
from nn.architecture import register
from nn.declared import without_options
from nn.layers.inputs import require_shape
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
        x = require_shape(self, x, ("n", ...), hint="with samples along axis 0")
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))
