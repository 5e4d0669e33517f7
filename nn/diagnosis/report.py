"""The report of what is wrong with a training, one paragraph for each finding."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from autograd_lite.cells import LEFT, html_table

WIDTH = 88
"""Characters in a line of the text."""
NOTHING = "nothing found"
IMBALANCED = "imbalanced classes"
NOTES = (IMBALANCED,)
"""Names of findings that are no fault: what to know of the data."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its name, where it is, and the figure beyond its threshold."""

    name: str
    where: tuple[str, ...]
    """Names of layers or parameters, or what else it is about."""
    figure: float
    threshold: float
    meaning: str
    remedy: str

    def __str__(self) -> str:
        name, where, measured, remedy = self._parts()
        note = "note: " if self.name in NOTES else ""
        text = f"{note}{name} ({where}): {measured} {remedy}"
        return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)

    def _parts(self) -> tuple[str, str, str, str]:
        measured = f"Figure {self.figure:.3g}, threshold {self.threshold:g}."
        return self.name, listed(self.where), f"{self.meaning} {measured}", self.remedy


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """The findings of `diagnose`: true if there are only notes, and text when printed.

    >>> print(Diagnosis([]))
    nothing found
    >>> bool(Diagnosis([]))
    True
    """

    findings: list[Finding]

    def __bool__(self) -> bool:
        return all(finding.name in NOTES for finding in self.findings)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.findings)) or NOTHING

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.findings:
            return f"<p>{NOTHING}</p>"
        head = "finding", "where", "what it means", "what helps"
        return html_table(head, (finding._parts() for finding in self.findings), style=LEFT)


def listed(names: Iterable[str], limit: int = 6) -> str:
    """Names with commas; of many the first ones and the last.

    >>> listed("abcdefgh")
    'a, b, c, d, ..., h'
    """
    names = list(names)
    if len(names) > limit:
        names = [*names[: limit - 2], "...", names[-1]]
    return ", ".join(names)
