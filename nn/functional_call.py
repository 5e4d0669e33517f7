"""Calling a model with other parameters than its own."""

from __future__ import annotations

import copy
from collections import UserList, deque
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import FunctionType, MappingProxyType, MethodType
from typing import Any

from autograd_lite import Tensor
from autograd_lite.arguments import as_array, require_real
from autograd_lite.engine import backward_order
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords
from autograd_lite.trees import leaves_of
from nn.configuration import MAPPINGS, opened
from nn.members import Buffer, numbers_of
from nn.module import Module, require_model
from nn.schema import misfits


@explains_keywords
def functional_call(
    model: Module, parameters: Mapping[str, Any], /, *inputs: Any, **named: Any
) -> Any:
    """Call a model with other parameters, which receive gradients; the model does not change.

    A temporary model with the same layers is called: attributes that `forward` sets, and running
    statistics, are discarded with it. Generators advance, so each call draws new masks.

    Args:
        model: the model whose `forward` is computed, in its current mode.
        parameters: tensors or arrays by the names of `model.state_dict()`; whole numbers take the
            dtype of the model's own. Missing ones are the model's own.
        inputs, named: the arguments of `forward`.

    Raises:
        ArgumentError: a name is unknown, or a shape differs.
        UnsupportedError: the model is not a module, parameters are not a mapping of real numbers,
            an attribute is a function or an object that refers to the model itself, or the result
            depends on a parameter that was replaced.

    >>> import numpy as np
    >>> from nn import Dense
    >>> model = Dense(2, 1, weight_init="zeros")
    >>> weight = Tensor(np.array([[1.0], [2.0]]), requires_grad=True)
    >>> y = functional_call(model, {"weight": weight}, np.array([[3.0, 4.0]]))
    >>> y.sum().backward()
    >>> y.data, weight.grad.ravel(), model.weight.data.ravel()
    (array([[11.]]), array([3., 4.]), array([0., 0.]))
    """
    require_model(model, "functional_call of")
    attempted = f"functional_call of {type(model).__name__}"
    if not isinstance(parameters, Mapping):
        raise UnsupportedError(
            f"{attempted} with {describe_one(parameters)}",
            "that is no mapping from names to tensors",
            "Give dict(model.named_parameters()), or other tensors by these names",
        )
    own = _state_of(model)
    given = {name: _given(value, own.get(name), attempted) for name, value in parameters.items()}
    wanted = {name: numbers_of(own[name].shape) for name in own if name in given}
    if problems := list(misfits(given, wanted)):
        raise ArgumentError(
            attempted, "; ".join(problems), f"Give some of {', '.join(own)}, in their shapes"
        )
    replaced = {id(own[name]): name for name in given}
    substitution = _Substitution({id(own[name]): value for name, value in given.items()})
    result = substitution(model)(*inputs, **named)
    before = [*given.values(), *substitution.kept, *leaves_of([inputs, named])]
    _require_none(replaced, attempted, result, before)
    return result


def _given(value: Any, own: Tensor | None, attempted: str) -> Tensor:
    """A tensor of floats: layers compute in the dtype of their parameters."""
    tensor = value if isinstance(value, Tensor) else Tensor(as_array(value, f"{attempted} with"))
    require_real(tensor, f"{attempted} with")
    return tensor if own is None or tensor.dtype.kind == "f" else tensor.astype(own.dtype)


def _require_none(replaced: dict[int, str], attempted: str, result: Any, before: list[Any]) -> None:
    """Raise if a result was computed with one of the parameters that others took the place of.

    What was there before the call may have been computed with them.
    """
    computed = [leaf for leaf in leaves_of(result) if isinstance(leaf, Tensor)]
    known = [each for each in before if isinstance(each, Tensor)]
    for node in backward_order(*computed, stop=known):
        if id(node) in replaced:
            raise UnsupportedError(
                attempted,
                f"the result depends on the model's own {replaced[id(node)]}, in whose place "
                "another was given: forward reaches its module past the model's attributes",
                "Use the modules in attributes of self, and in lists, tuples and dicts there",
            )


OF_TWINS = ("_named", "_text_is_of", "_twins_state")
"""Attributes of what is called in a module's place, which that has not."""


def _state_of(model: Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, also within another functional call."""
    state: dict[str, Tensor] = vars(model).get("_twins_state", model._state)()
    return state


class _Substitution:
    """Makes the same of objects with other tensors in them; `made` has what is made, by id."""

    def __init__(self, made: dict[int, Any]) -> None:
        self.made = made
        self.kept: list[Any] = []  # so that no id is taken by another object

    def state(self, module: Module) -> dict[str, Any]:
        """What is made of the parameters and buffers of a module, by their names."""
        return {name: self(tensor) for name, tensor in _state_of(module).items()}

    def __call__(self, value: Any) -> Any:
        if id(value) not in self.made:
            self.kept.append(value)
            self._make(value)
        return self.made.get(id(value), value)

    def _make(self, value: Any) -> None:
        """Make what an object becomes, where it holds tensors or can; others stay themselves."""
        twin: Any
        if isinstance(value, Module):
            twin = self.made[id(value)] = object.__new__(type(value))
            own = {name: each for name, each in vars(value).items() if name not in OF_TWINS}
            vars(twin).update({name: self(each) for name, each in own.items()})
            vars(twin)["_named"] = _refuse_search
            vars(twin)["_text_is_of"] = value._text_is_of
            vars(twin)["_twins_state"] = partial(self.state, value)
        elif isinstance(value, Buffer):
            self.made[id(value)] = Buffer(value.data)
        elif isinstance(value, MappingProxyType):
            self.made[id(value)] = MappingProxyType(
                {key: self(each) for key, each in value.items()}
            )
        elif isinstance(value, (*MAPPINGS, list, deque, UserList)):
            twin = self.made[id(value)] = copy.copy(value)
            items = value.items() if isinstance(value, MAPPINGS) else enumerate(value)
            for key, each in items:
                twin[key] = self(each)
        elif isinstance(value, tuple):
            parts = map(self, value)
            self.made[id(value)] = (
                type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
            )
        elif isinstance(value, MethodType) and isinstance(value.__self__, Module):
            self.made[id(value)] = MethodType(value.__func__, self(value.__self__))
        elif isinstance(value, partial):
            function, arguments = self(value.func), self(value.args)
            self.made[id(value)] = partial(function, *arguments, **self(value.keywords))
        elif not isinstance(value, Tensor | type):
            _require_free(value)


def _refuse_search(kind: type[Any]) -> Any:
    raise UnsupportedError(
        "parameters(), or another search for parts, in forward inside of functional_call",
        "the tensors that are given would not be among them",
        "Compute what needs all parameters outside of forward, from those that are given",
    )


def _require_free(value: Any) -> None:
    """Raise if a function or an object holds on to a module: it would use its own parameters."""
    held, name = getattr(value, "__dict__", None), describe_one(value)
    if isinstance(value, FunctionType):
        held = [_enclosed(value), value.__defaults__, value.__kwdefaults__]
        name = value.__qualname__
    modules = [type(each).__name__ for _, each in opened([("", held)]) if isinstance(each, Module)]
    if modules:
        raise UnsupportedError(
            f"functional_call with the attribute {name}",
            f"it holds on to {modules[0]}, and would use that one's own parameters",
            "Make it a method, or a module",
        )


def _enclosed(function: FunctionType) -> list[Any]:
    enclosed = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # a variable that has no value yet
            enclosed.append(cell.cell_contents)
    return enclosed
