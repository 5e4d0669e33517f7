"""Losses of probabilities, and of the logits that probabilities are computed from.

Those of logits are the more precise. Where a loss takes probabilities, `epsilon` is added inside
each logarithm, log(p + epsilon); with epsilon 0 a logarithm counts as -100 at least, and where it
does, at p = 0 that is, its derivative divides by 1e-12, as in PyTorch's binary cross-entropy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_lite import (
    Tensor,
    binary_cross_entropy,
    log_softmax,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from autograd_lite.arguments import FRACTION, INTEGER, SHARE, one_of, optional
from autograd_lite.derivatives.cross_entropies import are_shares, sigmoid_cross_entropies
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError
from autograd_lite.foreign import beside
from autograd_lite.node import plain
from nn.declared import declared
from nn.losses.loss import (
    REDUCTIONS,
    Loss,
    binary_cross_entropies,
    bounded_log,
    holds,
    log_above,
    logarithms_that_count,
    no_shares,
    other_classes,
    positive_weights,
    require_probabilities,
)


class _BinaryLoss(Loss):
    """Cross-entropy of independent answers, yes or no; a subclass says of what."""

    link = "sigmoid"
    whole: ClassVar[Callable[..., Any]]
    """The mean as one operation, where there are no options but label smoothing."""
    pos_weight: Any = declared(default=None, kw_only=True)
    label_smoothing: float = declared(SHARE, default=0.0, kw_only=True)

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        checked = super()._checked(values)
        return {
            **checked,
            "pos_weight": positive_weights(self, "pos_weight", checked["pos_weight"]),
        }

    def prepared(self, predictions: Any, targets: Any) -> tuple[Any, Any]:
        """Predictions and targets of one shape, these from 0 to 1, and smoothed."""
        predictions, targets = super().prepared(predictions, targets)
        if self.takes == "probabilities":
            require_probabilities(self, predictions, targets)
        if not holds(are_shares, targets):
            raise no_shares(self, predictions, targets)
        s = self.label_smoothing
        return predictions, targets * (1 - s) + s / 2 if s else targets

    def mean(self, predictions: Any, targets: Any) -> Tensor:
        """The mean without weights."""
        if self.pos_weight is not None or getattr(self, "epsilon", False):
            return super().mean(predictions, targets)
        mean: Tensor = self.whole(*self.prepared(predictions, targets))
        return mean

    def cross_entropies(self, predictions: Any, targets: Any) -> Any:
        """The cross-entropy of each entry, without options."""
        raise NotImplementedError

    def entries(self, predictions: Any, targets: Any) -> Any:
        """The cross-entropy of each entry."""
        if self.pos_weight is None:
            return self.cross_entropies(predictions, targets)
        # w t log p + (1 - t) log(1 - p) = s (u log p + (1 - u) log(1 - p)), with the sum s
        # of the two factors, and u = w t / s.
        positive = self._spread(predictions, targets) * targets
        factors = positive + (1 - targets)
        return factors * self.cross_entropies(predictions, positive / factors)

    def _spread(self, predictions: Any, targets: Any) -> Any:
        """`pos_weight` in the shape and dtype of the predictions."""
        try:
            weights = np.broadcast_to(beside(self.pos_weight, predictions), predictions.shape)
        except ValueError as error:
            raise ShapeError(
                self.describe(predictions, targets),
                f"pos_weight has shape {self.pos_weight.shape}, which does not broadcast to them",
                "Give a number, or one for each entry of the last axis",
            ) from error
        return weights.astype(predictions.dtype)


class BCELoss(_BinaryLoss):
    """Binary cross-entropy of probabilities: -mean(t log p + (1 - t) log(1 - p)).

    Targets have the shape of the predictions and lie between 0 and 1; others raise an
    ArgumentError. `BCEWithLogitsLoss` is the more precise of the two.

    Args:
        pos_weight: factor of the first term, that is, how much class 1 counts; a number, or an
            array that broadcasts to the targets.
        label_smoothing: s, from 0 to 1: targets become (1 - s) t + s / 2.
        epsilon: added inside both logarithms.

    >>> round(BCELoss()(Tensor([0.9, 0.2]), np.array([1.0, 0.0])).item(), 4)
    0.1643
    """

    takes = "probabilities"
    whole = staticmethod(binary_cross_entropy)
    epsilon: float = declared(FRACTION, default=0.0, kw_only=True)

    def cross_entropies(self, predictions: Any, targets: Any) -> Any:
        """The cross-entropy of each entry."""
        if not self.epsilon:
            return binary_cross_entropies(predictions, targets)
        right = targets * np.log(predictions + self.epsilon)
        return -(right + (1 - targets) * np.log(1 - predictions + self.epsilon))


class BCEWithLogitsLoss(_BinaryLoss):
    """Binary cross-entropy of logits: -mean(t log sigmoid(z) + (1 - t) log(1 - sigmoid(z))).

    Targets and options are those of `BCELoss`.

    >>> round(BCEWithLogitsLoss()(Tensor([0.0]), np.array([1.0])).item(), 4)
    0.6931
    """

    takes = "logits"
    whole = staticmethod(sigmoid_cross_entropy)

    def cross_entropies(self, predictions: Any, targets: Any) -> Any:
        """The cross-entropy of each entry."""
        return sigmoid_cross_entropies(predictions, targets)


class _ClassLoss(Loss):
    """Cross-entropy of classes; a subclass says how predictions become log-probabilities."""

    link = "softmax"
    weight: Any = declared(default=None, kw_only=True)
    label_smoothing: float = declared(SHARE, default=0.0, kw_only=True)
    ignore_index: int | None = declared(optional(INTEGER), default=None, kw_only=True)

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        checked = super()._checked(values)
        return {**checked, "weight": positive_weights(self, "weight", checked["weight"])}

    def log_probabilities(self, predictions: Any, targets: Any) -> Any:
        """The logarithms of the classes' probabilities, (n, classes): by default predictions."""
        return predictions

    def prepared(self, predictions: Any, targets: Any) -> tuple[Any, Any]:
        """Predictions (n, classes, ...), with labels (n, ...), or shares of the same shape."""
        if predictions.dtype.kind != "f":
            raise self.not_real(predictions, targets)
        if predictions.ndim < 2 or targets.shape != predictions.shape:
            return predictions, self._checked_labels(predictions, targets)
        if self.ignore_index is not None and self.ignore_index >= 0:
            raise UnsupportedError(
                self.describe(predictions, targets),
                f"ignore_index={self.ignore_index} is a label, and these targets are rows",
                "Give labels: targets.argmax(axis=1); or leave out ignore_index",
            )
        targets = self.cast(targets, predictions)
        rows, shares = _in_rows(predictions, targets)
        if not holds(are_shares, shares):
            raise no_shares(self, rows, shares)
        return predictions, targets

    def entries(self, predictions: Any, targets: Any) -> Any:
        """The cross-entropy of each sample, (n, ...)."""
        shape = (*predictions.shape[:1], *predictions.shape[2:])
        rows, answers = _in_rows(predictions, targets)
        log_p = self.log_probabilities(rows, answers)
        weighted = log_p if self.weight is None else log_p * self._class_weights(log_p, answers)
        counted = self._counted(answers)
        if answers.ndim > 1:
            losses = -(answers * logarithms_that_count(answers, weighted)).sum(axis=1)
        else:
            labels = answers if counted is None else np.where(counted, answers, 0)
            losses = -weighted[np.arange(len(answers)), labels]
        s = self.label_smoothing
        losses = (1 - s) * losses - s * weighted.mean(axis=1) if s else losses
        losses = losses if counted is None else np.where(counted, losses, 0)
        return losses if predictions.ndim == 2 else losses.reshape(shape)

    def averaged(self, losses: Any, targets: Any) -> Tensor:
        """The mean of losses by label is over those that count, by the weights of their classes."""
        counted = self._counted(targets)
        if _are_rows(targets) or (self.weight is None and counted is None):
            return super().averaged(losses, targets)
        weight: Any = None if self.weight is None else beside(self.weight, losses)
        if counted is not None:
            targets = np.where(counted, targets, 0)
        if weight is None:
            return _share_of_sum(losses, counted.sum().item())
        is_noted = isinstance(targets, Tensor)
        weights = (Tensor(weight) if is_noted else weight)[targets]
        total = (weights if counted is None else counted * weights).sum()
        return _share_of_sum(losses, total if is_noted else total.item())

    def _counted(self, targets: Any) -> Any:
        """Which labels count, as an array; None where all do."""
        if self.ignore_index is None or _are_rows(targets):
            return None
        return targets != self.ignore_index

    def _class_weights(self, log_p: Any, targets: Any) -> Any:
        classes = log_p.shape[1]
        if self.weight.shape != (classes,):
            raise ShapeError(
                self.describe(log_p, targets),
                f"weight has shape {self.weight.shape}, and there are {classes} classes",
                f"Give {classes} weights, one for each class",
            )
        return beside(self.weight.astype(log_p.dtype), log_p)

    def _checked_labels(self, predictions: Any, labels: Any) -> Any:
        """Labels as they are, if there are such classes."""
        wanted = (*predictions.shape[:1], *predictions.shape[2:])
        if predictions.ndim < 2 or labels.shape != wanted:
            if labels.ndim > 1 < labels.shape[1] and labels[:, 0].shape == wanted:
                raise other_classes(self.describe(predictions, labels), predictions, labels)
            raise ShapeError(
                self.describe(predictions, labels),
                "predictions are (n, classes), and targets (n,) labels or (n, classes) rows; of "
                "sequences and images (n, classes, ...), and (n, ...) labels",
                "Reshape them; labels of shape (n, 1) become (n,) by labels.ravel(), predictions x "
                "(n, length, classes) become (n, classes, length) by np.swapaxes(x, 1, 2)",
            )
        if labels.dtype.kind not in "iu":
            raise UnsupportedError(
                self.describe(predictions, labels),
                f"labels are whole numbers, and these have dtype {labels.dtype}",
                "Write labels.astype(int)",
            )
        classes = predictions.shape[1]
        counted = self._counted(labels)
        if counted is not None and self.reduction == "mean" and not counted.any():
            raise ArgumentError(
                self.describe(predictions, labels),
                f"all labels are {self.ignore_index}, which is ignored; nothing has no mean",
                "Give at least one label of a class",
            )
        if not holds(_are_labels, labels, classes, self.ignore_index):
            values = plain(labels) if counted is None else plain(labels)[counted]
            low, high = values.min(), values.max()
            raise ArgumentError(
                self.describe(predictions, labels),
                f"labels range from {low} to {high}, classes from 0 to {classes - 1}",
                "Number the classes from 0, or give the last layer one output for each",
            )
        return labels


