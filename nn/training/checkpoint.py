"""Files that a training goes on from: arrays in safetensors, all else as JSON in its metadata."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLAG, TEXT, WHOLE, Range
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one, reason_of
from autograd_lite.foreign import beside, is_on_card, on_host
from autograd_lite.whole_files import FileName, require_place, write_file
from nn.declared import Declared, declared
from nn.random_state import Generator, generators, set_state, state_of
from nn.schema import ANYTHING, ARRAY, FLOAT, PLAIN, misfits
from nn.tensor_files import DTYPES, TRAINING, read_tensors, require_file, tensor_file
from nn.training.agreement import (
    FURTHER,
    adopted,
    differences,
    optimizer_states,
    require_adopted,
    require_names,
)
from nn.training.callback import Callback, Training
from nn.training.history import History

_FIELD = re.compile(r"\{\w*(:[^{}]*)?\}")
"""What other libraries put the epoch in the place of."""
VERSION = 4
"""Of what is in a file; one of another version is refused."""
NAME = "<array>"
"""The key, in the JSON, of the name of an array."""

GENERATOR = {"bit_generator": TEXT, "state": {...: ANYTHING}, ...: ANYTHING}
OPTIMIZER = {
    "groups": [{"parameters": COUNT, ...: PLAIN}],
    "state": [{"steps": WHOLE, ...: ARRAY}],
    "steps": WHOLE,
}
STATE = {
    "version": Range(lambda version: version is VERSION, f"version {VERSION}"),
    "arguments": {"split_seed": WHOLE, ...: PLAIN},
    "history": {...: [FLOAT]},
    "model": {...: ARRAY},
    "others": [ARRAY],
    "learned": [FLAG],
    "optimizer": OPTIMIZER,
    "generators": [GENERATOR],
    "places": {...: WHOLE},
    "global": GENERATOR,
    "callbacks": [{"class": TEXT, "state": ANYTHING}],
}
"""What is in a file. What `ANYTHING` stands for is checked by those that it is given to."""


class Checkpoint(Declared, Callback):
    """Write all that `nn.fit(..., resume_from=path)` needs to resume, at the end of epochs.

    These are the parameters, including those that only the optimizer holds, and which of them are
    frozen; buffers; the state and hyper-parameters of optimizers; NumPy generators, namely the one
    that shuffles, those in attributes of modules, and the global one; the state of other callbacks;
    and the history. Not included are what callbacks without a `state_dict` keep, what modules keep
    in other attributes, generators that batches, losses, metrics or callbacks hold, and Python's
    `random`: a run that depends on those does not resume bit for bit.

    The file replaces an older one in one step, so a crash leaves the older one; it contains no
    code.

    Args:
        path: the file's name, usually ending in .safetensors; {fields} in it are not filled in.
        every: epochs from one file to the next.

    Raises:
        ArgumentError: `every` is not a whole number of at least 1, or no file can have that name.
        UnsupportedError: the path is not the name of a file; at the start of training, a callback's
            state holds what a file cannot, or it is not that of `nn.fit`.
        MissingPackageError: safetensors is not installed.
        FileError: at the start of training, the folder does not exist, or what is there is no
            regular file; after an epoch, the file cannot be written.

    >>> import nn, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> X = np.linspace(-1, 1, 32).reshape(32, 1)
    >>> def train(epochs, **options):
    ...     model = nn.Dense(1, 1, rng=0)
    ...     nn.fit(model, X, 2 * X, loss=nn.MSELoss(), epochs=epochs, progress=False, rng=0,
    ...            optimizer=nn.Adam(model.parameters()), **options)
    ...     return model.weight.data
    >>> _ = train(3, callbacks=[Checkpoint(path)])
    >>> bool(train(5, resume_from=path) == train(5))
    True
    """

    path: FileName = declared()
    every: int = declared(COUNT, default=1)

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        require_file(values["path"], "Checkpoint in")
        name = os.path.basename(os.fsdecode(values["path"]))
        if _FIELD.search(name):
            raise ArgumentError(
                f"Checkpoint in {name}",
                "nothing is put in the place of braces: each epoch would take that of the one "
                "before",
                "Give one name for the newest; for one of each write, in a callback of your own, "
                'nn.save(model, f"{epoch}.safetensors")',
            )

    def fit_start(self, training: Training) -> None:
        """Refuse what cannot be written."""
        attempted = f"Checkpoint in {self.path}"
        if not training.arguments:
            raise UnsupportedError(
                f"{attempted} in a loop of one's own",
                "only nn.fit resumes from such a file, by the arguments that it was given",
                "Write the weights, by nn.save(model, path); or give nn.fit the loop's step",
            )
        require_place(self.path, attempted)
        _packed(_state(training), "", {}, attempted)

    def epoch_end(self, training: Training) -> None:
        """Write, if it is time."""
        import json

        if (training.epoch + 1) % self.every == 0:
            arrays: dict[str, Any] = {}
            attempted = f"Checkpoint in {self.path}"
            state = _packed(_state(training), "", arrays, attempted)
            text = json.dumps({"version": VERSION, **state})
            write_file(self.path, tensor_file(arrays, TRAINING, text), attempted)


def _state(training: Training) -> dict[str, Any]:
    """All that a file has of a training."""
    found, places = _generators(training)
    others = _others(training)
    first, *further = [each.state_dict() for each in training.optimizers.values()]
    return {
        "arguments": training.arguments,
        "history": dict(training.history),
        "model": training.model.state_dict(),
        "others": [np.array(on_host(tensor.data)) for tensor in others],
        "learned": [tensor.requires_grad for tensor in [*training.model.parameters(), *others]],
        "optimizer": first,
        **({FURTHER: further} if further else {}),
        "generators": [state_of(generator) for generator in found],
        "places": places,
        "global": dict(np.random.get_state(legacy=False)),
        "callbacks": [
            {"class": type(callback).__name__, "state": callback.state_dict()}
            for callback in _with_state(training)
        ],
    }


def _with_state(training: Training) -> list[Callback]:
    """The callbacks that define a state, by their class or by themselves."""
    inherited = Callback.state_dict
    return [
        each
        for each in training.callbacks
        if each.state_ranges or getattr(each.state_dict, "__func__", None) is not inherited
    ]


def _others(training: Training) -> list[Tensor]:
    """The parameters that optimizers hold and the model lacks."""
    own = set(training.model.parameters())
    held = [each for optimizer in training.optimizers.values() for each in optimizer.parameters]
    return [tensor for tensor in dict.fromkeys(held) if tensor not in own]


def _generators(training: Training) -> tuple[list[Generator], dict[str, int]]:
    """The generators that draw during training, each once, and which of them is in which place."""
    places = {"": training.rng, **generators(training.model)}
    found = list(dict.fromkeys(places.values()))
    return found, {name: found.index(each) for name, each in places.items()}


# Nested data as JSON and named arrays


def _packed(value: Any, path: str, arrays: dict[str, Any], attempted: str) -> Any:
    """Data for JSON, in which each array is replaced by its name; the arrays are collected."""
    value = on_host(value) if is_on_card(value) else value
    if isinstance(value, np.ndarray) and value.dtype.name in DTYPES.values():
        name = f"{len(arrays)}{path}"
        arrays[name] = np.array(value, order="C")
        return {NAME: name}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        items = value.items()
        return {key: _packed(item, f"{path}.{key}", arrays, attempted) for key, item in items}
    if isinstance(value, list | tuple):
        entries = enumerate(value)
        return [_packed(item, f"{path}.{index}", arrays, attempted) for index, item in entries]
    if isinstance(value, np.generic) and value.dtype.kind in "fiub":
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UnsupportedError(
        attempted,
        f"{path.removeprefix('.')} is {describe_one(value)}, of {type(value).__name__}",
        "A state_dict() may hold numbers, text, lists, dicts by text, and arrays of dtypes "
        f"{', '.join(DTYPES.values())}",
    )


def _unpacked(value: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {NAME}:
            return arrays[value[NAME]]
        return {key: _unpacked(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    return value


# Reading


@contextmanager
def restored(
    training: Training, state: Mapping[str, Any], may_differ: Collection[str]
) -> Iterator[None]:
    """Bring everything that is trained to where it was, and back if an error comes up inside.

    Raises an ArgumentError if the state does not fit; nothing is changed then.
    """
    attempted = f"fit with resume_from={state['path']}"
    require_names(may_differ, {**training.arguments, **state["arguments"]})
    before = copy.deepcopy(_state(training))
    if problems := list(_misfits(training, before, state, may_differ)):
        raise ArgumentError(
            attempted,
            "; ".join(problems),
            "Build everything as for the run that wrote it, and call fit with the same "
            "arguments, but for epochs, or name in may_differ what may differ; nothing was changed",
        )
    kept = {name: each for name, each in state["arguments"].items() if name not in may_differ}
    try:
        try:
            _load(training, state, may_differ)
            for optimizer, own in zip(training.optimizers.values(), optimizer_states(before)):
                require_adopted(own, optimizer, may_differ)
        except Exception as error:  # a file can say anything
            remedy = "Build everything as for the run that wrote it; nothing was changed"
            raise ArgumentError(attempted, reason_of(error), remedy) from error
        training.arguments.update(kept)
        yield
    except BaseException:
        _load(training, before)
        raise


def _misfits(
    training: Training,
    own: Mapping[str, Any],
    state: Mapping[str, Any],
    may_differ: Collection[str],
) -> Iterator[str]:
    """What keeps a training with a state of its own from going on from a file, in words."""
    yield from differences(training.arguments, training.optimizers, state, may_differ)
    figures, saved = list(own["history"]), list(state["history"])
    if figures != (saved[: len(figures)] if training.reserved else saved):
        yield f"the figures are {', '.join(figures)}, and were {', '.join(saved)}"
    done = max(map(len, state["history"].values()), default=0)
    if done > training.epochs:
        yield f"epochs is {training.epochs}, and {done} were done"
    wanted = _shared(state)
    for name, value in _shared(own).items():
        if wanted.get(name, value) != value:
            yield f"{name} is {value}, and was {wanted[name]}"


def _shared(state: Mapping[str, Any]) -> dict[str, Any]:
    """What two states have to have in common, by what it is called."""
    others = [f"{array.dtype} {array.shape}" for array in state["others"]]
    return {
        "the number of optimizers": len(optimizer_states(state)),
        "the number of generators": len(state["generators"]),
        "which generator the model's layers draw from": state["places"],
        "the number of parameters": len(state["learned"]),
        "what the optimizer holds and the model lacks": others,
        "the list of callbacks with a state": [entry["class"] for entry in state["callbacks"]],
        **{name: array.dtype for name, array in state["model"].items()},
    }


def _load(training: Training, state: Mapping[str, Any], may_differ: Collection[str] = ()) -> None:
    """Bring a training to what a file has of it."""
    others = _others(training)
    training.model.load_state_dict(state["model"])
    for tensor, array in zip(others, state["others"]):
        tensor.data = beside(np.array(array), tensor)
    for tensor, learned in zip([*training.model.parameters(), *others], state["learned"]):
        tensor.requires_grad = learned
    for optimizer, own in zip(training.optimizers.values(), optimizer_states(state)):
        optimizer.load_state_dict(adopted(optimizer, own, may_differ))
    for callback, entry in zip(_with_state(training), state["callbacks"]):
        callback.load_state_dict(entry["state"])
    for generator, saved in zip(_generators(training)[0], state["generators"]):
        set_state(generator, saved)
    set_state(None, state["global"])
    training.history = History({name: list(values) for name, values in state["history"].items()})
    training.epoch = len(training.history["running_loss"])


def read(path: FileName) -> dict[str, Any]:
    """The state in a file that a `Checkpoint` wrote, with its path; nothing in it is executed.

    Raises an ArgumentError if the file is truncated, or something else wrote it.
    """
    import json

    require_file(path, "fit with resume_from")
    attempted = f"fit with resume_from={path}"
    arrays, metadata = read_tensors(path, attempted, "nn.Checkpoint")
    if TRAINING not in metadata:
        raise ArgumentError(
            attempted,
            f"its metadata lacks the entry {TRAINING!r}",
            "Give a file that nn.Checkpoint wrote; a model alone is read by nn.load",
        )
    try:
        state: dict[str, Any] = _unpacked(json.loads(metadata[TRAINING]), arrays)
        schema = STATE | ({FURTHER: [OPTIMIZER]} if FURTHER in state else {})
        problems = list(misfits(state, schema))
        if not problems and len(set(map(len, state["history"].values()))) != 1:
            problems = ["the lists of the history differ in length"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        state, problems = {}, [repr(error)]
    if problems:
        raise ArgumentError(
            attempted,
            f"the entry {TRAINING!r} of its metadata is not as nn.Checkpoint writes it: "
            + "; ".join(problems[:5]),
            "Give a file that was not changed since",
        )
    return {**state, "path": path}
