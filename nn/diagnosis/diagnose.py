"""Diagnose a model, once or in the course of training: what keeps it from learning.

It is found by running the model, and leaving it as it was.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, TEXT, WHOLE, as_array, require, require_real
from autograd_lite.engine import backward_order
from autograd_lite.errors import ArgumentError, describe_one
from autograd_lite.foreign import require_here
from autograd_lite.names import explains_keywords
from autograd_lite.node import Node
from autograd_lite.trees import leaves_of
from nn.diagnosis import data_findings as data
from nn.diagnosis import network_findings as network
from nn.diagnosis import target_findings as targets
from nn.diagnosis.evidence import Evidence, inputs, observe, require_learned, several_outputs
from nn.diagnosis.report import Diagnosis, Finding
from nn.losses.loss_function import loss_function
from nn.module import Module, require_model
from nn.optimizers.optimizer import Optimizer
from nn.schema import FIGURE, misfits, require_fitting
from nn.training.callback import Callback, Training, place_of
from nn.training.fit_arguments import trained_parameters
from nn.training.inputs import as_arrays, is_tree, named_leaves, shown

if TYPE_CHECKING:
    from autograd_lite.typing import Labels, Samples

FINDINGS: tuple[Callable[[Evidence], Finding | None], ...] = (
    network.not_finite_results,
    data.wrong_labels,
    data.probabilities_as_logits,
    data.log_probabilities_wanted,
    data.relu_on_logits,
    data.single_class,
    targets.negated_loss,
    targets.indices_as_numbers,
    targets.out_of_range,
    targets.large_targets,
    targets.uneven_classes,
    data.unstandardized_inputs,
    network.large_dropout,
    data.loss_above_chance,
    data.constant_outputs,
    network.equal_units,
    network.no_gradient,
    network.dead_relus,
    network.saturated_units,
    network.vanishing_gradients,
    network.exploding_gradients,
    network.unusual_steps,
)
"""What is looked for, in the order of the report: causes before what follows from them."""


@explains_keywords
def diagnose(
    model: Module,
    X: Samples,
    y: Labels,
    *,
    loss: str | Callable[[Any, Any], Tensor],
    optimizer: Optimizer | None = None,
) -> Diagnosis:
    """Say what keeps a model from learning: by name, with figure, threshold and remedy.

    It runs one forward and backward pass in training mode, and a few more with weights after trial
    steps where a finding may hold only initially, such as constant outputs because of weights of 0.
    It changes nothing: neither parameters, gradients and buffers, nor modes and other attributes of
    modules, including the lists, dicts, arrays and generators in them, nor the optimizer.

    It finds values that are not finite; labels that are indices where rows are needed, or the
    reverse; a softmax or sigmoid before a loss that applies it; logits or probabilities given to a
    loss of log-probabilities; a ReLU on the logits; a negated loss; targets that are of one class
    only, are class indices in a regression, are out of the output's range, or are far too large;
    inputs that are not standardized; a loss above chance; constant outputs; units that are all the
    same; parameters without gradient; dead ReLUs; saturated sigmoids and tanhs; dropout of nearly
    everything; vanishing and exploding gradients; and, given an optimizer, steps that are too large
    or too small. It notes imbalanced classes. Activations that are written out, such as 1 / (1 +
    np.exp(-z)), are recognized. Records that grow from step to step are found by `nn.GraphWatch`.

    Args:
        model: what is trained, with samples along axis 0.
        X: samples (n, ...), such as a batch; some dozens tell more than a few. For several inputs a
            tuple or a dict, as for `nn.fit`.
        y: their targets (n, ...).
        loss: a function of predictions and targets, such as `nn.MSELoss()`, or a name, such as
            "mse".
        optimizer: the optimizer that would take the next step.

    Returns:
        A report that is true if nothing but notes was found. `findings` lists the findings, and
        printing the report gives a paragraph for each.

    Raises:
        UnsupportedError: the model is not a module, the optimizer not an optimizer, X and y are not
            real numbers, or there are several outputs or targets.
        ArgumentError: no parameter is learned, there are no samples, or the loss is not a function
            or the name of one, or does not return one number.

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
    require_model(model, "diagnose of")
    attempted = f"diagnose of {type(model).__name__}"
    require_here(f"{attempted} with", *model.parameters())
    loss = loss_function(loss)
    X = as_arrays(X, f"{attempted} with X")
    if is_tree(y):
        raise several_outputs(attempted, "y", y)
    y = as_array(y, f"{attempted} with y")
    given = dict([*named_leaves(X, "X"), ("y", y)])
    for name, array in given.items():
        require_real(array, f"{attempted} with {name}")
    given |= {name: parameter.data for name, parameter in model.named_parameters()}
    broken = network.not_finite(given)
    if broken is not None:
        return Diagnosis([broken])
    attempted = f"{attempted} with X {shown(X)}"
    require_learned(model, attempted)
    if optimizer is not None:
        trained_parameters(model, loss, optimizer, "diagnose")
    if not all(leaf.size for leaf in leaves_of(X)):
        raise ArgumentError(attempted, "there are no samples", "Give a batch of them")
    seen = observe(model, X, y, loss, optimizer)
    with np.errstate(all="ignore"):
        found = [find(seen) for find in FINDINGS]
    return Diagnosis([finding for finding in found if finding is not None])


