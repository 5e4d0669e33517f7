"""The mistakes that people make in backpropagation, each with the report that names it."""

from __future__ import annotations

import contextlib
import io
from typing import NamedTuple

BINARY = """
rng = np.random.default_rng(0)
X, y = rng.normal(size=(8, 3)), rng.integers(2, size=(8, 1)) * 1.0
W1 = Tensor(rng.normal(size=(3, 4)), requires_grad=True, name="W1")
b1 = Tensor(rng.normal(size=4), requires_grad=True, name="b1")
W2 = Tensor(rng.normal(size=(4, 1)), requires_grad=True, name="W2")
b2 = Tensor(rng.normal(size=1), requires_grad=True, name="b2")
z1 = X @ W1 + b1
a1 = np.tanh(z1)
a2 = sigmoid(a1 @ W2 + b2)
loss = -(y * np.log(a2) + (1 - y) * np.log(1 - a2)).mean()

m, p, h = len(X), a2.data, a1.data
dz2 = (p - y) / m
dW2 = h.T @ dz2
db2 = dz2.sum(axis=0)
dh = dz2 @ W2.data.T
dz1 = dh * (1 - h**2)
dW1 = X.T @ dz1
db1 = dz1.sum(axis=0)
print(compare_gradients(loss, {W1: dW1, b1: db1, W2: dW2, b2: db2}))
"""
CLASSES = """
rng = np.random.default_rng(1)
X, labels = rng.normal(size=(6, 3)), rng.integers(3, size=6)
W1 = Tensor(rng.normal(size=(3, 5)), requires_grad=True, name="W1")
b1 = Tensor(rng.normal(size=5), requires_grad=True, name="b1")
W2 = Tensor(rng.normal(size=(5, 3)), requires_grad=True, name="W2")
z1 = X @ W1 + b1
a1 = relu(z1)
loss = softmax_cross_entropy(a1 @ W2, labels) + 0.01 * (W2**2).sum()

m, h = len(X), a1.data
p = softmax(h @ W2.data)
dz2 = (p - np.eye(3)[labels]) / m
dW2 = h.T @ dz2 + 0.02 * W2.data
dh = dz2 @ W2.data.T
dz1 = dh * (z1.data > 0)
dW1 = X.T @ dz1
db1 = dz1.sum(axis=0)
print(compare_gradients(loss, {W1: dW1, b1: db1, W2: dW2}))
"""
SQUARES = """
rng = np.random.default_rng(2)
X, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
W1 = Tensor(rng.normal(size=(3, 4)), requires_grad=True, name="W1")
W2 = Tensor(rng.normal(size=(4, 2)), requires_grad=True, name="W2")
z1 = X @ W1
a1 = sigmoid(z1)
z2 = a1 @ W2
loss = ((z2 - y) ** 2).mean()

h = a1.data
dz2 = 2 * (z2.data - y) / y.size
dW2 = h.T @ dz2
dh = dz2 @ W2.data.T
dz1 = dh * h * (1 - h)
dW1 = X.T @ dz1
print(compare_gradients(loss, {W1: dW1, W2: dW2}))
"""
RECURRENT = """
rng = np.random.default_rng(3)
xs, y = rng.normal(size=(4, 2)), rng.normal(size=3)
U = Tensor(rng.normal(size=(3, 2)), requires_grad=True, name="U")
V = Tensor(rng.normal(size=(3, 3)), requires_grad=True, name="V")
hs = [np.zeros(3)]
for x in xs:
    hs.append(np.tanh(U @ x + V @ hs[-1]))
loss = ((hs[-1] - y) ** 2).sum() / 2

states = [np.asarray(getattr(h, "data", h)) for h in hs]
dU, dV, dh = np.zeros((3, 2)), np.zeros((3, 3)), states[-1] - y
for t in reversed(range(4)):
    dz = dh * (1 - states[t + 1] ** 2)
    dU += np.outer(dz, xs[t])
    dV += np.outer(dz, states[t])
    dh = V.data.T @ dz
print(compare_gradients(loss, {U: dU, V: dV}))
"""


