"""Put what benchmarks print into the page about speed.

Of docs/speed.md each block below a mark `<!-- NAME.py -->` is replaced by what that script prints,
in a process of its own.

Run it on a machine that does nothing else, for some minutes, with the extra `bench`:
python benchmarks/record.py [NAME ...]
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "speed.md"
BLOCK = re.compile(r"(<!-- (\w+)\.py -->\n+```text\n).*?(```)", re.S)


def machine() -> str:
    """What the figures depend on, in a line."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processor = found[1] if found else platform.processor()
    return f"{processor}, Python {platform.python_version()}, NumPy {np.__version__}"


def recorded(block: re.Match[str], wanted: list[str]) -> str:
    name = block[2]
    if wanted and name not in wanted:
        return block[0]
    print(name, flush=True)
    script = [sys.executable, str(HERE / f"{name}.py")]
    printed = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=True).stdout
    if "left out" in printed:
        raise SystemExit(f"{name}: {printed.splitlines()[0]}. Run: pip install -e '.[bench]'")
    return f"{block[1]}{machine()}\n\n{printed.strip()}\n{block[3]}"


if __name__ == "__main__":
    wanted = sys.argv[1:]
    text = BLOCK.sub(lambda block: recorded(block, wanted), PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")
