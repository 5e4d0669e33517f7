"""Flat arrays: many tensors whose values, gradients and optimizer state are updated at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import setitem
from typing import Any

import numpy as np
from numpy import ndarray

from autograd_lite import Tensor
from autograd_lite.arguments import require_real
from autograd_lite.errors import (
    GradientError,
    MutationError,
    ShapeError,
    UnsupportedError,
    describe_one,
)
from autograd_lite.foreign import beside, is_on_card
from autograd_lite.mutation import mark_mutated, mark_rewritten, note_change
from autograd_lite.read_only import writable
from nn.members import Parameter

BLOCK = 65536
"""Entries that are updated at a time, so that they stay in the processor's cache."""
SMALL = 4096
"""Entries up to which copying them takes less time than having Ctrl-C wait."""


class Run:
    """Tensors of one group, dtype and step number, which take their steps together.

    Their values, gradients and optimizer state lie each in one flat array. The array of a
    `Parameter` is moved there for good; a plain tensor may share its memory with an array of the
    user's, so its values are copied in and out. So are those of float16: steps are computed in
    float32, in which no epsilon is 0, and no square of a gradient.
    """

    def __init__(
        self,
        tensors: list[Tensor],
        shapes: list[tuple[int, ...]],
        options: dict[str, Any],
        arrays: list[Any],
        steps: int,
    ) -> None:
        self.tensors = tensors
        self.shapes = shapes
        self.options = options
        values, gradients, *state = arrays
        # Those of a copy can be read-only, as where joblib hands it to a process.
        if isinstance(gradients, ndarray) and not gradients.flags.writeable:
            gradients = np.array(gradients)
        both = _in_rows([values, *state])
        self.arrays = [both[0], gradients, *both[1:]]
        self.steps = steps
        self.dtype = tensors[0].dtype
        self.bounds = np.cumsum([0, *map(math.prod, shapes)]).tolist()
        self.value_views = self.views(self.arrays[0])
        self.gradient_views = self.views(self.arrays[1])
        self.together = [*zip(tensors, self.value_views, self.gradient_views, shapes)]
        size = self.bounds[-1]
        self.at_once = size <= SMALL
        """Whether a step changes copies first, and then everything in one assignment."""
        self.kept = both[:]
        self.computed = both.copy() if self.at_once else self.kept
        """What steps change: values, and the state."""
        computed = zip(tensors, self.views(self.computed[0]))
        self.copied = [(tensor, view) for tensor, view in computed if not self.owns(tensor)]
        """Tensors whose values are copied in and out, and what steps compute for them."""
        scratch = np.empty_like(gradients[:BLOCK])
        self.blocks = []
        for start in range(0, size, BLOCK):
            values, *state = self.computed[:, start : start + BLOCK]
            gradient = gradients[start : start + BLOCK]
            self.blocks.append((scratch[: len(values)], values, gradient, *state))

    def views(self, flat: Any) -> list[Any]:
        """The parts of a flat array that belong to the tensors, in their shapes."""
        return [
            flat[start:stop].reshape(shape)
            for shape, start, stop in zip(self.shapes, self.bounds, self.bounds[1:])
        ]

    def owns(self, tensor: Tensor) -> bool:
        """Whether the tensor's array is the one in the buffer."""
        return isinstance(tensor, Parameter) and self.arrays[0].dtype == self.dtype

    def __reduce__(self) -> Any:
        # A copy shares no memory with its views, so they are made anew; not with the tensors' own
        # shapes, since those may have been changed, which the next step finds.
        return Run, (self.tensors, self.shapes, self.options, self.arrays, self.steps)

    def gather(self) -> bool:
        """Copy the gradients into the flat array, if each tensor has one and all lies in place."""
        dtype = self.arrays[1].dtype
        try:
            for tensor, values, gradients, shape in self.together:
                gradient = tensor._grad  # in less time than `.grad`
                if type(gradient) is not ndarray and isinstance(gradient, Tensor):
                    return False
                if tensor._array is not values or gradient.shape != shape:
                    return False
                if gradient.dtype is not dtype:
                    return False
                gradients[...] = gradient
        except AttributeError:  # none, or no array, which `collect_gradients` refuses
            return False
        return True

    def lacks_some_gradients(self) -> bool:
        """Whether some of the tensors have a gradient and others none."""
        return len({tensor.grad is None for tensor in self.tensors}) > 1

    def elsewhere(self) -> list[tuple[Tensor, Any, Any]]:
        """Tensors whose arrays are not in the buffer, their views in it, copies of their arrays."""
        found = []
        for tensor, view in zip(self.tensors, self.value_views):
            array = tensor._array
            if array is not view:
                same_place = is_on_card(array) == is_on_card(view)
                if array.shape != view.shape or array.dtype != self.dtype or not same_place:
                    raise MutationError(
                        f"optimizer step of {describe_one(tensor)}",
                        f"when the optimizer was made it had shape {view.shape} and dtype "
                        f"{self.dtype}, now shape {tensor.shape} and dtype {tensor.dtype}"
                        + ("" if same_place else ", and it has moved to or from a graphics card"),
                        "Make a new optimizer after changing the shape, dtype or place of a "
                        "parameter",
                    )
                found.append((tensor, view, array.copy()))
        return found

    def refuse_unless_writable(self) -> None:
        """Raise a MutationError if values could not be copied out again."""
        for tensor, _ in self.copied:
            array = tensor._array
            if isinstance(array, np.ndarray):
                with writable(array):
                    if not array.flags.writeable:
                        raise MutationError(
                            f"optimizer step of {describe_one(tensor)}",
                            "its array is read-only, and the step could not be written to it; "
                            "nothing was updated",
                            "Give it an array of its own: tensor.data = tensor.data.copy()",
                        )

    def collect_gradients(self) -> None:
        """Copy the tensors' gradients into the flat one."""
        for tensor, view in zip(self.tensors, self.gradient_views):
            view[...] = checked_gradient(tensor, "optimizer step of")

    def refuse_unless_finite(self, flat: Any) -> None:
        """Raise a GradientError if flat gradients have entries that are NaN or infinite."""
        # A sum of squares takes a fraction of the time of a look at each entry. It is infinite
        # for large entries, too.
        if math.isfinite(np.vdot(flat, flat)) or np.isfinite(flat).all():
            return
        for tensor, view in zip(self.tensors, self.views(flat)):
            bad = np.argwhere(~np.isfinite(view)).tolist()
            if bad:
                raise GradientError(
                    f"optimizer step of {describe_one(tensor)}",
                    f"{len(bad)} of the {view.size} entries of its gradient are NaN or infinite, "
                    f"the first at index {tuple(bad[0])}",
                    "Lower the learning rate, clip gradients, or look for a logarithm or a "
                    "division of 0 with detect_anomaly()",
                )

    def changes(self) -> list[tuple[Any, ...]]:
        """Have all values count as changed; the calls of C that keep what a step has computed."""
        mark_rewritten(self.tensors, self.arrays[0])
        changes: list[tuple[Any, ...]] = [(setattr, self, "steps", self.steps + 1)]
        if self.at_once:
            changes.append((setitem, self.kept, ..., self.computed))
        for tensor, view in self.copied:
            mark_mutated([tensor], [tensor._array])
            if isinstance(tensor._array, np.generic):
                changes.append((setattr, tensor, "_array", self.dtype.type(view)))
            else:
                changes.append((setitem, tensor._array, ..., view))
        return changes

    def put_back(self) -> Callable[[], None]:
        """What puts values, state and the tensors' arrays back to what they are now."""
        kept, steps = self.kept.copy(), self.steps
        arrays = [(tensor, tensor._array, tensor._array.copy()) for tensor in self.tensors]

        def put_back() -> None:
            self.kept[...] = kept
            self.steps = steps
            for tensor, array, values in arrays:
                if not isinstance(array, np.generic):
                    with writable(array):
                        array[...] = values
                tensor._array = array
                mark_mutated([tensor], [array])

        return put_back


