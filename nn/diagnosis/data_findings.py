"""What can be wrong with what goes into a network and comes out of it, and with the loss.

A function for each finding looks at the evidence.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from autograd_lite import logsumexp
from autograd_lite.node import Node
from autograd_lite.trees import leaves_of
from nn.diagnosis.evidence import Evidence, are_indices, descended, inputs, source, traits_of
from nn.diagnosis.report import Finding
from nn.losses.loss import Loss
from nn.training.inputs import are_one_hot

LARGE_INPUT = 5.0
"""Mean of the absolute values of a feature, which is at most 1 once standardized: inputs of mean 0
and variance 1 are learned fastest (LeCun et al., "Efficient BackProp", 1998)."""
SMALL_INPUT = 0.01
"""Largest absolute value of all inputs; all 0 is a beginning, such as a recurrent state's."""
CONSTANT_SPREAD = 1e-6
"""Range of the outputs over the samples, relative to the largest: some ten units in the last place
of float32. Two layers of weights N(0, 0.01²) leave 1e-4, eight layers of sigmoids 1e-5."""
CONSTANT_CHANGE = 1e-9
"""Range over the samples of what a step changes of the outputs, relative to the largest change.
It is 0 behind layers of zeros and dead units."""
ABOVE_CHANCE = 6.0
"""Natural logarithm of how much smaller the probability of the right class is than by chance, in
the geometric mean: 1/400. After He and Xavier, with standardized inputs, it stays below 3, in eight
layers with dropout below 5.1."""
LOG_SUM = 0.01
"""Logarithm of the sum of what should be probabilities, 0 but for rounding and an epsilon."""

# The outputs


def constant_outputs(seen: Evidence) -> Finding | None:
    """Predictions that are the same for all samples, though these and the targets differ."""
    predicted = seen.predictions.data
    if len(predicted) != seen.n or not any(map(_vary, leaves_of(seen.X))) or not _vary(seen.y):
        return None
    spread, largest = _range(predicted), float(np.abs(predicted).max())
    if not spread <= CONSTANT_SPREAD * largest:
        return None
    # Weights of 0 in the last layer alone, or in the only one, are a beginning.
    if any(_differ(predicted, after.predictions.data) for after in islice(descended(seen), 1)):
        return None
    return Finding(
        "constant outputs",
        ("the predictions",),
        spread / largest if largest else 0.0,
        CONSTANT_SPREAD,
        f"The predictions for {len(predicted)} different samples differ by no more than the figure "
        f"times the largest, {largest:.3g}, and a step of gradient descent changes them all alike.",
        "Initialize weights at random rather than with 0; look for dead or saturated units; and "
        "apply softmax to several outputs, sigmoid to one.",
    )


def _vary(values: Any) -> bool:
    return bool((values != values[:1]).any())


def _range(predicted: Any) -> float:
    """Over the samples, of the output where it is widest."""
    return float(np.ptp(predicted, axis=0).max())


def _differ(before: Any, after: Any) -> bool:
    """Whether predictions that were the same for all samples changed by different amounts."""
    rounding = 16 * float(np.finfo(before.dtype).eps * np.abs(before).max())
    change = after - before
    return _range(change) > max(CONSTANT_CHANGE * float(np.abs(change).max()), rounding)


def loss_above_chance(seen: Evidence) -> Finding | None:
    """A cross-entropy far above that of equal probabilities, log(classes)."""
    value, classes = _chance(seen) or (None, 1)
    if value is None or not np.isfinite(seen.loss):
        return None
    chance = seen.loss_of(np.full_like(seen.predictions.data, value))
    # Weights of classes and sums over samples change both losses by one factor.
    excess = (seen.loss / chance - 1) * float(np.log(classes)) if chance > 0 else 0.0
    if not excess > ABOVE_CHANCE:
        return None
    meaning = (
        f"The loss is {seen.loss:.3g}, and equal probabilities for {classes} classes give "
        f"{chance:.3g}: the model is confident in wrong answers. The figure is the difference for "
        "a sample."
    )
    remedy = (
        "Before training, weights are too large: use He or Xavier initialization, and standardize "
        "the inputs. In training, lower the learning rate."
    )
    return Finding("loss above chance", ("the loss",), excess, ABOVE_CHANCE, meaning, remedy)


def _chance(seen: Evidence) -> tuple[float, int] | None:
    """The prediction that stands for equal probabilities, and of how many classes."""
    classes = seen.predictions.shape[-1] if seen.predictions.ndim > 1 else 1
    takes, link = seen.taken_for
    if takes == "logits" and (link == "sigmoid" or classes > 1):
        return 0.0, 2 if link == "sigmoid" else classes
    if takes == "probabilities" and link == "sigmoid":
        return 0.5, 2
    if takes == "probabilities" and _are_probabilities(seen.predictions.data):
        return 1 / classes, classes
    return None


