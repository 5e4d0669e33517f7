"""Losses of numbers and of vectors: how far predictions are off, and of pairs, triplets, variances.

Most are of predictions and targets of one shape; at a kink the slope is 0. Those that follow are
called with more than these, in PyTorch's order. In `nn.fit` the model returns a tuple, and the loss
is a function of that: `lambda outputs, y: loss(outputs[0], y, outputs[1])`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from autograd_lite import Tensor, relu
from autograd_lite.arguments import FLAG, POSITIVE, Range, is_number, one_of, require_real
from autograd_lite.errors import ShapeError, describe_one
from autograd_lite.foreign import admit
from autograd_lite.names import explains_keywords
from autograd_lite.precision import widened
from nn.declared import Declared, declared
from nn.losses.loss import REDUCTIONS, Loss, log_above, logarithms_that_count, require_each


class MSELoss(Loss):
    """Mean squared error: mean((predictions - targets)²).

    >>> MSELoss()(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item()
    2.0
    >>> MSELoss(reduction="none")(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).data
    array([0., 4.])
    """

    def entries(self, predictions: Any, targets: Any) -> Any:
        """(p - t)² of each entry."""
        return np.square(predictions - targets)


class HalfSquaredErrorLoss(Loss):
    """Half the sum of squares of each sample: ½‖predictions - targets‖².

    A sample is an entry along the first axis; the other axes are summed. Reduction "sum", the
    default, is ½ Σ (p - t)² over everything, "mean" the mean over samples, and "none" returns (n,).

    >>> predictions, targets = Tensor([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 4.0], [2.0, 0.0]])
    >>> HalfSquaredErrorLoss()(predictions, targets).item()
    4.0
    >>> HalfSquaredErrorLoss(reduction="mean")(predictions, targets).item()
    2.0
    """

    reduction: str = declared(one_of(*REDUCTIONS), default="sum", kw_only=True)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """½‖p - t‖² of each sample."""
        squares = np.square(predictions - targets)
        return squares.sum(axis=tuple(range(1, squares.ndim))) / 2


class MAELoss(Loss):
    """Mean absolute error: mean(|predictions - targets|), PyTorch's L1Loss.

    >>> MAELoss()(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item()
    1.0
    """

    def entries(self, predictions: Any, targets: Any) -> Any:
        """|p - t| of each entry."""
        return np.abs(predictions - targets)


class RMSELoss(Loss):
    """Root mean squared error: sqrt(mean((predictions - targets)²)).

    It is a property of all entries together, so "mean" is the only reduction; weights multiply the
    squares. Its slope is 0 where all predictions are exact.

    >>> round(RMSELoss()(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item(), 4)
    1.4142
    """

    reduction: str = declared(one_of("mean"), default="mean", kw_only=True)

    def mean(self, predictions: Any, targets: Any) -> Tensor:
        """The root of the mean without weights."""
        predictions, targets = self.prepared(predictions, targets)
        return _root_mean_square(predictions - targets)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """(p - t)² of each entry."""
        return np.square(predictions - targets)

    def averaged(self, losses: Any, targets: Any) -> Tensor:
        """The root of the mean of squared errors, which weights may have multiplied."""
        return _root_mean_square(np.sqrt(losses))


class HuberLoss(Loss):
    """½e² for errors |e| <= delta, and delta (|e| - ½ delta) beyond: outliers pull less.

    Huber, "Robust estimation of a location parameter", 1964.

    Args:
        delta: where the parabola turns into a line, > 0.

    >>> HuberLoss()(Tensor([0.5, 3.0]), np.array([0.0, 0.0])).item()
    1.3125
    """

    delta: float = declared(POSITIVE, default=1.0, kw_only=True)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """½e² or delta (|e| - ½ delta) of each entry."""
        errors = predictions - targets
        near = np.clip(errors, -self.delta, self.delta)
        return near * (errors - near / 2)


class PoissonNLLLoss(Loss):
    """-log of the probability of counts: exp(p) - t p, for predictions p that are log rates.

    As in PyTorch the term log t! is left out, unless `full` adds Stirling's t log t - t + ½ log 2πt
    for counts above 1.

    Args:
        log_input: whether predictions are logarithms; if not, rates r: r - t log(r + epsilon).
        full: whether the term of the targets is added.
        epsilon: added inside the logarithm of rates.

    >>> PoissonNLLLoss()(Tensor([0.0]), np.array([3.0])).item()
    1.0
    """

    log_input: bool = declared(FLAG, default=True, kw_only=True)
    full: bool = declared(FLAG, default=False, kw_only=True)
    epsilon: float = declared(POSITIVE, default=1e-8, kw_only=True)

    def entries(self, predictions: Any, targets: Any) -> Any:
        """The loss of each entry."""
        attempted = partial(self.describe, predictions, targets)
        counts = "targets are counts, 0 or more"
        require_each(_are_not_below_0, targets, attempted, counts, "Give numbers of events")
        if self.log_input:
            losses = np.exp(predictions) - targets * logarithms_that_count(targets, predictions)
        else:
            remedy = (
                "Give what autograd_lite.softplus makes of a layer's outputs, or leave out "
                "log_input=False for logarithms of rates"
            )
            rates = "predictions are rates, 0 or more"
            require_each(_are_not_below_0, predictions, attempted, rates, remedy)
            losses = predictions - targets * log_above(predictions, self.epsilon)
        if not self.full:
            return losses
        several = np.where(targets > 1, targets, 1)
        term = several * np.log(several) - several + np.log(2 * math.pi * several) / 2
        return losses + np.where(targets > 1, term, 0)


class HingeLoss(Loss):
    """mean(max(0, 1 - targets * scores)), the loss of a support vector machine.

    Targets are -1 or 1; others raise an ArgumentError.

    >>> HingeLoss()(Tensor([2.0, 0.5]), np.array([1, -1])).item()
    0.75
    """

    takes = "scores"

    def entries(self, predictions: Any, targets: Any) -> Any:
        """max(0, 1 - t z) of each entry."""
        require_each(_are_signs, targets, partial(self.describe, predictions, targets), *SIGNS)
        return relu(1 - predictions * targets)


SIGNS = "targets are -1 or 1", "Write 2 * targets - 1 for targets 0 and 1"


def _are_not_below_0(values: Any) -> bool:
    return not np.min(values) < 0


def _are_signs(values: Any) -> bool:
    return bool(np.all(np.abs(values) == 1))


def _root_mean_square(values: Any) -> Tensor:
    # The norm of many in float16 may be infinite where the mean is not.
    wide = values.astype(np.float32) if values.dtype == np.float16 else values
    norm: Any = np.linalg.norm(wide.reshape(-1))
    mean = norm / math.sqrt(values.size)
    return mean.astype(values.dtype) if wide is not values else mean  # type: ignore[no-any-return] # functions of tensors give Any


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
        margin: the cosine, from -1 to 1, up to which vectors that do not belong together cost
            nothing.
        reduction: "mean", "sum" or "none", which returns (n,).

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
            UnsupportedError: something is not an array of real numbers.
        """
        first, second, target = self._arrays(input1, input2, target)
        self._require_rows(first, second)
        if target.shape != first.shape[:1]:
            raise ShapeError(
                f"CosineEmbeddingLoss of {describe_one(first)} and targets {describe_one(target)}",
                "there is one target for each pair",
                f"Give targets of shape ({len(target) if target.ndim else 'n'},)",
            )
        attempted = f"CosineEmbeddingLoss with targets {describe_one(target)}"
        require_each(_are_signs, target, lambda: attempted, *SIGNS)
        one, other = widened(first), widened(second)  # in float16 1e-12 is 0
        squares = [(x * x).sum(axis=1) + 1e-12 for x in (one, other)]
        cosine = (one * other).sum(axis=1) / np.sqrt(squares[0] * squares[1])
        cosine = cosine if one is first else cosine.astype(first.dtype)
        alike = (1 + target.astype(cosine.dtype)) / 2
        apart = relu(cosine - self.margin)
        return self._reduced(alike * (1 - cosine) + (1 - alike) * apart)


class TripletMarginLoss(_OfSeveral):
    """max(0, margin + |a - p| - |a - n|): an anchor a closer to a positive p than to a negative n.

    Schroff et al., "FaceNet", 2015. As in PyTorch, 1e-6 is added to each difference.

    Args:
        margin: how much closer it has to be, above 0.
        p: the order of the norm, above 0.
        swap: whether to use the distance of p and n if it is the smaller one.
        reduction: "mean", "sum" or "none", which returns (n,).

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
            UnsupportedError: something is not an array of real numbers.
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
    1994. Variances are bounded below by `epsilon`, and have no slope there.

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
            UnsupportedError: something is not an array of real numbers.
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
        attempted = f"GaussianNLLLoss with variances {describe_one(variances)}"
        remedy = "Give numbers above 0, such as autograd_lite.softplus of what a layer returns"
        require_each(_are_not_below_0, variances, lambda: attempted, "they are above 0", remedy)
        v = np.maximum(variances, self.epsilon)
        losses = (np.log(v) + np.square(means - targets.astype(means.dtype)) / v) / 2
        return self._reduced(losses + math.log(2 * math.pi) / 2 if self.full else losses)
