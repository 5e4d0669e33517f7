"""Generators of random numbers: those that a model holds, how far they have drawn, and whether."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from autograd_lite.arguments import WHOLE

if TYPE_CHECKING:
    from nn.module import Module

Generator: TypeAlias = "np.random.Generator | np.random.RandomState"

drawing = ContextVar("drawing", default=True)
"""Whether initial weights are drawn."""


@contextmanager
def without_drawing() -> Iterator[None]:
    """Let the functions of `nn.init` give zeros, as for a model whose weights are in a file.

    >>> import nn
    >>> with without_drawing():
    ...     nn.Dense(1, 2).weight.data
    array([[0., 0.]])
    """
    token = drawing.set(False)
    try:
        yield
    finally:
        drawing.reset(token)


def is_generator(value: Any) -> TypeGuard[Generator]:
    """Whether it draws random numbers, by either of NumPy's interfaces."""
    return isinstance(value, np.random.Generator | np.random.RandomState)


def generators(model: Module) -> dict[str, Generator]:
    """The generators in attributes of modules, also inside of lists, tuples and dicts, by name."""
    return {
        f"{prefix}.{name}" if prefix else name: value
        for prefix, module in model.named_modules()
        for name, value in module._members()
        if is_generator(value)
    }


def state_of(generator: Generator) -> dict[str, Any]:
    """A copy of the state, as numbers, text and arrays."""
    if isinstance(generator, np.random.RandomState):
        return dict(generator.get_state(legacy=False))
    return dict(generator.bit_generator.state)


POSITIONS = {"pos": 624, "buffer_pos": 4}
"""The entries of states that are positions in a buffer, which NumPy takes as they are; the last."""


def set_state(generator: Generator | None, state: Any) -> None:
    """Have a generator, or NumPy's global one, take over what `state_of` gave.

    Any exception may come of another state.
    """
    for name, value in [*state.items(), *state["state"].items()]:
        if name in POSITIONS and not (WHOLE.holds(value) and value <= POSITIONS[name]):
            raise ValueError(f"the state of a generator has {name}={value!r}")
    if generator is None:
        np.random.set_state(state)
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
