"""`nn` on a graphics card, by CuPy: that it computes what NumPy does, and the time of a step.

Parameters, layers, losses, optimizers, `nn.fit` and files of models, each with CuPy's arrays beside
NumPy's; then steps of training of growing networks. It takes less than three minutes.

Run it: python benchmarks/cuda.py
"""

from __future__ import annotations

import copy
import pickle
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import nn
from autograd_lite import Tensor, grad, hvp, relu
from autograd_lite.trees import leaves_of, map_tree
from nn.losses.loss_function import LOSSES

RNG = np.random.default_rng(0)


class NumPy:
    """Where arrays lie: how they come there, and back."""

    send = staticmethod(np.asarray)
    back = staticmethod(np.asarray)

    @staticmethod
    def wait():
        """Until all is computed."""


class Card(NumPy):
    """On a graphics card."""

    def __init__(self):
        import cupy

        cupy.cuda.runtime.getDeviceCount()  # raises an error without a card
        self.send, self.back = cupy.asarray, cupy.asnumpy
        self.wait = cupy.cuda.runtime.deviceSynchronize


def assert_same(found, expected, place, tolerance=1e-9):
    """That arrays are NumPy's, and lie where they have to."""
    kind = type(place.send(np.ones(1)))
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        if isinstance(other, np.ndarray):
            assert isinstance(one, kind), f"{number}: {type(one)} has left the card"
        back = place.back(one) if isinstance(one, kind) else one
        np.testing.assert_allclose(
            back, other, rtol=tolerance, atol=tolerance, err_msg=f"number {number}"
        )


def moved(model, place):
    """A copy of a model, whose parameters and buffers are there."""
    model = copy.deepcopy(model)
    for tensor in [*model.parameters(), *dict(model.named_buffers()).values()]:
        tensor.data = place.send(tensor.data)
    return model


def both(place, compute):
    """What is computed there, beside what NumPy computes, of the same random numbers."""
    results = []
    for where in (place, NumPy):
        nn.manual_seed(0)
        results.append(compute(where))
    assert_same(*results, place)


# What is checked


def check_tensors(place):
    """Operations, their first and second derivatives, and functions of functions."""
    x, y = RNG.normal(size=(5, 4)), RNG.normal(size=(4, 3))

    def loss(x, y):
        z = np.tanh(x @ y) + relu(x).sum(axis=1, keepdims=True)
        z = np.where(z > 0, z, z * 0.1) * np.maximum(z, 0.5)
        return (np.sort(z, axis=0)[:, [0, 0, 2]].std() + np.concatenate([z, -z]).max()) ** 2

    def compute(where):
        tensors = [Tensor(where.send(each), requires_grad=True) for each in (x, y)]
        value = loss(*tensors)
        value.backward()
        of_function = grad(loss, argnums=(0, 1))(where.send(x), where.send(y))
        given, weights = where.send(x), where.send(y)
        curved = hvp(lambda x: np.sum(np.tanh(x @ weights) ** 2), [given], [given])
        return [value.item(), *[tensor.grad for tensor in tensors], *of_function, *curved]

    both(place, compute)


class Masked(nn.Module):
    """Sequences of several lengths, whose last steps nothing sees."""

    LENGTHS = (5, 2, 3)

    def __init__(self):
        self.recurrent = nn.LSTM(4, 4, bidirectional=True, rng=0)
        self.attention = nn.MultiHeadAttention(8, 2, rng=0)

    def forward(self, x):
        x, _ = self.recurrent(x, lengths=self.LENGTHS)
        hidden = np.arange(x.shape[1]) >= np.array(self.LENGTHS)[:, None]
        return self.attention(x, x, x, hidden, is_causal=True)


