"""Other formulas that people take for the derivative of a function, and what goes with them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.derivatives import neural
from autograd_lite.derivatives.norms import p_norm
from autograd_lite.derivatives.reductions import expand
from autograd_lite.forensics.candidate import StepMistakes, unchanged
from autograd_lite.forensics.formulas import FORMULAS, Slope
from autograd_lite.forensics.replay import Graph, Place, Vjp, is_recorded
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor


def formulas(graph: Graph, place: Place) -> StepMistakes:
    """Another formula in the output or in the input."""
    for text, slope in FORMULAS.get(place.operation.function, ()):
        words = f"the derivative of {{operation}} is taken to be {text}"
        yield "wrong formula", words, partial(_by, slope)
    if place.bends and place.traits.elementwise:
        words = "the derivative of {operation} is taken to be "
        yield "wrong formula", words + "a, the value itself", partial(_by, lambda a, z: a)
        yield "wrong formula", words + "z, its input", partial(_by, lambda a, z: z)
        for text, change in OF_SLOPES:
            yield "wrong formula", words + text, partial(_changed, place, change)
        words = "the derivative of {operation} is multiplied, besides, by "
        twice = place.changed(lambda result, g, a, z, *rest: result * z)
        yield "derivative twice", words + "z, its input", twice
        twice = place.changed(lambda result, g, a, z, *rest: result * a)
        yield "derivative twice", words + "a, the value itself", twice
        for slot, default in _other_defaults(place):
            words = "the derivative of {operation} is that for other parameters, its default"
            yield (
                "wrong formula",
                f"{words} {default:g}",
                partial(_with_default, place, slot, default),
            )


def _other_defaults(place: Place) -> Iterator[tuple[int, float]]:
    """The further arguments of a function that are not their defaults, with these."""
    parameters = inspect.signature(place.operation.compute).parameters.values()
    for slot, parameter in enumerate(parameters):
        given = place.node.arguments[slot] if slot < len(place.node.arguments) else None
        if isinstance(parameter.default, float) and isinstance(given, float):
            if given != parameter.default:
                yield slot, parameter.default


def _with_default(place: Place, slot: int, default: float, g: Array, y: Array, *given: Any) -> Any:
    return place.vjp(g, y, *given[:slot], default, *given[slot + 1 :])


OF_SLOPES: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("1 over what it is", lambda d: 1 / d),
    ("1 minus what it is", lambda d: 1 - d),
    ("1 plus what it is", lambda d: 1 + d),
    ("its square root: a square is left out", lambda d: np.sqrt(abs(d))),
    ("its square", lambda d: d * d),
)
"""What is done to a derivative that is right but for that."""


def _by(slope: Slope, g: Any, a: Any, z: Any, *rest: Any, **keywords: Any) -> Any:
    return g * slope(a, z)


def _changed(place: Place, change: Any, g: Any, a: Any, z: Any, *rest: Any, **keywords: Any) -> Any:
    return g * change(place.vjp(np.ones_like(g), a, z, *rest, **keywords))


def of_kinks(graph: Graph, place: Place) -> StepMistakes:
    """Functions of two straight parts, or of one, that are given another slope on one side."""
    if not (place.traits.kink and place.traits.activation):
        return
    words = "the derivative of {operation} is taken to be "
    yield "wrong formula", words + "a, the value itself", lambda g, a, z, *rest, **k: g * a
    if not place.traits.rectifies:
        what = "a where z < 0, the value and not the slope"
        yield "wrong formula", words + what, lambda g, a, z, *r, **k: g * np.where(z > 0, 1, a)
        what = "z where z < 0, the input and not the slope"
        yield "wrong formula", words + what, lambda g, a, z, *r, **k: g * np.where(z > 0, 1, z)
        what = "1 + z where z < 0, with the input for the output or for the exponential"
        yield "wrong formula", words + what, lambda g, a, z, *r, **k: g * np.where(z > 0, 1, 1 + z)
        what = "1 + a where z < 0, as for alpha = 1"
        yield "wrong formula", words + what, lambda g, a, z, *r, **k: g * np.where(z > 0, 1, 1 + a)
        what = "one number where z < 0, its slope at 0"
        yield "wrong formula", words + what, partial(_straight, place)
        what = "0.01 where z < 0, which is another slope than the function's"
        yield "wrong formula", words + what, lambda g, a, z, *r, **k: g * np.where(z > 0, 1, 0.01)
    what = "the sign of z"
    yield "wrong formula", words + what, lambda g, a, z, *rest, **k: g * np.sign(z)
    words = "the mask of {operation} is where what arrives is positive, not where z is"
    yield "branches", words, lambda g, *given, **k: g * (g > 0)
    words = "what arrives and is negative is lost, too: that of guided backpropagation"
    yield "branches", words, place.changed(lambda result, g, *given, **k: result * (g > 0))


def _straight(place: Place, g: Array, a: Array, z: Array, *rest: Any, **keywords: Any) -> Any:
    below = np.full_like(z, -np.finfo(z.dtype).tiny)
    at_zero = place.vjp(g, 0 * a, below, *rest, **keywords)
    return np.where(z > 0, g, at_zero)


def of_powers(graph: Graph, place: Place) -> StepMistakes:
    """The exponent is not lowered, or no factor, or it is taken for an exponential."""
    if place.operation.function is not np.power or place.slot != 0:
        return
    words = "the derivative of {operation} is taken to be "
    rules: tuple[tuple[str, Callable[[Any, Any, Any], Any]], ...] = (
        (
            "n x ** n: the exponent n is not lowered, so that it is multiplied by {argument}",
            lambda y, x, n: n * y,
        ),
        ("x ** n, the value itself", lambda y, x, n: y),
        ("x ** (n - 1), without the factor n", lambda y, x, n: x ** (n - 1)),
        ("n x ** (n + 1): the exponent n is raised", lambda y, x, n: n * y * x),
        ("n x ** (n - 2): the exponent n is lowered by 2", lambda y, x, n: n * x ** (n - 2)),
        ("n times the square of x ** n", lambda y, x, n: n * y * y),
        ("x ** n log(x), as if x were the exponent", lambda y, x, n: y * np.log(x)),
    )
    for text, rule in rules:
        vjp: Vjp = lambda g, y, x, n, rule=rule, **keywords: g * rule(y, x, n)
        yield "wrong formula", words + text, vjp


def before_what_is_added(z: Any) -> Iterator[Array]:
    """The terms and factors of an argument's shape that it is made of."""
    traits = z.operation.traits if isinstance(z, Tensor) and z.operation else None
    if traits and traits.elementwise and (traits.additive or traits.product):
        for argument in z.arguments:
            if is_recorded(argument) and argument.shape == z.shape:
                yield argument._array


