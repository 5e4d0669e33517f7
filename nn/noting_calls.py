"""Tensors remember which modules returned them, so that pictures can draw these around them."""

from __future__ import annotations

from typing import Any

from autograd_lite import Tensor
from autograd_lite.trees import leaves_of


def note_call(result: Any, module: Any, inputs: tuple[Any, ...], number: int) -> None:
    """Give the tensors in what a module returned their scope, but for those of before the call."""
    if not isinstance(result, Tensor):
        for leaf in leaves_of(result):
            if isinstance(leaf, Tensor):
                note_call(leaf, module, inputs, number)
        return
    if result.operation is None:
        return
    for given in inputs:
        if result is given:
            return
    before = getattr(result, "scope", None)
    if before is None or before[1] is None or before[2] > number:
        result.scope = module, inputs, number, before
