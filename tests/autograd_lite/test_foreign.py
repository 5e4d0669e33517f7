"""Other libraries' arrays: by position, as plain arrays, or refused by name."""

import datetime
import operator

import numpy as np
import pytest
from looping import looped

from autograd_lite import (
    ShapeError,
    Tensor,
    UnsupportedError,
    compare_gradients,
    grad,
    ravel,
    softmax_cross_entropy,
    vjp,
)
from autograd_lite.foreign import admit

pd = pytest.importorskip("pandas")
sparse = pytest.importorskip("scipy.sparse")
torch = pytest.importorskip("torch")

VALUES = np.array([10.0, 20.0, 30.0])
LABELS = [2, 0, 1]
BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
FUNCTIONS = [
    np.maximum,
    np.hypot,
    lambda a, b: np.stack(np.broadcast_arrays(b, a)),
    lambda a, b: np.where(a > 1, a, b),
]


def mapped(tmp_path):
    array = np.memmap(tmp_path / "values", dtype=float, mode="w+", shape=3)
    array[:] = VALUES
    return array


PLAIN = {
    "Series": lambda _: pd.Series(VALUES, index=LABELS),
    "Index": lambda _: pd.Index(VALUES),
    "column of a frame": lambda _: pd.DataFrame({"a": VALUES}, index=LABELS)["a"],
    "nullable": lambda _: pd.array(VALUES, dtype="Float64"),
    "matrix": lambda _: VALUES[None].view(np.matrix),
    "memory map": mapped,
}
REFUSED = {
    "masked": (lambda: np.ma.masked_array(VALUES, [0, 1, 0]), r"MaskedArray .*x\.filled\(0\)"),
    "sparse": (lambda: sparse.csr_array(np.diag(VALUES)), r"csr_array .*x\.toarray\(\)"),
    "torch": (lambda: torch.tensor(VALUES), r"torch\.Tensor \(3,\).*x\.detach\(\)\.numpy\(\)"),
    "text": (lambda: pd.Series(["a", "b", "c"]), "Series .*get_dummies"),
    "intervals": (lambda: pd.Series(pd.interval_range(0, 3)), "Series .*get_dummies"),
    "dates": (lambda: pd.date_range("2020", periods=3), "DatetimeIndex"),
}


def leaf():
    return Tensor([1.0, 2.0, 3.0], requires_grad=True)


@looped("kind", PLAIN)
@looped("function", BINARY + FUNCTIONS)
def test_a_foreign_array_on_the_right_is_what_the_plain_one_is(kind, function, tmp_path):
    given = PLAIN[kind](tmp_path)
    plain = np.asarray(given)
    expected, found = leaf(), leaf()
    wanted, value = function(expected, plain), function(found, given)
    assert type(value.data) is np.ndarray
    np.testing.assert_array_equal(value.data, wanted.data)
    wanted.sum().backward()
    value.sum().backward()
    assert type(found.grad) is np.ndarray
    np.testing.assert_array_equal(found.grad, expected.grad)


@looped("kind", PLAIN)
@looped("function", BINARY)
def test_and_on_the_left(kind, function, tmp_path):
    if (kind, function) == ("matrix", operator.pow):
        return  # A matrix takes whole powers of itself before it asks.
    given = PLAIN[kind](tmp_path)
    value = function(given, leaf())
    assert type(value.data) is np.ndarray
    np.testing.assert_array_equal(value.data, function(np.asarray(given), leaf()).data)


def test_labels_do_not_matter():
    p, y = leaf(), pd.Series(VALUES, index=[2, 0, 1])
    w = pd.Series([1.0, 0.0, 2.0], index=[0, 1, 2])
    for weighted in ((p * y) * w, w * (y * p), np.multiply(p, y) * w):
        np.testing.assert_array_equal(weighted.data, [10.0, 0.0, 180.0])
    np.testing.assert_array_equal((p == y), [False, False, False])
    np.testing.assert_array_equal((y > p), [True, True, True])
    assert np.average(p, weights=y).item() == pytest.approx((10 + 40 + 90) / 60)


def test_frames_give_their_columns_in_order_and_gaps_are_nan():
    frame = pd.DataFrame({"flag": [True, False], "count": pd.array([1, None], dtype="Int64")})
    np.testing.assert_array_equal(admit(frame, "of"), [[1.0, 1.0], [0.0, np.nan]])
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x @ frame.fillna(0)).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 0.0])
    assert np.isnan((Tensor(2.0, requires_grad=True) * pd.Series([1.0, np.nan])).mean().item())


