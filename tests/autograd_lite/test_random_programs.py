"""Random programs over the table, against differences of what plain NumPy computes.

A program is a list of steps, each a function of two earlier values and a number that picks axes,
indices and the like. Steps share their inputs, broadcast, and fit whatever shapes they meet.
"""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import autograd_lite as al
from autograd_lite import Tensor, grad, hvp, value_and_grad

SHAPES = [(), (3,), (2, 1), (2, 3)]
LARGEST_SIZE, LARGEST_VALUE = 24, 20.0


def axis(x, n):
    """None or an axis, counted from either end."""
    return [None, *range(-x.ndim, x.ndim)][n % (2 * x.ndim + 1)]


def some_axis(x, n):
    return n % (2 * x.ndim) - x.ndim


def vector(x):
    return np.reshape(x, -1)


def fitting(x, n):
    """n of the entries of x, over and over."""
    return np.take(x, np.arange(n) % x.size)


def constants(x, *shape):
    """Numbers in the dtype of x."""
    return np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape).astype(x.dtype)


def matrix(x):
    """A matrix of 2 by 2 that is far from singular."""
    return 4 * np.eye(2, dtype=x.dtype) + np.tanh(fitting(x, 4).reshape(2, 2))


UNARY = {
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "arctan": np.arctan,
    "arcsinh": np.arcsinh,
    "sinc": np.sinc,
    "negative": np.negative,
    "sigmoid": al.sigmoid,
    "swish": al.swish,
    "softplus": al.softplus,
    "exp": lambda a: np.exp(np.sin(a)),
    "expm1": lambda a: np.expm1(np.cos(a)),
    "log": lambda a: np.log(1.5 + np.sin(a)),
    "log1p": lambda a: np.log1p(a * a),
    "sqrt": lambda a: np.sqrt(1 + np.square(a)),
    "reciprocal": lambda a: np.reciprocal(2 + np.cos(a)),
    "arcsin": lambda a: np.arcsin(np.sin(a) / 2),
    "cube": lambda a: np.tanh(a) ** 3,
    "scalars": lambda a: 1 - 2 * a / 3 + 0.5,
}

BINARY = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (2 + np.sin(b)),
    "power": lambda a, b: (2 + np.sin(a)) ** np.tanh(b),
    "arctan2": lambda a, b: np.arctan2(a, 2 + np.cos(b)),
    "hypot": lambda a, b: np.hypot(a, 2 + np.cos(b)),
    "logaddexp": np.logaddexp,
    "where": lambda a, b: np.where(constants(a, *a.shape) > 0, a, b),
}

REDUCING = {
    "sum": lambda a, n: np.sum(a, axis(a, n), keepdims=n % 2 == 0),
    "mean": lambda a, n: a.mean(axis=axis(a, n)),
    "prod": lambda a, n: np.prod(np.tanh(a), axis(a, n)),
    "var": lambda a, n: np.var(a, axis(a, n), keepdims=n % 2 == 1),
    "cumsum": lambda a, n: np.cumsum(a, axis(a, n)),
    "cumprod": lambda a, n: np.cumprod(np.sin(a), axis(a, n)),
    "logsumexp": lambda a, n: al.logsumexp(a, axis=axis(a, n)),
    "norm": lambda a, n: np.linalg.norm(vector(np.cos(a) + 2)),
}

SHAPING = {
    "vector": lambda a, n: vector(a),
    "transpose": lambda a, n: np.transpose(a),
    "expand": lambda a, n: np.expand_dims(a, n % (a.ndim + 1)),
    "broadcast": lambda a, n: np.broadcast_to(a, (1 + n % 2, *a.shape)),
    "flip": lambda a, n: np.flip(a, axis(a, n)),
    "roll": lambda a, n: np.roll(a, n, axis(a, n)),
    "repeat": lambda a, n: np.repeat(a, 1 + n % 2, axis(a, n)),
    "tile": lambda a, n: np.tile(a, 1 + n % 2),
    "pad": lambda a, n: np.pad(np.atleast_1d(a), (n % 2, 1), "edge"),
    "tril": lambda a, n: np.tril(np.atleast_2d(a), n % 3 - 1),
    "diag": lambda a, n: np.diag(fitting(a, 3), n % 3 - 1),
    "softmax": lambda a, n: al.softmax(np.atleast_1d(a), some_axis(np.atleast_1d(a), n)),
}

INDEXING = {
    "integer": lambda a, n: np.atleast_1d(a)[n % np.atleast_1d(a).shape[0]],
    "slice": lambda a, n: vector(a)[:: (-1) ** n * 2],
    "newaxis": lambda a, n: a[..., None],
    "repeated": lambda a, n: vector(a)[np.array([0, n % a.size, 0, -1])],
    "mask": lambda a, n: vector(a)[np.arange(a.size) % 3 != 1],
    "take": lambda a, n: np.take(a, [n % a.size, 0]),
}

