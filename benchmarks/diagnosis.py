"""The time of `compare_gradients`: naming a mistake, and finding none.

The network has 4 layers. All hand-derived gradients are wrong because of one mistake in the first
step backward; or two gradients each have a mistake of their own; or nothing explains them, which
is when everything has been tried. Right gradients are compared with what a user would write
instead: one backward pass, and np.allclose for each gradient.

Run it: python benchmarks/diagnosis.py
"""

from __future__ import annotations

from itertools import pairwise

from timing import interleaved, print_table, verdict  # isort: split

import numpy as np

from autograd_lite import Tensor, compare_gradients, relu, sigmoid

SIZES = (2, 32, 16, 8, 1)
BATCH = 32
ROUNDS = 5
SECONDS = 0.5
"""Aimed at for a diagnosis of the network with all gradients wrong."""
RATIO = 1.5
"""Aimed at for right gradients, to a backward pass and np.allclose."""


def network(seed=0):
    """The loss, and the tensors by name."""
    rng = np.random.default_rng(seed)
    tensors = {}
    X = rng.normal(size=(BATCH, SIZES[0]))
    Y = rng.integers(0, 2, (BATCH, SIZES[-1])).astype(float)
    A = X
    for layer, (n_in, n_out) in enumerate(pairwise(SIZES), 1):
        W = rng.normal(size=(n_in, n_out)) * np.sqrt(2 / n_in)
        W = Tensor(W, requires_grad=True, name=f"W{layer}")
        b = Tensor(np.full(n_out, 0.1), requires_grad=True, name=f"b{layer}")
        Z = A @ W + b
        Z.name = f"Z{layer}"
        A = sigmoid(Z) if layer == len(SIZES) - 1 else relu(Z)
        A.name = f"A{layer}"
        tensors |= {tensor.name: tensor for tensor in (W, b, Z, A)}
    loss = -(Y * np.log(A) + (1 - Y) * np.log(1 - A)).sum() / BATCH
    return loss, tensors, X, Y


def by_hand(tensors, X, Y, output_slope_again=False):
    """The gradients of weights and biases; with the mistake, all of them are wrong."""
    gradients = {}
    values = {name: tensor.data for name, tensor in tensors.items()}
    last = len(SIZES) - 1
    dZ = (values[f"A{last}"] - Y) / BATCH
    if output_slope_again:
        dZ = dZ * values[f"A{last}"] * (1 - values[f"A{last}"])
    for layer in range(last, 0, -1):
        before = values[f"A{layer - 1}"] if layer > 1 else X
        gradients[f"W{layer}"] = before.T @ dZ
        gradients[f"b{layer}"] = dZ.sum(axis=0)
        if layer > 1:
            dZ = dZ @ values[f"W{layer}"].T * (values[f"Z{layer - 1}"] > 0)
    return gradients


def all_of(change, gradients):
    return {name: change(gradient) for name, gradient in gradients.items()}


def main() -> None:
    """Check what is found, time, print."""
    loss, tensors, X, Y = network()
    rng = np.random.default_rng(1)
    right = by_hand(tensors, X, Y)
    mistaken = by_hand(tensors, X, Y, output_slope_again=True)
    two = right | {"W2": -right["W2"], "b4": right["b4"] * BATCH}
    chaos = all_of(lambda gradient: rng.normal(size=gradient.shape), right)

    def compared(gradients):
        manual = {tensors[name]: gradient for name, gradient in gradients.items()}
        return lambda: compare_gradients(loss, manual)

    def allclose():
        for tensor in tensors.values():
            tensor.zero_grad()
        loss.backward()
        assert all(np.allclose(tensors[name].grad, right[name]) for name in right)

    contenders = {
        "one mistake, all gradients wrong": compared(mistaken),
        "two mistakes": compared(two),
        "random numbers": compared(chaos),
        "right gradients": compared(right),
        "backward and np.allclose": allclose,
    }
    reports = {name: contenders[name]() for name in list(contenders)[:4]}
    assert [bool(report) for report in reports.values()] == [False, False, False, True]
    found = [[len(e.mistakes) for e in report.explanations[:1]] for report in reports.values()]
    assert found == [[1], [2], [], []], found

    seconds = interleaved(contenders, ROUNDS)
    cheap = {name: contenders[name] for name in ("right gradients", "backward and np.allclose")}
    seconds |= interleaved(cheap, ROUNDS, block=200)
    print_table(
        ("network " + str(list(SIZES)), "milliseconds"),
        [(name, f"{1000 * time:.2f}") for name, time in seconds.items()],
    )
    slowest = max(seconds[name] for name in list(contenders)[:3])
    print(f"\nslowest diagnosis, seconds: {verdict(slowest, SECONDS)}")
    ratio = seconds["right gradients"] / seconds["backward and np.allclose"]
    print(f"right gradients, to backward and np.allclose: {verdict(ratio, RATIO)}")


if __name__ == "__main__":
    main()
