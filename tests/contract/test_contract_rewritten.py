"""What a record was made of may be changed before backward: noticed, or without effect."""

import copy
import pickle
import random
import warnings

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import MutationError, Tensor, no_grad


def leaf(data):
    return Tensor(np.array(data, float), requires_grad=True, name="w")


def rows():
    return Tensor(np.arange(12.0).reshape(6, 2))


READ = {
    "multiply": lambda w, c: w * c,
    "multiply on the right": lambda w, c: c * w,
    "divide": lambda w, c: w / c,
    "dot": lambda w, c: np.dot(w, c),
    "maximum": np.maximum,
}


@looped("size", [3, 100_000])
@looped("kind", [np.array, Tensor])
@looped("function", READ.values(), ids=READ)
def test_a_buffer_that_is_filled_again_is_noticed(function, kind, size):
    w, buffer = leaf(np.ones(size)), kind(np.full(size, 2.0))
    loss = function(w, buffer).sum()
    memory = buffer if kind is np.array else buffer.data
    memory[...] = 3.0
    with pytest.raises(MutationError, match=r"backward of \w+\(.*\(\d+,\) was changed after"):
        loss.backward()
    assert w.grad is None
    memory[...] = 2.0
    loss.backward()
    assert np.isfinite(w.grad).all()


OF_LEAVES = {
    "power": lambda x, w: x**2,
    "square": lambda x, w: x * x,
    "quotient": lambda x, w: 1 / x,
    "function": lambda x, w: np.exp(np.sin(x)),
    "product with another": lambda x, w: w * x,
    "matrix product": lambda x, w: w @ x,
    "product with a computed one": lambda x, w: np.tanh(w) * x,
    "einsum": lambda x, w: np.einsum("i,i->", x, w),
    "function of a part": lambda x, w: np.sin(x[1:]),
    "square of a view of a view": lambda x, w: x.reshape(-1, 1)[:, 0] ** 2,
    "product with itself reversed": lambda x, w: x * x[::-1],
}


@looped("size", [3, 100_000])
@looped("function", OF_LEAVES.values(), ids=OF_LEAVES)
def test_so_is_the_array_of_a_leaf_that_requires_grad(function, size):
    buffer = np.full(size, 2.0)
    x, w = Tensor(buffer, requires_grad=True), leaf(np.ones(size))
    for memory in (buffer, x.data):
        loss = function(x, w).sum()
        memory[...] = 3.0
        with pytest.raises(MutationError, match=r"backward of \w+\(.*\(\d+,\) was changed after"):
            loss.backward()
        assert x.grad is None
        memory[...] = 2.0
    loss.backward()
    assert np.isfinite(x.grad).all()


class Own(Tensor):
    pass


@looped("function", [lambda x: x * x, lambda x: x**2, lambda x: 1 / x])
@looped("kind", [Tensor, Own])
@looped("shape", [(), (1,)])
def test_so_it_is_of_any_shape_and_of_any_class_of_tensors(function, kind, shape):
    buffer = np.full(shape, 2.0)
    loss = function(kind(buffer, requires_grad=True)).sum()
    constant = leaf(1.0) * kind(buffer)
    buffer[...] = 3.0
    with pytest.raises(MutationError, match="was changed after"):
        loss.backward()
    with pytest.raises(MutationError, match="was changed after"):
        constant.sum().backward()


def test_an_array_that_is_assigned_to_a_parameter_is_shared_and_looked_at():
    buffer, parameter = np.array([1.0, 2.0]), nn.Parameter([0.0, 0.0])
    for given in (buffer, buffer[:]):
        parameter.data = given
        assert parameter.data is given
        loss = (parameter**2).sum()
        buffer[:] = [3.0, 4.0]
        with pytest.raises(MutationError):
            loss.backward()
        (parameter**2).sum().backward()
        np.testing.assert_array_equal(parameter.grad, [6.0, 8.0])
        buffer[:], parameter.grad = [1.0, 2.0], None
    own = parameter.data
    parameter.data -= 0.5
    assert parameter.data is own


def test_so_is_what_shows_the_array_itself():
    buffer = np.array([2.0, 3.0])
    loss = (np.squeeze(Tensor(buffer, requires_grad=True)) ** 2).sum()
    buffer[...] = 5.0
    with pytest.raises(MutationError, match="was changed after"):
        loss.backward()


WAYS_IN = {
    "data": lambda p: p.data,
    "copy": lambda p: copy.copy(p).data,
    "part without a record": no_grad()(lambda p: p[:1].data),
    "rows of a view without a record": no_grad()(lambda p: p.reshape(2, 1).T.numpy()),
    "the same without a record": no_grad()(lambda p: np.squeeze(p).data),
    "numpy": lambda p: p.numpy(),
    "detached": lambda p: p.detach().data,
    "part": lambda p: p.data[:1],
}


