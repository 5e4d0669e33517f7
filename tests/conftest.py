import shutil

import pytest


@pytest.fixture
def c_compiler(tmp_path, monkeypatch):
    """One with a cache of its own; where there is none, the test is skipped."""
    from autograd_lite.program import compiler

    if not any(map(shutil.which, compiler.NAMES)):
        pytest.skip("there is no compiler")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def quick_c_compiler(c_compiler, monkeypatch):
    """The same, which optimizes nothing."""
    from autograd_lite.program import compiler

    monkeypatch.setattr(compiler, "FLAGS", [*compiler.FLAGS, "-O0"])


@pytest.fixture
def restored_table():
    """Rows that a test defines are forgotten afterwards."""
    from autograd_lite.derivatives import all_rows
    from autograd_lite.table import TABLE

    before = dict(all_rows())
    yield
    TABLE.clear()
    TABLE.update(before)
