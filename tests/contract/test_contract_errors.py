"""Every message: what was attempted, with names and shapes; why not; what to write instead."""

import re

import numpy as np
import pytest
from looping import looped

import nn
import viz
from autograd_lite import AutogradError, Tensor, checkpoint, differentiable, grad, gradcheck, vjp
from autograd_lite.errors import (
    ArgumentError,
    GradientCheckError,
    GradientError,
    IndexingError,
    MutationError,
    ShapeError,
    UnsupportedError,
)


def named(shape, name, requires_grad=True):
    return Tensor(np.ones(shape), requires_grad=requires_grad, name=name)


def model():
    return nn.Sequential(nn.Dense(4, 3, activation="relu", rng=0), nn.Dense(3, 2, rng=1))


def load(change):
    network = model()
    state = network.state_dict()
    change(state)
    network.load_state_dict(state)


def fit(X, y, **options):
    network = model()
    nn.fit(
        network,
        X,
        y,
        loss=nn.CrossEntropyLoss(),
        optimizer=nn.SGD(network.parameters(), learning_rate=0.1),
        epochs=1,
        progress=False,
        **options,
    )


def stale():
    w = named((2, 3), "W1")
    loss = (w * w).sum()
    w.data -= 1.0
    loss.backward()


def in_place():
    w = named((2, 3), "W1")
    w += 1.0


def assign(array, value):
    array[:] = value


@differentiable(lambda g, y, x: np.ones(5))
def lopsided(x):
    return x * 2.0


WITH_NAN = np.ones((8, 4))
WITH_NAN[3, 2] = np.nan
LABELS = np.array([0, 1, 0, 1, 0, 1, 0, 1])

