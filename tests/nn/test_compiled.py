"""Compiled training against the eager one, to the last bit."""

import signal
import warnings

import numpy as np
import pytest
from trained import LABELS, ONE_HOT, StopsAfter, X, assert_same_bits, network, trained

import autograd_lite
import nn
from autograd_lite.errors import ArgumentError, TrainingError
from autograd_lite.program import backends
from nn.optimizers.traced import Update
from nn.training import compiled


def assert_compiled_is_eager(what, *arguments, **options):
    backend, found = trained(*arguments, **options)
    assert backend == "numpy", (what, backend)
    _, expected = trained(*arguments, **options, mode=False)
    assert_same_bits(found, expected, str(what))


def test_losses_with_options():
    losses = [
        nn.CrossEntropyLoss(weight=[1.0, 2.0, 3.0]),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.CrossEntropyLoss(reduction="sum"),
    ]
    for loss in losses:
        assert_compiled_is_eager(loss, network, LABELS, loss)
    smooth = nn.BCEWithLogitsLoss(pos_weight=2.0, label_smoothing=0.1)
    assert_compiled_is_eager(smooth, network, ONE_HOT, smooth)


def test_optimizers_and_every_schedule():
    schedules = [
        nn.CosineAnnealing(0.05, steps=30),
        nn.ExponentialDecay(0.05, factor=0.9),
        nn.StepDecay(0.05, every=10, factor=0.5),
        nn.Warmup(0.05, steps=10),
        nn.OneCycle(0.05, steps=40),
    ]
    makers = {
        "momentum": lambda p: nn.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        "average": lambda p: nn.SGD(p, 0.1, momentum=0.9, average=True, l1=0.01, l2=0.01),
        "RMSprop": nn.RMSprop,
        "groups": lambda p: nn.Adam([{"parameters": p[:1], "l2": 0.1}, {"parameters": p[1:]}]),
    }
    makers |= {repr(each): lambda p, each=each: nn.SGD(p, each) for each in schedules}
    for name, optimizer in makers.items():
        assert_compiled_is_eager(name, lambda: network(nn.ReLU()), optimizer=optimizer)


def test_dropout_and_batch_norm_over_many_steps_weights_and_smaller_last_batches():
    def make():
        return network(nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5))

    options = {"epochs": 6, "batch_size": 16, "validation": 0.2, "metrics": {"a": nn.accuracy}}
    assert_compiled_is_eager("both", make, **options)
    assert_compiled_is_eager("weights", make, class_weight="balanced", epochs=4, batch_size=8)
    assert_compiled_is_eager("float32", lambda: network(nn.ReLU(), dtype=np.float32))
    assert_compiled_is_eager("float16", lambda: network(nn.ReLU(), dtype=np.float16))


def test_steps_whose_gradients_are_accumulated():
    def make():
        return network(nn.BatchNorm1d(6), nn.Dropout(0.3))

    weights = np.arange(90.0)
    losses = "cross_entropy", nn.CrossEntropyLoss(reduction="sum")
    for loss, more in zip(losses, ({"sample_weight": weights}, {}), strict=True):
        options = {"accumulate": 3, "epochs": 8, **more}
        assert_compiled_is_eager(loss, make, LABELS, loss, **options)

    class Freezes(nn.Callback):
        def epoch_end(self, training):
            training.model[0].weight.requires_grad = training.epoch not in (3, 4)

    options = {"accumulate": 3, "batch_size": 15, "epochs": 12, "callbacks": [Freezes()]}
    assert_compiled_is_eager("frozen for a while", make, **options)


class Own(nn.Module):
    def __init__(self):
        self.first, self.second, self.scale = nn.Dense(4, 6), nn.Dense(6, 3), 1.0

    def bent(self, x):
        return np.tanh(x) * self.scale

    def forward(self, x):
        return self.second(self.bent(self.first(x)))


def test_a_module_of_ones_own_whose_attribute_a_callback_changes():
    class Halves(nn.Callback):
        def epoch_end(self, training):
            training.model.scale /= 2

    class OfClass(Own):
        slope = 1.0

        def bent(self, x):
            return super().bent(x) * self.slope

    class Doubles(nn.Callback):
        def epoch_end(self, training):
            type(training.model).slope = 2.0

        def fit_end(self, training):
            type(training.model).slope = 1.0

    assert_compiled_is_eager("own", Own, callbacks=[Halves()])
    assert_compiled_is_eager("of the class", OfClass, callbacks=[Doubles()], epochs=4)


def own_loss(predictions, targets):
    return (np.abs(predictions - targets) ** 1.5).mean()


def test_a_loss_of_ones_own():
    assert_compiled_is_eager("own", network, ONE_HOT, own_loss)


