"""What functions depend on besides their arguments, and whether they do more than compute."""

from __future__ import annotations

import dis
import functools
import random
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autograd_lite.errors import AutogradError
from autograd_lite.node import Node

GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
PACKAGES = ("autograd_lite", "nn", "numpy", "builtins", "math", "operator", "functools", "scipy")
"""What is not looked into."""
STORES = {"STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_SLICE", "DELETE_ATTR"}
STORES |= {"DELETE_SUBSCR", "DELETE_GLOBAL", "IMPORT_NAME", "YIELD_VALUE", "STORE_DEREF"}
CHANGES = {"append", "extend", "insert", "pop", "popitem", "remove", "clear", "update", "now"}
CHANGES |= {"discard", "setdefault", "reverse", "write", "writelines", "print", "input"}
CHANGES |= {
    "random",
    "setattr",
    "fill",
    "put",
    "next",
    "send",
    "open",
    "exec",
    "eval",
    "breakpoint",
}
CHANGES |= {
    "data",
    "grad",
    "numpy",
    "item",
    "tolist",
    "seed",
    "time",
    "perf_counter",
    "globals",
    "iter",
}
"""Names of what changes something, or gives what is not recorded."""


class Surroundings:
    """The variables that functions read from outside, and attributes of objects, as they are now.

    Attributes:
        acts: what they do besides computing, in words; empty if nothing was found.
    """

    def __init__(self, roots: Iterable[Any], strict: bool) -> None:
        self.acts = ""
        self._strict = strict
        self._held: list[tuple[Any, Any]] = []
        self._variables: list[tuple[Any, Any, Any]] = []
        self._seen: dict[int, Any] = {}
        self._classes: list[type] = []
        for root in roots:
            self._visit(root)

    def are_unchanged(self) -> bool:
        """Whether all of them are the same objects."""
        try:
            return all([held == kept for held, kept in self._held]) and all(  # noqa: C419 - faster
                [read(held, name) is value for held, name, value in self._variables]  # noqa: C419
            )
        except (ValueError, TypeError, AutogradError, KeyError):  # arrays are compared
            return False

    def _visit(self, value: Any) -> None:
        if id(value) in self._seen or isinstance(value, Node | ModuleType | type):
            return
        self._seen[id(value)] = value
        if isinstance(value, GENERATORS) and not self.acts and self._strict:
            self.acts = "it draws random numbers"
        if isinstance(value, MethodType):
            self._visit(value.__self__)
            self._visit(value.__func__)
        elif isinstance(value, functools.partial):
            for part in (value.func, *value.args, *value.keywords.values()):
                self._visit(part)
        elif isinstance(value, list | dict):
            self._hold(value)
        elif isinstance(value, tuple):
            for part in value:
                self._visit(part)
        elif not _is_of_packages(value):
            if isinstance(value, FunctionType):
                self._visit_function(value)
            elif hasattr(value, "__dict__"):
                kinds = [x for x in type(value).__mro__ if not _is_of_packages(x)]
                self._classes += kinds
                self._held += [(vars(kind), dict(vars(kind))) for kind in kinds]
                self._hold(vars(value))

    def _hold(self, held: Any) -> None:
        self._held.append((held, held.copy()))
        for part in held.values() if isinstance(held, dict) else held:
            self._visit(part)

    def _visit_function(self, function: FunctionType) -> None:
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._visit(value)
        cells = zip(function.__code__.co_freevars, function.__closure__ or ())
        for _, cell in cells:
            self._watch(cell, "cell_contents")
        for code in _codes(function.__code__):
            for instruction in dis.get_instructions(code):
                self._look(function, instruction)

    def _look(self, function: FunctionType, instruction: dis.Instruction) -> None:
        name, what = instruction.argval, instruction.opname
        if what == "LOAD_GLOBAL" and name in function.__globals__:
            self._watch(function.__globals__, name)
        if what in ("LOAD_ATTR", "LOAD_METHOD"):
            for method in [vars(kind).get(name) for kind in self._classes]:
                self._visit(getattr(method, "fget", method))
        loads = what.startswith("LOAD_") and name in CHANGES
        if self._strict and not self.acts and (what in STORES or loads):
            known = name if isinstance(name, str) else what
            self.acts = f"{function.__qualname__} does more than compute: {known}"

    def _watch(self, held: Any, name: str) -> None:
        try:
            value = read(held, name)
        except ValueError:  # a cell that is empty yet
            return
        if not isinstance(value, ModuleType):
            self._variables.append((held, name, value))
            self._visit(value)


def read(held: Any, name: str) -> Any:
    """A variable of a module, or what a cell holds."""
    return held[name] if type(held) is dict else held.cell_contents


def _codes(code: CodeType) -> Iterator[CodeType]:
    """That of a function, and of the functions that it makes."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _is_of_packages(value: Any) -> bool:
    module = getattr(value, "__module__", None) or type(value).__module__
    return module.partition(".")[0] in PACKAGES
