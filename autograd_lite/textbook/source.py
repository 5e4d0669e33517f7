"""The backward pass of a graph as a NumPy program, with the source of all that it needs."""

from __future__ import annotations

import ast
import inspect
import itertools
import math
import operator
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from autograd_lite.derivatives.shaping import astype
from autograd_lite.errors import UnsupportedError
from autograd_lite.foreign import beside
from autograd_lite.names import explains_keywords
from autograd_lite.node import Node
from autograd_lite.program.program import needed_for
from autograd_lite.textbook.blocks import Block, Line, terms_of
from autograd_lite.textbook.lines import Lines, lines_of
from autograd_lite.textbook.naming import variables_of
from autograd_lite.textbook.numpy_source import NumpySource, full_name
from autograd_lite.textbook.spellings import DEFINITIONS


class Definitions:
    """The import statements, and the definitions in order, that plain Python functions need."""

    def __init__(self, functions: Iterable[Any]) -> None:
        self.imports = {"import numpy as np"}
        self.texts: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        for function in dict.fromkeys(functions):
            if function not in _BUILT_IN and "." not in full_name(function):
                self.add(function.__name__, DEFINITIONS.get(function, function))

    def add(self, name: str, value: Any, user: FunctionType | None = None) -> None:
        """Write what a name stands for in a function that uses it, after what that needs."""
        if isinstance(value, ModuleType):
            module = value.__name__
            self.imports.add(f"import {module}" + (f" as {name}" if name != module else ""))
        elif callable(value) and _is_of_numpy(value):
            own = value.__name__
            renamed = f" as {name}" if name != own else ""
            self.imports.add(f"from {value.__module__} import {own}{renamed}")
        elif name not in self.values:
            self.values[name] = value
            if callable(value) and isinstance(inspect.unwrap(value), FunctionType):
                self._function(name, inspect.unwrap(value))
            else:
                self._assignment(name, user)
        elif self.values[name] is not value:
            raise _refusal(name, "two different things have this name")

    def _function(self, name: str, function: FunctionType) -> None:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        except (OSError, TypeError, SyntaxError) as error:
            raise _refusal(name, "its source cannot be read") from error
        definition = tree.body[0]
        if not isinstance(definition, ast.FunctionDef):
            raise _refusal(name, "it is not defined by def")
        if definition.name != function.__code__.co_name:  # of exec, beside `python -c` in 3.13
            raise _refusal(name, "its source cannot be read")
        bare = _Bare().visit(definition)
        self._names_in(bare, function)
        self.texts[name] = ast.unparse(bare)

    def _names_in(self, tree: ast.AST, function: FunctionType) -> None:
        """Write what the names in a function stand for that are not its own."""
        known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        within = _Within(known, function.__code__.co_varnames)
        within.visit(tree)
        for own, value in within.found.items():
            self.add(own, value, function)
        for node in ast.walk(tree):
            used = node.id if isinstance(node, ast.Name) else None
            if used in known and used not in function.__code__.co_varnames:
                self.add(used, known[used], function)

    def _assignment(self, name: str, user: FunctionType | None) -> None:
        """Write the assignment to a name in the file of a function that uses it."""
        module = inspect.getmodule(user)
        for statement in ast.parse(inspect.getsource(module)).body if module and user else ():
            for target, value in _assigned(statement):
                if target == name and user:
                    self._names_in(value, user)
                    self.texts[name] = f"{name} = {ast.unparse(value)}"
                    return
        raise _refusal(name, "it is neither a function written in Python nor assigned in its file")


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement assigns to, each with its value."""
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=target)], value=ast.expr() as value)
            | ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value)
        ):
            yield target, value
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            for each, value in zip(targets, values):
                if isinstance(each, ast.Name):
                    yield each.id, value


class _Bare(ast.NodeTransformer):
    """Takes decorators, docstrings and annotations away."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list, node.returns = [], None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id == beside.__name__:
            return self.visit(node.args[0])  # NumPy's source has all arrays in one place
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        bare = ast.Assign([node.target], node.value) if node.value else ast.Pass()
        return self.generic_visit(ast.copy_location(bare, node))


