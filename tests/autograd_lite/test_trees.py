"""Structures of arrays: what they are made of stays, and they are matched by key."""

from collections import ChainMap, OrderedDict, UserDict, defaultdict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite import (
    AutogradError,
    Tensor,
    UnsupportedError,
    grad,
    hvp,
    jacobian,
    jvp,
    ravel,
    relu,
    value_and_grad,
    vjp,
)
from autograd_lite.trees import leaves_of, map_tree, matched, rebuilt

Layer = namedtuple("Layer", ["weight", "bias"])


class AttributeDict(dict):
    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error


class OwnDict(dict):
    """The idiom in which a dict is its own namespace."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.__dict__ = self


class Tagged(list):
    tag = None


MAPPINGS = [dict, OrderedDict, AttributeDict, OwnDict, UserDict, ChainMap, MappingProxyType]


@looped("kind", MAPPINGS)
def test_a_mapping_arrives_as_what_it_is_and_so_does_its_gradient(kind):
    seen = []

    def f(p):
        seen.append(type(p))
        return p["a"] * p["b"]

    gradient = grad(f)(kind({"a": 2.0, "b": 5.0}))
    assert type(gradient) is kind
    assert dict(gradient) == {"a": 5.0, "b": 2.0}
    assert seen == [kind]


@looped("kind", [AttributeDict, OwnDict])
def test_attributes_of_a_mapping_are_its_variables(kind):
    given = kind(a=2.0, b=5.0)
    gradient = grad(lambda p: p.a * p.b)(given)
    assert (gradient.a, gradient["a"], gradient.b) == (5.0, 5.0, 2.0)
    assert given == {"a": 2.0, "b": 5.0}


def test_an_ordered_dict_has_its_methods_and_the_given_one_keeps_its_order():
    def f(p):
        p.move_to_end("a")
        name, last = p.popitem()
        assert name == "a"
        return last * p["b"]

    given = OrderedDict(a=2.0, b=5.0)
    assert grad(f)(given) == OrderedDict(a=5.0, b=2.0)
    assert list(given.items()) == [("a", 2.0), ("b", 5.0)]


def test_a_defaultdict_keeps_its_factory():
    def f(p):
        return p["a"] ** 2 + p["missing"]

    gradient = grad(f)(defaultdict(lambda: 1.0, a=3.0))
    assert gradient == {"a": 6.0}
    assert gradient["other"] == 1.0


def test_sequences_keep_their_kind():
    given = Tagged([Layer(2.0, (3.0, [4.0])), None])
    given.tag = "kept"

    def f(p):
        assert p.tag == "kept"
        layer, nothing = p
        assert nothing is None
        return layer.weight * layer.bias[0] * layer.bias[1][0]

    gradient = grad(f)(given)
    assert type(gradient) is Tagged
    assert gradient == [Layer(12.0, (8.0, [6.0])), None]


def test_a_mapping_that_cannot_be_rebuilt_is_refused_by_name():
    class Frozen(dict):
        def __setitem__(self, key, value):
            raise TypeError("frozen")

    with pytest.raises(AutogradError, match=r"Frozen .* \(frozen\)\. Give dict"):
        grad(lambda p: p["a"])(Frozen(a=1.0))


def test_a_mapping_whose_attributes_would_hold_what_was_given_is_refused():
    class Cached(dict):
        def __init__(self, **values):
            super().__init__(values)
            self.weight = self["weight"]

    with pytest.raises(AutogradError, match="attribute weight holds one of its values"):
        grad(lambda p: (p.weight**2).sum())(Cached(weight=np.ones(2)))


def shuffled(tree):
    """The structure with the keys of its mappings in reverse order."""
    if isinstance(tree, dict):
        return {key: shuffled(tree[key]) for key in reversed(tree)}
    if isinstance(tree, list | tuple):
        items = map(shuffled, tree)
        return tree._make(items) if hasattr(tree, "_make") else type(tree)(items)
    return tree


def test_cotangents_match_by_key():
    _, pullback = vjp(lambda x: {"ten": 10 * x, "one": x}, 3.0)
    assert pullback({"one": 1.0, "ten": 0.0}) == (1.0,)
    assert pullback({"ten": 1.0, "one": 0.0}) == (10.0,)


def test_tangents_and_directions_match_by_key():
    def f(p):
        return p["a"] ** 2 * p["b"]

    point = {"a": 3.0, "b": 5.0}
    assert jvp(f, [point], [{"b": 0.0, "a": 1.0}])[1] == 30.0
    (product,) = hvp(f, [point], [{"b": 1.0, "a": 0.0}])
    assert product == {"a": 6.0, "b": 0.0}


WRONG = [
    ({"a": 1.0}, "lacks 'b'"),
    ({"a": 1.0, "b": [1.0, 1.0], "c": 1.0}, "has 'c' besides"),
    ({"a": 1.0, "c": [1.0, 1.0]}, "lacks 'b' and has 'c' besides"),
    ({"a": 1.0, "b": [1.0]}, r"\['b'\] is a list or tuple of 1, not a list or tuple of 2"),
    ({"a": 1.0, "b": np.ones(2)}, r"\['b'\] is an array, not a list or tuple of 2"),
    ({"a": {}, "b": [1.0, 1.0]}, r"\['a'\] is a mapping, not an array"),
    ({"a": None, "b": [1.0, 1.0]}, r"\['a'\] is None, not an array"),
    ({"a": 1.0, "b": [1.0, np.ones(3)]}, r"\['b'\]\[1\] has the shape \(3,\), not \(\)"),
    ({"a": 1.0, "b": Layer(1.0, 1.0)}, r"\['b'\] is a named tuple, not a list or tuple of 2"),
    ([1.0, [1.0, 1.0]], "is a list or tuple of 2, not a mapping"),
]


@looped(("given", "words"), WRONG)
def test_another_structure_is_refused_with_the_place(given, words):
    point = {"a": 2.0, "b": [3.0, 4.0]}
    _, pullback = vjp(lambda p: p, point)
    for call in (
        lambda: pullback(given),
        lambda: jvp(lambda p: p, [point], [given]),
        lambda: hvp(lambda p: p["a"] * p["b"][0], [point], [given]),
    ):
        with pytest.raises(AutogradError, match=f"{words}".replace("it ", r"(it|\[0\]) ", 1)):
            call()


def random_tree(rng, depth=3):
    """A structure of arrays of one to three kinds of containers within each other."""
    kind = rng.integers(7) if depth else 0
    if kind < 2:
        return rng.normal(size=[(), (2,), (2, 3)][rng.integers(3)])
    parts = [random_tree(rng, depth - 1) for _ in range(rng.integers(1, 4))]
    if kind == 2:
        return [*parts, None]
    if kind == 3:
        return tuple(parts)
    if kind == 4:
        return Layer(parts[0], parts[-1])
    names = rng.permutation(["b", "a", "c"])[: len(parts)]
    return (OrderedDict if kind == 5 else dict)(zip(map(str, names), parts))


def energy(tree):
    """A smooth function of all leaves, each with a part of its own."""
    places = matched("energy", tree, tree)
    parts = [(np.sin(leaf * (1 + n)) * np.sum(leaf)).sum() for n, (_, leaf, _) in enumerate(places)]
    total = parts[0]
    for part in parts[1:]:
        total = total * 0.5 + part * total
    return total


@looped("seed", range(30))
def test_gradients_of_random_structures(seed):
    rng = np.random.default_rng(seed)
    tree = [random_tree(rng)]
    direction = map_tree(lambda leaf: rng.normal(size=np.shape(leaf)), tree)
    gradient = grad(energy)(tree)
    # The structure of the gradient is that of the point.
    places = matched("gradient", tree, gradient)
    assert [np.shape(leaf) for _, leaf, _ in places] == [np.shape(found) for *_, found in places]

    def moved(step):
        leaves = [x + step * v for x, v in zip(leaves_of(tree), leaves_of(direction))]
        return energy(rebuilt(tree, leaves))

    slope = sum((g * v).sum() for g, v in zip(leaves_of(gradient), leaves_of(direction)))
    step = 1e-5
    numeric = (moved(step) - moved(-step)) / (2 * step)
    assert slope == pytest.approx(numeric, rel=1e-6, abs=1e-7)
    assert jvp(energy, [tree], [shuffled(direction)])[1] == pytest.approx(slope, rel=1e-11)
    _, pullback = vjp(lambda p: p, tree)
    (back,) = pullback(shuffled(direction))
    for one, other in zip(leaves_of(back), leaves_of(direction), strict=True):
        np.testing.assert_array_equal(one, other)


def test_jacobians_have_the_structure_of_inputs_within_that_of_outputs():
    blocks = jacobian(lambda p: Layer({"x": p["a"] * p["b"]}, None))(OrderedDict(a=2.0, b=5.0))
    assert blocks == Layer({"x": OrderedDict(a=5.0, b=2.0)}, None)


def test_structures_without_arrays_have_gradients_without_arrays():
    value, gradient = value_and_grad(lambda p: 3.0)({"a": None, "b": []})
    assert (value, gradient) == (3.0, {"a": None, "b": []})


def test_what_holds_itself_is_refused_wherever_structures_go():
    listed, mapped = [1.0], {"x": np.ones((2, 1))}
    leaf = Tensor([1.0, 2.0], requires_grad=True)
    listed.append(listed)
    mapped["all"] = mapped
    for call in (
        lambda: grad(lambda tree: tree[0])(listed),
        lambda: vjp(lambda tree: tree["x"], mapped),
        lambda: jvp(lambda tree: tree[0], (listed,), (listed,)),
        lambda: hvp(lambda tree: tree[0], (listed,), (listed,)),
        lambda: ravel(mapped),
        lambda: nn.predict(nn.Dense(1, 1), mapped),
        lambda: leaf * listed,
        lambda: listed @ leaf,
        lambda: leaf[listed],
        lambda: np.concatenate([leaf, listed]),
        lambda: np.einsum("i,i", leaf, listed),
        lambda: relu(listed),
    ):
        with pytest.raises(UnsupportedError, match="holds itself"):
            call()
