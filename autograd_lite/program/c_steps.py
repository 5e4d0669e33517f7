"""A step of training as one call of C: what Python holds is looked at, a batch taken in, and run.

What Python is asked are functions of its stable interface, whose addresses are given to C.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from autograd_lite.program.backends import Call
from autograd_lite.program.compiler import library

FUNCTIONS = "PyDict_Next PyList_Size PyList_GetItem PyTuple_GetItem PyLong_AsVoidPtr PyObject_Type"
FUNCTIONS += " Py_DecRef PyObject_GetBuffer PyBuffer_Release PyEval_SaveThread PyEval_RestoreThread"

STEP = """#include <stdint.h>
#include <string.h>
typedef intptr_t Size;
typedef struct {
  char *start; void *owner; Size bytes, item; int is_read_only, axes; char *format;
  Size *shape, *strides, *offsets; void *internal;
} Buffer;
static struct {
  int (*next)(void *, Size *, void **, void **);
  Size (*length)(void *);
  void *(*entry)(void *, Size), *(*part)(void *, Size), *(*address)(void *), *(*type)(void *);
  void (*drop)(void *);
  int (*show)(void *, Buffer *, int);
  void (*hide)(Buffer *);
  void *(*unlock)(void);
  void (*lock)(void *);
} python;
void use_python(void *const *functions) { memcpy(&python, functions, sizeof python); }

/* Each dictionary, its keys and entries in turn, and 0; 0; each list, its entries, and 0; 0. */
static int differ(void *const *at) {
  void *held, *key, *entry;
  for (; (held = *at++); at++) {
    for (Size place = 0; python.next(held, &place, &key, &entry); at += 2)
      if (key != at[0] || entry != at[1]) return 1;
    if (*at) return 1;
  }
  for (; (held = *at++); at++) {
    const Size length = python.length(held);
    for (Size place = 0; place < length; place++)
      if (python.entry(held, place) != *at++) return 1;
    if (*at) return 1;
  }
  return 0;
}

static char *copy(char *to, const char *from, const Buffer *x, int axis) {
  if (axis == x->axes) return (char *)memcpy(to, from, x->item) + x->item;
  for (Size i = 0; i < x->shape[axis]; i++)
    to = copy(to, from + i * x->strides[axis], x, axis + 1);
  return to;
}

/* The type of an array, its format, where it is copied to, its number of axes, its shape. */
static int take(void *array, void *const *kind) {
  void *type = python.type(array);
  python.drop(type);
  Buffer x;
  if (type != kind[0] || python.show(array, &x, 0x1c)) return 1;
  int differs = x.axes != (Size)kind[3] || strcmp(x.format, kind[1]), in_one = 1;
  Size size = x.item;
  for (Size axis = x.axes; !differs && axis--; size *= x.shape[axis]) {
    differs = x.shape[axis] != (Size)kind[4 + axis];
    in_one &= x.strides[axis] == size || x.shape[axis] == 1;
  }
  if (!differs && in_one) memcpy(kind[2], x.start, size);
  if (!differs && !in_one) copy(kind[2], x.start, &x, 0);
  python.hide(&x);
  return differs;
}

/* Given a tuple of the address of a table, and a batch. */
int step(void *given) {
  void *const *table = python.address(python.part(given, 0));
  if (differ(table[0])) return 1;
  void *const *kind = table[1], *const *calls = table[2];
  for (Size place = 1; *kind; kind += 4 + (Size)kind[3], place++)
    if (take(python.part(given, place), kind)) return 1;
  void *state = python.unlock();
  int refused = 0;
  for (; *calls && !refused; calls += 3)
    refused = ((int (*)(char *, void *const *))calls[0])(calls[1], calls[2]);
  python.lock(state);
  return refused ? 2 : 0;
}
"""
"""The same for all programs."""

_ADDRESS = "Q" if sys.maxsize > 2**32 else "L"


class StepInC:
    """Calls of C that follow on one another, on a batch that is copied to where they read it.

    They end where one refuses to go on. Nothing is done where a batch is of another kind, or
    containers have other keys or entries than they had, or have them in another order.

    Attributes:
        run: indexed by a table and the arrays of a batch: 0, or 1 where something differs, or 2
            where a call refuses to go on. Python looks for Ctrl-C after calls, but not after it has
            looked up an index.
        bare: the table of no containers.
    """

    def __init__(self, batch: Sequence[Any], places: Sequence[Any], calls: Sequence[Call]) -> None:
        functions = [getattr(ctypes.pythonapi, name) for name in FUNCTIONS.split()]
        compiled = library(STEP)
        compiled.use_python((ctypes.c_void_p * len(functions))(*map(_address, functions)))
        # With Python's lock, but while it computes.
        function = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object)(_address(compiled.step))
        self.run: Any = type("Indexed", (), {"__getitem__": function})()
        formats = [ctypes.create_string_buffer(memoryview(x).format.encode()) for x in batch]
        kinds = list[int]()
        for x, text, place in zip(batch, formats, places):
            kinds += id(np.ndarray), ctypes.addressof(text), place.ctypes.data, x.ndim, *x.shape
        flat = [x or 0 for function, *given in calls for x in (_address(function), *given)]
        parts = [array(_ADDRESS, [*numbers, 0]) for numbers in (kinds, flat)]
        self._rest = [part.buffer_info()[0] for part in parts]
        self._kept = formats, parts, places
        self._of_none = self._table([0])
        self.bare = self._of_none[0]

    def table(self, containers: Sequence[dict[Any, Any] | list[Any]]) -> int:
        """The table of what containers have now, up to the next one."""
        dictionaries, lists = list[int](), [0]
        # What nothing else may take the place of in memory.
        kept = [[*chain(*x.items())] if isinstance(x, dict) else x.copy() for x in containers]
        for held, entries in zip(containers, kept):
            known = dictionaries if isinstance(held, dict) else lists
            known += id(held), *map(id, entries), 0
        self._last = self._table(dictionaries + lists), containers, kept
        return self._last[0][0]

    def _table(self, known: list[int]) -> tuple[int, Any]:
        """The address of a table, and what lives as long as it does."""
        first = array(_ADDRESS, [*known, 0])
        table = array(_ADDRESS, [first.buffer_info()[0], *self._rest])
        return table.buffer_info()[0], (first, table)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
