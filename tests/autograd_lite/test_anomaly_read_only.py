"""Inside of detect_anomaly what a rule may read is read-only, as long as it may read it."""

import gc
import threading
import traceback

import numpy as np
import pytest
from anomalies import leaf
from looping import looped

import nn
from autograd_lite import Tensor, checkpoint, detect_anomaly, grad, no_grad
from autograd_lite.errors import AnomalyError, MutationError
from autograd_lite.read_only import _held

READ_ONLY = "read-only"


@pytest.fixture(autouse=True)
def nothing_is_held_afterwards():
    yield
    if _held:
        gc.collect()
    assert not _held


# What raises


def test_writing_to_arguments_and_results_raises_where_it_is_written():
    w, x = leaf([1.0, 2.0], "w"), np.array([3.0, 4.0])
    index, labels = np.array([1, 0]), Tensor(np.array([5.0, 6.0]))
    with detect_anomaly():
        product = w * x
        loss = (product[index] * labels).sum()
        for array in (w.data, x, product.data, index, labels.data):
            with pytest.raises(ValueError, match=READ_ONLY):
                array[0] = 0
            with pytest.raises(ValueError, match=READ_ONLY):
                array += 1
        loss.backward()
    np.testing.assert_array_equal(w.grad, [18.0, 20.0])
    for array in (w.data, x, index, labels.data):
        array[0] = 0


def test_the_error_points_to_the_line_and_says_what_to_do():
    w = leaf([1.0, 2.0])

    @detect_anomaly()
    def write():
        y = w * w
        w.data[0] = 5.0
        return y

    with pytest.raises(ValueError, match=READ_ONLY) as caught:
        write()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.line) == (__file__, "w.data[0] = 5.0")
    assert caught.value.__notes__ == [
        "Inside of detect_anomaly() the arrays that a recorded operation may read in backward are "
        "read-only until then. Change the array after backward(), change a copy, or compute what "
        "needs no backward inside of no_grad()."
    ]
    np.testing.assert_array_equal(w.data, [1.0, 2.0])


def test_other_errors_get_no_note():
    with pytest.raises(ValueError, match="no") as caught, detect_anomaly():
        raise ValueError("no")
    assert not hasattr(caught.value, "__notes__")


def test_the_array_whose_memory_a_view_shows_cannot_be_written_to_either():
    memory = np.arange(6.0)
    row = memory.reshape(2, 3)[1]
    w = Tensor(row, requires_grad=True)
    with detect_anomaly():
        y = w * 2
        for array in (memory, row, w.data):
            with pytest.raises(ValueError, match=READ_ONLY):
                array[:] = 0
        assert not memory[:2].flags.writeable
        del y
        memory[0] = row[0] = 7
    assert memory.tolist() == [7, 1, 2, 7, 4, 5]


def test_arrays_in_keywords_and_in_indices():
    x = leaf(np.ones((2, 3)))
    rows, weights = np.array([0, 1]), np.array([1.0, 2.0, 3.0])
    with detect_anomaly():
        y = x[rows, :], np.average(x, axis=1, weights=weights)
        assert not rows.flags.writeable
        assert not weights.flags.writeable
        del y
        assert rows.flags.writeable
        assert weights.flags.writeable


def test_what_is_not_recorded_stays_writable():
    w, x = leaf([1.0, 2.0]), np.array([1.0, 2.0])
    with detect_anomaly():
        with no_grad():
            y = w * x
        z = Tensor(x) * 2
        w.data[0] = x[0] = y.data[0] = z.data[0] = 5.0


# How long


def test_until_backward_has_gone_through_the_operation():
    w, v = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    with detect_anomaly():
        loss, other = (w * w).sum(), v * v
        loss.backward()
        w.data[0] = 5.0
        with pytest.raises(ValueError, match=READ_ONLY):
            v.data[0] = 5.0
        other.backward([1.0, 1.0])
        v.data[0] = 5.0


