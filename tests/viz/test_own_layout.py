"""The layout for where Graphviz is not: nothing overlaps, edges go down, arguments are in order."""

import dataclasses
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
from viz.vertices import Group

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


def frames_of(graph):
    """By label, the corners of each frame, in order."""
    root, _, boxes = drawn(graph)
    labels = [each for each in root if each.tag == f"{SVG}text" and each.get("paint-order")]
    rectangles = [each for each in root.iter(f"{SVG}rect") if each.get("rx")]
    found = []
    for each in rectangles[::-1]:
        left, top = float(each.get("x")), float(each.get("y"))
        right, bottom = left + float(each.get("width")), top + float(each.get("height"))
        found.append((left, top, right, bottom))
    return [(label.text, corners) for label, corners in zip(labels, found, strict=True)], boxes


def all_groups(groups):
    return [each for group in groups for each in [*all_groups(group.groups), group]]


def is_apart(one, other):
    beside = one[2] <= other[0] or other[2] <= one[0]
    return beside or one[3] <= other[1] or other[3] <= one[1]


def is_within(inner, outer):
    return all(np.less_equal(outer[:2], inner[:2])) and all(np.less_equal(inner[2:], outer[2:]))


def test_each_module_is_framed_with_what_it_computed_and_nothing_else():
    for name, graph in (graphs() | framed()).items():
        frames, boxes = frames_of(graph)
        groups = all_groups(graph.groups)
        assert [label for label, _ in frames] == [group.label for group in groups], name
        for group, (_, frame) in zip(groups, frames):
            inside = {*group.members}
            for number, box in enumerate(boxes):
                assert (is_within if number in inside else is_apart)(box, frame), name
        for (_, one), (_, other) in itertools.combinations(frames, 2):
            assert is_apart(one, other) or is_within(one, other), name


@functools.cache
def framed():
    """Modules beside each other, in each other, used twice, and named parts in a loop."""
    rng = np.random.default_rng(0)
    twice, deep = nn.Dense(3, 3, rng=0), nn.Dense(3, 3, rng=1)
    for _ in range(6):
        deep = nn.Sequential(deep)
    x = rng.normal(size=(2, 3))
    sequence = Tensor(rng.normal(size=(1, 4, 8)), requires_grad=True)
    encoder = nn.TransformerEncoderLayer(8, 2, 16, rng=0)
    images = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.MaxPool(2), nn.Flatten())
    h = total = Tensor(np.zeros(2), requires_grad=True)
    for _ in range(3):
        with viz.scope("step"):
            with viz.scope("state"):
                h = np.tanh(h * 0.5 + total.sum())
            total = total + h
    computed = {
        "twice": twice(twice(x)) + twice(x),
        "deep": deep(x),
        "encoder": encoder(sequence),
        "images": images(rng.normal(size=(1, 1, 6, 6))),
        "loop": total.sum(),
    }
    turned = {f"{name} right": viz.graph(y, direction="right") for name, y in computed.items()}
    return {name: viz.graph(y) for name, y in computed.items()} | turned


def test_what_another_part_comes_in_between_is_drawn_without_a_frame():
    x = Tensor(1.0, requires_grad=True, name="x")
    y = np.exp(x)
    graph = viz.graph(np.sin(y) * np.cos(y))
    assert [vertex.title for vertex in graph.vertices] == ["x", "exp", "sin", "cos", "multiply"]
    torn = Group("torn", (1, 3), (Group("whole", (3,), ()),))
    frames, boxes = frames_of(dataclasses.replace(graph, groups=(torn,)))
    assert [label for label, _ in frames] == ["whole"]
    assert is_within(boxes[3], frames[0][1])


@pytest.mark.parametrize("direction", ["down", "right"])
def test_frames_lie_within_the_picture_with_room_for_their_labels(direction):
    model = nn.Dense(2, 3, rng=0)
    for _ in range(6):
        model = nn.Sequential(model)
    graph = viz.graph(model(np.ones((1, 2))).sum(), direction=direction)
    width, height = map(float, drawn(graph)[0].get("viewBox").split()[2:])
    frames, _ = frames_of(graph)
    assert len(frames) == 7
    for label, (left, top, right, bottom) in frames:
        assert 0 < left < left + 6.65 * len(label) < right < width
        assert 0 < top < bottom < height