def test_columns_of_polars_are_arrays_too():
    polars = pytest.importorskip("polars")
    for function in BINARY + FUNCTIONS:
        expected, found = leaf(), leaf()
        function(expected, VALUES).sum().backward()
        function(found, polars.Series(VALUES)).sum().backward()
        np.testing.assert_array_equal(found.grad, expected.grad)
    np.testing.assert_array_equal(leaf() < polars.Series([1, 3, 4]), [False, True, True])
    for given in ([1.0, None], [1, None], [True, None]):
        np.testing.assert_array_equal(admit(polars.Series(given), "of"), [1.0, np.nan])
    frame = polars.DataFrame({"count": [1, 2], "share": [0.5, 0.25]})
    np.testing.assert_array_equal((leaf()[:2] * frame).data, [[1.0, 1.0], [2.0, 0.5]])
    for odd in (["a", "b", "c"], polars.Series([1, 2, 3], dtype=polars.Int128)):
        with pytest.raises(UnsupportedError, match=r"polars\.Series.*to_dummies"):
            leaf() * polars.Series(odd)
    day = datetime.datetime(2020, 1, 1)
    for odd in (day, day.date(), day.time(), day - day):
        for other in ([1, 2], [0.5, 0.25], [True, False]):
            frame = polars.DataFrame({"when": [odd, odd], "count": other})
            with pytest.raises(UnsupportedError, match="not of numbers alone: not so 'when'"):
                leaf()[:2] * frame


def test_lists_that_are_no_array_are_refused():
    for use in (operator.mul, np.maximum, np.dot, lambda x, given: np.concatenate([x, given])):
        with pytest.raises(ShapeError, match="several lengths"):
            use(leaf(), [[1.0], [1.0, 2.0]])


@looped("kind", REFUSED)
@looped(
    "use",
    [
        *(lambda x, given, f=f: f(x, given) for f in [*BINARY, operator.matmul, operator.lt]),
        lambda x, given: np.dot(x, given),
        lambda x, given: np.concatenate([x, given]),
        lambda x, given: np.average(x, weights=given),
        lambda x, given: softmax_cross_entropy(x, given),
        lambda x, given: Tensor(given),
        lambda x, given: operator.iadd(x.detach(), given),
        lambda x, given: operator.setitem(x.detach(), 0, given),
        lambda x, given: setattr(x, "data", given),
        lambda x, given: grad(np.sum)(given),
        lambda x, given: setattr(x, "grad", given),
        lambda x, given: x.backward(given),
        lambda x, given: vjp(np.sin, x.data)[1](given),
        lambda x, given: ravel({"a": given}),
    ],
)
def test_what_would_lose_something_is_refused_by_name(kind, use):
    make, message = REFUSED[kind]
    with pytest.raises(UnsupportedError, match=message):
        use(leaf(), make())


IN_LISTS = {
    "operators": lambda x, given: x * given,
    "left operands": lambda x, given: given - x,
    "functions of pairs": np.maximum,
    "functions": lambda x, given: np.where([True, False], x, given),
    "products": lambda x, given: np.einsum("ij,ij->", x, given),
    "comparisons": operator.lt,
    "tensors": lambda x, given: Tensor(given),
    "tuples": lambda x, given: x + tuple(given),
    "lists of lists": lambda x, given: x[None] * [given],
    "assignments": lambda x, given: operator.setitem(x.detach(), 0, given),
    "changes in place": lambda x, given: operator.iadd(x.detach(), given),
}


@looped("kind", ["masked", "torch"])
@looped("use", IN_LISTS.values(), ids=IN_LISTS)
def test_so_it_is_in_lists_which_numpy_would_make_numbers_of(kind, use):
    make, message = REFUSED[kind]
    with pytest.raises(UnsupportedError, match=message):
        use(Tensor(np.ones((2, 3)), requires_grad=True), [make(), make()])


OBJECTS = {
    "generators": lambda: (x for x in VALUES),
    "iterators": lambda: map(float, VALUES),
    "values of dicts": lambda: {"a": 1.0, "b": 2.0, "c": 3.0}.values(),
    "sets": lambda: {*VALUES.tolist()},
}


@looped("kind", OBJECTS)
@looped("use", [operator.mul, operator.matmul, np.maximum, np.dot, lambda x, given: Tensor(given)])
def test_what_numpy_takes_for_one_object_is_refused(kind, use):
    with pytest.raises(UnsupportedError, match=r"single object.*Write list\(x\)"):
        use(leaf(), OBJECTS[kind]())


def test_a_lazy_frame_is_told_to_be_collected():
    lazy = pytest.importorskip("polars").DataFrame({"a": VALUES}).lazy()
    for use in (leaf().__mul__, leaf().__rmatmul__, Tensor):
        with pytest.raises(UnsupportedError, match=r"LazyFrame.*Write x\.collect\(\)"):
            use(lazy)


