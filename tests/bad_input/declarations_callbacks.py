"""Bad input of callbacks: options, states, and trainings that they cannot work in."""

import numpy as np
from declarations_training import fit
from declaring import bad, declare, nothing, number
from world import NAN, X, Y

import nn
from autograd_lite.errors import ArgumentError, FileError, ShapeError, UnsupportedError

NO_ARRAY = {"shape": "it takes no array"}
LOAD = "load_state_dict into"


def trained(make):
    """Leave a callback behind that has seen a training."""

    def given(w):
        w.callback = make(w)
        fit(w, callbacks=[w.callback], epochs=2)

    return given


def states(make, *changes, named=None):
    """Refusals of a state, of which nothing is loaded."""
    given = trained(make)

    def refusal(kind, change):
        def load(w):
            state = w.callback.state_dict()
            replaced = change(state)
            w.callback.load_state_dict(state if replaced is None else replaced)

        return bad(kind, load, ArgumentError, LOAD, given=given, named=named)

    return [
        refusal("type", lambda s: 3),
        refusal("length", lambda s: {}),
        refusal("length", lambda s: s.update(odd=1)),
        *(refusal(kind, change) for kind, change in changes),
    ]


def step_decay(w):
    return nn.StepDecay(w.optimizer, every=2)


def other(make):
    """A schedule of another optimizer."""
    return nn.LRSchedule(make(nn.SGD(nn.Dense(1, 1).parameters(), learning_rate=0.1)))


def monitor(w, **options):
    given = {"X": X, "y": Y, "loss": nn.MSELoss()} | options
    return nn.DiagnosisMonitor(given.pop("X"), given.pop("y"), **given)


AVERAGES = (
    ("type", lambda s: s.update(averages=3)),
    ("type", lambda s: s.update(count="a")),
    ("range", lambda s: s.update(count=-1)),
)

