"""In which order the files of the search are read."""

import re
from pathlib import Path

from autograd_lite import forensics

FOLDER = Path(forensics.__file__).parent


def test_each_file_is_named_once_and_after_those_that_it_imports():
    named = re.findall(r"`(\w+)`", forensics.__doc__)
    assert sorted(named) == sorted({path.stem for path in FOLDER.glob("*.py")} - {"__init__"})
    for place, name in enumerate(named):
        source = (FOLDER / f"{name}.py").read_text()
        imported = set(re.findall(r"^from autograd_lite\.forensics\.(\w+) import", source, re.M))
        assert imported <= {*named[:place]}, (name, imported - {*named[:place]})
