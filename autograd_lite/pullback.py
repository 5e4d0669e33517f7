"""Cotangents of outputs, carried back to variables: one at a time, or many in rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from autograd_lite.cotangents import match, separate, without_nan
from autograd_lite.derivatives.indexing import scatter
from autograd_lite.engine import apply_rule, backward_order, carry_back, given_to_rules
from autograd_lite.modes import Rule, enable_grad, recording, watching
from autograd_lite.node import Array, Cotangents, Node, Pass, inputs_of, plain
from autograd_lite.precision import widened
from autograd_lite.tensor import Tensor


def apply_rule_to_rows(node: Node, cotangents: Cotangents, way: Pass, careful: bool) -> None:
    """Do what `engine.apply_rule` does, for cotangents that have one more axis in front."""
    rows = cotangents[node]
    given = given_to_rules(node, rows, way.create_graph)
    indices = [
        index
        for index in node.wanted
        if (argument := node.arguments[index])._requires_grad and argument not in way.left_out
    ]
    with np.errstate(all="ignore") if careful else nullcontext():
        found = _contributions(node, given, indices, careful)
    for index, contribution in zip(indices, found):
        argument = node.arguments[index]
        before = cotangents.get(argument)
        cotangents[argument] = contribution if before is None else before + contribution


def _contributions(
    node: Node, given: Sequence[Any], indices: list[int], careful: bool
) -> list[Array]:
    """What reaches some arguments of a node: by its rules at once where all they do allows it.

    Rules of users are asked row by row: what they do with an axis in front, nobody has said.
    """
    operation, rows = node.operation, given[0]
    traits = operation.traits if operation.is_own() else None
    if traits and (traits.elementwise or traits.in_rows):
        found = [operation.contribution(index, given, node.keywords) for index in indices]
        return [_matched(one, node, index, rows, careful) for index, one in zip(indices, found)]
    if traits and traits.moves:
        return [_moved_back(node, rows)]
    collected: list[list[Array]] = [[] for _ in indices]
    for row in rows:
        given_for_row = [row, *given[1:]]
        for index, contributions in zip(indices, collected):
            contribution = operation.contribution(index, given_for_row, node.keywords)
            if careful:
                contribution = without_nan(contribution, row)
            contributions.append(match(contribution, node.arguments[index]._array, node))
    return [*map(np.stack, collected)]


def _matched(contribution: Array, node: Node, index: int, rows: Array, careful: bool) -> Array:
    """What `engine.match` gives for each row of a contribution."""
    value, ndim = node.arguments[index]._array, node._array.ndim
    if not node.operation.traits.in_rows and np.ndim(contribution) <= ndim:
        # It does not depend on the cotangent: all rows share it.
        contribution = np.broadcast_to(contribution, rows.shape)
    if careful:
        contribution = without_nan(contribution, rows)
    shape = (len(rows), *value.shape)
    if contribution.shape == shape and contribution.dtype == value.dtype:
        return contribution
    surplus = tuple(range(1, contribution.ndim - value.ndim))
    if surplus:
        contribution = widened(contribution).sum(axis=surplus)
    return match(contribution, np.broadcast_to(value.dtype.type(0), shape), node)


def _moved_back(node: Node, rows: Array) -> Array:
    """What reaches the first argument of a function that moves its entries.

    The function itself, applied to the positions of the entries, says where they come from.
    """
    array, *others = node.arguments
    positions = np.arange(array.size).reshape(array.shape)
    places = np.reshape(node.operation.compute(positions, *others, **node.keywords), -1)
    flat = rows.reshape((len(rows), -1))
    went = np.full(array.size, places.size)
    went[places] = np.arange(places.size)
    if np.count_nonzero(went < places.size) == places.size:
        # None went to two places: so it is where it went, or 0, which takes a tenth of the time.
        nothing = np.zeros((len(rows), 1), rows.dtype)
        flat = np.concatenate([flat, nothing], axis=1)[:, went]
    else:
        flat = scatter(flat, (slice(None), places), (len(rows), array.size))
    return flat.reshape((len(rows), *array.shape))


ENTRIES = 2**20
"""How many entries an array of many cotangents at once may have, so that memory stays small."""


class Variable(Tensor):
    """A leaf that a transform makes of a plain array.

    Attributes:
        live: whether the function is being computed, or cotangents are carried back to it. Else
            nobody can differentiate in the leaf: to all others it is a constant.
    """

    __slots__ = ("live",)

    def __init__(self, data: Any) -> None:
        # Not `plain`: while a rule is traced, what is in a tensor may be a node itself.
        super().__init__(data._array if isinstance(data, Tensor) else data, requires_grad=True)
        self.live = True


class GivenVariable(Tensor):
    """What a transform computes of a tensor that requires grad, while it computes its function."""

    __slots__ = ()
    live = True


class Pullback:
    """What is recorded between variables and outputs: ordered once, to be pulled back often.

    Attributes:
        order: the nodes that the outputs depend on, without what lies behind the variables.
        is_open: whether there are tensors that require grad besides the variables, or behind
            them. What is pulled back is a tensor then where recording is on, an array elsewhere.
    """

    def __init__(self, outputs: Sequence[Any], variables: Sequence[Tensor]) -> None:
        self.outputs, self.variables = outputs, variables
        self.order = backward_order(*filter(requires_grad, outputs), stop=variables)
        self._nodes: Sequence[Node] = self.order
        self._wanted: set[Node] = {*variables, *self.order}
        self._left_out: set[Node] = set()
        leaves = [node for node in self.order if node.operation is None]
        if leaves:  # else all that was computed was computed from the variables
            self._find_wanted()
            self._nodes = self._between(self.order)
        made = {Variable}.issuperset(map(type, variables))
        self.is_open = not made or any(map(is_live_leaf, leaves))

    def _find_wanted(self) -> None:
        self._wanted = set(self.variables)
        for node in reversed(self.order):
            if any(argument in self._wanted for argument in inputs_of(node)):
                self._wanted.add(node)
        self._left_out = {x for node in self.order for x in inputs_of(node)} - self._wanted

    def pull(self, weights: Sequence[Any]) -> list[Any]:
        """The cotangents of the variables, given those of the outputs."""
        recorded = self._is_recorded(weights)
        cotangents: Cotangents = {}
        with enable_grad() if recorded else nullcontext():
            for output, weight in zip(self.outputs, weights):
                if requires_grad(output):
                    seed = _seed(output, weight, recorded)
                    before = cotangents.get(output)
                    cotangents[output] = seed if before is None else before + seed
            return self._carried(cotangents, self._nodes, recorded)

    def rows(self, output: Any) -> list[Any]:
        """The derivatives of each entry of an output in the variables: a row for each entry."""
        count = math.prod(np.shape(plain(output)))
        if not count or not requires_grad(output):
            return [np.zeros((count, *x.shape), x.dtype) for x in self.variables]
        nodes = self._between(backward_order(output, stop=self.variables))
        largest = max(x._array.size for x in (*self.variables, *nodes))
        length = max(1, ENTRIES // max(1, largest))
        recorded = self._is_recorded([])
        # What is in a tensor may be another library's array, and a number is none.
        like = output._array if output.ndim else None
        found = []
        with enable_grad() if recorded else nullcontext():
            for first in range(0, count, length):
                number = min(length, count - first)
                seeds = np.eye(number, count, first, output.dtype).reshape((number, *output.shape))
                seeds = np.asarray(seeds, like=like)
                found.append(self._carried_rows(output, seeds, nodes, recorded))
            return [np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*found)]

    def _carried_rows(
        self, output: Tensor, seeds: Any, nodes: Sequence[Node], recorded: bool
    ) -> list[Any]:
        if recorded:
            seeds = Tensor(seeds)
        if watching.get() is None:
            cotangents: Cotangents = {output: seeds}
            rule, length = apply_rule_to_rows, (len(seeds),)
            return self._carried(cotangents, nodes, recorded, rule, length)
        # What is looked at has to be of the shapes of the nodes.
        found = [self._carried({output: x}, nodes, recorded) for x in seeds]
        return [np.stack(parts) for parts in zip(*found)]

    def _carried(
        self,
        cotangents: Cotangents,
        nodes: Sequence[Node],
        recorded: bool,
        rule: Rule = apply_rule,
        length: tuple[int, ...] = (),
    ) -> list[Any]:
        """The cotangents of the variables, in rows of that length if there is one."""
        ended = [x for x in self.variables if isinstance(x, Variable) and not x.live]
        for variable in ended:
            # Transforms within rules, and functions that these compute again, differentiate in it.
            variable.live = True
        try:
            carry_back(cotangents, nodes, Pass(recorded, True, self._left_out), rule)
        finally:
            for variable in ended:
                variable.live = False
        found: dict[Node, Any] = {x: cotangents[x] for x in self.variables if x in cotangents}
        separate(found)
        return [
            _or_number(found[x] if x in found else np.zeros((*length, *x.shape), x.dtype))
            for x in self.variables
        ]

    def _between(self, order: Sequence[Node]) -> list[Node]:
        """The computed nodes of an order that lead to variables."""
        return [node for node in order if node.operation is not None and node in self._wanted]

    def _is_recorded(self, weights: Sequence[Any]) -> bool:
        return bool(recording.get()) and (self.is_open or any(map(requires_grad, weights)))


def _or_number(array: Any) -> Any:
    """An array, or the number in one without axes, as some rules give one and others the other."""
    return array[()] if type(array) is np.ndarray and not array.shape else array


def is_live_leaf(node: Node) -> bool:
    """Whether a node was not computed, and somebody may differentiate in it."""
    return node.operation is None and (not isinstance(node, Variable) or node.live)


def requires_grad(value: Any) -> bool:
    """Whether it is a tensor that requires grad."""
    return isinstance(value, Tensor) and value._requires_grad


def _seed(output: Tensor, weight: Any, recorded: bool) -> Any:
    """A cotangent of an output, of its dtype, and in no memory of the caller's."""
    if not recorded and type(weight) in (np.ndarray, np.float64):
        return weight.astype(output._array.dtype)
    seed = (weight if isinstance(weight, Tensor) else Tensor(weight)).astype(output.dtype)
    return seed if recorded else seed._array
