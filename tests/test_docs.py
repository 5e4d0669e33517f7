"""Every block of the documentation runs, its mistakes are named, and its guides are notebooks."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from autograd_lite import elu, relu

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))

from generate import api, mistakes, notebooks, table  # noqa: E402 - found where the line above says

PAGES = sorted(DOCS.glob("*.md"))
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.S)
# The last digits of rounding errors differ between processors.
ROUNDING = re.compile(r"0\.0e\+00|\S+e-1[5-9]")


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_the_blocks_of_a_page_print_what_it_says(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for code, shown in BLOCK.findall(page.read_text(encoding="utf-8")):
        exec(compile(code, page.name, "exec"), {"__name__": "docs"})
        printed = capsys.readouterr().out
        if shown:
            assert ROUNDING.sub("", printed).split() == ROUNDING.sub("", shown).split(), code


def test_the_tables_of_speed_are_those_of_benchmarks():
    benchmarks = DOCS.parent / "benchmarks"
    code = (benchmarks / "record.py").read_text()
    pattern = re.compile(re.search(r'BLOCK = re.compile\(r"(.*)", re.S\)', code)[1], re.S)
    page = (DOCS / "speed.md").read_text()
    names = [block[2] for block in pattern.finditer(page)]
    assert len(names) == page.count("<!--") > 5
    assert all((benchmarks / f"{name}.py").exists() for name in names)


@pytest.mark.exhaustive
def test_code_in_the_reference_and_in_the_table_has_room_on_a_page():
    for name, text in {**api.pages(), **table.pages()}.items():
        for block in re.findall(r"```python\n(.*?)```", text, re.S):
            assert max(map(len, block.split("\n"))) <= 100, (name, block)
            if name.startswith("table"):
                compile(block, name, "exec")


@pytest.mark.exhaustive
@pytest.mark.parametrize("title", mistakes.BASES)
def test_a_right_derivation_is_right_and_each_mistake_in_it_is_named(title):
    base = mistakes.BASES[title]
    right = mistakes.report_of(mistakes.IMPORTS + base)
    assert right.count("agrees") == len(right.splitlines()) - 1
    for mistake in (each for each in mistakes.MISTAKES if each.base is base):
        report = mistakes.report_of(mistakes.code_of(mistake))
        assert "No single or double mistake" not in report, mistake.title
        assert "differs" in report, mistake.title


@pytest.mark.exhaustive
def test_rows_give_the_same_numbers_with_the_functions_of_the_standard_alone():
    pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    from generate import array_api

    found = array_api.outcomes()
    assert all(found[function].runs for function in (np.tanh, np.matmul, np.concatenate, np.var))
    assert found[np.convolve].reason == "Lacking: the standard lacks np.convolve"
    assert all(each.runs or each.reason for each in found.values())
    assert sum(each.runs for each in found.values()) > 180


@pytest.mark.exhaustive
def test_the_guides_are_notebooks_that_run(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    for path in notebooks.write(tmp_path):
        notebook = nbformat.read(path, as_version=4)
        client.NotebookClient(
            notebook, timeout=120, resources={"metadata": {"path": tmp_path}}
        ).execute()
        codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert len(codes) >= 2
        assert all(cell.outputs for cell in codes), path


def test_a_kink_in_the_table_says_which_options_it_has_other_than_the_rule():
    assert "is [0.5, 1. ] at [0., 1.] with alpha=0.5." in table._entry(elu)
    assert "is [0., 1.] at [0., 1.]." in table._entry(relu)
