"""One line on the terminal that says how far a training is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Self

from nn.training.history import History


class ProgressBar:
    """A bar of epochs, as a context; where it cannot be written it ends, and nothing else does."""

    def __init__(self, epochs: int, done: int, shown: bool) -> None:
        self._bar: Any = None
        if shown and sys.stderr is not None:
            self._try(lambda: self._open(epochs, done))

    def _open(self, epochs: int, done: int) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(total=epochs)
        self._bar.update(done)

    def _try(self, draw: Callable[[], object]) -> None:
        try:
            draw()
        except Exception:  # of the file that stderr is, or of the widget in a notebook
            if self._bar is not None:
                self._bar.disable = True
            self._bar = None

    def update(self, history: History) -> None:
        """Show that an epoch is done, and its figures."""
        if self._bar is not None:
            self._bar.set_postfix_str(str(history), refresh=False)
            self._try(self._bar.update)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._try(self._bar.close)
