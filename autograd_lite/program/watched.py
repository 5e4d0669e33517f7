"""Objects, entries of containers and entries of arrays that are compared with what they were."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import chain
from operator import is_
from types import MappingProxyType
from typing import Any

import numpy as np

from autograd_lite.node import Array
from autograd_lite.program.recordings import form
from autograd_lite.program.usual import named

LARGE = 2**16
"""Bytes of an array from which its entries are compared without a copy of them."""
MOST = 20_000
"""Entries of containers that are compared in each run."""
MOST_BYTES = 2**24
"""Of arrays that are compared in each run."""
SHORT = 32
"""Entries of a container up to which each is compared by an expression of its own."""
MOST_WRITTEN = 1000
"""Such expressions: Python's compiler takes some microseconds for each."""
ABSENT = object()
"""What is read where there is nothing."""
NUMBERS = (float, int, complex, str)
"""What may be another object, as long as it is of the same type and value."""


class Watched:
    """What is compared in each run: by a function that is written for it, as nothing is faster.

    Of each variable and attribute that there is, `found` is told.

    Attributes:
        size: how many entries containers have.
        plain: the dictionaries and lists, which others may compare as well.
        others_are_unchanged: what tells so, once it has begun, of all that is not in these; None if
            there is nothing else.
    """

    def __init__(self, found: Callable[[Any], object]) -> None:
        self._found, self.size = found, 0
        self.plain: list[dict[Any, Any] | list[Any]] = []
        self.others_are_unchanged: Callable[[], bool] | None = None
        self._bytes = 0
        self._read: set[Any] = set()
        # What the function's text reads: what objects are read from, and what these were.
        self._names: dict[str, Any] = {
            "ABSENT": ABSENT,
            "all": all,
            "map": map,
            "is_": is_,
            "chain": chain,
        }
        # Texts of what gives an object each, and of conditions on keys and lengths.
        self._single: list[str] = []
        self._sizes: list[str] = []
        self._many: list[str] = []  # names of what gives many objects
        self._others: list[str] = []  # conditions on what is in no dictionary and no list
        # With their forms, and what gives the same as before if the entries are.
        self._arrays: list[tuple[Array, Any, Callable[[], Any], Any]] = []

    def container(self, held: Any, ordered: bool = True) -> list[Any]:
        """Compare what is in a container; its keys and entries as they are.

        In which order keys are in a dictionary that is not `ordered` is not compared.
        """
        contents, keys, name = held, list[Any](), named(self._names, held)
        if isinstance(held, dict | MappingProxyType):
            contents = dict.values(held) if isinstance(held, dict) else held.values()
            keys = [*held]
        entries = [*contents]
        self.size += len(entries)
        has_order = bool(keys) and ordered
        known = named(self._names, keys) if has_order else len(entries)
        self._sizes.append(f"[*{name}] == {known}" if has_order else f"len({name}) == {known}")
        places = [*range(len(entries))] if type(held) is list else keys
        is_short = len(entries) <= SHORT and len(self._single) < MOST_WRITTEN
        is_plain = type(held) in (dict, list)
        if is_plain:
            self.plain.append(held)
        else:
            self._others.append(self._sizes[-1])
        has_places = is_plain or type(held) is MappingProxyType
        if is_short and has_places and {*map(type, places)} <= {str, int}:
            for place in places:
                self._compare(f"{name}[{place!r}]", is_plain)
        else:
            self._many.append(named(self._names, contents))
            self._others += [] if is_plain else ["are_unchanged()"]
        return keys + entries

    def _compare(self, text: str, is_plain: bool = False) -> None:
        """Compare what an expression gives."""
        if not is_plain:
            self._others.append(f"{text} is known{len(self._single)}")
        self._single.append(text)

    def variable(self, variables: dict[str, Any], name: str) -> None:
        """Compare what a dictionary has under a name."""
        value = variables.get(name, ABSENT)
        text = "{}.get({!r}, ABSENT)" if value is ABSENT else "{}[{!r}]"
        self._note(text, variables, name, value)

    def attribute(self, held: Any, name: str) -> None:
        """Compare an attribute."""
        value = getattr(held, name, ABSENT)
        text = "getattr({}, {!r}, ABSENT)" if value is ABSENT else "{}.{}"
        self._note(text, held, name, value)

    def array(self, array: Array) -> bool:
        """Compare the entries of an array; False if they would be too many."""
        self._bytes += array.nbytes
        if self._bytes > MOST_BYTES:
            return False
        look: Callable[[], Any] = array.tobytes
        if array.nbytes >= LARGE and not array.dtype.hasobject and array.flags.forc:
            now = array.view(np.ndarray).ravel("K").view(np.uint8)
            look = functools.partial(np.array_equal, now, now.copy())
        self._arrays.append((array, form(array), look, look()))
        return True

    def begin(self) -> Callable[[], bool]:
        """What tells whether all are the objects of now, and arrays have the same entries."""
        single, many = self._single, self._many
        are_same = [f"{text} is known{i}" for i, text in enumerate(single)]
        are_same += [f"all(map(is_, chain({', '.join(many)}), known))"] if many else []
        now = ", ".join([*single, *[f"*{name}" for name in many]])
        entries = ["not entries_differ()"] if self._arrays else []
        all_same = f"({' and '.join([*self._sizes, *are_same]) or True} or are_equal())"
        lines = [
            f"def have_sizes(): return {' and '.join(self._sizes) or True}",
            f"def now(): return [{now}]",
            *_looking("are_unchanged", [all_same, *entries]),
            *_looking("others_are_unchanged", [*self._others, *entries]),
        ]
        names = self._names
        names |= {"are_equal": self._are_equal, "entries_differ": self._entries_differ}
        names["changed"] = LookupError, ValueError, AttributeError, RuntimeError  # meanwhile
        exec("\n".join(lines), names)
        self._have_sizes, self._now = names["have_sizes"], names["now"]
        self._take(self._now())
        if self._others or entries:
            self.others_are_unchanged = names["others_are_unchanged"]
        found: Callable[[], bool] = names["are_unchanged"]
        return found

    def _note(self, text: str, held: Any, name: str, value: Any) -> None:
        if (id(held), name) not in self._read:
            self._read.add((id(held), name))
            self._compare(text.format(named(self._names, held), name))
        if value is not ABSENT:
            self._found(value)

    def _take(self, found: list[Any]) -> None:
        """Compare with these objects from now on."""
        self._known, count = found, len(self._single)
        self._names.update({f"known{i}": each for i, each in enumerate(found[:count])})
        self._names["known"] = found[count:]

    def _are_equal(self) -> bool:
        """Whether all are the same objects, or numbers and texts as before."""
        if not self._have_sizes():
            return False
        found = self._now()
        pairs = [*zip(found, self._known)]
        self._take([now if _is_equal(now, before) else before for now, before in pairs])
        return all(map(is_, found, self._known))

    def _entries_differ(self) -> bool:
        for array, known, look, seen in self._arrays:
            if form(array) != known or look() != seen:
                return True
        return False


def _looking(name: str, conditions: Sequence[str]) -> list[str]:
    """The text of a function that tells whether conditions hold."""
    text = f"    try: return {' and '.join(conditions) or True}"
    return [f"def {name}():", text, "    except changed: return False"]


def _is_equal(now: Any, before: Any) -> bool:
    if type(now) is not type(before) or type(now) not in NUMBERS:
        return False
    return repr(now) == repr(before)  # which tells zeros by their signs
