"""Run the steps of a program in C.

lowering    from steps to statements on memory
schedule    which statements share a nest of loops, and where in memory their results are
kernels     the text of each nest, a function of pointers
here        the functions that call them in order
runner      calls these, and what NumPy computes in between
steps       a step of training, which is more than a program, as one call of C
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autograd_lite.program import backends
from autograd_lite.program.backends import Task
from autograd_lite.program.c_arrays import (
    Array,
    Buffer,
    Check,
    Host,
    Kept,
    Looped,
    Product,
    Statement,
    copied,
    new_array,
)
from autograd_lite.program.c_forms import C_TYPES, PRELUDE
from autograd_lite.program.c_kernels import nest_of, opened, product_of
from autograd_lite.program.c_lowering import Lowering
from autograd_lite.program.c_runner import Runner
from autograd_lite.program.c_schedule import Schedule, place_in_memory
from autograd_lite.program.compiler import library
from autograd_lite.program.folding import folded
from autograd_lite.program.loops import Uneven
from autograd_lite.program.program import Step
from autograd_lite.program.recordings import uncollected
from autograd_lite.program.scalars import are_numbers, c_scalars

LONGEST_PART = 400
"""The most calls in one function, as compilers take longer for long ones."""
SMALL = 4096
"""Bytes of what an iteration of a loop needs up to which a compiler is to keep it in registers."""


@uncollected()
def c_backend(task: Task) -> backends.Runner:
    """The steps in C: equal to the engine but for rounding, and to itself in every run.

    Raises:
        CompilerError: there is no compiler, or it fails.
    """
    if are_numbers(task.steps, task.inputs):
        return c_scalars(task)
    try:
        plan = Plan(folded(task))
    except Uneven:
        plan = Plan(task)
    source = source_of({"run": plan})
    runner = Runner(plan, library(source), "run")
    runner.source = source
    return runner


class Plan:
    """What is done to which memory, in which order."""

    def __init__(self, task: Task) -> None:
        steps, inputs, outputs, guards, _ = task
        self.inputs = [
            new_array(step.shape, step.dtype, given=number) if step.dtype in C_TYPES else Kept()
            for number, step in enumerate(inputs)
        ]
        places = dict(zip(inputs, self.inputs))
        self.targets = [places[target] for _, target in outputs if target is not None]
        lowering = Lowering(places, steps, [step for step, _ in outputs], guards)
        self.schedule = Schedule(lowering.statements)
        found = [lowering.value(step) for step, _ in outputs]
        # What is given, as it is before anything is written to it.
        is_given = [isinstance(x, Array) and x.buffer.given is not None for x in found]
        values = [self.schedule.aside(x) if given else x for x, given in zip(found, is_given)]
        self.returned = [x for x, (_, target) in zip(values, outputs) if target is None]
        self.kept: list[tuple[int, Any]] = []  # what goes to inputs that are no arrays in C
        self._deliver([(x, target) for x, (_, target) in zip(values, outputs)], places)
        at_end = [x for x in (*self.returned, *(x for _, x in self.kept)) if isinstance(x, Array)]
        self.groups = self.schedule.groups
        self.may_fail = self.schedule.last_that_may_fail >= 0
        self.stored = self.schedule.stored(at_end)
        self.size = place_in_memory(self.groups, self.stored, at_end)
        reads = [x for group in self.groups for statement in group for x in statement.arrays]
        buffers = {array.buffer for array in (*reads, *at_end)}
        self.constants = [buffer for buffer in buffers if buffer.constant is not None]

    def _deliver(self, values: list[tuple[Any, Step | None]], places: dict[Step, Any]) -> None:
        """Write results to the inputs whose place they take: at once where that is possible."""
        end = len(self.schedule.groups)
        buffers = [value.buffer for value, _ in values if isinstance(value, Array)]
        numbers = {step: number for number, step in enumerate(places)}
        for value, target in values:
            if target is None:
                continue
            place = places[target]
            if isinstance(place, Kept) or isinstance(value, Kept):
                self.kept.append((numbers[target], value))
            elif (
                isinstance(value, Array)
                and buffers.count(value.buffer) == 1
                and self.schedule.may_write_to(place, value)
            ):
                value.buffer.given = place.buffer.given
            else:
                self.schedule.add(copied(value, place), after=end)

    def functions(self, name: str, kernels: dict[str, str]) -> str:
        """A function for each part between what NumPy computes; kernels are added by their text."""
        functions, lines = list[str](), list[str]()
        for group in [*self.groups, None]:
            first = group[0] if group else None
            if group is None or isinstance(first, Host):
                functions.append(_function(f"{name}{len(functions)}", lines))
                lines = []
            elif isinstance(first, Looped):
                lines.append(_loop(first, kernels))
            else:
                lines.append(_call(group, self.stored, kernels, {}, "NOINLINE"))
        return "\n".join(functions)


def source_of(plans: Mapping[str, Plan]) -> str:
    """The text in C of plans, by the name that each one's functions begin with."""
    kernels: dict[str, str] = {}
    functions = [plan.functions(name, kernels) for name, plan in plans.items()]
    texts = [text.replace("NAME", kernel, 1) for text, kernel in kernels.items()]
    return "\n".join([PRELUDE, *texts, *functions])


