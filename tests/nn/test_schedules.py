"""Schedules: their rates, groups, composition, state, bad arguments."""

import copy
import json
import pickle

import numpy as np
import pytest
from looping import looped
from trajectories import GOLDEN, LOSSES, SCHEDULES, rates_of, sgd, torch_rates

import nn
from autograd_lite import AutogradError, Tensor
from autograd_lite.errors import ArgumentError

EVERY = looped("case", SCHEDULES)
RATES = json.loads((GOLDEN / "schedules.json").read_text())
NAN, INF = float("nan"), float("inf")


@EVERY
def test_the_rates_are_the_kept_numbers(case):
    optimizer = sgd()
    rates = rates_of(optimizer, SCHEDULES[case][0](optimizer), LOSSES)
    np.testing.assert_allclose(rates, RATES[case], rtol=1e-12)
    assert all(type(rate) is float for rate in rates)


@EVERY
def test_the_rates_agree_with_pytorch(case):
    pytest.importorskip("torch", reason="compares with PyTorch itself, where it is installed")
    optimizer = sgd()
    rates = rates_of(optimizer, SCHEDULES[case][0](optimizer), LOSSES)
    np.testing.assert_allclose(rates, torch_rates(case), rtol=1e-12)


def test_the_equations_at_some_times():
    optimizer = sgd(1.0)
    rates = rates_of(optimizer, nn.CosineAnnealing(optimizer, steps=4, minimum=0.2), [None] * 6)
    half = np.sqrt(0.5)
    expected = [1, 0.6 + 0.4 * half, 0.6, 0.6 - 0.4 * half, 0.2, 0.2, 0.2]
    np.testing.assert_allclose(rates, expected, rtol=1e-14)

    optimizer = sgd(1.0)
    rates = rates_of(optimizer, nn.OneCycle(optimizer, 5, rise=0.6), [None] * 6)
    np.testing.assert_allclose(
        rates, [0.04, 0.52, 1.0, (1 + 4e-6) / 2, 4e-6, 4e-6, 4e-6], rtol=1e-12
    )


@EVERY
def test_every_group_follows_from_its_own_rate(case):
    x, y = Tensor([1.0]), Tensor([2.0])
    optimizer = nn.SGD([{"parameters": [x], "learning_rate": 1.5}, {"parameters": [y]}], 0.5)
    schedule = SCHEDULES[case][0](optimizer)
    alone = sgd(1.5)
    other = SCHEDULES[case][0](alone)
    for loss, expected in zip(LOSSES, RATES[case][1:], strict=True):
        schedule.step(loss)
        other.step(loss)
        assert optimizer.groups[0]["learning_rate"] == alone.learning_rate
        assert optimizer.groups[1]["learning_rate"] == pytest.approx(expected, rel=1e-12)


def test_the_next_step_of_the_optimizer_takes_the_new_rate():
    x = Tensor([1.0], requires_grad=True)
    optimizer = nn.SGD([x], learning_rate=0.5)
    schedule = nn.ExponentialDecay(optimizer, factor=0.5)
    for _ in range(3):
        x.grad = np.ones(1)
        optimizer.step()
        schedule.step()
    assert x.item() == 1 - 0.5 - 0.25 - 0.125


# Given as the learning rate

FUNCTIONS = [case for case in SCHEDULES if case != "ReduceOnPlateau"]
CLASSES = ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW", "NAdam"]


def path(optimizer, x, after=lambda: None, steps=12):
    values = []
    for _ in range(steps):
        x.grad = np.cos(x.data)
        optimizer.step()
        after()
        values.append(x.data.copy())
    return np.array(values)


@looped("case", FUNCTIONS)
def test_a_schedule_is_a_function_of_the_step(case):
    optimizer = sgd()
    rates = rates_of(optimizer, SCHEDULES[case][0](optimizer), LOSSES)
    schedule = SCHEDULES[case][0](0.5)
    assert [schedule(t) for t in range(len(rates))] == rates


