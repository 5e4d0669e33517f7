"""Files that a training goes on from: arrays in safetensors, all else as JSON in its metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.errors import ArgumentError, AutogradError, UnsupportedError, describe_one
from nn.callback_base import Callback, Training
from nn.history import History
from nn.io import DTYPES, FileName, _replace_file, _require_safetensors
from nn.layers import COUNT
from nn.ranges import Range, require

VERSION = 1
"""Of what is in a file; one of another version is refused."""
KEY = "autograd_lite training"
"""Where in the file's metadata the JSON is."""
SEED = Range(lambda x: isinstance(x, int) and x >= 0, "a whole number, 0 or more")
ARRAY = "<array>"
"""The key, in the JSON, of the name of an array."""


class Checkpoint(Callback):
    """Write at the end of epochs all that `nn.fit(..., resume_from=path)` needs to go on.

    That is parameters, buffers, the optimizer's state and hyper-parameters, the generators that
    shuffle and drop, the state of other callbacks, and the history. The file takes the place of an
    older one in one step, so that a crash leaves the older one, and it holds no code.

    Args:
        path: the file's name, usually ending in .safetensors.
        every: epochs from one to the next.

    Raises:
        ArgumentError: `every` is not a whole number of at least 1.
        MissingPackageError: safetensors is not installed.

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

    def __init__(self, path: FileName, every: int = 1) -> None:
        require(self, "every", every, COUNT)
        _require_safetensors(f"Checkpoint in {path}")
        self.path = path
        self.every = every

    def epoch_end(self, training: Training) -> None:
        """Write, if it is time."""
        if (training.epoch + 1) % self.every == 0:
            write(training, self.path)


def write(training: Training, path: FileName) -> None:
    """Write a training whose epoch has just ended.

    Raises:
        UnsupportedError: a callback's state holds what a file cannot.
    """
    import safetensors.numpy

    attempted = f"Checkpoint in {path}"
    arrays: dict[str, Any] = {}
    state = _packed(_state(training), "", arrays, attempted)
    metadata = {KEY: json.dumps({"version": VERSION, **state})}
    _replace_file(path, safetensors.numpy.save(arrays, metadata))


def _state(training: Training) -> dict[str, Any]:
    generators, places = _generators(training)
    return {
        "arguments": training.arguments,
        "history": dict(training.history),
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "generators": [generator.bit_generator.state for generator in generators],
        "places": places,
        "callbacks": [
            {"class": type(callback).__name__, "state": state}
            for callback, state in _with_state(training)
        ],
    }


def _with_state(training: Training) -> list[tuple[Callback, dict[str, Any]]]:
    """The callbacks that have a state, and it."""
    return [
        (callback, callback.state_dict())
        for callback in training.callbacks
        if type(callback).state_dict is not Callback.state_dict
    ]


def _generators(training: Training) -> tuple[list[np.random.Generator], dict[str, int]]:
    """The generators that draw during training, each once, and which of them is in which place."""
    found = {"fit": training.rng}
    for path, module in training.model.named_modules():
        for name, value in module._members():
            if isinstance(value, np.random.Generator):
                found[f"{path}.{name}"] = value
    generators = list(dict.fromkeys(found.values()))
    return generators, {name: generators.index(each) for name, each in found.items()}


# Nested data as JSON and named arrays


def _packed(value: Any, path: str, arrays: dict[str, Any], attempted: str) -> Any:
    """Data for JSON, in which each array is replaced by its name; the arrays are collected."""
    if isinstance(value, np.ndarray) and value.dtype.name in DTYPES.values():
        name = f"{len(arrays)}{path}"
        arrays[name] = np.array(value, order="C")
        return {ARRAY: name}
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
        if value.keys() == {ARRAY}:
            return arrays[value[ARRAY]]
        return {key: _unpacked(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    return value


# Reading


@dataclass(frozen=True)
class SavedRun:
    """What a file says of a training, not yet checked against one that is to go on."""

    path: FileName
    state: dict[str, Any]

    @property
    def split_seed(self) -> int:
        """What shuffled before validation samples were held out."""
        return self.state["arguments"]["split_seed"]  # type: ignore[no-any-return]

    def restore(self, training: Training) -> None:
        """Bring everything that is trained to where it was.

        Raises:
            ArgumentError: the file does not fit; nothing is changed.
        """
        problems = list(self._misfits(training))
        if problems:
            raise ArgumentError(
                f"fit with resume_from={self.path}",
                "; ".join(problems),
                "Build everything as for the run that wrote it, and call fit with the same "
                "arguments, but for epochs; nothing was changed",
            )
        before = _state(training)
        try:
            _load(training, self.state)
        except Exception as error:  # a file can say anything
            _load(training, before)
            reason = ": ".join(error.args[:2]) if isinstance(error, AutogradError) else repr(error)
            raise ArgumentError(
                f"fit with resume_from={self.path}",
                reason,
                "Build everything as for the run that wrote it; nothing was changed",
            ) from error

    def _misfits(self, training: Training) -> Iterator[str]:
        own, saved = training.arguments, self.state["arguments"]
        for name in own:
            if name != "split_seed" and saved.get(name) != own[name]:
                yield f"{name} is {own[name]!r}, and was {saved.get(name)!r}"
        generators, places = _generators(training)
        if self.state["places"] != places or len(self.state["generators"]) != len(generators):
            yield "the model's layers draw from other generators, or share them otherwise"
        arrays = self.state["model"]
        for name, array in training.model.state_dict().items():
            if name in arrays and np.asarray(arrays[name]).dtype != array.dtype:
                yield f"{name} is {array.dtype}, and was {np.asarray(arrays[name]).dtype}"
        classes = [type(callback).__name__ for callback, _ in _with_state(training)]
        saved_classes = [entry["class"] for entry in self.state["callbacks"]]
        if classes != saved_classes:
            given, wanted = (", ".join(names) or "none" for names in (classes, saved_classes))
            yield f"the callbacks with a state are {given}, and were {wanted}"


def _load(training: Training, state: Mapping[str, Any]) -> None:
    training.model.load_state_dict(state["model"])
    training.optimizer.load_state_dict(state["optimizer"])
    for (callback, _), entry in zip(_with_state(training), state["callbacks"]):
        callback.load_state_dict(entry["state"])
    for generator, saved in zip(_generators(training)[0], state["generators"]):
        generator.bit_generator.state = saved
    training.history = History({name: list(values) for name, values in state["history"].items()})
    training.epoch = len(training.history["loss"])


def read(path: FileName) -> SavedRun:
    """Read a file that a `Checkpoint` wrote; nothing in it is executed.

    Raises:
        ArgumentError: it is truncated, or something else wrote it.
        MissingPackageError: safetensors is not installed.
        OSError: it cannot be read.
    """
    attempted = f"fit with resume_from={path}"
    _require_safetensors(attempted)
    import safetensors

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ArgumentError(
            attempted,
            f"it is truncated, or no safetensors file ({error})",
            "Give a file that nn.Checkpoint wrote",
        ) from error
    if text is None:
        raise ArgumentError(
            attempted,
            f"its metadata lacks the entry {KEY!r}",
            "Give a file that nn.Checkpoint wrote; a model alone is read by nn.load",
        )
    try:
        state = _unpacked(json.loads(text), arrays)
        _require_outline(state)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ArgumentError(
            attempted,
            f"the entry {KEY!r} of its metadata is not as nn.Checkpoint writes it: {error!r}",
            "Give a file that was not changed since",
        ) from error
    return SavedRun(path, state)


def _require_outline(state: Any) -> None:
    """Raise unless everything is there, and of the right kind."""
    if state["version"] != VERSION:
        raise ValueError(f"version {state['version']!r} instead of {VERSION}")
    kinds: dict[str, type] = {"generators": list, "callbacks": list}
    kinds |= dict.fromkeys(("arguments", "history", "model", "optimizer", "places"), dict)
    for name, kind in kinds.items():
        if not isinstance(state[name], kind):
            raise TypeError(f"{name} is no {kind.__name__}")
    figures = state["history"].values()
    if len(set(map(len, figures))) != 1:
        raise ValueError("the lists of the history differ in length")
    if not all(isinstance(figure, float) for values in figures for figure in values):
        raise TypeError("the history is not of numbers")
    if not all(entry.keys() == {"class", "state"} for entry in state["callbacks"]):
        raise ValueError("a callback has no class or no state")
    if (
        not isinstance(state["arguments"]["split_seed"], int)
        or state["arguments"]["split_seed"] < 0
    ):
        raise ValueError("split_seed is no seed")