def of_quotients(graph: Graph, place: Place) -> StepMistakes:
    """The quotient rule with a part left out."""
    if place.operation.function is not np.divide:
        return
    if place.slot == 0:
        if is_recorded(place.node.arguments[1]) or np.size(plain(place.node.arguments[1])) > 1:
            yield "derivative forgotten", "the division by the denominator is forgotten", unchanged
        words = "the result is multiplied by the denominator, not divided by it"
        yield "wrong formula", words, lambda g, y, a, b, **k: g * b
        words = "the denominator is squared in the numerator's part of the quotient rule"
        yield "wrong formula", words, lambda g, y, a, b, **k: g / b / b
        return
    for before in before_what_is_added(place.node.arguments[0]):
        words = "in the derivative of {operation} by its denominator the numerator is taken before "
        words += f"{place.node.arguments[0].operation.name}: a mean is not subtracted from it"
        yield "wrong formula", words, lambda g, y, a, b, x=before, **k: -g * x / b / b
    words = "the denominator is not squared in the derivative of {operation}"
    yield "wrong formula", words, lambda g, y, a, b, **k: -g * a / b
    words = "the numerator is forgotten in the derivative of {operation} by its denominator"
    yield "wrong formula", words, lambda g, y, a, b, **k: -g / b / b
    words = "the denominator is forgotten in the derivative of {operation} by it"
    yield "wrong formula", words, lambda g, y, a, b, **k: -g * a
    words = "the derivative of {operation} by its denominator is forgotten but for the sign"
    yield "wrong formula", words, lambda g, y, a, b, **k: -g
    words = "the derivative of {operation} by its denominator is taken to be that of the numerator"
    yield "wrong formula", words, lambda g, y, a, b, **k: g / b


