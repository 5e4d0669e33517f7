"""What is found inside of modules, how it is named, and what attributes may be."""

import copy
import itertools
import time
from collections import ChainMap, OrderedDict, UserDict, UserList, deque, namedtuple
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import AutogradError, Tensor, no_grad
from autograd_lite.errors import UnsupportedError

Pair = namedtuple("Pair", "first second")
X = np.random.default_rng(0).normal(size=(5, 2))


def layer(seed=0):
    return nn.Sequential(nn.Dense(2, 2, rng=seed), nn.Dropout(0.5, rng=seed))


class Holder(nn.Module):
    def __init__(self, held):
        self.held = held

    def forward(self, x):
        for _, module in self.children():
            x = module(x)
        return x


CONTAINERS = {
    "lists of lists": (lambda a, b: [[a], [b]], ["held.0.0", "held.1.0"]),
    "dicts of lists": (lambda a, b: {"x": [a], "y": [b]}, ["held.x.0", "held.y.0"]),
    "pairs": (lambda a, b: [("x", a), ("y", b)], ["held.0.1", "held.1.1"]),
    "a named tuple": (Pair, ["held.0", "held.1"]),
    "an ordered dict": (lambda a, b: OrderedDict(x=a, y=b), ["held.x", "held.y"]),
    "a user's dict": (lambda a, b: UserDict(x=a, y=b), ["held.x", "held.y"]),
    "a mapping proxy": (lambda a, b: MappingProxyType({"x": a, "y": b}), ["held.x", "held.y"]),
    "a chain of dicts": (lambda a, b: ChainMap({"x": a}, {"y": b}), ["held.y", "held.x"]),
    "a user's list": (lambda a, b: UserList([a, b]), ["held.0", "held.1"]),
    "a deque": (lambda a, b: deque([a, b]), ["held.0", "held.1"]),
    "a set in a list": (lambda a, b: [{1, 2}, a, b], ["held.1", "held.2"]),
}


@looped(("held", "places"), CONTAINERS.values(), ids=CONTAINERS)
def test_layers_in_containers_are_trained_saved_and_switched(held, places):
    model = Holder(held(layer(0), layer(1)))
    names = [f"{place}.0.{name}" for place in places for name in ("weight", "bias")]
    assert [name for name, _ in model.named_parameters()] == names
    assert [parameter.name for parameter in model.parameters()] == names
    assert list(model.state_dict()) == names
    before = model.state_dict()
    optimizer = nn.SGD(model.parameters(), 0.1)
    model(X).sum().backward()
    optimizer.step()
    assert all((model.state_dict()[name] != before[name]).any() for name in names[1::2])
    assert {module.training for _, module in model.eval().named_modules()} == {False}


def as_objects(parts):
    array = np.empty((1, len(parts)), dtype=object)
    for place, part in enumerate(parts):
        array[0, place] = part
    return array


@dataclass
class Record:
    label: str
    part: object


@dataclass(slots=True)
class Empty:
    pass


@dataclass(slots=True)
class Slotted:
    part: object


def learned(part):
    return part if isinstance(part, nn.Module) else nn.Parameter(part.data)


KINDS = {
    "set": set,
    "frozenset": frozenset,
    "objects": as_objects,
    "values": lambda parts: dict(enumerate(parts)).values(),
    "namespace": lambda parts: SimpleNamespace(label="x", part=learned(parts[0])),
    "dataclass": lambda parts: Record("x", learned(parts[0])),
    "dataclass with slots": lambda parts: Slotted(learned(parts[0])),
    "list in a dataclass": lambda parts: Record("x", [1, {"y": learned(parts[0])}]),
    "set in a record in a namespace": lambda parts: SimpleNamespace(
        x=[Slotted({learned(parts[0])})]
    ),
    "partial": lambda parts: partial(np.add, x=[learned(parts[0])]),
    "items": lambda parts: {"x": 1, "y": 2, "z": learned(parts[0])}.items(),
    "tuple in a set": lambda parts: {("x", (learned(parts[0]),))},
}


