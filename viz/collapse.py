"""What was recorded as boxes, of which one may stand for many arrays where there are many.

A box that stands for several holds all that lies between any two of them: so no two boxes are each
computed from the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from autograd_lite.engine import backward_order
from autograd_lite.tensor import Tensor
from viz.calls import Call, Path, common, paths_of, place_of

ROOM = 300
"""The boxes that a picture has room for."""
LEVELS = (30, 15, 8)
"""Where levels are put together so many boxes are left, or fewer if there are many edges."""
EDGES = 60
"""As many are clear."""
FEW = 6
"""So many named leaves of equal steps are boxes of their own."""
LONGEST_STEP = 2000
"""Of a loop: the operations of one step."""
TIMES = "\N{MULTIPLICATION SIGN}"
STEPS = 10
"""So many equal steps are one box, also where there is room for all."""


@dataclass(eq=False)
class Box:
    """An array, or several.

    Attributes:
        arrays: what it stands for, each after what it was computed from.
        path: the calls around it.
        call: what it is a call of, if it is one.
        title: of several arrays, what they are.
        parts: of equal steps, the boxes of the first.
        constants: how many arrays modules use that they were not given, and do not learn.
    """

    arrays: list[Any]
    path: Path = ()
    call: Call | None = None
    title: str = ""
    parts: list[Box] = field(default_factory=list)
    constants: int = 0

    @property
    def is_one(self) -> bool:
        """Whether it stands for a single array."""
        return not (self.title or self.call)

    @cached_property
    def given(self) -> list[Any]:
        """The arrays that it is computed from: each once, unless it is a single operation."""
        arguments = [argument for node in self.operations for argument in operands(node)]
        if self.is_one:
            return arguments
        own = {id(array) for array in self.arrays}
        return [*{id(a): a for a in arguments if id(a) not in own}.values()]

    @property
    def operations(self) -> list[Any]:
        """The arrays that were computed."""
        return [array for array in self.arrays if getattr(array, "operation", None) is not None]

    @property
    def leaves(self) -> list[Any]:
        """The arrays that were not."""
        return [array for array in self.arrays if getattr(array, "operation", None) is None]


def operands(node: Any) -> list[Any]:
    """The arguments of a computed tensor that are arrays; numbers, shapes and axes are none."""
    return [argument for argument in node.arguments if is_array(argument)]


def is_array(argument: Any) -> bool:
    """Whether an argument is drawn as a box of its own."""
    return hasattr(argument, "__array_function__") and not isinstance(argument, np.generic)


def computed(*roots: Tensor) -> list[Any]:
    """The tensors of operations, each after its arguments."""
    return [node for node in reversed(backward_order(*roots)) if node.operation is not None]


def drawn(*roots: Tensor) -> list[Any]:
    """The arrays that tensors were computed from, and themselves."""
    nodes = computed(*roots)
    arrays = {id(array): array for node in nodes for array in (*operands(node), node)}
    return [*(arrays | {id(root): root for root in roots}).values()]


def boxes_of(
    roots: Sequence[Tensor], depth: int | None, kept: Container[int] = ()
) -> tuple[list[Box], str]:
    """What tensors were computed from, in boxes, as few as there is room for; and a note of how.

    Calls at the depth are one box each. Without a depth they are where there is no room, and equal
    steps are. Arguments come before operations. Inputs that are kept, by their ids, have a box of
    their own.
    """
    nodes = computed(*roots)
    paths = paths_of(nodes)
    boxes = [Box([node], paths[id(node)]) for node in nodes]
    leaves = _leaves(nodes, paths) or [Box([root]) for root in roots]
    count = len(boxes) + len(leaves)
    closed, said = depth, []
    if closed is None and count > ROOM:
        closed = _depth_with_room(boxes + leaves)
    if closed is not None and any(len(box.path) >= closed for box in boxes):
        boxes = _closed(boxes, closed)
        if depth is None:
            said.append(f"modules at depth {closed}")
    crowded = len(boxes) + len(leaves) > ROOM
    if depth is None or crowded:
        before, boxes = boxes, _folded(boxes, 3 if crowded else STEPS)
        said += ["equal steps"] * (len(boxes) < len(before))
    boxes, leaves = _absorbed(boxes, leaves, kept)
    if len(boxes) > ROOM // 2 and len(boxes) + len(leaves) > ROOM:
        boxes = _leveled(boxes)
        boxes, leaves = _absorbed(boxes, leaves, kept)
        said.append("neighbouring levels")
    if len(boxes) + len(leaves) > ROOM:
        leaves = _by_kind(leaves)
    note = ""
    if said:
        note = f"{len(nodes):,} operations: {' and '.join(said)} are one box each"
    return _in_order(boxes, leaves), note


def owners(boxes: Iterable[Box]) -> dict[int, Box]:
    """The box that each array is in, by the array's id."""
    return {id(array): box for box in boxes for array in box.arrays}


