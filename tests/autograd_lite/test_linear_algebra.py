"""Linear algebra where the table's samples do not go: special points, refusals, random einsums."""

import numpy as np
import pytest
from looping import looped
from sampling import of_this_numpy

from autograd_lite import Tensor, hessian
from autograd_lite.errors import AutogradError, GradientError, ShapeError, UnsupportedError

SINGULAR = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [1.0, 0.0, 3.0]])


def gradient(f, x):
    tensor = Tensor(np.asarray(x, float), requires_grad=True)
    f(tensor).backward()
    return tensor.grad


def minor(a, i, j):
    return np.linalg.det(np.delete(np.delete(a, i, axis=0), j, axis=1))


# Special points


@looped("order", [None, 1, 2, 3, 1.5, np.inf])
def test_the_derivative_of_a_norm_at_0_is_0(order):
    np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, order), np.zeros(3)), 0)
    np.testing.assert_array_equal(gradient(lambda x: 0 * np.linalg.norm(x, order), np.zeros(3)), 0)


def test_the_norm_of_one_zero_row_leaves_the_gradient_of_the_others_alone():
    rows = [[0.0, 0.0], [3.0, 4.0]]
    expected = [[0.0, 0.0], [0.6, 0.8]]
    np.testing.assert_allclose(gradient(lambda x: np.linalg.norm(x, axis=1).sum(), rows), expected)


def test_the_infinity_norm_shares_its_gradient_among_ties():
    np.testing.assert_allclose(
        gradient(lambda x: np.linalg.norm(x, np.inf), [2.0, -2.0, 1.0]), [0.5, -0.5, 0.0]
    )


def test_the_gradient_of_a_determinant_is_its_cofactors_also_where_it_is_0():
    assert abs(np.linalg.det(SINGULAR)) < 1e-12
    expected = [[(-1) ** (i + j) * minor(SINGULAR, i, j) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(gradient(np.linalg.det, SINGULAR), expected, atol=1e-12)
    np.testing.assert_array_equal(gradient(np.linalg.det, np.zeros((3, 3))), 0)


def test_the_gradient_of_log_det_is_the_transposed_inverse_where_det_overflows():
    a = 1e5 * (np.eye(100) + np.eye(100, k=1))
    with np.errstate(over="ignore"):
        assert np.isinf(np.linalg.det(a))
    got = gradient(lambda x: np.linalg.slogdet(x).logabsdet, a)
    np.testing.assert_allclose(got, np.linalg.inv(a).T, atol=1e-18)


def rotated(*values):
    """A symmetric matrix with these eigenvalues, up to rounding."""
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(len(values), len(values)))).Q
    return q @ np.diag(values) @ q.T


def square_root(a):
    values, vectors = np.linalg.eigh(a)
    return ((vectors * np.sqrt(values)) @ vectors.T).sum()


def polar_factor(a):
    u, _, vh = np.linalg.svd(a)
    return (u @ vh).sum()


@pytest.mark.parametrize("a", [np.eye(3), rotated(1.0, 1.0, 2.0)])
@pytest.mark.parametrize("f", [square_root, polar_factor])
def test_vectors_of_equal_values_are_refused_where_the_result_depends_on_them(f, a):
    with pytest.raises(GradientError, match="values are equal") as caught:
        gradient(f, a)
    assert "backward of np.linalg" in str(caught.value)


def logarithm(a):
    values, vectors = np.linalg.eigh(a)
    return (vectors * np.log(values)[..., None, :]) @ vectors.mT


def logarithm_by_svd(a):
    u, s, vh = np.linalg.svd(a)
    return (u * np.log(s)[..., None, :]) @ vh


@looped("f", [logarithm, logarithm_by_svd])
def test_so_they_are_where_vectors_of_equal_values_are_multiplied_by_0(f):
    # The logarithm of 1 + E is E: what the vectors get is 0, and yet each entry has a slope.
    with pytest.raises(GradientError, match="values are equal"):
        gradient(lambda a: f(a).sum(), np.eye(3))
    with pytest.raises(GradientError, match="values are equal"):
        gradient(lambda a: f(a)[0, 1], np.diag([1.0, 1.0, 2.0]))
    stack = np.stack([np.eye(3), np.diag([1.0, 2.0, 3.0])])
    with pytest.raises(GradientError, match="values are equal"):
        gradient(lambda a: f(a).sum(), stack)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (2, 2)])
