"""Numbers and classes predicted by a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from autograd_lite import sigmoid, softmax
from autograd_lite.errors import ArgumentError, describe_one
from nn.estimators.network import Network, estimator
from nn.losses.loss import Loss
from nn.losses.loss_function import loss_function
from nn.losses.regression import PoissonNLLLoss


class NeuralRegressor(RegressorMixin, Network):  # type: ignore[misc] # scikit-learn has no types
    """A network that predicts numbers, one or several for each sample.

    Args:
        layers: the widths of hidden layers, in order, such as (64, 32). A module among them, such
            as `nn.Dropout(0.1)`, is put in its place, and a copy of it is trained. Or a function of
            the numbers of features and of outputs that returns a model.
        activation: of the hidden layers that are given as widths.
        loss: as `nn.fit` takes it; the default is "mse". For logits or logarithms, as of
            "poisson_nll", predictions are what these stand for: probabilities, rates.
        optimizer: "adam", "adamw", "nadam", "sgd", "rmsprop" or "adagrad"; or a function of the
            parameters and `learning_rate`, such as `functools.partial(nn.SGD, momentum=0.9)`.
        learning_rate: as optimizers take it; a schedule is copied.
        epochs, batch_size, accumulate, step, validation, metrics, sampling, augment, callbacks,
            progress, compile: as for `nn.fit`, which also resumes from checkpoints and uses
            clusters. Callbacks are copied. Early stopping is a callback: `validation=0.1,
            callbacks=[nn.EarlyStopping(patience=10)]`.
        evaluate_every: as for `nn.fit`; the default is 1 if there are validation samples, metrics
            or callbacks, otherwise only the last epoch's figures are measured.
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
        numbers = _as_targets(loss_function(self._learned), outputs)
        return numbers[:, 0] if self._single else numbers

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


def _as_targets(loss: Any, outputs: Any) -> Any:
    """What outputs stand for: probabilities if the loss takes logits, rates if it takes theirs."""
    takes = loss.takes if isinstance(loss, Loss) else None
    if takes == "logits":
        return softmax(outputs) if loss.link == "softmax" else sigmoid(outputs)
    of_rates = isinstance(loss, PoissonNLLLoss) and loss.log_input
    return np.exp(outputs) if of_rates or takes == "log-probabilities" else outputs


