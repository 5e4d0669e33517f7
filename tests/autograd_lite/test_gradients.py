"""Gradients as they are handed out: each in memory of its own, also where rules pass them on."""

from copy import deepcopy
from itertools import permutations

import numpy as np

from autograd_lite import Tensor


def sum_of_two():
    """Two computed tensors and their sum, all of which get one and the same cotangent."""
    x = Tensor([1.0, 2.0], requires_grad=True)
    a, b = x * 2, x * 3
    return x, [a, b, a + b]


def test_what_is_written_to_one_gradient_is_in_no_other_whichever_is_asked_for_first():
    for order in permutations(range(3)):
        _, tensors = sum_of_two()
        tensors[2].backward(np.array([5.0, 7.0]))
        for index in order:
            np.testing.assert_array_equal(tensors[index].grad, [5, 7], str(order))
            tensors[index].grad[...] = index
            np.testing.assert_array_equal(tensors[index].grad, index, str(order))


def test_a_gradient_that_others_have_too_is_one_array_once_it_was_asked_for():
    _, (a, b, total) = sum_of_two()
    total.sum().backward()
    assert a.grad is a.grad
    assert len({id(x.grad) for x in (a, b, total)}) == 3


def test_gradients_that_others_have_too_are_added_to_by_a_second_pass():
    x, tensors = sum_of_two()
    for times in (1, 2):
        tensors[2].sum().backward()
        for tensor in tensors:
            np.testing.assert_array_equal(tensor.grad, [times, times])
        np.testing.assert_array_equal(x.grad, [5 * times, 5 * times])


def test_a_leaf_beside_computed_tensors_has_an_array_of_its_own():
    x = Tensor([1.0, 2.0], requires_grad=True)
    a = x * 2
    total = x + a
    total.sum().backward()
    total.grad[...], a.grad[...] = 10, 20
    np.testing.assert_array_equal(x.grad, [3, 3])


def test_a_copy_of_a_record_has_the_gradients_of_the_original():
    _, (a, b, total) = sum_of_two()
    total.sum().backward()
    copied = deepcopy(total)
    copied.grad[...] = 10
    for tensor in (a, b, total, *copied.arguments):
        np.testing.assert_array_equal(tensor.grad, [1, 1])
