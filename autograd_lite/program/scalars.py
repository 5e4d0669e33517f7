"""Programs of single numbers: what thousands of steps do alike, one call does at once.

Numbers stand in one array. Steps of one function on one level, which need no result of one another,
are one group: their operands are gathered by index, and the function is called once for all.
Chains of additions become sums, in the order in which they were added.
"""

from __future__ import annotations

import ctypes
import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograd_lite.derivatives.neural import relu, sigmoid
from autograd_lite.node import Array
from autograd_lite.program.backends import FEWEST, Missed, Runner, Task
from autograd_lite.program.c_forms import ENTRY_BY_ENTRY, PRELUDE, form_of
from autograd_lite.program.compiler import library
from autograd_lite.program.program import Step, row_of, steps_in
from autograd_lite.table import TABLE, traits_of

MOST_VIEWS = 4
"""From how many views of rows, or for how few rows, a sum is one of rows that are gathered."""


class Group(NamedTuple):
    """A function that is called for many steps at once; np.add of any number of operands."""

    function: Any
    start: int  # of the results, which follow on one another
    places: Array  # of the operands, (operands, results)


class Scalars:
    """The groups of a program of numbers, in order, and where each step has its number.

    Raises:
        KeyError: a step is no function of numbers alone; see `are_numbers`.
    """

    def __init__(self, task: Task) -> None:
        steps, inputs, self.outputs, self.guards, _ = task
        self.inputs = inputs
        self.values: list[float] = []  # of what is not computed
        self.place: dict[Step, int] = {step: place for place, step in enumerate(inputs)}
        self.values += [0.0] * len(inputs)
        self._numbers: dict[Any, int] = {}
        self._level: list[int] = [0] * len(inputs)
        self._operands: dict[int, list[int]] = {}
        self._function: dict[int, Any] = {}
        wanted = [step for step, _ in self.outputs] + [guard.step for guard in self.guards]
        self._uses = _uses(steps, wanted)
        for step in steps:
            if step not in self.place:
                self._take(step)
        self.groups = self._grouped()

    def _take(self, step: Step) -> None:
        if step.function is None:
            self.place[step] = self._number(step.arguments[0])
        elif step in self._uses:
            operands = [self._of(x) for x in step.arguments]
            row = row_of(step.function)
            function = row.function if row else step.function
            if function is np.add:
                operands = self._chain(step.arguments[0], operands)
            place = self.place[step] = len(self._level)
            self._level.append(1 + max(self._level[operand] for operand in operands))
            self._function[place], self._operands[place] = function, operands

    def _chain(self, first: Any, operands: list[int]) -> list[int]:
        """The operands of a sum, in place of an addition that is used for nothing else."""
        is_sum = self._function.get(operands[0]) is np.add
        if not is_sum or self._uses[first] > 1:
            return operands
        self._function.pop(operands[0])
        return [*self._operands.pop(operands[0]), operands[1]]

    def _of(self, value: Any) -> int:
        return self.place[value] if type(value) is Step else self._number(value)

    def _number(self, value: Any) -> int:
        """Where a number stands that is not computed."""
        number = float(value)
        key = number.hex()
        if key not in self._numbers:
            self._numbers[key] = len(self._level)
            self._level.append(0)
        return self._numbers[key]

    def _grouped(self) -> list[Group]:
        found: dict[Any, list[int]] = {}
        for place, function in self._function.items():
            operands = self._operands[place]
            key = self._level[place], len(operands), function
            found.setdefault(key, []).append(place)
        moved = np.zeros(len(self._level), np.intp)
        moved[: len(self.inputs)] = range(len(self.inputs))
        for key, place in self._numbers.items():
            moved[place] = len(self.values)
            self.values.append(float.fromhex(key))
        groups, end = [], len(self.values)
        for key in sorted(found, key=lambda key: key[:2]):
            places = np.array([self._operands[place] for place in found[key]]).T
            groups.append(Group(key[2], end, moved[places]))
            moved[found[key]] = range(end, end + len(found[key]))
            end += len(found[key])
        self.size = end
        self.place = {step: int(moved[place]) for step, place in self.place.items()}
        return groups


