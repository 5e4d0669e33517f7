"""Arrays that are read-only, while something holds them, or for a function that is given them."""

from __future__ import annotations

import functools
import os

# What `threading` has, which most programs do not import.
from _thread import RLock
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from autograd_lite.errors import AutogradError, MutationError, describe
from autograd_lite.interruption import whole

Array = Any

OURS = ("autograd_lite", "nn", "numpy")
"""Packages whose functions write to nothing that they are given."""
USUAL = frozenset({np.ndarray, np.float64, float, int})
"""Types of what most functions are given."""


def read_only(array: Any) -> Any:
    """A view that cannot be written to, of an array of NumPy's; anything else as it is."""
    if type(array) is not np.ndarray:
        return array
    view = array.view()
    view.setflags(write=False)
    return view


def reading(name: str, function: Any) -> Any:
    """A function of somebody else's, called with such views: others read the arrays after it."""
    if not isinstance(function, FunctionType) or str(function.__module__).partition(".")[0] in OURS:
        return function

    @functools.wraps(function)
    def call(*given: Any, **keywords: Any) -> Any:
        if not USUAL.issuperset(map(type, given)) and any(map(_looks_itself, given)):
            return function(*given, **keywords)
        named = {name: read_only(keywords[name]) for name in keywords} if keywords else keywords
        try:
            return function(*map(read_only, given), **named)
        except ValueError as error:
            if not is_of_writing(error):
                raise
            raise refused_write(f"{name}{describe(given, keywords)}") from error

    return call


def _looks_itself(array: Any) -> bool:
    """Whether it is an array of another kind, as tensors and expressions are."""
    return hasattr(array, "__array_ufunc__") and not isinstance(array, np.ndarray | np.generic)


@contextmanager
def refusing_writes(attempted: Callable[[], str]) -> Iterator[None]:
    """Say in words that a function has written to an array that is read-only for it."""
    try:
        yield
    except ValueError as error:
        if not is_of_writing(error):
            raise
        raise refused_write(attempted()) from error


def is_of_writing(error: ValueError) -> bool:
    """Whether it is NumPy's of an array that is read-only."""
    return "read-only" in str(error) and not isinstance(error, AutogradError)


def refused_write(attempted: str) -> MutationError:
    """The error for a function that has written to what it was given."""
    return MutationError(
        attempted,
        "it writes to an array that it is given, which others read too",
        "Compute a new one, 2 * x for x *= 2, or begin with x = x.copy()",
    )


class _Hold:
    """How often memory is held, and the arrays on it that were made read-only."""

    def __init__(self) -> None:
        self.count = 0
        self.changed: list[Array] = []


_held: dict[int, _Hold] = {}  # by id of the array that owns the memory
_guard = RLock()
if hasattr(os, "register_at_fork"):  # no child is made while another thread has it
    os.register_at_fork(
        before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_guard.release
    )


def hold(arrays: Iterable[Any], result: Any, inherits: bool) -> list[Array]:
    """Make arrays, and those whose memory they show, read-only until `release`.

    Memory that NumPy could not make writable again, because another library owns it, stays as it
    is. So do other views of the memory: no array knows its views. A result that `inherits` is
    read-only for no other reason than that it shows the memory of a held array: it becomes
    writable with that. What is returned is for `release`.

    >>> x = np.zeros(3)
    >>> held = hold([x[1:]], x.sum(), inherits=True)
    >>> x.flags.writeable
    False
    >>> release(held)
    >>> x.flags.writeable
    True
    """
    with whole(), _guard:
        given = [array for array in arrays if isinstance(array, np.ndarray)]
        results = [result] if isinstance(result, np.ndarray) else []
        inherited = [array for array in results if inherits and _shows_held(array, given)]
        owners = [_hold(array) for array in given + results]
        for array in inherited:
            _held[id(_owner(array))].changed.append(array)
        return [owner for owner in owners if owner is not None]


def release(owners: Iterable[Array]) -> None:
    """Make what `hold` made read-only writable again, where nothing else holds it."""
    with whole(), _guard:
        for owner in owners:
            entry = _held[id(owner)]
            entry.count -= 1
            if not entry.count:
                del _held[id(owner)]
                for array in entry.changed:
                    array.flags.writeable = True


@contextmanager
def writable(*arrays: Any) -> Iterator[None]:
    """Let the library itself change arrays, held or not: it marks what it changes."""
    owners = [_owner(array) for array in arrays if isinstance(array, np.ndarray)] if _held else []
    held = [entry for owner in owners if (entry := _held.get(id(owner)))]
    if not held:
        yield
        return
    with _guard:
        changed = [part for entry in held for part in entry.changed]
        for part in changed:
            part.flags.writeable = True
        try:
            yield
        finally:
            for part in changed:
                part.flags.writeable = False


def _hold(array: Array) -> Array | None:
    """Make an array read-only; returns the owner of its memory, unless that stays as it is."""
    shown = _shown(array)
    owner = shown[0]
    if id(owner) not in _held and not _can_be_restored(owner):
        return None
    entry = _held.setdefault(id(owner), _Hold())
    entry.count += 1
    for part in shown:
        if part.flags.writeable:
            part.flags.writeable = False
            entry.changed.append(part)
    return owner


def _shown(array: Array) -> list[Array]:
    """The arrays whose memory an array shows, their owner first, itself last."""
    parts = []
    while isinstance(array, np.ndarray):
        parts.append(array)
        array = array.base
    return parts[::-1]


def _owner(array: Array) -> Array:
    return _shown(array)[0]


def _can_be_restored(owner: Array) -> bool:
    """Whether NumPy would make it writable again: writable memory, its own or a buffer's."""
    if owner.flags.owndata or not owner.flags.writeable:
        return bool(owner.flags.writeable)
    try:
        return not memoryview(owner.base).readonly
    except TypeError:
        return False


def _shows_held(result: Array, given: Iterable[Array]) -> bool:
    """Whether a result is read-only as it shows the memory of a given array that is held."""
    entry = _held.get(id(_owner(result)))
    if entry is None or result.flags.writeable:
        return False
    return any(part is array for part in entry.changed for array in given)
