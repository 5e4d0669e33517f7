"""Diagnose a model: what keeps it from learning, found by running it and leaving it as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import as_array, require_real
from autograd_lite.errors import ArgumentError
from autograd_lite.foreign import require_here
from autograd_lite.names import explains_keywords
from autograd_lite.trees import leaves_of
from nn.diagnosis import data_findings as data
from nn.diagnosis import network_findings as network
from nn.diagnosis import target_findings as targets
from nn.diagnosis.evidence import Evidence, observe, require_learned, several_outputs
from nn.diagnosis.report import Diagnosis, Finding
from nn.losses.loss_function import loss_function
from nn.module import Module, require_model
from nn.optimizers.optimizer import Optimizer
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
