"""Using a model as it is: predictions and figures, in evaluation mode and without recording."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import COUNT, optional, require
from autograd_lite.errors import (
    ArgumentError,
    AutogradError,
    ShapeError,
    UnsupportedError,
    describe_one,
)
from autograd_lite.interruption import whole
from autograd_lite.names import explains_keywords
from autograd_lite.node import plain
from autograd_lite.read_only import is_of_writing, read_only, refused_write, refusing_writes
from autograd_lite.trees import leaves_of, map_tree
from nn.calls import evaluation
from nn.losses.loss_function import adds_up
from nn.module import Module, require_model
from nn.training.comparing import (
    require_distributions,
    require_own_targets,
    require_own_targets_in,
    require_predictions_first,
)
from nn.training.history import Means
from nn.training.inputs import (
    as_arrays,
    at,
    called,
    count,
    floats_in,
    is_read_later,
    joined,
    require_known_blocks,
    shown,
)
from nn.training.metrics import Metric
from nn.training.samples import Samples, measuring, shared_dtype
from nn.training.sources import Part, Rows, Source

if TYPE_CHECKING:
    from autograd_lite.typing import Array, Forward
    from autograd_lite.typing import Samples as GivenSamples

EVALUATED_AT_ONCE = 1024
"""Samples that go through the model together at the end of an epoch: few, as their intermediate
results are to stay in the processor's cache."""
AT_A_TIME = optional(COUNT)
"""Range of a batch size."""
REHEARSED = 8
"""Training samples that go through the model before training, to see whether all fits together."""


@overload
def predict(
    model: Forward[..., Tensor], X: GivenSamples, batch_size: int | None = None
) -> Array: ...
@overload
def predict(model: Module, X: GivenSamples, batch_size: int | None = None) -> Any: ...
@explains_keywords
def predict(model: Any, X: GivenSamples, batch_size: int | None = None) -> Any:
    """The model's outputs as arrays, computed in evaluation mode and without recording.

    Args:
        model: what to apply; its modes are not changed.
        X: samples (n, ...). Floats are converted to the dtype of the model's parameters, if they
            all have the same one. For a model of several inputs, a tuple of its arguments, or a
            dict of its named arguments.
        batch_size: samples at a time, to save memory; all by default. Memory maps and Dask arrays
            are read a block at a time, with 1024 samples at a time by default.

    Returns:
        An array (n, ...), or tuples, lists and dicts of such arrays if the model returns them.

    Raises:
        UnsupportedError: the model is not a module, or X not an array.
        ArgumentError: the batch size is not a whole number of at least 1.
        ShapeError: X, or what the model returns, has no axis of samples.

    >>> from nn import Dense
    >>> predict(Dense(2, 3, weight_init="zeros"), np.ones((4, 2))).shape
    (4, 3)
    """
    require_model(model, "predict of")
    require("predict", "batch_size", batch_size, AT_A_TIME)
    X = as_arrays(X, "predict of X", is_read_later)
    if is_read_later(X):
        return _predicted(model, X, batch_size or EVALUATED_AT_ONCE)
    n = count(X, "predict of X")
    X = in_precision(model, X)
    X = read_only(X) if type(X) is np.ndarray else map_tree(read_only, X)
    try:
        with evaluation():
            return _outputs(model, X, n, batch_size or n)
    except ValueError as error:
        if not is_of_writing(error):
            raise
        raise refused_write(_forward_of(model, X)) from error


def _forward_of(model: Any, X: Any) -> str:
    return f"{type(model).__name__} of {shown(X)}"


def _predicted(model: Module, X: Any, batch_size: int) -> Any:
    """Predictions of samples that are read a block at a time."""
    for array in leaves_of(X):
        require_known_blocks(array, "predict of X")
    if not count(X, "predict of X"):
        return predict(model, map_tree(np.asarray, X))
    rows = Rows(X, None, shared_dtype(model.parameters()))
    with evaluation():
        parts = [
            _outputs(model, some, count(some, ""), batch_size)
            for some in rows.unchecked(batch_size)
        ]
    return joined(parts)


