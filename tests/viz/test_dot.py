"""The DOT text: against golden files, and that the four kinds of node can be told apart."""

from itertools import combinations

import numpy as np
import pytest
from sample_graphs import GOLDEN, hostile_names, trained_network

import viz
from autograd_lite import Tensor
from viz.dot import KEY_COLOR, STYLES, TEXT_COLOR

# Machado, Oliveira and Fernandes (2009), severity 1: what colour-blind people see of linear RGB.
COLOR_VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear_rgb(color):
    channels = np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(color):
    return linear_rgb(color) @ [0.2126, 0.7152, 0.0722]


def lab(linear):
    """CIE L*a*b*, in which distances are those that people see; all colours here are light."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(to_xyz @ linear / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("build", [trained_network, hostile_names])
def test_dot_equals_the_golden_file(build):
    assert build().dot == (GOLDEN / f"{build.__name__}.dot").read_text(encoding="utf-8")


@pytest.mark.parametrize("build", [trained_network, hostile_names])
def test_two_builds_give_the_same_text(build):
    assert build().dot == build().dot


def test_kinds_differ_in_shape_and_in_color_but_for_constants_which_are_inputs():
    assert len({style["shape"] for style in STYLES.values()}) == len(STYLES) == 6
    assert STYLES["constant"]["fillcolor"] == STYLES["input"]["fillcolor"]
    assert len({style["fillcolor"] for style in STYLES.values()}) == 5


@pytest.mark.parametrize(
    ("title", "kind"),
    [("X", "input"), ("W1", "parameter"), ("relu", "operation"), ("loss", "output")],
)
def test_each_node_is_drawn_as_its_kind_and_the_legend_explains_it(title, kind):
    lines = trained_network().dot.splitlines()
    (node,) = [line for line in lines if f"<B>{title}</B>" in line]
    legend = lines[lines.index("\tsubgraph legend {") :]
    (sample,) = [line for line in legend if line.startswith(f"\t\t{kind} [label={kind} ")]
    for attribute in ("shape", "fillcolor"):
        value = STYLES[kind][attribute]
        assert any(f"{attribute}={written}" in node for written in (value, f'"{value}"'))
        assert any(f"{attribute}={written}" in sample for written in (value, f'"{value}"'))


@pytest.mark.parametrize("vision", COLOR_VISION)
def test_fill_colors_differ_for_everyone(vision):
    seen = {
        kind: lab(np.clip(COLOR_VISION[vision] @ linear_rgb(style["fillcolor"]), 0, 1))
        for kind, style in STYLES.items()
    }
    for one, other in combinations(seen.keys() - {"constant"}, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 15, (one, other)


@pytest.mark.parametrize("kind", STYLES)
def test_text_is_legible_on_every_fill_color(kind):
    # The Web Content Accessibility Guidelines ask for a contrast of 4.5, better 7.
    background = luminance(STYLES[kind]["fillcolor"]) + 0.05
    assert background / (luminance(TEXT_COLOR) + 0.05) > 7
    assert background / (luminance(KEY_COLOR) + 0.05) > 4.5


def test_edges_carry_the_number_of_the_argument():
    a, b = Tensor(1.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    edges = [line for line in viz.graph(a - b).dot.splitlines() if " -> n2 " in line]
    assert [line.split()[0] for line in edges] == ["n0", "n1"]
    assert "headlabel=1 " in edges[0]
    assert "headlabel=2 " in edges[1]
    assert "label" not in viz.graph(a * b).dot.split("n0 -> n2")[1].splitlines()[0]
