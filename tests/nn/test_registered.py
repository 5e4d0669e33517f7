"""Layers of a user's own in files, and the configuration that files and texts are made of."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from looping import looped
from model_files import assert_same_bits, content, every_layer, refusal

import nn
from autograd_lite import AutogradError
from autograd_lite.errors import ArgumentError, UnsupportedError
from autograd_lite.table import activations
from nn.architecture import REGISTERED, architecture_of

ROOT = Path(nn.__file__).parents[1]


pytestmark = pytest.mark.usefixtures("own_classes")


def layer_of_every_kind():
    """A class whose constructor takes all that a file can hold, in every way of Python's."""

    @nn.register
    class Mixed(nn.Module):
        def __init__(
            self,
            width,
            *heads,
            gain=None,
            bias=True,
            act=np.tanh,
            mode="sum",
            shape=(1,),
            steps=(),
            named=None,
            gain_init=None,
            rng=None,
            dtype=np.float64,
            **options,
        ):
            self.width, self.heads, self.gain, self.act, self.mode = width, heads, gain, act, mode
            self.shape, self.steps, self.named, self.options = shape, steps, named, options
            self.rng = np.random.default_rng(rng)
            self.weight = nn.Parameter(self.rng.normal(size=(width, width)), dtype=dtype)
            self.bias = nn.Parameter(np.zeros(width), dtype=dtype) if bias else None

        def forward(self, x):
            parts = [self.act(x @ self.weight), *(head(x) for head in self.heads)]
            return sum(parts) * (self.gain or 1.0)

    return Mixed


MODULE = """
import numpy as np
import nn


@nn.register
class Scale(nn.Module):
    def __init__(self, features, activation=np.tanh, start=1.0):
        self.features, self.activation, self.start = features, activation, start
        self.factor = nn.Parameter(np.full(features, start))

    def forward(self, x):
        return self.activation(x * self.factor)
"""
SAVE = """
import sys, nn, scales
from autograd_lite import softplus
model = nn.Sequential(nn.Dense(2, 3, rng=0), scales.Scale(3, activation=softplus, start=0.5))
model[1].factor.data = model[1].factor.data + 0.25
nn.save(model, sys.argv[1])
print(nn.predict(model, [[1.0, 2.0]]).tolist())
"""
LOAD = """
import sys, nn
try:
    nn.load(sys.argv[1])
except ValueError as error:
    print(error)
import scales
print(nn.predict(nn.load(sys.argv[1]), [[1.0, 2.0]]).tolist())
"""


