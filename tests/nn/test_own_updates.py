"""Updates of one's own write into the arrays that they are given, or are refused."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import MutationError


class Assigned(nn.Optimizer):
    def update(self, options, step, scratch, values, gradient):
        values = values - options["learning_rate"] * gradient


class Unpacked(nn.Optimizer):
    def update(self, options, step, scratch, values, gradient):
        values, _ = values - options["learning_rate"] * gradient, step


class Forgetful(nn.Optimizer):
    state_names = ("velocity",)

    def update(self, options, step, scratch, values, gradient, velocity):
        velocity = 0.9 * velocity + gradient
        values -= options["learning_rate"] * velocity


class Named(nn.Optimizer):
    state_names = ("first", "second")

    def update(self, options, step, scratch, values, gradient, *state):
        first, second = state
        first += gradient
        second = 0.9 * second + gradient**2
        values -= options["learning_rate"] * first / (1 + second)


class Shrinking(nn.SGD):
    def update(self, options, step, scratch, values, gradient, *state):
        values = 0.9 * values
        super().update(options, step, scratch, values, gradient, *state)


class Either(nn.Optimizer):
    state_names = ("velocity",)

    def update(self, options, step, scratch, values, gradient, velocity):
        if step > 1:
            velocity *= 0.9
            velocity += gradient
        else:
            velocity = 2 * gradient
        values -= options["learning_rate"] * velocity


class Returned(nn.Optimizer):
    def update(self, options, step, scratch, values, gradient):
        gradient = 2 * gradient
        values = np.subtract(values, options["learning_rate"] * gradient, out=values)


class Last(nn.Optimizer):
    state_names = ("velocity",)

    def update(self, options, step, scratch, values, gradient, *state):
        *_, velocity = state
        velocity = np.add(velocity, gradient, out=velocity)
        values -= 2 * options["learning_rate"] * velocity


class Largest(nn.Optimizer):
    state_names = ("largest", "least")

    def update(self, options, step, scratch, values, gradient, largest, least):
        largest[...] = np.maximum(largest, -gradient)
        least = np.minimum(least, gradient, out=least)
        values -= 2 * options["learning_rate"] * gradient


class Given(Returned):
    def update(self, options, step, scratch, values, gradient):
        values = values[:]
        super().update(options, step, scratch=scratch, values=values, gradient=gradient)


def stepped(kind, size, gradient=1.0):
    weight = nn.Parameter(np.ones(size))
    optimizer = kind([weight], learning_rate=0.25)
    weight.grad = np.full(size, gradient)
    return weight, optimizer


@looped("size", [3, 10_000])
@looped(
    ("kind", "name"),
    [
        (Assigned, "values"),
        (Unpacked, "values"),
        (Forgetful, "velocity"),
        (Named, "second"),
        (Shrinking, "values"),
    ],
)
def test_an_update_that_assigns_the_name_of_an_array_is_refused_and_changes_nothing(
    kind, name, size
):
    weight, optimizer = stepped(kind, size)
    with pytest.raises(MutationError, match=rf"assigns {name}: .* {name}\[\.\.\.\] = "):
        optimizer.step()
    assert (weight.data == 1).all()
    assert optimizer.steps == 0
    assert all(not array.any() for each in optimizer._runs for array in each.arrays[2:])


@looped("kind", [Returned, Given, Either, Last, Largest])
def test_an_update_may_assign_names_of_arrays_that_it_writes_into_or_does_without(kind):
    weight, optimizer = stepped(kind, 3)
    optimizer.step()
    assert weight.data.tolist() == [0.5, 0.5, 0.5]


def test_gradients_of_zeros_have_nothing_to_write():
    weight, optimizer = stepped(Forgetful, 3, gradient=0.0)
    optimizer.step()
    assert (weight.data == 1).all()
