"""Sample inputs for every row of the table of derivatives, by subject as the rows are.

The tests find a row that has none.
"""

from collections.abc import Callable
from typing import Any

import samples_elementwise
import samples_linear_algebra
import samples_neural
import samples_reductions
import samples_shaping
from sampling import Sample

SAMPLES: dict[Callable[..., Any], list[Sample]] = {
    **samples_elementwise.SAMPLES,
    **samples_linear_algebra.SAMPLES,
    **samples_neural.SAMPLES,
    **samples_reductions.SAMPLES,
    **samples_shaping.SAMPLES,
}
"""Every differentiable function, as a user calls it, with its samples."""
