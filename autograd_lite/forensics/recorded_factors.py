"""The constant factors that people get wrong, which the numbers in a record explain, in words."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite.forensics.factors import RATES, as_written, is_round, root_of
from autograd_lite.forensics.place import Place, is_usual, mask_of
from autograd_lite.forensics.replay import SAMPLES, USES, Graph
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

MOST_CONSTANTS = 5
"""Numbers in a record that explain a factor together with another one."""
MOST_NUMBERS = 500
"""Nodes among which a number that explains a factor is looked for."""
SMALL = 10
"""Whole numbers that another one may be mistaken for."""
Factors = Iterator[tuple[float, str]]
"""Factors, and what a gradient that is off by one lacks or has too much of."""


def usual(graph: Graph) -> Factors:
    """The factors that people get wrong in a graph: lengths of axes, the 2 of a square."""
    functions, lengths = {place.operation.function for place in graph.places}, graph.lengths
    yield -1.0, "the sign is wrong"
    yield 0.0, "it is missing"
    samples = {length: name for length, name in lengths.items() if name == SAMPLES}
    divisors = [*_divisors(graph)]
    yield from _of_lengths(samples, divisors)
    products = [node for node in graph.places_of if node.operation.traits.product]
    by_itself = any(len({*map(id, node.arguments)}) == 1 for node in products)
    if by_itself or not functions.isdisjoint((np.power, np.square)):
        yield 0.5, "a factor of 2 is missing, the 2 of the square"
        yield -0.5, "the 2 of the square is missing, and the sign is wrong"
    yield 0.5, "a factor of 2 is missing, such as that of a square"
    yield 2.0, "a factor of 2 too many"
    yield -2.0, "a factor of 2 too many, and the sign is wrong"
    rest = {length: lengths[length] for length in lengths.keys() - samples}
    yield from _of_lengths(rest, divisors)
    for length, name in graph.positions.items():
        yield float(length), f"1/{length} is missing, one over {name}"
        yield 1 / length, f"it is divided by {length}, over {name}, once too often"


def _divisors(graph: Graph) -> Iterator[float]:
    """What is divided by in a graph: the numbers of entries of means, and constants."""
    for place in graph.places:
        if place.traits.averages:
            yield place.argument.size / max(place.node.size, 1)
        for number in place.numbers if place.multiplies_entries else ():
            yield from (number, 1 / number) if number else ()


def _is_divided_by(length: int, divisors: Iterable[float]) -> bool:
    """Whether a length is, or is a factor of, what is divided by."""
    whole = [round(number) for number in divisors if math.isclose(number, round(number))]
    return any(number and number % length == 0 for number in whole)


def _of_lengths(lengths: Mapping[int, str], divisors: list[float]) -> Factors:
    for length, name in lengths.items():
        missing = f"1/{length} is missing, one over {name}"
        if not _is_divided_by(length, divisors):
            missing = f"it is multiplied by {length}, {name}"
        yield float(length), missing
        words = f"it is divided by {length}, {name}, once too often"
        yield 1 / length, words + ", or only one of its uses counts" * (name == USES)
        yield float(-length), f"{missing}, and the sign is wrong"
        yield -1 / length, f"it is divided by {length}, {name}, once too often; the sign is wrong"


def rarer(graph: Graph, named: Mapping[Any, str]) -> Factors:
    """Factors that are in the wrong place, or several at once; learning rates."""
    lengths = graph.lengths
    yield 0.25, "a factor of 4 is missing: that of a square twice, or of two uses"
    own = {abs(number) for number in _divisors(graph)}
    for rate in [rate for rate in RATES if rate < 1 and rate not in own]:
        yield rate, f"it is multiplied by {rate:g}, as if by a learning rate"
        yield -rate, f"it is multiplied by {-rate:g}, as if by a negative learning rate"
    divided = {n: name for n, name in lengths.items() if _is_divided_by(n, _divisors(graph))}
    axes = {length for array in graph.plain_arrays for length in array.shape} - {0, 1, *lengths}
    others = dict.fromkeys(sorted(axes)[:MOST_CONSTANTS], "the length of an axis of the data")
    yield from _of_two(divided, lengths | others)
    for whole in range(3, SMALL):
        yield float(whole), f"a factor of {whole} too many"
        yield 1 / whole, f"a factor of {whole} is missing"
    yield from _of_two({n: lengths[n] for n in lengths.keys() - divided}, lengths)
    yield from _with_constants(graph)
    yield from _computed_numbers(graph, named)
    yield from _of_the_loss(graph)
    yield from _of_parameters(graph, named)


def _of_two(lengths: Mapping[int, str], others: Mapping[int, str]) -> Factors:
    """Lengths together with the 2 of a square, twice, or with other lengths."""
    for length, name in lengths.items():
        yield 2.0 * length, f"a factor of 2 too many, and 1/{length} is missing, one over {name}"
        yield length / 2, f"1/{length} is missing, one over {name}, and so is a factor of 2"
        yield 2 / length, f"a factor of 2 too many, and divided by {length}, {name}, once too often"
        yield 0.5 / length, f"a factor of 2 is missing, and divided by {length}, {name}"
        yield float(length) ** -2, f"it is divided by {length}, {name}, twice too often"
        yield float(length) ** 2, f"1/{length} is missing twice, one over {name}"
    for one, other in itertools.product(lengths, others):
        product = one * other
        yield float(product), f"1/{product} is missing, one over {one} times {other}"
        yield 1 / product, f"it is divided by {product}, {one} times {other}, once too often"
        yield one / other, f"it is divided by {other}, {others[other]}, where {one} is right"


def _with_constants(graph: Graph) -> Factors:
    """Numbers in the record together with the 2 of a square."""
    places = [place for place in graph.places if place.multiplies_entries]
    found = dict.fromkeys(number for place in places for number in place.numbers)
    for number in [n for n in found if n not in (0, 1, -1)][:MOST_CONSTANTS]:
        for sign, words in ((1.0, ""), (-1.0, ", and the sign is wrong")):
            named = f"the factors {number:.6g} and 2"
            yield sign / number, f"the factor {number:.6g} is missing there{words}"
            yield sign * number, f"the factor {number:.6g} is once too often there{words}"
            yield sign / (2 * number), f"{named} are missing{words}"
            yield sign * 2 * number, f"{named} are once too often there{words}"
            yield sign * number / 2, f"a factor of 2 is missing, and {number:.6g} there{words}"
            for length, name in graph.lengths.items():
                also = f"1/{length}, one over {name}, are missing{words}"
                yield sign * number * length, f"1/{number:.6g} and {also}"
                yield sign * length / number, f"{number:.6g} and {also}"


def _computed_numbers(graph: Graph, named: Mapping[Any, str]) -> Factors:
    """Numbers that were computed, such as a norm."""
    nodes = [node for node in graph.order[:MOST_NUMBERS] if node.size == 1]
    nodes = [node for node in nodes if node.operation is not None and node is not graph.loss]
    numbers = [(float(np.sum(node._array)), node) for node in nodes if is_usual(node._array.sum())]
    for power, of_power in ((1, ""), (2, "the square of "), (0.5, "the root of ")):
        for number, node in numbers:
            by = number**power if number > 0 or power != 0.5 else 0.0
            of = f"{of_power}{number:.6g}, which {node.operation.name} has given"
            of = f"{of_power}{named[node]}, which is {number:.6g}" if node in named else of
            if by not in (0, 1, -1):
                yield by, f"it is multiplied by {of}, or the division by it is forgotten"
                yield 1 / by, f"it is divided by {of}, or the factor is forgotten"
    for node in nodes:
        arriving = float(np.sum(graph.right[node]))
        if arriving not in (0, 1, -1):
            of = f"{arriving:.6g}, what arrives at {named.get(node, node.operation.name)}"
            yield arriving, f"it is multiplied by {of}: it belongs to another term"


def _of_the_loss(graph: Graph) -> Factors:
    """By what the gradient of a function of the loss differs from that of the loss."""
    for loss in _value(graph.loss):
        value = f"{loss:.6g}, the value of the loss"
        yield 1 / loss, f"it is divided by {value}: it is the gradient of log(loss)"
        yield loss, f"it is multiplied by {value}: it is the gradient of loss ** 2 / 2"
        yield 2 * loss, f"it is multiplied by 2 and {value}: it is the gradient of loss ** 2"
        for root in [math.sqrt(loss)] if loss > 0 else ():
            words = f"the root of {value}: it is the gradient of the root of the loss"
            yield 0.5 / root, f"it is divided by 2 and {words}"
            yield 2 * root, f"it is multiplied by 2 and the root of {value}"


def _value(node: Tensor) -> list[float]:
    """The value of a node of one entry, if it can be a factor."""
    number = float(np.sum(node._array))
    return [number] if number and is_usual(number) else []


def _of_parameters(graph: Graph, named: Mapping[Any, str]) -> Factors:
    """Parameters of one entry, such as a scale."""
    for leaf in [leaf for leaf in graph.leaves if leaf.size == 1]:
        for number in _value(leaf):
            name = f"{named.get(leaf, 'a parameter')}, {number:.6g}"
            yield 1 / number, f"the factor {name}, is forgotten, or it is divided by it"
            yield number, f"it is multiplied by {name}, once too often, or not divided by it"


def of_arrays(arrays: Mapping[str, Array], lengths: Iterable[int]) -> Factors:
    """Sums, means and norms of the caller's arrays, which somebody divided by, or multiplied by."""
    large = {name: a for name, a in arrays.items() if a.dtype.kind == "f" and 1 < a.size <= MOST}
    for name, array in itertools.islice(large.items(), MOST_ARRAYS):
        total, squares = float(np.sum(array)), float(np.sum(array**2))
        sums = {"sum": total, "mean": total / array.size, "sum of squares": squares}
        for of, number in (sums | {"norm": math.sqrt(squares)}).items():
            what = f"{number:.6g}, the {of} of {name}"
            for length in (1, *lengths) if math.isfinite(number) and abs(number) > 1e-9 else ():
                right = f", where {length} is right" if length > 1 else " once too often"
                yield length / number, f"it is divided by {what}{right}"
            yield number, f"it is multiplied by {what}, or the division by it is forgotten"


