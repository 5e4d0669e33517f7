"""Ctrl-C at any line leaves all as before, or as after a whole batch, and training can go on."""

import random
import signal

import numpy as np
import pytest
from attacking import shown
from interrupting import Interruption, places

import nn
from autograd_lite import Tensor, detect_anomaly, enable_grad, no_grad
from autograd_lite import modes as recording_modes
from nn import calls, random_state

X = np.linspace(-1, 1, 18).reshape(6, 3)
Y = X[:, :1] ** 2
SHARES = [0.12, 0.06]
"""Of the lines, once and twice; all of them take minutes."""
SAVES = 8
"""One in so many lines of `nn.save`."""


class Seen(nn.Callback):
    """Notes what is learned, after each batch, in between of other callbacks."""

    def __init__(self, world):
        self.world = world

    def fit_start(self, training):
        self.world.note()

    def batch_end(self, training):
        self.world.note()


class World:
    """A training from nothing; `allowed` are the states that it may be left in."""

    def __init__(self, layers=None):
        self.model = layers or nn.Sequential(
            nn.Dense(3, 4, activation="tanh", rng=0), nn.Dropout(0.5, rng=1),
            nn.BatchNorm1d(4), nn.Dense(4, 1, rng=2),
        )  # fmt: skip
        self.model[1].eval()
        self.optimizer = nn.Adam(self.model.parameters(), learning_rate=0.01)
        self.schedule = nn.ExponentialDecay(self.optimizer, factor=0.7)
        schedule = nn.LRSchedule(self.schedule, every="batch")
        self.callbacks = [Seen(self), schedule, nn.GradientMonitor(), Seen(self)]
        self.rng = np.random.default_rng(0)
        self.allowed, self.shuffles = set(), {str(self.rng.bit_generator.state)}
        self.modes = self._modes()

    def _modes(self):
        return [(name, module.training) for name, module in self.model.named_modules()]

    def learned(self):
        generators = random_state.generators(self.model)
        return shown(
            self.model.state_dict(), self.optimizer.state_dict(), self.schedule.state_dict(),
            {name: each.bit_generator.state for name, each in generators.items()},
        )  # fmt: skip

    def note(self):
        self.allowed.add(self.learned())
        self.shuffles.add(str(self.rng.bit_generator.state))

    def train(self, epochs=2, callbacks=()):
        return nn.fit(
            self.model, X, Y, loss="mse", optimizer=self.optimizer, epochs=epochs, batch_size=3,
            validation=(X, Y), callbacks=[*callbacks], progress=False, rng=self.rng,
        )  # fmt: skip

    def problems(self, known):
        """What is not as before, nor as after a whole batch of a world that was left alone."""
        found = []
        if self.learned() not in known.allowed:
            found.append("half a batch")
        if str(self.rng.bit_generator.state) not in known.shuffles:
            found.append("the generator that shuffles")
        if self._modes() != self.modes:
            found.append("modes or layers")
        found += [name for name, holds in whole_elsewhere() if not holds]
        if not all(parameter.data.flags.writeable for parameter in self.model.parameters()):
            found.append("read-only parameters")
        history = self.train(epochs=1)
        if not np.isfinite(history["loss"][-1]):
            found.append("training cannot go on")
        return found


def whole_elsewhere():
    yield "recording", (Tensor(1.0, requires_grad=True) * 2).requires_grad
    yield "modes of a context", calls.modes.get() is None
    yield "watching", recording_modes.watching.get() is None
    yield "drawing", random_state.drawing.get()
    yield "variables set for a while", recording_modes.set_now.get() == ()
    yield "handler of Ctrl-C", signal.getsignal(signal.SIGINT) is signal.default_int_handler


def fitted(world):
    world.train(callbacks=world.callbacks)


