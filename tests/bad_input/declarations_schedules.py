"""Bad input of learning-rate schedules; the optimizer's rates stay as they are."""

import numpy as np
from declaring import bad, declare, number
from world import NAN

import nn
from autograd_lite.errors import ArgumentError, UnsupportedError

NO_ARRAY = {"shape": "it takes no array"}
NOTHING_LISTED = {"length": "only a state has lists, and those of a state are declared"}


def of_something_else(make):
    """Refusals of what is no optimizer, and no learning rate."""
    return [
        bad("type", lambda w: make("abc"), ArgumentError, "base='abc'"),
        bad("type", lambda w: make(True), ArgumentError, "base=True"),
        bad("type", lambda w: make(nn.SGD), ArgumentError, "base=SGD"),
        bad("type", lambda w: make(w.model), ArgumentError, "base=Sequential"),
    ]


def states(make):
    """Refusals of a state, of which nothing is loaded."""

    def given(w):
        w.schedule = make(w.optimizer)
        w.schedule.step(0.5)

    def refusal(sort, change):
        def load(w):
            state = w.schedule.state_dict()
            replaced = change(state)
            w.schedule.load_state_dict(state if replaced is None else replaced)

        named = "load_state_dict into"
        kind = "Schedule" if make is nn.Schedule else ""
        return bad(sort, load, ArgumentError, kind, given=given, named=named)

    return [
        refusal("type", lambda s: 3),
        refusal("type", lambda s: s.update(base_rates=0.1)),
        refusal("type", lambda s: s.update(base_rates=["a"])),
        refusal("type", lambda s: s.update(steps=True)),
        refusal("type", lambda s: s.update(steps="a")),
        refusal("range", lambda s: s.update(base_rates=[-0.1])),
        refusal("range", lambda s: s.update(steps=-1)),
        refusal("nan", lambda s: s.update(steps=NAN)),
        refusal("nan", lambda s: s.update(base_rates=[NAN])),
        refusal("length", lambda s: s.update(base_rates=[0.1, 0.1])),
        refusal("length", lambda s: s.pop("steps") and None),
        refusal("length", lambda s: s.update(odd=1)),
    ]


def schedule(kind, numbers, **options):
    def make(optimizer, **given):
        return kind(optimizer, **{**options, **given})

    return declare(
        of_something_else(make),
        states(make),
        *(
            number(name, lambda w, v, name=name: make(w.optimizer, **{name: v}), *beyond)
            for name, beyond in numbers.items()
        ),
        **NO_ARRAY,
    )


def joined(declaration, *more):
    return declare(declaration.calls, *more, **declaration.impossible)


def plateau(w):
    w.schedule = nn.ReduceOnPlateau(w.optimizer, patience=1)
    w.schedule.step(0.5)


def watched(value, *words):
    return bad("type", lambda w: w.schedule.step(value), ArgumentError, *words, given=plateau)


def scheduled():
    """An optimizer whose learning rate is a schedule."""
    return nn.SGD(nn.Dense(1, 1).parameters(), learning_rate=nn.StepDecay(0.1, every=2))


def other_optimizer():
    return nn.SGD(nn.Dense(1, 1).parameters(), learning_rate=0.1)


COUNTS = (0, -1, 2.5, True)
FACTORS = (0, -0.1, 1.1)

DECLARED = {
    "nn.Schedule": declare(
        of_something_else(nn.Schedule),
        states(lambda optimizer: nn.StepDecay(optimizer, every=2)),
        *(
            bad(kind, lambda w, v=v: nn.Schedule(v), ArgumentError, f"base={v}")
            for kind, v in (("nan", NAN), ("range", -0.1), ("range", float("inf")))
        ),
        bad("type", lambda w: nn.Schedule(0.1).step(), ArgumentError, "base=0.1"),
        bad("range", lambda w: nn.Schedule(scheduled()), ArgumentError, "SGD"),
        **NO_ARRAY,
    ),
    "nn.StepDecay": schedule(nn.StepDecay, {"every": COUNTS, "factor": FACTORS}, every=2),
    "nn.ExponentialDecay": schedule(nn.ExponentialDecay, {"factor": FACTORS}, factor=0.5),
    "nn.CosineAnnealing": schedule(
        nn.CosineAnnealing, {"steps": COUNTS, "minimum": (-0.1, float("inf"))}, steps=4
    ),
    "nn.OneCycle": joined(
        schedule(
            nn.OneCycle,
            {
                "steps": COUNTS,
                "rise": (-0.1, 1.0),
                "initial_divisor": (0, -1),
                "final_divisor": (0, -1),
            },
            steps=10,
        ),
        bad("range", lambda w: nn.OneCycle(w.optimizer, steps=2), ArgumentError, "steps=2"),
        bad("range", lambda w: nn.OneCycle(w.optimizer, steps=10, rise=0.05), ArgumentError,
            "rise=0.05"),
    ),
    "nn.ReduceOnPlateau": joined(
        schedule(
            nn.ReduceOnPlateau,
            {
                "factor": FACTORS,
                "patience": (-1, 1.5, True),
                "threshold": (-0.1, float("inf")),
                "minimum": (-0.1, float("inf")),
            },
        ),
        bad("type", lambda w: nn.ReduceOnPlateau(0.1), ArgumentError, "base=0.1"),
        bad("type", lambda w: nn.ReduceOnPlateau(w.optimizer, mode=["min"]), ArgumentError,
            "mode=['min']"),
        bad("type", lambda w: nn.ReduceOnPlateau(w.optimizer, mode=np.ones(2)), ArgumentError,
            "mode=array (2,)"),
        bad("range", lambda w: nn.ReduceOnPlateau(w.optimizer, mode="best"), ArgumentError,
            "mode='best'"),
        watched(None, "None"),
        watched("a", "'a'"),
        watched(True, "True"),
        watched(np.ones(2), "array (2,)"),
    ),
    "nn.Warmup": joined(
        schedule(nn.Warmup, {"steps": COUNTS}, steps=3),
        bad("type", lambda w: nn.Warmup(w.optimizer, 2, then=3), UnsupportedError, "then=3"),
        bad("type", lambda w: nn.Warmup(w.optimizer, 2, then=nn.StepDecay), UnsupportedError,
            "then=StepDecay"),
        bad("type",
            lambda w: nn.Warmup(w.optimizer, 2, then=nn.StepDecay(other_optimizer(), every=2)),
            UnsupportedError, "then=StepDecay"),
        bad("range", lambda w: nn.Warmup(0.1, 2, then=nn.StepDecay(0.2, every=2)),
            UnsupportedError, "then=StepDecay"),
    ),
}  # fmt: skip
