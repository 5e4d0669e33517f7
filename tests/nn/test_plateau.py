"""ReduceOnPlateau: what it counts as an improvement, and what a figure is."""

import numpy as np
import pytest
from looping import looped
from trajectories import rates_of, sgd

import nn
from autograd_lite.errors import ArgumentError

NAN, INF = float("nan"), float("inf")


@looped(("name", "value"), [("mode", "max"), ("threshold", 0.5)])
def test_what_values_are_compared_by_may_be_assigned_and_forgets_the_best(name, value):
    options = {"factor": 0.5, "patience": 1}
    schedule, made = nn.ReduceOnPlateau(sgd(), **options), sgd()
    schedule.step(1.0)
    setattr(schedule, name, value)
    rates = rates_of(schedule.optimizer, schedule, [2.0, 3.0, 1.5, 1.2, 1.1])
    again = nn.ReduceOnPlateau(made, **options, **{name: value})
    assert rates == rates_of(made, again, [2.0, 3.0, 1.5, 1.2, 1.1])


def test_a_best_figure_is_not_taken_over_where_another_one_is_better():
    state = nn.ReduceOnPlateau(sgd(), mode="min").state_dict()
    with pytest.raises(ArgumentError, match=r"mode='min'.* instead of .*mode='max'"):
        nn.ReduceOnPlateau(sgd(), mode="max").load_state_dict(state)


def test_reduce_on_plateau_counts_from_the_last_improvement():
    optimizer = sgd(1.0)
    schedule = nn.ReduceOnPlateau(optimizer, factor=0.5, patience=2)
    rates = rates_of(optimizer, schedule, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    assert rates == [1.0] * 7 + [0.5, 0.5, 0.5, 0.25]


def test_reduce_on_plateau_with_mode_max_watches_for_growth():
    optimizer = sgd(1.0)
    schedule = nn.ReduceOnPlateau(optimizer, factor=0.5, patience=0, mode="max")
    assert rates_of(optimizer, schedule, [0.5, 0.7, 0.7, 0.6, 0.9]) == [1, 1, 1, 0.5, 0.25, 0.25]


def test_a_threshold_is_a_share_of_the_best_also_below_zero():
    optimizer = sgd(1.0)
    schedule = nn.ReduceOnPlateau(optimizer, factor=0.5, patience=0, threshold=0.1)
    assert rates_of(optimizer, schedule, [-10.0, -10.5, -11.5]) == [1.0, 1.0, 0.5, 0.5]


def test_nan_is_no_improvement():
    optimizer = sgd(1.0)
    schedule = nn.ReduceOnPlateau(optimizer, factor=0.5, patience=0)
    assert rates_of(optimizer, schedule, [NAN, 1.0, NAN]) == [1.0, 0.5, 0.5, 0.25]


def test_a_rate_below_the_minimum_is_not_raised():
    optimizer = sgd(0.01)
    schedule = nn.ReduceOnPlateau(optimizer, patience=0, minimum=0.1)
    assert rates_of(optimizer, schedule, [1.0, 1.0]) == [0.01, 0.01, 0.01]


@looped("value", [None, "a", [1.0]])
def test_reduce_on_plateau_needs_a_number(value):
    schedule = nn.ReduceOnPlateau(sgd())
    before = schedule.state_dict()
    with pytest.raises(ArgumentError, match="ReduceOnPlateau"):
        schedule.step(value)
    assert schedule.state_dict() == before


@pytest.mark.parametrize("value", [10**400, True, None, "a"])
def test_what_is_no_figure_is_refused_as_one_and_in_a_state(value):
    schedule = nn.ReduceOnPlateau(sgd())
    before = schedule.state_dict()
    with pytest.raises(ArgumentError, match=r"it watches a number"):
        schedule.step(value)
    with pytest.raises(ArgumentError, match=r"best is .* instead of a number or infinity"):
        schedule.load_state_dict({**before, "best": value})
    assert schedule.state_dict() == before


@pytest.mark.parametrize("value", [np.float32(0.5), 1, np.int8(1), INF, np.float16(NAN)])
def test_figures_are_of_any_type_of_numbers(value):
    schedule = nn.ReduceOnPlateau(sgd())
    schedule.step(value)
    state = schedule.state_dict()
    schedule.load_state_dict(state)
    assert schedule.state_dict() == state
