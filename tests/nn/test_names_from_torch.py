"""Names of PyTorch: each is told what it is here, and none is taken for a typing slip."""

import re

import numpy as np
import pytest

import autograd_lite
import nn
import viz
from autograd_lite.errors import MissingNameError, ShapeError, UnsupportedError
from autograd_lite.names import meant_by
from nn.elsewhere import FUNCTIONS, missing

torch = pytest.importorskip("torch")
X = np.random.default_rng(0).normal(size=(4, 6)) * 4


def classes_of(module):
    return {name for name, thing in vars(module).items() if isinstance(thing, type)}


def test_no_class_of_torch_that_is_missing_here_is_taken_for_another_one():
    named = classes_of(torch.nn) | classes_of(torch.optim) | classes_of(torch.optim.lr_scheduler)
    wrong = {
        name: told[1]
        for name in named - {*nn.__all__}
        if (told := re.search(r"Write nn\.(\w+)$", str(missing(name, nn.__all__))))
    }
    assert wrong == {}


def test_layers_and_functions_of_torch_and_keras_are_told_what_they_are_here():
    told = {
        (nn, "ReflectionPad2d"): 'np.pad(x, widths, mode="reflect") before the layer',
        (nn, "MeanSquaredError"): "nn.MSELoss()",
        (autograd_lite, "clamp"): "x.clip(low, high)",
        (autograd_lite, "conv2d"): "nn.Conv2d(in_channels, out_channels, kernel_size)(x)",
        (viz, "plot_losses"): "viz.plot_history(history)",
    }
    for (module, name), written in told.items():
        with pytest.raises(MissingNameError, match=re.escape(f"Write {written}")):
            getattr(module, name)


def test_a_typing_slip_is_told_what_was_meant():
    for own in (name for name in nn.__all__ if len(name) > 6):
        slips = own.lower(), own[:3] + own[4:], own[:4] + own[3:], own[:3] + "q" + own[4:]
        assert {meant_by(slip, [own]) for slip in slips} == {own}


def test_functions_that_are_told_for_activations_of_torch_are_those():
    for name, written in FUNCTIONS.items():
        given = {"dim": 1} if name in ("GLU", "Softmin") else {}
        activation = getattr(torch.nn, name)(**given)
        if name == "PReLU":
            activation = activation.double()
        layer = nn.Function(eval(written, {"np": np, "autograd_lite": autograd_lite}))
        expected = activation(torch.tensor(X)).detach().numpy()
        np.testing.assert_allclose(layer(X).data, expected, rtol=1e-12, atol=1e-15, err_msg=name)


def test_a_norm_takes_the_lengths_of_axes_in_a_list_too():
    x = np.random.default_rng(0).normal(size=(4, 7, 3))
    for kind in (nn.LayerNorm, nn.RMSNorm):
        assert kind([7, 3]).normalized_shape == (7, 3)
        np.testing.assert_array_equal(kind([7, 3])(x).data, kind((7, 3))(x).data)


def test_images_with_the_channels_behind_are_told_how_to_move_them():
    images = np.zeros((2, 8, 9, 3))
    with pytest.raises(ShapeError, match=r"np\.moveaxis\(x, -1, 1\), which puts"):
        nn.Conv2d(3, 4, 3)(images)
    assert nn.Conv2d(3, 4, 3)(np.moveaxis(images, -1, 1)).shape == (2, 4, 6, 7)


class Squared(torch.nn.Module):
    """A loss of somebody's own, in PyTorch."""

    def forward(self, predictions, targets):
        return ((predictions - targets) ** 2).mean()


def test_functions_of_torch_are_refused_where_they_would_be_called_with_tensors():
    fitted = {"optimizer": nn.SGD(nn.Dense(6, 1).parameters(), 0.1), "epochs": 1}
    for use in (
        lambda: nn.fit(nn.Dense(6, 1), X, X[:, :1], loss=torch.nn.MSELoss(), **fitted),
        lambda: nn.fit(nn.Dense(6, 1), X, X[:, :1], loss=torch.nn.functional.mse_loss, **fitted),
        lambda: nn.loss_function(Squared()),
        lambda: nn.Sequential(nn.Dense(6, 1), torch.nn.ReLU()),
        lambda: nn.Sequential(nn.Dense(6, 1), torch.relu),
        lambda: nn.Dense(6, 1, torch.nn.functional.gelu),
        lambda: nn.Dense(6, 1, weight_init=torch.nn.init.zeros_),
        lambda: nn.TransformerEncoderLayer(6, 2, activation=torch.tanh),
    ):
        with pytest.raises(UnsupportedError, match=r"of torch, and computes with that.*Give "):
            use()
