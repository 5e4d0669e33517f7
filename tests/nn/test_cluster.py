"""fit with a client of Dask's: the same figures as one process, whatever becomes of workers."""

import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from training_runs import hook, line, normalized, parameters

import nn
from autograd_lite.errors import ArgumentError, UnsupportedError

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")

SAMPLES = np.random.default_rng(0).normal(size=(60, 3))
TARGETS = np.tanh(SAMPLES @ np.array([[1.0], [-2.0], [0.5]]))
BLOCKS = da.from_array(SAMPLES, chunks=(13, 2)), da.from_array(TARGETS, chunks=(20, 1))


@pytest.fixture(scope="module")
def client():
    """Two workers that are threads of this process, quick to start."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(processes=False, **options) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def trained(given=BLOCKS, **options):
    model = nn.Sequential(nn.Dense(3, 5, activation="tanh", rng=0), nn.Dense(5, 1, rng=1))
    optimizer = nn.Adam(model.parameters(), 0.01)
    options = {"loss": "mse", "epochs": 3, "batch_size": 25, "rng": 0, "progress": False, **options}
    history = nn.fit(model, *given, optimizer=optimizer, **options)
    return model, history


def in_one_process(**options):
    with dask.config.set(scheduler="synchronous"):
        return trained(compile=False, **options)


def assert_agree(found, expected):
    for one, other in zip(parameters(found[0]), parameters(expected[0]), strict=True):
        assert np.allclose(one, other, rtol=1e-10, atol=1e-12)
    assert list(found[1]) == list(expected[1])
    for name, figures in expected[1].items():
        assert found[1][name] == pytest.approx(figures, rel=1e-10), name


OPTIONS = {
    "validation and metrics": {
        "validation": 0.2,
        "metrics": {"largest": lambda p, t: abs(p - t).max()},
    },
    "validation elsewhere": {"validation": BLOCKS, "loss": nn.HuberLoss(reduction="sum")},
    "weights and sampling": {"sample_weight": np.arange(60.0), "sampling": np.arange(60.0)[::-1]},
    "a loss of one's own": {"loss": lambda p, t: abs(p - t).mean()},
}


@pytest.mark.parametrize(
    "name",
    [
        "validation and metrics",
        *[pytest.param(name, marks=pytest.mark.exhaustive) for name in list(OPTIONS)[1:]],
    ],
)
def test_figures_are_those_of_one_process(client, name):
    found = trained(client=client, **OPTIONS[name])
    assert_agree(found, in_one_process(**OPTIONS[name]))
    assert "cluster" in found[1].backend


def test_what_parts_do_not_add_up_to_is_refused(client):
    one, two = nn.Dense(3, 1, rng=0), nn.Dense(3, 2, rng=0)
    labels = (TARGETS[:, 0] > 0).astype(int)
    refused = [
        (one, TARGETS, {"loss": "rmse"}, "not the mean"),
        (one, TARGETS, {"loss": lambda p, t: ((p - t) ** 2).mean() ** 0.5}, "not the mean"),
        (two, labels, {"loss": nn.CrossEntropyLoss(weight=[1.0, 2.0])}, "not the mean"),
        (one, TARGETS, {"augment": lambda X, y, rng: (X, y)}, "augment"),
        (one, TARGETS, {"client": 3}, "client=3"),
        (normalized(), TARGETS, {}, "running_mean is a buffer"),
        (nn.Sequential(line(), nn.Dropout(0.5)), TARGETS, {}, "1.rng draws at random"),
    ]
    for model, targets, options, words in refused:
        options = {"loss": "mse", "client": client, **options}
        optimizer, before = nn.SGD(model.parameters(), 0.1), parameters(model)
        with pytest.raises(UnsupportedError, match=words):
            nn.fit(model, BLOCKS[0], targets, optimizer=optimizer, epochs=1, **options)
        assert all(map(np.array_equal, parameters(model), before))
    with pytest.raises(UnsupportedError, match="Dask arrays"):
        trained((SAMPLES, TARGETS), client=client)


def test_a_sample_that_is_not_finite_is_named_by_its_block(client):
    spoiled = SAMPLES.copy()
    spoiled[40, 1] = np.nan
    with pytest.raises(ArgumentError, match=r"block 3 of X .* \(1, 1\)") as error:
        trained((da.from_array(spoiled, chunks=(13, 3)), TARGETS), client=client)
    assert "history" in vars(error.value)


def test_a_client_that_is_lost_ends_training_with_what_was_learned(client, tmp_path):
    path = tmp_path / "run.safetensors"
    other = distributed.Client(client.scheduler.address, set_as_default=False)
    lose = hook("batch_end", lambda training: other.close(), epoch=1, batch=0)
    with pytest.warns(RuntimeWarning, match="the cluster was lost"):
        _, history = trained(client=other, callbacks=[lose, nn.Checkpoint(path)])
    assert "epoch 2, batch 2 the cluster was lost" in history.stop_reason
    assert len(history["loss"]) == 1
    assert_agree(in_one_process(resume_from=path), in_one_process())


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_is_killed_ends_training_with_what_was_learned(tmp_path):
    def started(kind, *options):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard"]
        command += ["--scheduler-file", tmp_path / "scheduler.json", *options]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    path = tmp_path / "run.safetensors"
    scheduler = started("scheduler", "--host", "127.0.0.1", "--port", "0")
    worker = started("worker", "--nthreads", "1")
    try:
        until = time.monotonic() + 60
        while not (tmp_path / "scheduler.json").exists() and time.monotonic() < until:
            time.sleep(0.1)
        client = distributed.Client(
            scheduler_file=str(tmp_path / "scheduler.json"), set_as_default=False
        )
        kill = hook("batch_end", lambda training: scheduler.kill(), epoch=1, batch=0)
        _, history = trained(client=client, callbacks=[kill, nn.Checkpoint(path)])
        client.close(timeout=1)
    finally:
        worker.kill()
        scheduler.kill()
        worker.wait()
        scheduler.wait()
    assert "epoch 2, batch 2 the cluster was lost" in history.stop_reason
    assert_agree(in_one_process(resume_from=path), in_one_process())


@pytest.mark.exhaustive
def test_a_worker_that_is_killed_costs_its_parts_and_not_the_run():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(processes=True, **options) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            first = next(iter(cluster.workers.values())).pid
            kill = hook("batch_end", lambda training: os.kill(first, signal.SIGKILL), 1, 0)
            found = trained(client=client, callbacks=[kill], epochs=4)
            assert first not in [worker.pid for worker in cluster.workers.values()]
            cluster.scale(3)
            again = trained(client=client, epochs=4)
    expected = in_one_process(epochs=4)
    assert_agree(found, expected)
    assert_agree(again, expected)
