"""Errors that say what was attempted, why it cannot be, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.linalg import LinAlgError


class AutogradError(Exception):
    """Base of every error that the project raises on purpose.

    Args:
        attempted: the operation, with names and shapes.
        reason: why it cannot be done.
        remedy: what to write instead.

    >>> str(AutogradError("backward() from loss (3,)", "it is not a scalar", "write loss.sum()"))
    'backward() from loss (3,): it is not a scalar. write loss.sum()'
    """

    def __init__(self, attempted: str, reason: str, remedy: str) -> None:
        super().__init__(attempted, reason, remedy)

    def __str__(self) -> str:
        attempted, reason, remedy = self.args
        return f"{attempted}: {reason}. {remedy}"


class ArgumentError(AutogradError, ValueError):
    """An argument of the right type has a value that cannot be used."""


class ShapeError(ArgumentError):
    """Arrays whose shapes do not fit together."""


class LinearAlgebraError(ArgumentError, LinAlgError):
    """A matrix that is singular, not positive definite, or not square."""


class IndexingError(AutogradError, IndexError):
    """An index that lies outside a tensor, or cannot index it."""


class UnsupportedError(AutogradError, TypeError):
    """A function, a type or a dtype that cannot be differentiated."""


class MissingNameError(AutogradError, AttributeError):
    """A name that an object or a module lacks; other libraries often have it."""


class MissingKeyError(AutogradError, KeyError):
    """A figure that a history does not contain."""


class GradientError(AutogradError, RuntimeError):
    """A gradient of something that has none, or backward from it."""


class MutationError(AutogradError, RuntimeError):
    """An array that the record needs was changed, or would be."""


class AnomalyError(AutogradError, FloatingPointError):
    """A value that is not finite was computed inside `detect_anomaly`.

    Attributes:
        operation: the name of the operation that produced it.
        direction: "forward", or "backward" for a gradient.
        entries: the indices of the first such entries of the result or the gradient.
        file: the file of the user's code that ran the operation; None if it is not known.
        line: the line there.
        chain: what the operation was computed from, from itself to a parameter.
    """

    operation: str = ""
    direction: str = ""
    entries: tuple[tuple[int, ...], ...] = ()
    file: str | None = None
    line: int | None = None
    chain: tuple[str, ...] = ()

    def __str__(self) -> str:
        attempted, reason, remedy = self.args
        return f"{attempted}: {reason}\n{remedy}"


class TrainingError(AutogradError, ArithmeticError):
    """Training cannot go on: a loss or a gradient is NaN or infinite.

    Attributes:
        history: the figures of the epochs before, an `nn.History`; None where `nn.fit` did not
            raise it.
    """

    history: Any = None


class GradientCheckError(AutogradError, AssertionError):
    """A derivative disagrees with what it was checked against."""


class MissingPackageError(AutogradError, ImportError):
    """A required package is not installed."""


def own_cause(error: Exception) -> Exception:
    """The error of this library's own that NumPy has put one of its own in front of, or that one.

    It does where an entry of an array is assigned what refuses to become a number.
    """
    cause = error.__cause__
    if not isinstance(cause, AutogradError) or not str(error).startswith("setting an array"):
        return error
    cause.__suppress_context__ = True
    return cause.with_traceback(error.__traceback__)


def reason_of(error: Exception) -> str:
    """Why something could not be, as a reason for an error of what it was done for."""
    return ": ".join(error.args[:2]) if isinstance(error, AutogradError) else repr(error)


@contextmanager
def needed(
    attempted: str, package: str, install: str, kind: type[AutogradError] = MissingPackageError
) -> Iterator[None]:
    """Raise a MissingPackageError, or one of another kind, where an import inside fails."""
    try:
        yield
    except ImportError as error:
        reason, remedy = f"{package} cannot be imported: {error}", f"Run: pip install '{install}'"
        raise kind(attempted, reason, remedy) from error


class CompilerError(AutogradError, RuntimeError):
    """There is no compiler for C, or it fails."""


class FileError(ArgumentError, OSError):
    """A file that cannot be written or read; `errno` is the system's, if it refused."""

    def __new__(cls, *arguments: Any) -> Self:
        """Made as the system's are, whose layout is the wider one."""
        return OSError.__new__(cls, *arguments)

    def __init__(self, attempted: str, reason: str, remedy: str) -> None:
        super().__init__(attempted, reason, remedy)
        self.errno, self.strerror, self.filename = None, reason, None


class MissingFileError(FileError, FileNotFoundError):
    """A file that does not exist, or whose folder does not."""


class FolderError(FileError, IsADirectoryError):
    """A folder where a file is needed."""


class FilePermissionError(FileError, PermissionError):
    """A file that may not be written or read."""


class RenderingError(AutogradError, RuntimeError):
    """A picture could not be drawn."""


def describe(arguments: Iterable[Any], keywords: Mapping[str, Any] | None = None) -> str:
    """The arguments of a call as an error shows them: names and shapes, not contents.

    >>> describe([np.ones((2, 3)), 2.0], {"axis": 0})
    '(array (2, 3), 2.0, axis=0)'
    """
    shown = [describe_one(argument) for argument in arguments]
    shown += [f"{name}={describe_one(value)}" for name, value in (keywords or {}).items()]
    return f"({', '.join(shown)})"


def _short(value: object) -> str:
    try:
        text = str(value) if isinstance(value, np.dtype | np.generic) else repr(value)
    except Exception:  # whatever an object raises that is only to be shown
        text = ""
    return text if 0 < len(text) <= 40 else type(value).__name__


def describe_one(argument: Any) -> str:
    """One argument: `'W1' (2, 3)` for a named tensor, `array (2, 3)` for an array."""
    if isinstance(argument, type):
        return argument.__name__
    if isinstance(argument, int) and argument.bit_length() > 128:
        return f"a whole number of {argument.bit_length()} bits"
    shape = getattr(argument, "shape", None)
    if shape is None or isinstance(argument, np.dtype | np.generic):
        return _short(argument)
    name = getattr(argument, "name", None)
    if isinstance(name, str):
        return f"{name!r} {shape}"
    return f"{'tensor' if hasattr(argument, 'requires_grad') else 'array'} {shape}"
