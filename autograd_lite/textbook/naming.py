"""Names for what was recorded: the user's own where there are any, else a textbook's."""

from __future__ import annotations

import itertools
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import FrameType, FunctionType
from typing import Any

import numpy as np

from autograd_lite.derivatives.linear_algebra import affine
from autograd_lite.engine import backward_order
from autograd_lite.node import Node, arrays_in
from autograd_lite.operation import NO_TRAITS
from autograd_lite.table import TABLE


class Identifiers:
    """Valid Python names, none given twice, and none that generated source has for a function.

    >>> names = Identifiers()
    >>> names.unique("W1"), names.unique("W1"), names.unique("my weight"), names.unique("lambda")
    ('W1', 'W1_2', 'my_weight', 'lambda_')
    """

    def __init__(self) -> None:
        functions = {function.__name__ for function in TABLE if isinstance(function, FunctionType)}
        self.taken = {"np", "math", "positions", "gathered", *functions}

    def unique(self, wish: str) -> str:
        """The name, made valid, or one like it that is free."""
        name = re.sub(r"\W", "_", wish)
        if keyword.iskeyword(name) or not name.isidentifier():
            name = f"{name}_" if keyword.iskeyword(name) else f"_{name}"
        wishes = (f"{name}_{count}" for count in itertools.count(2))
        chosen = next(wish for wish in itertools.chain([name], wishes) if wish not in self.taken)
        self.taken.add(chosen)
        return chosen


def variables_of(frame: FrameType) -> dict[str, Any]:
    """The variables that code in a frame sees, its own before those of its module.

    >>> import sys
    >>> sorted(name for name in variables_of(sys._getframe()) if name in ("re", "variables_of"))
    ['re', 'variables_of']
    """
    outer = {k: v for k, v in frame.f_globals.items() if k not in frame.f_locals}
    return {**frame.f_locals, **outer}


def names_of(loss: Node, variables: Mapping[str, Any]) -> dict[Any, str]:
    """Names of all that a tensor was computed from: unique, and valid in Python.

    A tensor's own name comes first, then the variable that holds it, then its place in a network:
    z1 = W1 @ x + b1, a1 = sigmoid(z1). Parameters of layers, such as "0.weight", become W1, b1.
    What remains is called t1, t2 and so on. Names of plain arrays stand under their `id`.

    >>> from autograd_lite import Tensor
    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> total = np.exp(w * 2).sum()
    >>> sorted(names_of(total, {"total": total}).values())
    ['t1', 't2', 'total', 'w']
    """
    identifiers, nodes = Identifiers(), backward_order(loss)[::-1]
    names = given_names(nodes, variables, identifiers)
    counts = itertools.count(1)
    for node in nodes:
        if node not in names:
            names[node] = identifiers.unique(f"t{next(counts)}")
    return names


def given_names(
    nodes: Sequence[Node], variables: Mapping[str, Any], identifiers: Identifiers
) -> dict[Any, str]:
    """The names of `names_of` but for temporaries, which nobody named and no network has.

    The nodes come in the order of computation, the loss last.
    """
    leaves = leaves_of(nodes)
    wishes = _own_names(nodes, variables)
    _name_layers(leaves, wishes)
    _name_network(nodes, wishes)
    wishes.setdefault(nodes[-1], "loss")
    for leaf in leaves:
        if leaf._requires_grad:
            wishes.setdefault(leaf, "x")
    return {value: identifiers.unique(wish) for value, wish in wishes.items()}


