"""Modules that are made of modules: Sequential and Residual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from autograd_lite import Tensor
from autograd_lite.errors import IndexingError, ShapeError, describe_one
from nn.architecture import register
from nn.module import Module, require_input, require_model


@register
class Sequential(Module):
    """Modules applied one after the other.

    >>> from nn import Dense
    >>> model = Sequential(Dense(2, 3, activation="relu"), Dense(3, 1))
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight', '0.bias', '1.weight', '1.bias']
    """

    def __init__(self, *layers: Module) -> None:
        for index, layer in enumerate(layers):
            require_model(layer, f"Sequential with layer {index}:")
        self.layers = list(layers)

    def _members(self) -> Iterator[tuple[str, Any]]:
        return ((name.removeprefix("layers."), item) for name, item in super()._members())

    def forward(self, x: Any) -> Tensor:
        """Apply the layers in turn."""
        for layer in self.layers:
            x = layer(x)
        return x  # type: ignore[no-any-return]

    def append(self, layer: Module) -> Self:
        """Add a layer at the end.

        Raises:
            UnsupportedError: it is no module.
        """
        require_model(layer, f"Sequential with layer {len(self)}:")
        self.layers = [*self.layers, layer]
        return self

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Module:
        try:
            return self.layers[index]
        except (IndexError, TypeError) as error:
            raise IndexingError(
                f"Sequential[{describe_one(index)}]",
                f"it has {len(self)} layers",
                "Give the number of one of them, counted from 0",
            ) from error


@register
class Residual(Module):
    """block(x) + x, a skip connection; or block(x) + projection(x).

    He et al., "Deep residual learning for image recognition", 2016.

    Args:
        block: a module whose result has the shape of x, or that of the projection's result.
        projection: a module, such as `Dense(2, 8, bias=False)`, where the block changes the shape.

    Raises:
        UnsupportedError: either is no module.

    >>> import numpy as np
    >>> from nn import Dense
    >>> Residual(Dense(2, 2, weight_init="zeros"))(np.array([[1.0, 2.0]])).data
    array([[1., 2.]])
    """

    def __init__(self, block: Module, projection: Module | None = None) -> None:
        require_model(block, "Residual with block")
        if projection is not None:
            require_model(projection, "Residual with projection")
        self.block = block
        self.projection = projection

    def forward(self, x: Any) -> Tensor:
        """Apply to x of a shape that the block takes.

        Raises:
            ShapeError: what is to be added has two shapes.
        """
        require_input(self, x)
        skipped = x if self.projection is None else self.projection(x)
        result = self.block(x)
        if result.shape != skipped.shape:
            raise ShapeError(
                f"Residual of {describe_one(x)}",
                f"the block gives shape {result.shape}, and what skips it has {skipped.shape}",
                "Give a projection to the block's shape: "
                "Residual(block, projection=nn.Dense(in_features, out_features, bias=False))",
            )
        return result + skipped
