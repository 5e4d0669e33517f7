"""Tests that loop over their cases: pytest's own part of a test takes longer than many a case."""

import functools
import inspect
from collections.abc import Iterable

import pytest


def raise_named(failures):
    """Raise an error that says what failed, if anything did: texts, with their errors."""
    if failures:
        raise AssertionError("\n".join(text for text, _ in failures)) from failures[0][1]


def looped(names, cases, ids=None):
    """As `pytest.mark.parametrize`, but one test: it runs all cases, and names those that fail.

    For tests of milliseconds that take nothing which a case may change for the next one.
    """
    names, cases = (names,) if isinstance(names, str) else names, [*cases]
    told = [*ids] if isinstance(ids, Iterable) else [*map(ids or repr, cases)]

    def decorate(test):
        @functools.wraps(test)
        def run(**others):
            failures = []
            for number, case in enumerate(cases):
                values = case if len(names) > 1 else [case]
                try:
                    test(**dict(zip(names, values, strict=True)), **others)
                except (Exception, pytest.fail.Exception) as error:
                    failures.append((f"{', '.join(names)} = {told[number]}: {error}", error))
            raise_named(failures)

        assert cases, "there is none"
        signature = inspect.signature(test)
        rest = [value for name, value in signature.parameters.items() if name not in names]
        run.__signature__ = signature.replace(parameters=rest)
        return run

    return decorate
