"""Programs on other data: what depends on entries, and what is computed beside the record."""

import numpy as np
import pytest
from looping import looped
from program_runs import assert_gradients, run
from walk import Walk

import autograd_lite
import nn
from autograd_lite import (
    Tensor,
    differentiable,
    enable_grad,
    grad,
    no_grad,
    relu,
    to_source,
    vjp,
)
from autograd_lite.errors import UnsupportedError
from autograd_lite.program.trace import guarded, trace


def test_a_rule_that_looked_at_entries_is_refused_where_they_are_others():
    x = Tensor([1.0, 2.0], requires_grad=True)
    program = trace(np.prod(x))
    np.testing.assert_array_equal(run(program, {x: np.array([3.0, 4.0])})[1][x], [4.0, 3.0])
    with pytest.raises(UnsupportedError, match=r"entries .* were False, now True"):
        run(program, {x: np.array([0.0, 4.0])})


def test_rules_are_traced_for_each_call_where_they_look_at_entries():
    x = Tensor([2.0, 0.0], requires_grad=True)
    loss = np.prod(x + 1) + np.prod(x)
    loss.backward()
    assert_gradients(run(trace(loss))[1], [x])


def rule_with_a_derivative_inside(g, y, x):
    return vjp(lambda x: np.tanh(x) * x, x)[1](g)[0]


def rule_that_records_and_writes_in_place(g, y, x):
    with enable_grad():
        t = np.tanh(x)
        slope = 1 - t * t
        slope *= x
        slope += t
        return relu(slope * g)


@pytest.mark.parametrize(
    "rule", [rule_with_a_derivative_inside, rule_that_records_and_writes_in_place]
)
def test_a_rule_of_a_users_own_is_right_for_other_data(rule):
    own = differentiable(rule)(lambda x: np.tanh(x) * x)
    x, other = (Tensor(array, requires_grad=True) for array in ([1.0, 2.0], [3.0, 4.0]))
    program = trace(own(x).sum())
    own(other).sum().backward()
    np.testing.assert_allclose(run(program, {x: other.data})[1][x], other.grad, rtol=1e-14)


def changed(change):
    """A rule that changes an array in place, and returns it."""

    def rule(g, y, x):
        array = g * x
        return array if (result := change(array, x)) is None else result

    return rule


def two_names(array, x):
    other = array
    array *= 2
    return other


def part(array, x):
    row = array[0]
    row *= 0


def assigned_entry(array, x):
    array[0] = 0


@looped(
    "change",
    [
        lambda array, x: np.fill_diagonal(array, 0),
        lambda array, x: array.sort(),
        lambda array, x: array.partition(0),
        lambda array, x: array.put([0], 0),
        lambda array, x: array.clip(0, 1, array),
        lambda array, x: np.put(array, [0], 0.0),
        lambda array, x: np.place(array, x > 4, 0.0),
        lambda array, x: np.putmask(array, x > 4, 0.0),
        lambda array, x: np.copyto(array, x),
        lambda array, x: np.nan_to_num(array, copy=False),
        lambda array, x: np.multiply(array, 2, out=array),
        lambda array, x: np.add.at(array, 0, 1.0),
        lambda array, x: array * np.random.default_rng().normal(size=x.shape),
        two_names,
        part,
        assigned_entry,
    ],
)
def test_the_source_of_a_rule_that_changes_arrays_in_place_is_refused(change):
    own = differentiable(changed(change))(lambda x: x * x)
    x = Tensor([[3.0, 2.0], [1.0, 0.5]], requires_grad=True)
    loss = (own(x) * np.array([[1.0, -2.0], [3.0, 4.0]])).sum()
    with pytest.raises(UnsupportedError, match=r"source of the rule of <lambda>: .* new array"):
        to_source(loss)


def test_a_rule_may_give_ufuncs_keywords():
    @differentiable(lambda g, y, x: np.multiply(g, 2 * x, dtype=np.float64, casting="unsafe"))
    def square(x):
        return x * x

    x = Tensor([1.0, 2.0], requires_grad=True)
    loss = square(x).sum()
    np.testing.assert_array_equal(run(trace(loss), {x: np.array([3.0, 4.0])})[1][x], [6.0, 8.0])
    assert "np.multiply(np.ones((2,)), 2 * x, dtype=np.float64, casting='unsafe')" in to_source(
        loss
    )


@pytest.mark.parametrize(
    "branch",
    [
        lambda x: x[0] < x[1],
        lambda x: x.max() - x[1] == 0,
        lambda x: x[1] - x[0] + 4,
        lambda x: np.argmax(x) == 1,
        lambda x: x[1].item() > x[0].item(),
        lambda x: 2.0 in x - 1 + 1,
    ],
)
def test_a_branch_that_other_data_would_not_take_is_refused(branch):
    x = Tensor([1.0, 2.0], requires_grad=True)
    with guarded() as taken:
        loss = (x * x).sum() if branch(x) else x.sum()
    program = trace(loss, taken=taken)
    assert float(run(program)[0]) == 5.0
    with pytest.raises(UnsupportedError, match="entries that decide on what is computed were"):
        run(program, {x: np.array([7.0, 3.0])})


