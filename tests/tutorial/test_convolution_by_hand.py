"""A convolutional network whose gradients are derived by hand, in plain NumPy, with loops.

Convolution, batch normalization over channels, ReLU, maxima of windows, means of windows and a
dense layer, as a course on convolutional networks has them. No other library is needed to check
the layers against these.
"""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor, compare_gradients, gradcheck

RNG = np.random.default_rng(0)


def pad(x, width):
    return np.pad(x, ((0, 0), (0, 0), (width, width), (width, width)))


def conv_forward(x, W, b, stride, padding):
    n, _, height, width = x.shape
    out, _, kh, kw = W.shape
    x = pad(x, padding)
    rows = (height + 2 * padding - kh) // stride + 1
    columns = (width + 2 * padding - kw) // stride + 1
    z = np.zeros((n, out, rows, columns))
    for i in range(n):
        for o in range(out):
            for r in range(rows):
                for c in range(columns):
                    patch = x[i, :, r * stride : r * stride + kh, c * stride : c * stride + kw]
                    z[i, o, r, c] = np.sum(patch * W[o]) + b[o]
    return z


def conv_backward(dz, x, W, stride, padding):
    """Each entry of dz reaches the patch that it came from through the kernel, and the kernel."""
    x = pad(x, padding)
    dx, dW, db = np.zeros_like(x), np.zeros_like(W), np.zeros(len(W))
    n, out, rows, columns = dz.shape
    kh, kw = W.shape[2:]
    for i in range(n):
        for o in range(out):
            for r in range(rows):
                for c in range(columns):
                    top, left = r * stride, c * stride
                    patch = np.s_[i, :, top : top + kh, left : left + kw]
                    dx[patch] += dz[i, o, r, c] * W[o]
                    dW[o] += dz[i, o, r, c] * x[patch]
                    db[o] += dz[i, o, r, c]
    if padding:
        dx = dx[:, :, padding:-padding, padding:-padding]
    return dx, dW, db


def batch_norm_forward(x, gamma, beta, epsilon=1e-5):
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    variance = x.var(axis=(0, 2, 3), keepdims=True)
    xhat = (x - mean) / np.sqrt(variance + epsilon)
    return gamma.reshape(1, -1, 1, 1) * xhat + beta.reshape(1, -1, 1, 1), xhat, variance


def batch_norm_backward(dy, xhat, variance, gamma, epsilon=1e-5):
    m = dy.size // dy.shape[1]
    axes = (0, 2, 3)
    dgamma, dbeta = (dy * xhat).sum(axis=axes), dy.sum(axis=axes)
    dxhat = dy * gamma.reshape(1, -1, 1, 1)
    sums = dxhat.sum(axis=axes, keepdims=True), (dxhat * xhat).sum(axis=axes, keepdims=True)
    dx = (m * dxhat - sums[0] - xhat * sums[1]) / (m * np.sqrt(variance + epsilon))
    return dx, dgamma, dbeta


