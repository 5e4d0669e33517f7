"""Module: what has parameters, a training mode and a forward computation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import Tensor
from autograd_lite.arguments import FLAG, FLOATING, as_array, require, require_real
from autograd_lite.errors import ArgumentError, AutogradError, UnsupportedError, describe_one
from autograd_lite.node import plain
from nn.configuration import opened, shown
from nn.declared import Declared


class Parameter(Tensor):
    """A tensor that a module learns. It requires grad, and has a copy of the data it is given.

    >>> Parameter([1.0, 2.0], name="bias")
    Tensor([1., 2.], name='bias', requires_grad=True)
    """

    __slots__ = ()

    def __init__(
        self, data: Any, *, name: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(_copied(data, "Parameter", dtype), requires_grad=True, name=name)


class Buffer(Tensor):
    """A tensor that belongs to a module's state and is not learned, such as a running mean.

    It does not require grad, and has a copy of the data it is given.

    >>> Buffer([0.0, 1.0])
    Tensor([0., 1.])
    """

    __slots__ = ()

    def __init__(self, data: Any, *, dtype: DTypeLike | None = None) -> None:
        super().__init__(_copied(data, "Buffer", dtype))


TENSORS = (Parameter, Buffer)

_shown: ContextVar[set[Module] | None] = ContextVar("shown", default=None)
"""The modules in the text that is being written: what a shared one holds is written once."""


def _copied(data: Any, kind: str, dtype: DTypeLike | None) -> Any:
    try:
        return np.array(data, dtype)
    except AutogradError:
        raise
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"{kind}({describe_one(data)}) with dtype={dtype!r}",
            str(error).rstrip("."),
            "Give numbers, or nested lists of one shape, and a dtype of floats",
        ) from error


class Module(Declared):
    """Base of layers and models: subclasses assign parameters and modules, and define `forward`.

    Attributes that are parameters or modules, or hold them in lists, tuples and dicts at any depth,
    are found by themselves, in the order of assignment; parameters are named after their
    attributes, and the keys of dicts. So are buffers, which are saved with the parameters and not
    learned. There is no `__init__` here that a subclass has to call. Numbers that a subclass is
    given may be fields with a range, see `nn/declared.py`.

    Where several have the same name, as under the keys 0 and "0", an ArgumentError says so.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter([2.0])
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> model = Scale()
    >>> model(np.array([1.0, 3.0])).data
    array([2., 6.])
    >>> dict(model.named_parameters())
    {'factor': Tensor([2.], name='factor', requires_grad=True)}
    """

    training = True
    """Whether layers that differ between training and use, such as Dropout, are training."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and value.requires_grad and not isinstance(value, Parameter):
            raise UnsupportedError(
                f"{type(self).__name__}.{name} = {describe_one(value)}",
                "it requires grad, but would not be among the parameters",
                "Write nn.Parameter(data)",
            )
        super().__setattr__(name, value)
        if not isinstance(value, bool | int | float | str):
            for path, parameter in self.named_parameters():
                parameter.name = path

    def forward(self, x: Any) -> Tensor:
        """What calling the module computes."""
        raise NotImplementedError(f"{type(self).__name__} has no method forward")

    def __call__(self, x: Any) -> Tensor:
        """Compute `forward`."""
        return self.forward(x)

    def _members(self) -> Iterator[tuple[str, Any]]:
        """Attributes, and what is in those that are lists, tuples or dicts, with their names."""
        return opened(vars(self).items())

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside of this one, with their names."""
        return ((name, item) for name, item in self._members() if isinstance(item, Module))

    def _named(self, kind: type[Any]) -> Iterator[tuple[str, Any]]:
        """This module, and all modules, parameters and buffers inside, of a kind, by dotted names.

        Each once, under its first name. An ArgumentError says that two have the same name.
        """
        names: dict[Any, str] = {}
        taken = set()

        def visit(name: str, part: Any) -> None:
            if part in names:
                return
            if name in taken:
                raise ArgumentError(
                    f"names of what is in {type(self).__name__}",
                    f"two parts have the name {name!r}, one of them {type(part).__name__}",
                    "Give keys and attributes that differ as text",
                )
            names[part] = name
            taken.add(name)
            if isinstance(part, Module):
                prefix = f"{name}." if name else ""
                members = list(part._members())
                for kinds in (TENSORS, Module):
                    for own, item in members:
                        if isinstance(item, kinds):
                            visit(prefix + own, item)

        visit("", self)
        return ((name, part) for part, name in names.items() if isinstance(part, kind))

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module and all inside of it with their dotted names, a shared one once."""
        return self._named(Module)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted names, a shared one once, under its first name."""
        return self._named(Parameter)

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """All buffers with their dotted names, a shared one once, under its first name."""
        return self._named(Buffer)

    def parameters(self) -> list[Parameter]:
        """All parameters, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    def extra_repr(self) -> str:
        """The arguments that the text of this module shows: by default, its configuration.

        That is the arguments of its constructor that it keeps as attributes of the same names and
        that are not the default.
        """
        return shown(self)

    def __repr__(self) -> str:
        children = list(self.children())
        shown_before = _shown.get() or set()
        if children and self in shown_before:
            return f"{type(self).__name__}(...)"
        shown_before.add(self)
        token = _shown.set(shown_before)
        try:
            lines = [f"  {name}: {child!r}".replace("\n", "\n  ") for name, child in children]
        finally:
            _shown.reset(token)
        inside = "\n".join([self.extra_repr(), *lines, ""]) if lines else self.extra_repr()
        count = sum(parameter.size for parameter in self.parameters())
        counted = f"  # {count:,} parameter{'s' if count > 1 else ''}" if count else ""
        return f"{type(self).__name__}({inside}){counted}"

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all inside of it to training, or away from it.

        Raises:
            ArgumentError: the mode is neither True nor False.
        """
        require(self, "mode", mode, FLAG)
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch this module and all inside of it from training to use."""
        return self.train(False)

    def astype(self, dtype: DTypeLike) -> Self:
        """Convert all parameters and buffers to another floating dtype, and forget gradients.

        Raises:
            ArgumentError: it is no dtype of floats.
        """
        require(self, "dtype", dtype, FLOATING)
        for tensor in self._state().values():
            tensor.data = tensor.data.astype(dtype)
            tensor.zero_grad()
        return self

    def _state(self) -> dict[str, Tensor]:
        """Parameters, then buffers, by name."""
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    def state_dict(self) -> dict[str, Any]:
        """Copies of the arrays of all parameters and buffers, by name."""
        return {name: tensor.data.copy() for name, tensor in self._state().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy arrays into the parameters and buffers of the same names.

        Raises:
            ArgumentError: names are missing or unknown, or a shape differs; nothing is loaded.

        >>> model = Module()
        >>> model.bias = Parameter([0.0, 0.0])
        >>> model.load_state_dict({"bias": np.array([1.0, 2.0])})
        >>> model.bias.data
        array([1., 2.])
        """
        attempted = f"load_state_dict into {type(self).__name__}"
        if not isinstance(state, Mapping):
            raise UnsupportedError(
                attempted,
                f"{type(state).__name__} is no mapping from names to arrays",
                "Give model.state_dict()",
            )
        arrays = {
            name: as_array(plain(value), f"{attempted} of {name!r},")
            for name, value in state.items()
        }
        own = self._state()
        problems = [f"{name} is missing" for name in own.keys() - arrays.keys()]
        problems += [f"{name} is unknown" for name in arrays.keys() - own.keys()]
        for name in own.keys() & arrays.keys():
            array, shape = arrays[name], own[name].shape
            if array.shape != shape:
                problems.append(f"{name} has shape {array.shape} instead of {shape}")
            if array.dtype.kind not in "fiub":
                problems.append(f"{name} has dtype {array.dtype}")
        if problems:
            raise ArgumentError(
                attempted,
                "; ".join(sorted(problems)),
                "Give a state_dict() of a model built the same way; nothing was loaded",
            )
        for name, tensor in own.items():
            tensor.data = np.array(arrays[name], tensor.dtype)


def require_model(model: Any, attempted: str) -> None:
    """Raise an UnsupportedError unless it is a module, and no class of them."""
    if not isinstance(model, Module):
        remedy = "Give an nn.Module, such as nn.Sequential(nn.Dense(2, 1))"
        if isinstance(model, type):
            remedy = f"Give an instance: {model.__name__}(...)"
        raise UnsupportedError(f"{attempted} {describe_one(model)}", "it is no module", remedy)


def require_input(layer: object, x: Any) -> None:
    """Raise an UnsupportedError unless a layer is given an array or a tensor of real numbers."""
    attempted = f"{type(layer).__name__} of"
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise UnsupportedError(
            f"{attempted} {describe_one(x)}",
            "it is no array and no tensor",
            "Give a NumPy array: numpy.array(x)",
        )
    require_real(x, attempted)
