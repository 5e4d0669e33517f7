"""What keeps the state of one optimizer from being loaded into another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from autograd_lite.arguments import COUNT, WHOLE, Range, as_array
from autograd_lite.errors import describe_one
from nn import schema
from nn.optimizers.groups import told
from nn.schema import ANYTHING

if TYPE_CHECKING:
    from nn.optimizers.optimizer import Optimizer

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
