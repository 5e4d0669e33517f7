"""Bad input of optimizers: hyper-parameters, parameters, gradients and states; and of clipping."""

import copy

import numpy as np
from declaring import bad, declare, number
from world import NAN, RAGGED, nans

import nn
from autograd_lite import Tensor
from autograd_lite.errors import (
    ArgumentError,
    GradientError,
    MutationError,
    ShapeError,
    UnsupportedError,
)

INFINITY = float("inf")
LOSS = lambda: Tensor(1.0)
STEP, LOAD = "optimizer step of '0.weight' (2, 3)", "load_state_dict into"


def parameters(make):
    """Refusals of what is no list of parameters or groups."""
    return [
        bad("type", lambda w: make(3), UnsupportedError, "of 3"),
        bad("type", lambda w: make(w.model), UnsupportedError, "Sequential"),
        bad("type", lambda w: make(w.parameter), UnsupportedError, "'0.weight' (2, 3)"),
        bad("type", lambda w: make({"parameters": [w.parameter]}), UnsupportedError, "parameters"),
        bad("type", lambda w: make([w.parameter.data]), UnsupportedError, "array (2, 3)"),
        bad("type", lambda w: make([w.parameter * 2]), UnsupportedError, "tensor (2, 3)"),
        bad("type", lambda w: make([Tensor([1, 2], name="n")]), UnsupportedError, "'n' (2,)"),
        bad("type", lambda w: make([{"parameters": 3}]), UnsupportedError, "of 3"),
        bad("type", lambda w: make([{"parameters": [w.w]}, w.parameter]), ArgumentError, "(2, 3)"),
        bad("range", lambda w: make([{"parameters": [w.w], "beta": 1}]), ArgumentError, "beta=1"),
        bad("length", lambda w: make([]), ArgumentError, "no parameters"),
        bad("length", lambda w: make([{}]), ArgumentError, "{}"),
        bad("length", lambda w: make([{"parameters": [w.w]}] * 2), ArgumentError, "'w' (2, 3)"),
    ]


def gradient(value):
    """Leave another gradient of the first parameter behind."""
    return lambda w: setattr(w.parameter, "grad", value)


def chosen(kind, options, then=lambda w: None):
    """Train with an optimizer of that kind, and spoil something."""

    def given(w):
        w.train_with(kind, **options)
        then(w)

    return given


def steps(kind, options):
    """Refusals of a step, which leave weights and state."""

    def refusal(sort, value, error, *words, require_finite=False):
        return bad(
            sort,
            lambda w: w.optimizer.step(require_finite=require_finite),
            error,
            *words,
            given=chosen(kind, options, gradient(value)),
            named=STEP,
        )

    def hyper_parameter(name, value, shown):
        return bad(
            "range",
            lambda w: w.optimizer.step(),
            ArgumentError,
            f"{name}={shown}",
            given=chosen(kind, options, lambda w: w.optimizer.groups[0].update({name: value})),
        )

    return [
        refusal("type", "abc", UnsupportedError, "'abc'"),
        refusal("type", [1.0], UnsupportedError, "[1.0]"),
        refusal("type", np.ones((2, 3), complex), UnsupportedError, "complex128"),
        refusal("type", np.full((2, 3), "a"), UnsupportedError, "<U1"),
        refusal("type", np.full((2, 3), None), UnsupportedError, "object"),
        refusal("shape", np.ones(3), ShapeError, "(3,)"),
        refusal("nan", nans(2, 3), GradientError, "6 of the 6", require_finite=True),
        hyper_parameter("learning_rate", "a", "'a'"),
        hyper_parameter("learning_rate", -0.5, "-0.5"),
        hyper_parameter("l2", NAN, "nan"),
        bad("shape", lambda w: w.optimizer.step(), MutationError, "(2, 3)", "(5, 3)",
            given=chosen(kind, options, lambda w: reshaped(w)), named="'0.weight' (5, 3)"),
    ]  # fmt: skip


def reshaped(w):
    w.parameter.data = np.ones((5, 3))
    w.parameter.grad = np.ones((5, 3))


