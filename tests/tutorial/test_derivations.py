"""The tutorial's networks, derived in text and as NumPy source."""

import re

import numpy as np
import seed_b_by_hand

import nn
from autograd_lite import Tensor, derive, relu, sigmoid, softmax
from autograd_lite.engine import backward_order
from autograd_lite.textbook.lines import lines_of
from autograd_lite.textbook.source import source_of

LENGTHS = 5, 8


def parameters(*shapes, seed=0):
    """Weights and biases that are not 0."""
    rng = np.random.default_rng(seed)
    return [Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]


def a3_two_layers(m, rng):
    X, Y = rng.normal(size=(2, m)), rng.integers(2, size=(1, m)).astype(float)
    W1, b1, W2, b2 = parameters((4, 2), (4, 1), (1, 4), (1, 1))
    A2 = sigmoid(W2 @ relu(W1 @ X + b1) + b2)
    loss = -(Y * np.log(A2 + 1e-8) + (1 - Y) * np.log(1 - A2 + 1e-8)).sum() / m
    return loss, locals()


def a5_any_depth(m, rng):
    X, Y = rng.normal(size=(2, m)), rng.integers(2, size=(1, m)).astype(float)
    weights = parameters((7, 2), (6, 7), (1, 6))
    A = X
    for W in weights[:-1]:
        A = relu(W @ A)
    AL = sigmoid(weights[-1] @ A)
    loss = -(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)).mean()
    return loss, locals()


def a11_penalty(m, rng):
    X, Y, strength = rng.normal(size=(2, m)), rng.integers(2, size=(1, m)).astype(float), 0.7
    W1, W2 = parameters((4, 2), (1, 4))
    AL = sigmoid(W2 @ relu(W1 @ X))
    cost = -(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)).sum() / m
    loss = cost + strength / (2 * m) * ((W1**2).sum() + (W2**2).sum())
    return loss, locals()


def a12_dropout(m, rng):
    X, Y = rng.normal(size=(2, m)), rng.integers(2, size=(1, m)).astype(float)
    mask = (rng.random((4, m)) < 0.8) / 0.8
    W1, W2 = parameters((4, 2), (1, 4))
    AL = sigmoid(W2 @ (relu(W1 @ X) * mask))
    loss = -(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)).mean()
    return loss, locals()


def b1_softmax(m, rng):
    X, y = rng.normal(size=(m, 3)), np.eye(4)[rng.integers(4, size=m)]
    model = seed_b_by_hand.network([3, 6, 4], "tanh")
    loss = nn.CategoricalCrossEntropyLoss()(model(X), y)
    return loss, {"X": X, "y": y}


def b5_worked_example(m, rng):
    X, y = rng.normal(size=(m, 2)), rng.random((m, 1))
    W1, b1, W2, b2 = parameters((2, 3), (3,), (3, 1), (1,))
    a2 = sigmoid(sigmoid(X @ W1 + b1) @ W2 + b2)
    loss = -(y * np.log(a2) + (1 - y) * np.log(1 - a2)).mean()
    return loss, locals()


def c6_half_squared_error(m, rng):
    x, y = rng.normal(size=(3, m)), rng.random((2, m))
    W1, b1, W2, b2 = parameters((4, 3), (4, 1), (2, 4), (2, 1))
    a = sigmoid(W2 @ sigmoid(W1 @ x + b1) + b2)
    loss = 0.5 * ((a - y) ** 2).sum() / m
    return loss, locals()


def c11_class_indices(m, rng):
    X, labels = rng.normal(size=(m, 3)), rng.integers(4, size=m)
    W, b = parameters((3, 4), (4,))
    p = softmax(X @ W + b, axis=1)
    loss = -np.log(p[np.arange(m), labels]).mean()
    return loss, locals()


def e6_without_biases(m, rng):
    X, y = rng.normal(size=(m, 2)), rng.random((m, 1))
    W1, W2 = parameters((2, 3), (3, 1))
    a2 = sigmoid(sigmoid(X @ W1) @ W2)
    loss = 0.5 * ((y - a2) ** 2).sum()
    return loss, locals()


NETWORKS = (
    *(a3_two_layers, a5_any_depth, a11_penalty, a12_dropout, b1_softmax, b5_worked_example),
    *(c6_half_squared_error, c11_class_indices, e6_without_biases),
)


def test_the_derivation_of_each_network_has_the_loss_and_its_value():
    for network in NETWORKS:
        loss, _ = network(LENGTHS[0], np.random.default_rng(1))
        forward = str(derive(loss)).split("Backward")[0]
        value = float(re.findall(r"-?\d+\.\d+", forward)[-1])
        assert abs(value - loss.item()) < 1e-5 * abs(loss.item()), f"{network.__name__}: {forward}"


def test_the_source_of_each_network_is_right_for_another_batch_or_says_that_it_is_not():
    of_other_batches = []
    for network in NETWORKS:
        records = []
        for m in LENGTHS:
            loss, variables = network(m, np.random.default_rng(m))
            leaves = [x for x in backward_order(loss) if not x.operation and x.requires_grad]
            loss.backward()
            records.append((lines_of(loss, leaves, variables), leaves))
        source = source_of(records[0][0])
        namespace = {}
        exec(source, namespace)
        says_no = "right for no other number of samples" in source
        of_other_batches += [network] * (not says_no)
        for lines, leaves in records[: 1 if says_no else 2]:
            gradients = namespace["backward"](**lines.inputs)
            for gradient, leaf in zip(gradients, leaves, strict=True):
                largest = 1e-12 * abs(leaf.grad).max()
                np.testing.assert_allclose(
                    gradient, leaf.grad, rtol=0, atol=largest, err_msg=network.__name__
                )
    assert len(of_other_batches) >= 7
