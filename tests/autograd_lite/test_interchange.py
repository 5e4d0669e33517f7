import subprocess
import sys

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor, UnsupportedError, from_dlpack, gradcheck


def test_an_array_of_another_library_and_its_tensor_are_one_memory():
    array = np.array([1.0, 2.0])
    x = from_dlpack(array, requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    array[0] = 5.0
    assert x.data.tolist() == [5.0, 2.0]
    np.from_dlpack(Tensor(array))[1] = 6.0
    assert array.tolist() == [5.0, 6.0]


def test_torch_goes_both_ways_in_one_call_each():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    given = torch.tensor([1.0, 2.0], dtype=torch.float32)
    x = from_dlpack(given)
    assert x.dtype == np.float32
    back = torch.from_dlpack(x * 2)
    assert back.tolist() == [2.0, 4.0]
    with pytest.raises(UnsupportedError, match="from_dlpack of"):
        from_dlpack(given.clone().requires_grad_())


def test_an_array_of_the_standard_becomes_one_of_numpy():
    standard = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    x = Tensor(standard.asarray([1.0, 2.0]), requires_grad=True)
    assert type(x.data) is np.ndarray
    (x * standard.asarray([3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_what_has_a_record_is_not_handed_out():
    x = Tensor([1.0], requires_grad=True)
    for tensor in (x, x * 2):
        with pytest.raises(UnsupportedError, match=r"tensor.detach\(\)"):
            np.from_dlpack(tensor)
    assert np.from_dlpack((x * 2).detach()).tolist() == [2.0]
    with pytest.raises(UnsupportedError, match="__dlpack__"):
        from_dlpack([1.0])


def test_einops_rearranges_reduces_and_repeats_tensors():
    einops = pytest.importorskip("einops", reason="einops is not installed")
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for function in (
        lambda x: einops.rearrange(x, "a b c -> (c a) b"),
        lambda x: einops.reduce(x, "a b c -> b", "mean"),
        lambda x: einops.repeat(x, "a b c -> a r (b c)", r=2),
        lambda x: einops.einsum(x, x, "a b c, a d c -> b d"),
        lambda x: einops.pack([x, x], "* b c")[0],
    ):
        assert isinstance(function(Tensor(x)), Tensor)
        np.testing.assert_array_equal(function(Tensor(x)).data, function(x))
        gradcheck(function, [x])


@looped("first", ["einops, autograd_lite", "autograd_lite, einops"])
def test_the_order_of_imports_does_not_matter(first):
    pytest.importorskip("einops", reason="einops is not installed")
    code = f"import {first}; x = autograd_lite.Tensor([[1.0]]); einops.rearrange(x, 'a b -> b a')"
    subprocess.run([sys.executable, "-c", code], check=True)
