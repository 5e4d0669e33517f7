"""Tensors in einops (https://einops.rocks), from the moment that it is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from autograd_lite.node import Node


def register_when_imported() -> None:
    """Make tensors known to einops: now if it is imported, else when it is."""
    if "einops" in sys.modules:
        register()
    else:
        sys.meta_path.insert(0, _WhenImported())


def register() -> None:
    """Define the backend, which einops finds among the subclasses of its own.

    It is NumPy's, whose functions tensors record.
    """
    from einops._backends import NumpyBackend

    class TensorBackend(NumpyBackend):
        framework_name = "autograd_lite"

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, Node)

    # Subclasses are kept weakly.
    register.backend = TensorBackend  # type: ignore[attr-defined] # an attribute of a function


class _WhenImported:
    """Finds einops as it is found otherwise, once, and registers after it has run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "einops":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            loader, execute = spec.loader, spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                register()

            loader.exec_module = exec_module  # type: ignore[method-assign] # of this loader alone
        return spec
