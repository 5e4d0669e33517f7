"""Arrays nested in lists, tuples and dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def leaves_of(tree: Any) -> list[Any]:
    """The arrays in nested lists, tuples and dicts, in order.

    >>> leaves_of({"a": 1, "b": [2, 3]})
    [1, 2, 3]
    """
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves_of(value)]
    if isinstance(tree, list | tuple):
        return [leaf for value in tree for leaf in leaves_of(value)]
    return [tree]


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to each array in nested lists, tuples and dicts.

    >>> map_tree(lambda x: x + 1, {"a": 1, "b": [2, 3]})
    {'a': 2, 'b': [3, 4]}
    """
    if isinstance(tree, dict):
        return {key: map_tree(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        items = [map_tree(function, value) for value in tree]
        named = hasattr(tree, "_fields")
        return type(tree)(*items) if named else type(tree)(items)
    return function(tree)


def rebuilt(tree: Any, leaves: Iterable[Any]) -> Any:
    """The tree with other leaves in place of its own, in order.

    >>> rebuilt({"a": 1, "b": [2, 3]}, "xyz")
    {'a': 'x', 'b': ['y', 'z']}
    """
    remaining = iter(leaves)
    return map_tree(lambda _: next(remaining), tree)
