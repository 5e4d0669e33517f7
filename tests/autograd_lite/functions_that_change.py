"""Functions that are hard to compile: what makes one, what changes it, and what it is given.

Here are those that find what changes by a name, or in a list or table.

What makes one is called anew for each way to compute it, so that these share nothing.
"""

import collections
import functools
import operator

import numpy as np

TRAPS = {}
CHANGED = 4
"""The call before which there is a change."""


def trap(make):
    TRAPS[make.__name__] = make
    return make


def point(number, n=4):
    return np.random.default_rng(100 + number).normal(size=n)


def changing(f, change, given=lambda number: (point(number),)):
    """A function, and what gives its arguments, after a change in one of the calls."""

    def arguments(number):
        if number == CHANGED:
            change()
        return given(number)

    return f, arguments


def in_namespace(text, **names):
    """A function that was made of text, and its global variables."""
    names["np"] = np
    exec(f"def f(x):\n{text}", names)
    return names["f"], names


@trap
def a_closure():
    w = 2.0

    def change():
        nonlocal w
        w = 3.0

    return changing(lambda x: (x * w).sum(), change)


@trap
def a_global():
    f, names = in_namespace("    return (x * W).sum()", W=1.0)
    return changing(f, lambda: names.update(W=3.0))


@trap
def a_global_that_is_made_later():
    body = (
        "    try:\n        w = W\n    except NameError:\n        w = 1.0\n    return (x * w).sum()"
    )
    f, names = in_namespace(body)
    return changing(f, lambda: names.update(W=3.0))


@trap
def a_function_of_pythons_replaced():
    f, names = in_namespace("    return (x * len(x)).sum()")
    return changing(f, lambda: names.update(len=lambda x: 9.0))


@trap
def globals_by_name():
    f, names = in_namespace("    return (x * globals()['W']).sum()", W=1.0)
    return changing(f, lambda: names.update(W=3.0))


@trap
def a_mutable_default():
    def f(x, w=[1.0]):  # noqa: B006 - changed on purpose
        return (x * w[0]).sum()

    return changing(f, lambda: operator.setitem(f.__defaults__[0], 0, 3.0))


@trap
def defaults_replaced():
    def f(x, w=1.0):
        return (x * w).sum()

    return changing(f, lambda: setattr(f, "__defaults__", (3.0,)))


@trap
def defaults_of_keywords_replaced():
    def f(x, *, w=1.0):
        return (x * w).sum()

    return changing(f, lambda: f.__kwdefaults__.update(w=3.0))


@trap
def code_replaced():
    def f(x):
        return (x * 2).sum()

    return changing(f, lambda: setattr(f, "__code__", (lambda x: (x * 3).sum()).__code__))


@trap
def a_function_that_goes_by_another_name():
    w = [1.0]

    @functools.wraps(np.sin)
    def g(x):
        return np.sin(x) * w[0]

    return changing(lambda x: g(x).sum(), lambda: w.append(w.pop() + 1))


@trap
def arrays_in_a_list():
    arrays = [np.ones(4), np.full(4, 2.0)]
    return changing(
        lambda x: sum((x * w).sum() for w in arrays), lambda: operator.setitem(arrays[1], 0, 9)
    )


@trap
def a_list_that_grows():
    arrays = [np.ones(4)]
    return changing(lambda x: sum((x * w).sum() for w in arrays), lambda: arrays.append(np.ones(4)))


@trap
def a_key_in_a_table():
    table, key = {"a": 1.0, "b": 2.0}, ["a"]
    return changing(lambda x: (x * table[key[0]]).sum(), lambda: operator.setitem(key, 0, "b"))


@trap
def the_order_of_a_table():
    table = {"a": 1.0, "b": 3.0}
    return changing(
        lambda x: (x * functools.reduce(lambda y, k: 2 * y + table[k], table, 0.0)).sum(),
        lambda: table.update(a=table.pop("a")),
    )


@trap
def an_equal_number_of_another_type():
    table = {"a": 1}
    return changing(
        lambda x: (x * (2.0 if type(table["a"]) is int else 7.0)).sum(),
        lambda: table.update(a=True),
    )


@trap
def what_a_table_makes():
    table = collections.defaultdict(lambda: 1.0)
    return changing(
        lambda x: (x * table.default_factory()).sum(),
        lambda: setattr(table, "default_factory", lambda: 3.0),
    )


@trap
def an_implementation_for_a_type():
    factor = {"k": 2.0}

    @functools.singledispatch
    def scaled(x):
        return x * factor["k"]

    def change():
        scaled.register(object, lambda x: x * 3.0)

    return changing(lambda x: scaled(x).sum(), change)


@trap
def what_a_cached_function_keeps():
    @functools.cache
    def settings():
        return {"k": 2.0}

    return changing(lambda x: (x * settings()["k"]).sum(), lambda: settings().update(k=3.0))


@trap
def a_method_of_a_named_tuple():
    factor = [2.0]

    class Line(collections.namedtuple("Line", "slope start")):
        def at(self, x):
            return (self.slope * x + self.start).sum() * factor[0]

    def given(number):
        return Line(point(number), point(-number)), point(number)

    return changing(lambda line, x: line.at(x), lambda: factor.append(factor.pop() + 1), given)


@trap
def named_tuples_of_other_names():
    one, two = (collections.namedtuple("Both", names) for names in ("low high", "high low"))

    def given(number):
        kind = one if number < CHANGED else two
        return (kind(point(number), point(-number)),)

    return changing(lambda x: (x.high - 2 * x.low).sum(), lambda: None, given)


@trap
def keys_that_are_equal():
    def f(x):
        return sum((value * (3.0 if type(key) is bool else 2.0)).sum() for key, value in x.items())

    return changing(f, lambda: None, lambda n: ({1 if n < CHANGED else True: point(n)},))


@trap
def keys_that_are_objects():
    class Key:
        k = 2.0

    key = Key()
    f = lambda x: sum((value * key.k).sum() for key, value in x.items())
    return changing(f, lambda: setattr(key, "k", 3.0), lambda number: ({key: point(number)},))


@trap
def an_attribute_of_a_dict():
    class Weights(dict):
        k = 1.0

    def given(number):
        weights = Weights(w=point(number))
        weights.k = 2.0 + (number >= CHANGED)
        return (weights,)

    return changing(lambda x: (x["w"] * x.k).sum(), lambda: None, given)


@trap
def arrays_in_another_layout():
    def given(number):
        flat = point(number, 60 * 50)
        shaped = flat.reshape(60, 50) if number < CHANGED else flat.reshape(50, 60).T
        return (shaped,)

    return changing(lambda x: ((x * x).mean(axis=0) * x[0]).sum(), lambda: None, given)


@trap
def the_sign_of_a_zero():
    def f(x):
        return (x * np.copysign(1.0, x[0].item())).sum()

    def given(number):
        return (np.array([0.0 if number < CHANGED else -0.0, number]),)

    return changing(f, lambda: None, given)
