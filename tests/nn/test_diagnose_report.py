"""What surrounds the findings: nothing is changed, the report, the callback, growing graphs."""

import copy

import numpy as np
import pytest

import nn
from autograd_lite import AutogradError, Tensor, no_grad

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4))
Y = (X[:, :1] > 0).astype(float)
LOSS = nn.BCEWithLogitsLoss()


def healthy(seed=0):
    return nn.Sequential(nn.Dense(4, 12, "relu", rng=seed), nn.Dense(12, 1, rng=seed + 1))


def ill():
    model = nn.Sequential(nn.Dense(4, 12, "relu", rng=0), nn.Dense(12, 1, rng=1), nn.Sigmoid())
    model[0].bias.data -= 99
    return model


# Nothing is changed


class Noise(nn.Module):
    """Draws from NumPy's global generator, and from its own in a list; counts its calls."""

    def __init__(self):
        self.calls = 0
        self.generators = [np.random.default_rng(3)]
        self.last = nn.Buffer(np.zeros(12))
        self.factor = nn.Buffer(np.ones(12))

    def forward(self, x):
        self.calls += 1
        self.seen = x.data
        self.last.data[...] = 1.0
        noise = np.random.normal(size=x.shape) + self.generators[0].normal(size=x.shape)
        return x * self.factor + 0.01 * noise


def eventful():
    layers = [
        nn.Dense(4, 12, rng=0),
        nn.BatchNorm1d(12),
        nn.ReLU(),
        nn.Dropout(0.5, rng=5),
        Noise(),
        nn.Dense(12, 1, rng=1),
    ]
    model = nn.Sequential(*layers).eval()
    model[0].training = True
    return model


def trace(model, optimizer):
    """Everything that a pass or a step could change."""
    return {
        "state": model.state_dict(),
        "gradients": [p.grad if p.grad is None else p.grad.copy() for p in model.parameters()],
        "modes": [m.training for _, m in model.named_modules()],
        "attributes": [sorted(vars(m)) for _, m in model.named_modules()],
        "calls": model[4].calls,
        "dropout": model[3].rng.bit_generator.state,
        "noise": model[4].generators[0].bit_generator.state,
        "numpy": np.random.get_state()[1:3],
        "optimizer": optimizer.state_dict(),
    }


@pytest.mark.parametrize("grown", [False, True])
def test_a_diagnosis_changes_nothing(grown):
    model = eventful()
    optimizer = nn.Adam(model.parameters(), 0.01)
    np.random.seed(7)
    if grown:
        LOSS(model(X), Y).backward()
        optimizer.step()
    before = copy.deepcopy(trace(model, optimizer))
    arrays = [p.data for p in model.parameters()] + [b.data for _, b in model.named_buffers()]
    nn.diagnose(model, X, Y, loss=LOSS, optimizer=optimizer)
    np.testing.assert_equal(trace(model, optimizer), before)
    after = [p.data for p in model.parameters()] + [b.data for _, b in model.named_buffers()]
    assert all(now is then for now, then in zip(after, arrays))


def test_nothing_is_changed_by_a_diagnosis_that_fails():
    model = eventful()
    optimizer = nn.Adam(model.parameters(), 0.01)
    before = copy.deepcopy(trace(model, optimizer))
    with pytest.raises(AutogradError, match="broadcasting"):
        nn.diagnose(model, X, Y.ravel(), loss=LOSS)
    np.testing.assert_equal(trace(model, optimizer), before)


def test_training_goes_on_bit_for_bit_and_a_recorded_loss_can_still_go_backward():
    runs = []
    for diagnosed in (False, True):
        model = eventful()
        optimizer = nn.Adam(model.parameters(), 0.01)
        np.random.seed(7)
        for _ in range(3):
            loss = LOSS(model(X), Y)
            if diagnosed:
                nn.diagnose(model, X, Y, loss=LOSS, optimizer=optimizer)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        runs.append(model.state_dict())
    np.testing.assert_equal(runs[1], runs[0])


def test_the_model_is_looked_at_in_training_mode():
    class Off(nn.Module):
        def forward(self, x):
            return x if self.training else 0 * x

    assert nn.diagnose(nn.Sequential(healthy(), Off()).eval(), X, Y, loss=LOSS)


def test_it_records_inside_of_no_grad_too_and_takes_tensors_and_lists():
    with no_grad():
        assert nn.diagnose(healthy(), X, Y, loss=LOSS)
        assert not nn.diagnose(ill(), Tensor(X), Y.tolist(), loss=nn.BCELoss())


# Refusals