def _are_rows(targets: Any) -> bool:
    """Whether prepared targets are shares of classes, and not labels."""
    return bool(targets.dtype.kind == "f")


def _in_rows(predictions: Any, targets: Any) -> tuple[Any, Any]:
    """Predictions (n, classes, ...), labels and shares, with one sample for each position."""
    if predictions.ndim == 2:
        return predictions, targets

    def rows(x: Any) -> Any:
        return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])

    is_label = targets.ndim < predictions.ndim
    return rows(predictions), targets.reshape(-1) if is_label else rows(targets)


def _are_labels(values: Any, classes: int, ignored: int | None) -> bool:
    if ignored is not None:
        values = values[values != ignored]
    return not values.size or bool(values.min() >= 0 and values.max() < classes)


class CrossEntropyLoss(_ClassLoss):
    """Cross-entropy of softmax(logits): mean of -log p of the right class.

    Logits are (n, classes). Targets are labels (n,), integers from 0 to classes - 1, or rows (n,
    classes) of probabilities, such as one-hot rows. For sequences and images, logits are (n,
    classes, ...) and labels (n, ...): each position counts as a sample.

    Args:
        reduction: "mean", "sum" or "none", which returns (n,), or (n, ...).
        weight: (classes,), how much each class counts. As in PyTorch, the mean of weighted losses
            is their sum over the sum of the weights for labels, and over n for rows of
            probabilities.
        label_smoothing: s, from 0 to 1: rows, and one-hot labels, become (1 - s) t + s / classes.
        ignore_index: a label that costs nothing and does not count in the mean, such as -100 for
            padding. By default there is none.

    >>> round(CrossEntropyLoss()(Tensor([[0.0, 0.0]]), np.array([1])).item(), 4)
    0.6931
    >>> round(CrossEntropyLoss()(Tensor([[0.0, 0.0]]), np.array([[0.0, 1.0]])).item(), 4)
    0.6931
    """

    takes = "logits"

    def mean(self, predictions: Any, targets: Any) -> Tensor:
        """The mean without weights, of labels as one operation unless there are other options."""
        fused = self.weight is None and not self.label_smoothing and self.ignore_index is None
        if fused and targets.ndim == 1 and len(targets) and predictions.dtype.kind == "f":
            return softmax_cross_entropy(predictions, targets)  # type: ignore[no-any-return] # functions of tensors give Any
        if fused and targets.ndim > 1 and targets.ndim == predictions.ndim - 1:
            rows, labels = _in_rows(*self.prepared(predictions, targets))
            return softmax_cross_entropy(rows, labels)  # type: ignore[no-any-return] # functions of tensors give Any
        return super().mean(predictions, targets)

    def log_probabilities(self, predictions: Any, targets: Any) -> Any:
        """The logarithm of softmax."""
        return log_softmax(predictions)


