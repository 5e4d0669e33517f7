"""A test that loops over its cases runs all of them, and names those that fail."""

import inspect

import pytest
from looping import looped


def test_all_cases_are_run_and_those_that_fail_are_named():
    seen = []

    @looped(("a", "b"), [(1, 1), (2, 3), (4, 4), (5, 6)])
    def equal(a, b):
        seen.append(a)
        assert a == b

    with pytest.raises(AssertionError) as caught:
        equal()
    first, second = [line for line in str(caught.value).splitlines() if " = (" in line]
    assert first.startswith("a, b = (2, 3): ")
    assert second.startswith("a, b = (5, 6): ")
    assert seen == [1, 2, 4, 5]


def test_loops_go_into_each_other_and_leave_other_arguments_to_pytest():
    seen = []

    @looped("a", [1, 2])
    @looped("b", "xy", ids=str.upper)
    def never(a, b, tmp_path):
        seen.append((a, b))
        with pytest.raises(ValueError, match="never"):
            pass

    assert [*inspect.signature(never).parameters] == ["tmp_path"]
    with pytest.raises(AssertionError, match="a = 2: b = X: DID NOT RAISE"):
        never(tmp_path=None)
    assert seen == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]