@estimator
class NeuralClassifier(ClassifierMixin, Network):  # type: ignore[misc] # scikit-learn has no types
    """A network that predicts classes, or several labels at once, each independently.

    Targets are labels (n,) of any kind, or rows of 0 and 1 (n, labels), several of which may be 1.

    Args:
        layers, activation, optimizer, learning_rate, epochs, batch_size, accumulate, step,
            validation, metrics, sampling, augment, callbacks, evaluate_every, warm_start, progress,
            compile, random_state: see `NeuralRegressor`. Metrics, a step and `augment` get targets
            as the loss takes them.
        loss: a loss of logits: "bce_with_logits", the default for two classes and for several
            labels at once; "cross_entropy", the default for more classes; or such a loss with
            options, as `nn.CrossEntropyLoss(label_smoothing=0.1)`.
        class_weight: how much each class counts, as a dict, or "balanced"; see `nn.fit`.

    After `fit` it has `classes_`, `model_`, `optimizer_` and `history_`.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    >>> network = NeuralClassifier([16, 16], learning_rate=0.02, random_state=0).fit(X, y)
    >>> network.predict([[1.0, 1.0], [1.0, -1.0]])
    array(['same', 'other'], dtype='<U5')
    """

    _: KW_ONLY
    class_weight: Mapping[Any, float] | str | None = None

    _numeric = False

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Go through samples once, from the current weights and optimizer state.

        Args:
            X: samples (n, features).
            y: targets.
            classes: all labels that there will be; needed at the first call, unless y has all of
                them.
            sample_weight: how much each sample counts (n,), 0 or more.

        Raises:
            ValueError: X or y have other shapes or values than those that can be learned from, or a
                label is new.
            AutogradError: what `nn.fit` raises.
        """
        announced = None if classes is None else np.unique(classes)
        begun = hasattr(self, "model_") and not self._several
        if begun and announced is not None and not np.array_equal(announced, self.classes_):
            raise ArgumentError(
                f"{type(self).__name__}.partial_fit with classes={describe_one(classes)}",
                f"at the first call they were {', '.join(map(repr, self.classes_.tolist()))}",
                "Name all classes at the first call, and the same ones, or none, afterwards",
            )
        try:
            self._announced = announced
            return self._part(X, y, sample_weight)
        finally:
            self.__dict__.pop("_announced", None)

    def predict_proba(self, X: Any) -> Any:
        """The probabilities (n, classes), or for several labels at once that of each label.

        Raises:
            NotFittedError: nothing was learned yet.
            ValueError: X has other features.
        """
        outputs = self._outputs_for(X)
        p = _as_targets(self._learned, outputs)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 and not self._several else p

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithms of `predict_proba`; that of 0 is minus infinity."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Any:
        """The classes (n,), or rows of 0 and 1 (n, labels), as the targets were.

        Raises:
            NotFittedError: nothing was learned yet.
            ValueError: X has other features.
        """
        p = self.predict_proba(X)
        return (p > 0.5).astype(int) if self._several else self.classes_[p.argmax(axis=1)]

    def _outputs(self, y: Any) -> int:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ArgumentError(
                f"{type(self).__name__} of y {describe_one(y)}",
                "its columns are targets of several classes each",
                "Use sklearn.multioutput.MultiOutputClassifier, or a column of 0 and 1 a label",
            )
        self._several = kind.startswith("multilabel")
        if self._several:
            self.classes_ = np.arange(y.shape[1])
            return len(self.classes_)
        announced = getattr(self, "_announced", None)
        self.classes_ = np.unique(y) if announced is None else announced
        if len(self.classes_) < 2:
            raise ArgumentError(
                f"{type(self).__name__} of y {describe_one(y)}",
                f"it has one class, {self.classes_.tolist()[0]!r}: nothing to distinguish",
                "Give samples of two classes at least, or name all in partial_fit(classes=)",
            )
        return len(self.classes_) if self._loss().link == "softmax" else 1

    def _loss(self) -> Any:
        binary = self._several or len(self.classes_) == 2
        default = "bce_with_logits" if binary else "cross_entropy"
        loss = loss_function(default if self.loss is None else self.loss)
        links = ["sigmoid"] if self._several else ["sigmoid", "softmax"][0 if binary else 1 :]
        if not isinstance(loss, Loss) or loss.takes != "logits" or loss.link not in links:
            raise ArgumentError(
                f"{type(self).__name__} with loss={describe_one(self.loss)}",
                "probabilities are made of logits, by a "
                f"{' or a '.join(links)} for {len(self.classes_)} classes",
                f'Write loss="{default}", or that loss with its options',
            )
        return loss

    def _targets(self, y: Any, dtype: Any) -> Any:
        if self._several:
            return y.astype(dtype)
        encoder = LabelEncoder()
        encoder.classes_ = self.classes_
        labels = encoder.transform(y)
        return labels if self._loss().link == "softmax" else labels.reshape(-1, 1).astype(dtype)

    def _class_weight(self) -> Any:
        given = self.class_weight
        if self._several and given is not None:
            raise ArgumentError(
                f"{type(self).__name__} with class_weight={describe_one(given)}",
                "each sample has several labels, and so no class",
                "Give sample_weight to fit",
            )
        if not isinstance(given, Mapping):
            return given
        labels = self.classes_.tolist()
        if missing := [label for label in labels if label not in given]:
            raise ArgumentError(
                f"{type(self).__name__} with class_weight={describe_one(given)}",
                f"y has the labels {', '.join(map(repr, missing))}, which are not in it",
                "Give a weight for each label; 1.0 where nothing is to change",
            )
        return {number: given[label] for number, label in enumerate(labels)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
