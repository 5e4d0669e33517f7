"""Activations that a user wrote out, such as 1 / (1 + np.exp(-z)), as the functions that they are.

People think of the sigmoid and of its derivative as a whole, and so do those who look for mistakes
in a network. A graph is recorded again with the function in place of its parts, wherever the
values are those of an activation of what the parts were computed from, and what reaches that is
the same through both: `_stands_for` is the rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.engine import backpropagate, record
from autograd_lite.modes import enable_grad, setting, watching
from autograd_lite.node import Array, Node, inputs_of, plain, wanted_of
from autograd_lite.operation import NO_TRAITS, Operation
from autograd_lite.table import TABLE, activations, traits_of
from autograd_lite.tensor import Tensor

PARTS = 16
"""Operations that an activation consists of, at most."""
SAMPLE = 64
"""Entries that are compared first."""


class Activation(NamedTuple):
    """What a node is: a function of a node before it."""

    function: Any
    argument: Node
    keywords: dict[str, Any]

    @property
    def ties(self) -> Array:
        """Where its slope jumps, so that one is as right as another."""
        return traits_of(self.function).kink & (self.argument._array == 0)


def written_out(
    nodes: Sequence[Node], cotangents: Mapping[Node, Array], keep: Collection[Node]
) -> dict[Node, Activation]:
    """The nodes that are activations written out; none of `keep` is inside of one.

    The nodes are of a graph, each after what it was computed from.

    >>> from autograd_lite.engine import backward_order
    >>> z = Tensor([-1.0, 2.0], requires_grad=True)
    >>> a = 1 / (1 + np.exp(-z))
    >>> cotangents = backpropagate(a, np.ones(2))
    >>> found = written_out(backward_order(a)[::-1], cotangents, [])
    >>> found[a].function.__name__, found[a].argument is z
    ('sigmoid', True)
    """
    position = {node: number for number, node in enumerate(nodes)}
    kept = frozenset(keep)
    found: dict[Node, Activation] = {}
    # What is tried here is no anomaly.
    with enable_grad(), setting(watching, None), np.errstate(all="ignore"):
        for node in nodes:
            for activation in _candidates(node, cotangents, position, kept, found):
                found[node] = activation
                if traits_of(activation.function).elementwise:
                    break  # Others go on: softmax(z - maximum) is softmax(z).
    return found


def _candidates(
    node: Node,
    cotangents: Mapping[Node, Array],
    position: dict[Node, int],
    keep: frozenset[Node],
    found: dict[Node, Activation],
) -> Iterator[Activation]:
    """What a node may be, a function of one argument after the other, the nearest first."""
    traits = node.operation.traits if node.operation else NO_TRAITS
    if traits.activation or not traits.elementwise:
        return
    if node._array.size == 1 and not node._array.any():
        return  # Of a single 0 everything that rectifies is the function.
    for argument, parts in behind(node, position, keep):
        if len(parts) == len(node.arguments) == 1:
            continue  # A function of one argument is called by its name.
        if node._array.size == 1 and not any(map(_is_curved, parts)):
            continue  # One number is the product of any two.
        if _agree(argument._array, node._array):
            return  # The outermost operation does nothing here, so that it may be any.
        elementwise = all(part.operation.traits.elementwise for part in parts)
        chooses = any(map(_chooses, parts))
        for activation in _functions_of(argument, node._array, elementwise):
            if _is_two_steps(node, activation, parts, found):
                continue
            if traits_of(activation.function).kink and not chooses:
                continue  # exp(z) - 1 is what it is, also where z is negative everywhere.
            if _stands_for(activation, parts, cotangents[node]):
                yield activation
                break


def _stands_for(activation: Activation, parts: list[Node], cotangent: Array) -> bool:
    """Whether an activation is what its parts are: in its values, and in what it passes back.

    Both differ by no more than the rounding of the parts, so that 1e-20 is not 0 where nothing
    rounds it off. What reaches the argument is compared for the cotangent of the graph; at ties
    any slope will do that is between those on both sides.
    """
    function, argument, keywords = activation
    start: Any = Tensor(argument._array, requires_grad=True)
    again = {argument: start}
    for part in reversed(parts):
        again[part] = _again(part, again)
    x, y = start._array, again[parts[0]]
    eps = np.finfo(min(x.dtype, y._array.dtype)).eps
    rounding = 4 * eps * _rounded_off(y, traits_of(function).elementwise)
    rounding += np.finfo(eps.dtype).tiny
    if not _within(TABLE[function].value(x, **keywords), y._array, rounding):
        return False
    seed = _shaken(cotangent)
    single = _recorded(y._array, TABLE[function], (start,), keywords)
    found, expected = (backpropagate(node, seed)[start] for node in (single, y))
    largest = np.sqrt(eps) * np.abs(expected).max()
    alike = np.abs(found - expected) <= largest + rounding * np.abs(seed)
    slopes = expected / seed
    return bool((alike | (activation.ties & (slopes >= 0) & (slopes <= 1))).all())


def _rounded_off(y: Node, elementwise: bool) -> Array:
    """What y changes by where its parts change by their own size: each entry, or at most."""
    found = backpropagate(y, np.ones_like(y._array))
    changes = [np.nan_to_num(np.abs(g * part._array), posinf=0) for part, g in found.items()]
    return sum(changes) if elementwise else sum(change.max() for change in changes)


def _shaken(cotangent: Array) -> Array:
    """A cotangent that is as large, in which nothing is 0 or cancels."""
    usable = np.isfinite(cotangent) & (cotangent != 0)
    usual = np.abs(cotangent[usable]).max() if usable.any() else 1
    shaken = np.random.default_rng(0).uniform(0.5, 1.5, cotangent.shape)
    return (np.where(usable, cotangent, usual) * shaken).astype(cotangent.dtype)


def _functions_of(argument: Node, y: Array, elementwise: bool) -> Iterator[Activation]:
    """The activations that give y for an argument: those of each entry alone, or the others."""
    x = argument._array
    # Some entries decide first where each has its own.
    few = slice(None, None, max(1, x.size // SAMPLE))
    axes = () if elementwise else reversed(range(x.ndim))
    for function in activations().values():
        row = TABLE[function]
        if row.traits.elementwise == elementwise:
            choices: list[dict[str, Any]] = [{"axis": axis} for axis in axes] or [{}]
            choices += _slopes(function, x.reshape(-1), y.reshape(-1)) if elementwise else []
            for keywords in choices if y.size > 1 or _tells(row, x) else ():
                if elementwise and not _agree(
                    row.value(x.reshape(-1)[few], **keywords), y.reshape(-1)[few]
                ):
                    continue
                if _agree(row.value(x, **keywords), y):
                    yield Activation(function, argument, keywords)


def _is_curved(part: Node) -> bool:
    """Whether an operation, such as exp, is no sum and no product."""
    traits = part.operation.traits
    return not (traits.additive or traits.product or traits.kink or traits.extremum)


def _chooses(part: Node) -> bool:
    """Whether an operation may do one thing to some entries, and another to others."""
    traits = part.operation.traits
    constants = [a for a in part.arguments if not (isinstance(a, Node) and a._requires_grad)]
    masks = [a for a in map(plain, constants) if isinstance(a, np.ndarray) and a.ndim]
    return traits.kink or traits.extremum or bool(masks)


def _tells(row: Operation, x: Array) -> bool:
    """Whether an activation of one number is told apart by its value and its slope."""
    return row.traits.elementwise and not row.traits.kink and bool(x.any())


def _slopes(function: Any, x: Array, y: Array) -> list[dict[str, Any]]:
    """What functions of two parts multiply the part below 0 by, where it is not as usual."""
    names = {neural.leaky_relu: "negative_slope", neural.elu: "alpha"}
    if function not in names:
        return []
    least, most = int(np.argmin(x)), int(np.argmax(x))
    if not x[least] < 0 or not 0.99 * x[most] <= y[most] <= 1.01 * x[most]:
        return []
    of_one = TABLE[function].value(x[least : least + 1], **{names[function]: 1.0})
    return [{names[function]: float(y[least] / of_one[0])}]


def _is_two_steps(
    node: Node, activation: Activation, parts: list[Node], found: dict[Node, Activation]
) -> bool:
    """Whether a part gives the probabilities, or 1 minus them: log(softmax(z)) is two steps."""
    whole = _probabilities(node, activation)
    if whole is None:
        return False
    for part in parts[1:]:
        inner = found.get(part) or Activation(part.operation.function, part.arguments[0], {})
        same = inner.function is activation.function and inner.argument is activation.argument
        p = None if same else _probabilities(part, inner)
        if p is not None and p.shape == whole.shape and (_agree(p, whole) or _agree(1 - p, whole)):
            return True
    return False


def _probabilities(node: Node, activation: Activation) -> Array | None:
    probabilities = traits_of(activation.function).probabilities
    return probabilities and probabilities(node._array, plain(activation.argument))


def behind(
    node: Node, position: dict[Node, int], keep: frozenset[Node]
) -> Iterator[tuple[Node, list[Node]]]:
    """Nodes of its shape that all paths of a node go through, with it and the nodes between."""
    parts = [node]
    frontier = {*inputs_of(node)}
    while frontier and len(parts) <= PARTS:
        last = max(frontier, key=position.__getitem__)
        if len(frontier) == 1 and last._array.shape == node._array.shape:
            yield last, parts
        if last.operation is None or last in keep:
            return
        traits = last.operation.traits
        if not (traits.elementwise or traits.reduces or traits.moves):
            return
        frontier = (frontier - {last}).union(inputs_of(last))
        parts.append(last)


def _agree(found: Array, expected: Array) -> bool:
    """Whether arrays are equal up to the rounding of what is as large as 1."""
    eps = np.finfo(min(found.dtype, expected.dtype)).eps
    return _within(found, expected, 4 * eps * max(1, np.abs(expected).max(initial=0)))


def _within(found: Array, expected: Array, tolerance: Any) -> bool:
    """Whether arrays differ by no more than a tolerance, and a relative one."""
    eps = np.finfo(min(found.dtype, expected.dtype)).eps
    allowed = tolerance + eps**0.7 * np.abs(expected)
    return bool((np.abs(found - expected) <= allowed).all())


def recorded_again(nodes: Sequence[Node], found: dict[Node, Activation]) -> dict[Any, Any]:
    """Each node's counterpart in a graph in which activations are single nodes.

    Leaves are their own. Nothing is computed again. Each node comes after its arguments.
    """
    again: dict[Any, Any] = {}
    for node in nodes:
        if node.operation is None:
            again[node] = node
            continue
        if node in found:
            function, argument, keywords = found[node]
            twin = _recorded(node._array, TABLE[function], (again[argument],), keywords)
        else:
            twin = _again(node, again)
        twin.name, twin.grad = node.name, node.grad
        again[node] = twin
    return again


def _again(node: Node, again: Mapping[Any, Any]) -> Any:
    given = tuple(again.get(a, a) if isinstance(a, Node) else a for a in node.arguments)
    return _recorded(node._array, node.operation, given, node.keywords, node.residual)


def _recorded(
    data: Array,
    operation: Operation,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    residual: Any = None,
) -> Any:
    operands, wanted = tuple(map(plain, arguments)), wanted_of(arguments)
    return record(data, operation, arguments, operands, keywords, wanted, residual)
