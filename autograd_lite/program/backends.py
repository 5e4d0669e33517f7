"""What a back end is: it makes one function of the steps of a program.

A back end is called as `backend(steps, inputs, outputs, guards, names)` and returns a runner:

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

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from autograd_lite.node import Array
from autograd_lite.program.program import Guard, Step

Output = tuple[Step, Step | None]


class Missed(Exception):  # noqa: N818 - no mistake, and nobody sees it
    """The entries that decide on what is computed are others: nothing was written to targets."""


class Runner(Protocol):
    """The function that a back end makes."""

    @property
    def source(self) -> str:
        """The text that is run."""

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """Compute the outputs."""


Backend = Callable[
    [Sequence[Step], Sequence[Step], Sequence[Output], Sequence[Guard], Mapping[Step, str]], Runner
]
