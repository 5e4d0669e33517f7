"""The record of a loss, read into terms and names."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.engine import backward_order
from autograd_lite.node import Array, Node, arrays_in, plain
from autograd_lite.program.expressions import Shape, Template
from autograd_lite.program.loops import distance_between
from autograd_lite.program.outline import outline
from autograd_lite.program.program import Program, Step, mapped, run_steps
from autograd_lite.program.trace import Rules, Vjps, arrays_of, require_numpy
from autograd_lite.table import TABLE
from autograd_lite.textbook import naming
from autograd_lite.textbook.numpy_source import is_short
from autograd_lite.textbook.spellings import RULES, Count, function_written_out, is_count
from autograd_lite.textbook.terms import Terms, needed_for

ABSENT: dict[Any, bool] = {np.equal: False, np.isnan: False, np.isinf: False, np.isfinite: True}
"""Tests by which rules guard against ties, zeros and what is not finite; what most entries give."""


class Formulas:
    """The terms of nodes and arrays, by `key`, and the names of some terms."""

    def __init__(self, rules: Vjps = RULES) -> None:
        self.terms = Terms()
        self.known: dict[Any, Any] = {}
        self.names: dict[Step, str] = {}
        self.notes: dict[Step, str] = {}  # what formulas rely on, by what it is about
        self._rules = Rules(rules, function_written_out)
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

    def arguments(self, node: Node) -> list[Any]:
        """The terms of what a node was computed from."""
        if node not in self._arguments:
            self._arguments[node] = [*map(self.term, arrays_of(node))]
        return self._arguments[node]

    def compute(self, node: Node) -> None:
        template, arrays = self._rules.call(node), lambda: [*map(plain, arrays_of(node))]
        term = self._filled(template, self.arguments(node), arrays)[0]
        self.known[node] = self._counted(term)

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
        self, node: Node, g: Any, careful: bool, slots: tuple[int, ...] | None = None
    ) -> dict[int, Any]:
        """What a node contributes to the cotangents of its arguments, given the term of its own."""

        def arrays() -> list[Array]:
            return [self.cotangent_of(node), node._array, *map(plain, arrays_of(node))]

        template = self._rules.template(node, arrays, careful, slots)
        return self._filled(template, [g, self.known[node], *self.arguments(node)], arrays)

    def _filled(
        self, template: Template, given: list[Any], arrays: Callable[[], list[Array]]
    ) -> dict[int, Any]:
        """The terms of the results of a template, given the terms of arrays."""
        values: dict[int, Any] = {}

        def write(step: Step, arguments: list[Any], keywords: dict[str, Any]) -> Any:
            usual = ABSENT.get(step.function)
            if usual is not None:
                found = run_steps(template.steps, values or dict(enumerate(arrays())))[step.number]
                if found.size and np.all(found == usual):
                    return usual
            if step.function is np.invert and type(arguments[0]) is bool:
                return not arguments[0]  # ~False is -1
            return self._term(step, arguments, keywords)

        results, _ = template.filled(given, write)
        own = template.results.items()
        return {i: results[i] if type(x) is Step else self.plain(x) for i, x in own}

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
        if isinstance(value, Shape):
            if isinstance(value.owner, Step) and value.owner in self.names:
                return self.terms.build(np.shape, (value.owner,), {}, (len(value),))
            return tuple(value)
        if type(value) in (list, tuple, dict):
            return mapped(self.plain, value)
        if isinstance(value, np.ndarray | np.bool) and np.ndim(value) == 0:
            return bool(value) if value.dtype == bool else value[()]  # type: ignore[index]
        if isinstance(value, np.ndarray):
            return self._constant(value)
        if isinstance(value, np.integer):
            return int(value)
        if isinstance(value, slice):
            return slice(*map(self.plain, (value.start, value.stop, value.step)))
        return value

    def _constant(self, array: Array) -> Any:
        """The term of an array that has no name; equal short ones are one term."""
        first = array.flat[0] if array.dtype == float and array.size else None
        if first in (0, 1) and (array == first).all():
            return self.terms.broadcast(float(first), array.shape)
        key = (array.shape, array.dtype, array.tobytes() if array.size < 100 else id(array))
        if key not in self._constants:
            self._constants[key] = self.terms.leaf(array.shape, array)
        return self._constants[key]


class Reader(Formulas):
    """Reads the record of a loss into terms and names."""

    def __init__(self, loss: Node, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self.nodes = nodes = backward_order(loss)[::-1]
        self.identifiers = naming.Identifiers()
        # What the loss was computed from besides tensors that require grad.
        self.used: list[Any] = []
        # The names of nodes and arrays.
        self.given = naming.given_names(nodes, variables, self.identifiers)
        self.inputs: dict[Step, Any] = {}  # what is not computed, by term
        self.visible: list[tuple[Step, Array]] = []  # the data that variables hold
        self.users: set[int] = set()  # the ids of all that variables hold
        self.own = {*self.given}
        # Data that the record does not have by name: it gets its name when it is recognized.
        self.unused: dict[Step, tuple[str, Any]] = {}
        for name, array in naming.visible_arrays(variables):
            self.users.add(id(array))
            if not getattr(array, "requires_grad", False):
                if naming.key_of(array) in self.given:
                    self._enter(array)
                elif self.key(array) not in self.known:
                    term = self.known[self.key(array)] = self.terms.leaf(
                        np.shape(array), plain(array)
                    )
                    self.unused[term] = name, array
                self.visible.append((self.term(array), plain(array)))
        means = [node for node in nodes if node.operation and node.operation.traits.averages]
        self.averaged = {node.arguments[0].shape for node in means}
        self.factors = _factors(nodes)
        for leaf in naming.leaves_of(nodes):
            if leaf in self.given:
                self._enter(leaf)
        for node in nodes:
            if node.operation is not None:
                self._meet_inputs(node)
                self.compute(node)
            if node in self.given:
                self._enter(node)

    @functools.cached_property
    def _outline(self) -> Program:
        return outline(self.nodes[-1])

    def cotangent_of(self, node: Node) -> Array:
        return self._outline.recorded[self._outline.cotangents[node].number]

    def data(self) -> set[Step]:
        """The inputs of the loss that are no parameters."""
        used = {*needed_for(map(self.term, self.used))}
        fixed = {t for t, x in self.inputs.items() if not getattr(x, "requires_grad", False)}
        return used & fixed

    def lengths(self, data: Iterable[Step]) -> set[int]:
        """The lengths of the axes of data, and the sizes of what is averaged like them."""
        shapes = {term.shape for term in data}
        sizes = {math.prod(shape) for shape in shapes & self.averaged}
        return {n for n in {*itertools.chain(*shapes), *sizes} if n > 2}

    def named_cotangents(
        self, found: Mapping[Node, Any], results: Mapping[Node, str], backward: Collection[Step]
    ) -> tuple[dict[Step, str], dict[str, str]]:
        """Names for terms that are cotangents of nodes with names; what mathematics calls them."""
        named: dict[Step, str] = {}
        symbols = {name: f"∂{name[1:]}" for name in results.values()}
        for node, term in found.items():
            if node in self.given and term in backward and term not in named:
                name = results.get(node) or self.identifiers.unique(f"d{self.given[node]}")
                named[term] = name
                structural = not (node.name or id(node) in self.users)
                delta = re.fullmatch(r"[zZ](\d*)", self.given[node]) if structural else None
                symbols[name] = f"δ{delta[1]}" if delta else f"∂{name[1:]}"
        return named, symbols

    def _enter(self, value: Any) -> None:
        """Find the term of a node or an array, and name it."""
        name = self.given.get(naming.key_of(value))
        term = self.term(value) if name is None else self.name(value, name)
        if name is not None and isinstance(term, Step) and term.function is None:
            self.inputs.setdefault(term, value)

    def _meet_inputs(self, node: Node) -> None:
        known = self.known
        for position, value in enumerate(node.arguments):
            if not (isinstance(value, Node) and value in known):
                for array in arrays_in(value):
                    self.used.append(array)
                    if self.key(array) not in known:
                        self._meet(array, node, position)
        self.used += arrays_in(node.keywords) if node.keywords else ()

    def _meet(self, value: Any, node: Node, position: int) -> None:
        """Enter an input of a node, with a name unless it is recognized, or short enough."""
        if naming.key_of(value) not in self.given:
            array = plain(value)
            twins = self.factors.get(_others(node), ())
            operands, twins = map(self._known, (arrays_in(node.arguments), twins))
            term = sliced(self.terms, array, self.visible)
            if term is None:
                term = recognized(self.terms, array, operands, twins, self.visible)
            if term is not None:
                self.known[self.key(value)] = term
                for part in needed_for([term]):
                    self._name_unused(part)
                return
            role = _role(node, position)
            if role or not is_short(array):
                self.given[naming.key_of(value)] = self.identifiers.unique(role or "data")
        self._enter(value)

    def _name_unused(self, term: Step) -> None:
        """Give data its name, now that the record turns out to use it."""
        if term in self.unused:
            name, array = self.unused.pop(term)
            self.given[naming.key_of(array)] = self.identifiers.unique(name)
            self.own.add(naming.key_of(array))
            self._enter(array)

    def _known(self, values: Iterable[Any]) -> list[tuple[Step, Any]]:
        """The terms of those that have one, and their values."""
        return [(self.known[self.key(x)], plain(x)) for x in values if self.key(x) in self.known]


def _others(node: Node) -> tuple[Any, ...]:
    """The functions of what a product multiplies, such as a logarithm; empty for what is none."""
    if node.operation is None or not node.operation.traits.product:
        return ()
    inner = []
    for x in node.arguments:
        while isinstance(x, Node) and x.operation and x.operation.traits.moves:
            x = x.arguments[0]  # log(A).T in a product of matrices
        if isinstance(x, Node) and x.operation:
            inner.append(x.operation.function)
    return tuple(inner)


def _factors(nodes: Iterable[Node]) -> dict[tuple[Any, ...], list[Any]]:
    """Plain arrays by the functions of what they multiply."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for node in nodes:
        others = _others(node)
        if others:
            fixed = [x for x in arrays_in(node.arguments) if not getattr(x, "_requires_grad", 0)]
            found.setdefault(others, []).extend(fixed)
    return found


