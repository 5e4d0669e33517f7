"""Which cases of a test are for which tier."""

import pytest


def in_second_tier(values, but):
    """Parameters that are for the exhaustive tier, but for some."""
    marks = {True: (), False: pytest.mark.exhaustive}
    return [pytest.param(value, marks=marks[value in but]) for value in values]
