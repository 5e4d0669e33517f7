"""Name a part of a computation, for pictures of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from autograd_lite.arguments import TEXT, require
from autograd_lite.modes import SetForAWhile, recording
from autograd_lite.names import explains_keywords
from autograd_lite.node import Node, Scope, begun


class scope(SetForAWhile):  # noqa: N801 - used like no_grad
    """Draw what is computed inside as one part with a name, as for a module.

    Args:
        name: what to call it.

    Raises:
        ArgumentError: the name is not text.

    >>> import viz
    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> with viz.scope("energy"):
    ...     y = (x**2).sum()
    >>> [group.label for group in viz.graph(y).groups]
    ['energy']
    """

    @explains_keywords
    def __init__(self, name: str) -> None:
        super().__init__()
        require("viz.scope", "name", name, TEXT)
        self._name = name

    def _settings(self, key: Any) -> Iterable[tuple[ContextVar[Any], Any]]:
        outer = recording.get()
        around = outer.scope if isinstance(outer, _Naming) else None
        return ((recording, outer and _Naming((self._name, None, next(begun), around), outer)),)


class _Naming:
    """Gives all that is recorded a scope."""

    def __init__(self, own: Scope, outer: Any) -> None:
        self.scope = own
        self._outer = outer

    def recorded(self, node: Node) -> None:
        if self._outer is not True:
            self._outer.recorded(node)
        node.scope = self.scope