def test_an_array_that_two_operations_read_until_both_are_done():
    w = leaf([1.0, 2.0])
    with detect_anomaly():
        first, second = (w * w).sum(), np.exp(w).sum()
        first.backward()
        assert not w.data.flags.writeable
        del second
        assert w.data.flags.writeable


def test_a_backward_pass_that_is_recorded_leaves_them_read_only_for_the_next():
    w, x = leaf([1.0, 2.0]), np.array([0.0, 1.0])
    with detect_anomaly():
        y = ((w + x) ** 3).sum()
        y.backward(create_graph=True)
        gradient, w.grad = w.grad, None
        for array in (w.data, x):
            with pytest.raises(ValueError, match=READ_ONLY):
                array[0] = 5.0
        gradient.sum().backward()
        np.testing.assert_array_equal(w.grad, [6.0, 18.0])
        w.data[0] = x[0] = 5.0


@looped("error", [None, KeyError, AnomalyError, KeyboardInterrupt])
def test_until_the_context_is_left_however_that_is(error):
    w, kept = leaf([1.0, 2.0]), []

    @detect_anomaly()
    def run():
        kept.append(w * w)
        assert not w.data.flags.writeable
        if error is AnomalyError:
            kept[0] * np.nan
        elif error:
            raise error

    if error:
        with pytest.raises(error):
            run()
    else:
        run()
    assert w.data.flags.writeable
    assert kept[0]._array.flags.writeable


def test_a_context_inside_of_another_ends_nothing():
    w = leaf([1.0, 2.0])
    with detect_anomaly():
        with detect_anomaly():
            y = w * w
        assert not w.data.flags.writeable
    assert w.data.flags.writeable
    assert y._array.flags.writeable


def test_two_threads_hold_an_array_until_both_have_left():
    w = leaf([1.0, 2.0])
    inside, leave = threading.Event(), threading.Event()

    def work():
        with detect_anomaly():
            y = w * 2
            inside.set()
            leave.wait(10)
            del y

    thread = threading.Thread(target=work)
    with detect_anomaly():
        y = w * w
        thread.start()
        inside.wait(10)
    assert not w.data.flags.writeable
    leave.set()
    thread.join()
    assert w.data.flags.writeable
    assert y._array.flags.writeable


# Whose memory


def test_flags_are_restored_as_they_were():
    constant = np.arange(3.0)
    constant.flags.writeable = False
    memory = np.arange(6.0)
    view = memory[:3]
    view.flags.writeable = False
    owner = np.arange(3.0)
    writable_view = owner[:]
    owner.flags.writeable = False
    w = leaf([1.0, 2.0, 3.0])
    with detect_anomaly():
        y = w * constant + view * w + w * writable_view
        z = w.reshape(3, 1)
        transposed, spread = z.T, np.broadcast_to(w, (2, 3))
        diagonal = np.diagonal(np.outer(w, w))
        shown = Tensor(view, requires_grad=True).reshape(3, 1)
    assert w.data.flags.writeable
    assert y._array.flags.writeable
    assert z._array.flags.writeable
    assert transposed._array.flags.writeable
    assert memory.flags.writeable
    assert writable_view.flags.writeable
    assert not constant.flags.writeable
    assert not owner.flags.writeable
    assert not view.flags.writeable
    assert not shown._array.flags.writeable
    assert not spread._array.flags.writeable
    assert not diagonal._array.flags.writeable


def test_memory_of_other_libraries_is_left_alone_and_buffers_are_held():
    torch = pytest.importorskip("torch", reason="PyTorch owns the memory here")
    foreign = torch.ones(3, dtype=torch.float64).numpy()
    buffer = np.frombuffer(bytearray(24))
    w = leaf([1.0, 2.0, 3.0])
    with detect_anomaly():
        y = w * foreign * buffer
        assert foreign.flags.writeable
        with pytest.raises(ValueError, match=READ_ONLY):
            buffer[0] = 1.0
    y.sum().backward()
    foreign[0] = buffer[0] = 1.0


