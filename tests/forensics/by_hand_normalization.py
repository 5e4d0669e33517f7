"""Batch normalization, and the losses that take the last layer's Z. Samples are rows."""

import numpy as np
from by_hand import affine, relu, relu_slope, sigmoid, softmax, step, tanh_slope
from by_hand_paths import random_arrays, squares_slope
from cases import UNNAMED, make_group
from recorded import named, parameters

import nn
from autograd_lite import binary_cross_entropy, sigmoid_cross_entropy, softmax_cross_entropy
from autograd_lite import relu as relu_of
from autograd_lite import sigmoid as sigmoid_of

EPSILON = 1e-5


def batch_norm(seed=0, layer=False, handed="parameters"):
    """N1 = (Z1 - mean) / sqrt(variance + epsilon), B1 = gamma N1 + beta, A1 = relu(B1).

    Written out, or `layer` of the library.
    """
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(6, 3), Y=(6, 1), W1=(3, 4), b1=4, W2=(4, 1), b2=1)
    v |= {"gamma": rng.uniform(0.5, 1.5, 4), "beta": rng.normal(size=4)}
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["deviation"] = np.sqrt(v["Z1"].var(axis=0) + EPSILON)
    v["N1"] = (v["Z1"] - v["Z1"].mean(axis=0)) / v["deviation"]
    v["B1"] = v["gamma"] * v["N1"] + v["beta"]
    v["A1"] = relu(v["B1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        *affine("W2", "b2", "Z2", "A1"),
        step("B1", lambda v, g: g["A1"] * relu_slope(v["B1"])),
        *scale_and_shift(),
        step("N1", lambda v, g: g["B1"] * v["gamma"]),
        _normalization(),
        *affine("W1", "b1", "Z1", "X")[:2],
    ]
    t = parameters(v, ["W1", "b1", "gamma", "beta", "W2", "b2"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    if layer:
        normalize = nn.BatchNorm1d(4, epsilon=EPSILON)
        normalize.weight.data, normalize.bias.data = v["gamma"], v["beta"]
        t["gamma"], t["beta"] = named(normalize.weight, "gamma"), named(normalize.bias, "beta")
        t["B1"] = named(normalize(t["Z1"]), "B1")
    else:
        mean = named(t["Z1"].mean(axis=0), "mean")
        centered = named(t["Z1"] - mean, "centered")
        variance = named((centered**2).mean(axis=0), "variance")
        t["N1"] = named(centered / np.sqrt(variance + EPSILON), "N1")
        t["B1"] = named(t["gamma"] * t["N1"] + t["beta"], "B1")
    t["A1"] = named(relu_of(t["B1"]), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    title = "nn.BatchNorm1d" if layer else "batch norm"
    names = ["W1", "b1", "gamma", "beta", "W2", "b2"]
    if handed == "all":
        title, names = f"{title}, all handed in", [*names, "Z1", "B1"]
    return make_group(title, steps, v, t, loss, names)


def _normalization():
    found = step("Z1", _normalized, CONSTANT_STATISTICS, (2,))
    # One formula from N1 to Z1, for what the tensors compute in several steps.
    places = frozenset(["Z1", "centered", "mean", "variance", UNNAMED])
    return found._replace(mistakes=tuple(m._replace(places=places) for m in found.mistakes))


def _normalized(v, g):
    d = g["N1"]
    return (d - d.mean(axis=0) - v["N1"] * (d * v["N1"]).mean(axis=0)) / v["deviation"]


CONSTANT_STATISTICS = [
    ("constant statistics", lambda v, g: g["N1"] / v["deviation"]),
    ("constant statistics", lambda v, g: (g["N1"] - g["N1"].mean(axis=0)) / v["deviation"]),
    (
        "constant statistics",
        lambda v, g: (g["N1"] - v["N1"] * (g["N1"] * v["N1"]).mean(axis=0)) / v["deviation"],
    ),
    # With one of the two constant, one path of Z1 is missing.
    ("dropped path", lambda v, g: (g["N1"] - g["N1"].mean(axis=0)) / v["deviation"]),
    (
        "dropped path",
        lambda v, g: (g["N1"] - v["N1"] * (g["N1"] * v["N1"]).mean(axis=0)) / v["deviation"],
    ),
]


def scale_and_shift():
    gamma = step(
        "gamma",
        lambda v, g: (g["B1"] * v["N1"]).sum(axis=0),
        [
            ("wrong axis", lambda v, g: (g["B1"] * v["N1"]).sum(axis=1)),
            ("not summed", lambda v, g: g["B1"] * v["N1"]),
            ("wrong place", lambda v, g: (g["B1"] * v["Z1"]).sum(axis=0)),
        ],
        (1 / 6,),
    )
    beta = step(
        "beta",
        lambda v, g: g["B1"].sum(axis=0),
        [
            ("wrong axis", lambda v, g: g["B1"].sum(axis=1)),
            ("not summed", lambda v, g: g["B1"]),
        ],
        (1 / 6,),
    )
    return [gamma, beta]


# Losses of the last layer's Z or of probabilities, in one row of the table


def two_layers(rng, outputs, m=5):
    v = random_arrays(rng, X=(m, 3), W1=(3, 4), b1=4, W2=(4, outputs), b2=outputs)
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = np.tanh(v["Z1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    return v, t


def rest():
    return [
        *affine("W2", "b2", "Z2", "A1"),
        step("Z1", lambda v, g: g["A1"] * tanh_slope(v["Z1"])),
        *affine("W1", "b1", "Z1", "X")[:2],
    ]


def softmax_with_loss(seed=0, m=5):
    """softmax_cross_entropy(Z2, labels): dZ2 = (P - Y) / m."""
    rng = np.random.default_rng(seed)
    v, t = two_layers(rng, 3)
    labels = rng.integers(3, size=m)
    v["Y"] = np.eye(3)[labels]
    v["P"] = softmax(v["Z2"], axis=1)
    first = step(
        "Z2",
        lambda v, g: (v["P"] - v["Y"]) / m,
        [
            ("derivative twice", lambda v, g: (v["P"] - v["Y"]) / m * v["P"] * (1 - v["P"])),
            ("softmax cross terms", lambda v, g: -v["Y"] * (1 - v["P"]) / m),
            ("another loss", lambda v, g: (sigmoid(v["Z2"]) - v["Y"]) / m),
            ("another loss", lambda v, g: (sigmoid(v["Z2"]) - v["Y"]) / v["Y"].size),
            ("another loss", lambda v, g: (v["Z2"] - v["Y"]) / m),
        ],
        (m, 1 / m, 2),
    )
    loss = softmax_cross_entropy(t["Z2"], labels)
    names = ["W1", "b1", "W2", "b2"]
    return make_group("softmax_cross_entropy", [first, *rest()], v, t, loss, names)


def sigmoid_with_loss(seed=0, m=5):
    """sigmoid_cross_entropy(Z2, Y): dZ2 = (A2 - Y) / m."""
    rng = np.random.default_rng(seed)
    v, t = two_layers(rng, 1)
    v["Y"] = rng.integers(0, 2, (m, 1)).astype(float)
    v["A2"] = sigmoid(v["Z2"])
    first = step(
        "Z2",
        lambda v, g: (v["A2"] - v["Y"]) / m,
        [
            ("derivative twice", lambda v, g: (v["A2"] - v["Y"]) / m * v["A2"] * (1 - v["A2"])),
            ("another loss", lambda v, g: (v["A2"] - v["Y"]) / m * v["A2"] * (1 - v["A2"])),
            ("another loss", lambda v, g: (v["Z2"] - v["Y"]) / m),
            ("another loss", lambda v, g: 2 * (v["Z2"] - v["Y"]) / m),
        ],
        (m, 1 / m, 2),
    )
    loss = sigmoid_cross_entropy(t["Z2"], v["Y"])
    names = ["W1", "b1", "W2", "b2"]
    return make_group("sigmoid_cross_entropy", [first, *rest()], v, t, loss, names)


def cross_entropy_of_probabilities(seed=0, m=5, handed="parameters"):
    """binary_cross_entropy(A2, Y): dA2 = (A2 - Y) / (A2 (1 - A2)) / m."""
    rng = np.random.default_rng(seed)
    v, t = two_layers(rng, 1)
    v["Y"] = rng.integers(0, 2, (m, 1)).astype(float)
    v["A2"] = sigmoid(v["Z2"])
    t["A2"] = named(sigmoid_of(t["Z2"]), "A2")
    steps = [
        step(
            "A2",
            lambda v, g: (v["A2"] - v["Y"]) / (v["A2"] * (1 - v["A2"])) / m,
            [
                ("another loss", lambda v, g: (v["A2"] - v["Y"]) / m),
                ("another loss", lambda v, g: 2 * (v["A2"] - v["Y"]) / m),
            ],
            (m, 1 / m, 2),
        ),
        step(
            "Z2",
            lambda v, g: g["A2"] * v["A2"] * (1 - v["A2"]),
            [
                ("derivative forgotten", lambda v, g: g["A2"]),
                ("derivative twice", lambda v, g: g["A2"] * (v["A2"] * (1 - v["A2"])) ** 2),
            ],
        ),
    ]
    loss = binary_cross_entropy(t["A2"], v["Y"])
    names = ["W1", "b1", "W2", "b2", *(["A2"] if handed == "all" else [])]
    title = "binary_cross_entropy" + (", dA2 handed in" if handed == "all" else "")
    return make_group(title, [*steps, *rest()], v, t, loss, names)


def groups(seed=0):
    return [
        batch_norm(seed),
        batch_norm(seed, layer=True),
        batch_norm(seed, layer=True, handed="all"),
        softmax_with_loss(seed),
        sigmoid_with_loss(seed),
        cross_entropy_of_probabilities(seed),
        cross_entropy_of_probabilities(seed, handed="all"),
    ]
