"""Terms written as NumPy source; and how long they are to a reader, who wants lines and names."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.program.program import Step, steps_in
from autograd_lite.table import traits_of
from autograd_lite.textbook.spellings import Count, Share
from autograd_lite.textbook.terms import REDUCTIONS, is_number, several, shape_of

ATOM, POWER, SIGN, TIGHT, PRODUCT, SUM, AND, OR, COMPARISON, NOTHING = range(10, 0, -1)
"""How tightly something binds: what stands around it decides on parentheses."""

Written = tuple[str, int]


class NumpySource:
    """NumPy source, with names for terms, and for numbers where something is divided by so many."""

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
    around: ClassVar[dict[Any, tuple[str, str, int]]] = {
        np.invert: ("~", "", SIGN),
        np.transpose: ("", ".T", ATOM),
        np.shape: ("", ".shape", ATOM),
    }
    forms: ClassVar[dict[Any, str]] = {
        **dict.fromkeys(infix, "between"),
        **dict.fromkeys(around, "wrapped"),
        **dict.fromkeys((*REDUCTIONS, np.reshape, np.squeeze, astype), "method"),
        np.negative: "negative",
        operator.getitem: "item",
        np.expand_dims: "expand_dims",
        np.broadcast_to: "broadcast",
    }
    """The methods that write calls; `call` does all others."""

    def __init__(self, names: Mapping[Step, str], counts: Mapping[int, str] | None = None) -> None:
        self.names = names
        self.counts = counts or {}

    def operand(self, value: Any, least: int) -> str:
        """A value as text; beside an array a float needs no .0 to be one."""
        if type(value) is Step:
            return self.text(value, least)
        text = self.text(float(value) if type(value) is np.float32 else value, least)
        return text.removesuffix(".0") if is_number(value) else text

    def text(self, value: Any, least: int = NOTHING) -> str:
        """A value as text, in parentheses if it binds less tightly than what is around it."""
        if type(value) is Step and value in self.names:
            return self.name(self.names[value])
        text, precedence = self.written(value)
        return text if precedence >= least else self.enclosed(text)

    def enclosed(self, text: str) -> str:
        return f"({text})"

    def written(self, value: Any) -> Written:
        """A value as text, and how tightly it binds."""
        if type(value) is not Step:
            return self.plain(value)
        name = self.names.get(value)
        return self.computed(value) if name is None else (self.name(name), ATOM)

    def computed(self, term: Step) -> Written:
        if term.function is None:
            return self.array(term.arguments[0]), ATOM
        written: Written = getattr(self, self.forms.get(term.function, "call"))(term)
        return written

    def line(self, name: str, term: Any) -> str:
        own = isinstance(term, Step) and self.names.get(term) == name
        return self.computed(term)[0] if own else self.text(term)

    def name(self, name: str) -> str:
        return name

    def call(self, term: Step) -> Written:
        inside = self.listed(term.arguments, term.keywords)
        return f"{full_name(term.function)}({inside})", ATOM

    def method(self, term: Step) -> Written:
        function, others = term.function, term.arguments[1:]
        if is_number(term.arguments[0]):
            return self.call(term)
        if function is np.reshape and type(others[0]) is tuple and others[0]:
            others = (*others[0], *others[1:])
        inside = self.listed(others, term.keywords)
        return f"{self.text(term.arguments[0], ATOM)}.{function.__name__}({inside})", ATOM

    def listed(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> str:
        named = [f"{name}={self.text(value)}" for name, value in keywords.items()]
        return ", ".join([*map(self.text, arguments), *named])

    def between(self, term: Step) -> Written:
        precedence, symbol = self.infix[term.function]
        left, right = self.ordered(term)
        if term.function is np.power:
            return f"{self.operand(left, ATOM)}{symbol}{self.operand(right, SIGN)}", precedence
        # Numbers alone keep their dtype.
        write = self.operand if Step in (type(left), type(right)) else self.text
        left, right = write(left, precedence), write(right, precedence + 1)
        if precedence == SUM and right.startswith("-"):  # a - (-2 b) is a + 2 b
            symbol, right = " - " if term.function is np.add else " + ", right[1:]
        return f"{left}{symbol}{right}", precedence

    def ordered(self, term: Step) -> tuple[Any, ...]:
        """The operands; numbers stand at the left of a product."""
        left, right = term.arguments
        if term.function is np.multiply and is_number(right) and not is_number(left):
            return right, left
        return left, right

    def negative(self, term: Step) -> Written:
        """-x, without parentheses around a product."""
        text, precedence = self.written(term.arguments[0])
        if precedence < PRODUCT:
            return f"-{self.enclosed(text)}", SIGN
        return f"-{text}", min(precedence, SIGN)

    def wrapped(self, term: Step) -> Written:
        """~x, x.T, x.shape; a function of more than that is called."""
        if len(term.arguments) > 1:
            return self.call(term)
        before, behind, precedence = self.around[term.function]
        return f"{before}{self.text(term.arguments[0], ATOM)}{behind}", precedence

    def item(self, term: Step) -> Written:
        """x[index]."""
        base, index = term.arguments
        if isinstance(index, tuple) and len(index) == 1:
            index = index[0]
        return f"{self.text(base, ATOM)}[{self.index(index)}]", ATOM

    def expand_dims(self, term: Step) -> Written:
        """x[:, None]."""
        x, axes = term.arguments
        axes = {axis % len(term.shape) for axis in several(axes)}
        parts = ["None" if i in axes else ":" for i in range(max(axes, default=0) + 1)]
        return f"{self.text(x, ATOM)}[{', '.join(parts)}]", ATOM

    def broadcast(self, term: Step) -> Written:
        """A number in the shape of an array."""
        x, target = term.arguments
        if shape_of(x) != ():
            return self.call(term)
        like, what, dtype = "", self.text(target), ""
        if isinstance(target, Step):
            like, what = "_like", self.text(target.arguments[0])
        elif type(x) is np.float32:
            dtype = ", np.float32"
        if is_number(x) and x in (0, 1):
            return f"np.{'ones' if x else 'zeros'}{like}({what}{dtype})", ATOM
        return f"np.full{like}({what}, {self.text(x)})", ATOM

    def plain(self, value: Any) -> Written:
        if is_number(value):
            return self.number(value)
        parts = value if type(value) is tuple else (value,)
        if any(isinstance(part, slice) for part in parts):
            return f"np.s_[{self.index(value)}]", ATOM
        if isinstance(value, tuple):
            inside = ", ".join(map(self.text, value))
            return f"({inside},)" if len(value) == 1 else f"({inside})", ATOM
        if isinstance(value, list):
            return f"[{', '.join(map(self.text, value))}]", ATOM
        if isinstance(value, np.dtype | type):
            return f"np.{np.dtype(value).name}", ATOM
        return "..." if value is Ellipsis else repr(value), ATOM

    def number(self, value: Any) -> Written:
        if isinstance(value, Share):
            return f"1 / {self.text(Count(value.count))}", PRODUCT
        if isinstance(value, Count):
            return self.counts.get(value, str(int(value))), ATOM
        text = repr(value)
        if type(value) is float:
            is_finite = math.isfinite(value)
            text = text.replace("e-0", "e-") if is_finite else re.sub("(inf|nan)", r"np.\1", text)
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
        return _made(array) or _literal(array)


def is_short(array: Any) -> bool:
    """Whether an array without a name is written out; otherwise it has to be given."""
    return is_made(array) or (array.size <= 20 and len(_literal(array)) <= 40)


def is_made(array: Any) -> bool:
    """Whether NumPy has a word for an array: ones, zeros, eye or arange."""
    return _made(array) is not None


def _literal(array: Any) -> str:
    """An array entry by entry."""
    entries = re.sub(r"\b(inf|nan)\b", r"np.\1", repr(array.tolist()))
    usual = array.dtype in (float, int, bool)
    return f"np.array({entries})" if usual else f"np.array({entries}, np.{array.dtype})"


def _made(array: Any) -> str | None:
    """The call that makes an array of few different entries."""
    dtype = "" if array.dtype == float else f", dtype=np.{array.dtype}"
    if array.ndim == 1 and array.dtype == int and np.array_equal(array, range(len(array))):
        return f"np.arange({len(array)})"
    if array.ndim == 2 and np.array_equal(array, np.eye(len(array))):
        return f"np.eye({len(array)}{dtype})"
    for number, name in enumerate(("zeros", "ones")):
        if (array == number).all():
            return f"np.{name}({array.shape}{dtype})"
    return None


def full_name(function: Any) -> str:
    """np.tanh, np.linalg.inv, np.add.outer; functions of others by their own names."""
    if function is np.absolute:
        return "np.abs"
    name: str = function.__name__
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{full_name(owner)}.{name}"
    module = getattr(function, "__module__", None) or ""
    if getattr(np, name, None) is function:
        return f"np.{name}"
    return f"np{module.removeprefix('numpy')}.{name}" if module.startswith("numpy") else name


# How long terms are to a reader

SHORT, LONG, LONG_LOSS = 2, 8, 12
"""A cotangent of at most so many operations is written where it is used, if that is one place;
anything of more gets a line, and a part of the loss later."""


def needs_line(term: Step, weight: int, uses: int, longest: int = LONG) -> bool:
    """Whether a term gets a line whether there is a name for it or not."""
    return weight > longest or (uses > 1 and not is_trivial(term, weight))


def weight_of(term: Step) -> int:
    """How much a call, or an array without a name, adds to the length of a line."""
    if is_view(term):
        return int(len(term.arguments) > 1 and term.function in (np.transpose, np.flip, np.reshape))
    return 1 if term.function and traits_of(term.function).elementwise else 2


_VIEWS = {operator.getitem, np.negative, np.shape}


def is_view(term: Step) -> bool:
    """Whether it is written out each time that it is used: an index, or another way to look."""
    function = term.function
    if function is None or function in _VIEWS:
        return function is not None
    return traits_of(function).moves and len(steps_in(term)) == 1


def is_trivial(term: Step, weight: int) -> bool:
    """Whether a person writes it again rather than give it a name: 1 - a, x > 0, -x, x.T."""
    if weight != weight_of(term) or weight > 1:
        return False
    numbers = [x for x in term.arguments if is_number(x) and not isinstance(x, Count)]
    return is_view(term) or (term.function in NumpySource.infix and len(numbers) > 0)
