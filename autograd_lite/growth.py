"""Notice records that grow from one backward pass to the next, which nobody means."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence

from autograd_lite.errors import describe_one
from autograd_lite.node import Node

PASSES, HELD = 20, 200
"""How many successive passes go through more and more; how many roots are held with records."""

Reference = Callable[[], Node | None]

_before: Reference | None = None  # to a node in the middle of the last pass
_count = _times = 0
_warned = False  # since they last grew no more, and records were dropped
_roots: list[Reference] = []


def notice(root: Node, nodes: Sequence[Node]) -> None:
    """Warn, once on end, if passes go through ever more, or if the records of all are held.

    It costs a pass a weak reference: what died in between cannot be part of the next one.

    Args:
        root: where the pass began.
        nodes: the computed nodes that it went through.
    """
    global _before, _count, _times, _warned
    if len(nodes) > _count:
        before = _before and _before()
        _times = _times + 1 if before is not None else 0
        if _times == PASSES and before in set(nodes):
            reason = (
                f"in each of {PASSES} successive calls it went through what it had gone through"
            )
            _warn(root, reason)
        _before = weakref.ref(nodes[len(nodes) // 2])
    elif _times:
        _before, _times, _warned = None, 0, False
    _count = len(nodes)
    _roots.append(weakref.ref(root))
    if len(_roots) >= HELD:
        held = {id(node): weakref.ref(node) for node in [r() for r in _roots] if node is not None}
        _roots[:] = held.values()
        if len(_roots) < HELD:
            _warned = _warned and _times > 0
        else:
            _roots.clear()
            _warn(root, f"the records of {HELD} earlier calls are still held")


def _warn(root: Node, reason: str) -> None:
    global _warned
    if _warned:
        return
    _warned = True
    warnings.warn(
        f"backward() from {describe_one(root)}: {reason}, so that records grow without end. "
        "Add up loss.item() in place of loss, and carry states on as hidden = hidden.detach()",
        stacklevel=6,
    )
