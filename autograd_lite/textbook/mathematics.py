"""Terms written as mathematics: in plain text, or in LaTeX."""

from __future__ import annotations

import inspect
import itertools
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.derivatives.pooling import (
    RESAMPLED,
    at_maxima,
    average_pool,
    interpolate_linear,
    max_pool,
    to_maxima,
    transposed_resampling,
)
from autograd_lite.derivatives.windows import Borders, Lengths
from autograd_lite.program.program import Step, steps_in
from autograd_lite.table import traits_of
from autograd_lite.textbook.fractions import fraction, has_share
from autograd_lite.textbook.numpy_source import (
    ATOM,
    COMPARISON,
    POWER,
    PRODUCT,
    SIGN,
    TIGHT,
    NumpySource,
    Written,
    full_name,
)
from autograd_lite.textbook.slopes import input_of
from autograd_lite.textbook.terms import is_call, is_number, is_one, several, shape_of

GREEK = {
    **{"alpha": ("α", "alpha"), "beta": ("β", "beta"), "gamma": ("γ", "gamma")},
    **{"sigma": ("σ", "sigma"), "tau": ("τ", "tau"), "phi": ("φ", "phi")},
    **{"omega": ("ω", "omega"), "eta": ("η", "eta"), "psi": ("ψ", "psi")},
    **{"theta": ("θ", "theta"), "mu": ("μ", "mu"), "lam": ("λ", "lambda")},
    **dict.fromkeys(("eps", "epsilon", "EPS", "EPSILON"), ("ε", "varepsilon")),
}
"""Names that are written as a letter, also with a number behind; δ stands for a cotangent."""
ROOTS = {math.sqrt(n): n for n in range(2, 1025) if math.isqrt(n) ** 2 != n}
"""Of what a number is the square root."""
OF_PI = {
    math.pi: ("π", r"\pi", ATOM),
    2 * math.pi: ("2π", r"2 \pi", PRODUCT),
    math.sqrt(math.pi): ("√π", r"\sqrt{\pi}", ATOM),
    math.sqrt(2 * math.pi): ("√(2π)", r"\sqrt{2 \pi}", ATOM),
    math.sqrt(2 / math.pi): ("√(2/π)", r"\sqrt{2 / \pi}", ATOM),
    0.5 * math.log(2 * math.pi): ("log(2π)/2", r"\frac{1}{2} \log\left(2 \pi\right)", PRODUCT),
    math.log(2 * math.pi): ("log(2π)", r"\log\left(2 \pi\right)", ATOM),
}
"""Numbers of π, in text and in LaTeX, and how tightly these bind."""
DIGITS = 12
"""So many are too many to be read."""
NAMES = {"maximum": "max", "minimum": "min", "normal_cdf": "Φ"}
"""What mathematics calls functions."""
HAT = re.compile("[A-Za-z]_?hat")
NUMBERED = re.compile(r"(.*)\[(\d+)\](.*)")


def last_name(function: Any) -> str:
    """The name of a function without that of its module."""
    name = full_name(function).rpartition(".")[2]
    return NAMES.get(name, name)


def windows_of(function: Any, how: Sequence[Any]) -> str:
    """The windows or lengths that a function is given, as layers are given them."""
    if function is average_pool:
        kernel, strides, borders, counted = how
        words = _placed(kernel, strides, borders, (1,) * len(kernel))
        left_out = any(width > own for (width, _), (own, _) in zip(borders, counted))
        return f"{words}, count_include_pad=False" if left_out else words
    if function in RESAMPLED.values():
        corners = function is interpolate_linear and how[2]
        return f"{_once(how[0])}{', align_corners=True' * corners}"
    kernel, placed = how
    return _placed(kernel, *placed)


def _placed(kernel: Lengths, strides: Lengths, borders: Borders, dilations: Lengths) -> str:
    widths = tuple(before if before == behind else (before, behind) for before, behind in borders)
    shown = {"stride": strides, "padding": widths, "dilation": dilations}
    usual = {"stride": kernel, "padding": (0,) * len(kernel), "dilation": (1,) * len(kernel)}
    words = [f"{key}={_once(value)}" for key, value in shown.items() if value != usual[key]]
    return ", ".join([f"{_once(kernel)}", *words])


