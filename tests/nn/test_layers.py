"""Layers beyond Dense, buffers, and the text of modules."""

import copy
import pickle

import numpy as np
import pytest
from looping import looped
from norm_network import build, train

import nn
from autograd_lite import AutogradError, Tensor, UnsupportedError, gradcheck, no_grad
from autograd_lite.derivatives.layers import standardize
from autograd_lite.table import activations

RNG = np.random.default_rng(0)
X = RNG.normal(1.0, 2.0, size=(6, 3))
G = RNG.normal(size=(6, 3))


def normalized_by_hand(x, g, weight, bias, axis, epsilon=1e-5):
    """y, dx, and g times the standardized x, by the formulas of the papers."""
    mean, variance = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
    m = x.shape[axis]
    deviation = np.sqrt(variance + epsilon)
    x_hat = (x - mean) / deviation
    dx_hat = g * weight
    d_variance = (dx_hat * (x - mean)).sum(axis, keepdims=True) * -0.5 * deviation**-3
    d_mean = -dx_hat.sum(axis, keepdims=True) / deviation
    d_mean += d_variance * (-2 * (x - mean)).mean(axis, keepdims=True)
    dx = dx_hat / deviation + d_variance * 2 * (x - mean) / m + d_mean / m
    return weight * x_hat + bias, dx, g * x_hat


def with_random_affine(layer):
    rng = np.random.default_rng(1)
    layer.weight.data = rng.normal(size=layer.weight.shape)
    layer.bias.data = rng.normal(size=layer.bias.shape)
    return layer


@looped(("layer", "axis"), [(nn.BatchNorm1d(3), 0), (nn.LayerNorm(3), 1), (nn.LayerNorm((3,)), 1)])
def test_normalization_and_its_gradients_follow_the_formulas(layer, axis):
    with_random_affine(layer)
    x = Tensor(X, requires_grad=True)
    layer.zero_grad()
    y = layer(x)
    y.backward(G)
    expected, dx, d_weight = normalized_by_hand(X, G, layer.weight.data, layer.bias.data, axis)
    np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(x.grad, dx, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(layer.weight.grad, d_weight.sum(0), rtol=1e-12)
    np.testing.assert_allclose(layer.bias.grad, G.sum(0), rtol=1e-12)


@looped("axes", [(0,), (-1,), (-2, -1)])
def test_the_row_of_standardization_is_right_to_second_order(axes):
    assert gradcheck(lambda x: standardize(x, axes, 0.1), RNG.normal(size=(4, 3)), order=2)


@looped("layer", [nn.BatchNorm1d(3), nn.LayerNorm(3)])
def test_normalized_entries_have_mean_0_and_variance_1(layer):
    axis = 0 if isinstance(layer, nn.BatchNorm1d) else 1
    y = layer(X).data
    np.testing.assert_allclose(y.mean(axis), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(axis), 1, rtol=1e-4)


@looped("layer", [nn.BatchNorm1d(2), nn.LayerNorm(2)])
def test_equal_entries_become_0_with_finite_gradients(layer):
    x = Tensor(np.full((4, 2), 3.0), requires_grad=True)
    y = layer(x)
    (y**2 + y).sum().backward()
    np.testing.assert_array_equal(y.data, np.zeros((4, 2)))
    np.testing.assert_array_equal(x.grad, np.zeros((4, 2)))


def test_equal_entries_become_0_however_large():
    features = np.array([1.7e9, -3e10, 0.1], np.float32)
    for n in (3, 10, 33):
        batch = np.tile(features, (n, 1))
        np.testing.assert_allclose(nn.BatchNorm1d(3, dtype=np.float32)(batch).data, 0, atol=1e-3)
        rows = nn.LayerNorm(n, dtype=np.float32)(batch.T.copy())
        np.testing.assert_allclose(rows.data, 0, atol=1e-3)


def test_layer_norm_over_several_axes_normalizes_them_together():
    x = RNG.normal(size=(2, 3, 4))
    y = nn.LayerNorm((3, 4))(x).data
    expected = [(part - part.mean()) / np.sqrt(part.var() + 1e-5) for part in x]
    np.testing.assert_allclose(y, expected, rtol=1e-12)


def test_layer_norm_is_the_same_in_training_and_evaluation():
    layer = nn.LayerNorm(3)
    np.testing.assert_array_equal(layer(X).data, layer.eval()(X).data)


def test_running_statistics_follow_the_batches_with_momentum():
    layer = nn.BatchNorm1d(3, momentum=0.3)
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(4):
        batch = RNG.normal(2.0, 3.0, size=(5, 3))
        layer(batch)
        mean = 0.7 * mean + 0.3 * batch.mean(0)
        variance = 0.7 * variance + 0.3 * batch.var(0, ddof=1)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-13)
    np.testing.assert_allclose(layer.running_var.data, variance, rtol=1e-13)


