"""Formulas: what the rule of a node computes, as a term."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.engine import Array, Node, match
from autograd_lite.expressions import Expression, Shape, leaf, plain, traced
from autograd_lite.notation import Source
from autograd_lite.spellings import FUNCTIONS, RULES
from autograd_lite.terms import Term, Terms

ABSENT = {np.equal: False, np.isnan: False, np.isinf: False, np.isfinite: True}
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
        if isinstance(value, np.ndarray) and value.ndim == 0:
            return value[()]
        if isinstance(value, np.ndarray):
            return self.let(value, self.terms.leaf(value.shape, value))
        if isinstance(value, np.integer):
            return int(value)
        if not isinstance(value, Node):
            return value
        if value.operation is None:
            return self.let(value, self.terms.leaf(np.shape(value._data), value._data))
        return self.let(value, self._call(value))

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
        shape = getattr(data, "shape", ())
        term = self.terms.build(operation.function, arguments, keywords, shape)
        return (
            self.terms.build(operator.getitem, (term, 0), {}, shape) if operation.residual else term
        )

    def _written_out(self, node: Node) -> Any:
        """The term of what a function does, where that is short, or its result needs a choice."""
        operation = node.operation
        assert operation is not None
        function = FUNCTIONS.get(operation.function)
        if function is None and operation.residual:
            function = lambda *arguments, **keywords: operation.compute(*arguments, **keywords)[0]
        if function is None:
            return None
        try:
            return self.term(traced(function, *self.leaves(node), **node.keywords))
        except TypeError:  # it changes arrays in place
            return None

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
            if careful and np.shape(result) == g.shape and np.any((g == 0) & np.isnan(result)):
                result = np.where((g == 0) & np.isnan(result), 0, result)
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
        names: of the node and of its arguments, as `naming.names_of` gives them.
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
    known = formulas.names
    for value in (node, *node.arguments):
        if not isinstance(value, Node | np.ndarray):
            continue
        name = names.get(value if isinstance(value, Node) else id(value))
        if name is not None:
            leaf_term = formulas.terms.leaf(np.shape(getattr(value, "_data", value)))
            known[formulas.let(value, leaf_term)] = name
    cotangent = formulas.terms.leaf(np.shape(node._data))
    known[cotangent] = f"d{names[node]}"
    ones = np.ones_like(node._data)
    return Source(known).text(formulas.contribution(node, index, (cotangent, ones), vjp)[0])
