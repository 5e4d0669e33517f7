"""Keywords, attributes and names that are unknown here: errors that say what is written instead."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from autograd_lite.errors import MissingNameError, UnsupportedError, describe_one

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def by_name(here: Mapping[str, str]) -> dict[str, str]:
    """What is written here for each of the names elsewhere that stand behind it.

    >>> by_name({"axis": "dim dims", "learning_rate": "step_size lr", "every": "step_size"})
    {'dim': 'axis', 'dims': 'axis', 'step_size': 'learning_rate every', 'lr': 'learning_rate'}
    """
    found: dict[str, str] = {}
    for own, names in here.items():
        for name in names.split():
            found[name] = f"{found[name]} {own}" if name in found else own
    return found


_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "matmul": "@"}
_OPERATORS |= {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_OPERATORS |= {"subtract": "-", "multiply": "*", "divide": "/", "mm": "@", "bmm": "@", "mv": "@"}
_OF_ONE = (
    "arctan ceil cos cosh diag expm1 floor isfinite isinf isnan log10 log1p log2 median nan_to_num"
    " sign sin sinh sort sqrt square tan tril triu trunc"
)
_OF_TWO = "allclose arctan2 isclose kron logaddexp maximum minimum outer"
_OF_MORE = {
    **dict.fromkeys(_OF_TWO.split(), "x, y"),
    **dict.fromkeys(["argpartition", "partition"], "x, k"),
    **dict.fromkeys(["diff", "expand_dims", "flip", "ptp"], "x, axis=axis"),
    "choose": "indices, x",
    "moveaxis": "x, source, destination",
    "quantile": "x, q",
    "resize": "x, shape",
    "roll": "x, shift, axis",
    "stack": "[x, y]",
    "tile": "x, repeats",
    "where": "mask, x, y",
}
_OF_ARRAYS = (
    "base byteswap ctypes dump fill flags itemsize nbytes put setflags strides tobytes tofile"
)

ATTRIBUTES = {
    "_value": "x.data",
    "abs": "abs(x)",
    "add_": "x.data += y inside of no_grad(), or x = x + y",
    "assign": "x.data = y",
    "at": "np.where(mask, value, x)",
    "block_until_ready": "x alone: it is computed at once",
    "chunk": "np.array_split(x, parts, axis)",
    "clamp": "x.clip(low, high)",
    "clone": "x.copy()",
    "contiguous": "x alone: NumPy copies where it has to",
    "copy_": "x.data[...] = y",
    "cpu": "x alone: arrays are where NumPy has them, or CuPy",
    "cuda": "x alone: arrays are where NumPy has them, or CuPy",
    "data_ptr": "x.data.ctypes.data",
    "detach_": "x.detach()",
    "device": "x.data.device: arrays are where NumPy has them, or CuPy",
    "dim": "x.ndim",
    "double": "x.astype(np.float64)",
    "erf": "autograd_lite.erf(x)",
    "expand": "np.broadcast_to(x, shape)",
    "expand_as": "np.broadcast_to(x, y.shape)",
    "fill_": "x.data[...] = value",
    "flat": "x.reshape(-1)",
    "float": "x.astype(np.float32)",
    "gather": "np.take_along_axis(x, indices, axis)",
    "grad_fn": "x.operation",
    "gradient": "x.grad",
    "half": "x.astype(np.float16)",
    "index_select": "np.take(x, indices, axis)",
    "is_leaf": "x.operation is None",
    "label": "x.name",
    "logsumexp": "autograd_lite.logsumexp(x, axis)",
    "masked_fill": "np.where(mask, value, x)",
    "mul_": "x.data *= y inside of no_grad(), or x = x * y",
    "neg": "-x",
    "new_ones": "np.ones(shape)",
    "new_zeros": "np.zeros(shape)",
    "norm": "np.linalg.norm(x)",
    "normal_": "x.data[...] = rng.normal(size=x.shape)",
    "null_grad": "x.zero_grad()",
    "numel": "x.size",
    "permute": "x.transpose(axes)",
    "register_hook": "x.grad after backward()",
    "requires_grad_": "x.requires_grad = True",
    "retain_grad": "x.grad after backward(): it is kept for all",
    "split": "np.split(x, places, axis)",
    "sub_": "x.data -= y inside of no_grad(), or x = x - y",
    "t": "x.T",
    "to": "x.astype(dtype)",
    "topk": "np.sort(x, axis=axis)[..., -k:]",
    "type": "x.dtype",
    "type_as": "x.astype(y.dtype)",
    "unbind": "[*x]",
    "uniform_": "x.data[...] = rng.uniform(size=x.shape)",
    "unsqueeze": "np.expand_dims(x, axis)",
    "value": "x.data",
    "view": "x.reshape(shape)",
    "view_as": "x.reshape(y.shape)",
    "zero_": "x.data[...] = 0",
    **dict.fromkeys(["int", "long"], "x.data.astype(int)"),
    **{name: f"x {symbol} y" for name, symbol in _OPERATORS.items()},
    **{name: f"np.{name}(x)" for name in _OF_ONE.split()},
    **{name: f"np.{name}({given})" for name, given in _OF_MORE.items()},
    **{name: f"x.data.{name}" for name in _OF_ARRAYS.split()},
}
"""Attributes of other libraries' tensors, and of arrays, and what to write of a tensor x."""