def _leaves(nodes: Sequence[Any], paths: dict[int, Path]) -> list[Box]:
    """The arrays that were not computed, where they belong."""
    arrays: dict[int, Any] = {}
    users: dict[int, list[Path]] = {}
    for node in nodes:
        for array in operands(node):
            if id(array) not in paths:
                arrays[id(array)] = array
                users.setdefault(id(array), []).append(paths[id(node)])
    return [_leaf(array, place_of(array, users[key])) for key, array in arrays.items()]


def _leaf(array: Any, path: Path) -> Box:
    return Box([array], path, constants=bool(path) and not getattr(array, "requires_grad", False))


def _depth_with_room(boxes: Sequence[Box]) -> int:
    """The largest depth of calls at which there is room, or the smallest there is."""
    for depth in range(max(len(box.path) for box in boxes), 1, -1):
        if len({box.path[:depth] if len(box.path) >= depth else id(box) for box in boxes}) <= ROOM:
            return depth
    return 1


def _closed(boxes: list[Box], depth: int) -> list[Box]:
    """Each call at a depth as one box."""
    groups: dict[Any, list[Box]] = {}
    for box in boxes:
        groups.setdefault(box.path[depth - 1] if len(box.path) >= depth else box, []).append(box)
    closed = [
        _together(inside, inside[0].path[: depth - 1], call=key) if isinstance(key, Call) else key
        for key, inside in groups.items()
    ]
    return _sorted(closed, {id(box.arrays[0]): place for place, box in enumerate(boxes)})


def _together(boxes: Sequence[Box], path: Path, title: str = "", call: Call | None = None) -> Box:
    arrays = [array for box in boxes for array in box.arrays]
    return Box(arrays, path, call, title, constants=sum(box.constants for box in boxes))


def _sorted(boxes: list[Box], places: dict[int, int]) -> list[Box]:
    """The boxes, each after those that it is computed from, else in the order of the places."""
    box_of = owners(boxes)
    found: dict[int, Box] = {}
    begun = set[int]()
    waiting = sorted(boxes, key=lambda box: places[id(box.arrays[-1])], reverse=True)
    while waiting:
        box = waiting[-1]
        needed = [] if id(box) in begun else [box_of.get(id(array), box) for array in box.given]
        begun.add(id(box))
        needed = [each for each in needed if id(each) not in begun]
        waiting += needed
        if not needed:
            found[id(waiting.pop())] = box
    return [*found.values()]


