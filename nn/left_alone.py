"""Undo all that running a model does to it, besides giving a result."""

from __future__ import annotations

import copy
import operator
import random
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from types import MethodType, SimpleNamespace
from typing import Any, TypeVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.interruption import at_once, whole
from autograd_lite.read_only import hold, release
from nn.random_state import generator, is_generator, set_state, state_of

Result = TypeVar("Result")
PutBack = Callable[[], object]

LARGE = 2**16
"""Bytes from which an array is made read-only instead of copied."""
CONSTANT = frozenset({type(None), bool, int, float, str})
"""Types of what holds nothing and does not change."""


def call_left_alone(function: Callable[[Callable[[], None]], Result], *roots: Any) -> Result:
    """Call a function, and put back what it changes of objects and of all that these hold.

    That is attributes, the contents of dicts, lists, sets and deques, arrays, tensors, and the
    states of generators, also the global ones of NumPy, Python and `nn.manual_seed`; also of what
    methods and partials are bound to. Other objects of the standard library, such as files and
    threads, are not looked into, nor are classes, and what functions enclose.

    The function is given another one, which puts the generators back at once, so that they draw the
    same again. Meanwhile tensors have copies of their arrays, or views of those that are large:
    these are not copied, but read-only. A function that writes to one fails therefore; after any
    failure it is called once more, with copies of all arrays. What is written past that, through
    views that only others than the roots hold, is not put back.

    >>> model = {"rng": np.random.default_rng(0), "seen": [1], "table": np.zeros(10_000)}
    >>> def change(rewind):
    ...     model["seen"].append(2)
    ...     model["table"].fill(1)
    ...     first = model["rng"].random()
    ...     rewind()
    ...     return model["rng"].random() == first
    >>> call_left_alone(change, model)
    True
    >>> model["seen"], model["table"].any()
    ([1], np.False_)
    """
    reached = _reached(roots)
    large = [*filter(_is_large, _arrays(reached))]
    with whole() as region:
        owners = hold(large, None, inherits=False)
        try:
            read_only = {id(array) for array in large if not array.flags.writeable}
            return _called(function, region, reached, read_only)
        except Exception:
            if not large:
                raise
        finally:
            release(owners)
        return _called(function, region, reached, read_only=set())


def _called(
    function: Callable[[Callable[[], None]], Result],
    region: whole,
    reached: Sequence[Any],
    read_only: set[int],
) -> Result:
    """Call a function, and put back all that is reached, but for arrays that it cannot write to."""
    generators: list[PutBack] = [
        partial(set_state, generator(None, "default"), state_of(generator(None, "default"))),
        partial(np.random.set_state, np.random.get_state()),
        partial(random.setstate, random.getstate()),
    ]
    others: list[PutBack] = []
    for value in reached:
        if is_generator(value):
            generators.append(partial(set_state, value, state_of(value)))
        elif isinstance(value, random.Random):
            generators.append(partial(value.setstate, value.getstate()))
        elif id(value) not in read_only:
            others += _of_other(value)

    def rewind() -> None:
        for put_back in generators:
            put_back()

    for value in reached:
        if isinstance(value, Tensor):
            data = value._array
            value._array = data.view() if id(data) in read_only else data.copy()
    try:
        with region.opened():
            return function(rewind)
    finally:
        for put_back in others:
            put_back()
        rewind()


def twins(*roots: Any) -> Any:
    """Copies of objects and of all that they hold.

    But for large arrays, which may not be written to, and files, threads and locks.

    >>> from threading import Lock
    >>> model = {"weight": np.ones(1), "lock": Lock()}
    >>> (twin,) = twins(model)
    >>> twin["weight"] is model["weight"], twin["lock"] is model["lock"]
    (False, True)
    """
    reached = _reached(roots)
    kept = [*filter(_is_closed, reached), *filter(_is_large, _arrays(reached))]
    shared = {id(value): value for value in kept}
    return copy.deepcopy(roots, shared)


def _reached(roots: Iterable[Any]) -> list[Any]:
    """Objects, and all that they hold, each once."""
    reached: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        value = waiting.pop()
        if id(value) not in reached and type(value) not in CONSTANT:
            reached[id(value)] = value
            waiting += _held(value)
    return list(reached.values())


def _held(value: Any) -> Iterable[Any]:
    """What an object holds: entries, attributes, the gradient of a tensor."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset | deque):
        return value
    if isinstance(value, Tensor):
        return (value.grad,)
    if isinstance(value, MethodType):
        return (value.__self__,)
    if isinstance(value, partial):
        return (value.func, value.args, value.keywords)
    if _is_closed(value):
        return ()  # Putting back what threads, files and locks hold would break them.
    attributes = getattr(value, "__dict__", None)
    return (attributes,) if isinstance(attributes, dict) else ()


def _arrays(reached: Iterable[Any]) -> list[Any]:
    """Objects, and in place of tensors what these hold."""
    return [value._array if isinstance(value, Tensor) else value for value in reached]


def _is_large(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.nbytes >= LARGE


def _is_closed(value: Any) -> bool:
    """Whether an object is one of the standard library, and not there to hold others."""
    if isinstance(value, (*_OPEN, *CONTAINERS)):
        return False
    return type(value).__module__.partition(".")[0] in sys.stdlib_module_names


def _of_other(value: Any) -> list[PutBack]:
    """What puts back an object that is no generator."""
    for kind, put_back in CONTAINERS.items():
        if isinstance(value, kind):
            return [partial(put_back, value, value.copy())]
    if isinstance(value, Tensor):
        names = ("_array", "grad", "mutated", "name", "_requires_grad")
        return [partial(setattr, value, name, getattr(value, name)) for name in names]
    return []


# Other threads may use what is put back, so nothing is taken out that was in it before.


def _put_back_dict(value: dict[Any, Any], before: dict[Any, Any]) -> None:
    if _holds(value, before) and _holds(value.values(), before.values()):
        return
    for key, each in before.items():
        value[key] = each
    for key in value.keys() - before.keys():
        del value[key]
    if not _holds(value, before):  # something was taken out, and put in again at the end
        for key, each in before.items():
            at_once([(value.pop, key), (value.__setitem__, key, each)])


def _put_back_set(value: set[Any], before: set[Any]) -> None:
    value.update(before)
    value.intersection_update(before)


def _put_back_list(value: list[Any], before: list[Any]) -> None:
    if not _holds(value, before):
        value[:] = before


def _put_back_deque(value: deque[Any], before: deque[Any]) -> None:
    if not _holds(value, before):
        value.extend(before)
        while len(value) > len(before):
            value.popleft()


def _holds(value: Collection[Any], before: Collection[Any]) -> bool:
    return len(value) == len(before) and all(map(operator.is_, value, before))


def _overwrite(array: Any, values: Any) -> None:
    if array.flags.writeable:
        array[...] = values


_OPEN = (tuple, frozenset, MethodType, partial, SimpleNamespace, random.Random)
CONTAINERS: dict[type[Any], Callable[[Any, Any], None]] = {
    dict: _put_back_dict,
    set: _put_back_set,
    list: _put_back_list,
    deque: _put_back_deque,
    np.ndarray: _overwrite,
}
"""How what holds others, or numbers, becomes again what a copy of it is."""
