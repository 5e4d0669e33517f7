"""Compiled updates against those of the optimizers."""

import tracemalloc

import numpy as np
import pytest

import nn
from autograd_lite.program.backends import OtherNumbers, backend_of
from autograd_lite.program.recordings import RECORDINGS
from nn.optimizers.flat import BLOCK, SMALL
from nn.optimizers.numbers import Number, computed
from nn.optimizers.traced import Update, update_of

MAKERS = {
    "SGD": lambda p: nn.SGD(p, 0.1),
    "momentum": lambda p: nn.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "average": lambda p: nn.SGD(p, 0.1, momentum=0.9, average=True, l1=0.01, l2=0.01),
    "Adam": nn.Adam,
    "groups": lambda p: nn.Adam([{"parameters": p[:1], "l2": 0.1}, {"parameters": p[1:]}]),
    "AdamW": nn.AdamW,
    "NAdam": nn.NAdam,
    "AMSGrad": nn.AMSGrad,
    "Lion": nn.Lion,
    "Adagrad": nn.Adagrad,
    "RMSprop": nn.RMSprop,
    "schedule": lambda p: nn.Adam(p, nn.CosineAnnealing(0.05, steps=9)),
}


def pair(make, size=5, dtype=np.float64):
    """Two optimizers of equal parameters, and the gradients and the update of the second."""
    made = []
    for _ in range(2):
        rng = np.random.default_rng(0)
        layers = [nn.Dense(3, size, rng=rng, dtype=dtype), nn.Dense(size, 1, rng=rng, dtype=dtype)]
        made.append(make([p for layer in layers for p in layer.parameters()]))
    eager, other = made
    gradients = [(run, np.ones(run.bounds[-1], dtype)) for run in other._runs]
    return eager, other, gradients


def steps(eager, other, gradients, update, count):
    rng = np.random.default_rng(1)
    for _ in range(count):
        for run, (_, flat) in zip(eager._runs, gradients, strict=True):
            flat[...] = rng.normal(size=flat.shape)
            for tensor, view in zip(run.tensors, run.views(flat.copy()), strict=True):
                tensor.grad = view
        eager.step()
        take(other, gradients, update)


def take(optimizer, gradients, update):
    """Take a step by a compiled update, or by the rule where that is of other hyper-parameters."""
    optimizer.accept()
    if update.fitting():
        names = {}
        exec("\n    ".join(["def update():", *update.called_in(names)]), names)
        names["update"]()
        return
    for run, flat in gradients:
        for tensor, view in zip(run.tensors, run.views(flat.copy()), strict=True):
            tensor.grad = view
    optimizer.step()


def states(optimizer):
    arrays = [run.kept for run in optimizer._runs]
    return arrays, optimizer.steps, [run.steps for run in optimizer._runs]


def assert_steps_agree(name, make, backend, **options):
    eager, other, gradients = pair(make, **options)
    update = Update(other, gradients, backend)
    steps(eager, other, gradients, update, 4)
    for optimizer in (eager, other):
        optimizer.weight_decay = 0.02
    steps(eager, other, gradients, update, 4)
    assert update.made == 2, name
    (found, *counts), (expected, *right) = states(other), states(eager)
    assert counts == right, name
    for a, b in zip(found, expected, strict=True):
        if backend.exact:
            assert a.tobytes() == b.tobytes(), name
        else:
            np.testing.assert_allclose(a, b, 1e-12 if b.dtype == float else 1e-5, 1e-300, name)


def test_each_optimizer_of_the_library_is_among_them():
    kinds = {type(make(nn.Dense(2, 2).parameters())) for make in MAKERS.values()}
    assert kinds == {
        each
        for each in vars(nn).values()
        if isinstance(each, type) and issubclass(each, nn.Optimizer) and each is not nn.Optimizer
    }


def test_compiled_updates_have_the_bits_of_each_optimizer():
    for name, make in MAKERS.items():
        for dtype in (np.float64, np.float32):
            assert_steps_agree(name, make, backend_of("numpy"), dtype=dtype)
    assert_steps_agree("in blocks", nn.Adam, backend_of("numpy"), size=BLOCK // 4)


def test_a_compiled_update_leaves_the_gradients_and_holds_no_second_copy_of_them():
    _, optimizer, gradients = pair(nn.Adam, size=BLOCK)
    before = [flat.copy() for _, flat in gradients]
    tracemalloc.start()
    update = Update(optimizer, gradients, backend_of("numpy"))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    take(optimizer, gradients, update)
    for (_, flat), kept in zip(gradients, before, strict=True):
        np.testing.assert_array_equal(flat, kept)
        assert held < flat.nbytes / 2


@pytest.mark.parametrize(
    "names", [["groups"], pytest.param([*MAKERS], marks=pytest.mark.exhaustive)]
)
def test_updates_in_c_arrive_where_each_optimizer_does(names, c_compiler):
    for name in names:
        for size, dtype in ((5, np.float64), (SMALL, np.float32)):
            assert_steps_agree(name, MAKERS[name], backend_of("c"), size=size, dtype=dtype)


def test_where_hyper_parameters_change_in_each_step_the_rule_takes_over():
    eager, other, gradients = pair(nn.Adam)
    update = Update(other, gradients, backend_of("numpy"))
    for step in range(3 * RECORDINGS):
        for optimizer in (eager, other):
            optimizer.epsilon = 1e-8 * (step + 2)
        steps(eager, other, gradients, update, 1)
    assert update.made == RECORDINGS
    for a, b in zip(states(other)[0], states(eager)[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_update_that_does_not_agree_when_it_is_made_anew_fits_never(monkeypatch):
    _, optimizer, gradients = pair(nn.Adam)
    rounding = backend_of("numpy")
    update = Update(optimizer, gradients, rounding)
    monkeypatch.setattr(type(rounding), "agree", lambda *arguments: False)
    optimizer.epsilon = 1e-3
    for _ in range(2):
        with pytest.raises(OtherNumbers):
            update.fitting()


def test_rules_of_ones_own_are_not_written_down():
    class Counts(nn.SGD):
        def update(self, options, step, scratch, values, gradient, *state):
            values -= self.steps * gradient

    for make, wanted in ((lambda p: Counts(p, 0.1), False), (lambda p: nn.SGD(p, 0.1), True)):
        _, optimizer, gradients = pair(make)
        rounding = backend_of("numpy")._replace(exact=False)
        assert bool(update_of(optimizer, gradients, rounding)) is wanted


def test_what_may_be_another_number_in_the_next_step_decides_nothing():
    number = 1 - 0.5 ** Number("step", {})
    assert eval(number.text, {"step": 2}) == 0.75
    assert computed(max, number, 2).text == "(max((1 - (0.5 ** step)), 2))"
    with pytest.raises(TypeError):
        bool(number)
    with pytest.raises(TypeError):
        number == 0.75  # noqa: B015 - raises
