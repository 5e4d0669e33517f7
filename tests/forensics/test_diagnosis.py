"""Mistakes planted in derivations by hand are named: what kind, and where.

`confusion.py` prints the same table for all cases, of which these tests take some of each kind.
"""

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

OF_EACH_KIND = 5
OF_EACH_KIND_IN_FLOAT32 = 2
PAIRS = LOOPS = 15


@pytest.fixture(scope="module")
def groups():
    return all_groups()


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
        "branches",
        "constant statistics",
        "derivative forgotten",
        "derivative twice",
        "dropout",
        "dropped path",
        "factor",
        "not summed",
        "penalty",
        "previous step",
        "reshaped",
        "sign",
        "softmax cross terms",
        "stale weights",
        "swapped",
        "ties",
        "transposed",
        "wrong axis",
        "wrong place",
    }


def test_planted_mistakes_are_named_first_in_95_of_100_cases(groups):
    outcomes = [outcome(case) for case in single_mistakes(groups, OF_EACH_KIND)]
    print(f"\n{table(outcomes)}")
    assert all(each.called_wrong for each in outcomes)
    assert share_right(outcomes) >= 0.95


def test_planted_mistakes_are_named_first_in_90_of_100_cases_in_float32():
    cases = single_mistakes(dense_groups(np.float32), OF_EACH_KIND_IN_FLOAT32)
    assert {case.group.loss.dtype.name for case in cases} == {"float32"}
    outcomes = [outcome(case) for case in cases]
    print(f"\n{table(outcomes)}")
    assert share_right(outcomes) >= 0.90


def test_two_mistakes_at_once_are_both_named_in_80_of_100_cases(groups):
    cases = sample(double_mistakes(groups), PAIRS)
    outcomes = [outcome(case) for case in cases]
    print(f"\n{table(outcomes)}")
    assert share_right(outcomes) >= 0.80


def test_a_mistake_in_a_loop_over_the_layers_is_named_once_in_70_of_100_cases(groups):
    cases = sample(mistakes_in_loops(groups), LOOPS)
    outcomes = [outcome(case) for case in cases]
    print(f"\n{table(outcomes)}")
    assert share_right(outcomes) >= 0.70
