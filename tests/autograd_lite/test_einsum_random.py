"""Random sums of products against their definition as multilinear functions."""

import itertools
import random

import numpy as np

from autograd_lite import Tensor


def random_term(rng, lengths):
    """Axes of an operand, repeated ones and an ellipsis among them, and its shape."""
    axes = [rng.choice(list(lengths)) for _ in range(rng.randint(0, 3))]
    shape = [1 if rng.random() < 0.1 else lengths[axis] for axis in axes]
    if rng.random() < 0.3:
        place, hidden = rng.randint(0, len(axes)), [2, 3][rng.randint(0, 2) :]
        axes.insert(place, Ellipsis)
        shape[place:place] = [1 if rng.random() < 0.2 else length for length in hidden]
    return axes, shape


def random_einsum(rng):
    """A function of the operands of an einsum, as text or as lists of axes, and their shapes."""
    lengths = {axis: rng.choice([0, 1, 2, 2, 3, 3]) for axis in range(4)}
    terms, shapes = zip(*(random_term(rng, lengths) for _ in range(rng.randint(1, 3))), strict=True)
    used = list(dict.fromkeys(axis for term in terms for axis in term if axis is not Ellipsis))
    output = [rng.sample(used, rng.randint(0, len(used)))] if rng.random() < 0.7 else []
    if output and any(Ellipsis in term for term in terms):
        output[0].insert(rng.randint(0, len(output[0])), Ellipsis)
    optimize = rng.random() < 0.3
    if rng.random() < 0.4:
        return shapes, lambda *operands: np.einsum(
            *itertools.chain(*zip(operands, terms, strict=True)), *output, optimize=optimize
        )
    texts = ["".join("..." if a is Ellipsis else "abcd"[a] for a in t) for t in (*terms, *output)]
    subscripts = ",".join(texts[: len(terms)]) + "".join(
        "->" + text for text in texts[len(terms) :]
    )
    return shapes, lambda *operands: np.einsum(subscripts, *operands, optimize=optimize)


def test_random_einsums_have_the_derivatives_of_multilinear_functions():
    rng, numbers = random.Random(0), np.random.default_rng(0)
    valid = 0
    while valid < 500:
        shapes, f = random_einsum(rng)
        arrays = [numbers.normal(size=shape) for shape in shapes]
        try:
            expected = f(*arrays)
        except ValueError:
            continue
        valid += 1
        tensors = [Tensor(array, requires_grad=True) for array in arrays]
        result = f(*tensors)
        np.testing.assert_allclose(result.data, expected, atol=1e-12)
        cotangent = numbers.normal(size=result.shape)
        result.backward(cotangent)
        for i, tensor in enumerate(tensors):
            # Linear in each operand, it has its values at unit arrays as derivatives.
            units = np.eye(tensor.size).reshape(tensor.size, *tensor.shape)
            slopes = [np.sum(cotangent * f(*arrays[:i], unit, *arrays[i + 1 :])) for unit in units]
            np.testing.assert_allclose(tensor.grad.ravel(), slopes, atol=1e-12)
