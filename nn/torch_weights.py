"""Weights of PyTorch's models, and weights for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.names import explains_keywords
from nn.layers.dense import Dense
from nn.layers.normalization import BatchNorm1d, BatchNorm2d
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


def _counts(model: Module) -> list[str]:
    """What PyTorch keeps besides: how many batches a layer has seen, which it does not use."""
    prefixes = _named(model, BatchNorm1d, BatchNorm2d)
    return [f"{prefix}num_batches_tracked" for prefix in prefixes]


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
    `Dense` are transposed; all others have the same shapes. An activation that is an argument of
    `Dense` has no number: write it as a layer to get PyTorch's numbers.

    Args:
        state: what `state_dict()` of a PyTorch model returns: tensors or arrays by name.
        model: receives the weights, in its own dtype.

    Returns:
        The model itself.

    Raises:
        ArgumentError: names are missing or unknown, or a shape differs; nothing is loaded.
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
    for name in _counts(model):
        own.pop(name, None)
    model.load_state_dict(_turned(model, own))
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
    return {**state, **{name: np.zeros((), np.int64) for name in _counts(model)}}
