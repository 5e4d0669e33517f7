"""What data from a file has to be like, as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite.arguments import Range, is_whole
from autograd_lite.errors import ArgumentError, describe_one

Schema = Range | list[Any] | dict[Any, Any]
"""A range; a list of one schema, for lists; or a dict of schemas by name, for dicts of these names.

The name `...` in a dict stands for all others.
"""


MOST = 20
"""Differences that are told, at most."""


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


FLOAT = Range(lambda x: isinstance(x, float), "a float")
FIGURE = Range(
    lambda x: isinstance(x, float) or (is_whole(x) and bool(abs(x) < 2**53)), "a number, also NaN"
)
ARRAY = Range(lambda x: isinstance(x, np.ndarray), "an array")
PLAIN = Range(_is_plain, "a number, text, None, or a list of them")
ANYTHING = Range(lambda x: True, "anything")


def equal_to(own: Any) -> Range:
    """The range of one value."""
    return Range(lambda given: given == own, repr(own))


def misfits(value: Any, schema: Schema, name: str = "") -> Iterator[str]:
    """What in a value differs from a schema, by dotted names.

    >>> from autograd_lite.arguments import COUNT
    >>> list(misfits({"epochs": 0, "loss": [1.0, "a"]}, {"epochs": COUNT, "loss": [FLOAT]}))
    ['epochs is 0 instead of a whole number, 1 or more', "loss.1 is 'a' instead of a float"]
    """
    wanted = {list: "a list", dict: "a dict"}
    kind: Any = Mapping if isinstance(schema, dict) else list | tuple
    if isinstance(schema, Range):
        if not schema.holds(value):
            yield f"{name} is {describe_one(value)} instead of {schema.wanted}"
    elif not isinstance(value, kind):
        yield f"{name or 'it'} is {describe_one(value)} instead of {wanted[type(schema)]}"
    elif isinstance(schema, list):
        for index, item in enumerate(value):
            yield from misfits(item, schema[0], _dotted(name, index))
    else:
        for key in schema:
            if key is not ... and key not in value:
                yield f"{_dotted(name, key)} is missing"
        for key, item in value.items():
            if key in schema or ... in schema:
                yield from misfits(item, schema[key if key in schema else ...], _dotted(name, key))
            else:
                yield f"{_dotted(name, key)} is unknown"


def require_fitting(owner: object, problems: Iterable[str]) -> None:
    """Raise an ArgumentError if something, in words, keeps a state from being loaded into it."""
    if found := list(problems):
        more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
        raise ArgumentError(
            f"load_state_dict into {type(owner).__name__}",
            "; ".join(found[:MOST] + more),
            "Give a state_dict() of one that was made the same way; nothing was loaded",
        )


def _dotted(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)