def test_evaluation_uses_running_statistics_and_leaves_them():
    layer = with_random_affine(nn.BatchNorm1d(3))
    layer(X)
    mean, variance = layer.running_mean.data.copy(), layer.running_var.data.copy()
    layer.eval()
    x = Tensor(X[:1], requires_grad=True)
    y = layer(x)
    y.backward(G[:1])
    scale = layer.weight.data / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(y.data, (X[:1] - mean) * scale + layer.bias.data, rtol=1e-13)
    np.testing.assert_allclose(x.grad, G[:1] * scale, rtol=1e-13)
    np.testing.assert_array_equal(layer.running_mean.data, mean)
    np.testing.assert_array_equal(layer.running_var.data, variance)


def test_a_record_made_in_evaluation_survives_training_calls():
    layer = nn.BatchNorm1d(3)
    layer(X)
    layer.eval()
    x = Tensor(X, requires_grad=True)
    y = layer(x)
    expected = 1 / np.sqrt(layer.running_var.data + 1e-5)
    layer.train()(X)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.broadcast_to(expected, X.shape), rtol=1e-13)


def test_running_statistics_follow_without_recording_as_well():
    layer = nn.BatchNorm1d(3, momentum=1.0)
    with no_grad():
        assert not layer(X).requires_grad
    np.testing.assert_allclose(layer.running_mean.data, X.mean(0), rtol=1e-13)


def test_normalization_keeps_float32():
    for layer in (nn.BatchNorm1d(3).astype(np.float32), nn.LayerNorm(3, dtype=np.float32)):
        x = Tensor(X.astype(np.float32), requires_grad=True)
        for mode in (True, False):
            y = layer.train(mode)(x)
            y.sum().backward()
            assert y.dtype == x.grad.dtype == np.float32
        assert {array.dtype for array in layer.state_dict().values()} == {np.dtype(np.float32)}


def test_fifty_steps_with_norms_and_a_skip_give_the_losses_and_statistics_of_pytorch():
    losses, state = train(build())
    golden = [
        1.4218955404237439,
        1.269352082545073,
        0.9183105473819362,
        0.6773896158012671,
        0.460658061571385,
    ]
    np.testing.assert_allclose([losses[step] for step in (0, 1, 9, 24, 49)], golden, rtol=1e-10)
    mean = [-0.05648590312142672, 0.11873468729852113, 0.13940538515955261]
    variance = [0.36627089858071404, 0.4502867394441684, 0.42983511594222357]
    np.testing.assert_allclose(state["1.running_mean"][:3], mean, rtol=1e-10)
    np.testing.assert_allclose(state["1.running_var"][:3], variance, rtol=1e-10)


# Buffers


def test_buffers_are_saved_with_the_parameters_and_not_learned():
    model = nn.Sequential(nn.Dense(2, 3, rng=0), nn.BatchNorm1d(3))
    assert [name for name, _ in model.named_parameters()] == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
    ]
    assert [name for name, _ in model.named_buffers()] == ["1.running_mean", "1.running_var"]
    assert list(model.state_dict())[4:] == ["1.running_mean", "1.running_var"]
    assert not any(buffer.requires_grad for _, buffer in model.named_buffers())


def test_a_state_dict_with_buffers_makes_another_model_the_same():
    def make(rng):
        return nn.Sequential(nn.Dense(3, 4, rng=rng), nn.BatchNorm1d(4), nn.Dense(4, 1, rng=rng))

    model, other = make(0), make(1)
    for _ in range(3):
        model(X)
    state = model.state_dict()
    expected = model.eval()(X).data
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.eval()(X).data, expected)
    model.train()(X + 1)
    np.testing.assert_array_equal(other.state_dict()["1.running_mean"], state["1.running_mean"])


