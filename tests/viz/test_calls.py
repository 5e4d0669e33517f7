"""Which modules what was recorded belongs to, and under which names."""

import copy
import weakref

import numpy as np

import nn
import viz
from autograd_lite import Tensor, no_grad

X = np.random.default_rng(0).normal(size=(6, 3))


def paths(graph):
    """Of each vertex its title and the labels around it."""
    return {vertex.title: " / ".join(vertex.path) for vertex in graph.vertices}


def network():
    rest = nn.Sequential(nn.LayerNorm(4), nn.Dropout(0.5, rng=0))
    return nn.Sequential(nn.Dense(3, 4, "tanh", rng=0), rest)


def test_boxes_are_named_as_in_the_model_and_hold_what_each_module_computed():
    found = paths(viz.graph(network()(X).sum()))
    assert found["affine"] == found["tanh"] == found["0.weight"] == "Sequential / 0: Dense"
    assert found["multiply"] == found["1.0.weight"] == "Sequential / 1: Sequential / 1.0: LayerNorm"
    dropped = [title for title in found if title.startswith("dropout")]
    assert [found[title] for title in (*dropped, "mask")] == [
        "Sequential / 1: Sequential / 1.1: Dropout"
    ] * 2
    assert found["input"] == found["sum"] == ""


def test_groups_are_nested_and_hold_each_vertex_once():
    graph = viz.graph(network()(X).sum())
    (outer,) = graph.groups
    assert outer.vertices == ()
    assert [group.label for group in outer.groups] == ["0: Dense", "1: Sequential"]
    titles = [graph.vertices[n].title for n in outer.groups[0].vertices]
    assert titles == ["0.weight", "0.bias", "affine", "tanh"]
    assert [group.label for group in outer.groups[1].groups] == ["1.0: LayerNorm", "1.1: Dropout"]


def test_what_a_module_has_of_its_own_is_no_input():
    model = nn.Sequential(nn.Dense(3, 3, rng=0), nn.BatchNorm1d(3), nn.Dropout(0.5, rng=0))
    kinds = {v.title: v.kind for v in viz.graph(model(X).sum()).vertices}
    assert (kinds["input"], kinds["mask"], kinds["0.weight"]) == ("input", "constant", "parameter")
    used = viz.graph(model, X)
    assert [v.kind for v in used.vertices].count("input") == 1
    assert [v.kind for v in used.vertices].count("constant") == 2


def test_all_that_a_model_does_with_its_inputs_is_drawn():
    model = nn.Sequential(nn.Flatten(), nn.LayerNorm(4), nn.Dense(4, 1, rng=0))
    x = np.arange(8.0).reshape(2, 2, 2)
    graph = viz.graph(model, x, highlight=[x])
    assert [v.title for v in graph.vertices][:3] == [
        *("input", "reshape(\u00b7, (2, 4))", "standardize(\u00b7, (-1,), 1e-05)")
    ]
    assert [v.kind for v in graph.vertices].count("input") == 1
    assert graph.vertices[0].highlighted
    twice = viz.graph(nn.Bilinear(3, 3, 2, rng=0), (X, X))
    assert [v.kind for v in twice.vertices].count("input") == 1


def test_an_input_is_one_also_where_the_model_converts_it():
    data = X.astype(np.float32)
    graph = viz.graph(nn.Sequential(nn.Dense(3, 2, rng=0))(data).sum())
    assert [(v.kind, v.path) for v in graph.vertices if v.shape == "(6, 3) float64"] == [
        ("input", ())
    ]


def test_a_view_of_an_input_is_an_input():
    lstm = nn.LSTM(3, 4, rng=0)
    vertices = viz.graph(lstm(np.ones((2, 5, 3)))[0].sum()).vertices
    assert [(v.shape, v.path) for v in vertices if v.kind == "input"] == [("(5, 2, 3) float64", ())]
    assert [v.name for v in vertices if v.kind == "constant"] == ["h", "c"]


