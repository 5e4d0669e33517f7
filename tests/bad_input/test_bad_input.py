"""Bad input of each public name: refused by an error that helps, with everything as before."""

import importlib
import inspect
from types import ModuleType

import declarations_activations
import declarations_callbacks
import declarations_engine
import declarations_files
import declarations_functional
import declarations_functions
import declarations_images
import declarations_init
import declarations_layers
import declarations_losses
import declarations_optimizers
import declarations_schedules
import declarations_sequences
import declarations_training
import declarations_viz
import numpy as np
import pytest
from declaring import KINDS, Bad, Spreads
from looping import looped, raise_named
from matplotlib import pyplot
from world import World

from autograd_lite import AutogradError, Tensor

SUBJECTS = {
    module.__name__.removeprefix("declarations_"): module.DECLARED
    for module in (
        declarations_activations,
        declarations_callbacks,
        declarations_engine,
        declarations_files,
        declarations_functional,
        declarations_functions,
        declarations_images,
        declarations_init,
        declarations_layers,
        declarations_losses,
        declarations_optimizers,
        declarations_schedules,
        declarations_sequences,
        declarations_training,
        declarations_viz,
    )
}
DECLARED = {name: calls for declared in SUBJECTS.values() for name, calls in declared.items()}


def public_names():
    """The names that the packages offer, but for errors, and those of two modules of theirs."""
    for package in ("autograd_lite", "nn", "viz"):
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            is_error = isinstance(value, type) and issubclass(value, AutogradError)
            if not isinstance(value, ModuleType) and not is_error:
                yield f"{package}.{name}"
    for package in ("nn.init", "nn.datasets"):
        module = importlib.import_module(package)
        for name in module.__all__:
            if inspect.isfunction(getattr(module, name)):
                yield f"{package}.{name}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def each(kind, name):
    """Each declared call of a kind, and its number."""
    return ((n, call) for n, call in enumerate(DECLARED[name].calls) if isinstance(call, kind))


def new_world(folder):
    pyplot.close("all")
    return World(folder)


def test_bad_input_of_each_public_name_is_declared():
    names, declared = set(public_names()), set(DECLARED)
    assert declared <= names
    assert not names - declared, "declare what they refuse, in tests/bad_input/declarations_*.py"


def test_each_kind_of_bad_input_is_declared_or_said_to_be_impossible():
    for name, declaration in DECLARED.items():
        declared = {call.kind for call in declaration.calls}
        assert declared | declaration.impossible.keys() == set(KINDS), name
        assert declared.isdisjoint(declaration.impossible), name


@pytest.mark.parametrize("subject", SUBJECTS)
def test_bad_input_is_refused_by_name_and_changes_nothing(subject, folder):
    world, given, failures = None, None, []
    calls = ((name, *numbered) for name in SUBJECTS[subject] for numbered in each(Bad, name))
    for name, number, bad in calls:
        if world is None or bad.given is not given:
            world, given = new_world(folder), bad.given
            if given:
                given(world)
            before = world.state()
        try:
            after = assert_refused(name, bad, world, before)
        except (Exception, pytest.fail.Exception) as error:
            failures.append((f"{name}, {bad.kind}, call {number}: {error}", error))
            world = None
            continue
        if after != before:
            world = None
    raise_named(failures)


def assert_refused(name, bad, world, before):
    """What the world is like after a call that is refused."""
    with pytest.raises(bad.error) as caught:
        bad.call(world)
    after = world.state()
    error, message = caught.value, str(caught.value)
    assert isinstance(error, AutogradError)
    assert len(error.args) == 3
    assert all(isinstance(part, str) and len(part) > 2 for part in error.args), error.args
    for word in (bad.named or name.rpartition(".")[2], *bad.words):
        assert word in message
    assert {part for part in before if after[part] != before[part]} == set(bad.changes)
    return after


SPREADING = [
    name
    for name, declaration in DECLARED.items()
    if any(isinstance(call, Spreads) for call in declaration.calls)
]


@looped("name", SPREADING)
def test_nan_in_data_goes_through(name, folder):
    for number, spreads in each(Spreads, name):
        world = new_world(folder)
        with np.errstate(invalid="ignore"):
            result = spreads.call(world)
        values = result.data if isinstance(result, Tensor) else result
        assert np.isnan(values).any(), f"call {number}"