@looped("fault", ["missing", "misshapen"])
def test_nothing_is_loaded_when_a_buffer_does_not_fit(fault):
    layer = nn.BatchNorm1d(3)
    before = layer.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    if fault == "missing":
        del state["running_var"]
    else:
        state["running_var"] = np.ones(4)
    with pytest.raises(AutogradError, match="running_var"):
        layer.load_state_dict(state)
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@looped("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copied_layer_has_statistics_of_its_own(duplicate):
    layer = nn.BatchNorm1d(3)
    layer(X)
    twin = duplicate(layer)
    before = layer.running_mean.data.copy()
    np.testing.assert_array_equal(twin.running_mean.data, before)
    twin(X + 5)
    np.testing.assert_array_equal(layer.running_mean.data, before)
    assert np.all(twin.running_mean.data != before)


def test_a_buffer_copies_its_data():
    array = np.zeros(2)
    buffer = nn.Buffer(array)
    array += 1
    np.testing.assert_array_equal(buffer.data, [0.0, 0.0])


# Residual and Flatten


def test_residual_adds_what_it_gets_and_its_gradient():
    inner = nn.Dense(3, 3, activation="tanh", rng=0)
    x = Tensor(X, requires_grad=True)
    y = nn.Residual(inner)(x)
    y.backward(G)
    z = np.tanh(X @ inner.weight.data)
    dz = G * (1 - z**2)
    np.testing.assert_allclose(y.data, z + X, rtol=1e-14)
    np.testing.assert_allclose(x.grad, dz @ inner.weight.data.T + G, rtol=1e-12)
    np.testing.assert_allclose(inner.weight.grad, X.T @ dz, rtol=1e-12)


def test_residual_with_a_projection_adds_that():
    block, projection = nn.Dense(3, 5, rng=0), nn.Dense(3, 5, bias=False, rng=1)
    layer = nn.Residual(block, projection=projection)
    np.testing.assert_allclose(layer(X).data, (block(X) + projection(X)).data, rtol=1e-15)
    names = [name for name, _ in layer.named_parameters()]
    assert names == ["block.weight", "block.bias", "projection.weight"]


def test_modes_reach_what_is_inside_of_a_residual():
    layer = nn.Residual(nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3)))
    assert [module.training for _, module in layer.eval().named_modules()] == [False] * 4


@looped("features", [2, 1])
def test_residual_refuses_shapes_that_differ_or_would_broadcast(features):
    with pytest.raises(AutogradError, match="projection") as caught:
        nn.Residual(nn.Dense(3, features))(X)
    assert f"(6, {features})" in str(caught.value)
    assert "(6, 3)" in str(caught.value)


@looped("shape", [(2, 3), (2, 3, 4), (2, 1, 3, 4), (5,), (0, 3, 2)])
def test_flatten_keeps_samples_and_joins_the_rest(shape):
    x = Tensor(np.arange(np.prod(shape), dtype=float).reshape(shape), requires_grad=True)
    y = nn.Flatten()(x)
    features = int(np.prod(shape[1:]))
    assert y.shape == (shape[0], features)
    np.testing.assert_array_equal(y.data, x.data.reshape(shape[0], features))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones(shape))


# Modules in general


def test_every_activation_of_the_table_is_a_module():
    modules = {"elu": nn.ELU, "gelu": nn.GELU, "relu": nn.ReLU}
    modules |= {"leaky_relu": nn.LeakyReLU, "log_softmax": nn.LogSoftmax}
    for name, function in activations().items():
        module = modules.get(name) or getattr(nn, name.capitalize())
        np.testing.assert_array_equal(module()(Tensor(X)).data, function(Tensor(X)).data)


def test_a_module_whose_init_does_not_call_super_works():
    class Forgetful(nn.Module):
        def __init__(self):
            self.norm = nn.BatchNorm1d(3)
            self.scale = nn.Parameter([2.0])
            self.count = nn.Buffer([0.0])

        def forward(self, x):
            return self.norm(x) * self.scale

    model = Forgetful()
    assert [name for name, _ in model.named_parameters()] == ["scale", "norm.weight", "norm.bias"]
    assert list(dict(model.named_buffers())) == ["count", "norm.running_mean", "norm.running_var"]
    assert model.training
    assert not model.eval().norm.training
    model.train()(X).sum().backward()
    assert model.scale.grad is not None
    state = model.state_dict()
    Forgetful().load_state_dict(state)


