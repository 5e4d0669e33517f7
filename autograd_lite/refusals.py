"""What the engine refuses to do, and why: errors that name operations and tensors."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from types import FrameType, FunctionType
from typing import Any, Never

import numpy as np

from autograd_lite.arguments import require_real
from autograd_lite.errors import (
    ArgumentError,
    AutogradError,
    IndexingError,
    LinearAlgebraError,
    MutationError,
    ShapeError,
    UnsupportedError,
    describe,
    describe_one,
)
from autograd_lite.foreign import is_on_card
from autograd_lite.mutation import changed_since, rewritten, shown_by_others, was_changed
from autograd_lite.names import unknown_keyword
from autograd_lite.node import Node
from autograd_lite.operation import Operation
from autograd_lite.trees import leaves_of, map_tree

_OF_MATRICES = {
    "Singular": "Give a matrix of full rank; for least squares write np.linalg.pinv(A) @ b",
    "positive definite": "Give one that is: of A write A @ A.T + 1e-6 * np.eye(len(A))",
    "ncompatible": "Give as many entries along axis 0 of b as A has rows",
    "square": "Give as many rows as columns: np.linalg.pinv is of others",
    "": "Give finite entries, in a matrix or a stack of them",
}
"""By what NumPy says of a matrix the matrix to give."""

FAILURES = (
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
)
"""What computing raises where it is given what it cannot compute with."""


class _Shape:
    """Stands for an array that was changed: has its shape, and fails at any other use."""

    __array_ufunc__ = None

    def __init__(self, array: Any) -> None:
        self.shape, self.ndim = array.shape, array.ndim
        self.size, self.dtype = array.size, array.dtype

    def _fail(self, *arguments: Any) -> Any:
        raise TypeError("the values of this array are gone")

    __array__ = __bool__ = __eq__ = __ne__ = _fail
    __lt__ = __le__ = __gt__ = __ge__ = _fail


def _without_values(value: Any) -> Any:
    return map_tree(lambda leaf: _Shape(leaf) if hasattr(leaf, "dtype") else leaf, value)


def refuse_stale(node: Node, given: Sequence[Any]) -> None:
    """Raise if a rule reads an array that was changed after its node was made.

    It is about to be given cotangent, output and arguments.
    """
    written, arrays = rewritten(node), changed_since(node.created)
    nodes = (None, node, *node.arguments)
    # Whoever reads its own array has done so before, as what is computed from it comes first.
    own = any(array is node._array for array in written)
    if own and not was_changed(node, node.created, arrays):
        raise MutationError(
            f"backward of {node.operation.name}{describe(node.arguments)}",
            f"its result, {describe_one(node)}, was changed after it was computed",
            "Change a copy, as in d = p.data.copy(): np.add.at and its kin write to what is "
            "read-only, too",
        )
    arrays = [*written, *arrays]
    changed = [was_changed(value, node.created, arrays) for value in nodes]
    keywords = node.keywords
    if was_changed(keywords, node.created, arrays):
        keywords = _without_values(keywords)
    elif not any(changed):
        return
    shapes = [_without_values(value) if stale else value for value, stale in zip(given, changed)]
    shapes += given[len(changed) :]
    for index, argument in enumerate(node.arguments):
        if not (isinstance(argument, Node) and argument._requires_grad):
            continue
        try:
            node.operation.contribution(index, [*shapes], keywords)
        except Exception:  # of reading what was changed, which the message says better
            names = {describe_one(value): None for value, stale in zip(nodes, changed) if stale}
            if keywords is not node.keywords:
                names[f"what is named {' or '.join(keywords)}"] = None
            was = "was" if len(names) == 1 else "were"
            raise MutationError(
                f"backward of {node.operation.name}{describe(node.arguments)}",
                f"{' and '.join(names)} {was} changed after being used there",
                "Call backward() before that, as before optimizer.step(); or compute with "
                "tensor.copy(); a state that an earlier step left goes on as state.detach()",
            ) from None


def require_fitting_gradients(leaves: Iterable[Node]) -> None:
    """Raise an error if a leaf has a gradient to which its own cannot be added."""
    for leaf in leaves:
        if leaf._grad is None:  # in less time than `.grad`
            continue
        given = leaf.grad if hasattr(leaf.grad, "dtype") else np.asarray(leaf.grad)
        require_real(given, f"backward to {describe_one(leaf)} with its gradient")
        if getattr(leaf.grad, "shape", ()) not in ((), leaf._array.shape):
            raise ShapeError(
                f"backward to {describe_one(leaf)}",
                f"it has a gradient of shape {leaf.grad.shape}, to which it would be added",
                "Set tensor.grad to None, or to an array of the tensor's shape",
            )


def refused_contribution(node: Node, have: Any, want: tuple[int, ...]) -> ShapeError:
    """The error for a vjp whose result does not fit its argument."""
    returned = "no array" if have is None else f"shape {have}"
    return ShapeError(
        f"backward of {node.operation.name}{describe(node.arguments)}",
        f"its vjp returned {returned} for an argument of shape {want}",
        "Mend the vjp: it returns an array of the argument's shape, or one that broadcasting "
        "the argument with the others explains",
    )


def refused_kind(node: Node, dtype: Any) -> UnsupportedError:
    """The error for a vjp whose result is of no real numbers."""
    return UnsupportedError(
        f"backward of {node.operation.name}{describe(node.arguments)}",
        f"its vjp returned {dtype}, and no real numbers",
        "Mend the vjp: of complex numbers whose imaginary part is 0 it returns the .real one",
    )


def real_result(
    data: Any, operation: Operation, arguments: tuple[Any, ...], wanted: Sequence[int]
) -> Any:
    """The result; a Python float, as of a solver or an integral, is one of the arguments' dtype.

    Raises:
        UnsupportedError: it is a tensor, of no real numbers, or is to require grad without floats.
    """
    if type(data) is float:
        dtypes = [x.dtype for x in arguments if hasattr(x, "dtype")]
        return np.result_type(data, *dtypes).type(data)
    if isinstance(data, Node.tensor_class):
        raise UnsupportedError(
            f"{operation.name}{describe(arguments)}",
            "it returned a tensor, which it has made of one that is none of its arguments",
            "Give it that one as an argument; or return result.data, if no gradient is to flow",
        )
    dtype = getattr(data, "dtype", None)
    if dtype is None:
        raise UnsupportedError(
            f"{operation.name}{describe(arguments)}",
            f"its result is of type {type(data).__name__}, and no array of floats",
            "Return an array, np.array(...), or a float",
        )
    if dtype.kind != "f" and (wanted or dtype.kind not in "iub"):
        raise UnsupportedError(
            f"{operation.name}{describe(arguments)}",
            f"its result of dtype {dtype} cannot be differentiated",
            "Compute with floats; where no gradient is to flow, give it tensor.data",
        )
    return data


def refuse_without_rule(operation: Operation, arguments: tuple[Any, ...]) -> None:
    """Raise if an argument that requires grad is one that the operation has no vjp for."""
    for index, argument in enumerate(arguments):
        without = index >= len(operation.vjps) or operation.vjps[index] is None
        if without and getattr(argument, "requires_grad", False):
            raise UnsupportedError(
                f"{operation.name}{describe(arguments)}",
                f"it has no derivative in its argument {index}, {describe_one(argument)}",
                "Hand it that argument as a plain array: tensor.data",
            )


def _explained(
    error: Exception,
    name: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> AutogradError:
    """An error of the computation, with the operation and the names and shapes of its arguments.

    The project's own functions raise `ValueError(reason, remedy)`, or a TypeError, without them.
    """
    from autograd_lite.elsewhere import KEYWORDS

    attempted = f"{name}{describe(arguments, keywords)}"
    unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if unknown and KEYWORDS.get(unknown[1]) in ("axis", "keepdims", "ddof", "negative_slope"):
        return unknown_keyword(attempted, unknown[1])
    if unknown:
        remedy = "Leave it out, or give the function tensor.data if no gradient is to flow"
        if unknown[1] == "where":
            remedy = "Select entries before: x[mask], or for sums np.where(mask, x, 0)"
        reason = f"its argument {unknown[1]} is not differentiated"
        return UnsupportedError(attempted, reason, remedy)
    kind: type[AutogradError]
    if isinstance(error, np.linalg.LinAlgError):
        kind = LinearAlgebraError
        remedy = next(told for said, told in _OF_MATRICES.items() if said in str(error))
    elif isinstance(error, IndexError):
        kind, remedy = IndexingError, "Use an index, or an axis, within the shape"
    elif isinstance(error, TypeError | AttributeError):
        kind, remedy = UnsupportedError, "Give it arrays, numbers or tensors of numbers"
    elif "read-only" in str(error):
        kind, remedy = MutationError, "Change a copy: x = x.copy()"
    else:
        known = f"help(np.{name}) says what it takes" if hasattr(np, name) else ""
        kind, remedy = ArgumentError, known or "Give arguments that the reason allows"
        if re.search("shape|broadcast|dimension|axis|axes|size|array", str(error)):
            kind, remedy = ShapeError, "Give arguments that fit the shape"
            if sum(hasattr(argument, "shape") for argument in arguments) > 1:
                remedy = "Make the shapes agree: reshape, transpose or index one of them"
    arrays = [x for x in leaves_of(arguments) if hasattr(x, "shape")]
    if isinstance(error, TypeError) and len(set(map(is_on_card, arrays))) > 1:
        reason = "some of them lie on a graphics card, others do not"
        remedy = "Give all of them there: cupy.asarray(x)"
    elif len(error.args) == 2 and all(isinstance(part, str) for part in error.args):
        reason, remedy = error.args
    else:
        reason = str(error).rstrip(".")
    return kind(attempted, reason, remedy)


def raise_explained(
    error: Exception, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> Never:
    """Raise an error of this library's own as it is, and any other explained."""
    if isinstance(error, AutogradError):
        raise error
    raise _explained(error, name, arguments, keywords) from error


