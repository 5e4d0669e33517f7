"""Mistakes on one of several ways: of two that lead on, of parts of an array, of two parameters.

The derivations are written from the first line to the last, each with the mistake in it.
"""

import numpy as np
from by_hand import sigmoid
from by_hand_paths import random_arrays
from by_hand_uses import group
from recorded import named, parameters

from autograd_lite import sigmoid as sigmoid_of


def of_centred(v, mistake=""):
    """The gradients of ((Z - mean(Z)) / s1 - Y)² with Z = X W1."""
    Z = v["X"] @ v["W1"]
    C = Z - Z.mean(axis=0)
    d_out = 2 * (C / v["s1"] - v["Y"])
    d_centred = d_out / v["s1"]
    direct = d_out if mistake == "direct" else d_centred
    through_mean = d_out if mistake == "mean" else d_centred
    dZ = direct - through_mean.mean(axis=0)
    return {"W1": v["X"].T @ dZ, "s1": -(d_out * C / v["s1"] ** 2).sum(axis=0)}


def centred(seed=0):
    """What is divided by s1 afterwards goes two ways back: directly, and through the mean."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(6, 3), Y=(6, 4), W1=(3, 4))
    v["s1"] = rng.uniform(0.5, 2, size=4)
    t = parameters(v, ["W1", "s1"])
    Z = named(v["X"] @ t["W1"], "Z1")
    loss = (((Z - Z.mean(axis=0)) / t["s1"] - v["Y"]) ** 2).sum()
    mistakes = [("one path", ["Z1"], of_centred(v, way)) for way in ("direct", "mean")]
    return group("two ways back", v, t, loss, of_centred(v), mistakes)


def gates(seed=0):
    """sigmoid(Z[:, :2]) tanh(Z[:, 2:]) with Z = X W1 + b1, whose parts are exchanged."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(5, 3), Y=(5, 2), W1=(3, 4), b1=4)
    t = parameters(v, ["W1", "b1"])
    Z = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    loss = ((sigmoid_of(Z[:, :2]) * np.tanh(Z[:, 2:]) - v["Y"]) ** 2).sum()
    gate, value = sigmoid(Z.data[:, :2]), np.tanh(Z.data[:, 2:])
    d_out = 2 * (gate * value - v["Y"])
    parts = [d_out * value * gate * (1 - gate), d_out * gate * (1 - value**2)]

    def gradients(parts):
        dZ = np.concatenate(parts, axis=1)
        return {"W1": v["X"].T @ dZ, "b1": dZ.sum(axis=0)}

    mistakes = [("misplaced", ["Z1"], gradients(parts[::-1]))]
    return group("gates", v, t, loss, gradients(parts), mistakes)


def own_formulas(seed=0):
    """((a1 x + b1)³ - y)², derived by a1 with a mistake that is not made for b1."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, x=9, y=9) | {"a1": np.array(0.7), "b1": np.array(0.3)}
    t = parameters(v, ["a1", "b1"])
    u = v["x"] * v["a1"] + v["b1"]
    loss = (((t["a1"] * v["x"] + t["b1"]) ** 3 - v["y"]) ** 2).sum()
    d_cube = 2 * (u**3 - v["y"])
    right = {"a1": (d_cube * 3 * u**2 * v["x"]).sum(), "b1": (d_cube * 3 * u**2).sum()}
    other = right | {"a1": (d_cube * 3 * u**3 * v["x"]).sum()}
    return group("two formulas", v, t, loss, right, [("wrong formula", ["a1"], other)])


def reversed_targets(seed=0):
    """Least squares, where the derivation takes the targets from the last to the first."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(7, 3), y=7, w1=3)
    t = parameters(v, ["w1"])
    loss = ((v["X"] @ t["w1"] - v["y"]) ** 2).sum()

    def gradients(targets):
        return {"w1": 2 * v["X"].T @ (v["X"] @ v["w1"] - targets)}

    mistakes = [("labels", ["w1"], gradients(v["y"][::-1]))]
    return group("targets", v, t, loss, gradients(v["y"]), mistakes)


def groups(seed=0):
    return [centred(seed), gates(seed), own_formulas(seed), reversed_targets(seed)]
