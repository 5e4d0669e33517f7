"""What is inside of a module, found by itself: parameters, buffers and modules, and their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MappingView
from functools import partial
from types import GeneratorType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import Range, as_array
from autograd_lite.copies import depends_on_differentiated
from autograd_lite.errors import ArgumentError, AutogradError, UnsupportedError, describe_one
from autograd_lite.foreign import admit, is_on_card
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.trees import map_tree
from nn.configuration import CONTAINERS, MAPPINGS, opened
from nn.declared import Declared
from nn.schema import misfits, require_fitting

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from nn.module import Module


class Parameter(Tensor):
    """A tensor that a module learns. It requires grad, and has a copy of the data it is given.

    >>> Parameter([1.0, 2.0], name="bias")
    Tensor([1., 2.], name='bias', requires_grad=True)
    """

    __slots__ = ()

    @explains_keywords
    def __init__(
        self, data: Any, *, name: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(_copied(data, "Parameter", dtype), requires_grad=True, name=name)
        self.lent = False


class Buffer(Tensor):
    """A tensor that belongs to a module's state and is not learned, such as a running mean.

    It does not require grad, and has a copy of the data it is given.

    >>> Buffer([0.0, 1.0])
    Tensor([0., 1.])
    """

    __slots__ = ()

    @explains_keywords
    def __init__(self, data: Any, *, dtype: DTypeLike | None = None) -> None:
        super().__init__(_copied(data, "Buffer", dtype))


TENSORS = (Parameter, Buffer)


def _copied(data: Any, kind: str, dtype: DTypeLike | None) -> Any:
    try:
        admitted = admit(data, f"{kind} of")
        if is_on_card(admitted):
            return admitted.astype(dtype or admitted.dtype)
        return np.array(admitted, dtype)
    except AutogradError:
        raise
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"{kind}({describe_one(data)}) with dtype={dtype!r}",
            str(error).rstrip("."),
            "Give numbers, or nested lists of one shape, and a dtype of floats",
        ) from error


def is_computed(value: Any) -> bool:
    """Whether it is a tensor that was computed, with or without recording."""
    computed = isinstance(value, Tensor) and (value.operation is not None or value.created > 0)
    return computed and not isinstance(value, TENSORS)


def require_kept(kind: str, name: str, tensor: Tensor) -> None:
    """Raise unless a module trains and saves a tensor, or it was computed or is a constant."""
    if tensor.requires_grad and tensor.operation is None and not isinstance(tensor, Parameter):
        raise UnsupportedError(
            f"{kind}.{name} = {describe_one(tensor)}",
            "it requires grad, but would not be among the parameters",
            "Write nn.Parameter(data)",
        )


def require_assignable(kind: str, name: str, before: Any, value: Any) -> None:
    """Raise if an attribute of a module would lose what is trained or saved, or never had it."""
    place = next((part for part in TENSORS if isinstance(before, part)), None)
    if place is not None and not isinstance(value, place | None):
        what = place.__name__
        raise UnsupportedError(
            f"{kind}.{name} = {describe_one(value)}",
            f"a {what.lower()} is there, in whose place it would be neither trained nor saved",
            f"Write {name}.data = array, or give an nn.{what}; or set it to None first",
        )
    if isinstance(value, Tensor):
        require_kept(kind, name, value)


def without_record(value: Any) -> Any:
    """The value of an attribute, with detached tensors in place of computed ones."""
    if isinstance(value, list | tuple | dict):
        recorded = any(is_computed(item) for _, item in opened([("", value)]))
        return map_tree(without_record, value) if recorded else value
    return value.detach() if is_computed(value) and value.operation is not None else value


def fitting_arrays(
    owner: object, own: Mapping[str, Tensor], state: Any
) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays for tensors of the same names. An error says what is missing or does not fit."""
    attempted = f"load_state_dict into {type(owner).__name__}"
    if not isinstance(state, Mapping):
        raise UnsupportedError(
            attempted,
            f"{type(state).__name__} is no mapping from names to arrays",
            "Give model.state_dict()",
        )
    arrays = {name: _loaded(value, f"{attempted} of {name!r},") for name, value in state.items()}
    wanted = {name: numbers_of(tensor.shape) for name, tensor in own.items()}
    unreal = [name for name, array in arrays.items() if array.dtype.kind not in "fiub"]
    dtypes = [f"{name} has dtype {arrays[name].dtype}" for name in unreal]
    require_fitting(owner, [*misfits(arrays, wanted), *dtypes])
    return arrays


def numbers_of(shape: tuple[int, ...]) -> Range:
    """The range of arrays and tensors of a shape."""
    return Range(lambda x: x.shape == shape, f"numbers of shape {shape}")


def _loaded(value: Any, attempted: str) -> Any:
    """The array that is copied; a tensor whose derivative would be lost by that is refused."""
    if isinstance(value, Tensor) and value.requires_grad and depends_on_differentiated(value):
        raise UnsupportedError(
            f"{attempted} {describe_one(value)}",
            "it depends on what is being differentiated in, and parameters take copies of numbers",
            "Write nn.functional_call(model, parameters, x), or give tensor.detach()",
        )
    return as_array(plain(value), attempted)


CLOSED = (set, frozenset, MappingView, np.ndarray, partial)
"""Containers that are not opened, and so are records: parts of a model in them are refused."""


ONCE = (map, filter, zip, enumerate, reversed)
"""What may give parts of a model, which nobody can look at without taking them."""


