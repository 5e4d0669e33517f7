"""Convolution by Fourier transforms, against products of matrices and NumPy's own."""

import numpy as np
import pytest

import nn
from autograd_lite import Tensor, gradcheck
from autograd_lite.derivatives import long_kernels
from autograd_lite.derivatives.convolutions import convolution

# Images, kernels, borders, groups.
SHAPES = [
    ((2, 1, 9), (3, 1, 4), 0, 1),
    ((2, 4, 9), (6, 2, 5), 2, 2),
    ((1, 2, 6, 7), (3, 2, 4, 3), ((1, 0), (-1, 2)), 1),
    ((2, 3, 5, 6), (3, 1, 5, 6), 0, 3),
    ((2, 2, 4, 3, 5), (2, 2, 2, 3, 1), 1, 1),
]


def by_transforms(monkeypatch, wanted):
    for question in ("is_faster", "is_precise"):
        monkeypatch.setattr(long_kernels, question, lambda *given: wanted)


def results(images, kernels, padding, groups):
    """Values, and the gradients of images and kernels."""
    x, w = (
        Tensor(np.cos(np.arange(np.prod(s)) ** 2.0).reshape(s), True) for s in (images, kernels)
    )
    y = convolution(x, w, 1, padding, 1, groups)
    y.backward(np.sin(np.arange(y.size)).reshape(y.shape))
    return [y.data, x.grad, w.grad]


def test_transforms_give_what_products_of_matrices_give(monkeypatch):
    for shapes in SHAPES:
        by_transforms(monkeypatch, False)
        expected = results(*shapes)
        by_transforms(monkeypatch, True)
        for mine, other in zip(results(*shapes), expected, strict=True):
            assert mine.shape == other.shape
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-13, err_msg=str(shapes))


def test_transforms_are_differentiated_twice(monkeypatch):
    by_transforms(monkeypatch, True)
    images, kernels, padding, groups = SHAPES[1]
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=images), rng.normal(size=kernels)]
    gradcheck(lambda x, w: convolution(x, w, 1, padding, 1, groups), inputs, order=2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_long_kernel_is_transformed_and_gives_what_numpy_gives(monkeypatch, dtype):
    used, convolved = [], long_kernels.convolved
    monkeypatch.setattr(
        long_kernels, "convolved", lambda *given: used.append(given) or convolved(*given)
    )
    rng = np.random.default_rng(0)
    layer = nn.Conv1d(1, 1, 300, bias=False, rng=0, dtype=dtype)
    x = rng.normal(size=20_000).astype(dtype)
    y = layer(x[None, None]).data
    assert len(used) == 1
    assert y.dtype == dtype
    expected = np.correlate(x.astype(float), layer.weight.data[0, 0].astype(float), "valid")
    np.testing.assert_allclose(y[0, 0], expected, atol=50 * np.finfo(dtype).eps)


def test_what_is_not_finite_stays_where_it_is():
    x = np.ones((1, 1, 20_000))
    x[..., 5] = np.nan
    y = nn.Conv1d(1, 1, 300, rng=0)(x).data
    assert np.isnan(y[..., :6]).all()
    assert np.isfinite(y[..., 6:]).all()


def test_parts_of_a_sample_are_as_precise_as_others():
    rng = np.random.default_rng(0)
    w = rng.normal(size=300)
    for size, dtype in ((1e-14, float), (1e14, float), (0.0, float), (1.0, np.float32)):
        x = rng.normal(size=20_000).astype(dtype)
        x[-900:-500] *= size
        y = convolution(x[None, None], w[None, None])[0, 0]
        scale = np.correlate(np.abs(x), np.abs(w), "valid")
        expected = np.correlate(x.astype(float), w, "valid")
        assert (np.abs(y - expected) <= 1e-14 * scale).all(), (size, dtype)


def test_a_loss_of_the_last_results_has_gradients_for_what_they_come_from_alone():
    x = Tensor(np.ones((1, 1, 20_000)), requires_grad=True)
    y = convolution(x, np.ones((1, 1, 300)))
    y[..., -1].sum().backward()
    np.testing.assert_array_equal(x.grad[0, 0], np.arange(20_000) >= 19_700)


def test_short_kernels_are_not_transformed():
    for images, kernels in (((64, 1, 28, 28), (6, 1, 5, 5)), ((16, 32, 32, 32), (64, 32, 3, 3))):
        placed = ((1, 1), ((2, 2), (2, 2)), (1, 1))
        assert not long_kernels.is_faster(np.ones(1), images, kernels, placed, 1)
