"""Copies of tensors, of their records, of reports and of errors: within a process and between."""

import copy
import inspect
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from looping import looped

import autograd_lite
from autograd_lite import (
    AutogradError,
    Tensor,
    UnsupportedError,
    compare_gradients,
    derive,
    detect_anomaly,
    differentiable,
    grad,
    gradcheck,
    hessian,
    jacobian,
    no_grad,
    value_and_grad,
)
from autograd_lite.node import plain

ROOT = Path(autograd_lite.__file__).parents[1]


def leaf():
    return Tensor([1.0, 2.0], requires_grad=True, name="w")


def through_pickle(thing):
    return pickle.loads(pickle.dumps(thing))


def changed_often():
    w = leaf()
    with no_grad():
        for _ in range(10):
            w += 0.5
    return w


@looped("duplicate", [copy.copy, copy.deepcopy, through_pickle])
def test_a_copy_of_a_leaf_can_be_trained(duplicate):
    w = changed_often()
    w.grad = np.array([3.0, 4.0])
    again = duplicate(w)
    assert (again.name, again.requires_grad, type(again)) == ("w", True, Tensor)
    np.testing.assert_array_equal(again.grad, [3.0, 4.0])
    (again * again).sum().backward()
    np.testing.assert_array_equal(again.grad, 2 * w.data + [3.0, 4.0])
    np.testing.assert_array_equal(again.data, w.data)


def test_so_can_one_that_was_changed_often_and_is_loaded_in_a_new_process(tmp_path):
    path = tmp_path / "w.pickle"
    path.write_bytes(pickle.dumps(changed_often()))
    code = (
        "import pickle, sys; w = pickle.load(open(sys.argv[1], 'rb')); "
        "(w * w).sum().backward(); print(w.grad.tolist())"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=True
    )
    assert done.stdout.strip() == "[12.0, 14.0]"


@pytest.mark.parametrize("length", [3, 8_000, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_a_deep_copy_of_a_record_is_a_record_of_its_own(length):
    w = leaf()
    y = w
    for _ in range(length):
        y = y + 0.0
    loss = (y * w).sum()
    other, copied = copy.deepcopy((w, loss))
    assert copied.operation is loss.operation
    copied.backward(leaves_only=True)
    assert w.grad is None
    np.testing.assert_array_equal(other.grad, [2.0, 4.0])
    loss.backward(leaves_only=True)
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])


def test_the_pickle_of_a_record_is_refused():
    y = leaf()
    for _ in range(10_000):
        y = y * 1.0
    with pytest.raises(UnsupportedError, match=r"pickle of tensor \(2,\).*detach"):
        pickle.dumps(y)
    np.testing.assert_array_equal(through_pickle(y.detach()).data, [1.0, 2.0])


def error_of(compute):
    with pytest.raises(AutogradError) as caught:
        compute()
    return caught.value


def not_finite():
    with detect_anomaly():
        np.sum(leaf() * np.array([1.0, np.nan]))


ERRORS = {
    "shapes": lambda: leaf() @ Tensor(np.ones(3)),
    "gradient check": lambda: gradcheck(differentiable(lambda g, y, x: g)(lambda x: x**3), leaf()),
    "anomaly": not_finite,
    "name": lambda: leaf().unsqueeze,
}


@looped("compute", ERRORS.values(), ids=ERRORS)
def test_errors_are_what_they_were_after_a_pickle(compute):
    error = error_of(compute)
    again = through_pickle(error)
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_so_are_reports_and_derivations():
    w = leaf()
    loss = (np.tanh(w) * w).sum()
    for report in (compare_gradients(loss, {w: np.ones(2)}), derive(loss)):
        assert str(through_pickle(report)) == str(report)


def squares(x):
    return (x * x).sum()


@grad
def decorated(x):
    return x**3


class Tripled:
    factor = 3.0

    @grad
    def slope(x, factor):
        return factor * x**2

    by_method = grad(lambda self, x: self.factor * x**2, 1)


MADE = {
    "grad": grad(squares),
    "value_and_grad": value_and_grad(squares, (0,)),
    "jacobian": jacobian(np.sin),
    "hessian": hessian(squares),
    "grad of grad": jacobian(grad(grad(np.exp))),
    "decorated": decorated,
}


@looped("function", MADE.values(), ids=MADE)
@looped("duplicate", [copy.copy, copy.deepcopy, through_pickle])
def test_what_a_transform_makes_of_a_function_is_copied_and_pickled_where_that_is(
    function, duplicate
):
    x = np.float64(0.5) if function in (decorated, MADE["grad of grad"]) else np.array([0.5, 2.0])
    again = duplicate(function)
    assert repr(again(x)) == repr(function(x))
    assert inspect.signature(again) == inspect.signature(function)
    assert again.__name__ == function.__name__


def test_it_goes_through_a_pool_of_processes():
    with ProcessPoolExecutor(1) as pool:
        found = list(pool.map(grad(squares), [np.array([1.0, 2.0]), 3.0]))
    assert (found[0] == [2.0, 4.0]).all()
    assert found[1] == 6.0


def test_it_is_a_method_in_a_class():
    assert Tripled().by_method(2.0) == 12.0
    assert Tripled.slope(2.0, 3.0) == 12.0


def summed(x):
    return (x**2).sum()


@looped("duplicate", [copy.copy, copy.deepcopy])
@looped("point", [np.array([1.0, 2.0]), leaf()])
def test_a_copy_of_what_is_differentiated_in_depends_on_it(duplicate, point):
    """Of a leaf of its own the derivative would be 0."""
    for f, wanted in (
        (lambda x: summed(duplicate(x)), [2.0, 4.0]),
        (lambda x: summed(duplicate(3 * x)), [18.0, 36.0]),
        (lambda x: summed(duplicate({"w": [x]})["w"][0]), [2.0, 4.0]),
        (lambda x: grad(lambda y: summed(duplicate(x) * y))(x).sum(), [6.0, 24.0]),
    ):
        np.testing.assert_array_equal(plain(grad(f)(point)), wanted)
    np.testing.assert_array_equal(
        plain(hessian(lambda x: (duplicate(x) ** 3).sum())(point)), np.diag([6.0, 12.0])
    )


def test_parameters_that_are_copied_and_stepped_within_a_function_keep_their_gradient():
    def after_a_step(parameters):
        stepped = copy.deepcopy(parameters)
        stepped["w"] -= 0.25 * grad(lambda p: summed(p["w"]))(stepped)["w"]
        return summed(stepped["w"])

    slopes = grad(after_a_step)({"w": np.array([1.0, 2.0])})["w"]
    np.testing.assert_array_equal(slopes, [0.5, 1.0])


@looped("point", [np.array([1.0, 2.0]), leaf()])
def test_after_the_transform_a_copy_is_a_leaf_or_record_of_its_own(point):
    kept = []
    grad(lambda x: (kept.append(x), summed(x))[1])(point)
    (again,) = copy.deepcopy(kept)
    summed(again).backward()
    assert type(again) is type(kept[0])
    assert not isinstance(point, Tensor) or point.grad is None