@looped("kind", KINDS.values(), ids=KINDS)
@looped("part", [layer, lambda: nn.Parameter([1.0]), lambda: Tensor([1.0])])
def test_parts_in_what_is_not_opened_are_refused(kind, part):
    model = Holder({"x": kind([part()])})
    with pytest.raises(UnsupportedError, match=r"Holder.held.x = a .* in it: .* list or a dict"):
        model.parameters()


def test_what_is_not_opened_may_hold_what_has_a_name_besides():
    part = layer()
    model = Holder([part, {part}, partial(part), SimpleNamespace(part=part)])
    assert model.parameters() == part.parameters()


@looped(
    "once",
    [
        lambda part: map(abs, [part]),
        lambda part: (each for each in [part]),
        lambda part: [zip([part], [1]), enumerate([part])],
    ],
)
def test_what_gives_its_parts_once_is_refused(once):
    with pytest.raises(UnsupportedError, match=r"Holder.held.* gives once.*list\(x\)"):
        Holder(once(layer())).parameters()
    assert Holder(itertools.count()).parameters() == []


def test_a_record_may_keep_what_was_computed():
    model = Holder(Record("last", nn.Dense(2, 1, rng=0)(np.ones((1, 2)))))
    assert model.parameters() == []
    cycle = Record("own", [])
    cycle.part.append(cycle)
    model.held = [SimpleNamespace(rate=0.1), Slotted(None), Empty(), Empty, cycle]
    assert model.state_dict() == {}


@looped("held", [lambda p: p, lambda p: [p], lambda p: {"x": (1, p)}])
@looped("part", [layer, lambda: nn.Parameter([1.0]), lambda: Tensor([1.0], requires_grad=True)])
def test_what_is_learned_is_no_attribute_of_a_class(held, part):
    with pytest.raises(UnsupportedError, match=r"class Shared with layers.*self\.layers = "):
        type("Shared", (nn.Module,), {"layers": held(part())})
    with pytest.raises(UnsupportedError, match="__slots__"):
        type("Slotted", (nn.Module,), {"__slots__": ("layer",)})
    constants = {"shift": held(Tensor([1.0])), "apply": held(nn.ReLU()), "__slots__": ()}
    assert type("Constant", (nn.Module,), constants)().parameters() == []


@looped("held", [lambda t: [t], lambda t: {"a": (t,)}, lambda t: [[t], 1]])
@looped("use", ["parameters", "state_dict", "eval", "named_modules"])
def test_a_bare_leaf_that_requires_grad_is_refused_in_containers_too(held, use):
    model = Holder(held(Tensor([1.0], requires_grad=True)))
    with pytest.raises(UnsupportedError, match=r"Holder\.held\..*nn\.Parameter"):
        list(getattr(model, use)() or ())


OTHERS = {
    "an array": lambda held: held.data,
    "a number": lambda held: 1.0,
    "a constant": lambda held: Tensor(held.data),
    "a computed tensor": lambda held: held * 1.0,
    "a module": lambda held: nn.Dense(2, 2),
}


@looped("other", OTHERS.values(), ids=OTHERS)
@looped("kind", [nn.Parameter, nn.Buffer])
def test_only_its_like_takes_the_place_of_a_parameter_or_a_buffer(kind, other):
    model = nn.Module()
    model.held = held = kind(np.ones((2, 2)))
    with pytest.raises(UnsupportedError, match=rf"Module\.held = .*held\.data = .*{kind.__name__}"):
        model.held = other(held)
    assert model.held is held
    model.held = kind(np.zeros((2, 2)))
    assert list(model.state_dict()) == ["held"]
    model.held = None
    model.held = other(held)


