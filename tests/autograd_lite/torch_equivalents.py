"""What each row of NumPy functions is in PyTorch, with arrays on which the two are compared.

Importing it skips the test where PyTorch is not installed.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from sampling import normal, positive

from autograd_lite.derivatives import indexing, shaping

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional
linalg, tlinalg = np.linalg, torch.linalg


def same(x):
    return x


class Equivalent(NamedTuple):
    """What a row is in PyTorch, and what both are called with: `f(*arrays, *rest, **named)`."""

    function: Callable[..., Any]
    arrays: tuple[Any, ...]
    rest: tuple[Any, ...] = ()
    named: dict[str, Any] = {}  # PyTorch takes axis= and keepdims= too  # noqa: RUF012 - nothing changes it
    listed: bool = False  # the arrays in one list
    before: Callable[[Any], Any] = same  # applied to each array
    after: Callable[[Any], Any] = same  # applied to the result
    as_called: Callable[..., Any] | None = None  # the row itself, with more than the arrays


def on(function, *arrays, **how):
    return Equivalent(function, arrays, **how)


def called(function, equivalent, arrays):
    arrays = [equivalent.before(x) for x in arrays]
    arguments = [arrays] if equivalent.listed else arrays
    return equivalent.after(function(*arguments, *equivalent.rest, **equivalent.named))


# Numbers, and functions that NumPy's arrays, tensors and PyTorch's tensors all know


def fraction(*shape):
    """Numbers from -0.8 to 0.8."""
    return 0.8 * np.tanh(normal(*shape))


def above_one(*shape):
    return 1 + positive(*shape)


def regular(*shape):
    """Matrices that are far from singular."""
    return 2 * np.eye(*shape[-2:]) + normal(*shape) / 4


def symmetric(x):
    """A symmetric positive definite matrix."""
    return x @ x.T + (x + x.T) / 8


def joined(parts):
    """The entries of several arrays, those of each array by another factor, in one row."""
    join = torch.cat if isinstance(parts[0], torch.Tensor) else np.concatenate
    return join([part.reshape(-1) * (1 + i) for i, part in enumerate(parts)])


def squared(x):
    """Without the sign, which is arbitrary in eigenvectors and singular vectors."""
    return x**2


def joined_squares(parts):
    return joined([part**2 for part in parts])


def third(x):
    return x[:, 2]


# Elementwise


def elementwise(function, *numbers, rest=()):
    """On numbers of several shapes that broadcast."""
    shapes = [[(2, 3), (3,)], [(3,), (2, 1)], [(), (2,)]]
    return [
        on(function, *((1 + n / 9) * draw(*s[n]) for n, draw in enumerate(numbers)), rest=rest)
        for s in shapes
    ]


SAME_NAME = {
    (normal,): """absolute arctan arcsinh ceil cos cosh deg2rad exp exp2 expm1 floor nan_to_num
        negative positive rad2deg reciprocal round sign sin sinc sinh square tanh trunc ravel
        atleast_1d atleast_2d atleast_3d diagflat""",
    (positive,): "sqrt log log2 log10 log1p",
    (above_one,): "arccosh",
    (fraction,): "arcsin arccos arctanh tan",
    (normal, normal): """add subtract multiply arctan2 hypot logaddexp logaddexp2 maximum minimum
        fmax fmin copysign""",
    (normal, positive): "divide remainder fmod",
    (positive, normal): "float_power",
}

ELEMENTWISE = {
    **{
        getattr(np, name): elementwise(getattr(torch, name), *numbers)
        for numbers, names in SAME_NAME.items()
        for name in names.split()
    },
    np.fabs: elementwise(torch.abs, normal),
    np.rint: elementwise(torch.round, normal),
    np.radians: elementwise(torch.deg2rad, normal),
    np.degrees: elementwise(torch.rad2deg, normal),
    np.cbrt: elementwise(lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3), normal),
    np.power: elementwise(torch.pow, positive, normal)
    + [on(torch.pow, normal(4), rest=(n,)) for n in (0, 1, 2, 3, -1, -2)],
    np.floor_divide: elementwise(lambda a, b: torch.floor(a / b), normal, positive),
    np.heaviside: elementwise(lambda x, h: h * (x == 0) + (x > 0), normal, positive),
    np.clip: [on(torch.clamp, normal(3, 4), rest=(-0.5, 0.5))],
    np.ldexp: [on(lambda x, n: x * 2.0**n, normal(4), rest=(3,))],
    np.angle: [on(lambda x: 0 * x + torch.pi * (x < 0).double(), normal(4))],
    np.copy: elementwise(torch.clone, normal),
    shaping.astype: elementwise(lambda x, _: x.double(), normal, rest=(np.float64,)),
    np.astype: elementwise(lambda x, _: x.double(), normal, rest=(np.float64,)),
    np.full_like: [on(lambda x, y: y.expand(3), normal(3), normal())],
}

# Reductions


def over(function, *axes, **named):
    """Over each of some axes or tuples of axes."""
    return [
        on(function, normal(2, 3, 4), named={"axis": axis, "keepdims": keep, **named})
        for axis in axes
        for keep in (False, True)
    ]


def with_zeros(function):
    """Along an axis with no zero, with one and with two."""
    rows = np.array([[1.5, 2.0, -2.0], [1.5, 0.0, -2.0], [0.0, 0.0, 3.0]])
    return [on(function, rows, named={"axis": 1})]


def average_by(x, weights):
    return np.average(x, axis=1, weights=weights)


def mean_by(x, weights):
    return (x * weights).sum(1) / weights.sum()


AXES = (0, -1, (0, 2), (0, 1, 2))
X = np.array([0.0, 0.5, 2.0, 2.5])

REDUCTIONS = {
    np.sum: over(torch.sum, *AXES),
    np.mean: over(torch.mean, *AXES),
    np.nansum: over(torch.nansum, *AXES),
    np.nanmean: over(torch.nanmean, *AXES),
    np.var: over(torch.var, *AXES, correction=0) + over(torch.var, 1, correction=1),
    np.std: over(torch.std, *AXES, correction=0) + over(torch.std, 1, correction=1),
    np.max: over(torch.amax, *AXES),
    np.amax: over(torch.amax, *AXES),
    np.min: over(torch.amin, *AXES),
    np.amin: over(torch.amin, *AXES),
    np.ptp: over(lambda x, **axis: torch.amax(x, **axis) - torch.amin(x, **axis), *AXES),
    np.median: over(lambda x, **axis: torch.quantile(x, 0.5, **axis), 0, 1, 2),
    np.average: [on(mean_by, normal(2, 3), positive(3), as_called=average_by)],
    np.prod: over(torch.prod, 0, -1) + with_zeros(torch.prod),
    np.cumsum: [on(torch.cumsum, normal(2, 3), rest=(1,))],
    np.cumprod: [on(torch.cumprod, normal(2, 3), rest=(1,)), *with_zeros(torch.cumprod)],
    np.diff: [on(torch.diff, normal(4, 3), rest=(2, 0))],
    np.trapezoid: [on(torch.trapezoid, normal(2, 4), x) for x in (X, np.cumsum(positive(4)))],
    np.gradient: [
        on(torch.gradient, normal(3, 4), named={"edge_order": order}, after=joined)
        for order in (1, 2)
    ],
}

# Shaping, joining, picking

INDEX = np.array([0, 2, 0, 0])
MASK = np.array([True, False, True])
INDICES = [1, (slice(None), -1), (..., None), slice(1, 3), INDEX, (INDEX[:3], INDEX[1:]), MASK]
BORDER = ((1, 0), (2, 1))
PAD_MODES = {"edge": "replicate", "reflect": "reflect", "wrap": "circular"}


def padded(x, border, mode="constant"):
    width = (*border[1], *border[0])
    return F.pad(x[None, None], width, PAD_MODES.get(mode, mode))[0, 0]


def select(a, b):
    return np.select([a > 0, b > 0], [a, 2 * b], a * b)


def torch_select(a, b):
    return torch.where(a > 0, a, torch.where(b > 0, 2 * b, a * b))


def scattered(x, index, shape):
    return x.new_zeros(shape).index_add(0, torch.tensor(index), x)


def gathered(x, index, axis):
    return torch.gather(x, axis, torch.tensor(index))


def two(function, **how):
    """Of a list of two arrays, one of them twice."""
    return [on(function, normal(2, 3), 2 * normal(2, 3), listed=True, **how)]


def parts(function, *rest):
    """Functions that take an array apart."""
    return [on(function, normal(4, 2, 6), rest=rest, after=joined)]


SHAPING = {
    np.reshape: [on(torch.reshape, normal(2, 6), rest=((3, -1),))],
    np.transpose: [on(torch.permute, normal(2, 3, 4), rest=((2, 0, 1),))],
    np.swapaxes: [on(torch.swapaxes, normal(2, 3, 4), rest=(-1, 0))],
    np.matrix_transpose: [on(lambda x: x.mT, normal(2, 3, 4))],
    linalg.matrix_transpose: [on(lambda x: x.mT, normal(2, 3, 4))],
    np.moveaxis: [on(torch.moveaxis, normal(2, 3, 4), rest=(0, -1))],
    np.rollaxis: [on(torch.moveaxis, normal(2, 3, 4), rest=(2, 0))],
    np.expand_dims: [on(torch.unsqueeze, normal(2, 3), rest=(1,))],
    np.squeeze: [on(torch.squeeze, normal(2, 1, 3))],
    np.broadcast_to: [on(torch.broadcast_to, normal(2, 1), rest=((4, 2, 3),))],
    np.broadcast_arrays: [on(torch.broadcast_tensors, normal(2, 1), normal(3), after=joined)],
    np.flip: [on(torch.flip, normal(2, 3), rest=((0, 1),))],
    np.fliplr: [on(torch.fliplr, normal(2, 3))],
    np.flipud: [on(torch.flipud, normal(2, 3))],
    np.roll: [on(torch.roll, normal(2, 3), rest=(2, 1))],
    np.rot90: [on(torch.rot90, normal(2, 3), rest=(3,))],
    np.tile: [on(torch.tile, normal(2, 3), rest=((2, 1, 3),))],
    np.repeat: [on(torch.repeat_interleave, normal(2, 3), rest=(2, 1))],
    np.sort: [on(lambda x: torch.sort(x).values, normal(3, 5))],
    np.partition: [
        # Of the others the order is arbitrary.
        on(lambda x, k: torch.sort(x).values, normal(3, 5), rest=(2,), after=third),
    ],
    **{
        getattr(np, name): two(getattr(torch, name))
        for name in ("concatenate", "stack", "vstack", "hstack", "dstack", "column_stack")
    },
    np.append: [on(lambda *x: torch.cat([y.ravel() for y in x]), normal(2, 3), normal(4))],
    np.split: parts(torch.tensor_split, [1, 3]),
    np.array_split: parts(torch.tensor_split, 3),
    np.hsplit: parts(torch.hsplit, 2),
    np.vsplit: parts(torch.vsplit, 2),
    np.dsplit: parts(torch.dsplit, 3),
    operator.getitem: [on(operator.getitem, normal(3, 4), rest=(i,)) for i in INDICES],
    indexing.scatter: [on(scattered, normal(4), rest=(INDEX, (3,)))],
    np.take: [on(lambda x, i, _: x[:, i], normal(2, 3), rest=(INDEX, 1))],
    np.take_along_axis: [on(gathered, normal(1, 3), rest=(INDEX[None], 1))],
    np.pad: [on(padded, normal(3, 4), rest=(BORDER, mode)) for mode in ("constant", *PAD_MODES)],
    np.diag: [on(torch.diag, x, rest=(k,)) for x in (normal(3), normal(3, 4)) for k in (0, 1)],
    np.diagonal: [on(torch.diagonal, normal(2, 3, 4), rest=(1, 2, 0))],
    linalg.diagonal: [on(tlinalg.diagonal, normal(2, 3, 4))],
    np.tril: [on(torch.tril, normal(3, 4), rest=(-1,))],
    np.triu: [on(torch.triu, normal(3, 4), rest=(1,))],
    np.where: [
        on(
            functools.partial(torch.where, torch.tensor(MASK)),
            normal(2, 3),
            normal(3),
            as_called=functools.partial(np.where, MASK),
        )
    ],
    np.select: [on(torch_select, normal(5), 2 * normal(5)[::-1], as_called=select)],
}
