"""Tumours and handwritten digits, each told apart in five folds.

In each fold the scaling and the network are fitted to four fifths of the samples, a part of which
says when to stop, and the last fifth is predicted. Prints the accuracy of each fold, and writes a
confusion matrix of all predictions into output/real_data, or into the folder given as argument.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import classification_report
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

import nn
import viz


def network(n_features, n_classes, rng):
    return nn.Sequential(
        nn.Dense(n_features, 64, activation="relu", rng=rng),
        nn.Dropout(0.3, rng=rng),
        nn.Dense(64, 32, activation="relu", rng=rng),
        nn.Dense(32, n_classes, rng=rng),
    )


def learn(X, y, n_classes, rng):
    """A trained network; the classes count the same, however many samples each has."""
    model = network(X.shape[1], n_classes, rng)
    optimizer = nn.AdamW(model.parameters(), learning_rate=2e-3, weight_decay=1e-2)
    nn.fit(
        model,
        X,
        y,
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        epochs=100,
        validation=0.15,
        class_weight="balanced",
        callbacks=[
            nn.EarlyStopping(patience=12),
            nn.LRSchedule(nn.ReduceOnPlateau(optimizer, factor=0.3, patience=5)),
        ],
        progress=False,
        rng=rng,
    )
    return model


def cross_validate(X, y, rng):
    """The accuracy of each fold, and what each sample was taken for while it was held out."""
    predicted = np.empty_like(y)
    accuracies = []
    for training, held_out in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
        scaler = StandardScaler().fit(X[training])
        model = learn(scaler.transform(X[training]), y[training], len(np.unique(y)), rng)
        logits = nn.predict(model, scaler.transform(X[held_out]))
        accuracies.append(nn.accuracy(logits, y[held_out]))
        predicted[held_out] = logits.argmax(axis=1)
    return accuracies, predicted


def main(folder="output/real_data"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, load in {"breast_cancer": load_breast_cancer, "digits": load_digits}.items():
        data = load()
        accuracies, predicted = cross_validate(data.data, data.target, np.random.default_rng(0))
        for fold, accuracy in enumerate(accuracies, 1):
            print(f"{name}, fold {fold}: {accuracy:.1%}")
        print(f"{name}: {np.mean(accuracies):.1%} ± {np.std(accuracies):.1%}")
        labels = [str(label) for label in data.target_names]
        print(classification_report(data.target, predicted, target_names=labels, digits=3))
        figure = viz.plot_confusion_matrix(data.target, predicted, names=labels)
        figure.savefig(folder / f"{name}.png", dpi=150)
        plt.close(figure)
        print("picture:", folder / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
