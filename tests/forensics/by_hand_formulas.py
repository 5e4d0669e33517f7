"""Networks with one function of each sort, and the formulas that are taken for its derivative."""

import math

import numpy as np
from by_hand import affine, relu_slope, sigmoid, sigmoid_slope, step
from by_hand_paths import random_arrays, squares_slope
from cases import make_group
from recorded import named, parameters

from autograd_lite import elu, gelu, leaky_relu, softplus, swish
from autograd_lite import relu as relu_of
from autograd_lite import sigmoid as sigmoid_of


def normal_cdf(z):
    return np.vectorize(lambda x: (1 + math.erf(x / math.sqrt(2))) / 2)(z)


def normal_density(z):
    return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def sigmoid_gelu_slope(z):
    s = sigmoid(1.702 * z)
    return s + 1.702 * z * s * (1 - s)


def tanh_gelu_slope(z):
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z / 2 * (1 - t**2) * c * (1 + 3 * 0.044715 * z**2)


def elu_of(z):
    return np.where(z > 0, z, np.expm1(z))


# The function with tensors, by hand, its slope at z and a; slopes that people write instead.
FUNCTIONS = {
    "sigmoid": (
        sigmoid_of,
        sigmoid,
        lambda z, a: a * (1 - a),
        [
            lambda z, a: a,
            lambda z, a: 1 - a,
            lambda z, a: a**2,
            lambda z, a: sigmoid(a),
            lambda z, a: 1 / (a * (1 - a)),
        ],
    ),
    "tanh": (
        np.tanh,
        np.tanh,
        lambda z, a: 1 - a**2,
        [
            lambda z, a: 1 + a**2,
            lambda z, a: -(a**2),
            lambda z, a: a**2,
            lambda z, a: 1 - a,
            lambda z, a: 1 / (1 - a**2),
            lambda z, a: a,
            lambda z, a: 1 / np.cosh(z),
        ],
    ),
    "relu": (relu_of, lambda z: np.maximum(z, 0), lambda z, a: relu_slope(z), [lambda z, a: a]),
    "leaky relu": (
        lambda z: leaky_relu(z, 0.3),
        lambda z: np.where(z > 0, z, 0.3 * z),
        lambda z, a: np.where(z > 0, 1, 0.3),
        [lambda z, a: np.where(z > 0, 1, 0.01), lambda z, a: np.where(z > 0, 1, 0.3 * z)],
    ),
    "elu": (
        elu,
        elu_of,
        lambda z, a: np.where(z > 0, 1, np.exp(z)),
        [lambda z, a: np.where(z > 0, 1, a)],
    ),
    "softplus": (
        softplus,
        lambda z: np.log1p(np.exp(z)),
        lambda z, a: sigmoid(z),
        [lambda z, a: a, lambda z, a: np.exp(z), lambda z, a: sigmoid(-z)],
    ),
    "swish": (
        swish,
        lambda z: z * sigmoid(z),
        lambda z, a: sigmoid(z) + z * sigmoid_slope(z),
        [
            lambda z, a: sigmoid(z),
            lambda z, a: z * sigmoid_slope(z),
            lambda z, a: sigmoid_slope(z),
        ],
    ),
    "gelu": (
        gelu,
        lambda z: z * normal_cdf(z),
        lambda z, a: normal_cdf(z) + z * normal_density(z),
        [
            lambda z, a: sigmoid_gelu_slope(z),
            lambda z, a: tanh_gelu_slope(z),
            lambda z, a: normal_cdf(z),
            lambda z, a: z * normal_density(z),
        ],
    ),
    "exp": (np.exp, np.exp, lambda z, a: a, [lambda z, a: z * np.exp(z - 1)]),
    "square": (np.square, np.square, lambda z, a: 2 * z, [lambda z, a: a, lambda z, a: 2 * a]),
    "cube": (
        lambda z: z**3,
        lambda z: z**3,
        lambda z, a: 3 * z**2,
        [lambda z, a: 3 * a, lambda z, a: a, lambda z, a: 3 * z],
    ),
    "absolute": (
        np.abs,
        np.abs,
        lambda z, a: np.sign(z),
        [lambda z, a: a, lambda z, a: z],
    ),
    "sine": (np.sin, np.sin, lambda z, a: np.cos(z), [lambda z, a: a]),
    "cosine": (np.cos, np.cos, lambda z, a: -np.sin(z), [lambda z, a: a]),
    "arctan": (
        np.arctan,
        np.arctan,
        lambda z, a: 1 / (1 + z**2),
        [lambda z, a: 1 / (1 + z), lambda z, a: 1 / (1 - z**2)],
    ),
    "root": (
        lambda z: np.sqrt(z * z + 1),
        lambda z: np.sqrt(z * z + 1),
        lambda z, a: z / a,
        [lambda z, a: z * a, lambda z, a: z / a**2],
    ),
    "logarithm": (
        lambda z: np.log(z * z + 1),
        lambda z: np.log(z * z + 1),
        lambda z, a: 2 * z / (z * z + 1),
        [lambda z, a: 2 * z * a, lambda z, a: 2 * z / (z * z + 1) ** 2],
    ),
}