# What the loss takes them for


def _are_probabilities(values: Any) -> bool:
    if values.ndim < 2 or values.shape[-1] < 2 or not (values >= 0).all():
        return False
    return bool(np.allclose(values.sum(axis=-1), 1, atol=1e-5))


def probabilities_as_logits(seen: Evidence) -> Finding | None:
    """A softmax or sigmoid before a loss that applies one itself."""
    applied, last = seen.applied, seen.ends_in
    if last is None and applied == "softmax" and _are_probabilities(seen.predictions.data):
        last = "softmax"
    if applied is None or last is None:
        return None
    # The right class has probability 1, and the loss takes that for a logit among zeros.
    others = seen.predictions.shape[-1] - 1 if applied == "softmax" else 1
    cost = float(np.log1p(others * np.exp(-1.0)))
    meaning = (
        f"The model ends in {last}, and the loss applies {applied} to what it is "
        f"given: certainty about the right class would still cost {cost:.3g}."
    )
    remedy = (
        f"Leave the {last} out of the model, and apply it to what nn.predict returns; "
        "or use a loss of probabilities, nn.CategoricalCrossEntropyLoss or nn.BCELoss."
    )
    return Finding("probabilities given as logits", ("the predictions",), cost, 0, meaning, remedy)


def single_class(seen: Evidence) -> Finding | None:
    """A softmax of one number in the loss."""
    if seen.applied != "softmax" or seen.predictions.shape[-1:] != (1,):
        return None
    meaning = (
        f"The loss applies softmax to predictions {seen.predictions.shape}, one number for each "
        "sample, of which the probability is 1 whatever it is."
    )
    remedy = (
        "Give the last layer one output for each class; or one output for yes and no, with "
        "nn.BCEWithLogitsLoss."
    )
    return Finding("softmax of one output", ("the predictions",), 1, 2, meaning, remedy)


def log_probabilities_wanted(seen: Evidence) -> Finding | None:
    """A loss that adds up predictions as logarithms of probabilities, which they are not."""
    predicted = seen.predictions.data
    if predicted.ndim < 2 or predicted.shape[-1] < 2 or not _adds_up(seen):
        return None
    slopes = seen.gradients[seen.predictions]
    if (slopes > 0).any() or not np.ptp(slopes, axis=-1).any():
        return None
    figure = float(np.abs(logsumexp(predicted, axis=-1)).max())
    if not figure > LOG_SUM:
        return None
    kind, cost = "logits", "The loss falls without limit as they grow."
    if _are_probabilities(predicted):
        kind, cost = "probabilities", "A sure wrong answer hardly costs more than a guess."
        sure = np.eye(predicted.shape[-1])[slopes.argmin(axis=-1)]
        # 1 - p of the right class is a loss of probabilities, and never negative.
        if not seen.loss + float((slopes * (sure - predicted)).sum()) < -LOG_SUM:
            return None
    where = ("the predictions",)
    meaning = (
        f"The loss expects predictions that are log-probabilities, but they are {kind}: the figure "
        "is the logarithm of the sum of exponentials in a row, 0 for log-probabilities. "
        f"{cost}"
    )
    remedy = "Give logits to nn.CrossEntropyLoss; or end the model in nn.LogSoftmax."
    return Finding("log-probabilities wanted", where, figure, LOG_SUM, meaning, remedy)


def _adds_up(seen: Evidence) -> bool:
    """Whether the loss does no more than pick, weigh and add up predictions."""
    if isinstance(seen.loss_function, Loss):
        return seen.taken_for[0] == "log-probabilities"
    sums: set[Any] = {seen.predictions}
    for node in seen.in_loss:
        given = [i for i, a in enumerate(node.arguments) if isinstance(a, Node) and a in sums]
        traits = node.operation.traits
        if len(given) > 1 and not traits.additive:
            return False
        if given and not (traits.additive or given[0] in traits.linear):
            return False
        sums.update([node] if given else [])
    return len(sums) > 1


def relu_on_logits(seen: Evidence) -> Finding | None:
    """A ReLU between the last weights and the softmax or sigmoid, in the model or in the loss."""
    logits, applied = seen.output, seen.applied
    if applied is None and traits_of(logits).link:
        applied, logits = logits.operation.name, source(logits.arguments[0])
    if applied is None or not traits_of(logits).rectifies:
        return None
    figure = float((logits.data == 0).mean())
    meaning = (
        f"A ReLU comes before the {applied}: no logit can be negative. The figure is the share "
        "of logits that are 0, through which no gradient flows."
    )
    remedy = "Leave out the ReLU after the last layer, activation=None."
    return Finding("ReLU on the logits", ("the predictions",), figure, 0, meaning, remedy)