@pytest.mark.parametrize("entry", [0.0, 1.0])
@pytest.mark.parametrize("part", [0, 1])
def test_factors_of_columns_that_depend_on_each_other_are_refused(shape, entry, part):
    a = np.full(shape, entry)
    with pytest.raises(GradientError, match=r"np\.linalg\.qr.*columns depend on each other"):
        gradient(lambda a: np.linalg.qr(a)[part].sum(), a)
    stack = np.stack([a + np.arange(a.size).reshape(a.shape) ** 2, a])
    with pytest.raises(GradientError, match="columns depend on each other"):
        gradient(lambda a: np.linalg.qr(a)[part].sum(), stack)


def test_columns_in_other_units_do_not_depend_on_each_other():
    a, units = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), np.array([1.0, 2.0**-60])
    of_q, scaled = (gradient(lambda a: np.linalg.qr(a)[0].sum(), x) for x in (a, a * units))
    np.testing.assert_allclose(scaled * units, of_q, rtol=1e-12)
    with pytest.raises(GradientError, match="columns depend on each other"):
        gradient(lambda a: np.linalg.qr(a)[0].sum(), np.ones((3, 2)) * units)


def test_values_alone_have_derivatives_where_they_are_equal():
    np.testing.assert_allclose(gradient(lambda a: np.linalg.eigh(a)[0].sum(), np.eye(3)), np.eye(3))
    np.testing.assert_allclose(gradient(lambda a: np.linalg.svd(a)[1].sum(), np.eye(3)), np.eye(3))
    norm = gradient(lambda a: np.linalg.norm(a, 2), np.eye(4))
    np.testing.assert_allclose(norm, np.eye(4) / 4)


def test_the_vector_of_a_single_eigenvalue_has_a_derivative_beside_equal_ones():
    def f(a):
        return (np.linalg.eigh(a)[1][:, 2] * np.array([0.3, -1.0, 0.5])).sum() ** 2

    a, step = rotated(1.0, 1.0, 2.0), 1e-6
    slopes = gradient(f, a)
    for i, j in np.ndindex(3, 3):
        change = np.zeros((3, 3))
        change[i, j] = change[j, i] = step
        numeric = (f(a + change) - f(a - change)) / (2 * step)
        assert numeric == pytest.approx((slopes * change).sum() / step, abs=1e-8)


def test_lengths_of_vectors_of_equal_eigenvalues_do_not_depend_on_these():
    slopes = gradient(lambda a: (np.linalg.eigh(a)[1] ** 2).sum(), rotated(1.0, 1.0, 2.0))
    np.testing.assert_allclose(slopes, 0, atol=1e-12)


def test_the_vector_of_a_singular_value_of_0_is_refused():
    def f(x):
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        return u.sum() + s.sum() + vh.sum()

    with pytest.raises(GradientError, match="a singular value is 0"):
        gradient(f, np.outer([1.0, 2.0, 3.0], [1.0, -1.0]))


def test_so_are_second_derivatives_of_singular_values_that_are_0_with_room_for_others():
    def squares(x):
        return (np.linalg.svdvals(x) ** 2).sum()

    for shape in ((1, 2), (3, 1)):
        np.testing.assert_array_equal(gradient(squares, np.zeros(shape)), 0)
        with pytest.raises(GradientError, match="a singular value is 0"):
            hessian(squares)(np.zeros(shape))
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    found = hessian(squares)(singular).reshape(4, 4)
    np.testing.assert_allclose(found, 2 * np.eye(4), atol=1e-9)


def from_eigenvectors(a):
    values, vectors = np.linalg.eigh(a)
    return (vectors * values) @ vectors.T


def from_singular_vectors(a):
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u * s) @ vh


@pytest.mark.parametrize("function", [from_eigenvectors, from_singular_vectors])
@pytest.mark.parametrize("rank_one", [np.ones((3, 3)), rotated(0.0, 0.0, 2.0)])
def test_vectors_of_values_that_are_0_up_to_rounding_count_by_these(function, rank_one):
    weights = np.random.default_rng(0).normal(size=(3, 3))
    with pytest.raises(GradientError, match="values are equal"):
        gradient(lambda a: (weights * function(a)).sum(), rank_one)


