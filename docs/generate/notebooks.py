"""The guides as notebooks: python -m generate.notebooks FOLDER, in the folder docs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

GUIDES = ("scripts", "lectures", "derivations")
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n.*?```)?", re.S)


def notebook(text: str) -> Any:
    """A notebook with a cell for each block of Python, and one for what stands between."""
    import nbformat.v4 as v4

    cells, end = [], 0
    for found in BLOCK.finditer(text):
        between = text[end : found.start()].strip()
        if between:
            cells.append(v4.new_markdown_cell(between))
        cells.append(v4.new_code_cell(found[1].strip()))
        end = found.end()
    if text[end:].strip():
        cells.append(v4.new_markdown_cell(text[end:].strip()))
    made = v4.new_notebook(cells=cells)
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"
    return made


def write(folder: Path) -> list[Path]:
    """Write the notebook of each guide into a folder."""
    import nbformat

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in GUIDES:
        text = (Path(__file__).parents[1] / f"{name}.md").read_text(encoding="utf-8")
        paths.append(folder / f"{name}.ipynb")
        nbformat.write(notebook(text), paths[-1])
    return paths


if __name__ == "__main__":
    write(Path(sys.argv[1]))
