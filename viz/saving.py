"""Write pictures to files, in the format that the suffix of the name says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from autograd_lite.arguments import require_path
from autograd_lite.errors import ArgumentError
from autograd_lite.whole_files import FileName, require_place, write_file


def saved(
    path: FileName, owner: str, kind: str, formats: Mapping[str, Callable[[], bytes]]
) -> Path:
    """The path of a file, once it is written.

    Args:
        path: its name.
        owner: the method that writes.
        kind: what is written.
        formats: what makes the content, by suffix.

    Raises:
        ArgumentError: the suffix is another one.
        UnsupportedError: that is not the name of a file.
        FileError: the file cannot be written.
    """
    attempted = f"{owner} to"
    require_path(path, attempted)
    path = Path(path)
    attempted += f" {path}"
    make = formats.get(path.suffix.lower())
    if make is None:
        remedy = f"End the name in {' or '.join(', '.join(formats).rsplit(', ', 1))}"
        raise ArgumentError(attempted, f"{path.suffix!r} is not the suffix of {kind}", remedy)
    require_place(path, attempted)
    write_file(path, make(), attempted)
    return path
