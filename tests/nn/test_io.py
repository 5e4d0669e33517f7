"""Models in files: bit for bit what was saved, the old file after a crash, and what is refused."""

import json
import os
import stat
import sys

import numpy as np
import pytest

import nn
from autograd_lite import AutogradError, Tensor
from autograd_lite.errors import ArgumentError, UnsupportedError

safetensors_numpy = pytest.importorskip("safetensors.numpy")


def every_layer(dtype=np.float64):
    return nn.Sequential(
        nn.Dense(2, 4, activation="relu", rng=0, dtype=dtype),
        nn.Dropout(0.25),
        nn.Sequential(nn.Dense(4, 4, bias=False, rng=1, dtype=dtype), nn.LeakyReLU(0.2)),
        nn.ReLU(),
        nn.ELU(0.5),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.Swish(),
        nn.GELU(),
        nn.Softplus(),
        nn.Dense(4, 3, activation="gelu", rng=2, dtype=dtype),
        nn.BatchNorm1d(3, epsilon=1e-3, momentum=0.2, dtype=dtype),
        nn.Residual(nn.Dense(3, 3, rng=3, dtype=dtype)),
        nn.Residual(
            nn.LayerNorm(3, epsilon=1e-4, dtype=dtype),
            projection=nn.Dense(3, 3, rng=4, dtype=dtype),
        ),
        nn.Flatten(),
        nn.LogSoftmax(0),
        nn.Softmax(axis=1),
    )


class OwnModel(nn.Module):
    def __init__(self, rng=0):
        self.scale = nn.Parameter(2.0)
        self.blocks = [nn.Dense(2, 2, rng=rng), nn.Dense(2, 1, rng=rng)]

    def forward(self, x):
        return self.blocks[1](self.blocks[0](x)) * self.scale


def small(rng=0, dtype=np.float64):
    return nn.Sequential(
        nn.Dense(2, 3, activation="relu", rng=rng, dtype=dtype),
        nn.Dense(3, 1, rng=rng, dtype=dtype),
    )


def assert_same_bits(model, other):
    state, expected = model.state_dict(), other.state_dict()
    assert list(state) == list(expected)
    for name in expected:
        assert state[name].dtype == expected[name].dtype, name
        assert state[name].shape == expected[name].shape, name
        assert state[name].tobytes() == expected[name].tobytes(), name


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def content(path):
    """The tensors and the metadata's JSON of a file."""
    header_length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + header_length])
    return safetensors_numpy.load_file(path), json.loads(header["__metadata__"]["autograd_lite"])


def rewrite(path, *, tensors=None, architecture=None, text=None):
    """Write a file again with some of its tensors, or of its first layer's arguments, changed."""
    old_tensors, entry = content(path)
    entry["architecture"]["layers"][0] |= architecture or {}
    new_tensors = {
        name: array for name, array in (old_tensors | (tensors or {})).items() if array is not None
    }
    metadata = {"autograd_lite": json.dumps(entry) if text is None else text}
    path.write_bytes(safetensors_numpy.save(new_tensors, metadata))


def refusal(path, model=None):
    """The three parts of the error; a given model is as before."""
    before = None if model is None else model.state_dict()
    with pytest.raises(ArgumentError) as info:
        nn.load(path, model)
    attempted, reason, remedy = info.value.args
    assert str(path) in attempted
    assert remedy
    for name, array in (before or {}).items():
        np.testing.assert_array_equal(model.state_dict()[name], array)
    return reason


# --- round trips


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


@pytest.mark.parametrize("name", nn.activations.ACTIVATIONS)
def test_each_activation_by_name_is_rebuilt(path, name):
    nn.save(nn.Dense(2, 2, activation=name), path)
    assert nn.load(path).activation is nn.activations.ACTIVATIONS[name]


def test_every_module_of_the_table_is_rebuilt_as_its_own_class():
    rebuilt = {type(module) for _, module in every_layer().named_modules()}
    assert rebuilt == set(nn.io.ARGUMENTS), "add the new layer to every_layer"


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
                    "activation": "relu",
                    "bias": True,
                    "weight_init": "zeros",
                    "dtype": "float64",
                },
                {"class": "Dropout", "p": 0.5},
            ],
        },
    }


# --- one step


def fail(*arguments):
    raise OSError("the machine stopped")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_file_and_nothing_beside_it(path, monkeypatch, step):
    nn.save(small(rng=0), path)
    old = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="the machine stopped"):
            nn.save(small(rng=1), path)
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]
    assert_same_bits(nn.load(path), small(rng=0))


def test_the_old_file_is_whole_until_the_new_one_is_on_disk(path, monkeypatch):
    nn.save(small(rng=0), path)
    old = path.read_bytes()
    steps = []

    def recorded(name):
        function = getattr(os, name)

        def call(*arguments):
            assert path.read_bytes() == old
            steps.append(name)
            return function(*arguments)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, recorded(name))
    nn.save(small(rng=1), path)
    assert steps == ["fsync", "replace"]
    assert_same_bits(nn.load(path), small(rng=1))


