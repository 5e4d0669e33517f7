"""Rows of rarely used functions are added when one of these first meets a tensor."""

import re
import subprocess
import sys
from pathlib import Path

from autograd_lite import derivatives
from autograd_lite.derivatives import LATER, all_rows
from autograd_lite.table import COMPOSED, WITHOUT_DERIVATIVE


def output_of(script):
    """What a fresh interpreter prints, in which no tensor has met a function."""
    script = f"import numpy as np, autograd_lite as al\n{script}"
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_function_is_found_when_it_first_meets_a_tensor():
    calls = {
        "np.trapezoid(x)": "",
        "np.linalg.norm(x)": "",
        "np.add.outer(x, x)[0, 0]": "",
        "expit(x)[0]": "from scipy.special import expit\n",
    }
    for call, imported in calls.items():
        script = f"{imported}x = al.Tensor([1.0, 2.0], requires_grad=True)"
        found = output_of(f"{script}; {call}.backward(); print(x.grad.any())")
        assert found == ["True"], call


def test_functions_without_a_derivative_are_found_too():
    assert output_of("print(np.argsort(al.Tensor([2.0, 1.0])))") == ["[1", "0]"]


def test_functions_that_most_programs_use_need_no_other_file():
    script = """
import sys
x, w = al.Tensor(np.ones((2, 3)), requires_grad=True), al.Tensor(np.ones((3, 1)))
h = np.concatenate([np.tanh(x @ w), al.relu(x)], axis=1)[:, :2].reshape(4)
(np.where(h.data > 0, np.exp(-h), h).mean() + np.stack([h.max(), (h**2).sum()]).sum()).backward()
print(*(name for name in sys.modules if name.startswith("autograd_lite.derivatives.")))
"""
    files = {f"autograd_lite.derivatives.{name}" for names in LATER.values() for name in names}
    assert not files.intersection(output_of(script))


def test_a_row_of_a_users_own_stays_whatever_is_added_later():
    # One that has a row, and one that is composed.
    script = """
functions = (np.sort, np.linalg.norm)
for function in functions:
    al.define(function, lambda g, y, x: 7.0 + 0 * x)
def slopes():
    return [al.grad(lambda x: f(x).sum())(np.array([2.0, 1.0]))[0] for f in functions]
first = slopes()
np.percentile(al.Tensor([2.0, 1.0]), 50)
print(*first, *slopes())
"""
    assert output_of(script) == ["7.0"] * 4


def test_every_file_of_rows_is_imported_at_once_or_declared():
    declared = [name for names in LATER.values() for name in names]
    assert len(set(declared)) == len(declared)
    folder = Path(derivatives.__path__[0])
    adds = re.compile(r"\b(define|differentiable|composed|without_derivative)\b")
    files = {path.stem for path in folder.glob("*.py") if adds.search(path.read_text())}
    files.discard("__init__")
    assert set(declared) <= files
    script = """
import sys
print(*(name.split(".")[2] for name in sys.modules if name.startswith("autograd_lite.deriv") and
        name.count(".") == 2))
"""
    assert set(output_of(script)) & files == files - set(declared)


def test_all_rows_are_those_of_the_libraries_that_are_imported():
    script = """
from autograd_lite.derivatives import all_rows
before = set(all_rows())
import scipy.special as sp
print(np.sort in before, sp.expit in before, sp.expit in all_rows())
"""
    assert output_of(script) == ["True", "False", "True"]


def test_no_function_is_said_two_things_of():
    rows, composed = set(all_rows()), set(COMPOSED)
    assert not rows & composed
    assert not (rows | composed) & WITHOUT_DERIVATIVE


def test_activations_are_there_from_the_beginning():
    script = """
from autograd_lite.derivatives import all_rows
from autograd_lite.table import activations
before = set(activations())
all_rows()
print(before == set(activations()))
"""
    assert output_of(script) == ["True"]
