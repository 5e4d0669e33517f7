"""Large layers: what is tried first costs little, whatever their size."""

import numpy as np
import pytest
from tiers import in_second_tier

from autograd_lite import Tensor, compare_gradients
from autograd_lite.forensics import masks, other_data
from autograd_lite.forensics.candidates import candidates
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.replay import Graph

LAYERS, WIDTH, SAMPLES = 4, 256, 16


def deep_network(slope_in):
    """Layers of tanh, with `slope_in(layer, h)` for the derivative of each."""
    rng = np.random.default_rng(0)
    h, T = rng.normal(size=(2, SAMPLES, WIDTH))
    weights = [
        Tensor(rng.normal(size=(WIDTH, WIDTH)) / 16, requires_grad=True, name=f"W{layer}")
        for layer in range(LAYERS)
    ]
    outputs = [h]
    for W in weights:
        outputs.append(np.tanh(outputs[-1] @ W))
    values = [h, *(output.data for output in outputs[1:])]
    gradients = {}
    delta = 2 * (values[-1] - T)
    for layer in range(LAYERS - 1, -1, -1):
        dz = delta * slope_in(layer, values[layer + 1])
        gradients[weights[layer]] = values[layer].T @ dz
        delta = dz @ weights[layer].data.T
    return ((outputs[-1] - T) ** 2).sum(), gradients


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (lambda h: 1 - h, "taken to be 1 - a"),
        pytest.param(lambda h: h * h, "the square of the output", marks=pytest.mark.exhaustive),
        pytest.param(lambda h: 1 + h * h, "taken to be 1 + a * a", marks=pytest.mark.exhaustive),
    ],
)
def test_a_slope_that_is_wrong_in_all_large_layers_is_named_after_few_replays(
    slope, words, monkeypatch
):
    replays = []
    run_again = Graph.run_again
    monkeypatch.setattr(
        Graph, "run_again", lambda *given: replays.append(given) or run_again(*given)
    )
    report = compare_gradients(*deep_network(lambda layer, h: slope(h)), seconds=1000)
    assert words in report.explanations[0].sentence
    assert "likewise to dz2, dz1, dz0" in report.explanations[0].sentence
    assert len(replays) < 100


@pytest.mark.parametrize("wrong", in_second_tier([0, 1, 3], but=[1]))
def test_a_slope_that_is_wrong_in_one_large_layer_is_named_there(wrong):
    slope_in = lambda layer, h: 1 - (h if layer == wrong else h**2)
    report = compare_gradients(*deep_network(slope_in), seconds=1000)
    sentence = report.explanations[0].sentence
    assert "taken to be 1 - a" in sentence
    assert "likewise" not in sentence
    assert {f"W{layer}" for layer in range(wrong + 1)} == {*report.explanations[0].explained}


def case_of_noise(loss, *tensors):
    """A case in which nothing is right, as the search has it."""
    rng = np.random.default_rng(1)
    return Case(Graph(loss), {t: rng.normal(size=t.shape) for t in tensors}, 1e-6, {}, {})


@pytest.mark.parametrize(("width", "replays"), [(8, 17), (1200, 0)])
def test_a_large_layer_is_not_run_again_for_each_sample(width, replays, monkeypatch):
    W = Tensor(np.ones((width, width)), requires_grad=True)
    X = np.random.default_rng(0).normal(size=(16, width))
    case = case_of_noise((np.tanh(X @ W) ** 2).sum(), W)
    counted, replay = [], Graph.replay
    monkeypatch.setattr(Graph, "replay", lambda *given: counted.append(1) or replay(*given))
    assert [*masks.some_samples(case)] == []
    assert len(counted) == replays


def loop(steps):
    """The loss of a loop over arrays of its own, and what it is computed with."""
    rng = np.random.default_rng(0)
    w, h = Tensor(rng.normal(size=3), requires_grad=True), np.zeros(3)
    for x in [rng.normal(size=3) for _ in range(steps)]:
        h = np.tanh(w * x + h)
    return (h**2).sum(), w


def test_the_nearest_nodes_of_a_shape_are_those_that_a_look_at_all_would_give():
    graph = Graph(loop(20)[0])
    for node in graph.places_of:
        here = graph.position[node]
        others = [n for n in graph.places_of if n is not node and n.shape == node.shape]
        others.sort(key=lambda n: (abs(graph.position[n] - here), graph.position[n]))
        assert graph.nearest(node, 8) == others[:8]


def test_arrays_of_a_loop_are_compared_with_few_others_each(monkeypatch):
    compared, is_in_order = [], other_data._is_in_order
    count = lambda *given: compared.append(1) or is_in_order(*given)
    monkeypatch.setattr(other_data, "_is_in_order", count)
    numbers = []
    for steps in (50, 100):
        compared.clear()
        list(other_data.other_data(case_of_noise(*loop(steps))))
        numbers.append(len(compared))
    assert 0 < numbers[0] < numbers[1] < 3 * numbers[0]


def test_formulas_in_all_steps_of_a_loop_are_tried_before_the_values_of_others():
    tried = (candidate.kind for candidate in candidates(case_of_noise(*loop(20)), []))
    assert next(k for k in tried if k in ("wrong formula", "other values")) == "wrong formula"