def meant_by(name: str, known: Iterable[str]) -> str:
    """That of the known names of which it is a typing slip, or nothing.

    It has the same letters, or one is wrong, missing, too much or elsewhere; but not the first one,
    nor a digit, which tell functions apart, as they do PReLU and ReLU, Conv2d and Conv3d.

    >>> meant_by("MSLoss", ["MSELoss"]), meant_by("relu", ["ReLU"]), meant_by("Conv4d", ["Conv3d"])
    ('MSELoss', 'ReLU', '')
    """

    def is_slip(own: str) -> bool:
        if name.lower() == own.lower():
            return True
        told_apart = name[:1] != own[:1] or re.findall(r"\d", name) != re.findall(r"\d", own)
        if told_apart or min(len(name), len(own)) < 5:
            return False
        import difflib

        longest, ratio = max(len(name), len(own)), difflib.SequenceMatcher(None, name, own).ratio()
        return longest * (1 - ratio) < 1.01

    return next(filter(is_slip, known), "")


def missing_name(
    module: str, name: str, known: Iterable[str], elsewhere: Mapping[str, str], home: str = ""
) -> MissingNameError | ImportError:
    """The error for a name that a module does not have; elsewhere says what to write for some.

    The names that are known are those of `home`, by default the module itself.

    Of a missing attribute `from module import name` says nothing: that is told what to write by an
    ImportError.

    >>> print(missing_name("nn", "MSLoss", ["Dense", "MSELoss"], {}))
    nn.MSLoss: there is no such name. Write nn.MSELoss
    """
    if name in elsewhere:
        remedy = f"Write {elsewhere[name]}"
    elif meant := meant_by(name, known):
        remedy = f"Write {home or module}.{meant}"
    else:
        remedy = f"{home or module}.__all__ has what there is"
    error = MissingNameError(f"{module}.{name}", "there is no such name", remedy)
    return ImportError(str(error)) if _is_imported(module, name) else error


def _is_imported(module: str, name: str) -> bool:
    """Whether it is asked for by `from module import name`, and is no module to be imported."""
    frame: FrameType | None = sys._getframe()
    while frame and frame.f_code.co_name != "__getattr__":
        frame = frame.f_back
    asking = frame and frame.f_back
    if not asking or asking.f_code.co_name != "_handle_fromlist":
        return False
    from importlib.util import find_spec

    return find_spec(f"{module}.{name}") is None


def unknown_keyword(attempted: str, name: str, known: Iterable[str] = ()) -> UnsupportedError:
    """The error for a keyword that a function does not take; it may know which ones it does.

    >>> print(unknown_keyword("Adam(...)", "lr", ["parameters", "learning_rate"]))
    Adam(...): it takes no lr. It is called learning_rate here
    """
    from autograd_lite.elsewhere import KEYWORDS, NO_KEYWORD, OF_OPTIMIZERS

    known = list(known)
    meanings = KEYWORDS.get(name, "").split()
    here = next(filter(known.__contains__, meanings), meanings[0] if meanings else "")
    setting = OF_OPTIMIZERS.get(name) or OF_OPTIMIZERS.get(here)
    if name in NO_KEYWORD:
        remedy = NO_KEYWORD[name]
    elif setting and setting not in known and "optimizer" in known:
        remedy = f"Give it to the optimizer, as {setting}="
    elif here and (here in known or not known):
        remedy = f"It is called {here} here"
    elif meant := meant_by(name, known):
        remedy = f"Write {meant}="
    else:
        remedy = f"It takes {', '.join(known)}" if known else "Leave it out"
    return UnsupportedError(attempted, f"it takes no {name}", remedy)


NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
GIVEN = (inspect.Parameter.POSITIONAL_ONLY, *NAMED)


