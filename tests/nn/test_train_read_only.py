"""What functions of one's own are given in a training is the caller's, and is not written to."""

import numpy as np
import pytest
from training_runs import X, Y, fit, line

import nn
from autograd_lite.errors import MutationError


class InPlace(nn.Module):
    def __init__(self):
        self.inner = line()

    def forward(self, x):
        x /= 2
        return self.inner(x)


def halved(predictions, targets):
    targets /= 2
    return abs(predictions - targets).mean()


def cut(predictions, targets):
    predictions[predictions < 0] = 0
    return 0.0


def shrinking(predictions, targets, weights=None):
    if weights is not None:
        weights /= 2
    return ((predictions - targets) ** 2).mean(axis=1)


def batches():
    yield X, Y


def test_samples_targets_and_predictions_stay_what_they_are():
    X_before, Y_before = X.copy(), Y.copy()
    inner = InPlace()
    for call in (
        lambda: fit(InPlace()),
        lambda: fit(InPlace(), validation=0.25),
        lambda: fit(line(), validation=0.25, loss=halved),
        lambda: fit(line(), loss=halved),
        lambda: fit(line(), loss=shrinking, sample_weight=np.arange(1.0, 13)),
        lambda: fit(line(), metrics={"cut": cut}),
        lambda: fit(line(), metrics={"halved": halved}),
        lambda: fit(InPlace(), X=batches, y=None),
        lambda: fit(InPlace(), X=batches(), y=None, epochs=1),
        lambda: nn.predict(inner, X),
        lambda: nn.predict(inner, {"x": X}, batch_size=5),
        lambda: nn.overfit_one_batch(
            inner, X, Y, loss="mse", optimizer=nn.SGD(inner.parameters(), 0.1)
        ),
    ):
        with pytest.raises(MutationError, match="it writes to an array that it is given"):
            call()
        np.testing.assert_array_equal(X, X_before)
        np.testing.assert_array_equal(Y, Y_before)


def test_augmented_samples_may_be_changed_in_place():
    def augment(X, y, rng):
        X += rng.normal(size=X.shape)
        return X, y

    before = X.copy()
    fit(line(), augment=augment)
    np.testing.assert_array_equal(X, before)
