"""Kinks and branches: ReLU and maxima at ties, np.where; arrays that change shape. Rows."""

import numpy as np
from by_hand import affine, relu, step, tanh_slope
from by_hand_paths import random_arrays, squares_slope
from cases import make_group
from recorded import named, parameters

from autograd_lite import relu as relu_of


def relu_at_zero(seed=0, function=relu_of, title="relu at 0"):
    """A1 = relu(Z1) where some of Z1 are exactly 0: inputs of 0, no bias."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(5, 3), Y=(5, 1), W1=(3, 4), W2=(4, 1), b2=1)
    v["X"][1] = 0
    v["b1"] = np.array([0.0, 0.0, 0.3, -0.3])
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = relu(v["Z1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        *affine("W2", "b2", "Z2", "A1"),
        step("Z1", lambda v, g: g["A1"] * (v["Z1"] > 0)),
        *affine("W1", "b1", "Z1", "X")[:2],
    ]
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(function(t["Z1"]), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group(title, steps, v, t, loss, ["W1", "b1", "W2", "b2"])


def largest_of_equals(seed=0):
    """M1 = the largest of each row of Z1, some of them equal: they share the gradient."""
    rng = np.random.default_rng(seed)
    v = {"X": rng.integers(-2, 3, (5, 2)).astype(float), "W1": np.array([[1.0, 1, 2], [2, 1, 1]])}
    v |= random_arrays(rng, Y=(5, 1), W2=(1, 1))
    v["X"][:3] = [[1, 1], [2, 2], [0, 1]]
    v["Z1"] = v["X"] @ v["W1"]
    v["M1"] = v["Z1"].max(axis=1, keepdims=True)
    v["Z2"] = v["M1"] @ v["W2"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step("W2", lambda v, g: v["M1"].T @ g["Z2"]),
        step("M1", lambda v, g: g["Z2"] @ v["W2"].T),
        step(
            "Z1",
            lambda v, g: g["M1"] * _winners(v) / _winners(v).sum(axis=1, keepdims=True),
            [("ties", lambda v, g: g["M1"] * _winners(v))],
        ),
        step("W1", lambda v, g: v["X"].T @ g["Z1"]),
    ]
    t = parameters(v, ["W1", "W2"])
    t["Z1"] = named(v["X"] @ t["W1"], "Z1")
    t["M1"] = named(t["Z1"].max(axis=1, keepdims=True), "M1")
    t["Z2"] = named(t["M1"] @ t["W2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("max of equals", steps, v, t, loss, ["W1", "W2"])


def _winners(v):
    return v["Z1"] == v["M1"]


def leaky_by_where(seed=0):
    """A1 = np.where(Z1 > 0, Z1, 0.1 Z1)."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(5, 3), Y=(5, 1), W1=(3, 4), b1=4, W2=(4, 1), b2=1)
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = np.where(v["Z1"] > 0, v["Z1"], 0.1 * v["Z1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        *affine("W2", "b2", "Z2", "A1"),
        step(
            "Z1",
            lambda v, g: g["A1"] * np.where(v["Z1"] > 0, 1, 0.1),
            [
                ("branches", lambda v, g: g["A1"] * np.where(v["Z1"] > 0, 0.1, 1)),
                ("dropped path", lambda v, g: g["A1"] * (v["Z1"] > 0)),
                ("dropped path", lambda v, g: g["A1"] * np.where(v["Z1"] > 0, 0, 0.1)),
            ],
        ),
        *affine("W1", "b1", "Z1", "X")[:2],
    ]
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    Z1 = t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(np.where(v["Z1"] > 0, Z1, 0.1 * Z1), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("where", steps, v, t, loss, ["W1", "b1", "W2", "b2"])


def flattened_images(seed=0, handed="parameters"):
    """F1 = the pixels of I1 = X * s in one row each, Z1 = F1 W1 + b1, A1 = tanh(Z1)."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(5, 2, 3), Y=(5, 1), s=(2, 3), W1=(6, 4), b1=4, W2=(4, 1), b2=1)
    v["I1"] = v["X"] * v["s"]
    v["F1"] = v["I1"].reshape(5, 6)
    v["Z1"] = v["F1"] @ v["W1"] + v["b1"]
    v["A1"] = np.tanh(v["Z1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        *affine("W2", "b2", "Z2", "A1"),
        step("Z1", lambda v, g: g["A1"] * tanh_slope(v["Z1"])),
        *affine("W1", "b1", "Z1", "F1"),
        step(
            "I1",
            lambda v, g: g["F1"].reshape(5, 2, 3),
            [
                ("reshaped", lambda v, g: g["F1"].reshape((5, 2, 3), order="F")),
                ("reshaped", lambda v, g: g["F1"].reshape(5, 3, 2).transpose(0, 2, 1)),
            ],
        ),
        step(
            "s",
            lambda v, g: (g["I1"] * v["X"]).sum(axis=0),
            [("not summed", lambda v, g: g["I1"] * v["X"])],
            (1 / 5,),
        ),
    ]
    t = parameters(v, ["s", "W1", "b1", "W2", "b2"])
    t["I1"] = named(v["X"] * t["s"], "I1")
    t["F1"] = named(t["I1"].reshape(5, 6), "F1")
    t["Z1"] = named(t["F1"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    names = ["s", "W1", "b1", "W2", "b2", *(["I1", "F1"] if handed == "all" else [])]
    title = "flattened images" + (", dI1 handed in" if handed == "all" else "")
    return make_group(title, steps, v, t, loss, names)


def averaged_features(seed=0):
    """M1 = the mean over the 4 features of A1 = tanh(Z1)."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(5, 3), Y=(5, 1), W1=(3, 4), b1=4, W2=(1, 1))
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = np.tanh(v["Z1"])
    v["M1"] = v["A1"].mean(axis=1, keepdims=True)
    v["Z2"] = v["M1"] @ v["W2"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step("W2", lambda v, g: v["M1"].T @ g["Z2"]),
        step("M1", lambda v, g: g["Z2"] @ v["W2"].T),
        step(
            "A1",
            lambda v, g: np.repeat(g["M1"], 4, axis=1) / 4,
            [("derivative forgotten", lambda v, g: np.repeat(g["M1"], 4, axis=1))],
            (4, 1 / 4, 4 / 5),
        ),
        step("Z1", lambda v, g: g["A1"] * tanh_slope(v["Z1"])),
        *affine("W1", "b1", "Z1", "X")[:2],
    ]
    t = parameters(v, ["W1", "b1", "W2"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["M1"] = named(t["A1"].mean(axis=1, keepdims=True), "M1")
    t["Z2"] = named(t["M1"] @ t["W2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("mean over features", steps, v, t, loss, ["W1", "b1", "W2"])


def groups(seed=0):
    return [
        relu_at_zero(seed),
        largest_of_equals(seed),
        leaky_by_where(seed),
        flattened_images(seed),
        flattened_images(seed, handed="all"),
        averaged_features(seed),
    ]
