"""What a compiled function does in most calls, as functions that are written for it.

A small program takes less time than to look whether it may be run. So all of this is one function,
which calls few others.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd_lite.modes import nothing_unusual
from autograd_lite.node import Array, Node
from autograd_lite.program import backends
from autograd_lite.program.recordings import form
from autograd_lite.trees import leaves_of, rebuilt

Names = dict[str, Any]
"""What a text reads, by name."""
COPIED = 2**14
"""Bytes of arrays up to which they are copied to where a program reads them, in each run."""
TEXT = """
def run({arrays}):
    {body}
def call(given):
    try:
        [{arrays}] = given
        if not ({looks}): return None
        del free[0]
    except Exception: return None  # what is done next says better
    try:
        {body_within}
    finally: free.append(None)
"""


def named(names: Names, value: Any) -> str:
    """The name of a value in a text, among whose names it is put."""
    name = f"x{len(names)}"
    names[name] = value
    return name


def bound_to(
    runner: backends.Runner, given: Sequence[Array], constants: Sequence[Array]
) -> Callable[..., list[Any]]:
    """A runner as a function of what is given; it copies that where this takes little time."""
    arrays, places = [*given, *constants], range(len(given))
    if sum(array.nbytes for array in given) <= COPIED:
        return runner.bound(arrays, places)
    return backends.Runner.bound(runner, arrays, places)


def written(
    program: Callable[..., list[Any]],
    arrays: Sequence[Array],
    used: Sequence[int],
    tensors: Sequence[tuple[Node, Array]],
    result: Any,
    are_unchanged: Callable[[], bool],
    free: list[None],
) -> tuple[Callable[..., Any], Callable[[Any], Any]]:
    """What runs a program on arrays, and what does so with a call's arguments, if they are such.

    Both give what has the structure of the result; None where this has to be recorded again, or
    where the arguments are others. The second gives None as well where the program is being run.

    Args:
        program: a function of the used ones of the arrays and of the tensors' arrays.
        arrays: those that it was made for.
        used: the places of those that it reads.
        tensors: what it reads from outside, and the arrays that these had.
        result: what it returned; what are no arrays there is returned as it is.
        are_unchanged: tells whether all else is as it was.
        free: has an entry unless the program is being run.
    """
    names: Names = {"are_unchanged": are_unchanged, "free": free, "form": form, "rebuilt": rebuilt}
    names |= {"ndarray": np.ndarray, "asarray": np.asarray}
    given = [f"a{place}" for place in range(len(arrays))]
    looks = [nothing_unusual(names)]
    for name, array in zip(given, arrays):
        looks.append(f"type({name}) is ndarray and {name}.shape == {array.shape}")
        looks.append(f"{name}.strides == {array.strides}")
        looks.append(f"{name}.dtype == {named(names, array.dtype)}")
    body, read = ["if not are_unchanged(): return None"], [given[place] for place in used]
    for node, array in tensors:
        now, tensor, before = f"t{len(read)}", named(names, node), named(names, array)
        body.append(f"{now} = {tensor}._array")
        body.append(f"if {now} is not {before} and form({now}) != form({before}): return None")
        body.append(f"if {tensor}._requires_grad and recording(): return None")
        read.append(now)
    body += _ran(names, program, read, result)
    text = TEXT.format(
        arrays=", ".join(given),
        looks=" and ".join(looks),
        body="\n    ".join(body),
        body_within="\n        ".join(body),
    )
    exec(text, names)
    return names["run"], names["call"]


def _ran(names: Names, program: Any, read: Sequence[str], result: Any) -> list[str]:
    """The lines that run a program and return what it gives, in the structure of a result."""
    arrays = [*filter(_is_array, leaves_of(result))]
    if hasattr(program, "call"):  # it is one call of C
        function, *addresses = program.call
        names["program"] = program  # which has the memory
        # Without types of its arguments it takes pointers as they are, in two thirds of the time.
        names["compute"] = ctypes.cast(function, ctypes.CFUNCTYPE(ctypes.c_int))
        pointers = [ctypes.byref(ctypes.c_char.from_address(x)) for x in addresses]
        lines = [f"{named(names, x)}[...] = {name}" for x, name in zip(program.places, read)]
        lines.append(f"if compute({', '.join(named(names, x) for x in pointers)}): return None")
        found = [f"{named(names, each)}()" for each in program.results]
    else:
        names["program"] = program
        found = [f"r{i}" for i, _ in enumerate(arrays)]
        lines = ["try:", f"    [{', '.join(found)}] = program({', '.join(read)})"]
        lines.append("except Exception: return None  # what the function itself says better")
        # What NumPy gives for one entry is in some functions a number, in others an array.
        number = "({0}[()] if type({0}) is ndarray else {0})"  # whose index takes long
        kinds = [number if isinstance(array, np.generic) else "{}" for array in arrays]
        found = [kind.format(name) for kind, name in zip(kinds, found)]
    for place, array in enumerate(arrays):
        if isinstance(array, np.ndarray) and not array.ndim:
            found[place] = f"asarray({found[place]}, {named(names, array.dtype)})"
    return [*lines, f"return {_shown(names, result, iter(found))}"]


def _shown(names: Names, value: Any, found: Iterator[str]) -> str:
    """The text of a value that has others in place of its arrays."""
    if type(value) is tuple:
        return f"({''.join(f'{_shown(names, part, found)}, ' for part in value)})"
    if _is_array(value):
        return next(found)
    leaves = [next(found) if _is_array(x) else named(names, x) for x in leaves_of(value)]
    return f"rebuilt({named(names, value)}, [{', '.join(leaves)}])"


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic)
