"""Weights that were updated already: in one product, in all, in a loop, in a new forward pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from autograd_lite.forensics.candidate import Candidate, Instead, with_strength
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import RATES
from autograd_lite.forensics.place import Place, Wrong, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.slips import Slip
from autograd_lite.forensics.value_mistakes import moved_again, moved_from
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

MOST_STEPS = 20
"""Steps of a loop whose weights are taken to be updated with each of the learning rates."""


class Use(NamedTuple):
    """A step that multiplies by weights."""

    place: Place
    slot: int  # of the weights, or of what they are rearranged to
    weights: Tensor
    moves: list[Tensor]  # that rearrange them, the last first

    def with_value(self, weights: Array, written: str = "") -> Instead:
        """The step with other weights."""
        return Instead(self.place, self.slot, moved_again(weights, self.moves), written)


def _uses(graph: Graph) -> list[Use]:
    found = []
    for place in graph.places:
        for slot, argument in place.others.items() if place.traits.product else ():
            leaf, moves = moved_from(argument) if is_recorded(argument) else (argument, [])
            if is_recorded(leaf) and leaf.operation is None:
                found.append(Use(place, slot, leaf, moves))
    return found


WORDS = "the weights are read after their update, W - learning_rate dW"


def updated_before(case: Case) -> Iterator[Candidate]:
    """The weights were updated with their gradient before: in one product, or in all."""
    uses = _uses(case.graph)

    def updated(chosen: Sequence[Use], rate: float) -> Wrong:
        wrong: Wrong = {}
        for use in chosen:
            # Updated with the gradient by hand, if there is one.
            right = case.graph.right[use.weights]
            by_hand: Any = case.manual.get(use.weights, right)
            update = by_hand if by_hand.shape == use.weights.shape else right
            written = "" if use.moves else f"({{0}} - {rate:.6g} * d{{0}})"
            wrong[use.place] = use.with_value(use.weights._array - rate * update, written)
        return wrong

    for chosen in [[use] for use in uses] + [uses] * (len(uses) > 1):
        number = "with learning_rate {:.6g}"
        yield with_strength("stale weights", WORDS, updated, chosen, neutral=0.0, number=number)


def updated_in_loop(case: Case) -> Iterator[Candidate]:
    """The weights of a loop were updated before, or are while it runs, with what they get."""
    graph, uses = case.graph, _uses(case.graph)
    for leaf in graph.leaves:
        chosen = [use for use in uses if use.weights is leaf and not use.moves]
        own = [_step_to_weights(graph, use) for use in chosen]
        if not 2 <= len(chosen) <= MOST_STEPS or None in own:
            continue
        for rate in RATES:
            words = f"{WORDS}, in all steps, with learning_rate {rate:g}"
            value = leaf._array - rate * graph.right[leaf]
            wrong: Wrong = {use.place: use.with_value(value) for use in chosen}
            yield Candidate("stale weights", words, wrong)
            words = f"the weights are updated in each step of the loop, with learning_rate {rate:g}"
            for at_once in (True, False):
                yield Candidate("stale weights", words, _while_it_runs(chosen, own, rate, at_once))


def _step_to_weights(graph: Graph, use: Use) -> Place | None:
    of_node = graph.places_of[use.place.node]
    return next((place for place in of_node if place.argument is use.weights), None)


def _while_it_runs(uses: list[Use], own: list[Any], rate: float, at_once: bool) -> Wrong:
    """Weights less what they got by then; `at_once`, also less what the step itself gives."""
    got: list[Any] = []

    def with_updated(use: Use, step: Place, is_first: bool) -> Callable[..., Any]:
        def vjp(g: Array, *given: Any, **keywords: Any) -> Any:
            got[:] = [] if is_first else got
            before = sum(got)
            got.append(step.vjp(g, *given, **keywords))
            weights = use.weights._array - rate * (before + at_once * got[-1])
            return use.with_value(weights)(g, *given, **keywords)

        return vjp

    first = itertools.chain([True], itertools.repeat(False))
    return {use.place: with_updated(use, *rest) for use, *rest in zip(uses, own, first)}


def computed_after_updates(case: Case) -> list[Slip] | None:
    """The slip if what is wrong was computed anew with the updates of what is right."""
    fine = [t for t in case.manual if t not in case.wrong and t.operation is None]
    alike = all(case.manual[t].shape == t.shape and t.operation is None for t in case.wrong)
    for rate in RATES if fine and alike and case.graph.work <= LARGEST else ():
        if case.wrong <= _after_updates(case, fine, rate):
            words = (
                f"computed anew after {{0}} was updated, to {{0}} - {rate:g} d{{0}}: all gradients "
            )
            words += "are to be computed first, and only then all parameters updated"
            return [Slip("stale weights", words, tensors=case.wrong_ones, other=fine[0])]
    return None


LARGEST = 2_000_000
"""Entries of a graph that is run again with each learning rate."""


def _after_updates(case: Case, fine: Sequence[Tensor], rate: float) -> frozenset[Tensor]:
    """Whose gradients are those at updated weights: of all that is right by then, one by one."""
    graph, updated = case.graph, frozenset(fine)
    while not updated >= case.wrong:
        moved = {
            graph.program.inputs[t].number: lambda x, by=rate * case.manual[t]: x - by
            for t in updated
        }
        replay = graph.run_again(moved, graph.right)
        fitted = (case.fitted(replay) & case.wrong) - updated if replay else frozenset()
        if not fitted:
            break
        updated |= fitted
    return updated
