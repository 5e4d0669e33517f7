"""A model as a file of NumPy code."""

from __future__ import annotations

import base64
from collections.abc import Callable
from types import FunctionType
from typing import Any

from autograd_lite.names import explains_keywords
from autograd_lite.program.program import Step, needed_for
from autograd_lite.table import TABLE
from autograd_lite.textbook.listing import Listing
from autograd_lite.textbook.naming import Identifiers
from autograd_lite.textbook.numpy_source import ATOM, NumpySource, Written, is_short
from autograd_lite.textbook.source import Definitions, texts_of
from autograd_lite.textbook.spellings import function_written_out
from nn.export.forward import traced

READ = """def array(text, dtype, shape):
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)"""


@explains_keywords
def to_numpy_source(model: Callable[..., Any], example: Any) -> str:
    """The source of a NumPy function `forward` that computes a model in evaluation mode.

    The source needs only NumPy, and contains the parameters. Its function takes any number of
    samples, each input as an argument, and returns what `nn.predict` returns, up to rounding;
    several outputs are returned in a dict.

    Args:
        model: what to export, a module or a function of one tensor.
        example: samples (n, ...), as `nn.predict` takes them; for several inputs a tuple or a dict.

    Raises:
        ArgumentError: two inputs, or outputs, have keys that differ in punctuation only.
        UnsupportedError: entries decide what the model computes, or it was not recorded, or it
            calls a function whose source cannot be read.
        ShapeError: there are no samples.

    >>> import numpy as np
    >>> from nn import Dense
    >>> print(to_numpy_source(Dense(1, 1, "tanh", weight_init="zeros"), np.ones((2, 1))))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    weight = np.zeros((1, 1))
    bias = np.zeros((1,))
    <BLANKLINE>
    <BLANKLINE>
    def forward(x):
        x = np.asarray(x, np.float64)
        output = np.tanh(x @ weight + bias)
        return output
    <BLANKLINE>
    """
    forward = traced("nn.to_numpy_source", model, example, function_written_out)
    names = Identifiers()
    names.taken |= {"base64", "array", "forward"}
    inputs = {step: names.unique(name) for name, step in forward.inputs.items()}
    weights = {
        step: names.unique(name if name[0].isalpha() else f"layer_{name}")
        for step, name in forward.weights.items()
    }
    n = names.unique("n")
    named = inputs | weights
    returned = {name: names.unique(name) for name in forward.outputs}
    outputs = dict(zip(returned.values(), forward.outputs.values()))
    needed = needed_for(outputs.values())
    listing = Listing(outputs, needed, named, names)
    counts = {count: n if k == 1 else f"({k} * {n})" for count, k in forward.counts.items()}
    source = _Source(listing.names, counts)
    definitions = Definitions(term.function for term in listing.terms)
    constants = [step for step in listing.inputs if step not in inputs]
    assigned = [f"{listing.names[step]} = {_written(step.arguments[0])}" for step in constants]
    floats = [(name, step.dtype) for step, name in inputs.items() if step.dtype.kind == "f"]
    body = [f"{name} = np.asarray({name}, np.{dtype})" for name, dtype in floats]
    body += [f"{n} = len({name})" for name in [*inputs.values()][:1] if counts]
    body += [text for line in listing.lines for text in texts_of(line, source)]
    several = ", ".join(f'"{name}": {variable}' for name, variable in returned.items())
    body.append(f"return {returned['output'] if [*returned] == ['output'] else f'{{{several}}}'}")
    function = [f"def forward({', '.join(inputs.values())}):", *(f"    {line}" for line in body)]
    if any("= array(" in line for line in assigned):
        definitions.imports.add("import base64")
        definitions.texts["array"] = READ
    parts = ["\n".join(sorted(definitions.imports)), *definitions.texts.values()]
    parts += ["\n".join(assigned)] if assigned else []
    return "\n\n\n".join([*parts, "\n".join(function)]) + "\n"


class _Source(NumpySource):
    """NumPy source, in which functions are defined as they compute: some return more than that."""

    def call(self, term: Step) -> Written:
        row, written = TABLE.get(term.function), super().call(term)
        is_defined = isinstance(term.function, FunctionType)
        return (f"{written[0]}[0]", ATOM) if row and row.residual and is_defined else written


def _written(array: Any) -> str:
    """A short array entry by entry, any other in base64."""
    if is_short(array):
        return NumpySource({}).array(array)
    text = base64.b64encode(array.tobytes()).decode()
    return f'array("{text}", np.{array.dtype}, {array.shape})'
