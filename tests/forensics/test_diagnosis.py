"""Mistakes planted in derivations by hand are named: what kind, and where.

`confusion.py` prints the same table for all cases, of which these tests take some of each kind.
"""

from typing import NamedTuple

import numpy as np
import pytest
from confusion import (
    all_groups,
    dense_groups,
    double_mistakes,
    mistakes_in_loops,
    outcome,
    sample,
    share_right,
    single_mistakes,
    table,
)

from autograd_lite import compare_gradients


class Tier(NamedTuple):
    """How many cases, in dense networks of how many layers."""

    layers: int
    of_each_kind: int
    in_float32: int
    pairs: int
    loops: int


TIERS = [
    pytest.param(Tier(2, 1, 10, 3, 3), id="few"),
    pytest.param(Tier(4, 5, 60, 15, 15), id="many", marks=pytest.mark.exhaustive),
]


@pytest.fixture(scope="module", params=TIERS)
def tier(request):
    return request.param


@pytest.fixture(scope="module")
def groups(tier):
    return all_groups(tier.layers)


def test_the_derivations_are_right_before_anything_is_planted(groups):
    for group in groups:
        right = {group.tensors[name]: gradient for name, gradient in group.right.items()}
        report = compare_gradients(group.loss, right)
        assert report, f"{group.title}\n{report}"
        assert report.explanations == []


def test_every_kind_of_mistake_is_planted(groups):
    kinds = {case.kind for group in groups for case in group.cases}
    assert kinds == {
        "another derivative",
        "another loss",
        "another quantity",
        "branches",
        "constant statistics",
        "copied",
        "cotangent lost",
        "derivative forgotten",
        "derivative twice",
        "dropout",
        "dropped path",
        "entries left out",
        "factor",
        "kernel",
        "labels",
        "misplaced",
        "not summed",
        "one path",
        "other step",
        "penalty",
        "previous step",
        "repeated index",
        "reshaped",
        "sign",
        "softmax cross terms",
        "stale weights",
        "swapped",
        "ties",
        "transposed",
        "wrong axis",
        "wrong formula",
        "wrong place",
    }


def test_planted_mistakes_are_named_first_in_95_of_100_cases(groups, tier):
    outcomes = [outcome(case) for case in single_mistakes(groups, tier.of_each_kind)]
    print(f"\n{table(outcomes)}")
    assert all(each.called_wrong for each in outcomes)
    assert share_right(outcomes) >= 0.95


@pytest.mark.exhaustive
def test_planted_mistakes_are_named_first_in_90_of_100_cases_in_float32(tier):
    groups = dense_groups(np.float32, tier.layers)
    cases = sample(single_mistakes(groups, 2), tier.in_float32)
    assert {case.group.loss.dtype.name for case in cases} == {"float32"}
    outcomes = [outcome(case) for case in cases]
    print(f"\n{table(outcomes)}")
    assert share_right(outcomes) >= 0.90


def test_two_mistakes_at_once_are_both_named_in_80_of_100_cases(groups, tier):
    cases = sample(double_mistakes(groups), tier.pairs)
    outcomes = [outcome(case) for case in cases]
    print(f"\n{table(outcomes)}")
    assert share_right(outcomes) >= 0.80


def test_a_mistake_in_a_loop_over_the_layers_is_named_once_in_70_of_100_cases(groups, tier):
    cases = sample(mistakes_in_loops(groups), tier.loops)
    outcomes = [outcome(case) for case in cases]
    print(f"\n{table(outcomes)}")
    assert share_right(outcomes) >= 0.70
