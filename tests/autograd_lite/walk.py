"""Checks of samples, as one test for each file of them."""

import pytest
from looping import raise_named
from samples import SAMPLES, SUBJECTS

from autograd_lite.protocol import full_name as name_of
from autograd_lite.table import TABLE

each_subject = pytest.mark.parametrize("subject", SUBJECTS)


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

        Of functions that are composed of others it is one where more than one is wanted, and else
        none: their parts have theirs.
        """

        @each_subject
        def test(subject):
            found = [self.failures(function, of_each) for function in SUBJECTS[subject]]
            raise_named([failure for failures in found for failure in failures])

        return test

    def failures(self, function, of_each=None):
        """What the checks say of a function's samples, with the errors."""
        samples = list(enumerate(SAMPLES[function]))
        if of_each:
            wanted = of_each if function in TABLE else min(1, of_each - 1)
            samples = samples[:: -(-len(samples) // wanted)] if wanted else []
        found = [self.failure_of(samples, *check) for check in self.checks]
        return [failure for failure in found if failure]

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