def explains_keywords(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The same function; arguments that it does not take, or lacks, are told in words.

    >>> @explains_keywords
    ... def total(x, axis=None): ...
    >>> total(1.0, dim=0)
    Traceback (most recent call last):
        ...
    autograd_lite.errors.UnsupportedError: total(..., dim=): it takes no dim. It is called axis here
    >>> total()
    Traceback (most recent call last):
        ...
    autograd_lite.errors.UnsupportedError: total(...): it lacks 'x'. Write total(x, ...)
    """

    @functools.wraps(function)
    def call(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
        try:
            if keywords:  # else they are an empty dictionary, which takes as long as a small call
                return function(*arguments, **keywords)
            return function(*arguments)  # type: ignore[call-arg] # it was given no others
        except TypeError as error:
            told = told_of_own_call(function, arguments, error)
            if told is None:
                raise
            raise told from None

    return call


def told_of_own_call(
    function: Callable[..., Any], arguments: tuple[Any, ...], error: TypeError
) -> UnsupportedError | None:
    """What is told where the caller catches an error of the call itself, and of nothing in it."""
    if error.__traceback__ is None or error.__traceback__.tb_next:
        return None
    owner, _, name = function.__qualname__.rpartition(".")
    if owner and arguments:  # maybe of a subclass, which has the name that users know
        kind = type(arguments[0]).__name__
        written = {"__init__": kind, "__call__": f"{kind}()"}
        name = written.get(name, f"{kind}.{name}")
    parameters = dict(inspect.signature(function).parameters)
    parameters.pop("self", None)
    made = arguments[1:] if function.__qualname__.endswith("__init__") else ()
    return told_of_call(name, parameters, str(error), made)


def told_of_call(
    name: str, parameters: Mapping[str, inspect.Parameter], said: str, made: Sequence[Any] = ()
) -> UnsupportedError | None:
    """What Python says of a call with other arguments than a function has.

    A class is maybe given what the object that is `made` is to be called with.
    """
    known = [own for own in parameters if parameters[own].kind in NAMED]
    if unknown := re.search(r"unexpected keyword argument '(\w+)'", said):
        attempted = f"{name}(..., {unknown[1]}=)"
        if unknown[1] in parameters:
            reason, remedy = "that is given without its name", f"Write {name}(*{unknown[1]})"
            return UnsupportedError(attempted, reason, remedy)
        return unknown_keyword(attempted, unknown[1], known)
    needed = [own for own, x in parameters.items() if x.kind in GIVEN and x.default is x.empty]
    by_name = [own for own in known if parameters[own].kind is inspect.Parameter.KEYWORD_ONLY]
    if lacking := re.search(r"missing (?:\d+|a) required [\w -]*arguments?: (.+)", said):
        several = {own: f"*{own}" for own, x in parameters.items() if x.kind is x.VAR_POSITIONAL}
        written = {own: f"{own}=..." if own in by_name else own for own in needed} | several
        shown = [written[own] for own in parameters if own in written]
        remedy = f"Write {name}({', '.join(shown + ['...'] * (len(known) > len(needed)))})"
        return UnsupportedError(f"{name}(...)", f"it lacks {lacking[1]}", remedy)
    if twice := re.search(r"multiple values for argument '(\w+)'", said):
        reason = f"{twice[1]!r} is given twice, by its place and by its name"
        return UnsupportedError(f"{name}(...)", reason, "Give it once")
    if re.search(r"takes .*positional arguments? but|too many positional arguments", said):
        positional = [own for own in known if own not in by_name]
        reason = f"it takes {', '.join(positional) or 'nothing'} by position, and was given more"
        remedy = f"Give the others by name, as in {by_name[0]}=..." if by_name else "Leave them out"
        if known == ["f"]:
            remedy = f"Give them to what it returns: {name}(f)(...)"
        elif any(hasattr(x, "shape") for x in made):
            remedy = f"Give arrays to what it makes: {name}(...)(x)"
        elif name.islower() and any(map(callable, made)):
            remedy = f"Write @{name}() above the function"
        return UnsupportedError(f"{name}(...)", reason, remedy)
    return None


def parameters_of(function: Callable[..., Any]) -> list[str]:
    """The names of its parameters; none where it is written in C, and without a signature."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


class Elsewhere:
    """An attribute that objects of other libraries have: reading it says what to write.

    `hasattr` is False of it. A `__getattr__` for all names would make each attribute slower.

    >>> from autograd_lite import Tensor
    >>> Tensor([1.0], name="x").unsqueeze(0)
    Traceback (most recent call last):
        ...
    autograd_lite.errors.MissingNameError: 'x' (1,).unsqueeze: a tensor has no such attribute. \
Write np.expand_dims(x, axis)
    """

    def __init__(self, name: str, here: str, kind: str = "a tensor") -> None:
        self.name, self.here, self.kind = name, here, kind

    def __get__(self, instance: object, owner: type) -> Any:
        of = owner if instance is None else instance
        shown = describe_one(of) if self.kind == "a tensor" else owner.__name__
        raise MissingNameError(
            f"{shown}.{self.name}", f"{self.kind} has no such attribute", f"Write {self.here}"
        )


def tell_of(owner: type, elsewhere: Mapping[str, str], kind: str = "a tensor") -> None:
    """Give a class attributes of other libraries that say what to write, which `dir` leaves out."""
    for name, here in elsewhere.items():
        setattr(owner, name, Elsewhere(name, here, kind))
    listed: Any = owner.__dir__

    def known(self: Any) -> list[str]:
        names, found = listed(self), inspect.getattr_static
        return [name for name in names if not isinstance(found(self, name, None), Elsewhere)]

    setattr(owner, "__dir__", known)  # noqa: B010 - checkers know of no such attribute of a type
