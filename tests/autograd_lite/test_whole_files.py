"""Files that are written whole or not at all: what is replaced, what is kept, what is refused."""

import errno
import os
import pickle
import socket
import stat
import subprocess
import sys

import pytest
from looping import looped

from autograd_lite.arguments import require_path
from autograd_lite.errors import (
    ArgumentError,
    AutogradError,
    FileError,
    FilePermissionError,
    FolderError,
    MissingFileError,
    UnsupportedError,
)
from autograd_lite.whole_files import TEMPORARY, require_regular, write_file

LEFT = ".autograd_lite-01234567.tmp"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def refusal(kind, path):
    """The error of writing, in three parts; nothing in the folder is changed."""
    with pytest.raises(kind) as info:
        write_file(path, b"new", "export")
    assert isinstance(info.value, AutogradError)
    assert len(info.value.args) == 3
    assert str(info.value).startswith("export: ")
    return info.value


def test_a_file_takes_the_place_of_an_older_one_and_nothing_is_left_beside_it(path):
    for content in (b"one", b"", b"three" * 10_000):
        write_file(path, content, "export")
        assert path.read_bytes() == content
        assert os.listdir(path.parent) == ["file"]


def test_who_reads_the_older_file_goes_on_reading_it(path):
    path.write_bytes(b"older")
    with open(path, "rb") as file:
        write_file(path, b"new", "export")
        assert file.read() == b"older"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_permissions_of_an_older_file_are_kept(path, mode):
    path.write_bytes(b"older")
    path.chmod(mode)
    write_file(path, b"new", "export")
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_permissions_of_a_new_file_are_those_of_any_new_file(path, mask):
    before = os.umask(mask)
    try:
        write_file(path, b"new", "export")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_private_file_is_private_while_it_is_written(path, monkeypatch):
    path.write_bytes(b"older")
    path.chmod(0o600)
    modes = []

    def note(descriptor):
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", note)
    write_file(path, b"new", "export")
    assert modes == [0o600]


def test_a_symbolic_link_stays_and_what_it_leads_to_is_replaced(path):
    (path.parent / "folder").mkdir()
    path.symlink_to("folder/target")
    for content in (b"one", b"two"):  # the first one makes the file
        write_file(path, content, "export")
        assert path.is_symlink()
        assert (path.parent / "folder" / "target").read_bytes() == content


@pytest.mark.parametrize("length", [1, 250, 255])
def test_names_of_every_length_that_a_file_can_have_are_written(tmp_path, length):
    path = tmp_path / (length * "n")
    write_file(path, b"new", "export")
    assert path.read_bytes() == b"new"
    assert "too long" in str(refusal(FileError, tmp_path / (256 * "n")))


# --- what is refused


def test_what_is_no_regular_file_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.mkdir("folder")
    os.symlink("b", "a")
    os.symlink("a", "b")
    os.symlink("/dev/null", "null")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        before = sorted(os.listdir())
        assert "named pipe" in str(refusal(FileError, "pipe"))
        assert "a socket" in str(refusal(FileError, "socket"))
        for device in ("/dev/null", "/dev/full", "/dev/zero", "null"):
            assert "a device" in str(refusal(FileError, device))
        for folder in ("folder", "folder/", ".", "/", "nothing/"):
            assert "a folder" in str(refusal(FolderError, folder))
        assert refusal(FileError, "a").errno == errno.ELOOP
    assert sorted(os.listdir()) == before


def test_a_missing_folder_is_named(tmp_path):
    for path in (tmp_path / "no" / "file", tmp_path / "no" / "no" / "file"):
        assert f"no folder {path.parent}" in str(refusal(MissingFileError, path))
    (tmp_path / "file").write_bytes(b"")
    assert refusal(FileError, tmp_path / "file" / "file").errno == errno.ENOTDIR
    (tmp_path / "link").symlink_to("no/file")
    assert "no folder" in str(refusal(MissingFileError, tmp_path / "link"))


def test_a_folder_that_may_not_be_written_in_is_refused(path, monkeypatch):
    def refused(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    assert refusal(FilePermissionError, path).errno == errno.EACCES


@looped(
    ("name", "error"),
    [
        ("", ArgumentError),
        ("a\0b", ArgumentError),
        ("\ud800", ArgumentError),
        (b"name", UnsupportedError),
        (3, UnsupportedError),
        (None, UnsupportedError),
    ],
)
def test_what_no_file_can_be_called_is_refused(name, error):
    with pytest.raises(error) as info:
        require_path(name, "export to")
    assert len(info.value.args) == 3
    assert "export to" in str(info.value)


def test_what_is_read_has_to_be_a_regular_file_that_is_there(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, error in {"pipe": FileError, "no": MissingFileError, "": FolderError}.items():
        with pytest.raises(error):
            require_regular(tmp_path / name, "import")


def test_errors_are_those_of_the_system_too_and_can_be_pickled(tmp_path):
    for error, base in (
        (refusal(MissingFileError, tmp_path / "no" / "file"), FileNotFoundError),
        (refusal(FolderError, tmp_path), IsADirectoryError),
    ):
        assert isinstance(error, base)
        assert isinstance(error, OSError)
        assert pickle.loads(pickle.dumps(error)).args == error.args


# --- what goes wrong meanwhile


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_after_an_error_at_any_step_the_older_file_is_as_it_was(path, monkeypatch, step, error):
    path.write_bytes(b"older")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises((FileError, KeyboardInterrupt)) as info:
        write_file(path, b"new", "export")
    if info.type is FileError:
        assert info.value.errno == errno.ENOSPC
        assert "No space left" in str(info.value)
    assert path.read_bytes() == b"older"
    assert os.listdir(path.parent) == ["file"]


WRITES_UNTIL_KILLED = f"""
import os, sys
from autograd_lite import whole_files
os.urandom = lambda count: bytes.fromhex("{LEFT[15:23]}")
os.replace = lambda *names: (print("waiting", flush=True), sys.stdin.read())
whole_files.write_file(sys.argv[1], b"new", "export")
"""


def test_what_a_killed_process_left_is_swept_and_what_another_one_writes_is_not(path):
    path.write_bytes(b"older")
    (path.parent / "other.tmp").write_bytes(b"")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with writer:
        assert writer.stdout.readline() == b"waiting\n"
        write_file(path, b"mine", "export")
        assert sorted(os.listdir(path.parent)) == [LEFT, "file", "other.tmp"]
        writer.kill()
    write_file(path, b"mine again", "export")
    assert sorted(os.listdir(path.parent)) == ["file", "other.tmp"]


def test_a_file_that_was_swept_as_it_was_made_is_made_again(path, monkeypatch):
    names = iter(["00000000", "00000001"])
    monkeypatch.setattr(os, "urandom", lambda count: bytes.fromhex(next(names)))
    chosen = []
    original = os.fstat

    def swept(descriptor):
        if not chosen:
            chosen.extend(filter(TEMPORARY.fullmatch, os.listdir(path.parent)))
            os.unlink(path.parent / chosen[0])
        return original(descriptor)

    monkeypatch.setattr(os, "fstat", swept)
    write_file(path, b"new", "export")
    assert chosen == [".autograd_lite-00000000.tmp"]
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file"]