GROWTH_STEPS = 20
"""Steps in a row each of which leaves more recorded tensors than the one before it. Loops that sum
the losses of a few batches before they go backward do so for fewer steps."""


class GraphWatch:
    """Count the tensors with a record that are alive after each step of a loop.

    A loop that drops its loss frees the record, and the count stays the same. It grows at each step
    if something keeps all losses or predictions with their records: `total += loss` instead of
    `total += loss.item()`, a list of predictions, or a state that is carried along without
    `detach()`. A call takes some milliseconds, because it looks at all objects.

    >>> from autograd_lite import Tensor
    >>> weight, watch, total = Tensor(1.0, requires_grad=True), GraphWatch(), 0.0
    >>> for step in range(25):
    ...     loss = (weight - step) ** 2
    ...     loss.backward()
    ...     total += loss
    ...     watch.step()
    >>> [finding.name for finding in watch.diagnosis().findings]
    ['growing graph']
    """

    @explains_keywords
    def __init__(self) -> None:
        self.counts: list[int] = []
        """Recorded tensors alive after each step."""
        self._findings: list[Finding] = []

    def step(self) -> None:
        """Count; call it at the end of each step."""
        # By type(), as isinstance() asks the object, and some import a library when they are asked.
        nodes = [each for each in gc.get_objects() if issubclass(type(each), Node)]
        recorded = [node for node in nodes if node.operation is not None]
        self.counts.append(len(recorded))
        latest = self.counts[-GROWTH_STEPS - 1 :]
        grew = all(before < after for before, after in pairwise(latest))
        if len(latest) > GROWTH_STEPS and grew and not self._findings:
            self._findings.append(_growth(recorded, (latest[-1] - latest[0]) / GROWTH_STEPS))

    def diagnosis(self) -> Diagnosis:
        """The finding, once the count has grown at each of 20 steps in a row; otherwise None."""
        return Diagnosis(list(self._findings))


def _growth(recorded: list[Any], a_step: float) -> Finding:
    """The finding, with the tensor that the longest record ends in."""
    inner = {each for node in recorded for each in inputs(node)}
    lengths = {node: len(backward_order(node)) for node in recorded if node not in inner}
    longest = max(lengths, key=lengths.__getitem__)
    return Finding(
        "growing graph",
        (f"{describe_one(longest)}, computed by {longest.operation.name}",),
        a_step,
        0,
        f"Each of {GROWTH_STEPS} steps left more recorded tensors in memory than the one before, "
        f"{a_step:g} on average, and {len(recorded)} by now. The longest record, of "
        f"{lengths[longest]} tensors, ends in the one named above.",
        "Add numbers up rather than tensors, total += loss.item(); keep predictions.data instead "
        "of predictions, and state.detach() instead of a state.",
    )


