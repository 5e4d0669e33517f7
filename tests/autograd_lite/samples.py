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

MODULES = (
    samples_by_version,
    samples_calculus,
    samples_convolutions,
    samples_decompositions,
    samples_editing,
    samples_elementwise,
    samples_fourier,
    samples_indexing,
    samples_joining,
    samples_linear_algebra,
    samples_linear_systems,
    samples_missing,
    samples_neural,
    samples_pooling,
    samples_quantiles,
    samples_ranges,
    samples_reductions,
    samples_sequences,
    samples_shaping,
    samples_signals,
    samples_sorting,
    samples_statistics,
    samples_ufunc_methods,
)
SUBJECTS: dict[str, dict[Callable[..., Any], list[Sample]]] = {
    module.__name__.removeprefix("samples_"): {
        function: [sample._replace(row=function) for sample in samples]
        for function, samples in module.SAMPLES.items()
    }
    for module in MODULES
}
"""The samples of each function, by the files that they are in."""

SAMPLES = {f: samples for subject in SUBJECTS.values() for f, samples in subject.items()}
"""Every differentiable function, as a user calls it, with its samples."""
