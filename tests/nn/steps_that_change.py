"""Steps of models, losses and optimizers that are hard to compile."""

import operator
import pathlib
import tempfile
import types

import numpy as np
from trained import network

import nn
from autograd_lite import no_grad

CHANGED = 4
"""The step before which there is a change."""
TRAPS = {}


def trap(make):
    TRAPS[make.__name__] = make
    return make


def batch(number, n=6):
    rng = np.random.default_rng(number)
    return rng.normal(size=(n, 4)), rng.integers(3, size=n)


def changing(change=None, loss=None, model=None, optimizer=nn.Adam, given=batch):
    """What is trained, how, and what gives its batches, after a change before one of them.

    A change is a function of model and optimizer.
    """
    model, loss = model or nn.Sequential(nn.Dense(4, 3, rng=0)), loss or nn.CrossEntropyLoss()
    how = optimizer(model.parameters(), learning_rate=0.05)

    def batches(number):
        if change and number == CHANGED:
            change(model, how)
        return given(number)

    return model, loss, how, batches


cross_entropy = nn.CrossEntropyLoss()


@trap
def a_weight_of_the_loss():
    weights = [1.0, 2.0]
    return changing(
        lambda model, optimizer: weights.append(3.0),
        lambda p, y: sum(cross_entropy(p, y) * w for w in weights),
    )


@trap
def a_new_but_equal_weight_in_each_step():
    weights = [0.1]

    def given(number):
        weights[0] = 0.3 - 0.2 if number < CHANGED else 0.1 + 0.2
        return batch(number)

    return changing(loss=lambda p, y: cross_entropy(p, y) * weights[0], given=given)


@trap
def entries_of_large_weights():
    weights = np.ones(9000)
    return changing(
        lambda model, optimizer: weights.fill(3.0),
        lambda p, y: cross_entropy(p, y) * weights[5] + (p[0, 0] * weights).mean(),
    )


@trap
def a_setting_by_a_name_from_a_table():
    settings, names = types.ModuleType("settings_of_ones_own"), ["alpha"]
    settings.alpha = 1.0
    return changing(
        lambda model, optimizer: setattr(settings, "alpha", 2.0),
        lambda p, y: cross_entropy(p, y) * getattr(settings, names[0]),
    )


@trap
def a_file():
    path = pathlib.Path(tempfile.mkdtemp()) / "w"
    path.write_text("1")
    return changing(
        lambda model, optimizer: path.write_text("3"),
        lambda p, y: cross_entropy(p, y) * float(path.read_text()),
    )


@trap
def a_branch_on_the_loss():
    def loss(p, y):
        value = cross_entropy(p, y)
        return value * 2 if value > 1.1 else value * 3

    return changing(loss=loss)


@trap
def a_branch_on_targets():
    return changing(loss=lambda p, y: cross_entropy(p, y) * (2 if y[0] == 1 else 3))


@trap
def how_many_targets_are_of_a_class():
    return changing(loss=lambda p, y: cross_entropy(p, y) * (y == 1).sum())


@trap
def entries_of_predictions():
    return changing(loss=lambda p, y: cross_entropy(p, y) * (2 if p.data[0, 0] > 0 else 3))


@trap
def what_is_computed_without_a_record():
    def loss(p, y):
        with no_grad():
            mean = p.mean()
        return ((p - mean) ** 2).mean() + (p * p.detach()).mean() + cross_entropy(p, y)

    return changing(loss=loss)


@trap
def another_model_in_the_loss():
    teacher = nn.Dense(4, 3, rng=5)

    class Distills:
        def __call__(self, p, y):
            return cross_entropy(p, y) + p.mean() * teacher.weight.sum().detach()

    return changing(lambda model, optimizer: teacher.weight.data.fill(2.0), Distills())


