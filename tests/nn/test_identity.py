"""What tells a learning rate that is a function of the step from others, in a state."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, UnsupportedError


def sgd(rate):
    return nn.SGD([Tensor([1.0], requires_grad=True)], learning_rate=rate)


class Inverse:
    """A schedule that is an object."""

    def __init__(self, base, share=1.0):
        self.base, self.share = base, share

    def __call__(self, step):
        return self.base / (1 + self.share * step)


class Slotted:
    __slots__ = ("base",)

    def __init__(self, base):
        self.base = base

    def __call__(self, step):
        return self.base


def inverse(base, share, step):
    return base / (1 + share * step)


def enclosing(base):
    return lambda step: base


def enclosing_by_name(base):
    def rate(step, least=0.0):
        return max(base, least)

    return rate


def table(rates):
    return lambda step: rates[step]


SAME_AND_OTHERS = {
    "object": (lambda: Inverse(0.5), [lambda: Inverse(0.4), lambda: Inverse(0.5, 2.0)]),
    "object with slots": (lambda: Slotted(0.5), [lambda: Slotted(0.4), lambda: Inverse(0.5)]),
    "method": (lambda: Inverse(0.5).__call__, [lambda: Inverse(0.4).__call__]),
    "partial": (
        lambda: functools.partial(inverse, 0.5, 1.0),
        [
            lambda: functools.partial(inverse, 0.5, 2.0),
            lambda: functools.partial(min, 0.5),
        ],
    ),
    "closure": (lambda: enclosing(0.5), [lambda: enclosing(0.4), lambda: enclosing_by_name(0.5)]),
    "closure with a name": (lambda: enclosing_by_name(0.5), [lambda: enclosing_by_name(0.4)]),
    "array": (
        lambda: table(np.arange(1.0, 99)),
        [lambda: table(np.arange(2.0, 100)), lambda: table([1.0])],
    ),
    "lambda": (lambda: lambda step: 0.5, [lambda: lambda step: 0.4, lambda: lambda s: 0.5 + s]),
}


@pytest.mark.parametrize("kind", SAME_AND_OTHERS)
def test_a_function_of_the_step_is_told_by_its_name_and_what_it_holds(kind):
    made, others = SAME_AND_OTHERS[kind]
    state = sgd(made()).state_dict()
    sgd(made()).load_state_dict(state)
    assert "0x" not in state["groups"][0]["learning_rate"]
    for other in others:
        with pytest.raises(ArgumentError, match="the learning rate of group 0 is"):
            sgd(other()).load_state_dict(state)


def test_a_schedule_is_the_same_in_another_process():
    script = (
        "import functools, nn, test_identity as t\n"
        "from autograd_lite import Tensor\n"
        "for made, _ in t.SAME_AND_OTHERS.values():\n"
        "    print(nn.SGD([Tensor([1.0])], made()).state_dict()['groups'][0]['learning_rate'])\n"
    )
    folders = [str(Path(__file__).parent), str(Path(nn.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    own = [sgd(made()).state_dict()["groups"][0] for made, _ in SAME_AND_OTHERS.values()]
    module = __name__.rsplit(".", 1)[-1]
    assert [group["learning_rate"].replace(__name__, module) for group in own] == (
        run.stdout.splitlines()
    )


def test_a_function_that_nothing_tells_has_no_state():
    optimizer = sgd(functools.partial(next, (0.5 for _ in range(3))))
    with pytest.raises(UnsupportedError, match=r"state_dict with learning_rate=.*nothing tells"):
        optimizer.state_dict()
