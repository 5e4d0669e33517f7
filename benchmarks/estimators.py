"""`nn.estimators` beside scikit-learn's own networks: time of fit, and accuracy on held-out data.

Both have one hidden layer of 100 units and scikit-learn's defaults: Adam, 200 epochs, batches of
200 samples. The data are those that scikit-learn ships; each figure is a mean over ten seeds, which
split the data and draw the weights, and beside their difference stands its standard error. The
score is the accuracy, of diabetes the share of variance.

Run it: python benchmarks/estimators.py
"""

from __future__ import annotations

import time
import warnings

from timing import print_table, verdict  # isort: split

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from nn.estimators import NeuralClassifier, NeuralRegressor

SEEDS = 10
TARGET = 0.7
DATA = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}


def split(name, seed):
    X, y = DATA[name](return_X_y=True)
    is_regression = name == "diabetes"
    if is_regression:
        y = (y - y.mean()) / y.std()
    strata = None if is_regression else y
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=strata)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test), y, y_test


def measured(make, name):
    """Seconds of all fits, and the scores."""
    seconds, scores = 0.0, []
    for seed in range(SEEDS):
        X, X_test, y, y_test = split(name, seed)
        estimator = make(seed)
        start = time.thread_time()
        estimator.fit(X, y)
        seconds += time.thread_time() - start
        scores.append(estimator.score(X_test, y_test))
    return seconds, np.array(scores)


def main():
    warnings.simplefilter("ignore")  # scikit-learn's, that 200 epochs are few
    rows = []
    for name in DATA:
        theirs, ours = MLPClassifier, NeuralClassifier
        if name == "diabetes":
            theirs, ours = MLPRegressor, NeuralRegressor
        reference, scores = measured(
            lambda seed, kind=theirs: kind(random_state=seed, n_iter_no_change=10**6), name
        )
        seconds, own = measured(lambda seed, kind=ours: kind(random_state=seed), name)
        more = own - scores
        error = more.std(ddof=1) / np.sqrt(SEEDS)
        means = [f"{scores.mean():.4f}", f"{own.mean():.4f}", f"{more.mean():+.4f} ± {error:.4f}"]
        rows.append([name, *means, verdict(seconds / reference, TARGET)])
    print_table(["data", "scikit-learn", "nn.estimators", "more by", "time"], rows)


if __name__ == "__main__":
    main()