@looped("name", CLASSES)
def test_every_optimizer_takes_the_steps_of_the_schedule_it_is_given(name):
    x, y = (Tensor([1.0, -2.0], requires_grad=True) for _ in range(2))
    options = {"l2": 0.1, "weight_decay": 0.05}
    scheduled = getattr(nn, name)([x], nn.CosineAnnealing(0.2, steps=9, minimum=0.01), **options)
    stepped = getattr(nn, name)([y], 0.2, **options)
    schedule = nn.CosineAnnealing(stepped, steps=9, minimum=0.01)
    assert scheduled.learning_rate == 0.2
    np.testing.assert_array_equal(path(scheduled, x), path(stepped, y, schedule.step))
    assert scheduled.learning_rate == stepped.learning_rate == 0.01


def test_groups_may_have_schedules_and_numbers_of_their_own():
    x, y, z = (Tensor([0.0], requires_grad=True) for _ in range(3))
    groups = [
        {"parameters": [x]},
        {"parameters": [y], "learning_rate": 0.25},
        {"parameters": [z], "learning_rate": lambda step: float(step)},
    ]
    optimizer = nn.SGD(groups, learning_rate=nn.ExponentialDecay(1.0, factor=0.5))
    for _ in range(3):
        x.grad = y.grad = z.grad = np.array([-1.0])
        optimizer.step()
    assert (x.item(), y.item(), z.item()) == (1.75, 0.75, 3.0)


def test_steps_are_counted_by_the_optimizer_also_for_a_parameter_that_was_frozen():
    x, y = (Tensor([0.0], requires_grad=True) for _ in range(2))
    optimizer = nn.SGD([x, y], learning_rate=nn.ExponentialDecay(1.0, factor=0.5))
    for step in range(3):
        x.grad, y.grad = np.array([-1.0]), np.array([-1.0]) if step == 2 else None
        optimizer.step()
    assert (x.item(), y.item()) == (1.75, 0.25)


def test_a_number_that_is_assigned_takes_the_place_of_a_schedule_and_the_other_way_round():
    optimizer = sgd(nn.ExponentialDecay(1.0, factor=0.5))
    optimizer.learning_rate = 0.3
    optimizer.step()
    assert optimizer.learning_rate == 0.3
    optimizer.groups[0]["learning_rate"] = nn.ExponentialDecay(1.0, factor=0.5)
    optimizer.step()
    assert optimizer.learning_rate == 0.25


def test_a_step_whose_learning_rate_is_out_of_range_changes_nothing():
    x, y = (Tensor([1.0], requires_grad=True) for _ in range(2))
    groups = [{"parameters": [x]}, {"parameters": [y], "learning_rate": lambda step: 1.0 - step}]
    optimizer = nn.SGD(groups, learning_rate=0.5)
    for _ in range(2):
        x.grad = y.grad = np.ones(1)
        optimizer.step()
    before = optimizer.state_dict()
    with pytest.raises(ArgumentError, match=r"lambda.*in step 2 .*-1\.0"):
        optimizer.step()
    assert (x.item(), y.item()) == (0.0, 0.0)
    np.testing.assert_equal(optimizer.state_dict(), before)


@looped("name", CLASSES)
@looped("copied", [True, False], ids=["copied", "resumed"])
def test_an_optimizer_with_a_schedule_goes_on_where_it_was(name, copied):
    def made():
        x = Tensor([1.0, -2.0], requires_grad=True)
        then = nn.CosineAnnealing(0.2, steps=9)
        return x, getattr(nn, name)([x], nn.Warmup(0.2, steps=3, then=then))

    x, optimizer = made()
    path(optimizer, x, steps=5)
    if copied:
        y, other = copy.deepcopy((x, optimizer))
    else:
        y, other = made()
        y.data = x.data.copy()
        other.load_state_dict(json.loads(json.dumps(optimizer.state_dict(), default=list)))
    assert other.learning_rate == optimizer.learning_rate
    np.testing.assert_array_equal(path(other, y, steps=6), path(optimizer, x, steps=6))


