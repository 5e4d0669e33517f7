"""`diagnose` finds nothing in networks that learn, before, during and after their training."""

from itertools import pairwise, product

import numpy as np
import pytest

import nn
from autograd_lite import Tensor

SIZES = [(2, 16, 8), (2, 32, 32, 32), (10, 64), (30, 64, 32, 16), (100, 30)]
SMOOTH = ("tanh", "sigmoid", "elu", "swish", "gelu", "softplus")


def network(sizes, outputs, activation, style, rng, output=None, dtype=np.float64):
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        layers.append(nn.Dense(fan_in, fan_out, activation, rng=rng, dtype=dtype))
        if style == "dropout":
            layers.append(nn.Dropout(0.3, rng=rng))
        elif style == "normalized":
            layers.append(nn.BatchNorm1d(fan_out, dtype=dtype))
        elif style == "residual":
            block = nn.Dense(fan_out, fan_out, activation, rng=rng, dtype=dtype)
            layers += [nn.Residual(block), nn.LayerNorm(fan_out, dtype=dtype)]
    layers.append(nn.Dense(sizes[-1], outputs, output, rng=rng, dtype=dtype))
    return nn.Sequential(*layers)


def tasks(X, rng):
    """Number of outputs, what the last layer applies, targets, loss."""
    n = len(X)
    yes, labels = rng.integers(0, 2, (n, 1)), rng.integers(0, 5, n)
    number = X[:, :1] + 0.1 * rng.normal(size=(n, 1))
    yield 1, None, yes, nn.BCEWithLogitsLoss()
    yield 1, "sigmoid", yes, nn.BCELoss()
    yield 1, "sigmoid", yes, nn.HalfSquaredErrorLoss()
    yield 5, None, labels, nn.CrossEntropyLoss()
    yield 5, "softmax", np.eye(5)[labels], nn.CategoricalCrossEntropyLoss(epsilon=1e-8)
    yield 5, "log_softmax", labels, nn.NLLLoss(reduction="sum")
    yield 1, None, number, nn.MSELoss()
    yield 1, "tanh", np.tanh(number), nn.HuberLoss()


OPTIMIZERS = [
    lambda parameters: nn.SGD(parameters, 0.01),
    lambda parameters: nn.SGD(parameters, 0.01, momentum=0.9),
    lambda parameters: nn.Adam(parameters, 1e-3),
    lambda parameters: nn.RMSprop(parameters, 1e-3),
]


SEEDS_AND_SIZES = list(product(range(3), SIZES))
KINDS = list(
    product(["relu", "leaky_relu", *SMOOTH], ["plain", "dropout", "normalized", "residual"])
)


def found_in_initialized(activation, style, seed, sizes, first=0, step=1):
    """All findings, in networks for each of the tasks, or for one of so many."""
    rng = np.random.default_rng(seed)
    n = [16, 64, 200][seed % 3]
    X = rng.normal(size=(n, sizes[0])) if seed % 2 else rng.random((n, sizes[0]))
    for number, (outputs, output, y, loss) in list(enumerate(tasks(X, rng)))[first::step]:
        dtype = np.float32 if (number + seed) % 2 else np.float64
        model = network(sizes, outputs, activation, style, rng, output, dtype)
        optimizer = OPTIMIZERS[(number + seed) % 4](model.parameters())
        report = nn.diagnose(model, X.astype(dtype), y, loss=loss, optimizer=optimizer)
        for finding in report.findings:
            yield activation, style, seed, sizes, number, str(finding)


