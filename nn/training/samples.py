"""What `nn.fit` trains on: samples and targets that are checked, split and weighted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import as_array, is_number, require_real
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.trees import leaves_of, map_tree, matched
from nn.losses.loss import Loss, require_weights
from nn.losses.loss_function import weighted_loss
from nn.training.inputs import as_arrays, at, is_tree, named_leaves, shown
from nn.training.metrics import Metric


class Part(NamedTuple):
    """Samples to measure with: n of them, with their targets and weights."""

    X: Any
    y: Any
    weights: Any
    n: int


@dataclass(frozen=True)
class Samples:
    """Arrays that go through the model together, and what measures its predictions.

    Samples and targets are arrays, or tuples and dicts of arrays.
    """

    X: Any
    y: Any
    weights: Any
    """Of each sample in the loss, of mean 1; None where all count the same."""
    n: int
    """How many are trained on."""
    validation: Part | None
    loss: Callable[..., Tensor] | None
    """None where a step of one's own has its own losses."""
    metrics: Mapping[str, Metric]

    @property
    def training(self) -> tuple[Any, ...]:
        """Samples, targets and, where there are any, weights."""
        return (self.X, self.y) if self.weights is None else (self.X, self.y, self.weights)

    @property
    def parts(self) -> dict[str, Part]:
        """What to measure with, by what the names of figures begin with."""
        parts = {"": Part(self.X, self.y, self.weights, self.n)}
        if self.validation is not None:
            parts["validation_"] = self.validation
        return parts

    def loss_of(self, predictions: Any, y: Any, weights: Any = None) -> Tensor:
        """The loss of predictions; a function of one's own need not take weights without any."""
        assert self.loss is not None
        if weights is None:
            return self.loss(predictions, y)
        return self.loss(predictions, y, weights=weights)

    def per_sample(self, loss: float, n: int) -> float:
        """The figure for a loss of n samples, which does not grow with their number."""
        return loss / n if self.is_sum else loss

    @property
    def is_sum(self) -> bool:
        """Whether the loss of a batch is a sum over its samples."""
        return isinstance(self.loss, Loss) and self.loss.reduction == "sum"


def prepared(
    dtype: Any,
    X: Any,  # noqa: N803
    y: Any,
    loss: Callable[..., Tensor] | None,
    metrics: Mapping[str, Metric],
    validation: Any,
    sample_weight: Any,
    class_weight: Any,
    split_seed: int,
) -> Samples:
    """Check everything, before anything is trained.

    Floats in X become of the dtype, unless it is None; `split_seed` shuffles before a split.
    """
    X, y, n = _checked(dtype, X, y, "")  # noqa: N806
    weights = held_out = None
    if sample_weight is not None:
        weights = as_array(sample_weight, "fit with sample_weight")
        require_weights(weights, n, "fit with sample_weight")
        weights = weights.astype(float)
    if isinstance(validation, tuple | list) and len(validation) == 2:
        held_out = _checked(dtype, validation[0], validation[1], "validation ")
        _require_shapes(X, y, *held_out[:2])
    elif is_number(validation):
        drawn, kept = _split(n, validation, split_seed)
        held_out = at(X, drawn), at(y, drawn), len(drawn)
        X, y, n = at(X, kept), at(y, kept), len(kept)  # noqa: N806
        weights = None if weights is None else weights[kept]
    elif validation is not None:
        raise UnsupportedError(
            f"fit with validation {describe_one(validation)}",
            "it is neither a pair of samples and targets nor a share of the samples",
            "Give (X, y), or a number between 0 and 1",
        )
    measured = None if held_out is None else Part(*held_out[:2], None, held_out[2])
    if class_weight is not None:
        of_classes = _class_weights(class_weight, y)
        weights = of_classes if weights is None else weights * of_classes
    if weights is None:
        return Samples(X, y, None, n, measured, loss, metrics)
    if not weights.any():
        raise ArgumentError(
            "fit with sample_weight and class_weight",
            f"the weights of all {n} training samples are zero",
            "Give positive weights to what is to be learned",
        )
    weights = weights / weights.mean()
    weighted = None if loss is None else weighted_loss(loss)
    return Samples(X, y, weights, n, measured, weighted, metrics)


