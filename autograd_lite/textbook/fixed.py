"""What in generated source was fixed by the record, so that it is right for its shapes only."""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np


def fixed_numbers(
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
    >>> fixed_numbers(["dz = z / 6", "n = np.arange(6)"], {"x": x}, {"w": np.ones(2)})
    ['# As in the record, and right for no other number of samples: 6, as in x (6, 2).']
    >>> fixed_numbers(["dz = z / 12"], {"x": x}, {"w": np.ones(6)})
    ['# As in the record, and right for no other number of samples: 12, as in x (6, 2).']
    >>> fixed_numbers(["dw = 0.05 * w"], {"x": x}, {"w": np.ones(2)})
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
