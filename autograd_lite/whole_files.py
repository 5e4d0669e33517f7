"""Files that are written whole or not at all: the older one stays until the new one is on disk."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from autograd_lite.errors import (
    AutogradError,
    FileError,
    FilePermissionError,
    FolderError,
    MissingFileError,
)

if sys.platform != "win32":
    import fcntl

FileName = str | os.PathLike[str]

TEMPORARY = re.compile(r"\.autograd_lite-[0-9a-f]{8}\.tmp")
"""The names of files that are being written."""

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
"""What may be there that is no regular file, by its type in `st_mode`."""


def write_file(path: FileName, content: bytes, attempted: str) -> None:
    """Write a file in the place of an older one; after an error, or a kill, that is as it was.

    The permissions of the older file are kept. Where the name is that of a symbolic link, the file
    that it leads to is replaced, and the link stays. What a process that was killed has left
    unfinished in the folder is removed.

    Raises:
        FileError: what is there is no regular file, or the system refuses to write; one of its
            subclasses for a folder, a folder that is missing, or a lack of permission.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "figures.csv"
    >>> write_file(path, b"1,2", "export")
    >>> path.read_bytes()
    b'1,2'
    """
    older = require_place(path, attempted)
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".autograd_lite-{os.urandom(4).hex()}.tmp")
    with in_words(attempted, "Mend that, or write elsewhere; what was there is as it was"):
        _sweep(target.parent)
        try:
            opener = partial(os.open, mode=0o600 if older else 0o666)  # less what umask takes
            with open(temporary, "xb", opener=opener) as file:
                if not _locked(file):
                    return write_file(path, content, attempted)
                file.write(content)
                file.flush()
                if older:
                    _take_over(older, temporary)
                os.fsync(file.fileno())
                if sys.platform == "win32":
                    file.close()  # as no open file can be moved there
                os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def require_place(path: FileName, attempted: str) -> os.stat_result | None:
    """Raise an error unless a file can be written there; tell of the file that is there, if any."""
    with in_words(attempted, "Give the name of a file in a folder that is there"):
        try:
            return require_regular(path, attempted)
        except FileNotFoundError:
            folder = Path(os.path.realpath(path)).parent
            if not folder.is_dir():
                raise MissingFileError(
                    attempted, f"there is no folder {folder}", "Make it first: Path.mkdir"
                ) from None
            if os.fspath(path).endswith(os.sep):
                raise _is_folder(attempted) from None
            return None


def require_regular(path: FileName, attempted: str) -> os.stat_result:
    """Raise an error unless it is a regular file that is there, and tell of it."""
    with in_words(attempted, "Give the name of a file that is there"):
        found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise _is_folder(attempted)
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise FileError(
            attempted, f"it is {kind}, and no regular file", "Give the name of a regular file"
        )
    return found


def _is_folder(attempted: str) -> FolderError:
    return FolderError(attempted, "it is a folder", "Give the name of a file in it")


@contextmanager
def in_words(attempted: str, remedy: str) -> Iterator[None]:
    """Say of an error of the system what was attempted, and what to do."""
    try:
        yield
    except OSError as error:
        if isinstance(error, AutogradError):
            raise
        kinds = {FileNotFoundError: MissingFileError, IsADirectoryError: FolderError}
        kinds |= {PermissionError: FilePermissionError}
        reason = error.strerror or str(error)
        refused = kinds.get(type(error), FileError)(attempted, reason, remedy)
        refused.errno, refused.filename = error.errno, error.filename
        raise refused from error


def _take_over(older: os.stat_result, temporary: Path) -> None:
    """Give a file the owner, as far as that is allowed, and the permissions of an older one."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.chown(temporary, older.st_uid, older.st_gid)
    os.chmod(temporary, stat.S_IMODE(older.st_mode))


# Who writes a file holds a lock on it, which ends with the process, however that ends.


def _locked(file: Any) -> bool:
    """Lock a new file; False if another process has just taken it for one that was left behind."""
    if sys.platform == "win32":
        return True
    with suppress(OSError):  # where a file system has no locks, nothing is swept
        fcntl.flock(file, fcntl.LOCK_EX)
    return os.fstat(file.fileno()).st_nlink > 0


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed have left in the folder."""
    with suppress(OSError):  # some folders can be written to, and not be listed
        for name in filter(TEMPORARY.fullmatch, os.listdir(folder)):
            with suppress(OSError):
                _remove_unlocked(folder / name)


def _remove_unlocked(temporary: Path) -> None:
    """Remove a file that nobody writes; an OSError says that somebody does."""
    if sys.platform == "win32":
        temporary.unlink()  # which Windows refuses while it is open
        return
    with open(temporary, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        temporary.unlink()