def only_entry(tensor: Node) -> Any:
    """The array of a tensor whose truth value is asked for; an ArgumentError if it has several."""
    if tensor._array.size != 1:
        raise ArgumentError(
            f"truth value of {describe_one(tensor)}",
            "an array is true or false only if it has one entry",
            "Write .any() or .all() of a comparison, or tensor is not None",
        )
    return tensor._array


def refused_format(tensor: Node, specification: str, error: ValueError) -> ArgumentError:
    """The error for a format that is none, or is one of a number where there are several."""
    reason, remedy = str(error), "Give one of numbers, as in f'{x:.3f}'"
    if tensor._array.size != 1:
        reason = "it is of one number, and the tensor has several"
        remedy = "Write round(x, 3), or np.array2string(x.data, precision=3)"
    return ArgumentError(f"format({describe_one(tensor)}, {specification!r})", reason, remedy)


def refused_conversion(tensor: Node, what: str, remedy: str) -> UnsupportedError:
    """The error where a tensor that requires grad would become an array or a number."""
    function = asking_function()
    if not function:
        return UnsupportedError(
            f"conversion of {describe_one(tensor)} to {what}, or assignment into one",
            "it requires grad, and its gradient would be lost",
            remedy,
        )
    if function.startswith("numpy.ma"):
        return UnsupportedError(
            f"{function.replace('.core.', '.')} of {describe_one(tensor)}",
            "what a masked array knows besides its numbers would be lost",
            "Write x.filled(0) in place of the masked array x",
        )
    from autograd_lite.elsewhere import OF_SCIPY

    own = function.rpartition(".")[2]
    remedy = "Give it tensor.data if no gradient is to flow; or call it in a function of plain "
    remedy += "arrays whose derivative is given, below @differentiable(vjp)"
    if own in OF_SCIPY:
        remedy = f"Write {OF_SCIPY[own].format(own)}"
    elif function.startswith("scipy.stats"):
        remedy = (
            "Write its formula with NumPy's functions, and those of scipy.special, which record"
        )
    return UnsupportedError(
        f"{function} of {describe_one(tensor)}",
        f"it computes with {what}, and the gradient would be lost",
        remedy,
    )


