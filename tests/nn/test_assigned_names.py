"""What people of other libraries expect of names that they assign, and of schedules."""

import numpy as np
import pytest
from looping import looped

import nn
from autograd_lite.errors import ArgumentError, MissingNameError, UnsupportedError


def assigned(owner, name):
    setattr(owner, name, 3)


def optimizer(kind=nn.SGD):
    return kind(nn.Dense(2, 1).parameters(), learning_rate=0.1)


class Mine(nn.Callback):
    def __init__(self):
        self.epoch = 0


@looped(
    ("owner", "name", "told"),
    [
        (optimizer(), "lr", "SGD.lr = 3: .* Write (SGD|optimizer).learning_rate"),
        (optimizer(), "step_size", "Write SGD.learning_rate"),
        (optimizer(nn.Adam), "beta1", "Write Adam.betas"),
        (optimizer(nn.Adam), "weight_decai", "Write Adam.weight_decay"),
        (optimizer(), "param_groups", "SGD.param_groups = 3"),
        (nn.CosineAnnealing(0.1, steps=5), "T_max", "Write CosineAnnealing.steps"),
        (nn.EarlyStopping(), "patiense", "Write EarlyStopping.patience"),
        (nn.GradientMonitor(), "threshold", "GradientMonitor.threshold = 3: .* It has"),
        (nn.HuberLoss(), "detla", "Write HuberLoss.delta"),
        (nn.Dense(2, 1), "trainable", "Dense.trainable = 3: .* parameter.requires_grad = False"),
        (nn.Sequential(nn.Dense(2, 1)), "requires_grad", "parameter.requires_grad = False"),
        (nn.Dense(2, 1), "stop_training", 'training.stop_reason = "good enough"'),
    ],
)
def test_an_attribute_that_nothing_would_read_cannot_be_assigned(owner, name, told):
    before = dict(vars(owner))
    with pytest.raises((MissingNameError, UnsupportedError), match=told):
        assigned(owner, name)
    assert vars(owner) == before


def test_classes_of_ones_own_have_any_attribute():
    class Layer(nn.Module):
        trainable = True

    class Step(nn.SGD):
        pass

    for owner in (Mine(), optimizer(Step), Layer()):
        for name in ("lr", "trainable", "note") if not isinstance(owner, nn.Module) else ("note",):
            assigned(owner, name)
            assert vars(owner)[name] == 3
    layer = Layer()
    layer.trainable = False
    assert not layer.trainable


def test_what_is_no_optimizer_and_no_group_is_told_by_name():
    model = nn.Dense(2, 1)
    with pytest.raises(UnsupportedError, match=r"optimizer='adam'.* that is no optimizer"):
        nn.fit(model, np.ones((4, 2)), np.ones((4, 1)), loss="mse", optimizer="adam", epochs=1)
    with pytest.raises(ArgumentError, match="it has 'params', and no 'parameters'"):
        nn.SGD([{"params": model.parameters()}], 0.1)


def test_each_schedule_says_that_it_counts_batches():
    kinds = [kind for kind in vars(nn).values() if isinstance(kind, type)]
    schedules = [kind for kind in kinds if issubclass(kind, nn.Schedule) and kind.__doc__]
    silent = [k for k in schedules if k is not nn.Schedule and "batch" not in k.__doc__]
    assert silent == [nn.ReduceOnPlateau]  # which is told figures, whenever there are some
