"""What a training that goes on has to share with the one that wrote its checkpoint, by name."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.foreign import is_on_card, on_host
from nn.configuration import configuration, identity, shown
from nn.declared import Declared
from nn.module import Module
from nn.optimizers.groups import hyper_parameters, told_options
from nn.optimizers.groups import shown as name_of
from nn.optimizers.optimizer import Optimizer
from nn.training.callback import Callback
from nn.training.callbacks import LRSchedule
from nn.training.inputs import named_parts
from nn.training.samples import Samples
from nn.training.sources import Part, Rows, Stream, read_parts

FURTHER = "further optimizers"
"""The key of the states of all optimizers but the first, where there are several."""
SPLIT = "split_seed"
"""What is taken over from the file."""
FREE = ("patience", "path", "folder", "every", "histograms", "monitor", "mode")
"""Options of callbacks that say when a run ends and what is written, and not what is computed, and
those that states of callbacks have."""


def terms(
    model: Module,
    optimizers: Mapping[str, Optimizer],
    loss: Callable[..., Tensor] | None,
    step: Callable[..., Any] | None,
    samples: Samples,
    callbacks: Iterable[Callback],
) -> dict[str, Any]:
    """The optimizers with their hyper-parameters and schedules, the options of callbacks, the
    layers, the loss and the data, as plain values.

    Data are told by a digest of their bytes.
    """
    known = {id(part): name for name, part in model._named(object)}
    found: dict[str, Any] = {}
    for name, optimizer in optimizers.items():
        found[_of("optimizer", name)] = type(optimizer).__name__
        options = _of_groups([told_options(group) for group in optimizer.groups])
        found |= {_of(option, name): value for option, value in options.items()}
    found |= _of_callbacks(callbacks, optimizers)
    for name, module in model.named_modules():
        found[f"layer {name}" if name else "model"] = _layer(module, known)
    if loss is not None:
        found["loss"] = _told(loss, known)
    if step is not None:
        found["step"] = _told(step, known)
    return found | _of_data(samples, known)


def _of_callbacks(
    callbacks: Iterable[Callback], optimizers: Mapping[str, Optimizer]
) -> dict[str, Any]:
    """What changes rates, gradients and weights, and with which options."""
    found: dict[str, Any] = {}
    for callback in callbacks:
        if isinstance(callback, LRSchedule):
            names = [n for n, each in optimizers.items() if each is callback.schedule.base]
            found[_of("schedule", *names)] = callback.told()
        elif isinstance(callback, Declared):
            for name in callback._kept_fields:
                if name not in FREE:
                    text = f"{name}={name_of(getattr(callback, name))}"
                    found.setdefault(type(callback).__name__, []).append(text)
    return found


def _of_data(samples: Samples, known: Mapping[int, str]) -> dict[str, Any]:
    """What is trained and validated on, and how it is drawn."""
    found: dict[str, Any] = {}
    for kind, part in samples.parts.items():
        kind = kind.replace("_", " ")
        if isinstance(part, Stream):
            found[f"{kind}X"] = _told(part.source, known)
        elif isinstance(part, Part | Rows):
            found |= {name: _array(leaf) for name, leaf in named_parts((part.X, part.y), kind)}
        if part.weights is not None:
            found["weights"] = _array(part.weights)
        if isinstance(part, Rows):
            found[f"{kind}blocks"] = _array(part.bounds)
    if samples.trained.odds is not None:
        found["sampling"] = _array(samples.trained.odds)
    if samples.augment is not None:
        found["augment"] = _told(samples.augment, known)
    return found


def optimizer_states(state: Mapping[str, Any]) -> list[Any]:
    """Those of all optimizers, in their order."""
    return [state["optimizer"], *state.get(FURTHER, ())]


def _of(name: str, optimizer: str = "") -> str:
    return f"{name} of optimizer {optimizer}" if optimizer else name


def _of_groups(groups: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The hyper-parameters of an optimizer's groups, as a state has them."""
    found = {}
    for index, group in enumerate(groups):
        for name, value in hyper_parameters(group).items():
            of_group = f"{name} of group {index}" if index else name
            found[of_group] = list(value) if isinstance(value, tuple) else value
    return found


