"""What callers may give: numbers in their ranges, names, arrays; and the errors for the rest."""

from __future__ import annotations

import inspect
import math
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from autograd_lite.errors import ArgumentError, AutogradError, UnsupportedError, describe_one
from autograd_lite.foreign import admit, comes_by_number, framework_of, is_on_card
from autograd_lite.names import meant_by

if TYPE_CHECKING:
    from autograd_lite.typing import Array


Function = TypeVar("Function", bound=Callable[..., Any])


class Range(NamedTuple):
    """What a hyper-parameter may be: a test, its wording for errors, and names, if it has some."""

    holds: Callable[[Any], bool]
    wanted: str
    names: tuple[str, ...] = ()


def is_number(value: Any) -> bool:
    """Whether it is a finite real number, and no boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # of a whole number beyond those of float64
        return False


def is_whole(value: Any) -> bool:
    """Whether it is a whole number by its type, and no boolean."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_floating(dtype: Any) -> bool:
    try:
        kind: str = np.dtype(dtype).kind
    except (TypeError, ValueError):
        return False
    return kind == "f"


def _are_counts(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(map(COUNT.holds, value))


NUMBER = Range(is_number, "a finite number")
NOT_NEGATIVE = Range(lambda x: is_number(x) and x >= 0, "a number, 0 or more")
POSITIVE = Range(lambda x: is_number(x) and x > 0, "a number above 0")
FRACTION = Range(lambda x: is_number(x) and 0 <= x < 1, "a number from 0 to below 1")
SHARE = Range(lambda x: is_number(x) and 0 <= x <= 1, "a number from 0 to 1")
FRACTIONS = Range(
    lambda x: isinstance(x, tuple | list) and len(x) == 2 and all(map(FRACTION.holds, x)),
    "a pair of numbers from 0 to below 1",
)
INTEGER = Range(lambda x: is_whole(x) and abs(int(x)) <= sys.maxsize, "a whole number")
WHOLE = Range(lambda x: INTEGER.holds(x) and bool(x >= 0), "a whole number, 0 or more")
COUNT = Range(lambda x: INTEGER.holds(x) and bool(x >= 1), "a whole number, 1 or more")
SEED = Range(lambda x: is_whole(x) and bool(x >= 0), "a whole number, 0 or more")
COUNTS = Range(_are_counts, "whole numbers, 1 or more")
FLAG = Range(lambda x: isinstance(x, bool | np.bool_), "True or False")
TEXT = Range(lambda x: isinstance(x, str), "text")
FLOATING = Range(_is_floating, "a dtype of floats, such as numpy.float32")


def one_of(*names: str) -> Range:
    """The range that consists of some names."""
    wanted = " or ".join(map(repr, names))
    return Range(lambda x: isinstance(x, str) and x in names, wanted, names)


def optional(allowed: Range) -> Range:
    """The range with None."""
    holds = allowed.holds
    return Range(lambda x: x is None or holds(x), f"{allowed.wanted}, or None", allowed.names)


def require(owner: object, name: str, value: Any, allowed: Range) -> None:
    """Raise an ArgumentError unless the value is in its range.

    The error names the owner: what the text says, or else the class of the object.
    """
    if not allowed.holds(value):
        named = owner if isinstance(owner, str) else type(owner).__name__
        attempted = f"{named} with {name}={describe_one(value)}"
        if isinstance(value, str) and (meant := meant_by(value, allowed.names)):
            reason, remedy = "there is none of that name", f"Write {name}={meant!r}"
            raise ArgumentError(attempted, reason, remedy)
        raise ArgumentError(attempted, _why_not(value, allowed), f"Give {allowed.wanted}")


def _why_not(value: Any, allowed: Range) -> str:
    """Why a value is not in a range, where it may be of another type than those that are."""
    if isinstance(value, str) and allowed.names:
        return "there is none of that name"
    if "number" not in allowed.wanted or isinstance(value, tuple | list):
        return "out of range"
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return "that is no number"
    if isinstance(value, float) and value.is_integer() and allowed.holds(int(value)):
        return "that is a float, and no whole number"
    return "out of range"


def require_flag(owner: object, name: str, value: Any) -> bool:
    """The flag as Python's; an ArgumentError unless it is one: the text "False" is true.

    >>> require_flag("Dense", "bias", np.bool_(False))
    False
    """
    if value is not True and value is not False:
        require(owner, name, value, FLAG)
    return bool(value)


def as_array(values: Any, attempted: str) -> Array:
    """An array of numbers, lists, another library's array, or a tensor that requires no grad.

    One on a graphics card stays there.

    >>> as_array([1.0, 2.0], "predict")
    array([1., 2.])
    """
    try:
        admitted = admit(values, attempted)
        if type(admitted) is not np.ndarray and comes_by_number(admitted):
            admitted = [admitted[number] for number in range(len(admitted))]
        return admitted if is_on_card(admitted) else np.asarray(admitted)
    except AutogradError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise UnsupportedError(
            f"{attempted} {describe_one(values)}",
            "it is no array, and no lists of one length",
            "Give a NumPy array, or nested lists of one shape",
        ) from error


def require_real(array: Any, attempted: str) -> None:
    """Raise an UnsupportedError unless an array is of real numbers."""
    if array.dtype.kind not in "fiub":
        raise UnsupportedError(
            f"{attempted} {describe_one(array)}",
            f"its dtype {array.dtype} is none of real numbers",
            "Encode it as numbers; labels as numpy.unique(labels, return_inverse=True)[1]",
        )


def require_function(f: Any, attempted: str, remedy: str) -> None:
    """Raise an UnsupportedError unless it can be called."""
    if not callable(f):
        raise UnsupportedError(f"{attempted} {describe_one(f)}", "it is no function", remedy)


def require_takes(f: Any, count: int, attempted: str, remedy: str) -> None:
    """Raise an UnsupportedError unless it is a function that takes so many arguments.

    >>> require_takes(lambda x: x, 2, "fit with a step", "Write def step(training, batch)")
    Traceback (most recent call last):
        ...
    autograd_lite.errors.UnsupportedError: fit with a step: it is called with 2 arguments, and it \
has too many positional arguments. Write def step(training, batch)
    """
    if not callable(f):
        raise UnsupportedError(attempted, "it is no function", remedy)
    # What has one as an attribute of its class says there how it is made, not how it is called.
    called = type(f).__call__.__get__(f) if hasattr(type(f), "__signature__") else f
    try:
        inspect.signature(called).bind(*range(count))
    except ValueError:  # it has none, being written in C
        return
    except TypeError as error:
        plural = "argument" if count == 1 else "arguments"
        reason = f"it is called with {count} {plural}, and it has {error}"
        raise UnsupportedError(attempted, reason, remedy) from error


def function_named(
    argument: str, given: str | Function, known: Mapping[str, Function], others: str
) -> Function:
    """The function of that name among those known, or the function that is given itself.

    Raises:
        ArgumentError: there is none with that name, or it is a class.
        UnsupportedError: it is another framework's.

    >>> function_named("activation", "tanh", {"tanh": np.tanh}, "a function") is np.tanh
    True
    """
    remedy = f"Give one of {', '.join(known)}, or {others}" if known else f"Give {others}"
    if callable(given) and not isinstance(given, type):
        if framework := framework_of(given):
            reason = f"it is of {framework}, and computes with that library's tensors alone"
            raise UnsupportedError(f"{argument}={describe_one(given)}", reason, remedy)
        return given
    if isinstance(given, str) and given in known:
        return known[given]
    from autograd_lite.elsewhere import CHOICES

    reason = f"there is no {argument} of that name"
    if isinstance(given, str) and (meant := meant_by(given, known)):
        remedy = f"Write {argument}={meant!r}"
    elif isinstance(given, str) and given.lower() in CHOICES:
        remedy = f"Write {argument}={CHOICES[given.lower()]}"
    if isinstance(given, type):
        reason, remedy = "it is no function, but a class", f"Write {argument}={given.__name__}()"
    raise ArgumentError(f"{argument}={describe_one(given)}", reason, remedy)


def require_path(path: Any, attempted: str) -> None:
    """Raise an error unless it can be the name of a file.

    Raises:
        UnsupportedError: it is neither text nor a path of text.
        ArgumentError: no file can have that name: it is empty, or a character is impossible.
    """
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(name, str):
        raise UnsupportedError(
            f"{attempted} {describe_one(path)}",
            "it is no name of a file",
            'Give text, or a pathlib.Path: "model.safetensors"',
        )
    reason = "" if name else "it is empty"
    if "\0" in name:
        reason = "there is a null character in it"
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        reason = f"file names cannot hold the character {name[error.start]!r}"
    if reason:
        raise ArgumentError(
            f"{attempted} {name!r}", reason, 'Give a name such as "model.safetensors"'
        )


def generator(rng: Any, attempted: str) -> np.random.Generator:
    """The generator itself, or one that is made from a seed, or from None.

    >>> generator(0, "Dropout").random() == generator(0, "Dense").random()
    True
    """
    try:
        if FLAG.holds(rng):
            raise TypeError("a flag is no seed")
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"{attempted} with rng={describe_one(rng)}",
            "it is no generator, and no seed for one",
            "Give numpy.random.default_rng(0), or 0",
        ) from error


