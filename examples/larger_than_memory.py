"""Handwritten digits from files that need not fit into memory.

Each of 1437 digits is written many times, moved by a pixel at random, into memory maps in a folder
for temporary files. Training reads them a block at a time; each batch gets noise of its own, and a
classifier for digits that it has not seen, nor their copies, comes out. The same is learned from
batches that a function makes.
"""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import nn

COPIES = 60


def moved(images, rng):
    """Images (n, 8, 8), each moved by at most a pixel along one axis."""
    step, axis = rng.integers(-1, 2), rng.integers(1, 3)
    return np.roll(images, step, axis=axis)


def write(folder, X, y):
    """Memory maps of all copies, in random order, of which only one is in memory at a time."""
    rng = np.random.default_rng(0)
    shape = (COPIES * len(X), X.shape[1])
    samples = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, shape)
    labels = np.lib.format.open_memmap(folder / "y.npy", "w+", np.int64, shape[:1])
    places = rng.permutation(len(labels)).reshape(COPIES, len(X))
    for rows in places:
        samples[rows] = moved(X.reshape(-1, 8, 8), rng).reshape(len(X), -1)
        labels[rows] = y


def with_noise(X, y, rng):
    return X + 0.1 * rng.standard_normal(X.shape, dtype=np.float32), y


def slices(X, y, rng):
    """Batches of rows that lie together, in random order."""
    for start in rng.permutation(np.arange(0, len(X), 128)):
        yield X[start : start + 128], y[start : start + 128]


def learn(X, y=None, **options):
    model = nn.Sequential(
        nn.Dense(64, 64, activation="relu", rng=0, dtype=np.float32),
        nn.Dense(64, 10, rng=1, dtype=np.float32),
    )
    optimizer = nn.Adam(model.parameters(), learning_rate=2e-3)
    history = nn.fit(
        model,
        X,
        y,
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        epochs=2,
        batch_size=128,
        progress=False,
        rng=0,
        **options,
    )
    return model, history


def main():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.2, random_state=0, stratify=y)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), X, y)
        samples, labels = (np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in "Xy")
        print(f"{len(samples)} samples, {samples.nbytes / 1e6:.0f} MB on disk")
        model, history = learn(samples, labels, augment=with_noise)
        print("memory maps:", history)
        print(f"{nn.accuracy(nn.predict(model, X_test), y_test):.1%} of {len(y_test)} new digits")
        model, history = learn(lambda rng: slices(samples, labels, rng))
        print("a function of batches:", history)
        print(f"{nn.accuracy(nn.predict(model, X_test), y_test):.1%} of {len(y_test)} new digits")


if __name__ == "__main__":
    main()
