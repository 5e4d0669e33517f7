"""Sources of compiled functions in which what repeats is a loop: the same bits, in fewer lines."""

import numpy as np

import autograd_lite
from autograd_lite import value_and_grad
from autograd_lite.program.numpy_loops import in_loops
from autograd_lite.program.numpy_names import Names


def recurrence(weight, x):
    h = np.zeros((2, 3))
    for t in range(len(x)):
        gate = np.exp(-np.square(h @ weight[:3] + x[t]))
        h = gate * np.tanh(h @ weight[3:]) + (1 - gate) * h
    return (h * h).sum()


def source_of(steps):
    """The source of a gradient of the recurrence, whose numbers are those of the eager one."""
    rng = np.random.default_rng(steps)
    fast = value_and_grad(autograd_lite.compile(recurrence))
    for _ in range(3):
        data = rng.normal(size=(6, 3)), rng.normal(size=(steps, 2, 3))
        value, gradient = fast(*data)
        expected, right = value_and_grad(recurrence)(*data)
        assert (value, gradient.tobytes()) == (expected, right.tobytes())
    assert fast.backend == "numpy"
    return fast.source, data, right


def test_a_longer_recurrence_has_no_longer_a_function_and_runs_by_itself():
    (shorter, _, _), (longer, data, right) = source_of(20), source_of(40)
    functions = [text[text.index("def step") :].splitlines() for text in (shorter, longer)]
    assert len(functions[0]) == len(functions[1]) < 150
    bound = {}
    exec(longer, bound)
    _, gradient = bound["step"](*data, np.zeros((2, 3)))
    assert gradient.tobytes() == right.tobytes()


def lines_at_random(rng, times):
    """A body of lines that repeats, but for some operands; variables may be of other iterations."""
    names, count = Names({}), 0
    body = rng.integers(4, size=12).tolist()
    lines, made = ["def step(x):"], ["x[0]"]
    lasting = rng.random() < 0.5
    for t in range(times):
        if not lasting:
            made = [made[0]]
        for kind in body:
            count += 1
            places = kind, 3 * kind + (rng.random() < 0.01)
            name, used = f"t{count}", [made[-1 - k % len(made)] for k in places]
            if kind == 3:
                lines.append(f"    {name} = x[{t}] * {used[0]}")
            else:
                names.bound[name] = np.zeros(2)
                lines.append(f"    np.add({used[0]}, {used[1]} * 0.5, {name})")
            made.append(name)
    return [*lines, f"    return {made[-1]}.copy()"], names


def lines_of_which_one_takes_the_other_variable(rng, times):
    names, lines, other = Names({}), ["def step(x):", "    total = x[0] * 0"], rng.integers(times)
    for t in range(times):
        a, b = (f"t{k}" for k in (2 * t, 2 * t + 1))
        lines += [f"    {a} = x[{t}] * 2", f"    {b} = x[{t}] * 3"]
        first, second = (b, a) if t == other else (a, b)
        lines += [f"    np.add(total, {first}, total)", f"    np.multiply(total, {second}, total)"]
        lines += [f"    np.tanh({part}, {part})" for part in ("total", a, b, a, "total")]
    return [*lines, "    return total"], names


def test_loops_compute_what_the_lines_do():
    rng, shorter = np.random.default_rng(0), 0
    for number in range(60):
        made = lines_of_which_one_takes_the_other_variable if number < 10 else lines_at_random
        lines, names = made(rng, times=14)
        results = []
        for text in (lines, in_loops(lines, names)):
            x = np.random.default_rng(number).normal(size=(14, 2))
            results.append(names.run("\n".join(text))["step"](x))
            shorter += len(text) < len(lines)
        np.testing.assert_array_equal(*results, err_msg=f"program {number}")
    assert shorter > 20
