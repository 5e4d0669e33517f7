"""Samples and targets of models with several inputs and outputs: tuples and dicts of arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite.arguments import as_array
from autograd_lite.errors import ShapeError, describe_one
from autograd_lite.trees import leaves_of, map_tree
from nn.layers.containers import Sequential


def is_tree(values: Any) -> bool:
    """Whether they are several arrays: a mapping, or a tuple with arrays in it.

    A list is one array, of samples, and so is a tuple of numbers or lists.
    """
    if type(values) is np.ndarray:
        return False
    if isinstance(values, tuple):
        return any(getattr(each, "ndim", 0) > 0 or is_tree(each) for each in values)
    return isinstance(values, Mapping)


def map_named(function: Callable[[Any, str], Any], values: Any, name: str) -> Any:
    """Apply a function to each of several arrays and its name, such as X['left'] or X[0].

    >>> map_named(lambda values, name: f"{name}: {values}", {"a": 1, "b": 2}, "X")
    {'a': "X['a']: 1", 'b': "X['b']: 2"}
    """
    if not is_tree(values):
        return function(values, name)
    if isinstance(values, Mapping):
        items = values.items()
        return {key: map_named(function, each, f"{name}[{key!r}]") for key, each in items}
    parts = [map_named(function, each, f"{name}[{place}]") for place, each in enumerate(values)]
    return type(values)(*parts) if hasattr(values, "_fields") else tuple(parts)


def as_arrays(values: Any, attempted: str) -> Any:
    """An array, or several; the error for what is none says which one."""
    if type(values) is np.ndarray:
        return values
    return map_named(as_array, values, attempted)


def named_leaves(values: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each of several arrays, with its name."""
    found: list[tuple[str, Any]] = []
    map_named(lambda each, own: found.append((own, each)), values, name)
    return iter(found)


def shown(values: Any) -> str:
    """The names and shapes of one array, or of several."""
    return ", ".join(map(describe_one, leaves_of(values))) or "nothing"


def count(values: Any, attempted: str) -> int:
    """How many samples there are; a ShapeError unless all arrays have an entry for each."""
    if not is_tree(values) and values.ndim:
        return len(values)
    lengths = {leaf.shape[:1] for leaf in leaves_of(values)}
    if len(lengths) != 1 or () in lengths:
        raise ShapeError(
            f"{attempted} {shown(values)}",
            "there are no samples, or their numbers, the lengths of axis 0, differ",
            "Give arrays with an entry for each sample: (n, ...)",
        )
    return int(lengths.pop()[0])


def at(values: Any, index: Any) -> Any:
    """Some samples of each of several arrays."""
    return map_tree(lambda array: array[index], values) if is_tree(values) else values[index]


def called(model: Callable[..., Any], values: Any) -> Any:
    """A model of some samples: several are its arguments, of a dict by name.

    Where `forward` does not take them so, as it has one argument, it is given all in that.
    """
    if not is_tree(values):
        return model(values)
    first: Any = model
    while isinstance(first, Sequential) and first.layers:
        first = first.layers[0]
    positions, names = ((), values) if isinstance(values, Mapping) else (values, {})
    try:
        inspect.signature(getattr(first, "forward", first)).bind(*positions, **names)
    except TypeError:
        return model(values)
    return model(*positions, **names)
