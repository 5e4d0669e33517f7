"""Losses of more than predictions and targets: of pairs and triplets of vectors, of variances.

They are called with all of these, in PyTorch's order. In `nn.fit` the model returns a tuple, and
the loss is a function of that: `lambda outputs, y: loss(outputs[0], y, outputs[1])`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite import relu
from autograd_lite.arguments import FLAG, POSITIVE, Range, is_number, one_of, require_real
from autograd_lite.errors import ArgumentError, ShapeError, describe_one
from autograd_lite.foreign import admit
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.precision import widened
from nn.declared import Declared, declared
from nn.losses.loss import REDUCTIONS, holds
from nn.losses.regression import are_below_0, are_signs

COSINE = Range(lambda x: is_number(x) and -1 <= x <= 1, "a number from -1 to 1")


class _OfSeveral(Declared):
    """What losses of several arrays share."""

    reduction: str = declared(one_of(*REDUCTIONS), default="mean", kw_only=True)

    def _arrays(self, *given: Any) -> list[Any]:
        """Arrays or tensors of floats."""
        arrays = []
        for x in given:
            x = admit(x, f"{type(self).__name__} of")
            x = x if hasattr(x, "shape") else np.asarray(x)
            require_real(x, f"{type(self).__name__} of")
            if 0 in x.shape:
                raise ShapeError(
                    f"{type(self).__name__} of {describe_one(x)}",
                    "it has no entries, and nothing has no mean",
                    "Give at least one sample",
                )
            arrays.append(x if x.dtype.kind == "f" else x.astype(float))
        return arrays

    def _require_rows(self, *arrays: Any) -> None:
        """Raise unless they are vectors of samples, (n, features), of one shape."""
        if any(x.ndim != 2 or x.shape != arrays[0].shape for x in arrays):
            shown = ", ".join(map(describe_one, arrays))
            raise ShapeError(
                f"{type(self).__name__} of {shown}",
                "they are vectors of samples, (n, features), of one shape",
                "Give arrays of one shape with two axes",
            )

    def _reduced(self, losses: Any) -> Any:
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" else losses.sum()


class CosineEmbeddingLoss(_OfSeveral):
    """1 - cos of two vectors that belong together, max(0, cos - margin) of two that do not.

    As in PyTorch, 1e-12 is added to the square of each length.

    Args:
        margin: the cosine, from -1 to 1, that costs nothing for what does not belong together.
        reduction: "mean", "sum" or "none", which gives (n,).

    >>> loss = CosineEmbeddingLoss()
    >>> float(loss(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]), np.array([1])).round(4))
    0.2929
    """

    margin: float = declared(COSINE, default=0.0, kw_only=True)

    @explains_keywords
    def __call__(self, input1: Any, input2: Any, target: Any) -> Any:
        """The loss of vectors (n, features), and targets (n,): 1 for a pair, else -1.

        Raises:
            ShapeError: shapes do not go together.
            ArgumentError: a target is neither 1 nor -1.
            UnsupportedError: something is no array of real numbers.
        """
        first, second, target = self._arrays(input1, input2, target)
        self._require_rows(first, second)
        if target.shape != first.shape[:1]:
            raise ShapeError(
                f"CosineEmbeddingLoss of {describe_one(first)} and targets {describe_one(target)}",
                "there is one target for each pair",
                f"Give targets of shape ({len(target) if target.ndim else 'n'},)",
            )
        if not holds(are_signs, target):
            signs = plain(target)
            raise ArgumentError(
                f"CosineEmbeddingLoss with targets {describe_one(target)}",
                f"they are 1 or -1, and these range from {signs.min()} to {signs.max()}",
                "Write 2 * targets - 1 for targets 0 and 1",
            )
        one, other = widened(first), widened(second)  # in float16 1e-12 is 0
        squares = [(x * x).sum(axis=1) + 1e-12 for x in (one, other)]
        cosine = (one * other).sum(axis=1) / np.sqrt(squares[0] * squares[1])
        cosine = cosine if one is first else cosine.astype(first.dtype)
        alike = (1 + target.astype(cosine.dtype)) / 2
        apart = relu(cosine - self.margin)
        return self._reduced(alike * (1 - cosine) + (1 - alike) * apart)


class TripletMarginLoss(_OfSeveral):
    """max(0, margin + |a - p| - |a - n|): an anchor is nearer to what is like it than to others.

    Schroff et al., "FaceNet", 2015. As in PyTorch, 1e-6 is added to each difference.

    Args:
        margin: by how much it has to be nearer, above 0.
        p: of the norm, above 0.
        swap: whether the distance of p and n counts, where it is the smaller one.
        reduction: "mean", "sum" or "none", which gives (n,).

    >>> a, p, n = np.array([[0.0]]), np.array([[1.0]]), np.array([[1.5]])
    >>> float(TripletMarginLoss()(a, p, n).round(4))
    0.5
    """

    margin: float = declared(POSITIVE, default=1.0, kw_only=True)
    p: float = declared(POSITIVE, default=2.0, kw_only=True)
    swap: bool = declared(FLAG, default=False, kw_only=True)

    @explains_keywords
    def __call__(self, anchor: Any, positive: Any, negative: Any) -> Any:
        """The loss of vectors (n, features).

        Raises:
            ShapeError: shapes do not go together.
            UnsupportedError: something is no array of real numbers.
        """
        anchor, positive, negative = self._arrays(anchor, positive, negative)
        self._require_rows(anchor, positive, negative)
        far = self._distance(anchor, negative)
        if self.swap:
            far = np.minimum(far, self._distance(positive, negative))
        return self._reduced(relu(self.margin + self._distance(anchor, positive) - far))

    def _distance(self, x: Any, y: Any) -> Any:
        return np.linalg.norm(x - y + 1e-6, self.p, axis=1)


class GaussianNLLLoss(_OfSeveral):
    """½ (log v + (m - t)² / v): -log of a normal density of mean m and variance v.

    Nix and Weigend, "Estimating the mean and variance of the target probability distribution",
    1994. A variance counts as `epsilon` at least, and has no slope below.

    Args:
        full: whether ½ log 2π is added.
        epsilon: the smallest variance, above 0.
        reduction: "mean" over all entries, "sum" or "none".

    >>> float(GaussianNLLLoss()(np.array([1.0]), np.array([3.0]), np.array([1.0])))
    2.0
    """

    full: bool = declared(FLAG, default=False, kw_only=True)
    epsilon: float = declared(POSITIVE, default=1e-6, kw_only=True)

    @explains_keywords
    def __call__(self, predictions: Any, targets: Any, variances: Any) -> Any:
        """The loss of means and targets of one shape, and variances that broadcast to it.

        Raises:
            ShapeError: shapes do not go together.
            ArgumentError: a variance is below 0.
            UnsupportedError: something is no array of real numbers.
        """
        means, targets, variances = self._arrays(predictions, targets, variances)
        one_for_all = (*means.shape[:-1], 1)
        if targets.shape != means.shape or variances.shape not in (means.shape, one_for_all):
            raise ShapeError(
                f"GaussianNLLLoss of {describe_one(means)}, targets {describe_one(targets)} and "
                f"variances {describe_one(variances)}",
                "they have one shape, or the last axis of variances has length 1",
                f"Give arrays of shape {means.shape}",
            )
        if holds(are_below_0, variances):
            raise ArgumentError(
                f"GaussianNLLLoss with variances {describe_one(variances)}",
                f"one is {plain(variances).min()}",
                "Give numbers above 0, such as autograd_lite.softplus of what a layer returns",
            )
        v = np.maximum(variances, self.epsilon)
        losses = (np.log(v) + np.square(means - targets.astype(means.dtype)) / v) / 2
        return self._reduced(losses + math.log(2 * math.pi) / 2 if self.full else losses)
