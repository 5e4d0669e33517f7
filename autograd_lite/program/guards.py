"""Remember what is computed from tensors beside the record: a loss may depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autograd_lite.modes import Taken, taken


@contextmanager
def guarded() -> Iterator[list[Taken]]:
    """Remember what is computed from tensors beside the record, as a context.

    That is what comparisons give, `bool`, `float`, `int`, `item`, `tolist`, `numpy` and `format`,
    functions without a derivative such as `np.argmax`, and changes in place, of which `trace`
    makes guards; and tensors that do not require grad, `detach()` included, whose steps it
    writes. Not seen is what is computed from `tensor.data` or `tensor.grad`, from plain arrays,
    or from the text that `str` gives.

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