@looped("kind", PLAIN)
def test_lists_of_what_means_an_array_are_arrays_by_position(kind, tmp_path):
    given = PLAIN[kind](tmp_path)
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    rows = [np.ravel(np.asarray(given)), VALUES[::-1]]
    np.testing.assert_array_equal((x * [np.ravel(given), pd.Series(VALUES[::-1])]).data, rows)
    np.testing.assert_array_equal(Tensor([given, given]).data, [np.asarray(given)] * 2)


@looped("kind", PLAIN)
def test_a_gradient_that_is_assigned_is_a_plain_array(kind, tmp_path):
    x = leaf()
    x.grad = PLAIN[kind](tmp_path)
    assert type(x.grad) is np.ndarray
    np.testing.assert_array_equal(x.grad.ravel(), VALUES)


def test_memory_views_are_arrays():
    assert type(admit(memoryview(VALUES), "of")) is np.ndarray
    np.testing.assert_array_equal((leaf() * memoryview(VALUES)).data, [10.0, 40.0, 90.0])


def test_dask_arrays_are_of_plain_blocks_and_have_items():
    dask = pytest.importorskip("dask.array")
    lazy = dask.from_array(VALUES, chunks=2)
    assert (leaf() * lazy).sum().item() == 140.0
    for blocks, remedy in (
        (dask.ma.masked_greater(lazy, 15), r"lambda x: x\.filled\(0\)"),
        (lazy[:, None].map_blocks(sparse.csr_matrix), r"lambda x: x\.toarray\(\)"),
    ):
        for use in (lambda x: leaf() * x, lambda x: x + leaf(), Tensor):
            with pytest.raises(UnsupportedError, match=f"Dask.*map_blocks.{remedy}"):
                use(blocks)


@looped("given", [REFUSED["masked"][0], lambda: [np.ma.masked, 1.0, 1.0]], ids=["array", "list"])
def test_masks_of_hand_derived_gradients_are_not_dropped(given):
    x = leaf()
    with pytest.raises(UnsupportedError, match=r"compare_gradients of .*x\.filled\(0\)"):
        compare_gradients(x.sum(), {x: given()})
    assert compare_gradients(x.sum(), {x: torch.ones(3)})


class Labelled(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that holds a tensor in place of its own array, as xarray's do."""

    __module__ = "xarray.core.dataarray"

    def __init__(self, data):
        self.data, self.shape = data, data.shape

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        return Labelled(ufunc(*(x.data if isinstance(x, Labelled) else x for x in inputs)))


@looped("function", [*BINARY, np.hypot, operator.lt, operator.eq])
@looped("on_the_right", [True, False])
def test_what_has_labels_computes_entry_by_entry_itself_on_either_side(function, on_the_right):
    def ordered(x, values):
        return function(x, values) if on_the_right else function(values, x)

    x, same = leaf(), leaf()
    found, wanted = ordered(x, Labelled(VALUES)), ordered(same, VALUES)
    assert type(found) is Labelled
    np.testing.assert_array_equal(found.data == wanted, True)
    if isinstance(found.data, Tensor):
        found.data.sum().backward()
        wanted.sum().backward()
        np.testing.assert_array_equal(x.grad, same.grad)


@looped("function", [operator.matmul, np.matmul, np.dot, np.add.outer])
def test_and_is_refused_elsewhere(function):
    with pytest.raises(UnsupportedError, match=r"xarray.*Write x\.to_numpy\(\)"):
        function(leaf(), Labelled(VALUES))


@looped("kind", ["torch", "sparse", "masked"])
@looped("function", [*BINARY[:3], operator.matmul, operator.eq])
def test_and_on_the_left_of_an_operator(kind, function):
    with pytest.raises(UnsupportedError, match=r"asarray|numpy|toarray"):
        function(REFUSED[kind][0](), leaf())


def test_what_is_an_array_already_stays_itself():
    dask = pytest.importorskip("dask.array")
    for value in (VALUES, 2.0, np.float32(2), None, slice(3), "text", dask.ones(3), (2, 3)):
        assert admit(value, "of") is value


def _assigned(tensor, values):
    tensor[:] = values


@looped("change", [operator.iadd, _assigned, lambda x, y: x.sum(y), lambda x, y: x.astype(y)])
def test_a_refusal_is_told_once_with_one_thing_to_write(change):
    with pytest.raises(UnsupportedError) as refusal:
        change(Tensor(VALUES), np.ma.masked_array(VALUES, [0, 1, 0]))
    assert str(refusal.value).count(". ") == 1