def test_what_cannot_be_diagnosed_is_refused():
    model, other = healthy(), healthy()
    with pytest.raises(AutogradError, match="SGD holds none of its parameters"):
        nn.diagnose(model, X, Y, loss=LOSS, optimizer=nn.SGD(other.parameters(), 0.1))
    with pytest.raises(AutogradError, match="not one number"):
        nn.diagnose(model, X, Y, loss=nn.MSELoss(reduction="none"))
    with pytest.raises(AutogradError, match="no samples"):
        nn.diagnose(model, X[:0], Y[:0], loss=LOSS)
    with pytest.raises(AutogradError, match="no parameter that is learned"):
        nn.diagnose(nn.ReLU(), X, Y, loss=LOSS)


# The report


def test_nothing_found_is_true_and_says_so():
    report = nn.diagnose(healthy(), X, Y, loss=LOSS)
    assert report
    assert report.findings == []
    assert str(report) == repr(report) == "nothing found"
    assert report._repr_html_() == "<p>nothing found</p>"


def test_findings_are_paragraphs_with_figure_threshold_and_remedy():
    report = nn.diagnose(ill(), X, Y, loss=LOSS)
    assert not report
    assert [finding.name for finding in report.findings] == [
        "probabilities given as logits",
        "constant outputs",
        "no gradient",
        "dead ReLUs",
    ]
    paragraphs = str(report).split("\n\n")
    assert len(paragraphs) == 4
    assert paragraphs[3].startswith("dead ReLUs (0): 12 of 12 units after layer 0 are 0")
    for paragraph, finding in zip(paragraphs, report.findings):
        text = paragraph.replace("\n", " ")
        assert finding.meaning in text
        assert f"Figure {finding.figure:.3g}, threshold {finding.threshold:g}." in text
        assert text.endswith(finding.remedy)
        assert max(map(len, paragraph.splitlines())) <= 88


def test_notebooks_get_a_table_with_markup_escaped():
    finding = nn.Finding("a<b", ("W&1",), 2.0, 1.0, "means", "helps")
    table = nn.Diagnosis([finding])._repr_html_()
    assert table.count("<tr>") == 2
    assert "a&lt;b" in table
    assert "W&amp;1" in table
    assert "Figure 2, threshold 1." in table


def test_of_many_names_the_text_has_a_few_and_the_finding_all():
    class Unused(nn.Module):
        def __init__(self):
            self.layers = [nn.Dense(4, 4, rng=0) for _ in range(9)]
            self.out = nn.Dense(4, 1, rng=0)

        def forward(self, x):
            return self.out(x)

    (finding,) = nn.diagnose(Unused(), X, Y, loss=LOSS).findings
    assert len(finding.where) == 18
    assert "(layers.0.weight, layers.0.bias, layers.1.weight, layers.1.bias, ...," in str(
        finding
    ).replace("\n", " ")


# The callback


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
    assert [printed.count(f"{name} (") for name in names] == [1, 1, 1, 1]


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


@pytest.mark.parametrize("every", [0, 2.5])
def test_the_callback_refuses_an_interval_that_counts_no_epochs(every):
    with pytest.raises(AutogradError, match="every"):
        nn.DiagnosisMonitor(X, Y, loss=LOSS, every=every)


# Growing graphs


def watched_loop(total_of, steps=30):
    model, watch = healthy(), nn.GraphWatch()
    total = 0.0
    for _ in range(steps):
        loss = LOSS(model(X), Y)
        loss.backward()
        total = total_of(total, loss)
        watch.step()
    return watch


def test_a_sum_of_losses_with_their_records_is_found():
    watch = watched_loop(lambda total, loss: total + loss)
    (finding,) = watch.diagnosis().findings
    # Two layers, a ReLU, the loss and the sum.
    assert finding.figure == 5
    assert finding.where == ("tensor (), computed by add",)
    assert "total += loss.item()" in finding.remedy
    assert watch.counts[-1] - watch.counts[-2] == 5


def test_a_sum_of_numbers_is_no_growth():
    watch = watched_loop(lambda total, loss: total + loss.item())
    assert watch.diagnosis()
    assert len(set(watch.counts)) == 1


def test_a_sum_that_begins_anew_after_some_steps_is_no_growth():
    model, watch, total = healthy(), nn.GraphWatch(), 0.0
    for step in range(60):
        total = total + LOSS(model(X), Y)
        watch.step()
        if step % 15 == 14:
            total.backward()
            total = 0.0
    assert watch.diagnosis()


def test_a_state_that_is_carried_along_is_found_and_named():
    state, watch = Tensor(np.zeros(3), requires_grad=True), nn.GraphWatch()
    for _ in range(30):
        state = np.tanh(state)
        state.name = "state"
        watch.step()
    assert watch.diagnosis().findings[0].where == ("'state' (3,), computed by tanh",)
