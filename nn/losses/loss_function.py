"""How losses are found by name, and what a function of one's own is with weights.

A loss is a function of predictions and targets that returns a scalar tensor: an instance of a
class of `nn`, its name, or any function of your own. Its derivative comes from what it computes,
and `nn.fit` takes it like the others.

>>> def log_cosh(predictions, targets):
...     return np.log(np.cosh(predictions - targets)).mean()
>>> predictions = Tensor([0.0, 1.0], requires_grad=True)
>>> log_cosh(predictions, np.array([0.0, 0.0])).backward()
>>> predictions.grad.round(4)
array([0.    , 0.3808])

The classes refuse predictions and targets whose shapes would broadcast: (n,) with (n, 1) would
compare every prediction with every target. Of a function of your own `nn.fit` and `nn.compile` see
it where it computes with these two directly, entry by entry.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import function_named
from autograd_lite.errors import AutogradError, ShapeError, UnsupportedError, describe_one
from autograd_lite.names import explains_keywords, parameters_of
from autograd_lite.node import plain
from autograd_lite.trees import leaves_of
from nn.declared import Declared, declared
from nn.losses import classification, regression
from nn.losses.loss import Loss, weighed

AnyLoss = str | Callable[..., Tensor] | Mapping[Any, Any] | tuple[Any, ...]
"""A name, a function, or several of them for several outputs."""

LOSSES: dict[str, type[Loss]] = {
    "mse": regression.MSELoss,
    "half_squared_error": regression.HalfSquaredErrorLoss,
    "mae": regression.MAELoss,
    "rmse": regression.RMSELoss,
    "huber": regression.HuberLoss,
    "hinge": regression.HingeLoss,
    "poisson_nll": regression.PoissonNLLLoss,
    "bce": classification.BCELoss,
    "bce_with_logits": classification.BCEWithLogitsLoss,
    "categorical_cross_entropy": classification.CategoricalCrossEntropyLoss,
    "cross_entropy": classification.CrossEntropyLoss,
    "nll": classification.NLLLoss,
    "kl_div": classification.KLDivLoss,
}


@explains_keywords
def loss_function(loss: AnyLoss) -> Callable[..., Tensor]:
    """The loss with that name, with its defaults; a function is returned as it is.

    A dict or tuple of losses becomes their sum, for predictions and targets in dicts with the same
    names, or in tuples: {"price": "mse", "kind": "cross_entropy"}.

    Raises:
        ArgumentError: there is none with that name, or it is a class.
        UnsupportedError: one of several is a sum over samples.

    >>> round(loss_function("rmse")(Tensor([1.0, 2.0]), np.array([1.0, 4.0])).item(), 4)
    1.4142
    """
    known = {name: kind() for name, kind in LOSSES.items()}
    others = "a function of predictions and targets, such as nn.MSELoss()"
    if isinstance(loss, Mapping | tuple) and loss:
        several = loss if isinstance(loss, Mapping) else dict(enumerate(loss))
        return _OfOutputs({name: loss_function(each) for name, each in several.items()})
    return function_named("loss", loss, known, others)  # type: ignore[arg-type] # which is refused


class _OfOutputs(Declared):
    """The sum of the losses of several outputs, by name or by place."""

    losses: Mapping[Any, Callable[..., Tensor]] = declared()

    def _require_consistent(self, values: Mapping[str, Any]) -> None:
        for name, loss in values["losses"].items():
            if isinstance(loss, Loss) and loss.reduction == "sum":
                raise UnsupportedError(
                    f"loss {loss!r} of the output {name!r}",
                    "the losses of several outputs are means over samples",
                    "Leave out the reduction, or give one function of all predictions and targets",
                )

    def __call__(self, predictions: Any, targets: Any, weights: Any = None) -> Tensor:
        """The sum."""
        found = []
        for name, loss in self.losses.items():
            pair = self.part(predictions, name), self.part(targets, name)
            try:
                one = (
                    loss(*pair) if weights is None else weighted_loss(loss)(*pair, weights=weights)
                )
            except AutogradError as error:
                attempted, *told = error.args
                raise type(error)(f"the output {name!r}: {attempted}", *told) from error
            found.append(one)
        return sum(found[1:], found[0])

    def part(self, several: Any, name: Any) -> Any:
        """What belongs to one loss; a ShapeError unless there is one part for each."""
        parts = several if isinstance(several, Mapping) else None
        if isinstance(several, tuple | list):
            parts = dict(enumerate(several))
        if parts is None or parts.keys() != self.losses.keys():
            given = describe_one(several) if parts is None else ", ".join(map(repr, parts))
            raise ShapeError(
                f"losses of the outputs {', '.join(map(repr, self.losses))}",
                f"the predictions, or the targets, are {given}",
                "Give one prediction and one target for each loss",
            )
        return parts[name]


class _OfEntries(Loss):
    """The mean of what a function of one's own returns, the loss of each sample."""

    function: Callable[..., Tensor] = declared(kw_only=True)

    def __call__(self, predictions: Any, targets: Any, weights: Any = None) -> Tensor:
        """The mean of the samples' losses times their weights."""
        losses: Any = self.function(predictions, targets)
        n = len(leaves_of(targets)[0])
        if np.shape(plain(losses))[:1] != (n,):
            shown = ", ".join(map(describe_one, leaves_of(predictions)))
            raise ShapeError(
                f"a loss with weights that returned {describe_one(losses)} for predictions {shown}",
                f"{n} samples have as many losses",
                "Return the loss of each sample, an array (n,), instead of their mean; or use the "
                "weights, loss(predictions, targets, weights=None)",
            )
        losses = losses if weights is None else weighed(losses, weights)
        return losses.mean()  # type: ignore[no-any-return] # functions of tensors give Any


