"""Layers against numbers that PyTorch computed, for runs without it; `make.py` makes the file."""

import pathlib

import numpy as np
from configurations import CONFIGURATIONS, built, inputs_of, values_and_gradients
from looping import looped

KEPT = np.load(pathlib.Path(__file__).with_name("layers.npz"))
CASES = list(enumerate(CONFIGURATIONS))


@looped("case", CASES, ids=str)
def test_values_and_gradients_of_a_layer_are_those_that_pytorch_computed(case):
    number, (name, given, options, shapes, called) = case
    inputs = inputs_of(number, name, shapes)
    found = values_and_gradients(built(name, given, options), inputs, called)
    expected = [KEPT[key] for key in KEPT.files if key.startswith(f"{number} ")]
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-10)


def test_all_numbers_that_are_kept_are_compared():
    names = {(str(number), name) for number, (name, *_) in CASES}
    assert {tuple(key.split()[:2]) for key in KEPT.files} == names
