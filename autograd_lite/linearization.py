"""A function at a point, ready to be pulled back: what all transforms are made of."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from autograd_lite.arguments import is_whole, require_function
from autograd_lite.engine import (
    Cotangents,
    apply_rule,
    backward_order,
    backward_steps,
    carry_back,
    unshared,
)
from autograd_lite.errors import (
    ArgumentError,
    GradientError,
    ShapeError,
    UnsupportedError,
    describe_one,
)
from autograd_lite.modes import enable_grad, recording, take_entries, taken, watching
from autograd_lite.node import Node, inputs_of, plain
from autograd_lite.rows import apply_rule_to_rows
from autograd_lite.tensor import Tensor
from autograd_lite.trees import leaves_of, map_tree, matched, rebuilt

ENTRIES = 2**20
"""How many entries an array of many cotangents at once may have, so that memory stays small."""


class Variable(Tensor):
    """A leaf that a transform makes of a plain array.

    Attributes:
        live: whether the function is still being computed. Afterwards nobody but the transform
            itself can differentiate in the leaf: to all others it is a constant.
    """

    __slots__ = ("live",)

    def __init__(self, data: Any) -> None:
        super().__init__(data, requires_grad=True)
        self.live = True


class Linearization:
    """A function applied to fresh variables.

    Attributes:
        value: what the function returned.
        outputs: the leaves of the value.
        trees: the arguments that are differentiated in, as they were given.
        variables: their leaves, as tensors.
        is_open: whether the derivative may depend on tensors besides the variables that require
            grad. Then it is a tensor itself where recording is on.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        arguments: Sequence[Any],
        positions: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> None:
        require_function(f, "derivative of", "Give a function of arrays")
        _require_positions(f, arguments, positions)
        self.f = f
        self.trees = [arguments[position] for position in positions]
        if any(tree is None for tree in self.trees):
            raise UnsupportedError(
                f"derivative of {name_of(f)} in None", "it is no array", "Give arrays of floats"
            )
        with enable_grad():
            # A node of its own for each: f may hold the same tensor as a constant.
            self.variables = [
                +leaf if _requires_grad(leaf) else Variable(_array(leaf))
                for leaf in leaves_of(self.trees)
            ]
            changed = list(arguments)
            for position, tree in zip(positions, rebuilt(self.trees, self.variables)):
                changed[position] = tree
            self.value = f(*changed, **keywords)
        _require_outputs(f, self.value)
        self.outputs = leaves_of(self.value)
        roots = filter(_requires_grad, self.outputs)
        order = backward_order(*roots, stop=self.variables)
        self._wanted = set(self.variables)
        for node in reversed(order):
            if any(argument in self._wanted for argument in inputs_of(node)):
                self._wanted.add(node)
        self._steps = self._between(order)
        for variable in self.variables:
            if isinstance(variable, Variable):
                variable.live = False
        given = any(not isinstance(variable, Variable) for variable in self.variables)
        self.is_open = given or any(map(_is_live_leaf, order))
        if taken.get() is not None and not self.is_open:
            for node in (*self.variables, *order):
                known = [x for x in (node, *node.arguments) if isinstance(x, Node)]
                take_entries(*[x for x in known if x.operation is None])

    def pull(self, cotangent: Any) -> list[Any]:
        """The cotangents of the trees, given one for the value, of its structure."""
        weights = matched_leaves(f"cotangent of {name_of(self.f)}", self.value, cotangent)
        return list(rebuilt(self.trees, self.pull_leaves(weights)))

    def pull_leaves(self, weights: Sequence[Any]) -> list[Any]:
        """The cotangents of the variables, given those of the outputs."""
        recorded = self._is_recorded(weights)
        cotangents: Cotangents = {}
        with enable_grad() if recorded else nullcontext():
            for output, weight in zip(self.outputs, weights):
                if _requires_grad(output):
                    seed = _seed(output, weight, recorded)
                    before = cotangents.get(output)
                    cotangents[output] = seed if before is None else before + seed
            return self._carried(cotangents, self._steps, recorded)

    def rows(self, output: Any) -> list[Any]:
        """The derivatives of each entry of an output in the variables: a row for each entry."""
        count = np.size(plain(output))
        if not count or not _requires_grad(output):
            return [np.zeros((count, *x.shape), x.dtype) for x in self.variables]
        steps = self._between(backward_order(output, stop=self.variables))
        largest = max(x._array.size for x in (*self.variables, *(node for node, _ in steps)))
        length = max(1, ENTRIES // max(1, largest))
        recorded = self._is_recorded([])
        found = []
        with enable_grad() if recorded else nullcontext():
            for first in range(0, count, length):
                number = min(length, count - first)
                seeds = np.eye(number, count, first, output.dtype).reshape((number, *output.shape))
                found.append(self._carried_rows(output, seeds, steps, recorded))
            return [np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*found)]

    def _carried_rows(
        self, output: Tensor, seeds: Any, steps: Sequence[tuple[Node, bool]], recorded: bool
    ) -> list[Any]:
        if recorded:
            seeds = Tensor(seeds)
        if watching.get() is None:
            rule, length = apply_rule_to_rows, (len(seeds),)
            return self._carried({output: seeds}, steps, recorded, rule, length)
        # What is looked at has to be of the shapes of the nodes.
        found = [self._carried({output: seed}, steps, recorded) for seed in seeds]
        return [np.stack(parts) for parts in zip(*found)]

    def _carried(
        self,
        cotangents: Cotangents,
        steps: Sequence[tuple[Node, bool]],
        recorded: bool,
        rule: Callable[..., None] = apply_rule,
        length: tuple[int, ...] = (),
    ) -> list[Any]:
        """The cotangents of the variables, in rows of that length if there is one."""
        rule = functools.partial(rule, wanted=self._wanted)
        carry_back(cotangents, steps, recorded, leaves_only=True, rule=rule)
        found = dict(unshared({x: cotangents[x] for x in self.variables if x in cotangents}))
        return [
            found[x] if x in found else np.zeros((*length, *x.shape), x.dtype)
            for x in self.variables
        ]

    def _between(self, order: Sequence[Node]) -> list[tuple[Node, bool]]:
        """The steps of an order that lead to variables."""
        return [step for step in backward_steps(order) if step[0] in self._wanted]

    def _is_recorded(self, weights: Sequence[Any]) -> bool:
        return bool(recording.get()) and (self.is_open or any(map(_requires_grad, weights)))

    def result(self) -> Any:
        """The value as the caller gets it."""
        return self.value if self.is_open and recording.get() else map_tree(plain, self.value)


