"""What can be wrong with the inputs and the labels of a network.

A function for each finding looks at the evidence.
"""

from __future__ import annotations

import numpy as np

from autograd_lite.node import Node
from nn.diagnosis.evidence import Evidence, are_indices, inputs
from nn.diagnosis.output_findings import compares_probabilities
from nn.diagnosis.report import Finding

LARGE_INPUT = 5.0
"""Mean of the absolute values of a feature, which is at most 1 once standardized: inputs of mean 0
and variance 1 are learned fastest (LeCun et al., "Efficient BackProp", 1998)."""
SMALL_INPUT = 0.01
"""Largest absolute value of all inputs; all 0 is a beginning, such as a recurrent state's."""


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
    if not (compares_probabilities(seen) or refused):
        return None
    low, high = float(seen.y.min()), float(seen.y.max())
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
    if y.ndim != 2 or y.shape[1] < 2 or not np.isin(y, (0, 1)).all() or (y.sum(axis=1) != 1).any():
        return None
    for node in seen.in_loss:
        if node.operation.traits.indexes:
            index = node.arguments[1]
            parts = index if isinstance(index, tuple) else (index,)
            if any(np.shape(part) == y.shape and np.array_equal(part, y) for part in parts):
                meaning = (
                    f"The loss picks predictions by the targets {y.shape}, and these are one-hot "
                    f"rows of {y.shape[1]} numbers each: it picks those of classes 0 and 1 alone."
                )
                remedy = "Give indices, y.argmax(axis=1)."
                return Finding("labels are one-hot", ("y",), y.shape[1], 1, meaning, remedy)
    return None