def _call(
    group: Sequence[Statement],
    stored: set[Array],
    kernels: dict[str, str],
    local: Mapping[Buffer, str],
    attributes: str,
) -> str:
    """The line that calls the kernel of a group, or ends the run."""
    first = group[0]
    if isinstance(first, Check):
        return f"if (*(const uint8_t *){_pointer(first.reads[0], local)}) return 1;"
    if isinstance(first, Product):
        text, arrays = product_of(first)
    else:
        text, arrays = nest_of(group, stored, attributes)
    kernel = kernels.setdefault(text, f"kernel{len(kernels)}")
    return f"{kernel}({', '.join(_pointer(array, local) for array in arrays)});"


def _loop(loop: Looped, kernels: dict[str, str]) -> str:
    """The lines of a loop. One that needs little memory has it among its own variables.

    As nothing else can point there, compilers keep it in registers.
    """
    used = [x for group in loop.groups for each in group for x in (*each.arrays, *each.outs)]
    moving = {buffer for buffer, _, move in (x.place for x in used) if move}
    is_small = loop.out.buffer.size <= SMALL
    own = [x for x in loop.writes if is_small and x.buffer.size <= SMALL]
    own = [x for x in own if x.buffer not in moving]
    names = {x.buffer: f"own{number}" for number, x in enumerate(own)}
    into, back = list[str](), list[str]()
    for x in own:
        name, real = names[x.buffer], C_TYPES[x.dtype]
        into.append(f"{real} {name}[{x.size}];")
        place = f"(({real} *)(memory + {x.buffer.offset}))[i]"
        # Entry by entry, as what is copied as bytes is kept in registers for whole numbers.
        into.append(f"{opened('i', x.size)} {name}[i] = {place}; }}")
        back.append(f"{opened('i', x.size)} {place} = {name}[i]; }}")
    if is_small and loop.out.buffer.size:
        names[loop.out.buffer] = "room"
        into.append(f"char room[{loop.out.buffer.size}] ALIGNED;")
    kind = "INLINE" if is_small else "NOINLINE"
    calls = [_call(group, loop.stored, kernels, names, kind) for group in loop.groups]
    inside = [opened("t", loop.count), *[f"  {line}" for line in calls], "}"]
    return "\n  ".join(["{", *[f"  {line}" for line in (*into, *inside, *back)], "}"])


def _pointer(array: Array, local: Mapping[Buffer, str]) -> str:
    """A pointer to an array, in iteration t of a loop if it moves."""
    buffer, start, move = array.place
    if buffer in local:
        return f"(void *)((char *){local[buffer]} + {start})"
    where = f"memory + {buffer.offset + start}"
    if buffer.given is not None:
        number = f"{buffer.given} + {buffer.turns} * t" if buffer.turns else f"{buffer.given}"
        where = f"(char *)given[{number}] + {start}"
    return f"(void *)({where} + {move} * t)" if move else f"(void *)({where})"


def _function(name: str, lines: Sequence[str]) -> str:
    parameters = "char *memory, void *const *given"
    parts = [lines[i : i + LONGEST_PART] for i in range(0, len(lines), LONGEST_PART)]
    texts = [
        f"static NOINLINE int {name}_{number}({parameters}) {{\n  "
        + "\n  ".join(part)
        + "\n  return 0;\n}\n"
        for number, part in enumerate(parts)
    ]
    body = " ".join(
        f"if ({name}_{number}(memory, given)) return 1;" for number in range(len(parts))
    )
    return "".join(texts) + f"int {name}({parameters}) {{ {body} return 0; }}\n"
