"""A grid search over a pipeline: how many units, and how fast, to tell three kinds of wine apart.

scikit-learn ships 13 measurements of each of 178 wines. Each pair is cross-validated in two
processes; the scale is learned from the training part of each fold alone. The best pair is tried on
wines that no search has seen. Prints a table of all pairs.
"""

import pandas as pd
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from nn.estimators import NeuralClassifier

GRID = {"network__layers": [[8], [32], [32, 32]], "network__learning_rate": [0.001, 0.01]}


def main():
    X, y = load_wine(return_X_y=True, as_frame=True)
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    network = NeuralClassifier(epochs=40, random_state=0)
    pipeline = Pipeline([("scale", StandardScaler()), ("network", network)])
    search = GridSearchCV(pipeline, GRID, cv=5, n_jobs=2).fit(X, y)
    results = pd.DataFrame(search.cv_results_["params"])
    results["accuracy"] = search.cv_results_["mean_test_score"].round(3)
    print(results.to_string(index=False))
    best = ", ".join(f"{name} {value}" for name, value in search.best_params_.items())
    print(f"{best}: {search.score(X_new, y_new):.1%} of {len(y_new)} new wines right")


if __name__ == "__main__":
    main()
