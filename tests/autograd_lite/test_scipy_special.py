"""SciPy's special functions have rows from the moment that they meet a tensor."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.fft
import scipy.integrate
import scipy.linalg
import scipy.special as sp
import scipy.stats
from looping import looped
from sampling import normal, positive

import autograd_lite as al
from autograd_lite import Tensor, UnsupportedError, grad, gradcheck
from autograd_lite.elsewhere import OF_SCIPY
from autograd_lite.protocol import full_name
from autograd_lite.trees import leaves_of

inf = float("inf")


def fraction(*shape):
    """Numbers from 0.1 to 0.9."""
    return np.random.default_rng(len(shape)).uniform(0.1, 0.9, shape)


OF_ONE = {
    normal: """expit log_expit erf erfc erfcx erfi dawsn ndtr log_ndtr exp2 exp10 expm1 cosm1 cbrt
        i0 i1 i0e i1e j0 j1 exprel""",
    positive: """gamma rgamma gammaln loggamma psi digamma log1p entr expi exp1 k0 k1 k0e k1e y0
        y1""",
    fraction: "logit ndtri erfinv erfcinv",
}
OF_TWO = """xlogy xlog1py rel_entr kl_div beta betaln poch boxcox boxcox1p inv_boxcox
    inv_boxcox1p"""
OF_THE_LAST = {
    "expn": (2,),
    "jv": (1.5,),
    "yv": (1.5,),
    "iv": (0.5,),
    "kv": (2.0,),
    "gammainc": (1.7,),
    "gammaincc": (1.7,),
    "betainc": (1.2, 2.3),
    "betaincc": (1.2, 2.3),
    "betaincinv": (1.2, 2.3),
    "gammaincinv": (1.7,),
    "gammainccinv": (1.7,),
    "ive": (0.5,),
    "kve": (2.0,),
    "yn": (1,),
    "kn": (2,),
    "huber": (0.7,),
    "pseudo_huber": (0.7,),
}
CALLS = {
    **{
        name: (getattr(sp, name), numbers(2, 3))
        for numbers, names in OF_ONE.items()
        for name in names.split()
    },
    **{name: (getattr(sp, name), positive(2, 3), 1.1 * positive(3)) for name in OF_TWO.split()},
    **{
        name: (lambda x, name=name, first=first: getattr(sp, name)(*first, x), fraction(2, 3))
        for name, first in OF_THE_LAST.items()
    },
}


@looped("name", CALLS)
def test_values_are_scipy_s_and_derivatives_agree_with_differences(name):
    function, *arrays = CALLS[name]
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    np.testing.assert_array_equal(function(*tensors).data, function(*arrays))
    assert gradcheck(function, arrays, order=2)
    single = [Tensor(np.float32(array), requires_grad=True) for array in arrays]
    function(*single).sum().backward()
    function(*tensors).sum().backward()
    for one, other in zip(single, tensors, strict=True):
        assert one.grad.dtype == np.float32
        np.testing.assert_allclose(one.grad, other.grad, rtol=2e-5, atol=1e-6)


@looped("name", ["i1", "j1", "i1e"])
def test_bessel_functions_of_order_1_have_the_slope_one_half_at_0(name):
    assert grad(getattr(sp, name))(0.0) == 0.5


@looped("sign", [1, -1])
@looped("x", [9.99, 10.01, 50.0, 1e4, 1e8])
def test_dawsons_integral_has_its_slope_far_out(x, sign):
    t = 1 / (2 * x**2)
    expected = -t * (1 + 3 * t + 15 * t**2 + 105 * t**3 + 945 * t**4 + 10395 * t**5)
    assert grad(sp.dawsn)(sign * x) == pytest.approx(expected, rel=1e-8, abs=0)
    steeper = 2 * t * sign * (1 + 6 * t + 45 * t**2 + 420 * t**3 + 4725 * t**4) / x
    assert grad(grad(sp.dawsn))(sign * x) == pytest.approx(steeper, rel=1e-6, abs=0)


@pytest.mark.filterwarnings("ignore:floating point number truncated")
@looped("order", [0.5, 1.5, 2.0, 3.9])
@looped("function", [sp.yn, sp.kn, sp.expn])
def test_an_order_counts_without_its_fraction_as_in_scipy(function, order):
    assert function(order, 1.5) == function(int(order), 1.5)
    assert grad(function, 1)(order, 1.5) == grad(function, 1)(int(order), 1.5)


@looped("function", [sp.gammainc, sp.gammaincc])
@looped("shape", [0.5, 1.0, 2.0])
def test_the_gamma_distribution_is_flat_at_infinity(function, shape):
    assert grad(function, 1)(shape, inf) == 0.0
    assert grad(grad(function, 1), 1)(shape, inf) == 0.0


@pytest.mark.filterwarnings("ignore:divide by zero")
@looped(("function", "zero"), [(sp.boxcox, 0.0), (sp.boxcox1p, -1.0)])
def test_a_power_of_0_counts_by_the_division_alone(function, zero):
    for power in (0.5, 1.0, 3.0):
        assert function(zero, power) == -1 / power
        assert grad(function, 1)(zero, power) == pytest.approx(1 / power**2)
        assert grad(grad(function, 1), 1)(zero, power) == pytest.approx(-2 / power**3)


def test_0_times_any_logarithm_is_flat_in_what_that_is_of():
    assert grad(sp.xlogy, 1)(0.0, 0.0) == grad(sp.xlog1py, 1)(0.0, -1.0) == 0.0


@looped(("function", "x"), [(sp.dawsn, inf), (sp.dawsn, -inf), (sp.exprel, -inf), (sp.rgamma, inf)])
def test_what_is_0_at_infinity_is_flat_there(function, x):
    for derivative in (grad(function), grad(grad(function))):
        assert derivative(x) == 0.0
        assert derivative(np.float32(x)) == 0.0


def test_derivatives_are_precise_where_formulas_would_cancel():
    # Of erfcx it is -1 / (sqrt(π) x²) (1 - 3 / (2 x²) + ...), of log_ndtr -x - 1 / x + ...
    for x in (1e3, 1e6):
        expected = -(1 - 1.5 / x**2) / (np.sqrt(np.pi) * x**2)
        assert grad(sp.erfcx)(x) == pytest.approx(expected, rel=1e-11)
        assert grad(sp.log_ndtr)(-x) == pytest.approx(x + 1 / x, rel=1e-11)
    assert grad(sp.expit)(40.0) == pytest.approx(np.exp(-40), rel=1e-15)
    for at, slope in ((50.0, 0), (0.0, -2 / np.pi)):
        assert grad(sp.log_ndtr)(at) == pytest.approx(np.exp(-at * at / 2) * np.sqrt(2 / np.pi))
        assert grad(grad(sp.log_ndtr))(at) == pytest.approx(slope, rel=1e-14)


@looped("power", [0.0, 1e-12, -1e-9, 1e-6])
def test_the_power_of_box_and_cox_has_a_slope_near_0_too(power):
    x = 3.0
    by_power, log_x = grad(sp.boxcox, 1), np.log(x)
    expected = log_x**2 / 2 + power * log_x**3 / 3
    assert by_power(x, power) == pytest.approx(expected, rel=1e-11)
    assert grad(by_power, 1)(x, power) == pytest.approx(log_x**3 / 3, rel=1e-5)
    z = sp.boxcox(x, power)
    # x(z, power) inverts z(x, power).
    expected = -by_power(x, power) / grad(sp.boxcox)(x, power)
    assert grad(sp.inv_boxcox, 1)(z, power) == pytest.approx(expected, rel=1e-11)
    assert grad(sp.inv_boxcox)(z, power) == pytest.approx(x ** (1 - power), rel=1e-11)


def test_the_second_derivative_of_i1e_is_precise_near_0():
    for x in (1e-200, 1e-30, 1e-9):
        assert grad(grad(sp.i1e))(x) == pytest.approx(-1, rel=1e-8)
        assert grad(grad(sp.i1e))(-x) == pytest.approx(1, rel=1e-8)


def test_exponential_integrals_of_order_0_have_derivatives():
    # E0(x) is exp(-x) / x.
    x, of_order_0 = 2.0, lambda x: sp.expn(0, x)
    assert grad(of_order_0)(x) == pytest.approx(-np.exp(-x) * (1 / x + 1 / x**2), rel=1e-14)
    assert grad(grad(lambda x: sp.expn(1, x)))(x) == pytest.approx(-grad(of_order_0)(x), rel=1e-14)


def test_nothing_times_a_logarithm_of_0_is_nothing():
    by_x, by_y = grad(lambda x, y: (0 * sp.xlogy(x, y)).sum(), (0, 1))(np.zeros(1), np.zeros(1))
    assert by_x == by_y == 0
    assert grad(sp.xlogy, 1)(0.0, 0.0) == 0


def both_orders(function, *point):
    """The gradient, and the matrix of second derivatives, in numbers."""
    places = range(len(point))
    first = [float(grad(function, i)(*point)) for i in places]
    slope = [lambda *x, i=i: grad(function, i)(*x) for i in places]
    return first, [[float(grad(slope[i], j)(*point)) for j in places] for i in places]


@looped(("function", "own"), [(sp.rel_entr, 1.0), (sp.kl_div, 0.0)])
def test_relative_entropies_have_their_limits_where_an_argument_is_0(function, own):
    with np.errstate(divide="ignore"):
        at_zeros = both_orders(function, 0.0, 1.0), both_orders(function, 1.0, 0.0)
    assert at_zeros[0] == ([-inf, 1 - own], [[inf, -1], [-1, 0]])
    assert at_zeros[1] == ([inf, -inf], [[1, -inf], [-inf, inf]])
    assert both_orders(function, 2.0, 2.0) == ([own, -own], [[0.5, -0.5], [-0.5, 0.5]])


def test_rising_factorials_and_beta_have_slopes_where_gamma_has_poles():
    for z, m, slope, bend in [
        (-1.0, 2, -1, 2), (0.0, 1, 1, 0), (-2.0, 1, 1, 0), (-1.0, 3, -1, 0), (0.0, 4, 6, 22),
    ]:  # fmt: skip
        by_z = lambda z, m=m: sp.poch(z, float(m))
        found = float(grad(by_z)(z)), float(grad(grad(by_z))(z))
        np.testing.assert_allclose(found, (slope, bend), rtol=1e-12, atol=1e-12)
    by_a = lambda a: sp.beta(a, 1.0)
    np.testing.assert_allclose((grad(by_a)(-1.0), grad(grad(by_a))(-1.0)), (-1, -2), 1e-12)
    by_a = lambda a: sp.betaln(a, 2.0)
    np.testing.assert_allclose(grad(by_a)(-3.0), 1 / 3 + 1 / 2, 1e-12)


def test_functions_of_scipy_are_called_by_their_names():
    assert full_name(sp.expit) == "scipy.special.expit"
    assert full_name(np.exp) == "np.exp"
    with pytest.raises(UnsupportedError, match=r"scipy\.special\.ellipk.*no row"):
        sp.ellipk(Tensor(0.5, requires_grad=True))
    with pytest.raises(UnsupportedError, match=r"gammainc.*argument 0"):
        sp.gammainc(Tensor(0.5, requires_grad=True), 1.0)


@looped(
    ("call", "name", "told"),
    [
        (sp.logsumexp, r"scipy\.special\.logsumexp", r"Write autograd_lite\.logsumexp"),
        (sp.softmax, r"scipy\.special\.softmax", r"Write autograd_lite\.softmax"),
        (sp.lambertw, r"scipy\.special\.lambertw", "differentiable"),
        (scipy.fft.rfft, r"scipy\.fft\.rfft", "differentiable"),
        (np.ma.ones((2, 2)).__add__, r"numpy\.ma\.MaskedArray\.__add__", r"Write x\.filled\(0\)"),
        (scipy.linalg.expm, r"scipy\.linalg\.expm", "differentiable"),
        (
            lambda x: scipy.linalg.solve(x, np.ones(2)),
            r"scipy\.linalg\.solve",
            r"np\.linalg\.solve",
        ),
        (
            lambda x: scipy.linalg.solve_triangular(x, np.ones(2)),
            r"scipy\.linalg\.solve_triangular",
            r"Write np\.linalg\.solve",
        ),
        (scipy.linalg.cho_factor, r"scipy\.linalg\.cho_factor", r"np\.linalg\.cholesky, the lower"),
        (scipy.linalg.inv, r"scipy\.linalg\.inv", r"Write np\.linalg\.inv$"),
        (scipy.stats.norm.logpdf, r"scipy\.stats\.rv_continuous\.logpdf", "Write its formula"),
    ],
)
def test_functions_that_convert_are_called_by_their_names_too(call, name, told):
    x = Tensor(np.eye(2), requires_grad=True)
    with pytest.raises(UnsupportedError, match=rf"^{name} of tensor \(2, 2\): .*{told}"):
        call(x)


def test_what_is_to_be_written_for_functions_of_scipy_records():
    x = Tensor([[3.0, 1.0], [1.0, 2.0]], requires_grad=True)
    given = {"solve": (x, x), "lstsq": (x, x), "convolve": (x[0], x[1]), "block": ([[x, x]],)}
    told = {text.format(own).partition("(")[0].partition(",")[0] for own, text in OF_SCIPY.items()}
    told.remove("the steps with NumPy's functions")
    assert {"np.linalg.cholesky", "np.block", "autograd_lite.softmax"} <= told
    for name in told:
        function = eval(name, {"np": np, "autograd_lite": al})
        found = leaves_of(function(*given.get(name.rpartition(".")[2], (x,))))
        assert any(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in found), name


def test_a_function_of_one_s_own_that_scipy_calls_is_not_taken_for_scipy_s():
    x = Tensor(np.eye(2), requires_grad=True)
    with pytest.raises(UnsupportedError, match=r"^conversion of tensor"):
        scipy.integrate.quad(lambda t: np.asarray(x)[0, 0], 0.0, 1.0)


def test_ours_agree_with_scipy_s():
    x = np.linspace(-5, 5, 1001)
    np.testing.assert_allclose(al.erf(x), sp.erf(x), rtol=1e-15)
    np.testing.assert_allclose(al.gelu(x), x * sp.ndtr(x), rtol=1e-14)
    np.testing.assert_allclose(al.sigmoid(x), sp.expit(x), rtol=1e-15)


def test_scipy_is_not_imported_for_others():
    code = (
        "import sys, numpy as np, autograd_lite as al\n"
        "al.gelu(al.Tensor([1.0])); np.exp(al.Tensor([1.0]))\n"
        "try: np.frexp(al.Tensor([1.0]))\n"
        "except TypeError: pass\n"
        "assert not any(name.startswith('scipy') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