# what is done, the kind of error, what the message names, and what the remedy says
BAD = {
    "backward of several entries": (
        lambda: named((3, 2), "out").backward(), GradientError,
        ["backward", "'out'", "(3, 2)"], r"sum\(\)"),
    "backward without a record": (
        lambda: named((), "c", requires_grad=False).backward(), GradientError,
        ["backward", "'c'"], "requires_grad=True"),
    "backward with a misshapen gradient": (
        lambda: named((3, 2), "out").backward(np.ones(2)), ShapeError,
        ["backward", "'out'", "(3, 2)", "(2,)"], r"\(3, 2\)"),
    "integers that require grad": (
        lambda: Tensor([1, 2], requires_grad=True, name="counts"), UnsupportedError,
        ["counts", "(2,)", "int64"], r"1\.0"),
    "booleans that require grad": (
        lambda: Tensor([True], requires_grad=True, name="mask"), UnsupportedError,
        ["mask", "(1,)", "bool"], r"1\.0"),
    "complex data": (
        lambda: Tensor([1j], name="z"), UnsupportedError, ["z", "complex"], "real"),
    "a loss that broadcasts": (
        lambda: nn.MSELoss()(named((8,), "pred"), np.ones((8, 1))), ShapeError,
        ["MSELoss", "'pred'", "(8,)", "(8, 1)"], "reshape"),
    "matmul": (
        lambda: named((2, 3), "A") @ named((4, 5), "B"), ShapeError,
        ["matmul", "'A'", "'B'", "(2, 3)", "(4, 5)", "axis", "3", "4"], "reshape|transpose"),
    "matmul with an array": (
        lambda: named((2, 3), "A") @ np.ones((4, 5)), ShapeError,
        ["matmul", "'A'", "(2, 3)", "(4, 5)", "axis"], "reshape|transpose"),
    "addition": (
        lambda: named((2, 3), "A") + named((4,), "B"), ShapeError,
        ["add", "'A'", "'B'", "(2, 3)", "(4,)"], "reshape"),
    "concatenate": (
        lambda: np.concatenate([named((2, 3), "A"), named((2, 4), "B")]), ShapeError,
        ["concatenate", "'A'", "'B'", "(2, 3)", "(2, 4)"], "reshape"),
    "reshape": (
        lambda: named((2, 3), "A").reshape(5), ShapeError,
        ["reshape", "'A'", "(2, 3)", "(5,)"], "fit"),
    "Dense": (
        lambda: nn.Dense(4, 2)(np.ones((8, 5))), ShapeError,
        ["Dense(4, 2)", "(4, 2)", "(8, 5)", "axis"], "4"),
    "Dense within a model": (
        lambda: nn.Sequential(nn.Dense(4, 3), nn.Dense(4, 2))(np.ones((8, 4))), ShapeError,
        ["Dense(4, 2)", "(4, 2)", "(8, 3)", "axis"], "4"),
    "a function without a row": (
        lambda: np.packbits(named((2, 3), "A")), UnsupportedError,
        ["np.packbits", "'A'", "(2, 3)"], "define|data"),
    "a tensor assigned into an array": (
        lambda: assign(np.zeros((2, 3)), named((2, 3), "A")), UnsupportedError,
        ["'A'", "(2, 3)"], "stack|concatenate|where"),
    "float of a recorded tensor": (
        lambda: float(named((), "loss")), UnsupportedError, ["'loss'", "()"], r"item\(\)"),
    "an index out of bounds": (
        lambda: named((2, 3), "A")[5], IndexingError, ["'A'", "(2, 3)", "5"], "."),
    "NaN in fit": (
        lambda: fit(WITH_NAN, LABELS), ArgumentError, ["fit", "X", "(8, 4)", "NaN"], "."),
    "lengths in fit": (
        lambda: fit(np.ones((8, 4)), LABELS[:5]), ShapeError,
        ["fit", "(8, 4)", "(5,)"], "sample"),
    "an unknown activation": (
        lambda: nn.Dense(4, 2, activation="rleu"), ArgumentError,
        ["activation", "rleu"], "relu"),
    "an unknown initializer": (
        lambda: nn.Dense(4, 2, weight_init="hee"), ArgumentError,
        ["weight_init", "hee"], "he_normal"),
    "a label that is too large": (
        lambda: nn.CrossEntropyLoss()(named((8, 2), "logits"), LABELS + 1), ArgumentError,
        ["cross_entropy", "'logits'", "(8, 2)", "2"], "0"),
    "a negative label": (
        lambda: nn.CrossEntropyLoss()(named((8, 2), "logits"), LABELS - 1), ArgumentError,
        ["cross_entropy", "'logits'", "(8, 2)", "-1"], "0"),
    "a missing entry": (
        lambda: load(lambda s: s.pop("1.bias")), ArgumentError,
        ["load_state_dict", "1.bias"], "state_dict"),
    "an unknown entry": (
        lambda: load(lambda s: s.update(odd=np.ones(2))), ArgumentError,
        ["load_state_dict", "odd"], "state_dict"),
    "a misshapen entry": (
        lambda: load(lambda s: s.update({"1.bias": np.ones(7)})), ArgumentError,
        ["load_state_dict", "1.bias", "(7,)", "(2,)"], "state_dict"),
    "a change between forward and backward": (
        stale, MutationError, ["backward", "multiply", "'W1'", "(2, 3)"], "before|copy"),
    "an in-place operator": (
        in_place, MutationError, ["+=", "'W1'", "(2, 3)"], r"W1 = W1 \+"),
    "a rule of the wrong shape": (
        lambda: lopsided(named((3,), "x")).sum().backward(), ShapeError,
        ["lopsided", "(5,)", "(3,)"], "vjp"),
    "grad of a function that returns several": (
        lambda: grad(lambda x: x * 2)(np.ones(3)), GradientError, ["(3,)"], "sum|scalar"),
    "gradcheck of a wrong rule": (
        lambda: gradcheck(differentiable(lambda g, y, x: g)(lambda x: x * 2.0), np.ones((2, 2))),
        GradientCheckError, ["(2, 2)", "1", "2"], "."),
    "dropout of everything": (
        lambda: nn.Dropout(1.5), ArgumentError, ["Dropout", "1.5"], "0"),
    "a learning rate below zero": (
        lambda: nn.Adam([named((2,), "w")], learning_rate=-1.0), ArgumentError,
        ["Adam", "learning_rate", "-1"], "0"),
    "no parameters": (
        lambda: nn.SGD([], learning_rate=0.1), ArgumentError, ["SGD", "parameters"], "."),
    "a parameter that is an array": (
        lambda: nn.SGD([np.ones(2)], learning_rate=0.1), UnsupportedError,
        ["SGD", "ndarray|array"], "requires_grad"),
    "a picture of another kind": (
        lambda: viz.graph(named((), "x") * 2.0).save("/nowhere/graph.jpg"), ArgumentError,
        ["jpg"], r"\.svg"),
    "a picture of an array": (
        lambda: viz.graph(np.ones(2)), UnsupportedError, ["graph", "array"], "."),
}  # fmt: skip