def pool_forward(x, size, function):
    n, channels, height, width = x.shape
    y = np.zeros((n, channels, height // size, width // size))
    for r in range(height // size):
        for c in range(width // size):
            window = x[:, :, r * size : (r + 1) * size, c * size : (c + 1) * size]
            y[:, :, r, c] = function(window, axis=(2, 3))
    return y


def max_pool_backward(dy, x, size):
    dx = np.zeros_like(x)
    for i, channel, r, c in np.ndindex(dy.shape):
        rows, columns = slice(r * size, (r + 1) * size), slice(c * size, (c + 1) * size)
        window = x[i, channel, rows, columns]
        dx[i, channel, rows, columns] += dy[i, channel, r, c] * (window == window.max())
    return dx


def average_pool_backward(dy, size):
    return np.repeat(np.repeat(dy, size, axis=2), size, axis=3) / size**2


@looped(("stride", "padding"), [(1, 0), (1, 1), (2, 0), (2, 1), (3, 2)])
def test_convolution_and_its_gradients_are_those_of_loops(stride, padding):
    x, W, b = RNG.normal(size=(2, 3, 7, 6)), RNG.normal(size=(4, 3, 3, 2)), RNG.normal(size=4)
    layer = nn.Conv2d(3, 4, (3, 2), stride, padding)
    layer.weight.data, layer.bias.data = W.copy(), b.copy()
    images = Tensor(x, requires_grad=True)
    y = layer(images)
    np.testing.assert_allclose(y.data, conv_forward(x, W, b, stride, padding), rtol=1e-12)
    dz = RNG.normal(size=y.shape)
    y.backward(dz)
    by_hand = conv_backward(dz, x, W, stride, padding)
    for tensor, expected in zip((images, layer.weight, layer.bias), by_hand, strict=True):
        np.testing.assert_allclose(tensor.grad, expected, rtol=1e-12, atol=1e-13)


def test_the_transposed_layer_computes_what_reaches_the_images_of_a_convolution():
    x, W = RNG.normal(size=(2, 3, 4, 5)), RNG.normal(size=(3, 2, 3, 3))
    layer = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, bias=False)
    layer.weight.data = W.copy()
    expected, _, _ = conv_backward(x, np.zeros((2, 2, 7, 9)), W, stride=2, padding=1)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12, atol=1e-13)


def test_the_gradients_of_a_network_derived_by_hand_agree():
    X, y = RNG.normal(size=(5, 1, 8, 8)), np.array([0, 2, 1, 1, 0])
    conv1, norm = nn.Conv2d(1, 3, 3, padding=1, rng=0), nn.BatchNorm2d(3)
    conv2, dense = nn.Conv2d(3, 4, 3, padding=1, rng=1), nn.Dense(16, 3, rng=2)
    norm.weight.data, norm.bias.data = RNG.normal(size=3), RNG.normal(size=3)
    layers = (conv1, norm, nn.ReLU(), nn.MaxPool(2), conv2, nn.AvgPool(2), nn.Flatten(), dense)
    model = nn.Sequential(*layers)
    loss = nn.CrossEntropyLoss()(model(X), y)

    W1, b1 = conv1.weight.data, conv1.bias.data
    gamma, beta = norm.weight.data, norm.bias.data
    W2, b2 = conv2.weight.data, conv2.bias.data
    W3, b3 = dense.weight.data, dense.bias.data
    z1 = conv_forward(X, W1, b1, 1, 1)
    n1, z1hat, variance = batch_norm_forward(z1, gamma, beta)
    a1 = np.maximum(n1, 0)
    p1 = pool_forward(a1, 2, np.max)
    z2 = conv_forward(p1, W2, b2, 1, 1)
    p2 = pool_forward(z2, 2, np.mean)
    flat = p2.reshape(5, -1)
    z3 = flat @ W3 + b3
    probabilities = np.exp(z3) / np.exp(z3).sum(axis=1, keepdims=True)
    assert loss.item() == pytest.approx(-np.log(probabilities[range(5), y]).mean(), rel=1e-12)

    dz3 = (probabilities - np.eye(3)[y]) / 5
    dW3, db3 = flat.T @ dz3, dz3.sum(axis=0)
    dz2 = average_pool_backward((dz3 @ W3.T).reshape(p2.shape), 2)
    dp1, dW2, db2 = conv_backward(dz2, p1, W2, 1, 1)
    dn1 = max_pool_backward(dp1, a1, 2) * (n1 > 0)
    dz1, dgamma, dbeta = batch_norm_backward(dn1, z1hat, variance, gamma)
    _, dW1, db1 = conv_backward(dz1, X, W1, 1, 1)
    report = compare_gradients(
        loss,
        {
            dense.weight: dW3,
            dense.bias: db3,
            conv2.weight: dW2,
            conv2.bias: db2,
            norm.weight: dgamma,
            norm.bias: dbeta,
            conv1.weight: dW1,
        },
        tolerance=1e-10,
    )
    assert report, report
    # The mean takes out what the bias adds: its gradient is 0 up to rounding.
    loss.backward()
    np.testing.assert_allclose(db1, 0, atol=1e-15)
    np.testing.assert_allclose(conv1.bias.grad, 0, atol=1e-15)


def test_second_derivatives_of_a_network_pass_the_gradient_check():
    convolution, norm = nn.Conv2d(1, 2, 2, rng=0), nn.BatchNorm2d(2)
    parts = (convolution, norm, nn.Swish(), nn.AvgPool(2, 1), nn.Upsample(scale_factor=2))
    model = nn.Sequential(*parts, nn.MaxPool(2), nn.ConvTranspose2d(2, 1, 2, rng=1))
    assert gradcheck(lambda x: np.sin(model(x)).sum(), RNG.normal(size=(2, 1, 4, 4)), order=2)
