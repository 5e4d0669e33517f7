"""Check derivatives: automatic ones against differences, hand-derived ones against automatic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.engine import backpropagate
from autograd_lite.errors import ArgumentError, GradientCheckError, describe_one
from autograd_lite.functional import grad
from autograd_lite.tensor import Tensor

STEPS = (1e-5, 1e-6, 1e-7)
"""Relative steps of the differences; the smaller ones stay clear of kinks close by."""


def gradcheck(
    f: Callable[..., Any], inputs: Any, *, order: int = 1, tolerance: float = 1e-5
) -> bool:
    """Check the derivatives of f, up to an order, against central differences.

    The output is projected on a random direction. At a kink, where the differences to the left
    and to the right disagree however small the step, any slope between the two is right.

    Args:
        f: takes tensors and returns one.
        inputs: an array, or a list or tuple of the arrays that f takes; computed in float64.
        order: 1, or 2 for second derivatives as well.
        tolerance: error allowed, relative to the derivative, or absolute where that is below 1.

    Returns:
        True.

    Raises:
        GradientCheckError: a derivative is wrong; says the worst entry, both values, the error.

    >>> gradcheck(np.tanh, np.array([0.5, -1.0]), order=2)
    True
    """
    arrays = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    arrays = [np.array(_as_plain(array), dtype=np.float64) for array in arrays]
    if order < 1:
        raise ArgumentError(f"gradcheck of order {order}", "it counts derivatives", "Give 1 or 2")
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 1.5, np.shape(f(*map(Tensor, arrays))))

    def scalar(*tensors: Any) -> Any:
        return (f(*tensors) * weights).sum()

    _check_against_differences(scalar, arrays, "derivative", tolerance)
    for _ in range(1, order):
        scalar = _projected_gradient(scalar, [rng.uniform(0.5, 1.5, a.shape) for a in arrays])
        _check_against_differences(scalar, arrays, "second derivative", tolerance)
    return True


def _projected_gradient(f: Callable[..., Any], directions: list[Any]) -> Callable[..., Any]:
    gradient = grad(f, argnums=tuple(range(len(directions))))

    def projected(*tensors: Any) -> Any:
        parts = zip(gradient(*tensors), directions, strict=True)
        return sum((part * direction).sum() for part, direction in parts)

    return projected


def _check_against_differences(
    f: Callable[..., Any], arrays: list[Any], what: str, tolerance: float
) -> None:
    gradients = grad(f, argnums=tuple(range(len(arrays))))(*arrays)
    worst: tuple[float, str] = (0.0, "")
    for position, gradient in enumerate(gradients):
        for index in np.ndindex(arrays[position].shape):
            automatic = float(gradient[index])
            numeric, error = _difference(f, arrays, position, index, automatic)
            if not error <= max(tolerance, worst[0]):
                worst = (
                    error,
                    f"input {position} at index {index} has {automatic:.9g} by its rule "
                    f"and {numeric:.9g} by differences, a relative error of {error:.2g}",
                )
    if worst[1]:
        raise GradientCheckError(
            f"gradcheck of the {what} in {', '.join(map(describe_one, arrays))}",
            worst[1],
            "Mend the vjp; or move the inputs away from where the function is not defined",
        )


def _difference(
    f: Callable[..., Any], arrays: list[Any], position: int, index: Any, automatic: float
) -> tuple[float, float]:
    """A numeric derivative in one entry, and how far the automatic one is off."""
    x = float(arrays[position][index])

    def shifted(by: float) -> float:
        moved = [array.copy() for array in arrays]
        moved[position][index] = x + by
        value = f(*map(Tensor, moved))
        return float(value.data if isinstance(value, Tensor) else value)

    here = shifted(0.0)
    best: tuple[float, float] | None = None
    jump_before = None
    for relative_step in STEPS:
        step = relative_step * max(1.0, abs(x))
        right = (shifted(step) - here) / step
        left = (here - shifted(-step)) / step
        central = (right + left) / 2
        rounding = 4 * np.finfo(float).eps * abs(here) / step
        off = max(abs(automatic - central) - rounding, 0.0) if np.isfinite(central) else np.nan
        error = off / max(1.0, abs(automatic), abs(central))
        jump = abs(right - left)
        if jump_before is not None and jump > jump_before / 2 > 1e-4:
            # The slopes to the two sides do not approach each other: a kink.
            nearest = min(max(automatic, min(left, right)), max(left, right))
            error = min(error, abs(automatic - nearest) / max(1.0, abs(automatic)))
        if best is None or error < best[1]:
            best = (central, error)
        jump_before = jump
    assert best is not None
    return best


class GradientRow(NamedTuple):
    """One hand-derived gradient beside the automatic one.

    `max_error` is the largest difference of two entries, at `worst_index`; `relative_error` that
    difference over the largest entry of both; `reason` says what is wrong, and is empty if
    nothing is.
    """

    name: str
    manual: Any
    automatic: Any
    max_error: float
    relative_error: float
    worst_index: tuple[int, ...]
    reason: str

    @property
    def agrees(self) -> bool:
        """Whether the two are the same up to rounding."""
        return not self.reason


class GradientComparison(Sequence[GradientRow]):
    """The rows of `compare_gradients`: true when all agree, a table when printed."""

    def __init__(self, rows: list[GradientRow]) -> None:
        self.rows = rows

    def __bool__(self) -> bool:
        return all(row.agrees for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __iter__(self) -> Iterator[GradientRow]:
        return iter(self.rows)

    def __str__(self) -> str:
        header = ("gradient of", "shape", "max error", "relative", "verdict")
        lines = [header] + [
            (
                row.name,
                str(row.automatic.shape),
                f"{row.max_error:.1e}",
                f"{row.relative_error:.1e}",
                row.reason or "agrees",
            )
            for row in self.rows
        ]
        widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    __repr__ = __str__


def compare_gradients(
    loss: Tensor, manual: Mapping[Tensor, Any], tolerance: float | None = None
) -> GradientComparison:
    """Compare hand-derived gradients with automatic ones, tensor by tensor.

    Gradients of computed tensors, such as of activations, can be compared as well. No `.grad` is
    changed.

    Args:
        loss: a scalar that was computed from the tensors.
        manual: the hand-derived gradient of each tensor.
        tolerance: relative error allowed: the largest difference of two entries, over the largest
            entry of both; by default the square root of the precision of the
            less precise dtype, 1.5e-8 in float64.

    Raises:
        ArgumentError: the loss does not depend on a tensor, or a tensor does not require grad.

    >>> W = Tensor([[1.0, 2.0]], requires_grad=True, name="W")
    >>> report = compare_gradients((W**2).sum(), {W: W.data})
    >>> bool(report)
    False
    >>> print(report)
    gradient of  shape   max error  relative  verdict
    W            (1, 2)  2.0e+00    5.0e-01   differs most at (0, 1): 2 by hand, 4 automatic
    """
    if not isinstance(loss, Tensor) or loss.size != 1 or not loss.requires_grad:
        raise ArgumentError(
            f"compare_gradients of loss {describe_one(loss)}",
            "it is no scalar tensor that was computed from tensors that require grad",
            "Give the loss that loss.backward() would be called on",
        )
    if not manual:
        raise ArgumentError(
            f"compare_gradients of loss {describe_one(loss)}",
            "no hand-derived gradient was given",
            "Give a dict from tensors to arrays: {W: dW}",
        )
    automatic = backpropagate(loss, loss._seed(None))
    largest = max(float(np.abs(c).max(initial=0.0)) for c in automatic.values())
    rows = []
    for number, (tensor, gradient) in enumerate(manual.items()):
        if not isinstance(tensor, Tensor):
            raise ArgumentError(
                f"compare_gradients of {tensor!r}",
                "the keys of the dict are tensors",
                "Write {W: dW}, with the tensor itself",
            )
        if tensor not in automatic:
            raise ArgumentError(
                f"compare_gradients of {describe_one(tensor)}",
                f"{describe_one(loss)}, the loss, was not computed from it, "
                "or it does not require grad",
                "Compute the loss from that tensor, made with requires_grad=True",
            )
        name = tensor.name or f"tensor {number}"
        rows.append(_compare(name, _as_plain(gradient), automatic[tensor], tolerance, largest))
    return GradientComparison(rows)


def _as_plain(gradient: Any) -> Any:
    return gradient.data if isinstance(gradient, Tensor) else np.asarray(gradient)


def _compare(
    name: str, manual: Any, automatic: Any, tolerance: float | None, largest: float
) -> GradientRow:
    """The row of one tensor; `largest` is the largest entry of all cotangents of the graph."""
    if manual.shape != automatic.shape:
        reason = f"has shape {manual.shape} instead of {automatic.shape}"
        return GradientRow(name, manual, automatic, np.inf, np.inf, (), reason)
    if tolerance is None:
        dtypes = [array.dtype for array in (manual, automatic) if array.dtype.kind == "f"]
        tolerance = max(float(np.finfo(dtype).eps) ** 0.5 for dtype in dtypes)
    if automatic.size == 0:
        return GradientRow(name, manual, automatic, 0.0, 0.0, (), "")
    with np.errstate(invalid="ignore"):
        errors = np.where(manual == automatic, 0.0, np.abs(manual - automatic))
    flat = int(np.argmax(errors))
    worst = tuple(int(i) for i in np.unravel_index(flat, errors.shape))
    max_error = float(errors[worst])
    scale = float(max(np.abs(manual).max(), np.abs(automatic).max()))
    relative_error = max_error / scale if scale else 0.0
    reason = ""
    # What cancels to 0 is left with the rounding of what it was computed from.
    rounding = 8 * float(np.finfo(automatic.dtype).eps) * largest
    if not (relative_error <= tolerance or max_error <= rounding):
        place = f"differs most at {worst}" if worst else "differs"
        by_hand, right = f"{manual[worst]:.6g}", f"{automatic[worst]:.6g}"
        if by_hand == right:
            by_hand, right = repr(float(manual[worst])), repr(float(automatic[worst]))
        reason = f"{place}: {by_hand} by hand, {right} automatic"
    return GradientRow(name, manual, automatic, max_error, relative_error, worst, reason)
