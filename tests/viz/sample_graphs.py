"""The graphs that several tests draw; run as a script it writes their DOT to the golden files."""

from pathlib import Path

import numpy as np

from autograd_lite import Tensor, affine, relu, sigmoid_cross_entropy
from viz import Graph, graph

GOLDEN = Path(__file__).parent / "golden"

HOSTILE_NAMES = [
    r"back\slash \N \G \n",
    "<b>bold</b>",
    "<<TABLE>>",
    "{record|fields}",
    "\"double\" 'single'",
    "&amp; &#65; &",
    "-->",
    "ünïcode θ 日本",
    "   ",
    "\\",
]


def small_network() -> tuple[Tensor, dict[str, object]]:
    """The loss of a 2-3-1 network on the four points of XOR, and names for its arrays."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    W1 = Tensor([[1.0, -0.5, 0.25], [0.5, 2.0, -1.0]], requires_grad=True)
    b1 = Tensor([0.5, -0.25, 0.125], requires_grad=True)
    W2 = Tensor([[1.0], [-2.0], [0.5]], requires_grad=True)
    b2 = Tensor([0.25], requires_grad=True)
    loss = sigmoid_cross_entropy(affine(relu(affine(X, W1, b1)), W2, b2), y)
    return loss, {"X": X, "y": y, "W1": W1, "b1": b1, "W2": W2, "b2": b2, "loss": loss}


def trained_network() -> Graph:
    """The small network after backward()."""
    loss, names = small_network()
    loss.backward()
    return graph(loss, names)


def hostile_names() -> Graph:
    """A stack of scalars whose names try to break out of their labels."""
    scalars = [Tensor(0.5, requires_grad=True, name=name) for name in HOSTILE_NAMES]
    total = np.stack(scalars).sum(axis=0)
    total.name = "a|b\\N{c}<d>"
    return graph(total)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / "trained_network.dot").write_text(trained_network().dot, encoding="utf-8")
    (GOLDEN / "hostile_names.dot").write_text(hostile_names().dot, encoding="utf-8")
