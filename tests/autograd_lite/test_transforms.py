"""vjp, jvp, jacobian, hessian and hvp against each other, formulas and nested structures."""

from dataclasses import asdict, dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from looping import looped

import autograd_lite as al
import nn
from autograd_lite import Tensor, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autograd_lite.errors import AutogradError, GradientError, UnsupportedError

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 2))
X = RNG.normal(size=3)
LABELS = np.array([0, 1, 0, 1])


def curved(x):
    return np.tanh(x) @ A


def jacobian_of_curved(x):
    return (A * (1 - np.tanh(x) ** 2)[:, None]).T


PARAMETERS = {
    "W1": RNG.normal(size=(3, 4)),
    "b1": RNG.normal(size=4),
    "W2": RNG.normal(size=(4, 2)),
    "b2": RNG.normal(size=2),
}
SAMPLES = RNG.normal(size=(4, 3))
DIRECTION = {name: RNG.normal(size=p.shape) for name, p in PARAMETERS.items()}


def network_loss(p):
    hidden = np.tanh(al.affine(SAMPLES, p["W1"], p["b1"]))
    return al.softmax_cross_entropy(al.affine(hidden, p["W2"], p["b2"]), LABELS)


def test_vjp_is_the_cotangent_times_the_jacobian_and_can_be_used_again():
    value, pullback = vjp(curved, X)
    np.testing.assert_array_equal(value, curved(X))
    for u in (np.array([1.0, 0.0]), np.array([-2.0, 3.0])):
        np.testing.assert_allclose(pullback(u)[0], u @ jacobian_of_curved(X), rtol=1e-14)


def test_jvp_is_the_jacobian_times_the_tangent():
    v = RNG.normal(size=3)
    value, tangent = jvp(curved, [X], [v])
    np.testing.assert_array_equal(value, curved(X))
    np.testing.assert_allclose(tangent, jacobian_of_curved(X) @ v, rtol=1e-13)


def test_jacobian_has_the_axes_of_the_output_before_those_of_the_input():
    np.testing.assert_allclose(jacobian(curved)(X), jacobian_of_curved(X), rtol=1e-14)
    assert jacobian(lambda x: x.reshape(3, 1) * np.ones((3, 2)))(X).shape == (3, 2, 3)


def test_jacobian_of_structures_is_a_structure_of_arrays():
    def f(p):
        return {"product": p[0] * p[1], "sum": p[0].sum()}

    blocks = jacobian(f)((X, A[:, 0]))
    np.testing.assert_array_equal(blocks["product"][0], np.diag(A[:, 0]))
    np.testing.assert_array_equal(blocks["product"][1], np.diag(X))
    np.testing.assert_array_equal(blocks["sum"][0], np.ones(3))
    np.testing.assert_array_equal(blocks["sum"][1], np.zeros(3))


def test_jacobian_in_several_arguments_is_a_tuple():
    first, second = jacobian(lambda x, y: x * y, argnums=(0, 1))(X, A[:, 1])
    np.testing.assert_array_equal(first, np.diag(A[:, 1]))
    np.testing.assert_array_equal(second, np.diag(X))


def test_jacobian_of_an_empty_output_is_empty():
    assert jacobian(lambda x: x[:0])(X).shape == (0, 3)


def test_cotangents_come_through_the_gate_of_all_operands():
    x, g = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [0.0, 1.0]])
    _, pullback = vjp(lambda x: x**2, x)
    (found,) = pullback(g.view(np.matrix))
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, g * 2 * x)
    with pytest.raises(UnsupportedError, match="MaskedArray"):
        pullback(np.ma.array(g, mask=g > 1))


def test_a_pullback_is_that_of_the_point_whatever_becomes_of_the_array():
    point, parts = np.array([1.0, 2.0]), {"a": np.array([3.0, 4.0])}
    value, pullback = vjp(lambda x, p: x.reshape(2, 1) ** 2 * p["a"][:, None], point, parts)
    point[:], parts["a"][:] = 9.0, 9.0
    by_point, by_parts = pullback(np.ones((2, 1)))
    np.testing.assert_array_equal(value, [[3.0], [16.0]])
    np.testing.assert_array_equal(by_point, [6.0, 16.0])
    np.testing.assert_array_equal(by_parts["a"], [1.0, 4.0])


