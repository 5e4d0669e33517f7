"""Functions that are hard to compile for the entries of arrays, and the arrays they are given."""

import operator

import numpy as np
from functions_that_change import changing, point, trap

from autograd_lite import Tensor


@trap
def entries_that_are_rewritten():
    w = np.ones(4)
    return changing(lambda x: (x * w).sum() * w.max(), lambda: w.fill(3.0))


@trap
def entries_of_a_large_array():
    w = np.ones(9000)
    return changing(
        lambda x: (x[0] * w).sum() * (2 if w[77] > 1 else 3) * w.max(),
        lambda: operator.setitem(w, 77, 3.0),
    )


@trap
def a_view_of_a_large_array():
    w = np.ones((100, 200))
    views = [w[10:, ::2]]
    return changing(lambda x: (x[0] * views[0]).sum() * views[0][0, 0], lambda: w.fill(3.0))


@trap
def large_numbers_of_places():
    places = np.zeros(20000, int)
    return changing(lambda x: x[places].sum() * (places[0] + 1), lambda: places.fill(2))


@trap
def a_shape_that_is_changed():
    w = np.arange(4.0)
    return changing(lambda x: (x * w.reshape(-1)).sum() * w.ndim, lambda: w.resize((2, 2)))


@trap
def arrays_within_an_array():
    w = np.array([np.ones(4), 2.0], dtype=object)
    return changing(lambda x: (x * w[0] * w[1]).sum(), lambda: operator.setitem(w[0], 1, 7.0))


@trap
def memory_that_another_object_has():
    raw = bytearray(np.ones(4).tobytes())
    w = np.frombuffer(raw)
    return changing(
        lambda x: (x * w).sum() * w[0],
        lambda: operator.setitem(raw, slice(None), np.full(4, 3.0).tobytes()),
    )


@trap
def a_broadcast_view():
    w = np.ones(1)
    wide = np.broadcast_to(w, 4)
    return changing(lambda x: (x * wide).sum(), lambda: w.fill(3.0))


@trap
def a_tensor():
    w = Tensor(np.ones(4))
    return changing(
        lambda x: float((np.asarray(1.0) * w.numpy()).sum()) * (x * x).sum(),
        lambda: w.data.fill(3.0),
    )


@trap
def a_tensor_that_requires_grad_later():
    w = Tensor(np.ones(4))
    return changing(lambda x: (x * w).sum() * 2, lambda: setattr(w, "requires_grad", True))


@trap
def entries_by_data():
    def f(x):
        entries = getattr(x, "data", x) if isinstance(x, Tensor) else x
        return x.sum() * (2 if entries[0] > 0 else 3)

    return changing(f, lambda: None)


@trap
def entries_of_what_is_computed():
    def f(x):
        y = x * 2
        return y.sum() * (2 if (y.data if isinstance(y, Tensor) else y)[0] > 0 else 3)

    return changing(f, lambda: None)


@trap
def a_branch_on_one_entry():
    return changing(lambda x: x.sum() * (2 if x.tolist()[0] > 0 else 3), lambda: None)


@trap
def a_loop_until_it_is_enough():
    def f(x):
        y = x * x
        while y.sum() < 40:
            y = y * 2
        return y.sum()

    return changing(f, lambda: None)


@trap
def a_loop_over_entries():
    return changing(lambda x: sum(v * 2 if v > 0 else v * 3 for v in x), lambda: None)


@trap
def a_test_of_text():
    return changing(lambda x: x.sum() * (2 if "-" in repr(x.sum()) else 3), lambda: None)


@trap
def a_mask():
    return changing(lambda x: (x[x > 0] ** 2).sum(), lambda: None)


@trap
def places_by_order():
    return changing(lambda x: (x[np.argsort(x)] * np.arange(4.0)).sum(), lambda: None)


@trap
def how_often_it_is_done():
    def f(x, count):
        for _ in range(count):
            x = np.tanh(x * 1.1)
        return x.sum()

    return changing(f, lambda: None, lambda number: (point(number), 2 + number // 4))


@trap
def one_and_true():
    def f(x, how):
        return (x * (2.0 if how is True else 5.0)).sum()

    return changing(f, lambda: None, lambda number: (point(number), True if number % 3 else 1))


@trap
def zeros_of_other_signs():
    def f(x, zero):
        return (x * np.copysign(1.0, zero)).sum()

    return changing(f, lambda: None, lambda number: (point(number), 0.0 if number % 3 else -0.0))


@trap
def other_shapes_and_dtypes():
    def given(number):
        return (point(number, 4 + number % 2).astype([float, np.float32][number // 4 % 2]),)

    return changing(lambda x: (x / len(x)).sum() * x.shape[0] * 1.5, lambda: None, given)


@trap
def one_array_given_twice():
    def given(number):
        x = point(number, 8)
        return (x[:4], x[2:6]) if number % 2 else (x[:4], x[:4])

    return changing(lambda a, b: (a * b).sum() + a.sum(), lambda: None, given)


@trap
def an_array_that_the_caller_rewrites():
    x = np.zeros(4)

    def given(number):
        x[:] = point(number)
        return (x,)

    return changing(lambda x: (x * x).sum(), lambda: None, given)


@trap
def small_integers_that_overflow():
    def given(number):
        return point(number), np.arange(4, dtype=np.int8) * 20 + number

    return changing(lambda x, k: (x * (k * k)).sum(), lambda: None, given)


@trap
def ties():
    return changing(
        lambda x: np.max(x) * 2 + np.sort(x)[1] + np.maximum(x, 0).sum() + np.abs(x).sum(),
        lambda: None,
        lambda number: (np.round(point(number)),),
    )


@trap
def products_of_transposed():
    def given(number):
        return point(number, 12).reshape(3, 4), point(number + 50, 20).reshape(5, 4)

    return changing(lambda a, b: (a @ b.T).sum() + (b @ b.T)[0].sum(), lambda: None, given)
