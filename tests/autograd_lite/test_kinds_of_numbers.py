"""Operands of other kinds than the result: whole numbers, and those of a lower precision."""

import numpy as np
import pytest
import scipy.special
from looping import looped
from samples import SAMPLES, SUBJECTS
from walk import each_subject

from autograd_lite import Tensor, grad
from autograd_lite.derivatives.pooling import to_maxima
from autograd_lite.node import plain
from autograd_lite.protocol import full_name as name_of
from autograd_lite.table import TABLE
from autograd_lite.trees import leaves_of

scipy.special.expit(Tensor(0.0))  # from then on its functions have rows
BINARY = [f for f in TABLE if isinstance(f, np.ufunc) and f.nin > 1]
SMALL_KINDS = [np.uint8, np.int16, np.uint64, np.int64, np.float16, np.float32]


@looped("ufunc", [f for f in BINARY if f.signature is None and f is not np.ldexp])
def test_rules_compute_with_other_kinds_of_numbers_as_with_those_of_the_result(ufunc):
    """Of eight bits 0 - 1 is 255, and a logarithm in half precision."""
    vjps = TABLE[ufunc].vjps
    # The last place is that of the argument of which a function is, where others are its orders.
    for place in [place for place, vjp in enumerate(vjps) if vjp is not None]:
        for point, *whole in ((0.3, 0, 2), (1.5, 1, 3), (7.25, 3, 2)):

            def slope(kind, place=place, point=point, whole=whole):
                others = [np.array([x], kind) for x in whole[: ufunc.nin - 1]]

                def of_one(x):
                    return ufunc(*others[:place], x, *others[place:]).sum()

                with np.errstate(all="ignore"):
                    return grad(of_one)(point), grad(grad(of_one))(point)

            wanted = slope(float)
            for kind in SMALL_KINDS:
                np.testing.assert_allclose(slope(kind), wanted, rtol=1e-14, err_msg=str(kind))


def whole(array, kind):
    numbers = np.round(np.abs(array) * 60) + np.arange(array.size).reshape(array.shape) % 3 + 1
    return np.minimum(numbers, 120).astype(kind)


def entries_of(result):
    return [np.asarray(plain(leaf)) for leaf in leaves_of(result)]


@each_subject
@looped("kind", [np.uint8, np.int8])
def test_functions_give_of_whole_numbers_what_numpy_gives(subject, kind):
    """Of tensors, and beside tensors of floats."""
    for function in SUBJECTS[subject]:
        for sample in SAMPLES[function][::3] if name_of(function).startswith("np.") else ():
            for of_floats in (None, *range(len(sample.arrays))):
                given = [
                    array if place == of_floats else whole(array, kind)
                    for place, array in enumerate(sample.arrays)
                ]
                tensors = [
                    Tensor(array) if of_floats in (None, place) else array
                    for place, array in enumerate(given)
                ]
                with np.errstate(all="ignore"):
                    try:
                        wanted = entries_of(sample.function(*given))
                    except (TypeError, ValueError, ArithmeticError):
                        continue
                    found = entries_of(sample.function(*tensors))
                for one, other in zip(found, wanted, strict=True):
                    told = f"{name_of(function)}: {one.dtype} {other.dtype}"
                    assert one.dtype == other.dtype, told
                    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, err_msg=told)


def test_a_power_of_0_has_the_slope_0_however_large_its_base():
    for kind in SMALL_KINDS:
        assert grad(lambda x, kind=kind: (x ** np.array([0], kind)).sum())(1e10) == 0


@looped("kind", [np.float16, np.uint8])
def test_weights_add_up_in_the_precision_of_what_they_are_of(kind):
    x, weights = np.linspace(1.0, 2.0, 70_000), np.full(70_000, 100, kind)
    for f in (np.average, lambda x, weights: np.cov(x, aweights=weights)):
        slopes = grad(lambda x, f=f: f(x, weights=weights))(x)
        wanted = grad(lambda x, f=f: f(x, weights=weights.astype(float)))(x)
        np.testing.assert_allclose(slopes, wanted, rtol=1e-12)
        assert f(Tensor(x), weights=weights).item() == pytest.approx(f(x, weights=weights))


AVERAGED = {
    "lists": [1, 2, 4],
    "lists of floats": [1.0, 2.0, 4.0],
    **{np.dtype(kind).name: np.array([1, 2, 4], kind) for kind in SMALL_KINDS},
}


@looped("kind", [np.float16, np.float32])
@looped("other", AVERAGED.values(), ids=AVERAGED)
def test_an_average_is_of_the_precision_that_numpy_gives_it(kind, other):
    x = np.array([0.5, 1.0, 2.0], kind)
    for f in (
        lambda x: np.average(x, weights=other, returned=True),
        lambda x: np.average(other, weights=x, returned=True),
    ):
        for one, wanted in zip(f(Tensor(x, requires_grad=True)), f(x), strict=True):
            assert one.dtype == wanted.dtype
            np.testing.assert_allclose(plain(one), wanted, rtol=2e-3)


@looped("kind", [np.float16, np.float32])
@looped("order", [3, 2.5, np.float64(2.5), np.int64(3), np.float32(2), -1.5])
def test_the_order_of_a_norm_does_not_count_with_its_precision(kind, order):
    x = np.array([3.0, -4.0, 1.0], kind)
    norm = np.linalg.norm(Tensor(x, requires_grad=True), order)
    assert norm.dtype == kind
    assert norm.item() == pytest.approx(np.linalg.norm(x, order), rel=3e-3)


@each_subject
def test_sums_of_half_precision_beside_a_higher_one_are_in_that(subject):
    """What adds up is in float32 where its first operand is of float16, and others may be above."""
    for function in SUBJECTS[subject]:
        if function not in TABLE or not TABLE[function].traits.accumulates:
            continue
        for sample in SAMPLES[function]:
            if (
                len(sample.arrays) > 1 and function is not to_maxima
            ):  # which moves entries to places
                half = sample.arrays[0].astype(np.float16)
                given = [Tensor(half), *sample.arrays[1:]]
                found = entries_of(sample.function(*given))
                wanted = entries_of(sample.function(half.astype(float), *sample.arrays[1:]))
                for one, other in zip(found, wanted, strict=True):
                    assert one.dtype != np.float16, name_of(function)
                    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