def of_norms(graph: Graph, place: Place) -> StepMistakes:
    """The derivative of a norm is not divided by the norm, or as that of its square."""
    if place.operation.function is not p_norm:
        return
    words = "the derivative of the norm is taken to be "
    rules: tuple[tuple[str, Slope], ...] = (
        ("the vector, not divided by the norm", lambda y, x: x),
        ("that of its square, twice the vector", lambda y, x: 2 * x),
        ("the vector over the square of the norm", lambda y, x: x / y / y),
        ("half of the vector over the norm", lambda y, x: x / y / 2),
        ("1 over the norm, without the vector", lambda y, x: 1 / y + 0 * x),
        ("1", lambda y, x: 1 + 0 * x),
        ("the sign of each entry", lambda y, x: np.sign(x)),
    )
    for text, rule in rules:
        yield "wrong formula", words + text, partial(_of_norm, rule)


def _of_norm(
    rule: Slope,
    g: Array,
    y: Array,
    x: Array,
    p: float = 2,
    axis: Any = None,
    keepdims: bool = False,
) -> Array:
    return expand(g, x.shape, axis, keepdims) * rule(expand(y, x.shape, axis, keepdims), x)


def of_products(graph: Graph, place: Place) -> StepMistakes:
    """The product itself stands where the other factor belongs."""
    if place.multiplies_entries and place.operation.function is not np.divide:
        words = "the product itself is multiplied in, where the other factor belongs"
        yield "wrong formula", words, lambda g, y, *pair, **k: g * y


def inner_derivative(graph: Graph, place: Place) -> StepMistakes:
    """A linear function's argument stands for its derivative: 2 (t - o) o for (t - o)²."""
    linear = place.traits.additive or place.slot in place.traits.linear
    alike = place.traits.elementwise and (
        place.traits.product or place.node.shape == place.argument.shape
    )
    before = place.argument.operation
    if linear and alike and place.node.ndim and not (before and before.traits.reduces):
        slot = place.slot
        belongs = "other factor" if place.traits.product else "inner derivative"
        words = f"it is multiplied by {{argument}} itself, where the {belongs} belongs"
        yield "wrong formula", words, lambda g, y, *pair, **k: g * pair[slot]
        words += ", and the sign is wrong"
        yield "wrong formula", words, lambda g, y, *pair, **k: -g * pair[slot]


PARENTHESES: dict[Any, tuple[tuple[str, Callable[[Array, Array], Array]], ...]] = {
    np.tanh: (
        ("g * 1 - a * a", lambda g, a: g - a * a),
        ("1 - a * a * g", lambda g, a: 1 - a * a * g),
    ),
    neural.sigmoid: (
        ("g * a * 1 - a", lambda g, a: g * a - a),
        ("a * 1 - a * g", lambda g, a: a - a * g),
    ),
}
"""What is computed where the parentheses of a derivative are forgotten."""


def cotangent_lost(graph: Graph, place: Place) -> StepMistakes:
    """The derivative alone is passed on, not multiplied by what arrives."""
    cotangent = graph.right[place.node]
    moved = place.traits.additive or place.traits.moves
    if np.size(cotangent) < 2 or np.ptp(cotangent) == 0:
        return
    vjp = place.vjp
    if place.node.shape == cotangent.shape:
        words = "the value itself is handed on, not what arrives for it"
        yield "other values", words, lambda g, y, *given, **k: vjp(y, y, *given, **k)
    if moved:
        return
    for text, product in PARENTHESES.get(place.operation.function, ()):
        words = f"parentheses are missing: {text}, with g for what arrives"
        yield "cotangent lost", words, lambda g, a, *given, of=product, **k: of(g, a)
    words = "what arrives is lost: the derivative of {operation} is not multiplied by it"
    yield "cotangent lost", words, lambda g, *given, **k: vjp(np.ones_like(g), *given, **k)
    words = "of what arrives only the sign is left: 1 or -1 is written in its place"
    yield "cotangent lost", words, lambda g, *given, **k: vjp(np.sign(g), *given, **k)
    if place.traits.kink and place.traits.activation:
        words = "what arrives is overwritten by the slope of {operation} where z "
        above: Vjp = lambda g, a, z, *r, **k: np.where(z > 0, 1, vjp(g, a, z, *r, **k))
        below: Vjp = lambda g, a, z, *r, **k: np.where(z > 0, g, vjp(0 * g + 1, a, z, *r, **k))
        yield "cotangent lost", words + "> 0, not multiplied by it", above
        yield "cotangent lost", words + "< 0, not multiplied by it", below
        only: Vjp = lambda g, a, z, *r, **k: np.where(z > 0, 1, g)
        yield "cotangent lost", words + "> 0, and kept elsewhere", only


