"""Bad input of initial weights, and of data sets that are drawn."""

from declaring import bad, declare, number

from autograd_lite.errors import ArgumentError, UnsupportedError
from nn import datasets, init

SIZES = {"shape": "it takes no array", "length": "it takes no list"}


def sizes(function):
    return [
        number("fan_in", lambda w, v: function(w.rng, v, 2), 0, -1, 2.5),
        number("fan_out", lambda w, v: function(w.rng, 2, v), 0, -1, 2.5),
    ]


def drawn(function):
    """Refusals of an initializer that draws."""
    return [
        sizes(function),
        bad("type", lambda w: function("a", 2, 2), UnsupportedError, "rng='a'"),
        bad("type", lambda w: function(None, 2, 2), UnsupportedError, "rng=None"),
        bad("type", lambda w: function(0, 2, 2), UnsupportedError, "rng=0"),
    ]


def data_set(function):
    return declare(
        number("n", lambda w, v: function(v, rng=w.rng), 0, -1, 2.5, True),
        number("noise", lambda w, v: function(4, noise=v, rng=w.rng), -0.1, float("inf")),
        bad("type", lambda w: function(4, rng="a"), UnsupportedError, "rng='a'"),
        bad("type", lambda w: function(4, rng=1.5), UnsupportedError, "rng=1.5"),
        bad("range", lambda w: function(4, rng=-1), UnsupportedError, "rng=-1"),
        **SIZES,
    )


DECLARED = {
    **{
        f"nn.init.{name}": declare(drawn(getattr(init, name)), **SIZES)
        for name in (
            "xavier_normal",
            "xavier_uniform",
            "he_normal",
            "he_uniform",
            "lecun_normal",
            "lecun_uniform",
        )
    },
    "nn.init.zeros": declare(sizes(init.zeros), **SIZES),
    "nn.init.constant": declare(
        sizes(init.constant),
        number("value", lambda w, v: init.constant(w.rng, 2, 2, v), float("inf")),
        **SIZES,
    ),
    "nn.init.normal": declare(
        drawn(init.normal),
        number("mean", lambda w, v: init.normal(w.rng, 2, 2, mean=v), float("inf")),
        number(
            "standard_deviation",
            lambda w, v: init.normal(w.rng, 2, 2, standard_deviation=v),
            -0.1,
            float("inf"),
        ),
        **SIZES,
    ),
    "nn.init.uniform": declare(
        drawn(init.uniform),
        number("low", lambda w, v: init.uniform(w.rng, 2, 2, low=v), -float("inf")),
        number("high", lambda w, v: init.uniform(w.rng, 2, 2, low=0.5, high=v), 0.25),
        **SIZES,
    ),
    "nn.init.orthogonal": declare(
        drawn(init.orthogonal),
        number("gain", lambda w, v: init.orthogonal(w.rng, 2, 2, gain=v), float("inf")),
        **SIZES,
    ),
    "nn.init.initializer": declare(
        bad("type", lambda w: init.initializer(3), ArgumentError, "3", named="weight_init"),
        bad("type", lambda w: init.initializer(None), ArgumentError, "None", named="weight_init"),
        bad("type", lambda w: init.initializer(["zeros"]), ArgumentError, "['zeros']",
            named="weight_init"),
        bad("range", lambda w: init.initializer("hee"), ArgumentError, "'hee'", "he_normal",
            named="weight_init"),
        shape="it takes no array",
        length="it takes no list",
        nan="it takes no number",
    ),
    **{
        f"nn.datasets.{name}": data_set(getattr(datasets, name))
        for name in ("disc_in_ring", "spirals", "xor", "blobs")
    },
}  # fmt: skip
