"""Functions that are hard to compile: what makes one, what changes it, and what it is given.

What makes one is called anew for each way to compute it, so that these share nothing.
"""

import collections
import dataclasses
import enum
import functools
import operator
import pathlib
import sys
import tempfile
import types
import weakref

import numpy as np

import autograd_lite
from autograd_lite import Tensor

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
def an_attribute():
    held = types.SimpleNamespace(inner=types.SimpleNamespace(w=np.ones(4)))
    return changing(
        lambda x: (x * held.inner.w).sum(), lambda: operator.setitem(held.inner.w, 1, 7)
    )


@trap
def an_attribute_that_may_be_there():
    held = types.SimpleNamespace()
    return changing(
        lambda x: (x * (5.0 if hasattr(held, "w") else 1.0)).sum(), lambda: setattr(held, "w", 1)
    )


@trap
def a_variable_that_a_module_may_have():
    module = types.ModuleType("settings_of_ones_own")
    return changing(
        lambda x: (x * (5.0 if hasattr(module, "w") else 1.0)).sum(),
        lambda: setattr(module, "w", 1),
    )


@trap
def a_name_that_is_put_together():
    module = types.ModuleType("settings_of_ones_own")
    module.w1 = 1.0
    return changing(
        lambda x: (x * getattr(module, "w" + str(1))).sum(), lambda: setattr(module, "w1", 3.0)
    )


@trap
def a_name_from_a_table_of_a_class():
    class Settings:
        w = [1.0]  # noqa: RUF012 - changed on purpose

    names = ["w"]
    return changing(
        lambda x: (x * getattr(Settings, names[0])[0]).sum(), lambda: Settings.w.insert(0, 3.0)
    )


@trap
def attrgetter():
    module = types.ModuleType("settings_of_ones_own")
    module.w, get = 1.0, operator.attrgetter("w")
    return changing(lambda x: (x * get(module)).sum(), lambda: setattr(module, "w", 3.0))


@trap
def a_module_imported_within():
    module = types.ModuleType("settings_imported_within")
    module.w = 1.0

    def f(x):
        import settings_imported_within as settings

        return (x * settings.w).sum()

    def given(number):
        sys.modules["settings_imported_within"] = module
        return (point(number),)

    return changing(f, lambda: setattr(module, "w", 3.0), given)


@trap
def a_name_imported_within():
    module = types.ModuleType("settings_imported_within")
    module.w = 1.0

    def f(x):
        from settings_imported_within import w

        return (x * w).sum()

    def given(number):
        sys.modules["settings_imported_within"] = module
        return (point(number),)

    return changing(f, lambda: setattr(module, "w", 3.0), given)


@trap
def a_class_attribute():
    class Settings:
        w = 1.0

    return changing(lambda x: (x * Settings.w).sum(), lambda: setattr(Settings, "w", 3.0))


@trap
def an_attribute_of_a_metaclass():
    class Meta(type):
        w = 1.0

    class Settings(metaclass=Meta):
        pass

    return changing(lambda x: (x * Settings.w).sum(), lambda: setattr(Meta, "w", 3.0))


@trap
def a_property():
    class Settings:
        half = 1.0

        @property
        def w(self):
            return 2 * self.half

    held = Settings()
    return changing(lambda x: (x * held.w).sum(), lambda: setattr(held, "half", 3.0))


@trap
def a_descriptor():
    values = [1.0]

    class Reads:
        def __get__(self, held, kind):
            return values[0]

    class Settings:
        w = Reads()

    held = Settings()
    return changing(lambda x: (x * held.w).sum(), lambda: values.insert(0, 3.0))


@trap
def attributes_that_are_made_up():
    values = {"w": 1.0}

    class Settings:
        def __getattr__(self, name):
            return values[name]

    held = Settings()
    return changing(lambda x: (x * held.w).sum(), lambda: values.update(w=3.0))


@trap
def a_method_that_a_subclass_gets():
    class Base:
        def w(self):
            return 2.0

    class Derived(Base):
        pass

    held = Derived()
    return changing(lambda x: (x * held.w()).sum(), lambda: setattr(Derived, "w", lambda self: 5.0))


