"""What the tests of resuming share: runs that are built anew, interrupted and compared."""

import os
import signal

import numpy as np
import pytest
from training_runs import X, Y, assert_same, hook

import nn

pytest.importorskip("safetensors")

EPOCHS = 8


def dropped(dtype=np.float64):
    return nn.Sequential(
        nn.Dense(3, 8, activation="relu", rng=1, dtype=dtype),
        nn.Dropout(0.3, rng=2),
        nn.BatchNorm1d(8, dtype=dtype),
        nn.Residual(nn.Sequential(nn.Dense(8, 8, rng=3, dtype=dtype), nn.Dropout(0.2, rng=4))),
        nn.LayerNorm(8, dtype=dtype),
        nn.Dense(8, 1, rng=5, dtype=dtype),
    )


def by_groups(model):
    """Weights with l2, and biases without."""
    named = list(model.named_parameters())
    return [
        {"parameters": [p for name, p in named if "weight" in name], "l2": 0.01},
        {"parameters": [p for name, p in named if "bias" in name], "learning_rate": 0.02},
    ]


OPTIMIZERS = {
    "Adam": lambda model: nn.Adam(model.parameters(), learning_rate=0.01),
    "Adam with groups": lambda model: nn.Adam(by_groups(model), learning_rate=0.01),
    "AdamW": lambda model: nn.AdamW(model.parameters(), learning_rate=0.01),
    "NAdam": lambda model: nn.NAdam(model.parameters(), learning_rate=0.01),
    "momentum": lambda model: nn.SGD(model.parameters(), learning_rate=0.01, momentum=0.9),
    "average": lambda model: nn.SGD(
        model.parameters(), learning_rate=0.1, momentum=0.9, average=True
    ),
    "a schedule": lambda model: nn.Adam(
        model.parameters(), nn.Warmup(0.01, steps=4, then=nn.CosineAnnealing(0.01, steps=10))
    ),
    "RMSprop": lambda model: nn.RMSprop(model.parameters(), learning_rate=0.001),
    "Adagrad": lambda model: nn.Adagrad(model.parameters(), learning_rate=0.05),
}

SCHEDULES = {
    "step": lambda o: nn.LRSchedule(nn.StepDecay(o, every=2)),
    "one cycle": lambda o: nn.LRSchedule(nn.OneCycle(o, steps=24), every="batch"),
    "plateau": lambda o: nn.LRSchedule(nn.ReduceOnPlateau(o, patience=1, threshold=0.2)),
    "warm-up": lambda o: nn.LRSchedule(
        nn.Warmup(o, steps=4, then=nn.CosineAnnealing(o, steps=10)), every="batch"
    ),
}


class Run:
    """All that a training is made of, built from nothing, as a script would after a crash."""

    def __init__(self, *, model=dropped, optimizer="Adam", callbacks=lambda o: [], **options):
        self.model = model()
        self.optimizer = OPTIMIZERS[optimizer](self.model)
        self.callbacks = callbacks(self.optimizer)
        self.rng = np.random.default_rng(0)
        self.options = options

    def fit(self, *others, epochs=EPOCHS, resume_from=None):
        self.history = nn.fit(
            self.model,
            **{"X": X, "y": Y, "loss": nn.MSELoss(), **self.options},
            optimizer=self.optimizer,
            epochs=epochs,
            batch_size=4,
            callbacks=[*others, *self.callbacks],
            resume_from=resume_from,
            progress=False,
            rng=self.rng,
        )
        return self


def assert_same_run(run, other):
    assert run.history == other.history
    assert run.history.best_epoch == other.history.best_epoch
    assert run.history.stop_reason == other.history.stop_reason
    states, others = run.model.state_dict(), other.model.state_dict()
    assert list(states) == list(others)
    assert_same(states.values(), others.values())
    state, other_state = run.optimizer.state_dict(), other.optimizer.state_dict()
    assert state["groups"] == other_state["groups"]
    for entry, other_entry in zip(state["state"], other_state["state"], strict=True):
        assert entry.pop("steps") == other_entry.pop("steps")
        assert_same(entry.values(), other_entry.values())
    assert run.rng.random() == other.rng.random()
    for (_, module), (_, other_module) in zip(
        run.model.named_modules(), other.model.named_modules(), strict=True
    ):
        if isinstance(module, nn.Dropout):
            assert module.rng.random() == other_module.rng.random()


def ctrl_c(epoch, batch):
    return hook("batch_end", lambda training: os.kill(os.getpid(), signal.SIGINT), epoch, batch)


def interrupted(tmp_path, epoch, batch=1, run=Run, **options):
    """The path of the checkpoint that a run leaves which is interrupted in an epoch from 0."""
    path = tmp_path / "run.safetensors"
    run = run(**options).fit(nn.Checkpoint(path), ctrl_c(epoch, batch))
    assert "interrupted" in run.history.stop_reason
    return path


def watching(optimizer):
    return [
        nn.GradientMonitor(),
        nn.GradientClipping(max_norm=0.5),
        nn.EarlyStopping(patience=3, monitor="validation_loss"),
        nn.LRSchedule(nn.ExponentialDecay(optimizer, factor=0.7)),
    ]
