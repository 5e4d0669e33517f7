"""How losses are found by name, and what a function of one's own is with weights.

A loss is a function of predictions and targets that returns a scalar tensor: an instance of a
class of `nn`, its name, or any function of your own. Its derivative comes from what it computes,
and `nn.fit` takes it like the others.

>>> import nn
>>> import numpy as np
>>> def log_cosh(predictions, targets):
...     return np.log(np.cosh(predictions - targets)).mean()
>>> predictions = Tensor([0.0, 1.0], requires_grad=True)
>>> log_cosh(predictions, np.array([0.0, 0.0])).backward()
>>> predictions.grad.round(4)
array([0.    , 0.3808])
>>> X = np.linspace(-1, 1, 64).reshape(64, 1)
>>> model = nn.Dense(1, 1, rng=0)
>>> history = nn.fit(model, X, 2 * X + 1, loss=log_cosh, epochs=50, progress=False, rng=0,
...                  optimizer=nn.Adam(model.parameters(), learning_rate=0.1))
>>> history["loss"][-1] < 1e-3
True

The classes refuse predictions and targets whose shapes would broadcast: (n,) with (n, 1) would
compare every prediction with every target. A function of your own has to see to that itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, ShapeError, describe_one
from autograd_lite.operators import plain
from nn.losses.classification import (
    BCELoss,
    BCEWithLogitsLoss,
    CategoricalCrossEntropyLoss,
    CrossEntropyLoss,
    KLDivLoss,
    NLLLoss,
)
from nn.losses.loss import Loss
from nn.losses.regression import (
    HalfSquaredErrorLoss,
    HingeLoss,
    HuberLoss,
    MAELoss,
    MSELoss,
    RMSELoss,
)

LOSSES: dict[str, type[Loss]] = {
    "mse": MSELoss,
    "half_squared_error": HalfSquaredErrorLoss,
    "mae": MAELoss,
    "rmse": RMSELoss,
    "huber": HuberLoss,
    "hinge": HingeLoss,
    "bce": BCELoss,
    "bce_with_logits": BCEWithLogitsLoss,
    "categorical_cross_entropy": CategoricalCrossEntropyLoss,
    "cross_entropy": CrossEntropyLoss,
    "nll": NLLLoss,
    "kl_div": KLDivLoss,
}


def loss_function(loss: str | Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The loss of that name with its defaults, or the function itself.

    Raises:
        ArgumentError: there is none of that name, or it is a class.

    >>> import numpy as np
    >>> round(loss_function("rmse")(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item(), 4)
    1.4142
    """
    if isinstance(loss, type):
        raise ArgumentError(
            f"loss={loss.__name__}",
            "it is a class, which is no function of predictions and targets",
            f"Write {loss.__name__}()",
        )
    if callable(loss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ArgumentError(
            f"loss={describe_one(loss)}",
            "there is no loss of that name",
            f"Give one of {', '.join(LOSSES)}, or a function of predictions and targets",
        )
    return LOSSES[loss]()


@dataclass(kw_only=True, eq=False)
class _OfEntries(Loss):
    """The mean of what a function of one's own returns, the loss of each sample."""

    function: Callable[..., Tensor]

    def prepared(self, predictions: Any, targets: Any) -> tuple[Any, Any]:
        """Predictions and targets as they are."""
        return predictions, targets

    def entries(self, predictions: Any, targets: Any) -> Any:
        """The loss of each sample."""
        losses = self.function(predictions, targets)
        if np.shape(plain(losses))[:1] != (len(targets),):
            raise ShapeError(
                f"a loss with weights that returned {describe_one(losses)} for "
                f"predictions {describe_one(predictions)}",
                f"{len(targets)} samples have as many losses",
                "Return the loss of each sample, an array (n,), instead of their mean; or take "
                "weights=None as the third parameter, and use them",
            )
        return losses


def weighted_loss(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss as a function of predictions, targets and weights that returns one number.

    Of the losses of entries, which reduction "none" gives, or a function that takes no weights, it
    is the mean.
    """
    if isinstance(loss, Loss):
        return replace(loss, reduction="mean") if loss.reduction == "none" else loss
    return loss if "weights" in parameters_of(loss) else _OfEntries(function=loss)


def parameters_of(function: Callable[..., Any]) -> list[str]:
    """The names of its parameters, none where it does not say them, as some do that are in C.

    >>> parameters_of(lambda predictions, targets: None)
    ['predictions', 'targets']
    """
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []
