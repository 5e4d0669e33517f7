"""Objects, entries of containers and entries of arrays that are compared with what they were."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
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


class _Each:
    """What a function gives for each of many arguments, now."""

    def __init__(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> None:
        self._map = functools.partial(map, function, *arguments)

    def __iter__(self) -> Iterator[Any]:
        return self._map()


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
        # With their forms, and what says whether they have the entries that they had.
        self._arrays: list[tuple[Array, Any, Callable[[], Any]]] = []
        # All that give objects, and what those were; what keys and lengths were.
        self._reads: list[Iterable[Any]] = []
        self._known: list[Any] = []
        self._keys: list[Any] = []

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
            same = functools.partial(_has_bytes, array, array.tobytes())
        else:
            now = array.view(np.ndarray).ravel("K").view(np.uint8)
            same = functools.partial(_has_entries, now, now.copy())
        self._arrays.append((array, form(array), same))
        return True

    def begin(self) -> None:
        """Compare with what everything is now."""
        self._reads = [*self._contents]
        for read, names in ((dict.get, self._variables), (getattr, self._attributes)):
            if names[0]:
                self._reads.append(_Each(read, *names, repeat(ABSENT)))
        self._keys = [*chain.from_iterable(self._keyed), *map(len, self._contents)]
        self._known = [*chain.from_iterable(self._reads)]

    def is_unchanged(self) -> bool:
        """Whether all are the same objects, and the arrays have the same entries."""
        try:
            return (
                [*chain.from_iterable(self._keyed), *map(len, self._contents)] == self._keys
                and (
                    all(map(is_, chain.from_iterable(self._reads), self._known))
                    or self._are_equal()
                )
                and not (self._arrays and self._entries_differ())
            )
        except (ValueError, AttributeError, RuntimeError):  # it is emptied, or changed meanwhile
            return False

    def _note(self, kind: tuple[list[Any], list[str]], held: Any, name: str) -> None:
        if (id(held), name) not in self._read:
            self._read.add((id(held), name))
            kind[0].append(held)
            kind[1].append(name)

    def _are_equal(self) -> bool:
        """Whether all are the same objects, or numbers and texts as before."""
        found, known = [*chain.from_iterable(self._reads)], self._known
        known[:] = [now if _is_equal(now, before) else before for now, before in zip(found, known)]
        return all(map(is_, found, known))

    def _entries_differ(self) -> bool:
        return not all(form(array) == known and same() for array, known, same in self._arrays)


def _is_equal(now: Any, before: Any) -> bool:
    if type(now) is not type(before) or type(now) not in NUMBERS:
        return False
    return repr(now) == repr(before)  # which tells zeros by their signs


def _has_bytes(array: Array, kept: bytes) -> bool:
    return bool(array.tobytes() == kept)


def _has_entries(array: Array, kept: Array) -> bool:
    return bool((array == kept).all())
