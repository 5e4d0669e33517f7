"""Second derivatives where first ones divide by a distance, or a root, of 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.node import Array, Node, plain


def curved(
    slope: Array, g: Any, y: Any, x: Any, spread: Callable[[Array], Array] | None = None
) -> Array:
    """A rule's g x / y, called slope, to be differentiated where y is 0, too.

    If g goes to 0 as y does, as it does for |x|² with y = |x|, the quotient g / y tends to the
    slope of g in y. That is no 0, for which the rule takes 0 / 0. Fourth derivatives are not exact.

    Args:
        spread: brings y's shape to that of x, where y is a reduced one.
    """
    recorded = isinstance(g, Node) and g._requires_grad and isinstance(y, Node)
    if not recorded:
        return slope
    at_zero = np.equal(plain(y), 0)
    if not np.any(at_zero):
        return slope
    weights = at_zero.astype(y.dtype)
    slopes = [_slope(row, y, weights) for row in (g if g.ndim > y.ndim else [g])]
    if all(each is None for each in slopes):
        return slope
    limits = [weights * (0.0 if each is None else each) for each in slopes]
    limit = np.stack(limits) if g.ndim > y.ndim else limits[0]
    return slope + (spread(limit) if spread else limit) * x


def _slope(g: Any, y: Any, weights: Array) -> Any:
    """That of g in y and in what is computed as y is, entry by entry; None if g is not of these."""
    from autograd_lite.engine import backward_order
    from autograd_lite.pullback import Pullback

    same: list[Any] = [node for node in backward_order(g) if _alike(node, y)]
    return sum(Pullback([g], same).pull([weights])) if same else None


def _alike(a: Any, b: Any, depth: int = 6) -> bool:
    """Whether two nodes, or what they have for arguments, were computed from the same alike."""
    if a is b:
        return True
    if isinstance(a, Node):
        if not (depth and isinstance(b, Node) and a.operation is b.operation is not None):
            return False
        ours, theirs = (tuple(node.keywords.items()) for node in (a, b))
        return _alike((a.arguments, ours), (b.arguments, theirs), depth - 1)
    if isinstance(a, tuple):
        fits = isinstance(b, tuple) and len(a) == len(b)
        return fits and all(_alike(x, y, depth) for x, y in zip(a, b, strict=True))
    return isinstance(a, int | float | str) and type(a) is type(b) and a == b
