"""Training in C: what eager training gives, up to rounding; without a compiler, in NumPy."""

import ctypes
import signal
from contextlib import nullcontext

import numpy as np
import pytest
from trained import StopsAfter

import autograd_lite
import nn
from autograd_lite.errors import CompilerError, TrainingError
from autograd_lite.program import c_runner, compiler
from nn.optimizers.traced import Update

with_compiler = pytest.mark.usefixtures("c_compiler")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compiler.importlib.util, "find_spec", lambda name: None)


def trained(how, callbacks=(), made=lambda model: None):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(96, 3)), rng.integers(0, 3, size=96)
    model = nn.Sequential(
        nn.Dense(3, 8, rng=0),
        nn.BatchNorm1d(8),
        nn.GELU(),
        nn.Dropout(0.2, rng=1),
        nn.Dense(8, 3, rng=2),
    )
    made(model)
    optimizer = nn.Adam(model.parameters(), learning_rate=0.01)
    history = nn.fit(
        model,
        X,
        y,
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        epochs=8,
        batch_size=32,
        rng=3,
        progress=False,
        callbacks=callbacks,
        compile=how,
    )
    return history, model


@with_compiler
def test_training_in_c_arrives_where_eager_training_does():
    (found, model), (expected, eager) = trained("c"), trained(False)
    assert found.backend == "c"
    np.testing.assert_allclose(found["running_loss"], expected["running_loss"], 1e-11)
    for a, b in zip(model.parameters(), eager.parameters(), strict=True):
        if a.ndim == 2:  # The gradient of the bias before the norm is nothing but rounding.
            np.testing.assert_allclose(a.data, b.data, 1e-9, 1e-11)


@with_compiler
def test_ctrl_c_within_a_step_in_c_ends_after_it_and_a_second_one_at_once(monkeypatch):
    monkeypatch.setattr(compiler, "FLAGS", [*compiler.FLAGS, "-O0"])
    run, signals, losses = c_runner.BoundInC.__call__, 0, 0

    def interrupted(bound, *arrays):
        nonlocal losses
        found = run(bound, *arrays)
        losses += 1  # the first is of the second batch
        for _ in range(signals if losses == 8 else 0):
            signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr(c_runner.BoundInC, "__call__", interrupted)
    right = trained("c", [StopsAfter(9)])[1]
    for signals in (1, 2):
        losses, model = 0, []
        try:
            history, _ = trained("c", made=model.append)
            assert history.stop_reason == "interrupted in epoch 3, batch 3"
        except KeyboardInterrupt as error:
            assert signals == 2
            history = error.history
        assert history.backend == "c"
        for a, b in zip(model[0].state_dict().values(), right.state_dict().values(), strict=True):
            np.testing.assert_array_equal(a, b)


def small(backend):
    """A model without buffers, its optimizer, a step, and batches."""
    rng = np.random.default_rng(4)
    model = nn.Sequential(nn.Dense(3, 5, activation="tanh", rng=0), nn.Dense(5, 2, rng=1))
    optimizer = nn.Adam(model.parameters(), learning_rate=0.01)
    given = [(rng.normal(size=(4, 3)), rng.normal(size=(4, 2))) for _ in range(12)]
    return model, optimizer, nn.compile(model, "mse", optimizer, backend), given


def looped(change, backend):
    """A model, its optimizer and its losses; something is changed before one of the steps."""
    model, optimizer, step, given = small(backend)
    losses = []
    for number, batch in enumerate(given):
        if number == 6:
            change(model, optimizer)
        losses.append(step(*batch))
        assert number < 2 or number in range(6, 9) or step.backend == backend
    return model, optimizer, losses


def reassign(model, optimizer):
    model[0].weight.data = 0.5 * model[0].weight.data


def freeze(model, optimizer):
    model[1].bias.requires_grad = False


def load(model, optimizer):
    model.load_state_dict({k: 0.9 * v for k, v in model.state_dict().items()})
    optimizer.load_state_dict(optimizer.state_dict())


def decay(model, optimizer):
    optimizer.weight_decay = 0.1


def schedule(model, optimizer):
    optimizer.learning_rate = nn.CosineAnnealing(0.1, steps=20)


@pytest.mark.exhaustive
def test_steps_that_are_one_call_of_c_are_those_of_numpy_whatever_is_changed(quick_c_compiler):
    for change in (reassign, freeze, load, decay, schedule):
        (model, optimizer, losses), (other, right, expected) = (
            looped(change, backend) for backend in ("c", "numpy")
        )
        np.testing.assert_allclose(losses, expected, 1e-12, err_msg=change.__name__)
        for a, b in zip(model.parameters(), other.parameters(), strict=True):
            np.testing.assert_allclose(a.data, b.data, 1e-11, err_msg=change.__name__)
        assert optimizer.steps == right.steps == 12


def test_ctrl_c_within_a_step_that_is_one_call_of_c_comes_when_all_of_it_is_done(
    monkeypatch, quick_c_compiler
):
    made, signals = Update.make, []
    arrives = ctypes.CDLL(None)["raise"]  # which Python's own waits for to be handled
    arrives.argtypes = (ctypes.c_int, ctypes.c_void_p)

    def with_signals(update):
        made(update)
        update.calls += [(arrives, each, None) for each in signals]

    monkeypatch.setattr(Update, "make", with_signals)
    found = []
    for backend, number in (("c", 0), ("c", 1), ("numpy", 1)):
        signals.clear()
        model, optimizer, step, given = small(backend)
        for batch in given[:4]:
            step(*batch)
        assert step.backend == backend
        signals += [int(signal.SIGINT)] * number
        optimizer.epsilon *= 2  # so that the update is made anew
        with pytest.raises(KeyboardInterrupt) if signals else nullcontext():
            step(*given[4])
        states = [run.kept.copy() for run in optimizer._runs]
        found.append([*states, *model.state_dict().values(), optimizer.steps])
    for each in found[1:]:
        for a, b in zip(each, found[0], strict=True):
            np.testing.assert_allclose(a, b, 1e-11)


@with_compiler
def test_gradients_that_are_not_finite_end_a_training_before_its_step():
    X, found = np.zeros((60, 1)), []
    X[33] = 1e200  # whose prediction is 0, and whose gradient is 1e400
    for how in ("numpy", "c", False):
        model = nn.Dense(1, 1, weight_init="zeros", bias=False)
        optimizer = nn.SGD(model.parameters(), 0.1)
        options = {"loss": lambda p, y: (p * 1e200).sum(), "optimizer": optimizer, "compile": how}
        says = pytest.raises(TrainingError, match="gradient of weight is NaN or infinite")
        with np.errstate(over="ignore"), says as info:
            nn.fit(model, X, X, epochs=1, batch_size=2, rng=1, progress=False, **options)
        np.testing.assert_array_equal(model.weight.data, 0)
        found.append((str(info.value), optimizer.steps))
    assert found[0] == found[1] == found[2]
    assert found[0][1] > 3  # it was compiled by then


def test_without_a_compiler_a_warning_says_so_and_numpy_runs(no_compiler):
    with pytest.warns(match=r"Install gcc or clang.* run by NumPy"):
        found, _ = trained("c")
    expected, _ = trained(False)
    assert found.backend == "numpy"
    np.testing.assert_array_equal(found["running_loss"], expected["running_loss"])


def test_a_function_that_is_to_run_in_c_says_what_to_install(no_compiler):
    fast = autograd_lite.compile(lambda x: (x * x).sum(), backend="c")
    with pytest.raises(CompilerError, match="Install gcc or clang"):
        fast(np.arange(3.0))