class Mistake(NamedTuple):
    """A line of a right derivation, and what people write in its place."""

    title: str
    base: str
    right: str
    wrong: str


MISTAKES = [
    Mistake("The mean's 1/m is forgotten", BINARY, "dz2 = (p - y) / m", "dz2 = (p - y)"),
    Mistake("The sign is reversed", BINARY, "dz2 = (p - y) / m", "dz2 = (y - p) / m"),
    Mistake(
        "The sigmoid's slope is used twice",
        BINARY,
        "dz2 = (p - y) / m",
        "dz2 = (p - y) * p * (1 - p) / m",
    ),
    Mistake("1 - a instead of 1 - a²", BINARY, "dz1 = dh * (1 - h**2)", "dz1 = dh * (1 - h)"),
    Mistake("1 + a² instead of 1 - a²", BINARY, "dz1 = dh * (1 - h**2)", "dz1 = dh * (1 + h**2)"),
    Mistake("The activation's slope is forgotten", BINARY, "dz1 = dh * (1 - h**2)", "dz1 = dh"),
    Mistake(
        "The slope of another activation",
        BINARY,
        "dz1 = dh * (1 - h**2)",
        "dz1 = dh * h * (1 - h)",
    ),
    Mistake(
        "The slope at z instead of at the output",
        BINARY,
        "dz1 = dh * (1 - h**2)",
        "dz1 = dh * (1 - z1.data**2)",
    ),
    Mistake(
        "The activation is applied again before its slope",
        BINARY,
        "dz1 = dh * (1 - h**2)",
        "dz1 = dh * (1 - np.tanh(h) ** 2)",
    ),
    Mistake(
        "The mean over samples instead of the sum",
        BINARY,
        "db1 = dz1.sum(axis=0)",
        "db1 = dz1.mean(axis=0)",
    ),
    Mistake(
        "The last sample's bias gradient only", BINARY, "db1 = dz1.sum(axis=0)", "db1 = dz1[-1]"
    ),
    Mistake("1/m twice", BINARY, "dW1 = X.T @ dz1", "dW1 = X.T @ dz1 / m"),
    Mistake(
        "A gradient that was never filled in",
        BINARY,
        "db2 = dz2.sum(axis=0)",
        "db2 = np.zeros(1)",
    ),
    Mistake(
        "The sum over all axes",
        BINARY,
        "db1 = dz1.sum(axis=0)",
        "db1 = np.full(4, dz1.sum())",
    ),
    Mistake(
        "The gradient after the activation instead of before it",
        BINARY,
        "dW1 = X.T @ dz1",
        "dW1 = X.T @ dh",
    ),
    Mistake(
        "The update step instead of the gradient",
        BINARY,
        "dW2 = h.T @ dz2",
        "dW2 = -0.1 * h.T @ dz2",
    ),
    Mistake(
        "The labels are shifted by one",
        CLASSES,
        "dz2 = (p - np.eye(3)[labels]) / m",
        "dz2 = (p - np.eye(3)[np.roll(labels, 1)]) / m",
    ),
    Mistake(
        "Divided by the number of classes instead of samples",
        CLASSES,
        "dz2 = (p - np.eye(3)[labels]) / m",
        "dz2 = (p - np.eye(3)[labels]) / 3",
    ),
    Mistake("ReLU lets everything through", CLASSES, "dz1 = dh * (z1.data > 0)", "dz1 = dh"),
    Mistake(
        "The slope of ReLU, 0 or 1, instead of the gradient",
        CLASSES,
        "dz1 = dh * (z1.data > 0)",
        "dz1 = (z1.data > 0) * 1.0",
    ),
    Mistake(
        "The penalty is forgotten",
        CLASSES,
        "dW2 = h.T @ dz2 + 0.02 * W2.data",
        "dW2 = h.T @ dz2",
    ),
    Mistake(
        "The penalty's factor 2 is forgotten",
        CLASSES,
        "dW2 = h.T @ dz2 + 0.02 * W2.data",
        "dW2 = h.T @ dz2 + 0.01 * W2.data",
    ),
    Mistake(
        "The penalty is subtracted",
        CLASSES,
        "dW2 = h.T @ dz2 + 0.02 * W2.data",
        "dW2 = h.T @ dz2 - 0.02 * W2.data",
    ),
    Mistake(
        "The values before the activation instead of after it",
        CLASSES,
        "dW2 = h.T @ dz2 + 0.02 * W2.data",
        "dW2 = z1.data.T @ dz2 + 0.02 * W2.data",
    ),
    Mistake(
        "The 2 of the square is forgotten",
        SQUARES,
        "dz2 = 2 * (z2.data - y) / y.size",
        "dz2 = (z2.data - y) / y.size",
    ),
    Mistake(
        "The mean over samples instead of over all entries",
        SQUARES,
        "dz2 = 2 * (z2.data - y) / y.size",
        "dz2 = 2 * (z2.data - y) / len(y)",
    ),
    Mistake("a instead of a (1 - a)", SQUARES, "dz1 = dh * h * (1 - h)", "dz1 = dh * h"),
    Mistake(
        "The weights have already been updated",
        SQUARES,
        "dh = dz2 @ W2.data.T",
        "dh = dz2 @ (W2.data - 0.1 * dW2).T",
    ),
    Mistake(
        "No backpropagation through time: the last step only",
        RECURRENT,
        "    dh = V.data.T @ dz",
        "    dh = 0 * dz",
    ),
    Mistake(
        "The weight is not transposed", RECURRENT, "    dh = V.data.T @ dz", "    dh = V.data @ dz"
    ),
    Mistake(
        "The state after the step instead of before it",
        RECURRENT,
        "    dV += np.outer(dz, states[t])",
        "    dV += np.outer(dz, states[t + 1])",
    ),
]
IMPORTS = """import numpy as np
from autograd_lite import Tensor, compare_gradients, relu, sigmoid, softmax, softmax_cross_entropy
"""


