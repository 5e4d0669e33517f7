"""Sample inputs of convolutions, windows and phases."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sampling import Sample, normal, sample

from autograd_lite.derivatives.signals import full_convolution


def of_two_vectors(f: Any) -> list[Sample]:
    lengths = [(4, 2), (2, 4), (3, 3), (1, 4), (5, 1), (5, 4), (4, 5)]
    return [
        sample(f, normal(3), 1 + normal(2)),
        *(
            sample(lambda a, v, mode=mode: f(a, v, mode), normal(m), 1 + normal(n))
            for m, n in lengths
            for mode in ("full", "same", "valid")
        ),
        sample(lambda a: f(a, [1.0, -2.0]), normal(4)),
        sample(lambda v: f([1.0, -2.0, 0.5], v, mode="same"), normal(2)),
    ]


SHIFTS = (np.fft.fftshift, np.fft.ifftshift)

SAMPLES = {
    full_convolution: [
        sample(full_convolution, normal(4), 1 + normal(2)),
        sample(full_convolution, normal(2), 1 + normal(3)),
    ],
    np.convolve: of_two_vectors(np.convolve),
    np.correlate: of_two_vectors(np.correlate),
    sliding_window_view: [
        sample(lambda x: sliding_window_view(x, 2), normal(4)),
        sample(lambda x: sliding_window_view(x, (2, 2)), normal(3, 4)),
        sample(lambda x: sliding_window_view(x, 3, axis=-1), normal(2, 4)),
    ],
    np.unwrap: [
        sample(lambda x: np.unwrap(9 * x), normal(6)),
        sample(lambda x: np.unwrap(9 * x, axis=0), normal(4, 2)),
        sample(lambda x: np.unwrap(9 * x, 4.0, period=3.0), normal(5)),
    ],
    **{
        f: [
            sample(f, normal(5)),
            sample(f, normal(3, 4)),
            sample(lambda x, f=f: f(x, axes=1), normal(2, 3)),
            sample(lambda x, f=f: f(x, axes=(0, -1)), normal(2, 3, 5)),
        ]
        for f in SHIFTS
    },
}
