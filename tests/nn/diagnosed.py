"""Networks and samples that the tests of `diagnose` share, and what is found in them."""

from functools import partial
from itertools import pairwise

import numpy as np

import nn

LARGE = partial(nn.init.normal, standard_deviation=1.0)
SMALL = nn.init.normal
X = np.random.default_rng(0).normal(size=(64, 8))
LABELS = np.random.default_rng(1).integers(0, 10, 64)
YES = (X[:, :1] > 0).astype(float)
ONE_HOT = np.eye(10)[LABELS]
YES_OR_NO, CLASSES = nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()


def network(sizes, activation="relu", output=None, weight_init=None):
    """Dense layers by the names 0, 1, ...; the activation belongs to its layer."""
    rng = np.random.default_rng(1)
    activations = [*[activation] * (len(sizes) - 2), output]
    return nn.Sequential(
        *(
            nn.Dense(*pair, activation=function, weight_init=weight_init, rng=rng)
            for pair, function in zip(pairwise(sizes), activations)
        )
    )


def found(model, X, y, loss, **options):
    return {f.name: f for f in nn.diagnose(model, X, y, loss=loss, **options).findings}


def names(model, X, y, loss, **options):
    return list(found(model, X, y, loss, **options))
