"""Parameters that are used many times: in a loop over time, over samples, in two branches.

And gradients that something else was handed in for: a copy, an optimizer's step. The mistakes are
derivations of their own, from the first line to the last.
"""

import numpy as np
from by_hand import Slip, sigmoid, step
from by_hand_paths import random_arrays
from cases import UNNAMED, make_group
from recorded import named, parameters

from autograd_lite import sigmoid as sigmoid_of

TIMES = 4


def group(title, v, t, loss, right, mistakes):
    """A group whose mistakes are pairs of a kind, the places, and other gradients."""
    steps = [step(name, lambda v, g, name=name: right[name]) for name in right]

    def slips(of_right, names):
        for kind, places, others, *factor in mistakes:
            change = _instead(others)
            yield Slip(kind, frozenset([*places, UNNAMED]), change, *factor)

    return make_group(title, steps, v, t, loss, list(right), lambda *given: [*slips(*given)])


def _instead(others):
    return lambda g: g | others


def through_time(v, mistake=""):
    """The gradients of H(t) = tanh(X(t) W1 + H(t-1) W2 + b1), with an output at each time."""
    found = {name: np.zeros_like(v[name]) for name in ("W1", "W2", "b1", "W3")}
    carried = np.zeros_like(v["H1"])
    for t in range(TIMES, 0, -1):
        d_out = 2 * (v[f"H{t}"] @ v["W3"] - v[f"Y{t}"])
        arriving = d_out @ v["W3"].T + carried
        if mistake == "output overwritten" and t < TIMES:
            arriving = carried
        if mistake == "clipped":
            arriving = arriving.clip(-0.5, 0.5)
        slope = 1 - v[f"H{t - 1 if mistake == 'slope before' else t}"] ** 2
        dz = arriving * (1 if mistake == "no slope" else slope)
        used = {
            "W3": v[f"H{t}"].T @ d_out,
            "W1": v[f"X{max(t - 1, 1) if mistake == 'input before' else t}"].T @ dz,
            "W2": v[f"H{t if mistake == 'own state' and t < TIMES else t - 1}"].T @ dz,
            "b1": dz.sum(axis=0),
        }
        last_only = mistake.removeprefix("only the last ")
        for name, term in used.items():
            if not (name == last_only and t < TIMES):
                found[name] = found[name] + term
        weights = v["W2"] if mistake == "not transposed" else v["W2"].T
        carried = (arriving if mistake == "carried past tanh" else dz) @ weights
        if mistake == "not carried" or (mistake == "carried once" and t < TIMES):
            carried = 0 * carried
    return found


def recurrent(seed=0):
    """Four steps of a recurrent network, whose loss is the sum over all of them."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, W1=(2, 3), W2=(3, 3), b1=3, W3=(3, 1))
    for time in range(1, TIMES + 1):
        v |= random_arrays(rng, **{f"X{time}": (5, 2), f"Y{time}": (5, 1)})
    v["H0"] = np.zeros((5, 3))
    t = parameters(v, ["W1", "W2", "b1", "W3"])
    H, loss = v["H0"], 0
    for time in range(1, TIMES + 1):
        H = named(np.tanh(v[f"X{time}"] @ t["W1"] + H @ t["W2"] + t["b1"]), f"H{time}")
        v[f"H{time}"] = H.data
        loss = loss + ((H @ t["W3"] - v[f"Y{time}"]) ** 2).sum()
    states = [f"H{time}" for time in range(TIMES + 1)]
    found = [
        ("dropped path", states, "not carried"),
        ("dropped path", states, "carried once"),
        ("dropped path", states, "output overwritten"),
        ("derivative forgotten", states, "no slope"),
        ("transposed", states, "not transposed"),
        ("other step", states, "slope before"),
        ("other step", ["W1"], "input before"),
        ("cotangent lost", states, "clipped"),
        *(("dropped path", [name], f"only the last {name}") for name in ("W1", "W2", "b1", "W3")),
    ]
    mistakes = [(kind, places, through_time(v, name)) for kind, places, name in found]
    return group("loop over time", v, t, loss, through_time(v), mistakes)


def of_samples(v, mistake=""):
    """The gradients of sums over samples of (sigmoid(x w + b) - y)², added up one by one."""
    dw, db = np.zeros(3), np.zeros(())
    for x, y in zip(v["X"], v["Y"], strict=True):
        a = sigmoid(x @ v["w1"] + v["b1"])
        error, slope = 2 * (a - y), a * (1 - a)
        dz = error * (1 if mistake == "no slope" else slope)
        dz = dz * (slope if mistake == "slope twice" else 1)
        x = v["X"][-1] if mistake == "last input" else x
        dw = dw + (error if mistake == "no slope for w" else dz) * x * (
            x if mistake == "input twice" else 1
        )
        db = dz if mistake == "b assigned" else db + dz
    return {"w1": dw, "b1": db}


def samples(seed=0):
    """A loss that a loop over the samples adds up, so that each has a graph of its own."""
    rng = np.random.default_rng(seed)
    v = {"X": rng.normal(size=(5, 3)), "Y": rng.random(5), "w1": rng.normal(size=3)}
    v["b1"] = np.array(0.3)
    t = parameters(v, ["w1", "b1"])
    loss = 0
    for x, y in zip(v["X"], v["Y"], strict=True):
        loss = loss + (sigmoid_of(x @ t["w1"] + t["b1"]) - y) ** 2
    found = [
        ("derivative forgotten", "no slope"),
        ("derivative forgotten", "no slope for w"),
        ("derivative twice", "slope twice"),
        ("derivative twice", "input twice"),
        ("dropped path", "b assigned"),
        ("other step", "last input"),
    ]
    mistakes = [(kind, ["w1", "b1"], of_samples(v, name)) for kind, name in found]
    return group("loop over samples", v, t, loss, of_samples(v), mistakes)


def of_branches(v, kept):
    """The gradients of the distances of A to P and to N, which one layer makes from X."""
    A, P, N = (np.tanh(v[f"X{which}"] @ v["W1"] + v["b1"]) for which in "apn")
    d = {"a": 2 * (N - P), "p": -2 * (A - P), "n": 2 * (A - N)}
    dz = {which: d[which] * (1 - H**2) for which, H in zip("apn", (A, P, N), strict=True)}
    return {
        "W1": sum(v[f"X{which}"].T @ dz[which] for which in kept),
        "b1": sum(dz[which].sum(axis=0) for which in kept),
    }


def branches(seed=0):
    """A siamese network: three branches with the same weights."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, Xa=(4, 3), Xp=(4, 3), Xn=(4, 3), W1=(3, 4), b1=4)
    t = parameters(v, ["W1", "b1"])
    A, P, N = (np.tanh(v[f"X{which}"] @ t["W1"] + t["b1"]) for which in "apn")
    loss = ((A - P) ** 2).sum() - ((A - N) ** 2).sum()
    right = of_branches(v, "apn")
    mistakes = []
    for kept in ("a", "p", "n", "ap", "an", "pn"):
        others = of_branches(v, kept)
        mistakes += [("dropped path", [name], right | {name: others[name]}) for name in others]
        mistakes.append(("dropped path", ["W1", "b1"], others))
    return group("three branches", v, t, loss, right, mistakes)


