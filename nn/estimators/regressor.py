"""Numbers predicted by a network."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import RegressorMixin

from nn.estimators.network import Network


class NeuralRegressor(RegressorMixin, Network):  # type: ignore[misc] # scikit-learn has no types
    """A network that predicts numbers, one or several for each sample.

    Args:
        layers: the widths of hidden layers, in order, such as (64, 32). A module among them, such
            as `nn.Dropout(0.1)`, is put in its place, and a copy of it is trained. Or a function of
            the numbers of features and of outputs that returns a model.
        activation: of the hidden layers that are given as widths.
        loss: as `nn.fit` takes it; the default is "mse".
        optimizer: "adam", "adamw", "nadam", "sgd", "rmsprop" or "adagrad"; or a function of the
            parameters and `learning_rate`, such as `functools.partial(nn.SGD, momentum=0.9)`.
        learning_rate: as optimizers take it; a schedule is copied.
        epochs, batch_size, accumulate, step, validation, metrics, sampling, augment, callbacks,
            progress, compile: as `nn.fit` takes them, which has what else there is, checkpoints to
            go on from and clusters. Of callbacks copies are used. Early stopping is a callback:
            `validation=0.1, callbacks=[nn.EarlyStopping(patience=10)]`.
        evaluate_every: as in `nn.fit`; by default 1 if there are validation samples, metrics or
            callbacks, and else only the last epoch's figures are measured.
        warm_start: whether `fit` starts from the current weights.
        random_state: a whole number, a `numpy.random.RandomState`, or None: for initial weights,
            shuffling, and everything else that is drawn in a fit without its own `rng`, as by
            dropout or in a model that a function makes. A module among `layers` keeps its weights.

    After `fit` it has `model_`, `optimizer_` and `history_`.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 64).reshape(64, 1)
    >>> network = NeuralRegressor([16], learning_rate=0.01, batch_size=16, random_state=0)
    >>> bool(network.fit(X, np.abs(X[:, 0])).score(X, np.abs(X[:, 0])) > 0.98)
    True
    """

    _numeric = True

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go through samples once, from the current weights and optimizer state.

        Raises:
            ValueError: X or y have none of the shapes and values that are learned from.
            AutogradError: what `nn.fit` raises.
        """
        return self._part(X, y, sample_weight)

    def predict(self, X: Any) -> Any:
        """The numbers (n,) or (n, outputs), as the targets were.

        Raises:
            NotFittedError: nothing was learned yet.
            ValueError: X has other features.
        """
        outputs = self._outputs_for(X)
        return outputs[:, 0] if self._single else outputs

    def _outputs(self, y: Any) -> int:
        self._single = y.ndim == 1
        return 1 if self._single else y.shape[1]

    def _targets(self, y: Any, dtype: Any) -> Any:
        return y.reshape(len(y), -1).astype(dtype)

    def _loss(self) -> Any:
        return "mse" if self.loss is None else self.loss

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
