"""The networks that are derived by hand, computed with named tensors."""

import numpy as np
from by_hand_dense import backward, random_values, slips, trained_once
from cases import Group, make_group

from autograd_lite import Tensor, relu, sigmoid, softmax

FUNCTIONS = {"relu": relu, "sigmoid": sigmoid, "tanh": np.tanh}


def parameters(values, names):
    return {name: Tensor(values[name], requires_grad=True, name=name) for name in names}


def named(tensor, name):
    tensor.name = name
    return tensor


def dense(network, values):
    """The tensors by name, and the loss."""
    tensors = parameters(values, network.parameters)
    A = values["A0"]
    for layer in range(1, network.depth + 1):
        W = tensors[f"W{layer}"]
        Z = W @ A if network.samples == "columns" else A @ W
        if network.biases:
            Z = Z + tensors[f"b{layer}"]
        kind = network.activation(layer)
        A = softmax(Z, axis=network.feature_axis) if kind == "softmax" else FUNCTIONS[kind](Z)
        tensors[f"Z{layer}"] = named(Z, f"Z{layer}")
        tensors[f"A{layer}"] = named(A, f"A{layer}")
    return tensors, named(loss_of(network, A, values["Y"], values["m"]), "loss")


def loss_of(network, A, Y, m):
    e = network.epsilon
    if network.loss == "cross-entropy":
        return -(Y * np.log(A + e) + (1 - Y) * np.log(1 - A + e)).sum() / m
    if network.loss == "categorical":
        return -(Y * np.log(A + e)).sum() / m
    if network.loss == "squares":
        return ((A - Y) ** 2).mean()
    total = 0.5 * ((A - Y) ** 2).sum()
    return total if network.mean == "nowhere" else total / m


def dense_group(network, m, dtype=np.float64) -> Group:
    """A dense network with all that can be mistaken in it."""
    values, previous = trained_once(network, random_values(network, m, 0, dtype))
    tensors, loss = dense(network, values)
    title = f"{network.title} {list(network.sizes)} {network.hidden}, {m} samples"
    return make_group(
        title,
        backward(network, m),
        values,
        tensors,
        loss,
        names=network.parameters if network.handed == "parameters" else None,
        slips=lambda right, names: slips(
            network, {name: previous[name] for name in names}, right, names
        ),
    )