def in_a_fresh_process(script, path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(path.parent)])}
    command = [sys.executable, "-c", script, str(path)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return run.stdout


def test_a_registered_layer_is_loaded_in_a_process_that_imports_its_module(path):
    (path.parent / "scales.py").write_text(MODULE)
    output = in_a_fresh_process(SAVE, path)
    refused, computed = in_a_fresh_process(LOAD, path).rsplit("\n", 2)[:2]
    assert computed == output.strip()
    assert "no layer 'Scale'" in refused
    assert "import the module that defines it" in refused


def test_arguments_of_every_kind_are_rebuilt(path):
    mixed = layer_of_every_kind()
    shared = nn.Dense(2, 2, rng=0)
    model = mixed(
        2,
        shared,
        nn.Sequential(shared, nn.Tanh()),
        gain=np.float64(0.1),
        bias=False,
        act=activations()["gelu"],
        mode="mean",
        shape=(1, 2),
        steps=[1, (2.5, None)],
        named={"a": nn.ReLU(), "b": [nn.ELU(0.5)]},
        gain_init="zeros",
        rng=3,
        dtype="float32",
        depth=True,
    )
    nn.save(model, path)
    loaded = nn.load(path)
    assert_same_bits(loaded, model)
    assert repr(loaded) == repr(model)
    assert loaded.heads[1][0] is loaded.heads[0]
    assert (loaded.gain, loaded.bias, loaded.mode, loaded.shape) == (0.1, None, "mean", (1, 2))
    assert loaded.act is activations()["gelu"]
    assert loaded.steps == [1, (2.5, None)]
    assert loaded.named["b"][0].alpha == 0.5
    assert loaded.options == {"depth": True}
    assert loaded.weight.dtype == np.float32
    x = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    assert loaded(x).data.tobytes() == model(x).data.tobytes()


def test_the_file_holds_the_name_and_the_arguments_and_no_generator(path):
    nn.save(layer_of_every_kind()(2, rng=0), path)
    tensors, entry = content(path)
    assert list(tensors) == ["bias", "weight"]
    assert entry["architecture"] == {
        "class": "Mixed",
        "width": 2,
        "heads": {"tuple": []},
        "gain": None,
        "bias": True,
        "act": {"function": "tanh"},
        "mode": "sum",
        "shape": {"tuple": [1]},
        "steps": {"tuple": []},
        "named": None,
        "dtype": {"dtype": "float64"},
        "options": {"dict": {}},
    }


def test_a_module_that_the_constructor_makes_needs_no_registration(path):
    class Inner(nn.Module):
        def __init__(self, slope):
            self.slope = slope
            self.factor = nn.Parameter([slope])

        def forward(self, x):
            return x * self.factor * self.slope

    @nn.register
    class Outer(nn.Module):
        def __init__(self, slope=2.0):
            self.slope = slope
            self.inner = [Inner(slope)]

        def forward(self, x):
            return self.inner[0](x)

    model = Outer(3.0)
    nn.save(model, path)
    assert nn.load(path)(np.ones(1)).data == 9.0
    model.inner[0].slope = 4.0
    with pytest.raises(UnsupportedError, match=r"does not tell inner\.0"):
        nn.save(model, path)


def registered(init):
    """A layer of one's own with that constructor."""
    body = {"__init__": init, "forward": lambda self, x: x}
    return nn.register(type("Own", (nn.Module,), body))


def forgets(self, width, slope=0.1):
    self.width = width


def doubles(self, width):
    self.width = 2 * width


def draws_a_width(self, width):
    self.width = width
    self.weight = nn.Parameter(np.zeros(width + np.random.randint(1, 10**6)))


def raises_again(self, width):
    if width != 4:
        raise OverflowError("too large")
    self.width = width + 1


def keeps_an_array(self, width):
    self.width = np.ones(width)


def keeps_a_named_tuple(self, width):
    self.width = sys.version_info


@pytest.mark.parametrize(
    ("init", "reason"),
    [
        (forgets, "does not keep what it was built with: slope"),
        (doubles, "another configuration"),
        (draws_a_width, "does not tell weight"),
        (raises_again, "too large"),
        (keeps_an_array, "Own with width=array"),
        (keeps_a_named_tuple, "Own with width="),
    ],
)
def test_a_layer_that_its_configuration_does_not_tell_is_refused(path, init, reason):
    model = registered(init)(4)
    with pytest.raises(UnsupportedError) as info:
        nn.save(model, path)
    assert reason in str(info.value)
    assert "__init__" in info.value.args[2] or "nn.load(path, model)" in info.value.args[2]
    assert not path.exists()


def test_saving_draws_nothing_from_the_global_generator(path):
    def init(self, width):
        self.width = width
        self.weight = nn.Parameter(np.random.normal(size=width))

    model = registered(init)(3)
    np.random.seed(0)
    expected = np.random.normal(size=2)
    np.random.seed(0)
    nn.save(model, path)
    np.testing.assert_array_equal(np.random.normal(size=2), expected)


def test_arguments_of_a_registered_layer_that_were_tampered_with_are_refused(path):
    def init(self, width):
        self.width = width
        self.weight = nn.Parameter(np.zeros(width))

    kind = registered(init)
    nn.save(nn.Sequential(kind(3)), path)
    _, entry = content(path)
    assert entry["architecture"]["layers"] == [{"class": "Own", "width": 3}]
    del REGISTERED["Own"]
    assert "no layer 'Own'" in refusal(path)
    nn.register(kind)
    nn.load(path)
    registered(lambda self, height: None)
    assert "takes other arguments: height, width" in refusal(path)


def test_a_class_may_be_defined_again_and_older_instances_are_refused(path):
    old = layer_of_every_kind()
    new = layer_of_every_kind()
    nn.save(new(2), path)
    assert type(nn.load(path)) is new
    with pytest.raises(UnsupportedError, match="not registered"):
        nn.save(old(2), path)


def test_the_name_of_another_class_is_not_taken():
    own = type("Dense", (nn.Module,), {"forward": lambda self, x: x})
    with pytest.raises(ArgumentError, match="Dense"):
        nn.register(own)
    assert REGISTERED["Dense"] is nn.Dense


# --- the text of a configuration


def written(module, names):
    """The module that its text builds, with the text's modules inside."""
    inside = [written(child, names) for _, child in module.children()]
    names = names | {type(module).__name__: type(module), "inside": inside}
    call = f"{type(module).__name__}(*inside, {module.extra_repr()})"
    return eval(call, names)


@looped("dtype", [np.float32, np.float64])
def test_the_text_of_each_layer_builds_an_equal_one(dtype):
    names = {**activations(), "float32": np.float32}
    for _, module in every_layer(dtype).named_modules():
        assert architecture_of(written(module, names)) == architecture_of(module)


def test_the_text_shows_what_is_not_the_default():
    mixed = layer_of_every_kind()
    assert mixed(2).extra_repr() == "2"
    model = mixed(2, nn.ReLU(), bias=False, act=np.cos, mode="mean", rng=0, depth=1)
    assert model.extra_repr() == "2, bias=False, act=cos, mode='mean', **{'depth': 1}"
    assert mixed(2, 7, dtype="float32").extra_repr() == "2, *(7,), dtype=float32"
    assert nn.Dense(2, 3).astype(np.float32).extra_repr() == "2, 3, dtype=float32"


def test_an_argument_after_one_that_is_not_kept_is_shown_by_name():
    class Net(nn.Module):
        def __init__(self, data, width):
            self.width = width

    assert repr(Net(np.ones(3), 16)) == "Net(width=16)"


@looped(
    ("layer", "name", "value"),
    [
        (nn.Dropout(0.25), "p", 1.5),
        (nn.BatchNorm1d(3), "momentum", "fast"),
        (nn.LayerNorm(3), "epsilon", 0),
        (nn.LeakyReLU(0.1), "negative_slope", np.nan),
        (nn.Softmax(), "axis", 0.5),
    ],
)
def test_an_argument_that_is_assigned_later_stays_in_its_range(layer, name, value):
    before = getattr(layer, name)
    with pytest.raises(AutogradError, match=f"{type(layer).__name__} with {name}="):
        setattr(layer, name, value)
    assert getattr(layer, name) == before


def test_an_argument_that_is_assigned_later_is_saved(path):
    model = nn.Sequential(nn.Dropout(0.25), nn.LeakyReLU(0.1))
    model[0].p, model[1].negative_slope = 0.5, 0.3
    nn.save(model, path)
    loaded = nn.load(path)
    assert (loaded[0].p, loaded[1].negative_slope) == (0.5, 0.3)


def test_a_dtype_that_a_module_does_not_keep_is_not_made_up():
    class Cast(nn.Module):
        def __init__(self, dtype=np.float32):
            self.kind = np.dtype(dtype)

    assert (repr(Cast()), repr(nn.LayerNorm(2, elementwise_affine=False))) == (
        "Cast()",
        "LayerNorm((2,), elementwise_affine=False, bias=False)",
    )


def test_functions_and_objects_without_a_name_are_shown_as_python_shows_them():
    layer = nn.Dense(2, 2, activation=functools.partial(np.clip, a_min=0, a_max=1))
    assert layer.extra_repr() == "2, 2, activation=partial"


def test_the_text_of_a_model_writes_what_a_shared_module_holds_once():
    shared = nn.Sequential(nn.ReLU())
    model = nn.Sequential(shared, nn.Sequential(shared))
    assert repr(model).splitlines() == [
        "Sequential(",
        "  0: Sequential(",
        "    0: ReLU()",
        "  )",
        "  1: Sequential(",
        "    0: Sequential(...)",
        "  )",
        ")",
    ]
    assert repr(shared) == "Sequential(\n  0: ReLU()\n)"
