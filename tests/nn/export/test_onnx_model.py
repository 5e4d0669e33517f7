import numpy as np
import pytest
from exported_models import MASKED, MODELS, RNG, Gathered, TwoInputs, all_layers, more_of

import nn
from autograd_lite import ArgumentError, UnsupportedError
from autograd_lite.derivatives.recurrences import lstm_sequence
from autograd_lite.trees import leaves_of
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


def assert_agrees(model, example, more, name):
    """What onnxruntime computes of new data is what nn.predict does."""
    example, more = (x[0] if len(x) == 1 else x for x in (example, more))
    proto = to_onnx(model, example)
    inputs = [each.name for each in proto.graph.input]
    results = run(proto, **dict(zip(inputs, leaves_of(more))))
    for result, right in zip(results.values(), leaves_of(nn.predict(model, more)), strict=True):
        np.testing.assert_allclose(result, right, rtol=1e-5, atol=1e-5, err_msg=name)


def test_every_layer_of_the_library_is_written():
    for layer, inputs in all_layers():
        assert_agrees(layer, inputs, tuple(map(more_of, inputs)), repr(layer))


def test_masks_and_lengths_are_inputs_and_may_come_from_them():
    for name, (model, samples) in MASKED.items():
        example, more = (x if isinstance(x, tuple) else (x,) for x in map(samples, (3, 7)))
        assert_agrees(model, example, more, name)


def test_recurrent_layers_of_both_directions_begin_and_end_with_states():
    x = RNG.normal(size=(4, 5, 3))
    for kind in (nn.RNN, nn.GRU, nn.LSTM):
        for bias in (True, False):
            layer = kind(3, 4, 3, bias=bias, bidirectional=True, rng=0)
            for parameter in layer.parameters():
                parameter.data = RNG.normal(size=parameter.shape)
            assert_agrees(layer, (x,), (more_of(x),), repr(layer))

    def of_states(x):
        begun = np.swapaxes(x[:, :1, :2], 0, 1)
        states, (_, cells) = layer(x, (begun, 2 * begun))
        return {"states": states, "cells": cells}

    layer = nn.LSTM(3, 2, rng=0)
    assert_agrees(nn.Function(of_states), (x,), (more_of(x),), "begun")
    (node,) = [each for each in to_onnx(of_states, x).graph.node if each.op_type == "LSTM"]
    assert len(node.input) == 7


def test_cells_that_onnx_does_not_give_are_refused():
    def cells(x, index):
        state = np.zeros((len(x), 1))
        return lstm_sequence(x.swapaxes(0, 1), np.ones((4, 1)), state, state)[index]

    x = RNG.normal(size=(4, 5, 4))
    for index in (1, (1, 0), slice(None)):
        with pytest.raises(UnsupportedError, match="after all steps, cells after the last"):
            to_onnx(lambda x, index=index: cells(x, index), x)


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


def test_outputs_may_have_the_keys_of_inputs_and_of_nodes():
    def model(x):
        return {"x": x + 1 + x, "add_1": 2 * x, "constant_2": x[:, 0]}

    X = RNG.normal(size=(5, 2))
    found = run(to_onnx(model, X[:2]), x=X)
    assert list(found) == ["output_x", "add_1", "constant_2"]
    for values, right in zip(found.values(), model(X).values()):
        np.testing.assert_allclose(values, right, rtol=1e-5, atol=1e-6)


class Total(nn.Module):
    def forward(self, **given):
        return sum(given.values())


SAME = {
    "outputs": (lambda x: {"a-b": x + 1, "a_b": 2 * x}, np.ones((4, 2)), "a_b"),
    "nested outputs": (lambda x: {"a": (x + 1, 3 * x), "a_0": 2 * x}, np.ones((4, 2)), "a_0"),
    "inputs": (Total(), {"a b": np.ones((4, 2)), "a_b": np.ones((4, 2))}, "a_b"),
}


@pytest.mark.parametrize("export", [to_onnx, nn.to_numpy_source])
def test_inputs_and_outputs_whose_names_would_be_the_same_are_refused(export):
    for model, example, name in SAME.values():
        with pytest.raises(ArgumentError, match=rf"puts: two of them would be called '{name}'"):
            export(model, example)


def test_parameters_may_have_the_names_of_inputs_and_of_outputs():
    class Named(nn.Module):
        def __init__(self):
            self.x, self.own_x, self.output = (nn.Parameter(RNG.normal(size=(1, 2))) for _ in "abc")

        def forward(self, x):
            return x * self.x + self.own_x / self.output

    model, X = Named(), RNG.normal(size=(5, 2))
    proto = to_onnx(model, X[:2])
    names = {initializer.name for initializer in proto.graph.initializer}
    assert names == {"own_x", "own_own_x", "output"}
    (result,) = run(proto, x=X).values()
    np.testing.assert_allclose(result, nn.predict(model, X), rtol=1e-5, atol=1e-6)


def test_whole_numbers_are_given_in_the_dtype_that_they_have():
    images = RNG.integers(0, 256, (5, 2, 3)).astype(np.uint8)
    model = nn.Sequential(lambda x: x / 255.0 + (x > 100), nn.Flatten(), nn.Dense(6, 2, rng=0))
    assert_agrees(model, (images[:2],), (images,), "images")
    with pytest.raises(UnsupportedError, match=r"multiply.*uint8.*wrap around.*astype\(int\)"):
        to_onnx(lambda x: 2 * x, images)


def test_a_function_without_an_operator_is_refused_by_name():
    with pytest.raises(UnsupportedError, match="sort: ONNX has no operator"):
        to_onnx(lambda x: np.sort(x, axis=1), np.ones((4, 2)))
    with pytest.raises(UnsupportedError, match="an index of arrays beside slices, or of truth"):
        to_onnx(lambda x: x[x > 0].sum() * x, np.ones((4, 2)))
    with pytest.raises(UnsupportedError, match=r"no such arguments.*unsupported type"):
        to_onnx(lambda x: (x > 0) + (x > 1), np.ones((4, 2)))
