"""The memory that training takes from a memory map of 4 GB, and the time that reading it costs.

A file of that size is made on disk, in a folder for temporary files, and removed afterwards. Each
line is of a process of its own, and of the memory that it has beyond that of a short training: an
epoch of `nn.fit` of memory maps, and of batches that a generator reads; predictions; and, to tell
what reading costs, as many steps on a batch that is in memory.

Run it: python benchmarks/larger_than_memory.py
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import print_table, verdict  # isort: split

import numpy as np

import nn
from nn.training.sources import BLOCK

FEATURES = 1024
ROWS = 2**20
"""Samples of float32: 4 GB."""
BATCH_SIZE = 8192
"""Samples of a batch, as large as a block."""
WRITTEN = 2**14
"""Samples that are made at once."""


def make(folder):
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (ROWS, FEATURES))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.float32, (ROWS, 1))
    rng = np.random.default_rng(0)
    for start in range(0, ROWS, WRITTEN):
        some = slice(start, start + WRITTEN)
        X[some] = rng.standard_normal((WRITTEN, FEATURES), dtype=np.float32)
        y[some] = X[some, :1] - X[some, 1:2]


def peak():
    """The most memory that this process had, in bytes, of its own and of files."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def model_and_optimizer():
    model = nn.Dense(FEATURES, 1, rng=0, dtype=np.float32)
    return model, nn.Adam(model.parameters())


def fit(X, y=None, **options):
    model, optimizer = model_and_optimizer()
    nn.fit(model, X, y, loss="mse", optimizer=optimizer, epochs=1, batch_size=BATCH_SIZE,
           progress=False, rng=0, **options)  # fmt: skip


def slices(X, y):
    """Batches, each read from the files into arrays of their own."""
    for start in range(0, ROWS, BATCH_SIZE):
        yield tuple(
            np.fromfile(
                array.filename,
                np.float32,
                BATCH_SIZE * array.shape[1],
                offset=array.offset + 4 * start * array.shape[1],
            ).reshape(BATCH_SIZE, -1)
            for array in (X, y)
        )


TASKS = {
    "fit, memory maps": lambda X, y: fit(X, y),
    "fit, batches of a generator": lambda X, y: fit(lambda: slices(X, y)),
    "predict, a memory map": lambda X, y: nn.predict(model_and_optimizer()[0], X),
    "fit, one batch in memory": lambda X, y: fit(lambda: [BATCH] * (ROWS // BATCH_SIZE)),
}
BATCH = np.ones((BATCH_SIZE, FEATURES), np.float32), np.ones((BATCH_SIZE, 1), np.float32)


def measure(folder, name):
    X, y = (np.load(folder / f"{array}.npy", mmap_mode="r") for array in "Xy")
    fit(*(array[:64] for array in BATCH))
    before, start = peak(), time.process_time()
    TASKS[name](X, y)
    print(json.dumps([peak() - before, time.process_time() - start]))


def main():
    folder = Path(tempfile.mkdtemp())
    needed, free = 1.1 * ROWS * FEATURES * 4, shutil.disk_usage(folder).free
    if free < 2 * needed:
        raise SystemExit(
            f"{folder} has {free / 1e9:.0f} GB left, and this needs {needed / 1e9:.0f}"
        )
    try:
        make(folder)
        found = {}
        for name in TASKS:
            command = [sys.executable, __file__, str(folder), name]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name] = json.loads(run.stdout)
    finally:
        shutil.rmtree(folder)
    size = max(BLOCK, BATCH[0].nbytes)
    print(f"{ROWS * FEATURES * 4 / 1e9:.1f} GB of samples, {size / 1e6:.0f} MB a batch or block\n")
    rows = [
        [name, f"{used / 1e6:.0f} MB", verdict(used / size, 3), f"{seconds:.1f} s"]
        for name, (used, seconds) in found.items()
    ]
    print_table(["", "memory", "batches or blocks", "processor time"], rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]), sys.argv[2])
    else:
        main()