@looped("take", WAYS_IN.values(), ids=WAYS_IN)
@looped("early", [False, True])
def test_so_is_the_array_that_a_parameter_has_for_itself_once_it_is_handed_out(take, early):
    parameter = nn.Parameter([1.0, 2.0])
    optimizer = nn.SGD([parameter], 0.25)
    for _ in range(2):
        memory = take(parameter) if early else None
        loss = (parameter**2).sum()
        memory = take(parameter) if memory is None else memory
        before = memory.copy()
        memory[...] = 5.0
        with pytest.raises(MutationError, match="was changed after"):
            loss.backward()
        assert parameter.grad is None
        memory[...] = before
        loss.backward()
        optimizer.step()
        parameter.grad = None
    np.testing.assert_array_equal(parameter.data, [0.25, 0.5])


MOVES = {
    "part": lambda t: t[0],
    "transposed": lambda t: t.T,
    "rows": lambda t: t.reshape(-1),
    "squeezed": lambda t: np.squeeze(t),
    "part of a part": lambda t: t[:1][0],
}


@looped("move", MOVES.values(), ids=MOVES)
def test_what_shows_a_computed_tensor_without_a_record_cannot_be_written_to(move):
    doubled = leaf([[1, 2], [3, 4]]) * 2
    with no_grad():
        shown = move(doubled)
        copied = move(doubled.copy())
        with pytest.raises(ValueError, match="read-only"):
            shown.data[...] = 0
        for change in (lambda: shown.__iadd__(1), lambda: shown.__setitem__(..., 0)):
            with pytest.raises(MutationError, match=r"read-only. Change a copy: x = x.copy\(\)"):
                change()
        copied += 1
    assert (copied.data == move(doubled).data + 1).all()
    assert (doubled.data == [[2, 4], [6, 8]]).all()


@looped("on_both", [False, True])
def test_an_array_that_gets_another_shape_is_noticed(on_both):
    memory, column = np.array([[2.0], [3.0]]), leaf([[1], [1]])
    w = Tensor(memory, requires_grad=True)
    loss = (w * (w if on_both else column)).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # later NumPys warn of it
        memory.shape = (1, 2)
    with pytest.raises(MutationError, match="was changed after"):
        loss.backward()
    assert w.grad is None


def test_what_a_view_of_a_leaf_showed_may_change_with_the_leaf():
    weight = leaf([[1, 2], [3, 4]])
    flat = weight.reshape(-1)
    assert flat.data.sum() == 10
    loss = flat.sum()
    loss.backward()
    weight.data -= weight.grad
    loss.backward()
    assert (weight.grad == 2).all()


def test_a_step_takes_back_what_was_handed_out():
    model = nn.Sequential(nn.Dense(2, 3, "tanh", rng=0), nn.Dense(3, 1, rng=1))
    optimizer, first = nn.Adam(model.parameters()), model.layers[0].weight
    for _ in range(2):
        loss = (model(np.ones((4, 2))) ** 2).mean()
        copied = copy.deepcopy(model)
        shown = [parameter.data for parameter in model.parameters()]
        assert all(parameter.lent for parameter in model.parameters())
        loss.backward()
        optimizer.step()
        assert not any(parameter.lent for parameter in model.parameters())
        assert not any(parameter.lent for parameter in copied.parameters())
    first.data -= 0.1 * first.grad
    assert not first.lent
    assert all(map(np.isfinite, map(np.sum, shown)))


