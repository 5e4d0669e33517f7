"""Random tests have fifteen times as many examples in the exhaustive tier."""

from hypothesis import settings
from hypothesis.internal.conjecture import providers

# It would look for constants in all files of the packages, and draw them: that takes seconds, and
# programs would be others whenever a file is.
providers._get_local_constants = lambda: providers._local_constants

settings.register_profile("default", max_examples=40, derandomize=True, deadline=None)
settings.register_profile("exhaustive", settings.get_profile("default"), max_examples=600)


def pytest_configure(config):
    settings.load_profile("exhaustive" if config.getoption("exhaustive") else "default")
