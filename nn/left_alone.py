"""Undo all that running a model does to it, besides giving a result."""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.read_only import hold, release
from nn.random_state import is_generator, set_state, state_of

PutBack = Callable[[], object]

LARGE = 2**16
"""Bytes from which `call_left_alone` does without a copy of an array."""


def call_left_alone(function: Callable[[], object], *roots: Any) -> None:
    """Call a function, and put back what it changes, as `left_alone` does.

    Large arrays are read-only meanwhile instead of copied. A function that writes to one fails
    therefore; after any failure it is called once more, with copies of all arrays. What is written
    past that, through views that only others than the roots hold, is not put back.

    >>> table = np.zeros(10_000)
    >>> call_left_alone(lambda: table.fill(1), [table])
    >>> table.any()
    np.False_
    """
    arrays = [value._data if isinstance(value, Tensor) else value for value in _reached(roots)]
    large = [array for array in arrays if isinstance(array, np.ndarray) and array.nbytes >= LARGE]
    owners = hold(large, None, inherits=False)
    try:
        with left_alone(*roots, unchanged=[array for array in large if not array.flags.writeable]):
            function()
    except Exception:
        if not large:
            raise
    else:
        return
    finally:
        release(owners)
    with left_alone(*roots):
        function()


@contextmanager
def left_alone(*roots: Any, unchanged: Iterable[Any] = ()) -> Iterator[Callable[[], None]]:
    """Put back, on the way out, what models and other objects hold, and all that is held by that.

    That is attributes, the contents of dicts, lists, sets and deques, arrays, tensors, and the
    states of generators, of which NumPy's and Python's global ones are two. Other objects of the
    standard library, such as files and threads, are not looked into, and neither are classes.

    Meanwhile tensors have copies of their arrays. Arrays that are `unchanged`, being read-only, are
    not copied, and their tensors have views of them. What the context gives is a function that puts
    the generators back at once, so that they draw the same again.

    >>> model = {"rng": np.random.default_rng(0), "seen": [1]}
    >>> with left_alone(model) as rewind:
    ...     model["seen"].append(2)
    ...     first = model["rng"].random()
    ...     rewind()
    ...     model["rng"].random() == first
    True
    >>> model["seen"]
    [1]
    """
    reached = _reached(roots)
    generators = [put_back for value in reached for put_back in _of_generator(value)]
    generators += [partial(np.random.set_state, np.random.get_state())]
    generators += [partial(random.setstate, random.getstate())]
    read_only = {id(array) for array in unchanged}
    others = [
        put_back
        for value in reached
        if id(value) not in read_only
        for put_back in _of_others(value)
    ]

    def rewind() -> None:
        for put_back in generators:
            put_back()

    for value in reached:
        if isinstance(value, Tensor):
            data = value._data
            value._data = data.view() if id(data) in read_only else data.copy()
    try:
        yield rewind
    finally:
        for put_back in others:
            put_back()
        rewind()


def _reached(roots: Iterable[Any]) -> list[Any]:
    """Objects, and all that they hold, each once."""
    reached: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        value = waiting.pop()
        if id(value) not in reached:
            reached[id(value)] = value
            waiting += _held(value)
    return list(reached.values())


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset | deque):
        return value
    if isinstance(value, Tensor):
        return (value.grad,)
    package = type(value).__module__.partition(".")[0]
    if package in sys.stdlib_module_names and not isinstance(value, SimpleNamespace):
        return ()  # Putting back what threads, files and locks hold would break them.
    attributes = getattr(value, "__dict__", None)
    return (attributes,) if isinstance(attributes, dict) else ()


def _of_generator(value: Any) -> Iterator[PutBack]:
    if is_generator(value):
        yield partial(set_state, value, state_of(value))
    elif isinstance(value, random.Random):
        yield partial(value.setstate, value.getstate())


def _of_others(value: Any) -> Iterator[PutBack]:
    if isinstance(value, dict | set):
        yield partial(_refill, value, value.update, value.copy())
    elif isinstance(value, list | deque):
        yield partial(_refill, value, value.extend, value.copy())
    elif isinstance(value, np.ndarray):
        yield partial(_overwrite, value, value.copy())
    elif isinstance(value, Tensor):
        for name in ("_data", "grad", "mutated", "name", "_requires_grad"):
            yield partial(setattr, value, name, getattr(value, name))


def _refill(container: Any, fill: Callable[[Any], object], contents: Any) -> None:
    container.clear()
    fill(contents)


def _overwrite(array: Any, values: Any) -> None:
    if array.flags.writeable:
        array[...] = values
