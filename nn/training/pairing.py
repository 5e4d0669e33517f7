"""Whether a loss of one's own compares each prediction with its own target, and not with all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.engine import backward_order
from autograd_lite.errors import ShapeError
from autograd_lite.modes import enable_grad
from autograd_lite.node import Node, inputs_of, plain
from autograd_lite.pullback import requires_grad
from autograd_lite.trees import leaves_of, map_tree


def require_own_targets(
    attempted: str, loss: Callable[..., Any], predictions: Any, y: Any, *weights: Any
) -> None:
    """Raise a ShapeError where a loss broadcasts predictions (n, 1) and targets (n,) to (n, n).

    That is certain where an elementwise operation has both for operands, as they are or computed
    from one of them alone entry by entry. A loss that means all pairs lays them out for that.
    Nothing else that a loss does, or raises, is looked at.
    """
    n = next(map(len, leaves_of(y)), 0)
    shapes = {np.shape(leaf) for leaf in (*leaves_of(predictions), *leaves_of(y))}
    if n < 2 or not shapes >= {(n,), (n, 1)}:
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
        if len(found) == 1 and all(each in origins for each in operands) and node._array.size == n:
            origins[node] = next(iter(found))
        elif len(found) == 2 and {*found.values()} == {(n,), (n, 1)} and shape == (n, n):
            raise _compared_with_all(f"{attempted}: {node.operation.name}", found)


def _watched(array: Any) -> Any:
    """A tensor of numbers in which what is computed of them is found again."""
    return Tensor(np.asarray(plain(array), dtype=float), requires_grad=True)


def _compared_with_all(attempted: str, shapes: dict[str, tuple[int, ...]]) -> ShapeError:
    own = shapes["predictions"]
    alike = "y.reshape(-1, 1)" if len(own) == 2 else "y.reshape(-1)"
    return ShapeError(
        f"{attempted} of predictions {own} and targets {shapes['targets']}",
        "NumPy broadcasts them to all pairs, so that each prediction is compared with every target",
        f"Give {alike}; a loss that means pairs writes predictions.reshape(-1, 1) and "
        "targets.reshape(1, -1)",
    )
