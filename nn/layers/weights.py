"""What the weights of layers begin with."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import ShapeError
from nn.init import Initializer, initializer
from nn.random_state import generator


def initial_weight(
    layer: str, weight_init: str | Initializer, rng: Any, fan_in: int, fan_out: int
) -> Any:
    """Weights (fan_in, fan_out); a ShapeError if a function of the caller's makes others."""
    weight = initializer(weight_init)(generator(rng, layer), fan_in, fan_out)
    if np.shape(weight) != (fan_in, fan_out):
        raise ShapeError(
            f"{layer} with weight_init={weight_init}",
            f"it returned shape {np.shape(weight)}",
            f"Return ({fan_in}, {fan_out}), fan_in first",
        )
    return weight
