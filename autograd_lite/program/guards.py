"""Remember what is taken out of tensors while a loss is computed: its course may depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autograd_lite.modes import Taken, taken


@contextmanager
def guarded() -> Iterator[list[Taken]]:
    """Remember the plain values that are taken out of tensors, as a context.

    That is what comparisons give, `bool`, `float`, `int` and `item`, and functions without a
    derivative such as `np.argmax`; not what is read from `tensor.data`. `trace` makes guards of
    them.

    >>> import numpy as np
    >>> from autograd_lite import Tensor
    >>> from autograd_lite.program.trace import trace
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> with guarded() as taken:
    ...     loss = x.sum() if x[0] < x[1] else x.max()
    >>> program = trace(loss, taken=taken)
    >>> float(program.run({x: np.array([3.0, 5.0])})[0])
    8.0
    >>> program.run({x: np.array([5.0, 3.0])})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd_lite.errors.UnsupportedError: run of a program on other data: lt: entries that ...
    """
    found: list[Taken] = []
    token = taken.set(found)
    try:
        yield found
    finally:
        taken.reset(token)
