"""A callback and a metric of one's own."""

from typing import Any

import numpy as np

import nn
from autograd_lite.typing import Array


class Widths(nn.Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def epoch_end(self, training: nn.Training) -> None:
        self.seen.append(float(np.abs(training.model.parameters()[0].data).max()))


def within(predictions: Array, targets: Array) -> float:
    return float(np.mean(np.abs(predictions - targets) < 0.5))


def log_cosh(predictions: Any, targets: Any) -> Any:
    return np.log(np.cosh(predictions - targets)).mean()


X, y = np.ones((8, 2)), np.ones((8, 1))
model, widths = nn.Dense(2, 1, rng=0), Widths()
nn.fit(
    model,
    X,
    y,
    loss=log_cosh,
    optimizer=nn.SGD(model.parameters(), learning_rate=0.1),
    epochs=2,
    metrics={"within": within},
    callbacks=[widths],
    progress=False,
)
print(widths.seen)
