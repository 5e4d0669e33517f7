"""Modules: how parameters are found, shared, frozen, replaced, saved and initialised."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import AutogradError, Tensor, no_grad


def small(rng=0):
    return nn.Sequential(nn.Dense(2, 3, activation="relu", rng=rng), nn.Dense(3, 1, rng=rng))


class Blocks(nn.Module):
    def __init__(self):
        self.scale = nn.Parameter([2.0])
        self.blocks = [nn.Dense(2, 2, rng=0), nn.Dense(2, 2, rng=1)]
        self.heads = {"b": nn.Dense(2, 1, rng=2), "a": nn.Dense(2, 1, rng=3)}
        self.pair = (nn.Dense(1, 1, bias=False, rng=4),)
        self.size = 7

    def forward(self, x):
        for block in self.blocks:
            x = np.tanh(block(x))
        return (self.heads["a"](x) + self.pair[0](self.heads["b"](x))) * self.scale


def test_parameters_are_found_in_the_order_of_assignment():
    names = [name for name, _ in Blocks().named_parameters()]
    assert names == [
        "scale",
        "blocks.0.weight",
        "blocks.0.bias",
        "blocks.1.weight",
        "blocks.1.bias",
        "heads.b.weight",
        "heads.b.bias",
        "heads.a.weight",
        "heads.a.bias",
        "pair.0.weight",
    ]


def test_the_order_is_the_same_for_parameters_state_dict_and_another_instance():
    model, other = Blocks(), Blocks()
    names = [name for name, _ in model.named_parameters()]
    assert list(model.state_dict()) == names
    assert [name for name, _ in other.named_parameters()] == names
    assert all(
        p is q for p, (_, q) in zip(model.parameters(), model.named_parameters(), strict=True)
    )


def test_every_parameter_gets_a_gradient():
    model = Blocks()
    model(np.ones((4, 2))).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.shape == parameter.shape
    model.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_shared_parameter_is_listed_once_and_collects_from_all_uses():
    class Tied(nn.Module):
        def __init__(self):
            self.first = nn.Dense(2, 2, bias=False, rng=0)
            self.second = nn.Dense(2, 2, bias=False, rng=1)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.second(self.first(x))

    model = Tied()
    assert [name for name, _ in model.named_parameters()] == ["first.weight"]
    x = np.array([[1.0, 2.0]])
    model(x).sum().backward()
    w, one = model.first.weight.data, np.ones((1, 2))
    expected = x.T @ (one @ w.T) + (x @ w).T @ one
    np.testing.assert_allclose(model.first.weight.grad, expected, rtol=1e-14)
    before = w.copy()
    nn.SGD(model.parameters(), learning_rate=0.1).step()
    np.testing.assert_allclose(model.second.weight.data, before - 0.1 * expected, rtol=1e-14)
    assert model.second.weight is model.first.weight


def test_a_module_that_is_used_twice_is_updated_once():
    layer = nn.Dense(2, 2, bias=False, rng=0)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    assert len(list(model.parameters())) == 1
    before = layer.weight.data.copy()
    model(np.array([[1.0, 2.0]])).sum().backward()
    nn.SGD(model.parameters(), learning_rate=0.1).step()
    np.testing.assert_allclose(layer.weight.data, before - 0.1 * layer.weight.grad, rtol=1e-15)


@pytest.mark.parametrize("frozen_first", [True, False])
def test_a_frozen_parameter_gets_no_gradient_and_does_not_move(frozen_first):
    model = small()
    frozen = model.parameters()[0]
    if frozen_first:
        frozen.requires_grad = False
        optimizer = nn.Adam([p for p in model.parameters() if p.requires_grad], learning_rate=0.1)
    else:
        optimizer = nn.Adam(model.parameters(), learning_rate=0.1)
        frozen.requires_grad = False
    before = [p.data.copy() for p in model.parameters()]
    for _ in range(3):
        model.zero_grad()
        model(np.array([[1.0, 2.0], [-1.0, 0.5]])).sum().backward()
        optimizer.step()
    assert frozen.grad is None
    np.testing.assert_array_equal(frozen.data, before[0])
    assert np.all(model.parameters()[-1].data != before[-1])


def test_a_frozen_parameter_that_is_thawed_moves_again():
    model = small()
    weight = model.parameters()[0]
    weight.requires_grad = False
    model(np.ones((1, 2))).sum().backward()
    weight.requires_grad = True
    model(np.ones((1, 2))).sum().backward()
    assert weight.grad is not None


def test_state_dict_is_a_copy_and_loads_exactly():
    model, other = small(0), small(1)
    state = model.state_dict()
    before = {name: array.copy() for name, array in state.items()}
    for parameter in model.parameters():
        parameter.data -= 1.0
    for name, array in state.items():
        np.testing.assert_array_equal(array, before[name])
    other.load_state_dict(state)
    for name, parameter in other.named_parameters():
        np.testing.assert_array_equal(parameter.data, before[name])
        assert not np.shares_memory(parameter.data, state[name])


@pytest.mark.parametrize(
    "fault", ["missing", "extra", "misshapen", "transposed", "text", "complex"]
)
def test_nothing_is_loaded_unless_everything_fits(fault):
    model = small()
    before = model.state_dict()
    state = {name: array + 1.0 for name, array in before.items()}
    last = list(state)[-1]
    if fault == "missing":
        del state[last]
    elif fault == "extra":
        state["unheard_of"] = np.ones(2)
    elif fault == "misshapen":
        state[last] = np.ones(9)
    elif fault == "transposed":
        state["0.weight"] = state["0.weight"].T
    elif fault == "text":
        state[last] = np.array(["a"])
    else:
        state[last] = state[last] * 1j
    with pytest.raises(AutogradError):
        model.load_state_dict(state)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_loading_keeps_the_parameters_objects_dtype_and_optimizer():
    model = small().astype(np.float32)
    parameters = list(model.parameters())
    optimizer = nn.SGD(parameters, learning_rate=1.0)
    state = {name: np.full(array.shape, 0.5) for name, array in model.state_dict().items()}
    model.load_state_dict(state)
    assert all(p is q for p, q in zip(parameters, model.parameters(), strict=True))
    assert {p.dtype for p in parameters} == {np.dtype(np.float32)}
    parameters[0].grad = np.ones((2, 3), np.float32)
    optimizer.step()
    np.testing.assert_array_equal(parameters[0].data, np.full((2, 3), -0.5))


def test_train_and_eval_reach_every_module_and_return_the_model():
    model = nn.Sequential(nn.Dense(2, 2), nn.Sequential(nn.Dropout(0.5), nn.Dense(2, 2)))
    assert model.training
    assert model.eval() is model
    assert [m.training for _, m in model.named_modules()] == [False] * 5
    assert model.train() is model
    assert [m.training for _, m in model.named_modules()] == [True] * 5


def test_assigning_data_replaces_the_values():
    layer = nn.Dense(2, 1, bias=False, rng=0)
    layer.weight.data = np.array([[3.0], [4.0]])
    np.testing.assert_array_equal(layer(np.array([[1.0, 1.0]])).data, [[7.0]])
    np.testing.assert_array_equal(layer.state_dict()["weight"], [[3.0], [4.0]])


def test_assigning_data_never_reaches_into_another_parameter():
    model = small()
    optimizer = nn.SGD(model.parameters(), learning_rate=0.5)
    others = [p.data.copy() for p in model.parameters()[1:]]
    mine = np.full((2, 3), 2.0)
    first = model.parameters()[0]
    first.data = mine
    first.grad = np.ones((2, 3))
    optimizer.step()
    np.testing.assert_array_equal(first.data, np.full((2, 3), 1.5))
    for parameter, other in zip(model.parameters()[1:], others, strict=True):
        np.testing.assert_array_equal(parameter.data, other)


def test_a_parameter_copies_the_data_that_it_is_given():
    array = np.array([1.0])
    parameter = nn.Parameter(array)
    parameter.data -= 1.0
    np.testing.assert_array_equal(array, [1.0])


def test_a_module_is_float64_unless_asked():
    assert {p.dtype for p in small().parameters()} == {np.dtype(np.float64)}
    layer = nn.Dense(2, 3, dtype=np.float32, rng=0)
    assert {p.dtype for p in layer.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("optimizer", [nn.SGD, nn.Adam])
def test_a_float32_module_stays_float32_through_training(optimizer):
    model = nn.Sequential(
        nn.Dense(4, 8, activation="relu", rng=0), nn.Dropout(0.5, rng=0), nn.Dense(8, 3, rng=1)
    ).astype(np.float32)
    steps = optimizer(model.parameters(), learning_rate=0.01)
    X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    for _ in range(3):
        model.zero_grad()
        out = model(X)
        loss = nn.CrossEntropyLoss()(out, np.array([0, 1, 2, 0, 1, 2]))
        loss.backward()
        steps.step()
    assert out.dtype == loss.dtype == np.float32
    for parameter in model.parameters():
        assert parameter.dtype == parameter.grad.dtype == np.float32


@pytest.mark.parametrize("bias", [True, False])
def test_dense_is_an_affine_map_then_the_activation(bias):
    layer = nn.Dense(3, 2, activation="tanh", bias=bias, rng=0)
    X = np.random.default_rng(1).normal(size=(5, 3))
    expected = X @ layer.weight.data
    if bias:
        layer.bias.data = np.array([0.5, -0.5])
        expected += np.array([0.5, -0.5])
    np.testing.assert_allclose(layer(X).data, np.tanh(expected), rtol=1e-15)


ACTIVATIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "swish": lambda z: z / (1 + np.exp(-z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(-1, keepdims=True),
}


@looped("name", ACTIVATIONS)
def test_an_activation_is_the_same_by_name_and_as_a_module(name):
    modules = {"elu": "ELU", "relu": "ReLU", "leaky_relu": "LeakyReLU"}
    module = getattr(nn, modules.get(name, name.capitalize()))()
    layer = nn.Dense(3, 4, activation=name, rng=0)
    X = np.random.default_rng(1).normal(size=(5, 3))
    z = X @ layer.weight.data
    np.testing.assert_allclose(layer(X).data, ACTIVATIONS[name](z), rtol=1e-12)
    np.testing.assert_allclose(module(Tensor(z)).data, ACTIVATIONS[name](z), rtol=1e-12)


@pytest.mark.parametrize(
    ("activation", "variance"),
    [("relu", 2 / 400), ("leaky_relu", 2 / 400), ("tanh", 2 / 1000), ("sigmoid", 2 / 1000)],
)
def test_initial_weights_have_the_variance_of_he_or_xavier(activation, variance):
    weight = nn.Dense(400, 600, activation=activation, rng=0).weight.data
    assert weight.var() == pytest.approx(variance, rel=0.02)
    assert abs(weight.mean()) < 4 * np.sqrt(variance / weight.size)


def test_initial_weights_without_activation_follow_xavier_and_biases_are_zero():
    layer = nn.Dense(400, 600, rng=0)
    assert layer.weight.data.var() == pytest.approx(2 / 1000, rel=0.02)
    np.testing.assert_array_equal(layer.bias.data, np.zeros(600))


def test_a_seed_fixes_the_weights_and_a_generator_moves_on():
    first, again = nn.Dense(3, 3, rng=5), nn.Dense(3, 3, rng=5)
    np.testing.assert_array_equal(first.weight.data, again.weight.data)
    rng = np.random.default_rng(5)
    one, two = nn.Dense(3, 3, rng=rng), nn.Dense(3, 3, rng=rng)
    np.testing.assert_array_equal(one.weight.data, first.weight.data)
    assert np.all(one.weight.data != two.weight.data)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_drops_with_probability_p_and_keeps_the_mean(p):
    x = Tensor(np.full(100_000, 3.0), requires_grad=True)
    y = nn.Dropout(p, rng=0)(x)
    dropped = y.data == 0
    assert dropped.mean() == pytest.approx(p, abs=0.006)
    np.testing.assert_allclose(y.data[~dropped], 3.0 / (1 - p), rtol=1e-15)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.where(dropped, 0, 1 / (1 - p)), rtol=1e-15)


def test_dropout_is_the_identity_in_evaluation_and_for_p_zero():
    x = Tensor(np.arange(5.0), requires_grad=True)
    for layer in (nn.Dropout(0.5, rng=0).eval(), nn.Dropout(0.0)):
        x.zero_grad()
        y = layer(x)
        y.sum().backward()
        np.testing.assert_array_equal(y.data, x.data)
        np.testing.assert_array_equal(x.grad, np.ones(5))


def test_dropout_with_a_seed_repeats_and_draws_anew_each_time():
    x = np.ones(1000)
    first, second = nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=3)
    a, b = first(x).data, first(x).data
    np.testing.assert_array_equal(a, second(x).data)
    assert np.any(a != b)


def test_dropout_keeps_float32():
    x = Tensor(np.ones(10, np.float32), requires_grad=True)
    y = nn.Dropout(0.3, rng=0)(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_a_module_called_inside_no_grad_records_nothing():
    with no_grad():
        assert not small()(np.ones((1, 2))).requires_grad