def in_precision(model: Module, X: Any) -> Any:
    """Samples in the dtype of the parameters; of these only one is looked at, where that does."""
    some = next(model._unnamed_parameters(), None)
    if some is None or getattr(X, "dtype", None) == some.dtype:
        return X
    dtype = shared_dtype(model.parameters())
    return map_tree(lambda array: floats_in(dtype, array), X)


def figures(model: Module, samples: Samples) -> dict[str, float]:
    """The figures of the training samples, and those of the validation samples."""
    found: dict[str, float] = {}
    if samples.loss is None and not samples.metrics:
        return found
    with whole() as region, evaluation(), region.opened():
        for kind, part in samples.parts.items():
            if isinstance(part, Part):
                predictions = _outputs(model, part.X, part.n, EVALUATED_AT_ONCE)
                measured = _figures(samples, predictions, part)
            else:
                measured = _read_figures(model, samples, part)
            found |= {kind + name: figure for name, figure in measured.items()}
    return found


def _figures(samples: Samples, predictions: Any, part: Part) -> dict[str, float]:
    measured = {}
    if samples.loss is not None:
        measured["loss"] = _loss_figure(samples, predictions, part)
    return measured | _measured(samples, predictions, part, _figure_or_nan)


def _read_figures(model: Module, samples: Samples, source: Source) -> dict[str, float]:
    """The figures of samples that are read batch by batch.

    Without metrics nothing is kept of a batch, where a loss is the mean of those of its parts.
    """
    if source.once:
        return {}
    of_all = bool(samples.metrics) or samples.loss is None or not adds_up(samples.loss)
    means, kept = Means(), []
    outcome = partial(_outcome, model, measuring(samples), source.lasting if of_all else None)
    for size, loss, predicted in source.each(outcome, EVALUATED_AT_ONCE):
        means.add("loss", loss, size)
        kept += [predicted] if of_all else []
    if not of_all:
        return means.values()
    predictions, y, weights = joined(kept)
    return _figures(samples, predictions, Part(predictions, y, *weights))


def _outcome(
    model: Module, samples: Samples, lasting: Callable[[Any], Any] | None, batch: Any
) -> tuple[int, float, Any]:
    """How many samples a batch has, and their loss; or what figures of all samples are made of."""
    X, y, *weights = batch
    size = count(X, "fit with X")
    with evaluation():
        predictions = _outputs(model, X, size, EVALUATED_AT_ONCE)
        if lasting is not None:
            return size, 0.0, (predictions, *lasting((y, weights)))
        return size, _loss_figure(samples, predictions, Part(X, y, *weights)), None


def rehearse(model: Module, samples: Samples) -> None:
    """Compute all figures before training, so that what does not fit together is found now.

    The predictions of a few training samples stand for those of all, so that loss and metrics see
    all targets. Nothing is changed.
    """

    firsts = [(kind, _first(part)) for kind, part in samples.parts.items() if not part.once]

    def measure(rewind: object) -> None:
        for kind, part in firsts:
            n = part.n if kind else min(part.n, REHEARSED)
            X = at(part.X, slice(n))
            with refusing_writes(partial(_forward_of, model, X)):
                predictions = _outputs(model, X, n, EVALUATED_AT_ONCE)
            leaves = leaves_of(predictions)
            few = slice(min(n, REHEARSED))
            some = [at(each, few) for each in (predictions, *part._arrays[1:])]
            if samples.loss is not None:
                require_own_targets("fit", samples.loss_of, *some)
                require_predictions_first("fit", samples.loss, *some[:2])
                require_distributions("fit", samples.loss, some[0])
            for name, metric in samples.metrics.items():
                require_own_targets_in(f"fit with the metric {name!r}", metric, *some)
            if n < part.n and all(len(leaf) == n for leaf in leaves):
                as_many = lambda leaf, n=part.n: np.resize(leaf, (n, *leaf.shape[1:]))
                predictions = map_tree(as_many, predictions)
            if all(np.isfinite(leaf).all() for leaf in leaves):  # else the first batch is named
                if samples.loss is not None:
                    with refusing_writes(lambda: "fit with a loss of one's own"):
                        _loss_figure(samples, predictions, part)
                _measured(samples, predictions, part, _figure)

    if samples.loss is None and not samples.metrics:
        return
    from nn.left_alone import call_left_alone

    with whole() as region, evaluation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with region.opened():
            call_left_alone(measure, model, samples.loss, samples.metrics)