def are_numbers(steps: Sequence[Step], inputs: Sequence[Step]) -> bool:
    """Whether a program computes with single numbers alone, in float64."""
    return len(steps) >= FEWEST and all(map(_is_number, (*steps, *inputs)))


def _is_number(step: Step) -> bool:
    if step.shape != () or step.dtype != np.float64 or step.keywords:
        return False
    if step.function is None:
        return True
    numbers = all(isinstance(x, Step | int | float) for x in step.arguments)
    row = row_of(step.function)
    return numbers and (row.traits if row else traits_of(step.function)).elementwise


def _uses(steps: Sequence[Step], wanted: Sequence[Step]) -> Mapping[Step, int]:
    """How often the steps are used that something which is wanted depends on."""
    uses = Counter(2 * [*wanted])
    for step in reversed(steps):
        if step in uses:
            uses.update(steps_in(step))
    return uses


class ScalarRunner(Runner):
    """Runs groups with NumPy; `source` says in a line what each of them does."""

    def __init__(self, scalars: Scalars) -> None:
        self.scalars = scalars
        self._numbers = np.empty(scalars.size)
        self._numbers[: len(scalars.values)] = scalars.values
        self._calls = [call_of(self._numbers, group) for group in scalars.groups]
        place, inputs = scalars.place, [*scalars.inputs]
        returned = [place[step] for step, target in scalars.outputs if target is None]
        self._returned = np.array(returned, np.intp)
        self._written = [
            (place[step], inputs.index(target)) for step, target in scalars.outputs if target
        ]
        self.source = "\n".join(
            f"x[{start}:{start + places.shape[1]}] = {function.__name__} of {len(places)} operands"
            for function, start, places in scalars.groups
        )
        self._guards = [(place[guard.step], guard.outcome) for guard in scalars.guards]

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """Compute the outputs."""
        numbers = self._numbers
        numbers[: len(arrays)] = np.fromiter(arrays, float, len(arrays))
        self._compute()
        for place, outcome in self._guards:
            if numbers[place] != outcome:
                raise Missed
        found = numbers[self._returned]
        for place, index in self._written:
            arrays[index][...] = numbers[place]
        return [*found]

    def _compute(self) -> None:
        with np.errstate(all="ignore"):
            for call in self._calls:
                call()


def call_of(numbers: Array, group: Group) -> Callable[[], Any]:
    """What computes a group, given all numbers."""
    function, start, places = group
    out = numbers[start : start + places.shape[1]]
    if function is np.add and len(places) > 2:
        return _sum_of(numbers, places, out)
    row = TABLE.get(function)
    compute = function if isinstance(function, np.ufunc) or row is None else row.compute
    if not isinstance(compute, np.ufunc):
        compute = _written_by(compute)
    # Each other one: what both operands of a product contribute to stands side by side.
    for apart in (1, 2):
        parts = [slice(first, None, apart) for first in range(apart)]
        shown = [_shown(numbers, places[:, part]) for part in parts]
        if all(shown):
            calls = [
                functools.partial(compute, *views, out=out[part].reshape(views[0].shape))
                for views, part in zip(shown, parts)
            ]
            return _in_order(calls)
    take, room = numbers.take, np.empty(places.shape)
    return lambda: compute(*take(places, None, room, "clip"), out=out)


def _in_order(calls: Sequence[Callable[[], Any]]) -> Callable[[], Any]:
    return calls[0] if len(calls) == 1 else lambda: [call() for call in calls]


def _written_by(compute: Callable[..., Any]) -> Callable[..., None]:
    return lambda *operands, out: np.copyto(out, compute(*operands))


