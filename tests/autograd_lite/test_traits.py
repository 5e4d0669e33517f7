"""What the rows say of their functions holds for everything that their samples record."""

import ast
import functools
import graphlib
import pathlib

import numpy as np
from looping import looped
from samples import SAMPLES

import autograd_lite
from autograd_lite import Tensor
from autograd_lite.engine import backward_order
from autograd_lite.node import plain
from autograd_lite.table import TABLE, activations

PACKAGE = pathlib.Path(autograd_lite.__file__).parent


@functools.cache
def recorded():
    """By operation: the values that each of its nodes was given, its keywords and its result."""
    found = {}
    for samples in SAMPLES.values():
        for sample in samples:
            tensors = [Tensor(array, requires_grad=True) for array in sample.arrays]
            for node in backward_order(sample.function(*tensors)):
                if node.operation is not None:
                    values = [plain(argument) for argument in node.arguments]
                    found.setdefault(node.operation, []).append((values, node.keywords, node.data))
    return found


def computed(operation, values, keywords):
    result = operation.compute(*values, **keywords)
    return result[0] if operation.residual else result


def calls_with(trait):
    cases = [(row, *call) for row, calls in recorded().items() for call in calls]
    cases = [case for case in cases if getattr(case[0].traits, trait)]
    assert cases
    return cases


def test_a_linear_argument_doubles_the_result():
    for row, values, keywords, result in calls_with("linear"):
        for slot in row.traits.linear:
            doubled = [*values[:slot], 2.0 * np.asarray(values[slot]), *values[slot + 1 :]]
            found = computed(row, doubled, keywords)
            np.testing.assert_allclose(
                found, 2 * result, rtol=1e-13, err_msg=f"{row.name} in argument {slot}"
            )


def test_an_additive_function_doubles_with_all_its_arguments():
    for row, values, keywords, result in calls_with("additive"):
        found = computed(row, [2.0 * np.asarray(value) for value in values], keywords)
        np.testing.assert_allclose(found, 2 * result, rtol=1e-13, err_msg=row.name)


def test_the_arguments_of_a_commutative_function_may_be_exchanged():
    for row, values, keywords, result in calls_with("commutative"):
        np.testing.assert_array_equal(computed(row, values[::-1], keywords), result, row.name)


def test_a_function_that_moves_entries_has_no_others():
    for row, values, _, result in calls_with("moves"):
        assert (np.isin(result, values[0]) | np.isnan(result)).all(), row.name


def test_a_function_that_indexes_takes_the_entries_that_its_second_argument_names():
    for row, values, keywords, result in calls_with("indexes"):
        assert row.traits.moves
        x, names, *others = values
        numbers = np.arange(x.size).reshape(x.shape)
        places = computed(row, [numbers, names, *others], keywords)
        np.testing.assert_array_equal(x.reshape(-1)[places], result, row.name)


def test_an_elementwise_function_gives_each_entry_from_those_at_its_place():
    for row, values, keywords, result in calls_with("elementwise"):
        spread = [
            np.broadcast_to(value, result.shape).reshape(-1)[::-1]
            if isinstance(value, np.ndarray | np.generic)
            else value
            for value in values
        ]
        found = computed(row, spread, keywords)
        expected = np.reshape(result, -1)[::-1]
        np.testing.assert_allclose(found, expected, rtol=1e-13, err_msg=row.name)


def test_a_reduction_makes_fewer_entries_of_many():
    for row, values, _, result in calls_with("reduces"):
        assert result.size <= max(values[0].size, 1), row.name


def test_an_extremum_is_one_of_the_entries_and_none_lies_beyond_it():
    for row, values, _, result in calls_with("extremum"):
        entries = np.concatenate([np.ravel(v) for v in values if hasattr(v, "dtype")])
        if row.traits.elementwise:
            assert np.logical_or(*[np.equal(result, value) for value in values]).all(), row.name
        elif np.size(result) == 1 and entries.size:
            assert np.max(result) in (entries.max(), entries.min()), row.name


