"""All of a model is found, however it is held; and saved, or else saving is refused."""

import threading
from functools import partial

import numpy as np
import pytest

import nn
from autograd_lite.errors import ArgumentError, UnsupportedError
from nn.random_state import generators

pytestmark = pytest.mark.usefixtures("own_classes")


class Holder(nn.Module):
    """Holds parts in whatever it is given, and sums up what they give."""

    def __init__(self, held):
        self.held = held

    def forward(self, x):
        return sum(layer(x) for _, layer in self.children())


def dense(seed):
    return nn.Sequential(nn.Dense(2, 3, rng=seed), nn.Dropout(0.5, rng=0))


HELD = {
    "dict of dicts": (lambda a, b: {"a": {"b": a}, "c": b}, ["a.b", "c"]),
    "list of lists": (lambda a, b: [[a], [b]], ["0.0", "1.0"]),
    "tuple of dicts of lists": (lambda a, b: (1, {"x": [a, "text"]}, (b,)), ["1.x.0", "2.0"]),
    "numbers as keys": (lambda a, b: {0: [{1: a}], -1: b}, ["0.0.1", "-1"]),
}


@pytest.mark.parametrize("held", HELD)
def test_modules_are_found_at_any_depth_of_containers(held, path):
    build, names = HELD[held]
    model = Holder(build(dense(0), dense(1)))
    tensors = [f"held.{name}.0.{tensor}" for name in names for tensor in ("weight", "bias")]
    assert [name for name, _ in model.named_parameters()] == tensors
    assert [parameter.name for parameter in model.parameters()] == tensors
    assert [name for name, _ in model.children()] == [f"held.{name}" for name in names]
    assert {m.training for _, m in model.eval().named_modules()} == {False}
    x = np.ones((4, 2))
    model(x).sum().backward()
    before = model.state_dict()
    nn.SGD(model.parameters(), learning_rate=1.0).step()
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name] - 4.0)
    model.zero_grad()
    assert {parameter.grad for parameter in model.parameters()} == {None}
    assert nn.summary(model, 2).parameters == 18
    if held != "numbers as keys":
        nn.register(Holder)
        nn.save(model, path)
        np.testing.assert_array_equal(nn.predict(nn.load(path), x), nn.predict(model, x))


def test_parameters_and_generators_are_found_at_any_depth_too():
    model = Holder([{"w": (nn.Parameter([1.0]),)}, [[nn.Buffer([2.0])]]])
    model.rngs = {"a": [np.random.default_rng(0)]}
    assert list(model.state_dict()) == ["held.0.w.0", "held.1.0.0"]
    assert list(generators(model)) == ["rngs.a.0"]


@pytest.mark.parametrize(
    "held",
    [
        lambda a, b: {0: a, "0": b},
        lambda a, b: {"x": [a], "x.0": b},
        lambda a, b: {"a": {1: {"b": a}}, "a.1": {"b": b}},
    ],
)
@pytest.mark.parametrize("part", [dense, lambda seed: nn.Parameter([1.0])])
def test_names_that_are_the_same_as_text_are_refused(held, part):
    with pytest.raises(ArgumentError, match=r"Holder.*the name 'held\.[0xa]"):
        Holder(held(part(0), part(1)))
    same = part(0)
    model = Holder(held(same, same))
    assert model.parameters() == ([same] if isinstance(same, nn.Parameter) else same.parameters())


def test_a_container_that_holds_itself_is_walked_once():
    held = [nn.Dense(2, 1)]
    held.append(held)
    model = Holder(held)
    model.parent = model
    assert [name for name, _ in model.named_modules()] == ["", "held.0"]


def test_what_a_subclass_of_sequential_adds_is_found():
    class Headed(nn.Sequential):
        def __init__(self, *layers):
            super().__init__(*layers)
            self.head = nn.Dense(3, 1)

    names = [name for name, _ in Headed(nn.Dense(2, 3)).named_parameters()]
    assert names == ["0.weight", "0.bias", "head.weight", "head.bias"]


def test_a_shared_module_is_visited_once(path):
    model = nn.Tanh()
    for _ in range(14):
        model = nn.Sequential(model, model)
    assert len(list(model.named_modules())) == 15
    nn.save(model, path)
    assert len(list(nn.load(path).named_modules())) == 15


# --- what a file does not tell


class Inner(nn.Module):
    def __init__(self, factors=(1.0,) * 50):
        self.factors = factors

    def forward(self, x):
        return x * self.factors[0]


