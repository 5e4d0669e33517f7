"""Dictionaries and lists whose entries C compares with what they were, in a tenth of the time."""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

DIFFERS = """
int differs(void *const *at) {
  int (*next)(void *, intptr_t *, void **, void **) = at[0];
  intptr_t (*length)(void *) = at[1], place;
  void *(*item)(void *, intptr_t) = at[2], *held, *key, *entry;
  for (at += 3; (held = *at++); at++) {
    for (place = 0; next(held, &place, &key, &entry); at += 2)
      if (key != at[0] || entry != at[1]) return 1;
    if (*at) return 1;
  }
  for (; (held = *at++); at++) {
    const intptr_t end = length(held);
    for (place = 0; place < end; place++)
      if (item(held, place) != *at++) return 1;
    if (*at) return 1;
  }
  return 0;
}
"""
"""Whether dictionaries have other keys and entries, or another order, and lists other entries.

It is given three functions of Python's, and then each dictionary, its keys and entries in turn, and
a 0; a 0; each list, its entries, and a 0; and a 0.
"""

POINTER = "Q" if sys.maxsize > 2**32 else "L"
"""The code of arrays of addresses."""


class Looks:
    """Looks whether containers have the objects that they had.

    Attributes:
        differs: indexed by a table, whether they do not; indexed, as that takes half of a call.
    """

    def __init__(self, differs: Any) -> None:
        python = ctypes.pythonapi
        functions = python.PyDict_Next, python.PyList_Size, python.PyList_GetItem
        self._functions = [*map(_address, functions)]
        # Python's lock is held meanwhile.
        look = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_address(differs))
        self.differs: Any = type("Differs", (), {"__getitem__": look})()

    def table(self, containers: Sequence[dict[Any, Any] | list[Any]]) -> int:
        """The table of what containers have now, up to the next one."""
        dictionaries, lists = [*self._functions], [0]
        # What nothing else may take the place of in memory.
        kept = [[*chain(*x.items())] if isinstance(x, dict) else x.copy() for x in containers]
        for held, entries in zip(containers, kept):
            known = dictionaries if isinstance(held, dict) else lists
            known += id(held), *map(id, entries), 0
        self._kept = containers, kept, array(POINTER, [*dictionaries, *lists, 0])
        return self._kept[-1].buffer_info()[0]


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
