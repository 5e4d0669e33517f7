"""How bad input of a public name is declared: the calls, what they raise, and what is impossible.

A call is a function of a `World`. It has to raise an error of the project's, of the declared kind,
in three parts, which names what was called and the words that are given; and everything in the
world has to be as before. `Spreads` are calls in which NaN goes through, as in NumPy and PyTorch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from world import COMPLEX, NAN, OBJECTS, TEXT

from autograd_lite.errors import ArgumentError, UnsupportedError

KINDS = ("type", "shape", "range", "length", "nan")


@dataclass(frozen=True)
class Bad:
    """A call that is refused."""

    kind: str
    call: Callable[[Any], Any]
    error: type[Exception]
    words: tuple[str, ...]
    given: Callable[[Any], Any] | None
    """What is done to the world before."""
    named: str | None
    """What the error names, where that is not the public name."""
    changes: tuple[str, ...]
    """The parts of the world that may differ afterwards."""


def bad(kind, call, error, *words, given=None, named=None, changes=()):
    assert kind in KINDS
    return Bad(kind, call, error, words, given, named, changes)


@dataclass(frozen=True)
class Spreads:
    """A call with NaN whose result has NaN in it."""

    call: Callable[[Any], Any]
    kind: str = "nan"


@dataclass(frozen=True)
class Declaration:
    """The calls of one public name, and by kind why there can be none."""

    calls: list[Bad | Spreads]
    impossible: dict[str, str] = field(default_factory=dict)


def declare(*calls, **impossible):
    """A declaration of calls, and of lists of them in lists."""
    return Declaration(list(_flat(calls)), impossible)


def _flat(entries):
    for entry in entries:
        if isinstance(entry, list):
            yield from _flat(entry)
        else:
            yield entry


def nothing(reason):
    """The declaration of what takes nothing that could be bad."""
    return Declaration([], dict.fromkeys(KINDS, reason))


def number(name, call, *beyond, error=ArgumentError, named=None, given=None, text="a"):
    """Refusals of a number: text, NaN, and values out of its range; `call(w, value)`."""

    def refusal(kind, value, *words):
        return bad(kind, lambda w: call(w, value), error, *words, named=named, given=given)

    return [
        refusal("type", text, f"{name}={text!r}"),
        refusal("nan", NAN, f"{name}=nan"),
        *(refusal("range", value, f"{name}={value}") for value in beyond),
    ]


def array(call, *, named=None, given=None, text=TEXT):
    """Refusals of what is no array of real numbers; `call(w, values)`."""

    def refusal(values, *words):
        return bad(
            "type", lambda w: call(w, values), UnsupportedError, *words, named=named, given=given
        )

    return [
        refusal("abc", "'abc'"),
        refusal(None, "None"),
        refusal([[1.0, 2.0]], "[[1.0, 2.0]]"),
        refusal(text, str(text.shape)),
        refusal(COMPLEX, "(2, 2)", "complex128"),
        refusal(OBJECTS, "(2, 2)"),
    ]