def weighted_loss(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss as a function of predictions, targets and weights that returns one number.

    Of the losses of entries, which reduction "none" gives, or a function that takes no weights, it
    is the mean.
    """
    if isinstance(loss, Loss):
        if loss.reduction == "none":
            loss = copy.copy(loss)
            loss.reduction = "mean"
        return loss
    takes_weights = isinstance(loss, _OfOutputs) or "weights" in parameters_of(loss)
    return loss if takes_weights else _OfEntries(function=loss)


def parts_of(loss: Any, *given: Any) -> list[tuple[Any, ...]]:
    """Each of the losses of several outputs with its predictions; of one output the pair itself.

    And with what else is given, such as targets.
    """
    if isinstance(loss, _OfOutputs):
        names = loss.losses
        return [(loss.losses[name], *(loss.part(x, name) for x in given)) for name in names]
    return [(loss, *given)]


def losses_in(loss: Any) -> list[Any]:
    """Each of the losses of several outputs; of one output that itself."""
    return [*loss.losses.values()] if isinstance(loss, _OfOutputs) else [loss]


def without_weights(loss: Any) -> Any:
    """The function of one's own that returns the losses of samples; any other loss as it is."""
    return loss.function if isinstance(loss, _OfEntries) else loss


def adds_up(loss: Callable[..., Tensor] | None) -> bool:
    """Whether the loss of samples is known to be the mean, or sum, of those of equal parts."""
    known = type(loss) in {*LOSSES.values(), _OfEntries} - {regression.RMSELoss}
    return known and (getattr(loss, "reduction", None) == "sum" or not _counts(loss))


def _counts(loss: Any) -> bool:
    """Whether its mean is by how much the labels count, and not by their number."""
    options = (getattr(loss, name, None) for name in ("weight", "ignore_index"))
    return any(option is not None for option in options)


def is_of_the_whole(loss: Any) -> bool:
    """Whether the loss of samples is known to be another than the mean of those of equal parts."""
    known = (each for each in losses_in(loss) if type(each) in LOSSES.values())
    return not all(map(adds_up, known))
