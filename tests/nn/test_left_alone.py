"""`diagnose` and `gradient_difference` leave everything as it was."""

import copy
import queue
import random
import threading
import tracemalloc
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import AutogradError, Tensor
from nn.left_alone import call_left_alone

X = np.random.default_rng(0).normal(size=(48, 4))
Y = (X[:, :1] > 0).astype(float)
LOSS = nn.BCEWithLogitsLoss()


def healthy():
    return nn.Sequential(nn.Dense(4, 12, "relu", rng=0), nn.Dense(12, 1, rng=1))


class Noise(nn.Module):
    """Draws from NumPy's global generator, and from its own in a list; counts its calls."""

    def __init__(self):
        self.calls = 0
        self.generators = [np.random.default_rng(3)]
        self.last = nn.Buffer(np.zeros(12))
        self.factor = nn.Buffer(np.ones(12))

    def forward(self, x):
        self.calls += 1
        self.seen = x.data
        self.last.data[...] = 1.0
        noise = np.random.normal(size=x.shape) + self.generators[0].normal(size=x.shape)
        return x * self.factor + 0.01 * noise


def eventful():
    layers = [
        nn.Dense(4, 12, rng=0),
        nn.BatchNorm1d(12),
        nn.ReLU(),
        nn.Dropout(0.5, rng=5),
        Noise(),
        nn.Dense(12, 1, rng=1),
    ]
    model = nn.Sequential(*layers).eval()
    model[0].training = True
    return model


def trace(model, optimizer):
    """Everything that a pass or a step could change."""
    return {
        "state": model.state_dict(),
        "gradients": [p.grad if p.grad is None else p.grad.copy() for p in model.parameters()],
        "modes": [m.training for _, m in model.named_modules()],
        "attributes": [sorted(vars(m)) for _, m in model.named_modules()],
        "calls": model[4].calls,
        "dropout": model[3].rng.bit_generator.state,
        "noise": model[4].generators[0].bit_generator.state,
        "numpy": np.random.get_state()[1:3],
        "optimizer": optimizer.state_dict(),
    }


@looped("grown", [False, True])
def test_a_diagnosis_changes_nothing(grown):
    model = eventful()
    optimizer = nn.Adam(model.parameters(), 0.01)
    np.random.seed(7)
    if grown:
        LOSS(model(X), Y).backward()
        optimizer.step()
    before = copy.deepcopy(trace(model, optimizer))
    arrays = [p.data for p in model.parameters()] + [b.data for _, b in model.named_buffers()]
    nn.diagnose(model, X, Y, loss=LOSS, optimizer=optimizer)
    np.testing.assert_equal(trace(model, optimizer), before)
    after = [p.data for p in model.parameters()] + [b.data for _, b in model.named_buffers()]
    assert all(now is then for now, then in zip(after, arrays))


def test_nothing_is_changed_by_a_diagnosis_that_fails():
    model = eventful()
    optimizer = nn.Adam(model.parameters(), 0.01)
    before = copy.deepcopy(trace(model, optimizer))
    with pytest.raises(AutogradError, match="broadcasting"):
        nn.diagnose(model, X, Y.ravel(), loss=LOSS)
    np.testing.assert_equal(trace(model, optimizer), before)


def test_training_goes_on_bit_for_bit_and_a_recorded_loss_can_still_go_backward():
    runs = []
    for diagnosed in (False, True):
        model = eventful()
        optimizer = nn.Adam(model.parameters(), 0.01)
        np.random.seed(7)
        for _ in range(3):
            loss = LOSS(model(X), Y)
            if diagnosed:
                nn.diagnose(model, X, Y, loss=LOSS, optimizer=optimizer)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        runs.append(model.state_dict())
    np.testing.assert_equal(runs[1], runs[0])


# What modules hold


@dataclass
class Meter:
    n: int = 0
    figures: list = field(default_factory=list)


class Busy(nn.Module):
    """Changes all that it holds whenever it is called."""

    def __init__(self):
        self.inner = nn.Dense(4, 1, rng=0)
        self.log = ["made"]
        self.count = {"n": 0, "by size": [{48: 0}]}
        self.classes = (Counter(a=1), defaultdict(list, a=[1]), OrderedDict(a=1, b=2))
        self.latest = deque([1, 2], maxlen=2)
        self.sizes = {0}
        self.total = np.zeros(4)
        self.state = Tensor(np.zeros(4))
        self.draws = {"noise": [np.random.default_rng(1), (np.random.RandomState(2),)]}
        self.dice = random.Random(3)
        self.meter = Meter()
        self.meters = [Meter()]
        self.space = SimpleNamespace(n=0)

    def forward(self, x):
        self.log.append(len(x))
        self.count["n"] += 1
        self.count["by size"][0][48] += 1
        self.count["new"] = [x]
        counter, lists, ordered = self.classes
        counter["a"] += 1
        lists["b"].append(1)
        ordered.move_to_end("a")
        self.latest.append(len(x))
        self.sizes.add(len(x))
        self.total += x.mean(axis=0)
        self.state.data += 1
        self.draws["noise"][0].normal()
        self.draws["noise"][1][0].normal()
        self.dice.random()
        random.random()
        self.meter.n += 1
        self.meters[0].figures.append(1)
        self.space.n += 1
        self.inner.weight.data *= 1.0001
        self.inner.weight.grad = np.ones((4, 1))
        self.inner.weight.name = "renamed"
        self.last = x
        x -= 0.001
        return self.inner(x)


