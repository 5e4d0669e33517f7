"""Normalizing layers against PyTorch's: values, gradients, running statistics, evaluation."""

import numpy as np
import pytest
from looping import looped
from norm_network import LABELS, LEARNING_RATE, STEPS, X, build, train

import nn
from autograd_lite import ArgumentError, Tensor

torch = pytest.importorskip("torch")

TOLERANCE = {"rtol": 1e-10, "atol": 1e-12}


def assert_same_step(ours, theirs, batch, cotangent):
    """Values, and gradients in input, weight and bias."""
    x, t = Tensor(batch, requires_grad=True), torch.tensor(batch, requires_grad=True)
    ours.zero_grad()
    theirs.zero_grad()
    y, s = ours(x), theirs(t)
    y.backward(cotangent)
    s.backward(torch.tensor(cotangent))
    pairs = {
        "y": (y.data, s.detach()),
        "x": (x.grad, t.grad),
        "weight": (ours.weight.grad, theirs.weight.grad),
        "bias": (ours.bias.grad, theirs.bias.grad),
    }
    for name, (mine, torchs) in pairs.items():
        np.testing.assert_allclose(mine, torchs.numpy(), **TOLERANCE, err_msg=name)


def copy_affine(ours, theirs, rng):
    for name in ("weight", "bias"):
        values = rng.normal(size=getattr(ours, name).shape)
        getattr(ours, name).data = values
        getattr(theirs, name).data = torch.tensor(values)


@looped("momentum", [0.0, 0.1, 0.7, 1.0])
def test_batch_norm_in_training_and_evaluation_is_that_of_pytorch(momentum):
    rng = np.random.default_rng(0)
    ours = nn.BatchNorm1d(4, momentum=momentum)
    theirs = torch.nn.BatchNorm1d(4, momentum=momentum, dtype=torch.float64)
    copy_affine(ours, theirs, rng)
    for step in range(10):
        training = step % 4 != 3
        ours.train(training)
        theirs.train(training)
        n = 2 + step
        batch = rng.normal(3.0, 2.0, size=(n, 4))
        assert_same_step(ours, theirs, batch, rng.normal(size=(n, 4)))
        for name in ("running_mean", "running_var"):
            running, expected = getattr(ours, name).data, getattr(theirs, name).numpy()
            np.testing.assert_allclose(running, expected, **TOLERANCE)


def test_batch_norm_has_the_defaults_of_pytorch():
    ours, theirs = nn.BatchNorm1d(4), torch.nn.BatchNorm1d(4)
    assert (ours.epsilon, ours.momentum) == (theirs.eps, theirs.momentum)
    assert nn.LayerNorm(4).epsilon == torch.nn.LayerNorm(4).eps
    for name, array in ours.state_dict().items():
        np.testing.assert_array_equal(array, theirs.state_dict()[name].numpy())


def test_norms_of_sequences_and_without_parameters_are_those_of_pytorch():
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 2.0, size=(4, 3, 5))
    for name, given, options in (
        ("BatchNorm1d", (3,), {"affine": True}),
        ("BatchNorm1d", (3,), {"affine": False}),
        ("LayerNorm", (5,), {"bias": False}),
        ("LayerNorm", ((3, 5),), {"elementwise_affine": False}),
        ("RMSNorm", (5,), {"elementwise_affine": False}),
    ):
        ours = getattr(nn, name)(*given, **options)
        theirs = getattr(torch.nn, name)(*given, dtype=torch.float64, **options)
        state = ours.state_dict()
        assert state.keys() == theirs.state_dict().keys() - {"num_batches_tracked"}, name
        cotangent = rng.normal(size=x.shape)
        mine, other = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, s = ours(mine), theirs(other)
        y.backward(cotangent)
        s.backward(torch.tensor(cotangent))
        np.testing.assert_allclose(y.data, s.detach().numpy(), **TOLERANCE, err_msg=name)
        np.testing.assert_allclose(mine.grad, other.grad.numpy(), **TOLERANCE, err_msg=name)


