"""What fit tries before training costs no memory, and all that it changes is put back."""

import tracemalloc

import numpy as np
import pytest
from looping import looped
from training_runs import (
    Y,
    assert_refused,
    assert_same,
    fit,
    hook,
    line,
)

import nn
from autograd_lite.errors import ArgumentError, ShapeError

LARGE = 2**14


@pytest.fixture(autouse=True)
def _nothing_is_left_to_import():
    """What the first training imports is no memory that it needs."""
    fit(line())


class Table:
    """A metric that holds much, and by its hook changes it."""

    def __init__(self, change=lambda metric: None, size=LARGE):
        self.table = np.zeros(size)
        self.rows = {"views": [self.table[:4], self.table.reshape(-1, 64)]}
        self.change = change

    def __call__(self, predictions, targets):
        self.change(self)
        return self.table[0]


class Wide(nn.Module):
    """A model that holds much: a parameter with its gradient, a buffer, an array."""

    def __init__(self, change=lambda model: None, size=LARGE):
        self.inner = line()
        self.weight = nn.Parameter(np.zeros(size))
        self.weight.grad = np.zeros(size)
        self.seen = nn.Buffer(np.zeros(size))
        self.array = np.zeros(size)
        self.change = change

    def forward(self, x):
        if not self.training:
            self.change(self)
        return self.inner(x)


def peak_of_rehearsal(model, metrics):
    """The most memory, in bytes, that is in use until training begins, beyond what is held."""

    def start(training):
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
        training.stop_reason = "measured"

    peaks, optimizer = [], nn.SGD(model.inner.parameters(), 0.1)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        fit(model, optimizer=optimizer, metrics=metrics, callbacks=[hook("fit_start", start)])
    finally:
        tracemalloc.stop()
    return peaks[0]


def test_what_metrics_and_models_hold_costs_no_memory():
    size = 2**18
    assert peak_of_rehearsal(Wide(size=size), {"table": Table(size=size)}) < size


def test_a_loss_of_nn_sees_all_targets_without_weights_for_them():
    n = 2**17
    features, peaks = np.zeros((n, 1)), []

    def start(training):
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
        training.stop_reason = "measured"

    options = {"loss": nn.BCEWithLogitsLoss(), "callbacks": [hook("fit_start", start)]}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        fit(nn.Dense(1, 1, rng=0), features, features, **options)
    finally:
        tracemalloc.stop()
    # Outputs, four arrays of the loss's row and a mask of bytes; weights would be one array more.
    assert peaks[0] < 5.5 * features.nbytes


def test_a_call_of_a_loss_of_ones_own_is_rehearsed():
    class Odd(nn.MSELoss):
        def __call__(self, predictions, targets):
            return super().__call__(predictions, targets[:-1])

    assert_refused(ShapeError, "Odd", model=line(), y=Y, loss=Odd())


def all_of(model, metric):
    return [model.weight.data, model.weight.grad, model.seen.data, model.array, metric.table]


CHANGES_OF_METRICS = {
    "an entry": lambda metric: metric.table.__setitem__(0, metric.table[0] + 1),
    "all": lambda metric: np.add(metric.table, 1, out=metric.table),
    "through a new view": lambda metric: metric.table.reshape(2, -1)[1].fill(1),
    "through a small view": lambda metric: metric.rows["views"][0].fill(1),
    "through a large view": lambda metric: metric.rows["views"][1].fill(1),
    "at random": lambda metric: np.random.default_rng(0).random(out=metric.table),
}


CHANGES_OF_MODELS = {
    "a parameter": lambda model: model.weight.data.__setitem__(0, 1.0),
    "a parameter, assigned": lambda model: setattr(model.weight, "data", np.ones(3)),
    "a parameter, by the library": lambda model: model.weight.__setitem__(0, 1.0),
    "a gradient": lambda model: model.weight.grad.fill(1),
    "a buffer": lambda model: np.add(model.seen.data, 1, out=model.seen.data),
    "an array": lambda model: model.array.sort(),
}


@looped("change", CHANGES_OF_METRICS.values(), ids=CHANGES_OF_METRICS)
def test_large_arrays_that_a_metric_changes_are_put_back(change):
    assert_large_arrays_are_put_back(Wide(), Table(change))


@looped("change", CHANGES_OF_MODELS.values(), ids=CHANGES_OF_MODELS)
def test_large_arrays_that_a_model_changes_are_put_back(change):
    assert_large_arrays_are_put_back(Wide(change), Table())


def assert_large_arrays_are_put_back(model, metric):
    model.array[:2] = [2, 1]
    arrays = all_of(model, metric)
    before = [array.copy() for array in arrays]
    compared = []

    def start(training):
        now = all_of(model, metric)
        compared.append(all(array is then for array, then in zip(now, arrays, strict=True)))
        assert_same(now, before)
        assert all(array.flags.writeable for array in [*now, *metric.rows["views"]])
        training.stop_reason = "compared"

    optimizer = nn.SGD(model.inner.parameters(), 0.1)
    fit(model, optimizer=optimizer, metrics={"m": metric}, callbacks=[hook("fit_start", start)])
    assert compared == [True]


def test_a_metric_that_fails_is_refused_also_where_it_holds_much():
    def fail(metric):
        metric.table[0] = 1
        raise ValueError("odd")

    metric = Table(fail)
    assert_refused(ArgumentError, "metric 'm'.*odd", metrics={"m": metric})
    assert metric.table[0] == 0
    assert metric.table.flags.writeable


def test_arrays_that_are_read_only_stay_so():
    metric = Table()
    metric.table.flags.writeable = False
    fit(line(), metrics={"m": metric}, epochs=1)
    assert not metric.table.flags.writeable
    assert metric.rows["views"][0].flags.writeable
