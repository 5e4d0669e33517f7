"""Programs of single numbers in C: one function runs them all, so that it is compiled once."""

from __future__ import annotations

import ctypes

import numpy as np

from autograd_lite.derivatives.neural import relu, sigmoid
from autograd_lite.program.backends import Task
from autograd_lite.program.c_forms import ENTRY_BY_ENTRY, PRELUDE, form_of
from autograd_lite.program.compiler import library
from autograd_lite.program.scalars import ScalarRunner, Scalars


def _forms() -> dict[object, str]:
    """How C writes each function, of operands a and b; the first is a sum of many."""
    forms: dict[object, str] = {np.add: "", relu: "LARGER(a, 0)", sigmoid: "1 / (1 + exp(-a))"}
    for function in ENTRY_BY_ENTRY:
        numbers = (np.float64(0),) * getattr(function, "nin", 1)
        form = form_of(function, numbers, np.dtype(float))
        if form:
            forms.setdefault(function, form[0].format("a", "b"))
    return forms


FORMS = _forms()
CODES = {function: code for code, function in enumerate(FORMS)}

TAPE = r"""
#define EACH(code, value) case code: \
  for (long j = 0; j < n; j++) { const double a = x[l[j]], b = x[r[j]]; out[j] = value; } break;
void run(long groups, const int64_t (*group)[5], const int32_t *places, double *x) {
  for (; groups--; group++) {
    const long n = group[0][2], operands = group[0][3];
    const int32_t *l = places + group[0][4], *r = operands > 1 ? l + n : l;
    double *restrict out = x + group[0][1];
    switch (group[0][0]) {
      case 0:
        for (long j = 0; j < n; j++) {
          double sum = x[l[j]];
          for (long i = 1; i < operands; i++) sum += x[l[i * n + j]];
          out[j] = sum;
        }
        break;
      CASES
    }
  }
}
"""
"""A group: the code of its function, where its results are, how many, of how many operands, and
where their places are."""


def source() -> str:
    """The text in C, the same for all programs."""
    cases = " ".join(f"EACH({CODES[f]}, {form})" for f, form in FORMS.items() if form)
    return PRELUDE + TAPE.replace("CASES", cases)


class TapeRunner(ScalarRunner):
    """Runs groups in C."""

    def __init__(self, scalars: Scalars) -> None:
        super().__init__(scalars)
        lengths = [group.places.size for group in scalars.groups]
        starts = np.cumsum([0, *lengths])
        self._group = np.array(
            [
                (CODES[function], start, places.shape[1], len(places), at)
                for (function, start, places), at in zip(scalars.groups, starts)
            ],
            np.int64,
        ).reshape(-1, 5)
        flat = [group.places.reshape(-1) for group in scalars.groups]
        self._places = np.concatenate([*flat, []]).astype(np.int32)
        self._run = library(source()).run
        self._run.argtypes = (ctypes.c_long, *[ctypes.c_void_p] * 3)
        self._run.restype = None
        arrays = self._group, self._places, self._numbers
        self._at = len(scalars.groups), *[array.ctypes.data for array in arrays]

    def _compute(self) -> None:
        self._run(*self._at)


def c_scalars(task: Task) -> ScalarRunner:
    """A program of numbers in C; with NumPy where a function is not among those of the tape.

    Raises:
        CompilerError: there is no compiler, or it fails.
    """
    scalars = Scalars(task)
    known = all(group.function in CODES for group in scalars.groups)
    return (TapeRunner if known else ScalarRunner)(scalars)