JOINING = {
    "concatenate": lambda a, b: np.concatenate([vector(a), vector(b)]),
    "stack": lambda a, b: np.stack([vector(a), fitting(b, a.size), vector(a)], axis=1),
    "append": lambda a, b: np.append(a, b),
}

PRODUCTS = {
    "matmul": lambda a, b: np.atleast_1d(a) @ constants(b, np.atleast_1d(a).shape[-1], 2),
    "batched": lambda a, b: constants(a, 2, 1, 3) @ np.reshape(fitting(b, 6), (2, 3, 1)),
    "matrices": lambda a, b: np.reshape(fitting(a, 6), (2, 3)) @ np.reshape(fitting(b, 3), (3, 1)),
    "dot": lambda a, b: np.dot(vector(a), fitting(b, a.size)),
    "outer": lambda a, b: np.outer(fitting(a, 2), fitting(b, 3)),
    "einsum": lambda a, b: np.einsum("ij,jk->ki", matrix(a), fitting(b, 4).reshape(2, 2)),
    "trace": lambda a, b: np.einsum("ii,i", matrix(a), fitting(b, 2)),
    "tensordot": lambda a, b: np.tensordot(matrix(a), matrix(b), 1) / 8,
    "kron": lambda a, b: np.kron(fitting(a, 2), fitting(b, 2)),
    "inverse": lambda a, b: np.linalg.inv(matrix(a)) @ fitting(b, 2),
    "solve": lambda a, b: np.linalg.solve(matrix(a), fitting(b, 2)),
    "det": lambda a, b: np.linalg.det(matrix(a)) / 16 * b,
    "affine": lambda a, b: al.affine(matrix(a), constants(b, 2, 3), fitting(b, 3)),
}

OPERATIONS = (
    {name: lambda a, b, n, f=f: f(a) for name, f in UNARY.items()}
    | {name: lambda a, b, n, f=f: f(a, b) for name, f in {**JOINING, **PRODUCTS}.items()}
    | {name: lambda a, b, n, f=f: f(a, n) for name, f in {**REDUCING, **SHAPING}.items()}
    | {f"index {name}": lambda a, b, n, f=f: f(a, n) for name, f in INDEXING.items()}
    | {name: lambda a, b, n, f=f: f(*broadcastable(a, b)) for name, f in BINARY.items()}
)


def broadcastable(a, b):
    """The two, or one and the sum of the other."""
    pairs = zip(a.shape[::-1], b.shape[::-1])
    return (a, b) if all(m == n or 1 in (m, n) for m, n in pairs) else (a, b.sum())


def run(program, inputs):
    """Every value of a program, the inputs first."""
    values = list(inputs)
    for name, i, j, n in program:
        a, b = values[i % len(values)], values[j % len(values)]
        value = OPERATIONS[name](a, b, n)
        # Whether it is small enough is the same for arrays and tensors.
        values.append(value if value.size <= LARGEST_SIZE else value.mean())
    return values


def output(program, inputs):
    """A scalar to which the last value and all that nothing else used contribute."""
    values = run(program, inputs)
    used = set(range(len(inputs)))
    for step, (_, i, j, _) in enumerate(program, len(inputs)):
        used |= {i % step, j % step}
    ends = [value for index, value in enumerate(values) if index not in used] or values[-1:]
    return sum((value * constants(value, *value.shape)).sum() for value in ends)


programs = st.lists(
    st.tuples(st.sampled_from(sorted(OPERATIONS)), *[st.integers(0, 99)] * 2, st.integers(0, 11)),
    min_size=3,
    max_size=8,
)
seeds = st.integers(0, 10**6)


MANY_LEFT_OUT = [HealthCheck.filter_too_much, HealthCheck.too_slow]


def given_program(test):
    """A test of random programs and seeds."""
    return settings(suppress_health_check=MANY_LEFT_OUT)(given(programs, seeds)(test))


def drawn(program, seed):
    """Inputs on which no value grows beyond bounds, and a direction for each."""
    rng = np.random.default_rng(seed)
    inputs, directions = ([rng.normal(size=s) for s in SHAPES] for _ in range(2))
    inputs = [np.asarray(x)[()] for x in inputs]
    for value in run(program, inputs):
        assume(np.abs(value).max(initial=0) < LARGEST_VALUE)
    return inputs, directions


# The oracle


