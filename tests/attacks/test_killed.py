"""Processes that are killed, or find the disk full, while they write files of each kind."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")  # which tells where a system has SIGKILL and limits of files

HERE = Path(__file__).parent


KINDS = {"model": 2, "weights": 1, "checkpoint": 3, "picture": 1}
"""How many lines from one at which a process is killed to the next."""
ALL = [pytest.param(kind, step, marks=pytest.mark.exhaustive) for kind, step in KINDS.items()]


def attack(within, kind, folder, step):
    """What `killed.py` finds, run by a command that gives it a file system."""
    command = [*within, sys.executable, str(HERE / "killed.py"), kind, str(folder), str(step)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    print(f"{kind}: {found['counts']}, {len(found['bad'])} bad")
    assert not found["bad"]
    return found


@pytest.mark.parametrize(("kind", "step"), [*ALL, ("weights", 41)])
def test_after_a_kill_or_on_a_full_disk_a_file_is_the_older_or_the_new_one(tmp_path, kind, step):
    found = attack([], kind, tmp_path, step)
    assert found["counts"]["killed, old file"] > 5
    assert found["counts"]["refused, old file"] == 10


DISK = "mount -t tmpfs -o size=64k,nr_inodes=16 tmpfs {} && "
"""Makes a small disk, where the system lets everyone make one that only they see."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_disk_that_is_full_a_file_is_the_older_or_the_new_one(tmp_path, kind):
    apart = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount = DISK.format(shlex.quote(str(tmp_path)))
    if not shutil.which("unshare") or subprocess.run([*apart, f"{mount} true"]).returncode:
        pytest.skip("no disk can be made here: a limit of the files' length stands for it above")
    found = attack([*apart, f'{mount} exec "$0" "$@"'], kind, tmp_path, 0)
    assert found["counts"]["refused, old file"] >= 2
    assert found["counts"]["written, new file"] == 1
