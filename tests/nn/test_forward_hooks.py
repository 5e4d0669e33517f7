"""Forward hooks on modules."""

import copy
import pickle

import numpy as np
import pytest
from training_runs import X, Y, assert_same, fit, normalized, parameters

import nn
from autograd_lite.errors import UnsupportedError


def test_hooks_are_called_in_their_order_with_inputs_and_output_until_they_are_removed():
    model, seen = normalized(), []
    handles = [
        model[0].register_forward_hook(lambda *given, name=name: seen.append((name, *given)))
        for name in "ab"
    ]
    output = model(X)
    (first, module, inputs, hidden), (second, *_) = seen
    assert (first, second, module, len(inputs)) == ("a", "b", model[0], 1)
    assert np.array_equal(inputs[0], X)
    assert_same([hidden.data], [model[0].forward(X).data])
    handles[0].remove()
    handles[0].remove()
    model(X)
    assert [name for name, *_ in seen] == ["a", "b", "b"]
    with handles[1]:
        pass
    assert_same([model.eval()(X).data], [model.eval()(X).data])
    assert len(seen) == 3
    assert output.shape == (12, 1)


def test_what_a_hook_returns_takes_the_place_of_the_output_and_is_differentiated():
    model = nn.Dense(3, 1, rng=0)
    with model.register_forward_hook(lambda module, inputs, output: 2 * output):
        doubled = model(X)
    doubled.sum().backward()
    gradient = model.weight.grad.copy()
    model.zero_grad()
    model(X).sum().backward()
    np.testing.assert_array_equal(gradient, 2 * model.weight.grad)
    np.testing.assert_array_equal(doubled.data, 2 * model(X).data)


def test_with_hooks_steps_are_not_compiled_and_without_them_again():
    model, seen = normalized(), []
    handle = model[1].register_forward_hook(lambda module, inputs, output: seen.append(len(output)))

    class Remove(nn.Callback):
        def epoch_end(self, training):
            if training.epoch == 2:
                handle.remove()

    hooked = fit(model, epochs=7, batch_size=4)
    assert hooked.backend == "eager: a module has forward hooks"
    del seen[:]
    history = fit(model, epochs=12, batch_size=4, callbacks=[Remove()])
    assert len([n for n in seen if n == 4]) == 9  # and by 8 and 12 where it is tried and measured
    assert history.backend == "numpy"
    other = normalized()
    fit(other, epochs=7, batch_size=4, compile=False)
    fit(other, epochs=12, batch_size=4, compile=False)
    assert_same(parameters(model), parameters(other))


def test_a_compiled_step_notices_a_hook():
    model, seen = normalized(), []
    step = nn.compile(model, "mse", nn.SGD(model.parameters(), 0.01))
    rng = np.random.default_rng(0)
    for _ in range(5):
        step(rng.normal(size=X.shape), Y)
    assert step.backend == "numpy"
    with model.register_forward_hook(lambda *given: seen.append(1)):
        step(X, Y)
        assert step.backend == "eager: a module has forward hooks"
    assert seen == [1]


def test_copies_and_files_are_without_hooks(tmp_path):
    model = normalized()
    model[0].register_forward_hook(lambda module, inputs, output: 1 / 0)
    nn.save(model, tmp_path / "model.safetensors")
    for other in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        nn.load(tmp_path / "model.safetensors"),
    ):
        assert other(X).shape == (12, 1)
        assert list(other.state_dict()) == list(model.state_dict())
    with pytest.raises(ZeroDivisionError):
        model(X)


def test_what_cannot_be_called_is_no_hook():
    with pytest.raises(UnsupportedError, match="register_forward_hook of Dense with 3"):
        nn.Dense(1, 1).register_forward_hook(3)


@pytest.mark.parametrize(
    "hook",
    [lambda module, inputs: None, lambda: None, lambda *, output: None, np.shape],
)
def test_a_hook_of_other_arguments_is_refused_where_it_is_registered(hook):
    layer = nn.Dense(1, 1)
    with pytest.raises(UnsupportedError, match=r"with 3 arguments.*def hook\(module, inputs, out"):
        layer.register_forward_hook(hook)
    assert layer(np.ones((2, 1))).shape == (2, 1)


def test_hooks_may_take_more_or_be_methods_and_objects():
    class Notes:
        def __init__(self):
            self.seen = []

        def method(self, module, inputs, output):
            self.seen.append(output)

        def __call__(self, module, inputs, output, factor=2):
            return output * factor

    layer, notes = nn.Dense(1, 1, weight_init="zeros"), Notes()
    layer.register_forward_hook(notes)
    layer.register_forward_hook(notes.method)
    layer.register_forward_hook(lambda *given: given[2] + 1)
    assert layer(np.ones((2, 1))).data.tolist() == [[1.0], [1.0]]
    assert len(notes.seen) == 1
