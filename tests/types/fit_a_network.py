"""Training by nn.fit, with callbacks, and what it returns."""

from typing import assert_type

import numpy as np

import nn
from autograd_lite import Tensor
from autograd_lite.typing import Array

rng = np.random.default_rng(0)
X, y = rng.normal(size=(64, 2)), rng.integers(2, size=64)
model = nn.Sequential(nn.Dense(2, 8, "tanh", rng=0), nn.Dropout(0.1), nn.Dense(8, 2, rng=1))
optimizer = nn.AdamW(model.parameters(), learning_rate=0.01)
history = nn.fit(
    model,
    X,
    y,
    loss=nn.CrossEntropyLoss(),
    optimizer=optimizer,
    epochs=2,
    batch_size=16,
    validation=(X, y),
    metrics={"accuracy": nn.accuracy},
    callbacks=[nn.EarlyStopping(patience=3), nn.LRSchedule(nn.CosineAnnealing(optimizer, 2))],
    progress=False,
    rng=0,
)
assert_type(history, nn.History)
print(history["accuracy"][-1], history.best_epoch)
assert_type(nn.accuracy(nn.predict(model, X), y), float)
assert_type(model(X), Tensor)
assert_type(nn.predict(model, X), Array)
states, (last, cells) = nn.Sequential(nn.Dense(2, 3), nn.LSTM(3, 4))(np.ones((1, 5, 2)))
print(states.shape, last.shape, cells.shape)
