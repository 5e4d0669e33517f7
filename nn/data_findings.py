"""What can be wrong at the ends of a network, its inputs, labels, outputs and loss.

A function for each finding looks at the evidence. Where data and loss are as they should be, there
are none of these.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd_lite import (
    binary_cross_entropy,
    log_softmax,
    logsumexp,
    sigmoid,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
    softplus,
)
from autograd_lite.engine import Node
from nn.classification_losses import binary_cross_entropies, bounded_log
from nn.diagnosis import Finding
from nn.evidence import Evidence, has_zero, source

CONSTANT_SPREAD = 1e-6
"""Range of the outputs over the samples, relative to the largest: some ten units in the last place
of float32. Two layers of weights N(0, 0.01²) leave 1e-4, eight layers of sigmoids 1e-5."""
ABOVE_CHANCE = 6.0
"""Natural logarithm of how much smaller the probability of the right class is than by chance, in
the geometric mean: 1/400. After He and Xavier, with standardized inputs, it stays below 3, in eight
layers with dropout below 5.1."""
LARGE_INPUT = 5.0
"""Mean of the absolute values of a feature, which is at most 1 once standardized: inputs of mean 0
and variance 1 are learned fastest (LeCun et al., "Efficient BackProp", 1998)."""
SMALL_INPUT = 0.01
"""Largest absolute value of all inputs; all 0 is a beginning, such as a recurrent state's."""

SOFTMAXES = {softmax_cross_entropy, log_softmax, softmax, logsumexp}
SIGMOIDS = {sigmoid_cross_entropy, sigmoid, softplus, np.logaddexp}
CROSS_ENTROPIES = {binary_cross_entropy, binary_cross_entropies}
LOGARITHMS = {bounded_log, np.log}

# Outputs and loss


def constant_outputs(seen: Evidence) -> Finding | None:
    """Predictions that are the same for all samples, though these and the targets differ."""
    predicted = seen.predictions.data
    if len(predicted) != len(seen.X) or not _vary(seen.X) or not _vary(seen.y):
        return None
    spread = float(np.ptp(predicted, axis=0).max())
    largest = float(np.abs(predicted).max())
    if not spread <= CONSTANT_SPREAD * largest:
        return None
    return Finding(
        "constant outputs",
        ("the predictions",),
        spread / largest if largest else 0.0,
        CONSTANT_SPREAD,
        f"The predictions for {len(predicted)} different samples are the same, up to the figure "
        f"times the largest, {largest:.3g}.",
        "Initialize weights at random rather than with 0; look for dead or saturated units; and "
        "apply softmax to several outputs, sigmoid to one.",
    )


def _vary(values: Any) -> bool:
    return bool((values != values[:1]).any())


def loss_above_chance(seen: Evidence) -> Finding | None:
    """A cross-entropy far above that of equal probabilities, log(classes)."""
    constant = _chance(seen)
    if constant is None or not np.isfinite(seen.loss):
        return None
    value, classes = constant
    chance = seen.loss_of(np.full_like(seen.predictions.data, value))
    # Weights of classes and sums over samples change both losses by one factor.
    excess = (seen.loss / chance - 1) * float(np.log(classes)) if chance > 0 else 0.0
    if not excess > ABOVE_CHANCE:
        return None
    return Finding(
        "loss above chance",
        ("the loss",),
        excess,
        ABOVE_CHANCE,
        f"The loss is {seen.loss:.3g}, and equal probabilities for {classes} classes give "
        f"{chance:.3g}: the model is sure of wrong answers. The figure is the difference for a "
        "sample.",
        "Before training, weights are too large: initialize them after He or Xavier, and "
        "standardize the inputs. In training, lower the learning rate.",
    )


