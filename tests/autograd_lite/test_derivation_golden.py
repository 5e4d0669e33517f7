"""The generated source and the derivation of the tutorial's networks, as golden files.

They are to read like the tutorial's own derivation. Run as a script, this writes them anew.
"""

from pathlib import Path

import numpy as np
from generated import function_of
from looping import looped

from autograd_lite import Tensor, derive, relu, sigmoid, to_source

GOLDEN = Path(__file__).parent / "golden"
EPSILON = 1e-8


def parameter(name, *shape):
    rng = np.random.default_rng(sum(shape))
    return Tensor(rng.normal(size=shape), requires_grad=True, name=name)


def blobs(n_samples):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, n_samples)), rng.integers(0, 2, (1, n_samples)).astype(float)


def cross_entropy(A, Y):
    terms = Y * np.log(A + EPSILON) + (1 - Y) * np.log(1 - A + EPSILON)
    return -terms.sum() / Y.shape[1]


def a3():
    """Two layers, samples in columns, cross-entropy with an epsilon in its logarithms."""
    X, Y = blobs(1000)
    W1, b1 = parameter("W1", 4, 2), parameter("b1", 4, 1)
    W2, b2 = parameter("W2", 1, 4), parameter("b2", 1, 1)
    Z1 = W1 @ X + b1
    A1 = relu(Z1)
    Z2 = W2 @ A1 + b2
    A2 = sigmoid(Z2)
    cost = cross_entropy(A2, Y)
    return to_source(cost), derive(cost), cost, {"X": X, "Y": Y}, [W1, b1, W2, b2]


def a5():
    """A network of any depth, its layers computed in a loop."""
    X, Y = blobs(1000)
    sizes = [2, 16, 8, 1]
    parameters = []
    AL = X
    for layer in range(1, len(sizes)):
        W = parameter(f"W{layer}", sizes[layer], sizes[layer - 1])
        b = parameter(f"b{layer}", sizes[layer], 1)
        AL = (relu if layer < 3 else sigmoid)(W @ AL + b)
        parameters += [W, b]
    cost = cross_entropy(AL, Y)
    del W, b
    return to_source(cost), derive(cost), cost, {"X": X, "Y": Y}, parameters


def c5():
    """One sample, sigmoid twice, half the squared error, with the tutorial's numbers."""
    x, y = np.array([[1.0], [2.0]]), np.array([[0.5]])
    W1 = Tensor([[0.5, -0.3], [0.8, 0.2], [-0.1, 0.9]], requires_grad=True)
    b1 = Tensor([[0.1], [0.2], [-0.1]], requires_grad=True)
    W2 = Tensor([[-0.2, 0.4, 0.6]], requires_grad=True)
    b2 = Tensor([[0.3]], requires_grad=True)
    loss = 0.5 * ((sigmoid(W2 @ sigmoid(W1 @ x + b1) + b2) - y) ** 2).sum()
    return to_source(loss), derive(loss), loss, {"x": x, "y": y}, [W1, b1, W2, b2]


def texts(network):
    source, derivation, *_ = network()
    return {
        f"{network.__name__}.py.txt": source,
        f"{network.__name__}.txt": f"{derivation}\n",
        f"{network.__name__}.md": f"{derivation.markdown()}\n",
    }


@looped("network", [a3, a5, c5])
def test_source_and_derivation_are_those_of_the_golden_files(network):
    for name, text in texts(network).items():
        assert text == (GOLDEN / name).read_text(encoding="utf-8"), name


@looped("network", [a3, a5, c5])
def test_the_golden_source_computes_the_gradients(network):
    source, _, loss, data, parameters = network()
    loss.backward()
    arrays = [*data.values(), *(tensor.data for tensor in parameters)]
    for gradient, tensor in zip(function_of(source)(*arrays), parameters, strict=True):
        largest = np.abs(tensor.grad).max()
        np.testing.assert_allclose(gradient, tensor.grad, rtol=0, atol=1e-14 * largest)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in (a3, a5, c5):
        for name, text in texts(each).items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
