"""A program in C as it is run: on arrays that it takes as they are, or copies."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from operator import call, is_, itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.program import backends
from autograd_lite.program.backends import Call, Missed
from autograd_lite.program.c_arrays import Array, Host, Kept
from autograd_lite.program.c_steps import StepInC
from autograd_lite.program.memory import memory_of
from autograd_lite.program.program import mapped
from autograd_lite.trees import leaves_of

if TYPE_CHECKING:
    from autograd_lite.program.c_backend import Plan


def _in_own_memory(value: Any) -> Any:
    """The value, or a copy of an array that may be a view of what is used again."""
    is_view = isinstance(value, np.ndarray) and value.base is not None
    return value.copy() if is_view else value


class Runner(backends.Runner):
    """A function of the arrays of the inputs, in their order, which returns a list of arrays."""

    def __init__(self, plan: Plan, compiled: ctypes.CDLL, name: str) -> None:
        self.source = ""
        self._plan = plan
        self._memory = memory_of(plan.size)
        for buffer in plan.constants:
            shown = self._memory[buffer.offset : buffer.offset + buffer.size]
            shown[...] = np.ascontiguousarray(buffer.constant).reshape(-1).view(np.uint8)
        self._objects = [(i, x) for i, x in enumerate(plan.inputs) if isinstance(x, Kept)]
        self._release()
        self._given: dict[int, Any] = {}
        self._pointers = (ctypes.c_void_p * max(1, len(plan.inputs)))()
        self.at = self._memory.ctypes.data, ctypes.addressof(self._pointers)
        self._hosts = [group[0] for group in plan.groups if isinstance(group[0], Host)]
        self.parts = []
        for number in range(len(self._hosts) + 1):
            function = getattr(compiled, f"{name}{number}")
            function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_void_p), ctypes.c_int
            self.parts.append(function)
        self._calls: list[Callable[[], None]] = []
        self.results: list[Callable[[], Any]] = []
        self._apart = False
        if not self._fixed:
            self._show()

    def _release(self) -> None:
        """Forget the arrays that were taken."""
        inputs = self._plan.inputs
        # Whose arrays stay the same; those which do not, and where they are copied to.
        self._fixed = [i for i, x in enumerate(inputs) if isinstance(x, Array)]
        self._of_fixed = itemgetter(*self._fixed, slice(0))
        self._taken: list[Any] = [None] * len(self._fixed)
        self._moving: list[tuple[int, Any]] = []
        self._aside: list[tuple[int, Any]] = []  # targets that lie in memory otherwise than in C

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """Compute the outputs."""
        if not all(map(is_, self._of_fixed(arrays), self._taken)):
            self._bind(arrays)
        for i, place in self._moving:
            place[...] = arrays[i]
        if self._apart:
            self._run(arrays)
        elif self.parts[0](*self.at):
            raise Missed
        return [*map(call, self.results)]

    def bound(self, arrays: Sequence[Any], given: Sequence[int]) -> Callable[..., Any]:
        """A function of some of the inputs: one call of C, where that is possible."""
        inputs, now = [self._plan.inputs[place] for place in given], [*arrays]
        own = [np.empty(x.shape, x.dtype) for x in inputs if isinstance(x, Array)]
        if len(own) == len(given):
            for place, array in zip(given, own):
                now[place] = array
            self._release()
            self._bind(now)
            if not (self._apart or self._moving):
                return BoundInC(self, own)
        return super().bound(arrays, given)

    def as_call(self, arrays: Sequence[Any]) -> Call:
        """The call of C, and what it is given, that does all there is to do with these arrays.

        Raises:
            TypeError: there is more to do than one call of C.
        """
        bound = self.bound(arrays, [])
        if type(bound) is not BoundInC or self.results or self._plan.may_fail:
            raise TypeError("it is more than a call of C")
        return bound.call

    def _run(self, arrays: Sequence[Any]) -> None:
        """In parts, between which NumPy computes."""
        for i, place in self._objects:
            place.value = arrays[i]
        with np.errstate(all="ignore"):
            for part, host in zip(self.parts, [*self._calls, None]):
                if part(*self.at):
                    raise Missed
                if host:
                    host()
        for i, value in self._plan.kept:
            np.copyto(arrays[i], self._result(value)())
        for i, own in self._aside:
            arrays[i][...] = own

    def _bind(self, arrays: Sequence[Any]) -> None:
        """Take other arrays. What changes is copied from now on, unless it is written to."""
        targets = {x.buffer.given for x in self._plan.targets if isinstance(x, Array)}
        written = [arrays[i] for i in targets if i is not None]
        for i, taken in zip([*self._fixed], self._taken):
            array = arrays[i]
            fits = type(array) is np.ndarray and array.flags.c_contiguous and array.flags.aligned
            is_written = i in targets
            is_other = taken is not None and array is not taken
            shares = any(np.may_share_memory(array, x) for x in written)
            if not fits or (not is_written and (is_other or shares)):
                self._moving.append((i, np.empty_like(array, order="C", subok=False)))
                self._aside += self._moving[-1:] if is_written else []
        moving = dict(self._moving)
        self._fixed = [i for i in self._fixed if i not in moving]
        self._taken = [arrays[i] for i in self._fixed]
        self._of_fixed = itemgetter(*self._fixed, slice(0))
        self._given = dict(zip(self._fixed, self._taken)) | moving
        for i, array in self._given.items():
            self._pointers[i] = array.ctypes.data
        self._show()

    def _show(self) -> None:
        """Make the views of memory that NumPy works on."""
        self._apart = bool(self._hosts or self._objects or self._aside or self._plan.kept)
        self._calls = [self._host(host) for host in self._hosts]
        self.results = [self._result(x) for x in self._plan.returned]

    def _shown(self, array: Array) -> Any:
        """An array of NumPy's in the memory that one in C has."""
        if array.buffer.given is None:
            return array.within(self._memory[array.buffer.offset :])
        return array.within(self._given[array.buffer.given].reshape(-1).view(np.uint8))

    def shown(self, number: int) -> Any:
        """The memory that a result is in."""
        return self._shown(self._plan.returned[number])

    def _result(self, value: Any) -> Callable[[], Any]:
        """What gives a copy of a result, for one entry a number of NumPy's."""
        if isinstance(value, Array):
            shown = self._shown(value)
            return shown.copy if value.shape else functools.partial(shown.__getitem__, ())
        return lambda: np.array(value.value if isinstance(value, Kept) else value)[()]

    def _host(self, host: Host) -> Callable[[], None]:
        """What NumPy computes, as a call without arguments."""

        def own(value: Any) -> Any:
            return self._shown(value) if isinstance(value, Array) else value

        def now(value: Any) -> Any:
            return value.value if isinstance(value, Kept) else value

        arguments, keywords = mapped(own, host.arguments), mapped(own, host.keywords)
        function: Any = host.function
        if host.product:
            return functools.partial(function, *arguments, own(host.out))
        out = own(host.out)
        fixed = not any(isinstance(x, Kept) for x in leaves_of((arguments, keywords)))

        def run() -> None:
            if fixed:
                result = function(*arguments, **keywords)
            else:
                result = function(*mapped(now, arguments), **mapped(now, keywords))
            if host.kept:
                host.kept.value = mapped(_in_own_memory, result)
            elif np.shape(result) == out.shape:
                out[...] = result
            else:
                raise Missed

        return run


class BoundInC:
    """A call of C on arrays that stay where they are, beside some that are copied each time.

    Attributes:
        call: the function in C, and what it is called with.
        places: what given arrays are copied to.
        results: what gives each of the results.
    """

    def __init__(self, runner: Runner, places: Sequence[Any]) -> None:
        self._program, self.places, self.results = runner, places, runner.results
        self.call: Call = (runner.parts[0], *runner.at)

    def __call__(self, *arrays: Array) -> list[Array]:
        """Compute the outputs."""
        for place, array in zip(self.places, arrays):
            place[...] = array
        if call(*self.call):
            raise Missed
        return [*map(call, self.results)]

    def step(self, batch: Sequence[Any], calls: Sequence[Call]) -> StepInC:
        """The same call and others, on the arrays of such a batch, which come first."""
        return StepInC(batch, self.places, [self.call, *calls])

    def shown(self, number: int) -> Any:
        """The memory that a result is in, until the next call."""
        return self._program.shown(number)