def states(kind, options):
    """Refusals of a state, of which nothing is loaded."""
    given = chosen(kind, options)

    def refusal(sort, change, *words, error=ArgumentError):
        def load(w):
            state = copy.deepcopy(w.optimizer.state_dict())
            replaced = change(state)
            w.optimizer.load_state_dict(state if replaced is None else replaced)

        return bad(sort, load, error, *words, given=given, named=LOAD)

    def entry(value):
        return lambda s: s["state"][0].update(dict.fromkeys(kind.state_names, value))

    def group(**values):
        return lambda s: s["groups"][0].update(values)

    calls = [
        refusal("type", lambda s: 3, "3 instead of a dict"),
        refusal(
            "type",
            lambda s: {"groups": [3], "state": [3], "steps": 0},
            "groups.0 is 3 instead of a dict",
        ),
        refusal("type", lambda s: s["state"][0].update(steps="a"), "'a'"),
        refusal("type", lambda s: s.update(steps=1.5), "steps is 1.5"),
        refusal("nan", lambda s: s["state"][0].update(steps=NAN), "nan"),
        refusal("range", lambda s: s.update(steps=-1), "steps is -1"),
        refusal("range", lambda s: s["state"][0].update(steps=-1), "state.0.steps is -1"),
        refusal("length", lambda s: s.pop("state") and None, "state is missing"),
        refusal("length", lambda s: s["state"].pop() and None, "5 parameters"),
        refusal("length", group(parameters=2), "[2]"),
        refusal("length", lambda s: s["groups"][0].update({3: 4}), "groups.0.3 is unknown"),
    ]
    if kind.state_names:
        calls += [
            refusal("type", entry(np.full((2, 3), "a")), "<U1", "'0.weight' (2, 3)"),
            refusal("shape", entry(np.ones(4)), "(4,)", "'0.weight' (2, 3)"),
            refusal("length", entry(RAGGED), "lists", error=UnsupportedError),
        ]
    wrong = refusal("range", group(learning_rate=-1), "-1")
    return [*calls, bad("range", wrong.call, ArgumentError, "learning_rate=-1", given=wrong.given)]


def optimizer(kind, *own, **options):
    def make(parameters, **given):
        return kind(parameters, **{"learning_rate": 0.1, **given})

    def option(name, *beyond):
        return number(name, lambda w, v: make(w.model.parameters(), **{name: v}), *beyond)

    return declare(
        parameters(make),
        option("learning_rate", -0.1, INFINITY, True),
        *(option(name, -1e-9, INFINITY) for name in ("l1", "l2", "weight_decay")),
        schedules(lambda w, rate: make(w.model.parameters(), learning_rate=rate)),
        *(option(name, *beyond) for name, *beyond in own),
        steps(kind, options),
        states(kind, options),
    )


def schedules(make):
    """Refusals of what is no schedule to be given as the learning rate."""
    bound = lambda w: make(w, nn.StepDecay(w.optimizer, every=2))
    return [
        bad("type", lambda w: make(w, nn.StepDecay), ArgumentError, "learning_rate=StepDecay"),
        bad("type", lambda w: make(w, lambda step: "a"), ArgumentError, "lambda", "step 0", "'a'"),
        bad("range", lambda w: make(w, lambda step: -0.5), ArgumentError, "step 0", "-0.5"),
        bad("nan", lambda w: make(w, lambda step: NAN), ArgumentError, "step 0", "nan"),
        bad("type", bound, ArgumentError, "of Adam as a learning rate", named="StepDecay"),
    ]


def betas(kind):
    def refusal(sort, value, shown):
        make = lambda w: kind(w.model.parameters(), betas=value)
        return bad(sort, make, ArgumentError, f"betas={shown}")

    return [
        refusal("type", 0.9, "0.9"),
        refusal("type", "ab", "'ab'"),
        refusal("range", (0.9, 1.0), "(0.9, 1.0)"),
        refusal("range", (-0.1, 0.9), "(-0.1, 0.9)"),
        refusal("length", (0.9,), "(0.9,)"),
        refusal("nan", (NAN, 0.9), "(nan, 0.9)"),
    ]


def joined(declaration, *more):
    return declare(declaration.calls, *more)


def clipping(function, limit):
    """Refusals of a clipping, after which gradients are as before."""
    named_one = f"{function.__name__} of '0.weight' (2, 3)"

    def refusal(sort, value, error, *words):
        def call(w):
            function(w.model.parameters(), 0.01)

        return bad(sort, call, error, *words, given=gradient(value), named=named_one)

    return [
        number(limit, lambda w, v: function(w.model.parameters(), v), 0, -1.0, INFINITY),
        bad("type", lambda w: function(3, 1.0), UnsupportedError, "of 3"),
        bad("type", lambda w: function(w.w, 1.0), UnsupportedError, "'w' (2, 3)"),
        bad("type", lambda w: function(w.model, 1.0), UnsupportedError, "Sequential"),
        bad("type", lambda w: function([w.w, 3], 1.0), UnsupportedError, "of 3"),
        refusal("type", "abc", UnsupportedError, "'abc'"),
        refusal("type", np.full((2, 3), 1j), UnsupportedError, "complex128"),
        refusal("type", np.full((2, 3), None), UnsupportedError, "object"),
        refusal("shape", np.ones(5), ShapeError, "(5,)"),
    ]