def test_what_numpy_makes_read_only_is_so():
    for row, values, keywords, _ in calls_with("read_only"):
        result = computed(row, values, keywords)
        assert not result.flags.writeable or values[0].ndim == 1, row.name


def test_an_activation_bends_an_array_alone_and_stays_within_its_limits():
    x = np.array([[-30.0, -0.5, 0.25], [0.5, 2.0, 30.0]])
    for name, function in activations().items():
        y = function(x)
        assert y.shape == x.shape, name
        assert not np.allclose(2 * y, function(2 * x)) or TABLE[function].traits.kink, name
        limits = TABLE[function].traits.limits
        if limits:
            np.testing.assert_allclose([y.min(), y.max()], limits, atol=1e-12, err_msg=name)
        assert getattr(Tensor(x), name)().data.tolist() == y.tolist()


def test_a_kink_is_a_jump_of_the_derivative_at_zero():
    kinks = [row for row in recorded() if row.traits.kink]
    assert {row.name for row in kinks} >= {"relu", "absolute"}
    for row in kinks:
        tensor = Tensor([-1e-9, 1e-9], requires_grad=True)
        row.function(tensor).sum().backward()
        assert abs(tensor.grad[0] - tensor.grad[1]) > 0.5 or row.name == "elu", row.name


def test_a_rectifier_is_flat_below_zero():
    rows = [row for row in recorded() if row.traits.rectifies]
    assert rows
    for row in rows:
        tensor = Tensor([-3.0, -1e-9, 2.0], requires_grad=True)
        y = row.function(tensor)
        y.sum().backward()
        assert y.data.tolist() == [0.0, 0.0, 2.0], row.name
        assert tensor.grad.tolist() == [0.0, 0.0, 1.0], row.name


def test_what_a_function_of_logits_says_are_their_probabilities():
    rows = [row for row in recorded() if row.traits.probabilities]
    assert {row.traits.link for row in rows} == {"softmax", "sigmoid"}
    for row in rows:
        for values, keywords, result in recorded()[row]:
            p = row.traits.probabilities(result, values[0])
            assert p.shape == np.shape(values[0])
            assert ((p >= 0) & (p <= 1)).all()
            if row.traits.link == "softmax" and p.size:
                axis = (*values[1:], keywords.get("axis", -1))[0] if p.shape == result.shape else -1
                np.testing.assert_allclose(p.sum(axis=axis), 1)


def test_the_modules_of_the_core_are_a_ladder_without_a_circle():
    core = ["errors", "operation", "node", "modes", "mutation", "refusals", "engine", "table"]
    imports = {}
    for name in core:
        tree = ast.parse((PACKAGE / f"{name}.py").read_text())
        sources = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        sources += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
        imports[name] = {m.removeprefix("autograd_lite.") for m in sources if m} & set(core)
    order = list(graphlib.TopologicalSorter(imports).static_order())
    assert order.index("engine") > order.index("refusals") > order.index("operation")
    assert order[-1] == "table"


@looped("name", ["relu", "gelu", "softmax"])
def test_an_activation_is_exported_under_the_name_of_its_row(name):
    assert activations()[name] is getattr(autograd_lite, name)


def test_nothing_compares_the_name_of_a_function_with_a_string():
    root = PACKAGE.parent
    files = [
        path for name in ("autograd_lite", "nn", "viz") for path in root.glob(f"{name}/**/*.py")
    ]
    assert len(files) > 100
    compared = []
    names = ("operation.name", "function.__name__")
    for path in files:
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if any(name in text for name in names) else ():
            if isinstance(node, ast.Compare):
                parts = [ast.unparse(part) for part in (node.left, *node.comparators)]
                if any(part.endswith(names) for part in parts):
                    compared.append(f"{path.relative_to(root)}:{node.lineno}: {ast.unparse(node)}")
    assert compared == []
