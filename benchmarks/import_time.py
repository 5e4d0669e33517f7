"""The time of `import autograd_lite` against `import numpy`, in fresh interpreters.

Run it: python benchmarks/import_time.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from timing import print_table, verdict

TARGET = 1.15
ROUNDS = 20


def import_seconds(module: str, bytecode: str) -> float:
    """What importing a module takes in an interpreter that was just started.

    The interpreter keeps its compiled modules in the folder `bytecode`.
    """
    code = (
        "import time; start = time.perf_counter(); "
        f"import {module}; print(time.perf_counter() - start)"
    )
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    return float(subprocess.check_output([sys.executable, "-c", code], env=environment))


def main() -> None:
    """Measure by turns, print the minimum of each."""
    modules = ("numpy", "autograd_lite")
    with tempfile.TemporaryDirectory() as bytecode:
        # The first round compiles, and is never the minimum.
        rounds = [[import_seconds(module, bytecode) for module in modules] for _ in range(ROUNDS)]
    numpy, autograd_lite = map(min, zip(*rounds, strict=True))
    print_table(
        ["import", "ms"],
        [["numpy", f"{numpy * 1e3:.1f}"], ["autograd_lite", f"{autograd_lite * 1e3:.1f}"]],
    )
    print(f"autograd_lite / numpy: {verdict(autograd_lite / numpy, TARGET)}")


if __name__ == "__main__":
    main()
