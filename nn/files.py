"""Models in files: safetensors, with the architecture as JSON in the file's metadata.

What a file says is data: layers are looked up in the table here, and nothing is imported or
executed on its behalf.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import as_array, require_path
from autograd_lite.errors import (
    ArgumentError,
    AutogradError,
    MissingPackageError,
    UnsupportedError,
    describe_one,
)
from nn.layers.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    Activation,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Swish,
    Tanh,
)
from nn.layers.containers import Residual, Sequential
from nn.layers.dense import Dense
from nn.layers.dropout import Dropout
from nn.layers.flatten import Flatten
from nn.layers.normalization import BatchNorm1d, LayerNorm
from nn.module import Module, require_model

ModelT = TypeVar("ModelT", bound=Module)
FileName = str | os.PathLike[str]

VERSION = 1
"""Of the metadata; a file of another version is refused."""
KEY = "autograd_lite"
"""Where in the file's metadata the JSON is."""
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
"""NumPy's names of the dtypes that a file can hold, by those of safetensors."""

ARGUMENTS: dict[type[Module], Callable[[Any], dict[str, Any]]] = {
    Sequential: lambda model: {},
    Residual: lambda model: {},
    Dense: lambda layer: {
        "in_features": layer.weight.shape[0],
        "out_features": layer.weight.shape[1],
        "activation": _activation_name(layer.activation),
        "bias": layer.bias is not None,
        "weight_init": "zeros",  # the weights themselves are among the tensors
        "dtype": layer.weight.dtype.name,
    },
    Dropout: lambda layer: {"p": float(layer.p)},
    Flatten: lambda layer: {},
    BatchNorm1d: lambda layer: {
        "num_features": layer.weight.shape[0],
        "epsilon": float(layer.epsilon),
        "momentum": float(layer.momentum),
        "dtype": layer.weight.dtype.name,
    },
    LayerNorm: lambda layer: {
        "normalized_shape": list(layer.weight.shape),
        "epsilon": float(layer.epsilon),
        "dtype": layer.weight.dtype.name,
    },
    ReLU: lambda layer: {},
    LeakyReLU: lambda layer: {"negative_slope": float(layer.negative_slope)},
    ELU: lambda layer: {"alpha": float(layer.alpha)},
    Sigmoid: lambda layer: {},
    Tanh: lambda layer: {},
    Swish: lambda layer: {},
    GELU: lambda layer: {},
    Softplus: lambda layer: {},
    Softmax: lambda layer: {"axis": int(layer.axis)},
    LogSoftmax: lambda layer: {"axis": int(layer.axis)},
}
"""The layers that can be rebuilt, and the keywords that rebuild one.

The modules inside of one are its positional arguments."""
SIZES = ("in_features", "out_features", "num_features", "normalized_shape")
"""The keywords whose product is the number of entries of a layer's largest tensor."""
LAYERS = {layer.__name__: layer for layer in ARGUMENTS}


def save(model: Module | Mapping[str, Any], path: FileName) -> None:
    """Write a model to a safetensors file, whole or not at all.

    The file takes the place of an older one in one step, so that a crash leaves the older one.

    Args:
        model: a module that `nn` has, with all that is inside of it, which `load(path)` builds
            again; or `model.state_dict()` of a model of any class, for `load(path, model)`. The
            training mode, gradients, and generators of random numbers are not saved.
        path: the file's name, usually ending in .safetensors.

    Raises:
        UnsupportedError: a layer or an activation in the model is not one that `nn` has, a dtype
            is none that a file can hold, or the path is no name of a file.
        MissingPackageError: safetensors is not installed.
        OSError: the file cannot be written.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> model = Sequential(Dense(2, 3, activation="relu"), Dense(3, 1))
    >>> save(model, path)
    >>> [name for name, _ in load(path).named_parameters()]
    ['0.weight', '0.bias', '1.weight', '1.bias']
    """
    if not isinstance(model, Module | Mapping):
        raise UnsupportedError(
            f"nn.save of {describe_one(model)} to {describe_one(path)}",
            "it is neither a module nor a mapping from names to arrays",
            "Write nn.save(model, path)",
        )
    require_path(path, "nn.save to")
    require_safetensors(f"nn.save to {path}")
    import safetensors.numpy

    architecture = None
    if isinstance(model, Module):
        architecture = _described(model, {})
        model = model.state_dict()
        _require_same_tensors(_built(architecture, []), model)
    metadata = {KEY: json.dumps({"version": VERSION, "architecture": architecture})}
    replace_file(path, safetensors.numpy.save(_arrays(model), metadata))


