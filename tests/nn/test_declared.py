"""Declared fields: what a class is given, in its constructor and later."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from looping import looped

import autograd_lite
import nn
from autograd_lite.arguments import COUNT, POSITIVE
from autograd_lite.errors import ArgumentError, UnsupportedError
from nn.architecture import REGISTERED
from nn.declared import Declared, declared


class Decay(Declared):
    every: int = declared(COUNT)
    factor: float = declared(POSITIVE, default=0.5)
    name: str = declared(default="decay", kw_only=True)


class Slow(Decay):
    factor: float = declared(POSITIVE, default=0.75)
    offset: float = declared(POSITIVE, default=1.0)


def test_the_constructor_takes_the_fields_in_order_and_says_so():
    shown = "(every: 'int', factor: 'float' = 0.5, *, name: 'str' = 'decay')"
    assert str(inspect.signature(Decay)) == shown
    assert repr(Decay(3, name="a")) == "Decay(every=3, factor=0.5, name='a')"
    lacking = r"^Decay\(...\): it lacks 'every'. Write Decay\(every, ...\)$"
    with pytest.raises(UnsupportedError, match=lacking):
        Decay()
    with pytest.raises(UnsupportedError, match="takes every, factor by position"):
        Decay(1, 2.0, "a")


def test_a_subclass_adds_fields_and_changes_defaults():
    parameters = inspect.signature(Slow).parameters.values()
    assert [*map(str, parameters)] == [
        "every: 'int'", "factor: 'float' = 0.75", "offset: 'float' = 1.0", "name: 'str' = 'decay'"
    ]  # fmt: skip
    assert (Slow(1).factor, Decay(1).factor) == (0.75, 0.5)


def test_a_constructor_of_a_class_s_own_may_give_all_fields_to_the_shared_one():
    class Own(Slow):
        last: float = declared(POSITIVE, default=1.0)

        def __init__(self, every, last=2.0):
            super().__init__(every, last=last)

    assert str(inspect.signature(Own)) == "(every, last=2.0)"
    assert repr(Own(1)) == "Own(every=1, factor=0.75, name='decay', offset=1.0, last=2.0)"


def test_numbers_of_numpy_become_those_of_python():
    decay = Decay(np.int64(3), np.float32(0.5))
    assert (type(decay.every), type(decay.factor)) == (int, float)


@looped(
    ("make", "name", "value"),
    [
        (lambda: Decay(1), "factor", 0),
        (nn.MSELoss, "reduction", "avg"),
        (nn.RMSELoss, "reduction", "sum"),
        (nn.HuberLoss, "delta", 0),
        (nn.BCELoss, "pos_weight", -1.0),
        (lambda: nn.StepDecay(0.1, every=2), "every", 0),
        (nn.EarlyStopping, "patience", 0),
        (lambda: nn.SGD([autograd_lite.Tensor([1.0])], 0.1), "momentum", 1),
        (lambda: nn.Dropout(0.5), "p", 1),
    ],
)
def test_what_is_out_of_its_range_is_refused_at_assignment_and_the_value_stays(make, name, value):
    owner = make()
    before = getattr(owner, name)
    with pytest.raises(ArgumentError, match=f"^{type(owner).__name__} with {name}"):
        setattr(owner, name, value)
    assert getattr(owner, name) == before


def test_fields_that_have_to_fit_together_are_checked_together():
    schedule = nn.OneCycle(0.1, steps=10, rise=0.5)
    with pytest.raises(ArgumentError, match="no time to rise"):
        schedule.steps = 2
    assert schedule.steps == 10


def test_a_loss_whose_option_was_assigned_uses_it():
    loss = nn.HuberLoss()
    loss.delta, loss.reduction = 2, "sum"
    assert loss(np.array([3.0, 0.0]), np.zeros(2)).item() == 2 * (3 - 1)


@looped("duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_have_fields_of_their_own(duplicate):
    decay = Decay(3)
    other = duplicate(decay)
    other.every = 5
    assert (decay.every, other.every) == (3, 5)
    with pytest.raises(ArgumentError):
        other.every = 0


@looped("kind", [nn.LeakyReLU, nn.ELU, nn.Softmax, nn.LogSoftmax])
def test_an_activation_has_the_parameters_and_defaults_of_its_function(kind):
    parameters = list(inspect.signature(kind.function).parameters.values())[1:]
    assert [(p.name, p.default) for p in inspect.signature(kind).parameters.values()] == [
        (p.name, p.default) for p in parameters
    ]


def test_the_layer_in_contributing_can_be_written_as_it_stands(tmp_path):
    text = (Path(nn.__file__).parents[1] / "CONTRIBUTING.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(textwrap.dedent("   " + example.strip()), names := {"__name__": "layers"})
    shrink = names["Shrink"]
    nn.save(shrink(0.5), tmp_path / "shrink.safetensors")
    loaded = nn.load(tmp_path / "shrink.safetensors")
    assert repr(loaded) == "Shrink(strength=0.5)"
    assert loaded(np.array([2.0])).tolist() == [1.0]
    assert str(inspect.signature(shrink)) == "(strength: 'float' = 1.0)"
    with pytest.raises(ArgumentError, match="Shrink with strength=-1"):
        shrink(-1)
    del REGISTERED["Shrink"]


def test_a_module_that_declares_may_write_its_constructor():
    class Scale(nn.Module):
        features: int = declared(COUNT)
        start: float = declared(POSITIVE)

        def __init__(self, features, start=1.0):
            super().__init__()
            self.features, self.start = features, start
            self.factor = nn.Parameter(np.full(features, start))

    assert repr(Scale(2, 3.0)) == "Scale(2, start=3.0)  # 2 parameters"
    for wrong in (lambda: Scale(0), lambda: setattr(Scale(2), "start", -1)):
        with pytest.raises(ArgumentError, match=r"^Scale with"):
            wrong()


def test_a_subclass_of_an_optimizer_adds_hyper_parameters():
    class Own(nn.SGD):
        extra: float = declared(POSITIVE, default=1.0)

    optimizer = Own([nn.Parameter([1.0])], 0.1, 0.5, extra=2.0)
    assert (optimizer.momentum, optimizer.extra, optimizer.groups[0]["extra"]) == (0.5, 2.0, 2.0)


def test_the_constructor_of_another_base_is_called():
    class Named:
        def __init__(self, name="none"):
            self.name = name

    class Model(nn.Module, Named):
        pass

    assert repr(Model("a")) == "Model(name='a')"


def test_a_class_that_would_not_take_what_it_declares_is_refused():
    with pytest.raises((RuntimeError, TypeError)) as info:  # a RuntimeError before Python 3.12

        class Plain:
            p: float = declared(POSITIVE)

    error = info.value.__cause__ or info.value
    assert "class Plain with p = declared(...)" in str(error)
    assert "derive it from nn.Module" in str(error)
    lost = r"inherits the constructor Residual.__init__.*not take b"
    with pytest.raises(TypeError, match=lost):
        type("Own", (nn.Residual,), {"b": declared(POSITIVE, default=1.0)})


def test_a_subclass_of_a_layer_adds_fields_and_may_write_its_constructor():
    class Scaled(nn.Dense):
        scale: float = declared(POSITIVE, default=1.0)

    class Doubled(nn.Dense):
        scale: float = declared(POSITIVE)

        def __init__(self, features):
            super().__init__(features, features, bias=False)
            self.scale = 2.0

    class Named(Doubled):
        pass

    assert repr(Scaled(2, 3, scale=2.0)) == "Scaled(2, 3, scale=2.0)  # 9 parameters"
    for kind in (Doubled, Named):
        layer = kind(2)
        assert (layer.in_features, layer.out_features, layer.scale) == (2, 2, 2.0)
        with pytest.raises(ArgumentError, match="with scale=0"):
            layer.scale = 0
    with pytest.raises(UnsupportedError, match=r"Doubled\(...\): it lacks 'features'"):
        Doubled()


def test_fields_come_in_the_order_of_the_bases_and_those_with_an_alias_are_not_kept():
    class First(Declared):
        a: int = declared(COUNT)

    class Second(First):
        b: int = declared(COUNT, default=2)

    class Third(First):
        c: int = declared(COUNT, default=3)
        _d: float = declared(POSITIVE, default=4.0, alias="d")

        def _set_up(self, d):
            self.sum = self.a + self.c + d

    class All(Third, Second):
        pass

    shown = "(a: 'int', b: 'int' = 2, c: 'int' = 3, d: 'float' = 4.0)"
    assert str(inspect.signature(All)) == shown
    assert (repr(All(1)), All(1, d=5.0).sum) == ("All(a=1, b=2, c=3)", 9.0)
    assert not {"d", "_d"} & {*dir(All(1))}
    with pytest.raises(ArgumentError, match="All with d=0"):
        All(1, d=0)


def test_a_constructor_that_is_written_out_may_assign_fields_before_it_calls_that_of_a_layer():
    class Halving(nn.Conv2d):
        def __init__(self, channels):
            self.stride = 2
            self.groups = channels
            super().__init__(channels, channels, 3, self.stride, groups=self.groups)

    layer = Halving(4)
    assert (layer.stride, layer.groups, layer.weight.shape) == (2, 4, (4, 1, 3, 3))
    with pytest.raises(ArgumentError, match="all groups have as many channels"):
        layer.groups = 3
    assert layer.groups == 4


def test_everything_that_a_constructor_lacks_is_named():
    with pytest.raises(UnsupportedError, match="it lacks 'in_channels' and 'kernel_size'"):
        nn.Conv2d(out_channels=3, stride=2)


def test_a_field_without_a_default_behind_one_with_a_default_is_refused():
    with pytest.raises(TypeError, match=r"class Own: .*Give it a default, or .*kw_only=True"):
        type("Own", (nn.Dense,), {"depth": declared(COUNT)})
    own = type("Own", (nn.Dense,), {"depth": declared(COUNT, kw_only=True)})
    assert own(2, 3, depth=4).depth == 4


def test_a_tuple_that_a_number_stands_for_is_assigned_as_one():
    norm, convolution = nn.LayerNorm(3), nn.Conv2d(1, 2, 3)
    norm.normalized_shape, convolution.kernel_size = 4, 5
    assert (norm.normalized_shape, convolution.kernel_size) == ((4,), (5, 5))
