"""How far the gradient of a network is from differences of its loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor, enable_grad, no_grad
from autograd_lite.arguments import POSITIVE, require
from autograd_lite.cotangents import seed_of
from autograd_lite.differences import values_beside
from autograd_lite.engine import backpropagate
from autograd_lite.errors import ArgumentError
from autograd_lite.foreign import require_here
from autograd_lite.names import explains_keywords
from autograd_lite.trees import map_tree
from nn.diagnosis.evidence import as_number, predicted, require_learned
from nn.layers.embedding import Embedding
from nn.left_alone import call_left_alone
from nn.losses.loss_function import loss_function
from nn.module import Module, require_model
from nn.training.inputs import as_arrays

if TYPE_CHECKING:
    from autograd_lite.typing import Labels, Samples


@explains_keywords
def gradient_difference(
    model: Module,
    X: Samples,
    y: Labels,
    *,
    loss: str | Callable[[Any, Any], Tensor],
    step: float = 1e-6,
) -> float:
    """The relative difference of the gradient g of all parameters and central differences n.

    It is ‖g - n‖ / (‖g‖ + ‖n‖), from 0 to 1, with n = (L(θ + step) - L(θ - step)) / (2 step) for
    one entry of the parameters after the other (Ng, "Improving deep neural networks", 2017: below
    1e-7 the gradient is right, above 1e-3 it is wrong). Between these, look first for samples at
    the kink of a ReLU. If both are 0 in all entries, it is 0.

    Everything is computed in float64, in the current mode of the model: in training mode, dropout
    uses one mask throughout. It takes two forward passes for each entry of the parameters, and
    changes nothing.

    Args:
        model: the model whose parameters are checked, except for frozen ones and the vectors of an
            embedding that stand for padding, which get no gradient.
        X: samples (n, ...); a few are enough. For several inputs a tuple or a dict, as for
            `nn.fit`.
        y: their targets (n, ...), or several, as the loss takes them.
        loss: function of predictions and targets, such as `nn.MSELoss()`, or a name, such as "mse".
        step: step of the differences, above 0.

    Raises:
        UnsupportedError: the model is not a module.
        ArgumentError: the step is not above 0, no parameter is learned, or the loss is not a
            function or the name of one, or does not return one finite number.

    >>> from nn import BCEWithLogitsLoss, Dense, Sequential
    >>> X = np.random.default_rng(0).normal(size=(8, 2))
    >>> y = (X[:, :1] > 0).astype(float)
    >>> model = Sequential(Dense(2, 4, activation="tanh", rng=0), Dense(4, 1, rng=1))
    >>> gradient_difference(model, X, y, loss=BCEWithLogitsLoss()) < 1e-7
    True
    """
    require_model(model, "gradient_difference of")
    attempted = f"gradient_difference of {type(model).__name__}"
    require_here(f"{attempted} with", *model.parameters())
    loss = loss_function(loss)
    require(attempted, "step", step, POSITIVE)
    in_float64 = partial(_in_float64, copy=False)
    X, y = (map_tree(in_float64, as_arrays(given, attempted)) for given in (X, y))
    learned = require_learned(model, attempted)
    embeddings = [each for _, each in model.named_modules() if isinstance(each, Embedding)]
    padding = {each.weight: each.padding_idx for each in embeddings}

    def gradients(rewind: Callable[[], None]) -> tuple[Any, Any]:
        for _, tensor in [*model.named_parameters(), *model.named_buffers()]:
            tensor._array = _in_float64(tensor._array, copy=True)

        def again() -> Any:
            rewind()
            return loss(predicted(model, X, attempted), y)

        with enable_grad():
            result = again()
        here = as_number(result, attempted)
        if not np.isfinite(here):
            reason = f"the loss is {here}, which has no differences"
            remedy = "Look for what is not finite with detect_anomaly()"
            raise ArgumentError(attempted, reason, remedy)
        found: dict[Any, Any] = {}
        if isinstance(result, Tensor) and result.requires_grad:
            found = backpropagate(result, seed_of(result))
        automatic = [found.get(parameter, np.zeros(parameter.shape)) for parameter in learned]
        numeric = [np.array(array) for array in automatic]
        with no_grad():
            for parameter, slopes in zip(learned, numeric):
                for index in np.ndindex(parameter.shape):
                    if index[:1] == (padding.get(parameter),):
                        continue
                    below, above = values_beside(
                        lambda: as_number(again(), attempted), parameter._array, index, step
                    )
                    slopes[index] = (above - below) / (2 * step)
        return _flat(automatic), _flat(numeric)

    automatic, numeric = call_left_alone(gradients, model, loss, X, y)
    lengths = float(np.linalg.norm(automatic) + np.linalg.norm(numeric))
    return float(np.linalg.norm(automatic - numeric)) / lengths if lengths else 0.0


def _flat(arrays: Iterable[Any]) -> Any:
    """The entries of arrays one after the other."""
    return np.concatenate([np.ravel(array) for array in arrays])


def _in_float64(array: Any, copy: bool) -> Any:
    return array.astype(np.float64, copy=copy) if array.dtype.kind == "f" else array
