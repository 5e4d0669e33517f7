"""The layout for where Graphviz is not: nothing overlaps, edges go down, arguments are in order."""

import functools
import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from test_collapse import random_graph

import nn
import viz
from autograd_lite import Tensor
from viz.drawing import svg_text

SVG = "{http://www.w3.org/2000/svg}"


@functools.cache
def graphs():
    x = Tensor(np.ones((2, 2)), requires_grad=True, name="x")
    model = nn.Sequential(nn.Dense(3, 4, "relu", rng=0), nn.Residual(nn.LayerNorm(4)))
    return {
        "one": viz.graph(x),
        "square": viz.graph(x * x),
        "model": viz.graph(model(np.ones((5, 3))).sum()),
        "right": viz.graph(model(np.ones((5, 3))).sum(), direction="right"),
        "random": viz.graph(random_graph(60, np.random.default_rng(0))),
    }


def corners(group):
    points = re.findall(r"[-\d.]+,[-\d.]+", group.find(f"{SVG}polygon").get("points"))
    x, y = np.array([point.split(",") for point in points], float).T
    return x.min(), y.min(), x.max(), y.max()


def drawn(graph):
    root = ElementTree.fromstring(svg_text(graph).encode())
    groups = {group.get("id"): group for group in root.iter(f"{SVG}g")}
    boxes = [corners(groups[f"n{number}"]) for number in range(len(graph.vertices))]
    return root, groups, boxes


def test_boxes_do_not_overlap_and_lie_within_the_picture():
    for name, graph in graphs().items():
        root, _, boxes = drawn(graph)
        width, height = map(float, root.get("viewBox").split()[2:])
        for left, top, right, bottom in boxes:
            assert 0 <= left < right <= width, name
            assert 0 <= top < bottom <= height, name
        for one, other in itertools.combinations(boxes, 2):
            apart = one[2] <= other[0] or other[2] <= one[0]
            assert apart or one[3] <= other[1] or other[3] <= one[1], name


def test_operations_lie_beyond_what_they_are_computed_from():
    for name, graph in graphs().items():
        *_, boxes = drawn(graph)
        start, end = (0, 2) if graph.direction == "right" else (1, 3)
        for edge in graph.edges:
            assert boxes[edge.tail][end] < boxes[edge.head][start], name


def test_edges_end_at_their_boxes():
    for name, graph in graphs().items():
        if graph.direction == "right":
            continue
        _, groups, boxes = drawn(graph)
        for edge in graph.edges:
            path = groups[f"n{edge.tail}->n{edge.head}"].find(f"{SVG}path").get("d")
            points = np.array(re.findall(r"([-\d.]+),([-\d.]+)", path), float)
            for (x, y), number in zip(points[[0, -1]], (edge.tail, edge.head)):
                left, top, right, bottom = boxes[number]
                assert left <= x <= right, name
                assert min(abs(y - top), abs(y - bottom)) <= 7.11, name


@pytest.mark.parametrize("swap", [False, True])
def test_arguments_arrive_from_left_to_right(swap):
    a = Tensor(1.0, requires_grad=True, name="a")
    b = Tensor(2.0, requires_grad=True, name="b")
    graph = viz.graph(b - a if swap else a - b)
    _, groups, boxes = drawn(graph)
    ends = []
    for edge in graph.edges:
        path = groups[f"n{edge.tail}->n{edge.head}"].find(f"{SVG}path").get("d")
        ends.append(float(path.split()[-1].split(",")[0]))
    assert [edge.label for edge in graph.edges] == ["1", "2"]
    assert ends == sorted(ends)
    assert boxes[graph.edges[0].tail][0] < boxes[graph.edges[1].tail][0]


def test_a_frame_is_around_what_a_module_computed_and_nothing_else():
    model = nn.Sequential(nn.Dense(3, 4, "relu", rng=0), nn.Dense(4, 1, rng=0))
    graph = viz.graph(model(np.ones((5, 3))).sum())
    root, _, boxes = drawn(graph)
    labels = {text.text for text in root.iter(f"{SVG}text")}
    frames = [each for each in root.iter(f"{SVG}rect") if each.get("rx")]
    assert len(frames) == len(labels & {"Sequential", "0: Dense", "1: Dense"}) >= 1
    for frame in frames:
        left, top = float(frame.get("x")), float(frame.get("y"))
        right, bottom = left + float(frame.get("width")), top + float(frame.get("height"))
        for box in boxes:
            inside = left <= box[0] and top <= box[1] and box[2] <= right and box[3] <= bottom
            apart = box[2] <= left or right <= box[0] or box[3] <= top or bottom <= box[1]
            assert inside or apart


@pytest.mark.parametrize("direction", ["down", "right"])
def test_frames_in_each_other_lie_within_the_picture(direction):
    model = nn.Dense(2, 3, rng=0)
    for _ in range(6):
        model = nn.Sequential(model)
    root, _, _ = drawn(viz.graph(model(np.ones((1, 2))).sum(), direction=direction))
    width, height = map(float, root.get("viewBox").split()[2:])
    frames = [each for each in root.iter(f"{SVG}rect") if each.get("rx")]
    assert frames
    for frame in frames:
        left, top = float(frame.get("x")), float(frame.get("y"))
        assert 0 < left < left + float(frame.get("width")) < width
        assert 0 < top < top + float(frame.get("height")) < height
