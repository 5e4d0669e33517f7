"""Runs of 50 steps in this project and in PyTorch, and the numbers of PyTorch's that are kept.

python tests/nn/trajectories.py computes these numbers again; it needs PyTorch.
"""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import nn
from autograd_lite import Tensor

GOLDEN = Path(__file__).parent / "golden"
STEPS = 50
KEPT = (1, 2, 10, 50)

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 2))
Y = np.sin(3 * X[:, :1]) * X[:, 1:]
START = [rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=(3, 1))]

# Our class and arguments, PyTorch's class and arguments; each is also given a learning rate.
CASES = {
    "SGD": ("SGD", {}, "SGD", {}, 0.1),
    "momentum": ("SGD", {"momentum": 0.9}, "SGD", {"momentum": 0.9}, 0.05),
    "nesterov": (
        "SGD",
        {"momentum": 0.8, "nesterov": True},
        "SGD",
        {"momentum": 0.8, "nesterov": True},
        0.05,
    ),
    "SGD with l2": (
        "SGD",
        {"momentum": 0.9, "l2": 0.03},
        "SGD",
        {"momentum": 0.9, "weight_decay": 0.03},
        0.05,
    ),
    "Adagrad": ("Adagrad", {}, "Adagrad", {}, 0.1),
    "Adagrad with l2": ("Adagrad", {"l2": 0.1}, "Adagrad", {"weight_decay": 0.1}, 0.1),
    "RMSprop": ("RMSprop", {}, "RMSprop", {}, 0.01),
    "RMSprop with other constants": (
        "RMSprop",
        {"alpha": 0.9, "epsilon": 1e-3, "l2": 0.02},
        "RMSprop",
        {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.02},
        0.005,
    ),
    "Adam": ("Adam", {}, "Adam", {}, 0.02),
    "Adam with other constants": (
        "Adam",
        {"betas": (0.8, 0.95), "epsilon": 1e-3, "l2": 0.05},
        "Adam",
        {"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.05},
        0.05,
    ),
    "AdamW": ("AdamW", {}, "AdamW", {}, 0.02),
    "AdamW with more decay": (
        "AdamW",
        {"weight_decay": 0.5},
        "AdamW",
        {"weight_decay": 0.5},
        0.02,
    ),
    "NAdam": ("NAdam", {}, "NAdam", {}, 0.02),
    "NAdam with other constants": (
        "NAdam",
        {"betas": (0.4, 0.9), "momentum_decay": 0.5, "l2": 0.02},
        "NAdam",
        {"betas": (0.4, 0.9), "momentum_decay": 0.5, "weight_decay": 0.02},
        0.05,
    ),
    "NAdam with decay": (
        "NAdam",
        {"weight_decay": 0.3},
        "NAdam",
        {"weight_decay": 0.3, "decoupled_weight_decay": True},
        0.02,
    ),
}


def leaf(values, gradient=None):
    """A tensor of floats with a gradient."""
    tensor = Tensor(np.array(values, float), requires_grad=True)
    tensor.grad = None if gradient is None else np.array(gradient, float)
    return tensor


def make(case, parameters):
    """Our optimizer of a case."""
    name, options, _, _, rate = CASES[case]
    return getattr(nn, name)(parameters, learning_rate=rate, **options)


def leaves(dtype=np.float64):
    """The start, as tensors."""
    return [nn.Parameter(array, dtype=dtype) for array in START]


def loss_of(parameters):
    """The mean squared error of a small network."""
    weight, bias, last = parameters
    return ((np.tanh(X.astype(weight.dtype) @ weight + bias) @ last - Y) ** 2).mean()


def train(optimizer, parameters, steps):
    """Take some steps; return the parameters as one list after each."""
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(parameters).backward()
        optimizer.step()
        path.append(flattened(parameters))
    return path


def flattened(parameters):
    """All values in one array."""
    arrays = [p.data if isinstance(p, Tensor) else p.detach().numpy() for p in parameters]
    return np.concatenate([np.ravel(array) for array in arrays])


@contextmanager
def torch_in_float64():
    """PyTorch, which keeps some scalars of its optimizers in its default dtype."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield torch
    finally:
        torch.set_default_dtype(before)


def torch_path(case):
    """The same run in PyTorch."""
    with torch_in_float64() as torch:
        return _torch_path(torch, case)


def _torch_path(torch, case):
    _, _, name, options, rate = CASES[case]
    parameters = [torch.tensor(array, requires_grad=True) for array in START]
    optimizer = getattr(torch.optim, name)(parameters, lr=rate, **options)
    inputs, targets = torch.tensor(X), torch.tensor(Y)
    path = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        weight, bias, last = parameters
        ((torch.tanh(inputs @ weight + bias) @ last - targets) ** 2).mean().backward()
        optimizer.step()
        path.append(flattened(parameters))
    return path


# Schedules: ours, then PyTorch's; both begin at 0.5 and are called 24 times.
SCHEDULE_STEPS = 24
LOSSES = [1.0, 0.8, 0.79, 0.9, 0.85, 0.81, 0.7, *([0.71] * 10), 0.6, *([0.6] * 6)]
SCHEDULES = {
    "StepDecay": (
        lambda o: nn.StepDecay(o, every=5, factor=0.3),
        lambda s, o: s.StepLR(o, step_size=5, gamma=0.3),
    ),
    "ExponentialDecay": (
        lambda o: nn.ExponentialDecay(o, factor=0.8),
        lambda s, o: s.ExponentialLR(o, gamma=0.8),
    ),
    "CosineAnnealing": (
        lambda o: nn.CosineAnnealing(o, steps=24, minimum=0.01),
        lambda s, o: s.CosineAnnealingLR(o, T_max=24, eta_min=0.01),
    ),
    "OneCycle": (
        lambda o: nn.OneCycle(o, steps=25),
        lambda s, o: s.OneCycleLR(o, max_lr=0.5, total_steps=25, cycle_momentum=False),
    ),
    "OneCycle with other constants": (
        lambda o: nn.OneCycle(o, steps=25, rise=0.5, initial_divisor=10, final_divisor=5),
        lambda s, o: s.OneCycleLR(
            o,
            max_lr=0.5,
            total_steps=25,
            pct_start=0.5,
            div_factor=10,
            final_div_factor=5,
            cycle_momentum=False,
        ),
    ),
    "ReduceOnPlateau": (
        lambda o: nn.ReduceOnPlateau(o, factor=0.5, patience=2, minimum=0.05),
        lambda s, o: s.ReduceLROnPlateau(o, factor=0.5, patience=2, min_lr=0.05),
    ),
    "Warmup": (
        lambda o: nn.Warmup(o, steps=6),
        lambda s, o: s.LinearLR(o, start_factor=1 / 7, total_iters=6),
    ),
}


def sgd(rate=0.5):
    """An optimizer of one number."""
    return nn.SGD([Tensor([1.0], requires_grad=True)], learning_rate=rate)


def rates_of(optimizer, schedule, values):
    """The rates before and after each step of a schedule."""
    rates = [optimizer.learning_rate]
    for value in values:
        schedule.step(value)
        rates.append(optimizer.learning_rate)
    return rates


def torch_rates(case):
    """The learning rates that a schedule of PyTorch's sets, the first included."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    schedule = SCHEDULES[case][1](torch.optim.lr_scheduler, optimizer)
    rates = [optimizer.param_groups[0]["lr"]]
    for loss in LOSSES:
        optimizer.step()
        schedule.step(*[loss] if case == "ReduceOnPlateau" else [])
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def main():
    """Write the golden numbers."""
    paths = {case: {step: torch_path(case)[step - 1].tolist() for step in KEPT} for case in CASES}
    rates = {case: torch_rates(case) for case in SCHEDULES}
    for name, numbers in {"optimizers": paths, "schedules": rates}.items():
        text = json.dumps(numbers, indent=0).replace(",\n", ", ").replace("[\n", "[")
        text = text.replace("\n]", "]").replace("], ", "],\n").replace("}, ", "},\n")
        (GOLDEN / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
