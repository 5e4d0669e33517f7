"""A function at a point, ready to be pulled back: what all transforms are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from autograd_lite.arguments import is_whole, require_function
from autograd_lite.errors import (
    ArgumentError,
    GradientError,
    ShapeError,
    UnsupportedError,
    describe_one,
    own_cause,
)
from autograd_lite.foreign import admit
from autograd_lite.modes import enable_grad, recording, take_entries, taken, watching
from autograd_lite.node import Node, plain
from autograd_lite.pullback import GivenVariable, Pullback, Variable, requires_grad
from autograd_lite.tensor import Tensor
from autograd_lite.trees import leaves_of, map_tree, matched, rebuilt


class Linearization:
    """A function applied to fresh variables.

    Attributes:
        value: what the function returned.
        outputs: the leaves of the value.
        trees: the arguments that are differentiated in, as they were given.
        variables: their leaves, as tensors.
        pullback: from the outputs to the variables.
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
        if type(None) in map(type, self.trees):
            raise UnsupportedError(
                f"derivative of {name_of(f)} in None", "it is no array", "Give arrays of floats"
            )
        if recording.get() is True and watching.get() is None:
            self._compute(arguments, positions, keywords)
        else:
            with enable_grad():
                self._compute(arguments, positions, keywords)
        self.outputs = leaves_of(self.value)
        _require_outputs(f, self.value, self.outputs)
        self.pullback = Pullback(self.outputs, self.variables)
        for variable in self.variables:
            _end(variable)
        if taken.get() is not None and not self.pullback.is_open:
            for node in (*self.variables, *self.pullback.order):
                known = [x for x in (node, *node.arguments) if isinstance(x, Node)]
                take_entries(*[x for x in known if x.operation is None])

    def _compute(
        self, arguments: Sequence[Any], positions: Sequence[Any], keywords: Mapping[str, Any]
    ) -> None:
        """Apply the function to variables in place of the trees."""
        self.variables = [*_variables(self.f, positions, self.trees)]
        changed = list(arguments)
        for position, tree in zip(positions, self._rebuilt(self.variables)):
            changed[position] = tree
        try:
            self.value = self.f(*changed, **keywords)
        except ValueError as error:
            raise own_cause(error)  # noqa: B904 - it is that error, or its cause
        if not recording.get():
            raise _left_off(self.f)

    def pull(self, cotangent: Any) -> list[Any]:
        """The cotangents of the trees, given one for the value, of its structure."""
        attempted = f"cotangent of {name_of(self.f)}"
        admitted = map_tree(lambda leaf: admit(leaf, attempted), cotangent)
        return self.pull_leaves(matched_leaves(attempted, self.value, admitted))

    def pull_leaves(self, weights: Sequence[Any]) -> list[Any]:
        """The cotangents of the trees, given those of the outputs."""
        return list(self._rebuilt(self.pullback.pull(weights)))

    def result(self) -> Any:
        """The value as the caller gets it."""
        is_tensor = self.pullback.is_open and recording.get()
        return self.value if is_tensor else map_tree(plain, self.value)

    def _rebuilt(self, leaves: Sequence[Any]) -> Any:
        """The trees with other leaves: these themselves where each tree is one array."""
        return leaves if ARRAYS.issuperset(map(type, self.trees)) else rebuilt(self.trees, leaves)


ARRAYS = frozenset({np.ndarray, np.float64, float, Tensor})


def _is_real(value: Any) -> bool:
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    return dtype.kind in "fiub"


def name_of(f: Any) -> str:
    """What a function is called in errors."""
    return str(getattr(f, "__name__", type(f).__name__))


def _variables(
    f: Callable[..., Any], positions: Sequence[Any], trees: Sequence[Any]
) -> Iterator[Any]:
    """A node of its own for each leaf: f may hold the same tensor as a constant."""
    for position, tree in zip(positions, trees):
        for leaf in leaves_of(tree):
            try:
                yield _given_variable(leaf) if requires_grad(leaf) else Variable(leaf)
            except UnsupportedError as error:
                given, reason, remedy = error.args
                attempted = f"derivative of {name_of(f)} in argument {position}, {given}"
                raise UnsupportedError(attempted, reason, _opened_by(leaf) or remedy) from error


def _opened_by(leaf: Any) -> str:
    """What to write for an object that holds arrays, in which none is looked for."""
    if hasattr(leaf, "named_parameters"):
        call = "nn.functional_call(model, parameters, x)"
        return f"Give dict(model.named_parameters()), and compute with {call}"
    if is_dataclass(leaf):
        return "Give its arrays in a dict, dataclasses.asdict(x), or make it a NamedTuple"
    is_array = hasattr(leaf, "dtype") or hasattr(leaf, "__array__")
    holds = not is_array and getattr(leaf, "__dict__", None)
    return "Give its arrays in a dict: vars(x)" if holds else ""


def _given_variable(leaf: Any) -> Any:
    variable = +leaf
    variable.__class__ = GivenVariable
    return variable


def _end(variable: Any) -> None:
    """The function is computed, and what it was differentiated in is a tensor like others."""
    if isinstance(variable, Variable):
        variable.live = False
    else:
        variable.__class__ = Tensor


def _require_positions(
    f: Callable[..., Any], arguments: Sequence[Any], positions: Sequence[Any]
) -> None:
    for position in positions:
        if not is_whole(position):
            raise UnsupportedError(
                f"derivative of {name_of(f)} in argument {describe_one(position)}",
                "positions are whole numbers",
                "Give argnums such as 0 or (0, 1)",
            )
        if not -len(arguments) <= position < len(arguments):
            raise ArgumentError(
                f"derivative of {name_of(f)} in argument {describe_one(position)}",
                f"it was given {len(arguments)} arguments",
                "Give argnums that count positional arguments, from 0",
            )
    if 1 < len(positions) > len({position % len(arguments) for position in positions}):
        raise ArgumentError(
            f"derivative of {name_of(f)} in arguments {tuple(positions)}",
            "one of them is given twice",
            "Give each position once",
        )


def _left_off(f: Callable[..., Any]) -> GradientError:
    """The error of a function after which nothing is recorded any more."""
    return GradientError(
        f"derivative of {name_of(f)}",
        "when it returned, recording was off: it entered no_grad() and has not left it, as where a "
        "generator pauses inside, and what it computed after that has no record",
        "Compute what is yielded inside of no_grad(), and yield it after that",
    )


def _require_outputs(f: Callable[..., Any], value: Any, outputs: Sequence[Any]) -> None:
    if value is None:
        raise GradientError(
            f"derivative of {name_of(f)}",
            "it returned None",
            "Write return before what it computes",
        )
    for output in map(plain, outputs):
        if not _is_real(output):
            raise UnsupportedError(
                f"derivative of {name_of(f)}",
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
