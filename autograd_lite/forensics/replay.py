"""Backward passes of a recorded graph with one or more steps done wrongly.

A step is what a node contributes to the cotangent of one of its arguments. A mistake replaces the
vjp of a step; only the steps below it are run again.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from autograd_lite.forensics.place import Place, Vjp, Wrong, grouped, is_array, is_recorded
from autograd_lite.node import Array, Node, plain
from autograd_lite.operation import Operation
from autograd_lite.program.program import Step
from autograd_lite.program.templates import Contribution
from autograd_lite.program.trace import outline
from autograd_lite.tensor import Tensor

DEPTH = 6
"""Operations between a step and the leaves that tell its role."""
SAMPLES = "the number of samples"
AXIS = "the length of an axis"
USES = "the number of times that it is used"
TERMS = "the number of terms of the loss"
ENTRIES = "the number of entries"
STEPS_NEARBY = 12
"""Steps before and after one among which what its values are mistaken for is looked for."""
DEEPEST = 16
"""Steps that are together one function."""
NEARBY = 8
"""Nodes before and after one that it may be mistaken for."""
OF_A_STEP = 1000
"""Entries that take as long as a step does with few of them."""


@dataclass(eq=False, slots=True)
class Replay:
    """The values of a program that come out with some steps done wrongly."""

    replaced: Mapping[int, Vjp]  # what these steps call instead, by number
    values: list[Array]
    cotangents: Mapping[Node, Step]
    base: Replay | None = None  # that it differs from
    fitted: frozenset[Tensor] | None = None  # whose gradients are a case's, once it was asked for

    def __getitem__(self, node: Node) -> Array:
        return self.values[self.cotangents[node].number]


def _part(node: Tensor) -> str:
    """Which entries an operation takes, where it names them as a slice."""
    indexes = node.operation is not None and node.operation.traits.indexes
    return repr(node.arguments[1]) if indexes and not is_array(plain(node.arguments[1])) else ""


LARGE = 20
"""Steps of a set that another one with nearly the same is left out for."""


def _is_in(members: frozenset[Place], sets: Iterable[frozenset[Place]]) -> bool:
    larger = (each for each in sets if members < each) if len(members) > LARGE else ()
    return any(len(members) > 0.9 * len(each) for each in larger)


def nearest(node: Tensor, onward: Callable[[Tensor], Iterable[Tensor]]) -> list[Tensor]:
    """Nodes that are reached from a node, some of the closest, in the order of reaching them."""
    found: dict[Tensor, None] = {}
    ahead = [node]
    for each in ahead:
        for other in onward(each):
            if other not in found and len(found) < NEARBY:
                found[other] = None
                ahead.append(other)
    return [*found]


class Graph:
    """A recorded graph as a program, its places, and who consumes whom."""

    def __init__(self, loss: Tensor) -> None:
        self.loss = loss
        self.program = outline(loss)
        self.order = cast(list[Tensor], [*self.program.values][::-1])
        self.position = {node: number for number, node in enumerate(self.order)}
        self.right = Replay({}, self.program.recorded, self.program.cotangents)
        self.places = [
            Place(node, slot, node.arguments[slot], row, row.traits, step.number)
            for node in self.order
            if (row := node.operation) is not None
            for slot, step in self.program.contributions[node].items()
        ]
        self.places_of: dict[Tensor, list[Place]] = grouped(self.places, lambda place: place.node)
        self.consumers: dict[Tensor, list[Place]] = grouped(self.places, lambda p: p.argument)
        self.leaves = [node for node in self.order if node.operation is None]

    @functools.cached_property
    def index(self) -> dict[Place, int]:
        """Where each place stands among all, which are in the order of the backward pass."""
        return {place: number for number, place in enumerate(self.places)}

    def near(self, place: Place) -> list[Place]:
        """The steps before and after one in the backward pass, with itself."""
        here = self.index[place]
        return self.places[max(here - STEPS_NEARBY, 0) : here + STEPS_NEARBY]

    @functools.cached_property
    def last_layer(self) -> int:
        """The position of the last product with a matrix; what comes after it is the loss's."""
        products = (self.position[p.node] for p in self.places if p.multiplies_matrices)
        return next(products, len(self.order))

    def is_within(self, place: Place) -> bool:
        """Whether a step is one of a network with layers, and not of the loss after these."""
        return self.last_layer < len(self.order) and self.position[place.node] > self.last_layer

    @functools.cached_property
    def of_operation(self) -> dict[Operation, list[Tensor]]:
        """The nodes of each operation, in the order of the backward pass."""
        return grouped(self.places_of, lambda node: node.operation)

    @functools.cached_property
    def of_shape(self) -> dict[tuple[int, ...], list[Tensor]]:
        """The nodes of each shape that are computed, in the order of the backward pass."""
        return grouped(self.places_of, lambda node: node.shape)

    def nearest(self, node: Tensor, most: int) -> list[Tensor]:
        """The other nodes of one's shape, so many of them, those close to it first."""
        same, here = self.of_shape[node.shape], self.position[node]
        index = bisect.bisect_left(same, here, key=self.position.__getitem__)
        others = [*same[max(index - most, 0) : index], *same[index + 1 : index + 1 + most]]
        others.sort(key=lambda n: (abs(self.position[n] - here), self.position[n]))
        return others[:most]

    def in_time(self, steps: Iterable[Place]) -> list[Place]:
        """Steps of a loop, the last one first."""
        return sorted(steps, key=lambda place: self.position[place.node])

    def close_to(self, node: Tensor) -> list[Tensor]:
        """The nodes of the same operation before and after one, not those of a long loop."""
        same = self.of_operation[node.operation]
        here = bisect.bisect_left(same, self.position[node], key=self.position.__getitem__)
        return [*same[max(here - NEARBY, 0) : here], *same[here + 1 : here + 1 + NEARBY]]

    def way(self, node: Tensor, to: Tensor, most: int = DEEPEST) -> list[Place]:
        """The steps from a node to one before it through nodes of its shape; none if none lead."""
        for place in self.places_of.get(node, ()) if most else ():
            if place.argument is to:
                return [place]
            same = place.argument.shape == to.shape
            rest = self.way(place.argument, to, most - 1) if same else []
            if rest:
                return [place, *rest]
        return []

    @functools.cached_property
    def work(self) -> int:
        """How long a replay takes, in entries that are computed."""
        return sum(node.size for node in self.order) + OF_A_STEP * len(self.places)

    def sent(self, place: Place) -> Array:
        """What a step adds, in the right pass, to what arrives at its argument."""
        return self.right.values[place.number]

    def forward_step(self, node: Tensor) -> Place:
        """The step that computes a node, which a candidate may replace too."""
        row = node.operation
        return Place(node, -1, self.loss, row, row.traits, self.program.values[node].number)

    def first_of(self, wrong: Iterable[Place]) -> Place:
        """Of some steps the one that the backward pass takes first."""
        return min(wrong, key=lambda place: self.position[place.node])

    def replay(self, wrong: Wrong, base: Replay | None = None) -> Replay | None:
        """The cotangents with steps done wrongly, besides those of a base; None if nothing fits."""
        return self.run_again(self.steps_of(wrong), base or self.right)

    def steps_of(self, wrong: Wrong) -> dict[int, Vjp]:
        """What steps that are done wrongly call, by number."""
        found: dict[int, Vjp] = {}
        for place, vjp in wrong.items():
            rule: Any = self.program.steps[place.number].function
            if place.slot >= 0:
                vjp = Contribution(place.node, place.slot, rule.careful, vjp)
            found[place.number] = vjp
        return found

    def run_again(self, replaced: Mapping[int, Vjp], base: Replay) -> Replay | None:
        """What comes out of a replay where some steps of the program call something else."""
        below = self.program.below(replaced)
        replaced = {**base.replaced, **replaced}
        try:
            values = self.program.again(replaced, base.values, below)
        except Exception:  # An operation of the user's may not stand such values.
            return None
        return Replay(replaced, values, base.cotangents, base)

    @functools.cached_property
    def unmatched(self) -> dict[Place, Array]:
        """What each step adds, before it is summed to the argument's shape."""
        return {place: place.unmatched(self.right[place.node]) for place in self.places}

    @functools.cached_property
    def bottlenecks(self) -> dict[Tensor, None]:
        """Computed nodes that every path from the loss goes through, the loss left out."""
        return self.bottlenecks_without(frozenset())

    def bottlenecks_without(self, left_out: frozenset[Place]) -> dict[Tensor, None]:
        """The same where some steps do not count."""
        steps = [place for place in self.places if place not in left_out]
        steps_from = Counter(place.node for place in steps)
        steps_to = Counter(place.argument for place in steps)
        found = []
        open_edges = 0
        for node in self.order:
            open_edges -= steps_to[node]
            is_computed = node.operation is not None and node is not self.loss
            if is_computed and steps_to[node] and open_edges == 0:
                found.append(node)
            open_edges += steps_from[node]
        return dict.fromkeys(found)

    @functools.cached_property
    def lengths(self) -> dict[int, str]:
        """The numbers that losses are divided by, and what they count: lengths of axes, uses."""
        of_parameters = {length for leaf in self.leaves for length in leaf.shape}
        found: dict[int, str] = {}
        for node in self.order:
            for axis, length in enumerate(node.shape if node.operation else ()):
                is_batch = length not in of_parameters and (axis == 0 or node.ndim < 3)
                found.setdefault(length, SAMPLES if is_batch else AXIS)
        for node in self.bottlenecks:
            axes = "·".join(map(str, node.shape))
            found.setdefault(node.size, f"{axes} positions" if node.ndim > 2 else ENTRIES)
        found.setdefault(self._terms(), TERMS)
        for leaf in self.leaves:
            found.setdefault(len(self.consumers[leaf]), USES)
        for length in (0, 1):
            found.pop(length, None)
        samples_first = sorted(found.items(), key=lambda item: item[1] != SAMPLES)
        return dict(samples_first[:10])

    def _terms(self) -> int:
        """How many terms are summed up to the loss one by one."""
        count, nodes = 0, [self.loss]
        while nodes:
            node = nodes.pop()
            places = self.places_of.get(node, []) if node.size == 1 else []
            scaled = len(places) == 1 and places[0].slot in places[0].traits.linear
            if places and (scaled or places[0].traits.additive):
                nodes += [place.argument for place in places]
            else:
                count += 1
        return count

    @functools.cached_property
    def positions(self) -> dict[int, str]:
        """How many entries neighbouring axes of what was computed have, and which they are."""
        found: dict[int, str] = {}
        for node in self.order:
            for first, last in itertools.combinations(range(node.ndim + 1), 2):
                axes = node.shape[first:last]
                if len(axes) > 1 and 1 not in axes and math.prod(axes) not in self.lengths:
                    found.setdefault(math.prod(axes), f"{'·'.join(map(str, axes))} positions")
        return dict(itertools.islice(found.items(), 10))

    @functools.cached_property
    def alike(self) -> list[list[Place]]:
        """The sets of two or more steps that play one role, as those of a loop."""
        return self.alike_among(self.places)

    @functools.cached_property
    def loops(self) -> list[list[Place]]:
        """The same sets, of each the last step first."""
        return [*map(self.in_time, self.alike)]

    def are_all(self, steps: Iterable[Place]) -> bool:
        """Whether there are no other steps of the same operation that play their role."""
        some = {*steps}
        first = next(iter(some))
        same = {p for p in self.places if (p.operation, p.slot) == (first.operation, first.slot)}
        around = [group for group in (same, *map(set, self.alike)) if some <= group]
        return len(some) == min(map(len, around), default=0)

    def alike_among(self, places: Iterable[Place]) -> list[list[Place]]:
        """The sets of two or more of these steps that play one role, each once.

        Of large sets that hardly differ, such as by the first step of a loop, it is the larger one.
        """
        sets: dict[frozenset[Place], list[Place]] = {}
        for role in self.roles:
            for group in grouped(places, role.__getitem__).values():
                members = frozenset(group)
                if len(group) > 1 and members not in sets and not _is_in(members, sets):
                    sets[members] = group
        return [*sets.values()]

    @functools.cached_property
    def roles(self) -> list[dict[Place, Any]]:
        """The role that each step plays, in coarse terms first.

        Two play the same if they are steps of one operation between such of the same ones, and
        were computed from the same leaves, in as many operations: in one of these at first, at
        last in up to `DEPTH`. What is further back counts as the same, as constants do, with
        which loops start. Parts of an array are told apart at last, too, as those of gates are; and
        what parameters there are that loops start with counts as a constant.
        """
        reach: dict[Tensor, dict[tuple[Tensor, str], int]] = {}
        for node in reversed(self.order):
            own = reach[node] = {(node, ""): 0} if node.operation is None else {}
            part = _part(node)
            for place in self.places_of.get(node, ()):
                for (leaf, inner), steps in reach[place.argument].items():
                    if steps < DEPTH:
                        key = leaf, part + inner
                        own[key] = min(steps + 1, own.get(key, DEPTH))

        def role(place: Place, depth: int, apart: bool) -> Any:
            nodes = place.node, place.argument
            rows = [node.operation for node in nodes]
            found = [[(*key, n) for key, n in reach[node].items() if n <= depth] for node in nodes]
            near = [frozenset((leaf, part * apart, n) for leaf, part, n in each) for each in found]
            return place.slot, *rows, *near

        def of_starts(place: Place, depth: int) -> Any:
            found = [(leaf, n) for (leaf, _), n in reach[place.node].items() if leaf in shared]
            return (
                place.slot,
                place.operation,
                frozenset(each for each in found if each[1] <= depth),
            )

        known: dict[Any, int] = {}
        ways = [partial(role, depth=depth, apart=False) for depth in range(1, DEPTH + 1)]
        if any(map(_part, reach)):
            ways += [partial(role, depth=n, apart=True) for n in range(DEPTH // 2, DEPTH + 1)]
        uses = [len(self.consumers.get(leaf, ())) for leaf in self.leaves]
        shared = {leaf for leaf, n in zip(self.leaves, uses) if n == max(uses)}
        if max(uses, default=0) > 2 and len(shared) < len(uses):
            ways += [partial(of_starts, depth=depth) for depth in (DEPTH // 2, DEPTH)]
        return [{p: known.setdefault(way(p), len(known)) for p in self.places} for way in ways]

    @functools.cached_property
    def plain_arrays(self) -> list[Array]:
        """The arrays of numbers that are not differentiated, each once."""
        arguments = [argument for place in self.places for argument in place.node.arguments]
        values = [plain(argument) for argument in arguments if not is_recorded(argument)]
        return [*{id(v): v for v in values if is_array(v) and v.dtype.kind in "fiu"}.values()]