def _chance(seen: Evidence) -> tuple[float, int] | None:
    """The prediction that stands for equal probabilities, and of how many classes."""
    classes = seen.predictions.shape[-1] if seen.predictions.ndim > 1 else 1
    applied = _applied_by_loss(seen)
    if applied == "softmax":
        return (0.0, classes) if classes > 1 else None
    if applied == "sigmoid":
        return 0.0, 2
    functions = {node.operation.function for node in _on_predictions(seen)}
    if functions & CROSS_ENTROPIES:
        return 0.5, 2
    if functions & LOGARITHMS and _last_function(seen) is sigmoid:
        return 0.5, 2
    if functions & LOGARITHMS and _are_probabilities(seen.predictions.data):
        return 1 / classes, classes
    return None


def _last_function(seen: Evidence) -> Any:
    """The function that computed the predictions."""
    return getattr(seen.output.operation, "function", None)


def _on_predictions(seen: Evidence) -> list[Any]:
    """The nodes of the loss that are computed from the predictions themselves."""
    return [
        node
        for node in seen.in_loss
        if any(isinstance(a, Node) and source(a) is seen.output for a in node.arguments)
    ]


def _applied_by_loss(seen: Evidence) -> str | None:
    """Which of softmax and sigmoid the loss applies to the predictions."""
    for node in _on_predictions(seen):
        function = node.operation.function
        if function in SOFTMAXES:
            return "softmax"
        # logaddexp(x, 0) is the logarithm of 1 / sigmoid(-x).
        if function in SIGMOIDS and (function is not np.logaddexp or has_zero(node)):
            return "sigmoid"
    return None


def _are_probabilities(values: Any) -> bool:
    """Whether rows of several numbers are probabilities of classes."""
    if values.ndim < 2 or values.shape[-1] < 2 or not (values >= 0).all():
        return False
    return bool(np.allclose(values.sum(axis=-1), 1, atol=1e-5))


def probabilities_as_logits(seen: Evidence) -> Finding | None:
    """A softmax or sigmoid before a loss that applies one itself."""
    applied = _applied_by_loss(seen)
    function = _last_function(seen)
    if function not in (softmax, sigmoid):
        # A softmax written by hand; a sigmoid could not be told from small logits.
        function = softmax if _are_probabilities(seen.predictions.data) else None
        if applied != "softmax":
            return None
    if applied is None or function is None:
        return None
    # The right class has probability 1, and the loss takes that for a logit among zeros.
    others = seen.predictions.shape[-1] - 1 if applied == "softmax" else 1
    cost = float(np.log1p(others / np.e))
    return Finding(
        "probabilities given as logits",
        ("the predictions",),
        cost,
        0,
        f"The model ends in {function.__name__}, and the loss applies {applied} to what it is "
        f"given: to be sure of the right class would still cost {cost:.3g}.",
        f"Leave the {function.__name__} out of the model, and apply it to what nn.predict returns; "
        "or use a loss of probabilities, nn.CategoricalCrossEntropyLoss or nn.BCELoss.",
    )


def single_class(seen: Evidence) -> Finding | None:
    """A softmax of one number in the loss."""
    if _applied_by_loss(seen) != "softmax" or seen.predictions.shape[-1:] != (1,):
        return None
    return Finding(
        "softmax of one output",
        ("the predictions",),
        1,
        2,
        f"The loss applies softmax to predictions {seen.predictions.shape}, one number for each "
        "sample, of which the probability is 1 whatever it is.",
        "Give the last layer one output for each class; or one output for yes and no, with "
        "nn.BCEWithLogitsLoss.",
    )


# Data


def unstandardized_inputs(seen: Evidence) -> Finding | None:
    """Large or tiny features that enter a layer, as they come or after a computation on arrays."""
    for node in seen.products:
        for x in node.arguments:
            if isinstance(x, Node) or np.ndim(x) < 2 or node.operation.function is operator.getitem:
                continue
            sizes = np.abs(x).reshape(-1, x.shape[-1])
            means, largest = sizes.mean(axis=0), float(sizes.max())
            worst = int(means.argmax())
            if means[worst] > LARGE_INPUT or 0 < largest < SMALL_INPUT:
                return _unstandardized(seen.layers[node], x, worst, float(means[worst]), largest)
    return None


