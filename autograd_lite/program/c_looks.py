"""Dictionaries and lists whose entries C compares with what they were, in a tenth of the time."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
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


class Looks:
    """Looks whether containers have the objects that they had.

    Attributes:
        differs: indexed by `table`, whether they do not; indexed, as that takes half of a call.
    """

    def __init__(self, differs: Any, containers: Callable[[], Iterable[Any]]) -> None:
        self._containers = containers
        python = ctypes.pythonapi
        functions = python.PyDict_Next, python.PyList_Size, python.PyList_GetItem
        self._functions = [*map(_address, functions)]
        # Python's lock is held meanwhile.
        look = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_address(differs))
        self.differs: Any = type("Differs", (), {"__getitem__": look})()
        self.take()

    def take(self) -> bool:
        """Compare with what there is now, from now on."""
        kept = list[Any]()  # so that nothing else takes its place in memory
        known: dict[bool, list[int]] = {True: [], False: []}
        for held in self._containers():
            is_dict = isinstance(held, dict)
            entries = [x for pair in held.items() for x in pair] if is_dict else [*held]
            known[is_dict] += [id(held), *map(id, entries), 0]
            kept += entries
        numbers = [*self._functions, *known[True], 0, *known[False], 0]
        memory = (ctypes.c_void_p * len(numbers))(*numbers)
        self._kept, self.table = (kept, memory), ctypes.addressof(memory)
        return True


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
