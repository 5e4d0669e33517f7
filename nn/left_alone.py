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
from nn.random_state import is_generator, set_state, state_of

PutBack = Callable[[], object]


@contextmanager
def left_alone(*roots: Any) -> Iterator[Callable[[], None]]:
    """Put back, on the way out, what models and other objects hold, and all that is held by that.

    That is attributes, the contents of dicts, lists, sets and deques, arrays, tensors, and the
    states of generators, of which NumPy's and Python's global ones are two. Other objects of the
    standard library, such as files and threads, are not looked into, and neither are classes.

    Meanwhile tensors have copies of their arrays. What the context gives is a function that puts
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
    others = [put_back for value in reached for put_back in _of_others(value)]

    def rewind() -> None:
        for put_back in generators:
            put_back()

    for value in reached:
        if isinstance(value, Tensor):
            value._data = value._data.copy()
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
