"""Formulas: what the rule of a node computes, as a term."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_lite.program.expressions import Expression, Shape, leaf, plain, traced
from autograd_lite.derivation.layout import terms_in
from autograd_lite.derivation.naming import Identifiers, arrays_in, key_of
from autograd_lite.derivation.notation import Source, is_made
from autograd_lite.derivation.recognition import recognized
from autograd_lite.derivation.spellings import FUNCTIONS, RULES
from autograd_lite.derivation.terms import Term, Terms
from autograd_lite.derivatives.shaping import astype
from autograd_lite.engine import match
from autograd_lite.node import Array, Node

ABSENT: dict[Any, bool] = {np.equal: False, np.isnan: False, np.isinf: False, np.isfinite: True}
"""Tests by which rules guard against ties, zeros and what is not finite; what most entries give."""


class Formulas:
    """The terms of nodes, of plain arrays, and of what rules compute from them.

    Attributes:
        terms: all of them.
        names: of those that have one.
    """

    def __init__(self) -> None:
        self.terms = Terms()
        self.names: dict[Term, str] = {}
        self._constants: dict[Any, Term] = {}
        self._known: dict[int, Any] = {}
        self._kept: list[Any] = []  # what the ids in `_known` belong to

    def knows(self, value: Any) -> bool:
        """Whether the term of a node or an array was found before."""
        return id(value) in self._known

    def let(self, value: Any, term: Any) -> Any:
        """Say what the term of a node, an array or an expression is."""
        self._known[id(value)] = term
        self._kept.append(value)
        return term

    def term(self, value: Any) -> Any:
        """The term of a node, an array or an expression; other values stay what they are."""
        if id(value) in self._known:
            return self._known[id(value)]
        if isinstance(value, Shape):
            owner = self.term(value.owner) if value.owner.operation is None else None
            if owner in self.names:
                return self.terms.build(np.shape, (owner,), {}, (len(value),))
            return tuple(value)
        if type(value) in (list, tuple):
            return type(value)(map(self.term, value))
        if isinstance(value, np.ndarray | np.bool) and np.ndim(value) == 0:
            return bool(value) if value.dtype == bool else value[()]  # type: ignore[index]
        if isinstance(value, np.ndarray):
            return self.let(value, self._constant(value))
        if isinstance(value, np.integer):
            return int(value)
        if isinstance(value, slice):
            return slice(*map(self.term, (value.start, value.stop, value.step)))
        if not isinstance(value, Node):
            return value
        if value.operation is None:
            return self.let(value, self.terms.leaf(np.shape(value._data), value._data))
        return self.let(value, self._call(value))

    def _constant(self, array: Any) -> Any:
        """The term of an array that has no name; equal short ones are one term."""
        if array.dtype == float and array.size and array.flat[0] in (0, 1):
            if (array == array.flat[0]).all():
                return self.terms.broadcast(float(array.flat[0]), array.shape)
        key = (array.shape, array.dtype, array.tobytes() if array.size < 100 else id(array))
        if key not in self._constants:
            self._constants[key] = self.terms.leaf(array.shape, array)
        return self._constants[key]

    def _call(self, node: Node) -> Any:
        """The term of a node that was computed."""
        operation, data = node.operation, node._data
        assert operation is not None
        usual = ABSENT.get(operation.function)
        if usual is not None and data.size and np.all(data == usual):
            return usual
        if operation.function is astype and node.arguments[0]._data.dtype == data.dtype:
            return self.term(node.arguments[0])
        if not isinstance(node, Expression):
            written_out = self._written_out(node)
            if written_out is not None:
                return written_out
        arguments = self.term(node.arguments)
        if not any(getattr(plain(x), "dtype", None) == np.float32 for x in node.arguments):
            # With float32 arrays a float64 scalar is not the same as a float.
            arguments = tuple(float(x) if type(x) is np.float64 else x for x in arguments)
        if operation.sequence:
            arguments = ([*arguments],)
        keywords = {name: self.term(value) for name, value in node.keywords.items()}
        shape = getattr(data, "shape", None)
        if operation.residual:
            several = self.terms.build(operation.function, arguments, keywords, None)
            return self.terms.build(operator.getitem, (several, 0), {}, shape)
        return self.terms.build(operation.function, arguments, keywords, shape)

    def _written_out(self, node: Node) -> Any:
        """The term of what a function does, where that is short, or it returns more than a result.

        None where it is called, as all others are, or changes arrays in place.
        """
        operation = node.operation
        assert operation is not None
        residual = operation.residual and operation.function not in FUNCTIONS
        function = operation.compute if residual else FUNCTIONS.get(operation.function)
        if function is None:
            return None
        try:
            result = traced(function, *self.leaves(node), **node.keywords)
        except TypeError:
            return None
        return self.term(result[0] if residual else result)

    def leaves(self, node: Node) -> list[Any]:
        """The arguments of a node, as expressions that stand for them."""
        return [self.leaf(argument) for argument in node.arguments]

    def leaf(self, value: Any) -> Any:
        """An expression that stands for a node or an array; other values stay what they are."""
        if isinstance(value, Node):
            expression = leaf(value._data, value._requires_grad)
        elif isinstance(value, np.ndarray):
            expression = leaf(value, False)
        else:
            return value
        self.let(expression, self.term(value))
        return expression

    def contribution(
        self,
        node: Node,
        index: int,
        cotangent: tuple[Any, Array],
        vjp: Callable[..., Any] | None = None,
        careful: bool = False,
    ) -> tuple[Any, Array]:
        """What a node contributes to the cotangent of one of its arguments.

        Args:
            node: a computed one.
            index: of the argument.
            cotangent: the term of the node's cotangent, and its value.
            vjp: what takes the place of the rule for this argument.
            careful: as in `engine.apply_rule`, no NaN arises from a cotangent of 0.

        Returns:
            A term and its value.
        """
        operation = node.operation
        assert operation is not None
        g = leaf(cotangent[1], True)
        self.let(g, cotangent[0])
        arguments = self.leaves(node)
        given = [g, self.leaf(node), *arguments]
        if operation.residual:
            given.append(None)
        rule = vjp or self._rule(node, index)

        def matched() -> Any:
            result = rule(*given, **node.keywords)
            if careful and np.shape(result) == g.shape:
                nothing: Any = np.equal(g, 0) & np.isnan(result)
                result = np.where(nothing, 0, result) if np.any(nothing) else result
            return match(result, arguments[index], node)

        result = traced(matched)
        return self.term(result), getattr(result, "_data", result)

    @staticmethod
    def _rule(node: Node, index: int) -> Callable[..., Any]:
        assert node.operation is not None
        rules = RULES.get(node.operation.function, node.operation.vjps)
        if node.operation.variadic:
            return lambda *given, **keywords: rules[0](*given, **keywords)(index)
        rule: Callable[..., Any] = rules[index]
        return rule


def contribution_formula(
    node: Node,
    index: int,
    names: Mapping[Any, str],
    vjp: Callable[..., Any] | None = None,
) -> str:
    """What a node contributes to the cotangent of one of its arguments, as NumPy source.

    The cotangent of `node` itself is called d and its name.

    Args:
        node: a computed one.
        index: of the argument.
        names: of the node and of its arguments, as `naming.names_of` gives them. An array that
            has none is written as `in_words` says, or as x > 0 if it says where x is positive.
        vjp: what takes the place of the rule for this argument, called like it.

    >>> from autograd_lite import Tensor
    >>> z = Tensor([1.0, 2.0], requires_grad=True)
    >>> a = np.tanh(z)
    >>> contribution_formula(a, 0, {z: "z1", a: "a1"})
    'da1 * (1 - a1 * a1)'
    >>> contribution_formula(a, 0, {z: "z1", a: "a1"}, lambda g, y, x: g * (1 - x * x))
    'da1 * (1 - z1 * z1)'
    """
    formulas = Formulas()
    known: list[tuple[Term, Any]] = []
    unnamed = []
    for value in (*arrays_in(node.arguments), node):
        array = value._data if isinstance(value, Node) else value
        name = names.get(key_of(value))
        if name is None:
            unnamed.append((value, array))
        else:
            term = formulas.let(value, formulas.terms.leaf(array.shape, array))
            formulas.names[term] = name
            known.append((term, array))
    for value, array in unnamed:
        term = recognized(formulas.terms, array, known, (), ())
        if term is not None:
            formulas.let(value, term)
    g = formulas.terms.leaf(np.shape(node._data))
    formulas.names[g] = f"d{names[node]}"
    term, _ = formulas.contribution(node, index, (g, np.ones_like(node._data)), vjp)
    return in_words(term, formulas.names)


def in_words(term: Any, names: Mapping[Term, str]) -> str:
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
    stack = [term] if isinstance(term, Term) else []
    while stack:
        part = stack.pop()
        if part not in names and part.function is not None:
            stack += [*terms_in(part)][::-1]
        elif part not in names and not is_made(part.arguments[0]):
            names[part] = identifiers.unique(_word(part.arguments[0]))
    return Source(names).text(term)


def _word(array: Array) -> str:
    if array.dtype.kind in "iu":
        return "labels"
    return "mask" if np.isin(array, (0, 1)).all() else "constant"
