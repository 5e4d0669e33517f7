"""A network with both norms and a skip connection, and data for it, all without random numbers."""

import numpy as np

import nn

X = np.sin(np.arange(100.0) ** 2).reshape(20, 5)
LABELS = np.arange(20) * 7 % 3
STEPS = 50
LEARNING_RATE = 0.1


def waves(rng, fan_in, fan_out):
    """Weights of about Xavier's size."""
    return np.cos(np.arange(1.0, fan_in * fan_out + 1) ** 2).reshape(fan_in, fan_out) / 2


def build():
    return nn.Sequential(
        nn.Dense(5, 8, weight_init=waves),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Residual(nn.Sequential(nn.Dense(8, 8, weight_init=waves), nn.LayerNorm(8), nn.Tanh())),
        nn.Dense(8, 3, weight_init=waves),
    )


def train(model):
    """The loss before each step, and the model's state afterwards."""
    optimizer = nn.SGD(model.parameters(), learning_rate=LEARNING_RATE)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(X), LABELS)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, model.state_dict()