def test_constants_and_computed_tensors_may_be_kept():
    class Remembering(nn.Module):
        def __init__(self):
            self.layer = nn.Dense(2, 2, rng=0)
            self.shift = Tensor([1.0, 2.0])
            self.steps = []

        def forward(self, x):
            self.hidden = self.layer(x)
            self.steps.append(self.hidden + self.shift)
            return self.hidden.sum()

    model = Remembering()
    model(X).backward()
    np.testing.assert_array_equal(model.hidden.grad, np.ones((5, 2)))
    assert list(model.state_dict()) == ["layer.weight", "layer.bias"]
    assert len(model.parameters()) == 2


def test_modules_that_hold_each_other_are_visited_once():
    outer, inner = nn.Module(), nn.Module()
    inner.weight = nn.Parameter([1.0])
    outer.inner = inner
    inner.owner = outer
    assert [name for name, _ in outer.named_parameters()] == ["inner.weight"]
    assert not outer.eval().inner.training
    assert list(outer.state_dict()) == ["inner.weight"]
    assert "owner: ..." in repr(outer)
    twin = copy.deepcopy(outer)
    assert twin.inner.owner is twin


@looped("name", ["parameters", "train", "eval", "forward", "state_dict", "children", "_state"])
@looped("value", [True, [1.0], np.ones(2), nn.ReLU()])
def test_an_attribute_that_would_hide_a_method_is_refused(name, value):
    model = nn.Module()
    with pytest.raises(UnsupportedError, match=f"Module.{name} = .*another name"):
        setattr(model, name, value)
    assert callable(getattr(model, name))
    with pytest.raises(UnsupportedError, match=f"Own.{name} = "):
        type("Own", (nn.Module,), {name: value})


def test_a_function_may_take_the_place_of_a_method():
    model = nn.ReLU()
    model.forward = np.tanh
    assert model(X)[0, 0] == np.tanh(X[0, 0])


@looped("part", [lambda: nn.Parameter([1.0]), lambda: nn.Dense(1, 1)])
def test_parameters_in_the_body_of_a_class_are_refused(part):
    with pytest.raises(UnsupportedError, match=r"class Own with scale = .*self\.scale = "):
        type("Own", (nn.Module,), {"scale": part()})
    assert type("Own", (nn.Module,), {"activation": nn.LeakyReLU(0.1)})().parameters() == []


# Names


def test_a_shared_parameter_keeps_its_first_name():
    model = nn.Module()
    model.encoder = nn.Dense(2, 2)
    model.tied = model.encoder.weight
    model.other = nn.Dense(2, 2)
    model.others = [model.other, model.encoder]
    for name, parameter in model.named_parameters():
        assert parameter.name == name


def test_a_part_that_is_replaced_gives_its_name_away():
    model = nn.Module()
    model.encoder = nn.Dense(2, 2)
    model.tied = model.encoder.weight
    model.encoder = nn.Dense(2, 2)
    names = [name for name, _ in model.named_parameters()]
    assert names == ["tied", "encoder.weight", "encoder.bias"]
    assert [parameter.name for parameter in model.parameters()] == names


def test_layers_that_are_appended_are_named():
    model = nn.Sequential(nn.Dense(2, 2))
    model.append(nn.Dense(2, 2)).append(np.tanh).append(nn.Sequential(nn.Dense(2, 1)))
    names = [name for name, _ in model.named_parameters()]
    assert names[2:] == ["1.weight", "1.bias", "3.0.weight", "3.0.bias"]
    assert [parameter.name for parameter in model.parameters()] == names


def test_setting_attributes_does_not_walk_through_the_model(monkeypatch):
    model = nn.Sequential(*[nn.Dense(1, 1, rng=0) for _ in range(20)])
    walks = []
    monkeypatch.setattr(nn.Sequential, "named_parameters", lambda self: walks.append(self))
    model.hidden = Tensor([1.0]) * 2
    model.steps = [1.0, 2.0]
    model.extra = nn.Dense(1, 1)
    model.append(nn.Dense(1, 1))
    assert not walks
    assert model[20].weight.name == "20.weight"
    assert model.extra.weight.name == "extra.weight"


