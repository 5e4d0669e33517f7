"""What scripts give: lists, tuples, float32, classes as a list."""

import numpy as np

import nn
from autograd_lite import Tensor
from autograd_lite.typing import Array, ArrayLike, Labels, Samples


def learn(X: Samples, y: Labels) -> nn.History:
    model = nn.Dense(2, 2, rng=0, dtype=np.float32)
    return nn.fit(
        model,
        X,
        y,
        loss="cross_entropy",
        optimizer=nn.Adam(model.parameters()),
        epochs=1,
        progress=False,
    )


def plain(values: ArrayLike) -> Array:
    return values.data if isinstance(values, Tensor) else np.asarray(values)


print(learn([[0.0, 1.0], [1.0, 0.0]], [0, 1]), plain([1, 2]), plain(Tensor(2.0)))
