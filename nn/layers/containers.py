"""Modules that are made of modules: Sequential and Residual."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, overload

from autograd_lite import Tensor
from autograd_lite.arguments import is_whole
from autograd_lite.errors import (
    ArgumentError,
    IndexingError,
    ShapeError,
    UnsupportedError,
    describe_one,
)
from autograd_lite.names import explains_keywords
from nn.architecture import register
from nn.layers.activations import Function
from nn.layers.inputs import require_input
from nn.module import Module, require_model

if TYPE_CHECKING:
    from typing_extensions import TypeVarTuple, Unpack

    from autograd_lite.typing import ArrayLike, Forward

    GivesTensor = TypeVar("GivesTensor", bound=Forward[..., Tensor])
    Rest = tuple[Any, ...]
    Layers = TypeVarTuple("Layers", default=Unpack[Rest])
else:  # without the default, which that of Python 3.13 has
    from typing import TypeVarTuple

    Layers = TypeVarTuple("Layers")
Layer = TypeVar("Layer", bound=Module)


@register
class Sequential(Module, Generic[*Layers]):
    """Modules and functions applied one after the other.

    A function, such as `np.tanh`, becomes a layer by `Function`. `model[0]` is a layer, `model[:2]`
    a Sequential that shares these layers with the model. Layers are replaced, removed and inserted
    as in a list: `model[-1] = Dense(16, 3)`, `del model[-1]`, `model.insert(1, ReLU())`. An
    optimizer that was made before keeps the parameters of that time.

    >>> import numpy as np
    >>> from nn import Dense
    >>> model = Sequential(Dense(2, 3, activation="relu"), Dense(3, 1))
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight', '0.bias', '1.weight', '1.bias']
    >>> Sequential(Dense(2, 3), np.tanh, Dense(3, 1))[1:]
    Sequential(
      0: Function(tanh)
      1: Dense(3, 1)  # 4 parameters
    )  # 4 parameters
    """

    def __init__(self, *layers: *Layers) -> None:
        given: tuple[Any, ...] = layers
        self.layers = [self._layer(index, layer) for index, layer in enumerate(given)]

    def _opened(self, attributes: Any) -> Iterator[tuple[str, Any]]:
        opened = super()._opened(attributes)
        return ((name.removeprefix("layers."), item) for name, item in opened)

    @overload
    def forward(self: Sequential[*Rest, GivesTensor], *inputs: Any, **named: Any) -> Tensor: ...
    @overload
    def forward(self, *inputs: Any, **named: Any) -> Any: ...
    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Apply the layers in turn, the first one to any arguments."""
        if not self.layers:
            (x,) = inputs
            return x
        x = self.layers[0](*inputs, **named)
        for layer in self.layers[1:]:
            x = layer(x)
        return x

    def _layer(self, index: int, layer: Any) -> Module:
        """What is given as a layer, as a module that does not hold this one."""
        if callable(layer) and not isinstance(layer, Module | type):
            return Function(layer)
        if isinstance(layer, list | tuple | dict):
            raise UnsupportedError(
                f"Sequential with layer {index}: {describe_one(layer)}",
                "it is no module, and layers are given one by one",
                "Write Sequential(*layers), of a dict Sequential(*layers.values())",
            )
        require_model(layer, f"Sequential with layer {index}:")
        if any(part is self for _, part in layer.named_modules()):
            raise ArgumentError(
                f"Sequential with layer {index}: {type(layer).__name__}",
                "it holds the Sequential itself, so that calling it would never end",
                "Give another layer",
            )
        return layer  # type: ignore[no-any-return] # checked above to be a module

    @explains_keywords
    def append(self, layer: Module | Callable[[Any], Any]) -> Self:
        """Add a layer at the end.

        Raises:
            UnsupportedError: it is neither a module nor a function.
            ArgumentError: it holds this Sequential.
        """
        index = len(self.layers)
        self.layers.append(self._layer(index, layer))
        self._name_new(f"layers.{index}", self.layers[index])
        return self

    @explains_keywords
    def extend(self, layers: Iterable[Module | Callable[[Any], Any]]) -> Self:
        """Add layers at the end; those of another Sequential then belong to both."""
        if not isinstance(layers, Iterable):
            raise UnsupportedError(
                f"Sequential.extend with {describe_one(layers)}",
                "it is no sequence of layers",
                "Write append(layer) for a single one",
            )
        for layer in [self._layer(index, layer) for index, layer in enumerate(layers, len(self))]:
            self.append(layer)
        return self

    @explains_keywords
    def insert(self, index: int, layer: Module | Callable[[Any], Any]) -> Self:
        """Insert a layer before the one with this index, which may be the number of layers."""
        if not is_whole(index) or not -len(self) <= index <= len(self):
            raise self._no_layer(index)
        before = operator.index(index) % len(self) if index < 0 else operator.index(index)
        self.layers = [*self.layers[:before], self._layer(before, layer), *self.layers[before:]]
        return self

    @explains_keywords
    def pop(self, index: int = -1) -> Module:
        """Remove a layer, by default the last one, and return it."""
        if not is_whole(index):
            raise self._no_layer(index)
        taken: Module = self[index]
        del self[index]
        return taken

    def __setitem__(self, index: int, layer: Module | Callable[[Any], Any]) -> None:
        if not is_whole(index) or not -len(self) <= index < len(self):
            raise self._no_layer(index)
        layers = [*self.layers]
        layers[index] = self._layer(index, layer)
        self.layers = layers

    def __delitem__(self, index: int | slice) -> None:
        layers = [*self.layers]
        try:
            del layers[index]
        except (IndexError, TypeError) as error:
            raise self._no_layer(index) from error
        self.layers = layers

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        joined = Sequential()
        joined.layers.extend([*self.layers, *other.layers])  # which keep their names
        return joined

    def __len__(self) -> int:
        return len(self.layers)

    @overload
    def __getitem__(self: Sequential[Layer, *Rest], index: Literal[0]) -> Layer: ...
    @overload
    def __getitem__(self: Sequential[Any, Layer, *Rest], index: Literal[1]) -> Layer: ...
    @overload
    def __getitem__(self: Sequential[Any, Any, Layer, *Rest], index: Literal[2]) -> Layer: ...
    @overload
    def __getitem__(self: Sequential[*Rest, Layer], index: Literal[-1]) -> Layer: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Any:
        try:
            if isinstance(index, slice):
                part = Sequential()
                part.layers.extend(self.layers[index])  # which keep their names
                return part
            return self.layers[index]
        except (IndexError, TypeError) as error:
            raise self._no_layer(index) from error

    def _no_layer(self, index: Any) -> IndexingError:
        return IndexingError(
            f"Sequential[{describe_one(index)}]",
            f"it has {len(self)} layers",
            "Give the number of one of them, counted from 0, or a slice",
        )


@register
class Residual(Module):
    """block(x) + x, a skip connection; or block(x) + projection(x).

    He et al., "Deep residual learning for image recognition", 2016.

    Args:
        block: a module whose result has the shape of x, or that of the projection's result.
        projection: a module, such as `Dense(2, 8, bias=False)`, where the block changes the shape.

    Raises:
        UnsupportedError: either is not a module.

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

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of a shape that the block takes.

        Raises:
            ShapeError: the two terms have different shapes.
        """
        x = require_input(self, x)
        skipped = x if self.projection is None else self.projection(x)
        result = self.block(x)
        if result.shape != skipped.shape:
            raise ShapeError(
                f"Residual of {describe_one(x)}",
                f"the block gives shape {result.shape}, and what skips it has {skipped.shape}",
                "Give a projection to the block's shape: "
                "Residual(block, projection=nn.Dense(in_features, out_features, bias=False))",
            )
        return result + skipped  # type: ignore[no-any-return] # functions of tensors give Any
