"""Products that are taken with other values: z where a belongs, another layer's, another power."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Instead, StepMistakes
from autograd_lite.forensics.place import Place, is_array, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

NEARBY = 12
"""Steps before and after a product in which what it is mistaken for is looked for."""


def other_values(graph: Graph, place: Place) -> StepMistakes:
    """A product is taken with z where a belongs, or with the values of another layer."""
    power = place.bends and not place.traits.activation
    for slot, argument in enumerate(place.node.arguments if place.traits.product or power else ()):
        other_factor = (slot != place.slot) != power
        if other_factor and is_array(plain(argument)) and plain(argument).ndim:
            for what, other in _in_words(argument, _beside(graph, place, argument)):
                words = f"the product is taken with {what}"
                if power:
                    words = f"the derivative of {{operation}} is taken at {what}"
                kind = "other values" if what == ANOTHER or power else "wrong place"
                yield kind, words, Instead(place, slot, plain(other), other)
            for words, value in (*_terms(argument), *_other_powers(argument)) if not power else ():
                yield (
                    "other values",
                    f"the product is taken with {words}",
                    Instead(place, slot, value, ""),
                )
            matrix = _transposed_from(argument)
            parameter = argument if matrix is None else matrix
            if place.multiplies_matrices and is_recorded(parameter) and not parameter.operation:
                words = "the product is taken with the gradient of a parameter, not with itself"
                yield "other values", words, Instead(place, slot, graph.right[argument], "d{0}")
            for other in _beside(graph, place, matrix) if matrix is not None else ():
                words = "the product is taken with another matrix"
                vjp = Instead(place, slot, plain(other).T, other, turned=True)
                yield "wrong place", words, vjp


def _transposed_from(argument: Any) -> Tensor | None:
    """The matrix that an argument is the transpose of, if it is one."""
    operation = argument.operation if isinstance(argument, Tensor) else None
    transposes = operation is not None and operation.function is np.transpose
    return argument.arguments[0] if transposes and argument.ndim == 2 else None


def _terms(argument: Any) -> Iterator[tuple[str, Array]]:
    """The terms of the sum, or of the difference, that an argument is."""
    row = argument.operation if is_recorded(argument) else None
    if row is not None and row.traits.additive and row.traits.elementwise:
        given = [*map(plain, argument.arguments)]
        for slot in range(len(given)):
            alone = [a if n == slot else 0 * a for n, a in enumerate(given)]
            yield "one term of a sum: the others are left out", row.compute(*alone)


def _other_powers(argument: Any, depth: int = 3) -> Iterator[tuple[str, Array]]:
    """An argument that a power is part of, as a factor, with another exponent."""
    row = argument.operation if is_recorded(argument) and depth else None
    if (
        row is None
        or not row.traits.elementwise
        or not (row.traits.product or row.function is np.power)
    ):
        return
    bases = [a for a in argument.arguments if is_recorded(a)]
    squares = row.function is np.power or (len(bases) == 2 and bases[0] is bases[1])
    for base in bases[:1] if squares else ():
        yield "a power whose exponent is one less", argument._array / base._array
        yield "a power whose exponent is one more", argument._array * base._array
    for base in bases if not squares else ():
        for words, value in _other_powers(base, depth - 1):
            yield words, argument._array / base._array * value


def other_factor(graph: Graph, place: Place) -> StepMistakes:
    """What a product with a matrix is taken with is squared, or is left out."""
    for slot, argument in place.others.items() if place.multiplies_matrices else ():
        value = plain(argument)
        if is_array(value) and value.dtype.kind == "f" and not np.isin(value, (0, 1, -1)).all():
            words = "the other factor of {operation} is squared"
            yield "derivative twice", words, Instead(place, slot, value**2, "{0} ** 2")
            words = "the other factor of {operation} counts "
            yield "other values", words + "as its sign", Instead(place, slot, np.sign(value), "")
            if value.all():
                words = "the other factor of {operation} is left out, as if it were 1"
                ones = np.ones_like(value)
                yield "derivative forgotten", words, Instead(place, slot, ones, "np.ones_like({0})")
            else:
                words += "only where it is not 0, as 1: x != 0"
                entries = (value != 0).astype(value.dtype)
                yield "other values", words, Instead(place, slot, entries, "")


def multiplied_twice(graph: Graph, place: Place) -> StepMistakes:
    """What a product is taken with is multiplied in again."""
    product = place.traits.product and place.operation.function is not np.divide
    for other in map(plain, place.other_arguments if product else ()):
        if not is_array(other) or not other.ndim or np.all(np.abs(other) == 1):
            continue  # Twice a sign is as if it were forgotten.
        shape = np.shape(graph.unmatched[place])
        if other.shape == shape or (place.multiplies_entries and other.ndim < len(shape)):
            words = "the other factor of {operation} is multiplied in twice"
            words += ": what arrives contains it already"
            yield "derivative twice", words, place.changed(lambda r, *_, by=other: r * by)


def _beside(graph: Graph, place: Place, argument: Any) -> Iterator[Any]:
    """What is multiplied nearby, and has an argument's shape."""
    here = graph.index[place]
    nearby: list[Any] = []
    for near in graph.places[max(here - NEARBY, 0) : here + NEARBY]:
        if near.traits.product:
            for other in near.node.arguments:
                nearby += [other, *(other.arguments if isinstance(other, Tensor) else ())]
        elif near.bends or near.traits.additive:
            nearby += [near.node, near.argument]
    distinct: dict[int, Any] = {}
    for other in nearby:
        distinct.setdefault(id(plain(other)), other)
    distinct.pop(id(plain(argument)), None)
    for other in distinct.values():
        if is_array(plain(other)) and plain(other).shape == plain(argument).shape:
            yield other


def _in_words(argument: Any, others: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """What others are in relation to an argument, the closest ones first."""
    found: list[tuple[int, str, Any]] = []
    for other in others:
        before, after = _steps_between(argument, other), _steps_between(other, argument)
        if before == 1 and _complements(other, argument):
            found.append((before, "{other}, where 1 - {other} belongs", other))
        elif before:
            of_what = argument.operation.name if before == 1 else "a function"
            found.append((before, f"the input of {of_what}, not with its output", other))
        elif after == 1 and _complements(other, argument):
            found.append((after, "1 - {own}, where {own} belongs", other))
        elif after:
            of_what = other.operation.name if after == 1 else "a function"
            found.append((after, f"the output of {of_what}, not with its input", other))
        else:
            found.append((MOST_BETWEEN, ANOTHER, other))
    for _, what, other in sorted(found, key=lambda each: each[0]):
        yield what, other


def _complements(one: Any, other: Any) -> bool:
    return np.allclose(plain(one) + plain(other), 1, rtol=0, atol=1e-12)


ANOTHER = "the values of another layer"


MOST_BETWEEN = 7


def _steps_between(output: Any, given: Any, most: int = MOST_BETWEEN) -> int:
    """In how many steps one is computed from the other, through arrays of its shape; else 0."""
    if not isinstance(output, Tensor) or most == 1:
        return 0
    if any(argument is given for argument in output.arguments):
        return 1
    inner = [a for a in output.arguments if isinstance(a, Tensor) and a.shape == output.shape]
    steps = [1 + n for a in inner if (n := _steps_between(a, given, most - 1))]
    return min(steps, default=0)
