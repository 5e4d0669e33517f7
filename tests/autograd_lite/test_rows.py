"""Many cotangents that are carried back at once arrive as they do one by one."""

import numpy as np
import pytest
from walk import Walk

from autograd_lite import AnomalyError, detect_anomaly, differentiable, grad, jacobian, vjp
from autograd_lite.operation import Traits
from autograd_lite.table import TABLE

walk = Walk()


def one_by_one(f, arrays):
    """The Jacobians of f in its arguments, by a pull for each entry of its output."""
    value, pullback = vjp(f, *arrays)
    rows = [
        pullback(row.reshape(np.shape(value)))
        for row in np.eye(np.size(value), dtype=np.asarray(value).dtype)
    ]
    return [
        np.reshape([row[number] for row in rows], (*np.shape(value), *array.shape))
        for number, array in enumerate(arrays)
    ]


def assert_same(f, arrays):
    expected = one_by_one(f, arrays)
    found = jacobian(f, tuple(range(len(arrays))))(*arrays)
    for one, other, array in zip(found, expected, arrays, strict=True):
        assert one.dtype == array.dtype
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13, strict=True)


@walk.each_sample
def rows_are_pulled_as_one_by_one(sample):
    with np.errstate(all="ignore"):
        assert_same(sample.function, sample.arrays)


test_each_function = walk.test(of_each=2)
test_each_sample = pytest.mark.exhaustive(walk.test())


X = np.random.default_rng(0).normal(size=4)
MATRIX = np.random.default_rng(1).normal(size=(4, 4))


def several(x):
    hidden = np.tanh(MATRIX @ x)
    return {"a": np.outer(hidden, x)[1:], "b": (hidden * x[::-1]).sum(), "c": hidden[[0, 0, 2]]}


def assert_blocks(found):
    for name, block in found.items():
        (expected,) = one_by_one(lambda x, name=name: several(x)[name], (X,))
        np.testing.assert_allclose(block, expected, rtol=1e-13, atol=1e-15)


def test_each_output_of_several_has_its_rows():
    assert_blocks(jacobian(several)(X))


def test_rows_that_would_take_too_much_memory_are_carried_in_parts(monkeypatch):
    monkeypatch.setattr("autograd_lite.pullback.ENTRIES", 48)
    assert_blocks(jacobian(several)(X))


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_rows_are_carried_one_by_one_where_anomalies_are_looked_for():
    with detect_anomaly():
        assert_blocks(jacobian(several)(X))
    with detect_anomaly(), pytest.raises(AnomalyError, match="backward of sqrt") as caught:
        jacobian(np.sqrt)(np.array([1.0, 0.0]))
    assert caught.value.entries == ((1,),)


def test_rows_are_differentiated_again():
    weights = np.random.default_rng(2).normal(size=(3, 4, 4))

    def of(pull):
        return grad(lambda x: (pull(several, x)["a"] * weights).sum())(X)

    def pulled(f, x):
        value, pullback = vjp(f, x)
        zeros = {name: np.zeros(np.shape(part)) for name, part in value.items()}
        rows = [pullback({**zeros, "a": row})[0] for row in np.eye(12).reshape(12, 3, 4)]
        return {"a": np.stack(rows).reshape(3, 4, 4)}

    found = of(lambda f, x: jacobian(f)(x))
    np.testing.assert_allclose(found, of(pulled), rtol=1e-12)


def test_a_rule_of_a_users_own_is_asked_row_by_row():
    shapes = []

    def rule(g, y, x):
        shapes.append(np.shape(g))
        # With as many rows as entries it would be wrong, and not fail.
        return np.stack([gi * 3 * xi**2 for gi, xi in zip(g, x)])

    @differentiable(rule, traits=Traits(elementwise=True))
    def cube(x):
        return x**3

    np.testing.assert_allclose(jacobian(cube)(X), np.diag(3 * X**2), rtol=1e-14)
    assert set(shapes) == {(4,)}


def test_a_trait_that_is_not_true_is_found(monkeypatch):
    row = TABLE[np.flip]
    monkeypatch.setattr(row, "traits", row.traits._replace(in_rows=True))
    with pytest.raises(AssertionError):
        assert_same(np.flip, (X,))
