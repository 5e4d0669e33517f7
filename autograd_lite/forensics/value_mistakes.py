"""Products that are taken with other values: z where a belongs, a kernel that is not turned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import Instead, StepMistakes
from autograd_lite.forensics.place import Place, is_array, is_recorded, is_square, lines_along
from autograd_lite.forensics.replay import SAMPLES, Graph
from autograd_lite.forensics.sums import ONE_FOR_ALL
from autograd_lite.node import Array, plain
from autograd_lite.tensor import Tensor

PRODUCT = "the product is taken with "
Replacements = Iterator[tuple[Any, ...]]
"""Kind, words, the value that stands in place of a product's other factor; how it is written."""


def other_values(graph: Graph, place: Place) -> StepMistakes:
    """A product is taken with something else than its other factor, a power of something else."""
    power = place.bends and not place.traits.activation
    taken = {place.slot: place.argument} if power else place.others
    for slot, argument in taken.items() if power or place.traits.product else ():
        if not is_array(plain(argument)):
            continue
        beside = _beside(graph, place, argument) if plain(argument).ndim else ()
        for what, is_near, other in _in_words(argument, beside, place.argument):
            kind = "wrong place" if is_near and not power else "other values"
            words = "the derivative of {operation} is taken at " if power else PRODUCT
            if np.any(plain(other)):  # Else a path is left out.
                yield kind, words + what, Instead(place, slot, plain(other), other)
        for find in IN_ITS_PLACE if not power else ():
            for kind, words, *value in find(graph, place, argument):
                yield kind, words, Instead(place, slot, *value)


def _parameters(graph: Graph, place: Place, argument: Any) -> Replacements:
    matrix = _transposed_from(argument)
    parameter = argument if matrix is None else matrix
    if place.multiplies_matrices and is_recorded(parameter) and not parameter.operation:
        words = PRODUCT + "the gradient of a parameter, not with itself"
        yield "other values", words, graph.right[argument], "d{0}"
    for other in _beside(graph, place, matrix) if matrix is not None else ():
        yield "wrong place", PRODUCT + "another matrix", plain(other).T, other, True


def _leaf_itself(graph: Graph, place: Place, argument: Any) -> Replacements:
    """Weights stand where each sample's input belongs: sum(delta) * w for x.T @ delta."""
    leaf, value = place.argument, plain(argument)
    if leaf.operation is not None or leaf.shape == value.shape or not place.multiplies_matrices:
        return
    for own, written in ((leaf._array, "{1}"), (leaf._array.T, "{1}.T"))[: leaf.ndim]:
        ends = zip(own.shape[::-1], value.shape[::-1])
        if own.ndim <= value.ndim and all(length in (1, of) for length, of in ends):
            words = PRODUCT + "{argument} itself, where the other factor belongs"
            written = f"np.broadcast_to({written}, {{0}}.shape)"
            yield "other values", words, np.broadcast_to(own, value.shape), written


def _transposed_from(argument: Any) -> Tensor | None:
    """The matrix that an argument is the transpose of, if it is one."""
    operation = argument.operation if isinstance(argument, Tensor) else None
    transposes = operation is not None and operation.function is np.transpose
    return argument.arguments[0] if transposes and argument.ndim == 2 else None


def _parts(graph: Graph, place: Place, argument: Any) -> Replacements:
    """A term of the sum that the other factor is; the derivative of the function that gives it."""
    row = argument.operation if is_recorded(argument) else None
    if row is None or not row.traits.elementwise:
        return
    given = [*map(plain, argument.arguments)]
    for slot in range(len(given)) if row.traits.additive else ():
        alone = [a if n == slot else 0 * a for n, a in enumerate(given)]
        words = PRODUCT + "one term of a sum: the others are left out"
        yield "other values", words, row.compute(*alone)
    if graph.places_of[argument][0].bends:
        slope = graph.places_of[argument][0].slopes
        words = f"{PRODUCT}the derivative of {row.name}, which gives the other factor, "
        yield "wrong formula", words + "and not with its value", slope
        yield "wrong formula", words + "besides its value", slope * argument._array
        given[graph.places_of[argument][0].slot] = argument._array
        words = f"{PRODUCT}what {row.name} makes of the other factor, which it has given already"
        yield "wrong place", words, row.value(*given, **argument.keywords)