class Outer(nn.Module):
    def __init__(self, scale=1.0):
        self.scale = scale
        self.inner = Inner()
        self.first, self.second = Inner(), Inner()
        self.third = self.first
        self.table = np.arange(1000.0)
        self.function = partial(np.clip, a_min=0)
        self.key = lambda x: x * scale
        self.kinds = {"a": {1, 2}, "b": [Inner, None, np.float32(1)]}
        self.last = None
        self._width = 3
        self.rng = np.random.default_rng()

    def forward(self, x):
        return self.inner(x) * self.scale


def replaced(array, index, value):
    array = array.copy()
    array[index] = value
    return array


CHANGES = {
    "inner.factors": lambda m: setattr(m.inner, "factors", (2.0,) * 50),
    "third": lambda m: setattr(m, "third", m.second),
    "table": lambda m: setattr(m, "table", replaced(m.table, 500, 0.5)),
    "function": lambda m: setattr(m, "function", partial(np.clip, a_min=1)),
    "key": lambda m: setattr(m, "key", Outer(2.0).key),
    "kinds": lambda m: m.kinds["a"].add(3),
    "last": lambda m: setattr(m, "last", np.ones(2)),
    "_width": lambda m: setattr(m, "_width", 4),
    "extra": lambda m: setattr(m, "extra", 0),
    "inner.note": lambda m: setattr(m.inner, "note", "mine"),
    "forward": lambda m: setattr(m, "forward", np.tanh),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_attribute_that_the_file_does_not_tell_is_refused(path, name):
    nn.register(Outer)
    model = Outer(3.0)
    nn.save(model.eval(), path)
    assert nn.load(path)(1.0) == 3.0
    CHANGES[name](model)
    with pytest.raises(UnsupportedError, match=f"does not tell {name}: ".replace(".", r"\.")):
        nn.save(model, path)


def test_a_field_of_the_base_that_the_constructor_does_not_take_is_told_or_refused(path):
    @nn.register
    class Noise(nn.Dropout):
        def __init__(self, q=0.3):
            super().__init__(p=q)
            self.q = q

    model = Noise(0.4)
    nn.save(model, path)
    assert nn.load(path).p == 0.4
    model.p = 0.9
    with pytest.raises(UnsupportedError, match="does not tell p: "):
        nn.save(model, path)


def test_an_attribute_that_nothing_tells_is_refused_by_name(path):
    nn.register(Outer)
    model = Outer()
    model.inner.lock = threading.Lock()
    with pytest.raises(
        UnsupportedError, match=r"^nn.save of Outer with inner\.lock: nothing tells"
    ):
        nn.save(model, path)


@pytest.mark.parametrize(
    "number", [np.float32(0.1), np.float64(0.1), np.int64(3), np.bool_(True), np.str_("a")]
)
def test_numbers_of_numpy_are_numbers_also_within_tuples(path, number):
    @nn.register
    class Keeps(nn.Module):
        def __init__(self, k, several=()):
            self.k, self.several = k, several

    nn.save(Keeps(number, several=(number, [number])), path)
    loaded = nn.load(path)
    assert loaded.k == number
    assert loaded.several == (number, [number])


def test_fields_keep_numbers_of_numpy_as_numbers(path):
    model = nn.LayerNorm((np.int64(3), np.int32(2)), epsilon=np.float32(0.5))
    nn.save(nn.Sequential(model, nn.LayerNorm(np.int64(2))), path)
    assert repr(model) == "LayerNorm((3, 2), epsilon=0.5)  # 12 parameters"
    assert [type(length) for length in nn.load(path)[0].normalized_shape] == [int, int]


# --- what is shown of it


def test_an_argument_that_a_property_keeps_is_shown_and_saved(path):
    @nn.register
    class Power(nn.Module):
        def __init__(self, exponent):
            self.exponent = exponent

        @property
        def exponent(self):
            return self._exponent

        @exponent.setter
        def exponent(self, value):
            self._exponent = float(value)

    nn.save(Power(3), path)
    assert repr(nn.load(path)) == "Power(3.0)"


def test_what_differs_from_the_default_is_shown_even_if_it_is_described_alike():
    ones = np.ones(3)

    class Keeps(nn.Module):
        def __init__(self, table=ones, several=(1.0,) * 50, dtype=None):
            self.table, self.several = table, several
            self.weight = nn.Parameter([1.0], dtype=dtype)

    assert Keeps(np.ones(3)).extra_repr() == ""
    assert Keeps(np.zeros(3), (2.0,) * 50).extra_repr() == "table=array (3,), several=tuple"
    assert Keeps(dtype=np.float32).extra_repr() == "dtype=float32"