@looped("tall", [True, False])
def test_so_does_that_of_one_singular_value_beside_room_for_others(tall):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 2)) @ rng.normal(size=(2, 3))
    weights = rng.normal(size=(5, 3))

    def f(a):
        return (weights * from_singular_vectors(a if tall else a.T)).sum()

    with pytest.raises(GradientError, match="a singular value is 0"):
        gradient(f, a if tall else a.T)


@looped("a", [np.ones((3, 3)), rotated(0.0, 0.0, 2.0), np.diag([0.0, 0.0, 2.0])])
def test_the_first_vector_has_a_derivative_beside_others_of_0(a):
    weights = np.random.default_rng(0).normal(size=(3, 3))

    def by_eigh(a):
        first = np.linalg.eigh(a)[1][:, -1]
        return (weights * np.outer(first, first)).sum()

    def by_svd(a):
        u, _, vh = np.linalg.svd(a)
        return (weights * np.outer(u[:, 0], vh[0])).sum()

    for f in (by_eigh, by_svd):
        slopes, step = gradient(f, a), 1e-6
        for i, j in np.ndindex(3, 3):
            change = np.zeros((3, 3))
            change[i, j] = change[j, i] = step
            numeric = (f(a + change) - f(a - change)) / (2 * step)
            assert numeric == pytest.approx((slopes * change).sum() / step, abs=1e-8)


@looped(
    "a",
    [
        np.diag([1.0, 2.0, 0.0]),
        np.diag([1.0, 0.0, 0.0]),
        np.zeros((3, 3)),
        rotated(1.0, 2.0, 0.0),
        rotated(1.0, 2.0, 1e-9),
        np.array([[0.0]]),
        np.array([[0.0, 1.0], [0.0, 0.0]]),
    ],
)
def test_second_derivatives_of_a_determinant_are_exact_where_it_is_0(a):
    n, step = len(a), 0.5
    directions = step * np.eye(n * n).reshape(n * n, n, n)
    # In each two entries a determinant is a polynomial of which differences are exact.
    expected = [
        [
            sum(s * t * np.linalg.det(a + s * e + t * f) for s in (1, -1) for t in (1, -1))
            / (4 * step * step)
            for f in directions
        ]
        for e in directions
    ]
    found = hessian(np.linalg.det)(a).reshape(n * n, n * n)
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_the_logarithm_of_a_determinant_of_0_is_refused_where_it_counts():
    stack = np.array([[[2.0, 3.0], [2.0, 6.0]], [[1.0, 3.0], [2.0, 6.0]]])
    with pytest.raises(GradientError, match=r"slogdet.*singular"):
        gradient(lambda a: np.linalg.slogdet(a)[1].sum(), stack)
    slopes = gradient(lambda a: np.linalg.slogdet(a)[1][0], stack)
    np.testing.assert_allclose(slopes, [np.linalg.inv(stack[0]).T, np.zeros((2, 2))])


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@looped("order", [-1, -2, -0.5])
def test_a_norm_of_negative_order_has_a_kink_where_an_entry_is_0(order):
    for x in ([0.0, 3.0, 4.0], [0.0, 0.0, 1.0]):
        np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, order), x), 0)


@looped(
    "f",
    [
        lambda a: np.linalg.cholesky(a).sum(),
        lambda a: (np.linalg.eigvalsh(a) * np.arange(3)).sum(),
        lambda a: np.linalg.eigh(a).eigenvectors.sum(),
    ],
)
def test_the_gradient_of_a_symmetric_matrix_is_symmetric(f):
    root = np.random.default_rng(0).normal(size=(3, 3))
    got = gradient(f, root @ root.T)
    np.testing.assert_allclose(got, got.T)
    assert np.abs(got[np.triu_indices(3, 1)]).min() > 0


def test_the_gradient_of_log_det_by_cholesky_is_the_inverse():
    root = np.random.default_rng(0).normal(size=(3, 3))
    a = root @ root.T

    def log_det(x):
        return 2 * np.log(np.diagonal(np.linalg.cholesky(x))).sum()

    np.testing.assert_allclose(gradient(log_det, a), np.linalg.inv(a), rtol=1e-9)


