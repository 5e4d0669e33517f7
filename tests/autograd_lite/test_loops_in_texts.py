"""Loops in generated source and in derivations: found, and right."""

import re

import numpy as np
import pytest
from generated import assert_same, function_of, generated
from recurrences import RECURRENCES, euler, gru, rnn_columns, rnn_rows

from autograd_lite import Tensor, derive, to_source
from autograd_lite.engine import backward_order
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
        for steps in (4, 8):
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


# As textbooks have them


def named(rng, **shapes):
    return [
        Tensor(0.5 * rng.normal(size=shape), requires_grad=True, name=name)
        for name, shape in shapes.items()
    ]


def lines_of_pass(text):
    """By part of a derivation, its formulas without shapes and values."""
    parts = text.replace("Forward\n", "").split("\n\nBackward\n")
    return [
        [re.split(r" {4}[(]", line[2:])[0].rstrip() for line in part.split("\n")] for part in parts
    ]


def test_an_rnn_is_derived_in_one_loop_forward_and_one_back_through_all_steps():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4, 2, 3)), rng.normal(size=(2, 5))
    Wx, Wh, b = named(rng, Wx=(3, 5), Wh=(5, 5), b=(5,))
    h = np.zeros((2, 5))
    for t in range(4):
        h = np.tanh(X[t] @ Wx + h @ Wh + b)
    loss = ((h - y) ** 2).mean()
    derivation = derive(loss, values=True)
    forward, backward = lines_of_pass(str(derive(loss)))
    assert forward[:-1] == [
        "h[-1] = zeros((2, 5))",
        "for t = 0, ..., 3:",
        "  h[t] = tanh(X[t] Wx + h[t-1] Wh + b)",
        "loss = mean((h[3] - y)²)",
    ]
    assert backward == [
        "dh = 2 (h[3] - y)/y.size",
        "dWx = 0",
        "dWh = 0",
        "db = 0",
        "for t = 3, ..., 0:",
        "  δ = dh ⊙ (1 - h[t]²)",
        "  db = db + Σ₀ δ",
        "  dWh = dWh + h[t-1]ᵀ δ",
        "  dWx = dWx + X[t]ᵀ δ",
        "  dh = δ Whᵀ",
    ]
    loss.backward()
    # A variable has one value before a loop, and another after it.
    values = {step.name: step.value for step in derivation.backward}
    np.testing.assert_allclose(values["dh"], h.grad, rtol=1e-14)
    assert values["dWx"] is None
    for tensor in (Wx, Wh, b):
        np.testing.assert_allclose(values[f"  d{tensor.name}"], tensor.grad, rtol=1e-12)
    first, _, state, _ = derivation.forward
    assert not first.value.any()
    np.testing.assert_array_equal(state.value, h.data)
    assert r"h_{t} &= " in derivation.markdown()
    assert r"X_{t} \, W_{x} + h_{t-1} \, W_{h} + b" in derivation.markdown()


def test_an_lstm_with_its_sigmoids_written_out_is_derived_gate_by_gate():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, 2, 3))
    Wf, Wi, Wo, Wg = named(rng, Wf=(7, 4), Wi=(7, 4), Wo=(7, 4), Wg=(7, 4))
    h, c = np.zeros((2, 4)), np.zeros((2, 4))
    for t in range(5):
        z = np.concatenate([h, X[t]], axis=1)
        f, i, o = (1 / (1 + np.exp(-(z @ W))) for W in (Wf, Wi, Wo))
        g = np.tanh(z @ Wg)
        c = f * c + i * g
        h = o * np.tanh(c)
    loss = (h**2).sum()
    forward, backward = lines_of_pass(str(derive(loss)))
    assert "  f[t] = σ(z[t] Wf)" in forward
    assert "  c[t] = f[t] ⊙ c[t-1] + i[t] ⊙ g[t]" in forward
    inside = backward[backward.index("for t = 4, ..., 0:") + 1 :]
    for line in (
        "  dc = dc_next + dh ⊙ o[t] ⊙ (1 - a[t]²)",
        "  δf = dc ⊙ c[t-1] ⊙ f[t] ⊙ (1 - f[t])",
        "  δi = dc ⊙ g[t] ⊙ i[t] ⊙ (1 - i[t])",
        "  δo = dh ⊙ a[t] ⊙ o[t] ⊙ (1 - o[t])",
        "  δg = dc ⊙ i[t] ⊙ (1 - g[t]²)",
        "  dWf = dWf + z[t]ᵀ δf",
        "  dc_next = dc ⊙ f[t]",
    ):
        assert line in inside
    assert backward[-1] == inside[-1]  # nothing is left for after the loop
    source = to_source(loss)
    loss.backward()
    tensors = (Wf, Wi, Wo, Wg)
    assert_same(function_of(source)(X, *(W.data for W in tensors)), tensors, relative=1e-12)