def code_of(mistake: Mistake) -> str:
    """The derivation with the mistake in it."""
    if mistake.base.count(mistake.right + "\n") != 1:
        raise ValueError(f"{mistake.title}: {mistake.right!r} is not one line of the derivation")
    return IMPORTS + mistake.base.replace(mistake.right + "\n", mistake.wrong + "\n")


def report_of(code: str) -> str:
    """What a derivation prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "derivation.py", "exec"), {"__name__": "derivation"})
    return printed.getvalue()


def pages() -> dict[str, str]:
    """One page with all of them."""
    parts = [HEAD]
    for title, base in BASES.items():
        parts.append(f"## {title}\n\n```python\n{IMPORTS}{base}```")
        for mistake in (m for m in MISTAKES if m.base is base):
            parts.append(
                f"### {mistake.title}\n\n```python\n{mistake.wrong.strip()}  "
                f"# in place of {mistake.right.strip()}\n```\n\n"
                f"```text\n{report_of(code_of(mistake)).rstrip()}\n```"
            )
    return {"mistakes": "\n\n".join(parts) + "\n"}


BASES = {
    "A network for two classes": BINARY,
    "A network for several classes, with a penalty": CLASSES,
    "A network for regression": SQUARES,
    "A recurrent network": RECURRENT,
}
HEAD = f"""# {len(MISTAKES)} mistakes in backpropagation

Each of these has been made by someone, often by many. Each part begins with a right derivation;
then one line at a time is replaced, followed by the report of `compare_gradients`, word for word.
The reports are computed: the backward pass is replayed with one mistake at a time, and then with
two, until it gives the numbers that were handed in."""
