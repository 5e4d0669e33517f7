"""Functions that are hard to compile, as what changes is in an object, a file or a setting."""

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
from functions_that_change import CHANGED, changing, point, trap

import autograd_lite


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
