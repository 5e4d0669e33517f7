"""Training on a cluster of Dask's: two processes of this machine, one of which is killed.

A network learns a function of 8 numbers from 20,000 samples in blocks, which the workers hold. It
learns the same as in this process, but for rounding, also where a worker is killed in the second
epoch: the other one, and the one that takes its place, compute its parts again. Prints both losses,
and how far the weights are from each other.
"""

import logging
import os
import signal

import dask
import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster

import nn


def data():
    X = da.from_array(np.random.default_rng(0).normal(size=(20_000, 8)), chunks=(4000, 8))
    return X, np.sin(X[:, :1]) * X[:, 1:2] + X[:, 2:].sum(axis=1, keepdims=True) / 4


class KillsAWorker(nn.Callback):
    """In the middle of the second epoch."""

    def __init__(self, cluster):
        self.cluster = cluster

    def batch_end(self, training):
        if (training.epoch, training.batch) == (1, 9):
            process = next(iter(self.cluster.workers.values())).pid
            os.kill(process, signal.SIGKILL)
            print(f"worker killed after batch {training.batch + 1} of epoch {training.epoch + 1}")


def learn(**options):
    model = nn.Sequential(nn.Dense(8, 32, "tanh", rng=0), nn.Dense(32, 1, rng=1))
    optimizer = nn.Adam(model.parameters(), 0.01)
    history = nn.fit(model, *data(), loss="mse", optimizer=optimizer, epochs=3, batch_size=1500,
                     progress=False, rng=0, **options)  # fmt: skip
    return model, history


def main():
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        found, history = learn(client=client, callbacks=[KillsAWorker(cluster)])
    print("on the cluster:", history)
    with dask.config.set(scheduler="synchronous"):
        expected, history = learn()
    print("in one process:", history)
    pairs = zip(found.parameters(), expected.parameters(), strict=True)
    print(f"weights are {max(abs(a.data - b.data).max() for a, b in pairs):.0e} apart")


if __name__ == "__main__":
    main()