# What a training loop writes


@pytest.mark.parametrize("optimizer", [nn.SGD, nn.Adam])
@pytest.mark.parametrize("plain", [False, True])
def test_optimizers_update_parameters_after_backward(optimizer, plain):
    def trained():
        model = nn.Sequential(nn.Dense(2, 3, "tanh", rng=0), nn.Dense(3, 1, rng=1))
        weight = leaf([[0.5], [0.25]])
        parameters = [weight] if plain else model.parameters()
        steps = optimizer(parameters, learning_rate=0.1)
        batch = np.empty((4, 2))
        for step in range(5):
            batch[...] = np.random.default_rng(step).normal(size=(4, 2))
            steps.zero_grad()
            predictions = np.tanh(batch @ weight) if plain else model(batch)
            loss = np.mean((predictions - 1.0) ** 2)
            loss.backward()
            steps.step()
        return [p.data.copy() for p in parameters]

    expected = trained()
    with detect_anomaly():
        watched = trained()
    for one, other in zip(watched, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_updates_by_hand_after_backward():
    w, total = leaf([1.0, 2.0]), Tensor([0.0, 0.0])
    with detect_anomaly():
        for _ in range(3):
            loss = ((w * w) + total).sum()
            loss.backward()
            w.data -= 0.1 * w.grad
            with no_grad():
                w *= 0.5
                w[0] = 1.0
                total[...] = w.data
            w.zero_grad()
    np.testing.assert_allclose(w.data, [1.0, 2.0 * 0.4**3])


def test_changes_before_backward_raise_or_are_named_at_backward():
    w = leaf([1.0, 2.0], "w")
    with detect_anomaly():
        loss = (w * w).sum()
        with pytest.raises(ValueError, match=READ_ONLY):
            w.data -= 0.1
        np.testing.assert_array_equal(w.data, [1.0, 2.0])
        w.data = w.data - 0.1
        with pytest.raises(MutationError, match="'w'"):
            loss.backward()


def test_optimizers_update_what_an_open_record_reads_and_its_backward_names_it():
    model = nn.Dense(2, 1, rng=0)
    steps = nn.SGD(model.parameters(), learning_rate=0.1)
    x = leaf(np.ones((3, 2)))
    with detect_anomaly():
        loss, open_record = model(x).sum(), model(x).sum()
        loss.backward()
        before = model.parameters()[0].data.copy()
        steps.step()
        np.testing.assert_allclose(model.parameters()[0].data, before - 0.3)
        with pytest.raises(MutationError, match="weight"):
            open_record.backward()


def test_changes_by_the_library_are_made_and_named_at_backward():
    def by_item(w):
        w[0] = 5.0

    def in_place(w):
        w += 1.0

    def by_optimizer(w):
        w.grad = np.ones(2)
        nn.SGD([w], learning_rate=0.5).step()

    for change in (by_item, in_place, by_optimizer):
        w = leaf([1.0, 2.0], "w")
        with detect_anomaly():
            loss, unread = (w * w).sum(), w + 1
            with no_grad():
                change(w)
            assert w.data[0] in (5.0, 2.0, 0.5)
            with pytest.raises(ValueError, match=READ_ONLY):
                w.data[0] = 1.0
            unread.backward([1.0, 1.0])
            with pytest.raises(MutationError, match="'w'"):
                loss.backward()


def test_checkpoints_and_transforms_hold_nothing_in_the_end():
    x, w = np.array([1.0, 2.0]), leaf([1.0, 2.0])
    with detect_anomaly():
        np.testing.assert_array_equal(grad(lambda x: (x**3).sum())(x), [3.0, 12.0])
        assert x.flags.writeable
        y = checkpoint(lambda w: (w * w).sum())(w)
        assert not w.data.flags.writeable
        y.backward()
        assert w.data.flags.writeable
