"""Bad input of activations as modules."""

import numpy as np
from declaring import Spreads, bad, declare, number
from world import nans

import nn
from autograd_lite.errors import ArgumentError, IndexingError, UnsupportedError

ANY_SHAPE = {"shape": "it takes any shape", "length": "it takes one array"}
NO_NUMBER = {"range": "it takes no number"}


def inputs(make):
    """Text, whatever way it comes, and objects."""
    wrong = ["abc", None, np.array(["a"]), np.array([None])]
    words = ["'abc'", "None", "(1,)", "(1,)"]
    return [
        *(
            bad("type", lambda w, x=x: make()(x), UnsupportedError, word)
            for x, word in zip(wrong, words)
        ),
        Spreads(lambda w: make()(nans(2, 3))),
    ]


def along_axis(make, function):
    return declare(
        inputs(make),
        number("axis", lambda w, v: make(v), 0.5, error=ArgumentError),
        bad("type", lambda w: make(None), ArgumentError, "axis=None"),
        bad("length", lambda w: make((0, 1)), ArgumentError, "axis=(0, 1)"),
        bad("range", lambda w: make(2)(w.w), IndexingError, "'w' (2, 3)", "axis 2", named=function),
        shape=ANY_SHAPE["shape"],
    )


DECLARED = {
    **{
        f"nn.{kind.__name__}": declare(inputs(kind), **ANY_SHAPE, **NO_NUMBER)
        for kind in nn.ReLU.__base__.__subclasses__()
        if not kind._fields
    },
    "nn.LeakyReLU": declare(
        inputs(nn.LeakyReLU),
        number("negative_slope", lambda w, v: nn.LeakyReLU(v), float("inf"), True),
        **ANY_SHAPE,
    ),
    "nn.ELU": declare(
        inputs(nn.ELU),
        number("alpha", lambda w, v: nn.ELU(v), float("inf"), True),
        **ANY_SHAPE,
    ),
    "nn.Softmax": along_axis(nn.Softmax, "softmax"),
    "nn.LogSoftmax": along_axis(nn.LogSoftmax, "log_softmax"),
}