@overload
def load(path: FileName) -> Module: ...
@overload
def load(path: FileName, model: ModelT) -> ModelT: ...
def load(path: FileName, model: Module | None = None) -> Module:
    """Read a file that `save` wrote, into a new model or a given one, and return the model.

    Nothing in the file is executed, and a given model is changed only when all is right.

    Args:
        path: the file's name.
        model: of any class, whose parameters have the names, shapes and dtypes in the file; by
            default the model that was saved is built again, in training mode.

    Raises:
        ArgumentError: the file is truncated or was written by something else, or does not fit
            the model.
        UnsupportedError: the path is no name of a file, or the model no module.
        MissingPackageError: safetensors is not installed.
        OSError: the file cannot be read.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights.safetensors"
    >>> save(Dense(2, 1, rng=0).state_dict(), path)
    >>> model = load(path, Dense(2, 1, rng=1))
    >>> bool((model.weight.data == Dense(2, 1, rng=0).weight.data).all())
    True
    """
    require_path(path, "nn.load from")
    attempted = f"nn.load from {path}"
    if model is not None:
        require_model(model, f"{attempted} into")
    require_safetensors(attempted)
    tensors, metadata = read_tensors(path, attempted, "nn.save")
    architecture = _architecture(metadata, attempted)
    if model is None:
        model = _rebuilt(architecture, tensors, attempted)
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


def require_safetensors(attempted: str) -> None:
    """Raise a MissingPackageError unless safetensors is installed."""
    try:
        import safetensors  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            attempted, "safetensors is not installed", "Run: pip install 'autograd-lite[io]'"
        ) from error


def _activation_name(activation: Activation | None) -> str | None:
    if activation is None:
        return None
    for name, function in ACTIVATIONS.items():
        if function is activation:
            return name
    raise UnsupportedError(
        f"nn.save of a layer with activation {activation!r}",
        "a file holds no code, so that a function of one's own cannot be built again",
        f"Use one of {', '.join(ACTIVATIONS)}, or save model.state_dict() and write "
        "nn.load(path, model)",
    )


def _described(module: Module, seen: dict[Module, int]) -> dict[str, Any]:
    """What `_built` needs; a module that occurs again is the number of its first occurrence."""
    if module in seen:
        return {"repeats": seen[module]}
    if type(module) not in ARGUMENTS:
        raise UnsupportedError(
            f"nn.save of {type(module).__name__}",
            "a file holds no code, so that a class of one's own cannot be built again",
            "Save model.state_dict(), and write nn.load(path, model)",
        )
    description = {"class": type(module).__name__, **ARGUMENTS[type(module)](module)}
    layers = [_described(child, seen) for _, child in module.children()]
    if layers:
        description["layers"] = layers
    seen[module] = len(seen)
    return description


def _built(description: Any, built: list[Module], entries: float = math.inf) -> Module:
    """The module that was described; layers that could not fit `entries` numbers are refused.

    Any exception may come of a description that `_described` did not make.
    """
    if "repeats" in description:
        return built[description["repeats"]]  # type: ignore[no-any-return]
    arguments = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in description.items()
    }
    name = arguments.pop("class")
    if name not in LAYERS:
        raise ValueError(f"there is no layer {name!r} in nn")
    layers = [_built(layer, built, entries) for layer in arguments.pop("layers", ())]
    sizes = [arguments[key] for key in SIZES if key in arguments]
    if sizes and np.prod(np.concatenate(sizes, axis=None), dtype=float) > entries:
        raise ValueError(f"{name} is larger than the file")  # before it fills the memory
    built.append(LAYERS[name](*layers, **arguments))
    return built[-1]


