"""detect_anomaly: what raises, what the error says, and what is let through."""

import functools
import pickle
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from anomalies import anomaly_in, leaf, line_in
from looping import looped

import nn
import viz
from autograd_lite import (
    Tensor,
    checkpoint,
    compare_gradients,
    detect_anomaly,
    differentiable,
    grad,
    hessian,
    jvp,
)
from autograd_lite.errors import AutogradError
from autograd_lite.program.trace import outline
from autograd_lite.table import COMPOSED

# NumPy warns of what is not finite before the engine looks at it.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

HERE = __file__
line_of = functools.partial(line_in, HERE)


# What the error says


def test_an_operation_that_makes_it_is_shown_with_entries_line_and_chain():
    x = leaf([[3.0, -1.0, 0.0], [2.0, -5.0, 1.0]], "x")

    def loss():
        doubled = x * 2
        return np.log(doubled).sum()  # here: log

    error = anomaly_in(loss)
    assert str(error) == (
        "forward of log(tensor (2, 3)): it made 3 of 6 entries not finite, "
        "at [0, 1], [0, 2], [1, 1]\n"
        "  [0, 1]: log(-2) = nan\n"
        "  [0, 2]: log(0) = -inf\n"
        "  [1, 1]: log(-10) = nan\n"
        f'  File "{HERE}", line {line_of("here: log")}, in loss\n'
        "    return np.log(doubled).sum()  # here: log\n"
        "  Computed from: log (2, 3) <- multiply (2, 3) <- 'x' (2, 3)\n"
        "Keep its argument above 0: add a small constant, or clip it. If that is meant, compute "
        "it inside of np.errstate(all='ignore')"
    )
    assert error.operation == "log"
    assert error.direction == "forward"
    assert error.entries == ((0, 1), (0, 2), (1, 1))
    assert (error.file, error.line) == (HERE, line_of("here: log"))
    assert error.chain == ("log (2, 3)", "multiply (2, 3)", "'x' (2, 3)")


def test_backward_shows_the_line_that_ran_the_operation_forward():
    w = leaf([4.0, 0.0, 1.0], "w")

    def loss():
        squared = w * w
        root = np.sqrt(squared)  # here: sqrt
        total = root.sum()
        total.backward()

    error = anomaly_in(loss)
    assert str(error) == (
        "backward of sqrt(tensor (3,)): the gradient of its input multiply (3,) has 1 of 3 "
        "entries not finite, at [1]\n"
        "  [1]: sqrt(0) = 0, where the gradient 1 becomes inf\n"
        f'  File "{HERE}", line {line_of("here: sqrt")}, in loss\n'
        "    root = np.sqrt(squared)  # here: sqrt\n"
        "  Computed from: sqrt (3,) <- multiply (3,) <- 'w' (3,)\n"
        "Its derivative is not finite there: keep its inputs away from it, or select them by "
        "np.where before the operation"
    )
    assert (error.operation, error.direction) == ("sqrt", "backward")
    assert error.entries == ((1,),)
    assert w.grad is None


def test_broadcast_inputs_are_shown_at_the_entries_of_the_result():
    a, b = leaf([[1.0], [0.0]]), leaf([2.0, 0.0, 4.0])
    error = anomaly_in(lambda: a / b)
    assert error.entries == ((0, 1), (1, 1))
    assert "[0, 1]: divide(1, 0) = inf" in str(error)
    assert "[1, 1]: divide(0, 0) = nan" in str(error)


def test_other_operations_show_the_ranges_of_their_inputs():
    a, b = leaf(np.full((2, 2), 1e200), "a"), leaf([[1e200, -3.0], [2.0, 0.5]], "b")
    error = anomaly_in(lambda: a @ b)
    assert "it made 2 of 4 entries not finite, at [0, 0], [1, 0]" in str(error)
    assert "'a' (2, 2): from 1e+200 to 1e+200" in str(error)
    assert "'b' (2, 2): from -3 to 1e+200" in str(error)


def test_only_the_first_entries_are_listed():
    error = anomaly_in(lambda: np.log(leaf(np.zeros(50))))
    assert "50 of 50 entries not finite, at [0], [1], [2], ..." in str(error)
    assert error.entries == ((0,), (1,), (2,))


def test_scalars_have_no_index():
    error = anomaly_in(lambda: 1 / leaf(0.0, "w"))
    assert "it made its only entry not finite\n  divide(1, 0) = inf\n" in str(error)
    assert error.entries == ((),)


@looped("bad", [np.nan, np.inf])
def test_inputs_that_were_not_finite_already_are_named(bad):
    x, w = np.array([[1.0, 2.0], [bad, 4.0]]), leaf([[1.0], [2.0]], "w")
    error = anomaly_in(lambda: x @ w)
    assert "its input array (2, 2) was not finite already" in str(error)
    assert f"array (2, 2): 1 of 4 entries not finite, at [1, 0]: {bad}" in str(error)
    assert str(error).endswith("Clean the data, or leave the entries out by np.where before")
    data = Tensor(x, name="pixels")
    assert "its input 'pixels' (2, 2) was not" in str(anomaly_in(lambda: data @ w))
    diverged = leaf([[1.0], [bad]], "w")
    error = anomaly_in(lambda: np.zeros((2, 2)) @ diverged)
    assert "its input 'w' (2, 1) was not finite already" in str(error)
    assert "a smaller learning rate" in str(error)


