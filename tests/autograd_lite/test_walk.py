"""Checks of samples are made, and what fails is named."""

import numpy as np
import pytest
from looping import looped
from samples import SAMPLES, SUBJECTS
from walk import Walk, name_of


def test_what_fails_is_named_by_function_sample_and_check_and_the_checks_behind_are_made():
    walk, checked = Walk(), []

    @walk.each_sample
    def no_array_is_empty(sample):
        assert all(array.size for array in sample.arrays), "it is"

    @walk.each_smooth_sample
    def all_are_seen(sample):
        checked.append(sample)

    @walk.each_sample
    def an_error_is_raised(sample):
        with pytest.raises(ValueError, match="never"):
            pass

    (first, _), (last, _) = walk.failures(np.tanh)
    empty = [array.size for (array,) in (sample.arrays for sample in SAMPLES[np.tanh])].index(0)
    assert first.startswith(f"np.tanh, sample {empty}: no array is empty: it is")
    assert last.startswith("np.tanh, sample 0: an error is raised: DID NOT RAISE")
    assert [id(sample) for sample in checked] == [id(sample) for sample in SAMPLES[np.tanh]]


def test_smooth_samples_are_those_at_no_kink():
    walk, checked = Walk(), []
    walk.each_smooth_sample(checked.append)
    assert not walk.failures(np.maximum)
    kinks = [sample for sample in SAMPLES[np.maximum] if sample.kink]
    assert kinks
    assert len(checked) == len(SAMPLES[np.maximum]) - len(kinks)


def test_some_samples_come_from_all_over_the_list():
    walk, checked = Walk(), []
    walk.each_sample(checked.append)
    assert not walk.failures(np.sum, of_each=4)
    numbers = [[sample is other for other in SAMPLES[np.sum]].index(True) for sample in checked]
    assert 1 < len(numbers) <= 4
    assert np.ptp(numbers) > len(SAMPLES[np.sum]) / 2


@looped(("of_each", "taken"), [(None, len(SAMPLES[np.linalg.norm])), (4, 1), (1, 0)])
def test_of_what_is_composed_at_most_one_sample_is_taken_where_all_are_not(of_each, taken):
    walk, checked = Walk(), []
    walk.each_sample(checked.append)
    assert not walk.failures(np.linalg.norm, of_each)
    assert len(checked) == taken


def test_all_that_fail_in_a_file_are_named():
    walk = Walk()

    @walk.each_sample
    def nothing_is_right(sample):
        raise ValueError("wrong")

    with pytest.raises(AssertionError) as caught:
        walk.test()("sorting")
    lines = str(caught.value).splitlines()
    assert lines == [
        f"{name_of(function)}, sample 0: nothing is right: wrong"
        for function in SUBJECTS["sorting"]
    ]
