"""Other libraries' arrays in layers, losses, training and metrics: by position, or refused."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import Tensor
from autograd_lite.errors import UnsupportedError
from autograd_lite.node import plain

pd = pytest.importorskip("pandas")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 2)), RNG.normal(size=(12, 1))
ORDER = RNG.permutation(12)
MODEL, ATTENTION = nn.Dense(2, 1, rng=0), nn.MultiHeadAttention(2, 1, rng=0)
LAYERS = [
    nn.Dense(2, 3, rng=0), nn.Dense(2, 3, bias=False, rng=0), nn.BatchNorm1d(2), nn.LayerNorm(2),
    nn.ReLU(), nn.Softmax(), nn.Flatten(), nn.Dropout(0.0), nn.Dropout(0.5).eval(),
    nn.Residual(nn.Dense(2, 2, rng=0)), nn.Sequential(nn.Dense(2, 2, rng=0), nn.Tanh()),
]  # fmt: skip


def memory_map(array, folder):
    np.save(folder / f"{array.shape[1]}.npy", array)
    return np.load(folder / f"{array.shape[1]}.npy", mmap_mode="r")


PLAIN = {
    "a frame": lambda array, folder: pd.DataFrame(array, index=ORDER),
    "a matrix": lambda array, folder: np.matrix(array),
    "a memory map": memory_map,
}


def sparse(array):
    return pytest.importorskip("scipy.sparse").csr_matrix(array)


def torch_tensor(array):
    return pytest.importorskip("torch").tensor(array)


REFUSED = {
    "masked": (lambda array: np.ma.masked_array(array, array > 1), r"x\.filled\(0\)"),
    "sparse": (sparse, r"x\.toarray\(\)"),
    "torch": (torch_tensor, r"x\.detach\(\)\.numpy\(\)"),
    "text": (lambda array: pd.DataFrame(array).assign(kind="a"), "not so 'kind'.*get_dummies"),
}


def uses(x, y):
    """What is done with samples and targets, each a number or an array."""

    def fitted(**options):
        model = nn.Dense(2, 1, rng=0)
        optimizer = nn.SGD(model.parameters(), 0.1)
        options = {"X": x, "y": y, "loss": "mse", "epochs": 2, "batch_size": 5} | options
        return nn.fit(model, optimizer=optimizer, rng=0, progress=False, **options)["loss"]

    predictions = Tensor(X[:, :1], requires_grad=True)
    for layer in LAYERS:
        yield lambda layer=layer: plain(layer(x))
    yield lambda: nn.predict(nn.Dense(2, 1, rng=0), x, batch_size=5)
    yield lambda: nn.functional_call(nn.Dense(2, 1, rng=0), {"weight": X[:2, :1]}, x).data
    yield lambda: np.concatenate([a for a, _ in nn.batches(x, y, batch_size=5, rng=0)])
    yield fitted
    yield lambda: fitted(X=X, validation=(x, y))
    yield lambda: nn.MSELoss()(predictions, y).item()
    yield lambda: nn.HuberLoss(reduction="none")(predictions, y).data
    yield lambda: nn.MSELoss()(x, X[::-1].copy()).item()
    yield lambda: nn.BCEWithLogitsLoss()(predictions, y > 0).item()
    yield lambda: nn.accuracy(y, Y > 0.5, threshold=0)
    yield lambda: nn.accuracy(Y, y > 0.5, threshold=0)
    yield lambda: nn.Parameter(x).data
    yield lambda: len(nn.summary(nn.Dense(2, 1), x).rows)


@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_frames_matrices_and_memory_maps_count_by_position(make, tmp_path):
    given = make(X, tmp_path), make(Y, tmp_path)
    for use, expected in zip(uses(*given), uses(X, Y), strict=True):
        np.testing.assert_allclose(use(), expected(), rtol=1e-12)


@looped(("make", "remedy"), REFUSED.values(), ids=REFUSED)
def test_masked_and_sparse_arrays_and_other_tensors_are_refused_by_name(make, remedy):
    samples = make(X)
    for number, use in enumerate([*uses(samples, Y)][: len(LAYERS) + 4]):
        with pytest.raises(UnsupportedError, match=remedy):
            raise AssertionError(f"use {number} took it: {use()}")


@looped(("make", "remedy"), list(REFUSED.values())[:3], ids=list(REFUSED)[:3])
def test_targets_and_weights_are_refused_likewise(make, remedy):
    targets, predictions = make(Y), Tensor(X[:, :1])
    for call in (
        lambda: nn.MSELoss()(predictions, targets),
        lambda: nn.MSELoss()(predictions, Y, targets),
        lambda: nn.accuracy(targets, Y > 0, threshold=0),
        lambda: nn.Buffer(targets),
        lambda: nn.Dense(12, 1).load_state_dict({"weight": targets, "bias": np.zeros(1)}),
        lambda: [*nn.batches(X, targets, batch_size=5)],
    ):
        with pytest.raises(UnsupportedError, match=remedy):
            call()


def masked(values):
    return np.ma.masked_array(values, np.arange(np.size(values)).reshape(np.shape(values)) == 1)


ROWS = [masked(row) for row in X]


def trained(X, y, **options):
    optimizer = nn.SGD(MODEL.parameters(), 0.1)
    return nn.fit(MODEL, X, y, loss="mse", optimizer=optimizer, epochs=1, **options)


@looped(
    "use",
    [
        lambda: trained(ROWS, Y),
        lambda: trained(X, ROWS),
        lambda: trained(X, Y, validation=(ROWS, Y)),
        lambda: trained(X, Y, sample_weight=[*masked(np.ones(12))]),
        lambda: nn.predict(MODEL, ROWS),
        lambda: nn.MSELoss()(Tensor(X), ROWS),
        lambda: nn.Parameter(ROWS),
        lambda: nn.Embedding(5, 2)([masked([0, 1, 2])]),
        lambda: nn.LSTM(2, 3)(X[None], lengths=masked([12])),
        lambda: nn.GRU(2, 3)(X[None].repeat(2, axis=0), lengths=masked([12, 3])),
        lambda: ATTENTION(*[X[None]] * 3, key_padding_mask=[masked(X[:, 0] > 9)]),
    ],
)  # fmt: skip
def test_masks_are_not_lost_in_lists_nor_beside_the_samples(use):
    with pytest.raises(UnsupportedError, match=r"x\.filled\(0\)"):
        use()


def test_series_are_weights_and_labels_by_position():
    labels = np.arange(12) % 3
    series, logits = pd.Series(labels, index=ORDER), RNG.normal(size=(12, 3))
    loss = nn.CrossEntropyLoss(weight=pd.Series([1.0, 2.0, 3.0]))
    expected = nn.CrossEntropyLoss(weight=[1.0, 2.0, 3.0])
    weights = np.linspace(0, 1, 12)
    assert loss(Tensor(logits), series) == expected(Tensor(logits), labels)
    one = loss(Tensor(logits), series, pd.Series(weights, index=ORDER[::-1]))
    assert one == expected(Tensor(logits), labels, weights)
    assert nn.accuracy(logits, series) == nn.accuracy(logits, labels)
