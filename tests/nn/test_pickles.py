"""Models, optimizers, callbacks and results are copied, pickled, and sent to other processes."""

import copy
import multiprocessing
import pickle
import subprocess
import sys

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor, grad

X = np.linspace(-1, 1, 32).reshape(16, 2)
Y = X[:, :1] - X[:, 1:]


def read_only_copy(value):
    """What Dask makes of it for another process, and joblib by memory maps."""
    buffers = []
    text = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(text, buffers=[bytes(buffer) for buffer in buffers])


WAYS = {
    "copied": copy.deepcopy,
    "pickled": lambda value: pickle.loads(pickle.dumps(value)),
    "read-only": read_only_copy,
}


def network():
    return nn.Sequential(
        nn.Dense(2, 3, activation="relu", rng=0), nn.BatchNorm1d(3), nn.Dropout(0.2, rng=0),
        np.tanh, nn.Residual(nn.LayerNorm(3)), nn.Dense(3, 1, rng=1),
    )  # fmt: skip


def fit(model, optimizer, **options):
    options = {"loss": "mse", "epochs": 3, "progress": False, "rng": 0} | options
    return nn.fit(model, X, Y, optimizer=optimizer, **options)


OPTIMIZERS = {
    "SGD": lambda p: nn.SGD(p, 0.1, momentum=0.9),
    "Adam": lambda p: nn.Adam(p, nn.CosineAnnealing(0.1, steps=20)),
    "NAdam": nn.NAdam,
    "RMSprop": nn.RMSprop,
    "Adagrad": lambda p: nn.Adagrad([{"parameters": p[:2], "l2": 0.1}, {"parameters": p[2:]}]),
}


@looped("way", WAYS.values(), ids=WAYS)
@looped("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@looped("loaded", [False, True])
def test_a_model_and_its_optimizer_stay_tied_and_go_on_alike(make, way, loaded):
    model = network()
    optimizer = make(model.parameters())
    fit(model, optimizer)
    if loaded:
        model.load_state_dict(model.state_dict())
    twin, other = way((model, optimizer))
    assert all(one is two for one, two in zip(twin.parameters(), other.parameters, strict=True))
    assert fit(twin, other) == fit(model, optimizer)
    np.testing.assert_equal(twin.state_dict(), model.state_dict())
    np.testing.assert_equal(other.state_dict()["state"], optimizer.state_dict()["state"])


@looped("way", WAYS.values(), ids=WAYS)
def test_what_forward_kept_travels_without_its_record(way):
    class Remembering(nn.Module):
        def __init__(self):
            self.inner = nn.Dense(2, 1, rng=0)

        def forward(self, x):
            self.hidden = self.inner(x)
            self.kept = [{"twice": (2 * self.hidden,)}]
            return self.hidden

    globals()["Remembering"] = Remembering
    Remembering.__qualname__ = "Remembering"
    model = Remembering()
    model(X)
    twin = way(model)
    np.testing.assert_array_equal(twin.hidden.data, model.hidden.data)
    np.testing.assert_array_equal(twin.kept[0]["twice"][0].data, 2 * model.hidden.data)
    assert not twin.hidden.requires_grad
    assert model.hidden.requires_grad
    twin(X).sum().backward()
    assert twin.inner.weight.grad is not None


def test_a_loaded_model_trains_on_in_a_new_process(tmp_path):
    model = network()
    optimizer = nn.Adam(model.parameters())
    fit(model, optimizer)
    model.load_state_dict(model.state_dict())
    path = tmp_path / "all.pickle"
    path.write_bytes(pickle.dumps((model, optimizer)))
    code = """
import pickle, sys
import numpy as np
import nn
model, optimizer = pickle.load(open(sys.argv[1], "rb"))
X = np.linspace(-1, 1, 32).reshape(16, 2)
optimizer.zero_grad()
nn.MSELoss()(model.eval()(X), X[:, :1] - X[:, 1:]).backward()
optimizer.step()
print(repr(model.parameters()[0].data.tolist()))
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    optimizer.zero_grad()
    nn.MSELoss()(model.eval()(X), Y).backward()
    optimizer.step()
    assert done.stdout.strip() == repr(model.parameters()[0].data.tolist()), done.stderr[-400:]


def things():
    model = network()
    optimizer = nn.Adam(model.parameters(), 0.01)
    callbacks = [
        nn.EarlyStopping(2, "loss"), nn.GradientMonitor(), nn.GradientClipping(max_norm=1.0),
        nn.LRSchedule(nn.ReduceOnPlateau(optimizer), monitor="loss"),
    ]  # fmt: skip
    history = fit(model, optimizer, callbacks=callbacks)
    made = [history, nn.summary(model, 2), nn.diagnose(model, X, Y, loss="mse"), *callbacks]
    made += [nn.Warmup(optimizer, 5, then=nn.StepDecay(optimizer, 3)), nn.CosineAnnealing(0.1, 10)]
    made += [nn.BCEWithLogitsLoss(pos_weight=[1.0, 2.0]), nn.HuberLoss(delta=2.0), nn.Buffer([1.0])]
    made += [nn.gradient_difference(model.eval(), X, Y, loss="mse")]
    return {type(thing).__name__: thing for thing in made}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_results_and_settings_are_the_same_elsewhere(way):
    for name, thing in things().items():
        twin = way(thing)
        if isinstance(thing, nn.Callback):
            np.testing.assert_equal(twin.state_dict(), thing.state_dict())
        else:
            assert repr(twin) == repr(thing), name
    history = things()["History"]
    assert way(history).stop_reason == history.stop_reason
    error = nn.TrainingError("fit", "the loss is nan", "lower it")
    error.history = history
    assert way(error).history == history
    assert str(way(error)) == str(error)


def trained(seed):
    model = nn.Dense(2, 1, rng=seed)
    return model, fit(model, nn.SGD(model.parameters(), 0.1))


def test_trainings_go_through_pools_of_processes():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.map(trained, [0, 1])
    for seed, (model, history) in enumerate(results):
        expected, figures = trained(seed)
        np.testing.assert_equal(model.state_dict(), expected.state_dict())
        assert history == figures
        assert isinstance(model(Tensor(X)), Tensor)


def test_a_gradient_of_a_model_that_it_keeps_is_the_copy_s_in_a_copy():
    model = nn.Dense(2, 1, rng=0)
    model.slopes = grad(model)
    sample = np.zeros((1, 2))
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        again.weight.data[...] = 1.0
        np.testing.assert_array_equal(again.slopes(sample).data, [[1.0, 1.0]])
        np.testing.assert_array_equal(model.slopes(sample).data, model.weight.data.T)
