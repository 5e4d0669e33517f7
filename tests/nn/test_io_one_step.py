"""Files of models are written in one step: after a crash the old one is there, whole."""

import os
import stat
import sys

import numpy as np
import pytest
from model_files import OwnModel, assert_same_bits, content, refusal, rewrite, small

import nn
from autograd_lite.errors import UnsupportedError
from nn import tensor_files


def fail(*arguments):
    raise OSError("the machine stopped")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_file_and_nothing_beside_it(path, monkeypatch, step):
    nn.save(small(rng=0), path)
    old = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="the machine stopped"):
            nn.save(small(rng=1), path)
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]
    assert_same_bits(nn.load(path), small(rng=0))


def test_the_old_file_is_whole_until_the_new_one_is_on_disk(path, monkeypatch):
    nn.save(small(rng=0), path)
    old = path.read_bytes()
    steps = []

    def recorded(name):
        function = getattr(os, name)

        def call(*arguments):
            assert path.read_bytes() == old
            steps.append(name)
            return function(*arguments)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, recorded(name))
    nn.save(small(rng=1), path)
    assert steps == ["fsync", "replace"]
    assert_same_bits(nn.load(path), small(rng=1))


def test_a_refused_model_leaves_the_old_file(path):
    nn.save(small(), path)
    old = path.read_bytes()
    with pytest.raises(UnsupportedError):
        nn.save(OwnModel(), path)
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")
def test_the_file_has_the_permissions_of_any_new_file(path):
    nn.save(small(), path)
    (path.parent / "other").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((path.parent / "other").stat().st_mode)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_keeps_pointing_to_the_file_that_is_replaced(path):
    link = path.parent / "latest"
    nn.save(small(rng=0), path)
    link.symlink_to(path)
    nn.save(small(rng=1), link)
    assert link.is_symlink()
    assert_same_bits(nn.load(path), small(rng=1))


def test_the_same_model_makes_the_same_file_which_other_programs_read(path):
    nn.save(small(), path)
    first = path.read_bytes()
    nn.save(nn.load(path), path)
    assert path.read_bytes() == first
    tensors, entry = content(path)
    assert entry["architecture"]["class"] == "Sequential"
    for name, array in small().state_dict().items():
        np.testing.assert_array_equal(tensors[name], array)


def test_a_file_without_a_checksum_is_read_as_before(path):
    nn.save(small(), path)
    rewrite(path)
    assert b"checksum" not in path.read_bytes()
    assert_same_bits(nn.load(path), small())


def test_a_bit_that_was_flipped_in_a_weight_is_noticed(path):
    nn.save(small(), path)
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    assert "checksum" in refusal(path)
    assert "checksum" in refusal(path, small(rng=1))


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(path, monkeypatch):
    nn.save(small(), path)
    read_once = tensor_files._read

    def replaced(*arguments):
        found = read_once(*arguments)
        monkeypatch.undo()
        nn.save(small(rng=5), path)
        return found

    monkeypatch.setattr(tensor_files, "_read", replaced)
    assert_same_bits(nn.load(path), small(rng=5))