def asking_function() -> str:
    """The function of SciPy's, or of masked arrays, that asks for plain numbers; or empty.

    Or an operator of a sparse array, to which its operand is foreign.
    """
    frame, found = sys._getframe(1), ""
    while frame.f_back is not None:
        frame = frame.f_back
        module = str(frame.f_globals.get("__name__"))
        package = module.partition(".")[0]
        if module.startswith("scipy.sparse"):
            return ""
        if package == "scipy" or module.startswith("numpy.ma"):
            found = _public_name(frame)
        elif package not in ("autograd_lite", "numpy"):
            break
    return found


def _public_name(frame: FrameType) -> str:
    """What users call the function that runs in a frame: of a wrapper, that which it wraps."""
    code = frame.f_code
    module, name = str(frame.f_globals.get("__name__")), code.co_qualname
    by_backend = name.endswith("__ua_function__")  # one for all of scipy.fft
    for held in ("method",) if by_backend else code.co_freevars if "<locals>" in name else ():
        wrapped: Any = frame.f_locals.get(held)
        if by_backend or isinstance(wrapped, FunctionType):
            module, name = wrapped.__module__, wrapped.__qualname__
    return ".".join([*(part for part in module.split(".") if not part.startswith("_")), name])


def refuse_exchange(tensor: Node, target: Any, value: Node) -> None:
    """Raise where `x[i], x[j] = x[j], x[i]` would lose x[i], the target: both are views of x."""
    if shown_by_others(target, value):
        raise MutationError(
            f"assignment to an index of {describe_one(tensor)}",
            f"{describe_one(value)} is a part of it, and what it overwrites is a part that is "
            "still in use: exchanged one after the other they would be equal",
            "Exchange them at once, x[[i, j]] = x[[j, i]], or shuffle all, "
            "x = x[rng.permutation(len(x))]; or take copies: x[i].copy()",
        )
