"""Arrays nested in lists, tuples, named tuples and mappings; None stands for no array."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

from autograd_lite.errors import ShapeError, UnsupportedError

SEQUENCES = (list, tuple)


def _is_mapping(tree: Any) -> bool:
    # Of most, which are arrays, the abstract class takes ten times as long to say no.
    return hasattr(tree, "keys") and isinstance(tree, Mapping)


def leaves_of(tree: Any) -> list[Any]:
    """The arrays in nested lists, tuples and mappings, in order.

    >>> leaves_of({"a": 1, "b": [2, None, 3]})
    [1, 2, 3]
    """
    try:
        if isinstance(tree, SEQUENCES):
            return [leaf for value in tree for leaf in leaves_of(value)]
        if _is_mapping(tree):
            return [leaf for value in tree.values() for leaf in leaves_of(value)]
    except RecursionError:
        raise nested_without_end(tree) from None
    return [] if tree is None else [tree]


def nested_without_end(tree: Any) -> UnsupportedError:
    """The error for what holds itself."""
    return UnsupportedError(
        f"arrays in a {type(tree).__name__}",
        "it holds itself, or lies deeper than Python's recursion goes",
        "Give lists, tuples and dicts of arrays, a few inside each other",
    )


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to each array in nested lists, tuples and mappings.

    What they are made of stays of its type: an OrderedDict, a named tuple, a defaultdict with its
    factory.

    >>> map_tree(lambda x: x + 1, {"a": 1, "b": [2, None, 3]})
    {'a': 2, 'b': [3, None, 4]}
    """
    items: Any = None
    try:
        if isinstance(tree, SEQUENCES):
            items = [map_tree(function, value) for value in tree]
        elif _is_mapping(tree):
            items = {key: map_tree(function, tree[key]) for key in tree}
    except RecursionError:
        raise nested_without_end(tree) from None
    if items is None:
        return None if tree is None else function(tree)
    return (_with_items if type(items) is list else _with_values)(tree, items)


def _with_items(tree: Any, items: list[Any]) -> Any:
    """A list or tuple of the same kind with other items."""
    if isinstance(tree, tuple):
        return tree._make(items) if hasattr(tree, "_make") else type(tree)(items)
    if type(tree) is list:
        return items
    from copy import copy

    made = copy(tree)
    made[:] = items
    return made


def _with_values(tree: Any, values: dict[Any, Any]) -> Any:
    """A mapping of the same kind with other values."""
    if type(tree) is dict:
        return values
    from copy import copy

    try:
        if not isinstance(tree, MutableMapping):
            return type(tree)(values)
        made: Any = copy(tree)
        if getattr(tree, "__dict__", None) is tree:
            # Its keys are its attributes, which a copy has twice.
            made.__dict__ = made
        for key, value in values.items():
            made[key] = value
        replaced = [(key, old) for key, old in tree.items() if values[key] is not old]
        for name, value in getattr(made, "__dict__", {}).items():
            if any(
                value is old and (key == name or hasattr(old, "shape")) for key, old in replaced
            ):
                raise TypeError(f"its attribute {name} holds one of its values")
    except Exception as error:
        raise UnsupportedError(
            f"a {type(tree).__name__} with other values",
            f"it cannot be copied and assigned to ({error})",
            "Give dict(...) of it",
        ) from error
    return made


def rebuilt(tree: Any, leaves: Iterable[Any]) -> Any:
    """The tree with other leaves in place of its own, in order.

    >>> rebuilt({"a": 1, "b": [2, 3]}, "xyz")
    {'a': 'x', 'b': ['y', 'z']}
    """
    remaining = iter(leaves)
    return map_tree(lambda _: next(remaining), tree)


def matched(attempted: str, tree: Any, given: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """The leaves of a tree, each with its place, and with the leaf at that place of another tree.

    Mappings are matched by key, in whatever order; named tuples by field; lists and tuples by
    position.

    Raises:
        ShapeError: the other has another structure.

    >>> matched("cotangent", {"a": 1, "b": [2]}, {"b": [20], "a": 10})
    [("['a']", 1, 10), ("['b'][0]", 2, 20)]
    """
    (kind, parts), (kind_given, parts_given) = _parts(tree), _parts(given)
    differences = []
    if kind != kind_given:
        differences.append(f"is {kind_given}, not {kind}")
    elif parts.keys() != parts_given.keys():
        missing = [repr(key) for key in parts if key not in parts_given]
        surplus = [repr(key) for key in parts_given if key not in parts]
        differences += [f"lacks {', '.join(missing)}"] if missing else []
        differences += [f"has {', '.join(surplus)} besides"] if surplus else []
    if differences:
        reason = f"{path or 'it'} {' and '.join(differences)}"
        raise ShapeError(attempted, reason, "Give one of the same structure")
    if kind == ARRAY:
        return [(path, tree, given)]
    try:
        return [
            found
            for key, part in parts.items()
            for found in matched(attempted, part, parts_given[key], f"{path}[{key!r}]")
        ]
    except RecursionError:
        raise nested_without_end(tree) from None


ARRAY = "an array"


def _parts(tree: Any) -> tuple[str, dict[Any, Any]]:
    """What a tree is, and what it is made of by key, field or position."""
    if _is_mapping(tree):
        return "a mapping", {key: tree[key] for key in tree}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return "a named tuple", dict(zip(tree._fields, tree))
    if isinstance(tree, list | tuple):
        return f"a list or tuple of {len(tree)}", dict(enumerate(tree))
    return ("None" if tree is None else ARRAY), {}
