"""detect_anomaly: what is let through, and where it holds."""

import asyncio
import functools
import gc
import sys
import threading

import numpy as np
import pytest
from anomalies import anomaly_in, leaf, line_in
from looping import looped

import nn
from autograd_lite import (
    Tensor,
    detect_anomaly,
    enable_grad,
    log_softmax,
    logsumexp,
    no_grad,
    softmax,
)
from autograd_lite.anomaly.watched import watched_nodes
from autograd_lite.errors import AnomalyError, UnsupportedError
from autograd_lite.modes import recording, watching

# NumPy warns of what is not finite before the engine looks at it.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

HERE = __file__
line_of = functools.partial(line_in, HERE)


@pytest.fixture(autouse=True)
def nothing_is_watched_afterwards():
    yield
    assert recording.get() is True
    assert watching.get() is None


# What is let through


def test_masks_of_minus_infinity():
    scores = leaf(np.arange(6.0).reshape(2, 3), "scores")
    mask = np.array([[False, True, False], [False, False, True]])
    added = np.where(mask, -np.inf, 0.0)
    with detect_anomaly():
        for masked in (
            np.where(mask, -np.inf, scores),
            scores + added,
            Tensor(added) + scores,
            np.minimum(scores, np.where(mask, -np.inf, np.inf)),
        ):
            scores.zero_grad()
            assert np.isneginf(masked.data).any()
            weights = softmax(masked)
            (weights.max() + logsumexp(masked) + masked.max()).backward()
            assert np.isfinite(scores.grad).all()
    error = anomaly_in(lambda: softmax(np.where(True, -np.inf, scores)))
    assert error.operation == "softmax"
    assert "softmax(-inf) = nan" in str(error)


def test_minus_infinity_times_a_target_of_0_is_none_of_them():
    logits = leaf([[1.0, 2.0]])
    mask = np.array([0.0, -np.inf])
    error = anomaly_in(lambda: (log_softmax(logits + mask) * np.array([[1.0, 0.0]])).sum())
    assert error.operation == "multiply"
    assert "multiply(-inf, 0) = nan" in str(error)


def test_bounds_and_what_operations_leave_out():
    x, scores = leaf([1.0, np.inf, np.nan]), leaf([1.0, -np.inf])
    finite = leaf([1.0, 2.0])
    with detect_anomaly():
        logsumexp(scores).backward()
        np.where([True, False, False], x, 0.0).sum().backward()
        x[:1].sum().backward()
        np.nan_to_num(np.where([True, False], finite, np.nan)).sum().backward()
        np.clip(finite, -np.inf, 1.5).sum().backward()
        np.maximum(finite, -np.inf).sum().backward()
        np.max(np.pad(finite, 1, constant_values=-np.inf)).backward()
    np.testing.assert_array_equal(scores.grad, [1.0, 0.0])
    np.testing.assert_array_equal(x.grad, [2.0, 0.0, 0.0])
    np.testing.assert_array_equal(finite.grad, [3.0, 2.0])


def test_infinity_where_it_is_no_mask_raises():
    x = leaf([1.0, 2.0], "x")
    assert anomaly_in(lambda: x * np.array([1.0, np.inf])).operation == "multiply"
    assert anomaly_in(lambda: x + leaf([1.0, np.inf])).operation == "add"
    assert anomaly_in(lambda: np.exp(x * 1000)).operation == "exp"
    assert anomaly_in(lambda: np.where(True, x, np.array([1.0, np.nan])) * 1 + np.nan)
    assert anomaly_in(lambda: np.where(False, x, np.array([1.0, np.nan]))).operation == "where"


def test_an_infinity_beside_a_mask_is_found():
    x = leaf([1.0, 2.0, 1000.0])
    masked = np.array([0.0, -np.inf, 0.0])
    error = anomaly_in(lambda: np.exp(x + masked))
    assert (error.operation, error.entries) == ("exp", ((2,),))


def test_what_numpy_is_told_to_ignore_is_let_through_until_it_counts():
    x = leaf([4.0, -1.0, 0.0], "x")

    def logarithm():
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(x)  # here: ignored

    with detect_anomaly():
        np.where(x.data > 0, logarithm(), 0.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.25, 0.0, 0.0])
    error = anomaly_in(lambda: (2 * logarithm().sum()).backward())
    assert (error.operation, error.direction) == ("log", "forward")
    assert error.line == line_of("here: ignored")
    assert "not finite, at [1], [2], which has reached what backward() starts from" in str(error)
    with np.errstate(invalid="ignore"):
        error = anomaly_in(lambda: np.log(x))
    assert error.entries == ((1,), (2,))