FINDING = {
    "name": TEXT,
    "where": [TEXT],
    "figure": FIGURE,
    "threshold": FIGURE,
    "meaning": TEXT,
    "remedy": TEXT,
}
STATE = {"reports": [{"epochs": WHOLE, "findings": [FINDING]}], "findings": [FINDING]}


class DiagnosisMonitor(Callback):
    """Diagnose a model before training and after every few epochs, and print what is found.

    A finding is printed once, when its name first comes up, even if `fit` shows no progress;
    without findings nothing is printed. In the first steps of training, also after resuming, a
    `GraphWatch` looks for growing records.

    Args:
        X: samples to diagnose with, such as some of the training samples, as `nn.diagnose` takes
            them.
        y: their targets.
        loss: the loss of the training.
        every: epochs from one diagnosis to the next.

    Raises:
        ArgumentError: `every` is not a whole number of at least 1.

    >>> import numpy as np
    >>> import nn
    >>> model = nn.Dense(1, 1, rng=0)
    >>> X = np.linspace(-1, 1, 32).reshape(32, 1)
    >>> monitor = DiagnosisMonitor(X, 2 * X, loss=nn.MSELoss(), every=2)
    >>> history = nn.fit(model, X, 2 * X, loss=nn.MSELoss(), epochs=4, progress=False, rng=0,
    ...                  optimizer=nn.SGD(model.parameters(), 0.1), callbacks=[monitor])
    >>> monitor.reports
    {0: nothing found, 2: nothing found, 4: nothing found}
    """

    @explains_keywords
    def __init__(
        self,
        X: Any,
        y: Any,
        *,
        loss: str | Callable[[Any, Any], Tensor],
        every: int = 10,
    ) -> None:
        require(self, "every", every, COUNT)
        self.X = X
        self.y = y
        self.loss = loss_function(loss)
        self.every = every
        self.reports: dict[int, Diagnosis] = {}
        """By the number of epochs that were done."""
        self.findings: list[Finding] = []
        """The first one of each name, as printed."""
        self._watch = GraphWatch()

    def fit_start(self, training: Training) -> None:
        """Forget an earlier training, and diagnose; one that goes on has its reports."""
        self._watch = GraphWatch()
        if training.epoch == 0:
            self.reports, self.findings = {}, []
            self._diagnose(training, 0)

    def batch_end(self, training: Training) -> None:
        """Count the records, in the first steps."""
        if len(self._watch.counts) <= GROWTH_STEPS:
            self._watch.step()
            self._note(self._watch.diagnosis(), place_of(training))

    def epoch_end(self, training: Training) -> None:
        """Diagnose, if it is time to."""
        if (training.epoch + 1) % self.every == 0:
            self._diagnose(training, training.epoch + 1)

    def _diagnose(self, training: Training, epochs: int) -> None:
        model, optimizer = training.model, training.optimizer
        report = diagnose(model, self.X, self.y, loss=self.loss, optimizer=optimizer)
        self.reports[epochs] = report
        self._note(report, f"epoch {epochs}" if epochs else "before training")

    def _note(self, report: Diagnosis, when: str) -> None:
        from tqdm.auto import tqdm

        known = {finding.name for finding in self.findings}
        for finding in report.findings:
            if finding.name not in known:
                self.findings.append(finding)
                # Past the progress bar, which stays the last line.
                tqdm.write(f"{when}: {finding}")

    def state_dict(self) -> dict[str, Any]:
        """The reports, and the findings that were printed."""
        reports = [
            {"epochs": epochs, "findings": list(map(asdict, report.findings))}
            for epochs, report in self.reports.items()
        ]
        return {"reports": reports, "findings": list(map(asdict, self.findings))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; an ArgumentError if it is of something else."""
        require_fitting(self, misfits(state, STATE))
        reports = state["reports"]
        self.reports = {part["epochs"]: Diagnosis(_findings(part)) for part in reports}
        self.findings = _findings(state)


def _findings(part: Mapping[str, Any]) -> list[Finding]:
    return [Finding(**{**each, "where": tuple(each["where"])}) for each in part["findings"]]
