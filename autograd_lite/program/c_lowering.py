"""From the steps of a program to statements in C: on which memory each of them works, and how.

What only moves entries is a view, and no statement, wherever NumPy makes it one. What is made of
simpler functions is written out. What is left is computed by NumPy, between the parts in C.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite.derivatives.indexing import scatter
from autograd_lite.derivatives.shaping import astype
from autograd_lite.node import plain
from autograd_lite.program.backends import Missed
from autograd_lite.program.c_arrays import (
    Array,
    Check,
    Entries,
    Host,
    Kept,
    Product,
    Reduced,
    Statement,
    copied,
    new_array,
    part_at,
    view_of,
)
from autograd_lite.program.c_calls import (
    Call,
    chooses,
    kind_of,
    named_call,
    reduced_axes,
    simpler_of,
    template_of,
)
from autograd_lite.program.c_forms import C_TYPES, REDUCTIONS, form_of, literal
from autograd_lite.program.c_kernels import is_too_large
from autograd_lite.program.c_loops import LoopInC
from autograd_lite.program.expressions import OwnedShape, Template
from autograd_lite.program.folding import Repeated, has_guards
from autograd_lite.program.program import Guard, Step, computed_by, mapped, steps_in
from autograd_lite.program.simpler import needed
from autograd_lite.program.templates import adds_at
from autograd_lite.table import traits_of

_WHOLE = np.dtype(np.int64)


class Lowering:
    """The statements of the steps that ends need, and of guards.

    Args:
        inputs: the arrays, in C, of steps that are not computed.
        added_to: those of them to whose arrays may be added in place, if nothing else reads them.
    """

    def __init__(
        self,
        inputs: dict[Step, Any],
        steps: Sequence[Step],
        ends: Iterable[Step],
        guards: Iterable[Guard],
        added_to: Iterable[Step] = (),
    ) -> None:
        self.statements: list[Statement] = []
        self.values: dict[Any, Any] = dict(inputs)
        self._templates: dict[Any, Template | None] = {}
        self._constants: dict[int, Array] = {}
        self._computed: dict[Any, Array] = {}
        guarded: dict[Step, list[Guard]] = {}
        for guard in guards:
            guarded.setdefault(guard.step, []).append(guard)
        wanted = [*ends, *guarded]
        computed = needed(steps, [*wanted, *filter(has_guards, steps)])
        self._uses = Counter(used for step in computed for used in steps_in(step))
        self._uses.update(wanted)
        # Sums that nobody reads but what adds to them.
        self._own_memory = {inputs[x] for x in added_to if self._uses[x] == 1}
        for step in (*inputs, *computed):
            self.value(step)
            for guard in guarded.get(step, ()):
                self._guard(guard)

    def value(self, step: Step) -> Any:
        """The array of a step, or a number."""
        if step not in self.values:
            self.values[step] = self._step(step)
        return self.values[step]

    def _step(self, step: Step) -> Any:
        if step.function is None:
            return self._known(step.arguments[0])
        arguments, keywords = mapped(self._own, step.arguments), mapped(self._own, step.keywords)
        value = self.call(step.function, arguments, keywords, step.shape, step.dtype)
        if self._uses[step] > 1:
            self._own_memory.discard(value)
        if self._uses[step] == 1 and (step.function is scatter or adds_at(step.function)):
            self._own_memory.add(value)
        return value

    def _own(self, value: Any) -> Any:
        if isinstance(value, Step):
            return self.value(value)
        value = tuple(value) if isinstance(value, OwnedShape) else value
        return self._known(value) if isinstance(value, np.ndarray) else value

    def _known(self, array: Any) -> Any:
        """An array that stays as it is now; a single number is one."""
        if array.ndim == 0 and array.dtype in C_TYPES:
            return array[()]
        if array.dtype not in C_TYPES:
            return Kept(array)
        if id(array) not in self._constants:
            self._constants[id(array)] = new_array(array.shape, array.dtype, constant=array)
        return self._constants[id(array)]

    def call(self, function: Any, arguments: Any, keywords: Any, shape: Any, dtype: Any) -> Any:
        """What a function gives: an array, and a statement unless it is a view."""
        if function is operator.getitem and isinstance(arguments[0], tuple):
            return arguments[0][arguments[1]]
        if isinstance(function, Repeated):
            return LoopInC(self, function, *arguments).values
        call = Call(function, arguments, keywords, shape, dtype)
        named = named_call(call)
        shape, dtype = named.shape, named.dtype
        if shape is not None and dtype in C_TYPES:
            if 0 in shape:
                return new_array(shape, dtype)
            way = Lowering._added_at if adds_at(named.function) else _WAYS.get(named.function)
            for write in (Lowering._view, Lowering._entries, way):
                found = write(self, named) if write else None
                if found is not None:
                    return found
        if shape is None or dtype in C_TYPES:
            template = self._written_out(named, simpler_of(named.function))
            if template is not None:
                return self._filled(named, template)
        return self._host(call)

    def add(self, statement: Statement) -> Array:
        self.statements.append(statement)
        return statement.out

    def once(self, kind: Any, statement: Statement) -> Array:
        """The array that was computed alike before, or else that of a statement, which is added."""
        out = statement.out
        key = kind, *map(_identity, statement.reads), out.shape, out.dtype
        if key not in self._computed:
            self._computed[key] = self.add(statement)
        return self._computed[key]

    def copy(self, value: Any, out: Array) -> Array:
        return self.add(copied(value, out))

    def _view(self, call: Call) -> Any:
        moves = call.function in _MOVING or traits_of(call.function).moves
        if not moves or call.function in (np.copy, astype):
            return None
        first = call.arguments[0]
        is_number = isinstance(first, np.generic) and first.dtype in C_TYPES
        if is_number and not call.values(Array, Kept):
            first = new_array((), first.dtype, constant=np.asarray(first))
        elif not call.alone:
            return None
        if call.function is plain:
            return first
        given = call.arguments[1:]
        if call.function is operator.getitem:
            found = part_at(first, *given)
        else:
            found = view_of(first, call.function, *given, **call.keywords)
        if found is None and call.function is np.reshape and first.size:
            whole = self.copy(first, new_array(first.shape, first.dtype))
            found = view_of(whole, np.reshape, *given, **call.keywords)
        return found if found is not None and found.shape == call.shape else None

    def _entries(self, call: Call) -> Any:
        if call.function in _FILLED:
            return self.copy(_FILLED[call.function], new_array(call.shape, call.dtype))
        reads = call.arguments[:1] if call.function is astype else call.arguments
        if not all(isinstance(x, Array | int | float | np.generic) for x in reads):
            return None
        keywords = {*call.keywords} - {"order"}  # results lie as they lie
        if keywords == {"dtype"} and isinstance(call.function, np.ufunc):
            form = form_of(call.function, (np.zeros((), call.dtype),) * len(reads), call.dtype)
        else:
            form = None if keywords else form_of(call.function, reads, call.dtype)
        if form is None:
            return None
        return self.once(form, Entries(new_array(call.shape, call.dtype), [*reads], *form))

    def _reduced(self, call: Call) -> Any:
        if not call.alone:
            return None
        kinds, start, step = REDUCTIONS[call.function]
        if "INFINITY" in start and call.dtype.kind in "iu":
            bounds = np.iinfo(call.dtype)
            start = literal(bounds.min if start[0] == "-" else bounds.max, call.dtype)
        array, axes_and_keep = call.arguments[0], reduced_axes(call)
        if axes_and_keep is None or call.dtype.kind not in kinds:
            return None
        if call.function not in (np.sum, np.prod) and array.dtype != call.dtype:
            return None
        axes, keep = axes_and_keep
        kept = tuple(1 if i in axes else n for i, n in enumerate(array.shape))
        reduced = Reduced(new_array(kept, call.dtype), [array], axes, start, step)
        out = self.once((call.function, axes), reduced)
        return out if keep else view_of(out, np.reshape, call.shape)

    def _product(self, call: Call) -> Any:
        if call.keywords:
            return None
        a, b = call.arguments
        if not all(isinstance(x, Array) and x.shape and x.dtype == call.dtype for x in (a, b)):
            return None
        if call.function is np.dot and max(len(a.shape), len(b.shape)) > 2:
            return None
        if call.dtype.kind != "f" or not a.size:
            return None
        if len(b.shape) == 1 and b.buffer.constant is not None and np.all(b.buffer.constant == 1):
            return self._reduced(call._replace(function=np.sum, arguments=(a,), keywords=LAST))
        out = new_array(call.shape, call.dtype)
        shape = [*call.shape]
        if len(a.shape) == 1:
            shape.insert(len(shape) - (len(b.shape) > 1), 1)
            a = view_of(a, np.reshape, (1, -1))
        if len(b.shape) == 1:
            shape.append(1)
            b = view_of(b, np.expand_dims, 1)
        product = Product(view_of(out, np.reshape, tuple(shape)), [a, b])
        if is_too_large(product):
            self.add(Host(product.out, [a, b], np.matmul, (a, b), product=True))
        else:
            self.add(product)
        return out

    def _scattered(self, call: Call) -> Any:
        """Zeros, but for what stands at an index."""
        if len(call.arguments) != 3 or call.keywords or not call.alone:
            return None
        x, index, shape = call.arguments
        if chooses(index):
            return None
        out = new_array(tuple(shape), call.dtype)
        part = part_at(out, index)
        if part is None and x.size:
            return None
        self.copy(0, out)
        if part is not None:
            self.copy(x, part)
        return out

    def _added_at(self, call: Call) -> Any:
        """What is added to a part of a sum, in place if nobody else reads that."""
        total, g, index = call.arguments[0], call.arguments[1], call.arguments[-1]
        if not isinstance(total, Array) or chooses(index) or call.keywords:
            return None
        out, fixed = total, total.buffer.constant is not None
        if fixed or total not in self._own_memory or total.shape != call.shape:
            out = self.copy(total, new_array(call.shape, call.dtype))
        part = part_at(out, index)
        if part is not None:
            form = form_of(np.add, (part, g), call.dtype)
            self.add(Entries(part, [part, g], *form))  # type: ignore[misc] # a sum has a form
        # Another array, as what was there before is gone.
        return replace(out)

    def _joined(self, call: Call) -> Any:
        """What is made of parts that follow on one another."""
        if not set(call.keywords) <= {"axis"} or len(call.arguments) > 2:
            return None
        parts = call.arguments[0]
        axis = (*call.arguments[1:], call.keywords.get("axis", 0))[0]
        if axis is None or not all(isinstance(x, Array) for x in parts):
            return None
        out, start = new_array(call.shape, call.dtype), 0
        axis %= len(call.shape)
        if call.function is np.stack:
            parts = [view_of(part, np.expand_dims, axis) for part in parts]
        for part in parts:
            stop = start + part.shape[axis]
            if part.size:
                self.copy(part, part_at(out, (*[slice(None)] * axis, slice(start, stop))))
            start = stop
        return out

    def _taken(self, call: Call) -> Any:
        """Entries of a vector, at places that another array has."""
        x, places = call.arguments
        if not isinstance(x, Array) or not isinstance(places, Array) or len(x.shape) != 1:
            return None
        whole = places.dtype.kind in "iu" and places.dtype != np.uint64
        if not whole or x.strides[0] < 1:
            return None
        n = x.shape[0]
        outside = f"({{0}} < {-n} || {{0}} >= {n})"
        beyond = Entries(new_array(places.shape, bool), [places], outside, (_WHOLE,))
        self._end_where(self.add(beyond))
        # What is beyond may be read before that is known: then it is another entry.
        place = f"{outside} ? 0 : {{0}} < 0 ? {{0}} + {n} : {{0}}"
        form = f"{{table}}[({place}) * {x.strides[0]}]"
        return self.add(Entries(new_array(call.shape, call.dtype), [places], form, (_WHOLE,), x))

    # What is written out

    def _written_out(self, call: Call, definition: Callable[..., Any] | None) -> Template | None:
        """What a function does, in others, given the arrays of a call; None if that has no form."""
        if definition is None or call.values(Kept):
            return None
        key = definition, call.shape is None, repr(mapped(kind_of, (call.arguments, call.keywords)))
        if key not in self._templates:
            self._templates[key] = template_of(call, definition)
        return self._templates[key]

    def _filled(self, call: Call, template: Template) -> Any:
        result = mapped(self._own, template.filled(call.values(Array), self._write)[0][0])
        if isinstance(result, Array | Kept | tuple) or call.shape is None:
            return result
        return self.copy(result, new_array(call.shape, call.dtype))

    def _end_where(self, conditions: Array) -> None:
        """End the run where one of some conditions holds."""
        found = self.call(np.any, (conditions,), {}, (), np.dtype(bool))
        self.add(Check(new_array((0,), bool), [found]))

    def _guard(self, guard: Guard) -> None:
        """End the run where entries are others than they were."""
        value, outcome = self.value(guard.step), guard.outcome
        if not isinstance(value, Array):
            if not isinstance(value, np.generic):  # which is the same in each run
                compare = functools.partial(_compare, outcome)
                self.add(Host(new_array((0,), bool), [], compare, (value,), {}, Kept()))
            return
        was = self._known(np.array(outcome, value.dtype))
        if np.shape(outcome) != value.shape or value.size == 0:
            return
        differs = self.call(np.not_equal, (value, was), {}, value.shape, np.dtype(bool))
        self._end_where(differs)

    def _write(self, step: Step, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        given = tuple(mapped(self._own, arguments)), mapped(self._own, keywords)
        return self.call(step.function, *given, step.shape, step.dtype)

    # What NumPy computes

    def _host(self, call: Call) -> Any:
        """An array that NumPy computes, or what else a function returns."""
        kept = None if call.shape is not None and call.dtype in C_TYPES else Kept()
        out = new_array((0,), bool) if kept else new_array(call.shape, call.dtype)
        function, reads = computed_by(call.function), call.values(Array)
        self.add(Host(out, reads, function, call.arguments, call.keywords, kept))
        return kept or out


_MOVING = {
    plain,
    np.moveaxis,
    np.rollaxis,
    np.ravel,
    np.lib.stride_tricks.sliding_window_view,
}
"""Functions that only move entries, and have no row in the table that says so."""

_WAYS: dict[Any, Callable[[Lowering, Call], Any]] = {
    **dict.fromkeys(REDUCTIONS, Lowering._reduced),
    **dict.fromkeys((np.dot, np.matmul), Lowering._product),
    **dict.fromkeys((np.concatenate, np.stack), Lowering._joined),
    scatter: Lowering._scattered,
    operator.getitem: Lowering._taken,
}
"""How functions are written that are no views, and do not compute entry by entry."""

LAST = {"axis": -1}
_FILLED = {np.zeros_like: 0, np.ones_like: 1}


def _compare(outcome: Any, value: Any) -> None:
    if not np.array_equal(value, outcome):
        raise Missed


def _identity(value: Any) -> Any:
    """The same for the same array, and for the same number."""
    return (value.key, value.shape) if isinstance(value, Array) else (type(value), repr(value))