def visible_arrays(variables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The tensors and arrays that variables hold, or lists and dicts in them, with names.

    >>> xs = [np.zeros(1), np.ones(2)]
    >>> [name for name, array in visible_arrays({"xs": xs, "n": 3, "layer": {"W": xs[0]}})]
    ['xs0', 'xs1', 'W']
    """
    for name, value in variables.items():
        inside: Iterable[tuple[Any, Any]] = [(name, value)]
        if name.startswith("_") or not name.isidentifier():
            continue
        if isinstance(value, dict):
            inside = value.items()
        elif isinstance(value, list | tuple):
            inside = ((f"{name}{index}", item) for index, item in enumerate(value))
        for label, array in inside:
            if isinstance(array, Node | np.ndarray) and isinstance(label, str):
                yield label, array


def key_of(value: Any) -> Any:
    """What names are found by: a node itself, the id of a plain array."""
    return value if isinstance(value, Node) else id(value)


def _own_names(nodes: Sequence[Node], variables: Mapping[str, Any]) -> dict[Any, str]:
    """The names of tensors and variables, in the order of computation."""
    visible: dict[int, str] = {}
    for label, array in visible_arrays(variables):
        visible.setdefault(id(array), label)
    wishes: dict[Any, str] = {}
    for node in nodes:
        for value in (*arrays_in(node.arguments), node):
            name: str | None = getattr(value, "name", None) or visible.get(id(value))
            if name:
                wishes.setdefault(key_of(value), name)
    return wishes


def leaves_of(nodes: Sequence[Node]) -> list[Node]:
    """The tensors that were not computed, in the order in which a network uses them.

    The last use counts: a penalty uses all weights at once.
    """
    depths: dict[Node, int] = {}
    for node in nodes:
        if node.operation is not None:
            inputs = [x for x in node.arguments if isinstance(x, Node)]
            depth = max([depths[x] for x in inputs if x.operation is not None], default=0)
            depths[node] = depth = depth + 1
            for leaf in inputs:
                if leaf.operation is None:
                    depths[leaf] = max(depths.get(leaf, 0), depth)
    leaves = [node for node in depths if node.operation is None]
    return sorted(leaves, key=depths.__getitem__) or [*nodes]


def _name_layers(leaves: list[Node], wishes: dict[Any, str]) -> None:
    """Rename parameters of modules: "0.weight" and "0.bias" to W1 and b1.

    A weight with one axis is the scale of a normalization: gamma1, and beta1 for its bias.
    """
    layers: dict[str, tuple[str, str]] = {}
    counts: Counter[str] = Counter()
    for node in leaves:
        path, _, last = wishes.get(node, "").rpartition(".")
        if last == "weight":
            letters = ("W", "b") if np.ndim(node._array) > 1 else ("gamma", "beta")
            counts[letters[0]] += 1
            weight, bias = (f"{letter}{counts[letters[0]]}" for letter in letters)
            layers[path] = weight, bias
    for node in leaves:
        path, _, last = wishes.get(node, "").rpartition(".")
        if path in layers and last in ("weight", "bias"):
            wishes[node] = layers[path][last == "bias"]


def _name_network(nodes: Sequence[Node], wishes: dict[Any, str]) -> None:
    """Name what has none by its place: weights, biases, pre-activations and activations."""
    lower = any(re.fullmatch(r"[az]\d*", wish) for wish in wishes.values())
    z = "Z" if "X" in wishes.values() and not lower else "z"
    weights = Counter(weight for node in nodes for weight in _weights(node))
    layers = itertools.count(1)
    products: dict[Node, str] = {}
    for node in nodes:
        if node.operation is None:
            continue
        function, arguments = node.operation.function, node.arguments
        for weight in _weights(node):
            number = re.search(r"\d*$", wishes.setdefault(weight, f"W{next(layers)}"))
            if number and weights[weight] == 1:
                products[node] = number[0]
        biased = [x for x in arguments if isinstance(x, Node) and x in products]
        parameters = _parameters(node)
        if function is np.add and biased and parameters:
            products[node] = products.pop(biased[0])
            wishes.setdefault(parameters[0], f"b{products[node]}")
        if function is affine and node in products:
            wishes.setdefault(arguments[2], f"b{products[node]}")
    for node in nodes:
        if node in products:
            wishes.setdefault(node, f"{z}{products[node]}")
        elif _is_activation(node):
            for argument in arrays_in(node.arguments):
                before = re.fullmatch(r"[zZ](\d*)", wishes.get(key_of(argument), ""))
                if before:
                    wishes.setdefault(node, f"{'A' if before[0][0] == 'Z' else 'a'}{before[1]}")


def _is_activation(node: Node) -> bool:
    """Whether a node is an activation, or a maximum, which is how ReLU is written out."""
    traits = node.operation.traits if node.operation else NO_TRAITS
    return traits.activation or (traits.extremum and traits.elementwise)


def _parameters(node: Node) -> list[Node]:
    """The arguments of a node that are leaves and require grad."""
    nodes = [x for x in node.arguments if isinstance(x, Node)]
    return [x for x in nodes if x.operation is None and x._requires_grad]


def _weights(node: Node) -> list[Node]:
    """The weight matrix that a node multiplies with, if that is what it does."""
    traits = node.operation.traits if node.operation else NO_TRAITS
    if not traits.product or traits.elementwise:
        return []
    return [x for x in _parameters(node) if np.ndim(x._array) == 2][:1]
