"""Loops in C: statements that run over the same entries as one nest, and products of matrices.

A nest is a function of pointers, and its text names nothing else. So what a program does fifty
times, once for each step of a recurrence, is one function that is called fifty times.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autograd_lite.program.c_arrays import (
    Array,
    Entries,
    Product,
    Reduced,
    Shape,
    Statement,
    broadcast_strides,
)
from autograd_lite.program.c_forms import C_TYPES, literal

SINGLE = np.dtype(np.float32)


class Kernel:
    """A function in the making: its parameters, and the lines of its body."""

    def __init__(self) -> None:
        self.parameters: dict[Any, tuple[str, Array]] = {}
        self.written: set[Any] = set()

    def pointer(self, array: Array, writes: bool = False) -> str:
        """The name of the parameter that points to the first entry of an array.

        One place has one name, as compilers are told that others do not point there.
        """
        buffer, start, move = array.place
        where = buffer if buffer.given is None else (buffer.given, buffer.turns)
        key = where, start, move, array.dtype
        name, _ = self.parameters.setdefault(key, (f"p{len(self.parameters)}", array))
        if writes:
            self.written.add(key)
        return name

    @property
    def arrays(self) -> list[Array]:
        """What it is called with."""
        return [array for _, array in self.parameters.values()]

    def text(self, body: Iterable[str], attributes: str) -> str:
        """The function, with NAME in place of its name."""
        parameters = [
            f"{'' if key in self.written else 'const '}{C_TYPES[array.dtype]} *restrict {name}"
            for key, (name, array) in self.parameters.items()
        ]
        lines = "\n".join(f"  {line}" for line in body)
        return f"static {attributes} void NAME({', '.join(parameters)}) {{\n{lines}\n}}\n"


def place(strides: Sequence[int], letters: Sequence[str]) -> str:
    """The position of an entry, given the names of the indices.

    >>> place((12, 0, 1), "ijk")
    '12 * i + k'
    """
    parts = [
        name if stride == 1 else f"{stride} * {name}" for stride, name in zip(strides, letters)
    ]
    return " + ".join(part for part, stride in zip(parts, strides) if stride) or "0"


def opened(letter: str, length: int) -> str:
    """The line of C that begins a loop."""
    return f"for (long {letter} = 0; {letter} < {length}; {letter}++) {{"


class Nest:
    """Statements over the same entries, as one nest of loops."""

    def __init__(self, statements: Sequence[Any], stored: set[Any]) -> None:
        self.kernel = Kernel()
        self.statements, self.stored = statements, stored
        shape = statements[0].loops
        self.strides = {
            array: self._along(statement, array, shape)
            for statement in statements
            for array in (*statement.reads, statement.out)
            if isinstance(array, Array)
        }
        self.shape, kept = self._fewer_axes(shape)
        self.strides = {array: [s[axis] for axis in kept] for array, s in self.strides.items()}
        self.letters = [f"i{axis}" for axis in range(len(self.shape))]
        depth = len(self.shape)
        self.before: list[list[str]] = [[] for _ in range(depth + 1)]
        self.after: list[list[str]] = [[] for _ in range(depth + 1)]
        # After all that is read, as an array may take the place of another that is read.
        self.stores: list[list[str]] = [[] for _ in range(depth + 1)]
        self.first: list[str] = []
        self.names: dict[Any, tuple[str, int]] = {}
        self.count = 0

    @staticmethod
    def _along(statement: Any, array: Array, shape: Shape) -> list[int]:
        strides = broadcast_strides(array, shape)
        if isinstance(statement, Reduced) and array is statement.out:
            return [0 if axis in statement.axes else s for axis, s in enumerate(strides)]
        return strides

    def _fewer_axes(self, shape: Shape) -> tuple[Shape, list[int]]:
        """The loops that are left when those which follow on one another are joined."""
        lengths: list[int] = []
        kept: list[int] = []
        for axis, length in enumerate(shape):
            if length == 1:
                continue
            if kept and all(s[kept[-1]] == s[axis] * length for s in self.strides.values()):
                lengths[-1] *= length
                kept[-1] = axis
            else:
                lengths.append(length)
                kept.append(axis)
        return tuple(lengths), kept

    def name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def depth(self, array: Array) -> int:
        """How many loops an entry depends on: it is read, or computed, within these."""
        return max((axis + 1 for axis, s in enumerate(self.strides[array]) if s), default=0)

    def key(self, array: Array) -> Any:
        """The same for all that reads the same entries in each round."""
        return array.buffer, array.offset, array.move, array.dtype, *self.strides[array]

    def at(self, array: Array, writes: bool = False) -> str:
        pointer = self.kernel.pointer(array, writes)
        return f"{pointer}[{place(self.strides[array], self.letters)}]"

    def read(self, value: Any, dtype: np.dtype[Any]) -> tuple[str, int]:
        """A name or a number for an entry, taken in a dtype; and how many loops it is within."""
        if not isinstance(value, Array):
            return literal(value, dtype), 0
        key = self.key(value)
        if key not in self.names:
            name, depth = self.name(), self.depth(value)
            line = f"const {C_TYPES[value.dtype]} {name} = {self.at(value)};"
            self.before[depth].append(line)
            self.names[key] = name, depth
        name, depth = self.names[key]
        return _as(dtype, name, value.dtype), depth

    def text(self, attributes: str) -> str:
        for statement in self.statements:
            if isinstance(statement, Reduced):
                self.reduce(statement)
            else:
                self.compute(statement)
        lines = [*self.first, *self.before[0], *self.stores[0]]
        for level, (letter, length) in enumerate(zip(self.letters, self.shape), 1):
            lines.append("  " * (level - 1) + opened(letter, length))
            lines += ["  " * level + line for line in (*self.before[level], *self.stores[level])]
        for level in range(len(self.shape), 0, -1):
            lines += ["  " * level + line for line in self.after[level]]
            lines.append("  " * (level - 1) + "}")
        return self.kernel.text([*lines, *self.after[0]], attributes)

    def compute(self, statement: Entries) -> None:
        out = statement.out
        pairs = [self.read(x, dtype) for x, dtype in zip(statement.reads, statement.dtypes)]
        depth = max((depth for _, depth in pairs), default=0)
        if out in self.stored:
            depth = max(depth, self.depth(out))
        name = self.name()
        table = statement.table and self.kernel.pointer(statement.table)
        form = statement.form.format(*[name for name, _ in pairs], table=table)
        self.before[depth].append(f"const {C_TYPES[out.dtype]} {name} = {form};")
        self.names[self.key(out)] = name, depth
        if out in self.stored:
            self.stores[depth].append(f"{self.at(out, True)} = {name};")

    def reduce(self, statement: Reduced) -> None:
        """Into a local variable where the loops that are summed over are the inner ones."""
        out, innermost = statement.out, len(self.shape)
        value, _ = self.read(statement.reads[0], out.dtype)
        depth = self.depth(out)
        if all(self.strides[out][axis] for axis in range(depth)):
            # In double, as a sum of many entries one by one loses more than NumPy's.
            wide = "double" if out.dtype == SINGLE else C_TYPES[out.dtype]
            name = self.name()
            self.before[depth].append(f"{wide} {name} = {statement.start};")
            step = statement.step.format(name, value)
            self.before[innermost].append(f"{name} = {step};")
            self.after[depth].append(f"{self.at(out, True)} = {name};")
            return
        target = self.at(out, True)
        axes = [axis for axis, stride in enumerate(self.strides[out]) if stride]
        nest = [opened(self.letters[axis], self.shape[axis]) for axis in axes]
        self.first.append(" ".join([*nest, f"{target} = {statement.start};", *("}" * len(nest))]))
        self.before[innermost].append(f"{target} = {statement.step.format(target, value)};")


def _as(dtype: np.dtype[Any], name: str, have: np.dtype[Any]) -> str:
    """An entry taken in a dtype."""
    if dtype == have:
        return name
    if have.kind == "b":  # which runs in vectors, where not all compilers convert bytes so
        return f"({name} ? {literal(1, dtype)} : {literal(0, dtype)})"
    return f"({C_TYPES[dtype]}){name}"


def nest_of(
    statements: Sequence[Statement], stored: set[Any], attributes: str
) -> tuple[str, list[Array]]:
    """The function of statements over the same entries, and what it is called with."""
    nest = Nest(statements, stored)
    text = nest.text(attributes)
    return text, nest.kernel.arrays


# Products

REGISTERS = 16
"""How many vectors of sums are kept at once."""
BYTES = 64
"""The length of the longest vectors; compilers split them for machines that have shorter ones."""


def product_of(product: Product) -> tuple[str, list[Array]]:
    """The function of a product of matrices, whose operands have two axes at least."""
    kernel = Kernel()
    a, b, out = *product.arrays, product.out
    stack = out.shape[:-2]
    letters = [f"s{axis}" for axis in range(len(stack))]
    pointers = []
    for array in (a, b, out):
        pointer = kernel.pointer(array, array is out)
        strides = broadcast_strides(array, out.shape)[:-2]
        pointers.append(f"{pointer} + {place(strides, letters)}")
    (m, k), n = a.shape[-2:], b.shape[-1]
    steps: list[Any] = [array.strides[-2:] for array in (a, b, out)]
    if n == 1 and m > 1:  # The transpose of a row times a matrix.
        (m, n), pointers = (1, m), [pointers[1], pointers[0], pointers[2]]
        steps = [steps[1][::-1], steps[0][::-1], steps[2][::-1]]
    body = Matrices(C_TYPES[out.dtype], m, k, n, pointers, steps).lines()
    loops = [opened(letter, length) for letter, length in zip(letters, stack) if length > 1]
    text = kernel.text(
        ["CONTRACTED", *loops, *body, "}" * len(loops)], attributes="NOINLINE PRODUCT"
    )
    return text, kernel.arrays


class Matrices:
    """The loops of one product of an (m, k) with a (k, n) matrix."""

    def __init__(
        self, real: str, m: int, k: int, n: int, pointers: list[str], strides: list[Any]
    ) -> None:
        self.real, self.m, self.k, self.n = real, m, k, n
        self.a, self.b, self.out = pointers
        (self.ai, self.ap), (self.bp, self.bj), (self.oi, self.oj) = strides

    def lines(self) -> list[str]:
        real, k, n = self.real, self.k, self.n
        head = [f"const {real} *A = {self.a};", f"{real} *C = {self.out};"]
        if n == 1 or self.bj == 1:
            return ["{", *head, f"const {real} *B = {self.b};", *self._rows(), "}"]
        head.append(f"const {real} *D = {self.b};")
        if self.m == 1:
            return ["{", *head, *self._columns(), "}"]
        head += [
            f"{real} B[{k * n}];",
            f"{opened('p', k)} {opened('j', n)}",
            f"  B[{n} * p + j] = D[{place((self.bp, self.bj), 'pj')}];",
            "}}",
        ]
        self.bp, self.bj = n, 1
        return ["{", *head, *self._rows(), "}"]

    def _columns(self) -> list[str]:
        """One row, each entry a sum of its own: what it is multiplied with lies in columns."""
        a, c = place((self.ap,), "p"), place((self.oj,), "j")
        return [
            opened("j", self.n),
            f"  {self.real} sum = 0;",
            f"  {opened('p', self.k)} sum += A[{a}] * D[{place((self.bp, self.bj), 'pj')}]; }}",
            f"  C[{c}] = sum;",
            "}",
        ]

    def _rows(self) -> list[str]:
        """Blocks of some columns, of as many rows at once as there are registers for."""
        longest = BYTES // (4 if self.real == "float" else 8)
        parts, lines = _parts(self.n, longest), list[str]()
        while parts:
            block, parts = parts[:4], parts[4:]
            (start, _), width = block[0], sum(width for _, width in block)
            block = [(first - start, each) for first, each in block]
            # Columns that are alike are a loop.
            again = 1
            while parts[:4] == [(start + again * width + first, each) for first, each in block]:
                parts, again = parts[4:], again + 1
            lines.append(
                f"for (long j = {start}; j < {start + again * width}; j += {width}) {{"
                if again > 1
                else f"{{ const long j = {start};"
            )
            # In blocks of about as many rows, as few sums at once wait for one another.
            blocks = -(-self.m // max(2, REGISTERS // len(block)))
            rows = -(-self.m // blocks)
            whole = self.m - self.m % rows
            lines += [
                f"for (long i = 0; i < {whole}; i += {rows}) {{",
                *self._block(rows, block),
                "}",
            ]
            if self.m > whole:
                lines.append(f"{{ const long i = {whole};")
                lines += [*self._block(self.m - whole, block), "}"]
            lines.append("}")
        return lines

    def _block(self, rows: int, block: Sequence[tuple[int, int]]) -> list[str]:
        """Sums of some rows from i on, in vectors of some columns from j on: starts and widths."""
        real = self.real
        names = {width: real if width == 1 else f"{real}{width}" for _, width in block}
        sums = [(row, index) for row in range(rows) for index in range(len(block))]
        b, c = place((self.bp, 1), ("p", "j")), (self.oi, 1)
        lines = [f"  {names[block[index][1]]} s{row}_{index} = {{0}};" for row, index in sums]
        lines.append(f"  {opened('p', self.k)}")
        for index, (start, width) in enumerate(block):
            name = names[width]
            # Read once, as volatile: in place of a register, compilers take them from memory again.
            at = f"*(const volatile {name} *)(B + {b} + {start})"
            lines.append(f"    const {name} b{index} = {at};")
        for row in range(rows):
            a = place((self.ai, self.ap), (f"(i + {row})", "p"))
            lines.append(f"    const {real} a{row} = A[{a}];")
            lines += [f"    s{row}_{i} += a{row} * b{i};" for i in range(len(block))]
        lines.append("  }")
        for row, index in sums:
            start, width = block[index]
            to = place(c, (f"(i + {row})", "j")) + f" + {start}"
            lines.append(f"  *({names[width]} *)(C + {to}) = s{row}_{index};")
        return lines


def _parts(length: int, longest: int) -> list[tuple[int, int]]:
    """Starts and lengths of vectors, which are powers of 2, that cover a length.

    What is left behind the longest ones is covered by another of them, which overlaps with the one
    before, where it would take several shorter ones.

    >>> _parts(26, 8), _parts(30, 8), _parts(6, 8)
    ([(0, 8), (8, 8), (16, 8), (24, 2)], [(0, 8), (8, 8), (16, 8), (22, 8)], [(0, 4), (4, 2)])
    """
    parts, rest = [(start, longest) for start in range(0, length - longest + 1, longest)], []
    start, width = len(parts) * longest, longest
    while start < length:
        if start + width <= length:
            rest.append((start, width))
            start += width
        width //= 2
    return [*parts, (length - longest, longest)] if parts and len(rest) > 1 else parts + rest


_LARGEST_PRODUCT = 2**20
_LARGEST_SCRATCH = 2**15


def is_too_large(product: Product) -> bool:
    """Whether it is left to the library that NumPy uses.

    That are those with more multiplications, and those for which more entries of the second matrix
    would be put in rows first, on the stack.
    """
    a, b = product.arrays
    shape, entries = product.out.shape, math.prod(b.shape[-2:])
    in_columns = b.strides[-1] != 1 and min(shape[-2:]) > 1
    multiplied = math.prod(shape) * a.shape[-1]
    return multiplied > _LARGEST_PRODUCT or (in_columns and entries > _LARGEST_SCRATCH)
