"""Arrays by name in safetensors files, each written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.arguments import as_array, require_path
from autograd_lite.errors import ArgumentError, MissingPackageError, UnsupportedError
from autograd_lite.node import plain

FileName = str | os.PathLike[str]

DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BOOL": "bool"}
DTYPES |= {f"I{bits}": f"int{bits}" for bits in (64, 32, 16, 8)}
DTYPES |= {f"U{bits}": f"uint{bits}" for bits in (64, 32, 16, 8)}
"""NumPy's names of the dtypes that a file can hold, by those of safetensors."""


def require_file(path: Any, attempted: str) -> None:
    """Raise an error unless the path can be the name of a file, and safetensors is installed."""
    require_path(path, attempted)
    try:
        import safetensors  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f"{attempted} {path}",
            "safetensors is not installed",
            "Run: pip install 'autograd-lite[io]'",
        ) from error


def arrays_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays in C order, which is all that the format knows."""
    arrays = {}
    for name, value in state.items():
        array = np.array(as_array(plain(value), f"nn.save of {name!r},"), order="C")
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
