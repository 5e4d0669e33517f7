"""Scripts written for micrograd's Value run with Tensor.

The expected numbers were computed with PyTorch in float64.
"""

import random

import numpy as np
import pytest

from autograd_lite import Tensor


def value(number):
    return Tensor(number, requires_grad=True)


def test_sanity_check():
    x = value(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    y.backward()
    assert y.data == -20.0
    assert x.grad == 46.0


def test_more_ops():
    a, b = value(-4.0), value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert g.data == pytest.approx(24.70408163265306, rel=1e-15)
    assert a.grad == pytest.approx(138.83381924198252, rel=1e-15)
    assert b.grad == pytest.approx(645.5772594752186, rel=1e-15)


def test_augmented_assignment_to_a_computed_value_leaves_its_other_names_alone():
    v = value(3.0)
    c = v * 2
    other = c
    c += 1
    assert (other.item(), c.item()) == (6.0, 7.0)
    (c * other).backward()
    assert v.grad == 26.0


def test_augmented_assignment_to_a_leaf_is_refused_with_the_line_to_write():
    v = value(3.0)
    with pytest.raises(RuntimeError, match=r"= .*\+"):
        v += 1
    assert v.item() == 3.0


def test_a_neuron_with_tanh():
    x1, x2, w1, w2 = value(2.0), value(0.0), value(-3.0), value(1.0)
    b = value(6.8813735870195432)
    out = (x1 * w1 + x2 * w2 + b).tanh()
    out.backward()
    assert out.item() == pytest.approx(np.tanh(0.8813735870195432), rel=1e-15)
    gradients = [float(v.grad) for v in (x1, x2, w1, w2, b)]
    assert gradients == pytest.approx([-1.5, 0.5, 1.0, 0.0, 0.5], rel=1e-13, abs=1e-15)


def test_scalars_mix_with_python_numbers_on_both_sides():
    x = value(3.0)
    y = (2 - x) + (1 / x) + (x - 1) + (5 * x) + (x / 2) + 7 + (-x)
    y.backward()
    assert y.item() == pytest.approx(-1 + 1 / 3 + 2 + 15 + 1.5 + 7 - 3, rel=1e-15)
    assert x.grad == pytest.approx(-1 - 1 / 9 + 1 + 5 + 0.5 - 1, rel=1e-15)


def test_the_builtin_sum_starts_at_zero():
    values = [value(float(k)) for k in range(4)]
    total = sum(v * v for v in values)
    total.backward()
    assert total.item() == 14.0
    assert [float(v.grad) for v in values] == [0.0, 2.0, 4.0, 6.0]


def test_the_builtin_sum_with_a_start_adds_the_bias():
    weights, inputs, bias = [value(1.0), value(-2.0)], [3.0, 4.0], value(0.5)
    activation = sum((w * x for w, x in zip(weights, inputs, strict=True)), bias).relu()
    activation.backward()
    assert activation.data == 0.0
    assert [float(v.grad) for v in (*weights, bias)] == [0.0, 0.0, 0.0]


def test_the_training_loop_that_writes_data_converges_to_the_least_squares_line():
    generator = random.Random(1)
    w, b = value(generator.uniform(-1, 1)), value(0.0)
    xs = [-1.0, 0.0, 1.0, 2.0]
    ys = [2.5 * x - 0.75 for x in xs]
    for _ in range(300):
        loss = sum((w * x + b - y) ** 2 for x, y in zip(xs, ys, strict=True)) * (1 / len(xs))
        for p in (w, b):
            p.grad = None
        loss.backward()
        for p in (w, b):
            p.data -= 0.2 * p.grad
    assert w.item() == pytest.approx(2.5, abs=1e-10)
    assert b.item() == pytest.approx(-0.75, abs=1e-10)


def test_one_step_of_the_loop_is_exact():
    p = value(3.0)
    (p * p).backward()
    p.data -= 0.1 * p.grad
    assert p.data == 3.0 - 0.1 * 6.0
    assert p.requires_grad


def test_setting_grad_to_zero_as_micrograd_does_starts_again():
    p = value(3.0)
    (p * p).backward()
    p.grad = 0
    (p * p).backward()
    assert p.grad == 6.0