def _role(node: Node, position: int) -> str | None:
    """What the function of a node calls an argument, if that says anything."""
    try:
        names = list(inspect.signature(node.operation.compute).parameters)
    except ValueError:
        return None
    name = names[position] if position < len(names) and not node.operation.variadic else ""
    return {"condition": "mask"}.get(name, name) if len(name) > 1 else None


# Only tensors are recorded: where data are plain arrays, `1 - Y` is one more array, and so are the
# statistics of a batch. What they were computed from is recognized by values.

Known = Iterable[tuple[Step, Any]]
"""Terms and their values."""
Guess = tuple[Any, tuple[Any, ...], dict[str, Any]]

ENTRIES = 16


def recognized(terms: Terms, array: Any, operands: Known, twins: Known, visible: Known) -> Any:
    """The term by which an array follows from one of others that have terms, or None.

    Of the operands that it is used with, it may say where they are positive, or be a mean or a
    variance. It may be 1 minus a twin, which stands elsewhere in its place, as Y does in
    Y * log(A) + (1 - Y) * log(1 - A). Of what else is visible it may be anything.
    """
    guesses = [(term, x, guess) for term, x in operands for guess in _of_operand(x, array)]
    guesses += ((term, x, guess) for term, x in twins for guess in _of_twin(x, array))
    # Short ones, and zeros and ones, such as sample weights, may be equal to 1 - Y by chance.
    if array.size >= ENTRIES and len(np.unique(array)) > 1 and not np.isin(array, (0, 1)).all():
        guesses += ((term, x, guess) for term, x in visible for guess in _of_visible(x, array))
    for term, x, (function, arguments, keywords) in guesses:
        guess = function(*arguments, **keywords)
        if guess.dtype == array.dtype and np.array_equal(guess, array):
            own = tuple(term if argument is x else argument for argument in arguments)
            return terms.build(function, own, keywords, array.shape)
    return None


