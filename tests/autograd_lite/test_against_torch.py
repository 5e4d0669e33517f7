"""Values, first and second derivatives of the whole table, against PyTorch."""

import math

import numpy as np
import pytest
from looping import looped
from numpy.lib.stride_tricks import sliding_window_view
from sampling import normal, positive
from test_table import OPERATION_OF, ROWS
from torch_equivalents import (
    ELEMENTWISE,
    REDUCTIONS,
    SHAPING,
    F,
    called,
    elementwise,
    on,
    over,
    torch,
)
from torch_images import ROWS_OF_IMAGES
from torch_linear_algebra import BY_VERSION, DECOMPOSITIONS, PRODUCTS
from torch_sequences import ROWS_OF_SEQUENCES
from walk import name_of

import autograd_lite as al
from autograd_lite.derivatives import signals, special
from autograd_lite.derivatives.cross_entropies import sigmoid_cross_entropies
from autograd_lite.derivatives.layers import standardize
from autograd_lite.derivatives.norms import nearest_solution
from autograd_lite.derivatives.signals import full_convolution, transform

TOLERANCE = 1e-10

WITHOUT_EQUIVALENT = {
    "np.unwrap": "PyTorch does not add periods",
    "np.interp": "PyTorch has no interpolation between given points",
    "autograd_lite.derivatives.statistics.correlation": "PyTorch bounds nothing without a kink",
}
"""Rows that PyTorch has nothing to compare with, each with the reason."""

LABELS = np.array([2, 0, 2, 1])
CORRECT = torch.tensor(LABELS)


MASK = np.array([True, False, True])


def dropped(x, mask, p):
    return x * torch.tensor(mask) / (1 - p)


def torch_convolution(a, v):
    return F.conv1d(a[None, None], v.flip(0)[None, None], padding=len(v) - 1)[0, 0]


def binary_cross_entropy(p, targets):
    return F.binary_cross_entropy(p, torch.tensor(targets))


FUNCTIONS_OF_NETWORKS = {
    al.relu: elementwise(torch.relu, normal),
    al.leaky_relu: elementwise(F.leaky_relu, normal, rest=(0.1,)),
    al.elu: elementwise(F.elu, normal, rest=(0.5,)),
    al.sigmoid: elementwise(torch.sigmoid, normal),
    al.swish: elementwise(F.silu, normal),
    al.erf: elementwise(torch.erf, normal),
    special.normal_cdf: elementwise(torch.special.ndtr, normal),
    special.gelu_slope: elementwise(
        lambda x: torch.special.ndtr(x) + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi), normal
    ),
    signals.i1: elementwise(torch.special.i1, normal),
    np.i0: elementwise(torch.special.i0, normal),
    al.gelu: elementwise(F.gelu, normal),
    np.conjugate: elementwise(torch.conj, normal),
    nearest_solution: [
        on(lambda a, b, _: torch.linalg.pinv(a) @ b, normal(4, 2), normal(4), rest=(1e-15,)),
        on(lambda a, b, _: torch.linalg.pinv(a) @ b, normal(2, 4), normal(2, 3), rest=(1e-15,)),
    ],
    transform: [
        on(
            lambda x, axis: (
                torch.view_as_real(torch.fft.fft(torch.complex(x[0], x[1]), dim=axis)).T
            ),
            normal(2, 5),
            rest=(-1,),
        )
    ],
    full_convolution: [on(torch_convolution, normal(4), normal(2))],
    sliding_window_view: [on(lambda x, n: x.unfold(0, n, 1), normal(5), rest=(2,))],
    al.dropout: [on(dropped, normal(2, 3), rest=(MASK, 0.3))],
    al.softplus: elementwise(F.softplus, normal),
    al.affine: [on(lambda x, w, b: F.linear(x, w.T, b), normal(4, 3), normal(3, 2), normal(2))],
    al.softmax: [on(torch.softmax, normal(3, 4), rest=(axis,)) for axis in (0, 1)],
    al.log_softmax: [on(torch.log_softmax, normal(3, 4), rest=(axis,)) for axis in (0, 1)],
    al.logsumexp: over(torch.logsumexp, 0, -1, (0, 2)),
    al.binary_cross_entropy: [
        on(binary_cross_entropy, positive(2, 2) / 3, rest=(np.eye(2),)),
        on(F.binary_cross_entropy, positive(3) / 3, positive(3) / 4),
    ],
    sigmoid_cross_entropies: [
        on(
            lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="none"),
            normal(2, 3),
            positive(2, 3) / 3,
        )
    ],
    al.sigmoid_cross_entropy: [
        on(F.binary_cross_entropy_with_logits, normal(2, 3), positive(2, 3) / 3)
    ],
    standardize: [
        on(
            lambda x, _, epsilon: F.layer_norm(x, (4,), eps=epsilon),
            normal(3, 4),
            rest=((-1,), 0.1),
        )
    ],
    al.softmax_cross_entropy: [
        on(lambda x, _: F.cross_entropy(x, CORRECT), normal(4, 3), rest=(LABELS,))
    ],
}

