"""What passes show of a model, now and after steps on trial, without changing the model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from autograd_lite import Tensor, enable_grad, no_grad
from autograd_lite.cotangents import seed_of
from autograd_lite.engine import backpropagate, backward_order
from autograd_lite.errors import ArgumentError, AutogradError, UnsupportedError, describe_one
from autograd_lite.interruption import whole
from autograd_lite.node import Node, plain
from autograd_lite.operation import NO_TRAITS, Traits
from autograd_lite.recognition import recorded_again, written_out
from autograd_lite.trees import leaves_of, map_tree
from nn.calls import evaluation
from nn.left_alone import call_left_alone, twins
from nn.losses.loss import Loss
from nn.members import Parameter
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.training.evaluation import require_rows
from nn.training.history import number_in
from nn.training.inputs import called, shown

LEARNED = 0.75
"""Of the loss of the best constant: below it a model has learned, and what would keep it from
learning is no fault. Trained tanhs are saturated where they are sure."""
STEPS = 10
"""How many are tried: what they end is no fault of the model, but its beginning."""
STEP = 0.1
"""Largest entry of a step of descent: it shows in float32, and makes a weight of 0 one of a usual
size, but revives no dead unit."""


@dataclass(frozen=True)
class Evidence:
    """A forward and a backward pass: what went in, came out, and was recorded on the way."""

    model: Module
    optimizer: Optimizer | None
    X: Any
    y: Any
    targets: Any
    """y; and where the loss refuses indices in place of probabilities, y clipped to 0 and 1."""
    loss_function: Callable[[Any, Any], Any]
    predictions: Tensor
    loss: float
    nodes: list[Any]
    """What was computed and recorded, each after what it was computed from; activations that were
    written out are single nodes, as those of the library are."""
    gradients: dict[Node, Any]
    """Of the loss, with respect to each node and parameter that it was computed from."""

    def after(self, values: Mapping[Node, Any]) -> Evidence:
        """What the model shows with other values for some parameters.

        A copy of it: threads may be using the model.
        """
        model, optimizer, loss = twins(self.model, self.optimizer, self.loss_function)
        for parameter, its_copy in zip(self.model.parameters(), model.parameters()):
            if parameter in values:
                its_copy._array = values[parameter]
        return observe(model, self.X, self.y, loss, optimizer)

    @cached_property
    def n(self) -> int:
        """How many samples there are."""
        return len(leaves_of(self.X)[0])

    @cached_property
    def names(self) -> dict[Node, str]:
        """Of the parameters."""
        return {parameter: name for name, parameter in self.model.named_parameters()}

    @cached_property
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
        in_model = set(self.in_model)
        return [node for node in self.nodes if node not in in_model]

    @cached_property
    def in_model(self) -> list[Any]:
        """The nodes that the loss function does not add."""
        of_model = set(backward_order(self.predictions))
        return [node for node in self.nodes if node in of_model]

    @cached_property
    def layers(self) -> dict[Node, str]:
        """The layer of each node: that of the parameter which it was computed with last."""
        names, layers = layer_names(self.model), dict[Node, str]()
        for node in self.nodes:
            own = [names[a] for a in inputs(node) if a in names]
            before = [layers[a] for a in inputs(node) if a in layers]
            layers[node] = (own or before or ["the input"])[0]
        return layers

    @cached_property
    def products(self) -> list[Any]:
        """The nodes in which weights, parameters of two axes or more, are applied, in order."""
        weights = {node for node in self.learned_parameters.values() if node.ndim > 1}
        products = []
        for node in self.in_model:
            if not weights.isdisjoint(inputs(node)):
                traits = node.operation.traits
                if reshapes(node):
                    weights.add(node)
                # To pick the rows of an embedding is the product with one-hot rows.
                elif traits.indexes or (traits.product and not traits.elementwise):
                    products.append(node)
        return products

    @cached_property
    def ends_in(self) -> str | None:
        """Which of softmax and sigmoid computed the predictions."""
        traits = traits_of(self.output)
        return traits.link if traits.limits else None

    @cached_property
    def taken_for(self) -> tuple[str, str | None]:
        """What the loss takes the predictions for, and what makes probabilities of such logits.

        As `takes` and `link` of a loss of `nn`; of a function of one's own, by what it computes.
        """
        if isinstance(self.loss_function, Loss):
            return self.loss_function.takes, self.loss_function.link
        nodes = [n for n in self.in_loss if any(source(a) is self.output for a in inputs(n))]
        if links := [*filter(None, (node.operation.traits.link for node in nodes))]:
            return "logits", links[0]
        logarithms = [node for node in nodes if node.operation.traits.logarithm]
        if not logarithms:
            return "values", None
        # One that is given targets too is of a yes and of a no.
        answers = any(len(node.arguments) > 1 for node in logarithms)
        return "probabilities", "sigmoid" if answers else self.ends_in or "softmax"

    @property
    def applied(self) -> str | None:
        """Which of softmax and sigmoid the loss applies to the predictions."""
        return self.taken_for[1] if self.taken_for[0] == "logits" else None

    @property
    def compares_probabilities(self) -> bool:
        """Whether the loss compares probabilities of the predictions with its targets."""
        return self.taken_for[1] is not None

    def loss_of(self, predictions: Any) -> float:
        """The loss that other predictions would have; infinite where it refuses those."""

        def call(rewind: object) -> float:
            try:
                return float(plain(self.loss_function(Tensor(predictions), self.targets)))
            except AutogradError:
                return np.inf

        with no_grad(), np.errstate(all="ignore"):
            return call_left_alone(call, self.loss_function)

    @cached_property
    def has_learned(self) -> bool:
        """Whether the loss is far below that of the best prediction that is one for all samples.

        That is looked for among the mean prediction, the mean target, and equal probabilities.
        """
        shape = self.predictions.shape
        constants = [self.predictions.data.mean(axis=0), 0.0, 1 / max(2, shape[-1])]
        if self.y.shape == shape:
            constants.append(self.y.mean(axis=0))
        losses = []
        for constant in constants:
            row = np.asarray(constant, self.predictions.dtype)
            losses.append(self.loss_of(np.broadcast_to(row, shape).copy()))
        return self.loss < LEARNED * min(filter(np.isfinite, losses), default=np.inf)


def source(value: Any) -> Any:
    """The node that a value was computed in, before it was reshaped, shifted or clipped.

    >>> x = Tensor([0.5], requires_grad=True)
    >>> y = np.tanh(x)
    >>> source(np.clip(y.reshape(1, 1) + 1e-8, 0, 1)) is y
    True
    """
    while isinstance(value, Node) and value.operation is not None:
        traits = value.operation.traits
        bounded = traits.elementwise and (traits.additive or traits.extremum)
        shifted = bounded and np.shape(plain(value.arguments[1])) == ()
        if not (shifted or reshapes(value)):
            return value
        value = value.arguments[0]
    return value


def inputs(node: Any) -> list[Any]:
    """The nodes among a node's arguments."""
    return [argument for argument in node.arguments if isinstance(argument, Node)]


