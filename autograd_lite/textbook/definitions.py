"""The source of functions that NumPy lacks, such as sigmoid, with all that it needs."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any

from autograd_lite.errors import UnsupportedError


def definitions(functions: Iterable[Any]) -> tuple[list[str], list[str]]:
    """The import statements, and the definitions in order, that plain Python functions need.

    Decorators, docstrings and annotations are left out.

    Raises:
        UnsupportedError: the source of a function cannot be read, or uses what has no source.

    >>> from autograd_lite import relu
    >>> print(*definitions([relu])[1])
    def relu(x):
        return np.maximum(x, 0)
    """
    writer = _Writer()
    for function in functions:
        writer.add(function.__name__, function)
    return sorted(writer.imports), list(writer.texts.values())


class _Writer:
    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.texts: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def add(self, name: str, value: Any, user: FunctionType | None = None) -> None:
        """Write what a name stands for in a function that uses it, after what that needs."""
        if isinstance(value, ModuleType):
            module = value.__name__
            self.imports.add(f"import {module}" + (f" as {name}" if name != module else ""))
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
        bare = _Bare().visit(definition)
        self._names_in(bare, function)
        self.texts[name] = ast.unparse(bare)

    def _names_in(self, tree: ast.AST, function: FunctionType) -> None:
        """Write what the names in a function stand for that are not its own."""
        known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        for node in ast.walk(tree):
            name = getattr(node, "id", None)
            if name in known and name not in function.__code__.co_varnames:
                self.add(name, known[name], function)

    def _assignment(self, name: str, user: FunctionType | None) -> None:
        """Write the assignment to a name in the file of a function that uses it."""
        module = inspect.getmodule(user)
        for statement in ast.parse(inspect.getsource(module)).body if module and user else ():
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=target)], value=ast.expr() as value)
                    | ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value)
                ) if target == name and user:
                    self._names_in(value, user)
                    self.texts[name] = f"{name} = {ast.unparse(value)}"
                    return
        raise _refusal(name, "it is neither a function written in Python nor assigned in its file")


class _Bare(ast.NodeTransformer):
    """Takes decorators, docstrings and annotations away."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list, node.returns = [], None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node


def _refusal(name: str, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"source of {name}",
        reason,
        "Define it with def, in a file, of NumPy functions; derive(loss) needs no source",
    )