def loop(world):
    """A loop of one's own."""
    world.note()
    loss = nn.MSELoss()
    for inputs, targets in nn.batches(X, Y, batch_size=3, rng=world.rng):
        world.optimizer.zero_grad()
        loss(world.model(inputs), targets).backward()
        world.optimizer.step()
        world.note()
        world.schedule.step()
        world.note()


def contexts(world):
    world.note()
    with no_grad(), enable_grad():
        (world.model[0].weight * 2).sum()
    with detect_anomaly():
        (world.model[0].weight * world.model[0].weight).sum().backward()
    nn.predict(world.model, X)
    nn.summary(world.model, 3)
    repr(world.model)


def plain():
    return nn.Sequential(nn.Dense(3, 4, activation="tanh", rng=0), nn.Dense(4, 1, rng=2))


SCENES = {
    "fit": (fitted, World),
    "a loop of one's own": (loop, lambda: World(plain())),
    "contexts": (contexts, lambda: World(plain())),
}


def attack(name, share, twice):
    """Interrupt a scene at a share of its lines; what was bad."""
    scene, make = SCENES[name]
    known = make()
    scene(known)
    found = places(lambda: scene(make()), __file__)
    draw = random.Random(0)
    found = draw.sample(found, int(share * len(found)))
    bad = []
    for place in found:
        world = make()
        attempt = Interruption(place, again=draw.randint(1, 20) if twice else 0)
        error = attempt.run(lambda: scene(world))  # noqa: B023 - called at once
        if error is not None and attempt.is_below("fit") and not hasattr(error, "history"):
            bad.append(f"{attempt}: {error!r} without history")
        told, error = repr(error), None  # and its traceback
        bad += [f"{attempt}, {told}: {problem}" for problem in world.problems(known)]
    print(f"Ctrl-C {'twice' if twice else 'once'} in {name}: at {len(found)} lines, {len(bad)} bad")
    return bad


each_number = pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])


@each_number
@pytest.mark.parametrize("name", SCENES)
def test_ctrl_c_leaves_all_whole_at_some_lines(name, twice):
    bad = attack(name, 0.004, twice)
    assert not bad, "\n".join(bad[:20])


@each_number
@pytest.mark.parametrize("name", SCENES)
@pytest.mark.exhaustive
def test_ctrl_c_leaves_all_whole(name, twice):
    bad = attack(name, SHARES[twice], twice)
    assert not bad, "\n".join(bad[:20])


@each_number
@pytest.mark.exhaustive
# Where Ctrl-C comes between a context and its end, Python closes the file when it is dropped.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_ctrl_c_leaves_a_file_whole(tmp_path, twice):
    path, model, draw, bad = tmp_path / "model.safetensors", plain(), random.Random(0), []
    nn.save(model, path)
    found = places(lambda: nn.save(model, path))
    for place in draw.sample(found, len(found) // SAVES):
        attempt = Interruption(place, again=draw.randint(1, 20) if twice else 0)
        drawn = (
            str(random_state.generator(None, "").bit_generator.state),
            str(np.random.get_state()),
        )
        model[0].bias.data += 1
        told = repr(attempt.run(lambda: nn.save(model, path)))
        saved = nn.load(path)[0].bias.data[0]
        if saved not in (model[0].bias.data[0], model[0].bias.data[0] - 1):
            bad.append(f"{attempt}, {told}: another file")
        if drawn != (
            str(random_state.generator(None, "").bit_generator.state), str(np.random.get_state())
        ):  # fmt: skip
            bad.append(f"{attempt}, {told}: numbers were drawn")
        bad += [f"{attempt}, {told}: {name}" for name, holds in whole_elsewhere() if not holds]
        nn.save(model, path)
        if [entry.name for entry in tmp_path.iterdir()] != [path.name]:
            bad.append(f"{attempt}, {told}: files that are left")
    times, count = "twice" if twice else "once", len(found) // SAVES
    print(f"Ctrl-C {times} in nn.save: at {count} lines, {len(bad)} bad")
    assert not bad, "\n".join(bad[:20])
