"""Functions of arrays, recorded once and run as one function of NumPy's calls."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import MethodType
from typing import Any, NamedTuple, overload

import numpy as np

from autograd_lite.arguments import require_function
from autograd_lite.errors import UnsupportedError
from autograd_lite.linearization import name_of
from autograd_lite.modes import draws, enable_grad, moves, setting, unusual
from autograd_lite.names import explains_keywords, parameters_of
from autograd_lite.node import Array, Node
from autograd_lite.program.backends import Runner, backend_of, differing, spreads, suited
from autograd_lite.program.program import Step, is_choice
from autograd_lite.program.recordings import (
    RECORDINGS,
    Record,
    are_alike,
    are_equal,
    difference,
    in_new_object,
    key_of,
    nearby,
    program_of,
    same_outcomes,
    task_of,
    uncollected,
)
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.trace import Tracer, guarded
from autograd_lite.program.usual import bound_to, written
from autograd_lite.pullback import is_live_leaf
from autograd_lite.tensor import Tensor
from autograd_lite.transforms import Derived, grad, positions_of, value_and_grad
from autograd_lite.trees import leaves_of, map_tree


@overload
def compile(f: Callable[..., Any], backend: str = "numpy") -> Compiled: ...
@overload
def compile(f: None = None, backend: str = "numpy") -> Callable[[Callable[..., Any]], Compiled]: ...
@explains_keywords
def compile(f: Any = None, backend: str = "numpy") -> Any:
    """A function that computes what f does, without recording each time.

    What f computes is recorded when it is called, and then run as one function; so are its
    gradients, by `value_and_grad` and `grad` of the compiled function, or by `compile` of theirs.
    It is recorded again, a few times, for arguments of other shapes or dtypes, for other numbers of
    Python's, other whole numbers that are given by themselves, and where entries decide what is
    computed, or how much, and now decide otherwise. It can also be used as a decorator. A method
    that is decorated runs as it was written, as the object that it is given is no array;
    `compile(object.method)` is compiled.

    f is a function of arrays, or of structures of them. It is called a few extra times at first;
    what it does besides computing, such as printing, is not repeated later. Variables that it reads
    from outside are checked at each call. f itself is called where it changes these, where
    arguments are tensors, where f depends on tensors, and where gradients are watched; `backend` of
    the result says so.

    Args:
        f: the function.
        backend: "numpy" gives f's numbers to the last bit, unless it computes thousands of single
            numbers, which are summed in groups; "c", which needs a compiler, gives them up to
            rounding, about 1e-12 in float64.

    Raises:
        UnsupportedError: f uses something that changes with the data but is not an argument, such
            as random numbers; it is named.
        ArgumentError: there is no such back end.

    >>> def rosenbrock(x):
    ...     return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    >>> fast = value_and_grad(compile(rosenbrock))
    >>> for x in np.array([0.0, 0.0]), np.array([0.0, 1.0]):
    ...     value, gradient = fast(x)
    >>> float(value), gradient, fast.backend
    (101.0, array([ -2., 200.]), 'numpy')
    """
    if f is None:
        backend_of(backend)  # refuses what is none before there is a function
        return functools.partial(compile, backend=backend)
    require_function(f, "compile of", "Give a function of arrays")
    if isinstance(f, Derived) and f.made_of[1] in (grad, value_and_grad):
        function, transform, argnums = f.made_of
        return transform(compile(function, backend), argnums)
    return Compiled(f, backend)


ARRAYS = {np.ndarray}


class _Recorded(NamedTuple):
    """A computation as a program."""

    record: Record
    tracer: Tracer
    inputs: list[Step | None]
    tensors: list[tuple[Step, Node]]
    outputs: list[Any]  # steps, or plain values


class _Ready(NamedTuple):
    """What is run: functions of the arrays, and of the arguments, see `usual.written`."""

    runner: Runner
    run: Callable[..., Any]
    call: Callable[[Any], Any]


def _unknown(arguments: Any) -> Any:
    """What is called with arguments that nothing is ready for."""
    return None


class Compiled:
    """A function that is recorded when it is called, and run as one function afterwards.

    Attributes:
        backend: what ran in the last call: "numpy", or "eager: " and why.
    """

    def __init__(self, f: Any, name: str, argnums: Any = None) -> None:
        functools.update_wrapper(self, f)
        self._f, self._name, self._argnums = f, name, argnums
        self._eager = f if argnums is None else value_and_grad(f, argnums)
        self._backend = backend_of(name)
        self._positions = positions_of(argnums) if argnums is not None else ()
        self._recorded = 0
        self._reason = ""
        self._found: dict[Any, _Ready | _Recorded] = {}
        self._templates: dict[Any, Any] = {}
        self._ran: _Ready | None = None
        self._usual: Callable[[Any], Any] = _unknown  # what ran in the last call
        self._free: list[None] = [None]  # empty while a program runs, as its buffers are its own
        self.backend = "eager: it was not called; value_and_grad of it is compiled by itself"

    def __reduce__(self) -> Any:
        return Compiled, (self._f, self._name, self._argnums)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    @property
    def source(self) -> str:
        """The text of what ran in the last call; empty if that was the function itself."""
        return self._ran.runner.source if self._ran else ""

    def differentiated(self, argnums: Any) -> Compiled:
        """The compiled `value_and_grad` of the function."""
        return Compiled(self._f, self._name, argnums)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Compute."""
        if not keywords:
            result = self._usual(arguments)
            if result is not None:
                return result
        self._ran, self._usual = None, _unknown
        if self._positions and {*map(type, arguments)} != ARRAYS:
            arguments = tuple(
                x if type(x) is np.ndarray or i not in self._positions else map_tree(_as_array, x)
                for i, x in enumerate(arguments)
            )
        why_not = self._reason or unusual()
        arrays: list[Array] = []
        key = None if why_not else key_of([*arguments, keywords] if keywords else arguments, arrays)
        if key is None:
            self.backend = f"eager: {why_not or 'an argument is no array of numbers'}"
            return self._eager(*arguments, **keywords)
        try:
            del self._free[0]  # no call, after which Python would look for Ctrl-C
        except IndexError:
            self.backend = "eager: it is run by another thread"
            return self._eager(*arguments, **keywords)
        try:
            return self._found_result(key, arguments, keywords, arrays)
        finally:
            self._free.append(None)

    def _found_result(self, key: Any, arguments: Any, keywords: Any, arrays: list[Array]) -> Any:
        """The result, of what was compiled, or of the function itself, which is recorded then."""
        found = self._found.get(key)
        if type(found) is _Ready:
            result = found.run(*arrays)
            if result is not None:
                self.backend, self._ran = self._name, found
                if not keywords and [*map(id, arguments)] == [*map(id, arrays)]:
                    self._usual = found.call
                return result
            del self._found[key]
        outside = Surroundings([self._f], strict=False)
        result = self._eager(*arguments, **keywords)
        self.backend = "eager: it is being recorded"
        self._prepare(key, arguments, keywords, arrays, result, outside)
        return result

    # Recording

    @uncollected()
    def _prepare(
        self,
        key: Any,
        arguments: Any,
        keywords: Any,
        arrays: list[Array],
        result: Any,
        outside: Surroundings,
    ) -> None:
        self._recorded += 1
        if self._recorded > RECORDINGS:
            self._reason = "what is computed changes too often"
        elif not outside.are_unchanged():
            # To call it once more would change that once more.
            self.backend = "eager: it changes what it reads from outside"
            return
        elif any(isinstance(leaf, Node) for leaf in leaves_of(result)):
            self._reason = "it depends on tensors that require grad"
        if self._reason:
            return
        before = self._found.get(key)
        try:
            made = self._written(self._record(arguments, keywords, arrays))
        except Exception as error:  # the function itself has returned for these arrays
            self._reason = str(error) or f"it raises {type(error).__name__} when it is recorded"
            return
        if type(before) is _Recorded:
            other: Record | None = before.record
        else:
            other = self._beside(arguments, keywords, arrays)
        self._found[key] = made
        if other is None or are_equal(other.arrays, arrays):
            return
        if not are_alike(made.record, other) and not self._are_alike(key, made, other):
            return
        kinds = [leaf for leaf in leaves_of(key) if isinstance(leaf, type)]
        ready = self._ready(made, result, [self._f, *kinds])
        if ready is not None:
            self._found[key] = ready

    def _are_alike(self, key: Any, made: _Recorded, record: Record) -> bool:
        """Whether programs of two records are the same, but for what was given.

        Raises:
            UnsupportedError: they compute with other values.
        """
        try:
            other = self._written(record)
        except Exception:  # those data need not be ones that the function takes
            return False
        own, others = made.tracer.program, other.tracer.program
        inputs = {x for x in made.inputs if x} | {x for x, _ in made.tensors}
        found = difference(own.steps, others.steps, inputs)
        if found is not None:
            # Else the data decide on the values, as on a mask.
            if found.of_value and same_outcomes(own.guards, others.guards):
                del self._found[key]
                unseen = Surroundings([self._f], strict=False).unseen
                raise _unlike(self._f, f"{unseen}: {found.text}" if unseen else found.text)
            return False
        if not all(map(_is_returned_alike, made.outputs, other.outputs)):
            self._reason = (
                "what it returns is another for other data, and not computed by what was recorded, "
                "as gradients that are taken within are; compile(grad(f)) compiles a gradient alone"
            )
            return False
        return True

    def _record(self, arguments: Any, keywords: Any, arrays: list[Array]) -> Record:
        """Call the function with tensors, and keep what it computes."""
        given: list[Tensor] = []
        fresh = iter([in_new_object(array) for array in arrays])

        def tensor(leaf: Any, requires_grad: bool) -> Any:
            if is_choice(leaf):
                return leaf.copy()
            if isinstance(leaf, np.ndarray | np.generic):
                given.append(Tensor(next(fresh), requires_grad))
                return given[-1]
            return leaf

        wanted = [i in self._positions for i in range(len(arguments))]
        drawn, moved = list[Any](), dict[Any, Any]()
        with guarded() as calls, enable_grad(), setting(draws, drawn), setting(moves, moved):
            variables = [
                map_tree(functools.partial(tensor, requires_grad=grad), x)
                for x, grad in zip(arguments, wanted)
            ]
            named = map_tree(functools.partial(tensor, requires_grad=False), keywords)
            result = self._f(*variables, **named)
        if drawn or moved:
            raise ValueError("a module draws random numbers, or changes its buffers")
        inside = [x for x, grad in zip(variables, wanted) if grad]
        if self._positions:
            inside = [variables[position] for position in self._positions]
        return Record(result, given, leaves_of(inside), calls, arrays)

    def _written(self, record: Record) -> _Recorded:
        """What was recorded, as a program."""
        result, given, variables, calls, _ = record
        tracer, outputs = program_of(result, variables, calls, self._templates)
        known = tracer.program.inputs
        inputs = [known.get(x) or known.get(id(x._array)) for x in given]
        own = {*inputs}
        tensors = {
            step: node
            for node, step in known.items()
            if isinstance(node, Node)
            and step not in own
            and step.function is None
            and is_live_leaf(node)
        }
        return _Recorded(record, tracer, inputs, [*tensors.items()], outputs)

    def _beside(self, arguments: Any, keywords: Any, arrays: list[Array]) -> Record | None:
        """A recording for data that are a little different; None where that fails."""
        try:
            return self._record(arguments, keywords, [nearby(array) for array in arrays])
        except Exception:  # those data need not be ones that the function takes
            return None

    def _ready(self, made: _Recorded, result: Any, roots: list[Any]) -> _Ready | None:
        """What is run from now on, if it gives what the function itself gave."""
        program, leaves = made.tracer.program, leaves_of(result)
        used = [place for place, step in enumerate(made.inputs) if step is not None]
        inputs = [step for step in made.inputs if step is not None]
        inputs += [step for step, _ in made.tensors]
        outputs = []
        for output, leaf in zip(made.outputs, leaves):
            if isinstance(leaf, np.ndarray | np.generic):
                if type(output) is not Step:
                    array = np.asarray(output)[()]
                    output = program.step(None, (array,), {}, array.shape, array.dtype)
                outputs.append((output, None))
        names = dict(zip(inputs, parameters_of(self._f))) if len(inputs) == len(used) else {}
        task, kept = task_of(program, inputs, outputs, names)
        backend = suited(self._backend, task)
        runner = backend.make(task)
        tensors = [(node, node._array) for _, node in made.tensors]
        outside = Surroundings(roots, strict=False, given=[node for node, _ in tensors])
        self._reason = outside.unseen
        if self._reason:
            return None
        given = [step.arguments[0] for step in inputs]
        run, call = written(
            bound_to(runner, given, kept),
            made.record.arrays,
            used,
            tensors,
            result,
            outside.are_unchanged,
            self._free,
        )
        found = leaves_of(run(*made.record.arrays))
        if backend.agree(found, leaves, lambda: spreads(program.steps, task.inputs, made.outputs)):
            return _Ready(runner, run, call)
        where = differing(program, backend, task)
        self._reason = f"the compiled function computes other numbers{where}"
        warnings.warn(f"compile of {name_of(self._f)}: {self._reason}", stacklevel=6)
        return None


def _unlike(f: Any, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"compile of {name_of(f)}",
        reason,
        "Give it as an argument, or compute it from the arguments with functions of NumPy's",
    )


def _is_returned_alike(output: Any, other: Any) -> bool:
    """Whether what is returned is computed in each run, or was the same for other data."""
    if isinstance(output, Step) or isinstance(other, Step):
        return isinstance(output, Step) and isinstance(other, Step)
    if isinstance(output, np.ndarray | np.generic) and isinstance(other, np.ndarray | np.generic):
        return np.array_equal(output, other, equal_nan=True)
    return type(output) is type(other) and repr(output) == repr(other)


def _as_array(leaf: Any) -> Any:
    return np.float64(leaf) if type(leaf) is float else leaf
