"""How terms are written: as NumPy source, as mathematics in plain text, or in LaTeX."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.spellings import Count, Share
from autograd_lite.terms import Term, is_number, shape_of

ATOM, POWER, SIGN, TIGHT, PRODUCT, SUM, AND, OR, COMPARISON, NOTHING = range(10, 0, -1)
"""How tightly something binds: what stands around it decides on parentheses."""

Written = tuple[str, int]


class Source:
    """NumPy source.

    Args:
        names: of terms that have one.
        counts: names of numbers, where something is divided by so many.
    """

    infix: ClassVar[dict[Any, tuple[int, str]]] = {
        np.power: (POWER, " ** "),
        np.multiply: (PRODUCT, " * "),
        np.divide: (PRODUCT, " / "),
        np.matmul: (PRODUCT, " @ "),
        np.floor_divide: (PRODUCT, " // "),
        np.remainder: (PRODUCT, " % "),
        np.add: (SUM, " + "),
        np.subtract: (SUM, " - "),
        np.bitwise_and: (AND, " & "),
        np.bitwise_or: (OR, " | "),
        np.equal: (COMPARISON, " == "),
        np.not_equal: (COMPARISON, " != "),
        np.less: (COMPARISON, " < "),
        np.less_equal: (COMPARISON, " <= "),
        np.greater: (COMPARISON, " > "),
        np.greater_equal: (COMPARISON, " >= "),
    }
    methods: ClassVar[set[Any]] = {
        np.sum,
        np.mean,
        np.prod,
        np.max,
        np.min,
        np.var,
        np.std,
        np.reshape,
        np.squeeze,
        astype,
    }

    def __init__(self, names: Mapping[Term, str], counts: Mapping[int, str] | None = None) -> None:
        self.names = names
        self.counts = counts or {}
        self.forms: dict[Any, Callable[[Term], Written]] = {
            **dict.fromkeys(self.infix, self.between),
            np.negative: self.negative,
            np.invert: self.inverted,
            np.transpose: self.transpose,
            np.shape: self.shape,
            operator.getitem: self.item,
            np.expand_dims: self.expand_dims,
            np.broadcast_to: self.broadcast,
            np.outer: self.outer,
            **dict.fromkeys(self.methods, self.method),
        }

    def operand(self, value: Any, least: int) -> str:
        """A value as text; beside an array a float needs no .0 to be one."""
        if type(value) is np.float32:
            value = float(value)
        text = self.text(value, least)
        return text.removesuffix(".0") if is_number(value) else text

    def text(self, value: Any, least: int = NOTHING) -> str:
        """A value as text, in parentheses if it binds less tightly than what is around it."""
        text, precedence = self.written(value)
        return text if precedence >= least else self.enclosed(text)

    def enclosed(self, text: str) -> str:
        """Text in parentheses."""
        return f"({text})"

    def written(self, value: Any) -> Written:
        """A value as text, and how tightly it binds."""
        if not isinstance(value, Term):
            return self.plain(value)
        if value in self.names:
            return self.name(self.names[value]), ATOM
        return self.computed(value)

    def computed(self, term: Term) -> Written:
        """A term without its name."""
        if term.function is None:
            return self.array(term.arguments[0]), ATOM
        return self.forms.get(term.function, self.call)(term)

    def line(self, name: str, term: Any) -> str:
        """What stands at the right of a name."""
        own = isinstance(term, Term) and self.names.get(term) == name
        return self.computed(term)[0] if own else self.text(term)

    def name(self, name: str) -> str:
        """A name as it is written."""
        return name

    # Calls

    def call(self, term: Term) -> Written:
        """A function of its arguments."""
        inside = self.listed(term.arguments, term.keywords)
        return f"{full_name(term.function)}({inside})", ATOM

    def method(self, term: Term) -> Written:
        """A method of the first argument."""
        function: Any = term.function
        others = term.arguments[1:]
        if is_number(term.arguments[0]):
            return self.call(term)
        if function is np.reshape and type(others[0]) is tuple and others[0]:
            others = (*others[0], *others[1:])
        inside = self.listed(others, term.keywords)
        return f"{self.text(term.arguments[0], ATOM)}.{function.__name__}({inside})", ATOM

    def listed(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> str:
        """Arguments between commas."""
        named = [f"{name}={self.text(value)}" for name, value in keywords.items()]
        return ", ".join([*map(self.text, arguments), *named])

    def between(self, term: Term) -> Written:
        """An operator between two operands."""
        precedence, symbol = self.infix[term.function]
        left, right = self.ordered(term)
        if term.function is np.power:
            return f"{self.operand(left, ATOM)}{symbol}{self.operand(right, SIGN)}", precedence
        left, right = self.operand(left, precedence), self.operand(right, precedence + 1)
        return f"{left}{symbol}{right}", precedence

    def ordered(self, term: Term) -> tuple[Any, ...]:
        """The operands; numbers stand at the left of a product."""
        left, right = term.arguments
        if term.function is np.multiply and is_number(right) and not is_number(left):
            return right, left
        return left, right

    def negative(self, term: Term) -> Written:
        """-x, without parentheses around a product."""
        text, precedence = self.written(term.arguments[0])
        if precedence < PRODUCT:
            return f"-{self.enclosed(text)}", SIGN
        return f"-{text}", min(precedence, SIGN)

    def inverted(self, term: Term) -> Written:
        """~x."""
        return f"~{self.text(term.arguments[0], ATOM)}", SIGN

    def transpose(self, term: Term) -> Written:
        """x.T, unless axes are named."""
        if len(term.arguments) > 1:
            return self.call(term)
        return f"{self.text(term.arguments[0], ATOM)}.T", ATOM

    def shape(self, term: Term) -> Written:
        """x.shape."""
        return f"{self.text(term.arguments[0], ATOM)}.shape", ATOM

    def item(self, term: Term) -> Written:
        """x[index]."""
        base, index = term.arguments
        if isinstance(index, tuple) and len(index) == 1:
            index = index[0]
        return f"{self.text(base, ATOM)}[{self.index(index)}]", ATOM

    def expand_dims(self, term: Term) -> Written:
        """x[:, None]."""
        x, axes = term.arguments
        axes = {axis % len(term.shape) for axis in (axes if isinstance(axes, tuple) else (axes,))}
        parts = ["None" if i in axes else ":" for i in range(max(axes, default=0) + 1)]
        return f"{self.text(x, ATOM)}[{', '.join(parts)}]", ATOM

    def broadcast(self, term: Term) -> Written:
        """A number in the shape of an array."""
        x, target = term.arguments
        if shape_of(x) != ():
            return self.call(term)
        like, what, dtype = "", self.text(target), ""
        if isinstance(target, Term):
            like, what = "_like", self.text(target.arguments[0])
        elif type(x) is np.float32:
            dtype = ", np.float32"
        if is_number(x) and x in (0, 1):
            return f"np.{'ones' if x else 'zeros'}{like}({what}{dtype})", ATOM
        return f"np.full{like}({what}, {self.text(x)})", ATOM

    def outer(self, term: Term) -> Written:
        """The product of a column and a row."""
        return self.call(term)

    # Plain values

    def plain(self, value: Any) -> Written:
        """A value that is no term."""
        if is_number(value):
            return self.number(value)
        if isinstance(value, slice) or (
            type(value) is tuple and any(isinstance(part, slice) for part in value)
        ):
            return f"np.s_[{self.index(value)}]", ATOM
        if isinstance(value, tuple):
            inside = ", ".join(map(self.text, value))
            return f"({inside},)" if len(value) == 1 else f"({inside})", ATOM
        if isinstance(value, list):
            return f"[{', '.join(map(self.text, value))}]", ATOM
        if isinstance(value, np.dtype):
            return f"np.{value.name}", ATOM
        return "..." if value is Ellipsis else repr(value), ATOM

    def number(self, value: Any) -> Written:
        """A number, as short as can be."""
        if isinstance(value, Share):
            return f"1 / {self.text(Count(value.count))}", PRODUCT
        if isinstance(value, Count):
            return self.counts.get(value, str(int(value))), ATOM
        text = repr(value)
        if type(value) is float:
            text = re.sub("inf|nan", r"np.\g<0>", text.replace("e-0", "e-"))
        return text, SIGN if text.startswith("-") else ATOM

    def index(self, value: Any) -> str:
        """What stands between the brackets of an index."""
        if isinstance(value, tuple):
            return ", ".join(map(self.index, value)) + ("," if len(value) == 1 else "") or "()"
        if isinstance(value, slice):
            parts = [value.start, value.stop, *([] if value.step is None else [value.step])]
            return ":".join("" if part is None else self.text(part) for part in parts)
        return self.text(value)

    def array(self, array: Any) -> str:
        """A plain array without a name: how it is made, if NumPy has a word, else its entries."""
        entries = re.sub(r"\b(inf|nan)\b", r"np.\1", repr(array.tolist()))
        usual = array.dtype in (float, int, bool)
        return _made(array) or f"np.array({entries}{'' if usual else f', np.{array.dtype}'})"


LITERAL_SIZE = 6


def is_short(array: Any) -> bool:
    """Whether an array without a name is written out; otherwise it has to be given.

    >>> is_short(np.eye(100)), is_short(np.array([3.0, 1.0])), is_short(np.array([3.0, 1.0] * 9))
    (True, True, False)
    """
    return array.size <= LITERAL_SIZE or _made(array) is not None


def _made(array: Any) -> str | None:
    """The call that makes an array of few different entries."""
    dtype = "" if array.dtype == float else f", dtype=np.{array.dtype}"
    if array.ndim == 1 and array.dtype == int and np.array_equal(array, range(len(array))):
        return f"np.arange({len(array)})"
    if array.ndim == 2 and np.array_equal(array, np.eye(len(array))):
        return f"np.eye({len(array)}{dtype})"
    if not array.size or (array == 0).all():
        return f"np.zeros({array.shape}{dtype})"
    return f"np.ones({array.shape}{dtype})" if (array == 1).all() else None


class Mathematics(Source):
    """Mathematics in plain text: ᵀ for the transpose, ⊙ for the product entry by entry, Σ."""

    infix: ClassVar[dict[Any, tuple[int, str]]] = {
        **Source.infix,
        np.divide: (PRODUCT, "/"),
        np.multiply: (PRODUCT, " ⊙ "),
        np.matmul: (TIGHT, " "),
    }
    greek: ClassVar[dict[str, str]] = {"gamma": "γ", "beta": "β", "delta": "δ"}
    transposed: ClassVar[str] = "ᵀ"

    def name(self, name: str) -> str:
        """δ1 for delta1, dγ1 for dgamma1."""
        return re.sub("gamma|beta|delta", lambda found: self.greek[found[0]], name)

    def between(self, term: Term) -> Written:
        """An operator between two operands; nothing between a number and what it multiplies."""
        if term.function is np.multiply:
            left, right = self.ordered(term)
            if () in (shape_of(left), shape_of(right)):
                return f"{self.operand(left, TIGHT)} {self.operand(right, TIGHT + 1)}", TIGHT
        if term.function is np.power:
            return self.raised(*term.arguments), POWER
        text, precedence = super().between(term)
        return (f"[{text}]", ATOM) if precedence == COMPARISON else (text, precedence)

    def ordered(self, term: Term) -> tuple[Any, ...]:
        """The operands; numbers and scalars stand at the left of a product."""
        left, right = super().ordered(term)
        if term.function is np.multiply and shape_of(right) == () != shape_of(left):
            return right, left
        return left, right

    def raised(self, base: Any, exponent: Any) -> str:
        """x², or x^p."""
        if isinstance(exponent, int | float) and exponent in range(2, 10):
            return self.text(base, ATOM) + "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(exponent)]
        return f"{self.text(base, ATOM)}^{self.operand(exponent, ATOM)}"

    def call(self, term: Term) -> Written:
        """A function of its arguments; how NumPy is to shape the result goes without saying."""
        function: Any = term.function
        if function is np.absolute:
            return f"|{self.text(term.arguments[0])}|", ATOM
        keywords = {name: term.keywords[name] for name in term.keywords if name != "keepdims"}
        inside = self.listed(term.arguments, keywords)
        return self.function(
            full_name(function).removeprefix("np.").removeprefix("linalg."), inside
        )

    def function(self, name: str, inside: str) -> Written:
        """A function by its name."""
        return f"{name}({inside})", ATOM

    def method(self, term: Term) -> Written:
        """A sum over all entries, or over numbered axes; others as functions."""
        if term.function is not np.sum:
            return self.call(term)
        axis = term.keywords.get("axis", ())
        ndim = len(shape_of(term.arguments[0]))
        axes = [i % ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
        return f"{self.sum(axes)} {self.text(term.arguments[0], TIGHT)}", PRODUCT

    def sum(self, axes: list[int]) -> str:
        """The sign of a sum over axes."""
        return "Σ" + "".join("₀₁₂₃₄₅₆₇₈₉"[axis] for axis in axes)

    def transpose(self, term: Term) -> Written:
        """xᵀ."""
        if len(term.arguments) > 1:
            return self.call(term)
        return f"{self.text(term.arguments[0], ATOM)}{self.transposed}", ATOM

    def outer(self, term: Term) -> Written:
        """x yᵀ."""
        left, right = term.arguments
        text = f"{self.text(left, TIGHT)} {self.text(right, ATOM)}{self.transposed}"
        return text, TIGHT

    def expand_dims(self, term: Term) -> Written:
        """x: axes of length 1 go without saying."""
        return self.written(term.arguments[0])

    def broadcast(self, term: Term) -> Written:
        """x: broadcasting goes without saying."""
        return self.written(term.arguments[0])


class Latex(Mathematics):
    """Mathematics in LaTeX."""

    infix: ClassVar[dict[Any, tuple[int, str]]] = {
        **Mathematics.infix,
        np.multiply: (PRODUCT, r" \odot "),
        np.matmul: (TIGHT, r" \, "),
        np.not_equal: (COMPARISON, r" \ne "),
        np.equal: (COMPARISON, " = "),
        np.less_equal: (COMPARISON, r" \le "),
        np.greater_equal: (COMPARISON, r" \ge "),
        np.bitwise_and: (AND, r" \land "),
        np.bitwise_or: (OR, r" \lor "),
    }
    transposed: ClassVar[str] = r"^{\top}"

    def enclosed(self, text: str) -> str:
        """Text in parentheses of its height."""
        return rf"\left({text}\right)"

    def name(self, name: str) -> str:
        r"""W_{1} for W1, \mathrm{d}W_{1} for dW1."""
        letters, number = name.rstrip("0123456789"), name[len(name.rstrip("0123456789")) :]
        d = r"\mathrm{d}" if letters.startswith("d") and letters not in ("d", "delta") else ""
        letters = letters[1:] if d else letters
        if letters in self.greek:
            letters = f"\\{letters}"
        elif len(letters) > 1:
            letters = rf"\mathrm{{{letters}}}".replace("_", r"\_")
        return d + letters + (f"_{{{number}}}" if number else "")

    def between(self, term: Term) -> Written:
        """An operator between two operands; a fraction for a quotient."""
        if term.function is np.divide:
            above, below = (self.operand(part, NOTHING) for part in term.arguments)
            return rf"\frac{{{above}}}{{{below}}}", TIGHT
        return super().between(term)

    def number(self, value: Any) -> Written:
        """A number; 1e-8 is a power of ten."""
        text, precedence = super().number(value)
        digits, e, power = text.partition("e")
        if not e:
            return text, precedence
        tens = f"10^{{{int(power)}}}"
        return (tens, POWER) if digits == "1" else (rf"{digits} \cdot {tens}", TIGHT)

    def raised(self, base: Any, exponent: Any) -> str:
        """x^{p}."""
        return f"{self.text(base, ATOM)}^{{{self.operand(exponent, NOTHING)}}}"

    def function(self, name: str, inside: str) -> Written:
        """A function by its name."""
        known = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "det")
        shown = f"\\{name}" if name in known else rf"\operatorname{{{name}}}".replace("_", r"\_")
        return rf"{shown}\left({inside}\right)", ATOM

    def sum(self, axes: list[int]) -> str:
        """The sign of a sum over axes."""
        return r"\sum" + (f"_{{{', '.join(map(str, axes))}}}" if axes else "")


def full_name(function: Any) -> str:
    """np.tanh, np.linalg.inv; and a function of the project, or the user's, by its own name."""
    module = getattr(function, "__module__", None) or "numpy"
    name = "abs" if function is np.absolute else function.__name__
    return f"{module.replace('numpy', 'np', 1)}.{name}" if module.startswith("numpy") else name
