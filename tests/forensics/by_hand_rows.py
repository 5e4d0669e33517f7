"""Attention, layers that normalize rows, classes: sums over rows, and rows that are left out."""

import numpy as np
from by_hand import affine, softmax, step
from by_hand_formulas import with_places
from by_hand_paths import random_arrays, squares_slope
from cases import make_group
from recorded import named, parameters

from autograd_lite import softmax as softmax_of
from autograd_lite import softmax_cross_entropy


def attention(seed=0):
    """A1 = softmax(S1), S1 = Q1 K1ᵀ / sqrt(d), Z2 = A1 V1, with Q1, K1 and V1 products of X."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(5, 3), Y=(5, 4), Wq=(3, 4), Wk=(3, 4), Wv=(3, 4))
    for letter in "QKV":
        v[f"{letter}1"] = v["X"] @ v[f"W{letter.lower()}"]
    v["S1"] = v["Q1"] @ v["K1"].T / 2
    v["A1"] = softmax(v["S1"], axis=1)
    v["Z2"] = v["A1"] @ v["V1"]

    def weighted(v, g):
        return (g["A1"] * v["A1"]).sum(axis=1, keepdims=True)

    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step(
            "V1", lambda v, g: v["A1"].T @ g["Z2"], [("transposed", lambda v, g: v["A1"] @ g["Z2"])]
        ),
        step("A1", lambda v, g: g["Z2"] @ v["V1"].T),
        step(
            "S1",
            lambda v, g: v["A1"] * (g["A1"] - weighted(v, g)),
            [
                ("softmax cross terms", lambda v, g: v["A1"] * g["A1"]),
                ("softmax cross terms", lambda v, g: v["A1"] * (1 - v["A1"]) * g["A1"]),
                ("softmax cross terms", lambda v, g: v["A1"] * (g["A1"] + weighted(v, g))),
                (
                    "softmax cross terms",
                    lambda v, g: v["A1"] * (g["A1"] - g["A1"].sum(1, keepdims=True)),
                ),
                ("softmax cross terms", lambda v, g: v["A1"] * g["A1"] - weighted(v, g)),
                ("wrong axis", lambda v, g: v["A1"] * (g["A1"] - (g["A1"] * v["A1"]).sum(0))),
                ("wrong axis", lambda v, g: v["A1"] * (g["A1"] - (g["A1"] * v["A1"]).sum())),
                ("derivative forgotten", lambda v, g: g["A1"]),
            ],
        ),
        step(
            "Q1",
            lambda v, g: g["S1"] @ v["K1"] / 2,
            [("transposed", lambda v, g: g["S1"].T @ v["K1"] / 2)],
        ),
        step(
            "K1",
            lambda v, g: g["S1"].T @ v["Q1"] / 2,
            [("transposed", lambda v, g: g["S1"] @ v["Q1"] / 2)],
        ),
        *(step(f"W{c.lower()}", lambda v, g, c=c: v["X"].T @ g[f"{c}1"]) for c in "QKV"),
    ]
    steps = [with_places(each, ["unnamed"]) for each in steps]
    t = parameters(v, ["Wq", "Wk", "Wv"])
    t |= {f"{c}1": named(v["X"] @ t[f"W{c.lower()}"], f"{c}1") for c in "QKV"}
    t["S1"] = named(t["Q1"] @ t["K1"].T / 2, "S1")
    t["A1"] = named(softmax_of(t["S1"], axis=1), "A1")
    t["Z2"] = named(t["A1"] @ t["V1"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("attention", steps, v, t, loss, ["Wq", "Wk", "Wv"])


NORMALIZED = {
    "layer norm": (
        lambda z, m: (z - m(z)) / (m((z - m(z)) ** 2) + 1e-5) ** 0.5,
        lambda z: np.sqrt(z.var(axis=1, keepdims=True) + 1e-5),
        1,
    ),
    "root mean square": (
        lambda z, m: z / (m(z**2) + 1e-5) ** 0.5,
        lambda z: np.sqrt((z**2).mean(axis=1, keepdims=True) + 1e-5),
        0,
    ),
}


def normalized_rows(title, seed=0, square=True):
    """N1 = Z1 normalized by rows, as many samples as features or not."""
    rng = np.random.default_rng(seed)
    samples = 5 if square else 7
    v = random_arrays(rng, X=(samples, 3), Y=(samples, 5), W1=(3, 5), gamma=5)
    function, deviation, centred = NORMALIZED[title]
    v["Z1"] = v["X"] @ v["W1"]
    v["N1"] = function(v["Z1"], lambda z: z.mean(axis=1, keepdims=True))
    v["Z2"] = v["gamma"] * v["N1"]

    def formula(axis, mean=np.mean, own=True):
        def of(v, g):
            d, n = g["N1"], v["N1"]
            along = n * mean(d * n, axis=axis, keepdims=True)
            return (d - centred * mean(d, axis=axis, keepdims=True) - along) / deviation(v["Z1"])

        return of

    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step("gamma", lambda v, g: (g["Z2"] * v["N1"]).sum(axis=0)),
        step(
            "N1",
            lambda v, g: g["Z2"] * v["gamma"],
            [("derivative forgotten", lambda v, g: g["Z2"])],
        ),
        step(
            "Z1",
            formula(1),
            [
                ("wrong axis", formula(0)),
                ("wrong axis", formula(None)),
                ("constant statistics", formula(1, np.sum)),
                ("constant statistics", lambda v, g: g["N1"] / deviation(v["Z1"])),
                ("derivative forgotten", lambda v, g: g["N1"]),
            ],
        ),
        step("W1", lambda v, g: v["X"].T @ g["Z1"]),
    ]
    steps[3] = with_places(steps[3], ["unnamed"])
    t = parameters(v, ["W1", "gamma"])
    t["Z1"] = named(v["X"] @ t["W1"], "Z1")
    t["N1"] = named(function(t["Z1"], lambda z: z.mean(axis=1, keepdims=True)), "N1")
    t["Z2"] = named(t["gamma"] * t["N1"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group(f"{title}, {samples} samples", steps, v, t, loss, ["W1", "gamma"])


def classified(seed=0, written=True, samples=6):
    """Cross-entropy of softmax(Z2) with labels, picked by an index or in one function."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(samples, 3), W1=(3, 4), b1=4, W2=(4, 3), b2=3)
    labels = rng.permutation(np.arange(samples) % 3)
    if np.array_equal(labels, np.roll(labels, 1)):
        labels[0] = (labels[0] + 1) % 3
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = np.tanh(v["Z1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
    m = samples

    def error(labels, axis=1):
        return lambda v, g: (softmax(v["Z2"], axis=axis) - np.eye(3)[labels]) / m

    def some(kept):
        mask = np.zeros((m, 1))
        mask[kept] = 1
        return lambda v, g: error(labels)(v, g) * mask

    steps = [
        step(
            "Z2",
            error(labels),
            [
                ("labels", error((labels + 1) % 3)),
                ("labels", error((labels - 1) % 3)),
                ("labels", error(np.roll(labels, 1))),
                ("labels", error(np.roll(labels, -1))),
                ("wrong axis", error(labels, axis=0)),
                ("entries left out", some(-1)),
                ("entries left out", some(0)),
                ("entries left out", some(slice(0, -1))),
                ("entries left out", some(slice(1, None))),
            ],
        ),
        step(
            "W2",
            lambda v, g: v["A1"].T @ g["Z2"],
            [
                ("entries left out", lambda v, g: np.outer(v["A1"][-1], g["Z2"][-1])),
                ("entries left out", lambda v, g: v["A1"][:-1].T @ g["Z2"][:-1]),
                ("misplaced", lambda v, g: np.roll(v["A1"].T @ g["Z2"], 1, axis=1)),
            ],
        ),
        step(
            "b2",
            lambda v, g: g["Z2"].sum(axis=0),
            [
                ("wrong axis", lambda v, g: np.full(3, (g["Z2"] * v["Z2"] / v["Z2"]).sum())),
                ("entries left out", lambda v, g: g["Z2"][-1]),
            ],
        ),
        affine("W2", "b2", "Z2", "A1")[2],
        step("Z1", lambda v, g: g["A1"] * (1 - v["A1"] ** 2)),
        step(
            "W1",
            lambda v, g: v["X"].T @ g["Z1"],
            [("cotangent lost", lambda v, g: v["X"].T @ np.ones_like(g["Z1"]))],
        ),
        step(
            "b1",
            lambda v, g: g["Z1"].sum(axis=0),
            [
                ("wrong axis", lambda v, g: np.full(4, g["Z1"].sum())),
                ("wrong axis", lambda v, g: np.full(4, g["Z1"].mean())),
            ],
        ),
    ]
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    if written:
        loss = -np.log(softmax_of(t["Z2"], axis=1)[np.arange(m), labels]).mean()
        steps[0] = with_places(steps[0], ["unnamed"])
    else:
        loss = softmax_cross_entropy(t["Z2"], labels)
    title = "classes" if written else "classes, one function"
    return make_group(title, steps, v, t, loss, ["W1", "b1", "W2", "b2"])


def groups(seed=0):
    return [
        attention(seed),
        *(normalized_rows(title, seed, square) for title in NORMALIZED for square in (True, False)),
        classified(seed),
        classified(seed, written=False),
    ]
