"""Values that are used more than once: residual connections, shared weights, penalties; dropout.

Samples are rows. Each function returns a group: the derivation by hand, the same computation with
tensors, and the mistakes.
"""

import numpy as np
from by_hand import Slip, affine, relu, relu_slope, sigmoid, step, tanh_slope
from cases import make_group
from recorded import named, parameters

from autograd_lite import dropout
from autograd_lite import relu as relu_of
from autograd_lite import sigmoid as sigmoid_of


def random_arrays(rng, **shapes):
    return {name: rng.normal(0.0, 0.8, shape) for name, shape in shapes.items()}


def squares_slope(v, P):
    return 2 * (v[P] - v["Y"]) / v["Y"].size


def residual(seed=0):
    """Z3 = (A1 + A2) W3 + b3, where A2 comes from A1: A1 is used twice."""
    rng = np.random.default_rng(seed)
    shapes = {"X": (5, 3), "Y": (5, 2), "W1": (3, 4), "b1": 4, "W2": (4, 4), "b2": 4}
    v = random_arrays(rng, **shapes, W3=(4, 2), b3=2)
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = np.tanh(v["Z1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
    v["A2"] = relu(v["Z2"])
    v["H"] = v["A1"] + v["A2"]
    v["Z3"] = v["H"] @ v["W3"] + v["b3"]
    through, around = (lambda v, g: g["Z2"] @ v["W2"].T), (lambda v, g: g["H"])
    weights, bias, _ = affine("W2", "b2", "Z2", "A1")
    steps = [
        step("Z3", lambda v, g: squares_slope(v, "Z3"), [], (2, 0.5)),
        *affine("W3", "b3", "Z3", "H"),
        step("A2", lambda v, g: g["H"]),
        step("Z2", lambda v, g: g["A2"] * relu_slope(v["Z2"])),
        weights,
        bias,
        step(
            "A1",
            lambda v, g: g["H"] + g["Z2"] @ v["W2"].T,
            [("dropped path", through), ("dropped path", around)],
        ),
        step("Z1", lambda v, g: g["A1"] * tanh_slope(v["Z1"])),
        *affine("W1", "b1", "Z1", "X")[:2],
    ]
    t = parameters(v, ["W1", "b1", "W2", "b2", "W3", "b3"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    t["A2"] = named(relu_of(t["Z2"]), "A2")
    t["H"] = named(t["A1"] + t["A2"], "H")
    t["Z3"] = named(t["H"] @ t["W3"] + t["b3"], "Z3")
    loss = ((t["Z3"] - v["Y"]) ** 2).mean()
    return make_group("residual connection", steps, v, t, loss, ["W1", "b1", "W2", "b2", "W3"])


def recurrent(seed=0):
    """A(t) = tanh(X(t) W1 + A(t-1) W2 + b1), three times over with the same weights."""
    rng = np.random.default_rng(seed)
    shapes = {"X1": (5, 3), "X2": (5, 3), "X3": (5, 3), "Y": (5, 1)}
    v = random_arrays(rng, **shapes, W1=(3, 4), W2=(4, 4), b1=4, W3=(4, 1), A0=(5, 4))
    for t in (1, 2, 3):
        v[f"Z{t}"] = v[f"X{t}"] @ v["W1"] + v[f"A{t - 1}"] @ v["W2"] + v["b1"]
        v[f"A{t}"] = np.tanh(v[f"Z{t}"])
    v["Z4"] = v["A3"] @ v["W3"]

    def over(times, term):
        return lambda v, g: sum(term(v, g, t) for t in times)

    def step_over_time(place, term):
        missing = [("dropped path", over(times, term)) for times in ((1, 2), (1, 3), (2, 3))]
        return step(place, over((1, 2, 3), term), missing)

    steps = [
        step("Z4", lambda v, g: squares_slope(v, "Z4")),
        step("W3", lambda v, g: v["A3"].T @ g["Z4"]),
        step("A3", lambda v, g: g["Z4"] @ v["W3"].T),
        step("Z3", lambda v, g: g["A3"] * tanh_slope(v["Z3"])),
        step("A2", lambda v, g: g["Z3"] @ v["W2"].T),
        step("Z2", lambda v, g: g["A2"] * tanh_slope(v["Z2"])),
        step("A1", lambda v, g: g["Z2"] @ v["W2"].T),
        step("Z1", lambda v, g: g["A1"] * tanh_slope(v["Z1"])),
        step_over_time("W1", lambda v, g, t: v[f"X{t}"].T @ g[f"Z{t}"]),
        step_over_time("W2", lambda v, g, t: v[f"A{t - 1}"].T @ g[f"Z{t}"]),
        step_over_time("b1", lambda v, g, t: g[f"Z{t}"].sum(axis=0)),
    ]
    tensors = parameters(v, ["W1", "W2", "b1", "W3"])
    A = v["A0"]
    for t in (1, 2, 3):
        Z = named(v[f"X{t}"] @ tensors["W1"] + A @ tensors["W2"] + tensors["b1"], f"Z{t}")
        A = named(np.tanh(Z), f"A{t}")
        tensors |= {f"Z{t}": Z, f"A{t}": A}
    tensors["Z4"] = named(A @ tensors["W3"], "Z4")
    loss = ((tensors["Z4"] - v["Y"]) ** 2).mean()
    return make_group("shared weights", steps, v, tensors, loss, ["W1", "W2", "b1", "W3"])


def penalized(seed=0, strength=0.3, m=5):
    """Cross-entropy of a sigmoid network, and strength/(2m) times the squares of its weights."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(m, 3), W1=(3, 4), b1=4, W2=(4, 1), b2=1)
    v["Y"] = rng.integers(0, 2, (m, 1)).astype(float)
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = np.tanh(v["Z1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
    v["A2"] = sigmoid(v["Z2"])

    def weights(W, A, Z):
        def with_strength(strength):
            return lambda v, g: v[A].T @ g[Z] / m + strength * v[W]

        others = (strength, strength / (2 * m), 2 * strength / m, 2 * strength)
        mistakes = [("penalty", with_strength(other)) for other in others]
        mistakes += [("penalty", with_strength(0)), ("dropped path", with_strength(0))]
        mistakes.append(("dropped path", lambda v, g: strength / m * v[W]))
        return step(W, with_strength(strength / m), mistakes, (2,))

    def bias(b, Z):
        return step(
            b,
            lambda v, g: g[Z].sum(axis=0) / m,
            [("penalty", lambda v, g: g[Z].sum(axis=0) / m + strength / m * v[b])],
        )

    steps = [
        step("Z2", lambda v, g: v["A2"] - v["Y"]),
        weights("W2", "A1", "Z2"),
        bias("b2", "Z2"),
        step("A1", lambda v, g: g["Z2"] @ v["W2"].T),
        step("Z1", lambda v, g: g["A1"] * tanh_slope(v["Z1"])),
        weights("W1", "X", "Z1"),
        bias("b1", "Z1"),
    ]
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    t["A2"] = named(sigmoid_of(t["Z2"]), "A2")
    Y, A2 = v["Y"], t["A2"]
    cost = -(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)).sum() / m
    loss = cost + strength / (2 * m) * ((t["W1"] ** 2).sum() + (t["W2"] ** 2).sum())

    def in_all_weights(right, names):
        for added in (strength - strength / m, -strength / (2 * m), -strength / m, strength / m):
            yield Slip("penalty", frozenset(["W1", "W2"]), _adding(added, v))

    names = ["W1", "b1", "W2", "b2"]
    return make_group("L2 penalty", steps, v, t, loss, names, in_all_weights)


def _adding(strength, v):
    return lambda g: g | {W: g[W] + strength * v[W] for W in ("W1", "W2")}


def dropped_out(seed=0, as_function=True, handed="parameters"):
    """Inverted dropout of A1 with a given mask: D1 = A1 * mask / keep."""
    rng = np.random.default_rng(seed)
    keep = 0.8
    v = random_arrays(rng, X=(5, 3), Y=(5, 1), W1=(3, 4), b1=4, W2=(4, 1), b2=1)
    mask = rng.random((5, 4)) < 0.6
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = np.tanh(v["Z1"])
    v["D1"] = v["A1"] * mask / keep
    v["Z2"] = v["D1"] @ v["W2"] + v["b2"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        *affine("W2", "b2", "Z2", "D1")[:2],
        step("D1", lambda v, g: g["Z2"] @ v["W2"].T, [], (keep, 2)),
        step(
            "A1",
            lambda v, g: g["D1"] * mask / keep,
            [
                ("dropout", lambda v, g: g["D1"] / keep),
                ("dropout", lambda v, g: g["D1"] * mask),
                ("dropout", lambda v, g: g["D1"]),
                ("derivative forgotten", lambda v, g: g["D1"]),
            ],
            (keep, 2),
        ),
        step(
            "Z1",
            lambda v, g: g["A1"] * tanh_slope(v["Z1"]),
            [("derivative forgotten", lambda v, g: g["A1"])],
        ),
        *affine("W1", "b1", "Z1", "X")[:2],
    ]
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    A1 = t["A1"]
    t["D1"] = named(dropout(A1, mask, 1 - keep) if as_function else A1 * mask / keep, "D1")
    t["Z2"] = named(t["D1"] @ t["W2"] + t["b2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    title = "dropout" if as_function else "dropout, A * mask / keep"
    names = ["W1", "b1", "W2", "b2"]
    if handed == "all":
        title, names = f"{title}, all handed in", [*names, "A1", "Z1"]
    return make_group(title, steps, v, t, loss, names)


def groups(seed=0):
    return [
        residual(seed),
        recurrent(seed),
        penalized(seed),
        dropped_out(seed),
        dropped_out(seed, as_function=False),
        dropped_out(seed, handed="all"),
    ]
