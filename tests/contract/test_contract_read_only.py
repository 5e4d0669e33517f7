"""What computed tensors show is read-only, and what is written past that is noticed."""

from contextlib import suppress

import numpy as np
import pytest
from looping import looped

from autograd_lite import MutationError, Tensor, softmax


def leaf(data):
    return Tensor(np.array(data, float), requires_grad=True, name="w")


AT = {
    "itself": lambda p: p.data,
    "as an array": lambda p: p.numpy(),
    "a part": lambda p: p[:1].data,
    "transposed": lambda p: p.T.data,
}


@looped("show", AT.values(), ids=AT)
@looped("late", [False, True])
@looped("use", [np.sum, lambda p: (p * p).sum(), lambda p: np.exp(p + 1).sum()])
def test_what_is_written_past_an_array_s_being_read_only_is_noticed(show, late, use):
    """The methods `at` of ufuncs do so, in NumPy itself; later NumPys refuse it."""
    logits = leaf([[1, 2], [3, 4]])
    p = softmax(logits)
    delta = None if late else show(p)
    loss = use(p)
    delta = show(p) if late else delta
    before = delta.copy()
    with suppress(ValueError):
        np.subtract.at(delta, (0, 1), 1)
    if np.array_equal(delta, before):
        return  # NumPy has refused it
    with pytest.raises(MutationError, match=r"softmax.*its result.*Change a copy"):
        loss.backward()
    assert logits.grad is None
    np.add.at(delta, (0, 1), before[0, 1] - delta[0, 1])
    assert (delta == before).all()
    loss.backward()
    again = leaf([[1, 2], [3, 4]])
    use(softmax(again)).backward()
    np.testing.assert_array_equal(logits.grad, again.grad)
