"""What `nn.fit` trains on: samples and targets that are checked and split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import is_number, require_takes
from autograd_lite.errors import ArgumentError, ShapeError, UnsupportedError, describe_one
from autograd_lite.read_only import read_only
from autograd_lite.trees import leaves_of, map_tree, matched
from nn.losses.loss import Loss
from nn.losses.loss_function import weighted_loss
from nn.training.inputs import at, checked, is_read_later, matching, shown
from nn.training.metrics import Metric
from nn.training.sources import Part, Rows, Source, Stream, is_stream, loaded
from nn.training.weights import UNWEIGHED, Weighing

AUGMENTS = "Write def augment(X, y, rng), and return (X, y)"


@dataclass(eq=False, repr=False)
class Samples:
    """What goes through the model together, and what measures its predictions.

    Samples and targets are arrays, or tuples and dicts of arrays.
    """

    trained: Source
    validation: Source | None
    loss: Callable[..., Tensor] | None
    """None where a step of one's own has its own losses."""
    metrics: Mapping[str, Metric]
    augment: Callable[..., Any] | None = None

    @property
    def are_at_hand(self) -> bool:
        """Whether no batch has to be waited for."""
        return isinstance(self.trained, Part) and self.augment is None

    @property
    def parts(self) -> dict[str, Source]:
        """What to measure with, by what the names of figures begin with."""
        validation = {} if self.validation is None else {"validation_": self.validation}
        return {"": self.trained, **validation}

    def batches(
        self, rng: np.random.Generator, size: int, together: int = 1
    ) -> Iterator[tuple[Any, ...]]:
        """An epoch: samples, targets and, where there are any, weights, in random order."""
        shuffled = self.trained.batches(rng, size, together)
        return shuffled if self.augment is None else map(partial(self._augmented, rng), shuffled)

    def _augmented(self, rng: np.random.Generator, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        """A batch as `augment` changes it, which is checked."""
        X, y, *weights = batch
        if isinstance(self.trained, Stream):  # the batches are someone else's
            X, y = map_tree(np.copy, (X, y))
        dtypes = {leaf.dtype for leaf in leaves_of(X) if leaf.dtype.kind == "f"}
        made = self.augment(X, y, rng)  # type: ignore[misc] # called where it is not None
        if not isinstance(made, tuple) or len(made) != 2:
            raise UnsupportedError(
                f"fit with augment={describe_one(self.augment)}",
                f"it returned {describe_one(made)}, and no pair",
                "Return samples and targets, (X, y)",
            )
        dtype = dtypes.pop() if len(dtypes) == 1 else None
        X, y, n = checked(dtype, *made, "augmented ")
        if n != len(leaves_of(batch)[0]):
            raise ShapeError(
                f"fit with augment={describe_one(self.augment)}",
                f"of {len(leaves_of(batch)[0])} samples it made {n}",
                "Return a sample for each that is given",
            )
        return (X, y, *weights)

    def loss_of(self, predictions: Any, y: Any, weights: Any = None) -> Tensor:
        """The loss of predictions; a function of one's own need not take weights without any."""
        assert self.loss is not None
        if weights is None:
            return self.loss(predictions, y)
        return self._weighted(predictions, y, weights=weights)

    @cached_property
    def _weighted(self) -> Callable[..., Tensor]:
        assert self.loss is not None
        return weighted_loss(self.loss)

    def per_sample(self, loss: float, n: int) -> float:
        """The figure for a loss of n samples, which does not grow with their number."""
        return loss / n if self.is_sum else loss

    @property
    def is_sum(self) -> bool:
        """Whether the loss of a batch is a sum over its samples."""
        return isinstance(self.loss, Loss) and self.loss.reduction == "sum"


def measuring(samples: Samples) -> Samples:
    """What measures predictions, without the samples."""
    nothing: Any = None
    return replace(samples, trained=nothing, validation=None, metrics={}, augment=None)


def prepared(
    dtype: Any,
    X: Any,
    y: Any,
    loss: Callable[..., Tensor] | None,
    metrics: Mapping[str, Metric] = MappingProxyType({}),
    validation: Any = None,
    split_seed: int = 0,
    weighing: Weighing = UNWEIGHED,
    augment: Any = None,
) -> Samples:
    """Check everything, before anything is trained.

    Floats in X become of the dtype, unless it is None; `split_seed` shuffles before a split.
    """
    if augment is not None:
        require_takes(augment, 3, f"fit with augment={describe_one(augment)}", AUGMENTS)
    trained, kept = _source(dtype, X, y, ""), slice(None)
    n, held_out = trained.n, None
    if n is None:
        share = validation if is_number(validation) else None
        _require_none({**weighing._asdict(), "a share for validation": share})
    if isinstance(validation, tuple | list) and len(validation) == 2:
        _require_order_of_columns(X, validation[0])
        held_out = _source(dtype, validation[0], validation[1], "validation ")
        _require_shapes(trained, held_out)
    elif is_stream(validation):
        held_out = Stream(validation, dtype, "validation ")
        held_out.require_replay()
    elif is_number(validation):
        trained, held_out, kept = _parted(trained, validation, split_seed)
    elif validation is not None:
        raise UnsupportedError(
            f"fit with validation {describe_one(validation)}",
            "it is neither a pair of samples and targets nor a share of the samples",
            "Give (X, y), or a number between 0 and 1",
        )
    if isinstance(trained, Part | Rows):
        _weigh(trained, kept, n, weighing, getattr(loss, "ignore_index", None))
        if loss is not None and trained.weights is not None:
            loss = weighted_loss(loss)
    return Samples(trained, held_out, loss, metrics, augment)


def _weigh(
    trained: Part | Rows, kept: Any, n: int, weighing: Weighing, ignored: int | None
) -> None:
    """Give samples, those that are kept of n, their weights and odds."""
    if all(each is None for each in weighing):
        return
    y, read_later = trained.y, isinstance(trained, Rows)
    if read_later:
        y = at(map_tree(loaded, y), kept) if weighing.is_by_class or ignored is not None else None
    weights = weighing.weights(kept, y, n, ignored)
    odds = weighing.odds(kept, y, n, ignored)
    if read_later:
        weights, odds = spread(weights, kept, n), spread(odds, kept, n)
    trained.weights, trained.odds = read_only(weights), odds


def spread(values: Any, kept: Any, n: int) -> Any:
    """Values of the rows that are kept, as values of all."""
    if values is None:
        return None
    found = np.zeros(n)
    found[kept] = values
    return found


def _source(dtype: Any, X: Any, y: Any, kind: str) -> Source:
    """What samples come from."""
    if y is None and is_stream(X):
        return Stream(X, dtype, kind)
    if y is None:
        raise ArgumentError(
            f"fit with {kind}X {shown(X)} and no y",
            "there is nothing to compare predictions with",
            "Give y; or as X batches of pairs (X, y), from an iterable or a function",
        )
    if any(map(is_read_later, (X, y))):
        X, y, _ = matching(X, y, kind)
        return Rows(X, y, dtype, kind)
    X, y, _ = checked(dtype, X, y, kind)
    return Part(X, y)


def shared_dtype(parameters: Iterable[Tensor]) -> Any:
    """The dtype of parameters, if all have the same, or else None."""
    dtypes = {parameter.dtype for parameter in parameters}
    return dtypes.pop() if len(dtypes) == 1 else None


def _require_none(weighing: Mapping[str, Any]) -> None:
    """Raise where something is asked for that batches from elsewhere cannot have."""
    for name, given in weighing.items():
        if given is not None:
            raise UnsupportedError(
                f"fit with batches from elsewhere and {name}",
                "which samples there are is known only when their batches come",
                "Let the batches bring it, as (X, y, weights), or give samples of their own for "
                "validation",
            )


# Validation


def _require_order_of_columns(X: Any, held_out: Any) -> None:
    """Raise where two frames have the same columns in another order: they count by position."""
    if not all(hasattr(x, "to_numpy") and hasattr(x, "columns") for x in (X, held_out)):
        return
    own, others = ([str(name) for name in x.columns] for x in (X, held_out))
    if own != others and sorted(own) == sorted(others):
        raise ArgumentError(
            f"fit with X of the columns {', '.join(own)} and validation X of {', '.join(others)}",
            "columns count by their position, whatever they are called",
            "Give validation samples with the columns in the same order: frame[[*X.columns]]",
        )


def _require_shapes(trained: Any, held_out: Any) -> None:
    if isinstance(trained, Stream) or isinstance(held_out, Stream):
        return
    for kind in ("X", "y"):
        pair = getattr(trained, kind), getattr(held_out, kind)
        for path, array, other in matched(f"fit with validation {kind}", *pair):
            if array.shape[1:] != other.shape[1:]:
                raise ShapeError(
                    f"fit with {kind}{path} {describe_one(array)} and validation "
                    f"{describe_one(other)}",
                    "their samples differ in shape",
                    f"Give validation {kind}{path} of shape {('n', *array.shape[1:])}",
                )


def _parted(samples: Any, share: Any, seed: int) -> tuple[Any, Any, Any]:
    """The samples to train on, those held out, and which of all the former are."""
    drawn, kept = _split(samples.n, share, seed)
    if isinstance(samples, Rows):
        mask = np.ones(samples.n, bool)
        mask[drawn] = False
        X, y, dtype = samples.X, samples.y, samples.dtype
        return Rows(X, y, dtype, kept=mask), Rows(X, y, dtype, "validation ", ~mask), mask
    held_out, trained = (
        Part(*map_tree(read_only, at((samples.X, samples.y), index))) for index in (drawn, kept)
    )
    return trained, held_out, kept


def _split(n: int, share: Any, seed: int) -> tuple[Any, Any]:
    """The indices of the validation samples, and those of the others, each in random order."""
    n_held_out = round(n * share) if 0 < share < 1 else 0
    if not 0 < n_held_out < n:
        raise ArgumentError(
            f"fit with validation={share}",
            f"of {n} samples that leaves none to train on, or none to validate with",
            "Give a share between 0 and 1, such as 0.2",
        )
    order = np.random.default_rng(seed).permutation(n)
    return order[:n_held_out], order[n_held_out:]
