"""Networks as estimators of scikit-learn: in pipelines, searches and cross-validation.

They need the package scikit-learn: pip install 'autograd-lite[sklearn]'.

>>> from sklearn.datasets import load_iris
>>> from sklearn.model_selection import cross_val_score
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> network = NeuralClassifier([16], learning_rate=0.01, epochs=50, random_state=0)
>>> pipeline = make_pipeline(StandardScaler(), network)
>>> bool(cross_val_score(pipeline, *load_iris(return_X_y=True), cv=3).mean() > 0.9)
True
"""

from autograd_lite.errors import needed as _needed

with _needed("import of nn.estimators", "scikit-learn", "autograd-lite[sklearn]"):
    from nn.estimators.supervised import NeuralClassifier, NeuralRegressor

__all__ = ["NeuralClassifier", "NeuralRegressor"]