def test_vjp_and_jvp_of_structures():
    def f(p, scale):
        return [p["a"] * scale, p["b"].sum() * scale]

    arguments = ({"a": X, "b": A}, 2.0)
    value, pullback = vjp(f, *arguments)
    np.testing.assert_array_equal(value[0], 2 * X)
    tree, scale = pullback([np.ones(3), 1.0])
    np.testing.assert_array_equal(tree["a"], np.full(3, 2.0))
    np.testing.assert_array_equal(tree["b"], np.full((3, 2), 2.0))
    assert scale == pytest.approx(X.sum() + A.sum(), rel=1e-14)
    _, tangent = jvp(f, arguments, ({"a": np.ones(3), "b": 0 * A}, 1.0))
    np.testing.assert_allclose(tangent[0], 2 + X, rtol=1e-14)
    assert tangent[1] == pytest.approx(A.sum(), rel=1e-14)


def test_hessian_of_a_networks_loss_in_its_parameter_dict_is_symmetric_and_right():
    H = hessian(network_loss)(PARAMETERS)
    for one, p in PARAMETERS.items():
        for other, q in PARAMETERS.items():
            assert H[one][other].shape == p.shape + q.shape
            transposed = np.moveaxis(H[other][one], range(q.ndim), range(p.ndim, p.ndim + q.ndim))
            np.testing.assert_allclose(H[one][other], transposed, rtol=1e-10, atol=1e-15)
    step = 1e-5
    moved = [
        grad(network_loss)({n: p + sign * step * DIRECTION[n] for n, p in PARAMETERS.items()})
        for sign in (1, -1)
    ]
    (product,) = hvp(network_loss, [PARAMETERS], [DIRECTION])
    for name, p in PARAMETERS.items():
        numeric = (moved[0][name] - moved[1][name]) / (2 * step)
        np.testing.assert_allclose(product[name], numeric, rtol=1e-6, atol=1e-9)
        full = sum(
            np.tensordot(H[name][other], DIRECTION[other], axes=DIRECTION[other].ndim)
            for other in PARAMETERS
        )
        np.testing.assert_allclose(product[name], full, rtol=1e-10, atol=1e-15)
        assert product[name].shape == p.shape


def test_every_order_of_derivative_by_nesting():
    f = np.sin
    for order in range(5):
        expected = np.sin(0.3 + order * np.pi / 2)
        assert f(0.3) == pytest.approx(expected, rel=1e-12)
        f = grad(f)


def test_transforms_nest_in_each_other():
    cube = lambda x: x**3
    assert jvp(grad(cube), [2.0], [1.0])[1] == 12.0
    assert grad(lambda a: jvp(lambda x: a * x**2, [3.0], [1.0])[1])(2.0) == 6.0
    assert grad(lambda a: vjp(lambda x: a * x**2, 3.0)[1](1.0)[0])(2.0) == 6.0
    np.testing.assert_allclose(
        jacobian(jacobian(lambda x: x**3))(X)[range(3), range(3), range(3)], 6 * X, rtol=1e-14
    )


def test_a_tensor_that_requires_grad_stays_connected():
    x = Tensor(X, requires_grad=True)
    J = jacobian(lambda y: y**2)(x)
    assert isinstance(J, Tensor)
    J.sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(3, 2.0))


def test_results_are_plain_arrays_that_do_not_share_memory():
    gradients = grad(lambda x, y: (x + y).sum(), argnums=(0, 1))(X, X)
    gradients[0][...] = 7.0
    np.testing.assert_array_equal(gradients[1], np.ones(3))


def test_what_does_not_depend_on_the_arguments_has_zero_derivatives():
    np.testing.assert_array_equal(jacobian(lambda x: np.ones(2))(X), np.zeros((2, 3)))
    value, tangent = jvp(lambda x: 3.0, [X], [X])
    assert (value, tangent) == (3.0, 0.0)