def _unstandardized(layer: str, x: Any, worst: int, mean: float, largest: float) -> Finding:
    feature = np.asarray(x, dtype=float).reshape(-1, x.shape[-1])[:, worst]
    too_large = mean > LARGE_INPUT
    return Finding(
        "inputs not standardized",
        (f"what enters layer {layer}",),
        mean if too_large else largest,
        LARGE_INPUT if too_large else SMALL_INPUT,
        f"Feature {worst} has mean {feature.mean():.3g} and standard deviation "
        f"{feature.std():.3g}; the figure is "
        + ("the mean of its absolute values." if too_large else "the largest of all."),
        "Standardize: X = (X - mean) / standard_deviation, feature by feature, both taken from the "
        "training samples alone, as sklearn.preprocessing.StandardScaler does.",
    )


def wrong_labels(seen: Evidence) -> Finding | None:
    """Labels used as one-hot rows or probabilities that are indices, or the other way round."""
    for find in (_indices_as_probabilities, _broadcast, _one_hot_as_indices):
        finding = find(seen)
        if finding is not None:
            return finding
    return None


def _indices_as_probabilities(seen: Evidence) -> Finding | None:
    functions = {node.operation.function for node in _on_predictions(seen)}
    takes_probabilities = _applied_by_loss(seen) or functions & (CROSS_ENTROPIES | LOGARITHMS)
    low, high = float(seen.y.min()), float(seen.y.max())
    whole = bool((seen.y == np.round(seen.y)).all())
    if seen.y.shape != seen.predictions.shape or not takes_probabilities or not whole:
        return None
    if low >= 0 and high <= 1:
        return None
    return Finding(
        "labels are indices",
        ("y",),
        high if high > 1 else low,
        1 if high > 1 else 0,
        f"The loss takes the targets {seen.y.shape} for probabilities, and they are whole numbers "
        f"from {low:g} to {high:g}, as indices of classes are.",
        "Give the indices, from 0 up, as whole numbers (n,) to nn.CrossEntropyLoss, with one "
        "output for each class; or one-hot rows, np.eye(classes)[labels].",
    )


def _broadcast(seen: Evidence) -> Finding | None:
    """Targets of another shape than the predictions that the loss computes with."""
    predicted, y = seen.predictions.shape, seen.y
    for node in seen.in_loss:
        shapes = {a._data.shape for a in node.arguments if isinstance(a, Node)}
        arrays = [a for a in node.arguments if isinstance(a, np.ndarray) and a.size == y.size > 1]
        targets = [a for a in arrays if np.array_equal(a.ravel(), y.ravel())]
        if predicted not in shapes or not targets or targets[0].shape == predicted:
            continue
        indices = y.max() > 1 and (y == np.round(y)).all() and y.size == predicted[0]
        if node.size > max(np.prod(predicted), y.size) or (indices and node.shape == predicted):
            return Finding(
                "labels are broadcast",
                ("y",),
                node.size / y.size,
                1,
                f"The loss computes {node.operation.name} of predictions {predicted} and targets "
                f"{targets[0].shape}, which NumPy broadcasts to {node.shape}: predictions are "
                "compared with targets that are not theirs.",
                "Give one target for each output: y.reshape(-1, 1) for one output, one-hot rows, "
                "np.eye(classes)[labels], for several; or use nn.CrossEntropyLoss, which takes "
                "indices.",
            )
    return None


def _one_hot_as_indices(seen: Evidence) -> Finding | None:
    y = seen.y
    if y.ndim != 2 or y.shape[1] < 2 or not np.isin(y, (0, 1)).all() or (y.sum(axis=1) != 1).any():
        return None
    for node in seen.in_loss:
        if node.operation.function is operator.getitem:
            index = node.arguments[1]
            parts = index if isinstance(index, tuple) else (index,)
            if any(np.shape(part) == y.shape and np.array_equal(part, y) for part in parts):
                return Finding(
                    "labels are one-hot",
                    ("y",),
                    y.shape[1],
                    1,
                    f"The loss picks predictions by the targets {y.shape}, and these are one-hot "
                    f"rows of {y.shape[1]} numbers each: it picks those of classes 0 and 1 alone.",
                    "Give indices, y.argmax(axis=1).",
                )
    return None