def _of_its_entries(graph: Graph, place: Place, argument: Any) -> Replacements:
    value, words = plain(argument), "the other factor of {operation} "
    divides = place.operation.function is np.divide
    if divides or value.dtype.kind != "f" or not value.ndim or np.isin(value, (0, 1, -1)).all():
        return
    twice = "is multiplied in twice: what arrives contains it already"
    twice = "is squared" if place.multiplies_matrices else twice
    yield "derivative twice", words + twice, value**2, "({0} ** 2)"
    if not place.multiplies_matrices:
        return
    if (value < 0).any():
        yield "other values", words + "counts as its sign", np.sign(value)
    if value.all():
        words += "is left out, as if it were 1"
        yield "derivative forgotten", words, np.ones_like(value), "np.ones_like({0})"
    else:
        words += "counts only where it is not 0, as 1: x != 0"
        yield "other values", words, (value != 0).astype(value.dtype)


def _without_what_is_added(graph: Graph, place: Place, argument: Any) -> Replacements:
    """The other factor is data with a number added, which is left out: y for y + r."""
    value = plain(argument)
    if is_recorded(argument) or value.size < 3 or value.dtype.kind not in "fiu":
        return
    for other in [array for array in graph.plain_arrays if array.shape == value.shape]:
        added = value - np.asarray(other, float)
        if added.flat[0] and np.ptp(added) <= 1e-9 * abs(added.flat[0]) and np.ptp(other) > 0:
            number = f"{added.flat[0]:.6g}"
            words = f"of the other factor the number that is added, {number}, is left out"
            yield "wrong formula", words, np.asarray(other, float)


LARGEST_INVERSE = 64
"""Rows of a matrix that is inverted to see whether somebody did."""


def _of_matrices(graph: Graph, place: Place, argument: Any) -> Replacements:
    value = plain(argument)
    small = value.ndim == 2 and is_square(value) and len(value) <= LARGEST_INVERSE
    if place.multiplies_matrices and small and np.linalg.cond(value) < 1e8:
        words = "the inverse of the other factor stands where its transpose belongs"
        yield "transposed", words, np.linalg.inv(value).T, "np.linalg.inv({0}).T"
    summed = value.ndim - (1 if place.slot == 0 else 2)
    for axis in range(value.ndim) if place.multiplies_matrices and value.ndim > 1 else ():
        centred = value - value.mean(axis=axis, keepdims=True)
        words = f"{PRODUCT}its other factor less its mean over axis {axis}"
        if axis == summed:  # over another one it is the gradient itself that is centred
            yield "wrong formula", words, centred
        deviation = value.std(axis=axis, keepdims=True)
        if deviation.all():
            words += ", over the standard deviation: it is standardized"
            yield "wrong formula", words, centred / deviation
        total = value.sum(axis=axis, keepdims=True)
        if total.all():
            words = f"{PRODUCT}its other factor divided by the sums over axis {axis}"
            written = f"({{0}} / {{0}}.sum({axis}, keepdims=True))"
            yield "wrong formula", words, value / total, written
        for which, reduce in ONE_FOR_ALL if value.shape[axis] > 1 else ():
            of_samples = graph.lengths.get(value.shape[axis]) == SAMPLES
            what = which.format("sample" if of_samples else f"entry along axis {axis}")
            words = f"{PRODUCT}{what}, for all"
            yield "wrong axis", words, np.broadcast_to(reduce(value, axis), value.shape)


def _turned_kernels(graph: Graph, place: Place, argument: Any) -> Replacements:
    before = place.argument.operation
    windows = place.multiplies_entries and before is not None and before.traits.moves
    if not (place.multiplies_matrices or windows) or not is_recorded(argument):
        return
    leaf, moves = moved_from(argument)
    reshaped = leaf.ndim != argument.ndim or place.argument.ndim > 2 or windows
    if leaf.operation is None and leaf.ndim and (leaf.ndim != 2 or reshaped):
        for words, turned in turns_of(leaf._array):
            if turned.shape == leaf.shape and not np.array_equal(turned, leaf._array):
                yield "kernel", f"the kernel {words}", moved_again(turned, moves)