@trap
def a_buffer_that_is_assigned_from_outside():
    class Weighted(nn.Module):
        def __init__(self):
            self.inner, self.weights = nn.Dense(4, 3, rng=0), nn.Buffer(np.ones(3))

        def forward(self, x):
            return self.inner(x) * self.weights

    model = Weighted()

    def given(number):
        if number > 2:
            model.weights.data = 0.5 * model.weights.data + number % 2
        return batch(number)

    return changing(model=model, given=given)


@trap
def a_frozen_layer_that_is_assigned_and_trained_later():
    frozen = nn.Dense(4, 4, rng=6)
    for parameter in frozen.parameters():
        parameter.requires_grad = False

    def thaw(model, optimizer):
        for parameter in frozen.parameters():
            parameter.data = 0.5 * parameter.data
            parameter.requires_grad = True

    return changing(thaw, model=nn.Sequential(frozen, nn.Dense(4, 3, rng=0)))


class Scaled(nn.Module):
    def __init__(self):
        self.inner, self.scale = nn.Dense(4, 3, rng=0), 1.0

    def forward(self, x, more=0.0):
        parts = []
        for k in range(2):
            parts.append(self.inner(x) * (k + self.scale))
        return parts[0] + parts[1] + more


@trap
def parts_of_a_parameter():
    class Divided(nn.Module):
        def __init__(self):
            rng = np.random.default_rng(0)
            self.weight = nn.Parameter(rng.normal(size=(4, 9)))

        def forward(self, x):
            first, second, third = (self.weight[:, k : k + 3] for k in (0, 3, 6))
            return np.tanh(x @ first) * (x * 2 @ second) + np.sin(x * x @ third)

    return changing(model=Divided())


@trap
def lengths_of_sequences():
    class Reads(nn.Module):
        def __init__(self):
            self.inner, self.last = nn.GRU(4, 3, batch_first=True), nn.Dense(3, 3)

        def forward(self, x, lengths):
            return self.last(self.inner(x, lengths=lengths)[1][-1])

    def given(number):
        rng = np.random.default_rng(number)
        lengths = np.full(5, 3) if number < CHANGED else np.array([1, 3, 2, 3, 1])
        return (rng.normal(size=(5, 3, 4)), lengths), rng.integers(3, size=5)

    return changing(model=Reads(), given=given)


@trap
def labels_that_are_ignored():
    def given(number):
        labels = np.array([1, 2, 1, 2, 1, 1]) if number < CHANGED else np.array([1, 0, 2, 2, 0, 1])
        return batch(number)[0], labels

    return changing(loss=nn.CrossEntropyLoss(ignore_index=0, weight=[1.0, 2.0, 3.0]), given=given)


@trap
def targets_that_decide_on_the_loss():
    def given(number):
        X, _ = batch(number)
        return X, np.array([1, 1, -1, 1, 1, 1]) if number < CHANGED else np.array([-1, 1] * 3)

    return changing(loss=lambda p, y: nn.CosineEmbeddingLoss()(p, p * p + 1, y), given=given)


@trap
def dropout_that_hardly_ever_drops():
    def given(number):
        rng = np.random.default_rng(number)
        return rng.normal(size=(2, 2, 4)), rng.integers(3, size=2)

    class Reads(nn.Module):
        def __init__(self):
            self.inner = nn.LSTM(4, 3, num_layers=2, dropout=0.1, batch_first=True)

        def forward(self, x):
            return self.inner(x)[0].sum(axis=1)

    return changing(model=Reads(), given=given)


@trap
def the_same_batch_each_time():
    return changing(given=lambda number: batch(0))


@trap
def an_attribute_past_the_module():
    return changing(lambda model, optimizer: vars(model).update(scale=2.0), model=Scaled())


@trap
def a_default_of_forward():
    def forward(self, x, w=1.0):
        return self.inner(x) * w

    kind = type("Own", (Scaled,), {"forward": forward})
    return changing(lambda model, optimizer: setattr(forward, "__defaults__", (3.0,)), model=kind())