def clipped_nan(w):
    w.w.grad = nans(2, 3)
    nn.clip_gradient_value([w.w], 1.0)
    return w.w.grad


class Optimizer(nn.Optimizer):
    """Plain descent, by the name of the base."""

    def update(self, options, step, scratch, values, gradient):
        values -= options["learning_rate"] * gradient


LAST = "3.bias"

DECLARED = {
    "nn.Optimizer": optimizer(Optimizer),
    "nn.SGD": joined(
        optimizer(nn.SGD, ("momentum", -0.1, 1.0), momentum=0.9),
        bad("type", lambda w: nn.SGD([w.w], 0.1, momentum=0.9, nesterov=1), ArgumentError,
            "nesterov=1"),
        bad("range", lambda w: nn.SGD([w.w], 0.1, nesterov=True), ArgumentError, "momentum=0"),
        bad("range", lambda w: nn.SGD([w.w], 0.1, average=True), ArgumentError, "momentum=0"),
    ),
    "nn.Adagrad": optimizer(nn.Adagrad, ("epsilon", 0, -1)),
    "nn.RMSprop": optimizer(nn.RMSprop, ("alpha", -0.1, 1), ("epsilon", 0, -1)),
    "nn.Adam": joined(optimizer(nn.Adam, ("epsilon", 0, -1)), betas(nn.Adam)),
    "nn.AdamW": joined(optimizer(nn.AdamW, ("epsilon", 0, -1)), betas(nn.AdamW)),
    "nn.NAdam": joined(
        optimizer(nn.NAdam, ("epsilon", 0, -1), ("momentum_decay", -1)), betas(nn.NAdam)
    ),
    "nn.AMSGrad": joined(optimizer(nn.AMSGrad, ("epsilon", 0, -1)), betas(nn.AMSGrad)),
    "nn.Lion": joined(optimizer(nn.Lion), betas(nn.Lion)),
    "nn.fit_lbfgs": declare(
        parameters(lambda given: nn.fit_lbfgs(given, LOSS)),
        number("iterations", lambda w, v: nn.fit_lbfgs([w.w], LOSS, v), 0, 1.5),
        number("tolerance", lambda w, v: nn.fit_lbfgs([w.w], LOSS, 5, v), 0, -1),
        bad("type", lambda w: nn.fit_lbfgs([w.w], 3), UnsupportedError, "3"),
        bad("type", lambda w: nn.fit_lbfgs([w.w], LOSS), GradientError, "tensor ()"),
        bad("shape", lambda w: nn.fit_lbfgs([w.w], lambda: 2 * w.w), GradientError, "(2, 3)"),
    ),
    "nn.fit_least_squares": declare(
        parameters(lambda given: nn.fit_least_squares(given, LOSS)),
        number("evaluations", lambda w, v: nn.fit_least_squares([w.w], LOSS, v), 0, 1.5),
        number("tolerance", lambda w, v: nn.fit_least_squares([w.w], LOSS, 5, v), 0, -1),
        bad("type", lambda w: nn.fit_least_squares([w.w], 3), UnsupportedError, "3"),
        bad("type", lambda w: nn.fit_least_squares([w.w], LOSS), GradientError, "tensor ()"),
        bad("shape", lambda w: nn.fit_least_squares([w.w], lambda: w.w[:, 0]), ShapeError,
            "2 residuals", "6 entries"),
    ),
    "nn.clip_gradient_norm": declare(
        clipping(nn.clip_gradient_norm, "max_norm"),
        *(
            bad("nan", lambda w: nn.clip_gradient_norm(w.model.parameters(), 0.01), GradientError,
                f"'{LAST}' (1,)", given=lambda w, v=v: setattr(w.model[3].bias, "grad", v))
            for v in (nans(1), np.array([INFINITY]))
        ),
        length="it takes any number of parameters",
    ),
    "nn.clip_gradient_value": declare(
        clipping(nn.clip_gradient_value, "max_value"),
        length="it takes any number of parameters",
    ),
}  # fmt: skip
