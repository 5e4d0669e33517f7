"""From which work for each batch on a cluster pays: gradients in parts, on two local processes.

Each line is a network and a batch of two blocks, one for each worker. A step in one process is the
same network on the same Dask arrays, whose blocks are in memory. What a cluster adds to a step does
not grow with the samples, but with the parameters, which go to the workers and come back as
gradients; what it saves grows with both. Times are of a clock, as of a cluster they have to be, and
the processes have one thread each. With fewer free processors than two, nothing pays.

Run it: python benchmarks/cluster.py
"""

from __future__ import annotations

import logging
import time
from itertools import pairwise

from timing import print_table  # isort: split

import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster

import nn

FEATURES = 256
STEPS = 4
NETWORKS = {"256-64-1": (64,), "256-1024-1": (1024,)}
BATCHES = (512, 4096, 16384)


def network(hidden):
    sizes = (FEATURES, *hidden, 1)
    layers = [nn.Dense(*pair, activation="relu", rng=0) for pair in pairwise(sizes)]
    return nn.Sequential(*layers)


def seconds_of_a_step(hidden, X, y, batch_size, **options):
    """The median over the steps of an epoch, after the first."""
    model = network(hidden)
    ends = []

    class Clock(nn.Callback):
        def batch_end(self, training):
            ends.append(time.perf_counter())
            if len(ends) > STEPS:
                training.stop_reason = "enough"

    nn.fit(model, X, y, loss="mse", optimizer=nn.Adam(model.parameters()), epochs=99, rng=0,
           batch_size=batch_size, callbacks=[Clock()], progress=False, compile=False,
           evaluate_every=99, **options)  # fmt: skip
    return float(np.median(np.diff(ends)))


def main():
    logging.getLogger("distributed").setLevel(logging.ERROR)
    rows = []
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        for name, hidden in NETWORKS.items():
            for batch_size in BATCHES:
                size, chunks = (2 * batch_size, FEATURES), (batch_size // 2, FEATURES)
                X = client.persist(da.random.default_rng(0).normal(size=size, chunks=chunks))
                y = client.persist(X[:, :1])
                alone = seconds_of_a_step(hidden, X.compute(), y.compute(), batch_size)
                parts = seconds_of_a_step(hidden, X, y, batch_size, client=client)
                parameters = sum(p.size for p in network(hidden).parameters())
                row = [f"{1e3 * alone:.1f} ms", f"{1e3 * parts:.1f} ms", f"{parts / alone:.2f}"]
                rows.append([name, f"{parameters:,}", str(batch_size), *row])
    header = ["network", "parameters", "batch", "one process", "two workers", "ratio"]
    print_table(header, rows)


if __name__ == "__main__":
    main()
