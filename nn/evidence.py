"""What one forward and backward pass shows of a model, gathered without changing the model."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from autograd_lite import Tensor, affine, enable_grad, no_grad
from autograd_lite.derivatives.shaping import astype
from autograd_lite.engine import Node, backpropagate, backward_order
from autograd_lite.errors import ArgumentError, describe_one
from nn.module import Module, Parameter
from nn.optim import Optimizer

PRODUCTS = {
    affine,
    np.matmul,
    np.dot,
    np.inner,
    np.einsum,
    np.tensordot,
    operator.getitem,  # of an embedding: the product with one-hot rows
}
"""Operations by which a layer applies its weights."""
RESHAPING = {
    np.reshape,
    np.squeeze,
    np.expand_dims,
    np.transpose,
    np.swapaxes,
    np.broadcast_to,
    np.copy,
    astype,
}
"""Operations that leave the values as they are."""


@dataclass(frozen=True)
class Evidence:
    """A forward and a backward pass: what went in, came out, and was recorded on the way."""

    X: Any
    y: Any
    loss_function: Callable[[Any, Any], Any]
    predictions: Tensor
    loss: float
    nodes: list[Any]
    """What was computed and recorded, each after what it was computed from."""
    gradients: dict[Node, Any]
    """Of the loss, with respect to each node and parameter that it was computed from."""
    names: dict[Node, str]
    """Of the parameters."""
    layer_names: dict[Node, str]
    """Of the layers that the parameters belong to."""
    changes: dict[str, Any] | None
    """What a step of the optimizer would add to each parameter; None without an optimizer, or
    when a gradient is not finite."""

    @property
    def learned_parameters(self) -> dict[str, Any]:
        """Those that are not frozen."""
        return {name: node for node, name in self.names.items() if node._requires_grad}

    @cached_property
    def output(self) -> Any:
        """The node in which the predictions were computed, before they were reshaped."""
        return source(self.predictions)

    @cached_property
    def in_loss(self) -> list[Any]:
        """The nodes of the loss function, which follow the predictions."""
        of_model = set(backward_order(self.predictions))
        return [node for node in self.nodes if node not in of_model]

    @cached_property
    def in_model(self) -> list[Any]:
        """The nodes that the loss function does not add."""
        added = set(self.in_loss)
        return [node for node in self.nodes if node not in added]

    @cached_property
    def layers(self) -> dict[Node, str]:
        """The layer of each node: that of the parameter which it was computed with last."""
        layers: dict[Node, str] = {}
        for node in self.nodes:
            inputs = [argument for argument in node.arguments if isinstance(argument, Node)]
            own = [self.layer_names[a] for a in inputs if a in self.layer_names]
            before = [layers[a] for a in inputs if a in layers]
            layers[node] = (own or before or ["the input"])[0]
        return layers

    @cached_property
    def products(self) -> list[Any]:
        """The nodes in which weights, parameters of two axes or more, are applied, in order."""
        weights = {node for node in self.learned_parameters.values() if node.ndim > 1}
        products = []
        for node in self.in_model:
            inputs = [argument for argument in node.arguments if isinstance(argument, Node)]
            if not weights.isdisjoint(inputs):
                if node.operation.function in RESHAPING:
                    weights.add(node)
                elif node.operation.function in PRODUCTS:
                    products.append(node)
        return products

    @cached_property
    def loss_of_constant(self) -> float:
        """The loss of predicting the mean prediction for all samples."""
        values = self.predictions.data
        return self.loss_of(np.broadcast_to(values.mean(axis=0), values.shape).copy())

    def loss_of(self, predictions: Any) -> float:
        """The loss that other predictions would have."""
        with no_grad(), np.errstate(all="ignore"):
            return float(plain(self.loss_function(Tensor(predictions), self.y)))


def plain(value: Any) -> Any:
    """The array of a tensor, and anything else as it is."""
    return value.data if isinstance(value, Tensor) else value


def source(value: Any) -> Any:
    """The node that a value was computed in, before it was reshaped, shifted or clipped.

    >>> x = Tensor([0.5], requires_grad=True)
    >>> y = np.tanh(x)
    >>> source(y.reshape(1, 1) + 1e-8) is y
    True
    """
    while isinstance(value, Node) and value.operation is not None:
        function, arguments = value.operation.function, value.arguments
        shifted = function in (np.add, np.clip) and np.shape(plain(arguments[1])) == ()
        if function not in RESHAPING and not shifted:
            return value
        value = arguments[0]
    return value


def has_zero(node: Any) -> bool:
    """Whether a node was computed with the number 0, as np.maximum(x, 0) is."""
    numbers = (plain(argument) for argument in node.arguments)
    return any(np.shape(number) == () and number == 0 for number in numbers)


def layer_names(model: Module) -> dict[Node, str]:
    """The layer of each parameter: the module that holds it, or its own name.

    Its own name is taken in the outermost module, and in one that holds several weights.

    >>> from nn import Dense
    >>> model = Module()
    >>> model.hidden, model.W = Dense(2, 2), Parameter(np.ones((2, 2)))
    >>> list(layer_names(model).values())
    ['W', 'hidden', 'hidden']
    """
    names: dict[Node, str] = {}
    for prefix, module in model.named_modules():
        own = [(name, item) for name, item in module._members() if isinstance(item, Parameter)]
        several = sum(parameter.ndim > 1 for _, parameter in own) > 1
        for name, parameter in own:
            full_name = f"{prefix}.{name}" if prefix else name
            names.setdefault(parameter, full_name if several or not prefix else prefix)
    return names


def gather(
    model: Module,
    X: Any,  # noqa: N803
    y: Any,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer | None,
) -> Evidence:
    """Run one forward and backward pass in training mode, and leave everything as it was.

    Raises:
        ArgumentError: there is nothing to learn, the optimizer is another model's, there is no
            sample, no array of predictions, or the loss is not one number.
    """
    names: dict[Node, str] = {parameter: name for name, parameter in model.named_parameters()}
    attempted = f"diagnose of {type(model).__name__} with X {describe_one(X)}"
    if not any(parameter._requires_grad for parameter in names):
        raise ArgumentError(
            attempted,
            "it has no parameter that is learned",
            "Give a model whose parameters, or some of them, require grad",
        )
    if optimizer is not None and names.keys().isdisjoint(optimizer.parameters):
        raise ArgumentError(
            attempted,
            f"{type(optimizer).__name__} holds none of its parameters",
            f"Make it by {type(optimizer).__name__}(model.parameters(), ...)",
        )
    if X.size == 0:
        raise ArgumentError(attempted, "there are no samples", "Give a batch of them")
    with _left_alone(model), enable_grad(), np.errstate(all="ignore"):
        model.train()
        predictions = model(X)
        if np.ndim(plain(predictions)) == 0:
            raise ArgumentError(
                attempted,
                f"it returns {describe_one(predictions)}, and no array with a row for each sample",
                "Return predictions (n, ...) from forward",
            )
        if not isinstance(predictions, Tensor):
            predictions = Tensor(predictions)
        value = loss(predictions, y)
        if np.size(plain(value)) != 1:
            raise ArgumentError(
                attempted,
                f"the loss {describe_one(value)} is not one number",
                "Give a loss that is reduced to the samples' mean, or their sum",
            )
        gradients: dict[Node, Any] = {}
        nodes: list[Any] = []
        if isinstance(value, Tensor) and value.requires_grad:
            gradients = backpropagate(value, value._seed(None))
            nodes = [n for n in reversed(backward_order(value)) if n.operation is not None]
        changes = None if optimizer is None else _changes(optimizer, names, gradients)
    number = float(np.reshape(plain(value), ()))
    layers = layer_names(model)
    return Evidence(X, y, loss, predictions, number, nodes, gradients, names, layers, changes)


@contextmanager
def _left_alone(model: Module) -> Iterator[None]:
    """Undo what a forward pass does to modules: attributes, modes, buffers and generators.

    NumPy's global generator is among them.
    """
    modules = [module for _, module in model.named_modules()]
    attributes = [dict(vars(module)) for module in modules]
    buffers = [(buffer, buffer._data, buffer.mutated) for _, buffer in model.named_buffers()]
    held = (value for module in modules for _, value in module._members())
    generators = [value.bit_generator for value in held if isinstance(value, np.random.Generator)]
    states = [generator.state for generator in generators]
    of_numpy = np.random.get_state()
    for buffer, array, _ in buffers:
        buffer._data = array.copy()
    try:
        yield
    finally:
        for module, saved in zip(modules, attributes):
            vars(module).clear()
            vars(module).update(saved)
        for buffer, array, mutated in buffers:
            buffer._data, buffer.mutated = array, mutated
        for generator, state in zip(generators, states):
            generator.state = state
        np.random.set_state(of_numpy)


def _changes(
    optimizer: Optimizer, names: dict[Node, str], gradients: dict[Node, Any]
) -> dict[str, Any] | None:
    """What a step would add to each parameter, found by a step of a copy."""
    if not all(np.isfinite(gradients[p]).all() for p in optimizer.parameters if p in gradients):
        return None
    twin = copy.deepcopy(optimizer)
    pairs = list(zip(optimizer.parameters, twin.parameters))
    for parameter, its_copy in pairs:
        its_copy.grad = gradients.get(parameter)
    twin.step()
    return {names[p]: its_copy.data - p.data for p, its_copy in pairs if p in names}
