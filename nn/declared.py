"""Classes that declare what they are given: fields, each with its range and its default."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Iterable, Mapping
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, dataclass_transform

import numpy as np

from autograd_lite.arguments import Range, require
from autograd_lite.errors import MissingNameError, describe_one
from autograd_lite.names import Elsewhere, explains_keywords, told_of_call, unknown_keyword

PACKAGES = ("autograd_lite", "nn", "viz")


class Closed:
    """Base of optimizers, schedules, losses and callbacks.

    An attribute that the classes here do not have would be read by nothing, so assigning it, with
    another library's name or a misspelled one, is refused. Classes of one's own may have any, a
    bare `Callback`, whose hooks may be assigned, too, and so may each name with an underscore.

    Python looks for Ctrl-C where this is called: what has to be assigned at once, with something
    else, is assigned by `object.__setattr__`, or to `__dict__`.
    """

    if not TYPE_CHECKING:  # or type checkers, which refuse them, too, would take any name

        def __setattr__(self, name: str, value: Any) -> None:
            is_known = name in self.__dict__ or hasattr(type(self), name)
            if not is_known and not name.startswith("_"):
                kind, assigning = type(self), sys._getframe(1).f_globals.get("__name__", "")
                is_closed = _is_ours(kind.__module__) and Closed not in kind.__bases__
                # What the library itself assigns is an attribute from then on.
                if is_closed and not _is_ours(assigning):
                    raise unknown_attribute(self, name, value)
            super().__setattr__(name, value)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


def unknown_attribute(owner: Any, name: str, value: Any) -> MissingNameError:
    """The error for an attribute that nothing reads, with the one that may be meant."""
    import difflib

    from autograd_lite.elsewhere import KEYWORDS

    kind, elsewhere = type(owner), inspect.getattr_static(type(owner), name, None)
    fields = (field for field in getattr(kind, "_fields", ()) if hasattr(owner, field))
    own_names = getattr(owner, "__slots__", None) or vars(owner)
    known = [own for own in dict.fromkeys([*fields, *own_names]) if not own.startswith("_")]
    similar = [*KEYWORDS.get(name, "").split(), *difflib.get_close_matches(name, known, 1)]
    here = next((each for each in similar if each in known), None)
    remedy = f"Write {kind.__name__}.{here}" if here else f"It has {', '.join(known) or 'none'}"
    if isinstance(elsewhere, Elsewhere):
        remedy = f"Write {elsewhere.here}"
    attempted = f"{kind.__name__}.{name} = {describe_one(value)}"
    return MissingNameError(
        attempted, "it has no such attribute, and nothing would read it", remedy
    )


Read = TypeVar("Read", covariant=True)
Given = TypeVar("Given", contravariant=True)


Kind = TypeVar("Kind", bound="Declared")


class Field(Generic[Read, Given]):
    """A field of a `Declared` class; for type checkers, what it is given and what is read."""

    def __init__(
        self, allowed: Range | None, default: Any, kw_only: bool, size: bool, alias: str | None
    ) -> None:
        self.allowed = allowed
        self.default = default
        self.kind = Parameter.KEYWORD_ONLY if kw_only else Parameter.POSITIONAL_OR_KEYWORD
        self.size = size
        self.alias = alias

    def __set_name__(self, owner: type, name: str) -> None:
        if not issubclass(owner, Declared):
            raise TypeError(
                f"class {owner.__name__} with {name} = declared(...): the class does not take what "
                f"it declares. Write class {owner.__name__}(Declared), or derive it from "
                "nn.Module, nn.Optimizer or nn.Schedule"
            )
        self.name = name
        given = vars(owner).get("__annotations__", {}).get(name, Parameter.empty)
        is_read_otherwise = isinstance(given, str) and given.startswith("Field[")
        self.annotation = Parameter.empty if is_read_otherwise else given

    def parameter(self) -> Parameter:
        """That of the constructor."""
        name = self.alias or self.name
        return Parameter(name, self.kind, default=self.default, annotation=self.annotation)

    if TYPE_CHECKING:  # Without it an instance's own attribute is read, as fast as any.

        def __get__(self, instance: object, owner: type) -> Read: ...

    def __set__(self, instance: Declared, value: Given) -> None:
        instance._assign(self.name, value)


def declared(
    allowed: Range | None = None,
    *,
    default: Any = Parameter.empty,
    kw_only: bool = False,
    size: bool = False,
    alias: str | None = None,
) -> Any:
    """A field, in the body of a `Declared` class.

    Args:
        allowed: what it may be; None where the class itself says, in `_require_consistent`.
        default: its value where none is given; without one it has to be.
        kw_only: whether it is given by name only.
        size: whether a layer has a tensor with at least as many entries as the product of all its
            sizes, where a flag is 0 or 1, so that a file without as many cannot hold the layer.
        alias: its name in the constructor, where no attribute keeps it and `_set_up` is given it.
    """
    return Field(allowed, default, kw_only, size, alias)


@dataclass_transform(field_specifiers=(declared,))
class Declared(Closed):
    """Base of classes that declare fields, which their constructor takes in that order.

    As with dataclasses a subclass adds fields, may declare those that it inherits again, may make
    in `_set_up` what follows from them, and may write its `__init__` itself; its own subclasses
    then write one, too, if they add fields. What was given by name only and is declared again
    without that comes where that is. Values are checked whenever they are assigned.

    Type checkers take a subclass for one whose constructor takes the fields: one that inherits a
    constructor that is written out says so, `class Second(First, init=False)`.

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

    What no attribute keeps is a field with an alias:

    >>> class Steps(Declared):
    ...     count: int = declared(COUNT)
    ...     _length: float = declared(POSITIVE, default=0.5, alias="length")
    ...     def _set_up(self, length):
    ...         self.ends = [length * step for step in range(1, self.count + 1)]
    >>> Steps(2, length=3.0), Steps(2, length=3.0).ends
    (Steps(count=2), [3.0, 6.0])
    """

    _fields: ClassVar[dict[str, Field[Any, Any]]] = {}
    """By their names in the constructor."""
    _own_fields: ClassVar[dict[str, Field[Any, Any]]] = {}
    _kept_fields: ClassVar[list[str]] = []
    """Those that are attributes."""
    _signature: ClassVar[Signature] = Signature()
    """That of the nearest constructor which is not written out."""
    _added_fields: ClassVar[dict[str, Any]] = {}
    """Defaults of fields that it lacks, of a class with one that is written out and calls it."""

    def __init_subclass__(cls, *, init: bool = True) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            cls.__init__ = explains_keywords(cls.__init__)  # type: ignore[method-assign] # one for each class
        own = [value for value in vars(cls).values() if isinstance(value, Field)]
        cls._own_fields = {field.alias or field.name: field for field in own}
        cls._fields = {}
        for base in reversed(cls.__mro__):
            for name, field in vars(base).get("_own_fields", {}).items():
                if name in cls._fields and cls._fields[name].kind is not field.kind:
                    del cls._fields[name]
                cls._fields[name] = field
        cls._kept_fields = [name for name, field in cls._fields.items() if not field.alias]
        for field in own:
            if field.alias:
                delattr(cls, field.name)
            else:
                cls._declare(field.name)
        if cls._fields:
            cls._set_signature()
        taken = cls._signature.parameters
        cls._added_fields = {n: field.default for n, field in cls._fields.items() if n not in taken}

    @classmethod
    def _set_signature(cls) -> None:
        """Have the constructor take the fields, unless there is one that is written out."""
        if cls.__init__ is object.__init__:
            cls.__init__ = Declared._take  # type: ignore[method-assign, assignment] # one for each class
        if cls.__init__ is Declared._take:
            parameters = [field.parameter() for field in cls._fields.values()]
            try:
                shown = cls._signature = Signature(sorted(parameters, key=lambda each: each.kind))
            except ValueError as error:
                raise TypeError(
                    f"class {cls.__name__}: {error}. Give it a default, or have it given by name: "
                    "declared(..., kw_only=True)"
                ) from None
        else:
            shown = signature(cls.__init__.__get__(cls))
        lost = cls._own_fields.keys() - shown.parameters.keys()
        if "__init__" not in vars(cls) and lost:
            raise TypeError(
                f"class {cls.__name__} with {min(lost)} = declared(...): it inherits the "
                f"constructor {cls.__init__.__qualname__}, which does not take {min(lost)}. "
                f"Write {cls.__name__}.__init__, and assign self.{min(lost)} there"
            )
        cls.__signature__ = shown  # type: ignore[attr-defined] # which `inspect.signature` reads

    def _take(self, *given: Any, **named: Any) -> None:
        """The constructor of all that declare their fields: bind, or say in words what is wrong."""
        parameters = self._signature.parameters
        added = {name: named.pop(name, default) for name, default in self._added_fields.items()}
        for name in named:
            if name not in parameters:  # before one that is missing
                raise unknown_keyword(f"{type(self).__name__}(..., {name}=)", name, parameters)
        try:
            bound = self._signature.bind(*given, **named)
        except TypeError as error:
            said = str(error)
            if said.startswith("missing"):  # which names the first one only
                behind = [*parameters.values()][len(given) :]
                needed = [each.name for each in behind if each.default is each.empty]
                lacking = [repr(name) for name in needed if name not in named]
                said = f"missing a required argument: {' and '.join(lacking)}"
            raise told_of_call(type(self).__name__, parameters, said, given) or error from None
        bound.apply_defaults()
        others = {name: value for name, value in added.items() if value is not Parameter.empty}
        self._begin({**bound.arguments, **others})

    @classmethod
    def _least_entries(cls, given: Mapping[str, Any]) -> float:
        """The product of sizes that a file gives, also in tuples; 0 where one is no number."""
        sizes = [given[name] for name, field in cls._fields.items() if field.size]
        return product(sizes) if sizes else 0.0

    @classmethod
    def _declare(cls, name: str) -> None:
        """What becomes of a field of the class: by default an attribute that is checked."""

    def _begin(self, values: dict[str, Any]) -> None:
        """Take what the constructor was given."""
        given = {name: values.pop(name) for name in [*values] if self._fields[name].alias}
        vars(self).update(self._checked(values))
        self._set_up(**self._in_range(given))

    def _set_up(self, *given: Any, **named: Any) -> None:
        """Make what follows from the fields, which are assigned, and from those with an alias."""

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of all attributes by name, as they are kept."""
        checked = self._in_range(values)
        self._require_consistent(checked)
        return checked

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        """Raise an error where values, each of which is in its range, do not go together."""

    def _in_range(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values by name, numbers as Python's; an ArgumentError where one is out of its range."""
        for name, value in values.items():
            allowed = self._fields[name].allowed
            if allowed is not None:
                require(self, name, value, allowed)
        return {name: _as_python(value) for name, value in values.items()}

    def _assign(self, name: str, value: Any) -> None:
        own = vars(self)
        values = {**{each: own[each] for each in self._kept_fields if each in own}, name: value}
        # Until a constructor that is written out has assigned all, each is checked by itself.
        are_all = len(values) == len(self._kept_fields)
        own.update(self._checked(values) if are_all else self._in_range(values))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._kept_fields)
        return f"{type(self).__name__}({values})"


def product(sizes: Iterable[Any]) -> float:
    """That of whole numbers and flags, also in tuples and lists; 0 where something else is there.

    >>> product([2, (3, 4), True]), product([2, "many"])
    (24.0, 0.0)
    """
    numbers = [n for size in sizes for n in (size if isinstance(size, tuple | list) else [size])]
    return math.prod(map(float, numbers)) if all(isinstance(n, int) for n in numbers) else 0.0


def without_options(cls: type[Kind]) -> type[Kind]:
    """Have a class that declares nothing, and takes nothing, explain keywords as others do."""
    cls._signature = Signature()
    cls.__signature__ = cls._signature  # type: ignore[attr-defined] # which `inspect.signature` reads
    cls.__init__ = Declared._take  # type: ignore[method-assign, assignment] # one for each class
    return cls


def _as_python(value: Any) -> Any:
    """NumPy's numbers as Python's, also within tuples and lists."""
    if type(value) in (tuple, list):
        return type(value)(map(_as_python, value))
    return value.item() if isinstance(value, np.generic) else value