def derivative(f, x, directions, step):
    """Derivative of f along directions, one after the other, by differences of fourth order."""
    if not directions:
        return f(x)
    v, *rest = directions

    def at(t):
        moved = [a + t * step * d for a, d in zip(x, v, strict=True)]
        return derivative(f, moved, rest, step)

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)


def extrapolated(f, x, directions, step):
    """The derivative, and how far it changes with a step of half the length."""
    coarse, fine = (derivative(f, x, directions, h) for h in (step, step / 2))
    return fine, abs(fine - coarse)


def assert_agrees(automatic, numeric, error, tolerance):
    scale = 1 + abs(numeric)
    assume(error < tolerance * scale)
    assert abs(automatic - numeric) < 10 * tolerance * scale


def inner(arrays, directions):
    return sum(np.sum(a * v) for a, v in zip(arrays, directions, strict=True))


def gradients(program, inputs):
    """Of all inputs by one backward pass; 0 for those that do not matter."""
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    loss = output(program, tensors)
    loss.backward()
    return loss, [np.zeros_like(t.data) if t.grad is None else t.grad for t in tensors]


# What must hold


@given_program
def test_gradients_of_random_programs_equal_differences_of_plain_numpy(program, seed):
    inputs, directions = drawn(program, seed)
    loss, found = gradients(program, inputs)
    np.testing.assert_allclose(loss.data, output(program, inputs), rtol=1e-13, atol=1e-13)
    numeric = extrapolated(lambda x: output(program, x), inputs, [directions], 1e-3)
    assert_agrees(inner(found, directions), *numeric, tolerance=1e-8)


@pytest.mark.exhaustive
@given_program
def test_compiled_random_programs_have_the_bits_of_the_engine_on_other_data(program, seed):
    inputs, directions = drawn(program, seed)
    everything = tuple(range(len(inputs)))
    eager = value_and_grad(lambda *x: output(program, x), everything)
    fast = value_and_grad(al.compile(lambda *x: output(program, x)), everything)
    for t in (0, 1e-3, -1e-3):
        given = [np.asarray(x + t * v)[()] for x, v in zip(inputs, directions, strict=True)]
        (value, found), (right, expected) = fast(*given), eager(*given)
        for a, b in zip([value, *found], [right, *expected], strict=True):
            assert a.dtype == b.dtype
            assert a.tobytes() == b.tobytes()
    assert fast.backend == "numpy" or fast.backend.startswith("eager: ")


@given_program
def test_second_derivatives_of_random_programs_equal_differences_of_plain_numpy(program, seed):
    inputs, directions = drawn(program, seed)
    others = [np.cos(1 + 2 * v) for v in directions]
    products = hvp(lambda *x: output(program, x), inputs, directions)
    along = [directions, others]
    numeric = extrapolated(lambda x: output(program, x), inputs, along, 4e-3)
    assert_agrees(inner(products, others), *numeric, tolerance=1e-6)


@given_program
def test_a_recorded_backward_pass_gives_the_gradient_and_can_be_differentiated(program, seed):
    inputs, directions = drawn(program, seed)
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    output(program, tensors).backward(create_graph=True)
    firsts = [t.grad for t in tensors if t.grad is not None]
    _, found = gradients(program, inputs)
    for tensor, expected in zip(tensors, found, strict=True):
        if tensor.grad is not None:
            np.testing.assert_allclose(tensor.grad.data, expected, rtol=1e-9, atol=1e-9)
    slopes = [t.grad for t in tensors]
    for tensor in tensors:
        tensor.zero_grad()
    along = [(s * v).sum() for s, v in zip(slopes, directions, strict=True) if s is not None]
    slope = sum(along, Tensor(0.0, requires_grad=True))
    assert len(along) == len(firsts)
    slope.backward()
    products = hvp(lambda *x: output(program, x), inputs, directions)
    for tensor, expected in zip(tensors, products, strict=True):
        got = 0.0 if tensor.grad is None else tensor.grad
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@given_program
def test_float32_programs_stay_float32_forward_and_backward(program, seed):
    inputs, _ = drawn(program, seed)
    narrow = [x.astype(np.float32) for x in inputs]
    tensors = [Tensor(x, requires_grad=True) for x in narrow]
    for recorded, plain in zip(run(program, tensors), run(program, narrow), strict=True):
        assert recorded.dtype == plain.dtype == np.float32
    _, found = gradients(program, narrow)
    wide = grad(lambda *x: output(program, x), tuple(range(len(inputs))))(*inputs)
    scale = 1 + max(np.abs(g).max() for g in wide)
    for got, expected, x in itertools.zip_longest(found, wide, inputs):
        assert (got.dtype, got.shape) == (np.float32, x.shape)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-2 * scale)
