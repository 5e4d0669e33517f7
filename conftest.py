"""Two tiers of tests: the default one, and all there are with `--exhaustive`."""

import gc
import os

import pytest

# There are as many processes as processors: the libraries need no threads of their own.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# Those that tests start need not compile the packages again.
os.environ["PYTHONDONTWRITEBYTECODE"] = ""

# The doctests of modules are collected by the modules' names, which these have in common; and
# scripts are no modules.
collect_ignore_glob = ["*conftest.py", "*/tests/types/*"]


def pytest_addoption(parser):
    """The option for all tests there are."""
    parser.addoption("--exhaustive", action="store_true", help="run the tests of minutes as well")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path):
    """Files of tests have no doctests, and are looked through once."""
    found = yield
    is_of_tests = file_path.name.startswith("test_")
    return [each for each in found if not is_of_tests or type(each) is pytest.Module]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Without the option, leave out what is marked as exhaustive."""
    if config.getoption("exhaustive"):
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is imported and collected stays: the collector need not walk it again and again."""
    thresholds = gc.get_threshold()
    gc.set_threshold(10**9)  # disabled, it would stay so: Dask keeps what it sees when imported
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*thresholds)


def pytest_runtest_teardown(item, nextitem):
    """So does what the tests of a module have imported."""
    if nextitem is not None and nextitem.path != item.path:
        gc.collect()
        gc.freeze()
