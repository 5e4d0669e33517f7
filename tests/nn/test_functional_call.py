"""A module called with other parameters than its own."""

from functools import partial

import numpy as np
import pytest
from looping import looped
from model_files import layers_of_images, layers_of_sequences

import nn
from autograd_lite import Tensor, grad, no_grad
from autograd_lite.errors import ArgumentError, AutogradError, UnsupportedError
from autograd_lite.node import plain
from autograd_lite.trees import leaves_of

X = np.random.default_rng(0).normal(size=(5, 2))


def network():
    return nn.Sequential(
        nn.Dense(2, 3, activation="tanh", rng=0), nn.BatchNorm1d(3), nn.Dense(3, 1, rng=1)
    )


def others(model, seed=5):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=p.shape) for name, p in model.named_parameters()}


def test_a_functional_call_is_what_a_model_with_these_parameters_gives():
    model, other = network(), network()
    given = {name: Tensor(array, requires_grad=True) for name, array in others(model).items()}
    other.load_state_dict({**other.state_dict(), **others(model)})
    before, statistics = model.state_dict(), model[1].running_mean
    nn.functional_call(model, given, X).sum().backward()
    other(X).sum().backward()
    for name, parameter in other.named_parameters():
        np.testing.assert_array_equal(given[name].grad, parameter.grad)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model[1].running_mean is statistics
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_gradients_flow_through_parameters_that_were_computed():
    model = nn.Dense(2, 1, rng=0)
    scale = Tensor(2.0, requires_grad=True)
    given = {name: parameter * scale for name, parameter in model.named_parameters()}
    nn.functional_call(model, given, X).sum().backward()
    expected = (X @ model.weight.data).sum() + 5 * model.bias.data.sum()
    np.testing.assert_allclose(scale.grad, expected, rtol=1e-13)
    np.testing.assert_allclose(model.weight.grad[:, 0], 2 * X.sum(axis=0), rtol=1e-13)


def test_a_shared_parameter_is_replaced_in_all_places():
    class Tied(nn.Module):
        def __init__(self):
            self.one, self.parts = (
                nn.Dense(2, 2, bias=False, rng=0),
                {"x": (nn.Dense(2, 2, rng=1),)},
            )
            self.parts["x"][0].weight = self.one.weight

        def forward(self, x, *, twice):
            x = self.parts["x"][0](self.one(x))
            return self.forward(x, twice=False) if twice else x

    model, weight = Tied(), np.array([[0.0, 1.0], [2.0, 0.0]])
    y = nn.functional_call(model, {"one.weight": weight}, X, twice=True)
    np.testing.assert_allclose(y.data, X @ weight @ weight @ weight @ weight, rtol=1e-14)