def test_what_acts_beside_computing_is_not_compiled():
    seen = []

    class Counts(Own):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    class Keeps(Own):
        def bent(self, x):
            self.last = x.shape
            return super().bent(x)

    class Peeks(Own):
        def bent(self, x):
            return x - x.data.mean()

    for kind, what in ((Counts, "append"), (Keeps, "last"), (Peeks, "data")):
        backend, _ = trained(kind)
        assert backend.startswith("eager: ")
        assert backend.endswith(f"does more than compute: {what}")
    assert len(seen) > 24

    def spies(predictions, targets):
        seen.append(targets)
        return np.abs(predictions - targets).mean(axis=1)

    for options in ({}, {"sample_weight": np.arange(90)}):
        loss = spies if options else lambda predictions, targets: spies(predictions, targets).mean()
        backend, _ = trained(network, ONE_HOT, loss, **options)
        assert backend.endswith("spies does more than compute: append")


def test_random_numbers_in_a_module_of_ones_own_are_drawn_each_time():
    class Noisy(Own):
        def forward(self, x):
            return super().forward(x + 0.1 * noise.normal(size=x.shape))

    found = []
    for mode in (True, False):
        noise = np.random.default_rng(0)
        found.append(trained(Noisy, mode=mode))
    assert found[0][0] == "eager: it draws random numbers"
    assert_same_bits(found[0][1], found[1][1])


def test_callbacks_see_gradients_and_may_change_them():
    class Sees(nn.Callback):
        def __init__(self):
            self.norms = []

        def batch_end(self, training):
            self.norms.append(float(np.abs(training.model[0].weight.grad).sum()))

    watchers = Sees(), Sees()
    for watcher, mode in zip(watchers, (True, False), strict=True):
        trained(network, callbacks=[watcher, nn.GradientClipping(max_norm=0.1)], mode=mode)
    assert watchers[0].norms == watchers[1].norms
    options = {"callbacks": [nn.GradientClipping(max_norm=0.1)]}
    assert_compiled_is_eager("clipped", network, **options)


def test_a_loss_that_becomes_nan_leaves_what_the_eager_one_leaves():
    def make():
        return network(nn.BatchNorm1d(6), nn.Dropout(0.3), nn.Function(np.exp))

    found = []
    for mode in (True, False):
        nn.manual_seed(3)
        model = make()
        optimizer = nn.SGD(model.parameters(), 40.0)
        with (  # noqa: PT012 - the warnings belong to the fit
            warnings.catch_warnings(),
            pytest.raises(TrainingError, match="epoch") as info,
        ):
            warnings.simplefilter("ignore")
            nn.fit(
                model,
                X,
                LABELS,
                loss="cross_entropy",
                optimizer=optimizer,
                epochs=20,
                rng=0,
                batch_size=8,
                progress=False,
                compile=mode,
            )
        drawn = nn.Dense(1, 1).weight.item()
        found.append([str(info.value), model.state_dict(), optimizer.state_dict(), drawn])
    assert_same_bits(*found)


def test_it_says_why_not():
    backend, _ = trained(network, epochs=1, batch_size=30)
    assert backend == "eager: 3 steps are fewer than 20"
    with np.errstate(over="raise"):
        assert trained(network)[0] == "eager: np.errstate asks for more than warnings"
    assert trained(network, mode=False)[0] == "eager: it was asked for"
    with autograd_lite.detect_anomaly():
        assert trained(network)[0].startswith("eager")
    with pytest.raises(ArgumentError, match="compile"):
        trained(network, mode="fortran")


class Runs(backends.Runner):
    def __init__(self, function):
        self.function = function

    def __call__(self, arrays):
        return self.function(arrays)


def test_a_compiled_step_that_differs_is_not_taken(monkeypatch):
    right = backends.backend_of("numpy")

    def wrong(task):
        run = right.make(task)
        return Runs(lambda arrays: [x * (1 + 1e-15) for x in run(arrays)])

    monkeypatch.setattr(compiled, "backend_of", lambda name: right._replace(make=wrong))
    _, expected = trained(network, mode=False)
    with pytest.warns(UserWarning, match="other numbers, first in step 5, dot; steps are taken"):
        backend, found = trained(network)
    assert backend.startswith("eager: the compiled step computes other numbers, first in step")
    assert_same_bits(found, expected)


def test_a_small_gradient_that_is_wrong_beside_a_large_one_is_found(monkeypatch):
    right = backends.backend_of("numpy")

    def wrong(task):
        run = right.make(task)
        targets = [target for _, target in task.outputs if target is not None]
        if len(targets) < 6:  # no gradients of six parameters
            return run
        weight = task.inputs.index(targets[-6])

        def changed(arrays):
            found = run(arrays)
            arrays[weight] *= 1 + 1e-6
            return found

        return Runs(changed)

    rounding = right._replace(make=wrong, exact=False)
    monkeypatch.setattr(compiled, "backend_of", lambda name: rounding)

    def make():
        model = network(nn.BatchNorm1d(6))
        model[-1].weight.data = model[-1].weight.data * 1e-9
        return model

    with pytest.warns(UserWarning, match="the compiled step computes other numbers"):
        assert trained(make, ONE_HOT * 1e6, "mse")[0].startswith("eager: the compiled step")
    rounding = right._replace(exact=False)  # the gradient of the bias before the norm is small
    assert trained(make, ONE_HOT * 1e6, "mse")[0] == "numpy"


