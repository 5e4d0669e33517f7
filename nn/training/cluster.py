"""Training on a cluster of Dask's: gradients of batches in parts, where the blocks of data lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.trees import leaves_of, rebuilt
from nn.losses.loss_function import is_of_the_whole
from nn.module import Module
from nn.optimizers.optimizer import Optimizer
from nn.random_state import generators
from nn.training.inputs import at, called, count, is_dask
from nn.training.samples import Samples, measuring, spread
from nn.training.sources import Batch, Rows

COMPARED = 8
"""Samples of which the loss is compared with that of their parts."""


class ClusterLostError(Exception):
    """The client no longer has a cluster."""


class ClusterRows(Rows):
    """Samples in blocks that the workers of a cluster hold."""

    def __init__(self, client: Any, rows: Rows) -> None:
        self.__dict__.update(rows.__dict__)
        self._client = client
        self._blocks = _held(client, rows)

    def batches(self, rng: np.random.Generator, size: int, together: int = 1) -> Iterator[Batch]:
        """The numbers of the rows of each batch: what one process would draw."""
        order = np.concatenate([*self.shuffled(rng)])
        size *= together
        return ((order[start : start + size],) for start in range(0, len(order), size))

    def each(self, function: Callable[..., Any], size: int) -> Iterator[Any]:
        """What a function makes of all samples, in batches of each block."""
        rows = [self._rows(block) for block in range(len(self._blocks))]
        yield from chain.from_iterable(self.parts(partial(_mapped, function), rows, size))

    def parts(self, function: Callable[..., Any], rows: Sequence[Any], size: int) -> list[Any]:
        """What workers make of some rows of each block: a function of batches of that size."""
        import cloudpickle
        import dask

        packed = cloudpickle.dumps((function, size))
        try:
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
                # As a task it is sent once, and made again where the worker that has it dies.
                held = self._client.submit(_same, packed, pure=False)
                futures = [
                    self._client.submit(_on_worker, held, *self._part(block, some), pure=False)
                    for block, some in enumerate(rows)
                    if len(some)
                ]
            return self._client.gather(futures)  # type: ignore[no-any-return] # Dask has no types
        except Exception as error:
            if self._client.status == "running" and type(error).__name__ not in CANCELLED:
                raise
            raise ClusterLostError(f"the cluster was lost: {error!r}") from error

    def _part(self, block: int, rows: Any) -> tuple[Any, ...]:
        numbers, weights = rows - self.bounds[block], None
        if self.weights is not None:
            weights = self.weights[rows]
        places = rebuilt((self.X, self.y), range(len(leaves_of((self.X, self.y)))))
        return (self.dtype, f"block {block} of ", numbers, weights, places), *self._blocks[block]


CANCELLED = ("CancelledError", "FutureCancelledError", "FuturesCancelledError")
"""What is raised for results that a cluster no longer has."""


class ClusterSteps:
    """Steps whose gradients are sums of parts that workers compute."""

    ran = "eager: parts of batches are computed on a cluster"
    are_whole = False

    def __init__(self, rows: ClusterRows, samples: Samples, model: Module):
        self._rows, self._samples = rows, samples
        self._model = model

    def loss(self, numbers: Any, targets: Any, share: float) -> float:
        """The loss of the rows of those numbers; their gradients are those of the parameters."""
        of_blocks = np.searchsorted(self._rows.bounds, numbers, side="right") - 1
        blocks = range(len(self._rows.bounds) - 1)
        rows = [numbers[of_blocks == block] for block in blocks]
        function = partial(_gradients, self._model, measuring(self._samples))
        summed = self._samples.is_sum
        shares = [1.0 if summed else len(some) / len(numbers) for some in rows if len(some)]
        losses, gradients = zip(*self._rows.parts(function, rows, len(numbers)))
        for parameter, parts in zip(self._model.parameters(), zip(*gradients)):
            terms = [part * share for part, share in zip(parts, shares) if part is not None]
            parameter.grad = sum(terms[1:], terms[0]).astype(parameter.dtype) if terms else None
        return float(sum(loss * share for loss, share in zip(losses, shares)))

    def show_gradients(self) -> None:
        """They are shown."""


def on_cluster(client: Any, samples: Samples, model: Module, optimizer: Optimizer) -> Samples:
    """The samples, where workers of the client hold them; an error where parts do not add up."""
    import sys

    distributed = sys.modules.get("distributed")
    if distributed is None or not isinstance(client, distributed.Client) or client.asynchronous:
        raise UnsupportedError(
            f"fit with client={describe_one(client)}",
            "it is no client of Dask's that waits for results",
            "Write client=dask.distributed.Client(address); pip install autograd-lite[distributed]",
        )
    trained, held_out = samples.trained, samples.validation
    if not isinstance(trained, Rows) or not all(map(is_dask, leaves_of(trained.X))):
        raise UnsupportedError(
            "fit with client and X",
            "its workers hold the blocks of Dask arrays, and X is something else",
            "Give dask.array.from_array(X, chunks=...), or read it by Dask",
        )
    if samples.augment is not None:
        raise UnsupportedError(
            "fit with client and augment",
            "batches are never in this process, and its generator draws in the order of samples",
            "Augment the Dask arrays, by X.map_blocks(...)",
        )
    if others := set(optimizer.parameters) - set(model.parameters()):
        raise ArgumentError(
            f"fit with client and an optimizer of {len(others)} parameters that the model lacks",
            "workers compute the gradients of the model's parameters",
            "Keep them in attributes of the model",
        )
    _require_parts(trained, samples, model)
    held = isinstance(held_out, Rows) and all(map(is_dask, leaves_of(held_out.X)))
    return replace(
        samples,
        trained=ClusterRows(client, trained),
        validation=ClusterRows(client, held_out) if held else held_out,  # type: ignore[arg-type] # rows, which have none
    )


def _require_parts(rows: Rows, samples: Samples, model: Module) -> None:
    """Raise unless the loss of a batch is known to be that of its parts."""
    attempted = f"fit of {type(model).__name__} with client"
    if drawing := list(generators(model)):
        raise UnsupportedError(
            attempted,
            f"{drawing[0]} draws at random, and would draw otherwise for each part of a batch",
            "Leave out such layers, or train in this process",
        )
    if buffers := [name for name, _ in model.named_buffers()]:
        raise UnsupportedError(
            attempted,
            f"{buffers[0]} is a buffer, which training changes by whole batches",
            "Normalize by LayerNorm, or train in this process",
        )
    batch = next(rows.in_order(COMPARED))
    n = count(batch[0], attempted)

    def share(start: int, stop: int) -> float:
        X, y, *weights = at(batch, slice(start, stop))
        loss = samples.loss_of(called(model, X), y, *weights)
        return samples.per_sample(loss.item(), stop - start) * (stop - start) / n

    def compared(rewind: object) -> bool:
        parts = [(0, n // 3), (n // 3, n)] if n > 2 else [(0, n)]
        whole, added = share(0, n), sum(share(*part) for part in parts)
        precision = max((np.finfo(p.dtype).eps for p in model.parameters()), default=1e-16)
        return bool(np.isclose(whole, added, rtol=1e4 * precision, atol=0))

    from nn.left_alone import call_left_alone

    if is_of_the_whole(samples.loss) or not call_left_alone(compared, model, samples.loss):
        raise UnsupportedError(
            attempted,
            "the loss of a batch is not the mean of the losses of its samples, so that it does not "
            "follow from those of parts",
            "Give a loss and a model by which each sample counts for itself",
        )


def _held(client: Any, rows: Rows) -> list[list[Any]]:
    """For each block the futures of its parts of all arrays."""
    from dask.array import from_array

    lengths = tuple(np.diff(rows.bounds).tolist())
    columns = []
    for leaf in leaves_of((rows.X, rows.y)):
        chunks = (lengths, *leaf.shape[1:])
        array = leaf.rechunk(chunks) if is_dask(leaf) else from_array(leaf, chunks)  # type: ignore[no-untyped-call] # Dask has no types
        blocks = client.persist(array).to_delayed(optimize_graph=False).ravel().tolist()
        columns.append(client.compute(blocks))
    return [list(block) for block in zip(*columns)]


# What workers run


def _same(packed: bytes) -> bytes:
    return packed


def _on_worker(packed: bytes, part: tuple[Any, ...], *arrays: Any) -> Any:
    import pickle

    function, size = pickle.loads(packed)
    dtype, kind, numbers, weights, places = part
    X, y = rebuilt(places, arrays)
    rows = Rows(X, y, dtype, kind)
    rows.weights = spread(weights, numbers, rows.n)
    return function(rows.some(numbers, size))


def _gradients(model: Module, samples: Samples, batches: Iterator[Batch]) -> Any:
    """The loss of the only batch, and its gradients."""
    ((X, y, *weights),) = batches
    loss = samples.loss_of(called(model, X), y, *weights)
    for parameter in model.parameters():
        parameter.grad = None
    loss.backward(leaves_only=True)
    return loss.item(), [parameter.grad for parameter in model.parameters()]


def _mapped(function: Callable[[Batch], Any], batches: Iterator[Batch]) -> list[Any]:
    return [*map(function, batches)]
