"""Generators of random numbers: the default one, those of a model, and how far they have drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from autograd_lite import arguments
from autograd_lite.arguments import SEED, WHOLE, require
from autograd_lite.modes import setting
from autograd_lite.names import explains_keywords

if TYPE_CHECKING:
    from nn.module import Module

Generator: TypeAlias = "np.random.Generator | np.random.RandomState"

instead_of_default: ContextVar[np.random.Generator | None]
instead_of_default = ContextVar("instead_of_default", default=None)
"""What is drawn from, in this thread or task, where no `rng` is given."""
drawing = ContextVar("drawing", default=True)
"""Whether initial weights are drawn, or zeros, as of a model whose weights are in a file."""


@explains_keywords
def manual_seed(seed: int) -> None:
    """Seed everything in `nn` that is given no `rng`, such as layers, `nn.fit` and data sets.

    They all draw from one generator, which is started anew: the same program gives the same
    numbers, bit for bit, and layers made one after another differ.

    Args:
        seed: a whole number, 0 or more.

    Raises:
        ArgumentError: it is not.

    >>> from nn import Dense
    >>> manual_seed(0)
    >>> first, second = Dense(1, 1).weight.item(), Dense(1, 1).weight.item()
    >>> manual_seed(0)
    >>> first == Dense(1, 1).weight.item(), first == second
    (True, False)
    """
    from nn.default_generator import DEFAULT

    require("manual_seed", "seed", seed, SEED)
    set_state(DEFAULT, state_of(np.random.Generator(np.random.PCG64(seed))))
    DEFAULT.seeded = True


def generator(rng: Any, attempted: str) -> np.random.Generator:
    """The generator itself, or one that is made from a seed, or for None the default one."""
    if rng is not None:
        return arguments.generator(rng, attempted)
    return instead_of_default.get() or default_generator()


def default_generator() -> np.random.Generator:
    """The one that `manual_seed` seeds."""
    from nn.default_generator import DEFAULT

    return DEFAULT


@contextmanager
def drawing_from(own: np.random.Generator, *models: Module) -> Iterator[None]:
    """Have what is given no `rng` meanwhile, and modules that were, draw from another generator."""
    default = default_generator()
    held = [
        (vars(module), name)
        for model in models
        for _, module in model.named_modules()
        for name, value in vars(module).items()
        if value is default
    ]
    with setting(instead_of_default, own):
        try:
            for attributes, name in held:
                attributes[name] = own
            yield
        finally:
            for attributes, name in held:
                attributes[name] = default


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