@looped("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_shares_its_array_with_what_was_handed_out_and_copied_with_it(copied):
    parameter = nn.Parameter([1.0, 2.0])
    memory, again = copied([parameter.data, parameter])
    loss = (again**2).sum()
    memory[...] = 5.0
    with pytest.raises(MutationError, match="was changed after"):
        loss.backward()


def test_samples_of_one_buffer_have_gradients_of_their_own_or_none():
    buffer, losses = np.zeros(3), []
    for value in (1.0, 2.0):
        buffer[:] = value
        losses.append((Tensor(buffer, requires_grad=True) ** 2).sum())
    losses[1].backward()
    with pytest.raises(MutationError, match="was changed after"):
        losses[0].backward()


UNREAD = {
    "sum": lambda x: x.sum(),
    "multiple": lambda x: (2 * x + 1 - x / 4).sum(),
    "part": lambda x: x[:2].sum() + x[[0, 2]].sum(),
    "product with constants": lambda x: np.arange(3.0) @ x,
}


@looped("function", UNREAD.values(), ids=UNREAD)
def test_where_no_rule_reads_a_leaf_it_may_change(function):
    x = leaf([1.0, 2.0, 3.0])
    function(x).backward()
    expected, x.grad = x.grad, None
    loss = function(x)
    x.data[:] = 7.0
    loss.backward()
    np.testing.assert_array_equal(x.grad, expected)


def test_unless_no_rule_reads_it():
    w, buffer, total = leaf([1.0, 2.0]), np.ones(2), 0.0
    for value in (1.0, 2.0):
        buffer[:] = value
        total = total + (w + buffer).sum()
    total.backward()
    np.testing.assert_array_equal(w.grad, [2.0, 2.0])
    assert total.item() == 12.0


INDICES = {
    "array": lambda: np.array([0, 1]),
    "tensor": lambda: Tensor([0, 1]),
    "in a tuple": lambda: (np.array([0, 1]),),
    "tensor in a tuple": lambda: (Tensor([0, 1]),),
}


@looped("index", INDICES.values(), ids=INDICES)
@looped("take", [lambda x, i: x[i], lambda x, i: np.take(x, i)])
def test_so_is_an_index_that_is_changed(index, take):
    w, index = leaf([1.0, 2.0, 3.0]), index()
    changed = index[0] if isinstance(index, tuple) else index
    loss = (w[index] if isinstance(index, tuple) else take(w, index)).sum()
    changed[0] = 2
    with pytest.raises(MutationError, match="changed after"):
        loss.backward()


@pytest.mark.parametrize(
    "pick",
    [
        lambda w, i: np.take(w, indices=i),
        lambda w, i: np.take(w, axis=0, indices=i),
        lambda w, i: np.take_along_axis(w, indices=i, axis=0),
        lambda w, i: np.repeat(w[:2], repeats=i),
    ],
)
def test_so_is_one_that_was_given_by_keyword(pick):
    w, index = leaf([1.0, 2.0, 3.0]), np.array([0, 1])
    loss = pick(w, index).sum()
    index[0] = 2
    with pytest.raises(MutationError, match="changed after"):
        loss.backward()


LISTS = {
    "index": (lambda w, i: w[i], [0, 1]),
    "take": (np.take, [0, 1]),
    "take by keyword": (lambda w, i: np.take(w, indices=i, axis=0), [0, 1]),
    "repeat": (np.repeat, [0, 1, 2]),
    "roll": (lambda w, i: np.roll(w[None], i, (0, 1)), [0, 1]),
    "pad": (lambda w, i: np.pad(w, [i]), [0, 1]),
    "tile": (np.tile, [2, 1]),
    "reshape": (np.reshape, [3, 1]),
}


@pytest.mark.parametrize(("function", "given"), LISTS.values(), ids=LISTS)
def test_a_list_is_read_at_once(function, given):
    slopes = []
    for changed in (False, True):
        w, numbers = leaf([1.0, 2.0, 3.0]), [*given]
        y = function(w, numbers)
        if changed:
            numbers[:] = [1] * len(numbers)
        (y * np.arange(1.0, 1.0 + y.size).reshape(y.shape)).sum().backward()
        slopes.append(w.grad)
    np.testing.assert_array_equal(*slopes)


# Rows that are exchanged


def exchange(x):
    x[0], x[1] = x[1], x[0]


def exchange_slices(x):
    x[:2], x[2:4] = x[2:4], x[:2]


@pytest.mark.filterwarnings("ignore:you are shuffling")
@pytest.mark.parametrize(
    "change",
    [
        exchange,
        exchange_slices,
        random.Random(0).shuffle,
        np.random.default_rng(0).shuffle,
        np.random.RandomState(0).shuffle,
    ],
)
def test_an_exchange_of_views_is_refused_before_anything_is_lost(change):
    x = rows()
    with pytest.raises(MutationError, match=r"x\[\[i, j\]\] = x\[\[j, i\]\]"):
        change(x)
    np.testing.assert_array_equal(x.data, rows().data)


def test_other_assignments_of_parts_are_what_they_are_for_arrays():
    def together(x):
        x[[0, 1]] = x[[1, 0]]

    def one(x):
        x[0] = x[1]

    def moved(x):
        x[1:] = x[:-1]

    def each(x):
        for i, row in enumerate(x):
            x[i] = row * 2

    def entry_of_a_row(x):
        x[0][1] = 7.0

    for change in (together, one, moved, each, entry_of_a_row):
        x, expected = rows(), rows().data
        change(x)
        change(expected)
        np.testing.assert_array_equal(x.data, expected)
    x, rng = rows(), np.random.default_rng(0)
    x = x[rng.permutation(len(x))]
    assert sorted(x.data[:, 0]) == [0, 2, 4, 6, 8, 10]
