"""The CPU time of importing each package against `import numpy`, in fresh interpreters.

Run it: python benchmarks/import_time.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from timing import print_table, verdict

TARGETS = {"autograd_lite": 1.15, "nn": 1.65, "viz": 1.7}
ROUNDS = 20


def import_seconds(module: str, bytecode: str) -> float:
    """What importing a module takes in an interpreter that was just started.

    The interpreter keeps its compiled modules in the folder `bytecode`.
    """
    code = (
        "import time; start = time.process_time(); "
        f"import {module}; print(time.process_time() - start)"
    )
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    return float(subprocess.check_output([sys.executable, "-c", code], env=environment))


def main() -> None:
    """Measure by turns, print the minimum of each."""
    modules = ("numpy", *TARGETS)
    with tempfile.TemporaryDirectory() as bytecode:
        # The first round compiles, and is never the minimum.
        rounds = [[import_seconds(module, bytecode) for module in modules] for _ in range(ROUNDS)]
    seconds = dict(zip(modules, map(min, zip(*rounds, strict=True)), strict=True))
    print_table(
        ["import", "ms"], [[module, f"{best * 1e3:.1f}"] for module, best in seconds.items()]
    )
    for module, target in TARGETS.items():
        print(f"{module} / numpy: {verdict(seconds[module] / seconds['numpy'], target)}")


if __name__ == "__main__":
    main()