def test_a_gradient_given_to_backward_that_is_not_finite_is_named():
    x = leaf([1.0, 2.0])
    error = anomaly_in(lambda: (x * 2).backward([np.nan, 1.0]))
    assert "the gradient that backward() was given is not finite" in str(error)
    assert (error.direction, error.entries) == ("backward", ((0,),))


def test_the_chain_leads_to_the_nearest_parameter_and_is_cut_in_the_middle():
    model = nn.Sequential(nn.Dense(2, 3, "relu", rng=0), nn.Dense(3, 1, rng=0))
    error = anomaly_in(lambda: np.sqrt(-np.square(model(np.ones((4, 2)))) - 1))
    assert error.chain[:3] == ("sqrt (4, 1)", "subtract (4, 1)", "negative (4, 1)")
    assert error.chain[3:] == ("square (4, 1)", "affine (4, 1)", "'1.weight' (3, 1)")

    def long():
        x = leaf(1.0, "x")
        for _ in range(100):
            x = x - 1
        return np.log(x)

    chain = anomaly_in(long).chain
    assert len(chain) == 13
    assert (chain[0], chain[6]) == ("log ()", "(90 more)")
    assert chain[-1] == "'x' ()"


def test_tensors_that_have_a_name_are_called_by_it():
    z = leaf([-1.0]) * 2
    z.name = "z1"
    error = anomaly_in(lambda: np.log(z))
    assert str(error).startswith("forward of log('z1' (1,))")
    assert error.chain[:2] == ("log (1,)", "'z1' (1,)")


def test_the_error_is_one_of_floating_point_and_can_be_pickled():
    error = anomaly_in(lambda: np.log(leaf([0.0])))
    assert isinstance(error, AutogradError)
    assert isinstance(error, FloatingPointError)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert (again.line, again.chain, again.entries) == (error.line, error.chain, error.entries)


def test_functions_made_of_others_are_named_too():
    def mean():
        return np.average(leaf([1.0, 2.0]), weights=leaf([1e308, 1e308]))  # here: average

    error = anomaly_in(mean)
    assert (error.operation, error.line) == ("sum", line_of("here: average"))
    assert "in mean, through np.average\n" in str(error)


def test_an_input_that_was_not_finite_is_not_blamed_for_other_entries():
    error = anomaly_in(lambda: 1 / leaf([np.inf, 0.0], "x"))
    assert "it made 1 of 2 entries not finite, at [1]\n  [1]: divide(1, 0) = inf\n" in str(error)


# Whose line it is


class Halving(nn.Module):
    def forward(self, x):
        halved = x / 2
        return np.log(halved)  # here: forward of a module


def test_a_module_of_the_user_is_at_its_own_line():
    model = nn.Sequential(nn.Dense(2, 2, "relu", weight_init="zeros"), Halving())
    error = anomaly_in(lambda: model(np.ones((1, 2))))
    assert (error.file, error.line) == (HERE, line_of("here: forward of a module"))
    assert "in forward\n" in str(error)


def test_a_layer_of_nn_is_at_the_line_that_called_it_and_its_parameter_tells_which():
    model = nn.Sequential(nn.Dense(2, 3, rng=0), nn.Tanh(), nn.Dense(3, 1, rng=0))
    model.parameters()[2].data[1] = np.nan

    def run():
        return model(np.ones((4, 2)))  # here: the model

    error = anomaly_in(run)
    assert (error.operation, error.line) == ("affine", line_of("here: the model"))
    assert "its input '2.weight' (3, 1) was not finite already" in str(error)


def test_a_picture_that_computes_what_is_not_finite_is_at_the_line_that_asked_for_it():
    def plot():
        viz.plot_activations({"log": np.log})  # here: the picture

    error = anomaly_in(plot)
    assert (error.operation, error.line) == ("log", line_of("here: the picture"))
    assert error.file == HERE


def test_a_user_s_module_by_the_name_of_a_package_is_the_user_s(tmp_path):
    beside_the_library = Path(nn.__file__).parent.with_suffix(".py")
    for path in (tmp_path / "nn.py", tmp_path / "viz" / "plots.py", beside_the_library):
        code = compile(SOURCE, str(path), "exec")
        error = anomaly_in(exec, code, {"np": np, "w": leaf([0.0])})
        assert (error.file, error.line) == (str(path), 3)


def test_what_a_user_makes_a_function_of_is_at_its_own_line(monkeypatch):
    def made_of(x):
        return np.log(x - 1)  # here: within

    monkeypatch.setitem(COMPOSED, np.trim_zeros, made_of)
    error = anomaly_in(lambda: np.trim_zeros(leaf([1.0, 2.0])))
    assert (error.operation, error.line) == ("log", line_of("here: within"))
    assert "through" not in str(error)