def test_ctrl_c_within_a_compiled_step_ends_after_it(monkeypatch):
    def make():
        return network(nn.BatchNorm1d(6), nn.Dropout(0.3))

    _, expected = trained(make, batch_size=8, callbacks=[StopsAfter(17)])
    added, left = Update.called_in, [14]  # two steps, and the smaller last one, are eager

    def interrupts():
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)

    def interrupted(update, names, *others):
        names["interrupts"] = interrupts
        return [*added(update, names, *others), "interrupts()"]

    monkeypatch.setattr(Update, "called_in", interrupted)
    backend, found = trained(make, batch_size=8)
    assert (backend, left[0]) == ("numpy", 0)
    for name in (0, 1, 3):  # figures, parameters and buffers, the optimizer
        assert_same_bits(found[name], expected[name], str(name))


def test_parameters_of_equal_and_of_constant_gradients_each_get_theirs():
    class TwoBiases(nn.Module):
        def __init__(self):
            self.first, self.second = nn.Dense(4, 3), nn.Dense(2, 3)
            self.rows = nn.Parameter(np.ones((1, 3)))

        def forward(self, x):
            return self.first(x) + self.second(x[:, :2]) + np.tanh(self.rows + self.first(x))

    class Moved(nn.Module):
        def __init__(self):
            self.by, self.scale = nn.Parameter(np.ones(3)), nn.Parameter(np.ones(3))

        def forward(self, x):
            return self.by + self.scale + x[:, :3] * 0.5

    assert_compiled_is_eager("biases", TwoBiases, ONE_HOT, "mse", batch_size=9)
    assert_compiled_is_eager("constant", Moved, ONE_HOT, lambda p, y: p.sum(), batch_size=9)
    assert_compiled_is_eager("ones", Moved, ONE_HOT, lambda p, y: (p - y).sum(), batch_size=9)


def test_a_parameter_that_is_read_in_parts_gets_the_gradient_of_all():
    class Parts(nn.Module):
        def __init__(self):
            self.both = nn.Parameter(np.ones(6))

        def forward(self, x):
            return self.both[:3] + x[:, :3] * self.both[3:] + self.both[1:4]

    assert_compiled_is_eager("parts", Parts, ONE_HOT, "mse", batch_size=9)


def test_mistakes_may_be_looked_for_in_a_training_that_is_compiled():
    class Looks(nn.Callback):
        reports = ()

        def fit_end(self, training):
            bias = training.model[1].bias
            loss = nn.CrossEntropyLoss()(training.model(X[:5]), LABELS[:5])
            loss.backward()
            self.reports += (autograd_lite.compare_gradients(loss, {bias: 5 * bias.grad}),)

    looks = Looks()
    assert_compiled_is_eager("looked into", network, callbacks=[looks])
    assert [bool(report) for report in looks.reports] == [False, False]
    assert "1.bias" in str(looks.reports[0])


def test_steps_of_two_optimizers_that_share_parameters_are_those_of_eager_ones():
    samples, targets = np.random.default_rng(0).normal(size=(2, 6, 1))
    targets = np.heaviside(targets, 0)

    def trained(reason):
        model = nn.Sequential(nn.Dense(1, 3, rng=0), nn.Tanh(), nn.Dense(3, 1, rng=1))
        optimizers = nn.Adam(model.parameters()), nn.SGD(model.parameters(), 0.1, momentum=0.5)
        first, second = [nn.compile(model, "bce_with_logits", each) for each in optimizers]
        first._steps.given_up = second._steps.given_up = reason
        # The second is recorded while what it changes lies in the buffer of the first.
        for step in [first] * 4 + [second, first] * 5:
            step(samples, targets)
        with pytest.raises(ArgumentError, match="range from"):
            second(samples, targets + 1)  # for which parameters were moved into its own buffer
        first(samples, targets)
        return first.backend, second.backend, [p.data for p in model.parameters()]

    *ran, found = trained("")
    assert ran == ["numpy", "eager: it is being recorded"]  # after the refused step
    for array, expected in zip(found, trained("compared with")[-1], strict=True):
        assert array.tobytes() == expected.tobytes()


def test_a_step_that_fails_at_its_learning_rate_moves_statistics_once_as_an_eager_one_does():
    batch, found = np.random.default_rng(0).normal(size=(2, 8, 1)).astype(np.float32), []
    for reason in ("", "compared with"):
        layers = nn.BatchNorm1d(1, dtype=np.float32), nn.Dense(1, 1, rng=0, dtype=np.float32)
        model = nn.Sequential(*layers)
        optimizer = nn.SGD(model.parameters(), lambda step: 1e39 if step == 4 else 0.1)
        step = nn.compile(model, "mse", optimizer)
        step._steps.given_up = reason
        for _ in range(4):
            step(*batch)
        assert step.backend.startswith("eager" if reason else "numpy")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(RuntimeWarning, match="overflow"):
                step(*batch)
        found.append([x.data.tobytes() for x in model._state().values()])
    assert found[0] == found[1]
