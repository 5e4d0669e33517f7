"""Terms written as mathematics in LaTeX."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.program.program import Step
from autograd_lite.textbook.mathematics import GREEK, HAT, Mathematics, last_name
from autograd_lite.textbook.numpy_source import (
    AND,
    ATOM,
    COMPARISON,
    NOTHING,
    OR,
    POWER,
    PRODUCT,
    TIGHT,
    NumpySource,
    Written,
)
from autograd_lite.textbook.terms import is_one

SUBSCRIPT = re.compile("([WUVb])([a-z]{1,2})")
"""Weights that are named by what they are between, Wxh."""
NEXT = re.compile("(.+)_(next|before)")
LENGTH = re.compile(r"(\w+)\.(size|shape)(.*)")
"""A count that is named by what it is of."""
OF_GATE = re.compile("(δ)(.+)")
OF_LATEX = {"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "det"}
"""Functions that LaTeX has a command for."""


class Latex(Mathematics):
    """Mathematics in LaTeX."""

    infix: ClassVar[dict[Any, tuple[int, str]]] = {
        **Mathematics.infix,
        np.multiply: (PRODUCT, r" \odot "),
        np.matmul: (TIGHT, r" \, "),
        np.remainder: (PRODUCT, r" \bmod "),
        np.not_equal: (COMPARISON, r" \ne "),
        np.equal: (COMPARISON, " = "),
        np.less_equal: (COMPARISON, r" \le "),
        np.greater_equal: (COMPARISON, r" \ge "),
        np.bitwise_and: (AND, r" \land "),
        np.bitwise_or: (OR, r" \lor "),
    }
    around: ClassVar[dict[Any, tuple[str, str, int]]] = {
        **NumpySource.around,
        np.transpose: ("", r"^{\top}", POWER),
    }

    is_latex = True
    transposed = r"^{\top}"

    def enclosed(self, text: str) -> str:
        return rf"\left({text}\right)"

    def beside(self, text: str) -> str:
        return f"_{{{_upright(text)}}}"

    def name(self, name: str) -> str:
        r"""W_{1} for W1, \mathrm{d}W_{xh} for ∂Wxh, h_{t-1} for h[t-1], \delta_{i} for δi."""
        name, _, index = name.removesuffix("]").partition("[")
        whole = name.removeprefix("∂")
        letters, below = whole.rstrip("0123456789"), list[str]()
        number = whole[len(letters) :]
        letters = letters.removesuffix("_") if number else letters
        for pattern in (NEXT, OF_GATE, SUBSCRIPT):
            if parts := pattern.fullmatch(letters):
                letters, suffix = parts.groups()
                below.insert(0, _upright(suffix) if len(suffix) > 2 else _escaped(suffix))
        known = {"δ": r"\delta", **{name: rf"\{word}" for name, (_, word) in GREEK.items()}}
        if HAT.fullmatch(letters):
            known[letters] = rf"\hat{{{letters[0]}}}"
        elif letters not in known and len(letters) > 1:
            known[letters] = rf"\mathrm{{{_escaped(letters)}}}"
        d = r"\mathrm{d}" if name.startswith("∂") else ""
        subscript = ", ".join(filter(None, (*below, number, index)))
        return d + known.get(letters, letters) + (f"_{{{subscript}}}" if subscript else "")

    def item(self, term: Step) -> Written:
        """X_{t} for X[t]."""
        base, index = term.arguments
        text = self.text(base, ATOM)
        if isinstance(index, Step) and index.shape == () and "_" not in text:
            return f"{text}_{{{self.text(index)}}}", ATOM
        return super().item(term)

    def array(self, array: Any) -> str:
        return re.sub(r"^np\.(\w+)", r"\\operatorname{\1}", super().array(array))

    def quotient(self, above: Any, below: Any) -> Written:
        """A fraction without fractions in it: those above come behind, those below get a slash."""
        if is_one(below):
            return self.written(above)
        over, under = self.operand(above, NOTHING), self.operand(below, NOTHING)
        if r"\frac" in under:
            return super().quotient(above, below)
        if r"\frac" in over:
            return rf"\frac{{1}}{{{under}}} {self.operand(above, TIGHT)}", TIGHT
        return rf"\frac{{{over}}}{{{under}}}", TIGHT

    def root(self, value: Any) -> Written:
        r"""\sqrt{x}."""
        return rf"\sqrt{{{self.operand(value, NOTHING)}}}", ATOM

    def listed(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> str:
        """Arguments; the names of keywords stand upright, as words do."""
        named = [f"{_upright(key)}={self.text(x)}" for key, x in keywords.items()]
        return ", ".join([*map(self.text, arguments), *named])

    def number(self, value: Any) -> Written:
        """A number; 1e-8 is a power of ten, and y.size a function of y."""
        text, precedence = super().number(value)
        if length := LENGTH.fullmatch(text):
            name, function, axis = length.groups()
            return rf"\operatorname{{{function}}}\left({self.name(name)}\right){axis}", ATOM
        parts = re.fullmatch(r"(.*[\d.])e(-?\d+)", text)
        if not parts:
            return text, precedence
        tens = f"10^{{{parts[2]}}}"
        return (tens, POWER) if parts[1] == "1" else (rf"{parts[1]} \cdot {tens}", TIGHT)

    def plain(self, value: Any) -> Written:
        """A constant; words stand upright."""
        text, precedence = super().plain(value)
        if value is None or isinstance(value, str | np.dtype | type):
            text = _upright(text)
        return text, precedence

    def raised(self, base: Any, exponent: Any) -> str:
        """x^{p}."""
        return f"{self.text(base, ATOM)}^{{{self.operand(exponent, NOTHING)}}}"

    def function(self, function: Any, inside: str, windows: str = "") -> Written:
        name = last_name(function)
        shown = rf"\{name}" if name in OF_LATEX else rf"\operatorname{{{_escaped(name)}}}"
        shown = r"\sigma" if function is neural.sigmoid else shown
        shown = r"\Phi" if name == "Φ" else shown
        return rf"{shown}{windows}\left({inside}\right)", ATOM

    def sum(self, axes: tuple[int, ...]) -> str:
        return r"\sum" + (f"_{{{', '.join(map(str, axes))}}}" if axes else "")


def _upright(words: str) -> str:
    return rf"\text{{{_escaped(words)}}}"


def _escaped(text: str) -> str:
    return text.replace("_", r"\_")
