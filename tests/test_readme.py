"""Every block of the README runs, and its picture shows what its code records."""

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", README, flags=re.DOTALL)


@pytest.mark.parametrize(("code", "shown"), BLOCKS, ids=range(len(BLOCKS)))
def test_python_block_runs_as_printed(code, shown, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert printed
    if shown:
        # The last digits of rounding errors differ between processors.
        rounding = re.compile(r"0\.0e\+00|\S+e-1[5-9]")
        assert rounding.sub("", printed).split() == rounding.sub("", shown).split()


def test_picture_is_the_graph_of_the_first_block(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[0][0], "README.md", "exec"), {"__name__": "readme"})

    def texts(path):
        return [element.text for element in ElementTree.parse(path).iter() if element.text]

    assert texts(ROOT / "docs" / "graph.svg") == texts(tmp_path / "graph.svg")


def test_documents_that_the_readme_links_to_exist():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_all_extras_are_named():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    for extra in extras:
        assert f"`{extra}`" in README, extra
