"""Names for the constant factors that people get wrong."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

from autograd_lite.forensics.replay import Graph


def factor_in_words(factor: float, graph: Graph, tolerance: float = 1e-6) -> str:
    """What a gradient that is `factor` times the right one lacks or has too much of.

    Empty if the number says nothing.
    """
    for value, words in _known_factors(graph):
        if math.isclose(factor, value, rel_tol=max(1e-6, tolerance)):
            return words
    return ""


def is_round(number: float) -> bool:
    """Whether a number has one significant digit, or two that end in 5.

    >>> is_round(0.003), is_round(0.25), is_round(0.123)
    (True, True, False)
    """
    if not 1e-9 < abs(number) < 1e9:
        return False
    digits = abs(number) / 10.0 ** math.floor(math.log10(abs(number)))
    return math.isclose(digits * 2, round(digits * 2), rel_tol=1e-6)


def rounded(number: float) -> float:
    """The round number close by, if there is one, else the number itself."""
    short = float(f"{number:.6g}")
    return short if math.isclose(short, number, rel_tol=1e-6) else number


def _known_factors(graph: Graph) -> Iterator[tuple[float, str]]:
    yield -1.0, "the sign is wrong"
    yield 0.0, "it is missing"
    lengths = lengths_of(graph)
    samples = {length: name for length, name in lengths.items() if name == SAMPLES}
    yield from _of_lengths(samples)
    names = {node.operation.name for node in graph.order if node.operation}
    if names & {"power", "square"}:
        yield 0.5, "a factor of 2 is missing, the 2 of the square"
        yield -0.5, "the 2 of the square is missing, and the sign is wrong"
    yield 2.0, "a factor of 2 too many"
    yield -2.0, "a factor of 2 too many, and the sign is wrong"
    yield from _of_lengths({length: lengths[length] for length in lengths.keys() - samples})
    for exponent in range(1, 6):
        for digit in (1, 2, 3, 5):
            rate = digit * 10.0**-exponent
            yield rate, f"it is multiplied by {rate:g}, as if by a learning rate"
            yield -rate, f"it is multiplied by {-rate:g}, as if by a negative learning rate"
    for length, name in lengths.items():
        yield 2.0 * length, f"a factor of 2 too many, and 1/{length} is missing, one over {name}"
        yield length / 2, f"1/{length} is missing, one over {name}, and so is a factor of 2"
        yield 2 / length, f"a factor of 2 too many, and divided by {length}, {name}, once too often"
        yield 0.5 / length, f"a factor of 2 is missing, and divided by {length}, {name}"
        yield float(length) ** -2, f"it is divided by {length}, {name}, twice too often"
        yield float(length) ** 2, f"1/{length} is missing twice, one over {name}"
    for (one, _), (other, _) in itertools.combinations(lengths.items(), 2):
        product = one * other
        yield float(product), f"1/{product} is missing, one over {one} times {other}"
        yield 1 / product, f"it is divided by {product}, {one} times {other}, once too often"


def _of_lengths(lengths: Mapping[int, str]) -> Iterator[tuple[float, str]]:
    for length, name in lengths.items():
        yield float(length), f"1/{length} is missing, one over {name}"
        yield 1 / length, f"it is divided by {length}, {name}, once too often"
        yield float(-length), f"1/{length} is missing, one over {name}, and the sign is wrong"
        yield -1 / length, f"it is divided by {length}, {name}, once too often; the sign is wrong"


SAMPLES = "the number of samples"


def lengths_of(graph: Graph) -> dict[int, str]:
    """The lengths of axes that losses are divided by, and what they count."""
    of_parameters = {length for leaf in graph.leaves() for length in leaf.shape}
    computed = [node for node in graph.order if node.operation is not None]
    found: dict[int, str] = {}
    for length in (length for node in computed for length in node.shape):
        is_batch = length not in of_parameters
        found.setdefault(length, SAMPLES if is_batch else "the length of an axis")
    for node in graph.bottlenecks():
        found.setdefault(node.size, "the number of entries")
    for length in (0, 1):
        found.pop(length, None)
    samples_first = sorted(found.items(), key=lambda item: item[1] != SAMPLES)
    return dict(samples_first[:8])
