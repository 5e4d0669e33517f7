"""A mistake that tutorials on XOR invite, found by comparing gradients.

A network 2-2-1 of sigmoids without biases learns XOR by gradient descent on ½ Σ (a2 - y)². The
helper x (1 - x) is the derivative of a sigmoid when x is the sigmoid's *output*. Here the hidden
layer hands it the sigmoid's *input* z1: dW1 is wrong from the first step while dW2 is right, and
the training ends in NaN.
"""

import numpy as np

from autograd_lite import Tensor, compare_gradients, sigmoid

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])
LEARNING_RATE = 0.1
STEPS = 10_000


def initial_weights():
    generator = np.random.RandomState(42)
    return generator.uniform(size=(2, 2)), generator.uniform(size=(2, 1))


def forward(W1, W2):
    """Works on arrays and on tensors."""
    z1 = X @ W1
    a1 = sigmoid(z1)
    a2 = sigmoid(a1 @ W2)
    return z1, a1, a2


def sigmoid_slope(output):
    return output * (1 - output)


def gradients_by_hand(W1, W2, mistaken):
    z1, a1, a2 = forward(W1, W2)
    delta2 = (a2 - Y) * sigmoid_slope(a2)
    delta1 = (delta2 @ W2.T) * sigmoid_slope(z1 if mistaken else a1)
    return X.T @ delta1, a1.T @ delta2


def train(mistaken):
    """The outputs for the four inputs after training with one of the derivations."""
    W1, W2 = initial_weights()
    # The mistaken training diverges: its numbers overflow on the way.
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            dW1, dW2 = gradients_by_hand(W1, W2, mistaken)
            W1 -= LEARNING_RATE * dW1
            W2 -= LEARNING_RATE * dW2
        return forward(W1, W2)[-1].ravel()


def main():
    W1, W2 = (
        Tensor(weight, requires_grad=True, name=name)
        for weight, name in zip(initial_weights(), ("W1", "W2"), strict=True)
    )
    loss = ((forward(W1, W2)[-1] - Y) ** 2).sum() / 2
    for mistaken in (True, False):
        dW1, dW2 = gradients_by_hand(W1.data, W2.data, mistaken)
        print(f"delta1 from {'z1, the mistake' if mistaken else 'a1, as it should be'}:")
        print(compare_gradients(loss, {W1: dW1, W2: dW2}))
        print(f"XOR after {STEPS} steps: {train(mistaken).round(3)}, wanted {Y.ravel()}\n")


if __name__ == "__main__":
    main()
