"""Layers of images against their formulas, by loops; their states, dtypes and other arrays."""

import itertools

import dask.array as da
import numpy as np
import pytest
from model_files import layers_of_images

import nn
from autograd_lite import ShapeError, Tensor

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(2, 3, size=(2, 4, 5, 6))


def standardized(x, epsilon):
    return (x - x.mean()) / np.sqrt(x.var() + epsilon)


def test_group_and_instance_normalization_are_those_of_each_part():
    weight, bias = RNG.normal(size=4), RNG.normal(size=4)
    for layer, size in ((nn.GroupNorm(2, 4, 0.1), 2), (nn.InstanceNorm(4, 0.1, affine=True), 1)):
        layer.weight.data, layer.bias.data = weight.copy(), bias.copy()
        found = layer(IMAGES).data
        for n, first in itertools.product(range(2), range(0, 4, size)):
            y = standardized(IMAGES[n, first : first + size], 0.1)
            for channel in range(first, first + size):
                expected = y[channel - first] * weight[channel] + bias[channel]
                np.testing.assert_allclose(found[n, channel], expected, rtol=1e-12, atol=1e-13)


def test_root_mean_square_normalization_is_its_formula():
    layer = nn.RMSNorm((5, 6), 0.1)
    layer.weight.data = RNG.normal(size=(5, 6))
    root = np.sqrt((IMAGES**2).mean(axis=(2, 3), keepdims=True) + 0.1)
    np.testing.assert_allclose(layer(IMAGES).data, IMAGES / root * layer.weight.data, rtol=1e-12)


def test_whole_numbers_are_normalized_as_floats_where_no_weight_has_a_dtype():
    images = IMAGES.astype(np.int8)
    for layer in (
        nn.LayerNorm(6, elementwise_affine=False),
        nn.RMSNorm(6, elementwise_affine=False),
        nn.GroupNorm(2, 4, affine=False),
        nn.InstanceNorm(4),
        nn.BatchNorm2d(4, affine=False),
    ):
        found = layer(images)
        expected = layer(images.astype(float))
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, expected, err_msg=str(layer))


def test_a_variance_of_one_entry_is_refused():
    for layer, shape in (
        (nn.GroupNorm(4, 4), (2, 4)),
        (nn.GroupNorm(4, 4), (2, 4, 1, 1)),
        (nn.InstanceNorm(4), (2, 4, 1)),
    ):
        with pytest.raises(ShapeError, match="needs at least two entries"):
            layer(np.ones(shape))
    assert nn.GroupNorm(2, 4)(np.ones((2, 4))).shape == (2, 4)


def test_adaptive_means_are_those_of_the_parts():
    found = nn.AdaptiveAvgPool((3, 4))(IMAGES)
    for i, j in np.ndindex(3, 4):
        rows = slice(i * 5 // 3, -(-(i + 1) * 5 // 3))
        columns = slice(j * 6 // 4, -(-(j + 1) * 6 // 4))
        expected = IMAGES[:, :, rows, columns].mean(axis=(2, 3))
        np.testing.assert_allclose(found[:, :, i, j], expected, rtol=1e-12)


def test_interpolation_is_a_line_between_neighbours():
    x = np.array([[[[0.0, 4.0], [8.0, 16.0]]]])
    corners = nn.Upsample(3, mode="bilinear", align_corners=True)(x)
    np.testing.assert_array_equal(corners[0, 0], [[0, 2, 4], [4, 7, 10], [8, 12, 16]])
    middles = nn.Upsample(scale_factor=2, mode="bilinear")(x)
    np.testing.assert_array_equal(middles[0, 0, 0], [0, 1, 3, 4])
    nearest = nn.Upsample((2, 3))(x)
    np.testing.assert_array_equal(nearest[0, 0], [[0, 0, 4], [8, 8, 16]])


def test_a_bilinear_layer_is_a_form_of_two_vectors():
    layer = nn.Bilinear(3, 2, 4, rng=0)
    a, b = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
    for n, o in np.ndindex(5, 4):
        expected = a[n] @ layer.weight.data[o] @ b[n] + layer.bias.data[o]
        np.testing.assert_allclose(layer(a, b).data[n, o], expected, rtol=1e-12)


def test_means_of_windows_that_reach_into_the_border_count_it_or_not():
    x = np.array([[[1.0, 2.0, 3.0]]])
    np.testing.assert_allclose(nn.AvgPool(2, 2, 1)(x)[0, 0], [0.5, 2.5])
    np.testing.assert_allclose(nn.AvgPool(2, 2, 1, count_include_pad=False)(x)[0, 0], [1.0, 2.5])
    np.testing.assert_allclose(nn.AvgPool(2, ceil_mode=True)(x)[0, 0], [1.5, 3.0])


def test_equal_maxima_of_a_window_share_what_reaches_them():
    x = Tensor([[[3.0, 3.0, 1.0, 3.0]]], requires_grad=True)
    nn.MaxPool(2)(x).backward(np.array([[[1.0, 5.0]]]))
    np.testing.assert_array_equal(x.grad, [[[0.5, 0.5, 0.0, 5.0]]])


def test_layers_of_images_stay_in_float32_and_their_gradients_too():
    for layer, shapes in layers_of_images(np.float32):
        inputs = [Tensor(RNG.normal(size=s).astype(np.float32), requires_grad=True) for s in shapes]
        y = layer(*inputs)
        y.backward(np.ones(y.shape, np.float32))
        tensors = [y, *inputs, *layer.parameters()]
        assert {t.dtype for t in tensors} == {np.dtype(np.float32)}, layer
        assert {t.grad.dtype for t in tensors[1:]} == {np.dtype(np.float32)}, layer


@pytest.mark.exhaustive
def test_dask_arrays_go_through_layers_of_images_as_numpys_do():
    for layer, shapes in layers_of_images():
        if isinstance(layer, nn.Dropout2d) or getattr(layer, "groups", 1) > 1:
            continue  # It draws anew; Dask does not divide an axis like that.
        arrays = [RNG.normal(size=shape) for shape in shapes]
        for made in (np.asarray, lambda x: da.from_array(x, chunks=(1, *x.shape[1:]))):
            inputs = [Tensor(made(x), requires_grad=True) for x in arrays]
            layer.zero_grad()
            y = layer(*inputs)
            (y**2).sum().backward()
            found = [np.asarray(t.grad) for t in (*inputs, *layer.parameters())]
            if made is np.asarray:
                expected = found
        assert isinstance(y.data, da.Array), layer
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12, err_msg=str(layer))


def test_a_batch_of_no_images_gives_none():
    layers = {
        nn.Conv1d(2, 3, 2): (5,),
        nn.Conv2d(2, 4, 3, padding=1, stride=2, groups=2): (5, 5),
        nn.Conv3d(2, 3, 2): (3, 3, 3),
        nn.ConvTranspose2d(2, 3, 2): (4, 4),
        nn.MaxPool(2): (4, 4),
        nn.AvgPool(2): (4, 4),
        nn.AdaptiveAvgPool(2): (4, 4),
        nn.Upsample(2): (4, 4),
    }
    for layer, size in layers.items():
        x = Tensor(np.zeros((0, 2, *size)), requires_grad=True)
        result = layer(x)
        result.sum().backward()
        assert result.shape == (0, *layer(np.zeros((1, 2, *size))).shape[1:]), layer
        assert x.grad.shape == x.shape, layer
        assert not any(parameter.grad.any() for parameter in layer.parameters()), layer
