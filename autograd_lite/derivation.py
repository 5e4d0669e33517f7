"""The backward pass of a graph as the formulas that a textbook would write."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.engine import Node
from autograd_lite.notation import Latex, Mathematics
from autograd_lite.reading import Lines, lines_of
from autograd_lite.source import source_of
from autograd_lite.terms import Term, shape_of


@dataclass(frozen=True)
class Step:
    """One formula.

    Attributes:
        name: what is computed.
        formula: how.
        shape: of the result.
        value: the result, if values were asked for.
    """

    name: str
    formula: str
    shape: tuple[int, ...]
    value: Any = None


@dataclass(frozen=True)
class Derivation:
    """Formulas of a forward and a backward pass. Printed they are text, in notebooks mathematics.

    Attributes:
        forward: the steps of the forward pass that the backward pass needs.
        backward: those of the backward pass.
    """

    forward: tuple[Step, ...]
    backward: tuple[Step, ...]
    _latex: tuple[tuple[Step, ...], tuple[Step, ...]] = field(repr=False)

    def __str__(self) -> str:
        parts = [("Forward", self.forward), ("Backward", self.backward)]
        return "\n\n".join("\n".join([title, *_text(steps)]) for title, steps in parts if steps)

    def markdown(self) -> str:
        """The formulas in LaTeX, aligned, with headings in Markdown."""
        parts = zip(("Forward", "Backward"), self._latex)
        return "\n\n".join(f"**{title}**\n\n{_aligned(steps)}" for title, steps in parts if steps)

    def _repr_markdown_(self) -> str:
        return self.markdown()


def derive(loss: Any, wrt: Sequence[Node] | None = None, values: bool = False) -> Derivation:
    """The formulas of the gradients of a loss, step by step, with the shapes of all arrays.

    δ1 stands for the cotangent of the pre-activation z1; otherwise dA is that of A. ⊙ multiplies
    entry by entry, Σ₀ sums over axis 0, and [x > 0] is 1 where that holds, else 0.

    Args:
        loss: a scalar that was recorded.
        wrt: the tensors, parameters or computed ones; by default all parameters.
        values: whether to show the values of all steps too.

    Raises:
        GradientError: the loss has no gradient in one of them.

    >>> import numpy as np
    >>> from autograd_lite import Tensor
    >>> x, y = np.array([[1.0], [2.0]]), np.array([[0.5]])
    >>> W = Tensor([[0.5, -0.5]], requires_grad=True)
    >>> print(derive(((np.tanh(W @ x) - y) ** 2).sum()))
    Forward
      z = W x        (1, 1)
      a = tanh(z)    (1, 1)
    <BLANKLINE>
    Backward
      δ = 2 (a - y) ⊙ (1 - a ⊙ a)    (1, 1)
      dW = δ xᵀ                      (1, 2)
    """
    lines = lines_of(loss, wrt, sys._getframe(1).f_locals)
    found = _values(lines) if values else {}
    text, latex = (
        [tuple(_steps(lines, notation, found, part)) for part in (False, True)]
        for notation in (Mathematics, Latex)
    )
    return Derivation(text[0], text[1], (latex[0], latex[1]))


def _values(lines: Lines) -> dict[str, Any]:
    """The results of all lines by name."""
    namespace: dict[str, Any] = {}
    exec(source_of(lines, "locals()"), namespace)
    found: dict[str, Any] = namespace["backward"](**lines.inputs)
    return found


def _steps(
    lines: Lines, notation: type[Mathematics], values: dict[str, Any], backward: bool
) -> Iterator[Step]:
    """The steps of the forward or of the backward pass."""
    deltas = {name: re.sub("^d[zZ]", "delta", name) for name in lines.deltas}
    names = {term: deltas.get(name, name) for term, name in lines.layout.names.items()}
    writer = notation(names, lines.counts)
    if lines.batch and not backward:
        yield Step(lines.batch.name, str(lines.batch.number), ())
    for line in lines.layout.lines:
        early = isinstance(line.term, Term) and line.term.number < lines.first
        if early != backward:
            name = deltas.get(line.name, line.name)
            yield Step(
                writer.name(name),
                writer.line(name, line.term),
                shape_of(line.term),
                values.get(line.name),
            )


def _text(steps: tuple[Step, ...]) -> Iterator[str]:
    texts = [f"  {step.name} = {step.formula}" for step in steps]
    width = max(map(len, texts))
    for step, text in zip(steps, texts):
        yield f"{text:{width}}    {step.shape}"
        if step.value is not None:
            shown = np.array2string(np.asarray(step.value), precision=6, threshold=60)
            yield from (f"      {row}" for row in shown.split("\n"))


def _aligned(steps: tuple[Step, ...]) -> str:
    rows = [f"{step.name} &= {step.formula} && {step.shape} \\\\" for step in steps]
    return "\n".join(["$$", r"\begin{aligned}", *rows, r"\end{aligned}", "$$"])
