"""What the vertices and edges of a graph say."""

import numpy as np
import pytest
from looping import looped
from sample_graphs import small_network, trained_network

import viz
from autograd_lite import Tensor, no_grad, relu
from autograd_lite.derivatives.layers import scaled_dot_product_attention
from autograd_lite.errors import UnsupportedError


def titles(graph):
    return [vertex.title for vertex in graph.vertices]


def connections(graph):
    title = [vertex.title for vertex in graph.vertices]
    return [(title[edge.tail], title[edge.head], edge.label) for edge in graph.edges]


def only(graph, title):
    (vertex,) = [vertex for vertex in graph.vertices if vertex.title == title]
    return vertex


def parameter(data, name):
    return Tensor(data, requires_grad=True, name=name)


def test_network_has_every_array_once_and_arguments_come_before_operations():
    graph = trained_network()
    assert [(vertex.kind, vertex.title) for vertex in graph.vertices] == [
        ("input", "X"),
        ("parameter", "W1"),
        ("parameter", "b1"),
        ("operation", "affine"),
        ("operation", "relu"),
        ("parameter", "W2"),
        ("parameter", "b2"),
        ("operation", "affine"),
        ("input", "y"),
        ("output", "loss = sigmoid_cross_entropy"),
    ]
    assert [(edge.tail, edge.head, edge.label) for edge in graph.edges] == [
        (0, 3, "1"),
        (1, 3, "2"),
        (2, 3, "3"),
        (3, 4, ""),
        (4, 7, "1"),
        (5, 7, "2"),
        (6, 7, "3"),
        (7, 9, "1"),
        (8, 9, "2"),
    ]


def test_gradients_are_absent_before_backward_and_shown_after_it():
    loss, names = small_network()
    before = viz.graph(loss, names)
    loss.backward()
    after = viz.graph(loss, names)
    assert all(vertex.gradient == () for vertex in before.vertices)
    probabilities = 1 / (1 + np.exp(-loss.arguments[0].data))
    db2 = (probabilities - names["y"]).sum() / 4
    assert only(after, "b2").gradient == (f"[{db2:.4g}]",)
    assert only(after, "X").gradient == ()
    assert [vertex.value for vertex in before.vertices] == [v.value for v in after.vertices]


def test_gradient_that_is_a_tensor_shows_like_one_that_is_an_array():
    x = parameter([1.0, 2.0], "x")
    loss = (x**3).sum()
    loss.backward(create_graph=True)
    assert isinstance(x.grad, Tensor)
    assert only(viz.graph(loss), "x").gradient == ("[3, 12]",)
    assert "power(·, 3)" in titles(viz.graph(loss))
    assert only(viz.graph(x.grad.sum()), "x").kind == "parameter"


def test_both_arguments_of_a_square_have_an_edge():
    x = parameter(3.0, "x")
    assert connections(viz.graph(x * x)) == [("x", "multiply", ""), ("x", "multiply", "")]


def test_shared_node_is_one_vertex():
    x = parameter(3.0, "x")
    shared = np.exp(x)
    shared.name = "s"
    graph = viz.graph(shared - np.tanh(shared))
    assert titles(graph) == ["x", "s = exp", "tanh", "subtract"]
    assert connections(graph)[2:] == [("s = exp", "subtract", "1"), ("tanh", "subtract", "2")]


def test_array_used_twice_is_one_input_and_equal_arrays_are_two():
    x = parameter([1.0, 2.0], "x")
    a, equal = np.array([5.0, 6.0]), np.array([5.0, 6.0])
    graph = viz.graph((x * a + a) / equal)
    assert [vertex.kind for vertex in graph.vertices].count("input") == 2
    assert len(graph.edges) == 6


def test_order_of_arguments_is_numbered_only_where_it_matters():
    a, b = parameter(1.0, "a"), parameter(2.0, "b")
    assert connections(viz.graph(a / b)) == [("a", "divide", "1"), ("b", "divide", "2")]
    for commutative in (a + b, a * b, np.maximum(a, b), np.minimum(a, b)):
        assert [label for *_, label in connections(viz.graph(commutative))] == ["", ""]


