"""Weights of PyTorch's models, and weights for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords
from nn.layers.dense import Dense
from nn.layers.normalization import BatchNorm1d, BatchNorm2d
from nn.members import Members
from nn.module import Module, require_model


def _named(model: Module, *kinds: type[Module]) -> list[str]:
    """The beginnings of the names of what is in modules of some kinds."""
    modules = model.named_modules()
    return [f"{name}." if name else "" for name, each in modules if isinstance(each, kinds)]


def _turned(model: Module, state: Mapping[str, Any]) -> dict[str, Any]:
    """A state in which weights of Dense layers are transposed: (in, out) here, (out, in) there."""
    weights = {f"{prefix}weight" for prefix in _named(model, Dense)}
    return {
        name: value.T if name in weights and np.ndim(value) == 2 else value
        for name, value in state.items()
    }


def _counts(model: Module, others: Mapping[str, str]) -> list[str]:
    """What PyTorch keeps besides: how many batches a layer has seen, which it does not use."""
    means = {f"{prefix}running_mean" for prefix in _named(model, BatchNorm1d, BatchNorm2d)}
    means |= {name for name, first in others.items() if first in means}
    return [name.removesuffix("running_mean") + "num_batches_tracked" for name in sorted(means)]


def _other_names(model: Module) -> dict[str, str]:
    """The names that shared tensors have besides their first one, and that one.

    PyTorch's states have all of them.
    """
    firsts = {id(tensor): name for name, tensor in model._state().items()}
    others: dict[str, str] = {}

    def visit(prefix: str, path: tuple[Members, ...]) -> None:
        for own, part in path[-1]._parts():
            name = prefix + own
            if not isinstance(part, Members):
                if name != firsts[id(part)]:
                    others[name] = firsts[id(part)]
            elif all(part is not each for each in path):
                visit(f"{name}.", (*path, part))

    visit("", (model,))
    return others


def _under_first_names(state: dict[str, Any], others: Mapping[str, str]) -> dict[str, Any]:
    """A state in which what is shared has its first name only."""
    found: dict[str, Any] = {}
    for name, value in state.items():
        first = others.get(name, name)
        known = found.setdefault(first, value)
        if known is not value and not np.array_equal(known, value, equal_nan=True):
            raise ArgumentError(
                f"from_torch of {first!r} and {name!r}",
                "the model has one parameter of these two names, and they differ",
                "Build a model with two parameters, or delete one of them from the state",
            )
    return found


def _as_array(name: str, value: Any) -> Any:
    """A tensor of PyTorch as an array, arrays as they are."""
    if isinstance(value, Tensor) or not hasattr(value, "detach"):
        return value
    try:
        return value.detach().cpu().numpy()
    except (TypeError, RuntimeError) as error:
        raise UnsupportedError(
            f"from_torch of {name!r}, {describe_one(value)}",
            f"it does not become an array: {error}",
            "Give tensor.float()",
        ) from error


@explains_keywords
def from_torch(state: Mapping[str, Any], model: Module) -> Module:
    """Load the weights of a PyTorch model into a model that is built the same way here.

    Names are PyTorch's, as `nn` has them: parts of a list or a Sequential are numbered. Weights of
    `Dense` are transposed; all others have the same shapes. What the model shares may be under one
    of its names or all. An activation that is an argument of `Dense` has no number: write it as a
    layer to get PyTorch's numbers.

    Args:
        state: what `state_dict()` of a PyTorch model returns: tensors or arrays by name.
        model: receives the weights, in its own dtype.

    Returns:
        The model itself.

    Raises:
        ArgumentError: names are missing or unknown, a shape differs, or a parameter that is shared
            has several values; nothing is loaded.
        UnsupportedError: that is not a mapping, or not a model; or a tensor does not become an
            array.

    >>> from nn import Dense
    >>> state = {"weight": np.array([[1.0, 2.0]]), "bias": np.array([3.0])}
    >>> from_torch(state, Dense(2, 1)).weight.data
    array([[1.],
           [2.]])
    """
    require_model(model, "from_torch into")
    if not isinstance(state, Mapping):
        raise UnsupportedError(
            f"from_torch of {describe_one(state)}",
            "it is no mapping from names to arrays",
            "Give torch_model.state_dict(), and then the model that takes it",
        )
    own = {name: _as_array(name, value) for name, value in state.items()}
    others = _other_names(model)
    for name in _counts(model, others):
        own.pop(name, None)
    model.load_state_dict(_turned(model, _under_first_names(own, others)))
    return model


@explains_keywords
def to_torch(model: Module) -> dict[str, Any]:
    """The weights of a model, as a PyTorch model that is built the same way takes them.

    In PyTorch, write `theirs.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})`.

    Raises:
        UnsupportedError: it is not a model.

    >>> from nn import Dense
    >>> {name: array.shape for name, array in to_torch(Dense(2, 1)).items()}
    {'weight': (1, 2), 'bias': (1,)}
    """
    require_model(model, "to_torch of")
    state = {name: x.copy() for name, x in _turned(model, model.state_dict()).items()}
    others = _other_names(model)
    state |= {name: state[first] for name, first in others.items()}
    return {**state, **{name: np.zeros((), np.int64) for name in _counts(model, others)}}
