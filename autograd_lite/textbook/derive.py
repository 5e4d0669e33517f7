"""The backward pass of a graph as the formulas that a textbook would write."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.arguments import require_flag
from autograd_lite.node import Node
from autograd_lite.program.program import Step
from autograd_lite.textbook.lines import Lines, lines_of
from autograd_lite.textbook.mathematics import Latex, Mathematics
from autograd_lite.textbook.naming import variables_of
from autograd_lite.textbook.source import source_of
from autograd_lite.textbook.terms import shape_of


@dataclass(frozen=True)
class Formula:
    """One formula.

    Attributes:
        name: what is computed.
        formula: how.
        latex: both, in LaTeX.
        shape: of the result; None for the number of samples, and for several results in a tuple.
        value: the result, or the tuple of results, if values were asked for.
    """

    name: str
    formula: str
    latex: str
    shape: tuple[int, ...] | None
    value: Any = None


@dataclass(frozen=True)
class Derivation:
    """Formulas of a forward and a backward pass. Printed they are text, in notebooks mathematics.

    Attributes:
        forward: the steps of the forward pass that the backward pass needs.
        backward: those of the backward pass.
    """

    forward: tuple[Formula, ...]
    backward: tuple[Formula, ...]

    def _parts(self) -> list[tuple[str, tuple[Formula, ...]]]:
        both = [("Forward", self.forward), ("Backward", self.backward)]
        return [(title, steps) for title, steps in both if steps]

    def __str__(self) -> str:
        return "\n\n".join("\n".join([title, *_text(steps)]) for title, steps in self._parts())

    def markdown(self) -> str:
        """The formulas in LaTeX, aligned, with headings in Markdown."""
        return "\n\n".join(f"**{title}**\n\n{_aligned(steps)}" for title, steps in self._parts())

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
    values = require_flag("derive", "values", values)
    lines = lines_of(loss, wrt, variables_of(sys._getframe(1)))
    found: dict[str, Any] = {}
    if values:
        exec(source_of(lines, "locals()"), found)
        found = found["backward"](**lines.inputs)
    forward, backward = (tuple(_steps(lines, found, part)) for part in (False, True))
    return Derivation(forward, backward)


def _steps(lines: Lines, values: dict[str, Any], backward: bool) -> Iterator[Formula]:
    """The steps of the forward or of the backward pass."""
    symbols = lines.symbols
    names = {term: symbols.get(name, name) for term, name in lines.layout.names.items()}
    text, latex = Mathematics(names, lines.counts), Latex(names, lines.counts)
    if lines.batch and not backward:
        m, number, _ = lines.batch
        yield Formula(m, str(number), f"{latex.name(m)} = {number}", None)
    for own, term in lines.layout.lines:
        early = isinstance(term, Step) and term.number < lines.first
        if early != backward:
            name = symbols.get(own, own)
            both = f"{latex.name(name)} = {latex.line(name, term)}"
            yield Formula(
                text.name(name), text.line(name, term), both, shape_of(term), values.get(own)
            )


def _text(steps: tuple[Formula, ...]) -> Iterator[str]:
    texts = [f"  {step.name} = {step.formula}" for step in steps]
    width = max(map(len, texts))
    for step, text in zip(steps, texts):
        yield text if step.shape is None else f"{text:{width}}    {step.shape}"
        if step.value is not None:
            for value in step.value if isinstance(step.value, tuple) else (step.value,):
                shown = np.array2string(np.asarray(value), precision=6, threshold=60)
                yield from (f"      {row}" for row in shown.split("\n"))


def _aligned(steps: tuple[Formula, ...]) -> str:
    rows = []
    for step in steps:
        shape = "" if step.shape is None else f" && {step.shape}"
        rows.append(step.latex.replace(" = ", " &= ", 1) + shape + r" \\")
    return "\n".join(["$$", r"\begin{aligned}", *rows, r"\end{aligned}", "$$"])
