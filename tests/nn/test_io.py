"""Models in files: bit for bit what was saved."""

import copy
import json
import pickle

import numpy as np
import pytest
from model_files import (
    OwnModel,
    assert_same_bits,
    content,
    every_layer,
    layers_of_images,
    layers_of_sequences,
    safetensors_numpy,
    small,
)

import nn
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, UnsupportedError
from autograd_lite.table import activations
from autograd_lite.trees import leaves_of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rebuilt_model_has_the_saved_bits_and_computes_the_same(path, dtype):
    model = every_layer(dtype)
    nn.save(model, path)
    loaded = nn.load(path)
    assert_same_bits(loaded, model)
    assert repr(loaded) == repr(model)
    x = np.random.default_rng(3).normal(size=(5, 2)).astype(dtype)
    output = nn.predict(loaded, x)
    assert output.dtype == dtype
    assert output.tobytes() == nn.predict(model, x).tobytes()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_layers_of_images_and_sequences_compute_the_same_bits_when_loaded(path, dtype):
    rng = np.random.default_rng(3)
    images = [
        (layer, [rng.normal(size=shape).astype(dtype) for shape in shapes])
        for layer, shapes in layers_of_images(dtype)
    ]
    for layer, arrays in images + layers_of_sequences(dtype):
        nn.save(layer, path)
        loaded = nn.load(path)
        assert_same_bits(loaded, layer)
        assert repr(loaded) == repr(layer)
        inputs = [Tensor(array) if array.dtype == dtype else array for array in arrays]
        outputs = leaves_of(loaded.eval()(*inputs))
        for output, own in zip(outputs, leaves_of(layer.eval()(*inputs)), strict=True):
            assert output.dtype == dtype, layer
            assert output.data.tobytes() == own.data.tobytes(), layer


def test_the_arguments_of_layers_are_rebuilt(path):
    nn.save(every_layer(), path)
    loaded = nn.load(path)
    assert loaded[1].p == 0.25
    assert loaded[2][0].bias is None
    assert loaded[2][1].negative_slope == 0.2
    assert loaded[4].alpha == 0.5
    assert (loaded[11].epsilon, loaded[11].momentum) == (1e-3, 0.2)
    assert loaded[12].projection is None
    assert loaded[13].block.epsilon == 1e-4
    assert loaded[15].axis == 0
    assert loaded.training


def test_what_is_frozen_is_frozen_in_the_rebuilt_model(path):
    model = every_layer()
    model[0].weight.requires_grad = model[11].bias.requires_grad = False
    nn.save(model, path)
    flags = [parameter.requires_grad for parameter in model.parameters()]
    assert [parameter.requires_grad for parameter in nn.load(path).parameters()] == flags
    assert all(parameter.requires_grad for parameter in nn.load(path, every_layer()).parameters())


@pytest.mark.parametrize("frozen", ["0.weight", ["0.wait"], 3])
def test_a_file_that_freezes_what_is_not_there_is_refused(path, frozen):
    nn.save(small(), path)
    tensors, entry = content(path)
    metadata = {"autograd_lite": json.dumps({**entry, "frozen": frozen})}
    path.write_bytes(safetensors_numpy.save(tensors, metadata))
    with pytest.raises(ArgumentError, match="cannot be built"):
        nn.load(path)


class Remembering(nn.Module):
    def __init__(self):
        self.inner = nn.Dense(2, 1, rng=0)
        self.hidden = None
        self.steps = []

    def forward(self, x):
        self.hidden = self.inner(x)
        self.steps.append((self.hidden, {"twice": 2 * self.hidden}))
        self.extra = self.hidden + 1
        self.state = self.hidden.detach()
        return self.hidden


