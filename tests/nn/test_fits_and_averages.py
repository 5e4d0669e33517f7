"""Fits by SciPy's optimizers, averages of weights, and weights that go to PyTorch and back."""

import numpy as np
import pytest

import nn
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, GradientError, TrainingError, UnsupportedError

X = np.linspace(-1, 1, 40).reshape(40, 1)
Y = np.sin(3 * X)


def network():
    return nn.Sequential(nn.Dense(1, 8, "tanh", rng=0), nn.Dense(8, 1, rng=1))


def test_lbfgs_finds_the_minimum_of_rosenbrocks_function():
    x = Tensor(np.array([-1.2, 1.0]), requires_grad=True)
    fit = nn.fit_lbfgs([x], lambda: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2)
    assert fit.converged
    np.testing.assert_allclose(x.data, [1, 1], atol=1e-7)


def test_lbfgs_and_least_squares_fit_networks():
    for fit, function, most in (
        (nn.fit_lbfgs, lambda model: lambda: ((model(X) - Y) ** 2).mean(), 1e-5),
        (nn.fit_least_squares, lambda model: lambda: model(X) - Y, 1e-6),
    ):
        model = network()
        fit(model.parameters(), function(model))
        assert np.square(nn.predict(model, X) - Y).mean() < most
        assert all(parameter.grad is None for parameter in model.parameters())


def test_least_squares_are_those_of_linear_algebra():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(9, 3)), rng.normal(size=9)
    x = Tensor(np.zeros(3), requires_grad=True)
    fit = nn.fit_least_squares([x], lambda: a @ x - b)
    expected, squares, *_ = np.linalg.lstsq(a, b, rcond=None)
    np.testing.assert_allclose(x.data, expected, rtol=1e-8)
    assert np.isclose(fit.loss, squares[0] / 2, rtol=1e-10)


@pytest.mark.parametrize("fit", [nn.fit_lbfgs, nn.fit_least_squares])
def test_what_is_another_for_the_same_parameters_is_refused(fit):
    model = nn.Sequential(nn.Dense(1, 4, rng=0), nn.Dropout(0.5, rng=1), nn.Dense(4, 1, rng=2))
    before, rng = model.state_dict(), np.random.default_rng(0)
    mean = (lambda x: x) if fit is nn.fit_least_squares else lambda x: (x**2).mean()
    for function in (
        lambda: mean(model(X) - Y),
        lambda: mean(model.eval()(X) - Y + rng.normal(size=Y.shape)),
        lambda: mean(model.train()(X) - Y) * 1e-12,
    ):
        with pytest.raises(ArgumentError, match=r"same parameters.*model\.eval\(\)"):
            fit(model.parameters(), function)
    assert all((model.state_dict()[name] == array).all() for name, array in before.items())
    normalized = nn.Sequential(nn.Dense(1, 2, rng=0), nn.BatchNorm1d(2), nn.Dense(2, 1, rng=2))
    assert fit(normalized.parameters(), lambda: mean(normalized(X) - Y)).loss < 10


def test_after_an_error_the_parameters_of_a_fit_are_as_before():
    x = Tensor(np.array([3.0]), requires_grad=True)
    calls = []

    def loss():
        calls.append(1)
        return (x**2).sum() if len(calls) < 3 else Tensor(1.0)

    with pytest.raises(GradientError):
        nn.fit_lbfgs([x], loss)
    assert x.data == 3.0


@pytest.mark.parametrize(
    "computed",
    [lambda x, other: other - 1, lambda x, other: x.detach() * other, lambda x, other: x.data * 2],
)
def test_a_fit_of_what_depends_on_other_parameters_is_refused(computed):
    x, other = (Tensor(np.array([3.0]), requires_grad=True) for _ in range(2))
    for fit, made in ((nn.fit_lbfgs, np.sum), (nn.fit_least_squares, np.positive)):
        with pytest.raises(GradientError, match=r"it does not depend on the parameters"):
            fit([x], lambda made=made: made(computed(x, other)))
    assert x.data == other.data == 3.0
    nn.fit_lbfgs([x, other], lambda: ((x - 1) ** 2).sum())
    assert np.isclose(x.item(), 1.0)
    assert other.data == 3.0