def of_mean(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """What arrives, in equal shares to all entries that were reduced."""
    return of_sum(g, y, x, axis, keepdims) * (np.size(y) / np.size(x))


def of_sum(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """What arrives, to all entries that were reduced."""
    return expand(g, x.shape, axis, keepdims)


def extremes(graph: Graph, place: Place) -> StepMistakes:
    """Of two arguments both get what arrives, or the other one."""
    slot = place.slot
    if place.traits.extremum and place.traits.elementwise:
        words = "the mask of {operation} is forgotten: both arguments get all that arrives"
        yield "derivative forgotten", words, unchanged
        words = "each argument of {operation} gets half of what arrives: that of a mean"
        yield "wrong formula", words, lambda g, y, *pair: g / 2
        words = "the other argument of {operation}, the one that it is not, gets what arrives"
        yield "branches", words, lambda g, y, *pair: g * (pair[slot] != y)


def inverses(graph: Graph, place: Place) -> StepMistakes:
    """The derivatives of an inverse and of determinants without a transpose, a side or a sign."""
    function, name = place.operation.function, place.operation.name
    if function is np.linalg.inv:
        rules: tuple[tuple[str, Vjp], ...] = (
            ("its inverses are to be transposed", lambda g, y, x: -y @ g @ y),
            ("it is that of a reciprocal, -1 / x ** 2", lambda g, y, x: -g / x / x),
            ("one of the two inverses is left out", lambda g, y, x: -np.swapaxes(y, -1, -2) @ g),
            ("one of the two inverses is left out", lambda g, y, x: -g @ np.swapaxes(y, -1, -2)),
        )
        for text, vjp in rules:
            yield "wrong formula", f"in the derivative of {{operation}} {text}", vjp
    if name in ("det", "log_abs_det", "slogdet") or "det" in name:
        words = "in the derivative of {operation} the inverse is to be transposed"
        vjp = place.changed(lambda result, *_: np.swapaxes(result, -1, -2))
        yield "transposed", words, vjp
        words = "in the derivative of {operation} the matrix stands for its inverse"
        yield "wrong formula", words, lambda g, y, x: g[..., None, None] * np.swapaxes(x, -1, -2)


def statistics(graph: Graph, place: Place) -> StepMistakes:
    """Entries that are to be centred, a root that is left out."""
    function = place.operation.function
    if function is np.prod:
        words = "the derivative of {operation} is taken to be the product, not that of the others"
        yield "wrong formula", words, lambda g, y, x, *axes, **k: of_sum(g * y, y, x, *axes, **k)
        words = "the derivative of {operation} is taken to be 1, as that of a sum"
        yield "wrong formula", words, of_sum
    lost = place.node.keywords.get("ddof", 0)
    if function in (np.var, np.std) and lost:
        count = place.argument.size / max(place.node.size, 1)
        share = (count - lost) / count
        words = f"ddof is forgotten: it is divided by {count:g}, where {count - lost:g} is right"
        yield "constant statistics", words, place.changed(lambda result, *_: result * share)
    if function is np.var:
        words = "the mean is not subtracted in the derivative of {operation}"
        yield "wrong formula", words, _not_centred
    if function is np.std:
        words = (
            "the derivative of {operation} is taken to be that of the variance, without the root"
        )
        yield "wrong formula", words, lambda g, y, *given, **k: place.vjp(g * 2 * y, y, *given, **k)
    if function is np.cumsum:
        words = "the cumulative sum is taken from the start, where it is one from the end"
        yield "wrong axis", words, lambda g, y, a, axis=None: np.cumsum(g, axis).reshape(a.shape)
        yield "derivative forgotten", "the derivative of {operation} is forgotten", unchanged


def _not_centred(
    g: Array, y: Array, x: Array, axis: Any = None, *, keepdims: bool = False, **degrees: Any
) -> Array:
    degrees_lost = degrees.get("correction", degrees.get("ddof", 0)) or 0
    return expand(g, x.shape, axis, keepdims) * 2 * x / (x.size / y.size - degrees_lost)


FORMULA_MISTAKES: tuple[Callable[[Graph, Place], StepMistakes], ...] = (
    *(formulas, of_kinks, of_powers, of_quotients, of_norms, of_products, inner_derivative),
    *(cotangent_lost, extremes, inverses, statistics),
)
