"""Parameter groups, and what is kept of them in a state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, NOT_NEGATIVE, WHOLE, Range, as_array
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from nn import schema
from nn.configuration import identity
from nn.declared import Declared, Field
from nn.schema import ANYTHING

if TYPE_CHECKING:
    from nn.optimizers.optimizer import Optimizer

Options: TypeAlias = Mapping[str, Any]
"""The hyper-parameters of a group by name."""
Rate: TypeAlias = "float | Callable[[int], float]"
"""A learning rate: a number, or a function of the step, counted from 0, such as a schedule."""
LearningRate: TypeAlias = "Field[float, Rate]"
RATE = Range(
    lambda x: NOT_NEGATIVE.holds(x) or (callable(x) and not isinstance(x, type)),
    "a number, 0 or more, or a schedule such as nn.CosineAnnealing(0.1, steps=100)",
)


def group_entries(optimizer: str, parameters: Any) -> list[dict[str, Any]]:
    """The groups that an optimizer is given, of which tensors alone are one; each tensor once.

    Raises:
        ArgumentError: there are no parameters, one is in two groups, or a group is no dict.
        UnsupportedError: a parameter is no leaf tensor of floats.
    """
    entries = _in_order(optimizer, parameters)
    if not any(isinstance(entry, Mapping) for entry in entries):
        entries = [{"parameters": entries}]
    groups = []
    for entry in entries:
        if not isinstance(entry, Mapping) or "parameters" not in entry:
            keys = ", ".join(map(repr, entry)) if isinstance(entry, Mapping) else ""
            raise ArgumentError(
                f"{optimizer} with the group {describe_one(entry)}",
                f"it has {keys}, and no 'parameters'" if keys else "it is no dict with parameters",
                'Write {"parameters": [...], "learning_rate": 0.1} for each group',
            )
        groups.append({**entry, "parameters": _leaves(optimizer, entry["parameters"])})
    counts = Counter(tensor for group in groups for tensor in group["parameters"])
    if not counts:
        raise ArgumentError(
            f"{optimizer} with no parameters",
            "nothing would be learned",
            "Give at least one tensor",
        )
    repeated, count = counts.most_common(1)[0]
    if count > 1:
        raise ArgumentError(
            f"{optimizer} of {describe_one(repeated)}",
            "it is in two groups",
            "Give each parameter in one group",
        )
    return groups


def listed(owner: str, parameters: Any, kinds: str = "tensors, or of groups") -> list[Any]:
    """Parameters as a list; an UnsupportedError names the owner if they are none.

    An ArgumentError says that an iterator has nothing left to give.
    """
    boxed = isinstance(parameters, np.ndarray) and not parameters.ndim
    if (
        isinstance(parameters, Tensor | Mapping | str)
        or boxed
        or not isinstance(parameters, Iterable)
    ):
        raise UnsupportedError(
            f"{owner} of {describe_one(parameters)}",
            f"parameters are a list of {kinds}",
            "Give model.parameters(), or write [tensor]",
        )
    found = list(parameters)
    if not found and isinstance(parameters, Iterator):
        raise ArgumentError(
            f"{owner} of {describe_one(parameters)}",
            "there is nothing in it, or nothing any more: it gives each tensor once",
            "Give a list, such as model.parameters()",
        )
    return found


def _in_order(optimizer: str, parameters: Any) -> list[Any]:
    """What an optimizer is given as a list; an UnsupportedError if its order is arbitrary."""
    if isinstance(parameters, set | frozenset):
        raise UnsupportedError(
            f"{optimizer} of a set of {len(parameters)}",
            "a set has another order in each run, and its state is saved and loaded by order",
            "Give a list, such as model.parameters()",
        )
    return listed(optimizer, parameters)


def _leaves(optimizer: str, parameters: Any) -> tuple[Tensor, ...]:
    entries = _in_order(optimizer, parameters)
    for entry in entries:
        leaf = isinstance(entry, Tensor) and entry.operation is None
        if not leaf or entry.dtype.kind != "f":
            raise UnsupportedError(
                f"{optimizer} of {describe_one(entry)}",
                "it is no tensor of floats that was made rather than computed",
                "Give model.parameters(), or tensors made with requires_grad=True",
            )
    return tuple(dict.fromkeys(entries))


def hyper_parameters(group: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a group, without its parameters."""
    return {name: value for name, value in group.items() if name != "parameters"}


def as_python(value: Any) -> Any:
    """A hyper-parameter as Python's numbers, which do not change an array's dtype."""
    if isinstance(value, bool) or callable(value):
        return value
    return tuple(map(float, value)) if isinstance(value, tuple | list) else float(value)


# What is kept of groups in a state


def told(rate: Rate) -> float | str:
    """A learning rate in a form to keep: a function of the step by its name and identity.

    An UnsupportedError says if nothing tells it from others.
    """
    if not callable(rate):
        return rate
    told_apart = identity(rate, f"state_dict with learning_rate={describe_one(rate)}")
    return f"{shown(rate)} {told_apart}"


def shown(value: Any) -> str:
    """A hyper-parameter as it is shown, a function by its name."""
    if not callable(value) or isinstance(value, Declared):
        return str(value)
    return getattr(value, "__qualname__", type(value).__qualname__)


def told_options(group: Mapping[str, Any]) -> dict[str, Any]:
    """The hyper-parameters of a group in a form to keep, and the number of its parameters."""
    count, rate = len(group["parameters"]), told(group["learning_rate"])
    return {**group, "parameters": count, "learning_rate": rate}


def loaded_options(own: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The hyper-parameters of a group that are kept; a schedule is the one that is there."""
    rate = own["learning_rate"]
    return hyper_parameters({**kept, "learning_rate": rate} if callable(rate) else kept)


STEPS = Range(lambda x: WHOLE.holds(x) and x <= 2**53, "a whole number, 0 or more")
"""Up to there a float counts every one."""


def misfits(optimizer: Optimizer, state: Any) -> Iterator[str]:
    """What keeps a state from being loaded, in words."""
    options = {**dict.fromkeys(optimizer.groups[0], ANYTHING), "parameters": COUNT}
    kept = {"steps": STEPS, **dict.fromkeys(optimizer.state_names, ANYTHING)}
    wanted = {"groups": [options], "state": [kept], "steps": STEPS}
    if problems := list(schema.misfits(state, wanted)):
        yield from problems
        return
    groups, entries = state["groups"], state["state"]
    sizes = [group["parameters"] for group in groups]
    if sizes != [len(group["parameters"]) for group in optimizer.groups]:
        yield f"its groups have {sizes} parameters"
        return
    for index, (own, given) in enumerate(zip(optimizer.groups, groups)):
        rate, rate_kept = told(own["learning_rate"]), given["learning_rate"]
        if (isinstance(rate, str) or isinstance(rate_kept, str)) and rate != str(rate_kept):
            yield f"the learning rate of group {index} is {rate}, and was {rate_kept}"
    if len(entries) != len(optimizer.parameters):
        yield f"it has the state of {len(entries)} parameters"
    for parameter, entry in zip(optimizer.parameters, entries):
        for name in optimizer.state_names:
            array = as_array(entry[name], f"load_state_dict into {type(optimizer).__name__} of")
            if array.shape != parameter.shape or array.dtype.kind != "f":
                yield f"{name} of {describe_one(parameter)} is {array.dtype} {array.shape}"
