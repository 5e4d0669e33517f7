"""Rows A6, A7 and A8: mini-batches, and the first 20 steps of momentum and Adam by hand."""

import numpy as np
import pytest
import seed_a_by_hand as by_hand
from agreement import assert_agree
from looping import looped

import nn

SIZES = [2, 16, 8, 1]

# --- A6: mini-batches


def samples(n):
    """Each sample and its target carry the sample's number."""
    numbers = np.arange(float(n))
    return np.stack([numbers, -numbers], axis=1), 10 * numbers[:, None]


@looped(("n", "sizes"), [(100, [32, 32, 32, 4]), (64, [32, 32]), (5, [5])])
def test_a6_batches_have_every_sample_once_with_its_target_and_the_last_one_is_smaller(n, sizes):
    X, y = samples(n)
    found = list(nn.batches(X, y, batch_size=32, rng=0))
    assert [len(x) for x, _ in found] == sizes
    together = np.concatenate([np.hstack(batch) for batch in found])
    np.testing.assert_array_equal(together[:, 0] * 10, together[:, 2])
    np.testing.assert_array_equal(np.sort(together[:, 0]), np.arange(n))


def test_a6_each_epoch_has_an_order_of_its_own_and_a_seed_repeats_them():
    X, y = samples(100)

    def orders(seed):
        rng = np.random.default_rng(seed)
        epochs = [nn.batches(X, y, batch_size=32, rng=rng) for _ in range(2)]
        return [[x[0, 0] for x, _ in epoch] for epoch in epochs]

    first, second = orders(3)
    assert first != second
    assert orders(3) == [first, second]
    unshuffled = nn.batches(X, y, batch_size=32, shuffle=False)
    assert [x[0, 0] for x, _ in unshuffled] == [0, 32, 64, 96]


# --- A7 and A8: the first 20 steps, each on a mini-batch of its own


def momentum_by_hand(learning_rate=0.5, beta=0.9):
    velocity = {}

    def update(parameters, gradients):
        for name, gradient in gradients.items():
            velocity[name] = beta * velocity.get(name, 0) + (1 - beta) * gradient
            parameters[name] = parameters[name] - learning_rate * velocity[name]

    return update


def adam_by_hand(learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
    first, second, steps = {}, {}, [0]

    def update(parameters, gradients):
        steps[0] += 1
        t = steps[0]
        for name, g in gradients.items():
            first[name] = beta1 * first.get(name, 0) + (1 - beta1) * g
            second[name] = beta2 * second.get(name, 0) + (1 - beta2) * g**2
            corrected = first[name] / (1 - beta1**t), second[name] / (1 - beta2**t)
            step = learning_rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
            parameters[name] = parameters[name] - step

    return update


RULES = {
    "A7 momentum": (
        momentum_by_hand,
        lambda p: nn.SGD(p, learning_rate=0.5, momentum=0.9, average=True),
    ),
    "A8 Adam": (adam_by_hand, lambda p: nn.Adam(p, learning_rate=0.01)),
}
CASES = pytest.mark.parametrize(("rule", "optimizer"), RULES.values(), ids=RULES)


@CASES
def test_a7_and_a8_20_steps_on_mini_batches_take_the_seeds_network_where_the_rule_by_hand_takes_it(
    rule, optimizer
):
    np.random.seed(8)
    parameters = by_hand.initial_parameters(SIZES)
    model = by_hand.as_model(parameters)
    update, optimizer = rule(), optimizer(model.parameters())
    X, y = nn.datasets.disc_in_ring(640, rng=0)
    batches = list(nn.batches(X, y, batch_size=32, rng=0))
    assert len(batches) == 20
    for x_batch, y_batch in batches:
        update(
            parameters,
            by_hand.of_parameters(by_hand.gradients(x_batch.T, y_batch.T, parameters)),
        )
        optimizer.zero_grad()
        nn.BCELoss(epsilon=by_hand.EPSILON)(model(x_batch), y_batch).backward()
        optimizer.step()
        assert_agree(by_hand.in_columns(model), parameters, tolerance=1e-10)


@CASES
def test_a7_and_a8_20_steps_of_fit_are_those_by_hand_on_the_same_batches(rule, optimizer):
    np.random.seed(9)
    parameters = by_hand.initial_parameters(SIZES)
    model = by_hand.as_model(parameters)
    X, y = nn.datasets.disc_in_ring(310, rng=0)
    update, rng = rule(), np.random.default_rng(4)
    for _ in range(2):
        for x_batch, y_batch in nn.batches(X, y, batch_size=32, rng=rng):
            found = by_hand.gradients(x_batch.T, y_batch.T, parameters)
            update(parameters, by_hand.of_parameters(found))
    nn.fit(
        model,
        X,
        y,
        loss=nn.BCELoss(epsilon=by_hand.EPSILON),
        optimizer=optimizer(model.parameters()),
        epochs=2,
        batch_size=32,
        progress=False,
        rng=4,
    )
    assert_agree(by_hand.in_columns(model), parameters, tolerance=1e-10)


def test_a7_its_momentum_is_the_classical_one_at_a_learning_rate_smaller_by_1_minus_beta():
    paths = []
    for options in ({"learning_rate": 0.5, "average": True}, {"learning_rate": 0.05}):
        np.random.seed(8)
        model = by_hand.as_model(by_hand.initial_parameters(SIZES))
        optimizer = nn.SGD(model.parameters(), momentum=0.9, **options)
        X, y = nn.datasets.disc_in_ring(640, rng=0)
        for x_batch, y_batch in nn.batches(X, y, batch_size=32, rng=0):
            optimizer.zero_grad()
            nn.BCELoss(epsilon=by_hand.EPSILON)(model(x_batch), y_batch).backward()
            optimizer.step()
        paths.append(by_hand.in_columns(model))
    assert_agree(*paths, tolerance=1e-10)