def test_gradients_that_numpy_is_told_to_ignore_raise_at_a_leaf():
    x = leaf([4.0, 0.0], "x")

    def run(select):
        positive = np.where(x.data > 0, x, 0.0) if select else x * 1.0
        with np.errstate(divide="ignore"):
            np.sqrt(positive).sum().backward()

    with detect_anomaly():
        run(select=True)
    np.testing.assert_array_equal(x.grad, [0.25, 0.0])
    error = anomaly_in(run, False)
    assert (error.operation, error.direction) == ("sqrt", "backward")


def test_what_is_not_recorded_is_not_looked_at():
    x = leaf([0.0])
    with detect_anomaly():
        with no_grad():
            np.log(x)
        np.log(Tensor([0.0]))


# Where it holds


def test_it_decorates_functions():
    @detect_anomaly()
    def loss(x):
        """Logarithm."""
        return np.log(x).sum()

    assert (loss.__name__, loss.__doc__) == ("loss", "Logarithm.")
    loss(leaf([1.0])).backward()
    for _ in range(2):
        with pytest.raises(AnomalyError):
            loss(leaf([0.0]))
        assert recording.get() is True
    with pytest.raises(UnsupportedError, match="detect_anomaly"):
        detect_anomaly()(lambda: (yield))


def test_nested_contexts_and_other_modes():
    x = leaf([0.0])
    with detect_anomaly():
        with detect_anomaly():
            y = np.sqrt(x)
        assert not x.data.flags.writeable
        with pytest.raises(AnomalyError, match="line"):
            y.backward()
        with no_grad():
            assert not (x * 2).requires_grad
            with enable_grad(), pytest.raises(AnomalyError):
                np.log(x)
        with pytest.raises(AnomalyError):
            np.log(x)
    assert x.data.flags.writeable
    with no_grad(), detect_anomaly():
        assert not np.log(x).requires_grad


def test_other_threads_and_tasks_are_left_alone():
    x = leaf([0.0])
    results = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: results.append(np.log(x).data[0]))
        thread.start()
        thread.join()
    assert results == [-np.inf]

    async def watched(inside, leave):
        with detect_anomaly():
            inside.set()
            await leave.wait()
            with pytest.raises(AnomalyError):
                np.log(x)

    async def unwatched(inside, leave):
        await inside.wait()
        np.log(x)
        leave.set()

    async def both():
        inside, leave = asyncio.Event(), asyncio.Event()
        await asyncio.gather(watched(inside, leave), unwatched(inside, leave))

    asyncio.run(both())


def test_nothing_is_remembered_of_graphs_that_are_dropped():
    gc.collect()
    gc.disable()
    before = len(watched_nodes)
    try:
        with detect_anomaly():
            x = leaf([1.0])
            y = x
            for _ in range(2_000):
                y = y * 1.0
            y.backward([1.0])
            assert len(watched_nodes) == before + 2_000
            del y
            assert len(watched_nodes) == before
        assert x.grad.tolist() == [1.0]
    finally:
        gc.enable()


@looped("optimizer", [nn.SGD, nn.Adam])
def test_training_inside_of_it_is_the_same_to_the_last_bit(optimizer):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))

    def trained():
        model = nn.Sequential(
            nn.Dense(3, 8, "tanh", rng=1),
            nn.BatchNorm1d(8),
            nn.Dropout(0.2, rng=2),
            nn.Dense(8, 1, rng=3),
        )
        steps = optimizer(model.parameters(), learning_rate=0.05)
        nn.fit(
            model,
            X,
            y,
            loss=nn.MSELoss(),
            optimizer=steps,
            epochs=3,
            progress=False,
            rng=0,
            validation=(X, y),
        )
        return [p.data.copy() for p in model.parameters()]

    expected = trained()
    with detect_anomaly():
        watched = trained()
    for one, other in zip(watched, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_frame_is_looked_at_outside_of_it(monkeypatch):
    def refuse(*_):
        raise AssertionError("a frame was looked at")

    x = leaf([0.0, 1.0])
    monkeypatch.setattr(sys, "_getframe", refuse)
    before = len(watched_nodes)
    loss = (np.exp(x * 2) + x).sum()
    loss.backward()
    assert len(watched_nodes) == before