def layers():
    """Layers, and the arrays that they take."""
    images, sequences = RNG.normal(size=(3, 4, 6, 6)), RNG.normal(size=(3, 5, 4))
    rows, numbers = RNG.normal(size=(6, 4)), RNG.integers(0, 7, (3, 5))
    of_images = [
        nn.Conv2d(4, 6, 3, padding=1, groups=2, rng=0),
        nn.ConvTranspose2d(4, 2, 3, stride=2, rng=0),
        *(nn.MaxPool(2), nn.AvgPool(3, 2, 1), nn.AdaptiveAvgPool(2), nn.Dropout2d(0.5)),
        *(nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=1.5, mode="bilinear")),
        *(nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.InstanceNorm(4), nn.Flatten()),
    ]
    of_sequences = [
        nn.Conv1d(5, 3, 2, dilation=2, rng=0),
        nn.RNN(4, 3, 2, rng=0),
        nn.GRU(4, 3, bidirectional=True, rng=0),
        nn.LSTM(4, 3, 2, dropout=0.5, rng=0),
        nn.PositionalEncoding(4),
        nn.TransformerEncoderLayer(4, 2, 8, rng=0),
    ]
    of_rows = [
        nn.Sequential(nn.Dense(4, 3, name, rng=0), nn.Dropout(0.5))
        for name in ("relu", "elu", "gelu", "swish", "softplus", "sigmoid", "tanh", "log_softmax")
    ]
    of_rows += [nn.BatchNorm1d(4), nn.LayerNorm(4), nn.RMSNorm(4), nn.LSTMCell(4, 2, rng=0)]
    of_rows += [nn.GRUCell(4, 2, rng=0), nn.RNNCell(4, 2, rng=0)]
    yield Masked(), (sequences,)
    yield nn.Embedding(7, 3, padding_idx=0, rng=0), (numbers,)
    yield nn.Conv3d(1, 2, 2, rng=0), (images[:, None],)
    yield nn.Bilinear(4, 4, 2, rng=0), (rows, rows)
    yield nn.MultiHeadAttention(4, 2, rng=0), (sequences, sequences, sequences)
    yield nn.TransformerDecoderLayer(4, 2, 8, rng=0), (sequences, sequences)
    for group, given in ((of_images, images), (of_sequences, sequences), (of_rows, rows)):
        yield from ((layer, (given,)) for layer in group)


def check_layers(place):
    """Each layer, forward and backward, in training and in evaluation."""
    for layer, given in layers():
        for mode in (True, False):

            def compute(where, layer=layer, mode=mode, given=given):
                model = moved(layer, where).train(mode)
                inputs = [
                    Tensor(where.send(x), requires_grad=True) if x.dtype.kind == "f" else x
                    for x in given
                ]
                outputs = [y for y in leaves_of(model(*inputs)) if y is not None]
                sum((np.sin(y) * y).sum() for y in outputs).backward()
                learned = [parameter.grad for parameter in model.parameters()]
                kept = [buffer.data for _, buffer in model.named_buffers()]
                reached = [x.grad for x in inputs if isinstance(x, Tensor)]
                return [*[y.data for y in outputs], *reached, *learned, *kept]

            both(place, compute)


def targets_of(name, predictions):
    """What a loss of that name compares predictions with."""
    n, classes = predictions.shape
    if name in ("cross_entropy", "nll"):
        return RNG.integers(0, classes, n)
    if name == "hinge":
        return np.where(predictions > 0, 1.0, -1.0)
    shares = np.exp(predictions) / np.exp(predictions).sum(axis=1, keepdims=True)
    return shares if name in ("kl_div", "categorical_cross_entropy") else np.round(shares)


def check_losses(place):
    """Each loss that has a name, with and without weights of samples."""
    logits = RNG.normal(size=(6, 3))
    for name, kind in LOSSES.items():
        targets = targets_of(name, logits)
        probable = name in ("bce", "categorical_cross_entropy")
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

        def compute(where, kind=kind, targets=targets, given=shares if probable else logits):
            found = []
            for weights in (None, np.arange(6.0)):
                predictions = Tensor(where.send(given), requires_grad=True)
                weighted = () if weights is None else (where.send(weights),)
                value = kind()(predictions, where.send(targets), *weighted)
                value.backward()
                found += [value.item(), predictions.grad]
            return found

        both(place, compute)


OPTIMIZERS = (nn.SGD, nn.Adam, nn.AdamW, nn.NAdam, nn.AMSGrad, nn.RMSprop, nn.Lion)


def network(dtype=np.float64):
    return nn.Sequential(
        nn.Dense(4, 8, "tanh", rng=0, dtype=dtype),
        nn.BatchNorm1d(8, dtype=dtype),
        nn.Dropout(0.2, rng=1),
        nn.Dense(8, 3, rng=2, dtype=dtype),
    )


SAMPLES, LABELS = RNG.normal(size=(40, 4)), RNG.integers(0, 3, 40)


def trained(model, where, optimizer=nn.Adam, data=(SAMPLES, LABELS), **options):
    """What is left of a training: figures, parameters and buffers."""
    X, y = map_tree(where.send, data)
    options = {"loss": "cross_entropy", "epochs": 3, "batch_size": 16, "rng": 0} | options
    optimizer = optimizer(model.parameters(), 0.05)
    history = nn.fit(model, X, y, optimizer=optimizer, progress=False, **options)
    state = [*model.parameters(), *dict(model.named_buffers()).values()]
    return [*history.values(), *[tensor.data for tensor in state]]