def test_a_branch_on_a_tensor_that_requires_no_grad_is_refused_for_other_data():
    x, data, limit = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0]), Tensor(0.0)
    with guarded() as taken:
        loss = (x * data).sum() if data.mean() > limit else x.sum()
    program = trace(loss, taken=taken)
    assert float(run(program)[0]) == 11.0
    assert float(run(program, {data: np.array([5.0, 6.0])})[0]) == 17.0
    for changed in ({data: np.array([-5.0, -6.0])}, {limit: np.float64(9)}):
        with pytest.raises(UnsupportedError, match=r"entries .* were True, now False"):
            run(program, changed)


def test_an_array_that_shares_memory_with_a_replaced_one_is_refused():
    x, a = Tensor(np.ones((2, 2)), requires_grad=True), np.ones((2, 4))
    for other in (a[:, :2].T, a[:, 1:3], Tensor(a[:, :2])):
        program = trace((x * a[:, :2] @ other).sum())
        replaced = next(key for key in program.inputs if isinstance(key, int))
        with pytest.raises(UnsupportedError, match="shares memory with an array that is replaced"):
            run(program, {replaced: np.zeros((2, 2))})
    left, right = a[:, :2], a[:, 2:]
    assert float(run(trace((x * left * right).sum()), {id(left): np.full((2, 2), 3.0)})[0]) == 12


def frozen_changed(x, data):
    y = data * 1
    with no_grad():
        y += data
    return (x * y).sum()


def assigned(x, data):
    y = Tensor(np.zeros(2))
    y[:] = data
    return (x * y).sum()


def computed_without_grad(x, data):
    with no_grad():
        y = np.stack([data * 2, np.tanh(data)]).sum(axis=0)
    return (x * y).sum()


STEPS = {
    "detach": lambda x, data: ((x * data) * (x * data).detach()).sum(),
    "max of detach": lambda x, data: np.exp(x * data - (x * data).detach().max()).sum(),
    "only detached": lambda x, data: (x * np.exp(x * data + 1).detach()).sum(),
    "data of a recorded one": lambda x, data: (lambda z: (z * z.data).sum())(x * data),
    "function": lambda x, data: (x * data + x * np.tanh(data)).sum(),
    "no_grad": computed_without_grad,
    "average": lambda x, data: np.average(x, weights=data.data) + (x * data).sum(),
    "interpolation": lambda x, data: np.interp(data.data, [-20.0, 20.0], x).sum(),
}


REFUSAL = "entries that decide on what is computed were|shares memory with an array"


REFUSED = {
    "item": lambda x, data: (x * data[0].item()).sum(),
    "tolist": lambda x, data: (x * max(data.tolist())).sum(),
    "tolist of a parameter": lambda x, data: (x * data).sum() * max((x * data).tolist()),
    "numpy": lambda x, data: (x * np.tanh((x * data).numpy())).sum(),
    "asarray": lambda x, data: (x * np.asarray(data)).sum(),
    "float": lambda x, data: (x * float(data.sum())).sum(),
    "format": lambda x, data: (x * float(f"{data.sum():.3f}")).sum(),
    "an order": lambda x, data: x[np.argsort(data)][0],
    "in": lambda x, data: x.sum() if 3.0 in data else x.max(),
    "change in place": frozen_changed,
    "assignment": assigned,
    "a view of data": lambda x, data: (lambda z: (z * z.data[::-1]).sum())(x * data),
    "grad": lambda x, data: (x * data * grad(lambda y: (y**3).sum())(data)).sum(),
    "grad of a closure": lambda x, data: (x * grad(lambda y: (y**3 * data).sum())(x.data)).sum(),
    "chance": lambda x, data: (x * noisy(data)).sum(),
}


@differentiable(lambda g, y, x: g)
def noisy(x):
    return x + np.random.default_rng().normal(size=x.shape)


@looped("function", STEPS.values(), ids=STEPS)
def test_what_is_computed_beside_the_record_is_a_step(function):
    x, data = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0])
    with guarded() as taken:
        program = trace(function(x, data), taken=taken)
    loss = function(x, Tensor([-7.0, 5.0]))
    loss.backward()
    value, gradients = run(program, {data: np.array([-7.0, 5.0])})
    np.testing.assert_allclose(value, loss.data, rtol=1e-15)
    assert_gradients(gradients, [x])
    with guarded() as taken:
        program = trace(function(x, data), taken=taken)
    data.data[...] = [-7.0, 5.0]
    np.testing.assert_allclose(run(program)[0], loss.data, rtol=1e-15)


@looped("function", REFUSED.values(), ids=REFUSED)
def test_what_is_no_step_is_refused_for_other_data(function):
    x, data = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0])
    with guarded() as taken:
        loss = function(x, data)
    program = trace(loss, taken=taken)
    np.testing.assert_array_equal(run(program)[0], loss.data)
    with pytest.raises(UnsupportedError, match=REFUSAL):
        run(program, {data: np.array([7.0, -5.0])})
    data.data[...] = [7.0, -5.0]
    with pytest.raises(UnsupportedError, match=REFUSAL):
        run(program)