def test_a_shared_module_is_drawn_for_each_call_with_its_first_name():
    layer = nn.Dense(3, 3, rng=0)
    graph = viz.graph(nn.Sequential(layer, layer)(X).sum(), depth=2)
    assert [v.title for v in graph.vertices if v.kind == "collapsed"] == ["0: Dense"] * 2


def test_constants_of_modules_are_called_what_modules_call_them():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5, rng=0))
    in_use, training = viz.graph(model, X), viz.graph(model(Tensor(X, requires_grad=True)).sum())
    named = [[v.name for v in g.vertices if v.kind == "constant"] for g in (in_use, training)]
    assert named == [["0.running_mean", "scale"], ["mask"]]


class Recurrent(nn.Module):
    """Keeps its state, which is no argument of the next call."""

    def __init__(self):
        self.inside, self.out = nn.Dense(3, 3, rng=0), nn.Dense(3, 3, rng=1)
        self.state = None

    def forward(self, x):
        given = x if self.state is None else x + self.state
        self.state = np.tanh(self.inside(given))
        return {"out": self.out(self.state), "state": self.state}


def test_a_call_holds_nothing_of_the_call_before_though_it_uses_its_state():
    model = Recurrent()
    first, second = model(X)["out"], model(X)["out"]
    graph = viz.graph((first + second).sum(), depth=1)
    calls = [v for v in graph.vertices if v.title == "Recurrent"]
    assert len(calls) == 2
    whole = viz.graph((first + second).sum())
    assert [group.label for group in whole.groups] == ["Recurrent", "Recurrent"]
    inside = [v.operation for v in whole.vertices if v.path and v.operation]
    assert inside.count("affine") == 4
    assert inside.count("tanh") == 2


def test_what_a_module_returns_as_it_was_given_remains_of_what_computed_it():
    dense, dropout = nn.Dense(3, 2, rng=0), nn.Dropout(0.5).eval()
    y = dense(X)
    for _ in range(3):
        assert dropout(y) is y
    assert [group.label for group in viz.graph(y.sum()).groups] == ["Dense"]
    assert y.scope[3] is None


def test_named_parts_nest_with_modules_and_each_other():
    model = nn.Dense(3, 2, rng=0)
    with viz.scope("loss"), no_grad():
        assert not (Tensor(1.0, requires_grad=True) * 2).requires_grad
    with viz.scope("outer"):
        y = model(X)
        with viz.scope("penalty"):
            penalty = (model.weight**2).sum()
    found = paths(viz.graph(y.sum() + penalty))
    assert found["affine"] == "outer / Dense"
    assert found["power(·, 2)"] == "outer / penalty"
    assert found["add"] == ""


def test_what_was_computed_before_a_named_part_is_none_of_it():
    x = Tensor([1.0, 2.0], requires_grad=True)
    before = np.exp(x)
    with viz.scope("part"):
        y = (before**2).sum()
    found = paths(viz.graph(y))
    assert (found["exp"], found["power(·, 2)"], found["sum"]) == ("", "part", "part")


def test_a_parameter_that_equals_the_input_belongs_to_its_module():
    graph = viz.graph(nn.LayerNorm(3)(np.ones(3)).sum())
    assert [v.path for v in graph.vertices if v.name == "weight"] == [("LayerNorm",)]


def test_equal_steps_within_a_module_are_drawn_within_it():
    class Loop(nn.Module):
        def forward(self, x):
            for _ in range(20):
                x = np.tanh(x * 1.5)
            return x

    graph = viz.graph(nn.Sequential(Loop(), nn.Dense(3, 1, rng=0)), X)
    assert [v.path for v in graph.vertices if v.title == "×20"] == [("Sequential", "0: Loop")]


def test_scopes_hold_no_memory_in_evaluation_and_go_with_the_graph():
    model = nn.Sequential(nn.Dense(3, 2, rng=0))
    with no_grad():
        assert not hasattr(model(X), "scope")
    y = model(X)
    graph = weakref.ref(y)
    del y
    assert graph() is None
    copied = copy.deepcopy(model(X))
    assert copied.scope is None