def function_of(name, seed=0, samples=6):
    """A1 = f(Z1), with the derivative of f in other formulas, and without what arrives."""
    rng = np.random.default_rng(seed)
    of_tensors, of_arrays, slope, wrong = FUNCTIONS[name]
    v = random_arrays(rng, X=(samples, 3), Y=(samples, 2), W1=(3, 4), b1=4, W2=(4, 2), b2=2)
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = of_arrays(v["Z1"])
    v["Z2"] = v["A1"] @ v["W2"] + v["b2"]

    def with_slope(slope):
        return lambda v, g: g["A1"] * slope(v["Z1"], v["A1"])

    mistakes = [("wrong formula", with_slope(other)) for other in wrong]
    mistakes += [
        ("derivative forgotten", lambda v, g: g["A1"]),
        ("cotangent lost", lambda v, g: slope(v["Z1"], v["A1"])),
    ]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        *affine("W2", "b2", "Z2", "A1"),
        with_places(step("Z1", with_slope(slope), mistakes), ["unnamed"]),
        *affine("W1", "b1", "Z1", "X")[:2],
    ]
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(of_tensors(t["Z1"]), "A1")
    t["Z2"] = named(t["A1"] @ t["W2"] + t["b2"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group(f"function {name}", steps, v, t, loss, ["W1", "b1", "W2", "b2"])


def with_places(found, places):
    """A step that the tensors take in several, without names in between."""
    mistakes = tuple(m._replace(places=m.places | {*places}) for m in found.mistakes)
    return found._replace(mistakes=mistakes)


def quotient(seed=0, samples=7):
    """Z2 = T1 / Z1 with T1 = X u and Z1 = 2 + (X v)²."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(samples, 3), Y=samples, Wu=3, Wv=3)
    v["T1"] = v["X"] @ v["Wu"]
    v["S1"] = v["X"] @ v["Wv"]
    v["Z1"] = 2 + v["S1"] ** 2
    v["Z2"] = v["T1"] / v["Z1"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step(
            "T1",
            lambda v, g: g["Z2"] / v["Z1"],
            [
                ("wrong formula", lambda v, g: g["Z2"] * v["Z1"]),
                ("derivative forgotten", lambda v, g: g["Z2"]),
                ("wrong formula", lambda v, g: g["Z2"] / v["Z1"] ** 2),
                ("cotangent lost", lambda v, g: 1 / v["Z1"]),
            ],
        ),
        step(
            "Z1",
            lambda v, g: -g["Z2"] * v["T1"] / v["Z1"] ** 2,
            [
                ("wrong formula", lambda v, g: -g["Z2"] * v["T1"] / v["Z1"]),
                ("wrong formula", lambda v, g: -g["Z2"] / v["Z1"] ** 2),
                ("wrong formula", lambda v, g: -g["Z2"] * v["T1"]),
                ("wrong formula", lambda v, g: g["Z2"] / v["Z1"]),
                ("cotangent lost", lambda v, g: -v["T1"] / v["Z1"] ** 2),
            ],
        ),
        step(
            "S1",
            lambda v, g: 2 * g["Z1"] * v["S1"],
            [
                ("wrong formula", lambda v, g: 2 * g["Z1"] * v["S1"] ** 2),
                ("derivative forgotten", lambda v, g: g["Z1"]),
            ],
        ),
        step("Wu", lambda v, g: v["X"].T @ g["T1"]),
        step("Wv", lambda v, g: v["X"].T @ g["S1"]),
    ]
    t = parameters(v, ["Wu", "Wv"])
    t["T1"], t["S1"] = named(v["X"] @ t["Wu"], "T1"), named(v["X"] @ t["Wv"], "S1")
    t["Z1"] = named(2 + t["S1"] ** 2, "Z1")
    t["Z2"] = named(t["T1"] / t["Z1"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("quotient", steps, v, t, loss, ["Wu", "Wv"])


def unit_vectors(seed=0, samples=6):
    """Z2 = X W1 / |W1|: a weight vector of length 1."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(samples, 4), Y=samples, W1=4)
    v["s1"] = np.linalg.norm(v["W1"])
    v["A1"] = v["W1"] / v["s1"]
    v["Z2"] = v["X"] @ v["A1"]
    straight, around = lambda v, g: g["A1"] / v["s1"], lambda v, g: g["s1"] * v["W1"] / v["s1"]
    steps = [
        step("Z2", lambda v, g: squares_slope(v, "Z2")),
        step("A1", lambda v, g: v["X"].T @ g["Z2"]),
        step(
            "s1",
            lambda v, g: -(g["A1"] @ v["W1"]) / v["s1"] ** 2,
            [
                ("wrong formula", lambda v, g: -(g["A1"] @ v["W1"]) / v["s1"]),
                ("wrong formula", lambda v, g: -g["A1"].sum() / v["s1"] ** 2),
            ],
        ),
        step(
            "W1",
            lambda v, g: straight(v, g) + around(v, g),
            [
                ("dropped path", straight),
                ("wrong formula", lambda v, g: straight(v, g) + g["s1"] * v["W1"]),
                ("wrong formula", lambda v, g: straight(v, g) + g["s1"] * 2 * v["W1"]),
                ("wrong formula", lambda v, g: straight(v, g) + g["s1"]),
            ],
        ),
    ]
    t = parameters(v, ["W1"])
    t["s1"] = named(np.linalg.norm(t["W1"]), "s1")
    t["A1"] = named(t["W1"] / t["s1"], "A1")
    t["Z2"] = named(v["X"] @ t["A1"], "Z2")
    loss = ((t["Z2"] - v["Y"]) ** 2).mean()
    return make_group("unit vectors", steps, v, t, loss, ["W1"])


def squared_errors(seed=0, samples=6):
    """sum((Y - A1)²): the derivative of the inner difference is taken to be A1 itself."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(samples, 3), Y=(samples, 2), W1=(3, 2), b1=2)
    v["Z1"] = v["X"] @ v["W1"] + v["b1"]
    v["A1"] = np.tanh(v["Z1"])
    error = lambda v: v["Y"] - v["A1"]
    steps = [
        step(
            "A1",
            lambda v, g: -2 * error(v),
            [
                ("wrong formula", lambda v, g: 2 * error(v) * v["A1"]),
                ("wrong formula", lambda v, g: -2 * error(v) * v["A1"]),
                ("wrong formula", lambda v, g: -2 * error(v) ** 2),
                ("wrong formula", lambda v, g: -(error(v) ** 2)),
            ],
        ),
        step("Z1", lambda v, g: g["A1"] * (1 - v["A1"] ** 2)),
        *affine("W1", "b1", "Z1", "X")[:2],
    ]
    steps[0] = with_places(steps[0], ["unnamed"])
    t = parameters(v, ["W1", "b1"])
    t["Z1"] = named(v["X"] @ t["W1"] + t["b1"], "Z1")
    t["A1"] = named(np.tanh(t["Z1"]), "A1")
    loss = ((v["Y"] - t["A1"]) ** 2).sum()
    return make_group("squared errors", steps, v, t, loss, ["W1", "b1"])


def groups(seed=0):
    found = [function_of(name, seed) for name in FUNCTIONS]
    return [*found, quotient(seed), unit_vectors(seed), squared_errors(seed)]
