"""The layout for where Graphviz is not: that it is easy to read."""

import itertools
import re

import numpy as np
from test_own_layout import SVG, drawn, framed, graphs

import viz
from autograd_lite import Tensor
from viz.layers import GAPS


def parameter(shape, name):
    return Tensor(np.ones(shape), requires_grad=True, name=name)


def middles(graph):
    """Of each box the middle across, by its number, and the boxes."""
    *_, boxes = drawn(graph)
    return [(left + right) / 2 for left, _, right, _ in boxes], boxes


def chain():
    y = np.ones((4, 3))
    for number in range(4):
        y = np.tanh(y @ parameter((3, 3), f"W{number}"))
    return viz.graph(y.sum())


def test_a_chain_of_operations_runs_nearly_straight_down():
    graph = chain()
    middle, boxes = middles(graph)
    for edge in graph.edges:
        if graph.vertices[edge.tail].operation:
            moved = abs(middle[edge.tail] - middle[edge.head])
            left, _, right, _ = boxes[edge.head]
            assert moved < (right - left) / 2 if edge.label else moved < 1


def test_what_is_used_late_stands_right_above_its_use():
    graph = chain()
    *_, boxes = drawn(graph)
    for edge in graph.edges:
        assert boxes[edge.head][1] - boxes[edge.tail][3] == GAPS["down"]


def test_a_low_box_beside_a_tall_one_stands_next_to_its_use():
    low, tall = parameter((1, 2), "low"), parameter((3, 2), "tall")
    graph = viz.graph(np.concatenate([low, tall]))
    *_, boxes = drawn(graph)
    assert boxes[0][3] - boxes[0][1] < boxes[1][3] - boxes[1][1]
    assert boxes[0][3] == boxes[1][3] == boxes[2][1] - GAPS["down"]


def test_lines_cross_no_more_than_they_have_to():
    inputs = [parameter(2, f"x{number}") for number in range(5)]
    graph = viz.graph(np.concatenate([np.sin(inputs[n]) for n in (3, 0, 4, 1, 2)]))
    middle, _ = middles(graph)
    lines = [(middle[e.tail], middle[e.head]) for e in graph.edges if not e.label]
    for (tail, head), (other_tail, other_head) in itertools.combinations(lines, 2):
        assert (tail < other_tail) == (head < other_head)
    arriving = sorted((middle[edge.tail], edge.label) for edge in graph.edges if edge.label)
    assert [label for _, label in arriving] == ["1", "2", "3", "4", "5"]


def path_of(groups, edge):
    """The points of an edge, and of the curves between them."""
    path = groups[f"n{edge.tail}->n{edge.head}"].find(f"{SVG}path").get("d")
    return np.array(re.findall(r"([-\d.]+),([-\d.]+)", path), float)


def test_edges_never_turn_back():
    for name, graph in (graphs() | framed()).items():
        _, groups, _ = drawn(graph)
        along = 0 if graph.direction == "right" else 1
        for edge in graph.edges:
            steps = np.diff(path_of(groups, edge)[:, along])
            assert steps.min() > -0.2, name  # as numbers are written with one digit


def test_edges_to_one_operation_do_not_cross_where_their_order_does_not_matter():
    a, b = parameter(2, "a"), parameter(2, "b")
    for sum_of_two in (np.exp(a) + b, b + np.exp(a)):
        graph = viz.graph(sum_of_two)
        middle, _ = middles(graph)
        _, groups, _ = drawn(graph)
        ends = [edge for edge in graph.edges if graph.vertices[edge.head].title == "add"]
        arriving = sorted(ends, key=lambda edge: path_of(groups, edge)[-1][0])
        assert arriving == sorted(ends, key=lambda edge: middle[edge.tail])