def _shown(numbers: Array, places: Array) -> list[Array]:
    """The numbers at rows of places as views of one shape; none if these lie in no such order.

    >>> _shown(10.0 * np.arange(9), np.array([[0, 1, 2, 4, 5, 6], [8, 8, 8, 7, 7, 7]]))[1]
    array([[80., 80., 80.],
           [70., 70., 70.]])
    """
    shape, strides, firsts = list[int](), list[Array](), places
    while firsts.shape[1] > 1:
        steps = np.diff(firsts, axis=1)
        others = np.flatnonzero((steps != steps[:, :1]).any(axis=0))
        length = int(others[0]) + 1 if len(others) else firsts.shape[1]
        if length == 1 or firsts.shape[1] % length:
            return []
        blocks = firsts.reshape(len(firsts), -1, length)
        if (np.diff(blocks, axis=2) != steps[:, :1, None]).any():
            return []
        shape.insert(0, length)
        strides.insert(0, steps[:, 0])
        firsts = blocks[:, :, 0]
    item = numbers.itemsize
    return [
        as_strided(numbers[first:], shape, [item * int(stride[row]) for stride in strides])
        for row, first in enumerate(firsts[:, 0])
    ]


def _sum_of(numbers: Array, places: Array, out: Array) -> Callable[[], Any]:
    """What adds up rows of numbers: those that follow on one another evenly as one view."""
    moves = np.diff(places, axis=0)
    even = (moves == moves[:, :1]).all(axis=1)
    starts = [0]
    for row in range(1, len(places)):
        began = row - 1 == starts[-1]
        if not even[row - 1] or not (began or moves[row - 1, 0] == moves[row - 2, 0]):
            starts.append(row)
    as_views = len(starts) < MOST_VIEWS < len(places)
    calls: list[Callable[[], Any]] = []
    for first, stop in zip(starts, [*starts[1:], len(places)]):
        shown = _shown(numbers, places[first : first + 1]) if as_views else []
        if not shown:
            take, room = numbers.take, np.empty(places.shape)
            return lambda: np.add.reduce(take(places, None, room, "clip"), 0, None, out)
        (view,) = shown
        move = numbers.itemsize * int(moves[first, 0]) if stop - first > 1 else 0
        rows = as_strided(view, (stop - first, *view.shape), (move, *view.strides))
        into = np.empty(view.shape) if calls else out.reshape(view.shape)
        calls.append(functools.partial(np.add.reduce, rows, 0, None, into))
        if into.base is None:
            whole = out.reshape(view.shape)
            calls.append(functools.partial(np.add, whole, into, whole))
    return _in_order(calls)


def scalar_backend(task: Task) -> ScalarRunner:
    """A program of numbers with NumPy; equal to the engine but for the rounding of sums."""
    return ScalarRunner(Scalars(task))


# In C: one function runs all programs, so that it is compiled once


@functools.cache
def forms() -> dict[object, str]:
    """How C writes each function, of operands a and b; the first is a sum of many."""
    forms: dict[object, str] = {np.add: "", relu: "LARGER(a, 0)", sigmoid: "1 / (1 + exp(-a))"}
    for function in ENTRY_BY_ENTRY:
        numbers = (np.float64(0),) * getattr(function, "nin", 1)
        form = form_of(function, numbers, np.dtype(float))
        if form:
            forms.setdefault(function, form[0].format("a", "b"))
    return forms


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
    numbered = enumerate(forms().values())
    cases = " ".join(f"EACH({code}, {form})" for code, form in numbered if form)
    return PRELUDE + TAPE.replace("CASES", cases)


class TapeRunner(ScalarRunner):
    """Runs groups in C."""

    def __init__(self, scalars: Scalars) -> None:
        super().__init__(scalars)
        lengths = [group.places.size for group in scalars.groups]
        starts = np.cumsum([0, *lengths])
        codes = {function: code for code, function in enumerate(forms())}
        self._group = np.array(
            [
                (codes[function], start, places.shape[1], len(places), at)
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
    known = all(group.function in forms() for group in scalars.groups)
    return (TapeRunner if known else ScalarRunner)(scalars)
