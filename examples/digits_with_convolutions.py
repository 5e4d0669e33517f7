"""Handwritten digits, told apart by a convolutional network.

Networks from three seeds learn from four fifths of scikit-learn's digits, images of 8 by 8 pixels,
and are tried on the rest. Prints the accuracy of each, and draws the kernels of the first
layer beside what they see in digits, and the digits that are taken for others, into
output/digits_with_convolutions, or into the folder given as argument.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import nn
from autograd_lite import relu

SEEDS = (0, 1, 2)


def network(rng):
    """Two convolutions; the halved images are then told apart by a dense layer."""
    options = {"padding": "same", "rng": rng, "dtype": np.float32}
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, **options),
        nn.BatchNorm2d(16, dtype=np.float32),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, **options),
        nn.BatchNorm2d(32, dtype=np.float32),
        nn.ReLU(),
        nn.MaxPool(2),
        nn.Flatten(),
        nn.Dropout(0.5, rng=rng),
        nn.Dense(32 * 4 * 4, 10, rng=rng, dtype=np.float32),
    )


def load(seed):
    """Images (n, 1, 8, 8) of pixels from 0 to 1, and digits: to learn from, and to be tried on."""
    data = load_digits()
    images = (data.images / 16).astype(np.float32)[:, None]
    return train_test_split(
        images, data.target, test_size=0.2, random_state=seed, stratify=data.target
    )


def learn(seed):
    """A trained network, held-out images, their digits, and what the network takes them for."""
    rng = np.random.default_rng(seed)
    X, X_test, y, y_test = load(seed)
    model = network(rng)
    optimizer = nn.Adam(model.parameters(), learning_rate=2e-3)
    nn.fit(
        model,
        X,
        y,
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        epochs=12,
        batch_size=32,
        progress=False,
        rng=rng,
    )
    return model, X_test, y_test, nn.predict(model, X_test).argmax(axis=1)


def draw_first_layer(path, model, images):
    """Each kernel in a row with what it sees: where its patch of a digit agrees with it."""
    kernels = model[0].weight.data[:, 0]
    seen = nn.predict(nn.Sequential(*model[:2], relu), images)
    rows, columns = len(kernels) // 2 + 1, 2 * (len(images) + 1)
    size = (columns * 0.8, rows * 0.8 + 0.4)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    bound = np.abs(kernels).max()
    for half in range(2):
        first = half * (len(images) + 1)
        for column, image in enumerate(images, first + 1):
            axes[0, column].imshow(image[0], cmap="gray_r")
        for row, number in enumerate(range(half, len(kernels), 2), 1):
            axes[row, first].imshow(kernels[number], cmap="RdBu_r", vmin=-bound, vmax=bound)
            for column in range(len(images)):
                axes[row, first + 1 + column].imshow(seen[column, number], cmap="magma")
    figure.suptitle("kernels of the first layer (red above 0), and what they see in digits")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_misread(path, images, digits, predicted):
    """Digits that were taken for others, at most 20 of them."""
    wrong = np.flatnonzero(digits != predicted)[:20]
    columns = max(len(wrong), 1)
    size = (columns * 1.1, 1.8)
    figure, axes = plt.subplots(1, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, index in zip(axes.flat, wrong):
        axis.imshow(images[index, 0], cmap="gray_r")
        axis.set_title(f"{digits[index]}, taken\nfor {predicted[index]}", fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(folder="output/digits_with_convolutions"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    accuracies, images, digits, predicted = [], [], [], []
    for seed in SEEDS:
        model, X_test, y_test, taken_for = learn(seed)
        accuracies.append(np.mean(taken_for == y_test))
        print(f"digits, seed {seed}: {accuracies[-1]:.2%} of {len(y_test)} held-out images")
        images.append(X_test)
        digits.append(y_test)
        predicted.append(taken_for)
    print(f"digits: {np.mean(accuracies):.2%}")
    examples = [np.flatnonzero(y_test == digit)[0] for digit in (0, 1, 4, 7)]
    draw_first_layer(folder / "first_layer.png", model, X_test[examples])
    draw_misread(
        folder / "misread.png", *(np.concatenate(part) for part in (images, digits, predicted))
    )
    for name in ("first_layer", "misread"):
        print("picture:", folder / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
