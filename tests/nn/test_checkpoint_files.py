"""Checkpoint: when files are written, and which are refused."""

import json
import os
import sys

import numpy as np
import pytest
from looping import looped
from resumed_runs import (
    Run,
    dropped,
    interrupted,
    watching,
)
from training_runs import X, Y, assert_same, hook, line, parameters

import nn
from autograd_lite import AutogradError
from autograd_lite.errors import ArgumentError, UnsupportedError

WATCHED = {"callbacks": watching, "validation": (X[:5], Y[:5])}

safetensors_numpy = pytest.importorskip("safetensors.numpy")


def test_every_says_after_which_epochs_a_file_is_written(tmp_path):
    path = tmp_path / "run.safetensors"
    lengths = []

    def note(training):
        lengths.append(len(saved(path)["history"]["loss"]) if path.exists() else 0)

    Run().fit(nn.Checkpoint(path, every=3), hook("fit_end", note))
    assert lengths == [6]
    assert os.listdir(tmp_path) == ["run.safetensors"]
    for every in (0, 1.5, "2"):
        with pytest.raises(ArgumentError):
            nn.Checkpoint(path, every=every)


@pytest.mark.parametrize("name", ["{epoch}.st", "{epoch:02d}-{val_loss:.2f}.st", "run{}.st"])
def test_a_name_with_fields_that_nothing_fills_in_is_refused(name, tmp_path):
    for path in (tmp_path / name, str(tmp_path / name)):
        with pytest.raises(ArgumentError, match=r"place of braces.*nn.save\(model, f\"{epoch}"):
            nn.Checkpoint(path)
    (tmp_path / "{runs}").mkdir()
    Run().fit(nn.Checkpoint(tmp_path / "{runs}" / "run{.safetensors"), epochs=1)
    assert os.listdir(tmp_path / "{runs}") == ["run{.safetensors"]


def test_it_saves_what_callbacks_after_it_in_the_list_have_done(tmp_path):
    path = tmp_path / "run.safetensors"
    run = Run(callbacks=lambda o: [nn.Checkpoint(path), nn.LRSchedule(nn.StepDecay(o, every=1))])
    run.fit(epochs=1)
    assert run.optimizer.learning_rate == pytest.approx(0.001)
    assert saved(path)["optimizer"]["groups"][0]["learning_rate"] == run.optimizer.learning_rate