@trap
def forward_replaced():
    kind = type("Own", (Scaled,), {})
    return changing(
        lambda model, optimizer: setattr(kind, "forward", lambda self, x: self.inner(x) * 2),
        model=kind(),
    )


@trap
def a_hook():
    return changing(lambda model, optimizer: model[0].register_forward_hook(lambda m, x, y: y * 2))


@trap
def a_part_that_is_used_later():
    class Switched(Scaled):
        def __init__(self):
            super().__init__()
            self.other, self.on = nn.Dense(4, 3, rng=1), False

        def forward(self, x):
            return self.inner(x) + (self.other(x) if self.on else 0)

    return changing(lambda model, optimizer: setattr(model, "on", True), model=Switched())


@trap
def tied_weights():
    model = nn.Sequential(nn.Dense(4, 4, rng=0), nn.Tanh(), nn.Dense(4, 4, rng=1))
    model[2].weight = model[0].weight
    return changing(loss=lambda p, y: (p * p).mean() + cross_entropy(p, y), model=model)


@trap
def a_batch_in_memory_that_is_used_again():
    X, y = batch(0)

    def given(number):
        X[...], y[...] = batch(number)
        return X, y

    return changing(given=given)


@trap
def a_batch_in_the_memory_of_a_parameter():
    model = nn.Sequential(nn.Dense(4, 4, rng=0))
    labels = np.array([0, 1, 2, 3])
    return changing(model=model, given=lambda number: (model[0].weight.data, labels))


@trap
def other_layouts_dtypes_and_sizes():
    def given(number):
        X, y = batch(number, 6 if number % 3 else 4)
        return (np.asfortranarray(X) if number % 2 else X[:, ::-1]), y.astype(
            [np.int64, np.uint8][number // 5]
        )

    return changing(given=given)


@trap
def numbers_that_overflow():
    def given(number):
        X, y = batch(number)
        return (X * 1e200 if number == CHANGED else X), y

    return changing(loss=lambda p, y: (p * p).sum(), given=given, optimizer=nn.SGD)


@trap
def ties():
    return changing(
        loss=lambda p, y: cross_entropy(p, y) + np.max(p, axis=1).mean() + np.abs(p * 0).sum(),
        given=lambda number: (np.round(batch(number)[0]), batch(number)[1]),
    )


def freeze_for_a_while(model, optimizer):
    model[0].weight.requires_grad = False


def take_a_step_of_ones_own(model, optimizer):
    for parameter in model.parameters():
        parameter.grad = np.ones(parameter.shape)
    optimizer.step()
    optimizer.zero_grad()


def set_penalties(model, optimizer):
    # A bias before a batch norm is nothing but rounding, of which l1 would ask the sign.
    model[0].bias.data[:] = 1.0
    optimizer.l1 = optimizer.l2 = 0.1


CHANGES = {
    "frozen": freeze_for_a_while,
    "a step of one's own": take_a_step_of_ones_own,
    "entries of a parameter": lambda m, o: operator.imul(m[0].weight.data, 0.5),
    "a buffer": lambda m, o: setattr(m[1].running_mean, "data", np.ones(6)),
    "a generator": lambda m, o: setattr(m[2], "rng", np.random.default_rng(7)),
    "seeds": lambda m, o: nn.manual_seed(9),
    "evaluation in between": lambda m, o: nn.predict(m, batch(0)[0]),
    "rate of a group": lambda m, o: o.groups[0].update(learning_rate=0.5),
    "weight decay": lambda m, o: setattr(o, "weight_decay", 0.1),
    "l1 and l2": set_penalties,
    "betas": lambda m, o: setattr(o, "betas", (0.5, 0.9)),
    "a schedule": lambda m, o: setattr(o, "learning_rate", lambda step: 0.1 / (1 + step)),
}
for name, change in CHANGES.items():
    TRAPS[name] = lambda change=change: changing(
        change, model=network(nn.BatchNorm1d(6), nn.Dropout(0.3))
    )
