"""How far a training is, where somebody looks."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping
from typing import Any, Self

from autograd_lite.arguments import COUNT, WHOLE, Range, optional, require
from autograd_lite.names import explains_keywords

SHOWN = Range(
    lambda x: isinstance(x, bool) or (isinstance(x, str) and x == "auto"), 'True, False or "auto"'
)


class ProgressBar:
    """Show how far a loop over epochs is, as a context; it ends quietly if it cannot write.

    On a terminal it is one updated line with the time left, in a notebook a widget; in a file or a
    pipe it is one line per epoch.

    Args:
        epochs: how many there are in all.
        batches: how many there are per epoch; None if unknown, or if `step` is not called.
        done: how many epochs are already done.
        shown: whether to show it; "auto" does, except in tests that pytest runs.

    Raises:
        ArgumentError: an argument is out of its range.

    >>> from nn import History
    >>> history = History()
    >>> with ProgressBar(epochs=2, batches=3, shown=False) as bar:
    ...     for epoch in range(2):
    ...         for batch in range(3):
    ...             bar.step()
    ...         history.record(loss=1.0 / (epoch + 1))
    ...         bar.update(history)
    """

    @explains_keywords
    def __init__(
        self,
        epochs: int,
        batches: int | None = None,
        *,
        done: int = 0,
        shown: bool | str = "auto",
    ) -> None:
        require(self, "epochs", epochs, COUNT)
        require(self, "batches", batches, optional(COUNT))
        require(self, "done", done, WHOLE)
        require(self, "shown", shown, SHOWN)
        self._epochs, self._batches, self._done = int(epochs), batches, int(done)
        self._bar: Any = None
        self._is_shown = shown is True or (shown == "auto" and not _in_tests())
        self._is_shown = self._is_shown and sys.stderr is not None
        self._lines = self._is_shown and _is_file(sys.stderr) and not _in_notebook()
        if self._is_shown and not self._lines:
            self._try(self._open)

    def _open(self) -> None:
        from tqdm.auto import tqdm

        size = self._batches or 1
        self._bar = tqdm(total=self._epochs * size, unit="batch" if self._batches else "epoch")
        self._bar.set_description_str(self._place(), refresh=False)
        self._bar.update(self._done * size)

    def _place(self) -> str:
        return f"epoch {min(self._done + 1, self._epochs)}/{self._epochs}"

    def _try(self, draw: Callable[[], object]) -> None:
        try:
            draw()
        except Exception:  # of the file that stderr is, or of the widget in a notebook
            if self._bar is not None:
                self._bar.disable = True
            self._bar, self._lines, self._is_shown = None, False, False

    def step(self) -> None:
        """Show that a batch is done."""
        if self._bar is not None and self._batches is not None:
            self._try(self._bar.update)

    def update(self, history: Mapping[str, Any]) -> None:
        """Show that an epoch is done, with its figures."""
        self._done += 1
        if self._lines:
            self.say(f"epoch {self._done}/{self._epochs}: {history}")
        elif self._bar is not None:
            self._try(lambda: self._move(str(history)))

    def _move(self, figures: str) -> None:
        self._bar.set_description_str(self._place(), refresh=False)
        self._bar.set_postfix_str(figures, refresh=False)
        self._bar.update(self._done * (self._batches or 1) - self._bar.n)

    def say(self, text: str) -> None:
        """Write a line."""
        if self._is_shown:
            self._try(lambda: self._write(text))

    def _write(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._try(self._bar.close)


def _in_tests() -> bool:
    return "pytest" in sys.modules and "PYTEST_CURRENT_TEST" in os.environ


def _in_notebook() -> bool:
    """Whether cells are what shows output; IPython is not imported for that."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return ask is not None and getattr(ask(), "kernel", None) is not None


def _is_file(stream: Any) -> bool:
    """Whether a stream goes to a file or a pipe; one in memory, or a terminal, does not."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
        return not stream.isatty() and not stat.S_ISCHR(mode)
    except (OSError, ValueError, AttributeError, TypeError):
        return False
