"""Records of several loops, and of loops whose iterations are not all alike."""

import numpy as np
from generated import assert_same, generated
from looping import looped

import autograd_lite as al
from autograd_lite import Tensor, derive


def parameter(rng, *shape):
    return Tensor(0.5 * rng.normal(size=shape), requires_grad=True)


def states_of(x, W, U, between=lambda h, t: h):
    """The states of a plain RNN on each of x."""
    h, states = np.zeros((2, 4)), []
    for t in range(len(x)):
        h = np.tanh(x[t] @ W + between(h, t) @ U)
        states.append(h)
    return states


def recurrent(n, between=lambda h, t: h):
    rng = np.random.default_rng(0)
    x, W, U = rng.normal(size=(n, 2, 3)), parameter(rng, 3, 4), parameter(rng, 4, 4)
    return rng, x, [W, U], states_of(x, W, U, between)


def one_layer_after_the_other(n):
    rng, x, weights, states = recurrent(n)
    V, R = parameter(rng, 4, 4), parameter(rng, 4, 4)
    return (states_of(states, V, R)[-1] ** 2).sum(), [*weights, V, R], {"x": x}


def both_directions(n):
    rng, x, weights, ahead = recurrent(n)
    V, back, loss = parameter(rng, 8, 1), states_of(x[::-1], *weights), 0.0
    for t in range(n):
        loss = loss + ((np.concatenate([ahead[t], back[n - 1 - t]], axis=1) @ V) ** 2).mean()
    return loss, [*weights, V], {"x": x}


def sum_of_a_list(n):
    rng, x, weights, states = recurrent(n)
    y = rng.normal(size=(n, 2, 4))
    losses = [((h - y[t]) ** 2).mean() for t, h in enumerate(states)]
    return sum(losses) / n, weights, {"x": x, "y": y}


def root_of_a_sum(n):
    _, x, weights, states = recurrent(n)
    loss = 0.0
    for h in states:
        loss = loss + (h**2).mean()
    return np.sqrt(loss), weights, {"x": x}