def of_numbers(numbers: Mapping[str, float]) -> Factors:
    """The caller's numbers, such as a step size of an update."""
    for name, number in numbers.items():
        for sign, words in ((1.0, ""), (-1.0, ", and the sign is wrong")):
            yield sign * number, f"it is multiplied by {name}, which is {number:.6g}{words}"
            yield sign / number, f"it is divided by {name}, which is {number:.6g}{words}"


MOST = 100_000
MOST_ARRAYS = 12
"""Entries of arrays, and how many of these, whose sums explain a factor."""


COPIES = np.repeat, np.tile
TO_OTHER_UNITS = {
    function: float(function(1.0)) for function in (np.deg2rad, np.rad2deg, np.radians, np.degrees)
}
OWN = (*COPIES, *TO_OTHER_UNITS, np.power)
"""Functions, besides means and products, that have a factor of their own."""


def factors_at(graph: Graph, place: Place) -> Factors:
    """The factors that the numbers in one step explain."""
    function, traits = place.operation.function, place.traits
    entries = place.argument.size // max(place.node.size, 1)
    broadcast = place.node.size // max(place.argument.size, 1)
    summed = entries if function is np.sum else 0
    if broadcast > 1 and (traits.additive or function in COPIES):
        summed = broadcast
    if traits.averages and entries > 1:
        yield from _of_mean(place, entries, graph.lengths)
    elif summed > 1:
        yield 1 / summed, f"it is divided by {summed}: a mean over these entries where the sum is"
    elif function is np.sqrt:
        yield 2.0, "a factor of 2 too many: the 1/2 of the square root is missing"
    elif function is np.power:
        yield from _of_powers(place.numbers)
    elif function in TO_OTHER_UNITS:
        by = TO_OTHER_UNITS[function]
        yield 1 / by, f"the factor {by:.6g} of {function.__name__} is missing"
    elif place.slot in traits.linear and place.multiplies_entries:
        mask = mask_of(place.node)
        if mask is not None and mask.max() > 1:
            yield from _of_divisor(1 / float(mask.max()), ())
        yield from _of_numbers(graph, place)
    yield from _beyond(graph, place)