@looped(
    ("call", "words"),
    [
        (lambda: grad(lambda x: x * 2)(X), "only a scalar"),
        (lambda: grad(lambda x: (x, x))(1.0), "only a scalar"),
        (lambda: grad(np.sum, argnums=1)(X), "it was given 1 arguments"),
        (lambda: vjp(curved, X)[1](np.ones(3)), r"it has the shape \(3,\), not \(2,\)"),
        (lambda: grad(lambda x: x * x)(3), "write 1.0 for 1"),
        (lambda: grad(np.argmax)(X), "argmax: it returned .* of int64, whose derivative is 0"),
        (lambda: value_and_grad(lambda x: (x > 1).all())(X), "of bool, whose derivative is 0"),
        (lambda: grad(lambda x: np.allclose(x, x))(X), "of bool, whose derivative is 0"),
        (lambda: grad(lambda x: 3)(X), r"a constant is 0\.0"),
    ],
)
def test_what_has_no_derivative_is_refused_with_the_reason(call, words):
    with pytest.raises(AutogradError, match=words):
        call()


def test_the_tangent_is_infinite_where_the_derivative_is():
    with np.errstate(divide="ignore"):
        value, tangent = jvp(np.sqrt, [np.array([0.0, 4.0])], [np.ones(2)])
    assert value.tolist() == [0.0, 2.0]
    assert tangent.tolist() == [np.inf, 0.25]


@looped("transform", [grad, value_and_grad, jacobian, hessian])
def test_a_function_that_lacks_a_return_is_refused(transform):
    def forgetful(x):
        (x**2).sum()

    with pytest.raises(GradientError, match=r"forgetful: it returned None\. Write return"):
        transform(forgetful)(np.ones(3))


@looped(
    ("wrong", "words"),
    [("abc", "<U3"), (1, "int64"), (1j, "complex128"), ({"b": 1}, "int64")],
)
def test_a_point_that_is_refused_is_named_by_its_argument(wrong, words):
    def scaled(a, b):
        return a * b["b"] if isinstance(b, dict) else a * b

    for transform in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(UnsupportedError, match=f"scaled in argument 1, .*{words}"):
            transform(scaled, argnums=(0, 1))(2.0, wrong)


@looped("point", [2.0, np.float32(2.0), np.array(2.0)])
def test_the_gradient_at_a_number_is_a_number_where_it_is_0_too(point):
    wanted = type(grad(lambda x: x * x)(point))
    assert issubclass(wanted, np.floating)
    for f in (lambda x: 3.0, lambda x: x.detach(), np.sign, np.rint, lambda x: x * 0 + np.sum([])):
        assert type(grad(f)(point)) is wanted
    assert type(grad(grad(lambda x: 3 * x))(point)) is wanted


@dataclass
class Line:
    slope: float
    shift: np.ndarray


WITHIN = [
    (Line(1.0, X), r"of dtype object cannot.*dataclasses\.asdict\(x\), or make it a NamedTuple"),
    (SimpleNamespace(slope=1.0), r"of dtype object cannot.*in a dict: vars\(x\)"),
    (
        nn.Dense(2, 1, rng=0),
        r"of dtype object cannot.*dict\(model\.named_parameters\(\)\).*nn\.functional_call\(model",
    ),
    ({1.0, 2.0}, r"take it for a single object.*list\(x\)"),
    (object(), "of dtype object cannot.*nested lists of them"),
    (np.array([1.0, "a"], object), "of dtype object cannot.*nested lists of them"),
]


@looped(("held", "told"), WITHIN)
def test_an_object_that_holds_arrays_is_told_how_to_give_them(held, told):
    for point in (held, {"line": [held]}):
        with pytest.raises(UnsupportedError, match=told):
            grad(lambda line: 0.0)(point)
    assert grad(lambda line: line["slope"] ** 2)(asdict(Line(3.0, X)))["slope"] == 6.0
