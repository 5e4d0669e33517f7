import signal

import pytest

from nn.architecture import REGISTERED


@pytest.fixture(autouse=True)
def ctrl_c_raises():
    """A process that was started in the background ignores Ctrl-C, which the tests press."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def path(tmp_path):
    """Of a file for a model."""
    return tmp_path / "model.safetensors"


@pytest.fixture
def own_classes():
    """Classes that a test registers are forgotten afterwards."""
    known = dict(REGISTERED)
    yield
    REGISTERED.clear()
    REGISTERED.update(known)
