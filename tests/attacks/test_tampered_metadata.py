"""Metadata that was changed at each of its keys, in files whose checksum is right."""

import copy
import json
import warnings
from functools import partial

import pytest
from attacking import Run, described, small, tally, write_checkpoint, write_model

import nn
from nn.architecture import architecture_of
from nn.tensor_files import TRAINING, read_tensors, tensor_file

VALUES = [
    None, True, False, -1, 0, 1, 3, 0.5, 2**63, 10**400, 1e308, float("nan"), float("inf"),
    "", "a", "\0", "float32", [], {}, [[]], [None], [1, 2], {"a": 1}, {"repeats": 0},
    {"class": "ReLU"}, {"class": "Module"}, {"function": "tanh"}, {"dtype": "float32"},
    {"dtype": "object"}, {"tuple": [1, 2]}, {"dict": {"a": 1}}, {"<array>": "no"},
    {"<array>": "0.model.0.weight"}, {"<array>": 3}, {"<array>": []},
]  # fmt: skip


def set_to(value):
    def change(holder, key):
        holder[key] = value

    return change


def left_out(holder, key):
    holder.pop(key)


def doubled(holder, key):
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    else:
        holder[key + "x"] = copy.deepcopy(holder[key])


CHANGES = [left_out, doubled, *map(set_to, VALUES)]


def places(value, place=()):
    """Where something is in nested data."""
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, dict | list):
            yield from places(item, (*place, key))
        else:
            yield (*place, key)


def tampered(data, step):
    """Copies of data, each changed at one place, and what was changed; each `step`-th."""
    changes = [(place, number) for place in places(data) for number in range(len(CHANGES))]
    for place, number in changes[::step]:
        changed = copy.deepcopy(data)
        holder = changed
        for key in place[:-1]:
            holder = holder[key]
        CHANGES[number](holder, place[-1])
        yield f"{'.'.join(map(str, place))}, change {number}", changed


def steps(every, some):
    return [pytest.param(every, marks=pytest.mark.exhaustive, id="all"),
            pytest.param(some, id="some")]  # fmt: skip


@pytest.mark.parametrize("step", steps(1, 59))
def test_a_description_of_a_model_is_refused_or_is_that_of_what_is_built(tmp_path, step):
    path = tmp_path / "file"
    write_model(path)
    arrays, _ = read_tensors(path, "test", "test")
    with tally("models tampered with") as attempts:
        for name, architecture in tampered(architecture_of(small()), step):
            path.write_bytes(described(architecture, **arrays))
            size = path.stat().st_size

            def is_right(model, architecture=architecture):
                return (
                    architecture_of(model) == architecture
                    and model.state_dict().keys() == arrays.keys()
                )

            attempts.attempt(name, lambda: nn.load(path), size, is_right)


@pytest.mark.parametrize("step", steps(13, 601))  # each value at some places, some at each place
def test_a_state_of_a_training_is_refused_and_nothing_changed_or_goes_on(tmp_path, step):
    path = tmp_path / "file"
    write_checkpoint(path)
    arrays, metadata = read_tensors(path, "test", "test")
    state = json.loads(metadata[TRAINING])
    with tally("checkpoints tampered with", memory=False) as attempts, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that are too large to learn
        for name, changed in tampered(state, step):
            path.write_bytes(tensor_file(arrays, TRAINING, json.dumps(changed)))
            size, run = path.stat().st_size, Run()
            before = run.state()
            going_on = partial(run.fit, epochs=3, resume_from=path)
            outcome = attempts.attempt(name, going_on, size)
            if outcome == "refused" and run.state() != before:
                if "in epoch" not in attempts.words:  # a training that went on, to NaN
                    attempts.bad.append(f"{name}: refused, and changed")
