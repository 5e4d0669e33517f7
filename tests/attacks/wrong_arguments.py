"""Calls of each public name, with one argument wrong, made from signatures.

What is right is known by the name of a parameter, or else found by trying: a name that is new is
attacked without being told.
"""

import importlib
import inspect
import itertools
from dataclasses import dataclass
from decimal import Decimal
from types import GeneratorType

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import nn
from autograd_lite import Tensor
from autograd_lite.transforms import Derived

ENTRIES = np.array([[0.25, 0.5, 0.75], [0.5, 0.125, 0.25]])
HUGE = 10**400


def squares(*xs):
    return sum((x * x).sum() for x in xs)


def rule(g, y, x):
    return g


class Thing:
    def __repr__(self):
        return "Thing()"


ANYWAY = {
    "arrays": "arrays of any kind are cut", "axis": "None is over all entries",
    "inputs": "numbers are arrays, and of none all is right",
    "keepdims": "0, 1 and 2 are as in NumPy", "names": "a memory view of text is one of names",
    "parameters": "there may be none", "pos_weight": "one for each column",
    "rng": "seeds of NumPy's have any size, and are lists of numbers too", "seed": "of any size",
    "step(value": "only ReduceOnPlateau looks at it", "tree": "numbers are leaves",
    "wrt": "there may be none", "xs": "numbers are leaves",
    "AdaptiveAvgPool(output_size": "None leaves axes as they are",
    "ProgressBar(shown": "True is one", "graph(highlight": "there may be none",
    "plot_attention(keys": "a memory view of text is one of names",
    "plot_attention(queries": "likewise",
    "affine(x": "complex numbers and objects, where nothing is differentiated",
    "affine(weight": "likewise",
    "elu(alpha": "NaN and infinities go through", "leaky_relu(negative_slope": "likewise",
}  # fmt: skip
"""Parameters for which something of that list is right after all, and why."""

RIGHT = {
    "activation": lambda w: "tanh", "activations": lambda w: {"0": ENTRIES},
    "arrays": lambda w: w.X, "ax": lambda w: Figure().subplots(), "axis": lambda w: 1,
    "base": lambda w: w.optimizer, "batch_size": lambda w: 4, "best_epoch": lambda w: 1,
    "block": lambda w: nn.Dense(2, 2, rng=0), "class_weight": lambda w: "balanced",
    "data": lambda w: ENTRIES.copy(), "dtype": lambda w: np.float32, "epochs": lambda w: 1,
    "every": lambda w: 2, "f": lambda w: squares, "factor": lambda w: 0.5, "fan_in": lambda w: 2,
    "fan_out": lambda w: 3, "function": lambda w: np.tanh, "gradient": lambda w: None,
    "history": lambda w: {"loss": [2.0, 1.0]}, "image_shape": lambda w: (2, 3),
    "in_channels": lambda w: 2, "out_channels": lambda w: 2, "kernel_size": lambda w: 2,
    "example": lambda w: w.X, "scale_factor": lambda w: 2,
    "in_features": lambda w: 2, "input_shape": lambda w: (2,), "inputs": lambda w: [ENTRIES],
    "kind": lambda w: type("K", (nn.Module,), {}),
    "labels": lambda w: np.array([0, 2]), "layers": lambda w: nn.Dense(2, 3, rng=0),
    "learning_rate": lambda w: 0.1, "logits": lambda w: ENTRIES.copy(),
    "loss": lambda w: nn.MSELoss(), "manual": lambda w: {w.w: 2 * w.w.data},
    "mask": lambda w: ENTRIES > 0.3, "max_norm": lambda w: 1.0, "max_value": lambda w: 1.0,
    "metrics": lambda w: {"accuracy": nn.accuracy}, "model": lambda w: w.model,
    "n": lambda w: 8, "name": lambda w: "name", "normalized_shape": lambda w: 3,
    "norms": lambda w: {"0": [1.0, 2.0]}, "num_features": lambda w: 3,
    "optimizer": lambda w: w.optimizer, "out_features": lambda w: 3, "p": lambda w: 0.5,
    "parameters": lambda w: w.model.parameters(), "path": lambda w: w.saved("new"),
    "progress": lambda w: False,
    "paths": lambda w: {"sgd": np.ones((4, 2))}, "pos_weight": lambda w: 2.0,
    "predictions": lambda w: w.labels, "resolution": lambda w: 3, "rng": lambda w: w.rng,
    "sample_weight": lambda w: np.ones(12),
    "schedule": lambda w: nn.StepDecay(w.optimizer, 2), "seed": lambda w: 3, "steps": lambda w: 5,
    "targets": lambda w: w.labels, "tensor": lambda w: squares(w.w), "threshold": lambda w: 0.5,
    "tolerance": lambda w: 1e-6, "tree": lambda w: {"a": ENTRIES}, "validation": lambda w: 0.25,
    "vjps": lambda w: rule, "vs": lambda w: [ENTRIES], "weight": lambda w: ENTRIES.T.copy(),
    "weight_init": lambda w: "he_normal", "weights": lambda w: np.ones((6, 2)),
    "x": lambda w: ENTRIES.copy(), "X": lambda w: w.X, "xs": lambda w: [ENTRIES],
    "y": lambda w: w.Y, "bias": lambda w: np.ones(2), "findings": lambda w: [],
    "projection": lambda w: nn.Dense(2, 2, rng=0), "momentum": lambda w: 0.1,
    "names": lambda w: None, "mode": lambda w: True, "monitor": lambda w: "loss",
    "training": None, "state": None, "alpha": lambda w: 0.5, "others": lambda w: 2,
}  # fmt: skip
"""By the name of a parameter."""