def test_operations_of_one_s_own_forward_and_in_their_rules():
    @differentiable(lambda g, y, x: g * np.log(x))
    def odd(x):
        return np.where(x == 1, np.nan, x)

    error = anomaly_in(lambda: odd(leaf([1.0, 2.0])))
    assert (error.operation, error.entries) == ("odd", ((0,),))
    assert "odd(1) = nan" in str(error)

    def run(create_graph):
        y = odd(leaf([0.0, 2.0]))  # here: an operation of one's own
        y.sum().backward(create_graph=create_graph)

    for create_graph in (False, True):
        error = anomaly_in(run, create_graph)
        assert (error.operation, error.direction) == ("odd", "backward")
        assert error.line == line_of("here: an operation of one's own")
        assert "odd(0) = 0, where the gradient 1 becomes -inf" in str(error)


SOURCE = """
def loss(w):
    return np.log(w)
loss(w)
"""


def test_code_without_a_file_has_a_line_number_and_no_text():
    for name in ("<string>", "<stdin>"):
        code = compile(SOURCE, name, "exec")
        error = anomaly_in(exec, code, {"np": np, "w": leaf([0.0])})
        assert (error.file, error.line) == (name, 3)
        assert f'  File "{name}", line 3, in loss\n  Computed from:' in str(error)


def test_operations_recorded_before_are_found_without_a_line():
    x = leaf([0.0, 1.0], "x")
    logarithm = np.log(x)
    for function in (lambda: logarithm * 2, lambda: logarithm.sum().backward()):
        error = anomaly_in(function)
        assert (error.operation, error.entries) == ("log", ((0,),))
        assert (error.file, error.line) == (None, None)
        assert "Recorded outside of detect_anomaly()" in str(error)


def test_lines_are_remembered_from_one_context_to_the_next():
    with detect_anomaly():
        root = np.sqrt(leaf([0.0]))  # here: the first context
    error = anomaly_in(root.backward)
    assert error.line == line_of("here: the first context")


# Passes within passes


def test_checkpointed_functions_forward_and_in_backward():
    def f(x):
        return np.sqrt(x).sum()  # here: checkpointed

    error = anomaly_in(lambda: checkpoint(f)(leaf([-1.0])))
    assert (error.direction, error.line) == ("forward", line_of("here: checkpointed"))
    error = anomaly_in(lambda: checkpoint(f)(leaf([0.0])).backward())
    assert (error.operation, error.direction) == ("sqrt", "backward")
    assert error.line == line_of("here: checkpointed")
    outside = checkpoint(lambda x: np.log(x).sum())(leaf([0.0]))
    assert anomaly_in(outside.backward).operation == "<lambda>"
    passed = checkpoint(lambda x: (np.log(x) * 0.0).sum())(leaf([0.0]) + 0.0)
    assert anomaly_in((passed + 1).backward).direction == "forward"


def test_a_second_backward_pass_is_at_the_line_of_the_operation_it_goes_back_to():
    def run():
        x = leaf([0.0], "x")
        y = x**1.5  # here: power
        y.backward([1.0], create_graph=True)
        gradient = x.grad
        x.grad = None
        gradient.backward([1.0])

    error = anomaly_in(run)
    assert error.direction == "backward"
    assert error.line == line_of("here: power")
    assert "through backward of power\n" in str(error)


def test_transforms():
    def f(x):
        return np.sqrt(x).sum()  # here: transformed

    x = np.array([0.0, 1.0])
    for function in (grad(f), hessian(f), lambda x: jvp(grad(f), [x], [x])):
        error = anomaly_in(function, x)
        assert (error.operation, error.direction) == ("sqrt", "backward")
        assert error.line == line_of("here: transformed")


def test_trials_of_other_backward_passes_prove_nothing():
    x = leaf([[0.5, -1.0], [2.0, 0.0]], "x")
    W = leaf([[1.0], [2.0]], "W")

    with detect_anomaly():
        loss = np.mean(np.tanh(x @ W) ** 2)
        program = outline(loss)
        wrong, last = program.cotangents[loss.arguments[0]].number, program.cotangents[x].number
        replaced = {wrong: lambda *given: np.full((2, 1), np.nan)}
        tried = program.again(replaced, program.recorded, range(wrong, last + 1))
        assert np.isnan(tried[last]).all()
        assert not compare_gradients(loss, {W: np.ones((2, 1)), x: np.zeros((2, 2))})


def test_arrays_of_other_libraries_are_looked_at():
    x = da.from_array(np.array([1.0, 0.0, 4.0]), chunks=2)
    w = Tensor(da.from_array(np.array([1.0, 2.0, 3.0]), chunks=2), requires_grad=True, name="w")
    error = anomaly_in(lambda: w / x)
    assert "[1]: divide(2, 0) = inf" in str(error)
    error = anomaly_in(lambda: np.sqrt(w * x).sum().backward())
    assert (error.direction, error.entries) == ("backward", ((1,),))
    with detect_anomaly():
        (w * x).sum().backward()
    np.testing.assert_array_equal(w.grad.compute(), [1.0, 0.0, 4.0])