def some_of_the_states(n):
    _, x, weights, states = recurrent(n)
    return (
        (states[n // 2] ** 2).sum() + (states[-1] ** 2).sum() + states[0].sum(),
        weights,
        {"x": x},
    )


def states_side_by_side(n):
    _, x, weights, states = recurrent(n)
    return (np.concatenate(states, axis=1) ** 2).sum() + states[-1].sum(), weights, {"x": x}


def gradients_in_states(n):
    _, x, (W, _), states = recurrent(n)
    return (states[-1] ** 2).sum(), [W, states[2], states[-1], states[0]], {"x": x}


def cut_every_four_steps(n):
    _, x, weights, states = recurrent(n, lambda h, t: h.detach() if t % 4 == 0 and t else h)
    return sum((h**2).mean() for h in states), weights, {"x": x}


def more_every_fifth_step(n):
    _, x, weights, states = recurrent(n, lambda h, t: h * 0.5 if t % 5 == 4 else h)
    return (states[-1] ** 2).sum(), weights, {"x": x}


def layers_of_one_parameter(n):
    rng = np.random.default_rng(0)
    weights, x = parameter(rng, n, 4, 4), rng.normal(size=(2, 4))
    h = x
    for t in range(n):
        h = np.tanh(h @ weights[t])
    return (h**2).sum(), [weights], {"x": x}


def layers_side_by_side_in_memory(n):
    rng = np.random.default_rng(0)
    weights = [Tensor(array, requires_grad=True) for array in rng.normal(size=(n, 4, 4))]
    x = rng.normal(size=(2, 4))
    h = x
    for W in weights:
        h = np.tanh(h @ W)
    return (h**2).sum(), weights, {"x": x}


def ties_in_some_iterations(n):
    x = np.round(np.random.default_rng(0).normal(size=(n, 3)))
    w, h = Tensor(np.ones(3), requires_grad=True), np.zeros(3)
    for t in range(n):
        h = np.maximum(h, w * x[t]) + 0.5 * np.tanh(w * h)
    return h.sum(), [w], {"x": x}


def zeros_in_some_products(n):
    rng = np.random.default_rng(0)
    x, w, h = np.round(rng.normal(size=(n, 3))), parameter(rng, 3), np.ones(3)
    for t in range(n):
        h = np.tanh(np.prod(w * x[t]) + h * w)
    return h.sum(), [w], {"x": x}


def a_norm_that_is_zero_once(n):
    rng = np.random.default_rng(0)
    x, w, h = rng.normal(size=(n, 3)), parameter(rng, 3), np.ones(3)
    x[n // 2] = 0
    for t in range(n):
        h = np.tanh(np.linalg.norm(w * x[t]) + h * w)
    return h.sum(), [w], {"x": x}


def cross_entropies(n):
    rng, x, weights, states = recurrent(n)
    Y, V, loss = rng.integers(2, size=(n, 2, 1)) * 1.0, parameter(rng, 4, 1), 0.0
    for t in range(n):
        p = al.sigmoid(states[t] @ V)
        loss = loss - (Y[t] * np.log(p) + (1 - Y[t]) * np.log(1 - p)).mean()
    return loss, [*weights, V], {"x": x, "Y": Y}


def a_softmax_in_each_step(n):
    rng = np.random.default_rng(0)
    A, x, loss = parameter(rng, 3, 3), rng.normal(size=(n, 3)), 0.0
    for t in range(1, n):
        loss = ((np.tanh(x[t - 1] @ al.softmax(A)) - x[t]) ** 2).sum() + loss
    return loss, [A], {"x": x}


def inputs_that_are_used_twice(n):
    rng = np.random.default_rng(0)
    xs, W, U, loss = [*rng.normal(size=(n, 2, 3))], parameter(rng, 3, 4), parameter(rng, 3, 4), 0.0
    for t in range(1, n):
        loss = loss + (np.tanh(xs[t] @ W + xs[t - 1] @ U) ** 2).sum()
    return loss, [W, U], {"xs": xs}


def entries_of_a_parameter(n):
    rng = np.random.default_rng(0)
    x, w, loss = parameter(rng, n + 2), parameter(rng, 2), 0.0
    for t in range(2, n + 2):
        loss = loss + (x[t] - w[0] * x[t - 1] - w[1] * x[t - 2]) ** 2
    return loss, [w, x], {}


def leapfrog(n):
    rng = np.random.default_rng(0)
    k, *start = parameter(rng), parameter(rng, 2), parameter(rng, 2)
    x, v = start
    for _ in range(n):
        v = v - 0.05 * k * x
        x = x + 0.1 * v
        v = v - 0.05 * k * x
    return (x**2).sum() + (v**2).sum(), [k, *start], {}


def values_that_change_places(n):
    rng = np.random.default_rng(0)
    w, *start = (parameter(rng, 2) for _ in range(3))
    p, q = start
    for _ in range(n):
        p, q = q, np.tanh(w * p + q)
    return q.sum(), [w, *start], {}


def products_of_neighbours(n):
    rng = np.random.default_rng(0)
    x, w, loss = rng.normal(size=(n, 3)), parameter(rng, 3), 0.0
    before = np.tanh(w * x[0])
    for t in range(1, n):
        h = np.tanh(w * x[t])
        loss, before = loss + (h * before).sum(), h
    return loss, [w], {"x": x}


def averages_from_0(n):
    rng = np.random.default_rng(0)
    x, w, m, v, loss = rng.normal(size=(n, 3)), parameter(rng, 3), 0.0, 0.0, 0.0
    for t in range(n):
        g = w * x[t]
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        loss = loss + (m / np.sqrt(v + 1e-3)).sum()
    return loss, [w], {"x": x}


LOOPS = {
    one_layer_after_the_other: 4,
    both_directions: 6,
    sum_of_a_list: 3,
    root_of_a_sum: 4,
    some_of_the_states: 4,
    states_side_by_side: 2,
    gradients_in_states: 2,
    cut_every_four_steps: 6,
    more_every_fifth_step: 4,
    layers_of_one_parameter: 2,
    layers_side_by_side_in_memory: 2,
    ties_in_some_iterations: 2,
    zeros_in_some_products: 0,
    a_norm_that_is_zero_once: 2,
    cross_entropies: 4,
    a_softmax_in_each_step: 2,
    inputs_that_are_used_twice: 2,
    entries_of_a_parameter: 2,
    leapfrog: 2,
    values_that_change_places: 2,
    products_of_neighbours: 2,
    averages_from_0: 2,
}
"""How many there are in the source of twelve steps, forward and backward."""


@looped("recurrence", LOOPS)
def test_several_loops_are_found_and_have_the_gradients(recurrence):
    for steps in (3, 5, 12):
        loss, tensors, data = recurrence(steps)
        source, gradients = generated(loss, tensors, data)
        loss.backward()
        assert_same(gradients, tensors, relative=1e-11)
    assert source.count("    for t in ") == LOOPS[recurrence]


def test_what_begins_with_numbers_is_one_loop_over_all_steps():
    a, b = Tensor(0.5, requires_grad=True, name="a"), Tensor(2.0, requires_grad=True, name="b")
    x = 1.0
    for _ in range(9):
        x = x + 0.1 * (a * x - b * x * x)
    derivation = derive(x)
    steps = [step.name for step in (*derivation.forward, *derivation.backward)]
    heads = [name for name in steps if name.startswith("for")]
    assert heads == ["for t = 0, ..., 8", "for t = 8, ..., 0"]
    assert {*steps[steps.index(heads[1]) + 1 :]} >= {"  da", "  db"}
    assert not {"da", "db"} & {*steps[steps.index(heads[1]) + 1 :]}  # nothing is left for later


def test_the_rest_to_1_is_that_of_the_targets_of_its_own_step():
    loss, tensors, data = cross_entropies(6)
    source, _ = generated(loss, tensors, data)
    assert "- Y[t]" in source
    others = data["Y"][::-1].copy()
    assert "Y[0]" not in source, others
