"""What fraction of predictions is right."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import ShapeError, describe_one


def accuracy(predictions: Any, targets: Any, threshold: float = 0.5) -> float:
    """The fraction of predictions that name the right class.

    Args:
        predictions: scores or logits (n, classes), of which the largest counts; or numbers (n,)
            or (n, 1), which mean class 1 above the threshold; or classes, as integers.
        targets: labels (n,) or (n, 1), or one-hot rows (n, classes).
        threshold: 0.5 for probabilities, 0 for logits.

    Raises:
        ShapeError: the numbers of predictions and targets differ.

    >>> accuracy(np.array([[0.1, 2.0], [3.0, 0.2]]), np.array([1, 1]))
    0.5
    >>> accuracy(np.array([[0.9], [0.2]]), np.array([[1], [0]]))
    1.0
    """
    predicted = _classes(predictions, threshold)
    labels = targets.data if isinstance(targets, Tensor) else np.asarray(targets)
    if labels.ndim == 2:
        labels = labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
    if predicted.shape != labels.shape:
        raise ShapeError(
            f"accuracy of {describe_one(predictions)} and targets {describe_one(targets)}",
            f"there are {len(predicted)} predictions and {len(labels)} targets",
            "Give one label, or one one-hot row, for each prediction",
        )
    return float(np.mean(predicted == labels))


def _classes(predictions: Any, threshold: float) -> Any:
    values = predictions.data if isinstance(predictions, Tensor) else np.asarray(predictions)
    if values.ndim == 2 and values.shape[1] > 1:
        return values.argmax(axis=1)
    values = values.reshape(-1)
    return values if values.dtype.kind in "iu" else (values > threshold).astype(int)