def _is_live_leaf(node: Node) -> bool:
    return node.operation is None and (not isinstance(node, Variable) or node.live)


def _requires_grad(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _array(value: Any) -> Any:
    # Not `plain`: what is in a tensor may be a node itself, while a rule is traced.
    return value._array if isinstance(value, Tensor) else value


def _seed(output: Tensor, weight: Any, recorded: bool) -> Any:
    """A cotangent of an output, of its dtype, and in no memory of the caller's."""
    seed = (weight if isinstance(weight, Tensor) else Tensor(weight)).astype(output.dtype)
    return seed if recorded else seed._array


def _is_real(value: Any) -> bool:
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    return dtype.kind in "fiub"


def name_of(f: Any) -> str:
    """What a function is called in errors."""
    return getattr(f, "__name__", repr(f))


def _require_positions(
    f: Callable[..., Any], arguments: Sequence[Any], positions: Sequence[Any]
) -> None:
    attempted = f"derivative of {name_of(f)}"
    for position in positions:
        if not is_whole(position):
            raise UnsupportedError(
                f"{attempted} in argument {describe_one(position)}",
                "positions are whole numbers",
                "Give argnums such as 0 or (0, 1)",
            )
        if not -len(arguments) <= position < len(arguments):
            raise ArgumentError(
                f"{attempted} in argument {position}",
                f"it was given {len(arguments)} arguments",
                "Give argnums that count positional arguments, from 0",
            )
    if len({position % len(arguments) for position in positions}) < len(positions):
        raise ArgumentError(
            f"{attempted} in arguments {tuple(positions)}",
            "one of them is given twice",
            "Give each position once",
        )


def _require_outputs(f: Callable[..., Any], value: Any) -> None:
    attempted = f"derivative of {name_of(f)}"
    if value is None:
        raise GradientError(attempted, "it returned None", "Write return before what it computes")
    for output in map(plain, leaves_of(value)):
        if not _is_real(output):
            raise UnsupportedError(
                attempted,
                f"it returned {describe_one(output)}",
                "Return arrays or numbers, or lists, tuples and dicts of them",
            )


def require_tangents(attempted: str, xs: Any, vs: Any) -> list[Any]:
    """The leaves of the tangents, one for each argument and of its structure."""
    for given in (xs, vs):
        if not isinstance(given, list | tuple):
            raise UnsupportedError(
                f"{attempted} with {describe_one(given)}",
                "arguments and tangents come in lists",
                "Write [x] and [v]",
            )
    return matched_leaves(attempted, [*xs], [*vs])


def matched_leaves(attempted: str, tree: Any, given: Any) -> list[Any]:
    """The leaves of what is given for a tree, in its order.

    Raises:
        ShapeError: its structure or a shape is another.
    """
    leaves = []
    for path, leaf, other in matched(attempted, tree, given):
        place, shape, wanted = path or "it", np.shape(plain(other)), np.shape(plain(leaf))
        if not _is_real(plain(other)):
            reason = f"{place} is {describe_one(other)}"
            raise UnsupportedError(attempted, reason, "Give arrays of real numbers")
        if shape != wanted:
            reason = f"{place} has the shape {shape}, not {wanted}"
            raise ShapeError(attempted, reason, "Give one of the same structure and shapes")
        leaves.append(other)
    return leaves
