"""Classes that declare what they are given: fields, each with its range and its default."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature, signature
from typing import Any, ClassVar, Generic, Self, TypeVar, dataclass_transform, overload

import numpy as np

from autograd_lite.arguments import Range, require

Read = TypeVar("Read")
Given = TypeVar("Given")


class Field(Generic[Read, Given]):
    """A field of a `Declared` class: as an attribute of an instance, its value."""

    def __init__(self, allowed: Range | None, default: Any, kw_only: bool) -> None:
        self.allowed = allowed
        self.default = default
        self.kw_only = kw_only

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Declared, owner: type) -> Read: ...
    def __get__(self, instance: Declared | None, owner: type) -> Self | Read:
        return self if instance is None else instance._value(self.name)

    def __set__(self, instance: Declared, value: Given) -> None:
        instance._assign(self.name, value)


def declared(
    allowed: Range | None = None, *, default: Any = Parameter.empty, kw_only: bool = False
) -> Any:
    """A field, in the body of a `Declared` class.

    Args:
        allowed: what it may be; None where the class itself says, in `_checked`.
        default: its value where none is given; without one it has to be.
        kw_only: whether it is given by name only.
    """
    return Field(allowed, default, kw_only)


@dataclass_transform(field_specifiers=(declared,))
class Declared:
    """Base of classes whose constructor takes their fields, in the order of declaration.

    As with dataclasses a subclass adds fields, and may give those that it inherits another
    default. Values are checked by name, also those that are assigned later.

    >>> from autograd_lite.arguments import COUNT, POSITIVE
    >>> class Decay(Declared):
    ...     every: int = declared(COUNT)
    ...     factor: float = declared(POSITIVE, default=0.5)
    >>> Decay(10)
    Decay(every=10, factor=0.5)
    >>> Decay(10).factor = 0
    Traceback (most recent call last):
        ...
    autograd_lite.errors.ArgumentError: Decay with factor=0: out of range. Give a number above 0
    """

    fields: ClassVar[dict[str, Field[Any, Any]]] = {}
    _signature: ClassVar[Signature]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.fields = cls.fields | own
        parameters = [
            Parameter(
                name,
                Parameter.KEYWORD_ONLY if field.kw_only else Parameter.POSITIONAL_OR_KEYWORD,
                default=field.default,
            )
            for name, field in cls.fields.items()
        ]
        cls._signature = Signature(sorted(parameters, key=lambda parameter: parameter.kind))
        own_signature = cls._signature
        if cls.__init__ is not Declared.__init__:
            own_signature = signature(cls.__init__.__get__(cls))
        cls.__signature__ = own_signature  # type: ignore[attr-defined]

    def __init__(self, *given: Any, **named: Any) -> None:
        try:
            bound = self._signature.bind(*given, **named)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        bound.apply_defaults()
        self._begin(bound.arguments)

    def _begin(self, values: Mapping[str, Any]) -> None:
        """Take what the constructor was given."""
        vars(self).update(self._checked(values))

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values by name, numbers as Python's; an ArgumentError where one is out of its range."""
        for name, value in values.items():
            allowed = self.fields[name].allowed
            if allowed is not None:
                require(self, name, value, allowed)
        items = values.items()
        return {name: v.item() if isinstance(v, np.generic) else v for name, v in items}

    def _value(self, name: str) -> Any:
        try:
            return vars(self)[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no {name} yet") from None

    def _assign(self, name: str, value: Any) -> None:
        values = {field: vars(self)[field] for field in self.fields}
        vars(self).update(self._checked({**values, name: value}))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={self._value(name)!r}" for name in self.fields)
        return f"{type(self).__name__}({values})"