def _folded(boxes: list[Box], least: int) -> list[Box]:
    """Each run of at least so many equal steps as one box."""
    codes = _codes(boxes)
    candidates = []
    for period in range(1, min(len(codes) // least, LONGEST_STEP) + 1):
        equal = codes[period:] == codes[:-period]
        if np.count_nonzero(equal) < period * (least - 1):
            continue
        same = np.concatenate([[False], equal, [False]])
        starts, ends = np.flatnonzero(np.diff(same)).reshape(-1, 2).T
        counts = (ends - starts) // period + 1
        for run in np.flatnonzero(counts >= least):
            count = int(counts[run])
            candidates.append((-count * period, period, int(starts[run]), count))
    taken = np.zeros(len(codes), bool)
    runs = {}
    for covered, period, start, count in sorted(candidates):
        if not taken[start : start - covered].any():
            taken[start : start - covered] = True
            runs[start] = period, count
    return _with_runs(boxes, runs)


def _codes(boxes: Sequence[Box]) -> np.ndarray[Any, Any]:
    """Numbers, the same for boxes of the same operation, shape and calls."""
    known: dict[Any, int] = {}
    codes = []
    for box in boxes:
        node = box.arrays[-1]
        kind = type(box.call.module) if box.call else tuple(map(is_array, node.arguments))
        inside = tuple(call.module for call in box.path)
        key = node.operation, node.shape, kind, inside
        codes.append(known.setdefault(key, len(known)))
    return np.array(codes, np.int32)


def _with_runs(boxes: list[Box], runs: dict[int, tuple[int, int]]) -> list[Box]:
    """The boxes, with one in place of each run; runs are (period, count), by where they start."""
    folded, place = [], 0
    while place < len(boxes):
        period, count = runs.get(place, (1, 1))
        steps = boxes[place : place + period * count]
        if count == 1:
            folded += steps
        else:
            made = _together(steps, common(box.path for box in steps), f"{TIMES}{count}")
            made.parts = steps[:period]
            folded.append(made)
        place += period * count
    return folded


def _leveled(boxes: list[Box]) -> list[Box]:
    """Boxes of neighbouring levels together, of which there are few."""
    for count in LEVELS:
        found = _in_levels(boxes, count)
        box_of = owners(found)
        edges = {(id(box), id(box_of.get(id(a)))) for box in found for a in box.given}
        if len(edges) <= EDGES:
            break
    return found


def _in_levels(boxes: list[Box], count: int) -> list[Box]:
    """So many boxes of neighbouring levels; a box is a level below those it is computed from."""
    box_of, levels = owners(boxes), dict[int, int]()
    for box in boxes:
        above = [levels[id(box_of[id(a)])] for a in box.given if id(a) in box_of]
        levels[id(box)] = max(above, default=0) + 1
    height = max(levels.values()) // count + 1
    groups: dict[int, list[Box]] = {}
    for box in boxes:
        groups.setdefault((levels[id(box)] - 1) // height, []).append(box)
    found = []
    for level in sorted(groups):
        inside = groups[level]
        last = (level + 1) * height
        title = f"levels {level * height + 1} to {last}" if height > 1 else f"level {last}"
        made = _together(inside, common(box.path for box in inside), title)
        made.parts = inside
        found.append(inside[0] if len(inside) == 1 else made)
    return found


def _absorbed(
    boxes: list[Box], leaves: list[Box], kept: Container[int]
) -> tuple[list[Box], list[Box]]:
    """Leaves that a single box uses go into it, where that stands for many; but not its inputs."""
    users: dict[int, list[Box]] = {}
    for box in boxes:
        for array in box.given:
            users.setdefault(id(array), []).append(box)
    candidates: dict[int, list[Box]] = {}
    for leaf in leaves:
        using = users.get(id(leaf.arrays[0]), ())
        if len(using) == 1 and not using[0].is_one:
            candidates.setdefault(id(using[0]), []).append(leaf)
    found: list[Box] = []
    gone: set[int] = set()
    for box in boxes:
        inside = [leaf for leaf in candidates.get(id(box), ()) if _belongs(leaf, box, kept)]
        few = sum(_is_named(leaf, kept) for leaf in inside) <= FEW
        if few and not box.call:
            inside = [leaf for leaf in inside if not _is_named(leaf, kept)]
        gone.update(map(id, inside))
        found.append(_with_leaves(box, inside))
    return found, [leaf for leaf in leaves if id(leaf) not in gone]


def _belongs(leaf: Box, box: Box, kept: Container[int]) -> bool:
    """Whether a leaf that only this box uses is no input of it that a user named."""
    array = leaf.arrays[0]
    is_inside = box.call is None or box.call in leaf.path
    return is_inside and (getattr(array, "requires_grad", False) or id(array) not in kept)


def _is_named(leaf: Box, kept: Container[int]) -> bool:
    array = leaf.arrays[0]
    return id(array) in kept or (isinstance(array, Tensor) and array.name is not None)


def _with_leaves(box: Box, leaves: list[Box]) -> Box:
    if not leaves:
        return box
    made = _together([*leaves, box], box.path, box.title, box.call)
    made.parts = box.parts
    return made


def _by_kind(leaves: list[Box]) -> list[Box]:
    groups: dict[str, list[Box]] = {}
    for leaf in leaves:
        is_learned = getattr(leaf.arrays[0], "requires_grad", False)
        kind = "parameters" if is_learned else "constants" if leaf.constants else "inputs"
        groups.setdefault(kind, []).append(leaf)
    return [
        _together(inside, (), f"{len(inside):,} {kind}") if len(inside) > 1 else inside[0]
        for kind, inside in groups.items()
    ]


def _in_order(boxes: list[Box], leaves: list[Box]) -> list[Box]:
    """All boxes, a leaf before the first that is computed from it."""
    leaf_of, found = owners(leaves), {}
    for box in boxes:
        for array in box.given:
            if id(array) in leaf_of:
                found[id(leaf_of[id(array)])] = leaf_of[id(array)]
        found[id(box)] = box
    return [*found.values()] or leaves


def kinds_in(boxes: Iterable[Box]) -> str:
    """What a step consists of: `matmul, add, 2 tanh`."""
    counted: Counter[str] = Counter()
    for box in boxes:
        names = [node.operation.name for node in box.operations]
        counted.update([box.call.label] if box.call else names)
    return ", ".join(name if n == 1 else f"{n:,} {name}" for name, n in counted.items())
