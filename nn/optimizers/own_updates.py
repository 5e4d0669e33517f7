"""Updates of one's own: what is assigned to the name of an array is not in the array."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.errors import MutationError

VALUES, GRADIENT = 4, 5
"""Positions of the flat arrays among the arguments of `update`; the state follows them."""


def watch_update(cls: type[Any]) -> None:
    """Have a class that defines `update` refuse steps that only assign names.

    Where its text assigns none of these names that costs nothing.
    """
    update = vars(cls).get("update")
    if not inspect.isfunction(update) or update.__module__.startswith("nn."):
        return
    if places := _assigned(update):
        cls.update = _watched(update, places)


def _assigned(update: Callable[..., Any]) -> dict[int, str]:
    """The arguments that have to be written into, and to whose names something is assigned.

    Of the state only what is computed from it: a name may stand for the gradient, too, where there
    is no momentum.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(update)))
    except (OSError, SyntaxError):  # typed in a terminal, or made of text
        return {}
    taken = inspect.getfullargspec(update)
    places = {name: place for place, name in enumerate(taken.args)}
    assigned = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            read, stored = _names(ast.Load, node.value), _names(ast.Store, *node.targets)
            if isinstance(node.value, ast.Name) and read == [taken.varargs]:
                if len(stored) == len(getattr(node.targets[0], "elts", ())) and not _starred(node):
                    places |= {name: len(taken.args) + index for index, name in enumerate(stored)}
            elif not any(isinstance(x, ast.keyword) and x.arg == "out" for x in ast.walk(node)):
                assigned.update(n for n in stored if n in read or places.get(n) == VALUES)
    found = {places[name]: name for name in assigned if name in places}
    return {place: found[place] for place in found if place >= VALUES and place != GRADIENT}


def _starred(node: ast.Assign) -> bool:
    return any(isinstance(part, ast.Starred) for part in ast.walk(node.targets[0]))


def _names(use: type[ast.expr_context], *parts: ast.expr) -> list[str]:
    names = [x for part in parts for x in ast.walk(part) if isinstance(x, ast.Name)]
    return [x.id for x in names if isinstance(x.ctx, use)]


def _watched(update: Callable[..., Any], places: dict[int, str]) -> Callable[..., Any]:
    """The update, and an error where it leaves such an array as it was, in spite of a gradient."""

    bind = inspect.signature(update).bind

    @functools.wraps(update)
    def watched(*given: Any, **named: Any) -> None:
        given = bind(*given, **named).args
        moves = bool(np.any(given[GRADIENT]))
        before = {place: given[place].copy() for place in places if place < len(given)}
        update(*given)
        for place, kept in before.items():
            if moves and bool((given[place] == kept).all()):
                name = places[place]
                raise MutationError(
                    f"{type(given[0]).__name__}.update, which assigns {name}",
                    "the name is that of another array then, and the optimizer's own is as it was; "
                    "nothing was updated",
                    f"Write into it: {name} -= ..., or {name}[...] = ...",
                )

    return watched