def contents(model):
    return {
        "lists": [model.log, model.count, list(model.latest), model.sizes],
        "classes": [*map(dict, model.classes[:2]), list(model.classes[2].items())],
        "kinds": list(map(type, [*model.classes, model.latest])),
        "arrays": [model.total, model.state.data, model.inner.weight.data],
        "generators": [
            model.draws["noise"][0].bit_generator.state,
            model.draws["noise"][1][0].get_state()[1:3],
            model.dice.getstate(),
            random.getstate(),
        ],
        "objects": [model.meter, model.meters, vars(model.space)],
        "parameter": [model.inner.weight.name, model.inner.weight.grad],
        "attributes": sorted(vars(model)),
    }


RUNS = {
    "diagnose": lambda model, X: nn.diagnose(model, X, Y, loss=LOSS),
    "diagnose with steps on trial": lambda model, X: nn.diagnose(
        model, X, Y, loss=LOSS, optimizer=nn.SGD(model.parameters(), 1e4)
    ),
    "gradient_difference": lambda model, X: nn.gradient_difference(model, X, Y, loss=LOSS),
}


@pytest.mark.parametrize("name", RUNS)
def test_what_modules_hold_is_as_before_and_so_are_the_samples(name):
    model, samples = Busy(), X.copy()
    if "trial" in name:
        nn.SGD(model.parameters(), 1e4)  # moves the arrays of parameters
    held = [model.log, model.count, model.total, model.state.data, model.meter]
    before = copy.deepcopy(contents(model))
    RUNS[name](model, samples)
    np.testing.assert_equal(contents(model), before)
    np.testing.assert_array_equal(samples, X)
    again = [model.log, model.count, model.total, model.state.data, model.meter]
    assert all(now is then for now, then in zip(again, held))


def test_a_loss_that_counts_is_as_before():
    class Counting(nn.MSELoss):
        calls = 0

        def __call__(self, predictions, targets):
            self.calls += 1
            return super().__call__(predictions, targets)

    loss = Counting()
    nn.diagnose(healthy(), X, Y, loss=loss)
    nn.gradient_difference(healthy(), X[:2], Y[:2], loss=loss)
    assert loss.calls == 0


def test_each_pass_draws_the_same_at_random():
    drawn = []

    class Noisy(nn.Module):
        def __init__(self):
            self.inner = nn.Dense(4, 1, weight_init="zeros")
            self.rngs = [[np.random.default_rng(0)]]

        def forward(self, x):
            drawn.append(self.rngs[0][0].random())
            return self.inner(x)

    assert nn.diagnose(Noisy(), X, Y, loss=LOSS)
    assert len(drawn) == 2
    assert len(set(drawn)) == 1


def test_what_threads_see_of_a_model_that_is_diagnosed_are_its_own_weights():
    seen = []

    class Watched(nn.Module):
        def __init__(self):
            self.inner = nn.Dense(4, 1, weight_init="zeros")
            self.lock = threading.Lock()

        def forward(self, x):
            with self.lock:
                seen.append(model.inner.weight.data.copy())
            return self.inner(x)

    model = Watched()
    optimizer = nn.SGD(model.parameters(), 0.1)
    nn.diagnose(model, X, Y, loss=LOSS, optimizer=optimizer)
    assert len(seen) > 1
    np.testing.assert_array_equal(seen, 0)


@pytest.mark.parametrize("name", RUNS)
def test_large_arrays_that_modules_hold_are_not_copied_and_are_put_back_where_changed(name):
    class Holding(nn.Module):
        def __init__(self):
            self.inner = nn.Dense(4, 1, rng=0)
            self.tables = [np.zeros(2**18), nn.Buffer(np.zeros(2**18))]
            self.changes = False

        def forward(self, x):
            if self.changes:
                self.tables[0] += 1
                self.tables[1].data += 1
            return self.inner(x)

    model = Holding()
    if name != "gradient_difference":  # which computes with buffers in float64
        tracemalloc.start()
        try:
            RUNS[name](model, X)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2**20
    model.changes = True
    tables = [model.tables[0], model.tables[1].data]
    RUNS[name](model, X)
    assert all(now is then for now, then in zip([model.tables[0], model.tables[1].data], tables))
    assert not any(table.any() for table in tables)
    assert all(table.flags.writeable for table in tables)


# By itself


def test_all_is_put_back_after_an_error():
    held = {"log": [1], "array": np.zeros(2), "tensor": Tensor([1.0]), "rng": random.Random(0)}
    state, data = held["rng"].getstate(), held["tensor"].data

    def change(rewind):
        held["log"].clear()
        held["array"][0] = 1
        held["tensor"].data[0] = 2
        held["rng"].random()
        held["new"] = 1
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        call_left_alone(change, held)
    assert held.keys() == {"log", "array", "tensor", "rng"}
    assert (held["log"], held["array"].tolist(), held["tensor"].data.tolist()) == ([1], [0, 0], [1])
    assert held["tensor"].data is data
    assert held["rng"].getstate() == state


def test_cycles_and_read_only_arrays_may_be_held():
    held = {"array": np.zeros(2)}
    held["self"] = held
    held["array"].flags.writeable = False
    call_left_alone(lambda rewind: held.update(more=1), held)
    assert held.keys() == {"array", "self"}


def test_standard_objects_that_are_no_containers_are_not_looked_into():
    waiting = queue.Queue()
    call_left_alone(lambda rewind: waiting.put(1), [waiting])
    assert waiting.get_nowait() == 1
