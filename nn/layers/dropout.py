"""Layers that leave entries, or channels, out at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite import Tensor, dropout
from autograd_lite.arguments import FRACTION
from autograd_lite.foreign import beside
from nn.architecture import register
from nn.calls import drawn
from nn.declared import declared
from nn.layers.inputs import require_images, require_input
from nn.module import Module
from nn.random_state import generator

if TYPE_CHECKING:
    from autograd_lite.typing import ArrayLike


def dropped(x: Any, p: float, rng: Any, shape: tuple[int, ...]) -> Any:
    """x without some of the parts that the entries of a shape stand for, in a noted draw."""
    return dropout(x, beside(drawn(lambda: rng.random(shape) >= p), x), p)


class _Dropout(Module):
    """What layers have in common that leave entries out."""

    p: float = declared(FRACTION, default=0.5)
    _rng: np.random.Generator | int | None = declared(default=None, alias="rng")

    def _set_up(self, rng: Any) -> None:
        self.rng = generator(rng, type(self).__name__)

    def _dropped(self, x: Any, shape: tuple[int, ...]) -> Tensor:
        """x, in training without some of the parts that the entries of a shape stand for."""
        if not self.training or self.p == 0:
            return x  # type: ignore[no-any-return] # functions of tensors give Any
        return dropped(x, self.p, self.rng, shape)  # type: ignore[no-any-return] # functions of tensors give Any


@register
class Dropout(_Dropout):
    """Inverted dropout: in training each entry is 0 with probability p, else divided by 1 - p.

    Srivastava et al., "Dropout", 2014.

    Args:
        p: probability of dropping, 0 <= p < 1.
        rng: a `numpy.random.Generator`, or a seed for one; by default that of `nn.manual_seed`.

    Raises:
        ArgumentError: p is out of its range.
        UnsupportedError: rng is neither a generator nor a seed.

    >>> layer = Dropout(0.5, rng=0)
    >>> layer(Tensor(np.ones(6))).data
    array([2., 0., 0., 0., 2., 2.])
    >>> layer.eval()(Tensor(np.ones(6))).data
    array([1., 1., 1., 1., 1., 1.])
    """

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of any shape."""
        x = require_input(self, x)
        return self._dropped(x, x.shape)


@register
class Dropout2d(_Dropout):
    """Inverted dropout of whole channels: in training each is 0 with probability p.

    Tompson et al., "Efficient object localization using convolutional networks", 2015.
    Arguments are those of `Dropout`.

    >>> layer = Dropout2d(0.5, rng=0)
    >>> layer(Tensor(np.ones((1, 3, 1, 2)))).data[0, :, 0]
    array([[2., 2.],
           [0., 0.],
           [0., 0.]])
    """

    def forward(self, x: ArrayLike) -> Tensor:
        """Apply to x of shape (n, channels, ...).

        Raises:
            ShapeError: x has other axes.
            UnsupportedError: x is not an array of real numbers.
        """
        x = require_images(self, x, None)
        return self._dropped(x, (*x.shape[:2], *(1,) * (x.ndim - 2)))
