"""How much samples count in the loss, and how often they are drawn: by class, or each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.arguments import as_array, is_number
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.foreign import on_host
from nn.losses.loss import require_weights
from nn.training.inputs import are_one_hot, is_tree, shown


class Weighing(NamedTuple):
    """What `nn.fit` is told of how samples count, and are drawn."""

    sample_weight: Any = None
    class_weight: Any = None
    sampling: Any = None

    @property
    def is_by_class(self) -> bool:
        """Whether that depends on targets."""
        return self.class_weight is not None or isinstance(self.sampling, str)

    def weights(self, kept: Any, y: Any, n: int, ignored: int | None = None) -> Any:
        """The weight of each sample that is kept of n, of mean 1; None where all count the same.

        The mean is over those that count in the loss, of which the label is not the ignored one.
        """
        weights = None
        if self.sample_weight is not None:
            weights = _one_each("sample_weight", self.sample_weight, n)[kept]
        if self.class_weight is not None:
            of_classes = _class_weights("class_weight", self.class_weight, y, ignored)
            weights = of_classes if weights is None else weights * of_classes
        if weights is None:
            return None
        are_labels = ignored is not None and getattr(y, "shape", ()) == weights.shape
        counted = on_host(y) != ignored if are_labels else np.ones(len(weights), bool)
        _require_some("fit with sample_weight and class_weight", weights * counted)
        return weights / weights[counted].mean()

    def odds(self, kept: Any, y: Any, n: int, ignored: int | None = None) -> Any:
        """How likely each sample that is kept of n is drawn; None where each comes once."""
        sampling = self.sampling
        if sampling is None:
            return None
        if not isinstance(sampling, str):
            odds = _one_each("sampling", sampling, n)[kept]
        elif sampling == "balanced":
            odds = _class_weights("sampling", sampling, y, ignored)
        else:
            raise UnsupportedError(
                f"fit with sampling={sampling!r}",
                "it is neither 'balanced' nor an array",
                "Write 'balanced', or give how likely each sample is drawn",
            )
        _require_some("fit with sampling", odds)
        return odds


UNWEIGHED = Weighing()


def _one_each(name: str, given: Any, n: int) -> Any:
    weights = on_host(as_array(given, f"fit with {name}"))
    require_weights(weights, n, f"fit with {name}")
    return weights.astype(float)


def _require_some(attempted: str, weights: Any) -> None:
    if not weights.any():
        raise ArgumentError(
            attempted,
            f"the weights of all {len(weights)} training samples are zero",
            "Give positive weights to what is to be learned",
        )


def _class_weights(name: str, class_weight: Any, y: Any, ignored: int | None) -> Any:
    """The weight of each sample's class; the ignored label is none, and weighs 0.

    "balanced" is n / (classes * count), so that each class has the same sum (King and Zeng,
    "Logistic regression in rare events data", 2001; as scikit-learn has it).
    """
    of_all = _labels(name, y)
    counted = np.ones(len(of_all), bool) if ignored is None else of_all != ignored
    found = np.zeros(len(of_all))
    labels, places, counts = np.unique(of_all[counted], return_inverse=True, return_counts=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        found[counted] = (len(places) / (len(labels) * counts))[places]
        return found
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
    found[counted] = np.array(weights, dtype=float)[places]
    return found


def _labels(name: str, y: Any) -> Any:
    """Labels (n,) of targets (n,), (n, 1), or one-hot rows (n, classes)."""
    if is_tree(y):
        raise ArgumentError(
            f"fit with {name} and y {shown(y)}",
            "there are several targets, and each has classes of its own",
            "Write sample_weight, or weights in a loss of your own",
        )
    y = on_host(y)
    if y.size == len(y):
        if (y % 1 != 0).any():
            raise ArgumentError(
                f"fit with {name} and y {describe_one(y)}",
                f"y is no label where it is {y[y % 1 != 0][0]}: labels are whole numbers",
                "Give labels, or write sample_weight",
            )
        return y.reshape(-1)
    if y.ndim == 2 and are_one_hot(y):
        return y.argmax(axis=1)
    raise ArgumentError(
        f"fit with {name} and y {describe_one(y)}",
        "its rows are not one-hot, so that they have no class",
        "Give labels (n,), or write sample_weight",
    )
