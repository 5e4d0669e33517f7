"""Epochs whose figures are not measured."""

import numpy as np
import pytest

import nn
from autograd_lite.errors import ArgumentError

A = np.random.default_rng(0).normal(size=(12, 2))


def trained(epochs=7, evaluate_every=3, **options):
    model = nn.Dense(2, 1, rng=0)
    calls = []

    def metric(predictions, targets):
        calls.append(len(predictions))
        return 1.0

    history = nn.fit(
        model, A, A[:, :1], loss="mse", optimizer=nn.SGD(model.parameters(), 0.1), rng=0,
        epochs=epochs, evaluate_every=evaluate_every, metrics={"metric": metric}, progress=False,
        validation=(A, A[:, :1]), **options,
    )  # fmt: skip
    return history, calls


def test_figures_are_measured_every_so_many_epochs_and_at_the_end():
    every, _ = trained(evaluate_every=1)
    history, calls = trained()
    assert len(calls) == 2 * 3 + 2  # and in the rehearsal
    assert list(history) == list(every)
    for name, values in history.items():
        measured = [0, 1, 2, 3, 4, 5, 6] if name == "running_loss" else [2, 5, 6]
        assert [index for index, value in enumerate(values) if value == value] == measured
        assert [values[index] for index in measured] == [every[name][index] for index in measured]


def test_callbacks_wait_for_figures_that_are_measured():
    model = nn.Dense(2, 1, rng=0)
    optimizer = nn.SGD(model.parameters(), 1e-300)  # with which no loss changes
    plateau = nn.ReduceOnPlateau(optimizer, factor=0.5, patience=1)
    stopping = nn.EarlyStopping(patience=2, monitor="loss")
    history = nn.fit(
        model, A, A[:, :1], loss="mse", optimizer=optimizer, rng=0, epochs=20, evaluate_every=2,
        callbacks=[stopping, nn.LRSchedule(plateau, monitor="loss")], progress=False,
    )  # fmt: skip
    assert len(history["loss"]) == 6
    assert (stopping.best_epoch, plateau.t, plateau.reductions) == (1, 3, 1)


def test_a_checkpoint_of_another_rhythm_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    trained(callbacks=[nn.Checkpoint(path)])
    assert trained(epochs=9, resume_from=path)[0]["loss"][5] == trained()[0]["loss"][5]
    with pytest.raises(ArgumentError, match="evaluate_every is None, and was 3"):
        trained(evaluate_every=1, resume_from=path)
