"""Calls of compiled functions like the one before, which are told from others in a few steps."""

import functools
import itertools
import pickle
import sys

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import Tensor, value_and_grad

BACKENDS = pytest.mark.parametrize("backend", ["numpy", "c"])


def compiled(f, backend, x=None):
    """The function, which was compiled for one argument, and ran so in the last call."""
    fast = al.compile(f, backend=backend)
    for _ in range(3):
        fast(np.array([1.0, 2.0]) if x is None else x)
    assert fast.backend == backend
    return fast


@BACKENDS
def test_what_is_given_in_another_way_is_another_call(backend, quick_c_compiler):
    def f(*arguments, **keywords):
        times = keywords.get("times", 1.0) + 10 * len(arguments)
        (x, *_) = arguments or (keywords["x"],)
        if isinstance(x, dict | list):
            x, times = x[0] if isinstance(x, list) else x["a"], times + 100
        return (x * times).sum()

    x = np.array([1.0, 2.0])
    calls = [
        ((x,), {}),
        ((x,), {"times": 3.0}),
        ((x, x), {}),
        (({"a": x},), {}),
        (([x],), {}),
        ((), {"x": x}),
        ((x, 2.0), {}),
        ((x[None],), {}),
        ((np.repeat(x, 2)[::2],), {}),
        ((x.astype(np.float32),), {}),
        ((np.array(2.0),), {}),
        ((np.float64(2.0),), {}),
    ]
    fast = compiled(f, backend)
    for _ in range(4):
        for arguments, keywords in calls:
            for _ in range(2):
                found, expected = fast(*arguments, **keywords), f(*arguments, **keywords)
                assert (found, type(found)) == (expected, type(expected)), (arguments, keywords)


@BACKENDS
def test_single_numbers_of_numpys_are_looked_at(backend, quick_c_compiler):
    def f(x, k):
        return (np.sum(x, axis=0) if k == 1 else x * k).sum()

    fast, x = al.compile(f, backend=backend), np.array([1.0, 2.0])
    for _ in range(4):
        for k in (np.array(2), np.array(3), np.array(1), np.array(2.5), np.array(True)):
            for _ in range(2):
                assert repr(fast(x, k)) == repr(f(x, k))


@BACKENDS
def test_what_is_returned_has_the_structure_that_the_function_gave_it(backend, quick_c_compiler):
    def f(x):
        return (x, (2 * x, "name"), [x.sum(), None], {"b": 3 * x, "a": (4, x * x)}, ())

    fast = compiled(f, backend)
    for x in (np.array([3.0, 4.0]), np.array([5.0, 6.0])):
        assert repr(fast(x)) == repr(f(x))
    assert fast.backend == backend


@BACKENDS
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4"])
def test_one_entry_is_a_number_or_an_array_as_the_function_gives_it(
    backend, dtype, quick_c_compiler
):
    def f(x):
        return x, np.where(x > 0, x, 0.5), x * 2, x.sum()

    def bounded(x):
        return np.minimum(x, 2.0)

    fast = al.compile(f, backend)
    gradient, right = value_and_grad(al.compile(bounded, backend)), value_and_grad(bounded)
    for x in np.arange(5, dtype=dtype):
        x = np.array(x, dtype)
        found, expected = (*fast(x), *gradient(x)), (*f(x), *right(x))
        assert [*map(type, found)] == [*map(type, expected)]
        assert [each.dtype for each in found] == [each.dtype for each in expected]
        assert found == expected
    assert (fast.backend, gradient.backend) == (backend, backend)


@BACKENDS
@pytest.mark.parametrize("size", [3, 5000])
def test_arrays_may_be_changed_after_a_call_and_so_may_results(backend, size, quick_c_compiler):
    """Large ones are read where they are, small ones are copied to where a program reads them."""

    def f(x, y):
        return (x * y).sum(), x + y, x

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, size))
    fast = compiled(lambda x: f(x, y), backend, x)
    kept = [(fast(x), f(x, y))]
    for _ in range(3):
        x += 1
        kept[-1][0][1][...] = 7.0
        kept[-1][1][1][...] = 7.0
        kept.append((fast(x), f(x.copy(), y)))
    for found, expected in kept:
        np.testing.assert_allclose(found[0], expected[0], 1e-12)
        assert found[1].tobytes() == expected[1].tobytes()
    assert fast.backend == backend


@BACKENDS
def test_what_is_in_force_meanwhile_is_asked_in_each_call(backend, quick_c_compiler):
    scale = Tensor([1.0, 2.0])

    def f(x):
        return np.log(x * scale).sum()

    fast, ones = value_and_grad(al.compile(f, backend=backend)), np.ones(2)
    for _ in range(3):
        assert fast(ones)[0] == np.log(2.0)
    assert fast.backend == backend
    with pytest.raises(FloatingPointError), np.errstate(all="raise"):
        fast(-ones)
    with al.no_grad():
        assert np.isnan(fast(-ones)[0])
    scale[1] = 5.0
    assert fast(ones)[0] == np.log(5.0)
    with al.detect_anomaly():
        assert fast(ones)[0] == np.log(5.0)
        assert fast.backend == "eager: what is computed is watched"
    scale.requires_grad = True
    assert isinstance(fast(ones)[0], Tensor)
    with al.no_grad():
        assert type(fast(ones)[0]) is np.float64


@BACKENDS
def test_subclasses_and_unpickled_arrays_are_what_they_are_in_the_function(
    backend, quick_c_compiler
):
    fast = compiled(lambda x: x * x, backend)
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(3):
        assert fast(x).tolist() == (x * x).tolist()
    unpickled = pickle.loads(pickle.dumps(x))
    assert fast(unpickled).tolist() == (x * x).tolist()
    assert fast.backend == backend
    swapped = x.astype(x.dtype.newbyteorder())
    assert fast(swapped).tolist() == (x * x).tolist()
    masked = np.ma.masked_array(x, mask=x > 3)
    assert type(fast(masked)) is type(masked * masked)


@BACKENDS
def test_ctrl_c_after_any_call_of_pythons_leaves_the_function_compiled(backend, quick_c_compiler):
    fast, x = compiled(lambda x: (x * x).sum(), backend), np.array([3.0, 4.0])

    def interrupt(returned, last, frame, event, _):
        if event == "c_return" and next(returned) == last:
            raise KeyboardInterrupt

    for last, first in itertools.product(range(1, 30), [x, x[:1]]):
        fast(first)
        try:
            sys.setprofile(functools.partial(interrupt, itertools.count(), last))
            fast(x)
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        assert (fast(x), fast.backend) == (25.0, backend)