@pytest.mark.exhaustive
def test_building_takes_time_in_proportion_to_the_layers():
    def build(n):
        model = nn.Module()
        start = time.process_time()
        for index in range(n):
            setattr(model, f"layer{index}", nn.Dense(1, 1, rng=0))
        return time.process_time() - start

    build(50)
    assert build(1600) < 12 * build(400)


# Sequential


def test_a_slice_of_a_sequential_is_one_of_the_same_layers():
    model = nn.Sequential(nn.Dense(2, 3, rng=0), nn.Tanh(), nn.Dense(3, 1, rng=1))
    part = model[1:]
    assert isinstance(part, nn.Sequential)
    assert [part[0], part[1]] == [model[1], model[2]]
    assert [parameter.name for parameter in model.parameters()][2:] == ["2.weight", "2.bias"]
    np.testing.assert_array_equal(part(model[:1](X)).data, model(X).data)
    part.append(nn.ReLU())
    assert len(model) == 3


def test_functions_are_layers(tmp_path):
    model = nn.Sequential(nn.Dense(2, 3, rng=0), np.tanh, nn.Dense(3, 1, rng=1))
    expected = nn.Sequential(model[0], nn.Tanh(), model[2])
    np.testing.assert_array_equal(model(X).data, expected(X).data)
    nn.save(model, tmp_path / "model.safetensors")
    loaded = nn.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded(X).data, expected(X).data)
    assert [row.layer for row in nn.summary(model, 2).rows][1] == "Function(tanh)"
    model.append(lambda x: x * 2)
    np.testing.assert_array_equal(model(X).data, 2 * expected(X).data)
    with pytest.raises(UnsupportedError, match=r"Function with function=.*lambda"):
        nn.save(model, tmp_path / "other.safetensors")


def test_a_sequential_gives_its_first_layer_all_arguments():
    class Sum(nn.Module):
        def forward(self, a, b, scale=1.0):
            return (a + b) * scale

    model = nn.Sequential(nn.Sequential(Sum(), np.tanh), lambda x: x - 1)
    np.testing.assert_allclose(model(X, X, scale=0.5), np.tanh(X) - 1)
    assert nn.Sequential()(X) is X


# Calling


def test_a_module_takes_any_arguments_and_gives_any_result():
    class Distance(nn.Module):
        def __init__(self):
            self.part = nn.Dense(2, 3, rng=0)

        def forward(self, a, b, *, squared=True):
            difference = self.part(a) - self.part(b)
            return {"square": difference**2} if squared else (difference, None)

    model = Distance()
    difference, nothing = model(X, b=X + 1, squared=False)
    assert nothing is None
    np.testing.assert_array_equal(model(X, X + 1)["square"].data, difference.data**2)
    with pytest.raises(TypeError, match="forward"):
        model(X)


# Evaluation by context


def test_a_mode_set_while_predicting_holds_there_and_then_only():
    class Sampling(nn.Module):
        def __init__(self):
            self.dropout = nn.Dropout(0.5, rng=0)

        def forward(self, x):
            self.dropout.train()
            return self.dropout(x)

    model = Sampling().eval()
    assert (nn.predict(model, np.ones((50, 1))) == 0).any()
    assert not model.dropout.training
    assert "training" in vars(model.dropout)


def test_a_model_that_trains_is_not_switched_by_predicting_inside():
    seen = []

    class Probe(nn.Module):
        def forward(self, x):
            seen.append(self.training)
            return x

    probe = Probe()
    nn.predict(probe, X)
    probe(X)
    with no_grad():
        probe(X)
    assert seen == [False, True, True]


def test_errors_of_modules_have_three_parts():
    with pytest.raises(AutogradError) as caught:
        nn.Sequential(nn.Dense(1, 1)).append(nn.Dense)
    assert len(caught.value.args) == 3
