"""Pages of the table of derivatives, made from its rows."""

from __future__ import annotations

import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.engine import backward_order
from autograd_lite.errors import AutogradError
from autograd_lite.node import plain
from autograd_lite.table import TABLE
from autograd_lite.textbook.formulas import Formulas
from autograd_lite.textbook.latex import Latex
from autograd_lite.textbook.numpy_source import NumpySource, full_name
from autograd_lite.textbook.spellings import RULES

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "autograd_lite"))
from samples import SAMPLES

ROWS = {
    function: row
    for function, row in TABLE.items()
    if function in SAMPLES and not (getattr(function, "__module__", None) or "").startswith("nn.")
}
"""The table without what losses of `nn`, or tests, add for themselves."""
SLOPES_AT = (0.0, 1.0, -1.0)
"""Where a function of numbers may have a kink."""
WIDTH, READABLE = 96, 600
"""Letters that a line has room for, and those of a rule that is still read."""


def pages() -> dict[str, str]:
    """One page for each file of rows, with all of its functions."""
    subjects: dict[str, list[Any]] = {}
    for function, row in ROWS.items():
        module = inspect.unwrap(row.vjps[0]).__module__ if row.vjps and row.vjps[0] else ""
        name = module.rpartition(".")[2]
        subjects.setdefault(name if module.startswith("autograd_lite") else "other", []).append(
            function
        )
    texts = {}
    for subject, functions in sorted(subjects.items()):
        parts = [f"# {subject.replace('_', ' ').capitalize()}"]
        parts += map(_entry, sorted(functions, key=full_name))
        texts[f"table/{subject}"] = "\n\n".join(parts) + "\n"
    index = ["# The table of derivatives", INTRODUCTION, "```{toctree}", ":maxdepth: 1", ""]
    index += [Path(name).name for name in texts]
    texts["table/index"] = "\n".join([*index, "```"]) + "\n"
    return texts


INTRODUCTION = f"""
{len(ROWS)} functions have a row, and {len(SAMPLES) - len(ROWS)} more are composed of them. $g$ is
the cotangent of the result $y$, and $dx$ that of the argument $x$. The formulas are printed from
the rules themselves, for the arguments that are shown; long ones appear only as code. Each page is
a file of `autograd_lite/derivatives/`.
"""


def _entry(function: Any) -> str:
    """A function, what it contributes to the cotangents of its arguments, and its kinks."""
    name = full_name(function)
    parts = [f"## {name}"]
    document = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
    if not name.startswith("np.") and document:
        parts.append(document)
    samples = SAMPLES[function]
    if TABLE[function].traits.product:
        samples = sorted(samples, key=lambda sample: -min(x.ndim for x in sample.arrays))
    shown: dict[str, str] = {}
    for sample in samples:
        node = _node(sample, function)
        try:
            if node is not None:
                parts.append(_rules(node))
                shown = _settings(node)
                break
        except AutogradError:
            continue
    else:
        parts.append("Its rule depends on the entries, so no single formula holds for all.")
    kinks = {kink for sample in samples if sample.kink for kink in _kinks(sample, function, shown)}
    if kinks:
        parts.append("At kinks, the gradient of the sum is " + "; ".join(sorted(kinks)[:4]) + ".")
    return "\n\n".join(parts)


def _settings(node: Any) -> dict[str, str]:
    """What a call is given besides arrays, by name."""
    given = [*zip(_argument_names(node), node.arguments), *node.keywords.items()]
    return {name: repr(x) for name, x in given if not isinstance(x, Tensor | np.ndarray)}


def _node(sample: Any, function: Any) -> Any:
    """The record of a call of the function, on arrays of which few have many axes."""
    if any(array.size < 2 or array.ndim > 2 for array in sample.arrays):
        return None
    return _call(sample, function)[1]


def _call(sample: Any, function: Any) -> tuple[list[Tensor], Any, Any]:
    """Its arrays as tensors, the record of a call of the function, and the result, if there is."""
    tensors = [Tensor(array, requires_grad=True) for array in sample.arrays]
    result = sample.function(*tensors)
    found = result if isinstance(result, Tensor) else None
    nodes = backward_order(found) if found is not None and found.requires_grad else []
    return tensors, next((x for x in nodes if x.operation is TABLE[function]), None), found


def _rules(node: Any) -> str:
    """The rules of a node as mathematics, and as code."""
    formulas = Formulas(RULES)
    names: dict[Any, str] = {}

    def leaf(value: Any, name: str) -> Any:
        term = formulas.terms.leaf(np.shape(plain(value)), plain(value))
        names[term] = name
        formulas.known[formulas.key(value)] = term
        return term

    called = _argument_names(node)
    for value, name in zip(node.arguments, called):
        if isinstance(value, Tensor | np.ndarray):
            leaf(value, name)
    g, _ = leaf(node._array.copy(), "g"), leaf(node, "y")
    mathematics, code = Latex(names, {}), NumpySource(names)
    lines, sources = [], []
    for slot, term in formulas.contributions(node, g, careful=False).items():
        own = called[slot]
        lines.append(rf"{mathematics.name('∂' + own)} &= {mathematics.line('', term)} \\")
        sources.append(f"d{own} = {code.line('', term)}")
    longest = max(map(len, sources), default=0)
    if longest > READABLE:
        return "Its rule is too long to print here."
    shapes = ", ".join(
        f"{name} {np.shape(plain(value))}"
        for value, name in zip(node.arguments, called)
        if isinstance(value, Tensor | np.ndarray)
    )
    parts = [f"For {shapes}:"]
    if longest <= WIDTH:
        parts.append("\n".join(["$$", r"\begin{aligned}", *lines, r"\end{aligned}", "$$"]))
    parts.append("\n".join(["```python", *map(_broken, sources), "```"]))
    return "\n\n".join(parts)


def _broken(assignment: str) -> str:
    """An assignment in as many lines as it needs."""
    if len(assignment) <= WIDTH:
        return assignment
    name, _, value = assignment.partition(" = ")
    lines = textwrap.wrap(value, WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"{name} = (", *(f"    {line}" for line in lines), ")"])


def _argument_names(node: Any) -> list[str]:
    try:
        names = [*inspect.signature(node.operation.compute).parameters]
    except (TypeError, ValueError):
        names = []
    usable = len(names) >= len(node.arguments) and all(name.isidentifier() for name in names)
    return (
        names if usable and not node.operation.variadic else [*"xabcdefhij"][: len(node.arguments)]
    )


def _kinks(sample: Any, function: Any, shown: dict[str, str]) -> list[str]:
    """Its gradient, and what it is called with other than in the rule that is shown."""
    tensors, node, result = _call(sample, function)
    if node is None or any(array.size > 4 for array in sample.arrays):
        return []
    settings = _settings(node)
    others = [f"{name}={text}" for name, text in settings.items() if shown.get(name) != text]
    result.sum().backward()
    given = ", ".join(np.array2string(x, separator=", ") for x in sample.arrays)
    slopes = ", ".join(
        np.array2string(x.grad, separator=", ") for x in tensors if x.grad is not None
    )
    return [f"{slopes} at {given}" + (f" with {', '.join(others)}" if others else "")]
