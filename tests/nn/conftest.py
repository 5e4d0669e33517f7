import signal

import pytest


@pytest.fixture(autouse=True)
def ctrl_c_raises():
    """A process that was started in the background ignores Ctrl-C, which the tests press."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