class _Within(ast.NodeTransformer):
    """Names functions in modules of the project by their own names, to be written rather."""

    def __init__(self, known: Mapping[str, Any], taken: Collection[str]) -> None:
        self.known, self.taken = known, taken
        self.found: dict[str, FunctionType] = {}

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        self.generic_visit(node)
        module = self.known.get(node.value.id) if isinstance(node.value, ast.Name) else None
        value: Any = getattr(module, node.attr, None) if _is_own(module) else None
        is_function = value is not None and isinstance(inspect.unwrap(value), FunctionType)
        if is_function and node.attr not in self.taken:
            self.found[node.attr] = value
            return ast.Name(node.attr, node.ctx)
        return node


def _is_own(module: Any) -> bool:
    own = __name__.partition(".")[0]
    return isinstance(module, ModuleType) and module.__name__.partition(".")[0] == own


def _is_of_numpy(function: Any) -> bool:
    """Whether NumPy offers it under its own name."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    is_numpys = module is not None and module.__name__.partition(".")[0] == "numpy"
    return is_numpys and getattr(module, getattr(function, "__name__", ""), None) is function


def _refusal(name: str, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"source of {name}",
        reason,
        "Define it with def, in a file, of NumPy functions; derive(loss) needs no source",
    )


@explains_keywords
def to_source(loss: Any, wrt: Sequence[Node] | None = None) -> str:
    """The source of a NumPy function `backward` that computes gradients of a loss.

    Its arguments are the arrays that the loss was computed from: first the data, under the names of
    the caller's variables, then the parameters. It returns the gradients as a tuple, or a single
    one by itself. It follows the branches that were recorded. Where the loss is a mean over
    samples, or a sum divided by their number, that number is read off the data as m, so that the
    function takes batches of any size; unless a parameter has an axis of the same length, or the
    number appears in the record in another way: in a factor such as 0.01, a shape, or an array
    without a name. Numbers in the record stay numbers. A comment says so where one equals the
    number of samples, or divides and is a multiple of it, and where p - y relies on rows of labels
    that sum to 1.

    Gradients equal those of `loss.backward()` up to rounding, and to the last bit where the
    operations are the same in the same order. They are not where a textbook differs: a constant
    factor of the loss, such as 1/m, is applied once, at the end; a mean is divided by its count;
    equal terms are merged; activations that are written out, cross-entropies of logits, and dropout
    have the usual formulas. Where float32 meets float64, NumPy decides the dtypes in between.
    Guards of a rule against ties or 0/0 are there only if the recorded data need them.

    Args:
        loss: a scalar that was recorded.
        wrt: the tensors to differentiate in, parameters or computed ones; by default all
            parameters.

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
    variables = variables_of(sys._getframe(2))  # of the caller, behind the decorator
    return source_of(lines_of(loss, wrt, variables))


def source_of(lines: Lines) -> str:
    """The program of some lines, which returns the gradients."""
    source = lines.source()
    written = [line for line in lines.listing.lines if not lines.is_for_loss(line)]
    body = [text for line in written for text in texts_of(line, source)]
    notes = [f"# {note}" for note in lines.notes]
    data = {name: lines.inputs[name] for name in lines.data}
    weights = {name: array for name, array in lines.inputs.items() if name not in data}
    notes += _fixed_numbers(body, data, weights, lines.batch is not None, lines.few)
    body = [*notes, *_counted(lines), *body, f"return {', '.join(lines.gradients)}"]
    function = [f"def backward({', '.join(lines.inputs)}):", *(f"    {line}" for line in body)]
    return "\n\n\n".join([*_definitions(lines), "\n".join(function)]) + "\n"


def prepared(lines: Lines) -> dict[str, Any]:
    """What lines are run with: arrays, and functions."""
    space: dict[str, Any] = {}
    exec("\n\n".join(_definitions(lines)), space)
    space |= lines.inputs
    exec("\n".join(_counted(lines)), space)
    return space


def _definitions(lines: Lines) -> list[str]:
    """The source of all that lines use."""
    written = [line for line in lines.listing.lines if not lines.is_for_loss(line)]
    terms = itertools.chain.from_iterable(map(terms_of, written))
    definitions = Definitions(term.function for term in needed_for(terms, lines.needed))
    return ["\n".join(sorted(definitions.imports)), *definitions.texts.values()]


def _counted(lines: Lines) -> list[str]:
    """The number of samples."""
    return [f"{lines.batch[0]} = {lines.batch[2]}"] if lines.batch else []