def _once(values: tuple[Any, ...]) -> Any:
    """One for each axis, or the one that they are."""
    return values[0] if len(set(values)) == 1 else values


def shortened(texts: Sequence[str]) -> list[str]:
    """Texts; of more than three that are numbered one after another the first and the last.

    >>> shortened(["a", "h[4]", "h[3]", "h[2]", "h[1]", "b[1]"])
    ['a', 'h[4]', '...', 'h[1]', 'b[1]']
    """
    found: list[str] = []
    while texts:
        run = texts[: max(_length_of_run(texts, step) for step in (1, -1))]
        texts = texts[len(run) :]
        found += [run[0], "...", run[-1]] if len(run) > 3 else run
    return found


def _length_of_run(texts: Sequence[str], step: int) -> int:
    """How many texts from the first one on are numbered one after another, and alike besides."""
    first = NUMBERED.fullmatch(texts[0])
    if not first:
        return 1
    before, number, behind = first.groups()
    run = (f"{before}[{n}]{behind}" for n in itertools.count(int(number), step))
    return len([*itertools.takewhile(lambda pair: pair[0] == pair[1], zip(texts, run))])


class Mathematics(NumpySource):
    """Mathematics in plain text: ᵀ for the transpose, ⊙ for the product entry by entry, Σ.

    Names of cotangents begin with ∂, which is written as d, or are δ and a number.
    """

    infix: ClassVar[dict[Any, tuple[int, str]]] = {
        **NumpySource.infix,
        np.divide: (PRODUCT, "/"),
        np.multiply: (PRODUCT, " ⊙ "),
        np.matmul: (TIGHT, " "),
    }
    around: ClassVar[dict[Any, tuple[str, str, int]]] = {
        **NumpySource.around,
        np.transpose: ("", "ᵀ", POWER),
    }

    is_latex = False
    transposed: ClassVar[str] = "ᵀ"

    forms: ClassVar[dict[Any, str]] = {
        **NumpySource.forms,
        np.outer: "outer",
        np.matmul: "matrix_product",
        np.where: "choice",
        # Axes of length 1, and broadcasting, go without saying.
        **dict.fromkeys((np.expand_dims, np.broadcast_to), "inner"),
    }

    def __init__(
        self,
        names: Mapping[Step, str],
        counts: Mapping[int, str],
        constants: Mapping[float, Step] = MappingProxyType({}),
    ) -> None:
        super().__init__(names, counts)
        self.constants = constants
        """What some numbers were computed from."""

    def name(self, name: str) -> str:
        """dβ1 for ∂beta1, ŷ for y_hat; an index stays."""
        name, bracket, index = name.partition("[")
        whole = name.removeprefix("∂")
        letters = whole.rstrip("0123456789")
        shown = GREEK.get(letters, (letters,))[0]
        if HAT.fullmatch(letters):
            shown = unicodedata.normalize("NFC", f"{letters[0]}\N{COMBINING CIRCUMFLEX ACCENT}")
        shown += whole[len(letters) :]
        shown += bracket + index
        return shown if whole == name else f"d{shown}"

    def line(self, name: str, term: Any) -> str:
        """What stands at the right of a name; that functions are NumPy's goes without saying."""
        return super().line(name, term).replace("np.", "")

    def plain(self, value: Any) -> Written:
        if isinstance(value, list):
            return f"[{', '.join(shortened([*map(self.text, value)]))}]", ATOM
        text, precedence = super().plain(value)
        return text.removeprefix("np.s_"), precedence

    def number(self, value: Any) -> Written:
        """A number, what it is of π or the root of, or what it was computed from."""
        if type(value) is float and value in self.constants:
            return self.written(self.constants[value])
        if type(value) is not float:
            return super().number(value)
        if value in OF_PI:
            *texts, precedence = OF_PI[value]
            return texts[self.is_latex], precedence
        if value in ROOTS:
            return self.root(ROOTS[value])
        return self.ratio(value) or super().number(int(value) if value % 1 == 0 else value)

    def ratio(self, value: float) -> Written | None:
        """p/q for a number of many digits that it is, such as 1/6."""
        if not math.isfinite(value) or len(repr(value)) < DIGITS:
            return None
        ratio = Fraction(value).limit_denominator(1000)
        if float(ratio) != value:
            return None
        return self.quotient(*ratio.as_integer_ratio())

    def between(self, term: Step) -> Written:
        """An operator between two operands; nothing between a number and what it multiplies."""
        if term.function is np.divide:
            z = input_of(term, neural.sigmoid)
            parts = (*term.arguments, *steps_in(term.arguments[1])) if z is not None else ()
            if parts and not any(isinstance(x, Step) and x in self.names for x in parts):
                return self.function(neural.sigmoid, self.text(z))
            return self.quotient(*fraction(term, self.names, self.counts))
        if term.function is np.multiply:
            return self.product(term)
        if term.function is np.power:
            return self.raised(*term.arguments), POWER
        text, precedence = super().between(term)
        return (f"[{text}]", ATOM) if precedence == COMPARISON else (text, precedence)

    def product(self, term: Step) -> Written:
        """x², a x without a sign where one of them is a number, or x ⊙ y."""
        left, right = self.ordered(term)
        if left is right:
            return self.raised(left, 2), POWER
        if () not in (shape_of(left), shape_of(right)):
            return super().between(term)
        if has_share(term, self.names):
            return self.quotient(
                *fraction(Step(np.divide, (term, 1), {}, term.shape, -1), self.names, self.counts)
            )
        first = self.operand(left, TIGHT)
        function = right.function if isinstance(right, Step) and right not in self.names else None
        if function in (np.matmul, np.dot, np.sum):
            is_tight = shape_of(right) and function is not np.sum
            return f"{first} {self.written(right)[0]}", TIGHT if is_tight else PRODUCT
        return f"{first} {self.operand(right, TIGHT + 1)}", TIGHT

    def matrix_product(self, term: Step) -> Written:
        """A B; wᵀ x of two vectors."""
        is_of_vectors = all(len(shape_of(x)) == 1 for x in term.arguments)
        return (self.after_row(term), TIGHT) if is_of_vectors else super().between(term)

    def after_row(self, product: Step) -> str:
        """wᵀ x of a vector, and wᵀ A x if that is a product itself."""
        vector, right = product.arguments
        is_product = is_call(vector, np.matmul) and vector not in self.names
        if is_product and len(shape_of(vector.arguments[0])) == 1:
            row = self.after_row(vector)
        else:
            row = f"{self.text(vector, ATOM)}{self.transposed}"
        return f"{row}{self.infix[np.matmul][1]}{self.text(right, TIGHT + 1)}"

    def choice(self, term: Step) -> Written:
        """[c] for 1 where c holds, else 0; x ⊙ [c] for x there."""
        condition, x, y = term.arguments if len(term.arguments) == 3 else (None, 1, 1)
        if not (is_number(y) and y == 0) or not isinstance(condition, Step):
            return self.call(term)
        if is_one(x):
            return self.written(condition)
        sign = self.infix[np.multiply][1]
        return f"{self.operand(x, PRODUCT)}{sign}{self.text(condition, PRODUCT + 1)}", PRODUCT

    def quotient(self, above: Any, below: Any) -> Written:
        """a/(2 b)."""
        if is_one(below):
            return self.written(above)
        return f"{self.operand(above, PRODUCT)}/{self.operand(below, SIGN)}", PRODUCT

    def root(self, value: Any) -> Written:
        """√x, or √(x + y)."""
        return f"√{self.operand(value, ATOM)}", ATOM

    def raised(self, base: Any, exponent: Any) -> str:
        """x², or x^p."""
        if isinstance(exponent, int | float) and exponent in range(2, 10):
            return self.text(base, ATOM) + "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(exponent)]
        return f"{self.text(base, ATOM)}^{self.operand(exponent, ATOM)}"

    def call(self, term: Step) -> Written:
        """A function of its arguments; how NumPy is to shape the result goes without saying."""
        if term.function is np.absolute:
            return f"|{self.text(term.arguments[0])}|", ATOM
        if term.function is np.sqrt:
            return self.root(term.arguments[0])
        if term.function is np.square:
            return self.raised(term.arguments[0], 2), POWER
        if notation := traits_of(term.function).notation:
            *signs, places = notation
            left, right = (self.text(term.arguments[place], ATOM) for place in places)
            sign = signs[self.is_latex]
            return f"{left}{self.qualified(sign, term)}{right}", TIGHT
        if windows := self.windows(term):
            return windows
        keywords = {name: term.keywords[name] for name in term.keywords if name != "keepdims"}
        inside = self.listed(term.arguments, keywords)
        return self.function(term.function, inside)

    def qualified(self, sign: str, term: Step) -> str:
        """An operator with the arguments that are not the default."""
        parameters = [*inspect.signature(term.function).parameters.values()]
        given = zip([parameter.name for parameter in parameters], term.arguments)
        named = {**dict(given), **term.keywords}
        shown = [
            f"{parameter.name}={self.text(named[parameter.name])}"
            for parameter in parameters
            if parameter.default is not parameter.empty
            and named.get(parameter.name, parameter.default) != parameter.default
        ]
        return f"{sign.rstrip()}{self.beside(', '.join(shown))} " if shown else sign

    def windows(self, term: Step) -> Written | None:
        """A function of windows, or the transpose of one, with these beside its name."""
        function, arguments, sign = term.function, term.arguments, ""
        if function is transposed_resampling:
            x, name, _, how = arguments
            function, arguments, sign = RESAMPLED[name], (x, *how), self.transposed
        if function in (max_pool, to_maxima, at_maxima):
            inside, how = arguments[:-2], arguments[-2:]
        elif function in RESAMPLED.values():
            inside, how = arguments[:1], arguments[1:]
        else:
            return None
        beside = sign + self.beside(windows_of(function, how))
        return self.function(function, self.listed(inside, {}), beside)

    def beside(self, text: str) -> str:
        return f"[{text}]"

    def function(self, function: Any, inside: str, windows: str = "") -> Written:
        name = "σ" if function is neural.sigmoid else last_name(function)
        return f"{name}{windows}({inside})", ATOM

    def method(self, term: Step) -> Written:
        """A sum over all entries, or over numbered axes; others as functions."""
        if term.function is not np.sum:
            return self.call(term)
        axes, operand = self.summed(term)
        return f"{self.sum(axes)} {self.text(operand, TIGHT)}", PRODUCT

    def summed(self, term: Step) -> tuple[tuple[int, ...], Any]:
        """The axes of a sum, and its operand; a sum of a sum is one along the axes of both."""
        axes, inner = several(term.keywords.get("axis", ())), term.arguments[0]
        is_sum = type(inner) is Step and inner.function is np.sum and inner not in self.names
        if not axes or not is_sum:
            return axes, inner
        first, operand = self.summed(inner)
        gone = () if inner.keywords.get("keepdims") else first
        left = [axis for axis in range(len(shape_of(operand))) if axis not in gone]
        return tuple(sorted({*first, *(left[axis] for axis in axes)})), operand

    def sum(self, axes: tuple[int, ...]) -> str:
        return "Σ" + "".join("₀₁₂₃₄₅₆₇₈₉"[axis] for axis in axes)

    def outer(self, term: Step) -> Written:
        left, right = term.arguments
        return f"{self.text(left, TIGHT)} {self.text(right, ATOM)}{self.transposed}", TIGHT

    def inner(self, term: Step) -> Written:
        return self.written(term.arguments[0])
