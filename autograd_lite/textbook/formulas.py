"""Terms of what nodes compute, and of what rules contribute."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.node import Array, Node, plain
from autograd_lite.program.expressions import OwnedShape, Tape, Template
from autograd_lite.program.loops import Loop, Uneven, index_place
from autograd_lite.program.program import Step, mapped, run_steps, steps_in
from autograd_lite.program.templates import Rules, Slots, Vjps, arrays_of, require_numpy
from autograd_lite.table import TABLE
from autograd_lite.textbook.iterations import Iterations
from autograd_lite.textbook.spellings import RULES, Count, function_written_out, is_count
from autograd_lite.textbook.terms import Terms, is_call

ABSENT: dict[Any, bool] = {np.equal: False, np.isnan: False, np.isinf: False, np.isfinite: True}
"""Tests by which rules guard against ties, zeros and what is not finite; what most entries give."""


TINY = 1e-30
"""What a divisor is compared with that counts as another number below it."""


def _guards_a_divisor(step: Step) -> bool:
    """Whether a test tells divisors that count as another number, as they are 0 or nearly so."""
    if step.function is not np.less_equal or type(step.arguments[1]) not in (float, np.float64):
        return False
    return bool(0 < step.arguments[1] < TINY)


class Formulas:
    """The terms of nodes and arrays, by `key`, and the names of some terms."""

    def __init__(self, rules: Vjps = RULES) -> None:
        self.terms = Terms()
        self.known: dict[Any, Any] = {}
        self.names: dict[Step, str] = {}
        self.notes: dict[Step, str] = {}  # what formulas rely on, by what it is about
        self.values_of: dict[Any, Step] = {}  # the terms of values, by those of their cotangents
        self._rules = Rules(rules, function_written_out)
        self.alike: dict[Node, Sequence[Node]] = {}  # of one for many, all of them
        self.moved: dict[Node, Any] = {}  # indices with numbers that move, of such
        self.loops: list[Iterations] = []
        # Of nodes in these: the term in an iteration, and the number of that.
        self.places: dict[Node, tuple[Iterations, Any, int]] = {}
        self._owners: dict[Step, Iterations] = {}  # by leaf
        self._arguments: dict[Node, list[Any]] = {}
        self._constants: dict[Any, Step] = {}

    @staticmethod
    def key(value: Any) -> Any:
        """A tensor that requires grad, or the id of an array, be it that of a tensor or not."""
        return value if isinstance(value, Node) and value._requires_grad else id(plain(value))

    def term(self, value: Any) -> Any:
        is_node = isinstance(value, Node)
        if is_node and value in self.known:
            return self.known[value]
        if value in self.places if is_node else False:
            found, term, number = self.places[value]
            self.known[value] = found.at(term, number)
            return self.known[value]
        key = self.key(value)
        if key not in self.known:
            array = plain(value)
            require_numpy(array)
            term = self.terms.leaf(array.shape, array) if is_node else self.plain(array)
            self.known[key] = term
        return self.known[key]

    def name(self, value: Any, name: str) -> Any:
        """The term of a tensor or an array, which has a name now if it has none."""
        if isinstance(value, np.ndarray):
            self.known.setdefault(id(value), self.terms.leaf(value.shape, value))
        term = self.term(value)
        if isinstance(term, Step):
            self.names.setdefault(term, name)
        return term

    def cotangent_of(self, node: Node) -> Array:
        return np.ones_like(node._array)[()]

    def iterations(self, loop: Loop) -> Iterations:
        """A loop, the terms of whose iterations are to be found."""
        self.loops.append(Iterations(self.terms, loop, self._owners))
        return self.loops[-1]

    def parts(self, term: Step) -> list[Step]:
        """What a term is computed from."""
        owner = self._owners.get(term)
        return owner.behind(term) if owner else steps_in(term)

    def arguments(self, node: Node) -> list[Any]:
        """The terms of what a node was computed from."""
        if node not in self._arguments:
            self._arguments[node] = [*map(self.term, arrays_of(node))]
        return self._arguments[node]

    def compute(self, node: Node, given: list[Any] | None = None) -> None:
        """Find the term of a node; as given, those of what it was computed from."""
        if given is not None:
            self._arguments[node] = given
        template, given = self._rules.call(node), self.arguments(node)
        found = self._filled(template, given, lambda x: [*map(plain, arrays_of(x))], node)
        self.known[node] = self._counted(found[0])

    def _counted(self, term: Any) -> Any:
        """The term; a scalar over a number that may be that of samples is over a `Count`."""
        if not isinstance(term, Step) or term.shape != ():
            return term
        if term.function is np.negative:
            return self.terms.call(np.negative, self._counted(term.arguments[0]))
        if term.function is np.divide and is_count(term.arguments[1]):
            return self.terms.call(np.divide, term.arguments[0], Count(term.arguments[1]))
        return term

    def contributions(
        self, node: Node, g: Any, careful: bool, slots: Slots = None
    ) -> dict[int, Any]:
        """What a node contributes to the cotangents of its arguments, given the term of its own."""

        def arrays(node: Node) -> list[Array]:
            return [self.cotangent_of(node), node._array, *map(plain, arrays_of(node))]

        template = self._rules.template(node, partial(arrays, node), careful, slots)
        for other in self.alike.get(node, ()) if template.looks else ():
            own = self._rules.template(other, partial(arrays, other), careful, slots)
            if [x.function for x in own.steps] != [x.function for x in template.steps]:
                raise Uneven(self.alike[node])
        return self._filled(template, [g, self.known[node], *self.arguments(node)], arrays, node)

    def formula(self, rule: Callable[..., Any], arrays: list[Array], given: list[Any]) -> Any:
        """The term of what a rule makes of arrays, given their terms."""
        tape = Tape("a formula", arrays)
        template = tape.template({0: tape.run(rule)})
        return self._filled(template, given, lambda _: arrays)[0]

    def _filled(
        self, template: Template, given: list[Any], arrays: Any, node: Node | None = None
    ) -> dict[int, Any]:
        """The terms of the results of a template, given the terms of `arrays` of a node."""
        values: list[dict[int, Any]] = []

        def write(step: Step, arguments: list[Any], keywords: dict[str, Any]) -> Any:
            guards = _guards_a_divisor(step)
            usual = False if guards else ABSENT.get(step.function)
            if usual is not None:
                nodes = [node] if node is None else self.alike.get(node, [node])
                values[:] = values or [dict(enumerate(arrays(x))) for x in nodes]
                found = [run_steps(template.steps, known)[step.number] for known in values]
                if all(x.size and np.all(x == usual) for x in found):
                    if guards:
                        self._note_divisor(arguments[0])
                    return usual
            if node in self.moved and (place := index_place(step)):
                arguments[place] = self.moved[node]
            if step.function is np.invert and type(arguments[0]) is bool:
                return not arguments[0]  # ~False is -1
            return self._term(step, arguments, keywords)

        results, _ = template.filled(given, write)
        own = template.results.items()
        return {i: results[i] if type(x) is Step else self.plain(x) for i, x in own}

    def _note_divisor(self, divisor: Any) -> None:
        """Note that a probability, or p (1 - p), is divided by as it is."""
        if is_call(divisor, np.multiply):
            self.notes[divisor.arguments[0]] = "entries are above 0 and below 1"
        elif isinstance(divisor, Step):
            self.notes[divisor] = "entries are above 0"

    def _term(self, step: Step, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """The term of a step of a template, for terms and plain values as arguments."""
        for position, own in enumerate(step.arguments):
            if type(own) is not Step:
                arguments[position] = self.plain(arguments[position])
        if step.function is astype and step.arguments[0].dtype == step.dtype:
            return arguments[0]
        # Floats are the same as scalars, unless there are arrays of float32.
        if np.float64 in map(type, arguments) and not any(
            getattr(x, "dtype", None) == np.float32 for x in step.arguments
        ):
            arguments = [float(x) if type(x) is np.float64 else x for x in arguments]
        if keywords:
            keywords = self.plain(keywords)
        row = TABLE.get(step.function)
        if row and row.residual:
            several = self.terms.build(step.function, tuple(arguments), keywords, None)
            return self.terms.build(operator.getitem, (several, 0), {}, step.shape)
        return self.terms.build(step.function, tuple(arguments), keywords, step.shape)

    def plain(self, value: Any) -> Any:
        """A value as it is written: arrays as terms, scalars as numbers."""
        if type(value) in (Step, int, float):
            return value
        if isinstance(value, OwnedShape):
            if isinstance(value.owner, Step) and value.owner in self.names:
                return self.terms.build(np.shape, (value.owner,), {}, (len(value),))
            return tuple(value)
        if type(value) in (list, tuple, dict):
            return mapped(self.plain, value)
        if isinstance(value, np.ndarray | np.bool) and np.ndim(value) == 0:
            return bool(value) if value.dtype == bool else value[()]  # type: ignore[index] # of an array without axes
        if isinstance(value, np.ndarray):
            return self._constant(value)
        if isinstance(value, np.integer):
            return int(value)
        if isinstance(value, slice):
            return slice(*map(self.plain, (value.start, value.stop, value.step)))
        return value

    def _constant(self, array: Array) -> Any:
        """The term of an array that has no name; equal short ones are one term.

        Ones are the number 1. Zeros stay an array: what a loop begins with is one like those later.
        """
        if array.dtype == float and array.size and (array == 1).all():
            return self.terms.broadcast(1.0, array.shape)
        key = (array.shape, array.dtype, array.tobytes() if array.size < 100 else id(array))
        if key not in self._constants:
            self._constants[key] = self.terms.leaf(array.shape, array)
        return self._constants[key]
