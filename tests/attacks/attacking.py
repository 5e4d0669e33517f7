"""What attacks on files share: files of each kind, how they are read, and what may come of it."""

import json
import time
import tracemalloc
from collections import Counter
from contextlib import contextmanager

import numpy as np

import nn
from autograd_lite import AutogradError
from nn.architecture import architecture_of
from nn.tensor_files import tensor_file
from nn.training import checkpoint

FLOOR = 2**20
"""Bytes that reading the smallest file takes, about."""


def small(rng=0):
    return nn.Sequential(
        nn.Dense(2, 1, activation="relu", rng=rng), nn.Dropout(0.5, rng=1), nn.BatchNorm1d(1)
    )


class Run:
    """A training with every kind of thing that a checkpoint holds; `fit` goes on from a file."""

    def __init__(self):
        self.model = small()
        self.optimizer = nn.Adam(self.model.parameters(), learning_rate=0.01)
        self.rng = np.random.default_rng(0)
        self.callbacks = [
            nn.GradientMonitor(),
            nn.EarlyStopping(patience=3, monitor="validation_loss"),
            nn.LRSchedule(nn.ExponentialDecay(self.optimizer, factor=0.7)),
        ]

    def fit(self, *others, epochs=2, resume_from=None):
        X = np.linspace(-1, 1, 12).reshape(6, 2)
        return nn.fit(
            self.model, X, X[:, :1], loss="mse", optimizer=self.optimizer, epochs=epochs,
            batch_size=3, validation=(X, X[:, :1]), callbacks=[*others, *self.callbacks],
            resume_from=resume_from, progress=False, rng=self.rng,
        )  # fmt: skip

    def state(self):
        """All that a refusal has to leave as it was, to the last bit."""
        return shown(
            self.model.state_dict(),
            self.optimizer.state_dict(),
            self.rng.bit_generator.state,
            self.model[1].rng.bit_generator.state,
            [callback.state_dict() for callback in self.callbacks],
            np.random.get_state(),
        )


def shown(*values):
    """Text that is the same for the same bits."""

    def told(value):
        if isinstance(value, np.ndarray):
            return [str(value.dtype), value.shape, value.tobytes().hex()]
        return repr(value)

    return json.dumps(values, default=told)


# Files of each kind, and what is read from them


def write_model(path):
    nn.save(small(), path)


def write_weights(path):
    nn.save(small().state_dict(), path)


def write_checkpoint(path):
    Run().fit(nn.Checkpoint(path))


def read_model(path):
    model = nn.load(path)
    return shown(architecture_of(model), model.state_dict())


LOADED = small()
"""What weights are loaded into; those of the last file are taken away before."""
TENSORS = [tensor for _, tensor in (*LOADED.named_parameters(), *LOADED.named_buffers())]


def read_weights(path):
    for tensor in TENSORS:
        tensor.data[...] = 0
    return shown(nn.load(path, LOADED).state_dict())


def read_checkpoint(path):
    return shown(checkpoint.read(path))


KINDS = {
    "model": (write_model, read_model),
    "weights": (write_weights, read_weights),
    "checkpoint": (write_checkpoint, read_checkpoint),
}


def made(header, data=b"", length=None):
    """A file with a header, as text or as what JSON has, that says it has some length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if length is None else length
    return length.to_bytes(8, "little") + text + data


def described(architecture, **arrays):
    """The content of a model's file, with a checksum that is right."""
    entry = json.dumps({"version": 1, "architecture": architecture})
    return tensor_file(arrays, "autograd_lite", entry)


# What may come of reading


class Tally:
    """What came of all attempts: each was refused in words, or read right."""

    def __init__(self):
        self.counts = Counter()
        self.bad = []
        self.words = ""
        """Those of the last refusal."""

    def attempt(self, name, read, size, is_right=lambda result: True):
        """Read a file of some size; within a second, and ten times its memory, if it is refused."""
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()
        before, start = tracemalloc.get_traced_memory()[0], time.process_time()
        outcome = "refused"
        try:
            if is_right(read()):
                outcome = "read"
            else:
                self.bad.append(f"{name}: read, and wrong")
        except AutogradError as error:
            if len(error.args) != 3 or not all(isinstance(part, str) for part in error.args):
                self.bad.append(f"{name}: {error.args}")
            self.words = str(error)
            self._require_small(name, size, before, start)
        except Exception as error:
            self.bad.append(f"{name}: {error!r}")
        self.counts[outcome] += 1
        return outcome

    def _require_small(self, name, size, before, start):
        seconds = time.process_time() - start
        peak = tracemalloc.get_traced_memory()[1] - before
        if seconds > 1:
            self.bad.append(f"{name}: refused after {seconds:.1f} s")
        if peak > 10 * size + FLOOR:
            self.bad.append(f"{name}: refused after {peak:,} bytes for a file of {size:,}")


@contextmanager
def tally(title, memory=True):
    """Attempts of which none may be bad; their counts are printed. Measuring memory takes time."""
    found = Tally()
    if memory:
        tracemalloc.start()
    try:
        yield found
    finally:
        tracemalloc.stop()
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(found.counts.items()))
    print(f"{title}: {counts}, {len(found.bad)} bad")
    assert not found.bad, "\n".join(found.bad[:20])