@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 4, 5)])
@pytest.mark.parametrize("epsilon", [1e-5, 0.1])
def test_layer_norm_is_that_of_pytorch(shape, epsilon):
    rng = np.random.default_rng(0)
    ours = nn.LayerNorm(shape, epsilon=epsilon)
    theirs = torch.nn.LayerNorm(shape, eps=epsilon, dtype=torch.float64)
    copy_affine(ours, theirs, rng)
    for leading in ((2,), (2, 3)):
        full = (*leading, *shape)
        assert_same_step(ours, theirs, rng.normal(size=full), rng.normal(size=full))


def test_a_network_with_norms_and_a_skip_trains_as_in_pytorch():
    model = build()
    first, second, last = (torch.nn.Linear(*sizes) for sizes in ((5, 8), (8, 8), (8, 3)))
    batch_norm, layer_norm = torch.nn.BatchNorm1d(8), torch.nn.LayerNorm(8)
    modules = torch.nn.ModuleList([first, batch_norm, second, layer_norm, last]).double()
    ours = (model[0], model[3].block[0], model[4])
    for linear, dense in zip((first, second, last), ours, strict=True):
        linear.weight.data = torch.tensor(dense.weight.data.T.copy())
        linear.bias.data = torch.tensor(dense.bias.data)
    losses, state = train(model)
    optimizer = torch.optim.SGD(modules.parameters(), lr=LEARNING_RATE)
    expected = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        hidden = torch.relu(batch_norm(first(torch.tensor(X))))
        logits = last(torch.tanh(layer_norm(second(hidden))) + hidden)
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS))
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    np.testing.assert_allclose(losses, expected, rtol=1e-10)
    for name in ("running_mean", "running_var"):
        running = getattr(batch_norm, name).numpy()
        np.testing.assert_allclose(state[f"1.{name}"], running, **TOLERANCE)


def shared(layers, dense, batch):
    """A network in which layers occur twice, one of them also within another part."""
    dense, batch = dense(3, 3), batch(3)
    return layers(dense, batch, layers(dense, dense), batch)


def test_what_is_shared_has_all_of_its_names_in_pytorch_s_states_and_one_suffices():
    theirs = shared(torch.nn.Sequential, torch.nn.Linear, torch.nn.BatchNorm1d).double()
    other = shared(torch.nn.Sequential, torch.nn.Linear, torch.nn.BatchNorm1d).double()
    ours = shared(nn.Sequential, nn.Dense, nn.BatchNorm1d)
    X = np.random.default_rng(0).normal(size=(5, 3))
    theirs(torch.tensor(X))
    state = theirs.state_dict()
    nn.from_torch(state, ours)
    np.testing.assert_allclose(ours(X).data, theirs(torch.tensor(X)).detach(), atol=1e-12)
    other.load_state_dict({k: torch.from_numpy(v) for k, v in nn.to_torch(ours).items()})
    np.testing.assert_array_equal(other[2][1].weight.detach(), ours[0].weight.data.T)
    later = {name: value for name, value in state.items() if name not in ours.state_dict()}
    again = nn.from_torch(later, shared(nn.Sequential, nn.Dense, nn.BatchNorm1d))
    np.testing.assert_array_equal(again[0].weight.data, state["0.weight"].T)


def test_values_that_differ_for_what_is_shared_are_refused():
    ours = shared(nn.Sequential, nn.Dense, nn.BatchNorm1d)
    state = {**nn.to_torch(ours), "2.1.bias": np.ones(3)}
    with pytest.raises(ArgumentError, match=r"from_torch of '0\.bias' and '2\.1\.bias': .* differ"):
        nn.from_torch(state, ours)


def test_weights_that_are_nan_are_taken_as_they_are():
    state = {"weight": np.full((1, 2), np.nan), "bias": np.zeros(1)}
    assert np.isnan(nn.from_torch(state, nn.Dense(2, 1)).weight.data).all()
