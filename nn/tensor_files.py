"""Arrays by name in safetensors files, with a checksum."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from autograd_lite.arguments import as_array, require_path
from autograd_lite.errors import ArgumentError, UnsupportedError, needed
from autograd_lite.foreign import on_host
from autograd_lite.node import plain
from autograd_lite.whole_files import FileName, in_words, require_regular

CHECKSUM = "autograd_lite checksum"
"""Where in the metadata the SHA-256 of the file is, counted with `BLANK` in its place."""
BLANK = 64 * "0"
TRAINING = "autograd_lite training"
"""Where in the metadata the JSON of a training is."""

DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BOOL": "bool"}
DTYPES |= {f"I{bits}": f"int{bits}" for bits in (64, 32, 16, 8)}
DTYPES |= {f"U{bits}": f"uint{bits}" for bits in (64, 32, 16, 8)}
"""NumPy's names of the dtypes that a file can hold, by those of safetensors."""


def require_file(path: Any, attempted: str) -> None:
    """Raise an error unless the path can be the name of a file, and safetensors is installed."""
    require_path(path, attempted)
    with needed(f"{attempted} {path}", "safetensors", "autograd-lite[io]"):
        import safetensors  # noqa: F401 - only whether it can be


def arrays_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays in C order, which is all that the format knows."""
    arrays = {}
    for name, value in state.items():
        given = as_array(plain(value), f"nn.save of {name!r},")
        array = np.array(on_host(given), order="C")
        if not isinstance(name, str) or array.dtype.name not in DTYPES.values():
            remedy = "Convert it first: model.astype(np.float64)"
            if array.dtype.hasobject:
                remedy = (
                    "Save model.state_dict() alone; nn.Checkpoint(path), a callback of nn.fit, "
                    "writes optimizers, too, and nn.fit(..., resume_from=path) goes on from there"
                )
            raise UnsupportedError(
                f"nn.save of {name!r} {array.shape} {array.dtype}",
                f"a file holds arrays by name, of dtypes {', '.join(DTYPES.values())}",
                remedy,
            )
        arrays[name] = array
    return arrays


def tensor_file(arrays: Mapping[str, Any], key: str, text: str) -> bytes:
    """The content of a file with these arrays, a text in its metadata, and a checksum of all."""
    import hashlib

    import safetensors.numpy

    content: bytes = safetensors.numpy.save(dict(arrays), {key: text})
    start, length = b'{"__metadata__":{', int.from_bytes(content[:8], "little")
    # The entry is put in here, as safetensors writes several in an order that is never the same.
    header = start + _entry(BLANK) + b"," + content[8 + len(start) : 8 + length].rstrip(b" ")
    header += b" " * (-len(header) % 8)
    size, data = len(header).to_bytes(8, "little"), memoryview(content)[8 + length :]
    digest = hashlib.sha256(size + header)
    digest.update(data)
    header = header.replace(_entry(BLANK), _entry(digest.hexdigest()), 1)
    return b"".join((size, header, data))


def _entry(checksum: str) -> bytes:
    """The checksum in the file's header; nothing else there can read so."""
    return f'"{CHECKSUM}":"{checksum}"'.encode()


def _digest(file: BinaryIO, checksum: str) -> str:
    """That of a file with this checksum in it, which does not count itself."""
    import hashlib

    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = file.read(8)
    header = file.read(min(int.from_bytes(length, "little"), size))
    running = hashlib.sha256(length + header.replace(_entry(checksum), _entry(BLANK), 1))
    while chunk := file.read(2**16):
        running.update(chunk)
    return running.hexdigest()


def read_tensors(path: FileName, attempted: str, writer: str) -> tuple[dict[str, Any], Any]:
    """The arrays and the metadata in a file that a function of the name `writer` wrote.

    A file without a checksum is read as well.

    Raises:
        ArgumentError: it is truncated or no safetensors file, something in it was changed since
            it was written, or NumPy lacks a dtype in it.
        FileError: it cannot be read, or is no regular file.
    """
    remedy = f"Give a file that {writer} wrote"
    before = require_regular(path, attempted)
    with in_words(attempted, remedy):
        tensors, metadata = _read(path, attempted, remedy)
        with open(path, "rb") as file:
            checksum = metadata.get(CHECKSUM)
            is_whole = checksum is None or _digest(file, checksum) == checksum
    after = require_regular(path, attempted)
    if (after.st_ino, after.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
        return read_tensors(path, attempted, writer)  # another file has taken its place meanwhile
    if not is_whole:
        raise ArgumentError(
            attempted,
            "something in it was changed since it was written: its checksum is another",
            f"{remedy}, or an older copy of it",
        )
    return tensors, metadata


def _read(path: FileName, attempted: str, remedy: str) -> tuple[dict[str, Any], dict[str, str]]:
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
        reason = f"it is truncated, or no safetensors file ({error})"
        raise ArgumentError(attempted, reason, remedy) from error
    except (ValueError, MemoryError) as error:
        if isinstance(error, ArgumentError):
            raise
        reason = f"NumPy can have no array of a shape in it ({error})"
        raise ArgumentError(attempted, reason, remedy) from error
