"""What the tests of programs share."""

import numpy as np

import autograd_lite as al
from autograd_lite import value_and_grad
from autograd_lite.errors import UnsupportedError
from autograd_lite.node import Node, plain
from autograd_lite.program.program import run_steps


def assert_gradients(gradients, tensors):
    for tensor in tensors:
        if tensor.grad is not None:
            largest = np.abs(tensor.grad).max(initial=0)
            np.testing.assert_allclose(gradients[tensor], tensor.grad, 0, 1e-14 * largest)
            assert gradients[tensor].dtype == tensor.dtype


def run(program, arrays=None):
    """The loss of a program and its gradients, for other data.

    Given by tensor, or by `id` of a plain array, these take the place of inputs. The others are
    what they are now. An UnsupportedError says where the program would be another one.
    """
    found = run_steps(program.steps, _inputs(program, arrays or {}))
    for step, outcome in program.guards:
        now = found[step.number]
        if not np.array_equal(now, outcome):
            _refuse(f"entries that decide on what is computed were {outcome}, now {now}")
    leaves = {node: step for node, step in program.cotangents.items() if node.operation is None}
    gradients = {node: found[step.number] for node, step in leaves.items()}
    return found[program.values[program.loss].number], gradients


def values_of(program):
    """The values of all steps, by number, for the arrays as they are."""
    found = run_steps(program.steps, _inputs(program, {}))
    return [found[number] for number in range(len(found))]


def _inputs(program, arrays):
    inputs = program.inputs
    # A tensor may have been used as an array, such as labels in an index.
    given = {inputs.get(key) or inputs[id(plain(key))]: x for key, x in arrays.items()}
    replaced = [step for step, array in given.items() if array is not step.arguments[0]]
    for key, step in inputs.items():
        if isinstance(key, Node):
            array = given.setdefault(step, key._array)
            # Where its array was used without the tensor, that is the same memory.
            given.setdefault(inputs.get(id(step.arguments[0]), step), array)
    found = {}
    for step in inputs.values():
        array = step.arguments[0]
        found[step.number] = given.get(step, array)
        shared = any(np.shares_memory(array, x.arguments[0]) for x in replaced)
        if shared and found[step.number] is array:
            _refuse("it shares memory with an array that is replaced")
    return found


def _refuse(reason):
    raise UnsupportedError("run of a program on other data", reason, "Trace it anew")


def compiled_beside_eager(f, draw):
    """The source of a function, whose value and first derivative have the bits of the eager ones.

    Each time it is given what is drawn anew.
    """
    fast, eager = value_and_grad(al.compile(f)), value_and_grad(f)
    for _ in range(4):
        given = draw()
        (value, found), (right, expected) = fast(*given), eager(*given)
        for a, b in ((value, right), (found, expected)):
            assert a.dtype == b.dtype
            assert a.tobytes() == b.tobytes()
    assert fast.backend == "numpy"
    return fast.source
