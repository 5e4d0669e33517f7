"""What stands in place of a product's other factor: its reciprocal, or products in a loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.forensics.place import Place, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.node import Array, plain

PRODUCT = "the product is taken with "
Factors = Iterator[tuple[str, str, Array]]
"""Kinds, words and values."""


def reciprocals(graph: Graph, place: Place, argument: Any) -> Factors:
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


def in_a_loop(graph: Graph, place: Place, argument: Any) -> Factors:
    """What arrives is multiplied in place in a loop, so that it collects factor after factor."""
    value = plain(argument)
    if value.ndim == 2 and place.argument.operation is None and value.dtype.kind == "f":
        for axis in (0, 1) if min(value.shape) > 1 else ():
            words = f"the products of the entries up to it along axis {axis}: what arrives is "
            words += "multiplied cumulatively in a loop, where each step needs it anew"
            yield "other values", PRODUCT + words, np.cumprod(value, axis)
