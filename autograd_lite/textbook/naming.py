"""Names for what was recorded: the user's own where there are any, else a textbook's."""

from __future__ import annotations

import itertools
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from autograd_lite.derivatives import all_rows
from autograd_lite.derivatives.linear_algebra import affine
from autograd_lite.engine import backward_order
from autograd_lite.node import Node, arrays_in, inputs_of


class Identifiers:
    """Valid Python names, none given twice, and none that generated source has for a function."""

    def __init__(self) -> None:
        functions = [function for function in all_rows() if isinstance(function, FunctionType)]
        names = {function.__name__ for function in functions}
        self.taken = {"np", "math", "positions", "gathered", *names}

    def unique(self, wish: str) -> str:
        name = wish if wish.isidentifier() else re.sub(r"\W", "_", wish)
        if keyword.iskeyword(name) or not name.isidentifier():
            name = f"{name}_" if keyword.iskeyword(name) else f"_{name}"
        wishes = itertools.chain([name], (f"{name}_{count}" for count in itertools.count(2)))
        chosen = next(wish for wish in wishes if wish not in self.taken)
        self.taken.add(chosen)
        return chosen


def variables_of(frame: FrameType) -> dict[str, Any]:
    """The variables that code in a frame sees, its own before those of its module."""
    return {**frame.f_locals, **{**frame.f_globals, **frame.f_locals}}


def names_of(loss: Node, variables: Mapping[str, Any]) -> dict[Any, str]:
    """Names of all that a tensor was computed from: unique, and valid in Python.

    A tensor's own name comes first, then the variable that holds it, then its place in a network:
    z1 = W1 @ x + b1, a1 = sigmoid(z1). Parameters of layers, such as "0.weight", become W1, b1.
    What remains is called t1, t2 and so on. Names of plain arrays stand under their `id`.
    """
    identifiers, nodes = Identifiers(), backward_order(loss)[::-1]
    names = given_names(nodes, variables, identifiers)
    for count, node in enumerate([node for node in nodes if node not in names], 1):
        names[node] = identifiers.unique(f"t{count}")
    return names


def given_names(
    nodes: Sequence[Node], variables: Mapping[str, Any], identifiers: Identifiers
) -> dict[Any, str]:
    """The names of `names_of` but for temporaries; the nodes come in the order of computation."""
    leaves = leaves_in_order(nodes)
    wishes = _own_names(nodes, variables)
    _name_layers(leaves, wishes)
    _name_network(nodes, wishes)
    wishes.setdefault(nodes[-1], "loss")
    for leaf in leaves:
        if leaf._requires_grad:
            wishes.setdefault(leaf, "x")
    return {value: identifiers.unique(wish) for value, wish in wishes.items()}


