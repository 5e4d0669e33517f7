"""NumPy's keywords: at their defaults they change nothing, and dtype= is a conversion before."""

import numpy as np
import pytest
from looping import looped

from autograd_lite import Tensor, UnsupportedError, gradcheck, logsumexp, softmax

X = np.array([[0.25, -1.5, 2.0], [0.75, 1.25, -0.5]])
VECTOR = np.array([1.0, 2.0, 4.0])

AT_DEFAULTS = {
    "add": lambda x: np.add(
        x, 1, out=None, where=True, dtype=None, casting="same_kind", order="K", subok=True
    ),
    "sum by position": lambda x: np.sum(x, 0, None, None),
    "sum": lambda x: np.sum(x, axis=0, dtype=None, out=None, where=True),
    "mean": lambda x: np.mean(x, 1, None, None, False, where=True),
    "max": lambda x: np.max(x, 0, None),
    "max, where": lambda x: np.max(x, where=True, initial=np._NoValue),
    "prod": lambda x: np.prod(x, where=True),
    "std": lambda x: np.std(x, 0, None, None, 1),
    "var": lambda x: np.var(x, ddof=0, where=True, mean=np._NoValue),
    "median": lambda x: np.median(x, 0, None, False),
    "cumsum": lambda x: np.cumsum(x, 0, None, None),
    "trace": lambda x: np.trace(x, 0, 0, 1, None, None),
    "concatenate": lambda x: np.concatenate([x, x], 0, None, dtype=None, casting="same_kind"),
    "stack": lambda x: np.stack([x, x], out=None, dtype=None, casting="same_kind"),
    "vstack": lambda x: np.vstack([x, x], dtype=None),
    "dot": lambda x: np.dot(x, VECTOR, None),
    "matmul": lambda x: np.matmul(x, VECTOR, dtype=None, order="K"),
    "copy": lambda x: np.copy(x, order="K", subok=False),
    "einsum": lambda x: np.einsum(
        "ij->i", x, out=None, dtype=None, order="K", casting="safe", optimize=False
    ),
    "reshape": lambda x: np.reshape(x, (3, 2), order="C"),
    "astype": lambda x: np.astype(x, np.float64, copy=True),
    "sort": lambda x: np.sort(x, 0, None, order=None),
    "clip": lambda x: np.clip(x, 0, 1, out=None, dtype=None),
    "round": lambda x: np.round(x, 1, None) + x,
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 3), subok=False),
    "take": lambda x: np.take(x, [0, 1], 0, None, "raise"),
    "nan_to_num": lambda x: np.nan_to_num(x, True, 0.0),
    "add.reduce": lambda x: np.add.reduce(x, 0, None, None, where=True),
}


@looped("name", AT_DEFAULTS)
def test_keywords_at_their_defaults_change_nothing(name):
    function = AT_DEFAULTS[name]
    t = Tensor(X, requires_grad=True)
    np.testing.assert_allclose(function(t).data, function(X), rtol=1e-15)
    assert gradcheck(function, [X])


WITH_DTYPE = {
    "exp": lambda x, dtype: np.exp(x, dtype=dtype),
    "add": lambda x, dtype: np.add(x, [1.0, 2.0, 3.0], dtype=dtype),
    "sum": lambda x, dtype: np.sum(x, axis=0, dtype=dtype),
    "mean by position": lambda x, dtype: np.mean(x, 0, dtype),
    "std": lambda x, dtype: np.std(x, dtype=dtype),
    "cumsum": lambda x, dtype: np.cumsum(x, dtype=dtype),
    "concatenate": lambda x, dtype: np.concatenate([x, X], dtype=dtype),
    "add.reduce": lambda x, dtype: np.add.reduce(x, dtype=dtype),
    "sum of what is named": lambda x, dtype: np.sum(dtype=dtype, axis=0, a=x),
    "cumsum of what is named": lambda x, dtype: np.cumsum(a=x, dtype=dtype),
    "stack of what is named": lambda x, dtype: np.stack(arrays=[x, X], dtype=dtype),
}


NAMED = {
    np.mean: "a", np.nanmean: "a", np.nanvar: "a", np.nanstd: "a", np.nansum: "a", np.median: "a",
    np.max: "a", np.cumprod: "a", np.real_if_close: "a", np.linalg.norm: "x", np.flip: "m",
    np.stack: "arrays", np.hstack: "tup", np.diff: "a",
}  # fmt: skip


@looped(("function", "name"), NAMED.items(), ids=[each.__name__ for each in NAMED])
def test_the_first_argument_may_be_named_as_in_numpy(function, name):
    t = Tensor(X, requires_grad=True)
    result = function(**{name: t})
    np.testing.assert_array_equal(result.data, function(t).data)
    result.sum().backward()
    assert t.grad.shape == X.shape


