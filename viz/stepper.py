"""A backward pass to step through: one page, with the graph, and a formula for each step.

What is shown comes from the engine: the nodes in its order, its rules on its numbers. The formulas
are those of `derive`, one rule at a time.
"""

from __future__ import annotations

import dataclasses
import html
import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.compare import GradientComparison, compared
from autograd_lite.cotangents import seed_of
from autograd_lite.engine import apply_rule, carry_back, computed_and_leaves
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords, tell_of
from autograd_lite.node import Cotangents, Node, Pass, plain
from autograd_lite.tensor import Tensor
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.mathematics import Mathematics
from autograd_lite.textbook.naming import key_of, names_of, variables_of, visible_arrays
from autograd_lite.textbook.recognized import sliced
from autograd_lite.whole_files import FileName
from viz.collapse import computed, drawn
from viz.picture import Graph
from viz.saving import saved
from viz.vertices import Look, lines, read

LONGEST = 1000
"""The operations that a page has room for."""
EACH = 200
"""Of up to so many operations each is a box of its own; of more, modules and equal steps are."""
SECONDS = 5.0
"""How long mistakes are looked for."""


@dataclass(frozen=True)
class Passage:
    """One step of the forward or the backward pass.

    Attributes:
        phase: "forward" or "backward".
        vertex: the number of the array that is computed, or that a cotangent arrives at.
        source: backward, the number of the operation that the cotangent comes through; None for the
            loss.
        name: the name of what is computed.
        formula: how, with names.
        value: the numbers, in lines.
        total: backward, the sum of what has arrived so far, if this is not the first contribution.
        wrong: how the gradient that was derived by hand differs, if it does here.
    """

    phase: str
    vertex: int
    source: int | None
    name: str
    formula: str
    value: tuple[str, ...]
    total: tuple[str, ...] = ()
    wrong: str = ""


@dataclass(frozen=True, repr=False)
class Steps:
    """A forward and a backward pass, step by step; a notebook displays the page.

    Attributes:
        graph: the graph whose boxes light up.
        passages: the steps, in order.
        comparison: that of gradients derived by hand, if they were given.
    """

    graph: Graph
    passages: tuple[Passage, ...]
    comparison: GradientComparison | None

    def html(self) -> str:
        """The page: one file that needs no internet connection.

        Raises:
            RenderingError: the graph cannot be drawn.
        """
        svg = self.graph.svg()
        report = "" if self.comparison is None else str(self.comparison)
        data = {
            "steps": [dataclasses.asdict(passage) for passage in self.passages],
            "titles": [vertex.title for vertex in self.graph.vertices],
            "report": report,
        }
        # A text that closes the script, in a name, must not close it.
        text = json.dumps(data).replace("<", "\\u003c")
        page = files("viz").joinpath("stepper.html").read_text(encoding="utf-8")
        return page.replace("{{graph}}", svg[svg.index("<svg") :]).replace("{{data}}", text)

    def save(self, path: FileName) -> Path:
        """Write the page to a file and return its path.

        Raises:
            ArgumentError: the suffix is not .html.
            UnsupportedError: that is not the name of a file.
            FileError: the file cannot be written.
            RenderingError: the graph cannot be drawn. No file is written then.
        """
        return saved(path, "steps.save", "a page", {".html": lambda: self.html().encode()})

    def _repr_html_(self) -> str:
        page = html.escape(self.html(), quote=True)
        style = "width:100%;height:640px;border:1px solid #8884;box-sizing:border-box"
        return (
            f'<iframe title="Backward pass, step by step" style="{style}" srcdoc="{page}"></iframe>'
        )

    def __repr__(self) -> str:
        return f"Steps({len(self.passages)} steps, {self.graph})"


@explains_keywords
def step_through(loss: Tensor, manual: Mapping[Tensor, Any] | None = None) -> Steps:
    """A page that goes through the forward and the backward pass step by step.

    At each step, the array that is computed, or that a cotangent arrives at, lights up in the
    graph; the rule with names, and the numbers, are beside it. Arrow keys, a slider and a play
    button go through the steps. The graph is zoomed with the wheel or with + and -, and can be
    searched by name.

    Args:
        loss: a scalar that was recorded, with at most 1,000 operations. From 200 operations on,
            modules and equal steps of loops light up as a whole.
        manual: gradients derived by hand, by tensor: the page says at which step they first differ,
            with the report of `compare_gradients`.

    Raises:
        UnsupportedError: it is not a tensor.
        GradientError: nothing was recorded, or it is not a scalar.
        ArgumentError: it took more operations, or `manual` does not fit.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> for step in step_through(y).passages:
    ...     print(step.phase, step.name, "=", step.formula, "=", *step.value)
    forward y = x² = 9
    backward dy = 1 = 1
    backward dx = dy x + dy x = 6
    """
    if not isinstance(loss, Tensor):
        attempted, reason = f"step_through of {describe_one(loss)}", "it is no tensor"
        raise UnsupportedError(attempted, reason, "Give the loss as it was computed from tensors")
    seed = seed_of(loss, attempted="step_through of")
    operations = computed(loss)
    if len(operations) > LONGEST:
        raise ArgumentError(
            f"step_through of {describe_one(loss)}",
            f"it was computed in {len(operations)} operations, and a page has room for {LONGEST}",
            "Step through the loss of fewer samples, or of fewer steps of a loop",
        )
    frame = sys._getframe(2)  # of the caller, behind the decorator
    comparison = None if manual is None else compared(loss, manual, None, SECONDS, frame)
    reading = _Reading(loss, variables_of(frame))
    passages = [*map(reading.forward, operations), *reading.backward(loss, seed)]
    if comparison is not None:
        wrong = {t: row for t, row in zip(manual or (), comparison) if not row.agrees}
        passages = reading.marked(passages, wrong)
    return Steps(reading.graph, tuple(passages), comparison)


