"""Sample inputs for every row of the table of derivatives, by subject as the rows are.

The tests find a row that has none.
"""

from collections.abc import Callable
from typing import Any

import samples_by_version
import samples_calculus
import samples_convolutions
import samples_decompositions
import samples_editing
import samples_elementwise
import samples_fourier
import samples_indexing
import samples_joining
import samples_linear_algebra
import samples_linear_systems
import samples_missing
import samples_neural
import samples_pooling
import samples_quantiles
import samples_ranges
import samples_reductions
import samples_sequences
import samples_shaping
import samples_signals
import samples_sorting
import samples_statistics
import samples_ufunc_methods
from sampling import Sample

DECLARED: dict[Callable[..., Any], list[Sample]] = {
    **samples_decompositions.SAMPLES,
    **samples_elementwise.SAMPLES,
    **samples_linear_algebra.SAMPLES,
    **samples_calculus.SAMPLES,
    **samples_convolutions.SAMPLES,
    **samples_fourier.SAMPLES,
    **samples_indexing.SAMPLES,
    **samples_joining.SAMPLES,
    **samples_sorting.SAMPLES,
    **samples_neural.SAMPLES,
    **samples_pooling.SAMPLES,
    **samples_reductions.SAMPLES,
    **samples_sequences.SAMPLES,
    **samples_shaping.SAMPLES,
    **samples_ranges.SAMPLES,
    **samples_missing.SAMPLES,
    **samples_quantiles.SAMPLES,
    **samples_editing.SAMPLES,
    **samples_signals.SAMPLES,
    **samples_statistics.SAMPLES,
    **samples_linear_systems.SAMPLES,
    **samples_ufunc_methods.SAMPLES,
    **samples_by_version.SAMPLES,
}

SAMPLES = {
    function: [sample._replace(row=function) for sample in samples]
    for function, samples in DECLARED.items()
}
"""Every differentiable function, as a user calls it, with its samples."""
