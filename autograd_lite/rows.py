"""Carry many cotangents back at once: one in each row of an array, which has an axis in front."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.engine import given_to_rules
from autograd_lite.fitting import match, without_nan
from autograd_lite.node import Array, Cotangents, Node, Pass
from autograd_lite.precision import widened


def apply_rule_to_rows(node: Node, cotangents: Cotangents, way: Pass, careful: bool) -> None:
    """Do what `engine.apply_rule` does, for cotangents that have one more axis in front."""
    rows = cotangents[node]
    given = given_to_rules(node, rows, way.create_graph)
    indices = [
        index
        for index in node.wanted
        if (argument := node.arguments[index])._requires_grad and argument not in way.left_out
    ]
    with np.errstate(all="ignore") if careful else nullcontext():
        found = _contributions(node, given, indices, careful)
    for index, contribution in zip(indices, found):
        argument = node.arguments[index]
        before = cotangents.get(argument)
        cotangents[argument] = contribution if before is None else before + contribution


def _contributions(
    node: Node, given: Sequence[Any], indices: list[int], careful: bool
) -> list[Array]:
    """What reaches some arguments of a node: by its rules at once where all they do allows it.

    Rules of users are asked row by row: what they do with an axis in front, nobody has said.
    """
    operation, rows = node.operation, given[0]
    traits = operation.traits if operation.is_own() else None
    if traits and (traits.elementwise or traits.in_rows):
        found = [operation.contribution(index, given, node.keywords) for index in indices]
        return [_matched(one, node, index, rows, careful) for index, one in zip(indices, found)]
    if traits and traits.moves:
        return [_moved_back(node, rows)]
    collected: list[list[Array]] = [[] for _ in indices]
    for row in rows:
        given_for_row = [row, *given[1:]]
        for index, contributions in zip(indices, collected):
            contribution = operation.contribution(index, given_for_row, node.keywords)
            if careful:
                contribution = without_nan(contribution, row)
            contributions.append(match(contribution, node.arguments[index]._array, node))
    return [*map(np.stack, collected)]


def _matched(contribution: Array, node: Node, index: int, rows: Array, careful: bool) -> Array:
    """What `engine.match` gives for each row of a contribution."""
    value, ndim = node.arguments[index]._array, node._array.ndim
    if not node.operation.traits.in_rows and np.ndim(contribution) <= ndim:
        # It does not depend on the cotangent: all rows share it.
        contribution = np.broadcast_to(contribution, rows.shape)
    if careful:
        contribution = without_nan(contribution, rows)
    shape = (len(rows), *value.shape)
    if contribution.shape == shape and contribution.dtype == value.dtype:
        return contribution
    surplus = tuple(range(1, contribution.ndim - value.ndim))
    if surplus:
        contribution = widened(contribution).sum(axis=surplus)
    return match(contribution, np.broadcast_to(value.dtype.type(0), shape), node)


def _moved_back(node: Node, rows: Array) -> Array:
    """What reaches the first argument of a function that moves its entries.

    The function itself, applied to the positions of the entries, says where they come from.
    """
    array, *others = node.arguments
    positions = np.arange(array.size).reshape(array.shape)
    places = np.reshape(node.operation.compute(positions, *others, **node.keywords), -1)
    flat = rows.reshape((len(rows), -1))
    went = np.full(array.size, places.size)
    went[places] = np.arange(places.size)
    if np.count_nonzero(went < places.size) == places.size:
        # None went to two places: so it is where it went, or 0, which takes a tenth of the time.
        nothing = np.zeros((len(rows), 1), rows.dtype)
        flat = np.concatenate([flat, nothing], axis=1)[:, went]
    else:
        flat = scatter(flat, (slice(None), places), (len(rows), array.size))
    return flat.reshape((len(rows), *array.shape))
