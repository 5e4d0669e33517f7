import numpy as np
import pytest
from exported_models import MASKED, MODELS, RNG, Gathered, TwoInputs, all_layers, more_of

import nn
from autograd_lite import ShapeError, Tensor, UnsupportedError, differentiable
from autograd_lite.trees import leaves_of
from nn.export.numpy_source import to_numpy_source


def run(text, *inputs):
    names = {}
    exec(compile(text, "model.py", "exec"), names)
    return names["forward"](*inputs)


def test_a_file_computes_what_a_model_predicts_for_any_number_of_samples():
    for name, (model, shape) in MODELS.items():
        text = to_numpy_source(model, RNG.normal(size=(5, *shape)))
        assert "autograd" not in text, name
        X = RNG.normal(size=(8, *shape))
        np.testing.assert_allclose(run(text, X), nn.predict(model, X), rtol=1e-12, err_msg=name)


@pytest.mark.exhaustive  # what is traced is tried by ONNX in the first tier
def test_every_layer_is_written_with_its_masks_and_lengths():
    layers = [(layer, inputs, tuple(map(more_of, inputs))) for layer, inputs in all_layers()]
    for layer, example, more in [*layers, *((m, made(3), made(7)) for m, made in MASKED.values())]:
        given = example[0] if len(example) == 1 else example
        more = more if isinstance(more, tuple) else (more,)
        results = run(to_numpy_source(layer, given), *more)
        results = [*results.values()] if isinstance(results, dict) else [results]
        right = leaves_of(nn.predict(layer, more[0] if len(more) == 1 else more))
        for result, expected in zip(results, right, strict=True):
            np.testing.assert_allclose(
                result, expected, rtol=1e-12, atol=1e-15, err_msg=repr(layer)
            )


def test_several_inputs_are_arguments_and_several_outputs_a_dict():
    X = {"left": RNG.normal(size=(5, 2)), "right": RNG.normal(size=(5, 4))}
    text = to_numpy_source(TwoInputs(), X)
    assert "def forward(left, right):" in text
    given = [RNG.normal(size=(3, 2)), RNG.normal(size=(3, 4))]
    right = nn.predict(TwoInputs(), tuple(given))
    for name, values in run(text, *given).items():
        np.testing.assert_allclose(values, right[name], rtol=1e-12)


def test_names_of_outputs_and_weights_hide_no_others():
    class Named(nn.Module):
        def __init__(self):
            self.array, self.base64 = (nn.Parameter(RNG.normal(size=(9, 9))) for _ in range(2))
            self.x = nn.Parameter(np.ones(9))

        def forward(self, x):
            y = x @ self.array @ self.base64 + self.x
            return {"x": y, "n": x.reshape(len(x) * 9), "np": x * 2, "output": x, "y": y - x}

    model, X = Named(), RNG.normal(size=(4, 9))
    found, right = run(to_numpy_source(model, X[:3]), X), model(Tensor(X))
    assert found.keys() == right.keys()
    for name, values in right.items():
        np.testing.assert_allclose(found[name], values.data, rtol=1e-12, err_msg=name)


def test_whole_numbers_stay_whole():
    text = to_numpy_source(Gathered(), np.zeros((4, 2), int))
    assert "np.asarray" not in text


def test_float32_stays_float32():
    model = nn.Dense(3, 2, "tanh", rng=0, dtype=np.float32)
    result = run(to_numpy_source(model, np.ones((2, 3))), np.ones((4, 3)))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, nn.predict(model, np.ones((4, 3))))


class Deciding(nn.Module):
    def forward(self, x):
        return x * 2.0 if x.sum() > 0 else x * 3.0


class BesideTheRecord(nn.Module):
    def forward(self, x):
        return x - np.mean(x.data, axis=0)


@differentiable(lambda g, y, x, kept: g * kept, residual=True)
def looking(x):
    """Written out, as it returns more than its result, by calls that depend on entries."""
    factor = 2.0 if x.max() > 0 else 3.0
    return x * factor, factor


class Halved(nn.Module):
    def forward(self, x):
        return x[: len(x) // 2]


def test_a_model_that_takes_no_other_samples_is_written_of_those_it_takes():
    def of_shares(x):
        if (np.asarray(x.data) < 0).any() or (np.asarray(x.data) > 1).any():
            raise ValueError("these are no shares")
        return np.log1p(x)

    X = RNG.random((7, 2))
    text = to_numpy_source(nn.Function(of_shares), np.full((4, 2), 1.0))
    np.testing.assert_array_equal(run(text, X), np.log1p(X))


def test_what_is_not_the_same_function_of_all_samples_is_refused():
    X = RNG.normal(size=(4, 2))
    with pytest.raises(UnsupportedError, match="entries of tensors decide"):
        to_numpy_source(Deciding(), X)
    with pytest.raises(UnsupportedError, match="for other samples, or more of them"):
        to_numpy_source(BesideTheRecord(), X)
    for count in (1, 2):  # of so many it may be seen in other numbers only
        with pytest.raises(UnsupportedError, match="for other samples, or more of them"):
            to_numpy_source(BesideTheRecord(), np.ones((count, 2)))
        with pytest.raises(UnsupportedError, match="for other samples, or more of them"):
            to_numpy_source(Halved(), np.ones((count, 2)))
    with pytest.raises(UnsupportedError, match="entries of tensors decide"):
        to_numpy_source(nn.Function(looking), X)
    beside = lambda x: x if x.data.sum() > 0 else -x
    with pytest.raises(UnsupportedError, match="for other samples, or more of them"):
        to_numpy_source(nn.Function(beside), X)
    with pytest.raises(UnsupportedError, match="which was not recorded"):
        to_numpy_source(nn.Function(lambda x: x.data), X)
    with pytest.raises(UnsupportedError, match="no module"):
        to_numpy_source(nn.Dense, X)
    with pytest.raises(ShapeError):
        to_numpy_source(nn.Dense(2, 1), np.ones(()))
    with pytest.raises(ShapeError, match="no samples"):
        to_numpy_source(nn.Dense(2, 1), np.ones((0, 2)))
