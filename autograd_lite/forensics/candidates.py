"""All mistakes that are looked for: a kind is one entry in a table, those made most often first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from autograd_lite.forensics import (
    array_mistakes,
    deltas,
    formula_mistakes,
    group_mistakes,
    joint_mistakes,
    loops,
    masks,
    other_data,
    other_forward,
    penalties,
    step_mistakes,
    sums,
    terms,
    updates,
    uses,
    value_mistakes,
    weighted_errors,
    wholes,
    windows,
)
from autograd_lite.forensics.candidate import FACTOR, Candidate, StepMistakes, scaled, with_strength
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.place import Place, Wrong
from autograd_lite.forensics.replay import Graph

LONG = 500
"""Steps of a graph from which on mistakes in single steps are tried last."""
FEW = 50
"""Steps of a long graph that may be tried first."""
FEW_ALIKE = 4
"""Steps, or roles of them in a loop, of which all subsets are tried."""

USUAL: tuple[Callable[[Graph, Place], StepMistakes], ...] = (
    step_mistakes.dropout,
    step_mistakes.forgotten_or_twice,
    step_mistakes.shortcut,
    step_mistakes.transposed,
)
"""Mistakes in one step that are made most often."""
IN_ONE_STEP: tuple[Callable[[Graph, Place], StepMistakes], ...] = (
    formula_mistakes.formulas,
    step_mistakes.misplaced,
    step_mistakes.kinks,
    step_mistakes.another_derivative,
    step_mistakes.reshaped,
    value_mistakes.other_values,
    formula_mistakes.softmax,
    formula_mistakes.whole_losses,
    formula_mistakes.of_kinks,
    formula_mistakes.of_quotients,
    formula_mistakes.inner_derivative,
    formula_mistakes.cotangent_lost,
    formula_mistakes.statistics,
    sums.shares,
    windows.convolutions,
    array_mistakes.some_entries,
    array_mistakes.spread,
    array_mistakes.copies,
    array_mistakes.repeated_indices,
    array_mistakes.shifted,
    array_mistakes.arrives_transposed,
    array_mistakes.index_forgotten,
    array_mistakes.indices_exchanged,
    array_mistakes.other_indices,
    sums.sent_over_mean,
    sums.other_sums,
    sums.contracted_elsewhere,
    sums.counted_once,
    sums.same_for_all,
    uses.wrong_cotangent,
    uses.values_for_cotangents,
    uses.own_term,
    uses.on_one_way,
    uses.past_the_slope,
    terms.of_one_summand,
    terms.past_a_block,
)
"""The other mistakes in one step."""
FREQUENT: tuple[Callable[[Case], Iterator[Candidate]], ...] = (
    uses.dropped_uses,
    loops.not_carried,
    loops.states_as_constants,
    loops.products_elsewhere,
    loops.steps_elsewhere,
    penalties.penalties,
    group_mistakes.statistics,
    group_mistakes.other_slopes,
    updates.updated_before,
    updates.updated_in_loop,
    group_mistakes.other_losses,
    other_data.other_data,
)
"""Mistakes in several steps that come before the others in one step."""
IN_SEVERAL_STEPS: tuple[Callable[[Case], Iterator[Candidate]], ...] = (
    loops.clipped,
    loops.forwards,
    group_mistakes.weights_of_terms,
    group_mistakes.widths_for_samples,
    group_mistakes.at_each_entry,
    other_data.other_arrays,
    uses.factors_alike,
    uses.decaying_uses,
    deltas.other_deltas,
    deltas.missing_parentheses,
    windows.windows_elsewhere,
    masks.some_samples,
    masks.other_masks,
    weighted_errors.weighted_errors,
    joint_mistakes.derivative_in_one_direction,
    joint_mistakes.slopes_before_products,
    joint_mistakes.skipped_layers,
    joint_mistakes.overlapping_windows,
    joint_mistakes.parts_exchanged,
    wholes.differentiated_as_a_whole,
    joint_mistakes.to_all_arguments,
    joint_mistakes.logarithms_of_sums,
    uses.skip_before_block,
    other_forward.targets_of_loops,
    windows.parts_of_loops,
    masks.clipped,
    masks.other_conditions,
    other_forward.masks,
    other_forward.other_activations,
    other_forward.maxima_for_logsumexp,
    other_forward.softmax_in_forward,
    penalties.other_penalties,
    terms.without_constants,
    terms.not_detached,
    terms.squares_of_sums,
    terms.products_regrouped,
    terms.weights_exchanged,
    other_data.elsewhere,
)
"""Mistakes in several steps, in the loss, or in the data."""


def _stages(case: Case) -> Iterator[Iterator[Candidate]]:
    places = case.graph.places
    yield uses.dropped_alike(case)
    yield group_mistakes.factors(case)
    yield from (_of_steps(mistakes, case, places) for mistakes in USUAL)
    yield from (mistakes(case) for mistakes in FREQUENT)
    yield from (_of_steps(mistakes, case, places) for mistakes in IN_ONE_STEP)
    yield from (mistakes(case) for mistakes in IN_SEVERAL_STEPS)


def candidates(case: Case, suspects: list[Place]) -> Iterator[Candidate]:
    """Every mistake at every step where it can be made: at one of them, or at all alike.

    What is made most often comes first. In a long record, what is in one step comes last, but for
    the steps that lead to the wrong gradients and to no others.
    """
    is_long = len(case.graph.places) >= LONG
    if is_long and len(suspects) < FEW:
        yield from (with_strength("factor", FACTOR, scaled, [p], neutral=1.0) for p in suspects)
        for mistakes in (*USUAL, *IN_ONE_STEP):
            yield from _of_steps(mistakes, case, suspects)
    single: list[Candidate] = []
    for candidate in itertools.chain.from_iterable(_stages(case)):
        if is_long and len(candidate.wrong) == 1:
            single.append(candidate)
        else:
            yield candidate
    yield from single


def _of_steps(
    mistakes: Callable[[Graph, Place], StepMistakes], case: Case, places: list[Place]
) -> Iterator[Candidate]:
    """Mistakes in one step, at all that are alike, and at each of them."""
    same: dict[Any, Wrong] = {}
    for place in places:
        counts: dict[Any, int] = {}
        for kind, what, vjp in mistakes(case.graph, place):
            counts[kind, what] = counts.get((kind, what), 0) + 1
            axes = 0 if place.traits.activation else place.node.ndim  # Activations have none.
            key = (kind, what, place.operation, place.slot, axes, counts[kind, what])
            same.setdefault(key, {})[place] = vjp
    for (kind, what, *_), wrong in same.items():
        several = _several_of(case.graph, [*wrong]) if len(wrong) > 1 else []
        for chosen in [*several, *([place] for place in wrong)]:
            yield Candidate(kind, what, {place: wrong[place] for place in chosen})


def _several_of(graph: Graph, own: list[Place]) -> list[list[Place]]:
    """All of some steps, and those of them that a mistake may be made in together."""
    roles = graph.alike_among(own)
    # Some of a few, as two of an LSTM's gates, in one step of it or in all.
    whole = [role for role in roles if not any({*role} < {*other} for other in roles)]
    some = [[*itertools.chain(*c)] for c in _some_of(whole)] + _some_of(own)
    groups = {tuple(group): group for group in [own, own[1:], *roles, *some]}
    return [group for group in groups.values() if len(group) > 1]


def _some_of(few: list[Any]) -> list[list[Any]]:
    """Two or more of up to four, but not all."""
    counts = range(2, len(few)) if len(few) <= FEW_ALIKE else ()
    return [[*some] for count in counts for some in itertools.combinations(few, count)]
