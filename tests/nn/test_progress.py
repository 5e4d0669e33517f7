"""How far a training is: on a terminal, into a file or a pipe, in a notebook, in tests."""

import os
import pty
import subprocess
import sys
import termios
import types

import pytest
from training_runs import fit, line

import nn
from autograd_lite.errors import ArgumentError

SCRIPT = """
import os
import numpy as np, nn
X = np.linspace(-1, 1, 40).reshape(40, 1)
model = nn.Dense(1, 1, rng=0)
class Stop(nn.Callback):
    def batch_end(self, training):
        if (training.epoch, training.batch) == (2, 3):
            os.kill(os.getpid(), 2)
history = nn.fit(
    model, X, X, loss="mse", optimizer=nn.SGD(model.parameters(), 0.1), epochs=4, batch_size=4,
    callbacks=[Stop(), nn.EarlyStopping(monitor="loss")],
)
"""
KEPT = (
    "fit: interrupted in epoch 3, batch 4; the weights are the best ones, those of epoch 2, with "
    "the figures of 2 epochs"
)


def ran(stderr, script=SCRIPT):
    return subprocess.run([sys.executable, "-c", script], stderr=stderr, text=True, timeout=60)


def test_into_a_pipe_one_line_goes_an_epoch_and_one_says_what_ctrl_c_left(tmp_path):
    lines = ran(subprocess.PIPE).stderr.splitlines()
    assert [each.split(":")[0] for each in lines] == ["epoch 1/4", "epoch 2/4", "fit"]
    assert all("running_loss" in each for each in lines[:2])
    assert lines[2] == KEPT


def test_on_a_terminal_it_goes_by_batches_with_the_time_left():
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 200))
    ran(theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # as Linux says the end
        pass
    os.close(ours)
    text = shown.decode()
    assert "/40 [" in text
    assert "<" in text
    assert "batch/s" in text
    assert "epoch 3/4" in text
    assert KEPT in text


def test_it_is_silent_in_tests_unless_it_is_asked_for(capsys):
    model = line()
    optimizer = nn.SGD(model.parameters(), 0.1)
    given = {"loss": "mse", "optimizer": optimizer, "epochs": 2}
    nn.fit(model, [[0.0, 1.0, 2.0]], [[1.0]], **given)
    assert capsys.readouterr() == ("", "")
    fit(line(), progress=True)
    assert "running_loss" in capsys.readouterr().err


def test_in_a_notebook_it_is_what_tqdm_takes_for_one(monkeypatch):
    made = []

    class Widget:
        def __init__(self, **options):
            made.append(options)
            self.n = 0

        def update(self, n=1):
            self.n += n

        def set_description_str(self, text, refresh):
            self.description = text

        def set_postfix_str(self, text, refresh):
            self.postfix = text

        def close(self):
            made.append((self.n, self.description, self.postfix))

    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr("tqdm.auto.tqdm", Widget)
    history = fit(line(), progress=True, epochs=3)
    assert made == [{"total": 9, "unit": "batch"}, (9, "epoch 3/3", str(history))]


def test_what_is_no_way_to_show_it_is_refused():
    with pytest.raises(ArgumentError, match="progress='yes'"):
        fit(line(), progress="yes")
    with pytest.raises(ArgumentError, match="epochs=0"):
        nn.ProgressBar(0)


def test_texts_show_arguments_and_what_is_frozen():
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.Dense(4, 1, rng=1))
    for each in model[0].parameters():
        each.requires_grad = False
    assert repr(model).splitlines() == [
        "Sequential(",
        "  0: Dense(3, 4)  # 16 parameters, frozen",
        "  1: Dense(4, 1)  # 5 parameters",
        ")  # 21 parameters, 16 of them frozen",
    ]
    assert repr(nn.SGD(model.parameters(), 0.1)).endswith(")  # 2 frozen")
    assert repr(nn.Checkpoint("a.safetensors")) == "Checkpoint(path='a.safetensors', every=1)"
    assert repr(nn.GradientMonitor()) == "GradientMonitor()"
    assert repr(nn.CSVLog("a.csv")) == "CSVLog(path='a.csv')"
