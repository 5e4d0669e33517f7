"""What the benchmarks share: one thread, an interleaved timer, a table printer.

Import it before NumPy: the numerical libraries read the number of threads when they are loaded.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
    os.environ[variable] = "1"  # the last one is JAX's
os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}


def interleaved(
    contenders: dict[str, Callable[[], object]], rounds: int, block: int = 1
) -> dict[str, float]:
    """Seconds of one call of each contender: the minimum over the rounds of a block's mean.

    They are seconds of this process's processor time, so that what else the machine runs counts
    less, and what JAX computes in a thread of its own counts as well. Each round runs every
    contender for one block of calls, so that whatever slows the machine for a while slows all of
    them. The garbage collector starts each block clean.
    """
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, call in contenders.items():
            gc.collect()
            start = time.process_time()
            for _ in range(block):
                call()
            best[name] = min(best[name], (time.process_time() - start) / block)
    return best


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest entry: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, ["-" * width for width in widths], *rows):
        first, *others = (
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]))


def verdict(ratio: float, target: float) -> str:
    """A ratio beside its target, and whether it is met."""
    shown, most = (f"{x:.2f}" if x >= 0.1 else f"{x:.2g}" for x in (ratio, target))
    return f"{shown} of at most {most}: {'met' if ratio <= target else 'MISSED'}"
