"""Ctrl-C waits until what must be whole is whole."""

from __future__ import annotations

# What `signal` wraps: to look for enumerations takes that longer than a layer takes.
import _signal
import sys
from collections import deque
from collections.abc import Callable, Iterable
from itertools import starmap
from operator import call
from typing import Any, ClassVar


def at_once(calls: Iterable[tuple[Any, ...]]) -> None:
    """Call functions of C with their arguments: Python looks for signals only after all of them.

    >>> from operator import setitem
    >>> values = [1, 2]
    >>> at_once([(setitem, values, 0, 3), (setitem, values, 1, 4)])
    >>> values
    [3, 4]
    """
    deque(starmap(call, calls), 0)


class _Waiting:
    """Takes the place of a handler of Ctrl-C, and calls it when nothing has to be whole."""

    current: ClassVar[_Waiting | None] = None
    """What is in that place now, as asking for it takes longer than a layer."""

    def __init__(self, before: Callable[[int, Any], object]) -> None:
        self.before = self.action = before
        self.opened = False
        self.came = self.number = 0

    def __call__(self, number: int, frame: object) -> None:
        self.number = number
        self.came += 1
        if self.opened:
            self.deliver()

    def deliver(self) -> None:
        """Interrupt once for each Ctrl-C that came, until one raises."""
        while self.came:
            self.came -= 1
            self.opened = False  # what is put back after an interruption is not interrupted
            self.action(self.number, sys._getframe())
            self.opened = True


class whole:  # noqa: N801 - used like no_grad
    """Have Ctrl-C wait until the end of this context, or until a part of it that is `opened`.

    It costs about as much as two calls of the system, and nothing inside of another one. Where
    threads other than the main one enter it, to which Python gives no signals, it does nothing.

    >>> with whole() as region:
    ...     before = {"weight": 1.0}
    ...     try:
    ...         with region.opened():
    ...             pass  # here Ctrl-C raises KeyboardInterrupt
    ...     finally:
    ...         model = before  # whatever happened, this is done
    """

    _handler: _Waiting | None = None

    def __init__(self) -> None:
        self._outer = True
        """Whether Ctrl-C interrupts what is outside."""
        self._outermost = False

    def __enter__(self) -> whole:
        import threading

        if threading.current_thread() is not threading.main_thread():
            return self
        if _Waiting.current is not None:
            self._handler, self._outer = _Waiting.current, _Waiting.current.opened
            _Waiting.current.opened = False
        elif callable(found := _signal.getsignal(_signal.SIGINT)):
            self._handler, self._outermost = _Waiting(found), True
            _signal.signal(_signal.SIGINT, self._handler)
            _Waiting.current = self._handler
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        handler = self._handler
        if handler is None:
            return
        if self._outermost:
            _Waiting.current = None
            _signal.signal(_signal.SIGINT, handler.before)
        handler.opened, self._handler = self._outer, None
        if self._outer and not (kind and issubclass(kind, KeyboardInterrupt)):
            handler.deliver()

    def __del__(self) -> None:
        # Another signal's handler can raise before `__exit__` begins, where Ctrl-C cannot.
        if self._handler is not None:
            self.__exit__(KeyboardInterrupt)

    def opened(self) -> _Opened:
        """A context in which Ctrl-C interrupts, if it does outside.

        After it has, it waits again.
        """
        return _Opened(self._handler if self._outer else None)

    def instead(self, action: Callable[[], object]) -> None:
        """Call this where KeyboardInterrupt would be raised, unless Ctrl-C does something else."""
        handler = self._handler
        if self._outermost and handler and handler.before is _signal.default_int_handler:
            handler.action = lambda number, frame: action()


class _Opened:
    def __init__(self, handler: _Waiting | None) -> None:
        self._handler = handler

    def __enter__(self) -> None:
        if self._handler:
            self._handler.opened = True
            self._handler.deliver()

    def __exit__(self, *exception: object) -> None:
        if self._handler:
            self._handler.opened = False
