"""The backward pass of a graph as a NumPy program."""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from typing import Any

from autograd_lite.derivatives.shaping import astype
from autograd_lite.node import Node
from autograd_lite.textbook.definitions import definitions
from autograd_lite.textbook.lines import Lines, lines_of
from autograd_lite.textbook.naming import variables_of
from autograd_lite.textbook.numpy_source import NumpySource, full_name


def to_source(loss: Any, wrt: Sequence[Node] | None = None) -> str:
    """The source of a NumPy function `backward` that computes gradients of a loss.

    Its arguments are the arrays that the loss was computed from: data first, under the names of
    the caller's variables, then parameters. It returns the gradients as a tuple, or the only one.
    It follows the branches that the record took. Where the loss is a mean over samples, or a sum
    divided by their number, that number is read off the data as m, so that the function takes
    other data of any batch size; unless a parameter has an axis of the same length, or the number
    is in the record in another way: in a factor such as 0.01, a shape, an array without a name.
    What is in the record as a number stays that number.

    Gradients equal those of `loss.backward()` up to rounding, and to the last bit where the
    operations are the same ones in the same order. They are not where a textbook has others: a
    constant factor of the loss, such as 1/m, is applied once and at the end; a mean is divided by
    its count; the cross-entropies of logits and dropout have the usual formulas. Where float32
    meets float64, NumPy decides on the dtypes in between. Where a rule guards against ties or 0/0,
    the guard is there only if the recorded data need it.

    Args:
        loss: a scalar that was recorded.
        wrt: the tensors, parameters or computed ones; by default all parameters.

    Raises:
        GradientError: the loss has no gradient in one of them.
        UnsupportedError: it was computed by a function whose source cannot be read.

    >>> import numpy as np
    >>> from autograd_lite import Tensor
    >>> x = np.array([[1.0], [2.0]])
    >>> W = Tensor([[0.5, -0.5]], requires_grad=True)
    >>> print(to_source((np.tanh(W @ x) ** 2).sum()))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def backward(x, W):
        z = W @ x
        a = np.tanh(z)
        dz = 2 * a * (1 - a * a)
        dW = dz @ x.T
        return dW
    <BLANKLINE>
    """
    return source_of(lines_of(loss, wrt, variables_of(sys._getframe(1))))


def source_of(lines: Lines, returned: str | None = None) -> str:
    """The program of some lines, which returns the gradients unless told otherwise."""
    functions = [term.function for term in lines.layout.terms if term.function is not None]
    own = [f for f in dict.fromkeys(functions) if "." not in full_name(f) and f not in _BUILT_IN]
    imports, helpers = definitions(own)
    source = NumpySource(lines.layout.names, lines.counts)
    body = [f"{line.name} = {source.line(line.name, line.term)}" for line in lines.layout.lines]
    if lines.batch:
        body.insert(0, f"{lines.batch.name} = {lines.batch.source}")
    body.append(f"return {returned or ', '.join(lines.gradients)}")
    function = [f"def backward({', '.join(lines.inputs)}):", *(f"    {line}" for line in body)]
    imports = sorted({"import numpy as np", *imports})
    return "\n\n\n".join(["\n".join(imports), *helpers, "\n".join(function)]) + "\n"


_BUILT_IN = {operator.getitem, astype}