def _first(source: Source) -> Part:
    """What stands for samples in a rehearsal."""
    return source if isinstance(source, Part) else Part(*next(source.in_order(REHEARSED)))


def _loss_figure(samples: Samples, predictions: Any, part: Part) -> float:
    loss = samples.loss_of(map_tree(Tensor, predictions), part.y, part.weights)
    require_scalar(loss)
    return samples.per_sample(loss.item(), part.n)


def _measured(
    samples: Samples,
    predictions: Any,
    part: Part,
    figure: Callable[[str, Metric, Any, Any], float],
) -> dict[str, float]:
    metrics, predictions = samples.metrics.items(), map_tree(read_only, predictions)
    return {name: figure(name, metric, predictions, part.y) for name, metric in metrics}


def _figure_or_nan(name: str, metric: Metric, predictions: Any, y: Any) -> float:
    """What training goes on with where predictions have become others than a metric takes."""
    try:
        return _figure(name, metric, predictions, y)
    except ArgumentError as error:
        if error.__cause__ is not None:  # a metric of one's own has failed
            raise
        message = f"fit: the metric {name!r} is NaN where it refuses predictions. {error.args[2]}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return math.nan


def _figure(name: str, metric: Metric, predictions: Any, y: Any) -> float:
    try:
        with refusing_writes(lambda: f"fit with the metric {name!r}"):
            return float(metric(predictions, y))
    except AutogradError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        kind = UnsupportedError if isinstance(error, TypeError) else ArgumentError
        raise kind(
            f"fit with the metric {name!r} of predictions {describe_one(predictions)} and "
            f"targets {describe_one(y)}",
            f"{type(error).__name__}: {error}".rstrip(".\n"),
            "Give a function that makes one number of what the model returns and the targets, "
            "such as lambda predictions, targets: abs(predictions - targets).mean()",
        ) from error


def require_scalar(loss: Any) -> None:
    """Raise an UnsupportedError unless what a loss returned can be differentiated."""
    if not isinstance(loss, Tensor) or loss.size != 1:
        raise UnsupportedError(
            f"fit with a loss that returned {describe_one(loss)}",
            "what is differentiated is a tensor with a single entry",
            "Return the mean over the batch, computed from the predictions as they are; a loss of "
            'nn with reduction="none" is for weights',
        )


def _outputs(model: Module, X: Any, n: int, batch_size: int) -> Any:
    """What the model returns for n samples, some at a time, put together."""
    if n <= batch_size:
        return _arrays(model, X, called(model, X))
    starts = range(0, n, batch_size)
    parts = (called(model, at(X, slice(start, start + batch_size))) for start in starts)
    outputs = joined([_arrays(model, X, part) for part in parts])
    leaves = leaves_of(outputs)
    if any(len(leaf) != n for leaf in leaves):
        raise ShapeError(
            f"{_forward_of(model, X)}, {batch_size} samples at a time",
            f"it returned {', '.join(map(describe_one, leaves))} in all, which is not one entry "
            "for each sample",
            "Return predictions (n, ...) from forward, or predict all samples at once",
        )
    return outputs


def _arrays(model: Module, X: Any, output: Any) -> Any:
    """Copies of the arrays of an output; an error unless each has a row for each sample."""
    if isinstance(output, Tensor) or not leaves_of(output):
        return _rows(model, X, output)
    return map_tree(partial(_rows, model, X), output)


def _rows(model: Module, X: Any, output: Any) -> Any:
    """A copy of the array of an output; an error unless it has a row for each sample."""
    require_rows(output, partial(_forward_of, model, X))
    return plain(output).copy()


def require_rows(output: Any, attempted: Callable[[], str]) -> None:
    """Raise a ShapeError unless an output is an array with a first axis."""
    if not getattr(output, "ndim", 0):
        raise ShapeError(
            attempted(),
            f"it returned {describe_one(output)}, and no array with a row for each sample",
            "Return predictions (n, ...) from forward",
        )


@contextmanager
def training_mode(model: Module) -> Iterator[None]:
    """Switch a model to training, and restore the mode of every module inside afterwards."""
    before = [(module, module.training) for _, module in model.named_modules()]
    model.train()
    try:
        yield
    finally:
        for module, was_training in before:
            module.training = was_training