def visible_arrays(variables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The tensors and arrays that variables hold, or lists and dicts in them, with names."""
    for name, value in variables.items():
        inside: Any = {name: value}
        if name.startswith("_") or not name.isidentifier():
            continue
        if isinstance(value, dict):
            inside = value
        elif isinstance(value, list | tuple):
            inside = {f"{name}{index}": item for index, item in enumerate(value)}
        for label, array in inside.items():
            if isinstance(array, Node | np.ndarray) and isinstance(label, str):
                yield label, array


def distinct_names(tensors: Iterable[Any], variables: Mapping[str, Any]) -> dict[Any, str]:
    """The own names of those that have one; of several alike, with the variable or the shape.

    Parameters of two layers, both called "weight", are hidden.weight and output.weight, as the
    variables hold the layers, or else weight of shape (3, 4).
    """
    own = {tensor: str(tensor.name) for tensor in tensors if tensor.name}
    counts = Counter(own.values())
    several = {tensor: name for tensor, name in own.items() if counts[name] > 1}
    held: dict[int, str] = {}
    for name, parameter in _held_parameters(variables) if several else ():
        held.setdefault(id(parameter), name)
    shaped = {tensor: f"{name} of shape {tensor.shape}" for tensor, name in several.items()}
    return own | {tensor: held.get(id(tensor), name) for tensor, name in shaped.items()}


def _held_parameters(variables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The parameters of modules that variables, lists or attributes hold, as they are written."""
    for variable, value in variables.items():
        inside: dict[str, Any] = {variable: value}
        if isinstance(value, list | tuple):
            inside = {f"{variable}[{index}]": item for index, item in enumerate(value)}
        elif not isinstance(value, type | ModuleType):
            inside |= {f"{variable}.{name}": each for name, each in _attributes(value).items()}
        for written, module in inside.items():
            if _is_module(module):
                found = module.named_parameters()
                yield from ((f"{written}.{name}", parameter) for name, parameter in found)


def _attributes(value: Any) -> Mapping[str, Any]:
    """Those of an object itself, of which none is computed: it may be anybody's."""
    try:
        attributes: Mapping[str, Any] = object.__getattribute__(value, "__dict__")
    except AttributeError:  # it has slots
        return {}
    return attributes


def _is_module(value: Any) -> bool:
    """Whether it is a layer or model of `nn`, which is not imported here."""
    classes = [(each.__module__, each.__name__) for each in type(value).__mro__]
    return ("nn.module", "Module") in classes


def key_of(value: Any) -> Any:
    """What names are found by: a node itself, the id of a plain array."""
    return value if isinstance(value, Node) else id(value)


def _own_names(nodes: Sequence[Node], variables: Mapping[str, Any]) -> dict[Any, str]:
    """The names of tensors and variables, in the order of computation."""
    # The first name of an array counts.
    visible = {id(array): label for label, array in [*visible_arrays(variables)][::-1]}
    wishes: dict[Any, str] = {}
    for node in nodes:
        for value in (*arrays_in(node.arguments), node):
            name: str | None = getattr(value, "name", None) or visible.get(id(value))
            if name:
                wishes.setdefault(key_of(value), name)
    return wishes


def leaves_in_order(nodes: Sequence[Node]) -> list[Node]:
    """The tensors that were not computed, in the order in which a network uses them."""
    # The last use counts: a penalty uses all weights at once.
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
    """Rename "0.weight" and "0.bias" to W1 and b1, those of a normalization to gamma1 and beta1."""
    layers: dict[tuple[str, int], tuple[str, str]] = {}
    numbers: Counter[str] = Counter()
    # Of layers outside of a module all have one path: a bias belongs to the weight before it.
    count: Counter[str] = Counter()
    which = {}
    for node in leaves:
        path, _, last = wishes.get(node, "").rpartition(".")
        count[path] += last == "weight"
        which[node] = path, max(count[path], 1)
        if last == "weight":
            weight, bias = ("W", "b") if np.ndim(node._array) > 1 else ("gamma", "beta")
            numbers[weight] += 1
            layers[which[node]] = f"{weight}{numbers[weight]}", f"{bias}{numbers[weight]}"
    for node in leaves:
        last = wishes.get(node, "").rpartition(".")[2]
        if which[node] in layers and last in ("weight", "bias"):
            wishes[node] = layers[which[node]][last == "bias"]


def _name_network(nodes: Sequence[Node], wishes: dict[Any, str]) -> None:
    """Name what has none by its place: weights, biases, pre-activations and activations."""
    lower = any(re.fullmatch(r"[az]\d*", wish) for wish in wishes.values())
    z = "Z" if "X" in wishes.values() and not lower else "z"
    computed = [node for node in nodes if node.operation is not None]
    weights = Counter(weight for node in computed for weight in _weights(node))
    layers = itertools.count(1)
    products: dict[Node, str] = {}
    for node in computed:
        function, arguments = node.operation.function, node.arguments
        for weight in _weights(node):
            number = re.search(r"\d*$", wishes.setdefault(weight, f"W{next(layers)}"))
            if number and weights[weight] == 1:
                products[node] = number[0]
        if function is np.add:
            biased = [x for x in arguments if isinstance(x, Node) and x in products]
            parameters = _parameters(node) or _moved_parameters(node)
            if biased and parameters:
                products[node] = products.pop(biased[0])
                wishes.setdefault(parameters[0], f"b{products[node]}")
        if function is affine and node in products:
            wishes.setdefault(arguments[2], f"b{products[node]}")
    for node in computed:
        traits = node.operation.traits
        if node in products:
            wishes.setdefault(node, f"{z}{products[node]}")
        # A maximum is how ReLU is written out.
        elif traits.activation or (traits.extremum and traits.elementwise):
            for argument in arrays_in(node.arguments):
                before = re.fullmatch(r"[zZ](\d*)", wishes.get(key_of(argument), ""))
                if before:
                    wishes.setdefault(node, f"{'A' if before[0][0] == 'Z' else 'a'}{before[1]}")


def _parameters(node: Node) -> list[Node]:
    """The arguments of a node that are leaves and require grad."""
    return [x for x in inputs_of(node) if x.operation is None]


def _moved_parameters(node: Node) -> list[Node]:
    """Parameters whose entries are only moved before, as biases are to the axis of channels."""
    moved = [x for x in inputs_of(node) if x.operation and x.operation.traits.moves]
    return [parameter for x in moved for parameter in _parameters(x)]


def _weights(node: Node) -> list[Node]:
    """The weight matrix that a node multiplies with, if that is what it does, or the kernels."""
    traits = node.operation.traits
    if traits.elementwise or not traits.product:
        return []
    ndims = range(2, 6) if traits.notation else (2,)
    return [x for x in _parameters(node) if np.ndim(x._array) in ndims][:1]
