"""Sample inputs of Fourier transforms: power spectra, filters, real and imaginary parts."""

import numpy as np
from sampling import normal, sample

from autograd_lite.derivatives.signals import transform

FILTER = np.exp(1j * np.arange(3)) / (1 + np.arange(3))


def spread(spectrum):
    """Both parts of complex numbers, in real ones: far from 0, which sums come to by rounding."""
    return 20 + np.real(spectrum) + 2 * np.imag(spectrum)


SAMPLES = {
    transform: [
        sample(lambda x: transform(x, -1), normal(2, 5)),
        sample(lambda x: transform(x, -2, inverse=True), normal(2, 4, 2)),
    ],
    np.fft.rfft: [
        *(sample(lambda x: np.abs(np.fft.rfft(x)) ** 2, normal(n)) for n in (1, 2, 5, 6)),
        sample(lambda x: spread(np.fft.rfft(x, axis=0, norm="ortho")), normal(4, 2)),
        sample(lambda x: spread(np.fft.rfft(x, 3)), normal(2, 5)),
        sample(lambda x: spread(np.fft.rfft(x, n=7, norm="forward")), normal(5)),
        sample(
            lambda x: spread(np.fft.rfft(x)[1:] / (1 + 2j) - 1j + np.fft.rfft(x)[1:]), normal(5)
        ),
        sample(lambda x: np.angle(np.fft.rfft(x)[1:]), normal(5)),
        sample(lambda x: (np.fft.rfft(x) * np.fft.rfft(x).conj()).real, normal(5)),
    ],
    np.fft.irfft: [
        sample(lambda x: np.fft.irfft(np.fft.rfft(x) * FILTER), normal(4)),
        sample(lambda x: np.fft.irfft(np.fft.rfft(x) * FILTER, 5), normal(5)),
        sample(lambda x: 20 + np.fft.irfft(np.fft.rfft(x) * np.conj(np.fft.rfft(x))), normal(6)),
        sample(lambda x: np.fft.irfft(x, axis=0, norm="ortho"), normal(4, 2)),
        sample(lambda x, h: np.fft.irfft(np.fft.rfft(x, axis=1) * h), normal(2, 4), normal(3)),
        sample(lambda x: 20 + np.fft.irfft(np.fft.rfft(x) / (FILTER + 2), n=7), normal(5)),
    ],
    np.fft.fft: [
        sample(lambda x: spread(-np.fft.fft(x)), normal(5)),
        sample(lambda x: np.abs(np.fft.fft(x, 4, axis=0)), normal(5, 2)),
        sample(lambda x: spread(np.fft.fftshift(np.fft.fft(x))), normal(5)),
        sample(lambda x: spread(np.sum(np.fft.fft(x), axis=0)), normal(3, 4)),
    ],
    np.fft.ifft: [
        sample(lambda x: np.real(np.fft.ifft(np.fft.fft(x) * np.arange(4))), normal(2, 4)),
        sample(lambda x: spread(np.fft.ifft(x, norm="forward")), normal(4)),
    ],
}
