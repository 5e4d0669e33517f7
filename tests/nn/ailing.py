"""A small network that is healthy, one that is ill, and samples for both."""

import numpy as np

import nn

X = np.random.default_rng(0).normal(size=(48, 4))
Y = (X[:, :1] > 0).astype(float)
LOSS = nn.BCEWithLogitsLoss()


def healthy(seed=0):
    return nn.Sequential(nn.Dense(4, 12, "relu", rng=seed), nn.Dense(12, 1, rng=seed + 1))


def ill():
    model = nn.Sequential(nn.Dense(4, 12, "relu", rng=0), nn.Dense(12, 1, rng=1), nn.Sigmoid())
    model[0].bias.data -= 99
    return model