def test_nothing_is_found_in_initialized_networks_of_each_kind():
    wrong = []
    for number, kind in enumerate(KINDS):
        seed_and_sizes = SEEDS_AND_SIZES[number % len(SEEDS_AND_SIZES)]
        # Of each activation and of each style the networks have all tasks between them.
        first = (number + number // 4) % 4
        wrong += found_in_initialized(*kind, *seed_and_sizes, first, step=4)
    assert wrong == []


@pytest.mark.exhaustive
@pytest.mark.parametrize(("activation", "style"), KINDS)
def test_nothing_is_found_in_initialized_networks_of_many_shapes_and_seeds(activation, style):
    wrong = []
    for seed_and_sizes in SEEDS_AND_SIZES:
        wrong += found_in_initialized(activation, style, *seed_and_sizes)
    assert wrong == []


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_nothing_is_found_in_eight_layers(activation):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        model = network([20, *[64] * 8], 10, activation, "plain", rng)
        X, y = rng.normal(size=(64, 20)), rng.integers(0, 10, 64)
        assert nn.diagnose(model, X, y, loss=nn.CrossEntropyLoss()).findings == [], seed


TRAININGS = [*product(["disc_in_ring", "blobs"], ["relu", "tanh", "sigmoid"], range(3))]
FEW = [("disc_in_ring", "relu", 0), ("blobs", "tanh", 0), ("disc_in_ring", "sigmoid", 0)]


@pytest.mark.parametrize(
    ("data", "activation", "seed"),
    [pytest.param(*t, marks=() if t in FEW else pytest.mark.exhaustive) for t in TRAININGS],
)
def test_nothing_is_found_in_the_course_of_a_training_that_succeeds(data, activation, seed):
    X, y = getattr(nn.datasets, data)(200, rng=seed)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = network([2, 16, 8], 1, activation, "plain", np.random.default_rng(seed))
    loss = nn.BCEWithLogitsLoss()
    monitor = nn.DiagnosisMonitor(X, y, loss=loss, every=10)
    optimizer = nn.Adam(model.parameters(), 0.02)
    options = {"progress": False, "rng": seed, "callbacks": [monitor]}
    history = nn.fit(model, X, y, loss=loss, optimizer=optimizer, epochs=60, **options)
    assert history["loss"][-1] < 0.5
    assert [str(finding) for finding in monitor.findings] == []
    assert len(monitor.reports) == 7


@pytest.mark.parametrize("activation", ["relu", pytest.param("tanh", marks=pytest.mark.exhaustive)])
def test_nothing_is_found_in_digits_before_and_after_training(activation):
    from sklearn.datasets import load_digits

    digits = load_digits()
    X, y = digits.data / 16, digits.target
    model = network([64, 30], 10, activation, "plain", np.random.default_rng(0))
    loss, optimizer = nn.CrossEntropyLoss(), nn.Adam(model.parameters(), 0.01)
    monitor = nn.DiagnosisMonitor(X[:200], y[:200], loss=loss, every=5)
    options = {"progress": False, "rng": 0, "callbacks": [monitor]}
    history = nn.fit(model, X, y, loss=loss, optimizer=optimizer, epochs=10, **options)
    assert history["loss"][-1] < 0.1
    assert [str(finding) for finding in monitor.findings] == []


def test_nothing_is_found_with_shared_and_frozen_layers_and_weights_as_rows():
    class Rows(nn.Module):
        """Weights (out, in), and one layer used twice."""

        def __init__(self):
            rng = np.random.default_rng(0)
            self.W = nn.Parameter(rng.normal(0, 0.5, (8, 4)))
            self.shared = nn.Dense(8, 8, "tanh", rng=rng)
            self.frozen = nn.Dense(8, 8, "relu", rng=rng)
            self.frozen.weight.requires_grad = self.frozen.bias.requires_grad = False
            self.out = nn.Dense(8, 1, rng=rng)

        def forward(self, x):
            hidden = self.shared(self.shared(np.tanh(x @ self.W.T)))
            return self.out(self.frozen(hidden)).reshape(-1)

    rng = np.random.default_rng(1)
    X = rng.normal(size=(64, 4))
    y = (X[:, 0] > 0).astype(float)
    assert nn.diagnose(Rows(), X, y, loss=nn.BCEWithLogitsLoss()).findings == []


@pytest.mark.parametrize("seeds", [3, pytest.param(20, marks=pytest.mark.exhaustive)])
def test_nothing_is_found_where_the_loss_is_written_by_hand(seeds):
    def with_penalty(p, y):
        entropies = y * np.log(p + 1e-8) + (1 - y) * np.log(1 - p + 1e-8)
        weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
        return -entropies.mean() + 1e-3 * sum((weight**2).sum() for weight in weights)

    rng = np.random.default_rng(1)
    X = rng.normal(size=(64, 4))
    y = (X[:, :1] > 0).astype(float)
    for seed in range(seeds):
        model = network([4, 16, 8], 1, "relu", "plain", np.random.default_rng(seed), "sigmoid")
        assert nn.diagnose(model, X, y, loss=with_penalty).findings == []
        log_cosh = nn.diagnose(
            model, X, y, loss=lambda p, t: (np.logaddexp(p - t, t - p) - np.log(2.0)).mean()
        )
        assert log_cosh.findings == []
        assert nn.diagnose(model, X, Tensor(y), loss=nn.BCELoss()).findings == []
