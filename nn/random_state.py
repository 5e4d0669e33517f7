"""Generators of random numbers: those that a model holds, and how far they have drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias, TypeGuard

import numpy as np

from nn.module import Module

Generator: TypeAlias = "np.random.Generator | np.random.RandomState"


def is_generator(value: Any) -> TypeGuard[Generator]:
    """Whether it draws random numbers, by either of NumPy's interfaces."""
    return isinstance(value, np.random.Generator | np.random.RandomState)


def generators(model: Module) -> dict[str, Generator]:
    """The generators in attributes of modules, also inside of lists, tuples and dicts, by name."""
    return {
        name: generator
        for prefix, module in model.named_modules()
        for name, generator in _inside(vars(module), prefix)
    }


def _inside(value: Any, path: str) -> Iterator[tuple[str, Generator]]:
    if is_generator(value):
        yield path, value
    elif isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _inside(item, f"{path}.{key}" if path else str(key))


def state_of(generator: Generator) -> dict[str, Any]:
    """A copy of the state, as numbers, text and arrays."""
    if isinstance(generator, np.random.RandomState):
        return dict(generator.get_state(legacy=False))
    return dict(generator.bit_generator.state)


def set_state(generator: Generator, state: Any) -> None:
    """Take over what `state_of` gave."""
    if isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
