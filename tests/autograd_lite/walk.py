"""Checks of samples, as one test for each function of the table."""

import pytest
from samples import SAMPLES

from autograd_lite.protocol import full_name as name_of
from autograd_lite.table import TABLE

each_function = pytest.mark.parametrize("function", SAMPLES, ids=name_of)


class Walk:
    """Checks that hold for each sample of each function of the table.

    A check is a function of a sample, and is added with a decorator. The tests that `test` makes
    name the function, the sample and the check that failed; checks behind it are made, too.
    """

    def __init__(self):
        self.checks = []

    def each_sample(self, check):
        self.checks.append((check, lambda sample: True))
        return check

    def each_smooth_sample(self, check):
        self.checks.append((check, lambda sample: not sample.kink))
        return check

    def test(self, of_each=None):
        """The test, on all samples of a function, or on so many from all over them.

        Of functions that are composed of others it is one then: their parts have more.
        """

        @each_function
        def test(function):
            samples = list(enumerate(SAMPLES[function]))
            if of_each:
                step = -(-len(samples) // of_each) if function in TABLE else len(samples)
                samples = samples[::step]
            found = [self.failure_of(samples, *check) for check in self.checks]
            failures = [failure for failure in found if failure]
            if failures:
                raise AssertionError("\n".join(text for text, _ in failures)) from failures[0][1]

        return test

    def failure_of(self, samples, check, applies):
        """What the check says of the first sample that fails it, and the error; or None."""
        for number, sample in samples:
            try:
                if applies(sample):
                    check(sample)
            except (Exception, pytest.fail.Exception) as error:
                what = check.__name__.replace("_", " ")
                return f"{name_of(sample.row)}, sample {number}: {what}: {error}", error
        return None