@looped("name", BAD)
def test_a_message_says_what_was_attempted_why_not_and_what_to_write(name):
    attempt, kind, names, remedy = BAD[name]
    with pytest.raises(AutogradError) as caught:
        attempt()
    error, message = caught.value, str(caught.value)
    assert isinstance(error, kind)
    for word in names:
        assert re.search(word if "|" in word else re.escape(word), message), f"{word}: {message}"
    # "attempted: reason. remedy"
    attempted, _, rest = message.partition(": ")
    reason, _, advice = rest.partition(". ")
    assert len(attempted) > 3, message
    assert len(reason) > 8, message
    assert len(advice) > 8, message
    assert re.search(remedy, advice), message


def test_no_renderer_for_png_names_both_remedies(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(__import__("sys").modules, "pygraphviz", None)
    graph = viz.graph(named((), "x") * 2.0)
    with pytest.raises(AutogradError, match="pygraphviz") as caught:
        graph.save(tmp_path / "graph.png")
    assert "dot" in str(caught.value)
    assert "digraph" in graph.dot
    assert graph.svg().startswith("<svg")


def test_errors_are_also_the_builtin_kinds_that_users_catch():
    assert issubclass(ShapeError, ValueError)
    assert issubclass(ArgumentError, ValueError)
    assert issubclass(UnsupportedError, TypeError)
    assert issubclass(IndexingError, IndexError)
    assert issubclass(GradientError, RuntimeError)
    assert issubclass(MutationError, RuntimeError)
    assert issubclass(GradientCheckError, AssertionError)


def test_a_failed_backward_changes_no_gradient():
    a, b = named((2,), "a"), named((2,), "b")
    early = a * b
    late = (early * 2.0 + b).sum()
    a.grad = np.array([5.0, 5.0])
    b.data -= 1.0
    with pytest.raises(AutogradError):
        late.backward()
    np.testing.assert_array_equal(a.grad, [5.0, 5.0])
    assert b.grad is None
    assert early.grad is None
    assert late.grad is None


@looped("shape", [(2, 1), (3,), (3, 2), (1,)])
def test_a_gradient_of_another_shape_is_not_added_to(shape):
    other, x = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    x.grad = given = np.ones(shape)
    with pytest.raises(AutogradError, match=re.escape(f"gradient of shape {shape}")):
        (other * x).sum().backward()
    assert x.grad is given
    assert other.grad is None
    for wrong in ("0", 1j, np.array([1j, 1.0]), np.array(["a", "b"]), object()):
        x.grad = wrong
        with pytest.raises(UnsupportedError, match=r"with its gradient .* real numbers"):
            (other * x).sum().backward()
        assert other.grad is None
    for known in (0, np.zeros(2)):  # the way of those who write loops of scalars
        x.grad = known
        (3 * x).sum().backward()
        np.testing.assert_array_equal(x.grad, [3.0, 3.0])


class Applied(nn.Module):
    def __init__(self, f):
        self.f = f

    def forward(self, x):
        return self.f(x)


def filled(x):
    out = np.zeros(2)
    out[0] = x[1] ** 2
    return out.sum()


def repeated(x):
    return np.fromiter((x[0] for _ in range(2)), float).sum()


@looped("f", [filled, repeated])
@looped(
    "use",
    [
        lambda f: grad(f)(np.ones(2)),
        lambda f: vjp(f, np.ones(2)),
        lambda f: checkpoint(f)(Tensor(np.ones(2), requires_grad=True)),
        lambda f: Applied(f)(Tensor(np.ones(2), requires_grad=True)),
    ],
)
def test_a_tensor_that_is_assigned_into_an_array_is_told_what_to_write(f, use):
    with pytest.raises(UnsupportedError, match=r"assignment into one.* np\.stack") as caught:
        use(f)
    assert f.__name__ in [entry.name for entry in caught.traceback]  # where that was


def test_an_error_of_the_function_itself_stays_though_ours_is_its_cause():
    def f(x):
        try:
            float(x)
        except UnsupportedError as error:
            raise ValueError("no number") from error

    with pytest.raises(ValueError, match="no number"):
        grad(f)(1.0)
