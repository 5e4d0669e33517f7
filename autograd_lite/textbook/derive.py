"""The backward pass of a graph as the formulas that a textbook would write."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograd_lite.arguments import require_flag
from autograd_lite.names import explains_keywords, tell_of
from autograd_lite.node import Node
from autograd_lite.program.program import Step
from autograd_lite.textbook.blocks import Block
from autograd_lite.textbook.latex import Latex
from autograd_lite.textbook.lines import Lines, lines_of
from autograd_lite.textbook.mathematics import Mathematics
from autograd_lite.textbook.naming import variables_of
from autograd_lite.textbook.source import prepared, texts_of
from autograd_lite.textbook.spellings import Count
from autograd_lite.textbook.terms import is_broadcast, is_number, shape_of

SHOWN = 6
"""Rows and columns of a matrix in Markdown; of more these many first and last ones."""


@dataclass(frozen=True)
class Formula:
    """One formula.

    Attributes:
        name: what is computed.
        formula: how.
        latex: both, in LaTeX.
        shape: of the result; None for the number of samples, and for several results in a tuple.
        value: the result, or the tuple of results, of the loss and where values were asked for.
    """

    name: str
    formula: str
    latex: str
    shape: tuple[int, ...] | None
    value: Any = None


@dataclass(frozen=True, repr=False)
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

    __repr__ = __str__

    def markdown(self) -> str:
        """The formulas in LaTeX, aligned, with headings in Markdown; and values, if there are."""
        return "\n\n".join(f"**{title}**\n\n{_aligned(steps)}" for title, steps in self._parts())

    def _repr_markdown_(self) -> str:
        return self.markdown()


@explains_keywords
def derive(loss: Any, wrt: Sequence[Node] | None = None, values: bool = False) -> Derivation:
    """The formulas of the gradients of a loss, step by step, with the shapes of all arrays.

    δ1 stands for the cotangent of the pre-activation z1; otherwise dA is the cotangent of A. ⊙
    multiplies entry by entry, Σ₀ sums over axis 0, and [x > 0] is 1 where that holds, else 0.
    Repeated steps become a loop, in which h[t] is a value and h[t-1] the one before; sums of
    gradients begin with 0. The values shown for its lines are those after the loop.

    Args:
        loss: a scalar that was recorded.
        wrt: the tensors to differentiate in, parameters or computed ones; by default all
            parameters.
        values: whether to show the values of all steps, and not only that of the loss.

    Raises:
        GradientError: the loss has no gradient in one of them.

    >>> import numpy as np
    >>> from autograd_lite import Tensor
    >>> x, y = np.array([[1.0], [2.0]]), np.array([[0.5]])
    >>> W = Tensor([[0.5, -0.5]], requires_grad=True)
    >>> print(derive(((np.tanh(W @ x) - y) ** 2).sum()))
    Forward
      z = W x              (1, 1)
      a = tanh(z)          (1, 1)
      loss = Σ (a - y)²    ()
          0.925669
    <BLANKLINE>
    Backward
      δ = 2 (a - y) ⊙ (1 - a²)    (1, 1)
      dW = δ xᵀ                   (1, 2)
    """
    values = require_flag("derive", "values", values)
    variables = variables_of(sys._getframe(2))  # of the caller, behind the decorator
    lines = lines_of(loss, wrt, variables, with_loss=True)
    found = _values(lines) if values else [({}, {}) for _ in lines.listing.lines]
    found = [(before, {**after, lines.loss: loss.item()}) for before, after in found]
    passes = [_Pass(lines, backward, variables) for backward in (False, True)]
    return Derivation(*[tuple(each.formulas(found)) for each in passes])


Values = list[tuple[dict[str, Any], dict[str, Any]]]
"""Of each line, what variables are before its loop, if it is one, and after it."""


def _values(lines: Lines) -> Values:
    """The values of what is computed, but for the loss alone."""
    space, found = prepared(lines), []
    for line in lines.listing.lines:
        texts = [] if lines.is_for_loss(line) else [*texts_of(line, lines.source())]
        first = len(line.before) if isinstance(line, Block) else 0
        exec("\n".join(texts[:first]), space)
        before = {**space}
        exec("\n".join(texts[first:]), space)
        found.append((before, {**space}))
    return found


class _Pass:
    """Writes the formulas of the forward or of the backward pass."""

    def __init__(self, lines: Lines, backward: bool, variables: Mapping[str, Any]) -> None:
        self.lines, self.backward, listing = lines, backward, lines.listing
        self.symbols, samples = listing.symbols, lines.batch[1] if lines.batch else None
        constants, numbers = _sources_of(listing.terms, variables, listing.names.values(), samples)
        single = [line for line in listing.lines if not isinstance(line, Block)]
        later = {name for name, _ in single} - lines.forward if not backward else set()
        known = {term: name for term, name in listing.names.items() if name not in later}
        self.names = numbers | {term: self.symbols.get(x, x) for term, x in known.items()}
        self.names |= {term: x for term, x in listing.shown.items() if term in self.names}
        ways = Mathematics, Latex
        self.text, self.latex = (write(self.names, lines.counts, constants) for write in ways)

    def formulas(self, values: Values) -> Iterator[Formula]:
        """All of them, given the values of lines."""
        lines = self.lines
        if lines.batch and not self.backward:
            m, number, _ = lines.batch
            yield Formula(m, str(number), f"{self.latex.name(m)} = {number}", None)
        for line, (before, after) in zip(lines.listing.lines, values):
            if lines.is_forward(line) == self.backward:
                continue
            if isinstance(line, Block):
                yield from self._repeated(line, before, after)
            else:
                name, term = line
                yield self._formula(self.symbols.get(name, name), term, after.get(name))

    def _formula(self, name: str, term: Any, value: Any) -> Formula:
        text, latex = self.text, self.latex
        both = f"{latex.name(name)} = {latex.line(name, term)}"
        return Formula(text.name(name), text.line(name, term), both, shape_of(term), value)

    def _repeated(
        self, block: Block, before: dict[str, Any], after: dict[str, Any]
    ) -> Iterator[Formula]:
        """Those of a loop, after those of what it begins with."""
        variable, indices, names = block.variable, block.indices, self.names
        first, last = indices[0], indices[-1]
        carried, at_first = f"[{variable}{-indices.step:+}]", f"[{first - indices.step}]"
        for own, term, place in block.before:
            value = None if is_number(term) or is_broadcast(term) else before.get(own)
            step = self._formula(names[place].replace(carried, at_first), term, value)
            yield replace(step, shape=place.shape)
        for name, parts in block.slices:
            listed = ", ".join(map(self.text.text, parts))
            yield Formula(name, f"[{listed}]", rf"\mathrm{{{name}}} = [{listed}]", None)
        head = f"for {variable} = {first}, ..., {last}"
        yield Formula(head, "", rf"\text{{for }} {variable} = {first}, \dots, {last}:", None)
        for own, term in block.lines:
            step = self._formula(names[term], term, after.get(own))
            yield replace(step, name=f"  {step.name}", latex=rf"\quad {step.latex}")
        for name, value in block.carried:
            both = rf"\quad \mathrm{{{name}}} = \mathrm{{{value}}}".replace("_", r"\_")
            yield Formula(f"  {name}", value, both, None)


NO_PART = {"lr", "learning_rate", "eta", "momentum"}
"""Names of numbers of an optimizer, which a loss is not computed from."""


def _sources_of(
    terms: Iterable[Step], variables: Mapping[str, Any], taken: Collection[str], m: int | None
) -> tuple[dict[float, Step], dict[Step, str]]:
    """By number in terms, what it is in the caller's variables; and the names in that.

    It is a variable, its double or its half, or that over the number m of samples. A number that
    may be made of two variables stays a number, and so do those that are whole, and 1/2.
    """
    names = {
        Step(None, (), {}, (), -1): (name, float(value))
        for name, value in variables.items()
        if isinstance(value, float | np.floating)
        and name.isidentifier()
        and not name.startswith("_")
        and name not in NO_PART | {*taken}
    }
    numbers = {
        float(x) for term in terms for x in term.arguments if is_number(x) and _is_specific(x)
    }
    found = {}
    for number in numbers:
        guesses = [
            (leaf, above, below)
            for leaf, (_, value) in names.items()
            if _is_specific(value)
            for above, below in _fractions(m)
            if abs(value * above / below - number) <= 4e-16 * abs(number)
        ]
        if guesses and len({leaf for leaf, _, _ in guesses}) == 1:
            found[number] = _written(*guesses[0])
    return found, {leaf: name for leaf, (name, _) in names.items()}


def _is_specific(number: Any) -> bool:
    """Whether a number tells where it comes from."""
    return bool(np.isfinite(number) and number % 1 != 0 and number != 0.5)


def _fractions(m: int | None) -> list[tuple[int, Any]]:
    alone: list[tuple[int, Any]] = [(1, 1), (2, 1), (1, 2)]
    return alone + ([(1, Count(m)), (2, Count(m)), (1, 2 * m)] if m else [])


def _written(leaf: Step, above: int, below: Any) -> Step:
    term = leaf if above == 1 else Step(np.multiply, (above, leaf), {}, (), -1)
    if not isinstance(below, Count) and below > 2:
        below = Step(np.multiply, (2, Count(below // 2)), {}, (), -1)
    return term if type(below) is int and below == 1 else Step(np.divide, (term, below), {}, (), -1)


def _text(steps: tuple[Formula, ...]) -> Iterator[str]:
    texts = [
        f"  {step.name} = {step.formula}" if step.formula else f"  {step.name}:" for step in steps
    ]
    width = max(map(len, texts))
    for step, text in zip(steps, texts):
        yield text if step.shape is None else f"{text:{width}}    {step.shape}"
        if step.value is not None:
            for value in step.value if isinstance(step.value, tuple) else (step.value,):
                shown = np.array2string(np.asarray(value), precision=6, threshold=60)
                yield from (f"      {row}" for row in shown.split("\n"))


def _matrix(array: Any) -> str:
    """A number, or a matrix of the first and the last entries, in LaTeX."""
    if array.ndim == 0:
        return f"{array:.6g}"
    table = array.reshape(math.prod(array.shape[:-1]), array.shape[-1])
    columns = _ends(table.shape[1])
    rows = [
        " & ".join(r"\cdots" if j is None else f"{table[i, j]:.6g}" for j in columns)
        if i is not None
        else r"\vdots"
        for i in _ends(len(table))
    ]
    inside = r" \\ ".join(rows)
    return rf"\begin{{bmatrix}} {inside} \end{{bmatrix}}"


def _ends(count: int) -> list[int | None]:
    """The numbers of some first rows or columns, and of the last; None for those between."""
    if count <= SHOWN:
        return [*range(count)]
    return [*range(SHOWN - 2), None, count - 1]


def _aligned(steps: tuple[Formula, ...]) -> str:
    rows = []
    for step in steps:
        shape = "" if step.shape is None else f" && {step.shape}"
        rows.append(step.latex.replace(" = ", " &= ", 1) + shape + r" \\")
        if step.value is not None:
            several = step.value if isinstance(step.value, tuple) else (step.value,)
            rows += [rf"&= {_matrix(np.asarray(value))} \\" for value in several]
    return "\n".join(["$$", r"\begin{aligned}", *rows, r"\end{aligned}", "$$"])


tell_of(
    Derivation,
    {"latex": "derivation.markdown()", "save": "path.write_text(derivation.markdown())"},
    "a derivation",
)