# The inputs and the labels


def unstandardized_inputs(seen: Evidence) -> Finding | None:
    """Large or tiny features that enter a layer, as they come or after a computation on arrays."""
    for node in seen.products:
        for x in node.arguments:
            if isinstance(x, Node) or np.ndim(x) < 2 or node.operation.traits.indexes:
                continue
            features = x.reshape(-1, x.shape[-1])
            sizes = np.abs(features)
            means, largest = sizes.mean(axis=0), float(sizes.max())
            worst = int(means.argmax())
            if means[worst] > LARGE_INPUT:
                figure, threshold = float(means[worst]), LARGE_INPUT
                kind = "the mean of its absolute values"
            elif 0 < largest < SMALL_INPUT:
                figure, threshold, kind = largest, SMALL_INPUT, "the largest of all"
            else:
                continue
            feature = np.asarray(features[:, worst], dtype=float)
            return Finding(
                "inputs not standardized",
                (f"what enters layer {seen.layers[node]}",),
                figure,
                threshold,
                f"Feature {worst} has mean {feature.mean():.3g} and standard deviation "
                f"{feature.std():.3g}; the figure is {kind}.",
                "Standardize: X = (X - mean) / standard_deviation, feature by feature, both taken "
                "from the training samples alone, as sklearn.preprocessing.StandardScaler does.",
            )
    return None


def wrong_labels(seen: Evidence) -> Finding | None:
    """Labels used as one-hot rows or probabilities that are indices, or the other way round."""
    return _indices_as_probabilities(seen) or _broadcast(seen) or _one_hot_as_indices(seen)


def _indices_as_probabilities(seen: Evidence) -> Finding | None:
    refused = seen.targets is not seen.y
    if seen.y.shape != seen.predictions.shape or not are_indices(seen.y):
        return None
    if not (seen.compares_probabilities or refused):
        return None
    low, high = float(seen.y.min()), float(seen.y.max())
    kind = f"whole numbers from {low:g} to {high:g}, as indices of classes are"
    remedy = (
        "Give the indices, from 0 up, as whole numbers (n,) to nn.CrossEntropyLoss, with one "
        "output for each class; or one-hot rows, np.eye(classes)[labels]."
    )
    if (np.abs(seen.y) == 1).all():
        kind = "-1 and 1"
        remedy = "Give 0 and 1: (y + 1) / 2; or use nn.HingeLoss, which takes -1 and 1."
    return Finding(
        "labels are indices",
        ("y",),
        high if high > 1 else low,
        1 if high > 1 else 0,
        f"The loss takes the targets {seen.y.shape} for probabilities, and they are {kind}.",
        remedy,
    )


def _broadcast(seen: Evidence) -> Finding | None:
    """Targets of another shape than the predictions that the loss computes with."""
    predicted, y = seen.predictions.shape, seen.y
    for node in seen.in_loss:
        shapes = {a._array.shape for a in inputs(node)}
        arrays = [a for a in node.arguments if isinstance(a, np.ndarray) and a.size == y.size > 1]
        targets = [a for a in arrays if np.array_equal(a.ravel(), y.ravel())]
        if predicted not in shapes or not targets or targets[0].shape == predicted:
            continue
        indices = y.max() > 1 and (y == np.round(y)).all() and y.size == predicted[0]
        if node.size > max(np.prod(predicted), y.size) or (indices and node.shape == predicted):
            meaning = (
                f"The loss computes {node.operation.name} of predictions {predicted} and targets "
                f"{targets[0].shape}, which NumPy broadcasts to {node.shape}: predictions are "
                "compared with targets that are not theirs."
            )
            remedy = (
                "Give one target for each output: y.reshape(-1, 1) for one output, one-hot rows, "
                "np.eye(classes)[labels], for several; or use nn.CrossEntropyLoss, which takes "
                "indices."
            )
            return Finding("labels are broadcast", ("y",), node.size / y.size, 1, meaning, remedy)
    return None


def _one_hot_as_indices(seen: Evidence) -> Finding | None:
    y = seen.y
    if y.ndim != 2 or y.shape[1] < 2 or not are_one_hot(y):
        return None
    for node in seen.in_loss:
        if node.operation.traits.indexes:
            index = node.arguments[1]
            parts = index if isinstance(index, tuple) else (index,)
            if any(np.shape(part) == y.shape and np.array_equal(part, y) for part in parts):
                meaning = (
                    f"The loss picks predictions by the targets {y.shape}, and these are one-hot "
                    f"rows of {y.shape[1]} numbers each: it picks only classes 0 and 1."
                )
                remedy = "Give indices, y.argmax(axis=1)."
                return Finding("labels are one-hot", ("y",), y.shape[1], 1, meaning, remedy)
    return None