@trap
def a_static_method():
    class Tools:
        @staticmethod
        def scaled(x):
            return 2 * x

    return changing(
        lambda x: Tools.scaled(x).sum(),
        lambda: setattr(Tools, "scaled", staticmethod(lambda x: 5 * x)),
    )


@trap
def a_value_that_is_kept():
    class Settings:
        half = 1.0

        @functools.cached_property
        def w(self):
            return 2 * self.half

    held = Settings()

    def change():
        held.half = 3.0
        vars(held).pop("w", None)

    return changing(lambda x: (x * held.w).sum(), change)


@trap
def what_a_function_remembers():
    values = [1.0]

    @functools.lru_cache
    def w(key):
        return values[0]

    def change():
        values[0] = 3.0
        w.cache_clear()

    return changing(lambda x: (x * w(0)).sum(), change)


@trap
def a_weak_reference():
    class Settings:
        w = 1.0

    held = Settings()
    refer = weakref.ref(held)
    return changing(lambda x: (x * refer().w).sum(), lambda: setattr(held, "w", 3.0))


@trap
def a_member_of_an_enumeration():
    class Ways(enum.Enum):
        ONE = 1.0
        TWO = 2.0

    table = {"way": Ways.ONE}
    return changing(lambda x: (x * table["way"].value).sum(), lambda: table.update(way=Ways.TWO))


@trap
def a_data_class():
    @dataclasses.dataclass
    class Settings:
        w: list = dataclasses.field(default_factory=lambda: [1.0])

    held = Settings()
    return changing(lambda x: (x * held.w[0]).sum(), lambda: held.w.insert(0, 3.0))


@trap
def functions_by_name():
    names = ["sin", "cos"]
    return changing(
        lambda x: functools.reduce(lambda y, name: getattr(np, name)(y), names, x).sum(),
        names.reverse,
    )


@trap
def keywords_in_a_table():
    keywords = {"axis": 0}
    return changing(
        lambda x: np.cumsum(x.reshape(2, 2), **keywords)[1].sum(), lambda: keywords.update(axis=1)
    )


@trap
def a_compiled_function_within():
    w = [1.0]
    within = autograd_lite.compile(lambda x: x * w[0])
    return changing(lambda x: within(x).sum(), lambda: w.insert(0, 3.0))


@trap
def a_file():
    path = pathlib.Path(tempfile.mkdtemp()) / "w"
    path.write_text("1")
    return changing(lambda x: (x * float(path.read_text())).sum(), lambda: path.write_text("3"))


@trap
def a_setting_of_numpys():
    def given(number):
        np.set_printoptions(precision=8 if number < CHANGED else 4)
        return (point(number),)

    f, _ = changing(lambda x: x.sum() * np.get_printoptions()["precision"], lambda: None)
    return f, given


@trap
def entries_that_are_rewritten():
    w = np.ones(4)
    return changing(lambda x: (x * w).sum() * w.max(), lambda: w.fill(3.0))


@trap
def entries_of_a_large_array():
    w = np.ones(9000)
    return changing(
        lambda x: (x[0] * w).sum() * (2 if w[77] > 1 else 3) * w.max(),
        lambda: operator.setitem(w, 77, 3.0),
    )


@trap
def a_view_of_a_large_array():
    w = np.ones((100, 200))
    views = [w[10:, ::2]]
    return changing(lambda x: (x[0] * views[0]).sum() * views[0][0, 0], lambda: w.fill(3.0))


@trap
def large_numbers_of_places():
    places = np.zeros(20000, int)
    return changing(lambda x: x[places].sum() * (places[0] + 1), lambda: places.fill(2))


@trap
def a_shape_that_is_changed():
    w = np.arange(4.0)
    return changing(lambda x: (x * w.reshape(-1)).sum() * w.ndim, lambda: w.resize((2, 2)))


@trap
def arrays_within_an_array():
    w = np.array([np.ones(4), 2.0], dtype=object)
    return changing(lambda x: (x * w[0] * w[1]).sum(), lambda: operator.setitem(w[0], 1, 7.0))


@trap
def memory_that_another_object_has():
    raw = bytearray(np.ones(4).tobytes())
    w = np.frombuffer(raw)
    return changing(
        lambda x: (x * w).sum() * w[0],
        lambda: operator.setitem(raw, slice(None), np.full(4, 3.0).tobytes()),
    )