def decision_threshold(owner: str, scores: Any, threshold: float | None, loss: Any) -> float:
    """The threshold that is given, or that of a loss, or 0.5 for what can be probabilities.

    Raises:
        ArgumentError: both are given, the threshold is no number, or the loss has none; or neither
            is given and scores lie beyond 0 and 1.

    >>> decision_threshold("accuracy", np.array([0.1, 0.7]), None, None)
    0.5
    """
    known = threshold_of(owner, threshold, loss)
    if known is not None:
        return known
    finite = scores[np.isfinite(scores)]
    if finite.size and not (finite.min() >= 0 and finite.max() <= 1):
        raise ArgumentError(
            f"{owner} of scores {describe_one(scores)} without a threshold",
            f"they range from {finite.min():.4g} to {finite.max():.4g}, and are no probabilities",
            "Give the loss that the model was trained with, loss=nn.BCEWithLogitsLoss(), or "
            "threshold=0 for logits, and threshold=0.5 after a squared error",
        )
    return 0.5


def threshold_of(owner: str, threshold: float | None, loss: Any) -> float | None:
    """The threshold that is given, or that of a loss; None if neither is given.

    Raises:
        ArgumentError: both are given, the threshold is no number, or the loss has none.
    """
    if threshold is not None:
        require(owner, "threshold", threshold, NUMBER)
        if loss is None:
            return threshold
        raise ArgumentError(
            f"{owner} with threshold={threshold} and loss={describe_one(loss)}",
            "the loss has a threshold, too",
            "Give one of them",
        )
    if loss is None:
        return None
    known: Any = getattr(loss, "threshold", None)
    if NUMBER.holds(known):
        return float(known)
    raise ArgumentError(
        f"{owner} with loss={describe_one(loss)}",
        "it does not say what predictions are",
        "Give a loss of nn, such as nn.BCEWithLogitsLoss(), or a threshold",
    )