def turns_of(kernel: Array) -> Iterator[tuple[str, Array]]:
    """A kernel as people turn it by mistake, with words."""
    words = "is the other way round: flipped, where windows are added up on the way back, or not "
    words += "flipped, where it is slid over what arrives"
    yield words, np.flip(kernel, (-2, -1)[-kernel.ndim :])
    if kernel.ndim > 1:
        yield "is turned by 90 degrees, not by 180", np.rot90(kernel, -1, (-2, -1))
        yield "is turned by 270 degrees, not by 180", np.rot90(kernel, 1, (-2, -1))
        yield "is transposed", np.swapaxes(kernel, -2, -1)
        yield "is flipped along one axis only", np.flip(kernel, -1)
        yield "is flipped along one axis only", np.flip(kernel, -2)
        yield "is flipped and transposed", np.swapaxes(np.flip(kernel, (-2, -1)), -2, -1)


def moved_from(tensor: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What a tensor is a rearrangement of, and the operations, the last first."""
    moves = []
    while tensor.operation is not None and tensor.operation.traits.moves:
        moves.append(tensor)
        tensor = tensor.arguments[0]
    return tensor, moves


def moved_again(value: Array, moves: list[Tensor]) -> Array:
    """Another value, rearranged as `moved_from` has found it."""
    for node in reversed(moves):
        value = node.operation.compute(value, *map(plain, node.arguments[1:]), **node.keywords)
    return value


def _of_other_rows(graph: Graph, place: Place, argument: Any) -> Replacements:
    value = plain(argument)
    for other in next_slices(value):
        words = "the rows of the other factor are off by one: a slice of the same array"
        yield "misplaced", words, other
    if place.argument.operation is not None:
        return
    for axis in [axis for axis, length in enumerate(value.shape) if length > 1]:
        words = f"the {lines_along(value, axis)} of the other factor are in reverse order"
        yield "misplaced", words, np.flip(value, axis), f"np.flip({{0}}, {axis})"
    rolls = not is_recorded(argument) and value.ndim and len(value) > 2
    for shift in (1, -1) if rolls else ():
        words = "the rows of the other factor are shifted by one: those of the sample beside"
        yield "misplaced", words, np.roll(value, shift, axis=0), f"np.roll({{0}}, {shift}, axis=0)"


def next_slices(array: Any) -> Iterator[Array]:
    """Those that are off by one of the array that an array is a slice of."""
    base = array.base if isinstance(array, np.ndarray) else None
    if not isinstance(base, np.ndarray) or not array.ndim or base.strides != array.strides:
        return
    start, beyond = divmod(array.ctypes.data - base.ctypes.data, base.strides[0] or 1)
    if beyond or base.shape[1:] != array.shape[1:]:
        return
    for other in (start - 1, start + 1):
        if 0 <= other <= len(base) - len(array):
            yield base[other : other + len(array)]


def _reciprocals(graph: Graph, place: Place, argument: Any) -> Replacements:
    """It is divided where it is to be multiplied, or the factor is a product for a quotient."""
    value = plain(argument)
    if value.size < 2 or value.dtype.kind != "f" or place.operation.function is np.divide:
        return
    if value.all():
        yield "other values", PRODUCT + "1 over its other factor: it is divided by it", 1 / value
    row = argument.operation if is_recorded(argument) else None
    if row is None or row.function not in (np.divide, np.multiply):
        return
    one, other = map(plain, argument.arguments)
    if row.function is np.divide and np.size(other) > 1:
        words = "the other factor multiplied by its denominator, not divided by it"
        yield "other values", PRODUCT + words, one * other
        words = "the other factor divided by its denominator twice"
        yield "other values", PRODUCT + words, one / other / other
    for a, b in ((one, other), (other, one)) if row.function is np.multiply else ():
        if np.size(b) > 1 and np.all(b):
            words = "the other factor, a product, with a quotient in its place"
            yield "other values", PRODUCT + words, np.broadcast_to(a / b, value.shape)


def _in_a_loop(graph: Graph, place: Place, argument: Any) -> Replacements:
    """What arrives is multiplied in place in a loop, so that it collects factor after factor."""
    value = plain(argument)
    if value.ndim == 2 and place.argument.operation is None and value.dtype.kind == "f":
        for axis in (0, 1) if min(value.shape) > 1 else ():
            words = f"the products of the entries up to it along axis {axis}: what arrives is "
            words += "multiplied cumulatively in a loop, where each step needs it anew"
            yield "other values", PRODUCT + words, np.cumprod(value, axis)


IN_ITS_PLACE = (
    *(_parameters, _parts, _of_its_entries, _turned_kernels, _of_matrices, _of_other_rows),
    *(_reciprocals, _in_a_loop, _without_what_is_added, _leaf_itself),
)
"""What yields values that a product is taken with instead of its other factor."""


def _beside(graph: Graph, place: Place, argument: Any) -> Iterator[Any]:
    """What is multiplied nearby, and has an argument's shape."""
    is_leaf = is_recorded(argument) and argument.operation is None
    nearby: list[Any] = graph.leaves[:MOST_LEAVES] if is_leaf else []
    for near in graph.near(place):
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


MOST_LEAVES = 12
"""Parameters of which one may stand for another one, far from where that is used."""


def _in_words(argument: Any, others: Iterable[Any], own: Any) -> Iterator[tuple[str, bool, Any]]:
    """What others are in relation to an argument, the closest first, and whether they are close."""
    found = [(*_relation(argument, other, own), other) for other in others]
    for steps, what, other in sorted(found, key=lambda each: each[0]):
        # What is before a sum is no input that is mistaken for an output.
        row = argument.operation if is_recorded(argument) else None
        is_term = steps == 1 and row is not None and row.traits.additive
        yield what, steps < MOST_BETWEEN and not is_term, other


def _relation(argument: Any, other: Any, own: Any) -> tuple[int, str]:
    """In how many steps one is computed from the other, and what it is to it, in words."""
    for output, given, which, complement in (
        (argument, other, ("input", "output"), "{other}, where 1 - {other} belongs"),
        (other, argument, ("output", "input"), "1 - {own}, where {own} belongs"),
    ):
        steps = _steps_between(output, given)
        if steps == 1 and complements(other, argument):
            return steps, complement
        if steps:
            of_what = output.operation.name if steps == 1 else "a function"
            return steps, f"the {which[0]} of {of_what}, not its {which[1]}"
    if plain(other) is plain(own):
        return MOST_BETWEEN, "{argument} itself, where the other factor belongs"
    return MOST_BETWEEN, elsewhere(argument, other)


def complements(one: Any, other: Any) -> bool:
    """Whether two arrays, or what has them, add up to 1."""
    return np.allclose(plain(one) + plain(other), 1, rtol=0, atol=1e-12)


def elsewhere(argument: Any, other: Any) -> str:
    """Whose values others are that are not of a node close by, of its shape."""
    if _whole_of(argument) is not None and _whole_of(argument) is _whole_of(other):
        return "the values of another part of the same array, as of another time step"
    if is_recorded(other) and other.operation is None:
        return "the values of another parameter"
    if is_mask(plain(argument)) and is_mask(plain(other)):
        return "another mask, as that of another layer or step"
    if not is_recorded(argument) and not is_recorded(other):
        return "other data, {other}"
    if _steps_between(argument, other, any_shape=True):
        return "the values of an earlier layer"
    later = _steps_between(other, argument, any_shape=True)
    return f"the values of {'a later' if later else 'another'} layer"


def is_mask(array: Any) -> bool:
    """Whether all entries of an array are 0 or one other number."""
    if not is_array(array) or array.size < 2:
        return False
    are_two = bool(np.isin(array, (0, np.max(array))).all())
    return are_two and 0 < np.count_nonzero(array) < array.size


def _whole_of(part: Any) -> Any:
    """What an array, or a node, is a part of."""
    if is_recorded(part) and part.operation is not None:
        return part.arguments[0] if part.operation.traits.indexes else None
    array = plain(part)
    return array.base if isinstance(array, np.ndarray) else None


MOST_BETWEEN = 7
"""Steps from which on one is no longer looked for in what another one is computed from."""


def _steps_between(output: Any, given: Any, any_shape: bool = False) -> int:
    """In how many steps one is computed from the other, through arrays of its shape; else 0."""
    shape, level = np.shape(plain(output)), {id(plain(output)): output}
    for steps in range(1, MOST_BETWEEN):
        computed = [node for node in level.values() if isinstance(node, Tensor)]
        arguments = [a for node in computed for a in node.arguments if is_array(plain(a))]
        if any(plain(a) is plain(given) for a in arguments):
            return steps
        inner = [a for a in arguments if any_shape or plain(a).shape == shape]
        level = {id(plain(a)): a for a in inner}
    return 0