DECLARED = {
    "nn.Callback": nothing("its hooks do nothing, and take what fit gives them"),
    "nn.Training": nothing("what fit gives to hooks: a plain record"),
    "nn.EarlyStopping": declare(
        number("patience", lambda w, v: nn.EarlyStopping(patience=v), 0, -1, 1.5, True),
        number("min_delta", lambda w, v: nn.EarlyStopping(min_delta=v), -0.1, float("inf")),
        bad("type", lambda w: nn.EarlyStopping(monitor=3), ArgumentError, "monitor=3"),
        bad("type", lambda w: nn.EarlyStopping(mode=["min"]), ArgumentError, "mode=['min']"),
        bad("type", lambda w: nn.EarlyStopping(mode=np.ones(2)), ArgumentError, "array (2,)"),
        bad("range", lambda w: nn.EarlyStopping(mode="best"), ArgumentError, "mode='best'"),
        bad("range", lambda w: fit(w, callbacks=[nn.EarlyStopping(monitor="my_loss")]),
            ArgumentError, "monitor='my_loss'"),
        states(
            lambda w: nn.EarlyStopping(),
            ("type", lambda s: s.update(waited="a")),
            ("type", lambda s: s.update(best_epoch=1.5)),
            ("type", lambda s: s.update(best_weights=[1.0])),
            ("type", lambda s: s.update(best_weights={"0.weight": "a"})),
        ),
        **NO_ARRAY,
    ),
    "nn.LRSchedule": declare(
        bad("type", lambda w: nn.LRSchedule(3), UnsupportedError, "of 3"),
        bad("type", lambda w: nn.LRSchedule(nn.StepDecay), UnsupportedError, "StepDecay"),
        bad("type", lambda w: nn.LRSchedule(step_decay(w), every=1), ArgumentError, "every=1"),
        bad("type", lambda w: nn.LRSchedule(step_decay(w), every=np.ones(2)), ArgumentError,
            "every=array (2,)"),
        bad("type", lambda w: nn.LRSchedule(step_decay(w), monitor=3), ArgumentError, "monitor=3"),
        bad("range", lambda w: nn.LRSchedule(step_decay(w), every="day"), ArgumentError, "'day'"),
        bad("range", lambda w: nn.LRSchedule(nn.ReduceOnPlateau(w.optimizer), every="batch"),
            ArgumentError, "ReduceOnPlateau"),
        bad("type", lambda w: fit(w, callbacks=[nn.LRSchedule(nn.StepDecay(0.1, every=2))]),
            ArgumentError, "base=0.1", named="StepDecay"),
        bad("range", lambda w: fit(w, callbacks=[other(nn.ReduceOnPlateau)]), ArgumentError,
            "ReduceOnPlateau"),
        states(
            lambda w: nn.LRSchedule(step_decay(w)),
            ("type", lambda s: s.update(steps="a")),
            ("nan", lambda s: s.update(base_rates=[NAN])),
            ("range", lambda s: s.update(steps=-1)),
            named="StepDecay",
        ),
        **NO_ARRAY,
    ),
    "nn.GradientMonitor": declare(
        states(
            lambda w: nn.GradientMonitor(),
            ("type", lambda s: s.update(norms=3)),
            ("type", lambda s: s.update(norms={"0.weight": 3})),
        ),
        range="it takes no argument",
        nan="it takes no argument",
        **NO_ARRAY,
    ),
    "nn.StochasticWeightAveraging": declare(
        number("first_epoch", lambda w, v: nn.StochasticWeightAveraging(v), -1, 0.5),
        states(lambda w: nn.StochasticWeightAveraging(), *AVERAGES),
        **NO_ARRAY,
    ),
    "nn.ExponentialMovingAverage": declare(
        number("decay", lambda w, v: nn.ExponentialMovingAverage(v), -0.1, 1),
        states(lambda w: nn.ExponentialMovingAverage(), *AVERAGES),
        **NO_ARRAY,
    ),
    "nn.GradientClipping": declare(
        number("max_norm", lambda w, v: nn.GradientClipping(v), 0, -1, float("inf")),
        number("max_value", lambda w, v: nn.GradientClipping(max_value=v), 0, -1),
        bad("length", lambda w: nn.GradientClipping(), ArgumentError, "max_norm=None"),
        bad("length", lambda w: nn.GradientClipping(1.0, 2.0), ArgumentError, "max_value=2.0"),
        **NO_ARRAY,
    ),
    "nn.DiagnosisMonitor": declare(
        number("every", lambda w, v: monitor(w, every=v), 0, -1, 1.5),
        bad("type", lambda w: fit(w, callbacks=[monitor(w, loss=3)]), ArgumentError,
            "loss=3", named="loss"),
        bad("type", lambda w: fit(w, callbacks=[monitor(w, X=X.astype(str))]), UnsupportedError,
            "(12, 2)", named="diagnose"),
        bad("shape", lambda w: fit(w, callbacks=[monitor(w, X=np.ones((4, 5)))]), ShapeError,
            "(4, 5)", named="Dense"),
        bad("length", lambda w: fit(w, callbacks=[monitor(w, y=Y[:3])]), ShapeError, "(3, 1)",
            named="MSELoss"),
    ),
    "nn.CSVLog": declare(
        bad("type", lambda w: nn.CSVLog(3), UnsupportedError, "3"),
        bad("range", lambda w: nn.CSVLog(""), ArgumentError, "empty"),
        bad("range", lambda w: fit(w, callbacks=[nn.CSVLog(w.folder)]), FileError, "folder"),
        states(
            lambda w: nn.CSVLog(w.folder / "log.csv"),
            ("type", lambda s: s.update(learning_rates=3)),
            ("type", lambda s: s.update(learning_rates=[["a"]])),
        ),
        nan="it takes no number",
        **NO_ARRAY,
    ),
    "nn.TensorBoard": declare(
        number("histograms", lambda w, v: nn.TensorBoard("a", histograms=v), -1, 1.5),
        bad("type", lambda w: nn.TensorBoard(3), UnsupportedError, "3"),
        bad("range", lambda w: nn.TensorBoard(""), ArgumentError, "empty"),
        bad("range", lambda w: fit(w, callbacks=[nn.TensorBoard(w.saved())]), FileError,
            "exists"),
        length="it takes no list",
        **NO_ARRAY,
    ),
    "nn.Checkpoint": declare(
        number("every", lambda w, v: nn.Checkpoint(w.saved("new"), every=v), 0, -1, 1.5),
        bad("type", lambda w: nn.Checkpoint(3), UnsupportedError, "3"),
        bad("type", lambda w: nn.Checkpoint(None), UnsupportedError, "None"),
        bad("type", lambda w: nn.Checkpoint(b"run"), UnsupportedError, "b'run'"),
        length="it takes no list",
        **NO_ARRAY,
    ),
}  # fmt: skip