def handed_in(seed=0):
    """Z1 = X W1 + b1, A1 = tanh(Z1), Z2 = A1 W2 + b2: what is no gradient, handed in for one."""
    rng = np.random.default_rng(seed)
    v = random_arrays(rng, X=(7, 3), Y=(7, 2), W1=(3, 4), b1=4, W2=(4, 2), b2=2)
    t = parameters(v, ["W1", "b1", "W2", "b2"])
    loss = ((np.tanh(v["X"] @ t["W1"] + t["b1"]) @ t["W2"] + t["b2"] - v["Y"]) ** 2).mean()
    A = np.tanh(v["X"] @ v["W1"] + v["b1"])
    d2 = 2 * (A @ v["W2"] + v["b2"] - v["Y"]) / v["Y"].size
    d1 = d2 @ v["W2"].T * (1 - A**2)
    right = {"W1": v["X"].T @ d1, "b1": d1.sum(0), "W2": A.T @ d2, "b2": d2.sum(0)}
    dW = right["W1"]
    norm = np.sqrt(sum((array**2).sum() for array in right.values()))
    turned = dW.copy()
    turned[[0, 2], 1] = turned[[2, 0], 1]
    left_out = dW.copy()
    left_out[1] = 0
    changed = [
        ("copied", "b1", dW.sum(axis=0)),
        ("copied", "b1", dW.mean(axis=0)),
        ("copied", "b2", right["W2"].sum(axis=0)),
        ("another quantity", "W1", dW * 0.5 / np.linalg.norm(dW)),
        ("another quantity", "W1", dW.clip(-0.02, 0.02)),
        ("another quantity", "W1", v["W1"] - 0.1 * dW),
        ("another quantity", "W1", dW + 0.01 * np.sign(v["W1"])),
        ("another quantity", "W1", abs(dW)),
        ("another quantity", "W1", dW / np.sqrt(dW**2 + 0.01)),
        ("another quantity", "W1", dW * v["W1"]),
        ("another quantity", "W1", dW.round(3)),
        ("misplaced", "W1", turned),
        ("misplaced", "W1", left_out),
        ("penalty", "W1", dW + 0.05 * v["W1"]),
        ("penalty", "W1", dW + 0.037 * np.array([[1.0], [0], [0]])),
    ]
    mistakes = [(kind, [name], right | {name: array}) for kind, name, array in changed]
    scaled = {name: array / norm for name, array in right.items()}
    mistakes.append(("another quantity", [*right], scaled))
    return group("handed in", v, t, loss, right, mistakes)


def groups(seed=0):
    return [recurrent(seed), samples(seed), branches(seed), handed_in(seed)]
