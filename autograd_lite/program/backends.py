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
from autograd_lite.program.program import Guard, Step

Output = tuple[Step, Step | None]


class Task(NamedTuple):
    """What is to be computed, see above."""

    steps: Sequence[Step]
    inputs: Sequence[Step]
    outputs: Sequence[Output]
    guards: Sequence[Guard] = ()
    names: Mapping[Step, str] = MappingProxyType({})


ROUNDING = 16
"""How many spreads, see `agreement.spreads`, rounding may be large."""


Call = tuple[Any, ...]
"""A function and what it is called with."""


class Missed(Exception):  # noqa: N818 - no mistake, and nobody sees it
    """The entries that decide on what is computed are others: nothing was written to targets."""


class Runner:
    """The function that a back end makes."""

    source: str
    """The text that is run."""

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
