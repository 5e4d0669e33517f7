"""Which lines of generated source a person would not write."""

import ast
from collections import Counter

VIEWS = {"T", "reshape", "squeeze", "transpose", "swapaxes", "moveaxis", "flip", "shape"}
CONSTANTS = {
    *{"zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "arange", "eye"},
    "range",
}


def findings(source):
    """What a person would not write in the function `backward` of a program."""
    function = ast.parse(source).body[-1]
    found = [*unused(function), *repeated(function)]
    if "autograd_lite" in source:
        found.append("what NumPy alone does not have")
    for node in ast.walk(function):
        if isinstance(node, ast.BinOp):
            found += [f"{ast.unparse(node)}: {why}" for why in in_operation(node)]
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.UnaryOp):
            found.append(f"{ast.unparse(node)}: two signs")
        if isinstance(node, ast.keyword) and ast.unparse(node) == "axis=()":
            found.append("a sum over no axis")
    return found


def in_operation(node):
    if isinstance(node.op, ast.Mult) and (is_one(node.left) or is_one(node.right)):
        yield "a product with 1"
    if isinstance(node.op, ast.Div | ast.Pow) and is_one(node.right):
        yield "a quotient or a power with 1"
    for side in (node.left, node.right):
        broadcast = isinstance(side, ast.Call) and ast.unparse(side.func) == "np.broadcast_to"
        if broadcast and not isinstance(node.op, ast.MatMult):
            yield "a broadcast that NumPy does by itself"


def is_one(node):
    return isinstance(node, ast.Constant) and node.value == 1


def unused(function):
    used = Counter(
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )
    assigned = [line.targets[0].id for line in function.body if isinstance(line, ast.Assign)]
    parameters = [argument.arg for argument in function.args.args]
    return [f"{name} is not used" for name in parameters + assigned if not used[name]]


def repeated(function):
    counts = Counter(
        ast.unparse(node)
        for node in ast.walk(function)
        if isinstance(node, ast.BinOp | ast.Call) and not is_trivial(node)
    )
    return [f"{text} is computed {count} times" for text, count in counts.items() if count > 1]


def is_trivial(node):
    """1 - a, x.reshape(2, 3), np.zeros((2, 3)): what one writes again rather than name it."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
        return name in CONSTANTS or (name in VIEWS and not has_operation(node))
    sides = (node.left, node.right)
    return any(isinstance(side, ast.Constant) for side in sides) and not any(
        has_operation(side) for side in sides
    )


def has_operation(node):
    return any(
        isinstance(part, ast.BinOp)
        or (isinstance(part, ast.Call) and getattr(part.func, "attr", "") not in VIEWS)
        for part in ast.walk(node)
    )
