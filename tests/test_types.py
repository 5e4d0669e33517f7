"""Type checkers know what scripts are given, and find nothing wrong in them."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from looping import looped

import autograd_lite
import nn
import viz
from autograd_lite import Tensor, derive

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "tests" / "types").glob("*.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITHOUT_TYPES = "# mypy: allow-untyped-defs, allow-untyped-calls\n"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """A folder with the scripts, and each block of the documentation as one."""
    folder = tmp_path_factory.mktemp("scripts")
    for path in SCRIPTS:
        (folder / path.name).write_text(path.read_text())
    for page in PAGES:
        blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
        for number, block in enumerate(blocks):
            if "import cupy" not in block:  # which only a machine with a card has
                (folder / f"{page.stem}_{number}.py").write_text(WITHOUT_TYPES + block)
    assert len(list(folder.glob("*.py"))) >= 30
    return folder


def said_by(checker, *arguments):
    command = [sys.executable, "-m", checker, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.exhaustive
def test_mypy_finds_nothing_in_scripts(scripts):
    said = said_by("mypy", "--strict", *scripts.glob("*.py"))
    assert said.startswith("Success"), said


@pytest.mark.exhaustive
def test_pyright_finds_nothing_in_scripts(scripts):
    pytest.importorskip("pyright", reason="pyright is not installed")
    settings = {"extraPaths": [str(ROOT)], "reportPossiblyUnboundVariable": False}
    (scripts / "pyrightconfig.json").write_text(json.dumps(settings))
    python = ("--pythonpath", sys.executable)
    if not said_by("pyright", "--version").startswith("pyright"):
        pytest.skip("pyright cannot be fetched")
    said = said_by("pyright", *python, "--project", scripts / "pyrightconfig.json")
    assert said.startswith("0 errors"), said


@pytest.mark.exhaustive
@looped("path", SCRIPTS)
def test_the_scripts_run(path):
    runpy.run_path(path, run_name="__main__")


def test_completion_on_a_tensor_lists_what_people_use():
    listed = {name for name in dir(Tensor([1.0])) if not name.startswith("_")}
    assert {"backward", "grad", "data", "sum", "relu", "tanh", "reshape", "T", "item"} <= listed
    assert not listed & {"created", "mutated", "residual", "seen", "unsqueeze", "numel", "value"}
    for name in listed:
        assert hasattr(Tensor([[1.0]]), name), name


def test_completion_lists_no_names_that_only_say_what_to_write_and_no_modules_of_the_inside():
    model, x = nn.Dense(1, 1, rng=0), Tensor(1.0, requires_grad=True)
    for each in (model, derive(x * x), viz.graph(x * x), viz.step_through(x * x)):
        missing = [n for n in dir(each) if not n.startswith("_") and not hasattr(each, n)]
        assert missing == [], each
    assert {"weight", "forward", "parameters"} <= {*dir(model)}
    assert not {"fit", "cuda"} & {*dir(model)}
    with pytest.raises(AttributeError, match=r"Write nn\.fit"):
        getattr(model, "fit")  # noqa: B009 # which a checker knows that it has not
    own = type("Own", (nn.Module,), {"fit": lambda self: 1})
    assert "fit" in dir(own())
    for package in (autograd_lite, nn, viz):
        assert dir(package) == sorted(package.__all__)