def _beyond(graph: Graph, place: Place) -> Factors:
    """For the numbers that multiply what comes of a step soon after.

    One that multiplies a sum may be forgotten in a term, any one for a parameter.
    """
    to_leaf, uses = place.argument.operation is None, graph.consumers.get(place.node, ())
    is_next, left = True, SOON
    while len(uses) == 1 and left:
        (use,) = uses
        if use.multiplies_entries and (to_leaf or not is_next):
            yield from _of_numbers(graph, use)
        onward = use.bends or use.traits.product or use.traits.moves or use.traits.reduces
        if not (use.traits.additive or (to_leaf and onward)):
            return
        is_next, left = False, left - (not use.traits.additive)
        uses = graph.consumers.get(use.node, ())


SOON = 5
"""Steps after one, sums left out, whose numbers may be forgotten there."""


def _of_numbers(graph: Graph, place: Place) -> Factors:
    for number in [n for n in place.numbers if n not in (0, 1, -1)]:
        yield from _of_constant(number, place.operation.function is np.divide, graph.lengths)


def _of_powers(exponents: list[float]) -> Factors:
    for exponent in exponents:
        if exponent == 0.5:
            yield 2.0, "a factor of 2 too many: the 1/2 of the square root is missing"
        elif exponent not in (2, 0, 1):
            yield 1 / exponent, f"the exponent {exponent:g} is missing as a factor"
            yield exponent, f"the exponent {exponent:g} is multiplied in twice"


