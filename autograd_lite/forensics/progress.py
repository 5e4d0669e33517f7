"""One line, on a terminal or in a notebook, that says how long mistakes are looked for already."""

from __future__ import annotations

import sys
from typing import Any

DELAY = 1.0
"""Seconds that a search takes before it says anything."""


class ProgressLine:
    """A line of seconds used up; where it cannot be written it ends, and nothing else does."""

    def __init__(self, seconds: float) -> None:
        self._bar: Any = None
        is_terminal = getattr(sys.stderr, "isatty", bool)()
        if is_terminal or (sys.stderr is not None and "ipykernel" in sys.modules):
            from tqdm.auto import tqdm

            shape = "compare_gradients looks for the mistake: {n:.1f} of {total:.1f} s"
            self._bar = tqdm(total=seconds, delay=DELAY, leave=False, bar_format=shape)

    def update(self, seconds: float) -> None:
        """Show how many seconds are used up."""
        try:
            if self._bar is not None:
                self._bar.update(seconds - self._bar.n)
        except Exception:  # of the file that stderr is, or of the widget in a notebook
            self._bar = None

    def close(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
