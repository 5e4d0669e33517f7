"""What is known of the nodes that are watched: the line of code that each came from."""

from __future__ import annotations

import linecache
import os
import sys
import weakref
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType
from typing import NamedTuple

import numpy as np

from autograd_lite.interruption import whole
from autograd_lite.modes import setting
from autograd_lite.node import Array, Node, plain
from autograd_lite.read_only import hold, release
from autograd_lite.trees import leaves_of


class CodeLine(NamedTuple):
    """The line of a user's code that ran an operation, and through what."""

    file: str
    line: int
    function: str
    through: str  # "np.diff", "backward of log", or nothing

    def __str__(self) -> str:
        text = linecache.getline(self.file, self.line).strip()
        place = f'File "{self.file}", line {self.line}, in {self.function}'
        place += f", through {self.through}" if self.through else ""
        return f"{place}\n  {text}" if text else place


_INSTALLED = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
LIBRARY = (
    *(os.path.join(_INSTALLED, package, "") for package in ("autograd_lite", "nn", "viz")),
    os.path.join(os.path.dirname(np.__file__), ""),
)
"""Whose lines are not the user's: the three packages, which are installed together, and NumPy."""


class _Entered(NamedTuple):
    """What was entered on the way to an operation: a function made of others, or a rule."""

    frame: FrameType
    through: str  # "np.diff", "backward of log"
    node: Node | None  # whose rule it is


entered: ContextVar[tuple[_Entered, ...]] = ContextVar("entered", default=())
"""What runs now, the innermost last."""


def entering(through: str, node: Node | None = None) -> setting:
    """A context that notes that the caller runs a rule, or a function made of others."""
    return setting(entered, (*entered.get(), _Entered(sys._getframe(1), through, node)))


def _current_line() -> CodeLine | None:
    """The innermost line that is none of the library's; in a rule that of the rule's node."""
    frame: FrameType | None = sys._getframe()
    within = list(entered.get())
    through = ""
    while frame is not None:
        if within and within[-1].frame is frame:
            last = within.pop()
            through = last.through
            if last.node is not None:
                code_line = code_line_of(last.node)
                return code_line and code_line._replace(through=through)
        code = frame.f_code
        if not code.co_filename.startswith(LIBRARY):
            return CodeLine(code.co_filename, frame.f_lineno, code.co_name, through)
        frame = frame.f_back
    return None


@dataclass(slots=True)
class Watched:
    """What is known of a node that was recorded."""

    reference: weakref.ref[Node]
    code_line: CodeLine | None
    watch: object
    held: list[Array]

    def release(self) -> None:
        """Let go of what is held."""
        with whole():
            held, self.held = self.held, []
            release(held)


watched_nodes: dict[int, Watched] = {}  # by id of the node, as long as it lives


def remember(node: Node, watch: object) -> None:
    """Keep the line that a node comes from, and hold what its rule may read."""
    operation = node.operation
    given = map(plain, leaves_of([node.arguments, node.keywords]))
    code_line, key = _current_line(), id(node)
    with whole():
        held = hold(given, node._array, inherits=not operation.traits.read_only)
        reference = weakref.ref(node, lambda _: watched_nodes.pop(key).release())
        watched_nodes[key] = Watched(reference, code_line, watch, held)


def code_line_of(node: Node) -> CodeLine | None:
    """The line that a node comes from, if it was recorded within `detect_anomaly`.

    >>> from autograd_lite import Tensor, detect_anomaly
    >>> with detect_anomaly():
    ...     y = np.exp(Tensor([1.0], requires_grad=True))
    >>> code_line_of(y).line
    2
    """
    watched = watched_nodes.get(id(node))
    return watched.code_line if watched else None
