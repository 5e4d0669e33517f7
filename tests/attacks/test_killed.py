"""Processes that are killed, or find the disk full, while they write files of each kind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")  # which tells where a system has SIGKILL and limits of files

HERE = Path(__file__).parent


KINDS = {"model": 2, "weights": 1, "checkpoint": 3, "picture": 1}
"""How many lines from one at which a process is killed to the next."""
ALL = [pytest.param(kind, step, marks=pytest.mark.exhaustive) for kind, step in KINDS.items()]


@pytest.mark.parametrize(("kind", "step"), [*ALL, ("weights", 41)])
def test_after_a_kill_or_on_a_full_disk_a_file_is_the_older_or_the_new_one(tmp_path, kind, step):
    command = [sys.executable, str(HERE / "killed.py"), kind, str(tmp_path), str(step)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    print(f"{kind}: {found['counts']}, {len(found['bad'])} bad")
    assert not found["bad"]
    assert found["counts"]["killed, old file"] > 5
    assert found["counts"]["refused, old file"] == 10