def sliced(terms: Terms, array: Any, visible: Known) -> Any:
    """The term of an array that is in the memory of another as its slice at a number, or None."""
    for term, x in visible:
        if (
            array.base is None
            or x.ndim != array.ndim + 1
            or array.base is not (x if x.base is None else x.base)
        ):
            continue
        distance = distance_between(x, array)
        for axis, (length, stride) in enumerate(zip(x.shape, x.strides)):
            rest = (*x.strides[:axis], *x.strides[axis + 1 :])
            number = distance // stride if stride else 0
            shape = (*x.shape[:axis], *x.shape[axis + 1 :])
            whole = array.shape == shape and array.strides == rest and array.dtype == x.dtype
            if whole and 0 <= number < length and number * stride == distance:
                index = (*[slice(None)] * axis, number) if axis else number
                return terms.build(operator.getitem, (term, index), {}, array.shape)
    return None


def _of_operand(x: Any, array: Any) -> Iterator[Guess]:
    """Calls that could have given an array that is used together with x."""
    if x.shape == array.shape and array.dtype == bool:
        yield np.greater, (x, 0), {}
    if x.ndim == array.ndim and array.any():
        axes = tuple(i for i in range(x.ndim) if array.shape[i] == 1 != x.shape[i])
        if axes and all(i in axes or m == n for i, (m, n) in enumerate(zip(x.shape, array.shape))):
            for function in (np.mean, np.var):
                yield function, (x,), {"axis": axes, "keepdims": True}


def _of_twin(x: Any, array: Any) -> Iterator[Guess]:
    """Calls that could have given an array that is used as x is."""
    if x.shape == array.shape and x.dtype != bool:
        yield np.subtract, (1, x), {}


def _of_visible(x: Any, array: Any) -> Iterator[Guess]:
    """Calls that could have given an array from any x."""
    yield from _of_operand(x, array)
    yield from _of_twin(x, array)
    if x.shape == array.shape:
        yield (np.copy, (x,), {}) if x.dtype == array.dtype else (astype, (x, array.dtype), {})
        if x.dtype != bool:
            yield np.negative, (x,), {}
    if x.shape[::-1] == array.shape:
        yield np.transpose, (x,), {}
