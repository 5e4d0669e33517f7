"""Compiled functions that are hard to compile: they compute what was written, or say why not."""

import copy
import random
import warnings
from collections import deque

import arrays_that_change  # noqa: F401 - for its functions
import numpy as np
import objects_that_change  # noqa: F401 - for its functions
import pytest
from functions_that_change import TRAPS
from looping import raise_named

import autograd_lite
from autograd_lite import value_and_grad
from autograd_lite.errors import UnsupportedError
from autograd_lite.node import plain
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.trees import leaves_of

CALLS = 7


def results(make, call):
    """What calls of a function give, as copies, and the back end of the last one."""
    f, arguments = make()
    f = call(f)
    found = []
    for number in range(CALLS):
        given = arguments(number)
        found.append([(type(x), np.array(plain(x))) for x in leaves_of(f(*given))])
    return found, getattr(f, "backend", "")


def assert_alike(name, found, expected, rounding):
    for number, (own, wanted) in enumerate(zip(found, expected, strict=True)):
        for (kind, a), (other, b) in zip(own, wanted, strict=True):
            assert (kind, a.shape, a.dtype) == (other, b.shape, b.dtype), (name, number)
            exact = a.tobytes() == b.tobytes()
            assert exact or (rounding and np.allclose(a, b, rounding)), (name, number, a, b)


def assert_computes_what_was_written(backend, rounding, both=True):
    failures, compiled, ways = [], 0, (lambda f: f, value_and_grad)
    for place, (name, make) in enumerate(TRAPS.items()):
        for differentiated in ways if both else (ways[place % 2],):
            try:
                with warnings.catch_warnings(), np.printoptions():
                    warnings.simplefilter("error")
                    expected, _ = results(make, differentiated)
                    found, ran = results(
                        make, lambda f, d=differentiated: d(autograd_lite.compile(f, backend))
                    )
                assert_alike(name, found, expected, rounding)
                compiled += ran == backend
            except Exception as error:
                failures.append((f"{name}: {error}", error))
    raise_named(failures)
    assert compiled > len(TRAPS) / 2


def test_functions_or_gradients_have_the_same_bits_whatever_is_changed():
    assert_computes_what_was_written("numpy", 0, both=False)


@pytest.mark.exhaustive
def test_functions_and_gradients_have_the_same_bits_whatever_is_changed():
    assert_computes_what_was_written("numpy", 0)


@pytest.mark.exhaustive
def test_they_are_right_in_c_whatever_is_changed(quick_c_compiler):
    assert_computes_what_was_written("c", 1e-5)  # some are of float32


def test_what_only_decides_is_not_taken_for_a_constant_where_it_is_drawn():
    own = np.random.default_rng(0)
    for draws in (own.random, np.random.rand, random.random):
        fast = autograd_lite.compile(lambda x, draws=draws: x.sum() * (2 if draws() < 2 else 3))
        for number in range(3):
            fast(np.array([float(number)]))
        assert fast.backend.startswith("eager: "), draws
        assert "random" in fast.backend, draws


def test_what_is_used_by_value_and_is_another_each_time_is_refused():
    count = iter(range(100))
    fast = autograd_lite.compile(lambda x: (x * next(count)).sum())
    with pytest.raises(UnsupportedError, match="is another for other data"):
        fast(np.ones(2))


def test_lists_and_dicts_of_ones_own_may_be_changed_and_no_others():
    held = []

    def own(x):
        parts = []
        for k in range(3):
            parts.append(x * k)
        return parts

    def named(x):
        parts = {}
        parts["x"], key = x, "y"
        parts[key] = x * 2
        parts.update(z=x)
        return parts

    def given(x, parts=held):
        if x is None:
            parts = []
        parts.append(x)

    def outer(x):
        parts = []
        parts = held
        parts.append(x)

    def entries(x):
        parts = {}
        parts["x"] = x
        held[0] = x

    def of_entries(x):
        parts = {"held": held}
        parts["held"]["x"] = x

    for computes in (own, named):
        assert not Surroundings([computes], strict=True).acts
    for acts, what in {
        given: "append",
        outer: "append",
        entries: "SUBSCR",
        of_entries: "SUBSCR",
    }.items():
        assert what in Surroundings([acts], strict=True).acts


def test_errors_that_numpy_is_to_raise_are_raised():
    fast = autograd_lite.compile(lambda x: 1 / x)
    for number in range(3):
        fast(np.array([number + 1.0, 2.0]))
    assert fast.backend == "numpy"
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        fast(np.array([0.0, 2.0]))
    assert fast.backend == "eager: np.errstate asks for more than warnings"


def test_a_compiled_function_calls_others_that_are_compiled():
    inner = autograd_lite.compile(lambda x: x * x)
    outer = value_and_grad(autograd_lite.compile(lambda x: inner(x).sum()))
    for number in range(4):
        value, gradient = outer(np.array([1.0, number]))
        assert value == 1 + number**2
        np.testing.assert_array_equal(gradient, [2, 2 * number])
    assert outer.backend == "numpy"


def test_random_numbers_within_are_named_as_what_is_another_each_time():
    for draw in (np.random.default_rng(0).normal, np.random.normal):
        f = value_and_grad(autograd_lite.compile(lambda x, draw=draw: (x * draw(size=3)).sum()))
        with pytest.raises(UnsupportedError, match=r"it draws random numbers: array \(3,\) that"):
            f(np.ones(3))


STATES = {
    "a variable": ({"n": 0}, lambda state: state.update(n=state["n"] + 1) or state["n"]),
    "a list": ([0], lambda state: state.append(len(state)) or state[-1]),
    "an array": (np.zeros(1), lambda state: np.add(state, 1, out=state)[0]),
    "a queue": (deque([1.0, 2.0, 3.0]), lambda state: state.rotate(1) or state[0]),
}


@pytest.mark.parametrize(("state", "advance"), STATES.values(), ids=STATES)
def test_what_changes_what_it_reads_is_called_once_in_each_call(state, advance):
    def f(x):
        return (x * advance(state)).sum()

    expected = copy.deepcopy(state)
    fast = value_and_grad(autograd_lite.compile(f))
    for x in np.linspace(1.0, 2.0, 15).reshape(15, 1):
        factor = advance(expected)
        value, slope = fast(x)
        assert (value, slope) == (x[0] * factor, factor)
    assert fast.backend.startswith("eager: ")


def test_what_keeps_what_it_has_made_is_compiled_once_that_is_there():
    kept = {}

    def f(x):
        if len(x) not in kept:
            kept[len(x)] = np.arange(float(len(x)))
        return (x * kept[len(x)]).sum()

    fast = autograd_lite.compile(f)
    for _ in range(4):
        assert fast(np.ones(3)) == 3.0
    assert fast.backend == "numpy"


def test_it_is_a_method_in_a_class():
    class Spring:
        stiffness = 2.0

        @autograd_lite.compile
        def energy(self, x):
            """Of one that is stretched."""
            return self.stiffness * x**2

    spring, stiff = Spring(), Spring()
    stiff.stiffness = 5.0
    for x in (1.0, 3.0):
        assert spring.energy(x) == Spring.energy(spring, x) == 2 * x**2
        assert value_and_grad(stiff.energy)(x) == (5 * x**2, 10 * x)
    assert Spring.energy.__doc__ == "Of one that is stretched."