recorded = {"loss": lambda w: squares(w.w)}
of_entries = {"targets": lambda w: ENTRIES.copy(), "p": lambda w: ENTRIES.copy()}
OTHERWISE = {
    "autograd_lite.binary_cross_entropy": of_entries,
    "autograd_lite.compare_gradients": recorded,
    "autograd_lite.define": {"function": lambda w: np.spacing},
    "autograd_lite.derive": recorded,
    "autograd_lite.sigmoid_cross_entropy": of_entries,
    "autograd_lite.to_source": recorded,
    "autograd_lite.vjp": {"xs": lambda w: Tensor(ENTRIES)},
    "autograd_lite.Tensor.backward": {"gradient": lambda w: np.ones((2, 3))},
    **{
        f"nn.{name}": {"bias": lambda w: True}
        for name in ("Bilinear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d", "Dense")
    },
    "nn.GradientClipping": {"max_norm": lambda w: 1.0, "max_value": lambda w: None},
    "nn.functional_call": {
        "parameters": lambda w: dict(w.model.named_parameters()), "inputs": lambda w: w.X,
    },
    "nn.EarlyStopping": {"mode": lambda w: "min"},
    "nn.ReduceOnPlateau": {"mode": lambda w: "min"},
    "nn.load": {"path": lambda w: w.saved()},
    "nn.summary": {"others": None},
    "nn.fit_lbfgs": {
        "parameters": lambda w: [w.w], "loss": lambda w: lambda: squares(w.w),
    },
    "nn.fit_least_squares": {
        "parameters": lambda w: [w.w], "residuals": lambda w: lambda: w.w - 1.0,
    },
    "nn.from_torch": {"state": lambda w: nn.to_torch(w.model)},
    "viz.step_through": recorded,
    "viz.plot_decision_boundary": {"loss": lambda w: nn.BCEWithLogitsLoss()},
    "viz.plot_optimizer_paths": {"function": lambda w: lambda x, y: x * x + y * y},
}  # fmt: skip
"""Where a name of a parameter means something else."""
REQUIRED = {
    "nn.fit": ["y", "loss", "progress"],
    "nn.Upsample": ["scale_factor"],
    "nn.find_learning_rate": ["steps"],
    "nn.overfit_one_batch": ["steps"],
    "autograd_lite.Tensor.backward": ["gradient"],
    "nn.EarlyStopping": ["monitor"],
    "nn.GradientClipping": ["max_norm"],
    "viz.plot_decision_boundary": ["loss"],
    "viz.plot_loss_landscape": ["resolution"],
}
"""What has a default, and has to be given, or else takes long."""
MADE = {
    "autograd_lite.Tensor": lambda w: w.w * 1.0, "nn.Module": lambda w: w.model,
    "nn.Optimizer": lambda w: w.optimizer, "nn.Schedule": lambda w: nn.StepDecay(w.optimizer, 2),
}  # fmt: skip
"""Classes whose methods users call, and one of each."""
ABSTRACT = ("nn.Schedule", "nn.Module", "nn.Optimizer")
RECORDS = ("viz.Graph", "viz.Steps")
"""Plain data, which the library makes."""
TRIED = [
    lambda w: ENTRIES.copy(), lambda w: 1.0, lambda w: 2, lambda w: w.w, lambda w: squares,
    lambda w: "text", lambda w: [ENTRIES], lambda w: {"a": ENTRIES}, lambda w: w.model,
    lambda w: w.optimizer,
]  # fmt: skip
"""What a parameter may want whose name is not known."""


def boxed(value):
    box = np.empty((), object)
    box[()] = value
    return box


