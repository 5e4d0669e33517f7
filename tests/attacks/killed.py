"""Writes a file again and again, killed at each line of the code that writes it, or stopped short.

python killed.py kind folder step: kills at each `step`-th line, and stops at some lengths of the
file; with step 0 the folder is on a small disk of its own, which is filled up to each page.
Prints, as JSON, what came of it and what was wrong.
"""

import json
import os
import resource
import signal
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from attacking import Run, small

import nn
import viz
from autograd_lite import FileError, Tensor

WRITERS = ("whole_files.py", "tensor_files.py")
"""The files of code at each of whose lines a process is killed; before them nothing is written."""


def old_and_new_model():
    return [lambda path, seed=seed: nn.save(small(seed), path) for seed in (0, 1)]


def old_and_new_weights():
    return [lambda path, seed=seed: nn.save(small(seed).state_dict(), path) for seed in (0, 1)]


def old_and_new_checkpoint():
    return [lambda path, n=n: Run().fit(nn.Checkpoint(path), epochs=n) for n in (1, 2)]


def old_and_new_picture():
    tensors = [np.tanh(Tensor(np.ones(size), requires_grad=True)) for size in (2, 3)]
    return [lambda path, tensor=tensor: viz.graph(tensor).save(path) for tensor in tensors]


KINDS = {
    "model": (old_and_new_model, "a.safetensors"),
    "weights": (old_and_new_weights, "a.safetensors"),
    "checkpoint": (old_and_new_checkpoint, "a.safetensors"),
    "picture": (old_and_new_picture, "a.dot"),
}


def kill_at(line):
    """Have this process killed at a line of the writers, counted from 0 as they are run."""
    left = [line]

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.endswith(WRITERS):
            return None
        if event == "line":
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def stop_at(size, kill):
    """Let no file be longer: writing fails there as on a full disk, or kills this process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kill else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


PAGE = 4096


def fill(disk, pages):
    """Leave so many pages of a disk free, or with -1 no room for another file."""
    if pages < 0:
        for number in range(10**6):
            try:
                (disk / f"filler {number}").touch()
            except OSError:
                return
    with open(disk / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(PAGE))
        except OSError:
            filler.truncate(max(filler.tell() - pages * PAGE, 0))


def empty(disk):
    for filler in disk.glob("filler*"):
        filler.unlink()


class Attack:
    """Writes over an older file in a process of its own, and looks at the folder afterwards."""

    def __init__(self, kind, folder):
        make, name = KINDS[kind]
        self.write_old, self.write_new = make()
        self.path = Path(folder, name)
        self.write_new(self.path)
        self.new = self.path.read_bytes()
        self.write_old(self.path)
        self.old = self.path.read_bytes()
        self.counts, self.bad = Counter(), []

    def attempt(self, name, prepare, tidy=lambda: None):
        """Whether it went on to its end."""
        process = os.fork()
        if not process:
            try:
                prepare()
                self.write_new(self.path)
                code = 0
            except FileError:
                code = 1
            except BaseException:
                code = 2
            sys.settrace(None)
            os._exit(code)
        status = os.waitpid(process, 0)[1]
        ended = {0: "written", 256: "refused", 512: "another error"}.get(status, "killed")
        tidy()
        found = self.path.read_bytes()
        self.counts[f"{ended}, {'new' if found == self.new else 'old'} file"] += 1
        if found not in (self.old, self.new) or ended == "another error":
            self.bad.append(f"{name}: {ended}, {len(found)} bytes")
        if ended != "killed" and len(os.listdir(self.path.parent)) > 1:
            self.bad.append(f"{name}: {ended}, and leaves {os.listdir(self.path.parent)}")
        if found != self.old or len(os.listdir(self.path.parent)) > 1:
            self.write_old(self.path)
        if os.listdir(self.path.parent) != [self.path.name]:
            self.bad.append(f"{name}: not swept, {os.listdir(self.path.parent)}")
        return ended == "written"

    def run(self, step):
        """Kill at each `step`-th line, and stop at 10 lengths of the file."""
        line = 0
        while not self.attempt(f"killed at line {line}", lambda line=line: kill_at(line)):
            line += step
        for size in np.linspace(0, len(self.new) - 1, 10).astype(int).tolist():
            for kill in (False, True):
                prepare = lambda size=size, kill=kill: stop_at(size, kill)
                if self.attempt(f"stopped at {size} bytes", prepare):
                    self.bad.append(f"{size} bytes were enough for {len(self.new)}")

    def run_on_a_full_disk(self):
        """Write with no room for a file, and with each number of free pages until one is enough."""
        disk, pages = self.path.parent.parent, -1
        tidy = lambda: empty(disk)
        while not self.attempt(f"{pages} pages free", lambda p=pages: fill(disk, p), tidy):
            pages += 1


if __name__ == "__main__":
    kind, folder, step = sys.argv[1:4]
    if step == "0":
        folder = Path(folder, "files")
        folder.mkdir()
    attack = Attack(kind, folder)
    attack.run(int(step)) if int(step) else attack.run_on_a_full_disk()
    print(json.dumps({"counts": attack.counts, "bad": attack.bad}))
