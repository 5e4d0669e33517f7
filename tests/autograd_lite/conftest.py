"""Random tests have fifteen times as many examples in the exhaustive tier."""

from hypothesis import settings

settings.register_profile("default", max_examples=40, derandomize=True, deadline=None)
settings.register_profile("exhaustive", settings.get_profile("default"), max_examples=600)


def pytest_configure(config):
    settings.load_profile("exhaustive" if config.getoption("exhaustive") else "default")