def test_an_exception_leaves_the_model_and_attributes_are_gone_with_the_call():
    class Failing(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(1.0)
            self.seen = []

        def forward(self, x):
            self.hidden = x * self.scale
            self.seen.append(1)
            raise ValueError("no")

    model = Failing()
    with pytest.raises(ValueError, match="no"):
        nn.functional_call(model, {"scale": 2.0}, X)
    assert model.scale.item() == 1.0
    assert not hasattr(model, "hidden")
    assert model.seen == []


def test_what_encloses_the_model_itself_is_refused_and_its_methods_are_rebound():
    class Own(nn.Module):
        def __init__(self, is_method):
            self.scale = nn.Parameter(1.0)
            self.apply = self.method if is_method else lambda x: self.method(x)

        def method(self, x):
            return x * self.scale

        def forward(self, x):
            return self.apply(x)

    np.testing.assert_array_equal(nn.functional_call(Own(True), {"scale": 3.0}, X).data, 3 * X)
    with pytest.raises(UnsupportedError, match=r"lambda>: it holds on to Own"):
        nn.functional_call(Own(False), {"scale": 3.0}, X)


@looped("given", [{"weigth": np.ones((2, 1))}, {"weight": np.ones((1, 2))}])
def test_parameters_that_do_not_fit_are_refused(given):
    with pytest.raises(ArgumentError, match="weight, bias"):
        nn.functional_call(nn.Dense(2, 1), given, X)


def test_a_search_for_parameters_that_would_miss_those_given_is_refused():
    class Penalized(nn.Module):
        def __init__(self):
            self.inner = nn.Dense(2, 1, rng=0)

        def forward(self, x):
            return self.inner(x).sum() + sum((p**2).sum() for p in self.parameters())

    model = Penalized()
    assert model(X).requires_grad
    with pytest.raises(UnsupportedError, match=r"inside of functional_call.*outside of forward"):
        nn.functional_call(model, {"inner.bias": np.ones(1)}, X)


@looped("whole", [np.ones((2, 1), int), np.ones((2, 1), bool), [[1], [1]]])
def test_whole_numbers_in_place_of_parameters_are_floats(whole):
    model = nn.Dense(2, 1, dtype=np.float32)
    for given in (whole, Tensor(whole)):
        y = nn.functional_call(model, {"weight": given}, np.array([[0.5, 0.25]]))
        assert y.dtype == np.float32
        assert y.item() == 0.75
    with pytest.raises(UnsupportedError, match="real numbers"):
        nn.functional_call(model, {"weight": np.array([["a"], ["b"]])}, X)


class Reaching(nn.Module):
    """A module that reaches its layer in one way or another."""

    def __init__(self, reach):
        self.layer = nn.Dense(2, 1, rng=0)
        self.reach = reach(self)

    def applied(self, x):
        return self.layer(x)

    def forward(self, x):
        return self.reach(x)


GLOBAL = []


def through_a_global(model):
    GLOBAL[:] = [model.layer]
    return through_it


def through_it(x):
    return GLOBAL[0](x)


class Caller:
    def __init__(self, model):
        self.model = model

    def __call__(self, x):
        return self.model(x)


FOLLOWED = {
    "the layer": lambda model: model.layer,
    "a method": lambda model: model.applied,
    "a method of the layer": lambda model: model.layer.forward,
    "a partial of a method": lambda model: partial(model.applied),
    "a partial of the layer": lambda model: partial(partial(model.layer)),
    "a partial with the layer": lambda model: partial(lambda layer, x: layer(x), model.layer),
}
REFUSED = {
    "a default": lambda model: lambda x, layer=model.layer: layer(x),
    "a closure over a list": lambda model: (lambda layers: lambda x: layers[0](x))([model.layer]),
    "an object": lambda model: Caller(model.layer),
    "a partial of an object": lambda model: partial(Caller(model.layer)),
}


@looped("reach", FOLLOWED.values(), ids=FOLLOWED)
def test_a_layer_is_replaced_wherever_attributes_lead_to_it(reach):
    model, zero = Reaching(reach), np.zeros((2, 1))
    assert model(X).data.any()
    assert not nn.functional_call(model, {"layer.weight": zero}, X).data.any()


@looped("reach", REFUSED.values(), ids=REFUSED)
def test_what_holds_a_layer_and_cannot_be_made_anew_is_refused(reach):
    with pytest.raises(UnsupportedError, match=r"holds on to Dense"), no_grad():
        nn.functional_call(Reaching(reach), {"layer.weight": np.zeros((2, 1))}, X)


def test_a_result_that_depends_on_a_parameter_that_was_replaced_is_refused():
    model = Reaching(through_a_global)
    with pytest.raises(UnsupportedError, match=r"model's own layer.weight"):
        nn.functional_call(model, {"layer.weight": np.zeros((2, 1))}, X)
    step = model.layer.weight * 2
    np.testing.assert_array_equal(
        nn.functional_call(model.layer, {"weight": step}, X).data,
        X @ step.data + model.layer.bias.data,
    )


def test_what_was_computed_before_the_call_may_depend_on_any_parameter():
    class Recurrent(nn.Module):
        def __init__(self):
            self.layer = nn.Dense(2, 2, rng=0)
            self.state = 0.0

        def forward(self, x):
            self.state = self.layer(x) + self.state
            return self.state

    model = Recurrent()
    first = model(X)
    given = {"layer.weight": np.zeros((2, 2)), "layer.bias": np.zeros(2)}
    np.testing.assert_array_equal(nn.functional_call(model, given, first * 0).data, first.data)


def test_what_is_differentiated_in_is_not_loaded_as_a_copy_of_its_numbers():
    model = nn.Dense(2, 1, bias=False)
    weight = np.ones((2, 1))

    def loaded(weight):
        model.load_state_dict({"weight": weight * 2})
        return model(X).sum()

    with pytest.raises(UnsupportedError, match=r"'weight', tensor \(2, 1\).*nn.functional_call"):
        grad(loaded)(weight)
    slopes = grad(lambda w: nn.functional_call(model, {"weight": w * 2}, X).sum())(weight)
    np.testing.assert_allclose(slopes, 2 * X.sum(axis=0)[:, None])
    other = nn.Dense(2, 1, bias=False)
    model.load_state_dict({"weight": 0.5 * (model.weight + other.weight)})


RNG = np.random.default_rng(2)
SEQUENCES = RNG.normal(size=(2, 3, 4))
LAYERS = [
    *layers_of_images(),
    *layers_of_sequences(),
    (nn.LSTM(4, 2, rng=0), (SEQUENCES, None, [3, 1])),
    (nn.GRU(4, 2, bidirectional=True, rng=0), (SEQUENCES, None, np.array([2, 2]))),
    (nn.MultiHeadAttention(4, 2, rng=0), (*[SEQUENCES] * 3, np.array([[False, True, True]] * 2))),
    (nn.MultiHeadAttention(4, 2, rng=0), (*[SEQUENCES] * 3, None, True, np.zeros((3, 3)))),
]


@looped(("layer", "given"), LAYERS)
def test_each_layer_computes_the_same_and_refuses_the_same(layer, given):
    layer.eval()
    arrays = [RNG.normal(size=x) if isinstance(x, tuple) else x for x in given]
    parameters = {name: p.data.copy() for name, p in layer.named_parameters()}
    found = nn.functional_call(layer, parameters, *arrays)
    for one, other in zip(leaves_of(found), leaves_of(layer(*arrays)), strict=True):
        np.testing.assert_array_equal(plain(one), plain(other))
    wrong = [np.ones((1, 7)), *arrays[1:]]
    refused, expected = (
        refusal(lambda: nn.functional_call(layer, parameters, *wrong)),
        refusal(lambda: layer(*wrong)),
    )
    assert refused == expected


def refusal(compute):
    """What an error says but for the names of tensors, which those that are given lack."""
    try:
        compute()
    except AutogradError as error:
        return type(error), error.args[0].partition(")")[0], *error.args[1:]
    return None


def test_the_text_of_a_module_is_that_of_the_one_that_is_called():
    class Told(nn.Module):
        def __init__(self):
            self.layer = nn.Dense(2, 1, rng=0)

        def forward(self, x):
            texts.append((repr(self), repr(self.layer), [repr(m) for _, m in self.children()]))
            return self.layer(x)

    class Outer(nn.Module):
        def __init__(self):
            self.inner = Told()

        def forward(self, x):
            return self.inner(x)

    texts, model = [], Outer()
    model(X)
    nn.functional_call(model.inner, {"layer.bias": np.zeros(1)}, X)
    nn.functional_call(model, {"inner.layer.weight": np.zeros((2, 1))}, X)
    assert texts[0] == texts[1] == texts[2]


class Conditioned(nn.Module):
    """A layer whose bias another one computes."""

    def __init__(self):
        self.main, self.bias_of = nn.Sequential(nn.Dense(2, 3, rng=0)), nn.Dense(2, 3, rng=1)

    def forward(self, x):
        bias = self.bias_of(x.mean(axis=0))
        return nn.functional_call(self.main, {"0.bias": bias}, x)


def test_a_functional_call_within_another_one_takes_what_that_was_given():
    model = Conditioned()
    given = {name: RNG.normal(size=p.shape) for name, p in model.named_parameters()}

    def by_hand(p):
        bias = X.mean(axis=0) @ p["bias_of.weight"] + p["bias_of.bias"]
        return np.tanh(X @ p["main.0.weight"] + bias).sum()

    found = grad(lambda p: np.tanh(nn.functional_call(model, p, X)).sum())(given)
    wanted = grad(by_hand)(given)
    for name, slopes in wanted.items():
        np.testing.assert_allclose(plain(found[name]), slopes, atol=1e-14)
    with pytest.raises(ArgumentError, match=r"1.bias is unknown\. Give some of 0.weight, 0.bias"):
        nn.functional_call(Calling({"1.bias": np.zeros(3)}), {}, X)


class Calling(nn.Module):
    """One that calls its layer with given parameters."""

    def __init__(self, given):
        self.inner, self.given = nn.Sequential(nn.Dense(2, 3, rng=0)), given

    def forward(self, x):
        return nn.functional_call(self.inner, self.given, x)
