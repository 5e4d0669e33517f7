"""The compiler that is found, and the folder in which is kept what it made."""

import multiprocessing
import stat
import sys

import numpy as np
import pytest

from autograd_lite.errors import AutogradError, CompilerError
from autograd_lite.program import compiler

pytestmark = pytest.mark.usefixtures("c_compiler")
SOURCE = "int seven(void) { return 7; }"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The cache folder, which is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "autograd_lite"


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A folder that is the only one in which commands are looked for."""
    found = tmp_path / "commands"
    found.mkdir()
    monkeypatch.setenv("PATH", str(found))
    monkeypatch.setitem(sys.modules, "ziglang", None)
    monkeypatch.setattr(compiler.importlib.util, "find_spec", lambda name: None)
    compiler._version.cache_clear()
    yield found
    compiler._version.cache_clear()


def write_command(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def refuse(*_):
    raise AssertionError("a compiler was run")


def without_compiling(monkeypatch):
    monkeypatch.setattr(compiler, "_compiled", refuse)


def test_what_was_compiled_is_kept_where_others_cannot_write(folder, monkeypatch):
    assert compiler.library(SOURCE).seven() == 7
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    without_compiling(monkeypatch)
    assert compiler.library(SOURCE).seven() == 7


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "text"])
def test_a_file_that_was_tampered_with_is_compiled_again(folder, damage):
    compiler.library(SOURCE)
    (kept,) = folder.iterdir()
    content = kept.read_bytes()
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    # As a new file: the old one is in use.
    kept.unlink()
    kept.write_bytes(
        {"cut": content[:-100], "changed": bytes(changed), "empty": b"", "text": b"no"}[damage]
    )
    assert compiler._kept(kept) is None
    assert compiler.library(SOURCE).seven() == 7
    assert kept.read_bytes() == content


def test_a_file_or_a_folder_that_others_may_write_is_not_loaded(folder, monkeypatch):
    compiler.library(SOURCE)
    (kept,) = folder.iterdir()
    for mode in (0o666, 0o620):
        kept.chmod(mode)
        assert compiler._kept(kept) is None
    kept.chmod(0o600)
    link = folder / "link"
    link.symlink_to(kept)
    assert compiler._kept(link) is None
    assert compiler._kept(kept).seven() == 7
    folder.chmod(0o777)
    assert compiler.cache_folder() is None
    without_compiling(monkeypatch)
    with pytest.raises(AssertionError, match="was run"):
        compiler.library(SOURCE)


def test_without_a_folder_for_it_nothing_is_kept(folder):
    folder.parent.write_text("a file")
    assert compiler.cache_folder() is None
    assert compiler.library(SOURCE).seven() == 7


def test_without_room_to_keep_it_a_program_runs_all_the_same(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiler, "write_file", full)
    assert compiler.library(SOURCE).seven() == 7
    assert list(folder.iterdir()) == []


def test_without_room_to_compile_it_is_said_where(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiler.Path, "write_text", full)
    with pytest.raises(CompilerError, match="No space left on device"):
        compiler.library(SOURCE)


def test_without_a_compiler_it_is_said_what_to_install(folder, commands):
    with pytest.raises(CompilerError, match=r"Install gcc or clang, or `pip install ziglang`"):
        compiler.library(SOURCE)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", "failed"),
        ("echo it is broken >&2; exit 1", "it is broken"),
        ("exit 0", "made nothing"),
        ("kill -9 $$", "failed"),
    ],
)
def test_a_broken_compiler_is_an_error_that_says_so(folder, commands, script, said):
    write_command(commands / "cc", script)
    with pytest.raises(CompilerError, match=said) as caught:
        compiler.library(SOURCE)
    assert isinstance(caught.value, AutogradError)


def seven(_):
    return compiler.library(SOURCE).seven()


def test_processes_at_once_compile_the_same(folder):
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(seven, range(3), chunksize=1) == [7, 7, 7]
    assert len(list(folder.iterdir())) == 1


def test_machines_that_differ_keep_their_own(folder, monkeypatch):
    compiler.library(SOURCE)
    monkeypatch.setattr(compiler, "_processor", lambda: "another")
    compiler.library(SOURCE)
    assert len(list(folder.iterdir())) == 2
    assert np.unique([len(path.name) for path in folder.iterdir()]).tolist() == [64]