@trap
def a_broadcast_view():
    w = np.ones(1)
    wide = np.broadcast_to(w, 4)
    return changing(lambda x: (x * wide).sum(), lambda: w.fill(3.0))


@trap
def a_tensor():
    w = Tensor(np.ones(4))
    return changing(
        lambda x: float((np.asarray(1.0) * w.numpy()).sum()) * (x * x).sum(),
        lambda: w.data.fill(3.0),
    )


@trap
def a_tensor_that_requires_grad_later():
    w = Tensor(np.ones(4))
    return changing(lambda x: (x * w).sum() * 2, lambda: setattr(w, "requires_grad", True))


@trap
def entries_by_data():
    def f(x):
        entries = getattr(x, "data", x) if isinstance(x, Tensor) else x
        return x.sum() * (2 if entries[0] > 0 else 3)

    return changing(f, lambda: None)


@trap
def entries_of_what_is_computed():
    def f(x):
        y = x * 2
        return y.sum() * (2 if (y.data if isinstance(y, Tensor) else y)[0] > 0 else 3)

    return changing(f, lambda: None)


@trap
def a_branch_on_one_entry():
    return changing(lambda x: x.sum() * (2 if x.tolist()[0] > 0 else 3), lambda: None)


@trap
def a_loop_until_it_is_enough():
    def f(x):
        y = x * x
        while y.sum() < 40:
            y = y * 2
        return y.sum()

    return changing(f, lambda: None)


@trap
def a_loop_over_entries():
    return changing(lambda x: sum(v * 2 if v > 0 else v * 3 for v in x), lambda: None)


@trap
def a_test_of_text():
    return changing(lambda x: x.sum() * (2 if "-" in repr(x.sum()) else 3), lambda: None)


@trap
def a_mask():
    return changing(lambda x: (x[x > 0] ** 2).sum(), lambda: None)


@trap
def places_by_order():
    return changing(lambda x: (x[np.argsort(x)] * np.arange(4.0)).sum(), lambda: None)


@trap
def how_often_it_is_done():
    def f(x, count):
        for _ in range(count):
            x = np.tanh(x * 1.1)
        return x.sum()

    return changing(f, lambda: None, lambda number: (point(number), 2 + number // 4))


@trap
def one_and_true():
    def f(x, how):
        return (x * (2.0 if how is True else 5.0)).sum()

    return changing(f, lambda: None, lambda number: (point(number), True if number % 3 else 1))


@trap
def zeros_of_other_signs():
    def f(x, zero):
        return (x * np.copysign(1.0, zero)).sum()

    return changing(f, lambda: None, lambda number: (point(number), 0.0 if number % 3 else -0.0))


@trap
def other_shapes_and_dtypes():
    def given(number):
        return (point(number, 4 + number % 2).astype([float, np.float32][number // 4 % 2]),)

    return changing(lambda x: (x / len(x)).sum() * x.shape[0] * 1.5, lambda: None, given)


@trap
def one_array_given_twice():
    def given(number):
        x = point(number, 8)
        return (x[:4], x[2:6]) if number % 2 else (x[:4], x[:4])

    return changing(lambda a, b: (a * b).sum() + a.sum(), lambda: None, given)


@trap
def an_array_that_the_caller_rewrites():
    x = np.zeros(4)

    def given(number):
        x[:] = point(number)
        return (x,)

    return changing(lambda x: (x * x).sum(), lambda: None, given)


@trap
def small_integers_that_overflow():
    def given(number):
        return point(number), np.arange(4, dtype=np.int8) * 20 + number

    return changing(lambda x, k: (x * (k * k)).sum(), lambda: None, given)


@trap
def ties():
    return changing(
        lambda x: np.max(x) * 2 + np.sort(x)[1] + np.maximum(x, 0).sum() + np.abs(x).sum(),
        lambda: None,
        lambda number: (np.round(point(number)),),
    )


@trap
def products_of_transposed():
    def given(number):
        return point(number, 12).reshape(3, 4), point(number + 50, 20).reshape(5, 4)

    return changing(lambda a, b: (a @ b.T).sum() + (b @ b.T)[0].sum(), lambda: None, given)
