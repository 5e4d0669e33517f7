"""Compiled steps of loops of one's own against the eager ones, to the last bit."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from trained import LABELS, X, assert_same_bits, network

import autograd_lite
import nn
from autograd_lite import Tensor


def batches(count, n=8):
    rng = np.random.default_rng(1)
    for _ in range(count):
        chosen = rng.choice(len(X), n, replace=False)
        yield X[chosen], LABELS[chosen]


def loops(change, count=12):
    """Models and losses of a compiled loop and of an eager one, in which something is changed."""
    found = []
    for mode in (True, False):
        nn.manual_seed(5)
        model = network(nn.BatchNorm1d(6), nn.Dropout(0.2))
        optimizer, loss = nn.Adam(model.parameters()), nn.CrossEntropyLoss()
        step, losses, backends = nn.compile(model, loss, optimizer), [], []
        for number, (inputs, labels) in enumerate(batches(count)):
            if number == 6:
                change(model, optimizer, loss)
            if mode:
                losses.append(step(inputs, labels))
                backends.append(step.backend)
            else:
                optimizer.zero_grad()
                computed = loss(model(inputs), labels)
                computed.backward()
                optimizer.step()
                losses.append(computed.item())
        found.append([losses, model.state_dict(), optimizer.state_dict(), backends])
    backends = found[0].pop()
    return backends, [found[0], found[1][:3]]


def test_steps_that_are_watched_are_taken_eagerly_and_say_so():
    model = network()
    step = nn.compile(model, "cross_entropy", nn.SGD(model.parameters(), 0.1))
    given = [*batches(6)]
    for inputs, labels in given[:4]:
        step(inputs, labels)
    for watch in (autograd_lite.detect_anomaly(), autograd_lite.no_grad()):
        try:
            with watch:
                step(*given[4])
        except autograd_lite.AutogradError:  # there is no gradient without a record
            assert isinstance(watch, autograd_lite.no_grad)
        assert step.backend == "eager: what is computed is watched"
    with np.errstate(over="raise"):
        step(*given[4])
    assert step.backend == "eager: np.errstate asks for more than warnings"
    step(*given[5])
    assert step.backend == "numpy"


def test_a_loop_goes_on_compiled_whatever_is_changed():
    def reassign(model, optimizer, loss):
        model[0].weight.data = model[0].weight.data * 0.5

    def freeze(model, optimizer, loss):
        model[0].weight.requires_grad = False

    def load(model, optimizer, loss):
        model.load_state_dict({k: v * 0.9 for k, v in model.state_dict().items()})
        optimizer.load_state_dict(optimizer.state_dict())

    def share(model, optimizer, loss):
        model[1].bias = model[1].weight

    changes = [
        reassign,
        freeze,
        load,
        share,
        lambda model, optimizer, loss: None,
        lambda model, optimizer, loss: model.eval(),
        lambda model, optimizer, loss: setattr(model[2], "p", 0.6),
        lambda model, optimizer, loss: setattr(model[1], "momentum", 0.5),
        lambda model, optimizer, loss: setattr(loss, "label_smoothing", 0.1),
        lambda model, optimizer, loss: setattr(optimizer, "learning_rate", 0.1),
        lambda model, optimizer, loss: model.layers.insert(2, nn.ReLU()),
    ]
    for number, change in enumerate(changes):
        backends, (found, expected) = loops(change)
        assert_same_bits(found, expected, str(number))
        assert backends[2:6] == ["numpy"] * 4, (number, backends)
        assert backends[-1] == "numpy", (number, backends)


def test_the_source_of_a_step_has_the_names_of_layers():
    model = network()
    step = nn.compile(model, "cross_entropy", nn.SGD(model.parameters(), 0.1))
    for inputs, labels in batches(3):
        step(inputs, labels)
    assert "X.dot(layer0_weight, " in step.source


def test_a_batch_that_is_given_twice_is_not_taken_for_a_constant():
    model = network(last=4)
    step = nn.compile(model, nn.MSELoss(), nn.SGD(model.parameters(), 0.0))
    for scale in (1, 2, 3, 4):
        given = scale * X
        step(given, given)
    for _ in range(3):
        loss = step(2 * X, X)
    assert loss == nn.MSELoss()(model(2 * X), X).item()


def test_labels_out_of_range_are_refused_by_a_compiled_step():
    model = network()
    step = nn.compile(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), 0.1))
    for inputs, labels in batches(4):
        step(inputs, labels)
    before = model.state_dict()
    with pytest.raises(autograd_lite.AutogradError, match="labels range from"):
        step(inputs, labels + 3)
    assert_same_bits(model.state_dict(), before)


def test_tensors_that_are_kept_stay_as_they_were():
    model = network()
    step = nn.compile(model, "cross_entropy", nn.SGD(model.parameters(), 0.1))
    for inputs, labels in batches(4):
        step(inputs, labels)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert isinstance(model[0].weight, Tensor)


def test_a_batch_that_is_refused_is_no_reason_to_go_on_eagerly():
    model = network()
    step = nn.compile(model, "cross_entropy", nn.SGD(model.parameters(), 0.1))
    with pytest.raises(autograd_lite.AutogradError, match="last axis"):
        step(X[:, :3], LABELS)
    for inputs, labels in batches(4):
        step(inputs, labels)
    assert step.backend == "numpy"


def test_a_copy_of_a_step_trains_its_own_model():
    model = network()
    step = nn.compile(model, "cross_entropy", nn.Adam(model.parameters()))
    given = [*batches(8)]
    for inputs, labels in given[:4]:
        step(inputs, labels)
    before = model.state_dict()
    others = [copy.deepcopy(step), pickle.loads(pickle.dumps(step))]
    losses = [[other(*batch) for batch in given[4:]] for other in others]
    assert others[0].backend == "numpy"
    assert_same_bits(model.state_dict(), before)
    assert losses == [[step(*batch) for batch in given[4:]]] * 2


def test_threads_take_their_steps_one_after_another():
    model = network()
    step = nn.compile(model, "cross_entropy", nn.SGD(model.parameters(), 0.0))
    given = [*batches(4)]
    right = [[step(*batch) for batch in given] for _ in range(2)][1]

    def repeated(batch):
        return {step(*batch) for _ in range(60)}

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(repeated, given)] == [{loss} for loss in right]