def test_a_loss_at_each_step_is_derived_as_for_characters_with_p_minus_y():
    rng = np.random.default_rng(0)
    xs, ys = (np.eye(6)[rng.integers(6, size=7)][:, :, None] for _ in range(2))
    Wxh, Whh, Why, bh, by = named(rng, Wxh=(4, 6), Whh=(4, 4), Why=(6, 4), bh=(4, 1), by=(6, 1))

    def forward(xs, ys):
        h, loss = np.zeros((4, 1)), 0.0
        for t in range(7):
            h = np.tanh(Wxh @ xs[t] + Whh @ h + bh)
            y = Why @ h + by
            p = np.exp(y) / np.sum(np.exp(y))
            loss = loss - (ys[t] * np.log(p)).sum()
        return h, y, p, loss

    h, y, p, loss = forward(xs, ys)
    _, backward = lines_of_pass(str(derive(loss)))
    assert backward[0] == "dh_next = 0"
    assert backward[backward.index("for t = 6, ..., 0:") + 1 :] == [
        "  dy = p[t] - ys[t]",
        "  dby = dby + dy",
        "  dWhy = dWhy + dy h[t]ᵀ",
        "  δ = (dh_next + Whyᵀ dy) ⊙ (1 - h[t]²)",
        "  dbh = dbh + δ",
        "  dWhh = dWhh + δ h[t-1]ᵀ",
        "  dWxh = dWxh + δ xs[t]ᵀ",
        "  dh_next = Whhᵀ δ",
    ]
    source, _ = generated(
        loss, [Wxh, Whh, Why, bh, by], {"xs": xs, "ys": ys, "h": h, "y": y, "p": p}
    )
    assert "for t in reversed(range(7)):" in source
    others = xs[::-1].copy(), ys[::-1].copy()
    forward(*others)[-1].backward()
    tensors = (Wxh, Whh, Why, bh, by)
    arrays = {"xs": others[0], "ys": others[1], **{x.name: x.data for x in tensors}}
    assert_same(function_of(source)(**arrays), tensors, relative=1e-12)


def test_steps_that_the_user_has_names_for_stay_steps():
    (W,) = named(np.random.default_rng(0), W=(3, 3))
    x = np.arange(3.0)
    h1 = np.tanh(x @ W)
    h2 = np.tanh(h1 @ W)
    h3 = np.tanh(h2 @ W)
    forward, _ = lines_of_pass(str(derive((h3**2).sum())))
    assert forward[:3] == ["h1 = tanh(x W)", "h2 = tanh(h1 W)", "h3 = tanh(h2 W)"]


# Drawn at random


def drawn(seed):
    """A recurrence of one of several kinds, with any of several losses, and its parameters."""
    rng = np.random.default_rng(seed)
    steps, kind, end = rng.integers([2, 0, 0], [10, 7, 4])
    shape = tuple(rng.integers(1, 4, 2).tolist())
    d = shape[1]
    X, Y = rng.normal(size=(steps, *shape)), rng.normal(size=(steps, *shape))
    U, V, W, h0 = named(rng, U=(d, d), V=(d, d), W=(d, d), h0=shape)
    h = (np.zeros(shape), np.ones(shape), h0)[rng.integers(3)]
    c, loss, states, each_step = np.zeros(shape), 0.0, [], rng.random() < 0.4
    for t in reversed(range(steps)) if rng.random() < 0.2 else range(steps):
        z = 1 / (1 + np.exp(-(X[t] @ U + h @ V)))
        if kind == 0:
            h = np.tanh(X[t] @ U + h @ V)
        elif kind == 1:
            h = z * h + (1 - z) * np.tanh(h @ W)
        elif kind == 2:
            c = z * c + np.tanh(h @ W)
            h = z * np.tanh(c)
        elif kind == 3:
            h = h + 0.1 * (np.tanh(X[t] @ U + h @ V) - h)
        elif kind == 4:
            h = np.maximum(0, np.concatenate([X[t] @ U, h], axis=1)[:, 1 : d + 1] @ V) - 0.5 * h
        elif kind == 5:
            h = np.where(X[t] > 0, X[t], 0.1 * X[t]) + h @ V
        else:
            h = np.tanh(X[t] @ U + h @ (V if t % 2 else W))
        loss = loss + ((h - Y[t]) ** 2).mean() if each_step else loss
        states.append(h)
    ends = (h**2).sum() / 3, (np.stack(states) * Y).sum(), (h**2).sum() + 0.1 * (V**2).sum()
    ends += (((h + c) ** 2).mean(),)
    reached = {x for x in backward_order(loss + ends[end]) if x.requires_grad}
    return loss + ends[end], [x for x in (U, V, W, h0) if x in reached], {"X": X, "Y": Y, "h": h}


def assert_right_with_values(seed):
    loss, tensors, variables = drawn(seed)
    X, Y, h = variables.values()  # so that derive sees them
    derivation = derive(loss, tensors, values=True)
    values = {step.name.strip(): step.value for step in derivation.backward}
    _, gradients = generated(loss, tensors, variables)
    loss.backward()
    assert_same(gradients, tensors, relative=1e-11)
    assert_same([values[f"d{x.name}"] for x in tensors], tensors, relative=1e-11)
    assert X.shape[1:] == Y.shape[1:] == h.shape


def test_recurrences_drawn_at_random_have_their_gradients_in_source_and_derivation():
    for seed in (*range(5), 11, 52, 83):
        assert_right_with_values(seed)


def test_one_computation_has_one_derivation_whenever_it_is_recorded():
    assert len({str(derive(gru(8)[0])) for _ in range(4)}) == 1


@pytest.mark.exhaustive
def test_many_recurrences_drawn_at_random_have_their_gradients_in_source_and_derivation():
    for seed in range(5, 120):
        assert_right_with_values(seed)
