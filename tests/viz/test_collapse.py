"""Large graphs: what becomes one box, and that the picture says so."""

import numpy as np

import nn
import viz
from autograd_lite import Tensor
from viz.collapse import EDGES, ROOM


def parameter(shape, name):
    return Tensor(np.full(shape, 0.1), requires_grad=True, name=name)


def unrolled(steps):
    W, U, b = parameter((2, 3), "W"), parameter((3, 3), "U"), parameter(3, "b")
    h = np.zeros(3)
    for x in np.ones((steps, 2)):
        h = np.tanh(x @ W + h @ U + b)
    loss = (h**2).sum()
    loss.backward()
    return loss, h


def test_equal_steps_of_a_loop_are_one_box_with_the_weights_beside():
    loss, h = unrolled(50)
    graph = viz.graph(loss)
    assert [v.title for v in graph.vertices] == ["W", "U", "b", "×50", "power(·, 2)", "sum"]
    steps = graph.vertices[3]
    assert steps.kind == "collapsed"
    assert dict(steps.facts) == {
        "each": ("2 matmul, 2 add, tanh",),
        "inputs": ("51",),
    }
    assert steps.gradient == viz.vertices.lines(h.grad)
    assert graph.note == "252 operations: equal steps are one box each"
    assert graph.note in graph.svg()


def test_weights_without_a_name_are_listed_by_their_shapes():
    W, h = Tensor(np.full((3, 3), 0.1), requires_grad=True), np.zeros(3)
    for x in np.ones((12, 3)):
        h = np.tanh(h @ W + x)
    assert viz.graph(h.sum()).vertices[0].facts[2] == ("", ("(3, 3)",))


def test_with_a_depth_and_few_steps_each_is_drawn():
    loss, _ = unrolled(9)
    assert viz.graph(loss).note == ""
    loss, _ = unrolled(30)
    assert sum(v.kind == "operation" for v in viz.graph(loss, depth=1).vertices) == 151


def test_modules_at_a_depth_are_one_box_with_shape_and_parameters():
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.Sequential(nn.ReLU(), nn.Dense(4, 2, rng=0)))
    loss = model(np.ones((5, 3))).sum()
    one = viz.graph(loss, depth=1).vertices
    assert [v.title for v in one] == ["input", "Sequential", "sum"]
    assert (one[1].shape, one[1].facts[0]) == ("(5, 2) float64", ("parameters", ("26",)))
    two = viz.graph(loss, depth=2).vertices
    assert [v.title for v in two] == ["input", "0: Dense", "1: Sequential", "sum"]
    assert two[1].facts[1] == ("", ("0.weight (3, 4)", "0.bias (4,)"))
    assert two[1].value == viz.vertices.lines(loss.arguments[0].arguments[0].arguments[0].data)


def test_a_collapsed_module_counts_constants_apart_from_inputs():
    lstm = viz.graph(nn.LSTM(3, 4, rng=0), np.ones((2, 5, 3)), depth=1).vertices[-1]
    assert dict(lstm.facts)["constants"] == ("2",)  # the first states
    assert "inputs" not in dict(lstm.facts)


def test_modules_close_first_where_there_is_no_room():
    blocks = [
        nn.Sequential(nn.Dense(4, 4, "relu", rng=i), nn.Residual(nn.LayerNorm(4)))
        for i in range(60)
    ]
    graph = viz.graph(nn.Sequential(*blocks)(np.ones((2, 4))).sum())
    assert graph.note == "361 operations: modules at depth 3 are one box each"
    assert [v.title for v in graph.vertices[1:3]] == ["0.0: Dense", "0.1: Residual"]
    assert len(graph.vertices) == 122 <= ROOM


def random_graph(count, rng):
    pool = [parameter(3, "x")]
    for _ in range(count):
        p, q = pool[rng.integers(len(pool))], pool[-1 - rng.integers(min(3, len(pool)))]
        pool.append(
            [np.add, np.multiply, np.subtract, lambda _, q: np.tanh(q)][rng.integers(4)](p, q)
        )
    return sum(pool[-20:]).sum()


def test_what_has_no_structure_is_collapsed_by_levels_without_a_circle():
    for seed in range(4):
        graph = viz.graph(random_graph(1000, np.random.default_rng(seed)))
        assert len(graph.vertices) <= 31
        assert len(graph.edges) <= EDGES
        assert all(edge.tail < edge.head for edge in graph.edges)
        assert graph.note.endswith("equal steps and neighbouring levels are one box each")
        assert graph.vertices[-1].kind == "output"


def test_scalars_of_a_whole_training_set_are_a_few_boxes():
    rng = np.random.default_rng(0)
    first = [[parameter((), None) for _ in range(3)] for _ in range(4)]
    last = [parameter((), None) for _ in range(5)]
    losses = []
    for point in rng.normal(size=(60, 2)).tolist():
        hidden = [(w[0] * point[0] + w[1] * point[1] + w[2]).tanh() for w in first]
        score = sum((w * h for w, h in zip(last, hidden)), last[4])
        losses.append((1 - score) ** 2)
    loss = sum(losses) * (1 / 60)
    graph = viz.graph(loss)
    titles = [v.title for v in graph.vertices if v.kind == "collapsed"]
    assert titles == ["×60", "×59"]
    assert dict(graph.vertices[0].facts)["parameters"] == ("17",)
    assert len(graph.vertices) == 4


def test_each_array_is_in_one_box_and_edges_are_those_of_the_record():
    from viz.collapse import boxes_of, drawn, operands, owners

    for depth in (None, 1, 2):
        model = nn.Sequential(nn.Dense(3, 4, "tanh", rng=0), nn.Residual(nn.LayerNorm(4)))
        roots = [model(np.ones((5, 3))).sum()]
        boxes, _ = boxes_of(roots, depth)
        arrays = [id(array) for box in boxes for array in box.arrays]
        assert sorted(arrays) == sorted(map(id, drawn(*roots)))
        of = owners(boxes)
        given = {
            (id(of[id(array)]), id(of[id(node)]))
            for node in drawn(*roots)
            if getattr(node, "operation", None) is not None
            for array in operands(node)
        }
        edges = {(id(of[id(array)]), id(box)) for box in boxes for array in box.given}
        assert edges == {(tail, head) for tail, head in given if tail != head}


def test_the_input_of_a_model_stands_beside_its_equal_layers():
    model = nn.Sequential(*[nn.Dense(3, 3, activation="tanh", rng=i) for i in range(90)])
    graph = viz.graph(model, np.ones((4, 3)))
    assert [v.title for v in graph.vertices] == ["input", "×90"]
    assert len(graph.edges) == 1
