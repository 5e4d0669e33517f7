"""`DiagnosisMonitor`: when it diagnoses, what it prints, and how it goes on."""

import json
from functools import cache

import numpy as np
import pytest
from ailing import LOSS, X, Y, healthy, ill
from looping import looped

import nn
from autograd_lite.errors import ArgumentError, AutogradError


def fit(model, loss, callback, epochs=4, rate=0.1, **options):
    optimizer = nn.SGD(model.parameters(), rate)
    options = {"batch_size": 8, "progress": False, "rng": 0, **options}
    return nn.fit(
        model, X, Y, loss=loss, optimizer=optimizer, epochs=epochs, callbacks=[callback], **options
    )


def test_the_callback_reports_before_training_and_every_few_epochs(capsys):
    monitor = nn.DiagnosisMonitor(X, Y, loss=LOSS, every=2)
    fit(healthy(), LOSS, monitor, epochs=5)
    assert list(monitor.reports) == [0, 2, 4]
    assert all(monitor.reports.values())
    assert monitor.findings == []
    assert capsys.readouterr().out == ""


def test_the_callback_prints_each_finding_once(capsys):
    monitor = nn.DiagnosisMonitor(X, Y, loss=LOSS, every=1)
    fit(ill(), LOSS, monitor)
    names = [finding.name for finding in monitor.findings]
    assert names == [finding.name for finding in monitor.reports[0].findings]
    assert len(monitor.reports) == 5
    printed = capsys.readouterr().out
    assert [printed.count(f"before training: {name} (") for name in names] == [1, 1, 1, 1]


def test_training_with_the_callback_is_the_same_bit_for_bit():
    plain, watched = healthy(), healthy()
    fit(plain, LOSS, nn.Callback())
    fit(watched, LOSS, nn.DiagnosisMonitor(X, Y, loss=LOSS, every=1))
    np.testing.assert_equal(watched.state_dict(), plain.state_dict())


def test_the_callback_sees_steps_that_become_too_large(capsys):
    monitor = nn.DiagnosisMonitor(X, Y, loss=LOSS, every=1)
    fit(healthy(), LOSS, monitor, epochs=2, rate=200.0)
    assert "large steps" in [finding.name for finding in monitor.reports[0].findings]
    assert "large steps (" in capsys.readouterr().out


def test_the_callback_finds_a_loss_that_keeps_its_records(capsys):
    kept = []

    def keeping(predictions, targets):
        loss = LOSS(predictions, targets)
        kept.append(loss)
        return loss

    monitor = nn.DiagnosisMonitor(X, Y, loss=LOSS)
    fit(healthy(), keeping, monitor, epochs=5)
    assert [finding.name for finding in monitor.findings] == ["growing graph"]
    assert "growing graph" in capsys.readouterr().out


@looped("every", [0, 2.5])
def test_the_callback_refuses_an_interval_that_counts_no_epochs(every):
    with pytest.raises(AutogradError, match="every"):
        nn.DiagnosisMonitor(X, Y, loss=LOSS, every=every)


# A run that goes on


def monitored(path, model, epochs, every=2, rate=0.1, **options):
    monitor = nn.DiagnosisMonitor(X, Y, loss=LOSS, every=every)
    optimizer = nn.SGD(model.parameters(), rate)
    callbacks = [monitor, nn.Checkpoint(path)]
    options = {"batch_size": 48, "progress": False, "rng": 0, **options}
    nn.fit(
        model, X, Y, loss=LOSS, optimizer=optimizer, epochs=epochs, callbacks=callbacks, **options
    )
    return monitor


@pytest.mark.parametrize(
    ("make", "cut"),
    [
        (healthy, 2),
        (ill, 3),
        pytest.param(healthy, 3, marks=pytest.mark.exhaustive),
        pytest.param(ill, 2, marks=pytest.mark.exhaustive),
    ],
)
def test_a_resumed_run_has_the_reports_of_one_that_was_not_interrupted(tmp_path, make, cut):
    pytest.importorskip("safetensors")
    whole = monitored(tmp_path / "whole", make(), 6)
    monitored(tmp_path / "part", make(), cut)
    resumed = monitored(tmp_path / "part", make(), 6, resume_from=tmp_path / "part")
    assert list(whole.reports) == [0, 2, 4, 6]
    assert resumed.reports == whole.reports
    assert resumed.findings == whole.findings


def test_a_resumed_run_prints_nothing_twice(tmp_path, capsys):
    pytest.importorskip("safetensors")
    path = tmp_path / "run"
    monitored(path, ill(), 2)
    assert "dead ReLUs (" in capsys.readouterr().out
    resumed = monitored(path, ill(), 4, resume_from=path)
    assert [finding.name for finding in resumed.findings][-1] == "dead ReLUs"
    assert capsys.readouterr().out == ""


def test_another_training_begins_with_no_reports():
    monitor = nn.DiagnosisMonitor(X, Y, loss=LOSS, every=1)
    fit(ill(), LOSS, monitor, epochs=2)
    fit(healthy(), LOSS, monitor, epochs=1)
    assert list(monitor.reports) == [0, 1]
    assert monitor.findings == []


def test_the_state_survives_json():
    monitor, other = (nn.DiagnosisMonitor(X, Y, loss=LOSS) for _ in range(2))
    fit(ill(), LOSS, monitor, epochs=1)
    other.load_state_dict(json.loads(json.dumps(monitor.state_dict())))
    assert other.reports == monitor.reports
    assert other.findings == monitor.findings != []


@cache
def monitor_of_an_epoch():
    monitor = nn.DiagnosisMonitor(X, Y, loss=LOSS)
    fit(ill(), LOSS, monitor, epochs=1)
    return monitor


@looped(
    "state",
    [
        {},
        {"reports": [], "findings": {}},
        {"reports": [{"epochs": "1", "findings": []}], "findings": []},
        {"reports": [{"epochs": 1, "findings": [{"name": "x"}]}], "findings": []},
        {"reports": [], "findings": ["dead ReLUs"]},
    ],
)
def test_a_state_of_something_else_is_refused(state):
    monitor = monitor_of_an_epoch()
    before = monitor.state_dict()
    with pytest.raises(ArgumentError, match="made the same way"):
        monitor.load_state_dict(state)
    assert monitor.state_dict() == before
