"""Ctrl-C at a line of source, by tracing; a second one at a call or return soon after it."""

import signal
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARY = tuple(f"{ROOT / package}/" for package in ("autograd_lite", "nn"))


def places(function, *files):
    """Each line of the library, and of other files, that a function comes to.

    A place is the code, the number of the line, and which time it is come to: the first, or the
    second.
    """
    seen = {}

    def line(frame, event, _):
        if event == "line":
            place = frame.f_code, frame.f_lineno
            seen[place] = seen.get(place, 0) + 1
        return line

    def call(frame, event, _):
        return line if frame.f_code.co_filename.startswith(LIBRARY + files) else None

    sys.settrace(call)
    try:
        function()
    finally:
        sys.settrace(None)
    return [(*place, time) for place, most in seen.items() for time in range(1, min(most, 2) + 1)]


class Interruption:
    """Runs a function with a Ctrl-C at a place, and one more some calls and returns later."""

    def __init__(self, place, again=0):
        self.code, self.line, self.time = place
        self.again = again
        self.came = 0

    def __str__(self):
        file = Path(self.code.co_filename).relative_to(ROOT)
        return f"{file}:{self.line}, time {self.time}, {self.came} came"

    def run(self, function):
        """What the function raised, if anything."""
        with _dropping():
            sys.settrace(self._call)
            if self.again:
                sys.setprofile(self._profile)
            try:
                function()
            except BaseException as error:
                return error
            finally:
                sys.settrace(None)
                sys.setprofile(None)
        return None

    def _call(self, frame, event, _):
        return self._line if frame.f_code is self.code and not self.came else None

    def _line(self, frame, event, _):
        if event == "line" and frame.f_lineno == self.line and self.time:
            self.time -= 1
            if not self.time:
                self._interrupt()
        return self._line

    def _profile(self, frame, event, _):
        inside = frame.f_code.co_filename.startswith(LIBRARY)
        if self.came == 1 and inside and not _is_dropped(frame):
            self.again -= 1
            if not self.again:
                self._interrupt()

    def is_below(self, function):
        """Whether the last Ctrl-C came in what a function had called."""
        called = self.inside[: self.inside.index(function)] if function in self.inside else []
        return bool(set(called) - {"_line", "_profile", "__init__", "__enter__", "__exit__"})

    def _interrupt(self):
        self.came += 1
        frame, self.inside = sys._getframe(), []
        while frame := frame.f_back:
            self.inside.append(frame.f_code.co_name)
        signal.raise_signal(signal.SIGINT)


@contextmanager
def _dropping():
    """Say nothing of a Ctrl-C that comes while a generator is dropped, where Python ignores it."""
    before = sys.unraisablehook
    sys.unraisablehook = lambda told: told.exc_type is KeyboardInterrupt or before(told)
    try:
        yield
    finally:
        sys.unraisablehook = before


def _is_dropped(frame):
    """Whether Python drops all exceptions there, so that a Ctrl-C is none."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
