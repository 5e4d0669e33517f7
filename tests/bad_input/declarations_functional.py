"""Bad input of what turns functions into derivatives, checks them, or prints them."""

import numpy as np
from declaring import Spreads, bad, declare, number
from world import NAN, nans

import autograd_lite as ag
from autograd_lite.errors import (
    ArgumentError,
    GradientCheckError,
    GradientError,
    ShapeError,
    UnsupportedError,
)

ONES = np.ones(2)


def squares(x):
    return (x * x).sum()


def arguments(transform, named="Tensor"):
    """Refusals of what a function is to be differentiated in; `transform(f)` takes it."""
    return [
        bad("type", lambda w: transform(squares)("abc"), UnsupportedError, "<U3", named=named),
        bad("type", lambda w: transform(squares)(None), UnsupportedError, "None",
            named="of squares"),
        bad("type", lambda w: transform(squares)(1), UnsupportedError, "int64", named=named),
        bad("type", lambda w: transform(squares)([ONES, 1j]), UnsupportedError, "complex128",
            named=named),
    ]  # fmt: skip


def positions(transform, named="derivative"):
    """Refusals of argnums; `transform(f, argnums)`."""
    return [
        bad("range", lambda w: transform(squares, 3)(ONES), ArgumentError, "argument 3",
            named=named),
        bad("range", lambda w: transform(squares, (0, -2))(ONES), ArgumentError, "argument -2",
            named=named),
        *(
            bad("type", lambda w, p=p: transform(squares, p)(ONES), UnsupportedError, repr(p),
                named=named)
            for p in ("a", 1.5, None, True)
        ),
        bad("type", lambda w: transform(3)(1.0), UnsupportedError, "3", named=named),
        bad("range", lambda w: transform(squares, (0, 0))(ONES), ArgumentError, "(0, 0)",
            named=named),
        bad("length", lambda w: transform(squares, 0)(), ArgumentError, "0 arguments",
            named=named),
    ]  # fmt: skip


def scalar(transform):
    """Refusals of functions that return no scalar."""
    return [
        bad("shape", lambda w: transform(np.tanh)(ONES), GradientError, "tanh", "(2,)",
            named="gradient of"),
        bad("shape", lambda w: transform(lambda x: [x])(1.0), GradientError, named="gradient of"),
        bad("type", lambda w: transform(lambda x: "abc")(1.0), UnsupportedError, "'abc'",
            named="derivative of"),
    ]  # fmt: skip


def directed(product):
    """Refusals of what can be no argument and no tangent; `product(x)` takes it as both."""
    return [
        bad("type", lambda w: product("abc"), UnsupportedError, "squares", "[0]", "'abc'"),
        bad("type", lambda w: product(None), UnsupportedError, "None", named="of squares"),
        bad("type", lambda w: product(1), UnsupportedError, "int64", named="Tensor"),
        bad("type", lambda w: product([ONES, 1j]), UnsupportedError, "squares", "[0][1]", "1j"),
    ]


def tangents(product):
    """Refusals of what is no list of tangents, one for each argument and of its shape."""
    return [
        bad("type", lambda w: product(1.0, 1.0), UnsupportedError, "1.0"),
        bad("type", lambda w: product([ONES], ONES), UnsupportedError, "array (2,)"),
        bad("shape", lambda w: product([ONES], [np.ones(3)]), ShapeError, "(2,)", "(3,)"),
        bad("shape", lambda w: product([ONES], [np.ones((2, 2))]), ShapeError, "(2,)", "(2, 2)"),
        bad("shape", lambda w: product([ONES], [1.0]), ShapeError, "(2,)", "()"),
        bad("length", lambda w: product([ONES], []), ShapeError, "of 0", "of 1"),
        bad("length", lambda w: product([ONES], [ONES, ONES]), ShapeError, "of 2", "of 1"),
    ]


def loss(w):
    return (w.w * w.w).sum()


def compare(kind, make, error, *words):
    return bad(kind, lambda w: ag.compare_gradients(*make(w)), error, *words)


def printed(function):
    """Refusals of what is no loss, or does not depend on a tensor."""
    return [
        bad("type", lambda w: function(3), UnsupportedError, "3", named="derivation"),
        bad("type", lambda w: function(w.X), UnsupportedError, "array (12, 2)", named="derivation"),
        bad("type", lambda w: function(loss(w), wrt=["a"]), GradientError, "'a'",
            named="derivation"),
        bad("shape", lambda w: function(w.w * 2), GradientError, "(2, 3)", named="derivation"),
        bad("length", lambda w: function(loss(w), wrt=[w.parameter]), GradientError,
            "'0.weight' (2, 3)", named="derivation"),
    ]  # fmt: skip