def test_a_state_is_of_the_same_schedule():
    state = sgd(nn.StepDecay(0.5, every=2)).state_dict()
    kept = state["groups"][0]["learning_rate"]
    assert kept.rpartition(" ")[0] == "StepDecay(base=0.5, every=2, factor=0.1)"
    others = (0.5, nn.StepDecay(0.5, every=3), nn.ExponentialDecay(0.5, 0.1), lambda step: 0.5)
    for rate in others:
        with pytest.raises(
            ArgumentError, match=r"the learning rate of group 0 is .*, and was StepDecay"
        ):
            sgd(rate).load_state_dict(state)
    sgd(nn.StepDecay(np.float32(0.5), every=np.int64(2))).load_state_dict(state)
    with pytest.raises(ArgumentError, match=r"is StepDecay.*was 0\.5"):
        sgd(nn.StepDecay(0.5, every=2)).load_state_dict(sgd(0.5).state_dict())


def test_the_text_of_a_schedule_does_not_write_out_its_optimizer():
    optimizer = sgd(0.5)
    after = nn.StepDecay(optimizer, every=2)
    assert repr(nn.Warmup(optimizer, steps=3, then=after)) == (
        "Warmup(base=SGD(...), steps=3, then=StepDecay(base=SGD(...), every=2, factor=0.1))"
    )


def test_a_training_with_a_schedule_is_diagnosed():
    model = nn.Dense(2, 1, rng=0)
    optimizer = nn.SGD(model.parameters(), nn.ExponentialDecay(0.1, factor=0.5))
    optimizer.step()
    samples = np.random.default_rng(0).normal(size=(16, 2))
    nn.diagnose(model, samples, samples[:, :1], loss=nn.MSELoss(), optimizer=optimizer)
    assert (optimizer.steps, optimizer.learning_rate) == (1, 0.05)


# Warm-up before another schedule

AFTER = {
    "StepDecay": lambda o: nn.StepDecay(o, every=2, factor=0.5),
    "CosineAnnealing": lambda o: nn.CosineAnnealing(o, steps=8),
    "OneCycle": lambda o: nn.OneCycle(o, steps=9),
    "ReduceOnPlateau": lambda o: nn.ReduceOnPlateau(o, factor=0.5, patience=1),
    "Warmup": lambda o: nn.Warmup(o, steps=3),
}


@looped("case", AFTER)
def test_warm_up_rises_to_where_the_next_schedule_begins_and_then_follows_it(case):
    optimizer, alone = sgd(), sgd()
    losses = [0.3, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1]
    expected = rates_of(alone, AFTER[case](alone), losses)
    schedule = nn.Warmup(optimizer, steps=4, then=AFTER[case](optimizer))
    rates = rates_of(optimizer, schedule, [9.0] * 4 + losses)
    np.testing.assert_allclose(rates[:5], np.arange(1, 6) / 5 * expected[0], rtol=1e-14)
    np.testing.assert_array_equal(rates[4:], expected)


# State


RESUMED = {case: make for case, (make, _) in SCHEDULES.items()} | {
    f"Warmup, then {case}": lambda o, make=make: nn.Warmup(o, steps=4, then=make(o))
    for case, make in AFTER.items()
}


@looped("case", RESUMED)
@looped("before", [2, 4, 9])
def test_a_schedule_resumed_from_its_state_goes_on_alike(case, before):
    optimizer = sgd()
    schedule = RESUMED[case](optimizer)
    rates_of(optimizer, schedule, LOSSES[:before])
    state = pickle.loads(pickle.dumps(schedule.state_dict()))
    expected = rates_of(optimizer, schedule, LOSSES[before:])

    other = sgd(3.0)
    resumed = RESUMED[case](other)
    resumed.load_state_dict(state)
    assert rates_of(other, resumed, LOSSES[before:]) == expected


STATE = {"kind": "ExponentialDecay", "steps": 1, "base_rates": [0.5]}
BAD_STATES = {
    "no dict": 3,
    "empty": {},
    "with more": {**STATE, "best": 1.0},
    "of another kind": {**STATE, "kind": "StepDecay"},
    "other groups": {**STATE, "base_rates": [0.5, 0.5]},
    "no rates": {**STATE, "base_rates": 0.5},
    "bad rate": {**STATE, "base_rates": [NAN]},
    "bad steps": {**STATE, "steps": "a"},
    "negative steps": {**STATE, "steps": -1},
    "half a step": {**STATE, "steps": 0.5},
}


