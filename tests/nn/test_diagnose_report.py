"""What surrounds the findings: what is refused, the report, and records that grow."""

import gc

import numpy as np
import pytest
from ailing import LOSS, X, Y, healthy, ill

import nn
from autograd_lite import AutogradError, Tensor, no_grad

# How it looks


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
    with pytest.raises(AutogradError, match="no parameter that is learned"):
        nn.diagnose(nn.ReLU(), X, Y, loss=LOSS, optimizer=nn.SGD(other.parameters(), 0.1))
    with pytest.raises(AutogradError, match="no module"):
        nn.diagnose(nn.Dense, X, Y, loss=LOSS)
    with pytest.raises(AutogradError, match="no function"):
        nn.diagnose(model, X, Y, loss=nn.MSELoss)


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


# Growing graphs


@pytest.fixture(autouse=True)
def no_record_is_left_from_other_tests():
    gc.collect()


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