def traits_of(node: Any) -> Traits:
    """What the function is that a node was computed by, if it was."""
    return node.operation.traits if node.operation else NO_TRAITS


def reshapes(node: Any) -> bool:
    """Whether a node has all entries of the one before, in other places."""
    return traits_of(node).moves and not traits_of(node).indexes


def layer_names(model: Module) -> dict[Node, str]:
    """The layer of each parameter: the module that holds it, or its own name.

    Its own name is taken in the outermost module, and in one that holds several weights.
    """
    names: dict[Node, str] = {}
    for prefix, module in model.named_modules():
        own = [(name, item) for name, item in module._members() if isinstance(item, Parameter)]
        several = sum(parameter.ndim > 1 for _, parameter in own) > 1
        for name, parameter in own:
            full_name = f"{prefix}.{name}" if prefix else name
            names.setdefault(parameter, full_name if several or not prefix else prefix)
    return names


def require_learned(model: Module, attempted: str) -> list[Parameter]:
    """The parameters that are learned; an ArgumentError if there are none."""
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not learned:
        reason = "it has no parameter that is learned"
        remedy = "Give a model whose parameters, or some of them, require grad"
        raise ArgumentError(attempted, reason, remedy)
    return learned


def observe(
    model: Module,
    X: Any,
    y: Any,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer | None,
) -> Evidence:
    """Run one pass in training mode, and undo all it does."""
    attempted = f"diagnose of {type(model).__name__} with X {shown(X)}"

    def run(rewind: object) -> Evidence:
        model.train()
        predictions = predicted(model, X, attempted)
        if not isinstance(predictions, Tensor):
            raise several_outputs(attempted, "the predictions", predictions)
        targets = _accepted_targets(loss, predictions, y)
        value = loss(predictions, targets)
        number = as_number(value, attempted)
        gradients: dict[Node, Any] = {}
        nodes: list[Any] = []
        if isinstance(value, Tensor) and value.requires_grad:
            order = backward_order(value)[::-1]
            found = backpropagate(value, seed_of(value))
            again = recorded_again(order, written_out(order, found, {predictions}))
            gradients = {again[node]: cotangent for node, cotangent in found.items()}
            nodes = [n for n in backward_order(again[value])[::-1] if n.operation is not None]
            predictions = again.get(predictions, predictions)
        return Evidence(
            model, optimizer, X, y, targets, loss, predictions, number, nodes, gradients
        )

    # In a context of its own: threads that use the model meanwhile are not switched.
    with whole() as region, evaluation(), enable_grad(), np.errstate(all="ignore"), region.opened():
        return call_left_alone(run, model, loss, X, y)


