"""What is done around calls of modules: evaluation by context, draws that are noted, and hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

from autograd_lite.arguments import require_takes
from autograd_lite.errors import describe_one
from autograd_lite.modes import SetForAWhile, draws, modes, recording, redraws

if TYPE_CHECKING:
    from nn.module import Module

watching_calls: ContextVar[Callable[[Any, Any], None] | None]
watching_calls = ContextVar("watching_calls", default=None)
"""Called with each module that is called in this thread or task, and what that returned."""


def drawn(draw: Callable[[], Any]) -> Any:
    """What a function draws, an array: a compiled step draws it anew, a checkpoint keeps it."""
    kept = redraws.get()
    array = None if kept is None else next(kept, None)
    if array is None:
        array = draw()
    if (noted := draws.get()) is not None:
        noted.append((array, draw))
    return array


class evaluation(SetForAWhile):  # noqa: N801 - used like no_grad
    """Record nothing, and have all modules compute as in evaluation mode, in this thread or task.

    A mode that is set inside holds inside: a model that several threads use is not changed.

    >>> from nn import Dropout
    >>> layer = Dropout(0.5)
    >>> with evaluation():
    ...     layer.training
    False
    >>> layer.training
    True
    """

    def _settings(self, key: Any) -> Iterable[tuple[ContextVar[Any], Any]]:
        return (modes, {}), (recording, False)


ForwardHook = Callable[[Any, tuple[Any, ...], Any], Any]

NAME = "_forward_hooks"
"""Of the attribute that they are in; it is no part of a copy or a file."""


class Hooks:
    """The hooks of a module in their order; another one where any is added or removed."""

    def __init__(self, *handles: HookHandle) -> None:
        self.handles = handles

    def applied(self, module: Module, inputs: tuple[Any, ...], output: Any) -> Any:
        """The output, or what a hook gave in its place."""
        for handle in self.handles:
            replaced = handle.hook(module, inputs, output)
            output = output if replaced is None else replaced
        return output


class HookHandle:
    """What removes a hook: `remove()`, or the end of a `with`."""

    def __init__(self, module: Module, hook: ForwardHook) -> None:
        attempted = f"register_forward_hook of {type(module).__name__} with {describe_one(hook)}"
        require_takes(hook, 3, attempted, "Write def hook(module, inputs, output)")
        self.module, self.hook = module, hook
        self._set(*self._others(), self)

    def _others(self) -> list[HookHandle]:
        hooks = vars(self.module).get(NAME)
        return [] if hooks is None else [handle for handle in hooks.handles if handle is not self]

    def _set(self, *handles: HookHandle) -> None:
        if handles:
            vars(self.module)[NAME] = Hooks(*handles)
        else:
            vars(self.module).pop(NAME, None)

    def remove(self) -> None:
        """Have the hook not be called any more; a second time does nothing."""
        self._set(*self._others())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()