def test_a_refused_model_leaves_the_old_file(path):
    nn.save(small(), path)
    old = path.read_bytes()
    with pytest.raises(UnsupportedError):
        nn.save(OwnModel(), path)
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")
def test_the_file_has_the_permissions_of_any_new_file(path):
    nn.save(small(), path)
    (path.parent / "other").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((path.parent / "other").stat().st_mode)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_keeps_pointing_to_the_file_that_is_replaced(path):
    link = path.parent / "latest"
    nn.save(small(rng=0), path)
    link.symlink_to(path)
    nn.save(small(rng=1), link)
    assert link.is_symlink()
    assert_same_bits(nn.load(path), small(rng=1))


# --- what cannot be saved


@pytest.mark.parametrize(
    "model",
    [
        nn.Dense(2, 2, activation=lambda x: x * 2),
        nn.Sequential(nn.Dense(2, 2, activation=np.sin)),
        nn.Dense(2, 2, activation=nn.ReLU()),
        OwnModel(),
        nn.Sequential(nn.Dense(2, 2), OwnModel()),
    ],
    ids=["lambda", "function", "module", "class", "class inside"],
)
def test_what_only_code_can_rebuild_is_refused_with_the_line_to_write(path, model):
    with pytest.raises(UnsupportedError, match="holds no code") as info:
        nn.save(model, path)
    assert "nn.load(path, model)" in info.value.args[2]
    assert not path.exists()
    nn.save(model.state_dict(), path)
    nn.load(path, model)


def test_a_subclass_of_a_layer_is_not_taken_for_the_layer(path):
    class Doubled(nn.Dense):
        def forward(self, x):
            return super().forward(x) * 2

    with pytest.raises(UnsupportedError, match="Doubled"):
        nn.save(nn.Sequential(Doubled(2, 2)), path)


def test_parameters_that_the_layers_do_not_tell_are_refused_by_name(path):
    tied = nn.Sequential(nn.Dense(2, 2), nn.Dense(2, 2))
    tied[1].weight = tied[0].weight
    with pytest.raises(UnsupportedError, match=r"1\.weight"):
        nn.save(tied, path)
    extended = nn.Sequential(nn.Dense(2, 2))
    extended[0].gain = nn.Parameter([1.0])
    with pytest.raises(UnsupportedError, match=r"0\.gain"):
        nn.save(extended, path)


@pytest.mark.parametrize("array", [np.array([1j]), np.array(["a"]), np.array([1.0], np.longdouble)])
def test_dtypes_that_a_file_cannot_hold_are_refused(path, array):
    with pytest.raises(UnsupportedError, match="'w'"):
        nn.save({"w": array}, path)


def test_names_that_are_not_strings_and_things_that_are_no_model_are_refused(path):
    with pytest.raises(UnsupportedError, match="by name"):
        nn.save({1: np.ones(2)}, path)
    with pytest.raises(UnsupportedError, match="neither a module nor a mapping"):
        nn.save(str(path), small())


# --- files that are refused


def test_a_file_truncated_anywhere_is_refused(path):
    nn.save(nn.Dense(1, 1), path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert "truncated" in refusal(path)


@pytest.mark.parametrize("suffix", [b"x", b"\0" * 8])
def test_a_file_with_something_appended_is_refused(path, suffix):
    nn.save(small(), path)
    path.write_bytes(path.read_bytes() + suffix)
    assert "no safetensors file" in refusal(path)


@pytest.mark.parametrize("data", [b"PK\x03\x04" * 50, b"\x80\x04\x95" * 50, b"\x93NUMPY" * 50])
def test_files_of_other_kinds_are_refused(path, data):
    path.write_bytes(data)
    assert "no safetensors file" in refusal(path)


def test_a_pickle_is_not_executed(path):
    witness = path.parent / "executed"
    path.write_bytes(f"cos\nmkdir\n(S'{witness}'\ntR.".encode())
    refusal(path)
    assert not witness.exists()


def test_a_safetensors_file_of_another_program_is_refused(path):
    path.write_bytes(safetensors_numpy.save(small().state_dict(), {"format": "pt"}))
    assert "another program" in refusal(path)
    assert "another program" in refusal(path, small(rng=1))
    path.write_bytes(safetensors_numpy.save(small().state_dict()))
    assert "another program" in refusal(path)


def test_tensors_without_an_architecture_ask_for_a_model(path):
    nn.save(small().state_dict(), path)
    assert "not what kind of model" in refusal(path)


def test_a_file_that_is_not_there_is_reported_as_by_open(path):
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        nn.load(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "null", '{"version": 1}', '{"architecture": {}}', "[" * 100_000]
)
def test_metadata_that_is_not_the_right_json_is_refused(path, text):
    nn.save(small(), path)
    rewrite(path, text=text)
    assert "not as nn.save writes it" in refusal(path)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_of_the_format_is_refused(path, version):
    nn.save(small(), path)
    rewrite(path, text=json.dumps({"version": version, "architecture": None}))
    assert f"version {version!r}" in refusal(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"class": "Convolution"}, "no layer 'Convolution'"),
        ({"class": "os.system"}, "no layer 'os.system'"),
        ({"class": "Module"}, "no layer 'Module'"),
        ({"class": ["Dense"]}, "no layer ('Dense',)"),
        ({"class": "ReLU"}, "takes no arguments"),
        ({"activation": "exec"}, "no activation of that name"),
        ({"activation": 3}, "no activation of that name"),
        ({"weight_init": "he_normal"}, "not as nn.save writes it"),
        ({"weight_init": 5}, "no initialization of that name"),
        ({"rng": 3}, "not as nn.save writes it"),
        ({"unknown": 3}, "unknown"),
        ({"dtype": "object"}, "dtype"),
        ({"dtype": "no"}, "no"),
        ({"bias": "yes"}, "not as nn.save writes it"),
        ({"in_features": 0}, "in_features=0"),
        ({"in_features": "2"}, ""),
        ({"in_features": 2.0}, ""),
        ({"in_features": None}, ""),
        ({"in_features": 10**9, "out_features": 10**9}, "larger than the file"),
        ({"layers": [{"class": "ReLU"}]}, ""),
        ({"layers": 3}, "not iterable"),
        ({"repeats": 0}, "out of range"),
    ],
)
def test_an_architecture_that_was_tampered_with_is_refused(path, change, reason):
    nn.save(small(), path)
    rewrite(path, architecture=change)
    found = refusal(path)
    assert "architecture cannot be built" in found
    assert reason in found


