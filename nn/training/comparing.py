"""What a loss or a metric is given, and whether that is what it compares."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.engine import backward_order
from autograd_lite.errors import ArgumentError, ShapeError, describe_one
from autograd_lite.foreign import on_host
from autograd_lite.modes import enable_grad
from autograd_lite.names import parameters_of
from autograd_lite.node import Node, inputs_of, plain
from autograd_lite.pullback import requires_grad
from autograd_lite.trees import leaves_of, map_tree
from nn.losses.loss import Loss
from nn.losses.loss_function import parts_of, without_weights


def require_own_targets(
    attempted: str, loss: Callable[..., Any], predictions: Any, y: Any, *weights: Any
) -> None:
    """Raise a ShapeError where a loss broadcasts predictions (n, 1) and targets (n,) to (n, n).

    That is certain where an elementwise operation has both for operands, as they are or computed
    from one of them alone entry by entry. A loss that means all pairs lays them out for that.
    Nothing else that a loss does, or raises, is looked at.
    """
    if not _may_make_pairs(predictions, y):
        return
    of_predictions, of_targets = map_tree(_watched, predictions), map_tree(_watched, y)
    try:
        with enable_grad():
            computed = loss(of_predictions, of_targets, *weights)
    except Exception:  # of what is no array of floats; it is called with that as it is, too
        return
    origins: dict[Node, str] = dict.fromkeys(leaves_of(of_predictions), "predictions")
    origins |= dict.fromkeys(leaves_of(of_targets), "targets")
    for node in reversed(backward_order(*filter(requires_grad, leaves_of(computed)))):
        if node.operation is None or not node.operation.traits.elementwise:
            continue
        operands, shape = inputs_of(node), np.shape(node._array)
        found = {origins[each]: np.shape(each._array) for each in operands if each in origins}
        if _are_pairs(found, shape):
            raise _compared_with_all(f"{attempted}: {node.operation.name}", found)
        own = len(found) == 1 and all(each in origins for each in operands)
        if own and node._array.size == len(next(iter(leaves_of(y)))):
            origins[node] = next(iter(found))


def require_own_targets_in(
    attempted: str, metric: Callable[..., Any], predictions: Any, y: Any, *_: Any
) -> None:
    """The same of a metric, which is given arrays, and may compare them by == or >, too."""
    if not _may_make_pairs(predictions, y):
        return
    pairs: list[Any] = []
    of_predictions = map_tree(partial(_traced, "predictions", pairs), predictions)
    of_targets = map_tree(partial(_traced, "targets", pairs), y)
    with suppress(Exception):  # it is called with the arrays themselves, too
        metric(of_predictions, of_targets)
    if pairs:
        operation, shapes = pairs[0]
        raise _compared_with_all(f"{attempted}: {operation}", shapes)


TARGETS = re.compile(
    "y_true|y_test|labels_true|targets?|labels?|(ground_)?truth|true|actual|observed|expected|y|t"
)
PREDICTIONS = re.compile(
    "y_(hat|score|proba?|pred(icted)?)|yhat|labels_pred|pred(s|ictions?|icted)?|outputs?|logits"
    "|scores?|prob(s|a|abilities)?|p"
)
"""What the two that a loss or a metric compares are called."""


def takes_targets_first(function: Callable[..., Any]) -> bool:
    """Whether the names of its parameters say so, as scikit-learn's do."""
    first, second = [*parameters_of(function), "", ""][:2]
    named = TARGETS.fullmatch(first) and PREDICTIONS.fullmatch(second)
    return first == "y_true" or bool(named)


def targets_first(attempted: str, loss: Callable[..., Any]) -> ArgumentError:
    """The error for a loss that takes the targets first."""
    first, name = parameters_of(loss)[0], getattr(loss, "__name__", "loss")
    called = "loss" if name == "<lambda>" else name
    return ArgumentError(
        f"{attempted} with loss={describe_one(loss)}",
        f"its first parameter is {first}, and a loss is called with the predictions first",
        f"Write loss=lambda predictions, targets: {called}(targets, predictions); or, if {first} "
        "are the predictions, call them so",
    )


def require_predictions_first(attempted: str, loss: Any, predictions: Any, y: Any) -> None:
    """Raise an ArgumentError if a loss takes the targets first, and differs with the order."""
    for one, of_predictions, of_targets in parts_of(without_weights(loss), predictions, y):
        if takes_targets_first(one) and not _is_the_same(one, of_predictions, of_targets):
            raise targets_first(attempted, one)


def _is_the_same(loss: Callable[..., Any], predictions: Any, y: Any) -> bool:
    """Whether a loss is the same with the two exchanged; what it raises, it raises elsewhere."""
    given = [map_tree(_watched, each) for each in (predictions, y)]
    with suppress(Exception), np.errstate(all="ignore"):
        computed, exchanged = loss(*given), loss(*reversed(given))
        return np.allclose(plain(computed), plain(exchanged), equal_nan=True)
    return True


