"""The options of a picture, models, and what changed between two graphs."""

import numpy as np
import pytest
from sample_graphs import small_network

import nn
import viz
from autograd_lite import Tensor, no_grad

X = np.random.default_rng(0).normal(size=(6, 3))


def squares():
    w = Tensor([3.0, 4.0], requires_grad=True, name="w")
    scale = Tensor(2.0, requires_grad=True, name="scale")
    loss = ((w * scale) ** 2).sum()
    loss.backward()
    return w, scale, loss


def test_values_gradients_and_legend_are_left_out_when_not_asked_for():
    *_, loss = squares()
    graph = viz.graph(loss, values=False, gradients=False, legend=False)
    assert all(vertex.value == vertex.gradient == () for vertex in graph.vertices)
    assert graph.vertices[0].rows == (("shape", ("(2,) float64",)),)
    for picture in (graph.dot, graph.svg()):
        assert "Legend" not in picture
        assert "grad" not in picture


def test_direction_is_that_of_the_layout():
    *_, loss = squares()
    right = viz.graph(loss, direction="right")
    assert "rankdir=LR" in right.dot
    assert "rankdir" not in viz.graph(loss).dot


def test_a_number_and_its_gradient_take_one_line():
    _, scale, loss = squares()
    (vertex,) = [v for v in viz.graph(loss).vertices if v.name == "scale"]
    assert vertex.rows == (("value", (f"2   grad {scale.grad:.4g}",)),)
    single = Tensor(np.float32(2), requires_grad=True)
    assert viz.graph(single).vertices[0].rows[0] == ("shape", ("() float32",))


def test_what_is_highlighted_stands_out_by_name_or_as_a_tensor():
    w, scale, loss = squares()
    graph = viz.graph(loss, {"factor": scale}, highlight=[w, "factor"])
    assert [v.name for v in graph.vertices if v.highlighted] == ["w", "factor"]
    assert graph.dot.count("penwidth=4") == 2
    # A box that stands for many does if one of them is highlighted.
    model = nn.Sequential(nn.Dense(3, 2, rng=0))
    closed = viz.graph(model(X).sum(), depth=1, highlight=[model[0].weight])
    assert [v.title for v in closed.vertices if v.highlighted] == ["Sequential"]


def test_before_marks_what_changed_and_says_what_it_was():
    w, scale, loss = squares()
    earlier = viz.graph(loss)
    scale.data = scale.data + 1e-9
    again = ((w * scale) ** 2).sum()
    graph = viz.graph(again, before=earlier)
    changed = {v.title: dict(v.facts)["was"] for v in graph.vertices if v.highlighted}
    # Also what shows the same digits is known to have changed.
    assert changed == {
        "scale": ("2",),
        "multiply": ("[6, 8]",),
        "power(·, 2)": ("[36, 64]",),
        "sum": ("100",),
    }
    assert not any(v.highlighted for v in viz.graph(again, before=graph).vertices)
    grown = viz.graph(np.exp(again), before=earlier)
    assert dict(grown.vertices[-1].facts)["was"] == ("new",)
    # What is not named is compared with what has its shape, but for the number of samples.
    X, labels, model = np.ones((4, 3)), np.zeros(4, int), nn.Dense(3, 2, rng=0)
    earlier = viz.graph(nn.CrossEntropyLoss()(model(X), labels), names={"X": X})
    graph = viz.graph(nn.CrossEntropyLoss()(model(X[:2]), labels[:2]), before=earlier)
    was = {v.shape: dict(v.facts).get("was") for v in graph.vertices if v.kind == "input"}
    assert was == {"(2, 3) float64": ("new",), "(2,) int64": ("[0, 0, 0, 0]",)}


def test_a_model_is_drawn_as_in_use_and_not_changed():
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.BatchNorm1d(4), nn.Dropout(0.5, rng=0))
    before = {name: array.copy() for name, array in model.state_dict().items()}
    with no_grad():
        graph = viz.graph(model, X)
    assert graph.groups[0].label == "Sequential"
    assert {v.name for v in graph.vertices if v.kind == "parameter"} == {
        *("0.weight", "0.bias", "1.weight", "1.bias")
    }
    assert not any("dropout" in v.title for v in graph.vertices)
    assert model.training
    assert all(np.array_equal(before[name], a) for name, a in model.state_dict().items())


class Pair(nn.Module):
    def __init__(self):
        self.left, self.right = nn.Dense(3, 1, rng=0), nn.Dense(3, 1, rng=1)

    def forward(self, x, scale):
        return {"left": self.left(x), "right": self.right(x) * scale}


def test_a_model_of_several_inputs_and_outputs_is_drawn_whole():
    graph = viz.graph(Pair(), (X, np.array(2.0)))
    outputs = [v.title for v in graph.vertices if v.kind == "output"]
    assert sorted(outputs) == ["affine", "multiply"]
    assert [v.shape for v in graph.vertices if v.kind == "input"] == [
        *("(6, 3) float64", "() float64")
    ]


def test_tooltips_say_where_a_vertex_is_and_all_that_is_shown_of_it():
    loss, names = small_network()
    graph = viz.graph(loss, names)
    (vertex,) = [v for v in graph.vertices if v.name == "b1"]
    assert vertex.tooltip == "b1\nshape (3,) float64\nvalue [0.5, -0.25, 0.125]"
    assert f"<title>{vertex.tooltip}</title>" in graph.svg()


@pytest.mark.parametrize("direction", ["down", "right"])
def test_the_picture_shrinks_to_the_width_that_there_is(direction, monkeypatch):
    *_, loss = squares()
    graph = viz.graph(loss, direction=direction)
    for own in (False, True):
        if own:
            monkeypatch.setattr("viz.dot.renderer", lambda: None)
        svg = graph.svg()
        opening = svg[svg.index("<svg") :].split(">")[0]
        assert "max-width:100%;height:auto" in opening
        assert "viewBox" in opening
