"""A progress bar that cannot be written ends no training, and each error carries the history."""

import errno
import io
import os
import subprocess
import sys

import numpy as np
import pytest

import nn
from autograd_lite import ArgumentError, AutogradError

X = np.linspace(-1, 1, 18).reshape(6, 3)
Y = X[:, :1] ** 2


def fit(**options):
    model = nn.Dense(3, 1, rng=0)
    given = {"X": X, "y": Y, "loss": "mse", "epochs": 3, "rng": 0, "progress": False, **options}
    return nn.fit(model, optimizer=nn.SGD(model.parameters(), 0.1), **given)


class Full(io.StringIO):
    """A file on a disk that is full, from the start or after some writes."""

    def __init__(self, left=0, number=errno.ENOSPC):
        super().__init__()
        self.left, self.number = left, number

    def write(self, text):
        self.left -= 1
        if self.left < 0:
            raise OSError(self.number, os.strerror(self.number))
        return super().write(text)


class FlushesNever(io.StringIO):
    def flush(self):
        raise OSError(errno.ENOSPC, "No space left on device")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS = {
    "None": lambda: None,
    "closed": closed,
    "full": Full,
    "full later": lambda: Full(left=3),
    "a broken pipe": lambda: Full(number=errno.EPIPE),
    "a broken pipe later": lambda: Full(left=3, number=errno.EPIPE),
    "not flushed": FlushesNever,
    "no file at all": lambda: object(),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_progress_bar_never_ends_a_training(name, monkeypatch):
    expected = fit()
    monkeypatch.setattr(sys, "stderr", STREAMS[name]())
    assert fit(progress=True) == expected


SCRIPT = """
import numpy as np, nn
X = np.ones((4, 1))
model = nn.Dense(1, 1, rng=0)
history = nn.fit(model, X, X, loss="mse", optimizer=nn.SGD(model.parameters(), 0.1), epochs=3)
print(len(history["loss"]), history.stop_reason)
"""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_progress_bar_on_a_full_disk_never_ends_a_training():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=full, text=True
        )
    assert done.stdout == "3 every epoch done\n"


class Raises(nn.Callback):
    def __init__(self, hook, error):
        setattr(self, hook, self.called)
        self.error = error

    def called(self, training):
        if training.epoch == 1:
            raise self.error


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyError("a"), SystemExit(3)])
@pytest.mark.parametrize("hook", ["gradients", "batch_end", "epoch_end"])
def test_what_a_callback_raises_carries_the_history(hook, error):
    with pytest.raises(type(error)) as caught:
        fit(callbacks=[Raises(hook, error)])
    epochs = 2 if hook == "epoch_end" else 1
    assert len(caught.value.history["loss"]) == epochs
    assert caught.value.history.stop_reason == f"ended by {type(error).__name__}"


def test_a_second_ctrl_c_carries_the_history():
    class Twice(nn.Callback):
        def batch_end(self, training):
            if training.epoch == 1:
                for _ in range(2):
                    os.kill(os.getpid(), 2)

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(callbacks=[Twice()])
    assert len(caught.value.history["loss"]) == 1


def test_a_refusal_carries_an_empty_history():
    with pytest.raises(ArgumentError) as caught:
        fit(epochs=0)
    assert caught.value.history == {}


@pytest.mark.parametrize("wrong", [{"lr": 0.1}, {"loss": "no such"}, {"y": None}, {"progress": 1}])
def test_so_does_what_is_raised_before_a_training_begins(wrong):
    with pytest.raises(AutogradError) as caught:
        fit(**wrong)
    assert caught.value.history == {}
    with pytest.raises(TypeError) as missing:
        nn.fit()
    assert missing.value.history == {}


def test_a_checkpoint_on_a_full_disk_carries_the_history(tmp_path, monkeypatch):
    pytest.importorskip("safetensors")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class FillsUp(nn.Callback):
        def epoch_end(self, training):
            if training.epoch == 1:
                monkeypatch.setattr(os, "fsync", full)

    path = tmp_path / "run"
    with pytest.raises(OSError, match="No space left") as caught:
        fit(callbacks=[FillsUp(), nn.Checkpoint(path)])
    assert len(caught.value.history["loss"]) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    monkeypatch.undo()
    assert len(fit(resume_from=path)["loss"]) == 3
