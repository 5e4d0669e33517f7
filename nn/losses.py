"""Losses: the mean over all entries, or over all samples, of what predictions are off.

Each refuses predictions and targets whose shapes would broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import (
    Tensor,
    binary_cross_entropy,
    log_softmax,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from autograd_lite.errors import (
    ArgumentError,
    ShapeError,
    describe_one,
)


def _require_same_shape(loss: object, predictions: Any, targets: Any) -> None:
    if predictions.shape != targets.shape:
        raise ShapeError(
            f"{type(loss).__name__} of predictions {describe_one(predictions)} "
            f"and targets {describe_one(targets)}",
            "broadcasting them would compare every prediction with every target",
            f"Give targets of the same shape: targets.reshape{(-1, *predictions.shape[1:])}",
        )


def _cast(targets: Any, predictions: Any) -> Any:
    """Targets of the predictions' dtype: integers or float64 do not make a float32 loss wider."""
    return targets if targets.dtype == predictions.dtype else targets.astype(predictions.dtype)


class MSELoss:
    """Mean squared error: mean((predictions - targets)²).

    >>> MSELoss()(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item()
    2.0
    """

    def __call__(self, predictions: Any, targets: Any) -> Tensor:
        """The loss of predictions and targets of one shape."""
        _require_same_shape(self, predictions, targets)
        return np.square(predictions - _cast(targets, predictions)).mean()  # type: ignore[no-any-return]


class MAELoss:
    """Mean absolute error: mean(|predictions - targets|).

    >>> MAELoss()(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item()
    1.0
    """

    def __call__(self, predictions: Any, targets: Any) -> Tensor:
        """The loss of predictions and targets of one shape."""
        _require_same_shape(self, predictions, targets)
        return np.abs(predictions - _cast(targets, predictions)).mean()  # type: ignore[no-any-return]


class BCELoss:
    """Binary cross-entropy of probabilities: -mean(t log p + (1 - t) log(1 - p)).

    `BCEWithLogitsLoss` is the more precise of the two.

    >>> round(BCELoss()(Tensor([0.9, 0.2]), np.array([1.0, 0.0])).item(), 4)
    0.1643
    """

    def __call__(self, probabilities: Any, targets: Any) -> Tensor:
        """The loss of probabilities and targets, both from 0 to 1, of one shape."""
        _require_same_shape(self, probabilities, targets)
        values = probabilities.data
        if not (np.all(values >= 0) and np.all(values <= 1)):
            raise ArgumentError(
                f"BCELoss of predictions {describe_one(probabilities)}",
                f"they range from {np.min(values)} to {np.max(values)}, "
                "and probabilities from 0 to 1",
                "Apply a sigmoid first, or give logits to BCEWithLogitsLoss",
            )
        return binary_cross_entropy(probabilities, _cast(targets, probabilities))  # type: ignore[no-any-return]


class BCEWithLogitsLoss:
    """Binary cross-entropy of logits: -mean(t log sigmoid(z) + (1 - t) log(1 - sigmoid(z))).

    >>> round(BCEWithLogitsLoss()(Tensor([0.0]), np.array([1.0])).item(), 4)
    0.6931
    """

    def __call__(self, logits: Any, targets: Any) -> Tensor:
        """The loss of logits and targets, the latter from 0 to 1, of one shape."""
        _require_same_shape(self, logits, targets)
        return sigmoid_cross_entropy(logits, _cast(targets, logits))  # type: ignore[no-any-return]


class CrossEntropyLoss:
    """Cross-entropy of softmax(logits): mean of -log p of the right class.

    >>> round(CrossEntropyLoss()(Tensor([[0.0, 0.0]]), np.array([1])).item(), 4)
    0.6931
    >>> round(CrossEntropyLoss()(Tensor([[0.0, 0.0]]), np.array([[0.0, 1.0]])).item(), 4)
    0.6931
    """

    def __call__(self, logits: Any, targets: Any) -> Tensor:
        """The loss of logits (n, classes) and targets: labels (n,) or probabilities (n, classes).

        Raises:
            ShapeError: the shapes are others, or a label is none of the classes.
            UnsupportedError: labels are not integers.
        """
        if not hasattr(targets, "shape"):
            targets = np.asarray(targets)
        if logits.ndim == 2 and targets.shape == logits.shape:
            likelihood = (_cast(targets, logits) * log_softmax(logits)).sum()
            return -likelihood / len(logits)  # type: ignore[no-any-return]
        return softmax_cross_entropy(logits, targets)  # type: ignore[no-any-return]