def test_a_crash_while_writing_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    Run().fit(nn.Checkpoint(path), epochs=2)
    before = path.read_bytes()

    def crash(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        Run().fit(nn.Checkpoint(path), epochs=1)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.safetensors"]


def saved(path):
    """The JSON in a file."""
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"]["autograd_lite training"])


def tamper(path, change):
    state = saved(path)
    change(state)
    arrays = safetensors_numpy.load(path.read_bytes())
    metadata = {"autograd_lite training": json.dumps(state)}
    path.write_bytes(safetensors_numpy.save(arrays, metadata))


def assert_refused(path, run=None, error=ArgumentError, match=None):
    """Nothing is changed: parameters, buffers, optimizer, generators, callbacks."""
    run = run or Run()
    before = (
        run.model.state_dict(),
        run.optimizer.state_dict(),
        run.rng.bit_generator.state,
        [callback.state_dict() for callback in run.callbacks],
    )
    with pytest.raises(error, match=match):
        run.fit(resume_from=path)
    assert_same(run.model.state_dict().values(), before[0].values())
    state = run.optimizer.state_dict()
    assert state["groups"] == before[1]["groups"]
    for entry, entry_before in zip(state["state"], before[1]["state"], strict=True):
        assert entry.pop("steps") == entry_before.pop("steps")
        assert_same(entry.values(), entry_before.values())
    assert run.rng.bit_generator.state == before[2]
    assert [callback.state_dict() for callback in run.callbacks] == before[3]


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    assert_refused(tmp_path / "nothing.safetensors", error=FileNotFoundError)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """What is in the file of an interrupted run, and in that of one with callbacks."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return [interrupted(folder, 2, **options).read_bytes() for options in ({}, WATCHED)]


@pytest.fixture
def path(tmp_path, checkpoints):
    """The file of an interrupted run."""
    path = tmp_path / "run.safetensors"
    path.write_bytes(checkpoints[0])
    return path


@pytest.mark.parametrize("length", [0, 4, 100, -1, -200])
def test_a_truncated_file_is_refused(path, length):
    path.write_bytes(path.read_bytes()[:length])
    assert_refused(path, match="truncated")


def test_files_of_something_else_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    nn.save(dropped(), path)
    assert_refused(path, match=r"nn\.load")
    path.write_bytes(b"no file at all")
    assert_refused(path)


def entry(*keys, value):
    """A change of what is found by some keys."""

    def change(state):
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = value

    return change


TAMPERED = {
    "version": entry("version", value=1),
    "no history": lambda state: state.pop("history"),
    "history": entry("history", value=[1]),
    "a shorter list": lambda state: state["history"]["loss"].pop(),
    "other figures": entry("history", "more", value=[1.0]),
    "text in the history": entry("history", "loss", value=["a", "b"]),
    "no array": entry("model", "0.weight", value=None),
    "an array that is not there": entry("model", "0.weight", value={"<array>": "9"}),
    "an array for another": lambda state: state["model"].update(
        {"0.weight": state["model"]["0.bias"]}
    ),
    "optimizer": entry("optimizer", value={}),
    "steps": entry("optimizer", "state", 0, "steps", value=-1),
    "absurd steps": entry("optimizer", "state", 0, "steps", value=10**400),
    "steps that no float counts": entry("optimizer", "state", 0, "steps", value=2**53 + 1),
    "absurd steps of a schedule": entry("callbacks", 2, "state", "steps", value=10**400),
    "learned": entry("learned", value=[True]),
    "learned otherwise": entry("learned", 0, value=1),
    "others": entry("others", value=[1.0]),
    "global generator": entry("global", value={}),
    "learning rate": entry("optimizer", "groups", 0, "learning_rate", value="fast"),
    "generator": entry("generators", 0, "state", "state", value=-1),
    "kind of generator": entry("generators", 0, "bit_generator", value="MT19937"),
    "fewer generators": lambda state: state["generators"].pop(),
    "no place": entry("places", value={}),
    "callbacks": entry("callbacks", value=[{"state": {}}]),
    "callback": entry("callbacks", 0, value={"class": "GradientMonitor", "state": {"norms": 1}}),
    "stopping": entry("callbacks", 1, "state", "waited", value="long"),
    "best weights": entry("callbacks", 1, "state", "best_weights", value={"0.weight": [1.0]}),
    "schedule": entry("callbacks", 2, "state", "steps", value=-1),
    "arguments": entry("arguments", value={}),
    "seed": entry("arguments", "split_seed", value=-1),
    "batch size": entry("arguments", "batch_size", value=5),
    "more": entry("more", value=1),
    "an array for a number": entry("arguments", "samples", value={"<array>": "0.model.0.weight"}),
    "an array for text": entry("callbacks", 0, "class", value={"<array>": "0.model.0.weight"}),
    "a number for text": entry("callbacks", 0, "class", value=1),
    "no figures": lambda state: state["history"].pop("running_loss"),
    "steps that are text": entry("optimizer", "steps", value="many"),
    "norms of others": entry("callbacks", 0, "state", "norms", value={"weight": [1.0, 1.0]}),
    "norms of nothing": entry("callbacks", 0, "state", "norms", value={}),
    "weights of others": entry("callbacks", 1, "state", "best_weights", value={}),
    "a negative epoch": entry("callbacks", 1, "state", "best_epoch", value=-1),
    # NumPy takes the next two as they are, and reads where they say, outside of its memory.
    "a position": entry("global", "state", "pos", value=2**31 - 1),
    "a negative position": entry("global", "state", "pos", value=-(2**30)),
    "a position that is none": entry("global", "state", "pos", value=True),
    "not a dict": lambda state: state.update({"model": []}),
}


def test_what_differs_in_a_file_is_named_by_its_key(tmp_path):
    path = interrupted(tmp_path, 2)
    tamper(path, entry("optimizer", "groups", 0, "parameters", value="a"))
    assert_refused(path, match=r"optimizer\.groups\.0\.parameters is 'a' instead of a whole number")
    tamper(path, entry("places", value={"1.rng": -1}))
    assert_refused(path, match=r"places\.1\.rng is -1 instead of")


@looped("change", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_file_is_refused_and_nothing_is_changed(path, checkpoints, change):
    path.write_bytes(checkpoints[1])
    tamper(path, change)
    assert_refused(path, Run(**WATCHED))


OTHERS = {
    "optimizer": {"optimizer": "momentum"},
    "groups": {"optimizer": "Adam with groups"},
    "model": {"model": line},
    "dtype": {"model": lambda: dropped(np.float32)},
    "metrics": {"metrics": {"accuracy": nn.accuracy}},
    "validation": {"validation": (X, Y)},
    "fewer samples": {"X": X[:8], "y": Y[:8]},
    "callbacks": {"callbacks": lambda o: [nn.EarlyStopping(monitor="loss")]},
}


@pytest.mark.parametrize("options", OTHERS.values(), ids=OTHERS)
def test_a_run_that_was_made_otherwise_is_refused_and_nothing_is_changed(path, options):
    assert_refused(path, Run(**options))


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F8_E5M2"])
def test_a_dtype_that_numpy_lacks_is_refused(path, dtype):
    arrays = {"w": {"dtype": dtype, "shape": [2], "data_offsets": [0, 4 if dtype == "BF16" else 2]}}
    header = json.dumps({"__metadata__": {"autograd_lite training": "{}"}, **arrays}).encode()
    path.write_bytes(
        len(header).to_bytes(8, "little") + header + bytes(4 if dtype == "BF16" else 2)
    )
    assert_refused(path, match=rf"w \({dtype}\)")


def test_a_run_that_is_refused_at_its_start_is_as_before(tmp_path):
    options = {"callbacks": watching, "validation": (X[:5], Y[:5])}
    path = interrupted(tmp_path, 2, **options)

    class Scribbling(nn.Callback):
        def fit_start(self, training):
            assert training.epoch == 2
            training.model.layers[0].weight.requires_grad = False
            np.random.normal()
            raise ZeroDivisionError

    def callbacks(optimizer):
        return [*watching(optimizer), Scribbling()]

    np.random.seed(5)
    expected = np.random.RandomState(5).normal()
    run = Run(callbacks=callbacks, validation=(X[:5], Y[:5]))
    assert_refused(path, run, error=ZeroDivisionError)
    assert run.model.layers[0].weight.requires_grad
    assert np.random.normal() == expected


def test_a_run_without_its_validation_samples_is_refused_and_as_before(tmp_path):
    figure = {"callbacks": lambda o: [nn.EarlyStopping(monitor="validation_loss")]}
    path = interrupted(tmp_path, 2, callbacks=lambda o: [nn.EarlyStopping(monitor="loss")])
    assert_refused(path, Run(**figure), match="validation_loss")


def test_what_a_file_cannot_hold_is_refused_by_name(tmp_path):
    class Bad(nn.Callback):
        def state_dict(self):
            return {"function": print}

    path = tmp_path / "run.safetensors"
    with pytest.raises(UnsupportedError, match=r"callbacks\.0\.state\.function"):
        Run().fit(nn.Checkpoint(path), Bad())
    assert os.listdir(tmp_path) == []


def test_other_arguments_that_are_wrong_change_nothing_when_resuming(tmp_path):
    path = interrupted(tmp_path, 2)
    run = Run(sample_weight=np.zeros(12))
    before = parameters(run.model)
    with pytest.raises(AutogradError):
        run.fit(resume_from=path)
    assert_same(parameters(run.model), before)


def test_without_safetensors_the_error_says_what_to_install(tmp_path, monkeypatch):
    path = interrupted(tmp_path, 2)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match="pip install"):
        nn.Checkpoint(tmp_path / "other.safetensors")
    assert_refused(path, error=ImportError, match="pip install")


def test_in_a_loop_of_ones_own_no_file_is_written_that_nothing_could_go_on_from(tmp_path):
    model, path = line(), tmp_path / "run.safetensors"
    optimizer = nn.SGD(model.parameters(), 0.1)
    training = nn.Training(model, optimizer, np.random.default_rng(0), nn.History(), epochs=1)
    with pytest.raises(UnsupportedError, match=r"only nn\.fit resumes.*nn\.save\(model, path\)"):
        nn.Checkpoint(path).fit_start(training)
    assert not path.exists()