def _checked(dtype: Any, X: Any, y: Any, kind: str) -> tuple[Any, Any, int]:  # noqa: N803
    """Arrays of finite numbers, with a target for each sample, as the model computes with them."""
    X, y = as_arrays(X, f"fit with {kind}X"), as_arrays(y, f"fit with {kind}y")  # noqa: N806
    for name, array in [
        *named_leaves(X, f"fit with {kind}X"),
        *named_leaves(y, f"fit with {kind}y"),
    ]:
        require_real(array, name)
    n = len(leaves_of(X)[0]) if leaves_of(X) and leaves_of(X)[0].ndim else 0
    if not n or any(array.shape[:1] != (n,) for array in leaves_of((X, y))):
        raise ShapeError(
            f"fit with {kind}X {shown(X)} and {kind}y {shown(y)}",
            "there are no samples, or the numbers of samples, the lengths of axis 0, differ",
            "Give one target for each sample",
        )
    X = map_tree(lambda array: floats_in(dtype, array), X)  # noqa: N806
    for name, array in [*named_leaves(X, f"{kind}X"), *named_leaves(y, f"{kind}y")]:
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise ArgumentError(
                f"fit with {name} {describe_one(array)}",
                f"{len(bad)} of its entries are NaN or infinite as {array.dtype}, "
                f"the first at index {tuple(bad[0].tolist())}",
                "Remove those samples, or fill in numbers",
            )
    return X, y, n


def shared_dtype(parameters: Iterable[Tensor]) -> Any:
    """The dtype of parameters, if all have the same, or else None."""
    dtypes = {parameter.dtype for parameter in parameters}
    return dtypes.pop() if len(dtypes) == 1 else None


def floats_in(dtype: Any, X: Any) -> Any:  # noqa: N803
    """Samples in that dtype, if there is one and they are floats."""
    if X.dtype.kind != "f" or dtype is None:
        return X
    with np.errstate(over="ignore"):
        return X.astype(dtype, copy=False)


# Validation


def _require_shapes(X: Any, y: Any, X_validation: Any, y_validation: Any) -> None:  # noqa: N803
    for kind, arrays, others in (("X", X, X_validation), ("y", y, y_validation)):
        for path, array, other in matched(f"fit with validation {kind}", arrays, others):
            if array.shape[1:] != other.shape[1:]:
                raise ShapeError(
                    f"fit with {kind}{path} {describe_one(array)} and validation "
                    f"{describe_one(other)}",
                    "their samples differ in shape",
                    f"Give validation {kind}{path} of shape {('n', *array.shape[1:])}",
                )


def _split(n: int, share: Any, seed: int) -> tuple[Any, Any]:
    """The indices of the validation samples, and those of the others, each in random order."""
    n_held_out = round(n * share) if 0 < share < 1 else 0
    if not 0 < n_held_out < n:
        raise ArgumentError(
            f"fit with validation={share}",
            f"of {n} samples that leaves none to train on, or none to validate with",
            "Give a share between 0 and 1, such as 0.2",
        )
    order = np.random.default_rng(seed).permutation(n)
    return order[:n_held_out], order[n_held_out:]


# Weights


def _class_weights(class_weight: Any, y: Any) -> Any:
    """The weight of each sample's class.

    "balanced" is n / (classes * count), so that each class has the same sum (King and Zeng,
    "Logistic regression in rare events data", 2001; as scikit-learn has it).
    """
    labels, of_sample, counts = np.unique(_labels(y), return_inverse=True, return_counts=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        return (len(y) / (len(labels) * counts))[of_sample]
    if not isinstance(class_weight, Mapping):
        raise UnsupportedError(
            f"fit with class_weight={class_weight!r}",
            "it is neither a dict nor 'balanced'",
            "Write {0: 1.0, 1: 5.0}",
        )
    missing = [label for label in labels.tolist() if label not in class_weight]
    if missing:
        raise ArgumentError(
            f"fit with class_weight={dict(class_weight)!r}",
            f"y has the labels {', '.join(map(str, missing))}, which are not in it",
            "Give a weight for each label; 1.0 where nothing is to change",
        )
    weights = [class_weight[label] for label in labels.tolist()]
    if not all(is_number(weight) and weight >= 0 for weight in weights):
        raise ArgumentError(
            f"fit with class_weight={dict(class_weight)!r}",
            "a weight is no finite number, or below 0",
            "Give numbers of 0 or more",
        )
    return np.array(weights, dtype=float)[of_sample]


def _labels(y: Any) -> Any:
    """Labels (n,) of targets (n,), (n, 1), or one-hot rows (n, classes)."""
    if is_tree(y):
        raise ArgumentError(
            f"fit with class_weight and y {shown(y)}",
            "there are several targets, and each has classes of its own",
            "Write sample_weight, or weights in a loss of your own",
        )
    if y.size == len(y):
        if (y % 1 != 0).any():
            raise ArgumentError(
                f"fit with class_weight and y {describe_one(y)}",
                f"y is no label where it is {y[y % 1 != 0][0]}: labels are whole numbers",
                "Give labels, or write sample_weight",
            )
        return y.reshape(-1)
    if y.ndim == 2 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return y.argmax(axis=1)
    raise ArgumentError(
        f"fit with class_weight and y {describe_one(y)}",
        "its rows are not one-hot, so that they have no class",
        "Give labels (n,), or write sample_weight",
    )
