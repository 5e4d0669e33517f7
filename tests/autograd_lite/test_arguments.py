"""Flags and ranges: one rule for all that callers give."""

import numpy as np
import pytest
from looping import looped

import autograd_lite as ag
import nn
from autograd_lite import ArgumentError, Tensor, UnsupportedError
from autograd_lite.arguments import COUNT, FLAG, INTEGER, NUMBER, POSITIVE, SEED, WHOLE
from autograd_lite.errors import describe_one

HUGE = [10**400, 10**5000, -(10**400)]


def test_numbers_are_finite_in_float64_and_whole_numbers_fit_in_64_bits():
    for value in HUGE:
        assert not any(r.holds(value) for r in (NUMBER, POSITIVE, COUNT, WHOLE, INTEGER))
        assert "bits" in describe_one(value)
    assert SEED.holds(10**400)
    assert COUNT.holds(2**63 - 1)
    assert not COUNT.holds(2**63)
    assert NUMBER.holds(-np.finfo(float).max)


WITH_FLAGS = {
    "requires_grad": lambda flag: Tensor(1.0, requires_grad=flag),
    "create_graph": lambda flag: Tensor(1.0, requires_grad=True).backward(create_graph=flag),
    "leaves_only": lambda flag: Tensor(1.0, requires_grad=True).backward(leaves_only=flag),
    "bias": lambda flag: nn.Dense(1, 1, bias=flag),
    "shuffle": lambda flag: nn.batches([1], batch_size=1, shuffle=flag),
    "nesterov": lambda flag: nn.SGD([Tensor(1.0)], 0.1, momentum=0.5, nesterov=flag),
    "variadic": lambda flag: ag.differentiable(lambda g, y, x: (g,), variadic=flag)(abs),
    "values": lambda flag: ag.derive(Tensor(1.0, requires_grad=True) * 2, values=flag),
    "mode": lambda flag: nn.ReLU().train(flag),
}


@looped("name", WITH_FLAGS)
def test_a_flag_is_true_or_false_and_no_text_or_number(name):
    for wrong in ("False", "no", 0, 1, None, [], np.array(True), float("nan")):
        with pytest.raises(ArgumentError, match=f"{name}=.* Give True or False"):
            WITH_FLAGS[name](wrong)
    for right in (False, np.bool_(False)):
        assert FLAG.holds(right)
        WITH_FLAGS[name](right)


def test_a_flag_that_is_assigned_is_checked_and_kept_as_it_was():
    x = Tensor(1.0, requires_grad=True)
    with pytest.raises(ArgumentError, match="requires_grad='False'"):
        x.requires_grad = "False"
    assert x.requires_grad is True
    x.requires_grad = np.bool_(False)
    assert x.requires_grad is False


def test_what_is_given_by_keyword_passes_the_same_gate():
    masked = np.ma.masked_array([0.5, 0.25], [False, True])
    for name, function in (("x", ag.relu), ("p", ag.binary_cross_entropy)):
        others = {"targets": np.ones(2)} if name == "p" else {}
        with pytest.raises(UnsupportedError, match="MaskedArray"):
            function(**{name: masked}, **others)
        by_name = function(**{name: masked.data}, **others)
        assert np.array_equal(by_name, function(masked.data, *others.values()))


def test_complex_numbers_and_objects_are_refused_where_nothing_is_differentiated():
    for function in (ag.relu, ag.sigmoid, ag.swish, ag.softplus, ag.erf, ag.gelu):
        for wrong in (1j, np.ones(2, complex), np.array([10**400, 1], object), [10**400]):
            with pytest.raises(UnsupportedError, match=function.__name__):
                function(wrong)


def test_what_is_no_mapping_no_list_or_no_name_is_refused():
    w = Tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    box = np.empty((), object)
    box[()] = w
    for call in (
        lambda: ag.compare_gradients(loss, w.data),
        lambda: ag.compare_gradients(loss, [w]),
        lambda: ag.compare_gradients(loss, {w: w.data}, tolerance=np.inf),
        lambda: ag.derive(loss, wrt=w),
        lambda: ag.to_source(loss, wrt=3),
        lambda: nn.SGD(box, 0.1),
        lambda: nn.clip_gradient_norm(box, 1.0),
        lambda: Tensor(1.0, name=3),
        lambda: ag.gradcheck(np.tanh, [], order=1),
        lambda: ag.gradcheck(np.tanh, [1.0], order=10**400),
        lambda: nn.Dropout(0.5, rng=True),
        lambda: ag.define(np.spacing, lambda g, y, x: g, compute=3),
        lambda: ag.differentiable(lambda g, y, x: g, traits=3)(abs),
    ):
        with pytest.raises((ArgumentError, UnsupportedError)) as caught:
            call()
        assert len(caught.value.args) == 3