@pytest.mark.parametrize(
    "layer",
    [
        {"class": "LeakyReLU", "negative_slope": "0.1"},
        {"class": "LeakyReLU", "negative_slope": [0.1]},
        {"class": "ELU", "alpha": None},
        {"class": "Dropout", "p": 2},
        {"class": "Softmax", "axis": 0.5},
        {"class": "Softmax", "axis": "0"},
        {"class": "ReLU", "layers": [3]},
        {"class": "Residual"},
        {"class": "Residual", "layers": [{"class": "ReLU"}] * 3},
        {"class": "LayerNorm", "normalized_shape": [10**6, 10**6, 10**6]},
        {"class": "LayerNorm", "normalized_shape": 3},
        {"class": "BatchNorm1d", "num_features": 10**12},
        "Dense",
        None,
        [],
    ],
)
def test_a_layer_with_arguments_of_the_wrong_kind_is_refused(path, layer):
    nn.save(nn.Sequential(), path)
    architecture = {"class": "Sequential", "layers": [layer]}
    text = json.dumps({"version": 1, "architecture": architecture})
    path.write_bytes(safetensors_numpy.save({}, {"autograd_lite": text}))
    assert "architecture cannot be built" in refusal(path)


def test_layers_nested_beyond_measure_are_refused(path):
    text = '{"class":"Sequential","layers":[' * 600 + "3" + "]}" * 600
    entry = f'{{"version": 1, "architecture": {text}}}'
    path.write_bytes(safetensors_numpy.save({}, {"autograd_lite": entry}))
    assert "RecursionError" in refusal(path)


@pytest.mark.parametrize("given", [False, True], ids=["rebuilt", "given"])
@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"0.weight": None}, "0.weight is missing"),
        ({"2.weight": np.ones((1, 1))}, "2.weight is unknown"),
        ({"0.weight": np.ones((3, 2))}, "0.weight has shape (3, 2) instead of (2, 3)"),
        ({"0.bias": np.ones((1, 3))}, "0.bias has shape (1, 3) instead of (3,)"),
        (
            {"0.weight": np.ones((2, 3), np.float32)},
            "0.weight has dtype float32 instead of float64",
        ),
        ({"0.weight": np.ones((2, 3), int)}, "0.weight has dtype int64 instead of float64"),
    ],
    ids=["missing", "unknown", "transposed", "misshapen", "narrower", "integers"],
)
def test_tensors_that_do_not_fit_are_refused_by_name(path, tensors, reason, given):
    nn.save(small(), path)
    rewrite(path, tensors=tensors)
    assert reason in refusal(path, small(rng=1) if given else None)


def test_a_model_of_another_dtype_is_not_converted_silently(path):
    nn.save(small(dtype=np.float64), path)
    model = small(rng=1, dtype=np.float32)
    assert "dtype float64 instead of float32" in refusal(path, model)
    assert_same_bits(nn.load(path, model.astype(np.float64)), small())


def test_a_dtype_that_numpy_lacks_is_refused(path):
    nn.save(nn.Dense(1, 1), path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"F64"', b'"F8_E5M2"'))
    assert refusal(path)
    header = json.dumps(
        {
            "__metadata__": {"autograd_lite": '{"version": 1, "architecture": null}'},
            "w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
        }
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    assert "w (BF16)" in refusal(path, small())


def test_without_safetensors_the_error_says_what_to_install(path, monkeypatch):
    nn.save(small(), path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda: nn.save(small(), path), lambda: nn.load(path)):
        with pytest.raises(ImportError, match=r"pip install 'autograd-lite\[io\]'") as info:
            call()
        assert isinstance(info.value, AutogradError)