class _Traced(np.ndarray[Any, Any]):
    """An array that knows whether its entries are of predictions or of targets."""

    of = ""
    pairs: list[Any]
    """The operations that have compared all with all, and the shapes."""

    def __array_finalize__(self, other: Any) -> None:
        if isinstance(other, _Traced) and self.shape == other.shape:
            self.of, self.pairs = other.of, other.pairs

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        plain_inputs = [np.asarray(x) if isinstance(x, _Traced) else x for x in inputs]
        if "out" in keywords:
            keywords["out"] = tuple(None if x is None else np.asarray(x) for x in keywords["out"])
        result = getattr(ufunc, method)(*plain_inputs, **keywords)
        found = {x.of: x.shape for x in inputs if isinstance(x, _Traced) and x.of}
        if ufunc.signature or method != "__call__" or not isinstance(result, np.ndarray):
            return result
        if _are_pairs(found, result.shape):
            self.pairs.append((ufunc.__name__, found))
        if len(found) == 1 and result.shape == next(iter(found.values())):
            return _traced(next(iter(found)), self.pairs, result)
        return result


def _traced(of: str, pairs: list[Any], array: Any) -> _Traced:
    traced = np.array(array).view(_Traced)
    traced.of, traced.pairs = of, pairs
    return traced


def _may_make_pairs(predictions: Any, y: Any) -> bool:
    n = next(map(len, leaves_of(y)), 0)
    shapes = {np.shape(leaf) for leaf in (*leaves_of(predictions), *leaves_of(y))}
    return n > 1 and shapes >= {(n,), (n, 1)}


def _are_pairs(found: dict[str, tuple[int, ...]], shape: tuple[int, ...]) -> bool:
    """Whether an operation has made (n, n) of predictions and targets (n,) and (n, 1)."""
    n = shape[0] if shape else 0
    return len(found) == 2 and {*found.values()} == {(n,), (n, 1)} and shape == (n, n)


def _watched(array: Any) -> Any:
    """A tensor of numbers in which what is computed of them is found again."""
    return Tensor(np.asarray(plain(array), dtype=float), requires_grad=True)


def _compared_with_all(attempted: str, shapes: dict[str, tuple[int, ...]]) -> ShapeError:
    own = shapes["predictions"]
    alike = "y.reshape(-1, 1)" if len(own) == 2 else "y.reshape(-1)"
    return ShapeError(
        f"{attempted} of predictions {own} and targets {shapes['targets']}",
        "NumPy broadcasts them to all pairs, so that each prediction is compared with every target",
        f"Give {alike}; what means pairs is written predictions.reshape(-1, 1) and "
        "targets.reshape(1, -1)",
    )


TOLERANCE = 0.05
"""How far from 1 the sum may be: by an epsilon that was added, and the rounding of float16."""
REMEDIES = {
    "probabilities": "End the model in nn.Softmax(), or give logits to nn.CrossEntropyLoss; "
    "answers that do not exclude each other are for nn.BCELoss",
    "log-probabilities": "End the model in nn.LogSoftmax(), or give logits to nn.CrossEntropyLoss",
}
"""For predictions that add up to something else, by what the loss takes."""


def require_distributions(attempted: str, loss: Any, predictions: Any) -> None:
    """Raise an ArgumentError where a loss takes what is no distribution over classes for one.

    It would fall without limit as logits grow, or as each of the probabilities goes to 1. The
    classes are along any axis but the first, or all of those. Predictions that are not finite are
    not looked at, nor are losses that are no `Loss`.
    """
    for one, part in parts_of(loss, predictions):
        takes = one.takes if isinstance(one, Loss) and one.link == "softmax" else None
        if takes in REMEDIES and np.ndim(plain(part)) > 1:
            _require_sums_of_one(attempted, one, on_host(plain(part)).astype(float))


def _require_sums_of_one(attempted: str, loss: Loss, values: Any) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        shares = np.exp(values) if loss.takes == "log-probabilities" else values
        axes = [*range(1, values.ndim), tuple(range(1, values.ndim))]
        sums = [shares.sum(axis=axis) for axis in axes]
    if not all(abs(each - 1).max() > TOLERANCE for each in sums):
        return
    low, high = sums[0].min(), sums[0].max()
    raise ArgumentError(
        f"{attempted} with {type(loss).__name__} of predictions {values.shape}",
        f"it takes {loss.takes} of classes, and {_SUMMED[loss.takes]} of a sample add up to "
        f"{low:.3g} to {high:.3g}, not to 1",
        REMEDIES[loss.takes],
    )


_SUMMED = {"probabilities": "those", "log-probabilities": "the exponentials of those"}
