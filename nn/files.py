"""Models in files: safetensors, with the architecture as JSON in the file's metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar, overload

import numpy as np

from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one, reason_of
from autograd_lite.interruption import whole
from autograd_lite.names import explains_keywords
from autograd_lite.whole_files import FileName, require_place, write_file
from nn.architecture import architecture_of, build
from nn.calls import NAME as HOOKS
from nn.configuration import identity, opened
from nn.members import is_computed
from nn.module import Module, require_model
from nn.random_state import generator, set_state, state_of
from nn.tensor_files import TRAINING, arrays_of, read_tensors, require_file, tensor_file

ModelT = TypeVar("ModelT", bound=Module)

VERSION = 1
"""Of the metadata; a file of another version is refused."""
KEY = "autograd_lite"
"""Where in the file's metadata the JSON is."""
COMPUTED = "computed"
"""What stands for attributes that are no part of a model."""


@explains_keywords
def save(model: Module | Mapping[str, Any], path: FileName) -> None:
    """Write a model to a safetensors file, completely or not at all.

    The file replaces an older one in one step, so a crash leaves the older one, and it gets the
    older one's permissions. A checksum in it tells `load` whether anything was changed since.

    Args:
        model: a module whose class is in `nn` or registered, which `load(path)` rebuilds, with the
            same parameters frozen; or `model.state_dict()` of a model of any class, for `load(path,
            model)`. The training mode, gradients, tensors that `forward` left in attributes, and
            random generators are not saved.
        path: the file's name, usually ending in .safetensors.

    Raises:
        UnsupportedError: a layer is not registered, its configuration does not describe all of it,
            an activation is a function of your own, a dtype cannot be stored in a file, or the path
            is not the name of a file.
        ArgumentError: no file can have that name.
        MissingPackageError: safetensors is not installed.
        FileError: the file cannot be written, or is not a regular file; `MissingFileError`,
            `FolderError` and `FilePermissionError` are more specific, and are Python's errors too.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from nn import Dense, Sequential
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> model = Sequential(Dense(2, 3, activation="relu"), Dense(3, 1))
    >>> save(model, path)
    >>> [name for name, _ in load(path).named_parameters()]
    ['0.weight', '0.bias', '1.weight', '1.bias']
    """
    import json

    if not isinstance(model, Module | Mapping):
        raise UnsupportedError(
            f"nn.save of {describe_one(model)} to {describe_one(path)}",
            "it is neither a module nor a mapping from names to arrays",
            "Write nn.save(model, path)",
        )
    require_file(path, "nn.save to")
    attempted = f"nn.save to {path}"
    require_place(path, attempted)
    entry: dict[str, Any] = {"version": VERSION, "architecture": None}
    if isinstance(model, Module):
        entry["architecture"] = _described(model)
        _require_told(model, entry["architecture"])
        named = model.named_parameters()
        frozen = [name for name, parameter in named if not parameter.requires_grad]
        entry |= {"frozen": frozen} if frozen else {}
        model = model.state_dict()
    write_file(path, tensor_file(arrays_of(model), KEY, json.dumps(entry)), attempted)


@overload
def load(path: FileName) -> Module: ...
@overload
def load(path: FileName, model: ModelT) -> ModelT: ...
@explains_keywords
def load(path: FileName, model: Module | None = None) -> Module:
    """Read a file that `save` wrote, into a new model or a given one, and return the model.

    Nothing in the file is executed, reading takes no more time and memory than a file of its size
    should, and a given model is changed only if everything is right.

    Args:
        path: the file's name.
        model: a model of any class, whose parameters have the names, shapes and dtypes in the file;
            by default the saved model is rebuilt, in training mode, with the same parameters
            frozen.

    Raises:
        ArgumentError: the file is truncated, was changed, was written by something else, or does
            not fit the model.
        UnsupportedError: the path is not the name of a file, or the model not a module.
        MissingPackageError: safetensors is not installed.
        FileError: the file cannot be read, or is not a regular file.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from nn import Dense
    >>> path = Path(tempfile.mkdtemp()) / "weights.safetensors"
    >>> save(Dense(2, 1, rng=0).state_dict(), path)
    >>> model = load(path, Dense(2, 1, rng=1))
    >>> bool((model.weight.data == Dense(2, 1, rng=0).weight.data).all())
    True
    """
    require_file(path, "nn.load from")
    attempted = f"nn.load from {path}"
    if model is not None:
        require_model(model, f"{attempted} into")
    tensors, metadata = read_tensors(path, attempted, "nn.save")
    entry = _entry(metadata, attempted)
    if model is None:
        model = _rebuilt(entry, tensors, attempted)
    expected = model.state_dict()
    problems = [
        f"{name} has dtype {tensors[name].dtype} instead of {array.dtype}"
        for name, array in expected.items()
        if name in tensors and tensors[name].dtype != array.dtype
    ]
    if problems:
        raise ArgumentError(
            attempted, "; ".join(problems), "Convert the model first: model.astype(dtype)"
        )
    try:
        model.load_state_dict(tensors)
    except ArgumentError as error:
        raise ArgumentError(
            attempted,
            error.args[1],
            "Give a model built like the one that was saved; nothing was loaded",
        ) from error
    return model


