"""Sequential: its layers are taken, exchanged, put in and taken out as those of a list."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite.errors import ArgumentError, IndexingError, UnsupportedError

X = np.random.default_rng(0).normal(size=(8, 3))
Y = X[:, :1] ** 2


def network():
    return nn.Sequential(nn.Dense(3, 2, rng=0), nn.Tanh(), nn.Dense(2, 1, rng=1))


def assert_consistent(model):
    """What is called, named, and saved is the same."""
    names = [name for name, _ in model.named_parameters()]
    assert [parameter.name for parameter in model.parameters()] == names
    assert {*names} <= {*model.state_dict()}
    x = X
    for layer in model:
        x = layer(x)
    assert (model(X).data == x.data).all()
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert (again(X).data == x.data).all()


EDITS = {
    "exchanged": (lambda m: m.__setitem__(-1, nn.Dense(2, 5, rng=2)), "Dense Tanh Dense"),
    "exchanged for a function": (lambda m: m.__setitem__(1, abs), "Dense Function Dense"),
    "exchanged for a layer of it": (lambda m: m.__setitem__(1, nn.ReLU()), "Dense ReLU Dense"),
    "taken out": (lambda m: m.__delitem__(1), "Dense Dense"),
    "several taken out": (lambda m: m.__delitem__(slice(1, None)), "Dense"),
    "popped": (lambda m: m.pop(), "Dense Tanh"),
    "the first popped": (lambda m: (m.pop(0), m.insert(0, nn.Dense(3, 2))), "Dense Tanh Dense"),
    "inserted": (lambda m: m.insert(1, nn.BatchNorm1d(2)), "Dense BatchNorm1d Tanh Dense"),
    "inserted at the end": (lambda m: m.insert(3, nn.ReLU()), "Dense Tanh Dense ReLU"),
    "inserted from the end": (lambda m: m.insert(-1, nn.ReLU()), "Dense Tanh ReLU Dense"),
    "extended": (lambda m: m.extend([nn.ReLU(), np.tanh]), "Dense Tanh Dense ReLU Function"),
}


@looped(("edit", "kinds"), EDITS.values(), ids=EDITS)
def test_layers_are_edited_as_a_list_is(edit, kinds):
    model = network()
    edit(model.eval())
    assert [type(layer).__name__ for layer in model] == kinds.split()
    assert_consistent(model.train().eval())


def test_what_is_popped_is_returned_and_stays_as_it_is():
    model = network()
    last = model[-1]
    assert model.pop() is last
    assert model.pop(np.int64(0)).weight.shape == (3, 2)
    assert len(model) == 1


def test_two_are_joined_and_share_their_layers():
    head, tail = network(), nn.Sequential(nn.Dense(1, 2, rng=3))
    both = head + tail
    assert [*both] == [*head, *tail]
    assert (both(X).data == tail(head(X)).data).all()
    with pytest.raises(TypeError, match=r"unsupported operand"):
        head + nn.ReLU()


WRONG = [
    (lambda m: m.__setitem__(3, nn.ReLU()), IndexingError, r"Sequential\[3\]: it has 3 layers"),
    (lambda m: m.__setitem__(slice(0, 1), nn.ReLU()), IndexingError, r"Sequential\[slice"),
    (lambda m: m.__setitem__(True, nn.ReLU()), IndexingError, r"Sequential\[True\]"),
    (lambda m: m.__setitem__(0, nn.ReLU), UnsupportedError, r"Give an instance: ReLU"),
    (lambda m: m.__setitem__(0, m), ArgumentError, "holds the Sequential itself"),
    (lambda m: m.__delitem__("a"), IndexingError, r"Sequential\['a'\]"),
    (lambda m: m.__delitem__(-4), IndexingError, r"Sequential\[-4\]"),
    (lambda m: m.insert(4, nn.ReLU()), IndexingError, r"Sequential\[4\]"),
    (lambda m: m.insert(0.0, nn.ReLU()), IndexingError, r"Sequential\[0.0\]"),
    (lambda m: m.insert(0, 3), UnsupportedError, "it is no module"),
    (lambda m: m.extend([nn.ReLU(), 3]), UnsupportedError, "layer 4: 3: it is no module"),
    (lambda m: m.extend(nn.ReLU()), UnsupportedError, r"Write append\(layer\)"),
    (lambda m: m.pop(5), IndexingError, r"Sequential\[5\]"),
    (lambda m: m.pop(slice(1)), IndexingError, r"Sequential\[slice"),
]


@looped(("edit", "error", "told"), WRONG)
def test_what_is_no_place_or_no_layer_is_refused_and_changes_nothing(edit, error, told):
    model = network()
    before = [*model]
    with pytest.raises(error, match=told):
        edit(model)
    assert [*model] == before


def head_exchanged():
    model = network()
    optimizer = nn.SGD(model.parameters(), 0.1)
    model[-1] = nn.Dense(2, 1, rng=5)
    return model, optimizer


def layer_assigned():
    class Network(nn.Module):
        def __init__(self):
            self.body, self.head = nn.Dense(3, 2, rng=0), nn.Dense(2, 1, rng=1)

        def forward(self, x):
            return self.head(self.body(x))

    model = Network()
    optimizer = nn.SGD(model.parameters(), 0.1)
    model.head = nn.Dense(2, 1, rng=2)
    return model, optimizer


def weight_assigned():
    model = network()
    optimizer = nn.SGD(model.parameters(), 0.1)
    model[0].weight = nn.Parameter(np.ones((3, 2)))
    return model, optimizer


def within_a_part():
    model = nn.Sequential(network(), nn.Dense(1, 1, rng=0))
    optimizer = nn.SGD(model.parameters(), 0.1)
    model[0][0] = nn.Dense(3, 2, rng=9)
    return model, optimizer


@looped("make", [head_exchanged, layer_assigned, weight_assigned, within_a_part])
def test_an_optimizer_of_parameters_that_were_exchanged_is_refused(make):
    model, optimizer = make()
    before = model.state_dict()
    told = r"weight.* was before another one was put in its place.*SGD\(model\.parameters\(\)"
    with pytest.raises(ArgumentError, match=told):
        nn.fit(model, X, Y, loss="mse", optimizer=optimizer, epochs=1, progress=False)
    with pytest.raises(ArgumentError, match=told):
        nn.overfit_one_batch(model, X, Y, loss="mse", optimizer=optimizer)
    assert all((before[name] == array).all() for name, array in model.state_dict().items())
    optimizer = nn.SGD(model.parameters(), 0.1)
    nn.fit(model, X, Y, loss="mse", optimizer=optimizer, epochs=1, progress=False)


def test_a_model_that_is_a_dataclass_is_trained_and_has_no_hash():
    @dataclass
    class Network(nn.Module):
        width: int

        def __post_init__(self):
            self.body = nn.Sequential(
                nn.Dense(3, self.width, rng=0), nn.Dense(self.width, 1, rng=1)
            )

        def forward(self, x):
            return self.body(x)

    model = Network(2)
    before = model.state_dict()["body.0.weight"].copy()
    optimizer = nn.SGD([*model.parameters(), *network().parameters()], 0.1)
    nn.fit(model, X, Y, loss="mse", optimizer=optimizer, epochs=1, progress=False)
    assert (model.state_dict()["body.0.weight"] != before).any()


@looped("hook", ["gradients", "batch_end", "epoch_end"])
def test_so_it_is_where_a_callback_exchanges_a_layer(hook):
    def exchange(self, training):
        training.model[-1] = nn.Dense(2, 1, rng=5)

    model, callback = network(), type("Exchanging", (nn.Callback,), {hook: exchange})()
    optimizer = nn.SGD(model.parameters(), 0.1)
    with pytest.raises(
        ArgumentError, match=r"fit of Sequential: SGD has 2.bias, 2.weight as it was"
    ):
        nn.fit(
            model, X, Y, loss="mse", optimizer=optimizer, epochs=3, progress=False,
            callbacks=[callback],
        )  # fmt: skip


@looped(
    "exchange",
    [
        lambda model: model.__setitem__(-1, nn.Dense(2, 1, rng=5)),
        lambda model: setattr(model[0], "weight", nn.Parameter(np.ones((3, 2)))),
        lambda model: setattr(model, "layers", [*network()]),
    ],
)
@looped("steps", [0, 1, 4])
def test_so_it_is_by_a_step_that_was_compiled_before(exchange, steps):
    model = network()
    step = nn.compile(model, "mse", nn.SGD(model.parameters(), 0.1))
    for _ in range(steps):
        step(X, Y)
    exchange(model)
    before = model.state_dict()
    for _ in range(2):
        with pytest.raises(ArgumentError, match=r"compiled step.* before another one was put in"):
            step(X, Y)
    assert all((before[name] == array).all() for name, array in model.state_dict().items())


def test_an_optimizer_of_some_or_of_others_parameters_trains_on():
    other, model = network(), network()
    for parameters in (
        model[2].parameters(),
        [*model.parameters(), *other.parameters()],
        [*model[:1].parameters(), *other[2].parameters()],
    ):
        optimizer = nn.SGD(parameters, 0.1)
        nn.fit(model, X, Y, loss="mse", optimizer=optimizer, epochs=1, progress=False)
    optimizer = nn.SGD(model.parameters(), 0.1)
    del model[1]  # which has none
    first = model.pop(0)
    model.insert(0, first)
    nn.fit(model, X, Y, loss="mse", optimizer=optimizer, epochs=1, progress=False)
    exchanged = [*model[-1].parameters()]
    model[-1] = nn.Dense(2, 1, rng=7)
    optimizer = nn.SGD([*exchanged, *model.parameters()], 0.1)  # which has the new one, too
    nn.fit(model, X, Y, loss="mse", optimizer=optimizer, epochs=1, progress=False)