walk = Walk()


@walk.each_sample
def it_is_a_step_of_tensors_that_require_no_grad(sample):
    data = [Tensor(array) for array in sample.arrays]
    w = Tensor(2.0, requires_grad=True)
    with guarded() as taken, np.errstate(all="ignore"):
        loss = (w * sample.function(*data)).sum()
    program = trace(loss, taken=taken)
    others = [np.asarray(array * 0.97)[()] for array in sample.arrays]
    with np.errstate(all="ignore"):
        right = (w * sample.function(*map(Tensor, others))).sum()
    try:
        value, _ = run(program, {t: o for t, o in zip(data, others) if t in program.inputs})
    except UnsupportedError:
        assert program.guards
    else:
        np.testing.assert_allclose(value, right.data, 1e-12)


test_each_row_on_some_of_its_samples = walk.test(of_each=1)
test_each_row_on_each_of_its_samples = pytest.mark.exhaustive(walk.test())


def test_what_was_looked_at_may_be_changed_in_place():
    x, indices = Tensor([1.0, 2.0], requires_grad=True), np.array([0, 1])
    program = trace(np.take(x, indices)[0])
    run(program)
    indices[...] = 1 - indices
    with pytest.raises(UnsupportedError, match="entries that decide on what is computed were"):
        run(program)


def test_what_a_rule_of_a_users_own_looks_at_may_be_changed_in_place():
    @differentiable(lambda g, y, x, k: g * float(np.asarray(k).sum()), None)
    def scaled(x, k):
        return x * k.sum()

    x, k = Tensor([1.0, 2.0], requires_grad=True), np.array([1.0])
    program = trace(scaled(x, k).sum())
    k[...] = 3
    value, gradients = run(program)
    assert float(value) == 9.0
    np.testing.assert_array_equal(gradients[x], [3.0, 3.0])


LOSSES = {
    "mse": (nn.MSELoss(), "values"),
    "huber": (nn.HuberLoss(), "values"),
    "cross entropy": (nn.CrossEntropyLoss(), "labels"),
    "cross entropy with class weights": (nn.CrossEntropyLoss(weight=[1.0, 2.0, 3.0]), "labels"),
    "nll": (nn.NLLLoss(label_smoothing=0.1), "labels"),
    "cross entropy of rows": (nn.CrossEntropyLoss(), "shares"),
    "kl_div": (nn.KLDivLoss(), "shares"),
    "bce_with_logits": (nn.BCEWithLogitsLoss(pos_weight=2.0, label_smoothing=0.1), "shares"),
}


@looped("weighted", [False, True])
@looped("kind", [np.asarray, Tensor])
@looped(("loss", "takes"), LOSSES.values(), ids=LOSSES)
def test_targets_and_weights_of_losses_are_inputs(loss, takes, kind, weighted):
    rng = np.random.default_rng(0)
    z = Tensor(rng.normal(size=(4, 3)), requires_grad=True)

    def drawn():
        targets = {
            "values": rng.normal(size=(4, 3)),
            "labels": rng.integers(0, 3, 4),
            "shares": rng.dirichlet(np.ones(3), 4),
        }[takes]
        return [kind(targets), *([kind(rng.uniform(1, 2, 4))] if weighted else [])]

    given, others = drawn(), drawn()
    with guarded() as taken:
        program = trace(loss(z, *given), taken=taken)
    keys = [x if isinstance(x, Tensor) else id(x) for x in given]
    value, gradients = run(program, {k: getattr(o, "_array", o) for k, o in zip(keys, others)})
    right = loss(z, *others)
    right.backward()
    np.testing.assert_allclose(value, right.data, rtol=1e-14)
    np.testing.assert_allclose(gradients[z], z.grad, rtol=1e-13, atol=1e-16)


def test_the_statistics_of_batch_norm_in_evaluation_are_inputs():
    x, others = np.random.default_rng(0).normal(size=(2, 6, 3))
    layer = nn.BatchNorm1d(3)
    with guarded() as taken:
        program = trace((layer.eval()(x) ** 2).sum(), taken=taken)
    layer.train()(others)
    np.testing.assert_allclose(run(program)[0], (layer.eval()(x) ** 2).sum().data, rtol=1e-15)
    assert layer.running_mean in program.inputs


def test_data_on_the_boundary_of_a_mask_or_a_branch_are_taken():
    def masked(x):
        return (x * (x > 0) + np.where(x > 0, x, 0.5)).sum()

    def branching(x):
        return (x * 2).sum() if x.sum() > 0 else (x * x).sum()

    for f in (masked, branching):
        fast = autograd_lite.compile(f, backend="numpy")
        for x in (np.zeros(3), np.arange(1.0, 4.0), np.arange(2.0, 5.0), np.arange(3.0, 6.0)):
            assert fast(x) == f(x)
        assert fast.backend == "numpy"