def _described(model: Module) -> Any:
    try:
        return architecture_of(model)
    except RecursionError as error:
        raise UnsupportedError(
            f"nn.save of {type(model).__name__}",
            "its modules are arguments of each other",
            "Save model.state_dict(), and write nn.load(path, model)",
        ) from error


def _rebuilt(entry: Any, tensors: Mapping[str, Any], attempted: str) -> Module:
    """The module that a file describes, before its tensors are in it."""
    if entry["architecture"] is None:
        raise ArgumentError(
            attempted,
            "it holds the tensors of a model, but not what kind of model",
            "Build the model, and write nn.load(path, model)",
        )
    try:
        model = build(entry["architecture"], sum(array.size for array in tensors.values()))
        parameters = dict(model.named_parameters())
        for name in entry.get("frozen", ()):
            parameters[name].requires_grad = False
    except Exception as error:  # a file can say anything, and each layer refuses in its own way
        raise ArgumentError(
            attempted,
            f"its architecture cannot be built: {reason_of(error)}",
            "Save the model again; its tensors can be had with nn.load(path, model)",
        ) from error
    return model


def _built_again(model: Module, architecture: Any, entries: float) -> Module:
    """What loading would make of a model, where a file has so many numbers; nothing is drawn."""
    default = generator(None, "nn.save")
    state, drawn = np.random.get_state(), state_of(default)
    with whole() as region:
        try:
            with region.opened():
                return build(architecture, entries)
        except Exception as error:  # a constructor of a registered class can do anything
            raise UnsupportedError(
                f"nn.save of {type(model).__name__}",
                f"it cannot be built again from its configuration: {reason_of(error)}",
                "Let each constructor take what its attributes of the same names hold, or save "
                "model.state_dict() and write nn.load(path, model)",
            ) from error
        finally:
            np.random.set_state(state)
            set_state(default, drawn)


def _require_told(model: Module, architecture: Any) -> None:
    """Refuse a model of which something does not follow from its architecture."""
    found = _outline(model)
    rebuilt = _outline(_built_again(model, architecture, math.inf))
    told = {name for name, value in found.items() if value is COMPUTED}
    told |= {name for name in rebuilt | found if rebuilt.get(name) == found.get(name)}
    names = sorted((rebuilt | found).keys() - told)
    if names:
        raise UnsupportedError(
            f"nn.save of {type(model).__name__}",
            f"its configuration alone does not tell {', '.join(names)}: added, changed, or shared "
            "between layers after they were built",
            "Save model.state_dict(), and write nn.load(path, model)",
        )
    _built_again(model, architecture, sum(tensor.size for tensor in model._state().values()))


def _outline(model: Module) -> dict[str, Any]:
    """What tells each attribute of each module, but for the numbers in parameters and buffers."""
    named = dict(model._named(object))
    known = {id(part): f"{type(part)} {name}" for name, part in named.items()}
    for tensor in model._state().values():
        known[id(tensor)] += f" {tensor.dtype} {tensor.shape}"
    found = {}
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute == HOOKS:
                continue
            path = f"{name}.{attribute}" if name else attribute
            parts = [part for _, part in opened([("", value)])]
            if parts and all(map(is_computed, parts)):
                found[path] = COMPUTED
            else:
                attempted = f"nn.save of {type(model).__name__} with {path}"
                found[path] = identity(value, attempted, known)
        found.pop(f"{name}.training" if name else "training", None)
    return found


def _entry(metadata: Mapping[str, str], attempted: str) -> Any:
    """What the metadata says: an architecture, None for tensors alone, and what is frozen."""
    if TRAINING in metadata:
        raise ArgumentError(
            attempted,
            "it holds a training that nn.Checkpoint wrote, and not a model alone",
            "Go on from it, nn.fit(..., resume_from=path), or save the model itself by nn.save",
        )
    if KEY not in metadata:
        raise ArgumentError(
            attempted,
            f"its metadata lacks the entry {KEY!r}: another program wrote it",
            "Give a file that nn.save wrote, or read it with safetensors, and write "
            "model.load_state_dict(arrays)",
        )
    import json

    try:
        content = json.loads(metadata[KEY])
        version, _ = content["version"], content["architecture"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ArgumentError(
            attempted,
            f"the entry {KEY!r} of its metadata is not as nn.save writes it: {error!r}",
            "Save the model again",
        ) from error
    if version != VERSION:
        raise ArgumentError(
            attempted,
            f"its format has version {version!r}, and this library reads version {VERSION}",
            "Read it with the version of the library that wrote it",
        )
    return content