def test_the_text_of_a_model_shows_arguments_and_counts_of_parameters():
    model = nn.Sequential(
        nn.Dense(2, 1000, activation="relu", rng=0),
        nn.Residual(nn.Sequential(nn.BatchNorm1d(1000), nn.LeakyReLU(0.2))),
        nn.Dropout(0.25),
        nn.Dense(1000, 1, bias=False, rng=0),
        nn.Softmax(axis=1),
    )
    assert repr(model) == "\n".join(
        [
            "Sequential(",
            "  0: Dense(2, 1000, activation=relu)  # 3,000 parameters",
            "  1: Residual(",
            "    block: Sequential(",
            "      0: BatchNorm1d(1000)  # 2,000 parameters",
            "      1: LeakyReLU(negative_slope=0.2)",
            "    )  # 2,000 parameters",
            "  )  # 2,000 parameters",
            "  2: Dropout(p=0.25)",
            "  3: Dense(1000, 1, bias=False)  # 1,000 parameters",
            "  4: Softmax(axis=1)",
            ")  # 6,000 parameters",
        ]
    )
    assert repr(nn.Dense(1, 1, bias=False)) == "Dense(1, 1, bias=False)  # 1 parameter"
    assert repr(nn.LayerNorm((2, 3))) == "LayerNorm((2, 3))  # 12 parameters"
    assert repr(nn.ELU(0.5)) == "ELU(alpha=0.5)"
    assert repr(nn.Sequential()) == "Sequential()"


def test_a_shared_parameter_is_counted_once():
    layer = nn.Dense(2, 2)
    assert repr(nn.Sequential(layer, layer)).endswith(")  # 6 parameters")


@looped(
    ("make", "named"),
    [
        *((lambda n=n: nn.Dense(n, 2), "in_features") for n in (0, -1, 2.0, "2", None, True)),
        *((lambda n=n: nn.Dense(2, n), "out_features") for n in (0, 1.5, np.nan)),
        *((lambda n=n: nn.BatchNorm1d(n), "num_features") for n in (0, 1.5, (3,))),
        *((lambda m=m: nn.BatchNorm1d(3, momentum=m), "momentum") for m in (-0.1, 1.1, None)),
        *((lambda e=e: nn.BatchNorm1d(3, epsilon=e), "epsilon") for e in (0, -1e-5, np.nan)),
        *((lambda n=n: nn.LayerNorm(n), "normalized_shape") for n in (0, (), (2, 0), "3", 1.5)),
        (lambda: nn.LayerNorm(3, epsilon=0.0), "epsilon"),
        *((lambda p=p: nn.Dropout(p), "p=") for p in (-0.1, 1, np.nan, "0.5")),
        (lambda: nn.Residual(np.tanh), "block"),
        (lambda: nn.Residual(nn.Tanh(), np.tanh), "projection"),
        (lambda: nn.Residual(None), "block"),
        (lambda: nn.BatchNorm1d(3)(np.ones((6, 4))), r"\(6, 4\)"),
        (lambda: nn.BatchNorm1d(3)(np.ones(3)), r"\(n, 3\)"),
        (lambda: nn.BatchNorm1d(3)(np.ones((2, 5, 3))), r"\(n, 3\)"),
        (lambda: nn.BatchNorm1d(3)(np.ones((1, 3))), "two samples"),
        (lambda: nn.BatchNorm1d(3)(np.ones((0, 3))), "two samples"),
        (lambda: nn.LayerNorm(3)(np.ones((3, 4))), r"\(3, 4\)"),
        (lambda: nn.LayerNorm((2, 3))(np.ones(3)), r"\(2, 3\)"),
        (lambda: nn.Flatten()(Tensor(1.0)), "samples"),
    ],
)
def test_bad_input_is_refused_by_name(make, named):
    with pytest.raises(AutogradError, match=named):
        make()


def test_a_refused_batch_leaves_the_running_statistics():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(AutogradError):
        layer(np.ones((1, 3)))
    np.testing.assert_array_equal(layer.running_mean.data, np.zeros(3))
    np.testing.assert_array_equal(layer.running_var.data, np.ones(3))


@looped("layers", [[nn.ReLU()], (nn.ReLU(),), {"a": nn.ReLU()}])
def test_layers_are_given_one_by_one(layers):
    with pytest.raises(UnsupportedError, match=r"one by one.*Sequential\(\*layers\)"):
        nn.Sequential(layers)