class Members(Declared):
    """Base of `Module`: finds what is in its attributes, also in lists, tuples and dicts."""

    def _opened(self, attributes: Any) -> Iterator[tuple[str, Any]]:
        """Attributes, and what is in those that are lists, tuples or dicts, with their names."""
        return opened(attributes)

    def _members(self) -> Iterator[tuple[str, Any]]:
        """All attributes, opened."""
        return self._opened(vars(self).items())

    @explains_keywords
    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside of this one, with their names."""
        return (member for member in self._members() if isinstance(member[1], Members))

    def _parts(self) -> list[tuple[str, Any]]:
        """Parameters and buffers, and then modules, directly inside of this one, with their names.

        An UnsupportedError says what would not be trained or saved.
        """
        tensors, modules = [], []
        for name, item in self._members():
            if isinstance(item, Members):
                modules.append((name, item))
            elif isinstance(item, TENSORS):
                tensors.append((name, item))
            elif isinstance(item, Tensor):
                require_kept(type(self).__name__, name, item)
            elif isinstance(item, CLOSED) or _is_record(item):
                _require_no_parts(self, name, item)
            elif isinstance(item, ONCE) or _is_generator_expression(item):
                raise UnsupportedError(
                    f"{type(self).__name__}.{name} = a {type(item).__name__}",
                    "what it gives it gives once, and is not looked for in it",
                    "Keep it in a list or a dict: list(x)",
                )
        return tensors + modules

    def _named(self, kind: type[Any]) -> Iterator[tuple[str, Any]]:
        """This module, and all modules, parameters and buffers inside, of a kind, by dotted names.

        Each once, under its first name. An ArgumentError says that two have the same name.
        """
        seen = set()
        taken = set()

        def visit(name: str, part: Any) -> Iterator[tuple[str, Any]]:
            if id(part) in seen:
                return
            if name in taken:
                raise same_name(self, name, part)
            seen.add(id(part))
            taken.add(name)
            if isinstance(part, kind):
                yield name, part
            if isinstance(part, Members):
                prefix = f"{name}." if name else ""
                for own, item in part._parts():
                    yield from visit(prefix + own, item)

        return visit("", self)

    def _unnamed_parameters(self) -> Iterator[Parameter]:
        """All parameters, in less time: in any order, a shared one more than once."""
        waiting: list[Any] = [self]
        seen = set()
        for value in waiting:
            try:
                kind = _KINDS[type(value)]
            except KeyError:
                kind = _kind_of(type(value))
            if kind is None:
                continue
            if kind is Parameter:
                yield value
            elif id(value) not in seen:
                seen.add(id(value))
                values = value.__dict__ if kind is Members else value
                # Not +=, which a UserList has its own meaning for.
                waiting.extend(values if kind is list else values.values())

    @explains_keywords
    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module and all inside of it with their dotted names, a shared one once."""
        return self._named(Members)

    @explains_keywords
    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted names, a shared one once, under its first name."""
        return self._named(Parameter)

    @explains_keywords
    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """All buffers with their dotted names, a shared one once, under its first name."""
        return self._named(Buffer)

    @explains_keywords
    def parameters(self) -> list[Parameter]:
        """All parameters, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]


LARGEST = 512
_KINDS: dict[type, Any] = {}
"""What values of a type are to who looks for parameters: None of those that hold none.

A cache of functools takes five times as long to ask, and a subclass of dict twice.
"""


def _kind_of(kind: type) -> Any:
    """What values of a type are, which is not known yet."""
    if len(_KINDS) > LARGEST:
        _KINDS.clear()
    known: dict[Any, Any] = {
        Parameter: Parameter,
        Members: Members,
        MAPPINGS: dict,
        CONTAINERS: list,
    }
    _KINDS[kind] = next((known[each] for each in known if issubclass(kind, each)), None)
    return _KINDS[kind]


def same_name(module: Members, name: str, part: Any) -> ArgumentError:
    """The error of two parts that would have one name."""
    return ArgumentError(
        f"names of what is in {type(module).__name__}",
        f"two parts have the name {name!r}, one of them {type(part).__name__}",
        "Give keys and attributes that differ as text",
    )


def _is_generator_expression(value: Any) -> bool:
    return isinstance(value, GeneratorType) and value.gi_code.co_name == "<genexpr>"


def _is_record(value: Any) -> bool:
    return isinstance(value, SimpleNamespace) or hasattr(type(value), "__dataclass_fields__")


def _items(value: Any) -> list[Any]:
    """What is directly in a container that is not opened."""
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype.hasobject else []
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if _is_record(value):
        fields = getattr(type(value), "__dataclass_fields__", None)
        return [getattr(value, name, None) for name in (vars(value) if fields is None else fields)]
    return list(value)


def _require_no_parts(module: Members, name: str, values: Any) -> None:
    """Raise if a container that is not opened has modules or tensors in it, at any depth.

    A record may keep what was computed, and all may hold what the module does itself, too.
    """
    waiting, seen = [values], {id(values)}
    for value in waiting:
        parts = Members | Parameter if _is_record(value) else Members | Tensor
        items = _items(value)  # kept, as `opened` tells what it has seen by its id
        for _, item in opened(enumerate(items)):
            if isinstance(item, parts) and all(item is not own for _, own in module._members()):
                raise UnsupportedError(
                    f"{type(module).__name__}.{name} = a {type(values).__name__} with "
                    f"{type(item).__name__} in it",
                    "what is in it has no names to be trained and saved by",
                    "Keep it in a list or a dict",
                )
            if (isinstance(item, CLOSED) or _is_record(item)) and id(item) not in seen:
                seen.add(id(item))
                waiting.append(item)