def halved(g, y, x):
    return g


@ag.differentiable(halved)
def twice(x):
    return x * 2.0


NO_RANGE = {"range": "it takes no number"}
AS_IS = "NaN is a number as any other"

DECLARED = {
    "autograd_lite.grad": declare(
        arguments(ag.grad),
        positions(ag.grad),
        scalar(ag.grad),
        Spreads(lambda w: ag.grad(squares)(nans(2))),
    ),
    "autograd_lite.value_and_grad": declare(
        arguments(ag.value_and_grad),
        positions(ag.value_and_grad),
        scalar(ag.value_and_grad),
        Spreads(lambda w: ag.value_and_grad(squares)(nans(2))[1]),
    ),
    "autograd_lite.jacobian": declare(
        arguments(ag.jacobian),
        positions(ag.jacobian),
        Spreads(lambda w: ag.jacobian(squares)(nans(2))),
        shape="a function may return any shape",
    ),
    "autograd_lite.hessian": declare(
        arguments(ag.hessian),
        positions(ag.hessian),
        scalar(ag.hessian),
        Spreads(lambda w: ag.hessian(lambda x: (x**3).sum())(nans(2))),
    ),
    "autograd_lite.vjp": declare(
        arguments(lambda f: lambda x: ag.vjp(f, x)),
        bad("shape", lambda w: ag.vjp(np.tanh, ONES)[1](np.ones(3)), ArgumentError, "(3,)", "(2,)",
            named="cotangent of tanh"),
        bad("length", lambda w: ag.vjp(np.tanh, ONES)[1]([ONES, ONES]), ArgumentError,
            "it is a list or tuple", "an array", named="cotangent of tanh"),
        bad("type", lambda w: ag.vjp(3, ONES), UnsupportedError, "3", named="derivative of"),
        bad("type", lambda w: ag.vjp(np.tanh, ONES)[1](None), ArgumentError, "it is None",
            named="cotangent of tanh"),
        Spreads(lambda w: ag.vjp(np.tanh, ONES)[1](nans(2))[0]),
        **NO_RANGE,
    ),
    "autograd_lite.jvp": declare(
        directed(lambda x: ag.jvp(squares, [x], [x])),
        bad("type", lambda w: ag.jvp(np.tanh, [1.0], ["a"]), UnsupportedError, "[0]", "'a'"),
        tangents(lambda *given: ag.jvp(np.tanh, *given)),
        Spreads(lambda w: ag.jvp(np.tanh, [ONES], [nans(2)])[1]),
        **NO_RANGE,
    ),
    "autograd_lite.hvp": declare(
        directed(lambda x: ag.hvp(squares, [x], [x])),
        scalar(lambda f: lambda x: ag.hvp(f, [x], [x])),
        bad("type", lambda w: ag.hvp(squares, [1.0], ["a"]), UnsupportedError, "[0]", "'a'"),
        tangents(lambda *given: ag.hvp(squares, *given)),
        Spreads(lambda w: ag.hvp(squares, [ONES], [nans(2)])[0]),
        **NO_RANGE,
    ),
    "autograd_lite.gradcheck": declare(
        number("tolerance", lambda w, v: ag.gradcheck(np.tanh, ONES, tolerance=v), 0, -1),
        bad("range", lambda w: ag.gradcheck(np.tanh, ONES, order=0), ArgumentError, "0"),
        bad("type", lambda w: ag.gradcheck(np.tanh, ONES, order="a"), ArgumentError, "'a'"),
        bad("type", lambda w: ag.gradcheck(np.tanh, ONES, order=1.5), ArgumentError, "1.5"),
        bad("type", lambda w: ag.gradcheck(3, ONES), UnsupportedError, "3"),
        bad("type", lambda w: ag.gradcheck(np.tanh, "abc"), UnsupportedError, "'abc'"),
        bad("type", lambda w: ag.gradcheck(np.tanh, None), UnsupportedError, "None"),
        bad("type", lambda w: ag.gradcheck(np.tanh, [1j]), UnsupportedError, "1j"),
        bad("type", lambda w: ag.gradcheck(lambda x: None, ONES), UnsupportedError, "None"),
        bad("type", lambda w: ag.gradcheck(lambda x: "abc", ONES), UnsupportedError, "'abc'"),
        bad("type", lambda w: ag.gradcheck(twice, ONES), GradientCheckError, "(2,)", "2"),
        bad("nan", lambda w: ag.gradcheck(np.tanh, nans(2)), GradientCheckError, "(2,)", "nan"),
        shape="a function may take and return any shape",
        length="a function may take any number of arguments",
    ),
    "autograd_lite.compare_gradients": declare(
        compare("type", lambda w: ("a", {w.w: w.X}), ArgumentError, "'a'"),
        compare("type", lambda w: (loss(w), [1]), ArgumentError, "1"),
        compare("type", lambda w: (loss(w), {"w": w.X}), ArgumentError, "'w'"),
        compare("shape", lambda w: (w.w * 2, {w.w: w.X}), ArgumentError, "(2, 3)"),
        compare("length", lambda w: (loss(w), {}), ArgumentError, "no hand-derived"),
        compare("length", lambda w: (loss(w), {w.parameter: w.X}), ArgumentError,
                "'0.weight' (2, 3)"),
        bad("range", lambda w: ag.compare_gradients(loss(w), {w.w: w.X}, seconds=-1), ArgumentError,
            "seconds=-1"),
        nan="a gradient with NaN is wrong, as the report says",
    ),
    "autograd_lite.compile": declare(
        bad("type", lambda w: ag.compile(3), UnsupportedError, "3"),
        bad("type", lambda w: ag.compile(squares, backend=3), ArgumentError, "backend=3"),
        bad("range", lambda w: ag.compile(squares, backend="x"), ArgumentError, "backend='x'"),
        bad("shape", lambda w: ag.compile(lambda x: x @ np.ones(4))(w.w), ShapeError,
            "'w' (2, 3)", "(4,)", named="matmul"),
        Spreads(lambda w: ag.compile(np.tanh)(nans(2))),
        length="a function may take any number of arguments",
    ),
    "autograd_lite.checkpoint": declare(
        bad("type", lambda w: ag.checkpoint(3), UnsupportedError, "3"),
        bad("type", lambda w: ag.checkpoint(lambda x: None)(w.w), UnsupportedError, "None"),
        bad("type", lambda w: ag.checkpoint(lambda x: [x])(w.w), UnsupportedError, "<lambda>"),
        bad("shape", lambda w: ag.checkpoint(lambda x: x @ np.ones(4))(w.w), ShapeError,
            "'w' (2, 3)", "(4,)", named="matmul"),
        Spreads(lambda w: ag.checkpoint(np.tanh)(w.w * NAN)),
        length="a function may take any number of arguments",
        **NO_RANGE,
    ),
    "autograd_lite.from_dlpack": declare(
        bad("type", lambda w: ag.from_dlpack([1.0]), UnsupportedError, "__dlpack__"),
        bad("type", lambda w: ag.from_dlpack(w.w), UnsupportedError, "w", "detach"),
        bad("type", lambda w: ag.from_dlpack(np.arange(3), True), UnsupportedError, "int64",
            named="Tensor"),
        Spreads(lambda w: ag.from_dlpack(nans(2)).data),
        **NO_RANGE, shape="any shape", length="any length",
    ),
    "autograd_lite.ravel": declare(
        bad("type", lambda w: ag.ravel("abc"), UnsupportedError, "<U3"),
        bad("type", lambda w: ag.ravel([ONES, 3]), UnsupportedError, "[1]", "int64"),
        bad("type", lambda w: ag.ravel([ONES])[1]("abc"), ShapeError, "'abc'", named="unravel"),
        bad("shape", lambda w: ag.ravel(ONES)[1](np.ones((2, 1))), ShapeError, "(2, 1)", "2",
            named="unravel"),
        bad("length", lambda w: ag.ravel([ONES])[1](np.ones(3)), ShapeError, "(3,)", "2",
            named="unravel"),
        Spreads(lambda w: ag.ravel([nans(2)])[0]),
        **NO_RANGE,
    ),
    "autograd_lite.derive": declare(printed(ag.derive), **NO_RANGE, nan=AS_IS),
    "autograd_lite.to_source": declare(printed(ag.to_source), **NO_RANGE, nan=AS_IS),
}  # fmt: skip