@looped("name", BAD_STATES)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_loaded(name):
    optimizer = sgd()
    schedule = nn.ExponentialDecay(optimizer, factor=0.5)
    schedule.step()
    with pytest.raises(ArgumentError, match="ExponentialDecay"):
        schedule.load_state_dict(BAD_STATES[name])
    assert schedule.state_dict() == STATE
    assert optimizer.learning_rate == 0.25


@looped("kept", RESUMED)
@looped("other", RESUMED)
def test_a_state_is_loaded_into_a_schedule_of_its_own_kind_only(kept, other):
    kinds = {type(RESUMED[case](sgd())) for case in (kept, other)}
    if len(kinds) == 1:
        return
    optimizer = sgd(3.0)
    schedule, rate = RESUMED[other](optimizer), optimizer.learning_rate
    with pytest.raises(ArgumentError, match=r"kind is .* instead of "):
        schedule.load_state_dict(RESUMED[kept](sgd()).state_dict())
    assert optimizer.learning_rate == rate


def test_a_bad_state_inside_of_a_warm_up_is_refused_and_nothing_is_loaded():
    optimizer = sgd()
    schedule = nn.Warmup(optimizer, steps=3, then=nn.ExponentialDecay(optimizer, factor=0.5))
    before = schedule.state_dict()
    with pytest.raises(ArgumentError):
        schedule.load_state_dict({**before, "then": {}})
    assert schedule.state_dict() == before
    assert optimizer.learning_rate == 0.125


# Bad arguments


BAD = [
    *[(nn.StepDecay, {"every": v}) for v in (0, -1, 1.5, NAN, "a", None, True)],
    *[(nn.StepDecay, {"every": 2, "factor": v}) for v in (0, -1, 1.1, NAN, "a", None)],
    *[(nn.ExponentialDecay, {"factor": v}) for v in (0, -1, 1.1, NAN, "a", None)],
    *[(nn.CosineAnnealing, {"steps": v}) for v in (0, -1, 1.5, NAN, "a", None)],
    *[(nn.CosineAnnealing, {"steps": 2, "minimum": v}) for v in (-1, NAN, INF, "a")],
    *[(nn.OneCycle, {"steps": v}) for v in (0, 3, 1.5, NAN, "a", None)],
    *[(nn.OneCycle, {"steps": 9, "rise": v}) for v in (-0.1, 0, 1, NAN, "a")],
    *[(nn.OneCycle, {"steps": 9, "initial_divisor": v}) for v in (0, -1, NAN, "a")],
    *[(nn.OneCycle, {"steps": 9, "final_divisor": v}) for v in (0, -1, NAN, "a")],
    *[(nn.ReduceOnPlateau, {"factor": v}) for v in (0, -1, 1.1, NAN, "a")],
    *[(nn.ReduceOnPlateau, {"patience": v}) for v in (-1, NAN, "a", None)],
    *[(nn.ReduceOnPlateau, {"threshold": v}) for v in (-1, NAN, "a", None)],
    *[(nn.ReduceOnPlateau, {"minimum": v}) for v in (-1, NAN, "a", None)],
    *[(nn.ReduceOnPlateau, {"mode": v}) for v in ("best", None)],
    *[(nn.Warmup, {"steps": v}) for v in (0, -1, 1.5, NAN, "a", None)],
]


@looped(("schedule", "options"), BAD, ids=str)
def test_a_bad_argument_is_refused_by_name_and_the_rate_stays(schedule, options):
    optimizer = sgd()
    with pytest.raises(ArgumentError, match=next(reversed(options))):
        schedule(optimizer, **options)
    assert optimizer.learning_rate == 0.5


@EVERY
def test_a_schedule_of_something_else_is_refused(case):
    with pytest.raises(AutogradError):
        SCHEDULES[case][0](nn.Dense(1, 1))
    with pytest.raises(ArgumentError, match="would stay 0"):
        SCHEDULES[case][0](sgd(0.0))


@looped("then", [3, nn.ExponentialDecay, nn.ExponentialDecay(sgd(), 0.5)])
def test_a_warm_up_before_something_else_is_refused(then):
    with pytest.raises(AutogradError, match="then"):
        nn.Warmup(sgd(), steps=2, then=then)