@looped("name", WITH_DTYPE)
@looped(("given", "wanted"), [("f8", "f4"), ("f4", "f8"), ("f2", "f4")])
def test_a_dtype_is_that_of_the_result_and_the_gradient_keeps_that_of_the_tensor(
    name, given, wanted
):
    function = WITH_DTYPE[name]
    t = Tensor(X.astype(given), requires_grad=True)
    result = function(t, np.dtype(wanted))
    expected = function(X.astype(given), np.dtype(wanted))
    assert result.dtype == expected.dtype == wanted
    np.testing.assert_allclose(result.data, expected, rtol=1e-6)
    result.sum().backward()
    assert t.grad.dtype == given


@looped("name", WITH_DTYPE)
def test_a_dtype_of_whole_numbers_is_refused(name):
    with pytest.raises(UnsupportedError, match="dtype"):
        WITH_DTYPE[name](Tensor(X, requires_grad=True), int)


@looped(
    "function",
    [
        lambda x: np.sum(x, where=X > 0),
        lambda x: np.max(x, initial=5.0),
        lambda x: np.exp(x, where=X > 0, out=None),
        lambda x: np.nan_to_num(x, copy=False),
        lambda x: np.copy(x, order="F"),
    ],
)
def test_keywords_that_mean_something_which_is_not_recorded_are_refused(function):
    t = Tensor(X, requires_grad=True)
    with pytest.raises(UnsupportedError):
        function(t)
    np.testing.assert_array_equal(t.data, X)


def test_a_mask_is_told_what_selects_entries():
    with pytest.raises(UnsupportedError, match=r"where=array .* Select entries before: x\[mask\]"):
        np.mean(Tensor(X, requires_grad=True), where=X > 0)


ALONG = {
    "sum": np.sum,
    "std": np.std,
    "max": np.max,
    "median": np.median,
    "norm": lambda x, axis: np.linalg.norm(x, axis=axis),
    "cumsum": np.cumsum,
    "trapezoid": lambda x, axis: np.trapezoid(x, axis=axis),
    "gradient": lambda x, axis: np.gradient(x, axis=axis),
    "flip": np.flip,
    "sort": np.sort,
    "average": np.average,
    "concatenate": lambda x, axis: np.concatenate([x, x], axis),
    "stack": lambda x, axis: np.stack([x, x], axis),
    "split": lambda x, axis: np.split(x, 1, axis)[0],
    "moveaxis": lambda x, axis: np.moveaxis(x, axis, 0),
    "expand_dims": np.expand_dims,
    "roll": lambda x, axis: np.roll(x, axis + 1, axis),
    "tensordot": lambda x, axis: np.tensordot(x, x.T, axis),
    "take": lambda x, axis: np.take(x, [0], axis),
    "repeat": lambda x, axis: np.repeat(x, 2, axis),
    "diff": lambda x, axis: np.diff(x, axis=axis),
    "logsumexp": logsumexp,
    "softmax": softmax,
    "reduce": np.logaddexp.reduce,
    "transpose": lambda x, axis: x.transpose(axis, 1 - axis),
}


@looped("name", ALONG)
def test_an_axis_may_be_an_integer_of_numpy(name):
    function = ALONG[name]
    for axis in (0, 1):
        x, y = Tensor(X, requires_grad=True), Tensor(X, requires_grad=True)
        found, expected = function(x, np.int64(axis)), function(y, axis)
        np.testing.assert_array_equal(found.data, expected.data)
        (found * found).sum().backward()
        (expected * expected).sum().backward()
        np.testing.assert_array_equal(x.grad, y.grad)


def test_methods_take_what_those_of_arrays_take():
    t = Tensor(X, requires_grad=True)
    assert t.sum(axis=0, dtype=None, out=None).data.tolist() == X.sum(axis=0).tolist()
    assert t.mean(dtype=np.float32).dtype == np.float32
    for name, given in (
        ("sum", (0, None, None, True)),
        ("mean", (1, "f4")),
        ("max", (0, None, True)),
    ):
        found, expected = getattr(t, name)(*given), getattr(X, name)(*given)
        assert (found.dtype, found.data.tolist()) == (expected.dtype, expected.tolist())
    assert t.sum(0, True).data.tolist() == X.sum(0, keepdims=True).tolist()
    for order in ("C", "F"):
        assert t.ravel(order).data.tolist() == X.ravel(order).tolist()
        assert t.flatten(order).data.tolist() == X.flatten(order).tolist()
        assert t.reshape(3, 2, order=order).data.tolist() == X.reshape(3, 2, order=order).tolist()
    assert t.astype(np.float64, copy=False) is t
    assert t.astype(np.float32, copy=False).dtype == np.float32
    for call in (lambda: t.astype(np.float32, order="F"), lambda: t.copy(order="F")):
        with pytest.raises(UnsupportedError, match="order"):
            call()
    assert t.copy(order="C").data.tolist() == t.conj().data.tolist() == t.real.data.tolist()
    assert t.imag.tolist() == np.zeros_like(X).tolist()
    assert t.compress([False, True], axis=0).data.tolist() == X[1:].tolist()
    assert t.reshape(-1).searchsorted(X[0, 1]) == np.searchsorted(X.reshape(-1), X[0, 1])
