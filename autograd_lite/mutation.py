"""Which arrays were changed in place through the library, and when, by `node.clock`."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from autograd_lite.node import Array, Node, Sample, clock, plain
from autograd_lite.read_only import read_only
from autograd_lite.trees import leaves_of

latest = 0
"""When the last one was."""

required = 0
"""When a leaf was last made to require grad, which may have been used before."""

_changed: dict[int, list[Any]] = {}  # by id of an array: its last mutation, a weak reference


parts: dict[int, weakref.ref[Node]] = {}
"""By id, what was taken from tensors by an index without a record, and may show their memory."""


_handed_out: dict[int, tuple[weakref.ref[Any], int, Sample]] = {}
# By id, leaves whose own array was handed out, the last one last: the leaf, when that was, and a
# sample of the array.


def handed_out(leaf: Any) -> Array:
    """The array of a leaf. One of its own is watched from now on, as it may be written to.

    Until it is changed through the library, as each step of an optimizer does.
    """
    global latest
    array = leaf._array
    if not leaf.lent and type(array) is np.ndarray:
        latest = now = next(clock)
        leaf.lent = True
        forget = functools.partial(_forget, id(leaf))
        _handed_out[id(leaf)] = weakref.ref(leaf, forget), now, sample(array)
    return array


def _forget(key: int, _: Any = None) -> bool:
    """Watch a leaf no more, if it is watched; whether it was."""
    return _handed_out.pop(key, None) is not None


def disown(leaf: Any) -> None:
    """What is the array of a leaf now is not its own."""
    _forget(id(leaf))
    leaf.lent = True


def require_from_now() -> None:
    """Remember that a leaf requires grad from now on."""
    global required
    required = next(clock)


def remember_part(part: Node) -> None:
    """Remember a part as long as it lives."""
    key = id(part)
    parts[key] = weakref.ref(part, functools.partial(parts.pop, key))


def shown_by_others(target: Array, value: Node) -> list[Node]:
    """The parts, besides `value`, that show what is about to be overwritten."""
    return [
        part
        for part in [reference() for reference in list(parts.values())]
        if part is not None
        and part is not value
        and isinstance(part._array, ndarray)
        and np.may_share_memory(part._array, target)
    ]


def mark_mutated(nodes: Sequence[Node], arrays: Sequence[Array]) -> None:
    """Remember that these arrays, which hold the values of these nodes, were changed just now.

    What nodes have handed out is theirs again.
    """
    global latest
    latest = now = next(clock)
    for node in nodes:
        node.mutated = now
        if node.lent and _forget(id(node)):
            node.lent = False
    for array in arrays:
        key = id(array)
        if key in _changed:
            _changed[key][0] = now
        elif isinstance(array, ndarray):
            # Others may share the memory: views, detached tensors.
            forget = functools.partial(_changed.pop, key)
            _changed[key] = [now, weakref.ref(array, forget)]


def mark_rewritten(nodes: Sequence[Node], array: Array) -> None:
    """The same where the arrays of all nodes are views of this one, which is how they are found."""
    global latest
    known = _changed.get(id(array))
    if known is None or _handed_out:
        mark_mutated(nodes, [array])
    else:
        latest = known[0] = next(clock)


def marking(nodes: str, array: str, names: dict[str, Any]) -> list[str]:
    r"""The lines that do so, given two names and what they stand for, for which there are more.

    >>> names = {"tensors": [], "values": np.zeros(3)}
    >>> exec("\n".join(marking("tensors", "values", names)), names)
    >>> any(array is names["values"] for array in changed_since(0))
    True
    """
    mark_mutated(names[nodes], [names[array]])
    last = f"last_of_{array}"
    names[last] = _changed[id(names[array])]
    names |= {"mutation": sys.modules[__name__], "next": clock.__next__}
    names |= {"mark_rewritten": mark_rewritten, "handed_out": _handed_out}
    return [
        f"if handed_out: mark_rewritten({nodes}, {array})",
        f"else: mutation.latest = {last}[0] = next()",
    ]


def note_change() -> None:
    """Remember that something that is no entry of an array was changed just now."""
    global latest
    latest = next(clock)


def changed_since(time: int) -> list[Array]:
    """The arrays that were changed after that time, or handed out and changed, and live."""
    arrays = [reference() for changed, reference in list(_changed.values()) if changed > time]
    for reference, when, before in reversed(list(_handed_out.values())):
        if when <= time:
            break
        leaf = reference()
        if leaf is not None and sample(leaf._array) != before:
            arrays.append(leaf._array)
    return [array for array in arrays if array is not None]


def was_changed(value: Any, created: int, arrays: Sequence[Array]) -> bool:
    """Whether an argument was changed after a node was made, or shares memory with what was."""
    for leaf in leaves_of(value):
        if isinstance(leaf, Node) and leaf.mutated > created:
            return True
        own = plain(leaf)
        if isinstance(own, ndarray) and any(np.may_share_memory(own, array) for array in arrays):
            return True
    return False


_SMALL, _SAMPLED = 4096, 64


def sample(array: Array) -> Sample:
    """By what an array is recognized: its shape, and its bytes, or some if they are many.

    >>> x = np.zeros((1000, 1000))
    >>> before = sample(x)
    >>> x[...] = 1
    >>> sample(x) == before
    False
    """
    if array.nbytes <= _SMALL:
        return array.shape, array.tobytes()
    flat = array.reshape(-1) if array.flags.c_contiguous else array.flat
    return array.shape, flat[:: array.size // _SAMPLED + 1].tobytes()


def remember(node: Node, constants: Sequence[Array], lent: bool) -> None:
    """Note what its rules read, and others may write to before backward, as to a buffer.

    That is constants, and what is lent, if some argument may be: leaves that require grad, and
    views of them. Of a single one that is multiplied, or moved, no rule reads an entry.
    """
    operation, arguments = node.operation, node.arguments
    node.seen = seen = []
    for constant in constants:
        seen.append((constant, sample(constant)))
    if lent and not (operation.moves or (operation.multilinear and len(node.wanted) == 1)):
        for index in node.wanted:
            argument = arguments[index]
            if argument.lent and type(argument._array) is ndarray:
                owner = argument if argument.operation is None else _owner(argument)
                if owner.operation is None and owner.lent:
                    seen.append((argument._array, sample(argument._array)))


def _owner(node: Node) -> Node:
    """The node whose memory it shows, which may be itself."""
    while node.operation is not None and node.operation.moves:
        source = node.arguments[0]
        if not isinstance(source, Node) or not _shows(node._array, source._array):
            break
        node = source
    return node


def _shows(array: Array, source: Array) -> bool:
    """Whether what moved entries gave no copy of them, and maybe the array itself."""
    return array is source or getattr(array, "base", None) is not None


def show(array: Array, sources: Iterable[Node]) -> Array:
    """What a tensor without a record holds, whose array may show the memory of its sources.

    Leaves are watched; what backward reads of a computed tensor cannot be written to.
    """
    for source in sources:
        if _shows(array, source._array):
            owner = _owner(source)
            if owner.operation is None:
                handed_out(owner)
            elif np.may_share_memory(array, owner._array):
                array = read_only(array)
    return array


def shown(node: Node) -> Array:
    """The array of a computed tensor, for others to read.

    What it shows is sampled, if that is no leaf: `np.add.at` writes to read-only arrays, too.
    """
    owner = _owner(node)
    array = owner._array
    known = owner.operation is None or any(array is each for each, _ in owner.seen)
    if type(array) is ndarray and not known:
        owner.seen = [*owner.seen, (array, sample(array))]
    return read_only(node._array)


def rewritten(node: Node) -> list[Array]:
    """The constants and leaves of a node, and what it showed, whose samples are others now."""
    found = []
    for array, before in node.seen:
        if sample(array) != before:
            found.append(array)
    return found
