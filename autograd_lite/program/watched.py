"""Objects, entries of containers and entries of arrays that are compared with what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, repeat
from operator import is_
from types import MappingProxyType
from typing import Any

import numpy as np

from autograd_lite.node import Array
from autograd_lite.program.given import form

LARGE = 2**16
"""Bytes of an array from which its entries are compared without a copy of them."""
MOST = 20_000
"""Entries of containers that are compared in each run."""
MOST_BYTES = 2**24
"""Of arrays that are compared in each run."""
ABSENT = object()
"""What is read where there is nothing."""
NUMBERS = (float, int, complex, str)
"""What may be another object, as long as it is of the same type and value."""


class Watched:
    """What is compared in each run: in few calls, as that is all that a run adds to computing."""

    def __init__(self) -> None:
        self.size = 0
        """How many entries containers have."""
        self._bytes = 0
        self._read: set[Any] = set()
        # Of containers: those with keys, and live views of all entries.
        self._keyed: list[Any] = []
        self._contents: list[Any] = []
        # What is read by a name: variables in dictionaries, and attributes.
        self._variables: tuple[list[Any], list[str]] = ([], [])
        self._attributes: tuple[list[Any], list[str]] = ([], [])
        self._arrays: list[tuple[Array, Any, bytes]] = []
        self._large: list[tuple[Array, Any, Array, Array]] = []
        self._keys: list[Any] = []
        self._lengths: list[int] = []
        # What reads objects anew, and what these were.
        self._objects: list[tuple[Callable[[], Iterable[Any]], list[Any]]] = []

    def container(self, held: Any) -> list[Any]:
        """Compare what is in a container; its keys and entries as they are."""
        contents, keys = held, list[Any]()
        if isinstance(held, dict | MappingProxyType):
            contents = dict.values(held) if isinstance(held, dict) else held.values()
            keys = [*held]
            self._keyed.append(held)
        self._contents.append(contents)
        entries = [*contents]
        self.size += len(entries)
        return keys + entries

    def variable(self, variables: dict[str, Any], name: str) -> Any:
        """Compare what a dictionary has under a name; what that is, or ABSENT."""
        self._note(self._variables, variables, name)
        return variables.get(name, ABSENT)

    def attribute(self, held: Any, name: str) -> Any:
        """Compare an attribute; what it is, or ABSENT."""
        self._note(self._attributes, held, name)
        return getattr(held, name, ABSENT)

    def array(self, array: Array) -> bool:
        """Compare the entries of an array; False if they would be too many."""
        self._bytes += array.nbytes
        if self._bytes > MOST_BYTES:
            return False
        if array.nbytes < LARGE or array.dtype.hasobject or not array.flags.forc:
            self._arrays.append((array, form(array), array.tobytes()))
        else:
            now = array.view(np.ndarray).ravel("K").view(np.uint8)
            self._large.append((array, form(array), now, now.copy()))
        return True

    def begin(self) -> None:
        """Compare with what everything is now."""
        self._keys = [*chain.from_iterable(self._keyed)]
        self._lengths = [*map(len, self._contents)]
        entries, variables, attributes = self._contents, self._variables, self._attributes
        reads: list[Callable[[], Iterable[Any]]] = [
            lambda: chain.from_iterable(entries),
            lambda: map(dict.get, *variables, repeat(ABSENT)),
            lambda: map(getattr, *attributes, repeat(ABSENT)),
        ]
        self._objects = [(read, known) for read in reads if (known := [*read()])]

    def is_unchanged(self) -> bool:
        """Whether all are the same objects, and the arrays have the same entries."""
        try:
            return (
                [*map(len, self._contents)] == self._lengths
                and [*chain.from_iterable(self._keyed)] == self._keys
                and all([self._are_known(*objects) for objects in self._objects])  # noqa: C419 - faster
                and all([form(x) == f and x.tobytes() == kept for x, f, kept in self._arrays])  # noqa: C419 - faster
                and all([form(x) == f and (now == kept).all() for x, f, now, kept in self._large])  # noqa: C419 - faster
            )
        except (ValueError, AttributeError, RuntimeError):  # it is emptied, or changed meanwhile
            return False

    def _note(self, kind: tuple[list[Any], list[str]], held: Any, name: str) -> None:
        if (id(held), name) not in self._read:
            self._read.add((id(held), name))
            kind[0].append(held)
            kind[1].append(name)

    def _are_known(self, read: Callable[[], Iterable[Any]], known: list[Any]) -> bool:
        """Whether all are the same objects, or numbers and texts as before."""
        if all(map(is_, read(), known)):
            return True
        found = [*read()]
        known[:] = [now if _is_equal(now, before) else before for now, before in zip(found, known)]
        return all(map(is_, found, known))


def _is_equal(now: Any, before: Any) -> bool:
    if type(now) is not type(before) or type(now) not in NUMBERS:
        return False
    return repr(now) == repr(before)  # which tells zeros by their signs
