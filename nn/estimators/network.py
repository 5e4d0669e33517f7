"""What estimators share: a model, its training, and its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, FLAG, one_of, optional, require, require_takes
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.foreign import require_unmasked
from autograd_lite.names import explains_keywords, tell_of
from nn.default_generator import DEFAULT
from nn.layers.activations import Activation
from nn.layers.containers import Sequential
from nn.layers.dense import Dense
from nn.module import Module, require_model
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.rules import SGD, Adagrad, Adam, AdamW, NAdam, RMSprop
from nn.random_state import drawing_from
from nn.training.callback import Callback
from nn.training.evaluation import predict
from nn.training.fit import fit
from nn.training.metrics import Metric
from nn.training.steps import Step

Kind = TypeVar("Kind", bound="Network")
Layers = Sequence[int | Module] | Callable[[int, int], Module]

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
}
PASSED_ON = (
    "batch_size",
    "accumulate",
    "step",
    "metrics",
    "sampling",
    "augment",
    "progress",
    "compile",
)
"""What `nn.fit` is given as it is."""
PRECISIONS = (np.float64, np.float32)


@dataclass_transform()
def estimator(kind: type[Kind]) -> type[Kind]:
    """The class; its constructor takes its fields as they are, as scikit-learn has it."""
    made = dataclass(repr=False, eq=False)(kind)
    made.__init__ = explains_keywords(made.__init__)  # type: ignore[method-assign] # one for each class
    return made


@estimator
class Network(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """What classifiers and regressors share: a model, its training, and its outputs."""

    layers: Layers = (100,)
    activation: str | Activation = "relu"
    _: KW_ONLY
    loss: str | Callable[..., Tensor] | None = None
    optimizer: str | Callable[..., Optimizer] = "adam"
    learning_rate: Any = 0.001
    epochs: int = 200
    batch_size: int = 200
    accumulate: int = 1
    step: Step | None = None
    validation: tuple[Any, Any] | float | None = None
    metrics: Mapping[str, Metric] | None = None
    sampling: Any = None
    augment: Callable[..., tuple[Any, Any]] | None = None
    callbacks: Sequence[Callback] = ()
    evaluate_every: int | None = None
    warm_start: bool = False
    progress: bool = False
    compile: bool | str = True
    random_state: Any = None

    _numeric: ClassVar[bool]
    """Whether targets are numbers."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train from new weights, or with `warm_start` from those that are there.

        Args:
            X: samples (n, features), an array or a frame of numbers.
            y: targets, as the class says.
            sample_weight: how much each sample counts (n,), 0 or more.

        Raises:
            ValueError: X or y have none of the shapes and values that are learned from.
            AutogradError: what `nn.fit` raises.
        """
        require(self, "warm_start", self.warm_start, FLAG)
        onwards = self.warm_start and hasattr(self, "model_")
        X, y = self._checked(X, y, first=not onwards)
        if onwards:
            self._require_same_layers()
        else:
            self._begin(X, y)
        self.optimizer_ = self._new_optimizer()
        return self._train(X, y, sample_weight, self.epochs)

    def _part(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Train for one epoch more."""
        first = not hasattr(self, "model_")
        X, y = self._checked(X, y, first)
        if first:
            self._begin(X, y)
            self.optimizer_ = self._new_optimizer()
        else:
            self._require_same_layers()
        return self._train(X, y, sample_weight, epochs=1)

    def _checked(self, X: Any, y: Any, first: bool) -> tuple[Any, Any]:
        for given in (X, y):
            require_unmasked(given, f"{type(self).__name__} of")
        X, y = validate_data(
            self, X, y, reset=first, dtype=PRECISIONS, multi_output=True, y_numeric=self._numeric
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _begin(self, X: Any, y: Any) -> None:
        """Build a model for such samples and targets."""
        self._rng = np.random.default_rng(self._seed())
        with self._drawing():
            self.model_ = self._new_model(X.shape[1], self._outputs(y), X.dtype)
        self._built_from = self._architecture()
        self._learned = self._loss()  # of the model, whatever `loss` is set to later

    def _architecture(self) -> tuple[Any, Any]:
        layers = self.layers
        return [*layers] if isinstance(layers, Iterable) else layers, self.activation

    def _require_same_layers(self) -> None:
        """Raise an ArgumentError if a model that goes on would not be of these layers."""
        if self._architecture() != self._built_from:
            raise ArgumentError(
                f"{type(self).__name__} that goes on with its model",
                f"it has {self.layers!r} and {self.activation!r}, and the model was built from "
                "{!r} and {!r}".format(*self._built_from),
                "Clone it, or set warm_start to False, and call fit for a new model",
            )

    def _seed(self) -> int:
        """From the random state; without one from `nn.manual_seed`, if that was called."""
        if self.random_state is None and DEFAULT.seeded:
            return int(DEFAULT.integers(2**31))
        return int(check_random_state(self.random_state).randint(2**31))

    def _drawing(self, *models: Module) -> AbstractContextManager[Any]:
        """Where a random state is given, what has no `rng` draws by it, too."""
        return nullcontext() if self.random_state is None else drawing_from(self._rng, *models)

    def _new_model(self, features: int, outputs: int, dtype: Any) -> Module:
        """The model that `layers` describes, for so many features and outputs."""
        if callable(self.layers) and not isinstance(self.layers, Module):
            attempted = f"{type(self).__name__} with layers, a function"
            require_takes(self.layers, 2, attempted, "Write def layers(features, outputs)")
            model = self.layers(features, outputs)
            require_model(model, f"{type(self).__name__} with layers that returned")
            return model
        if isinstance(self.layers, str | Module) or not isinstance(self.layers, Iterable):
            raise UnsupportedError(
                f"{type(self).__name__} with layers={describe_one(self.layers)}",
                "it is neither a list of hidden layers nor a function",
                "Give [100], with modules among the numbers of units; or a function of (features, "
                "outputs) that makes the model",
            )
        # As scikit-learn's networks begin, also before ReLU.
        dense = partial(Dense, weight_init="xavier_uniform", rng=self._rng, dtype=dtype)
        parts: list[Module] = []
        for layer in self.layers:
            if isinstance(layer, Module):
                parts.append(clone(layer, safe=False))
                features = getattr(layer, "out_features", features)
            else:
                require(self, "layers", layer, COUNT)
                parts.append(dense(features, layer, self.activation))
                features = layer
        return Sequential(*parts, dense(features, outputs))

    def _new_optimizer(self) -> Optimizer:
        kind = self.optimizer
        if isinstance(kind, str):
            require(self, "optimizer", kind, one_of(*OPTIMIZERS))
            kind = OPTIMIZERS[kind]
        rate = clone(self.learning_rate, safe=False)  # A schedule of its own.
        return kind(self.model_.parameters(), learning_rate=rate)

    def _train(self, X: Any, y: Any, sample_weight: Any, epochs: int) -> Self:
        """Go on with the model for so many epochs."""
        require(self, "evaluate_every", self.evaluate_every, optional(COUNT))
        validation = self.validation
        if isinstance(validation, tuple | list) and len(validation) == 2:
            held_out, answers = self._checked(*validation, first=False)
            validation = held_out, self._targets(answers, X.dtype)
        loss = self._loss()
        looks = validation is not None or self.metrics or self.callbacks
        with self._drawing(self.model_):
            self.history_ = fit(
                self.model_,
                X,
                self._targets(y, X.dtype),
                loss=loss,
                optimizer=self.optimizer_,
                epochs=epochs,
                validation=validation,
                sample_weight=sample_weight,
                class_weight=self._class_weight(),
                callbacks=clone([*self.callbacks], safe=False),
                evaluate_every=self.evaluate_every or (1 if looks else epochs),
                rng=self._rng,
                **{name: getattr(self, name) for name in PASSED_ON},
            )
        self._learned = loss
        return self

    def _outputs_for(self, X: Any) -> Any:
        """What the model returns for samples, (n, outputs)."""
        check_is_fitted(self, "model_")
        require_unmasked(X, f"{type(self).__name__} of")
        return predict(self.model_, validate_data(self, X, reset=False, dtype=PRECISIONS))

    # What classifiers and regressors differ in.

    def _outputs(self, y: Any) -> int:
        """How many outputs a model needs for such targets, of which the kind is noted."""
        raise NotImplementedError

    def _targets(self, y: Any, dtype: Any) -> Any:
        """Targets as the loss takes them."""
        raise NotImplementedError

    def _loss(self) -> Any:
        raise NotImplementedError

    def _class_weight(self) -> Any:
        return None


tell_of(
    Network,
    {
        "best_loss_": 'min(history_["loss"])',
        **dict.fromkeys(["coefs_", "intercepts_"], "model_.state_dict()"),
        "loss_": 'history_["loss"][-1]',
        "loss_curve_": 'history_["running_loss"]',
        "n_iter_": "history_.epochs",
        "validation_scores_": 'history_["validation_loss"]',
    },
    "an estimator",
)