def _in_rows(arrays: Sequence[Any]) -> Any:
    """One array of flat ones; where they are long, of rows at lines of the processor's cache."""
    if len(arrays[0]) <= SMALL or is_on_card(arrays[0]):
        return np.stack(arrays)
    from autograd_lite.program.memory import in_rows

    rows = in_rows(len(arrays), len(arrays[0]), arrays[0].dtype)
    rows[...] = arrays
    return rows


def runs_of(
    groups: Sequence[dict[str, Any]],
    state_names: Sequence[str],
    states: Mapping[Tensor, Mapping[str, Any]],
) -> list[Run]:
    """The runs of the parameters in groups, with their states, or before the first step."""
    together: dict[Any, list[Tensor]] = {}
    for index, group in enumerate(groups):
        for parameter in group["parameters"]:
            step = int(states[parameter]["steps"]) if states else 0
            lacks = bool(states) and parameter.grad is None
            key = index, parameter.dtype, step, lacks, is_on_card(parameter)
            together.setdefault(key, []).append(parameter)
    runs = []
    for (index, dtype, step, *_), tensors in together.items():
        shapes = [tensor.shape for tensor in tensors]
        size = sum(tensor.size for tensor in tensors)
        computed = np.promote_types(dtype, np.float32)
        zeros = beside(np.zeros(size, computed), tensors[0])
        arrays = [zeros.copy() for _ in range(2 + len(state_names))]
        run = Run(tensors, shapes, groups[index], arrays, step)
        for name, array in zip(state_names, run.arrays[2:] if states else ()):
            for tensor, view in zip(tensors, run.views(array)):
                view[...] = beside(states[tensor][name], view)
        runs.append(run)
    return runs


def copy_in(runs: Iterable[Run]) -> None:
    """Take in the arrays of plain tensors, and those newly assigned to parameters."""
    for run, found in [(run, run.elsewhere()) for run in runs]:
        for tensor, view, values in found:
            with writable(view):
                view[...] = values
            if isinstance(tensor, Parameter) and run.owns(tensor):
                tensor._array, tensor.lent = view, False
                note_change()  # another optimizer may have it in its own buffer


def checked_gradient(tensor: Tensor, attempted: str) -> Any:
    """The array of a tensor's `.grad`.

    Raises:
        UnsupportedError: it is none of real numbers.
        ShapeError: it has another shape than the tensor.
    """
    gradient = tensor.grad.data if isinstance(tensor.grad, Tensor) else tensor.grad
    attempted = f"{attempted} {describe_one(tensor)}"
    if not hasattr(gradient, "shape") or not hasattr(gradient, "dtype"):
        raise UnsupportedError(
            attempted,
            f"its .grad is {describe_one(gradient)}, and no array",
            f"Assign an array of the shape {tensor.shape}",
        )
    require_real(gradient, f"{attempted} with .grad")
    if gradient.shape != tensor.shape:
        raise ShapeError(
            attempted,
            f"its .grad has shape {gradient.shape}",
            f"Assign gradients of the shape {tensor.shape}",
        )
    return gradient