def trained(average, epochs, **options):
    """The weights after each epoch, and those that a training with an average leaves."""
    seen = []

    class Watch(nn.Callback):
        def batch_end(self, training):
            seen.append(training.model.state_dict())

    model = network()
    nn.fit(
        model,
        X,
        Y,
        loss=nn.MSELoss(),
        optimizer=nn.SGD(model.parameters(), 0.1),
        epochs=epochs,
        progress=False,
        rng=0,
        callbacks=[Watch(), average],
        **options,
    )
    return seen, model.state_dict()


def test_averages_are_those_of_the_weights_after_epochs_and_steps():
    seen, final = trained(nn.StochasticWeightAveraging(2), 5, batch_size=40)
    for name, array in final.items():
        expected = np.mean([state[name] for state in seen[2:]], axis=0)
        np.testing.assert_allclose(array, expected, rtol=1e-12, atol=1e-15)
    seen, final = trained(nn.ExponentialMovingAverage(0.8), 3, batch_size=10)
    assert len(seen) == 12
    for name, array in final.items():
        expected = seen[0][name]
        for state in seen[1:]:
            expected = 0.8 * expected + 0.2 * state[name]
        np.testing.assert_allclose(array, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", [nn.ExponentialMovingAverage, nn.StochasticWeightAveraging])
def test_of_averages_and_best_weights_the_model_gets_what_comes_last(kind):
    def left(*callbacks):
        layers = nn.Dense(1, 4, rng=0), nn.BatchNorm1d(4), nn.Tanh(), nn.Dense(4, 1, rng=1)
        model = nn.Sequential(*layers)
        optimizer = nn.SGD(model.parameters(), 0.9)
        options = {"epochs": 5, "batch_size": 10, "rng": 0, "progress": False}
        history = nn.fit(
            model, X, Y, loss="mse", optimizer=optimizer, callbacks=callbacks, **options
        )
        return model.state_dict(), history.best_epoch

    stopping = lambda: nn.EarlyStopping(9, "loss")
    average, none = left(kind())
    best, epoch = left(stopping())
    assert none is None
    assert epoch is not None
    assert not np.array_equal(best["1.running_var"], average["1.running_var"])
    for callbacks, expected in (
        ([stopping(), kind()], (average, None)),
        ([kind(), stopping()], (best, epoch)),
    ):
        state, known = left(*callbacks)
        assert known == expected[1]
        for name, array in state.items():
            np.testing.assert_array_equal(array, expected[0][name])


def test_an_average_goes_on_where_its_state_was_kept():
    whole, half = nn.ExponentialMovingAverage(0.7), nn.ExponentialMovingAverage(0.7)
    model = network()
    training = nn.Training(model, None, None, {}, 1)
    for step in range(4):
        model[0].weight.data = np.full((1, 8), float(step))
        whole.batch_end(training)
        if step == 1:
            half.load_state_dict(whole.state_dict())
        if step > 1:
            half.batch_end(training)
    for name, array in whole.averages.items():
        np.testing.assert_array_equal(half.averages[name], array)


class Every(nn.Module):
    """Layers of all kinds that have weights, by PyTorch's names."""

    def __init__(self):
        self.embedding = nn.Embedding(7, 6, padding_idx=0)
        self.encoder = nn.TransformerEncoderLayer(6, 2, 5, 0.0)
        self.decoder = nn.TransformerDecoderLayer(6, 3, 4, 0.0)
        self.lstm = nn.LSTM(6, 3, 2, bidirectional=True)
        self.gru = nn.GRU(6, 4)
        self.rnn = nn.RNN(4, 4, bias=False)
        self.conv1 = nn.Conv1d(4, 6, 3, padding=1)
        self.group = nn.GroupNorm(2, 6)
        self.conv2 = nn.Conv2d(1, 4, 3, padding=1)
        self.batch2 = nn.BatchNorm2d(4)
        self.transposed = nn.ConvTranspose2d(4, 2, 2)
        self.norm = nn.LayerNorm(6)
        self.rms = nn.RMSNorm(6)
        self.batch1 = nn.BatchNorm1d(6)
        self.head = nn.Sequential(nn.Dense(6, 6), nn.ReLU(), nn.Dense(6, 3))
        self.cell = nn.LSTMCell(3, 3)

    def forward(self, numbers):
        x = self.embedding(numbers)
        x = self.decoder(x, self.encoder(x), tgt_is_causal=True)
        x = self.rnn(self.gru(self.lstm(x)[0])[0])[0]
        x = self.group(self.conv1(np.swapaxes(x, 1, 2)))
        x = self.transposed(self.batch2(self.conv2(np.expand_dims(x, 1))))
        x = self.rms(self.norm(x[:, :, :6, :6].mean(axis=(1, 2))))
        return self.cell(self.head(self.batch1(x)))[1]


def in_torch(torch):
    parts = torch.nn

    class EveryInTorch(parts.Module):
        def __init__(self):
            super().__init__()
            self.embedding = parts.Embedding(7, 6, padding_idx=0)
            self.encoder = parts.TransformerEncoderLayer(6, 2, 5, 0.0, batch_first=True)
            self.decoder = parts.TransformerDecoderLayer(6, 3, 4, 0.0, batch_first=True)
            self.lstm = parts.LSTM(6, 3, 2, bidirectional=True, batch_first=True)
            self.gru = parts.GRU(6, 4, batch_first=True)
            self.rnn = parts.RNN(4, 4, bias=False, batch_first=True)
            self.conv1 = parts.Conv1d(4, 6, 3, padding=1)
            self.group = parts.GroupNorm(2, 6)
            self.conv2 = parts.Conv2d(1, 4, 3, padding=1)
            self.batch2 = parts.BatchNorm2d(4)
            self.transposed = parts.ConvTranspose2d(4, 2, 2)
            self.norm = parts.LayerNorm(6)
            self.rms = parts.RMSNorm(6)
            self.batch1 = parts.BatchNorm1d(6)
            self.head = parts.Sequential(parts.Linear(6, 6), parts.ReLU(), parts.Linear(6, 3))
            self.cell = parts.LSTMCell(3, 3)

        def forward(self, numbers):
            x = self.embedding(numbers)
            mask = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), 1)
            x = self.decoder(x, self.encoder(x), tgt_mask=mask)
            x = self.rnn(self.gru(self.lstm(x)[0])[0])[0]
            x = self.group(self.conv1(x.transpose(1, 2)))
            x = self.transposed(self.batch2(self.conv2(x[:, None])))
            x = self.rms(self.norm(x[:, :, :6, :6].mean(dim=(1, 2))))
            return self.cell(self.head(self.batch1(x)))[1]

    return EveryInTorch().double()


