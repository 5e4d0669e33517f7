"""Loops in generated source and in derivations: found, and right."""

import numpy as np
import pytest
from generated import assert_same, generated
from recurrences import RECURRENCES, euler, gru, rnn_columns, rnn_rows

from autograd_lite import Tensor, derive
from autograd_lite.textbook.lines import lines_of


def assert_right_in_few_lines(recurrence, steps):
    loss, parameters, data = recurrence(steps)
    source, gradients = generated(loss, parameters, data)
    loss.backward()
    assert_same(gradients, parameters, relative=1e-12)
    assert "in range(" in source, recurrence.__name__
    assert source.count("\n") < 110, recurrence.__name__


def test_the_source_of_recurrences_is_a_loop_with_their_gradients():
    for recurrence in RECURRENCES:
        assert_right_in_few_lines(recurrence, 25)


@pytest.mark.exhaustive
def test_the_source_of_a_thousand_steps_is_a_loop_with_their_gradients():
    assert_right_in_few_lines(euler, 1000)


def test_the_source_of_few_steps_is_right_whether_it_is_a_loop_or_not():
    for recurrence in RECURRENCES:
        for steps in (5, 8):
            loss, parameters, data = recurrence(steps)
            _, gradients = generated(loss, parameters, data)
            loss.backward()
            assert_same(gradients, parameters, relative=1e-12)


def test_what_is_read_step_by_step_is_a_slice_of_the_callers_data():
    for recurrence, text in ((rnn_rows, "x[t]"), (rnn_columns, "x[:, t]")):
        loss, parameters, data = recurrence()
        for tensor, name in zip(parameters, ("W", "U", "b"), strict=True):
            tensor.name = name
        source, _ = generated(loss, parameters, data)
        assert text in source, source
        assert [*lines_of(loss, None, data).inputs] == ["x", "W", "U", "b"]


def test_a_derivation_has_the_loop_with_its_formulas_and_values():
    loss, parameters, data = rnn_rows()
    for tensor, name in zip(parameters, ("W", "U", "b"), strict=True):
        tensor.name = name
    x = data["x"]
    derivation = derive(loss, values=True)
    text = str(derivation)
    assert x.shape == (50, 3)
    assert "  for t = 0, ..., 49:" in text
    assert any(step.name.startswith("  ") for step in derivation.forward)
    assert r"\text{for } t &= 0, \dots, 49:" in derivation.markdown()
    loss.backward()
    values = {step.name.strip(): step.value for step in derivation.backward}
    for tensor in parameters:
        np.testing.assert_allclose(values[f"d{tensor.name}"], tensor.grad, rtol=1e-12)


def test_the_forward_pass_of_recurrences_that_begin_with_zeros_is_one_loop_over_all_steps():
    for recurrence in (rnn_rows, rnn_columns, gru):
        loss, _, _ = recurrence(8)
        forward = derive(loss).forward
        heads = [step.name for step in forward if step.name.startswith("for")]
        assert heads == ["for t = 0, ..., 7"], recurrence.__name__


def test_the_number_of_steps_is_not_taken_for_the_number_of_samples():
    x, y = np.ones((8, 2, 3)), np.zeros((2, 4))
    W = Tensor(np.full((3, 4), 0.5), requires_grad=True)
    h = np.zeros((2, 4))
    for t in range(8):
        h = np.tanh(x[t] @ W + h)
    loss = ((h - y) ** 2).mean()
    assert {step.name for step in derive(loss).forward}.isdisjoint("m")
    source, _ = generated(loss, [W], {"x": x, "y": y})
    assert "x.shape[0]" not in source
