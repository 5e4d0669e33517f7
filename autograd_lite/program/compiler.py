"""A compiler for C, looked for when it is needed, and a folder in which what it made is kept."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from autograd_lite.errors import AutogradError, CompilerError
from autograd_lite.whole_files import write_file

# Nothing changes the order of operations, or what is rounded: results are the same bits in every
# run. `-fno-math-errno` and `-fno-trapping-math` say that nobody asks for errors by flags.
FLAGS = [
    *("-O3", "-march=native", "-std=gnu11", "-shared", "-fPIC", "-w"),
    *("-fwrapv", "-fno-strict-aliasing", "-fno-math-errno", "-fno-trapping-math"),
    "-ffp-contract=off",
]
# Nor may the first round of a loop in vectors depend on where memory happens to begin.
GCC_FLAGS = ["--param", "vect-max-peeling-for-alignment=0"]

NAMES = ("cc", "gcc", "clang")
ATTEMPTED = "compilation of a program to C"
REMEDY = "Install gcc or clang, or `pip install ziglang`; or take the NumPy back end"


def library(source: str) -> ctypes.CDLL:
    """The compiled source: what is kept of it, or else what a compiler makes of it now.

    Raises:
        CompilerError: there is no compiler, or it fails.
    """
    command = compiler()
    version, processor = _version(command), _processor()
    flags = FLAGS + GCC_FLAGS if "Free Software Foundation" in version else FLAGS
    text = "\0".join((source, *command, *flags, version, processor))
    name = hashlib.sha256(text.encode()).hexdigest()
    folder = cache_folder()
    found = folder and _kept(folder / name)
    if found:
        return found
    with tempfile.TemporaryDirectory(prefix="autograd_lite-", ignore_cleanup_errors=True) as aside:
        made = _compiled((*command, *flags), source, Path(aside))
        if folder:
            # Without room, or leave, to keep it, it is compiled anew in the next process.
            with suppress(AutogradError, OSError):
                _keep(made, folder / name)
                found = _kept(folder / name)
        return found or ctypes.CDLL(str(made))


def compiler() -> tuple[str, ...]:
    """The command that compiles C: that of the system, or of the package ziglang.

    Raises:
        CompilerError: there is none.
    """
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return (path,)
    if importlib.util.find_spec("ziglang"):
        return sys.executable, "-m", "ziglang", "cc"
    raise CompilerError(ATTEMPTED, f"none of {', '.join(NAMES)} is on the PATH", REMEDY)


@functools.cache
def _version(command: tuple[str, ...]) -> str:
    return _run((*command, "--version"), "")


@functools.cache
def _processor() -> str:
    """What the machine can do: a folder may be shared by machines that differ in that."""
    lines: set[str] = set()
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
        lines = {line for line in text.splitlines() if line.startswith(("flags", "Features"))}
    return "\n".join((sys.platform, platform.machine(), platform.processor(), *sorted(lines)))


def _compiled(command: tuple[str, ...], source: str, folder: Path) -> Path:
    made = folder / "program.so"
    try:
        (folder / "program.c").write_text(source)
    except OSError as error:
        raise CompilerError(ATTEMPTED, f"{folder}: {error.strerror}", "Make room there") from error
    _run((*command, str(folder / "program.c"), "-o", str(made), "-lm"), source)
    if not made.exists():
        raise CompilerError(ATTEMPTED, f"{command[0]} made nothing", REMEDY)
    return made


def _run(command: tuple[str, ...], source: str) -> str:
    """What a command writes."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise CompilerError(ATTEMPTED, f"{command[0]}: {error.strerror}", REMEDY) from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        reason = f"{command[0]} failed" + (f" and said {said[0][:200]!r}" if said else "")
        raise CompilerError(ATTEMPTED, reason, REMEDY)
    return done.stdout


# What is kept


def cache_folder() -> Path | None:
    """The folder for what was compiled, made if need be; None if others may write to it.

    It is `autograd_lite` in `$XDG_CACHE_HOME`, or else in `~/.cache`.
    """
    with suppress(OSError, RuntimeError):
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(base) / "autograd_lite"
        if folder.is_absolute():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_ours(folder.lstat(), stat.S_IFDIR):
                return folder
    return None


def _is_ours(found: os.stat_result, kind: int) -> bool:
    """Whether nobody else may have written it."""
    if stat.S_IFMT(found.st_mode) != kind:
        return False
    return sys.platform == "win32" or (
        found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _keep(made: Path, path: Path) -> None:
    """Write a library to the cache, followed by its digest."""
    content = made.read_bytes()
    write_file(path, content + hashlib.sha256(content).digest(), ATTEMPTED)
    path.chmod(0o600)


def _kept(path: Path) -> ctypes.CDLL | None:
    """The library in a file, if it is ours and whole."""
    with suppress(OSError):
        if _is_ours(path.lstat(), stat.S_IFREG):
            content = path.read_bytes()
            if hashlib.sha256(content[:-32]).digest() == content[-32:]:
                return ctypes.CDLL(str(path))
    return None