def check_optimizers(place):
    """Each optimizer in `nn.fit`, and SciPy's fits, from parameters that are there."""
    for optimizer in OPTIMIZERS:
        both(
            place,
            lambda where, optimizer=optimizer: trained(moved(network(), where), where, optimizer),
        )

    def fitted(where):
        line, X = moved(nn.Dense(4, 1, rng=0), where), where.send(SAMPLES)
        y = where.send(SAMPLES[:, :1] ** 2)
        nn.fit_lbfgs(line.parameters(), lambda: ((line(X) - y) ** 2).mean(), iterations=3)
        after = [parameter.data.copy() for parameter in line.parameters()]
        nn.fit_least_squares(line.parameters(), lambda: line(X) - y)
        return [*after, *[parameter.data for parameter in line.parameters()]]

    both(place, fitted)


def check_fit(place):
    """Validation, metrics, weights, clipping, averages, accumulation, and a step of one's own."""

    def own(training, batch):
        loss = nn.CrossEntropyLoss()(training.model(batch[0]), batch[1])
        training.optimizer.zero_grad()
        loss.backward()
        training.optimizer.step()
        return {"mine": loss}

    for options in (
        {"validation": 0.25, "metrics": {"accuracy": nn.accuracy}},
        {"sample_weight": np.arange(40.0), "callbacks": [nn.GradientClipping(0.5)]},
        {"class_weight": "balanced", "sampling": "balanced", "accumulate": 2},
        {"validation": 0.2, "callbacks": [nn.EarlyStopping(patience=1)], "epochs": 8},
        {"callbacks": [nn.ExponentialMovingAverage(0.9), nn.GradientMonitor()]},
        {"step": own, "augment": lambda X, y, rng: (X + 0.5, y)},
        {"loss": nn.CrossEntropyLoss(label_smoothing=0.1, weight=[1.0, 2.0, 3.0])},
    ):

        def compute(where, options=options):
            return trained(moved(network(), where), where, **copy.deepcopy(options))

        both(place, compute)


def check_prediction(place):
    """`nn.predict`, `nn.accuracy` and `nn.summary`."""

    def compute(where):
        model, X = moved(network(), where), where.send(SAMPLES)
        predictions = nn.predict(model, X, batch_size=7)
        nn.summary(model, X)
        return [predictions, nn.accuracy(predictions, where.send(LABELS))]

    both(place, compute)


def check_files(place):
    """Models are saved, read, pickled and copied; a training is gone on with."""

    def compute(where):
        with tempfile.TemporaryDirectory() as folder:
            saved, run = Path(folder, "model.safetensors"), Path(folder, "run.safetensors")
            model = moved(network(), where)
            trained(model, where, callbacks=[nn.Checkpoint(run)])
            nn.save(model, saved)
            other = moved(network(), where)
            other.load_state_dict(model.state_dict())
            copied = pickle.loads(pickle.dumps(model))
            again = moved(network(), where)
            resumed = trained(again, where, epochs=5, resume_from=run)
            state = model.state_dict()
            for each in (other, copied, nn.load(saved, moved(network(), where)), nn.load(saved)):
                for name, array in each.state_dict().items():
                    assert (where.send(array) == state[name]).all(), name
            return [*state.values(), *resumed]

    both(place, compute)


CHECKS = {
    "tensors": check_tensors,
    "layers": check_layers,
    "losses": check_losses,
    "optimizers": check_optimizers,
    "fit": check_fit,
    "prediction": check_prediction,
    "files": check_files,
}


# Times


def seconds(where, width, rows=4096, steps=10):
    """Of a step of training, from the fourth on."""
    model = moved(
        nn.Sequential(
            nn.Dense(width, width, "relu", rng=0, dtype=np.float32),
            nn.Dense(width, width, "relu", rng=1, dtype=np.float32),
            nn.Dense(width, 10, rng=2, dtype=np.float32),
        ),
        where,
    )
    optimizer, loss = nn.Adam(model.parameters(), 1e-3), nn.CrossEntropyLoss()
    X = where.send(RNG.normal(size=(rows, width)).astype(np.float32))
    y = where.send(RNG.integers(0, 10, rows))
    for step in range(3 + steps):
        if step == 3:
            where.wait()
            start = time.perf_counter()
        optimizer.zero_grad()
        loss(model(X), y).backward(leaves_only=True)
        optimizer.step()
    where.wait()
    return (time.perf_counter() - start) / steps


def main():
    from timing import print_table  # here, as the checks are run by the tests as well

    try:
        card = Card()
    except Exception as error:
        sys.exit(f"There is no card, or CuPy is missing: {type(error).__name__}: {error}")
    for name, check in CHECKS.items():
        check(card)
        print(f"{name}: as NumPy")
    rows = []
    for width in (128, 512, 2048):
        times = [seconds(where, width) for where in (NumPy, card)]
        rows.append([str(width), *[f"{1e3 * each:.2f}" for each in times]])
    print_table(["units of each layer", "NumPy, ms a step", "CuPy, ms a step"], rows)


if __name__ == "__main__":
    main()