def _of_mean(place: Place, entries: int, lengths: Mapping[int, str]) -> Factors:
    yield float(entries), f"1/{entries} is missing, of the mean over {entries} entries"
    yield 1 / entries, f"it is divided by {entries}, of the mean over these entries, twice"
    if entries > 2:
        words = f"it is divided by {entries - 1}, as for the unbiased variance, not by {entries}"
        yield entries / (entries - 1), words
    left = Counter(place.argument.shape) - Counter(place.node.shape)
    several = not place.node.ndim or place.argument.ndim - place.node.ndim > 1
    for length in left.elements() if several else ():
        words = f"it is divided by {length}, the length of one axis of the mean, and not by"
        yield math.prod(left.elements()) / length, f"{words} {entries}, that of all"
    for length in lengths.keys() - {entries}:
        words = f"it is divided by {length}, where the mean is over {entries} entries"
        yield entries / length, words


def _of_constant(constant: float, divides: bool, lengths: Mapping[int, str]) -> Factors:
    """For a product with a number, or a quotient."""
    whole, number = round(1 / constant), as_written(constant)
    if divides:
        yield from _of_divisor(constant, lengths)
    elif not is_round(constant) and math.isclose(whole * constant, 1.0):
        yield from _of_divisor(float(whole), lengths)
    else:
        yield 1 / constant, f"the factor {number} is missing"
        square = f"{constant * constant:.6g}"
        yield constant, f"it is multiplied by {number} once too often, or by {square} in its place"
        yield constant**-2, f"it is divided by {number}, and not multiplied by it"


def _of_divisor(constant: float, lengths: Mapping[int, str] | tuple[()]) -> Factors:
    number = as_written(constant) if root_of(constant) else f"{constant:.6g}"
    yield constant, f"1/{number} is missing: the division by {number} is left out"
    yield 1 / constant, f"it is divided by {number} once too often"
    yield constant**2, f"it is multiplied by {number}, and not divided by it"
    if constant > 0 and is_round(math.sqrt(constant)):
        root = math.sqrt(constant)
        yield root, f"it is divided by {root:g}, where {number}, its square, is right"
    if 0 < constant < 1:
        rest = 1 - constant
        yield constant / rest, f"it is divided by {rest:.6g}, where {number} is right"
    for length in lengths:
        yield constant / length, f"it is divided by {length}, where {number} is right"
    for length in lengths if math.isclose(constant**2, round(constant**2)) else ():
        words = f"it is divided by the root of {length}, where that of {constant**2:.6g} is"
        yield constant / math.sqrt(length), f"{words} right"
    for whole in range(2, SMALL) if constant == round(constant) else ():
        yield constant / whole, f"it is divided by {whole}, where {number} is right"
