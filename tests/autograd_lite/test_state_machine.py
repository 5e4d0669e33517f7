"""Random sequences of what users do with tensors, against an oracle that keeps the formulas.

The oracle remembers, for each tensor, the operation, the tensors it was applied to and copies of
their numbers. Derivatives it finds by recursion from the output to the inputs, one direction at a
time. Which changes a backward pass may not survive it tells from the memory of the arrays.
"""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from autograd_lite import Tensor, no_grad
from autograd_lite.errors import MutationError

LARGEST_VALUE, MOST_TENSORS = 100.0, 8

# An operation: what it computes, its derivative along directions of its arguments, and for each
# argument what its vjp reads: positions of arguments, -1 for the output.
OPERATIONS = {
    "add": (lambda a, b: a + b, lambda a, b, y, da, db: da + db, [(), ()]),
    "multiply": (lambda a, b: a * b, lambda a, b, y, da, db: da * b + a * db, [(1,), (0,)]),
    "matmul": (lambda a, b: a @ b, lambda a, b, y, da, db: da @ b + a @ db, [(1,), (0,)]),
    "tanh": (np.tanh, lambda a, y, da: da * (1 - y * y), [(-1,)]),
    "exp": (np.exp, lambda a, y, da: da * y, [(-1,)]),
    "square": (np.square, lambda a, y, da: 2 * a * da, [(0,)]),
    "index": (lambda a: a[0], lambda a, y, da: da[0], [()]),
    "slice": (lambda a: a[1:], lambda a, y, da: da[1:], [()]),
    "repeated": (lambda a: a[[0, -1, 0]], lambda a, y, da: da[[0, -1, 0]], [()]),
    "reshape": (lambda a: a.reshape(-1), lambda a, y, da: da.reshape(-1), [()]),
    "transpose": (lambda a: a.T, lambda a, y, da: da.T, [()]),
    "sum": (lambda a: a.sum(), lambda a, y, da: da.sum(), [()]),
}
BINARY = ["add", "multiply", "matmul"]
SHAPES = [(2,), (2, 2), (1, 2), ()]
dtypes = st.sampled_from([np.float64, np.float64, np.float32])
numbers = st.integers(0, 99)


class Formula:
    """What the oracle knows of one tensor; it holds the tensor weakly."""

    def __init__(self, tensor, operation=None, arguments=()):
        self.tensor = weakref.ref(tensor)
        self.operation = operation
        self.arguments = arguments if tensor.requires_grad else ()
        self.values = [np.array(f.array) for f in self.arguments]
        self.value = np.array(tensor.data)
        self.requires_grad = tensor.requires_grad
        self.grad = None
        self.array = tensor._array  # a reference to the memory itself
        self.changed_at = self.perhaps_changed_at = 0

    def inputs(self):
        return [f for f in self.arguments if f.requires_grad]

    def ancestors(self):
        """Itself and all that require grad and that it was computed from."""
        found = {self}
        for formula in self.inputs():
            if formula not in found:
                found |= formula.ancestors()
        return found

    def derivative(self, variable, direction):
        """Of this value along a direction of another; None where it does not depend on it."""
        if self is variable:
            return direction
        slopes = [f.derivative(variable, direction) for f in self.inputs()]
        if all(slope is None for slope in slopes):
            return None
        parts = iter(slopes)
        slopes = [next(parts) if f.requires_grad else None for f in self.arguments]
        filled = [
            np.zeros_like(x) if slope is None else slope
            for x, slope in zip(self.values, slopes, strict=True)
        ]
        return OPERATIONS[self.operation][1](*self.values, self.value, *filled)

    def gradient(self, variable, cotangent):
        """Of sum(cotangent * self) in another value, one entry after the other."""
        result = np.zeros(variable.value.shape)
        for index in np.ndindex(result.shape):
            direction = np.zeros(result.shape)
            direction[index] = 1
            slope = self.derivative(variable, direction)
            result[index] = 0 if slope is None else np.sum(cotangent * slope)
        return result

    def read_by_rules(self):
        """The formulas whose arrays a backward pass through this one reads."""
        if self.operation is None:
            return set()
        reads = zip(self.arguments, OPERATIONS[self.operation][2], strict=True)
        positions = {i for argument, read in reads if argument.requires_grad for i in read}
        return {self if i == -1 else self.arguments[i] for i in positions}


