"""Steps that are one call of C: batches in any layout, and what is looked at before."""

import copy

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite.errors import UnsupportedError

pytestmark = pytest.mark.usefixtures("quick_c_compiler")


class Scaled(nn.Module):
    """A layer whose result is scaled by what it holds."""

    power = 2

    def __init__(self):
        self.layers = [nn.Dense(3, 2, rng=0)]
        self.scale, self.shifts = 1.5, {"first": 0.5, "second": -0.25}

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        for name, shift in self.shifts.items():
            x = (x + shift) ** self.power / len(name)
        return x * self.scale


def batch(number, n=4):
    rng = np.random.default_rng(number)
    return rng.normal(size=(n, 3)), rng.normal(size=(n, 2))


def run(backend, change, given, count=12):
    """Losses and the optimizer's arrays after each step, before which there may be a change."""
    model, Scaled.power = Scaled(), 2
    optimizer = nn.Adam(model.parameters(), learning_rate=0.01)
    step, found = nn.compile(model, "mse", optimizer, backend), []
    for number in range(count):
        change(number, model, optimizer)
        loss = step(*given(number))
        # Not by `.data`, after which arrays are looked at in another way.
        found.append([loss, *[each.kept.copy() for each in optimizer._runs]])
    return found, step, optimizer


def assert_c_is_numpy(change=lambda *_: None, given=batch):
    found, step, optimizer = run("c", change, given)
    expected, _, other = run("numpy", change, given)
    for number, pair in enumerate(zip(found, expected, strict=True)):
        for a, b in zip(*pair, strict=True):
            np.testing.assert_allclose(a, b, 1e-11, err_msg=f"step {number}")
    assert optimizer.steps == other.steps == len(found)
    assert step.backend == "c"
    return step


# Batches


def turned(X, y):
    return X[::-1], y[:, ::-1]


def in_columns(X, y):
    return np.asfortranarray(X), np.asfortranarray(y)


def parts_of_others(X, y):
    return np.tile(X, (2, 2))[1::2, :3], np.repeat(y, 2, axis=1)[:, ::2]


def read_only(X, y):
    X.flags.writeable = False
    return X, y


@looped("layout", [turned, in_columns, parts_of_others, read_only])
def test_a_batch_may_lie_in_memory_in_any_way(layout):
    step = assert_c_is_numpy(given=lambda n: layout(*batch(n)) if n > 4 else batch(n))
    assert step._steps._recorded == 2


@looped(
    "other",
    [
        lambda X, y: (X.astype(np.float32), y),
        lambda X, y: (X.astype(X.dtype.newbyteorder()), y),
        lambda X, y: (np.rint(X).astype(int), y),
        lambda X, y: (X[:2], y[:2]),
        lambda X, y: (X.view(np.recarray), y),
        lambda X, y: (X.tolist(), y),
    ],
)
def test_a_batch_of_another_kind_is_not_taken_for_one_of_this(other):
    assert_c_is_numpy(given=lambda n: other(*batch(n)) if n == 6 else batch(n))


def test_a_batch_that_would_broadcast_is_refused():
    for wrong in (lambda X, y: (X[:1], y), lambda X, y: (X, y[:, :1]), lambda X, y: (X, y[0])):
        model = Scaled()
        optimizer = nn.Adam(model.parameters())
        step = nn.compile(model, "mse", optimizer, "c")
        for number in range(5):
            step(*batch(number))
        before = [each.kept.copy() for each in optimizer._runs]
        with pytest.raises(ValueError, match="shape"):
            step(*wrong(*batch(5)))
        for array, each in zip(before, optimizer._runs, strict=True):
            np.testing.assert_array_equal(array, each.kept)


def test_an_array_with_a_mask_is_refused_after_arrays_without():
    step = run("c", lambda *_: None, batch)[1]
    X, y = batch(0)
    with pytest.raises(UnsupportedError, match="MaskedArray"):
        step(np.ma.masked_array(X, X > 1), y)