def _layer(module: Module, known: Mapping[int, str]) -> str:
    functions = [
        _told(value, known)
        for value in configuration(module).values()
        if callable(value) and not isinstance(value, type | Module)
    ]
    return " ".join([f"{type(module).__name__}({shown(module)})", *functions])


def _told(function: Any, known: Mapping[int, str]) -> str:
    """A function by its name and what tells it from others, if something does."""
    name = str(function) if isinstance(function, Declared) else name_of(function)
    try:
        return f"{name} {identity(function, 'fit', known)}"
    except UnsupportedError:
        return name


def _array(array: Any) -> str:
    text = f"{array.dtype} {array.shape}"
    array = on_host(array) if is_on_card(array) else array
    if not isinstance(array, np.ndarray):
        return text
    import hashlib

    digest = hashlib.blake2b(digest_size=8)
    for part in read_parts(array):
        digest.update(np.ascontiguousarray(part).data)
    return f"{text} {digest.hexdigest()}"


def differences(
    own: Mapping[str, Any],
    optimizers: Iterable[str],
    state: Mapping[str, Any],
    may_differ: Container[str],
) -> Iterator[str]:
    """What differs from a checkpoint's state, in words.

    A hyper-parameter may be what it was at the beginning, or when the state was taken.
    """
    saved = state["arguments"]
    newest: dict[str, Any] = {}
    for name, kept in zip(optimizers, optimizer_states(state)):
        newest |= {_of(option, name): each for option, each in _of_groups(kept["groups"]).items()}
    for name in {**own, **saved}:
        if name == SPLIT or _base(name) in may_differ:
            continue
        if own.get(name) not in (saved.get(name), newest.get(name, saved.get(name))):
            yield f"{name} is {own.get(name)!r}, and was {saved.get(name)!r}"


def _base(name: str) -> str:
    return name.partition(" of group ")[0].partition(" of optimizer ")[0]


def require_listed(may_differ: Any) -> None:
    """Raise an UnsupportedError unless it can be a list of names."""
    is_listed = isinstance(may_differ, list | tuple | set | frozenset)
    if not is_listed or not all(isinstance(name, str) for name in may_differ):
        raise UnsupportedError(
            f"fit with may_differ={describe_one(may_differ)}",
            "it is no list of names",
            'Write may_differ=["learning_rate"]',
        )


def require_names(may_differ: Iterable[str], own: Mapping[str, Any]) -> None:
    """Raise an ArgumentError unless those are names of what is compared."""
    names = {_base(name) for name in own if name != SPLIT} | {"epochs"}
    if unknown := [name for name in may_differ if name not in names]:
        raise ArgumentError(
            f"fit with may_differ={may_differ!r}",
            f"{describe_one(unknown[0])} is not among what is compared",
            f"That is {', '.join(sorted(names))}",
        )


def adopted(optimizer: Optimizer, kept: Any, may_differ: Container[str]) -> Any:
    """An optimizer's state with the hyper-parameters that may differ as they are now."""
    groups = [
        given | {name: own[name] for name in own.keys() & given.keys() if name in may_differ}
        for own, given in zip(map(told_options, optimizer.groups), kept["groups"])
    ]
    return {**kept, "groups": groups} if len(groups) == len(kept["groups"]) else kept


def require_adopted(
    before: Mapping[str, Any], optimizer: Optimizer, may_differ: Container[str]
) -> None:
    """Raise an ArgumentError if a hyper-parameter that was to differ is set by something else."""
    now = _of_groups([told_options(group) for group in optimizer.groups])
    for name, value in _of_groups(before["groups"]).items():
        if _base(name) in may_differ and now.get(name) != value:
            raise ArgumentError(
                f"fit with may_differ of {name}",
                f"it would be {now.get(name)!r} instead of {value!r}, as a schedule sets it",
                "Leave out the schedule, or give it as the optimizer's learning rate",
            )
