"""What was recorded of one call of a function; and whether two calls computed alike.

That is seen in the record, in a part of the time that writing its program takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from autograd_lite.engine import computed_and_leaves
from autograd_lite.modes import Taken
from autograd_lite.node import Array, Node, arrays_in
from autograd_lite.program.recordings import same_value
from autograd_lite.trees import leaves_of


class Record(NamedTuple):
    """What a function gave for tensors, and what it computed beside the record."""

    result: Any
    given: list[Any]  # the tensors
    variables: list[Any]  # those of them that it is differentiated in
    calls: Sequence[Taken]
    arrays: list[Array]  # what it was given besides, another one each time

    def computed(self) -> list[Node]:
        """The nodes that were recorded, in order."""
        called = [arrays_in([call.arguments, call.keywords]) for call in self.calls]
        found = [*leaves_of(self.result), *[x for each in called for x in each]]
        roots = [x for x in found if isinstance(x, Node) and x._requires_grad]
        return computed_and_leaves(roots, ())[0][::-1]


def are_alike(one: Record, other: Record) -> bool:
    """Whether all that was computed is the same, but for what was given; if not, that is to be seen
    in programs, which may still be.
    """
    nodes, others = one.computed(), other.computed()
    if len(nodes) != len(others) or len(one.calls) != len(other.calls):
        return False
    pairs = {**dict(zip(nodes, others)), **dict(zip(one.given, other.given))}
    for call, again in zip(one.calls, other.calls):
        if isinstance(call.outcome, Node) and isinstance(again.outcome, Node):
            pairs[call.outcome] = again.outcome
    same = _Same(pairs, zip(one.arrays, other.arrays))
    for a, b in zip(nodes, others):
        x, y = a._array, b._array
        if a.operation is not b.operation or x.shape != y.shape or x.dtype != y.dtype:
            return False
        if not same(a.arguments, b.arguments):
            return False
        if a.keywords is not b.keywords and not same(a.keywords, b.keywords):
            return False
    return all(
        a.function is b.function
        and same(a.arguments, b.arguments)
        and same(a.keywords, b.keywords)
        and isinstance(a.outcome, Node) == isinstance(b.outcome, Node)
        for a, b in zip(one.calls, other.calls)
    ) and same(leaves_of(one.result), leaves_of(other.result))


class _Same:
    """Whether parts of arguments are the same, given the nodes that stand for each other."""

    def __init__(self, pairs: dict[Node, Node], arrays: Iterable[tuple[Array, Array]]) -> None:
        self._pairs = pairs
        self._arrays = {id(a._array): b._array for a, b in pairs.items()}
        self._arrays |= {id(a): b for a, b in arrays}

    def __call__(self, a: Any, b: Any) -> bool:
        if isinstance(a, Node):
            return self._pairs.get(a, a) is b
        if type(a) is not type(b):
            return False
        if isinstance(a, list | tuple):
            return len(a) == len(b) and all(map(self, a, b))
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(self(a[key], b[key]) for key in a)
        return self._arrays.get(id(a), a) is b or same_value(a, b)
