import sys

import numpy as np
import pytest
from exported_models import MODELS, RNG, Gathered, TwoInputs

import nn
from autograd_lite import MissingPackageError, UnsupportedError
from nn.export.onnx_model import to_onnx

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def run(proto, **inputs):
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    given = {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in inputs.items()}
    return dict(zip(names, session.run(None, given)))


def test_onnxruntime_agrees_on_new_data_for_every_layer_and_function():
    for name, (model, shape) in MODELS.items():
        proto = to_onnx(model, RNG.normal(size=(5, *shape)))
        X = RNG.normal(size=(8, *shape))
        result = run(proto, x=X)["output"]
        right = nn.predict(model, X)
        np.testing.assert_allclose(result, right, rtol=1e-5, atol=1e-5, err_msg=name)


def test_several_inputs_and_outputs_have_their_keys_as_names():
    X = {"left": RNG.normal(size=(5, 2)), "right": RNG.normal(size=(5, 4))}
    proto = to_onnx(TwoInputs(), X)
    given = {"left": RNG.normal(size=(3, 2)), "right": RNG.normal(size=(3, 4))}
    right = nn.predict(TwoInputs(), given)
    for name, values in run(proto, **given).items():
        np.testing.assert_allclose(values, right[name], rtol=1e-5, atol=1e-6)


def test_whole_numbers_are_an_index():
    model = Gathered()
    numbers = RNG.integers(0, 7, size=(5, 2))
    result = run(to_onnx(model, np.zeros((4, 2), int)), x=numbers)["output"]
    np.testing.assert_allclose(result, nn.predict(model, numbers), rtol=1e-5)


def test_parameters_keep_their_names_and_samples_are_free():
    proto = to_onnx(nn.Sequential(nn.Dense(2, 3, rng=0), nn.Dense(3, 1, rng=0)), np.ones((4, 2)))
    names = {initializer.name for initializer in proto.graph.initializer}
    assert names == {"0.weight", "0.bias", "1.weight", "1.bias"}
    (dimension, _) = proto.graph.input[0].type.tensor_type.shape.dim
    assert dimension.dim_param == "n"


def test_a_function_without_an_operator_is_refused_by_name():
    with pytest.raises(UnsupportedError, match="no operator for sort"):
        to_onnx(nn.Function(lambda x: np.sort(x, axis=1)), np.ones((4, 2)))


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPackageError, match=r"autograd-lite\[onnx\]"):
        to_onnx(nn.Dense(2, 1), np.ones((4, 2)))
