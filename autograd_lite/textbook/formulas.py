"""Formulas: the steps of a program as terms."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.node import Array, Node, arrays_in
from autograd_lite.program.expressions import Shape
from autograd_lite.program.program import Program, Step, mapped, same, steps_in
from autograd_lite.program.trace import trace_rule
from autograd_lite.table import TABLE
from autograd_lite.textbook.layout import written_out
from autograd_lite.textbook.naming import Identifiers, key_of
from autograd_lite.textbook.numpy_source import NumpySource, is_made
from autograd_lite.textbook.origins import recognized
from autograd_lite.textbook.spellings import TEXTBOOK
from autograd_lite.textbook.terms import Terms

ABSENT: dict[Any, bool] = {np.equal: False, np.isnan: False, np.isinf: False, np.isfinite: True}
"""Tests by which rules guard against ties, zeros and what is not finite; what most entries give."""


class Formulas:
    """The terms of a program's steps: those that are known, and the names of some of them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.terms = Terms()
        self.known: dict[Step, Any] = {}
        self.names: dict[Step, str] = {}
        self._constants: dict[Any, Step] = {}
        self._nodes = {step for key, step in program.inputs.items() if isinstance(key, Node)}

    def term(self, step: Step) -> Any:
        """The term of a step, or a number."""
        known = self.known
        stack = [] if step in known else [step]
        while stack:
            last = stack[-1]
            try:
                known[last] = self._converted(last)
                stack.pop()
            except KeyError:
                missing = [part for part in steps_in(last)[::-1] if part not in known]
                if not missing:
                    raise
                stack += missing
        return known[step]

    def _converted(self, step: Step) -> Any:
        """The term of a step; a KeyError if that of an argument is not known yet."""
        function = step.function
        if function is None:
            array = step.arguments[0]
            is_node = step in self._nodes
            return self.terms.leaf(step.shape, array) if is_node else self._plain(array)
        if function is same:
            return self._plain(step.arguments[0])
        usual = ABSENT.get(function)
        if usual is not None:
            found = self.program.recorded[step.number]
            if found.size and np.all(found == usual):
                return usual
        known = self.known
        arguments = tuple([known[x] if type(x) is Step else self._plain(x) for x in step.arguments])
        if function is astype and step.arguments[0].dtype == step.dtype:
            return arguments[0]
        if np.float64 in map(type, arguments):
            arguments = _with_floats(arguments, step)
        keywords = step.keywords
        if keywords:
            keywords = self._plain(keywords)
        row = TABLE.get(function)
        if row and row.residual:
            several = self.terms.build(function, arguments, keywords, None)
            return self.terms.build(operator.getitem, (several, 0), {}, step.shape)
        return self.terms.build(function, arguments, keywords, step.shape)

    def _plain(self, value: Any) -> Any:
        """The term of an argument; values that are no arrays stay what they are."""
        if type(value) is Step:
            return self.known[value]
        if isinstance(value, Shape):
            owner = self.term(value.owner)
            if isinstance(owner, Step) and owner in self.names:
                return self.terms.build(np.shape, (owner,), {}, (len(value),))
            return tuple(value)
        if type(value) in (list, tuple, dict):
            return mapped(self._plain, value)
        if isinstance(value, np.ndarray | np.bool) and np.ndim(value) == 0:
            return bool(value) if value.dtype == bool else value[()]  # type: ignore[index]
        if isinstance(value, np.ndarray):
            return self._constant(value)
        if isinstance(value, np.integer):
            return int(value)
        if isinstance(value, slice):
            return slice(*map(self._plain, (value.start, value.stop, value.step)))
        return value

    def _constant(self, array: Array) -> Any:
        """The term of an array that has no name; equal short ones are one term."""
        if array.dtype == float and array.size and array.flat[0] in (0, 1):
            if (array == array.flat[0]).all():
                return self.terms.broadcast(float(array.flat[0]), array.shape)
        key = (array.shape, array.dtype, array.tobytes() if array.size < 100 else id(array))
        if key not in self._constants:
            self._constants[key] = self.terms.leaf(array.shape, array)
        return self._constants[key]


def _with_floats(arguments: tuple[Any, ...], step: Step) -> tuple[Any, ...]:
    """With floats for scalars, unless there are arrays of float32: then they are not the same."""
    if any(getattr(x, "dtype", None) == np.float32 for x in step.arguments):
        return arguments
    return tuple(float(x) if type(x) is np.float64 else x for x in arguments)


def contribution_formula(
    node: Node,
    index: int,
    names: Mapping[Any, str],
    vjp: Callable[..., Any] | None = None,
) -> str:
    """What a node contributes to the cotangent of one of its arguments, as NumPy source.

    The cotangent of `node` itself is called d and its name. An array that has none of the names,
    which are as `naming.names_of` gives them, is written as `in_words` says, or as x > 0 if it
    says where x is positive. `vjp` takes the place of the rule for this argument.

    >>> from autograd_lite import Tensor
    >>> z = Tensor([1.0, 2.0], requires_grad=True)
    >>> a = np.tanh(z)
    >>> contribution_formula(a, 0, {z: "z1", a: "a1"})
    'da1 * (1 - a1 * a1)'
    >>> contribution_formula(a, 0, {z: "z1", a: "a1"}, lambda g, y, x: g * (1 - x * x))
    'da1 * (1 - z1 * z1)'
    """
    textbook = TEXTBOOK
    if vjp:
        rules = {node.operation.function: [vjp] * len(node.arguments)}
        textbook = textbook._replace(rules=rules)
    program = trace_rule(node, [index], textbook)
    formulas = Formulas(program)
    steps = {key: program.inputs[key] for key in map(key_of, arrays_in(node.arguments))}
    steps[node] = program.values[node]
    unnamed = []
    known: list[tuple[Step, Any]] = []
    for key, step in steps.items():
        if key in names:
            term = formulas.known[step] = formulas.terms.leaf(step.shape, step.arguments[0])
            formulas.names[term] = names[key]
            known.append((term, step.arguments[0]))
        else:
            unnamed.append(step)
    for step in unnamed:
        term = recognized(formulas.terms, step.arguments[0], known, (), ())
        if term is not None:
            formulas.known[step] = term
    g = formulas.known[program.cotangents[node]] = formulas.terms.leaf(np.shape(node._array))
    formulas.names[g] = f"d{names[node]}"
    return in_words(formulas.term(program.contributions[node][index]), formulas.names)


def in_words(term: Any, names: Mapping[Step, str]) -> str:
    """A term as NumPy source, with a word for each plain array without a name.

    It is labels for integers, mask for booleans and for zeros and ones, constant for all others; a
    second array of a kind is constant_2. What NumPy has a call for, such as ones, is written so,
    and scalars as numbers.

    >>> terms = Terms()
    >>> z = terms.leaf((3,))
    >>> in_words(terms.call(np.multiply, z, terms.leaf((3,), np.array([0.0, 1.0, 1.0]))), {z: "z"})
    'z * mask'
    """
    names = dict(names)
    identifiers = Identifiers()
    identifiers.taken.update(names.values())
    parts = (term, *written_out(term, names)) if isinstance(term, Step) else ()
    for part in parts:
        if part not in names and part.function is None and not is_made(part.arguments[0]):
            names[part] = identifiers.unique(_word(part.arguments[0]))
    return NumpySource(names).text(term)


def _word(array: Array) -> str:
    if array.dtype.kind in "iu":
        return "labels"
    return "mask" if np.isin(array, (0, 1)).all() else "constant"
