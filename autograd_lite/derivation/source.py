"""The backward pass of a graph as a NumPy program."""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from typing import Any

from autograd_lite.derivation.definitions import definitions
from autograd_lite.derivation.naming import variables_of
from autograd_lite.derivation.notation import Source, full_name
from autograd_lite.derivation.reading import Lines, lines_of
from autograd_lite.derivatives.shaping import astype
from autograd_lite.engine import Node


def to_source(loss: Any, wrt: Sequence[Node] | None = None) -> str:
    """The source of a NumPy function `backward` that computes gradients of a loss.

    Its arguments are the arrays that the loss was computed from: data first, under the names of
    the caller's variables, then parameters. It returns the gradients as a tuple, or the only one.
    It takes data of any batch size where the batch is recognized, and follows the branches that
    the record took.

    Gradients equal those of `loss.backward()` to the last bit, but for these: a constant factor
    of the loss, such as 1/m, is applied once, at the end of a line, and not at the start; the
    cross-entropies of logits, dropout, and the gradient of a bias are computed in the textbook's
    way; float32 is not cast where it meets float64. Where a rule guards against ties or 0/0, the
    guard is there only if the recorded data need it.

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
    source = Source(lines.layout.names, lines.counts)
    body = [f"{line.name} = {source.line(line.name, line.term)}" for line in lines.layout.lines]
    if lines.batch:
        body.insert(0, f"{lines.batch.name} = {lines.batch.source}")
    body.append(f"return {returned or ', '.join(lines.gradients)}")
    function = [f"def backward({', '.join(lines.inputs)}):", *(f"    {line}" for line in body)]
    imports = sorted({"import numpy as np", *imports})
    return "\n\n\n".join(["\n".join(imports), *helpers, "\n".join(function)]) + "\n"


_BUILT_IN = {operator.getitem, astype}