class _Reading:
    """What was recorded, in words: names, formulas, and numbers."""

    def __init__(self, loss: Tensor, variables: Mapping[str, Any]) -> None:
        arrays, known, count = drawn(loss), names_of(loss, variables), itertools.count(1)
        self.formulas = Formulas()
        self.texts: dict[Any, str] = {}
        visible = [
            (self._leaf(x, name), plain(x))
            for name, x in visible_arrays(variables)
            if isinstance(plain(x), np.ndarray) and not getattr(x, "requires_grad", False)
        ]
        self.names = {}
        for array in arrays:
            name = known.get(key_of(array)) or self._slice_of(visible, plain(array))
            self.names[key_of(array)] = name or f"c{next(count)}"
        depth = len(arrays) if len(computed(loss)) <= EACH else None
        written = self.written = Mathematics({}, {}).name  # as in the formulas
        labels = {
            id(array): written(self.names[key_of(array)])
            for array in arrays
            if depth or known.get(key_of(array))  # else a constant may go into what uses it
        }
        vertices, edges, groups, note, places = read([loss], Look(labels), depth)
        self.graph = Graph(vertices, edges, groups, note)
        self.numbers = {key_of(array): places[id(array)] for array in arrays}
        self.leaves: dict[Any, Any] = {}
        for array in arrays:
            self.leaves[key_of(array)] = self._known_as(array, self.names[key_of(array)])

    def _known_as(self, array: Any, name: str) -> Any:
        """A term for an array, whatever it was computed from."""
        term = self.formulas.known[self.formulas.key(array)] = self._leaf(array, name)
        return term

    def _leaf(self, array: Any, name: str) -> Any:
        term = self.formulas.terms.leaf(array.shape, plain(array))
        self.texts[term] = name
        return term

    def _slice_of(self, visible: Sequence[Any], array: Any) -> str | None:
        """`X[2]`, if the array is in the memory of one that a variable holds."""
        if not isinstance(array, np.ndarray):
            return None
        term = sliced(self.formulas.terms, array, visible)
        return None if term is None else self._written(term)

    def forward(self, node: Any) -> Passage:
        """How a node was computed."""
        self.formulas.compute(node)
        formula = self._written(self.formulas.known[node])
        self.formulas.known[node] = self.leaves[node]
        return self._passage("forward", node, None, formula, node.data)

    def backward(self, loss: Tensor, seed: Any) -> list[Passage]:
        """What arrives at each node, from each operation that it was used in."""
        found = [self._passage("backward", loss, None, "1", seed)]

        def rule(node: Node, cotangents: Cotangents, way: Pass, careful: bool) -> None:
            own = {node: cotangents[node]}
            apply_rule(node, own, Pass(), careful)
            formulas = self._contributions(node, careful)
            before = {*cotangents}
            apply_rule(node, cotangents, way, careful)
            for argument, formula in formulas.items():
                total = cotangents[argument] if argument in before else None
                found.append(
                    self._passage("backward", argument, node, formula, own[argument], total)
                )

        carry_back({loss: seed}, computed_and_leaves([loss])[0], Pass(), rule)
        return found

    def _contributions(self, node: Node, careful: bool) -> dict[Node, str]:
        """What the rules of a node say, by argument that they reach."""
        cotangent = self.formulas.terms.leaf(node._array.shape, node._array)
        self.texts[cotangent] = f"∂{self.names[node]}"
        found: dict[Node, list[str]] = {}
        for slot, term in self.formulas.contributions(node, cotangent, careful).items():
            found.setdefault(node.arguments[slot], []).append(self._written(term))
        return {argument: " + ".join(terms) for argument, terms in found.items()}

    def _written(self, term: Any) -> str:
        return Mathematics(self.texts, {}).line("", term)

    def _passage(
        self, phase: str, node: Any, source: Any, formula: str, value: Any, total: Any = None
    ) -> Passage:
        name = self.names[node]
        shown = self.written(name if phase == "forward" else f"∂{name}")
        return Passage(
            phase,
            self.numbers[node],
            None if source is None else self.numbers[source],
            shown,
            formula,
            lines(value),
            () if total is None else lines(total),
        )

    def marked(self, passages: list[Passage], wrong: Mapping[Any, Any]) -> list[Passage]:
        """The passages, with what is wrong where the cotangent of a tensor is complete."""
        last = {passage.vertex: place for place, passage in enumerate(passages)}
        for tensor, row in wrong.items():
            place = last[self.numbers[tensor]]
            reason = row.reason or row.verdict
            passages[place] = dataclasses.replace(passages[place], wrong=f"by hand: {reason}")
        return passages


tell_of(Steps, {"show": "steps.save(path)"}, "a passage through a graph")