EQUIVALENTS = ELEMENTWISE | REDUCTIONS | SHAPING | PRODUCTS | BY_VERSION | DECOMPOSITIONS
ALL = EQUIVALENTS | FUNCTIONS_OF_NETWORKS | ROWS_OF_IMAGES | ROWS_OF_SEQUENCES
COMPARED = {name_of(function) for function in ALL}


def random_like(array):
    return np.random.default_rng(3).normal(size=np.shape(array))


def assert_close(arrays, tensors):
    for array, tensor in zip(arrays, tensors, strict=True):
        expected = tensor.detach().numpy()
        scale = 1 + np.abs(expected).max(initial=0)
        np.testing.assert_allclose(array, expected, rtol=0, atol=TOLERANCE * scale)


def torch_gradients(scalar, variables):
    """PyTorch's gradients; 0 where it finds no dependence."""
    if not scalar.requires_grad:
        return [torch.zeros_like(x) for x in variables]
    found = torch.autograd.grad(scalar, variables, create_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, variables, strict=True)]


def test_each_row_has_an_equivalent_or_a_reason_why_not():
    """What others are made of is compared; what is made of them may be."""
    for row in ROWS & OPERATION_OF.keys():
        is_compared, is_excused = row in COMPARED, row in WITHOUT_EQUIVALENT
        assert is_compared != is_excused, f"{row}: one of the tables above, or torch_*.py"


def test_nothing_but_rows_is_compared():
    assert COMPARED | set(WITHOUT_EQUIVALENT) <= set(ROWS)


@pytest.mark.parametrize("of_each", [2, pytest.param(1000, marks=pytest.mark.exhaustive)])
@looped("function", ALL, ids=name_of)
def test_values_and_first_and_second_derivatives_agree_with_pytorch(function, of_each):
    equivalents = [*enumerate(ALL[function])]
    for number, equivalent in equivalents[:: -(-len(equivalents) // of_each)]:
        try:
            assert_agrees_with_pytorch(function, equivalent)
        except Exception as error:
            raise AssertionError(f"equivalent {number} of {name_of(function)}: {error}") from error


def assert_agrees_with_pytorch(function, equivalent):
    def f(*x):
        return called(equivalent.as_called or function, equivalent, x)

    arrays = equivalent.arrays
    variables = [torch.tensor(np.array(x), requires_grad=True) for x in arrays]
    value, torch_value = f(*arrays), called(equivalent.function, equivalent, variables)
    assert np.shape(value) == tuple(torch_value.shape)
    assert_close([value], [torch_value])

    cotangent, argnums = random_like(value), tuple(range(len(arrays)))
    first = al.grad(lambda *x: (cotangent * f(*x)).sum(), argnums)
    weighted = (torch.tensor(cotangent) * torch_value).sum()
    assert_close(first(*arrays), torch_gradients(weighted, variables))

    # Of a square: the cotangent depends on the arguments, and has a derivative as well.
    directions = [random_like(x) for x in arrays]
    second = al.hvp(lambda *x: (cotangent * f(*x) ** 2).sum(), arrays, directions)
    slopes = torch_gradients((torch.tensor(cotangent) * torch_value**2).sum(), variables)
    along = sum((torch.tensor(v) * s).sum() for v, s in zip(directions, slopes, strict=True))
    assert_close(second, torch_gradients(along, variables))
