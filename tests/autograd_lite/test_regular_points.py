"""Higher derivatives at the points where rules distinguish cases: at 0, at 1, at equal arguments.

A rule with `np.where(a == b, constant, ...)` is right there, and its derivative is not. What is
smooth has the derivatives of its neighbours, on all sides.
"""

import itertools

import numpy as np
import pytest
import scipy.special as sp
from looping import looped
from tiers import in_second_tier

from autograd_lite import grad, hessian
from autograd_lite.derivatives import all_rows

POINTS = (0.0, 1.0, -0.5)
STEPS = (1.3e-5, -0.7e-5)
NOT_A_NUMBER = ("rel_entr", "kl_div", "pseudo_huber", "beta", "poch")
"""At some of the points, poles or borders of where they are defined, and then no wrong number."""


def arguments_of(row):
    count = getattr(row.function, "nin", 1)
    return count, [i for i, vjp in enumerate(row.vjps) if vjp is not None][:count]


ROWS = {
    row.name: row
    for function, row in all_rows().items()
    if row.traits.elementwise
    and not row.sequence
    and row.is_own()
    and (isinstance(function, np.ufunc) or len(row.vjps) == 1)
    and row.name not in ("astype", "where", "nan_to_num", "heaviside", "ldexp", "expn", "yn", "kn")
}


def second(function, along):
    return grad(grad(function, along[0]), along[1])


def around(point, derivative):
    return [
        float(derivative(*(x + step for x, step in zip(point, steps))))
        for steps in itertools.product(STEPS, repeat=len(point))
    ]


def are_alike(values):
    return np.ptp(values) < 1e-3 * (1 + np.abs(values).max())


@pytest.mark.parametrize("every", in_second_tier((3, 1), (3,)))
def test_second_derivatives_are_those_of_the_neighbours_where_these_agree(every):
    looped("name", [*ROWS][::every])(require_those_of_the_neighbours)()


def require_those_of_the_neighbours(name):
    row = ROWS[name]
    count, differentiable = arguments_of(row)
    for point in itertools.product(POINTS, repeat=count):
        with np.errstate(all="ignore"):
            if not np.isfinite(row.function(*point)) or (name == "hypot" and not any(point)):
                continue
            for along in itertools.combinations_with_replacement(differentiable, 2):
                derivative = second(row.function, along)
                near = around(point, derivative)
                # Where the slope jumps it has no derivative, however much its neighbours agree.
                if are_alike(near) and are_alike(around(point, grad(row.function, along[0]))):
                    found = float(derivative(*point))
                    if name in NOT_A_NUMBER and np.isnan(found):
                        continue
                    assert found == pytest.approx(np.mean(near), rel=1e-3, abs=1e-3), (point, along)


def third(function, point):
    return float(grad(grad(grad(function)))(point))


@looped("function", [lambda x: grad(np.i0)(x), sp.i1])
def test_the_bessel_function_of_order_1_has_a_third_derivative_at_0(function):
    assert third(function, 0.0) == pytest.approx(3 / 8, rel=1e-13)


def test_it_sums_half_precision_in_single():
    slope = grad(np.i0)(np.float16(10.0))
    assert slope.dtype == np.float16
    assert float(slope) == pytest.approx(sp.i1(10.0), rel=1e-3)


def test_j1_has_a_third_derivative_at_0():
    assert third(sp.j1, 0.0) == pytest.approx(-3 / 8, rel=1e-13)


@pytest.mark.parametrize("power", [np.power, np.float_power])
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_powers_have_mixed_derivatives_at_whole_exponents(power, exponent):
    a = 2.0
    mixed = grad(grad(power), 1)(a, exponent)
    assert mixed == pytest.approx(a ** (exponent - 1) * (1 + exponent * np.log(a)), rel=1e-14)


@looped("n", range(4))
def test_the_reciprocal_gamma_function_has_derivatives_at_its_zeros(n):
    assert grad(sp.rgamma)(-float(n)) == pytest.approx((-1) ** n * sp.factorial(n), rel=1e-14)
    assert grad(sp.rgamma)(n + 0.75) == pytest.approx(
        -sp.rgamma(n + 0.75) * sp.psi(n + 0.75), rel=1e-14
    )
    # The reciprocal of Γ is x plus Euler's constant times x² near 0.
    assert grad(grad(sp.rgamma))(0.0) == pytest.approx(2 * np.euler_gamma, rel=1e-14)


def test_fmod_counts_how_often_the_divisor_was_taken():
    # 1 / 0.1 rounds to 10, but 0.1 is a little more than a tenth.
    assert grad(np.fmod, 1)(1.0, 0.1) == -9.0
    assert grad(np.fmod, 1)(-7.5, 2.0) == 3.0


def test_ldexp_does_not_overflow_in_between():
    x = 3e-300
    assert grad(lambda x: np.ldexp(x, 1010))(x) == 2.0**1010
    found = hessian(lambda x: np.ldexp(x * x, 3))(2.0)
    assert found == 16.0
