"""Threads, tasks and processes that share models, read each other's gradients, and train."""

import asyncio
import multiprocessing
import os
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from attacking import shown

import nn
from autograd_lite import Tensor, detect_anomaly, enable_grad, no_grad

X = np.random.default_rng(0).normal(size=(64, 3))
Y = X[:, :1] ** 2
THREADS = 8
TIMES = 30


@pytest.fixture(autouse=True)
def _threads_that_take_turns_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def network(rng=0):
    return nn.Sequential(
        nn.Dense(3, 8, activation="relu", rng=rng), nn.Dropout(0.5, rng=rng + 1),
        nn.BatchNorm1d(8), nn.Dense(8, 1, rng=rng + 2),
    )  # fmt: skip


def trained(seed=0, epochs=3):
    model = network(seed)
    optimizer = nn.Adam(model.parameters(), learning_rate=0.01)
    nn.fit(model, X, Y, loss="mse", optimizer=optimizer, epochs=epochs, progress=False, rng=seed)
    return shown(model.state_dict(), optimizer.state_dict())


def together(*functions, times=TIMES):
    """Call functions in threads of their own, again and again; how often, and what was raised."""
    start, bad = threading.Barrier(len(functions)), []

    def run(function):
        start.wait()
        for _ in range(times):
            try:
                problem = function()
            except Exception as error:
                problem = repr(error)
            if problem:
                bad.append(problem)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times * len(functions), bad


def require(title, count, bad):
    print(f"{title}: {count} times, {len(bad)} bad")
    assert not bad, "\n".join(map(str, bad[:10]))


def test_a_model_that_is_trained_is_used_by_eight_threads():
    model = network()
    expected = nn.predict(model, X)
    modes = [module.training for _, module in model.named_modules()]
    table = str(nn.summary(model, 3))

    def predict():
        return "" if np.array_equal(nn.predict(model, X), expected) else "other predictions"

    def summarize():
        return "" if str(nn.summary(model, 3)) == table else "another table"

    def is_trained():
        with enable_grad():
            masked = model(X[:32]).data
        return "" if (masked != expected[:32]).any() else "no masks in training"

    before = model.state_dict()
    count, bad = together(*[predict] * 5, summarize, summarize, predict)
    bad += [] if shown(before) == shown(model.state_dict()) else ["other parameters"]
    more, worse = together(*[predict] * 4, is_trained)
    model.load_state_dict(before)
    bad += [] if modes == [m.training for _, m in model.named_modules()] else ["other modes"]
    # A pass in training moves the running statistics, which predictions depend on.
    require("threads that predict", count + more, bad + [w for w in worse if "other" not in w])


def test_eight_threads_train_models_of_their_own():
    expected = [trained(seed) for seed in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(trained, range(THREADS)))
    bad = [seed for seed in range(THREADS) if found[seed] != expected[seed]]
    require("threads that train", THREADS, bad)


def test_eight_threads_read_one_anothers_gradients():
    weights = [Tensor(np.full(4, 1.0 + index), requires_grad=True) for index in range(THREADS)]

    def differentiate(own):
        def run():
            own.zero_grad()
            (own * own * own).sum().backward()
            wrong = not np.array_equal(own.grad, 3 * own.data**2)
            for other in weights:
                gradient = other.grad
                if gradient is not None and not np.array_equal(gradient, 3 * other.data**2):
                    wrong = True
            return "a wrong gradient" if wrong else ""

        return run

    require("threads that differentiate", *together(*map(differentiate, weights)))


def test_modes_and_changes_in_place_are_those_of_the_thread():
    shared = Tensor(np.arange(8.0), requires_grad=True)

    def without():
        with no_grad():
            part = shared[2:5]
            return "recorded" if (part * 2).requires_grad else ""

    def recorded():
        return "" if (shared[1:3] * 2).requires_grad else "not recorded"

    def watched():
        weight = Tensor(np.ones(3), requires_grad=True)
        with detect_anomaly():
            (weight * weight).sum().backward()
        weight.data += 1
        return ""

    def changed():
        own = Tensor(np.arange(4.0))
        part = own[1:3]
        own[0] = 5.0
        return "" if part.data[0] == 1.0 else "another value"

    count, bad = together(without, recorded, watched, changed, without, recorded, watched, changed)
    require("threads with modes of their own", count, bad)


def test_tasks_have_modes_of_their_own():
    model, weight = network(), Tensor(1.0, requires_grad=True)
    expected = nn.predict(model, X)
    bad = []

    async def task(index):
        context = no_grad() if index % 2 else enable_grad()
        with context:
            for _ in range(TIMES):
                await asyncio.sleep(0)
                if (weight * 2).requires_grad == bool(index % 2):
                    bad.append("the mode of another task")
        if not np.array_equal(await asyncio.to_thread(nn.predict, model, X), expected):
            bad.append("other predictions")

    async def tasks():
        await asyncio.gather(*map(task, range(THREADS)))

    asyncio.run(tasks())
    require("tasks", THREADS * TIMES, bad)


def child(received):
    """What a process makes of a model and an optimizer that it was sent."""
    model, optimizer = pickle.loads(received)
    nn.fit(model, X, Y, loss="mse", optimizer=optimizer, epochs=2, progress=False, rng=0)
    return pickle.dumps((model, optimizer))


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    "way", sorted(set(multiprocessing.get_all_start_methods()) - {"forkserver"})
)
def test_models_cross_processes_in_both_directions(way):
    model = network()
    optimizer = nn.Adam(model.parameters(), learning_rate=0.01)
    sent = pickle.dumps((model, optimizer))
    expected = pickle.loads(child(sent))
    context, bad = multiprocessing.get_context(way), []
    with context.Pool(2) as pool:
        for received in pool.map(child, [sent] * 4):
            back, its_optimizer = pickle.loads(received)
            if shown(back.state_dict(), its_optimizer.state_dict()) != shown(
                expected[0].state_dict(), expected[1].state_dict()
            ):
                bad.append("another model")
            nn.fit(back, X, Y, loss="mse", optimizer=its_optimizer, epochs=1, progress=False)
    require(f"processes, {way}", 4, bad)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_forked_while_threads_compute_computes_the_same():
    model, stop = network(), threading.Event()
    expected = nn.predict(model, X)

    def busy():
        while not stop.is_set():
            with detect_anomaly():
                (Tensor(np.ones(3), requires_grad=True) * 2).sum().backward()

    thread = threading.Thread(target=busy)
    thread.start()
    bad = []
    for _ in range(5):
        if pid := os.fork():
            if os.waitpid(pid, 0)[1]:
                bad.append("a child that failed")
        else:
            same = np.array_equal(nn.predict(model, X), expected)
            with detect_anomaly():
                (Tensor(np.ones(3), requires_grad=True) * 2).sum().backward()
            os._exit(0 if same else 1)
    stop.set()
    thread.join()
    require("processes forked beside threads", 5, bad)