def test_weights_of_every_layer_come_from_pytorch_and_go_back():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    numbers = np.random.default_rng(0).integers(0, 7, (4, 6))
    theirs, other, ours = in_torch(torch), in_torch(torch), Every()
    theirs(torch.tensor(numbers))  # so that there are running statistics
    assert nn.from_torch(theirs.state_dict(), ours) is ours
    other.load_state_dict({k: torch.from_numpy(v) for k, v in nn.to_torch(ours).items()})
    expected = theirs.eval()(torch.tensor(numbers)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(numbers).data, expected, rtol=1e-10, atol=1e-12)
    back = other.eval()(torch.tensor(numbers)).detach().numpy()
    np.testing.assert_array_equal(back, expected)


def test_a_fit_that_begins_with_no_number_is_refused_and_changes_nothing():
    w = Tensor([3.0, -1.0], requires_grad=True)
    for fit, f in (
        (nn.fit_lbfgs, lambda: np.log(w).sum()),
        (nn.fit_least_squares, lambda: np.log(w)),
    ):
        with np.errstate(invalid="ignore"), pytest.raises(TrainingError, match="NaN or infinite"):
            fit([w], f)
        np.testing.assert_array_equal(w.data, [3.0, -1.0])
        with pytest.raises(UnsupportedError, match="called with 0 arguments"):
            fit([w], lambda predictions: w * predictions)


def test_a_step_of_a_fit_to_where_there_is_no_number_is_taken_back():
    w = Tensor([2.0], requires_grad=True)
    with np.errstate(invalid="ignore"):
        found = nn.fit_lbfgs([w], lambda: (w - np.log(w)).sum())
    assert found.converged
    np.testing.assert_allclose(w.data, [1.0], rtol=1e-6)


def test_a_step_to_where_there_is_no_number_is_taken_back():
    x, seen = Tensor(np.array([20.0]), requires_grad=True), []

    def residuals():
        value = np.log(x)
        seen.append(value.item())
        return value

    with np.errstate(invalid="ignore"):
        fit = nn.fit_least_squares([x], residuals)
    assert np.isnan(seen).any()
    assert fit.converged
    assert abs(x.item() - 1) < 1e-6
