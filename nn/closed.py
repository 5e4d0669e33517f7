"""Objects of the library whose attributes are those that they have: others are refused."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from autograd_lite.errors import MissingNameError, describe_one
from autograd_lite.names import Elsewhere

PACKAGES = ("autograd_lite", "nn", "viz")


class Closed:
    """Base of optimizers, schedules, losses and callbacks.

    An attribute that the classes here do not have would be read by nothing, so assigning it, with
    another library's name or a misspelled one, is refused. Classes of one's own may have any, a
    bare `Callback`, whose hooks may be assigned, too, and so may each name with an underscore.

    Python looks for Ctrl-C where this is called: what has to be assigned at once, with something
    else, is assigned by `object.__setattr__`, or to `__dict__`.
    """

    if not TYPE_CHECKING:  # or type checkers, which refuse them, too, would take any name

        def __setattr__(self, name: str, value: Any) -> None:
            is_known = name in self.__dict__ or hasattr(type(self), name)
            if not is_known and not name.startswith("_"):
                kind, assigning = type(self), sys._getframe(1).f_globals.get("__name__", "")
                is_closed = _is_ours(kind.__module__) and Closed not in kind.__bases__
                # What the library itself assigns is an attribute from then on.
                if is_closed and not _is_ours(assigning):
                    raise unknown_attribute(self, name, value)
            super().__setattr__(name, value)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


def unknown_attribute(owner: Any, name: str, value: Any) -> MissingNameError:
    """The error for an attribute that nothing reads, with the one that may be meant."""
    import difflib

    from autograd_lite.elsewhere import KEYWORDS

    kind, elsewhere = type(owner), inspect.getattr_static(type(owner), name, None)
    fields = (field for field in getattr(kind, "_fields", ()) if hasattr(owner, field))
    own_names = getattr(owner, "__slots__", None) or vars(owner)
    known = [own for own in dict.fromkeys([*fields, *own_names]) if not own.startswith("_")]
    similar = [*KEYWORDS.get(name, "").split(), *difflib.get_close_matches(name, known, 1)]
    here = next((each for each in similar if each in known), None)
    remedy = f"Write {kind.__name__}.{here}" if here else f"It has {', '.join(known) or 'none'}"
    if isinstance(elsewhere, Elsewhere):
        remedy = f"Write {elsewhere.here}"
    attempted = f"{kind.__name__}.{name} = {describe_one(value)}"
    return MissingNameError(
        attempted, "it has no such attribute, and nothing would read it", remedy
    )