@looped(
    ("compute", "expected"),
    [
        (lambda x: x**2, "power(·, 2)"),
        (lambda x: 1 - x, "subtract(1, ·)"),
        (lambda x: x * np.float64(0.1), "multiply(·, 0.1)"),
        (lambda x: x @ np.ones((3, 1)), "matmul"),
        (lambda x: relu(x), "relu"),
        (lambda x: x.leaky_relu(0.02), "leaky_relu(·, 0.02)"),
        (lambda x: x.sum(), "sum"),
        (lambda x: x.sum(axis=0), "sum axis=0"),
        (lambda x: x.max(axis=(0, 1), keepdims=True), "max axis=(0, 1) keepdims=True"),
        (lambda x: np.concatenate([x, x], axis=1), "concatenate axis=1"),
        (lambda x: x.T, "transpose"),
        (lambda x: x.reshape(3, 2), "reshape(·, (3, 2))"),
        (lambda x: x.astype(np.float32), "astype(·, float32)"),
        (lambda x: x[0, 1:], "getitem(·, (0, 1:))"),
        (lambda x: x[..., ::2], "getitem(·, (..., ::2))"),
        (lambda x: x[:], "getitem(·, :)"),
        (lambda x: np.split(x, 3, axis=1)[1], "getitem(·, (:, 1:2))"),
        (lambda x: np.where(x.data > 1, x, 0.0), "where(·, ·, 0)"),
        (lambda x: x + [[1.0] * 3] * 2, "add"),
        (
            lambda x: scaled_dot_product_attention(x, x, x, None, False, None),
            "scaled_dot_product_attention",
        ),
        (
            lambda x: scaled_dot_product_attention(x, x, x, None, True, None),
            "scaled_dot_product_attention(·, ·, ·, None, True)",
        ),
    ],
)
def test_operation_names_its_constants_and_keywords(compute, expected):
    x = parameter(np.arange(6.0).reshape(2, 3), "x")
    assert viz.graph(compute(x)).vertices[-1].operation == expected


@looped(
    ("data", "expected"),
    [
        (0.5, ("0.5",)),
        (-0.0, ("0",)),
        (np.float32(0.1), ("0.1",)),
        ([1 / 3, 2e-9], ("[0.3333, 2e-09]",)),
        ([[1.0], [2.0]], ("[[1],", " [2]]")),
        (
            np.full((2, 3), -1 / 3),
            ("[[-0.3333, -0.3333, -0.3333],", " [-0.3333, -0.3333, -0.3333]]"),
        ),
        ([np.nan, -np.inf], ("[nan, -inf]",)),
        ([True, False], ("[True, False]",)),
        (np.zeros((0, 3)), ("empty",)),
    ],
)
def test_small_array_is_printed(data, expected):
    assert viz.graph(Tensor(data)).vertices[0].value == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (np.arange(7.0), ("mean 3 ± 2", "min 0, max 6")),
        (np.arange(7), ("mean 3 ± 2", "min 0, max 6")),
        (np.zeros((100, 100), np.float32), ("all 0",)),
        (np.arange(7) < 2, ("2 of 7 True",)),
        ([0.1, 0.2, -0.3] * 3, ("mean 0 ± 0.216", "min -0.3, max 0.2")),
        ([1e-20, 2e-20, 3e-20] * 3, ("mean 2e-20 ± 8.165e-21", "min 1e-20, max 3e-20")),
        (
            np.full(1000, 300.0, np.float16) + np.float16([0, 2] * 500),
            ("mean 301 ± 1", "min 300, max 302"),
        ),
        ([np.nan, np.inf, 1.0, 1.0, 1.0, 1.0, 1.0], ("2 of 7 not finite",)),
        ([1e308] * 6 + [-1e308], ("mean inf ± inf", "min -1e+308, max 1e+308")),
    ],
)
def test_large_array_is_summarized(data, expected):
    assert viz.graph(Tensor(data)).vertices[0].value == expected


def test_shape_and_dtype_are_shown():
    x = parameter(np.ones((2, 3), np.float32), "x")
    graph = viz.graph(x.sum(axis=1))
    assert [vertex.shape for vertex in graph.vertices] == ["(2, 3) float32", "(2,) float32"]


def test_names_win_over_the_tensors_own():
    x = parameter(1.0, "own")
    graph = viz.graph(np.exp(x), names={"given": x, "unused": Tensor(2.0)})
    assert titles(graph) == ["given", "exp"]


def test_tensor_that_records_nothing_is_a_single_leaf():
    x = parameter([1.0], "x")
    with no_grad():
        unrecorded = x * 2
    for tensor, kind in ((x, "parameter"), (Tensor(1.0), "input"), (unrecorded, "input")):
        graph = viz.graph(tensor)
        assert [vertex.kind for vertex in graph.vertices] == [kind]
        assert graph.edges == ()


def test_graph_keeps_what_was_true_when_it_was_made():
    x = parameter([1.0], "x")
    graph = viz.graph(x)
    before = graph.dot
    x.data = np.array([5.0])
    assert graph.dot == before


def test_long_chain_needs_no_recursion():
    x = parameter(1.0, "x")
    y = x
    for _ in range(5000):
        y = y + 1
    graph = viz.graph(y)
    assert titles(graph) == ["x", "×5000"]
    assert graph.vertices[1].value == ("5001",)
    assert graph.note == "5,000 operations: equal steps are one box each"


def test_what_is_no_tensor_is_refused():
    with pytest.raises(UnsupportedError) as caught:
        viz.graph(np.ones((2, 3)))
    assert caught.value.args == (
        "viz.graph(array (2, 3))",
        "it is not a tensor, so that nothing was recorded in it",
        "Give it the tensor that was computed, such as the loss; or a model and its input",
    )


def test_names_the_wrong_way_round_are_refused():
    x = parameter(1.0, "x")
    with pytest.raises(UnsupportedError, match=r"names=\{'x' \(\): 'W1'\}.*names=\{'W1': W1\}"):
        viz.graph(x, names={x: "W1"})