class CategoricalCrossEntropyLoss(_ClassLoss):
    """Cross-entropy of probabilities: mean of -log p of the right class.

    `CrossEntropyLoss` takes logits and is the more precise of the two. It has the same targets and
    options, except for `epsilon`, which is added inside the logarithm here.

    >>> p = Tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    >>> round(CategoricalCrossEntropyLoss(epsilon=1e-8)(p, np.array([0, 1, 2])).item(), 6)
    0.267654
    """

    takes = "probabilities"
    epsilon: float = declared(FRACTION, default=0.0, kw_only=True)

    def log_probabilities(self, predictions: Any, targets: Any) -> Any:
        """The logarithm of the probabilities; raises an ArgumentError if they are none."""
        require_probabilities(self, predictions, targets)
        if not self.epsilon:
            return bounded_log(predictions)
        return log_above(predictions, self.epsilon)


class NLLLoss(_ClassLoss):
    """Negative log-likelihood: mean of minus the log-probability of the right class.

    Targets and options are those of `CrossEntropyLoss`.

    >>> round(NLLLoss()(Tensor(np.log([[0.7, 0.3]])), np.array([0])).item(), 4)
    0.3567
    """

    takes = "log-probabilities"


class KLDivLoss(Loss):
    """Kullback-Leibler divergence of predictions from targets: mean(t (log t - log p)).

    It takes log-probabilities log p, and targets t that are probabilities, as in PyTorch.

    Args:
        reduction: "mean" over all entries, "sum", "none", or "batchmean": the sum over the
            number of samples, which is the mean divergence.

    >>> p, t = Tensor(np.log([[0.5, 0.5]])), np.array([[1.0, 0.0]])
    >>> round(KLDivLoss(reduction="batchmean")(p, t).item(), 4)
    0.6931
    """

    takes = "log-probabilities"
    link = "softmax"
    reduction: str = declared(one_of(*REDUCTIONS, "batchmean"), default="mean", kw_only=True)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """t (log t - log p) of each entry."""
        if not holds(are_shares, targets):
            raise no_shares(self, predictions, targets)
        # A target of 0 costs 0, whatever its logarithm.
        logarithms = np.log(np.where(targets > 0, targets, 1))
        return targets * (logarithms - logarithms_that_count(targets, predictions))

    def reduced(self, losses: Any, targets: Any) -> Tensor:
        """As of every loss, or the sum over the number of samples."""
        if self.reduction == "batchmean":
            return _share_of_sum(losses, losses.shape[0])
        return super().reduced(losses, targets)


def _share_of_sum(losses: Any, divisor: Any) -> Tensor:
    """The sum of losses by a number, in their dtype: of many in float16 it alone is infinite."""
    total = losses.astype(np.promote_types(losses.dtype, np.float32)).sum()
    divisor = divisor.astype(total.dtype) if isinstance(divisor, Tensor) else divisor
    return (total / divisor).astype(losses.dtype)  # type: ignore[no-any-return] # functions of tensors give Any
