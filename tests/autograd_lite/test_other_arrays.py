"""Arrays that speak NumPy's protocols work inside a tensor: the engine never makes an ndarray."""

import dask.array as da
import numpy as np
import pytest
from dask.callbacks import Callback

from autograd_lite import (
    Tensor,
    affine,
    grad,
    jacobian,
    relu,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1000, 5))
Y = RNG.normal(size=(1000, 1))
PARAMETERS = [RNG.normal(size=shape) for shape in ((5, 8), (8,), (8, 1), (1,))]


def written_out(x, y, W1, b1, W2, b2):
    return np.mean((np.tanh(x @ W1 + b1) @ W2 + b2 - y) ** 2)


def of_fused_operations(x, y, W1, b1, W2, b2):
    return np.abs(affine(relu(affine(x, W1, b1)), W2, b2) - y).mean()


def with_logits(x, y, W1, b1, W2, b2):
    return sigmoid_cross_entropy(affine(np.exp(-((x @ W1) ** 2) + b1), W2, b2), 1 * (y > 0))


def with_labels(x, y, W1, b1, W2, b2):
    z = affine(np.tanh(affine(x, W1, b1)), W2, b2) - y
    return softmax_cross_entropy(np.concatenate([z, -z], axis=1), np.arange(len(X)) % 2)


LOSSES = [written_out, of_fused_operations, with_logits, with_labels]


def gradients(loss, as_array):
    tensors = [Tensor(p.copy(), requires_grad=True) for p in PARAMETERS]
    value = loss(as_array(X), as_array(Y), *tensors)
    value.backward()
    return value.data, [tensor.grad for tensor in tensors]


def chunked(array):
    return da.from_array(array, chunks=(100, array.shape[1]))


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_over_a_chunked_dask_array_are_those_of_numpy(loss):
    value, expected = gradients(loss, np.asarray)
    lazy_value, lazy = gradients(loss, chunked)
    np.testing.assert_allclose(lazy_value.compute(), value, rtol=1e-14)
    for one, other in zip(lazy, expected, strict=True):
        assert isinstance(one, da.Array)
        np.testing.assert_allclose(one.compute(), other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_is_computed_before_it_is_asked_for(loss):
    computed = []
    with Callback(pretask=lambda key, *_: computed.append(key)):
        _, lazy = gradients(loss, chunked)
        assert computed == []
        lazy[0].compute(scheduler="synchronous")
        assert computed


def test_a_dask_array_of_parameters_has_a_lazy_gradient():
    weight = Tensor(da.from_array(PARAMETERS[0], chunks=(5, 4)), requires_grad=True)
    (chunked(X) @ weight).sum().backward()
    assert isinstance(weight.grad, da.Array)
    expected = np.repeat(X.sum(axis=0)[:, None], 8, axis=1)
    np.testing.assert_allclose(weight.grad.compute(), expected, rtol=1e-12)


def test_gradients_and_jacobians_in_dask_arrays_are_lazy():
    def f(x):
        return np.tanh(x[1:].reshape(2, 2)) * x[0]

    found = jacobian(f)(da.from_array(X[0], chunks=5))
    gradient = grad(lambda x: f(x).sum())(da.from_array(X[0], chunks=5))
    assert isinstance(gradient, da.Array)
    np.testing.assert_allclose(gradient.compute(), found.sum(axis=(0, 1)).compute(), rtol=1e-13)
    assert isinstance(found, da.Array)
    np.testing.assert_allclose(found.compute(), jacobian(f)(X[0]), rtol=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_of_cupy_arrays_stay_on_the_gpu(loss):
    cupy = pytest.importorskip("cupy", reason="needs CuPy")
    if cupy.cuda.runtime.getDeviceCount() == 0:
        pytest.skip("needs a GPU")
    _, expected = gradients(loss, np.asarray)
    tensors = [Tensor(cupy.asarray(p), requires_grad=True) for p in PARAMETERS]
    loss(cupy.asarray(X), cupy.asarray(Y), *tensors).backward()
    for tensor, other in zip(tensors, expected, strict=True):
        assert isinstance(tensor.grad, cupy.ndarray)
        np.testing.assert_allclose(cupy.asnumpy(tensor.grad), other, rtol=1e-10, atol=1e-12)
