"""Embeddings, pooling, convolutions; a column of ones, square weights."""

import numpy as np
from by_hand import sigmoid, step
from by_hand_formulas import with_places
from by_hand_paths import random_arrays, squares_slope
from cases import make_group
from recorded import named, parameters

from autograd_lite import sigmoid as sigmoid_of


def embedding(seed=0):
    """E1 = W1[tokens] with tokens that repeat, in a row and beyond it; Z2 = E1 in one row @ W2."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, Y=(4, 2), W1=(5, 2), W2=(6, 2))
    tokens = np.array([[1, 1, 0], [0, 2, 3], [2, 2, 4], [1, 0, 1]])
    v["E1"] = v["W1"][tokens]
    v["F1"] = v["E1"].reshape(4, 6)
    v["Z2"] = v["F1"] @ v["W2"]

    def assigned(v, g):
        total = np.zeros((5, 2))
        total[tokens] = g["E1"]
        return total

    def row_by_row(v, g):
        total = np.zeros((5, 2))
        for indices, values in zip(tokens, g["E1"], strict=True):
            total[indices] += values
        return total

    def scattered(tokens):
        def formula(v, g):
            total = np.zeros((5, 2))
            np.add.at(total, tokens, g["E1"])
            return total

        return formula

    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step("W2", lambda v, g: v["F1"].T @ g["Z2"]),
        step("F1", lambda v, g: g["Z2"] @ v["W2"].T),
        step("E1", lambda v, g: g["F1"].reshape(4, 3, 2)),
        step(
            "W1",
            scattered(tokens),
            [
                ("repeated index", assigned),
                ("repeated index", row_by_row),
                ("misplaced", scattered((tokens + 1) % 5)),
                ("misplaced", scattered((tokens - 1) % 5)),
            ],
        ),
    ]
    t = parameters(v, ["W1", "W2"])
    t["E1"] = named(t["W1"][tokens], "E1")
    t["F1"] = named(t["E1"].reshape(4, 6), "F1")
    t["Z2"] = named(t["F1"] @ t["W2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("embedding", steps, v, t, loss, ["W1", "W2"])


def max_pooling(seed=0):
    """P2 = the largest of each of 3 x 3 windows of 2 x 2 of A1 = tanh(X W1), 6 x 6."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(6, 5), Y=(3, 3), W1=(5, 6))
    v["Z1"] = v["X"] @ v["W1"]
    v["A1"] = np.tanh(v["Z1"])
    windows = v["A1"].reshape(3, 2, 3, 2)
    v["P2"] = windows.max(axis=(1, 3))
    largest = (windows == v["P2"][:, None, :, None]).reshape(6, 6)
    smallest = (windows == windows.min(axis=(1, 3), keepdims=True)).reshape(6, 6)

    def grown(values):
        return values.repeat(2, axis=0).repeat(2, axis=1)

    def only(kept):
        mask = np.zeros((3, 3))
        mask[kept] = 1
        return lambda v, g: grown(g["P2"] * mask) * largest

    steps = [
        step("P2", lambda v, g: squares_slope(v, "P2")),
        step(
            "A1",
            lambda v, g: grown(g["P2"]) * largest,
            [
                ("wrong formula", lambda v, g: grown(g["P2"]) / 4),
                ("derivative forgotten", lambda v, g: grown(g["P2"])),
                ("branches", lambda v, g: grown(g["P2"]) * smallest),
                ("wrong formula", lambda v, g: grown(g["P2"]) * largest * v["A1"]),
                ("cotangent lost", lambda v, g: 1.0 * largest),
                ("entries left out", only((0, 0))),
                ("entries left out", only((-1, -1))),
                ("entries left out", only(0)),
                ("entries left out", only(slice(0, 2))),
            ],
        ),
        step("Z1", lambda v, g: g["A1"] * (1 - v["A1"] ** 2)),
        step("W1", lambda v, g: v["X"].T @ g["Z1"]),
    ]
    steps[1] = with_places(steps[1], ["unnamed"])
    t = parameters(v, ["W1"])
    t["Z1"] = named(v["X"] @ t["W1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["P2"] = named(t["A1"].reshape(3, 2, 3, 2).max(axis=(1, 3)), "P2")
    loss = ((t["P2"] - v["Y"]) ** 2).mean()
    return make_group("max pooling", steps, v, t, loss, ["W1"])


def correlated(a, k):
    rows, columns = a.shape[0] - k.shape[0] + 1, a.shape[1] - k.shape[1] + 1
    return sum(
        k[i, j] * a[i : i + rows, j : j + columns]
        for i in range(k.shape[0])
        for j in range(k.shape[1])
    )


def convolution(seed=0):
    """Z2 = A1 correlated with the kernel W2, A1 = tanh(Z1), Z1 = X correlated with W1."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(6, 6), Y=(3, 3), W1=(2, 2), W2=(3, 3))
    v["Z1"] = correlated(v["X"], v["W1"])
    v["A1"] = np.tanh(v["Z1"])
    v["Z2"] = correlated(v["A1"], v["W2"])

    def back(turn):
        return lambda v, g: correlated(np.pad(g["Z2"], 2), turn(v["W2"]))

    def overwritten(v, g):
        total = np.zeros((5, 5))
        for i in range(3):
            for j in range(3):
                total[i : i + 3, j : j + 3] = g["Z2"][i, j] * v["W2"]
        return total

    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step("W2", lambda v, g: correlated(v["A1"], g["Z2"])),
        step(
            "A1",
            back(lambda k: k[::-1, ::-1]),
            [
                ("kernel", back(lambda k: k)),
                ("kernel", back(np.rot90)),
                ("kernel", back(lambda k: np.rot90(k, 3))),
                ("kernel", back(lambda k: k[::-1])),
                ("kernel", back(lambda k: k[:, ::-1])),
                ("kernel", back(lambda k: k[::-1, ::-1].T)),
                ("repeated index", overwritten),
            ],
        ),
        step("Z1", lambda v, g: g["A1"] * (1 - v["A1"] ** 2)),
        step("W1", lambda v, g: correlated(v["X"], g["Z1"])),
    ]
    steps[2] = with_places(steps[2], ["unnamed"])
    t = parameters(v, ["W1", "W2"])
    t["Z1"] = named(correlated(v["X"], t["W1"]), "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["Z2"] = named(correlated(t["A1"], t["W2"]), "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("convolution", steps, v, t, loss, ["W1", "W2"])


def windows_of_signals(seed=0):
    """Z2 = windows of A1 = tanh(X W1) by an index, times the kernel W2."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(3, 4), Y=(3, 5), W1=(4, 7), W2=3)
    index = np.arange(5)[:, None] + np.arange(3)
    v["Z1"] = v["X"] @ v["W1"]
    v["A1"] = np.tanh(v["Z1"])
    v["C1"] = v["A1"][:, index]
    v["Z2"] = v["C1"] @ v["W2"]

    def gathered(v, g):
        total = np.zeros((3, 7))
        np.add.at(total, (slice(None), index), g["C1"])
        return total

    def assigned(v, g):
        total = np.zeros((3, 7))
        total[:, index] = g["C1"]
        return total

    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step("W2", lambda v, g: np.einsum("sp,spk->k", g["Z2"], v["C1"])),
        step(
            "C1",
            lambda v, g: g["Z2"][..., None] * v["W2"],
            [("kernel", lambda v, g: g["Z2"][..., None] * v["W2"][::-1])],
        ),
        step("A1", gathered, [("repeated index", assigned)]),
        step("Z1", lambda v, g: g["A1"] * (1 - v["A1"] ** 2)),
        step("W1", lambda v, g: v["X"].T @ g["Z1"]),
    ]
    t = parameters(v, ["W1", "W2"])
    t["Z1"] = named(v["X"] @ t["W1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["C1"] = named(t["A1"][:, index], "C1")
    t["Z2"] = named(t["C1"] @ t["W2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("windows of signals", steps, v, t, loss, ["W1", "W2"])


def column_of_ones(seed=0, samples=6):
    """The bias of layer 2 is the first row of W2: A1 has a column of ones before H1."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(samples, 3), Y=(samples, 2), W1=(3, 4), W2=(5, 2))
    v["Z1"] = v["X"] @ v["W1"]
    v["H1"] = sigmoid(v["Z1"])
    v["A1"] = np.concatenate([np.ones((samples, 1)), v["H1"]], axis=1)
    v["Z2"] = v["A1"] @ v["W2"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step("W2", lambda v, g: v["A1"].T @ g["Z2"]),
        step("A1", lambda v, g: g["Z2"] @ v["W2"].T),
        step("H1", lambda v, g: g["A1"][:, 1:], [("misplaced", lambda v, g: g["A1"][:, :-1])]),
        step(
            "Z1",
            lambda v, g: g["H1"] * v["H1"] * (1 - v["H1"]),
            [("derivative forgotten", lambda v, g: g["H1"])],
        ),
        step("W1", lambda v, g: v["X"].T @ g["Z1"]),
    ]
    t = parameters(v, ["W1", "W2"])
    t["Z1"] = named(v["X"] @ t["W1"], "Z1")
    t["H1"] = named(sigmoid_of(t["Z1"]), "H1")
    t["A1"] = named(np.concatenate([np.ones((samples, 1)), t["H1"]], axis=1), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("column of ones", steps, v, t, loss, ["W1", "W2"])


def square_weights(seed=0, samples=6):
    """Z3 = A2 W3 with square W2 and W3: an inverse fits where a transpose belongs."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(samples, 3), Y=(samples, 3), W1=(3, 3), W2=(3, 3), b2=3)
    v["Z1"] = v["X"] @ v["W1"]
    v["A1"] = np.tanh(v["Z1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
    v["A2"] = sigmoid(v["Z2"])
    delta = lambda v, g: g["A2"] * v["A2"] * (1 - v["A2"])
    steps = [
        step("A2", lambda v, g: squares_slope(v, "A2")),
        step("Z2", delta),
        step(
            "W2",
            lambda v, g: v["A1"].T @ g["Z2"],
            [("derivative forgotten", lambda v, g: v["A1"].T @ g["A2"])],
        ),
        step(
            "b2",
            lambda v, g: g["Z2"].sum(axis=0),
            [("derivative forgotten", lambda v, g: g["A2"].sum(axis=0))],
        ),
        step(
            "A1",
            lambda v, g: g["Z2"] @ v["W2"].T,
            [
                ("transposed", lambda v, g: g["Z2"] @ np.linalg.inv(v["W2"])),
                ("transposed", lambda v, g: g["Z2"] @ v["W2"]),
                ("derivative forgotten", lambda v, g: g["A2"] @ v["W2"].T),
            ],
        ),
        step("Z1", lambda v, g: g["A1"] * (1 - v["A1"] ** 2)),
        step("W1", lambda v, g: v["X"].T @ g["Z1"]),
    ]
    steps = [
        with_places(each, ["Z2"]) if each.place in ("W2", "b2", "A1") else each for each in steps
    ]
    t = parameters(v, ["W1", "W2", "b2"])
    t["Z1"] = named(v["X"] @ t["W1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    t["A2"] = named(sigmoid_of(t["Z2"]), "A2")
    loss = ((t["A2"] - v["Y"]) ** 2).mean()
    return make_group("square weights", steps, v, t, loss, ["W1", "W2", "b2"])


def groups(seed=0):
    return [
        embedding(seed),
        max_pooling(seed),
        convolution(seed),
        windows_of_signals(seed),
        column_of_ones(seed),
        square_weights(seed),
    ]