def predicted(model: Module, X: Any, attempted: str) -> Any:
    """What a model returns, in tensors; a ShapeError if one has no row for each sample."""
    predictions = called(model, X)
    for leaf in leaves_of(predictions) or [predictions]:
        require_rows(leaf, lambda: attempted)
    return map_tree(lambda leaf: leaf if isinstance(leaf, Tensor) else Tensor(leaf), predictions)


def several_outputs(attempted: str, what: str, given: Any) -> UnsupportedError:
    """The error for a model of several outputs, whose loss belongs to none of them alone."""
    return UnsupportedError(
        attempted,
        f"{what} are several, {shown(given)}, and a diagnosis is of one output with its targets",
        "Diagnose a model that returns one of them, with the part of the loss that is its own; "
        "nn.gradient_difference takes all of them",
    )


def as_number(loss: Any, attempted: str) -> float:
    """The value of a loss; an ArgumentError if it is not one number."""
    number = number_in(loss)
    if number is None:
        reason = f"the loss {describe_one(loss)} is not one number"
        remedy = "Give a loss that is reduced to the samples' mean, or their sum"
        raise ArgumentError(attempted, reason, remedy)
    return number


def are_indices(y: Any) -> bool:
    """Whether targets are whole numbers, and not all of them 0 or 1."""
    return bool((y == np.round(y)).all() and (y.min() < 0 or y.max() > 1))


def _accepted_targets(loss: Callable[[Any, Any], Any], predictions: Tensor, y: Any) -> Any:
    """The targets; clipped if the loss refuses indices as no probabilities, but not those."""
    if y.shape != predictions.shape or not are_indices(y):
        return y
    try:
        loss(predictions, y)
    except ArgumentError:
        return np.clip(y, 0, 1)
    return y


# Steps on trial, which the model does not take


def changes(seen: Evidence) -> dict[str, Any]:
    """What a step of the optimizer would add to each parameter; nothing without an optimizer."""
    stepped = _stepped(seen, copy.deepcopy(seen.optimizer))
    return {seen.names[node]: value - node._array for node, value in stepped.items()}


def optimized(seen: Evidence) -> Iterator[Evidence]:
    """What a model shows after each of the optimizer's next steps, while gradients are finite."""
    twin = copy.deepcopy(seen.optimizer)
    for _ in range(STEPS):
        if not (values := _stepped(seen, twin)):
            return
        seen = seen.after(values)  # What is drawn at random is the same in each pass.
        yield seen


def descended(seen: Evidence) -> Iterator[Evidence]:
    """What a model shows after each of some steps of gradient descent, all of one length.

    They move what the optimizer holds, and without one all that is learned.
    """
    for _ in range(STEPS):
        learned = set(seen.learned_parameters.values())
        if seen.optimizer is not None:
            learned &= set(seen.optimizer.parameters)
        gradients = {node: seen.gradients[node] for node in learned if node in seen.gradients}
        largest = (float(np.max(np.abs(slope), initial=0)) for slope in gradients.values())
        steepest = max(largest, default=0.0)
        if not 0 < steepest < np.inf:
            return
        rate = STEP / steepest
        seen = seen.after({node: node._array - rate * g for node, g in gradients.items()})
        yield seen


def _stepped(seen: Evidence, twin: Optimizer | None) -> dict[Node, Any]:
    """The model's parameters after a step of a copy of its optimizer, if gradients are finite."""
    if seen.optimizer is None or twin is None:
        return {}
    pairs = list(zip(seen.optimizer.parameters, twin.parameters))
    for parameter, its_copy in pairs:
        its_copy.grad = seen.gradients.get(parameter)
        if its_copy.grad is not None and not np.isfinite(its_copy.grad).all():
            return {}
    twin.step()
    return {node: its_copy._array for node, its_copy in pairs if node in seen.names}