def pickled(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("use", [lambda model, x: model(x), nn.predict])
@pytest.mark.parametrize("then", [lambda model: model, pickled, copy.deepcopy])
def test_tensors_that_forward_left_are_no_part_of_a_model(path, use, then):
    nn.register(Remembering)
    model = Remembering()
    use(model, np.ones((3, 2)))
    model = then(model)
    nn.save(model, path)
    loaded = nn.load(path)
    assert_same_bits(loaded, model)
    assert (loaded.hidden, loaded.steps) == (None, [])
    assert not hasattr(loaded, "extra")
    assert not hasattr(loaded, "state")
    model.shift = Tensor([1.0])
    with pytest.raises(UnsupportedError, match="does not tell shift"):
        nn.save(model, path)


def test_running_statistics_are_saved_with_the_parameters(path):
    model = nn.Sequential(nn.BatchNorm1d(2))
    model(np.random.default_rng(0).normal(3.0, 2.0, size=(50, 2)))
    assert model[0].running_mean.data.min() > 0.1
    nn.save(model, path)
    assert_same_bits(nn.load(path), model)


def test_a_layer_norm_over_several_axes_is_rebuilt(path):
    nn.save(nn.LayerNorm((2, 3)), path)
    loaded = nn.load(path)
    assert loaded.weight.shape == (2, 3)
    assert loaded.axes == (-2, -1)


@pytest.mark.parametrize("name", activations())
def test_each_activation_by_name_is_rebuilt(path, name):
    nn.save(nn.Dense(2, 2, activation=name), path)
    assert nn.load(path).activation is activations()[name]


def test_an_activation_that_is_a_module_is_rebuilt(path):
    nn.save(nn.Dense(2, 2, activation=nn.LeakyReLU(0.2)), path)
    assert nn.load(path).activation.negative_slope == 0.2


def test_every_public_layer_is_rebuilt_as_its_own_class():
    public = {getattr(nn, name) for name in nn.__all__}
    layers = {kind for kind in public if isinstance(kind, type) and issubclass(kind, nn.Module)}
    rebuilt = {type(module) for _, module in every_layer().named_modules()}
    rebuilt |= {type(layer) for layer, _ in layers_of_images() + layers_of_sequences()}
    missing = layers - {nn.Module} - rebuilt
    assert not missing, "add them to every_layer in tests/nn/model_files.py"


def test_numbers_of_every_kind_keep_their_bits(path):
    values = np.array([[np.nan, np.inf, -0.0, 5e-324], [-np.inf, np.pi, 1e308, 0.1]])
    model = nn.Dense(2, 4)
    model.weight.data = values
    nn.save(model, path)
    assert nn.load(path).weight.data.tobytes() == values.tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_memory_order_of_an_array_does_not_matter(path, order):
    values = np.array(np.arange(6.0).reshape(2, 3), order=order)
    nn.save({"w": values, "s": np.float32(3), "view": values.T[::2]}, path)
    tensors, _ = content(path)
    np.testing.assert_array_equal(tensors["w"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(tensors["view"], [[0, 3], [2, 5]])
    assert tensors["s"].shape == ()
    assert tensors["s"].dtype == np.float32


def test_a_layer_that_occurs_twice_is_one_layer_after_loading(path):
    shared = nn.Dense(2, 2, activation="tanh", rng=0)
    model = nn.Sequential(nn.Sequential(shared, nn.ReLU()), shared, nn.Dense(2, 1, rng=1))
    nn.save(model, path)
    loaded = nn.load(path)
    assert loaded[0][0] is loaded[1]
    assert_same_bits(loaded, model)
    assert len(loaded.parameters()) == 4


@pytest.mark.parametrize("model", [nn.Sequential(), nn.Sequential(nn.ReLU()), nn.Tanh()])
def test_a_model_without_parameters_is_rebuilt(path, model):
    nn.save(model, path)
    assert repr(nn.load(path)) == repr(model)


def test_the_rebuilt_model_learns(path):
    nn.save(small(), path)
    loaded = nn.load(path)
    optimizer = nn.SGD(loaded.parameters(), learning_rate=0.1)
    nn.MSELoss()(loaded(np.ones((1, 2))), np.full((1, 1), 9.0)).backward()
    optimizer.step()
    assert not np.array_equal(loaded[1].bias.data, small()[1].bias.data)


def test_a_model_of_ones_own_class_is_saved_as_state_and_loaded_into_an_instance(path):
    nn.save(OwnModel(rng=0).state_dict(), path)
    model = OwnModel(rng=1)
    assert nn.load(path, model) is model
    assert_same_bits(model, OwnModel(rng=0))


def test_a_saved_model_can_be_loaded_into_another_of_the_same_build(path):
    nn.save(small(rng=0), path)
    model = small(rng=1)
    weight = model[0].weight
    nn.load(path, model)
    assert_same_bits(model, small(rng=0))
    assert model[0].weight is weight


def test_tensors_can_be_saved_by_name(path):
    nn.save({"w": Tensor([1.0, 2.0], requires_grad=True)}, path)
    np.testing.assert_array_equal(content(path)[0]["w"], [1.0, 2.0])


def test_saving_leaves_the_model_as_it_was(path):
    model = every_layer().eval()
    before = model.state_dict()
    nn.save(model, path)
    assert not model.training
    for name, array in model.state_dict().items():
        assert array.tobytes() == before[name].tobytes()


def test_the_file_says_in_json_how_to_rebuild_the_model(path):
    nn.save(nn.Sequential(nn.Dense(2, 3, activation="relu"), nn.Dropout(0.5)), path)
    _, entry = content(path)
    assert entry == {
        "version": 1,
        "architecture": {
            "class": "Sequential",
            "layers": [
                {
                    "class": "Dense",
                    "in_features": 2,
                    "out_features": 3,
                    "activation": {"function": "relu"},
                    "bias": True,
                    "dtype": {"dtype": "float64"},
                },
                {"class": "Dropout", "p": 0.5},
            ],
        },
    }


@pytest.mark.usefixtures("own_classes")
def test_a_model_that_constructors_tie_is_saved_and_one_that_is_nested_too_deep_is_not(path):
    @nn.register
    class Tied(nn.Module):
        def __init__(self, encoder, decoder):
            self.encoder, self.decoder = encoder, decoder
            decoder.weight = encoder.weight

    nn.save(Tied(*(nn.Dense(3, 3, bias=False) for _ in range(2))), path)
    loaded = nn.load(path)
    assert loaded.encoder.weight is loaded.decoder.weight
    deep = nn.Dense(1, 1)
    for _ in range(80):
        deep = nn.Sequential(deep)
    with pytest.raises(UnsupportedError, match="nested more than 64 deep"):
        nn.save(deep, path)