def test_labels_may_be_of_any_type_of_whole_numbers_of_their_size():
    def losses(kinds):
        rng, model = np.random.default_rng(0), nn.Dense(3, 4, rng=0)
        step = nn.compile(model, "cross_entropy", nn.Adam(model.parameters()), "c")
        given = rng.normal(size=(5, 3)), rng.integers(4, size=5)
        found = [step(given[0], given[1].astype(kind)) for kind in kinds]
        assert step.backend == "c"
        assert step._steps._recorded == 2
        return found

    mixed = [np.dtype("l"), np.dtype("q")] * 5
    if mixed[0].itemsize == mixed[1].itemsize:
        assert losses(mixed) == losses(mixed[:1] * 10)


# What is looked at


def sets(name, value):
    return lambda number, model, optimizer: number == 6 and setattr(model, name, value)


def past_setattr(number, model, optimizer):
    if number == 6:
        vars(model)["scale"] = 3.0


def a_new_but_equal_number_each_time(number, model, optimizer):
    model.scale = float("1.5")


def entries_in_another_order(number, model, optimizer):
    if number == 6:
        model.shifts["first"] = model.shifts.pop("first")


def another_key(number, model, optimizer):
    if number == 6:
        model.shifts["another"] = model.shifts.pop("second")


def an_attribute_of_the_class(number, model, optimizer):
    if number == 6:
        Scaled.power = 3


def an_entry_more(number, model, optimizer):
    if number == 6:
        model.shifts["third"] = 1.0


def a_layer_more(number, model, optimizer):
    if number == 6:
        model.layers.append(nn.Tanh())


def a_list_that_is_equal_and_then_grows(number, model, optimizer):
    if number == 6:
        model.layers = [*model.layers]
    if number == 9:
        model.layers.append(nn.Tanh())


def a_rate_in_the_group(number, model, optimizer):
    optimizer.groups[0]["learning_rate"] *= 0.9


def another_rate_once(number, model, optimizer):
    if number == 6:
        optimizer.groups[0]["learning_rate"] = 0.5


def an_equal_group_whose_rate_is_another_then(number, model, optimizer):
    if number == 6:
        optimizer.groups[0] = dict(optimizer.groups[0])
    if number == 9:
        optimizer.groups[0]["learning_rate"] = 0.5


def equal_groups_of_which_one_has_another_rate_then(number, model, optimizer):
    if number == 6:
        optimizer.groups = copy.copy(optimizer.groups)
    if number == 9:
        optimizer.groups[0] = {**optimizer.groups[0], "learning_rate": 0.5}


def a_schedule_from_the_beginning(number, model, optimizer):
    if number == 0:
        optimizer.learning_rate = lambda step: 0.1 / (1 + step)


def a_schedule(number, model, optimizer):
    if number == 6:
        optimizer.learning_rate = lambda step: 0.1 / (1 + step)
    if number == 9:
        optimizer.learning_rate = 0.3


@looped(
    "change",
    [
        sets("scale", 2.0),
        sets("scale", np.float64(1.5)),
        past_setattr,
        a_new_but_equal_number_each_time,
        entries_in_another_order,
        another_key,
        an_attribute_of_the_class,
        an_entry_more,
        a_layer_more,
        a_list_that_is_equal_and_then_grows,
        a_rate_in_the_group,
        another_rate_once,
        an_equal_group_whose_rate_is_another_then,
        equal_groups_of_which_one_has_another_rate_then,
        a_schedule,
        a_schedule_from_the_beginning,
    ],
)
def test_a_change_is_seen_before_the_next_step(change):
    assert_c_is_numpy(change)


def test_rates_that_take_turns_are_seen_with_batches_of_two_shapes():
    rates = 0.01, 0.2  # the same objects again and again

    def change(number, model, optimizer):
        optimizer.groups[0]["learning_rate"] = rates[number % 3 == 0]

    assert_c_is_numpy(change, lambda number: batch(number, 4 + number % 2))
