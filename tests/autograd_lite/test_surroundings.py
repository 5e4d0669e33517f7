"""What functions read from outside is looked at, or it is said that it cannot be."""

import array
import collections
import contextvars
import functools
import io
import itertools
import random
import time
import types
from dataclasses import dataclass

import numpy as np

import autograd_lite
from autograd_lite import Tensor
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.watched import LARGE, MOST_BYTES


class Plain:
    def __init__(self):
        self.value, self.inner, self.array = 0.1, {"deep": [0.1]}, np.array([0.1])


class Slotted:
    __slots__ = ("__hidden", "value")

    def __init__(self):
        self.value = self.__hidden = 0.1

    def hide(self, value):
        self.__hidden = value

    def read(self):
        return self.__hidden


@dataclass(slots=True)
class Settings:
    value: float = 0.1


class OfClass:
    value = 0.1
    values = [0.1]  # noqa: RUF012 - changed on purpose


class Counts:
    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.count

    __getitem__ = __call__


def settings_module():
    module = types.ModuleType("settings_of_ones_own")
    module.value, module.OfClass = 0.1, OfClass
    return module


def cases():
    """By name: what reads, what changes what is read."""
    plain, slotted, settings, module = Plain(), Slotted(), Settings(), settings_module()
    numbers, table, some, queue = [0.1], {"a": 0.1}, {1}, collections.deque([0.1])
    entries, scalar, held = np.array([0.1]), np.array(0.1), [np.array([0.1])]
    tensor = Tensor(0.1)
    named = collections.namedtuple("Named", "values")([0.1])
    counts = collections.Counter("a")

    def own(values=[0.1]):  # noqa: B006 - changed on purpose
        return values[0] + own.value

    own.value = 0.1
    yield "a list", lambda: numbers[0], lambda: numbers.append(1)
    yield (
        "equal numbers of other types",
        lambda: table["a"],
        lambda: table.update(a=np.float64(0.1)),
    )
    yield "zeros of other signs", lambda: numbers[0], lambda: numbers.__setitem__(0, -0.0)
    yield "a key", lambda: [*table], lambda: table.update(b=table.pop("a"))
    yield "a set", lambda: len(some), lambda: some.add(2)
    yield "a deque", lambda: sum(queue), lambda: queue.rotate() or queue.append(0.1)
    yield "a counter", lambda: counts["a"], lambda: counts.update("a")
    yield "a view of a dict", functools.partial(types.MappingProxyType(table).get, "a"), table.clear
    yield "a named tuple", lambda: named.values[0], lambda: named.values.append(1)
    yield (
        "a bound method in C",
        (lambda get: lambda: get("c"))(table.get),
        lambda: table.update(c=1),
    )
    yield "a slot of C", (lambda n: lambda: n())(numbers.__len__), lambda: numbers.append(2)
    yield "an attribute", lambda: plain.value, lambda: setattr(plain, "value", 0.2)
    yield "a depth", lambda: plain.inner["deep"][0], lambda: plain.inner["deep"].append(1)
    yield "entries of an attribute", lambda: plain.array[0], lambda: plain.array.fill(1)
    yield "a slot", lambda: slotted.value, lambda: setattr(slotted, "value", 0.2)
    yield "a private slot", lambda: slotted.read(), lambda: slotted.hide(0.2)
    yield "a dataclass", lambda: settings.value, lambda: setattr(settings, "value", 0.2)
    yield "a class", lambda: OfClass.value, lambda: setattr(OfClass, "value", OfClass.value + 1)
    yield "a list of a class", lambda: OfClass.values[0], lambda: OfClass.values.append(1)
    yield "a module", lambda: module.value, lambda: setattr(module, "value", 0.2)
    yield "getattr", lambda: getattr(module, "value"), lambda: setattr(module, "value", 0.3)  # noqa: B009 - the call is what is followed
    yield "a module's class", lambda: module.OfClass.values, lambda: OfClass.values.append(1)
    yield "entries", lambda: entries[0], lambda: entries.fill(0.2)
    yield "what is made of entries", lambda: np.exp(entries).sum(), lambda: entries.fill(0.3)
    yield "a number in an array", lambda: float(scalar), lambda: scalar.fill(0.2)
    yield "arrays in a list", lambda: held[0].max(), lambda: held[0].fill(0.2)
    yield "a tensor", lambda: np.exp(tensor), lambda: setattr(tensor, "data", np.array(0.2))
    yield "a default", own, lambda: own.__defaults__[0].append(1)
    yield "a function's attribute", own, lambda: setattr(own, "value", 0.2)


def test_each_change_of_what_is_read_is_seen():
    for name, reads, change in cases():
        seen = Surroundings([reads], strict=False)
        assert not seen.unseen, name
        assert seen.are_unchanged(), name
        change()
        assert not seen.are_unchanged(), name


def test_what_may_change_unseen_is_told():
    buffer, rows = bytearray(b"a"), array.array("d", [0.1])
    variable, pages = contextvars.ContextVar("variable", default=0.1), io.StringIO()
    numbers, pairs, both = itertools.count(), (x for x in [1]), zip([1], [2], strict=True)
    clock, write = time.monotonic, pages.write
    for name, reads in {
        "bytearray": lambda: len(buffer),
        "array.array": lambda: rows[0],
        "ContextVar": lambda: variable.get(),
        "itertools.count": lambda: [numbers],
        "generator": lambda: [*pairs],
        "zip": lambda: [*both],
        "time.monotonic": lambda: clock(),
        "time.process_time": lambda: time.process_time(),
        "StringIO": lambda: write("a"),
    }.items():
        assert name in Surroundings([reads], strict=False).unseen, name


def test_a_variable_that_is_not_assigned_yet_is_told():
    def computes(x):
        return x * later

    found = Surroundings([computes], strict=False)
    later = 2.0
    assert "later is used" in found.unseen
    assert computes(1.0) == later


def test_names_of_arguments_and_local_variables_are_free():
    def computes(input, data=0.0):  # noqa: A002 - it is a name that arguments have
        time = input * 2
        return [item + data for item in (time, input)]

    assert not Surroundings([computes], strict=True).acts


def test_what_acts_through_operators_and_aliases_is_told():
    counts, draw = Counts(), random.random
    for acts in (lambda: counts(), lambda: counts[0]):
        assert "more than compute: count" in Surroundings([acts], strict=True).acts
    assert "random" in Surroundings([lambda: draw()], strict=True).unseen


def test_what_never_changes_is_no_obstacle():
    scale, names, power = 0.5, ("a", "b"), functools.partial(np.power, 2.0)
    shape = np.dtype(float), slice(2), np.float32(1), OfClass

    def computes(x):
        return np.tanh(power(x) * scale) + len(names) + len(shape) + max(1, abs(2))

    found = Surroundings([computes], strict=True)
    assert (found.acts, found.unseen, found.are_unchanged()) == ("", "", True)


def test_entries_of_large_arrays_are_compared_up_to_a_size():
    large = np.ones(LARGE // 8)
    for reads in (lambda x: (x * large).sum(), lambda x: (x * large).sum() * large.max()):
        fast = autograd_lite.compile(reads)
        for number in (1.0, 2.0, 3.0):
            fast(np.array([number]))
        assert fast.backend == "numpy"
        for value in (2.0, 3.0):
            large[7] = value
            assert fast(np.array([1.0])) == reads(np.array([1.0]))
    half = np.ones(MOST_BYTES // 16)
    both = [half, half + 1]
    assert not Surroundings([lambda: both], strict=False).unseen
    both.append(half[1:])
    assert "too large to be compared" in Surroundings([lambda: both], strict=False).unseen