# Results


@looped(
    "f", [np.linalg.eigh, np.linalg.slogdet, np.linalg.qr, np.linalg.svd], ids=lambda f: f.__name__
)
def test_several_results_come_in_the_named_tuple_of_numpy(f):
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    plain, recorded = f(a), f(Tensor(a, requires_grad=True))
    assert type(recorded) is type(plain)
    for one, other in zip(recorded, plain, strict=True):
        np.testing.assert_allclose(one.data, other, rtol=1e-12)


def test_multi_dot_multiplies_in_the_cheapest_order():
    a, b, c = (Tensor(np.ones(s), requires_grad=True) for s in [(2, 50), (50, 2), (2, 50)])
    assert [x.shape for x in np.linalg.multi_dot([a, b, c]).arguments] == [(2, 2), (2, 50)]
    assert [x.shape for x in np.linalg.multi_dot([b, c, b]).arguments] == [(50, 2), (2, 2)]


# Refusals


@looped(
    ("f", "a", "message"),
    [
        (np.linalg.inv, np.zeros((2, 2)), r"inv\('A' \(2, 2\)\): Singular matrix"),
        (np.linalg.cholesky, -np.eye(2), r"cholesky\('A' \(2, 2\)\): .*positive definite"),
        (np.linalg.det, np.ones((2, 3)), r"det\('A' \(2, 3\)\): .*square"),
        (np.linalg.eigvalsh, np.ones(3), r"eigvalsh\('A' \(3,\)\): .*two-dimensional"),
    ],
)
def test_errors_of_linear_algebra_stay_such_and_name_the_operation(f, a, message):
    with pytest.raises(np.linalg.LinAlgError, match=message) as caught:
        f(Tensor(a, name="A", requires_grad=True))
    assert isinstance(caught.value, AutogradError)


@looped(
    ("f", "shape", "error", "message"),
    [
        (np.linalg.svd, (2, 3), UnsupportedError, "full_matrices=False"),
        (lambda a: np.linalg.qr(a, "complete"), (3, 2), UnsupportedError, "mode='complete'"),
        (lambda a: np.linalg.qr(a, "raw"), (2, 2), UnsupportedError, "mode='raw'"),
        (lambda a: np.linalg.norm(a, 7), (2, 2), UnsupportedError, "none of order 7"),
        (lambda a: np.linalg.norm(a, "inf"), (2,), UnsupportedError, r"'inf'\. Give a number"),
        (lambda a: np.linalg.norm(a, 2), (2, 2, 2), ShapeError, "one axis, matrices two"),
        (np.linalg.eig, (2, 2), UnsupportedError, r"np\.linalg\.eig.*no row"),
        (lambda a: np.cross(a, a), (2,), ShapeError, "entries, not 3"),
        (lambda a: np.tensordot(a, a, 1), (2, 3), ShapeError, r"lengths \[3\] and \[2\]"),
        (lambda a: np.linalg.multi_dot([a]), (2, 2), ShapeError, "two arrays or more"),
        (lambda a: np.einsum("ij,jk", a, a), (2, 3), ShapeError, "einsum.*broadcast"),
        (lambda a: np.einsum("ii", a, out=np.zeros(())), (2, 2), UnsupportedError, "out"),
    ],
)
def test_what_is_refused_says_what_to_write_instead(f, shape, error, message):
    with pytest.raises(error, match=message):
        f(Tensor(np.ones(shape), requires_grad=True))


@looped("product", of_this_numpy({"matvec": None, "vecmat": None}))
def test_a_vector_is_no_matrix(product):
    vector = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(ShapeError, match=r"(matvec|vecmat).*a matrix has two axes"):
        product(vector, vector)


# Einsum


@pytest.mark.parametrize("order", [None, 2, -2])
def test_the_condition_of_a_matrix_of_zeros_is_infinite(order):
    for matrices in (np.zeros((2, 2)), np.stack([np.zeros((2, 2)), np.diag([1.0, 2.0])])):
        found = np.linalg.cond(Tensor(matrices, requires_grad=True), order)
        np.testing.assert_array_equal(found.data, np.linalg.cond(matrices, order))
