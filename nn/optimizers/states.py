"""What keeps the state of one optimizer from being loaded into another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from autograd_lite.arguments import WHOLE, as_array
from autograd_lite.errors import describe_one
from nn.optimizers.groups import told

if TYPE_CHECKING:
    from nn.optimizers.optimizer import Optimizer

MOST_STEPS = 2**53
"""Up to here a float counts every one."""


def misfits(optimizer: Optimizer, state: Any) -> Iterator[str]:
    """What keeps a state from being loaded, in words."""
    if not isinstance(state, Mapping) or state.keys() != {"groups", "state", "steps"}:
        yield 'it is no dict of "groups", "state" and "steps"'
        return
    groups, entries = state["groups"], state["state"]
    if not _are_dicts(groups) or not _are_dicts(entries):
        yield "its groups or state are no lists of dicts"
        return
    sizes = [group.get("parameters") for group in groups]
    if sizes != [len(group["parameters"]) for group in optimizer.groups]:
        yield f"its groups have {sizes} parameters"
        return
    for index, (own, given) in enumerate(zip(optimizer.groups, groups)):
        if own.keys() != given.keys():
            differing = sorted(map(str, own.keys() ^ given.keys()))
            yield f"group {index} differs in {', '.join(differing)}"
            continue
        rate, kept = told(own["learning_rate"]), given["learning_rate"]
        if (isinstance(rate, str) or isinstance(kept, str)) and rate != str(kept):
            yield f"the learning rate of group {index} is {rate}, and was {kept}"
    if not _counts_steps(state["steps"]):
        yield f"it has steps={state['steps']!r}"
    if len(entries) != len(optimizer.parameters):
        yield f"it has the state of {len(entries)} parameters"
        return
    yield from _misfits_of_parameters(optimizer, entries)


def _misfits_of_parameters(
    optimizer: Optimizer, entries: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    for index, (parameter, entry) in enumerate(zip(optimizer.parameters, entries)):
        if entry.keys() != {"steps", *optimizer.state_names}:
            yield f"state {index} has {', '.join(sorted(map(str, entry)))}"
            continue
        if not _counts_steps(entry["steps"]):
            yield f"state {index} has steps={entry['steps']!r}"
        for name in optimizer.state_names:
            array = as_array(entry[name], f"load_state_dict into {type(optimizer).__name__} of")
            if array.shape != parameter.shape or array.dtype.kind != "f":
                yield f"{name} of {describe_one(parameter)} is {array.dtype} {array.shape}"


def _counts_steps(value: Any) -> bool:
    return WHOLE.holds(value) and value <= MOST_STEPS


def _are_dicts(entries: Any) -> bool:
    return isinstance(entries, list | tuple) and all(isinstance(e, Mapping) for e in entries)
