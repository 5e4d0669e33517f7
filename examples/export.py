"""A network for handwritten digits that runs without this library: as ONNX, and as one NumPy file.

Learns the digits that scikit-learn ships, writes digits.onnx and digits_numpy.py into
output/export, or into the folder given as argument, runs both on digits that are new to it, and
prints how far they are from `nn.predict`, and how large they are.
"""

import runpy
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import nn


def network():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=0, dtype=np.float32),
        nn.BatchNorm2d(8, dtype=np.float32),
        nn.ReLU(),
        nn.MaxPool(2),
        nn.Flatten(),
        nn.Dense(8 * 4 * 4, 10, rng=1, dtype=np.float32),
    )


def main(folder="output/export"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    X, X_new, y, y_new = train_test_split(images, labels, test_size=0.2, random_state=0)
    model = network()
    optimizer = nn.Adam(model.parameters(), 0.01)
    nn.fit(model, X, y, loss="cross_entropy", optimizer=optimizer, epochs=5, progress=False, rng=0)
    expected = nn.predict(model, X_new)
    print(f"{nn.accuracy(expected, y_new):.1%} of {len(y_new)} new digits right")

    path = folder / "digits.onnx"
    onnx.save(nn.to_onnx(model, X[:2]), path)
    (found,) = onnxruntime.InferenceSession(path).run(None, {"x": X_new})
    print(f"{path}: {path.stat().st_size} bytes, {abs(found - expected).max():.1e} apart")

    path = folder / "digits_numpy.py"
    path.write_text(nn.to_numpy_source(model, X[:2]))
    found = runpy.run_path(str(path))["forward"](X_new)
    print(f"{path}: {path.stat().st_size} bytes, {abs(found - expected).max():.1e} apart")


if __name__ == "__main__":
    main(*sys.argv[1:])
