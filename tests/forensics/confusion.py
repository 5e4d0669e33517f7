"""How often the diagnosis finds what was planted: a table of planted by found kinds.

Run it for all cases, or for so many of each kind: python tests/forensics/confusion.py [40]
"""

import sys
from collections import Counter, defaultdict
from typing import NamedTuple

import by_hand_arrays
import by_hand_formulas
import by_hand_kinks
import by_hand_normalization
import by_hand_paths
import by_hand_rows
import by_hand_uses
import by_hand_ways
import numpy as np
from cases import in_every_layer, in_words, is_answer, pairs
from networks import dense_networks
from recorded import dense_group

from autograd_lite import compare_gradients

SUBJECTS = {
    by_hand_paths: 3,
    by_hand_normalization: 3,
    by_hand_kinks: 3,
    by_hand_formulas: 1,
    by_hand_arrays: 1,
    by_hand_rows: 1,
    by_hand_uses: 1,
    by_hand_ways: 1,
}
"""How often the networks of each are made, with other numbers."""


class Outcome(NamedTuple):
    """A case, its first explanation if there is one, and whether that is right."""

    case: object
    explanation: object
    right: bool
    called_wrong: bool

    @property
    def found_kind(self):
        if self.explanation is None:
            return "nothing"
        return in_words(self.explanation.mistakes)


def dense_groups(dtype=np.float64, layers=4):
    """Of the networks of at most so many layers."""
    networks = [(network, m) for network, m in dense_networks() if network.depth <= layers]
    return [dense_group(network, m, dtype) for network, m in networks]


def all_groups(layers=4):
    found = dense_groups(layers=layers)
    for subject, seeds in SUBJECTS.items():
        found += [group for seed in range(seeds) for group in subject.groups(seed)]
    return found


def single_mistakes(groups, per_kind=None):
    """All distinguishable cases, or at most so many of each kind, from all over the groups."""
    by_kind = defaultdict(list)
    for group in groups:
        for case in group.cases:
            if case.distinguishable:
                by_kind[case.kind].append(case)
    return [case for cases in by_kind.values() for case in sample(cases, per_kind)]


def double_mistakes(groups, per_group=1):
    rng = np.random.default_rng(0)
    found = [case for group in groups for case in pairs(group, rng, per_group)]
    return [case for case in found if case.distinguishable]


def mistakes_in_loops(groups):
    return [case for group in groups for case in in_every_layer(group)]


def sample(cases, number):
    """So many of them, or all."""
    if number is None or number >= len(cases):
        return cases
    rng = np.random.default_rng(0)
    return [cases[i] for i in sorted(rng.choice(len(cases), number, replace=False))]


def outcome(case):
    report = compare_gradients(case.group.loss, case.manual())
    first = report.explanations[0] if report.explanations else None
    return Outcome(case, first, is_answer(case, first), not report)


def share_right(outcomes):
    return sum(each.right for each in outcomes) / len(outcomes)


def table(outcomes):
    """Text: a row for each planted kind, with how many are right and what the others became."""
    counts = Counter((each.case.kind, each.found_kind, each.right) for each in outcomes)
    kinds = sorted({kind for kind, _, _ in counts})
    width = max(map(len, kinds))
    lines = [f"{'planted':{width}}  right  of    else found as (* right kind, wrong place)"]
    for kind in kinds:
        row = {key[1:]: n for key, n in counts.items() if key[0] == kind}
        right = sum(n for (_, is_right), n in row.items() if is_right)
        wrong = {found: n for (found, is_right), n in row.items() if not is_right}
        others = ", ".join(
            f"{found}{'*' * (found == kind)} {n}"
            for found, n in sorted(wrong.items(), key=lambda item: -item[1])
        )
        lines.append(f"{kind:{width}}  {right:5}  {sum(row.values()):5} {others}".rstrip())
    total = f"{sum(each.right for each in outcomes):5}  {len(outcomes):5}"
    lines.append(f"{'all':{width}}  {total} {share_right(outcomes):.1%}")
    return "\n".join(lines)


def main(per_kind=None):
    groups = all_groups()
    for title, cases in (
        ("One mistake", single_mistakes(groups, per_kind)),
        ("Two mistakes", sample(double_mistakes(groups), per_kind)),
        ("The same mistake in every layer", sample(mistakes_in_loops(groups), per_kind)),
    ):
        print(f"{title}\n{table([outcome(case) for case in cases])}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
