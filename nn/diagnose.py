"""Diagnose a model: what keeps it from learning, found by one forward and backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from autograd_lite import Tensor
from nn import data_findings, network_findings
from nn.callback_base import Callback, Training
from nn.diagnosis import Diagnosis, Finding
from nn.evidence import Evidence, gather
from nn.graph_watch import GROWTH_STEPS, GraphWatch
from nn.layers import COUNT
from nn.module import Module
from nn.optim import Optimizer
from nn.ranges import require

FINDINGS: tuple[Callable[[Evidence], Finding | None], ...] = (
    network_findings.not_finite_results,
    data_findings.wrong_labels,
    data_findings.probabilities_as_logits,
    data_findings.single_class,
    data_findings.unstandardized_inputs,
    data_findings.loss_above_chance,
    data_findings.constant_outputs,
    network_findings.no_gradient,
    network_findings.dead_relus,
    network_findings.saturated_units,
    network_findings.vanishing_gradients,
    network_findings.exploding_gradients,
    network_findings.large_steps,
    network_findings.small_steps,
)
"""What is looked for, in the order of the report: causes before what follows from them."""


def diagnose(
    model: Module,
    X: Any,  # noqa: N803
    y: Any,
    *,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Optimizer | None = None,
) -> Diagnosis:
    """Say what keeps a model from learning: by name, with figure, threshold and remedy.

    It runs one forward and backward pass in training mode, and changes nothing: neither parameters,
    gradients and buffers, nor modes, nor the generators that modules hold, nor the optimizer.

    It finds values that are not finite; labels that are indices where rows are wanted, or the other
    way round; a softmax or sigmoid before a loss that applies it; inputs that are not standardized;
    a loss above chance; constant outputs; parameters without gradient; dead ReLUs; saturated
    sigmoids and tanhs; vanishing and exploding gradients; and, given an optimizer, steps that are
    too large or too small. Records that grow from step to step are found by `nn.GraphWatch`.

    Args:
        model: what is trained, with samples along axis 0.
        X: samples (n, ...), such as a batch; some dozens tell more than a few.
        y: their targets (n, ...).
        loss: function of predictions and targets, such as `nn.MSELoss()`.
        optimizer: what would take the next step.

    Returns:
        A report that is true when nothing was found. `findings` lists what was, and printing it
        gives a paragraph for each.

    Raises:
        ArgumentError: no parameter is learned, there are no samples, or the loss is not one number.

    >>> from nn import BCEWithLogitsLoss, Dense, Sequential
    >>> X = np.random.default_rng(0).normal(size=(64, 2))
    >>> y = (X[:, :1] > 0).astype(float)
    >>> model = Sequential(Dense(2, 16, activation="relu", rng=0), Dense(16, 1, rng=1))
    >>> diagnose(model, X, y, loss=BCEWithLogitsLoss())
    nothing found
    >>> model[0].bias.data -= 100
    >>> report = diagnose(model, X, y, loss=BCEWithLogitsLoss())
    >>> [finding.name for finding in report.findings]
    ['constant outputs', 'no gradient', 'dead ReLUs']
    >>> report.findings[2].where, report.findings[2].figure, report.findings[2].threshold
    (('0',), 1.0, 0.75)
    """
    X, y = np.asarray(X), np.asarray(y)  # noqa: N806
    given = {"X": X, "y": y, **{name: p.data for name, p in model.named_parameters()}}
    broken = network_findings.not_finite(given)
    if broken is not None:
        return Diagnosis([broken])
    seen = gather(model, X, y, loss, optimizer)
    with np.errstate(all="ignore"):
        found = [find(seen) for find in FINDINGS]
    return Diagnosis([finding for finding in found if finding is not None])


class DiagnosisMonitor(Callback):
    """Diagnose a model before training and after every few epochs, and print what is found.

    A finding is printed once, when one of its name first comes up. In the first steps of training a
    `GraphWatch` looks for records that grow.

    Args:
        X: samples to diagnose with, such as some of those trained on.
        y: their targets.
        loss: the one that is trained with.
        every: epochs from one diagnosis to the next.

    Raises:
        ArgumentError: `every` is no whole number of at least 1.

    >>> import nn
    >>> model = nn.Dense(1, 1, rng=0)
    >>> X = np.linspace(-1, 1, 32).reshape(32, 1)
    >>> monitor = DiagnosisMonitor(X, 2 * X, loss=nn.MSELoss(), every=2)
    >>> history = nn.fit(model, X, 2 * X, loss=nn.MSELoss(), epochs=4, progress=False, rng=0,
    ...                  optimizer=nn.SGD(model.parameters(), 0.1), callbacks=[monitor])
    >>> monitor.reports
    {0: nothing found, 2: nothing found, 4: nothing found}
    """

    def __init__(
        self,
        X: Any,  # noqa: N803
        y: Any,
        *,
        loss: Callable[[Any, Any], Tensor],
        every: int = 10,
    ) -> None:
        require(self, "every", every, COUNT)
        self.X = X
        self.y = y
        self.loss = loss
        self.every = every
        self._reset()

    def _reset(self) -> None:
        self.reports: dict[int, Diagnosis] = {}
        """By the number of epochs that were done."""
        self.findings: list[Finding] = []
        """The first one of each name, as printed."""
        self._watch = GraphWatch()

    def fit_start(self, training: Training) -> None:
        """Forget an earlier training, and diagnose."""
        self._reset()
        self._diagnose(training, training.epoch)

    def batch_end(self, training: Training) -> None:
        """Count the records, in the first steps."""
        if len(self._watch.counts) <= GROWTH_STEPS:
            self._watch.step()
            self._note(self._watch.diagnosis())

    def epoch_end(self, training: Training) -> None:
        """Diagnose, if it is time to."""
        if (training.epoch + 1) % self.every == 0:
            self._diagnose(training, training.epoch + 1)

    def _diagnose(self, training: Training, epochs: int) -> None:
        report = diagnose(
            training.model, self.X, self.y, loss=self.loss, optimizer=training.optimizer
        )
        self.reports[epochs] = report
        self._note(report)

    def _note(self, report: Diagnosis) -> None:
        known = {finding.name for finding in self.findings}
        for finding in report.findings:
            if finding.name not in known:
                self.findings.append(finding)
                # Past the progress bar, which stays the last line.
                tqdm.write(str(finding))
