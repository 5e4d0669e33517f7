"""The three packages: what importing them takes, and what all of them share."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import autograd_lite
import nn
import viz
from autograd_lite.errors import AutogradError

ROOT = Path(autograd_lite.__file__).parents[1]


def output_of(script, folder):
    """What a fresh interpreter prints that finds modules in a folder first, and then ours."""
    code = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]\n{script}"
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def error_classes():
    """All subclasses of AutogradError that a module of the three packages has, by name."""
    for package in (autograd_lite, nn, viz):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for name, value in inspect.getmembers(module, inspect.isclass):
                if issubclass(value, AutogradError):
                    yield name, value


def test_what_ignores_a_rule_says_why_beside_it():
    ignored = re.compile(r"# (noqa|type: ignore)\b(.*)")
    reason = re.compile(r": [A-Z0-9, ]+ (#|-) \w|\[[a-z, -]+\] # \w")
    for folder in ("autograd_lite", "nn", "viz", "tests", "docs", "examples", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = ignored.search(line)
                assert not found or reason.match(found[2]), f"{path}:{number} {line.strip()}"


def test_every_error_class_lives_in_one_module_and_is_public():
    found = dict(error_classes())
    assert len(found) == 20
    for name, error in found.items():
        assert error.__module__ == "autograd_lite.errors"
        assert name in autograd_lite.__all__
        assert getattr(autograd_lite, name) is error


def test_errors_are_found_where_what_raises_them_is():
    assert nn.TrainingError is autograd_lite.TrainingError
    assert nn.MissingPackageError is autograd_lite.MissingPackageError
    assert viz.RenderingError is autograd_lite.RenderingError
    assert {"TrainingError", "MissingPackageError"} <= set(nn.__all__)
    assert "RenderingError" in viz.__all__


@pytest.mark.parametrize("package", ["autograd_lite", "nn", "viz"])
def test_import_leaves_slow_packages_to_those_who_use_them(package, tmp_path):
    slow = {"difflib", "graphviz", "matplotlib", "numpy.fft", "numpy.random", "safetensors"}
    slow |= {"autograd_lite.elsewhere", "nn.elsewhere"}  # names of other libraries
    imports = f"import numpy; before = set(sys.modules); import {package}"
    loaded = f"print({slow | {'scipy', 'tqdm'}} & sys.modules.keys() - before)"
    assert output_of(f"{imports}; {loaded}", tmp_path) == "set()\n"


@pytest.mark.parametrize("package", [autograd_lite, nn, viz])
def test_every_public_name_is_found_and_listed(package):
    for name in package.__all__:
        assert getattr(package, name) is not None, name
    assert {*package.__all__} <= {*dir(package)}


@pytest.mark.parametrize(("package", "others"), [("autograd_lite", "nn viz"), ("viz", "nn")])
def test_imports_run_one_way(package, others, tmp_path):
    loaded = f"print([name for name in {others.split()} if name in sys.modules])"
    assert output_of(f"import {package}; {loaded}", tmp_path) == "[]\n"


def test_viz_and_autograd_lite_work_beside_a_users_own_nn(tmp_path):
    (tmp_path / "nn.py").write_text("class Module:\n    def __call__(self, x): return x[:, 0]\n")
    script = """
import matplotlib
matplotlib.use("agg")
import autograd_lite, nn, numpy, viz
X = numpy.array([[0.0, 0.0], [1.0, 1.0]])
x = autograd_lite.Tensor(X, requires_grad=True)
(x * x).sum().backward()
figure = viz.plot_decision_boundary(nn.Module(), X, [0, 1], threshold=0.5)
print(nn.__file__, x.grad.sum(), len(viz.graph(x * x).vertices), figure.axes[0].get_title())
"""
    own = tmp_path / "nn.py"
    assert output_of(script, tmp_path) == f"{own} 4.0 2 100.0% of 2 points right\n"


class OnACard:
    """What lies on a graphics card, of another library."""

    def __dlpack__(self, **_):
        raise AssertionError("nobody is there to take it")

    def __dlpack_device__(self):
        return 2, 0


def fitted(**options):
    model = nn.Dense(1, 1)
    X = np.ones((4, 1))
    nn.fit(model, X, X, loss="mse", optimizer=nn.SGD(model.parameters(), 0.1), epochs=1, **options)


def imported_anew(package):
    known = {name: sys.modules.pop(name) for name in [*sys.modules] if name.startswith(package)}
    try:
        importlib.import_module(package)
    finally:
        sys.modules.update(known)


MISSING = {
    "plots": ("matplotlib", lambda: viz.plot_activations()),
    "io": ("safetensors", lambda: nn.save({"x": np.ones(1)}, "x.safetensors")),
    "sklearn": ("sklearn.base", lambda: imported_anew("nn.estimators")),
    "distributed": ("distributed", lambda: fitted(client=object())),
    "onnx": ("onnx", lambda: nn.to_onnx(nn.Dense(1, 1), np.ones((2, 1)))),
    "cuda": ("cupy", lambda: autograd_lite.from_dlpack(OnACard())),
    "tensorboard": ("tensorboardX.record_writer", lambda: fitted(callbacks=[nn.TensorBoard("a")])),
}
"""By extra a package of it, and what needs it."""
OTHERWISE = {"dot", "dask", "compile", "examples", "docs", "bench", "dev", "all"}
"""Extras without which there is another way, arrays that only they bring, or no users."""


def test_a_missing_extra_is_named_with_the_line_that_installs_it(monkeypatch):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"].keys() == MISSING.keys() | OTHERWISE
    for extra, (package, use) in MISSING.items():
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(AutogradError, match=rf"pip install '?autograd-lite\[{extra}\]"):
                use()