def share_memory(a, b):
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.shares_memory(a, b)


def base_of(array):
    return array if getattr(array, "base", None) is None else array.base


class Machine(RuleBasedStateMachine):
    @initialize()
    def start(self):
        gc.disable()
        self.live = []  # tensors that a user still holds, with their formulas
        self.formulas = []
        self.time = 0
        self.tolerance = 1e-10
        self.create(shape=(2,), dtype=np.float64, requires_grad=True, seed=0)
        self.create(shape=(2, 2), dtype=np.float64, requires_grad=True, seed=1)

    def teardown(self):
        gc.enable()

    def add(self, tensor, operation=None, arguments=()):
        formula = Formula(tensor, operation, arguments)
        formula.made_at = self.time
        self.formulas.append(formula)
        if len(self.live) < MOST_TENSORS and np.abs(formula.value).max() < LARGEST_VALUE:
            self.live.append((tensor, formula))
        return formula

    def pick(self, n, wanted=lambda formula: True):
        """One of the tensors that a user holds, of a kind; the last one for 0."""
        suitable = [pair for pair in self.live if wanted(pair[1])]
        return suitable[-1 - n % len(suitable)] if suitable else (None, None)

    # Create and compute

    @rule(shape=st.sampled_from(SHAPES), dtype=dtypes, requires_grad=st.booleans(), seed=numbers)
    def create(self, shape, dtype, requires_grad, seed):
        data = np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)
        if dtype == np.float32:
            self.tolerance = 1e-4
        self.add(Tensor(data, requires_grad=requires_grad))

    @precondition(lambda self: self.live)
    @rule(name=st.sampled_from(sorted(OPERATIONS)), i=numbers, j=numbers)
    def compute(self, name, i, j):
        function, _, reads = OPERATIONS[name]
        pairs = [self.pick(i, lambda f: f.requires_grad or i % 4 == 0), self.pick(j)][: len(reads)]
        formulas = tuple(formula for _, formula in pairs)
        if None in formulas:
            return
        try:
            expected = function(*(np.array(f.array) for f in formulas))
        except (ValueError, IndexError):
            return
        if np.size(expected):
            result = function(*(tensor for tensor, _ in pairs))
            np.testing.assert_array_equal(result.data, expected)
            self.add(result, name, formulas)

    @precondition(lambda self: self.live)
    @rule(i=numbers)
    def detach(self, i):
        tensor, _ = self.pick(i)
        self.add(tensor.detach())

    # Backward

    @precondition(lambda self: self.live)
    @rule(i=numbers, seed=numbers, leaves_only=st.booleans(), times=st.integers(1, 2))
    def backward(self, i, seed, leaves_only, times):
        tensor, root = self.pick(i, lambda f: f.inputs())
        if tensor is None:
            tensor, root = self.pick(i, lambda f: f.requires_grad)
        if tensor is None:
            return
        cotangent = np.random.default_rng(seed).normal(size=tensor.shape).astype(tensor.dtype)
        given = np.array(cotangent)
        before = {f: f.tensor().grad for f in root.ancestors()}
        for _ in range(times):
            try:
                tensor.backward(cotangent, leaves_only=leaves_only)
            except MutationError:
                assert self.refusal(root, "perhaps_changed_at")
                assert all(f.tensor().grad is grad for f, grad in before.items())
                return
            assert not self.refusal(root, "changed_at"), "a changed array was used"
            self.expect_gradients(root, given.astype(float), leaves_only)
        np.testing.assert_array_equal(cotangent, given)
        assert not any(share_memory(f.tensor().grad, cotangent) for f in root.ancestors())

    def refusal(self, root, when):
        """Whether a rule reads an array that was changed after the rule's node was made."""
        return any(
            getattr(read, when) > formula.made_at
            for formula in root.ancestors()
            for read in formula.read_by_rules()
        )

    def expect_gradients(self, root, cotangent, leaves_only):
        for formula in root.ancestors():
            if formula.operation is None or not leaves_only:
                gradient = root.gradient(formula, cotangent)
                formula.grad = gradient if formula.grad is None else formula.grad + gradient

    @precondition(lambda self: self.live)
    @rule(i=numbers)
    def zero_grad(self, i):
        tensor, formula = self.pick(i)
        tensor.zero_grad()
        formula.grad = None

    # Change

    @precondition(lambda self: self.live)
    @rule(i=numbers, how=st.sampled_from(["+=", "*=", "[...]", "[0]", ".data -=", ".data ="]))
    def change(self, i, how):
        tensor, formula = self.pick(i)
        target = tensor._array
        if formula.arguments and how.startswith(".data"):
            with no_grad(), pytest.raises((ValueError, MutationError), match=r"read-only|computed"):
                tensor.data -= 0.25
            return
        in_place = isinstance(target, np.ndarray) and how != ".data ="
        if how.startswith("[") and not (in_place and (target.ndim or how == "[...]")):
            return
        with no_grad():
            if how == "+=":
                tensor += 0.5
            elif how == "*=":
                tensor *= 1.5
            elif how == "[...]":
                tensor[...] = tensor.data / 2 + 0.25
            elif how == "[0]":
                tensor[0] = tensor.data[0] / 2 + 0.25
                target = target[:1]
            elif how == ".data -=":
                tensor.data -= 0.25
            else:
                tensor.data = tensor.data + 0.5
        assert (tensor._array is formula.array) == in_place
        self.time += 1
        formula.array = tensor._array
        formula.changed_at = formula.perhaps_changed_at = self.time
        for other in self.formulas if in_place else ():
            if share_memory(other.array, target):
                other.changed_at = self.time
            if share_memory(base_of(other.array), target):
                other.perhaps_changed_at = self.time

    @precondition(lambda self: self.live)
    @rule(i=numbers)
    def freeze_or_unfreeze(self, i):
        tensor, formula = self.pick(i, lambda f: f.operation is None)
        if tensor is not None:
            tensor.requires_grad = formula.requires_grad = not formula.requires_grad

    # Drop

    @precondition(lambda self: self.live)
    @rule(i=numbers)
    def delete(self, i):
        del self.live[i % len(self.live)]

    # What always holds

    def held(self):
        """Formulas of tensors that a user holds, or that were used to compute such."""
        found, open_ones = set(), [formula for _, formula in self.live]
        while open_ones:
            formula = open_ones.pop()
            if formula not in found:
                found.add(formula)
                open_ones.extend(formula.arguments)
        return found

    @invariant()
    def what_nobody_holds_is_freed_and_the_rest_is_not(self):
        held = self.held()
        for formula in self.formulas:
            assert (formula.tensor() is not None) == (formula in held)

    @invariant()
    def gradients_are_what_the_formulas_say(self):
        for formula in self.held():
            tensor = formula.tensor()
            assert (tensor.grad is None) == (formula.grad is None)
            if formula.grad is not None:
                assert isinstance(tensor.grad, np.ndarray | np.generic)
                assert (tensor.grad.shape, tensor.grad.dtype) == (tensor.shape, tensor.dtype)
                scale = 1 + np.abs(formula.grad).max()
                np.testing.assert_allclose(
                    tensor.grad, formula.grad, rtol=0, atol=self.tolerance * scale
                )

    @invariant()
    def gradients_share_memory_with_nothing(self):
        tensors = [formula.tensor() for formula in self.held()]
        gradients = [t.grad for t in tensors if t.grad is not None]
        others = gradients + [t.data for t in tensors]
        for n, gradient in enumerate(gradients):
            assert not any(share_memory(gradient, other) for other in others[n + 1 :])

    @invariant()
    def tensors_hold_the_numbers_of_their_memory(self):
        for formula in self.held():
            assert formula.tensor()._array is formula.array
            np.testing.assert_array_equal(formula.tensor().data, formula.array)
            assert formula.tensor().requires_grad == formula.requires_grad


TestTensors = Machine.TestCase
TestTensors.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=40)
