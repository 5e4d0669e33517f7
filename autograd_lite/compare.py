"""Compare hand-derived gradients with automatic ones, and say what is wrong with them."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autograd_lite.arguments import NOT_NEGATIVE, optional, require
from autograd_lite.cells import aligned, html_table
from autograd_lite.cotangents import seed_of
from autograd_lite.engine import backpropagate
from autograd_lite.errors import ArgumentError, GradientCheckError, describe_one
from autograd_lite.foreign import require_unmasked
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.tensor import Tensor
from autograd_lite.textbook.naming import distinct_names, names_of, variables_of, visible_arrays

if TYPE_CHECKING:
    from autograd_lite.forensics.wording import Explanation


class GradientRow(NamedTuple):
    """One hand-derived gradient beside the automatic one.

    `max_error` is the largest difference of two entries, at `worst_index`; `relative_error` that
    difference over the largest entry of both; `reason` says what is wrong, and is empty if
    nothing is; `verdict` says in a few words how it stands.
    """

    name: str
    manual: Any
    automatic: Any
    max_error: float
    relative_error: float
    worst_index: tuple[int, ...]
    reason: str
    verdict: str

    @property
    def agrees(self) -> bool:
        """Whether the two are the same up to rounding, or up to an epsilon in a logarithm."""
        return not self.reason


@dataclass(eq=False, repr=False)
class GradientComparison(Sequence[GradientRow]):
    """The rows of `compare_gradients`, and what explains those that are wrong.

    True when all agree; a table, and the diagnosis below it, when printed.

    Attributes:
        rows: one for each gradient.
        explanations: what reproduces all gradients as they were handed in, the most plausible
            first; empty if nothing is wrong or nothing explains it.
        pattern: how the errors look, where nothing explains them.
    """

    rows: list[GradientRow]
    explanations: list[Explanation]
    pattern: str

    def __bool__(self) -> bool:
        return all(row.agrees for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __str__(self) -> str:
        lines = aligned([HEADER, *map(_cells, self.rows)])
        return "\n".join([*lines, *(("", *self._diagnosis()) if not self else ())])

    __repr__ = __str__

    def _diagnosis(self) -> list[str]:
        if not self.explanations:
            return [f"No single or double mistake explains this. {self.pattern}"]
        first, *others = map(str, self.explanations)
        return [first, *(f"\nThis would give the same numbers:\n{other}" for other in others)]

    def _repr_html_(self) -> str:
        from html import escape

        parts = () if self else self._diagnosis()
        diagnosis = "".join(f"<pre>{escape(part.strip())}</pre>" for part in parts)
        return html_table(HEADER, map(_cells, self.rows)) + diagnosis

    def raise_if_wrong(self) -> None:
        """Raise a GradientCheckError with the report unless all gradients agree."""
        if self:
            return
        wrong = [row.name for row in self.rows if not row.agrees]
        attempted = f"compare_gradients of {', '.join(row.name for row in self.rows)}"
        reason = f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong"
        remedy = f"Mend the derivation:\n{self}"
        raise GradientCheckError(attempted, reason, remedy)

    def to_json(self) -> str:
        """The report without the arrays: an object with "agrees", "gradients", "explanations"."""
        import json

        gradients = [{key: _plain(getattr(row, key)) for key in IN_JSON} for row in self.rows]
        explanations = [explanation.as_dict() for explanation in self.explanations]
        report = {"agrees": bool(self), "gradients": gradients, "explanations": explanations}
        return json.dumps({**report, "pattern": self.pattern}, indent=2)


HEADER = ("gradient of", "shape", "max error", "relative", "verdict")


def _cells(row: GradientRow) -> tuple[str, ...]:
    errors = f"{row.max_error:.1e}", f"{row.relative_error:.1e}"
    return (row.name, str(row.automatic.shape), *errors, row.reason or row.verdict)


IN_JSON = ("name", "agrees", "verdict", "reason", "max_error", "relative_error", "worst_index")


def _plain(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


@explains_keywords
def compare_gradients(
    loss: Tensor,
    manual: Mapping[Tensor, Any],
    tolerance: float | None = None,
    seconds: float = 5.0,
) -> GradientComparison:
    """Compare hand-derived gradients with automatic ones, and name the mistake in the derivation.

    Gradients of computed tensors, such as activations, can be compared as well, and make it more
    certain that a mistake is found. No `.grad` is changed.

    When a gradient is wrong, the backward pass is replayed with the mistakes that people make, one
    at a time at each step where it can be made, and then two. What reproduces all the gradients
    that were handed in, right and wrong, is the explanation. If nothing does, the report names what
    reproduces some of the wrong ones, and which are left.

    Args:
        loss: a scalar that was computed from the tensors.
        manual: the hand-derived gradient of each tensor.
        tolerance: the allowed relative error: the largest difference of two entries, divided by the
            largest entry of both. The default is the square root of the precision of the less
            precise dtype, 1.5e-8 in float64. What rounding explains is always allowed.
        seconds: how long to look for mistakes if a gradient is wrong, in seconds of computing, and
            at most three times as long on the clock. The most frequent mistakes are tried first. A
            terminal or notebook shows a line meanwhile.

    Raises:
        ArgumentError: the loss does not depend on a tensor, or a tensor does not require grad;
            the tolerance or `seconds` is below 0.
        MutationError: a gradient differs, and an array of the record has been written to since.

    >>> W = Tensor([[1.0, 2.0]], requires_grad=True, name="W")
    >>> report = compare_gradients((W**2).sum(), {W: W.data})
    >>> bool(report)
    False
    >>> report.explanations[0].mistakes[0].factor
    0.5
    """
    frame = sys._getframe(2)  # of the caller, behind the decorator
    return compared(loss, manual, tolerance, seconds, frame)


def compared(
    loss: Tensor,
    manual: Mapping[Tensor, Any],
    tolerance: float | None,
    seconds: float,
    frame: FrameType,
) -> GradientComparison:
    """`compare_gradients`, with the names of the variables in a frame."""
    _refuse(loss, manual)
    require("compare_gradients", "tolerance", tolerance, optional(NOT_NEGATIVE))
    require("compare_gradients", "seconds", seconds, NOT_NEGATIVE)
    automatic = backpropagate(loss, seed_of(loss))
    for tensor in manual:
        if tensor not in automatic:
            raise ArgumentError(
                f"compare_gradients of {describe_one(tensor)}",
                f"{describe_one(loss)}, the loss, was not computed from it, "
                "or it does not require grad",
                "Compute the loss from that tensor, made with requires_grad=True",
            )
    arrays = {tensor: _as_plain(tensor, gradient) for tensor, gradient in manual.items()}
    right = {tensor: np.asarray(automatic[tensor]) for tensor in arrays}
    names = _names(loss, [*arrays], variables_of(frame))
    dtypes = {array.dtype for array in (*arrays.values(), *right.values())}
    precision = max(np.finfo(dtype).eps for dtype in dtypes if dtype.kind == "f")
    allowed = math.sqrt(precision) if tolerance is None else tolerance
    rows = [_row(names[t], arrays[t], right[t], allowed) for t in arrays]
    if all(row.agrees for row in rows):
        return GradientComparison(rows, [], "")
    from autograd_lite import forensics

    excused, explanations, pattern = forensics.examine(loss, arrays, allowed, frame, seconds)
    for number, (tensor, row) in enumerate(zip(arrays, rows)):
        if not row.agrees and tensor in excused:
            rows[number] = row._replace(reason="", verdict=excused[tensor])
    return GradientComparison(rows, explanations, pattern)


def _refuse(loss: Any, manual: Mapping[Tensor, Any]) -> None:
    attempted = f"compare_gradients of loss {describe_one(loss)}"
    if not isinstance(loss, Tensor) or loss.size != 1 or not loss.requires_grad:
        reason = "it is no scalar tensor that was computed from tensors that require grad"
        remedy = "Give the loss that loss.backward() would be called on"
        raise ArgumentError(attempted, reason, remedy)
    if not isinstance(manual, Mapping):
        reason = f"the hand-derived gradients are {describe_one(manual)}, and no mapping"
        raise ArgumentError(attempted, reason, "Give a dict from tensors to arrays: {W: dW}")
    if not manual:
        remedy = "Give a dict from tensors to arrays: {W: dW}"
        raise ArgumentError(attempted, "no hand-derived gradient was given", remedy)
    for tensor in manual:
        if not isinstance(tensor, Tensor):
            remedy = "Write {W: dW}, with the tensor itself"
            attempted = f"compare_gradients of {tensor!r}"
            raise ArgumentError(attempted, "the keys of the dict are tensors", remedy)


def _as_plain(tensor: Tensor, gradient: Any) -> Any:
    require_unmasked(gradient, f"compare_gradients of {describe_one(tensor)} and")
    try:
        array = np.asarray(plain(gradient))
    except (ValueError, TypeError, OverflowError):
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        given = "None" if gradient is None else describe_one(gradient)
        reason = f"its gradient, {given}, is no array of real numbers"
        remedy = "Give an array of its shape; tensor.grad is None before loss.backward()"
        raise ArgumentError(f"compare_gradients of {describe_one(tensor)}", reason, remedy)
    return array


def _names(
    loss: Tensor, tensors: Sequence[Tensor], variables: Mapping[str, Any]
) -> dict[Tensor, str]:
    """A tensor's own name, the variable that holds it, or what explanations call it.

    Of several of one own name, as of layers that no model names, that stands first.
    """
    held: dict[int, str] = {}
    for name, array in visible_arrays(variables):
        held.setdefault(id(array), name)
    names = {tensor: tensor.name or held.get(id(tensor), "") for tensor in tensors}
    called = {} if all(names.values()) else names_of(loss, variables)
    names |= distinct_names(tensors, variables)
    return {tensor: name or called[tensor] for tensor, name in names.items()}


def _row(name: str, manual: Any, automatic: Any, tolerance: float) -> GradientRow:
    max_error = relative_error = 0.0
    worst: tuple[int, ...] = ()
    reason = ""
    if manual.shape != automatic.shape:
        max_error = relative_error = np.inf
        reason = f"has shape {manual.shape} instead of {automatic.shape}"
    elif automatic.size:
        with np.errstate(invalid="ignore"):
            errors = np.where(manual == automatic, 0.0, np.abs(manual - automatic))
        worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(errors)), errors.shape))
        max_error = float(errors[worst])
        scale = float(max(np.abs(manual).max(), np.abs(automatic).max()))
        relative_error = max_error / scale if scale else 0.0
        if not relative_error <= tolerance:
            reason = _difference(manual, automatic, worst)
    verdict = "wrong" if reason else "agrees"
    return GradientRow(name, manual, automatic, max_error, relative_error, worst, reason, verdict)


def _difference(manual: Any, automatic: Any, worst: tuple[int, ...]) -> str:
    place = f"differs most at {worst}" if worst else "differs"
    by_hand, right = f"{manual[worst]:.6g}", f"{automatic[worst]:.6g}"
    if by_hand == right:
        by_hand, right = repr(float(manual[worst])), repr(float(automatic[worst]))
    return f"{place}: {by_hand} by hand, {right} automatic"