def _rebuilt(architecture: Any, tensors: Mapping[str, Any], attempted: str) -> Module:
    """The module that a file describes, before its tensors are in it."""
    if architecture is None:
        raise ArgumentError(
            attempted,
            "it holds the tensors of a model, but not what kind of model",
            "Build the model, and write nn.load(path, model)",
        )
    try:
        model = _built(architecture, [], sum(array.size for array in tensors.values()))
        agrees = _described(model, {}) == architecture
        reason = "it is not as nn.save writes it"
    except Exception as error:  # a file can say anything, and each layer refuses in its own way
        agrees = False
        reason = ": ".join(error.args[:2]) if isinstance(error, AutogradError) else repr(error)
    if not agrees:
        raise ArgumentError(
            attempted,
            f"its architecture cannot be built: {reason}",
            "Save the model again; its tensors can be had with nn.load(path, model)",
        )
    return model


def _require_same_tensors(rebuilt: Module, state: Mapping[str, Any]) -> None:
    """Refuse a model whose tensors do not follow from its architecture."""

    def outline(arrays: Mapping[str, Any]) -> dict[str, Any]:
        return {name: (array.shape, array.dtype) for name, array in arrays.items()}

    expected, found = outline(rebuilt.state_dict()), outline(state)
    if expected != found:
        names = sorted(name for name in expected | found if expected.get(name) != found.get(name))
        raise UnsupportedError(
            f"nn.save of {type(rebuilt).__name__}",
            f"its layers alone do not tell its parameters {', '.join(names)}: they were added, "
            "replaced, or shared between layers",
            "Save model.state_dict(), and write nn.load(path, model)",
        )


def _arrays(state: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays in C order, which is all that the format knows."""
    arrays = {}
    for name, value in state.items():
        array = value.data if isinstance(value, Tensor) else value
        array = np.array(as_array(array, f"nn.save of {name!r},"), order="C")
        if not isinstance(name, str) or array.dtype.name not in DTYPES.values():
            raise UnsupportedError(
                f"nn.save of {name!r} {array.shape} {array.dtype}",
                f"a file holds arrays by name, of dtypes {', '.join(DTYPES.values())}",
                "Convert it first: model.astype(np.float64)",
            )
        arrays[name] = array
    return arrays


def replace_file(path: FileName, content: bytes) -> None:
    """Write a file beside the one that it replaces, and only when it is on disk replace that."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_tensors(path: FileName, attempted: str, writer: str) -> tuple[dict[str, Any], Any]:
    """The arrays and the metadata in a file that a function of the name `writer` wrote.

    Raises:
        ArgumentError: it is truncated or no safetensors file, or NumPy lacks a dtype in it.
        OSError: it cannot be read.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            dtypes = {name: file.get_slice(name).get_dtype() for name in names}
            unknown = [f"{name} ({dtype})" for name, dtype in dtypes.items() if dtype not in DTYPES]
            if unknown:
                raise ArgumentError(
                    attempted, f"NumPy lacks the dtype of {', '.join(unknown)}", "Save float32"
                )
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise ArgumentError(
            attempted,
            f"it is truncated, or no safetensors file ({error})",
            f"Give a file that {writer} wrote",
        ) from error


def _architecture(metadata: Mapping[str, str], attempted: str) -> Any:
    """What the metadata says about how to build the model; None for tensors alone."""
    if KEY not in metadata:
        raise ArgumentError(
            attempted,
            f"its metadata lacks the entry {KEY!r}: another program wrote it",
            "Give a file that nn.save wrote, or read it with safetensors, and write "
            "model.load_state_dict(arrays)",
        )
    try:
        content = json.loads(metadata[KEY])
        version, architecture = content["version"], content["architecture"]
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
    return architecture