def texts_of(line: Line | Block, source: NumpySource) -> Iterator[str]:
    """The line, or those of a loop."""
    if not isinstance(line, Block):
        name, term = line
        yield f"{name} = {source.line(name, term)}"
        return
    yield from (f"{name} = {source.text(term)}" for name, term, _ in line.before)
    for name, first, _ in line.lists:
        yield f"{name} = [{source.text(first) if first else ''}]"
    yield from (f"{name} = [{', '.join(map(source.text, parts))}]" for name, parts in line.slices)
    yield f"for {line.variable} in {_range(line.indices)}:"
    yield from (f"    {name} = {source.line(name, term)}" for name, term in line.lines)
    yield from (f"    {name}.append({source.text(term)})" for name, _, term in line.lists)
    if line.carried:
        places, values = (", ".join(names) for names in zip(*line.carried))
        yield f"    {places} = {values}"


def _range(indices: range) -> str:
    """The numbers that a loop is over, as a person writes them."""
    low, high = min(indices), max(indices) + 1
    text = f"range({low}, {high})" if low else f"range({high})"
    return text if indices.step == 1 else f"reversed({text})"


# What was fixed by the record, so that it is right for its shapes only


def _fixed_numbers(
    body: list[str],
    data: Mapping[str, Any],
    parameters: Mapping[str, Any],
    counted: bool = False,
    few: Collection[int] = (),
) -> list[str]:
    """Comments that name the numbers in lines which are as many as the data have along an axis.

    That a weight is as long says that they may be the weight's, unless something is divided by it.
    Where the samples are not `counted`, a divisor may be a multiple of their number; and so `few`
    that a mean was over need not be in the lines, as 2 / 2 is 1.

    >>> x = np.ones((6, 2))
    >>> _fixed_numbers(["dz = z / 6", "n = np.arange(6)"], {"x": x}, {"w": np.ones(2)})
    ['# As in the record, and right for no other number of samples: 6, as in x (6, 2).']
    >>> _fixed_numbers(["dz = z / 12"], {"x": x}, {"w": np.ones(6)})
    ['# As in the record, and right for no other number of samples: 12, as in x (6, 2).']
    >>> _fixed_numbers(["dw = 0.05 * w"], {"x": x}, {"w": np.ones(2)})
    ['# As in the record, and right for no other number of samples: 0.05, as in x (6, 2).']
    """
    tree = ast.parse("def backward():\n" + "\n".join(f"    {line}" for line in body))
    lengths = {n: name for name in data for n in np.shape(data[name]) if n > 1}
    of_weights = {n for array in parameters.values() for n in np.shape(array)}
    found: dict[str, str] = {}
    for number, divides, of_parameter in _numbers(tree, parameters):
        for length, name in lengths.items():
            own = length not in of_weights or divides
            multiple = divides and not counted and number % length == 0
            if own and (multiple or (length > 2 and _may_be_of(number, length, of_parameter))):
                found.setdefault(str(number), f"{name} {np.shape(data[name])}")
    for number in () if counted else few:
        for name in [name for name in data if number in np.shape(data[name])]:
            found.setdefault(str(number), f"{name} {np.shape(data[name])}")
    if not found:
        return []
    places = ", ".join(dict.fromkeys(found.values()))
    numbers = ", ".join(found)
    return [
        f"# As in the record, and right for no other number of samples: {numbers}, as in {places}."
    ]


def _numbers(tree: ast.AST, parameters: Collection[str]) -> Iterator[tuple[Any, bool, bool]]:
    """The numbers that are written, whether they divide, and whether they multiply a parameter."""
    operations = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp)]
    divisors, powers = (
        {node.right for node in operations if isinstance(node.op, kind)}
        for kind in (ast.Div, ast.Pow)
    )
    factors = {
        node.left
        for node in operations
        if isinstance(node.op, ast.Mult)
        if isinstance(node.right, ast.Name) and node.right.id in parameters
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            if node not in powers:
                yield node.value, node in divisors, node in factors


def _may_be_of(number: float, length: int, of_parameter: bool) -> bool:
    """Whether a number is a length, or 1, 2 or 1/2 over it.

    What multiplies a parameter may be a penalty's strength, any round number over the length.
    """
    shares = [abs(number) * length * times for times in (0.5, 1, 2)]
    if number % 1 == 0:
        return number == length
    if of_parameter and any(math.isclose(x, float(f"{x:.1g}")) for x in shares):
        return True
    return any(abs(shares[1] - whole) < 1e-14 for whole in (0.5, 1, 2))


_BUILT_IN = {None, operator.getitem, astype}