OF_ALL = [Thing(), 1j, b"x", {1.0}, memoryview(b"ab").cast("c"), boxed(3), np.array(["a"])]
"""What nothing can be."""
WRONG = {
    "flag": ["False", "no", "", 0, 1, 2, 0.0, None, [], {}, np.array([True, False]), HUGE, np.nan,
             np.array(None)],
    "number": ["1", "a", np.nan, np.inf, -np.inf, HUGE, -HUGE, [1.0, 2.0], np.ones(2), {}, range,
               Decimal("NaN"), np.datetime64("2020"), np.array(None), np.ones, None, True,
               10**5000],
    "text": [3, ["mean"], HUGE, np.nan, {}, True, np.ones(2), range, np.array("mean")],
    "array": ["abc", np.array([None, 1.0]), np.ones((2, 3), complex), np.ma.masked_array(ENTRIES),
              np.zeros(2, "datetime64[D]"), np.zeros(2, [("a", float)]), [[1.0], [1.0, 2.0]],
              [HUGE], np.array([HUGE, 1], object), [Thing()], np.ones, float, [Decimal("0.5")],
              [b"a"], boxed(Tensor(1.0, requires_grad=True)), boxed(squares)],
    "else": [HUGE, -HUGE, np.nan, [Thing()], {Thing(): 1}, -1.5, range(0), boxed(squares)],
}  # fmt: skip
"""What a parameter of a kind cannot be."""


# What is right, given otherwise
OTHER_FORMS = {
    "flag": [np.bool_],
    "number": [
        lambda x: np.int64(x) if isinstance(x, int) else np.float64(x), np.array, boxed,
        lambda x: Tensor(float(x)), lambda x: type(x)(x) + type(x)(0),
    ],
    "array": [
        np.ndarray.tolist, np.asfortranarray, lambda a: a[::-1][::-1], memoryview,
        lambda a: a.astype(a.dtype.newbyteorder()), lambda a: a.astype(object), Tensor,
        lambda a: pd.DataFrame(a) if a.ndim == 2 else pd.Series(a, index=range(len(a), 0, -1)),
    ],
    "text": [np.str_],
    "else": [],
}  # fmt: skip
"""Of a kind, what means the same."""


def kind_of(parameter, value):
    """What a parameter takes, by what is right or by its default."""
    each = parameter.default if value is None else value
    if isinstance(each, bool):
        return "flag"
    if isinstance(each, int | float):
        return "number"
    if isinstance(each, str):
        return "text"
    if isinstance(each, np.ndarray):
        return "array"
    return "else"


@dataclass
class Target:
    """A public name, or a method of what one makes: how it is called with what is right."""

    name: str
    find: object
    """Gives the function, in a world."""
    signature: inspect.Signature
    right: dict
    """By parameter what makes the argument; of those with a default too."""
    arguments: list
    """The parameters that have to be given."""

    def call(self, world, **changed):
        return used(self.result(world, **changed), world)

    def result(self, world, **changed):
        made = {name: self.right[name](world) for name in self.arguments} | changed
        positions, named = [], {}
        parameters = self.signature.parameters
        starred = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
        for name, parameter in parameters.items():
            if name not in made:
                continue
            if parameter.kind is parameter.KEYWORD_ONLY or (
                not starred and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            ):
                named[name] = made[name]
            else:
                positions.append(made[name])
        return self.find(world)(*positions, **named)


def used(result, world):
    """What comes of a result where it is used as it is meant to be."""
    if isinstance(result, GeneratorType):
        return list(result)
    if isinstance(result, nn.Callback):
        nn.fit(world.model, world.X, world.Y, loss="mse", optimizer=world.optimizer, epochs=1,
               validation=0.25, callbacks=[result], progress=False, rng=0)  # fmt: skip
    elif isinstance(result, nn.Module):
        return result, result.state_dict()
    elif isinstance(result, Derived):
        return result(ENTRIES.copy())
    elif inspect.isfunction(result) and result.__module__ == "autograd_lite.table":
        return result(squares)
    return result


def target(name, find, world):
    """How something is called, found by trying; None where no way is found."""
    signature = inspect.signature(find(world()))
    parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    known = RIGHT | OTHERWISE.get(name, {})
    right = {p.name: known[p.name] for p in parameters if known.get(p.name)}
    needed = [
        p.name for p in parameters
        if (p.default is p.empty and (p.kind is not p.VAR_POSITIONAL or p.name in right))
        or p.name in REQUIRED.get(name, ())
    ]  # fmt: skip
    unknown = [each for each in needed if each not in right]
    for tried in itertools.product(TRIED, repeat=len(unknown)) if len(unknown) < 3 else ():
        found = Target(name, find, signature, right | dict(zip(unknown, tried)), needed)
        try:
            found.call(world())
        except Exception:
            continue
        return found
    return None


def targets(names, world):
    """Each public name, and the methods of what it makes; None for a name that is not understood.

    Methods that take no arguments that are known, as they are for the library or for subclasses to
    call, are left out.
    """
    seen = set()
    for name in sorted(set(names).difference(RECORDS)):
        package, _, attribute = name.rpartition(".")
        value = getattr(importlib.import_module(package), attribute)
        found = target(name, lambda w, value=value: value, world)
        if name not in ABSTRACT:
            yield name, found
        methods = dir(value) if name in MADE else ()
        for method in methods:
            function = inspect.getattr_static(value, method)
            is_public = inspect.isfunction(function) and not method.startswith("_")
            if is_public and function not in seen:
                seen.add(function)
                bound = lambda w, make=MADE[name], method=method: getattr(make(w), method)
                if each := target(f"{name}.{method}", bound, world):
                    yield each.name, each
