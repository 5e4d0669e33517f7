"""What a back end is: it makes one function of the steps of a program.

A back end is given a `Task`, and returns a runner:

- `steps` are in order. Those without a function and not among the inputs are constants, whose
  array is their only argument. No step changes what it is given.
- `inputs` are steps without a function whose arrays are given at each run: data, parameters,
  optimizer state, random masks, factors that the host computes. The array that such a step has as
  its argument shows shape, dtype and an example of the entries.
- `outputs` are pairs of a step and a target. Where the target is None, the value is returned, in
  memory that nobody else has. Else it is an input, into whose memory the value is written when all
  steps are computed; what reads that input gets what was there before. An input that no step reads
  may be written to at any time, also where the run then fails.
- `guards` are steps with the value that they had; see `Missed`.
- `names` of steps, valid in Python, as people are to read them in the source.

A runner is called with the arrays of all inputs, in order, of the shapes and dtypes that they had,
and returns a list of what the outputs without a target are. It is not called by two threads at
once. `runner.source` is the text that is run.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.arguments import one_of, require
from autograd_lite.node import Array
from autograd_lite.program.program import Guard, Program, Step, run_steps

Output = tuple[Step, Step | None]


class Task(NamedTuple):
    """What is to be computed, see above."""

    steps: Sequence[Step]
    inputs: Sequence[Step]
    outputs: Sequence[Output]
    guards: Sequence[Guard] = ()
    names: Mapping[Step, str] = MappingProxyType({})


ROUNDING = 16
"""How many spreads, see `spreads`, rounding may be large."""


Call = tuple[Any, ...]
"""A function and what it is called with."""


class Missed(Exception):  # noqa: N818 - no mistake, and nobody sees it
    """The entries that decide on what is computed are others: nothing was written to targets."""


class Runner:
    """The function that a back end makes; `source` is the text that is run."""

    source: str

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """Compute the outputs."""
        raise NotImplementedError

    def bound(self, arrays: Sequence[Any], given: Sequence[int]) -> Callable[..., list[Array]]:
        """A function of some of the inputs, by their places; the others are these in each run.

        The runner itself is not called any more, nor what it was bound to before.
        """

        def run(*found: Array) -> list[Array]:
            now = [*arrays]
            for place, array in zip(given, found):
                now[place] = array
            return self(now)

        return run


class Backend(NamedTuple):
    """A way to make runners."""

    name: str
    make: Callable[[Task], Runner]
    exact: bool  # equal to the engine to the last bit

    def agree(
        self,
        found: Sequence[Any],
        expected: Sequence[Any],
        spreads: Callable[[], Sequence[float]] | None = None,
    ) -> bool:
        """Whether arrays that it computed are those of the engine, as far as it says.

        Up to rounding means: up to 1e-11, or 1e-4 in float32, of the largest entry of the same
        array. One that is nothing but rounding, as the gradient of a bias before a batch norm is,
        may differ by some of its spread; spreads are asked for only where that is needed.
        """
        if len(found) != len(expected):
            return False
        pairs = [*zip(found, expected)]
        apart = [place for place, pair in enumerate(pairs) if not self._agree(*pair, 0)]
        if not apart or self.exact or spreads is None:
            return not apart
        allowed = spreads()
        return all(self._agree(*pairs[place], ROUNDING * allowed[place]) for place in apart)

    def _agree(self, found: Any, expected: Any, allowed: float) -> bool:
        if not hasattr(found, "tobytes") or not hasattr(expected, "tobytes"):
            return type(found) is type(expected)
        if (found.shape, found.dtype) != (expected.shape, expected.dtype):
            return False
        if self.exact or found.dtype.kind != "f":
            return bool(found.tobytes() == expected.tobytes())
        relative = 1e-11 if found.dtype == np.float64 else 1e-4
        largest = np.max(np.abs(expected), initial=0, where=np.isfinite(expected))
        return bool(np.allclose(found, expected, 0, relative * largest + allowed, equal_nan=True))


NAMES = ("numpy", "c")
FEWEST = 1000
"""Steps with single numbers from which on they are run in groups."""


def backend_of(name: Any) -> Backend:
    """The back end of that name, an ArgumentError if there is none."""
    require("compile", "backend", name, one_of(*NAMES))
    module = importlib.import_module(f"autograd_lite.program.{name}_backend")
    return Backend(name, getattr(module, f"{name}_backend"), name == "numpy")


def suited(backend: Backend, task: Task) -> Backend:
    """The back end, or that for programs of thousands of single numbers."""
    if not backend.exact or len(task.steps) < FEWEST:
        return backend
    from autograd_lite.program.scalars import are_numbers, scalar_backend

    numbers = are_numbers(task.steps, task.inputs)
    return Backend(backend.name, scalar_backend, False) if numbers else backend


# Whether what one computes is what the engine computed


MOVED = 64
"""Units in the last place by which inputs are moved to see how large rounding is."""


class OtherNumbers(Exception):  # noqa: N818 - nobody sees it but as a warning
    """What was compiled computes other numbers."""


def spreads(steps: Sequence[Step], inputs: Sequence[Step], outputs: Sequence[Any]) -> list[float]:
    """How far rounding may take each output: as far as inputs do whose last digits are others.

    Adding up in another order gives the exact sum of numbers that differ in their last digits. So
    it shows in this how large the terms are that cancel in a result.
    """
    rng = np.random.default_rng(0)
    given = {step.number: step.arguments[0] for step in inputs}
    moved = {number: _moved(array, rng) for number, array in given.items()}
    found, others = run_steps(steps, given), run_steps(steps, moved)
    numbers = [output.number if type(output) is Step else None for output in outputs]
    return [0.0 if n is None else _distance(found[n], others[n]) for n in numbers]


def _moved(array: Array, rng: np.random.Generator) -> Array:
    if array.dtype.kind != "f":
        return array
    signs = rng.choice([-1.0, 1.0], size=array.shape)
    moved: Array = (array * (1 + MOVED * np.finfo(array.dtype).eps * signs)).astype(array.dtype)
    return moved[()]


def _distance(a: Array, b: Array) -> float:
    if a.dtype.kind != "f":
        return 0.0
    finite = np.isfinite(a) & np.isfinite(b)
    return float(np.max(np.abs(a - b), initial=0, where=finite))


def differing(program: Program, backend: Backend, task: Task) -> str:
    """Where a program first differs from what was recorded, or a back end from it, in words."""
    given = {step.number: step.arguments[0] for step in task.inputs}
    right = run_steps(program.steps, given)
    for node, step in program.values.items():
        value = right[step.number]
        if step.function is not None and not np.array_equal(value, node._array, equal_nan=True):
            return f", first in step {step.number}, {node.operation.name}"
    arrays = [x for x in task.steps if x.function and isinstance(right[x.number], np.ndarray)]
    try:
        runner = backend.make(Task(task.steps, task.inputs, [(step, None) for step in arrays]))
        found = runner([x.arguments[0] for x in task.inputs])
    except Exception:  # it cannot give all of them
        found = []
    for step, value in zip(arrays, found):
        if not backend.agree([value], [right[step.number]]):
            name = getattr(step.function, "__name__", type(step.function).__name__)
            return f", first in step {step.number}, {name}"
    return " in its last steps"
